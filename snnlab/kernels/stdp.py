"""Kernels of first spikes: each unit spikes once at most, and those that spike first learn.

What a layer hears, and says, is a byte per unit, (sample, unit) with units in the order (y, x,
channel): the step in which it spikes, or `SILENT`. Spikes go through a layer in the order of their
time, each once: it adds a row of weights to the potentials of all places that hear it. Nothing
leaks, so that potentials are sums of weights, and a place is looked at only where these may have
reached the threshold: each spike adds 1 at most.

Weights are (row, unit), a row for each place in a kernel and channel heard, in the order (y, x,
channel), padded with zeros to whole tiles of units. They lie in [0, 1], and 0 is a synapse that is
not there: no event goes through it, and the rule leaves it where it is. ``start`` (row + 1) and
``to`` list the synapses that there are, row by row; ``packed`` says whether work follows that list,
or whole rows are added (the sums are the same). ``shape`` is rows, columns and channels heard, rows
and columns of a kernel, units at a place, and how many places are pooled, along each side.

``counts`` (sample, `COUNTS`) says how much was done.
"""

import numpy as np

from snnlab.kernels.compiled import inner, kernel
from snnlab.kernels.vector import NARROW, clear, load, scratch, store

SILENT = 255  # no spike
COUNTS = EVENTS, UPDATES, HEARD, SPIKES = range(4)  # additions, changes of weights, spikes in, out
LEAST = 1e-6  # of a weight: it does not become 0 by itself
_GONE = -1e30  # potential of a unit that has spiked


@inner
def _list_spikes(when, n_steps, order, edges):
    """A sample's units by the step in which they spike: ``order[edges[t] : edges[t + 1]]``."""
    clear(edges)
    for i in range(when.shape[0]):
        if when[i] < n_steps:
            edges[np.int64(when[i]) + 2] += 1
    for t in range(2, n_steps + 2):
        edges[t] += edges[t - 1]
    for i in range(when.shape[0]):
        if when[i] < n_steps:
            t = np.int64(when[i]) + 1
            order[edges[t]] = i
            edges[t] += 1


@inner
def _arrive(u, shape, weights, start, to, packed, threshold, v, level, closed, waiting, n):
    """A spike of unit u: its row of weights is added at all places that hear it and are not closed.

    ``level`` is what the potentials of a place have reached at most; places where that may be the
    threshold join ``waiting``, of which there are n (``closed`` is 2 there). Returns n and the
    number of synapses that took part.
    """
    ny, nx, c, ky, kx, _, _ = shape
    place, events, one = u // c, 0, level.dtype.type(1)
    y, x = place // nx, place % nx
    columns = nx - kx + 1
    for oy in range(max(0, y - ky + 1), min(y, ny - ky) + 1):
        for ox in range(max(0, x - kx + 1), min(x, nx - kx) + 1):
            p = oy * columns + ox
            r = ((y - oy) * kx + x - ox) * c + u % c
            first, last = start[r], start[r + 1]
            if closed[p] == 1 or first == last:
                continue
            if packed:
                for e in range(first, last):
                    v[p, to[e]] += weights[r, to[e]]
            else:
                for j in range(0, v.shape[1], NARROW):
                    total = load(v, (p, j), NARROW) + load(weights, (r, j), NARROW)
                    store(total, v, (p, j))
            events += last - first
            level[p] += one
            if level[p] >= threshold and closed[p] == 0:
                closed[p] = 2
                waiting[n] = p
                n += 1
    return n, events


@inner
def _arrive_in(t, order, edges, layer, state):
    """The spikes of step t, one by one; returns how many places wait, and synapses took part."""
    shape, weights, start, to, packed, threshold = layer
    v, level, closed, waiting = state
    n, total = 0, 0
    for e in range(edges[t], edges[t + 1]):
        n, events = _arrive(
            order[e], shape, weights, start, to, packed, threshold, v, level, closed, waiting, n
        )
        total += events
    return n, total


