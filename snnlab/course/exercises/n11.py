"""Exercises of notebook 11: broken neurons."""

import numpy as np

from snnlab import encode
from snnlab.course import broken
from snnlab.course.exercises.registry import close, images, no_number, question
from snnlab.neurons import LIF

LOST = 0.05  # of the accuracy


def _losses_by_deaths():
    """The notebook's network without dropout: two functions, of the number of deaths.

    Each says how much accuracy is lost, the first at random, the second to targeted deaths.
    """
    from snnlab.learning.optim import Adam
    from snnlab.learning.training import train
    from snnlab.network import Network

    data, n = images(), 128
    inputs, labels = encode.latency(data.x_train[:5000]), data.y_train[:5000]
    test, test_labels = encode.latency(data.x_test[:1000]), data.y_test[:1000]
    network = Network((256, n, 10), LIF.brainscales2(steepness=10), n_steps=20, rng=0)
    network.scale_to_activity(inputs, 40)
    train(
        network,
        inputs,
        labels,
        epochs=max(5, 20_000 // len(inputs)),
        rng=1,
        progress=False,
        optimizer=Adam(lr=4e-3),
    )

    def accuracy(dead):
        said = broken.answers(network, test, np.isin(np.arange(n), dead))
        return np.mean(said == test_labels)

    def lost(orders):
        return lambda k: intact - np.mean([accuracy(order[:k]) for order in orders])

    intact = accuracy([])
    random = [np.random.default_rng(k).permutation(n) for k in range(10)]
    return lost(random), lost([np.argsort(-broken.influence(network, test))])


def _enough_deaths(answer, which, leeway, tolerance):
    """Hint for a number of deaths: enough of them, and not many more than enough."""
    hint = no_number(answer, "a number of neurons")
    if hint or answer != int(answer):
        return hint or "The answer is a number of neurons, a whole one."
    if not 0 < answer <= 128:
        return "There are 128 hidden neurons."
    lost = _losses_by_deaths()[which]
    if lost(int(answer)) < LOST - tolerance:
        return "More. So many deaths do not cost five points yet."
    if lost(max(0, int(answer) - leeway)) > LOST + tolerance:
        return "Fewer. Five points are lost before that."
    return None


@question(
    "n11.q1",
    "The work is shared, so chance must hit a good part of the network before it shows.",
)
def _random_deaths(answer):
    return _enough_deaths(answer, 0, leeway=8, tolerance=0.01)


@question("n11.q2", "A few neurons carry more than the others, and here they are hit first.")
def _targeted_deaths(answer):
    return _enough_deaths(answer, 1, leeway=3, tolerance=0.006)


@question("n11.q3", "The error rises to 1.37 times what it was; accuracy is what is left of 100 %.")
def _relative_rise(answer):
    truth = 100 - 2.8 * 1.37
    points = "37 points would be a disaster. The rise is relative to the error."
    error = "That is the error. What share is right?"
    share = "The right share. The question asks for percent."
    return close(
        answer,
        truth,
        0.06,
        "More. The error is 2.8 % before; what is it after?",
        "Less. The error is 2.8 % before; what is it after?",
        "an accuracy in percent",
        [(97.2 - 37, 0.1, points), (100 - truth, 0.06, error), (truth / 100, 6e-4, share)],
    )
