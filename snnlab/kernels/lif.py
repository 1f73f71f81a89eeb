"""Forward and backward kernels of one layer, event by event, one sample at a time.

Every kernel works on the samples ``lo <= s < hi`` of a batch (or on some of its chunks), so that
worker threads can share one. Arrays come in, ``out`` arrays are filled; nothing is checked here
(the public floor does that) and nothing is allocated inside the loop over time. The equations are
those of ``snnlab.textbook``, in the same order, where each is one line of NumPy.

A layer's input is either events (``start``, ``stop`` bound each sample's slice of ``step`` and
``unit``) or a ``drive`` (sample, time or 1, unit): with one time step it is constant, and acts in
every step from ``delay`` on; with all of them, the drive of step ``t - delay`` arrives in step t.
The array that is not used has length zero.

What a kernel needs besides comes in few arrays, the same for all samples:

============= ===================== ===============================================================
``constants`` float (5, width)      rows ``decay_syn``, ``decay_mem``, ``gain``, ``v_th``, and what
                                    is left in the first step of a potential before it
``hold``      int32 (width,)        refractory steps
``noise``     float (width,) or (0,) standard deviation of the membrane's noise per unit and step
``bounds``    float (2,)            lowest and highest potential; infinite without bounds
``numbers``   int64                 made by `integrating`, `firing` or `firing_back`, by name
``reals``     float (4,)            made by `firing_back_reals`, by name
============= ===================== ===============================================================

Noise and bounds belong to an analog substrate. Every float array has the weights' dtype.

Spiking layers go through time in blocks of `BLOCK` steps: what happens in them is listed once, then
tile by tile (`snnlab.kernels.vector`) the units go through all steps, their state in registers.
Which of them spike is a byte per unit, a bit per step. No literal widens float32 to float64.
"""

import numpy as np

from snnlab.kernels.compiled import inner, kernel, part
from snnlab.kernels.noise import add_noise
from snnlab.kernels.vector import NARROW, WIDE, clear, fused, joined, load, scratch, store, where

BLOCK = 8  # steps
GIVEN = 6  # surrogates that `slope` knows; the next one's slopes are read from an array

# Of each set of eight units, as the bits of a byte: its members in order, and how many they are.
MEMBERS = np.zeros((256, 8), np.int32)
for _set in range(256):
    _of_set = [_j for _j in range(8) if _set >> _j & 1]
    MEMBERS[_set, : len(_of_set)] = _of_set
SIZE = np.array([_set.bit_count() for _set in range(256)])
_ONES = np.uint64(0x0101010101010101)
_u = np.uint64  # unsigned indices need no test for those that count from the end


def integrating(*, delay, key=0):
    """``numbers`` of `integrate` and `integrate_backward`; ``key`` chooses the noise, 32 bits."""
    return np.array([delay, key], np.int64)


def firing(*, zero_reset, delay, keep, key=0):
    """``numbers`` of `fire`; ``key`` chooses the noise, 32 bits."""
    return np.array([zero_reset, delay, keep, key], np.int64)


def firing_back(*, next_delay, zero_reset, attached, surrogate, delay, learns=0):
    """``numbers`` of `fire_backward`; ``surrogate`` counts as in `slope`.

    ``learns``: which gradients by constants are wanted, 1: by decay_mem and threshold, 2: all.
    """
    return np.array([next_delay, zero_reset, attached, surrogate, delay, learns], np.int64)


def firing_back_reals(dtype, *, steepness, next_decay_syn=0, next_decay_mem=0, next_gain=1):
    """``reals`` of `fire_backward`; the default filter passes on what it is given."""
    return np.array([next_decay_syn, next_decay_mem, next_gain, steepness], dtype)


