"""How fast snnlab is: against other libraries, against a busy neighbour, against the machine.

    python benchmarks/speed/speed.py              # some minutes; let nothing else run meanwhile
    python benchmarks/speed/speed.py --only W4    # other workloads' records stay as they are
    python benchmarks/speed/speed.py --quick      # some minutes, rough; stores nothing

Everything is a ratio of things measured in turn (A B C A B C ...) within one run, so that a machine
whose speed drifts slows all of them; milliseconds are printed to show the size of things. Peers
(``peers.py``) are used if PyTorch is installed. Their gradients are compared with ours first.

Workloads, 256-246-10, batches of 100 latency-coded 16 x 16 images, window 34 us (a virtual chip
has all its imperfections on):
W1-T20, W1 (100 steps): training step with Adam; W2-T20, W2: inference on 500 images (quick: 100).
W4, the network of Chen et al. (2021), 784-800-10, 8 steps, batches of 128, pixels as constant
currents, after an epoch of 10,000 images (untrained, it is silent): training step with Adam.
W4-normalised: pixels normalised as there, the background is not zero.
The learning rate is 0, so that every round does the same work; Adam computes all the same.
"""

import argparse
import contextlib
import gc
import importlib.metadata
import importlib.util
import itertools
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
from numba import njit

import snnlab
from snnlab import datasets, encode, losses, training
from snnlab._files import write_atomically
from snnlab._workers import worker_count
from snnlab.kernels import lif, updates
from snnlab.learning.penalties import Bursts, LowerBound, Penalties, WeightDecay
from snnlab.passes import chunk_borders

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "benchmarks" / "studies"))

import rewiring  # noqa: E402

SIZES, BATCH, WINDOW = (256, 246, 10), 100, 34e-6
ACTIVITY = {20: 60, 100: 80}  # hidden spikes per sample that the weights are scaled to
TARGETS = {("W1", "pytorch-by-hand"): 8, ("W1", "snntorch"): 20}
# with one worker: processor time of this thread, which a busy machine does not lengthen
_fine = time.get_clock_info("thread_time").resolution < 1e-6
CLOCK = time.thread_time if _fine else time.perf_counter


# measuring --------------------------------------------------------------------------------------


class Contender:
    """Something to time: a function, and the threads PyTorch may use for it (None: not PyTorch)."""

    def __init__(self, run, threads=None):
        self.run, self.threads = run, threads

    @classmethod
    def of(cls, peer, inputs, labels, threads, learning=True):
        """A peer that trains on one of the prepared batches at a time, or infers all of them."""
        turn = itertools.cycle(inputs)

        def train():
            peer.step(next(turn), labels)

        def infer():
            for x in inputs:
                peer.scores(x)

        return cls(train if learning else infer, threads)

    def prepare(self):
        if self.threads is not None:
            import torch

            if torch.get_num_threads() != self.threads:
                torch.set_num_threads(self.threads)

    def time(self, calls=1):
        began = time.perf_counter()
        for _ in range(calls):
            self.run()
        return (time.perf_counter() - began) / calls


class Apart(Contender):
    """One that runs in a process of its own, which measures itself (`peers_jax.start`)."""

    def __init__(self, pipe, name):
        super().__init__(self.time)
        self.pipe, self.name = pipe, name

    def time(self, calls=1):
        self.pipe.send((self.name, calls))
        return self.pipe.recv()


def measure(contenders, rounds, slice_=0.015, warm=True, limit=60.0):
    """Seconds per call and round, (rounds,) per contender, all in turn within each round.

    Before each slice of about ``slice_`` seconds there is a pause, in which other threads come to
    rest, and an untimed call, which fills the caches. After ``limit`` seconds the rounds end.
    """
    names, calls = list(contenders), {}
    for name, contender in contenders.items():
        contender.prepare()
        contender.run()
        calls[name] = int(np.clip(slice_ / contender.time(), 1, 50)) if slice_ else 1
    times = {name: [] for name in names}
    began = time.perf_counter()
    gc.collect()
    gc.disable()
    try:
        for r in range(rounds):
            for name in names[r % len(names) :] + names[: r % len(names)]:
                contender = contenders[name]
                contender.prepare()
                time.sleep(0.003)
                if warm:
                    contender.run()
                times[name].append(contender.time(calls[name]))
            if time.perf_counter() - began > limit and r >= 1:
                break
    finally:
        gc.enable()
    return {name: np.array(t) for name, t in times.items()}


