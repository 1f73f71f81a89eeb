"""Convolutional networks: accuracy per data set, written to data/results/<study>.json.

    python benchmarks/studies/deep.py deep-mnist [--seeds 0 1 2] [--validate] [--points 0]

- ``deep-mnist``, ``deep-fashion``: two convolutions and a dense layer at 28 x 28
- ``deep-fashion16``: the same at 16 x 16
- ``deep-cifar10``: six convolutions and two dense layers, as Chen et al. (2021) have them, but with
  32 or 16 channels instead of 256

Pixels are constant currents, less the mean and divided by the standard deviation of all; classes
are read out by the rates of some neurons each. Settings were chosen on the validation split.
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
    "surrogate": "arctan",
    "steepness": 2.0,
    "loss": "rate_mse",
    "samples": None,
    "norm": False,
}
SMALL = [["conv", 15, 5], ["pool", 2], ["conv", 40, 5], ["pool", 2], ["dense", 120]]


def cifar(channels):
    """Six convolutions and two dense layers, of so many channels."""
    three = [["conv", channels, 3]] * 3 + [["pool", 2]]
    return [*three, *three, ["dense", 256]]


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
    return [*layers, config["per_class"] * n_classes, Vote(n_classes)]


def run(point, seed, validate, checkpoint):
    """Figures of one network."""
    c = COMMON | point["config"]
    data = snnlab.datasets.load(c["data"], progress=False)
    n = len(data.x_train) - 10_000 if validate else len(data.x_train)
    known = c["samples"] or n
    held = (data.x_train[n:], data.y_train[n:]) if validate else (data.x_test, data.y_test)
    mean, sd = data.x_train[:n].mean(dtype=np.float64), data.x_train[:n].std(dtype=np.float64)

    def code(x):
        return snnlab.encode.constant_current(
            (x - np.float32(mean)) / np.float32(sd), n_steps=c["n_steps"]
        )

    rng = np.random.default_rng(seed)
    neuron = snnlab.LIF.grad_r(surrogate=c["surrogate"], steepness=c["steepness"])
    shape = (*data.image_shape, 1) if len(data.image_shape) == 2 else data.image_shape
    network = snnlab.Network(
        (shape, *make_layers(c, data.n_classes)),
        neuron,
        readout=neuron,
        n_steps=c["n_steps"],
        rng=rng,
    )
    with warnings.catch_warnings():  # of shortcuts that alone spike more
        warnings.simplefilter("ignore", RuntimeWarning)
        network.scale_to_activity(code(data.x_train[:100]), rate=c["rate"])
    if c["pad"] or c["flip"]:
        images = data.source_train[:known]
        inputs = snnlab.CroppedImages(images, code, pad=c["pad"], flip=c["flip"])
    else:
        inputs = code(data.x_train[:known])
    began = time.perf_counter()

    def tell(step):
        if step.ends_epoch:
            past = [f"{100 * a:.2f}" for a in step.history.train_accuracy]
            print(f"seed {seed}, {time.perf_counter() - began:.0f} s: {past} %", flush=True)

    history = snnlab.train(
        network,
        inputs,
        data.y_train[:known],
        epochs=c["epochs"],
        rng=rng,
        batch_size=c["batch_size"],
        loss=c["loss"],
        optimizer=snnlab.Adam(lr=c["lr"], weight_decay=c["weight_decay"]),
        schedule=c["schedule"],
        dropout=c["dropout"],
        callback=tell,
        checkpoint=checkpoint,
        progress=False,
    )
    measured = snnlab.evaluate(network, code(held[0]), held[1], loss=c["loss"])
    return {
        "test_accuracy": measured.accuracy,
        "hidden_spikes": measured.hidden_spikes,
        "train_accuracy": history.train_accuracy[-1],
        "weights": sum(w.size for w in network.weights),
        "seconds": sum(history.seconds),
    }


def point(name, paper=None, source=None, tag="unverified", **config):
    """A record's keywords."""
    return {
        "label": name,
        "config": config,
        "paper": paper,
        "source": source,
        "tag": tag,
    }


TSSL = "Zhang and Li 2020 (TSSL-BP), 15C5-P2-40C5-P2-300, T = 5, its best epoch on the test set"
RELU = "Cramer et al. 2022, ReLU network 256-246-10"
CODE = {"tag": "quoted"}
STUDIES = {
    "deep-mnist": [
        point("MNIST", 0.995, TSSL, data="mnist", layers=SMALL, epochs=10, **CODE),
    ],
    "deep-fashion": [
        point("Fashion-MNIST", data="fashion", layers=SMALL, epochs=20, pad=1, flip=True),
    ],
    "deep-fashion16": [
        point(
            "Fashion-MNIST 16 x 16",
            0.880,
            RELU,
            data="fashion16",
            layers=[["conv", 32, 3], ["pool", 2], ["conv", 64, 3], ["pool", 2], ["dense", 128]],
            epochs=30,
            pad=1,
            flip=True,
            **CODE,
        ),
    ],
    "deep-cifar10": [
        point(
            f"CIFAR-10, {c} channels", data="cifar10", layers=cifar(c), epochs=30, pad=4, flip=True
        )
        for c in (32, 16)
    ],
}

if __name__ == "__main__":
    studies.main_each(__doc__, "deep", {name: (points, run) for name, points in STUDIES.items()})
