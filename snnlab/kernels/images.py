"""Resampling of images by an affine map with cubic B-spline interpolation.

The spline runs exactly through the pixels of the source. A recursive filter turns pixels into
spline coefficients, one axis after the other, with mirror boundaries (Unser, Aldroubi and Eden,
IEEE Trans. Signal Process. 41, 834, 1993); a pixel of the result is then a weighted sum of 4 x 4
coefficients. Points outside the source are zero. These are the conventions of
``scipy.ndimage.zoom`` and ``affine_transform`` with ``order=3, mode="constant"``, and so is the
rounding of the result to uint8 levels.

Coordinates are float64, as in SciPy; pixels, coefficients and weights are float32.
"""

import numpy as np

from snnlab.kernels.compiled import inner, kernel, part
from snnlab.kernels.vector import scratch

# Pole of the filter that inverts the cubic B-spline.
POLE = np.float32(np.sqrt(3.0) - 2.0)
# POLE**16 is below the resolution of float32: a mirror sum never needs more pixels than this.
HORIZON = 16
# A point this close outside the source (relative to its extent) is on its border but for the
# rounding of the matrix to float32.
EDGE = 5e-7

_u = np.uint64  # over indices that cannot be negative, loops are vectorised


@inner
def _mirror_weights(n, out):
    """Weights of the first pixels in the causal filter's first value.

    That value is ``sum_k POLE^k s[k]`` over the signal mirrored at both ends, which repeats with
    period ``2 (n - 1)``.
    """
    pole = np.float64(POLE)
    periods = 1.0 / (1.0 - pole ** (2 * n - 2))
    for k in range(out.shape[0]):
        out[k] = periods * pole**k
        if 0 < k < n - 1:
            out[k] += periods * pole ** (2 * n - 2 - k)


@inner
def _filter_rows(c, first):
    """Spline coefficients / 6 of ``c`` along its first axis, in place (6 is the filter's gain).

    Both recursions take whole rows at a time, so that they vectorise along the other axis.
    """
    n, m = _u(c.shape[0]), _u(c.shape[1])
    one = _u(1)
    for j in range(m):
        c[_u(0), j] *= first[0]
    for k in range(one, _u(first.shape[0])):
        for j in range(m):
            c[_u(0), j] += first[k] * c[k, j]
    for k in range(one, n):
        for j in range(m):
            c[k, j] += POLE * c[k - one, j]
    end = POLE / (POLE * POLE - np.float32(1.0))
    for j in range(m):
        c[n - one, j] = end * (c[n - one, j] + POLE * c[n - _u(2), j])
    for k in range(_u(2), n + one):
        for j in range(m):
            c[n - k, j] = POLE * (c[n - k + one, j] - c[n - k, j])


@inner
def _coefficients(image, first_h, first_w, rows, columns, c):
    """Coefficients / 36 of ``image``, transposed, with one mirrored line on every side of ``c``."""
    h, w = image.shape
    for i in range(h):
        for j in range(w):
            rows[i, j] = np.float32(image[i, j])
    _filter_rows(rows, first_h)
    for i in range(h):
        for j in range(w):
            columns[j, i] = rows[i, j]
    _filter_rows(columns, first_w)
    for j in range(w):
        for i in range(h):
            c[j + 1, i + 1] = columns[j, i]
        c[j + 1, 0] = c[j + 1, 2]
        c[j + 1, h + 1] = c[j + 1, h - 1]
    for i in range(h + 2):
        c[0, i] = c[2, i]
        c[w + 1, i] = c[w - 1, i]


