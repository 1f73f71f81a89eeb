"""Detectors that learn without a teacher: images as spikes, two layers, what can be read there.

Small enough to be watched: a run of both layers takes a second or two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab.course.arguments import of_course
from snnlab.learning.stdp import STDP, Detectors, STDPNetwork, contrast, first_spikes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from snnlab.datasets.dataset import Dataset
    from snnlab.learning.stdp import Log

__all__ = ["Sight", "detector_network", "events_at_looks", "read", "sight_task", "signed", "watch"]

N_FIRST, N_SECOND = 16, 48  # detectors
THRESHOLD = 8.0  # of the first layer
IMAGES, EVERY = 1500, 100  # that each layer learns, and between two looks
GRID = 2
MOST = 1000  # images that the readout learns from


@dataclass(frozen=True)
class Sight:
    """Images as first spikes, to be learned without their labels, and others to be tested.

    Attributes
    ----------
    when, labels : array of uint8 (n, y, x, 2), array of int (n,)
        To be learned; only the readout is told the labels.
    test_when, test_labels
        To be tested.
    n_classes : int
    """

    when: np.ndarray
    labels: np.ndarray
    test_when: np.ndarray
    test_labels: np.ndarray
    n_classes: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """Rows, columns and channels: on and off."""
        return self.when.shape[1:]


@of_course
def sight_task(data: Dataset, *, n_train: int = 2000, n_test: int = 500) -> Sight:
    """Make first spikes of a data set of grey images.

    Parameters
    ----------
    data : Dataset
    n_train, n_test : int
        How many at most.

    Returns
    -------
    Sight
    """
    if data.image_shape is None or len(data.image_shape) != 2:
        raise ValueError(f"data must be grey images, not {data.name}")
    if min(data.image_shape) < 12:
        raise ValueError(f"data must be images of 12 x 12 pixels or more, not {data.image_shape}")
    heard = [
        first_spikes(contrast(x.reshape(-1, *data.image_shape)))
        for x in (data.x_train[:n_train], data.x_test[:n_test])
    ]
    labels = data.y_train[:n_train], data.y_test[:n_test]
    return Sight(heard[0], labels[0], heard[1], labels[1], data.n_classes)


def detector_network(sight: Sight, *, threshold: float = THRESHOLD, seed: int = 0) -> STDPNetwork:
    """Two layers of detectors that have not learned yet.

    Parameters
    ----------
    sight : Sight
    threshold : float
        Of the first layer.
    seed : int

    Returns
    -------
    STDPNetwork
    """
    _check.kind("Sight")("sight", sight)
    first = Detectors(N_FIRST, 5, threshold, pool=2, winners=5, radius=2)
    second = Detectors(N_SECOND, 3, 5.0, winners=4, radius=1)
    return STDPNetwork(sight.shape, [first, second], rng=seed)


def read(network: STDPNetwork, sight: Sight) -> float:
    """How many test images a linear classifier has right that reads the detectors, in [0, 1].

    It is a ridge regression on labels as ones and zeros.
    """
    few = sight.when[:MOST], sight.labels[:MOST]
    x, _ = network.features(few[0], GRID)
    test, _ = network.features(sight.test_when, GRID)
    mean, spread = x.mean(axis=0), x.std() + 1e-6
    x, test = ((part - mean).astype(np.float64) / spread for part in (x, test))
    target = np.eye(sight.n_classes)[few[1]]
    offset = target.mean(axis=0)
    weights = np.linalg.solve(x.T @ x + 10.0 * np.eye(x.shape[1]), x.T @ (target - offset))
    return float(np.mean((test @ weights + offset).argmax(axis=1) == sight.test_labels))


def watch(
    network: STDPNetwork,
    sight: Sight,
    *,
    cut: float = 0.0,
    rise: float = 0.04,
    images: int = IMAGES,
    every: int = EVERY,
) -> Iterator[Log]:
    """Learn, and look every so many images: an iterator of `snnlab.stdp.Log`.

    Parameters
    ----------
    network : STDPNetwork
    sight : Sight
    cut : float
        As for `snnlab.stdp.STDP`.
    rise : float
        Weights fall three quarters as fast.
    images, every : int
    """
    rise = _check.number("rise", rise, at_least=0, at_most=1)
    rule = STDP(rise, 0.75 * rise, cut, every)
    yield from network.learn_steps(sight.when, rule, images=images)


def events_at_looks(log: Log) -> list[float]:
    """Events per image from look to look: a list."""
    done = [counts[:, :2].sum() for counts in log.counts]
    return [float(n / k) for n, k in zip(done, np.diff([0, *log.images]), strict=True)]


def signed(pictures: np.ndarray) -> np.ndarray:
    """Pictures (n, y, x, 2) of on and off as one each: where it should be bright, or dark."""
    return pictures[..., 0] - pictures[..., 1]
