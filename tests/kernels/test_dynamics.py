"""Forward pass: hand-worked traces, closed forms, and kernel = textbook = loop over one neuron."""

from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
import pytest
import reference

from snnlab import surrogate, textbook
from snnlab.currents import ConstantCurrent
from snnlab.kernels import lif
from snnlab.network import Network
from snnlab.neurons import LIF, LeakyIntegrator
from snnlab.signals import SpikeTrains

# 1 - dt / tau = 1/2 exactly
HALF = {"tau_mem": 2.0, "tau_syn": None, "dt": 1.0, "method": "euler"}


def trains(n_steps, n_units, *samples):
    """`SpikeTrains` from one list of (step, unit) per sample."""
    z = np.zeros((len(samples), n_steps, n_units))
    for s, events in enumerate(samples):
        for step, unit in events:
            z[s, step, unit] = 1
    return SpikeTrains.from_dense(z)


def single_layer(neuron, weights, n_steps, dtype=np.float64):
    """A network of one layer, with these weights."""
    weights = np.asarray(weights, dtype)
    network = Network(weights.shape, [], n_steps=n_steps, rng=0, readout=neuron, dtype=dtype)
    network.weights[0][...] = weights
    return network


def potentials(neuron, weights, inputs, dtype=np.float64):
    """Trace of the one layer: v and z of the first sample."""
    trace = single_layer(neuron, weights, inputs.n_steps, dtype).forward(inputs)
    return trace.v[-1][0], (trace.spikes[-1].to_dense()[0] if trace.spiking_readout else None)


# --- traces worked out by hand -------------------------------------------------------------------
# a = 0, b = 1/2, threshold 1. Units 0 and 1 have the weights 1.25 and 0.75; unit 1 spikes in steps
# 0 and 1, unit 0 in step 3, unit 1 in step 4, both in step 5: the currents are
#     0.75  0.75  0  1.25  0.75  2  0
DRIVEN = trains(7, 2, [(0, 1), (1, 1), (3, 0), (4, 1), (5, 0), (5, 1)])
GOLDEN = {
    # v1 = 0.375 + 0.75 = 1.125, a spike; v2 = 0.5625 - 1; v3 = -0.21875 + 1.25, a spike;
    # v4 = 0.515625 + 0.75 - 1; v5 = 0.1328125 + 2, a spike; v6 = 1.06640625 - 1
    ("subtract", 0): [0.75, 1.125, -0.4375, 1.03125, 0.265625, 2.1328125, 0.06640625],
    # after a spike nothing is left: v2 = 0, v3 = 1.25, v4 = 0.75; v5 = 0.375 + 2; v6 = 0
    ("zero", 0): [0.75, 1.125, 0.0, 1.25, 0.75, 2.375, 0.0],
    # held at 0 in the step after a spike: v2 and v4 and v6; v3 = 1.25, v5 = 2
    ("subtract", 1): [0.75, 1.125, 0.0, 1.25, 0.0, 2.0, 0.0],
    # held for two steps: v2 = v3 = 0; v4 = 0.75; v5 = 0.375 + 2, a spike; v6 = 0
    ("subtract", 2): [0.75, 1.125, 0.0, 0.0, 0.75, 2.375, 0.0],
    ("zero", 2): [0.75, 1.125, 0.0, 0.0, 0.75, 2.375, 0.0],
}


@pytest.mark.nojit
@pytest.mark.bounds
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("reset", "hold"), GOLDEN)
def test_golden_trace(reset, hold, dtype):
    neuron = LIF(**HALF, reset=reset, refractory=float(hold))
    v, z = potentials(neuron, [[1.25], [0.75]], DRIVEN, dtype)
    expected = GOLDEN[reset, hold]
    assert v[:, 0].tolist() == expected  # powers of two: exact in either precision
    assert z[:, 0].tolist() == [x > 1 for x in expected]
    assert sum(x > 1 for x in expected) >= 2


