"""Gradient rewiring on a chip with faults, to see whether wires avoid the bad columns."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from snnlab import synapses
from snnlab.course import figures, lessons
from snnlab.course.arguments import of_course
from snnlab.live import Pace, Panel, Slider, Stops, as_options
from snnlab.reports.avoidance import rank_correlation, worst_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from snnlab.datasets.dataset import Dataset
    from snnlab.network import Network

_PULLS = as_options((0.01, 0.03, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4))


class RewireOnChip(Panel):
    """Grad R, trained in the loop on a virtual chip, anew whenever a slider moves.

    Parameters
    ----------
    data : Dataset
        Images with values in [0, 1].
    n_train, n_test, steps, hidden : int
        As for `snnlab.lessons.task`.
    key : str, optional
        As for `Panel`.
    """

    controls = {
        "sigma_d": Slider("mismatch σ", 0, 50, 5, 20, "%", 0.01, digits=1),
        "dead": Slider("dead columns", 0, 30, 5, 10, "%", 0.01, digits=1),
        "alpha": Stops("pull α", _PULLS, 0.15),
    }

    @of_course
    def __init__(
        self,
        data: Dataset,
        *,
        n_train: int = 2000,
        n_test: int = 300,
        steps: int = 400,
        hidden: int = 100,
        key: str | None = None,
    ) -> None:
        self.task = lessons.task(data, n_train=n_train, n_test=n_test, steps=steps, hidden=hidden)
        super().__init__(key)

    def simulate(
        self, *, sigma_d: float, dead: float, alpha: float
    ) -> Iterator[dict[str, Any] | None]:
        """Train a network on a chip, and yield how its wires stand.

        Yields
        ------
        dict or None
            The argument of `snnlab.course.figures.draw_chip_wires`; None between two pictures.
        """
        task = self.task
        chip, network, rule = lessons.begin_on_chip(task, sigma_d=sigma_d, dead=dead, alpha=alpha)
        self._network = network
        defect = chip.badness()[: task.hidden]
        bad, alive = worst_of(defect), np.isfinite(defect)
        settings = f"σ = {100 * sigma_d:.0f} %, {100 * dead:.0f} % dead, α = {alpha:g}"
        fixed = {"defect": defect, "steps": task.steps, "settings": settings}

        def frame(k, tested):
            wires = network.weights[0] != 0
            n = wires.sum(axis=0)
            return fixed | {
                "wires": wires,
                "tested": list(tested),
                "done": k,
                "correlation": np.nan_to_num(rank_correlation(defect[alive], n[alive])),
                "worst": float(n[bad].mean() / max(n.mean(), 1e-9)),
                "left": synapses.connectivity(network).overall,
            }

        pace = Pace()
        for k, tested in lessons.watch(task, network, rule, substrate=chip):
            yield from pace.frame(partial(frame, k, tested), now=k == task.steps)

    def downloads(self) -> dict[str, Network]:
        """The network as it stands."""
        return {"network": self._network}

    draw = staticmethod(figures.draw_chip_wires)
    update = staticmethod(figures.update_chip_wires)

    def describe(self, data: dict[str, Any]) -> str:
        """Wires of the worst neurons, correlation, accuracy."""
        dead = ~np.isfinite(data["defect"])
        n = data["wires"].sum(axis=0)
        said = f"{n[dead].mean():.1f} wires per dead neuron, " if dead.any() else ""
        return (
            f"After {data['done']} of {data['steps']} steps {said}{n[~dead].mean():.1f} per "
            f"living one; the worst tenth has {100 * data['worst']:.0f} % of the average, rank "
            f"correlation of defect and wires {data['correlation']:+.2f} among the living; "
            f"{100 * data['tested'][-1][1]:.1f} % of test images right, on the chip"
        )
