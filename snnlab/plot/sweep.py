"""The frontier: accuracy of runs against what they cost."""

import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from snnlab.plot.style import QUIET, ROLES, Picture, count, figure, freeze, label_axes, styled

COSTS = {
    "hidden_spikes": "hidden spikes per image",
    "connectivity": "connectivity (% of weights)",
    "mismatch": "mismatch (%)",
}


def _cost(values, cost):
    return np.array(values, float) * (1 if cost == "hidden_spikes" else 100)


@styled
def draw_frontier(frontier, *, cost="hidden_spikes", published=(), stored=None, fig=None):
    """Runs as points, repetitions joined to means with their spread, the Pareto set as a line.

    Parameters
    ----------
    frontier : Frontier
    cost : {"hidden_spikes", "connectivity", "mismatch"}
        Horizontal axis.
    published : sequence of (float, float, str)
        Cost and accuracy (in [0, 1]) of points to draw beside ours, with their names.
    stored : Frontier, optional
        Earlier runs, drawn behind in grey.
    fig : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    fig = figure(6.4, 3.8, fig)
    ax = fig.subplots()
    (behind,) = ax.plot([], [], "o-", color=QUIET, ms=4, lw=1, label="stored runs")
    (runs,) = ax.plot([], [], "o", color=ROLES["training"], ms=3.5, alpha=0.45, mew=0)
    (line,) = ax.plot([], [], "-", color=ROLES["training"], lw=1.6)
    (means,) = ax.plot([], [], "o", color=ROLES["training"], ms=6, label="means over seeds")
    for k, (x, y, name) in enumerate(published):
        ax.plot(
            _cost([x], cost), [100 * y], "^sDv"[k % 4], color=ROLES["spike"], ms=8, mfc="white",
            mew=1.6, label=name,
        )  # fmt: skip
    if cost == "hidden_spikes":
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
        ax.xaxis.set_minor_formatter(NullFormatter())
    label_axes(ax, x=COSTS[cost], y="test accuracy (%)", title=frontier.data)
    ax.grid(True, color="#DDDDDD", lw=0.6)
    ax.set_axisbelow(True)
    picture = Picture(
        fig, "", ax=ax, runs=runs, means=means, line=line, behind=behind, cost=cost,
        published=tuple(published),
    )  # fmt: skip
    if stored is not None:
        points = stored.pareto(cost, means=True)
        behind.set_data(
            _cost([getattr(p, cost) for p in points], cost), [100 * p.accuracy for p in points]
        )
    update_frontier(picture, frontier)
    handles = [h for h in (means, behind, *ax.lines[4:]) if len(h.get_xdata())]
    ax.legend(handles=handles, loc="lower right")
    freeze(fig)
    return picture


@styled
def update_frontier(picture, frontier):
    """Show other runs in a picture of `draw_frontier`."""
    a = picture.artists
    means = frontier.means()
    repeated = any(p.n > 1 for p in means)
    a.means.set_label(
        f"mean of {max(p.n for p in means)} seeds" if repeated else "runs (one seed each)"
    )
    shown = list(frontier) if repeated else []
    a.runs.set_data(_cost([getattr(p, a.cost) for p in shown], a.cost), _percent(shown))
    a.means.set_data(_cost([getattr(p, a.cost) for p in means], a.cost), _percent(means))
    best = frontier.pareto(a.cost, means=True)
    a.line.set_data(_cost([getattr(p, a.cost) for p in best], a.cost), _percent(best))
    a.ax.relim()
    a.ax.autoscale_view()
    lowest, highest = min(means, key=lambda p: getattr(p, a.cost)), max(best, key=_accuracy)
    unit = COSTS[a.cost].partition(" (")[0]
    spread = f"{_said(lowest, a.cost)} {unit} to {_said(highest, a.cost)}"
    picture.alt = (
        f"Test accuracy on {frontier.data} against {unit}, {count(len(means), 'point')}: from "
        f"{100 * lowest.accuracy:.1f} % at {spread} with {100 * highest.accuracy:.1f} %."
    )
    for x, y, name in a.published:
        picture.alt += f" {name}: {100 * y:.1f} % at {float(_cost([x], a.cost)[0]):g}."


def _percent(points):
    return [100 * p.accuracy for p in points]


def _accuracy(p):
    return p.accuracy


def _said(point, cost):
    return f"{_cost([getattr(point, cost)], cost)[0]:.3g}"
