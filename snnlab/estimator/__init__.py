"""Spiking networks behind scikit-learn's interface: `SpikingClassifier`, `SpikingRegressor`."""

from snnlab.estimator.classifier import SpikingClassifier
from snnlab.estimator.regressor import SpikingRegressor

__all__ = ["SpikingClassifier", "SpikingRegressor"]