@pytest.mark.nojit
@pytest.mark.parametrize(
    ("reset", "expected"),
    [
        # one weight of 1.25, spikes in steps 0 and 3, a = b = 1/2; the current is
        #     1.25  0.625  0.3125  1.40625  0.703125  0.3515625
        # v0 = 1.25, a spike; v1 = 0.625 + 0.625 - 1; v2 = 0.125 + 0.3125;
        # v3 = 0.21875 + 1.40625, a spike; v4 = 0.8125 + 0.703125 - 1; v5 = 0.2578125 + 0.3515625
        ("subtract", [1.25, 0.25, 0.4375, 1.625, 0.515625, 0.609375]),
        # v1 = 0.625; v2 = 0.3125 + 0.3125; v3 = 0.3125 + 1.40625, a spike; v4 = 0.703125;
        # v5 = 0.3515625 + 0.3515625
        ("zero", [1.25, 0.625, 0.625, 1.71875, 0.703125, 0.703125]),
    ],
)
def test_golden_trace_with_synapse(reset, expected):
    neuron = LIF(**HALF | {"tau_syn": 2.0}, reset=reset)
    v, z = potentials(neuron, [[1.25]], trains(6, 1, [(0, 0), (3, 0)]))
    assert v[:, 0].tolist() == expected
    assert np.flatnonzero(z[:, 0]).tolist() == [0, 3]


def test_threshold_is_strict():
    # weight 1, a = b = 1/2: v0 = 1 and v1 = 1/2 + 1/2 are exactly at threshold, and do not spike
    neuron = LIF(**HALF | {"tau_syn": 2.0})
    v, z = potentials(neuron, [[1.0]], trains(3, 1, [(0, 0)]))
    assert v[:, 0].tolist() == [1, 1, 0.75] and not z.any()
    above = neuron.replace(v_th=float(np.nextafter(1, 0)))
    assert potentials(above, [[1.0]], trains(3, 1, [(0, 0)]))[1][0, 0] == 1


@pytest.mark.parametrize("fires", [False, True])
def test_golden_constant_current(fires):
    # x w = 0.75 in every step from step 1 on (delay 1); v: 0, 0.75, 1.125 (a spike), ...
    if fires:  # 0.5625 + 0.75 - 1 = 0.3125; 0.90625; 0.453125 + 0.75 = 1.203125, a spike
        neuron = LIF(**HALF, delay=1)
        expected = [0, 0.75, 1.125, 0.3125, 0.90625, 1.203125]
    else:
        neuron = LeakyIntegrator(**HALF, delay=1)
        expected = [0, 0.75, 1.125, 1.3125, 1.40625, 1.453125]
    v, _ = potentials(neuron, [[1.5]], ConstantCurrent(np.array([[0.5]]), 6))
    assert v[:, 0].tolist() == expected


# --- presets and closed forms --------------------------------------------------------------------


def test_brainscales2_constants():
    neuron = LIF.brainscales2()
    assert round(neuron.decay_mem, 4) == round(neuron.decay_syn, 4) == 0.7533
    assert (neuron.gain, neuron.v_th, neuron.refractory, neuron.delay) == (1, 1, 0, 0)
    assert (neuron.reset, neuron.surrogate, neuron.steepness) == ("subtract", "superspike", 50)
    assert neuron.detach_reset
    v, _ = potentials(neuron.integrator(), [[0.2625]], trains(30, 1, [(0, 0)]))
    assert round(v.max() / 0.2625, 2) == 1.71  # so the largest weight of the chip reaches 0.449
    assert round(v.max(), 3) == 0.449


def test_grad_r_constants():
    neuron = LIF.grad_r()
    assert (neuron.decay_mem, neuron.decay_syn, neuron.gain, neuron.v_th) == (0.5, 0, 0.5, 1)
    assert (neuron.reset, neuron.surrogate, neuron.steepness) == ("zero", "arctan", 2)
    assert neuron.detach_reset
    # v += (x - v) / 2 with x = 1.6: 0.8, 1.2 (a spike), 0.8, ...
    v, z = potentials(neuron, [[1.6]], ConstantCurrent(np.ones((1, 1)), 5))
    assert np.allclose(v[:, 0], [0.8, 1.2, 0.8, 1.2, 0.8], rtol=1e-15)
    assert z[:, 0].tolist() == [0, 1, 0, 1, 0]


