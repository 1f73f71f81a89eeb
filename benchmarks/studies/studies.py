"""What the studies share: how a run is prepared, trained, recorded and stored.

A study is an entry of a script beside this one. Its figures are of the test set after the last
epoch, over several seeds. With ``--validate`` the last 10,000 training samples are held out and
evaluated instead, and nothing is written: that is how settings are chosen. Seeds that are already
in the file are kept, so a study that was stopped goes on where it was, and several processes may
share the seeds of one. Long studies run point by point (`main_each`) on several processes, and each
run goes on from its checkpoint.
"""

import argparse
import hashlib
import json
import platform
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numba
import numpy as np

import snnlab
from snnlab._files import write_atomically

RESULTS = Path(__file__).parents[2] / "data" / "results"
CHECKPOINTS = Path(__file__).parents[2] / ".cache" / "studies"

RELU = "Cramer et al. 2022, ReLU network 256-246-10"  # what some published figures are of

# settings that all studies share: the paper's network and constants; the rest was chosen on the
# validation split
COMMON = {
    "hidden": 246,
    "n_steps": 20,
    "dt": 1.7e-6,
    "steepness": 50.0,
    "scale": 3.0,
    "batch_size": 100,
    "lr": 1.5e-3,
    "weight_decay": 0.0,
    "schedule": "cosine",
    "dropout": 0.0,
    "hidden_spikes": 60,
    "augment": None,
}


def split(data, validate):
    """How many images are learned from, and those that are evaluated, with their labels.

    Those of the test set; or, for settings to be chosen by, the last 10,000 training images.
    """
    if not validate:
        return len(data.x_train), (data.x_test, data.y_test)
    n = len(data.x_train) - 10_000
    return n, (data.x_train[n:], data.y_train[n:])


def prepare(config, seed, validate=False):
    """A fresh network, training samples and those to be evaluated, for one seed.

    Returns
    -------
    namespace
        ``config``, ``network``, ``inputs``, ``labels``, ``test`` (inputs and labels), ``rng``,
        ``loss``.
    """
    c = COMMON | config
    data = snnlab.datasets.load(c["data"], progress=False)
    n, held = split(data, validate)

    rng = np.random.default_rng(seed)
    code = _code(c, data.x_train[:n])
    names = "dt", "surrogate", "steepness", "delay", "learn"
    given = {name: c[name] for name in names if c.get(name) is not None}
    timed = c["dt"] is not None  # else steps are steps, and neurons those of Chen et al. (2021)
    neuron = (snnlab.LIF.brainscales2 if timed else snnlab.LIF.grad_r)(**given)
    sizes = (data.x_train.shape[1], c["hidden"], data.n_classes)
    network = snnlab.Network(sizes, neuron, n_steps=c["n_steps"], rng=rng)
    network.scale_to_activity(code(data.x_train[:500]), c["hidden_spikes"])
    if c["augment"]:
        affine = snnlab.Affine(**c["augment"])
        size = data.image_shape[0]
        inputs = snnlab.AugmentedImages(data.source_train[:n], size, affine, code)
    else:
        inputs = code(data.x_train[:n])
    return SimpleNamespace(
        config=c,
        network=network,
        inputs=inputs,
        labels=data.y_train[:n],
        test=(code(held[0]), held[1]),
        rng=rng,
        loss=snnlab.losses.MaxOverTime(c["scale"], c.get("deadlines")),
    )


def _code(c, x):
    """The code that a config names, for a training set: latencies or constant currents."""
    if c.get("code") == "currents":
        return currents(x, c["n_steps"])
    return partial(snnlab.encode.latency, n_steps=c["n_steps"], dt=c["dt"], tau=8e-6)


def currents(x, n_steps):
    """A code for a training set: constant currents, less its mean, divided by its deviation."""
    mean, sd = np.float32(x.mean(dtype=np.float64)), np.float32(x.std(dtype=np.float64))

    def code(x):
        return snnlab.encode.constant_current((x - mean) / sd, n_steps=n_steps)

    return code


