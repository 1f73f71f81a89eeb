"""Kernels of batch normalisation: sums over images, sample by sample, and its adjoint.

Currents are (sample, time or 1, unit), a unit being (y, x, channel); adjoint currents lie in tiles
of ``lanes`` channels with a margin, as `snnlab.kernels.conv` has them, sample s in row s. Sums are
in double precision, one row per sample: what becomes of them does not depend on threads.
"""

import numpy as np

from snnlab.kernels.compiled import kernel


@kernel
def moments(x, places, channels, out, lo, hi):
    """Mean and variance of each channel over a sample's places and steps, (sample, 2, channel)."""
    n_steps = x.shape[1]
    for s in range(lo, hi):
        for i in range(channels):
            out[s, 0, i] = out[s, 1, i] = 0.0
        for t in range(n_steps):
            for p in range(places):
                for i in range(channels):
                    out[s, 0, i] += x[s, t, p * channels + i]
        for i in range(channels):
            out[s, 0, i] /= n_steps * places
        for t in range(n_steps):
            for p in range(places):
                for i in range(channels):
                    d = x[s, t, p * channels + i] - out[s, 0, i]
                    out[s, 1, i] += d * d
        for i in range(channels):
            out[s, 1, i] /= n_steps * places


@kernel
def sums_back(g, x, mean, inverse, shape, delay, margin, lanes, out, lo, hi):
    """Sums of adjoint currents, and times what is normalised, (sample, 2, channel).

    Those of step t belong to the currents ``x`` of ``delay`` steps before.
    """
    n_y, n_x, n_c = shape[3], shape[4], shape[5]
    n_steps, tiles, wide = x.shape[1], -(-n_c // lanes), n_x + 2 * margin
    plane = (n_y + 2 * margin) * wide * lanes
    for s in range(lo, hi):
        for i in range(n_c):
            out[s, 0, i] = out[s, 1, i] = 0.0
        for tile in range(tiles):
            first, own = tile * lanes, min(n_c - tile * lanes, lanes)
            for t in range(delay, n_steps):
                for place in range(n_y * n_x):
                    row = (place // n_x + margin) * wide + place % n_x + margin
                    at = (tile * n_steps + t) * plane + row * lanes
                    unit = place * n_c + first
                    for j in range(own):
                        e, i = np.float64(g[s, at + j]), first + j
                        out[s, 0, i] += e
                        out[s, 1, i] += e * ((x[s, t - delay, unit + j] - mean[i]) * inverse[i])


@kernel
def normalise_back(g, x, scale, of_mean, mean, of_spread, shape, delay, margin, lanes, lo, hi):
    """``g = scale (g - of_mean - (x - mean) of_spread)``, in place, in the steps of ``x``."""
    n_y, n_x, n_c = shape[3], shape[4], shape[5]
    n_steps, tiles, wide = x.shape[1], -(-n_c // lanes), n_x + 2 * margin
    plane = (n_y + 2 * margin) * wide * lanes
    zero = g.dtype.type(0.0)
    for s in range(lo, hi):
        for tile in range(tiles):
            first, own = tile * lanes, min(n_c - tile * lanes, lanes)
            for t in range(n_steps):
                arrives = t + delay < n_steps
                for place in range(n_y * n_x):
                    row = (place // n_x + margin) * wide + place % n_x + margin
                    at, unit = (tile * n_steps + t) * plane + row * lanes, place * n_c + first
                    for j in range(own):
                        e, i = g[s, at + delay * plane + j] if arrives else zero, first + j
                        e = e - of_mean[i] - (x[s, t, unit + j] - mean[i]) * of_spread[i]
                        g[s, at + j] = scale[i] * e
