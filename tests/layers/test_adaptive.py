"""`AdaptiveLIF`: its equations, its gradients in all layers that take it, and who refuses it.

(`samples.Plain` runs it on `snnlab.textbook`, which is tried against finite differences here.)
"""

import json

import numpy as np
import pytest
import reference
from samples import DENSE_ONLY, Shift, assert_threads_change_no_bit, make
from test_every_layer import assert_same_as_plain

import snnlab
from snnlab import (
    LIF,
    Adam,
    AdaptiveLIF,
    Network,
    SpikeTrains,
    SpikingClassifier,
    clinic,
    energy,
    rewiring,
    surrogate,
    textbook,
    train,
)
from snnlab.kernels import recurrent
from snnlab.layers import BatchNorm, Conv, Delayed, Dense, Recurrent, constants
from snnlab.rewiring import compressed

ADAPTIVE = AdaptiveLIF(tau_mem=5.0, tau_syn=3.0, dt=1.0, tau_adapt=12.0, coupling=0.1, jump=0.4)
STACKS = {
    "dense": ((6,), 5, 3),
    "two dense": ((6,), 70, 5, 3),
    "recurrent": ((6,), Recurrent(5), 4, 3),
    "wide recurrent": ((6,), 4, Recurrent(70), 3),
    "delayed": ((6,), 5, Delayed(4, 3.0), 3),
    "ones own": ((6,), Shift(), 5, 3),
    "above convolutions": ((4, 4, 1), Conv(2), 5, 3),
}


def adapting(neuron, rng, n=None):
    """The same neuron, with an adaptation; with ``n`` one per unit."""
    draw = (lambda low, high: rng.uniform(low, high, n)) if n else rng.uniform
    own = neuron.to_dict()
    del own["kind"]
    more = {"tau_adapt": draw(4, 20), "coupling": draw(0, 0.2), "jump": draw(0.1, 0.8)}
    return AdaptiveLIF(**own, **more)


def adaptive(stack, kind="events", *, seed=0, **settings):
    """A network of `samples.make` whose neurons adapt, where the layer takes that."""
    network, inputs = make(STACKS[stack], kind, seed=seed, **settings)
    rng, neurons = np.random.default_rng(seed), []
    for k, stage in enumerate(s for s in network.stages if s.neuron is not None):
        takes = stage.fires and stage.layer.takes_adaptation
        n = stage.n if (seed + k) % 2 else None
        neurons.append(adapting(stage.neuron, rng, n) if takes else stage.neuron)
    return network.replace(neurons=neurons), inputs


# equations ----------------------------------------------------------------------------------------


def test_what_it_does_tires_it():
    """A constant current: spikes come ever later, and a threshold would have to rise as much."""
    neuron = ADAPTIVE.replace(coupling=0.0, jump=0.3, tau_adapt=40.0)
    drive = np.full((1, 120, 1), 0.5)
    gaps = [
        np.diff(np.flatnonzero(textbook.neuron_forward(drive, n)[1][0, :, 0]))
        for n in (neuron, neuron.replace(jump=0.0))
    ]
    assert gaps[0][-1] > 2 * gaps[0][0] and (np.diff(gaps[0]) >= -1).all()
    assert np.ptp(gaps[1]) <= 1


def test_the_equations_step_by_step():
    rng = np.random.default_rng(0)
    drive = rng.uniform(0, 1, 30)
    v, z = textbook.neuron_forward(drive[None, :, None], ADAPTIVE)
    a, b, p = (np.exp(-1 / tau) for tau in (3.0, 5.0, 12.0))
    current = potential = w = spike = 0.0
    for t in range(30):
        w = p * w + 0.1 * potential + 0.4 * spike
        current = a * current + drive[t]
        potential = b * potential - spike + current - w
        spike = float(potential > 1)
        assert v[0, t, 0] == pytest.approx(potential, rel=1e-12) and z[0, t, 0] == spike
    assert z.any() and not z.all()


def test_without_adaptation_it_is_a_lif():
    network, inputs = make(STACKS["two dense"], seed=1)
    neurons = [
        AdaptiveLIF(
            **{k: x for k, x in m.to_dict().items() if k != "kind"}, tau_adapt=9.0, jump=0.0
        )
        if isinstance(m, LIF)
        else m
        for m in network.neurons
    ]
    same = network.replace(neurons=neurons)
    one, two = network.forward(inputs), same.forward(inputs)
    assert one.spikes == two.spikes and np.array_equal(one.readout, two.readout)
    g = np.ones_like(one.readout)
    np.testing.assert_allclose(
        network.backward(one, g).flat, same.backward(two, g).flat, rtol=1e-12, atol=1e-12
    )