@inner
def _largest(v, p, n):
    """Which of n units has the largest potential at a place; the first of equal ones."""
    best = 0
    for m in range(1, n):
        if v[p, m] > v[p, best]:
            best = m
    return best


@inner
def _say(shape, p, m, t, out):
    """Unit m of a place spikes: so does the pooled unit, if it has not."""
    ny, nx, _, ky, kx, n, pool = shape
    rows, columns = (ny - ky + 1) // pool, (nx - kx + 1) // pool
    y, x = p // (nx - kx + 1) // pool, p % (nx - kx + 1) // pool
    if y < rows and x < columns:
        i = (y * columns + x) * n + m
        if out[i] == SILENT:
            out[i] = t
            return 1
    return 0


@kernel
def respond(
    when, shape, weights, start, to, packed, threshold, n_steps, alone, lo, hi, out, counts
):
    """First spikes of a layer, pooled: ``out`` (sample, unit) is filled for samples lo to hi.

    A unit spikes in the step in which its potential reaches ``threshold``. If ``alone``, a place
    has one spike at most, of the unit with the largest potential in the first such step; it hears
    nothing afterwards.
    """
    ny, nx, _, ky, kx, n, _ = shape
    places = (ny - ky + 1) * (nx - kx + 1)
    v, level = scratch((places, weights.shape[1]), weights), scratch((places,), weights)
    closed, waiting = scratch((places,), when), scratch((places,), np.int64(0))
    order, edges = scratch((when.shape[1],), np.int64(0)), scratch((n_steps + 2,), np.int64(0))
    layer, state = (shape, weights, start, to, packed, threshold), (v, level, closed, waiting)
    for s in range(lo, hi):
        clear(v)
        clear(level)
        clear(closed)
        for i in range(out.shape[1]):
            out[s, i] = SILENT
        _list_spikes(when[s], n_steps, order, edges)
        for t in range(n_steps):
            n_waiting, events = _arrive_in(t, order, edges, layer, state)
            counts[s, EVENTS] += events
            for q in range(n_waiting):
                p = waiting[q]
                closed[p] = 0
                best = _largest(v, p, n)
                while v[p, best] >= threshold and closed[p] == 0:
                    counts[s, SPIKES] += _say(shape, p, best, t, out[s])
                    v[p, best] = _GONE
                    closed[p] = 1 if alone else 0
                    best = _largest(v, p, n)
                level[p] = v[p, best]
        counts[s, HEARD] += edges[n_steps]


