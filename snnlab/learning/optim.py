"""Optimisers, and by name the schedules of their learning rate (`snnlab.learning.schedules`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab.kernels import updates
from snnlab.learning.guard import room, room_for_squares
from snnlab.learning.optimizer import Optimizer
from snnlab.learning.schedules import Cosine, Exponential, constant
from snnlab.learning.state import Kind
from snnlab.parameters import largest

__all__ = ["Adam", "Cosine", "Exponential", "Kind", "Optimizer", "SGD", "constant"]

if TYPE_CHECKING:
    from collections.abc import Mapping

    from snnlab.network import Network
    from snnlab.parameters import Gradients


class _Decaying(Optimizer):
    """Optimisers with weight decay, of which kernels know what they subtract."""

    keeps_padding = True
    _known = None, 0.0  # a moment, and the most that is in it

    def _moment(self, name, most):
        """The most that a moment holds; ``most(before)`` is what this step makes of that."""
        moment, before = self._known
        if moment is not getattr(self, name):  # at the first step, or restored
            before = largest(getattr(self, name))
        self._known = getattr(self, name), most(before)
        return self._known[1]

    def change(
        self,
        network: Network,
        gradients: Gradients | np.ndarray,
        factor: float,
        lo: int,
        hi: int,
        out: np.ndarray,
    ) -> None:
        """What would be subtracted from some parameters, weight decay included."""
        way, *how = self.recipe(network, factor, lo)
        updates.WRITE_CHANGE[way](network.parameters, gradients, *how, lo, hi, out)

    def _shrink(self, network, factor, place):
        """By which share of themselves the parameters there shrink: weights, and nothing else."""
        if self.weight_decay == 0:
            return 0.0
        weights = any(block.start <= place < block.stop for block in network.weight_blocks)
        return self.lr * factor * self.weight_decay if weights else 0.0


class Adam(_Decaying):
    """Adam (Kingma & Ba 2015), weight decay decoupled (Loshchilov & Hutter 2019).

    Parameters
    ----------
    lr : float
        Learning rate; 1.5e-3 is that of Cramer et al. (2022, code).
    beta1, beta2 : float
        Decay of the moments, in [0, 1).
    eps : float
        Added to the root of the second moment.
    weight_decay : float
        Share of ``lr`` times the weights subtracted per step. Blocks that cannot be pruned (biases,
        time constants) do not decay.
    rates : dict of float, optional
        Factors of the learning rate for blocks of some names.
    """

    arrays = {"first": Kind(), "second": Kind(low=0)}

    def __init__(
        self,
        lr: float = 1.5e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        rates: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__(lr, rates=rates)
        self.beta1 = _check.number("beta1", beta1, at_least=0, below=1)
        self.beta2 = _check.number("beta2", beta2, at_least=0, below=1)
        self.eps = _check.number("eps", eps, above=0)
        self.weight_decay = _check.number("weight_decay", weight_decay, at_least=0)

    def rate(self, factor: float) -> float:
        """``lr / (1 - beta1^t)`` at the next step, times the factor."""
        return self.lr * factor * (1 / (1 - self.beta1 ** (self.steps + 1)))

    def largest_change(self, factor: float, gradient: float) -> float:
        """``rate max|m| / eps``; infinite where the square of a gradient may overflow."""
        top = self._moment("first", lambda before: max(before, gradient))
        if top > room_for_squares(self.first.dtype):
            return np.inf
        return self.rate(factor) * (top / self.eps + 1)

    def check_fit(self, network: Network) -> None:
        """Refuse a network that the state does not fit, or in whose precision ``eps`` is 0."""
        super().check_fit(network)
        _check.real("eps", self.eps, network.dtype)

    def update(
        self, network: Network, gradients: Gradients | np.ndarray, factor: float, lo: int, hi: int
    ) -> None:
        """Update some parameters in place."""
        updates.adam(
            network.parameters, gradients, self.first, self.second, lo, hi, self.beta1, self.beta2,
            self.rate(factor), self._scale2(), self.eps, self._shrink(network, factor, lo),
        )  # fmt: skip

    def recipe(self, network: Network, factor: float, place: int) -> tuple | None:
        """Moments and numbers from which kernels work out what is subtracted."""
        numbers = (
            self.beta1, 1 - self.beta1, self.beta2, 1 - self.beta2, self.rate(factor),
            self._scale2(), self.eps, self._shrink(network, factor, place),
        )  # fmt: skip
        return updates.ADAM, self.first, self.second, tuple(map(network.dtype.type, numbers))

    def _scale2(self):
        return 1 / (1 - self.beta2 ** (self.steps + 1))


class SGD(_Decaying):
    """Stochastic gradient descent with momentum and decoupled weight decay.

    Parameters
    ----------
    lr : float
    momentum : float
        In [0, 1).
    weight_decay, rates
        As in `Adam`.
    """

    arrays = {"velocity": Kind()}

    def __init__(
        self,
        lr: float = 0.1,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        *,
        rates: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__(lr, rates=rates)
        self.momentum = _check.number("momentum", momentum, at_least=0, below=1)
        self.weight_decay = _check.number("weight_decay", weight_decay, at_least=0)

    def largest_change(self, factor: float, gradient: float) -> float:
        """``rate max|velocity|``."""
        most = self._moment("velocity", lambda before: self.momentum * before + gradient)
        return np.inf if most > room(self.velocity.dtype) else self.rate(factor) * (most + 1)

    def update(
        self, network: Network, gradients: Gradients | np.ndarray, factor: float, lo: int, hi: int
    ) -> None:
        """Update some parameters in place."""
        updates.sgd(
            network.parameters, gradients, self.velocity, lo, hi, self.rate(factor), self.momentum,
            self._shrink(network, factor, lo),
        )  # fmt: skip

    def recipe(self, network: Network, factor: float, place: int) -> tuple | None:
        """Velocity and numbers from which kernels work out what is subtracted."""
        numbers = self.momentum, self.rate(factor), self._shrink(network, factor, place)
        numbers = tuple(map(network.dtype.type, numbers + (0.0,) * 5))
        return updates.SGD, self.velocity, self.velocity, numbers
