"""Rewiring: rules that decide which synapses there are while the weights are trained."""

from snnlab.rewiring.connectivity import Log, compact, connectivity, masks
from snnlab.rewiring.rules import (
    STDS,
    DeepR,
    FixedMask,
    GradR,
    Magnitude,
    SoftDeepR,
    prior_centre,
    prior_drift,
    smallest_alpha,
)

__all__ = [
    "DeepR", "FixedMask", "GradR", "Log", "Magnitude", "STDS", "SoftDeepR", "compact",
    "connectivity", "masks", "prior_centre", "prior_drift", "smallest_alpha",
]  # fmt: skip
