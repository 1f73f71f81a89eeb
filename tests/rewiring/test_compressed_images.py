"""Pruned convolutions on single weights give what the network gives, bit for bit."""

import numpy as np
import pytest

from snnlab import LIF, ConstantCurrent, Network, SpikeTrains, Values, evaluate
from snnlab.layers import BatchNorm, Conv, Dense, Pool, Residual, Vote
from snnlab.rewiring.compressed_images import CompressedImages

N = BatchNorm()
NETS = {
    "convs": ((9, 10, 2), Conv(5), Conv(17, 5), Conv(3, kernel=2, padding=0), 4),
    "pools": ((16, 16, 1), Conv(4), Pool(), Conv(6, padding=0), Dense(8), Vote(2)),
    "norms": ((8, 8, 2), Conv(4, norm=N), Conv(4, norm=N), Dense(6, norm=N), 3),
    "others": (
        (10, 20, 1),
        Conv(3),
        Residual(Conv(3)),
        Conv(3, stride=2),
        Pool(1, "average"),
        Conv(2),
        3,
    ),
}


def pruned(net, share=0.2, n_steps=10, dtype=np.float32, neuron=None, workers=None):
    neuron = neuron or LIF.grad_r(v_th=0.2)
    network = Network(NETS[net], neuron, n_steps=n_steps, rng=0, dtype=dtype, workers=workers)
    rng = np.random.default_rng(1)
    for w in network.weights:
        w[rng.random(w.shape) > share] = 0
        w *= 2 / np.sqrt(share)
    if network.normalises:
        network.forward(some("values", network), training=True)
        for block in network.blocks:
            if block.name == "shift":
                block.of(network.parameters)[...] = rng.normal(0.3, 0.3, (1, block.columns))
    return network


def some(kind, network, n=5):
    rng = np.random.default_rng(0)
    shape = n, network.n_steps, network.sizes[0]
    if kind == "events":
        return SpikeTrains.from_dense(rng.random(shape) < 0.3)
    if kind == "current":
        return ConstantCurrent(rng.normal(0, 1, (n, shape[2])), network.n_steps)
    return Values(rng.normal(0, 1, shape))


NEURONS = (
    LIF.grad_r(v_th=0.2),
    LIF.brainscales2(v_th=0.2, refractory=3e-6, delay=2),
    LIF.brainscales2(v_th=0.3, reset="zero"),
)


# each number of steps a kernel is made for, each neuron, both precisions
CASES = tuple(zip((1, 3, 4, 8, 20, 20), 2 * NEURONS, 3 * (np.float32, np.float64), strict=True))


@pytest.mark.rotates
@pytest.mark.bounds
@pytest.mark.parametrize("kind", ["events", "current", "values"])
@pytest.mark.parametrize("net", NETS)
def test_it_is_the_network_bit_for_bit(net, kind):
    for n_steps, neuron, dtype in CASES:
        network = pruned(net, n_steps=n_steps, neuron=neuron, dtype=dtype)
        inputs, fast = some(kind, network), network.compressed(1.0)
        expected = network.forward(inputs, potentials=False)
        got = fast.forward(inputs)
        assert np.array_equal(got.readout, expected.readout)
        assert got.spikes == expected.spikes
        if n_steps > 8:
            assert all(z.counts().any() for z in got.spikes)


def test_which_layers_run_on_single_weights():
    network = pruned("others")
    assert network.compressed(1.0).on_weights() == [True, False, False, False, True, False]
    assert network.compressed(0.0).on_weights() == [False] * 6
    wide = pruned("convs", 0.05)
    assert sum(wide.compressed().on_weights()) == 3
    wide.weights[1][...] = 1
    assert wide.compressed().on_weights() == [True, False, True, False]
    one = Network(
        ((9, 9, 1), Conv(2), 2),
        [LIF.grad_r(v_th=[0.5] * 161 + [1.0])],
        readout=LIF.grad_r(),
        n_steps=3,
        rng=0,
    )
    assert one.compressed(1.0).on_weights() == [False, False]


@pytest.mark.bounds
@pytest.mark.nojit
def test_a_small_one():
    network = Network(((3, 9, 2), Conv(2), Conv(2), 2), LIF.grad_r(v_th=0.1), n_steps=3, rng=0)
    inputs = some("events", network, 2)
    got = network.compressed(1.0).forward(inputs)
    assert got.spikes == network.forward(inputs).spikes and got.spikes[1].counts().any()


def test_it_never_changes_and_is_evaluated_as_the_network_is():
    network = pruned("pools", workers=2)
    inputs, fast = some("current", network, 40), network.compressed(1.0)
    labels = np.arange(40) % 2
    expected = evaluate(network, inputs, labels)
    network.parameters[...] = 0
    got = evaluate(fast, inputs, labels, batch_size=7)
    assert got.accuracy == expected.accuracy and got.hidden_spikes == expected.hidden_spikes
    assert repr(fast).startswith("CompressedImages(Network(") and fast.n_synapses.sum() > 0
    assert (fast.sizes, fast.n_steps, fast.dtype) == (
        network.sizes,
        network.n_steps,
        network.dtype,
    )
    trace = fast.forward(inputs)
    assert fast.forward(inputs, out=trace) is trace


def test_what_it_cannot_do_is_refused():
    network = pruned("pools")
    fast, inputs = network.compressed(), some("current", network)
    for wrong, error in (
        ({"potentials": True}, ValueError),
        ({"dropout": [None]}, ValueError),
        ({"on": 1}, TypeError),
    ):
        with pytest.raises(error, match=next(iter(wrong))):
            fast.forward(inputs, **wrong)
    with pytest.raises(ValueError, match="threshold"):
        CompressedImages(network, 1.5)
    with pytest.raises(TypeError, match="unheard"):
        network.compressed(unheard="yes")
    network.weights[0][0, 0] = np.nan
    with pytest.raises(FloatingPointError):
        network.compressed()


def test_neurons_that_begin_differently_are_not_taken_for_alike():
    """Those of a tile were all begun as the first one is."""
    rng = np.random.default_rng(0)
    neuron = LIF.brainscales2(v_init=tuple(rng.random(8 * 8 * 4)))
    readout = LIF.brainscales2().integrator()
    network = Network(((8, 8, 2), Conv(4), 3), neuron, readout=readout, n_steps=6, rng=0)
    network.weights[0][rng.random(network.weights[0].shape) < 0.9] = 0
    network.weights[0][...] *= 10
    x = SpikeTrains.from_dense(rng.random((5, 6, 128)) < 0.2)
    whole, thin = network.forward(x), network.compressed(1.0).forward(x)
    assert whole.hidden_counts().sum() > 100
    np.testing.assert_array_equal(whole.hidden_counts(), thin.hidden_counts())
    np.testing.assert_array_equal(whole.readout, thin.readout)
