"""Layers that this package brings, of which reports know what they do; others are refused."""

from snnlab import _check
from snnlab.layers.conv import Conv
from snnlab.layers.delayed import Delayed
from snnlab.layers.dense import Dense
from snnlab.layers.pool import Pool
from snnlab.layers.recurrent import Recurrent
from snnlab.layers.vote import Vote

KNOWN = Dense, Conv, Pool, Vote, Recurrent, Delayed


def check_known(network, what):
    """Refuse a network with layers of somebody's own, which ``what`` cannot take."""
    for stage in _check.network("network", network, needs="stages").stages:
        if type(stage.layer) not in KNOWN:
            names = ", ".join(kind.__name__ for kind in KNOWN)
            raise ValueError(f"network has {stage.name}: {what} takes {names} and no others")


def check_neurons_known(network, what):
    """Refuse neurons that ``what`` cannot take: ReLU, and those that do not begin at rest."""
    for stage in _check.network("network", network, needs="stages").stages:
        if stage.rates:
            raise ValueError(
                f"network has {stage.name} of ReLU units: {what} takes neurons that spike; "
                "snnlab.conversion.convert makes them of it"
            )
        if not stage.begins_at_rest:
            raise ValueError(
                f"network has {stage.name}, whose neurons do not begin at rest: {what} takes "
                "none with a v_init"
            )


def check_dense(network, what, instead):
    """Refuse a network with layers that ``what`` cannot take: others than dense ones that spike.

    ``instead``: what the message tells to do.
    """
    check_neurons_known(network, what)
    for stage in _check.network("network", network, needs="stages").stages:
        plain = isinstance(stage.layer, Dense) and stage.layer.norm is None
        if not plain or stage.shortcut is not None:
            way = " with a shortcut" * (stage.shortcut is not None)
            raise ValueError(
                f"network has {stage.name}{way}: {what} takes dense layers only; {instead}"
            )
        if stage.adapts:
            raise ValueError(
                f"network has {stage.name}, whose neurons adapt: {what} takes LIF only; {instead}"
            )
