"""Files that are written whole or not at all."""

import os
import secrets
from pathlib import Path

import numpy as np


def write_atomically(path, write):
    """Call ``write(file)`` on a temporary file beside ``path``, then put it in place.

    Readers see the old file or the new one, never a part; if ``write`` fails, the old one stays.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        with open(temporary, "xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


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
    with open(path, "rb") as file:
        try:
            with np.load(file, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}
        except Exception as fault:  # damage shows in many ways: zip, zlib, header, encoding
            message = f"{path} is not a whole .npz file of plain arrays: {fault}"
            raise ValueError(message) from fault
