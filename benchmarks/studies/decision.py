"""Time to decision, written to data/results/decision-time.json.

    python benchmarks/studies/decision.py decision-time [--seeds 0 1 2 3 4] [--validate]

The metric is the time after the first input spike at which the accuracy of a readout that ends
there comes within 0.1 points of the final one, and stays. A step counts as its end. Networks are
trained as usual and for early decisions; without delay between layers (as on the chip, where a
spike arrives at once) and with one step (as the paper's software counts). In ``decision-early``
steps are half as long, and the loss asks for the decision after three of them. In
``decision-currents`` pixels are constant currents, from the first step on, from which time counts.
"""

from functools import partial

import studies

import snnlab

PAPER = "Cramer et al. 2022, on the chip"
CONFIG = {
    "data": "mnist16",
    "steepness": 10.0,
    "lr": 2e-3,
    "weight_decay": 0.1,
    "dropout": 0.3,
    "epochs": 8,
}
DEADLINES = (2, 3, 4, 20)
VARIANTS = [
    {"delay": delay, "deadlines": deadlines}
    for delay in (0, 1)
    for deadlines in (None, tuple(k + 2 * delay if k < 20 else k for k in DEADLINES))
]


EARLY = {"n_steps": 40, "dt": 0.85e-6, "epochs": 25, "delay": 0, "deadlines": (3,)}

CURRENTS = {"code": "currents", "n_steps": 4, "dt": 0.85e-6, "epochs": 12, "delay": 0}
CURRENTS |= {"surrogate": "arctan", "steepness": 2.0, "lr": 1.5e-3, "hidden_spikes": 120}


def run(variants, seed, validate):
    """One network per variant."""
    results = []
    for variant in variants:
        prepared = studies.prepare(CONFIG | variant, seed, validate)
        history = studies.fit(prepared)
        when = snnlab.time_to_decision(prepared.network, *prepared.test, loss=prepared.loss)
        early = {f"accuracy_{k}": float(x) for k, x in enumerate(when.accuracy[1:6], start=2)}
        results.append(
            studies.result(prepared, history)
            | {"peak_time": float(when.peak_time), "best_time": float(when.best_time)}
            | early
        )
    return results


def point(variant, label):
    """Keywords of a record."""
    return {
        "config": studies.COMMON | CONFIG | variant,
        "label": label,
        "metric": "peak_time",
        "paper": 8e-6,
        "source": PAPER,
    }


POINTS = [
    point(
        variant,
        f"delay {variant['delay']}, "
        + ("trained as usual" if variant["deadlines"] is None else "trained for early decisions"),
    )
    for variant in VARIANTS
]
ENTRIES = {
    "decision-time": (POINTS, partial(run, VARIANTS)),
    "decision-currents": (
        [point(CURRENTS, "delay 0, constant currents")],
        partial(run, [CURRENTS]),
    ),
    "decision-early": ([point(EARLY, "delay 0, a deadline of 2.55 µs")], partial(run, [EARLY])),
}

if __name__ == "__main__":
    studies.main(__doc__, "decision", ENTRIES)
