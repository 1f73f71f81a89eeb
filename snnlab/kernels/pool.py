"""Kernels of pooling: neighbours in an image of neurons become one unit.

Shapes are of the images heard, (y, x, channel); squares of ``size`` units do not overlap. Spikes
are bits, a byte per unit and eight steps (`snnlab.kernels.lif`).
"""

import numpy as np

from snnlab.kernels.compiled import kernel
from snnlab.kernels.lif import BLOCK
from snnlab.kernels.vector import clear, scratch

_u = np.uint64  # unsigned indices need no test for those that count from the end


@kernel
def spikes_of_any(bits, shape, size, out, lo, hi):
    """A unit spikes where any of a square does: ``out`` (sample, block, unit)."""
    ny, nx, c = shape
    for s in range(lo, hi):
        for block in range(bits.shape[1]):
            for y in range(ny // size):
                for x in range(nx // size):
                    to = (y * (nx // size) + x) * c
                    for j in range(c):
                        out[s, block, to + j] = 0
                    for place in range(size * size):
                        of = ((y * size + place // size) * nx + x * size + place % size) * c
                        for j in range(c):
                            out[s, block, _u(to + j)] |= bits[s, block, _u(of + j)]


@kernel
def spikes_of_any_back(bits, shape, size, n_steps, g, out, lo, hi):
    """Add errors ``g`` (sample, time, unit) to that of the first in a square that spikes.

    Where none does, to the first: of equal numbers it is the first that is the largest.
    """
    ny, nx, c = shape
    # bits of the steps in which the error goes to a place, and of those in which one spiked
    mine, some = scratch((size * size, c), bits), scratch((c,), bits)
    zero = out.dtype.type(0.0)
    for s in range(lo, hi):
        for before in range(0, n_steps, BLOCK):
            for y in range(ny // size):
                for x in range(nx // size):
                    to = (y * (nx // size) + x) * c
                    clear(some)
                    for place in range(size * size):
                        of = ((y * size + place // size) * nx + x * size + place % size) * c
                        for j in range(c):
                            byte = bits[s, before // BLOCK, _u(of + j)]
                            mine[place, _u(j)] = byte & ~some[_u(j)]
                            some[_u(j)] |= byte
                    for j in range(c):
                        mine[0, j] |= ~some[j]
                    for t in range(before, min(before + BLOCK, n_steps)):
                        bit = np.uint8(1 << (t - before))
                        for place in range(size * size):
                            of = ((y * size + place // size) * nx + x * size + place % size) * c
                            for j in range(c):
                                given = g[s, t, _u(to + j)]  # always, or it would stay scalar
                                given = given if mine[place, _u(j)] & bit else zero
                                out[s, t, _u(of + j)] += given


@kernel
def mean_of_spikes(bits, shape, size, n_steps, out, lo, hi):
    """Share of a square's units that spike, ``out`` (sample, time, unit)."""
    ny, nx, c = shape
    share = out.dtype.type(1) / out.dtype.type(size * size)
    for s in range(lo, hi):
        for t in range(n_steps):
            for unit in range(ny // size * (nx // size) * c):
                y, x, j = unit // (nx // size * c), unit // c % (nx // size), unit % c
                count = 0
                for place in range(size * size):
                    of = ((y * size + place // size) * nx + x * size + place % size) * c + j
                    count += bits[s, t // BLOCK, of] >> (t % BLOCK) & 1
                out[s, t, unit] = share * out.dtype.type(count)


@kernel
def mean_of_values(values, shape, size, out, lo, hi):
    """The same of values (sample, time or 1, unit)."""
    ny, nx, c = shape
    share = out.dtype.type(1) / out.dtype.type(size * size)
    for s in range(lo, hi):
        for t in range(out.shape[1]):
            when = t if values.shape[1] > 1 else 0
            for unit in range(ny // size * (nx // size) * c):
                y, x, j = unit // (nx // size * c), unit // c % (nx // size), unit % c
                total = out.dtype.type(0)
                for place in range(size * size):
                    of = ((y * size + place // size) * nx + x * size + place % size) * c + j
                    total += values[s, when, of]
                out[s, t, unit] = share * total


@kernel
def mean_back(shape, size, g, out, lo, hi):
    """Add errors ``g`` (sample, time, unit) to those of a square, in equal parts."""
    ny, nx, c = shape
    share = out.dtype.type(1) / out.dtype.type(size * size)
    for s in range(lo, hi):
        for t in range(g.shape[1]):
            when = t if out.shape[1] > 1 else 0
            for y in range(ny):
                for x in range(nx):
                    of, to = (y * nx + x) * c, (y // size * (nx // size) + x // size) * c
                    for j in range(c):
                        out[s, when, _u(of + j)] += share * g[s, t, _u(to + j)]
