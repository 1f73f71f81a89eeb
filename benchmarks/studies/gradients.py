"""How gradients come down through deep networks, written to data/results/gradients.json.

    python benchmarks/studies/gradients.py gradients [--seeds 0 1 2] [--points 0]

A map before any training: networks of 4, 8, 14 and 20 convolutions of 8 channels on MNIST at
16 x 16 (the first halves the sides), without shortcuts or with weak or strong ones around pairs of
layers (`snnlab.course.depth`), weights scaled to a rate of spikes or currents normalised, over the
steepness of two surrogates. ``growth`` is the factor by which the norm of the adjoint currents
changes from a layer to the one below, a geometric mean: above 1 gradients explode, below they
vanish. The metric is the steepness at which it is 1. Of 20 layers ``adjoints`` has the norms, of
each layer by the last one's, at some of the steepnesses.

Two more records say at what rate the last of 20 layers spikes before training, if weights are small
and random, or scaled.

Ledinauskas et al. (2020, arXiv:2006.04436) claim, as others tell it, that a surrogate that is too
wide makes gradients explode, one that is too narrow makes them vanish, and that with the right one
and batch normalisation deep networks train.
"""

import time

import numpy as np
import studies

import snnlab
from snnlab.course import depth

COMMON = {
    "data": "mnist16",
    "channels": 8,
    "rate": 0.15,
    "samples": 64,
    "steepness": [0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0],
    "shown": [0.25, 1.0, 2.0, 4.0, 16.0],
}
DEPTHS = 4, 8, 14, 20
SURROGATES = "superspike", "arctan"


def prepare(point, seed):
    """Settings, a network as it begins, and samples."""
    c = point["config"]
    data = snnlab.datasets.load(c["data"], progress=False)
    chosen = np.random.default_rng(seed).permutation(len(data.x_train))[: c["samples"]]
    network = depth.deep_network(
        data,
        c["depth"],
        start=c["start"],
        shortcut=c["shortcut"],
        channels=c["channels"],
        rate=c["rate"],
        seed=seed,
    )
    inputs = depth.images_as_currents(data, data.x_train[chosen])
    return c, network, inputs, data.y_train[chosen]


def run(point, seed, validate, checkpoint):
    """The map of one kind of network."""
    began = time.perf_counter()
    c, network, inputs, labels = prepare(point, seed)
    norms, rates = depth.adjoint_norms(network, inputs, labels, c["steepness"], c.get("surrogate"))
    rates = [float(f"{rate:.4g}") for rate in rates]
    seconds = time.perf_counter() - began
    if point["metric"] == "last_rate":
        return {"last_rate": rates[-1], "rates": rates, "seconds": seconds}
    factors = depth.growth(norms)
    found = {
        "flat": depth.flat_at(c["steepness"], factors),
        "steepnesses": c["steepness"],
        "growth": [float(f"{factor:.4g}") for factor in factors],
    }
    if c["depth"] == max(DEPTHS):
        shown = norms[[c["steepness"].index(k) for k in c["shown"]]]
        found["shown"] = c["shown"]
        found["adjoints"] = [[float(f"{x:.4g}") for x in row / row[-1]] for row in shown]
    return found | {"rates": rates, "seconds": seconds}


def point(metric, label, **config):
    """A record's keywords."""
    return {"label": label, "metric": metric, "config": COMMON | config}


POINTS = [
    point(
        "flat",
        f"{n} layers, {start}, {depth.SHORTCUTS[shortcut]}, {surrogate}",
        depth=n,
        start=start,
        shortcut=shortcut,
        surrogate=surrogate,
    )
    for surrogate in SURROGATES
    for shortcut in depth.SHORTCUTS
    for start in ("scaled", "norm")
    if (start, shortcut) != ("scaled", "strong")  # such shortcuts alone spike more than they should
    for n in DEPTHS
]
POINTS += [
    point("last_rate", f"20 layers, {start}", depth=20, start=start, shortcut="none")
    for start in ("small", "scaled")
]
ENTRIES = {"gradients": (POINTS, run)}

if __name__ == "__main__":
    studies.main_each(__doc__, "gradients", ENTRIES)
