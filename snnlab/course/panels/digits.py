"""Images as spikes: the code of a digit, and a digit of your own going through a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check, encode, plot
from snnlab.course import figures
from snnlab.course.arguments import of_course
from snnlab.course.panels.shared import checked
from snnlab.live import Drawing, Panel, Slider, sample_digits
from snnlab.plot.style import count

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import ArrayLike

    from snnlab.network import Network
    from snnlab.plot.style import Picture


class PixelsToSpikes(Panel):
    """The latency code of an image, with the two constants of its law to drag.

    Parameters
    ----------
    images : array (n, rows, columns)
        Values in [0, 1].
    key : str, optional
        As for `Panel`.
    """

    dt, n_steps = 1.7e-6, 20

    controls = {
        "digit": Slider("image", 0, 19, 1, 0, digits=0),
        "tau_in": Slider("τ of the code", 1, 30, 0.5, 8, "µs", 1e-6, digits=1),
        "theta_in": Slider("θ of the code", 0.02, 0.98, 0.02, 0.2),
    }

    @of_course
    def __init__(self, images: ArrayLike, key: str | None = None) -> None:
        shape = None, None, None
        self.pixels = _check.array("images", images, np.float32, shape, unit_interval=True)
        _check.integer("number of images", self.pixels.size, at_least=1)
        super().__init__(key)

    def simulate(self, *, digit: int, tau_in: float, theta_in: float) -> dict[str, Any]:
        """Code an image, and decode its spikes again.

        Returns
        -------
        dict
            The argument of `snnlab.course.figures.draw_latency`.
        """
        image = self.pixels[min(digit, len(self.pixels) - 1)]
        law = {"dt": self.dt, "tau": tau_in, "theta": theta_in}
        trains = encode.latency(image.reshape(1, -1), n_steps=self.n_steps, **law).compact()
        decoded = encode.decode_latency(trains, **law).reshape(image.shape)
        spikes = {"step": trains.step, "unit": trains.unit}
        return spikes | {"image": image, "decoded": decoded, "n_steps": self.n_steps, "dt": self.dt}

    draw = staticmethod(figures.draw_latency)
    update = staticmethod(figures.update_latency)

    def describe(self, data: dict[str, Any]) -> str:
        """Spikes, steps in use, and what is lost."""
        steps = len(np.unique(data["step"]))
        error = np.abs(data["image"] - data["decoded"])
        return (
            f"{len(data['step'])} of {error.size} pixels spike, in {steps} of {data['n_steps']} "
            f"steps; read back, a pixel is wrong by {error.mean():.3f} on average, "
            f"{error.max():.2f} at most"
        )


LARGE, SMALL, DOT = 13.3 / 16, 11 / 16, 3 / 16  # sides of a drawing, in sides of its image


def centred(image: np.ndarray) -> np.ndarray:
    """An image as the training images are: its ink's centre in the middle, and large enough.

    A drawing smaller than two thirds of the image is made as large as MNIST's digits are, unless it
    is a mere dot.

    Parameters
    ----------
    image : array (n, n)

    Returns
    -------
    array (n, n)
        What would leave the image at one side is cut off.
    """
    n, total = len(image), float(image.sum())
    if total == 0:
        return image
    rows, columns = (np.flatnonzero(image.max(axis=axis) > 0.2) for axis in (1, 0))
    size = max((np.ptp(where) + 1 for where in (rows, columns) if where.size), default=1) / n
    factor = LARGE / size if DOT < size < SMALL else 1.0
    at = np.arange(n)
    middle = [float(image.sum(axis=1 - axis) @ at) / total for axis in (0, 1)]
    if factor == 1:  # by whole pixels, so that it stays as sharp as it is
        middle = [round(c - (n - 1) / 2) + (n - 1) / 2 for c in middle]
    # pixel k shows what was at (k - (n - 1) / 2) / factor from the centre of ink
    weights = [_interpolated(n, c + (at - (n - 1) / 2) / factor) for c in middle]
    return (weights[0] @ image @ weights[1].T).astype(image.dtype)


def _interpolated(n, places):
    """Matrix (len(places), n) that interpolates n values linearly, with 0 around them."""
    return np.maximum(0, 1 - np.abs(places[:, None] - np.arange(n)))


class DrawDigit(Panel):
    """A digit of your own on its way through a network: spikes, potentials, decision.

    Parameters
    ----------
    network : Network
        Trained on images of ``n`` by ``n`` pixels in latency code.
    start : array (n, n), optional
        What is on the pad at first.
    names : sequence of str, optional
        Of the classes.
    samples : array (k, n, n), optional
        Digits that a button puts on the pad; those that ship with scikit-learn by default, where
        the network reads 16 by 16 pixels.
    key : str, optional
        As for `Panel`.
    """

    @of_course
    def __init__(
        self,
        network: Network,
        start: ArrayLike | None = None,
        names: Sequence[str] | None = None,
        samples: ArrayLike | None = None,
        key: str | None = None,
    ) -> None:
        n = int(round(checked(network).sizes[0] ** 0.5))
        if n * n != network.sizes[0]:
            raise ValueError("network must read square images")
        self.network = network
        self.names = None if names is None else _check.names("names", names, network.sizes[-1])
        if samples is None and n == 16:
            samples = sample_digits()[0][:20].reshape(-1, n, n)
        if samples is not None:
            shape = None, n, n
            samples = _check.array("samples", samples, np.float32, shape, unit_interval=True)
        self.controls = {"image": Drawing("your digit", n, start, samples)}
        if start is not None:
            self.controls["image"].check("start", start)
        super().__init__(key)

    def simulate(self, *, image: ArrayLike) -> dict[str, Any]:
        """Run the network on an image, moved to the middle and made large enough.

        Parameters
        ----------
        image : array (n, n)
            Values in [0, 1].

        Returns
        -------
        dict
            ``trace``, and ``image`` as the network sees it.
        """
        network, n = self.network, self.controls["image"].n
        image = centred(_check.array("image", image, np.float32, (n, n), unit_interval=True))
        spikes = encode.latency(image.reshape(1, -1), n_steps=network.n_steps, dt=network.dt)
        return {"trace": network.forward(spikes, potentials=False), "image": image}

    def downloads(self) -> dict[str, Network]:
        """The network that is shown."""
        return {"network": self.network}

    def draw(self, data: dict[str, Any]) -> Picture:
        """Spikes, membranes of the outputs, decision; the image is on the pad."""
        looks = {"names": self.names, "size": (6.4, 4.5)}
        return plot.draw_raster(data["trace"], dt=self.network.dt, **looks)

    def update(self, picture: Picture, data: dict[str, Any]) -> None:
        """The same for another image."""
        plot.update_raster(picture, data["trace"])

    def describe(self, data: dict[str, Any]) -> str:
        """What the network decides, how surely, and when."""
        trace = data["trace"]
        n_in = int(trace.inputs.counts()[0])
        if n_in == 0:
            return "The pad is blank: no spikes. Draw a digit with the mouse, or with the keyboard."
        if not trace.hidden[-1].counts()[0]:
            return (
                f"{count(n_in, 'input spike')}, too few for a hidden one: the network cannot "
                "decide. Draw more."
            )
        readout = trace.readout[0]
        highest = readout.max(axis=0)
        best, second = np.argsort(highest)[:-3:-1]
        names = self.names or range(len(highest))
        when = readout[:, best].argmax() * self.network.dt * 1e6
        hidden = count(int(trace.hidden_counts()[0]), "hidden spike")
        return (
            f"{count(n_in, 'input spike')}, {hidden}: it says "
            f"{names[best]}, highest at {when:.1f} µs with {highest[best]:.2f}; "
            f"next is {names[second]} with {highest[second]:.2f}"
        )
