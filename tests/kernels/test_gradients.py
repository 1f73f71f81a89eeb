"""Backward pass: kernel = textbook = finite differences of the smoothed network = torch."""

import numpy as np
import pytest
import reference
from helpers import STEEPNESS, assert_close, build
from numba import njit

from snnlab import losses, surrogate, textbook
from snnlab.currents import ConstantCurrent
from snnlab.kernels import lif, vector
from snnlab.network import Network
from snnlab.neurons import LIF, LeakyIntegrator
from snnlab.signals import SpikeTrains
from snnlab.trace import Trace

N_STEPS = 9
LOSSES = [losses.MaxOverTime(3.0), losses.SumOverTime(0.4), losses.RateMSE(), losses.FirstSpike()]
DEADLINES = [losses.MaxOverTime(2.0, deadlines=steps) for steps in ([3], (2, 6), (6, 1, 3, 3))]


def own_loss(readout, labels):
    """A user's: the square of every potential, later ones more; its gradient is dense in time."""
    late = np.arange(1, readout.shape[1] + 1)[:, None]
    return float((late * readout**2).sum() / 2), late * readout


def penalty(network, trace, rng, kinds):
    """A penalty's gradient per hidden layer: dense in time, the same in every step, or none."""
    shapes = {"dense": network.n_steps, "flat": 1}
    return [
        None if kind is None else rng.normal(0, 0.1, (len(trace), shapes[kind], n))
        for kind, n in zip(kinds, network.sizes[1:-1], strict=False)
    ]


def dense(trace, dtype=np.float64):
    """A `Trace` as the textbook wants it: a list of (v, z)."""
    z = [train.to_dense(dtype) for train in trace.spikes]
    return list(zip(trace.v, z if trace.spiking_readout else [*z, None], strict=True))


def assert_same_as_textbook(network, inputs, loss, g_spikes=None, tolerance=1e-10):
    """Gradients and adjoint currents of the kernels are the textbook's; returns the gradients."""
    trace = network.forward(inputs)
    labels = np.arange(len(inputs)) % 3
    value, g_readout = loss(trace.readout, labels)
    got, adjoints = network.backward(trace, g_readout, g_spikes=g_spikes, adjoints=True)
    x = inputs.to_dense(network.dtype)
    parts = dense(trace, network.dtype)
    expected = textbook.backward(x, network.weights, network.neurons, parts, g_readout, g_spikes)
    assert_close(got, expected, tolerance)
    g_next = g_readout
    for k in reversed(range(len(network.weights))):
        heard = x if k == 0 else parts[k - 1][1]
        _, g_next, g_i = textbook.layer_backward(
            heard, network.weights[k], network.neurons[k], *parts[k], g_next
        )
        assert_close([adjoints[k]], [g_i], tolerance)
        if k > 0 and g_spikes is not None and g_spikes[k - 1] is not None:
            g_next = g_next + g_spikes[k - 1]
    plain = network.backward(trace, g_readout, g_spikes=g_spikes)
    assert all(np.array_equal(a, b) for a, b in zip(plain, got, strict=True))
    return got


# --- kernels and textbook ------------------------------------------------------------------------


@pytest.mark.parametrize("fires", [False, True])
@pytest.mark.parametrize("n_hidden", [0, 1, 2, 3])
@pytest.mark.parametrize("detach", [True, False])
@pytest.mark.parametrize("reset", ["subtract", "zero"])
@pytest.mark.parametrize("name", surrogate.NAMES)
def test_kernels_equal_textbook(name, reset, detach, n_hidden, fires):
    """Inputs, losses, penalties, batches, uniform and mixed readouts take turns."""
    found = 0
    for seed in range(4):
        turn = seed + surrogate.NAMES.index(name) + 2 * n_hidden
        network, inputs = build(
            name,
            reset,
            detach,
            fires,
            n_hidden,
            driven=turn % 2 == 1,
            seed=seed,
            batch=(4, 1, 3, 33)[(seed + n_hidden) % 4],
            uniform=seed < 2,
            refractory=seed % 2 == 1,
        )
        loss = [*LOSSES, own_loss][turn % (5 if fires else 4) - (not fires and turn % 4 == 3)]
        kinds = [("dense", "flat", None), ("flat", None, "dense"), (None, None, None)][turn % 3]
        trace = network.forward(inputs)
        g_spikes = penalty(network, trace, np.random.default_rng(seed), kinds)
        gradients = assert_same_as_textbook(network, inputs, loss, g_spikes)
        found += all(g.any() for g in gradients)
    assert found >= 1


