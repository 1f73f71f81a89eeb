"""How kernels are compiled: decorators.

``kernel`` is for what Python calls. ``inner`` is for functions that only kernels call: without a
way in from Python they compile in a third less time; uncompiled Python must not call them.
``summing`` is a kernel whose sums may be taken in any order, and so several terms at a time.
``part`` is for pieces of a kernel that are compiled as if they were written out in it.

A division needs no test for zero (``error_model``), which would keep loops scalar. What is compiled
is kept on disk; where no folder can be written to, it is compiled anew in every process. After an
edit here, ``make clean``.
"""

import os
import warnings

from numba import njit
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import FunctionPass, register_pass
from numba.core.ir import Assign, Var
from numba.core.ir_utils import compute_cfg_from_blocks, replace_vars
from numba.core.untyped_passes import InlineInlinables


@register_pass(mutates_CFG=False, analysis_only=False)
class _WithoutCopies(FunctionPass):
    """Names that only stand for another are taken out.

    A piece that is compiled in has its own names for what it is given. For an array each would
    count as one more user, and one less at the end of the piece: atomically, wherever the piece
    stands, which in a loop over neurons took longer than the neurons. What is named once, and not
    anew in a loop, can be called by its first name everywhere.
    """

    _name = "without_copies"

    def __init__(self):  # numba asks for one
        super().__init__()

    def run_pass(self, state):
        """Rewrite a function's code; returns whether anything was changed."""
        blocks = state.func_ir.blocks
        loops = compute_cfg_from_blocks(blocks)
        assigned = [(k, a) for k, block in blocks.items() for a in block.find_insts(Assign)]
        times = {}
        for _, a in assigned:
            times[a.target.name] = times.get(a.target.name, 0) + 1
        once = [(k, a) for k, a in assigned if times[a.target.name] == 1]
        copies = [(k, a) for k, a in once if isinstance(a.value, Var)]
        own = [(k, a) for k, a in once if not isinstance(a.value, Var)]
        first = {a.target.name: a.target for k, a in own if not loops.in_loops(k)}
        found = -1
        while found < len(first):  # copies of copies
            found = len(first)
            for _, a in copies:
                if a.value.name in first:
                    first[a.target.name] = first[a.value.name]
        gone = [(k, a) for k, a in copies if a.value.name in first]
        for k, a in gone:
            blocks[k].remove(a)
        replace_vars(blocks, {a.target.name: first[a.value.name] for _, a in gone})
        return bool(gone)


class _Compiler(CompilerBase):
    """Numba's usual passes, and the one above once pieces have been compiled in."""

    def define_pipelines(self):
        """The passes."""
        passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes.add_pass_after(_WithoutCopies, InlineInlinables)
        passes.finalize()
        return [passes]


_told = []  # once is enough


def compiled(**options):
    """A decorator: compiled lazily, without the lock, kept on disk if that can be."""
    usual = {"cache": True, "nogil": True, "error_model": "numpy", "pipeline_class": _Compiler}
    options = usual | options

    def decorate(function):
        try:
            return njit(**options)(function)
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
            return njit(**options | {"cache": False})(function)

    return decorate


kernel = compiled(no_cfunc_wrapper=True)
summing = compiled(no_cfunc_wrapper=True, fastmath={"reassoc"})
inner = compiled(no_cfunc_wrapper=True, no_cpython_wrapper=True)
part = compiled(inline="always")
