"""A cloud of wires under gradient rewiring, to see what its constants do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from snnlab.course import figures, lessons
from snnlab.live import Choice, Panel, Slider, Stops, as_options
from snnlab.plot.style import count

if TYPE_CHECKING:
    from typing import Any

    from snnlab.plot.style import Picture

_PULLS = as_options((0.0, 1e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.2, 0.3, 0.4, 0.5, 1.0))
_RATES = as_options((0.001, 0.003, 0.01, 0.02, 0.03, 0.05))


class WireThatReturns(Panel):
    """Two hundred wires of one neuron whose task changes halfway: `snnlab.lessons.cloud`."""

    controls = {
        "alpha": Stops("pull α", _PULLS, 0.1),
        "lr": Stops("learning rate", _RATES, 0.01),
        "p": Slider("target p", 50, 99, 1, 95, "%", 0.01, digits=1),
        "wire": Slider("wire in bold", 0, 59, 1, 32, digits=0),
        "hear": Choice("pruned hear", (("gradient", True), ("nothing", False)), True),
    }

    def simulate(
        self, *, alpha: float, lr: float, p: float, wire: int, hear: bool
    ) -> dict[str, Any]:
        """A cloud under these constants, and which of its wires is looked at.

        Returns
        -------
        dict
            ``cloud`` and ``wire``: the arguments of `snnlab.course.figures.draw_cloud`.
        """
        return {"cloud": lessons.cloud(alpha=alpha, lr=lr, sparsity=p, hear=hear), "wire": wire}

    def draw(self, data: dict[str, Any]) -> Picture:
        """Paths, histogram, counters."""
        return figures.draw_cloud(**data)

    def update(self, picture: Picture, data: dict[str, Any]) -> None:
        """The same for other data."""
        figures.update_cloud(picture, **data)

    def describe(self, data: dict[str, Any]) -> str:
        """How many wires are left, how many came and went, and what became of the bold one."""
        cloud, wire = data["cloud"], data["wire"]
        needed = int(cloud.needed[1].sum())
        path = cloud.theta[:, wire]
        times = count(int(np.abs(np.diff((path > 0).astype(int))).sum()), "time")
        what = ("not needed", "needed at first", "needed later", "needed always")
        kind = what[int(cloud.needed[0, wire] + 2 * cloud.needed[1, wire])]
        return (
            f"{int(cloud.active[-1].sum())} of {len(cloud.theta[0])} wires are left, among them "
            f"{cloud.kept} of the {needed} needed; pruned {cloud.pruned.sum():,} times, regrown "
            f"{cloud.regrown.sum():,} times. Wire {wire} ({kind}) crossed zero {times} and "
            f"ends at {path[-1]:.2f}"
        )
