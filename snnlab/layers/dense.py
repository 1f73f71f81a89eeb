"""`Dense`: every unit hears every input."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab.kernels import drive as products
from snnlab.kernels.vector import NARROW
from snnlab.layers.base import Linear
from snnlab.layers.norm import BatchNorm, check_norm
from snnlab.layers.patchwise import Patchwise
from snnlab.signals import SpikeTrains

if TYPE_CHECKING:
    from snnlab._types import Blocks, Shape
    from snnlab.layers.base import BlockShape
    from snnlab.layers.stage import Stage
    from snnlab.passes import Backward, Forward


@dataclass(frozen=True, repr=False)
class FullyConnected(Linear):
    """A map by which every unit hears every input: ``x @ weights``."""

    n: int

    def __post_init__(self):
        object.__setattr__(self, "n", _check.integer("n", self.n, 1, _check.MOST_UNITS))

    def shape_out(self, shape: Shape) -> Shape:
        """(n,)."""
        return (self.n,)

    def blocks(self, shape: Shape) -> dict[str, tuple[int, int] | BlockShape]:
        """Weights (n_in, n)."""
        return {"weights": (int(np.prod(shape)), self.n)}

    def drive(self, x: np.ndarray, w: Blocks) -> np.ndarray:
        """``x @ weights``."""
        return x.reshape(*x.shape[:2], -1) @ w["weights"]

    def adjoint(self, g: np.ndarray, x: np.ndarray, w: Blocks) -> tuple[Blocks, np.ndarray]:
        """``x.T @ g`` and ``g @ weights.T``."""
        flat = x.reshape(*x.shape[:2], -1)
        by_weights = np.tensordot(flat, g, axes=([0, 1], [0, 1]))
        return {"weights": by_weights}, (g @ w["weights"].T).reshape(x.shape)

    def follows_events(self, kind: type) -> bool:
        """Spikes are added row by row."""
        return kind is SpikeTrains

    def error_is_read_below(self, below: Stage) -> bool:
        """Where it hears the spikes of neurons."""
        return below.fires and below.layer.reads_error

    def error_below(self, run: Backward, k: int, lo: int, hi: int) -> np.ndarray:
        """``g_I[t + delay] @ weights.T``."""
        return run.g_arriving(k, lo, hi) @ run.views(k)["weights"].T


@dataclass(frozen=True, repr=False)
class Dense(FullyConnected, Patchwise):
    """``x @ weights``, and a neuron.

    Spikes are followed event by event (`snnlab.kernels.lif`); the product with a constant input is
    taken once for all steps and skips the background (`snnlab.kernels.drive`). With a norm it runs
    as a convolution of one place (`snnlab.layers.patchwise`).

    Parameters
    ----------
    n : int
        Units.
    norm : BatchNorm, optional
        Normalises the currents.
    """

    norm: BatchNorm | None = None

    def __init_subclass__(cls, **settings):
        raise TypeError(f"{cls.__name__} must derive from Linear: spikes go past a Dense's drive")

    def __post_init__(self):
        super().__post_init__()
        check_norm(self.norm)

    by_patches = keeps_bits = Patchwise.normalises

    @property
    def sums_suffice(self) -> bool:
        """Without a norm, whose statistics come in between."""
        return self.norm is None

    reads_error = sums_suffice

    def blocks(self, shape: Shape) -> dict[str, tuple[int, int] | BlockShape]:
        """Weights (n_in, n), and a norm's."""
        weights = super().blocks(shape)
        return weights if self.norm is None else weights | self.norm.blocks(self.n)

    def geometry(self, stage: Stage) -> tuple[Shape, Shape, int, int, int]:
        """Images of one place."""
        return (1, 1, stage.n_in), (1, 1, stage.n), 1, 1, 0

    def follows_events(self, kind: type) -> bool:
        """Spikes are added row by row."""
        return self.norm is None and super().follows_events(kind)

    def error_is_read_below(self, below: Stage) -> bool:
        """Where it hears the spikes of neurons."""
        return self.norm is None and super().error_is_read_below(below)

    # constant input: one product for all steps ----------------------------------------------------

    def prepare(self, run: Forward, k: int) -> None:
        """The product with a constant input, unless it is left to the threads."""
        super().prepare(run, k)
        if run.wiring.is_constant[k] and self.norm is None:
            weights, out = run.conditions[k].blocks["weights"], run.drives[k][:, 0]
            run.fills[k] = constant_product(run.signal(k), weights, out)

    def fill_drive(self, run: Forward, k: int, lo: int, hi: int) -> None:
        """Currents of some samples."""
        if k not in run.fills:
            super().fill_drive(run, k, lo, hi)
        elif run.fills[k] is not None:
            run.fills[k](lo, hi)

    def chunk_adjoint(self, run: Backward, k: int, c: int, lo: int, hi: int) -> np.ndarray:
        """Gradients of a chunk; those of a constant input are left to `finish`."""
        if not run.wiring.is_constant[k]:
            return super().chunk_adjoint(run, k, c, lo, hi)
        if not run.wants_error(k):
            return None
        g = run.g_arriving(k, lo, hi).sum(axis=1, keepdims=True)
        return g @ run.views(k)["weights"].T

    def finish(self, run: Backward, k: int) -> None:
        """Chunks summed in order, or ``x.T @ g`` of a constant input."""
        if self.norm is not None or not run.wiring.is_constant[k]:
            super().finish(run, k)
            return
        block = run.stages[k].blocks["weights"]
        _product_back(run.signal(k), run.g_drives[k], block.padded(run.out.flat), run.share)


def constant_product(signal, weights, out):
    """``x @ weights``, what a constant input feeds each unit in a step, into ``out``.

    Returns work that is left to do on it, a function of the first and last sample, or None.
    """
    x, c = signal.x.astype(weights.dtype, copy=False), signal.background
    if c is None or weights.shape[1] % NARROW:
        np.matmul(x, weights, out=out[:, : weights.shape[1]])
        return None
    c = weights.dtype.type(c)
    base = c * weights.sum(axis=0, keepdims=True) if c else np.zeros_like(weights[:1])
    return partial(_fill, products.multiply, x, c, weights, base, out)


def _product_back(signal, g_drive, out, share):
    """``x.T @ g_drive``, into ``out``."""
    x, c = signal.x.astype(out.dtype, copy=False), signal.background
    if c is None or out.shape[1] % NARROW:
        np.matmul(x.T, g_drive[:, : out.shape[1]], out=out)
        return
    c = out.dtype.type(c)
    base = c * g_drive.sum(axis=0, keepdims=True) if c else np.zeros_like(g_drive[:1])
    work = partial(_fill, products.multiply_transposed, x, c, g_drive, base, out)
    share(work, -(-x.shape[1] // 2))


def _fill(product, x, c, y, base, out, lo, hi):
    """Some rows of a product (or pairs of rows)."""
    product(x, c, y, base, lo, hi, out)