# Inlined: only in the caller does the compiler see that these arrays are distinct (25 % in all).
@part
def _locate(matrix, p, h, w, y_knot, x_knot, y_weight, x_weight):
    """Where row ``p`` of the result reads the spline: knots and 6 times the B-spline at each.

    A point lies 0 to 1 after its knot; the last pixel is 1 after the last knot but one. A point
    outside the source gets knot 0 and weight 0, whatever the matrix.
    """
    zero, one = np.float32(0.0), np.float32(1.0)
    three, four = np.float32(3.0), np.float32(4.0)
    y_max, x_max = np.float64(h - 1), np.float64(w - 1)
    y_edge, x_edge = EDGE * y_max, EDGE * x_max
    last_i, last_j = np.int32(h - 2), np.int32(w - 2)
    y_row = matrix[0, 0] * np.float64(p) + matrix[0, 2]
    x_row = matrix[1, 0] * np.float64(p) + matrix[1, 2]
    for q in range(y_knot.shape[0]):
        y = y_row + matrix[0, 1] * np.float64(q)
        x = x_row + matrix[1, 1] * np.float64(q)
        inside = (y >= -y_edge) & (y <= y_max + y_edge) & (x >= -x_edge) & (x <= x_max + x_edge)
        y = (y_max if y > y_max else y) if inside and y > 0.0 else 0.0
        x = (x_max if x > x_max else x) if inside and x > 0.0 else 0.0
        on = one if inside else zero
        i, j = np.int32(y), np.int32(x)
        i, j = last_i if i > last_i else i, last_j if j > last_j else j
        y_knot[q] = i
        x_knot[q] = j
        t = np.float32(y - np.float64(i))
        u = one - t
        y_weight[0, q] = u * u * u
        y_weight[1, q] = four - three * t * t * (one + u)
        y_weight[2, q] = four - three * u * u * (one + t)
        y_weight[3, q] = t * t * t
        t = np.float32(x - np.float64(j))
        u = one - t
        x_weight[0, q] = on * (u * u * u)
        x_weight[1, q] = on * (four - three * t * t * (one + u))
        x_weight[2, q] = on * (four - three * u * u * (one + t))
        x_weight[3, q] = on * (t * t * t)


@kernel
def resample(source, index, matrices, size, lo, hi, out):
    """Fill ``out[lo:hi]`` with the affine images of ``source[index[lo:hi]]``.

    Parameters
    ----------
    source : (n, h, w) uint8
        Images, at least 4 x 4.
    index : (m,) int64
        Source image of each result.
    matrices : (m, 2, 3) float32
        ``source (row, column) = matrix @ (row, column, 1)`` of the result.
    size : int
        Rows and columns of a result.
    lo, hi : int
        The results to compute.
    out : (m, size * size) float32
        Filled with the levels 0, 1/255, ..., 1.
    """
    h, w = source.shape[1], source.shape[2]
    first_h = scratch((h if h < HORIZON else HORIZON,), out)
    first_w = scratch((w if w < HORIZON else HORIZON,), out)
    _mirror_weights(h, first_h)
    _mirror_weights(w, first_w)
    rows, columns, c = scratch((h, w), out), scratch((w, h), out), scratch((w + 2, h + 2), out)
    y_knot, x_knot = scratch((size,), index), scratch((size,), index)
    y_weight, x_weight = scratch((4, size), out), scratch((4, size), out)
    value = scratch((size,), out)
    zero, half, top = np.float32(0.0), np.float32(0.5), np.float32(255.0)
    for s in range(lo, hi):
        _coefficients(source[index[s]], first_h, first_w, rows, columns, c)
        # Three loops per row (where, sum, round): the outer two vectorise, the middle one gathers.
        for p in range(size):
            _locate(matrices[s], p, h, w, y_knot, x_knot, y_weight, x_weight)
            for q in range(size):
                i, j = y_knot[q], x_knot[q]
                w0, w1, w2, w3 = y_weight[0, q], y_weight[1, q], y_weight[2, q], y_weight[3, q]
                total = zero
                for k in range(4):
                    total += x_weight[k, q] * (
                        (w0 * c[j + k, i] + w1 * c[j + k, i + 1])
                        + (w2 * c[j + k, i + 2] + w3 * c[j + k, i + 3])
                    )
                value[q] = total
            for q in range(size):
                level = np.floor((value[q] if value[q] > zero else zero) + half)
                out[s, p * size + q] = (level if level < top else top) / top
