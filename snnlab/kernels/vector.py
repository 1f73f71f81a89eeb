"""Several numbers at a time, in registers: what the compiler does not find by itself.

A loop over the units of a layer is vectorised by the compiler, but it writes every result back to
memory before the next equation reads it: it cannot know that arrays do not overlap. Here a tile of
units goes through many equations, and many steps of time, in registers::

    x = load(rows, (i, j), 16)  # rows[i, j : j + 16]
    x = where(x > 1, 0, decay * x)
    store(x, out, (j,))

Operators and functions act number by number; a single number stands for a tile of equal ones, of
the tile's type. The compiler splits a tile into the registers that there are. Without compilation
all of this is NumPy. Arrays lie in C order, and indices do not count from the end.

The kernels compile this in: after an edit here, ``make clean``.
"""

import operator

import llvmlite.binding
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import lower_builtin, models, register_model
from numba.np.arrayobj import populate_array

# What a tile of most kernels holds: four registers (of float32), or a narrow readout. Results do
# not depend on it.
_FEATURES = llvmlite.binding.get_host_cpu_features()
WIDE, NARROW = 64 if _FEATURES.get("avx512f") else 32, 16
LINE = 64  # bytes of a cache line


def load(array, index, lanes):
    """``array[..., j : j + lanes]``, where ``index`` is a tuple that ends with j."""
    return array[index[:-1]][index[-1] : index[-1] + lanes].copy()


def store(tile, array, index):
    """``array[..., j : j + lanes] = tile``, where ``index`` is a tuple that ends with j."""
    array[index[:-1]][index[-1] : index[-1] + len(tile)] = tile


def fetch(array, index):
    """Ask for the cache line of ``array[index]``, which will be read; it may lie beyond the end."""


def where(mask, x, y):
    """What x has where the mask holds, elsewhere what y has."""
    return np.where(mask, x, y)


def fused(x, y, z):
    """``x * y + z``, rounded once where the processor can, else twice."""
    return x * y + z


def bits(mask):
    """A mask of 64 lanes as the bits of a number, uint64."""
    return np.packbits(mask, bitorder="little").view(np.uint64)[0]


def joined(tile):
    """Eight numbers of a byte each as one number, uint64; the first is its lowest byte."""
    return tile.view(np.uint64)[0]


def lowest(number):
    """Place of the lowest bit that is set in a uint64 other than 0."""
    number = int(number)
    return (number & -number).bit_length() - 1


def repeated(tile, count):
    """Several tiles, all like one: they stay in registers while something is added to them."""
    return np.repeat(tile[None], count, axis=0)


def add_products(tiles, array, index, tile):
    """Each of some tiles plus a number times ``tile``; the first number is ``array[index]``."""
    numbers = array[index[:-1]][index[-1] : index[-1] + len(tiles)]
    return tiles + numbers[:, None] * tile


def add_rows(tiles, array, index, tile):
    """The same with numbers one below the other, of which the first is ``array[index]``."""
    i, j = index[-2:]
    return tiles + array[index[:-2]][i : i + len(tiles), j, None] * tile


def add_where(tiles, bytes_, number):
    """Each of some tiles plus a number, in the lanes whose byte has the tile's bit set."""
    bits_ = bytes_[None] >> np.arange(len(tiles), dtype=np.uint8)[:, None] & 1
    return np.where(bits_ != 0, tiles + number, tiles)


def add_square(tiles, scale, array, index, down, across):
    """To k * k tiles a square of an array that ends at ``index``, times ``scale``.

    Tile ``i * k + j`` gets what begins ``i * down + j * across`` numbers before ``index``.
    """
    k, row, end = int(len(tiles) ** 0.5), array[index[:-1]], index[-1]
    starts = (end - i * down - j * across for i in range(k) for j in range(k))
    return tiles + scale * np.stack([row[at : at + tiles.shape[1]] for at in starts])


def store_all(tiles, array, index):
    """Some tiles into rows of an array, one below the other; the first begins at ``index``."""
    rows, lanes = array[index[:-2]][index[-2] : index[-2] + len(tiles)], tiles.shape[1]
    rows[:, index[-1] : index[-1] + lanes] = tiles


