"""Operations: what a network does per sample, counted exactly, or at a given activity.

By NeuroBench's definitions (Yik et al., Nat. Commun. 2025, arXiv 2304.04640): dense operations take
every weight in every step; effective ones only non-zero activations at non-zero weights,
accumulates (ACs) where the activation is a spike and multiply-accumulates (MACs) where it is a
number.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab.currents import ConstantCurrent, Values
from snnlab.layers.delayed import Delayed
from snnlab.layers.dense import FullyConnected
from snnlab.layers.known import check_known
from snnlab.network import Network
from snnlab.signals import SpikeTrains

MOST_STATES = 2**24  # units and steps that are run at a time: lists of their spikes are large

if TYPE_CHECKING:
    from collections.abc import Sequence

    from snnlab._types import Signals


@dataclass(frozen=True)
class LayerOperations:
    """A layer's weights and units, and what they do: means per sample.

    Attributes
    ----------
    n_in, n_out : int
        Inputs and units.
    weights, nonzero : int
        Weights, and those that are not 0.
    synapses : int
        Pairs of an input and a unit that hears it: as many as weights, more where several units
        share them (`Conv`; at an image's border there are fewer).
    nonzero_synapses : int
        Those whose weight is not 0.
    row : int
        Most units that hear one input.
    fires : bool
        Whether its units spike (an integrator's do not).
    states, mults, adds : int
        Numbers a unit keeps from step to step (membrane; current, if filtered; refractory time;
        adaptation); multiplications and additions of one update. A reset's own addition is left
        out. Pools and votes keep none.
    drive_steps : int
        Steps in which a constant input acts through the weights; 0 if the input changes.
    n_steps : int
    spikes_in, values_in : float
        Spikes that arrive (of a `Recurrent` layer its own, too; of a `Delayed` one most arrive
        twice), and values that are not 0, such as those of an average pool, step by
        step; what a delay carries beyond the last step does not.
    active_in, active_weights : float
        Inputs that are active at all, and pairs of one and a unit that hears it by a weight that
        is not 0; what a `Recurrent` layer sends itself is not among them.
    row_acs : float
        Pairs of an arriving spike (or value) and a unit that hears it, by whatever weight.
    effective_acs, effective_macs : float
        Synaptic operations, as NeuroBench counts them.
    passed : float
        Spikes, or values, that arrive past the weights: those that a shortcut adds, each to one
        unit's current, and all that a pool or a vote gathers; of a constant input, in every step.
    heard : float
        Spikes of the layer that it hears (or of the inputs) that arrive, each counted once: also
        those that a pool gathers, or that arrive twice.
    spikes_out : float
    passed_steps : int
        Steps in which a constant input acts past the weights, by a shortcut; 0 if there is none.
    added : int
        Units that a shortcut is added to: of images with more channels than it has, not all.
    loop_weights, loop_nonzero : int
        Weights between a `Recurrent` layer's own units, and those that are not 0: of the above.
    loop_spikes, loop_acs : float
        Spikes that arrive from its own units, and their operations: of the above.
    """

    n_in: int
    n_out: int
    weights: int
    synapses: int
    nonzero_synapses: int
    row: int
    nonzero: int
    fires: bool
    states: int
    mults: int
    adds: int
    drive_steps: int
    n_steps: int
    spikes_in: float
    values_in: float
    active_in: float
    active_weights: float
    row_acs: float
    effective_acs: float
    effective_macs: float
    passed: float
    heard: float
    spikes_out: float
    passed_steps: int = 0
    added: int = 0
    loop_weights: int = 0
    loop_nonzero: int = 0
    loop_spikes: float = 0.0
    loop_acs: float = 0.0

    @property
    def dense(self) -> int:
        """Dense synaptic operations: every synapse in every step."""
        return self.synapses * self.n_steps

    @property
    def neuron_updates(self) -> int:
        """Updates of a unit's state: each unit in each step, if it keeps any."""
        return self.n_out * self.n_steps if self.states else 0


@dataclass(frozen=True)
class Operations:
    """Operations of a network, per layer; means over ``n_samples`` samples.

    ``footprint`` is the bytes of all weights, zeros too, and of the units' states, in the network's
    own precision (NeuroBench: parameters and buffers; the neurons' constants are left out).

    Examples
    --------
    >>> operations = at_rate((4, 5, 2), 20, 0.5)
    >>> operations.total("effective_acs")  # 2 and 2.5 spikes, to 5 and 2 units
    15.0
    >>> operations.activation_sparsity, operations.connection_sparsity
    (0.975, 0.0)
    """

    layers: tuple
    n_samples: int
    n_steps: int
    footprint: int

    def total(self, name: str) -> float:
        """Sum over the layers of one of their numbers, such as ``"effective_acs"``."""
        known = [k for k in dir(self.layers[0]) if k[0] != "_"] if self.layers else ()
        _check.one_of("name", name, known)
        return sum(getattr(layer, name) for layer in self.layers)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units per layer, inputs first."""
        return (self.layers[0].n_in, *(layer.n_out for layer in self.layers))

    @property
    def input_spikes(self) -> float:
        """Input spikes per sample that arrive, each counted once."""
        return self.layers[0].heard

    @property
    def hidden_spikes(self) -> float:
        """Spikes per sample of all hidden layers of neurons."""
        return sum(layer.spikes_out for layer in self._neurons[:-1])

    @property
    def activation_sparsity(self) -> float:
        """Share of silent unit-steps among the neurons that can spike; 0 if there are none."""
        firing = [layer for layer in self._neurons if layer.fires]
        chances = sum(layer.neuron_updates for layer in firing)
        return 1 - sum(layer.spikes_out for layer in firing) / chances if chances else 0.0

    @property
    def connection_sparsity(self) -> float:
        """Share of the weights that are 0."""
        return 1 - self.total("nonzero") / self.total("weights")

    @property
    def _neurons(self):
        return [layer for layer in self.layers if layer.states]


def _fan_out(stage, weights=None):
    """How many units hear each input of a layer by a weight that is not 0.

    Parameters
    ----------
    stage : Stage
        Of a layer with weights.
    weights : array, optional
        By default all that there may be, none of them 0.

    Returns
    -------
    array of int (n_in,)
    """
    if isinstance(stage.layer, FullyConnected):
        return (
            np.full(stage.n_in, stage.n) if weights is None else np.count_nonzero(weights, axis=1)
        )
    size = stage.layer.blocks(stage.shape_in)["weights"]
    there = np.ones(size) if weights is None else (weights != 0).astype(float)
    heard, units = np.zeros((1, 1, *stage.shape_in)), np.ones((1, 1, *stage.shape_out))
    _, found = stage.layer.adjoint(units, heard, {"weights": there})
    return np.rint(found).astype(np.int64).ravel()


class _Counts:
    """What a layer does, summed over batches.

    Parameters
    ----------
    network : Network
    k : int
        The layer's number.
    """

    names = ("spikes_in", "values_in", "active_in", "active_weights", "row_acs")
    names += ("effective_acs", "effective_macs", "passed", "heard", "spikes_out")
    names += ("loop_spikes", "loop_acs")

    def __init__(self, network, k):
        self.stage = stage = network.stages[k]
        self.sums, self.n_steps = dict.fromkeys(self.names, 0.0), network.n_steps
        self.delay = getattr(stage.neuron, "delay", 0)
        block = stage.blocks.get("weights")
        self.weights = block and block.of(network.parameters)
        if block is not None:
            self.fan_out, self.row = _fan_out(stage, self.weights), _fan_out(stage)
        loops = [stage.blocks[name].of(network.parameters) for name in stage.layer.recurrent_blocks]
        self.loop = loops[0] if loops else None
        self.all = [w for w in (self.weights, self.loop) if w is not None]
        # which units of a shortcut are added: of larger images every second, or third, place
        added = np.arange(stage.n) if stage.added is None else stage.added[stage.added >= 0]
        self.taken = None if stage.shortcut is None else added
        self.late = None  # of delayed inputs: whole steps, and whether a second event follows
        if isinstance(stage.layer, Delayed):
            delays = stage.layer.delays(stage.blocks["delays"].of(network.parameters)[0])
            self.late = np.floor(delays).astype(int), delays % 1 > 0

    def add(self, k, trace):
        """Count a batch, in which it was layer k."""
        stage, sums, heard = self.stage, self.sums, trace.signal_of(self.stage.source)
        arriving, active = self._arriving(heard, self.delay, self.late)
        if self.weights is None:
            sums["passed"] += arriving.sum()
        else:
            self._hear(heard, arriving, active)
        if isinstance(heard, SpikeTrains):
            if self.late is not None:  # each once
                late = self.late[0], np.zeros_like(self.late[1])
                arriving, _ = self._arriving(heard, self.delay, late)
            sums["heard"] += arriving.sum()
        if self.loop is not None:
            self._hear_itself(trace.records[k].signal)
        if stage.shortcut is not None:
            arriving, _ = self._arriving(trace.signal_of(stage.shortcut), self.delay)
            sums["passed"] += arriving[self.taken].sum()
        spikes = trace.records[k].spikes
        sums["spikes_out"] += 0 if spikes is None else spikes.counts().sum()

    def _arriving(self, signal, delay, late=None):
        """How often each input arrives in a batch, and in how many samples it is active."""
        steps = max(self.n_steps - delay, 0)
        if late is not None:
            return self._arriving_late(signal, steps, *late)
        if isinstance(signal, ConstantCurrent):
            active = (signal.x != 0).sum(axis=0)
            return active * steps, active
        if isinstance(signal, Values):
            there = signal.x != 0
            return there[:, :steps].sum(axis=(0, 1)), there.any(axis=1).sum(axis=0)
        signal = signal.compact()
        units = signal.unit[signal.step < steps]
        active = (signal.unit_counts() > 0).sum(axis=0)
        return np.bincount(units, minlength=signal.n_units), active

    def _arriving_late(self, signal, steps, whole, twice):
        """The same of inputs with delays of their own, in two steps where these are not whole."""
        dense = signal.to_dense()
        _, step, unit = np.nonzero(dense)
        first = step + whole[unit]
        units = unit[first < steps], unit[(first + 1 < steps) & twice[unit]]
        arriving = sum(np.bincount(x, minlength=signal.n_units) for x in units)
        return arriving, dense.any(axis=1).sum(axis=0)

    def _hear(self, signal, arriving, active):
        """Synaptic operations of a batch."""
        sums, fan_out = self.sums, self.fan_out
        sums["active_in"] += active.sum()
        sums["active_weights"] += active @ fan_out
        operations = "effective_acs" if isinstance(signal, SpikeTrains) else "effective_macs"
        sums[operations] += arriving @ fan_out
        if not isinstance(signal, ConstantCurrent):  # whose products are taken once
            name = "spikes_in" if isinstance(signal, SpikeTrains) else "values_in"
            sums[name] += arriving.sum()
            sums["row_acs"] += arriving @ self.row

    def _hear_itself(self, spikes):
        """The same of what a layer sends itself: a step later, whatever the delay of inputs."""
        sums, arriving = self.sums, self._arriving(spikes, 1)[0]
        acs = arriving @ np.count_nonzero(self.loop, axis=1)
        for name in ("spikes_in", "loop_spikes"):
            sums[name] += arriving.sum()
        for name in ("effective_acs", "loop_acs"):
            sums[name] += acs
        sums["row_acs"] += arriving.sum() * self.stage.n

    def result(self, n, constant):
        """Means over n samples, a `LayerOperations`; ``constant``: whether the inputs are."""
        stage, model = self.stage, self.stage.neuron
        steps = max(self.n_steps - self.delay, 0) if constant else 0
        update = {"states": 0, "mults": 0, "adds": 0}
        if model is not None:
            filtered, resting = model.tau_syn is not None, bool(stage.hold[: stage.n].any())
            scaled = bool(np.any(np.asarray(model.gain) != 1))
            normalised = getattr(stage.layer, "norm", None) is not None
            update = {
                "states": 1 + filtered + resting + stage.adapts,
                # an adaptation takes p w + coupling v, and I - w
                "mults": 1 + filtered + scaled + 2 * stage.adapts,
                # b v + g I, a comparison, and what a norm, folded into the weights, adds
                "adds": 1 + stage.fires + normalised + 2 * stage.adapts,
            }
        there = self.weights is not None
        loop = (0, 0) if self.loop is None else (self.loop.size, int(np.count_nonzero(self.loop)))
        return LayerOperations(
            n_in=stage.n_in,
            n_out=stage.n,
            weights=sum(w.size for w in self.all),
            synapses=int(self.row.sum()) + loop[0] if there else 0,
            nonzero_synapses=int(self.fan_out.sum() + loop[1]) if there else 0,
            row=int(self.row.max()) if there else 0,
            nonzero=int(sum(map(np.count_nonzero, self.all))),
            fires=stage.fires,
            n_steps=self.n_steps,
            drive_steps=steps if there and stage.source < 0 else 0,
            passed_steps=steps if stage.shortcut == -1 else 0,
            added=0 if self.taken is None else self.taken.size,
            loop_weights=loop[0],
            loop_nonzero=loop[1],
            **update,
            **{name: float(x / n) for name, x in self.sums.items()},
        )


def count(network: Network, inputs: Signals) -> Operations:
    """Run a network and count its operations exactly.

    Parameters
    ----------
    network : Network
        Of layers that this package brings.
    inputs : SpikeTrains or ConstantCurrent
        At least one sample.

    Returns
    -------
    Operations

    Raises
    ------
    TypeError, ValueError
        If it is not a network, or the inputs do not fit it; layers of one's own, by name.
    """
    if not isinstance(network, Network):
        raise TypeError(f"network must be a Network, not {type(network).__name__}")
    check_known(network, "the count of operations")
    network.check_inputs(inputs)
    if isinstance(inputs, Values):
        raise TypeError("inputs must be SpikeTrains or ConstantCurrent, not Values")
    n, n_steps = len(inputs), network.n_steps
    counts = [_Counts(network, k) for k in range(len(network.stages))]
    batch = int(np.clip(MOST_STATES // (n_steps * network.total_width), 1, 1000))
    for low in range(0, n, batch):
        trace = network.forward(inputs[low : low + batch], potentials=False)
        for k, layer in enumerate(counts):
            layer.add(k, trace)
    constant = isinstance(inputs, ConstantCurrent)
    layers = [layer.result(n, constant) for layer in counts]
    numbers = sum(layer.weights + layer.n_out * layer.states for layer in layers)
    return Operations(tuple(layers), n, n_steps, numbers * network.dtype.itemsize)


def at_rate(sizes: Sequence[int], n_steps: int, rate: float | Sequence[float]) -> Operations:
    """Operations of a fully connected network at a given activity, without running one.

    Neurons are those of the chip: two states each, membrane and current.

    Parameters
    ----------
    sizes : sequence of int
        Units per layer, inputs first.
    n_steps : int
    rate : float or sequence of float
        Spikes per unit and sample; of inputs and hidden layers alike, or one for each of them.
        Inputs spike once before any of them spikes twice, as in a latency code.

    Returns
    -------
    Operations

    Raises
    ------
    TypeError, ValueError
        Arguments of the wrong kind or out of range; the message names the argument.

    Examples
    --------
    >>> at_rate((4, 5, 2), 20, 0.5).layers[0].effective_acs  # 2 spikes, each to 5 units
    10.0
    """
    sizes = _check.each(_check.like(_check.integer, at_least=1), of="numbers")("sizes", sizes)
    if len(sizes) < 2:
        raise ValueError("sizes must be numbers of units of at least two layers")
    n_steps = _check.integer("n_steps", n_steps, at_least=1)
    one = isinstance(rate, int | float | np.number)
    rates = [rate] * (len(sizes) - 1) if one else _check.sequence("rate", rate, len(sizes) - 1)
    rates = [_check.number("rate", r, at_least=0, at_most=n_steps) for r in rates]
    layers = []
    for k, (n_in, n_out) in enumerate(itertools.pairwise(sizes)):
        spikes, active = rates[k] * n_in, min(rates[k], 1.0) * n_in
        fires = k < len(sizes) - 2
        emitted = rates[k + 1] * n_out if fires else 0.0
        layers.append(
            LayerOperations(
                n_in=n_in,
                n_out=n_out,
                weights=n_in * n_out,
                synapses=n_in * n_out,
                nonzero_synapses=n_in * n_out,
                row=n_out,
                nonzero=n_in * n_out,
                fires=fires,
                states=2,
                mults=2,
                adds=1 + fires,
                drive_steps=0,
                n_steps=n_steps,
                spikes_in=spikes,
                values_in=0.0,
                active_in=active,
                active_weights=active * n_out,
                row_acs=spikes * n_out,
                effective_acs=spikes * n_out,
                effective_macs=0.0,
                passed=0.0,
                heard=spikes,
                spikes_out=emitted,
            )
        )
    numbers = sum(layer.weights + layer.n_out * layer.states for layer in layers)
    return Operations(tuple(layers), 1, n_steps, 4 * numbers)
