"""Constants that neurons learn: their range, their gradients, and who takes or refuses them.

(`test_every_layer.py` compares the gradients with plain NumPy and with finite differences, in
networks of every kind of layer.)
"""

import json

import numpy as np
import pytest
from helpers import assert_close
from samples import Biased, inputs_of, learning, make
from test_every_layer import assert_same_as_plain, squares

from snnlab import (
    LIF,
    Adam,
    LeakyIntegrator,
    Network,
    SpikeTrains,
    SpikingClassifier,
    Substrate,
    clinic,
    energy,
    recording,
    rewiring,
    surrogate,
    textbook,
    train,
)
from snnlab.layers import BlockShape, Conv, Recurrent, constants

NAMES = "tau_mem", "tau_syn", "v_th"
PLAIN = LIF(tau_mem=5.0, tau_syn=3.0, dt=1.0, v_th=0.7)


def small(neuron=PLAIN, per="unit", readout=None, sizes=(6, 5, 3), **settings):
    """A network that learns all it can, and inputs for it."""
    settings = {"n_steps": 12, "rng": 0, "spread": 2.0} | settings
    neuron = learning(neuron, per)
    readout = learning(neuron.integrator(), per) if readout is None else readout
    network = Network(sizes, neuron, readout=readout, **settings)
    return network, inputs_of("events", 8, network.n_steps, 6, np.random.default_rng(0))


# what is stored -----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["exact", "euler"])
@pytest.mark.parametrize("per", ["unit", "layer"])
def test_neurons_begin_with_the_constants_given(per, method):
    neuron = PLAIN.replace(method=method)
    network, inputs = small(neuron, per, dtype=np.float64)
    fixed = Network((6, 5, 3), neuron, n_steps=12, rng=0, spread=2.0, dtype=np.float64)
    one, two = network.forward(inputs), fixed.forward(inputs)
    assert one.spikes == two.spikes and one.spikes[0].counts().any()
    np.testing.assert_allclose(one.readout, two.readout, rtol=1e-12)
    hidden, last = network.neurons
    for name in NAMES:
        found = getattr(hidden, name)
        assert isinstance(found, tuple if per == "unit" else float)
        np.testing.assert_allclose(found, getattr(neuron, name), rtol=1e-12)
    assert last.learn == ("tau_mem", "tau_syn") and hidden.learn == NAMES
    blocks = [(b.stage, b.name, b.columns, b.prunable, b.trainable) for b in network.blocks]
    n = 5 if per == "unit" else 1
    assert blocks[1:4] == [(0, name, n, False, True) for name in NAMES]
    assert len(network.weights) == 2, "constants are no weights"


def test_constants_that_differ_from_the_start():
    taus = np.linspace(2, 9, 5)
    network, inputs = small(PLAIN.replace(tau_mem=taus), readout=PLAIN.integrator())
    np.testing.assert_allclose(network.neurons[0].tau_mem, taus, rtol=1e-5)
    fixed = network.replace(neurons=[m.replace(learn=()) for m in network.neurons])
    assert [b.name for b in fixed.blocks] == ["weights", "weights"]
    assert fixed.forward(inputs).spikes == network.forward(inputs).spikes
    with pytest.raises(ValueError, match="tau_mem has 5 values for a layer of 4 neurons"):
        small(PLAIN.replace(tau_mem=taus), readout=PLAIN.integrator(), sizes=(6, 4, 3))


@pytest.mark.parametrize("method", ["exact", "euler"])
@pytest.mark.parametrize("w", [-1e30, -60.0, -1.0, 0.0, 3.0, 60.0, 1e30])
def test_whatever_is_stored_is_a_valid_constant(w, method):
    network, inputs = small(PLAIN.replace(method=method))
    for stage in network.stages:
        for block in stage.learned.values():
            block.of(network.parameters)[...] = w
    for model in network.neurons:
        assert all(x >= model.dt for x in model.tau_mem) or method == "exact"
        assert all(0 < x < np.inf for name in model.learn for x in getattr(model, name))
        again = type(model).from_dict(json.loads(json.dumps(model.to_dict())))
        assert again == model
    trace = network.forward(inputs)
    assert np.isfinite(trace.readout).all()
    assert network.backward(trace, np.ones_like(trace.readout)).is_finite()


