"""Hostile values: what no argument should be given, and what a valid value is turned into."""

import decimal
import fractions
import itertools
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import snnlab
from snnlab import ConstantCurrent, Network, SpikeTrains, Trace, Values

# Above this, a case may end in a MemoryError: it asks for more than a machine has.
HUGE = 10**7

INTEGERS = (
    -(2**63),
    -(2**31) - 1,
    -1,
    0,
    1,
    2,
    3,
    7,
    127,
    255,
    256,
    65536,
    2**31 - 1,
    2**31,
    2**32,
    2**53 + 1,
    2**63 - 1,
    2**63,
    2**64,
    10**30,
)
FLOATS = (
    0.0,
    -0.0,
    0.5,
    1.0,
    1.5,
    -1.0,
    5e-324,
    1e-310,
    1e-45,
    1e-30,
    1e30,
    3.5e38,
    1e39,
    1e308,
    float("nan"),
    float("inf"),
    float("-inf"),
)


class Weird:
    """Something that no function knows."""

    def __repr__(self):
        return "<weird>"


def _plain():
    return [
        None,
        "",
        "x",
        "nan",
        "1",
        b"x",
        True,
        False,
        1j,
        [],
        (),
        {},
        [1],
        [1.0, 2.0],
        [[1], [2, 3]],
        [None],
        ["a", "b"],
        {"a": 1},
        range(3),
        object,
        Weird(),
        decimal.Decimal("0.5"),
        fractions.Fraction(1, 2),
        slice(None),
        Ellipsis,
        NotImplemented,
        "ü\0\n",
        "x" * 300,
    ]


def _numpy():
    return [
        np.int8(-1),
        np.uint64(2**64 - 1),
        np.float16(0.5),
        np.float32("nan"),
        np.float64("inf"),
        np.longdouble(0.5),
        np.bool_(True),
        np.str_("x"),
        np.complex64(1j),
        np.array(1.0),
        np.array(None),
        np.array([]),
        np.zeros((0, 5)),
        np.zeros((2, 0, 3)),
        np.zeros((2, 3)),
        np.array(["a"]),
        np.array([1, None], object),
        np.array(["2020-01-01"], "datetime64[D]"),
        np.ma.array([1.0, 2.0], mask=[True, False]),
        np.zeros(3, [("a", int)]),
        pd.Series([1.0, 2.0]),
        pd.DataFrame({"a": [1.0, 2.0]}),
        pd.NA,
    ]


def _objects():
    v = _valid()
    return [
        v.network((4, 3, 2)),
        v.trains(2, 3, 4),
        v.trace(),
        Network,
        SpikeTrains,
        ConstantCurrent(np.ones((2, 6)), 8),
        snnlab.Substrate(0),
        snnlab.LIF.brainscales2(),
    ]


def _valid():
    import values

    return values


_POOLS = (_plain, _numpy, _objects)
_COUNTS = [len(_plain()), len(_numpy()), 8]


@st.composite
def anything(draw):
    """Any value at all."""
    kind = draw(st.integers(0, 6))
    if kind < 3:
        return _POOLS[kind]()[draw(st.integers(0, _COUNTS[kind] - 1))]
    if kind == 3:
        return draw(st.sampled_from(INTEGERS) | st.integers(-5, 40))
    if kind == 4:
        return draw(st.sampled_from(FLOATS) | st.floats(-2, 2, width=32))
    if kind == 5:
        dtype = draw(arrays.scalar_dtypes())
        return draw(arrays.arrays(dtype, arrays.array_shapes(min_dims=0, max_side=5, min_side=0)))
    return draw(st.text(max_size=8) | st.binary(max_size=8))


def _memmap(x):
    with tempfile.NamedTemporaryFile(dir=_valid().folder(), delete=False) as file:
        out = np.memmap(file, x.dtype, "w+", shape=x.shape or (1,))
    out[...] = x
    return out


def _with(x, value):
    x = np.array(x, np.promote_types(x.dtype, np.float64))
    x.flat[x.size // 2 : x.size // 2 + 1] = value
    return x


def _masked(x):
    mask = np.zeros(x.shape, bool)
    mask.flat[:1] = True
    return np.ma.array(x, mask=mask)


def _read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x


def _strided(x):
    big = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)
    big[..., ::2] = x
    return big[..., ::2]