def scratch(shape, like):
    """Memory for an array of numbers like ``like``, which is an array or a number.

    It begins on a cache line, so that no tile straddles two. What it holds is not defined. (For
    ``numpy.empty``, numba compiles ten times as long.)
    """
    size = int(np.prod(shape)) * like.itemsize
    raw = np.empty(size + LINE, np.uint8)
    first = -raw.ctypes.data % LINE
    return raw[first : first + size].view(like.dtype).reshape(shape)


def clear(array):
    """``array[...] = 0``, in C order."""
    array[...] = 0


# what the compiler is told ----------------------------------------------------------------------


class Tile(types.Type):
    """Numba's type of a tile."""

    def __init__(self, dtype, lanes):
        self.dtype, self.lanes = dtype, lanes
        super().__init__(f"Tile({dtype}, {lanes})")


@register_model(Tile)
class _TileModel(models.PrimitiveModel):
    def __init__(self, manager, kind):
        one = manager.lookup(kind.dtype).get_value_type()
        super().__init__(manager, kind, ir.VectorType(one, kind.lanes))


class Tiles(types.Type):
    """Numba's type of some tiles."""

    def __init__(self, tile, count):
        self.tile, self.count = tile, count
        super().__init__(f"Tiles({tile}, {count})")


@register_model(Tiles)
class _TilesModel(models.PrimitiveModel):
    def __init__(self, manager, kind):
        one = manager.lookup(kind.tile).get_value_type()
        super().__init__(manager, kind, ir.ArrayType(one, kind.count))


def _define(function, result, *kinds):
    """Decorator: how calls of a function are compiled.

    ``result(*types)`` is the type that a call returns, or None if it is not one of these: numba
    asks when it finds types, with constants as such (``prefer_literal``). ``kinds`` are the kinds
    of arguments, one tuple per combination, for which the decorated code is then generated.
    """

    @infer_global(function)
    class Template(AbstractTemplate):
        key, prefer_literal = function, True

        def generic(self, args, kws):
            kind = result(*args) if len(args) == len(kinds[0]) else None
            return None if kind is None else signature(kind, *args)

    def register(code):
        for kind in kinds:
            lower_builtin(function, *kind)(code)
        return code

    return register


def _spread(context, builder, value, kind, tile):
    """A value as a tile: it is one, or a number to be repeated."""
    if isinstance(kind, Tile):
        return value
    whole, number = context.get_value_type(tile), ir.IntType(32)
    value = context.cast(builder, value, kind, tile.dtype)
    first = builder.insert_element(ir.Constant(whole, ir.Undefined), value, number(0))
    return builder.shuffle_vector(first, first, ir.VectorType(number, tile.lanes)(None))


def _sides(context, builder, kinds, args, tile):
    """All arguments as tiles of one type."""
    return [_spread(context, builder, x, t, tile) for x, t in zip(args, kinds, strict=True)]


def _first_tile(*kinds):
    """The type of the first tile among some arguments, or None."""
    return next((t for t in kinds if isinstance(t, Tile)), None)


def _place(context, builder, array_type, array, index_type, index, lanes):
    """Pointer to ``lanes`` elements of an array, and the size of one."""
    data = context.make_array(array_type)(context, builder, array)
    index = [
        context.cast(builder, i, t, types.intp)
        for i, t in zip(cgutils.unpack_tuple(builder, index), index_type, strict=True)
    ]
    check = bool(context.enable_boundscheck)
    if check:  # the last element; the first is looked at below
        last = [*index[:-1], builder.add(index[-1], index[-1].type(lanes - 1))]
        cgutils.get_item_pointer(context, builder, array_type, data, last, boundscheck=True)
    one = cgutils.get_item_pointer(context, builder, array_type, data, index, boundscheck=check)
    number = context.get_data_type(array_type.dtype)
    place = builder.bitcast(one, ir.VectorType(number, lanes).as_pointer())
    return place, context.get_abi_sizeof(number)


