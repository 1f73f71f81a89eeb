"""`Vote`: units vote for classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab.layers.base import Transform

if TYPE_CHECKING:
    from snnlab._types import Shape


@dataclass(frozen=True, repr=False)
class Vote(Transform):
    """Units vote for classes: the mean of as many units, one after the other, for each class.

    Parameters
    ----------
    classes : int
        There must be a multiple of as many units.
    """

    classes: int

    def __post_init__(self):
        _check.field(self, "classes", _check.integer, 1, _check.MOST_UNITS)

    def shape_out(self, shape: Shape) -> Shape:
        """(classes,)."""
        n = int(np.prod(shape))
        if n % self.classes:
            raise ValueError(f"Vote shares units out to {self.classes} classes, not {n} of them")
        return (self.classes,)

    def values(self, x: np.ndarray) -> np.ndarray:
        """Means of the classes' units."""
        return x.reshape(*x.shape[:2], self.classes, -1).mean(-1)

    def adjoint(self, g: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """In equal parts."""
        each = int(np.prod(x.shape[2:])) // self.classes
        return np.repeat(g / each, each, axis=-1).reshape(x.shape)
