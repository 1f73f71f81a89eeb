"""Weights and constants of convolutions as `snnlab.kernels.conv` takes them: tiles of channels."""

import numpy as np

from snnlab.kernels.winograd import OF_WEIGHTS


def tiled(w, lanes):
    """Weights (row, channel) tile by tile, (tile, row, lane)."""
    rows, n = w.shape
    tiles = -(-n // lanes)
    out = np.zeros((rows, tiles * lanes), w.dtype)
    out[:, :n] = w
    return np.ascontiguousarray(out.reshape(rows, tiles, lanes).swapaxes(0, 1))


def thin(w):
    """Weights (row, channel) that are not zero, channel by channel: where they begin, rows, values.

    In a channel they are in the order of rows.
    """
    channel, row = np.nonzero(w.T)
    begin = np.searchsorted(channel, np.arange(w.shape[1] + 1))
    return begin, row, np.ascontiguousarray(w[row, channel])


def turned(w, k, stride, channels, lanes):
    """Weights (place and channel heard, channel) as the error needs them, (row, channel heard).

    ``lanes``: of the adjoint currents, whose channels are filled up to whole tiles.
    """
    size, n = -(-k // stride), w.shape[1]
    out = np.zeros((stride, stride, size, size, -(-n // lanes) * lanes, channels), w.dtype)
    w = w.reshape(k, k, channels, n)
    for y in range(k):
        for x in range(k):
            place = y % stride, x % stride, size - 1 - y // stride, size - 1 - x // stride
            out[place][:n] = w[y, x].T
    return out.reshape(-1, channels)


def transformed(w):
    """Weights (place of 3 x 3 and channel heard, channel) for `snnlab.kernels.winograd`.

    The result has rows (point and channel heard).
    """
    by_row = np.einsum("iy,yxn->ixn", OF_WEIGHTS, w.reshape(3, 3, -1))
    by_point = np.einsum("jx,ixn->ijn", OF_WEIGHTS, by_row)
    return by_point.reshape(-1, w.shape[1]).astype(w.dtype)


def by_channel(x, lanes):
    """A number per channel, filled up to whole tiles."""
    out = np.zeros(-(-len(x) // lanes) * lanes, x.dtype)
    out[: len(x)] = x
    return out


def by_place(x, channels, lanes):
    """Constants (..., unit) with each place's channels filled up to whole tiles."""
    tiles = -(-channels // lanes)
    out = np.zeros((*x.shape[:-1], x.shape[-1] // channels, tiles * lanes), x.dtype)
    out[..., :channels] = x.reshape(*x.shape[:-1], -1, channels)
    return out.reshape(*x.shape[:-1], -1)


def margin_of(k, padding):
    """Zeros around adjoint currents: places that inputs reach beyond the image."""
    return max(k - 1 - padding, 0) if padding < k else 0


def adjoint_room(shape_out, k, padding, n_steps, lanes):
    """Numbers that one sample's adjoint currents are."""
    n_y, n_x, n_c = shape_out
    margin = margin_of(k, padding)
    return -(-n_c // lanes) * lanes * n_steps * (n_y + 2 * margin) * (n_x + 2 * margin)
