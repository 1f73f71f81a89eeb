"""Rewiring: optimisers that decide which synapses there are while they train the weights.

A rule takes the place of the optimiser in `snnlab.train`. Pruned weights are exactly 0.

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

With ``max_fan_in`` (not in the papers) no unit has more inputs than a chip's neuron can take: of a
full one the weakest synapses are pruned after each step. They go on learning as others do that are
pruned, from a strength of 0. Only so many synapses fit that chip, but which inputs may share its
lines is not modelled.

Each step is one pass over the weights (`snnlab.kernels.rewire`), with Adam's step inside. Pruned
synapses have gradients like all others: the backward pass computes them for every weight.
"""

import math
import warnings
from collections.abc import Sequence

import numpy as np

from snnlab import _check
from snnlab.kernels import rewire
from snnlab.kernels.noise import SPREAD
from snnlab.learning.optim import Optimizer
from snnlab.rewiring.connectivity import (
    Log,
    compact,
    connectivity,
    masks,
    n_active,
    n_weights,
    views,
)

__all__ = [
    "DeepR", "FixedMask", "GradR", "Log", "Magnitude", "STDS", "SoftDeepR", "compact",
    "connectivity", "masks", "prior_centre", "prior_drift", "smallest_alpha",
]  # fmt: skip

NEWBORN = 1e-12  # strength of a reactivated synapse; Bellec et al. (2018), code
EVERY = 100  # steps between entries of a log if nothing is known of epochs


