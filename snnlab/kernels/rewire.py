"""Rewiring kernels: the rules that decide which weights are zero.

All of them update ``[lo, hi)`` of flat arrays and return how many weights there are not zero. What
an optimiser subtracts is worked out from gradients ``g``, moments ``a`` and ``b`` (of SGD, both are
the velocity) and ``numbers``, as in `snnlab.kernels.updates`; or ``a`` and ``b`` are that change,
and begin at ``lo``. Of each rule there is a kernel for each such way: none branches as it runs.

``sign`` (int8) is 0 where a layer is padded, and so is the weight. The strength of a weight that is
not zero is read from the weight itself: if it was changed in between (clipped on a substrate, say),
the rule goes on from there.
"""

import numpy as np

from snnlab.kernels.compiled import inner, kernel
from snnlab.kernels.noise import scramble
from snnlab.kernels.updates import ADAM, SGD, WAYS, adam_step, sgd_step

_u = np.uint64  # over indices that cannot be negative, loops are vectorised
BLOCK = 16  # columns that are looked at together: a line of the cache


@inner
def _row(key, t):
    """Start of step t's random numbers; each number is a function of it and of a place."""
    return scramble(scramble(np.uint32(key)) + np.uint32(t))


@inner
def _soft(x, d):
    """``sign(x) max(|x| - d, 0)``."""
    if x > d:
        return x - d
    return x + d if x < -d else x - x


def _make(way):
    """The rules around an optimiser that works in a way."""

    @kernel
    def grad_r(w, theta, sign, lo, hi, g, a, b, numbers, pull, centre):
        """Grad R (Chen et al. 2021): ``theta -= s step + pull sign(theta - centre)``."""
        lo = _u(lo)
        real, n = w.dtype.type, np.int32(0)
        zero = real(0)
        for i in range(lo, _u(hi)):
            s = real(sign[i])
            x = s * w[i] if theta[i] > zero else theta[i]
            prior = pull if x > centre else (-pull if x < centre else zero)
            if way == ADAM:
                change = adam_step(w, g, a, b, numbers, i)
            elif way == SGD:
                change = sgd_step(w, g, a, numbers, i)
            else:
                change = a[i - lo]
            x = x - s * change - prior
            theta[i] = x
            w[i] = s * x if x > zero else zero
            n = np.int32(n + np.int32(w[i] != zero))
        return n

    @kernel
    def deep_r(w, theta, sign, lo, hi, g, a, b, numbers, shrink, sd, key, t, low):
        """Deep R and, with ``low < 0``, soft Deep R (Bellec et al. 2018); see `DeepR`, `SoftDeepR`.

        Active: ``theta -= s step + shrink``, and noise. Dormant: 0, or a walk above ``low``.
        The noise is a function of key, step t and the weight's place (`snnlab.kernels.noise`).
        """
        lo = _u(lo)
        row = _row(key, t)
        real, n = w.dtype.type, np.int32(0)
        zero, soft = real(0), real(low < 0)
        bytes_, half = np.uint32(0x00FF00FF), np.uint32(0xFFFF)
        for i in range(lo, _u(hi)):
            s = real(sign[i])
            x = scramble(np.uint32(row + np.uint32(i) * np.uint32(0x9E3779B9)))
            pairs = np.uint32((x & bytes_) + ((x >> np.uint32(8)) & bytes_))
            total = np.int32((pairs & half) + (pairs >> np.uint32(16)))  # of four random bytes
            noise = sd * (real(total) - real(510))
            if way == ADAM:
                change = adam_step(w, g, a, b, numbers, i)
            elif way == SGD:
                change = sgd_step(w, g, a, numbers, i)
            else:
                change = a[i - lo]
            active = s * w[i] - s * change - shrink + noise
            dormant = soft * (theta[i] + noise)
            y = active if theta[i] > zero else dormant
            y = y if y > low else low
            theta[i] = y
            w[i] = s * y if y > zero else zero
            n = np.int32(n + np.int32(w[i] != zero))
        return n

    @kernel
    def stds(w, theta, lo, hi, g, a, b, numbers, before, d):
        """Soft threshold (Chen et al. 2022), raised from ``before`` to ``d`` by this step."""
        lo = _u(lo)
        n = np.int32(0)
        for i in range(lo, _u(hi)):
            changed = w[i] - _soft(theta[i], before)  # 0, unless by someone else
            if way == ADAM:
                change = adam_step(w, g, a, b, numbers, i)
            elif way == SGD:
                change = sgd_step(w, g, a, numbers, i)
            else:
                change = a[i - lo]
            theta[i] = theta[i] + changed - change
            w[i] = _soft(theta[i], d)
            n = np.int32(n + np.int32(w[i] != 0))
        return n

    @kernel
    def masked(w, kept, lo, hi, g, a, b, numbers):
        """The weights that are kept change; the others are 0."""
        lo = _u(lo)
        n, zero = np.int32(0), w.dtype.type(0)
        for i in range(lo, _u(hi)):
            if way == ADAM:
                change = adam_step(w, g, a, b, numbers, i)
            elif way == SGD:
                change = sgd_step(w, g, a, numbers, i)
            else:
                change = a[i - lo]
            x = w[i] - change
            w[i] = x if kept[i] else zero
            n = np.int32(n + np.int32(w[i] != zero))
        return n

    return grad_r, deep_r, stds, masked


