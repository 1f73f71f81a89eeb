"""Surrogates of one's own and steepness per neuron, in layers of every kind."""

import json

import numpy as np
import pytest
from samples import STACKS, make
from test_every_layer import assert_same_as_plain, squares

from snnlab import LIF, Network, SpikingClassifier, clinic, surrogate
from snnlab.kernels import lif
from snnlab.neurons import LeakyIntegrator
from snnlab.surrogate import OWN, own, slope


def tent(u, k):
    """A triangle that is as high as it is steep."""
    return np.maximum(0, k * (1 - k * np.abs(u)))


def like_sigmoid(u, k):
    return slope("sigmoid", u, k)


@pytest.fixture(autouse=True)
def as_before():
    known = dict(OWN)
    yield
    OWN.clear()
    OWN.update(known)


SOME = "dense", "conv", "shift", "recurrent between", "residual of convs", "normalised convs"


@pytest.mark.parametrize("fires", [False, True])
@pytest.mark.parametrize("stack", SOME)
def test_one_of_ones_own_equals_plain_numpy(stack, fires):
    for seed, kind in enumerate(("events", "values", "current")):
        network, inputs = make(
            stack,
            kind,
            surrogate=tent,
            seed=seed,
            fires=fires,
            steepness=0.5,
            learn=True,
            batch=(4, 35, 1)[seed],
        )
        assert network.neurons[0].surrogate == "tent"
        assert any(g.any() for g in assert_same_as_plain(network, inputs))


@pytest.mark.parametrize("stack", SOME)
def test_a_copy_of_one_that_is_known_gives_the_same(stack):
    own_, inputs = make(stack, surrogate=like_sigmoid)
    known, _ = make(stack, surrogate="sigmoid")
    one, two = (
        net.backward(trace, squares(trace.readout)[1]).flat
        for net in (own_, known)
        for trace in [net.forward(inputs)]
    )
    np.testing.assert_allclose(one, two, rtol=1e-9, atol=1e-9 * np.abs(two).max())


@pytest.mark.parametrize("name", surrogate.NAMES)
def test_neurons_that_differ_in_steepness_only(name):
    """Unit by unit what a layer of that steepness gives."""
    network, inputs = make("dense", surrogate=name, uniform=True, delays=0)
    trace, steep = network.forward(inputs), (0.5, 1.0, 2.0, 4.0, 8.0)
    readout = squares(trace.readout)[1]

    def first(k):
        neurons = [m.replace(steepness=k) if i == 0 else m for i, m in enumerate(network.neurons)]
        return network.replace(neurons=neurons).backward(trace, readout)[0]

    several = first(steep)
    for unit, k in enumerate(steep):
        np.testing.assert_allclose(several[:, unit], first(k)[:, unit], rtol=1e-12)


def test_files_tell_it_by_name(tmp_path):
    network, inputs = make("dense", surrogate=tent)
    network.save(tmp_path / "net.npz")
    again = Network.load(tmp_path / "net.npz")
    g = squares(network.forward(inputs).readout)[1]
    found, expected = (net.backward(net.forward(inputs), g).flat for net in (again, network))
    assert np.array_equal(found, expected)
    assert json.loads(json.dumps(network.to_dict()))["neurons"][0]["surrogate"] == "tent"
    del OWN["tent"]
    with pytest.raises(ValueError, match="surrogate must be one of 'superspike'"):
        Network.load(tmp_path / "net.npz")
    own(tent)
    assert Network.load(tmp_path / "net.npz").neurons == network.neurons


def test_an_estimator_takes_it():
    x, y = np.random.default_rng(0).random((40, 6)), np.arange(40) % 2
    neuron = LIF.brainscales2(surrogate=tent, steepness=(10.0, 20.0, 5.0))
    model = SpikingClassifier(neuron=neuron, hidden=3, epochs=2, n_steps=12, random_state=0)
    assert model.fit(x, y).network_.neurons[0] == neuron


def test_the_clinic_takes_it():
    network, inputs = make("dense", surrogate=tent, steep=True, seed=1, dtype=np.float32)
    clinic.examine(network, inputs, np.arange(len(inputs)) % 3)


def test_compiled_ones_do():
    from numba import njit

    @njit
    def compiled(u, k):
        return 1 / (1 + k * np.abs(u)) ** 2

    network, inputs = make("dense", surrogate=compiled, dtype=np.float64)
    assert network.neurons[0].surrogate == "compiled"
    assert_same_as_plain(network, inputs)


def tell(answer):
    def strange(u, k):
        return answer(u)

    return strange


@pytest.mark.parametrize(
    "answer, message",
    [
        (lambda u: 1.0, "what surrogate 'strange' returns must have shape"),
        (lambda u: u[:1], "what surrogate 'strange' returns must have shape"),
        (lambda u: u * np.nan, "what surrogate 'strange' returns"),
        (lambda u: "high", "what surrogate 'strange' returns"),
    ],
)
def test_what_makes_no_sense_is_refused(answer, message):
    network, inputs = make("dense", surrogate=tell(answer))
    trace = network.forward(inputs)
    with pytest.raises((TypeError, ValueError, FloatingPointError), match=message):
        network.backward(trace, np.ones_like(trace.readout))


@pytest.mark.parametrize(
    "change, message",
    [
        ({"surrogate": lambda u, k: u}, "surrogate must be a function with a name"),
        ({"surrogate": lambda u: u}, "surrogate must be a function"),
        ({"surrogate": 3}, "surrogate must be one of"),
        ({"surrogate": "tend"}, "surrogate must be one of"),
        ({"steepness": 0.0}, "steepness must be above 0"),
        ({"steepness": [1.0, -1.0]}, "steepness must be above 0"),
        ({"steepness": []}, "steepness must hold a value per neuron"),
    ],
)
def test_neurons_refuse_what_is_no_surrogate(change, message):
    with pytest.raises((TypeError, ValueError), match=message):
        LIF.brainscales2(**change)


def test_numbers_of_values_and_names_are_looked_at():
    readout = LeakyIntegrator(tau_mem=2.0, tau_syn=None, dt=1.0)
    neuron = LIF(tau_mem=2.0, tau_syn=None, dt=1.0, steepness=(1.0, 2.0))
    with pytest.raises(ValueError, match="steepness has 2 values for a layer of 5 neurons"):
        Network((6, 5, 3), neuron, readout=readout, n_steps=4, rng=0)

    def sigmoid(u, k):
        return u

    with pytest.raises(ValueError, match="must not be called 'sigmoid'"):
        own(sigmoid)
    with pytest.raises(ValueError, match="steepness must have shape"):
        slope("sigmoid", np.zeros((2, 3)), np.ones(2))


def test_every_kernel_knows_as_many():
    assert lif.GIVEN == len(surrogate.NAMES) and len(STACKS) > 40
