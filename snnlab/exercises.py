"""Exercises of the notebooks: `check` says whether an answer is right, or gives a hint.

It never tells the answer, and does not store it: each is worked out anew, from the same functions
that the notebooks teach, whenever it is asked for. So an answer cannot go out of date either.
"""

import functools
import numbers
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from snnlab import _check, encode, surrogate, textbook
from snnlab.neurons import LIF

_QUESTIONS = {}


@dataclass(frozen=True)
class Verdict:
    """What `check` says; true if the answer is right."""

    right: bool
    text: str

    def __bool__(self):
        return self.right

    def __repr__(self):
        return f"{'✓ Right.' if self.right else '✗ Not yet.'} {self.text}".rstrip()


def check(question, answer):
    """Check the answer to an exercise of a notebook.

    Parameters
    ----------
    question : str
        As the notebook names it, like "n03.q1".
    answer : object
        Whatever the exercise asks for.

    Returns
    -------
    Verdict
        Shown in a notebook as a line: right, or a hint.

    Raises
    ------
    ValueError
        If there is no such question.
    """
    _check.one_of("question", question, tuple(_QUESTIONS))
    if answer is None or answer is ...:
        return Verdict(False, "Write your answer in place of the dots, then run the cell again.")
    hint = _QUESTIONS[question](answer)
    return Verdict(True, "") if hint is None else Verdict(False, hint)


def questions():
    """Names of all questions."""
    return tuple(_QUESTIONS)


def _question(name):
    """Register a function that returns None for a right answer, else a hint."""

    def register(function):
        _QUESTIONS[name] = function
        return function

    return register


def _close(answer, truth, tolerance, more, less, what="a number"):
    """Hint for a number: which way to go."""
    if isinstance(answer, bool) or not isinstance(answer, numbers.Real):
        return f"The answer is {what}."
    if abs(answer - truth) <= tolerance:
        return None
    return more if answer < truth else less


# 2: from pixels to spikes -----------------------------------------------------------------------


@_question("n02.q1")
def _when_a_grey_pixel_spikes(answer):
    truth = float(encode.latency_times(np.array([0.5]))[0]) * 1e6
    if isinstance(answer, float) and abs(answer * 1e6 - truth) < 0.1:
        return "The right time, in seconds. The question asks for µs."
    bare = 8 * np.log(0.5 / 0.3)
    if isinstance(answer, float) and abs(answer - bare) < 0.05:
        return "That is when it reaches θ. Which time is subtracted, so that black spikes at 0?"
    return _close(
        answer, truth, 0.05,
        "Later. Put x = 0.5 into the law, and remember what is subtracted.",
        "Earlier. Put x = 0.5 into the law, and remember what is subtracted.", "a time in µs",
    )  # fmt: skip


@_question("n02.q2")
def _when_two_greys_become_one(answer):
    per_tau = float(encode.latency_times(np.array([0.5]), tau=1.0)[0])
    return _close(
        answer, 1.7 / per_tau, 0.1,
        "With that τ they share the first step, but a larger one still does it.",
        "With that τ the lighter pixel comes too late for the first step. When does it spike?",
        "a time constant in µs",
    )  # fmt: skip


# 3: the step has no slope -------------------------------------------------------------------


@_question("n03.q1")
def _where_the_gradient_vanishes(answer):
    k = np.arange(1, 2001) / 10
    share = np.array([surrogate.slope("superspike", np.array(-0.3), x) for x in k])
    return _close(
        answer, float(k[np.argmin(np.abs(share - 0.01))]), 0.3,
        "With that steepness more than 1 % is left: go steeper.",
        "With that steepness less than 1 % is left: go gentler.", "a steepness",
    )  # fmt: skip


@_question("n03.q2")
def _which_surrogates_are_blind(answer):
    if isinstance(answer, str):
        answer = (answer,)
    try:
        given = set(answer)
    except TypeError:
        return "The answer is a set of names, like {'superspike'}."
    unknown = given - set(surrogate.NAMES)
    if unknown:
        names = ", ".join(surrogate.NAMES)
        return f"There is no surrogate named {sorted(map(str, unknown))[0]!r}. They are: {names}."
    u = np.array(-0.3)
    blind = {name for name in surrogate.NAMES if surrogate.slope(name, u, 10.0) == 0}
    if given == blind:
        return None
    if given - blind:
        return "Not all of these: one of them is small there, but not zero. Print its slope."
    return "These, yes, but not only these. Which formulas are exactly zero far out?"


# 4: backward in time ------------------------------------------------------------------------


