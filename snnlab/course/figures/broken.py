"""Hidden neurons that die: what is still recognised, and what is taken for what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.ticker import MaxNLocator

from snnlab.plot import style
from snnlab.plot.style import ROLES, an

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from matplotlib.figure import Figure, SubFigure

    from snnlab.plot.style import Picture

LOOKS = (("wrong", "s", "--"), ("training", "o", "-"))  # of the two networks


@style.styled
def draw_broken(data: Mapping[str, Any], *, fig: Figure | SubFigure | None = None) -> Picture:
    """Confusions of a network with dead neurons, and accuracy against their share.

    Parameters
    ----------
    data : dict
        ``names``: of two networks; ``net``: whose confusions are shown; ``confusion``: counts,
        (true class, decision); ``accuracy``, ``intact``: of both, now and without deaths, in
        [0, 1]; ``shares`` (n,) and ``curves`` (2, n): accuracies at more shares of dead neurons,
        in the ``order`` in which they die; ``n_dead``, ``n_hidden``, ``n_tested``; ``by_hand``:
        whether those that are dead now were chosen in another way.
    fig : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    fig = style.figure(6.6, 4.0, fig)
    table, ax = fig.subplots(1, 2, width_ratios=[1, 1.15])
    n = len(data["confusion"])
    # colours by the square root: confusions are few, and they are what is of interest
    shown = table.imshow(np.zeros((n, n)), cmap="cividis", norm=PowerNorm(0.5, 0, 100))
    table.set(xticks=range(n), yticks=range(n))
    table.spines[:].set_visible(False)
    table.tick_params(length=0)
    bar = fig.colorbar(shown, ax=table, label="share of the class (%)", location="bottom")
    bar.set_ticks([0, 5, 20, 50, 100])
    style.label_axes(table, x="decision", y="true class")
    lines, stars = [], []
    for name, (role, marker, dashes) in zip(data["names"], LOOKS, strict=True):
        looks = {"color": ROLES[role], "marker": marker}
        (line,) = ax.plot([], [], ls=dashes, ms=4, label=name, **looks)
        (star,) = ax.plot([], [], marker, mfc="white", mec=ROLES[role], ms=9, mew=2, zorder=4)
        lines.append(line)
        stars.append(star)
    ax.set(xlim=(-3, 103), ylim=(0, 104))
    style.light_grid(ax)
    ax.yaxis.set_major_locator(MaxNLocator(5))
    ax.legend(loc="lower left")
    style.label_axes(ax, x="hidden neurons dead (%)", y="test accuracy (%)")
    heads = [table.set_title(" "), ax.set_title(" ")]
    parts = {"shown": shown, "lines": lines, "stars": stars, "heads": heads}
    return style.begin(fig, update_broken, data, **parts)


@style.styled
def update_broken(picture: Picture, data: Mapping[str, Any]) -> None:
    """Show other data in a picture of `draw_broken`; arguments as there."""
    a, counts = picture.artists, np.asarray(data["confusion"])
    a.shown.set_data(100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))
    now = 100 * data["n_dead"] / data["n_hidden"]
    for line, star, curve, accuracy in zip(
        a.lines, a.stars, data["curves"], data["accuracy"], strict=True
    ):
        line.set_data(100 * np.asarray(data["shares"]), 100 * np.asarray(curve))
        star.set_data([now], [100 * accuracy])
    name = data["names"][data["net"]]
    a.heads[0].set_text(f"{name}: {100 * data['accuracy'][data['net']]:.1f} % right")
    order = "at random" if data["order"] == "random" else "the most influential first"
    now = "chosen by hand" if data["by_hand"] else "dead now"
    a.heads[1].set_text(f"{order}; outlined: {data['n_dead']} {now}")
    wrong = counts - np.diag(np.diag(counts))
    true, said = np.unravel_index(wrong.argmax(), wrong.shape)
    parts = "; ".join(
        f"{name}: {100 * x:.1f} % of {data['n_tested']} test images right, {100 * y:.1f} % intact"
        for name, x, y in zip(data["names"], data["accuracy"], data["intact"], strict=True)
    )
    picture.alt = (
        f"{data['n_dead']} of {data['n_hidden']} hidden neurons are dead. {parts}. A table of "
        f"decisions against true classes, for {name}: most often {an(true)} is taken for "
        f"{an(said)}, {wrong.max()} times. Beside it, curves of the accuracy against the share of "
        f"dead neurons, which die {order}."
    )
