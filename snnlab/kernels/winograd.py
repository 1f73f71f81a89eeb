"""The error below a convolution of 3 x 3 places with a quarter of the multiplications.

An error is dense where a surrogate's slope is nowhere zero, and then all of these products have to
be taken. Winograd's minimal filtering (Lavin and Gray 2016, F(4 x 4, 3 x 3)) takes squares of 4 x 4
places at a time::

    e = A' [sum over channels of (G w G') * (B' g B)] A

The square of 6 x 6 adjoint currents that reach them is transformed to 36 numbers per channel, which
are multiplied by weights that have been transformed, too, and summed over channels: 36
multiplications where 144 were. What is added before and after are small numbers times a number.
"""

from functools import cache

import numpy as np

from snnlab.kernels.compiled import kernel, part
from snnlab.kernels.conv import add_tile
from snnlab.kernels.vector import (
    add_rows,
    clear,
    fused,
    load,
    repeated,
    scratch,
    store,
    store_all,
)

SIDE, REACH = 4, 6  # of a square given, and of what reaches it
POINTS = REACH * REACH
ROWS = 16  # squares and steps that are worked on at a time: what they are stays in cache
GROUP = 4  # of those whose sums are in registers
# Polynomials are taken at 0, +-NEAR, +-FAR and infinity: at 1 and 2, as is usual, single precision
# rounds twice as much, and at these, too, all factors are exact.
NEAR, FAR = 3 / 4, 3 / 2
NEAR_2, FAR_2, NEAR_3, FAR_3 = NEAR**2, FAR**2, NEAR**3, FAR**3
LAST, MIDDLE = NEAR_2 * FAR_2, NEAR_2 + FAR_2


def _of_weights():
    """G: polynomials of three weights at the points, divided by the products of their distances."""
    at = np.array([0, NEAR, -NEAR, FAR, -FAR])
    apart = at[:, None] - at + np.eye(5)
    return np.vstack([at[:, None] ** np.arange(3) / apart.prod(1, keepdims=True), [0, 0, 1]])


OF_WEIGHTS = _of_weights()


