"""Borrowed weights: small networks without spikes, and what becomes of them converted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check, conversion
from snnlab.course.arguments import of_course
from snnlab.currents import ConstantCurrent
from snnlab.layers import BatchNorm, Conv, Dense, Pool
from snnlab.learning.optim import Adam
from snnlab.learning.training import train
from snnlab.network import Network
from snnlab.rates import ReLU

if TYPE_CHECKING:
    from snnlab.datasets.dataset import Dataset

__all__ = ["as_currents", "converted", "ordinary_network"]

CHANNELS, HIDDEN, BATCH = (8, 16), 64, 50
UNITS = {"relu": ReLU(), "quantised": ReLU(v_th=3.0, levels=8, learn="v_th")}
# how a threshold is found: of which network, and in which way
WAYS = {
    "largest": ("relu", "the largest activation"),
    "percentile": ("relu", "99.9th percentile"),
    "fitted": ("relu", "fitted ceilings"),
    "quantised": ("quantised", "quantised units"),
}
WEIGHT = 0.005  # of slowness, where ceilings are fitted


def as_currents(images: np.ndarray, n_steps: int = 1) -> ConstantCurrent:
    """Images as constant currents: their pixels, in [0, 1]."""
    return ConstantCurrent(np.asarray(images, np.float32), n_steps)


@of_course
def ordinary_network(
    data: Dataset, unit: str = "relu", *, n_train: int = 4000, epochs: int = 3, seed: int = 0
) -> Network:
    """A trained network without spikes: two convolutions, average pools, 64 hidden units.

    Parameters
    ----------
    data : Dataset
        Grey images whose sides 4 divides.
    unit : {"relu", "quantised"}
    n_train : int
        Images that are learned, in ``epochs`` turns.
    epochs : int
    seed : int

    Returns
    -------
    Network
        Of one step.
    """
    unit = UNITS[_check.one_of("unit", unit, tuple(UNITS))]
    norm, layers = BatchNorm(), [(*data.image_shape, 1)]
    for channels in CHANNELS:
        layers += [Conv(channels, norm=norm), Pool(how="average")]
    layers += [Dense(HIDDEN, norm=norm), data.n_classes]
    network = Network(layers, unit, n_steps=1, rng=seed)
    n = min(n_train, len(data.x_train))
    n -= n % BATCH == 1  # a norm has no use for a batch of one
    train(
        network,
        as_currents(data.x_train[:n]),
        data.y_train[:n],
        epochs=epochs,
        rng=seed,
        batch_size=BATCH,
        optimizer=Adam(lr=3e-3),
        schedule="cosine",
        progress=False,
    )
    return network


def converted(
    network: Network, samples: np.ndarray, way: str, *, start: float = 0.5, n_steps: int = 128
) -> Network:
    """What becomes of a network in one of the `WAYS`, with activations measured on some images."""
    _check.one_of("way", way, tuple(WAYS))
    x, how = as_currents(samples), {"n_steps": n_steps, "start": start}
    if way == "fitted":
        network = conversion.fit_ceilings(network, x, weight=WEIGHT)
    methods = {"largest": "max", "percentile": "percentile"}
    return conversion.convert(network, x, method=methods.get(way, "ceiling"), **how)
