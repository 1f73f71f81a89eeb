"""Images changed at random: affine maps, with the down-scaling they go with; crops and flips.

A rotated image is computed from the *source* image in one interpolation, together with the
down-scaling, instead of turning the small result. Cramer et al. rotate the 16 x 16 image itself
(their released code; up to 15 degrees), so this is a deliberate change: same range, less blur.

Coordinates are (row, column). The first and last pixel centres of source and result coincide, as
in ``scipy.ndimage.zoom``. ``Affine`` is defined in the frame of the result: an image point at
``p`` from the centre moves to ``R(rotation) H(shear) scale p + shift``.
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab._workers import share, worker_count
from snnlab.encode import latency
from snnlab.kernels import images as kernels

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike

    from snnlab._types import Signals

# A cubic spline needs four knots.
MIN_SOURCE = 4
MOST_PIXELS = 2**15  # along a side, so that those of an image are counted in 32 bits


@dataclass(frozen=True)
class Affine:
    """Ranges of a random affine map; every default is off.

    Parameters
    ----------
    rotation : float
        Angle, uniform in +-``rotation`` degrees; at most 180. Positive turns anticlockwise.
    shift : float
        Shift along each axis, uniform in +-``shift`` pixels of the result.
    scale : float
        Magnification, uniform in ``1 - scale`` to ``1 + scale``; below 1.
    shear : float
        Columns moved per row, uniform in +-``shear`` (dimensionless).

    Raises
    ------
    TypeError, ValueError
        If a value is not a number, or is negative, not finite or too large.
    """

    rotation: float = 0.0
    shift: float = 0.0
    scale: float = 0.0
    shear: float = 0.0

    def __post_init__(self):
        """Check every range."""
        for name in (field.name for field in fields(self)):
            _check.field(self, name, _check.number, at_least=0, at_most=1e6)
        _check.field(self, "rotation", _check.number, at_most=180)
        _check.field(self, "scale", _check.number, below=1)

    def matrices(
        self, n: int, source_shape: tuple[int, int], size: int, rng: np.random.Generator
    ) -> np.ndarray:
        """Draw ``n`` maps from the result's pixels to the source's.

        The same five numbers per map are drawn whatever is switched on, so that switching one
        range off leaves the others as they were.

        Parameters
        ----------
        n : int
            Number of maps.
        source_shape : (int, int)
            Rows and columns of the source, at least 4 each.
        size : int
            Rows and columns of the result, at least 2.
        rng : numpy.random.Generator
            Source of randomness.

        Returns
        -------
        (n, 2, 3) float32
            ``source (row, column) = matrix @ (row, column, 1)``.

        Raises
        ------
        TypeError, ValueError
            Naming the argument that is wrong.
        """
        n = _check.integer("n", n, at_least=0)
        source_shape = _source_shape(source_shape)
        size = _check.integer("size", size, 2, MOST_PIXELS)
        if not isinstance(rng, np.random.Generator):
            raise TypeError(f"rng must be a numpy.random.Generator, not {type(rng).__name__}")
        draw = rng.uniform(-1.0, 1.0, (n, 5))
        return _compose(
            np.deg2rad(self.rotation) * draw[:, 0],
            self.shift * draw[:, 1:3],
            1.0 + self.scale * draw[:, 3],
            self.shear * draw[:, 4],
            source_shape,
            size,
        )


def resample(
    source: np.ndarray,
    index: ArrayLike,
    size: int,
    affine: Affine | None = None,
    rng: np.random.Generator | None = None,
    out: np.ndarray | None = None,
    run: Callable | None = None,
) -> np.ndarray:
    """Down-scale images to ``size`` x ``size``, each under its own random affine map.

    Without ``affine`` this is the plain down-scaling: cubic spline, end points aligned, rounded to
    uint8 levels, as ``scipy.ndimage.zoom`` does. ``Affine()`` gives exactly the same.

    Parameters
    ----------
    source : (n, h, w) uint8
        Images, C-contiguous, at least 4 x 4.
    index : (m,) integer
        Which images to take, each in [0, n).
    size : int
        Rows and columns of a result, at least 2.
    affine : Affine, optional
        Ranges of the random maps.
    rng : numpy.random.Generator, optional
        Needed with ``affine``; there is no default seed.
    out : (m, size * size) float32, optional
        Array to fill, C-contiguous.
    run : callable, optional
        ``run(work, m)`` calls ``work(lo, hi)`` for parts that cover ``range(m)``, for example on
        worker threads (the work releases the GIL). The result does not depend on the parts.

    Returns
    -------
    (m, size * size) float32
        Levels 0, 1/255, ..., 1.

    Raises
    ------
    TypeError, ValueError, IndexError
        Naming the argument that is wrong.
    """
    if not isinstance(source, np.ndarray) or source.dtype != np.uint8:
        raise TypeError(f"source must be a uint8 array, not {_kind(source)}")
    _check.unmasked("source", source)
    if source.ndim != 3:
        raise ValueError(f"source must have shape (n, h, w), not {source.shape}")
    if not source.flags.c_contiguous:  # copying here would copy every image for every batch
        raise ValueError("source must be C-contiguous; pass numpy.ascontiguousarray(source) once")
    shape = _source_shape(source.shape[1:])
    index = _check.as_array("index", index)
    if index.ndim != 1:
        raise ValueError(f"index must have one axis, not shape {index.shape}")
    if index.size and not np.issubdtype(index.dtype, np.integer):
        raise TypeError(f"index must hold integers, not {index.dtype}")
    if index.size and not (index.min() >= 0 and index.max() < len(source)):
        raise ValueError(f"index must be in [0, {len(source)})")
    index = np.ascontiguousarray(index, np.int64)
    size = _check.integer("size", size, 2, MOST_PIXELS)
    m = len(index)
    if out is None:
        out = np.empty((m, size * size), np.float32)
    elif not isinstance(out, np.ndarray) or out.dtype != np.float32:
        raise TypeError(f"out must be a float32 array, not {_kind(out)}")
    elif out.shape != (m, size * size):
        raise ValueError(f"out must have shape {(m, size * size)}, not {out.shape}")
    elif not (out.flags.c_contiguous and out.flags.writeable):
        raise ValueError("out must be C-contiguous and writeable")
    if affine is None:
        matrices = np.repeat(_plain(shape, size), m, axis=0)
    elif isinstance(affine, Affine):
        matrices = np.ascontiguousarray(affine.matrices(m, shape, size, rng))
    else:
        raise TypeError(f"affine must be an Affine or None, not {type(affine).__name__}")

    if run is not None:
        _check.function("run", run, 2)

    def work(lo, hi):
        kernels.resample(source, index, matrices, size, lo, hi, out)

    if run is None:
        work(0, m)
    else:
        run(work, m)
    return out


def _plain(source_shape, size):
    """Map of the plain down-scaling, (1, 2, 3) float32."""
    return _compose(np.zeros(1), np.zeros((1, 2)), np.ones(1), np.zeros(1), source_shape, size)


def _compose(rotation, shift, scale, shear, source_shape, size):
    """Map result to source: undo shift, rotation, shear and scale, then stretch the grid.

    ``rotation`` (radians), ``scale``, ``shear`` have shape (n,), ``shift`` (n, 2); returns
    (n, 2, 3) float32.
    """
    cos, sin = np.cos(rotation), np.sin(rotation)
    extent = np.array(source_shape) - 1.0
    # (R H scale)^-1 with R = [[cos, -sin], [sin, cos]] and H = [[1, 0], [shear, 1]].
    back = np.array([[cos, sin], [-sin - shear * cos, cos - shear * sin]]) / scale
    linear = back.transpose(2, 0, 1) * (extent / (size - 1))[:, None]
    centre = (size - 1) / 2 + shift
    offset = extent / 2 - np.einsum("nij,nj->ni", linear, centre)
    return np.concatenate([linear, offset[:, :, None]], axis=2, dtype=np.float32)


def _source_shape(shape):
    """Return the rows and columns of a source, each enough for a cubic spline."""
    try:
        h, w = (operator.index(side) for side in shape)
    except (TypeError, ValueError):
        raise ValueError(f"source_shape of a source must be two integers, not {shape!r}") from None
    if max(h, w) > MOST_PIXELS:
        raise ValueError(f"source_shape of a source must be at most {MOST_PIXELS}, not {h} x {w}")
    if min(h, w) < MIN_SOURCE:
        raise ValueError(
            f"source_shape of a source must be at least {MIN_SOURCE} x {MIN_SOURCE}, not {h} x {w}"
        )
    return h, w


def _kind(value):
    """Say what a value is, for error messages."""
    return str(value.dtype) if isinstance(value, np.ndarray) else type(value).__name__


class AugmentedImages:
    """Images that are changed anew each time they are looked at: a stream for `snnlab.train`.

    Parameters
    ----------
    source : (n, h, w) uint8
        Images, C-contiguous.
    size : int
        Rows and columns of a result.
    affine : Affine
        Ranges of the changes.
    encode : callable
        From values (m, size * size) to what the network listens to, for example
        `snnlab.encode.latency`.
    workers : int, optional
        Threads; by default all that this process may use.
    """

    def __init__(
        self,
        source: np.ndarray,
        size: int,
        affine: Affine,
        encode: Callable[[np.ndarray], Signals] = latency,
        workers: int | None = None,
    ) -> None:
        resample(source, np.arange(0), size, affine, np.random.default_rng(0))  # checks all
        if not callable(encode):
            raise TypeError("encode must be a function of the images' values")
        self.source, self.size, self.affine, self.encode = source, size, affine, encode
        self.workers = worker_count(workers)

    def __len__(self):
        return len(self.source)

    def __repr__(self):
        code = getattr(self.encode, "__qualname__", type(self.encode).__qualname__)
        return f"AugmentedImages({len(self)} images, size={self.size}, {self.affine}, {code})"

    def batch(self, index: ArrayLike, rng: np.random.Generator) -> Signals:
        """Newly changed images ``index``, encoded."""

        def run(work, m):
            share(work, m, self.workers)

        return self.encode(resample(self.source, index, self.size, self.affine, rng, run=run))


@dataclass(frozen=True)
class Crops:
    """Random crops and flips, as `CroppedImages` makes them; an estimator's ``augment``.

    Parameters
    ----------
    pad : int
        Zeros on every side, less than an image has pixels.
    flip : bool
        Whether every second image is mirrored.
    """

    pad: int = 4
    flip: bool = True

    def __post_init__(self):
        """Check both."""
        _check.field(self, "pad", _check.integer, 0, MOST_PIXELS)
        _check.field(self, "flip", _check.flag)


class CroppedImages:
    """Images that are shifted and flipped anew each time: a stream for `snnlab.train`.

    An image is padded with zeros, and a part of its own size cut out at a random place; every
    second one is mirrored, left to right (as usual for CIFAR-10: He et al. 2016, section 4.2).

    Parameters
    ----------
    source : (n, h, w) or (n, h, w, colours) uint8
        Images.
    encode : callable
        From values (m, h * w * colours) float32 in [0, 1] to what the network listens to.
    pad : int
        Zeros on every side, less than an image has pixels.
    flip : bool
        Whether images are mirrored.

    Raises
    ------
    TypeError, ValueError
        Naming the argument that is wrong.
    """

    def __init__(
        self,
        source: np.ndarray,
        encode: Callable[[np.ndarray], Signals],
        pad: int = 4,
        flip: bool = True,
    ) -> None:
        if not isinstance(source, np.ndarray) or source.dtype != np.uint8:
            raise TypeError(f"source must be a uint8 array, not {_kind(source)}")
        _check.unmasked("source", source)
        if source.ndim not in (3, 4) or 0 in source.shape[1:]:
            raise ValueError(f"source must be images (n, h, w, colours), not {source.shape}")
        if source.ndim == 4 and source.shape[1] in (1, 3) and source.shape[3] > 4:
            raise ValueError(
                f"source must be images (n, h, w, colours), not {source.shape}: colours come last, "
                "as in source.transpose(0, 2, 3, 1)"
            )
        if not callable(encode):
            raise TypeError("encode must be a function of the images' values")
        self.source, self.encode = source, encode
        self.pad = _check.integer("pad", pad, 0, min(source.shape[1:3]) - 1)
        self.flip = _check.flag("flip", flip)

    def __len__(self):
        return len(self.source)

    def batch(self, index: ArrayLike, rng: np.random.Generator) -> Signals:
        """Images ``index``, newly shifted and flipped, encoded.

        The same three numbers per image are drawn whatever is switched on.
        """
        index = _check.as_array("index", index)
        if index.ndim != 1 or index.dtype.kind not in "iu":
            raise TypeError("index must be integers, in one axis")
        if index.size and not 0 <= index.min() <= index.max() < len(self.source):
            raise ValueError(f"index must be in [0, {len(self.source)})")
        if not isinstance(rng, np.random.Generator):
            raise TypeError(f"rng must be a numpy.random.Generator, not {type(rng).__name__}")
        (h, w), m = self.source.shape[1:3], len(index)
        draw = rng.random((3, m))
        down, right = np.floor(draw[:2] * (2 * self.pad + 1)).astype(int)
        columns = np.arange(w) + right[:, None]
        if self.flip:
            columns = np.where((draw[2] < 0.5)[:, None], columns[:, ::-1], columns)
        rows = np.arange(h) + down[:, None]
        p = self.pad
        margins = ((0, 0), (p, p), (p, p)) + ((0, 0),) * (self.source.ndim - 3)
        padded = np.pad(self.source[index], margins)
        out = padded[np.arange(m)[:, None, None], rows[:, :, None], columns[:, None, :]]
        flat = out.reshape(m, math.prod(out.shape[1:]))  # of no images, too
        return self.encode(np.divide(flat, 255, dtype=np.float32))
