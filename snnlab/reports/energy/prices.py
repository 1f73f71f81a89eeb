"""Prices: published energies of operations and memory, and what lies between them."""

from dataclasses import dataclass
from math import log

import numpy as np

from snnlab.chip.card import SECONDS_PER_IMAGE, WATTS


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
    "chip_power": Cost(WATTS, "W", "whole BrainScaleS-2 chip during inference, about", *_CHIP),
    "chip_time": Cost(SECONDS_PER_IMAGE, "s", "BrainScaleS-2, per image", *_CHIP),
    "chip_energy": Cost(2.4e-6, "J", "BrainScaleS-2, per image: power times time", *_CHIP),
}
CHIP_SIZES = (256, 246, 10)  # the network that the chip's energy was measured with
POINTS = {"int": (8, 32), "float": (16, 32)}  # bits with a published energy
SRAM = {2**13: "sram_8KB", 2**15: "sram_32KB", 2**20: "sram_1MB"}  # bytes
MEMORIES = ("fitting", *SRAM.values(), "dram_low", "dram_high")


def price_of_arithmetic(kind, operation, bits):
    """Joule per "add" or "mult": a power law in the bits through the two published sizes.

    For factors of unlike size the bits are their geometric mean.
    """
    low, high = POINTS[kind]
    first, last = (COSTS[f"{kind}{n}_{operation}"].value for n in (low, high))
    return first * (bits / low) ** (log(last / first) / log(high / low))


def price_of_memory(name, n_bytes):
    """Joule per bit read or written.

    "fitting" is an SRAM of ``n_bytes``, at least 8 KB (a power law between the published sizes);
    beyond 1 MB it is DRAM at its lower figure.
    """
    if name == "fitting" and n_bytes <= max(SRAM):
        known = [COSTS[sram].value for sram in SRAM.values()]
        return np.exp(np.interp(log(max(n_bytes, 1)), np.log(list(SRAM)), np.log(known))) / 64
    return COSTS["dram_low" if name == "fitting" else name].value / 64
