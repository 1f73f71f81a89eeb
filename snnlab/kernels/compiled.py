"""How kernels are compiled: decorators.

``kernel`` is for what Python calls. ``inner`` is for functions that only kernels call: without a
way in from Python they compile in a third less time; uncompiled Python must not call them.
``summing`` is a kernel whose sums may be taken in any order, and so several terms at a time.
``part`` is for pieces of a kernel that are compiled as if they were written out in it.

A division needs no test for zero (``error_model``), which would keep loops scalar. What is compiled
is kept on disk; where no folder can be written to, it is compiled anew in every process.
"""

import os
import warnings

from numba import njit

_told = []  # once is enough


def compiled(**options):
    """A decorator: compiled lazily, without the lock, kept on disk if that can be."""
    options = {"nogil": True, "error_model": "numpy"} | options

    def decorate(function):
        try:
            return njit(cache=True, **options)(function)
        except RuntimeError as fault:
            if "cannot cache" not in str(fault):
                raise
            if not _told:
                _told.append(fault)
                warnings.warn(
                    "snnlab: compiled code cannot be kept, for no folder can be written to "
                    f"(neither {os.path.dirname(__file__)}/__pycache__ nor your cache folder): it "
                    "is compiled anew in every process, which takes a minute. Set the environment "
                    "variable NUMBA_CACHE_DIR to a folder that can be written to",
                    RuntimeWarning,
                    stacklevel=3,
                )
            return njit(**options)(function)

    return decorate


kernel = compiled(no_cfunc_wrapper=True)
summing = compiled(no_cfunc_wrapper=True, fastmath={"reassoc"})
inner = compiled(no_cfunc_wrapper=True, no_cpython_wrapper=True)
part = compiled(inline="always")
