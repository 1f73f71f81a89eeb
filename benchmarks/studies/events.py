"""Digits before an event camera, and what time is worth there: data/results/<study>.json.

    python benchmarks/studies/events.py n-mnist [--seeds 0 1 2 3 4] [--validate]

The 1,000 recordings of N-MNIST that are at hand, in five splits: seed k tests on the k-th fifth of
each class (200 recordings) and learns the others. Events are counted in frames of 16 x 16 pixels
and two polarities; those to be learned are moved anew each time they are looked at, by small affine
maps. The second record is of the same network without time: every frame is the mean of all, so that
only how often a pixel has spoken is left. ``n-mnist-sum`` asks what that is worth to a network made
for it: the same layers of units that do not spike, which hear the sum of all frames at once.

With ``--validate`` the next fifth is held out of what is learned, and tested instead. Settings of
the first record were chosen so.
"""

from functools import partial

import numpy as np
import studies

import snnlab
from snnlab.layers import BatchNorm, Conv, Dense, Pool

SIDE, POOL, EDGE = 16, 2, 1  # frames; pixels of the sensor that are one, and those left out
CONFIG = {
    "data": "n-mnist",
    "n_frames": 10,
    "frame": 0.03,
    "channels": (16, 32),
    "hidden": 100,
    "tau_mem": 0.06,
    "tau_readout": 0.1,
    "steepness": 3.0,
    "scale": 0.3,
    "batch_size": 40,
    "epochs": 20,
    "lr": 3e-3,
    "weight_decay": 0.0,
    "schedule": "cosine",
    "affine": {"rotation": 12.0, "shift": 2.0, "scale": 0.12, "shear": 0.12},
}
VARIANTS = {"frames in their order": True, "the mean of all frames": False}
SUM = {"the sum of all frames, units that do not spike": None}


class Frames:
    """Recordings as counts of events in frames: a stream for `snnlab.train`.

    Parameters
    ----------
    recordings : Recordings
    config : dict
        ``n_frames``, and ``frame``, the seconds of one.
    in_time : bool or None
        Whether frames stand as they came; else each is the mean of all. None: their sum.
    affine : Affine, optional
        By which places are moved, anew each time.
    """

    def __init__(self, recordings, config, in_time, affine=None):
        self.recordings, self.config = recordings, config
        self.in_time, self.affine = in_time, affine

    def __len__(self):
        return len(self.recordings)

    def batch(self, index, rng):
        """Frames of some recordings."""
        part, n_frames = self.recordings[index], self.config["n_frames"]
        polarity, *place = np.unravel_index(part.units, part.shape)
        sample = np.repeat(np.arange(len(part)), np.diff(part.indptr))
        if self.affine is not None:
            maps = self.affine.matrices(len(part), part.shape[1:], part.shape[1], rng)[sample]
            place = np.rint(np.einsum("eij,je->ie", maps[:, :, :2], place) + maps[:, :, 2].T)
        y, x = (np.asarray(p, np.int64) - EDGE for p in place)
        frame = (part.times * (part.tick / self.config["frame"])).astype(np.int64)
        seen = (np.minimum(y, x) >= 0) & (np.maximum(y, x) < SIDE * POOL) & (frame < n_frames)
        where = sample, frame, y // POOL, x // POOL, polarity
        shape = len(part), n_frames, SIDE, SIDE, 2
        cells = np.ravel_multi_index([w[seen] for w in where], shape)
        counts = np.bincount(cells, minlength=np.prod(shape)).astype(np.float32)
        counts = counts.reshape(len(part), n_frames, -1)
        if self.in_time is None:
            counts = counts.sum(axis=1, keepdims=True)
        elif not self.in_time:
            counts[:] = counts.mean(axis=1, keepdims=True)
        return snnlab.Values(counts)


def folds(labels):
    """Which fifth each recording is in: of each class as many, or one more."""
    fold = np.empty(len(labels), np.int64)
    fold[np.argsort(labels, kind="stable")] = np.arange(len(labels)) % 5
    return fold


def make_network(config, n_classes, few, rng):
    """Two convolutions and a hidden layer that begin active on a few recordings."""
    c, norm = config, BatchNorm()
    times = {"tau_syn": None, "dt": c["frame"]}
    neuron = snnlab.LIF(tau_mem=c["tau_mem"], steepness=c["steepness"], **times)
    layers = [(SIDE, SIDE, 2)]
    for channels in c["channels"]:
        layers += [Conv(channels, norm=norm), Pool(POOL)]
    readout = snnlab.LeakyIntegrator(tau_mem=c["tau_readout"], **times)
    given = {"readout": readout, "n_steps": c["n_frames"], "rng": rng}
    network = snnlab.Network((*layers, c["hidden"], n_classes), neuron, **given)
    return network.scale_to_activity(few.batch(np.arange(100), rng), rate=0.1)


def make_ordinary(config, n_classes, few, rng):
    """The same layers, of units that do not spike, and pools that take the mean."""
    layers = [(SIDE, SIDE, 2)]
    for channels in config["channels"]:
        layers += [Conv(channels, norm=BatchNorm()), Pool(POOL, how="average")]
    layers += [Dense(config["hidden"], norm=BatchNorm()), n_classes]
    return snnlab.Network(layers, snnlab.ReLU(), n_steps=1, rng=rng)


def run(variants, seed, validate):
    """Figures of a split: with time, and without."""
    c, data = CONFIG, snnlab.datasets.n_mnist(progress=False)
    every, fold = data.train, folds(data.train.labels)
    tested, left_out = (seed + 1, seed) if validate else (seed, seed)
    known = (fold != tested % 5) & (fold != left_out % 5)
    tested = every[fold == tested % 5]
    results = []
    for in_time in variants.values():
        make = make_ordinary if in_time is None else make_network
        rng, loss = np.random.default_rng(seed), snnlab.losses.SumOverTime(c["scale"])
        inputs = Frames(every[known], c, in_time, snnlab.Affine(**c["affine"]))
        network = make(c, data.n_classes, Frames(every[known], c, in_time), rng)
        history = snnlab.train(
            network,
            inputs,
            every.labels[known],
            epochs=c["epochs"],
            rng=rng,
            batch_size=c["batch_size"],
            loss=loss,
            optimizer=snnlab.Adam(lr=c["lr"], weight_decay=c["weight_decay"]),
            schedule=c["schedule"],
            progress=False,
        )
        measured = snnlab.evaluate(network, Frames(tested, c, in_time), tested.labels, loss=loss)
        results.append(studies.figures(network, history, measured))
    return results


def points(variants):
    """Records of some variants."""
    return [{"label": k, "config": CONFIG | {"in_time": v}} for k, v in variants.items()]


ENTRIES = {
    "n-mnist": (points(VARIANTS), partial(run, VARIANTS)),
    "n-mnist-sum": (points(SUM), partial(run, SUM)),
}

if __name__ == "__main__":
    studies.main(__doc__, "events", ENTRIES)
