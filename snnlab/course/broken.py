"""Hidden neurons that die: what a network without them decides for, and how much each one says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from snnlab.network import Network
    from snnlab.signals import SpikeTrains


def answers(network: Network, inputs: SpikeTrains, dead: ArrayLike | None = None) -> np.ndarray:
    """Classes that a network decides for with some hidden neurons silenced.

    Parameters
    ----------
    network : Network
        One hidden layer, readout of potentials.
    inputs : SpikeTrains
    dead : array of bool (n_hidden,), optional
        They hear nothing, and so never fire.

    Returns
    -------
    array of int (n_samples,)
    """
    alive = None if dead is None else [~np.asarray(dead)]
    readout = network.forward(inputs, potentials=False, dropout=alive).readout
    return readout.max(axis=1).argmax(axis=1)


def activity(network: Network, inputs: SpikeTrains) -> np.ndarray:
    """Spikes of each hidden neuron per sample, (n_hidden,)."""
    hidden = network.forward(inputs, potentials=False).hidden[0].compact()
    return np.bincount(hidden.unit, minlength=network.sizes[1]) / len(inputs)


def influence(network: Network, inputs: SpikeTrains) -> np.ndarray:
    """How much each hidden neuron says: its spikes per sample times its outgoing weights.

    Parameters
    ----------
    network, inputs
        As for `answers`.

    Returns
    -------
    array (n_hidden,)
    """
    return activity(network, inputs) * np.abs(network.weights[1]).sum(axis=1)
