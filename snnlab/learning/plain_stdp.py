"""STDP in plain NumPy, by the names of the kernels (`snnlab.kernels.stdp`), which it tests.

What a layer hears is an image of steps (y, x, channel), `SILENT` where there is no spike.
Potentials have a closed form: what has spiked up to step t is an image of zeros and ones, and each
place sums the weights of a patch of it. Weights are (ky, kx, channel, unit); nothing is skipped,
and nothing counted.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from snnlab.kernels.stdp import LEAST, SILENT


def patches(when, ky, kx):
    """What each place hears: (y, x, ky, kx, channel)."""
    return np.moveaxis(sliding_window_view(when, (ky, kx), axis=(0, 1)), 2, -1)


def potential(when, weights, t):
    """Potentials (y, x, unit) after step t."""
    heard = patches(when <= t, *weights.shape[:2]).astype(weights.dtype)
    return np.tensordot(heard, weights, 3)


def respond(when, weights, threshold, n_steps, *, alone=True, pool=1):
    """First spikes of a layer, pooled: an image of steps (y, x, unit)."""
    ky, kx, _, n = weights.shape
    rows, columns = when.shape[0] - ky + 1, when.shape[1] - kx + 1
    out = np.full((rows, columns, n), SILENT, np.uint8)
    closed = np.zeros((rows, columns), bool)
    for t in range(n_steps):
        v = potential(when, weights, t)
        fires = (v >= threshold) & (out == SILENT)
        if alone:
            fires &= ~closed[..., None] & (np.arange(n) == v.argmax(axis=-1)[..., None])
            closed |= fires.any(axis=-1)
        out[fires] = t
    rows, columns = rows // pool, columns // pool
    squares = out[: rows * pool, : columns * pool].reshape(rows, pool, columns, pool, n)
    return squares.min(axis=(1, 3))


def potentials(when, weights, n_steps, grid):
    """Of each unit the largest potential at the end in each part of the image: (part, unit)."""
    v = potential(when, weights, n_steps - 1)
    parts = [np.arange(size) * grid // size for size in v.shape[:2]]
    return np.stack(
        [v[np.ix_(parts[0] == i, parts[1] == j)].max((0, 1)) for i, j in np.ndindex(grid, grid)]
    )


def winners(when, weights, threshold, n_steps, n_winners, radius):
    """Who wins an image, a list of (unit, y, x, step)."""
    found, closed = [], np.zeros(patches(when, *weights.shape[:2]).shape[:2], bool)
    for t in range(n_steps):
        v = potential(when, weights, t)
        top, best = v.max(axis=-1), v.argmax(axis=-1)
        fires = (top >= threshold) & ~closed
        closed |= fires
        places = sorted(np.argwhere(fires).tolist(), key=lambda place: -top[tuple(place)])
        for y, x in places:
            m = int(best[y, x])
            near = any(max(abs(y - b), abs(x - c)) <= radius for _, b, c, _ in found)
            if len(found) < n_winners and not near and m not in [unit for unit, *_ in found]:
                found.append((m, y, x, t))
    return found


def learn(when, weights, threshold, n_steps, n_winners, radius, rise, fall):
    """Learn one image; the new weights."""
    out = weights.copy()
    for m, y, x, t in winners(when, weights, threshold, n_steps, n_winners, radius):
        w = out[..., m]
        early = patches(when, *w.shape[:2])[y, x] <= t
        new = w + np.where(early, rise, -fall) * w * (1 - w)
        out[..., m] = np.where(w > 0, np.clip(new, LEAST, 1), 0)
    return out
