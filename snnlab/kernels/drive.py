"""Products with a constant input, most of which is zero: ``x @ W`` and ``x.T @ g``.

Images are mostly background. Skipping zeros beats a dense matrix product where four fifths are
zero; and unlike it, these products add in the same order on any number of threads, and do not wait
for each other's threads when the machine is busy.
"""

import numpy as np
from numba import njit

_kernel = njit(cache=True, nogil=True, error_model="numpy")


@_kernel
def multiply(x, w, lo, hi, out):
    """``out[lo:hi] = x[lo:hi] @ w``; four rows of ``w`` per pass over a row of ``out``."""
    n_in, n = w.shape
    zero = out.dtype.type(0.0)
    which = np.empty(n_in, np.int64)
    for s in range(lo, hi):
        m = 0
        for i in range(n_in):
            if x[s, i] != zero:
                which[m] = i
                m += 1
        for j in range(n):
            out[s, j] = zero
        k = 0
        while k + 4 <= m:
            i0, i1, i2, i3 = which[k], which[k + 1], which[k + 2], which[k + 3]
            a, b, c, d = x[s, i0], x[s, i1], x[s, i2], x[s, i3]
            for j in range(n):
                out[s, j] += ((a * w[i0, j] + b * w[i1, j]) + c * w[i2, j]) + d * w[i3, j]
            k += 4
        while k < m:
            i0 = which[k]
            a = x[s, i0]
            for j in range(n):
                out[s, j] += a * w[i0, j]
            k += 1


@_kernel
def multiply_transposed(x, g, lo, hi, out):
    """``out[lo:hi] = x.T[lo:hi] @ g``; four samples per pass over a row of ``out``."""
    n_samples, n = g.shape
    zero = out.dtype.type(0.0)
    which = np.empty(n_samples, np.int64)
    for i in range(lo, hi):
        m = 0
        for s in range(n_samples):
            if x[s, i] != zero:
                which[m] = s
                m += 1
        for j in range(n):
            out[i, j] = zero
        k = 0
        while k + 4 <= m:
            s0, s1, s2, s3 = which[k], which[k + 1], which[k + 2], which[k + 3]
            a, b, c, d = x[s0, i], x[s1, i], x[s2, i], x[s3, i]
            for j in range(n):
                out[i, j] += ((a * g[s0, j] + b * g[s1, j]) + c * g[s2, j]) + d * g[s3, j]
            k += 4
        while k < m:
            s0 = which[k]
            a = x[s0, i]
            for j in range(n):
                out[i, j] += a * g[s0, j]
            k += 1