@pytest.mark.nojit
@pytest.mark.bounds
@pytest.mark.parametrize("driven", [False, True])
@pytest.mark.parametrize("fires", [False, True])
@pytest.mark.parametrize("reset", ["subtract", "zero"])
def test_kernels_equal_textbook_tiny(reset, fires, driven):
    for seed, name in enumerate(surrogate.NAMES):
        network, inputs = build(
            name,
            reset,
            bool(seed % 2),
            fires,
            2,
            driven,
            seed=seed,
            batch=2,
            n_steps=5,
            uniform=seed % 3 > 0,
        )
        g_spikes = penalty(
            network, inputs, np.random.default_rng(seed), [("dense", "flat")[seed % 2], None]
        )
        assert_same_as_textbook(network, inputs, own_loss, g_spikes)


@pytest.mark.parametrize(
    "loss", [*LOSSES, DEADLINES[1], own_loss], ids=lambda x: getattr(x, "__name__", repr(x))
)
@pytest.mark.parametrize("fires", [False, True])
@pytest.mark.parametrize("uniform", [True, False])
def test_losses_through_the_network(loss, fires, uniform):
    for driven in (False, True):
        network, inputs = build(
            "arctan", "zero", False, fires, 2, driven, seed=1, uniform=uniform, batch=6
        )
        gradients = assert_same_as_textbook(network, inputs, loss)
        assert all(g.any() for g in gradients)


@pytest.mark.bounds
@pytest.mark.parametrize("batch", [1, 31, 33, 70, 256])
@pytest.mark.parametrize("driven", [False, True])
def test_chunks(batch, driven):
    """One chunk, two, four, eight; the gradient is also the sum over single samples."""
    network, inputs = build("gaussian", n_hidden=2, driven=driven, batch=batch, n_steps=5, seed=2)
    whole = assert_same_as_textbook(network, inputs, own_loss)
    total = [0, 0, 0]
    for s in range(batch):
        trace = network.forward(inputs[s])
        _, g_readout = own_loss(trace.readout, None)
        total = [a + b for a, b in zip(total, network.backward(trace, g_readout), strict=True)]
    assert_close(whole, total)
    assert all(g.any() for g in whole)


@pytest.mark.parametrize("detach", [True, False])
@pytest.mark.parametrize("reset", ["subtract", "zero"])
@pytest.mark.parametrize("activity", [0.0, -1.0, 40.0])
def test_silent_and_saturated(activity, reset, detach):
    for fires in (False, True):
        network, inputs = build(
            "superspike", reset, detach, fires, 2, activity=activity, refractory=False, delays=False
        )
        trace = network.forward(inputs)
        spikes = trace.hidden_counts().sum()
        assert (spikes == 0) if activity <= 0 else (spikes > 0.5 * 4 * N_STEPS * 27)
        gradients = assert_same_as_textbook(network, inputs, own_loss if not fires else LOSSES[2])
        if activity == -1 and not fires:
            # below threshold the surrogate still passes gradient on, but there is none to pass
            assert not any(g.any() for g in gradients)
    g_spikes = [np.ones((4, 1, n)) for n in network.sizes[1:-1]]
    assert assert_same_as_textbook(network, inputs, LOSSES[2], g_spikes)[0].any()


@pytest.mark.parametrize("name", ["tau_mem", "tau_syn", "gain"])
def test_readouts_that_differ_in_one_constant(name):
    """One value per unit in any of the three, and the readout's filter is no longer shared."""
    for n_hidden in (1, 2):
        network, inputs = build("arctan", n_hidden=n_hidden, seed=1)
        readout = LeakyIntegrator(
            **{"tau_mem": 3.0, "tau_syn": 2.0, "gain": 0.7, "dt": 1.0} | {name: (1.5, 4.0, 2.5)}
        )
        mixed = network.replace(neurons=(*network.neurons[:-1], readout))
        assert all(g.any() for g in assert_same_as_textbook(mixed, inputs, own_loss))


def test_delay_beyond_the_sample():
    """What arrives after the last step changes nothing and gets no gradient."""
    for late in (N_STEPS - 1, N_STEPS, N_STEPS + 3):
        network, inputs = build(n_hidden=1, driven=False)
        readout = network.neurons[1].replace(delay=late)
        other = Network(
            network.sizes,
            network.neurons[0],
            n_steps=N_STEPS,
            rng=1,
            readout=readout,
            dtype=np.float64,
        )
        assert_same_as_textbook(other, inputs, own_loss)


