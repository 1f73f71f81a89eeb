"""What checks cost in a training step: ``python benchmarks/speed/checks.py [--pairs 2000]``.

W1-T20: 256-246-10, batches of 100 latency-coded images, 20 steps, Adam, one worker. Two trainings,
alike to the last bit, take turns step by step; during the steps of one of them all that is looked
at (arguments, labels, gradients, outcomes) is taken as it comes. Printed is processor time, and the
ratio pair by pair. The exit code is 1 if checks cost more than 2 %.
"""

import argparse
import sys
import time

import numpy as np

import snnlab
from snnlab import _check, signals
from snnlab.learning import losses, penalties, state, training

MOST = 0.02


def _value(name, value, *args, **kwargs):
    """A check that looks at nothing."""
    return value


def unchecked():
    """What stands in for checks: (owner, name, replacement)."""
    names = (
        "number integer flag one_of real scalar unmasked network sequence generator floats array"
    )
    out = [(_check, name, _value) for name in names.split()]
    out += [(_check, "finite", lambda of, result: result)]
    out += [(_check, "kind", lambda *classes: _value)]
    out += [(snnlab.Network, "check_inputs", lambda self, *args: None)]
    out += [(signals, "_checked_part", lambda signal, *part: part)]
    out += [(losses, "_labels_for", lambda readout, labels: labels)]
    out += [(losses, "_check_readout", lambda readout: None)]
    out += [(kind, "__call__", kind.__call__.__wrapped__) for kind in losses.LOSSES.values()]
    out += [(penalties, "_called", lambda penalty, *args: penalty(*args))]
    out += [(state, "check_gradients", lambda network, flat, owner: 1.0)]
    out += [(state, "real", _value)]
    out += [(training, "called", lambda loss, readout, labels: loss(readout, labels))]
    return out


def switch(parts):
    """Put replacements in place; returns what was there."""
    before = [(owner, name, vars(owner)[name]) for owner, name, _ in parts]
    for owner, name, x in parts:
        setattr(owner, name, x)
    return before


def steps():
    """A training that does not end, and changes nothing: the same work in every step."""
    rng = np.random.default_rng(0)
    images = np.clip(rng.normal(0.3, 0.35, (500, 256)), 0, 1).astype(np.float32)
    inputs, labels = snnlab.encode.latency(images), rng.integers(0, 10, 500)
    neuron = snnlab.LIF.brainscales2()
    network = snnlab.Network((256, 246, 10), neuron, n_steps=20, rng=1, workers=1)
    network.scale_to_activity(inputs, 60)
    settings = {"epochs": 10**6, "batch_size": 100, "optimizer": snnlab.Adam(lr=0), "rng": 0}
    return snnlab.training.steps(network, inputs, labels, **settings)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=2000)
    n = parser.parse_args().pairs
    loops, bare = (steps(), steps()), unchecked()
    seconds = np.empty((n + 50, 2))
    for k in range(len(seconds)):
        for side in (0, 1) if k % 2 else (1, 0):  # who is first takes turns, too
            before = switch(bare) if side else []
            began = time.thread_time()
            next(loops[side])
            seconds[k, side] = time.thread_time() - began
            switch(before)
    seconds = seconds[50:]  # caches are warm
    ratio = seconds[:, 0] / seconds[:, 1]
    low, middle, high = np.percentile(ratio - 1, (25, 50, 75))
    with_checks, without = 1e3 * np.median(seconds, axis=0)
    print(f"a step of W1-T20: {with_checks:.3f} ms with checks, {without:.3f} ms without")
    print(f"checks cost {100 * middle:.2f} % (quartiles of {n} pairs {100 * low:.2f} to "
          f"{100 * high:.2f} %); at most {100 * MOST:g} % is allowed")  # fmt: skip
    return int(middle > MOST)


if __name__ == "__main__":
    sys.exit(main())