@_question("n04.q1")
def _backward_lines(answer):
    if not callable(answer):
        return "The answer is the function itself, without brackets: check('n04.q1', backward)."
    rng = np.random.default_rng(0)
    neuron = LIF.brainscales2(tau_mem=9e-6, tau_syn=4e-6)
    v, error = rng.normal(0.7, 0.5, (2, 12, 3))
    h = surrogate.slope(neuron.surrogate, v - neuron.v_th, neuron.steepness)
    one = np.zeros((1, 12, 1))
    z = (v > neuron.v_th)[None] * 1.0
    _, _, truth = textbook.layer_backward(one, np.zeros((1, 3)), neuron, v[None], z, error[None])
    a, b = neuron.decay_syn, neuron.decay_mem
    try:
        got = np.asarray(answer(error.copy(), h.copy(), a, b), float)
    except Exception as fault:
        if "ellipsis" in str(fault):
            return "There are still dots in the function. Three lines are to be filled in."
        return f"The function stops with {type(fault).__name__}: {fault}"
    if got.shape != error.shape:
        return f"The result has shape {got.shape}; it should have that of error, {error.shape}."
    if np.allclose(got, truth[0], rtol=1e-6, atol=1e-9):
        return None
    if not got.any():
        return "Nothing but zeros comes out. Are the three lines filled in?"
    if np.allclose(got[-1], truth[0, -1]):
        return "The last step is right, earlier ones are not. What does each adjoint take over?"
    if np.allclose(got[0], h[0] * error[0]):
        return "The first step hears nothing of later ones. Which way does the loop run?"
    return "The last step is wrong already: there, only the error of that step counts, times h."


@_question("n04.q2")
def _who_is_reached_first(answer):
    readout = LIF.brainscales2().integrator()
    spike = np.zeros((1, 20, 1))
    spike[0, 0] = 1
    response, _ = textbook.layer_forward(spike, np.ones((1, 1)), readout)
    return _close(
        answer, int(response.argmax()), 0,
        "Longer. The current goes on flowing after the spike, so the membrane still rises.",
        "Shorter. By then the membrane has begun to leak more than it gains.", "a number of steps",
    )  # fmt: skip


# 5: train it, live ----------------------------------------------------------------------------

TARGET = 0.88  # share of test images


