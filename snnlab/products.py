"""Matrix products by kernels (`snnlab.kernels.drive`), in the threads that the passes have.

NumPy's products have threads of their own, which wait for each other: beside another program that
makes a small one take twenty times as long, and more. They also add in an order that depends on how
many threads there are.
"""

from functools import partial
from math import prod

import numpy as np

from snnlab.kernels import drive as kernels
from snnlab.kernels.vector import NARROW
from snnlab.memory import pad_units, padded_width

ROWS = 128  # of a product at a time, so that what the kernel lists of them stays small


def product(x, w, out=None):
    """``x @ w`` for x (..., n_in) and w (n_in, n) of one dtype; the result has w's columns.

    ``out`` may be memory for it: a row per row of x, of as many whole tiles as w has.
    """
    rows, columns, w = x.reshape(prod(x.shape[:-1]), len(w)), w.shape[1], _whole_tiles(w)
    out = np.empty((len(rows), w.shape[1]), w.dtype) if out is None else out
    for first in range(0, len(rows), ROWS):
        part = np.ascontiguousarray(rows[first : first + ROWS].T)
        _columns_by(part, w, out[first : first + ROWS])
    return out[:, :columns].reshape(*x.shape[:-1], columns)


def product_transposed(x, g):
    """``x.T @ g`` for x (n, rows) and g (n, columns) of one dtype."""
    columns, g = g.shape[1], _whole_tiles(g)
    out = np.empty((x.shape[1], g.shape[1]), g.dtype)
    _columns_by(np.ascontiguousarray(x), g, out)
    return out[:, :columns]


def _whole_tiles(w):
    """A matrix with as many columns as kernels take."""
    width = padded_width(w.shape[1])
    return np.ascontiguousarray(w if w.shape[1] == width else pad_units(w, width))


def _columns_by(x, w, out):
    """``x.T @ w``."""
    base, zero = np.zeros((1, w.shape[1]), w.dtype), w.dtype.type(0)
    kernels.multiply_transposed(x, zero, w, base, 0, -(-x.shape[1] // 2), out)


def constant_product(signal, weights, out):
    """``x @ weights``, what a constant input feeds each unit in a step, into ``out``.

    Returns work that is left to do on it, a function of the first and last sample, or None.
    """
    x, c = signal.x.astype(weights.dtype, copy=False), signal.background
    if weights.shape[1] % NARROW:
        out[:, : weights.shape[1]] = product(x, weights)
        return None
    c = weights.dtype.type(0 if c is None else c)
    base = c * weights.sum(axis=0, keepdims=True) if c else np.zeros_like(weights[:1])
    return partial(_fill, kernels.multiply, x, c, weights, base, out)


def constant_product_back(signal, g_drive, out, share):
    """``x.T @ g_drive``, into ``out``."""
    x, c = signal.x.astype(out.dtype, copy=False), signal.background
    if out.shape[1] % NARROW:
        out[...] = product_transposed(x, g_drive[:, : out.shape[1]])
        return
    c = out.dtype.type(0 if c is None else c)
    base = c * g_drive.sum(axis=0, keepdims=True) if c else np.zeros_like(g_drive[:1])
    work = partial(_fill, kernels.multiply_transposed, x, c, g_drive, base, out)
    share(work, -(-x.shape[1] // 2))


def _fill(product, x, c, y, base, out, lo, hi):
    """Some rows of a product (or pairs of rows)."""
    product(x, c, y, base, lo, hi, out)
