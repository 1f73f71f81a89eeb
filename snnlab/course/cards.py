"""Lists of the package that the notebooks show as tables: a chip's effects, prices of energy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snnlab.chip.effects import EFFECTS, shown
from snnlab.course.tables import Table
from snnlab.reports import energy

if TYPE_CHECKING:
    from snnlab.chip.substrate import Substrate

__all__ = ["chip_card", "prices"]


def chip_card(chip: Substrate) -> Table:
    """Every effect of a virtual chip with its value and where that is from.

    Parameters
    ----------
    chip : Substrate

    Returns
    -------
    Table
    """
    rows = [
        (name, shown(name, chip.effects[name]), effect.what, effect.source)
        for name, effect in EFFECTS.items()
    ]
    return Table(("effect", "value", "what it is", "source"), rows)


def prices() -> Table:
    """What operations take, each with its source and how sure it is.

    Returns
    -------
    Table
    """
    rows = [
        (cost.what, _shown(cost), cost.tag, cost.source.split(",")[0])
        for cost in energy.COSTS.values()
    ]
    return Table(("operation", "price", "tag", "source"), rows)


def _shown(cost):
    """A price in units in which it is a number of few digits."""
    if cost.unit.startswith("J"):
        name, unit = ("µ", 1e-6) if cost.value >= 1e-6 else ("p", 1e-12)
        return f"{cost.value / unit:,.4g} {name}{cost.unit}"
    return f"{1e6 * cost.value:g} µs" if cost.unit == "s" else f"{cost.value:g} {cost.unit}"
