"""`Recurrent`: every unit hears every input, and a step later every unit's spikes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from snnlab import _check
from snnlab.kernels import recurrent as kernels
from snnlab.layers.base import Linear, neurons, neurons_back
from snnlab.signals import SpikeTrains

if TYPE_CHECKING:
    from snnlab._types import Blocks, Shape
    from snnlab.layers.stage import Stage
    from snnlab.passes import Backward, Forward


@dataclass(frozen=True, repr=False)
class Recurrent(Linear):
    """``x[t] @ weights + z[t - 1] @ recurrent``, and a neuron that spikes (Cramer et al. 2022).

    What the units send each other arrives one step later, whatever the neuron's delay, which is
    that of the inputs. Kernels follow spikes event by event, forward and in the gradients by both
    blocks; the error goes back from step to step through all recurrent weights
    (`snnlab.kernels.recurrent`). `drive` and `adjoint` say in plain NumPy how inputs are heard,
    ``snnlab.textbook.neuron_forward(..., recurrent=w)`` and `neuron_backward` the rest.

    Parameters
    ----------
    n : int
        Units.
    """

    n: int

    loops: ClassVar[tuple[str, ...]] = ("recurrent",)

    def __init_subclass__(cls, **settings):
        raise TypeError(
            f"{cls.__name__} must derive from Linear: kernels pass Recurrent's drive by"
        )

    def __post_init__(self):
        object.__setattr__(self, "n", _check.integer("n", self.n, 1, _check.MOST_UNITS))

    def shape_out(self, shape: Shape) -> Shape:
        """(n,)."""
        return (self.n,)

    def blocks(self, shape: Shape) -> dict[str, tuple[int, int]]:
        """Weights (n_in, n), and recurrent ones (n, n): row i is what unit i sends."""
        return {"weights": (int(np.prod(shape)), self.n), "recurrent": (self.n, self.n)}

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

    def prepare(self, run: Forward, k: int) -> None:
        """Memory for currents, and the kernel that runs the neurons."""
        super().prepare(run, k)
        run.neurons[k] = neurons(run, k, kernels.fire, (run.conditions[k].blocks["recurrent"],))

    def prepare_back(self, run: Backward, k: int) -> None:
        """The kernel that runs them backwards, and the recurrent weights as it reads them."""
        block = run.stages[k].blocks["recurrent"]
        size = kernels.panels_of(block.rows, block.width)
        panels = run.scratch.array(f"panels {k}", size, run.dtype)
        panels[...] = kernels.in_panels(block.padded(run.flat))
        more = panels, run.parts(block)
        run.neurons[k] = neurons_back(run, k, kernels.fire_backward, more)
