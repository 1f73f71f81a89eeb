"""Checks at the public door: each error names the argument and says what was expected."""

import contextlib
import functools
import inspect
import math
import numbers
import os
from functools import lru_cache
from pathlib import Path

import numpy as np

# Kernels check no bounds, and count in 32 bits: sums of two such numbers are still right there.
MOST_STEPS = 2**24  # of time; floats of 32 bits count exactly up to here
MOST_UNITS = 2**30
_PLAIN = {np.dtype(t) for t in ("f4", "f8", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", bool)}
MOST = 2**53  # of anything else: whole numbers up to here are floats
PART = 2**13  # numbers whose product with themselves NumPy leaves to one thread


def given(table=None, /, **checks):
    """Decorator: arguments go through the checks of their names, ``check(name, value)``.

    What is left at its default, or is given as it, is not looked at.
    """
    checks = (table or {}) | checks

    def decorate(function):
        known = inspect.signature(function)
        checked = {k: checks[k] for k in known.parameters if k in checks}

        @functools.wraps(function)
        def inner(*args, **kwargs):
            bound = known.bind(*args, **kwargs)
            for name, check in checked.items():
                if name in bound.arguments:
                    value = bound.arguments[name]
                    if value is not known.parameters[name].default:
                        bound.arguments[name] = check(name, value)
            return function(*bound.args, **bound.kwargs)

        return inner

    return decorate


def like(check, *args, **kwargs):
    """A check of name and value alone, all else being said."""
    return lambda name, value: check(name, value, *args, **kwargs)


def optional(check):
    """A check that lets None pass, where that is not the default."""
    return lambda name, value: None if value is None else check(name, value)


def kind(*classes):
    """A check for objects of classes, told by their names: those of higher floors, too."""

    def check(name, value):
        if not any(cls.__name__ in classes for cls in type(value).__mro__):
            raise TypeError(f"{name} must be a {' or '.join(classes)}, not {_kind(value)}")
        return value

    return check


def text(name, value):
    """Return ``value``, a string."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, not {_kind(value)}")
    return value


def function(name, value, n_arguments=None):
    """Return ``value``, which can be called (with so many arguments)."""
    try:
        if n_arguments is not None:
            inspect.signature(value).bind(*[None] * n_arguments)
        if not callable(value) or isinstance(value, type):
            raise TypeError
    except TypeError:
        n = "" if n_arguments is None else f" of {n_arguments} argument(s)"
        raise TypeError(f"{name} must be a function{n}, not {value!r:.60}") from None
    except ValueError:  # one that does not tell its arguments
        pass
    return value


def floats(name, value, *shape):
    """Return ``value`` as an array of some shape (or of any), of its own precision or float64."""
    single = getattr(value, "dtype", None) == np.float32
    return array(name, value, np.float32 if single else np.float64, shape or None)


def broadcast(name, value, like):
    """Return ``value`` as an array of floats that another array's shape can be filled with."""
    out = floats(name, value)
    try:
        return np.broadcast_to(out, like.shape)
    except ValueError:
        raise ValueError(f"{name} must fit shape {like.shape}, got {out.shape}") from None


def finite(name, result):
    """Return what was computed from an argument, a number or an array, if it is finite."""
    if type(result) is float:
        sound = math.isfinite(result)
    else:
        sound = _squares_are_finite(result) or np.isfinite(result).all()
    if not sound:
        raise NotFinite(f"{name} is too large (or not finite): so is what comes of it")
    return result


def results(of):
    """Decorator: the result, or the first of several, is finite; else arguments ``of`` are not."""

    def decorate(function):
        @functools.wraps(function)
        def inner(*args, **kwargs):
            with np.errstate(over="ignore", invalid="ignore"):
                out = function(*args, **kwargs)
                finite(of, out[0] if isinstance(out, tuple) else out)
            return out

        return inner

    return decorate


def field(owner, name, check, *bounds, **more):
    """Look at a field of a frozen dataclass, and keep it as the Python number that it is.

    A NumPy integer would stay of so few bits in all that is worked out from it.
    """
    object.__setattr__(owner, name, check(name, getattr(owner, name), *bounds, **more))


@contextlib.contextmanager
def told_of(what):
    """Where others look at an argument: their TypeError or ValueError begins with what it is of."""
    try:
        yield
    except (TypeError, ValueError) as fault:
        kind = next(k for k in (NotFinite, TypeError, ValueError) if isinstance(fault, k))
        raise kind(f"{what}: {fault}") from None


class NotFinite(ValueError, FloatingPointError):
    """Numbers that no float can hold, in an argument or in what comes of it."""


def _is(value, kind):
    """Whether a value is a number of some kind; NumPy's spans of time say so, too."""
    return isinstance(value, kind) and not isinstance(value, bool | np.timedelta64)


def number(name, value, *, above=None, at_least=None, at_most=None, below=None):
    """Return ``value`` as a float, finite and within bounds."""
    if type(value) is not float and not _is(value, numbers.Real):
        raise TypeError(f"{name} must be a number, not {type(value).__name__}")
    try:
        value = float(value)
    except OverflowError:
        raise ValueError(f"{name} must be finite, got a number that no float can hold") from None
    if not math.isfinite(value):
        raise ValueError(f"{name} must be finite, got {value}")
    if above is not None and not value > above:
        raise ValueError(f"{name} must be above {above:g}, got {value:g}")
    if at_least is not None and not value >= at_least:
        raise ValueError(f"{name} must be at least {at_least:g}, got {value:g}")
    if at_most is not None and not value <= at_most:
        raise ValueError(f"{name} must be at most {at_most:g}, got {value:g}")
    if below is not None and not value < below:
        raise ValueError(f"{name} must be below {below:g}, got {value:g}")
    return value


def plain_type(name, value):
    """Return a NumPy type of numbers (integers or floats of 32 or 64 bits, bytes, or bool)."""
    try:
        out = np.dtype(value) if value is not None else None
    except TypeError:
        out = None
    if out is None or out.newbyteorder("=") not in _PLAIN:
        raise TypeError(f"{name} must be a type of numbers, not {value!r}")
    return out.newbyteorder("=")


def precision(name, value):
    """The type in which floats are kept: float64 for arrays of at least as many bits, else float32.

    Whatever the order of their bytes, and whoever's arrays they are; lists and tuples are none.
    """
    if isinstance(value, list | tuple):
        return np.dtype(np.float32)
    given = as_array(name, value).dtype
    return np.dtype(np.float64 if given.kind == "f" and given.itemsize >= 8 else np.float32)


def float_type(name, value):
    """Return a NumPy type of floats."""
    out = plain_type(name, value)
    if out.kind != "f":
        raise TypeError(f"{name} must be a type of floats, not {out}")
    return out


def real(name, value, dtype):
    """Return numbers in ``dtype``, if they are there: neither infinite nor, but for zeros, 0."""
    known = isinstance(value, float)  # losses ask for the same at every step
    return _known_real(name, value, dtype) if known else _real(name, value, dtype)


def _real(name, value, dtype):
    given = np.asarray(value, np.float64)
    with np.errstate(over="ignore"):
        out = given.astype(dtype)
    if np.any(np.isinf(out) & np.isfinite(given)):
        raise ValueError(f"{name} must be smaller: {value!r} is infinite in {np.dtype(dtype)}")
    if np.any((out == 0) & (given != 0)):
        raise ValueError(f"{name} must be larger: {value!r} is 0 in {np.dtype(dtype)}")
    return out[()]


_known_real = lru_cache(256)(_real)


def cast(name, x, dtype):
    """Return an array of finite numbers in a type ``name`` that holds them as they are, or rounded.

    Integers hold whole numbers only, and what is finite stays so.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        out = x.astype(dtype)
        sound = np.isfinite(out).all() if out.dtype.kind == "f" else np.array_equal(out, x)
    if not sound:
        raise ValueError(f"{name} must hold numbers from {x.min():g} to {x.max():g}, not {dtype}")
    return out


def scalar(name, value):
    """Return a number as a float, be it finite or not; arrays of one element count, too."""
    x = np.asarray(value)
    if x.dtype.kind not in "biuf" or x.size != 1:
        raise TypeError(f"{name} must be a number, not {_kind(value)}")
    return float(x.reshape(()))


def per_unit(name, value, **bounds):
    """A float, or a tuple of floats for one value per neuron."""
    if isinstance(value, str) or not hasattr(value, "__len__"):
        return number(name, value, **bounds)
    values = array(name, value, np.float64, (None,))
    if values.size == 0:
        raise ValueError(f"{name} must hold a value per neuron, got none")
    return tuple(number(name, x, **bounds) for x in values.tolist())


def units(n, dtype):
    """A number of units, and a type of floats for arrays of a number each."""
    return integer("n", n, 0, MOST_UNITS), float_type("dtype", dtype)


def integer(name, value, at_least=None, at_most=None):
    """Return ``value`` as an int (whole numbers of any integer type), within bounds.

    There always is an upper bound: what no array can hold, no number of them should be.
    """
    at_most = MOST if at_most is None else at_most
    if type(value) is not int and not _is(value, numbers.Integral):
        raise TypeError(f"{name} must be an integer, not {type(value).__name__}")
    if at_least is not None and value < at_least:
        raise ValueError(f"{name} must be at least {at_least}, got {_shown(value)}")
    if value > at_most:
        raise ValueError(f"{name} must be at most {at_most}, got {_shown(value)}")
    return int(value)


def _shown(value):
    """A number for a message, which some are too long for."""
    return value if abs(int(value)) < 10**20 else f"a number of {int(value).bit_length()} bits"


def flag(name, value):
    """Return ``value`` as a bool; nothing else counts as one."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, not {value!r}")
    return bool(value)


def one_of(name, value, allowed):
    """Return ``value``, one of the strings (or None) in ``allowed``."""
    if not (value is None or isinstance(value, str)) or value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}")
    return value


