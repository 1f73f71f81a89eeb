"""Two networks that are read out at the same time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

from snnlab.course.figures.parts import place_image, say, show_image
from snnlab.plot import style
from snnlab.plot.decision import ROUND
from snnlab.plot.style import QUIET, ROLES, US, an

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from matplotlib.figure import Figure, SubFigure

    from snnlab.plot.style import Picture

LOOKS = ((ROLES["training"], "-", "o"), (ROLES["wrong"], "--", "s"))  # of the networks
REACHES = (0.25, 0.5, 1, 2, 3, 4, 6, 8, 10, 15, 20, 50, 1e9)  # ends of the axes of potentials


@style.styled
def draw_read_out(data: Mapping[str, Any], *, fig: Figure | SubFigure | None = None) -> Picture:
    """Two networks, one image: the potentials of the classes up to a deadline, and accuracies.

    Both networks' potentials have one scale; the two highest classes are named.

    Parameters
    ----------
    data : dict
        ``names`` of the networks; ``times``: deadlines in seconds from the first input spike;
        ``at``: which of them, from 0; ``readout``: per network an array (time, class), from the
        first input spike on; ``accuracy``: per network in [0, 1] for each deadline; ``said``: per
        network the class for each deadline, -1 while undecided; ``image`` (rows, columns) and its
        ``label``.
    fig : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    fig = style.figure(6.8, 4.6, fig)
    grid = fig.add_gridspec(2, 3, width_ratios=[0.9, 1.5, 1.5], height_ratios=[1, 1])
    parts = place_image(fig.add_subplot(grid[0, 0]), data["image"].shape)
    above = [fig.add_subplot(grid[0, k]) for k in (1, 2)]
    curves = fig.add_subplot(grid[1, :])
    t = data["times"] * US
    end = t[-1] + 0.3 * t[0]
    sides = [_place_potentials(ax, k, data, end) for k, ax in enumerate(above)]
    marks = []
    for (color, dashes, marker), name, accuracy in zip(
        LOOKS, data["names"], data["accuracy"], strict=True
    ):
        looks = {"color": color, "label": name}
        curves.plot(t, 100 * accuracy, dashes, marker=marker, ms=4, **looks)
        marks += curves.plot([], [], marker, color=color, ms=10, mfc="white", mew=2)
    low = min(accuracy.min() for accuracy in data["accuracy"])
    curves.set(xlim=(0, end + t[0] / 4), ylim=(100 * low - 3, 103))
    curves.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0.2)
    style.label_axes(curves, x="deadline, from the first input spike on (µs)", y="accuracy (%)")
    cursors = [ax.axvline(0, color="black", lw=1, ls=":") for ax in (*above, curves)]
    parts |= {name: [side[name] for side in sides] for name in sides[0]}
    parts |= {"cursors": cursors, "marks": marks, "read": curves.set_title(" ")}
    return style.begin(fig, update_read_out, data, **parts, potentials=above)


def _place_potentials(ax, k, data, end):
    """Lines of all classes, faint and up to the deadline; the best one, and its peak."""
    color, dashes, marker = LOOKS[k]
    classes = range(data["readout"][0].shape[1])
    faint = [ax.plot([], [], color=QUIET, lw=0.5, alpha=0.5)[0] for _ in classes]
    full = [ax.plot([], [], color=QUIET, lw=1.1)[0] for _ in classes]
    (best,) = ax.plot([], [], dashes, color=color, marker=marker, ms=3.5, lw=2)
    (star,) = ax.plot([], [], "*", color=color, ms=13)
    ax.axhline(0, color=QUIET, lw=0.6, zorder=0)
    ax.set_xlim(0, end)
    ax.tick_params(labelleft=not k)
    names = [ax.annotate("", (0, 0), (0, 5), textcoords="offset points", size=9) for _ in range(2)]
    ax.yaxis.set_major_locator(MaxNLocator(4, steps=ROUND))
    style.label_axes(ax, x="time (µs)", y="" if k else "potential of each\nclass (arb. units)")
    parts = {"faint": faint, "full": full, "best": best, "stars": star, "class_names": names}
    return parts | {"heads": ax.set_title(" ")}


@style.styled
def update_read_out(picture: Picture, data: Mapping[str, Any]) -> None:
    """Show other data in a picture of `draw_read_out`; names and accuracies stay what they were."""
    a, at, t = picture.artists, data["at"], data["times"] * US
    show_image(a, data)
    for cursor in a.cursors:
        cursor.set_xdata([t[at]] * 2)
    said = []
    # one scale, so that the networks can be compared
    reach = max(0.1, *(np.abs(v).max() for v in data["readout"]))
    reach = next(x for x in REACHES if x >= reach)
    for k, name in enumerate(data["names"]):
        a.potentials[k].set_ylim(-1.05 * reach, 1.3 * reach)
        verdict = _show_potentials(a, k, data, t)
        y = 100 * data["accuracy"][k][at]
        a.marks[k].set_data([t[at]], [y])
        said.append(f"{name}: {verdict.rstrip(' ✓✗')}, and {y:.1f} % of test images right")
    a.read.set_text(f"Read out after {t[at]:.1f} µs")
    picture.alt = (
        f"The ten potentials of two networks for a test image, {an(data['label'])}, and below "
        f"their accuracy against the deadline. Read out after {t[at]:.1f} µs: {'; '.join(said)}."
    )


def _show_potentials(a, k, data, t):
    """Potentials of one network; returns what it says."""
    v, at, c = data["readout"][k], data["at"], int(data["said"][k][data["at"]])
    for line, early, y in zip(a.faint[k], a.full[k], v.T, strict=True):
        line.set_data(t[: len(v)], y)
        early.set_data(t[: at + 1], y[: at + 1])
    peaks = v.max(axis=0)
    for text, one in zip(a.class_names[k], np.argsort(-peaks)[:2], strict=True):
        text.set_text(str(one))
        text.xy = t[min(int(v[:, one].argmax()), len(t) - 1)], peaks[one]
    if c < 0:
        a.best[k].set_data([], [])
        a.stars[k].set_data([], [])
        verdict = "nothing yet"
    else:
        top = int(v[: at + 1, c].argmax())
        a.best[k].set_data(t[: at + 1][: len(v)], v[: at + 1, c])
        a.stars[k].set_data([t[top]], [v[top, c]])
        verdict = f"says {c} {'✓' if c == data['label'] else '✗'}"
    say(a.heads[k], f"{data['names'][k]}:\n{verdict}", c < 0 or c == data["label"])
    return verdict
