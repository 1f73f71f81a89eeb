"""`Dense`: every unit hears every input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab.layers.base import Linear
from snnlab.layers.norm import BatchNorm, check_norm
from snnlab.layers.patchwise import Patchwise
from snnlab.memory import padded_width
from snnlab.products import constant_product, constant_product_back, product
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
        _check.field(self, "n", _check.integer, 1, _check.MOST_UNITS)

    def shape_out(self, shape: Shape) -> Shape:
        """(n,)."""
        return (self.n,)

    def blocks(self, shape: Shape) -> dict[str, tuple[int, int] | BlockShape]:
        """Weights (n_in, n)."""
        return {"weights": (int(np.prod(shape)), self.n)}

    def drive(self, x: np.ndarray, w: Blocks) -> np.ndarray:
        """``x @ weights``."""
        return self._heard(x, w) @ w["weights"]

    def _heard(self, x: np.ndarray, w: Blocks) -> np.ndarray:
        """Values as the weights meet them, (sample, time, unit heard)."""
        return x.reshape(*x.shape[:2], -1)

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

    def fill_drive(self, run: Forward, k: int, lo: int, hi: int) -> None:
        """Currents of some samples, by the kernel of products."""
        stage, x = run.stages[k], run.values(k, lo, hi)
        heard, out = self._heard(x, run.views(k)), run.drives[k][lo:hi]
        if heard.shape[1] == out.shape[1]:
            product(heard, run.weights[k], out.reshape(-1, stage.width))
        else:  # one step for all
            out[:, :, : stage.n] = product(heard, run.weights[k])[:, :, : stage.n]
        if stage.shortcut is not None:
            out[:, :, : stage.n] += run.shortcut_values(k, lo, hi)

    def prepare_back(self, run: Backward, k: int) -> None:
        """What the kernels are called with; weights turned, if an error is to be written."""
        super().prepare_back(run, k)
        self._turn_weights(run, k)

    def _turn_weights(self, run: Backward, k: int) -> None:
        """Transposed, as `error_below` multiplies by them; only if an error is to be written."""
        if self.fills_constants and run.wants_error(k):
            turned, width = run.views(k)["weights"].T, padded_width(run.stages[k].n_in)
            run.transposed[k] = run.scratch.padded(f"turned weights {k}", turned, width)

    def error_below(self, run: Backward, k: int, lo: int, hi: int) -> np.ndarray:
        """``g_I[t + delay] @ weights.T``."""
        return self._through_weights(run, k, run.g_arriving(k, lo, hi))

    def _through_weights(self, run: Backward, k: int, g: np.ndarray) -> np.ndarray:
        """``g @ weights.T``, (sample, time, unit heard)."""
        return product(g, run.transposed[k])[:, :, : run.stages[k].n_in]


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

    def __post_init__(self):
        super().__post_init__()
        check_norm(self.norm)

    sealed = True
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
        return self._through_weights(run, k, run.g_arriving(k, lo, hi).sum(axis=1, keepdims=True))

    def finish(self, run: Backward, k: int) -> None:
        """Chunks summed in order, or ``x.T @ g`` of a constant input."""
        if self.norm is not None or not run.wiring.is_constant[k]:
            super().finish(run, k)
            return
        block = run.stages[k].blocks["weights"]
        constant_product_back(run.signal(k), run.g_drives[k], block.padded(run.out.flat), run.share)
