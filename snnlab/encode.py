"""Codes: from values in [0, 1] to what a network listens to."""

from __future__ import annotations

import warnings
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab._workers import share, worker_count
from snnlab.currents import ConstantCurrent
from snnlab.kernels import events
from snnlab.memory import rows_of
from snnlab.signals import SpikeTrains, read_only

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from snnlab._types import Seed

DT, TAU = 1.7e-6, 8e-6  # published step and time constant of the latency code, in seconds
AT_ONCE = 2**18  # random numbers that are drawn at a time
ONE_STEP = 0.99  # share of the values above theta which, spiking in one step, are no code


def matching_tau(dt: float) -> float:
    """Time constant of the latency code that is to a step as published: 8 us to 1.7 us."""
    return TAU * (_check.number("dt", dt, above=0, at_most=1e300) / DT)


def latency_times(x: ArrayLike, tau: float = TAU, theta: float = 0.2) -> np.ndarray:
    """Spike times of the latency law, aligned so that a value of 1 spikes at time 0.

    ``t = tau ln(x / (x - theta))`` is when a leaky integrator with time constant tau, charged by a
    current x, reaches theta (Cramer et al. 2022). The earliest time there is, that of x = 1, is
    subtracted; taking it from the law, not from a batch, keeps the code of a sample independent of
    its neighbours.

    Parameters
    ----------
    x : array of float in [0, 1], any shape
    tau : float
        Seconds.
    theta : float
        In (0, 1); values up to theta never spike.

    Returns
    -------
    array of float64
        Seconds, inf where there is no spike.
    """
    x = _check.array("x", x, np.float64, unit_interval=True)
    tau = _check.number("tau", tau, above=0)
    theta = _check.number("theta", theta, above=0, below=1)
    out = np.full(x.shape, np.inf)
    late = x > theta
    out[late] = tau * np.log(x[late] / (x[late] - theta)) - tau * np.log(1 / (1 - theta))
    return out


def latency_edges(
    n_steps: int, dt: float, tau: float | None = None, theta: float = 0.2
) -> np.ndarray:
    """Values at which the latency law crosses a step's border: the inverse of `latency_times`.

    A value spikes in step k if ``edges[k + 1] < x <= edges[k]``; float64 (n_steps + 1,), falling
    from 1 towards theta. Without ``tau`` it is as many steps as published.
    """
    n_steps, dt, tau, theta = _checked_law(n_steps, dt, tau, theta)
    shrink = (1 - theta) * np.exp(-np.arange(n_steps + 1) * min(dt / tau, 1e9))
    return theta / (1 - shrink)


def _checked_law(n_steps, dt, tau, theta):
    n_steps = _check.integer("n_steps", n_steps, 1, _check.MOST_STEPS)
    dt = _check.number("dt", dt, above=0)
    tau = matching_tau(dt) if tau is None else _check.number("tau", tau, above=0)
    return n_steps, dt, tau, _check.number("theta", theta, above=0, below=1)


def _warn_of_one_step(edges, dt, tau, theta):
    """Say so if nearly all values that spike do so in the first step: nothing is left of them."""
    share = (1 - edges[1]) / (1 - theta)
    if len(edges) > 2 and share >= ONE_STEP:
        warnings.warn(
            f"in this latency code {share:.0%} of the values above theta={theta:g} spike in step 0:"
            f" tau={tau:g} s is too short for steps of dt={dt:g} s (left out, tau follows dt)",
            RuntimeWarning,
            stacklevel=3,
        )


