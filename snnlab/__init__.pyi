"""Names at the top, for type checkers: they are imported when they are used."""

from snnlab import conversion as conversion
from snnlab import datasets as datasets
from snnlab import encode as encode
from snnlab import estimator as estimator
from snnlab import interchange as interchange
from snnlab import layers as layers
from snnlab import live as live
from snnlab import network as network
from snnlab import neurons as neurons
from snnlab import plot as plot
from snnlab import rewiring as rewiring
from snnlab import signals as spikes
from snnlab import sound as sound
from snnlab import surrogate as surrogate
from snnlab import textbook as textbook
from snnlab._warm_up import warm_up as warm_up
from snnlab.adaptive import AdaptiveLIF as AdaptiveLIF
from snnlab.chip import calibration as calibration
from snnlab.chip import recording as recording
from snnlab.chip import substrate as substrate
from snnlab.chip.substrate import Substrate as Substrate
from snnlab.course import exercises as exercises
from snnlab.course import lessons as lessons
from snnlab.course import panels as panels
from snnlab.course import patients as patients
from snnlab.course import results as results
from snnlab.course.exercises import check as check
from snnlab.course.exercises import predict as predict
from snnlab.course.exercises import progress as progress
from snnlab.course.exercises import reveal as reveal
from snnlab.currents import ConstantCurrent as ConstantCurrent
from snnlab.currents import Values as Values
from snnlab.datasets import augment as augment
from snnlab.datasets.augment import Affine as Affine
from snnlab.datasets.augment import AugmentedImages as AugmentedImages
from snnlab.datasets.augment import CroppedImages as CroppedImages
from snnlab.estimator import SpikingClassifier as SpikingClassifier
from snnlab.estimator import SpikingRegressor as SpikingRegressor
from snnlab.estimator import STDPFeatures as STDPFeatures
from snnlab.learning import autoencoder as autoencoder
from snnlab.learning import bottleneck as bottleneck
from snnlab.learning import losses as losses
from snnlab.learning import membrane as membrane
from snnlab.learning import optim as optim
from snnlab.learning import penalties as penalties
from snnlab.learning import stdp as stdp
from snnlab.learning import training as training
from snnlab.learning.evaluation import evaluate as evaluate
from snnlab.learning.history import History as History
from snnlab.learning.membrane import MembraneSignal as MembraneSignal
from snnlab.learning.optim import SGD as SGD
from snnlab.learning.optim import Adam as Adam
from snnlab.learning.training import train as train
from snnlab.network import Network as Network
from snnlab.neurons import LIF as LIF
from snnlab.neurons import LeakyIntegrator as LeakyIntegrator
from snnlab.rates import ReLU as ReLU
from snnlab.reports import attribution as attribution
from snnlab.reports import clinic as clinic
from snnlab.reports import decision as decision
from snnlab.reports import energy as energy
from snnlab.reports import sweep as sweep
from snnlab.reports.attribution import explain as explain
from snnlab.reports.avoidance import avoidance as avoidance
from snnlab.reports.decision import time_to_decision as time_to_decision
from snnlab.reports.early_exit import early_exit as early_exit
from snnlab.reports.frontier import Frontier as Frontier
from snnlab.rewiring import STDS as STDS
from snnlab.rewiring import DeepR as DeepR
from snnlab.rewiring import FixedMask as FixedMask
from snnlab.rewiring import GradR as GradR
from snnlab.rewiring import Magnitude as Magnitude
from snnlab.rewiring import SoftDeepR as SoftDeepR
from snnlab.rewiring import compressed as sparse
from snnlab.rewiring import connectivity as synapses
from snnlab.signals import SpikeTrains as SpikeTrains
from snnlab.sound import Cochlea as Cochlea
from snnlab.trace import Trace as Trace

__version__: str
__all__ = [
    "__version__",
    "attribution",
    "augment",
    "autoencoder",
    "bottleneck",
    "calibration",
    "clinic",
    "conversion",
    "datasets",
    "decision",
    "encode",
    "energy",
    "estimator",
    "exercises",
    "interchange",
    "layers",
    "lessons",
    "live",
    "losses",
    "membrane",
    "network",
    "neurons",
    "optim",
    "panels",
    "patients",
    "penalties",
    "plot",
    "recording",
    "results",
    "rewiring",
    "sound",
    "sparse",
    "spikes",
    "stdp",
    "substrate",
    "surrogate",
    "sweep",
    "synapses",
    "textbook",
    "training",
    "Adam",
    "AdaptiveLIF",
    "Affine",
    "AugmentedImages",
    "CroppedImages",
    "Cochlea",
    "ConstantCurrent",
    "DeepR",
    "FixedMask",
    "Frontier",
    "GradR",
    "History",
    "LIF",
    "LeakyIntegrator",
    "Magnitude",
    "MembraneSignal",
    "Network",
    "SGD",
    "ReLU",
    "STDPFeatures",
    "STDS",
    "SoftDeepR",
    "SpikeTrains",
    "SpikingClassifier",
    "SpikingRegressor",
    "Substrate",
    "Trace",
    "Values",
    "avoidance",
    "check",
    "early_exit",
    "evaluate",
    "explain",
    "predict",
    "progress",
    "reveal",
    "time_to_decision",
    "train",
    "warm_up",
]
