"""Speed of two checkouts beside each other: ``python benchmarks/speed/paired.py OLD [NEW]``.

Each checkout runs in a process of its own, and they take turns, so that a machine that slows down
slows both. Printed is, per workload, the median of each side's time and of new / old, pair by pair.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve()
ROOT = next(p for p in HERE.parents if (p / "pyproject.toml").exists())


def workloads():
    """Name and function that runs one step, for the checkout that this process imports."""
    import snnlab

    rng = np.random.default_rng(0)
    images = np.clip(rng.normal(0.3, 0.35, (500, 256)), 0, 1).astype(np.float32)
    labels = rng.integers(0, 10, 500)

    def network(sizes, neuron, n_steps, **settings):
        return snnlab.Network(sizes, neuron, n_steps=n_steps, rng=1, **settings)

    def runner(net, chip):
        if chip is None:
            return net.forward
        if hasattr(chip, "measure"):
            return lambda x, **how: chip.measure(net, x, **how)
        return lambda x, **how: net.forward(x, on=chip, **how)

    def training(net, inputs, labels, chip=None, optimizer=None, loss=None):
        run = runner(net, chip)
        loss = snnlab.losses.MaxOverTime() if loss is None else loss
        optimizer = snnlab.Adam(1e-4) if optimizer is None else optimizer
        if hasattr(optimizer, "begin"):
            optimizer.begin(net, 10, 10)
        kept = {"trace": None, "gradients": None}

        def step():
            trace = run(inputs, out=kept["trace"])
            _, g = loss(trace.readout, labels)
            gradients = net.backward(trace, g, out=kept["gradients"])
            optimizer.step(net, gradients)
            kept.update(trace=trace, gradients=gradients)

        return step

    neuron = snnlab.LIF.brainscales2()
    out = {}
    for n_steps, name in ((100, "W1"), (20, "W1-T20")):
        spikes = snnlab.encode.latency(
            images, dt=neuron.dt * 20 / n_steps, n_steps=n_steps, tau=8e-6
        )
        fast = neuron.replace(dt=neuron.dt * 20 / n_steps)
        sizes = (256, 246, 10)
        net = network(sizes, fast, n_steps).scale_to_activity(spikes, 60)
        out[name] = training(net, spikes[:100], labels[:100])
        kept = {}

        def infer(net=net, spikes=spikes, kept=kept):
            kept["trace"] = net.forward(spikes, **KEEP_NOTHING, out=kept.get("trace"))

        out[name.replace("W1", "W2")] = infer
        if n_steps == 20:
            net = network(sizes, fast, n_steps).scale_to_activity(spikes, 60)
            out["chip"] = training(net, spikes[:100], labels[:100], snnlab.Substrate(0))
            net = network(sizes, fast, n_steps).scale_to_activity(spikes, 60)
            rule = snnlab.GradR(lr=1e-4, alpha=1e-4)
            out["Grad R"] = training(net, spikes[:100], labels[:100], optimizer=rule)
    pixels = np.where(rng.random((128, 784)) < 0.2, rng.random((128, 784)), 0).astype(np.float32)
    currents = snnlab.encode.constant_current(pixels, n_steps=8)
    net = network((784, 800, 10), snnlab.LIF.grad_r(), 8)
    net.scale_to_activity(currents, 150)
    out["W4"] = training(net, currents, rng.integers(0, 10, 128))
    rule = snnlab.GradR(lr=1e-4, alpha=1e-4)
    net = network((784, 800, 10), snnlab.LIF.grad_r(), 8)
    net.scale_to_activity(currents, 150)
    out["W4 Grad R"] = training(net, currents, rng.integers(0, 10, 128), optimizer=rule)
    return out


def keep_nothing():
    """How a checkout spells a forward pass that keeps no potentials."""
    import inspect

    import snnlab

    names = inspect.signature(snnlab.Network.forward).parameters
    return {"potentials" if "potentials" in names else "keep": False}


def serve():
    """Run what is asked for on standard input; answer with the seconds of a step."""
    global KEEP_NOTHING
    KEEP_NOTHING = keep_nothing()
    work = workloads()
    for step in work.values():
        step()
    print(json.dumps(list(work)), flush=True)
    for line in sys.stdin:
        name, n, processor = json.loads(line)
        clock = time.process_time if processor else time.perf_counter
        began = clock()
        for _ in range(n):
            work[name]()
        print((clock() - began) / n, flush=True)


class Side:
    """A checkout in a process of its own."""

    def __init__(self, checkout, workers, processor):
        self.processor = processor
        env = os.environ | {"PYTHONPATH": str(Path(checkout).resolve())}
        if workers:
            env["SNNLAB_WORKERS"] = str(workers)
        self.process = subprocess.Popen(
            [sys.executable, str(HERE), "--serve"],
            env=env,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.names = json.loads(self.process.stdout.readline())

    def seconds(self, name, n):
        self.process.stdin.write(json.dumps([name, n, self.processor]) + "\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path, nargs="?", default=ROOT)
    parser.add_argument("--pairs", type=int, default=25)
    parser.add_argument("--only", nargs="*", help="names of workloads")
    parser.add_argument("--workers", type=int, help="threads (default: all)")
    parser.add_argument(
        "--processor",
        action="store_true",
        help="processor time, for a busy machine; with --workers 1",
    )
    settings = parser.parse_args()
    how = settings.workers, settings.processor
    sides = [Side(path, *how) for path in (settings.old, settings.new)]
    for name in settings.only or sides[0].names:
        n = max(3, int(0.15 / sides[0].seconds(name, 5)))
        times = np.empty((settings.pairs, 2))
        for k in range(settings.pairs):
            for side in (0, 1) if k % 2 else (1, 0):
                times[k, side] = sides[side].seconds(name, n)
        old, new = np.median(times, axis=0) * 1e3
        ratio = np.quantile(times[:, 1] / times[:, 0], (0.25, 0.5, 0.75))
        print(
            f"{name:10} old {old:7.3f} ms  new {new:7.3f} ms  new/old {ratio[1]:.3f} "
            f"({ratio[0]:.3f} to {ratio[2]:.3f})",
            flush=True,
        )
    for side in sides:
        side.process.stdin.close()
        side.process.wait()


if __name__ == "__main__":
    serve() if sys.argv[1:] == ["--serve"] else main()
