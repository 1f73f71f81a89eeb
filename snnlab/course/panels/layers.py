"""A deep network of convolutions that is rewired as it learns photographs, layer by layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check, synapses
from snnlab.course import figures, lessons, photographs
from snnlab.course.arguments import of_course
from snnlab.live import Choice, Pace, Panel, Stops, as_options

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from snnlab.datasets.dataset import Dataset
    from snnlab.network import Network

_TARGETS = tuple((f"{100 * x:g} %", x) for x in (0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5))
_STRENGTHS = as_options((0.01, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7))
_SHARES = ("free", "free"), ("all alike", "alike")


class _Run:
    """A training under a rule, which goes on where it was when it is looked at again."""

    def __init__(self, task, network, settings, before):
        method, target, strength, shares = settings
        how = {"connectivity": target, "strength": strength, "shares": shares}
        self.network, rule = photographs.begin(task, method, network=network, **how)
        self.settings, self.before = settings, before
        self.left, self.tested, self.step = [], [], 0
        self._steps = lessons.watch(task, self.network, rule)

    def advance(self):
        """Take a step, if there is another; returns whether there was."""
        found = next(self._steps, None)
        if found is not None:
            self.step, self.tested = found
            self.left.append((self.step, synapses.connectivity(self.network).overall))
        return found is not None


class RewireDeep(Panel):
    """Six convolutions and two dense layers, trained anew under a rule whenever one is set.

    Another layer to look at is shown at once, in the network as it stands.

    Parameters
    ----------
    data : Dataset
        Images with values in [0, 1], whose sides 4 divides.
    n_train, n_test, steps : int
        As for `snnlab.course.photographs.photograph_task`.
    channels, hidden : int
        Of each convolution; neurons of the first dense layer.
    key : str, optional
        As for `Panel`.
    """

    @of_course
    def __init__(
        self,
        data: Dataset,
        *,
        n_train: int = 4000,
        n_test: int = 200,
        steps: int = 400,
        channels: int = 16,
        hidden: int = 128,
        key: str | None = None,
    ) -> None:
        channels = _check.integer("channels", channels, 1, 64)  # each step is waited for
        self.task = photographs.photograph_task(
            data, n_train=n_train, n_test=n_test, steps=steps, hidden=hidden
        )
        self._run, self.start = None, photographs.photograph_network(self.task, channels=channels)
        self.stages = photographs.with_weights(self.start)
        self.names = photographs.layer_names(self.stages)
        layers = tuple((name, k) for k, name in enumerate(self.names))
        self.controls = {
            "target": Stops("connectivity", _TARGETS, 0.1),
            "strength": Stops("pull α, or d", _STRENGTHS, 0.3),
            "method": Choice("method", as_options(photographs.METHODS, "{}"), "Grad R"),
            "shares": Choice("shares", _SHARES, "free"),
            "layer": Choice("layer shown", layers, 6),
        }
        super().__init__(key)

    def simulate(
        self, *, target: float, strength: float, method: str, shares: str, layer: int
    ) -> Iterator[dict[str, Any] | None]:
        """Train a network under a rule, and yield how it stands.

        Yields
        ------
        dict or None
            The argument of `snnlab.course.figures.draw_layers`; None between two pictures.
        """
        settings = method, target, strength, shares
        run = self._run
        if run is None or run.settings != settings:
            before = [] if run is None else run.tested
            run = self._run = _Run(self.task, self.start, settings, before)
        pace, more = Pace(), run.step < self.task.steps
        while more:
            more = run.advance() and run.step < self.task.steps
            if more:
                yield from pace.frame(lambda: self._frame(run, layer))
        yield self._frame(run, layer)

    def _frame(self, run, layer):
        """How a run stands."""
        method, target, strength, shares = run.settings
        told = method not in ("STDS", photographs.ALL_WIRES)
        said = {"Grad R": f"α = {strength}", "STDS": f"d = {strength} at the end"}
        words = said.get(method, f"{100 * target:g} %" if told else "none pruned")
        network = run.network
        return {
            "method": method,
            "settings": words + (", shares alike" if told and shares == "alike" else ""),
            "steps": self.task.steps,
            "tested": list(run.tested),
            "before": list(run.before),
            "left": list(run.left),
            "target": target if told else None,
            "names": self.names,
            "wires": synapses.n_active(network),
            "sizes": synapses.n_weights(network),
            "chosen": layer,
            "signs": np.sign(network.weights[layer]).astype(np.int8),
            "kernel": getattr(self.stages[layer].layer, "kernel", 1),
        }

    def downloads(self) -> dict[str, Network]:
        """The network as it stands."""
        return {"network": self._run.network}

    draw = staticmethod(figures.draw_layers)
    update = staticmethod(figures.update_layers)

    def describe(self, data: dict[str, Any]) -> str:
        """Accuracy, connectivity, and the layers that have most and least of their wires."""
        step, accuracy = data["tested"][-1]
        shares = 100 * data["wires"] / data["sizes"]
        most, least = int(np.argmax(shares)), int(np.argmin(shares))
        return (
            f"{data['method']} after {data['left'][-1][0]} of {data['steps']} steps: "
            f"{100 * accuracy:.1f} % of test images right (at step {step}), "
            f"{100 * data['left'][-1][1]:.3g} % of the wires left; {data['names'][most]} has "
            f"{shares[most]:.3g} % of its own, {data['names'][least]} {shares[least]:.3g} %"
        )
