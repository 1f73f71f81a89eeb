"""Signals without spikes: currents that stay the same, and values step by step."""

from __future__ import annotations

import copy
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check

if TYPE_CHECKING:
    from typing import Any, Self

    from numpy.typing import ArrayLike, DTypeLike

__all__ = ["ConstantCurrent", "Values"]

NO_EVENTS = (*[np.empty(0, np.int64)] * 2, *[np.empty(0, np.int32)] * 2)

SPARSE = 0.25  # share of inputs other than the background up to which skipping it is faster


def chosen_samples(n: int, index: Any) -> np.ndarray:
    """Numbers of the chosen samples, (m,), from an int, a slice, a mask or an array of indices."""
    n = _check.integer("n", n, 0)
    if not isinstance(index, slice):
        index = _indices(index)
    try:
        chosen = np.atleast_1d(np.arange(n)[index])
    except OverflowError:
        raise IndexError(f"index {index} is out of bounds for {n} samples") from None
    if chosen.ndim != 1:
        raise IndexError(f"index must have one axis, not {chosen.ndim}")
    return chosen


def _indices(index):
    """Indices, or a mask, as an array; an empty one of any type."""
    if isinstance(index, tuple):
        raise IndexError("index must choose among samples alone: there is one axis, got a tuple")
    x = _check.as_array("index", index)
    if isinstance(index, bool | np.bool_) or (x.size and x.dtype.kind not in "biu"):
        raise IndexError("index must be an int, a slice, a mask or an array of indices")
    return x if x.dtype.kind in "biu" else x.astype(np.int64)


def checked_part(signal, lo, hi, dtype):
    """Numbers of samples, from lo to hi - 1, and a type of numbers."""
    hi = _check.integer("hi", hi, 0, len(signal))
    return _check.integer("lo", lo, 0, hi), hi, _check.plain_type("dtype", dtype)


class ConstantCurrent:
    """Input that stays the same in every step: unit i feeds ``x[i]`` in each of ``n_steps`` steps.

    Parameters
    ----------
    x : array of float, (n_samples, n_units)
        Copied: as float64 if it is an array of that (or more), else as float32, lists, too.
    n_steps : int
    """

    def __init__(self, x: ArrayLike, n_steps: int) -> None:
        x = _check.array("x", x, _check.precision("x", x), (None, None))
        if x.shape[1] == 0:
            raise ValueError(f"x must have units, got shape {x.shape}")
        self._x = x.copy()
        self._n_steps = _check.integer("n_steps", n_steps, 1, _check.MOST_STEPS)
        self._background = ()  # not known yet

    # what kernels are given was looked at once: no other array takes its place
    x = property(attrgetter("_x"), doc="What each unit feeds, array (n_samples, n_units).")
    n_steps = property(attrgetter("_n_steps"), doc="Number of time steps.")

    @property
    def n_units(self) -> int:
        """Number of input units."""
        return self.x.shape[1]

    @property
    def background(self) -> float | None:
        """The value that most of ``x`` has, or None where it is not worth skipping.

        More than half of any image is background: then it is the median of the first. Looked at
        once: products with these inputs are right whatever it is (`snnlab.kernels.drive`).
        """
        if isinstance(self._background, tuple):
            x = self.x
            if not x.size:
                return None
            c = np.partition(x[0], x.shape[1] // 2)[x.shape[1] // 2]
            self._background = c if np.count_nonzero(x != c) <= SPARSE * x.size else None
        return self._background

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: Any) -> Self:
        """The input of some samples; a view if ``index`` is a slice."""
        chosen = index if isinstance(index, slice) else chosen_samples(len(self), index)
        part = copy.copy(self)  # its values have been checked
        part._x = np.ascontiguousarray(self.x[chosen])
        part._background = ()
        return part

    @property
    def events(self) -> tuple[np.ndarray, ...]:
        """None: arrays of length 0."""
        return NO_EVENTS

    def values(self, lo: int, hi: int, dtype: DTypeLike) -> np.ndarray:
        """Samples lo to hi - 1 as an array with one step for all, (hi - lo, 1, n_units)."""
        lo, hi, dtype = checked_part(self, lo, hi, dtype)
        return self.x[lo:hi, None].astype(dtype, copy=False)

    def to_dense(self, dtype: DTypeLike = np.float32) -> np.ndarray:
        """Array (n_samples, n_steps, n_units), the same in every step; ``dtype`` must hold it."""
        x = _check.cast("dtype", self.x[:, None], _check.plain_type("dtype", dtype))
        return np.repeat(x, self.n_steps, axis=1)

    def __repr__(self):
        return f"ConstantCurrent({len(self)} samples, {self.n_steps} steps, {self.n_units} units)"


class Values:
    """Input of any values: in step t unit i feeds ``x[t, i]``.

    Parameters
    ----------
    x : array of float, (n_samples, n_steps, n_units)
        Copied: as float64 if it is an array of that (or more), else as float32, lists, too.

    Raises
    ------
    TypeError, ValueError
        If it is no array of finite numbers with three axes, none of them empty but the first.
    """

    def __init__(self, x: ArrayLike) -> None:
        x = _check.array("x", x, _check.precision("x", x), (None, None, None))
        if 0 in x.shape[1:]:
            raise ValueError(f"x must have steps and units, got shape {x.shape}")
        self._x = x.copy()

    @classmethod
    def wrap(cls, x: np.ndarray) -> Self:
        """Values of an array that is known to be right, which is not copied."""
        self = cls.__new__(cls)
        self._x = x
        return self

    x = property(attrgetter("_x"), doc="The values, array (n_samples, n_steps, n_units).")

    @property
    def n_steps(self) -> int:
        """Number of time steps."""
        return self.x.shape[1]

    @property
    def n_units(self) -> int:
        """Number of input units."""
        return self.x.shape[2]

    @property
    def events(self) -> tuple[np.ndarray, ...]:
        """None: arrays of length 0."""
        return NO_EVENTS

    def values(self, lo: int, hi: int, dtype: DTypeLike) -> np.ndarray:
        """Samples lo to hi - 1, (hi - lo, n_steps, n_units)."""
        lo, hi, dtype = checked_part(self, lo, hi, dtype)
        return self.x[lo:hi].astype(dtype, copy=False)

    def to_dense(self, dtype: DTypeLike = np.float32) -> np.ndarray:
        """Array (n_samples, n_steps, n_units); ``dtype`` must hold it."""
        return _check.cast("dtype", self.x, _check.plain_type("dtype", dtype))

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: Any) -> Self:
        """The values of some samples; a view if ``index`` is a slice."""
        chosen = index if isinstance(index, slice) else chosen_samples(len(self), index)
        return self.wrap(self.x[chosen])

    def __repr__(self):
        return f"Values({len(self)} samples, {self.n_steps} steps, {self.n_units} units)"
