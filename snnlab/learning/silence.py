"""Silence that would go unnoticed: one warning per network, with its share and a remedy.

There may be no input spikes, or layers that never fire, or weights that a chip rounds to nothing.
"""

import warnings
from weakref import WeakKeyDictionary

import numpy as np

from snnlab.currents import ConstantCurrent, Values
from snnlab.memory import rows_of
from snnlab.signals import SpikeTrains

MANY = 0.5  # share of training samples without a spike from which on it is worth a word
PATIENCE = 3  # epochs in which a silent layer may come alive by itself
MOST = 2 / 3  # share of a layer's weights that vanish

_told = WeakKeyDictionary()  # of networks: what has been said


def tell(network, what, text):
    """Warn, unless that has been said of this network."""
    told = _told.setdefault(network, set())
    if what not in told:
        told.add(what)
        warnings.warn(text, RuntimeWarning, stacklevel=4)


def silent_share(inputs):
    """Share of samples in which no input says anything; of streams nothing is known, so 0."""
    if isinstance(inputs, SpikeTrains):
        return float(np.mean(inputs.counts() == 0))
    if isinstance(inputs, ConstantCurrent | Values):
        return float(np.mean(~rows_of(inputs.x).any(axis=1)))
    return 0.0


def check_hearing(network, inputs, least=1.0, remedy=None):
    """Say so if a share of the samples, at least ``least``, holds nothing to be heard."""
    share = silent_share(inputs)
    if share >= least:
        things = "input spikes" if isinstance(inputs, SpikeTrains) else "input other than 0"
        remedy = remedy or (
            "a code whose threshold the values do not reach? (latency drops values up to theta: "
            "scale them to [0, 1], or lower theta)"
        )
        text = f"{share:.0%} of the samples have no {things}: nothing can be learned from them; "
        tell(network, "hears nothing", text + remedy)


def tell_of_layers(network, layers, epochs):
    """Say that some of the layers of neurons that spike have not spiked for whole epochs."""
    if "hears nothing" not in _told.get(network, ()):  # which is why
        many = len(layers) > 1
        tell(
            network,
            "says nothing",
            f"layer{'s' * many} {_named(network, layers)} of neurons did not spike once in "
            f"{epochs} epoch{'s' * (epochs > 1)}: 100% of "
            f"{'their' if many else 'its'} neurons are silent, and nothing passes there; begin "
            "with network.scale_to_activity(inputs, layer_spikes), or add a "
            "penalties.LowerBound",
        )


def _named(network, layers):
    """Numbers of layers of neurons that spike, those that are not dense with what they are."""
    firing = [stage for stage in getattr(network, "stages", ()) if stage.fires]
    kinds = {k: repr(stage.layer) for k, stage in enumerate(firing) if len(stage.shape_out) == 3}
    return ", ".join(f"{k} ({kinds[k]})" if k in kinds else str(k) for k in layers)


def check_writing(network, medium):
    """Say so if most weights of a layer are 0 on a chip, though not in the network."""
    if not (hasattr(medium, "vanishing") and hasattr(network, "stages")):
        return
    for k, share in enumerate(medium.vanishing(network)):
        if share >= MOST:
            tell(
                network,
                f"vanishes in layer {k}",
                f"{share:.0%} of the weights of layer {k} are below half a level of the chip, and "
                "make no synapse there: make them larger (network.scale_to_activity(inputs, "
                "layer_spikes), a larger spread), or the chip's weight_scale",
            )