def fit(run, *, penalties=(), substrate=None, **changes):
    """Train a prepared run with its settings, some changed; returns the history."""
    c = run.config | changes
    return snnlab.train(
        run.network,
        run.inputs,
        run.labels,
        epochs=c["epochs"],
        rng=run.rng,
        batch_size=c["batch_size"],
        loss=run.loss,
        optimizer=snnlab.Adam(c["lr"], weight_decay=c["weight_decay"], rates=c.get("rates")),
        schedule=c["schedule"],
        dropout=c["dropout"],
        penalties=penalties,
        substrate=substrate,
        progress=False,
    )


def result(run, history, substrate=None):
    """Figures of a trained run: accuracy, spikes, training accuracy, seconds of training."""
    measured = snnlab.evaluate(run.network, *run.test, loss=run.loss, substrate=substrate)
    return {
        "test_accuracy": measured.accuracy,
        "hidden_spikes": measured.hidden_spikes,
        "train_accuracy": history.train_accuracy[-1],
        "seconds": sum(history.seconds),
    }


def figures(network, history, measured):
    """What is recorded of a trained network and its `snnlab.evaluate`."""
    return {
        "test_accuracy": measured.accuracy,
        "hidden_spikes": measured.hidden_spikes,
        "train_accuracy": history.train_accuracy[-1],
        "weights": sum(w.size for w in network.weights),
        "seconds": sum(history.seconds),
    }


def record(
    study,
    config,
    runs,
    script,
    paper=None,
    source=None,
    tag="quoted",
    metric="test_accuracy",
    **rest,
):
    """A record from its runs by seed: dicts that hold the metric, ``seconds``, and other numbers.

    The others are given as a mean (``hidden_spikes``) and by seed (``hidden_spikes_values``).
    """
    seeds = sorted(runs, key=int)
    columns = {name: [runs[s][name] for s in seeds] for name in runs[seeds[0]]}
    values, seconds = columns.pop(metric), columns.pop("seconds")
    others = {}
    for name, column in columns.items():
        others |= {name: np.mean(column, axis=0).tolist(), f"{name}_values": column}
    return {
        "study": study,
        "metric": metric,
        "mean": float(np.mean(values)),
        "sd": float(np.std(values, ddof=1)) if len(values) > 1 else None,
        "seeds": [int(s) for s in seeds],
        "values": values,
        **others,
        **rest,
        "paper": paper,
        "paper_source": source,
        "paper_tag": tag if paper is not None else "unverified",
        "config": config,
        "command": f"python benchmarks/studies/{script}.py {study}",
        "versions": {
            "snnlab": snnlab.__version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "numba": numba.__version__,
        },
        "seconds": [round(s, 1) for s in seconds],
        "runs": runs,
    }


def load(study):
    """Records of a study; empty if it has not been run."""
    path = RESULTS / f"{study}.json"
    return json.loads(path.read_text()) if path.exists() else []


def main(doc, script, studies):
    """Run a study's seeds, writing after each.

    ``studies`` maps a name to ``(points, run)``: ``points`` are the keywords of one `record` each
    (``config``, ``paper``, ...), ``run(seed, validate)`` returns as many results, dicts of numbers.
    """
    parser = argparse.ArgumentParser(description=doc.split("\n")[0])
    parser.add_argument("study", choices=studies)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--validate", action="store_true")
    args = parser.parse_args()
    points, run = studies[args.study]
    done = {} if args.validate else _done(args.study, script, points)
    for seed in args.seeds:
        if str(seed) in done:
            continue
        began = time.perf_counter()
        results = run(seed, args.validate)
        done[str(seed)] = results
        print(f"seed {seed}, {time.perf_counter() - began:.0f} s", flush=True)
        for point, numbers in zip(points, results, strict=True):
            line = {k: round(v, 4) for k, v in numbers.items() if np.isscalar(v)}
            print("  ", point.get("label", ""), line, flush=True)
        if not args.validate:
            done = _done(args.study, script, points) | done  # what others wrote meanwhile
            _store(args.study, _records(args.study, script, points, done))
    name = "validation" if args.validate else "test"
    for r in _records(args.study, script, points, done):
        sd = 0.0 if r["sd"] is None else r["sd"]
        spikes = f", {r['hidden_spikes']:.1f} hidden spikes" if "hidden_spikes" in r else ""
        print(
            f"{args.study} {r.get('label', '')}: {name} {r['metric']} {r['mean']:.5f} "
            f"+- {sd:.5f}{spikes}"
        )