class _Rule(Optimizer):
    """Adam's moments, the rule's own arrays, its place in a schedule, and a log."""

    _moments = ("first", "second")
    _own = ()  # names of arrays that `_start` makes

    def __init__(self, lr, beta1, beta2, eps, log_every, rng=0, max_fan_in=None):
        self.lr = _check.number("lr", lr, at_least=0)
        self.beta1 = _check.number("beta1", beta1, at_least=0, below=1)
        self.beta2 = _check.number("beta2", beta2, at_least=0, below=1)
        self.eps = _check.number("eps", eps, above=0)
        if log_every is not None:
            log_every = _check.integer("log_every", log_every, at_least=1)
        self.log_every, self.log = log_every, Log()
        if max_fan_in is not None:
            max_fan_in = _check.integer("max_fan_in", max_fan_in, at_least=1)
        self.max_fan_in = max_fan_in
        # all randomness follows from this key and the step: there is no generator to be kept
        self.key = int(_check.generator("rng", rng).integers(2**31))
        self.steps, self.n_steps, self.steps_per_epoch = 0, None, None
        self.active = None  # weights per layer that are not zero
        self.quota = None  # and how many there should be, for the rules that have a target

    def begin(self, network, epochs=None, steps_per_epoch=None):
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
            self.n_steps = epochs * self.steps_per_epoch
        if getattr(self, "sparsity", None) is not None:
            self.quota = _quota(network, self.sparsity)
        new = getattr(self, self._own[0], None) is None
        if new:
            self._start(network)
        elif getattr(self, self._own[0]).shape != network.parameters.shape:
            raise ValueError("this optimiser has been used for a network of another size")
        self.active = n_active(network)
        self._spans = [block.span for block in network.weight_blocks]
        if new:
            self._after_step(network)
            self._note(network)

    def step(self, network, gradients, factor=1.0):
        """Update the network's weights in place; ``factor`` multiplies the learning rate."""
        factor = _check.number("factor", factor, at_least=0)
        flat = self._prepare(network, gradients)
        if self.active is None or getattr(self, self._own[0]).shape != flat.shape:
            self.begin(network)
        adam = self._adam(self.lr * factor, self.steps + 1)
        self._update(network, flat, adam[4], tuple(map(network.dtype.type, adam)))
        self.steps += 1
        self._after_step(network)
        self._note(network)

    def strengths(self, network):
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
        if getattr(self, self._own[0], None) is None:
            raise ValueError(f"begin(network) comes first: this {type(self).__name__} is unused")
        return [self._strength(x) for x in views(network, self._hidden(network))]

    def _adam(self, lr, t):
        """The kernels' constants for step t; the fifth is the step's rate eta_t."""
        beta1, beta2 = self.beta1, self.beta2
        rate, scale2 = lr / (1 - beta1**t), 1 / (1 - beta2**t)
        return beta1, 1 - beta1, beta2, 1 - beta2, rate, scale2, self.eps

    def _hidden(self, network):
        return self.theta

    def _strength(self, x):
        return x

    def _start(self, network):
        """Make the arrays in ``_own``, and prune if the rule is sparse from the start."""
        raise NotImplementedError

    def _update(self, network, gradients, rate, adam):
        """The step itself: weights and own arrays."""
        raise NotImplementedError

    def _after_step(self, network):
        """What is left to do once all weights are updated."""
        if self.max_fan_in is not None:
            self._limit_fan_in(network)

    def _limit_fan_in(self, network, rest=0.0):
        """Prune the weakest inputs of units that have too many; inputs left, per layer's columns.

        ``rest`` is the size of a hidden strength whose weight is just 0.
        """
        w, left = network.parameters, []
        bits = w.view(f"i{w.itemsize}")
        same = self.max_fan_in, w.dtype.type(rest), bits, bits.dtype.type(1 << 8 * w.itemsize - 2)

        def prune(place):
            found = []
            n = place[-1].size  # columns, which are shared among threads
            self._share(
                network, lambda a, b: found.append(rewire.limit_fan_in(*place, a, b, *same)), n
            )
            return sum(found)

        for k, block in enumerate(network.weight_blocks):
            left.append(rewire.fan_in(w, *block.span, block.width))
            if block.rows > self.max_fan_in:
                self.active[k] -= prune((w, self.theta, *block.span, left[k]))
        return left

    def _run(self, network, kernel):
        """Call ``kernel(layer, lo, hi)`` on all weights, shared among threads; count the active."""
        found = []

        def work(lo, hi):
            for k, (first, last) in enumerate(self._spans):
                if max(lo, first) < min(hi, last):
                    found.append((k, kernel(k, max(lo, first), min(hi, last))))

        self._share(network, work)
        self.active = np.zeros(len(self._spans), np.int64)
        for k, n in found:
            self.active[k] += n

    def _now(self):
        """Epochs done (a float), and epochs in all."""
        if self.n_steps is None:
            raise ValueError(
                f"{type(self).__name__} follows a schedule: call begin(network, epochs, "
                "steps_per_epoch) before the first step (snnlab.train does)"
            )
        return self.steps / self.steps_per_epoch, self.n_steps // self.steps_per_epoch

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
            flat = self._hidden(network)
            self.log.add(self.steps, network, lambda places: self._strength(flat[places]))

    def _signs(self, network, where=None):
        """Signs of the weights as int8, 0 in the padding; random where a weight is 0 (or False)."""
        rng, flat = np.random.default_rng(self.key), np.zeros(network.parameters.size, np.int8)
        for k, (sign, w) in enumerate(zip(views(network, flat), network.weights, strict=True)):
            sign[...] = np.where(rng.random(w.shape) < 0.5, -1, 1)
            known = w != 0 if where is None else where[k]
            sign[known] = np.sign(w[known])
        return flat

    def state(self):
        """Moments, hidden strengths, log and step count as a dict of arrays (for checkpoints)."""
        out = super().state() | {f"log_{name}": x for name, x in self.log.state().items()}
        for name in self._own:
            if getattr(self, name, None) is not None:
                out[name] = getattr(self, name).copy()
        if self.n_steps is not None:
            out["schedule"] = np.array([self.n_steps, self.steps_per_epoch])
        return out | {"key": np.array(self.key)}

    def restore(self, state):
        """Inverse of `state`."""
        super().restore(state)
        for name in self._own:
            setattr(self, name, np.array(state[name]) if name in state else None)
        schedule = map(int, state["schedule"]) if "schedule" in state else (None, None)
        self.n_steps, self.steps_per_epoch = schedule
        self.key, self.active = int(state["key"]), None
        size = state[self._own[0]].size if self._own[0] in state else 0
        log = {k.removeprefix("log_"): x for k, x in state.items() if k.startswith("log_")}
        self.log.restore(log, size)


