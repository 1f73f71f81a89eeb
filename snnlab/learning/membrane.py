r"""Learning from the membrane, without going back in time (Lee, Delbruck & Pfeiffer 2016).

A neuron whose spikes subtract its threshold keeps its membrane between bounds. What has come in,
low-passed by the membrane, is then nearly what has gone out, low-passed by the same membrane, times
the threshold::

    V_i = sum_k w_ki x_k - v_th_i a_i           x_k, a_i: traces of inputs and of own spikes
    a_i ~ sum_k w_ki x_k / v_th_i               the jumps of V at spikes are taken for noise
    da_i / dx_k = w_ki / v_th_i
    da_i / dw_ki = x_k / v_th_i
    da_i / dv_th_i = -a_i / v_th_i

The first line is exact for `LIF` with ``reset="subtract"`` (test: potentials are rebuilt from
traces). In the others no time is left: what a backward pass needs are the traces at the end, one
number per unit, and it is that of a network of rectified linear units. No surrogate derivative is
asked for: it is the low pass that makes spikes smooth.

**Error normalisation**, per sample, keeps the size of errors and updates the same from layer to
layer. With M inputs of a layer of N units, m of which spiked in the sample::

    error_i   = (1 / v_th_i) / rms(1 / v_th)  dE/da_i
    dE/da_k   = sqrt(M / m)  sum_i w_ki error_i
    by w_ki   = sqrt(N / m)  error_i x_k
    by v_th_i = sqrt(N / (m M))  error_i (-a_i)

Without it ``error_i = dE/da_i / v_th_i`` and the square roots are 1: the gradient of the smooth
part as it is. A layer that has been silent in a sample passes no error on in it.

The rule reads a `Trace`, like any backward pass: a network, its files and its energy count are the
same whichever way it was trained. What differs from the paper: thresholds are learned as logarithms
(`snnlab.layers.constants`), so that none becomes negative; inhibition among the units of a layer
(`competing`) stays at what it is first, while theirs follows the thresholds; a refractory time,
where there is one, holds the membrane at rest (a step is theirs: 1 ms, one spike at most).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _backward, _check
from snnlab._workers import share, worker_count
from snnlab.currents import ConstantCurrent
from snnlab.kernels import lif
from snnlab.kernels import membrane as kernels
from snnlab.layers.constants import slope
from snnlab.layers.dense import Dense
from snnlab.layers.recurrent import Recurrent
from snnlab.network import Network
from snnlab.neurons import LIF, LeakyIntegrator
from snnlab.passes import chunk_borders
from snnlab.products import product, product_transposed
from snnlab.signals import SpikeTrains

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, DTypeLike

    from snnlab._types import Seed
    from snnlab.parameters import Gradients
    from snnlab.trace import Trace

WORTH_SHARING = 2_000_000  # products in a batch from which on threads are worth dispatching
ONE_OF_EACH = {"tau_mem", "tau_syn", "gain"}  # a layer has


# the two steps in plain NumPy; kernels of the same names do only what spikes ask for -------------


def traces(z: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Low-passed spikes: ``sum_t share[t] z[:, t]``.

    Parameters
    ----------
    z : array (sample, time, unit)
    share : array (time,)
        What is left at the end of a spike in each step (`shares`).

    Returns
    -------
    array of float64 (sample, unit)
    """
    z = _check.array("z", z, np.float64, (None, None, None))
    share = _check.array("share", share, np.float64, (z.shape[1],))
    with np.errstate(over="ignore", invalid="ignore"):
        return _check.finite("z or share", np.einsum("stu,t->su", z, share))


