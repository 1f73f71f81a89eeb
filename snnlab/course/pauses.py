"""What neurons learn about themselves: constants and delays that are planted, pauses to tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab.course.arguments import of_course
from snnlab.course.samples import Samples
from snnlab.layers import Delayed
from snnlab.learning import training
from snnlab.learning.losses import SumOverTime
from snnlab.learning.optim import Adam
from snnlab.network import Network
from snnlab.neurons import LIF, LeakyIntegrator
from snnlab.signals import SpikeTrains

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from snnlab.learning.evaluation import Evaluation

__all__ = [
    "KINDS",
    "PAUSES",
    "Pauses",
    "Planted",
    "constants_of",
    "find",
    "learn",
    "optimizer_for",
    "pairs",
    "pauses_task",
    "planted",
    "spread_constants",
    "time_network",
]

DT = 1e-3  # seconds
MS = 1e3

# planted constants --------------------------------------------------------------------------------

PLANTED = {  # by name: the true values, in ms (a threshold has no unit)
    "tau_mem": (3.0, 6.0, 10.0, 15.0, 20.0),
    "tau_syn": (8.0, 2.0, 4.0, 3.0, 6.0),
    "v_th": (0.7, 1.6, 1.0, 1.3, 0.5),
    "delays": (1.3, 4.5, 10.2, 7.0, 2.6, 8.4),
}
WORDS = {
    "tau_mem": "membrane τ (ms)",
    "tau_syn": "synapse τ (ms)",
    "v_th": "threshold",
    "delays": "delay (ms)",
}
USUAL = {"tau_mem": 5.0, "tau_syn": 5.0, "v_th": 1.0}
STARTS = USUAL | {"delays": 6.0}  # where a student begins by default
LONGEST = 12.0  # delay, in ms
N_IN, N_HIDDEN, N_STEPS, N_SAMPLES = 6, 5, 60, 60


@dataclass(frozen=True)
class Planted:
    """A network, the teacher, and another one that knows all of it but some constants.

    Attributes
    ----------
    what : {"tau_mem", "tau_syn", "v_th", "delays"}
    teacher, student : Network
    inputs : SpikeTrains
    target : array (sample, time, unit)
        The teacher's potentials at the readout.
    truth : array (n,)
        The teacher's constants, as `WORDS` has them.
    """

    what: str
    teacher: Network
    student: Network
    inputs: SpikeTrains
    target: np.ndarray
    truth: np.ndarray

    def found(self) -> np.ndarray:
        """The student's constants of now, (n,), as `WORDS` has them."""
        return constants_of(self.student, self.what)


def constants_of(network: Network, what: str) -> np.ndarray:
    """Constants of a network's first layer, (n,) float64, in ms; thresholds as they are."""
    _check.one_of("what", what, tuple(WORDS))
    if what == "delays":
        (block,) = (b for b in network.blocks if b.name == "delays")
        return network.layers[0].delays(block.of(network.parameters))[0] * DT * MS
    value = np.atleast_1d(np.asarray(getattr(network.neurons[0], what), float))
    value = np.broadcast_to(value, network.sizes[1]) if value.size == 1 else value
    return value if what == "v_th" else value * MS


def _neuron(values, **changes):
    times = {name: np.asarray(values[name]) / MS for name in ("tau_mem", "tau_syn")}
    return LIF(**times, v_th=values["v_th"], dt=DT, surrogate="sigmoid", **changes)


