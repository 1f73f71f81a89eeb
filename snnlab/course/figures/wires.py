"""Wires that come and go: strengths of a cloud of them, over time and at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.ticker import MaxNLocator

from snnlab.plot import style
from snnlab.plot.rewiring import PRUNED, REGROWN
from snnlab.plot.style import OKABE_ITO, QUIET, ROLES, count

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

    from snnlab.course.lessons import Cloud
    from snnlab.plot.style import Picture

# of wires by what the task needs: never (every third is drawn), only at first, only later, always
KINDS = {
    "not needed (a third)": {"colors": QUIET, "linewidths": 0.5, "linestyles": "-"},
    "needed at first": {"colors": OKABE_ITO["orange"], "linewidths": 0.9, "linestyles": "--"},
    "needed later": {"colors": OKABE_ITO["reddish purple"], "linewidths": 1.2, "linestyles": "-"},
    "needed always": {"colors": OKABE_ITO["blue"], "linewidths": 0.9, "linestyles": "-."},
}
SHOWN = 60  # points of a path
BINS = 45


@style.styled
def draw_cloud(cloud: Cloud, wire: int, *, fig: Figure | SubFigure | None = None) -> Picture:
    """Strengths of wires over time, one in bold, and at the end; how many came and went.

    Parameters
    ----------
    cloud : snnlab.lessons.Cloud
    wire : int
        Which one is in bold.
    fig : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    fig = style.figure(6.8, 4.7, fig)
    grid = fig.add_gridspec(2, 2, width_ratios=[2.6, 1], height_ratios=[1.75, 1])
    paths = fig.add_subplot(grid[0, 0])
    ends = fig.add_subplot(grid[0, 1], sharey=paths)
    counts = fig.add_subplot(grid[1, 0], sharex=paths)
    legend = fig.add_subplot(grid[1, 1])
    legend.axis("off")
    for ax in (paths, counts):
        ax.axvline(cloud.change, color=QUIET, lw=1, ls=":")
    zero = [ax.axhline(0, color=ROLES["spike"], lw=1.4, zorder=2.5) for ax in (paths, ends)]
    parts = _place_paths(paths, len(cloud.error)) | {"zero": zero}
    parts |= _place_ends(ends) | _place_counts(counts, cloud)
    fig.align_ylabels([paths, counts])
    named = [parts["bold"], *parts["kinds"], parts["active"], parts["pruned"], parts["regrown"]]
    legend.legend(handles=named, loc="center left", bbox_to_anchor=(-0.1, 0.5), fontsize=8.5)
    return style.begin(fig, update_cloud, cloud, wire, **parts, paths=paths)


def _place_paths(ax, n):
    # thin lines without soft edges: quicker, and smaller as PNG
    kinds = [
        LineCollection([], label=name, antialiased=look["linewidths"] > 1, **look)
        for name, look in KINDS.items()
    ]
    for lines in kinds:
        ax.add_collection(lines)
    (bold,) = ax.plot([], [], color="black", lw=2.2, label="this wire")
    (centre,) = ax.plot([], [], ls=":", lw=1.8, color=OKABE_ITO["bluish green"])
    ax.tick_params(labelbottom=False)
    ax.set_xlim(-0.02 * n, 1.02 * n)
    style.label_axes(ax, y="strength θ (arb. units)")
    return {"kinds": kinds, "bold": bold, "centre": centre, "said": ax.set_title(" ")}


def _place_ends(ax):
    none, edges = np.zeros(BINS), np.arange(BINS + 1)
    looks = {"fill": True, "orientation": "horizontal", "lw": 0}
    there = ax.stairs(none, edges, color=ROLES["training"], **looks)
    gone = ax.stairs(none, edges, fc=QUIET, hatch="////", ec="white", **looks)
    ax.set_xscale("symlog", linthresh=10)
    ax.set_xlim(0, 220)
    ax.set_xticks([0, 5, 10, 100])
    ax.xaxis.set_major_formatter(style.plain)
    ax.minorticks_off()
    ax.tick_params(labelleft=False)
    style.label_axes(ax, x="wires", title="at the end\n(hatched: pruned)")
    return {"there": there, "gone": gone}


