"""Checkpoints: all that a training needs to go on as if it had not been interrupted."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from snnlab._files import load_npz, save_npz


class Checkpoint:
    """The file of a training.

    Parameters
    ----------
    path : path
    loop
        The training: its ``network``, ``inputs``, ``rng``, ``history`` and checked ``settings``.
    """

    def __init__(self, path, loop):
        self.path, self.loop = Path(path), loop
        self.config = {
            "network": loop.network.to_dict(),
            "n_samples": len(loop.inputs),
        } | loop.settings.describe()

    def save(self):
        """Weights, moments, the generator's state, history, the medium's age."""
        loop, optimizer = self.loop, self.loop.settings.optimizer
        state = {f"optimizer_{name}": x for name, x in optimizer.state().items()}
        text = {
            "config": self.config,
            "rng": loop.rng.bit_generator.state,
            "history": asdict(loop.history),
            "age": getattr(loop.settings.medium, "age", 0),
        }
        as_list = np.ndarray.tolist  # some generators' states hold arrays
        header = {name: np.array(json.dumps(x, default=as_list)) for name, x in text.items()}
        save_npz(self.path, header | {"parameters": loop.network.parameters} | state)

    def resume(self):
        """Put a checkpoint's state into the objects of a new run, if there is one.

        Raises
        ------
        ValueError
            If it is none of such a training; nothing is changed then.
        """
        if not self.path.exists():
            return
        loop = self.loop
        arrays = load_npz(self.path)
        try:
            names = "config", "rng", "history", "age"
            saved, state, past, age = (json.loads(str(arrays[name])) for name in names)
            parameters = arrays["parameters"]
        except (KeyError, ValueError) as fault:
            raise ValueError(f"checkpoint {self.path} is not one of train: {fault}") from None
        moments = {
            name.removeprefix("optimizer_"): x
            for name, x in arrays.items()
            if name.startswith("optimizer_")
        }
        current = json.loads(json.dumps(self.config))
        different = [key for key in current if saved.get(key) != current[key]]
        if different:
            raise ValueError(
                f"checkpoint {self.path} was made with another {', '.join(different)}; "
                "use the same settings or another file"
            )
        try:
            loop.rng.bit_generator.state = _as_state(state)
        except (TypeError, ValueError, KeyError) as fault:
            raise ValueError(f"checkpoint {self.path} needs another kind of rng: {fault}") from None
        if parameters.shape != loop.network.parameters.shape:
            raise ValueError(f"checkpoint {self.path} holds weights of another size")
        loop.network.parameters[...] = parameters
        loop.settings.optimizer.restore(moments)
        for name, value in past.items():
            setattr(loop.history, name, value)
        if loop.settings.substrate is not None:
            loop.settings.substrate.age = age


def _as_state(saved):
    """A generator's state from JSON: lists were arrays."""
    if isinstance(saved, dict):
        return {name: _as_state(part) for name, part in saved.items()}
    return np.array(saved, np.uint64) if isinstance(saved, list) else saved
