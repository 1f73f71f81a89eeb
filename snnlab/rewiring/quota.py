"""How many synapses a layer may keep, and which of them are the largest."""

import numbers

import numpy as np

from snnlab import _check


def checked_sparsity(value, least, above=False):
    """One float in [least, 1), or a tuple of them."""
    bounds = {"above" if above else "at_least": least, "below": 1}
    if isinstance(value, numbers.Real):
        return _check.number("sparsity", value, **bounds)
    return tuple(_check.each(_check.like(_check.number, **bounds))("sparsity", value))


def per_layer(network, value):
    """A value per layer."""
    n = len(network.weights)
    values = value if isinstance(value, tuple) else (value,) * n
    if len(values) != n:
        raise ValueError(f"sparsity must have {n} values, one per layer, got {len(values)}")
    return values


def quota(network, sparsity):
    """Weights per layer that a sparsity leaves, at least one; array of int."""
    left = [
        max(1, w.size - round(p * w.size))
        for p, w in zip(per_layer(network, sparsity), network.weights, strict=True)
    ]
    return np.array(left)


def largest(x, n):
    """Mask of exactly n largest values."""
    mask = np.zeros(x.size, bool)
    mask[np.argpartition(x, x.size - n)[x.size - n :]] = True
    return mask
