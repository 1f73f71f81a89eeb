"""Rewiring: rules that decide which synapses there are while the weights are trained."""

from snnlab.rewiring.connectivity import compact, connectivity, masks
from snnlab.rewiring.deep_r import DeepR, SoftDeepR
from snnlab.rewiring.grad_r import GradR
from snnlab.rewiring.log import Log
from snnlab.rewiring.prior import prior_centre, prior_drift, smallest_alpha
from snnlab.rewiring.pruning import FixedMask, Magnitude
from snnlab.rewiring.rule import Rule
from snnlab.rewiring.spread import erdos_renyi
from snnlab.rewiring.stds import STDS

__all__ = [
    "DeepR",
    "FixedMask",
    "GradR",
    "Log",
    "Magnitude",
    "Rule",
    "STDS",
    "SoftDeepR",
    "compact",
    "connectivity",
    "erdos_renyi",
    "masks",
    "prior_centre",
    "prior_drift",
    "smallest_alpha",
]
