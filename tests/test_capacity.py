"""Memory is estimated before it is taken: near what is taken, and refused where there is none."""

import re
import tracemalloc

import numpy as np
import pytest
from helpers import fresh_python

from snnlab import LIF, ConstantCurrent, Network, SpikeTrains, Values, memory, train
from snnlab import _capacity as capacity
from snnlab.layers import Conv, Pool, Residual, Vote

GIGA = 10**9
NEURON = LIF(tau_mem=4.0, tau_syn=2.0, dt=1.0, gain=0.3)
NETWORKS = {
    "dense": ((400,), 300, 200, 10),
    "conv": ((16, 16, 3), Conv(16), Conv(16), 10),
    "pools": ((16, 16, 3), Conv(16), Pool(), Conv(32), Pool(2, "average"), 50, Vote(10)),
    "residual": ((12, 12, 4), Conv(16), Residual(Conv(16), Conv(16)), 10),
}


def make(name, n_steps=12, **settings):
    return Network(NETWORKS[name], NEURON, n_steps=n_steps, rng=0, spread=2.0, **settings)


def inputs_of(kind, network, n):
    rng, size = np.random.default_rng(0), network.sizes[0]
    if kind is ConstantCurrent:
        return ConstantCurrent(rng.random((n, size), network.dtype), network.n_steps)
    dense = rng.random((n, network.n_steps, size), network.dtype)
    return Values(dense) if kind is Values else SpikeTrains.from_dense(dense < 0.1)


def measured(work):
    """The most that is allocated meanwhile, in bytes, and what the work gave."""
    tracemalloc.start()
    try:
        given = work()
        return tracemalloc.get_traced_memory()[1], given
    finally:
        tracemalloc.stop()


def taken(network, inputs, potentials):
    """The most that passes allocate, without what is reserved for lists of spikes, in bytes."""
    network.workspaces = type(network.workspaces)()

    def passes():
        trace = network.forward(inputs, potentials=potentials)
        if potentials:
            network.backward(trace, np.zeros_like(trace.readout))
        return trace

    peak, trace = measured(passes)
    assert trace.readout.any()
    return peak - lists(network, len(inputs), 1.0)


def lists(network, n, share):
    """Bytes of lists of spikes of n samples, in which a share of units and steps spike."""
    listing = [s for s in network.stages if s.lists_events and s.gives is SpikeTrains]
    return sum(n * int(share * network.n_steps * s.n) * capacity.EVENT for s in listing)


@pytest.mark.rotates
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", [SpikeTrains, ConstantCurrent, Values])
@pytest.mark.parametrize("name", NETWORKS)
def test_estimates_are_near_what_is_taken(name, kind, dtype, monkeypatch):
    """Of as many samples more; weights and the like do not grow with them."""
    monkeypatch.setattr(memory, "HUGE", 2**62)  # what NumPy did not allocate is not traced
    network = make(name, dtype=dtype, workers=1)  # two threads hold two chunks at a time
    few, many = inputs_of(kind, network, 64), inputs_of(kind, network, 128)
    taken(network, few, True)  # kernels are loaded
    for potentials in (True, False):
        more = taken(network, many, potentials) - taken(network, few, potentials)
        estimate = capacity.trace_bytes(network, 64, potentials)
        estimate += capacity.scratch_bytes(network, kind, 64, potentials)
        estimate -= lists(network, 64, capacity.ACTIVE)
        assert abs(estimate - more) < max(0.35 * more, 200_000)


