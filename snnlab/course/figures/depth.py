"""Depth: what comes up through the layers of a network, and what of its gradient comes down."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from matplotlib.ticker import MaxNLocator, NullFormatter, NullLocator

from snnlab.course.figures.parts import place_accuracy, place_others, show_accuracy, show_others
from snnlab.plot import style
from snnlab.plot.style import QUIET, ROLES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from matplotlib.figure import Figure, SubFigure

    from snnlab.plot.style import Picture

LEAST = 1e-6  # of a norm, relative to the last layer's, that is shown
MOST = 1 / LEAST
LOOKS = {"superspike": ("-", ROLES["gradient"]), "arctan": ("--", ROLES["input"])}


def _place_layers(fig, depth):
    """Room for spikes and gradients by layer; returns axes beside it, those of spikes, lines."""
    grid = fig.add_gridspec(2, 2, width_ratios=[1.25, 1], height_ratios=[1, 1.5])
    rates, norms = (fig.add_subplot(grid[k, 0]) for k in range(2))
    right = fig.add_subplot(grid[:, 1])
    (spikes,) = rates.plot([], [], "o-", color=ROLES["spike"], ms=4)
    rates.set(ylim=(-0.03, 1.03))
    rates.tick_params(labelbottom=False)
    style.label_axes(rates, y="spikes per unit\nand step", title=" ")
    norms.axhline(1, color=QUIET, lw=0.8)
    (gradient,) = norms.plot([], [], "o-", color=ROLES["gradient"], ms=4)
    norms.set_yscale("log")
    norms.yaxis.set_minor_locator(NullLocator())
    norms.set(ylim=(LEAST / 4, 4 * MOST), yticks=[1e-6, 1e-3, 1, 1e3, 1e6])
    style.label_axes(norms, x="layer, from the image up", y="gradient, by\nthe last layer's")
    for ax in (rates, norms):
        ax.set_xlim(0.5, depth + 0.5)
        ax.xaxis.set_major_locator(MaxNLocator(7, integer=True))
    return right, rates, (spikes, gradient)


def _show_layers(lines, rates, norms):
    """Draw what `_place_layers` made room for; norms that are too small or large at the edge."""
    layers = np.arange(1, len(rates) + 1)
    lines[0].set_data(layers, rates)
    lines[0].axes.set_xlim(0.5, len(rates) + 0.5)
    last = norms[-1]
    relative = norms / last if last > 0 else np.zeros(len(norms))
    lines[1].set_data(layers, np.clip(relative, LEAST, MOST))
    lines[1].axes.set_xlim(0.5, len(rates) + 0.5)
    return relative


def multiple(x: float) -> str:
    """A ratio in words, rounded to two digits: "3.1 times", "1,200,000 times", "1/62,000 of"."""
    if x >= 0.995:
        rounded = float(f"{x:.2g}")
        return f"{rounded:,.0f} times" if rounded >= 10 else f"{rounded:g} times"
    return (
        f"{x:.2g} of" if x >= 0.01 else f"1/{float(f'{1 / x:.2g}'):,.0f} of" if x else "nothing of"
    )


def _said_of(factor):
    """What a factor from layer to layer means."""
    if factor == 0:
        return "none arrives"
    return f"x {factor:.2f} per layer" if factor < 100 else "x more than 100 per layer"


@style.styled
def draw_depth(data: Mapping[str, Any], *, fig: Figure | SubFigure | None = None) -> Picture:
    """A deep network before any training: spikes and gradients by layer, and what steepness does.

    Parameters
    ----------
    data : dict
        ``rates`` (layer,): spikes per unit and step; ``norms`` (layer,): of the gradient by each
        layer's currents; ``steepnesses`` (n,) and ``factors`` (n,): the factor from layer to layer
        at each of them, 0 where no gradient arrives; ``steepness`` and ``factor``: those of this
        network; ``flat``: the steepness at which the factor is 1, 0 if there is none; ``settings``:
        a few words.
    fig : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    fig = style.figure(6.8, 4.2, fig)
    growth, rates, lines = _place_layers(fig, len(data["rates"]))
    growth.axhline(1, color=QUIET, lw=0.8)
    (curve,) = growth.plot([], [], "-", color=ROLES["gradient"], lw=1.2)
    (here,) = growth.plot([], [], "D", color=ROLES["spike"], ms=7)
    growth.set(xscale="log", yscale="log", ylim=(0.1, 10))
    ends = data["steepnesses"][0], data["steepnesses"][-1]
    growth.set_xlim(ends[0] / 1.3, ends[1] * 1.3)
    growth.set_yticks([0.1, 0.3, 1, 3, 10], ["0.1", "0.3", "1", "3", "10"])
    growth.set_xticks([0.25, 1, 4, 16], ["0.25", "1", "4", "16"])
    for axis in (growth.xaxis, growth.yaxis):
        axis.set_minor_locator(NullLocator())
        axis.set_minor_formatter(NullFormatter())
    style.label_axes(growth, x="steepness", y="gradient: factor from layer to layer", title=" ")
    said = [rates.title, growth.title]
    parts = {"lines": lines, "curve": curve, "here": here, "said": said}
    return style.begin(fig, update_depth, data, **parts)


