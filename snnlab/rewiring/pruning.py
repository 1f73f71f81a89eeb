"""Pruning: magnitude pruning, and masks that stay as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab.kernels import rewire
from snnlab.learning.state import Kind
from snnlab.rewiring.connectivity import n_active, n_weights, views
from snnlab.rewiring.quota import checked_sparsity, largest, per_layer, quota
from snnlab.rewiring.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike

    from snnlab._types import Optimizer, Seed
    from snnlab.network import Network


class _Masked(Rule):
    """An optimiser on the weights that are kept."""

    compiled = True
    arrays = {"kept": Kind(np.int8, 0, 1)}

    def hidden(self, network: Network) -> np.ndarray:
        """The weights themselves."""
        return network.parameters

    def strength(self, x: np.ndarray) -> np.ndarray:
        """Size of a weight."""
        return np.abs(x)

    def pruned(self, network: Network) -> list[np.ndarray]:
        """All but those that are kept."""
        return [kept == 0 for kept in views(network, self.kept)]

    def largest_pull(self, network: Network, rates: Sequence[float]) -> float:
        """Nothing but the optimiser moves a weight."""
        return 0.0

    def kernel(self, network: Network, rates: Sequence[float]) -> Callable:
        """Weights that are kept move by the optimiser's change."""
        arrays = network.parameters, self.kept
        return lambda k, lo, hi, way, *change: rewire.MASKED[way](*arrays, lo, hi, *change)

    def _keep(self, network, chosen):
        """Prune all weights but the chosen: masks (n_in, n_out), one per layer."""
        self.kept = np.zeros(network.parameters.size, np.int8)
        layers = zip(views(network, self.kept), network.weights, chosen, strict=True)
        for kept, w, mask in layers:
            kept[...] = mask
            w[~mask] = 0


class Magnitude(_Masked):
    """Magnitude pruning: the smallest weights go, at once or step by step; the others learn on.

    At once after ``start`` epochs; or, if ``end`` is given, gradually (Zhu & Gupta 2017): every so
    many steps the share of pruned weights is brought to
    ``p_t = p (1 - (1 - (t - t_start) / (t_end - t_start))^3)``. Before that all weights learn.
    Pruned weights stay 0.

    Parameters
    ----------
    lr : float, optional
        Learning rate; by default the optimiser's.
    sparsity : float or sequence of float
        Share p of the weights that go, in [0, 1); one per layer if a sequence.
    start : float
        Epochs after which pruning begins; 0: before training.
    end : float, optional
        Epochs after which it ends; by default it is done at once.
    every : int
        Steps between two rounds of gradual pruning.
    scope : {"layer", "network"}
        Compare weights within each layer, or in the whole network.
    optimizer : {"adam", "sgd"} or Optimizer
        What says how far a weight moves; as in `GradR`.
    log_every : int, optional
        As in `GradR`.

    Attributes
    ----------
    log : Log
    kept : array of int8
        1 where a weight is kept, laid out as ``network.parameters``.
    """

    def __init__(
        self,
        lr: float | None = None,
        sparsity: float | Sequence[float] = 0.95,
        *,
        start: float = 0.0,
        end: float | None = None,
        every: int = 100,
        scope: str = "layer",
        optimizer: Optimizer | str = "adam",
        log_every: int | None = None,
    ) -> None:
        super().__init__(lr, optimizer=optimizer, log_every=log_every)
        self.sparsity = checked_sparsity(sparsity, 0)
        self.start = _check.number("start", start, at_least=0)
        self.end = None if end is None else _check.number("end", end, above=self.start)
        self.every = _check.integer("every", every, at_least=1)
        self.scope = _check.one_of("scope", scope, ("layer", "network"))
        if scope == "network" and isinstance(self.sparsity, tuple):
            raise ValueError("sparsity must be one number where scope is 'network'")

    def prepare(self, network: Network) -> None:
        """All weights are kept at first."""
        if self._last() > 0:
            _, epochs = self.now()
            if self._last() > epochs:
                raise ValueError(f"end and start must lie within the {epochs} epochs of training")
        self._keep(network, [np.ones(w.shape, bool) for w in network.weights])

    def _last(self):
        """Epochs after which pruning ends."""
        return self.start if self.end is None else self.end

    @property
    def pruning(self) -> bool:
        """Whether weights are still to go."""
        return self.steps < self._bounds()[1]

    def _bounds(self):
        """Steps after which pruning begins and ends."""
        return [round(x * self.steps_per_epoch) if x else 0 for x in (self.start, self._last())]

    def _due(self):
        """Share of the final sparsity that is due after this step; None: no pruning now."""
        t, (first, last) = self.steps, self._bounds()
        if t == last:
            return 1.0
        if first <= t < last and (t - first) % self.every == 0:
            return 1 - (1 - (t - first) / (last - first)) ** 3
        return None

    def after_step(self, network: Network) -> None:
        """Prune, if that is due."""
        share = self._due()
        if share is None:
            return
        # what was pruned before is smaller than anything
        size = np.where(self.kept != 0, np.abs(network.parameters), -1)
        layers = [x.ravel() for x in views(network, size)]
        left = quota(network, tuple(share * p for p in per_layer(network, self.sparsity)))
        if self.scope == "network":
            chosen = largest(np.concatenate(layers), left.sum())
            chosen = np.split(chosen, np.cumsum(n_weights(network))[:-1])
        else:
            chosen = [largest(x, n) for x, n in zip(layers, left, strict=True)]
        shaped = zip(chosen, network.weights, strict=True)
        self._keep(network, [mask.reshape(w.shape) for mask, w in shaped])
        self.active = n_active(network)