def test_kept_gradient_is_zero_outside():
    """Units left out get no gradient; the others that of a network in which those are silent."""
    network, inputs = build("arctan", "zero", False, False, 2, seed=2)
    masks = [np.arange(n) % 3 > 0 for n in network.sizes[1:-1]]
    trace = network.forward(inputs, dropout=masks)
    _, g_readout = own_loss(trace.readout, None)
    got = network.backward(trace, g_readout)
    gains = [
        model.replace(gain=tuple(np.broadcast_to(model.gain, n) * mask))
        for model, n, mask in zip(network.neurons, network.sizes[1:], masks, strict=False)
    ]
    x = inputs.to_dense(float)
    models = [*gains, network.neurons[-1]]
    parts = textbook.forward(x, network.weights, models)
    expected = textbook.backward(x, network.weights, models, parts, g_readout)
    assert_close(got, expected)
    for k, mask in enumerate(masks):
        assert not got[k][:, ~mask].any() and not got[k + 1][~mask].any()
        assert got[k][:, mask].any()


@pytest.mark.parametrize("driven", [False, True])
def test_memory_is_reused(driven):
    """`out` of both passes, whatever was computed in it before, and with other batch sizes."""
    network, inputs = build(n_hidden=2, driven=driven, batch=70, seed=2)
    labels = np.arange(70) % 3

    def run(inputs, trace=None, gradients=None, adjoints=False):
        trace = network.forward(inputs, out=trace)
        _, g_readout = LOSSES[1](trace.readout, labels[: len(inputs)])
        return trace, network.backward(trace, g_readout, out=gradients, adjoints=adjoints)

    _, fresh = run(inputs)
    expected = [np.array(g) for g in fresh]
    for first in (inputs[::-1], inputs[:7], inputs[3:36]):
        trace, gradients = run(first)
        assert not np.allclose(gradients[0], expected[0])
        trace, again = run(inputs, trace, gradients)
        assert again is gradients
        trace, (again, _) = run(inputs, trace, gradients, adjoints=True)
        assert all(np.array_equal(a, b) for a, b in zip(again, expected, strict=True))


@pytest.mark.parametrize("driven", [False, True])
def test_threads_change_nothing(driven):
    rng = np.random.default_rng(1)
    network = Network((30, 100, 40, 10), LIF.brainscales2(), n_steps=20, rng=0)
    if driven:
        inputs = ConstantCurrent(rng.random((70, 30), np.float32), 20)
    else:
        inputs = SpikeTrains.from_dense(rng.random((70, 20, 30)) < 0.2)
    network.scale_to_activity(inputs, 50)
    trace = network.forward(inputs)
    _, g_readout = losses.MaxOverTime()(trace.readout, np.arange(70) % 10)
    results = []
    for network.workers in (1, 2, 3, 7):
        results.append(network.backward(trace, g_readout).flat)
    assert results[0].any()
    assert all(np.array_equal(results[0], other) for other in results[1:])


def test_padding_gets_no_gradient():
    network, inputs = build(n_hidden=2, batch=40, seed=2)
    trace = network.forward(inputs)
    gradients = network.backward(trace, np.ones_like(trace.readout))
    assert gradients.flat.size > sum(g.size for g in gradients)
    assert np.count_nonzero(gradients.flat) == sum(np.count_nonzero(g) for g in gradients)


@pytest.mark.rotates
@pytest.mark.parametrize("fires", [False, True])
@pytest.mark.parametrize("name", surrogate.NAMES)
def test_single_precision(name, fires):
    """float32 gradients are those of float64 within 1e-4, where the spikes are the same."""
    double, inputs = build(name, "zero", False, fires, 2, seed=2, batch=33)
    single, _ = build(name, "zero", False, fires, 2, seed=2, batch=33, dtype=np.float32)
    for a, b in zip(double.weights, single.weights, strict=True):
        a[...] = b
    results = []
    for network in (double, single):
        trace = network.forward(inputs)
        _, g_readout = LOSSES[1](trace.readout, np.arange(33) % 3)
        results.append((trace.spikes, network.backward(trace, g_readout)))
    assert results[0][0] == results[1][0]
    assert results[1][1][0].dtype == np.float32 and results[1][1][0].any()
    assert_close(results[1][1], results[0][1], 1e-4)


# --- measured traces -----------------------------------------------------------------------------


