"""Traces: what has come into neurons and what has gone out, step by step, and at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

from snnlab.plot import style
from snnlab.plot.style import QUIET, ROLES, US, count

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from matplotlib.figure import Figure, SubFigure

    from snnlab.plot.style import Picture


@style.styled
def draw_traces(data: Mapping[str, Any], *, fig: Figure | SubFigure | None = None) -> Picture:
    """A neuron's membrane, its traces of what came in and went out; the same of many at the end.

    Parameters
    ----------
    data : dict
        ``v``, ``z``, ``heard``, ``own``: arrays (time,), the membrane in thresholds, spikes, the
        trace of the weighted inputs in thresholds, and that of the neuron's own spikes;
        ``all_heard``, ``all_own``: arrays (neuron,) of both traces at the end; ``neuron``: which of
        them is shown; ``dt`` in seconds.
    fig : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    fig = style.figure(6.8, 3.9, fig)
    grid = fig.add_gridspec(2, 2, width_ratios=[1.35, 1], height_ratios=[1, 1.25])
    above, below, right = (fig.add_subplot(place) for place in (grid[0, 0], grid[1, 0], grid[:, 1]))
    (v,) = above.plot([], [], color=ROLES["membrane"], lw=1.2)
    above.axhline(1, color=ROLES["threshold"], ls="--", lw=1)
    (tops,) = above.plot([], [], "d", color=ROLES["spike"], ms=3.5)
    above.tick_params(labelbottom=False)
    style.label_axes(above, y="membrane\n(thresholds)", title=" ")
    (heard,) = below.plot([], [], color=ROLES["input"], label="came in, in thresholds")
    (own,) = below.plot([], [], "--", color=ROLES["spike"], label="went out")
    below.legend(loc="upper left", fontsize=8.5)
    style.label_axes(below, x="time (µs)", y="trace")
    for ax in (above, below):
        ax.axhline(0, color=QUIET, lw=0.6, zorder=0)
        ax.yaxis.set_major_locator(MaxNLocator(4))
    (line,) = right.plot([], [], color=ROLES["gradient"], label="max(0, x)")
    (dots,) = right.plot([], [], "o", color=QUIET, ms=3.5, label="neurons")
    (one,) = right.plot([], [], "D", color="black", ms=6, label="this one")
    right.legend(loc="upper left", fontsize=8.5)
    style.label_axes(right, x="came in, in thresholds", y="went out, at the end", title=" ")
    parts = {"v": v, "tops": tops, "heard": heard, "own": own, "line": line, "dots": dots}
    parts |= {"one": one, "axes": (above, below, right)}
    fig.align_ylabels([above, below])
    return style.begin(fig, update_traces, data, **parts)


@style.styled
def update_traces(picture: Picture, data: Mapping[str, Any]) -> None:
    """Show other data in a picture of `draw_traces`; arguments as there."""
    a = picture.artists
    above, below, right = a.axes
    t = (np.arange(len(data["v"])) + 1) * data["dt"] * US
    a.v.set_data(t, data["v"])
    fired = np.flatnonzero(data["z"])
    low, high = style.steady(min(-1.0, data["v"].min()), max(2.0, data["v"].max()))
    a.tops.set_data(t[fired], np.full(len(fired), 1.02 * high))
    above.set_ylim(1.1 * low, 1.1 * high)
    a.heard.set_data(t, data["heard"])
    a.own.set_data(t, data["own"])
    both = np.concatenate([data["heard"], data["own"], data["all_heard"], data["all_own"]])
    low, high = style.steady(min(-1.0, both.min()), max(2.0, both.max()))
    below.set_ylim(1.1 * low, 1.1 * high)
    for ax in (above, below):
        ax.set_xlim(-0.02 * t[-1], 1.02 * t[-1])
    right.set(xlim=(1.1 * low, 1.1 * high), ylim=(-0.08 * high, 1.1 * high))
    x = np.array([1.1 * low, 0, 1.1 * high])
    a.line.set_data(x, np.maximum(x, 0))
    a.dots.set_data(data["all_heard"], data["all_own"])
    k = data["neuron"]
    a.one.set_data([data["all_heard"][k]], [data["all_own"][k]])
    above.title.set_text(count(len(fired), "spike"))
    right.title.set_text(f"off by {data['off']:.2f} on average")
    picture.alt = (
        f"A neuron with {count(len(fired), 'spike')} in {t[-1]:.0f} µs: its membrane, and below it "
        f"the traces of what came in, {data['heard'][-1]:.1f} thresholds at the end, and of what "
        f"went out, {data['own'][-1]:.1f}. Beside it the same of {len(data['all_own'])} neurons, "
        f"which lie about a line that is 0 to the left of 0 and rises to the right of it, off by "
        f"{data['off']:.2f} on average."
    )
