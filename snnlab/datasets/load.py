"""Data sets by name: MNIST, Fashion-MNIST, CIFAR-10, scikit-learn's digits, Yin-Yang.

16 x 16 grey images are made as in Cramer et al. (PNAS 119, e2109194119, 2022): MNIST is cropped by
two pixels on every side, then both sets are scaled with a cubic spline and rounded to uint8 levels.
16 x 16 colour images are means of 2 x 2 pixels, rounded likewise.
"""

from __future__ import annotations

import numpy as np

from snnlab import _check
from snnlab.datasets import augment, fetch
from snnlab.datasets.dataset import Dataset, DatasetUnavailable
from snnlab.datasets.files import COLOURS, SIDE
from snnlab.datasets.yinyang import load_yinyang

_GREY = ("mnist16", "fashion16", "mnist", "fashion", "digits16")
_COLOURED = ("cifar10", "cifar10-16", "digits16-colour")
NAMES = (*_GREY, *_COLOURED, "yinyang")
DIGITS_SEED = 0  # of the split of the digits, and of their colours
CONTRAST = 0.35  # between the colours of a digit and of its ground: least mean difference

# Name: image set, pixels cropped on every side, rows and columns of the result (None: as they are).
_IMAGES = {
    "mnist16": ("mnist", 2, 16),
    "fashion16": ("fashion", 0, 16),
    "mnist": ("mnist", 0, None),
    "fashion": ("fashion", 0, None),
}


def load(name: str, *, progress: bool = True) -> Dataset:
    """Load a data set; nothing is kept in memory, every call returns fresh arrays.

    Parameters
    ----------
    name : str
        - ``"mnist16"``, ``"fashion16"``: 60,000 training and 10,000 test images of 16 x 16
        - ``"mnist"``, ``"fashion"``: the same at 28 x 28
        - ``"digits16"``: scikit-learn's digits scaled from 8 x 8 to 16 x 16; 36 of each class,
          drawn with seed `DIGITS_SEED`, are the test set (360), the other 1,437 the training set
        - ``"yinyang"``: 5,000 training and 1,000 test points of `yinyang`, with the seeds of
          Kriener et al. (`YINYANG_SEEDS`) but another generator, so not their very points
        - ``"cifar10"``, ``"cifar10-16"``: 50,000 training and 10,000 test photographs of 32 x 32,
          and of 16 x 16, red, green and blue (737 and 184 MB of float32)
        - ``"digits16-colour"``: the digits of ``"digits16"``, each in a colour on another one
    progress : bool
        Show a progress bar while downloading, if tqdm is installed.

    Returns
    -------
    Dataset

    Raises
    ------
    ValueError
        If there is no set of that name.
    DatasetUnavailable
        If files are missing and no mirror has them; says what to put where.
    DatasetCorrupt
        If a file in ``$SNNLAB_DATA`` is not what it should be.
    """
    _check.text("name", name)
    if name == "yinyang":
        return load_yinyang()
    if name == "digits16":
        return _load_digits()
    if name == "digits16-colour":
        return _load_coloured_digits()
    if _check.one_of("name", name, NAMES) in _COLOURED:
        return _load_cifar(name, progress)
    key, crop, size = _IMAGES[name]
    arrays, kind = fetch.arrays_of(key, progress), fetch.FILE_SETS[key]
    return _image_dataset(name, kind.class_names, kind.source, kind.licence, arrays, crop, size)


def load_default(name: str = "mnist16") -> Dataset:
    """Load 16 x 16 MNIST, or the digits if it is not to be had; print which, in one sentence.

    Before anything is downloaded, it is said what is tried. What has failed is not tried again
    until Python (a notebook's kernel) restarts.

    Parameters
    ----------
    name : {"mnist16", "cifar10-16"}
        What is wanted. CIFAR-10's stand-in are the digits in colour.

    Returns
    -------
    Dataset
        The set, or ``digits16`` or ``digits16-colour``.

    Raises
    ------
    ValueError
        If there is no stand-in for such a set.
    DatasetCorrupt
        If a file in ``$SNNLAB_DATA`` is not what it should be.
    """
    key, title, origin, stand_in = _DEFAULTS[_check.one_of("name", name, tuple(_DEFAULTS))]
    if not fetch.is_here(key) and not fetch.has_failed(key):
        print(
            f"{title} is not on this machine: looking for it at "
            f"{', '.join(fetch.hosts(key))} (a few seconds if there is no network) ...",
            flush=True,
        )
    try:
        data = load(name)
        print(f"Using {title} at 16 x 16 pixels, {origin}.")
    except DatasetUnavailable:
        data = load(stand_in)
        how = " in colour" if stand_in.endswith("colour") else ""
        print(
            f"Using scikit-learn's digits{how} at 16 x 16 pixels, because {title} is neither on "
            "this machine nor could it be downloaded: the numbers you will see are not the paper's."
        )
    return data