@pytest.mark.parametrize("method", ["exact", "euler"])
@pytest.mark.parametrize(("tau_mem", "tau_syn"), [(7.0, 7.0), (9.0, 3.0), (2.0, 5.0), (4.0, None)])
def test_response_to_one_spike(tau_mem, tau_syn, method):
    neuron = LeakyIntegrator(tau_mem=tau_mem, tau_syn=tau_syn, dt=0.5, gain=1.5, method=method)
    v, _ = potentials(neuron, [[-0.3]], trains(40, 1, [(3, 0)]))
    a, b = (reference.decay(tau, 0.5, method) for tau in (tau_syn, tau_mem))
    expected = np.concatenate([np.zeros(3), reference.psp(37, a, b, -0.3, 1.5)])
    assert np.allclose(v[:, 0], expected, rtol=1e-13, atol=1e-16)


def test_response_tends_to_the_continuous_one():
    # dI/dt = -I / tau_s, dv/dt = -v / tau_m + I: v = w (e^(-t/tau_m) - e^(-t/tau_s)) tau/(...)
    tau_m, tau_s, dt = 10e-3, 4e-3, 1e-6
    neuron = LeakyIntegrator(tau_mem=tau_m, tau_syn=tau_s, dt=dt, gain=dt)
    v, _ = potentials(neuron, [[1.0]], trains(30_000, 1, [(0, 0)]))
    t = np.arange(30_000) * dt
    exact = (np.exp(-t / tau_m) - np.exp(-t / tau_s)) / (1 / tau_s - 1 / tau_m)
    assert np.abs(v[:, 0] - exact).max() < 1e-3 * exact.max()


@pytest.mark.parametrize("refractory", [0.0, 3e-3])
def test_rate_curve(refractory):
    """Constant current, hard reset: the analytic f-I curve, within one spike."""
    tau, dt, n_steps = 20e-3, 2e-5, 10_000
    levels = np.array([0.5, 0.99, 1.02, 1.1, 1.3, 1.7, 2.2, 3.0])
    neuron = LIF(
        tau_mem=tau,
        tau_syn=None,
        dt=dt,
        gain=1 - np.exp(-dt / tau),
        reset="zero",
        refractory=refractory,
    )
    network = single_layer(neuron, np.eye(len(levels)), n_steps)
    spikes = network.forward(ConstantCurrent(levels[None], n_steps)).spikes[0]
    counts = spikes.unit_counts()[0]
    expected = [n_steps * dt * reference.firing_rate(x, tau, 1.0, refractory) for x in levels]
    assert counts[:2].tolist() == [0, 0] and counts[-1] > 10
    assert np.all(np.abs(counts - expected) < 1)


def test_refractory_is_the_shortest_interval():
    # driven far above threshold, a neuron spikes again as soon as it may: every 1 + hold steps
    for hold in (0, 1, 4):
        neuron = LIF(tau_mem=5.0, tau_syn=5.0, dt=0.5, reset="zero", refractory=0.5 * hold)
        _, z = potentials(neuron, [[9.0]], ConstantCurrent(np.ones((1, 1)), 24))
        assert np.flatnonzero(z[:, 0]).tolist() == list(range(0, 24, 1 + hold))


@pytest.mark.parametrize("fires", [False, True])
@pytest.mark.parametrize("delay", [1, 2, 5, 30])
def test_delay_shifts_by_so_many_steps(fires, delay):
    rng = np.random.default_rng(delay)
    inputs = SpikeTrains.from_dense(rng.random((1, 12, 4)) < 0.3)
    neuron = LIF.brainscales2() if fires else LIF.brainscales2().integrator()
    weights = rng.normal(0.3, 0.5, (4, 3))
    now, _ = potentials(neuron, weights, inputs)
    late, _ = potentials(neuron.replace(delay=delay), weights, inputs)
    assert not late[:delay].any() and np.array_equal(late[delay:], now[: max(0, 12 - delay)])
    assert now.any()


