"""Seconds to compile the kernels from an empty cache: ``python benchmarks/speed/compile_time.py``.

Two fresh processes: one runs what notebook 1 runs, one `snnlab.warm_up`. Printed are seconds per
kernel and list of argument types, without the kernels that it calls, and the totals. Seconds are
those of the processor (nobody else's work counts, nor does waiting), the totals also by the clock.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = next(p for p in Path(__file__).resolve().parents if (p / "pyproject.toml").exists())


def notebook_1():
    """A network of one neuron; latencies, training and evaluation of a small one, and one image."""
    import numpy as np

    import snnlab

    neuron = snnlab.LIF.brainscales2()
    tiny = snnlab.Network((1, 1), neuron, readout=neuron, n_steps=40, rng=0, dtype=np.float64)
    tiny.forward(snnlab.SpikeTrains.from_dense(np.ones((1, 40, 1))))
    rng = np.random.default_rng(0)
    x, labels = rng.random((400, 256), np.float32), rng.integers(0, 10, 400)
    spikes = snnlab.encode.latency(x)
    network = snnlab.Network((256, 246, 10), neuron, n_steps=20, rng=0)
    snnlab.train(network, spikes, labels, epochs=1, rng=1, progress=False)
    snnlab.evaluate(network, spikes, labels)
    network.forward(spikes[0])


def everything():
    """All kernels that warming up runs."""
    import snnlab

    snnlab.warm_up(verbose=False)


class Clock:
    """Listens to numba; processor seconds per compilation, those inside it taken off."""

    def __init__(self):
        self.own, self.running = {}, []

    def on_start(self, event):
        """A compilation begins, maybe inside another."""
        self.running.append([time.process_time(), 0.0])

    def on_end(self, event):
        """It ends."""
        began, inside = self.running.pop()
        spent = time.process_time() - began
        if self.running:
            self.running[-1][1] += spent
        function = event.data["dispatcher"].py_func
        name = f"{function.__module__.rpartition('.')[2]}.{function.__name__}"
        variables = function.__code__.co_freevars, function.__closure__ or ()
        made = [
            f"{k}={cell.cell_contents}"
            for k, cell in zip(*variables, strict=True)
            if isinstance(cell.cell_contents, int)
        ]
        types = ", ".join(map(short, event.data["args"]))
        key = f"{name} {' '.join(made)}({types})"
        self.own[key] = self.own.get(key, 0) + spent - inside


def short(kind):
    """A numba type in few letters."""
    text = str(kind)
    for long, brief in (
        ("array(", "["),
        (", 1d, C)", " 1]"),
        (", 2d, C)", " 2]"),
        (", 3d, C)", " 3]"),
        ("readonly ", "const "),
        ("float", "f"),
        ("uint", "u"),
        ("int", "i"),
    ):
        text = text.replace(long, brief)
    return text


def measure(work):
    """Run it in this process and print what it took."""
    began = time.perf_counter(), time.process_time()
    from numba.core import event

    clock = Clock()

    class Listener(event.Listener):
        on_start, on_end = clock.on_start, clock.on_end

    event.register("numba:compile", Listener())
    work()
    wall, cpu = time.perf_counter() - began[0], time.process_time() - began[1]
    for name, seconds in sorted(clock.own.items(), key=lambda item: -item[1]):
        print(f"{seconds:7.2f}  {name}")
    compiled = sum(clock.own.values())
    print(
        f"{work.__name__}: {len(clock.own)} compilations, {compiled:.1f} s; in all {cpu:.1f} s of "
        f"the processor, {wall:.1f} s by the clock\n",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkout", type=Path, default=ROOT, help="whose snnlab to measure")
    parser.add_argument("--only", choices=["notebook_1", "everything"])
    parser.add_argument("--here", choices=["notebook_1", "everything"], help=argparse.SUPPRESS)
    settings = parser.parse_args()
    if settings.here:
        measure(globals()[settings.here])
        return
    for name in [settings.only] if settings.only else ["notebook_1", "everything"]:
        with tempfile.TemporaryDirectory() as folder:
            path = str(settings.checkout.resolve())
            env = os.environ | {"NUMBA_CACHE_DIR": folder, "PYTHONPATH": path}
            subprocess.run([sys.executable, __file__, "--here", name], env=env, check=True)


if __name__ == "__main__":
    main()
