"""The house style: colours by role, pictures that a notebook shows, figures without pyplot."""

from __future__ import annotations

import base64
import functools
import html
import io
import struct
import zlib
from types import SimpleNamespace
from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from snnlab import _check
from snnlab._files import write_atomically
from snnlab.plot.arguments import CHECKS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from snnlab._types import PathLike

OKABE_ITO = {
    "black": "#000000",
    "orange": "#E69F00",
    "sky blue": "#56B4E9",
    "bluish green": "#009E73",
    "yellow": "#F0E442",
    "blue": "#0072B2",
    "vermillion": "#D55E00",
    "reddish purple": "#CC79A7",
}
ROLES = {
    "input": OKABE_ITO["blue"],
    "current": OKABE_ITO["bluish green"],
    "membrane": OKABE_ITO["black"],
    "spike": OKABE_ITO["vermillion"],
    "threshold": OKABE_ITO["reddish purple"],
    "gradient": OKABE_ITO["orange"],
    "training": OKABE_ITO["blue"],
    "validation": OKABE_ITO["black"],
    "wrong": OKABE_ITO["vermillion"],
}
QUIET = "#8C8C8C"  # what stands back: the classes that were not chosen
GAPS = "#C9DCEB"  # seen between the parts of an image
HOUSE = {
    # by its name: what "sans-serif" stands for is looked up while drawing, perhaps meanwhile by
    # another thread and in another style
    "font.family": ["DejaVu Sans"],
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.labelsize": 10,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "axes.edgecolor": "#333333",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "axes.linewidth": 0.8,
    "lines.linewidth": 1.6,
    "text.color": "black",
    "axes.labelcolor": "black",
    "axes.titlecolor": "auto",
    "axes.titlelocation": "left",
    "axes.titleweight": "normal",
    "xtick.color": "#333333",
    "ytick.color": "#333333",
    "xtick.labelcolor": "black",
    "ytick.labelcolor": "black",
    "text.usetex": False,
    "image.cmap": "gray_r",
    "image.interpolation": "nearest",
}
US = 1e6  # microseconds in a second
DPI = 100
# On a dark page a picture is turned over: white becomes the page's dark grey, colours keep their
# hue. Rules of style for everything of the class ``snnlab-picture``.
IN_THE_DARK = (
    "[data-jp-theme-light=false] .snnlab-picture, .vscode-dark .snnlab-picture, "
    "[theme=dark] .snnlab-picture { filter: invert(0.93) hue-rotate(180deg); }"
)
PALE = 0.3  # opacity of what was pinned


def styled(function):
    """Run in the house style, whatever style the user's own figures have."""

    @functools.wraps(function)
    def inner(*args, **kwargs):
        with matplotlib.rc_context(HOUSE):
            return function(*args, **kwargs)

    return inner


def drawing(**own):
    """Decorator: in the house style, arguments being looked at as `CHECKS`, or ``own``, say."""
    return lambda function: styled(_check.given(CHECKS, **own)(function))


class Picture:
    """A figure, the artists whose data change, and a sentence that says what it shows.

    Attributes
    ----------
    fig : matplotlib Figure or SubFigure
    alt : str
        What there is to see, for readers who do not see it.
    artists : namespace
        What ``update_*`` sets.
    moving : list of artists
        If ``update_*`` changes nothing but these and limits of axes, they are drawn alone, on top
        of a kept image of all the rest: several times faster. Empty: everything is drawn anew.
    """

    @_check.given(fig=CHECKS["fig"], alt=_check.text, moving=_check.sequence)
    def __init__(
        self, fig: Figure | SubFigure, alt: str, moving: Sequence[Artist] = (), **artists: Any
    ) -> None:
        self.fig, self.alt, self.artists = fig, alt, SimpleNamespace(**artists)
        self.moving = list(moving)
        self._rest = None  # the kept image, and what it was made for
        self._ghosts = []

    @_check.given(CHECKS)
    def png(self, scale: float = 2.0) -> bytes:
        """PNG bytes; ``scale`` pixels of the file per pixel on the page."""
        if not self.moving:
            return to_png(self.fig, scale)
        self._draw_quickly(scale)
        return encode_png(np.asarray(self.fig.canvas.buffer_rgba())[:, :, :3])

    @styled
    def _draw_quickly(self, scale):
        canvas = self.fig.canvas
        axes = [ax for ax in self.fig.get_axes() if ax.get_visible()]
        made_for = scale, [(ax, ax.get_xlim(), ax.get_ylim()) for ax in axes]
        if self._rest is None or self._rest[0] != made_for:
            self.fig.dpi = DPI * scale
            for artist in self.moving:
                artist.set_animated(True)  # left out
            canvas.draw()
            for artist in self.moving:
                artist.set_animated(False)
            self._rest = made_for, canvas.copy_from_bbox(self.fig.bbox)
        canvas.restore_region(self._rest[1])
        for artist in sorted(self.moving, key=lambda artist: artist.zorder):
            if artist.axes is None or artist.axes in axes:
                self.fig.draw_artist(artist)

    def forget(self) -> None:
        """Draw everything anew the next time: something changed that is not in ``moving``."""
        self._rest = None

    def save(self, path: PathLike, scale: float = 2.0) -> None:
        """Write a PNG file, whole or not at all."""
        content = self.png(scale)
        write_atomically(path, lambda file: file.write(content))

    @styled
    def svg(self) -> bytes:
        """The picture as bytes of an SVG file."""
        file = io.BytesIO()
        dpi = self.fig.dpi
        try:
            self.fig.savefig(file, format="svg", metadata={"Date": None})
        finally:
            self.fig.dpi, self._rest = dpi, None
        return file.getvalue()

    @styled
    def pin(self) -> None:
        """Leave what is shown now behind whatever is shown next, pale, in place of an earlier pin.

        Lines, marks and bars stay where they are in the data, also if limits of axes change.
        """
        self.unpin()
        for artist in self.moving:
            ghost = _ghost(artist)
            if ghost is not None:
                artist.axes.add_artist(ghost)
                self._ghosts.append(ghost)
        self._rest = None

    def unpin(self) -> None:
        """Take away what `pin` has left."""
        for ghost in self._ghosts:
            ghost.remove()
        self._ghosts, self._rest = [], None

    def __repr__(self):
        return f"Picture: {self.alt}"

    def _repr_mimebundle_(self, include=None, exclude=None):
        width, height = page_size(self.fig)
        png = base64.b64encode(self.png()).decode()
        # JupyterLab reads no alt text from the metadata of image/png, nbconvert does
        page = (
            f'<style>{IN_THE_DARK}</style><img class="snnlab-picture" '
            f'src="data:image/png;base64,{png}" alt="{html.escape(self.alt)}" '
            f'width="{width}" style="max-width: 100%; height: auto">'
        )
        data = {"text/html": page, "image/png": png, "text/plain": repr(self)}
        return data, {"image/png": {"alt": self.alt, "width": width, "height": height}}


