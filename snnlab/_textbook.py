"""What is looked at for `snnlab.textbook`, whose functions are to be read: arguments, results."""

import functools
import inspect

import numpy as np

from snnlab import _check
from snnlab._check import each, floats, kind, like, optional

_dense = like(floats, None, None, None)
_layers = functools.partial(_check.sequence, of="layers")


def _spike(name, value):
    """A spike function whose outcome is looked at."""
    _check.function(name, value, 1)

    def checked(u):
        _check.finite(name, u)
        return _check.array(f"what {name} returns", value(u), u.dtype, u.shape)

    return checked


def _trace(name, value):
    """A trace, pairs of v and z."""
    pairs = [_check.sequence(name, pair, 2, "arrays, v and z") for pair in _layers(name, value)]
    if not pairs:
        raise ValueError(f"{name} must hold a layer or more")
    return [(_dense(name, v), z if z is None else _dense(name, z)) for v, z in pairs]


CHECKS = {
    "u": floats,
    "x": _dense,
    "drive": _dense,
    "v": _dense,
    "g_readout": _dense,
    "weights": like(floats, None, None),
    "neuron": kind("LIF", "LeakyIntegrator"),
    "spike": _spike,
    "recurrent": optional(like(floats, None, None)),
    "trace": _trace,
}
LISTS = {
    "weights": each(CHECKS["weights"], of="layers"),
    "neurons": each(CHECKS["neuron"], of="layers"),
}


def _fit(a):
    """Refuse arguments of one layer, or of all, that do not fit each other."""
    if "neurons" in a:
        n = len(a["weights"])
        for name in a.keys() & {"neurons", "trace"}:
            _layers(name, a[name], n)
        if a.get("g_spikes") is not None:
            hidden = zip(_layers("g_spikes", a["g_spikes"], n - 1), a["trace"], strict=False)
            broadcast = functools.partial(_check.broadcast, "g_spikes")
            a["g_spikes"] = [g if g is None else broadcast(g, v) for g, (v, _) in hidden]
    elif "v" in a:
        v = a["v"]
        _fit_recurrent(a, v.shape[2])
        a["error"] = floats("error (or g_readout)", a["error"], *v.shape)
        if hasattr(a["neuron"], "v_th"):
            a["z"] = floats("z (of trace)", a["z"], *v.shape)
        if "x" in a:
            a["x"] = floats("x", a["x"], *v.shape[:2], None)
            a["weights"] = floats("weights", a["weights"], a["x"].shape[2], v.shape[2])
    elif "weights" in a:
        a["weights"] = floats("weights", a["weights"], a["x"].shape[2], None)
    elif "drive" in a:
        _fit_recurrent(a, a["drive"].shape[2])


def _fit_recurrent(a, n):
    """Refuse recurrent weights of others than n neurons, or of some that do not spike."""
    if a.get("recurrent") is not None:
        a["recurrent"] = floats("recurrent", a["recurrent"], n, n)
        if not hasattr(a["neuron"], "v_th"):
            raise ValueError("recurrent must be None for an integrator: it does not spike")


def checked(function):
    """Decorator: arguments are looked at by name, and what comes of them is finite."""
    known = inspect.signature(function)
    checks = CHECKS | (LISTS if "neurons" in known.parameters else {})
    large = "u", "x", "drive", "weights", "v", "error", "trace"
    names = " or ".join(name for name in large if name in known.parameters)

    @functools.wraps(function)
    def inner(*args, **kwargs):
        given = known.bind(*args, **kwargs)
        given.apply_defaults()
        for name in given.arguments.keys() & checks.keys():
            given.arguments[name] = checks[name](name, given.arguments[name])
        _fit(given.arguments)
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                out = function(*given.args, **given.kwargs)
            for part in out if isinstance(out, tuple) else [out] * isinstance(out, np.ndarray):
                if part is not None:
                    _check.finite(names, part)
        except _check.NotFinite:
            raise _check.NotFinite(f"{names} is too large: what comes of it is infinite") from None
        return out

    return inner