@kernel
def potentials(when, shape, weights, start, to, packed, n_steps, grid, lo, hi, out, counts):
    """Potentials at the end of a layer that does not spike: ``out`` (sample, cell, unit).

    Of each unit the largest in each of ``grid * grid`` parts of the image.
    """
    ny, nx, _, ky, kx, n, _ = shape
    rows, columns = ny - ky + 1, nx - kx + 1
    v = scratch((rows * columns, weights.shape[1]), weights)
    level = scratch((rows * columns,), weights)
    closed, waiting = scratch((rows * columns,), when), scratch((1,), np.int64(0))
    for s in range(lo, hi):
        clear(v)
        clear(level)
        clear(closed)
        for u in range(when.shape[1]):
            if when[s, u] < n_steps:
                _, events = _arrive(
                    u, shape, weights, start, to, packed, np.inf, v, level, closed, waiting, 0
                )
                counts[s, EVENTS] += events
                counts[s, HEARD] += 1
        clear(out[s])
        for y in range(rows):
            for x in range(columns):
                cell = (y * grid // rows) * grid + x * grid // columns
                for m in range(n):
                    if v[y * columns + x, m] > out[s, cell, m]:
                        out[s, cell, m] = v[y * columns + x, m]


@inner
def _potentiate(when, shape, weights, m, p, t, rise, fall):
    """The rule, for unit m of a place, which spiked in step t; how many weights were changed."""
    _, nx, c, ky, kx, _, _ = shape
    columns, one = nx - kx + 1, weights.dtype.type(1)
    changed, least = 0, weights.dtype.type(LEAST)
    up, down = weights.dtype.type(rise), weights.dtype.type(fall)
    for r in range(ky * kx * c):
        w = weights[r, m]
        if w > 0:
            y, x = p // columns + r // c // kx, p % columns + r // c % kx
            early = when[(y * nx + x) * c + r % c] <= t
            w += (up if early else -down) * w * (one - w)
            w = least if w < least else w
            weights[r, m] = one if w > one else w
            changed += 1
    return changed


@inner
def _choose(shape, waiting, best, top, n_waiting, threshold, t, radius, won, winners, n_winners):
    """Winners among the places that reach the threshold in step t; returns how many there are.

    The largest potential first, then the earlier place in ``waiting``. A unit wins at one place of
    an image, and no other does within ``radius`` of it.
    """
    columns = shape[1] - shape[4] + 1
    while n_winners < winners.shape[0]:
        chosen = -1
        for q in range(n_waiting):
            p = waiting[q]
            free = top[q] >= threshold and not won[best[q]]
            for k in range(n_winners):
                dy = p // columns - winners[k, 1] // columns
                dx = p % columns - winners[k, 1] % columns
                free = free and max(abs(dy), abs(dx)) > radius
            if free and (chosen < 0 or top[q] > top[chosen]):
                chosen = q
        if chosen < 0:
            break
        won[best[chosen]] = 1
        winners[n_winners, 0], winners[n_winners, 1] = best[chosen], waiting[chosen]
        winners[n_winners, 2] = t
        n_winners += 1
    return n_winners


@kernel
def learn(
    when,
    shape,
    weights,
    start,
    to,
    packed,
    threshold,
    n_steps,
    n_winners,
    radius,
    rise,
    fall,
    wins,
    counts,
):
    """Learn images one after the other: ``weights`` change, ``wins`` (unit) count.

    In each image the first ``n_winners`` spikes win, no two of a unit, none within ``radius`` of
    another; what comes later is not worked out. For each winner
    ``w += rise w (1 - w)`` where the input spiked no later than it, else ``w -= fall w (1 - w)``.
    """
    ny, nx, _, ky, kx, n, _ = shape
    places = (ny - ky + 1) * (nx - kx + 1)
    v, level = scratch((places, weights.shape[1]), weights), scratch((places,), weights)
    closed, waiting = scratch((places,), when), scratch((places,), np.int64(0))
    order, edges = scratch((when.shape[1],), np.int64(0)), scratch((n_steps + 2,), np.int64(0))
    layer, state = (shape, weights, start, to, packed, threshold), (v, level, closed, waiting)
    won, winners = scratch((n,), when), scratch((n_winners, 3), np.int64(0))
    best, top = scratch((places,), np.int64(0)), scratch((places,), weights)
    for s in range(when.shape[0]):
        clear(v)
        clear(level)
        clear(closed)
        clear(won)
        _list_spikes(when[s], n_steps, order, edges)
        found, t = 0, 0
        while t < n_steps and found < n_winners:
            n_waiting, events = _arrive_in(t, order, edges, layer, state)
            counts[s, EVENTS] += events
            counts[s, HEARD] += edges[t + 1] - edges[t]
            for q in range(n_waiting):
                p = waiting[q]
                best[q] = _largest(v, p, n)
                top[q] = level[p] = v[p, best[q]]
                closed[p] = 1 if top[q] >= threshold else 0
            found = _choose(
                shape, waiting, best, top, n_waiting, threshold, t, radius, won, winners, found
            )
            t += 1
        for k in range(found):
            m, p, then = winners[k, 0], winners[k, 1], winners[k, 2]
            counts[s, UPDATES] += _potentiate(when[s], shape, weights, m, p, then, rise, fall)
            wins[m] += 1
        counts[s, SPIKES] += found
