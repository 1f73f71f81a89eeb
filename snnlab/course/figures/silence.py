"""A network on its way along the frontier, as a penalty on spikes pushes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import NullLocator

from snnlab.course.figures.parts import in_percent, place_image, place_spikes, say, show_image
from snnlab.plot import style
from snnlab.plot.style import QUIET, ROLES, US, an

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from matplotlib.figure import Figure, SubFigure

    from snnlab.plot.style import Picture

TICKS = (2, 5, 10, 20, 50, 100, 200, 500)  # spikes per image
WHEN = "before", "now"  # of the rasters
LOOKS = (
    {"color": QUIET, "marker": "o", "ms": 3},
    {"color": ROLES["training"], "marker": "d", "ms": 3},
)


@style.styled
def draw_silence(data: Mapping[str, Any], *, fig: Figure | SubFigure | None = None) -> Picture:
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
    fig = style.figure(6.6, 4.4, fig)
    grid = fig.add_gridspec(2, 3, width_ratios=[2.4, 1, 1], height_ratios=[1, 2.2])
    frontier, shown = fig.add_subplot(grid[:, 0]), fig.add_subplot(grid[0, 1:])
    rasters = [fig.add_subplot(grid[1, k]) for k in (1, 2)]
    parts = {
        **_place_frontier(frontier, data),
        **place_image(shown, data["image"].shape),
        **place_spikes(rasters, data, LOOKS),
    }
    return style.begin(fig, update_silence, data, **parts)


def _place_frontier(ax, data):
    start = 100 * data["trail"][0][1]
    ax.set_xscale("log")
    ax.set_ylim(5 * np.floor(start / 5) - 10, 100)
    ax.set_xticks(TICKS, [str(x) for x in TICKS])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlim(3.5, 1.4 * max(100, data["trail"][0][0]))
    style.light_grid(ax)
    style.label_axes(ax, x="hidden spikes per image", y="test accuracy (%)")
    own = ROLES["training"]
    if len(data["stored"]):
        label = "stored: all training images"
        ax.plot(*in_percent(data["stored"]), "s-", color=QUIET, ms=4, lw=1, label=label)
    ax.plot(*in_percent(data["trail"][:1]), "D", color="black", ms=7, label="before the penalty")
    (trail,) = ax.plot([], [], "-", color=own, lw=1, alpha=0.6)
    (done,) = ax.plot([], [], "o--", color=own, ms=6, lw=1, mfc="white", label="where it came to")
    (point,) = ax.plot([], [], "*", color=ROLES["spike"], ms=15, label="now")
    ax.legend(loc="lower right")
    return {"trail": trail, "done": done, "point": point, "head": ax.set_title(" ")}


@style.styled
def update_silence(picture: Picture, data: Mapping[str, Any]) -> None:
    """Show other data in a picture of `draw_silence`; arguments as there."""
    a = picture.artists
    a.trail.set_data(*in_percent(data["trail"]))
    a.done.set_data(*in_percent(sorted(data["done"])))
    a.point.set_data(*in_percent(data["trail"][-1:]))
    a.head.set_text(f"strength {data['strength']:g}: step {data['steps']} of {data['of']}")
    show_image(a, data)
    said = []
    for k, when in enumerate(WHEN):
        (step, unit), decision = data["spikes"][k], data["decision"][k]
        a.dots[k].set_data(np.asarray(step) * data["dt"] * US, unit)
        right = decision == data["label"]
        verdict = f"{'✓' if right else '✗'} says {decision}"
        say(a.heads[k], f"{when}: {len(step)} spikes\n{verdict}", right)
        said.append(f"{when} {len(step)} hidden spikes, and it says {decision}")
    (x0, y0), (x, y) = data["trail"][0], data["trail"][-1]
    picture.alt = (
        f"Test accuracy on {data['data']} against hidden spikes per image. Before the penalty "
        f"{100 * y0:.1f} % at {x0:.0f} spikes; after {data['steps']} of {data['of']} steps with "
        f"strength {data['strength']:g}, {100 * y:.1f} % at {x:.1f}. Beside it the hidden spikes "
        f"of a test image, {an(data['label'])}: {'; '.join(said)}."
    )