@pytest.mark.parametrize(("printed", "delay"), [(False, 1), (True, 2)])
def test_equations_of_the_paper(printed, delay):
    """Cramer et al.'s recursions, index for index, through two layers.

    Printed (their eqs 2-3): I[t+1] = a I[t] + W S[t], V[t+1] = b V[t] + I[t] - S[t]. Their code:
    V[t+1] = b V[t] + I[t+1] - S[t]. From a spike S[t] to the potential it moves are two steps in
    the former, V[t+2] = ... + W S[t], and one in the latter.
    """
    rng = np.random.default_rng(5)
    n_steps, a = 20, np.exp(-1.7 / 6)
    inputs = SpikeTrains.from_dense(rng.random((1, n_steps, 6)) < 0.15)
    neuron = LIF.brainscales2(delay=delay)
    network = Network((6, 8, 3), neuron, n_steps=n_steps, rng=0, dtype=np.float64)
    network.weights[0][...] = rng.normal(0.2, 0.4, (6, 8))
    network.weights[1][...] = rng.normal(0, 0.3, (8, 3))
    trace = network.forward(inputs)

    spikes = inputs.to_dense(float)[0]
    for w, v, threshold in zip(network.weights, trace.v, (1, np.inf), strict=True):
        current, potential = np.zeros((2, n_steps, w.shape[1]))
        out = np.zeros_like(potential)
        for t in range(n_steps - 1):
            current[t + 1] = a * current[t] + spikes[t] @ w
            acting = current[t] if printed else current[t + 1]
            potential[t + 1] = a * potential[t] + acting - out[t]
            out[t + 1] = potential[t + 1] - threshold > 0
        assert np.allclose(v[0], potential, rtol=0, atol=1e-12)
        assert out.sum() > 3 or threshold == np.inf
        spikes = out


# --- kernel, textbook and reference --------------------------------------------------------------


def random_case(seed, n_hidden, fires, driven, dtype=np.float64, n_samples=3, n_steps=9):
    """A network and inputs; the seed chooses delays, decays, resets, refractory times."""
    rng = np.random.default_rng(seed)
    sizes = [5, *rng.choice([2, 4, 17, 20], n_hidden).tolist(), 3]
    layers = []
    for k, n in enumerate(sizes[1:]):
        each = (lambda low, high, n=n: rng.uniform(low, high, n)) if (seed + k) % 2 else rng.uniform
        layers.append(
            LIF(
                tau_mem=each(1.5, 6.0),
                tau_syn=[None, each(1.2, 4.0)][rng.integers(2)],
                dt=1.0,
                gain=each(0.5, 1.5),
                v_th=each(0.5, 1.5),
                delay=int(rng.integers(3)),
                method=["exact", "euler"][rng.integers(2)],
                reset=["zero", "subtract"][seed % 2],
                refractory=float(rng.choice([0, 0, 1, 3])),
                surrogate=surrogate.NAMES[seed % 6],
                steepness=3.0,
                detach_reset=bool(rng.integers(2)),
            )
        )
    readout = layers.pop()
    if not fires:
        readout = readout.integrator()
    network = Network(sizes, layers, n_steps=n_steps, rng=rng, readout=readout, dtype=dtype)
    for k, w in enumerate(network.weights):  # strong enough that deep layers spike too
        mean = 0.8 if k > 0 else 0.3
        w[...] = rng.normal(mean, 1.2, w.shape) / np.sqrt(len(w)) * (3 if k > 0 else 2)
    if driven:
        inputs = ConstantCurrent(rng.normal(0, 1.2, (n_samples, 5)), n_steps)
    else:
        inputs = SpikeTrains.from_dense(rng.random((n_samples, n_steps, 5)) < 0.4)
    return network, inputs


