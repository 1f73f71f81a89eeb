"""Affine resampling: against SciPy, against itself, and on points that can be followed by eye."""

from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
import pytest
from scipy import ndimage

from snnlab.datasets.augment import Affine, resample


def some_images(n, h, w, seed=0):
    """Nasty images: empty, full, one pixel in a corner, noise, blobs on an empty background."""
    rng = np.random.default_rng(seed)
    images = np.zeros((n, h, w), np.uint8)
    images[1] = 255
    images[2, 0, 0] = images[2, -1, -1] = 255
    images[3] = rng.integers(0, 256, (h, w))
    for image in images[4:]:
        blob = ndimage.gaussian_filter(rng.random((h - 6, w - 6)), 1.5)
        image[3:-3, 3:-3] = np.clip((blob - 0.45) * 1500, 0, 255)
    return images


def levels(x, size):
    """Float images back to uint8 levels, (n, size, size) int."""
    scaled = x.reshape(-1, size, size) * 255
    assert np.allclose(scaled, np.rint(scaled), rtol=0, atol=1e-4)
    return np.rint(scaled).astype(int)


def assert_same_but_for_ties(got, expected, allowed):
    """Equal; ``allowed`` pixels may have rounded to the other side of a half (float32)."""
    difference = np.abs(got - expected.astype(int))
    assert difference.max() <= 1
    assert np.count_nonzero(difference) <= allowed


class Fixed(np.random.Generator):
    """A generator whose uniform draws are given."""

    def __init__(self, rotation=0.0, down=0.0, right=0.0, scale=0.0, shear=0.0):
        super().__init__(np.random.PCG64(0))
        self.draw = np.array([[rotation, down, right, scale, shear]])

    def uniform(self, low, high, size):
        return np.broadcast_to(low + (high - low) * (self.draw + 1) / 2, size)


@pytest.mark.parametrize(("side", "size"), [(24, 16), (28, 16), (8, 16), (5, 3), (17, 17), (4, 2)])
def test_plain_scaling_is_scipy_zoom(side, size):
    source = some_images(7, max(side, 8), max(side, 8))[:, :side, :side].copy()
    got = levels(resample(source, np.arange(7), size), size)
    expected = np.stack([ndimage.zoom(image, size / side, order=3) for image in source])
    assert expected.shape == got.shape
    assert_same_but_for_ties(got, expected, allowed=1)


def test_last_row_and_column_of_large_images_are_inside():
    source = np.full((1, 150, 210), 255, np.uint8)
    for size in range(2, 60, 3 if numba.config.DISABLE_JIT else 1):
        assert levels(resample(source, [0], size), size).min() == 255


def test_same_size_is_the_image_itself():
    source = some_images(6, 9, 9)
    assert np.array_equal(levels(resample(source, np.arange(6), 9), 9), source)


def test_affine_is_scipy_affine_transform():
    source, size = some_images(8, 20, 26), 12
    affine = Affine(rotation=40, shift=2, scale=0.3, shear=0.4)
    matrices = affine.matrices(8, source.shape[1:], size, np.random.default_rng(3))
    got = levels(resample(source, np.arange(8), size, affine, np.random.default_rng(3)), size)
    assert np.abs(matrices[:, 0, 1]).min() > 0.01  # really rotated
    exact = matrices.astype(np.float64)
    expected = np.stack(
        [
            ndimage.affine_transform(image, m[:, :2], m[:, 2], (size, size), order=3)
            for image, m in zip(source, exact, strict=True)
        ]
    )
    # No point lies so close to the border that rounding decides whether it is inside.
    grid = np.stack([*np.mgrid[:size, :size], np.ones((size, size))])
    points = np.einsum("nij,jpq->nipq", exact, grid)
    far = np.array([19.0, 25.0])[:, None, None]
    assert min(np.abs(points).min(), np.abs(points - far).min()) > 2e-5
    assert (points < 0).any() and (points > far).any()
    assert_same_but_for_ties(got, expected, allowed=2)


def test_off_is_plain():
    source, index = some_images(6, 24, 24), [3, 5, 0]
    plain = resample(source, index, 16)
    assert plain.shape == (3, 256) and plain.dtype == np.float32
    assert np.array_equal(plain, resample(source, index, 16, Affine(), np.random.default_rng(0)))
    assert np.array_equal(plain[1], resample(source, [5], 16)[0])


def spot(**draw):
    """Where the image of a spot at row 16, column 24 of 33 x 33 goes, seen from the centre."""
    source = np.zeros((1, 33, 33), np.uint8)
    source[0, 16, 24] = 255
    affine = Affine(rotation=90, shift=3, scale=0.5, shear=0.5)
    image = levels(resample(source, [0], 33, affine, Fixed(**draw)), 33)[0]
    return tuple(int(i) - 16 for i in np.unravel_index(image.argmax(), image.shape))


def test_directions():
    assert spot() == (0, 8)
    assert spot(rotation=1) == (-8, 0)  # anticlockwise: from the right to the top
    assert spot(down=1) == (3, 8)
    assert spot(right=-1) == (0, 5)
    assert spot(scale=1) == (0, 12)
    assert spot(scale=-1) == (0, 4)
    assert spot(shear=1) == (0, 8)  # its row is the centre's
    assert spot(rotation=1, shear=1) == (-8, 0)  # shear first: still the centre's row
    assert spot(rotation=1, down=1) == (-5, 0)  # shift last


