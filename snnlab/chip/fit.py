"""Whether a network fits the chip, and how often the chip must run if it does not."""

import warnings

import numpy as np

from snnlab import _check
from snnlab.chip.effects import N_NEURONS
from snnlab.layers.dense import check_dense


def check_layers(network):
    """Refuse what the chip cannot run."""
    _check.network("network", network, "stages")
    check_dense(network, "a chip")


def runs_needed(network):
    """How often the chip runs per sample: 1, or the number of parts of a larger network."""
    needed = sum(int(np.sum(-(-n // N_NEURONS))) for n in fan_in(network))
    return -(-needed // N_NEURONS)


def check_fit(network):
    """Refuse what the chip cannot run at once."""
    if runs_needed(network) > 1 or any(n.max() > N_NEURONS for n in fan_in(network)):
        raise ValueError(
            f"network {'-'.join(map(str, network.sizes))} does not fit the chip: it has "
            f"{N_NEURONS} neurons for all layers but the inputs, of {N_NEURONS} inputs each; "
            "Substrate(partition=True) runs larger networks in parts, and a rewiring rule with "
            f"max_fan_in={N_NEURONS} leaves no neuron more inputs"
        )


def fan_in(network):
    """Inputs per unit and layer: all of them, or the weights that there are if those are many."""
    return [
        np.maximum(1, np.count_nonzero(w, axis=0))
        if len(w) > N_NEURONS
        else np.full(w.shape[1], len(w))
        for w in network.weights
    ]


def warn_of_times(chip, network):
    """Say so if the chip's times, which are in seconds, are nothing in this network's steps."""
    dt, lost = network.dt, []
    for name in ("refractory", "clamp"):
        if chip.effects[name] is not None and chip.effects[name] < dt / 2:
            lost.append(f"{name}={chip.effects[name]:g}")
    if (chip.effects["sampling"] or 0) > network.n_steps * dt and network.n_steps > 1:
        lost.append(f"sampling={chip.effects['sampling']:g}")
    if lost:
        warnings.warn(
            f"the chip's {', '.join(lost)} (in seconds) cannot act in a sample of "
            f"{network.n_steps} steps of dt={dt:g} s: the chip runs a step in about 1.7e-6 s; "
            "give LIF.brainscales2() neurons, or these effects in the network's time",
            RuntimeWarning,
            stacklevel=4,
        )
