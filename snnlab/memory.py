"""Memory: arrays on cache lines, layers padded to whole tiles, and scratch that is used again.

And how much of it is free, which is asked before much is taken.
"""

import math
import mmap
import os
from collections import deque
from pathlib import Path

import numpy as np

from snnlab.kernels.vector import NARROW

__all__ = ["Workspace"]

HUGE = 2**22  # bytes of an array from which on NumPy asks for pages of 2 MB
LINE = 64  # bytes of a cache line, and units that every processor's tiles divide
LOOK = 2**28  # bytes from which on it is worth looking how much is free
MEMINFO = Path("/proc/meminfo")
GROUPS = (  # limits of a container: the limit, and what is used of it
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (
        Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
        Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ),
)


def available():
    """Bytes that can be allocated here; None where the system does not tell.

    On Linux what is free without swapping, also within a container's limit; elsewhere all that
    there is.
    """
    found = []
    try:
        lines = dict(line.split(":", 1) for line in MEMINFO.read_text().splitlines())
        found.append(int(lines["MemAvailable"].split()[0]) * 1024)
    except (OSError, KeyError, ValueError):
        if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
            found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for limit, used in GROUPS:
        try:
            most = int(limit.read_text())  # "max" is no number
            found.append(max(0, most - int(used.read_text()) + _given_back(used.parent)))
        except (OSError, ValueError):
            continue
    return min(found, default=None)


def _given_back(folder):
    """Bytes of files in a container's memory, which are given back when they are needed."""
    lines = (folder / "memory.stat").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.split()[0] == "inactive_file")


def short_of(need):
    """How many bytes are free, if those are too few; None if not, or if the system does not tell.

    Few are not looked at.
    """
    free = available() if need >= LOOK else None
    return None if free is None or need <= free else free


def giga(n):
    """Bytes in words."""
    return f"{np.format_float_positional(n / 1e9, 3, unique=False, fractional=False, trim='-')} GB"


def padded_width(n):
    """Units a layer of n is stored with: whole tiles of `snnlab.kernels.vector`, on any processor.

    The added units have weight and gain zero: they never spike, and their gradient is zero.
    """
    return NARROW if n <= NARROW else -(-n // LINE) * LINE


def aligned(shape, dtype):
    """Zeros that begin on a cache line, so that rows of padded layers never straddle two."""
    size = int(np.prod(shape, dtype=object)) * np.dtype(dtype).itemsize
    raw = np.zeros(size + LINE, np.uint8)
    offset = -raw.ctypes.data % LINE
    return raw[offset : offset + size].view(dtype).reshape(shape)


def untouched(size):
    """So many int32, of which only what is written takes memory, in pages of the usual size.

    For lists with room for whatever may happen. NumPy asks for pages of 2 MB for arrays of more
    than 4 MB: a sample whose list has room for as much would take all of it with its first spike.
    """
    if not hasattr(mmap, "MADV_NOHUGEPAGE") or 4 * size < HUGE:
        return np.empty(size, np.int32)
    pages = mmap.mmap(-1, 4 * size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    pages.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(pages, np.int32)


def rows_of(x):
    """What each sample has as a row, (sample, all else); of no samples, too."""
    return x.reshape(len(x), math.prod(x.shape[1:]))


def pad_units(x, width, out=None):
    """``x`` with its last axis filled up with zeros to ``width``, in ``out`` or on cache lines."""
    out = aligned((*x.shape[:-1], width), x.dtype) if out is None else out
    out[..., : x.shape[-1]] = x
    return out


class Workspace:
    """Scratch of one run, by name.

    What is asked for by the same name, shape and type again is the same memory, with what was left
    in it (zeros at first): each name has one use.
    """

    def __init__(self):
        self._arrays = {}

    def array(self, name, shape, dtype):
        """An array of this shape; its content is what its last user left."""
        known = self._arrays.get(name)
        if known is None or known.shape != shape or known.dtype != dtype:
            known = self._arrays[name] = aligned(shape, dtype)
        return known

    def flat(self, name, size, dtype):
        """So many numbers of memory that grows as it must: for several users, one after another."""
        return self._grown(name, size, dtype, lambda: aligned((size,), dtype))

    def events(self, name, size):
        """As `flat`, so many int32 of `untouched` memory."""
        return self._grown(name, size, np.int32, lambda: untouched(size))

    def _grown(self, name, size, dtype, make):
        known = self._arrays.get(name)
        if known is None or known.size < size or known.dtype != dtype:
            known = self._arrays[name] = make()
        return known[:size]

    def padded(self, name, x, width):
        """`pad_units` into memory of this name."""
        return pad_units(x, width, self.array(name, (*x.shape[:-1], width), x.dtype))


class Workspaces:
    """Those of a network: a run borrows one, so that several may run at once, each in its own."""

    def __init__(self):
        self._free = deque(maxlen=4)  # appending and taking are safe among threads

    def borrow(self):
        """A workspace that nobody else uses meanwhile, for a ``with``."""
        return _Loan(self._free)


class _Loan:
    """A context: after an error a workspace's content is doubtful, and it is not given back."""

    def __init__(self, free):
        self.free = free

    def __enter__(self):
        try:
            self.workspace = self.free.pop()
        except IndexError:
            self.workspace = Workspace()
        return self.workspace

    def __exit__(self, kind, *error):
        if kind is None:
            self.free.append(self.workspace)
