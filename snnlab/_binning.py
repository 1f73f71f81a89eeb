"""Binning: from times of events, as sensors and files give them, to steps, each unit once in each.

The checks and the work of `snnlab.SpikeTrains.from_events`, on plain arrays.
"""

import warnings
from typing import NamedTuple

import numpy as np

from snnlab import _check
from snnlab.kernels import events
from snnlab.memory import giga, short_of

ON_BORDER = 1e-12  # relative: as near to a border between two steps, a time is taken to be on it
FAR = 2.0**53  # a step that is later than all
RECORDING = 40  # bytes of a recording, with or without events: where it begins and ends


class BinningReport(NamedTuple):
    """What became of events when they were binned: those that are left are ``kept``."""

    events: int
    kept: int
    doubles: int  # of a unit that spiked in the step already
    cut: int  # in steps from n_steps on
    recordings_cut: int  # that had some of these


def binned(times, units, samples, indptr, *, dt, n_steps, n_units, n_samples, tick=1.0, **how):
    """Events of recordings as steps of spike trains; arguments as of ``from_events``.

    Parameters
    ----------
    tick : float
        How much a time of 1 is, in the unit of ``dt``.
    how : bool
        ``ordered``, ``cut`` and ``allow_empty``.

    Returns
    -------
    parts : tuple
        ``start, stop, step, unit, n_steps, n_units``, as `SpikeTrains.wrap` takes them.
    report : BinningReport
    """
    how = {name: _check.flag(name, value) for name, value in how.items()}
    dt = _check.number("dt", dt, above=0)
    n_units = _check.integer("n_units", n_units, 1, _check.MOST_UNITS)
    times = _check.array("times", times, np.float64, (None,))
    units = _integers("units", units)
    if units.size != times.size:
        raise ValueError(f"units must be as many as times, {times.size:,}, got {units.size:,}")
    _check_range("times", times, None)
    _check_range("units", units, n_units)
    source = "times" if samples is indptr is None else "indptr" if samples is None else "samples"
    order, indptr = _recordings(samples, indptr, n_samples, times.size, how["allow_empty"])
    order = _in_time(times, order, indptr, how["ordered"])
    if order is not None:
        times, units = times[order], units[order]
    step = _steps(times, _check.number("dt / tick", dt / tick, above=0))
    n_steps = _extent(step, n_steps, dt)
    recordings_cut = _check_ends(step, indptr, n_steps, how["cut"])

    kept = np.zeros(len(indptr), np.int64)
    to_step, to_unit = np.empty((2, step.size), np.int32)
    last = np.zeros(n_units, np.int64)  # memory that is not written costs none
    doubles = events.merge(indptr, step, units, n_steps, last, kept, to_step, to_unit)
    n = int(kept[-1])
    if not how["allow_empty"]:
        _check_all_heard(source, kept, indptr)
    parts = kept[:-1].copy(), kept[1:].copy(), to_step[:n].copy(), to_unit[:n].copy()
    report = BinningReport(step.size, n, doubles, step.size - n - doubles, recordings_cut)
    return (*parts, n_steps, n_units), report


def tell_of_cut(report, n_steps):
    """Warn of events that were left out, if any were."""
    if report.cut:
        warnings.warn(
            f"{report.cut:,} of {report.events:,} events, in {report.recordings_cut:,} recordings, "
            f"were left out: they are later than n_steps={n_steps}",
            RuntimeWarning,
            stacklevel=3,
        )


def _integers(name, value):
    """An array of integers, int64 (n,); an empty one of any type."""
    value = _check.as_array(name, value)
    if value.size and value.dtype.kind not in "iu":
        raise TypeError(f"{name} must hold integers, not {value.dtype}")
    return _check.array(name, value, np.int64, (None,))


def _check_range(name, x, n):
    """Refuse numbers below 0, and those from n on; the first is told."""
    if x.size and (x.min() < 0 or (n is not None and x.max() >= n)):
        k = int(np.argmax((x < 0) | (x >= np.inf if n is None else x >= n)))
        wanted = "not be negative" if n is None else f"lie in 0 ... {n - 1}"
        raise ValueError(f"{name} must {wanted}; event {k} has {x[k]}")