@pytest.mark.nojit
@pytest.mark.parametrize("fires", [False, True])
@pytest.mark.parametrize("reset", ["subtract", "zero"])
def test_backward_reads_the_trace_it_is_given(reset, fires):
    """Potentials and spikes that no forward pass could have produced count as they are."""
    network, inputs = build("arctan", reset, False, fires, 2, seed=1)
    simulated = network.forward(inputs)
    rng = np.random.default_rng(0)
    v = [x + rng.normal(0, 0.5, x.shape) for x in simulated.v[: len(simulated.spikes)]]
    spikes = [SpikeTrains.from_dense(rng.random(x.shape) < 0.3) for x in v]
    readout = None if fires else rng.normal(0, 1, simulated.readout.shape)
    measured = Trace.measured(inputs, v, spikes, readout)
    assert measured.spiking_readout == fires
    assert all(np.array_equal(a, b) for a, b in zip(measured.v, v, strict=False))
    g_readout = rng.normal(0, 1, simulated.readout.shape)
    got = network.backward(measured, g_readout)
    x = inputs.to_dense(float)
    assert_close(
        got, textbook.backward(x, network.weights, network.neurons, dense(measured), g_readout)
    )
    assert not np.allclose(got[0], network.backward(simulated, g_readout)[0])
    # potentials and spikes both count
    for other in (
        Trace.measured(inputs, v, simulated.spikes, readout),
        Trace.measured(inputs, simulated.v[: len(v)], spikes, readout),
    ):
        assert not np.allclose(got[1], network.backward(other, g_readout)[1])


def test_measuring_what_was_simulated_changes_nothing():
    network, inputs = build(n_hidden=2, seed=1)
    trace = network.forward(inputs)
    again = Trace.measured(inputs, trace.v[:-1], trace.spikes, trace.readout)
    g_readout = np.random.default_rng(0).normal(0, 1, trace.readout.shape)
    first, second = (network.backward(t, g_readout) for t in (trace, again))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


# --- finite differences of the smoothed network --------------------------------------------------


def frozen_forward(x, weights, neurons, spike, recorded):
    """As `textbook.forward`, but what resets a membrane are the recorded spikes."""
    out = []
    for w, neuron, (_, z_recorded) in zip(weights, neurons, recorded, strict=True):
        n_steps, n = x.shape[1], w.shape[1]
        c = neuron.constants(n, np.float64)
        v, i = np.zeros((len(x), n_steps, n)), np.zeros((len(x), n))
        for t in range(n_steps):
            i = c.decay_syn * i
            if t >= neuron.delay:
                i = i + x[:, t - neuron.delay] @ w
            v[:, t] = c.gain * i
            if t > 0:
                left = c.decay_mem * v[:, t - 1]
                if z_recorded is None:
                    v[:, t] += left
                elif neuron.reset == "subtract":
                    v[:, t] += left - c.v_th * z_recorded[:, t - 1]
                else:
                    v[:, t] += left * (1 - z_recorded[:, t - 1])
        z = None if z_recorded is None else spike(v - c.v_th)
        out.append((v, z))
        x = z
    return out


@pytest.mark.parametrize("fires", [False, True])
@pytest.mark.parametrize("detach", [False, True])
@pytest.mark.parametrize("reset", ["subtract", "zero"])
@pytest.mark.parametrize("name", surrogate.NAMES)
def test_textbook_equals_finite_differences(name, reset, detach, fires):
    network, inputs = build(
        name,
        reset,
        detach,
        fires,
        2,
        driven=reset == "zero",
        seed=3,
        batch=2,
        n_steps=7,
        refractory=False,
        widths=(5, 4),
    )
    x, neurons = inputs.to_dense(float), network.neurons
    weights = [np.array(w) for w in network.weights]
    loss = own_loss if fires else losses.MaxOverTime(0.5)
    labels = np.array([0, 2])

    def spike(u):
        return surrogate.soft_step(name, u, STEEPNESS[name])

    recorded = textbook.forward(x, weights, neurons, spike)
    frozen = frozen_forward(x, weights, neurons, spike, recorded)
    assert all(np.allclose(a[0], b[0], atol=1e-13) for a, b in zip(frozen, recorded, strict=True))

    def value():
        if detach:
            trace = frozen_forward(x, weights, neurons, spike, recorded)
        else:
            trace = textbook.forward(x, weights, neurons, spike)
        return loss(textbook.readout(trace), labels)[0]

    _, g_readout = loss(textbook.readout(recorded), labels)
    got = textbook.backward(x, weights, neurons, recorded, g_readout)
    expected = [reference.numerical_gradient(value, w) for w in weights]
    assert all(np.abs(g).max() > 1e-2 for g in got)
    assert_close(got, expected, 1e-6)


