"""Compressed networks against the networks they were made from."""

import pickle

import numpy as np
import pytest

from snnlab import (
    LIF,
    ConstantCurrent,
    Network,
    SpikeTrains,
    Substrate,
    Values,
    encode,
    evaluate,
    rewiring,
    sparse,
    time_to_decision,
    train,
)
from snnlab.learning.evaluation import predict_scores

SIZES = (20, 70, 40, 5)
NEURON = {"tau_mem": 4e-3, "tau_syn": 3e-3, "dt": 1e-3, "gain": 0.5}


def make(sizes=SIZES, connectivity=0.2, *, n_steps=12, readout="LIF", seed=0, **settings):
    """A pruned network, its neurons' constants changed by ``settings``."""
    dtype = settings.pop("dtype", np.float32)
    neuron = settings.pop("neuron", None) or LIF(**NEURON | settings)
    last = LIF(**NEURON | settings)
    last = last if readout == "LIF" else last.integrator()
    rng = np.random.default_rng(seed)
    network = Network(
        sizes, neuron, n_steps=n_steps, rng=rng, readout=last, spread=3.0, dtype=dtype
    )
    for w in network.weights:
        w *= (rng.random(w.shape) < connectivity) / np.sqrt(connectivity)
    return network


def some(kind, network, n=70, seed=1):
    """Inputs; 70 samples are one whole block of lanes and a rest."""
    rng = np.random.default_rng(seed)
    x = rng.random((n, network.sizes[0])) * (rng.random((n, network.sizes[0])) < 0.6)
    x = x.astype(network.dtype)
    if kind == "current":
        return encode.constant_current(x - network.dtype.type(0.1), n_steps=network.n_steps)
    return encode.latency(x, n_steps=network.n_steps, dt=network.dt)


def among(train, units):
    """Spikes of some units only."""
    z = train.to_dense()
    z[:, :, np.setdiff1d(np.arange(z.shape[2]), units)] = 0
    return SpikeTrains.from_dense(z)


def same(network, inputs, **settings):
    """The compressed network's trace, after a look that it is the network's."""
    fast = network.compressed(**settings)
    wanted, got = network.forward(inputs, potentials=False), fast.forward(inputs)
    for a, b, units in zip(wanted.spikes, got.spikes, fast.units, strict=False):
        assert a.counts().sum() > 0, "nothing to compare"
        assert b == (a if settings.get("unheard") else among(a, units))
        parts = b.compact()  # sorted, in range, none doubled: or SpikeTrains refuses
        SpikeTrains(parts.indptr, parts.step, parts.unit, b.n_steps, b.n_units)
    if isinstance(inputs, ConstantCurrent) and not network.spiking_readout:
        tolerance = 1e-4 if network.dtype == np.float32 else 1e-11
        assert np.allclose(got.readout, wanted.readout, tolerance, tolerance)
    else:
        assert np.array_equal(got.readout, wanted.readout)
    return got


# --- equal to the network --------------------------------------------------------------------


@pytest.mark.bounds
@pytest.mark.nojit
@pytest.mark.parametrize("kind", ["events", "current"])
@pytest.mark.parametrize("threshold", [0, 1])
def test_smallest_case(kind, threshold):
    network = make((6, 9, 7, 3), 0.5, n_steps=5, refractory=1e-3)
    same(network, some(kind, network, n=4), threshold=threshold)


@pytest.mark.bounds
@pytest.mark.parametrize("readout", ["LIF", "integrator"])
@pytest.mark.parametrize("kind", ["events", "current"])
@pytest.mark.parametrize("threshold", [0, 1])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"dtype": np.float64},
        {"reset": "zero", "tau_syn": None, "gain": 1.5},
        {"delay": 2, "n_steps": 15},
        {"refractory": 2e-3},
        {"refractory": 2e-3, "reset": "zero", "delay": 1},
    ],
    ids=str,
)
def test_equal_to_the_network(kind, readout, threshold, changes):
    network = make(readout=readout, **changes)
    inputs = some(kind, network)
    same(network, inputs, threshold=threshold)
    same(network, inputs, threshold=threshold, unheard=True)