# gradients ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("reset", ["subtract", "zero"])
@pytest.mark.parametrize("looped", [False, True])
def test_the_twin_follows_soft_spikes(reset, looped):
    """Its gradients are those of finite differences, where spikes are smooth."""
    rng = np.random.default_rng(1)
    drive, g = rng.normal(0.4, 0.8, (2, 9, 4)), rng.normal(size=(2, 9, 4))
    loop = rng.normal(0, 0.4, (4, 4)) if looped else None
    neuron = ADAPTIVE.replace(
        surrogate="sigmoid", steepness=1.0, detach_reset=False, reset=reset, delay=1
    )
    soft = lambda u: surrogate.soft_step("sigmoid", u, 1.0)  # noqa: E731

    def value():
        return (textbook.neuron_forward(drive, neuron, soft, loop)[1] * g).sum()

    v, z = textbook.neuron_forward(drive, neuron, soft, loop)
    g_drive, g_i = textbook.neuron_backward(neuron, v, z, g, loop)
    np.testing.assert_allclose(
        g_drive, reference.numerical_gradient(value, drive), rtol=1e-6, atol=1e-7
    )
    if looped:
        by_loop = np.einsum("sti,stj->ij", z[:, :-1], g_i[:, 1:])
        np.testing.assert_allclose(
            by_loop, reference.numerical_gradient(value, loop), rtol=1e-6, atol=1e-7
        )


@pytest.mark.parametrize("reset", ["subtract", "zero"])
def test_constants_follow_soft_spikes(reset):
    rng = np.random.default_rng(0)
    drive, g = rng.normal(0.3, 1, (2, 9, 4)), rng.normal(size=(2, 9, 4))
    soft = lambda u: surrogate.soft_step("sigmoid", u, 1.0)  # noqa: E731
    neuron = ADAPTIVE.replace(
        surrogate="sigmoid", steepness=1.0, detach_reset=False, reset=reset, coupling=0.3, gain=0.8
    )

    def value(**changes):
        return (textbook.neuron_forward(drive, neuron.replace(**changes), soft)[1] * g).sum()

    v, z = textbook.neuron_forward(drive, neuron, soft)
    _, g_i = textbook.neuron_backward(neuron, v, z, g)
    found = constants.gradients(neuron, v, z, g_i)
    for name, by_constant in zip(("tau_syn", "tau_mem", "v_th"), found, strict=True):
        x, step = getattr(neuron, name), 1e-5
        slope = (value(**{name: x + step}) - value(**{name: x - step})) / (2 * step)
        told = by_constant.sum() * (1 if name == "v_th" else np.exp(-1 / x) / x**2)
        assert told == pytest.approx(slope, rel=1e-6) and abs(slope) > 1e-4


@pytest.mark.parametrize("per", ["unit", "layer"])
def test_it_learns_its_constants(per):
    """Time constants and thresholds move, the adaptation stays; files keep what was learned."""
    neuron = ADAPTIVE.replace(tau_adapt=None, learn=("tau_mem", "v_th"), learn_per=per)
    assert neuron.tau_adapt == 50.0
    network = Network((6, 5, 3), neuron, n_steps=12, rng=0, spread=2.0)
    inputs = SpikeTrains.from_dense(np.random.default_rng(0).random((40, 12, 6)) < 0.3)
    before = network.neurons[0]
    train(network, inputs, np.arange(40) % 3, epochs=2, rng=0, optimizer=Adam(0.05), progress=False)
    after = network.neurons[0]
    moved = [
        np.abs(np.subtract(getattr(after, n), getattr(before, n))) for n in ("tau_mem", "v_th")
    ]
    assert all((x > 1e-3).any() for x in moved)
    assert (after.tau_adapt, after.coupling, after.jump) == (50.0, 0.1, 0.4)
    fixed = network.replace(neurons=[after.replace(learn=()), network.neurons[1]])
    assert fixed.forward(inputs).spikes == network.forward(inputs).spikes


@pytest.mark.rotates
@pytest.mark.parametrize("kind", ["events", "current", "values"])
@pytest.mark.parametrize("stack", STACKS)
def test_kernels_do_what_the_twin_does(stack, kind):
    if stack == "delayed" and kind == "current":
        kind = "events"
    for seed, (reset, detach, refractory) in enumerate(
        [("subtract", True, False), ("zero", False, True), ("subtract", False, True)]
    ):
        network, inputs = adaptive(
            stack,
            kind,
            seed=seed,
            reset=reset,
            detach=detach,
            refractory=refractory,
            learn=seed < 2,
        )
        found = assert_same_as_plain(network, inputs)
        assert any(g.any() for g in found)