ARRAYS = {
    "swapped": lambda x: x.astype(x.dtype.newbyteorder()),
    "fortran": np.asfortranarray,
    "backwards": lambda x: x[::-1].copy()[::-1],
    "strided": _strided,
    "read-only": _read_only,
    "unmasked": np.ma.array,
    "masked": _masked,
    "memmap": _memmap,
    "frame": lambda x: pd.DataFrame(x) if x.ndim == 2 else pd.Series(list(x)),
    "list": lambda x: x.tolist(),
    "f16": lambda x: x.astype(np.float16),
    "f32": lambda x: x.astype(np.float32),
    "f64": lambda x: x.astype(np.float64),
    "long": lambda x: x.astype(np.longdouble),
    "complex": lambda x: x.astype(complex),
    "bool": lambda x: x.astype(bool),
    "int8": lambda x: x.astype(np.int8),
    "uint64": lambda x: x.astype(np.uint64),
    "object": lambda x: x.astype(object),
    "text": lambda x: x.astype(str),
    "nan": lambda x: _with(x, np.nan),
    "inf": lambda x: _with(x, -np.inf),
    "1e39": lambda x: _with(x, 1e39),
    "1e308": lambda x: _with(x, 1e308),
    "denormal": lambda x: _with(x, 5e-324),
    "negative": lambda x: _with(x, -1.0),
    "2**31": lambda x: _with(x, 2.0**31).astype(np.int64),
    "2**63": lambda x: np.full(x.shape, -(2**63), np.int64),
    "shorter": lambda x: x[:-1],
    "longer": lambda x: np.concatenate([x, x[:1]]),
    "narrower": lambda x: x[..., :-1],
    "deeper": lambda x: x[None],
    "flat": lambda x: x.ravel(),
    "empty": lambda x: x[:0],
    "transposed": lambda x: x.T,
    "stride 0": lambda x: np.broadcast_to(x[:1], x.shape),
    "huge": lambda x: x.astype(float) * 1e38,
    "tiny": lambda x: x.astype(float) * 1e-310,
    "one": lambda x: x[0],
    "constant": lambda x: np.full_like(x, x.flat[0]),
}


def _integers(v):
    kinds = np.int8, np.uint64, np.float32, float, str, np.array, complex, fractions.Fraction
    return [v + 1, v - 1, -v, 100 * v, *INTEGERS, *(_as(kind, v) for kind in kinds)]


def _as(kind, v):
    """As a number of another kind; the same if it cannot be."""
    try:
        return kind(v)
    except (OverflowError, ValueError, TypeError):
        return v


def _floats(v):
    kinds = np.float16, np.longdouble, decimal.Decimal, str, np.array, complex, np.float32
    scaled = [v * s for s in (-1, 1e-300, 1e300, 1e39, 1e-45, 2, 1e3, 1e-3)]
    return [*scaled, *FLOATS, *(kind(v) for kind in kinds), [v], [v, v]]


def _networks(v):
    own = _valid().network
    others = (4, 5, 3), (6, 4, 3), (6, 5, 4), (6, 5, 5, 3), (6, 3)
    out = [(lambda s=s: own(s)) for s in others]
    out += [
        lambda: own(n_steps=7),
        lambda: own(dtype=np.float64),
        lambda: own().compressed(),
        lambda: own(readout=snnlab.LIF.brainscales2()),
        lambda: own(((8, 8, 1), 5, 3)),
        lambda: _filled(own(), np.nan),
        lambda: _filled(own(), 1e38),
        lambda: _filled(own(), 0),
        lambda: own((300, 260, 3)),
        lambda: own().copy(),
        lambda: "network",
    ]
    return out


def _filled(net, value):
    for w in net.weights:
        w[...] = value
    return net


def _signals(v):
    own = _valid()
    return [
        lambda: own.trains(0),
        lambda: own.trains(1),
        lambda: own.trains(3),
        lambda: own.trains(4, 7),
        lambda: own.trains(4, 8, 5),
        lambda: own.trains(4, 8, 300),
        lambda: own.trains().to_dense(),
        lambda: ConstantCurrent(np.ones((4, 6)), 8),
        lambda: Values(np.ones((4, 8, 6))),
        lambda: ConstantCurrent(np.full((4, 6), 1e38), 8),
        lambda: own.trains()[[0, 0, 3, 1]],
        lambda: SpikeTrains([0] * 5, [], [], 8, 6),
        lambda: [own.trains()],
        lambda: SpikeTrains,
    ]


def _traces(v):
    own = _valid()
    made = lambda net, n=4: net.forward(own.trains(n))  # noqa: E731
    return [
        lambda: own.network().forward(own.trains(), potentials=False),
        lambda: made(own.network((6, 4, 3))),
        lambda: made(own.network((6, 5, 4))),
        lambda: made(own.network(), 3),
        lambda: made(own.network(dtype=np.float64)),
        lambda: made(own.network(readout=snnlab.LIF.brainscales2())),
        lambda: made(own.network((6, 5, 5, 3))),
        lambda: own.network().forward(ConstantCurrent(np.ones((4, 6)), 8)),
        lambda: Trace,
    ]


_COUNTER = itertools.count()


