"""Optimiser kernels: one pass over flat parameters, gradients and moments."""

import numpy as np
from numba import njit

_kernel = njit(cache=True, nogil=True, error_model="numpy")


@_kernel
def adam(w, g, m, v, lo, hi, beta1, beta2, scale1, scale2, lr, eps, decay):
    """Adam (Kingma & Ba 2015, algorithm 1) with decoupled weight decay (Loshchilov & Hutter 2019).

    ``scale1 = 1 / (1 - beta1^t)`` and ``scale2`` likewise undo the bias of the moments.
    """
    real = w.dtype.type
    b1, c1, b2, c2 = real(beta1), real(1.0 - beta1), real(beta2), real(1.0 - beta2)
    s1, s2 = real(lr * scale1), real(scale2)
    e, keep = real(eps), real(1.0 - lr * decay)
    w, g, m, v = w[lo:hi], g[lo:hi], m[lo:hi], v[lo:hi]  # counted from 0, the loop is vectorised
    for i in range(w.shape[0]):
        m[i] = b1 * m[i] + c1 * g[i]
        v[i] = b2 * v[i] + c2 * (g[i] * g[i])
        w[i] = keep * w[i] - s1 * m[i] / (np.sqrt(s2 * v[i]) + e)


@_kernel
def sgd(w, g, m, lo, hi, lr, momentum, decay):
    """Stochastic gradient descent with heavy-ball momentum and decoupled weight decay."""
    real = w.dtype.type
    mu, rate, keep = real(momentum), real(lr), real(1.0 - lr * decay)
    w, g, m = w[lo:hi], g[lo:hi], m[lo:hi]
    for i in range(w.shape[0]):
        m[i] = mu * m[i] + g[i]
        w[i] = keep * w[i] - rate * m[i]
