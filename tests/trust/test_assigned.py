"""What can be read but not assigned says so; nothing is half used, then saved."""

import copy
import pickle

import numpy as np
import pytest
from helpers import as_input, network, toy

from snnlab import Adam, ConstantCurrent, FixedMask, GradR, SpikeTrains, Substrate
from snnlab.currents import Values

READ = {
    "Network": (network, "weights parameters blocks layers neurons sizes shape_in stages n_steps "
                         "dtype weight_blocks spiking_readout dt"),
    "Substrate": (lambda: Substrate(3), "seed effects partition dead weight_limit weight_max"),
    "SpikeTrains": (lambda: as_input(toy(3, 0)[0]),
                    "start stop step unit n_steps n_units indptr events"),
    "ConstantCurrent": (lambda: ConstantCurrent(np.ones((2, 3)), 4), "n_units background events"),
    "Values": (lambda: Values(np.ones((2, 3, 4))), "n_units n_steps events"),
    "Trace": (lambda: network().forward(as_input(toy(3, 0)[0])),
              "v spikes hidden hidden_records dropout spiking_readout"),
    "LIF": (lambda: network().neurons[0], "tau_mem dt v_th gain delay decay_mem"),
    "CompressedNetwork": (lambda: network().compressed(), "spiking_readout dt nbytes"),
}  # fmt: skip


@pytest.mark.parametrize("kind", READ)
def test_it_cannot_be_assigned(kind):
    make, names = READ[kind]
    thing = make()
    for name in names.split():
        before = getattr(thing, name)
        with pytest.raises(AttributeError):
            setattr(thing, name, before)


def test_a_chips_factors_cannot_be_changed_unheard():
    """Where a network lies is kept from run to run: what is set later counts, too."""
    chip, net, x = Substrate.ideal(3), network(), as_input(toy(3, 0)[0])
    before = net.forward(x, on=chip)
    with pytest.raises(ValueError):
        chip.factors["gain_spread"][...] = 2
    with pytest.raises(TypeError):
        chip.factors["gain_spread"] = np.full(256, 2.0)
    for wrong in ({"gain_spread": np.ones(3)}, {"gain": np.ones(256)}, 3, {"gain_spread": "x"}):
        with pytest.raises((TypeError, ValueError), match="factors"):
            chip.factors = wrong
    with pytest.raises(ValueError):
        chip.dead[0] = True
    chip.factors = {"gain_spread": np.full(256, 2.0)}
    after = net.forward(x, on=chip)
    np.testing.assert_allclose(after.v[0][:, 0], 2 * before.v[0][:, 0], rtol=1e-5)


def test_events_cannot_be_changed_in_place():
    """Kernels check no bounds: events are right when they are made, and stay so."""
    trains = as_input(toy(5, 0)[0])
    net, before = network(), trains.to_dense()
    for name in ("start", "stop", "step", "unit"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(trains, name)[...] = 10**6
        with pytest.raises(ValueError, match="read-only"):
            getattr(trains[1:3], name)[0] = -1
    net.forward(trains)
    assert np.array_equal(trains.to_dense(), before)


def test_what_was_given_is_not_shared():
    step, unit, indptr = np.array([0, 1]), np.array([2, 0]), np.array([0, 2])
    x, y, tau = np.ones((2, 3), np.float32), np.ones((2, 3, 4), np.float32), np.array([1.0, 2.0])
    trains, current = SpikeTrains(indptr, step, unit, 3, 3), ConstantCurrent(x, 4)
    values, model = Values(y), network().neurons[0].replace(tau_mem=tau)
    masks = [np.ones(24, bool)]
    trace = network().forward(as_input(toy(3, 0)[0]), dropout=masks)
    for given in (step, unit, indptr, x, y, tau, masks[0]):
        given[...] = 0
    assert trains.step.tolist() == [0, 1] and trains.unit.tolist() == [2, 0]
    assert (current.x == 1).all() and (values.x == 1).all() and model.tau_mem == (1, 2)
    assert trace.dropout[0].all()
    net = network()
    weights = [np.array(w) for w in net.weights]
    other = net.replace(weights=weights)
    weights[0][...] = 0
    assert np.array_equal(other.weights[0], net.weights[0])


def test_effects_of_a_chip_are_read_only():
    chip = Substrate(3)
    with pytest.raises(TypeError):
        chip.effects["noise"] = 0
    assert chip.replace(noise=0).effects["noise"] == 0 and chip.effects["noise"] > 0
    for twin in (copy.deepcopy(chip), pickle.loads(pickle.dumps(chip))):
        assert twin.effects == chip.effects and repr(twin) == repr(chip)


@pytest.mark.parametrize("age", [-1, 1.5, 2**60, None, "1", True], ids=repr)
def test_ages_are_counts(age):
    chip = Substrate(3)
    with pytest.raises((TypeError, ValueError), match="age"):
        chip.age = age
    assert chip.age == 0


def test_networks_and_rules_survive_copying():
    net = network()
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net)), net.copy()):
        assert twin.n_steps == net.n_steps and np.array_equal(twin.parameters, net.parameters)
        assert np.shares_memory(twin.weights[0], twin.parameters)
    used = GradR(0.01, 0.6)
    used.begin(net, 1, 1)
    twin = copy.deepcopy(used)
    assert twin.owner() is None and twin.rebind(net.copy()) is twin


# state that belongs to a network ------------------------------------------------------------------


def gradients(net):
    return [np.full(w.shape, 1e-3, w.dtype) for w in net.weights]


@pytest.mark.parametrize("make", [lambda: GradR(lr=0, alpha=0), Adam], ids=["Grad R", "Adam"])
def test_a_second_network_is_refused_whatever_is_called(make):
    first, second = network(), network(seed=1)
    used = make()
    used.begin(first, 1, 1)
    used.step(first, gradients(first))
    before = second.parameters.copy()
    for call in (
        lambda: used.step(second, gradients(second)), lambda: used.begin(second, 1, 1),
        lambda: used.claim(second),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="rebind"):
            call()
    assert np.array_equal(second.parameters, before)
    twin = first.copy()
    used.rebind(twin).step(twin, gradients(twin))
    with pytest.raises(ValueError, match="rebind"):
        used.step(first, gradients(first))


def test_a_rule_rebound_to_another_network_of_its_size_notices():
    first, second = network(), network(seed=1)
    rule = FixedMask(0.01, 0.6, rng=0)
    rule.step(first, gradients(first))
    assert all((w == 0).any() for w in first.weights)
    rule.rebind(second)
    with pytest.raises(ValueError, match="not 0"):
        rule.step(second, gradients(second))


def test_an_optimizer_is_not_shared_by_two_trainings():
    from helpers import train

    x, labels = toy(30, 1)
    inputs, adam = as_input(x), Adam()
    train(network(inputs), inputs, labels, epochs=1, rng=0, optimizer=adam)
    with pytest.raises(ValueError, match="another network"):
        train(network(inputs), inputs, labels, epochs=1, rng=0, optimizer=adam)
