"""Parameters: named blocks over one flat array, and gradients laid out in the same way.

An optimiser sees one flat array; a layer sees its blocks by name, matrices ``(rows, columns)``,
whose rows are padded (`snnlab.memory`). Padding is zero and stays so.
"""

import math
from dataclasses import dataclass

import numpy as np

from snnlab import _check
from snnlab._workers import share, worker_count
from snnlab.kernels.updates import sum_of_squares
from snnlab.memory import aligned

__all__ = ["Block", "Gradients"]

WORTH_SHARING = 200_000  # a step over fewer parameters is shorter than a dispatch of threads


@dataclass(frozen=True)
class Block:
    """Some parameters of one layer: a matrix.

    Attributes
    ----------
    stage : int
        Which layer's, counted from 0 without the inputs.
    name : str
        Such as "weights".
    rows, columns : int
        Shape; of weights ``(n_in, n_out)``.
    width : int
        Columns with padding.
    start : int
        Where it begins in the flat array.
    prunable : bool
        Whether rewiring may prune it: weights are, a bias or a time constant is not.
    trainable : bool
        Whether an optimiser changes it.
    """

    stage: int
    name: str
    rows: int
    columns: int
    width: int
    start: int
    prunable: bool = True
    trainable: bool = True

    @property
    def stop(self):
        """Where it ends in the flat array."""
        return self.start + self.rows * self.width

    @property
    def size(self):
        """Parameters, without the padding."""
        return self.rows * self.columns

    @property
    def span(self):
        """``start, stop``."""
        return self.start, self.stop

    def padded(self, flat):
        """The block (rows, width) as a view of a flat array."""
        return flat[self.start : self.stop].reshape(self.rows, self.width)

    def of(self, flat):
        """The block (rows, columns) as a view of a flat array."""
        return self.padded(flat)[:, : self.columns]

    def places(self, index):
        """Where in the flat array the entries lie that have these numbers, row by row."""
        return self.start + index // self.columns * self.width + index % self.columns


def new_flat(blocks, dtype):
    """Zeros for some blocks, from a cache line on."""
    return aligned((blocks[-1].stop,), dtype)


def named(blocks):
    """Pairs of the name that files have, and the block: ``weights_0``, ..., or name and stage."""
    k = 0
    for block in blocks:
        yield f"weights_{k}" if block.prunable else f"{block.name}_of_{block.stage}", block
        k += block.prunable


def block_arrays(blocks, flat):
    """All parameters as a dict of arrays (rows, columns), for files."""
    return {name: np.array(block.of(flat)) for name, block in named(blocks)}


def fill_blocks(blocks, flat, arrays):
    """Inverse of `block_arrays`; everything is checked before anything is written."""
    for name, block in named(blocks):
        if name not in arrays:
            raise ValueError(f"it holds no {name}")
        _check.array(name, arrays[name], flat.dtype, (block.rows, block.columns))
    for name, block in named(blocks):
        block.of(flat)[...] = arrays[name]


class Gradients(list):
    """Gradient by each block of weights, arrays (n_in, n_out), laid out as a network's parameters.

    Parameters
    ----------
    network : Network

    Attributes
    ----------
    flat : array
        All of them, with the padding.
    blocks : tuple of Block
        The network's; ``block.of(gradients.flat)`` is the gradient by any of them.
    """

    def __init__(self, network):
        self._lay_out(network.blocks, new_flat(network.blocks, network.dtype))

    def _lay_out(self, blocks, flat):
        self.blocks, self.flat = blocks, flat
        self[:] = [block.of(flat) for block in blocks if block.prunable]

    def __reduce__(self):  # the arrays are views of one: lay them out anew
        return type(self)._restored, (self.blocks, self.flat.copy())

    @classmethod
    def _restored(cls, blocks, flat):
        out = cls.__new__(cls)
        out._lay_out(blocks, new_flat(blocks, flat.dtype))
        out.flat[...] = flat
        return out

    def fits(self, network):
        """Whether these are gradients of a network of this layout and precision."""
        return self.flat.dtype == network.dtype and self.blocks == network.blocks

    def by_name(self):
        """Gradient by every block: dict of ``(stage, name)``."""
        return {(block.stage, block.name): block.of(self.flat) for block in self.blocks}

    def is_finite(self):
        """Whether no entry is infinite or not a number."""
        return is_finite(self.flat)


def share_parameters(network, work, n=None):
    """Call ``work(lo, hi)`` for parts of all parameters (or of n columns), by several threads."""
    size = _check.network("network", network, needs="parameters").parameters.size
    n = size if n is None else _check.integer("n", n, at_least=0)
    workers = 1 if size < WORTH_SHARING else network.workers or worker_count()
    share(_check.function("work", work), n, workers)


def largest(x):
    """Largest absolute value in an array, a float; NaN where there is one, 0.0 of nothing."""
    return float(max(x.max(), -x.min())) if x.size else 0.0  # both are NaN if one is


def is_finite(flat):
    """Whether a flat array holds finite numbers alone.

    It surely does where the sum of their squares is finite, which takes a third of the time to
    find out: of a single sample's forward pass (256-246-10, 20 steps) 6 % instead of 17 %.
    """
    return math.isfinite(sum_of_squares(flat, 0, flat.size)) or math.isfinite(largest(flat))


def check_weights(network, name="network"):
    """Refuse a network whose parameters are not finite; ``name`` is what the error calls it.

    Raises
    ------
    FloatingPointError
    """
    parameters = getattr(network, "parameters", None)  # a compressed network has none
    if parameters is not None and not is_finite(parameters):
        raise _check.NotFinite(
            f"{name} holds weights that are not finite: {faults(network, parameters)}"
        )


def faults(network, flat):
    """Where a flat array, laid out as a network's parameters, is not finite."""
    found = []
    for block in network.blocks:
        n = np.count_nonzero(~np.isfinite(block.of(flat)))
        if n:
            stage = network.stages[block.stage].name
            found.append(f"{n:,} of {block.size:,} entries of {block.name!r} in {stage}")
    return ", ".join(found) or "in the padding of its layers"
