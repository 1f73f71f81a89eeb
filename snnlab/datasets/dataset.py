"""What every data set is: arrays that fit together, and what goes wrong on the way to them."""

import math
from dataclasses import dataclass

import numpy as np

from snnlab import _check


class DatasetUnavailable(OSError):
    """A data set is neither on this machine nor to be had from a mirror."""


class DatasetCorrupt(ValueError):
    """A file is not the one it should be."""


@dataclass(frozen=True, repr=False, eq=False)
class Dataset:
    """A data set for classification, split into training and test samples.

    Parameters
    ----------
    name : str
        As given to `load`.
    x_train, x_test : (n, n_inputs) float32
        Samples in [0, 1], images flattened row by row; C-contiguous.
    y_train, y_test : (n,) int64
        Labels in [0, n_classes).
    image_shape : (int, int), (int, int, int) or None
        Rows and columns of an image, and colours if it has some; None if the samples are not
        images.
    n_classes : int
        Number of classes.
    class_names : tuple of str
        One name per class.
    source : str
        What to cite.
    licence : str
        Terms of the data.
    source_train : (n, h, w) or (n, h, w, colours) uint8 or None
        Training images (cropped), grey ones before scaling, for `snnlab.datasets.augment`.

    Raises
    ------
    TypeError, ValueError
        If the arrays do not fit together, naming the argument.
    """

    name: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    image_shape: tuple[int, ...] | None
    n_classes: int
    class_names: tuple[str, ...]
    source: str
    licence: str
    source_train: np.ndarray | None = None

    def __post_init__(self):
        """Check that the fields fit together."""
        count = _check.like(_check.integer, at_least=1)
        count("n_classes", self.n_classes)
        if self.image_shape is not None:
            n_axes = 3 if len(_check.sequence("image_shape", self.image_shape)) == 3 else 2
            _check.each(count, n_axes)("image_shape", self.image_shape)
        _check.kind("tuple", "list")("class_names", self.class_names)
        _check.each(_check.text)("class_names", self.class_names)
        for split in ("train", "test"):
            names = f"x_{split}", f"y_{split}"
            x, y = (_check.kind("ndarray")(name, getattr(self, name)) for name in names)
            if x.dtype != np.float32 or y.dtype != np.int64:
                raise TypeError(f"x_{split} must be float32 and y_{split} int64")
            if x.ndim != 2 or y.shape != x.shape[:1] or not x.flags.c_contiguous:
                raise ValueError(f"x_{split} must be (n, n_inputs), C-contiguous, y_{split} (n,)")
            if y.size and not (0 <= y.min() and y.max() < self.n_classes):
                raise ValueError(f"y_{split} must be in [0, {self.n_classes})")
        n_inputs = self.x_train.shape[1]
        if self.x_test.shape[1] != n_inputs:
            raise ValueError(f"x_test has {self.x_test.shape[1]} inputs, x_train {n_inputs}")
        if self.image_shape is not None and math.prod(self.image_shape) != n_inputs:
            raise ValueError(f"image_shape {self.image_shape} does not hold {n_inputs} inputs")
        if len(self.class_names) != self.n_classes:
            raise ValueError(f"class_names must be {self.n_classes} names")
        source = self.source_train
        if source is not None and _check.as_array("source_train", source).shape[:1] != (
            self.y_train.shape
        ):
            raise ValueError("source_train and x_train differ in length")

    def __repr__(self):
        """Say name, sizes, shape and licence."""
        shape = self.image_shape or (self.x_train.shape[1],)
        return (
            f"Dataset {self.name}: {len(self.x_train):,} training and {len(self.x_test):,} test "
            f"samples of {' x '.join(map(str, shape))} inputs, {self.n_classes} classes; "
            f"licence: {self.licence}"
        )
