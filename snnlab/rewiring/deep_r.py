"""Deep R and soft Deep R: rewiring at random."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab.kernels import rewire
from snnlab.kernels.noise import SPREAD
from snnlab.learning import guard
from snnlab.learning.state import Kind
from snnlab.rewiring.connectivity import views
from snnlab.rewiring.quota import checked_sparsity, largest, per_layer
from snnlab.rewiring.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from snnlab._types import Optimizer, Seed
    from snnlab.network import Network

NEWBORN = 1e-12  # strength of a reactivated synapse; Bellec et al. (2018), code


class DeepR(Rule):
    """Deep R (Bellec et al. 2018, algorithm 1): a fixed number of synapses, rewired at random.

    The weights are ``w = s theta`` for active synapses, with a sign drawn at the start. An active
    theta follows the gradient, an L1 penalty and Gaussian noise::

        theta <- theta - eta (s dL/dw + alpha) + sqrt(2 eta T) nu

    One that falls below 0 is dormant; as many dormant ones, of the same layer and drawn at random,
    become active with a strength of almost 0. So each layer's number of weights stays fixed.

    The network is sparse from `begin` on, and then often silent: to scale its weights, call
    ``rule.begin(network)`` before ``network.scale_to_activity``. That goes for `SoftDeepR` and
    `FixedMask` too.

    Parameters
    ----------
    lr : float, optional
        Learning rate eta of "adam" or "sgd"; by default theirs.
    sparsity : float or sequence of float
        Share of weights that are dormant, in [0, 1), from the start; one per layer if a sequence.
        At least one weight of each layer is active.
    alpha : float
        Strength of the L1 penalty; 1e-5 in the authors' code.
    temperature : float
        T. The authors' code has noise of standard deviation ``1e-5 lr`` per step, which is
        ``T = 0.5e-10 lr``; Chen et al. (2021) compared with T = 0. The default is ours: with the
        default learning rate the noise of a step is a seventh of what Adam moves a weight.
    optimizer : {"adam", "sgd"} or Optimizer
        What stands for ``eta dL/dw``: what Adam would subtract, with ``eta / (1 - beta1^t)`` for
        eta elsewhere and moments of dormant synapses too, as Chen et al. (2021) coded it for
        comparison; or the gradient itself, as published; or another optimiser's change, as in
        `GradR`. Adam is the default because the other rules have it, so that one learning rate
        serves all.
    max_fan_in : int, optional
        The most inputs that a unit may have (not in the paper): only synapses of units that have
        fewer become active.
    log_every : int, optional
        As in `GradR`.
    rng : numpy.random.Generator or int
        For signs, the first active synapses, noise and rewiring.

    Attributes
    ----------
    log : Log
    theta : array
        Strengths, laid out as ``network.parameters``; 0 where dormant.

    Notes
    -----
    The noise is the sum of four random bytes: close to normal, and its sum over steps more so.
    """

    compiled = True
    arrays = {"theta": Kind(padded=False), "sign": Kind(np.int8, -1, 1)}

    def __init__(
        self,
        lr: float | None = None,
        sparsity: float | Sequence[float] = 0.95,
        alpha: float = 1e-5,
        temperature: float = 1e-5,
        *,
        optimizer: Optimizer | str = "adam",
        max_fan_in: int | None = None,
        log_every: int | None = None,
        rng: Seed,
    ) -> None:
        super().__init__(
            lr, optimizer=optimizer, log_every=log_every, rng=rng, max_fan_in=max_fan_in
        )
        self.sparsity = checked_sparsity(sparsity, 0)
        self.alpha = _check.number("alpha", alpha, at_least=0)
        self.temperature = _check.number("temperature", temperature, at_least=0)

    def prepare(self, network: Network) -> None:
        """Draw which synapses are active, and the signs of those that have none."""
        rng = np.random.default_rng([self.key, 1])
        self.theta, chosen = np.zeros_like(network.parameters), []
        thetas, lows = views(network, self.theta), self.low(network)
        for w, theta, n, low in zip(network.weights, thetas, self.quota, lows, strict=True):
            # any of the weights that are there; others only if those are too few
            mask = largest(rng.random(w.size) + (w != 0).ravel(), n).reshape(w.shape)
            theta[...] = low * rng.random(w.shape)
            theta[mask] = np.maximum(np.abs(w[mask]), w.dtype.type(NEWBORN))
            chosen.append(mask & (w != 0))
        self.sign = self.signs(network, chosen)
        signs, thetas = views(network, self.sign), views(network, self.theta)
        for w, sign, theta in zip(network.weights, signs, thetas, strict=True):
            w[...] = np.where(theta > 0, sign * theta, 0)

    def check_network(self, network: Network) -> None:
        """All synapses must find room under the limit."""
        super().check_network(network)
        self.check_room(network)

    def check_arrays(self, found: dict[str, np.ndarray], network: Network) -> None:
        """A weight without a sign could never become active, and would be looked for in vain."""
        super().check_arrays(found, network)
        if "sign" in found and not all(x.all() for x in views(network, found["sign"])):
            raise ValueError("sign must be 1 or -1 wherever there is a weight")

    def check_room(self, network: Network) -> None:
        """Whether the active synapses find room where no unit has too many."""
        for k, (w, quota) in enumerate(zip(network.weights, self.quota, strict=True)):
            if self.max_fan_in is not None and quota > self.max_fan_in * w.shape[1]:
                raise ValueError(
                    f"sparsity leaves {quota} weights in layer {k}, but max_fan_in only "
                    f"{self.max_fan_in} for each of its {w.shape[1]} units"
                )

    def low(self, network: Network) -> list[float]:
        """Per layer the least strength: 0, for dormant synapses have none."""
        return [0.0] * len(network.weights)

    def largest_pull(self, network: Network, rates: Sequence[float]) -> float:
        """Penalty and noise, which is a sum of four bytes."""
        rate, low = max(map(abs, rates)), min(self.low(network))
        return rate * self.alpha + math.sqrt(2 * rate * self.temperature) / SPREAD * 510 - low

    def kernel(self, network: Network, rates: Sequence[float]) -> Callable:
        """Strengths of active synapses move by change, penalty and noise."""
        real = partial(guard.real, dtype=network.dtype, what="what a strength moves in a step")
        key = np.uint32(self.key)
        arrays = network.parameters, self.theta, self.sign
        own = []
        for rate, low in zip(rates, self.low(network), strict=True):
            noise = math.sqrt(2 * abs(rate) * self.temperature) / SPREAD
            own.append((real(rate * self.alpha), real(noise), key, self.steps + 1, real(low)))
        return lambda k, lo, hi, way, *change: rewire.DEEP_R[way](*arrays, lo, hi, *change, *own[k])

    def after_step(self, network: Network) -> None:
        """As many dormant synapses become active as have gone."""
        newborn = network.dtype.type(NEWBORN)
        rooms = [np.full(b.width, b.rows, np.int32) for b in network.weight_blocks]
        if self.max_fan_in is not None:
            rooms = [self.max_fan_in - n for n in self.limit_fan_in(network)]
        for k, missing in enumerate((self.quota - self.active).tolist()):
            if missing > 0:
                place = network.parameters, self.theta, self.sign, *network.weight_blocks[k].span
                key = np.uint32(self.key + 1 + k)
                rewire.reactivate(*place, key, self.steps, missing, newborn, rooms[k])
                self.active[k] += missing


class SoftDeepR(DeepR):
    """Soft Deep R (Bellec et al. 2018): dormant synapses come back by a random walk.

    Active synapses learn as in `DeepR`. The strength of a dormant one feels neither gradient nor
    penalty: ``theta <- max(theta + sqrt(2 eta T) nu, theta_min)``, and it is active once that is
    above 0. The number of synapses is not fixed. With no gradient at all a share ``1 - sparsity``
    would be active in the long run, if ``theta_min = -T sparsity / (alpha (1 - sparsity))``.

    Parameters
    ----------
    lr, sparsity, alpha, temperature, optimizer, max_fan_in, log_every, rng
        As in `DeepR`; ``sparsity`` is that of the start, and above 0, alpha too. Dormant synapses
        start anywhere between theta_min and 0; the weakest of a full unit go on from 0.
    theta_min : float, optional
        Below 0; by default as above.
    """

    def __init__(
        self,
        lr: float | None = None,
        sparsity: float | Sequence[float] = 0.95,
        alpha: float = 1e-2,
        temperature: float = 1e-4,
        *,
        theta_min: float | None = None,
        optimizer: Optimizer | str = "adam",
        max_fan_in: int | None = None,
        log_every: int | None = None,
        rng: Seed,
    ) -> None:
        super().__init__(
            lr, sparsity, alpha, temperature, optimizer=optimizer, max_fan_in=max_fan_in,
            log_every=log_every, rng=rng,
        )  # fmt: skip
        if theta_min is None:
            _check.number("alpha", alpha, above=0)
            _check.number("temperature", temperature, above=0)
            checked_sparsity(sparsity, 0, above=True)
        else:
            theta_min = _check.number("theta_min", theta_min, below=0)
        self.theta_min = theta_min

    def check_room(self, network: Network) -> None:
        """The number of synapses is not fixed."""

    def after_step(self, network: Network) -> None:
        """Dormant synapses come back by themselves."""
        Rule.after_step(self, network)

    def low(self, network: Network) -> list[float]:
        """Per layer theta_min."""
        scale = self.temperature / self.alpha if self.alpha else 0
        return [
            -scale * p / (1 - p) if self.theta_min is None else self.theta_min
            for p in per_layer(network, self.sparsity)
        ]
