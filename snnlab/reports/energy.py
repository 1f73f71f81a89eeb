"""Energy: what spikes, operations and memory cost, beside an equal network without spikes.

`count` counts by NeuroBench's definitions (Yik et al., Nat. Commun. 2025, arXiv 2304.04640): dense
operations take every weight in every step; effective ones only non-zero activations at non-zero
weights, accumulates (ACs) where the activation is a spike and multiply-accumulates (MACs) where it
is a number. `compare` prices the counts with `COSTS`. The model, per sample:

- Spiking: an accumulate per spike and non-zero weight, and each arriving spike reads its row of
  weights. Every unit is updated in every step: its current and membrane are read, multiplied by
  their decays, compared, written. A spike's address is written once and read once. A constant input
  is multiplied with the weights once, and then added in each step.
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

import csv
import io
import itertools
from dataclasses import dataclass
from functools import cached_property
from math import ceil, log, log2

import numpy as np

from snnlab import _check
from snnlab._files import write_atomically
from snnlab.network import Network
from snnlab.neurons import LIF
from snnlab.signals import ConstantCurrent

# --- constants ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cost:
    """A published constant.

    ``tag`` says how sure it is: "quoted" was read in the source's own text, "second-hand" in others
    who restate it, "unverified" in neither.
    """

    value: float
    unit: str
    what: str
    source: str
    tag: str


# Not read themselves, but restated alike by several authors (Horowitz's 32-bit integers and floats
# and the 8 KB SRAM, for instance, in PMC8934428, Table 3).
_HOROWITZ = "M. Horowitz, Computing's energy problem, ISSCC 2014 (45 nm, 0.9 V)", "second-hand"
_LOIHI = "M. Davies et al., IEEE Micro 38(1), 2018, Table 2 (14 nm, simulated)", "second-hand"
_TRUENORTH = "P. Merolla et al., Science 345, 668, 2014 (28 nm, measured)", "second-hand"
_CHIP = "B. Cramer, S. Billaudelle et al., PNAS 119(4), e2109194119, 2022 (65 nm)", "quoted"

COSTS = {
    "int8_add": Cost(0.03e-12, "J", "addition of 8-bit integers", *_HOROWITZ),
    "int32_add": Cost(0.1e-12, "J", "addition of 32-bit integers", *_HOROWITZ),
    "int8_mult": Cost(0.2e-12, "J", "multiplication of 8-bit integers", *_HOROWITZ),
    "int32_mult": Cost(3.1e-12, "J", "multiplication of 32-bit integers", *_HOROWITZ),
    "float16_add": Cost(0.4e-12, "J", "addition of 16-bit floats", *_HOROWITZ),
    "float32_add": Cost(0.9e-12, "J", "addition of 32-bit floats", *_HOROWITZ),
    "float16_mult": Cost(1.1e-12, "J", "multiplication of 16-bit floats", *_HOROWITZ),
    "float32_mult": Cost(3.7e-12, "J", "multiplication of 32-bit floats", *_HOROWITZ),
    "sram_8KB": Cost(10e-12, "J per 64 bit", "access to an SRAM of 8 KB", *_HOROWITZ),
    "sram_32KB": Cost(20e-12, "J per 64 bit", "access to an SRAM of 32 KB", *_HOROWITZ),
    "sram_1MB": Cost(100e-12, "J per 64 bit", "access to an SRAM of 1 MB", *_HOROWITZ),
    "dram_low": Cost(1.3e-9, "J per 64 bit", "access to DRAM, lower figure", *_HOROWITZ),
    "dram_high": Cost(2.6e-9, "J per 64 bit", "access to DRAM, higher figure", *_HOROWITZ),
    "loihi_synapse": Cost(23.6e-12, "J", "synaptic operation on Loihi, at least", *_LOIHI),
    "loihi_active": Cost(81e-12, "J", "update of a neuron that spikes, Loihi", *_LOIHI),
    "loihi_inactive": Cost(52e-12, "J", "update of a neuron that does not, Loihi", *_LOIHI),
    "truenorth_synapse": Cost(
        26e-12, "J", "synaptic event on TrueNorth, idle power included", *_TRUENORTH
    ),
    "chip_power": Cost(0.2, "W", "whole BrainScaleS-2 chip during inference, about", *_CHIP),
    "chip_time": Cost(11.8e-6, "s", "BrainScaleS-2, per image", *_CHIP),
    "chip_energy": Cost(2.4e-6, "J", "BrainScaleS-2, per image: power times time", *_CHIP),
}
CHIP_SIZES = (256, 246, 10)  # the network that the chip's energy was measured with
_POINTS = {"int": (8, 32), "float": (16, 32)}  # bits with a published energy
_SRAM = {2**13: "sram_8KB", 2**15: "sram_32KB", 2**20: "sram_1MB"}  # bytes
MEMORIES = ("fitting", *_SRAM.values(), "dram_low", "dram_high")


def _arithmetic(kind, operation, bits):
    """Joule per "add" or "mult": a power law in the bits through the two published sizes.

    For factors of unlike size the bits are their geometric mean.
    """
    low, high = _POINTS[kind]
    first, last = (COSTS[f"{kind}{n}_{operation}"].value for n in (low, high))
    return first * (bits / low) ** (log(last / first) / log(high / low))


def _memory(name, n_bytes):
    """Joule per bit read or written.

    "fitting" is an SRAM of ``n_bytes``, at least 8 KB (a power law between the published sizes);
    beyond 1 MB it is DRAM at its lower figure.
    """
    if name == "fitting" and n_bytes <= max(_SRAM):
        known = [COSTS[sram].value for sram in _SRAM.values()]
        return np.exp(np.interp(log(max(n_bytes, 1)), np.log(list(_SRAM)), np.log(known))) / 64
    return COSTS["dram_low" if name == "fitting" else name].value / 64


# --- counting -------------------------------------------------------------------------------------


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
    def dense(self):
        """Dense synaptic operations: every weight in every step."""
        return self.n_in * self.n_out * self.n_steps

    @property
    def neuron_updates(self):
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

    def total(self, name):
        """Sum over the layers of one of their numbers, such as ``"effective_acs"``."""
        return sum(getattr(layer, name) for layer in self.layers)

    @property
    def sizes(self):
        """Units per layer, inputs first."""
        return (self.layers[0].n_in, *(layer.n_out for layer in self.layers))

    @property
    def input_spikes(self):
        """Input spikes per sample that arrive."""
        return self.layers[0].spikes_in

    @property
    def hidden_spikes(self):
        """Spikes per sample of all hidden layers."""
        return sum(layer.spikes_out for layer in self.layers[:-1])

    @property
    def activation_sparsity(self):
        """Share of silent unit-steps among the units that can spike; 0 if there are none."""
        chances = sum(layer.neuron_updates for layer in self.layers if layer.fires)
        return 1 - self.total("spikes_out") / chances if chances else 0.0

    @property
    def connection_sparsity(self):
        """Share of the weights that are 0."""
        return 1 - self.total("nonzero") / sum(layer.n_in * layer.n_out for layer in self.layers)


_MEANS = (
    "spikes_in", "active_in", "active_weights", "effective_acs", "effective_macs", "spikes_out",
)  # fmt: skip


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


def count(network, inputs):
    """Run a network and count its operations exactly.

    Parameters
    ----------
    network : Network
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
    network.check_inputs(inputs)
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
        layers.append(
            LayerOperations(
                *w.shape,
                nonzero=int(np.count_nonzero(w)),
                fires=fires,
                states=1 + filtered + bool(model.constants(w.shape[1]).hold.any()),
                mults=1 + filtered + bool(np.any(np.asarray(model.gain) != 1)),
                adds=1 + fires,  # b v + g I, and a comparison
                drive_steps=max(n_steps - model.delay, 0) if driven else 0,
                n_steps=n_steps,
                **dict(zip(_MEANS, (sums[k] / n).tolist(), strict=True)),
            )
        )
    numbers = sum(layer.n_out * (layer.n_in + layer.states) for layer in layers)
    return Operations(tuple(layers), n, n_steps, numbers * network.dtype.itemsize)


