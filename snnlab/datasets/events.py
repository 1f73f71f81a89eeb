"""Recordings of event sensors: addresses and times; from arrays and files, to spike trains."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from snnlab import _check
from snnlab._binning import binned, tell_of_cut
from snnlab._files import DAMAGE, load_npz
from snnlab.currents import chosen_samples
from snnlab.datasets import aer
from snnlab.datasets.dataset import DatasetCorrupt
from snnlab.datasets.files import BadContent
from snnlab.signals import SpikeTrains

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from snnlab._types import PathLike


FIRST_BYTES = {".aedat": b"#!AER-DAT", ".npy": b"\x93NUMPY", ".npz": (b"PK\3\4", b"PK\5\6")}
FIVE_BYTES = ".bin", ".bs2"


@dataclass(frozen=True, eq=False, repr=False)
class Recordings:
    """Recordings of an event sensor, the events of one after those of another.

    Parameters
    ----------
    times : array of int or float (n_events,)
        Of each event, from the start of its recording, in the unit of ``tick``.
    units : array of int (n_events,)
        Which part of the sensor it is of: the position in an array of ``shape``, row by row.
    indptr : array of int (n + 1,)
        Where each recording's events begin and end.
    shape : tuple of int
        Of the sensor: (polarities, rows, columns), or (channels,).
    labels : array of int (n,), optional
        What was recorded.
    tick : float
        Seconds that a time of 1 is.

    Raises
    ------
    TypeError, ValueError
        If the arrays do not fit together, naming the argument.
    """

    times: np.ndarray
    units: np.ndarray
    indptr: np.ndarray
    shape: tuple[int, ...]
    labels: np.ndarray | None = None
    tick: float = 1e-6

    def __post_init__(self):
        count = _check.like(_check.integer, at_least=1, at_most=_check.MOST_UNITS)
        shape = tuple(_check.each(count)("shape", self.shape))
        if not shape or math.prod(shape) > _check.MOST_UNITS:
            raise ValueError(f"shape must have 1 to {_check.MOST_UNITS} units, got {shape}")
        _check.field(self, "tick", _check.number, above=0)
        object.__setattr__(self, "times", _times("times", self.times))
        object.__setattr__(self, "units", _integers("units", self.units, np.int32))
        if self.units.size != self.times.size:
            raise ValueError("units must be as many as times")
        object.__setattr__(self, "indptr", _indptr("indptr", self.indptr, self.times.size))
        if self.units.size and not 0 <= self.units.min() <= self.units.max() < math.prod(shape):
            raise ValueError(f"units must lie in a sensor of shape {shape}")
        if self.labels is not None:
            labels = _check.labels("labels", self.labels, len(self), _check.MOST)
            object.__setattr__(self, "labels", labels)
        object.__setattr__(self, "shape", shape)

    def __len__(self):
        return len(self.indptr) - 1

    def __getitem__(self, index):
        """Some recordings: an int, a slice, a mask or an array of indices; copied."""
        chosen = chosen_samples(len(self), index)
        sizes = np.diff(self.indptr)[chosen]
        indptr = np.concatenate([[0], np.cumsum(sizes)])
        events = np.repeat(self.indptr[chosen] - indptr[:-1], sizes) + np.arange(indptr[-1])
        labels = None if self.labels is None else self.labels[chosen]
        return Recordings(
            self.times[events], self.units[events], indptr, self.shape, labels, self.tick
        )

    def __repr__(self):
        per = self.times.size / max(1, len(self))
        return (
            f"Recordings({len(self):,} of a sensor of {' x '.join(map(str, self.shape))}, "
            f"{per:,.0f} events each)"
        )

    def spikes(
        self,
        *,
        dt: float,
        n_steps: int | None = None,
        pool: int = 1,
        ordered: bool = True,
        cut: bool = False,
        allow_empty: bool = False,
    ) -> SpikeTrains:
        """Spike trains, in steps of ``dt`` seconds.

        Parameters
        ----------
        dt : float
        n_steps, ordered, cut, allow_empty
            As in `SpikeTrains.from_events`.
        pool : int
            Rows and columns that are one: of a sensor of 2 x 34 x 34 a ``pool`` of 2 makes
            2 x 17 x 17 units. What does not fill such a square at the end is one, too.

        Returns
        -------
        SpikeTrains
        """
        dt = _check.number("dt", dt, above=0)
        pool = _check.integer("pool", pool, 1)
        units, shape = self.units, self.shape
        if pool > 1:
            if len(shape) < 2:
                raise ValueError(f"pool must be 1: a sensor of shape {shape} has no rows")
            *rest, y, x = np.unravel_index(units, shape)
            shape = (*shape[:-2], *(-(-n // pool) for n in shape[-2:]))
            units = np.ravel_multi_index((*rest, y // pool, x // pool), shape)
        extent = {"n_steps": n_steps, "n_units": math.prod(shape), "n_samples": None}
        how = {"ordered": ordered, "cut": cut, "allow_empty": allow_empty}
        parts, report = binned(
            self.times, units, None, self.indptr, dt=dt, tick=self.tick, **extent, **how
        )
        tell_of_cut(report, n_steps)
        return SpikeTrains.wrap(*parts)


def _times(name, value):
    """Times of events, int64 or float64 (n,)."""
    x = _check.as_array(name, value)
    return _check.array(name, x, np.int64 if x.dtype.kind in "iu" else np.float64, (None,))


def _integers(name, value, dtype):
    """An array (n,) of integers."""
    x = _check.as_array(name, value)
    if x.size and x.dtype.kind not in "iu":
        raise TypeError(f"{name} must hold integers, not {x.dtype}")
    return _check.array(name, x, dtype, (None,))


def _indptr(name, value, n_events):
    """Where each recording's events begin and end."""
    x = _integers(name, value, np.int64)
    if not x.size or x[0] != 0 or x[-1] != n_events:
        raise ValueError(f"{name} must run from 0 to the number of events")
    if np.any(x[1:] < x[:-1]):
        raise ValueError(f"{name} must not fall")
    return x


