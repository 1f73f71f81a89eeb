"""Kernels of batch normalisation: sums over images, sample by sample, and its adjoint.

Currents are (sample, time or 1, unit), a unit being (y, x, channel); adjoint currents lie in tiles
of ``lanes`` channels with a margin, as `snnlab.kernels.conv` has them, sample s in row s. A row of
an image is summed in registers, all else in double precision and for each sample by itself: what
becomes of the sums does not depend on threads.
"""

from functools import cache

import numpy as np

from snnlab.kernels.compiled import inner, kernel
from snnlab.kernels.conv import take_tile
from snnlab.kernels.vector import clear, load, scratch, store


@inner
def _add_row(row, own, out, s, what, first):
    """Add a tile that has been stored in ``row`` to a sample's sums."""
    for j in range(own):
        out[s, what, first + j] += np.float64(row[j])


@cache
def make_moments(lanes):
    """Mean and variance of each channel over a sample's places and steps, (sample, 2, channel)."""

    @kernel
    def moments(x, shape, out, lo, hi):
        n_y, n_x, n_c, n_steps = shape[3], shape[4], shape[5], x.shape[1]
        n = n_steps * n_y * n_x
        row, centre = scratch((lanes,), x), scratch((lanes,), x)
        clear(row)
        for s in range(lo, hi):
            for i in range(n_c):
                out[s, 0, i] = out[s, 1, i] = 0.0
            for what in range(2):
                for first in range(0, n_c, lanes):
                    own = min(n_c - first, lanes)
                    clear(centre)
                    for j in range(own if what == 1 else 0):
                        centre[j] = out[s, 0, first + j]
                    mean = load(centre, (0,), lanes)
                    for t in range(n_steps):
                        for y in range(n_y):
                            clear(row)
                            total = load(row, (0,), lanes)
                            for unit in range(y * n_x * n_c + first, (y + 1) * n_x * n_c, n_c):
                                d = take_tile(x, s, t, unit, own, row, lanes) - mean
                                total = total + d if what == 0 else total + d * d
                            store(total, row, (0,))
                            _add_row(row, own, out, s, what, first)
                for i in range(n_c):
                    out[s, what, i] /= n

    return moments


@cache
def make_sums_back(lanes):
    """Sums of adjoint currents, and times what is normalised, (sample, 2, channel).

    Those of step t belong to the currents ``x`` of ``delay`` steps before. ``mean`` and ``inverse``
    per channel, whole tiles of them.
    """

    @kernel
    def sums_back(g, x, mean, inverse, shape, delay, margin, out, lo, hi):
        n_y, n_x, n_c, n_steps = shape[3], shape[4], shape[5], x.shape[1]
        tiles, wide = -(-n_c // lanes), n_x + 2 * margin
        plane = (n_y + 2 * margin) * wide * lanes
        row, other = scratch((lanes,), x), scratch((lanes,), x)
        clear(other)
        for s in range(lo, hi):
            for i in range(n_c):
                out[s, 0, i] = out[s, 1, i] = 0.0
            for tile in range(tiles):
                first, own = tile * lanes, min(n_c - tile * lanes, lanes)
                centre, scale = load(mean, (first,), lanes), load(inverse, (first,), lanes)
                for t in range(delay, n_steps):
                    for y in range(n_y):
                        clear(row)
                        total = load(row, (0,), lanes)
                        product = total
                        at = (tile * n_steps + t) * plane + ((y + margin) * wide + margin) * lanes
                        for p in range(n_x):
                            unit = (y * n_x + p) * n_c + first
                            e = load(g, (s, at + p * lanes), lanes)
                            d = take_tile(x, s, t - delay, unit, own, other, lanes) - centre
                            total, product = total + e, product + e * (d * scale)
                        store(total, row, (0,))
                        _add_row(row, own, out, s, 0, first)
                        store(product, row, (0,))
                        _add_row(row, own, out, s, 1, first)

    return sums_back


@cache
def make_normalise_back(lanes):
    """``g = scale (g - of_mean - (x - mean) of_spread)``, in place, in the steps of ``x``.

    ``factors``: scale, of_mean, mean and of_spread per channel, whole tiles, (4, channel).
    """

    @kernel
    def normalise_back(g, x, factors, shape, delay, margin, lo, hi):
        n_y, n_x, n_c, n_steps = shape[3], shape[4], shape[5], x.shape[1]
        tiles, wide = -(-n_c // lanes), n_x + 2 * margin
        plane = (n_y + 2 * margin) * wide * lanes
        silent, other = scratch((lanes,), x), scratch((lanes,), x)
        clear(silent)
        clear(other)
        for s in range(lo, hi):
            for tile in range(tiles):
                first, own = tile * lanes, min(n_c - tile * lanes, lanes)
                scale, of_mean = load(factors, (0, first), lanes), load(factors, (1, first), lanes)
                mean, of_spread = load(factors, (2, first), lanes), load(factors, (3, first), lanes)
                for t in range(n_steps):
                    for place in range(n_y * n_x):
                        y, p = place // n_x, place % n_x
                        at = (tile * n_steps + t) * plane
                        at += ((y + margin) * wide + p + margin) * lanes
                        e = load(silent, (0,), lanes)
                        if t + delay < n_steps:
                            e = load(g, (s, at + delay * plane), lanes)
                        unit = place * n_c + first
                        d = take_tile(x, s, t, unit, own, other, lanes) - mean
                        store(scale * (e - of_mean - d * of_spread), g, (s, at))

    return normalise_back
