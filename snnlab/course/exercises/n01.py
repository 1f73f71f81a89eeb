"""Exercises of notebook 1: one leaky neuron."""

import numpy as np

from snnlab import textbook
from snnlab.course.exercises.registry import close, no_number, question
from snnlab.neurons import LIF


def _potentials(steps, weight, n_steps=40):
    """Potentials and spikes of one neuron of the chip whose input spikes in these steps."""
    x = np.zeros((1, n_steps, 1))
    x[0, steps, 0] = 1
    v, z = textbook.layer_forward(x, np.array([[float(weight)]]), LIF.brainscales2())
    return v[0, :, 0], z[0, :, 0]


@question(
    "n01.q1",
    "Two spikes add up, but the first has begun to leak away when the second is at its "
    "height, so they need a little more than half of the weight that one needs alone.",
)
def _smallest_weight(answer):
    hint = no_number(answer, "a weight")
    if hint:
        return hint
    if not _potentials([2, 4], answer)[1].any():
        return "Silent: the membrane stays below the threshold. Go higher."
    if _potentials([2, 4], answer - 0.01)[1].any():
        return "It fires, but with a weight that is a hundredth smaller it does as well. Go lower."
    return None


@question(
    "n01.q2",
    "A spike that arrives flows in before potentials are compared, all in the same step.",
)
def _which_step(answer):
    z = _potentials([2], 1.2)[1]
    return close(
        answer,
        int(np.flatnonzero(z)[0]),
        0,
        "Later: before the input spike arrives, nothing makes it fire.",
        "Earlier. Which potential is compared: the one before or after this step's current?",
        "the number of a step",
    )


@question(
    "n01.q3",
    "What was left of the membrane and the current that still flows add up, and the reset "
    "takes the threshold away.",
)
def _after_the_reset(answer):
    b = LIF.brainscales2().decay_mem
    v = _potentials([2], 1.2)[0]
    free = "That would be without the reset. The neuron has fired in the step before."
    gone = "The current has faded in one step, but it has not gone: it is added as well."
    alone = "That is the current alone, as if nothing of the membrane were left. What is left?"
    known = (v[3] + 1, 0.006, free), (1.2 * b - 1, 0.006, gone), (1.2 * b, 0.006, alone)
    return close(
        answer,
        float(v[3]),
        0.006,
        "Higher. Three terms: what is left of the membrane, the current, minus the threshold.",
        "Lower. Three terms: what is left of the membrane, the current, minus the threshold.",
        "a potential",
        known,
    )