@kernel
def integrate(
    start,
    stop,
    step,
    unit,
    drive,
    weights,
    constants,
    noise,
    bounds,
    numbers,
    v,
    lo,
    hi,
):
    """Leaky integrator: ``I = a I + W x``, ``v = b v + g I``; fills ``v`` (sample, time, unit)."""
    delay, key = numbers[0], np.uint32(numbers[1])
    low, high = bounds[0], bounds[1]
    n_steps, n = v.shape[1], v.shape[2]
    driven, dense, noisy = drive.shape[0] > 0, drive.shape[1] > 1, noise.shape[0] > 0
    xi = scratch((n_steps if noisy else 0, noise.shape[0]), v)
    row = scratch((NARROW,), v)
    for s in range(lo, hi):
        clear(xi)
        for t in range(n_steps if noisy else 0):
            add_noise(noise, key, s, t, xi[t])
        for j in range(0, n, NARROW):
            clear(row)
            zeros = load(row, (0,), NARROW)
            current, potential = zeros, zeros
            a, b = load(constants, (0, j), NARROW), load(constants, (1, j), NARROW)
            g = load(constants, (2, j), NARROW)
            e, end = (start[s], stop[s]) if start.shape[0] > 0 else (0, 0)
            for t in range(n_steps):
                arriving = zeros
                if driven and t >= delay:
                    arriving = load(drive, (s, t - delay if dense else 0, j), NARROW)
                while e < end and step[e] + delay == t:
                    arriving = arriving + load(weights, (unit[e], j), NARROW)
                    e += 1
                current = a * current + arriving
                potential = b * potential + g * current
                if noisy:
                    potential = potential + load(xi, (t, j), NARROW)
                potential = where(potential > high, high, potential)
                potential = where(low > potential, low, potential)
                store(potential, row, (0,))
                for c in range(min(n - j, NARROW)):
                    v[s, t, j + c] = row[c]


@inner
def _list_arrivals(step, e, end, first, m, at):
    """Fill ``at`` with where the events of m steps from ``first`` on begin; return where they end.

    They begin with event e; eight are looked at at a time, then one.
    """
    for q in range(m):
        at[q] = e
        t = first + q
        while e + 8 <= end and step[e + 7] == t:
            e += 8
        while e < end and step[e] == t:
            e += 1
    at[m] = e
    return e


@inner
def _list_arrivals_back(step, begin, e, first, m, at):
    """As `_list_arrivals`, from the last step to the first; e is where the events end."""
    at[m] = e
    for q in range(m - 1, -1, -1):
        t = first + q
        while e - 8 >= begin and step[e - 8] == t:
            e -= 8
        while e > begin and step[e - 1] == t:
            e -= 1
        at[q] = e
    return e


@inner
def list_spikes(z, r, block, n, step, t, k, out_step, out_unit):
    """Write the units that spike in step t from k on; return where the list ends.

    ``z[r, block]`` holds a byte per unit; bit ``step`` tells whether it spikes. The first n units
    are looked at, eight at a time. Eight slots are written whatever there is to list, and the list
    then grows by as many as spike, so that there is no branch to guess: up to 8 slots behind its
    end are written over.
    """
    mask = _ONES << _u(step)
    busy = 0
    for j in range(0, n, 8):
        busy += np.int64((joined(load(z, (r, block, j), 8)) & mask) != 0)
    if busy == 0:
        return k
    # with many spikes even the test for silence is a gamble
    gamble = 24 * busy > n
    for j in range(0, n, 8):
        eight = joined(load(z, (r, block, j), 8))
        if gamble or (eight & mask) != 0:
            x = (eight >> _u(step)) & _ONES
            x |= x >> _u(7)  # the lowest bits of eight bytes become one byte
            x |= x >> _u(14)
            x |= x >> _u(28)
            which = x & _u(255)
            store(load(MEMBERS, (which, 0), 8) + j, out_unit, (k,))
            store(load(MEMBERS, (0, 0), 8) + t, out_step, (k,))
            k += SIZE[which]
    return k


@part
def move(current, rest, left, a, b, g, theta, held, low, high, bounded, longest, zero_reset, zero):
    """One step of a tile of neurons.

    ``rest`` is what the step before left of the membrane, ``left`` the steps that a neuron is still
    held at rest. Returns the potential, who fires, and the three for the next step.
    """
    x = rest + g * current
    if bounded:
        x = where(x > high, high, x)
        x = where(low > x, low, x)
    if longest > 0:
        x = where(left > 0, zero, x)
    fires = x > theta
    if longest > 0:
        fires = where(left > 0, False, fires)
        left = where(fires, held, where(left > 0, left - 1, left))
    rest = b * x
    rest = where(fires, zero, rest) if zero_reset else where(fires, rest - theta, rest)
    return x, fires, a * current, rest, left


