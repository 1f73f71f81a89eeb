"""Kernels of spiking convolutions: images (y, x, channel) of neurons, some samples at a time.

One shape serves the currents and the error below alike::

    acc[t] += value[t] * row

For a block of eight steps (or four: `steps_of`) the units of an image that are not silent in
all of them are listed row by row; what a patch hears is then a few runs of that list. An entry says
which unit, and what it gives in each step: its spikes are a byte, which a table turns into eight
factors; values, and adjoint currents, have a row of the table each. The sums of all steps for a
tile of output channels stay in registers, and the neuron (`snnlab.kernels.lif.move`) goes through
them at once: currents are never stored.

The gradient by weights is a sum over spikes: for a row of the image and a channel, that of all
places in a kernel is in registers while the row's spikes pass by.

Channels come in tiles. Arrays that only kernels see hold whole tiles of them, and tile by tile
(`snnlab.layers.patches`): weights (tile, place in the kernel and channel heard, lane), and adjoint
currents (sample, one after the other: tile, step, y, x, lane), with a margin of zeros around the
images. What is heard is a pair, ``bits`` (sample, block, unit) of spikes and ``values`` (sample,
time or 1, unit), of which one has no samples; `shape_of`, `back_shape_of` and `times` make the
numbers. Traces are as in `snnlab.kernels.lif`.

Kernels are made, for a shape of tiles, when they are first used. Pieces of them are not made with
them: what a kernel encloses is part of its name on disk, and may be numbers only.
"""

from functools import cache

import numpy as np

from snnlab.kernels.compiled import inner, kernel, part
from snnlab.kernels.lif import BLOCK, GIVEN, MEMBERS, SIZE, move, move_back, slope
from snnlab.kernels.vector import (
    WIDE,
    add_products,
    add_square,
    add_where,
    clear,
    fetch,
    load,
    repeated,
    scratch,
    store,
    store_all,
    where,
)

AHEAD = 2  # tiles: so early are rows of many steps asked for, too many to be foreseen
WHOLE = 0.8  # share of the units above which to follow a list takes longer than to take all
_u = np.uint64  # unsigned indices need no test for those that count from the end


def lanes_of(channels, dtype):
    """How many channels a tile holds: the sums of `steps_of` then fill half of the registers."""
    return WIDE // 4 if channels <= WIDE // 4 else 2 * WIDE // np.dtype(dtype).itemsize


def steps_of(n_steps):
    """Steps that are summed up at once: fewer where there are fewer registers."""
    return 4 if n_steps <= 4 or WIDE < 64 else BLOCK


def shape_of(heard, given, k, stride, padding):
    """``shape`` of a convolution forward: images heard and given (y, x, channel)."""
    return *heard, *given, k, stride, -padding, 1, 0


