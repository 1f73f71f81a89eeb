"""Gradient rewiring (Grad R)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab.kernels import rewire
from snnlab.learning import guard
from snnlab.learning.state import Kind
from snnlab.rewiring.connectivity import views
from snnlab.rewiring.prior import centre
from snnlab.rewiring.quota import checked_sparsity, per_layer
from snnlab.rewiring.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from snnlab._types import Optimizer, Seed
    from snnlab.network import Network


class GradR(Rule):
    r"""Gradient rewiring (Chen et al. 2021): weights are ``w = s max(theta, 0)``.

    The sign s is that of the initial weight, for good; the hidden strength theta starts as its
    absolute value. A synapse with ``theta <= 0`` is pruned, yet keeps learning: the gradient by its
    theta is *redefined* as ``s dL/dw``, so that it grows again when that would lower the loss. A
    Laplacian prior, of density ``(alpha / 2) exp(-alpha |theta - mu|)``, pulls theta down::

        theta <- theta - eta_t (s m_hat / (sqrt(v_hat) + eps) + alpha sign(theta - mu))
        eta_t = lr / (1 - beta1^t),   mu = ln(2 (1 - p)) / alpha

    with Adam's moments of dL/dw (of pruned synapses too), as in the authors' code: the pull is not
    divided by the root of the second moment, and left out if ``alpha <= eps``. With another
    optimiser, what it would subtract from w stands for the first term, and its learning rate for
    eta_t.

    Parameters
    ----------
    lr : float, optional
        Learning rate; by default the optimiser's. Their MNIST script has 1e-3.
    sparsity : float or sequence of float
        Target p of the prior, in [0.5, 1); one per layer if a sequence. As published it hardly
        matters unless alpha is large: see `prior_centre` and `smallest_alpha`, and ``hold``.
    alpha : float or callable
        Strength of the pull, at least 0, or a function ``(epoch, epochs) -> strength`` such as
        `snnlab.penalties.Ramp`. 1e-3 is the default of their MNIST script.
    optimizer : {"adam", "sgd"} or Optimizer
        What says how far a weight moves: ``Adam(lr)``, ``SGD(lr)``, or any optimiser of
        `snnlab.optim` or derived from `snnlab.optim.Optimizer`, which has a learning rate of its
        own: ``lr`` is then left out. Its momentum goes on for pruned synapses; its weight decay
        does not act on them.
    hold : {None, "layer", "network"}
        Not in the paper: where there are ``1 - p`` of the weights or fewer, in a layer or in the
        whole network, the pull rests until there are more. That makes the target effective, once
        alpha is large enough for it to be reached.
    settle : float, optional
        Not in the paper: epochs after which the pull ends. What is pruned then stays so, and the
        synapses that are left learn on.
    zero_weights : {"random", "frozen"}
        A weight that is 0 at the start has no sign. By default it gets a random one (not in the
        paper); "frozen" leaves it at 0 for good, as their code does.
    max_fan_in : int, optional
        The most inputs that a unit may have; of a full one the weakest are pruned, their theta set
        to 0 (not in the paper).
    log_every : int, optional
        Steps between entries of the log; by default an epoch (100 if that is not known).
    rng : numpy.random.Generator or int
        For the signs of weights that are 0.

    Attributes
    ----------
    log : Log
    optimizer : Optimizer
    theta : array
        Hidden strengths, laid out as ``network.parameters``; per layer: `strengths`.
    """

    compiled = True
    arrays = {"theta": Kind(padded=False), "sign": Kind(np.int8, -1, 1)}
    _pull = math.inf

    def __init__(
        self,
        lr: float | None = None,
        sparsity: float | Sequence[float] = 0.95,
        alpha: float | Callable[[float, int], float] = 1e-3,
        *,
        optimizer: Optimizer | str = "adam",
        hold: str | None = None,
        settle: float | None = None,
        zero_weights: str = "random",
        max_fan_in: int | None = None,
        log_every: int | None = None,
        rng: Seed = 0,
    ) -> None:
        super().__init__(
            lr, optimizer=optimizer, log_every=log_every, rng=rng, max_fan_in=max_fan_in
        )
        self.sparsity = checked_sparsity(sparsity, 0.5)
        self.alpha = alpha if callable(alpha) else _check.number("alpha", alpha, at_least=0)
        self.hold = _check.one_of("hold", hold, (None, "layer", "network"))
        self.settle = None if settle is None else _check.number("settle", settle, at_least=0)
        self.zero_weights = _check.one_of("zero_weights", zero_weights, ("random", "frozen"))

    def alpha_now(self) -> float:
        """Strength of the pull at the next step."""
        if self._settled():
            return 0.0
        if callable(self.alpha):
            return _check.number("alpha", self.alpha(*self.now()), at_least=0)
        return self.alpha

    @property
    def pruning(self) -> bool:
        """Whether the pull is yet to end (``settle``)."""
        return self.settle is not None and not self._settled()

    def _settled(self, ago=0):
        """Whether rewiring has ended, or had some steps ago."""
        if self.settle is None:
            return False
        self.now()  # complains if nothing is known of epochs
        return self.steps - ago >= self.settle * self.steps_per_epoch

    def prepare(self, network: Network) -> None:
        """Strengths are the sizes of the weights, with their signs."""
        self.alpha_now()  # complains if it follows a schedule that is not known
        self.theta = np.zeros_like(network.parameters)
        for theta, w in zip(views(network, self.theta), network.weights, strict=True):
            theta[...] = np.abs(w)
        self.sign = self.signs(network)
        if self.zero_weights == "frozen":
            self.sign[network.parameters == 0] = 0

    def largest_pull(self, network: Network, rates: Sequence[float]) -> float:
        """``eta_t alpha``."""
        return max(map(abs, rates)) * self._pull

    def kernel(self, network: Network, rates: Sequence[float]) -> Callable:
        """Strengths move by the optimiser's change and by the pull."""
        real, alpha, n, quota = network.dtype.type, self.alpha_now(), self.active, self.quota
        self._pull = alpha  # a function of one's own is asked once a step
        if self._settled() and not self._settled(ago=1):  # a synapse without a sign stays as it is
            self.sign[network.parameters == 0] = 0
        rests = (n <= quota) & (self.hold == "layer")
        rests |= self.hold == "network" and n.sum() <= quota.sum()
        prior = [(real(0), real(0))] * len(n)  # pull and centre
        if alpha > getattr(self.optimizer, "eps", 0.0):
            for k, p in enumerate(per_layer(network, self.sparsity)):
                if not rests[k]:
                    pull = guard.real(
                        rates[k] * alpha, network.dtype, "the pull on strengths, alpha,"
                    )
                    prior[k] = pull, real(centre(p, alpha))
        arrays = network.parameters, self.theta, self.sign
        return lambda k, lo, hi, way, *change: rewire.GRAD_R[way](
            *arrays, lo, hi, *change, *prior[k]
        )
