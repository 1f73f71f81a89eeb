"""`Residual`: layers whose input is added to what they make of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from snnlab.layers.base import Composite, Layer, Linear

if TYPE_CHECKING:
    from collections.abc import Sequence

    from snnlab._types import Shape


@dataclass(frozen=True, repr=False)
class Residual(Composite):
    """Layers whose input is added to the currents of the last one (He et al. 2016).

    Where images become smaller or get more channels, the shortcut has no parameters either (their
    option A): of the input every second, or third, ... place is added, as many as there are in the
    output, and to channels that the input does not have, nothing.

    Parameters
    ----------
    layers : Layer or sequence of Layer
        One after the other, or in a list. The last one is a map and a neuron, of as many units as
        the input has, or of images that its own become as above.
    """

    layers: tuple

    def __init__(self, layers: Layer | Sequence[Layer], *more: Layer) -> None:
        layers = (*layers, *more) if isinstance(layers, tuple | list) else (layers, *more)
        if not layers or not all(isinstance(layer, Layer) for layer in layers):
            raise TypeError("layers must be layers, at least one")
        if not isinstance(layers[-1], Linear):
            raise TypeError(f"layers must end with a map and a neuron, not {layers[-1]!r}")
        object.__setattr__(self, "layers", layers)

    @property
    def shortcut(self) -> bool:
        """The input is added."""
        return True

    def shape_out(self, shape: Shape) -> Shape:
        """As the input's, or smaller images of at least as many channels."""
        out = super().shape_out(shape)
        units_added(shape, out)
        return out


def units_added(shape, out):
    """Which unit of an input each unit of the output is added, (n,) with -1 for none.

    None if each is added its own; ValueError if shapes do not fit.
    """
    if shape == out:
        return None
    if len(shape) == len(out) == 3 and shape[2] <= out[2]:
        every = -(-shape[0] // out[0])
        taken = np.arange(np.prod(shape)).reshape(shape)[::every, ::every]
        if taken.shape[:2] == out[:2]:
            units = np.full(out, -1)
            units[:, :, : shape[2]] = taken
            return units.ravel()
    images = " (or smaller images, of every second or third place)" if len(shape) == 3 else ""
    raise ValueError(f"layers of a Residual must give {shape} as they hear it{images}, not {out}")
