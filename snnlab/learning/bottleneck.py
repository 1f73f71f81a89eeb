r"""A bottleneck of spikes: units that spike at random, what that tells, and how it is learned.

A readout's potentials u become probabilities of a spike, unit by unit and step by step::

    p = sigmoid(u + log(r / (1 - r)))        a spike with probability p, by itself

where r is the *prior* rate: an encoder that says nothing, u = 0, spikes at that rate. What it costs
to say something is the divergence from the prior, in nats,

    KL = sum  p log(p / r) + (1 - p) log((1 - p) / (1 - r)),

an upper bound of the (directed) information that a decoder can find in the spikes (Skatchkovsky et
al. 2021). Its gradient by u is ``u p (1 - p)``.

Units may keep silent for some steps after each spike, so that they do not say the same again and
again; then only steps in which they may spike count.

There is no derivative of a spike. Two estimates stand in for it: `straight_through` takes the
spike's derivative for that of its probability, which is biased but quiet; `score_function` needs
only the loss of what was drawn, which is unbiased but noisy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab.learning.decoder import sigmoid
from snnlab.memory import rows_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from snnlab._types import Seed

__all__ = [
    "draw_spikes",
    "first_spikes",
    "information",
    "information_gradient",
    "may_spike",
    "probability",
    "score_function",
    "straight_through",
]

AXES = None, None, None


def prior_rate(name: str, rate: float) -> float:
    """Check a rate r: a number in (0, 1), so that there is a divergence from it."""
    return _check.number(name, rate, above=0, below=1)


def probability(u: ArrayLike, rate: float) -> np.ndarray:
    """Probability of a spike, ``sigmoid(u + log(rate / (1 - rate)))``.

    Parameters
    ----------
    u : array of float (sample, time, unit)
        Potentials of a readout.
    rate : float
        Prior probability of a spike, in (0, 1): that of a unit at rest.

    Returns
    -------
    array of float
        Of the shape and precision of u.
    """
    u, rate = _check.floats("u", u), prior_rate("rate", rate)
    return sigmoid(u + u.dtype.type(np.log(rate) - np.log1p(-rate)))


def draw_spikes(p: ArrayLike, rng: Seed | None, hold: int = 0) -> np.ndarray:
    """Spikes drawn with these probabilities: 0 and 1, of the shape and precision of p.

    Parameters
    ----------
    p : array of float in [0, 1], (sample, time, unit)
    rng : numpy.random.Generator or int, or None
        None draws nothing: there is a spike where one is more probable than none.
    hold : int
        Steps for which a unit keeps silent after a spike of its own.
    """
    p, hold = _probabilities(p, AXES), _steps(hold)
    rng = None if rng is None else _check.generator("rng", rng)
    wanted = p > 0.5 if rng is None else rng.random(p.shape, np.float32) < p
    if hold > 0:
        last = np.full(p[:, 0].shape, -hold - 1)
        for t in range(p.shape[1]):
            wanted[:, t] &= t - last > hold
            last[wanted[:, t]] = t
    return wanted.astype(p.dtype)


def may_spike(spikes: ArrayLike, hold: int = 0) -> np.ndarray:
    """Where units could have spiked: in no step of the last ``hold`` they did.

    Parameters
    ----------
    spikes : array of float (sample, time, unit)
        0 and 1.
    hold : int
        Steps for which a unit keeps silent after a spike of its own.

    Returns
    -------
    array of bool (sample, time, unit)
    """
    spikes, hold = _check.floats("spikes", spikes, *AXES), _steps(hold)
    before = np.cumsum(spikes, axis=1) - spikes  # up to the step before
    known = before.copy()
    known[:, hold:] -= before[:, : max(before.shape[1] - hold, 0)]
    return known == 0


def information(p: ArrayLike, rate: float, where: ArrayLike | None = None) -> np.ndarray:
    """Divergence from the prior rate in nats, summed over time and units.

    Parameters
    ----------
    p : array of float in [0, 1], (sample, time, unit)
    rate : float
        In (0, 1).
    where : array of bool (sample, time, unit), optional
        What counts: where a unit `may_spike`; by default all.

    Returns
    -------
    array of float64 (sample,)
    """
    p, rate = _probabilities(p, AXES).astype(np.float64), prior_rate("rate", rate)
    tiny = np.finfo(np.float64).tiny  # 0 log 0 is 0
    told = p * (np.log(np.maximum(p, tiny)) - np.log(rate))
    told += (1 - p) * (np.log(np.maximum(1 - p, tiny)) - np.log1p(-rate))
    if where is not None:
        told *= _check.array("where", where, bool, p.shape)
    return told.sum(axis=(1, 2))


@_check.results("u or p")
def information_gradient(u: ArrayLike, p: ArrayLike) -> np.ndarray:
    """Gradient of `information` by the potentials, ``u p (1 - p)``.

    Parameters
    ----------
    u, p : array of float (sample, time, unit)
        Potentials, and the `probability` of a spike that follows from them.

    Returns
    -------
    array of float (sample, time, unit)
    """
    u, p = _check.floats("u", u, *AXES), _probabilities(p, AXES)
    if u.shape != p.shape:
        raise ValueError(f"p must have the shape of u, {u.shape}, got {p.shape}")
    return u * p * (1 - p)


@_check.results("g_spikes")
def straight_through(g_spikes: ArrayLike, p: ArrayLike) -> np.ndarray:
    """Gradient by the potentials, as if a spike's derivative were its probability's.

    Parameters
    ----------
    g_spikes : array of float (sample, time, unit)
        Gradient of the loss by the spikes that were drawn.
    p : array of float in [0, 1], (sample, time, unit)

    Returns
    -------
    array of float (sample, time, unit)
        ``g_spikes p (1 - p)``.
    """
    p = _probabilities(p, AXES)
    g = _check.array("g_spikes", g_spikes, p.dtype, p.shape)
    return g * p * (1 - p)


@_check.results("advantage")
def score_function(advantage: ArrayLike, spikes: ArrayLike, p: ArrayLike) -> np.ndarray:
    """Gradient by the potentials from losses alone (REINFORCE, Williams 1992).

    Parameters
    ----------
    advantage : array of float (sample,)
        Loss of each sample less a baseline that does not depend on its spikes.
    spikes : array of float (sample, time, unit)
        As drawn.
    p : array of float in [0, 1], (sample, time, unit)

    Returns
    -------
    array of float (sample, time, unit)
        ``advantage (spikes - p)``: on average over draws the gradient of the mean loss.
    """
    p = _probabilities(p, AXES)
    spikes = _check.array("spikes", spikes, p.dtype, p.shape)
    advantage = _check.array("advantage", advantage, p.dtype, (len(p),))
    return advantage[:, None, None] * (spikes - p)


def first_spikes(spikes: ArrayLike, budgets: ArrayLike) -> np.ndarray:
    """The first so many spikes of each sample, in order of time; the others are left out.

    Parameters
    ----------
    spikes : array of float (sample, time, unit)
        0 and 1. Within a step those of lower units come first.
    budgets : array of int (sample,), or int
        How many spikes may pass, 0 or more.

    Returns
    -------
    array of float (sample, time, unit)
    """
    spikes = _check.floats("spikes", spikes, *AXES)
    budgets = _check.as_array("budgets", budgets)
    if budgets.dtype.kind not in "iu" or budgets.shape not in ((), (len(spikes),)):
        raise ValueError(
            f"budgets must be an integer, or one for each of {len(spikes)} samples, got "
            f"{budgets.dtype} of shape {budgets.shape}"
        )
    if budgets.size and budgets.min() < 0:
        raise ValueError(f"budgets must be at least 0, got {budgets.min()}")
    rows = rows_of(spikes > 0)
    passing = np.cumsum(rows, axis=1) <= np.reshape(budgets, (-1, 1))
    return spikes * passing.reshape(spikes.shape)


def _steps(hold):
    """Checked steps of silence."""
    return _check.integer("hold", hold, 0, _check.MOST_STEPS)


def _probabilities(p, shape=()):
    """Checked probabilities, in their own precision."""
    p = _check.floats("p", p, *shape)
    return _check.array("p", p, p.dtype, unit_interval=True)
