"""`Conv`: units hear a patch of an image, all with the same weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from snnlab import _check
from snnlab.layers.norm import BatchNorm, check_norm
from snnlab.layers.patchwise import Patchwise

if TYPE_CHECKING:
    from snnlab._types import Blocks, Shape
    from snnlab.layers.base import BlockShape
    from snnlab.layers.stage import Stage
    from snnlab.parameters import Block


@dataclass(frozen=True, repr=False)
class Conv(Patchwise):
    """Convolution of images (y, x, channel), and neurons.

    Kernels run it (`snnlab.layers.patchwise`); `drive` and `adjoint` say the same in plain NumPy,
    but for the norm.

    Parameters
    ----------
    channels : int
        Of the output.
    kernel : int
        Width and height of a patch.
    stride : int
        From patch to patch.
    padding : int, optional
        Zeros around the image; by default as many as keep its size at stride 1.
    norm : BatchNorm, optional
        Normalises the currents.
    """

    channels: int
    kernel: int = 3
    stride: int = 1
    padding: int | None = None
    norm: BatchNorm | None = None

    keeps_bits: ClassVar[bool] = True
    reads_error: ClassVar[bool] = False
    sealed: ClassVar[bool] = True

    def __post_init__(self):
        for name in ("channels", "kernel", "stride"):
            _check.field(self, name, _check.integer, 1, _check.MOST_UNITS)
        padding = self.kernel // 2 if self.padding is None else self.padding
        object.__setattr__(
            self, "padding", _check.integer("padding", padding, 0, _check.MOST_UNITS)
        )
        check_norm(self.norm)

    def shape_out(self, shape: Shape) -> Shape:
        """(y, x, channels)."""
        if len(shape) != 3:
            raise ValueError(f"Conv hears images (y, x, channel), not units of shape {shape}")
        y, x = ((n + 2 * self.padding - self.kernel) // self.stride + 1 for n in shape[:2])
        if min(y, x) < 1:
            raise ValueError(f"kernel {self.kernel} is larger than the padded image {shape}")
        return (y, x, self.channels)

    def blocks(self, shape: Shape) -> dict[str, tuple[int, int] | BlockShape]:
        """Weights (kernel kernel channels_in, channels), and a norm's."""
        weights = {"weights": (self.kernel**2 * shape[2], self.channels)}
        return weights if self.norm is None else weights | self.norm.blocks(self.channels)

    def ends(self, block: Block) -> int:
        """Channels heard and given, height and width of a kernel."""
        return block.rows // self.kernel**2 + block.columns + 2 * self.kernel

    def drive(self, x: np.ndarray, w: Blocks) -> np.ndarray:
        """Sum over the places of a patch."""
        y_out, x_out, _ = self.shape_out(x.shape[2:])
        out = np.zeros((*x.shape[:2], y_out, x_out, self.channels), w["weights"].dtype)
        for part, rows in self._places(_padded(x, self.padding), w["weights"], y_out, x_out):
            out += part @ rows
        return out

    def adjoint(self, g: np.ndarray, x: np.ndarray, w: Blocks) -> tuple[Blocks, np.ndarray]:
        """Gradients by the weights and by the image."""
        y_out, x_out = g.shape[2:4]
        image = _padded(x, self.padding)
        g_image, by_weights = np.zeros_like(image), np.zeros_like(w["weights"])
        places = (
            self._places(a, b, y_out, x_out)
            for a, b in ((image, by_weights), (g_image, w["weights"]))
        )
        for (part, g_rows), (g_part, rows) in zip(*places, strict=True):
            g_rows[...] = np.tensordot(part, g, axes=([0, 1, 2, 3], [0, 1, 2, 3]))
            g_part += g @ rows.T
        p = self.padding
        return {"weights": by_weights}, g_image[:, :, p : p + x.shape[2], p : p + x.shape[3]]

    def _places(self, image, weights, y_out, x_out):
        """Per place in a patch: what lies there in all patches, and its rows of the weights."""
        n, s = image.shape[4], self.stride
        for k in range(self.kernel**2):
            y, x = divmod(k, self.kernel)
            part = image[:, :, y : y + s * y_out : s, x : x + s * x_out : s]
            yield part[:, :, :y_out, :x_out], weights[k * n : (k + 1) * n]

    def geometry(self, stage: Stage) -> tuple[Shape, Shape, int, int, int]:
        """Images heard and given, and how patches lie in them."""
        return stage.shape_in, stage.shape_out, self.kernel, self.stride, self.padding


def _padded(x, p):
    """Images with zeros around them."""
    return np.pad(x, ((0, 0), (0, 0), (p, p), (p, p), (0, 0)))
