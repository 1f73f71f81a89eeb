"""Exercises of notebook 3: the step has no slope."""

import numpy as np

from snnlab import surrogate
from snnlab.exercises.registry import close, question


@question("n03.q1")
def _where_the_gradient_vanishes(answer):
    k = np.arange(1, 2001) / 10
    share = np.array([surrogate.slope("superspike", np.array(-0.3), x) for x in k])
    return close(
        answer, float(k[np.argmin(np.abs(share - 0.01))]), 0.3,
        "With that steepness more than 1 % is left: go steeper.",
        "With that steepness less than 1 % is left: go gentler.", "a steepness",
    )  # fmt: skip


@question("n03.q2")
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