def _make_fire(lanes):
    """The kernel of a LIF layer whose units come in tiles of ``lanes``."""

    @kernel
    def fire(
        start, stop, step, unit, drive, weights, constants, hold, noise, bounds, numbers, v, z,
        out_start, out_stop, out_step, out_unit, lo, hi,
    ):  # fmt: skip
        zero_reset, delay = numbers[0] != 0, numbers[1]
        keep, key = numbers[2] != 0, np.uint32(numbers[3])
        low, high = bounds[0], bounds[1]
        n_steps, n = v.shape[1], v.shape[2]
        zero = weights.dtype.type(0.0)
        # current; what is left of the membrane: b v, less v_th or all of it after a spike
        state = scratch((2, n), weights)
        held_for = scratch((n,), hold)  # steps that a unit is still held at rest
        longest = 0
        for j in range(n):
            longest = hold[j] if hold[j] > longest else longest
        driven, dense = drive.shape[0] > 0, drive.shape[1] > 1
        noisy = noise.shape[0] > 0
        bounded = low > -np.inf or high < np.inf
        xi = scratch((BLOCK if noisy else 0, n), weights)
        at = scratch((BLOCK + 1,), start)  # where the events of each step begin
        for s in range(lo, hi):
            clear(state)
            clear(held_for)
            for j in range(n):
                state[1, j] = constants[4, j]
            e, end = (start[s], stop[s]) if start.shape[0] > 0 else (0, 0)
            r = s if keep else 0
            k = out_start[s]
            for before in range(0, n_steps, BLOCK):
                m = BLOCK if before + BLOCK < n_steps else n_steps - before
                e = _list_arrivals(step, e, end, before - delay, m, at)
                clear(xi)
                for q in range(m if noisy else 0):
                    add_noise(noise, key, s, before + q, xi[q])
                for j in range(0, n, lanes):
                    a, b = load(constants, (0, j), lanes), load(constants, (1, j), lanes)
                    g, theta = load(constants, (2, j), lanes), load(constants, (3, j), lanes)
                    current, rest = load(state, (0, j), lanes), load(state, (1, j), lanes)
                    left, held = load(held_for, (j,), lanes), load(hold, (j,), lanes)
                    spikes = load(z, (r, before // BLOCK, j), lanes) & np.uint8(0)  # zeros
                    for q in range(m):
                        if driven:
                            when = before + q - delay
                            if when >= 0:
                                when = when if dense else 0
                                current = current + load(drive, (s, when, j), lanes)
                        else:
                            for p in range(at[q], at[q + 1]):
                                current = current + load(weights, (_u(unit[_u(p)]), j), lanes)
                        if noisy:
                            rest = rest + load(xi, (q, j), lanes)
                        x, fires, current, rest, left = move(
                            current, rest, left, a, b, g, theta, held, low, high, bounded, longest,
                            zero_reset, zero,
                        )  # fmt: skip
                        store(x, v, (r, n_steps - 1 - before - q, j))
                        spikes = spikes | where(fires, np.uint8(1 << q), np.uint8(0))
                    store(current, state, (0, j))
                    store(rest, state, (1, j))
                    store(left, held_for, (j,))
                    store(spikes, z, (r, before // BLOCK, j))
                for q in range(m):
                    k = list_spikes(z, r, before // BLOCK, n, q, before + q, k, out_step, out_unit)
            out_stop[s] = k

    return fire


@kernel
def mark_spikes(start, stop, step, unit, z):
    """Fill ``z`` as `fire` does from the layer's events; it is zero before."""
    for s in range(start.shape[0]):
        for k in range(start[s], stop[s]):
            z[s, step[k] // BLOCK, unit[k]] |= np.uint8(1 << (step[k] % BLOCK))


@kernel
def list_all(z, n, n_steps, out_start, out_stop, out_step, out_unit, lo, hi):
    """Events of layers that only keep which units spike, ``z``; there is room for 8 more."""
    for s in range(lo, hi):
        k = out_start[s]
        for t in range(n_steps):
            k = list_spikes(z, s, t // BLOCK, n, t % BLOCK, t, k, out_step, out_unit)
        out_stop[s] = k


_fire_wide, _fire_narrow = _make_fire(WIDE), _make_fire(NARROW)


def fire(
    start, stop, step, unit, drive, weights, constants, hold, noise, bounds, numbers, v, z,
    out_start, out_stop, out_step, out_unit, lo, hi,
):  # fmt: skip
    """LIF layer: integrate, compare, emit; the reset acts on the next step.

    Fills ``v`` (the potential that was compared with the threshold), ``z`` (sample, block, unit:
    which units spike, a bit per step) and the events. ``v`` is stored last step first: the backward
    pass then reads memory in ascending order, which the processor prefetches (measured: more than
    twice as fast where traces exceed the cache). Without ``keep``, all samples write over ``v[0]``
    and ``z[0]``, so that inference stays in cache.
    """
    run = _fire_narrow if v.shape[2] == NARROW else _fire_wide
    run(
        start, stop, step, unit, drive, weights, constants, hold, noise, bounds, numbers, v, z,
        out_start, out_stop, out_step, out_unit, lo, hi,
    )  # fmt: skip


@kernel
def integrate_backward(
    start,
    stop,
    step,
    unit,
    g_v,
    constants,
    numbers,
    edges,
    g_weights,
    g_current,
    g_drive,
    first_chunk,
    last_chunk,
):
    """Adjoint of `integrate`: ``g_v`` (sample, time, unit) in; adjoint currents, gradients out.

    ``g_current`` (sample, time, unit) is the adjoint current of the step that it belongs to: the
    gradient by a drive of all time steps is that of ``delay`` steps later. ``g_drive`` (sample,
    unit), the gradient by a constant drive, sums it over time; with length zero it is not wanted.
    """
    delay = numbers[0]
    n_steps, n = g_v.shape[1], g_v.shape[2]
    row = scratch((NARROW,), g_v)
    for c in range(first_chunk, last_chunk):
        clear(g_weights[c])
        for s in range(edges[c], edges[c + 1]):
            for j in range(0, n, NARROW):
                clear(row)
                zeros = load(row, (0,), NARROW)
                lv, li, total = zeros, zeros, zeros
                a, b = load(constants, (0, j), NARROW), load(constants, (1, j), NARROW)
                g = load(constants, (2, j), NARROW)
                for t in range(n_steps - 1, -1, -1):
                    for i in range(min(n - j, NARROW)):
                        row[i] = g_v[s, t, j + i]
                    lv = b * lv + load(row, (0,), NARROW)
                    li = a * li + g * lv
                    store(li, g_current, (s, t, j))
                    if t >= delay:
                        total = total + li
                if g_drive.shape[0] > 0:
                    store(total, g_drive, (s, j))
            if start.shape[0] > 0:
                for k in range(start[s], stop[s]):
                    i, t = unit[k], step[k] + delay
                    if t < n_steps:
                        for j in range(0, n, NARROW):
                            g_w = load(g_weights, (c, i, j), NARROW)
                            store(g_w + load(g_current, (s, t, j), NARROW), g_weights, (c, i, j))


@inner
def list_errors(g, s, first, n, m, at, which, scale):
    """List those of the next layer's n units that have an error, for m steps from ``first`` on.

    ``at[q]`` is where those of step q begin; returns where the last ones end. (Padding follows the
    units in ``g``: it is zero, but where gradients overflow it is not even a number.)
    """
    k = 0
    for q in range(m):
        at[q] = k
        if g.shape[0] > 0 and first + q < g.shape[1]:
            for i in range(n):
                error = g[s, first + q, i]
                which[k], scale[k] = i, error
                k += np.int64(error != 0)
    return k


@inner
def mark_rest(first, last, step, unit, hold, before, m, rest_bits):
    """Set the bits of a block's steps in which a unit is held at rest after a spike."""
    for k in range(first, last):
        j = unit[k]
        for q in range(m):
            after = before + q - step[k]
            if 0 < after <= hold[j]:
                rest_bits[j] |= np.uint8(1 << q)


@part
def slope(kind, k, x, exponent, lanes):
    """Surrogate derivative h(x); formulas and scales in ``snnlab.surrogate``.

    ``kind``: 0 superspike, 1 arctan, 2 triangle, 3 sigmoid, 4 gaussian, 5 rectangle; it is known
    when a kernel is compiled. ``exponent``: scratch for a tile.
    """
    real = exponent.dtype.type
    one = real(1.0)
    if kind == 0:
        q = one / (k * abs(x) + one)
        return q * q
    if kind == 1:
        x = real(0.5 * np.pi) * k * x
        return real(0.5) * k / (one + x * x)
    if kind == 2:
        h = one - k * abs(x)
        return where(h > 0, h, real(0.0))
    if kind == 5:
        return where(real(0.5) > k * abs(x), k, real(0.0))
    # sigmoid, written with exp(-|x|), which cannot overflow; gaussian
    store(-k * abs(x) if kind == 3 else real(-0.5) * (k * x) * (k * x), exponent, (0,))
    for j in range(lanes):
        exponent[j] = np.exp(exponent[j])
    x = load(exponent, (0,), lanes)
    if kind == 3:
        return k * x / ((one + x) * (one + x))
    return k * real(1.0 / np.sqrt(2.0 * np.pi)) * x


@part
def move_back(lv, li, e, h, x, fired, resting, a, b, g, theta, attached, zero_reset, longest, zero):
    """Adjoint of `move`: lv and li of the step before; e is the error at its spikes."""
    if attached:  # a spike also lowers the next potential, by v_th or by b v
        e = e - (b * x if zero_reset else theta) * lv
    if zero_reset:  # nothing flows back through a reset: (1 - z) lv
        lv = where(fired, zero, lv)
    lv = b * lv + h * e
    if longest > 0:  # a membrane held at rest passes nothing on
        lv = where(resting, zero, lv)
    return lv, a * li + g * lv


@part
def add_by_constants(
    by_a,
    by_b,
    by_theta,
    learns,
    lv,
    li,
    later,
    x,
    fired,
    resting,
    b,
    theta,
    zero_reset,
    longest,
    zero,
):
    """Add a step's share to gradients by decays and threshold, before `move_back`.

    lv and li are those of the step after, ``later`` the adjoint current of that which follows it;
    what `move_back` then makes of lv is still to be subtracted from ``by_theta``.
    """
    left = lv
    if zero_reset:
        left = where(fired, zero, lv)
    else:
        by_theta = where(fired, by_theta - lv, by_theta)
    by_b = fused(left, x, by_b)
    back = fused(b, left, by_theta)
    by_theta = where(resting, by_theta, back) if longest > 0 else back
    if learns == 2:  # sum of li I of the step before, by parts: I is what x is more than was left
        rest = b * x
        rest = where(fired, zero, rest) if zero_reset else where(fired, rest - theta, rest)
        by_a = fused(li, x, by_a) - rest * later
    return by_a, by_b, by_theta


def _make_fire_backward(lanes, surrogate, learns):
    """The adjoint of a LIF layer whose units come in tiles of ``lanes``, with one surrogate.

    ``learns``: 1 for gradients by decay_mem and threshold, 2 for that by decay_syn, too.
    """

    @kernel
    def fire_backward(
        start, stop, step, unit, own_start, own_stop, own_step, own_unit, v, z, slopes, g_next,
        next_t, g_spikes, constants, hold, numbers, reals, edges, g_weights, g_current, g_drive,
        g_constants, first_chunk, last_chunk,
    ):  # fmt: skip
        next_delay, zero_reset, attached = numbers[0], numbers[1] != 0, numbers[2] != 0
        delay = numbers[4]
        next_decay_syn, next_decay_mem, next_gain = reals[0], reals[1], reals[2]
        n_steps, n = v.shape[1], v.shape[2]
        zero, steepness = v.dtype.type(0.0), reals[3]
        # adjoint membrane and current, those of the next layer, sum of the currents, zeros to start
        # a tile from, and the adjoint current of two steps later
        state = scratch((7, n), v)
        exponent = scratch((lanes,), v)
        filtered = next_decay_syn != 0 or next_decay_mem != 0 or next_gain != 1
        longest = 0
        for j in range(n):
            longest = hold[j] if hold[j] > longest else longest
        driven, kept = g_drive.shape[0] > 0, g_current.shape[0] > 0
        at = scratch((BLOCK + 1,), start)  # where the events of each step begin
        error_at = scratch((BLOCK + 1,), start)  # where the errors of each step begin
        which = scratch((BLOCK * next_t.shape[0] + 1,), unit)
        scale = scratch((BLOCK * next_t.shape[0] + 1,), v)
        rest_bits = scratch((n,), z)
        clear(rest_bits)
        for c in range(first_chunk, last_chunk):
            rows = g_weights[c]
            clear(rows)
            clear(g_constants[c])
            for s in range(edges[c], edges[c + 1]):
                clear(state)
                begin, k = (start[s], stop[s]) if start.shape[0] > 0 else (0, 0)
                while k > begin and step[k - 1] + delay >= n_steps:
                    k -= 1
                for before in range((n_steps - 1) // BLOCK * BLOCK, -1, -BLOCK):
                    m = BLOCK if before + BLOCK < n_steps else n_steps - before
                    k = _list_arrivals_back(step, begin, k, before - delay, m, at)
                    first = before + next_delay
                    error_at[m] = list_errors(
                        g_next, s, first, next_t.shape[0], m, error_at, which, scale
                    )
                    if longest > 0:
                        own = own_start[s], own_stop[s], own_step, own_unit
                        mark_rest(*own, hold, before, m, rest_bits)
                    for j in range(0, n, lanes):
                        a, b = load(constants, (0, j), lanes), load(constants, (1, j), lanes)
                        g, theta = load(constants, (2, j), lanes), load(constants, (3, j), lanes)
                        lv, li = load(state, (0, j), lanes), load(state, (1, j), lanes)
                        next_v, next_i = load(state, (2, j), lanes), load(state, (3, j), lanes)
                        total = load(state, (4, j), lanes)
                        spikes = load(z, (s, before // BLOCK, j), lanes)
                        at_rest = load(rest_bits, (j,), lanes)
                        if learns > 0:
                            by_a = load(g_constants, (c, 0, j), lanes)
                            by_b = load(g_constants, (c, 1, j), lanes)
                            by_theta = load(g_constants, (c, 2, j), lanes)
                            later = load(state, (6, j), lanes)
                        for q in range(m - 1, -1, -1):
                            t = before + q
                            e = load(state, (5, j), lanes)
                            if filtered:
                                for p in range(error_at[q], error_at[q + 1]):
                                    row = load(next_t, (_u(which[_u(p)]), j), lanes)
                                    next_v = fused(scale[_u(p)], row, next_v)
                                next_i = next_decay_syn * next_i + next_gain * next_v
                                e = next_i
                                next_v = next_decay_mem * next_v  # for the step before
                            else:
                                for p in range(error_at[q], error_at[q + 1]):
                                    row = load(next_t, (_u(which[_u(p)]), j), lanes)
                                    e = fused(scale[_u(p)], row, e)
                            if g_spikes.shape[0] > 0:
                                when = t if g_spikes.shape[1] > 1 else 0
                                e = e + load(g_spikes, (s, when, j), lanes)
                            x = load(v, (s, n_steps - 1 - t, j), lanes)
                            if surrogate == GIVEN:
                                h = load(slopes, (s, n_steps - 1 - t, j), lanes)
                            else:
                                h = slope(surrogate, steepness, x - theta, exponent, lanes)
                            bit = np.uint8(1 << q)
                            fired, resting = (spikes & bit) != 0, (at_rest & bit) != 0
                            if learns > 0:  # lv, li are still those of the step after
                                by_a, by_b, by_theta = add_by_constants(
                                    by_a,
                                    by_b,
                                    by_theta,
                                    learns,
                                    lv,
                                    li,
                                    later,
                                    x,
                                    fired,
                                    resting,
                                    b,
                                    theta,
                                    zero_reset,
                                    longest,
                                    zero,
                                )
                                later = li
                            lv, li = move_back(
                                lv, li, e, h, x, fired, resting, a, b, g, theta, attached,
                                zero_reset, longest, zero,
                            )  # fmt: skip
                            if learns > 0:  # what is new in lv comes through the threshold
                                by_theta = by_theta - lv
                            if kept:
                                store(li, g_current, (s, t, j))
                            # each event adds the adjoint current of the step it arrives in; a
                            # constant drive acts in every step
                            for p in range(at[q], at[q + 1]):
                                i = _u(unit[_u(p)])
                                store(load(rows, (i, j), lanes) + li, rows, (i, j))
                            if driven and t >= delay:
                                total = total + li
                        store(lv, state, (0, j))
                        store(li, state, (1, j))
                        store(next_v, state, (2, j))
                        store(next_i, state, (3, j))
                        store(total, state, (4, j))
                        if learns > 0:
                            store(by_a, g_constants, (c, 0, j))
                            store(by_b, g_constants, (c, 1, j))
                            store(by_theta, g_constants, (c, 2, j))
                            store(later, state, (6, j))
                        store(at_rest & np.uint8(0), rest_bits, (j,))  # zeros
                for j in range(n if driven else 0):
                    g_drive[s, j] = state[4, j]

    return fire_backward


# compiled when a surrogate is first used, and kept on disk; counted as in `slope`
_BACKWARD = {
    (lanes, k, learns): _make_fire_backward(lanes, k, learns)
    for lanes in (WIDE, NARROW)
    for k in range(GIVEN + 1)
    for learns in range(3)
}


def fire_backward(
    start, stop, step, unit, own_start, own_stop, own_step, own_unit, v, z, slopes, g_next, next_t,
    g_spikes, constants, hold, numbers, reals, edges, g_weights, g_current, g_drive, g_constants,
    first_chunk, last_chunk,
):  # fmt: skip
    """Adjoint of `fire`, reading the trace: ``v`` (last step first), ``z``, the layer's own events.

    The error at the spikes is ``e = W_next g_I_next`` (plus ``g_spikes`` (sample, time or 1, unit)
    if it is not empty). An integrator whose units share one set of constants filters ``W g_v``
    exactly as it filters ``g_v``, and the loss's ``g_v`` is mostly zeros: then ``g_next`` is
    ``g_v`` and the filter is the integrator's (``next_decay_*``, ``next_gain``). Otherwise
    ``g_next`` is the adjoint current and the filter passes all (0, 0, 1). ``g_next`` is empty at a
    spiking readout. ``next_t`` holds the next layer's weights, transposed; ``slopes``, laid out as
    ``v``, the surrogate derivatives if they are given.

    ``g_current`` (empty if not wanted) and ``g_drive`` are as in `integrate_backward`;
    ``g_constants`` (chunk, 3 rows or none, width) as in `snnlab.kernels.constants`.
    """
    surrogate, learns = int(numbers[3]), int(numbers[5])
    run = _BACKWARD[NARROW if v.shape[2] == NARROW else WIDE, surrogate, learns]
    run(
        start, stop, step, unit, own_start, own_stop, own_step, own_unit, v, z, slopes, g_next,
        next_t, g_spikes, constants, hold, numbers, reals, edges, g_weights, g_current, g_drive,
        g_constants, first_chunk, last_chunk,
    )  # fmt: skip


@kernel
def sum_chunks(g_weights, out, lo, hi):
    """``out[lo:hi] = g_weights[0, lo:hi] + g_weights[1, lo:hi] + ...``, chunk by chunk in order."""
    n = out.shape[1]
    for i in range(lo, hi):
        for j in range(n):
            out[i, j] = g_weights[0, i, j]
        for c in range(1, g_weights.shape[0]):
            for j in range(n):
                out[i, j] += g_weights[c, i, j]
