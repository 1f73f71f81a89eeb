"""The card: energies per sample of a spiking network, and of one without spikes."""

from __future__ import annotations

import csv
import io
from collections import namedtuple
from dataclasses import dataclass
from functools import cached_property
from math import ceil, log2
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab._files import write_atomically
from snnlab.reports.energy.operations import Operations, count
from snnlab.reports.energy.prices import (
    CHIP_SIZES,
    COSTS,
    MEMORIES,
    POINTS,
    price_of_arithmetic,
    price_of_memory,
)

if TYPE_CHECKING:
    from typing import Any

    from snnlab._types import PathLike, Signals
    from snnlab.network import Network

PARTS = ("synaptic", "neurons", "weights", "states")  # what a row of the card is made of
ROWS = (
    "spiking, synaptic operations only",
    "spiking, with neurons and memory",
    "ReLU, arithmetic only",
    "ReLU, with memory",
    "ReLU, silent inputs skipped",
)
CHIP_ROW = "BrainScaleS-2 chip, measured"


def _read(layer, bits, everything, nonzero):
    """Bits to read of so many weights, of which so many are not 0."""
    numbered = bits + ceil(log2(max(layer.row, 2)))
    if layer.nonzero * numbered < layer.weights * bits:
        return nonzero * numbered
    return everything * bits


def _read_once(layer, bits, loop=(0, 0)):
    """Bits to read where each weight that an active input needs is read once.

    ``loop``: weights between a layer's own units that are read as well, and how many are not 0.
    """
    everything = min(layer.active_in * layer.row + loop[0], layer.weights)
    return _read(layer, bits, everything, min(layer.active_weights + loop[1], layer.nonzero))


# What a layer hears step by step, of so many units: spikes and values, their operations, all
# weights of their rows, and additions past the weights.
_Events = namedtuple("_Events", "units spikes values acs macs rows passed")


def _constants(layer):
    """MACs and additions past the weights that a constant input takes, done once."""
    macs = layer.effective_macs / layer.drive_steps if layer.drive_steps else 0.0
    return macs, layer.passed / layer.passed_steps if layer.passed_steps else 0.0


def _from_below(layer):
    """Events of a layer's inputs."""
    return _Events(
        units=layer.n_in,
        spikes=layer.spikes_in - layer.loop_spikes,
        values=layer.values_in,
        acs=layer.effective_acs - layer.loop_acs,
        macs=0.0 if layer.drive_steps else layer.effective_macs,
        rows=layer.row_acs - layer.loop_spikes * layer.n_out,
        passed=0.0 if layer.passed_steps else layer.passed,
    )


