"""What annotations call the arguments that many functions share; readers and type checkers ask."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.random import RandomState
from numpy.typing import ArrayLike

from snnlab.currents import ConstantCurrent, Values
from snnlab.neurons import LIF, LeakyIntegrator
from snnlab.signals import SpikeTrains

Signals = SpikeTrains | ConstantCurrent | Values
PathLike = str | os.PathLike[str]
Seed = int | np.random.Generator
Randomness = int | RandomState | np.random.Generator | None
Shape = tuple[int, ...]
Blocks = dict[str, np.ndarray]  # parameters of a layer, or gradients by them, by name
Neuron = LIF | LeakyIntegrator


class Batches(Protocol):
    """A stream: samples that are made when they are asked for."""

    def __len__(self) -> int:
        """Number of samples."""

    def batch(self, index: np.ndarray, rng: np.random.Generator) -> Signals:
        """Some of them."""


class Optimizer(Protocol):
    """What changes a network's parameters; rules of rewiring do, too."""

    lr: float

    def step(self, network: Any, gradients: Any, factor: float = 1.0) -> None:
        """Update them in place."""


Inputs = Signals | Batches
Features = ArrayLike | Signals
Loss = str | Callable[[np.ndarray, Any], tuple[float, np.ndarray]]
Schedule = str | Callable[[float, int], float]
Penalties = object | Sequence[object]  # see `snnlab.penalties`