def test_shear_moves_columns_by_row():
    source = np.zeros((1, 33, 33), np.uint8)
    source[0, 24, 16] = 255
    image = levels(resample(source, [0], 33, Affine(shear=0.5), Fixed(shear=1)), 33)[0]
    assert np.unravel_index(image.argmax(), image.shape) == (24, 20)


def test_matrices_stay_in_their_ranges():
    affine = Affine(rotation=15, shift=1.5, scale=0.15, shear=0.1)
    size, n = 16, 400
    m = affine.matrices(n, (16, 16), size, np.random.default_rng(1)).astype(np.float64)
    assert m.shape == (n, 2, 3)
    forward = np.linalg.inv(m[:, :, :2])
    scale = np.sqrt(np.linalg.det(forward))
    angle = np.rad2deg(np.arctan2(-forward[:, 0, 1], forward[:, 1, 1]))
    shear = (forward[:, :, 0] * forward[:, :, 1]).sum(axis=1) / scale**2
    centre = np.full(2, (size - 1) / 2)
    shift = np.einsum("nij,nj->ni", forward, centre - m[:, :, 2]) - centre
    for deviation, reach in ((scale - 1, 0.15), (angle, 15), (shear, 0.1), (shift, 1.5)):
        assert np.abs(deviation).max() <= reach * (1 + 1e-4)
        assert np.abs(deviation).max() > 0.95 * reach
        assert abs(np.mean(deviation)) < 0.15 * reach


def test_same_generator_same_images():
    source, affine = some_images(6, 24, 24), Affine(rotation=20, shift=1)
    first, again, other = (
        resample(source, np.arange(6), 8, affine, np.random.default_rng(seed)) for seed in (5, 5, 6)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_switching_one_range_off_leaves_the_others():
    shape, size = (24, 24), 16
    both = Affine(rotation=20, shift=2).matrices(4, shape, size, np.random.default_rng(0))
    one = Affine(rotation=20).matrices(4, shape, size, np.random.default_rng(0))
    assert np.array_equal(both[:, :, :2], one[:, :, :2])


def test_parts_on_threads_equal_the_whole():
    source, affine = some_images(6, 24, 24), Affine(rotation=20, scale=0.2)
    index = np.array([5, 0, 3, 3, 4, 1, 2])
    whole = resample(source, index, 8, affine, np.random.default_rng(2))

    def run(work, m):
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(work, (0, 2, 2, 5), (2, 2, 5, m)))

    out = np.full((7, 64), np.nan, np.float32)
    result = resample(source, index, 8, affine, np.random.default_rng(2), out=out, run=run)
    assert result is out
    assert np.array_equal(out, whole)


def test_source_is_left_alone_and_may_be_read_only():
    source = some_images(5, 12, 12)
    before = source.copy()
    expected = resample(source, [3, 4], 8)
    source.flags.writeable = False
    assert np.array_equal(resample(source, [3, 4], 8), expected)
    assert np.array_equal(source, before)


def test_nothing_selected():
    assert resample(some_images(5, 12, 12), [], 8).shape == (0, 64)


@pytest.mark.parametrize("name", ["rotation", "shift", "scale", "shear"])
@pytest.mark.parametrize("value", [-0.1, np.nan, np.inf, "1", None, True])
def test_bad_range_is_named(name, value):
    with pytest.raises((TypeError, ValueError), match=name):
        Affine(**{name: value})


@pytest.mark.parametrize("bad", [{"rotation": 180.5}, {"scale": 1.0}])
def test_range_too_large_is_named(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        Affine(**bad)


GOOD = some_images(5, 12, 12)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("source", {"source": GOOD.astype(np.float32)}),
        ("source", {"source": GOOD.tolist()}),
        ("source", {"source": GOOD[0]}),
        ("source", {"source": GOOD[:, 1:-1]}),
        ("source", {"source": np.zeros((5, 3, 12), np.uint8)}),
        ("index", {"index": [0, 5]}),
        ("index", {"index": [-1]}),
        ("index", {"index": [0.5]}),
        ("index", {"index": [True]}),
        ("index", {"index": [[0]]}),
        ("size", {"size": 1}),
        ("size", {"size": 8.0}),
        ("out", {"out": np.zeros((2, 64))}),
        ("out", {"out": np.zeros((2, 8, 8), np.float32)}),
        ("out", {"out": np.zeros((64, 2), np.float32).T}),
        ("affine", {"affine": 15}),
        ("rng", {"affine": Affine()}),
        ("rng", {"affine": Affine(), "rng": 0}),
        ("rng", {"affine": Affine(), "rng": np.random}),
    ],
)
def test_bad_argument_is_named(name, change):
    with pytest.raises((TypeError, ValueError, IndexError), match=name):
        resample(**{"source": GOOD, "index": [0, 1], "size": 8} | change)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("n", {"n": -1}),
        ("n", {"n": 1.5}),
        ("source_shape", {"source_shape": (12,)}),
        ("source", {"source_shape": (3, 12)}),
        ("size", {"size": 0}),
        ("rng", {"rng": 0}),
    ],
)
def test_bad_argument_of_matrices_is_named(name, change):
    good = {"n": 2, "source_shape": (12, 12), "size": 8, "rng": np.random.default_rng(0)}
    with pytest.raises((TypeError, ValueError), match=rf"\b{name}\b"):
        Affine().matrices(**good | change)