def assert_same_as_twins(network, inputs):
    """Potentials and spikes of the kernels, the textbook and the loops agree."""
    trace = network.forward(inputs)
    x = inputs.to_dense(network.dtype)
    slow = reference.network(x, network.weights, network.neurons)
    book = textbook.forward(x, network.weights, network.neurons)
    trains = iter(trace.spikes)
    for k, neuron in enumerate(network.neurons):
        fires = isinstance(neuron, LIF)
        z = next(trains).to_dense(network.dtype) if fires else None
        assert np.allclose(trace.v[k], slow[k][0], rtol=1e-12, atol=1e-12)
        assert np.allclose(book[k][0], slow[k][0], rtol=1e-12, atol=1e-12)
        if fires:
            distance = np.abs(slow[k][0] - np.broadcast_to(neuron.v_th, z.shape[-1:]))
            assert distance.min() > 1e-9, "an unlucky case: rounding decides about a spike"
            assert np.array_equal(z, slow[k][1]) and np.array_equal(book[k][1], slow[k][1])
    shown = textbook.readout(book)
    assert np.allclose(trace.readout, shown, rtol=1e-12, atol=1e-12)
    return trace


@pytest.mark.parametrize("driven", [False, True])
@pytest.mark.parametrize("fires", [False, True])
@pytest.mark.parametrize("n_hidden", [0, 1, 2, 3])
def test_kernel_textbook_and_loops_agree(n_hidden, fires, driven):
    for seed in range(4):
        trace = assert_same_as_twins(*random_case(seed, n_hidden, fires, driven))
        assert trace.readout.any()


@pytest.mark.nojit
@pytest.mark.bounds
@pytest.mark.parametrize("driven", [False, True])
def test_kernel_textbook_and_loops_agree_tiny(driven):
    for seed, fires in ((0, True), (1, False)):
        assert_same_as_twins(*random_case(seed, 2, fires, driven, n_samples=2, n_steps=5))


@pytest.mark.parametrize("reset", ["zero", "subtract"])
def test_silent_and_saturated(reset):
    neuron = LIF(tau_mem=3.0, tau_syn=2.0, dt=1.0, reset=reset, detach_reset=False)
    for weight, count in ((-0.5, 0), (50.0, 2 * 9 * (20 + 6))):
        network = Network((4, 20, 6, 3), neuron, n_steps=9, rng=0, dtype=np.float64)
        network.weights[0][...] = network.weights[1][...] = weight
        inputs = SpikeTrains.from_dense(np.ones((2, 9, 4)))
        trace = assert_same_as_twins(network, inputs)
        assert trace.hidden_counts().sum() == count
        assert trace.readout.any() == (count > 0)


def test_no_events_at_all():
    network = Network((4, 20, 3), LIF.brainscales2(), n_steps=5, rng=0)
    trace = network.forward(SpikeTrains.from_dense(np.zeros((2, 5, 4))))
    assert not trace.readout.any() and not trace.v[0].any()


def test_parameters_per_neuron_are_separate_neurons():
    rng = np.random.default_rng(8)
    n = 18
    inputs = SpikeTrains.from_dense(rng.random((2, 15, 6)) < 0.4)
    values = {
        "tau_mem": rng.uniform(1, 8, n),
        "tau_syn": rng.uniform(1, 8, n),
        "gain": rng.uniform(0.3, 1.5, n),
        "v_th": rng.uniform(0.3, 2, n),
        "refractory": rng.integers(0, 4, n).astype(float),
    }
    weights = rng.normal(0.3, 0.5, (6, n))
    for reset in ("zero", "subtract"):
        shared = single_layer(LIF(**values, dt=1.0, reset=reset), weights, 15).forward(inputs)
        for j in range(n):
            own = {name: x[j] for name, x in values.items()}
            alone = single_layer(LIF(**own, dt=1.0, reset=reset), weights[:, [j]], 15)
            trace = alone.forward(inputs)
            assert np.array_equal(trace.v[0][:, :, 0], shared.v[0][:, :, j])
            assert np.array_equal(trace.readout[:, :, 0], shared.readout[:, :, j])
        assert np.unique(shared.spikes[0].unit_counts()).size > 3
    integrators = LIF(**values, dt=1.0).integrator()
    wide = single_layer(integrators, weights, 15).forward(inputs).readout
    j = 7
    narrow = LeakyIntegrator(
        tau_mem=values["tau_mem"][j], tau_syn=values["tau_syn"][j], gain=values["gain"][j], dt=1.0
    )
    alone = single_layer(narrow, weights[:, [j]], 15).forward(inputs).readout
    assert np.array_equal(alone[:, :, 0], wide[:, :, j])