def latency(
    x: ArrayLike,
    *,
    n_steps: int = 20,
    dt: float = DT,
    tau: float | None = None,
    theta: float = 0.2,
    workers: int | None = None,
) -> SpikeTrains:
    """Latency code: the larger a value, the earlier its one spike.

    The defaults are the published setting for images (Cramer et al. 2022, code): 20 steps of 1.7
    us; what would spike after the last step, or never, is silent.

    Parameters
    ----------
    x : array of float in [0, 1], (n_samples, n_units)
    n_steps : int
        Length of the window in steps.
    dt : float
        Step in seconds.
    tau : float, optional
        Seconds; by default 8 us in steps of 1.7 us, and as many steps whatever ``dt`` is.
    theta : float
        As in `latency_times`.
    workers : int, optional
        Threads; all that this process may use by default.

    Returns
    -------
    SpikeTrains

    Raises
    ------
    TypeError, ValueError
        Values that are not numbers, not finite or outside [0, 1]; parameters out of range.
    """
    x = _values("x", x)
    n_steps, dt, tau, theta = _checked_law(n_steps, dt, tau, theta)
    n_samples, n_units = x.shape
    edges = latency_edges(n_steps, dt, tau, theta).astype(np.float32)
    _warn_of_one_step(edges, dt, tau, theta)
    edges[0] = np.inf  # a value of 1 spikes in step 0, whatever the rounding
    start = np.arange(n_samples) * n_units
    stop = start.copy()
    step, unit = np.empty((2, n_samples * n_units), np.int32)
    offset = tau / dt * np.log(1 / (1 - theta))

    def work(lo, hi):
        law = np.float32(theta), np.float32(tau / dt), np.float32(offset)
        events.latency(x, edges, *law, lo, hi, start, stop, step, unit)

    workers = worker_count(workers)
    share(work, n_samples, workers if x.size > 1e5 else 1)
    trains = SpikeTrains.wrap(start, stop, step, unit, n_steps, n_units)
    # large sets live on: keep only the events, not the slots
    return trains.compact() if n_samples > 1000 else trains


def decode_latency(
    trains: SpikeTrains, *, dt: float = DT, tau: float | None = None, theta: float = 0.2
) -> np.ndarray:
    """Values read back from spikes of `latency`, whose arguments these are.

    Parameters
    ----------
    trains : SpikeTrains
        With at most one spike per unit.

    Returns
    -------
    array of float64 (n_samples, n_units)
        The middle of the values that spike in the step; 0 where there is no spike.
    """
    if not isinstance(trains, SpikeTrains):
        raise TypeError(f"trains must be SpikeTrains, not {type(trains).__name__}")
    edges = latency_edges(trains.n_steps, dt, tau, theta)
    dense = trains.to_dense(np.float64)
    if dense.sum(axis=1).max(initial=0) > 1:
        raise ValueError("trains must have at most one spike per unit")
    return np.einsum("stu,t->su", dense, (edges[1:] + edges[:-1]) / 2)


def population(x: ArrayLike, *, n_centres: int = 12, width: float = 1.0) -> np.ndarray:
    """Spread each value over several units, as the input of another code.

    Unit c of a value x is ``exp(-((x - centre_c) / spacing / width)^2 / 2)``, centres evenly from 0
    to 1 (receptive fields as in Bohte et al. 2002). One spike time per value is coarse where there
    are few values; several neighbours' times together are not.

    Parameters
    ----------
    x : array of float in [0, 1], (n_samples, n_values)
    n_centres : int
        Units per value, at least 2.
    width : float
        Standard deviation of a field in spacings of the centres.

    Returns
    -------
    array of float32 in [0, 1], (n_samples, n_values * n_centres)
    """
    x = _check.array("x", x, np.float32, (None, None), unit_interval=True)
    n_centres = _check.integer("n_centres", n_centres, 2, 2**16)
    width = _check.number("width", width, above=0)
    centres = np.linspace(0, 1, n_centres, dtype=np.float32)
    with np.errstate(over="ignore"):  # far from a narrow field: 0
        per_width = np.float32((n_centres - 1) / width)
        if np.isinf(per_width):  # times a distance of 0 it is no number
            raise ValueError(f"width must be larger, got {width:g}")
        return rows_of(np.exp(-0.5 * ((x[:, :, None] - centres) * per_width) ** 2))


