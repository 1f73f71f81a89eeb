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
from snnlab.layers.dense import check_dense
from snnlab.network import Network
from snnlab.neurons import LIF
from snnlab.signals import ConstantCurrent, Values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from snnlab._types import Signals


@dataclass(frozen=True)
class LayerOperations:
    """A layer's weights and units, and what they do: means per sample.

    Attributes
    ----------
    n_in, n_out, nonzero : int
        Inputs, units, and weights that are not 0.
    fires : bool
        Whether its units spike (an integrator's do not).
    states, mults, adds : int
        Numbers a unit keeps from step to step (membrane; current, if filtered; refractory time);
        multiplications and additions of one update. A reset's own addition is left out.
    drive_steps : int
        Steps in which a constant input acts; 0 if the input is spikes.
    spikes_in : float
        Spikes that arrive; what a delay carries beyond the last step does not.
    active_in, active_weights : float
        Inputs that spike at all (or are not 0), and non-zero weights in their rows.
    spikes_out : float
    effective_acs, effective_macs : float
        Synaptic operations, as NeuroBench counts them.
    """

    n_in: int
    n_out: int
    nonzero: int
    fires: bool
    states: int
    mults: int
    adds: int
    drive_steps: int
    n_steps: int
    spikes_in: float
    active_in: float
    active_weights: float
    effective_acs: float
    effective_macs: float
    spikes_out: float

    @property
    def dense(self) -> int:
        """Dense synaptic operations: every weight in every step."""
        return self.n_in * self.n_out * self.n_steps

    @property
    def neuron_updates(self) -> int:
        """Updates of a unit's state: each unit in each step."""
        return self.n_out * self.n_steps


@dataclass(frozen=True)
class Operations:
    """Operations of a network, per layer; means over ``n_samples`` samples.

    ``footprint`` is the bytes of all weights, zeros too, and of the units' states, in the network's
    own precision (NeuroBench: parameters and buffers; the neurons' constants are left out).
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
        """Input spikes per sample that arrive."""
        return self.layers[0].spikes_in

    @property
    def hidden_spikes(self) -> float:
        """Spikes per sample of all hidden layers."""
        return sum(layer.spikes_out for layer in self.layers[:-1])

    @property
    def activation_sparsity(self) -> float:
        """Share of silent unit-steps among the units that can spike; 0 if there are none."""
        chances = sum(layer.neuron_updates for layer in self.layers if layer.fires)
        return 1 - self.total("spikes_out") / chances if chances else 0.0

    @property
    def connection_sparsity(self) -> float:
        """Share of the weights that are 0."""
        return 1 - self.total("nonzero") / sum(layer.n_in * layer.n_out for layer in self.layers)


def _heard(source, fan_out, delay, n_steps):
    """Sums over a batch: spikes arriving, active inputs and their weights, ACs, MACs."""
    if isinstance(source, ConstantCurrent):
        active = source.x != 0
        weights = (active @ fan_out).sum()
        return 0, active.sum(), weights, 0, weights * max(n_steps - delay, 0)
    source = source.compact()
    arriving = source.unit[source.step < n_steps - delay]
    active = source.unit_counts() > 0
    return len(arriving), active.sum(), (active @ fan_out).sum(), fan_out[arriving].sum(), 0


def count(network: Network, inputs: Signals) -> Operations:
    """Run a network and count its operations exactly.

    Parameters
    ----------
    network : Network
        Of dense layers.
    inputs : SpikeTrains or ConstantCurrent
        At least one sample.

    Returns
    -------
    Operations

    Raises
    ------
    TypeError, ValueError
        If it is not a network, or the inputs do not fit it.
    """
    if not isinstance(network, Network):
        raise TypeError(f"network must be a Network, not {type(network).__name__}")
    check_dense(network, "the count of operations")
    network.check_inputs(inputs)
    if isinstance(inputs, Values):
        raise TypeError("inputs must be SpikeTrains or ConstantCurrent, not Values")
    n, n_steps = len(inputs), network.n_steps
    sums = np.zeros((len(network.weights), 6))
    for low in range(0, n, 1000):
        batch = inputs[low : low + 1000]
        spikes = network.forward(batch, potentials=False).spikes
        for k, (w, model) in enumerate(zip(network.weights, network.neurons, strict=True)):
            source = spikes[k - 1] if k else batch
            sums[k, :5] += _heard(source, np.count_nonzero(w, axis=1), model.delay, n_steps)
            sums[k, 5] += spikes[k].counts().sum() if k < len(spikes) else 0
    layers = []
    for k, (w, model) in enumerate(zip(network.weights, network.neurons, strict=True)):
        fires, filtered = isinstance(model, LIF), model.tau_syn is not None
        driven = k == 0 and isinstance(inputs, ConstantCurrent)
        states = 1 + filtered + bool(model.constants(w.shape[1]).hold.any())
        mults = 1 + filtered + bool(np.any(np.asarray(model.gain) != 1))
        adds = 1 + fires  # b v + g I, and a comparison
        drive_steps = max(n_steps - model.delay, 0) if driven else 0
        update = states, mults, adds, drive_steps, n_steps
        nonzero, means = int(np.count_nonzero(w)), (sums[k] / n).tolist()
        layers.append(LayerOperations(*w.shape, nonzero, fires, *update, *means))
    numbers = sum(layer.n_out * (layer.n_in + layer.states) for layer in layers)
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
        update = 2, 2, 1 + fires, 0, n_steps
        means = spikes, active, active * n_out, spikes * n_out, 0.0, emitted
        layers.append(LayerOperations(n_in, n_out, n_in * n_out, fires, *update, *means))
    numbers = sum(layer.n_out * (layer.n_in + layer.states) for layer in layers)
    return Operations(tuple(layers), 1, n_steps, 4 * numbers)
