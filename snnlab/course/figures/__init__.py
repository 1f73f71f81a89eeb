"""Figures of the course's panels; those of the library are in `snnlab.plot`."""

from snnlab.course.figures.broken import draw_broken, update_broken
from snnlab.course.figures.chip import draw_defects, draw_mismatch, draw_transfer, update_defects
from snnlab.course.figures.gradients import (
    draw_backward,
    draw_surrogate,
    update_backward,
    update_surrogate,
)  # fmt: skip
from snnlab.course.figures.latency import draw_latency, update_latency
from snnlab.course.figures.regions import draw_regions, region_colours, update_regions
from snnlab.course.figures.substrate import (
    draw_loop,
    draw_substrate,
    update_loop,
    update_substrate,
)  # fmt: skip
from snnlab.course.figures.wires import (
    draw_chip_wires,
    draw_cloud,
    draw_rewiring,
    update_chip_wires,
    update_cloud,
    update_rewiring,
)  # fmt: skip

__all__ = [
    "draw_backward",
    "draw_broken",
    "draw_chip_wires",
    "draw_cloud",
    "draw_defects",
    "draw_latency",
    "draw_loop",
    "draw_mismatch",
    "draw_regions",
    "draw_rewiring",
    "draw_substrate",
    "draw_surrogate",
    "draw_transfer",
    "region_colours",
    "update_backward",
    "update_broken",
    "update_chip_wires",
    "update_cloud",
    "update_defects",
    "update_latency",
    "update_loop",
    "update_regions",
    "update_rewiring",
    "update_substrate",
    "update_surrogate",
]
