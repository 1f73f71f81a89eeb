"""Exercises of notebook 21: what a neuron can learn about itself."""

import numpy as np

from snnlab.course.exercises.registry import close, question, returned

TAU, DT, STEP = 20.0, 1.0, 0.1  # of question 1: ms, ms, and what is added to the stored number
N_IN, HIDDEN, N_OUT = 48, 64, 10  # units of question 3


@question(
    "n21.q1",
    "Where a membrane is slow, what is stored is ln(τ / Δt): a step of 0.1 makes every time "
    "constant about a tenth longer, whether it is 20 ms or 2 s.",
)
def _one_step(answer):
    decay = np.exp(-DT / TAU)
    stored = np.log(decay / (1 - decay)) + STEP
    truth = -DT / np.log(1 / (1 + np.exp(-stored)))
    seconds = "The right time, in seconds. The question asks for milliseconds."
    stays = "What grows by 0.1 is the number that is stored, not the time constant."
    return close(
        answer,
        truth,
        0.06,
        "Longer. Work out b and w, add 0.1 to w, and go back: b, then τ.",
        "Shorter. Work out b and w, add 0.1 to w, and go back: b, then τ.",
        "a number of milliseconds",
        [(1e-3 * truth, 1e-4, seconds), (TAU + STEP, 1e-5, stays)],
    )


@question(
    "n21.q2",
    "Both shares add up to 1, so nothing is lost; and each changes evenly with the delay, so there "
    "is a slope to learn it by.",
)
def _later(answer):
    x = np.array([0, 1, 0, 0, 1, 0, 0, 0, 1, 0.0])
    for d in (0.0, 2.0, 2.25, 0.5, 7.75):
        whole = int(d)
        share = d - whole
        truth = np.zeros(len(x))
        for steps, part in ((whole, 1 - share), (whole + 1, share)):
            truth[steps:] += part * x[: len(x) - steps]
        got, hint = returned("n21.q2", answer, "later", x.copy(), d)
        if hint is not None:
            return hint
        if got.shape != x.shape:
            return f"The result has shape {got.shape}; there are {x.size} steps."
        if np.allclose(got, truth):
            continue
        return _what_is_late(x, d, got)
    return None


def _what_is_late(x, d, got):
    """A hint for what was heard at another time than it should."""
    whole, n = int(d), len(x)
    said = f"With a delay of {d:g}"
    if np.allclose(got, np.roll(x, whole)) and x[n - whole :].any():
        return f"{said}, what would come after the last step comes at the beginning. It is lost."
    if np.allclose(got[whole:], x[: n - whole]) and d > whole:
        return f"{said}, some of each spike comes a step later."
    swapped = np.zeros(n)
    for steps, part in ((whole, d - whole), (whole + 1, 1 - d + whole)):
        swapped[steps:] += part * x[: n - steps]
    if d > whole and np.allclose(got, swapped):
        return f"{said}, most of a spike comes in the nearer of the two steps: swap the shares."
    if np.isclose(got.sum(), x.sum()) and not np.allclose(got[:whole], 0):
        return f"{said}, nothing is heard in the first {whole} steps."
    return f"{said}, {got.sum():.3g} of {x.sum():g} spikes are heard, or at other times."


@question(
    "n21.q3",
    "A handful beside the weights, for there are only as many as units; but they come on top, and "
    "whoever compares should count them.",
)
def _on_top(answer):
    weights, more = N_IN * HIDDEN + HIDDEN * N_OUT, 3 * HIDDEN + N_IN
    truth = 100 * more / weights
    share = "The right share. The question asks for percent."
    top = f"So many numbers come on top. How many percent of {weights:,} weights is that?"
    return close(
        answer,
        truth,
        0.06,
        "More. Three numbers for each hidden unit, and a delay for each input.",
        "Less. Three numbers for each hidden unit, and a delay for each input.",
        "a number of percent",
        [(truth / 100, 1e-3, share), (more, 0, top)],
    )
