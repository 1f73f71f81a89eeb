"""Pictures told in spikes: a digit of one's own at a budget, and a walk between two digits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab.course import figures, telling
from snnlab.course.arguments import of_course
from snnlab.course.panels.digits import centred
from snnlab.live import Drawing, Panel, Slider
from snnlab.plot.style import an, count

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike

    from snnlab.learning.autoencoder import Autoencoder
    from snnlab.network import Network

PLACES = 9  # on the way between two digits
MOST = 64  # spikes that a budget can be


def _images(name, images, model):
    """Images (k, n, n) that a model tells."""
    _check.kind("Autoencoder")("model", model)
    side = int(round(model.decoder.sizes[-1] ** 0.5))
    if side * side != model.decoder.sizes[-1] or model.encoder.sizes[0] != side * side:
        raise ValueError("model must tell square images")
    images = _check.array(name, images, np.float32, (None, side, side), unit_interval=True)
    if len(images) < 2:
        raise ValueError(f"{name} must hold at least two, got {len(images)}")
    return images


class TellDigit(Panel):
    """A digit of one's own, the spikes that tell it, and what is read from the first of them.

    Parameters
    ----------
    model : Autoencoder
        Of square images, that has learned with budgets.
    images : array (k, n, n)
        Digits that a button puts on the pad; the first is there at the beginning.
    budget : int
        How many spikes may pass at first.
    key : str, optional
        As for `Panel`.
    """

    @of_course
    def __init__(
        self, model: Autoencoder, images: ArrayLike, budget: int = 24, key: str | None = None
    ) -> None:
        images = _images("images", images, model)
        budget = _check.integer("budget", budget, 0, MOST)
        self.model = model
        self.controls = {
            "image": Drawing("your digit", images.shape[1], images[0], images),
            "budget": Slider("budget (spikes)", 0, MOST, 1, budget, digits=0),
            "seed": Slider("draw", 0, 9, 1, 0, digits=0),
        }
        super().__init__(key)

    def simulate(self, *, image: ArrayLike, budget: int, seed: int) -> dict[str, Any]:
        """Tell an image, moved to the middle and made large enough.

        Returns
        -------
        dict
            The argument of `snnlab.course.figures.draw_told`.
        """
        n = self.controls["image"].n
        image = centred(_check.array("image", image, np.float32, (n, n), unit_interval=True))
        image = np.clip(image, 0, 1)
        spikes, passed, read = telling.tell(self.model, image, budget=budget, seed=seed)
        error = float(np.square(image - read).mean())
        return {"image": image, "spikes": spikes, "passed": passed, "read": read, "error": error}

    draw = staticmethod(figures.draw_told)
    update = staticmethod(figures.update_told)

    def downloads(self) -> dict[str, Network]:
        """The encoder."""
        return {"encoder": self.model.encoder}

    def describe(self, data: dict[str, Any]) -> str:
        """How many spikes pass, and how far the picture read from them is off."""
        drawn, passed = int(data["spikes"].sum()), int(data["passed"].sum())
        return (
            f"{count(drawn, 'spike')} drawn, {passed} of them pass; read from these, a pixel is "
            f"off by {data['error']:.4f} (squared, on average)"
        )


class Walk(Panel):
    """From one digit to another, through spikes and through pixels.

    Parameters
    ----------
    model : Autoencoder
        Of square images.
    images : array (k, n, n)
    labels : array of int (k,)
    key : str, optional
        As for `Panel`.
    """

    @of_course
    def __init__(
        self, model: Autoencoder, images: ArrayLike, labels: ArrayLike, key: str | None = None
    ) -> None:
        self.pixels = _images("images", images, model)
        self.labels = _check.labels("labels", labels, len(self.pixels), 1000)
        self.model, last = model, len(self.pixels) - 1
        self.controls = {
            "at": Slider("place on the way", 1, PLACES, 1, 5, digits=0),
            "start": Slider("from", 0, last, 1, 0, digits=0),
            "end": Slider("to", 0, last, 1, 1, digits=0),
            "seed": Slider("draw", 0, 9, 1, 0, digits=0),
        }
        super().__init__(key)

    def simulate(self, *, at: int, start: int, end: int, seed: int) -> dict[str, Any]:
        """Walk between two of the images.

        Returns
        -------
        dict
            The argument of `snnlab.course.figures.draw_walk`.
        """
        first, last = self.pixels[start], self.pixels[end]
        spikes, read = telling.walk(self.model, first, last, n=PLACES, seed=seed)
        share = np.linspace(0, 1, PLACES, dtype=np.float32)[:, None, None]
        return {
            "at": at - 1,
            "spikes": spikes[at - 1],
            "read": read,
            "faded": (1 - share) * first + share * last,
            "labels": (int(self.labels[start]), int(self.labels[end])),
        }

    draw = staticmethod(figures.draw_walk)
    update = staticmethod(figures.update_walk)

    def downloads(self) -> dict[str, Network]:
        """The encoder."""
        return {"encoder": self.model.encoder}

    def describe(self, data: dict[str, Any]) -> str:
        """Where on the way, and how many spikes tell what is there."""
        first, last = data["labels"]
        return (
            f"place {data['at'] + 1} of {len(data['read'])} on the way from {an(first)} to "
            f"{an(last)}: {count(int(data['spikes'].sum()), 'spike')}"
        )