@style.styled
def update_depth(picture: Picture, data: Mapping[str, Any]) -> None:
    """Show other data in a picture of `draw_depth`; arguments as there."""
    a, depth = picture.artists, len(data["rates"])
    relative = _show_layers(a.lines, data["rates"], data["norms"])
    there = data["factors"] > 0
    clipped = np.clip(data["factors"], 0.1, 10)
    a.curve.set_data(data["steepnesses"][there], clipped[there])
    factor = data["factor"]
    a.here.set_data([data["steepness"]], [float(np.clip(factor, 0.1, 10))])
    a.said[0].set_text(f"{depth} layers; the last one at {data['rates'][-1]:.2f}")
    a.said[1].set_text(_said_of(factor))
    even = f"; it would be 1 at {data['flat']:.2g}" if data["flat"] else ""
    picture.alt = (
        f"A network of {depth} layers before training, {data['settings']}: its first layer spikes "
        f"at a rate of {data['rates'][0]:.2f}, its last at {data['rates'][-1]:.2f}. Of the "
        f"gradient the first layer gets {multiple(relative[0])} what the last one gets; the factor "
        f"from layer to layer at steepness {data['steepness']:g} is {factor:.2f}{even}."
    )


@style.styled
def draw_growth(
    records: Sequence[Mapping[str, Any]],
    *,
    start: str = "norm",
    shortcut: str = "none",
    fig: Figure | SubFigure | None = None,
) -> Picture:
    """The stored map: factors from layer to layer by steepness, and gradients of 20 layers.

    Parameters
    ----------
    records : list of dict
        Of the study ``gradients``.
    start, shortcut : str
        Which networks.
    fig : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    fig = style.figure(7.4, 3.6, fig)
    growth, layers = (fig.add_subplot(1, 2, k) for k in (1, 2))
    wanted = {"start": start, "shortcut": shortcut}
    kept = [r for r in records if r["metric"] == "flat" and wanted.items() <= r["config"].items()]
    depths = sorted({r["config"]["depth"] for r in kept})
    for r in kept:
        depth, surrogate = r["config"]["depth"], r["config"]["surrogate"]
        dash, colour = LOOKS[surrogate]
        factors = np.exp(np.log(r["growth_values"]).mean(axis=0))
        (line,) = growth.plot(r["steepnesses_values"][0], factors, dash, color=colour)
        line.set_alpha(0.3 + 0.7 * depths.index(depth) / (len(depths) - 1))
        line.set_label(surrogate if depth == depths[-1] else "_")
    growth.axhline(1, color=QUIET, lw=0.8)
    growth.set(xscale="log", yscale="log")
    growth.legend()
    title = f"{depths[0]} (pale) to {depths[-1]} layers"
    style.label_axes(growth, "steepness", "gradient: factor from layer to layer", title)
    wanted = {"depth": depths[-1], "surrogate": "superspike"}
    (deepest,) = (r for r in kept if wanted.items() <= r["config"].items())
    shown = deepest["shown_values"][0]
    norms = np.exp(np.log(deepest["adjoints_values"]).mean(axis=0))
    for k, (steepness, row) in enumerate(zip(shown, norms, strict=True)):
        colour = matplotlib.colormaps["cividis"](0.9 * k / (len(shown) - 1))
        layers.plot(np.arange(1, len(row) + 1), row, color=colour, label=f"{steepness:g}")
    layers.set_yscale("log")
    layers.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    layers.legend(title="steepness", ncols=2)
    title = f"{depths[-1]} layers, superspike"
    style.label_axes(layers, "layer, from the image up", "gradient, by the last layer's", title)
    alt = (
        f"Left: the factor by which a gradient changes from layer to layer, over the steepness of "
        f"two surrogates; curves of {depths[0]} to {depths[-1]} layers lie nearly upon each other. "
        f"That of superspike falls and crosses 1 at {deepest['mean']:.2g}, that of arctan rises. "
        f"Right: gradients of {depths[-1]} layers, layer by layer, from exploding at steepness "
        f"{shown[0]:g} to vanishing at {shown[-1]:g}."
    )
    return style.Picture(fig, alt)


@style.styled
def draw_deep_training(
    data: Mapping[str, Any], *, fig: Figure | SubFigure | None = None
) -> Picture:
    """A deep network as it learns: spikes and gradients by layer, and its accuracy.

    Parameters
    ----------
    data : dict
        ``rates`` (layer,) and ``norms`` (layer,) as for `draw_depth`; ``tested``: list of (step,
        accuracy in [0, 1]); ``others``: the same of a network of two layers; ``steps``: how many
        there will be; ``settings``: a few words.
    fig : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    fig = style.figure(6.8, 4.2, fig)
    curve, rates, lines = _place_layers(fig, len(data["rates"]))
    tests = place_accuracy(curve, data["steps"], "test accuracy (%)")
    others = place_others(curve, tests, "this network", "two layers", -0.16)
    parts = {"lines": lines, "tests": tests, "others": others}
    return style.begin(
        fig, update_deep_training, data, **parts, said=[rates.title, curve.title], curve=curve
    )


@style.styled
def update_deep_training(picture: Picture, data: Mapping[str, Any]) -> None:
    """Show other data in a picture of `draw_deep_training`; arguments as there."""
    a, depth = picture.artists, len(data["rates"])
    relative = _show_layers(a.lines, data["rates"], data["norms"])
    a.curve.set_xlim(-0.03 * data["steps"], 1.03 * data["steps"])
    step, accuracy = show_accuracy(a.tests, data["tested"])
    others = show_others(a.others, data["others"], step)
    a.said[0].set_text(f"{depth} layers; the last one at {data['rates'][-1]:.2f}")
    a.said[1].set_text(f"{accuracy:.1f} % at step {step}")
    shallow = "" if others is None else f"; a network of two layers has {others:.1f} %"
    picture.alt = (
        f"A network of {depth} layers as it learns, {data['settings']}: after step {step} of "
        f"{data['steps']} it reads {accuracy:.1f} % of the test images rightly{shallow}. Its last "
        f"layer spikes at a rate of {data['rates'][-1]:.2f}; the gradient at the first layer is "
        f"{multiple(relative[0])} the last one's."
    )