def at_rate(sizes, n_steps, rate):
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
    if np.ndim(sizes) != 1 or len(sizes) < 2:
        raise ValueError("sizes must be numbers of units of at least two layers")
    sizes = [_check.integer("sizes", n, at_least=1) for n in sizes]
    n_steps = _check.integer("n_steps", n_steps, at_least=1)
    rates = [rate] * (len(sizes) - 1) if np.ndim(rate) == 0 else list(rate)
    if len(rates) != len(sizes) - 1:
        raise ValueError(f"rate must be one number, or {len(sizes) - 1}, got {len(rates)}")
    rates = [_check.number("rate", r, at_least=0, at_most=n_steps) for r in rates]
    layers = []
    for k, (n_in, n_out) in enumerate(itertools.pairwise(sizes)):
        spikes, active = rates[k] * n_in, min(rates[k], 1.0) * n_in
        fires = k < len(sizes) - 2
        layers.append(
            LayerOperations(
                n_in, n_out, n_in * n_out, fires, states=2, mults=2, adds=1 + fires, drive_steps=0,
                n_steps=n_steps, spikes_in=spikes, active_in=active, active_weights=active * n_out,
                effective_acs=spikes * n_out, effective_macs=0.0,
                spikes_out=rates[k + 1] * n_out if fires else 0.0,
            )
        )  # fmt: skip
    numbers = sum(layer.n_out * (layer.n_in + layer.states) for layer in layers)
    return Operations(tuple(layers), 1, n_steps, 4 * numbers)


