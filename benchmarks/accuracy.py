"""Accuracy studies: full training runs over several seeds, written to data/results/<study>.json.

    python benchmarks/accuracy.py mnist16-plain [--seeds 0 1 2 3 4] [--validate]

A study is one entry of `STUDIES`. The figure is the test accuracy after the last epoch. With
``--validate`` the last 10,000 training samples are held out and evaluated instead of the test set,
and nothing is written: that is how settings are chosen. Seeds already in the file are kept, so a
run that was stopped goes on where it was.
"""

import argparse
import json
import platform
import time
from pathlib import Path

import numba
import numpy as np

import snnlab
from snnlab._files import write_atomically

RESULTS = Path(__file__).parents[1] / "data" / "results"
PAPER = "Cramer et al. 2022, Table 1, software SNN"

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
STUDIES = {
    "mnist16-plain": {
        "data": "mnist16",
        "epochs": 30,
        "lr": 2.5e-3,
        "weight_decay": 0.1,
        "dropout": 0.3,
        "paper": 0.975,
    },
    # a softer surrogate than the published one
    "mnist16-plain-steepness10": {
        "data": "mnist16",
        "epochs": 30,
        "steepness": 10.0,
        "lr": 2e-3,
        "weight_decay": 0.1,
        "dropout": 0.4,
        "paper": 0.975,
    },
    "mnist16-augmented-steepness10": {
        "data": "mnist16",
        "epochs": 100,
        "steepness": 10.0,
        "augment": {"rotation": 12.0, "shift": 1.0, "scale": 0.12, "shear": 0.12},
        "paper": 0.980,
    },
    "mnist16-augmented": {
        "data": "mnist16",
        "epochs": 150,
        "augment": {"rotation": 12.0, "shift": 1.0, "scale": 0.12, "shear": 0.12},
        "paper": 0.980,
    },
    "fashion16-plain": {
        "data": "fashion16",
        "epochs": 30,
        "dropout": 0.15,
        "hidden_spikes": 120,
        "paper": 0.855,
    },
}


def run(config, seed, validate=False, progress=True):
    """Train one network; accuracy, hidden spikes per sample and train accuracy at the end."""
    c = COMMON | config
    data = snnlab.datasets.load(c["data"], progress=False)
    n = len(data.x_train) - 10_000 if validate else len(data.x_train)
    test = (data.x_train[n:], data.y_train[n:]) if validate else (data.x_test, data.y_test)

    def code(x):
        return snnlab.encode.latency(x, n_steps=c["n_steps"], dt=c["dt"])

    rng = np.random.default_rng(seed)
    neuron = snnlab.LIF.brainscales2(dt=c["dt"], steepness=c["steepness"])
    sizes = (data.x_train.shape[1], c["hidden"], data.n_classes)
    network = snnlab.Network(sizes, neuron, n_steps=c["n_steps"], rng=rng)
    network.scale_to_activity(code(data.x_train[:500]), c["hidden_spikes"])
    if c["augment"]:
        affine = snnlab.Affine(**c["augment"])
        size = data.image_shape[0]
        inputs = snnlab.AugmentedImages(data.source_train[:n], size, affine, code)
    else:
        inputs = code(data.x_train[:n])
    loss = snnlab.losses.MaxOverTime(c["scale"])
    history = snnlab.train(
        network,
        inputs,
        data.y_train[:n],
        epochs=c["epochs"],
        rng=rng,
        batch_size=c["batch_size"],
        loss=loss,
        optimizer=snnlab.Adam(lr=c["lr"], weight_decay=c["weight_decay"]),
        schedule=c["schedule"],
        dropout=c["dropout"],
        progress=progress,
    )
    result = snnlab.evaluate(network, code(test[0]), test[1], loss=loss)
    return {
        "test_accuracy": result.accuracy,
        "hidden_spikes": result.hidden_spikes,
        "train_accuracy": history.train_accuracy[-1],
        "seconds": sum(history.seconds),
    }


def record(study, config, runs):
    """The study's record, from its runs by seed."""
    seeds = sorted(runs, key=int)
    values = [runs[s]["test_accuracy"] for s in seeds]
    spikes = [runs[s]["hidden_spikes"] for s in seeds]
    return {
        "study": study,
        "metric": "test_accuracy",
        "mean": float(np.mean(values)),
        "sd": float(np.std(values, ddof=1)) if len(values) > 1 else None,
        "seeds": [int(s) for s in seeds],
        "values": values,
        "hidden_spikes": float(np.mean(spikes)),
        "hidden_spikes_values": spikes,
        "train_accuracy": float(np.mean([runs[s]["train_accuracy"] for s in seeds])),
        "paper": config["paper"],
        "paper_source": PAPER,
        "paper_tag": "quoted",
        "config": COMMON | {k: v for k, v in config.items() if k != "paper"},
        "command": f"python benchmarks/accuracy.py {study}",
        "versions": {
            "snnlab": snnlab.__version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "numba": numba.__version__,
        },
        "seconds": [round(runs[s]["seconds"], 1) for s in seeds],
        "runs": runs,
    }


def main():
    """Run a study's seeds, writing after each."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("study", choices=STUDIES)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--validate", action="store_true")
    args = parser.parse_args()
    config = STUDIES[args.study]
    path = RESULTS / f"{args.study}.json"
    runs = {}
    if path.exists() and not args.validate:
        old = json.loads(path.read_text())[0]
        fresh = record(args.study, config, old["runs"])
        if old["config"] == fresh["config"] and old["versions"] == fresh["versions"]:
            runs = old["runs"]
    for seed in args.seeds:
        if str(seed) in runs:
            continue
        began = time.perf_counter()
        runs[str(seed)] = run(config, seed, args.validate, progress=False)
        line = {k: round(v, 4) for k, v in runs[str(seed)].items()}
        print(f"seed {seed}: {line}, {time.perf_counter() - began:.0f} s", flush=True)
        if not args.validate:
            text = json.dumps([record(args.study, config, runs)], indent=1) + "\n"
            RESULTS.mkdir(parents=True, exist_ok=True)
            write_atomically(path, lambda file, text=text: file.write(text.encode()))
    values = [100 * r["test_accuracy"] for r in runs.values()]
    name = "validation" if args.validate else "test"
    sd = np.std(values, ddof=1) if len(values) > 1 else 0.0
    print(f"{args.study}: {name} accuracy {np.mean(values):.2f} +- {sd:.2f} %")


if __name__ == "__main__":
    main()
