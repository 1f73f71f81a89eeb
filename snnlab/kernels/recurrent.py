"""Kernels of a layer whose neurons hear each other, one step later.

As those of `snnlab.kernels.lif`, whose arrays they share, but that all units must have done a step
before any goes on to the next: time is outermost. Forward, what spiked in the step before is in the
layer's own list of events, and its rows of the recurrent weights are added like those of the
inputs. Backward, the error at the spikes of a step takes a product of all adjoint currents of the
step after with the recurrent weights, which is most of the work: some samples go through time
together, and each number of a weight that is read serves several of them.

A sample sleeps until it has an error: with losses that are read from a single step, half of the
steps on average.

Units that adapt (`snnlab.adaptive.AdaptiveLIF`) are run here, too, whether they hear each other or
not: their ``constants`` have three rows more, the decay of the adaptation, coupling and jump.
"""

import numpy as np

from snnlab.kernels.compiled import inner, kernel, part
from snnlab.kernels.lif import (
    BLOCK,
    GIVEN,
    add_by_constants,
    list_errors,
    list_spikes,
    mark_rest,
    move,
    move_back,
    slope,
)
from snnlab.kernels.noise import add_noise
from snnlab.kernels.vector import (
    NARROW,
    WIDE,
    add_products,
    clear,
    fused,
    load,
    repeated,
    scratch,
    store,
    store_all,
    where,
)

GROUP = 32  # samples that go through time together
_u = np.uint64  # unsigned indices need no test for those that count from the end


def _make_fire(lanes, adapts):
    """The kernel of a layer whose units come in tiles of ``lanes``; ``adapts``: they do."""

    @kernel
    def fire(
        start,
        stop,
        step,
        unit,
        drive,
        weights,
        recurrent,
        constants,
        hold,
        noise,
        bounds,
        numbers,
        v,
        z,
        out_start,
        out_stop,
        out_step,
        out_unit,
        lo,
        hi,
    ):
        """As in `snnlab.kernels.lif`; row i of ``recurrent`` (n, width) is what unit i sends.

        Units that adapt may send nothing: then it has no rows.
        """
        zero_reset, delay = numbers[0] != 0, numbers[1]
        keep, key = numbers[2] != 0, np.uint32(numbers[3])
        low, high = bounds[0], bounds[1]
        n_steps, n = v.shape[1], v.shape[2]
        zero = weights.dtype.type(0.0)
        # as in `snnlab.kernels.lif`, and the adaptation
        state = scratch((3 if adapts else 2, n), weights)
        held_for = scratch((n,), hold)
        longest = 0
        for j in range(n):
            longest = hold[j] if hold[j] > longest else longest
        driven, dense = drive.shape[0] > 0, drive.shape[1] > 1
        noisy = noise.shape[0] > 0
        bounded = low > -np.inf or high < np.inf
        xi = scratch((n if noisy else 0,), weights)
        for s in range(lo, hi):
            clear(state)
            clear(held_for)
            for j in range(n):
                state[1, j] = constants[4, j]
            e, end = (start[s], stop[s]) if start.shape[0] > 0 else (0, 0)
            r = s if keep else 0
            own, k = out_start[s], out_start[s]  # spikes of the step before
            for t in range(n_steps):
                block, q, when = t // BLOCK, t % BLOCK, t - delay
                first = e
                while e < end and step[e] == when:
                    e += 1
                if noisy:
                    clear(xi)
                    add_noise(noise, key, s, t, xi)
                if adapts and recurrent.shape[0] == 0:
                    own = k
                for j in range(0, n, lanes):
                    a, b = load(constants, (0, j), lanes), load(constants, (1, j), lanes)
                    g, theta = load(constants, (2, j), lanes), load(constants, (3, j), lanes)
                    current, rest = load(state, (0, j), lanes), load(state, (1, j), lanes)
                    left, held = load(held_for, (j,), lanes), load(hold, (j,), lanes)
                    if driven and when >= 0:
                        at = when if dense else 0
                        current = current + load(drive, (s, at, j), lanes)
                    for p in range(first, e):
                        current = current + load(weights, (_u(unit[_u(p)]), j), lanes)
                    for p in range(own, k):
                        current = current + load(recurrent, (_u(out_unit[_u(p)]), j), lanes)
                    if noisy:
                        rest = rest + load(xi, (j,), lanes)
                    if adapts:
                        tired = load(state, (2, j), lanes)
                        rest = rest - g * tired
                    x, fires, current, rest, left = move(
                        current,
                        rest,
                        left,
                        a,
                        b,
                        g,
                        theta,
                        held,
                        low,
                        high,
                        bounded,
                        longest,
                        zero_reset,
                        zero,
                    )
                    if adapts:
                        tired = load(constants, (5, j), lanes) * tired
                        tired = tired + load(constants, (6, j), lanes) * x
                        tired = where(fires, tired + load(constants, (7, j), lanes), tired)
                        store(tired, state, (2, j))
                    store(x, v, (r, n_steps - 1 - t, j))
                    spikes = load(z, (r, block, j), lanes)
                    if q == 0:
                        spikes = spikes & np.uint8(0)
                    spikes = spikes | where(fires, np.uint8(1 << q), np.uint8(0))
                    store(current, state, (0, j))
                    store(rest, state, (1, j))
                    store(left, held_for, (j,))
                    store(spikes, z, (r, block, j))
                own = k
                k = list_spikes(z, r, block, n, q, t, k, out_step, out_unit)
            out_stop[s] = k

    return fire