class FixedMask(_Masked):
    """A part of the weights, chosen before training, learns; the others stay 0.

    Parameters
    ----------
    lr : float, optional
        Learning rate; by default the optimiser's.
    sparsity : float or sequence of float, optional
        Share of weights that are pruned at random, in [0, 1); one per layer if a sequence. At least
        one weight of each layer is left.
    masks : sequence of array of bool (n_in, n_out), optional
        Instead of it: which weights to keep, per layer.
    optimizer : {"adam", "sgd"} or Optimizer
        What says how far a weight moves; as in `GradR`.
    log_every : int, optional
        As in `GradR`.
    rng : numpy.random.Generator or int
        For random masks.

    Attributes
    ----------
    log : Log
    kept : array of int8
        1 where a weight is kept, laid out as ``network.parameters``.
    """

    def __init__(
        self,
        lr: float | None = None,
        sparsity: float | Sequence[float] | None = None,
        masks: Sequence[ArrayLike] | None = None,
        *,
        optimizer: Optimizer | str = "adam",
        log_every: int | None = None,
        rng: Seed | None = None,
    ) -> None:
        if (sparsity is None) == (masks is None):
            raise ValueError("sparsity or masks must be given, and not both")
        super().__init__(
            lr, optimizer=optimizer, log_every=log_every, rng=0 if masks is not None else rng
        )
        self.sparsity = None if sparsity is None else checked_sparsity(sparsity, 0)
        self.masks = list(masks) if isinstance(masks, tuple) else masks

    def prepare(self, network: Network) -> None:
        """Prune what is not kept."""
        if self.masks is None:
            rng = np.random.default_rng(self.key)
            sizes = zip(self.quota, network.weights, strict=True)
            chosen = [rng.permutation(w.size).reshape(w.shape) < n for n, w in sizes]
        else:
            chosen = _fitting(self.masks, network)
        self._keep(network, chosen)


def _fitting(given, network):
    """Masks that fit the network."""
    if not isinstance(given, Sequence) or len(given) != len(network.weights):
        raise ValueError(f"masks must hold {len(network.weights)} arrays, one per layer")
    out = []
    for k, (mask, w) in enumerate(zip(given, network.weights, strict=True)):
        mask = _check.as_array(f"masks[{k}]", mask)
        if mask.dtype != np.bool_:
            raise TypeError(f"masks[{k}] must hold True and False, not {mask.dtype}")
        if mask.shape != w.shape:
            raise ValueError(f"masks[{k}] must have shape {w.shape}, got {mask.shape}")
        out.append(mask)
    return out
