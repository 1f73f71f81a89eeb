"""Data sets: MNIST and Fashion-MNIST at 16 x 16, scikit-learn's digits, Yin-Yang.

The images of a set are looked for in ``$SNNLAB_DATA``, then in the user cache (``$SNNLAB_CACHE``
or the platform's folder for caches), then downloaded from a list of mirrors. Wherever they come
from, the SHA-256 of the un-gzipped content is checked first: the gzip wrapping differs between
mirrors, the content does not.

16 x 16 images are made as in Cramer et al. (PNAS 119, e2109194119, 2022): MNIST is cropped by two
pixels on every side, then both sets are scaled with a cubic spline and rounded to uint8 levels.
"""

import gzip
import hashlib
import io
import math
import os
import textwrap
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from snnlab._files import write_atomically
from snnlab.datasets import augment

NAMES = ("mnist16", "fashion16", "mnist", "fashion", "digits16", "yinyang")
TIMEOUT = 10.0  # seconds a mirror may be silent
DIGITS_SEED = 0  # of the split of the digits
YINYANG_SEEDS = {"train": 42, "validation": 41, "test": 40}  # Kriener et al.'s; another generator
GZIP_SLACK = 1 << 16  # bytes by which a gzipped file may exceed its content


class DatasetUnavailable(OSError):
    """A data set is neither on this machine nor to be had from a mirror."""


class DatasetCorrupt(ValueError):
    """A file is not the one it should be."""


class _BadContent(ValueError):
    """Why some bytes are refused; ``digest`` is set if they are a good IDX file, but another."""

    def __init__(self, reason, digest=None):
        super().__init__(reason)
        self.digest = digest


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
    image_shape : (int, int) or None
        Rows and columns of an image; None if the samples are not images.
    n_classes : int
        Number of classes.
    class_names : tuple of str
        One name per class.
    source : str
        What to cite.
    licence : str
        Terms of the data.
    source_train : (n, h, w) uint8 or None
        Training images (cropped) before scaling, for `snnlab.augment.resample`.

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
    image_shape: tuple[int, int] | None
    n_classes: int
    class_names: tuple[str, ...]
    source: str
    licence: str
    source_train: np.ndarray | None = None

    def __post_init__(self):
        """Check that the fields fit together."""
        for split in ("train", "test"):
            x, y = getattr(self, f"x_{split}"), getattr(self, f"y_{split}")
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
        if self.source_train is not None and len(self.source_train) != len(self.x_train):
            raise ValueError("source_train and x_train differ in length")

    def __repr__(self):
        """Say name, sizes, shape and licence."""
        shape = self.image_shape or (self.x_train.shape[1],)
        return (
            f"Dataset {self.name}: {len(self.x_train):,} training and {len(self.x_test):,} test "
            f"samples of {' x '.join(map(str, shape))} inputs, {self.n_classes} classes; "
            f"licence: {self.licence}"
        )


class _IdxFile(NamedTuple):
    """A file of bytes in IDX format: its shape and the SHA-256 of its un-gzipped content."""

    name: str
    shape: tuple[int, ...]
    sha256: str

    @property
    def n_bytes(self):
        return 4 + 4 * len(self.shape) + math.prod(self.shape)


class _ImageSet(NamedTuple):
    """Where four IDX files come from and what they hold."""

    folder: str
    files: tuple[_IdxFile, ...]  # training images and labels, test images and labels
    mirrors: tuple[str, ...]
    class_names: tuple[str, ...]
    source: str
    licence: str