class GradR(_Rule):
    r"""Gradient rewiring (Chen et al. 2021): weights are ``w = s max(theta, 0)``.

    The sign s is that of the initial weight, for good; the hidden strength theta starts as its
    absolute value. A synapse with ``theta <= 0`` is pruned, yet keeps learning: the gradient by its
    theta is *redefined* as ``s dL/dw``, so that it grows again when that would lower the loss. A
    Laplacian prior, of density ``(alpha / 2) exp(-alpha |theta - mu|)``, pulls theta down::

        theta <- theta - eta_t (s m_hat / (sqrt(v_hat) + eps) + alpha sign(theta - mu))
        eta_t = lr / (1 - beta1^t),   mu = ln(2 (1 - p)) / alpha

    with Adam's moments of dL/dw (of pruned synapses too), as in the authors' code: the pull is not
    divided by the root of the second moment, and left out if ``alpha <= eps``.

    Parameters
    ----------
    lr : float
        Learning rate; 1e-3 is the default of their MNIST script.
    sparsity : float or sequence of float
        Target p of the prior, in [0.5, 1); one per layer if a sequence. As published it hardly
        matters unless alpha is large: see `prior_centre` and `smallest_alpha`, and ``hold``.
    alpha : float or callable
        Strength of the pull, at least 0, or a function ``(epoch, epochs) -> strength`` such as
        `snnlab.penalties.Ramp`. 1e-3 is the default of their MNIST script.
    beta1, beta2, eps : float
        As in `snnlab.Adam`.
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
    theta : array
        Hidden strengths, laid out as ``network.parameters``; per layer: `strengths`.
    """

    _own = ("theta", "sign")

    def __init__(
        self, lr=1e-3, sparsity=0.95, alpha=1e-3, *, beta1=0.9, beta2=0.999, eps=1e-8, hold=None,
        settle=None, zero_weights="random", max_fan_in=None, log_every=None, rng=0,
    ):  # fmt: skip
        super().__init__(lr, beta1, beta2, eps, log_every, rng, max_fan_in)
        self.sparsity = _sparsity(sparsity, 0.5)
        self.alpha = alpha if callable(alpha) else _check.number("alpha", alpha, at_least=0)
        self.hold = _check.one_of("hold", hold, (None, "layer", "network"))
        self.settle = None if settle is None else _check.number("settle", settle, at_least=0)
        self.zero_weights = _check.one_of("zero_weights", zero_weights, ("random", "frozen"))

    def alpha_now(self):
        """Strength of the pull at the next step."""
        if self._settled():
            return 0.0
        if callable(self.alpha):
            return _check.number("alpha", self.alpha(*self._now()), at_least=0)
        return self.alpha

    def _settled(self, ago=0):
        """Whether rewiring has ended, or had some steps ago."""
        if self.settle is None:
            return False
        self._now()  # complains if nothing is known of epochs
        return self.steps - ago >= self.settle * self.steps_per_epoch

    def _start(self, network):
        self.alpha_now()  # complains if it follows a schedule that is not known
        self.theta = np.abs(network.parameters)
        self.sign = self._signs(network)
        if self.zero_weights == "frozen":
            self.sign[network.parameters == 0] = 0

    def _update(self, network, gradients, rate, adam):
        real, alpha, n, quota = network.dtype.type, self.alpha_now(), self.active, self.quota
        if self._settled() and not self._settled(ago=1):  # a synapse without a sign stays as it is
            self.sign[network.parameters == 0] = 0
        rests = (n <= quota) & (self.hold == "layer")
        rests |= self.hold == "network" and n.sum() <= quota.sum()
        prior = [(real(0), real(0))] * len(n)  # pull and centre
        if alpha > self.eps:
            for k, p in enumerate(_per_layer(network, self.sparsity)):
                if not rests[k]:
                    prior[k] = real(rate * alpha), real(_centre(p, alpha))
        arrays = network.parameters, gradients, self.first, self.second, self.theta, self.sign
        self._run(network, lambda k, lo, hi: rewire.grad_r(*arrays, lo, hi, adam, *prior[k]))


