"""Detectors as they form: what they look for, what is left of their synapses, what that saves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

from snnlab.course.figures.maps import mosaic, show_any
from snnlab.course.figures.parts import in_percent
from snnlab.plot import style
from snnlab.plot.decision import SIGNED
from snnlab.plot.style import GAPS, QUIET, ROLES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from matplotlib.figure import Figure, SubFigure

    from snnlab.plot.style import Picture


@style.styled
def draw_detectors(data: Mapping[str, Any], *, fig: Figure | SubFigure | None = None) -> Picture:
    """Two layers of detectors as they learn, connectivity and accuracy, events per image.

    Parameters
    ----------
    data : dict
        ``first``, ``second`` (detector, rows, columns): what the detectors of both layers look for,
        bright positive, dark negative; ``left``: list of (images, share of the synapses);
        ``tested``: list of (images, accuracy in [0, 1]); ``events``, ``uncut``: lists of (images,
        events per image), the second of a run in which nothing is cut; ``images``: how many there
        will be, half of them for each layer; ``settings``: a few words.
    fig : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    fig = style.figure(6.8, 4.2, fig)
    grid = fig.add_gridspec(2, 2, width_ratios=[1.2, 1])
    tiles, titles = [], []
    for k in range(2):
        ax = fig.add_subplot(grid[k, 0])
        tiles.append(ax.imshow(np.zeros((2, 2)), cmap=SIGNED, vmin=-1, vmax=1))
        ax.set_facecolor(GAPS)
        titles.append(ax.set_title(" "))
        style.frame_image(ax)
    shares, events = fig.add_subplot(grid[0, 1]), fig.add_subplot(grid[1, 1])
    (left,) = shares.plot([], [], color=ROLES["membrane"], label="synapses left")
    (tests,) = shares.plot([], [], "o-", ms=3, color=ROLES["training"], label="images right")
    shares.set(ylim=(-3, 104))
    shares.tick_params(labelbottom=False)
    style.label_axes(shares, y="%", title=" ")
    (uncut,) = events.plot([], [], "--", color=QUIET, label="nothing cut")
    (done,) = events.plot([], [], color=ROLES["spike"], label="this run")
    style.label_axes(events, x="images", y="events per image\n(thousands)", title=" ")
    events.yaxis.set_major_locator(MaxNLocator(4))
    for ax in (shares, events):
        ax.set_xlim(-0.02 * data["images"], 1.02 * data["images"])
        ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        ax.axvline(data["images"] / 2, color=QUIET, lw=0.8, ls=":")
    shares.legend(loc="lower left", fontsize=8)
    events.legend(loc="upper left", fontsize=8)
    titles += [shares.title, events.title]
    parts = {"tiles": tiles, "titles": titles, "left": left, "tests": tests, "uncut": uncut}
    return style.begin(fig, update_detectors, data, **parts, done=done)


@style.styled
def update_detectors(picture: Picture, data: Mapping[str, Any]) -> None:
    """Show other data in a picture of `draw_detectors`; arguments as there."""
    a = picture.artists
    for tile, name in zip(a.tiles, ("first", "second"), strict=True):
        pictures = data[name]
        show_any(tile, mosaic(pictures, int(np.ceil((2 * len(pictures)) ** 0.5))))
        most = float(np.abs(pictures).max())
        tile.set_clim(-(most or 1), most or 1)
    a.left.set_data(*in_percent(data["left"]))
    a.tests.set_data(*in_percent(data["tested"]))
    for line, name in ((a.done, "events"), (a.uncut, "uncut")):
        seen, events = np.array(data[name], float).reshape(-1, 2).T
        line.set_data(seen, events / 1000)
    most = max([y for name in ("events", "uncut") for _, y in data[name]], default=1)
    a.done.axes.set_ylim(0, 1.4 * (most or 1) / 1000)
    (seen, left), images = data["left"][-1], data["images"]
    right = f"{100 * data['tested'][-1][1]:.1f} % right" if data["tested"] else " "
    learning = 1 + (seen > images // 2)
    marks = ["", ", learning"] if learning == 2 else [", learning", ""]
    marks = ["", ""] if seen in (0, images) else marks
    a.titles[0].set_text(f"layer 1{marks[0]} (violet: bright, brown: dark)")
    a.titles[1].set_text(f"layer 2: {len(data['second'])} detectors{marks[1]}")
    a.titles[2].set_text(f"{100 * left:.1f} % left, {right}")
    n = len(data["events"])
    saved = " "
    if n and len(data["uncut"]) >= n:
        both = [sum(y for _, y in data[k][:n]) for k in ("events", "uncut")]
        saved = f"{100 * both[0] / max(both[1], 1):.0f} % of the events so far"
    a.titles[3].set_text(saved)
    picture.alt = (
        f"Two layers of detectors, {data['settings']}, after {seen} of {images} images: what "
        f"{len(data['first'])} detectors of the first and {len(data['second'])} of the second "
        f"layer look for, bright and dark. {100 * left:.1f} % of the synapses are left; a linear "
        f"readout has {right.strip() or 'not been tested yet'}. Events per image, beside those of "
        f"a run without cuts: {saved.strip() or 'none yet'}."
    )
