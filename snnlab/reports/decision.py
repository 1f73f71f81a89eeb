"""Time to decision: how soon after the first input spike the readout has made up its mind.

The scores of a loss are worked out anew on a readout that is cut off at a deadline, for every
deadline there is (Cramer et al. 2022, for the maximum over time).
"""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab.chip.clamp import first_step
from snnlab.learning.losses import MaxOverTime, check_readable, of_samples, scores_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike

    from snnlab._types import Loss, Signals
    from snnlab.network import Network

__all__ = ["DecisionTime", "PUBLISHED", "Published", "cut_off", "time_to_decision"]

Published = namedtuple("Published", "time source")
Published.__doc__ = "A published time to decision in seconds, and what it was measured on."

# printed in the main text: peak accuracy *within* 8 us of the first input spike, on the chip
PUBLISHED = Published(8e-6, "Cramer et al. 2022, 16x16 MNIST on the chip")


@dataclass(frozen=True)
class DecisionTime:
    """What `time_to_decision` found. Deadlines are counted from a sample's first input spike.

    Attributes
    ----------
    times : array of float (n_deadlines,)
        Deadlines in seconds: dt, 2 dt, ... to the whole length of a sample.
    accuracy : array of float (n_deadlines,)
        Accuracy of the readout cut off at each deadline.
    hidden_spikes : array of float (n_deadlines,)
        Mean hidden spikes per sample emitted up to each deadline.
    per_sample : array of float (n_samples,)
        Time in seconds after which a sample's prediction never changes again; inf for a sample
        that is undecided to the end.
    spikes_per_sample : array of int (n_samples,)
        Hidden spikes that a sample had emitted by then: its spikes until decision.
    tolerance : float
        By how much accuracy may fall short in `peak_time`.
    """

    times: np.ndarray
    accuracy: np.ndarray
    hidden_spikes: np.ndarray
    per_sample: np.ndarray
    spikes_per_sample: np.ndarray
    tolerance: float

    @property
    def final_accuracy(self) -> float:
        """Accuracy of the full readout."""
        return float(self.accuracy[-1])

    @property
    def peak_time(self) -> float:
        """Earliest deadline from which on accuracy is the final one, less at most ``tolerance``."""
        short = self.accuracy < self.final_accuracy - self.tolerance - 1e-12  # 1e-12: rounding
        return float(self.times[np.flatnonzero(short)[-1] + 1 if short.any() else 0])

    @property
    def best_time(self) -> float:
        """Earliest deadline of the highest accuracy of all, which may be above the final one."""
        return float(self.times[self.accuracy.argmax()])


def time_to_decision(
    network: Network,
    inputs: Signals,
    labels: ArrayLike,
    *,
    loss: Loss = "max_over_time",
    tolerance: float = 1e-3,
    batch_size: int = 500,
) -> DecisionTime:
    """Accuracy for every deadline, and when each sample's prediction is settled.

    Parameters
    ----------
    network : Network
    inputs : SpikeTrains or ConstantCurrent
    labels : array of int (n_samples,)
    loss : str or callable
        Decides how scores are read from the readout (`snnlab.losses`).
    tolerance : float
        For `DecisionTime.peak_time`, as a share of the samples: 0.001 is 0.1 percentage points.
    batch_size : int

    Returns
    -------
    DecisionTime

    Raises
    ------
    TypeError, ValueError
        Bad arguments; the message names the argument.

    Notes
    -----
    A sample whose first input spike comes in step s is read out at deadline k = 1, 2, ... from its
    beginning up to and including step s + k - 1, or its last step if that comes first. A sample
    without any input spike, or with a constant current, is timed from step 0.

    Deadline k counts as k dt, the end of its last bin: the spike lies somewhere within step s, so
    the true time since is at most that.

    Delays count. With ``delay=0`` a spike can go through all layers within its step; in the code of
    Cramer et al. (2022) each layer takes a step of 1.7 us more (`snnlab.neurons`).

    Equal scores are decided for the lowest class, as everywhere. Where all classes score alike,
    as before anything has reached the readout, accuracy counts that too (about a tenth of ten
    classes is right by chance), but ``per_sample`` takes it for what it is: no decision yet.
    """
    parts = cut_off(network, inputs, loss=loss, batch_size=batch_size)
    labels = _check.labels("labels", labels, len(inputs), network.sizes[-1])
    tolerance = _check.number("tolerance", tolerance, at_least=0)
    n_steps = network.n_steps
    said, spikes = [], []
    for scores, so_far in parts:
        undecided = (scores.max(axis=2) == scores.min(axis=2)) & (scores.shape[2] > 1)
        said.append(np.where(undecided, -1, scores.argmax(axis=2)))
        spikes.append(so_far)
    said, spikes = np.concatenate(said), np.concatenate(spikes)

    times = np.arange(1, n_steps + 1) * network.dt
    # deadline (from 0) at which the last change of mind has happened
    settled = ((said[:, 1:] != said[:, :-1]) * np.arange(1, n_steps)).max(axis=1, initial=0)
    undecided = said[:, -1] < 0
    settled[undecided] = n_steps - 1
    return DecisionTime(
        times=times,
        accuracy=(np.maximum(said, 0) == labels[:, None]).mean(axis=0),
        hidden_spikes=spikes.mean(axis=0),
        per_sample=np.where(undecided, np.inf, times[settled]),
        spikes_per_sample=spikes[np.arange(len(spikes)), settled],
        tolerance=tolerance,
    )


