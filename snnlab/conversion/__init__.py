"""Conversion: an ordinary network of ReLU units becomes one of neurons that spike.

An integrate-and-fire neuron without a leak, of which a spike subtracts a threshold, spikes in
proportion to a constant input, between no spike and one in every step. So it says a ReLU unit's
activation by its rate, the better the longer it is listened to, up to a largest one: its threshold.
All that conversion has to choose is thresholds.
"""

from snnlab.conversion.ceilings import (
    FitCurve,
    RunningCeilings,
    fit_ceilings,
    fit_curve,
    largest_activations,
    with_ceilings,
)
from snnlab.conversion.converting import convert, integrate_and_fire
from snnlab.conversion.perceptron import from_perceptron
from snnlab.conversion.rates import ByStep, by_step, rate_errors

__all__ = [
    "ByStep",
    "FitCurve",
    "RunningCeilings",
    "by_step",
    "convert",
    "fit_ceilings",
    "fit_curve",
    "from_perceptron",
    "integrate_and_fire",
    "largest_activations",
    "rate_errors",
    "with_ceilings",
]
