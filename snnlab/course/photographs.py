"""Small photographs, a network of convolutions that learns them, and rules that rewire it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check, encode, rewiring
from snnlab.course import lessons
from snnlab.course.arguments import of_course
from snnlab.layers import BatchNorm, Conv, Pool
from snnlab.learning.evaluation import evaluate
from snnlab.learning.optim import Adam
from snnlab.network import Network
from snnlab.neurons import LIF

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from snnlab._types import Optimizer
    from snnlab.datasets.dataset import Dataset
    from snnlab.layers.stage import Stage
    from snnlab.learning.evaluation import Evaluation

__all__ = [
    "ALL_WIRES",
    "PhotographTask",
    "begin",
    "layer_names",
    "make_active",
    "photograph_network",
    "photograph_task",
    "rewire",
    "with_weights",
]

ALL_WIRES = "all wires"
METHODS = (*lessons.METHODS, ALL_WIRES)
SHARES = "free", "alike"
N_STEPS = 4
RATE, LEAST = 0.15, 32  # spikes per unit and step at the beginning, or a part of them


@dataclass(frozen=True)
class PhotographTask(lessons.Task):
    """Images as constant currents, to be learned in half a thousand steps or so.

    Attributes
    ----------
    shape : (int, int, int)
        Of an image: rows, columns, colours.
    """

    shape: tuple = ()


@of_course
def photograph_task(
    data: Dataset, *, n_train: int = 5000, n_test: int = 1000, steps: int = 600, hidden: int = 128
) -> PhotographTask:
    """Make a task of a data set of images, grey or in colour.

    Parameters
    ----------
    data : Dataset
        Images whose sides 4 divides.
    n_train, n_test : int
        Images (of the first two at least), or all there are.
    steps : int
        About how many; there are whole epochs.
    hidden : int
        Neurons of the dense layer that hears the convolutions.

    Returns
    -------
    PhotographTask
        Pixels are less their mean, and divided by their standard deviation.
    """
    if data.image_shape is None:
        raise ValueError(f"data must hold images, which {data.name} does not")
    shape = (*data.image_shape, 1)[:3]
    n_train = _check.integer("n_train", n_train, at_least=2)  # a norm needs as many
    x = data.x_train[:n_train]
    mean, sd = np.float32(x.mean(dtype=np.float64)), np.float32(x.std(dtype=np.float64))

    def coded(x):
        return encode.constant_current((x - mean) / sd, n_steps=N_STEPS)

    batch_size = min(50, len(x))
    while len(x) % batch_size == 1:  # the last batch would be of one image
        batch_size -= 1
    epochs = max(1, round(steps / -(-len(x) // batch_size)))
    return PhotographTask(
        inputs=coded(x),
        labels=data.y_train[:n_train],
        test_inputs=coded(data.x_test[:n_test]),
        test_labels=data.y_test[:n_test],
        n_classes=data.n_classes,
        epochs=epochs,
        batch_size=batch_size,
        hidden=hidden,
        shape=shape,
    )


@of_course
def photograph_network(task: PhotographTask, *, channels: int = 16, seed: int = 0) -> Network:
    """Six convolutions, two pools and two dense layers, the second of which is the readout.

    Parameters
    ----------
    task : PhotographTask
    channels : int
        Of each convolution.
    seed : int
        Of the weights.

    Returns
    -------
    Network
        Its currents are normalised, and its neurons are active.
    """
    channels, norm = _check.integer("channels", channels, 1, 1000), BatchNorm()
    three = [Conv(channels, 3, norm=norm)] * 3 + [Pool(2)]
    layers = task.shape, *three, *three, task.hidden, int(task.labels.max()) + 1
    return make_active(Network(layers, LIF.grad_r(), n_steps=N_STEPS, rng=seed), task)


def make_active(network: Network, task: PhotographTask, n: int = 100) -> Network:
    """Scale a network's weights so that its neurons spike, in n of the images; returns it.

    Less often where so many of them hear nothing that no scale is enough.
    """
    inputs, rate = task.inputs[:n], RATE
    while True:
        try:
            return network.scale_to_activity(inputs, rate=rate, readout=1.0)
        except ValueError:
            if rate <= RATE / LEAST:
                raise
            rate /= 2


@of_course
def begin(
    task: PhotographTask,
    method: str,
    *,
    connectivity: float = 0.1,
    strength: float = 0.3,
    shares: str = "free",
    channels: int = 16,
    lr: float = 3e-3,
    seed: int = 0,
    network: Network | None = None,
) -> tuple[Network, Optimizer]:
    """A network of convolutions and a rule, ready to learn a task.

    Parameters
    ----------
    task : PhotographTask
    method : str
        One of `METHODS`; "all wires" prunes none.
    connectivity : float
        Share of the wires that is to be left, in (0, 0.5]. STDS knows none.
    strength : float
        Grad R's pull alpha, or STDS's last threshold. The others have none.
    shares : {"free", "alike"}
        What each layer is left with: what comes of a target for the sum (Grad R) or what random
        graphs have (Deep R, magnitude, fixed mask); or the same share of each. STDS is always free.
    channels : int
    lr : float
    seed : int
        Of weights and masks.
    network : Network, optional
        What `photograph_network` has made of the task, of which a copy is taken: making it active
        is most of the work. By default it is made.

    Returns
    -------
    Network, rule
    """
    _check.one_of("method", method, METHODS)
    connectivity = _check.number("connectivity", connectivity, at_least=1e-6, at_most=0.5)
    strength = _check.number("strength", strength, at_least=0)
    free = _check.one_of("shares", shares, SHARES) == "free"
    if network is None:
        network = photograph_network(task, channels=channels, seed=seed)
    else:
        _check.network("network", network)
        network = network.copy()
    if method == ALL_WIRES:
        return network, Adam(lr)
    rule = lessons.rule_for(
        task,
        method,
        connectivity=connectivity,
        sparsity=rewiring.erdos_renyi(network, connectivity) if free else 1 - connectivity,
        strength=strength,
        lr=lr,
        seed=seed,
        hold="network" if free else "layer",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # layers that die out: a result, here
        rule.begin(network, task.epochs, task.per_epoch)
        if method in ("Deep R", "fixed mask"):  # sparse from the start, and nearly silent
            make_active(network, task, n=20)  # a reader waits for it
    return network, rule


@of_course
def rewire(
    task: PhotographTask, method: str, *, seed: int = 0, **settings: Any
) -> tuple[Network, Optimizer, Evaluation]:
    """Train a network of convolutions under a rule, from beginning to end.

    Parameters
    ----------
    task : PhotographTask
    method : str
        One of `METHODS`.
    seed : int
    **settings
        As for `begin`.

    Returns
    -------
    Network, rule, Evaluation
        The last on the test images.
    """
    network, rule = begin(task, method, seed=seed, **settings)
    for _ in lessons.learn(task, network, rule, seed=seed):
        pass
    return network, rule, evaluate(network, task.test_inputs, task.test_labels)


def with_weights(network: Network) -> list[Stage]:
    """A network's stages that have weights, one per array of `Network.weights`."""
    return [stage for stage in network.stages if any(b.prunable for b in stage.blocks.values())]


def layer_names(stages: Iterable[Stage]) -> list[str]:
    """Short names of layers with weights: "conv 1", ..., "dense 1", ..."""
    names, numbers = [], {"conv": 0, "dense": 0}
    for stage in stages:
        kind = "conv" if isinstance(stage.layer, Conv) else "dense"
        numbers[kind] += 1
        names.append(f"{kind} {numbers[kind]}")
    return names