def _place_counts(ax, cloud):
    at = {"size": 9, "ha": "left", "va": "top", "transform": ax.get_xaxis_transform()}
    ax.text(cloud.change, 0.98, " the task changes", **at)
    step = np.arange(len(cloud.theta))
    (active,) = ax.plot(step, step, color=ROLES["membrane"], label="active")
    parts = {"active": active}
    for name, dashes, marker, color in (
        ("pruned", "--", "v", PRUNED),
        ("regrown", "-.", "^", REGROWN),
    ):
        look = {"ls": dashes, "marker": marker, "ms": 5, "markevery": max(1, len(step) // 8)}
        (parts[name],) = ax.plot(step[1:], step[1:], color=color, label=f"{name} so far", **look)
    ax.set_yscale("symlog", linthresh=10, linscale=0.5)
    ax.set_yticks([0, 10, 100, 1000, 10_000])
    ax.yaxis.set_major_formatter(style.grouped)
    ax.set_ylim(-3, 1e5)
    ax.minorticks_off()
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    style.label_axes(ax, x="step", y="wires")
    return parts


@style.styled
def update_cloud(picture: Picture, cloud: Cloud, wire: int) -> None:
    """Show another cloud, or another wire in bold, in a picture of `draw_cloud`."""
    a, theta = picture.artists, cloud.theta
    low, high = style.steady(float(theta.min()), float(theta.max()))
    a.paths.set_ylim(1.06 * low, 1.06 * high)
    some = np.linspace(0, len(theta) - 1, min(SHOWN, len(theta))).astype(int)
    kind = cloud.needed[0] + 2 * cloud.needed[1]
    for k, lines in enumerate(a.kinds):
        few = theta[some][:, kind == k][:, :: 1 if k else 3]
        lines.set_segments([np.column_stack([some, path]) for path in few.T])
    a.bold.set_data(np.arange(len(theta)), theta[:, wire])
    inside = cloud.centre >= 1.06 * low
    a.centre.set_data([0, len(theta)], [cloud.centre if inside else np.nan] * 2)
    if np.isfinite(cloud.centre):
        where = "dotted" if inside else "below the picture"
        a.said.set_text(f"centre of the pull: μ = {cloud.centre:.3g} ({where})")
    else:
        a.said.set_text("no pull")

    _show_ends(a, theta[-1], low, high)
    pruned, regrown = cloud.pruned.cumsum(), cloud.regrown.cumsum()
    active = cloud.active.sum(axis=1)
    a.active.set_ydata(active)
    a.pruned.set_ydata(pruned)
    a.regrown.set_ydata(regrown)
    crossings = np.flatnonzero(np.diff(cloud.active[:, wire].astype(int)))
    picture.alt = (
        f"Strengths of {theta.shape[1]} wires over {len(theta) - 1} steps; after {cloud.change} "
        f"the task changes. {count(int(active[-1]), 'wire')} of them active at the end; "
        f"{pruned[-1]:,} times one was pruned, {regrown[-1]:,} times one regrew; the deepest ends "
        f"at {theta[-1].min():.2f}. Wire {wire} ends at {theta[-1, wire]:.2f}, having crossed zero "
        f"{count(len(crossings), 'time')}. {a.said.get_text()}."
    )


def _show_ends(a, last, low, high):
    """Histograms of the last strengths; no bar mixes pruned and active."""
    width = (high - low) / BINS
    edges = width * np.arange(np.floor(low / width), np.floor(low / width) + BINS + 1)
    for bars, values in ((a.there, last[last > 0]), (a.gone, last[last <= 0])):
        # a strength of exactly 0 belongs to the bin below
        n, _ = np.histogram(np.where(values == 0, -1e-12, values), edges)
        bars.set_data(n, edges)