def _files(path):
    """Damaged copies of a valid file; places where none is or can be."""
    out = [
        lambda: path.parent,
        lambda: path.parent / "missing" / "x.npz",
        lambda: "/dev/null",
        lambda: str(path) + "\0",
        lambda: 10**9,
    ]
    if not path.is_file():
        return out
    data = path.read_bytes()
    for damaged in (
        b"",
        data[: len(data) // 2],
        data[:-5],
        data[:100] + b"\0" * 50 + data[150:],
        b"PK" + data,
        b"\xff" * 300,
        b"{}",
        b"[" * 10**5,
        b"null",
        b'{"format": NaN}',
        data * 2,
    ):
        out.append(lambda d=damaged: _write(path, d))
    if path.suffix == ".npz":
        try:
            with np.load(path) as found:
                kept = dict(found)
        except (ValueError, OSError):  # written by something else
            kept = {}
        for name, change in itertools.product(kept, _FILE_CHANGES):
            out.append(lambda n=name, c=change: _rewritten(path, kept, n, c))
    return out


_FILE_CHANGES = (
    lambda x: None,
    lambda x: x[..., None],
    lambda x: np.array("text"),
    lambda x: np.array(-1),
    lambda x: np.array(np.nan),
    lambda x: np.array(2**63 - 1),
    lambda x: np.array(10**6),
    lambda x: x.astype(complex) if x.dtype.kind in "biuf" else x.astype("S"),
    lambda x: ARRAYS["nan"](x) if x.dtype.kind == "f" and x.size else np.zeros((0, 3)),
    lambda x: ARRAYS["2**63"](x) if x.dtype.kind in "iu" else x.ravel()[: x.size // 2],
    lambda x: ARRAYS["2**31"](x) if x.dtype.kind in "iu" and x.size else np.zeros(10**6),
    lambda x: ARRAYS["negative"](x) if x.dtype.kind in "iu" and x.size else x,
    lambda x: np.array(str(x).replace("1", "9")) if x.dtype.kind == "U" else x * 0,
    lambda x: np.array(str(x).replace("0", "NaN")) if x.dtype.kind == "U" else x,
)


def _write(path, data):
    new = path.with_name(f"damaged{next(_COUNTER) % 50}{path.suffix}")
    new.write_bytes(data)
    return new


def _rewritten(path, kept, name, change):
    arrays, new = dict(kept), change(kept[name])
    if new is None:
        del arrays[name]
    else:
        arrays[name] = new
    out = path.with_name(f"damaged{next(_COUNTER) % 50}{path.suffix}")
    np.savez(out, **arrays)
    return out


_FUNCTIONS = (
    lambda *a, **k: None,
    lambda *a, **k: float("nan"),
    lambda *a, **k: 0.5,
    lambda *a, **k: "x",
    lambda *a, **k: (1.0, None),
    lambda *a, **k: np.zeros(2),
    lambda *a, **k: (np.nan, np.zeros(1)),
    lambda: None,
)


@st.composite
def near(draw, v):
    """Something like a valid value, but not quite."""
    # however many there are: of files it depends on what was written before
    pick = lambda options: options[draw(st.integers(0, 2**20)) % len(options)]  # noqa: E731
    if isinstance(v, bool):
        return pick([None, 0, 1, "yes", np.bool_(not v), not v, np.array(True), [True], 2.0])
    if isinstance(v, int):
        return pick(_integers(v))
    if isinstance(v, float):
        return pick(_floats(v))
    if isinstance(v, np.ndarray):
        name = draw(st.sampled_from(sorted(ARRAYS)))
        try:
            return ARRAYS[name](v)
        except (TypeError, ValueError, IndexError, OverflowError):
            return v[None]
    if hasattr(v, "parameters") and hasattr(v, "stages"):
        return pick(_networks(v))()
    if isinstance(v, SpikeTrains | ConstantCurrent | Values):
        return pick(_signals(v))()
    if isinstance(v, Trace):
        return pick(_traces(v))()
    if isinstance(v, Path):
        return pick(_files(v))()
    if isinstance(v, str):
        return pick([v.upper(), v + " ", "", v.encode(), [v], np.str_(v), None, np.array(v)])
    if isinstance(v, list | tuple) and v:
        return draw(_sequences(v))
    if isinstance(v, dict) and v:
        name = pick(list(v))
        changed = draw(near(v[name]) | anything())
        return pick(
            [{k: x for k, x in v.items() if k != name}, v | {"strange": 1}, v | {name: changed}]
        )
    if callable(v):
        return pick(_FUNCTIONS)
    return draw(anything())


@st.composite
def _sequences(draw, v):
    kind, k = draw(st.integers(0, 5)), draw(st.integers(0, len(v) - 1))
    if kind == 0:
        return v[:-1]
    if kind == 1:
        return (*v, v[-1])
    if kind == 2:
        return dict(enumerate(v))
    if kind == 3:
        return iter(v)
    return (
        type(v)([*v[:k], draw(near(v[k]) | anything()), *v[k + 1 :]])
        if type(v) in (list, tuple)
        else list(v)
    )


def hostile(v):
    """Values to be given in place of a valid one."""
    return near(v) | near(v) | anything()


def is_huge(x, depth=0):
    """Whether somewhere in it a number asks for more than a machine has."""
    if isinstance(x, bool):
        return False
    if isinstance(x, int | float | np.number) and not isinstance(x, np.complexfloating):
        return abs(float(x)) > HUGE if x == x else False
    if isinstance(x, np.ndarray) and x.dtype.kind in "iuf":
        with np.errstate(all="ignore"):
            return bool(x.size) and bool(np.nanmax(np.abs(x.astype(float)), initial=0) > HUGE)
    if isinstance(x, list | tuple) and depth < 3:
        return any(is_huge(part, depth + 1) for part in x)
    return isinstance(x, dict) and any(is_huge(part, depth + 1) for part in x.values())
