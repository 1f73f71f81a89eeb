"""Accuracy studies: full training runs over several seeds, written to data/results/<study>.json.

    python benchmarks/studies/accuracy.py mnist16-plain [--seeds 0 1 2 3 4] [--validate]

A study is one entry of `STUDIES`; settings that are not named are those of `studies.COMMON`.
"""

import time
from functools import partial

import studies

import snnlab

PAPER = "Cramer et al. 2022, Table 1, software SNN"
AFFINE = {"rotation": 12.0, "shift": 1.0, "scale": 0.12, "shear": 0.12}
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
    # time constants and thresholds of hidden units learned, one each; steps half as long
    "mnist16-learned": {
        "data": "mnist16",
        "n_steps": 40,
        "dt": 0.85e-6,
        "epochs": 25,
        "steepness": 10.0,
        "lr": 2e-3,
        "weight_decay": 0.1,
        "dropout": 0.4,
        "learn": ("tau_mem", "tau_syn", "v_th"),
        "rates": {"tau_mem": 5.0, "tau_syn": 5.0},
        "paper": 0.975,
    },
    "mnist16-augmented-steepness10": {
        "data": "mnist16",
        "epochs": 100,
        "steepness": 10.0,
        "augment": AFFINE,
        "paper": 0.980,
    },
    "mnist16-augmented": {"data": "mnist16", "epochs": 150, "augment": AFFINE, "paper": 0.980},
    "fashion16-plain": {
        "data": "fashion16",
        "epochs": 30,
        "dropout": 0.15,
        "hidden_spikes": 120,
        "paper": 0.855,
    },
}
# pixels as constant currents, to neurons of Chen et al. (2021) with their surrogate; beside them a
# network that hears pixels as they are, too
CURRENTS = {"code": "currents", "dt": None, "steepness": 2.0, "source": studies.RELU}
STUDIES |= {
    "mnist16-currents": {
        "data": "mnist16",
        "n_steps": 8,
        "epochs": 30,
        "weight_decay": 0.1,
        "dropout": 0.3,
        "paper": 0.981,
        **CURRENTS,
    },
    "mnist16-currents-augmented": {
        "data": "mnist16",
        "n_steps": 8,
        "epochs": 100,
        "dropout": 0.1,
        "augment": {"rotation": 9.0, "shift": 0.8, "scale": 0.09, "shear": 0.09},
        "paper": 0.987,
        **CURRENTS,
    },
    "fashion16-currents": {
        "data": "fashion16",
        "n_steps": 4,
        "epochs": 30,
        "weight_decay": 0.05,
        "dropout": 0.2,
        "paper": 0.880,
        **CURRENTS,
    },
}


def run(config, seed, validate):
    """Train one network."""
    prepared = studies.prepare(config, seed, validate)
    return [studies.result(prepared, studies.fit(prepared))]


def points(config):
    """The one record of a study."""
    settings = {k: v for k, v in config.items() if k not in ("paper", "source")}
    source = config.get("source", PAPER)
    return [{"config": studies.COMMON | settings, "paper": config["paper"], "source": source}]


YIN_YANG = {"hidden": [60], "epochs": 30, "batch_size": 50, "lr": 1e-2}
YIN_YANG_PAPER = "Kriener et al. 2022, network of 30 ReLU units"


def yin_yang(seed, validate):
    """The estimator on all 5,000 points, as notebook 16 has it, for more epochs."""
    data = snnlab.datasets.load("yinyang")
    n = 4000 if validate else 5000
    x, y = (data.x_train[n:], data.y_train[n:]) if validate else (data.x_test, data.y_test)
    model = snnlab.SpikingClassifier(**YIN_YANG, code="population", random_state=seed)
    began = time.perf_counter()
    model.fit(data.x_train[:n], data.y_train[:n])
    return [
        {
            "test_accuracy": float(model.score(x, y)),
            "hidden_spikes": float(model.count_spikes(x).mean()),
            "train_accuracy": float(model.score(data.x_train[:n], data.y_train[:n])),
            "seconds": time.perf_counter() - began,
        }
    ]


ENTRIES = {name: (points(c), partial(run, c)) for name, c in STUDIES.items()}
ENTRIES["yinyang"] = (
    [{"config": {"data": "yinyang"} | YIN_YANG, "paper": 0.976, "source": YIN_YANG_PAPER}],
    yin_yang,
)

if __name__ == "__main__":
    studies.main(__doc__, "accuracy", ENTRIES)