@pytest.mark.parametrize("kind", ["events", "current"])
@pytest.mark.parametrize("threshold", [0, 1])
def test_values_per_neuron(kind, threshold):
    rng = np.random.default_rng(3)
    own = {"tau_mem": rng.uniform(2e-3, 6e-3, 70), "v_th": rng.uniform(0.5, 1.5, 70)}
    own["refractory"] = rng.integers(0, 3, 70) * 1e-3
    network = make(neuron=[LIF(**NEURON | own), LIF(**NEURON)])
    same(network, some(kind, network), threshold=threshold)


@pytest.mark.parametrize("kind", ["events", "current"])
@pytest.mark.parametrize("n_steps", [1, 100])
def test_one_step_and_many(kind, n_steps):
    network = make(n_steps=n_steps)
    for w in network.weights:
        w *= 3  # a step is short
    same(network, some(kind, network), threshold=1)


@pytest.mark.parametrize("kind", ["events", "current"])
def test_without_hidden_layers(kind):
    network = make((20, 5), readout="integrator", neuron=[], connectivity=0.5)
    inputs = some(kind, network)
    for threshold in (0, 1):
        got = network.compressed(threshold).forward(inputs).readout
        assert np.allclose(got, network.forward(inputs).readout, 1e-5, 1e-6)
        assert np.abs(got).max() > 0.1


def test_a_negative_gain():
    """Then a weak drive may be the loudest: all units are simulated."""
    network = make(neuron=[LIF(**NEURON | {"gain": -0.5}), LIF(**NEURON)])
    same(network, some("current", network), threshold=1)


@pytest.mark.parametrize("kind", ["events", "current"])
def test_any_number_of_threads(kind):
    network = make((20, 300, 10), n_steps=20)
    inputs = some(kind, network, n=200)
    traces = []
    for workers in (1, 3):
        network.workers = workers
        traces.append(network.compressed().forward(inputs))
    assert np.array_equal(traces[0].readout, traces[1].readout)
    assert traces[0].hidden[0] == traces[1].hidden[0]


def test_a_sample_does_not_depend_on_its_batch():
    network = make()
    inputs, fast = some("current", network, n=130), network.compressed(1.0)
    whole = fast.forward(inputs)
    for part in (slice(0, 1), slice(60, 70), slice(63, 130)):
        assert fast.forward(inputs[part]).spikes[-1] == whole.spikes[-1][part]


def test_grad_r_neurons_after_pruning():
    """Chen et al.'s network in small, pruned by a rule, rates read out."""
    rng = np.random.default_rng(0)
    neuron = LIF.grad_r()
    network = Network((20, 60, 3), neuron, n_steps=8, rng=0, readout=neuron)
    x, labels = rng.random((120, 20)), rng.integers(0, 3, 120)
    x[np.arange(120), labels] += 3
    inputs = encode.constant_current(x, n_steps=8)
    rule = rewiring.Magnitude(0.02, 0.8, start=4)
    settings = {"epochs": 12, "rng": 1, "loss": "rate_mse", "progress": False}
    train(network, inputs, labels, optimizer=rule, **settings)
    fast = network.compressed()
    whole = evaluate(network, inputs, labels, loss="rate_mse")
    part = evaluate(fast, inputs, labels, loss="rate_mse")
    assert whole.accuracy > 0.6 and part.accuracy == whole.accuracy
    assert np.array_equal(part.predictions, whole.predictions)
    same(network, inputs)


# --- which units are simulated ---------------------------------------------------------------


def test_only_units_in_use_are_simulated():
    network = make(connectivity=1.0)
    network.weights[0][:, 3] = 0  # no inputs
    network.weights[1][4] = 0  # no outputs
    fast, all_heard = network.compressed(), network.compressed(unheard=True)
    assert fast.units[0].tolist() == [j for j in range(70) if j not in (3, 4)]
    assert all_heard.units[0].tolist() == [j for j in range(70) if j != 3]
    assert fast.n_synapses.tolist() == [20 * 68, 68 * 40, 40 * 5]
    inputs = some("events", network)
    unit = network.forward(inputs).spikes[0].unit_counts()[:, 4].sum()
    lost = predict_scores(all_heard, inputs)[1].sum() - predict_scores(fast, inputs)[1].sum()
    assert lost == unit > 0
    hidden = predict_scores(network, inputs)[1]
    assert np.array_equal(predict_scores(all_heard, inputs)[1], hidden)


