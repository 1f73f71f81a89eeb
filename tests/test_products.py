"""Matrix products by kernels."""

import numpy as np
import pytest

from snnlab.products import product, product_transposed

SHAPES = [(1, 1, 1), (3, 5, 7), (10, 20, 16), (9, 33, 17), (50, 100, 130), (64, 10, 64), (2, 0, 3)]


@pytest.mark.bounds
@pytest.mark.parametrize("dtype, tolerance", [(np.float32, 1e-4), (np.float64, 1e-12)])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_they_are_those_of_numpy(shape, dtype, tolerance):
    m, n, k = shape
    rng = np.random.default_rng(0)
    x, w, g = (rng.normal(size=size).astype(dtype) for size in ((m, n), (n, k), (m, k)))
    x[rng.random(x.shape) < 0.3] = 0
    np.testing.assert_allclose(product(x, w), x @ w, atol=tolerance)
    np.testing.assert_allclose(product_transposed(x, g), x.T @ g, atol=tolerance)
    turned = product(g, w.T)  # not in C order
    np.testing.assert_allclose(turned, g @ w.T, atol=tolerance)
    assert turned.dtype == dtype


def test_axes_in_front_stay():
    x, w = np.ones((2, 3, 4)), np.ones((4, 5))
    np.testing.assert_array_equal(product(x, w), x @ w)
    assert product(x[:0], w).shape == (0, 3, 5)


def test_what_is_no_number_stays_so():
    """As in NumPy's: a guard looks at gradients afterwards."""
    x = np.array([[1.0, np.nan], [0.0, 1.0]])
    assert np.isnan(product(x, np.ones((2, 3)))).tolist() == [3 * [True], 3 * [False]]
