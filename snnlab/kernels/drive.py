"""Products with a constant input, most of which is background: ``x @ W`` and ``x.T @ g``.

Images are mostly background, of value ``c`` (zero, or another constant once they are normalised)::

    x @ W = (x - c) @ W + c 1 @ W            x.T @ g = (x - c).T @ g + c 1.T @ g

The last terms are one row, ``base``, the same for all rows of the product; what is left skips the
background. That beats a dense matrix product where four fifths are background; and unlike it,
these products add in the same order on any number of threads, and do not wait for each other's
threads when the machine is busy.
"""

import numpy as np
from numba import njit

_kernel = njit(cache=True, nogil=True, error_model="numpy")

# Some rows of w (a run of pixels) meet some samples' rows of out, then the next: both stay in L2.
ROWS, SAMPLES = 32, 64


@_kernel
def multiply(x, c, w, base, lo, hi, out):
    """``out[lo:hi] = base + (x[lo:hi] - c) @ w``; four rows of ``w`` per pass over a row."""
    n_in, n = w.shape
    which = np.empty((SAMPLES, n_in), np.int32)
    at = np.empty(SAMPLES, np.int64)
    end = np.empty(SAMPLES, np.int64)
    for first in range(lo, hi, SAMPLES):
        last = min(first + SAMPLES, hi)
        for s in range(first, last):
            m = 0
            for i in range(n_in):
                if x[s, i] != c:
                    which[s - first, m] = i
                    m += 1
            at[s - first], end[s - first] = 0, m
            for j in range(n):
                out[s, j] = base[j]
        for border in range(ROWS, n_in + ROWS, ROWS):
            for s in range(first, last):
                r, k, m = s - first, at[s - first], end[s - first]
                while k + 4 <= m and which[r, k + 3] < border:
                    i0, i1, i2, i3 = which[r, k], which[r, k + 1], which[r, k + 2], which[r, k + 3]
                    p, q, u, v = x[s, i0] - c, x[s, i1] - c, x[s, i2] - c, x[s, i3] - c
                    for j in range(n):
                        out[s, j] += ((p * w[i0, j] + q * w[i1, j]) + u * w[i2, j]) + v * w[i3, j]
                    k += 4
                at[r] = k
        for s in range(first, last):
            for k in range(at[s - first], end[s - first]):
                i0 = which[s - first, k]
                p = x[s, i0] - c
                for j in range(n):
                    out[s, j] += p * w[i0, j]


@_kernel
def multiply_transposed(x, c, g, base, lo, hi, out):
    """``out[lo:hi] = base + (x.T[lo:hi] - c) @ g``; four samples per pass over a row."""
    n_samples, n = g.shape
    which = np.empty((hi - lo, n_samples), np.int32)
    count = np.zeros(hi - lo, np.int64)
    for s in range(n_samples):
        for i in range(lo, hi):
            if x[s, i] != c:
                which[i - lo, count[i - lo]] = s
                count[i - lo] += 1
    for i in range(lo, hi):
        r, m = i - lo, count[i - lo]
        for j in range(n):
            out[i, j] = base[j]
        k = 0
        while k + 4 <= m:
            s0, s1, s2, s3 = which[r, k], which[r, k + 1], which[r, k + 2], which[r, k + 3]
            p, q, u, v = x[s0, i] - c, x[s1, i] - c, x[s2, i] - c, x[s3, i] - c
            for j in range(n):
                out[i, j] += ((p * g[s0, j] + q * g[s1, j]) + u * g[s2, j]) + v * g[s3, j]
            k += 4
        while k < m:
            s0 = which[r, k]
            p = x[s0, i] - c
            for j in range(n):
                out[i, j] += p * g[s0, j]
            k += 1
