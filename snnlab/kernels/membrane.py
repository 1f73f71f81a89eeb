"""Kernels of a rule that learns from low-passed spikes, without going back in time.

Only what spiked costs anything: a trace is a sum over events, and weights of inputs that were
silent have no gradient. `snnlab.learning.membrane` has the equations, and functions of these names
in plain NumPy. Sums are taken in the same order on any processor and any number of threads.
"""

import numpy as np

from snnlab.kernels.compiled import kernel
from snnlab.kernels.vector import NARROW, clear, fused, load, scratch, store

_u = np.uint64  # unsigned indices need no test for those that count from the end


@kernel
def traces(start, stop, step, unit, share, lo, hi, out):
    """``out[s, i]``: the sum of ``share[t]`` over the steps t in which unit i spikes."""
    for s in range(lo, hi):
        clear(out[s])
        for k in range(start[s], stop[s]):
            out[s, unit[k]] += share[step[k]]


@kernel
def learn(x, error, weights, update, back, every, edges, g_weights, g_x, first_chunk, last_chunk):
    """From a layer's error (sample, width): gradients by its weights, and by its inputs' traces.

    ``g_weights[c]`` sums ``update[s] x[s, i] error[s]`` over a chunk's samples; ``g_x[s, i]`` is
    ``back[s] weights[i] . error[s]``, of inputs that spiked or of ``every`` one (of length zero it
    is not wanted). ``x`` is (sample, n_in) or wider, weights (n_in, width).
    """
    n_in, width = weights.shape
    which, scale = scratch((n_in + 1,), np.int32(0)), scratch((n_in + 1,), x)
    row = scratch((NARROW,), x)
    wanted = g_x.shape[0] > 0
    for c in range(first_chunk, last_chunk):
        clear(g_weights[c])
        for s in range(edges[c], edges[c + 1]):
            m = 0
            for i in range(n_in):
                which[_u(m)], scale[_u(m)] = i, update[s] * x[s, i]  # the next overwrites a zero
                m += np.int64(x[s, i] != 0)
            for j in range(0, width, NARROW):
                e = load(error, (s, j), NARROW)
                for k in range(m):
                    at = (c, _u(which[_u(k)]), j)
                    store(fused(scale[_u(k)], e, load(g_weights, at, NARROW)), g_weights, at)
            if wanted:
                clear(g_x[s])
            for k in range((n_in if every else m) if wanted else 0):
                i = k if every else which[_u(k)]
                clear(row)
                total = load(row, (0,), NARROW)
                for j in range(0, width, NARROW):
                    total = fused(
                        load(weights, (_u(i), j), NARROW), load(error, (s, j), NARROW), total
                    )
                store(total, row, (0,))
                product = row[0]
                for j in range(1, NARROW):
                    product += row[j]
                g_x[s, i] = back[s] * product