def _addressed(array, index):
    """Whether ``array[index]`` is an element, and those that follow lie behind it."""
    return isinstance(array, types.Array) and array.layout == "C" and len(index) == array.ndim


def _loaded(array, index, lanes):
    constant = isinstance(lanes, types.IntegerLiteral)
    known = constant and _addressed(array, index)
    return Tile(array.dtype, lanes.literal_value) if known else None


@_define(load, _loaded, (types.Array, types.BaseTuple, types.Integer))
def _load(context, builder, sig, args):
    array, index, _ = sig.args
    place, size = _place(context, builder, array, args[0], index, args[1], sig.return_type.lanes)
    return builder.load(place, align=size)


def _fetched(array, index):
    return types.none if _addressed(array, index) else None


@_define(fetch, _fetched, (types.Array, types.BaseTuple))
def _fetch(context, builder, sig, args):
    array, index = sig.args
    data = context.make_array(array)(context, builder, args[0])
    entries = _entries(context, builder, index, args[1])
    place = cgutils.get_item_pointer(context, builder, array, data, entries, boundscheck=False)
    byte, flag = ir.IntType(8).as_pointer(), ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [byte, flag, flag, flag])
    ask = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
    builder.call(ask, [builder.bitcast(place, byte), flag(0), flag(3), flag(1)])
    return context.get_dummy_value()


def _stored(tile, array, index):
    return types.none if _first_tile(tile) and _addressed(array, index) else None


@_define(store, _stored, (Tile, types.Array, types.BaseTuple))
def _store(context, builder, sig, args):
    tile, array, index = sig.args
    place, size = _place(context, builder, array, args[1], index, args[2], tile.lanes)
    builder.store(args[0], place, align=size)
    return context.get_dummy_value()


def _chosen(mask, x, y):
    return _first_tile(x, y) or Tile(types.unliteral(x), mask.lanes)


@_define(where, _chosen, (Tile, types.Any, types.Any))
def _where(context, builder, sig, args):
    sides = _sides(context, builder, sig.args[1:], args[1:], sig.return_type)
    return builder.select(args[0], *sides)


@_define(fused, _first_tile, (types.Any, types.Any, types.Any))
def _fused(context, builder, sig, args):
    x, y, z = _sides(context, builder, sig.args, args, sig.return_type)
    product = builder.fmul(x, y, flags=("contract",))
    return builder.fadd(product, z, flags=("contract",))


@_define(abs, _first_tile, (Tile,))
def _abs(context, builder, sig, args):
    tile = sig.return_type
    kind = ir.FunctionType(args[0].type, [args[0].type])
    name = f"llvm.fabs.v{tile.lanes}f{tile.dtype.bitwidth}"
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), args)


@_define(bits, lambda mask: types.uint64 if _first_tile(mask) else None, (Tile,))
def _bits(context, builder, sig, args):
    return builder.bitcast(args[0], ir.IntType(64))


def _whole(tile):
    bytes_ = isinstance(tile, Tile) and tile.dtype.bitwidth * tile.lanes == 64
    return types.uint64 if bytes_ else None


@_define(joined, _whole, (Tile,))
def _joined(context, builder, sig, args):
    return builder.bitcast(args[0], ir.IntType(64))


@_define(lowest, lambda number: types.int64, (types.Integer,))
def _lowest(context, builder, sig, args):
    return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))


def _some(tile, count):
    known = isinstance(tile, Tile) and isinstance(count, types.IntegerLiteral)
    return Tiles(tile, count.literal_value) if known else None


@_define(repeated, _some, (Tile, types.Integer))
def _repeated(context, builder, sig, args):
    kind = sig.return_type
    out = ir.Constant(context.get_value_type(kind), ir.Undefined)
    for q in range(kind.count):
        out = builder.insert_value(out, args[0], q)
    return out


def _entries(context, builder, kind, index):
    """The entries of an index as machine integers."""
    entries = zip(cgutils.unpack_tuple(builder, index), kind, strict=True)
    return [context.cast(builder, i, t, types.intp) for i, t in entries]