def test_a_batch_that_does_not_fit_says_how_many_samples_would(monkeypatch):
    """Nothing is allocated: these passes would take 150 GB."""
    network = Network(((32, 32, 1), Conv(64), Conv(64), 10), NEURON, n_steps=100, rng=0)
    inputs = ConstantCurrent(np.ones((1000, 1024), np.float32), 100)
    monkeypatch.setattr(memory, "available", lambda: 8 * GIGA)

    def refused():
        with pytest.raises(MemoryError) as caught:
            network.forward(inputs)
        return str(caught.value)

    peak, text = measured(refused)
    assert peak < 10**6
    need = capacity.trace_bytes(network, 1000) + capacity.scratch_bytes(
        network, ConstantCurrent, 1000
    )
    fit = 8 * GIGA * 1000 // need
    assert text.startswith(f"a batch of 1,000 samples needs about {need / GIGA:.0f}"), text
    assert "forward and backward" in text and "8 GB are free" in text
    assert f"a batch of at most {fit:,} fits" in text and fit > 5
    capacity.check(network, ConstantCurrent, fit, True)
    with pytest.raises(MemoryError):
        capacity.check(network, ConstantCurrent, fit + 1, True)
    monkeypatch.setattr(memory, "available", lambda: GIGA // 10)
    with pytest.raises(MemoryError, match="not even one fits"):
        network.forward(inputs)
    monkeypatch.setattr(memory, "available", lambda: None)
    capacity.check(network, ConstantCurrent, 10**9, True)  # nobody tells


def test_inference_needs_less(monkeypatch):
    network = make("conv")
    n = 40_000
    assert capacity.trace_bytes(network, n, False) < capacity.trace_bytes(network, n) / 5
    monkeypatch.setattr(memory, "available", lambda: 3 * GIGA)
    capacity.check(network, ConstantCurrent, n, False)
    with pytest.raises(MemoryError, match="forward and backward"):
        capacity.check(network, ConstantCurrent, n, True)


def test_training_says_which_batch_would_fit(monkeypatch):
    monkeypatch.setattr(memory, "LOOK", 0)
    network = make("conv")
    inputs = inputs_of(ConstantCurrent, network, 64)
    need = capacity.trace_bytes(network, 1) + capacity.scratch_bytes(network, ConstantCurrent, 1)
    monkeypatch.setattr(memory, "available", lambda: 20 * need)
    settings = {"epochs": 1, "rng": 0, "progress": False}
    before = network.parameters.copy()
    with pytest.raises(MemoryError, match="a batch of 50 samples .* a batch of at most 20 fits"):
        train(network, inputs, np.arange(64) % 10, batch_size=50, **settings)
    np.testing.assert_array_equal(network.parameters, before)
    train(network, inputs, np.arange(64) % 10, batch_size=20, **settings)


def test_small_batches_are_not_looked_at(monkeypatch):
    def unwanted():
        raise AssertionError("asked for memory")

    monkeypatch.setattr(memory, "available", unwanted)
    network = make("dense")
    network.forward(inputs_of(ConstantCurrent, network, 20))


def test_what_is_available(tmp_path, monkeypatch):
    free = memory.available()
    assert free is None or 10**6 < free < 10**15
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:  32000 kB\nMemFree: 100 kB\nMemAvailable:   20000 kB\n")
    limit, used = tmp_path / "memory.max", tmp_path / "memory.current"
    monkeypatch.setattr(memory, "MEMINFO", meminfo)
    monkeypatch.setattr(memory, "GROUPS", ((limit, used),))
    assert memory.available() == 20000 * 1024
    limit.write_text("max\n")
    used.write_text("3000000\n")
    (tmp_path / "memory.stat").write_text("anon 5\nactive_file 7\ninactive_file 1000000\n")
    assert memory.available() == 20000 * 1024
    limit.write_text("5000000\n")
    assert memory.available() == 3_000_000
    limit.write_text("1000\n")
    assert memory.available() == 0
    meminfo.unlink()
    limit.unlink()
    fallback = memory.available()
    assert fallback is None or fallback > 10**8


LONG = """
from pathlib import Path
import numpy as np
from snnlab import LIF, Network, SpikeTrains

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

neuron = LIF(tau_mem=4.0, tau_syn=2.0, dt=1.0, gain=0.3)
network = Network((20, 250, 3), neuron, n_steps=1000, rng=0, spread=2.0)
start, spikes = np.arange(300) * 20, np.tile(np.arange(20), 300)
inputs = SpikeTrains(np.append(start, 6000), 40 * spikes, spikes, 1000, 20)
network.scale_to_activity(inputs[:5], rate=0.01)
before = resident()
trace = network.forward(inputs, potentials=False)
print(trace.hidden[0].counts().sum() * 8, resident() - before)
"""


@pytest.mark.skipif(not memory.MEMINFO.exists(), reason="needs a system that tells of pages")
def test_lists_take_what_is_written():
    """They have room for a spike of every unit in every step; of 600 MB few are taken.

    NumPy's pages of 2 MB were taken whole with a sample's first spike.
    """
    written, taken = map(int, fresh_python("-c", LONG).stdout.split())
    assert 0 < written < 10e6 and taken < 100e6


@pytest.mark.parametrize(
    "layers, last, parameters",
    [
        (((96, 96, 64), 4000, 3), "Dense(n=4000)", 96 * 96 * 64 * 4000),
        ((2**20, 2, 2**30, 3), "Dense(n=1073741824)", None),  # constants alone are 24 GB
        ((4, 2**29, 3), "Dense(n=536870912)", None),
    ],
)
def test_layers_that_do_not_fit_are_refused_before_they_are_made(
    layers, last, parameters, monkeypatch
):
    monkeypatch.setattr(memory, "available", lambda: 8 * GIGA)

    def refused():
        with pytest.raises(MemoryError) as caught:
            Network(layers, NEURON, n_steps=5, rng=0)
        return str(caught.value)

    peak, text = measured(refused)
    assert peak < 10**6
    assert text.startswith(f"layers: with {last}") and "8 GB are free" in text
    if parameters:
        assert "parameters and 4,000 units" in text
        need = float(re.search(r"need about ([\d.]+) GB", text)[1])
        assert need == pytest.approx(parameters * (4 + 4 + 8) / GIGA, rel=0.01)


def test_layers_are_made_where_nobody_tells_how_much_is_free(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: None)
    monkeypatch.setattr(memory, "LOOK", 0)
    Network((2**10, 2**10, 3), NEURON, n_steps=5, rng=0)
