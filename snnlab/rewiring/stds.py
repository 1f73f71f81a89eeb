"""State transition of dendritic spines (STDS): a soft threshold that rises."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab.kernels import rewire
from snnlab.learning.state import Kind
from snnlab.rewiring.connectivity import views
from snnlab.rewiring.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from snnlab._types import Optimizer
    from snnlab.network import Network


class STDS(Rule):
    """State transition of dendritic spines (Chen et al. 2022): a soft threshold that rises.

    ``w = sign(theta) max(|theta| - d, 0)``, theta being the initial weight at first. Its gradient
    is taken to be that of w, also below the threshold. d rises from 0 to ``threshold`` over the
    training: after step n of N it is ``threshold (1 + sin(pi (n / N - 1/2))) / 2``.

    Parameters
    ----------
    lr : float, optional
        Learning rate; by default the optimiser's. The authors use 1e-4.
    threshold : float
        d at the end, in units of the weights. It sets the connectivity; the authors' range from 1
        to 5, for weights learned over 2048 epochs.
    schedule : {"sine", "linear"}
        Course of d.
    optimizer : {"adam", "sgd"} or Optimizer
        What says how far a hidden weight moves; as in `GradR`.
    max_fan_in : int, optional
        The most inputs that a unit may have; of a full one the weakest are pruned, their theta set
        to the threshold (not in the paper).
    log_every : int, optional
        As in `GradR`.

    Attributes
    ----------
    log : Log
    theta : array
        Hidden weights, laid out as ``network.parameters``.
    """

    compiled = True
    arrays = {"theta": Kind()}

    def __init__(
        self,
        lr: float | None = None,
        threshold: float = 0.05,
        *,
        schedule: str = "sine",
        optimizer: Optimizer | str = "adam",
        max_fan_in: int | None = None,
        log_every: int | None = None,
    ) -> None:
        super().__init__(lr, optimizer=optimizer, log_every=log_every, max_fan_in=max_fan_in)
        self.threshold = _check.number("threshold", threshold, at_least=0)
        self.schedule = _check.one_of("schedule", schedule, ("sine", "linear"))

    @property
    def pruning(self) -> bool:
        """Whether the threshold is yet to rise."""
        self.now()
        return self.steps < self.n_steps

    def threshold_at(self, step: int) -> float:
        """Threshold d after so many steps."""
        self.now()
        done = min(step / self.n_steps, 1.0)
        if self.schedule == "sine":
            done = (1 + math.sin(math.pi * (done - 0.5))) / 2
        return self.threshold * done

    def prepare(self, network: Network) -> None:
        """Hidden weights are the weights."""
        self.now()
        self.theta = np.zeros_like(network.parameters)
        for theta, w in zip(views(network, self.theta), network.weights, strict=True):
            theta[...] = w

    def strength(self, x: np.ndarray) -> np.ndarray:
        """By how much a hidden weight is above the threshold."""
        return np.abs(x) - x.dtype.type(self.threshold_at(self.steps))

    def largest_pull(self, network: Network, rates: Sequence[float]) -> float:
        """The threshold."""
        return self.threshold

    def kernel(self, network: Network, rates: Sequence[float]) -> Callable:
        """Hidden weights move by the optimiser's change, and the threshold rises."""
        d = [network.dtype.type(self.threshold_at(self.steps + k)) for k in (0, 1)]
        arrays = network.parameters, self.theta
        return lambda k, lo, hi, way, *change: rewire.STDS[way](*arrays, lo, hi, *change, *d)

    def limit_fan_in(self, network: Network, rest: float | None = None) -> list[np.ndarray]:
        """Hidden weights of those that go are set to the threshold."""
        return super().limit_fan_in(network, self.threshold_at(self.steps))
