"""What a spike costs, by how many there are and by what is paid for what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from snnlab.course import figures
from snnlab.live import Choice, Panel, Slider, Stops, as_options
from snnlab.reports.energy import COSTS, MEMORIES, PARTS, ROWS, EnergyCard, at_rate

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike

FACTORS = as_options((0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0))
RATES = (0.0, 1.0, 2.0)  # energies are lines between these: see `snnlab.energy.at_rate`
SRAMS, DRAMS = ("8 KB", "32 KB", "1 MB"), ("lower", "higher")
MEMORY_NAMES = (
    "as large as needed",
    *(f"SRAM of {size}" for size in SRAMS),
    *(f"DRAM, {which}" for which in DRAMS),
)  # of `snnlab.energy.MEMORIES`


def crossing(rates: ArrayLike, rising: ArrayLike, other: ArrayLike) -> float | None:
    """Where a line first crosses another one from below, both given at the same rates.

    Returns
    -------
    float or None
        None: it is below everywhere, or nowhere.
    """
    gap = np.subtract(rising, other)
    for k in range(len(rates) - 1):
        if gap[k] < 0 <= gap[k + 1]:
            share = gap[k] / (gap[k] - gap[k + 1])
            return float(rates[k] + share * (rates[k + 1] - rates[k]))
    return None


def _nanojoule(x):
    """Three digits, or all of a larger number."""
    return f"{x:,.0f} nJ" if x >= 1000 else f"{x:.3g} nJ"


class SpikeCost(Panel):
    """Energy per image of a network of spikes, and of one without, at prices to choose."""

    n_inputs, n_classes, state_bits = 256, 10, 16

    controls = {
        "rate": Slider("spikes per neuron", 0, 2, 0.02, 0.2),
        "fan_out": Slider("fan-out", 6, 606, 10, 246, digits=0),
        "n_steps": Slider("time steps", 2, 100, 1, 20, digits=0),
        "bits": Slider("bits of a weight", 1, 16, 1, 8, digits=0),
        "memory": Choice("memory", tuple(zip(MEMORY_NAMES, MEMORIES, strict=True)), "fitting"),
        "arithmetic_price": Stops("arithmetic, times", FACTORS, 1.0),
        "memory_price": Stops("memory, times", FACTORS, 1.0),
    }

    def simulate(
        self,
        *,
        rate: float,
        fan_out: int,
        n_steps: int,
        bits: int,
        memory: str,
        arithmetic_price: float,
        memory_price: float,
    ) -> dict[str, Any]:
        """Count and price.

        Parameters
        ----------
        rate : float
            Spikes per neuron and image, inputs and hidden neurons alike.
        fan_out : int
            Hidden neurons, all of which hear each input.
        n_steps, bits : int
        memory : str
            One of `snnlab.energy.MEMORIES`.
        arithmetic_price, memory_price : float
            Factors on the published prices.

        Returns
        -------
        dict
            The argument of `snnlab.course.figures.draw_cost`.
        """
        sizes = self.n_inputs, fan_out, self.n_classes
        held = {"weights": memory_price, "states": memory_price}
        factors = [held.get(part, arithmetic_price) for part in PARTS]

        def energies(rate):
            operations = at_rate(sizes, n_steps, min(rate, n_steps))
            card = EnergyCard(operations, bits, self.state_bits, memory=memory)
            return card, {name: parts * factors for name, parts in card.energies.items()}

        card, now = energies(rate)
        lines = {name: [] for name in ROWS}
        for x in RATES:
            for name, parts in energies(x)[1].items():
                lines[name].append(float(parts.sum()))
        spiking = lines[ROWS[1]]
        return {
            "energies": now,
            "rate": rate,
            "sizes": sizes,
            "n_steps": n_steps,
            "bits": bits,
            "rates": RATES,
            "lines": lines,
            "chip": card.chip,
            "assumptions": card.assumptions,
            "break_even": {name: crossing(RATES, spiking, lines[name]) for name in ROWS[2:]},
            "tags": {name: COSTS[name] for name in ("int8_add", "chip_energy")},
        }

    draw = staticmethod(figures.draw_cost)
    update = staticmethod(figures.update_cost)

    def describe(self, data: dict[str, Any]) -> str:
        """Which network takes less, and up to which rate."""
        totals = {name: 1e9 * parts.sum() for name, parts in data["energies"].items()}
        bare, spiking = totals[ROWS[0]], totals[ROWS[1]]
        parts = []
        for name in ROWS[3:]:
            verdict = "wins" if spiking < totals[name] else "loses"
            limit = data["break_even"][name]
            always = data["lines"][ROWS[1]][0] < data["lines"][name][0]
            below = "at any rate shown" if always else "at no rate"
            if limit is not None:
                below = f"below {limit:.2f} spikes per neuron"
            parts.append(f"against '{name}' it {verdict} (cheaper {below})")
        return (
            f"Synaptic operations {_nanojoule(bare)}, with neurons and memory "
            f"{_nanojoule(spiking)}; "
            f"{'; '.join(parts)}"
        )