@pytest.mark.nojit
@pytest.mark.parametrize("n_steps", [1, 2, 7, 8, 9, 17])
@pytest.mark.parametrize("stack", ["dense", "recurrent"])
def test_any_number_of_steps(stack, n_steps):
    for seed, delays in enumerate((0, 1, 3)):
        settings = {"n_steps": n_steps, "delays": delays, "learn": seed > 0}
        assert_same_as_plain(*adaptive(stack, seed=seed, **settings))


@pytest.mark.rotates
@pytest.mark.parametrize("name", surrogate.NAMES)
def test_any_surrogate(name):
    for seed in (0, 1):  # one steepness, and one for each unit
        network, inputs = adaptive("dense", seed=seed, surrogate=name, steep=seed == 1)
        assert_same_as_plain(network, inputs)


def test_where_it_reads_out():
    for stack in (((6,), 4, 3), ((6,), 4, Recurrent(3))):
        network, inputs = make(stack, fires=True, steepness=0.5)
        rng = np.random.default_rng(0)
        network = network.replace(neurons=[adapting(m, rng) for m in network.neurons])
        assert_same_as_plain(network, inputs)


def test_many_samples_and_units_left_out():
    network, inputs = adaptive("wide recurrent", batch=70, steepness=0.5)
    assert_same_as_plain(network, inputs)
    network, inputs = adaptive("dense", seed=1)
    assert_same_as_plain(network, inputs, dropout=[np.arange(5) % 3 > 0])


@pytest.mark.parametrize("stack", ["two dense", "recurrent"])
def test_threads_change_no_bit(stack, monkeypatch):
    assert_threads_change_no_bit(
        lambda n: adaptive(stack, batch=70, workers=n, dtype=np.float32), monkeypatch
    )


# training and the rest of the library -------------------------------------------------------------


def test_it_learns():
    """Which of two inputs came first: by adaptation alone, membranes being quick."""
    rng = np.random.default_rng(0)
    x = rng.random((200, 30, 12)) < 0.02
    labels = np.arange(200) % 2
    for sample, label in zip(x, labels, strict=True):
        sample[2:6, 6 * label : 6 * label + 6] |= rng.random((4, 6)) < 0.5
        sample[14:18, 6 - 6 * label : 12 - 6 * label] |= rng.random((4, 6)) < 0.5
    inputs = SpikeTrains.from_dense(x)
    neuron = AdaptiveLIF(tau_mem=2.0, tau_syn=1.0, dt=1.0, tau_adapt=20.0, coupling=0.1, jump=0.5)
    network = Network((12, 30, 2), neuron, n_steps=30, rng=0)
    network.scale_to_activity(inputs, layer_spikes=60)
    settings = {"epochs": 10, "batch_size": 20, "rng": 1, "progress": False}
    history = train(network, inputs, labels, optimizer=Adam(5e-3), loss="sum_over_time", **settings)
    assert history.loss[-1] < 0.6 * history.loss[0]


def test_files_hold_it(tmp_path):
    network, inputs = adaptive("recurrent", seed=1)
    network.save(tmp_path / "a.npz")
    again = Network.load(tmp_path / "a.npz")
    assert again.neurons == network.neurons
    assert np.array_equal(again.forward(inputs).readout, network.forward(inputs).readout)
    for model in (ADAPTIVE, ADAPTIVE.replace(jump=(0.1, 0.2))):
        assert AdaptiveLIF.from_dict(json.loads(json.dumps(model.to_dict()))) == model
    assert "tau_adapt=12.0" in repr(ADAPTIVE)


def test_rewiring_takes_it():
    network, inputs = adaptive("two dense", batch=40, dtype=np.float32)
    rule = rewiring.GradR(0.2, 0.5, rng=0)
    settings = {"epochs": 3, "batch_size": 20, "rng": 1, "progress": False, "optimizer": rule}
    train(network, inputs, np.arange(40) % 3, **settings)
    assert any((w == 0).any() for w in network.weights)


def test_an_estimator_trains_it():
    rng = np.random.default_rng(0)
    x, y = rng.random((40, 6)), np.arange(40) % 2
    neuron = AdaptiveLIF.brainscales2()
    assert neuron == neuron.replace(tau_adapt=None)
    assert neuron.decay_adapt == neuron.replace(tau_adapt=60e-6).decay_adapt
    model = SpikingClassifier(neuron=neuron, hidden=5, epochs=2, n_steps=12, random_state=0)
    model.fit(x, y)
    assert isinstance(model.network_.neurons[0], AdaptiveLIF)
    assert not isinstance(model.network_.neurons[1], LIF)


