"""Inference on compressed rows: work in proportion to the synapses that are there.

The synapses of a layer lie input by input, as SciPy's compressed rows: those of input i are
``indptr[i] : indptr[i + 1]`` of ``unit`` (which unit they lead to) and ``weight``. Products with a
constant input that is mostly not zero take them unit by unit instead.

Equations, order of additions and hence results are those of ``snnlab.kernels.lif``: a weight of
zero adds nothing. Potentials are not kept. A layer's events lie one after the other, ``k`` counts
them; they name a unit as the whole network does (``name``), not by its place among those left.
"""

import numpy as np
from numba import njit

LANES = 64  # samples that are multiplied at a time: twice as fast as 32, and 128 gain little

_kernel = njit(cache=True, nogil=True, error_model="numpy")


@_kernel
def multiply(x, indptr, unit, weight, lo, hi, out):
    """``out[lo:hi] = x[lo:hi] @ W``, passing over the zeros of ``x``."""
    n_in, n = x.shape[1], out.shape[1]
    zero = out.dtype.type(0.0)
    which = np.empty(n_in + 1, np.int64)
    for s in range(lo, hi):
        m = 0
        for i in range(n_in):  # no branch: what is zero is written over
            which[m] = i
            m += x[s, i] != zero
        for j in range(n):
            out[s, j] = zero
        for k in range(m):
            i = which[k]
            now = x[s, i]
            for p in range(indptr[i], indptr[i + 1]):
                out[s, unit[p]] += now * weight[p]


