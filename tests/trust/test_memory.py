"""Memory handed in by ``out=``: results are as without, whoever made it; nothing is trampled."""

import itertools

import numpy as np
import pytest
from helpers import CHIP, fresh_python

from snnlab import ConstantCurrent, Network, SpikeTrains, Substrate
from snnlab.parameters import Gradients
from snnlab.record import Record
from snnlab.trace import Trace

STEPS = 12


def make(sizes, *, spiking=False, n_steps=STEPS, dtype=np.float32, seed=0, **more):
    readout = CHIP if spiking else None
    return Network(
        sizes, CHIP, n_steps=n_steps, rng=seed, spread=1.5, readout=readout, dtype=dtype, **more
    )


# pairs of a kind: equal in all but what a kernel's memory depends on
NETWORKS = {
    "narrow": lambda: make((10, 16, 4)),
    "many inputs": lambda: make((4000, 16, 4)),
    "other units": lambda: make((10, 30, 4)),
    "wide": lambda: make((10, 300, 4)),
    "three layers": lambda: make((10, 16, 16, 4)),
    "one layer": lambda: make((10, 4)),
    "three classes, spiking": lambda: make((10, 16, 3), spiking=True),
    "four classes, spiking": lambda: make((10, 16, 4), spiking=True),
    "longer": lambda: make((10, 16, 4), n_steps=40),
    "double": lambda: make((10, 16, 4), dtype=np.float64),
    "a twin": lambda: make((10, 16, 4), seed=1),
}
PAIRS = list(itertools.permutations(NETWORKS, 2))


def inputs_for(net, n=40, kind="events", seed=0):
    rng, shape = np.random.default_rng(seed), (n, net.n_steps, net.sizes[0])
    if kind == "current":
        return ConstantCurrent(rng.random((n, net.sizes[0])).astype(net.dtype), net.n_steps)
    return SpikeTrains.from_dense(rng.random(shape) < 50 / (net.sizes[0] * net.n_steps))


def run(net, x, out=None, gradients=None, **on):
    """Everything that two passes give, as copies."""
    trace = net.forward(x, out=out, **on)
    g = np.random.default_rng(3).normal(size=trace.readout.shape).astype(net.dtype)
    found = net.backward(trace, g, out=gradients)
    arrays = [*trace.v, trace.readout, *found, *(s.to_dense() for s in trace.spikes)]
    return trace, found, [np.array(a) for a in arrays]


def alike(a, b):
    return len(a) == len(b) and all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.bounds
@pytest.mark.parametrize("kind", ["events", "current"])
@pytest.mark.parametrize("chip", [False, True], ids=["ideal", "chip"])
@pytest.mark.parametrize("first, second", PAIRS)
def test_a_trace_of_another_network_is_no_trouble(first, second, chip, kind):
    a, b = NETWORKS[first](), NETWORKS[second]()
    xa, xb = inputs_for(a, kind=kind), inputs_for(b, kind=kind)

    def on():
        return {"on": Substrate(0, partition=True)} if chip else {}

    *_, wanted = run(b, xb, **on())
    own = run(a, xa, **on())
    trace, _, before = own
    kept = Trace(trace.inputs, trace.records, trace.readout)  # not to be written over
    *_, found = run(b, xb, out=trace, **on())
    assert alike(found, wanted)
    *_, again = run(a, xa, out=trace, **on())  # and back
    assert alike(again, before) and len(kept) == 40


@pytest.mark.bounds
@pytest.mark.parametrize("n", [1, 31, 32, 40, 64, 300])
def test_batches_of_other_sizes(n):
    net = NETWORKS["narrow"]()
    trace, gradients, _ = run(net, inputs_for(net, 40))
    x = inputs_for(net, n, seed=1)
    *_, wanted = run(net.copy(), x)
    *_, found = run(net, x, out=trace, gradients=gradients)
    assert alike(found, wanted)


