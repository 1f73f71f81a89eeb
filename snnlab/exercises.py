"""Exercises of the notebooks: `check` says whether an answer is right, or gives a hint.

It never tells the answer, and does not store it: each is worked out anew, from the same functions
that the notebooks teach, whenever it is asked for. So an answer cannot go out of date either.
"""

import itertools
import numbers
from collections.abc import Iterable, Mapping
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


# 9: a chip is not a float ---------------------------------------------------------------------


def _images():
    """The images of the notebooks, without a word."""
    from snnlab import datasets

    try:
        return datasets.load("mnist16", progress=False)
    except datasets.DatasetUnavailable:
        return datasets.load("digits16")


@_question("n09.q1")
def _how_many_levels(answer):
    from snnlab.substrate import Substrate

    truth = 2 * Substrate.ideal(weight_bits=4).weight_limit + 1
    return _close(
        answer, truth, 0, "More. Every level but zero comes with both signs.",
        "Fewer. Is zero counted once, and the sign not as a bit of its own?", "a number of levels",
    )  # fmt: skip


@_question("n09.q2")
def _how_many_spikes_at_once(answer):
    from snnlab.substrate import Substrate

    readout = LIF.brainscales2().integrator()
    spike = np.zeros((1, 20, 1))
    spike[0, 0] = 1
    response, _ = textbook.layer_forward(spike, np.ones((1, 1)), readout)
    one = response.max() * Substrate.ideal(weight_bits=6).weight_max
    return _close(
        answer, int(np.ceil(1 / one)), 0,
        "More: these do not lift the membrane above 1, not even at its highest.",
        "Fewer do it. The membrane goes on rising after the spike; look at its highest value.",
        "a number of spikes",
    )  # fmt: skip


CLOSE = 0.004  # accuracies between which no rank is asked for


@_question("n09.q3")
def _rank_of_imperfections(answer):
    from snnlab.network import Network
    from snnlab.substrate import Substrate
    from snnlab.training import evaluate, train

    effects = {
        "tau": ("tau_mem_spread", "tau_syn_spread"), "threshold": ("threshold_spread",),
        "gain": ("gain_spread",), "noise": ("noise",),
    }  # fmt: skip
    if isinstance(answer, str) or not isinstance(answer, Iterable):
        return "The answer is a list of four names, the most expensive first."
    answer = list(answer)
    if len(answer) != 4 or {str(name) for name in answer} != set(effects):
        return f"The answer is a list of {', '.join(effects)}, each once, most expensive first."
    data = _images()
    inputs, labels = encode.latency(data.x_train[:5000]), data.y_train[:5000]
    network = Network((256, 100, 10), LIF.brainscales2(), n_steps=20, rng=0)
    network.scale_to_activity(inputs, 40)
    train(
        network, inputs, labels, epochs=max(6, 10_000 // len(inputs)), rng=1, progress=False,
        substrate=Substrate.ideal(weight_bits=6, dynamic_scaling=True),
    )  # fmt: skip
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


# 10: learn through the chip -------------------------------------------------------------------


@_question("n10.q1")
def _step_in_the_loop(answer):
    from snnlab.losses import MaxOverTime
    from snnlab.network import Network
    from snnlab.optim import Adam
    from snnlab.substrate import Substrate

    if not callable(answer):
        return "The answer is the function itself, without brackets: check('n10.q1', step)."
    rng = np.random.default_rng(0)
    batch, targets = encode.latency(rng.random((20, 30), np.float32)), rng.integers(0, 3, 20)
    loss = MaxOverTime()

    def trained(step):
        network = Network((30, 12, 3), LIF.brainscales2(), n_steps=20, rng=0)
        network.scale_to_activity(batch, 8)
        chip, optimizer = Substrate(0, sigma_d=0.4), Adam(lr=0.2)  # some leave the range
        for _ in range(2):
            step(network, chip, batch, targets, optimizer)
        return network.parameters, chip.age

    def step(network, chip, batch, targets, optimizer, clip=True, ideal=False):
        trace = network.forward(batch) if ideal else chip.measure(network, batch)
        _, g_readout = loss(trace.readout, targets)
        optimizer.step(network, network.backward(trace, g_readout))
        if clip:
            chip.clip(network)

    try:
        got, runs = trained(answer)
    except Exception as fault:
        if "ellipsis" in f"{fault} {type(fault).__name__}".lower():
            return "There are still dots in the function. Four of them are to be replaced."
        return f"The function stops with {type(fault).__name__}: {fault}"
    if np.array_equal(got, trained(step)[0]):
        return None
    if runs == 0:
        return "The chip has never run. The forward pass must be measured, not simulated."
    if runs > 2:
        return "The chip runs more than once per step. Measure once, and use that trace."
    if np.array_equal(got, trained(lambda *a: step(*a, clip=False))[0]):
        return "Right but for the end: some weights are beyond what the chip can write."
    return "Other weights come out. Loss and backward must both read the measured trace."


def _mismatch_runs():
    """Mean accuracies of stored full runs: by way of training, by mismatch (None: calibrated)."""
    from snnlab import results

    out = {"loop": {}, "transfer": {}}
    for r in results.load("chip-mismatch"):
        out[r["mode"]][r["sigma_d"]] = r["mean"]
    return out


@_question("n10.q2")
def _where_transfer_fails(answer):
    runs = _mismatch_runs()
    lost = {
        mode: {s: by[None] - y for s, y in by.items() if s is not None} for mode, by in runs.items()
    }
    fitting = [s for s in lost["loop"] if lost["transfer"][s] >= 0.05 and lost["loop"][s] < 0.01]
    if isinstance(answer, numbers.Real) and answer >= 1:
        return "Give it as a share, not in percent."
    return _close(
        answer, min(fitting), 1e-9,
        "There, transfer has not lost five points yet.",
        "True there, but already at a smaller mismatch.", "a relative standard deviation",
    )  # fmt: skip


@_question("n10.q3")
def _what_a_move_costs(answer):
    from snnlab import results

    tested = [r["values"] for r in results.load("chip-transfer-matrix")[:5]]
    matrix = np.array(tested).T
    own = np.diag(matrix).mean()
    truth = 100 * (own - matrix[~np.eye(5, dtype=bool)].mean())
    if isinstance(answer, float) and abs(100 * answer - truth) < 0.06:
        return "The right share; the question asks for points, that is, for percent."
    if isinstance(answer, float) and abs(answer - 100 * (own - matrix.mean())) < 0.06:
        return "Smaller than it should be: the mean of the others must leave the diagonal out."
    return _close(
        answer, truth, 0.06, "It is more than that.", "It is less than that.", "a number of points"
    )
