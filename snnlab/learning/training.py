"""The training loop: the three plain steps and an update, over batches and epochs."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab.learning import silence
from snnlab.learning.checkpoint import Checkpoint
from snnlab.learning.evaluation import Evaluation, batch_of, evaluate, predict_scores
from snnlab.learning.guard import check_gradients, forgotten_if_failed, on_trial
from snnlab.learning.history import History
from snnlab.learning.losses import agreement, called, check_targets, scored
from snnlab.learning.progress import Interrupts, Progress
from snnlab.learning.settings import check_batches, check_samples, normalises, takes_settings
from snnlab.learning.state import Stateful
from snnlab.medium import run_on
from snnlab.parameters import check_weights

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from numpy.typing import ArrayLike

    from snnlab._types import Inputs, PathLike, Seed
    from snnlab.network import Network
    from snnlab.trace import Trace

__all__ = ["Evaluation", "Step", "evaluate", "predict_scores", "steps", "train"]
LARGE = "(are inputs, penalties, scale of the loss or lr too large for this network?)"


@dataclass
class Step:
    """One completed training step, as seen by a callback.

    Attributes
    ----------
    network : Network
        Its weights are those after the step.
    history : History
        Of the epochs completed so far.
    epoch, step, steps_per_epoch : int
        Both counted from 0.
    loss, penalty, accuracy, hidden_spikes : float
        Of this batch, before the update; the loss is without the penalties.
    trace : Trace
        Of this batch; it is written over by the next step.
    """

    network: Network
    history: History
    epoch: int
    step: int
    steps_per_epoch: int
    loss: float
    penalty: float
    accuracy: float
    hidden_spikes: float
    trace: Trace

    @property
    def ends_epoch(self) -> bool:
        """Whether this was the last step of its epoch."""
        return self.step == self.steps_per_epoch - 1


@takes_settings
def steps(
    network: Network,
    inputs: Inputs,
    labels: ArrayLike,
    *,
    rng: Seed,
    history: History | None = None,
    settings: Any,
) -> Iterator[Step]:
    """Train step by step: an iterator that yields a `Step` after each update.

    `train` runs through it; use it directly to pause between steps or to change ``optimizer.lr``
    as it goes. Parameters and errors as in `train`, and ``history``: a `History` of epochs that are
    done, to go on from. Nothing is trained before the first ``next``.
    """
    return _checked_loop(network, inputs, labels, rng, settings, history)


def _checked_loop(network, inputs, labels, rng, settings, history):
    """The loop, arguments being checked."""
    settings = settings.checked(network)
    rng = _check.generator("rng", rng)
    n_samples = check_samples("inputs", network, inputs)
    sizes = n_samples, network.sizes[-1], network.n_steps
    labels = check_targets(settings.loss, "labels", labels, *sizes)
    check_batches(network, n_samples, settings.batch_size)
    return _Loop(network, inputs, labels, rng, settings, History() if history is None else history)


class _Loop:
    """All epochs, as an iterator of steps; its settings are checked."""

    def __init__(self, network, inputs, labels, rng, settings, history):
        self.network, self.inputs, self.labels, self.rng = network, inputs, labels, rng
        self.settings, self.history = settings, history
        self.per_epoch = -(-len(inputs) // settings.batch_size)
        self.trace, self.gradients, self.factor = None, None, 1.0
        self.how = {"training": True} if normalises(network) else {}
        if not getattr(settings.backward, "needs_potentials", True):
            self.how["potentials"] = False
        self.spikes = 0  # in this epoch, per layer of neurons that spike
        self.silent = {}  # for how many epochs some of these layers have been
        self._steps = self._all()

    def __iter__(self):
        return self

    def __next__(self):
        return next(self._steps)

    def close(self):
        """Stop where it is."""
        self._steps.close()

    def _all(self):
        epochs, optimizer = self.settings.epochs, self.settings.optimizer
        if hasattr(optimizer, "begin") and len(self.history) < epochs:  # some prune here
            optimizer.begin(self.network, epochs, self.per_epoch)
        if len(self.history) < epochs:
            silence.check_hearing(self.network, self.inputs, silence.MANY)
            silence.check_writing(self.network, self.settings.substrate)
        for epoch in range(len(self.history), epochs):
            self.spikes = 0
            began = time.perf_counter()
            order = self.rng.permutation(len(self.inputs))
            total = np.zeros(4)  # loss, penalty, correct, spikes
            for k in range(self.per_epoch):
                size = self.settings.batch_size
                index = order[k * size : (k + 1) * size]
                with forgotten_if_failed(self.network):
                    step = self._step(epoch, k, index)
                numbers = step.loss, step.penalty, step.accuracy, step.hidden_spikes
                total += np.array(numbers) * len(index)
                if step.ends_epoch:
                    self._note_epoch(time.perf_counter() - began, total / len(order))
                yield step

    def _step(self, epoch, k, index):
        """One batch: forward, loss, backward, update."""
        network, settings, rng = self.network, self.settings, self.rng
        batch, target = batch_of(self.inputs, index, rng), self.labels[index]
        masks = None
        if settings.dropout > 0:  # one mask per batch, no rescaling (Cramer et al. 2022, code)
            masks = [rng.random(stage.n) >= settings.dropout for stage in network.hidden_stages]
        now = epoch + k / self.per_epoch, settings.epochs
        self.factor = _check.number("the schedule's factor", settings.schedule(*now), at_least=0)

        how = {"dropout": masks, "out": self.trace, **self.how}
        trace = self.trace = run_on(settings.medium, network, batch, **how)
        value, g_readout = called(settings.loss, trace.readout, target)
        price, g_readout, g_spikes = settings.penalties.of_trace(trace, g_readout, *now)
        if not np.isfinite(value + price):
            raise _check.NotFinite(
                f"the loss is {value} and the penalty {price} in epoch {epoch + 1}, "
                f"step {k + 1}; the weights are those of the step before {LARGE}"
            )
        self.gradients = settings.gradients(network, trace, g_readout, g_spikes, self.gradients)
        price += settings.penalties.of_weights(network, self.gradients, *now)
        try:
            self._update()
        except FloatingPointError as fault:
            raise _check.NotFinite(f"in epoch {epoch + 1}, step {k + 1}: {fault} {LARGE}") from None
        settings.medium.clip(network)
        if epoch == k == 0:
            silence.check_hearing(network, batch)
        self.spikes = self.spikes + np.array([train.counts().sum() for train in trace.spikes])

        correct = agreement(settings.loss, scored(settings.loss, trace.readout, target), target)
        return Step(
            network=network,
            history=self.history,
            epoch=epoch,
            step=k,
            steps_per_epoch=self.per_epoch,
            loss=value,
            penalty=price,
            accuracy=correct,
            hidden_spikes=float(trace.hidden_counts().mean()),
            trace=trace,
        )

    def _update(self):
        """Let the optimiser change the weights; one's own may not look at what it does."""
        network, gradients, optimizer = self.network, self.gradients, self.settings.optimizer
        step = partial(optimizer.step, network, gradients, self.factor)
        if getattr(type(optimizer), "step", None) is Stateful.step:
            step()
            return
        check_gradients(network, gradients.flat, optimizer)
        known = optimizer.own_arrays() if isinstance(optimizer, Stateful) else {}
        on_trial(network, known, step, optimizer)

    def _note_epoch(self, seconds, means):
        """An epoch's entry in the history."""
        check_weights(self.network)
        history, settings = self.history, self.settings
        dead = {k for k, n in enumerate(self.spikes) if n == 0}
        self.silent = {k: self.silent.get(k, 0) + 1 for k in dead}
        last = len(history) + 1 == settings.epochs
        lasting = [k for k, epochs in self.silent.items() if last or epochs >= silence.PATIENCE]
        if lasting and not settings.penalties.revive():
            silence.tell_of_layers(self.network, lasting, max(self.silent.values()))
        history.seconds.append(seconds)
        history.lr.append(settings.optimizer.lr * self.factor)
        names = "loss", "penalty", "train_accuracy", "hidden_spikes"
        for name, x in zip(names, means, strict=True):
            getattr(history, name).append(float(x))
        if settings.validation is not None:
            result = evaluate(
                self.network, *settings.validation, loss=settings.loss,
                substrate=settings.substrate,
            )  # fmt: skip
            history.validation_accuracy.append(result.accuracy)
            history.validation_hidden_spikes.append(result.hidden_spikes)


