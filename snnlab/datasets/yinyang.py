"""The Yin-Yang set: points in a figure of three classes (Kriener, Göltz, Petrovici)."""

from __future__ import annotations

import numpy as np

from snnlab import _check
from snnlab.datasets.dataset import Dataset

YINYANG_SEEDS = {"train": 42, "validation": 41, "test": 40}  # Kriener et al.'s; another generator


def yinyang(
    n: int, rng: np.random.Generator, r_small: float = 0.1, r_big: float = 0.5
) -> tuple[np.ndarray, np.ndarray]:
    """Draw points of the Yin-Yang set (Kriener, Göltz, Petrovici, arXiv:2102.08211).

    A circle of radius ``r_big`` around ``(r_big, r_big)``, divided by an S-shaped line into yin
    (below) and yang (above), with a dot of radius ``r_small`` in the head of each; both dots are
    one class. The class is drawn first, all three equally likely, then points are rejected until
    one falls into it: uniform within its class.

    Parameters
    ----------
    n : int
        Number of points.
    rng : numpy.random.Generator
        Source of randomness.
    r_small, r_big : float
        Radii of the dots and of the circle, with ``0 < r_big <= 0.5`` (inputs stay in [0, 1]) and
        ``0.01 r_big <= r_small < 0.5 r_big`` (smaller dots would be rejected nearly always).

    Returns
    -------
    x : (n, 4) float32
        Inputs ``x, y, 1 - x, 1 - y`` in [0, 1].
    y : (n,) int64
        Class: 0 yin, 1 yang, 2 dot.

    Raises
    ------
    TypeError, ValueError
        Naming the argument that is wrong.
    """
    n = _check.integer("n", n, at_least=0)
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a numpy.random.Generator, not {type(rng).__name__}")
    r_big = _check.number("r_big", r_big, above=0, at_most=0.5)
    r_small = _check.number("r_small", r_small, at_least=0.01 * r_big, below=0.5 * r_big)
    y = rng.integers(3, size=n)
    points = np.empty((n, 2), np.float32)
    for label in range(3):
        wanted = np.flatnonzero(y == label)
        while wanted.size:
            drawn = rng.random((4096, 2), dtype=np.float32) * np.float32(2 * r_big)
            drawn = drawn[class_of(drawn, r_small, r_big) == label][: wanted.size]
            points[wanted[: len(drawn)]] = drawn
            wanted = wanted[len(drawn) :]
    return np.hstack([points, 1 - points]), y


def class_of(points, r_small, r_big):
    """Class of each point (n, 2), int64 (n,); -1 outside the circle."""
    x, y = points.T.astype(np.float64)
    to_left = np.hypot(x - 0.5 * r_big, y - r_big)
    to_right = np.hypot(x - 1.5 * r_big, y - r_big)
    # The left head belongs to yang, the right one to yin; elsewhere the horizontal line decides.
    yang = (to_left <= 0.5 * r_big) | ((y > r_big) & (to_right > 0.5 * r_big))
    label = yang.astype(np.int64)
    label[np.minimum(to_left, to_right) < r_small] = 2
    label[np.hypot(x - r_big, y - r_big) > r_big] = -1
    return label


def load_yinyang():
    """Draw the Yin-Yang set in its usual sizes."""
    x_train, y_train = yinyang(5000, np.random.default_rng(YINYANG_SEEDS["train"]))
    x_test, y_test = yinyang(1000, np.random.default_rng(YINYANG_SEEDS["test"]))
    return Dataset(
        name="yinyang",
        x_train=x_train,
        y_train=y_train,
        x_test=x_test,
        y_test=y_test,
        image_shape=None,
        n_classes=3,
        class_names=("yin", "yang", "dot"),
        source=(
            "L. Kriener, J. Göltz, M. A. Petrovici, The Yin-Yang dataset, arXiv:2102.08211, 2021 "
            "(the geometry; the points are drawn here)"
        ),
        licence="generated, no terms",
    )
