"""A sweep of 48 trainings, one after the other and on two workers of a Dask cluster.

    python benchmarks/speed/sweeps.py [--tasks 48] [--epochs 40]

In a second sweep on the cluster one task raises and one worker is killed midway: the other runs
must be those of the serial sweep, bit for bit. Let nothing else run meanwhile.
"""

import argparse
import os
import signal
import tempfile
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

import snnlab
from snnlab.reports.frontier import Frontier
from snnlab.reports.sweep import repeat


def run(seed, inputs=None, labels=None, epochs=40, bad=None, deadly=None, folder=None):
    """Train a network; raise for one seed, and for another one kill the process, once."""
    if seed == bad:
        raise ValueError("this run always fails")
    if seed == deadly and not (Path(folder) / "killed").exists():
        (Path(folder) / "killed").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    neuron = snnlab.LIF.brainscales2()
    network = snnlab.Network((64, 128, 10), neuron, n_steps=20, rng=seed)
    network.scale_to_activity(inputs, 30)
    snnlab.train(network, inputs[:1500], labels[:1500], epochs=epochs, rng=seed, progress=False)
    runs = Frontier("digits")
    runs.measure(network, inputs[1500:], labels[1500:], seed=seed)
    return runs


def main():
    """Print seconds, their ratio, and what became of the sweep with a kill."""
    from dask.distributed import Client, LocalCluster

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=48)
    parser.add_argument("--epochs", type=int, default=40)
    arguments = parser.parse_args()
    n = arguments.tasks
    x, labels = load_digits(return_X_y=True)
    inputs = snnlab.encode.latency(x.astype(np.float32) / 16, n_steps=20)
    task = partial(run, inputs=inputs, labels=labels, epochs=arguments.epochs)
    task(0)
    began = time.perf_counter()
    serial = repeat(task, range(n))
    here = time.perf_counter() - began
    print(f"one after the other: {here:.1f} s")
    local = {"n_workers": 2, "threads_per_worker": 1, "host": "127.0.0.1"}
    with (
        LocalCluster(dashboard_address="127.0.0.1:0", **local) as cluster,
        Client(cluster) as client,
        tempfile.TemporaryDirectory() as folder,
    ):
        repeat(task, range(2), executor=client)  # workers load, and compile or read the cache
        began = time.perf_counter()
        there = repeat(task, range(n), executor=client)
        seconds = time.perf_counter() - began
        print(f"cluster of two: {seconds:.1f} s, {here / seconds:.2f} times as fast")
        print("equal, bit for bit:", there.points == serial.points)
        failures = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            troubled = repeat(
                partial(task, bad=n // 2, deadly=n // 3, folder=folder),
                range(n),
                executor=client,
                failures=failures,
            )
        expected = [p for p in serial if p.seed != n // 2]
        print(
            f"with a kill and an error: {len(troubled)} runs, failures {failures[0].task}:", end=""
        )
        print(f" {failures[0].error}; equal: {troubled.points == expected}")


if __name__ == "__main__":
    main()
