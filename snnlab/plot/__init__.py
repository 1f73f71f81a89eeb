"""Figures: each is drawn once by a ``draw_*``, its data set anew by the ``update_*`` beside it.

A ``draw_*`` returns a `Picture`, which a notebook shows when it is the last line of a cell, and
which carries a sentence saying what is to be seen. The layout is solved once, then frozen; drawing
changes no data; pyplot is never involved, so no figures pile up and nothing depends on a backend.

Colours are those of Okabe and Ito, one per role, and roles also differ in marker or line style.
The face is white, so that figures can be read on light and dark pages.
"""

from snnlab.plot.chip import draw_defects, draw_mismatch, draw_transfer, update_defects
from snnlab.plot.clinic import draw_report
from snnlab.plot.decision import draw_decision, draw_early_exit, draw_explanation
from snnlab.plot.energy import draw_energy
from snnlab.plot.images import draw_code, draw_images, update_images
from snnlab.plot.network import draw_history, draw_raster, update_history, update_raster
from snnlab.plot.raster import Raster
from snnlab.plot.rewiring import (
    draw_connectivity,
    draw_inputs,
    draw_prior,
    draw_rules,
    draw_theta,
    draw_tradeoff,
)
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
)
from snnlab.plot.sweep import draw_frontier, update_frontier

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
    "draw_decision",
    "draw_defects",
    "draw_early_exit",
    "draw_energy",
    "draw_explanation",
    "draw_frontier",
    "draw_history",
    "draw_images",
    "draw_inputs",
    "draw_mismatch",
    "draw_prior",
    "draw_raster",
    "draw_report",
    "draw_rules",
    "draw_theta",
    "draw_tradeoff",
    "draw_transfer",
    "freeze",
    "new_figure",
    "page_size",
    "show",
    "to_png",
    "update_defects",
    "update_frontier",
    "update_history",
    "update_images",
    "update_raster",
]
