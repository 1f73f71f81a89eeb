"""Parameters of parameters: ``neuron__steepness``, ``optimizer__alpha``."""

import copy
import inspect
from dataclasses import fields, is_dataclass, replace

import numpy as np
from sklearn.utils import check_random_state

from snnlab import _check

PLAIN = bool | int | float | str | type(None)  # parameters that JSON has as they are


def settings_of(x):
    """What an object was made with, by name; None if it does not say."""
    if isinstance(x, type):
        return None
    if is_dataclass(x):
        return {field.name: getattr(x, field.name) for field in fields(x) if field.init}
    if not (callable(getattr(x, "settings", None)) and hasattr(x, "step")):
        return None
    known = dict(x.settings())
    if "optimizer" in known:  # that of a rule, whose learning rate it is
        known["lr"] = known["optimizer"].lr
    return known


def changed(name, x, changes):
    """A new object as ``x`` with some settings changed; it has learned nothing."""
    known = settings_of(x)
    if known is None:
        raise ValueError(f"{name} has no parameters of its own: {x!r}")
    unknown = sorted(set(changes) - set(known))
    if unknown:
        raise ValueError(
            f"Invalid parameter {unknown[0]!r} for {name}. Valid parameters are: {sorted(known)!r}."
        )
    return replace(x, **changes) if is_dataclass(x) else remade(x, changes)


def remade(x, changes=None):
    """An optimiser with the settings of another, unused, if it tells them; else a copy."""
    known = settings_of(x)
    if known is None or is_dataclass(x):
        return copy.deepcopy(x)
    known |= changes or {}
    if "optimizer" in known:  # one's own may have a fixed learning rate
        lr, inner = known.pop("lr"), known["optimizer"]
        known["optimizer"] = remade(inner, {"lr": lr} if lr != inner.lr else {})
    if known.get("masks") is not None and "sparsity" in known:  # they say it
        known["sparsity"] = None
    names = inspect.signature(type(x).__init__).parameters
    if "rng" in names:
        known.setdefault("rng", 0)
    made = type(x)(**known)
    if hasattr(x, "key"):  # that all randomness of a rule follows from
        made.key = x.key
    return made


def split(params):
    """Parameters of the estimator itself, and those of its parts by name."""
    own, nested = {}, {}
    for key, value in params.items():
        name, _, inner = key.partition("__")
        if inner:
            nested.setdefault(name, {})[inner] = value
        else:
            own[key] = value
    return own, nested


def callbacks_of(given):
    """A tuple of functions of a step, from None, one or several."""
    given = () if given is None else (given,) if callable(given) else given
    given = tuple(_check.sequence("callbacks", given))
    for call in given:
        if not callable(call):
            raise TypeError(f"callbacks must be functions of a Step, not {call!r}")
    return given


def seed(random_state):
    """A seed from scikit-learn's ``random_state`` or a Generator; None draws a fresh one."""
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**31))
    if random_state is None:
        return None
    with _check.told_of("random_state"):
        return check_random_state(random_state).randint(2**31)
