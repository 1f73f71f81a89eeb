"""Schedules: functions ``(epoch, epochs) -> factor`` of the learning rate.

``epoch`` is a float that counts the epochs gone by.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check

if TYPE_CHECKING:
    from collections.abc import Callable

    from snnlab._types import Schedule


def constant(epoch: float, epochs: int) -> float:
    """Learning rate as given, all the time."""
    return 1.0


def checked_times(epoch: float, epochs: float) -> tuple[float, float]:
    """Epochs gone by, and in all, as floats; both must be finite and at least 0."""
    pairs = ("epoch", epoch), ("epochs", epochs)
    return tuple(_check.number(name, x, at_least=0) for name, x in pairs)


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
        _check.field(self, "factor", _check.number, above=0, at_most=1)

    def __call__(self, epoch: float, epochs: int) -> float:
        """Factor after ``epoch`` epochs."""
        epoch, _ = checked_times(epoch, epochs)
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
        _check.field(self, "warmup", _check.number, at_least=0)
        _check.field(self, "end", _check.number, at_least=0, at_most=1)

    def __call__(self, epoch: float, epochs: int) -> float:
        """Factor after ``epoch`` of ``epochs`` epochs."""
        epoch, epochs = checked_times(epoch, epochs)
        if epoch < self.warmup:
            return epoch / self.warmup
        done = (epoch - self.warmup) / max(epochs - self.warmup, 1e-9)
        return self.end + (1 - self.end) * 0.5 * (1 + np.cos(np.pi * min(done, 1.0)))


SCHEDULES = {"constant": lambda: constant, "exponential": Exponential, "cosine": Cosine}


def resolve_schedule(schedule: Schedule) -> Callable[[float, int], float]:
    """A schedule from its name or from any callable."""
    if isinstance(schedule, str):
        return SCHEDULES[_check.one_of("schedule", schedule, tuple(SCHEDULES))]()
    if not callable(schedule):
        raise TypeError("schedule must be a name or a function of (epoch, epochs)")
    return _check.function("schedule", schedule, 2)