# --- energy ---------------------------------------------------------------------------------------

PARTS = ("synaptic", "neurons", "weights", "states")  # what a row of the card is made of
ROWS = (
    "spiking, synaptic operations only",
    "spiking, with neurons and memory",
    "ReLU, arithmetic only",
    "ReLU, with memory",
    "ReLU, silent inputs skipped",
)
CHIP_ROW = "BrainScaleS-2 chip, measured"


def _read(layer, bits, rows, weights):
    """Bits to read for so many rows with so many non-zero weights."""
    numbered = bits + ceil(log2(max(layer.n_out, 2)))
    if layer.nonzero * numbered < layer.n_in * layer.n_out * bits:
        return weights * numbered
    return rows * layer.n_out * bits


@dataclass(frozen=True, repr=False)
class EnergyCard:
    """Energies per sample of a spiking network and of one without spikes; see `compare`.

    Shown or printed, it is a table and what it means in words; ``rows`` are the numbers in joule.
    """

    operations: Operations
    bits: int = 8
    state_bits: int = 16
    arithmetic: str = "int"
    memory: str = "fitting"

    def __post_init__(self):
        if not isinstance(self.operations, Operations):
            raise TypeError(f"operations must be Operations, not {type(self.operations).__name__}")
        _check.one_of("arithmetic", self.arithmetic, tuple(_POINTS))
        _check.one_of("memory", self.memory, MEMORIES)
        for name in ("bits", "state_bits"):
            value = _check.integer(name, getattr(self, name), at_least=1)
            if value > 32:
                raise ValueError(f"{name} must be at most 32, got {value}")
            if self.arithmetic == "float" and value not in _POINTS["float"]:
                raise ValueError(f"{name} must be 16 or 32 with arithmetic='float', got {value}")

    def _prices(self, kept):
        """Joule per addition, MAC, product with a state, bit of a weight, bit of a state.

        ``kept`` is how many bits the memory for states, or activations, holds.
        """
        layers = self.operations.layers
        stored = sum(_read(layer, self.bits, layer.n_in, layer.nonzero) for layer in layers)
        add = _arithmetic(self.arithmetic, "add", self.state_bits)
        mixed = (self.bits * self.state_bits) ** 0.5
        return (
            add,
            _arithmetic(self.arithmetic, "mult", self.bits) + add,
            _arithmetic(self.arithmetic, "mult", mixed),
            _memory(self.memory, stored / 8),
            _memory(self.memory, kept / 8),
        )

    @cached_property
    def spiking(self):
        """Energy of the spiking network by cause; arrays of `PARTS` in joule.

        ``steps`` grows with the number of steps, ``inputs`` with input spikes, ``hidden`` with
        spikes of the layers, ``once`` with none of these.
        """
        layers, s = self.operations.layers, self.state_bits
        kept = sum(layer.n_out * layer.states for layer in layers) * s
        add, mac, mult, weight_bit, state_bit = self._prices(kept)
        by = {name: np.zeros(len(PARTS)) for name in ("steps", "inputs", "hidden", "once")}
        for k, layer in enumerate(layers):
            update = layer.mults * mult + layer.adds * add
            driven = layer.n_out * layer.drive_steps
            traffic = 2 * layer.states * layer.neuron_updates + driven
            updates = layer.neuron_updates * update
            by["steps"] += driven * add, updates, 0, traffic * s * state_bit
            if layer.drive_steps:
                macs = layer.effective_macs / layer.drive_steps
                read = _read(layer, self.bits, layer.active_in, layer.active_weights)
                values = layer.n_in * self.bits + layer.n_out * s
                by["once"] += macs * mac, 0, read * weight_bit, values * state_bit
            else:
                read = _read(layer, self.bits, layer.spikes_in, layer.effective_acs)
                address = layer.spikes_in * ceil(log2(max(layer.n_in, 2)))
                heard = layer.effective_acs * add, 0, read * weight_bit, address * state_bit
                by["hidden" if k else "inputs"] += heard
            address = layer.spikes_out * ceil(log2(max(layer.n_out, 2)))
            by["hidden"] += 0, 0, 0, address * state_bit
        return by

    def _relu(self, skip=False):
        """Energy of the network without spikes, as `PARTS`."""
        layers = self.operations.layers
        add, mac, mult, weight_bit, state_bit = self._prices(sum(self.operations.sizes) * self.bits)
        out = np.zeros(len(PARTS))
        for k, layer in enumerate(layers):
            rows, weights = layer.n_in, layer.nonzero
            if skip and k == 0:
                rows, weights = layer.active_in, layer.active_weights
            hidden = layer.n_out if k < len(layers) - 1 else 0
            read = _read(layer, self.bits, rows, weights) * weight_bit
            values = (layer.n_in + layer.n_out) * self.bits
            out += weights * mac, hidden * (add + mult), read, values * state_bit
        return out

    @cached_property
    def energies(self):
        """Per name of `ROWS` the energies of `PARTS` in joule, array (4,)."""
        spiking, relu = sum(self.spiking.values()), self._relu()
        values = (
            spiking * [1, 0, 0, 0], spiking, relu * [1, 1, 0, 0], relu, self._relu(skip=True),
        )  # fmt: skip
        return dict(zip(ROWS, values, strict=True))

    @property
    def chip(self):
        """Energy per image measured on the chip, in joule; None for any but its own network."""
        return COSTS["chip_energy"].value if self.operations.sizes == CHIP_SIZES else None

    @property
    def rows(self):
        """The table as a list of dicts, ready for a spreadsheet; energies in joule."""
        ops = self.operations
        shared = {
            "bits": self.bits, "state_bits": self.state_bits, "arithmetic": self.arithmetic,
            "memory": self.memory, "n_steps": ops.n_steps, "input_spikes": ops.input_spikes,
            "hidden_spikes": ops.hidden_spikes,
        }  # fmt: skip
        rows = []
        for name, energies in self.energies.items():
            numbers = [*energies.tolist(), float(energies.sum())]
            columns = zip([f"{part}_J" for part in (*PARTS, "total")], numbers, strict=True)
            rows.append({"network": name, "kind": "model"} | dict(columns) | shared)
        if self.chip is not None:
            measured = {"network": CHIP_ROW, "kind": "measured", "total_J": self.chip}
            rows.append(dict.fromkeys(rows[0], "") | measured)
        return rows

    def to_csv(self, path):
        """Write `rows` as a table with a header (UTF-8), whole or not at all."""
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, list(self.rows[0]))
        writer.writeheader()
        writer.writerows(self.rows)
        write_atomically(path, lambda file: file.write(text.getvalue().encode()))

    def break_even(self, quantity="hidden_spikes", against="ReLU, with memory"):
        """Where the spiking network, with neurons and memory, takes as much as another row.

        The model is linear: only this quantity changes, all else stays as counted.

        Parameters
        ----------
        quantity : {"hidden_spikes", "spikes", "n_steps"}
            Hidden spikes per sample; input and hidden spikes per sample, in their proportion; time
            steps, with as many spikes.
        against : str
            A name of `ROWS`, of the network without spikes.

        Returns
        -------
        float or None
            Below this value the spiking network takes less. It may lie beyond what units and steps
            allow: then the network always takes less. None: it never does.

        Raises
        ------
        ValueError
            If there is nothing to learn the price from: no such spikes in the samples. Also for
            "spikes" where silent inputs are skipped: fewer input spikes change both sides.
        """
        ops = self.operations
        _check.one_of("quantity", quantity, ("hidden_spikes", "spikes", "n_steps"))
        _check.one_of("against", against, ROWS[2:])
        if quantity == "spikes" and against == ROWS[4]:
            raise ValueError(f"quantity: fewer input spikes make '{against}' cheaper, too")
        causes, now = {
            "hidden_spikes": (("hidden",), ops.hidden_spikes),
            "spikes": (("inputs", "hidden"), ops.input_spikes + ops.hidden_spikes),
            "n_steps": (("steps",), ops.n_steps),
        }[quantity]
        if not now:
            raise ValueError(f"quantity: there are no {quantity} here to learn their price from")
        varying = sum(self.spiking[cause].sum() for cause in causes)
        rest = sum(parts.sum() for parts in self.spiking.values()) - varying
        value = (self.energies[against].sum() - rest) / varying * now
        return float(value) if value > 0 else None

    @property
    def assumptions(self):
        """One line: what the modelled numbers rest on."""
        fitting = self.memory == "fitting"
        memory = "memories as large as needed" if fitting else COSTS[self.memory].what
        return (
            f"{self.bits}-bit weights, {self.state_bits}-bit states, {self.arithmetic} arithmetic, "
            f"{memory}; 45 nm (Horowitz 2014)"
        )

    def sentences(self):
        """What the table means, as a list of sentences."""
        ops, dense = self.operations, self.operations.total("dense")
        proxy, full, bare, relu, skipping = (parts.sum() for parts in self.energies.values())
        heard = f"{_short(ops.input_spikes)} input spikes"
        if ops.layers[0].drive_steps:
            heard = f"{_short(ops.layers[0].active_in)} constant inputs (priced once, not per step)"
        done = ops.total("effective_acs") + ops.total("effective_macs")
        steps = self.spiking["steps"].sum()
        out = [
            f"{heard} and {_short(ops.hidden_spikes)} hidden spikes per sample make {_short(done)} "
            f"synaptic operations, {_short(done / max(ops.total('nonzero'), 1))} per synapse, "
            f"{100 * done / dense:.2g} % of the dense ones.",
            f"Those alone are {_nj(proxy)}, to {_nj(bare)} for the ReLU network's arithmetic; with "
            f"neurons and memory the spiking network takes {_nj(full)}.",
            f"Of these, its {ops.n_steps} steps cost {_nj(steps)} without any spike, and all that "
            f"follows from input and spikes {_nj(full - steps)}.",
        ]
        for name, other in zip(ROWS[3:], (relu, skipping), strict=True):
            out.append(
                f"Against '{name}' it {'wins' if full < other else 'loses'}, {_nj(full)} to "
                f"{_nj(other)}; break-even, all else as counted: {self._limits(name)}."
            )
        if not ops.layers[0].drive_steps:
            price = {name: cost.value for name, cost in COSTS.items()}
            acs, spikes = ops.total("effective_acs"), ops.total("spikes_out")
            silent = ops.total("neuron_updates") - spikes
            loihi = acs * price["loihi_synapse"] + spikes * price["loihi_active"]
            out.append(
                "At figures of digital spiking chips the same counts are at least "
                f"{_nj(loihi + silent * price['loihi_inactive'])} (Loihi: operations and updates, "
                f"simulated) or {_nj(acs * price['truenorth_synapse'])} (TrueNorth: operations, "
                "idle power included)."
            )
        name = "-".join(map(str, CHIP_SIZES))
        if self.chip is None:
            out.append(f"No measured value is known: the chip's is of a {name} network.")
        else:
            out.append(
                f"Measured: {_nj(self.chip)} per image for a {name} network on BrainScaleS-2, the "
                "power of the whole chip times the time. It holds for that network on that chip, "
                "whatever the number of spikes, and is no sum of single operations."
            )
        out.append(
            "Operations are a proxy: prices of single operations, without clocks, control, "
            "routing, leakage, input and output. Spikes alone are no energy."
        )
        return out

    def _limits(self, against):
        """Break-even values in words."""
        ops, words = self.operations, []
        for quantity, unit, now in (
            ("hidden_spikes", "hidden spikes", ops.hidden_spikes),
            ("spikes", "spikes in all", ops.input_spikes + ops.hidden_spikes),
            ("n_steps", "steps", ops.n_steps),
        ):
            if now and (quantity, against) != ("spikes", ROWS[4]):
                value = self.break_even(quantity, against)
                words.append(f"{unit} never" if value is None else f"{_short(value)} {unit}")
        return ", ".join(words)

    def text(self):
        """The table in nanojoule, and what it means in plain sentences."""
        sizes = "-".join(map(str, self.operations.sizes))
        lines = [
            f"Energy per sample in nJ: {sizes}, {self.operations.n_steps} steps, mean of "
            f"{self.operations.n_samples} samples",
            f"{'':34}" + "".join(f"{name:>10}" for name in (*PARTS, "total")),
        ]
        for name, parts in self.energies.items():
            cells = "".join(f"{1e9 * x:>10.4g}" for x in (*parts, parts.sum()))
            lines.append(f"{name:34}{cells}")
        if self.chip is not None:
            lines.append(f"{CHIP_ROW:34}{1e9 * self.chip:>50.4g}")
        return "\n".join([*lines, f"Model: {self.assumptions}.", "", *self.sentences()])

    __repr__ = text


