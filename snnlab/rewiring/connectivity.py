"""Synapses: which of a network's weights are not zero.

On a chip there may be fewer: those below half a level are gone. The rules that change synapses are
in `snnlab.rewiring`, which has most of these names too.
"""

from __future__ import annotations

from collections import namedtuple
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab.layers.known import check_dense
from snnlab.parameters import check_weights

if TYPE_CHECKING:
    from snnlab.medium import Medium
    from snnlab.network import Network

__all__ = [
    "Connectivity",
    "compact",
    "connectivity",
    "masks",
    "n_active",
    "n_weights",
    "units_in_use",
]

Connectivity = namedtuple("Connectivity", "overall layers")
Connectivity.__doc__ = "Share of the weights that are not zero, in all and per layer."


def masks(network: Network, substrate: Medium | None = None) -> list[np.ndarray]:
    """Which weights are not zero: a list of arrays of bool (n_in, n_out), one per layer.

    Parameters
    ----------
    network : Network
    substrate : Substrate, optional
        As seen by this chip: a weight is gone if it is rounded to level 0, and there if its synapse
        is stuck at another.
    """
    _check.network("network", network, needs="weights")
    if substrate is None:
        return [w != 0 for w in network.weights]
    _check_chip(substrate)
    return [w != 0 for w in substrate.effective_weights(network)]


def connectivity(network: Network, substrate: Medium | None = None) -> Connectivity:
    """Share of the weights that are not zero.

    Parameters
    ----------
    network : Network
    substrate : Substrate, optional
        As in `masks`.

    Returns
    -------
    Connectivity
        ``overall`` (float) and ``layers`` (array, one value per layer of weights).
    """
    n = np.array([np.count_nonzero(mask) for mask in masks(network, substrate)])
    sizes = n_weights(network)
    return Connectivity(float(n.sum() / sizes.sum()), n / sizes)


def _check_chip(substrate):
    if not hasattr(substrate, "effective_weights"):
        raise TypeError(f"substrate must be a Substrate, not {type(substrate).__name__}")


def compact(network: Network) -> Network:
    """A smaller network with the same readout: without the hidden units that play no part.

    A unit without inputs never spikes, and one without outputs is not heard. At least one unit of
    each hidden layer is left. Inputs and classes stay as they are.

    Parameters
    ----------
    network : Network

    Returns
    -------
    Network
        A new one. Its readout is bit-identical for spikes as input, and equal to rounding for a
        `ConstantCurrent`. There may be fewer hidden spikes: those that nothing heard.
    """
    part = units_in_use(network)
    check_weights(network)
    for units in part[1:-1]:
        units[0] |= not units.any()
    neurons = [
        _of_units(model, units) for model, units in zip(network.neurons, part[1:], strict=True)
    ]
    weights = [w[np.ix_(*part[k : k + 2])] for k, w in enumerate(network.weights)]
    sizes = [int(units.sum()) for units in part]
    return network.replace(layers=sizes, neurons=neurons, weights=weights)


def _of_units(model, units):
    """A neuron model of some units: values per neuron lose those of the others."""
    some = {name: tuple(np.array(x)[units]) for name, x in model.per_unit.items()}
    return model.replace(**some)


def units_in_use(network: Network, unheard: bool = False) -> list[np.ndarray]:
    """Which units play a part: those with inputs that lead to the readout.

    Parameters
    ----------
    network : Network
    unheard : bool
        Also those that lead nowhere.

    Returns
    -------
    list of array of bool (n,)
        Per layer of units. All inputs and classes are in use.

    Raises
    ------
    ValueError
        A network of other layers than dense ones.
    """
    unheard = _check.flag("unheard", unheard)
    check_dense(network, "the search for units in use", "keep the network as it is")
    alive, part = masks(network), [np.ones(n, bool) for n in network.sizes]
    changed = True
    while changed:  # a unit's end may leave others without input or output
        changed = False
        for k in range(1, len(part) - 1):
            now = part[k] & alive[k - 1][part[k - 1]].any(axis=0)
            if not unheard:
                now &= alive[k][:, part[k + 1]].any(axis=1)
            changed |= bool((now != part[k]).any())
            part[k] = now
    return part


# layout ------------------------------------------------------------------------------------------


def _weights(network):
    return _check.network("network", network, needs="weights").weights


def n_weights(network: Network) -> np.ndarray:
    """Weights per layer, array of int."""
    return np.array([w.size for w in _weights(network)])


def n_active(network: Network) -> np.ndarray:
    """Weights per layer that are not zero, array of int."""
    return np.array([np.count_nonzero(w) for w in _weights(network)])


def views(network: Network, flat: np.ndarray) -> list[np.ndarray]:
    """Per block of weights a view (n_in, n_out) of a flat array laid out as the parameters."""
    blocks = _check.network("network", network, needs="weight_blocks").weight_blocks
    if _check.kind("ndarray")("flat", flat).shape != network.parameters.shape:
        raise ValueError(f"flat must have shape {network.parameters.shape}, got {flat.shape}")
    return [block.of(flat) for block in blocks]
