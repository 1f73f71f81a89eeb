"""Exercises of notebook 15: both at once."""

import functools

from snnlab.course.exercises.registry import close, images, question

SEEDS = 0, 1, 2


@functools.lru_cache(maxsize=2)
def _chips_that_avoid(dead):
    """On how many of three chips the worst tenth has fewer wires than chance, at 5 %."""
    from snnlab.course import lessons
    from snnlab.reports.avoidance import permutation_test, worst_of

    task, found = lessons.task(images(), n_train=2000, n_test=300, steps=400, hidden=100), 0
    for seed in SEEDS:
        wires, defect, _ = lessons.rewire_on_chip(
            task, sigma_d=0.3, dead=dead, alpha=0.15, seed=seed
        )
        found += permutation_test(wires, worst_of(defect), fewer=True).p < 0.05
    return found


@question(
    "n15.q1",
    "Among the worst tenth are the dead neurons, and nothing holds up wires that lead to them.",
)
def _dead_columns(answer):
    return close(
        answer,
        lambda: _chips_that_avoid(0.1),
        0,
        "More of them. Is the worst tenth chosen by defect?",
        "Fewer of them. Is it the share of draws with as few wires, or fewer, that you count?",
        "a number of chips",
    )


@question(
    "n15.q2",
    "A neuron that is merely off still spikes, so its wires have slopes and are adapted instead.",
)
def _detuned_columns(answer):
    return close(
        answer,
        lambda: _chips_that_avoid(0.0),
        0,
        "More of them. Is the worst tenth chosen by defect?",
        "Fewer of them. Small is below 0.05; 0.5 is what chance gives.",
        "a number of chips",
    )


@question("n15.q3", "Where nothing is, one p-value in twenty is below 0.05.")
def _false_alarms(answer):
    return close(
        answer,
        0.05 * 200,
        0.01,
        "More. How often is a p-value below 0.05 where nothing is?",
        "Fewer. How often is a p-value below 0.05 where nothing is?",
        "an expected number",
    )
