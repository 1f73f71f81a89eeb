"""W5, a training step of a convolutional network: ``python benchmarks/speed/deep.py``.

Chen et al.'s network for CIFAR-10 with C channels: six convolutions (3x3) with a max-pool after the
third and the sixth, two dense layers (256, 100), ten units vote for each class; images of 32 x 32 x
3 as constant currents, `LIF.grad_r` neurons, squared error of rates, Adam; without a normaliser,
every layer scaled to 10 % activity. Beside it the same in other libraries (``peers_deep.py``).

Gradients are compared before anything is timed. Then all take turns, step by step; what is recorded
of each peer is the ratio to ours, round by round. One thread each, processor time; of ours also two
threads (wall time), with currents normalised over the batch, and with a surrogate that is zero far
from the threshold, as ratios to the plain step. Written to ``data/results/speed-deep.json``; let
nothing else run meanwhile. ``--quick`` is rough and stores nothing.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

for threads in ("NPROC", "OPENBLAS_NUM_THREADS"):  # XLA's, and those of NumPy's products
    os.environ[threads] = "1"

import numpy as np  # noqa: E402
import speed  # noqa: E402

import snnlab  # noqa: E402
from snnlab.kernels.winograd import POINTS, SIDE  # noqa: E402
from snnlab.layers import BatchNorm, Conv, Pool, Vote  # noqa: E402

CLASSES, POOLED = 10, (2, 5)  # convolutions above which there is a pool
SIZES = (32, 8), (64, 8), (32, 4), (16, 8)  # channels and steps
BATCH = 16
FLOOR = "floor"
OWN = {
    "two threads": {"workers": 2},
    "normalised": {"norm": True},
    "triangle": {"surrogate": "triangle", "steepness": 1.0},
}


def example(channels, n_steps, batch, *, side=32, dense=(256, 100), dtype=np.float32, **more):
    """A network, a batch of currents, and labels; ``more``: workers, and the neuron's settings."""
    rng, layers = np.random.default_rng(0), [(side, side, 3)]
    norm = BatchNorm() if more.pop("norm", False) else None
    for k in range(6):
        layers += [Conv(channels, norm=norm)] + [Pool()] * (k in POOLED)
    settings = {"n_steps": n_steps, "rng": 1, "dtype": dtype, "workers": more.pop("workers", None)}
    model, x = snnlab.LIF.grad_r(**more), rng.random((batch, side, side, 3))
    network = snnlab.Network((*layers, *dense, Vote(CLASSES)), model, readout=model, **settings)
    inputs = snnlab.ConstantCurrent(x.reshape(batch, -1).astype(dtype), n_steps)
    network.scale_to_activity(inputs, rate=0.1)
    last = network.weights[-1]
    last *= dtype(10 / np.sqrt(len(last)) / last.std())  # so that it is heard
    return network, inputs, rng.integers(0, CLASSES, batch)