def _moved(context, builder, entries, axis, number):
    """Type and value of an index of whose entries one is larger by a number."""
    kind, entries = types.UniTuple(types.intp, len(entries)), list(entries)
    entries[axis] = builder.add(entries[axis], number)
    return kind, context.make_tuple(builder, kind, entries)


def _plus_products(tiles, array, index, tile):
    return tiles if isinstance(tiles, Tiles) and _addressed(array, index) else None


@_define(add_products, _plus_products, (Tiles, types.Array, types.BaseTuple, Tile))
def _add_products(context, builder, sig, args):
    kind, array, index, tile = sig.args
    one = Tile(array.dtype, kind.count)  # so that all of its numbers are within bounds
    place, _ = _place(context, builder, array, args[1], index, args[2], one.lanes)
    number = context.get_data_type(array.dtype)
    first, out = builder.bitcast(place, number.as_pointer()), args[0]
    for q in range(kind.count):
        x = builder.load(builder.gep(first, [ir.IntType(64)(q)]))
        product = builder.fmul(
            _spread(context, builder, x, array.dtype, tile), args[3], flags=("contract",)
        )
        total = builder.fadd(product, builder.extract_value(out, q), flags=("contract",))
        out = builder.insert_value(out, total, q)
    return out


@_define(add_rows, _plus_products, (Tiles, types.Array, types.BaseTuple, Tile))
def _add_rows(context, builder, sig, args):
    kind, array, index, tile = sig.args
    entries, out = _entries(context, builder, index, args[2]), args[0]
    for q in range(kind.count):
        at = _moved(context, builder, entries, -2, entries[-2].type(q))
        place, _ = _place(context, builder, array, args[1], *at, 1)
        x = builder.load(builder.bitcast(place, context.get_data_type(array.dtype).as_pointer()))
        product = builder.fmul(
            _spread(context, builder, x, array.dtype, tile), args[3], flags=("contract",)
        )
        total = builder.fadd(product, builder.extract_value(out, q), flags=("contract",))
        out = builder.insert_value(out, total, q)
    return out


def _plus_where(tiles, bytes_, number):
    known = isinstance(tiles, Tiles) and isinstance(bytes_, Tile)
    return tiles if known and tiles.tile.lanes == bytes_.lanes else None


@_define(add_where, _plus_where, (Tiles, Tile, types.Number))
def _add_where(context, builder, sig, args):
    kind, bytes_, number = sig.args
    out, tile = args[0], kind.tile
    added = _spread(context, builder, args[2], number, tile)
    zero = ir.Constant(context.get_value_type(bytes_), None)
    for q in range(kind.count):
        bit = ir.Constant(zero.type, [1 << q] * bytes_.lanes)
        there = builder.icmp_unsigned("!=", builder.and_(args[1], bit), zero)
        before = builder.extract_value(out, q)
        total = builder.select(there, builder.fadd(before, added), before)
        out = builder.insert_value(out, total, q)
    return out


def _plus_square(tiles, scale, array, index, down, across):
    known = isinstance(tiles, Tiles) and _addressed(array, index)
    return tiles if known else None


@_define(
    add_square,
    _plus_square,
    (Tiles, types.Number, types.Array, types.BaseTuple, types.Integer, types.Integer),
)
def _add_square(context, builder, sig, args):
    kind, scale, array, index = sig.args[:4]
    tile, out, k = kind.tile, args[0], int(kind.count**0.5)
    down, across = (
        context.cast(builder, x, t, types.intp) for x, t in zip(args[4:], sig.args[4:], strict=True)
    )
    factor = _spread(context, builder, args[1], scale, tile)

    entries = _entries(context, builder, index, args[3])
    for i in range(k):
        for j in range(k):
            back = builder.add(builder.mul(down, down.type(i)), builder.mul(across, down.type(j)))
            at = _moved(context, builder, entries, -1, builder.neg(back))
            at, size = _place(context, builder, array, args[2], *at, tile.lanes)
            row = builder.fmul(factor, builder.load(at, align=size), flags=("contract",))
            q = i * k + j
            total = builder.fadd(row, builder.extract_value(out, q), flags=("contract",))
            out = builder.insert_value(out, total, q)
    return out


