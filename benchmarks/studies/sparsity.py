"""Sparsity studies: accuracy against hidden spikes, written to data/results/<study>.json.

    python benchmarks/studies/sparsity.py mnist16-sparsity [--seeds 0 1 2 3 4] [--validate]

Each seed trains a network without penalty; from there it is trained on at each strength of the
burst penalty, or at one after the other. Every strength is a record. With ``margins`` it also says
what comes of ending each image as soon as its lead is above a margin (`snnlab.early_exit`).
"""

from functools import partial

import studies

import snnlab
from snnlab.learning.penalties import Bursts

PAPER = "Cramer et al. 2022, on the chip, accuracy flat down to about 20 spikes"
AFFINE = {"rotation": 7.0, "shift": 0.6, "scale": 0.07, "shear": 0.07}
MARGINS = [0.3, 0.6, 0.9, 1.2, 1.8]  # of early exits, in units of scores: three times potentials
# sharper: steepness of the surrogate from then on, which suits sparse activity better
# strengths: per strength of the penalty, for how many epochs to go on from the network without it,
# or, if onward, from that of the strength before
SWEEPS = {
    "mnist16-sparsity": {
        "margins": MARGINS,
        "data": "mnist16",
        "steepness": 10.0,
        "weight_decay": 0.1,
        "augment": AFFINE,
        "epochs": 40,
        "sharper": 20.0,
        "strengths": {0.1: 15, 0.3: 30, 0.6: 70, 1.5: 30, 3.4: 60},
    },
    "mnist16-sparsity-wide": {
        "margins": MARGINS,
        "data": "mnist16",
        "hidden": 1000,
        "hidden_spikes": 120,
        "steepness": 10.0,
        "weight_decay": 0.1,
        "augment": {"rotation": 10.0, "shift": 0.8, "scale": 0.1, "shear": 0.1},
        "epochs": 40,
        "sharper": 20.0,
        "onward": True,
        "strengths": {3.5: 110, 9.0: 40, 20.0: 40},
    },
    "mnist16-sparsity-plain": {
        "data": "mnist16",
        "steepness": 10.0,
        "lr": 2e-3,
        "weight_decay": 0.1,
        "dropout": 0.3,
        "epochs": 15,
        "strengths": {0.9: 15},
    },
    "fashion16-sparsity": {
        "data": "fashion16",
        "steepness": 10.0,
        "weight_decay": 0.1,
        "dropout": 0.15,
        "hidden_spikes": 120,
        "epochs": 12,
        "strengths": {0.1: 6, 0.3: 6, 1.0: 6, 3.0: 6, 10.0: 6},
    },
}


def run(config, seed, validate):
    """A result per strength, the first without penalty."""
    prepared = studies.prepare(config, seed, validate)
    results = [_measured(prepared, studies.fit(prepared))]
    start = _sharper(prepared.network, config.get("sharper"))
    for strength, epochs in config["strengths"].items():
        prepared.network = start.copy()
        history = studies.fit(prepared, epochs=epochs, penalties=Bursts(strength))
        results.append(_measured(prepared, history))
        start = prepared.network if config.get("onward") else start
    return results


def _measured(prepared, history):
    """Figures of whole runs, and of early exits for each margin if there are some."""
    out = studies.result(prepared, history)
    margins = prepared.config.get("margins")
    if margins is None:
        return out
    exits = snnlab.early_exit(prepared.network, *prepared.test, loss=prepared.loss)
    ends = [exits.at(margin) for margin in margins]
    names = "accuracy", "hidden_spikes", "time"
    return out | {f"exit_{name}": [getattr(end, name) for end in ends] for name in names}


def _sharper(network, steepness):
    """The same network with another steepness of the surrogate, if one is given."""
    if steepness is None:
        return network
    neuron = network.neurons[0].replace(steepness=steepness)
    other = snnlab.Network(network.sizes, neuron, n_steps=network.n_steps, rng=0)
    for w, given in zip(other.weights, network.weights, strict=True):
        w[...] = given
    return other


def points(config):
    """One record per strength."""
    paper = {"paper": 0.972, "source": PAPER} if config["data"] == "mnist16" else {}
    shared = studies.COMMON | {k: v for k, v in config.items() if k != "strengths"}
    return [
        {
            "config": shared | {"penalty": "bursts", "strength": strength, "more_epochs": more},
            "label": f"strength {strength:g}",
            **paper,
        }
        for strength, more in {0.0: 0, **config["strengths"]}.items()
    ]


ENTRIES = {name: (points(c), partial(run, c)) for name, c in SWEEPS.items()}

if __name__ == "__main__":
    studies.main(__doc__, "sparsity", ENTRIES)
