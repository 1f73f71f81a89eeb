"""Exercises of notebooks 6 to 8: right answers pass, wrong ones get a hint that fits."""

import numpy as np
import pytest

import snnlab
from snnlab import exercises, losses, patients, results

DIAGNOSES = {
    1: "dead units",
    2: "exploding gradient over time",
    3: "silent layer",
    4: "saturated softmax",
    5: "narrow surrogate",
    6: "saturated units",
}


def scaled(bed, factor):
    network = patients.admit(bed).network
    for w in network.weights[:-1]:
        w *= factor
    return network


def earliest(times, accuracy, share):
    return times[(accuracy >= share * accuracy[-1]).argmax()]


def stop(readout, margin):
    second, first = np.sort(np.maximum.accumulate(readout))[:, -2:].T
    sure = first - second > margin
    return sure.argmax() + 1 if sure.any() else len(sure)


def stops_by(lead):
    """As `stop`, by another lead."""
    return lambda r, m: int((lead(r) > m).argmax()) + 1 if (lead(r) > m).any() else len(r)


def ahead(readout):
    """Of the best class, without what has been reached before."""
    second, first = np.sort(readout)[:, -2:].T
    return first - second


def early_gain():
    first, second = results.load("decision-time")[:2]
    return 100 * (second["accuracy_2"] - first["accuracy_2"])


RIGHT = {
    "n06.q1": lambda: DIAGNOSES,
    "n06.q2": lambda: scaled(3, 10),
    "n06.q3": lambda: {"loss": losses.MaxOverTime(3.0)},
    "n07.q1": lambda: 5,
    "n07.q2": lambda: 0.3,
    "n07.q3": lambda: 10.96,
    "n08.q1": lambda: earliest,
    "n08.q2": lambda: 4,
    "n08.q3": early_gain,
    "n08.q4": lambda: stop,
}
WRONG = {
    "n06.q1": [
        ("silent", "dict"),
        ({7: "silent layer"}, "1 to 6"),
        ({1: "dead units"}, "2, 5 and 6"),
        ({2: "exploding gradient over time"}, "5 and 6"),
        (DIAGNOSES | {2: "narrow surrogate"}, "patient 2:"),
    ],
    "n06.q2": [
        (3, "network itself"),
        (lambda: patients.admit(3).network, "None of the 60 units"),
        (lambda: patients.admit(1).network, "Nothing but the weights"),
        (lambda: scaled(3, 200), "still suffers"),
    ],
    "n06.q3": [
        ({}, "dict"),
        ({"epochs": 50}, "epochs as it is"),
        ({"optimizer": 1}, "optimizer as it is"),
        ({"colour": 1}, "does not accept"),
        ({"dropout": 0.1}, "not yet well"),
    ],
    "n07.q1": [(3, "More"), (9, "Less"), ("five", "a number")],
    "n07.q2": [("much", "a number"), (-1, "a number"), (0.01, "press harder"), (50.0, "too much")],
    "n07.q3": [(8.2, "lost more"), (25.0, "fewer spikes")],
    "n08.q1": [
        (3, "without brackets"),
        (lambda t, a, s: ..., "still dots"),
        (lambda t, a, s: a > s, "return a time"),
        (lambda t, a, s: t[-1], "first deadline"),
        (lambda t, a, s: t[a > 2][0], "IndexError"),
        (lambda t, a, s: t[(a >= s).argmax()], "of the last"),
    ],
    "n08.q2": [(1, "Later"), (5, "Earlier")],
    "n08.q4": [
        (3, "without brackets"),
        (lambda r, m: ..., "still dots"),
        (lambda r, m: r, "a number of steps"),
        (lambda r, m: stop(r, m) - 1, "from the first step on"),
        (lambda r, m: int((ahead(np.maximum.accumulate(r)) > m).argmax()) + 1, "to its end"),
        (stops_by(lambda r: np.ptp(np.maximum.accumulate(r), axis=1)), "second best"),
        (stops_by(ahead), "highest values so far"),
        (lambda r, m: r[:, 9], "IndexError"),
    ],
    "n08.q3": [(0.00108, "percentage points"), (1.0, "Less"), (-0.5, "More")],
}
ASK = [(name, k) for name, w in WRONG.items() for k in range(len(w))]


def test_every_question_is_tested_here():
    mine = {n for n in exercises.questions() if "n06" <= n < "n09" and ".q" in n}
    assert set(RIGHT) == set(WRONG) == mine


@pytest.mark.parametrize("name", sorted(RIGHT))
def test_right_answers_are_right(name):
    verdict = snnlab.check(name, RIGHT[name]())
    assert verdict, verdict
    assert not snnlab.check(name, ...)


@pytest.mark.parametrize("name, k", ASK)
def test_wrong_answers_get_a_hint_that_fits(name, k):
    answer, hint = WRONG[name][k]
    takes_answer = name in ("n08.q1", "n08.q4")
    if callable(answer) and not takes_answer:
        answer = answer()
    verdict = snnlab.check(name, answer)
    assert not verdict and hint in verdict.text
    right = RIGHT[name]()
    if isinstance(right, int | float):
        assert f" {right:g}" not in verdict.text


def test_the_patients_that_the_text_has_diagnosed_may_be_left_out():
    assert snnlab.check("n06.q1", {bed: DIAGNOSES[bed] for bed in (2, 5, 6)})
    known = snnlab.check("n06.q1", {bed: DIAGNOSES[bed] for bed in (1, 3, 4)})
    assert not known and "2, 5 and 6" in known.text
    assert np.isfinite(early_gain())
