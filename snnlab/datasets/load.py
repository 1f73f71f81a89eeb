"""Data sets by name: MNIST and Fashion-MNIST at 16 x 16, scikit-learn's digits, Yin-Yang.

16 x 16 images are made as in Cramer et al. (PNAS 119, e2109194119, 2022): MNIST is cropped by two
pixels on every side, then both sets are scaled with a cubic spline and rounded to uint8 levels.
"""

import numpy as np

from snnlab import _check
from snnlab.datasets import augment, fetch
from snnlab.datasets.dataset import Dataset, DatasetUnavailable
from snnlab.datasets.yinyang import load_yinyang

NAMES = ("mnist16", "fashion16", "mnist", "fashion", "digits16", "yinyang")
DIGITS_SEED = 0  # of the split of the digits

# Name: image set, pixels cropped on every side, rows and columns of the result (None: as they are).
_IMAGES = {
    "mnist16": ("mnist", 2, 16),
    "fashion16": ("fashion", 0, 16),
    "mnist": ("mnist", 0, None),
    "fashion": ("fashion", 0, None),
}


def load(name, *, progress=True):
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
    _check.one_of("name", name, NAMES)
    key, crop, size = _IMAGES[name]
    arrays, kind = fetch.image_arrays(key, progress), fetch.IMAGE_SETS[key]
    return _image_dataset(name, kind.class_names, kind.source, kind.licence, arrays, crop, size)


def load_default():
    """Load 16 x 16 MNIST, or the digits if it is not to be had; print which, in one sentence.

    Before anything is downloaded, it is said what is tried. What has failed is not tried again
    until Python (a notebook's kernel) restarts.

    Returns
    -------
    Dataset
        ``mnist16`` or ``digits16``.

    Raises
    ------
    DatasetCorrupt
        If a file in ``$SNNLAB_DATA`` is not what it should be.
    """
    if not fetch.is_here("mnist") and not fetch.has_failed("mnist"):
        print(
            "MNIST is not on this machine: looking for it at "
            f"{', '.join(fetch.hosts('mnist'))} (a few seconds if there is no network) ...",
            flush=True,
        )
    try:
        data = load("mnist16")
        print("Using MNIST at 16 x 16 pixels, the data set of the paper.")
    except DatasetUnavailable:
        data = load("digits16")
        print(
            "Using scikit-learn's digits at 16 x 16 pixels, because MNIST is neither on this "
            "machine nor could it be downloaded: the numbers you will see are not the paper's."
        )
    return data


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
