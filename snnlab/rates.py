"""Units that give rates: those of ordinary networks, without spikes, on the same engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from snnlab import _check
from snnlab.neurons import KINDS, LeakyIntegrator

MOST_LEVELS = 10_000


@dataclass(frozen=True, kw_only=True, repr=False)
class ReLU(LeakyIntegrator):
    """Unit of an ordinary network: gives what is positive of its potential, as a number.

    With the constants that are its defaults it has no memory, v[t] = W x[t], and a network of one
    step is an ordinary one. It gives ::

        y = max(v, 0)                                              rectified
        y = min(max(v, 0), v_th)                                   with a ceiling
        y = v_th floor(levels min(max(v / v_th, 0), 1) + 1/2) / levels    quantised, too

    The last is the clip-floor-shift of Bu et al. (2022): what an integrate-and-fire neuron that
    begins at half its threshold can say in ``levels`` steps. Backward, the floor passes its error
    on as if it were not there (straight through).

    Parameters
    ----------
    tau_mem, tau_syn, dt, gain, delay, method
        As for `LeakyIntegrator`.
    v_th : float or sequence of float, optional
        Ceiling, above 0, which becomes the threshold of a converted network; None: there is none.
    levels : int, optional
        Steps from 0 to the ceiling; None: as fine as numbers are.
    learn : str or sequence of str
        "v_th", to train the ceiling with the weights.
    learn_per : {"unit", "layer"}
        As for `LeakyIntegrator`, but that a layer learns one for all by default.

    Raises
    ------
    TypeError, ValueError
        As for `LeakyIntegrator`; ``levels``, or a ceiling that is learned, without ``v_th``.
    """

    tau_mem: float = 1e-3
    tau_syn: float | None = None
    dt: float = 1e-3
    method: str = "euler"
    learn_per: str = "layer"
    v_th: float | None = None
    levels: int | None = None

    learnable: ClassVar[tuple[str, ...]] = ("v_th",)

    def __post_init__(self):
        if self.v_th is not None:
            self._take("v_th", above=0)
        if self.levels is not None:
            _check.field(self, "levels", _check.integer, 1, MOST_LEVELS)
        super().__post_init__()
        if self.v_th is None and self.levels is not None:
            raise ValueError("levels must be None where there is no ceiling, v_th")
        if self.v_th is None and self.learn:
            raise ValueError("learn must be empty where there is no ceiling, v_th")

    def activation(self, v: np.ndarray) -> np.ndarray:
        """What units give at potentials (..., n), in plain NumPy."""
        v = _check.floats("v", v)
        top = np.asarray(_ceiling(self), v.dtype)
        y = np.minimum(np.maximum(v, 0), top)
        if self.levels is None:
            return y
        return np.floor(y / top * self.levels + v.dtype.type(0.5)) * (top / self.levels)

    def slope(self, v: np.ndarray) -> np.ndarray:
        """Its derivative by the potential, straight through the floor."""
        v = _check.floats("v", v)
        return ((v > 0) & (v < np.asarray(_ceiling(self)))).astype(v.dtype)

    def slope_by_threshold(self, v: np.ndarray) -> np.ndarray:
        """Its derivative by the ceiling, straight through the floor.

        Raises
        ------
        ValueError
            If there is no ceiling.
        """
        v = _check.floats("v", v)
        if self.v_th is None:
            raise ValueError("v_th is None: there is no ceiling")
        top = np.asarray(self.v_th, v.dtype)
        off = 0 if self.levels is None else self.slope(v) * (self.activation(v) - v) / top
        return (v >= top) + off


KINDS["ReLU"] = ReLU  # so that files are read


def _ceiling(unit):
    """Its ceiling, or none that is ever reached."""
    return np.inf if unit.v_th is None else unit.v_th


def activation(neuron: LeakyIntegrator, v: np.ndarray) -> np.ndarray | None:
    """What units give at potentials; None for neurons whose potential itself is heard."""
    return neuron.activation(v) if isinstance(neuron, ReLU) else None


def activation_slope(neuron: LeakyIntegrator, v: np.ndarray) -> np.ndarray | float:
    """Its derivative; 1 for neurons whose potential itself is heard."""
    return neuron.slope(v) if isinstance(neuron, ReLU) else 1.0
