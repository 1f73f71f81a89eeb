"""Attribution: which input and hidden spikes moved the readout that won."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab.layers.known import check_dense
from snnlab.learning.losses import MaxOverTime, SumOverTime, resolve
from snnlab.signals import SpikeTrains

if TYPE_CHECKING:
    from snnlab._types import Loss
    from snnlab.network import Network


@dataclass(frozen=True)
class Contributions:
    """What each spike of a layer contributed to a score; arrays (n_spikes,), in order of time.

    Attributes
    ----------
    step, unit : array of int32
        When and where.
    value : array of float
        Above 0: the spike speaks for the target. In the readout's arbitrary units.
    """

    step: np.ndarray
    unit: np.ndarray
    value: np.ndarray

    def __len__(self):
        return len(self.value)


@dataclass(frozen=True)
class Explanation:
    """Why a sample was taken for ``target`` (and not for ``against``).

    Attributes
    ----------
    target : int
        The class in question.
    against : int or None
        The class it is compared with.
    score : float
        Of the target: its largest potential, or its potential summed over time; less that of
        ``against``.
    step : int or None
        Step of the target's largest potential; None for sums.
    inputs, hidden : Contributions
        Of the input spikes (see ``method``), and of the last hidden layer's, which add up to the
        score.
    method : {"removal", "gradient"}
        How the input spikes' contributions were found.
    readout : array (time, class)
        The sample's readout potentials.
    runner_up : int or None
        The class that scores highest after the target; None where there is no other.
    n_inputs : int
        Input units.
    dt : float
        Step in seconds.
    """

    target: int
    against: int | None
    score: float
    step: int | None
    inputs: Contributions
    hidden: Contributions
    method: str
    readout: np.ndarray
    runner_up: int | None
    n_inputs: int
    dt: float

    @property
    def time(self) -> np.ndarray | None:
        """``step`` in seconds, None for sums."""
        return None if self.step is None else self.step * self.dt

    def map(self, shape: tuple[int, ...]) -> np.ndarray:
        """Contributions of the input spikes per pixel, float64 of this shape; 0 without a spike.

        Parameters
        ----------
        shape : (int, int)
            Rows and columns of the image.
        """
        rows, columns = _check.each(_check.like(_check.integer, at_least=1), 2)("shape", shape)
        if rows * columns != self.n_inputs:
            raise ValueError(f"shape must hold {self.n_inputs} pixels, got {rows} x {columns}")
        value = self.inputs.value.astype(np.float64)
        return np.bincount(self.inputs.unit, value, self.n_inputs).reshape(rows, columns)


def explain(
    network: Network,
    inputs: SpikeTrains,
    sample: int = 0,
    *,
    target: int | None = None,
    against: int | None = None,
    loss: Loss = "max_over_time",
    method: str = "removal",
    batch_size: int = 500,
) -> Explanation:
    """Contributions of a sample's input and hidden spikes to the score of a class.

    Parameters
    ----------
    network : Network
        With at least one hidden layer and a leaky-integrator readout.
    inputs : SpikeTrains
    sample : int
        Which one of the batch.
    target : int, optional
        The class to explain; by default the one predicted.
    against : int, optional
        Explain the target's lead over this class (`Explanation.runner_up`, say), each with its own
        largest potential: the margin by which the maximum over time decides.
    loss : str or callable
        How the network decides: by the maximum over time (also any loss without ``scores``) or by
        the sum over time. Its scale plays no part.
    method : {"removal", "gradient"}
        For the input spikes; see the notes.
    batch_size : int
        Variants of the sample in one forward pass (removal).

    Returns
    -------
    Explanation

    Raises
    ------
    TypeError, ValueError
        Bad arguments, a spiking readout, no hidden layer; the message names the argument.

    Notes
    -----
    *Hidden spikes*: exact. The readout integrates linearly from 0, so its potential is the sum of
    what each spike of the last hidden layer put there, ``W[unit, target] psp(t - step - delay)``.
    The postsynaptic potential, seen backwards from t, is the adjoint current of the readout, so one
    backward pass has them all: ``W[unit] . g_current[step + delay]``.

    *Input spikes, "removal"*: the network is run once without each spike; what the score loses is
    the spike's contribution. That is its causal effect, exactly, with everything that follows in
    the layers between and with the maximum taken anew. These do not add up to the score: two spikes
    that make the same neuron fire may each be dispensable, or neither.

    *Input spikes, "gradient"*: the same product at the first layer, from the same backward pass:
    the slope of the score of a network with the surrogate's soft step. The two differ where one
    spike is not a small change. A unit just off threshold has the largest slope, even if no spike
    comes or goes with the input; one that clears it by less than the input's weight has a small
    slope, yet loses its spike; and the slope takes resets as given where ``detach_reset`` says so.
    Its scale is the surrogate's, not the potential's (`snnlab.surrogate`): compare ranks and signs,
    not sizes.
    """
    _check_network(network, inputs)
    by_sum = _decides_by_sum(loss)
    _check.one_of("method", method, ("removal", "gradient"))
    batch_size = _check.integer("batch_size", batch_size, at_least=1)
    inputs = inputs[_check.integer("sample", sample, 0, len(inputs) - 1)].compact()
    trace = network.forward(inputs)
    scores = _scores(trace.readout, by_sum)[0]
    one = _check.like(_check.integer, at_least=0, at_most=len(scores) - 1)
    target = int(scores.argmax()) if target is None else one("target", target)
    if against is not None:
        against = one("against", against)
        if against == target:
            raise ValueError(f"against must be another class than target, which is {target}")
    rest = [k for k in range(len(scores)) if k != target]
    runner_up = max(rest, key=scores.__getitem__) if rest else None

    def score(readout):
        """Per sample: what is to be explained."""
        scores = _scores(readout, by_sum)
        return scores[:, target] - (0 if against is None else scores[:, against])

    g_readout, when = np.zeros_like(trace.readout), trace.readout[0].argmax(axis=0)
    for k, sign in ((target, 1), (against, -1)):
        if k is not None:
            g_readout[0, slice(None) if by_sum else when[k], k] = sign
    _, g_currents = network.backward(trace, g_readout, adjoints=True)
    if method == "gradient":
        by_input = _by_adjoint(network, 0, inputs, g_currents)
    else:
        by_input = _by_removal(network, inputs, score, batch_size)
    by_hidden = _by_adjoint(network, -1, trace.hidden[-1], g_currents)
    for part in (trace.readout, by_input.value, by_hidden.value):
        _check.finite("network or inputs", part)
    return Explanation(
        target=target,
        against=against,
        score=float(score(trace.readout)[0]),
        step=None if by_sum else int(when[target]),
        inputs=by_input,
        hidden=by_hidden,
        method=method,
        readout=trace.readout[0],
        runner_up=runner_up,
        n_inputs=inputs.n_units,
        dt=network.dt,
    )


def _check_network(network, inputs):
    _check.network("network", network, "backward")
    instead = "leave inputs out one by one, and compare what is read out"
    check_dense(network, "attribution", instead)
    network.check_inputs(inputs)
    if not isinstance(inputs, SpikeTrains):
        raise TypeError(f"inputs must be SpikeTrains, not {type(inputs).__name__}")
    if network.spiking_readout:
        raise ValueError("network must have a leaky-integrator readout, not a spiking one")
    if len(network.sizes) < 3:
        raise ValueError("network must have a hidden layer")


def _decides_by_sum(loss):
    """Whether a loss decides by the sum over time; if not, it must by the maximum."""
    loss = resolve(loss)
    by_sum = isinstance(loss, SumOverTime)
    if not (by_sum or isinstance(loss, MaxOverTime)) and getattr(loss, "scores", None):
        raise ValueError(f"loss must decide by the maximum or the sum over time, not {loss!r}")
    return by_sum


def _scores(readout, by_sum):
    """What each class is decided by, (sample, class)."""
    return readout.sum(axis=1) if by_sum else readout.max(axis=1)


def _by_adjoint(network, k, train, g_currents):
    """``W[unit] . g_current[step + delay]`` for each spike that layer k hears (of one sample)."""
    train, g_current = train.compact(), g_currents[k][0]
    arrival = train.step + network.neurons[k].delay
    heard = arrival < len(g_current)
    value = np.zeros(len(arrival), network.dtype)
    weights = network.weights[k][train.unit[heard]]
    value[heard] = np.einsum("ej,ej->e", weights, g_current[arrival[heard]])
    return Contributions(train.step, train.unit, value)


def _by_removal(network, train, score, batch_size):
    """What the score loses without each spike of the one sample of a compact train."""
    n = len(train.step)
    whole = score(network.forward(train, potentials=False).readout)
    value, out = np.zeros(n, network.dtype), None
    for first in range(0, n, batch_size):
        gone = np.arange(first, min(first + batch_size, n))
        out = network.forward(_without(train, gone), potentials=False, out=out)
        value[gone] = whole - score(out.readout)
    return Contributions(train.step, train.unit, value)


def _without(train, gone):
    """Copies of the one sample of a compact train, each without one of the events ``gone``."""
    left = np.arange(len(train.step) - 1)
    left = left + (left >= gone[:, None])  # (copy, event)
    indptr = np.arange(len(gone) + 1) * left.shape[1]
    step, unit = train.step[left].ravel(), train.unit[left].ravel()
    return SpikeTrains(indptr, step, unit, train.n_steps, train.n_units)
