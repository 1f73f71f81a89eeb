"""Images: with what the network says of them, and as spikes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

from snnlab import _check
from snnlab.plot import style
from snnlab.plot.arguments import grey
from snnlab.plot.style import ROLES, US, count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure, SubFigure
    from numpy.typing import ArrayLike

    from snnlab.plot.style import Picture
    from snnlab.signals import SpikeTrains


@style.drawing()
def draw_images(
    x: ArrayLike,
    shape: tuple[int, int],
    *,
    labels: ArrayLike | None = None,
    predictions: ArrayLike | None = None,
    names: Sequence[str] | None = None,
    columns: int = 8,
    fig: Figure | SubFigure | None = None,
) -> Picture:
    """A grid of images with what the network says of each.

    Parameters
    ----------
    x : array (n, pixels)
        Values in [0, 1].
    shape : (int, int)
        Rows and columns of an image.
    labels, predictions : array of int (n,), optional
        True and predicted classes; a wrong one is marked by a cross, a frame and the true class.
    names : sequence of str, optional
        Names of the classes; long ones are shortened in the picture.
    columns : int
    fig : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    _check.array("x", x, x.dtype, (None, shape[0] * shape[1]))
    _check.integer("number of images in x", len(x), 1, 1000)
    columns = min(columns, len(x))
    rows = -(-len(x) // columns)
    room = " \n " if style.are_long(names) and predictions is not None else " "
    fig = style.figure(1.02 * columns, (1.22 + 0.15 * ("\n" in room)) * rows, fig)
    axes = np.ravel(fig.subplots(rows, columns, squeeze=False))
    for ax in axes[len(x) :]:
        ax.set_visible(False)
    shown = [style.blank_image(ax, shape) for ax in axes[: len(x)]]
    for ax in axes:
        style.frame_image(ax)
        ax.set_title(room, size=9, loc="center", pad=3)
    picture = style.Picture(fig, "", images=shown, axes=axes, shape=tuple(shape), names=names)
    update_images(picture, x, labels=labels, predictions=predictions)
    style.freeze(fig)
    return picture


@style.drawing()
def update_images(
    picture: Picture,
    x: ArrayLike,
    *,
    labels: ArrayLike | None = None,
    predictions: ArrayLike | None = None,
) -> None:
    """Show as many other images in a picture of `draw_images`; arguments as there."""
    a = style.artists(picture, "images", "shape", "names")
    x = grey("x", _check.array("x", x, x.dtype, (len(a.images), a.shape[0] * a.shape[1])))
    n_classes = 10**6 if a.names is None else len(a.names)
    if labels is not None:
        labels = _check.labels("labels", labels, len(x), n_classes)
    if predictions is not None:
        predictions = _check.labels("predictions", predictions, len(x), n_classes)

    def name(k):
        return str(k) if a.names is None else a.names[k]

    def shown(k, most):
        return style.brief(name(k), most)

    gap, n_wrong = "\n" if style.are_long(a.names) else " ", 0
    for k, (image, ax) in enumerate(zip(a.images, a.axes, strict=False)):
        image.set_data(x[k].reshape(a.shape))
        wrong = labels is not None and predictions is not None and labels[k] != predictions[k]
        n_wrong += bool(wrong)
        said = predictions if predictions is not None else labels
        text = "" if said is None else shown(said[k], 11 if wrong else 13)
        # an empty title would be left out of the layout, so there is always a character
        ax.title.set_text((f"✗ {text},{gap}not {shown(labels[k], 11)}" if wrong else text) or " ")
        ax.title.set_color(ROLES["wrong"] if wrong else "black")
        for spine in ax.spines.values():
            spine.set(color=ROLES["wrong"] if wrong else "#333333", linewidth=2 if wrong else 0.8)
    picture.alt = f"A grid of {count(len(a.images), 'image')}"
    if labels is not None:
        picture.alt += f", in truth {', '.join(name(k) for k in labels[: len(a.images)])}"
    if labels is not None and predictions is not None:
        picture.alt += f"; the network is right about {len(a.images) - n_wrong} of them"
    picture.alt += "."


@style.drawing()
def draw_code(image: ArrayLike, trains: SpikeTrains, sample: int = 0, *, dt: float) -> Picture:
    """An image beside the spikes it is coded as.

    Parameters
    ----------
    image : array (rows, columns)
        Values in [0, 1].
    trains : SpikeTrains
    sample : int
        Which one of the trains.
    dt : float
        Step in seconds.

    Returns
    -------
    Picture
    """
    sample = _check.integer("sample", sample, 0, len(trains) - 1)
    if image.size != trains.n_units:
        raise ValueError(f"image must have {trains.n_units} pixels, as trains has units")
    fig = style.figure(8.6, 3.0)
    fig.get_layout_engine().set(wspace=0.06)
    left, middle, right = fig.subplots(1, 3, width_ratios=[1, 1, 1.4])
    events = slice(trains.start[sample], trains.stop[sample])
    t, unit = trains.step[events] * dt * US, trains.unit[events]
    left.imshow(image, vmin=0, vmax=1, cmap="gray_r")
    style.label_axes(left, title="the image")
    when = np.full(image.size, np.nan)
    when[unit] = t
    last = trains.n_steps * dt * US
    early = middle.imshow(when.reshape(image.shape), cmap="cividis", vmin=0, vmax=last)
    fig.colorbar(early, ax=middle, label="time of spike (µs)", shrink=0.72)
    style.label_axes(middle, title="when each pixel spikes")
    for ax in (left, middle):
        style.frame_image(ax)
    right.plot(t, unit, "|", color=ROLES["input"], ms=5, mew=1.2)
    right.set(xlim=(-0.02 * last, last), ylim=(image.size + 3, -4))
    right.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    style.label_axes(right, x="time (µs)", y="pixel (row by row)", title="the same as a raster")
    style.freeze(fig)
    alt = (
        f"An image of {image.shape[0]} by {image.shape[1]} pixels, a map of the time at which each "
        f"pixel spikes, and these {len(t)} spikes as a raster over {last:.0f} µs: the darkest "
        "pixels spike first, white ones never."
    )
    return style.Picture(fig, alt)
