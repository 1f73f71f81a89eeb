"""A network that is rewired as it learns, under one of five rules."""

import time
import warnings

import numpy as np

from snnlab import synapses
from snnlab.course import figures, lessons, results
from snnlab.learning.training import evaluate
from snnlab.live.panel import Choice, Panel, Stops

_TARGETS = tuple((f"{100 * x:g} %", x) for x in (0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5))
_STRENGTHS = tuple(
    (f"{x:g}", x) for x in (0.001, 0.01, 0.03, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7)
)
EVERY = 30  # steps between two looks at the test images
PAUSE = 0.06  # seconds between two pictures, at least


def stored_runs(study):
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
        "method": Choice("method", tuple((name, name) for name in lessons.METHODS), "Grad R"),
    }

    def __init__(
        self, data, *, n_train=3000, n_test=500, steps=600, hidden=50, stored=None, key=None
    ):
        self.task = lessons.task(data, n_train=n_train, n_test=n_test, steps=steps, hidden=hidden)
        self.shape = data.image_shape
        if stored is None:
            stored = stored_runs("rewiring-mnist16") if data.name == "mnist16" else ()
        self.stored, self.others = list(stored), {}
        super().__init__(key)

    def simulate(self, *, target, strength, method):
        """Train a network under a rule, and yield how it stands.

        Yields
        ------
        dict or None
            The argument of `snnlab.course.figures.draw_rewiring`; None between two pictures.
        """
        task = self.task
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # layers that die out: it is seen
            network, rule = lessons.begin(task, method, connectivity=target, strength=strength)
        total = task.epochs * task.per_epoch
        own = (method, None if method == "STDS" else target,
               strength if method in ("Grad R", "STDS") else None)  # fmt: skip
        said = {"Grad R": f"α = {strength:g}", "STDS": f"d = {strength:g} at the end"}
        data = {
            "method": method, "settings": said.get(method, f"{100 * target:g} %"), "steps": total,
            "left": [synapses.connectivity(network).overall], "tested": [],
            "target": own[1], "n_hidden": task.hidden, "stored": self.stored,
        }  # fmt: skip
        wires = synapses.n_weights(network).sum()
        due = 0.0
        training = lessons.learn(task, network, rule)
        for k in range(total + 1):
            if k:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", RuntimeWarning)
                    next(training)
                data["left"].append(float(rule.active.sum() / wires))
            if k % EVERY == 0 or k == total:
                found = evaluate(network, task.test_inputs, task.test_labels)
                data["tested"].append((k, found.accuracy))
            if k == total:
                self.others[own] = method, data["left"][-1], found.accuracy
            if k < total and time.perf_counter() < due:
                yield None
                continue
            began = time.perf_counter()
            yield self._frame(data, network)
            # at most half of the time goes into pictures
            due = time.perf_counter() + max(PAUSE, time.perf_counter() - began)

    def _frame(self, data, network):
        """A copy of the data as they stand."""
        wires = np.count_nonzero(network.weights[0], axis=1).reshape(self.shape)
        moving = {"left": np.array(data["left"]), "tested": list(data["tested"]), "pixels": wires}
        return data | moving | {"others": list(self.others.values())}

    def draw(self, data):
        """Curves, pixels, frontier."""
        return figures.draw_rewiring(data)

    def update(self, picture, data):
        """The same for other data."""
        figures.update_rewiring(picture, data)

    def describe(self, data):
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
