"""Avoidance: whether the bad neurons of a chip have fewer synapses than chance would give them."""

from __future__ import annotations

import math
from collections import namedtuple
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab.chip.substrate import Substrate
from snnlab.rewiring.connectivity import masks

if TYPE_CHECKING:
    from snnlab._types import Seed
    from snnlab.network import Network

Avoidance = namedtuple("Avoidance", "badness counts possible correlation worst dead")
Avoidance.__doc__ = "What `avoidance` found: arrays, a number, and three `Comparison`s."

AT_ONCE = 10_000  # permutations that are drawn at a time: they take memory

Comparison = namedtuple("Comparison", "value chance p")
Comparison.__doc__ = "A number, what is expected of it by chance, and the two-sided p-value."


def avoidance(
    network: Network,
    substrate: Substrate,
    *,
    layer: int = 0,
    of: str = "inputs",
    worst: float = 0.1,
    permutations: int = 10_000,
    rng: Seed = 0,
) -> Avoidance:
    """Whether the bad neurons of a chip have fewer synapses than the good ones.

    Chance is that the same numbers of synapses were dealt out to the neurons anew: p-values are
    from permutations, two-sided (synapses may also gather at bad neurons), at least
    ``1 / (permutations + 1)``.

    Parameters
    ----------
    network : Network
    substrate : Substrate
        The chip it lies on.
    layer : int
        Number of the hidden layer, from 0.
    of : {"inputs", "outputs", "both"}
        Which synapses of a neuron to count: those that the chip sees (`masks`).
    worst : float
        Which share of the living neurons are the bad ones, in (0, 1); at least one of them.
    permutations : int
    rng : numpy.random.Generator or int

    Returns
    -------
    Avoidance
        ``badness`` (see `Substrate.badness`) and ``counts`` of synapses: arrays, one value per
        neuron of the layer, of ``possible`` synapses each. Comparisons: ``correlation``, of the
        ranks of badness and counts (Spearman's), and ``worst``, the connectivity of the worst
        neurons against all: both among the living. ``dead``: the connectivity of the dead against
        all. A value is NaN, and p is 1, where there is nothing to compare.
    """
    if not isinstance(substrate, Substrate):
        raise TypeError(f"substrate must be a Substrate, not {type(substrate).__name__}")
    _check.network("network", network)
    if len(network.sizes) < 3:
        raise ValueError("network must have a hidden layer")
    layer = _check.integer("layer", layer, 0, len(network.sizes) - 3)
    _check.one_of("of", of, ("inputs", "outputs", "both"))
    worst = _check.number("worst", worst, above=0, below=1)
    permutations = _check.integer("permutations", permutations, at_least=1)
    rng = _check.generator("rng", rng)
    there = masks(network, substrate)
    sides = {"inputs": there[layer].T, "outputs": there[layer + 1]}
    sides = list(sides.values()) if of == "both" else [sides[of]]
    counts, possible = sum(x.sum(axis=1) for x in sides), sum(x.shape[1] for x in sides)
    badness = substrate.badness()[substrate.columns(network)[layer]]
    dead = np.isinf(badness)
    share, alive = counts / possible, ~dead
    ranks = _unit(_ranks(badness[alive])), _unit(_ranks(share[alive]))
    correlation = _compare(*ranks, False, permutations, rng)
    settings = {"permutations": permutations, "rng": rng}
    of_worst = permutation_test(share[alive], worst_of(badness[alive], worst), **settings)
    of_dead = permutation_test(share, dead, **settings)
    return Avoidance(badness, counts, possible, correlation, of_worst, of_dead)


def worst_of(badness, share=0.1):
    """Which neurons are the worst, array of bool.

    Parameters
    ----------
    badness : array (n,)
        As of `Substrate.badness`; the dead, infinitely bad, are the worst of all.
    share : float
        In (0, 1). At least one neuron is; of equal ones all are, or none.
    """
    share, badness = _check.number("share", share, above=0, below=1), _row("badness", badness)
    if not badness.size:
        return np.zeros(0, bool)
    return badness >= np.sort(badness)[-max(1, round(share * len(badness)))]


def rank_correlation(a, b):
    """Spearman's rank correlation of two arrays (n,), in [-1, 1]; NaN where one is constant."""
    a, b = _row("a", a), _row("b", b)
    if len(a) != len(b):
        raise ValueError(f"b must have shape {a.shape}, as a has, got {b.shape}")
    return float(_unit(_ranks(a)) @ _unit(_ranks(b))) if len(a) else math.nan


def _row(name, x):
    """Numbers (n,), perhaps infinite, but none that is none."""
    x = _check.as_array(name, x)
    if x.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold numbers, not {x.dtype}")
    if x.ndim != 1:
        raise ValueError(f"{name} must have shape (n,), got {x.shape}")
    if np.isnan(x).any():
        raise ValueError(f"{name} must not hold NaN")
    return x


def permutation_test(x, chosen, *, fewer=False, permutations=10_000, rng=0):
    """Whether the mean of chosen values is what a choice at random would give.

    Parameters
    ----------
    x : array (n,)
    chosen : array of bool (n,)
    fewer : bool
        One-sided: how often chance gives as small a mean, or a smaller one; else how often it gives
        one as far from the mean of all.
    permutations : int
    rng : numpy.random.Generator or int

    Returns
    -------
    Comparison
        The p-value is at least ``1 / (permutations + 1)``: what was found counts as a draw.
    """
    permutations = _check.integer("permutations", permutations, at_least=1)
    x = _check.array("x", x, float, (None,))
    chosen, rng = _check.as_array("chosen", chosen), _check.generator("rng", rng)
    if chosen.shape != x.shape or chosen.dtype != bool:
        raise ValueError(
            f"chosen must hold True and False, {x.shape}, not {chosen.dtype}, {chosen.shape}"
        )
    fewer = _check.flag("fewer", fewer)
    weights = chosen / chosen.sum() if chosen.any() else np.full(chosen.shape, np.nan)
    return _compare(weights, x, fewer, permutations, rng)


def _compare(weights, x, fewer, permutations, rng):
    """``weights @ x`` against its values for permuted x; weights are those of a linear measure."""
    if not (np.isfinite(weights).all() and np.isfinite(x).all()) or not len(x):
        return Comparison(math.nan, math.nan, 1.0)
    chance, value = weights.sum() * x.mean(), weights @ x
    found, further = value - chance, 0
    rounding = 1e-12 * np.abs(weights).sum() * np.abs(x).max()  # of equal values
    for first in range(0, permutations, AT_ONCE):
        n = min(AT_ONCE, permutations - first)
        off = rng.permuted(np.broadcast_to(x, (n, len(x))), axis=1) @ weights - chance
        far = off <= found + rounding if fewer else np.abs(off) >= abs(found) - rounding
        further += np.count_nonzero(far)
    p = (1 + further) / (1 + permutations)
    return Comparison(float(value), float(chance), float(p))


def _ranks(x):
    """Ranks from 0, equal values sharing the mean of theirs."""
    _, which, n = np.unique(x, return_inverse=True, return_counts=True)
    return (np.cumsum(n) - (n + 1) / 2)[which]


def _unit(x):
    """Centred, of length 1; NaN if all are equal: products are correlations."""
    x = x - x.mean() if x.size else x
    length = np.sqrt(x @ x)
    return x / length if length > 0 else np.full(x.shape, np.nan)