class DeepR(_Rule):
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
    lr : float
        Learning rate eta.
    sparsity : float or sequence of float
        Share of weights that are dormant, in [0, 1), from the start; one per layer if a sequence.
        At least one weight of each layer is active.
    alpha : float
        Strength of the L1 penalty; 1e-5 in the authors' code.
    temperature : float
        T. The authors' code has noise of standard deviation ``1e-5 lr`` per step, which is
        ``T = 0.5e-10 lr``; Chen et al. (2021) compared with T = 0. The default is ours: with the
        default learning rate the noise of a step is a seventh of what Adam moves a weight.
    optimizer : {"adam", "sgd"}
        What stands for ``dL/dw``: Adam's preconditioned gradient, with ``eta / (1 - beta1^t)`` for
        eta and moments of dormant synapses too, as Chen et al. (2021) coded it for comparison; or
        the gradient itself, as published. Adam is the default because the other rules have it, so
        that one learning rate serves all.
    beta1, beta2, eps : float
        As in `snnlab.Adam`; not used with "sgd".
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

    _own = ("theta", "sign")

    def __init__(
        self, lr=1e-3, sparsity=0.95, alpha=1e-5, temperature=1e-5, *, optimizer="adam", beta1=0.9,
        beta2=0.999, eps=1e-8, max_fan_in=None, log_every=None, rng,
    ):  # fmt: skip
        super().__init__(lr, beta1, beta2, eps, log_every, rng, max_fan_in)
        self.sparsity = _sparsity(sparsity, 0)
        self.alpha = _check.number("alpha", alpha, at_least=0)
        self.temperature = _check.number("temperature", temperature, at_least=0)
        self.optimizer = _check.one_of("optimizer", optimizer, ("adam", "sgd"))

    def _start(self, network):
        self._check_room(network)
        rng = np.random.default_rng([self.key, 1])
        self.theta, chosen = np.zeros_like(network.parameters), []
        thetas, lows = views(network, self.theta), self._low(network)
        for w, theta, n, low in zip(network.weights, thetas, self.quota, lows, strict=True):
            # any of the weights that are there; others only if those are too few
            mask = _largest(rng.random(w.size) + (w != 0).ravel(), n).reshape(w.shape)
            theta[...] = low * rng.random(w.shape)
            theta[mask] = np.maximum(np.abs(w[mask]), w.dtype.type(NEWBORN))
            chosen.append(mask & (w != 0))
        self.sign = self._signs(network, chosen)
        network.parameters[...] = np.where(self.theta > 0, self.sign * self.theta, 0)

    def _check_room(self, network):
        """Whether all synapses find room under the limit."""
        for k, (w, quota) in enumerate(zip(network.weights, self.quota, strict=True)):
            if self.max_fan_in is not None and quota > self.max_fan_in * w.shape[1]:
                raise ValueError(
                    f"sparsity leaves {quota} weights in layer {k}, but max_fan_in only "
                    f"{self.max_fan_in} for each of its {w.shape[1]} units"
                )

    def _adam(self, lr, t):
        if self.optimizer == "adam":
            return super()._adam(lr, t)
        return 0, 1, 1, 0, lr, 1, 1  # without memory, and divided by sqrt(0) + 1

    def _low(self, network):
        """Per layer the least strength: 0, for dormant synapses have none."""
        return [0.0] * len(network.weights)

    def _update(self, network, gradients, rate, adam):
        real = network.dtype.type
        sd = math.sqrt(2 * rate * self.temperature) / SPREAD
        same = adam, real(rate * self.alpha), real(sd), np.uint32(self.key), self.steps + 1
        low = [real(x) for x in self._low(network)]
        arrays = network.parameters, gradients, self.first, self.second, self.theta, self.sign
        self._run(network, lambda k, lo, hi: rewire.deep_r(*arrays, lo, hi, *same, low[k]))

    def _after_step(self, network):
        newborn = network.dtype.type(NEWBORN)
        rooms = [np.full(b.width, b.rows, np.int32) for b in network.weight_blocks]
        if self.max_fan_in is not None:
            rooms = [self.max_fan_in - n for n in self._limit_fan_in(network)]
        for k, missing in enumerate((self.quota - self.active).tolist()):
            if missing > 0:
                place = network.parameters, self.theta, self.sign, *self._spans[k]
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
    lr, sparsity, alpha, temperature, optimizer, beta1, beta2, eps, max_fan_in, log_every, rng
        As in `DeepR`; ``sparsity`` is that of the start, and above 0, alpha too. Dormant synapses
        start anywhere between theta_min and 0; the weakest of a full unit go on from 0.
    theta_min : float, optional
        Below 0; by default as above.
    """

    def __init__(
        self, lr=1e-3, sparsity=0.95, alpha=1e-2, temperature=1e-4, *, theta_min=None, **settings
    ):
        super().__init__(lr, sparsity, alpha, temperature, **settings)
        if theta_min is None:
            _check.number("alpha", alpha, above=0)
            _check.number("temperature", temperature, above=0)
            _sparsity(sparsity, 0, above=True)
            self.theta_min = "equilibrium"
        else:
            self.theta_min = _check.number("theta_min", theta_min, below=0)

    def _check_room(self, network):
        """The number of synapses is not fixed."""

    def _after_step(self, network):
        _Rule._after_step(self, network)  # dormant synapses come back by themselves

    def _low(self, network):
        scale = self.temperature / self.alpha if self.alpha else 0
        given = self.theta_min
        return [
            -scale * p / (1 - p) if given == "equilibrium" else given
            for p in _per_layer(network, self.sparsity)
        ]


class STDS(_Rule):
    """State transition of dendritic spines (Chen et al. 2022): a soft threshold that rises.

    ``w = sign(theta) max(|theta| - d, 0)``, theta being the initial weight at first. Its gradient
    is taken to be that of w, also below the threshold. d rises from 0 to ``threshold`` over the
    training: after step n of N it is ``threshold (1 + sin(pi (n / N - 1/2))) / 2``.

    Parameters
    ----------
    lr : float
        Learning rate; the authors use 1e-4.
    threshold : float
        d at the end, in units of the weights. It sets the connectivity; the authors' range from 1
        to 5, for weights learned over 2048 epochs.
    schedule : {"sine", "linear"}
        Course of d.
    beta1, beta2, eps : float
        As in `snnlab.Adam`.
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

    _own = ("theta",)

    def __init__(
        self, lr=1e-3, threshold=0.05, *, schedule="sine", beta1=0.9, beta2=0.999, eps=1e-8,
        max_fan_in=None, log_every=None,
    ):  # fmt: skip
        super().__init__(lr, beta1, beta2, eps, log_every, max_fan_in=max_fan_in)
        self.threshold = _check.number("threshold", threshold, at_least=0)
        self.schedule = _check.one_of("schedule", schedule, ("sine", "linear"))

    def threshold_at(self, step):
        """Threshold d after so many steps."""
        self._now()
        done = min(step / self.n_steps, 1.0)
        if self.schedule == "sine":
            done = (1 + math.sin(math.pi * (done - 0.5))) / 2
        return self.threshold * done

    def _start(self, network):
        self._now()
        self.theta = network.parameters.copy()

    def _strength(self, x):
        return np.abs(x) - x.dtype.type(self.threshold_at(self.steps))

    def _update(self, network, gradients, rate, adam):
        d = [network.dtype.type(self.threshold_at(self.steps + k)) for k in (0, 1)]
        arrays = network.parameters, gradients, self.first, self.second, self.theta
        self._run(network, lambda k, lo, hi: rewire.stds(*arrays, lo, hi, adam, *d))

    def _limit_fan_in(self, network, rest=None):
        return super()._limit_fan_in(network, self.threshold_at(self.steps))


