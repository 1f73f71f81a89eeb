"""Telling pictures in spikes: a picture, the spikes that pass, what is read; a walk between two."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from snnlab.plot import style
from snnlab.plot.raster import Raster, grey_rgb, rgb_of
from snnlab.plot.style import QUIET, ROLES, an, count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from matplotlib.figure import Figure, SubFigure

    from snnlab.plot.style import Picture

SPIKE, HELD = ROLES["spike"], QUIET


def _place_spikes(ax, n_steps, n_units, title):
    """Room for the spikes of a bottleneck."""
    ax.set(xlim=(0, n_steps), ylim=(n_units, 0))
    ax.set_xticks(range(0, n_steps + 1, max(1, n_steps // 4)))
    style.label_axes(ax, x="step", y="unit", title=title)
    ax.spines[:].set_visible(True)


def _place_image(ax, title, aspect=1.0):
    """Room for an image."""
    ax.set(xticks=[], yticks=[], box_aspect=aspect)
    ax.spines[:].set_visible(True)
    style.label_axes(ax, title=title)


@style.styled
def draw_told(data: Mapping[str, Any]) -> Picture:
    """A picture, its spikes of which some pass, and what is read from these.

    Parameters
    ----------
    data : dict
        ``image``, ``read``: arrays (n, n) in [0, 1]; ``spikes``, ``passed``: arrays of bool
        (step, unit), those drawn and those among them that pass; ``error``: mean squared
        difference of a pixel.

    Returns
    -------
    Raster
    """
    fig = style.new_figure(6.8, 3.0)
    fig.get_layout_engine().set(wspace=0.04)
    image, spikes, read = fig.subplots(1, 3, width_ratios=[1, 1.2, 1])
    _place_image(image, "the picture")
    _place_spikes(spikes, *data["spikes"].shape, "spikes; grey: held back")
    _place_image(read, "read from the spikes")
    style.freeze(fig)
    picture = Raster(fig, "", image=image, spikes=spikes, read=read)
    update_told(picture, data)
    return picture


def update_told(picture: Picture, data: Mapping[str, Any]) -> None:
    """Show other data in a picture of `draw_told`; arguments as there."""
    for name in ("image", "read"):
        picture.paste(name, grey_rgb(data[name]))
    step, unit = np.nonzero(data["spikes"])
    passes = data["passed"][step, unit]
    colours = np.where(passes[:, None], rgb_of(SPIKE), rgb_of(HELD)).astype(np.uint8)
    picture.paste_events("spikes", step, unit, *data["spikes"].shape, colours)
    n = int(passes.sum())
    picture.alt = (
        f"A picture of {len(data['image'])} by {len(data['image'])} pixels, "
        f"{count(n, 'spike')} that may pass of {len(step)} that were drawn, and the picture read "
        f"from them, whose pixels differ by {data['error']:.4f}, squared, on average."
    )


@style.styled
def draw_walk(data: Mapping[str, Any]) -> Picture:
    """A walk between two pictures, through spikes and through pixels.

    Parameters
    ----------
    data : dict
        ``read``: array (k, n, n), what is read from spikes on the way; ``faded``: the same, pixels
        faded from one picture into the other; ``spikes``: array of bool (step, unit) at place
        ``at``; ``labels``: of both pictures.

    Returns
    -------
    Raster
    """
    fig = style.new_figure(6.8, 3.9)
    grid = fig.add_gridspec(2, 2, height_ratios=[2.2, 1.5])
    here, spikes, way = (fig.add_subplot(place) for place in (grid[0, 0], grid[0, 1], grid[1, :]))
    _place_image(here, "read here")
    _place_spikes(spikes, *data["spikes"].shape, "from these spikes")
    k = len(data["read"])
    _place_image(way, "the way: through spikes (above), through pixels (below)", 2 / k)
    style.freeze(fig)
    picture = Raster(fig, "", here=here, spikes=spikes, way=way)
    update_walk(picture, data)
    return picture


def _row(images, at):
    """Images side by side, that at a place in a frame."""
    n = images.shape[1]
    rgb = np.concatenate([grey_rgb(image) for image in images], axis=1)
    rgb = np.repeat(np.repeat(rgb, 4, axis=0), 4, axis=1)
    left, right = 4 * n * at, 4 * n * (at + 1)
    for edge in (np.s_[:3, left:right], np.s_[-3:, left:right]):
        rgb[edge] = rgb_of(SPIKE)
    for edge in (np.s_[:, left : left + 3], np.s_[:, right - 3 : right]):
        rgb[edge] = rgb_of(SPIKE)
    return rgb


def update_walk(picture: Picture, data: Mapping[str, Any]) -> None:
    """Show other data in a picture of `draw_walk`; arguments as there."""
    at = data["at"]
    picture.paste("here", grey_rgb(data["read"][at]))
    step, unit = np.nonzero(data["spikes"])
    picture.paste_events("spikes", step, unit, *data["spikes"].shape, rgb_of(SPIKE))
    rows = _row(data["read"], at), _row(data["faded"], at)
    picture.paste("way", np.concatenate(rows))
    first, last = data["labels"]
    picture.alt = (
        f"{len(data['read'])} pictures on the way from {an(first)} to {an(last)}: above those read "
        f"from spikes, below pixels that fade from one into the other. At place {at + 1} "
        f"{count(len(step), 'spike')} tell the picture that is shown large."
    )


@style.styled
def draw_prices(
    records: Sequence[Mapping[str, Any]], *, fig: Figure | SubFigure | None = None
) -> Picture:
    """Stored runs at several prices of information: error of what is read over spikes that tell it.

    Parameters
    ----------
    records : list of dict
        Of the study ``telling-mnist16``.
    fig : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    fig = style.figure(6.0, 3.6, fig)
    ax, said = fig.add_subplot(), []
    reads = ("time", "hears when", "o-", "spike"), ("rate", "hears how often", "s--", "training")
    through = [r for r in records if r["config"]["estimator"] == "straight-through"]
    for kind, name, look, role in reads:
        mine = [(r["spikes"], r["mean"]) for r in through if r["config"]["reads"] == kind]
        spikes, error = np.array(sorted(mine)).T
        ax.plot(spikes, error, look, ms=5, color=ROLES[role], label=f"decoder {name}")
        said.append(
            f"{name}: {error[0]:.4f} at {spikes[0]:.0f} to {error[-1]:.4f} at {spikes[-1]:.0f}"
        )
    for r in records:
        if r["config"]["estimator"] == "score-function":
            ax.plot(r["spikes"], r["mean"], "D", ms=6, color=ROLES["gradient"])
            ax.annotate(
                "score function", (r["spikes"], r["mean"]), (8, -4), textcoords="offset points"
            )
            said.append(f"score function {r['mean']:.4f} at {r['spikes']:.0f}")
    ax.set_ylim(0, 1.1 * max(r["mean"] for r in records))
    ax.legend(loc="lower left")
    style.label_axes(ax, "spikes per picture", "error of a pixel, squared", "What spikes buy")
    return style.Picture(
        fig, "Errors over spikes per picture. A decoder that " + "; ".join(said) + "."
    )
