"""All numba kernels: arrays in, ``out`` arrays filled; nothing is checked or allocated in loops."""
