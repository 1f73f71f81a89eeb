"""Images as features: their shape, the order of their axes, and what is said where they differ."""

from collections.abc import Iterator

import numpy as np

from snnlab import _check
from snnlab.datasets.augment import Affine, AugmentedImages, CroppedImages, Crops
from snnlab.layers import Composite, Conv, Pool

SAME = 1e-6  # deviation, as a share of the mean, that is rounding of single precision


def layers_of(given):
    """A list of the estimator's layers, which are asked for several times: no iterator."""
    if isinstance(given, Iterator):
        raise TypeError(f"layers must be a sequence, not {type(given).__name__}")
    return _check.sequence("layers", given)


def shape_of(image_shape, layers):
    """Rows, columns and channels of the images that features are; None where they are none.

    Parameters
    ----------
    image_shape : sequence of int or None
        Of the estimator.
    layers : sequence or None
        Of the estimator; the first entry may be a shape, too.

    Raises
    ------
    TypeError, ValueError
        If it is no shape of images, or layers are no sequence; if both are given, and differ; if
        neither is, but layers hear images.
    """
    layers = [] if layers is None else layers_of(layers)
    first = layers[0] if layers else None
    in_layers = tuple(first) if isinstance(first, tuple) else None
    if image_shape is None:
        if in_layers is None and any(map(_hears_images, layers)):
            raise ValueError(
                "image_shape must be given where layers hear images, such as (28, 28, 1): rows, "
                "columns and channels"
            )
        return in_layers if in_layers is not None and len(in_layers) == 3 else None
    size = _check.like(_check.integer, at_least=1, at_most=_check.MOST_UNITS)
    shape = tuple(_check.each(size, of="numbers")("image_shape", image_shape))
    if len(shape) == 2:
        shape = (*shape, 1)
    if len(shape) != 3:
        raise ValueError(f"image_shape must be rows, columns and channels, not {image_shape}")
    if in_layers not in (None, shape):
        raise ValueError(f"image_shape is {shape}, but layers begin with {in_layers}")
    return shape


def _hears_images(layer):
    if isinstance(layer, Composite):
        return any(map(_hears_images, layer.layers))
    return isinstance(layer, Conv | Pool)


def flattened(X, shape):
    """Images as rows of features, (n, pixels); sequences (n, time, unit) as they are.

    Parameters
    ----------
    X : array
        Rows of features, images (n, y, x, channel), or (n, y, x) where there is one channel.
    shape : tuple of int
        Rows, columns, channels.

    Raises
    ------
    ValueError
        Axes in another order, other sizes, grey images for colour; the message says what was
        expected.
    """
    if not isinstance(X, np.ndarray) or X.ndim < 2:
        return X
    given, pixels = X.shape[1:], int(np.prod(shape))
    grey = shape[2] == 1 and given == shape[:2]
    if given in (shape, (pixels,)) or grey:
        return X.reshape(len(X), pixels)
    if X.ndim == 3 and given[1] == pixels:
        return X
    raise ValueError(f"X has {_told(given)}, image_shape {shape} expects {_expected(given, shape)}")


def _told(given):
    if len(given) == 1:
        return f"{given[0]} features"
    return f"images of shape {given}" if len(given) > 1 else "no features"


def _expected(given, shape):
    """What was expected, and what it looks as if it were instead."""
    y, x, channels = shape
    plain = f"(y, x, channel), or {y * x * channels} features in this order"
    if given == (channels, y, x):
        return f"{plain}: channels come last, as in X.transpose(0, 2, 3, 1)"
    if given == (x, y, channels):
        return f"{plain}: rows come first, as in X.transpose(0, 2, 1, 3)"
    if channels > 1 and given in ((y, x), (y, x, 1), (y * x,)):
        return f"{plain}: these are grey, {channels} channels were expected"
    if channels == 1 and given in ((y, x, 3), (y * x * 3,)):
        return f"{plain}: these are of three colours, one channel was expected"
    return plain


def check_augment(augment, shape):
    """Refuse what is no augmentation, or none of such images."""
    if not isinstance(augment, Affine | Crops):
        raise TypeError(f"augment must be Affine, Crops or None, not {type(augment).__name__}")
    if isinstance(augment, Crops) and shape is None:
        raise ValueError("image_shape must be given where augment crops images")
    if isinstance(augment, Affine) and shape is not None and (shape[2] > 1 or shape[0] != shape[1]):
        raise ValueError(
            f"augment: Affine changes square grey images, not {shape}; Crops changes all"
        )


def stream(u, shape, augment, code):
    """The stream of changed images.

    Parameters
    ----------
    u : array of float (n, pixels)
        In [0, 1].
    shape : tuple of int or None
        By default that of grey squares.
    augment : Affine or Crops
    code : callable
        From images in [0, 1] to signals.
    """
    source = np.rint(255 * u).astype(np.uint8)
    if isinstance(augment, Crops):
        return CroppedImages(source.reshape(-1, *shape), code, augment.pad, augment.flip)
    side = int(np.sqrt(u.shape[1]))
    if side * side != u.shape[1]:
        raise ValueError(f"augment needs square images; X has {u.shape[1]} features")
    return AugmentedImages(source.reshape(-1, side, side), side, augment, code)


def bounds(X):
    """Smallest value and range of all pixels together, arrays (n_features,).

    Those in [0, 1] are taken as they are.
    """
    low, high = float(X.min()), float(X.max())
    if low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    if not np.isfinite(high - low):
        raise ValueError("X has values whose range is too large for a float")
    return np.full(X.shape[1], low), np.full(X.shape[1], (high - low) or 1.0)


def by_channel(u, channels):
    """Mean and standard deviation of each channel, spread to its pixels: two arrays."""
    each = u.reshape(-1, channels)
    mean, sd = each.mean(axis=0, dtype=np.float64), each.std(axis=0, dtype=np.float64)
    places = u.shape[1] // channels
    return np.tile(mean, places), np.tile(deviations(mean, sd), places)


def deviations(mean, sd):
    """Standard deviations to divide by: 1 where values are the same but for rounding."""
    return np.where(sd > SAME * np.abs(mean), sd, 1.0)
