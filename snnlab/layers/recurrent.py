"""`Recurrent`: every unit hears every input, and a step later every unit's spikes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from snnlab import _check
from snnlab.kernels import recurrent as kernels
from snnlab.layers.base import BlockShape, neurons, neurons_back
from snnlab.layers.constants import wanted
from snnlab.layers.dense import FullyConnected

if TYPE_CHECKING:
    from snnlab._types import Blocks, Shape
    from snnlab.passes import Backward, Forward


@dataclass(frozen=True, repr=False)
class Recurrent(FullyConnected):
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
    fixed : bool
        Whether what units send each other stays as it is: those weights are then no part of
        ``network.weights``, are not trained, pruned, scaled or decayed, and NIR does not tell of
        it.
    """

    fixed: bool = False

    recurrent_blocks: ClassVar[tuple[str, ...]] = ("recurrent",)
    sealed: ClassVar[bool] = True

    def __post_init__(self):
        super().__post_init__()
        _check.flag("fixed", self.fixed)

    def blocks(self, shape: Shape) -> dict[str, tuple[int, int] | BlockShape]:
        """Weights (n_in, n), and recurrent ones (n, n): row i is what unit i sends."""
        own = BlockShape(self.n, self.n, prunable=False, trainable=False)
        return super().blocks(shape) | {"recurrent": own if self.fixed else (self.n, self.n)}

    def _settings(self):
        """What tells it from others: files of before there was ``fixed`` are as they were."""
        return super()._settings() if self.fixed else {"n": self.n}

    def init(self, rng: np.random.Generator, shape: Shape, sd: float) -> Blocks:
        """Both blocks normal, whether they are learned or not."""
        out = super().init(rng, shape, sd)
        if self.fixed:
            out["recurrent"] = rng.normal(0, sd / np.sqrt(self.n), (self.n, self.n))
        return out

    def prepare(self, run: Forward, k: int) -> None:
        """Memory for currents, and the kernel that runs the neurons."""
        super().prepare(run, k)
        stage, more = run.stages[k], run.conditions[k].blocks["recurrent"]
        run.neurons[k] = neurons(run, k, kernels.fire_of(stage.width, stage.adapts), (more,))

    def prepare_back(self, run: Backward, k: int) -> None:
        """The kernel that runs them backwards, and the recurrent weights as it reads them."""
        self._turn_weights(run, k)
        stage = run.stages[k]
        block = stage.blocks["recurrent"]
        size = kernels.panels_of(block.rows, block.width)
        panels = run.scratch.array(f"panels {k}", size, run.dtype)
        panels[...] = kernels.in_panels(block.padded(run.flat))
        kind = stage.width, stage.surrogate, wanted(stage.neuron), stage.adapts
        more = panels, run.parts(block)
        run.neurons[k] = neurons_back(run, k, kernels.fire_backward_of(*kind), more)
