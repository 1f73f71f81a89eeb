"""A deep network while it is rewired: what is left of each layer, and which wires those are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import ListedColormap

from snnlab.course.figures.maps import mosaic, show_any
from snnlab.course.figures.parts import place_accuracy, place_share, show_accuracy, show_share
from snnlab.plot import style
from snnlab.plot.style import GAPS, OKABE_ITO, QUIET, ROLES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from matplotlib.figure import Figure, SubFigure

    from snnlab.plot.style import Picture

TICKS = [0.1, 1, 10, 100]  # percent
AGAINST, FOR = OKABE_ITO["orange"], OKABE_ITO["blue"]  # signs of weights


def picture_of(weights: np.ndarray, kernel: int) -> np.ndarray:
    """Signs of a layer's weights as an image: a kernel per pair of maps, or a pixel per wire.

    Parameters
    ----------
    weights : array (n_in, n_out)
        Rows in the order (row, column, map below) if there are kernels.
    kernel : int
        Their width; 1 for a dense layer.

    Returns
    -------
    array (rows, columns) of float
        A row per map or unit above, a column per one below; 1, -1, and 0 where there is no wire;
        what is not a number is a gap.
    """
    signs, (n_in, n_out) = np.sign(weights).astype(float), weights.shape
    if kernel == 1:
        return signs.T
    below = n_in // kernel**2
    kernels = signs.reshape(kernel, kernel, below, n_out).transpose(3, 2, 0, 1)
    return mosaic(kernels.reshape(-1, kernel, kernel), below)


@style.styled
def draw_layers(data: Mapping[str, Any], *, fig: Figure | SubFigure | None = None) -> Picture:
    """A deep network while a rule rewires it: accuracy, connectivity, layers, wires of one layer.

    Parameters
    ----------
    data : dict
        ``method`` and ``settings``: a few words; ``steps``: how many there will be; ``tested``:
        list of (step, accuracy in [0, 1]); ``before``: the same of the run before, or empty;
        ``left``: list of (step, connectivity in [0, 1]); ``target``: connectivity wanted, or
        None; ``names``: of the layers; ``wires`` and ``sizes``: weights that each has, and could
        have; ``chosen``: number of a layer; ``signs`` (n_in, n_out): of its weights, 0 where there
        is no wire; ``kernel``: width of its kernels, 1 of a dense layer.
    fig : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    fig = style.figure(6.8, 4.4, fig)
    grid = fig.add_gridspec(2, 2, width_ratios=[1, 1.35], height_ratios=[1.1, 1])
    curve, share = fig.add_subplot(grid[0, 0]), fig.add_subplot(grid[1, 0])
    bars, wires = fig.add_subplot(grid[0, 1]), fig.add_subplot(grid[1, 1])
    tests = place_accuracy(curve, data["steps"], "test accuracy (%)")
    (before,) = curve.plot([], [], color=QUIET, lw=1, ls="--", zorder=1)
    parts = {"tests": tests, "result": curve.title, "before": before}
    parts |= place_share(share, data["steps"], "wires left (%)")
    parts |= _place_bars(bars, data["names"]) | {"rule": share.title}
    image = wires.imshow(
        np.zeros((2, 2)),
        cmap=ListedColormap([AGAINST, "white", FOR]),
        vmin=-1,
        vmax=1,
        aspect="auto",
        interpolation="nearest",
    )
    wires.set_facecolor(GAPS)
    wires.set(xlabel="from the layer below", ylabel="to this layer")
    wires.tick_params(left=False, bottom=False, labelleft=False, labelbottom=False)
    parts |= {"image": image, "frame": style.frame_image(wires), "says": wires.set_title(" ")}
    return style.begin(fig, update_layers, data, **parts)


def _place_bars(ax, names):
    places = np.arange(len(names))
    bars = ax.barh(places, np.ones(len(names)), left=TICKS[0], height=0.7)
    numbers = [ax.text(110, k, "", va="center", fontsize=8) for k in places]
    ax.set_xscale("log")
    ax.set(xlim=(TICKS[0], 2500), xticks=TICKS, ylim=(len(names) - 0.5, -0.5))
    ax.xaxis.set_major_formatter(style.plain)
    ax.minorticks_off()
    ax.set_yticks(places, names, fontsize=8)
    style.label_axes(ax, x="wires left, in % of each layer's", title=" ")
    return {"bars": list(bars), "numbers": numbers, "sum": ax.title}


@style.styled
def update_layers(picture: Picture, data: Mapping[str, Any]) -> None:
    """Show other data in a picture of `draw_layers`; arguments as there."""
    a = picture.artists
    step, accuracy = show_accuracy(a.tests, data["tested"])
    before = np.array(data["before"], float).reshape(-1, 2)
    a.before.set_data(before[:, 0], 100 * before[:, 1])
    left = show_share(a, *np.array(data["left"], float).reshape(-1, 2).T, data)
    wires, sizes = np.asarray(data["wires"]), np.asarray(data["sizes"])
    shares = 100 * wires / sizes
    for k, bar in enumerate(a.bars):
        bar.set_width(max(shares[k], TICKS[0]) - TICKS[0])
        bar.set_color(ROLES["spike"] if k == data["chosen"] else QUIET)
        a.numbers[k].set_text(f"{wires[k]:,} of {sizes[k]:,}")
    show_any(a.image, picture_of(data["signs"], data["kernel"]))
    name = data["names"][data["chosen"]]
    a.result.set_text(f"{accuracy:.1f} % right at step {step}")
    a.rule.set_text(f"{data['method']}, {data['settings']}")
    a.sum.set_text(f"{int(wires.sum()):,} wires left: {left[-1]:.3g} %")
    a.says.set_text(f"{name}: {int(wires[data['chosen']]):,} wires")
    listed = ", ".join(f"{n} {s:.3g}" for n, s in zip(data["names"], shares, strict=True))
    picture.alt = (
        f"{data['method']}, {data['settings']}, on a network of {len(wires)} layers: {accuracy:.1f}"
        f" % of test images right at step {step} of {data['steps']}; {left[-1]:.3g} % of "
        f"{int(sizes.sum()):,} wires are left. Layer by layer, in percent: {listed}. A picture of "
        f"the wires of {name}, {int(wires[data['chosen']]):,} of them."
    )
