"""Optimiser kernels: one pass over flat parameters, gradients and moments.

Each comes twice: it updates the parameters, or it writes what it would subtract from them into
``out``, which begins at ``lo``. ``shrink`` is by which share of themselves decoupled weight decay
(Loshchilov & Hutter 2019) lets them shrink.
"""

import numpy as np

from snnlab.kernels.compiled import inner, kernel

_u = np.uint64  # over indices that cannot be negative, loops are vectorised


@kernel
def adam(w, g, m, v, lo, hi, beta1, beta2, rate, scale2, eps, shrink):
    """Adam (Kingma & Ba 2015, algorithm 1).

    ``rate = lr / (1 - beta1^t)`` and ``scale2 = 1 / (1 - beta2^t)`` undo the bias of the moments.
    """
    real = w.dtype.type
    b1, c1, b2, c2 = real(beta1), real(1.0 - beta1), real(beta2), real(1.0 - beta2)
    s1, s2, e, keep = real(rate), real(scale2), real(eps), real(1.0 - shrink)
    for i in range(_u(lo), _u(hi)):
        m[i] = b1 * m[i] + c1 * g[i]
        v[i] = b2 * v[i] + c2 * (g[i] * g[i])
        w[i] = keep * w[i] - s1 * m[i] / (np.sqrt(s2 * v[i]) + e)


@inner
def _add_shrinkage(w, lo, hi, shrink, out):
    """What weight decay subtracts, beside the rest."""
    if shrink > 0:
        share = w.dtype.type(shrink)
        for i in range(_u(lo), _u(hi)):
            out[i - _u(lo)] += share * w[i]


@kernel
def adam_change(w, g, m, v, lo, hi, beta1, beta2, rate, scale2, eps, shrink, out):
    """What `adam` would subtract; the moments are updated."""
    real = w.dtype.type
    b1, c1, b2, c2 = real(beta1), real(1.0 - beta1), real(beta2), real(1.0 - beta2)
    s1, s2, e = real(rate), real(scale2), real(eps)
    for i in range(_u(lo), _u(hi)):
        m[i] = b1 * m[i] + c1 * g[i]
        v[i] = b2 * v[i] + c2 * (g[i] * g[i])
        out[i - _u(lo)] = s1 * m[i] / (np.sqrt(s2 * v[i]) + e)
    _add_shrinkage(w, lo, hi, shrink, out)


@kernel
def sgd(w, g, m, lo, hi, rate, momentum, shrink):
    """Stochastic gradient descent with heavy-ball momentum."""
    real = w.dtype.type
    mu, lr, keep = real(momentum), real(rate), real(1.0 - shrink)
    for i in range(_u(lo), _u(hi)):
        m[i] = mu * m[i] + g[i]
        w[i] = keep * w[i] - lr * m[i]


@kernel
def sgd_change(w, g, m, lo, hi, rate, momentum, shrink, out):
    """What `sgd` would subtract; the velocity is updated."""
    real = w.dtype.type
    mu, lr = real(momentum), real(rate)
    for i in range(_u(lo), _u(hi)):
        m[i] = mu * m[i] + g[i]
        out[i - _u(lo)] = lr * m[i]
    _add_shrinkage(w, lo, hi, shrink, out)


@kernel
def largest_bits(bits, no_sign):
    """The largest of floating-point numbers without their signs, both read as integers.

    Without its sign a number's bits are in the order of its size; infinity is above all numbers,
    and what is not a number above that. So one pass tells whether all are finite, too.
    """
    top = no_sign - no_sign
    for i in range(bits.shape[0]):
        b = bits[i] & no_sign
        top = b if b > top else top
    return top
