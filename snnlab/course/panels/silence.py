"""Silence is cheap: a penalty on spikes, and a network that is trained on as it is dragged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check, encode
from snnlab.course import figures, results
from snnlab.course.arguments import of_course
from snnlab.course.panels.shared import checked, look_at
from snnlab.learning.evaluation import predict_scores
from snnlab.learning.penalties import Bursts
from snnlab.learning.training import steps
from snnlab.live import Panel, Slider, Stops, as_options
from snnlab.reports.frontier import Frontier

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from snnlab.datasets.dataset import Dataset
    from snnlab.network import Network

STRENGTHS = 0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0
MEASURED = 12  # steps between two points of the trail
SLICE = 100  # test images that are looked at before other requests are


class _Retraining:
    """A network on its way under one penalty; it can be left and gone on with."""

    @of_course
    def __init__(self, network, inputs, labels, test, start, *, strength, epochs, seed):
        self.network, self.test = network.copy(), test
        self.steps = steps(
            self.network, inputs, labels, epochs=epochs, rng=seed, penalties=[Bursts(strength)]
        )
        self.taken, self.measured, self.of = 0, 0, epochs * -(-len(inputs) // 100)
        self.trail = [start]

    @property
    def finished(self):
        return self.measured == self.of

    def work(self):
        """Take steps, and measure now and then; yields True where there is something to see."""
        while not self.finished:
            due = self.taken == self.of or self.taken - self.measured >= MEASURED
            if due:
                yield from self._measure()
            else:
                next(self.steps)
                self.taken += 1
            yield due

    def _measure(self):
        inputs, labels = self.test
        right, spikes = [], []
        for first in range(0, len(labels), SLICE):
            part = slice(first, first + SLICE)
            scores, counts = predict_scores(self.network, inputs[part])
            right.append(scores.argmax(axis=1) == labels[part])
            spikes.append(counts)
            yield False
        self.trail.append((np.concatenate(spikes).mean(), np.concatenate(right).mean()))
        self.measured = self.taken


class Silence(Panel):
    """Drag the penalty on spikes, and the network is trained on with it before your eyes.

    Every strength starts from the network that was given; where it has led stays in the picture.

    Parameters
    ----------
    network : Network
        One hidden layer, trained without the penalty; left as it is.
    data : Dataset
    n_train, n_test : int
        Images to train on, and to measure with.
    epochs : int, optional
        Of training with the penalty; by default as many as show 20,000 images.
    seed : int
        Of the order of images.
    key : str, optional
        As for `Panel`.
    """

    controls = {
        "strength": Stops("penalty", as_options(STRENGTHS), 0.1),
        "digit": Slider("test image", 0, 99, 1, 0, digits=0),
    }

    @of_course
    def __init__(
        self,
        network: Network,
        data: Dataset,
        *,
        n_train: int = 5000,
        n_test: int = 1000,
        epochs: int | None = None,
        seed: int = 2,
        key: str | None = None,
    ) -> None:
        self.network, self.data = checked(network), data
        self.inputs, self.labels = encode.latency(data.x_train[:n_train]), data.y_train[:n_train]
        self.test = encode.latency(data.x_test[:n_test]), data.y_test[:n_test]
        self.pixels = data.x_test[:n_test].reshape(-1, *data.image_shape)
        epochs = max(1, 20_000 // len(self.inputs)) if epochs is None else epochs
        self.epochs, self.seed = _check.integer("epochs", epochs, at_least=1), seed
        scores, counts = predict_scores(network, self.test[0])
        self.start = counts.mean(), (scores.argmax(axis=1) == self.test[1]).mean()
        study = f"{data.name}-sparsity"
        self.stored = []
        if study in results.studies():
            frontier = Frontier.from_records(results.load(study))
            self.stored = [(p.hidden_spikes, p.accuracy) for p in frontier.pareto(means=True)]
        self._runs = {}
        super().__init__(key)

    def simulate(self, *, strength: float, digit: int) -> Iterator[dict[str, Any] | None]:
        """Train on with a strength; where that was begun before, it goes on from there.

        Yields
        ------
        dict or None
            The argument of `snnlab.course.figures.draw_silence`.
        """
        if strength not in self._runs:
            given = self.network, self.inputs, self.labels, self.test, self.start
            settings = {"strength": strength, "epochs": self.epochs, "seed": self.seed}
            self._runs[strength] = _Retraining(*given, **settings)
        run = self._runs[strength]
        yield self._frame(run, strength, digit)
        for seen in run.work():
            yield self._frame(run, strength, digit) if seen else None

    def _frame(self, run, strength, digit):
        inputs, labels = self.test
        digit = min(digit, len(labels) - 1)
        return {
            "data": self.data.name,
            "strength": strength,
            "trail": list(run.trail),
            "steps": run.taken,
            "of": run.of,
            "stored": self.stored,
            "done": [other.trail[-1] for other in self._runs.values() if other.finished],
            "image": self.pixels[digit],
            "label": int(labels[digit]),
            **look_at((self.network, run.network), inputs[digit]),
            "n_hidden": self.network.sizes[1],
            "n_steps": inputs.n_steps,
            "dt": self.network.dt,
        }

    def downloads(self) -> dict[str, Network]:
        """The network as it stands."""
        run = self._runs.get(self.values["strength"])
        return {"network": self.network if run is None else run.network}

    draw = staticmethod(figures.draw_silence)
    update = staticmethod(figures.update_silence)

    def describe(self, data: dict[str, Any]) -> str:
        """Spikes and accuracy before and now."""
        (x0, y0), (x, y) = data["trail"][0], data["trail"][-1]
        doing = "trained" if data["steps"] == data["of"] else "training"
        return (
            f"Penalty {data['strength']:g}, {doing} ({data['steps']} of {data['of']} steps): "
            f"{x:.1f} hidden spikes per image instead of {x0:.1f}, {100 * y:.1f} % right instead "
            f"of {100 * y0:.1f} %"
        )