def test_the_stored_number_is_the_inverse():
    for method in ("exact", "euler"):
        neuron = PLAIN.replace(method=method, tau_mem=(1.01, 2.0, 50.0, 1e6), learn="tau_mem")
        w = constants.stored(neuron, "tau_mem", 4)
        np.testing.assert_allclose(constants.value(neuron, "tau_mem", w), neuron.tau_mem)
        np.testing.assert_allclose(constants.decay_or_threshold("tau_mem", w), neuron.decay_mem)
        step = 1e-6
        up, down = (constants.decay_or_threshold("tau_mem", w + d) for d in (step, -step))
        np.testing.assert_allclose(constants.slope("tau_mem", w), (up - down) / 2 / step, rtol=1e-4)


# gradients ----------------------------------------------------------------------------------------


@pytest.mark.rotates
@pytest.mark.parametrize("n_steps", [1, 2, 7, 8, 9, 17])
@pytest.mark.parametrize("stack", ["dense", "recurrent", "conv", "shift reads out"])
def test_any_number_of_steps(stack, n_steps):
    for seed, delays in enumerate((0, 1, 3)):
        network, inputs = make(
            stack, n_steps=n_steps, delays=delays, seed=seed, learn=True, refractory=seed == 1
        )
        assert_same_as_plain(network, inputs)


@pytest.mark.parametrize("reset", ["subtract", "zero"])
@pytest.mark.parametrize("refractory", [0.0, 2.0])
def test_the_twin_is_what_the_kernel_computes(reset, refractory):
    rng = np.random.default_rng(0)
    draw = lambda low, high: rng.uniform(low, high, 5)  # noqa: E731
    neuron = LIF(
        tau_mem=draw(2, 6),
        tau_syn=draw(2, 6),
        dt=1.0,
        v_th=draw(0.5, 1),
        gain=draw(0.5, 1),
        reset=reset,
        refractory=refractory,
    )
    network, inputs = small(neuron, readout=PLAIN.integrator(), dtype=np.float64)
    network.weights[0][...] = np.abs(network.weights[0])
    trace = network.forward(inputs)
    got, (g_i, _) = network.backward(trace, squares(trace.readout)[1], adjoints=True)
    v, z = np.array(trace.v[0]), trace.spikes[0].to_dense(float)
    assert z.any()
    by = dict(
        zip(("tau_syn", "tau_mem", "v_th"), constants.gradients(neuron, v, z, g_i), strict=True)
    )
    assert ("tau_syn" in network.neurons[0].learn) == (refractory == 0)
    for name, block in network.stages[0].learned.items():
        expected = by[name] * constants.slope(name, block.of(network.parameters))
        assert_close([block.of(got.flat)], [expected], 1e-10)
        assert block.of(got.flat).any()


def test_the_twin_follows_soft_spikes_and_integrators():
    rng = np.random.default_rng(0)
    drive, g = rng.normal(0.3, 1, (2, 7, 4)), rng.normal(size=(2, 7, 4))
    soft = lambda u: surrogate.soft_step("sigmoid", u, 1.0)  # noqa: E731
    lif = PLAIN.replace(surrogate="sigmoid", steepness=1.0, detach_reset=False)
    for neuron in (lif, lif.replace(reset="zero"), PLAIN.integrator()):

        def value(neuron=neuron, **changes):
            v, z = textbook.neuron_forward(drive, neuron.replace(**changes), soft)
            return ((v if z is None else z) * g).sum()

        v, z = textbook.neuron_forward(drive, neuron, soft)
        _, g_i = textbook.neuron_backward(neuron, v, v if z is None else z, g)
        found = constants.gradients(neuron, v, z, g_i)
        for name, by_constant in zip(("tau_syn", "tau_mem", "v_th"), found, strict=True):
            if name == "v_th" and z is None:
                continue
            x, step = getattr(neuron, name), 1e-5
            slope = (value(**{name: x + step}) - value(**{name: x - step})) / (2 * step)
            decay = np.exp(-neuron.dt / x)  # its derivative by tau: decay dt / tau^2
            told = by_constant.sum() * (1 if name == "v_th" else decay * neuron.dt / x**2)
            assert told == pytest.approx(slope, rel=1e-6) and abs(slope) > 1e-4


