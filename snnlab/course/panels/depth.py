"""Deep networks: what comes up and down through their layers, and whether they learn."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab.course import depth as deep
from snnlab.course import figures
from snnlab.course.arguments import of_course
from snnlab.course.figures.depth import multiple
from snnlab.course.panels.shared import BATCH, accuracies, watched
from snnlab.course.samples import Samples
from snnlab.learning.optim import Adam
from snnlab.live import Choice, Pace, Panel, Stops, as_options

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from snnlab.datasets.dataset import Dataset
    from snnlab.network import Network

STEEPNESSES = (0.25, 0.5, 0.7, 1.0, 1.4, 2.0, 4.0, 8.0, 16.0)
START = Choice("weights", (("small", "small"), ("scaled", "scaled"), ("norm", "norm")), "norm")
SHORTCUT = Choice("shortcuts", as_options(tuple(deep.SHORTCUTS), "{}"), "none")
WORDS = {"small": "small weights", "scaled": "scaled weights", "norm": "normalised currents"}


def _settings(start, shortcut, surrogate=None):
    """A few words on a network."""
    words = [WORDS[start], deep.SHORTCUTS[shortcut]]
    return ", ".join(words + ([surrogate] if surrogate else []))


class Depth(Panel):
    """A deep network before any training: what comes up through it, and what comes down.

    Networks of convolutions of 8 channels hear a few images. For each surrogate and steepness there
    is a backward pass; what spikes does not depend on either.

    Parameters
    ----------
    data : Dataset
        Grey images.
    n_samples : int
        How many of them are looked at.
    key : str, optional
        As for `Panel`.
    """

    controls = {
        "steepness": Stops("steepness", as_options(STEEPNESSES), 4.0),
        "depth": Stops("layers", as_options((4, 8, 14, 20)), 20),
        "start": START,
        "shortcut": SHORTCUT,
        "surrogate": Choice("surrogate", as_options(("superspike", "arctan"), "{}"), "superspike"),
    }

    @of_course
    def __init__(self, data: Dataset, *, n_samples: int = 16, key: str | None = None) -> None:
        n_samples = _check.integer("n_samples", n_samples, at_least=2)
        self.data = data
        self.labels = data.y_train[:n_samples]
        self.inputs = deep.images_as_currents(data, data.x_train[:n_samples])
        # networks are built once, and looked at with all steepnesses at once
        self._network = functools.lru_cache(40)(self._network)
        self._map = functools.lru_cache(80)(self._map)
        super().__init__(key)

    def _network(self, depth, start, shortcut):
        return deep.deep_network(self.data, depth, start=start, shortcut=shortcut)

    def _map(self, depth, start, shortcut, surrogate):
        network = self._network(depth, start, shortcut)
        return deep.adjoint_norms(network, self.inputs, self.labels, STEEPNESSES, surrogate)

    def simulate(
        self, *, steepness: float, depth: int, start: str, shortcut: str, surrogate: str
    ) -> dict[str, Any]:
        """Spikes and gradients by layer.

        Returns
        -------
        dict
            The argument of `snnlab.course.figures.draw_depth`.
        """
        norms, rates = self._map(depth, start, shortcut, surrogate)
        factors = deep.growth(norms)
        at = int(np.abs(np.log(np.array(STEEPNESSES) / steepness)).argmin())
        flat = deep.flat_at(STEEPNESSES, factors)
        return {
            "rates": rates,
            "norms": norms[at],
            "steepnesses": np.array(STEEPNESSES),
            "factors": np.nan_to_num(factors),
            "steepness": STEEPNESSES[at],
            "factor": float(np.nan_to_num(factors[at])),
            "flat": 0.0 if np.isnan(flat) else flat,
            "settings": _settings(start, shortcut, surrogate),
        }

    def downloads(self) -> dict[str, Network]:
        """The network that is shown."""
        names = "depth", "start", "shortcut"
        return {"network": self._network(**{name: self.values[name] for name in names})}

    draw = staticmethod(figures.draw_depth)
    update = staticmethod(figures.update_depth)

    def describe(self, data: dict[str, Any]) -> str:
        """Whether spikes and gradient arrive."""
        n, factor = len(data["rates"]), data["factor"]
        what = f"{n} layers, {data['settings']}: the last layer spikes at a rate of "
        what += f"{data['rates'][-1]:.2f} per step; "
        if factor == 0:
            return what + "no gradient arrives at the first layer"
        even = f"; 1 at {data['flat']:.2g}" if data["flat"] else ""
        return what + (
            f"at steepness {data['steepness']:g} the gradient changes by a factor of {factor:.2f} "
            f"from layer to layer: the first one gets {multiple(factor ** (n - 1))} what the last "
            f"one gets{even}"
        )


class TrainDeep(Panel):
    """A deep network that learns digits, trained anew whenever a setting is changed.

    Parameters
    ----------
    data : Dataset
        Grey images.
    n_train, n_test : int
        How many images are learned, and how many tested.
    steps : int
        Of training, with batches of 50.
    key : str, optional
        As for `Panel`.
    """

    controls = {
        "depth": Stops("layers", as_options((4, 8, 14)), 8),
        "start": START,
        "shortcut": SHORTCUT,
        "steepness": Stops("steepness", as_options(STEEPNESSES), 1.4),
        "lr": Stops("learning rate", as_options((3e-4, 1e-3, 3e-3, 1e-2)), 3e-3),
    }

    @of_course
    def __init__(
        self,
        data: Dataset,
        *,
        n_train: int = 2000,
        n_test: int = 300,
        steps: int = 160,
        key: str | None = None,
    ) -> None:
        n_train = min(_check.integer("n_train", n_train, at_least=2), len(data.x_train))
        n_train -= n_train % BATCH == 1  # a norm has no use for a batch of one
        self.data, self.n_steps = data, steps
        learned, tested = (
            deep.images_as_currents(data, x) for x in (data.x_train[:n_train], data.x_test[:n_test])
        )
        labels = data.y_train[:n_train], data.y_test[:n_test]
        self.samples = Samples(learned, labels[0], tested, labels[1], data.n_classes)
        super().__init__(key)

    @functools.cached_property
    def _shallow(self):
        """Accuracies of a network of two layers, by step."""
        network = deep.deep_network(self.data, 2, start="norm")
        return accuracies(network, self.samples, self.n_steps, 3e-3)

    def simulate(
        self, *, depth: int, start: str, shortcut: str, steepness: float, lr: float
    ) -> Iterator[dict[str, Any] | None]:
        """Train a network, and yield how it stands.

        Yields
        ------
        dict or None
            The argument of `snnlab.course.figures.draw_deep_training`; None between two pictures.
        """
        network = deep.deep_network(
            self.data, depth, start=start, shortcut=shortcut, steepness=steepness
        )
        self._network, pace = network, Pace()
        fixed = {
            "others": self._shallow,
            "steps": self.n_steps,
            "settings": f"{_settings(start, shortcut)}, steepness {steepness:g}, rate {lr:g}",
        }
        some = self.samples.inputs[:BATCH], self.samples.labels[:BATCH]

        def frame(tested):
            norms, rates = deep.adjoint_norms(network, *some, [steepness])
            return fixed | {"rates": rates, "norms": norms[0], "tested": list(tested)}

        for k, _, tested in watched(network, self.samples, self.n_steps, optimizer=Adam(lr)):
            yield from pace.frame(functools.partial(frame, tested), now=k == self.n_steps)

    def downloads(self) -> dict[str, Network]:
        """The network as it stands."""
        return {"network": self._network}

    draw = staticmethod(figures.draw_deep_training)
    update = staticmethod(figures.update_deep_training)

    def describe(self, data: dict[str, Any]) -> str:
        """Accuracy so far, beside that of two layers."""
        step, accuracy = data["tested"][-1]
        return (
            f"{len(data['rates'])} layers, {data['settings']}: {100 * accuracy:.1f} % of the test "
            f"images right after {step} of {data['steps']} steps; two layers get "
            f"{100 * data['others'][-1][1]:.1f} %"
        )
