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


def check_dense(network, what, instead):
    """Refuse a network with layers that ``what`` cannot take: others than dense ones.

    ``instead``: what the message tells to do.
    """
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
