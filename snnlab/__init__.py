"""snnlab: train spiking neural networks, fast enough to watch, written to be read.

Everything below is imported when it is first used; ``import snnlab`` alone is light and compiles
nothing.
"""

from importlib import import_module

__version__ = "0.1.0"

_MODULES = (
    "attribution",
    "augment",
    "calibration",
    "clinic",
    "datasets",
    "decision",
    "encode",
    "energy",
    "estimator",
    "exercises",
    "lessons",
    "live",
    "losses",
    "network",
    "neurons",
    "optim",
    "penalties",
    "plot",
    "recording",
    "results",
    "rewiring",
    "sparse",
    "spikes",
    "substrate",
    "surrogate",
    "sweep",
    "synapses",
    "textbook",
    "training",
)
_NAMES = {
    "Adam": "optim",
    "Affine": "augment",
    "AugmentedImages": "augment",
    "ConstantCurrent": "spikes",
    "DeepR": "rewiring",
    "FixedMask": "rewiring",
    "Frontier": "sweep",
    "GradR": "rewiring",
    "History": "training",
    "LIF": "neurons",
    "LeakyIntegrator": "neurons",
    "Magnitude": "rewiring",
    "Network": "network",
    "SGD": "optim",
    "STDS": "rewiring",
    "SoftDeepR": "rewiring",
    "SpikeTrains": "spikes",
    "SpikingClassifier": "estimator",
    "Substrate": "substrate",
    "Trace": "network",
    "check": "exercises",
    "evaluate": "training",
    "explain": "attribution",
    "time_to_decision": "decision",
    "train": "training",
    "warm_up": "_warm_up",
}
__all__ = ["__version__", *_MODULES, *_NAMES]


def __getattr__(name):
    if name in _MODULES:
        return import_module(f"snnlab.{name}")
    if name in _NAMES:
        value = getattr(import_module(f"snnlab.{_NAMES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'snnlab' has no attribute {name!r}")


def __dir__():
    return sorted(__all__)