# --- what a caller may choose --------------------------------------------------------------------


@pytest.mark.bounds
@pytest.mark.parametrize("fires", [False, True])
@pytest.mark.parametrize("driven", [False, True])
def test_without_potentials_the_same(fires, driven):
    network, inputs = random_case(3, 2, fires, driven, n_samples=5)
    kept, not_kept = network.forward(inputs), network.forward(inputs, potentials=False)
    assert kept.spikes == not_kept.spikes
    assert np.array_equal(kept.readout, not_kept.readout) and kept.readout.any()
    with pytest.raises(ValueError, match="potentials=False"):
        _ = not_kept.v


def test_dropout_is_a_network_without_the_others():
    for seed in range(4):
        network, inputs = random_case(2 * seed, 2, bool(seed % 2), seed > 1)
        rng = np.random.default_rng(seed)
        masks = [rng.random(n) < 0.6 for n in network.sizes[1:-1]]
        for mask in masks:
            mask[0] = True
        trace = network.forward(inputs, dropout=masks)
        ways = [np.arange(5), *(np.flatnonzero(mask) for mask in masks), np.arange(3)]
        models = [
            model.replace(
                **{
                    name: np.asarray(getattr(model, name))[way]
                    for name in ("tau_mem", "tau_syn", "gain", "v_th", "refractory")
                    if np.ndim(getattr(model, name, None)) == 1
                }
            )
            for model, way in zip(network.neurons, ways[1:], strict=True)
        ]
        sizes = [len(way) for way in ways]
        small = Network(
            sizes, models[:-1], n_steps=9, rng=0, readout=models[-1], dtype=network.dtype
        )
        for w, given, rows, columns in zip(
            small.weights, network.weights, ways[:-1], ways[1:], strict=True
        ):
            w[...] = given[np.ix_(rows, columns)]
        alone = small.forward(inputs)
        assert np.allclose(trace.readout, alone.readout, rtol=1e-12, atol=1e-14)
        for k, mask in enumerate(masks):
            z, z_alone = (t.spikes[k].to_dense() for t in (trace, alone))
            assert np.array_equal(z[:, :, mask], z_alone) and not z[:, :, ~mask].any()


def test_out_is_reused():
    network, inputs = random_case(4, 2, False, False, n_samples=40)
    other = SpikeTrains.from_dense(np.random.default_rng(9).random((40, 9, 5)) < 0.7)
    fresh = network.forward(inputs)
    assert fresh.hidden_counts().sum() > 0
    for keep in (True, False):
        trace = network.forward(other, potentials=keep)
        assert not np.array_equal(trace.readout, fresh.readout)
        again = network.forward(inputs, potentials=keep, out=trace)
        assert again.readout is trace.readout
        assert again.spikes == fresh.spikes and np.array_equal(again.readout, fresh.readout)
        if keep:
            assert all(np.array_equal(x, y) for x, y in zip(again.v, fresh.v, strict=True))
        smaller = network.forward(inputs[:7], potentials=keep, out=trace)
        assert len(smaller) == 7 and smaller.spikes == [train[:7] for train in fresh.spikes]
        assert np.array_equal(smaller.readout, fresh.readout[:7])
    with_potentials = network.forward(
        inputs, potentials=True, out=network.forward(other, potentials=False)
    )
    assert np.array_equal(with_potentials.v[0], fresh.v[0])


def test_samples_do_not_influence_each_other():
    network, inputs = random_case(6, 1, True, False, n_samples=9)
    together = network.forward(inputs)
    order = np.array([8, 0, 3])
    assert network.forward(inputs[order]).spikes == [train[order] for train in together.spikes]


