"""Finding, downloading and checking the files of image sets, and of recordings.

They are looked for in ``$SNNLAB_DATA``, then in the user cache (``$SNNLAB_CACHE`` or the platform's
folder for caches), then downloaded from a list of mirrors. Their content is checked first, wherever
they come from (`snnlab.datasets.files`).
"""

import contextlib
import io
import os
import textwrap
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from snnlab import _check
from snnlab._files import write_atomically
from snnlab.datasets import archives
from snnlab.datasets.dataset import DatasetCorrupt, DatasetUnavailable
from snnlab.datasets.files import (
    SLACK,
    BadContent,
    CifarFile,
    IdxFile,
    PackedFile,
    members,
    read,
)

TIMEOUT = 10.0  # seconds a mirror may be silent
PATIENCE = 6.0  # seconds that all mirrors together may take until one says something
SLOWEST = 50_000  # bytes per second that a download must bring on the whole

_failed = {}  # of this process: what could not be downloaded, and why; it is not tried again


class FileSet(NamedTuple):
    """Where files come from and what they hold."""

    folder: str
    # training images and labels, test images and labels; or parts of CIFAR-10, the test set last;
    # or packed recordings
    files: tuple[IdxFile, ...] | tuple[CifarFile, ...] | tuple[PackedFile, ...]
    mirrors: tuple[str, ...]
    class_names: tuple[str, ...]
    source: str
    licence: str
    archive: str | None = None  # what mirrors have instead of the files: a tar archive of them
    unpack: Callable = members  # makes contents by file of an archive's content, and the files
    archive_bytes: int | None = None  # how large it may be, where that does not follow from them
    without: str = "load('digits16') or load('yinyang')"  # what needs no files


def _files(*digests):
    """The four files of a set that is made as MNIST is."""
    return tuple(IdxFile(*file, sha256) for file, sha256 in zip(_FILES, digests, strict=True))


