"""Accuracy studies: full training runs over several seeds, written to data/results/<study>.json.

    python benchmarks/accuracy.py mnist16-plain [--seeds 0 1 2 3 4] [--validate]

A study is one entry of `STUDIES`; settings that are not named are those of `studies.COMMON`.
"""

from functools import partial

import studies

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


def run(config, seed, validate):
    """Train one network."""
    prepared = studies.prepare(config, seed, validate)
    return [studies.result(prepared, studies.fit(prepared))]


def points(config):
    """The one record of a study."""
    settings = {k: v for k, v in config.items() if k != "paper"}
    return [{"config": studies.COMMON | settings, "paper": config["paper"], "source": PAPER}]


ENTRIES = {name: (points(c), partial(run, c)) for name, c in STUDIES.items()}

if __name__ == "__main__":
    studies.main(__doc__, "accuracy", ENTRIES)
