"""How a share of the weights is spread over the layers of a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check

if TYPE_CHECKING:
    from collections.abc import Sequence

    from snnlab.network import Network


def erdos_renyi(sizes: Sequence[int] | Network, connectivity: float) -> tuple[float, ...]:
    """Sparsity per layer that leaves a connectivity in all, with more of it in small layers.

    A layer's weights are in proportion to the units at its two ends, as in a random graph of Erdos
    and Renyi, but not more than there are: were all layers cut alike, a small readout would have
    next to none. Those of a convolution are in proportion to its channels and the sides of its
    kernel (Evci et al. 2020).

    Parameters
    ----------
    sizes : sequence of int, or Network
        Units of dense layers, or a network of any.
    connectivity : float
        In (0, 1].

    Returns
    -------
    tuple of float
    """
    connectivity = _check.number("connectivity", connectivity, above=0, at_most=1)
    if hasattr(sizes, "stages"):
        blocks = [(stage, b) for stage in sizes.stages for b in stage.blocks.values() if b.prunable]
        ends = np.array([stage.layer.ends(b) for stage, b in blocks], float)
        size = np.array([b.size for _, b in blocks], float)
    else:
        units = _check.like(_check.integer, 1, _check.MOST_UNITS)
        sizes = _check.each(units, of="layers")("sizes", sizes)
        if len(sizes) < 2:
            raise ValueError("sizes must be of two layers or more")
        ends = np.array([a + b for a, b in zip(sizes, sizes[1:], strict=False)], float)
        size = np.array([a * b for a, b in zip(sizes, sizes[1:], strict=False)], float)
    kept, full = np.zeros_like(size), np.zeros(len(size), bool)
    while True:
        left = connectivity * size.sum() - size[full].sum()
        kept = np.where(full, size, left * ends / max(ends[~full].sum(), 1))
        if np.all(kept <= size):
            return tuple(np.clip(1 - kept / size, 0, 1).tolist())
        full |= kept > size
