"""Whether a network fits the chip: its size, its weights, how often the chip must run."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab.chip.effects import N_NEURONS
from snnlab.layers.constants import check_fixed
from snnlab.layers.known import check_dense
from snnlab.parameters import check_weights

if TYPE_CHECKING:
    from collections.abc import Sequence

    from snnlab.network import Network


def check_layers(network):
    """Refuse what the chip cannot run."""
    _check.network("network", network, "stages")
    check_dense(network, "a chip", "train it without one, or with Dense layers in their place")
    check_fixed(network, "a chip")


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


def clip_weights(network: Network, largest: Sequence[float]) -> None:
    """Clip each layer's weights at ``largest`` (one number per layer), in place.

    Raises
    ------
    FloatingPointError
        If they are not finite: an infinite weight would be hidden, not cured.
    """
    check_weights(_check.network("network", network, needs="weight_blocks"))
    blocks = network.weight_blocks
    largest = _check.sequence("largest", largest, len(blocks), "numbers, one per layer")
    for block, top in zip(blocks, largest, strict=True):
        if not (top := _check.scalar("largest", top)) > 0:
            raise ValueError(f"largest must be above 0, got {top}")
        if top < np.inf:
            w = block.padded(network.parameters)
            np.clip(w, -top, top, out=w)