def _ghost(artist):
    """A pale copy of a line or a bar, or None if there is nothing to be seen."""
    if artist.axes is None or not artist.get_visible():
        return None
    if isinstance(artist, Line2D) and len(artist.get_xdata()):
        ghost = Line2D(*artist.get_data())
        ghost.update_from(artist)
        ghost.set_markevery(artist.get_markevery())
    elif isinstance(artist, Rectangle) and artist.get_width() and artist.get_height():
        ghost = Rectangle(artist.get_xy(), artist.get_width(), artist.get_height())
        ghost.set(facecolor="none", edgecolor="black", linewidth=1.5, linestyle="--")
    else:
        return None
    ghost.set(alpha=PALE * (artist.get_alpha() or 1), zorder=artist.zorder - 0.5, animated=False)
    ghost.set_label("_pinned")  # legends leave it out
    return ghost


@_check.given(fig=_check.kind("Figure", "SubFigure", "Picture"), alt=_check.text)
def show(fig: Figure | Picture, alt: str) -> Picture:
    """A figure of your own as something that a notebook shows.

    Parameters
    ----------
    fig : matplotlib.figure.Figure or Picture
    alt : str
        A sentence saying what there is to see.

    Returns
    -------
    Picture
    """
    fig = getattr(fig, "fig", fig)
    if not alt.strip():
        raise ValueError("alt must be a sentence that says what the figure shows")
    if fig.canvas is None:
        FigureCanvasAgg(fig)
    return Picture(fig, alt)


@_check.given(CHECKS)
def page_size(fig: Figure | SubFigure) -> tuple[int, int]:
    """Width and height on the page in pixels."""
    return tuple(int(round(DPI * inches)) for inches in fig.get_size_inches())


@drawing()
def to_png(fig: Figure | SubFigure, scale: float = 1.0) -> bytes:
    """Render a figure to PNG bytes."""
    fig.dpi = DPI * scale
    canvas = FigureCanvasAgg(fig) if not isinstance(fig.canvas, FigureCanvasAgg) else fig.canvas
    canvas.draw()
    return encode_png(np.asarray(canvas.buffer_rgba())[:, :, :3])


