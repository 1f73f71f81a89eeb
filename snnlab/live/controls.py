"""The controls of a panel: each makes a widget, and says what its value is for ``simulate``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import ipywidgets
import numpy as np

from snnlab import _check

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ipywidgets import Widget

__all__ = ["Action", "Choice", "Control", "Slider", "Stops", "as_options"]

_LOOKS = {"style": {"description_width": "120px"}, "layout": {"width": "auto"}}


class Control:
    """What controls with a ``label`` have in common."""

    @property
    def name(self) -> str:
        """What the control is called, for readers who do not see it."""
        return self.label

    def read(self, shown: Any) -> Any:
        """What ``simulate`` is given for the value shown."""
        return shown

    def check(self, name: str, value: Any) -> Any:
        """A value for ``simulate`` as it may be used; errors call it ``name``."""
        return value


@dataclass(frozen=True)
class Slider(Control):
    """A number between two ends.

    Parameters
    ----------
    label : str
    low, high, step, value : float
        In the slider's own unit.
    unit : str
        As shown; empty for plain numbers.
    scale : float
        Of the unit: ``simulate`` is given ``scale`` times the number shown (1e-6 for µs).
    digits : int
        After the point; with 0 the value is an int.
    """

    label: str
    low: float
    high: float
    step: float
    value: float
    unit: str = ""
    scale: float = 1.0
    digits: int = 2

    def __post_init__(self):
        digits = _check.integer("digits", self.digits, 0, 15)
        number = _check.number if digits else _check.integer
        low = number("low", self.low)
        high = number("high", self.high)
        if not low < high:
            raise ValueError(f"high must be above low, got {high:g} and {low:g}")
        _check.number("step", self.step, above=0)
        number("value", self.value, at_least=low, at_most=high)  # it would be moved to an end

    @property
    def name(self) -> str:
        """Label with unit."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    def widget(self) -> Widget:
        """A slider that reports while it is dragged."""
        make = ipywidgets.FloatSlider if self.digits else ipywidgets.IntSlider
        ends = {"min": self.low, "max": self.high, "step": self.step}
        shown = {"readout_format": f".{self.digits}f" if self.digits else "d"}
        return make(
            self.value, description=self.name, continuous_update=True, **ends, **shown, **_LOOKS
        )

    def read(self, shown: Any) -> float:
        """What ``simulate`` is given."""
        shown = _check.number("shown", shown)
        return round(shown * self.scale, 12) if self.digits else int(shown)

    def check(self, name: str, value: Any) -> Any:
        """A number between the ends."""
        if not self.digits:
            return _check.integer(name, value, self.low, self.high)
        room = 1e-9 * self.scale * max(abs(self.low), abs(self.high))  # of rounding
        low, high = self.low * self.scale - room, self.high * self.scale + room
        return _check.number(name, value, at_least=low, at_most=high)


def check_options(options, value):
    """Options must be pairs, of what is shown and a value, and the value one of theirs."""
    pairs = _check.sequence("options", options, of="pairs")
    for pair in pairs:
        shown, _ = _check.sequence("an option", pair, 2, "entries, what is shown and a value")
        _check.text("what is shown for an option", shown)
    if not any(value is known or value == known for _, known in pairs):
        raise ValueError(f"value must be that of one of the options, got {value!r}")


@dataclass(frozen=True)
class Choice(Control):
    """One of a few values: a row of buttons, or a menu if there are more than three.

    Parameters
    ----------
    label : str
    options : tuple of (str, value)
    value : object
        The one chosen at first.
    """

    label: str
    options: tuple
    value: object

    def __post_init__(self):
        check_options(self.options, self.value)

    def widget(self) -> Widget:
        """A row of buttons of which one is down, or a menu."""
        same = {"options": self.options, "value": self.value, "description": self.label}
        if len(self.options) > 3:
            return ipywidgets.Dropdown(**same, **_LOOKS)
        style = _LOOKS["style"] | {"button_width": "auto"}
        return ipywidgets.ToggleButtons(**same, style=style, layout=_LOOKS["layout"])

    def check(self, name: str, value: Any) -> Any:
        """One of the values."""
        values = [known for _, known in self.options]
        plain = isinstance(value, str | bool | int | float | np.generic | None)
        if not plain or value not in values:
            raise ValueError(f"{name} must be one of {values}, got {value!r}")
        return values[values.index(value)]


@dataclass(frozen=True)
class Stops(Control):
    """One of an ordered list of values, as a slider: for what is set by factors, not by steps.

    Parameters
    ----------
    label : str
    options : tuple of (str, value)
        In order.
    value : object
        The one chosen at first.
    """

    label: str
    options: tuple
    value: object

    def __post_init__(self):
        check_options(self.options, self.value)

    def widget(self) -> Widget:
        """A slider that snaps to the values."""
        same = {"options": self.options, "value": self.value, "description": self.label}
        slider = ipywidgets.SelectionSlider(**same, continuous_update=True, **_LOOKS)
        return slider.add_class("snnlab-stops")

    def check(self, name: str, value: Any) -> Any:
        """One of the values, or a number between two of them."""
        values = [known for _, known in self.options]
        if value is None and None in values:
            return None
        numbers = [known for known in values if known is not None]
        if all(isinstance(known, int) for known in numbers):
            return _check.integer(name, value, min(numbers), max(numbers))
        return _check.number(name, value, at_least=min(numbers), at_most=max(numbers))


@dataclass(frozen=True)
class Action:
    """A button that does something: the panel's method of the same name is called.

    Parameters
    ----------
    label : str
    tooltip : str
        What it does, in some words.
    """

    label: str
    tooltip: str = ""

    def widget(self) -> Widget:
        """A button."""
        layout = {"width": "auto"}
        return ipywidgets.Button(description=self.label, tooltip=self.tooltip, layout=layout)


def as_options(values: Sequence, words: str = "{:g}") -> tuple[tuple[str, Any], ...]:
    """Values as options of `Choice` and `Stops`, each with what it is called.

    Examples
    --------
    >>> as_options((0.1, 2))
    (('0.1', 0.1), ('2', 2))
    """
    try:
        options = _check.sequence("values", values)
        return tuple((_check.text("words", words).format(value), value) for value in options)
    except (IndexError, KeyError, AttributeError, TypeError, ValueError) as fault:
        raise ValueError(
            f"values or words: words must be a format of one of the values: {fault}"
        ) from None


def leave_main_thread(widget):
    """Let a control's messages arrive in the kernel's second shell, beside running cells.

    ipykernel 7 sends the front end to the shell that published on a control last; for a new control
    that is the main one. There a message that comes while a cell awaits something is never
    acknowledged, and the front end sends no further one: the slider is dead. Forgetting the shell
    avoids this. The attribute is private, so where it does not exist nothing is done, and the
    slider then waits for the cell.
    """
    comm = getattr(widget, "comm", None)
    getattr(comm, "__dict__", {}).pop("_reply_subshell_id", None)
