"""Train the network that the package ships for `snnlab.live.LivingNetwork`: 256-246-10.

    SNNLAB_DATA=... python tools/train_small_network.py [--epochs 80] [--out FILE]

It learns MNIST and the training part of scikit-learn's digits, each image changed anew every time,
so that it also reads what is drawn with a mouse. Only the weights are written, as float16; the
figures that are printed, and stored beside them, are those of the rounded weights.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

import snnlab
from snnlab import augment, datasets, encode, penalties

OUT = Path(__file__).resolve().parents[1] / "snnlab" / "live" / "static" / "small_network.npz"
AFFINE = snnlab.Affine(rotation=13.0, shift=1.0, scale=0.13, shear=0.15)
N_STEPS = 20
SAMPLES_SEED, FIRST = 1, 5  # the first one is a digit that is easily recognised
REPEATS = 6  # how often the digits are seen per epoch: there are 1,437 of them, and 60,000 of MNIST
INK = 0.7, 1.4  # factors of the grey levels: pens differ


class Inked:
    """A stream like `snnlab.AugmentedImages`, whose images also differ in how dark they are."""

    def __init__(self, source):
        self.source = source

    def __len__(self):
        return len(self.source)

    def batch(self, index, rng):
        x = augment.resample(self.source, index, 16, AFFINE, rng)
        x = np.minimum(1, x * rng.uniform(*INK, (len(x), 1)).astype(np.float32))
        return encode.latency(x, n_steps=N_STEPS)


def sources():
    """Images before scaling, 24 x 24, and labels: MNIST's, then the digits', several times."""
    mnist, digits = datasets.load("mnist16"), datasets.load("digits16")
    small = digits.source_train
    large = augment.resample(small, np.arange(len(small)), 24)
    large = np.rint(255 * large).astype(np.uint8).reshape(-1, 24, 24)
    images = np.concatenate([mnist.source_train] + REPEATS * [large])
    labels = np.concatenate([mnist.y_train] + REPEATS * [digits.y_train])
    return mnist, digits, images, labels


def samples(digits):
    """Which of scikit-learn's digits are shown: ten of each class that it was not trained on."""
    every = np.rint(load_digits().images * (255 / 16)).astype(np.uint8)
    x = augment.resample(every, np.arange(len(every)), 16)
    place = {row.tobytes(): k for k, row in enumerate(x)}
    rng = np.random.default_rng(SAMPLES_SEED)
    by_class = [rng.permutation(np.flatnonzero(digits.y_test == label))[:10] for label in range(10)]
    order = [by_class[label][k] for k in range(10) for label in rng.permutation(10)]
    shown = np.array([place[digits.x_test[k].tobytes()] for k in order], np.int16)
    return np.roll(shown, -FIRST)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=80)
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    mnist, digits, images, labels = sources()
    tests = {d.name: (encode.latency(d.x_test, n_steps=N_STEPS), d.y_test) for d in (mnist, digits)}
    rng = np.random.default_rng(0)
    neuron = snnlab.LIF.brainscales2(steepness=10.0)
    network = snnlab.Network((256, 246, 10), neuron, n_steps=N_STEPS, rng=rng)
    network.scale_to_activity(tests["mnist16"][0][:500], 60)
    began = time.perf_counter()
    snnlab.train(
        network,
        Inked(images),
        labels,
        epochs=arguments.epochs,
        rng=rng,
        progress=False,
        optimizer=snnlab.Adam(lr=2e-3, weight_decay=0.05),
        penalties=penalties.Bursts(0.05),
    )
    rounded = [w.astype(np.float16) for w in network.weights]
    for w, short in zip(network.weights, rounded, strict=True):
        w[...] = short
    about = {"epochs": arguments.epochs, "seconds": round(time.perf_counter() - began)}
    for name, (spikes, y) in tests.items():
        result = snnlab.evaluate(network, spikes, y)
        about[name] = round(result.accuracy, 4)
        about[f"{name}_hidden_spikes"] = round(result.hidden_spikes, 1)
    print(json.dumps(about))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arrays = {f"weights_{k}": w for k, w in enumerate(rounded)}
    header = {
        "sizes": network.sizes,
        "n_steps": network.n_steps,
        "neurons": [model.to_dict() for model in network.neurons],
        "about": about,
    }
    header = np.array(json.dumps(header))
    np.savez_compressed(arguments.out, header=header, samples=samples(digits), **arrays)
    print(f"{arguments.out}: {arguments.out.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
