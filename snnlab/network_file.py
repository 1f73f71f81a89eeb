"""A network as a file, as plain arrays and as a pickle's parts: what defines it, and no more."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from snnlab._files import DAMAGE, load_npz, save_npz
from snnlab.blueprint import FORMAT
from snnlab.parameters import block_arrays, check_weights

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Self

    from snnlab._types import PathLike


class NetworkFile:
    """How a network is saved and loaded."""

    @classmethod
    def _restored(cls, header, arrays, workers=None):
        raise NotImplementedError  # a network knows how it is built

    def to_dict(self) -> dict[str, Any]:
        """All but the parameters, as plain numbers, strings and lists (for files)."""
        return {
            "format": FORMAT,
            "shape": list(self._shape),
            "layers": [layer.to_dict() for layer in self._layers],
            "neurons": [s.neuron.to_dict() for s in self.neuron_stages],
            "n_steps": self.n_steps,
            "dtype": self.dtype.name,
        }

    def __reduce__(self):  # blocks are views of one array: build them anew
        arrays = block_arrays(self.blocks, self.parameters)
        return type(self)._restored, (self.to_dict(), arrays, self.workers)

    def save(self, path: PathLike) -> None:
        """Write everything that defines the network to a ``.npz`` file, whole or not at all.

        Raises
        ------
        FloatingPointError
            If its weights are not finite: `load` would refuse them.
        """
        save_npz(path, self.to_arrays())

    def to_arrays(self) -> dict[str, np.ndarray]:
        """What `save` writes: a dict of plain arrays."""
        check_weights(self)
        header = {"header": np.array(json.dumps(self.to_dict()))}
        return header | block_arrays(self.blocks, self.parameters)

    @classmethod
    def load(cls, path: PathLike) -> Self:
        """Read a network written by `save`; it gives equal spikes.

        Layers of one's own must have been defined, or imported, before.

        Raises
        ------
        ValueError
            If the file is not a whole, readable network; the message says what is wrong.
        """
        arrays = load_npz(path)
        try:
            return cls.from_arrays(arrays)
        except DAMAGE as fault:
            raise ValueError(f"path {path} does not hold a snnlab network: {fault}") from None

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], workers: int | None = None) -> Self:
        """Inverse of `to_arrays`; raises ValueError if something is missing or wrong in them."""
        try:
            return cls._restored(json.loads(str(arrays["header"])), arrays, workers)
        except DAMAGE as fault:
            raise ValueError(f"arrays do not hold a network: {fault}") from None
