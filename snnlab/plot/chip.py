"""The chip: accuracy against mismatch, from chip to chip, and its defects below the synapses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.ticker import MaxNLocator

from snnlab import _check
from snnlab.plot import style
from snnlab.plot.style import QUIET, ROLES, count
from snnlab.reports.avoidance import avoidance

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure
    from numpy.typing import ArrayLike

    from snnlab.chip.substrate import Substrate
    from snnlab.network import Network
    from snnlab.plot.style import Picture

MODES = {
    "loop": ("trained in the loop", "training", "o", "-"),
    "transfer": ("weights from software", "wrong", "s", "--"),
}
# what varies from neuron to neuron, in the order of the substrate's factors
KINDS = ("τ$_{mem}$", "τ$_{syn}$", "threshold", "gain")
EXCITES, INHIBITS = to_rgb(ROLES["input"]), to_rgb(ROLES["spike"])
GONE, DEAD = (1.0, 1.0, 1.0), (0.86, 0.86, 0.86)


@style.drawing(calibrated=_check.like(_check.number, at_least=0, at_most=10))
def draw_mismatch(
    sigma_d: ArrayLike,
    *,
    calibrated: float | None = None,
    fig: Figure | SubFigure | None = None,
    **accuracies: ArrayLike,
) -> Picture:
    """Test accuracy against the spread of the neurons' parameters.

    Parameters
    ----------
    sigma_d : sequence of float (n,)
        Relative spread of time constants and threshold.
    calibrated : float, optional
        Spread at which the points of the calibrated chip stand; they come first in ``accuracies``.
    fig : Figure or SubFigure, optional
        Where to draw.
    **accuracies : array (n_seeds, n)
        ``loop``, ``transfer``: one row per chip, in [0, 1].

    Returns
    -------
    Picture
    """
    fig = style.figure(6.4, 3.6, fig)
    ax = fig.subplots()
    x = 100 * sigma_d
    if not accuracies or not len(x):
        raise ValueError("sigma_d and accuracies must hold one entry or more")
    said = []
    for mode, y in accuracies.items():
        name, role, marker, dashes = MODES[_check.one_of("name of accuracies", mode, MODES)]
        y = np.atleast_2d(_check.as_array(mode, y))
        y = 100 * _check.array(mode, y, float, (None, len(x)), unit_interval=True)
        if not len(y):
            raise ValueError(f"{mode} must hold one chip or more")
        mean = y.mean(axis=0)
        single = {"color": ROLES[role], "ms": 3, "alpha": 0.45, "mew": 0}
        ax.plot(np.broadcast_to(x, y.shape).ravel(), y.ravel(), marker, **single)
        ax.plot(x, mean, marker, ls=dashes, color=ROLES[role], ms=6, label=name)
        said.append(f"{name}: {mean[0]:.1f} % at {x[0]:.0f} %, {mean[-1]:.1f} % at {x[-1]:.0f} %")
    if calibrated is not None:
        ax.axvline(100 * calibrated, color=QUIET, lw=1, ls=":")
        place = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points"}
        look = {"rotation": 90, "va": "bottom", "color": "#555555", "size": 9}
        ax.annotate("calibrated", (100 * calibrated, 0.03), (3, 0), **place, **look)
    x = "mismatch of time constants and threshold, relative sd (%)"
    style.label_axes(ax, x=x, y="test accuracy (%)")
    style.light_grid(ax)
    ax.legend(loc="lower left", bbox_to_anchor=(0.08, 0))
    style.freeze(fig)
    alt = f"Test accuracy against the neurons' mismatch. {'; '.join(said)}."
    return style.Picture(fig, alt)


@style.drawing()
def draw_transfer(matrix: ArrayLike, *, fig: Figure | SubFigure | None = None) -> Picture:
    """Test accuracy of networks trained on one chip (rows) and tested on another (columns).

    Parameters
    ----------
    matrix : array (n, m)
        In [0, 1].
    fig : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    _check.integer("number of entries in matrix", matrix.size, 1, 10**4)
    matrix = 100 * _check.array("matrix", matrix, float, unit_interval=True)
    rows, columns = matrix.shape
    fig = style.figure(1.9 + 0.72 * columns, 1.3 + 0.6 * rows, fig)
    ax = fig.subplots()
    low = min(matrix.min(), matrix.max() - 1)
    shown = ax.imshow(matrix, cmap="cividis", vmin=low, vmax=matrix.max(), aspect="auto")
    for i in range(rows):
        for j in range(columns):
            dark = matrix[i, j] < (low + matrix.max()) / 2
            look = {"color": "white" if dark else "black", "weight": "bold" if i == j else "normal"}
            ax.text(j, i, f"{matrix[i, j]:.1f}", ha="center", va="center", size=9.5, **look)
    ax.set(xticks=range(columns), yticks=range(rows))
    fig.colorbar(shown, ax=ax, label="test accuracy (%)")
    style.label_axes(ax, x="tested on chip", y="trained on chip")
    style.freeze(fig)
    alt = (
        f"Table of test accuracies of networks trained on {count(rows, 'chip')} and tested on "
        f"{columns}: on average "
    )
    if rows != columns:
        alt += f"{matrix.mean():.1f} %."
    else:
        alt += f"{np.diag(matrix).mean():.1f} % on their own"
        others = matrix[~np.eye(rows, dtype=bool)]
        alt += f", {others.mean():.1f} % on the others." if others.size else "."
    return style.Picture(fig, alt)


