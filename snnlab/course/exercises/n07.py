"""Exercises of notebook 7: silence is cheap."""

import numbers

import numpy as np

from snnlab import encode
from snnlab.course.exercises.registry import close, images, question
from snnlab.neurons import LIF

FEW, LOST = 25, 0.005  # spikes per image; share of test images


@question("n07.q1")
def _what_a_third_spike_costs(answer):
    from snnlab.learning.penalties import Bursts

    cost = [Bursts(1.0)(np.array([[float(n)]]))[0] for n in range(4)]
    truth = (cost[3] - cost[2]) / (cost[1] - cost[0])
    more = "More. A unit's count is squared: what do 3 spikes cost, and what do 2?"
    less = "Less. What do 3 spikes cost *more* than 2, and 1 more than none?"
    return close(answer, truth, 0.05, more, less)


@question("n07.q2")
def _few_spikes_little_loss(answer):
    from snnlab.learning.penalties import Bursts
    from snnlab.learning.training import evaluate, train
    from snnlab.network import Network

    if isinstance(answer, bool) or not isinstance(answer, numbers.Real) or not answer >= 0:
        return "The answer is a strength: a number, 0 or more."
    data = images()
    inputs, labels = encode.latency(data.x_train[:5000]), data.y_train[:5000]
    test = encode.latency(data.x_test[:2000]), data.y_test[:2000]
    network = Network((256, 100, 10), LIF.brainscales2(steepness=10), n_steps=20, rng=0)
    network.scale_to_activity(inputs, 50)
    results = []
    for penalties, shown, seed in (((), 30_000, 1), ([Bursts(float(answer))], 20_000, 2)):
        settings = {"epochs": shown // len(inputs), "penalties": penalties, "progress": False}
        train(network, inputs, labels, rng=seed, **settings)
        results.append(evaluate(network, *test))
    before, now = results
    said = (
        f"With this strength {now.hidden_spikes:.1f} spikes are left, and accuracy goes from "
        f"{100 * before.accuracy:.1f} to {100 * now.accuracy:.1f} %."
    )
    if now.hidden_spikes >= FEW:
        return f"{said} That is still too many spikes: press harder."
    if now.accuracy <= before.accuracy - LOST:
        return f"{said} That is too much loss: press less hard."
    return None


@question("n07.q3")
def _fewest_stored_spikes(answer):
    from snnlab.course import results
    from snnlab.reports.frontier import Frontier

    means = Frontier.from_records(results.load("mnist16-sparsity")).means()
    first = next(m.accuracy for m in means if m.config["strength"] == 0)
    good = [m for m in means if m.accuracy >= first - LOST]
    more = "At so few spikes the stored mean has lost more than half a point. Or no run is there."
    less = "A stored mean with fewer spikes is still within half a point."
    return close(answer, min(m.hidden_spikes for m in good), 0.3, more, less, "a number of spikes")
