"""The latency code of an image, and what can be read back from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

from snnlab.plot import style
from snnlab.plot.raster import Raster, grey_rgb, rgb_of
from snnlab.plot.style import ROLES, US, count

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from snnlab.plot.style import Picture


@style.styled
def draw_latency(data: Mapping[str, Any]) -> Picture:
    """An image, its spikes, and the image decoded from them.

    Parameters
    ----------
    data : dict
        ``image``, ``decoded``: arrays (rows, columns) in [0, 1]; ``step``, ``unit``: arrays of its
        spikes, units being pixels row by row; ``n_steps``, ``dt`` in seconds.

    Returns
    -------
    Raster
    """
    fig = style.new_figure(6.8, 3.0)
    fig.get_layout_engine().set(wspace=0.04)
    image, raster, decoded = fig.subplots(1, 3, width_ratios=[1, 1.5, 1])
    rows, columns = data["image"].shape
    last = data["n_steps"] * data["dt"] * US
    raster.set(xlim=(0, last), ylim=(rows * columns, 0))
    raster.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    style.label_axes(raster, x="time (µs)", y="pixel (row by row)", title="its spikes")
    style.label_axes(image, title="the image")
    style.label_axes(decoded, title="read back")
    for ax in (image, decoded):
        ax.set(xticks=[], yticks=[], box_aspect=rows / columns)
    for ax in (image, raster, decoded):
        ax.spines[:].set_visible(True)
    style.freeze(fig)
    picture = Raster(fig, "", image=image, raster=raster, decoded=decoded)
    update_latency(picture, data)
    return picture


def update_latency(picture: Picture, data: Mapping[str, Any]) -> None:
    """Show other data in a picture of `draw_latency`; arguments as there."""
    n_pixels = data["image"].size
    picture.paste("image", grey_rgb(data["image"]))
    picture.paste("decoded", grey_rgb(data["decoded"]))
    color = rgb_of(ROLES["input"])
    picture.paste_events("raster", data["step"], data["unit"], data["n_steps"], n_pixels, color)
    worst = np.abs(data["image"] - data["decoded"]).max()
    picture.alt = (
        f"An image of {data['image'].shape[0]} by {data['image'].shape[1]} pixels, its "
        f"{count(len(data['step']), 'spike')} as a raster, dark pixels first, and the image read "
        f"back from them, which differs by up to {worst:.2f}."
    )
