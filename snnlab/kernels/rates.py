"""Kernels of units that give rates: potentials become activations, and errors go back through."""

import numpy as np

from snnlab.kernels.compiled import kernel


@kernel
def activate(v, before, ceiling, levels, lo, hi):
    """``v`` (sample, time, n), in place: 0 below 0, at most ``ceiling``, in ``levels`` (0: any).

    Potentials go to ``before``, if that has samples. What is not a number stays so.
    """
    n_steps, n = v.shape[1], v.shape[2]
    keep, real = before.shape[0] > 0, v.dtype.type
    zero, half, count = real(0.0), real(0.5), real(levels)
    for s in range(lo, hi):
        for t in range(n_steps):
            for j in range(n):
                x = v[s, t, j]
                if keep:
                    before[s, t, j] = x
                y = zero if x <= zero else x
                y = ceiling[j] if y > ceiling[j] else y
                if levels > 0:
                    y = np.floor(y / ceiling[j] * count + half) * (ceiling[j] / count)
                v[s, t, j] = y


@kernel
def activate_back(g, before, ceiling, levels, by_ceiling, lo, hi):
    """From the gradient by activations to that by potentials, ``g`` (sample, time, n), in place.

    That by the ceilings is added to ``by_ceiling`` (n,), if it has units. A floor is passed
    straight through.
    """
    n_steps, n = before.shape[1], before.shape[2]
    real, learns = before.dtype.type, by_ceiling.shape[0] > 0
    zero, half, count = real(0.0), real(0.5), real(levels)
    for s in range(lo, hi):
        for t in range(n_steps):
            for j in range(n):
                x, top = before[s, t, j], ceiling[j]
                within = zero < x and x < top
                if learns:
                    share = real(1.0) if x >= top else zero
                    if within and levels > 0:
                        share = np.floor(x / top * count + half) / count - x / top
                    by_ceiling[j] += share * g[s, t, j]
                g[s, t, j] = g[s, t, j] if within else zero
