"""Figures of the course's panels; those of the library are in `snnlab.plot`."""

from snnlab.course.figures.borrowed import (
    draw_borrowed,
    draw_conversions,
    draw_rate_errors,
    update_borrowed,
)
from snnlab.course.figures.broken import draw_broken, update_broken
from snnlab.course.figures.cost import draw_cost, update_cost
from snnlab.course.figures.depth import (
    draw_deep_training,
    draw_depth,
    draw_growth,
    update_deep_training,
    update_depth,
)
from snnlab.course.figures.detectors import draw_detectors, update_detectors
from snnlab.course.figures.gradients import (
    draw_backward,
    draw_surrogate,
    update_backward,
    update_surrogate,
)
from snnlab.course.figures.latency import draw_latency, update_latency
from snnlab.course.figures.layers import draw_layers, update_layers
from snnlab.course.figures.listening import (
    draw_hearing,
    draw_learning,
    draw_saying,
    update_hearing,
    update_learning,
    update_saying,
)
from snnlab.course.figures.maps import draw_maps, draw_patches, update_maps, update_patches
from snnlab.course.figures.neuron import draw_neuron, draw_order
from snnlab.course.figures.pauses import draw_finding, draw_pauses, update_finding, update_pauses
from snnlab.course.figures.readout import draw_read_out, update_read_out
from snnlab.course.figures.regions import draw_regions, region_colours, update_regions
from snnlab.course.figures.rewiring import (
    draw_chip_wires,
    draw_rewiring,
    update_chip_wires,
    update_rewiring,
)
from snnlab.course.figures.runs import draw_runs, update_runs
from snnlab.course.figures.silence import draw_silence, update_silence
from snnlab.course.figures.substrate import draw_loop, draw_substrate, update_loop, update_substrate
from snnlab.course.figures.telling import (
    draw_prices,
    draw_told,
    draw_walk,
    update_told,
    update_walk,
)
from snnlab.course.figures.traces import draw_traces, update_traces
from snnlab.course.figures.ward import draw_ward, update_ward
from snnlab.course.figures.wires import draw_cloud, update_cloud

__all__ = [
    "draw_backward",
    "draw_borrowed",
    "draw_broken",
    "draw_chip_wires",
    "draw_cloud",
    "draw_conversions",
    "draw_cost",
    "draw_deep_training",
    "draw_depth",
    "draw_detectors",
    "draw_finding",
    "draw_growth",
    "draw_hearing",
    "draw_latency",
    "draw_layers",
    "draw_learning",
    "draw_loop",
    "draw_maps",
    "draw_neuron",
    "draw_order",
    "draw_patches",
    "draw_pauses",
    "draw_prices",
    "draw_rate_errors",
    "draw_read_out",
    "draw_regions",
    "draw_rewiring",
    "draw_runs",
    "draw_saying",
    "draw_silence",
    "draw_substrate",
    "draw_surrogate",
    "draw_told",
    "draw_traces",
    "draw_walk",
    "draw_ward",
    "region_colours",
    "update_backward",
    "update_borrowed",
    "update_broken",
    "update_chip_wires",
    "update_cloud",
    "update_cost",
    "update_deep_training",
    "update_depth",
    "update_detectors",
    "update_finding",
    "update_hearing",
    "update_latency",
    "update_layers",
    "update_learning",
    "update_loop",
    "update_maps",
    "update_patches",
    "update_pauses",
    "update_read_out",
    "update_regions",
    "update_rewiring",
    "update_runs",
    "update_saying",
    "update_silence",
    "update_substrate",
    "update_surrogate",
    "update_told",
    "update_traces",
    "update_walk",
    "update_ward",
]
