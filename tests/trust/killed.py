"""Train in a process of its own, to be killed: by somebody else, or inside a checkpoint's write.

    python killed.py KIND CHECKPOINT [PLACE WRITE]

PLACE is where the WRITE-th write of the checkpoint is cut off: "half" of the bytes, before "fsync",
before "replace" or right "after" it. At the end the weights' digest is printed.
"""

import hashlib
import os
import signal
import sys

import numpy as np

import snnlab
from snnlab import LIF, Adam, DeepR, GradR, Network, Substrate

EPOCHS = 40
KINDS = ("Adam", "Grad R", "Deep R", "chip", "augmentation")
PLACES = ("half", "fsync", "replace", "after")


def task(kind):
    """Network, inputs, labels, settings."""
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    settings = {"epochs": EPOCHS, "batch_size": 10, "rng": 1, "dropout": 0.1}
    if kind == "augmentation":
        source = rng.integers(0, 255, (60, 10, 10)).astype(np.uint8)
        affine = snnlab.Affine(rotation=10, shift=1)
        inputs, n = snnlab.AugmentedImages(source, 8, affine), 64
    else:
        n = 20
        inputs = snnlab.encode.latency(rng.random((60, n)), n_steps=20)
    network = Network((n, 12, 3), LIF.brainscales2(), n_steps=20, rng=0)
    if kind == "Grad R":
        settings["optimizer"] = GradR(3e-3, 0.8, 0.1, rng=2)
    elif kind == "Deep R":
        settings["optimizer"] = DeepR(3e-3, 0.8, rng=2)
    else:
        settings["optimizer"] = Adam(3e-3)
    if kind == "chip":
        settings["substrate"] = Substrate(3)
    return network, inputs, labels, settings


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


def cut_off(place, write):
    """Let the process be killed within its n-th write."""
    counted = {"n": 0}
    savez, fsync, replace = np.savez, os.fsync, os.replace

    def due():
        return counted["n"] >= write

    def half(file, **arrays):
        counted["n"] += 1
        savez(file, **arrays)
        if place == "half" and due():
            file.flush()
            file.truncate(file.tell() // 2)
            kill()

    def sync(descriptor):
        if place == "fsync" and due():
            kill()
        fsync(descriptor)

    def put(*paths):
        if place == "replace" and due():
            kill()
        replace(*paths)
        if place == "after" and due():
            kill()

    np.savez, os.fsync, os.replace = half, sync, put


def main(kind, checkpoint, place=None, write=0):
    network, inputs, labels, settings = task(kind)
    if place:
        cut_off(place, int(write))
    print("ready", flush=True)
    snnlab.train(network, inputs, labels, **settings, checkpoint=checkpoint, progress=False)
    print("weights", hashlib.sha256(network.parameters.tobytes()).hexdigest(), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
