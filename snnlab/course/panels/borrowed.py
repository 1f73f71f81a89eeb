"""A network with borrowed weights: its rates and its accuracy, whenever it is stopped."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check, conversion
from snnlab.course import borrowed, figures
from snnlab.course.arguments import of_course
from snnlab.learning.evaluation import evaluate
from snnlab.live import Choice, Panel, Stops, as_options

if TYPE_CHECKING:
    from typing import Any

    from snnlab.datasets.dataset import Dataset
    from snnlab.network import Network

MOST = 64
STOPS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, MOST)
SHOWN, POINTS = 20, 500  # images whose units are shown, and how many of these


def _by_unit(networks):
    """Trained networks by the names of their units, checked; none if nothing was given."""
    if networks is None:
        return {}
    if not isinstance(networks, dict):
        raise TypeError(f"networks must be a dict, not {type(networks).__name__}")
    for unit, network in networks.items():
        _check.one_of("a name in networks", unit, tuple(borrowed.UNITS))
        _check.network(f"networks[{unit!r}]", network, needs="replace")
    return dict(networks)


class BorrowedWeights(Panel):
    """Networks that were trained without spikes, converted, and stopped after some steps.

    All of them are run once, for 64 steps, before anything is shown.

    Parameters
    ----------
    data : Dataset
        Grey images whose sides 4 divides.
    n_train, n_test : int
        How many images are learned, and how many tested.
    networks : dict, optional
        Trained ones by the names of their units ("relu", "quantised"); those that are missing are
        trained here, which takes some seconds.
    key : str, optional
        As for `Panel`.
    """

    controls = {
        "steps": Stops("steps", as_options(STOPS), 8),
        "way": Choice("threshold", tuple((w, k) for k, (_, w) in borrowed.WAYS.items()), "largest"),
        "start": Choice("begin at", (("rest", 0.0), ("half the threshold", 0.5)), 0.0),
        "layer": Choice("layer", as_options((1, 2, 3)), 2),
    }

    @of_course
    def __init__(
        self,
        data: Dataset,
        *,
        n_train: int = 4000,
        n_test: int = 200,
        networks: dict[str, Network] | None = None,
        key: str | None = None,
    ) -> None:
        self.data, self.n_train = data, n_train
        self._trained = _by_unit(networks)
        self._measured, self._test = data.x_train[:n_train][:500], data.x_test[:n_test]
        self._labels = data.y_test[:n_test]
        self._run = functools.cache(self._run)
        self._own = functools.cache(self._own)
        for way in borrowed.WAYS:
            for start in (0.0, 0.5):
                self._run(way, start)
        super().__init__(key)

    def _ordinary(self, unit):
        """A trained network of such units."""
        if unit not in self._trained:
            network = borrowed.ordinary_network(self.data, unit, n_train=self.n_train)
            self._trained[unit] = network
        return self._trained[unit]

    def _own(self, unit):
        """Accuracy without spikes, and of each layer some activations, whose they are, its most."""
        network, layers = self._ordinary(unit), []
        own = evaluate(network, borrowed.as_currents(self._test), self._labels).accuracy
        trace = network.forward(borrowed.as_currents(self._test[:SHOWN]))
        rng = np.random.default_rng(0)
        for record in trace.records:
            if record.kind == "rate":
                y = record.values[:, 0]
                there = np.argwhere(y > 0)
                chosen = there[rng.permutation(len(there))[:POINTS]]
                layers.append((y[tuple(chosen.T)], chosen, float(y.max())))
        return own, layers

    def _run(self, way, start):
        """Accuracy and spikes by step; of each layer its threshold, and spikes of its units."""
        unit, _ = borrowed.WAYS[way]
        network = borrowed.converted(
            self._ordinary(unit), self._measured, way, start=start, n_steps=MOST
        )
        found = conversion.by_step(network, borrowed.as_currents(self._test, MOST), self._labels)
        trace = network.forward(borrowed.as_currents(self._test[:SHOWN], MOST), potentials=False)
        layers = []
        for record, stage, kept in zip(
            trace.hidden_records, network.hidden_stages, self._own(unit)[1], strict=True
        ):
            sample, n = kept[1].T
            z = record.spikes.to_dense(np.uint8)[sample, :, n]
            layers.append((stage.model.v_th, np.cumsum(z, axis=1, dtype=np.int32)))
        return network, found, layers

    def simulate(self, *, steps: int, way: str, start: float, layer: int) -> dict[str, Any]:
        """How a network stands after some steps.

        Returns
        -------
        dict
            The argument of `snnlab.course.figures.draw_borrowed`.
        """
        own, activations = self._own(borrowed.WAYS[way][0])
        _, found, layers = self._run(way, start)
        threshold, counts = layers[layer - 1]
        y, _, largest = activations[layer - 1]
        return {
            "activations": y,
            "rates": counts[:, steps - 1] / steps * threshold,
            "threshold": threshold,
            "largest": largest,
            "layer": layer,
            "steps": steps,
            "start": start,
            "accuracies": found.accuracy,
            "own": own,
            "spikes": float(found.hidden_spikes[steps - 1]),
            "way": borrowed.WAYS[way][1],
        }

    def downloads(self) -> dict[str, Network]:
        """The network that is shown."""
        return {"network": self._run(self.values["way"], self.values["start"])[0]}

    draw = staticmethod(figures.draw_borrowed)
    update = staticmethod(figures.update_borrowed)

    def describe(self, data: dict[str, Any]) -> str:
        """Accuracy and spikes so far, and how long it takes until it is as good as it was."""
        steps, accuracies, own = data["steps"], data["accuracies"], data["own"]
        near = np.flatnonzero(accuracies >= own - 0.01)
        soon = f"within a point of it after {near[0] + 1} steps" if len(near) else "never near it"
        return (
            f"{100 * accuracies[steps - 1]:.1f} % of the test images right after {steps} steps and "
            f"{data['spikes']:,.0f} spikes per image; without spikes {100 * own:.1f} %, {soon}"
        )
