"""Exercises of notebook 23: learning without a teacher."""

import numpy as np

from snnlab.course.exercises.registry import close, question, returned

RISE, FALL = 0.04, 0.03
FIRST, CUT = 0.8, 0.3  # weights of question 3


@question(
    "n23.q1",
    "On average a weight moves by (rise p - fall (1 - p)) w (1 - w), which is above 0 from "
    "p = fall / (rise + fall) on, wherever the weight is: so weights end at one end or the other.",
)
def _share_of_early(answer):
    truth = FALL / (RISE + FALL)
    percent = "The right number, in percent. The question asks for a share, from 0 to 1."
    late = "That is the share of late ones at which the two are in balance."
    return close(
        answer,
        truth,
        0.005,
        "More: at this share the weight falls on average.",
        "Less: at this share the weight rises on average.",
        "a share",
        [(100 * truth, 0.5, percent), (1 - truth, 0.005, late)],
    )


def _changed(w, when, t, rise, fall):
    return w + np.where(when <= t, rise, -fall) * w * (1 - w)


@question(
    "n23.q2",
    "One line is the whole rule, and nothing in it knows what the image shows.",
)
def _rule(answer):
    w = np.array([0.8, 0.5, 0.9, 0.2, 0.0])
    when = np.array([0, 3, 4, 255, 255])
    truth = _changed(w, when, 3, RISE, FALL)
    got, hint = returned("n23.q2", answer, "stdp_rule", w.copy(), when, 3, RISE, FALL)
    if hint is not None:
        return hint
    if got.shape != w.shape:
        return f"The result has shape {got.shape}; there are {w.size} weights."
    if np.allclose(got, truth):
        return None
    if np.allclose(got, truth - w):
        return "That is the change. The function returns the new weights."
    early = when <= 3
    if np.allclose(got[~early], truth[~early]):
        if np.allclose(got[0], truth[0]):
            return "Nearly. An input that spikes in the same step as the detector is early, too."
        return "Late inputs are right. Early ones rise, by rise * w * (1 - w)."
    if np.allclose(got[early], truth[early]):
        return "Early inputs are right. Weights of late ones fall: mind the sign."
    return "Each weight changes by its rate times w * (1 - w): up where early, down where late."


def _falls():
    w, n = FIRST, 0
    while w >= CUT:
        w -= FALL * w * (1 - w)
        n += 1
    return n


@question(
    "n23.q3",
    "In ln(w / (1 - w)) each fall is a step of about the rate, wherever the weight is: "
    "(1.39 + 0.85) / 0.03 is about 75, and a few unlucky images cut nobody.",
)
def _how_many(answer):
    even = "So many if each fall took 0.03. It takes 0.03 w (1 - w), a quarter of it at most."
    return close(
        answer,
        _falls,
        1,
        "More. Each fall takes 0.03 w (1 - w), which is 0.0075 at most.",
        "Fewer. Let a loop count them.",
        "a number of images",
        [((FIRST - CUT) / FALL, 0.5, even)],
    )