@pytest.mark.parametrize("reset", ["subtract", "zero"])
@pytest.mark.parametrize("name", ["triangle", "rectangle"])
def test_refractory_equals_finite_differences(name, reset):
    """A soft step that is exactly 0 below leaves most membranes free; those held pass nothing."""
    network, inputs = build(
        name, reset, False, False, 2, seed=3, batch=2, delays=False, widths=(5, 4)
    )
    neurons = [
        model.replace(refractory=2.0, steepness=3.0) if isinstance(model, LIF) else model
        for model in network.neurons
    ]
    x, weights = inputs.to_dense(float), [np.array(w) for w in network.weights]

    def spike(u):
        return surrogate.soft_step(name, u, 3.0)

    def value():
        return own_loss(textbook.forward(x, weights, neurons, spike)[-1][0], None)[0]

    recorded = textbook.forward(x, weights, neurons, spike)
    held = [(v == 0).mean() for v, z in recorded if z is not None]
    assert all(0.1 < share < 0.9 for share in held)
    _, g_readout = own_loss(recorded[-1][0], None)
    got = textbook.backward(x, weights, neurons, recorded, g_readout)
    assert_close(got, [reference.numerical_gradient(value, w) for w in weights], 1e-6)
    assert all(g.any() for g in got)


def test_penalty_equals_finite_differences():
    """Penalty on hidden spikes (sum over time squared), through `g_spikes`."""
    network, inputs = build(
        "sigmoid", "zero", False, False, 2, seed=2, batch=2, refractory=False, widths=(5, 4)
    )
    x, neurons = inputs.to_dense(float), network.neurons
    weights = [np.array(w) for w in network.weights]

    def spike(u):
        return surrogate.soft_step("sigmoid", u, STEEPNESS["sigmoid"])

    def value():
        trace = textbook.forward(x, weights, neurons, spike)
        return sum((z.sum(axis=1) ** 2).sum() for _, z in trace[:-1])

    recorded = textbook.forward(x, weights, neurons, spike)
    g_spikes = [2 * z.sum(axis=1, keepdims=True) for _, z in recorded[:-1]]
    nothing = np.zeros_like(recorded[-1][0])
    got = textbook.backward(x, weights, neurons, recorded, nothing, g_spikes)
    expected = [reference.numerical_gradient(value, w) for w in weights]
    assert not got[2].any() and not expected[2].any() and got[0].any()
    assert_close(got[:2], expected[:2], 1e-6)


def test_adjoint_current_equals_finite_differences():
    """g_i is the gradient by a current injected at a step, g_x that by an input."""
    neuron = LIF(
        tau_mem=3.0,
        tau_syn=2.0,
        dt=1.0,
        surrogate="gaussian",
        steepness=1.5,
        delay=1,
        detach_reset=False,
        gain=0.8,
    )
    rng = np.random.default_rng(0)
    x, weights = rng.random((2, 6, 4)), rng.normal(0.3, 0.6, (4, 3))
    injected, error = np.zeros((2, 6, 3)), rng.normal(0, 1, (2, 6, 3))

    def spike(u):
        return surrogate.soft_step("gaussian", u, 1.5)

    def value():  # a current enters one delay before it arrives
        wide = np.concatenate([x, np.roll(injected, -1, axis=1)], axis=2)
        _, z = textbook.layer_forward(wide, np.vstack([weights, np.eye(3)]), neuron, spike)
        return (z * error).sum()

    v, z = textbook.layer_forward(x, weights, neuron, spike)
    _, g_x, g_i = textbook.layer_backward(x, weights, neuron, v, z, error)
    assert_close([g_x], [reference.numerical_gradient(value, x)], 1e-6)
    numerical = reference.numerical_gradient(value, injected)
    assert_close([g_i[:, 1:]], [numerical[:, 1:]], 1e-6)


# --- losses --------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", [*LOSSES, *DEADLINES, losses.FirstSpike(0.7)], ids=repr)
def test_loss_equals_finite_differences(loss):
    rng = np.random.default_rng(4)
    readout, labels = rng.random((4, 6, 3)), np.array([0, 2, 1, 2])
    value, g_readout = loss(readout, labels)
    assert np.isfinite(value) and g_readout.shape == readout.shape
    numerical = reference.numerical_gradient(lambda: loss(readout, labels)[0], readout)
    assert_close([g_readout], [numerical], 1e-8)


def test_loss_values_by_hand():
    readout = np.zeros((2, 4, 2))
    readout[0, 1, 0] = readout[1, 2, 1] = 1  # first spikes: steps (1, never), (never, 2)
    labels = np.array([0, 0])
    right, wrong = np.log1p(np.exp(-3.0)), np.log1p(np.exp(3.0))
    assert np.isclose(losses.MaxOverTime(3.0)(readout, labels)[0], (right + wrong) / 2)
    assert np.isclose(losses.SumOverTime(3.0)(readout, labels)[0], (right + wrong) / 2)
    # rates 1/4 and 0, targets 1 and 0: (9/16 + 0 + 1 + 1/16) / 4
    assert np.isclose(losses.RateMSE()(readout, labels)[0], 26 / 64)
    assert losses.FirstSpike().times(readout).tolist() == [[1, 4], [4, 2]]
    early, late = np.log1p(np.exp(-1.5)), np.log1p(np.exp(1.0))
    assert np.isclose(losses.FirstSpike(2.0)(readout, labels)[0], (early + late) / 2)