def learn(
    x: np.ndarray, error: np.ndarray, weights: np.ndarray, update: np.ndarray, back: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Gradients of a layer by its weights, and by the traces of its inputs.

    Parameters
    ----------
    x : array (sample, n_in)
        Traces of the inputs.
    error : array (sample, n)
    weights : array (n_in, n)
    update, back : array (sample,)
        Factors of error normalisation.

    Returns
    -------
    arrays of float64 (n_in, n) and (sample, n_in)
        The second is 0 for inputs that did not spike.
    """
    error = _check.array("error", error, np.float64, (None, None))
    n_samples, n = error.shape
    x = _check.array("x", x, np.float64, (n_samples, None))
    weights = _check.array("weights", weights, np.float64, (x.shape[1], n))
    update = _check.array("update", update, np.float64, (n_samples,))[:, None]
    back = _check.array("back", back, np.float64, (n_samples,))[:, None]
    with np.errstate(over="ignore", invalid="ignore"):
        by_weights = product_transposed(update * x, error)
        by_x = back * product(error, weights.T) * (x != 0)
    return tuple(_check.finite("x, error or weights", g) for g in (by_weights, by_x))


@dataclass(frozen=True, kw_only=True)
class MembraneSignal:
    """The rule: ``snnlab.train(network, ..., backward=MembraneSignal())``.

    For networks of `Dense` and `Recurrent` layers whose neurons reset by subtraction and do not
    adapt, each layer with one time constant; thresholds may differ, and be learned
    (``learn="v_th"``). Recurrent weights are inhibition that is given, and have no gradient. The
    last layer spikes, or integrates.

    Parameters
    ----------
    normalise : bool
        Error normalisation.
    mean : bool
        Traces are averaged over all steps, not taken at the last one.
    silent : bool
        Units that were silent in a sample learn from it, too.
    """

    normalise: bool = True
    mean: bool = False
    silent: bool = False

    needs_potentials = False  # a trace of spikes alone is enough

    def __post_init__(self):
        for name in ("normalise", "mean", "silent"):
            _check.field(self, name, _check.flag)

    def check(self, network: Network) -> None:
        """Refuse a network that the rule is not for; the message says which layer, and why."""
        _check.network("network", network, needs="stages")
        for stage in network.stages:
            fault = _fault(stage)
            if fault:
                raise ValueError(f"network has {stage.name}, {fault}")

    def backward(
        self,
        network: Network,
        trace: Trace,
        g_readout: np.ndarray,
        *,
        g_spikes: Sequence[np.ndarray | None] | None = None,
        out: Gradients | None = None,
    ) -> Gradients:
        """Gradients by weights and thresholds, read from a trace.

        What is too large for the network's dtype is infinite, as of `Network.backward`.

        Parameters
        ----------
        network : Network
        trace : Trace
            Potentials are not read, and need not be there.
        g_readout : array (sample, time, class)
            Gradient of the loss by ``trace.readout``.
        g_spikes : list of (array or None), optional
            As for `Network.backward`.
        out : Gradients, optional
            From an earlier call of this network; its memory is used again.

        Returns
        -------
        Gradients

        Raises
        ------
        TypeError, ValueError
            A network that the rule is not for, arguments that do not fit it, by name.
        """
        self.check(network)
        g_readout, g_spikes = _backward.checked(
            network, trace, g_readout, g_spikes, potentials=False
        )
        out = _backward.written_to(out, network)
        with network.workspaces.borrow() as scratch, np.errstate(over="ignore", invalid="ignore"):
            _Pass(self, network, trace, scratch, out).run(g_readout, g_spikes)
        return out


def _fault(stage):
    """What is wrong with a layer; None if it is one of those that learn in this way."""
    plain = isinstance(stage.layer, Dense) and stage.layer.norm is None
    if not (plain or isinstance(stage.layer, Recurrent)) or stage.shortcut is not None:
        return "not a plain Dense or Recurrent one: MembraneSignal takes no others"
    if stage.rates:
        return "of ReLU units, which do not spike: MembraneSignal is for LIF neurons"
    if stage.adapts:
        return "whose neurons adapt: MembraneSignal is for LIF, not AdaptiveLIF"
    if stage.fires and stage.zero_reset:
        return "whose neurons reset to rest: MembraneSignal is for reset='subtract'"
    if {*stage.learned} - {"v_th"}:
        return "whose neurons learn time constants: MembraneSignal learns thresholds only"
    if stage.neuron.per_unit.keys() & ONE_OF_EACH:
        return "whose neurons differ in tau_mem, tau_syn or gain: MembraneSignal wants one of each"
    return None


def shares(
    neuron: LeakyIntegrator, n_steps: int, *, mean: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """What is left of a spike in each step, at the end or on average over all steps.

    Parameters
    ----------
    neuron : LIF or LeakyIntegrator
        With one value of each constant.
    n_steps : int
    mean : bool

    Returns
    -------
    of_inputs, of_own : array of float64 (n_steps,)
        Of a spike that the neuron hears, in its membrane; of one of its own, from the step in which
        it happens, as a low pass with the membrane's time constant.

    Raises
    ------
    TypeError, ValueError
        What is no neuron, or adapts, or has several time constants.
    """
    n_steps = _check.integer("n_steps", n_steps, 1, _check.MOST_STEPS)
    if not isinstance(neuron, LeakyIntegrator):
        raise TypeError(f"neuron must be a LIF or LeakyIntegrator, not {type(neuron).__name__}")
    if neuron.adapts:
        raise ValueError("neuron must not be an AdaptiveLIF: its own spikes change what is left")
    if neuron.per_unit.keys() & ONE_OF_EACH:
        raise ValueError("neuron must have one tau_mem, tau_syn and gain")
    steps = np.arange(n_steps)
    own = neuron.decay_mem**steps
    heard = np.zeros(n_steps)
    late = min(neuron.delay, n_steps)
    heard[late:] = neuron.gain * np.convolve(neuron.decay_syn**steps, own)[: n_steps - late]
    if _check.flag("mean", mean):
        heard, own = np.cumsum(heard) / n_steps, np.cumsum(own) / n_steps
    return heard[::-1].copy(), own[::-1].copy()


class _Pass:
    """The rule, for one batch: layer by layer, from the last one down."""

    def __init__(self, rule, network, trace, scratch, out):
        self.rule, self.trace, self.scratch, self.out = rule, trace, scratch, out
        self.stages, self.flat = network.stages, network.parameters
        self.dtype, self.n_steps = network.dtype, network.n_steps
        self.edges = chunk_borders(len(trace))
        products = len(trace) * sum(stage.n_in * stage.n for stage in self.stages)
        small = products < WORTH_SHARING
        self.threads = 1 if small else network.workers or worker_count()
        self.shares = [
            [x.astype(self.dtype) for x in shares(stage.neuron, self.n_steps, mean=rule.mean)]
            for stage in self.stages
        ]

    def run(self, g_readout, g_spikes):
        """All layers; fills the gradients."""
        last = len(self.stages) - 1
        heard = [self._heard(k) for k in range(last + 1)]
        own = [self._own(k) for k in range(last + 1)]
        g = g_readout.sum(axis=1)
        if self.stages[last].fires:
            g *= self._per_rate(last)
        for k in range(last, -1, -1):
            stage, x = self.stages[k], heard[k]
            error = self._error(k, g, own[k])
            active = np.maximum(np.count_nonzero(x, axis=1), 1).astype(self.dtype)
            update, back, by_theta = self._factors(stage, active)
            if "v_th" in stage.learned:
                self._learn_thresholds(stage, error, own[k], by_theta)
            g = self._learn(k, x, error, update, back * self._gain(k))
            if k - 1 in g_spikes:
                by_spikes = g_spikes[k - 1]
                times = self.n_steps // by_spikes.shape[1]  # one for all steps, or each its own
                g = g + times * by_spikes.sum(axis=1) * self._per_rate(k - 1)

    def _heard(self, k):
        """Traces of what layer k hears, (sample, n_in)."""
        signal = self.trace.inputs if k == 0 else self.trace.records[k - 1].spikes
        share_, n = self.shares[k][0], self.stages[k].n_in
        if isinstance(signal, SpikeTrains):
            return self._traces(f"heard by {k}", signal, share_, n)
        if isinstance(signal, ConstantCurrent):
            return signal.x.astype(self.dtype) * share_.sum()
        return traces(signal.values(0, len(signal), self.dtype), share_).astype(self.dtype)

    def _own(self, k):
        """Traces of layer k's own spikes, (sample, n); None where it has none."""
        stage = self.stages[k]
        if not stage.fires:
            return None
        return self._traces(f"own of {k}", self.trace.records[k].spikes, self.shares[k][1], stage.n)

    def _traces(self, name, trains, share_, n):
        x = self.scratch.array(name, (len(trains), n), self.dtype)
        work = partial(kernels.traces, *trains.events, share_)
        share(lambda lo, hi: work(lo, hi, x), len(trains), self.threads)
        return x

    def _per_rate(self, k):
        """What turns a gradient by counts into one by traces: in the long run, rate / trace."""
        return self.dtype.type(1 - self.stages[k].constants[1, 0])

    def _gain(self, k):
        """Traces that layer k hears of the one below, by that one's own: in the long run."""
        if k == 0:
            return 1.0
        a, b, gain = self.stages[k].constants[:3, 0]
        return gain * (1 - self.stages[k - 1].constants[1, 0]) / ((1 - a) * (1 - b))

    def _error(self, k, g, own):
        """Error of layer k (sample, width), from the gradient by its traces (sample, n)."""
        stage = self.stages[k]
        error = self.scratch.array(f"error {k}", (len(g), stage.width), self.dtype)
        units = error[:, : stage.n]
        units[...] = g
        if stage.fires:
            by_threshold = 1 / stage.constants[3, : stage.n]
            if self.rule.normalise:
                by_threshold /= np.sqrt(np.mean(by_threshold**2))
            units *= by_threshold
            if not self.rule.silent and k + 1 < len(self.stages):
                units *= own != 0
        if self.trace.records[k].dropout is not None:
            units *= self.trace.records[k].dropout
        return error

    def _factors(self, stage, active):
        """Of each sample: factors of updates, of the error that goes down, and of thresholds'."""
        if not self.rule.normalise:
            ones = np.ones_like(active)
            return ones, ones, ones
        update = np.sqrt(self.dtype.type(stage.n) / active)
        return (
            update,
            np.sqrt(self.dtype.type(stage.n_in) / active),
            update / self.dtype.type(np.sqrt(stage.n_in)),
        )

    def _learn_thresholds(self, stage, error, own, factor):
        """Gradient by what is stored of the thresholds (and the factor's)."""
        block, stored = stage.learned["v_th"], stage.stored["v_th"][0]
        by = -np.einsum("s,si,si->i", factor, error[:, : stage.n], own)
        by = by * slope("v_th", stored).astype(self.dtype)
        out = block.padded(self.out.flat)
        out[...] = 0
        out[0, : block.columns] = by if stage.neuron.learn_per == "unit" else by.sum()

    def _learn(self, k, x, error, update, back):
        """Gradient by layer k's weights; returns that by the traces of what it hears."""
        stage, block = self.stages[k], self.stages[k].blocks["weights"]
        if "recurrent" in stage.blocks:
            stage.blocks["recurrent"].padded(self.out.flat)[...] = 0
        weights = block.padded(self.flat)
        if block.width < stage.width:  # a narrow readout's rows are not padded
            weights = self.scratch.padded(f"weights {k}", weights, stage.width)
        n_chunks = len(self.edges) - 1
        size = n_chunks, block.rows, stage.width
        parts = self.scratch.array(f"gradient by weights {k}", size, self.dtype)
        size = len(x) if k else 0, stage.n_in
        g_x = self.scratch.array(f"gradient by traces {k}", size, self.dtype)
        given = x, error, weights, update, back.astype(self.dtype), self.rule.silent
        share(
            lambda first, last: kernels.learn(*given, self.edges, parts, g_x, first, last),
            n_chunks,
            self.threads,
        )
        total = block.padded(self.out.flat)
        share(partial(lif.sum_chunks, parts, total), block.rows, self.threads)
        return g_x


# how a network begins -----------------------------------------------------------------------------


def competing(
    sizes: Sequence[int],
    neuron: LIF,
    *,
    n_steps: int,
    rng: Seed,
    threshold: float = 2.0,
    inhibition: ArrayLike = 0.0,
    dtype: DTypeLike = np.float32,
    workers: int | None = None,
) -> Network:
    """A network as the paper begins: thresholds that follow the number of inputs, competing units.

    With M inputs of a layer, weights are uniform in ``+-sqrt(3 / M)``, which makes their squares
    sum to 1, and thresholds are ``threshold * sqrt(3 / M)``. All layers spike, the last one too.

    Parameters
    ----------
    sizes : sequence of int
        Inputs, and units of each layer.
    neuron : LIF
        Of all layers, but for its threshold; ``learn="v_th"`` where thresholds are to be learned.
    n_steps : int
    rng : numpy.random.Generator or int
    threshold : float
        Above 0; the paper's alpha.
    inhibition : float or sequence of float
        What a spike takes from the membranes of all others of its layer, in thresholds of theirs;
        one for all layers or one each. Layers with 0 are `Dense`, others a `Recurrent` that is
        ``fixed``.
    dtype, workers
        As for `Network`.

    Returns
    -------
    Network

    Raises
    ------
    TypeError, ValueError
        Arguments of the wrong kind or out of range, by name.
    """
    sizes = _check.sequence("sizes", sizes, of="integers")
    sizes = [_check.integer("sizes", n, 1, _check.MOST_UNITS) for n in sizes]
    if len(sizes) < 2:
        raise ValueError("sizes must name at least an input and an output layer")
    if not isinstance(neuron, LIF):
        raise TypeError(f"neuron must be a LIF, not {neuron!r}")
    if neuron.per_unit or neuron.gain == 0:
        raise ValueError("neuron must have one value of each constant, and a gain that is not 0")
    threshold = _check.number("threshold", threshold, above=0)
    thresholds = [threshold * float(np.sqrt(3 / m)) for m in sizes[:-1]]
    _check.real("threshold", thresholds, np.float32)
    n_layers = len(sizes) - 1
    given = inhibition if hasattr(inhibition, "__len__") else [inhibition] * n_layers
    given = _check.sequence("inhibition", given, n_layers, "numbers, one per layer")
    given = [_check.number("inhibition", x, at_least=0) for x in given]
    rng = _check.generator("rng", rng)
    kinds = zip(sizes[1:], given, strict=True)
    layers = [Recurrent(n, fixed=True) if x else Dense(n) for n, x in kinds]
    models = [neuron.replace(v_th=v_th) for v_th in thresholds]
    network = Network(
        (sizes[0], *layers),
        models[:-1],
        readout=models[-1],
        n_steps=n_steps,
        rng=0,
        spread=0.0,
        dtype=dtype,
        workers=workers,
    )
    for stage, model, x in zip(network.stages, models, given, strict=True):
        bound = np.sqrt(3 / stage.n_in)
        view = stage.blocks["weights"].of(network.parameters)
        view[...] = rng.uniform(-bound, bound, view.shape)
        if x:
            view = stage.blocks["recurrent"].of(network.parameters)
            view[...] = -x * model.v_th / model.gain
            np.fill_diagonal(view, 0)
    return network