def _from_itself(layer):
    """Events that a `Recurrent` layer's units send each other."""
    spikes, n = layer.loop_spikes, layer.n_out
    return _Events(n, spikes, 0.0, layer.loop_acs, 0.0, spikes * n, 0.0)


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
        _check.one_of("arithmetic", self.arithmetic, tuple(POINTS))
        _check.one_of("memory", self.memory, MEMORIES)
        for name in ("bits", "state_bits"):
            _check.field(self, name, _check.integer, 1, 32)
            value = getattr(self, name)
            if self.arithmetic == "float" and value not in POINTS["float"]:
                raise ValueError(f"{name} must be 16 or 32 with arithmetic='float', got {value}")

    def _prices(self, kept):
        """Joule per addition, MAC, product with a state, bit of a weight, bit of a state.

        ``kept`` is how many bits the memory for states, or activations, holds.
        """
        layers = self.operations.layers
        stored = sum(_read(layer, self.bits, layer.weights, layer.nonzero) for layer in layers)
        add = price_of_arithmetic(self.arithmetic, "add", self.state_bits)
        mixed = (self.bits * self.state_bits) ** 0.5
        return (
            add,
            price_of_arithmetic(self.arithmetic, "mult", self.bits) + add,
            price_of_arithmetic(self.arithmetic, "mult", mixed),
            price_of_memory(self.memory, stored / 8),
            price_of_memory(self.memory, kept / 8),
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
        heard = "inputs"
        for layer in layers:
            update = layer.mults * mult + layer.adds * add
            driven = layer.n_out * max(layer.drive_steps, layer.passed_steps)
            traffic = 2 * layer.states * layer.neuron_updates + driven
            updates = layer.neuron_updates * update
            by["steps"] += driven * add, updates, 0, traffic * s * state_bit
            by["once"] += self._of_constants(layer, add, mac, weight_bit, state_bit)
            for cause, events in ((heard, _from_below(layer)), ("hidden", _from_itself(layer))):
                by[cause] += self._of_events(layer, events, add, mac, weight_bit, state_bit)
            if layer.states:
                heard = "hidden"
            address = layer.spikes_out * ceil(log2(max(layer.n_out, 2)))
            by[heard] += 0, 0, 0, address * state_bit  # of a pool's, too
        return by

    def _of_constants(self, layer, add, mac, weight_bit, state_bit):
        """What a layer does once with a constant input, as `PARTS`; then it only adds the sum."""
        macs, passed = _constants(layer)
        read = _read_once(layer, self.bits) if layer.drive_steps else 0
        values = (layer.n_in if layer.drive_steps else passed) * self.bits
        if layer.drive_steps or layer.passed_steps:
            values += layer.n_out * self.state_bits
        return np.array([macs * mac, passed * add, read * weight_bit, values * state_bit])

    def _of_events(self, layer, events, add, mac, weight_bit, state_bit):
        """What `_Events` cost a layer, as `PARTS`."""
        read = _read(layer, self.bits, events.rows, events.acs + events.macs)
        heard = (events.spikes + events.values) * ceil(log2(max(events.units, 2)))
        heard += events.values * self.state_bits
        synaptic = events.acs * add + events.macs * mac
        return np.array([synaptic, events.passed * add, read * weight_bit, heard * state_bit])

    def _relu(self, skip=False):
        """Energy of the network without spikes, as `PARTS`."""
        layers = self.operations.layers
        last = max(k for k, layer in enumerate(layers) if layer.states)
        add, mac, mult, weight_bit, state_bit = self._prices(sum(self.operations.sizes) * self.bits)
        out = np.zeros(len(PARTS))
        for k, layer in enumerate(layers):
            macs = layer.nonzero_synapses
            read = _read(layer, self.bits, layer.weights, layer.nonzero)
            if skip and k == 0:  # its own units count as active
                loop = layer.loop_weights, layer.loop_nonzero
                macs, read = layer.active_weights + loop[1], _read_once(layer, self.bits, loop)
            hidden = layer.n_out if layer.states and k < last else 0
            # of a pool, all that it looks at; of a shortcut, what it adds to
            added = layer.added if layer.states else layer.n_in
            values = (layer.n_in + layer.n_out) * self.bits
            arithmetic = macs * mac, hidden * (add + mult) + added * add
            out += *arithmetic, read * weight_bit, values * state_bit
        return out

    @cached_property
    def energies(self):
        """Per name of `ROWS` the energies of `PARTS` in joule, array (4,)."""
        spiking, relu = sum(self.spiking.values()), self._relu()
        values = [spiking * [1, 0, 0, 0], spiking, relu * [1, 1, 0, 0], relu, self._relu(skip=True)]
        return dict(zip(ROWS, values, strict=True))

    @property
    def chip(self) -> float | None:
        """Energy per image measured on the chip, in joule; None for any but its own network."""
        return COSTS["chip_energy"].value if self.operations.sizes == CHIP_SIZES else None

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The table as a list of dicts, ready for a spreadsheet; energies in joule."""
        ops = self.operations
        named = ("bits", "state_bits", "arithmetic", "memory")
        shared = {name: getattr(self, name) for name in named}
        shared |= {
            name: getattr(ops, name) for name in ("n_steps", "input_spikes", "hidden_spikes")
        }
        rows = []
        for name, energies in self.energies.items():
            numbers = [*energies.tolist(), float(energies.sum())]
            columns = zip([f"{part}_J" for part in (*PARTS, "total")], numbers, strict=True)
            rows.append({"network": name, "kind": "model"} | dict(columns) | shared)
        if self.chip is not None:
            measured = {"network": CHIP_ROW, "kind": "measured", "total_J": self.chip}
            rows.append(dict.fromkeys(rows[0], "") | measured)
        return rows

    def to_csv(self, path: PathLike) -> None:
        """Write `rows` as a table with a header (UTF-8), whole or not at all."""
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, list(self.rows[0]))
        writer.writeheader()
        writer.writerows(self.rows)
        write_atomically(path, lambda file: file.write(text.getvalue().encode()))

    def break_even(
        self, quantity: str = "hidden_spikes", against: str = "ReLU, with memory"
    ) -> float | None:
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
    def assumptions(self) -> str:
        """One line: what the modelled numbers rest on."""
        fitting = self.memory == "fitting"
        memory = "memories as large as needed" if fitting else COSTS[self.memory].what
        return (
            f"{self.bits}-bit weights, {self.state_bits}-bit states, {self.arithmetic} arithmetic, "
            f"{memory}; 45 nm (Horowitz 2014)"
        )

    def sentences(self) -> list[str]:
        """What the table means, as a list of sentences."""
        ops, dense = self.operations, self.operations.total("dense")
        proxy, full, bare, relu, skipping = (parts.sum() for parts in self.energies.values())
        constant, heard = self._constants_heard(), f"{short(ops.input_spikes)} input spikes"
        done = ops.total("effective_acs") + ops.total("effective_macs")
        each = done / max(ops.total("nonzero_synapses"), 1)
        steps = self.spiking["steps"].sum()
        out = [
            f"{constant or heard} and {short(ops.hidden_spikes)} hidden spikes per sample make "
            f"{short(done)} synaptic operations, {short(each)} per synapse, "
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
        if not constant:
            price = {name: cost.value for name, cost in COSTS.items()}
            acs = ops.total("effective_acs") + ops.total("passed")
            spikes = sum(layer.spikes_out for layer in ops.layers if layer.fires)
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

    def _constants_heard(self):
        """How many constant inputs there are, in words; empty where there is none."""
        first = self.operations.layers[0]
        if first.drive_steps:
            return f"{short(first.active_in)} constant inputs (priced once, not per step)"
        if first.passed and not (first.row or first.heard):
            return f"{short(first.passed / first.n_steps)} constant inputs (gathered in each step)"
        return ""

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
                words.append(f"{unit} never" if value is None else f"{short(value)} {unit}")
        return ", ".join(words)

    def text(self) -> str:
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


def short(x):
    """A number to read: three digits, or all before the point."""
    return f"{x:,.0f}" if x >= 100 else f"{x:.3g}"


def _nj(joule):
    return f"{short(1e9 * joule)} nJ"


def compare(
    network: Network,
    inputs: Signals,
    *,
    bits: int = 8,
    state_bits: int = 16,
    arithmetic: str = "int",
    memory: str = "fitting",
) -> EnergyCard:
    """Energy per sample of a network, and of one without spikes with the same sizes and bits.

    A convolution's weights are read for every spike; the network without spikes is taken to read
    each of them once per sample, which favours it.

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
