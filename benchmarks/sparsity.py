"""Sparsity studies: accuracy against hidden spikes, written to data/results/<study>.json.

    python benchmarks/sparsity.py mnist16-sparsity [--seeds 0 1 2 3 4] [--validate]

Each seed trains a network without penalty, then goes along the strengths of the burst penalty, each
from where the last one ended; every stop is a record.
"""

from functools import partial

import studies

from snnlab.penalties import Bursts

PAPER = "Cramer et al. 2022, on the chip, accuracy flat down to about 20 spikes"
AFFINE = {"rotation": 7.0, "shift": 0.6, "scale": 0.07, "shear": 0.07}
SWEEPS = {
    "mnist16-sparsity": {
        "data": "mnist16",
        "steepness": 10.0,
        "weight_decay": 0.1,
        "augment": AFFINE,
        "epochs": 60,
        "strengths": [0.1, 0.3, 0.8, 3.0, 7.0, 15.0],
        "epochs_each": 40,
    },
    "mnist16-sparsity-plain": {
        "data": "mnist16",
        "steepness": 10.0,
        "lr": 2e-3,
        "weight_decay": 0.1,
        "dropout": 0.3,
        "epochs": 20,
        "strengths": [0.1, 0.3, 1.0, 3.0, 10.0],
        "epochs_each": 20,
    },
    "fashion16-sparsity": {
        "data": "fashion16",
        "steepness": 10.0,
        "weight_decay": 0.1,
        "dropout": 0.15,
        "hidden_spikes": 120,
        "epochs": 30,
        "strengths": [0.03, 0.1, 0.3, 1.0, 3.0, 10.0],
        "epochs_each": 15,
    },
}


def run(config, seed, validate):
    """Train along the strengths; a result per strength, the first without penalty."""
    prepared = studies.prepare(config, seed, validate)
    results = [studies.result(prepared, studies.fit(prepared))]
    for strength in config["strengths"]:
        history = studies.fit(prepared, epochs=config["epochs_each"], penalties=Bursts(strength))
        results.append(studies.result(prepared, history))
    return results


def points(config):
    """One record per strength."""
    paper = {"paper": 0.972, "source": PAPER} if config["data"] == "mnist16" else {}
    return [
        {
            "config": studies.COMMON | config | {"penalty": "bursts", "strength": strength},
            "label": f"strength {strength:g}",
            **paper,
        }
        for strength in [0.0, *config["strengths"]]
    ]


ENTRIES = {name: (points(c), partial(run, c)) for name, c in SWEEPS.items()}

if __name__ == "__main__":
    studies.main(__doc__, "sparsity", ENTRIES)