def _recordings(samples, indptr, n_samples, n_events, allow_empty):
    """What order puts events recording by recording (None: as they are), and where each begins."""
    if n_samples is not None:
        n_samples = _check.integer("n_samples", n_samples, 0)
    if samples is not None and indptr is not None:
        raise ValueError("samples and indptr say the same thing: give one of them")
    if samples is None:
        indptr = np.array([0, n_events]) if indptr is None else _integers("indptr", indptr)
        if indptr.size == 0 or indptr[0] != 0 or indptr[-1] != n_events:
            raise ValueError(f"indptr must run from 0 to the number of events, {n_events}")
        if np.any(indptr[1:] < indptr[:-1]):
            raise ValueError("indptr must not fall")
        if n_samples is not None and n_samples != len(indptr) - 1:
            raise ValueError(f"n_samples is {n_samples}, but there are {len(indptr) - 1}")
        return None, indptr
    samples = _integers("samples", samples)
    if samples.size != n_events:
        raise ValueError(f"samples must be as many as times, {n_events:,}, got {samples.size:,}")
    _check_range("samples", samples, n_samples)
    n = int(samples.max(initial=-1)) + 1 if n_samples is None else n_samples
    if n > n_events and not allow_empty:  # said before memory is asked for
        heard = np.zeros(n_events + 1, bool)
        heard[samples[samples <= n_events]] = True
        raise ValueError(_empty("samples", int(heard.argmin())))
    _check_room("samples" if n_samples is None else "n_samples", n)
    order = None
    if np.any(samples[1:] < samples[:-1]):
        order = np.argsort(samples, kind="stable")
        samples = samples[order]
    return order, np.searchsorted(samples, np.arange(n + 1))


def _check_room(name, n):
    """Refuse more recordings than there is memory for, before any is taken."""
    need = n * RECORDING
    free = short_of(need)
    if free is not None:
        raise MemoryError(
            f"{name}: {n:,} recordings need about {giga(need)}, and {giga(free)} are free"
        )


def _in_time(times, order, indptr, ordered):
    """The order in which times rise within each recording, which they should do by themselves."""
    if order is not None:
        times = times[order]
    falls = times[1:] < times[:-1]
    border = indptr[(indptr > 0) & (indptr < times.size)]
    falls[border - 1] = False
    if not falls.any():
        return order
    if ordered:
        k = int(np.argmax(falls)) + 1
        recording = int(np.searchsorted(indptr, k, side="right")) - 1
        event = k if order is None else int(order[k])
        raise ValueError(
            f"times must not run backwards: event {event} of recording {recording} is at "
            f"{times[k]:g}, after one at {times[k - 1]:g} (ordered=False takes any order)"
        )
    which = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    by_time = np.lexsort((times, which))
    return by_time if order is None else order[by_time]


def _steps(times, dt):
    """Step of each time; one on a border, but for rounding, is in the later step."""
    with np.errstate(over="ignore", invalid="ignore"):
        x = times / dt
        nearest = np.rint(x)
        step = np.where(np.abs(x - nearest) <= ON_BORDER * nearest, nearest, np.floor(x))
    return np.minimum(step, FAR).astype(np.int64)


def _extent(step, n_steps, dt):
    """Number of steps: what is asked for, or what the last event needs."""
    if n_steps is not None:
        return _check.integer("n_steps", n_steps, 1, _check.MOST_STEPS)
    if not step.size:
        raise ValueError("n_steps must be given where there are no events")
    longest = int(step.max()) + 1
    if longest > _check.MOST_STEPS:
        raise ValueError(f"dt={dt:g} makes {longest:,} steps; at most {_check.MOST_STEPS:,} can be")
    return longest


def _check_ends(step, indptr, n_steps, cut):
    """How many recordings have events after the last step, which must be asked for."""
    last = indptr[1:][indptr[1:] > indptr[:-1]] - 1  # steps never fall within a recording
    late = step[last] >= n_steps
    n = int(np.count_nonzero(late))
    if n and not cut:
        longest = int(step[last].max()) + 1
        raise ValueError(
            f"n_steps={n_steps} are too few: {n:,} of {len(indptr) - 1:,} recordings are longer, "
            f"the longest has {longest:,} steps (cut=True leaves out what comes later)"
        )
    return n


def _check_all_heard(source, kept, indptr):
    """Refuse recordings of which nothing is left."""
    empty = np.flatnonzero(kept[1:] == kept[:-1])
    if empty.size:
        k = int(empty[0])
        raise ValueError(_empty(source, k, " within n_steps" if indptr[k + 1] > indptr[k] else ""))


def _empty(source, k, where=""):
    return f"{source}: recording {k} has no events{where} (allow_empty=True takes it)"