class Report:
    """Markdown lines on the screen, records for the file."""

    def __init__(self, command):
        packages = ("numpy", "numba", "torch", "snntorch", "jax")
        found = {name: _version(name) for name in packages}
        self.versions = {
            "python": platform.python_version(),
            **{name: version for name, version in found.items() if version},
            "snnlab": snnlab.__version__,
            "cpus": worker_count(),
        }
        self.command, self.records, self.began = command, [], time.perf_counter()

    def title(self, text):
        self.began = time.perf_counter()
        print(f"\n## {text}\n", flush=True)

    def text(self, text):
        print(f"\n{text}", flush=True)

    def table(self, head, rows):
        print("| " + " | ".join(head) + " |")
        print("|" + " --- |" * len(head))
        for row in rows:
            print("| " + " | ".join(map(str, row)) + " |", flush=True)

    def record(self, metric, values, workload, peer=None, **config):
        values = np.atleast_1d(np.asarray(values, float))
        self.records.append(
            {
                "study": "speed",
                "metric": metric,
                "mean": _short(values.mean()),
                "sd": _short(values.std(ddof=1)) if len(values) > 1 else 0.0,
                "median": _short(np.median(values)),
                "values": [_short(x) for x in values],
                "seeds": None,
                "workload": workload,
                "peer": peer,
                "config": {k: _short(v) if isinstance(v, float) else v for k, v in config.items()},
                "command": self.command,
                "versions": self.versions,
                "seconds": round(time.perf_counter() - self.began, 1),
            }
        )

    def store(self, study):
        """Write the records to ``data/results``, as a study of that name."""
        for record in self.records:
            record["study"] = study
        write_records(ROOT / "data" / "results" / f"{study}.json", self.records)


def write_records(path, records):
    """A file of records, whole or not at all."""
    text = json.dumps(records, indent=1) + "\n"
    write_atomically(path, lambda file: file.write(text.encode()))


def _version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _short(x):
    return float(f"{x:.4g}")


def _ms(t):
    """Median and minimum of times in milliseconds, as text."""
    return f"{1e3 * np.median(t):.3g} ({1e3 * t.min():.3g})"


# our side ---------------------------------------------------------------------------------------


class Ours:
    """A setting in training on a few batches, over and over, as `snnlab.training.steps` does it."""

    def __init__(self, s, workers, penalties=(), substrate=None, optimizer=snnlab.Adam):
        self.network = s.network.copy()
        self.penalties, self.substrate = Penalties(penalties, s.network), substrate
        self.network.workers = workers
        self.trains, self.labels, self.loss = s.trains, s.labels, s.loss
        self.optimizer = optimizer(lr=0.0)
        self.trace = self.gradients = None
        order, n = np.random.default_rng(0).permutation(len(s.trains)), len(s.trains) // s.batch
        self.indices = itertools.cycle(order[: n * s.batch].reshape(n, s.batch))

    def kernel(self):
        """Forward, loss, backward."""
        index = next(self.indices)
        batch = self.trains[index]
        if self.substrate is None:
            self.trace = self.network.forward(batch, out=self.trace)
        else:
            self.trace = self.network.forward(batch, on=self.substrate, out=self.trace)
        _, g_readout = self.loss(self.trace.readout, self.labels[index])
        _, g_readout, g_spikes = self.penalties.of_trace(self.trace, g_readout)
        self.gradients = self.network.backward(
            self.trace, g_readout, g_spikes=g_spikes, out=self.gradients
        )
        self.penalties.of_weights(self.network, self.gradients)

    def step(self):
        """The same and Adam."""
        self.kernel()
        self.optimizer.step(self.network, self.gradients)
        if self.substrate is not None:
            self.substrate.clip(self.network)

    def parts(self):
        """Seconds of each part of one step of the training loop."""
        clock = CLOCK if self.network.workers == 1 else time.perf_counter
        t = [clock()]
        index = next(self.indices)
        batch, labels = self.trains[index], self.labels[index]
        t.append(clock())
        self.trace = self.network.forward(batch, out=self.trace)
        t.append(clock())
        _, g_readout = self.loss(self.trace.readout, labels)
        t.append(clock())
        self.gradients = self.network.backward(self.trace, g_readout, out=self.gradients)
        t.append(clock())
        self.optimizer.step(self.network, self.gradients)
        t.append(clock())
        (self.loss.scores(self.trace.readout).argmax(axis=1) == labels).mean()
        self.trace.hidden_counts().mean()
        t.append(clock())
        return np.diff(t)


PARTS = ("batch", "forward", "loss", "backward", "optimiser", "statistics")


class Setting:
    """Data and network of some workloads."""

    def __init__(self, data, n_steps, suffix):
        self.data, self.n_steps, self.suffix = data, n_steps, suffix
        self.trains, self.labels = self.encode(data.x_train[:1000]), data.y_train[:1000]
        self.network = self.make_network()
        counts = self.network.forward(self.trains, potentials=False).hidden_counts()
        self.hidden_spikes = float(counts.mean())

    def ours(self, workers, **more):
        return Ours(self, workers, **more)

    def workload(self, name):
        return name + self.suffix

    @property
    def config(self):
        return {
            "n_steps": self.n_steps,
            "batch_size": self.batch,
            **self.input_config(),
            "hidden_spikes": self.hidden_spikes,
        }


