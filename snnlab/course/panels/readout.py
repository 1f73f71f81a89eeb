"""When is it sure: two networks, read out at a time of your choice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check, encode
from snnlab.course import figures
from snnlab.course.arguments import of_course
from snnlab.course.panels.shared import checked
from snnlab.learning.losses import MaxOverTime
from snnlab.live import Panel, Slider
from snnlab.reports.decision import first_input_step, time_to_decision

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from snnlab.datasets.dataset import Dataset
    from snnlab.network import Network

NAMES = "trained as usual", "trained to be early"


class ReadOut(Panel):
    """Drag the deadline of the readout: what two networks say by then, and how often rightly.

    Parameters
    ----------
    usual, early : Network
        Readouts of potentials; same sizes, time steps and delay, as both are shown on one axis.
    data : Dataset
    n_test : int
        Images for the accuracies; the first 100 can be looked at.
    names : (str, str)
    key : str, optional
        As for `Panel`.
    """

    @of_course
    def __init__(
        self,
        usual: Network,
        early: Network,
        data: Dataset,
        *,
        n_test: int = 2000,
        names: Sequence[str] = NAMES,
        key: str | None = None,
    ) -> None:
        for name, network in (("usual", usual), ("early", early)):
            checked(network, name)
        if usual.sizes != early.sizes or usual.n_steps != early.n_steps or usual.dt != early.dt:
            raise ValueError("usual and early must have the same sizes and time steps")
        self.networks, self.names = (usual, early), _check.names("names", names, 2)
        self.pixels = data.x_test[:100].reshape(-1, *data.image_shape)
        self.labels = data.y_test[:n_test]
        self.inputs = encode.latency(data.x_test[:n_test], n_steps=usual.n_steps)
        decisions = [time_to_decision(n, self.inputs, self.labels) for n in self.networks]
        self.times = decisions[0].times
        self.accuracy = [decision.accuracy for decision in decisions]
        step = usual.dt * 1e6
        last = usual.n_steps * step
        self.controls = {
            "deadline": Slider("read out after", step, last, step, 3 * step, "µs", 1e-6, digits=1),
            "digit": Slider("test image", 0, len(self.pixels) - 1, 1, 0, digits=0),
        }
        super().__init__(key)

    def simulate(self, *, deadline: float, digit: int) -> dict[str, Any]:
        """What the networks make of an image, and what they would say at each deadline.

        Parameters
        ----------
        deadline : float
            In seconds since the image's first input spike, rounded to whole steps.
        digit : int

        Returns
        -------
        dict
            The argument of `snnlab.course.figures.draw_read_out`.
        """
        sample = self.inputs[digit]
        first, n = int(first_input_step(sample)[0]), len(self.times)
        out = {
            "names": self.names,
            "times": self.times,
            "at": min(max(round(deadline / self.times[0]), 1), n) - 1,
            "accuracy": self.accuracy,
            "readout": [],
            "said": [],
            "image": self.pixels[digit],
            "label": int(self.labels[digit]),
        }
        for network in self.networks:
            v = network.forward(sample, potentials=False).readout[0]
            v = v[np.minimum(first + np.arange(n), n - 1)]
            scores = np.maximum.accumulate(v, axis=0) * MaxOverTime().scale
            undecided = scores.max(axis=1) == scores.min(axis=1)
            out["readout"].append(v)
            out["said"].append(np.where(undecided, -1, scores.argmax(axis=1)))
        return out

    def downloads(self) -> dict[str, Network]:
        """Both networks."""
        return dict(zip(self.names, self.networks, strict=True))

    draw = staticmethod(figures.draw_read_out)
    update = staticmethod(figures.update_read_out)

    def describe(self, data: dict[str, Any]) -> str:
        """What both say at the deadline, and how many images they read rightly by then."""
        at = data["at"]
        said = []
        for name, classes, accuracy in zip(
            data["names"], data["said"], data["accuracy"], strict=True
        ):
            word = "nothing yet" if classes[at] < 0 else str(classes[at])
            said.append(f"{name}, it says {word} ({100 * accuracy[at]:.1f} % of images right)")
        return f"After {data['times'][at] * 1e6:.1f} µs: {'; '.join(said)}"
