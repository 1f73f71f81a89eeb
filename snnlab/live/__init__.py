"""Panels: controls, a picture that follows them, and a line of text, for notebooks.

    panel = OneNumber()  # in a notebook's cell
    panel

A panel of your own subclasses `Panel`: ``controls`` says what can be set, ``simulate`` turns the
values into data, ``draw`` and ``update`` make a picture of them (`snnlab.plot`), ``describe`` a
line of text. None of them knows of widgets, and ``simulate`` and ``describe`` can be called, and
tested, without any. Long work runs on a thread of its own (`Worker`).

`LivingNetwork` is a network that lives in the browser, `LeakyBucket` a neuron that does; `Stays`
lets widgets leave a picture where no kernel runs.
"""

from snnlab.live.bucket import LeakyBucket
from snnlab.live.controls import Action, Choice, Slider, Stops, as_options
from snnlab.live.grid import Grid, Switches
from snnlab.live.living import LivingNetwork, sample_digits, small_network
from snnlab.live.loudspeaker import Loudspeaker
from snnlab.live.microphone import Microphone, Spoken
from snnlab.live.pace import Pace
from snnlab.live.pad import Drawing, Pad
from snnlab.live.panel import Panel
from snnlab.live.still import Curtain, Stays, Still
from snnlab.live.worker import Worker

__all__ = [
    "Action",
    "Choice",
    "Curtain",
    "Drawing",
    "Grid",
    "LeakyBucket",
    "Loudspeaker",
    "LivingNetwork",
    "Microphone",
    "Pace",
    "Pad",
    "Panel",
    "Slider",
    "Spoken",
    "Stays",
    "Still",
    "Stops",
    "Switches",
    "Worker",
    "as_options",
    "sample_digits",
    "small_network",
]