def main_each(doc, script, studies):
    """Run a study's points one by one, on several processes, writing after each.

    ``studies`` maps a name to ``(points, run)`` as in `main`, but ``run(point, seed, validate,
    checkpoint)`` returns one result. It must be a function that other processes can import.
    """
    parser = argparse.ArgumentParser(description=doc.split("\n")[0])
    parser.add_argument("study", choices=studies)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--points", type=int, nargs="+", help="only these, by number from 0")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--validate", action="store_true")
    args = parser.parse_args()
    points, run = studies[args.study]
    done = [{} if args.validate else d for d in _done_each(args.study, script, points)]
    chosen = range(len(points)) if args.points is None else args.points
    CHECKPOINTS.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(args.processes) as pool:
        jobs = {}
        for seed in args.seeds:
            for k in chosen:
                if str(seed) not in done[k]:
                    kind = "validation" if args.validate else "test"
                    which = _digest(points[k]["config"])
                    path = CHECKPOINTS / f"{args.study}-{which}-{seed}-{kind}.npz"
                    jobs[pool.submit(run, points[k], seed, args.validate, path)] = k, seed, path
        for job in as_completed(jobs):
            k, seed, path = jobs[job]
            if job.exception():  # what would come after it would not be stored
                pool.shutdown(wait=False, cancel_futures=True)
            numbers = job.result()
            line = {name: round(v, 4) for name, v in numbers.items() if np.isscalar(v)}
            print(f"{k} seed {seed}", points[k].get("label", ""), line, flush=True)
            if not args.validate:
                done = _done_each(args.study, script, points)
                done[k][str(seed)] = numbers
                ready = [(p, d) for p, d in zip(points, done, strict=True) if d]
                _store(
                    args.study, [record(args.study, runs=d, script=script, **p) for p, d in ready]
                )
            path.unlink(missing_ok=True)


def _digest(config):
    """A name for settings: points may be put in another order between two runs."""
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:12]


def _done_each(study, script, points):
    """Results by seed of every point, where the stored settings and versions are today's."""
    old = {json.dumps([r["config"], r["versions"]], sort_keys=True): r["runs"] for r in load(study)}
    out = []
    for point in points:
        fresh = record(
            study,
            runs={"0": {point.get("metric", "test_accuracy"): 0.0, "seconds": 0.0}},
            script=script,
            **point,
        )
        key = json.dumps([fresh["config"], fresh["versions"]], sort_keys=True)
        out.append(dict(old.get(key, {})))
    return out


def _records(study, script, points, done):
    """One record per point, from all results by seed."""
    return [
        record(
            study, runs={seed: results[k] for seed, results in done.items()}, script=script, **point
        )
        for k, point in enumerate(points)
    ]


def _done(study, script, points):
    """Results by seed of the stored study, if its settings and versions are today's."""
    old = load(study)
    if len(old) != len(points):
        return {}
    for point, stored in zip(points, old, strict=True):
        fresh = record(study, runs=stored["runs"], script=script, **point)
        fresh = json.loads(json.dumps(fresh))
        if any(stored[k] != fresh[k] for k in ("config", "versions", "metric")):
            return {}
    return {seed: [stored["runs"][seed] for stored in old] for seed in old[0]["runs"]}


def _store(study, records):
    RESULTS.mkdir(parents=True, exist_ok=True)
    text = json.dumps(records, indent=1) + "\n"
    write_atomically(RESULTS / f"{study}.json", lambda file: file.write(text.encode()))
