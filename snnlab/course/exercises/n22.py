"""Exercises of notebook 22: without time."""

import numpy as np

from snnlab.course.exercises.registry import close, question, returned

STEPS, TAU = 50, 20  # of question 1, and when its input spikes
WHEN = 30, 45
RIGHT, RECORDINGS = 0.92, 200  # of question 3


@question(
    "n22.q1",
    "An earlier spike counts less: the trace at the end has forgotten most of the first half.",
)
def _trace(answer):
    left = np.exp((np.array(WHEN) - (STEPS - 1)) / TAU)
    truth = left.sum()
    late = "Nearly. The last of 50 steps is number 49: as they are counted from 0."
    second = "That is what is left of the second spike. The first one counts, too."
    product = "What is left of one spike is added to what is left of the other."
    return close(
        answer,
        truth,
        5e-3,
        "More. Of a spike exp(-k / 20) is left after k steps; both are added up.",
        "Less. Of a spike exp(-k / 20) is left after k steps; both are added up.",
        nearly=[
            (np.exp((np.array(WHEN) - STEPS) / TAU).sum(), 5e-3, late),
            (left[1], 5e-3, second),
            (left.prod(), 5e-3, product),
        ],
    )


@question(
    "n22.q2",
    "It is the backward pass of rectified linear units: nothing in it knows of steps or spikes.",
)
def _error_below(answer):
    rng = np.random.default_rng(0)
    error, weights = rng.normal(size=(4, 3)), rng.normal(size=(5, 3))
    thresholds = rng.uniform(0.5, 2.0, 5)
    own = rng.uniform(0.1, 3.0, (4, 5)) * (rng.random((4, 5)) < 0.6)
    truth = (error @ weights.T) / thresholds * (own > 0)
    given = error.copy(), weights.copy(), thresholds.copy(), own.copy()
    got, hint = returned("n22.q2", answer, "error_below", *given)
    if hint is not None:
        return hint
    if got.shape != truth.shape:
        return f"The result has shape {got.shape}; there are 4 samples, and 5 units below."
    if np.allclose(got, truth):
        return None
    if np.allclose(got, (error @ weights.T) / thresholds):
        return "Right for units that spiked. One that was silent has no slope: its error is 0."
    if np.allclose(got, (error @ weights.T) * (own > 0)):
        return "Nearly: by a threshold as high again, a unit's trace moves half as much."
    if np.allclose(got, (error @ weights.T) / thresholds * own):
        return "Whether a unit spiked counts, not how much: the line of max(0, x) has slope 1."
    return "error @ weights.T, by the units' own thresholds, and 0 for units that were silent."


@question(
    "n22.q3",
    "Of 200 recordings two are a point, so networks that differ by less than about four points are "
    "not told apart.",
)
def _standard_error(answer):
    truth = 100 * np.sqrt(RIGHT * (1 - RIGHT) / RECORDINGS)
    share = "The right number, as a share. The question asks for points."
    one = "That is how far one recording lies from the mean. And the mean of 200?"
    return close(
        answer,
        truth,
        0.05,
        "More. Of n answers, each right with probability p, the share varies by sqrt(p (1-p) / n).",
        "Less. Of n answers, each right with probability p, the share varies by sqrt(p (1-p) / n).",
        "a number of points",
        [(truth / 100, 5e-4, share), (100 * np.sqrt(RIGHT * (1 - RIGHT)), 0.5, one)],
    )
