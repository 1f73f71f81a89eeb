"""Digests: what tells data of a training from others, in a few letters."""

import datetime
import functools
import hashlib
import inspect
import os
from collections.abc import Mapping
from numbers import Number
from types import ModuleType

import numpy as np

from snnlab.currents import ConstantCurrent, Values
from snnlab.signals import SpikeTrains

DEPTH = 100  # of parts within parts that are followed
TIMES = datetime.date | datetime.time | datetime.timedelta
PLAIN = Number | str | bytes | type(None) | np.dtype | range | slice | TIMES


def digest(x, code=False):
    """Digest of data: arrays, signals, streams and functions with all that they hold, numbers.

    Of what shows nothing of itself, such as a random generator, only the type counts. With ``code``
    functions of one name are told by what they do, too.
    """
    found = _Digest({}, code)
    found.add(x)
    return found.hash.hexdigest()


class _Digest:
    """A digest as it grows. Each part says first what and how long it is: [1, 12] is not [11, 2].

    ``seen`` holds objects by identity, each with its digest: none yet where a circle closes.
    """

    def __init__(self, seen, code):
        self.hash = hashlib.blake2b(digest_size=16)
        self.seen, self.code = seen, code

    def tell(self, *words):
        """Add words, the first of which says of what kind they are."""
        self.hash.update("".join(f"{len(word)}:{word}" for word in (*words, "")).encode())

    def add(self, x, depth=0):
        """Add what an object holds."""
        if depth > DEPTH:
            self.tell("deep", type(x).__qualname__)
        elif isinstance(x, SpikeTrains):
            events = x.compact().events if len(x) else ()
            self._parts("spikes", [x.n_steps, x.n_units, *events], depth)
        elif isinstance(x, ConstantCurrent):
            self._parts("current", [x.n_steps, x.x], depth)
        elif isinstance(x, Values):
            self._parts("values", [x.x], depth)
        elif isinstance(x, np.ndarray | np.generic):
            self._array(np.asanyarray(x), depth)
        elif isinstance(x, list | tuple):
            self._parts("list", x, depth)
        elif isinstance(x, PLAIN):
            self.tell(type(x).__qualname__, ascii(x))
        elif isinstance(x, os.PathLike):
            self.tell("path", ascii(os.fspath(x)))
        elif isinstance(x, set | frozenset):
            self.tell("set", *sorted(digest(part, self.code) for part in x))
        elif isinstance(x, Mapping):
            self._parts("mapping", [[str(k), x[k]] for k in sorted(x, key=str)], depth)
        elif isinstance(x, ModuleType):
            self.tell("module", x.__name__)
        elif isinstance(x, type):
            self.tell("type", x.__module__, x.__qualname__)
        else:
            self._object(getattr(x, "py_func", x), depth)  # numba's functions hold what they do not

    def _parts(self, kind, parts, depth):
        """Several objects, one after the other."""
        self.tell(kind, str(len(parts)))
        for part in parts:
            self.add(part, depth + 1)

    def _array(self, x, depth):
        self.tell("array", str(x.dtype), str(x.shape))
        if isinstance(x, np.ma.MaskedArray):
            self._parts("mask", [np.ma.getmaskarray(x), x.filled()], depth)
        elif x.dtype.hasobject:
            self._parts("objects", x.ravel().tolist(), depth)
        else:
            self.hash.update(np.ascontiguousarray(x).tobytes())

    def _object(self, x, depth):
        """An object by what it holds, looked at once."""
        if id(x) not in self.seen:
            self.seen[id(x)] = "", x  # kept, so that no other gets its identity
            found = _Digest(self.seen, self.code)
            found._parts(*_held(x, self.code), depth)
            self.seen[id(x)] = found.hash.hexdigest(), x
        self.tell("object", self.seen[id(x)][0])


def _held(x, code):
    """What an object is called, and the parts that tell it from others of that name."""
    if isinstance(x, functools.partial):
        return "partial", [x.func, x.args, x.keywords]
    if inspect.isroutine(x):  # by name: addresses differ among processes
        inner = inspect.unwrap(x)
        given = [getattr(inner, name, None) for name in ("__defaults__", "__kwdefaults__")]
        given += [getattr(x, "__self__", None), _closure(inner)]
        if code:
            given.append(_code(getattr(inner, "__code__", None), inner.__doc__))
        return f"function {x.__module__} {x.__qualname__}", given
    names = [n for n in dir(type(x)) if inspect.ismemberdescriptor(getattr(type(x), n, None))]
    known = {n: getattr(x, n) for n in names if hasattr(x, n)} | getattr(x, "__dict__", {})
    known.pop("workers", None)  # nothing depends on the number of threads
    return f"object {type(x).__qualname__}", [known]


def _code(code, doc=None):
    """What a function does, as Python reads it, but for its description; None of a compiled one."""
    if code is None:
        return None
    held = [_code(x) if inspect.iscode(x) else x for x in code.co_consts if x is not doc]
    return [code.co_code, code.co_names, held]


def _closure(function):
    """Values of the variables of enclosing functions, where they have one."""
    values = []
    for cell in getattr(function, "__closure__", None) or ():
        try:
            values.append(cell.cell_contents)
        except ValueError:
            values.append(None)
    return values