def first_input_step(inputs: Signals) -> np.ndarray:
    """Step of each sample's first input spike, int64 (n_samples,); 0 where there is none."""
    _check.kind("SpikeTrains", "ConstantCurrent")("inputs", inputs)
    return first_step(inputs)


def cut_off(
    network: Network,
    inputs: Signals,
    *,
    loss: Loss = "max_over_time",
    batch_size: int = 500,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """What a readout says that ends at a deadline, and what it took, for each deadline there is.

    Parameters
    ----------
    network : Network
    inputs : SpikeTrains or ConstantCurrent
    loss : str or callable
        Decides how scores are read from the readout (`snnlab.losses`).
    batch_size : int

    Yields
    ------
    scores : array of float (n_batch, n_deadlines, n_classes)
        Deadlines are those of `time_to_decision`.
    hidden_spikes : array of int64 (n_batch, n_deadlines)
        Emitted up to and including each deadline.

    Raises
    ------
    TypeError, ValueError
        Bad arguments; the message names the argument.
    """
    loss = of_samples("loss", loss)
    _check.network("network", network)
    check_readable(loss, network)
    network.check_inputs(inputs)
    return _parts(network, inputs, loss, _check.integer("batch_size", batch_size, at_least=1))


def _parts(network, inputs, loss, batch_size):
    trace, n_steps = None, network.n_steps
    for first in range(0, len(inputs), batch_size):
        batch = inputs[first : first + batch_size]
        trace = network.forward(batch, potentials=False, out=trace)
        last = np.minimum(first_input_step(batch)[:, None] + np.arange(n_steps), n_steps - 1)
        yield (
            np.take_along_axis(_scores_so_far(loss, trace.readout), last[:, :, None], axis=1),
            np.take_along_axis(_spikes_so_far(trace), last, axis=1),
        )


def _scores_so_far(loss, readout):
    """Scores from the readout up to and including each step, (sample, time, class)."""
    score = scores_of(loss)
    by_maximum = type(loss) is MaxOverTime or not getattr(loss, "scores", None)
    if by_maximum:  # a maximum so far stands for all that was before
        readout = np.maximum.accumulate(readout, axis=1)
    begins = range(readout.shape[1]) if by_maximum else [0] * readout.shape[1]
    return np.stack([score(readout[:, b : t + 1]) for t, b in enumerate(begins)], axis=1)


def _spikes_so_far(trace):
    """Hidden spikes emitted up to and including each step, int64 (sample, time)."""
    shape = len(trace), trace.readout.shape[1]
    counts = np.zeros(shape, np.int64)
    for train in trace.hidden:
        sample, event = train.rows()
        cell = sample * shape[1] + train.step[event]
        counts += np.bincount(cell, minlength=counts.size).reshape(shape)
    return counts.cumsum(axis=1)
