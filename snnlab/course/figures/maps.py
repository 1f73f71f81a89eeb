"""Feature maps: what a unit of a convolution sees, and what all of them say; weights of patches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from snnlab.course.figures.parts import place_accuracy, place_others, show_accuracy, show_others
from snnlab.plot import style
from snnlab.plot.decision import SIGNED
from snnlab.plot.style import GAPS, OKABE_ITO, QUIET, ROLES, US, an, count

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from matplotlib.figure import Figure, SubFigure
    from matplotlib.image import AxesImage

    from snnlab.plot.style import Picture

BOX = OKABE_ITO["vermillion"]
GAP = 1  # pixels between two maps


def mosaic(maps: np.ndarray, columns: int) -> np.ndarray:
    """Maps side by side, row by row, with gaps that are not numbers.

    Parameters
    ----------
    maps : array (n, rows, columns)
    columns : int
        Maps in a row.

    Returns
    -------
    array (rows, columns)
    """
    n, height, width = maps.shape
    rows = -(-n // columns)
    out = np.full((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP), np.nan)
    for k, one in enumerate(maps):
        y, x = place_of(k, columns, (height, width))
        out[y : y + height, x : x + width] = one
    return out


def place_of(k: int, columns: int, shape: tuple[int, int]) -> tuple[int, int]:
    """Row and column of the first pixel of map k in a `mosaic`."""
    row, column = divmod(k, columns)
    return row * (shape[0] + GAP), column * (shape[1] + GAP)


def columns_of(n: int) -> int:
    """How many maps stand in a row: two to four times as many as rows, so that few places stay."""
    some = range(max(1, int(np.ceil((2 * n) ** 0.5))), int((4 * n) ** 0.5) + 1)
    return min(n, min(some, key=lambda c: (-n % c, abs(c - (3 * n) ** 0.5))))


def _box(ax):
    """A frame around pixels."""
    frame = Rectangle((0, 0), 1, 1, fill=False, edgecolor=BOX, linewidth=2, clip_on=False)
    return ax.add_patch(frame)


def _put_box(box, rows, columns):
    """Around pixels rows[0] to rows[1] - 1, and columns likewise."""
    box.set_xy((columns[0] - 0.5, rows[0] - 0.5))
    box.set(width=columns[1] - columns[0], height=rows[1] - rows[0])


def show_any(image: AxesImage, values: np.ndarray) -> None:
    """Another image, of any shape, in axes of their own."""
    rows, columns = values.shape
    image.set_data(values)
    image.set_extent((-0.5, columns - 0.5, rows - 0.5, -0.5))
    image.axes.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5))


@style.styled
def draw_maps(data: Mapping[str, Any], *, fig: Figure | SubFigure | None = None) -> Picture:
    """A unit of a convolution: what it sees, its weights, its potential; and all maps.

    Parameters
    ----------
    data : dict
        ``image`` (rows, columns): spikes of the inputs so far; ``sees``: rows and columns of the
        image that reach the unit, each (first, last + 1); ``kernel`` (rows, columns): its weights,
        and ``heard``: of how many maps it is the mean, 0 for the image's own; ``v`` (time,): its
        potential, and ``spikes``: the steps in which it spikes; ``threshold``; ``maps`` (map, rows,
        columns): spikes so far; ``most``: in the whole sample; ``chosen``: map, row and column of
        the unit; ``step``: up to which; ``dt``; ``layer``: a few words.
    fig : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    fig = style.figure(6.8, 4.4, fig)
    grid = fig.add_gridspec(2, 1, height_ratios=[1, 1.35])
    above = grid[0].subgridspec(1, 3, width_ratios=[1, 1, 1.9])
    seen, weights, time = (fig.add_subplot(above[k]) for k in range(3))
    maps = fig.add_subplot(grid[1])
    image = style.blank_image(seen, (2, 2))
    kernel = weights.imshow(np.zeros((2, 2)), cmap=SIGNED, vmin=-1, vmax=1)
    tiles = maps.imshow(np.zeros((2, 2)), cmap="gray_r", vmin=0, vmax=1)
    maps.set_facecolor(GAPS)
    frames = [line for ax in (seen, weights, maps) for line in style.frame_image(ax)]
    last = (len(data["v"]) - 1) * data["dt"] * US
    (v,) = time.plot([], [], color=ROLES["membrane"])
    (spikes,) = time.plot([], [], "d", color=ROLES["spike"], ms=5)
    (later,) = time.plot([], [], color=QUIET, lw=1, ls=":")
    level = time.axhline(1, color=ROLES["threshold"], ls="--", lw=1.2)
    now = time.axvline(0, color=QUIET, lw=0.8)
    time.set(xlim=(-0.02 * last, 1.02 * last))
    time.yaxis.set_major_locator(MaxNLocator(4))
    time.yaxis.tick_right()
    style.label_axes(time, x="time (µs)", title=" ")
    titles = [ax.set_title(" ") for ax in (seen, weights, maps)]
    parts = {"image": image, "kernel": kernel, "tiles": tiles, "frames": frames}
    parts |= {"lines": [later, v, level, now, spikes], "boxes": [_box(seen), _box(maps)]}
    parts |= {"unit": _box(maps), "titles": titles, "says": time.title, "time": time}
    return style.begin(fig, update_maps, data, **parts)


