"""Codes: from values in [0, 1] to what a network listens to."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab._workers import share, worker_count
from snnlab.kernels import events
from snnlab.signals import ConstantCurrent, SpikeTrains

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from snnlab._types import Seed

DT, TAU = 1.7e-6, 8e-6  # published step and time constant of the latency code, in seconds
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
    x = _check.array("x", x, np.float32, (None, None), unit_interval=True)
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
    distance = (x[:, :, None] - centres) * np.float32((n_centres - 1) / width)
    return np.exp(-0.5 * distance**2).reshape(len(x), -1)


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
    """
    x = _check.array("x", x, np.float32, (None, None), unit_interval=True)
    n_steps = _check.integer("n_steps", n_steps, 1, _check.MOST_STEPS)
    probability = _check.number("probability", probability, above=0, at_most=1)
    rng = _check.generator("rng", rng)
    z = rng.random((len(x), n_steps, x.shape[1]), np.float32) < probability * x[:, None, :]
    return SpikeTrains.from_dense(z)


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
