"""Compile the kernels before they are needed."""

from __future__ import annotations

import gc
import time
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check

if TYPE_CHECKING:
    from snnlab.network import Network


def warm_up(verbose: bool = True, *, network: Network | None = None) -> float:
    """Compile the usual kernels, or load them from the cache, by running each once.

    The first time on a machine this takes some seconds, later a fraction of one. Usual are those of
    dense layers in float32 and of what is done with them. Others are compiled when they are first
    needed, or here for a ``network`` that needs them.

    Parameters
    ----------
    verbose : bool
        Say how long it took.
    network : Network, optional
        One whose kernels are wanted, too, such as those of its recurrent layers or its surrogates:
        it is run forward and backward on a few spikes, and stays as it is.

    Returns
    -------
    float
        Seconds.
    """
    if network is not None:
        _check.network("network", network, needs="replace")
    if _check.flag("verbose", verbose):
        print("snnlab: preparing kernels (compiled once per machine, then cached) ...", end="")
    began = time.perf_counter()
    collecting = gc.isenabled()
    gc.disable()  # the compiler makes so many objects that looking for garbage takes a seventh
    try:
        _run_each()
        if network is not None:
            _run(network)
    finally:
        if collecting:
            gc.enable()
    seconds = time.perf_counter() - began
    if verbose:
        print(f" ready after {seconds:.1f} s")
    return seconds


def _run_each():
    """Run each kernel once."""
    from snnlab import encode, rewiring
    from snnlab.chip.substrate import Substrate
    from snnlab.datasets import augment
    from snnlab.kernels.spin import wait
    from snnlab.learning import losses, optim
    from snnlab.network import Network
    from snnlab.neurons import LIF
    from snnlab.trace import Trace

    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (32, 6, 6), dtype=np.uint8)
    neuron = LIF.brainscales2()
    loss = losses.MaxOverTime()
    x = augment.resample(images, np.arange(32), 4, augment.Affine(rotation=10), rng)
    spikes = encode.latency(x, n_steps=8)
    x[:, 3:] = 0  # background
    currents = encode.constant_current(x, n_steps=8)
    rules = rewiring.GradR(), rewiring.STDS(), rewiring.FixedMask(sparsity=0.5, rng=0)
    # a wide layer and a narrow one, an integrator and neurons to read out
    for inputs, readout, *optimizers in (
        (spikes, None, optim.Adam(), *rules),
        (currents, neuron, optim.SGD(), rewiring.DeepR(1.0, 0.5, 10.0, rng=0)),
    ):
        network = Network((16, 24, 4), neuron, readout=readout, n_steps=8, rng=rng)
        trace = network.forward(inputs)
        trace.hidden[0].unit_counts(network.dtype)  # as penalties do
        _, g_readout = loss(trace.readout, np.zeros(32, int))
        gradients = network.backward(trace, g_readout)
        for optimizer in optimizers:
            if hasattr(optimizer, "begin"):
                optimizer.begin(network, epochs=1, steps_per_epoch=1)
            optimizer.step(network, gradients)
        network.forward(inputs, on=Substrate(0))
        for threshold in (0, 1):
            network.compressed(threshold).forward(inputs)
        if readout is None:
            Trace.measured(inputs, trace.v[:-1], trace.spikes, trace.readout)
    wait(np.ones(1, np.int64), 1, 1)


def _run(network):
    """Run a network's own kernels once, for spikes."""
    from snnlab.signals import SpikeTrains

    n, network = network.sizes[0], network.copy()
    spikes = SpikeTrains([0, 1, 2], [0, 0], [0, n - 1], network.n_steps, n)
    trace = network.forward(spikes)
    network.backward(trace, np.ones_like(trace.readout))
