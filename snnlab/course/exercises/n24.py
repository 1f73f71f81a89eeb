"""Exercises of notebook 24: borrowed weights."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from snnlab.course.exercises.registry import close, no_number, question, returned

if TYPE_CHECKING:
    from collections.abc import Callable

STEPS = 8  # of question 3


@question(
    "n24.q1",
    "A count is rounded to a whole number, so it is off by half a spike at most: by 1/100 "
    "of the steps if there are 50.",
)
def _how_many_steps(answer):
    rest = "That many, if neurons begin at rest. From half the threshold counts are rounded."
    return close(
        answer,
        50,
        0,
        "More. By how much may a count of spikes be off, if it is rounded?",
        "Fewer. By how much may a count of spikes be off, if it is rounded?",
        "a number of steps",
        [(100, 0, rest)],
    )


@question(
    "n24.q2",
    "What came in, by the threshold, is how many spikes there could be; only whole ones are, and "
    "never more than one in a step.",
)
def _counts(answer):
    x = np.array([-0.5, 0.0, 0.13, 0.29, 0.61, 0.97, 1.43, 2.9])
    cases = [(1.0, 0.0, 10), (1.0, 0.5, 10), (0.8, 0.5, 7), (1.7, 0.25, 3)]
    for threshold, start, steps in cases:
        truth = np.clip(np.floor(x / threshold * steps + start), 0, steps)
        given = "n24.q2", answer, "counts", x.copy(), threshold, start, steps
        got, hint = returned(*given)
        if hint is not None:
            return hint
        if got.shape != x.shape:
            return f"The result has shape {got.shape}, the inputs {x.shape}."
        if np.allclose(got, truth):
            continue
        if np.allclose(np.floor(got), truth) or np.allclose(np.rint(got), truth):
            return "Nearly. There are only whole spikes: round down."
        if (got < 0).any():
            return "A neuron that hears something negative is silent: no count is below 0."
        if (got > steps).any():
            return f"In {steps} steps there are {steps} spikes at most."
        return f"Not with threshold {threshold:g}, start {start:g} and {steps} steps."
    return None


@functools.cache
def by_share() -> Callable[[float], float]:
    """Accuracy at so many steps by the share of the largest activations, as a function."""
    from snnlab import conversion
    from snnlab.course import borrowed
    from snnlab.course.exercises.registry import images

    data = images()
    network = borrowed.ordinary_network(data)
    tops = np.array(conversion.largest_activations(network, data.x_train[:500]))
    x, y = borrowed.as_currents(data.x_test[:300], STEPS), data.y_test[:300]

    @functools.cache
    def accuracy(share):
        lower = conversion.with_ceilings(network, (share * tops).tolist())
        spikes = conversion.convert(lower, method="ceiling", n_steps=STEPS, start=0)
        return float(conversion.by_step(spikes, x, y).accuracy[-1])

    return accuracy


@question(
    "n24.q3",
    "Higher thresholds make neurons too slow for eight steps, lower ones cut off what is large.",
)
def _share(answer):
    hint = no_number(answer, "a share between 0 and 1")
    if hint is not None:
        return hint
    if not 0 < answer <= 1:
        return "The answer is a share: above 0, at most 1."
    accuracy = by_share()
    shares = np.arange(1, 21) / 20
    found = [accuracy(float(share)) for share in shares]
    best, at = max(found), shares[int(np.argmax(found))]
    here = accuracy(float(answer))
    if here >= best - 0.01:
        return None
    way = "lower" if answer > at else "higher"
    return f"With {answer:g} it reads {100 * here:.1f} %. Try a {way} share."
