"""Gradients: what a surrogate makes of the step, and how adjoints run backwards in time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

from snnlab.plot import style
from snnlab.plot.style import OKABE_ITO, QUIET, ROLES, US

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from matplotlib.figure import Figure, SubFigure

    from snnlab.plot.style import Picture


@style.styled
def draw_surrogate(data: Mapping[str, Any], *, fig: Figure | SubFigure | None = None) -> Picture:
    """A surrogate's slope, the loss along one weight, and its gradient told in three ways.

    Parameters
    ----------
    data : dict
        ``u``, ``h``: distance from threshold and slope there; ``weights`` (n,); ``loss`` of the
        network that spikes, ``smooth`` of the one with soft steps; ``surrogate``, ``slope`` (of the
        smooth loss), ``difference`` (of the loss, between close neighbours), gradients by the
        weight, all (n,); ``at``: index of the weight that is looked at; ``name``, ``steepness``.
    fig : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    fig = style.figure(6.6, 4.4, fig)
    grid = fig.add_gridspec(2, 2, width_ratios=[1, 1.7])
    bump = fig.add_subplot(grid[:, 0])
    loss = fig.add_subplot(grid[0, 1])
    slope = fig.add_subplot(grid[1, 1], sharex=loss)
    (h,) = bump.plot([], [], color=ROLES["gradient"])
    bump.axvline(0, color=ROLES["threshold"], ls="--", lw=1)
    bump.set(xlim=(-1, 1), ylim=(0, 1.05))
    style.label_axes(
        bump, x="potential - threshold (arb. units)", y="slope, relative to its highest"
    )
    title = bump.set_title(" ")
    hard = {"color": ROLES["membrane"], "ls": "-", "lw": 1.2}
    soft = {"color": OKABE_ITO["sky blue"], "ls": "--"}
    given = {"color": ROLES["gradient"], "ls": "-", "marker": "o", "ms": 3, "markevery": 5}
    (steps,) = loss.plot([], [], **hard, drawstyle="steps-mid", label="with spikes")
    (smooth,) = loss.plot([], [], **soft, label="with soft steps")
    (tangent,) = loss.plot([], [], color=ROLES["gradient"], lw=2.5, label="surrogate")
    (jumps,) = slope.plot([], [], **hard, label="with spikes")
    (true,) = slope.plot([], [], **soft, label="with soft steps")
    (told,) = slope.plot([], [], **given, lw=1.2, label="surrogate")
    (point,) = slope.plot([], [], "D", color=ROLES["spike"], ms=7)
    (spot,) = loss.plot([], [], "D", color=ROLES["spike"], ms=7)
    slope.axhline(0, color=QUIET, lw=0.6, zorder=0)
    style.label_axes(loss, y="loss (nats)")
    style.label_axes(slope, x="one of the weights", y="gradient (nats)")
    loss.tick_params(labelbottom=False)
    for ax in (loss, slope):
        ends = data["weights"][0], data["weights"][-1]
        ax.set_xlim(ends[0] - 0.04, ends[1] + 0.04)
        ax.yaxis.set_major_locator(MaxNLocator(4))
        ax.margins(x=0)
        where = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0.2}
        ax.legend(ncols=3, handlelength=1.3, columnspacing=0.7, fontsize=8, **where)
    fig.align_ylabels([loss, slope])
    parts = {"h": h, "title": title, "steps": steps, "smooth": smooth, "tangent": tangent}
    parts |= {"jumps": jumps, "true": true, "told": told, "point": point, "spot": spot}
    return style.begin(fig, update_surrogate, data, **parts, loss=loss, slope=slope)


@style.styled
def update_surrogate(picture: Picture, data: Mapping[str, Any]) -> None:
    """Show other data in a picture of `draw_surrogate`; arguments as there."""
    a, w, at = picture.artists, data["weights"], data["at"]
    a.h.set_data(data["u"], data["h"] / data["h"].max())
    a.title.set_text(f"{data['name']}, steepness {data['steepness']:g}")
    a.steps.set_data(w, data["loss"])
    a.smooth.set_data(w, data["smooth"])
    here, g = data["loss"][at], data["surrogate"][at]
    reach = 0.12 * (w[-1] - w[0])
    a.tangent.set_data([w[at] - reach, w[at] + reach], [here - reach * g, here + reach * g])
    a.spot.set_data([w[at]], [here])
    a.jumps.set_data(w, data["difference"])
    a.true.set_data(w, data["slope"])
    a.told.set_data(w, data["surrogate"])
    a.point.set_data([w[at]], [g])
    both = np.concatenate([data["loss"], data["smooth"]])
    a.loss.set_ylim(np.floor(4 * both.min()) / 4, np.ceil(4 * both.max() + 0.1) / 4)
    calm = np.concatenate([data["slope"], data["surrogate"]])
    low, high = style.steady(min(calm.min(), 0), max(calm.max(), 0))
    a.slope.set_ylim(1.1 * low - 0.06 * (high - low), 1.1 * high + 0.02)  # jumps are cut off
    flat = np.mean(data["difference"] == 0)
    picture.alt = (
        f"The slope of the {data['name']} surrogate of steepness {data['steepness']:g}; the loss "
        "along one weight, a staircase with spikes and smooth with soft steps; and its gradient. "
        f"Differences of the staircase are zero for {100 * flat:.0f} % of the weights; at weight "
        f"{w[at]:.2f} the surrogate says {g:.2f}, the smooth loss {data['slope'][at]:.2f}."
    )