@_kernel
def multiply_all(x, indptr, source, weight, lo, hi, out):
    """The same where few of ``x`` are zero, from synapses unit by unit; many samples at a time.

    It adds in the same order, so the result is the same.
    """
    n_in, n = x.shape[1], out.shape[1]
    zero = out.dtype.type(0.0)
    turned = np.zeros((n_in, LANES), out.dtype)
    total = np.empty(LANES, out.dtype)
    for s in range(lo, hi, LANES):
        m = min(LANES, hi - s)
        for i in range(n_in):
            for b in range(m):
                turned[i, b] = x[s + b, i]
        width = -(-m // 32) * 32  # whole vectors; samples that are not there are not read
        for j in range(n):
            for b in range(width):
                total[b] = zero
            p, end = indptr[j], indptr[j + 1]
            while p + 4 <= end:
                i0, i1, i2, i3 = source[p], source[p + 1], source[p + 2], source[p + 3]
                w0, w1, w2, w3 = weight[p], weight[p + 1], weight[p + 2], weight[p + 3]
                for b in range(width):
                    total[b] = (
                        ((total[b] + turned[i0, b] * w0) + turned[i1, b] * w1) + turned[i2, b] * w2
                    ) + turned[i3, b] * w3
                p += 4
            while p < end:
                i0, w0 = source[p], weight[p]
                for b in range(width):
                    total[b] += turned[i0, b] * w0
                p += 1
            for b in range(m):
                out[s + b, j] = total[b]


@_kernel
def fire_constant(
    drive,
    loudest,
    decay_syn,
    decay_mem,
    gain,
    v_th,
    hold,
    uniform,
    zero_reset,
    delay,
    n_steps,
    name,
    room,
    lo,
    hi,
    out_start,
    out_stop,
    out_step,
    out_unit,
):
    """LIF layer under a constant drive: only units that can reach threshold are simulated.

    A unit whose drive is at most ``loudest`` stays silent (`snnlab.sparse.loudest_silence`). The
    others move together, so that the loop over them is as vectorised as one over all.
    """
    n = drive.shape[1]
    real = drive.dtype
    zero = real.type(0.0)
    spare = n + 32
    who = np.empty(spare, np.int64)
    called = np.empty(spare, np.int32)
    x = np.zeros(spare, real)
    rest = np.empty(spare, real)
    current = np.empty(spare, real)
    a, b, g, th = x.copy(), x.copy(), x.copy(), x.copy()
    wait, longest = np.empty(spare, np.int64), np.empty(spare, np.int64)
    for i in range(spare):
        j = min(i, n - 1)
        a[i], b[i], g[i], th[i], longest[i] = decay_syn[j], decay_mem[j], gain[j], v_th[j], hold[j]
    refractory = hold.max() > 0
    z = np.empty(spare, np.bool_)
    k = lo * room
    for s in range(lo, hi):
        out_start[s] = k
        m = 0
        for j in range(n):
            who[m] = j
            m += drive[s, j] > loudest[j]
        width = -(-m // 32) * 32  # whole vectors: what is added has no drive and stays silent
        for i in range(m):
            j = who[i]
            x[i] = drive[s, j]
            called[i] = name[j]
            if not uniform:
                a[i], b[i], g[i], th[i], longest[i] = (
                    decay_syn[j], decay_mem[j], gain[j], v_th[j], hold[j],
                )  # fmt: skip
        for i in range(m, width):
            x[i] = zero
        for i in range(width):
            rest[i] = zero
            current[i] = zero
            wait[i] = 0
        for t in range(delay, n_steps):
            for i in range(width):
                now = current[i] + x[i]
                v = rest[i] + g[i] * now
                left = b[i] * v
                z[i] = v > th[i]
                after = zero if zero_reset else left - th[i]
                rest[i] = after if v > th[i] else left
                current[i] = now * a[i]
            if refractory:
                for i in range(m):
                    if wait[i] > 0:
                        wait[i] -= 1
                        rest[i] = zero
                        z[i] = False
                    elif z[i]:
                        wait[i] = longest[i]
            for i in range(m):  # no branch: what does not spike is written over
                out_step[k] = t
                out_unit[k] = called[i]
                k += z[i]
        out_stop[s] = k


@_kernel
def fire(
    start,
    stop,
    step,
    unit,
    indptr,
    target,
    weight,
    decay_syn,
    decay_mem,
    gain,
    v_th,
    hold,
    uniform,
    zero_reset,
    delay,
    n_steps,
    name,
    room,
    lo,
    hi,
    out_start,
    out_stop,
    out_step,
    out_unit,
):
    """LIF layer on events, as `lif.fire`; constants have whole vectors' length, ``name`` not."""
    width, n = decay_mem.shape[0], name.shape[0]
    zero = weight.dtype.type(0.0)
    current = np.empty(width, weight.dtype)
    rest = np.empty(width, weight.dtype)
    a0, b0, g0, th0 = decay_syn[0], decay_mem[0], gain[0], v_th[0]
    longest = hold.max()
    place = np.empty(room if longest > 0 else 0, np.int32)  # of each spike's unit
    z = np.zeros(-(-width // 8) * 8, np.bool_)
    eight = z.view(np.uint64)  # spikes are rare: look for them eight units at a time
    k = lo * room
    for s in range(lo, hi):
        for j in range(width):
            current[j] = zero
            rest[j] = zero
        out_start[s] = k
        recent = k
        e, end = start[s], stop[s]
        first = step[e] + delay if e < end else n_steps  # nothing stirs before
        for t in range(first, n_steps):
            while e < end and step[e] + delay == t:
                i = unit[e]
                for p in range(indptr[i], indptr[i + 1]):
                    current[target[p]] += weight[p]
                e += 1
            if uniform:
                for j in range(width):
                    v = rest[j] + g0 * current[j]
                    left = b0 * v
                    z[j] = v > th0
                    after = zero if zero_reset else left - th0
                    rest[j] = after if v > th0 else left
                    current[j] *= a0
            else:
                for j in range(width):
                    v = rest[j] + gain[j] * current[j]
                    left = decay_mem[j] * v
                    z[j] = v > v_th[j]
                    after = zero if zero_reset else left - v_th[j]
                    rest[j] = after if v > v_th[j] else left
                    current[j] *= decay_syn[j]
            if longest > 0:
                while recent < k and out_step[recent] + longest < t:
                    recent += 1
                for m in range(recent, k):
                    j = place[m - out_start[s]]
                    if out_step[m] + hold[j] >= t:
                        rest[j] = zero
                        z[j] = False
            some = eight[0]
            for i in range(1, eight.shape[0]):
                some |= eight[i]
            if some == 0:
                continue
            for i in range(eight.shape[0]):
                if eight[i] != 0:
                    for j in range(8 * i, min(8 * i + 8, n)):
                        out_step[k] = t
                        out_unit[k] = name[j]
                        if longest > 0 and z[j]:
                            place[k - out_start[s]] = j
                        k += z[j]
        out_stop[s] = k


@_kernel
def integrate(
    start,
    stop,
    step,
    unit,
    indptr,
    target,
    weight,
    decay_syn,
    decay_mem,
    gain,
    delay,
    lo,
    hi,
    v,
):
    """Leaky integrator on events, as `lif.integrate`; fills ``v`` (sample, time, unit)."""
    n_steps, n = v.shape[1], v.shape[2]
    zero = v.dtype.type(0.0)
    for s in range(lo, hi):
        for t in range(n_steps):
            for j in range(n):
                v[s, t, j] = zero
        for k in range(start[s], stop[s]):
            i, t = unit[k], step[k] + delay
            if t < n_steps:
                for p in range(indptr[i], indptr[i + 1]):
                    v[s, t, target[p]] += weight[p]
        for j in range(n):
            a, b, g = decay_syn[j], decay_mem[j], gain[j]
            current, potential = zero, zero
            for t in range(n_steps):
                current = a * current + v[s, t, j]
                potential = b * potential + g * current
                v[s, t, j] = potential


@_kernel
def rename(start, stop, unit, name, lo, hi):
    """Events named by place among the units left are named as in the whole network."""
    for s in range(lo, hi):
        for k in range(start[s], stop[s]):
            unit[k] = name[unit[k]]