def array(name, value, dtype, shape=None, *, unit_interval=False):
    """Return ``value`` as a C-contiguous, writable array of ``dtype``, finite and of ``shape``.

    ``shape`` holds a length, or None for any length, per axis; None allows all. (Kernels are
    compiled per array layout; a read-only or strided array would compile them again.)
    """
    unmasked(name, value)
    try:
        out = np.asarray(value)
        if out.dtype.kind not in "biuf":
            raise TypeError
        if np.dtype(dtype).kind in "iu" and out.size:
            limits = np.iinfo(dtype)
            if out.min() < limits.min or out.max() > limits.max:
                raise OverflowError
        if not (out.dtype == dtype and out.flags.c_contiguous and out.flags.writeable):
            with np.errstate(over="ignore"):  # infinity is found below
                out = np.require(out, dtype, ("C", "W"))
    except OverflowError:
        raise ValueError(f"{name} holds values beyond {np.dtype(dtype)}") from None
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be an array of numbers, not {_kind(value)}") from None
    shape = out.shape if shape is None else shape
    if out.shape != shape and (
        out.ndim != len(shape)
        or any(k is not None and k != m for k, m in zip(shape, out.shape, strict=True))
    ):
        wanted = "(" + ", ".join("any" if k is None else str(k) for k in shape) + ")"
        raise ValueError(f"{name} must have shape {wanted}, got {out.shape}")
    if out.dtype.kind == "f" and (unit_interval or not _squares_are_finite(out)) and out.size:
        low, high = out.min(), out.max()  # NaN and inf show up in one of the two
        if not (np.isfinite(low) and np.isfinite(high)):
            raise ValueError(
                f"{name} must be finite; it holds NaN or infinity (as {np.dtype(dtype)})"
            )
        if unit_interval and (low < 0 or high > 1):
            raise ValueError(f"{name} must lie in [0, 1]; it reaches from {low:g} to {high:g}")
    return out


