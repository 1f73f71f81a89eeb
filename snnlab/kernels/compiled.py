"""How kernels are compiled: decorators.

``kernel`` is for what Python calls. ``inner`` is for functions that only kernels call: without a
way in from Python they compile in a third less time; uncompiled Python must not call them.
``part`` is for pieces of a kernel that are compiled as if they were written out in it.

A division needs no test for zero (``error_model``), which would keep loops scalar.
"""

from numba import njit

kernel = njit(cache=True, nogil=True, error_model="numpy", no_cfunc_wrapper=True)
inner = njit(
    cache=True, nogil=True, error_model="numpy", no_cfunc_wrapper=True, no_cpython_wrapper=True
)
part = njit(cache=True, nogil=True, error_model="numpy", inline="always")