def test_units_left_out_learn_nothing():
    network, inputs = small(dtype=np.float64)
    mask = np.array([True, False, True, True, False])
    trace = network.forward(inputs, dropout=[mask])
    got = network.backward(trace, squares(trace.readout)[1])
    for block in network.stages[0].learned.values():
        assert ((block.of(got.flat)[0] != 0) == mask).all()


def planted(network, target, inputs, lr, n):
    """Train a network to do what another one does, its constants alone."""
    optimizer = Adam(lr, rates={"weights": 0.0})
    for _ in range(n):
        trace = network.forward(inputs)
        optimizer.step(network, network.backward(trace, trace.readout - target))


def test_planted_time_constants_are_found():
    """Those of hidden neurons that spike, from the readout alone, within 10 %."""
    rng = np.random.default_rng(1)
    inputs = SpikeTrains.from_dense(rng.random((60, 60, 8)) < 0.15)
    tau_mem, tau_syn = (3.0, 6.0, 10.0, 15.0), (8.0, 2.0, 4.0, 3.0)
    neuron = LIF(tau_mem=tau_mem, tau_syn=tau_syn, dt=1.0, surrogate="sigmoid", steepness=4.0)
    readout = LeakyIntegrator(tau_mem=4.0, tau_syn=None, dt=1.0)
    teacher = Network((8, 4, 4), neuron, readout=readout, n_steps=60, rng=0)
    teacher.weights[0][...] = rng.uniform(0.05, 0.3, (8, 4)) * np.where(
        rng.random((8, 4)) < 0.3, -1, 1
    )
    teacher.weights[1][...] = np.eye(4)
    student = teacher.replace(
        neurons=[neuron.replace(tau_mem=5.0, tau_syn=5.0, learn=("tau_mem", "tau_syn")), readout]
    )
    target = teacher.forward(inputs).readout
    for lr in (0.1, 0.03, 0.01):
        planted(student, target, inputs, lr, 100)
    found = student.neurons[0]
    np.testing.assert_allclose(found.tau_mem, tau_mem, rtol=0.1)
    np.testing.assert_allclose(found.tau_syn, tau_syn, rtol=0.1)


# training and the rest of the library -------------------------------------------------------------


def labelled(network, inputs):
    return network, inputs, np.arange(len(inputs)) % network.sizes[-1]


SETTINGS = {"epochs": 3, "batch_size": 4, "rng": 1, "progress": False}


def test_training_changes_them_at_a_rate_of_their_own():
    network, inputs, labels = labelled(*small())
    for rates in ({}, {"tau_mem": 0.0, "v_th": 0.0}):
        new = network.copy()
        train(new, inputs, labels, optimizer=Adam(0.01, rates=rates), **SETTINGS)
        for stage, old in zip(new.stages, network.stages, strict=True):
            for name, block in stage.learned.items():
                moved = block.of(new.parameters) != old.stored[name]
                assert not moved.any() if rates.get(name) == 0.0 else moved.all()
        assert (new.neurons == network.neurons) == False or not rates  # noqa: E712


def test_weight_decay_and_rewiring_leave_them_alone():
    network, inputs, labels = labelled(*small())
    before = network.parameters.copy()
    rule = rewiring.DeepR(sparsity=0.5, rng=0, optimizer=Adam(0.0, weight_decay=0.1))
    train(network, inputs, labels, optimizer=rule, **SETTINGS)
    for stage in network.stages:
        for block in stage.learned.values():
            assert np.array_equal(block.of(network.parameters), block.of(before))
    rule = rewiring.GradR(0.2, 0.5, rng=0)
    train(network, inputs, labels, optimizer=rule, **SETTINGS)
    assert any((w == 0).any() for w in network.weights)
    assert all(w.all() for stage in network.stages for w in stage.stored.values()), "not pruned"


