"""`Optimizer`: what all optimisers share, and what one of one's own must define."""

from __future__ import annotations

import threading
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab.learning.guard import on_trial, room
from snnlab.learning.state import Stateful
from snnlab.memory import aligned
from snnlab.parameters import share_parameters

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from snnlab.network import Network
    from snnlab.parameters import Gradients

PIECE = 1 << 15  # parameters whose change is worked out at once: it stays in a processor's cache

_rooms = threading.local()  # a thread's scratch, by dtype


class Optimizer(Stateful):
    """Turns gradients into changes of a network's parameters; the base of all optimisers.

    One's own says in `change` what it subtracts, and in ``arrays`` what it remembers. Then it
    trains, under every rewiring rule too, and checkpoints hold its state::

        class SignDescent(optim.Optimizer):
            arrays = {"mean": optim.Kind()}  # made as zeros, at the first step

            def change(self, network, gradients, factor, lo, hi, out):
                mean = self.mean[lo:hi]
                mean += 0.1 * (gradients[lo:hi] - mean)
                np.multiply(np.sign(mean), self.lr * factor, out=out)

    Blocks that are not trainable are left alone.

    Parameters
    ----------
    lr : float
        Learning rate; may be changed while training.
    rates : dict of float, optional
        Factors of the learning rate for blocks of some names, such as ``{"bias": 0.1}``. The
        network must have such blocks.

    Attributes
    ----------
    steps : int
        Steps done.
    """

    keeps_padding = False  # whether `change` is surely 0 where gradients and moments always were

    def __init__(self, lr: float = 1.5e-3, *, rates: Mapping[str, float] | None = None) -> None:
        self.lr = _check.number("lr", lr, at_least=0)
        if rates is not None and not isinstance(rates, dict):
            raise TypeError(f"rates must be a dict of numbers by name, not {rates!r}")
        self.rates = {
            name: _check.number(f"rates[{name!r}]", x, at_least=0)
            for name, x in (rates or {}).items()
        }

    # to be defined --------------------------------------------------------------------------------

    def change(
        self,
        network: Network,
        gradients: Gradients | np.ndarray,
        factor: float,
        lo: int,
        hi: int,
        out: np.ndarray,
    ) -> None:
        """What would be subtracted from some parameters; moments are updated.

        Called once per step and place, by several threads.

        Parameters
        ----------
        network : Network
            Whose ``parameters[lo:hi]`` they are: those of one block, or a part. Not to be changed.
        gradients : array
            By all parameters, flat.
        factor : float
            Multiplies the learning rate.
        lo, hi : int
            Where they lie in flat arrays.
        out : array (hi - lo,)
            Written, of the network's dtype.
        """
        raise NotImplementedError(f"{type(self).__name__} must define change")

    def rate(self, factor: float) -> float:
        """Step size at the next step: with it rules scale what they subtract beside (a pull)."""
        return self.lr * factor

    def largest_change(self, factor: float, gradient: float) -> float:
        """The most that the next step subtracts anywhere, beside weight decay.

        Steps that cannot overflow are taken at once; others, and those of which nothing is known,
        on trial: what was before is kept until the outcome has been looked at.

        Parameters
        ----------
        factor : float
            The largest by which the learning rate is multiplied.
        gradient : float
            Largest absolute gradient.

        Returns
        -------
        float
            Infinite by default: nothing is known.
        """
        return np.inf

    def recipe(self, network: Network, factor: float, place: int) -> tuple | None:
        """How compiled rules work out the change by themselves, in one pass with their own work.

        Returns
        -------
        tuple or None
            ``way, a, b, numbers`` of `snnlab.kernels.rewire`, for the block at a place. None
            by default: only `change` knows.
        """
        return None

    def update(
        self, network: Network, gradients: Gradients | np.ndarray, factor: float, lo: int, hi: int
    ) -> None:
        """Update some parameters in place; arguments as for `change`.

        Here by what `change` says; one may define it anew, to be faster.
        """
        for first, last, change in self.changes(network, gradients, factor, lo, hi):
            network.parameters[first:last] -= change

    # a step ---------------------------------------------------------------------------------------

    def begin(
        self, network: Network, epochs: int | None = None, steps_per_epoch: int | None = None
    ) -> None:
        """Belong to a network, and make what is remembered; `step` does so too if need be."""
        self.claim(network)
        for name, kind in self.arrays.items():
            if getattr(self, name, None) is None:
                dtype = network.dtype if kind.dtype is None else kind.dtype
                setattr(self, name, np.zeros(network.parameters.shape, dtype))

    def take(self, network: Network, flat: np.ndarray, factor: float, top: float) -> None:
        """Take a step whose gradient is finite; ``top`` is the largest of it."""
        self.begin(network)
        regions = self.regions(network)

        def work(lo, hi):
            for start, stop, rate, _ in regions:
                a, b = max(lo, start), min(hi, stop)
                if a < b:
                    self.update(network, flat, factor * rate, a, b)

        if self.bound(network, factor, top) < room(network.dtype):
            share_parameters(network, work)
        else:
            on_trial(network, self.own_arrays(), lambda: share_parameters(network, work), self)
        self.steps += 1

    def bound(self, network: Network, factor: float, gradient: float) -> float:
        """`largest_change`, infinite where weight decay overshoots, or where it is not known.

        (A class that changes what is subtracted does not inherit what is known of that.)
        """
        factor *= max([1.0, *self.rates.values()])
        shrink = self.lr * factor * getattr(self, "weight_decay", 0.0)
        bound = self.largest_change(factor, gradient) if _is_known(type(self)) else np.inf
        return abs(bound) if 0 <= shrink <= 1 else np.inf

    def regions(self, network: Network) -> list[tuple]:
        """Where parameters are trained: ``start, stop, rate, prunable`` of stretches."""
        out = []
        for block in network.blocks:
            if block.trainable:
                alike = self.rates.get(block.name, 1.0), block.prunable
                if out and out[-1][1] == block.start and out[-1][2:] == alike:
                    out[-1] = (out[-1][0], block.stop, *alike)
                else:
                    out.append((*block.span, *alike))
        return out

    def changes(
        self, network: Network, gradients: Gradients | np.ndarray, factor: float, lo: int, hi: int
    ) -> Iterator[tuple]:
        """`change`, piece by piece: an iterator of ``lo, hi, out``, where ``out`` is used again."""
        piece = _room(network.dtype)
        for first in range(lo, hi, PIECE):
            last = min(first + PIECE, hi)
            out = piece[: last - first]
            self.change(network, gradients, factor, first, last, out)
            if not self.keeps_padding:
                _clear_padding(network, first, last, out)
            yield first, last, out

    def check_fit(self, network: Network) -> None:
        """Refuse a network that the state does not fit, or without a block named in ``rates``."""
        super().check_fit(network)
        unknown = sorted(set(self.rates) - {block.name for block in network.blocks})
        if unknown:
            names = ", ".join(sorted({block.name for block in network.blocks}))
            raise ValueError(f"rates name {unknown[0]!r}: the network's blocks are {names}")


@cache
def tells_all(kind):
    """Whether the recipe of a class of optimisers is that of its change, and not an older one."""
    return issubclass(_home(kind, "recipe"), _home(kind, "change"))


@cache
def _is_known(kind):
    """Whether what a class of optimisers knows of its largest change is true of what it does."""
    home = _home(kind, "largest_change")
    return all(issubclass(home, _home(kind, name)) for name in ("change", "update", "rate"))


def _home(kind, name):
    """The class in which a method of a class is defined."""
    return next(c for c in kind.__mro__ if name in vars(c))


def _room(dtype):
    """Memory of the calling thread, for the change of a piece."""
    rooms = _rooms.__dict__
    if dtype not in rooms:
        rooms[dtype] = aligned((PIECE,), dtype)
    return rooms[dtype]


def _clear_padding(network, lo, hi, x):
    """Zeros where ``x``, which begins at lo, lies in padding."""
    for block in network.blocks:
        a, b = max(lo, block.start), min(hi, block.stop)
        if a < b and block.width > block.columns:
            columns = (np.arange(a, b) - block.start) % block.width
            x[a - lo : b - lo][columns >= block.columns] = 0
