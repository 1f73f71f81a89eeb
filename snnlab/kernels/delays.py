"""Events that arrive later, each unit's after a time of its own, between two steps."""

from snnlab.kernels.compiled import kernel
from snnlab.kernels.vector import clear, scratch


@kernel
def delay_events(
    start,
    stop,
    step,
    unit,
    whole,
    between,
    n_steps,
    out_start,
    out_stop,
    out_step,
    out_unit,
    lo,
    hi,
):
    """Each event ``whole[unit]`` steps later and, where ``between[unit]``, once more a step later.

    The second one is of a unit n further on. In order of time (a counting sort), from
    ``out_start[s]`` on; what arrives after the end is left out.
    """
    n = whole.shape[0]
    place = scratch((n_steps + 1,), start)
    for s in range(lo, hi):
        clear(place)
        for e in range(start[s], stop[s]):
            t = step[e] + whole[unit[e]]
            if t < n_steps:
                place[t + 1] += 1
            if t + 1 < n_steps and between[unit[e]]:
                place[t + 2] += 1
        place[0] = out_start[s]
        for t in range(n_steps):
            place[t + 1] += place[t]
        out_stop[s] = place[n_steps]
        for e in range(start[s], stop[s]):
            i = unit[e]
            t = step[e] + whole[i]
            if t < n_steps:
                out_step[place[t]], out_unit[place[t]] = t, i
                place[t] += 1
            if t + 1 < n_steps and between[i]:
                out_step[place[t + 1]], out_unit[place[t + 1]] = t + 1, n + i
                place[t + 1] += 1
