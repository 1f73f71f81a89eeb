"""Figures: each is drawn once by a ``draw_*``, its data set anew by the ``update_*`` beside it.

A ``draw_*`` returns a `Picture`, which a notebook shows when it is the last line of a cell, and
which carries a sentence saying what is to be seen. The layout is solved once, then frozen; drawing
changes no data; pyplot is never involved, so no figures pile up and nothing depends on a backend.

Colours are those of Okabe and Ito, one per role, and roles also differ in marker or line style.
The face is white, so that figures can be read on light and dark pages.
"""

from snnlab.plot.chip import draw_mismatch, draw_transfer
from snnlab.plot.clinic import draw_report
from snnlab.plot.decision import draw_decision, draw_explanation
from snnlab.plot.energy import draw_energy
from snnlab.plot.gradients import (
    draw_backward,
    draw_surrogate,
    update_backward,
    update_surrogate,
)  # fmt: skip
from snnlab.plot.images import draw_code, draw_images, update_images
from snnlab.plot.latency import draw_latency, update_latency
from snnlab.plot.network import draw_history, draw_raster, update_history, update_raster
from snnlab.plot.neuron import draw_neuron, draw_order, neuron_alt, update_neuron
from snnlab.plot.raster import Raster
from snnlab.plot.regions import draw_regions, region_colours, update_regions
from snnlab.plot.rewiring import draw_connectivity, draw_inputs, draw_prior, draw_theta
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
from snnlab.plot.sweep import draw_frontier, update_frontier
from snnlab.plot.training import draw_runs, update_runs
from snnlab.plot.wires import (
    draw_chip_wires,
    draw_cloud,
    draw_rewiring,
    update_chip_wires,
    update_cloud,
    update_rewiring,
)  # fmt: skip

__all__ = [
    "DPI", "OKABE_ITO", "Picture", "QUIET", "ROLES", "Raster", "US", "draw_backward", "draw_code",
    "draw_connectivity", "draw_decision", "draw_energy", "draw_explanation", "draw_frontier",
    "draw_history", "draw_images", "draw_inputs", "draw_latency", "draw_mismatch", "draw_neuron",
    "draw_order", "draw_prior", "draw_raster", "draw_report", "draw_runs", "draw_surrogate",
    "draw_theta", "draw_transfer", "freeze", "neuron_alt", "new_figure", "page_size", "show",
    "to_png", "update_backward", "update_frontier", "update_history", "update_images",
    "update_latency", "update_neuron", "update_raster", "update_runs", "update_surrogate",
    "draw_cloud", "draw_rewiring", "update_cloud", "update_rewiring",
    "draw_chip_wires", "draw_regions", "region_colours", "update_chip_wires", "update_regions",
]  # fmt: skip
