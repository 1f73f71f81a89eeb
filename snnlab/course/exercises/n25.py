"""Exercises of notebook 25: telling pictures in spikes."""

import numpy as np

from snnlab.course.exercises.registry import close, question, returned

PRIOR = 0.05  # of question 1
UNITS, STEPS, REST = 64, 8, 0.02  # of question 3


@question(
    "n25.q1",
    "log 20 = 3.0 nats, or 4.3 bits: the rarer spikes are at rest, the more one of them can tell.",
)
def _price_of_a_spike(answer):
    truth = -np.log(PRIOR)
    bits = "Those are bits. In nats the logarithm is the natural one."
    ten = "The natural logarithm, please: np.log."
    sign = "The right size, but a divergence is never negative."
    return close(
        answer,
        truth,
        0.02,
        "More. What is p log(p / r) where p is 1? The other half is 0.",
        "Less. What is p log(p / r) where p is 1? The other half is 0.",
        "a number of nats",
        [(np.log2(1 / PRIOR), 0.02, bits), (np.log10(1 / PRIOR), 0.02, ten), (-truth, 0.02, sign)],
    )


@question(
    "n25.q2",
    "It is 0 where p is r, and rises to both sides; far more steeply to the side of spikes.",
)
def _divergence(answer):
    p, r = np.linspace(0.01, 0.99, 99), 0.1
    one, none = p * np.log(p / r), (1 - p) * np.log((1 - p) / (1 - r))
    got, hint = returned("n25.q2", answer, "divergence", p.copy(), r)
    if hint is not None:
        return hint
    if got.shape != p.shape:
        return f"The result has shape {got.shape}; there are {p.size} probabilities."
    if np.allclose(got, one + none):
        return None
    if np.allclose(got, one):
        return "That is the half of the spikes. That there is none tells something, too."
    if np.allclose(got, none):
        return "That is the half of no spikes. Spikes tell something, too."
    if np.allclose(got, (one + none) / np.log(2)):
        return "Those are bits. In nats the logarithm is the natural one."
    if np.allclose(got, -one - none):
        return "The right size, but a divergence is never negative."
    if np.isclose(np.interp(r, p, got), 0, atol=1e-6):
        return "It is 0 where p is r, as it should. Look at both halves again."
    return "Two halves: p log(p / r) of spikes, and the same of none, with 1 - p and 1 - r."


@question(
    "n25.q3",
    "64 x 8 x 0.02 = 10.2 spikes that tell nothing: rest must be rare if spikes are to be few.",
)
def _spikes_at_rest(answer):
    truth = UNITS * STEPS * REST
    step = "So many in each step. A picture is told in several."
    unit = "So many of each unit. There are several."
    places = "So many could be there. In each place there is one with a probability of 0.02."
    held = "That would be with units that keep silent once they have spiked. Here they may go on."
    return close(
        answer,
        truth,
        0.05,
        "More. How many places are there in which a spike can be?",
        "Fewer. How many places are there in which a spike can be?",
        "a number of spikes",
        [
            (UNITS * REST, 0.01, step),
            (STEPS * REST, 0.01, unit),
            (UNITS * STEPS, 0.01, places),
            (UNITS * (1 - (1 - REST) ** STEPS), 0.06, held),
        ],
    )