_FIRE = {
    (lanes, adapts): _make_fire(lanes, adapts)
    for lanes in (WIDE, NARROW)
    for adapts in (False, True)
}


def fire_of(width, adapts=False):
    """The kernel that runs a layer of so many units, with padding."""
    return _FIRE[NARROW if width == NARROW else WIDE, adapts]


# backward -----------------------------------------------------------------------------------------


def panels_of(rows, width):
    """Shape of `in_panels`."""
    lanes = panel_lanes(width)
    return width // lanes, rows, lanes


def no_recurrence(width, n_chunks, dtype):
    """``panels`` and ``g_recurrent`` of units that do not hear each other."""
    panels = np.empty((0, 0, panel_lanes(width)), dtype)
    return panels, np.empty((n_chunks, 0, width), dtype)


def panel_lanes(width):
    """Units of a panel: two registers of float32, so that eight samples' sums are in registers."""
    return NARROW if width == NARROW else WIDE // 2


def in_panels(recurrent):
    """Recurrent weights (n, width) as the product reads them: transposed, some units at a time.

    Entry ``[p, i, j]`` is what unit ``lanes p + j`` sends to unit i; a panel lies in the fastest
    cache while all samples take their product with it.
    """
    rows, width = recurrent.shape
    n_panels, _, lanes = panels_of(rows, width)
    whole = np.zeros((width, rows), recurrent.dtype)
    whole[:rows] = recurrent[:, :rows]
    return whole.reshape(n_panels, lanes, rows).transpose(0, 2, 1)


@part
def multiply(columns, panels, row, p, at, out, count, lanes):
    """The product for ``count`` samples from ``at`` on, with one panel; ``row`` holds zeros."""
    acc = repeated(load(row, (0,), lanes), count)
    for i in range(panels.shape[1]):
        acc = add_products(acc, columns, (_u(i), at), load(panels, (p, _u(i), 0), lanes))
    store_all(acc, out, (at, p * lanes))


@inner
def events_of_step(step, begin, end, t):
    """First and last (exclusive) of a sample's events in step t; those of later steps are passed.

    ``begin`` and ``end`` bound the events that are looked at, the last of them first.
    """
    while end > begin and step[end - 1] > t:
        end -= 1
    first = end
    while first > begin and step[first - 1] == t:
        first -= 1
    return first, end


@inner
def has_error(g, s, t, n):
    """Whether any of n units has an error in step t."""
    if g.shape[0] > 0 and t < g.shape[1]:
        for i in range(n):
            if g[s, t, i] != 0:
                return True
    return False


@inner
def set_column(row, columns, p):
    """``columns[:, p] = row``."""
    for i in range(columns.shape[0]):
        columns[i, p] = row[i]


