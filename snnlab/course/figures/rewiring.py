"""A network while it is rewired: what is left of it, where, and how well it still reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

from snnlab.course.figures.parts import (
    in_percent,
    percent_axis,
    place_accuracy,
    place_share,
    show_accuracy,
    show_share,
)
from snnlab.plot import style
from snnlab.plot.rewiring import RULES
from snnlab.plot.style import QUIET, ROLES, count

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from matplotlib.figure import Figure, SubFigure

    from snnlab.plot.style import Picture

LOOKS = {name: RULES[name] for name in ("Grad R", "Deep R", "STDS")}
LOOKS |= {"magnitude": RULES["magnitude, gradual"], "fixed mask": RULES["random mask"]}


@style.styled
def draw_rewiring(data: Mapping[str, Any], *, fig: Figure | SubFigure | None = None) -> Picture:
    """A network while a rule rewires it: connectivity, accuracy, its pixels, and other runs.

    Parameters
    ----------
    data : dict
        ``method``, one of the five of `snnlab.lessons.METHODS`; ``settings``: a few words;
        ``steps``: how many there will be; ``left``: connectivity (in [0, 1]) at the beginning and
        after each step; ``tested``: list of (step, accuracy in [0, 1]); ``pixels`` (rows, columns):
        wires left per pixel, of ``n_hidden``; ``target``: connectivity wanted, or None; ``others``:
        (method, connectivity, accuracy) of runs that ended before; ``stored``: the same of full
        runs, to be drawn behind.
    fig : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    fig = style.figure(6.6, 4.6, fig)
    grid = fig.add_gridspec(2, 2, width_ratios=[1, 1.25], height_ratios=[1, 1.15])
    left, accuracy = fig.add_subplot(grid[0, 0]), fig.add_subplot(grid[0, 1])
    pixels, frontier = fig.add_subplot(grid[1, 0]), fig.add_subplot(grid[1, 1])
    parts = place_share(left, data["steps"], "connectivity\n(% of weights)")
    parts["says"] = left.set_title(" ")
    parts["tests"] = place_accuracy(accuracy, data["steps"], "accuracy on\ntest images (%)")
    parts |= _place_pixels(pixels, data) | _place_frontier(frontier, data["stored"])
    return style.begin(fig, update_rewiring, data, **parts)


