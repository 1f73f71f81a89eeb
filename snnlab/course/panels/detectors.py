"""Detectors that form while one watches, and lose their synapses while they form."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from snnlab.course import detectors, figures
from snnlab.course.arguments import of_course
from snnlab.live import Pace, Panel, Stops, as_options

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from snnlab.datasets.dataset import Dataset

_CUTS = (("never", 0.0), *as_options((0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)))


class WithoutTeacher(Panel):
    """Two layers of detectors learn by STDP, anew whenever a setting is changed.

    Parameters
    ----------
    data : Dataset
        Grey images with values in [0, 1], of 12 x 12 pixels or more.
    n_train, n_test : int
        How many images are learned, and how many tested, at most.
    steps : int
        How many images each layer learns.
    key : str, optional
        As for `Panel`.
    """

    controls = {
        "cut": Stops("cut below", _CUTS, 0.3),
        "rise": Stops("rate", as_options((0.01, 0.02, 0.04, 0.08, 0.16, 0.32)), 0.08),
        "threshold": Stops("threshold", as_options((2, 4, 6, 8, 10, 12, 16)), 8),
    }

    @of_course
    def __init__(
        self,
        data: Dataset,
        *,
        n_train: int = 2000,
        n_test: int = 400,
        steps: int = detectors.IMAGES,
        key: str | None = None,
    ) -> None:
        self.sight = detectors.sight_task(data, n_train=n_train, n_test=n_test)
        self.n_steps, self._uncut = steps, {}
        super().__init__(key)

    def simulate(
        self, *, cut: float, rise: float, threshold: float
    ) -> Iterator[dict[str, Any] | None]:
        """Let both layers learn, one after the other, and yield how they stand.

        Yields
        ------
        dict or None
            The argument of `snnlab.course.figures.draw_detectors`; None between two pictures.
        """
        network = detectors.detector_network(self.sight, threshold=threshold)
        self._network, pace = network, Pace()
        settings = {"rise": rise, "images": self.n_steps}
        words = f"cut below {cut:g}" if cut else "nothing is cut"
        data = {
            "left": [(0, 1.0)],
            "tested": [],
            "events": [],
            "uncut": [],
            "images": 2 * self.n_steps,
            "settings": f"{words}, rate {rise:g}, threshold {threshold:g}",
        }
        yield self._frame(data)
        data["tested"].append((0, detectors.read(network, self.sight)))
        with warnings.catch_warnings():  # a silent layer is seen
            warnings.simplefilter("ignore", RuntimeWarning)
            for log in detectors.watch(network, self.sight, cut=cut, **settings):
                seen = log.images[-1]
                data["left"].append((seen, log.connectivity[-1]))
                data["events"] = self._places(log)
                data["uncut"] = self._without_cuts(settings, threshold, len(data["events"]))
                done = seen == data["images"]
                if done or len(log.images) % 3 == 0:
                    data["tested"].append((seen, detectors.read(network, self.sight)))
                yield from pace.frame(lambda: self._frame(data), now=done)

    def _places(self, log):
        """(images, events per image) of a log."""
        return list(zip(log.images, detectors.events_at_looks(log), strict=True))

    def _without_cuts(self, settings, threshold, n):
        """The same of a run without cuts, which goes on beside this one, and is kept."""
        key = threshold, *settings.values()
        if key not in self._uncut:
            network = detectors.detector_network(self.sight, threshold=threshold)
            self._uncut[key] = detectors.watch(network, self.sight, **settings), []
        run, places = self._uncut[key]
        while len(places) < n:
            places[:] = self._places(next(run))
        return places[:n]

    def _frame(self, data):
        """A copy of the data as they stand."""
        moving = {k: list(data[k]) for k in ("left", "tested", "events", "uncut")}
        pictures = [detectors.signed(self._network.kernels(k)) for k in range(2)]
        return data | moving | {"first": pictures[0], "second": pictures[1]}

    draw = staticmethod(figures.draw_detectors)
    update = staticmethod(figures.update_detectors)

    def describe(self, data: dict[str, Any]) -> str:
        """Synapses left, accuracy, events beside those of a run without cuts."""
        seen, left = data["left"][-1]
        right = f"{100 * data['tested'][-1][1]:.1f} %" if data["tested"] else "not yet known"
        text = (
            f"{data['settings']}: {seen} of {data['images']} images seen, {100 * left:.1f} % of "
            f"the synapses left; test images that a linear readout has right: {right}"
        )
        if data["events"] and data["uncut"]:
            n = len(data["events"])
            both = [sum(y for _, y in data[k][:n]) for k in ("events", "uncut")]
            text += f"; {both[0] / max(both[1], 1):.0%} of the events without cuts"
        return text
