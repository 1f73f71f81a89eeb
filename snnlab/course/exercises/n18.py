"""Exercises of notebook 18: going deep."""

import functools

import numpy as np

from snnlab.course.exercises.registry import close, no_number, question, returned

FACTOR, SHARE = 0.8, 0.01  # of question 1
NAME, DEPTH = "triangle", 14  # of question 3
ALMOST = 0.05  # how far from 1 a factor may be


@question(
    "n18.q1",
    "Between 22 layers there are 21 steps, and 0.8 to the 21st is the first power below 0.01.",
)
def _how_many_layers(answer):
    truth = next(n for n in range(2, 1000) if FACTOR ** (n - 1) < SHARE)
    steps = "Nearly. From the last of n layers to the first there are n - 1 steps."
    return close(
        answer,
        truth,
        0,
        "More. How many times must you multiply 0.8 by itself until it is below 0.01?",
        "Fewer. How many times must you multiply 0.8 by itself until it is below 0.01?",
        "a number of layers",
        [(truth - 1, 0, steps)],
    )


@question(
    "n18.q2",
    "One mean and one variance per channel, over everything else, so that a pattern counts the "
    "same wherever and whenever it is seen.",
)
def _normalised(answer):
    from snnlab.layers import BatchNorm

    rng = np.random.default_rng(0)
    currents = rng.normal([0.3, -2.0, 1.0], [0.1, 3.0, 1.0], (5, 4, 3, 2, 3))
    norm, plain = BatchNorm(), {"gain": np.ones((1, 3)), "shift": np.zeros((1, 3))}
    truth = norm.values(currents, plain, norm.statistics(currents))
    got, hint = returned("n18.q2", answer, "normalised", currents.copy())
    if hint is not None:
        return hint
    if got.shape != currents.shape:
        return f"The result has shape {got.shape}, the currents {currents.shape}."
    if np.allclose(got, truth, atol=0.01):
        return None
    axes = (0, 1, 2, 3)
    if np.allclose(got, currents - currents.mean(axes), atol=0.01):
        return "The means are right. Then divide by the standard deviation."
    if np.allclose(got, (currents - currents.mean()) / currents.std(), atol=0.01):
        return "Each channel has a mean and a standard deviation of its own."
    if np.allclose(got, (currents - currents.mean(axes)) / currents.var(axes), atol=0.01):
        return "Divide by the standard deviation, the root of the variance."
    return "Mean and standard deviation are over the axes 0 to 3: samples, steps, rows and columns."


@functools.cache
def _network():
    """The network of the question, and what it hears."""
    from snnlab.course import depth
    from snnlab.course.exercises.registry import images

    data = images()
    network = depth.deep_network(data, DEPTH, surrogate=NAME)
    return network, depth.images_as_currents(data, data.x_train[:30]), data.y_train[:30]


@question(
    "n18.q3",
    "At this steepness the gradient comes through fourteen layers about as large as it was.",
)
def _even(answer):
    from snnlab.course import depth

    hint = no_number(answer, "a steepness")
    if hint is not None:
        return hint
    if not 0.01 <= answer <= 100:
        return "A steepness between 0.1 and 10 will do."
    factor = float(depth.growth(depth.adjoint_norms(*_network(), [answer])[0])[0])
    if abs(factor - 1) <= ALMOST:
        return None
    if not factor > 0:
        return "At this steepness no gradient arrives at the first layer at all."
    which, how = ("grows", "Narrower.") if factor > 1 else ("shrinks", "Wider.")
    return f"At {answer:g} it {which} by a factor of {factor:.2f} from layer to layer. {how}"
