"""How gradients come down through deep networks, written to data/results/gradients.json.

    python benchmarks/studies/gradients.py gradients [--seeds 0 1] [--points 0]

A map before any training: networks of 4, 8, 14 and 20 convolutions of 8 channels on MNIST at
16 x 16, plain or residual (pairs of layers with a shortcut), with batch normalisation of currents
or weights scaled to the same rate of spikes instead, over the steepness of the surrogate. Per layer
there is the norm of the gradient by its weights and of its adjoint currents, means over
batches; ``growth`` is the factor by which the latter changes from a layer to the one below, a
geometric mean: above 1 gradients explode, below they vanish. The metric of a record is the least
distance of growth from 1, as a logarithm, over all steepnesses.

Ledinauskas et al. (2020, arXiv:2006.04436) claim that a surrogate that is too wide makes gradients
explode, one that is too narrow makes them vanish, and that with the right one and batch
normalisation deep networks train.
"""

import time
import warnings

import numpy as np
import studies

import snnlab
from snnlab.layers import BatchNorm, Conv, Residual

COMMON = {
    "data": "mnist16",
    "channels": 8,
    "n_steps": 6,
    "rate": 0.15,
    "samples": 32,
    "batches": 4,
    "steepness": [0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0],
}


def convolutions(depth, channels, residual, norm):
    """So many convolutions; residual: pairs of them with a shortcut, but for the first and last."""
    norm = BatchNorm() if norm else None

    def one():
        return Conv(channels, norm=norm)

    if not residual:
        return [one() for _ in range(depth)]
    return [one(), *(Residual(one(), one()) for _ in range((depth - 2) // 2)), one()]


def network_of(c, neuron, code, images, seed):
    """A fresh network, every layer of which spikes at the same rate."""
    layers = convolutions(c["depth"], c["channels"], c["residual"], c["norm"])
    network = snnlab.Network(
        ((16, 16, 1), *layers, 10), neuron, n_steps=c["n_steps"], rng=np.random.default_rng(seed)
    )
    with warnings.catch_warnings():  # of shortcuts that alone spike more
        warnings.simplefilter("ignore", RuntimeWarning)
        network.scale_to_activity(code(images), rate=c["rate"], readout=1.0)
    return network


def norms(network, batches, labels):
    """Per layer: norm of the gradient by its weights, and of its adjoint currents; means."""
    loss, found = snnlab.losses.MaxOverTime(), []
    for x, y in zip(batches, labels, strict=True):
        trace = network.forward(x, training=True)
        gradients, currents = network.backward(trace, loss(trace.readout, y)[1], adjoints=True)
        found.append(
            [
                [float(np.linalg.norm(g.astype(np.float64))) for g in arrays[:-1]]
                for arrays in (gradients, currents)
            ]
        )
    return np.mean(found, axis=0)


def run(point, seed, validate, checkpoint):
    """The map of one kind of network."""
    c = COMMON | point["config"]
    began = time.perf_counter()
    data = snnlab.datasets.load(c["data"], progress=False)
    n = c["samples"] * c["batches"]
    chosen = np.random.default_rng(seed).permutation(len(data.x_train))[:n]
    images = data.x_train[chosen] / data.x_train.std(dtype=np.float64)

    def code(x):
        return snnlab.encode.constant_current(x.astype(np.float32), n_steps=c["n_steps"])

    parts = np.split(images, c["batches"]), np.split(data.y_train[chosen], c["batches"])
    by_weights, by_currents, rates = [], [], []
    network = network_of(c, snnlab.LIF.grad_r(), code, images, seed)
    for steepness in c["steepness"]:
        neuron = snnlab.LIF.grad_r(surrogate=c["surrogate"], steepness=steepness)
        models = [neuron] * c["depth"] + [network.neurons[-1]]
        found = norms(network.replace(neurons=models), map(code, parts[0]), parts[1])
        by_weights.append(found[0].tolist())
        by_currents.append(found[1].tolist())
    trains = network.forward(code(images)).spikes
    rates = [float(z.counts().mean() / (z.n_units * c["n_steps"])) for z in trains]
    ends = np.array([[x[0], x[-1]] for x in by_currents])
    growth = (ends[:, 0] / ends[:, 1]) ** (1 / (c["depth"] - 1))
    return {
        "distance": float(np.abs(np.log(growth)).min()),
        "flattest": float(c["steepness"][np.abs(np.log(growth)).argmin()]),
        "growth": growth.tolist(),
        "gradients": by_weights,
        "adjoints": by_currents,
        "rates": rates,
        "seconds": time.perf_counter() - began,
    }


POINTS = [
    {
        "label": f"{depth} {'residual' if residual else 'plain'}"
        f"{', norm' if norm else ''}, {surrogate}",
        "config": {"depth": depth, "residual": residual, "norm": norm, "surrogate": surrogate},
        "metric": "distance",
    }
    for surrogate in ("superspike", "arctan")
    for residual in (False, True)
    for norm in (False, True)
    for depth in (4, 8, 14, 20)
]

if __name__ == "__main__":
    studies.main_each(__doc__, "gradients", {"gradients": (POINTS, run)})
