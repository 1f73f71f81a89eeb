"""`snnlab.kernels.readout`, and sums that optimisers take, against NumPy."""

import numpy as np
import pytest

from snnlab.kernels.readout import first_peaks
from snnlab.kernels.updates import sum_of_squares


def peaks(v, steps):
    """The kernel's answer."""
    top, when = np.empty_like(v[:, 0]), np.full((len(v), v.shape[2]), -1, np.int32)
    first_peaks(v, steps, top, when)
    return top, when


@pytest.mark.nojit
@pytest.mark.bounds
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_classes", [1, 10, 33])
def test_peaks_are_the_first_largest(n_classes, dtype):
    v = np.random.default_rng(n_classes).normal(size=(7, 12, n_classes)).round(1).astype(dtype)
    assert (np.sort(v, axis=1)[:, -1] == np.sort(v, axis=1)[:, -2]).any()  # there are ties
    for steps in (1, 5, 12):
        top, when = peaks(v, steps)
        assert np.array_equal(top, v[:, :steps].max(axis=1))
        assert np.array_equal(when, v[:, :steps].argmax(axis=1))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_peaks_that_are_no_numbers_show(bad):
    v = np.zeros((2, 5, 3), np.float32)
    v[1, 2, 0] = bad
    top, _ = peaks(v, 5)
    assert np.array_equal(top, v.max(axis=1), equal_nan=True)


@pytest.mark.nojit
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_squares_are_summed_and_show_what_is_not_finite(dtype):
    x = np.random.default_rng(0).normal(size=1003).astype(dtype)
    assert np.isclose(sum_of_squares(x, 3, 900), np.vdot(x[3:900], x[3:900]), rtol=1e-5)
    assert sum_of_squares(x, 5, 5) == 0
    for place, bad in ((0, np.nan), (500, np.inf), (1002, -np.inf), (7, np.finfo(dtype).max)):
        y = x.copy()
        y[place] = bad
        with np.errstate(over="ignore"):
            assert not np.isfinite(sum_of_squares(y, 0, y.size))
