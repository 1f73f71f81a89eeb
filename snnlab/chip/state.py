"""What a chip is, and its file: seed, effects, age, calibration; all else follows from the seed."""

from __future__ import annotations

import json
from operator import attrgetter
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab._files import DAMAGE, check_format, load_npz, save_npz
from snnlab.chip.card import card
from snnlab.chip.effects import EFFECTS, FLOORS, N_NEURONS, SPREADS
from snnlab.signals import read_only

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Self

    from numpy.typing import ArrayLike

    from snnlab._types import PathLike

FORMAT = 1
MOST_RUNS = 2**53


class ChipState:
    """What can be read of a chip, what of it can be set, and its file."""

    seed = property(attrgetter("_seed"), doc="Which chip it is.")
    partition = property(attrgetter("_partition"), doc="Whether larger networks run in parts.")

    @property
    def factors(self) -> Mapping[str, np.ndarray]:
        """Deviations by name, read-only; can be set, a dict of some or all of them."""
        return MappingProxyType({name: read_only(x) for name, x in self._factors.items()})

    @factors.setter
    def factors(self, values: Mapping[str, ArrayLike]) -> None:
        """Replace some or all of them."""
        given = {}
        for name, x in _check.kind("dict", "mappingproxy")("factors", values).items():
            lowest = FLOORS[_check.one_of("name in factors", name, SPREADS)]
            x = _check.array(f"factor_{name} of factors", x, float, (N_NEURONS,))
            if x.min() < lowest:
                raise ValueError(f"factor_{name} of factors must be at least {lowest:g}")
            given[name] = x.copy()
        # another dict: a copy of the chip may hold the one before
        self._factors, self._placed = self._factors | given, (None, None)

    @property
    def dead(self) -> np.ndarray:
        """Which neurons never fire, array of bool; read-only."""
        return read_only(self._dead)

    @property
    def effects(self) -> Mapping[str, Any]:
        """The value of every effect, read-only: `replace` makes a chip with others."""
        return MappingProxyType(self._effects)

    @property
    def age(self) -> int:
        """Runs so far."""
        return self._age

    @age.setter
    def age(self, runs: int) -> None:
        """Go back, or on, to what noise and drift were after so many runs."""
        self._age = _check.integer("age", runs, 0, MOST_RUNS)

    def save(self, path: PathLike) -> None:
        """Write the chip to a ``.npz`` file, whole or not at all: seed, effects, age, calibration.

        Everything else that is frozen in it follows from its seed.
        """
        header = {
            "format": FORMAT,
            "chip": self.seed,
            "effects": dict(self.effects),
            "age": self.age,
            "partition": self.partition,
            "calibrated": self.calibrated,
        }
        factors = {f"factor_{name}": x for name, x in self.factors.items()}
        save_npz(path, {"header": np.array(json.dumps(header))} | factors)

    @classmethod
    def load(cls, path: PathLike) -> Self:
        """Read what `save` wrote; the chip goes on as the one that was written would have.

        Raises
        ------
        ValueError
            If the file does not hold a chip, or is of a newer format.
        """
        arrays = load_npz(path)
        try:
            header = json.loads(str(arrays["header"]))
            check_format(header, FORMAT)
            partition = _check.flag("partition", header["partition"])
            chip = cls(header["chip"], partition=partition, **header["effects"])
            chip.age = _check.integer("age", header["age"], at_least=0, at_most=MOST_RUNS)
            chip.calibrated = _check.flag("calibrated", header["calibrated"])
            chip.factors = {name: arrays[f"factor_{name}"] for name in SPREADS}
            return chip
        except DAMAGE as fault:
            raise ValueError(f"path {path} does not hold a chip: {fault}") from None

    def card(self) -> str:
        """The chip's card as text: every effect with its value, its state and its source."""
        return card(self)

    def describe(self) -> None:
        """Print the card."""
        print(self.card())

    def __repr__(self):
        changed = {k: v for k, v in self.effects.items() if v != EFFECTS[k].default}
        given = "".join(f", {k}={v!r}" for k, v in changed.items())
        return f"Substrate({self.seed}{given})" + ", calibrated" * self.calibrated
