"""STDP with time to first spike on MNIST, pruned while it learns: data/results/stdp-mnist.json.

    python benchmarks/studies/stdp.py stdp-mnist [--seeds 0 1 2] [--validate] [--points 0]

Two layers of detectors learn without labels, each from so many training images; a softmax
regression then reads potentials in the parts of the image, from all training images. Four ways:

- ``unpruned``
- ``pruned while it learns``: every ``every`` images, synapses below ``cut`` are cut for good. That
  criterion is ours: the one of Nguyen, Veeravalli and Fong (2021) is not public
- ``cut at random``: as many at the same times
- ``pruned afterwards``: learned with all synapses, then the smallest weights of each layer are cut,
  until as many are left

Events are synaptic additions and changes of weights, of all layers; in learning they contain what
the first layer does so that the second one learns. Energies are by `snnlab.energy.of_events`.
Settings were chosen with ``--validate``: the last 10,000 training images are tested instead.
"""

import functools
import time

import numpy as np
import studies

import snnlab
from snnlab.learning.softmax import softmax
from snnlab.learning.stdp import STDP, Detectors, STDPNetwork, contrast, first_spikes

PUBLISHED = {
    "learning_events": 1 / 2.1,
    "learning_energy": 1 - 0.64,
    "connectivity": 1 - 0.9283,
    "inference_events": 1 / 2.83,
    "inference_energy": 1 - 0.7824,
}
SOURCE = "T. N. N. Nguyen, B. Veeravalli, X. Fong, 2021: abstract"
LAYERS = [
    {"n": 32, "kernel": 5, "threshold": 10.0, "pool": 2, "winners": 5, "radius": 2},
    {"n": 100, "kernel": 3, "threshold": 5.0, "winners": 8, "radius": 1},
]
COMMON = {
    "data": "mnist",
    "n_steps": 16,
    "floor": 0.1,
    "layers": LAYERS,
    "rise": 0.04,
    "fall": 0.03,
    "every": 100,
    "images": 4000,
    "grid": 4,
    "epochs": 6,
    "lr": 1e-3,
    "weight_decay": 0.0,
    "cut": 0.0,
    "how": "none",
}
BATCH = 100  # images that the readout learns at once
UNCUT, CUT = "unpruned", "pruned while it learns"


@functools.lru_cache(1)
def prepared(name, n_steps, floor, validate):
    """First spikes and labels, of images to be learned and to be tested."""
    data = snnlab.datasets.load(name, progress=False)
    x, y, test, labels = data.x_train, data.y_train, data.x_test, data.y_test
    if validate:
        x, y, test, labels = x[:-10_000], y[:-10_000], x[-10_000:], y[-10_000:]
    when = [
        first_spikes(contrast(images.reshape(-1, *data.image_shape)), n_steps=n_steps, floor=floor)
        for images in (x, test)
    ]
    return when[0], y, when[1], labels


def learned(config, when, seed):
    """A network that has learned, its log, how long that took, and the energy of it."""
    c = config
    layers = [Detectors(**layer) for layer in c["layers"]]
    network = STDPNetwork(when.shape[1:], layers, n_steps=c["n_steps"], rng=seed)
    rule = STDP(c["rise"], c["fall"], c["cut"] if c["how"] == "learning" else 0.0, c["every"])
    at_random = None
    if c["how"] == "random":
        at_random = learned(c | {"how": "learning"}, when, seed)[1].cut
    began = time.perf_counter()
    log = network.learn(when, rule, images=c["images"], at_random=at_random)
    seconds = time.perf_counter() - began
    spent = snnlab.energy.of_events(network, log.events, learning=True)
    if c["how"] == "afterwards":
        other, *_ = learned(c | {"how": "learning"}, when, seed)
        for k, stage in enumerate(other.stages):
            w = network.stages[k].weights
            n = w.size - stage.n_synapses
            gone = np.zeros(w.size, bool)
            gone[np.argsort(w, axis=None, kind="stable")[:n]] = True
            network.prune(k, gone.reshape(w.shape))
    return network, log, seconds, spent.total


def read_out(config, found, labels, seed=0):
    """A linear classifier of features: softmax regression by Adam, on batches, in a few epochs."""
    c, rng = config, np.random.default_rng(seed)
    mean, sd = found.mean(axis=0), found.std(axis=0) + np.float32(0.05 * found.std())
    n, n_classes = len(found), int(labels.max()) + 1
    weights = np.zeros((found.shape[1] + 1, n_classes), np.float32)
    first, second = np.zeros_like(weights), np.zeros_like(weights)
    per_epoch = -(-n // BATCH)
    for step in range(c["epochs"] * per_epoch):
        if step % per_epoch == 0:
            order = rng.permutation(n)
        chosen = order[step % per_epoch * BATCH :][:BATCH]
        x = np.column_stack([(found[chosen] - mean) / sd, np.ones(len(chosen), np.float32)])
        scores = x @ weights
        shares = softmax(scores)
        shares[np.arange(len(chosen)), labels[chosen]] -= 1
        gradient = x.T @ shares / len(chosen)
        first += 0.1 * (gradient - first)
        second += 0.001 * (gradient**2 - second)
        lr = c["lr"] * 0.5 * (1 + np.cos(np.pi * step / (c["epochs"] * per_epoch)))
        change = first / (1 - 0.9 ** (step + 1))
        change /= np.sqrt(second / (1 - 0.999 ** (step + 1))) + 1e-8
        weights -= lr * (change + c["weight_decay"] * weights)

    def classify(x):
        parts = (x[k : k + 1000] for k in range(0, len(x), 1000))
        scores = [((part - mean) / sd) @ weights[:-1] + weights[-1] for part in parts]
        return np.concatenate(scores).argmax(axis=1)

    return classify


def run(point, seed, validate, checkpoint):
    """Figures of one network."""
    c, began = point["config"], time.perf_counter()
    when, labels, test, test_labels = prepared(c["data"], c["n_steps"], c["floor"], validate)
    network, log, seconds, spent = learned(c, when, seed)
    found, _ = network.features(when, c["grid"])
    classify = read_out(c, found, labels, seed)
    start = time.perf_counter()
    features, events = network.features(test, c["grid"])
    inference_seconds = time.perf_counter() - start
    return {
        "test_accuracy": float(np.mean(classify(features) == test_labels)),
        "train_accuracy": float(np.mean(classify(found[:10_000]) == labels[:10_000])),
        "connectivity": network.connectivity,
        "learning_events": log.events.total / log.events.images,
        "inference_events": events.total / events.images,
        "learning_energy": float(spent),
        "inference_energy": float(snnlab.energy.of_events(network, events).total),
        "learning_seconds": seconds,
        "inference_seconds": inference_seconds,
        "silent": float(np.mean(~features.any(axis=1))),
        "seconds": time.perf_counter() - began,
    }


def point(label, **config):
    """A record's keywords."""
    return {"label": label, "config": COMMON | config}


STRENGTH = 0.4
POINTS = [
    point(UNCUT),
    point(CUT, how="learning", cut=STRENGTH)
    | {"published": PUBLISHED, "published_source": SOURCE, "published_tag": "quoted"},
    point("cut at random", how="random", cut=STRENGTH),
    point("pruned afterwards", how="afterwards", cut=STRENGTH),
]
ENTRIES = {"stdp-mnist": (POINTS, run)}

if __name__ == "__main__":
    studies.main_each(__doc__, "stdp", ENTRIES)
