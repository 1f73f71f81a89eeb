"""snnlab: train spiking neural networks, fast enough to watch, written to be read.

Everything below is imported when it is first used; ``import snnlab`` alone is light and compiles
nothing.
"""

from snnlab._extras import imported

__version__ = "0.1.0"

_MODULES = {
    "attribution": "reports.attribution",
    "augment": "datasets.augment",
    "autoencoder": "learning.autoencoder",
    "bottleneck": "learning.bottleneck",
    "calibration": "chip.calibration",
    "clinic": "reports.clinic",
    "conversion": "conversion",
    "datasets": "datasets",
    "decision": "reports.decision",
    "encode": "encode",
    "energy": "reports.energy",
    "estimator": "estimator",
    "exercises": "course.exercises",
    "interchange": "interchange",
    "layers": "layers",
    "lessons": "course.lessons",
    "live": "live",
    "losses": "learning.losses",
    "membrane": "learning.membrane",
    "network": "network",
    "neurons": "neurons",
    "optim": "learning.optim",
    "panels": "course.panels",
    "patients": "course.patients",
    "penalties": "learning.penalties",
    "plot": "plot",
    "recording": "chip.recording",
    "results": "course.results",
    "rewiring": "rewiring",
    "sound": "sound",
    "sparse": "rewiring.compressed",
    "spikes": "signals",
    "stdp": "learning.stdp",
    "substrate": "chip.substrate",
    "surrogate": "surrogate",
    "sweep": "reports.sweep",
    "synapses": "rewiring.connectivity",
    "textbook": "textbook",
    "training": "learning.training",
}
_NAMES = {
    "Adam": "learning.optim",
    "AdaptiveLIF": "adaptive",
    "Affine": "datasets.augment",
    "AugmentedImages": "datasets.augment",
    "CroppedImages": "datasets.augment",
    "Cochlea": "sound",
    "ConstantCurrent": "currents",
    "DeepR": "rewiring",
    "FixedMask": "rewiring",
    "Frontier": "reports.frontier",
    "GradR": "rewiring",
    "History": "learning.history",
    "LIF": "neurons",
    "LeakyIntegrator": "neurons",
    "Magnitude": "rewiring",
    "MembraneSignal": "learning.membrane",
    "Network": "network",
    "SGD": "learning.optim",
    "ReLU": "rates",
    "STDPFeatures": "estimator",
    "STDS": "rewiring",
    "SoftDeepR": "rewiring",
    "SpikeTrains": "signals",
    "SpikingClassifier": "estimator",
    "SpikingRegressor": "estimator",
    "Substrate": "chip.substrate",
    "Trace": "trace",
    "Values": "currents",
    "avoidance": "reports.avoidance",
    "check": "course.exercises",
    "early_exit": "reports.early_exit",
    "evaluate": "learning.evaluation",
    "explain": "reports.attribution",
    "predict": "course.exercises",
    "progress": "course.exercises",
    "reveal": "course.exercises",
    "time_to_decision": "reports.decision",
    "train": "learning.training",
    "warm_up": "_warm_up",
}
__all__ = ["__version__", *_MODULES, *_NAMES]


def __getattr__(name):
    if name in _MODULES:
        return imported(f"snnlab.{_MODULES[name]}")
    if name in _NAMES:
        value = getattr(imported(f"snnlab.{_NAMES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'snnlab' has no attribute {name!r}")


def __dir__():
    return sorted(__all__)
