"""Wires that come and go: strengths of a cloud of them, over time and at the end."""

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.ticker import FuncFormatter, MaxNLocator

from snnlab.plot.rewiring import PRUNED, REGROWN
from snnlab.plot.style import (
    OKABE_ITO,
    QUIET,
    ROLES,
    Picture,
    count,
    figure,
    freeze,
    label_axes,
    steady,
    styled,
)  # fmt: skip

# of wires by what the task needs: never (every third is drawn), only at first, only later, always
KINDS = (
    ("not needed (a third)", QUIET, 0.5, "-"),
    ("needed at first", OKABE_ITO["orange"], 0.9, "--"),
    ("needed later", OKABE_ITO["reddish purple"], 1.2, "-"),
    ("needed always", OKABE_ITO["blue"], 0.9, "-."),
)
SHOWN = 60  # points of a path
BINS = 45


@styled
def draw_cloud(cloud, wire, *, fig=None):
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
    fig = figure(8.2, 5.0, fig)
    grid = fig.add_gridspec(2, 2, width_ratios=[2.6, 1], height_ratios=[1.75, 1])
    paths = fig.add_subplot(grid[0, 0])
    ends = fig.add_subplot(grid[0, 1], sharey=paths)
    counts = fig.add_subplot(grid[1, 0], sharex=paths)
    legend = fig.add_subplot(grid[1, 1])
    legend.axis("off")
    n = len(cloud.error)
    kinds = [
        LineCollection(  # thin lines without soft edges: quicker, and smaller as PNG
            [], colors=color, linewidths=width, linestyles=style, label=name, antialiased=width > 1
        )
        for name, color, width, style in KINDS
    ]
    for lines in kinds:
        paths.add_collection(lines)
    (bold,) = paths.plot([], [], color="black", lw=2.2, label="this wire")
    zero = [ax.axhline(0, color=ROLES["spike"], lw=1.4, zorder=2.5) for ax in (paths, ends)]
    (centre,) = paths.plot([], [], ls=":", lw=1.8, color=OKABE_ITO["bluish green"])
    said = paths.set_title(" ")
    for ax in (paths, counts):
        ax.axvline(cloud.change, color=QUIET, lw=1, ls=":")
    counts.text(
        cloud.change, 0.98, " the task changes", size=9, ha="left", va="top",
        transform=counts.get_xaxis_transform(),
    )  # fmt: skip
    paths.tick_params(labelbottom=False)
    paths.set_xlim(0, n)
    label_axes(paths, y="strength θ (arb. units)")
    none, edges = np.zeros(BINS), np.arange(BINS + 1)
    looks = {"fill": True, "orientation": "horizontal", "lw": 0}
    there = ends.stairs(none, edges, color=ROLES["training"], **looks)
    gone = ends.stairs(none, edges, fc=QUIET, hatch="////", ec="white", **looks)
    ends.set_xscale("symlog", linthresh=10)
    ends.set_xlim(0, 220)
    ends.set_xticks([0, 5, 10, 100])
    ends.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    ends.minorticks_off()
    ends.tick_params(labelleft=False)
    label_axes(ends, x="wires", title="at the end\n(hatched: pruned)")

    step = np.arange(n + 1)
    (active,) = counts.plot(step, step, color=ROLES["membrane"], label="active")
    marks = {"markevery": max(1, n // 8), "ms": 5}
    (pruned,) = counts.plot(step[1:], step[1:], ls="--", marker="v", color=PRUNED, **marks,
                            label="pruned so far")  # fmt: skip
    (regrown,) = counts.plot(step[1:], step[1:], ls="-.", marker="^", color=REGROWN, **marks,
                             label="regrown so far")  # fmt: skip
    counts.set_yscale("symlog", linthresh=10, linscale=0.5)
    counts.set_yticks([0, 10, 100, 1000, 10_000])
    counts.yaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
    counts.set_ylim(0, 1e5)
    counts.minorticks_off()
    counts.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    label_axes(counts, x="step", y="wires")
    fig.align_ylabels([paths, counts])
    handles = [bold, *kinds, active, pruned, regrown]
    legend.legend(handles=handles, loc="center left", bbox_to_anchor=(-0.1, 0.5), fontsize=8.5)
    moving = [*kinds, bold, *zero, centre, said, there, gone, active, pruned, regrown]
    picture = Picture(
        fig, "", moving, paths=paths, kinds=kinds, bold=bold, centre=centre, said=said, there=there,
        gone=gone, active=active, pruned=pruned, regrown=regrown,
    )  # fmt: skip
    update_cloud(picture, cloud, wire)
    freeze(fig)
    return picture


@styled
def update_cloud(picture, cloud, wire):
    """Show another cloud, or another wire in bold, in a picture of `draw_cloud`."""
    a, theta = picture.artists, cloud.theta
    low, high = steady(float(theta.min()), float(theta.max()))
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

    # no bar mixes pruned and active
    width = (high - low) / BINS
    edges = width * np.arange(np.floor(low / width), np.floor(low / width) + BINS + 1)
    last = theta[-1]
    for bars, values in ((a.there, last[last > 0]), (a.gone, last[last <= 0])):
        # a strength of exactly 0 belongs to the bin below
        n, _ = np.histogram(np.where(values == 0, -1e-12, values), edges)
        bars.set_data(n, edges)
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
        f"at {last.min():.2f}. Wire {wire} ends at {last[wire]:.2f}, having crossed zero "
        f"{count(len(crossings), 'time')}. {a.said.get_text()}."
    )