def saves(ny, nx):
    """Whether the squares that cover an image take fewer multiplications than its places."""
    return POINTS * (-(-ny // SIDE) * -(-nx // SIDE)) < 9 * ny * nx


@part
def _reach(a, b, c, d, e, f):
    """B' times six numbers."""
    even, odd = fused(-FAR_2, c, e), fused(-FAR_2, b, d)
    even_too, odd_too = fused(-NEAR_2, c, e), fused(-NEAR_2, b, d)
    return (
        fused(LAST, a, fused(-MIDDLE, c, e)),
        fused(NEAR, odd, even),
        fused(-NEAR, odd, even),
        fused(FAR, odd_too, even_too),
        fused(-FAR, odd_too, even_too),
        fused(LAST, b, fused(-MIDDLE, d, f)),
    )


@part
def _give(a, b, c, d, e, f):
    """A' times six numbers."""
    near, far, near_too, far_too = b + c, d + e, b - c, d - e
    return (
        a + near + far,
        fused(NEAR, near_too, FAR * far_too),
        fused(NEAR_2, near, FAR_2 * far),
        fused(NEAR_3, near_too, fused(FAR_3, far_too, f)),
    )


@part
def _one(g, i, at, inside, silent, lanes):
    """A tile of adjoint currents; none are beyond the margin."""
    tile = load(silent, (0,), lanes)
    if inside:
        tile = load(g, (i, at), lanes)
    return tile


@part
def _transform(g, i, start, across, within_image, squares, silent, rows, points, to, lanes):
    """What reaches a row of squares, transformed: ``points`` (point, row, channel) at ``to``.

    A tile of channels in one step; ``start`` is where the first number lies, ``across`` the
    distance of rows, ``within_image`` how many rows and columns there are.
    """
    high, wide = within_image
    row, step, channel = to
    for x in range(SIDE * squares + REACH - SIDE):
        at, inside = start + x * lanes, x < wide
        q, r, s, t, u, v = _reach(
            _one(g, i, at, inside, silent, lanes),
            _one(g, i, at + across, inside and high > 1, silent, lanes),
            _one(g, i, at + 2 * across, inside and high > 2, silent, lanes),
            _one(g, i, at + 3 * across, inside and high > 3, silent, lanes),
            _one(g, i, at + 4 * across, inside and high > 4, silent, lanes),
            _one(g, i, at + 5 * across, inside and high > 5, silent, lanes),
        )
        store(q, rows, (0, x, 0))
        store(r, rows, (1, x, 0))
        store(s, rows, (2, x, 0))
        store(t, rows, (3, x, 0))
        store(u, rows, (4, x, 0))
        store(v, rows, (5, x, 0))
    for y in range(REACH):
        for square in range(squares):
            x, p, to_row = SIDE * square, REACH * y, row + square * step
            q, r, s, t, u, v = _reach(
                load(rows, (y, x, 0), lanes),
                load(rows, (y, x + 1, 0), lanes),
                load(rows, (y, x + 2, 0), lanes),
                load(rows, (y, x + 3, 0), lanes),
                load(rows, (y, x + 4, 0), lanes),
                load(rows, (y, x + 5, 0), lanes),
            )
            store(q, points, (p, to_row, channel))
            store(r, points, (p + 1, to_row, channel))
            store(s, points, (p + 2, to_row, channel))
            store(t, points, (p + 3, to_row, channel))
            store(u, points, (p + 4, to_row, channel))
            store(v, points, (p + 5, to_row, channel))


@part
def _back(sums, row, rows, lanes):
    """A square of the error from its sums (point, row, lane): ``rows`` (REACH * y + x, lane)."""
    for x in range(REACH):
        q, r, s, t = _give(
            load(sums, (x, row, 0), lanes),
            load(sums, (x + 6, row, 0), lanes),
            load(sums, (x + 12, row, 0), lanes),
            load(sums, (x + 18, row, 0), lanes),
            load(sums, (x + 24, row, 0), lanes),
            load(sums, (x + 30, row, 0), lanes),
        )
        store(q, rows, (x, 0))
        store(r, rows, (REACH + x, 0))
        store(s, rows, (2 * REACH + x, 0))
        store(t, rows, (3 * REACH + x, 0))
    for y in range(SIDE):
        at = REACH * y
        q, r, s, t = _give(
            load(rows, (at, 0), lanes),
            load(rows, (at + 1, 0), lanes),
            load(rows, (at + 2, 0), lanes),
            load(rows, (at + 3, 0), lanes),
            load(rows, (at + 4, 0), lanes),
            load(rows, (at + 5, 0), lanes),
        )
        store(q, rows, (at, 0))
        store(r, rows, (at + 1, 0))
        store(s, rows, (at + 2, 0))
        store(t, rows, (at + 3, 0))


@cache
def make_error(lanes, within):
    """Error below a convolution of 3 x 3 places, added to ``out`` (sample, time, unit).

    ``g``: adjoint currents of samples lo to hi - 1, in tiles of ``within`` channels with a margin;
    ``weights``: what `snnlab.layers.patches.transformed` makes, in tiles; ``shape`` and ``time`` as
    for `snnlab.kernels.conv.make_convolve`.
    """

    @kernel
    def error(g, weights, shape, time, margin, out, lo, hi):
        ny, nx, c, n_y, n_x, n_c = shape[0], shape[1], shape[2], shape[3], shape[4], shape[5]
        before, n_steps, delay = shape[8] + shape[10], time[0], time[1]
        tiles, across = weights.shape[0], (nx + 2 * margin) * within
        plane = (ny + 2 * margin) * across
        together = min(n_steps, GROUP)
        most = ROWS // together
        points = scratch((POINTS, ROWS + 1, c), g)  # one more, or they would share places in cache
        sums, square_rows = scratch((POINTS, ROWS + 1, lanes), g), scratch((POINTS, lanes), g)
        rows = scratch((REACH, SIDE * most + REACH, within), g)
        silent = scratch((lanes if lanes > within else within,), g)
        clear(points)
        clear(silent)
        for s in range(lo, hi):
            for first in range(0, n_steps, together):
                m = min(together, n_steps - first)
                for top in range(0, n_y, SIDE):
                    for left in range(0, n_x, SIDE * most):
                        squares = min(most, -(-(n_x - left) // SIDE))
                        y, x = top + before, left + before
                        there = ny + margin - y, nx + margin - x
                        for tile in range(c // within):
                            for q in range(m):
                                start = (tile * n_steps + first + q) * plane
                                start += (y + margin) * across + (x + margin) * within
                                _transform(
                                    g,
                                    s - lo,
                                    start,
                                    across,
                                    there,
                                    squares,
                                    silent,
                                    rows,
                                    points,
                                    (q, m, tile * within),
                                    within,
                                )
                        for tile in range(tiles):
                            for p in range(POINTS):
                                for row in range(0, squares * m, GROUP):
                                    acc = repeated(load(silent, (0,), lanes), GROUP)
                                    for j in range(c):
                                        weight = load(weights, (tile, p * c + j, 0), lanes)
                                        acc = add_rows(acc, points, (p, row, j), weight)
                                    store_all(acc, sums, (p, row, 0))
                            own = min(n_c - tile * lanes, lanes)
                            for square in range(squares):
                                for q in range(max(0, delay - first), m):
                                    _back(sums, square * m + q, square_rows, lanes)
                                    x = left + square * SIDE
                                    for i in range(min(SIDE, n_y - top)):
                                        unit = ((top + i) * n_x + x) * n_c + tile * lanes
                                        for j in range(min(SIDE, n_x - x)):
                                            to = s, first + q - delay, unit + j * n_c
                                            add_tile(
                                                square_rows, REACH * i + j, own, out, to, lanes
                                            )

    return error
