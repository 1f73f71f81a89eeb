"""Exercises of the notebooks on the chip: right answers pass, wrong ones get a hint."""

import re

import numpy as np
import pytest

import snnlab
from snnlab import energy, exercises, results
from snnlab.learning.losses import MaxOverTime


def loop(network, chip, batch, targets, optimizer, ideal=False, clip=True, read=None, runs=1):
    """A training step in the loop, right or with a mistake."""
    trace = network.forward(batch) if ideal else network.forward(batch, on=chip)
    for _ in range(runs - 1):
        trace = network.forward(batch, on=chip)
    seen = trace if read is None else read(network, batch)
    _, g_readout = MaxOverTime()(seen.readout, targets)
    optimizer.step(network, network.backward(trace, g_readout))
    if clip:
        chip.clip(network)


def mistaken(**mistake):
    return lambda *given: loop(*given, **mistake)


def transfer_loss():
    matrix = np.array([r["values"] for r in results.load("chip-transfer-matrix")[:5]]).T
    own = np.diag(matrix).mean()
    return 100 * (own - matrix[~np.eye(5, dtype=bool)].mean()), 100 * (own - matrix.mean())


def card(rate):
    return energy.EnergyCard(energy.at_rate((256, 246, 10), n_steps=20, rate=rate), bits=8)


RIGHT = {
    "n09.q1": 31,
    "n09.q2": 5,
    "n10.q1": loop,
    "n10.q2": 0.4,
    "n10.q3": transfer_loss()[0],
    "n11.q3": 100 - 2.8 * 1.37,
    "n12.q1": card(1.0).energies[energy.ROWS[2]][0] / card(1.0).energies[energy.ROWS[0]][0],
    "n12.q2": card(0.3).break_even("spikes") / 502,
    "n12.q3": int(card(0.4).break_even("n_steps", energy.ROWS[4])),
}
WRONG = {
    "n09.q1": [16, 32, 15, "31"],
    "n09.q2": [3, 4, True],
    "n09.q3": ["gain", 3, ["gain"], ["gain", "tau", "noise", "offset"]],
    "n10.q1": [
        3,
        mistaken(ideal=True),
        mistaken(runs=2),
        mistaken(clip=False),
        mistaken(read=lambda network, batch: network.forward(batch)),
        lambda *a: 1 / 0,
        lambda a: a,
    ],
    "n10.q2": [0.3, 0.5, 40, "0.4"],
    "n10.q3": [transfer_loss()[0] / 100, transfer_loss()[1], 5.0, 8.0],
    "n11.q1": [0, 200, 3.5, True],
    "n11.q2": [0, 129, "8"],
    "n11.q3": [60.2, 97.2, 96.9, 95.0, "96"],
    "n12.q1": [1, 7, 7.67, "4"],
    "n12.q2": [0.5, 1.2, card(0.2).break_even("spikes"), card(0.2).break_even("hidden_spikes")],
    "n12.q3": [2, 20, card(0.4).break_even("n_steps", energy.ROWS[4])],
}
SLOW = {"n09.q3", "n11.q1", "n11.q2"}  # their right answers are tested below, and by the notebooks


def test_every_question_is_tested_here():
    here = {name for name in exercises.questions() if "n09" <= name < "n13"}
    assert set(RIGHT) | SLOW == set(WRONG) == here


@pytest.mark.parametrize("name", sorted(RIGHT))
def test_right_answers_are_right(name):
    verdict = snnlab.check(name, RIGHT[name])
    assert verdict and repr(verdict).startswith("✓ Right")


@pytest.mark.parametrize("name, k", [(n, k) for n, w in WRONG.items() for k in range(len(w))])
def test_wrong_answers_get_a_hint_and_no_answer(name, k):
    verdict = snnlab.check(name, WRONG[name][k])
    assert not verdict and len(verdict.text) > 15
    right = RIGHT.get(name)
    if isinstance(right, int | float):
        told = [float(x) for x in re.findall(r"\d+\.?\d*", verdict.text)]
        assert all(abs(x - right) > 0.03 for x in told)


@pytest.mark.parametrize("name", sorted(WRONG))
def test_blank_answers_are_asked_for(name):
    assert "in place of the dots" in snnlab.check(name, ...).text


def test_hints_fit_the_mistake():
    said = [snnlab.check("n10.q1", answer).text for answer in WRONG["n10.q1"]]
    for text, words in zip(
        said,
        (
            "without brackets",
            "never run",
            "more than once",
            "beyond what",
            "must both read",
            "ZeroDivisionError",
            "TypeError",
        ),
        strict=True,
    ):
        assert words in text
    assert "share" in snnlab.check("n10.q2", 40).text
    assert "share" in snnlab.check("n11.q3", 0.9616).text
    assert "have 16" in snnlab.check("n12.q1", 0.23 / 0.03).text
    assert "percent" in snnlab.check("n10.q3", transfer_loss()[0] / 100).text


def test_dots_left_in_the_function_are_noticed():
    def step(network, chip, batch, targets, optimizer):
        MaxOverTime()(..., targets)
        optimizer.step(network, ...)

    assert "dots" in snnlab.check("n10.q1", step).text


def test_ranks_are_checked_against_a_trained_network(monkeypatch):
    """With costs that are known the right ranking passes, and the hints fit the others."""
    cost = {"tau": 0.05, "threshold": 0.001, "gain": 0.2, "noise": 0.003}
    names = {
        "tau_mem_spread": "tau",
        "threshold_spread": "threshold",
        "gain_spread": "gain",
        "noise": "noise",
    }

    def evaluate(network, inputs, labels, substrate):
        (name,) = (short for long, short in names.items() if substrate.effects[long])
        return (0.9 - cost[name],)

    monkeypatch.setattr("snnlab.learning.evaluation.evaluate", evaluate)
    monkeypatch.setattr("snnlab.learning.training.train", lambda *given, **settings: None)
    assert snnlab.check("n09.q3", ["gain", "tau", "noise", "threshold"])
    assert snnlab.check("n09.q3", ("gain", "tau", "threshold", "noise")), "too close to call"
    assert (
        "more than the first" in snnlab.check("n09.q3", ["tau", "gain", "noise", "threshold"]).text
    )
    assert "wrong way round" in snnlab.check("n09.q3", ["gain", "noise", "tau", "threshold"]).text


def test_deaths_are_counted_on_a_curve(monkeypatch):
    """With losses that are known, numbers near the crossing pass and others get the right hint."""
    curves = (lambda k: 0.05 * k / 40, lambda k: 0.05 * k / 10)
    monkeypatch.setattr(exercises.n11, "_losses_by_deaths", lambda: curves)
    assert snnlab.check("n11.q1", 40) and snnlab.check("n11.q1", np.int64(44))
    assert "More" in snnlab.check("n11.q1", 20).text and "Fewer" in snnlab.check("n11.q1", 80).text
    assert snnlab.check("n11.q2", 10) and not snnlab.check("n11.q2", 40)
    assert "More" in snnlab.check("n11.q2", 5).text


def test_losses_grow_with_deaths_and_targets_hurt_more(monkeypatch):
    from snnlab import datasets

    digits = datasets.load("digits16")
    monkeypatch.setattr(exercises.n11, "images", lambda: digits)
    random, targeted = exercises.n11._losses_by_deaths()
    assert abs(random(0)) < 1e-9 and targeted(0) == 0
    assert targeted(25) > random(25) > 0.005 and random(100) > 0.2
