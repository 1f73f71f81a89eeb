"""Small experiments of the course on rewiring, which its panels show and its exercises check."""

from __future__ import annotations

import functools
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check, encode, rewiring
from snnlab.chip.substrate import Substrate
from snnlab.course.arguments import of_course
from snnlab.course.samples import Samples
from snnlab.learning import training
from snnlab.network import Network
from snnlab.neurons import LIF

if TYPE_CHECKING:
    from collections.abc import Iterator

    from snnlab._types import Optimizer
    from snnlab.datasets.dataset import Dataset
    from snnlab.learning.evaluation import Evaluation
    from snnlab.learning.training import Step

# a cloud of wires --------------------------------------------------------------------------------

N_WIRES = 200  # of the cloud
NEEDED = slice(0, 30), slice(15, 45)  # wires that the task needs at first, and later
CLOUD_STEPS = 600
BATCH, NOISE = 10, 0.3


@dataclass
class Cloud:
    """What `cloud` returns.

    Attributes
    ----------
    theta : array (step + 1, wire)
        Strengths, before the first step and after each.
    change : int
        Steps after which the task changed.
    needed : array of bool (2, wire)
        Wires that the task needs, before and after the change.
    centre : float
        Where the pull turns round, mu; minus infinity if there is no pull.
    error : array (step,)
        Mean squared error of each batch.
    """

    theta: np.ndarray
    change: int
    needed: np.ndarray
    centre: float
    error: np.ndarray

    @property
    def active(self) -> np.ndarray:
        """Which wires exist, array of bool (step + 1, wire)."""
        return self.theta > 0

    @property
    def pruned(self) -> np.ndarray:
        """How many wires went in each step, array of int (step,)."""
        return (self.active[:-1] & ~self.active[1:]).sum(axis=1)

    @property
    def regrown(self) -> np.ndarray:
        """How many came back in each step, array of int (step,)."""
        return (~self.active[:-1] & self.active[1:]).sum(axis=1)

    @property
    def kept(self) -> int:
        """How many of the wires that the task needs at the end exist at the end."""
        return int((self.active[-1] & self.needed[1]).sum())


def cloud(
    *,
    alpha: float,
    lr: float,
    sparsity: float,
    hear: bool = True,
    n_steps: int = CLOUD_STEPS,
    seed: int = 0,
) -> Cloud:
    """Grad R on 200 wires of one linear neuron, whose task changes halfway.

    The neuron is to add up 30 of its 200 inputs (plus or minus 1 at random); in the middle 15 of
    them are exchanged for others. Wires have random first strengths, and signs that fit. The rule
    is that of `snnlab.GradR`, with Adam, written out.

    Parameters
    ----------
    alpha : float
        Strength of the pull.
    lr : float
        Learning rate.
    sparsity : float
        Target p in [0.5, 1).
    hear : bool
        Whether pruned wires get the gradient, as Grad R has it, or none.
    n_steps : int
    seed : int
        Of first strengths, inputs and noise.

    Returns
    -------
    Cloud
    """
    alpha = _check.number("alpha", alpha, at_least=0)
    lr = _check.number("lr", lr, at_least=0)
    p = _check.number("sparsity", sparsity, at_least=0.5, below=1)
    hear = _check.flag("hear", hear)
    n_steps = _check.integer("n_steps", n_steps, at_least=2)
    w, needed, change, x, wanted = _task(n_steps, _check.integer("seed", seed, at_least=0))
    s, theta = np.sign(w), np.abs(w)
    centre = rewiring.prior_centre(p, alpha) if alpha > 0 else -np.inf

    paths, error = np.empty((n_steps + 1, N_WIRES)), np.empty(n_steps)
    paths[0] = theta
    m, v = np.zeros((2, N_WIRES))
    for t in range(n_steps):
        wrong = x[t] @ (s * np.maximum(theta, 0)) - wanted[t]
        g = wrong @ x[t] / BATCH  # of half the mean squared error, by the weights
        if not hear:
            g *= theta > 0
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        eta = lr / (1 - 0.9 ** (t + 1))
        step = m / (np.sqrt(v / (1 - 0.999 ** (t + 1))) + 1e-8)
        theta = theta - eta * (s * step + alpha * np.sign(theta - centre))
        paths[t + 1], error[t] = theta, (wrong**2).mean()
    return Cloud(paths, change, needed, centre, error)


