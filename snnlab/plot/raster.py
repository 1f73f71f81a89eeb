"""Pictures that change quickly: axes are drawn once, then pixels are pasted into them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import to_rgb

from snnlab import _check
from snnlab.plot import style
from snnlab.plot.style import DPI

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from numpy.typing import ArrayLike

_WHITE = np.full((1, 1, 3), 255, np.uint8)


class Raster(style.Picture):
    """A figure of which only the inside of some axes changes, as raw pixels.

    Everything that matplotlib draws (frames, ticks, labels) is drawn once per size. After that a
    picture costs little more than its PNG: several times less than drawing the figure anew.

    Parameters
    ----------
    fig : matplotlib Figure
        Its layout must be frozen (`freeze`).
    alt : str
    axes : Axes by name
        Into which pixels can be pasted.

    Notes
    -----
    The pixels are in the PNG, not in the figure.
    """

    def __init__(self, fig: Figure | SubFigure, alt: str, **axes: Axes) -> None:
        super().__init__(fig, alt)
        for name, ax in axes.items():
            _check.kind("Axes")(name, ax)
        self.axes = axes
        self._inside = dict.fromkeys(axes, lambda shape: _WHITE)
        self._pinned = {}  # what stays behind it, likewise by name
        self._frames = {}  # per scale: pixels of the figure, and where its axes are

    def paste(self, name: str, rgb: np.ndarray) -> None:
        """Fill axes with an image.

        Parameters
        ----------
        name : str
            Of the axes.
        rgb : array of uint8 (rows, columns, 3)
            The first row is on top. Each pixel becomes a block, with sharp edges.
        """
        rgb = np.array(_check.floats("rgb", rgb), np.asarray(rgb).dtype)
        if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or 0 in rgb.shape:
            raise ValueError(f"rgb must be uint8 (rows, columns, 3), got {rgb.dtype} {rgb.shape}")
        self._put(name, lambda shape: _enlarged(rgb, shape))

    def paste_events(
        self,
        name: str,
        step: ArrayLike,
        unit: ArrayLike,
        n_steps: int,
        n_units: int,
        color: np.ndarray,
    ) -> None:
        """Fill axes with a mark per event: time from left to right, the first unit on top.

        Parameters
        ----------
        name : str
        step, unit : array of int (n_events,)
        n_steps, n_units : int
        color : array of uint8 (3,) or (n_events, 3)
        """
        n_steps = _check.integer("n_steps", n_steps, 1, _check.MOST_STEPS)
        n_units = _check.integer("n_units", n_units, 1, _check.MOST_UNITS)
        step = _check.as_array("step", step)
        step = _check.labels("step", step, step.size, n_steps)
        unit = _check.labels("unit", unit, len(step), n_units)
        color = _check.array("color", color, np.uint8)
        if color.shape not in ((3,), (len(step), 3)):
            raise ValueError(f"color must have shape (3,) or ({len(step)}, 3), got {color.shape}")

        def marks(shape):
            rows, columns = shape
            out = np.full((rows, columns, 3), 255, np.uint8)
            width, height = max(1, columns // n_steps - 1), max(3, rows // n_units)
            left = step * columns // n_steps
            top = np.minimum(unit * rows // n_units, rows - height)
            for j in range(height):
                for i in range(width):
                    out[top + j, np.minimum(left + i, columns - 1)] = color
            return out

        self._put(name, marks)

    def _put(self, name, content):
        _check.one_of("name", name, tuple(self.axes))
        self._inside[name] = content

    def pin(self) -> None:
        """Leave what is shown now behind whatever is shown next, pale."""
        self._pinned = dict(self._inside)

    def unpin(self) -> None:
        """Take away what `pin` has left."""
        self._pinned = {}

    def png(self, scale: float = 2.0) -> bytes:
        """PNG bytes; ``scale`` pixels of the file per pixel on the page."""
        scale = style.CHECKS["scale"]("scale", scale)
        if scale not in self._frames:
            self._frames[scale] = self._draw_frame(scale)
        frame, places = self._frames[scale]
        pixels = frame.copy()
        for name, place in places.items():
            inside = pixels[place]
            inside[...] = self._pixels_of(name, inside.shape[:2])
        return style.encode_png(pixels)

    def _pixels_of(self, name, shape):
        """What is in some axes, over what was pinned there."""
        now = self._inside[name](shape)
        if name not in self._pinned:
            return now
        before = 255 - style.PALE * (255.0 - self._pinned[name](shape))
        return np.minimum(now, before.astype(np.uint8))

    @style.styled
    def svg(self) -> bytes:
        """The picture as bytes of an SVG file, with the pixels as images in it."""
        shown = []
        for name, ax in self.axes.items():
            box = ax.get_window_extent()
            shape = max(1, round(2 * box.height)), max(1, round(2 * box.width))
            pixels = np.broadcast_to(self._pixels_of(name, shape), (*shape, 3))
            extent = *ax.get_xlim(), *ax.get_ylim()
            looks = {"aspect": ax.get_aspect(), "interpolation": "nearest", "origin": "upper"}
            shown.append(ax.imshow(pixels, extent=extent, zorder=0, **looks))
        try:
            return super().svg()
        finally:
            for image in shown:
                image.remove()

    @style.styled
    def _draw_frame(self, scale):
        """The figure as pixels, and the pixels within the frames of its axes, as slices."""
        self.fig.dpi = DPI * scale
        self.fig.canvas.draw()
        frame = np.array(self.fig.canvas.buffer_rgba())[:, :, :3].copy()
        edge = int(np.ceil(scale))  # the frame is drawn half inside
        places = {}
        for name, ax in self.axes.items():
            box = ax.get_window_extent()
            top, bottom = len(frame) - box.y1, len(frame) - box.y0
            places[name] = (
                slice(int(np.ceil(top)) + edge, int(bottom) - edge),
                slice(int(np.ceil(box.x0)) + edge, int(box.x1) - edge),
            )
        return frame, places


def _enlarged(rgb, shape):
    """Each pixel as a block, so that the whole fills ``shape``."""
    rows = np.arange(shape[0]) * len(rgb) // shape[0]
    columns = np.arange(shape[1]) * rgb.shape[1] // shape[1]
    return rgb[:, columns][rows]


def rgb_of(color):
    """A colour as uint8 (3,)."""
    return np.rint(255 * np.array(to_rgb(color))).astype(np.uint8)


def grey_rgb(image):
    """Values in [0, 1] as ink on white: uint8 (rows, columns, 3)."""
    grey = np.rint(255 * (1 - np.clip(image, 0, 1))).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)