def _place_pixels(ax, data):
    top = max(data["n_hidden"] // 3, 1)
    image = ax.imshow(np.zeros(data["pixels"].shape), vmin=0, vmax=top, cmap="viridis")
    image.cmap = image.cmap.with_extremes(bad="white")
    bar = ax.figure.colorbar(image, ax=ax, extend="max")
    bar.set_label("wires per pixel")
    bar.ax.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    return {"image": image, "frame": style.frame_image(ax), "unused": ax.set_title(" ")}


def _place_frontier(ax, stored):
    dots = {}
    for name, (color, marker, _) in LOOKS.items():
        behind = in_percent([(100 * x, y) for method, x, y in stored if method == name])
        ax.plot(*behind, marker, ms=5, mfc="none", mec=QUIET, zorder=1)
        (dots[name],) = ax.plot([], [], marker, ms=6, color=color, label=name)
    (trail,) = ax.plot([], [], "-", lw=1, color=QUIET)
    (here,) = ax.plot([], [], "*", ms=14, mfc=ROLES["spike"], mec="black")
    percent_axis(ax, "x")
    ax.set_ylim(50, 101)
    style.light_grid(ax)
    title = "star: this run" + ("; hollow: stored" if stored else "")
    style.label_axes(ax, x="connectivity (% of weights)", y="accuracy (%), above 50", title=title)
    legend = style.Legend(ax, dots.values(), loc="lower right", fontsize=8, handletextpad=0.2)
    return {"trail": trail, "dots": dots, "here": here, "legend": legend}


@style.styled
def update_rewiring(picture: Picture, data: Mapping[str, Any]) -> None:
    """Show other data in a picture of `draw_rewiring`; arguments as there."""
    a = picture.artists
    left = show_share(a, np.arange(len(data["left"])), data["left"], data)
    step, accuracy = show_accuracy(a.tests, data["tested"])
    a.says.set_text(f"{data['method']}, {data['settings']}")
    pixels = data["pixels"]
    a.image.set_data(np.ma.masked_equal(pixels, 0))
    unused = int((pixels == 0).sum())
    a.unused.set_text(f"{count(unused, 'pixel')} not heard (blank)")
    for name, dots in a.dots.items():
        places = [(100 * x, y) for method, x, y in data["others"] if method == name]
        dots.set_data(*in_percent(places))
    a.legend.update(picture)
    at, accuracies = a.tests.get_data()
    a.trail.set_data(left[at.astype(int)], accuracies)
    a.here.set_data([left[step]], [accuracy])
    picture.alt = (
        f"{data['method']}, {data['settings']}: connectivity over {len(left) - 1} of "
        f"{data['steps']} steps, from {left[0]:.3g} to {left[-1]:.3g} %; "
        f"{accuracy:.1f} % of test images right at step {step}. A map of the "
        f"{pixels.size} pixels has {unused} of which no wire is left, and at most "
        f"{int(pixels.max())} wires per pixel. Accuracy against connectivity of this run and "
        f"{count(len(data['others']), 'other run')}."
    )


WORST = 0.6  # defect at which colours and places end
DEAD = 0.82  # place of the dead


@style.styled
def draw_chip_wires(data: Mapping[str, Any], *, fig: Figure | SubFigure | None = None) -> Picture:
    """Which wires are left on a chip, its neurons in the order of their faults.

    Parameters
    ----------
    data : dict
        ``wires`` (pixel, neuron): array of bool; ``defect`` (neuron,): infinite where dead;
        ``correlation`` of both, by rank, among living neurons; ``worst``: wires per neuron of the
        worst tenth as a share of what all have; ``steps``, ``tested``: as for `draw_rewiring`;
        ``left``: connectivity in [0, 1]; ``settings``: a few words.
    fig : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    fig = style.figure(6.6, 4.6, fig)
    grid = fig.add_gridspec(2, 2, width_ratios=[1.35, 1], height_ratios=[0.07, 1])
    strip, field = fig.add_subplot(grid[0, 0]), fig.add_subplot(grid[1, 0])
    beside = grid[:, 1].subgridspec(2, 1, height_ratios=[1.25, 1])
    dots, curve = fig.add_subplot(beside[0]), fig.add_subplot(beside[1])
    parts = _place_wires(strip, field, data["wires"].shape) | _place_numbers(dots)
    parts["tests"] = place_accuracy(curve, data["steps"], "accuracy, on\nthe chip (%)")
    curve.set_title("")
    return style.begin(fig, update_chip_wires, data, **parts)


def _place_wires(strip, field, shape):
    look = {"vmin": 0, "aspect": "auto"}
    faults = strip.imshow(np.zeros((1, shape[1])), vmax=WORST, cmap="cividis", **look)
    faults.cmap = faults.cmap.with_extremes(bad="white", over=ROLES["spike"])
    wires = field.imshow(np.zeros(shape), vmax=1, cmap="gray_r", **look)
    field.spines[:].set_visible(True)
    frame = [*style.frame_image(strip), *field.spines.values()]
    strip.set_ylabel("defect", rotation=0, ha="right", va="center")
    says = strip.set_title("\n")
    for axis in (field.xaxis, field.yaxis):
        axis.set_major_locator(MaxNLocator(5, integer=True))
    edge = field.axvline(shape[1] - 0.5, color=ROLES["spike"], lw=1.4)
    style.label_axes(field, x="hidden neuron, the best first (behind the line: dead)", y="pixel")
    return {"faults": faults, "wires": wires, "frame": frame, "says": says, "edge": edge}


def _place_numbers(ax):
    (alive,) = ax.plot([], [], "o", ms=4, color=ROLES["training"], label="alive")
    (gone,) = ax.plot([], [], "x", ms=6, mew=1.6, color=ROLES["spike"], label="dead")
    ax.set_xlim(-0.04, 0.9)
    ax.set_xticks(
        [0, 0.2, 0.4, WORST, DEAD], ["0", ".2", ".4", f"{WORST:.1f}+".lstrip("0"), "dead"]
    )
    ax.set_yscale("symlog", linthresh=10)
    ax.set(ylim=(-1, 300), yticks=[0, 5, 10, 50, 100, 200])
    ax.yaxis.set_major_formatter(style.plain)
    ax.minorticks_off()
    style.label_axes(ax, x="defect (rms deviation)", y="wires into the neuron")
    return {"alive": alive, "gone": gone, "number": ax.set_title("\n")}


@style.styled
def update_chip_wires(picture: Picture, data: Mapping[str, Any]) -> None:
    """Show other data in a picture of `draw_chip_wires`; arguments as there."""
    a, defect, wires = picture.artists, data["defect"], data["wires"]
    order = np.argsort(defect, kind="stable")
    dead = ~np.isfinite(defect)
    a.faults.set_data(np.where(dead, 2 * WORST, np.minimum(defect, WORST))[order][None])
    a.wires.set_data(wires[:, order])
    a.edge.set_xdata([len(defect) - dead.sum() - 0.5] * 2)
    per_neuron = wires.sum(axis=0)
    a.alive.set_data(np.minimum(defect[~dead], WORST), per_neuron[~dead])
    a.gone.set_data(np.full(dead.sum(), DEAD), per_neuron[dead])
    step, accuracy = show_accuracy(a.tests, data["tested"])
    a.says.set_text(f"{data['settings']}\n{100 * data['left']:.3g} % of all weights left")
    a.number.set_text(f"rank correlation\nof the living: {data['correlation']:+.2f}")
    picture.alt = (
        f"Map of the wires from {len(wires)} pixels to {len(defect)} hidden neurons on a chip, "
        f"{data['settings']}, neurons in the order of their faults, {int(dead.sum())} of them "
        f"dead. {int(per_neuron.sum()):,} wires are left. The worst tenth of the neurons has "
        f"{100 * data['worst']:.0f} % of the wires that a neuron has on average; rank correlation "
        f"of defect and wires {data['correlation']:+.2f} among the living. "
        f"{accuracy:.1f} % of test images right at step {step}."
    )
