r"""Surrogate derivatives: what the backward pass puts in place of the step's derivative.

A neuron spikes where ``u = v - v_th > 0``; that step has slope zero almost everywhere. Each entry
below is a slope ``h(u)`` with a *steepness* k, and the soft step whose derivative it is (up to a
constant), so that a network with the soft step in place of the hard one has exactly the gradients
the backward pass computes. Every h is finite for every finite u.

============ =============================== ======== ========= ==============================
name         h(u)                            h(0)     area      source
============ =============================== ======== ========= ==============================
superspike   1 / (k|u| + 1)^2                1        2 / k     Zenke & Ganguli 2018; Cramer et
                                                                al. 2022, with k = 50
arctan       (k/2) / (1 + (pi k u / 2)^2)    k / 2    1         Fang et al. 2021; Chen et al.
                                                                2021, with k = 2
triangle     max(0, 1 - k|u|)                1        1 / k     Bellec et al. 2018
sigmoid      k s (1 - s), s = 1/(1+e^(-ku))  k / 4    1         Neftci et al. 2019
gaussian     k exp(-(ku)^2 / 2) / sqrt(2pi)  k / 2.51 1         Yin et al. 2021
rectangle    k where |u| < 1/(2k), else 0    k        1         Wu et al. 2018
============ =============================== ======== ========= ==============================

*h(0)* is the scale of the gradient at threshold, *area* the height of the soft step: surrogates of
equal steepness do not pass equally much gradient.

One of one's own is a function ``h(u, k)`` of arrays, in NumPy or compiled: ``LIF(surrogate=h)``. It
is known by its name from then on, in files too (`own`). Kernels read its values from an array, as
they do where the steepness differs from neuron to neuron.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["NAMES", "own", "slope", "soft_step"]

# the kernels know a surrogate by its place in this list (`snnlab.kernels.lif`)
NAMES = ("superspike", "arctan", "triangle", "sigmoid", "gaussian", "rectangle")
OWN = {}  # functions of one's own by name
_GAUSS = float(1 / np.sqrt(2 * np.pi))


def _real(u):
    """Potentials as an array of floats."""
    _check.unmasked("u", u)
    try:
        u = np.asarray(u)
    except ValueError:
        raise TypeError("u must be an array of numbers") from None
    if u.dtype.kind not in "biuf":
        raise TypeError(f"u must hold numbers, not {u.dtype}")
    return u if u.dtype.kind == "f" else u.astype(np.float64)


def own(function: Callable) -> Callable:
    """Make a surrogate derivative of one's own known by its name; may be used as a decorator.

    Parameters
    ----------
    function : callable
        ``h(u, k)``: from potentials minus threshold (..., neuron) and the steepness, a float or an
        array (neuron,), to an array like ``u``, finite. Several threads call it at once. A second
        one of the same name takes the place of the first, also in networks that there are.

    Returns
    -------
    callable
        The function.

    Raises
    ------
    TypeError, ValueError
        Something else, a name that is taken by one of `NAMES`, or none (a lambda has none).
    """
    _check.function("surrogate", function, 2)
    if isinstance(function, type) or getattr(function, "nin", 2) != 2:  # a ufunc takes ``out``
        raise TypeError(f"surrogate must be a function of potentials and steepness: {function!r}")
    name = getattr(function, "__name__", "")
    if not name.isidentifier():
        raise ValueError("surrogate must be a function with a name: files tell it by that")
    if name in NAMES:
        raise ValueError(f"surrogate must not be called {name!r}, which is one of snnlab's")
    OWN[name] = function
    return function


def _own_slope(name, u, k):
    """What a function of one's own says, if it makes sense."""
    what = f"what surrogate {name!r} returns"
    return _check.array(what, OWN[name](u, k), u.dtype, u.shape)


def _steepness(value, u):
    """A number above 0, or one per neuron."""
    if not np.ndim(value):
        return _check.number("steepness", value, above=0)
    k = _check.array("steepness", value, u.dtype, u.shape[-1:])
    if not (k > 0).all():
        raise ValueError("steepness must be above 0")
    return k


def slope(name: str, u: np.ndarray, steepness: float | np.ndarray) -> np.ndarray:
    """Surrogate derivative h(u).

    Parameters
    ----------
    name : str
        One of `NAMES`, or that of a function of one's own (`own`).
    u : array of float
        Potential minus threshold, any shape.
    steepness : float or array of float
        k > 0, in units of 1 / u; or one per neuron, for the last axis of ``u``.

    Returns
    -------
    array like ``u``
    """
    _check.one_of("name", name, (*NAMES, *OWN))
    u = _real(u)
    k = _steepness(steepness, u)
    if name in OWN:
        return _own_slope(name, u, k)
    with np.errstate(over="ignore", under="ignore"):  # far out a square is inf, and h is 0
        if name == "superspike":
            return 1 / (k * np.abs(u) + 1) ** 2
        if name == "arctan":
            return 0.5 * k / (1 + (0.5 * np.pi * k * u) ** 2)
        if name == "triangle":
            return np.maximum(0, 1 - k * np.abs(u))
        if name == "sigmoid":
            x = np.exp(-k * np.abs(u))
            return k * x / (1 + x) ** 2
        if name == "gaussian":
            return k * _GAUSS * np.exp(-0.5 * (k * u) ** 2)
        return (np.abs(u) * k < 0.5) * np.asarray(k, u.dtype)


def soft_step(name: str, u: np.ndarray, steepness: float) -> np.ndarray:
    """Soft step whose derivative is `slope`; 1/2 of its height at u = 0.

    Parameters and errors as in `slope`; float64.
    """
    _check.one_of("name", name, NAMES)
    k = _check.number("steepness", steepness, above=0)
    u = _real(u).astype(np.float64)
    if name == "superspike":
        return 1 / k + u / (1 + k * np.abs(u))
    if name == "arctan":
        return 0.5 + np.arctan(0.5 * np.pi * k * u) / np.pi
    if name == "triangle":
        x = np.clip(k * u, -1, 1)
        return (0.5 + x - 0.5 * x * np.abs(x)) / k
    if name == "sigmoid":
        return 0.5 + 0.5 * np.tanh(0.5 * k * u)
    if name == "gaussian":
        from scipy.special import ndtr

        return ndtr(k * u)
    return np.clip(0.5 + k * u, 0, 1)
