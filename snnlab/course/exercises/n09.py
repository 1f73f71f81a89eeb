"""Exercises of notebook 9: a chip is not a float."""

import itertools
from collections.abc import Iterable

import numpy as np

from snnlab import encode, textbook
from snnlab.course.exercises.registry import close, images, question
from snnlab.neurons import LIF


@question("n09.q1", "Every level but zero comes with both signs.")
def _how_many_levels(answer):
    from snnlab.chip.substrate import Substrate

    truth = 2 * Substrate.ideal(weight_bits=4).weight_limit + 1
    return close(
        answer,
        truth,
        0,
        "More. Every level but zero comes with both signs.",
        "Fewer. Is zero counted once, and the sign not as a bit of its own?",
        "a number of levels",
    )


@question("n09.q2", "Each spike lifts the membrane to 0.449 at its highest, and these all add up.")
def _how_many_spikes_at_once(answer):
    from snnlab.chip.substrate import Substrate

    readout = LIF.brainscales2().integrator()
    spike = np.zeros((1, 20, 1))
    spike[0, 0] = 1
    response, _ = textbook.layer_forward(spike, np.ones((1, 1)), readout)
    one = response.max() * Substrate.ideal(weight_bits=6).weight_max
    return close(
        answer,
        int(np.ceil(2 / one)),
        0,
        "More: these do not lift the membrane above 2, not even at its highest.",
        "Fewer do it. The membrane goes on rising after the spike; look at its highest value.",
        "a number of spikes",
    )


CLOSE = 0.004  # accuracies between which no rank is asked for


@question(
    "n09.q3",
    "The gain multiplies everything that a neuron hears, and outputs have a gain too.",
)
def _rank_of_imperfections(answer):
    from snnlab.chip.substrate import Substrate
    from snnlab.learning.evaluation import evaluate
    from snnlab.learning.training import train
    from snnlab.network import Network

    effects = {
        "tau": ("tau_mem_spread", "tau_syn_spread"),
        "threshold": ("threshold_spread",),
        "gain": ("gain_spread",),
        "noise": ("noise",),
    }
    if isinstance(answer, str) or not isinstance(answer, Iterable):
        return "The answer is a list of four names, the most expensive first."
    answer = list(answer)
    if len(answer) != 4 or {str(name) for name in answer} != set(effects):
        return f"The answer is a list of {', '.join(effects)}, each once, most expensive first."
    data = images()
    inputs, labels = encode.latency(data.x_train[:5000]), data.y_train[:5000]
    network = Network((256, 100, 10), LIF.brainscales2(), n_steps=20, rng=0)
    network.scale_to_activity(inputs, 40)
    train(
        network,
        inputs,
        labels,
        epochs=max(6, 10_000 // len(inputs)),
        rng=1,
        progress=False,
        substrate=Substrate.ideal(weight_bits=6, dynamic_scaling=True),
    )
    test, test_labels = encode.latency(data.x_test[:1000]), data.y_test[:1000]

    def accuracy(name):
        chips = (Substrate.ideal(k, **dict.fromkeys(effects[name], 0.1)) for k in range(10))
        return np.mean([evaluate(network, test, test_labels, substrate=c)[0] for c in chips])

    reached = [accuracy(name) for name in answer]
    if all(a <= b + CLOSE for a, b in itertools.combinations(reached, 2)):
        return None
    if reached[0] > min(reached) + CLOSE:
        return "Another one costs more than the first. Have you taken the mean over all ten chips?"
    return "The first one is right; further down, two are the wrong way round."
