"""Optimisers, and schedules of their learning rate."""

from dataclasses import dataclass

import numpy as np

from snnlab import _check
from snnlab._workers import share, worker_count
from snnlab.kernels import updates
from snnlab.parameters import Gradients


class Optimizer:
    """Moments in flat arrays beside the network's parameters; made at the first step."""

    _moments = ()

    def _prepare(self, network, gradients):
        """Flat gradients that fit; moments of the right size."""
        if not isinstance(gradients, Gradients):  # plain arrays, one per layer
            given, gradients = list(gradients), Gradients(network)
            if len(given) != len(gradients):
                raise ValueError(f"gradients must have {len(gradients)} arrays, one per layer")
            for k, (own, g) in enumerate(zip(gradients, given, strict=True)):
                own[...] = _check.array(f"gradients[{k}]", g, network.dtype, own.shape)
        if not gradients.fits(network):
            raise ValueError("gradients do not fit the network")
        flat = gradients.flat
        for name in self._moments:
            moment = getattr(self, name, None)
            if moment is None:
                setattr(self, name, np.zeros_like(network.parameters))
            elif moment.shape != flat.shape:
                raise ValueError("this optimiser has been used for a network of another size")
        return flat

    @staticmethod
    def _share(network, work, n=None):
        size = network.parameters.size  # a step over few weights is shorter than a dispatch
        workers = 1 if size < 200_000 else network.workers or worker_count()
        share(work, size if n is None else n, workers)

    def state(self):
        """Moments and step count as a dict of arrays (for checkpoints)."""
        out = {"steps": np.array(self.steps)}
        for name in self._moments:
            if getattr(self, name, None) is not None:
                out[name] = getattr(self, name).copy()
        return out

    def restore(self, state):
        """Inverse of `state`."""
        self.steps = int(state["steps"])
        for name in self._moments:
            setattr(self, name, np.array(state[name]) if name in state else None)


class Adam(Optimizer):
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
        Share of ``lr`` times the weights subtracted per step.
    """

    _moments = ("first", "second")

    def __init__(self, lr=1.5e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0):
        self.lr = _check.number("lr", lr, at_least=0)
        self.beta1 = _check.number("beta1", beta1, at_least=0, below=1)
        self.beta2 = _check.number("beta2", beta2, at_least=0, below=1)
        self.eps = _check.number("eps", eps, above=0)
        self.weight_decay = _check.number("weight_decay", weight_decay, at_least=0)
        self.steps = 0

    def step(self, network, gradients, factor=1.0):
        """Update the network's weights in place; ``factor`` multiplies the learning rate."""
        factor = _check.number("factor", factor, at_least=0)
        flat = self._prepare(network, gradients)
        t = self.steps + 1
        scales = 1 / (1 - self.beta1**t), 1 / (1 - self.beta2**t)
        arrays = network.parameters, flat, self.first, self.second

        def work(lo, hi):
            updates.adam(
                *arrays, lo, hi, self.beta1, self.beta2, *scales, self.lr * factor, self.eps,
                self.weight_decay,
            )  # fmt: skip

        self._share(network, work)
        self.steps = t


class SGD(Optimizer):
    """Stochastic gradient descent with momentum and decoupled weight decay.

    Parameters
    ----------
    lr : float
    momentum : float
        In [0, 1).
    weight_decay : float
        As in `Adam`.
    """

    _moments = ("velocity",)

    def __init__(self, lr=0.1, momentum=0.0, weight_decay=0.0):
        self.lr = _check.number("lr", lr, at_least=0)
        self.momentum = _check.number("momentum", momentum, at_least=0, below=1)
        self.weight_decay = _check.number("weight_decay", weight_decay, at_least=0)
        self.steps = 0

    def step(self, network, gradients, factor=1.0):
        """Update the network's weights in place; ``factor`` multiplies the learning rate."""
        factor = _check.number("factor", factor, at_least=0)
        arrays = network.parameters, self._prepare(network, gradients), self.velocity
        rates = self.lr * factor, self.momentum, self.weight_decay
        self._share(network, lambda lo, hi: updates.sgd(*arrays, lo, hi, *rates))
        self.steps += 1


# A schedule is a function (epoch, epochs) -> factor of the learning rate, where ``epoch`` is a
# float that counts the epochs gone by.


def constant(epoch, epochs):
    """Learning rate as given, all the time."""
    return 1.0


@dataclass(frozen=True)
class Exponential:
    """Multiply the learning rate by ``factor`` after each epoch.

    Parameters
    ----------
    factor : float
        In (0, 1]; 0.97 in the code of Cramer et al. (2022).
    """

    factor: float = 0.97

    def __post_init__(self):
        _check.number("factor", self.factor, above=0, at_most=1)

    def __call__(self, epoch, epochs):
        """Factor after ``epoch`` epochs."""
        return self.factor ** int(epoch)


@dataclass(frozen=True)
class Cosine:
    """Half a cosine from 1 down to ``end`` (Loshchilov & Hutter 2017), after a linear warm-up.

    Parameters
    ----------
    warmup : float
        Epochs in which the rate rises from 0.
    end : float
        Factor at the end.
    """

    warmup: float = 0.0
    end: float = 0.0

    def __post_init__(self):
        _check.number("warmup", self.warmup, at_least=0)
        _check.number("end", self.end, at_least=0, at_most=1)

    def __call__(self, epoch, epochs):
        """Factor after ``epoch`` of ``epochs`` epochs."""
        if epoch < self.warmup:
            return epoch / self.warmup
        done = (epoch - self.warmup) / max(epochs - self.warmup, 1e-9)
        return self.end + (1 - self.end) * 0.5 * (1 + np.cos(np.pi * min(done, 1.0)))


SCHEDULES = {"constant": lambda: constant, "exponential": Exponential, "cosine": Cosine}


def resolve_schedule(schedule):
    """A schedule from its name or from any callable."""
    if isinstance(schedule, str):
        return SCHEDULES[_check.one_of("schedule", schedule, tuple(SCHEDULES))]()
    if not callable(schedule):
        raise TypeError("schedule must be a name or a function of (epoch, epochs)")
    return schedule