@of_course
def planted(
    what: str = "tau_mem", *, start: float | None = None, steepness: float = 4.0, seed: int = 3
) -> Planted:
    """A teacher with constants that are to be found, and a student.

    Each hidden unit of both is read out on its own, as a trace of its spikes; weights are alike.

    Parameters
    ----------
    what : {"tau_mem", "tau_syn", "v_th", "delays"}
        What differs.
    start : float, optional
        Where each of the student's begins, in ms (a threshold has no unit); by default `STARTS`.
    steepness : float
        Of the surrogate.
    seed : int
        Of inputs and weights.

    Returns
    -------
    Planted
    """
    _check.one_of("what", what, tuple(WORDS))
    most = LONGEST if what == "delays" else 1e3
    start = STARTS[what] if start is None else _check.number("start", start, above=0, below=most)
    rng = np.random.default_rng(seed)
    x = rng.random((N_SAMPLES, N_STEPS, N_IN)) < (0.08 if what == "delays" else 0.15)
    signs = np.where(rng.random((N_IN, N_HIDDEN)) < 0.25, -1, 1)
    weights = rng.uniform(0.15, 0.5, (N_IN, N_HIDDEN)) * signs
    shape = {"steepness": steepness}
    readout = LeakyIntegrator(tau_mem=4 * DT, tau_syn=None, dt=DT)
    if what == "delays":
        layer = Delayed(N_HIDDEN, longest=LONGEST)
        taught = learns = _neuron(USUAL, **shape)
    else:
        layer = N_HIDDEN
        taught = _neuron(USUAL | {what: PLANTED[what]}, **shape)
        learns = _neuron(USUAL | {what: start}, **shape).replace(learn=what)
    networks = []
    for neuron, value in ((taught, PLANTED[what]), (learns, start)):
        network = Network((N_IN, layer, N_HIDDEN), neuron, readout=readout, n_steps=N_STEPS, rng=0)
        network.weights[0][...], network.weights[1][...] = weights, np.eye(N_HIDDEN)
        if what == "delays":
            (block,) = (b for b in network.blocks if b.name == "delays")
            given = np.broadcast_to(np.asarray(value) / (DT * MS), (1, N_IN))
            block.of(network.parameters)[...] = layer.stored(given)
        networks.append(network)
    teacher, student = networks
    inputs = SpikeTrains.from_dense(x)
    target = teacher.forward(inputs).readout
    return Planted(what, teacher, student, inputs, target, np.array(PLANTED[what]))


def find(
    lesson: Planted, *, lr: float = 0.1, steps: int = 200
) -> Iterator[tuple[int, float, np.ndarray]]:
    """Train a student's constants, and nothing else, by the squared error of its readout.

    Parameters
    ----------
    lesson : Planted
        Its student is changed.
    lr : float
        Learning rate of Adam; it falls along half a cosine.
    steps : int

    Yields
    ------
    int, float, array (n,)
        Step, beginning with 0; mean squared error, and constants before it.
    """
    _check.kind("Planted")("lesson", lesson)
    lr, steps = _check.number("lr", lr, at_least=0), _check.integer("steps", steps, at_least=1)
    optimizer, student = Adam(lr, rates={"weights": 0.0}), lesson.student
    for k in range(steps + 1):
        trace = student.forward(lesson.inputs)
        error = trace.readout - lesson.target
        yield k, float(np.mean(error**2)), lesson.found()
        if k < steps:
            optimizer.lr = lr * 0.5 * (1 + np.cos(np.pi * k / steps))
            optimizer.step(student, student.backward(trace, error))


# pauses to tell -----------------------------------------------------------------------------------

PAUSES = 6, 12, 20, 32, 48  # steps between two clicks; a class each
FIBRES = 8  # input units that tell each click
STEPS = 100
KINDS = {
    "fixed": "constants fixed",
    "spread": "fixed, spread",
    "constants": "constants learned",
    "delays": "delays learned",
    "both": "both learned",
}
HIDDEN, TAU = 24, 5.0  # units, and ms: time constants at the beginning
LOSS = SumOverTime(0.3)
LR, BATCH = 0.01, 50
RATES = {"tau_mem": 3.0, "tau_syn": 3.0, "delays": 10.0}


class Pauses(Samples):
    """Pairs of clicks, told in spikes."""


def pairs(n: int, rng: np.random.Generator, stretch: float = 1.0) -> tuple[SpikeTrains, np.ndarray]:
    """Spikes of n pairs of clicks, and which pause each has.

    Each click is told by `FIBRES` units, all within a step or two, the first one by the first half
    of the units. Pauses vary by some percent, so does the beginning, and there are spikes that mean
    nothing. Samples of all classes have as many spikes.
    """
    labels = rng.integers(0, len(PAUSES), n)
    pause = stretch * np.array(PAUSES)[labels] * rng.normal(1, 0.06, n)
    first = rng.uniform(2, 20, n)
    when = np.repeat(np.stack([first, first + pause], axis=1), FIBRES, axis=1)
    when = np.clip(np.rint(when + rng.normal(0, 0.7, when.shape)), 0, STEPS - 1).astype(int)
    x = rng.random((n, STEPS, 2 * FIBRES)) < 0.004
    x[np.arange(n)[:, None], when, np.arange(2 * FIBRES)] = True
    return SpikeTrains.from_dense(x), labels