def as_array(name, value):
    """Return an array of anything, if it is one."""
    unmasked(name, value)
    try:
        return np.asarray(value)
    except (TypeError, ValueError):  # rows of different lengths
        raise TypeError(f"{name} must be an array, not {_kind(value)}") from None


def unmasked(name, value):
    """Refuse a masked array in which anything is masked: it is nobody's to say what is there."""
    if not isinstance(value, np.ma.MaskedArray):
        return
    mask = np.ma.getmaskarray(value)
    n = np.count_nonzero(mask.view(bool) if mask.dtype.names else mask)
    if n:
        raise ValueError(f"{name} has {n:,} masked values: give {name}.filled(...), or leave out")


def _squares_are_finite(x):
    """Whether numbers are surely finite: squares overflow before them, but take less time.

    NumPy shares a long product of float64 among threads, which wait for each other: beside another
    program 68,000 numbers took 37 ms, and in parts they take less than 0.1 ms.
    """
    if np.size(x) <= PART or getattr(x, "dtype", None) == np.float32:
        return math.isfinite(np.vdot(x, x))
    x = np.ravel(x)
    parts = (x[k : k + PART] for k in range(0, x.size, PART))
    return all(math.isfinite(np.vdot(part, part)) for part in parts)


def _kind(value):
    """What a value is, in a word or two."""
    kind = type(value).__name__
    return f"{kind} of {value.dtype}" if isinstance(value, np.ndarray) else kind


