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


@question("n15.q1")
def _dead_columns(answer):
    more = "More of them. Is the worst tenth chosen by defect?"
    less = "Fewer of them. Is it the share of draws with as few wires, or fewer, that you count?"
    return close(answer, _chips_that_avoid(0.1), 0, more, less, "a number of chips")


@question("n15.q2")
def _detuned_columns(answer):
    more = "More of them. Is the worst tenth chosen by defect?"
    less = "Fewer of them. Small is below 0.05; 0.5 is what chance gives."
    return close(answer, _chips_that_avoid(0.0), 0, more, less, "a number of chips")


@question("n15.q3")
def _false_alarms(answer):
    more = "More. How often is a p-value below 0.05 where nothing is?"
    less = "Fewer. How often is a p-value below 0.05 where nothing is?"
    return close(answer, 0.05 * 60, 0.01, more, less, "an expected number")