class Latencies(Setting):
    """One spike per pixel, for one number of steps."""

    works = "W1", "W2"  # training, inference
    current, batch, loss = False, BATCH, losses.MaxOverTime(10.0)  # `peers.SCALE`
    variants = {
        "penalty": {"penalties": Bursts(1.0)},
        "three penalties": {"penalties": [Bursts(1.0), LowerBound(1.0, 0.01), WeightDecay(0.1)]},
        "chip": {"substrate": snnlab.Substrate(0)},
    }

    def __init__(self, data, n_steps):
        self.code = {"n_steps": n_steps, "dt": WINDOW / n_steps, "tau": 8e-6}
        super().__init__(data, n_steps, "" if n_steps == 100 else f"-T{n_steps}")
        self.input_spikes = float(self.trains.counts().mean())

    def encode(self, x, **more):
        return encode.latency(x, **self.code, **more)

    def make_network(self):
        neuron = snnlab.LIF.brainscales2(dt=self.code["dt"])
        sizes = (self.trains.n_units, *SIZES[1:])
        network = snnlab.Network(sizes, neuron, n_steps=self.n_steps, rng=1)
        return network.scale_to_activity(self.trains[:500], ACTIVITY[self.n_steps])

    def input_config(self):
        return {"input_spikes": self.input_spikes}


class Currents(Setting):
    """Pixels as constant currents, perhaps normalised (mean and standard deviation)."""

    works = ("W4",)
    current, batch, loss = True, 128, losses.RateMSE()
    # its log has an entry per epoch, as in training
    rule = partial(snnlab.rewiring.GradR, alpha=0.02, log_every=469)
    variants = {"Grad R": {"optimizer": rule}}

    def __init__(self, data, *normalise):
        self.encode = rewiring.Current(8, 0.0 if normalise else 0.05, *normalise)
        super().__init__(data, 8, "-normalised" if normalise else "")

    def make_network(self):
        neuron, n = snnlab.LIF.grad_r(), 10_000
        network = snnlab.Network((784, 800, 10), neuron, readout=neuron, n_steps=8, rng=1)
        snnlab.train(
            network,
            self.encode(self.data.x_train[:n]),
            self.data.y_train[:n],
            epochs=1,
            rng=0,
            batch_size=self.batch,
            loss=self.loss,
            optimizer=snnlab.Adam(lr=2e-3),
            schedule="constant",
            progress=False,
        )
        return network

    def input_config(self):
        return {"input_not_background": float((self.trains.x != self.trains.x.min()).mean())}

    def workload(self, name):
        return "W4" + self.suffix


# studies ----------------------------------------------------------------------------------------


def own_steps(report, settings, workers, rounds):
    report.title("Training step, one worker and two")
    rows = []
    for s in settings:
        runs = {}
        for w in [*workers, None]:  # None: what users get who do not ask for a number
            ours = s.ours(w)
            runs["kernel", w], runs["step", w] = Contender(ours.kernel), Contender(ours.step)
        times = measure(runs, rounds)
        serial = times["step", 1]
        for (what, w), t in times.items():
            ratio = t / serial
            rows.append(
                (s.workload("W1"), "with Adam" if what == "step" else "without", w or "default")
                + (_ms(t), f"{np.median(ratio):.2f}", f"{s.batch / np.median(t):,.0f}")
            )
            report.record(
                "relative_to_serial_step",
                ratio,
                s.workload("W1"),
                adam=what == "step",
                workers=w,
                ms=float(1e3 * np.median(t)),
                ms_min=float(1e3 * t.min()),
                **s.config,
            )
    head = ("workload", "Adam", "workers", "ms, median (min)", "of the serial step", "samples/s")
    report.table(head, rows)


def own_variants(report, settings, workers, rounds):
    report.title("What penalties, the virtual chip (all imperfections on) and Grad R add to a step")
    rows = []
    for s in settings:
        runs = {("", w): Contender(s.ours(w).step) for w in workers}
        for name, more in s.variants.items():
            runs |= {(name, w): Contender(s.ours(w, **more).step) for w in workers}
        times = measure(runs, rounds)
        for (name, w), t in times.items():
            if name:
                ratio = t / times["", w]
                rows.append((s.workload("W1"), name, w, _ms(t), f"{np.median(ratio):.2f}"))
                report.record(
                    "relative_to_plain_step",
                    ratio,
                    s.workload("step"),
                    variant=name,
                    workers=w,
                    ms=float(1e3 * np.median(t)),
                    **s.config,
                )
    head = ("workload", "", "workers", "ms, median (min)", "of the plain step")
    report.table(head, rows)


