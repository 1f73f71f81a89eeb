"""What is looked at before a step changes a network's weights, so that none is ever half done.

One pass over the gradient tells whether it is finite and how large it is. From that follows whether
the step can lead out of the floating-point numbers; almost none can. One that might, or of which
nothing is known, is taken on trial: what was before is kept until the outcome has been looked at.
"""

import math
from contextlib import contextmanager
from functools import cache

import numpy as np

from snnlab._check import NotFinite
from snnlab.kernels.updates import sum_of_squares
from snnlab.parameters import faults, largest, share_parameters


@cache
def room(dtype):
    """A move that never leads from a finite number to infinity: it is lost in rounding there."""
    info = np.finfo(dtype)
    return float(info.max) * float(info.eps) / 8


@cache
def room_for_squares(dtype):
    """The most whose square does not lead to infinity, not even summed over some steps."""
    return float(np.finfo(dtype).max) ** 0.5 / 16


@cache
def _unsquared(dtype):
    """More than any number whose square is 0."""
    return 2 * float(np.finfo(dtype).tiny) ** 0.5


def real(x, dtype, what):
    """A number of a step in ``dtype``; FloatingPointError, saying what it is, if it is none there.

    (A rule would take what is not a number for a synapse that is pruned.)
    """
    if not abs(x) <= float(np.finfo(dtype).max):
        raise NotFinite(f"{what} is {x:g}: that is no {dtype} number")
    return dtype.type(x)


def check_gradients(network, flat, owner):
    """Largest absolute entry of a flat gradient, or more: its norm, which takes half as long.

    Raises
    ------
    FloatingPointError
        If it is not finite; nothing has been changed then.
    """
    squares = []

    def work(lo, hi):
        squares.append(float(sum_of_squares(flat, lo, hi)))

    share_parameters(network, work)
    square = sum(squares)
    if math.isfinite(square):
        return math.sqrt(square) + _unsquared(flat.dtype)
    top = largest(flat)  # squares overflow before numbers do
    if not math.isfinite(top):
        raise NotFinite(
            f"the gradient is not finite in {_step_of(owner)}: {faults(network, flat)}; "
            "weights and moments are those of the step before"
        )
    return top


def check_change(change, owner):
    """Refuse what an optimiser would subtract if that is not finite."""
    if not np.isfinite(largest(change)):
        raise NotFinite(
            f"{_step_of(owner)} leads out of the {change.dtype} numbers; all is as it was in the "
            "step before (is the learning rate too large?)"
        )


def _step_of(owner):
    """Which step of an optimiser or a rule is being taken, in words."""
    done = getattr(owner, "steps", None)
    which = f"step {done + 1}" if isinstance(done, int) else "a step"
    return f"{which} of {type(owner).__name__}"


@contextmanager
def forgotten_if_failed(network):
    """What a step's forward pass learns without an optimiser is as before if the step fails.

    (The running statistics of norms.)
    """
    kept = [block.of(network.parameters) for block in network.blocks if not block.trainable]
    before = [x.copy() for x in kept]
    try:
        yield
    except BaseException:
        for x, old in zip(kept, before, strict=True):
            x[...] = old
        raise


def on_trial(network, arrays, act, owner):
    """Call ``act``, which changes a network's parameters and flat arrays beside them.

    Parameters
    ----------
    network : Network
    arrays : dict of array
        By name; those of integers are kept as well, but there is nothing to look at in them.
    act : callable
    owner : Stateful
        Whose step it is.

    Raises
    ------
    FloatingPointError
        If any of it is not finite afterwards. Then, or if ``act`` fails, all is as it was.
    """
    changed = {"parameters": network.parameters} | arrays
    before = {name: x.copy() for name, x in changed.items()}
    try:
        act()
        for name, x in changed.items():
            if x.dtype.kind == "f" and not np.isfinite(largest(x)):
                raise NotFinite(
                    f"{_step_of(owner)} leads out of the {x.dtype} numbers, in {name}: "
                    f"{faults(network, x)}; they are those of the step before (is the learning "
                    "rate too large?)"
                )
    except BaseException:
        for name, x in before.items():
            changed[name][...] = x
        raise
