"""Files of chips: seed, effects, age and calibration; all else follows from the seed."""

import json

import numpy as np

from snnlab import _check
from snnlab._files import DAMAGE, load_npz, save_npz
from snnlab.chip.effects import MIN_FACTOR, SPREADS

FORMAT = 1
MOST_RUNS = 2**53
# What a neuron's parameter may be multiplied by; a threshold may be below rest.
FLOORS = dict.fromkeys(SPREADS, MIN_FACTOR) | {"threshold_spread": -np.inf}


class StoredChip:
    """What a chip can do with files."""

    def save(self, path):
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
    def load(cls, path):
        """Read what `save` wrote; the chip goes on as the one that was written would have.

        Raises
        ------
        ValueError
            If the file does not hold a chip, or is of a newer format.
        """
        arrays = load_npz(path)
        try:
            header = json.loads(str(arrays["header"]))
            version = _check.integer("format", header["format"], at_least=1)
            if version > FORMAT:
                raise ValueError(f"format {version} is newer than this version reads ({FORMAT})")
            partition = _check.flag("partition", header["partition"])
            chip = cls(header["chip"], partition=partition, **header["effects"])
            chip.age = _check.integer("age", header["age"], at_least=0, at_most=MOST_RUNS)
            chip.calibrated = _check.flag("calibrated", header["calibrated"])
            chip.factors = {name: arrays[f"factor_{name}"] for name in SPREADS}
            return chip
        except DAMAGE as fault:
            raise ValueError(f"path {path} does not hold a chip: {fault}") from None