def rate(x: ArrayLike, *, n_steps: int, rng: Seed, probability: float = 1.0) -> SpikeTrains:
    """Rate code: in each step unit i spikes with probability ``probability * x[i]``.

    Parameters
    ----------
    x : array of float in [0, 1], (n_samples, n_units)
    n_steps : int
    rng : numpy.random.Generator or int
    probability : float
        Of a spike per step at x = 1, in (0, 1].

    Returns
    -------
    SpikeTrains
        8 bytes per spike. (All images of MNIST over 100 steps have 600 million: make batches of
        such sets when they are needed.)
    """
    x, n_steps, probability = _rates(x, n_steps, probability)
    rng = _check.generator("rng", rng)
    n_samples, n_units = x.shape
    # random numbers for some rows (steps of samples) at a time: the same ones as all at once
    n_rows = n_samples * n_steps
    u = np.empty((max(1, min(AT_ONCE // n_units, n_rows)), n_units), np.float32)
    expected = float(probability * x.sum(dtype=np.float64) * n_steps)
    room = int(expected + 6 * np.sqrt(expected)) + u.size
    step, unit = np.empty(room, np.int32), np.empty(room, np.int32)
    stop, n = np.zeros(n_samples, np.int64), 0
    for first in range(0, n_rows, len(u)):
        part = u[: n_rows - first]
        rng.random(out=part, dtype=np.float32)
        if n + part.size > len(step):  # more than six deviations
            more = np.empty(part.size + n // 8, np.int32)
            step, unit = np.concatenate([step[:n], more]), np.concatenate([unit[:n], more])
        n = events.below(part, x, probability, first, n_steps, stop, step, unit, n)
    start = np.concatenate([[0], stop])[:-1]
    return SpikeTrains.wrap(start, stop, step[:n], unit[:n], n_steps, n_units)


def _values(name, x):
    """Values of units, in [0, 1]."""
    x = _check.array(name, x, np.float32, (None, None), unit_interval=True)
    if x.shape[1] == 0:
        raise ValueError(f"{name} must have units, got shape {x.shape}")
    return x


def _rates(x, n_steps, probability):
    """What `rate` and `RateCoded` are given, checked."""
    x = _values("x", x)
    n_steps = _check.integer("n_steps", n_steps, 1, _check.MOST_STEPS)
    probability = _check.number("probability", probability, above=0, at_most=1)
    return x, n_steps, _check.real("probability", probability, np.float32)


class RateCoded:
    """A stream of rate-coded samples, whose spikes are drawn anew for each batch.

    For sets that are too large to be spikes all at once; `snnlab.train` and `snnlab.evaluate` take
    it as inputs, and pass a generator. Random numbers are drawn for values above 0 only, so the
    spikes are others than those of `rate` with the same seed.

    Parameters
    ----------
    x : array of float in [0, 1], (n_samples, n_units)
        Copied.
    n_steps : int
    probability : float
        Of a spike per step at x = 1, in (0, 1].
    """

    def __init__(self, x: ArrayLike, *, n_steps: int, probability: float = 1.0) -> None:
        x, self._n_steps, self._probability = _rates(x, n_steps, probability)
        self._x = read_only(x.copy())

    # what kernels are given was looked at once
    x = property(attrgetter("_x"), doc="The values, array (n_samples, n_units); read-only.")
    n_steps = property(attrgetter("_n_steps"), doc="Number of time steps.")
    probability = property(attrgetter("_probability"), doc="Of a spike per step at x = 1.")

    @property
    def n_units(self) -> int:
        """Values of a sample, each told by a unit."""
        return self.x.shape[1]

    def __len__(self):
        return len(self.x)

    def batch(self, indices: ArrayLike, rng: Seed) -> SpikeTrains:
        """Spikes of some samples.

        Parameters
        ----------
        indices : array of int (n,)
        rng : numpy.random.Generator or int

        Returns
        -------
        SpikeTrains
        """
        indices = _check.as_array("indices", indices)
        indices = _check.labels("indices", indices, indices.size, len(self))
        rng = _check.generator("rng", rng)
        x = self.x[indices]
        sample, which = np.nonzero(x)
        chance = x[sample, which] * np.float32(self.probability)
        ends = np.searchsorted(sample, np.arange(len(x) + 1))
        u = rng.random(len(which) * self.n_steps, dtype=np.float32)
        stop = np.zeros(len(x), np.int64)
        step, unit = (np.empty(u.size + 1, np.int32) for _ in range(2))
        events.below_where(u, which, chance, ends, self.n_steps, stop, step, unit)
        start, n = np.concatenate([[0], stop])[:-1], stop[-1] if len(x) else 0
        return SpikeTrains.wrap(start, stop, step[:n], unit[:n], self.n_steps, self.n_units)

    def __repr__(self):
        return (
            f"RateCoded({len(self):,} samples of {self.n_units} units, {self.n_steps} steps, "
            f"probability {self.probability:g})"
        )


def delta(x: ArrayLike, *, threshold: float, start: float = 0.0) -> SpikeTrains:
    """Delta code: a spike whenever a signal has moved by ``threshold``, up or down.

    What the spikes so far say of channel c is ``start + threshold * (ups - downs)``. Where the
    signal is a threshold or more above that, unit c spikes, where it is as far below, unit
    ``n_channels + c``: once per step, so a signal that moves faster is caught up with later. One
    that never moves by more than a threshold per step, nor begins further from ``start``, is known
    to within a threshold all the time.

    Parameters
    ----------
    x : array of float, (n_samples, n_steps, n_channels)
        Looked at in float64 if it is an array of that (or more), else in float32: lists, too.
    threshold : float
        Above 0, in the unit of ``x``.
    start : float
        What is said of each channel before the first spike.

    Returns
    -------
    SpikeTrains
        Of ``2 * n_channels`` units.

    Raises
    ------
    TypeError, ValueError
        Values that are not numbers or not finite; a threshold that is not above 0.

    Examples
    --------
    >>> trains = delta([[[0.0], [1.2], [1.0], [-0.1]]], threshold=1)
    >>> trains.step.tolist(), trains.unit.tolist()
    ([1, 3], [0, 1])
    """
    x = _check.array("x", x, _check.precision("x", x), (None, None, None))
    if 0 in x.shape[1:]:
        raise ValueError(f"x must have steps and channels, got shape {x.shape}")
    threshold = _check.number("threshold", threshold, above=0)
    offset = _check.number("start", start)
    first = np.arange(len(x)) * (x.shape[1] * x.shape[2])
    stop = first.copy()
    step, unit = np.empty((2, x.size), np.int32)
    events.delta(x, threshold, offset, first, stop, step, unit)
    return SpikeTrains.wrap(first, stop, step, unit, x.shape[1], 2 * x.shape[2]).compact()


def decode_delta(trains: SpikeTrains, *, threshold: float, start: float = 0.0) -> np.ndarray:
    """Signals read back from spikes of `delta`, whose arguments these are.

    Parameters
    ----------
    trains : SpikeTrains
        Of ``2 * n_channels`` units.

    Returns
    -------
    array of float64 (n_samples, n_steps, n_channels)
        What the spikes up to a step, and in it, say.
    """
    if not isinstance(trains, SpikeTrains):
        raise TypeError(f"trains must be SpikeTrains, not {type(trains).__name__}")
    if trains.n_units % 2:
        raise ValueError(f"trains must have units in pairs, up and down, got {trains.n_units}")
    threshold = _check.number("threshold", threshold, above=0)
    start = _check.number("start", start)
    up, down = np.split(trains.to_dense(np.int8), 2, axis=2)
    level = np.cumsum(up - down, axis=1, dtype=np.int64)
    with np.errstate(over="ignore", invalid="ignore"):
        return _check.finite("threshold", start + threshold * level)


def constant_current(x: ArrayLike, *, n_steps: int) -> ConstantCurrent:
    """Constant current: value i enters as it is in each step (Chen et al. 2021's input).

    Parameters
    ----------
    x : array of float, (n_samples, n_units)
        Any finite values (that paper normalises its images).
    n_steps : int

    Returns
    -------
    ConstantCurrent
    """
    return ConstantCurrent(x, n_steps)