def test_an_update_costs_two_products_and_two_sums_more():
    network, inputs = adaptive("two dense", dtype=np.float32)
    plain = network.replace(
        neurons=[
            LIF(**{k: x for k, x in m.to_dict().items() if k in LIF.__dataclass_fields__})
            if isinstance(m, LIF)
            else m
            for m in network.neurons
        ]
    )
    own, other = (energy.count(net, inputs).layers for net in (network, plain))
    for a, b in zip(own[:2], other[:2], strict=True):
        assert (a.states, a.mults, a.adds) == (b.states + 1, b.mults + 2, b.adds + 2)
    assert (own[2].states, own[2].mults) == (other[2].states, other[2].mults)


def test_the_clinic_takes_it():
    network, inputs = adaptive("two dense", batch=30, dtype=np.float32)
    assert clinic.examine(network, inputs, np.arange(30) % 3).layers


@pytest.mark.parametrize("what", DENSE_ONLY)
def test_what_cannot_take_it_says_so(what):
    network, inputs = adaptive("dense", dtype=np.float32)
    with pytest.raises(ValueError, match=rf"layer 0 .*neurons adapt: {what} takes LIF only; \w+"):
        DENSE_ONLY[what](network, inputs)


@pytest.mark.parametrize(
    "layers", [((4, 4, 1), Conv(2), 3), ((6,), Dense(5, norm=BatchNorm()), 3)], ids=["conv", "norm"]
)
def test_layers_that_cannot_take_it_say_so(layers):
    with pytest.raises(ValueError, match="neuron must not be an AdaptiveLIF in layer 0"):
        Network(layers, ADAPTIVE, n_steps=4, rng=0)


def test_nir_says_so():
    pytest.importorskip("nir")
    from snnlab.interchange import to_nir

    with pytest.raises(ValueError, match=r"layer 0 .*neurons adapt: NIR has no such node"):
        to_nir(adaptive("dense")[0])


def test_the_loudest_silence_is_not_known():
    with pytest.raises(TypeError, match="neuron must be LIF, not AdaptiveLIF"):
        compressed.loudest_silence(ADAPTIVE, 8)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"tau_adapt": 0.0}, "tau_adapt must be above 0"),
        ({"tau_adapt": "slow"}, "tau_adapt must be a number"),
        ({"tau_adapt": 0.5, "method": "euler"}, "tau_adapt must be at least dt"),
        ({"coupling": np.nan}, "coupling must be finite"),
        ({"coupling": -0.5}, "coupling must leave the membrane stable"),
        ({"coupling": 4.0}, "coupling must leave the membrane stable"),
        ({"jump": "much"}, "jump must be a number"),
        ({"learn": "tau_adapt"}, "learn must be one of"),
        (
            {"learn": "tau_mem", "coupling": -0.001},
            "coupling must leave the membrane stable whatever",
        ),
        (
            {"learn": "tau_mem", "coupling": 1.95},
            "coupling must leave the membrane stable whatever",
        ),
    ],
)
def test_settings_out_of_range_are_refused_by_name(change, message):
    with pytest.raises((TypeError, ValueError), match=message):
        ADAPTIVE.replace(**change)


def test_values_per_neuron_fit_the_layer():
    neuron = ADAPTIVE.replace(jump=(0.1, 0.2, 0.3))
    with pytest.raises(ValueError, match="jump has 3 values for a layer of 5 neurons"):
        Network((6, 5, 3), neuron, readout=ADAPTIVE.integrator(), n_steps=4, rng=0)


def test_the_edge_of_stability_is_where_it_is_said_to_be():
    b, p = np.exp(-1 / 5), np.exp(-1 / 12)
    low, high = -(1 - b) * (1 - p), (1 + b) * (1 + p)
    drive = np.zeros((1, 4000, 1))
    drive[0, 0] = 1e-6
    for c in (0.999 * low, 0.999 * high):
        v, _ = textbook.neuron_forward(drive, ADAPTIVE.replace(coupling=c, v_th=1e9, tau_syn=None))
        assert np.abs(v).max() < 1
        with pytest.raises(ValueError, match="stable"):
            ADAPTIVE.replace(coupling=1.01 * c)


# kernels before they are needed -------------------------------------------------------------------


def test_warm_up_runs_a_networks_own_kernels():
    network, _ = adaptive("recurrent", dtype=np.float32, surrogate="gaussian")
    before = network.parameters.copy()
    kernel = recurrent.fire_backward_of(network.stages[0].width, 4, adapts=True)
    snnlab.warm_up(verbose=False, network=network)
    assert kernel.signatures and np.array_equal(network.parameters, before)
    with pytest.raises(TypeError, match="network must be a Network"):
        snnlab.warm_up(network=3)