@of_course
def pauses_task(*, n_train: int = 1000, n_test: int = 500, seed: int = 0) -> Pauses:
    """Pairs of clicks with one of five pauses between them.

    Parameters
    ----------
    n_train, n_test : int
    seed : int

    Returns
    -------
    Pauses
    """
    rng = np.random.default_rng(seed)
    return Pauses(*pairs(n_train, rng), *pairs(n_test, rng), len(PAUSES))


def spread_constants(n: int, tau: float) -> tuple[float, ...]:
    """Time constants of n units around one, from a third of it to ten times, evenly by factors."""
    return tuple(float(x) for x in np.geomspace(tau / 3, 10 * tau, n))


@of_course
def time_network(
    clicks: Pauses,
    kind: str = "constants",
    *,
    hidden: int = HIDDEN,
    tau: float = TAU,
    start: str = "equal",
    seed: int = 0,
) -> Network:
    """A network of one hidden layer that may learn constants, delays, both or neither.

    All kinds have as many weights.

    Parameters
    ----------
    clicks : Pauses
    kind : {"fixed", "spread", "constants", "delays", "both"}
    hidden : int
        Units of the hidden layer.
    tau : float
        Time constants of membranes and synapses at the beginning, in ms.
    start : {"equal", "spread"}
        Whether all units begin with them, or with others around them.
    seed : int
        Of the weights and of delays at the beginning.

    Returns
    -------
    Network
        Its readout sums up over time.
    """
    _check.one_of("kind", kind, tuple(KINDS))
    _check.one_of("start", start, ("equal", "spread"))
    tau = _check.number("tau", tau, at_least=1, at_most=1e3)
    first = tau / MS
    if "spread" in (kind, start):
        first = spread_constants(hidden, first)
    learn = ("tau_mem", "tau_syn") if kind in ("constants", "both") else ()
    same = {"dt": DT, "surrogate": "superspike", "steepness": 10.0}
    neuron = LIF(tau_mem=first, tau_syn=first, learn=learn, **same)
    readout = LeakyIntegrator(tau_mem=10e-3, tau_syn=None, dt=DT)
    layer = Delayed(hidden, longest=60.0) if kind in ("delays", "both") else hidden
    network = Network(
        (clicks.inputs.n_units, layer, clicks.n_classes),
        neuron,
        readout=readout,
        n_steps=clicks.inputs.n_steps,
        rng=seed,
    )
    return network.scale_to_activity(clicks.inputs[:100], layer_spikes=2 * hidden)


def optimizer_for(network: Network, lr: float) -> Adam:
    """Adam for a network: constants and delays move faster than weights, by `RATES`."""
    names = {block.name for block in network.blocks}
    return Adam(lr, rates={name: rate for name, rate in RATES.items() if name in names})


@of_course
def learn(
    clicks: Pauses,
    kind: str = "constants",
    *,
    epochs: int = 20,
    lr: float = LR,
    seed: int = 0,
    **settings: Any,
) -> tuple[Network, Evaluation]:
    """Train a network to tell pauses.

    Parameters
    ----------
    clicks : Pauses
    kind : str
        As for `time_network`.
    epochs : int
    lr : float
        Of weights; `RATES` has the factors of the rest.
    seed : int
    **settings
        Further ones of `time_network`.

    Returns
    -------
    Network, Evaluation
        The latter on the test samples.
    """
    network = time_network(clicks, kind, seed=seed, **settings)
    training.train(
        network,
        clicks.inputs,
        clicks.labels,
        epochs=epochs,
        batch_size=BATCH,
        loss=LOSS,
        optimizer=optimizer_for(network, lr),
        rng=seed,
        progress=False,
    )
    return network, training.evaluate(network, clicks.test_inputs, clicks.test_labels, loss=LOSS)
