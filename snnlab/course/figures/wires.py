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


METHODS = {  # colour and marker
    "Grad R": (OKABE_ITO["blue"], "o"),
    "Deep R": (OKABE_ITO["orange"], "s"),
    "STDS": (OKABE_ITO["bluish green"], "^"),
    "magnitude": (OKABE_ITO["reddish purple"], "D"),
    "fixed mask": (OKABE_ITO["black"], "v"),
}


@styled
def draw_rewiring(data, *, fig=None):
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
    fig = figure(8.6, 5.0, fig)
    grid = fig.add_gridspec(2, 2, width_ratios=[1, 1.25], height_ratios=[1, 1.15])
    left, accuracy = fig.add_subplot(grid[0, 0]), fig.add_subplot(grid[0, 1])
    pixels, frontier = fig.add_subplot(grid[1, 0]), fig.add_subplot(grid[1, 1])
    (share,) = left.plot([], [], color=ROLES["membrane"])
    (target,) = left.plot([], [], ls="--", lw=1.2, color=ROLES["threshold"])
    (tests,) = accuracy.plot([], [], marker="o", ms=4, color=ROLES["training"])
    for ax in (left, accuracy):
        ax.set_xlim(0, data["steps"])
        ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    left.set_yscale("log")
    frontier.set_xscale("log")
    for axis in (left.yaxis, frontier.xaxis):
        axis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    left.set(ylim=(0.8, 130), yticks=[1, 2, 5, 10, 20, 50, 100])
    left.minorticks_off()
    says = left.set_title(" ")
    accuracy.set_ylim(0, 104)
    label_axes(left, x="step", y="connectivity\n(% of weights)", title=" ")
    label_axes(accuracy, x="step", y="accuracy on\ntest images (%)", title=" ")
    top = max(data["n_hidden"] // 3, 1)
    image = pixels.imshow(
        np.zeros(data["pixels"].shape), vmin=0, vmax=top, cmap="viridis", aspect="equal"
    )
    image.cmap = image.cmap.with_extremes(bad="white")
    pixels.set(xticks=[], yticks=[])
    frame = list(pixels.spines.values())
    for spine in frame:
        spine.set_visible(True)
    bar = fig.colorbar(image, ax=pixels, extend="max")
    bar.set_label("wires per pixel")
    bar.ax.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    unused = pixels.set_title(" ")
    dots, behind = {}, {}
    for name, (color, marker) in METHODS.items():
        (behind[name],) = frontier.plot([], [], marker, ms=5, mfc="none", mec=QUIET, zorder=1)
        (dots[name],) = frontier.plot([], [], marker, ms=6, color=color, label=name)
    (trail,) = frontier.plot([], [], "-", lw=1, color=QUIET)
    (here,) = frontier.plot([], [], "*", ms=14, mfc=ROLES["spike"], mec="black")
    frontier.set(xlim=(0.8, 130), xticks=[1, 2, 5, 10, 20, 50, 100], ylim=(50, 101))
    frontier.minorticks_off()
    frontier.grid(True, color="#DDDDDD", lw=0.6)
    frontier.set_axisbelow(True)
    title = "star: this run" + ("; hollow: stored, full runs" if data["stored"] else "")
    label_axes(frontier, x="connectivity (% of weights)", y="accuracy (%), above 50", title=title)
    legend = frontier.legend(loc="lower right", fontsize=8, handletextpad=0.2)
    for name, share_, value in data["stored"]:
        if name in behind:
            x, y = behind[name].get_data()
            behind[name].set_data([*x, 100 * share_], [*y, 100 * value])
    moving = [share, target, tests, says, image, *frame, unused, trail, *dots.values(), here]
    picture = Picture(
        fig, "", [*moving, legend], share=share, target=target, tests=tests, says=says,
        image=image, unused=unused, trail=trail, dots=dots, here=here,
    )  # fmt: skip
    update_rewiring(picture, data)
    freeze(fig)
    return picture


@styled
def update_rewiring(picture, data):
    """Show other data in a picture of `draw_rewiring`; arguments as there."""
    a = picture.artists
    left, tested = 100 * np.asarray(data["left"], float), np.array(data["tested"], float)
    a.share.set_data(np.arange(len(left)), np.where(left > 0, left, np.nan))
    wanted = np.nan if data["target"] is None else 100 * data["target"]
    a.target.set_data([0, data["steps"]], [wanted] * 2)
    a.tests.set_data(tested[:, 0], 100 * tested[:, 1])
    a.says.set_text(f"{data['method']}, {data['settings']}")
    pixels = data["pixels"]
    a.image.set_data(np.ma.masked_equal(pixels, 0))
    unused = int((pixels == 0).sum())
    a.unused.set_text(f"{count(unused, 'pixel')} not heard (white)")
    for name, dots in a.dots.items():
        places = [(100 * x, 100 * y) for method, x, y in data["others"] if method == name]
        dots.set_data(*np.reshape(places, (-1, 2)).T)
    at = tested[:, 0].astype(int)
    a.trail.set_data(left[at], 100 * tested[:, 1])
    a.here.set_data([left[at[-1]]], [100 * tested[-1, 1]])
    picture.alt = (
        f"{data['method']}, {data['settings']}: connectivity over {len(left) - 1} of "
        f"{data['steps']} steps, from {left[0]:.3g} to {left[-1]:.3g} %; "
        f"{100 * tested[-1, 1]:.1f} % of test images right at step {at[-1]}. A map of the "
        f"{pixels.size} pixels has {unused} of which no wire is left, and at most "
        f"{int(pixels.max())} wires per pixel. Accuracy against connectivity of this run and "
        f"{count(len(data['others']), 'other run')}."
    )


WORST = 0.6  # defect at which colours and places end


@styled
def draw_chip_wires(data, *, fig=None):
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
    fig = figure(8.4, 5.0, fig)
    grid = fig.add_gridspec(2, 2, width_ratios=[1.35, 1], height_ratios=[0.07, 1])
    strip, field = fig.add_subplot(grid[0, 0]), fig.add_subplot(grid[1, 0])
    beside = grid[:, 1].subgridspec(2, 1, height_ratios=[1.25, 1])
    dots, curve = fig.add_subplot(beside[0]), fig.add_subplot(beside[1])
    n_pixels, n = data["wires"].shape
    faults = strip.imshow(np.zeros((1, n)), vmin=0, vmax=WORST, cmap="cividis", aspect="auto")
    faults.cmap = faults.cmap.with_extremes(bad="white", over=ROLES["spike"])
    wires = field.imshow(np.zeros((n_pixels, n)), vmin=0, vmax=1, cmap="gray_r", aspect="auto")
    frame = [spine for ax in (strip, field) for spine in ax.spines.values()]
    for spine in frame:
        spine.set_visible(True)
    strip.set(xticks=[], yticks=[])
    strip.set_ylabel("defect", rotation=0, ha="right", va="center")
    says = strip.set_title(" ")
    field.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    field.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    edge = field.axvline(n - 0.5, color=ROLES["spike"], lw=1.4)
    label_axes(field, x="hidden neuron, the best first (red: dead)", y="pixel")
    (alive,) = dots.plot([], [], "o", ms=4, color=ROLES["training"], label="alive")
    (gone,) = dots.plot([], [], "x", ms=6, mew=1.6, color=ROLES["spike"], label="dead")
    dots.set_xlim(-0.02, 0.78)
    dots.set_xticks([0, 0.2, 0.4, WORST, 0.72], ["0", "0.2", "0.4", f"{WORST}+", "dead"])
    dots.set_yscale("symlog", linthresh=10)
    dots.set(ylim=(-1, 300), yticks=[0, 5, 10, 50, 100, 200])
    dots.yaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    dots.minorticks_off()
    number = dots.set_title(" ")
    label_axes(dots, x="defect: rms relative deviation", y="wires into the neuron", title=" ")
    (tests,) = curve.plot([], [], marker="o", ms=4, color=ROLES["training"])
    curve.set(xlim=(0, data["steps"]), ylim=(0, 104))
    curve.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    label_axes(curve, x="step", y="accuracy, on\nthe chip (%)")
    moving = [faults, wires, *frame, says, edge, alive, gone, number, tests]
    picture = Picture(
        fig, "", moving, faults=faults, wires=wires, says=says, edge=edge, alive=alive, gone=gone,
        number=number, tests=tests,
    )  # fmt: skip
    update_chip_wires(picture, data)
    freeze(fig)
    return picture


@styled
def update_chip_wires(picture, data):
    """Show other data in a picture of `draw_chip_wires`; arguments as there."""
    a, defect, wires = picture.artists, data["defect"], data["wires"]
    order = np.argsort(defect, kind="stable")
    dead = ~np.isfinite(defect)
    a.faults.set_data(np.where(dead, 2 * WORST, np.minimum(defect, WORST))[order][None])
    a.wires.set_data(wires[:, order])
    a.edge.set_xdata([len(defect) - dead.sum() - 0.5] * 2)
    per_neuron = wires.sum(axis=0)
    a.alive.set_data(np.minimum(defect[~dead], WORST), per_neuron[~dead])
    a.gone.set_data(np.full(dead.sum(), 0.72), per_neuron[dead])
    tested = np.array(data["tested"], float)
    a.tests.set_data(tested[:, 0], 100 * tested[:, 1])
    a.says.set_text(f"{data['settings']}: {100 * data['left']:.3g} % of all weights left")
    a.number.set_text(f"rank correlation, living: {data['correlation']:+.2f}")
    picture.alt = (
        f"Map of the wires from {len(wires)} pixels to {len(defect)} hidden neurons on a chip, "
        f"{data['settings']}, neurons in the order of their faults, {int(dead.sum())} of them "
        f"dead. {int(per_neuron.sum()):,} wires are left. The worst tenth of the neurons has "
        f"{100 * data['worst']:.0f} % of the wires that a neuron has on average; rank correlation "
        f"of defect and wires {data['correlation']:+.2f} among the living. "
        f"{100 * tested[-1, 1]:.1f} % of test images right at step {int(tested[-1, 0])}."
    )
