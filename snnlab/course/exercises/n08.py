"""Exercises of notebook 8: when is it sure."""

import numbers

import numpy as np

from snnlab.course.exercises.registry import close, question, tried
from snnlab.neurons import LIF


@question("n08.q1")
def _earliest_deadline(answer):
    times = np.arange(1, 8) * 1.7e-6
    cases = (  # accuracies, share, the deadline from which on they suffice
        ([0.1, 0.2, 0.5, 0.8, 0.9, 0.9, 0.9], 0.95, 4),
        ([0.1, 0.86, 0.5, 0.8, 0.9, 0.9, 0.9], 0.95, 1),
        ([0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9], 0.95, 0),
        ([0.1, 0.5, 0.8, 0.95, 0.9, 0.9, 0.8], 1.0, 2),
        ([0.1, 0.4, 0.45, 0.5, 0.6, 0.6, 0.6], 0.5, 1),
    )
    for accuracy, share, k in cases:
        given = times, np.array(accuracy), share
        got = tried(answer, lambda f, given=given: f(*given), "check('n08.q1', earliest)")
        if got is ...:
            return "There are still dots in the function."
        if isinstance(got, bool) or not isinstance(got, numbers.Real):
            return f"The function should return a time, not {got!r}."
        if abs(got - times[k]) > 1e-9:
            return (
                f"For accuracies {accuracy} and a share of {share:g} it returns "
                f"{got * 1e6:.1f} µs. Is that the first deadline with that share of the last "
                "accuracy?"
            )
    return None


@question("n08.q2")
def _first_word(answer):
    from snnlab.network import Network
    from snnlab.signals import SpikeTrains

    network = Network((1, 1, 1), LIF.brainscales2(delay=1), n_steps=20, rng=0)
    for w in network.weights:
        w[...] = 5
    readout = network.forward(SpikeTrains([0, 1], [0], [0], 20, 1)).readout[0, :, 0]
    more = "Later. Two layers have to be crossed, and the first step counts as 1."
    less = "Earlier. A step per layer, and the first step counts as 1."
    return close(answer, int(np.flatnonzero(readout)[0]) + 1, 0, more, less, "a number of steps")


@question("n08.q3")
def _gained_by_hurry(answer):
    from snnlab.course import results

    usual, early = results.load("decision-time")[:2]
    truth = 100 * (early["accuracy_2"] - usual["accuracy_2"])
    if isinstance(answer, float) and abs(answer - truth / 100) < 1e-4 and truth > 0:
        return "The right difference, as a share. The question asks for percentage points."
    more = "More. Compare 'accuracy_2' of the first two records."
    less = "Less. Compare 'accuracy_2' of the first two records."
    return close(answer, truth, 0.006, more, less, "a number of percentage points")
