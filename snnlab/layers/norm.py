"""`BatchNorm`: currents of a layer, normalised over a batch, its places and its steps."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab._settings import Described
from snnlab.layers.base import BlockShape
from snnlab.layers.kinds import register
from snnlab.neurons import LIF

if TYPE_CHECKING:
    from snnlab._types import Blocks

__all__ = ["BatchNorm", "Statistics"]

Statistics = namedtuple("Statistics", "mean variance")  # of each channel, float64
BLOCKS = "gain", "shift", "mean", "variance", "batches"


@dataclass(frozen=True, repr=False)
class BatchNorm(Described):
    """Batch normalisation of currents (Ioffe & Szegedy 2015), over batch, places and steps.

    ``Conv(32, norm=BatchNorm())``: what the weights make of an input is normalised channel by
    channel before the neurons feel it (Ledinauskas et al. 2020; Zheng et al. 2021)::

        J = gain (I - mean) / sqrt(variance + eps) + shift

    In training (``network.forward(x, training=True)``) mean and variance are those of the batch,
    over its samples, places and time steps, and running ones are kept with the network; else it is
    these that count, and they cost nothing: they are folded into the weights and a constant
    current. As long as there are none, any batch is normalised by its own. What comes by a shortcut
    is added behind.

    Parameters
    ----------
    scale : float
        Initial gain, in units that suit the neurons: with 1 the standard deviation of potentials is
        about their threshold, so that no layer begins silent.
    momentum : float
        Share of the newest batch in the running statistics; of the first batches it is the mean.
    eps : float
        Added to variances.
    """

    scale: float = 1.0
    momentum: float = 0.1
    eps: float = 1e-5

    def __init_subclass__(cls, **settings):
        raise TypeError(
            f"{cls.__name__} must not derive from BatchNorm: kernels pass its values by"
        )

    def __post_init__(self):
        for name, bounds in (
            ("scale", {"above": 0, "at_most": 1e6}),
            ("momentum", {"above": 0, "at_most": 1}),
            ("eps", {"above": 0, "at_most": 1e6}),
        ):
            _check.field(self, name, _check.number, **bounds)

    def blocks(self, channels: int) -> dict[str, BlockShape]:
        """Its parameters: none can be pruned, and running statistics are not trained."""
        channels = _check.integer("channels", channels, 1, _check.MOST_UNITS)
        learned = BlockShape(1, channels, prunable=False)
        kept = BlockShape(1, channels, prunable=False, trainable=False)
        number = BlockShape(1, 1, prunable=False, trainable=False)
        return dict(zip(BLOCKS, (learned, learned, kept, kept, number), strict=True))

    def init(self, channels: int, current: float) -> Blocks:
        """Initial values; ``current`` is the unit of the gain."""
        channels = _check.integer("channels", channels, 1, _check.MOST_UNITS)
        current = _check.number("current", current, at_least=0)
        one, zero = np.ones((1, channels)), np.zeros((1, channels))
        start = self.scale * current * one, zero, zero, one, np.zeros((1, 1))
        return dict(zip(BLOCKS, start, strict=True))

    # in plain NumPy, of a layer's blocks by name ``w``

    def is_new(self, w: Blocks) -> bool:
        """Whether there are no running statistics yet."""
        return w["batches"][0, 0] == 0

    def running(self, w: Blocks) -> Statistics:
        """The statistics that are kept."""
        mean, variance = (w[name][0].astype(np.float64) for name in ("mean", "variance"))
        return Statistics(mean, variance)

    def learn(self, w: Blocks, statistics: Statistics) -> None:
        """Take those of a batch into the running ones, in place, if they are finite."""
        if not all(np.isfinite(x).all() for x in statistics):
            return
        w["batches"] += 1
        share = max(self.momentum, 1 / float(w["batches"][0, 0]))
        for name, x in statistics._asdict().items():
            w[name][0] += share * (x - w[name][0])

    def inverse(self, statistics: Statistics) -> np.ndarray:
        """``1 / sqrt(variance + eps)``."""
        return 1 / np.sqrt(statistics.variance + self.eps)

    def factors(self, w: Blocks, statistics: Statistics) -> tuple[np.ndarray, np.ndarray]:
        """Scale and shift of currents, per channel."""
        scale = w["gain"][0] * self.inverse(statistics)
        return scale, w["shift"][0] - scale * statistics.mean

    def folded(
        self, w: Blocks, statistics: Statistics | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Weights with the scale in them, and the shift: by the running statistics, if left out."""
        statistics = self.running(w) if statistics is None else statistics
        scale, shift = self.factors(w, statistics)
        dtype = w["weights"].dtype
        return (w["weights"] * scale).astype(dtype), shift.astype(dtype)

    def statistics(self, currents: np.ndarray) -> Statistics:
        """Mean and variance of each channel of currents (sample, time, ..., channel)."""
        axes = tuple(range(currents.ndim - 1))
        return Statistics(currents.mean(axes, np.float64), currents.var(axes, np.float64))

    def values(self, currents: np.ndarray, w: Blocks, statistics: Statistics) -> np.ndarray:
        """Normalised currents."""
        scale, shift = self.factors(w, statistics)
        return (currents * scale + shift).astype(currents.dtype, copy=False)

    def adjoint(
        self,
        g: np.ndarray,
        currents: np.ndarray,
        w: Blocks,
        statistics: Statistics,
        of_batch: bool = True,
    ) -> tuple[Blocks, np.ndarray]:
        """From the gradient by normalised currents: those by its blocks (a dict), and by currents.

        ``of_batch``: whether the statistics are those of these currents, and change with them.
        """
        axes = tuple(range(g.ndim - 1))
        inverse = self.inverse(statistics)
        x = (currents - statistics.mean) * inverse
        by_gain, by_shift = (g * x).sum(axes), g.sum(axes)
        scale, zero = w["gain"][0] * inverse, np.zeros_like(by_gain)
        if of_batch:
            n = g[..., 0].size
            out = scale * (g - by_shift / n - x * (by_gain / n))
            kept = zero, zero
        else:
            out, kept = scale * g, of_running(w, inverse, by_gain, by_shift)
        by_blocks = by_gain, by_shift, *kept, np.zeros(1)
        return {name: y[None] for name, y in zip(BLOCKS, by_blocks, strict=True)}, out


def of_running(w, inverse, by_gain, by_shift):
    """Gradients by running mean and variance, from those by gain and shift."""
    gain = w["gain"][0]
    return -gain * inverse * by_shift, -gain * inverse**2 * by_gain / 2


def check_norm(norm):
    """Refuse what is no norm of a layer's."""
    if norm is not None and not isinstance(norm, BatchNorm):
        raise TypeError(f"norm must be a BatchNorm or None, not {norm!r}")


def threshold_current(neuron, n_steps):
    """Standard deviation of currents that are new in each step with which a neuron is active.

    At the end of a sample that of the potential is then the threshold; of a readout without one, 1.
    The mean of a layer's constants counts.
    """
    unit = neuron.v_th if isinstance(neuron, LIF) else 1.0
    a, b, gain, theta = (
        float(np.mean(x)) for x in (neuron.decay_syn, neuron.decay_mem, neuron.gain, unit)
    )
    current, v, squares = 1.0, 0.0, 0.0  # after a single current of 1
    for _ in range(min(n_steps, 10_000)):
        v = b * v + gain * current
        current *= a
        squares += v * v
    return theta / squares**0.5 if squares > 0 else theta


register(BatchNorm)
