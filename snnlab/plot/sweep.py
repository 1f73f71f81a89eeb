"""The frontier: accuracy of runs against what they cost."""

import numpy as np
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator, SymmetricalLogLocator

from snnlab import _check
from snnlab.plot.style import (
    QUIET,
    ROLES,
    US,
    Picture,
    count,
    figure,
    freeze,
    label_axes,
    styled,
)  # fmt: skip

# axis label, how many of its units are 1
COSTS = {
    "hidden_spikes": ("hidden spikes per image", 1),
    "connectivity": ("connectivity (% of weights)", 100),
    "mismatch": ("mismatch (%)", 100),
}


@styled
def draw_frontier(
    frontier, *, cost="hidden_spikes", label="", published=(), stored=None,
    stored_label="best stored runs", fig=None,
):  # fmt: skip
    """Runs as points, with means where there are several seeds, and the Pareto set as a line.

    Parameters
    ----------
    frontier : Frontier
    cost : {"hidden_spikes", "connectivity", "mismatch"}
        Horizontal axis; logarithmic above 1 for the first two.
    label : str
        What the runs have in common, for the legend.
    published : sequence of (float, float, str)
        Cost and accuracy (in [0, 1]) of points to draw beside ours, with their names.
    stored : Frontier, optional
        Other runs on the same data; their Pareto set is drawn behind in grey.
    stored_label : str
    fig : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Picture

    Raises
    ------
    ValueError
        A frontier without runs, or a stored one of other data.
    """
    _check.one_of("cost", cost, tuple(COSTS))
    if stored is not None and stored.data != frontier.data:
        raise ValueError(f"stored runs are on {stored.data!r}, the others on {frontier.data!r}")
    fig = figure(6.4, 3.8, fig)
    ax = fig.subplots()
    own = {"color": ROLES["training"]}
    (behind,) = ax.plot([], [], "s-", color=QUIET, ms=4, lw=1, label=stored_label)
    (line,) = ax.plot([], [], "-", lw=1.6, label="best (Pareto set)", **own)
    (runs,) = ax.plot([], [], "o", ms=4, mfc="none", mew=0.8, label="single runs", **own)
    (means,) = ax.plot([], [], "o", ms=6, **own)
    names = []
    for k, (x, y, name) in enumerate(published):
        names += ax.plot(
            *_percent([(x, y)], cost), "^sDv"[k % 4], color=ROLES["spike"], ms=8, mfc="white",
            mew=1.6, label=name,
        )  # fmt: skip
    if stored is not None:
        behind.set_data(*_percent(_places(stored.pareto(cost, means=True), cost), cost))
    if cost != "mismatch":
        ax.set_xscale("symlog", linthresh=1, linscale=0.4)
        ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    label_axes(ax, x=COSTS[cost][0], y="test accuracy (%)", title=frontier.data)
    ax.grid(True, color="#DDDDDD", lw=0.6)
    ax.set_axisbelow(True)
    picture = Picture(
        fig, "", ax=ax, runs=runs, means=means, line=line, behind=behind, published=names,
        cost=cost, label=label, data=frontier.data,
    )  # fmt: skip
    update_frontier(picture, frontier)
    freeze(fig)
    return picture


@styled
def update_frontier(picture, frontier):
    """Show other runs on the same data in a picture of `draw_frontier`."""
    a = picture.artists
    if frontier.data != a.data:
        raise ValueError(f"the picture is of runs on {a.data!r}, not on {frontier.data!r}")
    means, best = frontier.means(), frontier.pareto(a.cost, means=True)
    fewest, most = min(p.n for p in means), max(p.n for p in means)
    seeds = f"means of {'' if fewest == most else 'up to '}{most} seeds" if most > 1 else "runs"
    a.means.set_label(f"{a.label} ({seeds})" if a.label else seeds)
    single = frontier if most > 1 else ()  # else they are the means
    for artist, points in ((a.runs, single), (a.means, means), (a.line, best)):
        artist.set_data(*_percent(_places(points, a.cost), a.cost))
    _fit_axes(a.ax, a.cost)
    shown = [h for h in (a.means, a.runs, a.line, a.behind) if len(h.get_xdata())]
    a.ax.legend(handles=shown + a.published, loc="best")
    picture.alt = (
        f"Test accuracy on {a.data} against {COSTS[a.cost][0]}, {count(len(means), 'point')}; "
        f"the best: {_ends(a.line)}."
    )
    if len(a.behind.get_xdata()):
        picture.alt += f" Behind, {a.behind.get_label()}: {_ends(a.behind)}."
    for mark in a.published:
        picture.alt += f" {mark.get_label()}: {_ends(mark)}."


def _ends(line):
    """Where a line begins and ends, in words."""
    said = [f"{y:.1f} % at {x:.3g}" for x, y in np.transpose(line.get_data())]
    return said[0] if len(said) == 1 else f"{said[0]} to {said[-1]}"


def _places(points, cost):
    """(cost, accuracy) of each point."""
    return [(getattr(p, cost), p.accuracy) for p in points]


def _percent(places, cost):
    """Horizontal and vertical coordinates, in the units of the axes."""
    return (np.array(places, float).reshape(-1, 2) * (COSTS[cost][1], 100)).T


def _fit_axes(ax, cost):
    """Limits that hold all points, and round numbers on the logarithmic axis."""
    ax.relim()
    ax.autoscale_view()
    if cost == "mismatch":
        return
    low, high = ax.dataLim.intervalx
    if high < 4 * max(low, 1):  # too narrow to hold several of 1, 2, 5, 10, 20 ...
        ax.xaxis.set_major_locator(MaxNLocator(5))
    else:
        ax.xaxis.set_major_locator(SymmetricalLogLocator(base=10, linthresh=1, subs=(1, 2, 5)))


