"""Exercises of notebook 20: listening."""

import numpy as np

from snnlab.course.exercises.registry import close, question, returned

N_IN, N_OUT, N_RECURRENT = 48, 10, 64  # units of question 1
RIGHT = 0.81, 0.68, 0.77, 0.74, 0.59, 0.85  # shares of question 3, by speaker


@question(
    "n20.q1",
    "134 units have 134 times 58 wires, 7,772: a unit of either kind may not be cut in pieces.",
)
def _as_many_weights(answer):
    budget = N_RECURRENT * (N_IN + N_RECURRENT + N_OUT)
    truth = budget // (N_IN + N_OUT)
    whole = "Nearly: units are whole, and there are to be no more weights."
    weights = "So many weights the recurrent network has. How many units does that make?"
    return close(
        answer,
        truth,
        0,
        "More. Units of a recurrent layer have a wire to each other, too.",
        f"Fewer. Each of its units has {N_IN} wires from the inputs, and {N_OUT} to the outputs.",
        "a number of units",
        [(budget / (N_IN + N_OUT), 0.5, whole), (budget, 0, weights)],
    )


@question(
    "n20.q2",
    "A filter hears its middle fully, and its neighbours' middles not at all; of what lies between "
    "two middles each hears a share, and both shares add up to 1.",
)
def _triangle(answer):
    f, corners = np.linspace(0, 1000, 401), (200.0, 300.0, 500.0)
    below, centre, above = corners
    rising, falling = (f - below) / (centre - below), (above - f) / (above - centre)
    truth = np.clip(np.minimum(rising, falling), 0, None)
    got, hint = returned("n20.q2", answer, "triangle", f.copy(), *corners)
    if hint is not None:
        return hint
    if got.shape != f.shape:
        return f"The result has shape {got.shape}; there are {f.size} frequencies."
    if np.allclose(got, truth):
        return None
    if np.allclose(got, np.minimum(rising, falling)):
        return "Right between the corners. Outside of them a filter hears nothing, not less."
    if np.allclose(got[f <= centre], truth[f <= centre]):
        return "The rising side is right. The falling one is 1 at the middle and 0 at the far end."
    if np.allclose(got[f >= centre], truth[f >= centre]):
        return "The falling side is right. The rising one is 0 at the near end and 1 at the middle."
    if np.isclose(got[np.argmin(abs(f - centre))], 1):
        return "It is 1 in the middle. From there it falls along straight lines, to 0 at both ends."
    return "It should be 1 in the middle, and 0 at both ends; the sides are straight lines."


@question(
    "n20.q3",
    "Six speakers are few: the mean of other six could well be four points higher or lower.",
)
def _standard_error(answer):
    right = 100 * np.array(RIGHT)
    truth = right.std(ddof=1) / np.sqrt(right.size)
    share = "The right number, as a share. The question asks for points."
    six = "Nearly. From six speakers divide by five, not by six (ddof=1), for the spread."
    spread = "That is how far speakers lie from each other. How far off may their mean be?"
    return close(
        answer,
        truth,
        0.06,
        "More. It is the standard deviation over speakers by the root of their number.",
        "Less. It is the standard deviation over speakers by the root of their number.",
        "a number of points",
        [
            (truth / 100, 2e-4, share),
            (right.std() / np.sqrt(right.size), 0.02, six),
            (right.std(ddof=1), 0.05, spread),
        ],
    )