_SETS = {
    "mnist": _ImageSet(
        folder="mnist",
        files=(
            _IdxFile(
                "train-images-idx3-ubyte",
                (60000, 28, 28),
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            ),
            _IdxFile(
                "train-labels-idx1-ubyte",
                (60000,),
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            ),
            _IdxFile(
                "t10k-images-idx3-ubyte",
                (10000, 28, 28),
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            ),
            _IdxFile(
                "t10k-labels-idx1-ubyte",
                (10000,),
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            ),
        ),
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
            "https://raw.githubusercontent.com/fgnt/mnist/master/",
        ),
        class_names=tuple("0123456789"),
        source=(
            "Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, Gradient-based learning applied to "
            "document recognition, Proc. IEEE 86(11), 2278-2324, 1998 (the MNIST database of "
            "handwritten digits: Y. LeCun, C. Cortes, C. J. C. Burges)"
        ),
        licence="CC BY-SA 3.0 (as usually given)",
    ),
    "fashion": _ImageSet(
        folder="fashion-mnist",
        files=(
            _IdxFile(
                "train-images-idx3-ubyte",
                (60000, 28, 28),
                "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            ),
            _IdxFile(
                "train-labels-idx1-ubyte",
                (60000,),
                "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            ),
            _IdxFile(
                "t10k-images-idx3-ubyte",
                (10000, 28, 28),
                "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            ),
            _IdxFile(
                "t10k-labels-idx1-ubyte",
                (10000,),
                "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
            ),
        ),
        mirrors=(
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        ),
        class_names=(
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
        source=(
            "H. Xiao, K. Rasul, R. Vollgraf, Fashion-MNIST: a novel image dataset for "
            "benchmarking machine learning algorithms, arXiv:1708.07747, 2017"
        ),
        licence="MIT, Copyright (c) 2017 Zalando SE",
    ),
}

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
    if name == "yinyang":
        return _load_yinyang()
    if name == "digits16":
        return _load_digits()
    if name not in _IMAGES:
        raise ValueError(f"name must be one of {', '.join(NAMES)}, not {name!r}")
    key, crop, size = _IMAGES[name]
    image_set = _SETS[key]
    arrays = _arrays(key, image_set, progress)
    return _image_dataset(
        name, image_set.class_names, image_set.source, image_set.licence, arrays, crop, size
    )


def load_default():
    """Load 16 x 16 MNIST, or the digits if it is not to be had; print which, in one sentence.

    Returns
    -------
    Dataset
        ``mnist16`` or ``digits16``.

    Raises
    ------
    DatasetCorrupt
        If a file in ``$SNNLAB_DATA`` is not what it should be.
    """
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


def yinyang(n, rng, r_small=0.1, r_big=0.5):
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
    if not isinstance(n, int | np.integer) or isinstance(n, bool):
        raise TypeError(f"n must be an integer, not {n!r}")
    if n < 0:
        raise ValueError(f"n must not be negative, not {n}")
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a numpy.random.Generator, not {type(rng).__name__}")
    if not 0 < r_big <= 0.5:
        raise ValueError(f"r_big must be above 0 and at most 0.5, not {r_big!r}")
    if not 0.01 * r_big <= r_small < 0.5 * r_big:
        raise ValueError(f"r_small must be from 0.01 r_big to below 0.5 r_big, not {r_small!r}")
    y = rng.integers(3, size=n)
    points = np.empty((n, 2), np.float32)
    for label in range(3):
        wanted = np.flatnonzero(y == label)
        while wanted.size:
            drawn = rng.random((4096, 2), dtype=np.float32) * np.float32(2 * r_big)
            drawn = drawn[_yinyang_class(drawn, r_small, r_big) == label][: wanted.size]
            points[wanted[: len(drawn)]] = drawn
            wanted = wanted[len(drawn) :]
    return np.hstack([points, 1 - points]), y


def _yinyang_class(points, r_small, r_big):
    """Class of each point, (n,) int64; -1 outside the circle."""
    x, y = points.T.astype(np.float64)
    to_left = np.hypot(x - 0.5 * r_big, y - r_big)
    to_right = np.hypot(x - 1.5 * r_big, y - r_big)
    # The left head belongs to yang, the right one to yin; elsewhere the horizontal line decides.
    yang = (to_left <= 0.5 * r_big) | ((y > r_big) & (to_right > 0.5 * r_big))
    label = yang.astype(np.int64)
    label[np.minimum(to_left, to_right) < r_small] = 2
    label[np.hypot(x - r_big, y - r_big) > r_big] = -1
    return label


def _load_yinyang():
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


def _arrays(key, image_set, progress):
    """Get the four arrays of an image set, from this machine or from a mirror."""
    cache = _cache_folder() / image_set.folder
    arrays = {file: _find(image_set, file, cache) for file in image_set.files}
    missing = [file for file in image_set.files if arrays[file] is None]
    for file in missing:
        arrays[file], failures = _download(image_set, file, cache, progress)
        if arrays[file] is None:  # what one file cannot have, the next would wait for in vain
            still = [file for file in missing if arrays[file] is None]
            raise DatasetUnavailable(_what_to_do(key, image_set, still, cache, failures))
    return tuple(arrays.values())


def _find(image_set, file, cache):
    """Look for a file on this machine; None if it is not here."""
    own = os.environ.get("SNNLAB_DATA")
    for folder in (Path(own) / image_set.folder, Path(own)) if own else ():
        for path in (folder / f"{file.name}.gz", folder / file.name):
            try:
                return _read(path, file)
            except FileNotFoundError:
                continue
            except _BadContent as error:
                if folder == Path(own) and error.digest in _digests_of_others(image_set):
                    continue  # the sets share their file names: this one is not ours
                raise DatasetCorrupt(f"{path} (in $SNNLAB_DATA) {error}") from None
    for path in (cache / f"{file.name}.gz", cache / file.name):
        try:
            return _read(path, file)
        except FileNotFoundError:
            continue
        except _BadContent as error:
            warnings.warn(f"{path} {error}; it is removed from the cache", stacklevel=4)
            path.unlink(missing_ok=True)
    return None


def _digests_of_others(image_set):
    """Return the SHA-256 of every file of the other image sets."""
    return {file.sha256 for other in _SETS.values() if other != image_set for file in other.files}


def _read(path, file):
    """Read and check a file on this machine; FileNotFoundError, _BadContent."""
    if not path.is_file():
        raise FileNotFoundError(path)
    limit = file.n_bytes + GZIP_SLACK
    with open(path, "rb") as stream:
        content = stream.read(limit + 1)
    if len(content) > limit:
        raise _BadContent(f"is too large: more than {limit:,} bytes")
    return _unpack(content, file)


def _unpack(content, file):
    """Return the array in a file's content, gzipped or not; _BadContent if anything is wrong."""
    if content[:2] == b"\x1f\x8b":
        try:
            with gzip.open(io.BytesIO(content)) as stream:
                # One byte more than expected: tells a longer file without unpacking all of it.
                content = stream.read(file.n_bytes + 1)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise _BadContent(f"is a damaged gzip file: {error}") from None
    n_axes = len(file.shape)
    if content[:4] != bytes([0, 0, 8, n_axes]):  # 8: unsigned bytes
        raise _BadContent(f"is not an IDX file of bytes with {n_axes} axes")
    start = 4 + 4 * n_axes
    if len(content) < start:
        raise _BadContent("is truncated within its header")
    shape = tuple(np.frombuffer(content, ">u4", n_axes, 4).tolist())
    if shape != file.shape:
        raise _BadContent(f"holds shape {shape}, not {file.shape}")
    if len(content) != file.n_bytes:
        kind = "truncated" if len(content) < file.n_bytes else "too long"
        raise _BadContent(f"is {kind}: its content should be {file.n_bytes:,} bytes")
    digest = hashlib.sha256(content).hexdigest()
    if digest != file.sha256:
        raise _BadContent(f"has the wrong SHA-256: {digest}, not {file.sha256}", digest)
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _cache_folder():
    """Find the folder that downloads are kept in."""
    if own := os.environ.get("SNNLAB_CACHE"):
        return Path(own)
    try:
        import pooch
    except ImportError:
        return Path.home() / ".cache" / "snnlab"
    return Path(pooch.os_cache("snnlab"))


class _Bounded(io.BytesIO):
    """A buffer that refuses to grow beyond ``limit`` bytes."""

    def __init__(self, limit):
        super().__init__()
        self.limit = limit

    def write(self, chunk):
        if self.tell() + len(chunk) > self.limit:
            raise _BadContent(f"is too large: more than {self.limit:,} bytes")
        return super().write(chunk)


def _download(image_set, file, cache, progress):
    """Try one mirror after the other; return the array or None, and what failed where."""
    failures = []
    for mirror in image_set.mirrors:
        buffer = _Bounded(file.n_bytes + GZIP_SLACK)
        try:
            _get(f"{mirror}{file.name}.gz", buffer, progress)
            content = buffer.getvalue()
            array = _unpack(content, file)
        except ImportError:
            return None, ["pooch is not installed: pip install 'snnlab[data]'"]
        except _BadContent as error:
            failures.append(f"{mirror}: {file.name}.gz {error}")
        except OSError as error:
            cause = str(error).rpartition("Caused by ")[2]  # requests nests its reasons
            reason = textwrap.shorten(cause, 240, placeholder=" ...")
            failures.append(f"{mirror}: {type(error).__name__}: {reason}")
        else:
            # A server may have undone the gzip wrapping on the way.
            suffix = ".gz" if content[:2] == b"\x1f\x8b" else ""
            _keep(cache / f"{file.name}{suffix}", content)
            return array, failures
    return None, failures


def _get(url, buffer, progress):
    """Download ``url`` into ``buffer``; the bar goes to stderr and vanishes at the end."""
    import pooch

    bar = False
    if progress:
        try:
            from tqdm import tqdm
        except ImportError:
            pass
        else:
            label = url.rpartition("/")[2]
            bar = tqdm(
                desc=label, total=buffer.limit, unit="B", unit_scale=True, leave=False, delay=0.5
            )
    try:
        downloader = pooch.HTTPDownloader(progressbar=bar, chunk_size=1 << 16, timeout=TIMEOUT)
        downloader(url, buffer, None)
    finally:
        if bar is not False:
            bar.close()


def _keep(path, content):
    """Write a checked file to the cache: whole or not at all, whoever else is writing it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, lambda file: file.write(content))
    except OSError as error:  # the content is good all the same
        warnings.warn(f"{path} could not be kept for the next time: {error}", stacklevel=5)


def _what_to_do(key, image_set, missing, cache, failures):
    """Write the one message for missing files: which, where looked for, what failed, what to do."""
    own = os.environ.get("SNNLAB_DATA")
    places = f"{Path(own) / image_set.folder} and {own} ($SNNLAB_DATA)" if own else "not set"
    lines = [
        f"The data set {key} is not on this machine and could not be downloaded.",
        "Missing files, each gzipped (.gz) or not:",
        *(f"  {file.name}.gz" for file in missing),
        "Looked for in:",
        f"  $SNNLAB_DATA: {places}",
        f"  the cache: {cache}",
        "Download failed:",
        *(f"  {failure}" for failure in failures),
        f"What to do: get the files from any copy of {key} (they are checked) and put them into",
        f"  {cache}",
        f"or into a folder of your choice, within it in {image_set.folder}/, and set the variable",
        "SNNLAB_DATA to that folder. Without any files: load('digits16') or load('yinyang').",
    ]
    return "\n".join(lines)