def _short(x):
    """A number to read: three digits, or all before the point."""
    return f"{x:,.0f}" if x >= 100 else f"{x:.3g}"


def _nj(joule):
    return f"{_short(1e9 * joule)} nJ"


def compare(network, inputs, *, bits=8, state_bits=16, arithmetic="int", memory="fitting"):
    """Energy per sample of a network, and of one without spikes with the same sizes and bits.

    Parameters
    ----------
    network : Network
    inputs : SpikeTrains or ConstantCurrent
        Samples to run; a few hundred give good means.
    bits : int
        Of a weight, and of an activation of the network without spikes, 1 to 32.
    state_bits : int
        Of membranes, currents and sums, 1 to 32.
    arithmetic : {"int", "float"}
        With "float", both sizes must be 16 or 32.
    memory : str
        One of `MEMORIES`: "fitting" holds weights, and states, each in an SRAM of the size they
        need; "sram_8KB" is the price of memory spread in small pieces beside the units.

    Returns
    -------
    EnergyCard

    Raises
    ------
    TypeError, ValueError
        Arguments of the wrong kind or out of range; the message names the argument.

    Examples
    --------
    >>> import numpy as np
    >>> from snnlab import LIF, Network, encode, energy
    >>> network = Network((4, 5, 2), LIF.brainscales2(), n_steps=20, rng=0)
    >>> card = energy.compare(network, encode.latency(np.ones((1, 4))))
    >>> card.operations.layers[0].effective_acs  # 4 spikes, each to 5 units
    20.0
    """
    return EnergyCard(count(network, inputs), bits, state_bits, arithmetic, memory)