@functools.lru_cache(maxsize=2)
def _task(n_steps, seed):
    """First weights, wires needed, step of the change, inputs and wanted outputs of the cloud."""
    rng = np.random.default_rng(seed)
    w = rng.normal(0, 0.3, N_WIRES)
    needed = np.zeros((2, N_WIRES), bool)
    for row, wires in zip(needed, NEEDED, strict=True):
        row[wires] = True
    x = rng.choice([-1.0, 1.0], (n_steps, BATCH, N_WIRES))
    change = n_steps // 2
    wanted = [x[:change] @ (np.sign(w) * needed[0]), x[change:] @ (np.sign(w) * needed[1])]
    return w, needed, change, x, np.concatenate(wanted) + rng.normal(0, NOISE, (n_steps, BATCH))


# rules that rewire a network ----------------------------------------------------------------------

METHODS = ("Grad R", "Deep R", "STDS", "magnitude", "fixed mask")


@dataclass(frozen=True)
class Task(Samples):
    """Images in latency code to be learned in half a thousand steps or so.

    Attributes
    ----------
    epochs, batch_size : int
    hidden : int
        Hidden neurons of the networks that learn it.
    """

    epochs: int
    batch_size: int = 50
    hidden: int = 50

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Of the networks."""
        return self.inputs.n_units, self.hidden, self.n_classes

    @property
    def per_epoch(self) -> int:
        """Steps of an epoch."""
        return -(-len(self.inputs) // self.batch_size)

    @property
    def steps(self) -> int:
        """Steps of a training."""
        return self.epochs * self.per_epoch


@of_course
def task(
    data: Dataset, *, n_train: int = 3000, n_test: int = 500, steps: int = 600, hidden: int = 50
) -> Task:
    """Make a small task of a data set.

    Parameters
    ----------
    data : Dataset
        Of images.
    n_train, n_test : int
        Images, or all there are.
    steps : int
        About how many; there are whole epochs.
    hidden : int

    Returns
    -------
    Task
    """
    inputs = encode.latency(data.x_train[:n_train])
    test = encode.latency(data.x_test[:n_test])
    batch_size = min(50, len(inputs))
    epochs = max(1, round(steps / -(-len(inputs) // batch_size)))
    samples = inputs, data.y_train[:n_train], test, data.y_test[:n_test], data.n_classes
    return Task(*samples, epochs, batch_size, hidden)


@of_course
def rule_for(
    task: Task,
    method: str,
    *,
    connectivity: float,
    sparsity: float | tuple[float, ...],
    strength: float,
    lr: float,
    seed: int,
    hold: str = "network",
) -> Optimizer:
    """A rule that has not begun.

    Parameters
    ----------
    task : Task
        Magnitude prunes from a fifth to seven tenths of its epochs.
    method : str
        One of `METHODS`.
    connectivity : float
        What Grad R is told to hold, in (0, 0.5].
    sparsity : float or tuple of float
        What Deep R, magnitude and a fixed mask are told, for all layers or for each.
    strength : float
        Grad R's pull alpha, or STDS's last threshold.
    lr : float
    seed : int
        Of masks.
    hold : {"network", "layer"}
        Over what Grad R's connectivity is counted.

    Returns
    -------
    Optimizer
    """
    _check.one_of("method", method, METHODS)
    connectivity = _check.number("connectivity", connectivity, at_least=1e-6, at_most=0.5)
    strength = _check.number("strength", strength, at_least=0)
    if method == "Grad R":
        return rewiring.GradR(lr, 1 - connectivity, strength, hold=hold)
    if method == "Deep R":
        return rewiring.DeepR(lr, sparsity, rng=seed)
    if method == "STDS":
        return rewiring.STDS(lr, strength)
    if method == "magnitude":
        start, end = 0.2 * task.epochs, 0.7 * task.epochs
        return rewiring.Magnitude(lr, sparsity, start=start, end=end, every=10)
    return rewiring.FixedMask(lr, sparsity, rng=seed)


@of_course
def begin(
    task: Task,
    method: str,
    *,
    connectivity: float = 0.05,
    strength: float = 0.2,
    lr: float = 1e-2,
    seed: int = 0,
) -> tuple[Network, Optimizer]:
    """A network and a rule, ready to learn a task.

    Parameters
    ----------
    task : Task
    method : {"Grad R", "Deep R", "STDS", "magnitude", "fixed mask"}
    connectivity : float
        Share of the wires that is to be left, in (0, 0.5]. Grad R is told to hold it
        (``hold="network"``), and gets there if its pull is strong enough; STDS knows none.
    strength : float
        Grad R's pull alpha, or STDS's last threshold. The others have none.
    lr : float
    seed : int
        Of weights and masks.

    Returns
    -------
    Network, rule
        Of `snnlab.rewiring`; it has begun, and weights are such that neurons spike.
    """
    connectivity = _check.number("connectivity", connectivity, at_least=1e-6, at_most=0.5)
    rule = rule_for(
        task,
        method,
        connectivity=connectivity,
        sparsity=rewiring.erdos_renyi(task.sizes, connectivity),
        strength=strength,
        lr=lr,
        seed=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # layers that die out: a result, here
        network = Network(task.sizes, LIF.brainscales2(), n_steps=task.inputs.n_steps, rng=seed)
        rule.begin(network, task.epochs, task.per_epoch)
        network.scale_to_activity(task.inputs[:300], 0.4 * task.hidden)
    return network, rule


@of_course
def learn(
    task: Task,
    network: Network,
    rule: Optimizer,
    *,
    seed: int = 0,
    substrate: Substrate | None = None,
) -> Iterator[Step]:
    """Train on a task with a rule.

    Parameters
    ----------
    task : Task
    network, rule
        As from `begin`.
    seed : int
        Of the order of the images.
    substrate : Substrate, optional

    Returns
    -------
    iterator of Step
        As `snnlab.training.steps` gives them. Layers may die out, without a warning: here that is a
        result.
    """
    settings = {"epochs": task.epochs, "batch_size": task.batch_size, "optimizer": rule}
    settings |= {"rng": seed, "substrate": substrate}
    return _without_warnings(training.steps(network, task.inputs, task.labels, **settings))


def _without_warnings(steps):
    while True:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            step = next(steps, None)
        if step is None:
            return
        yield step


@of_course
def watch(
    task: Task,
    network: Network,
    rule: Optimizer,
    *,
    every: int = 40,
    substrate: Substrate | None = None,
) -> Iterator[tuple[int, list[tuple[int, float]]]]:
    """Train as `learn` does, and look at the test images now and then.

    Parameters
    ----------
    task, network, rule, substrate
        As for `learn`.
    every : int
        Steps between two looks; there is one before the first step and one after the last, too.

    Yields
    ------
    int
        Steps taken: from 0 to all of them.
    list of (int, float)
        Steps and accuracy of each look so far.
    """
    training_steps, tested = learn(task, network, rule, substrate=substrate), []
    for k in range(task.steps + 1):
        if k:
            next(training_steps)
        if k % every == 0 or k == task.steps:
            tested.append((k, _tested(task, network, substrate).accuracy))
        yield k, tested


def _tested(task, network, substrate=None):
    return training.evaluate(network, task.test_inputs, task.test_labels, substrate=substrate)


@of_course
def rewire(
    task: Task, method: str, *, seed: int = 0, **settings: float
) -> tuple[Network, Optimizer, Evaluation]:
    """Train a network under a rule, from beginning to end.

    Parameters
    ----------
    task : Task
    method : str
        One of `METHODS`.
    seed : int
    **settings
        ``connectivity``, ``strength`` and ``lr``, as for `begin`.

    Returns
    -------
    Network, rule, Evaluation
        The last on the test images.
    """
    network, rule = begin(task, method, seed=seed, **settings)
    for _ in learn(task, network, rule, seed=seed):
        pass
    return network, rule, _tested(task, network)


# rewiring on a chip with faults -------------------------------------------------------------------


@of_course
def begin_on_chip(
    task: Task,
    *,
    sigma_d: float,
    dead: float,
    alpha: float,
    connectivity: float = 0.05,
    seed: int = 0,
) -> tuple[Substrate, Network, Optimizer]:
    """A chip with faults, a network and Grad R, ready to learn in the loop.

    Parameters
    ----------
    task : Task
    sigma_d : float
        Relative spread of time constants and thresholds; all else as `Substrate` has it.
    dead : float
        Share of dead neurons.
    alpha : float
        Strength of the pull.
    connectivity : float
        At which the pull rests.
    seed : int
        Of chip and weights.

    Returns
    -------
    Substrate, Network, GradR
    """
    chip = Substrate(seed, sigma_d=sigma_d, dead=dead)
    network, rule = begin(task, "Grad R", connectivity=connectivity, strength=alpha, seed=seed)
    return chip, network, rule


@of_course
def rewire_on_chip(
    task: Task, *, seed: int = 0, **settings: float
) -> tuple[np.ndarray, np.ndarray, float]:
    """Train on a chip under Grad R, from beginning to end; arguments as for `begin_on_chip`.

    Returns
    -------
    array of int (hidden,)
        Wires into each hidden neuron.
    array of float (hidden,)
        How bad they are, as in `Substrate.badness`.
    float
        Accuracy on the test images, on the chip.
    """
    chip, network, rule = begin_on_chip(task, seed=seed, **settings)
    for _ in learn(task, network, rule, seed=seed, substrate=chip):
        pass
    wires = np.count_nonzero(network.weights[0], axis=0)
    return wires, chip.badness()[: task.hidden], _tested(task, network, chip).accuracy
