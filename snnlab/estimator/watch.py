"""Looking on while an estimator is trained: callbacks, and when to stop."""

import numpy as np

from snnlab import _check

LESS = 0.98  # of the synapses: a network with fewer is another one


class Watch:
    """A callback of `snnlab.train`: calls others, and stops where validation gets no better.

    While an optimiser prunes, a network is not compared with those of before, which had more
    synapses.

    Parameters
    ----------
    callbacks : sequence of callable
        Functions of a `Step`; training stops where one returns True.
    patience : int
        Epochs without a better validation accuracy after which training stops.
    early : bool
        Whether there is a validation set.
    optimizer : Optimizer
        Goes back with the weights, if it has a state.
    """

    def __init__(self, callbacks, patience, early, optimizer):
        self.callbacks, self.early, self.optimizer = callbacks, early, optimizer
        self.patience = _check.integer("patience", patience, at_least=1)
        self.best, self.when, self.stopped = -np.inf, 0, False
        self.weights, self.state, self.active = None, None, np.inf

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
        if now > self.best or self._prunes():
            self.best, self.when, self.active = now, step.epoch, self._n_active()
            self.weights = step.network.parameters.copy()
            if hasattr(self.optimizer, "state"):
                self.state = self.optimizer.state()
        return step.epoch - self.when >= self.patience

    def _n_active(self):
        """Synapses that a rule has left; infinite where there is no rule."""
        active = getattr(self.optimizer, "active", None)
        return np.inf if active is None else active.sum()

    def _prunes(self):
        """Whether a rule has not come to its end, or has taken synapses since the best epoch."""
        return getattr(self.optimizer, "pruning", False) or self._n_active() < LESS * self.active

    def restore(self, network, history):
        """Go back to the weights that did best, with the state that the optimiser had then."""
        if self.weights is not None:
            network.parameters[...] = self.weights
        if self.state is not None:
            self.optimizer.restore(self.state, network)
        if self.stopped:
            history.interrupted = False
