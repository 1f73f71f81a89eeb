"""Memory: arrays on cache lines, layers padded to whole tiles, and scratch that is used again."""

import math
import mmap
from collections import deque

import numpy as np

from snnlab.kernels.vector import NARROW

__all__ = ["Workspace"]

HUGE = 2**22  # bytes of an array from which on NumPy asks for pages of 2 MB
LINE = 64  # bytes of a cache line, and units that every processor's tiles divide


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
