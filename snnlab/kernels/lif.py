"""Forward and backward kernels of one layer, event by event, one sample at a time.

Every kernel works on the samples ``lo <= s < hi`` of a batch (or on some of its chunks), so that
worker threads can share one. Arrays come in, ``out`` arrays are filled; nothing is checked here
(the public floor does that) and nothing is allocated inside the loop over time. The equations are
those of ``snnlab.textbook``, in the same order, where each is one line of NumPy.

A layer's input is either events (``start``, ``stop`` bound each sample's slice of ``step`` and
``unit``) or a constant drive per unit (``drive``, with no events); the array that is not used has
length zero.

On an analog substrate the membrane is noisy (``noise``: standard deviation per unit and step, of
length zero without; ``key`` chooses the noise) and bounded (``low``, ``high``: infinite without).

Two habits keep the loops over units vectorised: arrays are indexed in full (a row view that lives
across iterations costs reference counts), and no literal widens float32 to float64.
"""

import numpy as np
from numba import njit

from snnlab.kernels.noise import add_noise

SURROGATES = ("superspike", "arctan", "triangle", "sigmoid", "gaussian", "rectangle")

# Of each set of eight units, as the bits of a byte: its members in order, and how many they are.
_MEMBERS = np.zeros((256, 8), np.int32)
for _set in range(256):
    _of_set = [_j for _j in range(8) if _set >> _j & 1]
    _MEMBERS[_set, : len(_of_set)] = _of_set
_SIZE = np.array([_set.bit_count() for _set in range(256)])

# error_model="numpy": a division needs no test for zero, which would keep loops scalar
_kernel = njit(cache=True, nogil=True, error_model="numpy")


@_kernel
def _clear(x):
    """``x[:] = 0`` (written out: numba compiles slice assignment for a second per kernel)."""
    for j in range(x.shape[0]):
        x[j] = 0


@_kernel
def _clear_rows(x):
    """``x[:, :] = 0``."""
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            x[i, j] = 0


@_kernel
def _largest(x):
    """Largest of an array of numbers that are not negative."""
    out = 0
    for j in range(x.shape[0]):
        if x[j] > out:
            out = x[j]
    return out


@_kernel
def _four(index, k):
    """Four indices from k on; unsigned, they need no test for those that count from the end."""
    u = np.uint64
    return u(index[k]), u(index[k + 1]), u(index[k + 2]), u(index[k + 3])


@_kernel
def _add_rows(rows, index, lo, hi, out):
    """``out += rows[index[k]]`` for k in [lo, hi), in order; eight, four or one per pass."""
    n = out.shape[0]
    k = lo
    while k + 8 <= hi:
        i0, i1, i2, i3 = _four(index, k)
        i4, i5, i6, i7 = _four(index, k + 4)
        for j in range(n):
            half = (((out[j] + rows[i0, j]) + rows[i1, j]) + rows[i2, j]) + rows[i3, j]
            out[j] = (((half + rows[i4, j]) + rows[i5, j]) + rows[i6, j]) + rows[i7, j]
        k += 8
    if k + 4 <= hi:
        i0, i1, i2, i3 = _four(index, k)
        for j in range(n):
            out[j] = (((out[j] + rows[i0, j]) + rows[i1, j]) + rows[i2, j]) + rows[i3, j]
        k += 4
    while k < hi:
        i0 = np.uint64(index[k])
        for j in range(n):
            out[j] += rows[i0, j]
        k += 1


@_kernel
def _add_to_rows(x, index, lo, hi, rows):
    """``rows[index[k]] += x`` for k in [lo, hi)."""
    for k in range(lo, hi):
        i = np.uint64(index[k])
        for j in range(x.shape[0]):
            rows[i, j] += x[j]


@_kernel
def _add_few_to_rows(x, index, lo, hi, rows):
    """`_add_to_rows`, faster if most of x is zero.

    So are the errors of a spiking readout: most of its units are rightly silent.
    """
    m = 0
    for j in range(x.shape[0]):
        m += np.int64(x[j] != 0)
    if 4 * m > x.shape[0]:
        _add_to_rows(x, index, lo, hi, rows)
        return
    for j in range(x.shape[0]):
        if x[j] != 0:
            for k in range(lo, hi):
                rows[index[k], j] += x[j]


