"""Studies on the virtual chip, written to data/results/<study>.json.

    python benchmarks/studies/chip.py chip-mnist16-plain [--seeds 0 1 2 3 4] [--validate]

Seed k is chip k, and the seed of weights and of the order of images. Networks are trained in the
loop with every default imperfection on, and tested on the same chip, unless said otherwise.
"""

from functools import partial

import numpy as np
import studies

import snnlab
from snnlab.chip.effects import EFFECTS, N_NEURONS
from snnlab.learning.penalties import Bursts

PAPER = "Cramer et al. 2022, Table 1, BrainScaleS-2"
AFFINE = {"rotation": 12.0, "shift": 1.0, "scale": 0.12, "shear": 0.12}
PLAIN = {
    "data": "mnist16",
    "steepness": 10.0,
    "lr": 2e-3,
    "weight_decay": 0.1,
    "dropout": 0.15,
    "epochs": 30,
}
AUGMENTED = {"data": "mnist16", "steepness": 10.0, "epochs": 40, "augment": AFFINE}
FASHION = PLAIN | {"data": "fashion16", "hidden_spikes": 120, "epochs": 12}
SHORT = PLAIN | {"epochs": 15}
MEDIUM = PLAIN | {"epochs": 10}
BRIEF = PLAIN | {"epochs": 4}

SIGMAS = [None, 0.1, 0.2, 0.3, 0.4, 0.5]  # None: the calibrated chip
NOISES = [{"noise": x} for x in (0.0, 0.05, 0.1, 0.2)]
# the range of weights stays, their steps grow coarser
BITS = [{"weight_bits": n, "weight_scale": 240 * (2**n - 1) / 63} for n in (1, 2, 3, 4)]
SPARSE = [0.8]
DEAD, DROPOUTS, DRAWS = 0.15, [0.0, 0.4], 10


def test(prepared, chip, seconds=0.0):
    """Accuracy and hidden spikes on a chip."""
    measured = snnlab.evaluate(prepared.network, *prepared.test, loss=prepared.loss, substrate=chip)
    return {
        "test_accuracy": measured.accuracy,
        "hidden_spikes": measured.hidden_spikes,
        "seconds": seconds,
    }


def in_loop(config, seed, validate, **effects):
    """A network trained in the loop on chip ``seed``; the run, the chip and the history."""
    prepared = studies.prepare(config, seed, validate)
    chip = snnlab.Substrate(seed, **effects)
    return prepared, chip, studies.fit(prepared, substrate=chip)


def simple(config, seed, validate):
    """Train and test on one chip."""
    prepared, chip, history = in_loop(config, seed, validate)
    return [studies.result(prepared, history, chip)]


def mismatch(config, seed, validate):
    """In the loop at each spread; then weights from software, transferred to the same chips.

    The software network's weights are rounded and clipped like the chip's: all that is left to lose
    is the analog part.
    """
    results = []
    for sigma in SIGMAS:
        prepared, chip, history = in_loop(config, seed, validate, sigma_d=sigma)
        results.append(studies.result(prepared, history, chip))
    prepared = studies.prepare(config, seed, validate)
    digital = snnlab.Substrate.ideal(seed, weight_bits=6, dynamic_scaling=True)
    history = studies.fit(prepared, substrate=digital)
    for sigma in SIGMAS:
        chip = snnlab.Substrate(seed, sigma_d=sigma)
        results.append(studies.result(prepared, history, chip))
    return results


def transfer_matrix(config, seed, validate):
    """Trained on chip ``seed`` at a spread of 30 %, tested on chips 0 to 4 and on the ideal one."""
    prepared, _, history = in_loop(config, seed, validate, sigma_d=0.3)
    chips = [snnlab.Substrate(k, sigma_d=0.3) for k in range(5)]
    seconds = sum(history.seconds)
    results = [test(prepared, chip, seconds) for chip in [*chips, None]]
    other = snnlab.Substrate((seed + 1) % 5, sigma_d=0.3)  # one epoch on another chip
    history = studies.fit(prepared, substrate=other, epochs=1, lr=1e-3)
    return [*results, test(prepared, other, sum(history.seconds))]


