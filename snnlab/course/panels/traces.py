"""Without time: traces of a neuron, and two networks of which one learns from nothing else."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check, textbook
from snnlab.course import figures, traces
from snnlab.course.arguments import of_course
from snnlab.course.panels.shared import look_at, watched
from snnlab.course.samples import Samples
from snnlab.live import Choice, Pace, Panel, Slider, Stops, as_options

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from snnlab.datasets.dataset import Dataset
    from snnlab.network import Network


class OneNumber(Panel):
    """Neurons that hear the same inputs with other weights: what came in, and what went out."""

    controls = {
        "neuron": Slider("neuron", 0, traces.MANY - 1, 1, 44, digits=0),
        "rate": Slider("input rate", 0.02, 0.5, 0.02, 0.2),
        "threshold": Slider("threshold", 0.2, 4, 0.1, 1, digits=1),
        "tau": Slider("membrane τ", 2, 60, 1, 20, "µs", 1e-6, digits=1),
        "n_steps": Stops("steps", as_options((10, 20, 50, 100, 200)), 50),
    }

    def simulate(
        self, *, neuron: int, rate: float, threshold: float, tau: float, n_steps: int
    ) -> dict[str, Any]:
        """Run all of them, and read their traces.

        Returns
        -------
        dict
            The argument of `snnlab.course.figures.draw_traces`.
        """
        model = traces.neuron(tau_mem=tau, v_th=threshold)
        x, weights = traces.many_neurons(rate, n_steps)
        v, z = textbook.layer_forward(x, weights, model)
        keep = model.decay_mem
        heard = traces.low_pass(x @ weights, keep)[0] / threshold
        own = traces.low_pass(z, keep)[0]
        smooth = np.maximum(heard[-1], 0)
        return {
            "v": v[0, :, neuron] / threshold,
            "z": z[0, :, neuron],
            "heard": heard[:, neuron],
            "own": own[:, neuron],
            "all_heard": heard[-1],
            "all_own": own[-1],
            "off": float(np.abs(own[-1] - smooth).mean()),
            "neuron": neuron,
            "dt": model.dt,
        }

    draw = staticmethod(figures.draw_traces)
    update = staticmethod(figures.update_traces)

    def describe(self, data: dict[str, Any]) -> str:
        """Both traces of the neuron, and how well one tells the other in all of them."""
        return (
            f"Neuron {data['neuron']}: {data['heard'][-1]:.2f} thresholds have come in and "
            f"{data['own'][-1]:.2f} spikes gone out, low-passed, at the end; over "
            f"{len(data['all_own'])} neurons max(0, x) is off by {data['off']:.2f} on average"
        )


class WithoutTime(Panel):
    """Two equal networks learn images at a time: one goes back through time, the other does not.

    Both are trained anew, step by step in turn, whenever a setting is changed.

    Parameters
    ----------
    data : Dataset
        Such as MNIST.
    n_train, n_test : int
        How many images are learned, and how many tested, at most.
    steps : int
        Of training, with batches of 50.
    hidden : int
    key : str, optional
        As for `Panel`.
    """

    @of_course
    def __init__(
        self,
        data: Dataset,
        *,
        n_train: int = 2000,
        n_test: int = 500,
        steps: int = 240,
        hidden: int = traces.HIDDEN,
        key: str | None = None,
    ) -> None:
        self.data, self.n_steps = data, steps
        self.hidden = _check.integer("hidden", hidden, 1, 500)  # each step is waited for
        learned = traces.as_rates(data.x_train[:n_train]), data.y_train[:n_train]
        tested = traces.as_rates(data.x_test[:n_test], seed=1), data.y_test[:n_test]
        self.samples = Samples(*learned, *tested, data.n_classes)
        self.controls = {
            "lr": Stops("learning rate", as_options((3e-4, 1e-3, 2e-3, 5e-3, 2e-2)), traces.LR),
            "threshold": Stops(
                "threshold α", as_options((1.0, 2.0, 5.0, 10.0, 20.0)), traces.THRESHOLD
            ),
            "inhibition": Stops("inhibition", as_options((0.0, 0.01, 0.03, 0.1, 0.3)), 0.0),
            "normalise": Choice("errors", (("normalised", True), ("as they are", False)), True),
        }
        # kernels of inhibition are compiled now, not when a slider moves
        inhibited = traces.network(data, hidden=self.hidden, inhibition=0.1)
        traces.first_passes(inhibited, self.samples.inputs[:2])
        super().__init__(key)

    def simulate(
        self, *, lr: float, threshold: float, inhibition: float, normalise: bool
    ) -> Iterator[dict[str, Any] | None]:
        """Train two networks, and yield how they stand.

        Yields
        ------
        dict or None
            The argument of `snnlab.course.figures.draw_runs`; None between two pictures.
        """
        begin = {"hidden": self.hidden, "threshold": threshold, "inhibition": inhibition}
        self._networks = {way: traces.network(self.data, **begin) for way in traces.WAYS}
        errors = "normalised errors" if normalise else "errors as they are"
        fixed = {
            "names": ("back", "traces"),  # short: they stand above narrow axes
            "settings": ("back through time, surrogate", f"traces, no time, {errors}"),
            "image": self.data.x_test[0].reshape(self.data.image_shape[:2]),
            "label": int(self.samples.test_labels[0]),
            "n_hidden": self.hidden,
            "n_steps": traces.N_STEPS,
            "dt": traces.DT,
        }
        yield from self._race(lr, normalise, fixed)

    def _race(self, lr, normalise, fixed):
        """Train both in turn, and ask both for a test image as they learn."""
        pace, networks, sample = Pace(), self._networks, self.samples.test_inputs[:1].compact()
        runs = [
            watched(
                network,
                self.samples,
                self.n_steps,
                loss=traces.LOSS,
                optimizer=traces.optimizer(lr),
                backward=traces.rule(way, normalise),
            )
            for way, network in networks.items()
        ]
        losses = [], []

        def frame(both):
            now = {"at": [k for k, _, _ in both], "loss": [np.array(x) for x in losses]}
            now["tested"] = [list(found) for _, _, found in both]
            return fixed | now | look_at(networks.values(), sample, np.sum)

        for both in zip(*runs, strict=True):
            for x, (_, step, _) in zip(losses, both, strict=True):
                x.append(step.loss)
            yield from pace.frame(partial(frame, both), now=both[0][0] == self.n_steps)

    def downloads(self) -> dict[str, Network]:
        """Both networks as they stand."""
        return dict(self._networks)

    draw = staticmethod(figures.draw_runs)
    update = staticmethod(figures.update_runs)

    def describe(self, data: dict[str, Any]) -> str:
        """Accuracy of both so far."""
        (step, first), (_, second) = (tested[-1] for tested in data["tested"])
        return (
            f"After {step} of {self.n_steps} steps the network that goes back through time has "
            f"{100 * first:.1f} % of the test images right, the other one {100 * second:.1f} %"
        )
