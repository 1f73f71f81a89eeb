"""Deep networks of convolutions: how they begin, and how gradients come down through them."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check, encode
from snnlab.course.arguments import of_course
from snnlab.layers import BatchNorm, Conv, Residual
from snnlab.learning.losses import MaxOverTime
from snnlab.network import Network
from snnlab.neurons import LIF

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from snnlab._types import Signals
    from snnlab.currents import ConstantCurrent
    from snnlab.datasets.dataset import Dataset
    from snnlab.layers.base import Layer

__all__ = [
    "adjoint_norms",
    "convolutions",
    "deep_network",
    "flat_at",
    "growth",
    "images_as_currents",
]

CHANNELS, N_STEPS, RATE = 8, 4, 0.12
STARTS = "small", "scaled", "norm"  # how the layers begin
SHORTCUTS = {"none": "no shortcuts", "weak": "weak shortcuts", "strong": "strong shortcuts"}
# what a spike on a shortcut lifts the potential by: half the threshold, or twice
GAINS = {"none": 0.5, "weak": 0.5, "strong": 2.0}
# and how large what a pair of layers adds is at first, of what a layer without a shortcut gets
BRANCHES = {"none": 1.0, "weak": 1.0, "strong": 0.5}


def convolutions(
    depth: int,
    *,
    norm: BatchNorm | None = None,
    shortcuts: bool = False,
    branch: BatchNorm | None = None,
    channels: int = CHANNELS,
) -> list[Layer]:
    """So many convolutions; the first one halves an image's sides.

    Parameters
    ----------
    depth : int
        At least 2; even, if there are shortcuts.
    norm : BatchNorm, optional
    shortcuts : bool
        Whether pairs of layers have one; not the first and the last layer.
    branch : BatchNorm, optional
        Of the second layer of such a pair; by default the others'.
    channels : int

    Returns
    -------
    list of Layer
    """
    depth = _check.integer("depth", depth, 2, 1000)
    first = Conv(channels, stride=2, norm=norm)
    if not _check.flag("shortcuts", shortcuts):
        return [first, *(Conv(channels, norm=norm) for _ in range(depth - 1))]
    if depth % 2:
        raise ValueError(f"depth must be even: shortcuts are around pairs of layers, got {depth}")
    pairs = (depth - 2) // 2
    second = Conv(channels, norm=norm if branch is None else branch)
    pair = Residual(Conv(channels, norm=norm), second)
    return [first, *pairs * [pair], Conv(channels, norm=norm)]


def images_as_currents(
    data: Dataset, images: np.ndarray, n_steps: int = N_STEPS
) -> ConstantCurrent:
    """Images as constant currents: pixels by the standard deviation of those of 1,000 images."""
    x = images / data.x_train[:1000].std(dtype=np.float64)
    return encode.constant_current(x.astype(np.float32), n_steps=n_steps)


@of_course
def deep_network(
    data: Dataset,
    depth: int = 8,
    *,
    start: str = "norm",
    shortcut: str = "none",
    surrogate: str = "superspike",
    steepness: float = 1.5,
    channels: int = CHANNELS,
    rate: float = RATE,
    seed: int = 0,
) -> Network:
    """Convolutions of 8 channels, one upon the other, and a readout of potentials.

    Parameters
    ----------
    data : Dataset
        Grey images.
    depth : int
        How many convolutions.
    start : {"small", "scaled", "norm"}
        With small random weights; with weights scaled until each layer spikes at ``rate``; or with
        currents normalised over a batch.
    shortcut : {"none", "weak", "strong"}
        Whether pairs of layers have one, and whether a spike on it suffices for a spike.
    surrogate : str
    steepness : float
    channels : int
    rate : float
        Spikes per unit and step that layers with scaled weights begin with.
    seed : int

    Returns
    -------
    Network
    """
    _check.one_of("start", start, STARTS)
    _check.one_of("shortcut", shortcut, tuple(SHORTCUTS))
    norm, branch = None, None
    if start == "norm":
        norm, branch = BatchNorm(), BatchNorm(scale=BRANCHES[shortcut])
    layers = convolutions(
        depth, norm=norm, shortcuts=shortcut != "none", branch=branch, channels=channels
    )
    gain = GAINS[shortcut]
    neuron = LIF.grad_r(surrogate=surrogate, steepness=steepness, gain=gain)
    shape = (*data.image_shape, 1)
    network = Network(
        (shape, *layers, data.n_classes), neuron, n_steps=N_STEPS, rng=np.random.default_rng(seed)
    )
    if start != "scaled":
        return network
    few = images_as_currents(data, data.x_train[:30])
    with warnings.catch_warnings():  # of shortcuts that alone spike more
        warnings.simplefilter("ignore", RuntimeWarning)
        return network.scale_to_activity(few, rate=rate)


def adjoint_norms(
    network: Network,
    inputs: Signals,
    labels: ArrayLike,
    steepnesses: Sequence[float],
    surrogate: str | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """How large the gradient is that arrives at each layer, for some surrogates.

    Spikes do not depend on the surrogate: they are simulated once.

    Parameters
    ----------
    network : Network
        With a readout of potentials.
    inputs : SpikeTrains, ConstantCurrent or Values
    labels : array of int
    steepnesses : sequence of float
    surrogate : str, optional
        By default the network's own.

    Returns
    -------
    norms : array (steepness, layer)
        Of the adjoint currents of the hidden layers, each the root of a sum over samples, steps and
        units.
    rates : array (layer,)
        Spikes per unit and step.
    """
    trace = network.forward(inputs)
    g_readout = MaxOverTime()(trace.readout, labels)[1]
    norms, changed = [], {} if surrogate is None else {"surrogate": surrogate}
    for k in steepnesses:
        *hidden, last = network.neurons
        other = network.replace(
            neurons=[*(n.replace(steepness=float(k), **changed) for n in hidden), last]
        )
        _, adjoints = other.backward(trace, g_readout, adjoints=True)
        norms.append([np.sqrt(np.square(g, dtype=np.float64).sum()) for g in adjoints[:-1]])
    spikes = [
        record.mean_count() / (stage.n * network.n_steps)
        for stage, record in zip(network.stages, trace.records, strict=True)
        if stage in network.hidden_stages
    ]
    return np.array(norms, float), np.array(spikes, float)


def growth(norms: ArrayLike) -> np.ndarray:
    """The factor by which a gradient changes from a layer to the one below, a geometric mean.

    Parameters
    ----------
    norms : array (..., layer)

    Returns
    -------
    array (...)
        Not a number where no gradient arrives.
    """
    norms = _check.array("norms", norms, np.float64)
    if norms.ndim < 1 or norms.shape[-1] < 2:
        raise ValueError(f"norms must be of two layers at least, not {norms.shape}")
    first, last = norms[..., 0], norms[..., -1]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(first > 0, first / last, np.nan) ** (1 / (norms.shape[-1] - 1))


def flat_at(steepnesses: Sequence[float], factors: Sequence[float]) -> float:
    """The steepness at which gradients neither grow nor shrink, between those that were tried.

    Parameters
    ----------
    steepnesses, factors : sequence of float
        Steepnesses, in order, and the `growth` at each.

    Returns
    -------
    float
        Not a number if they only grow, or only shrink.
    """
    x, y = np.log(np.asarray(steepnesses, float)), np.log(np.asarray(factors, float))
    (changes,) = np.nonzero(y[:-1] * y[1:] <= 0)
    if not len(changes):
        return float("nan")
    k = changes[0]
    share = y[k] / (y[k] - y[k + 1]) if y[k] != y[k + 1] else 0.0
    return float(np.exp(x[k] + share * (x[k + 1] - x[k])))
