"""Panels: controls, a picture that follows them, and a line of text, for notebooks.

    panel = OneNeuron()  # in a notebook's cell
    panel

A panel of your own subclasses `Panel`: ``controls`` says what can be set, ``simulate`` turns the
values into data, ``draw`` and ``update`` make a picture of them (`snnlab.plot`), ``describe`` a
line of text. None of them knows of widgets, and ``simulate`` and ``describe`` can be called, and
tested, without any. Long work runs on a thread of its own (`Worker`).
"""

from snnlab.live.broken import BrokenNeurons
from snnlab.live.chip import Imperfections, ThroughTheChip
from snnlab.live.chipwires import RewireOnChip
from snnlab.live.clinic import Clinic
from snnlab.live.cost import SpikeCost
from snnlab.live.digits import DrawDigit, PixelsToSpikes
from snnlab.live.gradients import BackwardInTime, Surrogates
from snnlab.live.grid import Grid, Switches
from snnlab.live.neuron import OneNeuron
from snnlab.live.pad import Drawing, Pad
from snnlab.live.panel import Action, Choice, Panel, Slider, Stops
from snnlab.live.readout import ReadOut
from snnlab.live.regions import YinYang
from snnlab.live.rewire import Rewire
from snnlab.live.silence import Silence
from snnlab.live.train import Run, TrainLive
from snnlab.live.wires import WireThatReturns
from snnlab.live.worker import Worker

__all__ = [
    "Action", "BackwardInTime", "BrokenNeurons", "Choice", "Clinic", "DrawDigit", "Drawing", "Grid",
    "Imperfections", "OneNeuron", "Pad", "Panel", "PixelsToSpikes", "ReadOut", "Rewire",
    "RewireOnChip", "Run", "Silence", "Slider", "SpikeCost", "Stops", "Surrogates", "Switches",
    "ThroughTheChip", "TrainLive", "WireThatReturns", "Worker", "YinYang",
]  # fmt: skip
