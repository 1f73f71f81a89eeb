"""Checkpoints: all that a training needs to go on as if it had not been interrupted."""

import json
from dataclasses import asdict, fields
from inspect import isfunction
from weakref import WeakKeyDictionary

import numpy as np

from snnlab import _check
from snnlab._files import DAMAGE, check_writable, load_npz, save_npz
from snnlab.learning.digest import digest
from snnlab.learning.history import History
from snnlab.learning.state import Stateful
from snnlab.surrogate import OWN

_FIRST = WeakKeyDictionary()  # of networks: digest of their first weights, per file


class Checkpoint:
    """The file of a training.

    It holds what the training must agree on: the network, the settings, and digests of data, of
    functions of one's own, of the first weights; and what the generator was seeded with.

    Parameters
    ----------
    path : path
        "~" is the home folder; the folder must exist and be writable.
    loop
        The training: its ``network``, ``inputs``, ``labels``, ``rng``, ``history`` and checked
        ``settings``; nothing of it is done yet.
    extend : bool
        Go on with a training of other ``epochs``.

    Raises
    ------
    ValueError, OSError
        A path where no file can be written; the message names ``checkpoint``.
    TypeError
        An optimiser that tells no state.
    """

    def __init__(self, path, loop, extend=False):
        self.path, self.loop, self.extend = _check.path("checkpoint", path), loop, extend
        check_writable("checkpoint", self.path)
        optimizer = loop.settings.optimizer
        for method in ("state", "restore"):
            if not callable(getattr(optimizer, method, None)):
                raise TypeError(
                    f"optimizer {optimizer!r} must have a method {method} where there is a "
                    "checkpoint: derive it from snnlab.optim.Optimizer"
                )
        self.config = {
            "network": loop.network.to_dict(),
            "n_samples": len(loop.inputs),
            "inputs": digest(loop.inputs),
            "labels": digest(loop.labels),
            "weights": self._first_weights(),
            "rng": _seed_of(loop.rng),
        } | loop.settings.describe()
        own = functions(loop.network)
        if own:
            self.config["functions"] = own
        if loop.settings.substrate is not None:
            self.config["chip"] = digest(factors_of(loop.settings.substrate))

    def _first_weights(self):
        """Digest of the weights with which the network first came here for this file.

        When an interrupted training is called again, it has changed them itself.
        """
        weights = digest(self.loop.network.parameters)
        return _FIRST.setdefault(self.loop.network, {}).setdefault(str(self.path), weights)

    def save(self):
        """Weights, moments, the generator's state, history, the medium's age."""
        loop, optimizer = self.loop, self.loop.settings.optimizer
        state = {f"optimizer_{name}": x for name, x in optimizer.state().items()}
        text = {
            "config": self.config,
            "rng": generator_state(loop.rng),
            "history": asdict(loop.history),
            "age": getattr(loop.settings.medium, "age", 0),
            "lr": float(optimizer.lr),  # which a callback may have changed
        }
        header = {name: np.array(json.dumps(x)) for name, x in text.items()}
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
        try:
            arrays = load_npz(self.path)
            names = "config", "rng", "history", "age"
            config, state, past, age = (json.loads(str(arrays.pop(name))) for name in names)
            parameters = arrays.pop("parameters")
            saved, lr = dict(config), json.loads(str(arrays.pop("lr", "null")))
        except DAMAGE as fault:
            raise ValueError(f"checkpoint {self.path} is not one of train: {fault}") from None
        self._compare(saved)
        moments = {name.removeprefix("optimizer_"): x for name, x in arrays.items()}
        own, before = loop.network.parameters, loop.rng.bit_generator.state
        try:
            parameters = _check.array("parameters", parameters, own.dtype, own.shape)
            age = _check.integer("age", age, at_least=0)
            lr = None if lr is None else _check.number("lr", lr)
            history = _checked_history(past, loop.settings)
            set_generator_state(loop.rng, state)
            self._restore_optimizer(moments)
        except DAMAGE as fault:
            loop.rng.bit_generator.state = before
            raise ValueError(f"checkpoint {self.path} cannot be gone on from: {fault}") from None
        own[...] = parameters
        if lr is not None and lr != loop.settings.optimizer.lr:
            loop.settings.optimizer.lr = lr
        for name, value in history.items():
            setattr(loop.history, name, value)
        if loop.settings.substrate is not None:
            loop.settings.substrate.age = age

    def _restore_optimizer(self, moments):
        """The optimiser's state, which is this network's from now on."""
        optimizer = self.loop.settings.optimizer
        known = (self.loop.network,) if isinstance(optimizer, Stateful) else ()
        optimizer.restore(moments, *known)

    def _compare(self, saved):
        """Refuse a checkpoint of another training, and say in what it differs."""
        current = json.loads(json.dumps(self.config))
        saved.setdefault("chip", current.get("chip"))  # files of before do not tell it
        different = [key for key in current if saved.get(key) != current[key]]
        if self.extend and "epochs" in different:
            different.remove("epochs")
        if different == ["epochs"]:
            raise ValueError(
                f"checkpoint {self.path} is of a training of {saved.get('epochs')} epochs, not "
                f"{current['epochs']}; extend=True goes on from there with the new number"
            )
        if different:
            words = {
                "inputs": "other inputs",
                "labels": "other labels",
                "weights": "other weights at the start",
                "rng": "another rng, or seed",
                "functions": "other functions of one's own, of the same names",
                "chip": "another calibration, or other factors, of the substrate",
            }
            found = ", ".join(words.get(key, f"another {key}") for key in different)
            raise ValueError(
                f"checkpoint {self.path} was made with {found}; use the same, or another file"
            )