# a network on its way along the frontier ----------------------------------------------------------

TICKS = (2, 5, 10, 20, 50, 100, 200, 500)  # spikes per image
WAYS = (("before", QUIET, "o"), ("now", ROLES["training"], "d"))  # rasters


@styled
def draw_silence(data, *, fig=None):
    """Accuracy and spikes of a network as a penalty pushes it along, and one image's spikes.

    Parameters
    ----------
    data : dict
        ``data``: name of the data set; ``strength`` of the penalty; ``trail``: (spikes, accuracy in
        [0, 1]) of the network from before the penalty to now; ``steps`` taken so far and ``of``
        how many; ``done``: (spikes, accuracy) where other strengths have led, ``stored``: the same
        of a stored frontier, may be empty; ``image`` (rows, columns) and its ``label``; ``spikes``:
        two pairs of arrays, step and unit of the hidden spikes before and now; ``decision``: two
        classes; ``n_hidden``, ``n_steps``, ``dt``.
    fig : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    fig = figure(8.2, 4.4, fig)
    grid = fig.add_gridspec(2, 3, width_ratios=[2.4, 1, 1], height_ratios=[1, 2.2])
    ax, shown = fig.add_subplot(grid[:, 0]), fig.add_subplot(grid[0, 1:])
    rasters = [fig.add_subplot(grid[1, k]) for k in (1, 2)]

    start = 100 * data["trail"][0][1]
    ax.set_xscale("log")
    ax.set_ylim(5 * np.floor(start / 5) - 10, 100)
    ax.set_xticks(TICKS, [str(x) for x in TICKS])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlim(3.5, 1.4 * max(100, data["trail"][0][0]))
    ax.grid(True, color="#DDDDDD", lw=0.6)
    ax.set_axisbelow(True)
    label_axes(ax, x="hidden spikes per image", y="test accuracy (%)")
    own = ROLES["training"]
    if len(data["stored"]):
        label = "stored: all training images"
        ax.plot(*_hundred(data["stored"]), "s-", color=QUIET, ms=4, lw=1, label=label)
    ax.plot(*_hundred(data["trail"][:1]), "D", color="black", ms=7, label="before the penalty")
    (trail,) = ax.plot([], [], "-", color=own, lw=1, alpha=0.6)
    (done,) = ax.plot([], [], "o--", color=own, ms=6, lw=1, mfc="white", label="where it came to")
    (point,) = ax.plot([], [], "*", color=ROLES["spike"], ms=15, label="now")
    head = ax.set_title(" ")
    ax.legend(loc="lower right")

    image = shown.imshow(np.zeros(data["image"].shape), vmin=0, vmax=1, cmap="gray_r")
    shown.set(xticks=[], yticks=[])
    for spine in shown.spines.values():
        spine.set_visible(True)
    frame = list(shown.spines.values())  # over the image
    says = shown.set_title(" ")
    dots, heads = [], []
    last = data["n_steps"] * data["dt"] * US
    for k, (axis, (_, color, marker)) in enumerate(zip(rasters, WAYS, strict=True)):
        dots += axis.plot([], [], marker, color=color, ms=3)
        heads.append(axis.set_title(" "))
        n = data["n_hidden"]
        axis.set(xlim=(-0.02 * last, last), ylim=(-0.03 * n, 1.03 * n))
        axis.yaxis.set_major_locator(MaxNLocator(3, integer=True))
        label_axes(axis, x="time (µs)", y="" if k else "hidden unit")
    rasters[1].tick_params(labelleft=False)
    moving = [trail, done, point, head, image, *frame, says, *dots, *heads]
    picture = Picture(
        fig, "", moving, trail=trail, done=done, point=point, head=head, image=image, says=says,
        dots=dots, heads=heads,
    )  # fmt: skip
    update_silence(picture, data)
    freeze(fig)
    return picture


@styled
def update_silence(picture, data):
    """Show other data in a picture of `draw_silence`; arguments as there."""
    a = picture.artists
    a.trail.set_data(*_hundred(data["trail"]))
    a.done.set_data(*_hundred(sorted(data["done"])))
    a.point.set_data(*_hundred(data["trail"][-1:]))
    a.head.set_text(f"strength {data['strength']:g}: step {data['steps']} of {data['of']}")
    a.image.set_data(data["image"])
    a.says.set_text(f"test image: a {data['label']}")
    said = []
    for k, (when, *_) in enumerate(WAYS):
        step, unit = data["spikes"][k]
        a.dots[k].set_data(np.asarray(step) * data["dt"] * US, unit)
        right = data["decision"][k] == data["label"]
        a.heads[k].set_text(f"{when}: {len(step)} spikes\n{'✓' if right else '✗'} says "
                            f"{data['decision'][k]}")  # fmt: skip
        a.heads[k].set_color("black" if right else ROLES["wrong"])
        said.append(f"{when} {len(step)} hidden spikes, and it says {data['decision'][k]}")
    (x0, y0), (x, y) = data["trail"][0], data["trail"][-1]
    picture.alt = (
        f"Test accuracy on {data['data']} against hidden spikes per image. Before the penalty "
        f"{100 * y0:.1f} % at {x0:.0f} spikes; after {data['steps']} of {data['of']} steps with "
        f"strength {data['strength']:g}, {100 * y:.1f} % at {x:.1f}. Beside it the hidden spikes "
        f"of a test image, a {data['label']}: {'; '.join(said)}."
    )


def _hundred(places):
    """Spikes, and accuracy in percent, of (spikes, accuracy)."""
    return (np.array(places, float).reshape(-1, 2) * (1, 100)).T