def test_threads_change_nothing():
    """Many workers, and many callers of one network at a time."""
    rng = np.random.default_rng(1)
    inputs = SpikeTrains.from_dense(rng.random((70, 20, 30)) < 0.2)
    network = Network((30, 100, 40, 10), LIF.brainscales2(), n_steps=20, rng=0, workers=1)
    network.scale_to_activity(inputs, 50)
    alone = network.forward(inputs)
    network.workers = 3
    with ThreadPoolExecutor(4) as pool:
        traces = list(pool.map(lambda _: network.forward(inputs), range(12)))
    for trace in traces:
        assert trace.spikes == alone.spikes
        assert np.array_equal(trace.readout, alone.readout)


# --- compiled and interpreted --------------------------------------------------------------------


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="nothing to compare with")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("driven", [False, True])
def test_kernels_equal_their_python(monkeypatch, dtype, driven):
    """Spike for spike and bit for bit, in either precision."""
    for seed, fires in ((1, False), (2, True), (3, False), (4, True)):
        network, inputs = random_case(seed, 2, fires, driven, dtype)
        compiled = network.forward(inputs)
        with monkeypatch.context() as patch:
            for name, kernel in list(vars(lif).items()):
                if hasattr(kernel, "py_func"):
                    patch.setattr(lif, name, kernel.py_func)
            interpreted = network.forward(inputs)
        assert compiled.spikes == interpreted.spikes
        assert all(np.array_equal(a, b) for a, b in zip(compiled.v, interpreted.v, strict=True))


# --- what must not reach a kernel ----------------------------------------------------------------


def test_forward_refuses_other_inputs():
    network, inputs = random_case(0, 1, False, False)
    with pytest.raises(TypeError, match="inputs"):
        network.forward(inputs.to_dense())
    with pytest.raises(ValueError, match="units"):
        network.forward(SpikeTrains.from_dense(np.zeros((2, 9, 6))))
    with pytest.raises(ValueError, match="steps"):
        network.forward(SpikeTrains.from_dense(np.zeros((2, 8, 5))))
    with pytest.raises(ValueError, match="sample"):
        network.forward(inputs[:0])
    with pytest.raises(ValueError, match="dropout"):
        network.forward(inputs, dropout=[None, None])
    with pytest.raises(ValueError, match="dropout"):
        network.forward(inputs, dropout=[np.ones(network.sizes[1] + 1, bool)])


def test_forward_leaves_a_measured_trace_alone():
    network, _ = random_case(0, 1, True, False)
    full = [np.ones((3, 9, n)) for n in network.sizes[1:]]
    spikes = [SpikeTrains.from_dense(z) for z in full]
    measured = network.forward(SpikeTrains.from_dense(np.zeros((3, 9, 5)))).measured(
        SpikeTrains.from_dense(np.zeros((3, 9, 5))), full, spikes
    )
    network.forward(SpikeTrains.from_dense(np.zeros((3, 9, 5))), out=measured)
    assert all(np.array_equal(train.to_dense(), z) for train, z in zip(spikes, full, strict=True))


def test_forward_keeps_its_precision_whatever_out():
    double, inputs = random_case(1, 1, False, False)
    single, _ = random_case(1, 1, False, False, np.float32)
    trace = single.forward(inputs, out=double.forward(inputs))
    assert trace.readout.dtype == trace.v[0].dtype == np.float32


def test_dropout_must_be_masks():
    network, inputs = random_case(0, 1, False, False)
    for wrong in (np.full(network.sizes[1], np.nan), np.arange(network.sizes[1]) + 2):
        with pytest.raises((TypeError, ValueError), match="dropout"):
            network.forward(inputs, dropout=[wrong])


def test_refractory_longer_than_any_sample():
    neuron = LIF(tau_mem=1.0, tau_syn=None, dt=1e-10, refractory=1.0, method="exact")
    _, z = potentials(neuron, [[2.0]], ConstantCurrent(np.ones((1, 1)), 6))
    assert z[:, 0].tolist() == [1, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("name", ["step", "unit"])
def test_events_beyond_int32_are_refused(name):
    events = {"step": np.array([1]), "unit": np.array([1])} | {name: np.array([2**32])}
    with pytest.raises(ValueError, match=name):
        SpikeTrains(np.array([0, 1]), events["step"], events["unit"], 4, 4)