class _Masked(_Rule):
    """Adam on the weights that are kept."""

    _own = ("kept",)

    def _hidden(self, network):
        return network.parameters

    def _strength(self, x):
        return np.abs(x)

    def _update(self, network, gradients, rate, adam):
        arrays = network.parameters, gradients, self.first, self.second, self.kept
        self._run(network, lambda k, lo, hi: rewire.masked(*arrays, lo, hi, adam))

    def _keep(self, network, chosen):
        """Prune all weights but the chosen: masks (n_in, n_out), one per layer."""
        self.kept = np.zeros(network.parameters.size, np.int8)
        for kept, mask in zip(views(network, self.kept), chosen, strict=True):
            kept[...] = mask
        network.parameters[self.kept == 0] = 0


class Magnitude(_Masked):
    """Magnitude pruning: the smallest weights go, at once or step by step; the others learn on.

    At once after ``start`` epochs; or, if ``end`` is given, gradually (Zhu & Gupta 2017): every so
    many steps the share of pruned weights is brought to
    ``p_t = p (1 - (1 - (t - t_start) / (t_end - t_start))^3)``. Before that all weights learn, by
    Adam. Pruned weights stay 0.

    Parameters
    ----------
    lr : float
        Learning rate.
    sparsity : float or sequence of float
        Share p of the weights that go, in [0, 1); one per layer if a sequence.
    start : float
        Epochs after which pruning begins; 0: before training.
    end : float, optional
        Epochs after which it ends; by default it is done at once.
    every : int
        Steps between two rounds of gradual pruning.
    scope : {"layer", "network"}
        Compare weights within each layer, or in the whole network.
    beta1, beta2, eps : float
        As in `snnlab.Adam`.
    log_every : int, optional
        As in `GradR`.

    Attributes
    ----------
    log : Log
    kept : array of int8
        1 where a weight is kept, laid out as ``network.parameters``.
    """

    def __init__(
        self, lr=1e-3, sparsity=0.95, *, start=0.0, end=None, every=100, scope="layer", beta1=0.9,
        beta2=0.999, eps=1e-8, log_every=None,
    ):  # fmt: skip
        super().__init__(lr, beta1, beta2, eps, log_every)
        self.sparsity = _sparsity(sparsity, 0)
        self.start = _check.number("start", start, at_least=0)
        self.end = self.start if end is None else _check.number("end", end, above=self.start)
        self.every = _check.integer("every", every, at_least=1)
        self.scope = _check.one_of("scope", scope, ("layer", "network"))
        if scope == "network" and isinstance(self.sparsity, tuple):
            raise ValueError("sparsity must be one number where scope is 'network'")

    def _start(self, network):
        if self.end > 0:
            _, epochs = self._now()
            if self.end > epochs:
                raise ValueError(f"end and start must lie within the {epochs} epochs of training")
        self._keep(network, [np.ones(w.shape, bool) for w in network.weights])

    def _due(self):
        """Share of the final sparsity that is due after this step; None: no pruning now."""
        t, per_epoch = self.steps, self.steps_per_epoch
        first, last = (round(x * per_epoch) if x else 0 for x in (self.start, self.end))
        if t == last:
            return 1.0
        if first <= t < last and (t - first) % self.every == 0:
            return 1 - (1 - (t - first) / (last - first)) ** 3
        return None

    def _after_step(self, network):
        share = self._due()
        if share is None:
            return
        # what was pruned before is smaller than anything
        size = np.where(self.kept != 0, np.abs(network.parameters), -1)
        layers = [x.ravel() for x in views(network, size)]
        quota = _quota(network, tuple(share * p for p in _per_layer(network, self.sparsity)))
        if self.scope == "network":
            chosen = _largest(np.concatenate(layers), quota.sum())
            chosen = np.split(chosen, np.cumsum(n_weights(network))[:-1])
        else:
            chosen = [_largest(x, n) for x, n in zip(layers, quota, strict=True)]
        shaped = zip(chosen, network.weights, strict=True)
        self._keep(network, [mask.reshape(w.shape) for mask, w in shaped])
        self.active = n_active(network)


