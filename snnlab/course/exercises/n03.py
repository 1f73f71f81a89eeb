"""Exercises of notebook 3: the step has no slope."""

import numpy as np

from snnlab import surrogate, textbook
from snnlab.course.exercises.registry import close, question
from snnlab.neurons import LIF


@question("n03.q1", "A hundredth is a tenth squared, so k times the distance must be 9.")
def _where_the_gradient_vanishes(answer):
    k = np.arange(1, 2001) / 10
    share = np.array([surrogate.slope("superspike", np.array(-0.3), x) for x in k])
    return close(
        answer,
        float(k[np.argmin(np.abs(share - 0.01))]),
        0.3,
        "With that steepness more than 1 % is left: go steeper.",
        "With that steepness less than 1 % is left: go gentler.",
        "a steepness",
    )


@question("n03.q2", "These two end at a finite distance from the threshold; all others have tails.")
def _which_surrogates_are_blind(answer):
    if isinstance(answer, str):
        answer = (answer,)
    try:
        given = set(answer)
    except TypeError:
        return "The answer is a set of names, like {'superspike'}."
    unknown = given - set(surrogate.NAMES)
    if unknown:
        names = ", ".join(surrogate.NAMES)
        return f"There is no surrogate named {sorted(map(str, unknown))[0]!r}. They are: {names}."
    u = np.array(-0.3)
    blind = {name for name in surrogate.NAMES if surrogate.slope(name, u, 10.0) == 0}
    if given == blind:
        return None
    if given - blind:
        return "Not all of these: one of them is small there, but not zero. Print its slope."
    return "These, yes, but not only these. Which formulas are exactly zero far out?"


@question(
    "n03.q3",
    "The slope of a chain is the product of its slopes: of the loss by the spike, of the "
    "spike by the potential, of the potential by the weight.",
)
def _how_loudly_is_it_told(answer):
    """The slope of the loss of section 2 at a weight of 0.15 and steepness 20."""
    neuron = LIF.brainscales2()
    x = np.zeros((1, 20, 1))
    x[0, [2, 4, 6], 0] = 1
    top = float(textbook.layer_forward(x, np.array([[0.15]]), neuron)[0].max())
    h = float(surrogate.slope("superspike", np.array(top - 1), 20.0))
    truth = -h * top / 0.15
    sign = "The size is right. Does the loss rise or fall when the weight grows?"
    alone = "That is the surrogate alone. How fast does the potential grow with the weight?"
    return close(
        answer,
        truth,
        0.002,
        "Nearer to zero. Multiply the three slopes of the chain; here k is 20.",
        "Further below zero. Multiply the three slopes of the chain; here k is 20.",
        "a slope",
        [(-truth, 0.002, sign), (-h, 0.002, alone)],
    )
