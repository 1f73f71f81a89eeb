"""Gradients by the constants of neurons, from what a backward pass leaves behind.

All that they need is there: potentials and spikes in the trace, and the adjoint current of every
step, from which the adjoint of the membrane and the current itself follow
(`snnlab.layers.constants` has the equations, and says what is not followed).
"""

import numpy as np

from snnlab.kernels.compiled import kernel
from snnlab.kernels.lif import BLOCK
from snnlab.kernels.vector import NARROW, WIDE, clear, load, scratch, store, where


def _make_constants_backward(lanes, adapts):
    """The kernel of a layer whose units come in tiles of ``lanes``; ``adapts``: they do."""

    @kernel
    def constants_backward(v, z, g_current, constants, hold, zero_reset, edges, out, first, last):
        """Fill ``out`` (chunk, 3, width): gradients by both decays and the threshold, by chunks.

        Parameters
        ----------
        v : array (sample, time, width)
            Potentials, last step first.
        z : array of uint8 (sample, block, width)
            Spikes; no samples: they do not spike.
        g_current : array (sample, time, width)
            Adjoint currents.
        constants, hold, zero_reset, edges
            As in `snnlab.kernels.lif`; of units that adapt as in `snnlab.kernels.recurrent`.
        first, last : int
            Chunks.
        """
        n_steps, n = v.shape[1], v.shape[2]
        row, count = scratch((lanes,), v), scratch((lanes,), hold)
        clear(row)
        clear(count)
        fires, longest, real = z.shape[0] > 0, 0, v.dtype.type
        one = real(1.0)
        for j in range(n):
            longest = hold[j] if hold[j] > longest else longest
        for c in range(first, last):
            clear(out[c])
            for s in range(edges[c], edges[c + 1]):
                for j in range(0, n, lanes):
                    zeros, left, held = (
                        load(row, (0,), lanes),
                        load(count, (0,), lanes),
                        load(hold, (j,), lanes),
                    )
                    a, b = load(constants, (0, j), lanes), load(constants, (1, j), lanes)
                    g, theta = load(constants, (2, j), lanes), load(constants, (3, j), lanes)
                    inverse = where(g != 0, one / where(g != 0, g, one + zeros), zeros)
                    by_a, by_b = load(out, (c, 0, j), lanes), load(out, (c, 1, j), lanes)
                    by_theta = load(out, (c, 2, j), lanes)
                    # of the step before: potential, what is left of it, gain times current
                    x, rest, current = zeros, zeros, zeros
                    share, spiked = zeros, zeros  # of it that stays; 1 after a spike
                    if adapts:  # adaptation, and what it passes back of adjoint membranes
                        p, jump = load(constants, (5, j), lanes), load(constants, (7, j), lanes)
                        coupling = load(constants, (6, j), lanes)
                        tired, passed = zeros, zeros
                    li = load(g_current, (s, 0, j), lanes)
                    for t in range(n_steps):
                        after = zeros
                        if t + 1 < n_steps:
                            after = load(g_current, (s, t + 1, j), lanes)
                        lv = (li - a * after) * inverse
                        by_a = by_a + li * current
                        by_b = by_b + lv * (x - spiked * x if zero_reset else x)
                        by_theta = by_theta - lv * (
                            one - share if zero_reset else one - share + spiked
                        )
                        if adapts:
                            by_theta = by_theta - lv * g * coupling * passed
                            tired = p * tired + coupling * x + jump * spiked
                            passed = p * passed + where(left > 0, zeros, one + zeros)
                        x = load(v, (s, n_steps - 1 - t, j), lanes)
                        current = x - rest
                        if adapts:
                            current = current + g * tired
                        li = after
                        share, rest = b, b * x
                        if fires:
                            bit = np.uint8(1 << (t % BLOCK))
                            fired = (load(z, (s, t // BLOCK, j), lanes) & bit) != 0
                            spiked = where(fired, one, zeros)
                            if zero_reset:
                                share, rest = where(fired, zeros, b), where(fired, zeros, rest)
                            else:
                                rest = where(fired, rest - theta, rest)
                            if longest > 0:
                                share = where(left > 0, zeros, share)
                                left = where(fired, held, where(left > 0, left - 1, left))
                    store(by_a, out, (c, 0, j))
                    store(by_b, out, (c, 1, j))
                    store(by_theta, out, (c, 2, j))

    return constants_backward


_BACKWARD = {
    (lanes, adapts): _make_constants_backward(lanes, adapts)
    for lanes in (WIDE // 2, NARROW)
    for adapts in (False, True)
}


def constants_backward_of(width, adapts=False):
    """The kernel for a layer of so many units, with padding."""
    return _BACKWARD[NARROW if width == NARROW else WIDE // 2, adapts]
