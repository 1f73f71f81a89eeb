"""Files that are written whole or not at all."""

import glob
import os
import secrets
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np

from snnlab import _check

MOST_UNPACKED = 2**26  # bytes of an archive, unless it is almost as large on the disk
MOST_RATIO = 100

# in which a file shows that it does not hold what it should, when that is made of it
DAMAGE = (
    KeyError,
    IndexError,
    TypeError,
    ValueError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    MemoryError,
)


def write_atomically(path, write):
    """Call ``write(file)`` on a temporary file beside ``path``, then put it in place.

    Readers see the old file or the new one, never a part; if ``write`` fails, the old one stays. A
    link stays a link: what it leads to is written.
    """
    path = _check.path("path", path)
    if not path.name:
        raise ValueError(f"path must be that of a file, not {str(path)!r}")
    path = Path(os.path.realpath(path))
    if _is_device(path):
        raise ValueError(f"path must be that of a file, but {path} is a device or a pipe")
    sweep_temporary(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(6)}.tmp")
    try:
        with open(temporary, "xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as fault:
        temporary.unlink(missing_ok=True)
        if isinstance(fault, OSError) and fault.errno and not fault.filename:  # a full disk
            fault.filename = str(path)
        raise


def _is_device(path):
    """Whether a path leads to what is neither a file nor a folder: no file may take its place."""
    return os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)


def check_writable(name, path):
    """Refuse a path where no file can be written, before there is anything to be lost.

    ``name`` is what errors call it.
    """
    folder = Path(path).parent
    if not os.path.isdir(folder):  # Path's own fails where a name is too long
        raise ValueError(f"{name}: there is no folder {folder}")
    if os.path.isdir(path):
        raise ValueError(f"{name} must be a file, but {path} is a folder")
    if _is_device(path):
        raise ValueError(f"{name} must be a file, but {path} is a device or a pipe")
    try:
        descriptor, trial = tempfile.mkstemp(
            prefix=f".{Path(path).name}.", suffix=".tmp", dir=folder
        )
    except OSError as fault:
        raise ValueError(f"{name}: no file can be written in {folder} ({fault.strerror})") from None
    os.close(descriptor)
    os.unlink(trial)


def sweep_temporary(path):
    """Remove temporary files that writers of ``path`` have left beside it when they were killed."""
    path = Path(path)
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.*.tmp"):
        writer = left.name.removeprefix(f".{path.name}.").partition(".")[0]
        try:
            if writer.isdecimal() and not _is_running(int(writer), left.stat().st_mtime):
                left.unlink()
        except OSError:  # somebody else was faster
            continue


def _is_running(process, since):
    """Whether a process may still write to a file that it wrote to at some time."""
    if process == os.getpid():  # another of its threads
        return True
    if os.name == "nt":  # where asking for a process ends it
        return time.time() - since < 3600
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def check_format(header, newest):
    """The format that a file's header states; ValueError if this version is too old to read it."""
    version = _check.integer("format", header["format"], at_least=1)
    if version > newest:
        raise ValueError(f"format {version} is newer than this version reads ({newest})")
    return version


def save_npz(path, arrays):
    """Write named arrays atomically; only plain numbers and strings, never pickles."""
    write_atomically(path, lambda file: np.savez(file, allow_pickle=False, **arrays))


def load_npz(path):
    """Read all arrays of a file written by `save_npz` as a dict.

    Raises
    ------
    ValueError
        If it is not a readable ``.npz`` file, or holds pickled objects.
    """
    path = _check.path("path", path)
    with open(path, "rb") as file:
        try:
            _refuse_bomb(file)
            with np.load(file, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}
        except Exception as fault:  # damage shows in many ways: zip, zlib, header, encoding
            message = f"path {path} is not a whole .npz file of plain arrays: {fault}"
            raise ValueError(message) from fault


def _refuse_bomb(file):
    """Refuse an archive that says it is far larger unpacked than it is on the disk."""
    with zipfile.ZipFile(file) as archive:
        unpacked = sum(part.file_size for part in archive.infolist())
    packed = file.seek(0, os.SEEK_END)
    file.seek(0)
    if unpacked > MOST_UNPACKED and unpacked > MOST_RATIO * packed:
        raise ValueError(f"it would be {unpacked} bytes unpacked, and is {packed}")