def recordings_of(
    events: np.ndarray | Sequence[np.ndarray],
    *,
    shape: Sequence[int] | None = None,
    labels: ArrayLike | None = None,
    tick: float = 1e-6,
) -> Recordings:
    """Recordings from structured arrays, as tonic and other libraries of event data have them.

    Parameters
    ----------
    events : structured array, or a sequence of them
        One array per recording, with the fields ``t`` (in ticks), ``x``, and, where the sensor has
        them, ``y`` and ``p`` (polarity: 1, or above 0, is brighter).
    shape : sequence of int, optional
        (polarities, rows, columns), (rows, columns) without a polarity, or (channels,); by default
        as small as holds all events.
    labels : array of int (n,), optional
    tick : float
        Seconds.

    Raises
    ------
    TypeError, ValueError
        Arrays without the fields, or with others in one recording than in another; places beyond
        ``shape``.

    Examples
    --------
    >>> fields = [("x", int), ("y", int), ("t", int), ("p", int)]
    >>> recordings_of(np.array([(3, 2, 10, 1), (0, 1, 25, 0)], fields), shape=(2, 4, 4))
    Recordings(1 of a sensor of 2 x 4 x 4, 2 events each)
    """
    return _recordings(_of_structured(events), shape, labels, tick)


class _Content(NamedTuple):
    """Of all recordings, one after another; ``places`` are arrays along the named ``axes``."""

    times: np.ndarray
    places: list[np.ndarray]
    axes: Sequence[str]
    indptr: np.ndarray
    labels: np.ndarray | None = None

    def by_axis(self):
        """Name and places of each axis."""
        return zip(self.axes, self.places, strict=True)


def _of_structured(events):
    """The content of structured arrays."""
    parts = [events] if isinstance(events, np.ndarray) and events.dtype.names else events
    parts = _check.sequence("events", parts, of="structured arrays")
    if not parts:
        raise ValueError("events must hold at least one recording")
    axes = None
    for k, part in enumerate(parts):
        _check.unmasked(f"events[{k}]", part)
        names = part.dtype.names if isinstance(part, np.ndarray) else None
        if not names or not {"t", "x"} <= set(names) or part.ndim != 1:
            raise TypeError(f"events[{k}] must be a structured array (n,) with fields t and x")
        found = [name for name in ("p", "y", "x") if name in names]
        axes = found if axes is None else axes
        if found != axes:
            raise ValueError(f"events[{k}] has the fields {found}, events[0] {axes}")
    times = np.concatenate([_check.floats("events['t']", part["t"], None) for part in parts])
    places = []
    for name in axes:
        x = np.concatenate([np.asarray(part[name]) for part in parts])
        whole = x.dtype.kind == "f" and np.isfinite(x).all() and np.all(x == np.floor(x))
        if x.ndim != 1 or not (x.dtype.kind in "biu" or whole):
            raise TypeError(f"events['{name}'] must hold integers, not {x.dtype}")
        places.append(_check.array(f"events['{name}']", x > 0 if name == "p" else x, np.int64))
    indptr = np.concatenate([[0], np.cumsum([len(part) for part in parts])])
    return _Content(times, places, axes, indptr)


def _recordings(content, shape, labels, tick):
    """Recordings, after a look whether places lie within the sensor."""
    times, places, axes, indptr, _ = content
    if shape is None:
        sizes = tuple(
            2 if name == "p" else int(x.max(initial=0)) + 1 for name, x in content.by_axis()
        )
        holds, has = "no shape holds", "a sensor must have"
    else:
        size = _check.like(_check.integer, at_least=1)
        sizes = tuple(_check.each(size, len(axes), "sizes")("shape", shape))
        holds, has = f"shape {sizes} does not hold", "shape must have"
    for (name, x), n in zip(content.by_axis(), sizes, strict=True):
        if x.size and not 0 <= x.min() <= x.max() < n:
            raise ValueError(f"{holds} all events: {name} reaches from {x.min()} to {x.max()}")
    if math.prod(sizes) > _check.MOST_UNITS:
        raise ValueError(f"{has} at most {_check.MOST_UNITS} units, got {sizes}")
    units = np.ravel_multi_index(tuple(places), sizes)
    return Recordings(times, units, indptr, sizes, labels, tick)