@style.drawing()
def draw_defects(
    network: Network, substrate: Substrate, *, layer: int = 0, fig: Figure | SubFigure | None = None
) -> Picture:
    """Which synapses there are, above what is wrong with the neurons they lead to.

    Neurons stand from best to worst (`Substrate.badness`), dead ones at the right end; beside it
    the number of inputs of each against its badness.

    Parameters
    ----------
    network : Network
    substrate : Substrate
        The chip it lies on, which decides what synapses there are (`snnlab.synapses.masks`).
    layer : int
        Number of the hidden layer, from 0.
    fig : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    found = avoidance(network, substrate, layer=layer, permutations=1)  # checks arguments
    order, dead = np.argsort(found.badness, kind="stable"), np.isinf(found.badness)
    columns = substrate.columns(network)[layer][order]
    n, n_dead = len(order), int(dead.sum())
    fig = style.figure(9.6, 4.4, fig)
    grid = fig.add_gridspec(2, 3, width_ratios=(3.2, 0.08, 2.5), height_ratios=(3.2, 1))
    top, bottom = (fig.add_subplot(grid[k, 0]) for k in (0, 1))
    scale, right = fig.add_subplot(grid[1, 1]), fig.add_subplot(grid[:, 2])

    image = np.ones((found.possible, n, 3))
    # hanning between pixels, as far as there are more of ours than on the page: no synapse is lost
    shown = top.imshow(image, aspect="auto", interpolation="antialiased")
    top.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    top.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    top.tick_params(labelbottom=False)
    style.label_axes(top, y="input")
    strip = _draw_factors(bottom, substrate, columns, dead[order])
    bar = fig.colorbar(strip, cax=scale)
    bar.set_label("off by (%)", size=9)
    bar.ax.yaxis.set_major_locator(MaxNLocator(3))
    if n_dead:
        for ax in (top, bottom):
            ax.axvline(n - n_dead - 0.5, color="black", lw=1)
        at = n - n_dead / 2 - 0.5, (len(KINDS) - 1) / 2
        bottom.text(*at, "dead", ha="center", va="center", rotation=90, size=9)

    badness = 100 * found.badness
    end = max(1.0, badness[~dead].max(initial=0))  # dead ones stand beyond the worst
    x = np.where(dead, 1.15 * end, badness)
    look = {"color": ROLES["training"], "ms": 4, "mfc": "none"}
    (living,) = right.plot(x[~dead], np.zeros(n - n_dead), "o", label="living", **look)
    (gone,) = right.plot(x[dead], np.zeros(n_dead), "x", color=ROLES["wrong"], ms=5, label="dead")
    mean = right.axhline(0, color="black", lw=1, ls="--", label="mean of all")
    right.set_xlim(-0.03 * end, 1.22 * end)
    right.xaxis.set_major_locator(MaxNLocator(4))
    style.label_axes(right, x="badness (%, dead ones at the end)", y="inputs left")
    titles = [ax.set_title(" \n ", size=9) for ax in (top, right)]
    handles = [living, gone, mean] if n_dead else [living, mean]
    fig.legend(handles=handles, ncols=3, loc="outside lower right")
    parts = {"image": shown, "living": living, "dead": gone, "mean": mean, "titles": titles}
    parts |= {"right": right, "order": order, "badness": found.badness, "layer": layer}
    picture = style.Picture(fig, "", **parts, chip=substrate.seed)
    right.set_ylim(0, 1)
    update_defects(picture, network, substrate)
    style.freeze(fig)
    return picture


def _draw_factors(ax, substrate, columns, dead):
    """What is off about each neuron, as an image; the dead have none of it."""
    factors = np.array([100 * (factor[columns] - 1) for factor in substrate.factors.values()])
    most = max(1.0, np.abs(factors[:, ~dead]).max(initial=0))
    living = np.ma.masked_array(factors, np.broadcast_to(dead, factors.shape))
    strip = ax.imshow(living, aspect="auto", cmap="PuOr", vmin=-most, vmax=most)
    ax.set_facecolor(DEAD)
    ax.set_yticks(range(len(KINDS)), KINDS)
    ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    style.label_axes(ax, x="neuron, from best to worst")
    return strip


@style.drawing()
def update_defects(picture: Picture, network: Network, substrate: Substrate) -> None:
    """Show other weights of the network in a picture of `draw_defects`, on the same chip."""
    a = style.artists(picture, "badness", "living", "titles")
    found = avoidance(network, substrate, layer=a.layer, permutations=1000)
    if not np.array_equal(found.badness, a.badness):
        raise ValueError(f"the picture is of other neurons, of chip {a.chip}")
    dead = np.isinf(found.badness)
    w = substrate.effective_weights(network)[a.layer][:, a.order]
    image = np.where(dead[a.order][:, None], DEAD, GONE) * np.ones((*w.shape, 1))
    image[w > 0], image[w < 0] = EXCITES, INHIBITS
    a.image.set_data(image)
    a.living.set_ydata(found.counts[~dead])
    a.dead.set_ydata(found.counts[dead])
    a.mean.set_ydata([found.counts.mean()] * 2)
    a.right.set_ylim(-0.04 * found.counts.max(), 1.08 * max(1, found.counts.max()))
    there, share = int(found.counts.sum()), 100 * found.counts.mean() / found.possible
    a.titles[0].set_text(
        f"{there:,} synapses ({share:.3g} %): blue ones excite, orange ones inhibit"
    )
    said = [
        f"{name}: {part.value * found.possible:.3g} inputs on average "
        f"(all: {part.chance * found.possible:.3g}, {_chance(part.p)})"
        for name, part in (("worst tenth", found.worst), ("dead", found.dead))
        if np.isfinite(part.value)
    ]
    a.titles[1].set_text("\n".join(said).replace(" on average", ""))
    rho = found.correlation
    picture.alt = (
        f"Map of {there:,} synapses from {found.possible} inputs to {len(dead)} neurons of chip "
        f"{a.chip}, {share:.3g} % of all, with the neurons from best to worst and their deviations "
        f"below; {count(int(dead.sum()), 'dead neuron')}. {'; '.join(said).capitalize()}."
    )
    if np.isfinite(rho.value):
        picture.alt += (
            f" Rank correlation of badness and number of inputs among the living: {rho.value:.2f} "
            f"({_chance(rho.p)})."
        )


def _chance(p):
    """A p-value in few characters; 0.001 is the least that 1000 permutations can tell."""
    return "p ≤ 0.001" if p <= 0.001 else f"p = {p:.2g}"
