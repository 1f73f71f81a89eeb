"""A network that is rewired as it learns, under one of five rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check, synapses
from snnlab.course import figures, lessons, results
from snnlab.course.arguments import of_course
from snnlab.live import Choice, Pace, Panel, Stops, as_options

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from snnlab.datasets.dataset import Dataset
    from snnlab.network import Network

_TARGETS = tuple((f"{100 * x:g} %", x) for x in (0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5))
_STRENGTHS = 0.001, 0.01, 0.03, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7
_STRENGTHS = as_options(_STRENGTHS)


def stored_runs(study: str) -> list[tuple[str, float, float]]:
    """Method, connectivity and accuracy of stored runs under the rules of this panel.

    Parameters
    ----------
    study : str
        As for `snnlab.results.load`.

    Returns
    -------
    list of (str, float, float)
        Empty if there is no such study.
    """
    known = {name.lower(): name for name in lessons.METHODS}
    known |= {"random mask": "fixed mask", "magnitude, gradual": "magnitude"}
    try:
        records = results.load(study)
    except (FileNotFoundError, ValueError):
        return []
    found = []
    for record in records:
        name = known.get(str(record.get("label", "")).lower())
        if name and record.get("metric") == "test_accuracy" and "connectivity" in record:
            found.append((name, record["connectivity"], record["mean"]))
    return found


class Rewire(Panel):
    """A network of 50 hidden neurons, trained anew under a rewiring rule whenever one is set.

    Parameters
    ----------
    data : Dataset
        Images with values in [0, 1].
    n_train, n_test, steps, hidden : int
        As for `snnlab.lessons.task`.
    stored : sequence of (str, float, float), optional
        Method, connectivity and accuracy of runs to be drawn behind; by default those of the study
        ``rewiring-mnist16``, where there are any and the images are those.
    key : str, optional
        As for `Panel`.

    Attributes
    ----------
    others : dict
        Connectivity and accuracy of the runs that came to their end, by method and settings.
    """

    controls = {
        "target": Stops("connectivity", _TARGETS, 0.05),
        "strength": Stops("pull α, or d", _STRENGTHS, 0.25),
        "method": Choice("method", as_options(lessons.METHODS, "{}"), "Grad R"),
    }

    @of_course
    def __init__(
        self,
        data: Dataset,
        *,
        n_train: int = 3000,
        n_test: int = 500,
        steps: int = 600,
        hidden: int = 50,
        stored: Any = None,
        key: str | None = None,
    ) -> None:
        self.task = lessons.task(data, n_train=n_train, n_test=n_test, steps=steps, hidden=hidden)
        self.shape = data.image_shape
        if stored is None:
            stored = stored_runs("rewiring-mnist16") if data.name == "mnist16" else ()
        point = _check.like(_check.sequence, 3)
        self.stored, self.others = _check.each(point, of="runs")("stored", stored), {}
        super().__init__(key)

    def simulate(
        self, *, target: float, strength: float, method: str
    ) -> Iterator[dict[str, Any] | None]:
        """Train a network under a rule, and yield how it stands.

        Yields
        ------
        dict or None
            The argument of `snnlab.course.figures.draw_rewiring`; None between two pictures.
        """
        task = self.task
        network, rule = lessons.begin(task, method, connectivity=target, strength=strength)
        self._network = network
        target = None if method == "STDS" else target
        strength = strength if method in ("Grad R", "STDS") else None
        said = {"Grad R": f"α = {strength}", "STDS": f"d = {strength} at the end"}
        data = {
            "method": method,
            "settings": said.get(method, f"{100 * (target or 0):g} %"),
            "steps": task.steps,
            "left": [synapses.connectivity(network).overall],
            "target": target,
            "n_hidden": task.hidden,
            "stored": self.stored,
        }
        wires, pace = synapses.n_weights(network).sum(), Pace()
        for k, data["tested"] in lessons.watch(task, network, rule, every=30):
            if k:
                data["left"].append(float(rule.active.sum() / wires))
            if k == task.steps:
                accuracy = data["tested"][-1][1]
                self.others[method, target, strength] = method, data["left"][-1], accuracy
            yield from pace.frame(lambda: self._frame(data, network), now=k == task.steps)

    def _frame(self, data, network):
        """A copy of the data as they stand."""
        wires = np.count_nonzero(network.weights[0], axis=1).reshape(self.shape)
        moving = {"left": np.array(data["left"]), "tested": list(data["tested"]), "pixels": wires}
        return data | moving | {"others": list(self.others.values())}

    def downloads(self) -> dict[str, Network]:
        """The network as it stands."""
        return {"network": self._network}

    draw = staticmethod(figures.draw_rewiring)
    update = staticmethod(figures.update_rewiring)

    def describe(self, data: dict[str, Any]) -> str:
        """Step, connectivity, accuracy, and what of the settings is not used."""
        done = len(data["left"]) - 1
        step, accuracy = data["tested"][-1]
        unused = {
            "Grad R": "",
            "STDS": "; it knows no target",
        }.get(data["method"], "; it has no pull")
        return (
            f"{data['method']} after {done} of {data['steps']} steps: {100 * data['left'][-1]:.3g} "
            f"% of the wires, {100 * accuracy:.1f} % of test images right (at step {step}); "
            f"{int((data['pixels'] == 0).sum())} pixels are not heard{unused}"
        )