@style.styled
def update_maps(picture: Picture, data: Mapping[str, Any]) -> None:
    """Show other data in a picture of `draw_maps`; arguments as there."""
    a, (chosen, row, column) = picture.artists, data["chosen"]
    show_any(a.image, data["image"])
    a.image.set_clim(0, max(1, data["image"].max()))
    _put_box(a.boxes[0], *data["sees"])
    show_any(a.kernel, data["kernel"])
    largest = abs(data["kernel"]).max() or 1
    a.kernel.set_clim(-largest, largest)
    columns = columns_of(len(data["maps"]))
    show_any(a.tiles, mosaic(data["maps"], columns))
    a.tiles.set_clim(0, max(1, data["most"]))
    shape = data["maps"].shape[1:]
    y, x = place_of(chosen, columns, shape)
    _put_box(a.boxes[1], (y, y + shape[0]), (x, x + shape[1]))
    _put_box(a.unit, (y + row, y + row + 1), (x + column, x + column + 1))
    spikes = _show_potential(a, data)
    n = int(data["maps"].sum())
    (top, bottom), (left, right) = data["sees"]
    a.titles[0].set_text("spikes of the image")
    heard = f"mean over {data['heard']} maps" if data["heard"] else "its weights"
    a.titles[1].set_text(heard)
    a.titles[2].set_text(f"{data['layer']}: {count(n, 'spike')} up to step {data['step']}")
    a.says.set_text(f"the unit in the small frame: {count(spikes, 'spike')}")
    picture.alt = (
        f"{data['layer']}, up to step {data['step']}: {count(len(data['maps']), 'map')} of "
        f"{shape[0]} by {shape[1]} units with {count(n, 'spike')}. The unit at row {row}, column "
        f"{column} of map {chosen} sees {bottom - top} by {right - left} pixels of the image and "
        f"has {count(spikes, 'spike')} so far; its weights and its potential are beside it."
    )


def _show_potential(a, data):
    """The unit's potential up to now, and what comes; returns how often it has spiked."""
    later, v, level, now, spikes = a.lines
    t, step = np.arange(len(data["v"])) * data["dt"] * US, data["step"]
    v.set_data(t[: step + 1], data["v"][: step + 1])
    later.set_data(t, data["v"])
    level.set_ydata([data["threshold"]] * 2)
    now.set_xdata([t[step]] * 2)
    there = np.asarray(data["spikes"], int)
    there = there[there <= step]
    spikes.set_data(t[there], data["v"][there])
    low, high = style.steady(float(data["v"].min()), float(max(data["v"].max(), data["threshold"])))
    a.time.set_ylim(low - 0.05 * (high - low), high + 0.12 * (high - low))
    return len(there)


