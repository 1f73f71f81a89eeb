"""Convolutional networks: accuracy per data set, written to data/results/<study>.json.

    python benchmarks/studies/deep.py deep-mnist [--seeds 0 1 2] [--validate] [--points 0]

- ``deep-mnist``, ``deep-fashion``: two convolutions and a dense layer at 28 x 28
- ``deep-fashion16``: the same at 16 x 16
- ``deep-cifar10``: six convolutions and two dense layers, as Chen et al. (2021) have them, but with
  32 channels instead of 256
- ``deep-cifar10-pyramid``, ``deep-cifar10-narrow``: three pools instead of two, and more channels
  where images are smaller; half as many of them

Pixels are constant currents, less the mean and divided by the standard deviation of all. Classes
are read out by the rates of some neurons each (``vote``), or by a leaky integrator each. A run that
was stopped goes on from its last epoch. Settings are to be chosen on the validation split.
"""

import time
import warnings

import numpy as np
import studies

import snnlab
from snnlab.layers import BatchNorm, Conv, Pool, Residual, Vote

COMMON = {
    "n_steps": 4,
    "batch_size": 50,
    "lr": 1.5e-3,
    "weight_decay": 0.0,
    "schedule": "cosine",
    "dropout": 0.0,
    "rate": 0.15,
    "per_class": 10,
    "pad": 2,
    "flip": False,
    "affine": None,
    "readout": "vote",
    "surrogate": "arctan",
    "steepness": 2.0,
    "loss": "rate_mse",
    "samples": None,
    "norm": False,
}
HEARD = 5.0  # deviation of the weights of voting neurons times the root of their number
NORMED = {"norm": True, "steepness": 1.0, "lr": 3e-3}


def small(channels, kernel, hidden):
    """Two convolutions, each with a pool, and a dense layer; the second has kernels of 3."""
    first, second = channels
    layers = ["conv", first, kernel], ["pool", 2], ["conv", second, 3], ["pool", 2]
    return [*layers, ["dense", hidden]]


def stacks(channels, each, hidden):
    """So many convolutions of each number of channels with a pool above, and a dense layer."""
    layers = []
    for n in channels:
        layers += [["conv", n, 3] for _ in range(each)] + [["pool", 2]]
    return [*layers, ["dense", hidden]]


def cifar(channels, hidden=256):
    """Six convolutions of so many channels and two dense layers, the readout's being the second."""
    return stacks((channels, channels), 3, hidden)


def pyramid(channels, hidden=256):
    """Six convolutions, a pool after every second and so many channels in each pair."""
    return stacks(channels, 2, hidden)


def make_layers(config, n_classes):
    """The layers that a config lists, and those that vote for classes."""
    norm = BatchNorm() if config["norm"] else None

    def conv(*given):
        return Conv(*given, norm=norm)

    kinds = {
        "conv": conv,
        "residual": lambda *given: Residual(conv(*given), conv(*given)),
        "pool": Pool,
        "dense": lambda n: n,
    }
    layers = [kinds[kind](*given) for kind, *given in config["layers"]]
    if config["readout"] == "integrator":
        return [*layers, n_classes]
    return [*layers, config["per_class"] * n_classes, Vote(n_classes)]


def make_network(config, data, few, rng):
    """A network that begins active on a few coded images."""
    given = {name: config[name] for name in ("surrogate", "steepness", "reset") if name in config}
    neuron = snnlab.LIF.grad_r(**given)
    shape = (*data.image_shape, 1) if len(data.image_shape) == 2 else data.image_shape
    network = snnlab.Network(
        (shape, *make_layers(config, data.n_classes)),
        neuron,
        readout=neuron if config["readout"] == "vote" else None,
        n_steps=config["n_steps"],
        rng=rng,
    )
    make_active(network, few, config)
    return network


def make_active(network, few, config):
    """Scale a network until it begins active on a few coded images."""
    readout = None if config["readout"] == "vote" else 1.0
    with warnings.catch_warnings():  # of shortcuts that alone spike more
        warnings.simplefilter("ignore", RuntimeWarning)
        network.scale_to_activity(few, rate=config["rate"], readout=readout)
    if config["readout"] == "vote":  # as active as the others, or so
        last = network.weights[-1]
        there = last[last != 0]
        last *= np.float32(HEARD / np.sqrt(len(there) / last.shape[1]) / there.std())


