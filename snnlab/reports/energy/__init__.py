"""Energy: what spikes, operations and memory cost, beside an equal network without spikes.

`count` counts operations (`Operations`, with the shares of silent neurons and of weights that are
0, as NeuroBench has them), `compare` prices the counts with `COSTS` (`EnergyCard`: printed, a table
and what it means; ``to_csv`` writes it for a spreadsheet). The model, per sample:

- Spiking: an accumulate per spike and non-zero weight, and each arriving spike reads its row of
  weights. Every unit is updated in every step: its current and membrane are read, multiplied by
  their decays, compared, written. A spike's address is written once and read once. A constant input
  is multiplied with the weights once, and then added in each step; so is one that a shortcut adds.
- ReLU: the same sizes, connections and bits, one pass instead of steps: a MAC per weight, each
  weight read once, activations written and read once, a comparison and a rescaling per hidden unit.
  With *silent inputs skipped*, rows of inputs that are 0 cost nothing, as in a spiking network;
  hidden units all count as active, since how many would be is not known without training it.
- Both: sums are kept in registers, for free; weights are stored with column numbers and without
  zeros where that is shorter; writing costs as much as reading; one sample at a time, so that no
  batch shares the reading of weights.

Not in the model: clocks, control, routing, leakage, input and output. Nor is it one of an analog
chip, whose neurons keep their state in a capacitor. A study in more detail finds that spikes pay
below 0.15 to 1.38 spikes per synapse and inference, depending on the network without spikes
(Dampfhoffer et al., IEEE Trans. Emerg. Top. Comput. Intell. 7(3), 731-741, 2023, abstract).
"""

from snnlab.reports.energy.card import CHIP_ROW, PARTS, ROWS, EnergyCard, compare
from snnlab.reports.energy.first_spikes import EventEnergy, of_events
from snnlab.reports.energy.operations import LayerOperations, Operations, at_rate, count
from snnlab.reports.energy.prices import CHIP_SIZES, COSTS, MEMORIES, Cost

__all__ = [
    "CHIP_ROW",
    "CHIP_SIZES",
    "COSTS",
    "Cost",
    "EnergyCard",
    "EventEnergy",
    "LayerOperations",
    "MEMORIES",
    "Operations",
    "PARTS",
    "ROWS",
    "at_rate",
    "compare",
    "count",
    "of_events",
]