# Name: image set, what it is called, where it stands, its stand-in.
_DEFAULTS = {
    "mnist16": ("mnist", "MNIST", "the data set of the paper", "digits16"),
    "cifar10-16": ("cifar10", "CIFAR-10", "photographs in ten classes", "digits16-colour"),
}


def _load_digits():
    """Split and scale up scikit-learn's digits."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)  # 16 grey levels above 0
    labels = digits.target.astype(np.uint8)
    rng = np.random.default_rng(DIGITS_SEED)
    test = np.zeros(len(labels), bool)
    for label in range(10):
        test[rng.choice(np.flatnonzero(labels == label), 36, replace=False)] = True
    return _image_dataset(
        "digits16",
        tuple("0123456789"),
        "E. Alpaydin, C. Kaynak, Optical recognition of handwritten digits, UCI Machine Learning "
        "Repository, 1998 (its test part, as distributed with scikit-learn)",
        "CC BY 4.0",
        (images[~test], labels[~test], images[test], labels[test]),
        crop=0,
        size=16,
    )


def _load_coloured_digits():
    """The digits, each in a colour of its own on a ground of another."""
    digits = _load_digits()
    rng = np.random.default_rng(DIGITS_SEED)
    parts = []
    for x in (digits.x_train, digits.x_test):
        colours = rng.random((2, len(x), 1, COLOURS))
        for _ in range(50):  # pairs that are too alike are drawn again
            alike = np.abs(np.diff(colours, axis=0)).mean(axis=(0, 2, 3)) < CONTRAST
            colours[:, alike] = rng.random((2, np.count_nonzero(alike), 1, COLOURS))
        ground, ink = colours
        image = ground + (ink - ground) * x[:, :, None]
        parts.append(np.rint(255 * image).astype(np.uint8).reshape(len(x), 16, 16, COLOURS))
    labels = digits.y_train, digits.y_test
    about = digits.class_names, f"{digits.source}; coloured here", digits.licence
    return _colour_dataset("digits16-colour", parts, labels, about)


def _load_cifar(name, progress):
    """CIFAR-10 as it is, or means of 2 x 2 pixels."""
    kind = fetch.FILE_SETS["cifar10"]
    *parts, test = fetch.arrays_of("cifar10", progress)
    parts, labels = [np.concatenate(parts), test], []
    for k, records in enumerate(parts):
        labels.append(records[:, 0].astype(np.int64))
        planes = records[:, 1:].reshape(-1, COLOURS, SIDE, SIDE)
        parts[k] = np.ascontiguousarray(planes.transpose(0, 2, 3, 1))
        if name == "cifar10-16":
            halves = parts[k].reshape(-1, SIDE // 2, 2, SIDE // 2, 2, COLOURS)
            total = halves.sum(axis=(2, 4), dtype=np.uint16)
            parts[k] = ((total + 2) // 4).astype(np.uint8)
    return _colour_dataset(name, parts, labels, (kind.class_names, kind.source, kind.licence))


def _colour_dataset(name, parts, labels, about):
    """A set of colour images, from uint8 (n, y, x, colour), training and test, and labels."""
    class_names, source, licence = about
    x_train, x_test = (np.divide(p.reshape(len(p), -1), 255, dtype=np.float32) for p in parts)
    return Dataset(
        name=name,
        x_train=x_train,
        y_train=labels[0],
        x_test=x_test,
        y_test=labels[1],
        image_shape=parts[0].shape[1:],
        n_classes=len(class_names),
        class_names=class_names,
        source=source,
        licence=licence,
        source_train=parts[0],
    )


def _image_dataset(name, class_names, source, licence, arrays, crop, size):
    """Crop, scale and flatten uint8 images; ``arrays`` is (train, labels, test, labels)."""
    train, train_labels, test, test_labels = arrays
    if crop:
        train, test = (part[:, crop:-crop, crop:-crop] for part in (train, test))
    # Fresh and writable: an array over a bytes object is neither, and compiles anew in numba.
    train, test = np.array(train, order="C"), np.array(test, order="C")
    x_train, x_test = (
        np.divide(part.reshape(len(part), -1), 255, dtype=np.float32)
        if size is None
        else augment.resample(part, np.arange(len(part)), size)
        for part in (train, test)
    )
    return Dataset(
        name=name,
        x_train=x_train,
        y_train=train_labels.astype(np.int64),
        x_test=x_test,
        y_test=test_labels.astype(np.int64),
        image_shape=train.shape[1:] if size is None else (size, size),
        n_classes=len(class_names),
        class_names=class_names,
        source=source,
        licence=licence,
        source_train=train,
    )