class Floor:
    """The multiplications by which Winograd's filters bring the error down through convolutions."""

    def __init__(self, channels, n_steps, batch, *, side=32):
        rng = np.random.default_rng(0)
        areas = (side**2,) * 2 + ((side // 2) ** 2,) * 3  # below the first there are pixels
        w, of_square = rng.random((POINTS, channels, channels)).astype("f4"), SIDE**2
        one = rng.random((POINTS, n_steps * side**2 // of_square, channels)).astype("f4")
        self.products = [(one[:, : n_steps * area // of_square], w) for area in areas]
        self.out, self.batch = np.empty_like(one), batch

    def step(self):
        """The products of a batch, sample by sample."""
        for _ in range(self.batch):
            for squares, w in self.products:
                np.matmul(squares, w, out=self.out[:, : squares.shape[1]])


class Ours:
    """snnlab."""

    def __init__(self, network, inputs, labels):
        self.network, self.inputs, self.labels = network.copy(), inputs, labels
        self.network.workers = network.workers
        self.loss, self.adam = snnlab.losses.RateMSE(), snnlab.Adam(1e-4)
        self.trace = self.found = None

    def step(self, learning=True):
        """Forward, loss, backward and, if ``learning``, Adam; returns the loss."""
        self.trace = self.network.forward(self.inputs, out=self.trace, training=True)
        value, g = self.loss(self.trace.readout, self.labels)
        self.found = self.network.backward(self.trace, g, out=self.found)
        if learning:
            self.adam.step(self.network, self.found)
        return value

    def gradients(self):
        """Those of the last step, layer by layer."""
        return [np.array(g) for g in self.found]


def the_peers(compiled):
    """Makers of the peers that are installed, by name."""
    try:
        import peers_deep
    except ImportError:
        return {}
    peers_deep.torch.set_num_threads(1)
    return peers_deep.makers(compiled)


def difference(ours, theirs):
    """Largest difference of a gradient, relative to the layer's largest."""
    ours.step(learning=False)
    theirs.step(learning=False)
    out = 0.0
    for a, b in zip(ours.gradients(), theirs.gradients(), strict=True):
        assert a.any(), "a gradient is zero: nothing is compared"
        out = max(out, float(np.abs(a - b).max() / np.abs(a).max()))
    return out


def check(makers):
    """Gradients of a small network, in float64 (snnTorch: float32)."""
    for name, make in makers.items():
        dtype = np.float32 if name == "snntorch" else np.float64
        given = example(8, 5, 3, side=8, dense=(40, 20), dtype=dtype)
        found = difference(Ours(*given), make(*given))
        assert found < (1e-10 if dtype == np.float64 else 1e-4), (name, found)
        print(f"gradients of {name}: {found:.1e} from ours", flush=True)


def measure(sides, rounds, clock):
    """Seconds of a step, (round,) per side; all take turns."""
    for side in sides.values():
        side.step()
    seconds, names = {name: np.empty(rounds) for name in sides}, list(sides)
    for k in range(rounds):
        for name in names if k % 2 else reversed(names):
            began = clock()
            sides[name].step()
            seconds[name][k] = clock() - began
    return seconds


def versus_peers(report, sizes, makers, rounds):
    """One thread each."""
    rows = []
    for channels, n_steps in sizes:
        network, *given = example(channels, n_steps, BATCH, workers=1)
        sides = {"snnlab": Ours(network, *given)}
        sides |= {name: make(network, *given) for name, make in makers.items()}
        times = measure(sides, rounds, time.process_time)
        activity = [t.counts().mean() / t.n_units / n_steps for t in sides["snnlab"].trace.spikes]
        about = {"channels": channels, "n_steps": n_steps, "batch_size": BATCH, "threads": 1}
        about |= {"activity": [round(float(a), 3) for a in activity]}
        for name, t in times.items():
            ratio = t / times["snnlab"]
            ms = float(1e3 * np.median(t))
            if name != "snnlab":
                report.record("ratio_one_thread", ratio, "W5", name, ms=ms, **about)
            rows.append((channels, n_steps, name, f"{ms:.1f}", f"{np.median(ratio):.2f}"))
    report.table(("channels", "steps", "who", "ms", "ratio"), rows)


def own_variants(report, sizes, rounds):
    """The floor, and what threads, a normaliser and a surrogate of finite width do to our step."""
    rows = []
    for channels, n_steps in sizes:
        for variant, more in {FLOOR: {}, **OWN}.items():
            plain = Ours(*example(channels, n_steps, BATCH, workers=1))
            if variant == FLOOR:
                other = Floor(channels, n_steps, BATCH)
            else:
                other = Ours(*example(channels, n_steps, BATCH, **({"workers": 1} | more)))
            clock = time.perf_counter if "workers" in more else time.process_time
            times = measure({"plain": plain, "variant": other}, rounds, clock)
            ratio = times["variant"] / times["plain"]
            about = {"channels": channels, "n_steps": n_steps, "batch_size": BATCH}
            ms = float(1e3 * np.median(times["variant"]))
            report.record("relative_to_plain_step", ratio, "W5", variant=variant, ms=ms, **about)
            rows.append((channels, n_steps, variant, f"{ms:.1f}", f"{np.median(ratio):.2f}"))
    report.table(("channels", "steps", "variant", "ms", "of the plain step"), rows)


def peak(make, channels, n_steps):
    """Megabytes that three steps take, network and optimiser included."""
    make(*example(8, n_steps, 2, side=8, dense=(40, 20))).step()  # compiled, libraries are there
    given = example(channels, n_steps, BATCH, workers=1)
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = kilobytes("VmRSS")
    side = make(*given)
    for _ in range(3):
        side.step()
    return (kilobytes("VmHWM") - before) * 1024 / 1e6


def kilobytes(what):
    """A figure of this process, as the system has it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(what)).split()[1])


def memory(report, sizes, makers):
    """Peak of each side, one after the other."""
    rows = []
    for channels, n_steps in sizes:
        taken = {}
        for who in ("snnlab", *makers):
            command = [sys.executable, __file__, "--peak", who, str(channels), str(n_steps)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            taken[who] = float(done.stdout.split()[-1])
            about = {"channels": channels, "n_steps": n_steps, "batch_size": BATCH}
            report.record("peak_megabytes", taken[who], "W5", who, **about)
            times = taken[who] / taken["snnlab"]
            rows.append((channels, n_steps, who, f"{taken[who]:.0f}", f"{times:.2f}"))
    report.table(("channels", "steps", "who", "MB", "times ours"), rows)


def main():
    """Compare, time, store."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="rough, and stores nothing")
    parser.add_argument("--memory", action="store_true", help="memory only")
    parser.add_argument("--peak", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    quick = options.quick
    makers, sizes = the_peers(compiled=not quick), SIZES[2:3] if quick else SIZES
    if options.peak:
        who, *size = options.peak
        print(peak({"snnlab": Ours, **makers}[who], *map(int, size)))
        return
    flags = " --quick" * quick + " --memory" * options.memory
    report = speed.Report("python benchmarks/speed/deep.py" + flags)
    if options.memory:
        memory(report, sizes, makers)
        report.store("memory-deep")
        return
    check(makers)
    versus_peers(report, sizes, makers, 3 if quick else 9)
    own_variants(report, sizes, 3 if quick else 15)
    if not quick:
        report.store("speed-deep")


if __name__ == "__main__":
    main()
