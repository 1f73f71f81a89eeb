"""What every rewiring rule has: an optimiser it wraps, hidden strengths, a schedule, a log.

A rule takes the place of the optimiser in `snnlab.train`: it decides which synapses there are while
they are trained. Pruned weights are exactly 0.

================ =============================================== ===================================
rule             a synapse goes                                  and comes back
================ =============================================== ===================================
`GradR`          when its hidden strength falls below 0          when the gradient raises it again
`DeepR`          when its strength falls below 0                 at random, one for each that goes
`SoftDeepR`      when its strength falls below 0                 when a random walk brings it above
`STDS`           when its hidden weight is below a threshold     when the gradient raises it again
`Magnitude`      when it is among the smallest                   never
`FixedMask`      before training                                 never
================ =============================================== ===================================

How far a synapse moves in a step is said by the optimiser that a rule wraps: Adam by default, or
any `snnlab.optim.Optimizer`. Pruned synapses have gradients like all others (the backward pass
computes them for every weight) and moments too: momentum goes on while a synapse is pruned. Weight
decay is a share of the weight, so that hidden strengths of pruned synapses, whose weight is 0, do
not decay. Blocks that cannot be pruned (biases, time constants) are the wrapped optimiser's alone,
and those that are not trainable nobody's.

With ``max_fan_in`` (not in the papers) no unit has more inputs than a chip's neuron can take: of a
full one the weakest synapses are pruned after each step. They go on learning as others do that are
pruned, from a strength of 0. Only so many synapses fit that chip, but which inputs may share its
lines is not modelled.

A step is one pass over the weights: the rules' kernels (`snnlab.kernels.rewire`) know how Adam and
SGD come by what they subtract. Another optimiser writes that down piece by piece, and the rule's
kernel reads it while it is in the cache; so do rules of one's own.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab.kernels import rewire
from snnlab.learning.guard import on_trial, room
from snnlab.parameters import share_parameters
from snnlab.rewiring.connectivity import n_active, views
from snnlab.rewiring.log import Log
from snnlab.rewiring.quota import quota
from snnlab.rewiring.state import RuleState
from snnlab.rewiring.wrapping import stretches, wrapped

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from snnlab._types import Optimizer, Seed
    from snnlab.network import Network

EVERY = 100  # steps between entries of a log if nothing is known of epochs
_BOUNDED = "kernel", "largest_pull"  # of one class, if a bound is that of this kernel


class Rule(RuleState):
    """Base of the rules. One's own defines `prepare` and `kernel`, and names its ``arrays``.

    Parameters
    ----------
    lr : float, optional
        Learning rate of the optimiser; by default its own.
    optimizer : {"adam", "sgd"} or Optimizer
        What says how far a weight moves. An object has a learning rate of its own: ``lr`` is then
        left out.
    log_every : int, optional
        Steps between entries of the log; by default an epoch (100 if that is not known).
    rng : numpy.random.Generator or int
        From which a key is drawn; what is random follows from that and the step.
    max_fan_in : int, optional
        The most inputs that a unit may have.

    Attributes
    ----------
    optimizer : Optimizer
    lr : float
        Its learning rate; may be changed while training.
    log : Log
    active : array of int or None
        Weights per layer that are not zero.
    quota : array of int or None
        How many there should be, for rules with a target.
    """

    sparsity = None
    compiled = False  # whether `kernel` is told how a change comes about, not the change

    def __init__(
        self,
        lr: float | None = None,
        *,
        optimizer: Optimizer | str = "adam",
        log_every: int | None = None,
        rng: Seed = 0,
        max_fan_in: int | None = None,
    ) -> None:
        self.optimizer = wrapped(optimizer, lr)
        if log_every is not None:
            log_every = _check.integer("log_every", log_every, at_least=1)
        self.log_every, self.log = log_every, Log()
        if max_fan_in is not None:
            max_fan_in = _check.integer("max_fan_in", max_fan_in, 1, _check.MOST_UNITS)
        self.max_fan_in = max_fan_in
        # all randomness follows from this key and the step: there is no generator to be kept
        self.key = int(_check.generator("rng", rng).integers(2**31))
        self.n_steps, self.steps_per_epoch = None, None
        self.active, self.quota = None, None

    @property
    def lr(self) -> float:
        """Learning rate of the optimiser."""
        return self.optimizer.lr

    @lr.setter
    def lr(self, value: float) -> None:
        """Set it, while training too."""
        self.optimizer.lr = value

    # what a rule defines --------------------------------------------------------------------------

    def prepare(self, network: Network) -> None:
        """Make the ``arrays``, and prune if the rule is sparse from the start."""
        raise NotImplementedError(f"{type(self).__name__} must define prepare")

    def kernel(self, network: Network, rates: Sequence[float]) -> Callable:
        """What is to be done with some weights at this step.

        Parameters
        ----------
        network : Network
        rates : list of float
            The optimiser's step size, per layer.

        Returns
        -------
        callable
            A function ``(layer, lo, hi, change)`` that updates weights and arrays in ``[lo, hi)``,
            ``change`` being what the optimiser would subtract there, and returns how many of these
            weights are not zero. It is called by several threads.
        """
        raise NotImplementedError(f"{type(self).__name__} must define kernel")

    def largest_pull(self, network: Network, rates: Sequence[float]) -> float:
        """The most that a strength moves in the next step beside the optimiser's change.

        Infinite by default: nothing is known, and each step is taken on trial
        (`snnlab.optim.Optimizer.largest_change`). Asked after `kernel`, with the same arguments.
        """
        return np.inf

    def after_step(self, network: Network) -> None:
        """What is left to do once all weights are updated."""
        if self.max_fan_in is not None:
            self.limit_fan_in(network)

    def hidden(self, network: Network) -> np.ndarray:
        """The array from which strengths are read, flat."""
        return self.theta

    def strength(self, x: np.ndarray) -> np.ndarray:
        """Strengths of entries of the hidden array; 0 or less where pruned."""
        return x

    def pruned(self, network: Network) -> list[np.ndarray]:
        """Which weights must be 0 now: a list of arrays of bool (n_in, n_out), one per layer."""
        return [x <= 0 for x in self.strengths(network)]

    def check_network(self, network: Network) -> None:
        """Refuse a network on which the rule cannot act."""
        if not network.weight_blocks:
            raise ValueError("network has no weights that may be pruned")
        for block in network.weight_blocks:
            if not block.trainable:
                raise ValueError(
                    f"network has {block.name!r} in layer {block.stage} that may be pruned but not "
                    "trained: a rule cannot leave them alone"
                )

    # a step ---------------------------------------------------------------------------------------

    def begin(
        self, network: Network, epochs: int | None = None, steps_per_epoch: int | None = None
    ) -> None:
        """Prepare the network before the first forward pass; `snnlab.train` calls this.

        Rules that are sparse from the start prune here. A schedule runs over the epochs named by
        the first call, and stays at its end in later ones.

        Parameters
        ----------
        network : Network
            Its weights are changed in place.
        epochs, steps_per_epoch : int, optional
            For schedules, and for a log with an entry per epoch.
        """
        if epochs is not None and self.n_steps is None:
            epochs = _check.integer("epochs", epochs, at_least=1)
            self.steps_per_epoch = _check.integer("steps_per_epoch", steps_per_epoch, at_least=1)
            steps = _check.integer("epochs times steps_per_epoch", epochs * self.steps_per_epoch)
            self.n_steps = steps
        self.claim(network)
        if self.sparsity is not None:
            self.quota = quota(network, self.sparsity)
        self.check_network(network)
        new = not self.is_used()
        if new:
            self.prepare(network)
        elif self.active is None:
            self._check_pruned(network)
        self.optimizer.begin(network)
        self.active = n_active(network)
        if new:
            self.after_step(network)
            self._note(network)

    def take(self, network: Network, flat: np.ndarray, factor: float, top: float) -> None:
        """Take a step whose gradient is finite. The first calls `begin`, unless somebody did."""
        if self.active is None:
            self.begin(network)
        self._run(network, flat, factor, top)
        self.optimizer.steps += 1
        self.steps += 1
        self.after_step(network)
        self._note(network)

    def _run(self, network, gradients, factor, top):
        """Call the kernel on all weights, shared among threads; count the active."""
        optimizer, blocks, found = self.optimizer, network.weight_blocks, []
        factors = [factor * optimizer.rates.get(block.name, 1.0) for block in blocks]
        rates = [optimizer.rate(x) for x in factors]
        kernel = self.kernel(network, rates)
        bound = optimizer.bound(network, factor, top) + self.bound(network, rates)
        tried = not bound < room(network.dtype)
        others = [region for region in optimizer.regions(network) if not region[-1]]

        def work(lo, hi):
            for k, block in enumerate(blocks):
                a, b = max(lo, block.start), min(hi, block.stop)
                if a < b:
                    parts = stretches(self, network, gradients, factors[k], a, b, tried)
                    found.extend((k, kernel(k, *part)) for part in parts)
            for start, stop, rate, _ in others:
                a, b = max(lo, start), min(hi, stop)
                if a < b:
                    optimizer.update(network, gradients, factor * rate, a, b)

        if not tried:
            share_parameters(network, work)
        else:
            own = self.own_arrays() | {
                f"optimizer's {name}": x for name, x in optimizer.own_arrays().items()
            }
            on_trial(network, own, lambda: share_parameters(network, work), self)
        self.active = np.zeros(len(blocks), np.int64)
        for k, n in found:
            self.active[k] += n

    def bound(self, network: Network, rates: Sequence[float]) -> float:
        """`largest_pull`, infinite where a class of one's own does something else in its kernel."""
        homes = {next(c for c in type(self).__mro__ if name in vars(c)) for name in _BOUNDED}
        return abs(self.largest_pull(network, rates)) if len(homes) == 1 else np.inf

    def strengths(self, network: Network) -> list[np.ndarray]:
        """Strength of every synapse, 0 or less where it is pruned.

        Parameters
        ----------
        network : Network

        Returns
        -------
        list of array (n_in, n_out), one per layer
            theta for Grad R and Deep R (0 in `DeepR` where dormant); for `STDS` by how much the
            hidden weight is above the threshold; else the absolute weight.
        """
        if not self.is_used():
            raise ValueError(f"begin(network) comes first: this {type(self).__name__} is unused")
        return [self.strength(x) for x in views(network, self.hidden(network))]

    # what rules use -------------------------------------------------------------------------------

    def limit_fan_in(self, network: Network, rest: float = 0.0) -> list[np.ndarray]:
        """Prune the weakest inputs of units that have too many; inputs left, per layer's columns.

        ``rest`` is the size of a hidden strength whose weight is just 0.
        """
        w, left = network.parameters, []
        bits = w.view(f"i{w.itemsize}")
        same = self.max_fan_in, w.dtype.type(rest), bits, bits.dtype.type(1 << 8 * w.itemsize - 2)

        def prune(place):
            found = []
            n = place[-1].size  # columns, which are shared among threads
            share_parameters(
                network, lambda a, b: found.append(rewire.limit_fan_in(*place, a, b, *same)), n
            )
            return sum(found)

        for k, block in enumerate(network.weight_blocks):
            left.append(rewire.fan_in(w, *block.span, block.width))
            if block.rows > self.max_fan_in:
                self.active[k] -= prune((w, self.theta, *block.span, left[k]))
        return left

    @property
    def pruning(self) -> bool:
        """Whether a schedule is yet to end, after which networks may be compared."""
        return False

    def now(self) -> tuple[float, int]:
        """Epochs done (a float), and epochs in all."""
        if self.n_steps is None:
            raise ValueError(
                f"{type(self).__name__} follows a schedule: call begin(network, epochs, "
                "steps_per_epoch) before the first step (snnlab.train does)"
            )
        return self.steps / self.steps_per_epoch, self.n_steps // self.steps_per_epoch

    def signs(self, network: Network, where: list[np.ndarray] | None = None) -> np.ndarray:
        """Signs of the weights as int8, 0 in the padding; random where a weight is 0 (or False)."""
        rng, flat = np.random.default_rng(self.key), np.zeros(network.parameters.size, np.int8)
        for k, (sign, w) in enumerate(zip(views(network, flat), network.weights, strict=True)):
            sign[...] = np.where(rng.random(w.shape) < 0.5, -1, 1)
            known = w != 0 if where is None else where[k]
            sign[known] = np.sign(w[known])
        return flat

    def _note(self, network):
        """Warn of a layer that has died out; make an entry in the log if one is due."""
        for k in np.flatnonzero(self.active == 0).tolist():
            if k not in self.log.dead:
                self.log.dead[k] = self.steps
                warnings.warn(
                    f"{type(self).__name__}: layer {k} of the weights has died out at step "
                    f"{self.steps}; nothing gets through it now",
                    RuntimeWarning,
                    stacklevel=3,
                )
        if self.steps % (self.log_every or self.steps_per_epoch or EVERY) == 0:
            flat = self.hidden(network)
            self.log.add(self.steps, network, lambda places: self.strength(flat[places]))
