"""Layers, a kind per file; `snnlab.layers.base` says what a layer is."""

from snnlab.layers.base import BlockShape, Composite, Layer, Linear, Transform
from snnlab.layers.conv import Conv
from snnlab.layers.delayed import Delayed
from snnlab.layers.dense import Dense
from snnlab.layers.norm import BatchNorm
from snnlab.layers.pool import Pool
from snnlab.layers.recurrent import Recurrent
from snnlab.layers.residual import Residual
from snnlab.layers.vote import Vote

__all__ = [
    "BatchNorm",
    "BlockShape",
    "Composite",
    "Conv",
    "Delayed",
    "Dense",
    "Layer",
    "Linear",
    "Pool",
    "Recurrent",
    "Residual",
    "Transform",
    "Vote",
]
