"""Inference on compressed rows: work in proportion to the synapses that are there.

The synapses of a layer lie input by input, as SciPy's compressed rows: those of input i are
``indptr[i] : indptr[i + 1]`` of ``unit`` (which unit they lead to) and ``weight``. Products with a
constant input that is mostly not zero take them unit by unit instead.

Equations, order of additions and hence results are those of ``snnlab.kernels.lif``: a weight of
zero adds nothing. Potentials are not kept. A layer's events lie one after the other, ``k`` counts
them; they name a unit as the whole network does (``name``), not by its place among those left.
``constants`` and ``hold`` are as in ``snnlab.kernels.lif``, ``numbers`` are made by `firing`.
"""

import numpy as np

from snnlab.kernels.compiled import inner, kernel, part
from snnlab.kernels.lif import BLOCK, list_spikes, move
from snnlab.kernels.vector import (
    NARROW,
    bits,
    clear,
    fused,
    load,
    lowest,
    scratch,
    store,
    where,
)

LANES = 64  # samples that are multiplied at a time: twice as fast as 32, and 128 gain little


def firing(*, zero_reset, delay, n_steps, room):
    """``numbers`` of `fire` and `fire_constant`; ``room``: most events that a sample may have."""
    return np.array([zero_reset, delay, n_steps, room], np.int64)


@part
def _received(turned, indptr, source, weight, j):
    """What unit j gets from the samples of a block: its row of ``W.T @ turned``."""
    total = load(turned, (turned.shape[0] - 1, 0), LANES)  # a row of zeros
    for p in range(indptr[j], indptr[j + 1]):
        row = load(turned, (np.uint64(source[np.uint64(p)]), 0), LANES)
        total = fused(weight[np.uint64(p)], row, total)
    return total


@inner
def _turn(x, inputs, first, m, turned):
    """Some inputs of m samples, sample by sample, as rows over samples; the last row stays zero."""
    for i in range(inputs.shape[0]):
        j = inputs[i]
        for b in range(m):
            turned[i, b] = x[first + b, j]


@kernel
def multiply(x, inputs, indptr, source, weight, lo, hi, out):
    """``out[lo:hi] = x[lo:hi, inputs] @ W``, from synapses unit by unit."""
    turned = scratch((inputs.shape[0] + 1, LANES), out)
    clear(turned)
    total = scratch((LANES,), out)
    for s in range(lo, hi, LANES):
        m = LANES if s + LANES < hi else hi - s
        _turn(x, inputs, s, m, turned)
        for j in range(out.shape[1]):
            store(_received(turned, indptr, source, weight, j), total, (0,))
            for b in range(m):
                out[s + b, j] = total[b]