def encode_png(rgb):
    """An array of uint8 (rows, columns, 3) as PNG bytes.

    Written here since imaging libraries try a filter for every row, which takes three times as long
    and does not make pictures of flat colours any smaller.
    """
    rows, columns, _ = rgb.shape
    lines = np.zeros((rows, 1 + 3 * columns), np.uint8)  # each begins with its filter, 0 for none
    lines[:, 1:] = rgb.reshape(rows, -1)
    size = struct.pack(">IIBBBBB", columns, rows, 8, 2, 0, 0, 0)  # 8 bits, red green blue
    chunks = (b"IHDR", size), (b"IDAT", zlib.compress(lines, 1)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


@drawing()
def new_figure(width: float, height: float) -> Figure:
    """An empty figure of so many inches, with a canvas and without pyplot."""
    fig = Figure((width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(fig)
    return fig


def figure(width, height, within=None):
    """A new figure of so many inches, or the one to draw within."""
    return new_figure(width, height) if within is None else CHECKS["fig"]("fig", within)


@_check.given(CHECKS)
def freeze(fig: Figure | SubFigure) -> None:
    """Solve the layout now and keep it: nothing moves when data change, and drawing is faster."""
    if isinstance(fig, SubFigure):
        return
    fig.canvas.draw()
    fig.set_layout_engine("none")


def begin(fig, update, *data, **artists):
    """A picture whose artists move: it shows its first data, and its layout is frozen.

    Parameters
    ----------
    fig : Figure or SubFigure
    update : callable
        ``update(picture, *data)`` shows other data in it.
    *data
        The first.
    **artists
        What ``update`` sets, one by one or in lists and dicts. Apart from axes, all of them are
        `Picture.moving`.

    Returns
    -------
    Picture
    """
    picture = Picture(fig, "", _moving(artists.values()), **artists)
    update(picture, *data)
    freeze(fig)
    return picture


def artists(picture, *needed):
    """What ``update_*`` sets in a picture, which has all that it needs, or is another one's."""
    if not all(hasattr(picture.artists, name) for name in needed):
        raise ValueError(f"picture must be one with {', '.join(needed)}: that of another function")
    return picture.artists


def _moving(parts):
    """Artists among parts and in lists, arrays and dicts among them, but not axes."""
    for part in parts:
        if isinstance(part, dict):
            yield from _moving(part.values())
        elif isinstance(part, list | tuple | np.ndarray):
            yield from _moving(part)
        elif isinstance(part, Artist) and not isinstance(part, Axes):
            yield part


def label_axes(ax, x="", y="", title=""):
    """Axis labels and title in one call."""
    ax.set(xlabel=x, ylabel=y, title=title)


class Legend:
    """A legend that lists only what there is: call ``update(picture)`` after data were set.

    Parameters
    ----------
    ax : Axes
    handles : sequence of artists
    **looks
        As for ``ax.legend``.
    """

    def __init__(self, ax, handles, **looks):
        self._ax, self._handles, self._looks, self._shown = ax, list(handles), looks, None

    @styled
    def update(self, picture):
        """List the artists that have data now."""
        there = [artist for artist in self._handles if _is_there(artist)]
        if there != self._shown:
            if self._shown:
                self._ax.get_legend().remove()
            if there:
                self._ax.legend(handles=there, **self._looks)
            self._shown = there
            picture.forget()


def _is_there(artist):
    """Whether a line has points within its axes, or a bar a height."""
    if isinstance(artist, Line2D):
        y, (low, high) = np.asarray(artist.get_ydata(), float), artist.axes.get_ylim()
        return bool(((y >= low) & (y <= high)).any())
    return bool(artist.get_width() and artist.get_height())


def light_grid(ax):
    """A pale grid behind everything else."""
    ax.grid(True, color="#DDDDDD", lw=0.6)
    ax.set_axisbelow(True)


def frame_image(ax):
    """Give axes of an image a whole frame in place of ticks; returns its four lines."""
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(True)
    return list(ax.spines.values())


def blank_image(ax, shape):
    """An empty image of grey values, in which 0 is white and 1 is black."""
    return ax.imshow(np.zeros(shape), vmin=0, vmax=1, cmap="gray_r")


def plain(x, _=None):
    """A tick's number as it is: for axes that would make a power of ten of it."""
    return f"{x:g}"


def grouped(x, _=None):
    """A tick's whole number, its thousands apart."""
    return f"{x:,.0f}"


STEADY = np.array([0, 0.25, 0.5, 1, 1.5, 2, 3, 5, 7.5, 10, 15, 20, 30, 50, 75, 100, 150, 200])


def steady(low, high):
    """Ends from a short list around ``low <= 0 <= high``: the same for most moves of a slider."""
    up = STEADY[min(np.searchsorted(STEADY, high), len(STEADY) - 1)]
    down = STEADY[min(np.searchsorted(STEADY, -low), len(STEADY) - 1)]
    return -float(down), float(up)


def brief(name, most=14):
    """A name as a picture has room for it: its middle is left out, and it is never a formula.

    What is left is a little shorter than ``most``: it may be of wide letters.
    """
    name = " ".join(str(name).split())
    if len(name) > most:
        head, tail = most // 2, most - most // 2 - 3
        name = f"{name[:head]}…{name[-tail:]}"
    return name.replace("$", r"\$")


def are_long(names):
    """Whether what is said of two of them takes two lines."""
    return names is not None and max(map(len, names), default=0) > 4


def an(what):
    """``a 3``, ``an 8``, ``an automobile``."""
    sound = str(what).lstrip('"')[0]
    return f"{'an' if sound in '8aeiou' else 'a'} {what}"


def one(what):
    """``A 3``, ``An 8``: what a sentence begins with."""
    return "A" + an(what)[1:]


def count(n, what):
    """``1 spike``, ``2 spikes``, ``no spikes``."""
    return f"{n or 'no'} {what}{'' if n == 1 else 's'}"
