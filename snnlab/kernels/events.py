"""Kernels on spike events: codes, the check and the binning of events given by users, counts."""

import numpy as np

from snnlab.kernels.compiled import kernel
from snnlab.kernels.vector import clear, scratch


@kernel
def latency(x, edges, theta, tau_steps, offset, lo, hi, start, stop, step, unit):
    """At most one spike per value: in step k where ``edges[k + 1] < x <= edges[k]``.

    ``edges`` falls with k; a value at or below the last edge stays silent. The law (``tau_steps``
    and ``offset`` in steps) gives a first guess of k, the edges decide. The events of sample s go
    to the slots from ``start[s]`` on, sorted by step, then by unit (a counting sort).
    """
    n_steps, n = edges.shape[0] - 1, x.shape[1]
    when = scratch((n,), step)
    place = scratch((n_steps + 1,), start)
    for s in range(lo, hi):
        clear(place)
        for i in range(n):
            when[i] = -1
            value = x[s, i]
            if value > edges[n_steps]:
                guess = tau_steps * np.log(value / (value - theta)) - offset
                k = np.int64(guess) if 0 <= guess < n_steps else n_steps - 1  # maybe no number
                while k > 0 and (k >= n_steps or value > edges[k]):
                    k -= 1
                while k < 0 or value <= edges[k + 1]:
                    k += 1
                when[i] = k
                place[k + 1] += 1
        place[0] = start[s]
        for k in range(n_steps):
            place[k + 1] += place[k]
        stop[s] = place[n_steps]
        for i in range(n):
            k = when[i]
            if k >= 0:
                step[place[k]] = k
                unit[place[k]] = i
                place[k] += 1


@kernel
def first_fault(start, stop, step, unit, n_steps, n_units, last):
    """Index of the first event that breaks a rule and the rule's number, or (-1, 0).

    1: step out of range, 2: unit out of range, 3: steps not in order, 4: a unit twice in a step.
    ``last`` is scratch, zeros: for each unit one more than the position of its latest event.
    """
    for s in range(start.shape[0]):
        for k in range(start[s], stop[s]):
            if step[k] < 0 or step[k] >= n_steps:
                return k, 1
            if unit[k] < 0 or unit[k] >= n_units:
                return k, 2
            if k > start[s] and step[k] < step[k - 1]:
                return k, 3
            before = last[unit[k]] - 1
            if before >= start[s] and before < k and step[before] == step[k]:
                return k, 4
            last[unit[k]] = k + 1
    return -1, 0


@kernel
def merge(indptr, step, unit, n_steps, last, kept, to_step, to_unit):
    """Copy events, but late ones and those of a unit that has spiked in the step; count the latter.

    Steps never fall within a sample. The copies of sample s are ``kept[s] : kept[s + 1]``.
    ``last`` is scratch, zeros: for each unit one more than the position of its latest copy.
    """
    k, doubles = 0, 0
    kept[0] = 0
    for s in range(indptr.shape[0] - 1):
        for i in range(indptr[s], indptr[s + 1]):
            if step[i] >= n_steps:
                break
            before = last[unit[i]] - 1
            if before >= kept[s] and to_step[before] == step[i]:
                doubles += 1
                continue
            to_step[k] = step[i]
            to_unit[k] = unit[i]
            k += 1
            last[unit[i]] = k
        kept[s + 1] = k
    return doubles


@kernel
def below(u, x, probability, first, n_steps, stop, step, unit, k):
    """Events where random numbers lie below probabilities; rows of ``u`` are steps of samples.

    Row r is step ``(first + r) % n_steps`` of sample ``(first + r) // n_steps``, whose units spike
    where ``u[r] < probability * x[sample]``. Events go to slots from ``k`` on: ``u.size`` of them
    there must be. Returns the first slot that is free then.
    """
    for r in range(u.shape[0]):
        s = (first + r) // n_steps
        t = first + r - s * n_steps
        for i in range(u.shape[1]):
            step[k] = t  # written over by the next, unless it counts
            unit[k] = i
            k += 1 if u[r, i] < probability * x[s, i] else 0
        stop[s] = k
    return k


@kernel
def below_where(u, which, chance, ends, n_steps, stop, step, unit):
    """Events where random numbers lie below probabilities, of units that may spike at all.

    Of sample s these are ``which[ends[s] : ends[s + 1]]``; ``u`` holds a number for each of them in
    each step, sample by sample. One more slot than numbers there must be.
    """
    k, r = 0, 0
    for s in range(stop.shape[0]):
        for t in range(n_steps):
            for j in range(ends[s], ends[s + 1]):
                step[k] = t  # written over by the next, unless it counts
                unit[k] = which[j]
                k += 1 if u[r] < chance[j] else 0
                r += 1
        stop[s] = k


@kernel
def delta(x, threshold, offset, start, stop, step, unit):
    """Crossings of levels ``offset + threshold * integer``: unit i going up, unit n + i down.

    Of the levels at most one is crossed per step. The events of sample s go to the slots from
    ``start[s]`` on, sorted by step, then by unit.
    """
    n_steps, n = x.shape[1], x.shape[2]
    level = scratch((n,), start)
    down = scratch((n,), step)
    for s in range(x.shape[0]):
        k = start[s]
        clear(level)
        for t in range(n_steps):
            for i in range(n):
                away = x[s, t, i] - (offset + threshold * level[i])
                down[i] = 1 if away <= -threshold else 0
                level[i] -= down[i]
                if away >= threshold:
                    level[i] += 1
                    step[k] = t
                    unit[k] = i
                    k += 1
            for i in range(n):
                if down[i]:
                    step[k] = t
                    unit[k] = n + i
                    k += 1
        stop[s] = k


@kernel
def count_units(start, stop, unit, counts):
    """Add each sample's spikes per unit to ``counts`` (sample, unit)."""
    for s in range(start.shape[0]):
        for k in range(start[s], stop[s]):
            counts[s, unit[k]] += 1


@kernel
def mark(start, stop, step, unit, lo, hi, z):
    """Events of some samples as 0 and 1 (sample, time, unit)."""
    zero, one = z.dtype.type(0), z.dtype.type(1)
    for s in range(lo, hi):
        for t in range(z.shape[1]):
            for j in range(z.shape[2]):
                z[s, t, j] = zero
        for k in range(start[s], stop[s]):
            z[s, step[k], unit[k]] = one
