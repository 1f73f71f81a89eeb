"""Files of optimisers and rules: settings as JSON, state as plain arrays, one ``.npz``."""

import inspect
import json
from dataclasses import asdict, is_dataclass

import numpy as np

from snnlab._files import DAMAGE, check_format, load_npz, save_npz
from snnlab.learning.penalties import Ramp

FORMAT = 1


def save(path, thing):
    """Write an object that has ``settings()`` and ``state()``, whole or not at all.

    Raises
    ------
    TypeError
        A setting that cannot be written, such as a function of one's own; the message names it.
    """
    arrays = {}
    header = {"format": FORMAT} | described(thing, arrays)
    arrays |= {f"state_{name}": x for name, x in thing.state().items()}
    save_npz(path, {"header": np.array(json.dumps(header))} | arrays)


def load(path, base, others):
    """Read what `save` wrote.

    Parameters
    ----------
    path : path
    base : type
        The object must be of this class, or of one derived from it.
    others : type
        Base of the objects that may be among its settings.

    Raises
    ------
    ValueError
        If the file is something else, damaged, or of a newer format.
    """
    arrays = load_npz(path)
    try:
        header = json.loads(str(arrays.pop("header")))
        check_format(header, FORMAT)
        out = made(header, arrays, base, others)
        state = {name: x for name, x in arrays.items() if name.startswith("state_")}
        out.restore({name.removeprefix("state_"): x for name, x in state.items()})
        return out
    except DAMAGE as fault:
        raise ValueError(f"path {path} does not hold a {base.__name__}: {fault}") from None


def described(thing, arrays):
    """Class and settings as JSON has them; arrays among them are put into ``arrays``."""
    settings = {name: _plain(name, x, arrays) for name, x in thing.settings().items()}
    return {"class": type(thing).__name__, "settings": settings}


def _plain(name, x, arrays):
    if isinstance(x, np.generic):
        x = x.item()
    if x is None or isinstance(x, bool | int | float | str):
        return x
    if isinstance(x, np.ndarray):
        key = f"setting_{name}_{len(arrays)}"
        arrays[key] = x
        return {"array": key}
    if isinstance(x, list | tuple):
        return [_plain(name, part, arrays) for part in x]
    if isinstance(x, dict):
        return {"dict": {str(key): _plain(name, part, arrays) for key, part in x.items()}}
    if isinstance(x, Ramp):
        return {"ramp": asdict(x)}
    if hasattr(x, "settings") and hasattr(x, "state"):
        return {"object": described(x, arrays)}
    kind = "a function" if callable(x) and not is_dataclass(x) else f"a {type(x).__name__}"
    raise TypeError(f"{name} is {kind}, which cannot be written to a file: {x!r}")


def _revived(x, arrays, others):
    if isinstance(x, list):
        return [_revived(part, arrays, others) for part in x]
    if not isinstance(x, dict):
        return x
    [(kind, content)] = x.items()
    if kind == "array":
        return arrays[content]
    if kind == "dict":
        return {name: _revived(part, arrays, others) for name, part in content.items()}
    if kind == "ramp":
        return Ramp(**content)
    if kind == "object":
        return made(content, arrays, others, others)
    raise ValueError(f"settings hold something unknown: {kind!r}")


def made(described, arrays, base, others):
    """An object of a class derived from ``base``, with settings."""
    name, known = described["class"], {cls.__name__: cls for cls in _kin(base)}
    if name not in known:
        raise ValueError(f"class {name!r} is no {base.__name__}, or not imported")
    settings = {k: _revived(x, arrays, others) for k, x in described["settings"].items()}
    if settings.get("masks") is not None:  # they say it, and how sparse they are
        settings["sparsity"] = None
    if "rng" in inspect.signature(known[name]).parameters:
        settings["rng"] = 0  # its key is part of the state
    return known[name](**settings)


def _kin(base):
    return [base, *(cls for sub in base.__subclasses__() for cls in _kin(sub))]