def _make_fire_backward(lanes, narrow, surrogate, learns, adapts):
    """The adjoint for tiles of ``lanes`` units, and panels of ``narrow``, with one surrogate.

    ``learns`` as in `snnlab.kernels.lif`; ``adapts``: whether units do, as in `_make_fire`.
    """

    @kernel
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
        z,
        slopes,
        g_next,
        next_t,
        g_spikes,
        constants,
        hold,
        numbers,
        reals,
        edges,
        g_weights,
        g_current,
        g_drive,
        g_constants,
        panels,
        g_recurrent,
        first_chunk,
        last_chunk,
    ):
        """As in `snnlab.kernels.lif`, with the recurrent weights in ``panels`` (`in_panels`).

        The error at the spikes of step t is what comes from above plus ``recurrent g_I[t + 1]``.
        ``g_recurrent`` (chunk, n, width) sums, over own spikes, the adjoint current of the step
        after. ``g_drive`` is filled for units that adapt: of others here, what is fed back is never
        constant. Units that do not hear each other have no ``panels``.
        """
        next_delay, zero_reset, attached = numbers[0], numbers[1] != 0, numbers[2] != 0
        delay = numbers[4]
        next_decay_syn, next_decay_mem, next_gain = reals[0], reals[1], reals[2]
        n_steps, n, n_next = v.shape[1], v.shape[2], next_t.shape[0]
        zero, steepness = v.dtype.type(0.0), reals[3]
        # adjoint membrane and current, those of the next layer, the current of two steps later
        # of units that adapt also the adjoint adaptation, and the sum of adjoint currents
        state = scratch((7 if adapts else 5, GROUP, n), v)
        driven = adapts and g_drive.shape[0] > 0
        error = scratch((GROUP, n), v)  # what comes back through the recurrent weights
        columns = scratch((panels.shape[1], GROUP), v)  # adjoint currents of the step after
        exponent, zeros = scratch((lanes,), v), scratch((narrow,), v)
        clear(zeros)
        longest = 0
        for j in range(n):
            longest = hold[j] if hold[j] > longest else longest
        kept, heard = g_current.shape[0] > 0, start.shape[0] > 0
        always = g_spikes.shape[0] > 0
        which, scale = scratch((n_next + 1,), own_unit), scratch((n_next + 1,), v)
        error_at = scratch((1,), own_start)
        rest_bits = scratch((GROUP, n), z)
        clear(rest_bits)
        ends, own_ends = scratch((GROUP,), own_start), scratch((GROUP,), own_start)
        awake, place = scratch((GROUP,), own_start), scratch((GROUP,), own_start)
        for c in range(first_chunk, last_chunk):
            clear(g_weights[c])
            clear(g_recurrent[c])
            clear(g_constants[c])
            for begin in range(edges[c], edges[c + 1], GROUP):
                m = min(GROUP, edges[c + 1] - begin)
                clear(state)
                n_awake = 0
                for q in range(m):
                    ends[q] = stop[begin + q] if heard else 0
                    own_ends[q] = own_stop[begin + q]
                    place[q] = -1
                for t in range(n_steps - 1, -1, -1):
                    block, bit = t // BLOCK, np.uint8(1 << (t % BLOCK))
                    if longest > 0 and (t == n_steps - 1 or t % BLOCK == BLOCK - 1):
                        clear(rest_bits)
                        for q in range(m):
                            s = begin + q
                            own = own_start[s], own_stop[s], own_step, own_unit
                            mark_rest(*own, hold, block * BLOCK, BLOCK, rest_bits[q])
                    for p in range(panels.shape[0] if n_awake > 0 else 0):
                        q = 0
                        while q + 8 <= n_awake:
                            multiply(columns, panels, zeros, p, q, error, 8, narrow)
                            q += 8
                        while q + 4 <= n_awake:
                            multiply(columns, panels, zeros, p, q, error, 4, narrow)
                            q += 4
                        while q < n_awake:
                            multiply(columns, panels, zeros, p, q, error, 1, narrow)
                            q += 1
                    for q in range(m):
                        if place[q] >= 0:
                            continue
                        s = begin + q
                        if always or has_error(g_next, s, t + next_delay, n_next):
                            place[q], awake[n_awake] = n_awake, q
                            clear(error[n_awake])
                            n_awake += 1
                        elif kept:
                            clear(g_current[s, t])
                    for p in range(n_awake):
                        q = awake[p]
                        s = begin + q
                        listed = list_errors(
                            g_next, s, t + next_delay, n_next, 1, error_at, which, scale
                        )
                        # events that arrive in this step, and own spikes of the step before
                        first, last = 0, 0
                        if heard:
                            first, last = events_of_step(step, start[s], ends[q], t - delay)
                            ends[q] = first
                        own, own_last = events_of_step(own_step, own_start[s], own_ends[q], t - 1)
                        own_ends[q] = own
                        if adapts and panels.shape[0] == 0:
                            own = own_last
                        for j in range(0, n, lanes):
                            a, b = load(constants, (0, j), lanes), load(constants, (1, j), lanes)
                            g, theta = (
                                load(constants, (2, j), lanes),
                                load(constants, (3, j), lanes),
                            )
                            lv, li = load(state, (0, q, j), lanes), load(state, (1, q, j), lanes)
                            next_v = load(state, (2, q, j), lanes)
                            next_i = load(state, (3, q, j), lanes)
                            for k in range(listed):
                                row = load(next_t, (_u(which[_u(k)]), j), lanes)
                                next_v = fused(scale[_u(k)], row, next_v)
                            next_i = next_decay_syn * next_i + next_gain * next_v
                            e = load(error, (p, j), lanes) + next_i
                            next_v = next_decay_mem * next_v  # for the step before
                            if always:
                                when = t if g_spikes.shape[1] > 1 else 0
                                e = e + load(g_spikes, (s, when, j), lanes)
                            x = load(v, (s, n_steps - 1 - t, j), lanes)
                            if surrogate == GIVEN:
                                h = load(slopes, (s, n_steps - 1 - t, j), lanes)
                            else:
                                h = slope(surrogate, steepness, x - theta, exponent, lanes)
                            fired = (load(z, (s, block, j), lanes) & bit) != 0
                            resting = (load(rest_bits, (q, j), lanes) & bit) != 0
                            if learns > 0:
                                by_a = load(g_constants, (c, 0, j), lanes)
                                by_b = load(g_constants, (c, 1, j), lanes)
                                by_theta = load(g_constants, (c, 2, j), lanes)
                                by_a, by_b, by_theta = add_by_constants(
                                    by_a,
                                    by_b,
                                    by_theta,
                                    learns,
                                    lv,
                                    li,
                                    load(state, (4, q, j), lanes),
                                    x,
                                    fired,
                                    resting,
                                    b,
                                    theta,
                                    zero_reset,
                                    longest,
                                    zero,
                                )
                                store(li, state, (4, q, j))
                            if adapts:
                                tired = load(state, (5, q, j), lanes)
                                e = e + load(constants, (7, j), lanes) * tired
                            lv, li = move_back(
                                lv,
                                li,
                                e,
                                h,
                                x,
                                fired,
                                resting,
                                a,
                                b,
                                g,
                                theta,
                                attached,
                                zero_reset,
                                longest,
                                zero,
                            )
                            if adapts:
                                back = load(constants, (6, j), lanes) * tired
                                back = where(resting, zero, back) if longest > 0 else back
                                lv, li = lv + back, li + g * back
                                tired = load(constants, (5, j), lanes) * tired - g * lv
                                store(tired, state, (5, q, j))
                            if driven and t >= delay:
                                total = load(state, (6, q, j), lanes)
                                store(total + li, state, (6, q, j))
                            if learns > 0:
                                store(by_a, g_constants, (c, 0, j))
                                store(by_b, g_constants, (c, 1, j))
                                store(by_theta - lv, g_constants, (c, 2, j))
                            if kept:
                                store(li, g_current, (s, t, j))
                            for k in range(first, last):
                                at = (c, _u(unit[_u(k)]), j)
                                store(load(g_weights, at, lanes) + li, g_weights, at)
                            for k in range(own, own_last):
                                at = (c, _u(own_unit[_u(k)]), j)
                                store(load(g_recurrent, at, lanes) + li, g_recurrent, at)
                            store(lv, state, (0, q, j))
                            store(li, state, (1, q, j))
                            store(next_v, state, (2, q, j))
                            store(next_i, state, (3, q, j))
                        set_column(state[1, q], columns, p)
                for q in range(m if driven else 0):
                    for j in range(n):
                        g_drive[begin + q, j] = state[6, q, j]

    return fire_backward


# compiled when a surrogate is first used, and kept on disk; counted as in `lif.slope`
_BACKWARD = {
    (lanes, k, learns, adapts): _make_fire_backward(lanes, panel_lanes(lanes), k, learns, adapts)
    for lanes in (WIDE, NARROW)
    for k in range(GIVEN + 1)
    for learns, adapts in ((0, False), (1, False), (2, False), (0, True))
}


def fire_backward_of(width, surrogate, learns=0, adapts=False):
    """Its adjoint, for a surrogate as `snnlab.kernels.lif.slope` counts them."""
    return _BACKWARD[NARROW if width == NARROW else WIDE, surrogate, learns, adapts]