@takes_settings
def train(
    network: Network,
    inputs: Inputs,
    labels: ArrayLike,
    *,
    rng: Seed,
    callback: Callable[[Step], Any] | None = None,
    progress: bool = True,
    checkpoint: PathLike | None = None,
    extend: bool = False,
    settings: Any,
) -> History:
    """Train a network in place.

    Parameters
    ----------
    network : Network
    inputs : SpikeTrains, ConstantCurrent, Values or stream
        Training samples. A stream is an object with a length and ``batch(indices, rng)``, which
        returns one of the others: `snnlab.augment.AugmentedImages`, or your own.
    labels : array of int (n_samples,)
        In [0, n_classes). For "squared_error" values, (n_samples, n_outputs), and accuracies are
        then R2. For losses of every step one of each step; `snnlab.losses.MaskedTargets` say which
        steps count.
    rng : numpy.random.Generator or int
        For the order of samples, dropout and streams.
    callback : callable, optional
        Called with a `Step` after each step; training stops if it returns True.
    progress : bool
        Show a bar (with tqdm, in a terminal or notebook) or a line per epoch.
    checkpoint : path, optional
        File written after each epoch and its callback, whole or not at all. If it exists, training
        goes on from it, to the same weights, bit for bit, as without the interruption; it must be
        of the same data, settings and start, which digests of them in the file tell.
    extend : bool
        Go on from a checkpoint of fewer ``epochs``. (Schedules then run over the new number, those
        of rules stay at their end: it is not as if all of them had been asked for at once.)
    epochs, batch_size, loss, optimizer, schedule, dropout
        How to train: `snnlab.learning.settings.Settings`.
    penalties, substrate, validation, backward
        Settings, too.

    Returns
    -------
    History

    Raises
    ------
    TypeError, ValueError
        Bad arguments, before anything is trained; the message names the argument.
    FloatingPointError
        If loss, gradient or what an update leads to is not finite. The network is then, and what a
        checkpoint holds was, at the last step that was.

    Notes
    -----
    An interrupt (Ctrl-C, or the notebook's stop button) ends training after the step that is being
    computed, with a warning: the network is then at its last completed step.
    """
    _check.flag("progress", progress)
    if callback is not None:
        _check.function("callback", callback, 1)
    loop = _checked_loop(network, inputs, labels, rng, settings, None)
    history, epochs = loop.history, loop.settings.epochs
    if checkpoint is not None:
        checkpoint = Checkpoint(checkpoint, loop, _check.flag("extend", extend))
        checkpoint.resume()
        if len(history) >= epochs > 0:
            print(f"snnlab: {checkpoint.path}: already finished, after {epochs} epochs")
    with Interrupts() as interrupts, Progress(progress, epochs, len(history)) as show:
        for step in loop:
            show(step)
            try:
                answer = None if callback is None else callback(step)
            finally:  # it may have changed weights, or the learning rate
                if step.ends_epoch and checkpoint is not None:
                    checkpoint.save()
            # what a callback happens to return (a bar's update, say) should not end training
            stop = isinstance(answer, bool | np.bool_) and bool(answer)
            if stop or interrupts.seen:
                history.interrupted = len(history) < epochs
                break
    if interrupts.seen:
        warnings.warn(
            f"training was interrupted after {len(history)} of {epochs} epochs; "
            "the network is at its last completed step",
            RuntimeWarning,
            stacklevel=3,
        )
    return history
