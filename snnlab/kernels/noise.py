"""Noise from a counter: a value is a function of key, sample, step and unit, of nothing else.

So it does not depend on the number of threads, nor on how they share a batch, and needs no memory.
(A sample is known by its place in the batch.) A 32-bit counter is scrambled by two rounds of
multiply and xor-shift (lowbias32; C. Wellons, hash prospector); the sum of the result's four bytes
is close to normal (kurtosis 2.7, within 3.5 standard deviations).

``kernels/lif.py`` compiles this in: after an edit here, ``make clean``.
"""

import numpy as np

from snnlab.kernels.compiled import inner, kernel

# standard deviation of the sum of four independent bytes
SPREAD = float(np.sqrt(4 * (256**2 - 1) / 12))


@inner
def scramble(x):
    """A 32-bit number that looks unrelated to ``x`` (a bijection)."""
    x = np.uint32((x ^ (x >> np.uint32(16))) * np.uint32(0x7FEB352D))
    x = np.uint32((x ^ (x >> np.uint32(15))) * np.uint32(0x846CA68B))
    return np.uint32(x ^ (x >> np.uint32(16)))


@kernel
def add_noise(sd, key, s, t, out):
    """``out[j] += sd[j] * xi`` with xi of variance ``SPREAD^2``, for sample s and step t.

    Sums are cut to 32 bits before they are scrambled; with 64 the loop would not be vectorised.
    """
    row = scramble(np.uint32(scramble(np.uint32(key + np.uint32(s))) + np.uint32(t)))
    bytes_, low = np.uint32(0x00FF00FF), np.uint32(0xFFFF)
    centre = out.dtype.type(510.0)
    for j in range(out.shape[0]):
        # the golden ratio's bits: counters of neighbours differ much
        x = scramble(np.uint32(row + np.uint32(j) * np.uint32(0x9E3779B9)))
        pairs = np.uint32((x & bytes_) + ((x >> np.uint32(8)) & bytes_))
        total = np.int32((pairs & low) + (pairs >> np.uint32(16)))
        out[j] += sd[j] * (out.dtype.type(total) - centre)