def _all_stored(tiles, array, index):
    known = isinstance(tiles, Tiles) and _addressed(array, index) and array.ndim > 1
    return types.none if known else None


@_define(store_all, _all_stored, (Tiles, types.Array, types.BaseTuple))
def _store_all(context, builder, sig, args):
    kind, array, index = sig.args
    entries = _entries(context, builder, index, args[2])
    for q in range(kind.count):
        at = _moved(context, builder, entries, -2, entries[-2].type(q))
        place, size = _place(context, builder, array, args[1], *at, kind.tile.lanes)
        builder.store(builder.extract_value(args[0], q), place, align=size)
    return context.get_dummy_value()


def _room(shape, like):
    known = isinstance(shape, types.BaseTuple) and isinstance(like, types.Array | types.Number)
    return types.Array(getattr(like, "dtype", like), len(shape), "C") if known else None


@_define(scratch, _room, (types.BaseTuple, types.Array), (types.BaseTuple, types.Number))
def _scratch(context, builder, sig, args):
    kind, intp = sig.return_type, context.get_value_type(types.intp)
    shape = [
        context.cast(builder, n, t, types.intp)
        for n, t in zip(cgutils.unpack_tuple(builder, args[0]), sig.args[0], strict=True)
    ]
    number = context.get_data_type(kind.dtype)
    strides, size = [], intp(context.get_abi_sizeof(number))
    for n in reversed(shape):
        strides.insert(0, size)
        size = builder.mul(size, n)
    owner = context.nrt.meminfo_alloc_aligned(builder, size=size, align=LINE)
    data = builder.bitcast(context.nrt.meminfo_data(builder, owner), number.as_pointer())
    out = context.make_array(kind)(context, builder)
    item = intp(context.get_abi_sizeof(number))
    populate_array(out, data, shape, strides, itemsize=item, meminfo=owner)
    return out._getvalue()


def _cleared(array):
    return types.none if isinstance(array, types.Array) and array.layout == "C" else None


@_define(clear, _cleared, (types.Array,))
def _clear(context, builder, sig, args):
    array = context.make_array(sig.args[0])(context, builder, args[0])
    size = builder.mul(array.nitems, array.itemsize)
    cgutils.memset(builder, array.data, size, 0)
    return context.get_dummy_value()


def _operator(function, of_floats, of_integers):
    """An operator for two tiles, or for a tile and a number."""

    @_define(function, _first_tile, (Tile, Tile), (Tile, types.Number), (types.Number, Tile))
    def code(context, builder, sig, args):
        tile = sig.return_type
        use = of_floats if isinstance(tile.dtype, types.Float) else of_integers
        return use(builder, *_sides(context, builder, sig.args, args, tile))


def _comparison(function, sign):
    """A comparison of two tiles, or of a tile and a number, whose result is a mask."""

    def result(x, y):
        tile = _first_tile(x, y)
        return Tile(types.boolean, tile.lanes) if tile else None

    @_define(function, result, (Tile, Tile), (Tile, types.Number), (types.Number, Tile))
    def code(context, builder, sig, args):
        tile = _first_tile(*sig.args)
        x, y = _sides(context, builder, sig.args, args, tile)
        if isinstance(tile.dtype, types.Float):  # NaN is neither larger than others nor equal
            compare = builder.fcmp_unordered if sign == "!=" else builder.fcmp_ordered
        else:
            compare = builder.icmp_signed if tile.dtype.signed else builder.icmp_unsigned
        return compare(sign, x, y)


_build = ir.IRBuilder
_operator(operator.add, _build.fadd, _build.add)
_operator(operator.sub, _build.fsub, _build.sub)
_operator(operator.mul, _build.fmul, _build.mul)
_operator(operator.truediv, _build.fdiv, None)
_operator(operator.and_, None, _build.and_)
_operator(operator.or_, None, _build.or_)
_operator(operator.lshift, None, _build.shl)
_operator(operator.rshift, None, _build.lshr)
_comparison(operator.gt, ">")
_comparison(operator.ne, "!=")
