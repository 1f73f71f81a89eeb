"""Kinds of layers: files tell them by the names of their classes, and hold their settings."""

from snnlab.neurons import LIF

KINDS = {}  # classes by name

_LIBRARY = __name__.partition(".")[0]


def register(kind):
    """Note a class of layers; ValueError if its name is taken by one of the library's."""
    name, known = kind.__name__, KINDS.get(kind.__name__, kind).__module__
    if known.partition(".")[0] == _LIBRARY and known != kind.__module__:
        raise ValueError(f"{name} is a layer of {_LIBRARY}: files tell kinds by their names")
    KINDS[name] = kind


def plain(x):
    """A setting for a file: layers and neurons become dicts, tuples lists."""
    if isinstance(x, tuple | list):
        return [plain(part) for part in x]
    return x.to_dict() if hasattr(x, "to_dict") else x


def layer_from_dict(values):
    """Inverse of `Layer.to_dict`, for kinds that have been defined or imported."""
    values = dict(values)
    kind = values.pop("kind", None)
    if kind not in KINDS:
        raise ValueError(f"layer of kind {kind!r} is not known here: define or import it first")
    return KINDS[kind](**{name: _revived(x) for name, x in values.items()})


def _revived(x):
    """A setting from a file: layers and neurons were dicts, tuples lists."""
    if isinstance(x, dict) and "kind" in x:
        return layer_from_dict(x) if x["kind"] in KINDS else LIF.from_dict(x)
    return tuple(map(_revived, x)) if isinstance(x, list) else x