def back_shape_of(heard, given, k, stride, padding):
    """That of its error: as a convolution of the adjoint currents, ``heard``.

    Kernels of weights that are `snnlab.layers.patches.turned`: at a stride of s, s * s smaller
    ones.
    """
    size = -(-k // stride)
    return *heard, *given, size, 1, padding, stride, 1 - size


def times(n_steps, delay=0, *, zero_reset=False, attached=False):
    """``time``: steps of a sample, a delay, and how a spike resets."""
    return n_steps, delay, int(zero_reset), int(attached)


# lists of what is heard ---------------------------------------------------------------------------


@inner
def _hear(bits, s, first, m, n, heard):
    """Fill ``heard`` (n,) with the spikes of m steps from ``first`` on, a bit per step."""
    block = first // BLOCK
    r = first - block * BLOCK
    clear(heard)
    if 0 <= block < bits.shape[1]:
        for i in range(n):
            heard[i] = bits[s, block, i] >> r
    if r > 0 and 0 <= block + 1 < bits.shape[1]:
        for i in range(n):
            heard[i] |= (bits[s, block + 1, i] << (BLOCK - r)) & 255
    if m < BLOCK:
        for i in range(n):
            heard[i] &= (1 << m) - 1


@inner
def _list_spikes(heard, image, which, code, columns):
    """List the units that spike: where in its row, and its byte; and where columns begin."""
    ny, nx, c = image
    m = 0
    for y in range(ny):
        for x in range(nx):
            columns[y * (nx + 1) + x] = m
            for i in range(x * c, (x + 1) * c):
                byte = heard[_u(y * nx * c + i)]
                which[_u(m)], code[_u(m)] = i, byte  # no branch: the next overwrites it
                m += np.int64(byte != 0)
        columns[y * (nx + 1) + nx] = m


@inner
def _list_values(values, s, first, m, image, which, code, columns, table):
    """The same of values; ``table`` gets a row for each. Those of one step are in all of them."""
    ny, nx, c = image
    zero, n_steps = values.dtype.type(0.0), values.shape[1]
    k = 0
    for y in range(ny):
        for x in range(nx):
            columns[y * (nx + 1) + x] = k
            for i in range(x * c, (x + 1) * c):
                some = False
                for q in range(table.shape[1]):
                    t = first + q
                    given = zero
                    if n_steps == 1:
                        given = values[s, 0, y * nx * c + i]
                    elif q < m and 0 <= t < n_steps:
                        given = values[s, t, y * nx * c + i]
                    table[k, q] = given
                    some |= given != zero
                which[k], code[k] = i, k
                k += np.int64(some)
        columns[y * (nx + 1) + nx] = k


@inner
def _list_adjoints(g, s, first, m, given, image, which, code, columns, table):
    """The same of adjoint currents, tile by tile with a margin: steps, lanes, margin ``given``.

    ``table`` gets a row for each unit, listed or not. Returns how many are.
    """
    (n_steps, lanes, margin), (ny, nx, c) = given, image
    zero, wide = g.dtype.type(0.0), nx + 2 * margin
    plane = (ny + 2 * margin) * wide * lanes
    k = 0
    for y in range(ny):
        for x in range(nx):
            columns[y * (nx + 1) + x] = k
            for tile in range(c // lanes):
                at = (tile * n_steps + first) * plane + ((y + margin) * wide + x + margin) * lanes
                unit = (y * nx + x) * c + tile * lanes
                for j in range(lanes):
                    some = False
                    for q in range(table.shape[1]):
                        given = g[_u(s), _u(at + q * plane + j)] if q < m else zero
                        table[_u(unit + j), _u(q)] = given
                        some |= given != zero
                    which[_u(k)], code[_u(k)] = unit + j - y * nx * c, unit + j
                    k += np.int64(some)
        columns[y * (nx + 1) + nx] = k
    return k


@inner
def _factors(table):
    """Fill a table of 256 rows with the bits of its rows' numbers."""
    for byte in range(256):
        for q in range(table.shape[1]):
            table[byte, q] = byte >> q & 1


# currents -----------------------------------------------------------------------------------------


@part
def _patch_of(at, shape):
    """What a place hears: the patch's first row, its columns from and to, where weights begin.

    ``at`` is the tile, y and x.
    """
    _, nx, c, _, _, _, size, up, shift, down, back = shape
    _, y, x = at
    top, left = (y * up + shift) // down, (x * up + shift) // down
    phase = (y * up + shift - top * down) * down + x * up + shift - left * down
    top, left = top + back, left + back
    begin = left if left > 0 else 0
    end = left + size if left + size < nx else nx
    return top, begin, end, (phase * size * size - left) * c


@part
def _sum_patch(acc, which, code, columns, table, weights, at, shape, lanes):
    """Add what a place hears to a tile's sums, step by step: what is listed in its patch."""
    ny, nx, c, size = shape[0], shape[1], shape[2], shape[6]
    top, begin, end, start = _patch_of(at, shape)
    for i in range(size):
        if 0 <= top + i < ny and begin < end:
            row, base = (top + i) * (nx + 1), start + i * size * c
            for p in range(columns[row + begin], columns[row + end]):
                weight = load(weights, (at[0], base + which[_u(p)], 0), lanes)
                acc = add_products(acc, table, (_u(code[_u(p)]), 0), weight)
    return acc


@part
def _sum_whole_patch(acc, table, weights, at, shape, lanes):
    """As `_sum_patch`, of all units in the patch: ``table`` has a row for each of the image."""
    ny, nx, c, size = shape[0], shape[1], shape[2], shape[6]
    top, begin, end, start = _patch_of(at, shape)
    for i in range(size):
        if 0 <= top + i < ny:
            row, base = (top + i) * nx * c, start + i * size * c
            for p in range(begin * c, end * c):
                weight = load(weights, (at[0], base + p, 0), lanes)
                acc = add_products(acc, table, (_u(row + p), 0), weight)
    return acc


@part
def take_tile(array, s, t, unit, own, row, lanes):
    """A tile of an array, of whose channels ``own`` exist."""
    if own == lanes:
        return load(array, (s, t, unit), lanes)
    for j in range(own):
        row[j] = array[s, t, unit + j]
    return load(row, (0,), lanes)


@part
def add_tile(rows, q, own, out, to, lanes):
    """Add row q, of whose channels ``own`` exist, to an array (sample, time, unit) at ``to``."""
    if own == lanes:
        store(load(out, to, lanes) + load(rows, (q, 0), lanes), out, to)
    else:
        s, t, unit = to
        for j in range(own):
            out[s, t, unit + j] += rows[q, j]


@part
def _scale_rows(rows, m, s, first, given, unit, at, own, row, lanes):
    """A tile of currents that have been worked out, scaled and shifted; ``at`` is the tile's."""
    currents, scale, shift = given
    a, b = load(scale, (at,), lanes), load(shift, (at,), lanes)
    for q in range(max(0, -first), m):
        t = first + q if currents.shape[1] > 1 else 0
        store(a * take_tile(currents, s, t, unit, own, row, lanes) + b, rows, (q, 0))


@part
def _go_through(rows, m, before, state, left_of, at, constants, hold, of, reset, spikes, lanes):
    """A tile of neurons through m steps: currents in ``rows`` become potentials.

    ``before`` is how many have been, and ``spikes`` those of them in the same byte; ``at`` and
    ``of`` are where its state and its constants lie. A state that is not read again is at -1.
    """
    longest, zero_reset, zero = reset
    a, b = load(constants, (0, of), lanes), load(constants, (1, of), lanes)
    g, theta = load(constants, (2, of), lanes), load(constants, (3, of), lanes)
    held, place = load(hold, (of,), lanes), max(at, 0)
    left = load(left_of, (place,), lanes)
    current = load(state, (0, place), lanes)
    rest = load(constants, (4, of), lanes) if before == 0 else load(state, (1, place), lanes)
    for q in range(m):
        current = current + load(rows, (q, 0), lanes)
        x, fires, current, rest, left = move(
            current,
            rest,
            left,
            a,
            b,
            g,
            theta,
            held,
            zero,
            zero,
            False,
            longest,
            zero_reset,
            zero,
        )
        store(x, rows, (q, 0))
        spikes = spikes | where(fires, np.uint8(1 << (before + q) % BLOCK), np.uint8(0))
    if at >= 0:
        store(current, state, (0, at))
        store(rest, state, (1, at))
        store(left, left_of, (at,))
    return spikes


@inner
def _hear_beside(bits, which, s, first, m, n, theirs, side):
    """As `_hear`, of n units beside; ``which``, if it is not their own, each is added."""
    if which.shape[0] == 0:
        _hear(bits, s, first, m, n, side)
    else:
        _hear(bits, s, first, m, theirs.shape[0], theirs)
        for i in range(n):
            side[i] = theirs[which[i]] if which[i] >= 0 else np.uint8(0)


@part
def _add_others(rows, m, s, first, side, added, which, unit, own, lanes):
    """Add what comes by a shortcut: spikes, in ``side``, or values, if there are any."""
    zero, one = rows.dtype.type(0.0), rows.dtype.type(1.0)
    for q in range(m if side.shape[0] > 0 else 0):
        theirs = (load(side, (unit,), lanes) & np.uint8(1 << q)) != 0
        store(load(rows, (q, 0), lanes) + where(theirs, one, zero), rows, (q, 0))
    for q in range(m if added.shape[0] > 0 else 0):
        if first + q >= 0:
            t = first + q if added.shape[1] > 1 else 0
            for j in range(own):
                i = which[unit + j] if which.shape[0] > 0 else unit + j
                if i >= 0:
                    rows[q, j] += added[s, t, i]


@part
def _keep(rows, m, s, before, n_steps, spikes, row, unit, own, v, z, lanes):
    """Potentials and spikes of a tile, of which ``own`` channels exist."""
    if own == lanes:
        store(spikes, z, (s, before // BLOCK, unit))
        for q in range(m if v.shape[0] > 0 else 0):
            store(load(rows, (q, 0), lanes), v, (s, n_steps - 1 - before - q, unit))
    else:
        store(spikes, row, (0,))
        for j in range(own):
            z[s, before // BLOCK, unit + j] = row[j]
        for q in range(m if v.shape[0] > 0 else 0):
            for j in range(own):
                v[s, n_steps - 1 - before - q, unit + j] = rows[q, j]


@cache
def make_fire(lanes, steps):
    """LIF layer: a convolution's currents, compared at once; fills ``z``, and ``v`` if it is kept.

    Values that are heard in one step act in every step from a delay on. By a shortcut it may hear
    others ``beside``: bits, values, and which of them each unit is added (-1: none; empty: its
    own). ``weights`` are tiled; ``constants`` and ``hold`` are as for
    `snnlab.kernels.lif`, for a tile whose units are all alike, or place by place for whole tiles
    (`snnlab.layers.patches.by_place`). ``given``: currents (sample, time or 1, unit), scale and
    shift per channel, whole tiles of them; where there are currents, nothing is summed up but these
    are scaled, and else the shift is a constant current.
    """

    @kernel
    def fire(heard, beside, weights, given, constants, hold, shape, time, v, z, lo, hi):
        bits, values = heard
        beside, added, others = beside
        currents, shift = given[0], given[2]
        n_y, n_x, n_c = shape[3], shape[4], shape[5]
        image, n_steps, delay = (shape[0], shape[1], shape[2]), time[0], time[1]
        tiles, n_in, n = weights.shape[0], image[0] * image[1] * image[2], n_y * n_x * n_c
        spiking, constant = bits.shape[0] > 0, values.shape[0] > 0 and values.shape[1] == 1
        several, like = n_steps > steps, constants.shape[1] == lanes
        room = n_y * n_x * tiles * lanes if several else lanes
        state, left_of = scratch((2, room), weights), scratch((room,), hold)
        drive = scratch((room if constant else lanes,), weights)
        which, code = scratch((n_in + 1,), np.int32(0)), scratch((n_in + 1,), np.int32(0))
        columns = scratch((image[0] * (image[1] + 1),), np.int64(0))
        table = scratch((256 if spiking else n_in + 1, steps), weights)
        now, side = scratch((n_in,), z), scratch((n + lanes if beside.shape[0] > 0 else 0,), z)
        theirs = scratch((beside.shape[2] if others.shape[0] > 0 else 0,), z)
        rows, silent = scratch((steps, lanes), weights), scratch((lanes,), weights)
        nothing, row, some = scratch((lanes,), z), scratch((lanes,), z), scratch((lanes,), weights)
        longest = 0
        for j in range(hold.shape[0]):
            longest = hold[j] if hold[j] > longest else longest
        reset = longest, time[2] != 0, weights.dtype.type(0.0)
        clear(nothing)
        clear(side)
        clear(silent)
        clear(some)
        if spiking:
            _factors(table)
        for s in range(lo, hi):
            clear(state)
            clear(left_of)
            for before in range(0, n_steps, steps):
                m, first = min(steps, n_steps - before), before - delay
                if spiking:
                    _hear(bits, s, first, m, n_in, now)
                    _list_spikes(now, image, which, code, columns)
                elif currents.shape[0] == 0 and (before == 0 or not constant):
                    _list_values(values, s, first, m, image, which, code, columns, table)
                if beside.shape[0] > 0:
                    _hear_beside(beside, others, s, first, m, n, theirs, side)
                for y in range(n_y):
                    for tile in range(tiles):
                        own = min(n_c - tile * lanes, lanes)
                        for x in range(n_x):
                            place = ((y * n_x + x) * tiles + tile) * lanes
                            at, of = place if several else 0, 0 if like else place
                            unit = (y * n_x + x) * n_c + tile * lanes
                            if currents.shape[0] > 0:
                                of_tile = tile * lanes
                                _scale_rows(
                                    rows, m, s, first, given, unit, of_tile, own, some, lanes
                                )
                            elif constant and before > 0:  # what was summed up in the first block
                                acc = repeated(load(drive, (at,), lanes), steps)
                                store_all(acc, rows, (0, 0))
                            else:
                                acc = repeated(load(shift, (tile * lanes,), lanes), steps)
                                to = tile, y, x
                                acc = _sum_patch(
                                    acc, which, code, columns, table, weights, to, shape, lanes
                                )
                                store_all(acc, rows, (0, 0))
                            if constant:
                                store(load(rows, (0, 0), lanes), drive, (at,))
                            for q in range(min(m, -first)):  # nothing has arrived yet
                                store(load(silent, (0,), lanes), rows, (q, 0))
                            _add_others(rows, m, s, first, side, added, others, unit, own, lanes)
                            spikes, kept = load(nothing, (0,), lanes), at if several else -1
                            if before % BLOCK > 0:
                                spikes = take_tile(z, s, before // BLOCK, unit, own, row, lanes)
                            spikes = _go_through(
                                rows,
                                m,
                                before,
                                state,
                                left_of,
                                kept,
                                constants,
                                hold,
                                of,
                                reset,
                                spikes,
                                lanes,
                            )
                            _keep(rows, m, s, before, n_steps, spikes, row, unit, own, v, z, lanes)

    return fire


@inner
def _by_rows(heard, image, margin, wide, out):
    """The spikes of an image channel by channel, rows of ``wide`` with a margin of zeros."""
    ny, nx, c = image
    for y in range(ny):
        for x in range(nx):
            for i in range(c):
                at = (i * (ny + 2 * margin) + y + margin) * wide + x + margin
                out[_u(at)] = heard[_u((y * nx + x) * c + i)]


@cache
def make_fire_thin(lanes, steps):
    """As `make_fire`, where few weights are left: work in proportion to them, not to the spikes.

    Tiles are of ``lanes`` places in a row of the image, and each weight that is there is added
    where it meets spikes, in the order in which `make_fire` adds. For strides of 1, spikes, neurons
    that are alike and no shortcut. ``thin``: per channel where its weights begin, of each weight
    the place in a patch and the channel heard, and the weights themselves.
    """

    @kernel
    def fire(bits, thin, shift, constants, hold, shape, time, z, lo, hi):
        begin, places, weights = thin
        ny, nx, c, k = shape[0], shape[1], shape[2], shape[6]
        n_y, n_x, n_c = shape[3], shape[4], shape[5]
        margin, image, n_steps, delay = -shape[8], (shape[0], shape[1], shape[2]), time[0], time[1]
        tiles = -(-n_x // lanes)
        wide = max(nx + 2 * margin, tiles * lanes + k - 1)
        high = ny + 2 * margin
        now, rows_heard = scratch((ny * nx * c,), z), scratch((c * high * wide + lanes,), z)
        offset = scratch((weights.shape[0] + 1,), np.int64(0))
        for p in range(weights.shape[0]):
            place, i = places[p] // c, places[p] % c
            offset[p] = (i * high + place // k) * wide + place % k
        state = scratch((2, n_c * n_y * tiles * lanes), weights)
        left_of = scratch((n_c * n_y * tiles * lanes,), hold)
        rows, silent = scratch((steps, lanes), weights), scratch((lanes,), weights)
        nothing, row = scratch((lanes,), z), scratch((lanes,), z)
        longest = hold[0]
        reset = longest, time[2] != 0, weights.dtype.type(0.0)
        clear(nothing)
        clear(silent)
        clear(rows_heard)
        for s in range(lo, hi):
            clear(state)
            clear(left_of)
            for before in range(0, n_steps, steps):
                m, first = min(steps, n_steps - before), before - delay
                _hear(bits, s, first, m, ny * nx * c, now)
                _by_rows(now, image, margin, wide, rows_heard)
                for i in range(n_c):
                    for y in range(n_y):
                        for tile in range(tiles):
                            base = y * wide + tile * lanes
                            start = load(silent, (0,), lanes) + shift[i]
                            acc = repeated(start, steps)
                            for p in range(begin[i], begin[i + 1]):
                                there = load(rows_heard, (base + offset[_u(p)],), lanes)
                                acc = add_where(acc, there, weights[_u(p)])
                            store_all(acc, rows, (0, 0))
                            for q in range(min(m, -first)):  # nothing has arrived yet
                                store(load(silent, (0,), lanes), rows, (q, 0))
                            at = ((i * n_y + y) * tiles + tile) * lanes
                            own, unit = min(n_x - tile * lanes, lanes), y * n_x + tile * lanes
                            spikes = load(nothing, (0,), lanes)
                            if before % BLOCK > 0:
                                for j in range(own):
                                    row[j] = z[s, before // BLOCK, (unit + j) * n_c + i]
                                spikes = load(row, (0,), lanes)
                            spikes = _go_through(
                                rows,
                                m,
                                before,
                                state,
                                left_of,
                                at,
                                constants,
                                hold,
                                0,
                                reset,
                                spikes,
                                lanes,
                            )
                            store(spikes, row, (0,))
                            for j in range(own):
                                z[s, before // BLOCK, (unit + j) * n_c + i] = row[j]

    return fire


@cache
def make_convolve(lanes, steps):
    """A convolution of what is heard, or adjoint currents, added to ``out`` (sample, time, unit).

    ``adjoints`` (sample from lo on, ...) come in tiles of ``within`` channels with a ``margin``;
    what they make in a step belongs to a delay before.
    """

    @kernel
    def convolve(heard, adjoints, weights, shape, time, within, margin, out, lo, hi):
        bits, values = heard
        n_y, n_x, n_c, n_steps, delay = shape[3], shape[4], shape[5], time[0], time[1]
        image, tiles = (shape[0], shape[1], shape[2]), weights.shape[0]
        n_in, given = image[0] * image[1] * image[2], (n_steps, within, margin)
        which, code = scratch((n_in + 1,), np.int32(0)), scratch((n_in + 1,), np.int32(0))
        columns = scratch((image[0] * (image[1] + 1),), np.int64(0))
        table = scratch((256 if bits.shape[0] > 0 else n_in + 1, steps), weights)
        now = scratch((n_in,), np.uint8(0))
        rows, silent = scratch((steps, lanes), weights), scratch((lanes,), weights)
        clear(silent)
        if bits.shape[0] > 0:
            _factors(table)
        for s in range(lo, hi):
            for before in range(0, n_steps, steps):
                m, whole = min(steps, n_steps - before), False
                if bits.shape[0] > 0:
                    _hear(bits, s, before, m, n_in, now)
                    _list_spikes(now, image, which, code, columns)
                elif values.shape[0] > 0:
                    _list_values(values, s, before, m, image, which, code, columns, table)
                else:
                    i = s - lo
                    listed = _list_adjoints(
                        adjoints, i, before, m, given, image, which, code, columns, table
                    )
                    whole = listed > WHOLE * n_in
                for y in range(n_y):
                    for tile in range(tiles):
                        own = min(n_c - tile * lanes, lanes)
                        for x in range(n_x):
                            acc, to = repeated(load(silent, (0,), lanes), steps), (tile, y, x)
                            if whole:
                                acc = _sum_whole_patch(acc, table, weights, to, shape, lanes)
                            else:
                                acc = _sum_patch(
                                    acc, which, code, columns, table, weights, to, shape, lanes
                                )
                            store_all(acc, rows, (0, 0))
                            unit = (y * n_x + x) * n_c + tile * lanes
                            for q in range(max(0, delay - before), m):
                                add_tile(rows, q, own, out, (s, before + q - delay, unit), lanes)

    return convolve


# backwards ----------------------------------------------------------------------------------------


@inner
def _clear_margin(g, i, planes, ny, nx, margin, lanes):
    """Zeros around the images."""
    wide, zero = (nx + 2 * margin) * lanes, g.dtype.type(0.0)
    edge = margin * lanes
    for p in range(planes):
        top = p * (ny + 2 * margin) * wide
        for y in range(ny + 2 * margin):
            inside = margin <= y < ny + margin
            for j in range(edge if inside else wide):
                g[i, top + y * wide + j] = zero
            for j in range(edge if inside else 0):
                g[i, top + (y + 1) * wide - 1 - j] = zero


@part
def _at_rest(z, s, before, unit, own, row, held, longest, resting, lanes):
    """Bits of the steps in which a tile's neurons are held at rest after a spike."""
    for d in range(1, min(longest, before + BLOCK - 1) + 1):
        block = (before - d) // BLOCK
        r = before - d - block * BLOCK
        still = held > d - 1
        if 0 <= block:
            spiked = take_tile(z, s, block, unit, own, row, lanes) >> np.uint8(r)
            resting = resting | where(still, spiked, np.uint8(0))
        if r > 0 and block + 1 < z.shape[1]:
            spiked = take_tile(z, s, block + 1, unit, own, row, lanes) << np.uint8(BLOCK - r)
            resting = resting | where(still, spiked, np.uint8(0))
    return resting


@cache
def make_adjoint(lanes, surrogate):
    """Adjoint of `make_fire`'s neurons: currents ``g`` (sample from lo on, ...), tile by tile.

    ``trace`` are potentials, bits, and slopes if they are given. ``errors`` (sample, time or 1,
    unit) are gradients by the spikes, if there are any. Under a ``constant`` input ``g`` has one
    step, their sum from a delay on. ``kept`` (sample, time, unit) gets them in order, if it is
    wanted.
    """

    @kernel
    def adjoint(
        trace, errors, constants, hold, steepness, shape, time, margin, constant, kept, g, lo, hi
    ):
        v, z, slopes = trace
        n_y, n_x, n_c = shape[3], shape[4], shape[5]
        n_steps, delay, zero_reset, attached = time[0], time[1], time[2] != 0, time[3] != 0
        tiles, like = -(-n_c // lanes), constants.shape[1] == lanes
        several = n_steps > BLOCK
        room = n_y * n_x * tiles * lanes if several else lanes
        state, exponent, row = scratch((3, room), v), scratch((lanes,), v), scratch((lanes,), v)
        bytes_, nothing, silent = scratch((lanes,), z), scratch((lanes,), z), scratch((lanes,), v)
        clear(row)
        clear(exponent)
        clear(bytes_)
        clear(nothing)
        clear(silent)
        zero, longest = v.dtype.type(0.0), 0
        for j in range(hold.shape[0]):
            longest = hold[j] if hold[j] > longest else longest
        wide = n_x + 2 * margin
        planes = 1 if constant else n_steps
        plane = (n_y + 2 * margin) * wide * lanes
        for s in range(lo, hi):
            clear(state)
            _clear_margin(g, s - lo, tiles * planes, n_y, n_x, margin, lanes)
            for before in range((n_steps - 1) // BLOCK * BLOCK, -1, -BLOCK):
                m = min(BLOCK, n_steps - before)
                for place in range(n_y * n_x):
                    y, x = place // n_x, place % n_x
                    for tile in range(tiles):
                        own, unit = min(n_c - tile * lanes, lanes), place * n_c + tile * lanes
                        at = (place * tiles + tile) * lanes
                        of, at = 0 if like else at, at if several else 0
                        a, b = load(constants, (0, of), lanes), load(constants, (1, of), lanes)
                        gain, theta = (
                            load(constants, (2, of), lanes),
                            load(constants, (3, of), lanes),
                        )
                        lv, li = load(state, (0, at), lanes), load(state, (1, at), lanes)
                        total = load(state, (2, at), lanes)
                        whole = own == lanes  # else channels are taken one by one
                        for j in range(0 if whole else own):
                            bytes_[j] = z[s, before // BLOCK, unit + j]
                        spikes = load(bytes_, (0,), lanes)
                        if whole:
                            spikes = load(z, (s, before // BLOCK, unit), lanes)
                        resting = load(nothing, (0,), lanes)
                        if longest > 0:
                            held = load(hold, (of,), lanes)
                            resting = _at_rest(
                                z, s, before, unit, own, bytes_, held, longest, resting, lanes
                            )
                        end = tile * planes * plane + ((y + margin) * wide + x + margin) * lanes
                        for q in range(m - 1, -1, -1):
                            t = before + q
                            when, back = t if errors.shape[1] > 1 else 0, n_steps - 1 - t
                            fetch(v, (s, back, unit + AHEAD * lanes))
                            if errors.shape[0] > 0:
                                fetch(errors, (s, when, unit + AHEAD * lanes))
                            for j in range(0 if whole else own):
                                row[j] = v[s, back, unit + j]
                            u, e = load(row, (0,), lanes), load(silent, (0,), lanes)
                            if whole:
                                u = load(v, (s, back, unit), lanes)
                            if errors.shape[0] > 0 and whole:
                                e = load(errors, (s, when, unit), lanes)
                            elif errors.shape[0] > 0:
                                for j in range(own):
                                    row[j] = errors[s, when, unit + j]
                                e = load(row, (0,), lanes)
                            if surrogate == GIVEN and whole:
                                h = load(slopes, (s, back, unit), lanes)
                            elif surrogate == GIVEN:
                                for j in range(own):
                                    exponent[j] = slopes[s, back, unit + j]
                                h = load(exponent, (0,), lanes)
                            else:
                                h = slope(surrogate, steepness, u - theta, exponent, lanes)
                            bit = np.uint8(1 << q)
                            lv, li = move_back(
                                lv,
                                li,
                                e,
                                h,
                                u,
                                (spikes & bit) != 0,
                                (resting & bit) != 0,
                                a,
                                b,
                                gain,
                                theta,
                                attached,
                                zero_reset,
                                longest,
                                zero,
                            )
                            if not constant:
                                store(li, g, (s - lo, end + t * plane))
                            elif t >= delay:
                                total = total + li
                            if kept.shape[0] > 0:
                                store(li, row, (0,))
                                for j in range(own):
                                    kept[s, t, unit + j] = row[j]
                                store(load(silent, (0,), lanes), row, (0,))
                        if several:
                            store(lv, state, (0, at))
                            store(li, state, (1, at))
                            store(total, state, (2, at))
                        if constant:
                            store(total, g, (s - lo, end))

    return adjoint


@kernel
def spread(given, shape, margin, lanes, delay, g, lo, hi):
    """Adjoint currents (sample, time, unit) as `adjoint` gives them, from step ``delay`` on.

    Where ``g`` has room for one step they are summed, where for all of them ``delay`` is 0.
    """
    n_y, n_x, n_c = shape[3], shape[4], shape[5]
    n_steps, tiles, wide = given.shape[1], -(-n_c // lanes), n_x + 2 * margin
    plane = (n_y + 2 * margin) * wide * lanes
    planes = g.shape[1] // (tiles * plane)
    for s in range(lo, hi):
        for j in range(g.shape[1]):
            g[s - lo, j] = 0
        for t in range(delay, n_steps if planes > 1 or n_steps == 1 else 0):
            for place in range(n_y * n_x):
                y, x = place // n_x, place % n_x
                for i in range(n_c):
                    end = ((y + margin) * wide + x + margin) * lanes + i % lanes
                    at = (i // lanes * planes + t) * plane + end
                    g[s - lo, at] = given[s, t, place * n_c + i]
        for t in range(delay, n_steps if planes == 1 < n_steps else 0):
            for place in range(n_y * n_x):
                y, x = place // n_x, place % n_x
                for i in range(n_c):
                    end = ((y + margin) * wide + x + margin) * lanes + i % lanes
                    g[s - lo, i // lanes * plane + end] += given[s, t, place * n_c + i]


@cache
def _make_gradient(lanes, within, k):
    """Gradient by the weights of k * k places, so many channels at once, of tiles of ``within``."""
    square, parts = k * k, within // lanes

    @kernel
    def gradient(heard, g, shape, time, margin, out, lo, hi):
        bits, values = heard
        ny, nx, c, n_y, n_x, n_c = shape[0], shape[1], shape[2], shape[3], shape[4], shape[5]
        padding, n_steps, delay = -shape[8], time[0], time[1]
        tiles, wide = -(-n_c // within), n_x + 2 * margin
        plane, across = (n_y + 2 * margin) * wide * within, wide * within
        n_in, spiking = ny * nx * c, bits.shape[0] > 0
        now = scratch((n_in,), np.uint8(0))
        offsets, where_ = scratch((256, 8), np.int32(0)), scratch((8 * nx + 8,), np.int32(0))
        scale, rows = scratch((8 * nx + 8,), g), scratch((square, lanes), g)
        total = scratch((shape[6] * shape[6] * c, tiles * within), g)
        clear(total)
        silent = scratch((lanes,), g)
        clear(silent)
        one = g.dtype.type(1.0)
        for byte in range(256):
            for i in range(8):
                offsets[byte, i] = MEMBERS[byte, i] * plane
        for s in range(lo, hi):
            for before in range(0, n_steps, BLOCK):
                m, first = min(BLOCK, n_steps - before), before - delay
                if spiking:
                    _hear(bits, s, first, m, n_in, now)
                for y in range(ny):
                    start = ((y + padding + margin) * wide + padding + margin) * within
                    for i in range(c):
                        p = 0
                        for x in range(nx):
                            if spiking:
                                byte = _u(now[(y * nx + x) * c + i])
                                store(load(offsets, (byte, 0), 8) + x * within, where_, (p,))
                                p += SIZE[byte]
                            else:
                                for q in range(max(0, -first), m):
                                    given = values[s, first + q, (y * nx + x) * c + i]
                                    where_[p], scale[p] = q * plane + x * within, given
                                    p += np.int64(given != 0)
                        for j in range(tiles * parts if p > 0 else 0):
                            end = (j // parts * n_steps + before) * plane
                            end += start + j % parts * lanes
                            acc = repeated(load(silent, (0,), lanes), square)
                            for e in range(p):
                                factor = one if spiking else scale[e]
                                at = (s - lo, end + where_[_u(e)])
                                acc = add_square(acc, factor, g, at, across, within)
                            store_all(acc, rows, (0, 0))
                            for place in range(square):
                                to = place * c + i, j * lanes
                                so_far = load(total, to, lanes)
                                store(so_far + load(rows, (place, 0), lanes), total, to)
        for r in range(total.shape[0]):
            for j in range(n_c):
                out[r, j] += total[r, j]

    return gradient


@cache
def _make_gradient_anywhere(lanes):
    """The same for any kernel and stride, place by place."""

    @kernel
    def gradient(heard, g, shape, time, margin, out, lo, hi):
        bits, values = heard
        ny, nx, c, n_y, n_x, n_c = shape[0], shape[1], shape[2], shape[3], shape[4], shape[5]
        k, stride, padding, n_steps, delay = shape[6], shape[7], -shape[8], time[0], time[1]
        wide, plane = n_x + 2 * margin, (n_y + 2 * margin) * (n_x + 2 * margin) * lanes
        now = scratch((ny * nx * c,), np.uint8(0))
        for s in range(lo, hi):
            for before in range(0, n_steps, BLOCK):
                m, first = min(BLOCK, n_steps - before), before - delay
                if bits.shape[0] > 0:
                    _hear(bits, s, first, m, ny * nx * c, now)
                for unit in range(ny * nx * c):
                    y, x, i = unit // (nx * c), unit // c % nx, unit % c
                    for q in range(max(0, -first), m):
                        x_q = g.dtype.type(now[unit] >> q & 1)
                        if values.shape[0] > 0:
                            x_q = values[s, first + q, unit]
                        for place in range(k * k if x_q != 0 else 0):
                            at_y, at_x = y + padding - place // k, x + padding - place % k
                            to_y, to_x = at_y // stride, at_x // stride
                            fits = to_y * stride == at_y and to_x * stride == at_x
                            if fits and 0 <= to_y < n_y and 0 <= to_x < n_x:
                                pixel = ((to_y + margin) * wide + to_x + margin) * lanes
                                for j in range(n_c):
                                    at = (
                                        (j // lanes * n_steps + before + q) * plane
                                        + pixel
                                        + j % lanes
                                    )
                                    out[place * c + i, j] += x_q * g[s - lo, at]

    return gradient


def make_gradient(lanes, k, stride):
    """The gradient by weights, added to ``out`` (place and channel heard, channel).

    ``g``: adjoint currents of samples lo to hi - 1, in tiles of ``lanes``; ``shape`` as forward.
    """
    if stride > 1 or k not in (1, 3, 5):
        return _make_gradient_anywhere(lanes)
    most = WIDE // 2 if k < 5 else WIDE // 4  # as registers allow
    return _make_gradient(lanes if k == 1 else min(lanes, most), lanes, k)
