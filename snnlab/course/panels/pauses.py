"""Neurons that learn about themselves: planted constants are found, pauses are told."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab.course import figures, pauses
from snnlab.course.arguments import of_course
from snnlab.course.figures.pauses import largest_miss
from snnlab.course.panels.shared import watched
from snnlab.live import Choice, Pace, Panel, Stops, as_options

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from snnlab.network import Network

STARTS = {
    "tau_mem": {"low": 2.5, "middle": 5.0, "high": 25.0},
    "tau_syn": {"low": 1.5, "middle": 5.0, "high": 15.0},
    "v_th": {"low": 0.4, "middle": 1.0, "high": 2.0},
    "delays": {"low": 1.5, "middle": 6.0, "high": 10.5},
}
LIMITS = {"tau_mem": (1.5, 60), "tau_syn": (1, 30), "v_th": (0, 2.5), "delays": (0, 12)}
LEARNS = tuple(
    (words, kind)
    for kind, words in (
        ("fixed", "nothing"),
        ("constants", "time constants"),
        ("delays", "delays"),
        ("both", "both"),
    )
)


class FindConstants(Panel):
    """A student learns constants, or delays, of a teacher from its output alone.

    It is trained anew, step by step, whenever a setting is changed.

    Parameters
    ----------
    steps : int
        Of training.
    key : str, optional
        As for `Panel`.
    """

    controls = {
        "what": Choice(
            "planted",
            (
                ("membrane τ", "tau_mem"),
                ("synapse τ", "tau_syn"),
                ("thresholds", "v_th"),
                ("delays", "delays"),
            ),
            "tau_mem",
        ),
        "start": Choice("begins", (("low", "low"), ("mid", "middle"), ("high", "high")), "middle"),
        "lr": Stops("learning rate", as_options((0.01, 0.03, 0.1, 0.3, 1.0)), 0.1),
        "steepness": Stops("steepness", as_options((1.0, 2.0, 4.0, 8.0, 20.0, 50.0)), 4.0),
    }

    @of_course
    def __init__(self, *, steps: int = 200, key: str | None = None) -> None:
        self.n_steps = steps
        super().__init__(key)

    def simulate(
        self, *, what: str, start: str, lr: float, steepness: float
    ) -> Iterator[dict[str, Any] | None]:
        """Train a student, and yield how it stands.

        Yields
        ------
        dict or None
            The argument of `snnlab.course.figures.draw_finding`; None between two pictures.
        """
        begin = STARTS[what][start]
        task = pauses.planted(what, start=begin, steepness=steepness)
        self._task, past, pace = task, [], Pace()
        fixed = {
            "truth": task.truth,
            "steps": self.n_steps,
            "what": pauses.WORDS[what],
            "limits": LIMITS[what],
            "log": what in ("tau_mem", "tau_syn"),
            "settings": f"beginning at {begin:g}, rate {lr:g}, steepness {steepness:g}",
        }

        def frame():
            step, error, found = zip(*past, strict=True)
            return fixed | {
                "step": np.array(step),
                "error": np.array(error),
                "found": np.array(found),
            }

        for k, error, found in pauses.find(task, lr=lr, steps=self.n_steps):
            past.append((k, error, found))
            yield from pace.frame(frame, now=k == self.n_steps)

    def downloads(self) -> dict[str, Network]:
        """Teacher and student."""
        return {"teacher": self._task.teacher, "student": self._task.student}

    draw = staticmethod(figures.draw_finding)
    update = staticmethod(figures.update_finding)

    def describe(self, data: dict[str, Any]) -> str:
        """How far the farthest constant is off."""
        off, error = largest_miss(data), data["error"]
        share = error[-1] / error[0] if error[0] > 0 else 0.0
        return (
            f"{data['what']}, {data['settings']}: after {data['step'][-1]} of {data['steps']} "
            f"steps the farthest is off by {100 * off:,.1f} %; the error is "
            f"{min(share, 99):.2g} of the first one"
        )


class LearnPauses(Panel):
    """A network learns to tell pauses; what it may learn besides its weights is chosen.

    It is trained anew, step by step, whenever a setting is changed. All have as many weights.

    Parameters
    ----------
    n_train, n_test : int
        How many samples are learned, and how many tested.
    steps : int
        Of training, with batches of 50.
    hidden : int
    key : str, optional
        As for `Panel`.
    """

    controls = {
        "kind": Choice("it learns", LEARNS, "constants"),
        "start": Choice("τ begin", as_options(("equal", "spread"), "{}"), "equal"),
        "tau": Stops("τ at first (ms)", as_options((2.0, 5.0, 10.0, 20.0, 40.0)), pauses.TAU),
        "lr": Stops("learning rate", as_options((1e-3, 3e-3, 1e-2, 3e-2)), pauses.LR),
    }

    @of_course
    def __init__(
        self,
        *,
        n_train: int = 1000,
        n_test: int = 300,
        steps: int = 300,
        hidden: int = pauses.HIDDEN,
        key: str | None = None,
    ) -> None:
        self.hidden = _check.integer("hidden", hidden, 1, 500)  # each step is waited for
        self.n_steps = steps
        self.clicks = pauses.pauses_task(n_train=n_train, n_test=n_test)
        longest = len(pauses.PAUSES) - 1
        self._asked = int(np.argmax(self.clicks.test_labels == longest))
        super().__init__(key)

    def _trained(self, network, lr):
        how = {"loss": pauses.LOSS, "optimizer": pauses.optimizer_for(network, lr)}
        return watched(network, self.clicks, self.n_steps, **how)

    def _network(self, kind, tau, start):
        return pauses.time_network(self.clicks, kind, hidden=self.hidden, tau=tau, start=start)

    def simulate(
        self, *, kind: str, start: str, tau: float, lr: float
    ) -> Iterator[dict[str, Any] | None]:
        """Train a network, and yield how it stands.

        Yields
        ------
        dict or None
            The argument of `snnlab.course.figures.draw_pauses`; None between two pictures.
        """
        network = self._network(kind, tau, start)
        self._shown, pace = network, Pace()
        sample = self.clicks.test_inputs[self._asked : self._asked + 1].compact()
        words = dict((kind, words) for words, kind in LEARNS)[kind]
        fixed = {
            "step": sample.step,
            "unit": sample.unit,
            "n_steps": pauses.STEPS,
            "n_units": self.clicks.inputs.n_units,
            "dt": pauses.DT,
            "label": pauses.PAUSES[int(self.clicks.test_labels[self._asked])],
            "pauses": pauses.PAUSES,
            "before": _rows(network),
            "steps": self.n_steps,
            "settings": f"learns {words}, {start} τ around {tau:g} ms, rate {lr:g}",
        }
        other = self._trained(self._network("fixed", tau, start), lr)

        def frame(tested, others):
            sums = network.forward(sample).readout[0].sum(axis=0)
            answer = pauses.PAUSES[int(sums.argmax())]
            now = {"now": _rows(network), "answer": answer}
            return fixed | now | {"tested": list(tested), "others": list(others)}

        for k, _, tested in self._trained(network, lr):
            others = [] if kind == "fixed" else next(other)[2]
            yield from pace.frame(partial(frame, tested, others), now=k == self.n_steps)

    def downloads(self) -> dict[str, Network]:
        """The network as it stands."""
        return {"network": self._shown}

    draw = staticmethod(figures.draw_pauses)
    update = staticmethod(figures.update_pauses)

    def describe(self, data: dict[str, Any]) -> str:
        """Accuracy so far, and where constants are."""
        step, accuracy = data["tested"][-1]
        taus = data["now"][0]
        beside = ""
        if data["others"]:
            beside = f"; with fixed constants {100 * data['others'][-1][1]:.1f} %"
        return (
            f"{data['settings']}: {100 * accuracy:.1f} % of the test samples right after {step} of "
            f"{data['steps']} steps{beside}; membrane τ now from {taus.min():.2g} to "
            f"{taus.max():.2g} ms"
        )


def _rows(network):
    """Constants of the hidden layer, in ms: membranes, synapses, delays of both clicks' units."""
    times = [np.array(pauses.constants_of(network, name)) for name in ("tau_mem", "tau_syn")]
    delays = np.empty(0)
    if any(block.name == "delays" for block in network.blocks):
        delays = pauses.constants_of(network, "delays")
    return [*times, delays[: pauses.FIBRES], delays[pauses.FIBRES :]]
