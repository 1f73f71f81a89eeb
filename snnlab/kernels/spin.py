"""Waiting for another thread without going to sleep: waking up takes longer than some work does."""

import llvmlite.binding
from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic

from snnlab.kernels.compiled import compiled

_PAUSES = llvmlite.binding.get_process_triple().startswith(("x86_64", "i686"))


@intrinsic
def _look(typing, array):
    """``array[0]``, read from memory each time, after a pause in which a hyper-thread can work."""

    def code(context, builder, sig, args):
        if _PAUSES:
            nothing = ir.FunctionType(ir.VoidType(), [])
            pause = cgutils.get_or_insert_function(builder.module, nothing, "llvm.x86.sse2.pause")
            builder.call(pause, [])
        data = context.make_array(array)(context, builder, args[0])
        first = [context.get_constant(types.intp, 0)]
        place = cgutils.get_item_pointer(context, builder, array, data, first)
        return builder.load_atomic(place, "acquire", align=8)

    return array.dtype(array), code


@compiled()
def _wait(number, looks, enough):
    for _ in range(looks):
        if _look(number) >= enough:
            return


def wait(number, enough, looks=3000):
    """Return when ``number[0]`` (int64) has reached ``enough``, or after a number of looks.

    1,000 looks take some 20 to 50 us on x86, and one on other processors, which know no pause. The
    caller has to find out which it was.
    """
    if not config.DISABLE_JIT:
        _wait(number, looks, enough)