def test_deadlines_are_means_over_readouts_that_end_there():
    rng = np.random.default_rng(2)
    readout, labels = rng.normal(0, 1, (5, 6, 3)).cumsum(axis=1), np.array([0, 2, 1, 2, 0])
    plain = losses.MaxOverTime(2.0)
    for loss in DEADLINES:
        value, g = 0.0, np.zeros_like(readout)
        for steps in loss.deadlines:
            part, g_part = plain(readout[:, :steps], labels)
            value += part / len(loss.deadlines)
            g[:, :steps] += g_part / len(loss.deadlines)
        got, g_got = loss(readout, labels)
        assert np.isclose(got, value, rtol=1e-12) and np.allclose(g_got, g, rtol=1e-12)
        assert np.array_equal(loss.scores(readout), plain.scores(readout))
    whole = losses.MaxOverTime(2.0, deadlines=[6])
    for a, b in zip(whole(readout, labels), plain(readout, labels), strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize(
    "deadlines, error", [((), ValueError), ((0, 3), ValueError), ((2.0,), TypeError)]
)
def test_bad_deadlines_are_refused(deadlines, error):
    with pytest.raises(error, match="deadlines must"):
        losses.MaxOverTime(deadlines=deadlines)


def test_deadlines_beyond_the_sample_are_refused():
    with pytest.raises(ValueError, match="deadlines must be at most 4, the number of steps"):
        losses.MaxOverTime(deadlines=(2, 5))(np.zeros((1, 4, 2)), np.array([0]))


def test_losses_do_not_overflow():
    for scale in (1e-30, 1.0, 1e30):
        readout = np.random.default_rng(0).normal(0, scale, (3, 5, 4)).astype(np.float32)
        for loss in LOSSES[:2]:
            value, g_readout = loss(readout, np.array([0, 1, 2]))
            assert np.isfinite(value) and np.all(np.isfinite(g_readout))
            assert g_readout.dtype == np.float32


def test_max_over_time_prefers_the_earliest():
    readout = np.array([[[0.0, 1.0], [2.0, 1.0], [2.0, 0.5]]])
    _, g = losses.MaxOverTime()(readout, np.array([0]))
    assert np.argwhere(g[0]).tolist() == [[0, 1], [1, 0]]


# --- surrogates ----------------------------------------------------------------------------------

# h(0) and area of the table in snnlab/surrogate.py
TABLE = {
    "superspike": (lambda k: 1, lambda k: 2 / k),
    "arctan": (lambda k: k / 2, lambda k: 1),
    "triangle": (lambda k: 1, lambda k: 1 / k),
    "sigmoid": (lambda k: k / 4, lambda k: 1),
    "gaussian": (lambda k: k / np.sqrt(2 * np.pi), lambda k: 1),
    "rectangle": (lambda k: k, lambda k: 1),
}


@pytest.mark.parametrize("k", [0.5, 2.0, 50.0])
@pytest.mark.parametrize("name", surrogate.NAMES)
def test_surrogate(name, k):
    peak, area = (f(k) for f in TABLE[name])
    assert np.isclose(surrogate.slope(name, 0.0, k), peak, rtol=1e-12)
    # substituting u = tan(x) / k brings the tails, down to 1 / u^2, into a bounded interval
    from scipy.integrate import quad

    def integrand(x):
        return surrogate.slope(name, np.tan(x) / k, k) / (k * np.cos(x) ** 2)

    kinks = [-np.pi / 4, -np.arctan(0.5), 0, np.arctan(0.5), np.pi / 4]
    edges = [-np.pi / 2 + 1e-9, *kinks, np.pi / 2 - 1e-9]
    total = sum(quad(integrand, a, b)[0] for a, b in zip(edges[:-1], edges[1:], strict=True))
    assert np.isclose(total, area, rtol=1e-6)
    far = surrogate.soft_step(name, np.array([-1e9, 0.0, 1e9]), k)
    assert np.allclose(far, [0, area / 2, area], atol=1e-6 * area)

    u = np.concatenate([np.linspace(-3, 3, 61), np.linspace(-0.13, 0.13, 53)]) / k
    u = u[np.abs(np.abs(u * k) - 0.5) > 1e-3]  # off the edge of the rectangle
    step = 1e-6 / k
    high, low = (surrogate.soft_step(name, u + d, k) for d in (step, -step))
    assert np.allclose(
        (high - low) / (2 * step), surrogate.slope(name, u, k), rtol=1e-6, atol=2e-6 * peak
    )
    assert np.all(np.diff(surrogate.soft_step(name, np.sort(u), k)) >= 0)


@njit
def slopes(kind, k, u, scratch, h):
    """Surrogate derivatives as the kernel computes them, tile by tile."""
    for j in range(0, len(u), 16):
        vector.store(lif.slope(kind, k, vector.load(u, (j,), 16), scratch, 16), h, (j,))


@pytest.mark.nojit
@pytest.mark.bounds
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", surrogate.NAMES)
def test_surrogate_in_the_kernel(name, dtype):
    wide = np.logspace(-8, 6, 57)
    u = np.concatenate([-wide[::-1], np.zeros(14), wide]).astype(dtype)  # whole tiles
    h, scratch = np.full(len(u), np.nan, dtype), np.empty(16, dtype)
    for k in (0.5, 2.0, 50.0):
        book = surrogate.slope(name, u, k)
        slopes(surrogate.NAMES.index(name), dtype(k), u, scratch, h)
        assert np.all(np.isfinite(book)) and np.all(np.isfinite(h)) and h.max() > 0
        assert np.all(np.isfinite(surrogate.soft_step(name, u, k)))
        assert np.allclose(h, book, rtol=1e-5 if dtype == np.float32 else 1e-13, atol=1e-37)


@pytest.mark.parametrize("name", surrogate.NAMES)
def test_surrogate_keeps_the_dtype(name):
    assert surrogate.slope(name, np.linspace(-1, 1, 5, dtype=np.float32), 2.0).dtype == np.float32


@pytest.mark.parametrize("name", surrogate.NAMES)
def test_surrogate_of_anything_finite(name):
    for dtype in (np.float32, np.float64):
        u = np.array([-0.4, 0.4], dtype) * np.finfo(dtype).max
        assert surrogate.slope(name, u, 2.0).tolist() == [0, 0] or name == "superspike"


# --- an independent framework --------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("fires", [False, True])
@pytest.mark.parametrize("detach", [True, False])
@pytest.mark.parametrize("reset", ["subtract", "zero"])
def test_gradients_of_torch(reset, detach, fires):
    torch = pytest.importorskip("torch")
    k = 4.0
    shapes = {
        "superspike": lambda u: 1 / (1 + k * u.abs()) ** 2,
        "arctan": lambda u: k / 2 / (1 + (torch.pi / 2 * k * u) ** 2),
        "triangle": lambda u: torch.relu(1 - k * u.abs()),
        "sigmoid": lambda u: k * torch.sigmoid(k * u) * torch.sigmoid(-k * u),
        "gaussian": lambda u: k * torch.exp(-0.5 * (k * u) ** 2) / (2 * torch.pi) ** 0.5,
        "rectangle": lambda u: k * (u.abs() < 0.5 / k).double(),
    }

    class Spike(torch.autograd.Function):
        @staticmethod
        def forward(ctx, u, name):
            ctx.save_for_backward(u)
            ctx.name = name
            return (u > 0).double()

        @staticmethod
        def backward(ctx, g):
            return g * shapes[ctx.name](*ctx.saved_tensors), None

    def run(x, weights, neurons):
        for w, neuron in zip(weights, neurons, strict=True):
            size = x.shape[0], w.shape[1]
            a, b = float(neuron.decay_syn), float(neuron.decay_mem)
            current = v = z = torch.zeros(size, dtype=torch.double)
            potentials, spikes = [], []
            for t in range(x.shape[1]):
                current = a * current
                if t >= neuron.delay:
                    current = current + x[:, t - neuron.delay] @ w
                back = z.detach() if detach else z
                if isinstance(neuron, LIF) and neuron.reset == "zero":
                    v = v * (1 - back)
                v = b * v + neuron.gain * current
                if isinstance(neuron, LIF):
                    if neuron.reset == "subtract":
                        v = v - neuron.v_th * back
                    z = Spike.apply(v - neuron.v_th, neuron.surrogate)
                    spikes.append(z)
                potentials.append(v)
            x = torch.stack(spikes or potentials, dim=1)
        return x

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for seed, name in enumerate(surrogate.NAMES):
        rng = np.random.default_rng(seed)
        neuron = LIF(
            tau_mem=4.0,
            tau_syn=2.5,
            dt=1.0,
            gain=0.7,
            v_th=0.9,
            delay=seed % 2,
            reset=reset,
            detach_reset=detach,
            surrogate=name,
            steepness=k,
        )
        last = neuron if fires else LeakyIntegrator(tau_mem=6.0, tau_syn=3.0, dt=1.0, gain=1.3)
        network = Network((6, 20, 5, 4), neuron, n_steps=10, rng=0, readout=last, dtype=np.float64)
        for layer, w in enumerate(network.weights):
            w[...] = rng.normal(0.3 + 0.1 * (layer > 0), 0.5, w.shape)
        inputs = SpikeTrains.from_dense(rng.random((35, 10, 6)) < 0.3)
        labels = rng.integers(0, 4, 35)
        trace = network.forward(inputs)
        value, g_readout = (losses.SumOverTime if fires else losses.MaxOverTime)(2.0)(
            trace.readout, labels
        )
        got = network.backward(trace, g_readout)

        weights = [torch.tensor(np.array(w), requires_grad=True) for w in network.weights]
        readout = run(torch.tensor(inputs.to_dense(np.float64)), weights, network.neurons)
        assert np.allclose(trace.readout, readout.detach().numpy(), rtol=0, atol=1e-12)
        scores = readout.sum(dim=1) if fires else readout.max(dim=1).values
        objective = torch.nn.functional.cross_entropy(2.0 * scores, torch.tensor(labels))
        objective.backward()
        assert np.isclose(value, objective.item(), rtol=1e-12)
        assert_close(got, [w.grad.numpy() for w in weights], 1e-9)
        assert trace.hidden_counts().mean() > 5 and all(g.any() for g in got)
    torch.set_num_threads(threads)


# --- what must not reach a kernel ----------------------------------------------------------------


def test_backward_refuses_what_does_not_fit():
    network, inputs = build(n_hidden=1, fires=False)
    trace = network.forward(inputs)
    good = np.zeros_like(trace.readout)
    with pytest.raises(TypeError, match="trace"):
        network.backward(good, good)
    with pytest.raises(ValueError, match="g_readout"):
        network.backward(trace, good[:, 1:])
    with pytest.raises(ValueError, match="g_readout"):
        network.backward(trace, good + np.nan)
    for wrong in ([None, None], [good], [np.zeros((4, 2, 20))], [np.zeros((1, 1, 20))]):
        with pytest.raises(ValueError, match="g_spikes"):
            network.backward(trace, good, g_spikes=wrong)
    with pytest.raises(ValueError, match="potentials"):
        network.backward(network.forward(inputs, potentials=False), good)
    single, _ = build(n_hidden=1, dtype=np.float32)
    with pytest.raises(ValueError, match="float32"):
        single.backward(trace, good)
    other, _ = build(n_hidden=2)
    with pytest.raises(ValueError, match="layers"):
        other.backward(trace, good)


def test_backward_refuses_a_readout_of_other_size():
    network, inputs = build(n_hidden=1)
    trace = network.forward(inputs)
    measured = Trace.measured(inputs, trace.v[:-1], trace.spikes, trace.readout[:, :, :2])
    with pytest.raises(ValueError, match="readout|trace"):
        network.backward(measured, np.zeros((4, N_STEPS, 2)))


def test_backward_refuses_gradients_of_another_network():
    network, inputs = build(n_hidden=1)
    neuron = LIF.brainscales2()
    larger = Network((9, 40, 8), neuron, n_steps=N_STEPS, rng=0, dtype=np.float64)
    wide = SpikeTrains.from_dense(np.zeros((4, N_STEPS, 9)))
    trace = larger.forward(wide)
    foreign = larger.backward(trace, np.zeros_like(trace.readout))
    trace = network.forward(inputs)
    with pytest.raises(ValueError, match="out"):
        network.backward(trace, np.zeros_like(trace.readout), out=foreign)


def test_trace_is_reused_for_another_kind_of_input():
    network, inputs = build(n_hidden=1, batch=4)
    current = ConstantCurrent(np.ones((4, 5)), N_STEPS)
    trace = network.forward(current)
    network.backward(trace, np.ones_like(trace.readout))
    trace = network.forward(inputs, out=trace)
    got = network.backward(trace, np.ones_like(trace.readout))
    fresh = network.forward(inputs)
    assert_close(got, network.backward(fresh, np.ones_like(fresh.readout)))


@pytest.mark.bounds
def test_weights_that_are_not_numbers_break_no_memory():
    """Padded units then get errors that are not numbers; they must not be listed."""
    net = Network((8, 20, 20, 20, 3), LIF.brainscales2(), n_steps=24, rng=1, spread=2.0)
    inputs = SpikeTrains.from_dense(np.random.default_rng(0).random((4, 24, 8)) < 0.3)
    trace = net.forward(inputs)
    net.weights[3][...] = np.nan
    gradients = net.backward(trace, np.ones(trace.readout.shape, np.float32))
    assert not all(np.isfinite(g).all() for g in gradients)
