"""Signals: what layers hear. Spikes as events, currents that stay the same, values step by step.

All of them have ``n_steps``, ``n_units``, a length (samples), ``events`` for the kernels that
follow spikes (none where there are no spikes), and ``values``, an array, for all others.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab._binning import BinningReport, binned, tell_of_cut
from snnlab.currents import ConstantCurrent, Values, checked_part, chosen_samples
from snnlab.kernels import events

__all__ = ["BinningReport", "SpikeTrains"]

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Self

    from numpy.typing import ArrayLike, DTypeLike

    from snnlab._types import Signals


def read_only(x: ArrayLike) -> np.ndarray:
    """A view of an array that cannot be written through."""
    view = _check.as_array("x", x).view()
    view.flags.writeable = False
    return view


class SpikeTrains:
    """A batch of spike trains as events, in the manner of SciPy's compressed rows.

    Sample ``s`` owns the events ``indptr[s] : indptr[s + 1]``; each says in which step which unit
    spikes. A unit spikes at most once per step.

    Parameters
    ----------
    indptr : array of int, (n_samples + 1,)
        Where each sample's events begin and end; starts with 0, never falls.
    step : array of int, (n_events,)
        Time step of each event, in [0, n_steps), never falling within a sample.
    unit : array of int, (n_events,)
        Unit of each event, in [0, n_units).
    n_steps, n_units : int
        Extent of time (in steps) and of the layer.

    Raises
    ------
    TypeError, ValueError
        Arrays of the wrong kind or length; events unsorted, out of range or doubled.

    Notes
    -----
    Batches are views: ``trains[indices]`` copies no events. Inside, sample ``s`` owns the events
    ``start[s] : stop[s]`` of arrays that several batches may share.
    """

    def __init__(
        self, indptr: ArrayLike, step: ArrayLike, unit: ArrayLike, n_steps: int, n_units: int
    ) -> None:
        n_steps = _check.integer("n_steps", n_steps, 1, _check.MOST_STEPS)
        n_units = _check.integer("n_units", n_units, 1, _check.MOST_UNITS)
        for name, value in (("indptr", indptr), ("step", step), ("unit", unit)):
            value = _check.as_array(name, value)
            if value.size and value.dtype.kind not in "iu":
                raise TypeError(f"{name} must hold integers, not {value.dtype}")
        indptr = _check.array("indptr", indptr, np.int64, (None,))
        step = _check.array("step", step, np.int32, (None,))
        unit = _check.array("unit", unit, np.int32, (None,))
        if step.size != unit.size:
            raise ValueError(f"step and unit must be equally long, got {step.size}, {unit.size}")
        if indptr.size == 0 or indptr[0] != 0 or indptr[-1] != step.size:
            raise ValueError(f"indptr must run from 0 to the number of events, {step.size}")
        if np.any(indptr[1:] < indptr[:-1]):  # a difference could wrap around
            raise ValueError("indptr must not fall")
        last = np.zeros(n_units, np.int64)  # memory that is not written costs none
        k, rule = events.first_fault(indptr[:-1], indptr[1:], step, unit, n_steps, n_units, last)
        if rule == 1:
            raise ValueError(f"step must lie in 0 ... {n_steps - 1}; event {k} has {step[k]}")
        if rule == 2:
            raise ValueError(f"unit must lie in 0 ... {n_units - 1}; event {k} has {unit[k]}")
        if rule == 3:
            raise ValueError(f"step must be sorted within a sample; event {k} is too early")
        if rule == 4:
            raise ValueError(f"unit {unit[k]} spikes twice in step {step[k]} (event {k})")
        start, stop = indptr[:-1].copy(), indptr[1:].copy()
        self._set(start, stop, step.copy(), unit.copy(), n_steps, n_units)

    def _set(self, start, stop, step, unit, n_steps, n_units):
        self._start, self._stop, self._step, self._unit = start, stop, step, unit
        self._n_steps, self._n_units = n_steps, n_units

    # what kernels are given is not to be changed: they check nothing
    n_steps = property(attrgetter("_n_steps"), doc="Number of time steps.")
    n_units = property(attrgetter("_n_units"), doc="Number of units.")
    start = property(
        lambda self: read_only(self._start), doc="Where samples' events begin; between may be room."
    )
    stop = property(lambda self: read_only(self._stop), doc="Where they end.")
    step = property(lambda self: read_only(self._step), doc="Steps of events: see `start`.")
    unit = property(lambda self: read_only(self._unit), doc="Units of events: see `start`.")

    @classmethod
    def wrap(cls, *parts: Any) -> Self:
        """Wrap arrays that are known to be right (made by a kernel)."""
        self = cls.__new__(cls)
        self._set(*parts)
        return self

    @classmethod
    def from_dense(cls, z: ArrayLike) -> Self:
        """Events of a dense array of 0 and 1, (n_samples, n_steps, n_units)."""
        z = _check.as_array("z", z)
        if z.ndim != 3:
            raise ValueError(f"z must have shape (sample, time, unit), got {z.shape}")
        if z.dtype.kind not in "biuf":
            raise TypeError(f"z must hold only 0 and 1, not {z.dtype}")
        if not np.all((z == 0) | (z == 1)):
            raise ValueError("z must hold only 0 and 1")
        sample, step, unit = np.nonzero(z)
        indptr = np.searchsorted(sample, np.arange(len(z) + 1))
        return cls(indptr, step, unit, z.shape[1], z.shape[2])

    @classmethod
    def from_events(
        cls,
        times: ArrayLike,
        units: ArrayLike,
        samples: ArrayLike | None = None,
        *,
        indptr: ArrayLike | None = None,
        dt: float,
        n_units: int,
        n_steps: int | None = None,
        n_samples: int | None = None,
        ordered: bool = True,
        cut: bool = False,
        allow_empty: bool = False,
        return_report: bool = False,
    ) -> Self | tuple[Self, BinningReport]:
        """Spike trains of recordings, from the time of each event: binned into steps of ``dt``.

        An event at time t is in step ``floor(t / dt)``. Several of a unit in one step are one
        spike. Recordings that end early are silent from then on.

        Parameters
        ----------
        times : array of float or int, (n_events,)
            From the start of its recording, in the unit of ``dt`` (which need not be seconds).
        units : array of int, (n_events,)
            In [0, n_units).
        samples : array of int, (n_events,), optional
            The recording that each event is of, in any order. By default all are of one.
        indptr : array of int, (n_samples + 1,), optional
            Instead of ``samples``, where events stand recording by recording: those of recording s
            are ``indptr[s] : indptr[s + 1]``.
        dt : float
            Length of a step.
        n_units : int
            Extent of the layer.
        n_steps : int, optional
            Extent of time; by default as long as the longest recording.
        n_samples : int, optional
            Number of recordings, if it does not follow from ``samples``.
        ordered : bool
            Times never fall within a recording, as a sensor tells them: where they do, something
            is wrong with them. False takes them in any order.
        cut : bool
            Leave out events after the last step, and warn of how many there were; else recordings
            that are longer are refused.
        allow_empty : bool
            Take recordings without any event; else they are refused.
        return_report : bool
            Return also what became of the events, instead of a warning.

        Returns
        -------
        SpikeTrains
        report : BinningReport
            ``events, kept, doubles, cut, recordings_cut``: numbers. Only with ``return_report``.

        Raises
        ------
        TypeError, ValueError
            Times that are negative, not finite or run backwards, units or samples out of range,
            recordings that are too long or empty; the message names the argument.
        MemoryError
            More recordings than the machine has memory for.

        Examples
        --------
        >>> trains = SpikeTrains.from_events([0.1, 0.4, 0.5, 2.0], [3, 3, 3, 0], dt=0.5, n_units=4)
        >>> trains.step.tolist(), trains.unit.tolist()
        ([0, 1, 4], [3, 3, 0])
        """
        return_report = _check.flag("return_report", return_report)
        extent = {"dt": dt, "n_steps": n_steps, "n_units": n_units, "n_samples": n_samples}
        how = {"ordered": ordered, "cut": cut, "allow_empty": allow_empty}
        parts, report = binned(times, units, samples, indptr, **extent, **how)
        if return_report:
            return cls.wrap(*parts), report
        tell_of_cut(report, n_steps)
        return cls.wrap(*parts)

    @classmethod
    def concatenate(cls, trains: Sequence[SpikeTrains]) -> Self:
        """All samples of several batches, one batch after another; copied.

        Parameters
        ----------
        trains : sequence of SpikeTrains
            At least one; of the same numbers of steps and units.

        Raises
        ------
        TypeError, ValueError
            Something else than spike trains, or of other extent; the message names which.
        """
        trains = _check.sequence("trains", trains, of="SpikeTrains")
        if not trains:
            raise ValueError("trains must hold at least one batch")
        for k, part in enumerate(trains):
            _check.kind("SpikeTrains")(f"trains[{k}]", part)
            extent, wanted = (part.n_steps, part.n_units), (trains[0].n_steps, trains[0].n_units)
            if extent != wanted:
                raise ValueError(
                    f"trains[{k}] has {extent[0]} steps and {extent[1]} units, trains[0] "
                    f"{wanted[0]} and {wanted[1]}"
                )
        packed = [part.compact() for part in trains]
        step, unit = (np.concatenate([getattr(p, k) for p in packed]) for k in ("step", "unit"))
        counts = np.concatenate([part.counts() for part in trains])
        stop = np.cumsum(counts)
        return cls.wrap(stop - counts, stop, step, unit, trains[0].n_steps, trains[0].n_units)

    def to_dense(self, dtype: DTypeLike = np.float32) -> np.ndarray:
        """Array of 0 and 1, (n_samples, n_steps, n_units)."""
        return self.values(0, len(self), _check.plain_type("dtype", dtype))

    def rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Sample and position of every event, sample by sample: two arrays (n_events,)."""
        counts = self.counts()
        which = np.repeat(np.arange(len(self)), counts)
        first = np.cumsum(counts) - counts
        return which, np.arange(counts.sum()) - np.repeat(first - self._start, counts)

    def _sorted(self):
        """Sample, step and unit of every event, in this order: (3, n_events)."""
        which, events_ = self.rows()
        found = np.array([which, self._step[events_], self._unit[events_]])
        return found[:, np.lexsort(found[::-1])]

    def compact(self) -> SpikeTrains:
        """The same trains with their events in one piece, sample by sample, nothing between."""
        _, events_ = self.rows()
        stop = np.cumsum(self.counts())
        start = stop - self.counts()
        step, unit = self._step[events_], self._unit[events_]
        return self.wrap(start, stop, step, unit, self.n_steps, self.n_units)

    @property
    def indptr(self) -> np.ndarray:
        """Where each sample's events begin and end once `compact`, (n_samples + 1,)."""
        return np.concatenate([[0], np.cumsum(self.counts())]).astype(np.int64)

    @property
    def events(self) -> tuple[np.ndarray, ...]:
        """``start, stop, step, unit``: arrays as kernels take them."""
        return self._start, self._stop, self._step, self._unit

    def values(self, lo: int, hi: int, dtype: DTypeLike) -> np.ndarray:
        """Samples lo to hi - 1 as an array of 0 and 1, (hi - lo, n_steps, n_units)."""
        lo, hi, dtype = checked_part(self, lo, hi, dtype)
        z = np.empty((hi - lo, self.n_steps, self.n_units), dtype)
        events.mark(self._start[lo:hi], self._stop[lo:hi], self._step, self._unit, 0, hi - lo, z)
        return z

    def counts(self) -> np.ndarray:
        """Spikes per sample, (n_samples,)."""
        return self._stop - self._start

    def unit_counts(self, dtype: DTypeLike = np.int64) -> np.ndarray:
        """Spikes per sample and unit, (n_samples, n_units); a ``dtype`` must hold them."""
        dtype = _check.plain_type("dtype", dtype)
        small = dtype.kind == "b" or (dtype.kind != "f" and self.n_steps > np.iinfo(dtype).max)
        counts = np.zeros((len(self), self.n_units), np.int64 if small else dtype)
        events.count_units(self._start, self._stop, self._unit, counts)
        return _check.cast("dtype", counts, dtype) if small else counts

    def __len__(self) -> int:
        return len(self._start)

    def __getitem__(self, index: Any) -> Self:
        """The trains of some samples (an int, a slice, a mask or an array of indices); a view."""
        chosen = chosen_samples(len(self), index)
        start, stop = self._start[chosen], self._stop[chosen]
        return self.wrap(start, stop, self._step, self._unit, self.n_steps, self.n_units)

    def __eq__(self, other):
        if not isinstance(other, SpikeTrains):
            return NotImplemented
        if (self.n_steps, self.n_units) != (other.n_steps, other.n_units):
            return False
        if not np.array_equal(self.counts(), other.counts()):
            return False
        return np.array_equal(self._sorted(), other._sorted())

    __hash__ = None

    def __reduce__(self):  # neither the events of others nor room that nobody wrote to
        packed = self.compact()
        return type(self).wrap, (*packed.events, self.n_steps, self.n_units)

    def __repr__(self):
        per = self.counts().mean() if len(self) else 0.0
        return (
            f"SpikeTrains({len(self)} samples, {self.n_steps} steps, {self.n_units} units, "
            f"{per:.1f} spikes per sample)"
        )


