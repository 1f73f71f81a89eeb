"""Samples to be learned and others to be tested: what experiments of the course are about."""

from dataclasses import dataclass

import numpy as np

from snnlab._types import Signals

__all__ = ["Samples"]


@dataclass(frozen=True)
class Samples:
    """Samples of classes.

    Attributes
    ----------
    inputs, labels : SpikeTrains or ConstantCurrent, array of int
        To be learned.
    test_inputs, test_labels : SpikeTrains or ConstantCurrent, array of int
    n_classes : int
    """

    inputs: Signals
    labels: np.ndarray
    test_inputs: Signals
    test_labels: np.ndarray
    n_classes: int
