"""Figures: each is drawn once by a ``draw_*``, its data set anew by the ``update_*`` beside it.

A ``draw_*`` returns a `Picture`, which a notebook shows when it is the last line of a cell, and
which carries a sentence saying what is to be seen. The layout is solved once, then frozen; drawing
changes no data; pyplot is never involved, so no figures pile up and nothing depends on a backend.

Colours are those of Okabe and Ito, one per role, and roles also differ in marker or line style.
The face is white, so that figures can be read on light and dark pages.
"""

from snnlab.plot.clinic import draw_report, draw_ward, update_ward
from snnlab.plot.decision import draw_decision, draw_explanation, draw_read_out, update_read_out
from snnlab.plot.energy import draw_cost, draw_energy, update_cost
from snnlab.plot.images import draw_code, draw_images, update_images
from snnlab.plot.network import draw_history, draw_raster, update_history, update_raster
from snnlab.plot.neuron import draw_neuron, draw_order, neuron_alt, update_neuron
from snnlab.plot.raster import Raster
from snnlab.plot.rewiring import (
    draw_connectivity,
    draw_inputs,
    draw_prior,
    draw_rules,
    draw_theta,
    draw_tradeoff,
)  # fmt: skip
from snnlab.plot.style import (
    DPI,
    OKABE_ITO,
    QUIET,
    ROLES,
    US,
    Picture,
    freeze,
    new_figure,
    page_size,
    show,
    to_png,
)  # fmt: skip
from snnlab.plot.sweep import draw_frontier, draw_silence, update_frontier, update_silence
from snnlab.plot.training import draw_runs, update_runs

__all__ = [
    "DPI",
    "OKABE_ITO",
    "Picture",
    "QUIET",
    "ROLES",
    "Raster",
    "US",
    "draw_code",
    "draw_connectivity",
    "draw_cost",
    "draw_decision",
    "draw_energy",
    "draw_explanation",
    "draw_frontier",
    "draw_history",
    "draw_images",
    "draw_inputs",
    "draw_neuron",
    "draw_order",
    "draw_prior",
    "draw_raster",
    "draw_read_out",
    "draw_report",
    "draw_rules",
    "draw_runs",
    "draw_silence",
    "draw_theta",
    "draw_tradeoff",
    "draw_ward",
    "freeze",
    "neuron_alt",
    "new_figure",
    "page_size",
    "show",
    "to_png",
    "update_cost",
    "update_frontier",
    "update_history",
    "update_images",
    "update_neuron",
    "update_raster",
    "update_read_out",
    "update_runs",
    "update_silence",
    "update_ward",
]
