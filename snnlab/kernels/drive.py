"""Products with a constant input, most of which is background: ``x @ W`` and ``x.T @ g``.

Images are mostly background, of value ``c`` (zero, or another constant once they are normalised)::

    x @ W = (x - c) @ W + c 1 @ W            x.T @ g = (x - c).T @ g + c 1.T @ g

The last terms are one row, ``base``, the same for all rows of the product; what is left skips the
background. That beats a dense matrix product where four fifths are background; and unlike it,
these products add in the same order on any number of threads, and do not wait for each other's
threads when the machine is busy.
"""

import numpy as np

from snnlab.kernels.compiled import inner, kernel
from snnlab.kernels.vector import NARROW, WIDE, fused, load, scratch, store

_u = np.uint64  # unsigned indices need no test for those that count from the end
RUN = 112  # pixels whose weights, one tile wide, stay in L1 while all samples pass by


def _make_sums(lanes):
    """Sums of rows in registers, for one tile of them, from column j on."""

    @inner
    def add_rows(start, r, rows, which, scale, lo, hi, out, s, j):
        total = load(start, (r, j), lanes)
        for k in range(lo, hi):
            row = load(rows, (_u(which[_u(k)]), j), lanes)
            total = fused(scale[_u(k)], row, total)
        store(total, out, (s, j))

    @inner
    def add_rows_twice(start, rows, which, scale, lo, hi, out, i, other, j):
        total = load(start, (0, j), lanes)
        second = total
        for k in range(lo, hi):
            row = load(rows, (_u(which[_u(k)]), j), lanes)
            total = fused(scale[0, _u(k)], row, total)
            second = fused(scale[1, _u(k)], row, second)
        store(total, out, (i, j))
        store(second, out, (other, j))

    return add_rows, add_rows_twice


_wide, _wide_twice = _make_sums(WIDE)
_narrow, _narrow_twice = _make_sums(NARROW)


@kernel
def multiply(x, c, w, base, lo, hi, out):
    """``out[lo:hi] = base + (x[lo:hi] - c) @ w``."""
    n_in, n = w.shape
    n_runs = -(-n_in // RUN)
    room = (hi - lo) * n_in + 1
    which, scale = scratch((room,), np.int32(0)), scratch((room,), w)
    edges = scratch((hi - lo, n_runs + 1), np.int64(0))  # of each sample's pixels, run by run
    m = 0
    for s in range(lo, hi):
        edges[s - lo, 0] = m
        for run in range(n_runs):
            end = (run + 1) * RUN
            for i in range(run * RUN, end if end < n_in else n_in):
                difference = x[s, i] - c
                which[_u(m)], scale[_u(m)] = i, difference  # no branch: the next overwrites it
                m += np.int64(difference != 0)
            edges[s - lo, run + 1] = m
    for j in range(0, n, NARROW if n == NARROW else WIDE):
        for run in range(n_runs):
            for s in range(lo, hi):
                first, last = edges[s - lo, run], edges[s - lo, run + 1]
                start, r = (base, 0) if run == 0 else (out, s)
                if n == NARROW:
                    _narrow(start, r, w, which, scale, first, last, out, s, j)
                else:
                    _wide(start, r, w, which, scale, first, last, out, s, j)


@kernel
def multiply_transposed(x, c, g, base, lo, hi, out):
    """``out = base + (x.T - c) @ g`` for pairs of rows ``lo <= i / 2 < hi``.

    Neighbouring pixels differ from the background in much the same samples: a pair of them shares
    what is read of ``g``.
    """
    n_samples, n = g.shape
    room = (hi - lo) * n_samples + 1
    which, scale = scratch((room,), np.int32(0)), scratch((2, room), g)
    edges = scratch((hi - lo + 1,), np.int64(0))  # of each pair's samples
    edges[0] = m = 0
    for pair in range(lo, hi):
        i = 2 * pair
        other = i + 1 if i + 1 < out.shape[0] else i  # the last is its own partner
        for s in range(n_samples):
            difference, second = x[s, i] - c, x[s, other] - c
            which[_u(m)], scale[0, _u(m)], scale[1, _u(m)] = s, difference, second
            m += np.int64((difference != 0) | (second != 0))
        edges[pair - lo + 1] = m
    for j in range(0, n, NARROW if n == NARROW else WIDE):
        for pair in range(lo, hi):
            i = 2 * pair
            other = i + 1 if i + 1 < out.shape[0] else i
            first, last = edges[pair - lo], edges[pair - lo + 1]
            if n == NARROW:
                _narrow_twice(base, g, which, scale, first, last, out, i, other, j)
            else:
                _wide_twice(base, g, which, scale, first, last, out, i, other, j)