def check_inputs(
    name: str, inputs: Signals, n_units: int, n_steps: int, dtype: DTypeLike = np.float64
) -> None:
    """Refuse what is no batch of inputs for a network of so many inputs and steps.

    In ``dtype``, in which the network computes, its numbers must be finite.
    """
    if not isinstance(inputs, SpikeTrains | ConstantCurrent | Values):
        raise TypeError(
            f"{name} must be SpikeTrains, ConstantCurrent or Values, not {type(inputs).__name__}"
        )
    if len(inputs) == 0:
        raise ValueError(f"{name} must hold at least one sample")
    if type(n_units) is not int or type(n_steps) is not int:
        n_units, n_steps = _check.integer("n_units", n_units), _check.integer("n_steps", n_steps)
    if inputs.n_units != n_units:
        raise ValueError(f"{name} has {inputs.n_units} units, the network {n_units}")
    if inputs.n_steps != n_steps:
        raise ValueError(f"{name} has {inputs.n_steps} steps, the network {n_steps}")
    x, dtype = getattr(inputs, "x", None), _check.float_type("dtype", dtype)
    if x is not None and x.dtype.itemsize > dtype.itemsize:
        top = max(float(x.max()), -float(x.min()))
        if top > float(np.finfo(dtype).max):
            raise ValueError(f"{name} reaches {top:.3g}: the network computes in {dtype}")