@pytest.mark.parametrize("first, second", PAIRS)
def test_gradients_of_another_network_are_refused(first, second):
    a, b = NETWORKS[first](), NETWORKS[second]()
    alike_ = a.blocks == b.blocks and a.dtype == b.dtype
    trace, _, wanted = run(b, inputs_for(b))
    g = np.random.default_rng(3).normal(size=trace.readout.shape).astype(b.dtype)
    if alike_:
        found = b.backward(trace, g, out=Gradients(a))
        assert np.array_equal(found.flat, b.backward(trace, g).flat)
    else:
        with pytest.raises(ValueError, match="out must be Gradients of this network"):
            b.backward(trace, g, out=Gradients(a))


@pytest.mark.parametrize("first, second", PAIRS)
def test_a_trace_of_another_network_is_not_read(first, second):
    a, b = NETWORKS[first](), NETWORKS[second]()
    trace, *_ = run(a, inputs_for(a))
    g = np.zeros((40, b.n_steps, b.sizes[-1]), b.dtype)
    fits = trace.fits(b, 40) and a.sizes == b.sizes
    assert fits == ({first, second} <= {"narrow", "a twin"})
    if not fits:
        with pytest.raises(ValueError, match="trace"):
            b.backward(trace, g)


def exchanged(record, part, other):
    """A record with one part of another's."""
    parts = {name: getattr(record, name) for name in ("spikes", "potentials", "bits")}
    parts[part] = getattr(other, part)
    new = Record(record.name, record.kind, record.n, spikes=parts["spikes"])
    new.potentials, new.bits = parts["potentials"], parts["bits"]
    return new


def test_traces_whose_parts_were_exchanged_are_not_read():
    net, other = NETWORKS["narrow"](), NETWORKS["other units"]()
    for part in ("spikes", "potentials", "bits"):
        trace, *_ = run(net, inputs_for(net))
        theirs, *_ = run(other, inputs_for(other))
        trace.records[0] = exchanged(trace.records[0], part, theirs.records[0])
        with pytest.raises(ValueError, match="trace does not fit"):
            net.backward(trace, np.zeros((40, STEPS, 4)))
        again = net.forward(inputs_for(net), out=trace)
        assert again is not trace


@pytest.mark.bounds
def test_compressed_networks_and_their_networks_share_nothing():
    net, other = NETWORKS["narrow"](), NETWORKS["wide"]()
    for a in (net, other):
        a.weights[0][...] *= np.random.default_rng(0).random(a.weights[0].shape) < 0.05
    small, large = net.compressed(1.0), other.compressed(1.0)
    x, y = inputs_for(net), inputs_for(other)
    wanted = net.forward(x).readout.copy(), other.forward(y).readout.copy()
    trace = net.forward(x)
    for runner, batch, expected in (
        (small, x, wanted[0]),
        (large, y, wanted[1]),
        (net, x, wanted[0]),
        (small, x, wanted[0]),
        (other, y, wanted[1]),
        (large, y, wanted[1]),
    ):
        trace = runner.forward(batch, potentials=False, out=trace)
        np.testing.assert_allclose(trace.readout, expected, atol=1e-5)


def test_what_crashed_does_not():
    """In an interpreter of its own: it ended in a segmentation fault, or ``double free``."""
    code = """
import numpy as np
from snnlab import LIF, Network, SpikeTrains, Substrate
rng = np.random.default_rng(0)
def make(n): return Network((n, 16, 4), LIF.brainscales2(), n_steps=20, rng=0)
def some(n): return SpikeTrains.from_dense(rng.random((64, 20, n)) < 0.1)
for on in (None, Substrate(0, partition=True)):
    a, b, xa, xb = make(10), make(4000), some(10), some(4000)
    g = np.ones((64, 20, 4), np.float32)
    for _ in range(20):
        t = a.forward(xa, on=on); a.backward(t, g)
        t = b.forward(xb, on=on, out=t); b.backward(t, g)
print("well")
"""
    assert fresh_python("-c", code).stdout.split() == ["well"]
