"""Early exit: each sample runs only until one class leads clearly, which saves spikes and time.

A network that is stopped once it is sure enough emits no more spikes. How far the best class has to
be ahead of the second one, the margin, is chosen on samples that are not those of the test. Early
exits of spiking networks by how sure they are have been studied by Li, Geller et al. (SEENN, 2023)
and Li, Jones and Furber (2023), among others.
"""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab.reports.decision import cut_off, first_input_step

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from snnlab._types import Loss, Signals
    from snnlab.network import Network

__all__ = ["EarlyExit", "Exit", "early_exit"]

Exit = namedtuple("Exit", "margin accuracy hidden_spikes time share")
Exit.__doc__ = """What comes of a margin, over all samples.

Attributes
----------
margin : float
accuracy : float
hidden_spikes : float
    Mean hidden spikes per sample until it ends.
time : float
    Mean time in seconds from a sample's first input spike until it ends.
share : float
    Of samples that end by the margin; the others run to their last step.
"""


@dataclass(frozen=True)
class EarlyExit:
    """What `early_exit` found: how sure a network is at each deadline, for every margin at once.

    Deadlines are those of `snnlab.time_to_decision`, counted from a sample's first input spike.

    Attributes
    ----------
    times : array of float (n_deadlines,)
        Deadlines in seconds.
    lead : array of float (n_samples, n_deadlines)
        How far the score of the best class is ahead of the second one. Of scores that a loss takes
        a softmax of, it is the logarithm of how many times as probable the best class is.
    right : array of bool (n_samples, n_deadlines)
        Whether the best class is the label.
    spikes : array of int (n_samples, n_deadlines)
        Hidden spikes emitted up to and including each deadline.
    last : array of int (n_samples,)
        Index of the deadline at which a sample's last step is over.
    """

    times: np.ndarray
    lead: np.ndarray
    right: np.ndarray
    spikes: np.ndarray
    last: np.ndarray

    def at(self, margin: float) -> Exit:
        """What comes of ending each sample as soon as its lead is above ``margin``.

        Parameters
        ----------
        margin : float
            At least 0.

        Returns
        -------
        Exit

        Raises
        ------
        TypeError, ValueError
            ``margin`` is not a number, or below 0.
        """
        return self._at(_check.number("margin", margin, at_least=0))

    @property
    def whole(self) -> Exit:
        """What comes of running all samples to their last step: a margin that is infinite."""
        return self._at(np.inf)

    def _at(self, margin):
        clear = self.lead > margin
        ends = clear.any(axis=1)
        stop = np.where(ends, clear.argmax(axis=1), self.last)
        each = np.arange(len(stop)), stop
        return Exit(
            margin=margin,
            accuracy=float(self.right[each].mean()),
            hidden_spikes=float(self.spikes[each].mean()),
            time=float(self.times[stop].mean()),
            share=float(ends.mean()),
        )

    def margin(self, tolerance: float = 1e-3) -> float:
        """The smallest margin from which on accuracy is that of whole runs, less ``tolerance``.

        Parameters
        ----------
        tolerance : float
            As a share of the samples: 0.001 is 0.1 percentage points.

        Returns
        -------
        float
            In units of the scores. Choose it on samples that were not learned from, and report
            what comes of it (`at`) on others.

        Raises
        ------
        TypeError, ValueError
            ``tolerance`` is not a number, or below 0.
        """
        tolerance = _check.number("tolerance", tolerance, at_least=0)
        sample, step = np.nonzero(self._sets_a_record())
        # a margin of at least this lead makes the sample wait for its next record, or for its end
        lead = self.lead[sample, step]
        again = np.append(sample[1:] == sample[:-1], False)
        later = np.where(again, np.append(step[1:], 0), self.last[sample])
        gain = self.right[sample, later].astype(np.int64) - self.right[sample, step]
        order = np.argsort(lead, kind="stable")
        lead, gain = lead[order], gain[order]
        # right answers that whole runs have beyond those with a margin below each lead
        missed = gain[::-1].cumsum()[::-1]
        missed[1:][lead[1:] == lead[:-1]] = 0  # of equal leads the first one speaks for all
        short = np.flatnonzero(missed > tolerance * len(self.last) + 1e-9)  # 1e-9: rounding
        return float(lead[short[-1]]) if len(short) else 0.0

    def _sets_a_record(self):
        """Whether a lead is above all that its sample had before, and above 0."""
        before = np.maximum.accumulate(self.lead, axis=1)[:, :-1]
        return self.lead > np.pad(before, ((0, 0), (1, 0)))


def early_exit(
    network: Network,
    inputs: Signals,
    labels: ArrayLike,
    *,
    loss: Loss = "max_over_time",
    batch_size: int = 500,
) -> EarlyExit:
    """Accuracy, hidden spikes and time if each sample ends once its best class leads clearly.

    Parameters
    ----------
    network : Network
        With two classes at least.
    inputs : SpikeTrains or ConstantCurrent
    labels : array of int (n_samples,)
    loss : str or callable
        Decides how scores are read from the readout (`snnlab.losses`).
    batch_size : int

    Returns
    -------
    EarlyExit
        ``.margin(tolerance)`` chooses a margin, ``.at(margin)`` says what comes of it.

    Raises
    ------
    TypeError, ValueError
        Bad arguments; the message names the argument.

    Notes
    -----
    All samples are run to their end here, and what comes after an exit is not counted: spikes do
    not act backwards in time, so a network that is stopped there has done the same until then.

    Examples
    --------
    >>> import snnlab
    >>> data = snnlab.datasets.load("digits16")
    >>> x, y = snnlab.encode.latency(data.x_train), data.y_train
    >>> network = snnlab.Network((256, 60, 10), snnlab.LIF.brainscales2(), n_steps=20, rng=0)
    >>> network = network.scale_to_activity(x, 30)
    >>> history = snnlab.train(network, x[:1000], y[:1000], epochs=5, rng=1, progress=False)
    >>> margin = snnlab.early_exit(network, x[1000:], y[1000:]).margin()
    >>> found = snnlab.early_exit(network, snnlab.encode.latency(data.x_test), data.y_test)
    >>> found.at(margin).hidden_spikes < found.whole.hidden_spikes
    True
    """
    parts = cut_off(network, inputs, loss=loss, batch_size=batch_size)
    labels = _check.labels("labels", labels, len(inputs), network.sizes[-1])
    if network.sizes[-1] < 2:
        raise ValueError("network must have two outputs at least, for one to be ahead")
    lead, said, spikes = [], [], []
    for scores, so_far in parts:
        best = np.partition(scores, -2, axis=2)
        lead.append(best[:, :, -1] - best[:, :, -2])
        said.append(scores.argmax(axis=2))
        spikes.append(so_far)
    n_steps = network.n_steps
    return EarlyExit(
        times=np.arange(1, n_steps + 1) * network.dt,
        lead=np.concatenate(lead),
        right=np.concatenate(said) == labels[:, None],
        spikes=np.concatenate(spikes),
        last=n_steps - 1 - first_input_step(inputs),
    )
