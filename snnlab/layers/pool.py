"""`Pool`: squares of an image become one unit each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab.kernels import lif
from snnlab.kernels import pool as kernels
from snnlab.layers.base import Transform
from snnlab.layers.heard import Heard

if TYPE_CHECKING:
    from snnlab._types import Shape
    from snnlab.passes import Backward, Forward


@dataclass(frozen=True, repr=False)
class Pool(Transform):
    """Squares of an image, which do not overlap, become one unit each.

    Parameters
    ----------
    size : int
        Width and height of a square; the image's must be multiples of it.
    how : {"max", "average"}
        Of spikes "max" is whether any of a square spikes, and gives spikes; it hears neurons. The
        error goes to the first one that does, or the first of all. "average" gives the mean.
    """

    size: int = 2
    how: str = "max"

    sealed = True

    def __post_init__(self):
        _check.field(self, "size", _check.integer, 1, _check.MOST_UNITS)
        _check.one_of("how", self.how, ("max", "average"))

    @property
    def gives_spikes(self) -> bool:
        """Whether its units spike, of which bits are kept."""
        return self.how == "max"

    keeps_bits = gives_spikes

    def shape_out(self, shape: Shape) -> Shape:
        """(y, x, channels)."""
        if len(shape) != 3:
            raise ValueError(f"Pool hears images (y, x, channel), not units of shape {shape}")
        if shape[0] % self.size or shape[1] % self.size:
            raise ValueError(f"Pool hears images of sides that {self.size} divides, not {shape}")
        return (shape[0] // self.size, shape[1] // self.size, shape[2])

    # in plain NumPy

    def _squares(self, x):
        """Squares (sample, time, y, x, channel, place)."""
        n, t, ny, nx, c = x.shape
        k = self.size
        x = x.reshape(n, t, ny // k, k, nx // k, k, c)
        return x.transpose(0, 1, 2, 4, 6, 3, 5).reshape(n, t, ny // k, nx // k, c, k * k)

    def values(self, x: np.ndarray) -> np.ndarray:
        """The largest, or the mean, of each square."""
        squares = self._squares(x)
        return squares.max(-1) if self.how == "max" else squares.mean(-1)

    def adjoint(self, g: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Gradient by the image; to the first of the largest, or in equal parts."""
        k, squares = self.size, self._squares(x)
        if self.how == "max":
            parts = (np.arange(k * k) == squares.argmax(-1)[..., None]) * g[..., None]
        else:
            parts = np.broadcast_to(g[..., None] / k**2, squares.shape)
        parts = parts.reshape(*g.shape, k, k).transpose(0, 1, 2, 5, 3, 6, 4)
        return parts.reshape(x.shape).astype(g.dtype, copy=False)

    # kernels

    def runs_by_sample(self, run: Forward, k: int) -> bool:
        """Always."""
        return True

    def prepare(self, run: Forward, k: int) -> None:
        """What the kernels are called with."""
        stage, record = run.stages[k], run.trace.records[k]
        heard, shape = self._heard(run, k), np.array(stage.shape_in)
        events = record.spikes.events if self.gives_spikes and record.lists_events else None

        def work(lo, hi):
            heard.begin(lo, hi)
            if self.how == "max":
                kernels.spikes_of_any(heard.bits, shape, self.size, record.bits, lo, hi)
                if events is not None:
                    lif.list_all(record.bits, stage.n, run.n_steps, *events, lo, hi)
            elif len(heard.bits):
                given = heard.bits, shape, self.size, run.n_steps
                kernels.mean_of_spikes(*given, record.values, lo, hi)
            else:
                kernels.mean_of_values(heard.values, shape, self.size, record.values, lo, hi)

        run.neurons[k] = work

    def _heard(self, run, k):
        heard = Heard(run, k, run.stages[k].source)
        if self.how == "max" and not len(heard.bits):
            raise ValueError(f'{run.stages[k].name} hears values: of these, "average" can be taken')
        return heard

    def forward(self, run: Forward, k: int, lo: int, hi: int) -> None:
        """Run some samples."""
        run.neurons[k](lo, hi)

    def prepare_back(self, run: Backward, k: int) -> None:
        """What the kernels are called with."""
        stage, g = run.stages[k], run.errors[k]
        heard, shape, source = self._heard(run, k), np.array(stage.shape_in), stage.source
        out = run.g_inputs if source < 0 else run.errors[source]

        def work(lo, hi):
            if not len(out):
                return
            heard.begin(lo, hi)
            if self.how == "max":
                given = heard.bits, shape, self.size, run.n_steps, g
                kernels.spikes_of_any_back(*given, out, lo, hi)
            else:
                kernels.mean_back(shape, self.size, g, out, lo, hi)

        run.neurons[k] = work

    def backward(self, run: Backward, k: int, first: int, last: int) -> None:
        """Errors of some chunks of samples."""
        run.neurons[k](run.edges[first], run.edges[last])