@kernel
def fire_constant(
    x,
    inputs,
    indptr,
    source,
    weight,
    loudest,
    constants,
    hold,
    numbers,
    name,
    lo,
    hi,
    out_start,
    out_stop,
    out_step,
    out_unit,
):
    """LIF layer under constant inputs: only units that reach threshold are simulated.

    A unit goes through time for all samples of a block at once, unless its drive is at most
    ``loudest`` in all of them: then it is silent (`snnlab.sparse.loudest_silence`). Those that
    spike are listed per sample, with a bit per step.
    """
    zero_reset, delay, n_steps = numbers[0] != 0, numbers[1], numbers[2]
    n, real = name.shape[0], weight.dtype.type
    zero, longest = real(0.0), 0
    for j in range(n):
        longest = hold[j] if hold[j] > longest else longest
    turned = scratch((inputs.shape[0] + 1, LANES), weight)
    clear(turned)
    nothing = (turned.shape[0] - 1, 0)  # the place of a row of zeros
    blocks = -(-n_steps // BLOCK)
    z = scratch((blocks + 1, LANES), np.uint8(0))  # spikes of a unit; no spikes
    clear(z)
    wait = scratch((LANES,), hold)
    clear(wait)
    count = scratch((LANES,), indptr)
    who = scratch((LANES, n), name)
    when = scratch((LANES, blocks, 8 * (n // 8 + 1)), z)
    clear(when)
    k = lo * numbers[3]
    for first in range(lo, hi, LANES):
        in_block = LANES if first + LANES < hi else hi - first
        _turn(x, inputs, first, in_block, turned)
        clear(count)
        for j in range(n):
            total = _received(turned, indptr, source, weight, j)
            loud = bits(total > loudest[j])
            if loud == 0:
                continue
            current, rest = load(turned, nothing, LANES), load(turned, nothing, LANES)
            left = load(wait, (0,), LANES)
            a, b, g, theta = constants[0, j], constants[1, j], constants[2, j], constants[3, j]
            for block in range(blocks):
                before = BLOCK * block
                spikes = load(z, (blocks, 0), LANES)
                for q in range(BLOCK if before + BLOCK < n_steps else n_steps - before):
                    if before + q >= delay:
                        current = current + total
                    _, fires, current, rest, left = move(
                        current, rest, left, a, b, g, theta, hold[j], zero, zero, False, longest,
                        zero_reset, zero,
                    )  # fmt: skip
                    spikes = spikes | where(fires, np.uint8(1 << q), np.uint8(0))
                store(spikes, z, (block, 0))
            while loud != 0:
                c = lowest(loud)
                loud &= loud - np.uint64(1)
                who[c, count[c]] = j
                for block in range(blocks):
                    when[c, block, count[c]] = z[block, c]
                count[c] += 1
        for c in range(in_block):
            out_start[first + c] = k
            m = count[c]
            for block in range(blocks):
                for i in range(m, 8 * (m // 8 + 1)):  # whatever was written there before
                    when[c, block, i] = 0
                first_step = BLOCK * block
                for q in range(BLOCK if first_step + BLOCK < n_steps else n_steps - first_step):
                    before = k
                    k = list_spikes(when, c, block, m, q, first_step + q, k, out_step, out_unit)
                    for i in range(before, k):
                        out_unit[i] = name[who[c, out_unit[i]]]
            out_stop[first + c] = k


@kernel
def fire(
    start,
    stop,
    step,
    unit,
    indptr,
    target,
    weight,
    constants,
    hold,
    numbers,
    name,
    lo,
    hi,
    out_start,
    out_stop,
    out_step,
    out_unit,
):
    """LIF layer on events, as `lif.fire`, step by step; constants have whole tiles' length."""
    zero_reset, delay, n_steps = numbers[0] != 0, numbers[1], numbers[2]
    width = hold.shape[0]
    zero, longest = weight.dtype.type(0.0), 0
    for j in range(width):
        longest = hold[j] if hold[j] > longest else longest
    state = scratch((2, width), weight)  # current; what is left of the membrane
    wait = scratch((width,), hold)
    z, only = scratch((1, 1, width), np.uint8(0)), np.int64(0)
    k = lo * numbers[3]
    for s in range(lo, hi):
        clear(state)
        clear(wait)
        out_start[s] = k
        e, end = start[s], stop[s]
        first = step[e] + delay if e < end else n_steps  # nothing stirs before
        for t in range(first, n_steps):
            while e < end and step[e] + delay == t:
                i = unit[e]
                for p in range(indptr[i], indptr[i + 1]):
                    state[0, target[p]] += weight[p]
                e += 1
            for j in range(0, width, NARROW):
                a, b = load(constants, (0, j), NARROW), load(constants, (1, j), NARROW)
                g, theta = load(constants, (2, j), NARROW), load(constants, (3, j), NARROW)
                held = load(hold, (j,), NARROW)
                current, rest = load(state, (0, j), NARROW), load(state, (1, j), NARROW)
                left = load(wait, (j,), NARROW)
                _, fires, current, rest, left = move(
                    current, rest, left, a, b, g, theta, held, zero, zero, False, longest,
                    zero_reset, zero,
                )  # fmt: skip
                store(current, state, (0, j))
                store(rest, state, (1, j))
                if longest > 0:
                    store(left, wait, (j,))
                store(where(fires, np.uint8(1), np.uint8(0)), z, (0, 0, j))
            before = k
            k = list_spikes(z, only, only, width, only, t, k, out_step, out_unit)
            for i in range(before, k):
                out_unit[i] = name[out_unit[i]]
        out_stop[s] = k


@kernel
def integrate(
    start,
    stop,
    step,
    unit,
    indptr,
    target,
    weight,
    constants,
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
            a, b, g = constants[0, j], constants[1, j], constants[2, j]
            current, potential = zero, zero
            for t in range(n_steps):
                current = a * current + v[s, t, j]
                potential = b * potential + g * current
                v[s, t, j] = potential


@kernel
def rename(start, stop, unit, name, lo, hi):
    """Events named by place among the units left are named as in the whole network."""
    for s in range(lo, hi):
        for k in range(start[s], stop[s]):
            unit[k] = name[unit[k]]