def network(name, value, needs="forward"):
    """Return ``value``, a network (or something like it that has ``needs``); classes are none."""
    kind = type(value)  # asked first: to have a property is not to work it out
    parts = needs, "sizes"
    if kind is type or not all(hasattr(kind, part) or hasattr(value, part) for part in parts):
        what = f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__
        raise TypeError(f"{name} must be a Network, not {what}")
    return value


def path(name, value):
    """Return a path, "~" being the home folder."""
    if not isinstance(value, str | os.PathLike) or isinstance(os.fspath(value), bytes):
        raise TypeError(f"{name} must be a path, not {type(value).__name__}")
    if "\0" in os.fspath(value):
        raise ValueError(f"{name} must be a path: it holds a null character")
    try:
        return Path(value).expanduser()
    except RuntimeError:  # there is no such user
        return Path(value)


def sequence(name, value, n=None, of=""):
    """Return the parts of a list, a tuple or the like; ``n`` of them."""
    unmasked(name, value)
    try:
        if isinstance(value, str | bytes | dict):
            raise TypeError
        out = list(value)
    except TypeError:
        what = f"a sequence of {of}" if of else "a sequence"
        raise TypeError(f"{name} must be {what}, not {_kind(value)}") from None
    if n is not None and len(out) != n:
        raise ValueError(f"{name} must hold {n} {of or 'entries'}, got {len(out)}")
    return out


def each(check, n=None, of=""):
    """A check for sequences: that of their parts, one by one."""
    return lambda name, value: [
        check(f"{name}[{k}]", x) for k, x in enumerate(sequence(name, value, n, of))
    ]


def names(name, value, n):
    """Return names of ``n`` things; their numbers by default."""
    return list(map(str, range(n))) if value is None else sequence(name, value, n, "names")


def labels(name, value, n_samples, n_classes):
    """Return class labels as int64 (n_samples,), each in [0, n_classes)."""
    out = as_array(name, value)
    if out.dtype.kind not in "iu" and out.size:
        raise TypeError(f"{name} must be integers, not {out.dtype}")
    if out.shape != (n_samples,):
        raise ValueError(f"{name} must have shape ({n_samples},), got {out.shape}")
    given = out
    if out.dtype != np.int64:
        out = out.astype(np.int64)
    if out.size and out.view(np.uint64).max() >= n_classes:  # negative ones are large there
        low, high = given.min(), given.max()
        raise ValueError(
            f"{name} must lie in 0 ... {n_classes - 1}; it reaches from {low} to {high}"
        )
    return out


def sound(name, value):
    """Return the samples of a sound, an array of int16 (n,)."""
    x = as_array(name, value)
    if x.dtype != np.int16 or x.ndim != 1:
        raise ValueError(f"{name} must be int16 (n,), got {x.dtype} {x.shape}")
    return x


def generator(name, value):
    """Return a NumPy Generator from a Generator or a seed; nothing reads a global seed."""
    if isinstance(value, np.random.Generator):
        return value
    if not _is(value, numbers.Integral):
        raise TypeError(
            f"{name} must be a seed (an integer) or a numpy.random.Generator, "
            f"not {type(value).__name__}"
        )
    if value < 0:
        raise ValueError(f"{name} must not be negative, got {_shown(value)}")
    return np.random.default_rng(int(value))


def masks(name, value, sizes):
    """Return masks of hidden layers' units, as copies; None (for all) in all or in some layers."""
    if value is None:
        return [None] * len(sizes)
    if not isinstance(value, list | tuple):
        raise TypeError(f"{name} must be a list of masks, not {type(value).__name__}")
    if len(value) != len(sizes):
        raise ValueError(f"{name} must have {len(sizes)} entries, one per hidden layer")
    checked = []
    for k, (mask, n) in enumerate(zip(value, sizes, strict=True)):
        if mask is not None:
            mask = as_array(f"{name}[{k}]", mask).copy()
            if mask.dtype != np.bool_:
                raise TypeError(f"{name}[{k}] must hold True and False, not {mask.dtype}")
            if mask.shape != (n,):
                raise ValueError(f"{name}[{k}] must have shape ({n},), got {mask.shape}")
        checked.append(mask)
    return checked