@style.styled
def draw_backward(data: Mapping[str, Any], *, fig: Figure | SubFigure | None = None) -> Picture:
    """Adjoints of hidden neurons, filled in from the last time step back to the present one.

    Parameters
    ----------
    data : dict
        ``adjoints``: gradient of the loss by each hidden neuron's current (time, unit); ``spikes``:
        step and unit of the hidden spikes; ``at``: steps before it are not yet computed;
        ``dt`` in seconds; ``steepness``; ``reset``: whether it follows the reset.
    fig : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    fig = style.figure(6.6, 4.5, fig)
    fig.get_layout_engine().set(hspace=0.04)
    grid = fig.add_gridspec(2, 1, height_ratios=[1.9, 1])
    top, bottom = fig.add_subplot(grid[0]), fig.add_subplot(grid[1])
    n_steps, n_units = data["adjoints"].shape
    width = data["dt"] * US
    extent = (-width / 2, (n_steps - 0.5) * width, -0.5, n_units - 0.5)
    blank = np.full((n_units, n_steps), np.nan)
    looks = {"origin": "lower", "aspect": "auto", "cmap": "cividis", "vmin": -4, "vmax": 0}
    shown = top.imshow(blank, extent=extent, **looks)
    label = "|adjoint| / the largest (powers of ten)"
    fig.colorbar(shown, ax=[top, bottom], label=label, shrink=0.6)
    # of the first and last neuron, too, they are whole: rows may be lower than marks
    looks = {"mfc": "white", "mec": ROLES["spike"], "ms": 4.5, "mew": 1.3}
    (spikes,) = top.plot([], [], "D", **looks, clip_on=False, zorder=3)
    (line,) = bottom.plot([], [], "o-", color=ROLES["gradient"], ms=4)
    cursors = [ax.axvline(0, color=ROLES["spike"], lw=1.6, ls=":") for ax in (top, bottom)]
    for ax in (top, bottom):
        ax.set_xlim(extent[:2])
    top.tick_params(labelbottom=False)
    top.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    bottom.set_yscale("log")
    bottom.set_ylim(1e-4, 2)
    style.label_axes(
        top, y="hidden neuron", title="adjoint current of each hidden neuron; ◇ its spikes"
    )
    style.label_axes(bottom, x="time (µs)", y="norm, relative\nto the largest")
    fig.align_ylabels([top, bottom])
    parts = {"image": shown, "spikes": spikes, "line": line, "cursors": cursors}
    return style.begin(fig, update_backward, data, **parts, frame=list(top.spines.values()))


@style.styled
def update_backward(picture: Picture, data: Mapping[str, Any]) -> None:
    """Show other data in a picture of `draw_backward`; arguments as there."""
    a, at = picture.artists, data["at"]
    adjoints = np.asarray(data["adjoints"], float)
    n_steps = len(adjoints)
    t = np.arange(n_steps) * data["dt"] * US
    size = np.abs(adjoints)
    largest = size.max() or 1.0
    with np.errstate(divide="ignore"):
        powers = np.log10(size / largest)
    powers[:at] = np.nan  # not computed yet
    a.image.set_data(np.maximum(powers, -4).T)
    step, unit = data["spikes"]
    a.spikes.set_data(np.asarray(step) * data["dt"] * US, unit)
    norm = np.linalg.norm(adjoints, axis=1)
    norm = norm / (norm.max() or 1.0)
    a.line.set_data(t[at:], np.maximum(norm[at:], 1e-4))
    for cursor in a.cursors:
        cursor.set_xdata([t[min(at, n_steps - 1)]] * 2)
    reached = int((size[at:].max(axis=0, initial=0) > 1e-4 * largest).sum())
    picture.alt = (
        f"A map of the adjoint currents of {adjoints.shape[1]} hidden neurons over "
        f"{t[-1]:.0f} µs, filled in backwards from the end to {t[min(at, n_steps - 1)]:.1f} µs, "
        f"and their norm in each step. So far the gradient has reached {reached} neurons; "
        f"here its norm is {norm[min(at, n_steps - 1)]:.3f} of the largest."
    )
