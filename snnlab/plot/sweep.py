"""The frontier: accuracy of runs against what they cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator, SymmetricalLogLocator

from snnlab import _check
from snnlab.plot import style
from snnlab.plot.style import QUIET, ROLES, count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure, SubFigure

    from snnlab.plot.style import Picture
    from snnlab.reports.frontier import Frontier

# axis label, how many of its units are 1
AXES = {
    "hidden_spikes": ("hidden spikes per image", 1),
    "connectivity": ("connectivity (% of weights)", 100),
    "mismatch": ("mismatch (%)", 100),
}


@style.drawing(label=_check.text, published=_check.each(_check.sequence, of="points"))
def draw_frontier(
    frontier: Frontier,
    *,
    cost: str = "hidden_spikes",
    label: str = "",
    published: Sequence[tuple[float, float, str]] = (),
    stored: Frontier | None = None,
    stored_label: str = "best stored runs",
    fig: Figure | SubFigure | None = None,
) -> Picture:
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
    _check.one_of("cost", cost, tuple(AXES))
    if stored is not None and stored.data != frontier.data:
        raise ValueError(f"stored runs are on {stored.data!r}, the others on {frontier.data!r}")
    fig = style.figure(6.4, 3.8, fig)
    ax = fig.subplots()
    own = {"color": ROLES["training"]}
    (behind,) = ax.plot([], [], "s-", color=QUIET, ms=4, lw=1, label=stored_label)
    (line,) = ax.plot([], [], "-", lw=1.6, label="best (Pareto set)", **own)
    (runs,) = ax.plot([], [], "o", ms=4, mfc="none", mew=0.8, label="single runs", **own)
    (means,) = ax.plot([], [], "o", ms=6, **own)
    names, look = [], {"color": ROLES["spike"], "ms": 8, "mfc": "white", "mew": 1.6}
    for k, point in enumerate(published):
        x, y, name = _check.sequence("a point of published", point, 3)
        x, y = _check.number("published", x, at_least=0), _check.number("published", y)
        _check.text("names of published", name)
        names += ax.plot(*_percent([(x, y)], cost), "^sDv"[k % 4], label=name, **look)
    if stored is not None:
        behind.set_data(*_percent(_places(stored.pareto(cost, means=True), cost), cost))
    if cost != "mismatch":
        ax.set_xscale("symlog", linthresh=1, linscale=0.4)
        ax.xaxis.set_major_formatter(style.plain)
    style.label_axes(ax, x=AXES[cost][0], y="test accuracy (%)", title=frontier.data)
    style.light_grid(ax)
    parts = {"runs": runs, "means": means, "line": line, "behind": behind, "published": names}
    parts |= {"ax": ax, "cost": cost, "label": label, "data": frontier.data}
    picture = style.Picture(fig, "", **parts)
    update_frontier(picture, frontier)
    style.freeze(fig)
    return picture


@style.drawing()
def update_frontier(picture: Picture, frontier: Frontier) -> None:
    """Show other runs on the same data in a picture of `draw_frontier`."""
    a = style.artists(picture, "means", "behind", "cost")
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
        f"Test accuracy on {a.data} against {AXES[a.cost][0]}, {count(len(means), 'point')}; "
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
    return (np.array(places, float).reshape(-1, 2) * (AXES[cost][1], 100)).T


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