@style.styled
def draw_patches(data: Mapping[str, Any], *, fig: Figure | SubFigure | None = None) -> Picture:
    """A convolution as it learns: its weights, what it makes of an image, and the accuracy.

    Parameters
    ----------
    data : dict
        ``kernels`` (map, rows, columns): weights of the first layer; ``maps`` (map, rows, columns):
        its spikes for a test image; ``image`` (rows, columns); ``label`` and ``decision``;
        ``tested``: list of (step, accuracy in [0, 1]); ``others``: the same of a network without
        convolutions; ``steps``: how many there will be; ``weights``: how many the network has, and
        ``others_weights``; ``settings``: a few words.
    fig : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    fig = style.figure(6.8, 4.3, fig)
    grid = fig.add_gridspec(2, 2, width_ratios=[1.25, 1], height_ratios=[1, 1.2])
    weights, maps = (fig.add_subplot(grid[k, 0]) for k in range(2))
    right = grid[:, 1].subgridspec(2, 1, height_ratios=[1, 2])
    shown, curve = (fig.add_subplot(right[k]) for k in range(2))
    kernels = weights.imshow(np.zeros((2, 2)), cmap=SIGNED, vmin=-1, vmax=1)
    tiles = maps.imshow(np.zeros((2, 2)), cmap="gray_r", vmin=0, vmax=1)
    image = style.blank_image(shown, (2, 2))
    frames = []
    for ax in (weights, maps, shown):
        frames += style.frame_image(ax)
    for ax in (weights, maps):
        ax.set_facecolor(GAPS)
    tests = place_accuracy(curve, data["steps"], "test accuracy (%)")
    others = place_others(curve, tests, "convolutions", "dense network", -0.24)
    titles = [ax.set_title(" ") for ax in (weights, maps, shown, curve)]
    parts = {"kernels": kernels, "tiles": tiles, "image": image, "frames": frames}
    parts |= {"tests": tests, "others": others, "titles": titles, "curve": curve}
    return style.begin(fig, update_patches, data, **parts)


@style.styled
def update_patches(picture: Picture, data: Mapping[str, Any]) -> None:
    """Show other data in a picture of `draw_patches`; arguments as there."""
    a, n = picture.artists, len(data["kernels"])
    columns = columns_of(n)
    show_any(a.kernels, mosaic(data["kernels"], columns))
    largest = abs(data["kernels"]).max() or 1
    a.kernels.set_clim(-largest, largest)
    show_any(a.tiles, mosaic(data["maps"], columns))
    a.tiles.set_clim(0, max(1, data["maps"].max()))
    show_any(a.image, data["image"])
    a.curve.set_xlim(-0.03 * data["steps"], 1.03 * data["steps"])
    step, accuracy = show_accuracy(a.tests, data["tested"])
    others = show_others(a.others, data["others"], step)
    spikes = int(data["maps"].sum())
    a.titles[0].set_text(f"first layer: {n} kernels")
    a.titles[1].set_text(f"what they make of the image: {count(spikes, 'spike')}")
    right = data["decision"] == data["label"]
    is_, said = (an(data[name]) for name in ("label", "decision"))
    a.titles[2].set_text(f"{is_}, taken for {said} {'✓' if right else '✗'}")
    a.titles[2].set_color("black" if right else ROLES["wrong"])
    a.titles[3].set_text(f"{accuracy:.1f} % at step {step}")
    dense = "." if others is None else f"; a dense network has {others:.1f} %."
    picture.alt = (
        f"A network of convolutions, {data['settings']}, as it learns: its {n} kernels, their "
        f"{count(spikes, 'spike')} for a test image, {is_} that it takes for "
        f"{said}, and its accuracy over {data['steps']} steps, {accuracy:.1f} % at "
        f"step {step}{dense}"
    )
