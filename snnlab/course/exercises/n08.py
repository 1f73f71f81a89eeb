"""Exercises of notebook 8: when is it sure."""

import numpy as np

from snnlab.course.exercises.registry import close, no_number, plain, question, returned
from snnlab.neurons import LIF


def _number(name, answer, called, *given, what):
    """The number that a function returns, and a hint if it is none."""
    got, hint = returned(name, answer, called, *given, read=plain)
    if hint is None and no_number(got) is not None:
        hint = f"The function should return {what}, not {got!r}."
    return got, hint


@question(
    "n08.q1",
    "The first deadline is found by comparing with a share of the last accuracy, not of 1.",
)
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
        got, hint = _number("n08.q1", answer, "earliest", *given, what="a time")
        if hint is not None:
            return hint
        if abs(got - times[k]) > 1e-9:
            return (
                f"For accuracies {accuracy} and a share of {share:g} it returns "
                f"{got * 1e6:.1f} µs. Is that the first deadline with that share of the last "
                "accuracy?"
            )
    return None


@question("n08.q2", "Each layer costs a step, and the first step counts as 1.")
def _first_word(answer):
    from snnlab.network import Network
    from snnlab.signals import SpikeTrains

    network = Network((1, 1, 1, 1), LIF.brainscales2(delay=1), n_steps=20, rng=0)
    for w in network.weights:
        w[...] = 5
    readout = network.forward(SpikeTrains([0, 1], [0], [0], 20, 1)).readout[0, :, 0]
    return close(
        answer,
        int(np.flatnonzero(readout)[0]) + 1,
        0,
        "Later. Three layers have to be crossed, and the first step counts as 1.",
        "Earlier. A step per layer, and the first step counts as 1.",
        "a number of steps",
    )


@question("n08.q3", "After two steps the network that was trained to be early leads by so much.")
def _gained_by_hurry(answer):
    from snnlab.course import results

    usual, early = results.load("decision-time")[:2]
    truth = 100 * (early["accuracy_2"] - usual["accuracy_2"])
    share = "The right difference, as a share. The question asks for percentage points."
    return close(
        answer,
        truth,
        0.006,
        "More. Compare 'accuracy_2' of the first two records.",
        "Less. Compare 'accuracy_2' of the first two records.",
        "a number of percentage points",
        [(truth / 100, 1e-4, share)],
    )


@question("n08.q4", "An image ends at the first step at which its lead is above the margin.")
def _early_exit(answer):
    falls = np.array([[0.0, 0, 0], [0.5, 0.1, 0.4], [0.2, 0.6, 0.1], [0.1, 1.5, 0.8]])
    rises = np.array([[0.1, 0, 0.3], [-0.3, -0.1, 0.6], [0, 0, 0.2]])
    cases = (  # potentials (time, class), margin, steps, what to look at
        (rises, 0.15, 1, "It leads by enough from the first step on."),
        (rises, 0.9, 3, "It never leads by so much, so it runs to its end."),
        (rises, 0.25, 2, "The best class is to be compared with the second best."),
        (falls, 0.05, 2, "At the first step nothing leads yet."),
        (falls, 0.2, 4, "What has been reached stays: compare the highest values so far."),
    )
    for readout, margin, steps, why in cases:
        given = readout.copy(), margin
        got, hint = _number("n08.q4", answer, "stop", *given, what="a number of steps")
        if hint is not None:
            return hint
        if got != steps:
            return f"For potentials {readout.tolist()} and a margin of {margin:g}: {got:g}? {why}"
    return None