def own_inference(report, settings, workers, rounds):
    report.title("Inference, 2000 images, encoded beforehand or on the way")
    rows = []
    for s in settings:
        x = s.data.x_test[:2000]
        if len(x) < 2000:
            x = np.resize(x, (2000, x.shape[1]))
        trains, runs = s.encode(x), {}
        for w in workers:
            net = s.network.copy()
            net.workers = w

            def ready(net=net, trains=trains):
                training.predict_scores(net, trains)

            def raw(net=net, w=w, s=s, x=x):
                training.predict_scores(net, s.encode(x, workers=w))

            def chip(net=net, trains=trains, chip=s.variants["chip"]):
                training.predict_scores(net, trains, **chip)

            runs["events", w], runs["images", w] = Contender(ready), Contender(raw)
            runs["events, chip", w] = Contender(chip)
        times = measure(runs, rounds, slice_=0.03)
        for (what, w), t in times.items():
            rate = len(x) / np.median(t)
            relative = np.median(t / times["events", 1])
            rows.append((s.n_steps, what, w, _ms(t), f"{relative:.2f}", f"{rate:,.0f}"))
            report.record(
                "relative_to_serial_inference",
                t / times["events", 1],
                "W2" + s.suffix,
                start=what,
                workers=w,
                images_per_second=float(rate),
                **s.config,
            )
    head = ("T", "from", "workers", "ms, median (min)", "of serial", "images/s")
    report.table(head, rows)


def epochs(report, settings, workers, rounds, n):
    n = min(n, len(settings[0].data.x_train))
    report.title(f"Whole epoch of {n:,} samples with `train`, coding not included")
    rows = []
    for s in settings:
        trains, labels = s.encode(s.data.x_train[:n]), s.data.y_train[:n]
        runs = {}
        for w in workers:
            net = s.network.copy()
            net.workers = w

            def run(net=net, trains=trains, labels=labels, s=s):
                snnlab.train(
                    net,
                    trains,
                    labels,
                    epochs=1,
                    rng=0,
                    batch_size=s.batch,
                    loss=s.loss,
                    optimizer=snnlab.Adam(lr=0.0),
                    progress=False,
                )

            runs["epoch", w] = Contender(run)
            runs["step", w] = Contender(s.ours(w).step)  # a few, to see what the loop adds
        times = measure(runs, rounds, warm=False)
        for w in workers:
            t = times["epoch", w]
            per_step = t / np.ceil(n / s.batch)
            extra = np.median(per_step / times["step", w])
            rows.append(
                (s.workload("W1"), w, f"{np.median(t):.2f} ({t.min():.2f})")
                + (f"{np.median(t / times['epoch', 1]):.2f}", f"{extra:.2f}")
            )
            report.record(
                "epoch_relative_to_serial",
                t / times["epoch", 1],
                s.workload("epoch"),
                workers=w,
                epoch_seconds=float(np.median(t)),
                n_samples=n,
                per_step_relative=float(extra),
                **s.config,
            )
    head = ("workload", "workers", "s, median (min)", "of serial")
    report.table((*head, "loop's step / bare step with Adam"), rows)


