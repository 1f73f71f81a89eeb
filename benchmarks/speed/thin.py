"""Inference of pruned convolutions: ``python benchmarks/speed/thin.py [--channels 32]``.

W5's network (`deep.py`) with a random part of its weights, even in all convolutions, scaled to
10 % activity at each connectivity: as it is, and compressed (`Network.compressed`), on the same
inputs; answers are compared first. One thread, processor time, all in turn; medians, and ratios
round by round. ``convolutions``: the same of a network of these alone, where each adds little to
what dense layers, the first convolution and the listing of spikes take.
"""

import argparse
import time

import deep
import numpy as np

import snnlab
from snnlab.layers import Conv

DENSITIES = 1.0, 0.5, 0.25, 0.1, 0.05, 0.023, 0.01


def example(kind, channels, n_steps, batch):
    """A network and inputs."""
    if kind == "W5":
        return deep.example(channels, n_steps, batch, workers=1)[:2]
    layers = (32, 32, channels), Conv(channels), Conv(channels)
    neuron, rng = snnlab.LIF.grad_r(), np.random.default_rng(0)
    network = snnlab.Network(
        layers, neuron, readout=neuron, n_steps=n_steps, rng=1, workers=1, spread=1.0
    )
    inputs = snnlab.SpikeTrains.from_dense(rng.random((batch, n_steps, network.sizes[0])) < 0.1)
    return network, inputs


def pruned(network, inputs, density):
    """A copy in whose convolutions of spikes a part of the weights is left."""
    network, rng = network.copy(), np.random.default_rng(1)
    for stage in network.stages:
        if isinstance(stage.layer, Conv) and stage.shape_in[2] > 3:
            w = stage.blocks["weights"].of(network.parameters)
            w *= rng.random(w.shape) < density
    network.scale_to_activity(inputs, rate=0.1)
    if network.stages[-1] not in network.hidden_stages:
        block = network.stages[-1].blocks.get("weights")
        if block is not None:
            block.of(network.parameters)[...] /= np.sqrt(density)
    return network


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--channels", type=int, nargs="*", default=[32])
    parser.add_argument("--steps", type=int, nargs="*", default=[8])
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=7)
    s = parser.parse_args()
    for kind in ("convolutions", "W5"):
        for channels in s.channels:
            for n_steps in s.steps:
                dense, inputs = example(kind, channels, n_steps, s.batch)
                for density in DENSITIES:
                    network = pruned(dense, inputs, density)
                    sides = network, network.compressed(1.0)
                    one, two = (side.forward(inputs, potentials=False) for side in sides)
                    assert one.spikes == two.spikes
                    rate = np.mean([t.counts().mean() / t.n_units / n_steps for t in one.spikes])
                    seconds = np.empty((s.rounds, 2))
                    for k in range(s.rounds):
                        for j, side in enumerate(sides):
                            began = time.process_time()
                            side.forward(inputs, potentials=False, out=(one, two)[j])
                            seconds[k, j] = time.process_time() - began
                    a, b = 1e3 * np.median(seconds, axis=0) / s.batch
                    ratio = np.median(seconds[:, 0] / seconds[:, 1])
                    print(
                        f"{kind:12} C = {channels}, T = {n_steps}, {100 * density:5.1f} %, rate "
                        f"{rate:.2f}: {a:6.3f} ms an image, compressed {b:6.3f}: x {ratio:.2f}",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