def test_a_dead_network_is_silent():
    network = make()
    network.weights[1][...] = 0
    for kind in ("events", "current"):
        inputs = some(kind, network)
        for threshold in (0, 1):
            trace = network.compressed(threshold).forward(inputs)
            assert trace.readout.max() == 0 and trace.hidden_counts().max() == 0


# --- the threshold between dense and compressed ------------------------------------------------


def test_threshold_decides_layer_by_layer():
    network = make((20, 70, 40, 30), connectivity=1.0)
    rng = np.random.default_rng(0)
    for w, share in zip(network.weights, (0.5, 0.1, 1.0), strict=True):
        w *= rng.random(w.shape) < share
    assert network.compressed(0.3).on_rows() == [False, True, False]
    assert network.compressed(0.7).on_rows() == [True, True, False]
    assert network.compressed(1).on_rows() == [True] * 3
    assert network.compressed(0).on_rows() == [False] * 3


def test_memory_follows_the_synapses():
    network = make((200, 300, 10), connectivity=0.02)
    fast = network.compressed(1.0)
    for kind in ("events", "current"):
        fast.forward(some(kind, network, n=2))
    assert fast.nbytes < 0.2 * network.parameters.nbytes
    thick = network.compressed(0)
    before = thick.nbytes
    thick.forward(some("events", network, n=2))
    assert thick.nbytes > before


# --- a constant drive that is never enough -----------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("changes", [{}, {"tau_syn": None}, {"delay": 3}, {"v_th": 0.2}], ids=str)
def test_the_loudest_silence_is_exact(changes, dtype):
    """One unit in the last place more, and the network itself spikes."""
    neuron = LIF(**NEURON | changes)
    x = sparse.loudest_silence(neuron, 9, dtype=dtype)
    assert x.dtype == dtype and x[0] > 0
    network = Network((1, 1), [], n_steps=9, rng=0, readout=neuron, dtype=dtype)
    network.weights[0][...] = 1
    drives = np.array([[x[0]], [np.nextafter(x[0], dtype(np.inf))], [x[0] / 2], [-x[0]]], dtype)
    counts = network.forward(ConstantCurrent(drives, 9)).spikes[0].counts()
    assert counts[0] == 0 and counts[1] > 0 and not counts[2:].any()


def test_the_loudest_silence_approaches_its_limit():
    neuron = LIF(**NEURON)
    got = sparse.loudest_silence(neuron, 500, dtype=np.float64)[0]
    limit = neuron.v_th * (1 - neuron.decay_syn) * (1 - neuron.decay_mem) / neuron.gain
    assert got == pytest.approx(limit, rel=1e-12)


def test_what_no_drive_or_any_drive_can_do():
    late = sparse.loudest_silence(LIF(**NEURON, delay=9), 9)
    deaf = sparse.loudest_silence(LIF(**NEURON | {"gain": 0.0}), 9)
    odd = sparse.loudest_silence(LIF(**NEURON | {"gain": (-1.0, 1.0)}), 9, n=2)
    assert late[0] == deaf[0] == np.inf
    assert odd[0] == -np.inf and 0 < odd[1] < np.inf
    for start in (0.5, (0.0, 0.5)):  # a weaker drive is enough then
        with pytest.raises(ValueError, match="neuron must begin at rest"):
            sparse.loudest_silence(LIF(**NEURON, v_init=start), 9, n=2)


# --- a network to be read only -----------------------------------------------------------------


def test_it_is_a_copy():
    network = make()
    inputs, fast = some("events", network), network.compressed()
    before = fast.forward(inputs).readout.copy()
    network.weights[0][...] = 0
    assert np.array_equal(fast.forward(inputs).readout, before)
    again = pickle.loads(pickle.dumps(fast))
    assert np.array_equal(again.forward(inputs).readout, before)


