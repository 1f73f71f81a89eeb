"""Kernels of the analog substrate: writing weights to synapses, reading membranes by an ADC."""

import numpy as np

from snnlab.kernels.compiled import kernel

FREE = -32768  # a synapse that is not stuck


@kernel
def write_weights(w, scale, limit, efficacy, stuck, out):
    """What synapses do that were written ``w``: rounded, clipped, each with its own efficacy.

    ``level = clip(round(scale w), -limit, limit)``, unless it is stuck at another, and
    ``out = level / scale * efficacy``. With ``limit`` 0 weights are not rounded:
    ``out = w efficacy``, unless stuck.
    """
    real = out.dtype.type
    s, per_level, top = real(scale), real(1.0 / scale), real(limit)
    for i in range(w.shape[0]):
        for j in range(w.shape[1]):
            x = w[i, j]
            if limit > 0:
                x = np.rint(s * x)
                x = top if x > top else x
                x = -top if x < -top else x
                x *= per_level
            if stuck[i, j] != FREE:
                x = real(stuck[i, j]) * per_level
            out[i, j] = x * efficacy[i, j]


@kernel
def read_membranes(v, lsb, lowest, highest, every, last_first, lo, hi):
    """Sample membranes as the ADC does: in place, in steps of ``lsb`` between two codes.

    ``v`` is (sample, time, unit), with its last step first if ``last_first``. Only every
    ``every``-th step is sampled, others hold the sample before. ``lsb`` 0: no digitisation.
    """
    n_steps, n = v.shape[1], v.shape[2]
    real = v.dtype.type
    per_lsb = real(1.0 / lsb) if lsb > 0 else real(0.0)
    step, low, high = real(lsb), real(lowest), real(highest)
    for s in range(lo, hi):
        for t in range(n_steps):
            r = n_steps - 1 - t if last_first else t
            if t % every > 0:
                before = r + 1 if last_first else r - 1
                for j in range(n):
                    v[s, r, j] = v[s, before, j]
            elif lsb > 0:
                for j in range(n):
                    code = np.rint(v[s, r, j] * per_lsb)
                    code = high if code > high else code
                    v[s, r, j] = step * (low if code < low else code)