class FixedMask(_Masked):
    """Adam on a part of the weights, which is chosen before training and stays.

    Parameters
    ----------
    lr : float
        Learning rate.
    sparsity : float or sequence of float, optional
        Share of weights that are pruned at random, in [0, 1); one per layer if a sequence. At least
        one weight of each layer is left.
    masks : sequence of array of bool (n_in, n_out), optional
        Instead of it: which weights to keep, per layer.
    beta1, beta2, eps : float
        As in `snnlab.Adam`.
    log_every : int, optional
        As in `GradR`.
    rng : numpy.random.Generator or int
        For random masks.

    Attributes
    ----------
    log : Log
    kept : array of int8
        1 where a weight is kept, laid out as ``network.parameters``.
    """

    def __init__(
        self, lr=1e-3, sparsity=None, masks=None, *, beta1=0.9, beta2=0.999, eps=1e-8,
        log_every=None, rng=None,
    ):  # fmt: skip
        if (sparsity is None) == (masks is None):
            raise ValueError("sparsity or masks must be given, and not both")
        super().__init__(lr, beta1, beta2, eps, log_every, 0 if masks is not None else rng)
        self.sparsity = None if sparsity is None else _sparsity(sparsity, 0)
        self.masks = list(masks) if isinstance(masks, tuple) else masks

    def _start(self, network):
        if self.masks is None:
            rng = np.random.default_rng(self.key)
            sizes = zip(self.quota, network.weights, strict=True)
            chosen = [rng.permutation(w.size).reshape(w.shape) < n for n, w in sizes]
        else:
            chosen = _checked(self.masks, network)
        self._keep(network, chosen)