GRAD_R, DEEP_R, STDS, MASKED = zip(*map(_make, WAYS), strict=True)  # kernels, by the way


@kernel
def reactivate(w, theta, sign, lo, hi, key, t, n, strength, room):
    """Give ``n`` dormant synapses, drawn without preference, this strength.

    ``room``: how many more each unit may have, one per column, padding included; lowered in place.
    """
    row, size, draws = _row(key, t), np.uint64(hi - lo), np.uint32(0)
    while n > 0:
        x = scramble(np.uint32(row + draws))
        draws = np.uint32(draws + np.uint32(1))
        i = lo + np.int64((np.uint64(x) * size) >> np.uint64(32))
        unit = (i - lo) % room.size
        if sign[i] != 0 and not theta[i] > 0 and room[unit] > 0:
            room[unit] -= 1
            theta[i] = strength
            w[i] = sign[i] * strength
            n -= 1


@kernel
def fan_in(w, lo, hi, width):
    """Weights per column that are not zero."""
    n = np.zeros(width, np.int32)
    for i in range(lo, hi, width):
        row = w[i : i + width]
        for j in range(width):
            n[j] += np.int32(row[j] != 0)
    return n


@inner
def _largest(x, limit, top):
    """The largest number that ``limit`` of the integers x or more reach, bit by bit from ``top``.

    It ends early once exactly ``limit`` of them reach it. Returns also how many do.
    """
    cut, reach = top - top, np.int32(x.size)
    while top > 0 and reach != limit:
        higher, n = cut | top, np.int32(0)
        for i in range(x.size):
            n += np.int32(x[i] >= higher)
        if n >= limit:
            cut, reach = higher, n
        top >>= 1
    return cut, reach


@kernel
def limit_fan_in(w, theta, lo, hi, counts, a, b, limit, rest, bits, top):
    """Prune the smallest weights of columns a to b - 1 with more than ``limit``; returns how many.

    Of equal ones the first go. Hidden strengths become ``rest``, with the sign that they had.
    ``counts``, as from `fan_in`, are lowered in place. ``bits`` are the same weights as integers,
    which without their sign are in the same order as the weights' sizes are; ``top`` is the highest
    bit below the sign.
    """
    width, total, no_sign = counts.size, 0, top + (top - 1)
    least = np.zeros(width, bits.dtype)  # size of the smallest weight that stays
    sizes = np.empty((BLOCK, (hi - lo) // width), bits.dtype)
    for first in range(a, b, BLOCK):
        some = counts[first : min(first + BLOCK, b)]
        if some.max() <= limit:
            continue
        for i in range(sizes.shape[1]):
            row = bits[lo + first + i * width :]
            for j in range(some.size):
                sizes[j, i] = row[j] & no_sign
        for j in range(some.size):
            if some[j] > limit:
                least[first + j], reach = _largest(sizes[j], limit, top)
                for i in range(sizes.shape[1]):
                    if reach == limit:
                        break
                    if sizes[j, i] == least[first + j]:  # equal to the smallest, and too many
                        w[lo + first + j + i * width] = 0
                        hidden = theta[lo + first + j + i * width]
                        theta[lo + first + j + i * width] = np.copysign(rest, hidden)
                        reach -= 1
                total += some[j] - limit
                some[j] = limit
    least = least.view(w.dtype)
    for i in range(lo, hi, width):
        row, hidden = w[i : i + width], theta[i : i + width]
        for j in range(a, b):
            x = abs(row[j])
            goes = (x < least[j]) & (x > 0)
            row[j] = row.dtype.type(0) if goes else row[j]
            hidden[j] = np.copysign(rest, hidden[j]) if goes else hidden[j]
    return total
