"""The clinic as a panel: sick networks, a report card, knobs, and what treatment does."""

import threading
import time

from snnlab import _check
from snnlab.course import figures, patients
from snnlab.learning.optim import Adam
from snnlab.learning.training import steps
from snnlab.live.panel import Action, Choice, Panel, Stops, leave_main_thread
from snnlab.live.worker import Worker
from snnlab.reports import clinic


def _factors(*values):
    return tuple((f"× {x:g}", float(x)) for x in values)


NEUTRAL = {"scale": 1.0, "v_th": 1.0, "steepness": 1.0}  # the knobs as they stand at first


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
        "bed": Choice("patient", tuple((f"patient {k + 1}", k + 1) for k in range(6)), 1),
        "scale": Stops(
            "hidden weights", _factors(0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 7, 10,
                                       20), 1.0,
        ),
        "v_th": Stops("threshold", _factors(0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10), 1.0),
        "steepness": Stops(
            "steepness", _factors(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20), 1.0
        ),
        "findings": Choice("findings", (("hidden", False), ("shown", True)), False),
    }  # fmt: skip

    def __init__(self, *, n_samples=150, seed=0, key=None):
        self.n_samples = _check.integer("n_samples", n_samples, at_least=10)
        beds = range(1, len(patients.BEDS) + 1)
        self._admitted = {bed: patients.admit(bed, seed) for bed in beds}
        self.patients = dict(self._admitted)
        self._curves = {bed: [] for bed in beds}
        self._remedies = {bed: [] for bed in beds}
        self._trained = None  # bed and network, until a control is moved
        self.training, self._writing = False, None
        super().__init__(key)
        self.worker = Worker(self._work, self._show, self._fail)

    # what is shown ------------------------------------------------------------------------------

    def turned(self, *, bed, scale, v_th, steepness):
        """A patient's network with the knobs turned: factors of hidden weights, threshold, slope.

        Returns
        -------
        Network
            A copy.
        """
        old = self.patients[bed].network
        neurons = [
            m.replace(v_th=m.v_th * v_th, steepness=m.steepness * steepness)
            if hasattr(m, "steepness") else m
            for m in old.neurons
        ]  # fmt: skip
        new = old.replace(neurons=neurons)
        for w in new.weights[:-1]:
            w *= scale
        return new

    def simulate(self, *, bed, findings, **knobs):
        """Examine a patient with the knobs turned, or its trained network if they were not since.

        Returns
        -------
        dict
            The argument of `snnlab.course.figures.draw_ward`.
        """
        patient = self.patients[bed]
        network = self.turned(bed=bed, **knobs)
        state = ", then ".join(self._remedies[bed]) or "untreated"
        if self._trained is not None and self._trained[0] == bed:
            network = self._trained[1]
            state += ", trained"
        n, loss = self.n_samples, patient.training["loss"]
        report = clinic.examine(network, patient.inputs[:n], patient.labels[:n], loss=loss)
        return {
            "report": report, "findings": findings, "curves": self._curves[bed][-3:],
            "epochs": patient.training["epochs"],
            "title": f"Patient {bed}: {'-'.join(map(str, report.sizes))}, {state}",
        }  # fmt: skip

    def draw(self, data):
        """The card."""
        return figures.draw_ward(data)

    def update(self, picture, data):
        """The same for other data."""
        figures.update_ward(picture, data)

    def describe(self, data):
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

    def treat(self):
        """Treat the worst finding; the network with its knobs as they are is the new patient."""
        self.worker.ask("treat")

    def train(self):
        """Train what is shown; if training runs, stop it."""
        self.worker.ask("look" if self.training else "train")

    def undo(self):
        """Undo treatments, trainings and knobs of this patient."""
        self.worker.ask("undo")

    def _ask(self):
        self.worker.ask("look")

    def render(self):
        """Show the patient as it is; raises what goes wrong, and shows it too."""
        self.worker.stop()
        self.worker.wait(5)
        self._render(catch=False)

    def _changed(self, change):
        if self._writing == threading.get_ident():
            return  # the thread turns the knobs back
        if change.owner is not self.widgets["findings"]:
            self.worker.ask("turned")
        elif not self.training:  # else the next frame shows them
            self._ask()

    # what the thread does -----------------------------------------------------------------------

    def _work(self, what):
        values = self.values
        if what == "treat":
            self._treat(values)
        elif what == "undo":
            bed = values["bed"]
            self.patients[bed] = self._admitted[bed]
            self._curves[bed], self._remedies[bed], self._trained = [], [], None
            self._turn_back()
        elif what == "turned":
            self._trained = None
        elif what == "train":
            yield from self._train(values)
        yield self.simulate(**self.values)

    def _treat(self, values):
        bed = values["bed"]
        patient = self.patients[bed]
        knobs = {name: values[name] for name in NEUTRAL}
        network = self.turned(bed=bed, **knobs)
        n, loss = self.n_samples, patient.training["loss"]
        report = clinic.examine(network, patient.inputs[:n], patient.labels[:n], loss=loss)
        treatable = [f for f in report.findings if f.remedy.cure is not None]
        if not treatable:
            self._remedies[bed] = [*self._remedies[bed], "nothing left to treat"][-2:]
        else:
            network, training = treatable[0].treat(network, patient.inputs[:300])
            self._remedies[bed] = [*self._remedies[bed], f"treated for {treatable[0].name}"][-2:]
            self.patients[bed] = patient._replace(
                network=network, training=patient.training | training
            )
            self._turn_back()
        self._trained = None

    def _train(self, values):
        bed = values["bed"]
        patient = self.patients[bed]
        network = self.turned(bed=bed, **{name: values[name] for name in NEUTRAL})
        curve = []
        self._curves[bed] = [*self._curves[bed][-2:], curve]
        settings = {"optimizer": Adam()} | patient.training
        self._say_running(True)
        try:
            due = time.perf_counter() + 0.1
            for step in steps(network, patient.inputs, patient.labels, rng=0, **settings):
                if step.ends_epoch:
                    curve.append(step.history.train_accuracy[-1])
                if time.perf_counter() < due and not step.ends_epoch:
                    yield None
                    continue
                self._trained = bed, network
                began = time.perf_counter()
                yield self.simulate(**self.values)
                # at most half of the time goes into pictures
                due = time.perf_counter() + max(0.1, time.perf_counter() - began)
        finally:
            self._say_running(False)

    def _say_running(self, running):
        with self._lock:
            self.training = running
            if not self.closed:
                self.widgets["train"].description = "Stop" if running else "Train"

    def _turn_back(self):
        """Put the knobs where they do nothing."""
        with self._lock:
            if self.closed:
                return
            self._writing = threading.get_ident()
            try:
                for name, value in NEUTRAL.items():
                    self.widgets[name].value = value
                    leave_main_thread(self.widgets[name])
            finally:
                self._writing = None