def _largest(x, n):
    """Mask of exactly n largest values."""
    mask = np.zeros(x.size, bool)
    mask[np.argpartition(x, x.size - n)[x.size - n :]] = True
    return mask


def _checked(given, network):
    """Masks that fit the network."""
    if not isinstance(given, Sequence) or len(given) != len(network.weights):
        raise ValueError(f"masks must hold {len(network.weights)} arrays, one per layer")
    out = []
    for k, (mask, w) in enumerate(zip(given, network.weights, strict=True)):
        mask = np.asarray(mask)
        if mask.dtype != np.bool_:
            raise TypeError(f"masks[{k}] must hold True and False, not {mask.dtype}")
        if mask.shape != w.shape:
            raise ValueError(f"masks[{k}] must have shape {w.shape}, got {mask.shape}")
        out.append(mask)
    return out


def _sparsity(value, least, above=False):
    """One float in [least, 1), or a tuple of them."""
    bounds = {"above" if above else "at_least": least, "below": 1}
    if np.ndim(value) == 0:
        return _check.number("sparsity", value, **bounds)
    return tuple(_check.number("sparsity", x, **bounds) for x in value)


def _per_layer(network, value):
    """A value per layer."""
    n = len(network.weights)
    values = value if isinstance(value, tuple) else (value,) * n
    if len(values) != n:
        raise ValueError(f"sparsity must have {n} values, one per layer, got {len(values)}")
    return values


def _quota(network, sparsity):
    """Weights per layer that a sparsity leaves, at least one; array of int."""
    left = [
        max(1, w.size - round(p * w.size))
        for p, w in zip(_per_layer(network, sparsity), network.weights, strict=True)
    ]
    return np.array(left)


# what the target does in Grad R -------------------------------------------------------------------


def prior_centre(sparsity, alpha):
    """Centre mu of Grad R's prior, ``ln(2 (1 - p)) / alpha``.

    A Laplacian of that centre has a share ``1 - p`` of its mass above 0. It is where the pull on a
    strength turns round; nothing else in the rule knows p.

    Parameters
    ----------
    sparsity : float
        Target p, in [0.5, 1).
    alpha : float
        Strength of the pull, above 0.

    Returns
    -------
    float

    Examples
    --------
    >>> round(prior_centre(0.95, 1e-3))
    -2303
    """
    p = _check.number("sparsity", sparsity, at_least=0.5, below=1)
    return _centre(p, _check.number("alpha", alpha, above=0))


def _centre(p, alpha):
    return math.log(2 * (1 - p)) / alpha


def prior_drift(alpha, lr, steps):
    """How far the pull alone moves a strength: ``lr alpha steps``.

    Parameters
    ----------
    alpha, lr : float
    steps : float
        Number of steps; under a schedule the sum of its factors.

    Returns
    -------
    float
    """
    values = {"alpha": alpha, "lr": lr, "steps": steps}
    return math.prod(_check.number(name, x, at_least=0) for name, x in values.items())


def smallest_alpha(sparsity, lr, steps):
    """The alpha from which on Grad R's target matters: the drift then reaches the prior's centre.

    With a smaller one no strength gets from 0 to mu by the pull, its sign never changes, and alpha
    alone decides how many synapses are left: ``lr alpha steps = -ln(2 (1 - p)) / alpha``.

    Parameters
    ----------
    sparsity, lr, steps : float
        As in `prior_centre` and `prior_drift`.

    Returns
    -------
    float

    Examples
    --------
    The authors' setting for MNIST, 513 epochs of 468 steps:

    >>> round(smallest_alpha(0.95, lr=1e-3, steps=513 * 468), 2)
    0.1
    """
    reach = _check.number("lr", lr, above=0) * _check.number("steps", steps, above=0)
    return math.sqrt(-prior_centre(sparsity, 1.0) / reach)