@_question("n05.q1")
def _three_epochs(answer):
    from snnlab import datasets
    from snnlab.network import Network
    from snnlab.optim import Adam
    from snnlab.training import evaluate, train

    if not isinstance(answer, Mapping) or set(answer) != {"lr", "batch_size"}:
        return "The answer is a dict like {'lr': 0.001, 'batch_size': 100}."
    try:
        optimizer = Adam(lr=answer["lr"])
        batch = _check.integer("batch_size", answer["batch_size"], at_least=1)
    except (TypeError, ValueError) as fault:
        return f"{fault}."
    try:
        data = datasets.load("mnist16")
    except datasets.DatasetUnavailable:
        data = datasets.load("digits16")
    network = Network((256, 100, 10), LIF.brainscales2(), n_steps=20, rng=0)
    inputs = encode.latency(data.x_train[:5000])
    train(
        network, inputs, data.y_train[:5000], epochs=3, rng=0, batch_size=batch,
        optimizer=optimizer, schedule="constant", progress=False,
    )  # fmt: skip
    test = encode.latency(data.x_test[:1000])
    accuracy = evaluate(network, test, data.y_test[:1000]).accuracy
    if accuracy > TARGET:
        return None
    steps = 3 * -(-len(inputs) // batch)
    return (
        f"These settings reach {100 * accuracy:.1f} % in {steps} steps. More, smaller steps, or "
        "fewer, larger ones? Watch both in the panel."
    )


@_question("n05.q2")
def _how_many_steps(answer):
    return _close(
        answer, len(range(0, 5000, 64)), 0,
        "More. Are the images that are left over at the end forgotten?",
        "Fewer. Divide the images by the batch size.", "a number of steps",
    )  # fmt: skip


# 13: a wire that may return -------------------------------------------------------------------


@_question("n13.q1")
def _grad_r_step(answer):
    if not callable(answer):
        return "The answer is the function itself, without brackets: check('n13.q1', step)."
    rng = np.random.default_rng(0)
    theta, s = rng.normal(0, 0.3, 50), rng.choice([-1.0, 1.0], 50)
    move, eta, alpha, mu = rng.normal(0, 1, 50), 0.05, 0.4, -0.2
    centred = theta - eta * (s * move + alpha * np.sign(theta - mu))
    try:
        got, w = (np.asarray(x, float) for x in answer(theta.copy(), s, move, eta, alpha, mu))
    except Exception as fault:
        if "ellipsis" in str(fault):
            return "There are still dots in the function. Two lines are to be filled in."
        return f"The function stops with {type(fault).__name__}: {fault}"
    if got.shape != theta.shape or w.shape != theta.shape:
        return "It should return two arrays, of one value per wire: strengths, and weights."
    if not np.allclose(got, centred):
        wrong = [
            ("Where is the pull? Strengths only follow the gradient.", theta - eta * s * move),
            ("A strength above μ is to go down, one below μ up: which way does yours go?",
             theta - eta * (s * move - alpha * np.sign(theta - mu))),
            ("The pull turns round at μ, not at 0.",
             theta - eta * (s * move + alpha * np.sign(theta))),
            ("For a wire of negative sign, more strength is less weight. What must the move be "
             "multiplied by?", theta - eta * (move + alpha * np.sign(theta - mu))),
            ("That is the true gradient: pruned wires hear nothing. Leave the mask out.",
             theta - eta * (s * move * (theta > 0) + alpha * np.sign(theta - mu))),
        ]  # fmt: skip
        for hint, other in wrong:
            if np.allclose(got, other):
                return hint
        return "The new strengths are not those of the rule. Compare term by term with section 4."
    if np.allclose(w, s * np.maximum(centred, 0)):
        return None
    if np.allclose(w, s * np.maximum(theta, 0)):
        return "These are the weights before the step."
    return "The strengths are right, the weights are not: s times θ where that is above 0, else 0."


@_question("n13.q2")
def _when_the_target_matters(answer):
    from snnlab.rewiring import smallest_alpha

    return _close(
        answer, smallest_alpha(0.95, lr=1e-3, steps=513 * 468), 0.005,
        "With that α no wire gets as far as μ: the target changes nothing yet. Larger.",
        "With that α wires get as far as μ before the end: a smaller α does it as well.",
    )  # fmt: skip


@_question("n13.q3")
def _where_two_targets_differ(answer):
    from snnlab import lessons

    try:
        clouds = [lessons.cloud(alpha=answer, lr=0.01, sparsity=p) for p in (0.6, 0.95)]
    except (TypeError, ValueError) as fault:
        return f"{fault}."
    kept, needed = [c.kept for c in clouds], int(clouds[0].needed[1].sum())
    if kept[0] == needed and kept[1] <= needed - 10:
        return None
    if kept[1] > needed - 10:
        return (
            f"Under p = 95 % still {kept[1]} of the {needed} needed wires are there at the end. "
            "A stronger pull sinks them deeper."
        )
    return (
        f"Under p = 60 % only {kept[0]} of the {needed} needed wires are there at the end: that "
        "pull is too much for wires in use. Weaker."
    )


# 14: rewire the network -----------------------------------------------------------------------

SEEDS = 0, 1, 2


@functools.lru_cache(maxsize=1)
def _rewiring_task():
    from snnlab import datasets, lessons

    try:
        return lessons.task(datasets.load("mnist16"))
    except datasets.DatasetUnavailable:
        return lessons.task(datasets.load("digits16"))


@functools.lru_cache(maxsize=1)
def _means_of_rules():
    """Mean test accuracy in percent of four rules at 5 % connectivity, the best first."""
    from snnlab import lessons

    task, means = _rewiring_task(), {}
    for method in ("Grad R", "Deep R", "magnitude", "fixed mask"):
        runs = [lessons.rewire(task, method, strength=0.25, seed=seed)[2] for seed in SEEDS]
        means[method] = 100 * float(np.mean([run.accuracy for run in runs]))
    return dict(sorted(means.items(), key=lambda item: -item[1]))


@_question("n14.q1")
def _which_rule_wins(answer):
    if not isinstance(answer, tuple | list) or len(answer) != 2 or not isinstance(answer[0], str):
        return "The answer is a name and a lead in points, like ('fixed mask', 3.2)."
    means = _means_of_rules()
    if answer[0] not in means:
        return f"The names are {', '.join(means)}."
    (best, first), (_, second) = list(means.items())[:2]
    if answer[0] != best:
        return f"{answer[0]} is not the best. Did you take the mean over the three seeds?"
    lead = first - second
    if isinstance(answer[1], numbers.Real) and abs(100 * answer[1] - lead) < 0.3 < lead:
        return "The right rule. The lead as a share: the question asks for points, of 100."
    return _close(
        answer[1], lead, 0.3, "The right rule, but its lead over the second is larger.",
        "The right rule, but its lead over the second is smaller. Second best, not worst?",
        "a name and a number",
    )  # fmt: skip


@_question("n14.q2")
def _which_threshold(answer):
    from snnlab import lessons, synapses

    try:
        network, *_ = lessons.rewire(_rewiring_task(), "STDS", strength=answer)
    except (TypeError, ValueError) as fault:
        return f"{fault}."
    left = synapses.connectivity(network).overall
    if 0.04 <= left <= 0.06:
        return None
    way = "larger" if left > 0.05 else "smaller"
    return f"That leads to {100 * left:.2g} % of the wires. A {way} threshold, then."


@_question("n14.q3")
def _when_a_list_is_shorter(answer):
    bits = int(np.ceil(np.log2(256 * 50 + 50 * 10)))
    truth = 7 / (7 + bits)
    if isinstance(answer, float) and abs(answer - truth) < 0.005:
        return "The right share. The question asks for it in %."
    if isinstance(answer, numbers.Real) and abs(answer - 100 * 7 / bits) < 0.5:
        return "A wire in the list has its number, and its weight as well."
    return _close(
        answer, 100 * truth, 0.5, "There the list is shorter already. How many bits per wire?",
        "There the list is longer still. How many bits per wire?", "a share in %",
    )  # fmt: skip


# 15: both at once -----------------------------------------------------------------------------


@functools.lru_cache(maxsize=2)
def _chips_that_avoid(dead):
    """On how many of three chips the worst tenth has fewer wires than chance, at 5 %."""
    from snnlab import datasets, lessons

    try:
        data = datasets.load("mnist16")
    except datasets.DatasetUnavailable:
        data = datasets.load("digits16")
    task, found = lessons.task(data, n_train=2000, n_test=300, steps=400, hidden=100), 0
    for seed in SEEDS:
        wires, defect, _ = lessons.rewire_on_chip(
            task, sigma_d=0.3, dead=dead, alpha=0.15, seed=seed
        )
        found += lessons.chance(wires, lessons.worst(defect)) < 0.05
    return found


@_question("n15.q1")
def _dead_columns(answer):
    return _close(
        answer, _chips_that_avoid(0.1), 0, "More of them. Is the worst tenth chosen by defect?",
        "Fewer of them. Is it the share of draws with as few wires, or fewer, that you count?",
        "a number of chips",
    )  # fmt: skip


@_question("n15.q2")
def _detuned_columns(answer):
    return _close(
        answer, _chips_that_avoid(0.0), 0, "More of them. Is the worst tenth chosen by defect?",
        "Fewer of them. Small is below 0.05; 0.5 is what chance gives.", "a number of chips",
    )  # fmt: skip


@_question("n15.q3")
def _false_alarms(answer):
    return _close(
        answer, 0.05 * 60, 0.01, "More. How often is a p-value below 0.05 where nothing is?",
        "Fewer. How often is a p-value below 0.05 where nothing is?", "an expected number",
    )  # fmt: skip


# 16: your data, your model --------------------------------------------------------------------


@_question("n16.q1")
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
    if score >= lines + 0.2:
        return None
    return (
        f"It gets {score:.1%} right, logistic regression {lines:.1%}. More hidden neurons, more "
        "epochs, smaller batches or a larger learning rate?"
    )


@_question("n16.q2")
def _classes_of_a_network(answer):
    from snnlab.network import Network

    if not callable(answer):
        return "The answer is the function itself, without brackets: check('n16.q2', classes)."
    rng = np.random.default_rng(0)
    features = rng.random((40, 3), np.float32)
    spikes = encode.latency(encode.population(features))
    network = Network((36, 20, 4), LIF.brainscales2(), n_steps=20, rng=0)
    network.scale_to_activity(spikes, 10)
    readout = network.forward(spikes).readout
    truth = readout.max(axis=1).argmax(axis=1)
    try:
        got = np.asarray(answer(network, features.copy()))
    except Exception as fault:
        if "ellipsis" in str(fault):
            return "There are still dots in the function. Three lines are to be filled in."
        return f"The function stops with {type(fault).__name__}: {fault}"
    if got.dtype == object:
        return "There are still dots in the function. Three lines are to be filled in."
    if got.shape != truth.shape:
        return f"The result has shape {got.shape}; it should have one class per sample: (40,)."
    if np.array_equal(got, truth):
        return None
    if np.array_equal(got, readout[:, -1].argmax(axis=1)):
        return "That is the class that is highest at the end. Early spikes have leaked away."
    if np.array_equal(got, readout.sum(axis=1).argmax(axis=1)):
        return "That is the class with the largest sum. It was trained for the highest potential."
    return "Those are not the classes. Population code first, then latency; then the highest peak."


@_question("n16.q3")
def _how_many_networks(answer):
    if answer == 4 * 3 * 5:
        return "Those are tried. And which network answers afterwards, having seen all data?"
    return _close(
        answer, 4 * 3 * 5 + 1, 0, "More. Every combination is trained once per fold.",
        "Fewer. Every combination is trained once per fold, not more.", "a number of networks",
    )  # fmt: skip
