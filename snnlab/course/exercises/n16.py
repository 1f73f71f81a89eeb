"""Exercises of notebook 16: your data, your model."""

import numpy as np

from snnlab import encode
from snnlab.course.exercises.registry import close, question, returned
from snnlab.neurons import LIF


@question("n16.q1", "Hidden neurons bend the borders between the classes, a straight line cannot.")
def _better_than_lines(answer):
    from sklearn.base import BaseEstimator, clone
    from sklearn.linear_model import LogisticRegression

    from snnlab.datasets import yinyang
    from snnlab.estimator import SpikingClassifier

    steps = getattr(answer, "steps", None)
    last = steps[-1][1] if steps else answer
    if not isinstance(answer, BaseEstimator):
        return "The answer is a classifier, like SpikingClassifier(hidden=(30,)), not yet fitted."
    if not isinstance(last, SpikingClassifier):
        return f"The last step should be a SpikingClassifier, not {type(last).__name__}."
    rng = np.random.default_rng(0)
    x, labels = yinyang(1300, rng)
    x = x[:, :2] + 0.02 * rng.normal(0, 1, (1300, 2))
    x_test, y_test = x[800:], labels[800:]
    try:
        score = clone(answer).fit(x[:800], labels[:800]).score(x_test, y_test)
    except (TypeError, ValueError) as fault:
        return f"{fault}."
    lines = LogisticRegression().fit(x[:800], labels[:800]).score(x_test, y_test)
    n = len(y_test)
    if round(n * (score - lines)) >= 0.2 * n:  # counts: fractions may miss by a rounding
        return None
    return (
        f"It gets {score:.1%} right, logistic regression {lines:.1%}. More hidden neurons, more "
        "epochs, smaller batches or a larger learning rate?"
    )


@question("n16.q2", "The highest potential over time first, then the class that has the highest.")
def _classes_of_a_network(answer):
    from snnlab.network import Network

    rng = np.random.default_rng(0)
    features = rng.random((40, 3), np.float32)
    spikes = encode.latency(encode.population(features))
    network = Network((36, 20, 4), LIF.brainscales2(), n_steps=20, rng=0)
    network.scale_to_activity(spikes, 10)
    readout = network.forward(spikes).readout
    truth = readout.max(axis=1).argmax(axis=1)
    given, more = (network, features.copy()), " Three lines are to be filled in."
    got, hint = returned("n16.q2", answer, "classes", *given, dots=more)
    if hint is not None:
        return hint
    if got.shape != truth.shape:
        return f"The result has shape {got.shape}; it should have one class per sample: (40,)."
    if np.array_equal(got, truth):
        return None
    if np.array_equal(got, readout[:, -1].argmax(axis=1)):
        return "That is the class that is highest at the end. Early spikes have leaked away."
    if np.array_equal(got, readout.sum(axis=1).argmax(axis=1)):
        return "That is the class with the largest sum. It was trained for the highest potential."
    return "Those are not the classes. Population code first, then latency; then the highest peak."


@question(
    "n16.q3",
    "Every combination is trained once per fold, and the best one once more on all data.",
)
def _how_many_networks(answer):
    tried = "Those are tried. And which network answers afterwards, having seen all data?"
    return close(
        answer,
        4 * 3 * 5 + 1,
        0,
        "More. Every combination is trained once per fold.",
        "Fewer. Every combination is trained once per fold, not more.",
        "a number of networks",
        [(4 * 3 * 5, 0, tried)],
    )