def make_inputs(config, data, known, code):
    """Training images: changed anew each time, if anything is to be changed."""
    images = data.source_train[:known]
    if config["affine"]:
        side, affine = data.image_shape[0], snnlab.Affine(**config["affine"])
        return snnlab.AugmentedImages(images, side, affine, code)
    if images.shape[1:3] != tuple(data.image_shape[:2]):  # they were made smaller
        images = np.rint(255 * data.x_train[:known]).astype(np.uint8)
        images = images.reshape(-1, *data.image_shape)
    if config["pad"] or config["flip"]:
        return snnlab.CroppedImages(images, code, pad=config["pad"], flip=config["flip"])
    return code(data.x_train[:known])


def fit(config, network, inputs, labels, **more):
    """Train a network with a config's settings, and more; returns the history."""
    c, began = config, time.perf_counter()

    def tell(step):
        if step.ends_epoch:
            past = [f"{100 * a:.2f}" for a in step.history.train_accuracy]
            left = snnlab.synapses.connectivity(network).overall
            took = time.perf_counter() - began
            print(f"{took:.0f} s: {past} %, {100 * left:.2f} % of the synapses", flush=True)

    own = {name: c[name] for name in ("epochs", "batch_size", "loss", "schedule", "dropout")}
    own["optimizer"] = snnlab.Adam(lr=c["lr"], weight_decay=c["weight_decay"])
    own |= {"callback": tell, "progress": False}
    return snnlab.train(network, inputs, labels, **own | more)


def run(point, seed, validate, checkpoint):
    """Figures of one network."""
    c = point["config"]
    data = snnlab.datasets.load(c["data"], progress=False)
    n, held = studies.split(data, validate)
    known = c["samples"] or n
    code = studies.currents(data.x_train[:n], c["n_steps"])
    rng = np.random.default_rng(seed)
    network = make_network(c, data, code(data.x_train[:100]), rng)
    inputs = make_inputs(c, data, known, code)
    how = {"rng": rng, "checkpoint": checkpoint}
    history = fit(c, network, inputs, data.y_train[:known], **how)
    measured = snnlab.evaluate(network, code(held[0]), held[1], loss=c["loss"])
    return studies.figures(network, history, measured)


def point(name, paper=None, source=None, tag="unverified", **config):
    """A record's keywords."""
    return {
        "label": name,
        "config": COMMON | config,
        "paper": paper,
        "source": source,
        "tag": tag,
    }


def on_cifar(label, layers, epochs=8, **changes):
    """A record's keywords, of CIFAR-10."""
    return point(
        f"CIFAR-10, {label}",
        data="cifar10",
        layers=layers,
        epochs=epochs,
        pad=4,
        flip=True,
        **NORMED | changes,
    )


TSSL = "Zhang and Li 2020 (TSSL-BP), 15C5-P2-40C5-P2-300, T = 5, its best epoch on the test set"
CODE = {"tag": "quoted"}
STUDIES = {
    "deep-mnist": [
        point(
            "MNIST",
            0.995,
            TSSL,
            data="mnist",
            layers=small((16, 32), 5, 128),
            epochs=12,
            pad=0,
            affine={"rotation": 8, "shift": 1.5, "scale": 0.08},
            **NORMED,
            **CODE,
        ),
    ],
    "deep-fashion": [
        point(
            "Fashion-MNIST",
            data="fashion",
            layers=small((16, 32), 3, 256),
            epochs=15,
            pad=1,
            flip=True,
            **NORMED,
        ),
    ],
    "deep-fashion16": [
        point(
            "Fashion-MNIST 16 x 16",
            0.880,
            studies.RELU,
            data="fashion16",
            layers=small((32, 64), 3, 128),
            epochs=20,
            pad=1,
            flip=True,
            **NORMED,
            **CODE,
        ),
    ],
    "deep-cifar10": [on_cifar("32 channels", cifar(32))],
    "deep-cifar10-pyramid": [
        on_cifar("32, 64, 64 channels", pyramid((32, 64, 64)), epochs=15, reset="subtract")
    ],
    "deep-cifar10-narrow": [
        on_cifar("16, 32, 32 channels", pyramid((16, 32, 32)), epochs=15, reset="subtract")
    ],
}

ENTRIES = {name: (points, run) for name, points in STUDIES.items()}

if __name__ == "__main__":
    studies.main_each(__doc__, "deep", ENTRIES)