@_kernel
def _arrive(step, unit, drive, weights, delay, s, t, e, end, current):
    """Add what arrives in step t to the synaptic current; return the next event to come."""
    if drive.shape[0] > 0:
        if t >= delay:
            for j in range(current.shape[0]):
                current[j] += drive[s, j]
        return e
    first = e
    while e < end and step[e] + delay == t:
        e += 1
    _add_rows(weights, unit, first, e, current)
    return e


@_kernel
def integrate(
    start,
    stop,
    step,
    unit,
    drive,
    weights,
    decay_syn,
    decay_mem,
    gain,
    noise,
    key,
    low,
    high,
    delay,
    lo,
    hi,
    v,
):
    """Leaky integrator: ``I = a I + W x``, ``v = b v + g I``; fills ``v`` (sample, time, unit).

    Readouts are narrow, so each unit runs through time on its own, its state in registers.
    """
    n_steps, n = v.shape[1], v.shape[2]
    zero = v.dtype.type(0.0)
    noisy = noise.shape[0] > 0
    xi = np.empty((n_steps, n), v.dtype)
    for s in range(lo, hi):
        if noisy:
            for t in range(n_steps):
                _clear(xi[t])
                add_noise(noise, key, s, t, xi[t])
        for t in range(n_steps):
            for j in range(n):
                v[s, t, j] = zero
        if drive.shape[0] > 0:
            for t in range(delay, n_steps):
                for j in range(n):
                    v[s, t, j] = drive[s, j]
        else:
            for k in range(start[s], stop[s]):
                i, t = unit[k], step[k] + delay
                if t < n_steps:
                    for j in range(n):
                        v[s, t, j] += weights[i, j]
        for j in range(n):
            a, b, g = decay_syn[j], decay_mem[j], gain[j]
            current, potential = zero, zero
            for t in range(n_steps):
                current = a * current + v[s, t, j]
                potential = b * potential + g * current
                if noisy:
                    potential += xi[t, j]
                potential = high if potential > high else potential
                potential = low if potential < low else potential
                v[s, t, j] = potential


@_kernel
def _list_spikes(z, eight, k, out_unit):
    """Write the units that spike to ``out_unit`` from k on; return where the list ends.

    ``eight`` is ``z``, eight units at a time. All is written and some is kept, so that there is no
    branch to guess; up to 8 slots behind the end are written over.
    """
    busy = 0
    for i in range(eight.shape[0]):
        busy += np.int64(eight[i] != 0)
    if 3 * busy <= eight.shape[0]:
        for i in range(eight.shape[0]):
            if eight[i] != 0:
                for j in range(8 * i, 8 * i + 8):
                    out_unit[k] = j
                    k += np.int64(z[j])
        return k
    for i in range(eight.shape[0]):  # with many spikes even the test for silence is a gamble
        x = eight[i]
        x |= x >> np.uint64(7)  # the lowest bits of eight bytes become one byte
        x |= x >> np.uint64(14)
        x |= x >> np.uint64(28)
        which = x & np.uint64(255)
        for j in range(8):
            out_unit[np.uint64(k + j)] = 8 * i + _MEMBERS[which, j]
        k += _SIZE[which]
    return k


