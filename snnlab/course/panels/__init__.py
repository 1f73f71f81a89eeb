"""The panels of the course, one to three for each notebook from the second on."""

from snnlab.course.panels.borrowed import BorrowedWeights
from snnlab.course.panels.broken import BrokenNeurons
from snnlab.course.panels.chip import Imperfections, ThroughTheChip
from snnlab.course.panels.chipwires import RewireOnChip
from snnlab.course.panels.clinic import Clinic
from snnlab.course.panels.cost import SpikeCost
from snnlab.course.panels.depth import Depth, TrainDeep
from snnlab.course.panels.detectors import WithoutTeacher
from snnlab.course.panels.digits import DrawDigit, PixelsToSpikes
from snnlab.course.panels.gradients import BackwardInTime, Surrogates
from snnlab.course.panels.layers import RewireDeep
from snnlab.course.panels.listening import LearnToListen, Listen, SayDigit
from snnlab.course.panels.maps import FeatureMaps, TrainPatches, patch_network, receptive_field
from snnlab.course.panels.pauses import FindConstants, LearnPauses
from snnlab.course.panels.readout import ReadOut
from snnlab.course.panels.regions import YinYang
from snnlab.course.panels.rewire import Rewire
from snnlab.course.panels.silence import Silence
from snnlab.course.panels.telling import TellDigit, Walk
from snnlab.course.panels.traces import OneNumber, WithoutTime
from snnlab.course.panels.train import Run, TrainLive
from snnlab.course.panels.wires import WireThatReturns

__all__ = [
    "BackwardInTime",
    "BorrowedWeights",
    "BrokenNeurons",
    "Clinic",
    "Depth",
    "DrawDigit",
    "FeatureMaps",
    "FindConstants",
    "Imperfections",
    "LearnPauses",
    "LearnToListen",
    "Listen",
    "OneNumber",
    "PixelsToSpikes",
    "ReadOut",
    "Rewire",
    "RewireDeep",
    "RewireOnChip",
    "Run",
    "SayDigit",
    "Silence",
    "SpikeCost",
    "Surrogates",
    "TellDigit",
    "ThroughTheChip",
    "TrainDeep",
    "TrainLive",
    "TrainPatches",
    "Walk",
    "WireThatReturns",
    "WithoutTeacher",
    "WithoutTime",
    "YinYang",
    "patch_network",
    "receptive_field",
]