_FILES = (
    ("train-images-idx3-ubyte", (60000, 28, 28)),
    ("train-labels-idx1-ubyte", (60000,)),
    ("t10k-images-idx3-ubyte", (10000, 28, 28)),
    ("t10k-labels-idx1-ubyte", (10000,)),
)
FILE_SETS = {
    "mnist": FileSet(
        folder="mnist",
        files=_files(
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
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
    "fashion": FileSet(
        folder="fashion-mnist",
        files=_files(
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
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
    "cifar10": FileSet(
        folder="cifar10",
        files=tuple(
            CifarFile(name, 10_000, sha256)
            for name, sha256 in {
                "data_batch_1.bin": (
                    "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5"
                ),
                "data_batch_2.bin": (
                    "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed"
                ),
                "data_batch_3.bin": (
                    "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67"
                ),
                "data_batch_4.bin": (
                    "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48"
                ),
                "data_batch_5.bin": (
                    "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add"
                ),
                "test_batch.bin": (
                    "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b"
                ),
            }.items()
        ),
        mirrors=("https://www.cs.toronto.edu/~kriz/",),
        class_names=(
            "airplane",
            "automobile",
            "bird",
            "cat",
            "deer",
            "dog",
            "frog",
            "horse",
            "ship",
            "truck",
        ),
        source=(
            "A. Krizhevsky, Learning multiple layers of features from tiny images, technical "
            "report, University of Toronto, 2009 (CIFAR-10: A. Krizhevsky, V. Nair, G. Hinton)"
        ),
        licence="none stated; its authors ask that the report be cited",
        archive="cifar-10-binary.tar.gz",
    ),
    "spoken-digits": FileSet(
        folder="spoken-digits",
        files=(
            PackedFile(
                "spoken-digits.npz",
                (
                    ("planes", "<u1", (2, 10_498_424)),
                    ("length", "<i4", (3000,)),
                    ("digit", "<u1", (3000,)),
                    ("speaker", "<u1", (3000,)),
                    ("number", "<u1", (3000,)),
                ),
                "ac5b6281f06284dc75bd1e79e82ed70c2473e4940dab53412ab2f8e67b7e4b94",
            ),
        ),
        mirrors=("https://codeload.github.com/Jakobovski/free-spoken-digit-dataset/tar.gz/",),
        class_names=tuple("0123456789"),
        source="Free Spoken Digit Dataset (FSDD), Jakobovski and contributors",
        licence="CC BY-SA 4.0",
        archive="26eb9aaf76e81b692f806f9140c2d2777410d7a1",
        unpack=archives.spoken_digits,
        archive_bytes=100_000_000,
        without="spoken_digits(which='stand-in')",
    ),
    "n-mnist": FileSet(
        folder="n-mnist-small",
        files=tuple(
            PackedFile(
                name,
                (
                    *((key, "<u1", (n_events,)) for key in "xyp"),
                    ("t", "<i4", (n_events,)),
                    ("offsets", "<i8", (n + 1,)),
                    ("label", "<u1", (n,)),
                ),
                sha256,
            )
            for name, n, n_events, sha256 in (
                (
                    "train.npz",
                    1000,
                    4_133_231,
                    "bb528d2afe0c613de7eadf7c6b293c0f7d956992fc3949c856900b71ccae25e5",
                ),
                (
                    "test.npz",
                    100,
                    385_596,
                    "d5caa3ea2562e3e240d3b08ebd88a2573ea8d21e64c2d673aee9619a3b17996c",
                ),
            )
        ),
        mirrors=("https://codeload.github.com/bamsumit/slayerPytorch/tar.gz/",),
        class_names=tuple("0123456789"),
        source=(
            "G. Orchard, A. Jayawant, G. K. Cohen, N. Thakor, Converting static image datasets to "
            "spiking neuromorphic datasets using saccades, Frontiers in Neuroscience 9:437, 2015 "
            "(N-MNIST; here the recordings of the first 1,000 training and 100 test digits, as "
            "among the tests of SLAYER)"
        ),
        licence="CC BY-SA 4.0",
        archive="01beeeb6a181546d6c6830382ce6086bfc587836",
        unpack=archives.n_mnist,
        archive_bytes=100_000_000,
        without="n_mnist(which='stand-in')",
    ),
}


def arrays_of(key, progress):
    """Get the arrays of a set's files, from this machine or from a mirror.

    Parameters
    ----------
    key : str
        Of `FILE_SETS`.
    progress : bool
        Show a progress bar while downloading, if tqdm is installed.

    Returns
    -------
    tuple
        One entry per file. Of images, arrays of uint8: training images and labels, test images and
        labels, or records of CIFAR-10. Of recordings, a dict of arrays by key.

    Raises
    ------
    DatasetUnavailable, DatasetCorrupt
    """
    file_set = FILE_SETS[key]
    cache = cache_folder() / file_set.folder
    arrays = {file: find(file_set, file, cache) for file in file_set.files}
    missing = [file for file in file_set.files if arrays[file] is None]
    for file in missing:
        arrays[file] = find(file_set, file, cache)  # an archive may have brought it meanwhile
        if arrays[file] is not None:
            continue
        known = _failed.get((file_set.mirrors, cache, file.name))
        if known is None:
            arrays[file], failures = _download(file_set, file, cache, progress)
        else:
            failures = [f"{why} (not tried again until Python restarts)" for why in known]
        if arrays[file] is None:  # what one file cannot have, the next would wait for in vain
            _failed.setdefault((file_set.mirrors, cache, file.name), failures)
            still = [file for file in missing if arrays[file] is None]
            raise DatasetUnavailable(_what_to_do(key, file_set, still, cache, failures))
    return tuple(arrays.values())


def find(file_set, file, cache):
    """Look for a file on this machine; None if it is not here."""
    own = _own_folder()
    for folder in (own / file_set.folder, own) if own else ():
        for path in file.places(folder):
            try:
                return read(path, file)
            except FileNotFoundError:
                continue
            except BadContent as error:
                if folder == own and error.digest in _digests_of_others(file_set):
                    continue  # the sets share their file names: this one is not ours
                raise DatasetCorrupt(f"{path} (in $SNNLAB_DATA) {error}") from None
    for path in file.places(cache):
        try:
            return read(path, file)
        except FileNotFoundError:
            continue
        except BadContent as error:
            warnings.warn(f"{path} {error}; it is removed from the cache", stacklevel=4)
            with contextlib.suppress(OSError):  # where nothing can be removed, it is passed over
                path.unlink(missing_ok=True)
    return None


def is_here(key):
    """Whether all files of a set are on this machine; unchecked."""
    file_set, own = FILE_SETS[key], _own_folder()
    folders = [own / file_set.folder, own] if own else []
    folders.append(cache_folder() / file_set.folder)
    return all(
        any(path.is_file() for folder in folders for path in file.places(folder))
        for file in file_set.files
    )


def has_failed(key):
    """Whether a download of a set has failed in this process, and is not tried again."""
    file_set, cache = FILE_SETS[key], cache_folder() / FILE_SETS[key].folder
    return any((file_set.mirrors, cache, file.name) in _failed for file in file_set.files)


def hosts(key):
    """From where a set is downloaded: names of servers."""
    return [urlsplit(mirror).hostname or mirror for mirror in FILE_SETS[key].mirrors]


def _digests_of_others(file_set):
    """Return the SHA-256 of every file of the other sets."""
    others = [other for other in FILE_SETS.values() if other != file_set]
    return {file.sha256 for other in others for file in other.files}


def _own_folder():
    """The folder that $SNNLAB_DATA names, "~" being the home folder; None if it names none."""
    own = os.environ.get("SNNLAB_DATA")
    return _check.path("SNNLAB_DATA", own) if own else None


def cache_folder():
    """Find the folder that downloads are kept in."""
    if own := os.environ.get("SNNLAB_CACHE"):
        return _check.path("SNNLAB_CACHE", own)
    try:
        import pooch
    except ImportError:
        return Path.home() / ".cache" / "snnlab"
    return Path(pooch.os_cache("snnlab"))


class _Bounded(io.BytesIO):
    """A buffer that refuses to grow beyond ``limit`` bytes."""

    def __init__(self, limit):
        super().__init__()
        self.limit, self.abandoned = limit, False

    def write(self, chunk):
        if self.abandoned:
            raise TimeoutError("nobody waits for this any more")
        if self.tell() + len(chunk) > self.limit:
            raise BadContent(f"is too large: more than {self.limit:,} bytes")
        return super().write(chunk)


def _download(file_set, file, cache, progress):
    """Try one mirror after the other; return the array or None, and what failed where."""
    failures, patience, archive = [], PATIENCE, file_set.archive
    brought, size = archive or f"{file.name}.gz", file.n_bytes
    if archive:
        size = file_set.archive_bytes or sum(part.n_bytes for part in file_set.files)
    for mirror in file_set.mirrors:
        buffer, began = _Bounded(size + SLACK), time.monotonic()
        try:
            _get(f"{mirror}{brought}", buffer, progress, patience)
            contents = {file: buffer.getvalue()}
            if archive:
                contents = file_set.unpack(contents[file], file_set.files)
            array = file.unpack(contents[file])
        except ImportError:
            return None, ["pooch is not installed: pip install 'snnlab[data]'"]
        except BadContent as error:
            failures.append(f"{mirror}: {brought} {error}")
        except Exception as error:  # a header that is none ends in a ValueError, and others do
            cause = str(error).rpartition("Caused by ")[2]  # requests nests its reasons
            reason = textwrap.shorten(cause, 240, placeholder=" ...")
            failures.append(f"{mirror}: {type(error).__name__}: {reason}")
            patience = max(1.0, patience - (time.monotonic() - began))
        else:
            for part, content in contents.items():
                # A server may have undone the gzip wrapping on the way.
                suffix = ".gz" if content[:2] == b"\x1f\x8b" else ""
                keep(cache / f"{part.name}{suffix}", content)
            return array, failures
    return None, failures


def _get(url, buffer, progress, patience):
    """Download ``url`` into ``buffer``; the bar goes to stderr and vanishes at the end.

    Raises TimeoutError if nothing comes for ``patience`` seconds, or if it comes too slowly.
    """
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
        downloader = pooch.HTTPDownloader(progressbar=bar, chunk_size=1 << 12, timeout=TIMEOUT)
        _within_time(lambda: downloader(url, buffer, None), buffer, patience)
    finally:
        buffer.abandoned = True
        if bar is not False:
            bar.close()


def _within_time(work, buffer, patience):
    """Do some work that fills a buffer, in a thread, which is left alone if it takes too long.

    (A byte now and then would hold off every limit on a server's silence, a look-up of its name has
    none.)
    """
    faults, began = [], time.monotonic()
    longest = TIMEOUT + buffer.limit / SLOWEST

    def run():
        try:
            work()
        except BaseException as fault:  # raised where it is waited for
            faults.append(fault)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(0.05)
        waited = time.monotonic() - began
        if thread.is_alive() and waited > (longest if buffer.tell() else patience):
            what = f"{buffer.tell():,} bytes" if buffer.tell() else "nothing"
            raise TimeoutError(f"{what} came in {waited:.1f} s")
    if faults:
        fault = faults.pop()
        try:
            raise fault
        finally:
            del fault  # or it would hold itself, and with it the connection


def keep(path, content):
    """Write a checked file to the cache: whole or not at all, whoever else is writing it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, lambda file: file.write(content))
    except OSError as error:  # the content is good all the same
        warnings.warn(f"{path} could not be kept for the next time: {error}", stacklevel=5)


def _what_to_do(key, file_set, missing, cache, failures):
    """Write the one message for missing files: which, where looked for, what failed, what to do."""
    own = _own_folder()
    places = f"{own / file_set.folder} and {own} ($SNNLAB_DATA)" if own else "not set"
    lines = [
        f"The data set {key} is not on this machine and could not be downloaded.",
        "Missing files, each gzipped (.gz) or not:",
        *(f"  {file.places(Path())[0]}" for file in missing),
        *((f"(all of them are in {file_set.archive})",) if file_set.archive else ()),
        "Looked for in:",
        f"  $SNNLAB_DATA: {places}",
        f"  the cache: {cache}",
        "Download failed:",
        *(f"  {failure}" for failure in failures),
        f"What to do: get the files from any copy of {key} (they are checked) and put them into",
        f"  {cache}",
        f"or into a folder of your choice, within it in {file_set.folder}/, and set the variable",
        f"SNNLAB_DATA to that folder. Without any files: {file_set.without}.",
    ]
    return "\n".join(lines)
