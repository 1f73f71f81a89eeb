"""What a rule asks of the optimiser that it wraps."""

from snnlab import _check
from snnlab.kernels.updates import GIVEN
from snnlab.learning.guard import check_change
from snnlab.learning.optim import SGD, Adam
from snnlab.learning.optimizer import Optimizer, tells_all
from snnlab.learning.state import Stateful


def wrapped(optimizer, lr):
    """The optimiser that a rule is given, by name or as an object."""
    if isinstance(optimizer, str):
        kinds = {"adam": Adam, "sgd": SGD}
        kind = kinds[_check.one_of("optimizer", optimizer, tuple(kinds))]
        return kind() if lr is None else kind(lr)
    able = isinstance(optimizer, Optimizer) and type(optimizer).change is not Optimizer.change
    if not able:
        if isinstance(optimizer, Stateful) and not isinstance(optimizer, Optimizer):
            raise TypeError(f"optimizer must be an optimiser: {optimizer!r} is a rule")
        kind = optimizer if isinstance(optimizer, type) else type(optimizer)
        raise TypeError(
            "optimizer must be 'adam', 'sgd' or an object of a class derived from "
            "snnlab.optim.Optimizer that defines change: a rule asks it what it would subtract, "
            f"and {kind.__name__} cannot tell"
        )
    if lr is not None:
        raise ValueError("lr must be left out: the optimizer has one of its own")
    return optimizer


def stretches(rule, network, gradients, factor, lo, hi, tried):
    """Parts of a layer as a rule's kernel takes them: ``lo, hi``, and what is subtracted there.

    That is a recipe, for all at once, where rule and optimiser know one; else it is told piece by
    piece, and looked at if the step is taken on trial.
    """
    optimizer, recipe = rule.optimizer, None
    if rule.compiled and not tried and tells_all(type(optimizer)):
        recipe = optimizer.recipe(network, factor, lo)
    if recipe is not None:
        way, *how = recipe
        yield lo, hi, way, gradients, *how
        return
    none = (network.dtype.type(0),) * 8
    for first, last, change in optimizer.changes(network, gradients, factor, lo, hi):
        if tried:  # a kernel takes what is not a number for pruned
            check_change(change, rule)
        told = (GIVEN, gradients, change, change, none) if rule.compiled else (change,)
        yield first, last, *told