@_kernel
def fire(
    start,
    stop,
    step,
    unit,
    drive,
    weights,
    decay_syn,
    decay_mem,
    gain,
    v_th,
    hold,
    noise,
    key,
    low,
    high,
    zero_reset,
    delay,
    lo,
    hi,
    keep,
    v,
    out_start,
    out_stop,
    out_step,
    out_unit,
):
    """LIF layer: integrate, compare, emit; the reset acts on the next step.

    Fills ``v`` (the potential that was compared with the threshold) and the events. ``v`` is stored
    last step first: the backward pass then reads memory in ascending order, which the processor
    prefetches (measured: more than twice as fast where traces exceed the cache). With ``keep``
    false, all samples write over ``v[0]``, so that inference stays in cache.
    """
    n_steps, n = v.shape[1], v.shape[2]
    zero = weights.dtype.type(0.0)
    current = np.empty(n, weights.dtype)
    push = np.empty(n, weights.dtype)  # what the current adds to the membrane: g I
    rest = np.empty(n, weights.dtype)  # what is left of the membrane: b v - v_th z, or b v (1 - z)
    steady = drive.shape[0] > 0 and _largest(decay_syn) == 0  # the push is the same in every step
    longest = _largest(hold)
    bounded = low > -np.inf or high < np.inf
    z = np.empty(-(-n // 8) * 8, np.bool_)
    _clear(z)
    eight = z.view(np.uint64)  # spikes are rare: look for them eight units at a time
    for s in range(lo, hi):
        _clear(current)
        _clear(rest)
        e, end = (start[s], stop[s]) if start.shape[0] > 0 else (0, 0)
        r = s if keep else 0
        k = out_start[s]
        recent = k  # own events from here on may still hold their unit at rest
        for t in range(n_steps):
            now = n_steps - 1 - t
            if not steady or t <= delay:
                e = _arrive(step, unit, drive, weights, delay, s, t, e, end, current)
                for j in range(n):
                    push[j] = gain[j] * current[j]
                    current[j] *= decay_syn[j]
            if noise.shape[0] > 0:
                add_noise(noise, key, s, t, rest)
            # few arrays and no conditions per loop: it stays in registers
            for j in range(n):
                rest[j] += push[j]
            if bounded:
                for j in range(n):
                    x = high if rest[j] > high else rest[j]
                    rest[j] = low if x < low else x
            for j in range(n):
                x = rest[j]
                v[r, now, j] = x
                z[j] = x > v_th[j]
            if zero_reset:
                for j in range(n):
                    rest[j] = zero if rest[j] > v_th[j] else decay_mem[j] * rest[j]
            else:
                for j in range(n):
                    x = rest[j]
                    left = decay_mem[j] * x
                    rest[j] = left - v_th[j] if x > v_th[j] else left
            while longest > 0 and recent < k and out_step[recent] + longest < t:
                recent += 1
            for m in range(recent, k if longest > 0 else recent):
                j = out_unit[m]
                if out_step[m] + hold[j] >= t:
                    v[r, now, j] = zero
                    rest[j] = zero
                    z[j] = False
            some = eight[0]
            for i in range(1, eight.shape[0]):
                some |= eight[i]
            if some == 0:
                continue
            before = k
            k = _list_spikes(z, eight, k, out_unit)
            for m in range(before, k):
                out_step[m] = t
        out_stop[s] = k


@_kernel
def _slope(kind, steepness, v, s, t, v_th, h):
    """Surrogate derivative h(v - v_th) of one row; formulas and scales in ``snnlab.surrogate``."""
    n = h.shape[0]
    real = h.dtype.type
    k = real(steepness)
    one = real(1.0)
    if kind == 0:  # superspike
        for j in range(n):
            q = one / (k * abs(v[s, t, j] - v_th[j]) + one)
            h[j] = q * q
    elif kind == 1:  # arctan
        half, c = real(0.5) * k, real(0.5 * np.pi) * k
        for j in range(n):
            x = c * (v[s, t, j] - v_th[j])
            h[j] = half / (one + x * x)
    elif kind == 2:  # triangle
        for j in range(n):
            h[j] = max(one - k * abs(v[s, t, j] - v_th[j]), real(0.0))
    elif kind == 3:  # sigmoid: written with exp(-|x|), which cannot overflow
        for j in range(n):
            x = np.exp(-k * abs(v[s, t, j] - v_th[j]))
            h[j] = k * x / ((one + x) * (one + x))
    elif kind == 4:  # gaussian
        c = k * real(1.0 / np.sqrt(2.0 * np.pi))
        for j in range(n):
            x = k * (v[s, t, j] - v_th[j])
            h[j] = c * np.exp(-real(0.5) * x * x)
    else:  # rectangle
        for j in range(n):
            h[j] = k if abs(v[s, t, j] - v_th[j]) * k < real(0.5) else real(0.0)


@_kernel
def _add_scaled_rows(rows, scale, s, t, out):
    """``out += scale[s, t] @ rows``, skipping the zeros of ``scale``; four rows per pass."""
    n = out.shape[0]
    zero = out.dtype.type(0.0)
    held = 0
    i0, i1, i2, i3 = 0, 0, 0, 0
    for i in range(rows.shape[0]):
        if scale[s, t, i] == zero:
            continue
        i0, i1, i2, i3 = i, i0, i1, i2
        held += 1
        if held == 4:
            held = 0
            a, b, c, d = scale[s, t, i0], scale[s, t, i1], scale[s, t, i2], scale[s, t, i3]
            for j in range(n):
                out[j] += ((a * rows[i0, j] + b * rows[i1, j]) + c * rows[i2, j]) + d * rows[i3, j]
    while held > 0:
        a = scale[s, t, i0]
        for j in range(n):
            out[j] += a * rows[i0, j]
        i0, i1, i2 = i1, i2, i3
        held -= 1


@_kernel
def integrate_backward(
    start,
    stop,
    step,
    unit,
    g_v,
    decay_syn,
    decay_mem,
    gain,
    delay,
    edges,
    first_chunk,
    last_chunk,
    g_weights,
    g_current,
    g_drive,
):
    """Adjoint of `integrate`: ``g_v`` (sample, time, unit) in; adjoint currents, gradients out."""
    n_steps, n = g_v.shape[1], g_v.shape[2]
    zero = g_v.dtype.type(0.0)
    for c in range(first_chunk, last_chunk):
        _clear_rows(g_weights[c])
        for s in range(edges[c], edges[c + 1]):
            for j in range(n):
                a, b, g = decay_syn[j], decay_mem[j], gain[j]
                lv, li, total = zero, zero, zero
                for t in range(n_steps - 1, -1, -1):
                    lv = b * lv + g_v[s, t, j]
                    li = a * li + g * lv
                    g_current[s, t, j] = li
                    if t >= delay:
                        total += li
                if g_drive.shape[0] > 0:
                    g_drive[s, j] = total
            if g_drive.shape[0] == 0:
                for k in range(start[s], stop[s]):
                    i, t = unit[k], step[k] + delay
                    if t < n_steps:
                        for j in range(n):
                            g_weights[c, i, j] += g_current[s, t, j]


@_kernel
def fire_backward(
    start,
    stop,
    step,
    unit,
    own_start,
    own_stop,
    own_step,
    own_unit,
    v,
    g_next,
    next_t,
    next_delay,
    next_decay_syn,
    next_decay_mem,
    next_gain,
    g_spikes,
    decay_syn,
    decay_mem,
    gain,
    v_th,
    hold,
    zero_reset,
    attached,
    kind,
    steepness,
    delay,
    edges,
    first_chunk,
    last_chunk,
    g_weights,
    g_current,
    g_drive,
):
    """Adjoint of `fire`, reading the trace (``v``, last step first, and the layer's own events).

    The error at the spikes is ``e = W_next g_I_next`` (plus ``g_spikes`` (sample, time or 1, unit)
    if it is not empty). An integrator whose units share one set of constants filters ``W g_v``
    exactly as it filters ``g_v``, and the loss's ``g_v`` is mostly zeros: then ``g_next`` is
    ``g_v`` and the filter is the integrator's (``next_decay_*``, ``next_gain``). Otherwise
    ``g_next`` is the adjoint current and the filter passes all (0, 0, 1). ``g_next`` is empty at a
    spiking readout. ``g_current`` (empty if not wanted) keeps the adjoint currents of all samples.
    """
    n_steps, n = v.shape[1], v.shape[2]
    zero = v.dtype.type(0.0)
    e = np.empty(n, v.dtype)
    next_v = np.empty(n, v.dtype)
    next_i = np.empty(n, v.dtype)
    h = np.empty(n, v.dtype)
    lv = np.empty(n, v.dtype)
    li = np.empty(n, v.dtype)
    unfiltered = next_decay_syn == zero and next_decay_mem == zero and next_gain == 1
    refractory = _largest(hold) > 0
    z = np.empty((n_steps if refractory else 0, n), np.bool_)
    _clear_rows(z)
    for c in range(first_chunk, last_chunk):
        rows = g_weights[c]
        _clear_rows(rows)
        for s in range(edges[c], edges[c + 1]):
            if refractory:
                for m in range(own_start[s], own_stop[s]):
                    z[own_step[m], own_unit[m]] = True
            own = own_stop[s]
            _clear(next_v)
            _clear(next_i)
            _clear(lv)
            _clear(li)
            first, k = 0, 0
            if g_drive.shape[0] > 0:
                for j in range(n):
                    g_drive[s, j] = zero
            else:
                first, k = start[s], stop[s]
                while k > first and step[k - 1] + delay >= n_steps:
                    k -= 1
            for t in range(n_steps - 1, -1, -1):
                if g_next.shape[0] == 0 or t + next_delay >= n_steps:
                    _clear(e)
                elif unfiltered:
                    _clear(e)
                    _add_scaled_rows(next_t, g_next, s, t + next_delay, e)
                else:
                    _add_scaled_rows(next_t, g_next, s, t + next_delay, next_v)
                    for j in range(n):
                        next_i[j] = next_decay_syn * next_i[j] + next_gain * next_v[j]
                        e[j] = next_i[j]
                        next_v[j] *= next_decay_mem  # for the step before
                if g_spikes.shape[0] > 0:
                    row = t if g_spikes.shape[1] > 1 else 0
                    for j in range(n):
                        e[j] += g_spikes[s, row, j]
                _slope(kind, steepness, v, s, n_steps - 1 - t, v_th, h)
                if attached:  # a spike also lowers the next potential, by v_th or by b v
                    for j in range(n):
                        drop = decay_mem[j] * v[s, n_steps - 1 - t, j] if zero_reset else v_th[j]
                        e[j] -= drop * lv[j]
                if zero_reset:  # nothing flows back through a reset: (1 - z) lv
                    while own > own_start[s] and own_step[own - 1] == t:
                        own -= 1
                        lv[np.uint64(own_unit[own])] = zero
                for j in range(n):
                    lv[j] = decay_mem[j] * lv[j] + h[j] * e[j]
                if refractory:  # a membrane held at rest passes nothing on
                    for j in range(n):
                        first_held = t - hold[j] if t > hold[j] else 0
                        for back in range(first_held, t):
                            if z[back, j]:
                                lv[j] = zero
                for j in range(n):
                    li[j] = decay_syn[j] * li[j] + gain[j] * lv[j]
                if g_current.shape[0] > 0:
                    for j in range(n):
                        g_current[s, t, j] = li[j]
                # each event adds the adjoint current of the step it arrives in; a constant drive
                # acts in every step
                last = k
                while k > first and step[k - 1] + delay == t:
                    k -= 1
                if n <= 16:
                    _add_few_to_rows(li, unit, k, last, rows)
                elif k < last:
                    _add_to_rows(li, unit, k, last, rows)
                if g_drive.shape[0] > 0 and t >= delay:
                    for j in range(n):
                        g_drive[s, j] += li[j]
            if refractory:
                for m in range(own_start[s], own_stop[s]):
                    z[own_step[m], own_unit[m]] = False


@_kernel
def sum_chunks(g_weights, out, lo, hi):
    """``out[lo:hi] = g_weights[0, lo:hi] + g_weights[1, lo:hi] + ...``, chunk by chunk in order."""
    n = out.shape[1]
    for i in range(lo, hi):
        for j in range(n):
            out[i, j] = g_weights[0, i, j]
        for c in range(1, g_weights.shape[0]):
            for j in range(n):
                out[i, j] += g_weights[c, i, j]
