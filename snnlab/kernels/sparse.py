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

from snnlab.kernels.lif import clear_rows, largest, scratch_rows
from snnlab.kernels.vector import fused, load, store

LANES = 64  # samples that are multiplied at a time: twice as fast as 32, and 128 gain little

_kernel = njit(cache=True, nogil=True, error_model="numpy")


@_kernel
def _multiply(turned, indptr, source, weight, j, total):
    """What unit j gets from the samples of a block: its row of ``W.T @ turned``."""
    out = load(turned, (turned.shape[0] - 1, 0), LANES)  # a row of zeros
    for p in range(indptr[j], indptr[j + 1]):
        row = load(turned, (np.uint64(source[np.uint64(p)]), 0), LANES)
        out = fused(weight[np.uint64(p)], row, out)
    store(out, total, (0,))


@_kernel
def _turn(x, inputs, first, m, turned):
    """Some inputs of m samples, sample by sample, as rows over samples; the last row stays zero."""
    for i in range(inputs.shape[0]):
        j = inputs[i]
        for b in range(m):
            turned[i, b] = x[first + b, j]


@_kernel
def multiply(x, inputs, indptr, source, weight, lo, hi, out):
    """``out[lo:hi] = x[lo:hi, inputs] @ W``, from synapses unit by unit."""
    turned = scratch_rows(inputs.shape[0] + 1, LANES, out)
    clear_rows(turned)
    total = np.empty(LANES, out.dtype)
    for s in range(lo, hi, LANES):
        m = min(LANES, hi - s)
        _turn(x, inputs, s, m, turned)
        for j in range(out.shape[1]):
            _multiply(turned, indptr, source, weight, j, total)
            for b in range(m):
                out[s + b, j] = total[b]


@_kernel
def fire_constant(
    x,
    inputs,
    indptr,
    source,
    weight,
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
    """LIF layer under constant inputs: only units that can reach threshold are simulated.

    A unit whose drive is at most ``loudest`` stays silent (`snnlab.sparse.loudest_silence`). The
    others are listed per sample and move together, so that the loop over them is vectorised.
    """
    n = name.shape[0]
    real = weight.dtype
    zero = real.type(0.0)
    turned = scratch_rows(inputs.shape[0] + 1, LANES, weight)
    clear_rows(turned)
    total = np.empty(LANES, real)
    loud = np.empty(LANES, np.bool_)
    eight = loud.view(np.uint64)  # few are loud: look for them eight samples at a time
    count = np.empty(LANES, np.int64)
    spare = n + 32
    who = np.empty((LANES, spare), np.int32)
    given = np.empty((LANES, spare), real)
    called = np.empty(spare, np.int32)
    x0 = np.zeros(spare, real)
    rest, current, push = x0.copy(), x0.copy(), x0.copy()
    a, b, g, th = x0.copy(), x0.copy(), x0.copy(), x0.copy()
    wait, longest = np.empty(spare, np.int64), np.empty(spare, np.int64)
    for i in range(spare):
        j = min(i, n - 1)
        a[i], b[i], g[i], th[i], longest[i] = decay_syn[j], decay_mem[j], gain[j], v_th[j], hold[j]
    refractory = largest(hold) > 0
    steady = largest(decay_syn) == 0  # the push to the membrane is the same in every step
    z = np.empty(spare, np.bool_)
    k = lo * room
    for first in range(lo, hi, LANES):
        in_block = min(LANES, hi - first)
        _turn(x, inputs, first, in_block, turned)
        for c in range(LANES):
            count[c] = 0
        for j in range(n):
            _multiply(turned, indptr, source, weight, j, total)
            for c in range(LANES):
                loud[c] = total[c] > loudest[j]
            for i in range(LANES // 8):
                if eight[i] != 0:
                    for c in range(8 * i, 8 * i + 8):  # no branch: what is silent is written over
                        who[c, count[c]] = j
                        given[c, count[c]] = total[c]
                        count[c] += loud[c]
        for c in range(in_block):
            out_start[first + c] = k
            m = count[c]
            width = -(-m // 32) * 32  # whole vectors: what is added has no drive, and stays silent
            for i in range(width):
                x0[i] = given[c, i] if i < m else zero
                rest[i] = zero
                current[i] = zero
                wait[i] = 0
            for i in range(m):
                j = who[c, i]
                called[i] = name[j]
                if not uniform:
                    a[i], b[i], g[i], th[i], longest[i] = (
                        decay_syn[j], decay_mem[j], gain[j], v_th[j], hold[j],
                    )  # fmt: skip
            for t in range(delay, n_steps):
                if not steady or t == delay:
                    for i in range(width):
                        now = current[i] + x0[i]
                        push[i] = g[i] * now
                        current[i] = now * a[i]
                for i in range(width):
                    rest[i] += push[i]
                    z[i] = rest[i] > th[i]
                if zero_reset:
                    for i in range(width):
                        rest[i] = zero if rest[i] > th[i] else b[i] * rest[i]
                else:
                    for i in range(width):
                        left = b[i] * rest[i]
                        rest[i] = left - th[i] if rest[i] > th[i] else left
                if refractory:
                    for i in range(m):
                        if wait[i] > 0:
                            wait[i] -= 1
                            rest[i] = zero
                            z[i] = False
                        elif z[i]:
                            wait[i] = longest[i]
                before = k
                for i in range(m):  # no branch: what does not spike is written over
                    out_unit[k] = called[i]
                    k += z[i]
                for i in range(before, k):
                    out_step[i] = t
            out_stop[first + c] = k


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
    longest = largest(hold)
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