def trials(s, workers, images):
    """Work, peer, variant, threads and contender, for all that there are."""
    import peers

    n = max(images // s.batch, 1) * s.batch
    batches = [s.trains[k : k + s.batch] for k in range(0, n, s.batch)]
    labels, prepared = s.labels[: s.batch].copy(), {}
    for name, options in peers.variants(s.current).items():
        if name == "jax":
            import peers_jax

            for threads in workers:
                pipe = peers_jax.start(threads, s.network, batches, labels)
                for variant in options:
                    yield s.works[0], name, variant, threads, Apart(pipe, variant)
            continue
        for variant, make in options.items():
            peer = make(s.network, s.batch, 0.0)
            kind = (type(peer), getattr(peer, "events", False))
            if kind not in prepared:
                prepared[kind] = [peer.prepare(batch) for batch in batches]
            given = peer, prepared[kind], peer.targets(labels)
            for threads in workers:
                for what in s.works:
                    contender = Contender.of(*given, threads, learning=what == s.works[0])
                    yield what, name, variant, threads, contender


def versus_peers(report, settings, workers, rounds, limit, images):
    """Ratios to the best variant of each peer, chosen in a short trial."""
    if importlib.util.find_spec("torch") is None:
        report.text("PyTorch is not installed: no peers to compare with.")
        return
    import peers

    report.title("Peers")
    worst = max(max(peers.check(current).values()) for current in {s.current for s in settings})
    print(f"Gradients agree: largest difference {worst:.0e} of the largest gradient.\n")
    rows = []
    for s in settings:
        trains, best = s.trains[:images], {}
        for what, name, variant, threads, contender in trials(s, workers, images):
            contender.prepare()
            contender.run()  # some compile at their first call
            t = contender.time()
            rivals = [v[0] for k, v in best.items() if k[:2] == (what, name)]
            if t < 2 * min(rivals, default=np.inf):
                t = min(t, contender.time(), contender.time())
            key = what, name, threads
            if key not in best or t < best[key][0]:
                best[key] = t, variant, contender
        for key in list(best):  # more threads than are free can be a hundred times slower
            if key[2] > 1 and best[key][0] > 1.5 * best[*key[:2], 1][0]:
                del best[key]
        for w in workers:
            ours = s.ours(w)
            best[s.works[0], "snnlab", w] = 0, "", Contender(ours.step)

            def infer(net=ours.network, trains=trains):
                training.predict_scores(net, trains)

            if len(s.works) > 1:
                best[s.works[1], "snnlab", w] = 0, "", Contender(infer)
        for what in s.works:
            runs = {key: c for key, (_, _, c) in best.items() if key[0] == what}
            times = measure(runs, rounds, limit=limit)
            names = dict.fromkeys(key[1] for key in runs if key[1] != "snnlab")
            for serial in (True, False):
                # one thread against one; and each at its best number of threads
                pick = {
                    name: min(
                        [w for w in workers if (what, name, w) in times and (w == 1 or not serial)],
                        key=lambda w, n=name, at=times, k=what: np.median(at[k, n, w]),
                    )
                    for name in [*names, "snnlab"]
                }
                own = times[what, "snnlab", pick["snnlab"]]
                for name in names:
                    t = times[what, name, pick[name]]
                    ratio = t / own
                    variant = best[what, name, pick[name]][1]
                    target = TARGETS.get((s.workload(what), name)) if not serial else None
                    note = f">= {target}" if target else ""
                    rows.append(
                        (s.workload(what), name, variant, f"{pick['snnlab']} : {pick[name]}")
                        + (_ms(own), _ms(t), f"**{np.median(ratio):.1f}**")
                        + (f"{t.min() / own.min():.1f}", note)
                    )
                    report.record(
                        "ratio_one_thread" if serial else "ratio",
                        ratio,
                        s.workload(what),
                        name,
                        variant=variant,
                        threads=pick[name],
                        workers=pick["snnlab"],
                        ms=float(1e3 * np.median(t)),
                        ours_ms=float(1e3 * np.median(own)),
                        ratio_of_minima=float(t.min() / own.min()),
                        **s.config,
                    )
    head = ("workload", "peer", "variant", "threads, ours : theirs", "ours, ms", "theirs, ms")
    report.table((*head, "ratio", "of minima", "target"), rows)


@contextlib.contextmanager
def busy_neighbour(pinned):
    """Another process that keeps a core busy; ends with this block, or when this process ends."""
    code = (
        "import os\nparent = os.getppid()\n"
        "while os.getppid() == parent:\n    for _ in range(1_000_000):\n        pass\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    try:
        if pinned:
            os.sched_setaffinity(process.pid, {max(os.sched_getaffinity(0))})
        time.sleep(0.3)
        yield
    finally:
        process.kill()
        process.wait()


def contention(report, settings, workers, rounds, limit):
    if max(workers) < 2:
        report.text("Only one core may be used: nothing to say about contention.")
        return
    report.title("One core kept busy by another process")
    rows = []
    # PyTorch's contended steps can take a second each: only in the full run
    have_torch = rounds > 20 and importlib.util.find_spec("torch") is not None
    for s in settings:
        runs = {("snnlab", w): Contender(s.ours(w).step) for w in workers}
        if have_torch:
            import peers

            make = peers.variants()["pytorch-by-hand"]["slope at once"]
            peer = make(s.network, BATCH, 0.0)
            x, y = peer.prepare(s.trains[:BATCH]), peer.targets(s.labels[:BATCH].copy())
            for w in workers:
                runs["pytorch-by-hand", w] = Contender.of(peer, [x], y, w)
        ours = {key: c for key, c in runs.items() if key[0] == "snnlab"}
        alone = measure(ours, rounds // 2, limit=limit)
        theirs = {key: c for key, c in runs.items() if key[0] != "snnlab"}
        alone |= theirs and measure(theirs, max(rounds // 10, 2), slice_=0, warm=False, limit=limit)
        places = [("free", False)]
        if hasattr(os, "sched_setaffinity"):
            places.append(("pinned", True))
        for place, pinned in places:
            with busy_neighbour(pinned):
                times = measure(ours, rounds, slice_=0.02)
                times |= theirs and measure(
                    theirs, max(rounds // 10, 2), slice_=0, warm=False, limit=limit
                )
            for name in dict.fromkeys(key[0] for key in runs):
                one, two = times[name, 1], times[name, 2]
                ratio = two.mean() / one.mean()
                note = "" if name != "snnlab" else "kept" if ratio <= 1.15 else "**broken**"
                rows.append(
                    (s.n_steps, name, place, _ms(alone[name, 1]), _ms(alone[name, 2]), _ms(one))
                    + (_ms(two), f"**{ratio:.2f}**", f"{np.median(two / one):.2f}", note)
                )
                report.record(
                    "contended_two_over_serial",
                    two / one,
                    "W1" + s.suffix,
                    name,
                    neighbour=place,
                    ratio_of_means=float(ratio),
                    ms_serial=float(1e3 * np.median(one)),
                    ms_two=float(1e3 * np.median(two)),
                    ms_serial_alone=float(1e3 * np.median(alone[name, 1])),
                    ms_two_alone=float(1e3 * np.median(alone[name, 2])),
                    **s.config,
                )
    head = ("T", "", "neighbour", "1 alone", "2 alone", "1 contended", "2 contended")
    report.table((*head, "2 / 1, means", "2 / 1, median", "promise <= 1.15"), rows)


def start_up(report, cold, warm):
    report.title("Start-up in a fresh process")
    code = (
        "import time; t0 = time.perf_counter()\n"
        "import snnlab; t1 = time.perf_counter()\n"
        "snnlab.warm_up(verbose=False); t2 = time.perf_counter()\n"
        "print(t1 - t0, t2 - t1)\n"
    )
    rows, kinds = [], {"cold": [], "warm cache": []}
    for _ in range(cold):
        with tempfile.TemporaryDirectory() as folder:
            path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
            env = os.environ | {"NUMBA_CACHE_DIR": folder, "PYTHONPATH": path}
            for kind in ["cold"] + ["warm cache"] * warm:
                run = [sys.executable, "-c", code]
                done = subprocess.run(run, env=env, capture_output=True, text=True, check=True)
                kinds[kind].append([float(x) for x in done.stdout.split()])
    base = np.median([sum(t) for t in kinds["cold"]])
    for kind, times in kinds.items():
        imports, kernels = np.transpose(times)
        rows.append((kind, f"{np.median(imports):.3f}", f"{np.median(kernels):.2f}"))
        report.record(
            "start_relative_to_cold",
            (imports + kernels) / base,
            "start-up",
            kind=kind,
            import_s=float(np.median(imports)),
            kernels_s=float(np.median(kernels)),
        )
    report.table(("cache", "`import snnlab`, s", "`warm_up()`, s (with numpy, numba)"), rows)


# where the time goes ----------------------------------------------------------------------------


_fast = njit(nogil=True, error_model="numpy", fastmath={"contract"})


@_fast
def _add_rows(rows, index, out):
    k = 0
    while k + 4 <= index.shape[0]:
        i0, i1, i2, i3 = index[k], index[k + 1], index[k + 2], index[k + 3]
        for j in range(out.shape[0]):
            out[j] = (((out[j] + rows[i0, j]) + rows[i1, j]) + rows[i2, j]) + rows[i3, j]
        k += 4


@_fast
def _fill_rows(rows, row):
    for i in range(rows.shape[0]):
        for j in range(row.shape[0]):
            rows[i, j] = row[j]


@_fast
def _polynomial(x, out, repeats):
    c = x[0]
    half = x.shape[0] // 2
    for _ in range(repeats):
        for j in range(half):
            p, q = x[j], x[j + half]
            y, z = out[j], out[j + half]
            for _ in range(16):
                y = y * p + c
                z = z * q + c
            out[j], out[j + half] = y, z


@_fast
def _divide(x, out, repeats):
    for _ in range(repeats):
        for j in range(x.shape[0]):
            out[j] = x[j] / (out[j] + x[j])


def machine_limits(n_steps, seconds=0.3):
    """Best rates of one core seen in a short time, from kernels that do nothing else.

    flops (multiply-adds in registers, each two), divisions, bytes per second read from rows in
    cache (256 rows of 256), read from and written to memory as large as the trace of a batch.
    """
    rng = np.random.default_rng(0)
    x, out = rng.random((2, 256)).astype(np.float32) * np.float32(0.5)
    weights = rng.random((256, 256)).astype(np.float32)
    trace = rng.random((BATCH * n_steps, 256)).astype(np.float32)
    some, all_ = rng.integers(0, 256, 4000), np.arange(len(trace))
    row = np.zeros(256, np.float32)
    work = {
        "flops": (lambda: _polynomial(x, out, 200), 200 * 256 * 32),
        "divisions": (lambda: _divide(x, out, 2000), 2000 * 256),
        "rows": (lambda: _add_rows(weights, some, row), 4000 * 1024),
        "read": (lambda: _add_rows(trace, all_, row), trace.nbytes),
        "write": (lambda: _fill_rows(trace, x), trace.nbytes),
    }
    best = dict.fromkeys(work, 0.0)
    for run, _ in work.values():
        run()
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        for name, (run, amount) in work.items():
            began = CLOCK()
            run()
            best[name] = max(best[name], amount / (CLOCK() - began))
    return best


def floors(s, rates):
    """Least time of forward, backward and Adam: what must be done over what the machine can do.

    Counted per batch from shapes and measured spike counts, without padding or chunks: a perfect
    program would keep potentials and adjoints in registers, read each spiking input's row of
    weights, write the trace once and read it once.
    """
    n_in, n, n_out = s.network.sizes
    t, arrived, emitted = s.n_steps, s.input_spikes * BATCH, s.hidden_spikes * BATCH
    cells, out_cells, size = BATCH * t * n, BATCH * t * n_out, 4
    parameters = n_in * n + n * n_out
    count = {
        # I: a I; v: b v + g I - reset; two comparisons; rows added; readout two multiply-adds
        "forward": {
            "flops": 7 * cells + arrived * n + emitted * n_out + 4 * out_cells,
            "rows": size * (arrived * n + emitted * n_out),
            "write": size * (cells + out_cells),
        },
        # error filtered (4), slope (5 and a division), lv (3), li (3); a row per class at its
        # maximum, a row of gradients read and written per input spike
        "backward": {
            "flops": 15 * cells + 2 * BATCH * n_out * n + arrived * n + emitted * n_out,
            "divisions": cells,
            "rows": size * (2 * arrived * n + 2 * emitted * n_out + BATCH * n_out * n),
            "read": size * (cells + out_cells),
        },
        "optimiser": {
            "flops": 12 * parameters,
            "divisions": 2 * parameters,  # and a root, which costs as much
            "rows": size * 7 * parameters,
        },
    }
    out = {}
    for part, amounts in count.items():
        spent = {kind: amount / rates[kind] for kind, amount in amounts.items()}
        memory = sum(spent.get(kind, 0) for kind in ("rows", "read", "write"))
        arithmetic = max(spent["flops"], spent.get("divisions", 0))
        moved = sum(amounts.get(kind, 0) for kind in ("rows", "read", "write"))
        out[part] = amounts["flops"], moved, arithmetic, memory, max(arithmetic, memory)
    return out


@contextlib.contextmanager
def kernel_clock():
    """Seconds spent inside kernels (dispatch included), by kernel; for one worker."""
    spent, originals = {}, []

    def timed(module, name):
        kernel = getattr(module, name)
        originals.append((module, name, kernel))
        spent[name] = 0.0

        def run(*args):
            began = CLOCK()
            kernel(*args)
            spent[name] += CLOCK() - began

        setattr(module, name, run)

    for name in ("fire", "integrate", "fire_backward", "integrate_backward", "sum_chunks"):
        timed(lif, name)
    timed(updates, "adam")
    try:
        yield spent
    finally:
        for module, name, kernel in originals:
            setattr(module, name, kernel)


KERNELS = {
    "forward": ("fire", "integrate"),
    "backward": ("fire_backward", "integrate_backward", "sum_chunks"),
    "optimiser": ("adam",),
}


def anatomy(report, settings, workers, steps):
    """Where a step's time goes, and how far each part is from the floor."""
    report.title("Where the time of a training step goes")
    rows, gaps, notes = [], [], []
    for s in settings:
        runs = {w: s.ours(w) for w in workers}
        times = {w: [] for w in workers}
        inside = []
        for ours in runs.values():
            for _ in range(5):
                ours.parts()
        rates = machine_limits(s.n_steps)
        for _ in range(steps):
            for w, ours in runs.items():
                for _ in range(5):
                    times[w].append(ours.parts())
            with kernel_clock() as spent:
                for _ in range(5):
                    before = dict(spent)
                    runs[1].parts()
                    inside.append([spent[k] - before[k] for k in spent])
                names = list(spent)
        for kind, rate in machine_limits(s.n_steps).items():
            rates[kind] = max(rates[kind], rate)
        inside = dict(zip(names, np.median(inside, axis=0), strict=True))
        for w in workers:
            t = np.array(times[w])
            middle = np.median(t, axis=0)
            total = middle.sum()
            cells = [f"{1e6 * x:.0f} ({100 * x / total:.0f} %)" for x in middle]
            rows.append((s.n_steps, w, f"{1e6 * total:.0f}", *cells))
            for part, x in zip(PARTS, middle / total, strict=True):
                report.record(
                    "share_of_step",
                    x,
                    "W1" + s.suffix,
                    part=part,
                    workers=w,
                    us=float(1e6 * x * total),
                    **s.config,
                )
        middle = dict(zip(PARTS, np.median(np.array(times[1]), axis=0), strict=True))
        for part, (flops, moved, arithmetic, memory, floor) in floors(s, rates).items():
            kernels = sum(inside[k] for k in KERNELS[part])
            gaps.append(
                (s.n_steps, part, f"{1e6 * middle[part]:.0f}", f"{1e6 * kernels:.0f}")
                + (f"{flops / 1e6:.2f}", f"{moved / 1e6:.2f}", f"{1e6 * arithmetic:.0f}")
                + (f"{1e6 * memory:.0f}", f"**{middle[part] / floor:.1f}**")
            )
            report.record(
                "gap_to_floor",
                middle[part] / floor,
                "W1" + s.suffix,
                part=part,
                workers=1,
                mflop=flops / 1e6,
                mbyte=moved / 1e6,
                floor_us=float(1e6 * floor),
                us=float(1e6 * middle[part]),
                kernels_us=float(1e6 * kernels),
                **s.config,
            )
        each = ", ".join(f"{name} {1e6 * t:.0f}" for name, t in inside.items())
        notes.append(f"T = {s.n_steps}, kernels in us: {each}.")
        notes.append(
            f"T = {s.n_steps}, one core's limits: {rates['flops'] / 1e9:.0f} GFLOP/s, "
            f"{rates['divisions'] / 1e9:.1f} G divisions/s, rows of weights "
            f"{rates['rows'] / 1e9:.0f} GB/s, trace read {rates['read'] / 1e9:.0f} and written "
            f"{rates['write'] / 1e9:.0f} GB/s; chunks: {len(chunk_borders(BATCH)) - 1}; "
            f"{s.input_spikes:.0f} input and {s.hidden_spikes:.0f} hidden spikes per sample."
        )
    report.table(("T", "workers", "step, us", *PARTS), rows)
    report.title("Floor and gap, one worker")
    head = ("T", "part", "us", "of it in kernels", "MFLOP", "MB", "arithmetic floor, us")
    report.table((*head, "memory floor, us", "time / floor"), gaps)
    for note in notes:
        report.text(note)


# ------------------------------------------------------------------------------------------------


def merged(old, new):
    """Records, the old ones' workloads replaced where there are new ones."""
    measured = {record["workload"] for record in new}
    return [record for record in old if record["workload"] not in measured] + new


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="rough, and stores nothing")
    parser.add_argument("--only", choices=["W4"], help="keep stored records of other workloads")
    parser.add_argument("--output", type=Path, help="default: data/results/speed.json")
    options = parser.parse_args(argv)
    quick, only = options.quick, options.only
    command = "python benchmarks/speed/speed.py"
    command += (f" --only {only}" if only else "") + (" --quick" if quick else "")
    began = time.perf_counter()
    report = Report(command)
    print("# Speed\n")
    latencies, currents = [], []
    if only is None:
        data = datasets.load_default()
        latencies = [Latencies(data, 20), Latencies(data, 100)]
    snnlab.warm_up()
    print(", ".join(f"{name} {version}" for name, version in report.versions.items()))
    try:
        data = datasets.load("mnist", progress=False)
        currents = [Currents(data), Currents(data, 0.1307, 0.3081)]
    except datasets.DatasetUnavailable:
        if only:
            raise
        report.text("MNIST is not to be had: no W4.")
    workers = [1, 2] if worker_count() > 1 else [1]
    settings = latencies + currents
    versus_peers(report, settings, workers, *((3, 2.0, 100) if quick else (40, 40.0, 500)))
    own_steps(report, settings, workers, 8 if quick else 100)
    own_variants(report, settings, workers, 8 if quick else 100)
    epochs(report, settings, workers, *((2, 3000) if quick else (4, 60_000)))
    if latencies:
        own_inference(report, latencies, workers, 3 if quick else 30)
        anatomy(report, latencies, workers, 10 if quick else 80)
        contention(report, latencies, workers, *((10, 1.5) if quick else (100, 15.0)))
        start_up(report, *((1, 1) if quick else (2, 3)))
    path = options.output or (None if quick else ROOT / "data" / "results" / "speed.json")
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        old = json.loads(path.read_text()) if only and path.exists() else []
        write_records(path, merged(old, report.records))
    report.text(f"{time.perf_counter() - began:.0f} s in all, {len(report.records)} records.")


if __name__ == "__main__":
    main()
