"""Energy of first spikes: what was done, counted, at the prices of the energy card."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log2, prod
from typing import TYPE_CHECKING

from snnlab import _check
from snnlab.reports.energy.prices import MEMORIES, price_of_arithmetic, price_of_memory

if TYPE_CHECKING:
    from snnlab.learning.stdp import Events, STDPNetwork

PLASTIC_MULTS, PLASTIC_ADDS = 2, 2  # of a weight's change: rate * w * (1 - w), added


@dataclass(frozen=True)
class EventEnergy:
    """Energies per image in joule.

    Attributes
    ----------
    synaptic : float
        Additions to potentials.
    plastic : float
        Arithmetic of changes of weights.
    weights : float
        Weights that are read, and written where they change; a list of synapses says of each
        which unit it leads to, where that takes fewer bits than the zeros do, which are read else:
        as many as there are to a synapse.
    states : float
        Potentials that are read and written; addresses of spikes, written by who sends them and
        read by who hears them.
    """

    synaptic: float
    plastic: float
    weights: float
    states: float

    @property
    def total(self) -> float:
        """Sum of all."""
        return self.synaptic + self.plastic + self.weights + self.states


def of_events(
    network: STDPNetwork,
    events: Events,
    *,
    bits: int = 8,
    state_bits: int = 16,
    memory: str = "fitting",
    learning: bool = False,
) -> EventEnergy:
    """Energy per image of what was done, as `snnlab.energy.EnergyCard` prices it.

    Nothing happens without an event: neurons do not leak, so that there is no cost of steps.

    Parameters
    ----------
    network : STDPNetwork
        Whose synapses say how large memories are, and how many bits a weight takes.
    events : Events
        Of learning or of inference.
    bits, state_bits : int
        Of a weight, of a potential; at most 32. Arithmetic is that of integers.
    memory : str
        As for `snnlab.energy.compare`.
    learning : bool
        Whether the memory is as large as for all synapses that there were at the start; of those
        cut, the rest is a list nevertheless.

    Returns
    -------
    EventEnergy

    Raises
    ------
    TypeError, ValueError
        Arguments out of range, or events of another network.
    """
    _check.kind("STDPNetwork")("network", network)
    _check.kind("Events")("events", events)
    bits = _check.integer("bits", bits, 1, 32)
    state_bits = _check.integer("state_bits", state_bits, 1, 32)
    _check.one_of("memory", memory, MEMORIES)
    learning = _check.flag("learning", learning)
    if len(events.additions) != len(network.stages) or events.images < 1:
        raise ValueError("events must be of this network, and of one image or more")
    stages = network.stages
    numbered = [bits + ceil(log2(max(stage.layer.n, 2))) for stage in stages]
    sizes, stored = [], 0
    for stage, wide in zip(stages, numbered, strict=True):
        n, n_all = stage.n_synapses, stage.weights.size
        listed = n * wide < n_all * bits
        sizes.append(wide if listed else bits * n_all / n)  # bits that a synapse takes
        stored += (wide if listed else bits) * n_all if learning else sizes[-1] * n
    kept = sum(stage.n_units for stage in stages) * state_bits
    weight_bit, state_bit = (price_of_memory(memory, n / 8) for n in (stored, kept))
    add = price_of_arithmetic("int", "add", state_bits)
    add_weight, mult = (price_of_arithmetic("int", what, bits) for what in ("add", "mult"))
    synaptic = plastic = weights = states = 0.0
    for k, stage in enumerate(stages):
        additions, updates = events.additions[k], events.updates[k]
        synaptic += additions * add
        plastic += updates * (PLASTIC_MULTS * mult + PLASTIC_ADDS * add_weight)
        weights += (additions * sizes[k] + updates * (sizes[k] + bits)) * weight_bit
        addresses = events.heard[k] * _address(stage.shape_in)
        addresses += events.said[k] * _address(stage.shape_out)
        states += (2 * additions * state_bits + addresses) * state_bit
    each = (x / events.images for x in (synaptic, plastic, weights, states))
    return EventEnergy(*each)


def _address(shape):
    """Bits that tell a unit from others of its layer."""
    return ceil(log2(max(prod(shape), 2)))
