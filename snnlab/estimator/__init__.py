"""Spiking networks behind scikit-learn's interface: classifier, regressor, features of STDP."""

from snnlab.estimator.classifier import SpikingClassifier
from snnlab.estimator.regressor import SpikingRegressor
from snnlab.estimator.stdp import STDPFeatures

__all__ = ["STDPFeatures", "SpikingClassifier", "SpikingRegressor"]
