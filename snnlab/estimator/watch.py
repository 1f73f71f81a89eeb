"""Looking on while an estimator is trained: callbacks, and when to stop."""

import numpy as np

from snnlab import _check


class Watch:
    """A callback of `snnlab.train`: calls others, and stops where validation gets no better.

    Parameters
    ----------
    callbacks : sequence of callable
        Functions of a `Step`; training stops where one returns True.
    patience : int
        Epochs without a better validation accuracy after which training stops.
    early : bool
        Whether there is a validation set.
    """

    def __init__(self, callbacks, patience, early):
        self.callbacks, self.early = callbacks, early
        self.patience = _check.integer("patience", patience, at_least=1)
        self.best, self.when, self.weights, self.stopped = -np.inf, 0, None, False

    def __call__(self, step):
        """Whether training is to stop after this step."""
        stop = [isinstance(x, bool | np.bool_) and bool(x) for x in self._answers(step)]
        if self.early and step.ends_epoch:
            self.stopped = self._epoch(step)
        return any(stop) or self.stopped

    def _answers(self, step):
        return [call(step) for call in self.callbacks]

    def _epoch(self, step):
        """Keep the best weights; whether patience is at its end."""
        now = step.history.validation_accuracy[-1]
        if now > self.best:
            self.best, self.when = now, step.epoch
            self.weights = step.network.parameters.copy()
        return step.epoch - self.when >= self.patience

    def restore(self, network, history):
        """Go back to the weights that did best."""
        if self.weights is not None:
            network.parameters[...] = self.weights
        if self.stopped:
            history.interrupted = False
