"""Optimisers, and by name the schedules of their learning rate (`snnlab.learning.schedules`)."""

import threading

import numpy as np

from snnlab import _check
from snnlab._workers import share, worker_count
from snnlab.kernels import updates
from snnlab.learning.schedules import Cosine, Exponential, constant, resolve_schedule  # noqa: F401
from snnlab.learning.state import Kind, Stateful
from snnlab.memory import aligned
from snnlab.parameters import Gradients

WORTH_SHARING = 200_000  # a step over fewer parameters is shorter than a dispatch of threads
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

    def __init__(self, lr=1e-3, *, rates=None):
        self.lr = _check.number("lr", lr, at_least=0)
        if rates is not None and not isinstance(rates, dict):
            raise TypeError(f"rates must be a dict of numbers by name, not {rates!r}")
        self.rates = {
            name: _check.number(f"rates[{name!r}]", x, at_least=0)
            for name, x in (rates or {}).items()
        }

    # to be defined --------------------------------------------------------------------------------

    def change(self, network, gradients, factor, lo, hi, out):
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

    def rate(self, factor):
        """Step size at the next step: with it rules scale what they subtract beside (a pull)."""
        return self.lr * factor

    def update(self, network, gradients, factor, lo, hi):
        """Update some parameters in place; arguments as for `change`.

        Here by what `change` says; one may define it anew, to be faster.
        """
        for first, last, change in self.changes(network, gradients, factor, lo, hi):
            network.parameters[first:last] -= change

    # a step ---------------------------------------------------------------------------------------

    def begin(self, network, epochs=None, steps_per_epoch=None):
        """Belong to a network, and make what is remembered; `step` does so too if need be."""
        self.claim(network)
        for name, kind in self.arrays.items():
            if getattr(self, name, None) is None:
                dtype = network.dtype if kind.dtype is None else kind.dtype
                setattr(self, name, np.zeros(network.parameters.shape, dtype))

    def step(self, network, gradients, factor=1.0):
        """Update the network's parameters in place.

        Parameters
        ----------
        network : Network
            The same at every step (or see `rebind`).
        gradients : Gradients or sequence of array
            By all blocks, as `Network.backward` returns them, or one array per block of weights.
        factor : float
            Multiplies the learning rate.
        """
        factor = _check.number("factor", factor, at_least=0)
        self.claim(network)
        flat = flat_gradients(network, gradients)
        self.begin(network)
        regions = self.regions(network)

        def work(lo, hi):
            for start, stop, rate, _ in regions:
                a, b = max(lo, start), min(hi, stop)
                if a < b:
                    self.update(network, flat, factor * rate, a, b)

        share_parameters(network, work)
        self.steps += 1

    def regions(self, network):
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

    def changes(self, network, gradients, factor, lo, hi):
        """`change`, piece by piece: an iterator of ``lo, hi, out``, where ``out`` is used again."""
        room = _room(network.dtype)
        for first in range(lo, hi, PIECE):
            last = min(first + PIECE, hi)
            out = room[: last - first]
            self.change(network, gradients, factor, first, last, out)
            if not self.keeps_padding:
                _clear_padding(network, first, last, out)
            yield first, last, out

    def check_fit(self, network):
        """Refuse a network that the state does not fit, or without a block named in ``rates``."""
        super().check_fit(network)
        unknown = sorted(set(self.rates) - {block.name for block in network.blocks})
        if unknown:
            names = ", ".join(sorted({block.name for block in network.blocks}))
            raise ValueError(f"rates name {unknown[0]!r}: the network's blocks are {names}")


class _Decaying(Optimizer):
    """Optimisers with weight decay."""

    keeps_padding = True

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
        self, lr=1.5e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0, *, rates=None
    ):
        super().__init__(lr, rates=rates)
        self.beta1 = _check.number("beta1", beta1, at_least=0, below=1)
        self.beta2 = _check.number("beta2", beta2, at_least=0, below=1)
        self.eps = _check.number("eps", eps, above=0)
        self.weight_decay = _check.number("weight_decay", weight_decay, at_least=0)

    def rate(self, factor):
        """``lr / (1 - beta1^t)`` at the next step, times the factor."""
        return self.lr * factor / (1 - self.beta1 ** (self.steps + 1))

    def update(self, network, gradients, factor, lo, hi):
        """Update some parameters in place."""
        rate = self.lr * factor * (1 / (1 - self.beta1 ** (self.steps + 1)))
        updates.adam(*self._arguments(network, gradients, factor, lo, hi, rate))

    def change(self, network, gradients, factor, lo, hi, out):
        """What would be subtracted from some parameters, weight decay included."""
        rate = self.rate(factor)
        updates.adam_change(*self._arguments(network, gradients, factor, lo, hi, rate), out)

    def _arguments(self, network, gradients, factor, lo, hi, rate):
        scale2 = 1 / (1 - self.beta2 ** (self.steps + 1))
        return (
            network.parameters, gradients, self.first, self.second, lo, hi, self.beta1, self.beta2,
            rate, scale2, self.eps, self._shrink(network, factor, lo),
        )  # fmt: skip


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

    def __init__(self, lr=0.1, momentum=0.0, weight_decay=0.0, *, rates=None):
        super().__init__(lr, rates=rates)
        self.momentum = _check.number("momentum", momentum, at_least=0, below=1)
        self.weight_decay = _check.number("weight_decay", weight_decay, at_least=0)

    def update(self, network, gradients, factor, lo, hi):
        """Update some parameters in place."""
        updates.sgd(*self._arguments(network, gradients, factor, lo, hi))

    def change(self, network, gradients, factor, lo, hi, out):
        """What would be subtracted from some parameters, weight decay included."""
        updates.sgd_change(*self._arguments(network, gradients, factor, lo, hi), out)

    def _arguments(self, network, gradients, factor, lo, hi):
        return (
            network.parameters, gradients, self.velocity, lo, hi, self.lr * factor, self.momentum,
            self._shrink(network, factor, lo),
        )  # fmt: skip


def flat_gradients(network, gradients):
    """Gradients by all parameters, flat, from Gradients or from one array per block of weights."""
    if not isinstance(gradients, Gradients):
        given, gradients = list(gradients), Gradients(network)
        if len(given) != len(gradients):
            raise ValueError(f"gradients must have {len(gradients)} arrays, one per layer")
        for k, (own, g) in enumerate(zip(gradients, given, strict=True)):
            own[...] = _check.array(f"gradients[{k}]", g, network.dtype, own.shape)
    if not gradients.fits(network):
        raise ValueError("gradients do not fit the network")
    return gradients.flat


def share_parameters(network, work, n=None):
    """Call ``work(lo, hi)`` for parts of all parameters (or of n columns), by several threads."""
    size = network.parameters.size
    workers = 1 if size < WORTH_SHARING else network.workers or worker_count()
    share(work, size if n is None else n, workers)


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
