"""Tiles in registers do what NumPy does; threads wait for each other, and for no longer."""

import threading
import time

import numpy as np
import pytest
from numba import config, njit

from snnlab import _workers
from snnlab.kernels.spin import wait
from snnlab.kernels.vector import (
    LINE,
    add_products,
    add_rows,
    bits,
    clear,
    fetch,
    fused,
    joined,
    load,
    lowest,
    repeated,
    scratch,
    store,
    store_all,
    where,
)

FLOATS, INTEGERS = (np.float32, np.float64), (np.int32, np.uint8)
LANES = (8, 16, 64)
N = 128  # numbers per row: whole tiles of any width
compiled = pytest.mark.skipif(bool(config.DISABLE_JIT), reason="nothing is compiled here")


def numbers(dtype):
    """Two arrays that hold every pair of some awkward numbers, and ordinary ones."""
    rng = np.random.default_rng(0)
    limits = np.finfo(dtype) if np.dtype(dtype).kind == "f" else np.iinfo(dtype)
    if np.dtype(dtype).kind == "f":
        odd = [0.0, -0.0, 1.0, -2.75, np.inf, np.nan, limits.smallest_subnormal, limits.max]
        some = rng.normal(size=(2, 64))
    else:
        odd = [0, 1, 2, 3, limits.min, limits.min + 1, limits.max // 2 + 1, limits.max]
        some = rng.integers(limits.min, limits.max, (2, 64), endpoint=True)
    x, y = np.array([(x, y) for x in odd for y in odd]).T
    return tuple(np.concatenate([a, b]).astype(dtype) for a, b in zip((x, y), some, strict=True))


def plain(function):
    """The function as Python runs it."""
    return getattr(function, "py_func", function)


def assert_same(x, y):
    """Equal numbers, bit for bit; any NaN is like any other."""
    assert x.dtype == y.dtype and x.shape == y.shape
    for k, (one, other) in enumerate(zip(x, y, strict=True)):
        number = ~(np.isnan(one) & np.isnan(other))
        assert one[number].tobytes() == other[number].tobytes(), f"row {k}: {one} and {other}"


def assert_like_plain(function, rows, dtype, *arguments):
    """A function that fills rows of an array fills them alike compiled and plain."""
    found = np.zeros((2, rows, N), dtype)
    function(*arguments, found[0])
    with np.errstate(all="ignore"):
        plain(function)(*arguments, found[1])
    assert_same(*found)


def cases(dtypes, **marks):
    """Decorator: a test for each of some types and all widths of a tile."""
    types = [pytest.param(t, marks=marks.get(t.__name__, ()), id=t.__name__) for t in dtypes]
    return lambda test: pytest.mark.parametrize("lanes", LANES)(
        pytest.mark.parametrize("dtype", types)(test)
    )


# operators ----------------------------------------------------------------------------------------


@compiled
@pytest.mark.bounds
@cases(FLOATS + INTEGERS)
def test_sums_differences_and_products_are_those_of_numpy(dtype, lanes):
    @njit
    def fill(a, b, k, out):
        for j in range(0, N, lanes):
            x, y = load(a, (j,), lanes), load(b, (j,), lanes)
            store(x + y, out, (0, j))
            store(x + k, out, (1, j))
            store(k + x, out, (2, j))
            store(x - y, out, (3, j))
            store(x - k, out, (4, j))
            store(k - x, out, (5, j))
            store(x * y, out, (6, j))
            store(x * k, out, (7, j))
            store(k * x, out, (8, j))
            store(2 * x - 1, out, (9, j))

    a, b = numbers(dtype)
    for k in (dtype(3), a[60], b[100]):
        assert_like_plain(fill, 10, dtype, a, b, k)


@compiled
@cases(FLOATS)
def test_quotients_and_sizes_are_those_of_numpy(dtype, lanes):
    @njit
    def fill(a, b, k, out):
        for j in range(0, N, lanes):
            x, y = load(a, (j,), lanes), load(b, (j,), lanes)
            store(x / y, out, (0, j))
            store(x / k, out, (1, j))
            store(k / x, out, (2, j))
            store(1 / x, out, (3, j))
            store(abs(x), out, (4, j))
            store(0.5 * abs(x - y), out, (5, j))

    a, b = numbers(dtype)
    for k in (dtype(3), dtype(0), b[100]):
        assert_like_plain(fill, 6, dtype, a, b, k)


@compiled
@cases(INTEGERS)
def test_bits_are_combined_as_by_numpy(dtype, lanes):
    @njit
    def fill(a, b, k, out):
        for j in range(0, N, lanes):
            x, y = load(a, (j,), lanes), load(b, (j,), lanes)
            store(x & y, out, (0, j))
            store(x & k, out, (1, j))
            store(k & x, out, (2, j))
            store(x | y, out, (3, j))
            store(x | k, out, (4, j))
            store(k | x, out, (5, j))
            store(x & 0, out, (6, j))

    a, b = numbers(dtype)
    for k in (dtype(1), a[60], b[100]):
        assert_like_plain(fill, 7, dtype, a, b, k)


@compiled
@cases(FLOATS + INTEGERS)
def test_tiles_are_ordered_as_by_numpy(dtype, lanes):
    @njit
    def fill(a, b, k, out):
        for j in range(0, N, lanes):
            x, y = load(a, (j,), lanes), load(b, (j,), lanes)
            store(where(x > y, x, y), out, (0, j))
            store(where(x > k, x, y), out, (1, j))
            store(where(k > x, x, y), out, (2, j))
            store(where(x > 0, x, y), out, (3, j))
            store(where((x > y) & (x > k), x, y), out, (4, j))
            store(where((x > y) | (k > y), x, y), out, (5, j))

    a, b = numbers(dtype)
    for k in (dtype(3), a[60], b[100]):
        assert_like_plain(fill, 6, dtype, a, b, k)


@compiled
@cases(FLOATS + INTEGERS)
def test_masks_choose_between_tiles_and_numbers(dtype, lanes):
    one, two = dtype(1), dtype(2)

    @njit
    def fill(a, b, k, out):
        for j in range(0, N, lanes):
            x, y = load(a, (j,), lanes), load(b, (j,), lanes)
            store(where(x != y, x, y), out, (0, j))
            store(where(x != k, x, k), out, (1, j))
            store(where(k != x, k, x), out, (2, j))
            store(where(x != 0, 1, x), out, (3, j))
            store(where(x != y, one, two), out, (4, j))
            store(where(where(x != y, False, x != k), x, y), out, (5, j))

    a, b = numbers(dtype)
    for k in (dtype(3), a[60], b[100]):
        assert_like_plain(fill, 6, dtype, a, b, k)


@compiled
@cases(FLOATS)
def test_fused_differs_by_one_rounding_at_most(dtype, lanes):
    @njit
    def fill(a, b, c, k, out):
        for j in range(0, N, lanes):
            x, y, z = load(a, (j,), lanes), load(b, (j,), lanes), load(c, (j,), lanes)
            store(fused(x, y, z), out, (0, j))
            store(fused(k, y, z), out, (1, j))
            store(fused(x, k, z), out, (2, j))
            store(fused(x, y, k), out, (3, j))
            store(fused(x, k, k), out, (4, j))
            store(fused(k, k, x), out, (5, j))

    rng = np.random.default_rng(1)
    a, b, c = rng.normal(size=(3, N)).astype(dtype)
    c[: N // 2] = -a[: N // 2] * b[: N // 2]  # nothing is left but what was rounded off
    found, k = np.zeros((2, 6, N), dtype), dtype(-1.1)
    fill(a, b, c, k, found[0])
    plain(fill)(a, b, c, k, found[1])
    products = [a * b, k * b, a * k, a * b, a * k, np.full(N, k * k)]
    for one, other, product in zip(*found, products, strict=True):
        step = np.maximum(np.spacing(abs(product)), np.spacing(abs(other)))
        assert (abs(one - other) <= step).all()


@compiled
@cases((np.float32,))
def test_a_tile_goes_through_a_loop_and_a_branch(dtype, lanes):
    """As it does through time."""

    @njit
    def fill(a, n, out):
        for j in range(0, N, lanes):
            x, seen = load(a, (j,), lanes), load(a, (j,), lanes) * 0
            for k in range(n):
                x = where(x > 1, x - 1, x + x)
                if k % 3 > 0:
                    seen = seen + x
                else:
                    seen = x
            store(x, out, (0, j))
            store(seen, out, (1, j))

    for n in (0, 1, 2, 9):
        assert_like_plain(fill, 2, dtype, numbers(dtype)[0], n)


# memory -------------------------------------------------------------------------------------------


def _copiers(lanes):
    """Copy a tile from place to place in arrays of one, two and three dimensions."""

    @njit
    def in_one(source, out, i, k, j, to):
        store(load(source, (j,), lanes), out, (to,))

    @njit
    def in_two(source, out, i, k, j, to):
        store(load(source, (np.uint64(k), j), lanes), out, (k, np.uint64(to)))

    @njit
    def in_three(source, out, i, k, j, to):
        store(load(source, (i, np.uint64(k), j), lanes), out, (np.uint64(i), k, to))

    return in_one, in_two, in_three


@pytest.mark.nojit
@pytest.mark.bounds
@cases(FLOATS + INTEGERS)
def test_a_tile_is_stored_where_it_belongs_and_nowhere_else(dtype, lanes):
    shape = (2, 3, 67)
    for axes, copy in enumerate(_copiers(lanes), 1):
        source = (np.arange(np.prod(shape[-axes:])) % 251).astype(dtype).reshape(shape[-axes:])
        last = 67 - lanes
        for i, k, j, to in ((0, 0, 0, 0), (1, 2, last, last), (0, 1, 1, last), (1, 0, last, 2)):
            row, out = (i, k)[2 - (axes - 1) :], np.full_like(source, 255)
            copy(source, out, i, k, j, to)
            expected = np.full_like(source, 255)
            expected[row][to : to + lanes] = source[row][j : j + lanes]
            assert np.array_equal(out, expected)


@pytest.mark.nojit
@pytest.mark.bounds
def test_lines_are_fetched_beyond_the_end_too():
    """Nothing is read or written; a wild index ends no process."""

    @njit
    def ask(x, j):
        fetch(x, (0, 1))
        fetch(x, (j, -j))
        return x.sum()

    assert ask(np.arange(6.0).reshape(2, 3), 10**12) == 15


@pytest.mark.nojit
@pytest.mark.bounds
@pytest.mark.parametrize("dtype", FLOATS)
def test_products_are_added_row_by_row(dtype):
    """Of numbers one below the other, and of those in a row."""

    @njit
    def add(x, tile, down, out):
        acc = repeated(load(tile, (0,), 8), 3)
        weight = load(tile, (8,), 8)
        acc = (
            add_rows(acc, x, (1, 1, 2), weight) if down else add_products(acc, x, (1, 1, 2), weight)
        )
        store_all(acc, out, (0, 0))

    rng = np.random.default_rng(0)
    x, tile = rng.integers(-9, 9, (2, 5, 6)).astype(dtype), rng.integers(-9, 9, 16).astype(dtype)
    for down in (True, False):
        out, numbers = np.zeros((3, 8), dtype), x[1, 1:4, 2] if down else x[1, 1, 2:5]
        add(x, tile, down, out)
        assert np.array_equal(out, tile[:8] + numbers[:, None] * tile[8:])


@pytest.mark.nojit
@pytest.mark.bounds
def test_a_tile_is_a_copy():
    """An array that is written to afterwards leaves it as it was."""

    @njit
    def swap(x):
        one, other = load(x, (0, 0), 8), load(x, (1, 0), 8)
        store(one, x, (1, 0))
        store(other, x, (0, 0))

    x = np.arange(16.0).reshape(2, 8)
    swap(x)
    assert x.tolist() == [[*range(8, 16)], [*range(8)]]


@pytest.mark.bounds
@pytest.mark.skipif(not config.BOUNDSCHECK, reason="needs NUMBA_BOUNDSCHECK=1")
@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_no_tile_reaches_past_the_end_of_an_axis(dtype):
    shape = (2, 3, 20)  # in memory, a row is followed by another: only the check can tell
    for axes, copy in enumerate(_copiers(16), 1):
        source, out = np.ones(shape[-axes:], dtype), np.zeros(shape[-axes:], dtype)
        copy(source, out, 1, 2, 4, 4)
        outside = [(1, 2, 5, 0), (1, 2, 0, 5), (1, 2, 20, 0), (1, 2, 0, 20), (1, 2, -1, 0)]
        outside += [(1, 2, 0, -1)] + [(1, 3, 0, 0)] * (axes > 1)
        outside += [(2, 2, 0, 0), (-1, 2, 0, 0)] * (axes > 2)
        for place in outside:
            out[...] = 0
            with pytest.raises(IndexError):
                copy(source, out, *place)
            assert not out.any(), place


@njit
def _rooms(m, like):
    """Scratch of some shapes, filled with what tells if two of them overlap."""
    one, two, three = scratch((m,), like), scratch((m, 3), like), scratch((2, m, 5), np.uint8(0))
    clear(one)
    clear(two)
    clear(three)
    for i in range(m):
        one[i] = i + 1
    for i in range(m):
        three[1, i, 4] = i + 2
    return one, two, three


@pytest.mark.nojit
@pytest.mark.bounds
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
def test_scratch_begins_on_a_cache_line_and_can_be_cleared(dtype):
    for m in (0, 1, 7, 64):
        one, two, three = _rooms(m, np.ones(3, dtype))
        assert one.dtype == two.dtype == dtype and three.dtype == np.uint8
        assert one.shape == (m,) and two.shape == (m, 3) and three.shape == (2, m, 5)
        begin = [x.ctypes.data % LINE for x in (one, two, three) if x.size]
        assert not any(begin) and all(x.flags.c_contiguous for x in (one, two, three))
        assert one.tolist() == [*range(1, m + 1)] and not two.any()
        assert three[1, :, 4].tolist() == [*range(2, m + 2)]
        assert three.sum() == three[1, :, 4].sum()


# sets of units as bits ----------------------------------------------------------------------------


@njit
def _joined(x):
    return joined(load(x, (0,), 8)), joined(load(x, (3,), 8))


@pytest.mark.nojit
@pytest.mark.bounds
def test_eight_bytes_are_joined_to_a_number():
    x = np.array([1, 2, 3, 4, 5, 6, 7, 248, 9, 10, 255], np.uint8)
    first, second = _joined(x)
    assert int(first) == int.from_bytes(bytes(x[:8]), "little")
    assert int(second) == int.from_bytes(bytes(x[3:]), "little")


@njit
def _members(x, out):
    """Which of 64 numbers are positive: as bits, and one by one."""
    left, n = bits(load(x, (0,), 64) > 0), 0
    found = left
    while left != 0:
        out[n] = lowest(left)
        left &= left - np.uint64(1)
        n += 1
    return found, n


@pytest.mark.nojit
@pytest.mark.bounds
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
def test_masks_become_bits_and_bits_become_places(dtype):
    rng = np.random.default_rng(2)
    for share in (0, 0.02, 0.5, 1):
        x = (rng.random(64) < share).astype(dtype)
        for k in (None, 0, 63):  # the sign's place too
            if k is not None:
                x[k] = 1
            out = np.full(64, -1)
            found, n = _members(x, out)
            assert int(found) == sum(1 << int(j) for j in np.flatnonzero(x))
            assert out[:n].tolist() == np.flatnonzero(x).tolist() and (out[n:] == -1).all()


# waiting ------------------------------------------------------------------------------------------


@pytest.mark.nojit
@pytest.mark.bounds
def test_waiting_ends_at_once_when_the_number_is_there():
    number = np.array([3])
    wait(number, 3)
    began = time.perf_counter()
    for enough in (3, 2, -1):
        wait(number, enough, looks=10**12)
    assert time.perf_counter() - began < 5 and number[0] == 3


@compiled
def test_waiting_ends_when_another_thread_raises_the_number():
    number = np.zeros(1, np.int64)
    wait(number, 0)

    def count():
        for _ in range(3):
            time.sleep(0.01)
            number[0] += 1

    counter = threading.Thread(target=count)
    counter.start()
    wait(number, 3, looks=10**12)  # the lock is free meanwhile, or the other would never count
    assert number[0] == 3
    counter.join()


@pytest.mark.nojit
@pytest.mark.bounds
def test_waiting_ends_after_so_many_looks():
    number = np.zeros(1, np.int64)
    for looks in (0, 1, 1000):
        wait(number, 1, looks)
    wait(number, 1)
    assert number[0] == 0


# sharing work -------------------------------------------------------------------------------------


@pytest.mark.nojit
def test_many_quick_calls_cover_their_ranges_once():
    done = np.zeros(7, int)

    def work(lo, hi):
        done[lo:hi] += 1

    for call in range(1, 1001):
        _workers.share(work, 7, 1 + call % 4)
        assert (done == call).all()


def test_many_callers_at_a_time_get_their_own_work_done():
    faults = []

    def call(k):
        try:
            for n in range(2, 200):
                done = np.zeros(n, int)

                def work(lo, hi, done=done):
                    done[lo:hi] += k

                _workers.share(work, n, 2 + n % 3)
                assert (done == k).all()
        except BaseException as fault:
            faults.append(fault)

    callers = [threading.Thread(target=call, args=(k,), daemon=True) for k in range(1, 7)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(60)
        assert not caller.is_alive(), "it waits for a helper that never ends"
    assert faults == []


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_faults_are_raised_after_all_parts_have_ended(error):
    """Again and again, and the helpers are there for the next call."""
    for call in range(60):
        bad, ended = call % 3, []

        def work(lo, hi, bad=bad, ended=ended, call=call):
            if lo == bad:
                raise error(call)
            time.sleep(2e-4 * (call % 5))
            ended.append(lo)

        with pytest.raises(error, match=f"^{call}$"):
            _workers.share(work, 3, 3)
        assert sorted(ended) == [lo for lo in range(3) if lo != bad]


def test_helpers_that_went_to_sleep_wake_up():
    done = np.zeros(4, int)

    def work(lo, hi):
        done[lo:hi] += 1

    for call, pause in enumerate([0, 1e-5, 1e-4, 1e-3, 0.02, 0.1] * 3, 1):
        time.sleep(pause)
        _workers.share(work, 4, 4)
        assert (done == call).all()


def test_the_caller_waits_for_parts_that_take_longer_than_a_look():
    for seconds in (0, 5e-5, 1e-3, 0.02):
        done = np.zeros(3, int)

        def work(lo, hi, done=done, seconds=seconds):
            time.sleep(seconds * lo)
            done[lo:hi] = 1

        _workers.share(work, 3, 3)
        assert done.all()