def read_events(
    path: PathLike, *, shape: Sequence[int] | None = None, sensor: str = "dvs128"
) -> Recordings:
    """Read a file of address events; what kind it is, is seen from its first bytes and its suffix.

    - AEDAT 2.0 and 3.1 (``.aedat``)
    - 5 bytes per event, as in N-MNIST (``.bin``, ``.bs2``, or none that is known)
    - ``.npz`` without pickled objects, of arrays ``t``, ``x``, and ``y`` and ``p`` (0 or -1, and 1)
      if there are; ``offsets`` or ``indptr`` where it holds several recordings, and ``label`` or
      ``labels``
    - ``.npy`` of a structured array, as for `recordings_of`

    Parameters
    ----------
    path : path
    shape : sequence of int, optional
        Of the sensor: (polarities, rows, columns); by default as small as holds all events.
    sensor : {"dvs128", "davis"}
        What the addresses of AEDAT 2.0 mean; one of the two that they cannot be of is refused.

    Returns
    -------
    Recordings
        Times in microseconds from the first event of a recording in AEDAT files, else as they are.

    Raises
    ------
    FileNotFoundError, DatasetCorrupt
        If there is no file, or it is none of these; the message has its path.
    TypeError, ValueError
        If ``shape`` is none, or does not hold the file's events; if they are of another ``sensor``.
    """
    path = _check.path("path", path)
    _check.one_of("sensor", sensor, tuple(aer.ADDRESSES))
    content = path.read_bytes()
    try:
        found = _content(path, content, sensor)
        if shape is None:
            return _recordings(found, None, found.labels, 1e-6)
    except aer.OtherSensor as error:
        raise ValueError(f"{path}: {error}") from None
    except BadContent as error:
        raise DatasetCorrupt(f"path must be a file of events: {path} {error}") from None
    except DAMAGE as error:
        raise DatasetCorrupt(f"path must be a file of events: {path}: {error}") from None
    with _check.told_of(path):
        return _recordings(found, shape, found.labels, 1e-6)


def _content(path, content, sensor):
    """What a file holds, if some sensor can have told it; `DAMAGE` if not."""
    kind = _kind(path, content)
    if kind == ".npz":
        found = _from_npz(path)
    elif kind == ".npy":
        found = _of_structured(_from_npy(path))
    else:
        found = _from_bytes(content, kind, sensor)
    for name, x in found.by_axis():
        if x.size and not 0 <= x.min() <= x.max() < _check.MOST_UNITS:
            raise BadContent(f"holds {name} from {x.min()} to {x.max()}, which no sensor has")
    return found


def _kind(path, content):
    """The suffix that a file should have: that of its first bytes, or else its own.

    Those of a zip archive are few enough to be an event of 5 bytes.
    """
    suffix = path.suffix.lower()
    for known, start in FIRST_BYTES.items():
        if content.startswith(start) and not (known == ".npz" and suffix in FIVE_BYTES):
            return known
    return suffix


def _from_bytes(content, kind, sensor):
    """Events in a file of bytes for each."""
    if kind == ".aedat":
        t, x, y, p = aer.aedat(content, sensor)
        t = t - t.min(initial=np.iinfo(np.int64).max)
    else:
        t, x, y, p = aer.five_bytes(content)
    return _Content(t, [p, y, x], ("p", "y", "x"), np.array([0, len(t)]))


def _from_npy(path):
    """The structured array in an ``.npy`` file."""
    try:
        events = np.load(path, allow_pickle=False)
    except Exception as error:  # whatever a damaged header leads to
        raise BadContent(f"is a damaged .npy file: {error}") from None
    if not events.dtype.names:
        raise BadContent("holds no structured array")
    return events


def _from_npz(path):
    """Events in an ``.npz`` file."""
    try:
        arrays = load_npz(path)
    except ValueError as error:
        raise BadContent(f"is a damaged .npz file: {error}") from None
    if "t" not in arrays or "x" not in arrays:
        raise BadContent(f"holds no t and x, but {', '.join(sorted(arrays)) or 'nothing'}")
    times, places = _times("t", arrays["t"]), []
    axes = [name for name in ("p", "y", "x") if name in arrays]
    for name in axes:
        if arrays[name].dtype.kind not in "biu" or arrays[name].shape != times.shape:
            raise BadContent(f"holds {name} that are no integers, or not as many as t")
        place = _check.array(name, arrays[name], np.int64)
        places.append(np.where(place == -1, 0, place) if name == "p" else place)
    starts, label = (
        next((name for name in names if name in arrays), None)
        for names in (("offsets", "indptr"), ("label", "labels"))
    )
    indptr, labels = np.array([0, times.size]), None
    if starts is not None:
        indptr = _indptr(starts, arrays[starts], times.size)
    if label is not None:
        labels = _check.labels(label, arrays[label], len(indptr) - 1, _check.MOST)
    return _Content(times, places, axes, indptr, labels)
