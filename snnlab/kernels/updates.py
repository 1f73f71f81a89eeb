"""Optimiser kernels: one pass over flat parameters, gradients and moments.

Two write into the parameters. What they subtract is known parameter by parameter too, so that the
rules of `snnlab.kernels.rewire` need no pass of their own for it. ``shrink`` is by which
share of themselves decoupled weight decay (Loshchilov & Hutter 2019) lets weights shrink.
"""

import numpy as np

from snnlab.kernels.compiled import inner, kernel, summing

_u = np.uint64  # over indices that cannot be negative, loops are vectorised
GIVEN, ADAM, SGD = WAYS = range(3)  # in which a change comes about: told in an array, or `*_step`


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


@kernel
def sgd(w, g, m, lo, hi, rate, momentum, shrink):
    """Stochastic gradient descent with heavy-ball momentum."""
    real = w.dtype.type
    mu, lr, keep = real(momentum), real(rate), real(1.0 - shrink)
    for i in range(_u(lo), _u(hi)):
        m[i] = mu * m[i] + g[i]
        w[i] = keep * w[i] - lr * m[i]


@inner
def adam_step(w, g, m, v, numbers, i):
    """What `adam` subtracts from parameter i; the moments are updated.

    ``numbers``, of w's dtype: ``beta1, 1 - beta1, beta2, 1 - beta2, rate, scale2, eps, shrink``.
    """
    beta1, rest1, beta2, rest2, rate, scale2, eps, shrink = numbers
    m[i] = beta1 * m[i] + rest1 * g[i]
    v[i] = beta2 * v[i] + rest2 * (g[i] * g[i])
    return rate * m[i] / (np.sqrt(scale2 * v[i]) + eps) + shrink * w[i]


@inner
def sgd_step(w, g, m, numbers, i):
    """What `sgd` subtracts from parameter i; the velocity is updated.

    ``numbers``, eight of w's dtype, begin with ``momentum, rate, shrink``.
    """
    m[i] = numbers[0] * m[i] + g[i]
    return numbers[1] * m[i] + numbers[2] * w[i]


def _make_writer(way):
    @kernel
    def write_change(w, g, a, b, numbers, lo, hi, out):
        lo = _u(lo)
        for i in range(lo, _u(hi)):
            if way == ADAM:
                out[i - lo] = adam_step(w, g, a, b, numbers, i)
            else:
                out[i - lo] = sgd_step(w, g, a, numbers, i)

    return write_change


# by the way: writes what would be subtracted into ``out``, which begins at lo
WRITE_CHANGE = {way: _make_writer(way) for way in (ADAM, SGD)}


@summing
def sum_of_squares(x, lo, hi):
    """``(x[lo:hi] ** 2).sum()``, in any order; not finite where x or a square is not."""
    total = x.dtype.type(0)
    for i in range(_u(lo), _u(hi)):
        total += x[i] * x[i]
    return total