def test_it_says_what_it_is():
    network = make()
    fast = network.compressed()
    for name in ("sizes", "neurons", "n_steps", "dtype", "dt", "spiking_readout"):
        assert getattr(fast, name) == getattr(network, name)
    text = repr(fast)
    assert "20-70-40-5" in text and f"{fast.n_synapses.sum():,} synapses" in text


@pytest.mark.parametrize("kind", ["events", "current"])
def test_memory_of_a_trace_is_used_again(kind):
    network = make()
    fast, inputs = network.compressed(1.0), some(kind, network)
    wanted = network.forward(inputs, potentials=False)
    out = fast.forward(some(kind, network, seed=5))
    assert fast.forward(inputs, out=out) is out
    assert out.spikes[-1] == wanted.spikes[-1] and np.array_equal(out.readout, wanted.readout)
    # traces of the two kinds lie differently in memory: each makes its own
    assert network.forward(inputs, potentials=False, out=out) is not out
    assert fast.forward(inputs, out=wanted) is not wanted
    assert network.compressed(1.0).forward(inputs[:5], out=out) is not out


def test_spikes_of_one_network_feed_the_next():
    first, second = make((20, 30, 20)), make((20, 30, 5), seed=4)
    a = first.compressed(1.0).forward(some("events", first))
    b = second.compressed(1.0).forward(a.spikes[-1])
    dense = second.forward(first.forward(some("events", first)).spikes[-1])
    assert b.spikes[-1] == dense.spikes[-1]


def test_time_to_decision_takes_it():
    network = make(readout="integrator")
    inputs = some("events", network)
    labels = np.arange(len(inputs)) % 5
    whole, fast = (time_to_decision(net, inputs, labels) for net in (network, network.compressed()))
    assert np.array_equal(whole.accuracy, fast.accuracy)


@pytest.mark.bounds
@pytest.mark.parametrize("threshold", [0, 1])
def test_values_are_refused(threshold):
    """There are no events in them to follow: they were taken for silence."""
    network = make((6, 9, 3), 0.5, n_steps=5, readout="integrator")
    inputs = Values(np.random.default_rng(0).normal(1, 1, (4, 5, 6)))
    fast = network.compressed(threshold)
    with pytest.raises(TypeError, match="inputs must be SpikeTrains or ConstantCurrent"):
        fast.forward(inputs)
    with pytest.raises(TypeError, match="inputs must be SpikeTrains or ConstantCurrent"):
        evaluate(fast, inputs, np.zeros(4, int))


def test_a_chip_and_training_are_refused():
    network = make(readout="integrator")
    inputs, labels = some("events", network), np.zeros(70, int)
    fast = network.compressed()
    with pytest.raises(TypeError, match="no compressed network runs on a chip"):
        predict_scores(fast, inputs, substrate=Substrate(0))
    with pytest.raises(TypeError, match="a CompressedNetwork is not trained"):
        train(fast, inputs, labels, epochs=1, rng=0, progress=False)


def test_bad_arguments_are_named():
    network = make()
    inputs, fast = some("events", network), network.compressed()
    for value in (-0.1, 1.1):
        with pytest.raises(ValueError, match="threshold"):
            network.compressed(value)
    with pytest.raises(TypeError, match="threshold"):
        network.compressed("half")
    with pytest.raises(TypeError, match="unheard"):
        network.compressed(unheard=1)
    with pytest.raises(TypeError, match="network must be a Network"):
        sparse.CompressedNetwork(fast)
    with pytest.raises(ValueError, match="potentials"):
        fast.forward(inputs, potentials=True)
    with pytest.raises(ValueError, match="dropout"):
        fast.forward(inputs, dropout=[None, None])
    with pytest.raises(TypeError, match="inputs"):
        fast.forward(np.zeros((2, 20)))
    with pytest.raises(ValueError, match="inputs"):
        fast.forward(ConstantCurrent(np.zeros((2, 3)), network.n_steps))
    with pytest.raises(TypeError, match="out"):
        fast.forward(inputs, out=3)
    with pytest.raises(TypeError, match="neuron"):
        sparse.loudest_silence(LIF(**NEURON).integrator(), 9)
    with pytest.raises(ValueError, match="n_steps"):
        sparse.loudest_silence(LIF(**NEURON), 0)