def functions(network):
    """Digests of what a network's own functions do, of which it tells the names: by layer."""
    own = {}
    for stage in network.stages:
        surrogate, kind = OWN.get(getattr(stage.neuron, "surrogate", None)), type(stage.layer)
        parts = [] if surrogate is None else [surrogate]
        if not kind.__module__.startswith("snnlab."):
            parts += [stage.layer, list(filter(isfunction, vars(kind).values()))]
        if parts:
            own[stage.name] = digest(parts, code=True)
    return own


def factors_of(medium):
    """A chip's factors, or those of a recorder's, which its text does not tell; None without."""
    return getattr(getattr(medium, "substrate", medium), "factors", None)


def _seed_of(rng):
    """What a generator was seeded with: that stays as it draws."""
    kind, seed = type(rng.bit_generator).__name__, rng.bit_generator.seed_seq
    known = {name: repr(getattr(seed, name, None)) for name in ("entropy", "spawn_key")}
    return [kind, *known.values()]


def _checked_history(past, settings):
    """A history's lists from a file: equally long, finite numbers."""
    names = [field.name for field in fields(History)]
    if not isinstance(past, dict) or sorted(past) != sorted(names):
        raise ValueError("history must hold what History holds")
    lengths = set()
    for name, values in past.items():
        if name == "interrupted":
            _check.flag(name, values)
            continue
        if not isinstance(values, list):
            raise TypeError(f"history {name} must be a list")
        past[name] = [_check.number(f"history {name}", x) for x in values]
        if not name.startswith("validation"):
            lengths.add(len(values))
    if len(lengths) != 1 or max(lengths) > settings.epochs:
        raise ValueError("history must hold an entry per epoch, and no more than there are epochs")
    return past


def generator_state(rng):
    """A generator's state, as JSON has it."""
    return json.loads(json.dumps(rng.bit_generator.state, default=np.ndarray.tolist))


def set_generator_state(rng, state):
    """Inverse of `generator_state`, in place."""
    rng.bit_generator.state = _as_state(state)


def _as_state(saved):
    """A generator's state from JSON: lists were arrays."""
    if isinstance(saved, dict):
        return {name: _as_state(part) for name, part in saved.items()}
    return np.array(saved, np.uint64) if isinstance(saved, list) else saved
