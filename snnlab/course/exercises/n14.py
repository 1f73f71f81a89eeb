"""Exercises of notebook 14: rewire the network."""

import functools

import numpy as np

from snnlab.course.exercises.registry import Right, close, images, no_number, question, tested

SEEDS = 0, 1, 2


@functools.lru_cache(maxsize=1)
def _rewiring_task():
    from snnlab.course import lessons

    return lessons.task(images())


@functools.lru_cache(maxsize=1)
def _means_of_rules():
    """Mean test accuracy in percent of four rules at 5 % connectivity, the best first."""
    from snnlab.course import lessons

    task, means = _rewiring_task(), {}
    for method in ("Grad R", "Deep R", "magnitude", "fixed mask"):
        runs = [lessons.rewire(task, method, strength=0.25, seed=seed)[2] for seed in SEEDS]
        means[method] = 100 * float(np.mean([run.accuracy for run in runs]))
    return dict(sorted(means.items(), key=lambda item: -item[1]))


@question(
    "n14.q1",
    "It brings back the wires that the loss asks for, and cuts those that nobody holds up.",
)
def _which_rule_wins(answer):
    if not isinstance(answer, tuple | list) or len(answer) != 2 or not isinstance(answer[0], str):
        return "The answer is a name and a lead in points, like ('fixed mask', 3.2)."
    means = _means_of_rules()
    hint = no_number(answer[1], "a name and a lead in points: a number")
    if hint:
        return hint
    if answer[0] not in means:
        return f"The names are {', '.join(means)}."
    (best, first), (_, second) = list(means.items())[:2]
    if answer[0] != best:
        return f"{answer[0]} is not the best. Did you take the mean over the three seeds?"
    lead = first - second
    share = "The right rule. The lead as a share: the question asks for points, of 100."
    return close(
        answer[1],
        lead,
        0.3,
        "The right rule, but its lead over the second is larger.",
        "The right rule, but its lead over the second is smaller. Second best, not worst?",
        "a name and a number",
        [(lead / 100, 3e-3, share)],
    )


@question("n14.q2", "Weights have grown past this threshold where they are needed, and only there.")
def _which_threshold(answer):
    from snnlab import synapses
    from snnlab.course import lessons

    try:
        network, *_ = lessons.rewire(_rewiring_task(), "STDS", strength=answer)
    except (TypeError, ValueError) as fault:
        return f"{fault}."
    left = synapses.connectivity(network).overall
    if 0.04 <= left <= 0.06:
        return None
    way = "larger" if left > 0.05 else "smaller"
    return f"That leads to {100 * left:.2g} % of the wires. A {way} threshold, then."


@question(
    "n14.q3",
    "A wire in the list takes its weight and its number, three times as many bits as in the table.",
)
def _when_a_list_is_shorter(answer):
    bits = int(np.ceil(np.log2(256 * 50 + 50 * 10)))
    truth = 7 / (7 + bits)
    share = "The right share. The question asks for it in %."
    number = "A wire in the list has its number, and its weight as well."
    return close(
        answer,
        100 * truth,
        0.5,
        "There the list is shorter already. How many bits per wire?",
        "There the list is longer still. How many bits per wire?",
        "a share in %",
        [(truth, 0.005, share), (100 * 7 / bits, 0.5, number)],
    )


ENOUGH = 0.95  # of the test images, for the challenge


@question("n14.c1")
def _fewest_wires(answer):
    """The challenge: few wires, at an accuracy that must be reached."""
    hint, accuracy, _ = tested(answer, ENOUGH)
    if hint:
        return hint
    wires = sum(int(np.count_nonzero(w)) for w in answer.weights)
    return Right(
        f"{100 * accuracy:.2f} % of the test images right, with {wires:,} wires.", score=wires
    )