def dead_units(config, seed, validate):
    """Silence 15 % of the hidden units after training, in several draws."""
    results = []
    for dropout in DROPOUTS:
        prepared, chip, history = in_loop(config | {"dropout": dropout}, seed, validate)
        intact = studies.result(prepared, history, chip)
        rng = np.random.default_rng(seed)
        hidden = prepared.config["hidden"]
        errors = []
        for _ in range(DRAWS):
            dead = rng.choice(hidden, round(DEAD * hidden), replace=False).tolist()
            errors.append(1 - test(prepared, chip.replace(dead=dead))["test_accuracy"])
        rise = np.mean(errors) / (1 - intact["test_accuracy"]) - 1
        damaged = {"relative_error_rise": float(rise), "damaged_accuracy": 1 - np.mean(errors)}
        results.append(intact | {k: float(v) for k, v in damaged.items()})
    return results


def sweep(config, seed, validate, settings):
    """In the loop with one effect at several values."""
    results = []
    for effects in settings:
        prepared, chip, history = in_loop(config, seed, validate, **effects)
        results.append(studies.result(prepared, history, chip))
    return results


def sparsity(config, seed, validate):
    """On the chip without penalty; from there, trained on at strengths of the burst penalty."""
    prepared, chip, history = in_loop(config, seed, validate)
    results = [studies.result(prepared, history, chip)]
    start = prepared.network.copy()
    for strength in SPARSE:
        prepared.network = start.copy()
        history = studies.fit(prepared, substrate=chip, penalties=Bursts(strength))
        results.append(studies.result(prepared, history, chip))
    return results


def point(config, label="", paper=None, source=PAPER, **rest):
    """Keywords of one record."""
    defaults = {name: effect.default for name, effect in EFFECTS.items()}
    settings = studies.COMMON | config | {"chip": defaults, "chip_neurons": N_NEURONS}
    return {
        "config": settings,
        "label": label,
        "paper": paper,
        "source": source if paper is not None else None,
        **rest,
    }


FIGURE = "Cramer et al. 2022, robustness to the loss of neurons"
ENTRIES = {
    "chip-mnist16-plain": ([point(PLAIN, paper=0.972)], partial(simple, PLAIN)),
    "chip-mnist16-augmented": ([point(AUGMENTED, paper=0.976)], partial(simple, AUGMENTED)),
    "chip-fashion16-plain": ([point(FASHION, paper=0.842)], partial(simple, FASHION)),
    "chip-mismatch": (
        [
            point(
                SHORT | {"sigma_d": s, "mode": mode},
                f"{mode}, {'calibrated' if s is None else f'sigma_d {s:g}'}",
                mode=mode,
                sigma_d=s,
            )
            for mode in ("loop", "transfer")
            for s in SIGMAS
        ],
        partial(mismatch, SHORT),
    ),
    "chip-transfer-matrix": (
        [
            point(MEDIUM | {"sigma_d": 0.3, "tested_on": name}, f"tested on {name}")
            for name in [*(f"chip {k}" for k in range(5)), "the ideal chip"]
        ]
        + [
            point(
                MEDIUM | {"sigma_d": 0.3, "tested_on": "the next chip", "fine_tuning_epochs": 1},
                "tested on the next chip after one epoch there",
            )
        ],
        partial(transfer_matrix, MEDIUM),
    ),
    "chip-dead-units": (
        [
            point(
                SHORT | {"dropout": d, "dead": DEAD, "draws": DRAWS},
                f"dropout {d:g}",
                paper=paper,
                source=FIGURE,
                metric="relative_error_rise",
            )
            for d, paper in zip(DROPOUTS, (0.37, 0.10), strict=True)
        ],
        partial(dead_units, SHORT),
    ),
    "chip-noise": (
        [point(BRIEF | e, f"noise {e['noise']:g}") for e in NOISES],
        partial(sweep, BRIEF, settings=NOISES),
    ),
    "chip-bits": (
        [point(BRIEF | e, f"bits {e['weight_bits']}") for e in BITS],
        partial(sweep, BRIEF, settings=BITS),
    ),
    "chip-sparsity": (
        [
            point(
                SHORT | {"penalty": "bursts", "strength": x},
                f"strength {x:g}",
                paper=0.972,
                source="Cramer et al. 2022, accuracy flat down to about 20 spikes",
            )
            for x in [0.0, *SPARSE]
        ],
        partial(sparsity, SHORT),
    ),
}

if __name__ == "__main__":
    studies.main(__doc__, "chip", ENTRIES)