def test_an_interrupted_training_goes_on_as_if_it_had_not_been(tmp_path):
    network, inputs, labels = labelled(*small())
    whole, halves = network.copy(), network.copy()
    settings = SETTINGS | {"epochs": 4}
    history = train(whole, inputs, labels, optimizer=Adam(0.02), **settings)

    def stop(step):
        if step.ends_epoch and len(step.history) == 2:
            raise KeyboardInterrupt

    path = tmp_path / "run.npz"
    settings = settings | {"optimizer": Adam(0.02), "checkpoint": path}
    with pytest.raises(KeyboardInterrupt):
        train(halves, inputs, labels, callback=stop, **settings)
    again = train(halves, inputs, labels, **settings | {"optimizer": Adam(0.02)})
    assert np.array_equal(halves.parameters, whole.parameters) and again.loss == history.loss


def test_files_hold_what_was_learned(tmp_path):
    network, inputs, labels = labelled(*small())
    train(network, inputs, labels, optimizer=Adam(0.05), **SETTINGS)
    network.save(tmp_path / "net.npz")
    again = Network.load(tmp_path / "net.npz")
    assert again.neurons == network.neurons and again.neurons[0].tau_mem[0] != 5.0
    assert np.array_equal(again.forward(inputs).readout, network.forward(inputs).readout)
    arrays = network.to_arrays()
    assert arrays["tau_mem_of_0"].shape == (1, 5)
    del arrays["tau_mem_of_0"]
    with pytest.raises(ValueError, match="tau_mem_of_0"):
        Network.from_arrays(arrays)


def test_what_is_not_finite_is_named():
    network, inputs, labels = labelled(*small())
    network.stages[0].stored["v_th"][0, 2] = np.nan
    with pytest.raises(FloatingPointError, match="1 of 5 entries of 'v_th' in layer 0"):
        train(network, inputs, labels, **SETTINGS)


@pytest.mark.parametrize("per", ["unit", "layer"])
def test_a_nir_graph_has_those_of_now(per):
    pytest.importorskip("nir")
    from snnlab.interchange import from_nir, to_nir

    network, inputs, labels = labelled(*small(per=per))
    train(network, inputs, labels, optimizer=Adam(0.05), **SETTINGS)
    graph = to_nir(network)
    np.testing.assert_allclose(graph.nodes["neurons_0"].tau_mem, network.neurons[0].tau_mem)
    again = from_nir(graph)
    assert again.neurons[0].learn == NAMES and again.blocks == network.blocks
    np.testing.assert_allclose(again.parameters, network.parameters, rtol=1e-5)
    assert again.forward(inputs).spikes == network.forward(inputs).spikes


def test_a_summary_counts_them_apart():
    network, _ = small()
    row = network.summary().splitlines()[4]
    assert row.split("  ")[-2].strip() == "30 + 5 tau_mem + 5 tau_syn + 5 v_th"
    assert "30 + 5 tau_mem" in network._repr_html_()


def test_compressed_it_does_the_same():
    network, inputs, labels = labelled(*small())
    train(network, inputs, labels, optimizer=Adam(0.05), **SETTINGS)
    network.weights[0][::2] = 0
    found, expected = network.compressed().forward(inputs), network.forward(inputs)
    np.testing.assert_allclose(found.readout, expected.readout, rtol=1e-5, atol=1e-6)
    compact = rewiring.compact(network)
    np.testing.assert_allclose(
        compact.forward(inputs).readout, expected.readout, rtol=1e-4, atol=1e-5
    )


def test_the_clinic_and_the_count_of_operations_take_them():
    network, inputs, labels = labelled(*small())
    assert clinic.examine(network, inputs, labels).findings is not None
    fixed = network.replace(neurons=[m.replace(learn=()) for m in network.neurons])
    assert energy.count(network, inputs) == energy.count(fixed, inputs)
    assert clinic.gentle_rate(network, inputs) == pytest.approx(clinic.gentle_rate(fixed, inputs))


def test_an_estimator_trains_them():
    rng = np.random.default_rng(0)
    x, y = rng.random((40, 6)), np.arange(40) % 2
    neuron = LIF.brainscales2(learn=("tau_mem", "v_th"))
    model = SpikingClassifier(neuron=neuron, hidden=5, epochs=2, n_steps=12, random_state=0)
    model.fit(x, y)
    found = model.network_.neurons[0]
    assert found.learn == neuron.learn and len({*found.tau_mem}) > 1
    assert model.network_.neurons[1].learn == ()


