"""Exercises of notebook 7: silence is cheap."""

import numpy as np

from snnlab import encode
from snnlab.course.exercises.registry import Right, close, images, no_number, question, tested
from snnlab.neurons import LIF

FEW, LOST = 25, 0.005  # spikes per image; share of test images


@question(
    "n07.q1",
    "The penalty goes with the square of the count, so the third spike adds 9 - 4, the first "
    "1 - 0.",
)
def _what_a_third_spike_costs(answer):
    from snnlab.learning.penalties import Bursts

    cost = [Bursts(1.0)(np.array([[float(n)]]))[0] for n in range(4)]
    truth = (cost[3] - cost[2]) / (cost[1] - cost[0])
    return close(
        answer,
        truth,
        0.05,
        "More. A unit's count is squared: what do 3 spikes cost, and what do 2?",
        "Less. What do 3 spikes cost *more* than 2, and 1 more than none?",
    )


@question(
    "n07.q2",
    "That is enough pressure to silence second and third spikes, and not so much that first "
    "ones go.",
)
def _few_spikes_little_loss(answer):
    from snnlab.learning.evaluation import evaluate
    from snnlab.learning.penalties import Bursts
    from snnlab.learning.training import train
    from snnlab.network import Network

    hint = no_number(answer, "a strength: a number, 0 or more")
    if hint or answer < 0:
        return hint or "The answer is a strength: a number, 0 or more."
    data = images()
    inputs, labels = encode.latency(data.x_train[:5000]), data.y_train[:5000]
    test = encode.latency(data.x_test[:2000]), data.y_test[:2000]
    network = Network((256, 100, 10), LIF.brainscales2(steepness=10), n_steps=20, rng=0)
    network.scale_to_activity(inputs, 50)
    results = []
    for penalties, seen, seed in (((), 30_000, 1), ([Bursts(float(answer))], 20_000, 2)):
        train(
            network,
            inputs,
            labels,
            epochs=seen // len(inputs),
            rng=seed,
            penalties=penalties,
            progress=False,
        )
        results.append(evaluate(network, *test))
    before, now = results
    said = (
        f"With this strength {now.hidden_spikes:.1f} spikes are left, and accuracy goes from "
        f"{100 * before.accuracy:.1f} to {100 * now.accuracy:.1f} %."
    )
    if now.hidden_spikes >= FEW:
        return f"{said} That is still too many spikes: press harder."
    chance = 3 / len(test[1])  # of few images, half a point is a single one
    if now.accuracy <= before.accuracy - max(LOST, chance):
        return f"{said} That is too much loss: press less hard."
    return None


@question(
    "n07.q3",
    "Of the stored means within half a point of the first, this is the one with the fewest spikes.",
)
def _fewest_stored_spikes(answer):
    from snnlab.course import results
    from snnlab.reports.frontier import Frontier

    means = Frontier.from_records(results.load("mnist16-sparsity")).means()
    first = next(m.accuracy for m in means if m.config["strength"] == 0)
    good = [m for m in means if m.accuracy >= first - LOST]
    return close(
        answer,
        min(m.hidden_spikes for m in good),
        0.3,
        "At so few spikes the stored mean has lost more than half a point. Or no run is there.",
        "A stored mean with fewer spikes is still within half a point.",
        "a number of spikes",
    )


ENOUGH = 0.97  # of the test images, for the challenge


@question("n07.c1")
def _fewest_spikes(answer):
    """The challenge: few hidden spikes, at an accuracy that must be reached."""
    hint, accuracy, found = tested(answer, ENOUGH)
    if hint:
        return hint
    spikes = found.hidden_spikes
    reached = f"{100 * accuracy:.2f} % of the test images right"
    return Right(f"{reached}, at {spikes:.2f} hidden spikes per image.", score=spikes)
