"""`Residual`: layers whose input is added to what they make of it."""

from dataclasses import dataclass

from snnlab.layers.base import Composite, Layer, Linear


@dataclass(frozen=True, repr=False)
class Residual(Composite):
    """Layers whose input is added to the currents of the last one (He et al. 2016).

    Parameters
    ----------
    layers : Layer or sequence of Layer
        One after the other, or in a list. The last one is a map and a neuron, of as many units as
        the input has.
    """

    layers: tuple

    def __init__(self, layers, *more):
        layers = (*layers, *more) if isinstance(layers, tuple | list) else (layers, *more)
        if not layers or not all(isinstance(layer, Layer) for layer in layers):
            raise TypeError("layers must be layers, at least one")
        if not isinstance(layers[-1], Linear):
            raise TypeError(f"layers must end with a map and a neuron, not {layers[-1]!r}")
        object.__setattr__(self, "layers", layers)

    @property
    def shortcut(self):
        """The input is added."""
        return True

    def shape_out(self, shape):
        """As the input's."""
        out = super().shape_out(shape)
        if out != shape:
            raise ValueError(f"layers of a Residual must give {shape} as they hear it, not {out}")
        return out