def test_constants_of_one_place_and_channel():
    """A convolution's neurons learn one constant for all, or each place its own."""
    for per, n in (("layer", 1), ("unit", 18)):
        neuron = learning(PLAIN, per)
        network = Network(((3, 3, 1), Conv(2), 3), neuron, n_steps=6, rng=0)
        assert network.stages[0].learned["tau_mem"].columns == n


# bad input ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change, message",
    [
        ({"learn": "gain"}, "learn must be one of 'tau_mem', 'tau_syn', 'v_th', got 'gain'"),
        ({"learn": 3}, "learn must be a sequence of names"),
        ({"learn": None}, "learn must be a sequence of names"),
        ({"learn": [None]}, "learn must be one of"),
        ({"learn": "tau_mem", "learn_per": "network"}, "learn_per must be one of"),
        ({"learn": "tau_syn", "tau_syn": None}, "learn names 'tau_syn', but tau_syn is None"),
        ({"learn": "tau_syn", "refractory": 2.0}, "learn must not name 'tau_syn' where refractory"),
        ({"learn": "v_th", "gain": 0.0}, "learn must be empty where gain is 0"),
        ({"learn": "v_th", "v_th": [1, 2], "learn_per": "layer"}, "learn_per must be 'unit'"),
    ],
)
def test_neurons_that_cannot_learn_are_refused(change, message):
    with pytest.raises((TypeError, ValueError), match=message):
        PLAIN.replace(**change)


def test_readouts_have_no_threshold_to_learn():
    with pytest.raises(ValueError, match="learn must be one of 'tau_mem', 'tau_syn', got 'v_th'"):
        PLAIN.integrator().replace(learn="v_th")
    assert learning(PLAIN).integrator().learn == ()


@pytest.mark.parametrize(
    "change", [{"tau_mem": 1e-3}, {"tau_mem": 1e30}, {"v_th": 1e-33}, {"tau_syn": 1e25}]
)
def test_constants_that_cannot_be_learned_from_are_refused(change):
    (name,) = change
    with pytest.raises(ValueError, match=f"{name} must be within.* where it is learned"):
        small(PLAIN.replace(**change), readout=PLAIN.integrator())
    with pytest.raises(ValueError, match="tau_mem must be within.*above dt with method='euler'"):
        small(PLAIN.replace(tau_mem=1.0, method="euler"), readout=PLAIN.integrator())


class Timed(Biased):
    """A layer of one's own that has such a block already."""

    def blocks(self, shape):
        return super().blocks(shape) | {"tau_mem": BlockShape(1, self.n, prunable=False)}


def test_names_that_are_taken_are_refused():
    with pytest.raises(ValueError, match="'tau_mem' that its neurons learn"):
        Network((6, Timed(5), 3), PLAIN.replace(learn="tau_mem"), n_steps=4, rng=0)


def test_a_chip_and_a_recording_say_what_to_do(tmp_path):
    network, inputs = small()
    with pytest.raises(ValueError, match=r"layer 0.*learn tau_mem.*a chip takes.*learn=\(\)"):
        network.forward(inputs, on=Substrate(0))
    fixed = network.replace(neurons=[m.replace(learn=()) for m in network.neurons])
    recording.save_trace(tmp_path / "a.npz", fixed.forward(inputs))
    with pytest.raises(ValueError, match=r"a recording takes.*learn=\(\)"):
        network.forward(inputs, on=recording.Recording(tmp_path))


def test_replaced_neurons_must_fit():
    network, inputs = small()
    other = network.replace(
        neurons=[
            m.replace(learn="v_th", detach_reset=False) if i == 0 else m
            for i, m in enumerate(network.neurons)
        ]
    )
    assert [b.name for b in other.blocks][:2] == ["weights", "v_th"]
    with pytest.raises(ValueError, match="has 5 values for a layer of 7 neurons"):
        network.replace(
            layers=(6, 7, 3), weights=[np.ones((6, 7)), np.ones((7, 3))], neurons=network.neurons
        )
    assert isinstance(
        Network((6, Recurrent(5), 3), learning(PLAIN), n_steps=4, rng=0).neurons[0], LIF
    )
