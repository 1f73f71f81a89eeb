"""The clinic as a panel: sick networks, a report card, knobs, and what treatment does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snnlab import _check
from snnlab.course import figures, patients
from snnlab.course.arguments import of_course
from snnlab.learning.optim import Adam
from snnlab.learning.training import steps
from snnlab.live import Action, Choice, Pace, Panel, Stops, as_options
from snnlab.live.panel import of_controls
from snnlab.reports import clinic

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from snnlab.network import Network

# factors that the knobs stand for
WEIGHTS = 0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 7, 10, 20
THRESHOLDS = 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10
STEEPNESSES = 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20
NEUTRAL = {"scale": 1.0, "v_th": 1.0, "steepness": 1.0}  # the knobs as they stand at first


def _knob(label, factors):
    return Stops(label, as_options(map(float, factors), "× {:g}"), 1.0)


class Clinic(Panel):
    """Six networks that learn nothing or little; see why, turn knobs, treat and train.

    Parameters
    ----------
    n_samples : int
        Training samples that are examined.
    seed : int
        Of the patients.
    key : str, optional
        As for `Panel`.

    Attributes
    ----------
    patients : dict of int to Patient
        By bed, as treated so far.
    """

    controls = {
        "treat": Action("Treat", "Carry out the remedy for the worst finding"),
        "train": Action("Train", "Train for ten epochs, or stop"),
        "undo": Action("As admitted", "Undo treatment, trainings and knobs of this patient"),
        "bed": Choice("patient", as_options(range(1, 7), "patient {}"), 1),
        "scale": _knob("hidden weights", WEIGHTS),
        "v_th": _knob("threshold", THRESHOLDS),
        "steepness": _knob("steepness", STEEPNESSES),
        "findings": Choice("findings", (("hidden", False), ("shown", True)), False),
    }

    @of_course
    def __init__(self, *, n_samples: int = 150, seed: int = 0, key: str | None = None) -> None:
        self.n_samples = _check.integer("n_samples", n_samples, at_least=10)
        beds = range(1, len(patients.BEDS) + 1)
        self._admitted = {bed: patients.admit(bed, seed) for bed in beds}
        self.patients = dict(self._admitted)
        self._curves = {bed: [] for bed in beds}
        self._remedies = {bed: [] for bed in beds}
        self._trained = None  # bed and network, until a control is moved
        self.training = False
        super().__init__(key)

    # what is shown ------------------------------------------------------------------------------

    @of_controls
    def turned(self, *, bed: int, scale: float, v_th: float, steepness: float) -> Network:
        """A patient's network with the knobs turned: factors of hidden weights, threshold, slope.

        Returns
        -------
        Network
            A copy.
        """
        old = self.patients[bed].network

        def model(old):
            if not hasattr(old, "steepness"):
                return old
            return old.replace(v_th=old.v_th * v_th, steepness=old.steepness * steepness)

        new = old.replace(neurons=[model(neuron) for neuron in old.neurons])
        for w in new.weights[:-1]:
            w *= scale
        return new

    def simulate(self, *, bed: int, findings: bool, **knobs: Any) -> dict[str, Any]:
        """Examine a patient with the knobs turned, or its trained network if they were not since.

        Returns
        -------
        dict
            The argument of `snnlab.course.figures.draw_ward`.
        """
        network = self._shown_network(bed, knobs)
        state = ", then ".join(self._remedies[bed]) or "untreated"
        if self._trained is not None and self._trained[0] == bed:
            state += ", trained"
        report = self._examine(bed, network)
        return {
            "report": report,
            "findings": findings,
            "curves": self._curves[bed][-3:],
            "epochs": self.patients[bed].training["epochs"],
            "title": f"Patient {bed}: {'-'.join(map(str, report.sizes))}, {state}",
        }

    def _shown_network(self, bed, knobs):
        if self._trained is not None and self._trained[0] == bed:
            return self._trained[1]
        return self.turned(bed=bed, **knobs)

    def _examine(self, bed, network):
        patient, n = self.patients[bed], self.n_samples
        loss = patient.training["loss"]
        return clinic.examine(network, patient.inputs[:n], patient.labels[:n], loss=loss)

    def downloads(self) -> dict[str, Network]:
        """The patient as it is shown."""
        values = self.values
        return {"patient": self._shown_network(values["bed"], {k: values[k] for k in NEUTRAL})}

    draw = staticmethod(figures.draw_ward)
    update = staticmethod(figures.update_ward)

    def describe(self, data: dict[str, Any]) -> str:
        """Accuracy and spikes, and how training went."""
        report = data["report"]
        said = (
            f"{data['title']}: {100 * report.accuracy:.0f} % of {len(report.labels)} samples "
            f"right, {report.hidden_counts.mean():.1f} hidden spikes per sample"
        )
        if data["curves"] and data["curves"][-1]:
            last = data["curves"][-1]
            said += f"; epoch {len(last)} of training: {100 * last[-1]:.0f} % right"
        return said

    # what the buttons do ------------------------------------------------------------------------

    def treat(self) -> None:
        """Treat the worst finding; the network with its knobs as they are is the new patient."""
        self.worker.ask("treat")

    def train(self) -> None:
        """Train what is shown; if training runs, stop it."""
        self.worker.ask("look" if self.training else "train")

    def undo(self) -> None:
        """Undo treatments, trainings and knobs of this patient."""
        self.worker.ask("undo")

    def ask(self) -> None:
        """Have the patient shown as it is."""
        self.worker.ask("look")

    def changed(self, change: Any) -> None:
        """Turning a knob ends a training; the findings are shown by its next frame, if any."""
        if change.owner is not self.widgets["findings"]:
            self.worker.ask("turned")
        elif not self.training:
            self.ask()

    def moved(self) -> None:
        """Knobs may be among what was set."""
        self.worker.ask("turned")

    # what the thread does -----------------------------------------------------------------------

    def work(self, what: str) -> Iterator[Any]:
        """Treat, undo or train, and show how it stands."""
        values = self.values
        bed, knobs = values["bed"], {name: values[name] for name in NEUTRAL}
        if what == "treat":
            self._treat(bed, self.turned(bed=bed, **knobs))
        elif what == "undo":
            self.patients[bed] = self._admitted[bed]
            self._curves[bed], self._remedies[bed], self._trained = [], [], None
            self.put(**NEUTRAL)
        elif what == "turned":
            self._trained = None
        elif what == "train":
            yield from self._train(bed, self.turned(bed=bed, **knobs))
        yield self.simulate(**self.values)

    def _treat(self, bed, network):
        patient, done = self.patients[bed], "nothing left to treat"
        treatable = [f for f in self._examine(bed, network).findings if f.remedy.cure is not None]
        if treatable:
            network, training = treatable[0].treat(network, patient.inputs[:300])
            done = f"treated for {treatable[0].name}"
            training = patient.training | training
            self.patients[bed] = patient._replace(network=network, training=training)
            self.put(**NEUTRAL)
        self._remedies[bed] = [*self._remedies[bed], done][-2:]
        self._trained = None

    def _train(self, bed, network):
        patient, curve = self.patients[bed], []
        self._curves[bed] = [*self._curves[bed][-2:], curve]
        settings = {"optimizer": Adam()} | patient.training

        def frame():
            self._trained = bed, network
            return self.simulate(**self.values)

        self._say_running(True)
        pace = Pace(0.1, wait=0.1)
        try:
            for step in steps(network, patient.inputs, patient.labels, rng=0, **settings):
                if step.ends_epoch:
                    curve.append(step.history.train_accuracy[-1])
                yield from pace.frame(frame, now=step.ends_epoch)
        finally:
            self._say_running(False)

    def _say_running(self, running):
        self.training = running
        self.put(train={"description": "Stop" if running else "Train"})
