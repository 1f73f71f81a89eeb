"""Train and watch: start, pause, step, rewind, and change the settings as it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check, encode
from snnlab.course import figures
from snnlab.course.arguments import of_course
from snnlab.course.panels.shared import checked_test, look_at
from snnlab.learning.evaluation import evaluate
from snnlab.learning.optim import Adam
from snnlab.learning.settings import check_samples
from snnlab.learning.training import steps
from snnlab.live import Action, Pace, Panel, Slider, Stops, as_options
from snnlab.network import Network
from snnlab.neurons import LIF

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from numpy.typing import ArrayLike

    from snnlab.datasets.dataset import Dataset
    from snnlab.signals import SpikeTrains

LEG = 25  # steps between checkpoints
KEPT = 40  # checkpoints; of more, every second one is dropped


class Run:
    """A training run that can be gone on with, taken back, and given other settings at any step.

    Parameters
    ----------
    network : Network
    inputs, labels : SpikeTrains, array of int
        Training samples.
    test : (SpikeTrains, array of int)
        On which the accuracy is measured at each checkpoint.
    seed : int
        Of the order of the samples.
    lr : float
    batch_size : int

    Attributes
    ----------
    lr, batch_size
        May be set at any time; they hold from the next step on.
    step : int
        Updates that the present weights have seen.
    loss : list of float
        Of each step's batch.
    tested : list of (int, float)
        Step and accuracy on the test samples.

    Notes
    -----
    The steps are those of `snnlab.training.steps`, in legs of 25, each on samples drawn anew
    without repetition. At both ends of a leg, weights, moments and the state of the random numbers
    are kept in memory, so going on from there gives the same weights as the first time.
    """

    @of_course
    def __init__(
        self,
        network: Network,
        inputs: SpikeTrains,
        labels: ArrayLike,
        test: tuple[SpikeTrains, np.ndarray],
        *,
        seed: int = 0,
        lr: float = 1.5e-3,
        batch_size: int = 100,
    ) -> None:
        check_samples("inputs", network, inputs)
        self.network, self.inputs = network, inputs
        self.labels = _check.labels("labels", labels, len(inputs), network.sizes[-1])
        self.test = checked_test(network, test)
        self.rng = _check.generator("seed", seed)
        self.lr = _check.number("lr", lr, above=0)
        self.batch_size = _check.integer("batch_size", batch_size, at_least=1)
        self.optimizer = Adam(lr)
        self.step, self.loss, self.tested = 0, [], []
        self._leg, self._leg_size = None, None
        self._kept = {}
        self._keep()

    def advance(self) -> None:
        """One training step from where it stands; what was computed beyond is forgotten."""
        self.optimizer.lr = self.lr
        if self.step < len(self.loss):
            self._forget(self.step)
        if self.batch_size != self._leg_size:  # a leg has one batch size
            self._leg = None
        step = None if self._leg is None else next(self._leg, None)
        if step is None:
            if self.step not in self._kept:
                self._keep()
            self._leg, self._leg_size = self._new_leg(), self.batch_size
            step = next(self._leg)
        self.loss.append(step.loss)
        self.step += 1
        if step.ends_epoch:  # the leg's; measured now, the accuracy is that of the present weights
            self._leg = None
            self._keep()

    def _new_leg(self):
        n = min(len(self.inputs), LEG * self.batch_size)
        index = self.rng.choice(len(self.inputs), n, replace=False)
        settings = {"batch_size": self.batch_size, "optimizer": self.optimizer}
        settings |= {"epochs": 1, "rng": self.rng, "schedule": "constant"}
        return steps(self.network, self.inputs[index], self.labels[index], **settings)

    def _keep(self):
        """Keep all that the next step depends on, and measure the accuracy."""
        random = self.rng.bit_generator.state
        parameters = self.network.parameters.copy()
        self._kept[self.step] = parameters, self.optimizer.state(), random
        self.tested.append((self.step, evaluate(self.network, *self.test).accuracy))
        if len(self._kept) > KEPT:
            for old in list(self._kept)[1:-1:2]:
                del self._kept[old]

    def go(self, step: int) -> int:
        """Take the weights back to the last checkpoint up to this step, or forth again to the next.

        Returns
        -------
        int
            The step of the checkpoint; the last one, if there is none so far on.
        """
        step = _check.integer("step", step)
        ahead = [k for k in self._kept if k >= step > self.step]
        self.step = ahead[0] if ahead else max(k for k in self._kept if k <= max(step, 0))
        parameters, state, random = self._kept[self.step]
        self.network.parameters[...] = parameters
        self.optimizer.restore(state)
        self.rng.bit_generator.state = random
        self._leg = None
        return self.step

    @property
    def checkpoints(self) -> list[int]:
        """Steps to which `go` leads, in order."""
        return list(self._kept)

    def _forget(self, step):
        """Drop what came after a step."""
        del self.loss[step:]
        self.tested = [entry for entry in self.tested if entry[0] <= step]
        self._kept = {k: state for k, state in self._kept.items() if k <= step}


_RATES = 1e-4, 2e-4, 5e-4, 1e-3, 1.5e-3, 3e-3, 5e-3, 1e-2, 2e-2, 5e-2, 1e-1
_RATES, _BATCHES = as_options(_RATES), as_options((10, 20, 50, 100, 200, 500))


class _Rewind(Slider):
    """Its end moves on as there are more steps."""

    def check(self, name, value):
        """Any step."""
        return _check.integer(name, value, 0)


class TrainLive(Panel):
    """Two networks, alike at first, that learn side by side with settings of their own.

    Parameters
    ----------
    data : Dataset
        Images with values in [0, 1].
    n_train, n_test : int
        How many of the training images are learned, and of the test images shown and tested.
    hidden : int
        Hidden neurons.
    limit : int
        Steps after which training pauses by itself.
    begin : int
        Steps that are taken before the panel is shown, so that there is something to see.
    seed : int
        Of initial weights and order of images; the same for both.
    key : str, optional
        As for `Panel`.

    Attributes
    ----------
    runs : tuple of Run
    """

    controls = {
        "start": Action("Start", "Train, or pause"),
        "step": Action("One step", "One training step of each network"),
        "over": Action("Start over", "Forget everything that was learned"),
        "lr_a": Stops("A: learning rate", _RATES, 1.5e-3),
        "batch_a": Stops("A: batch size", _BATCHES, 100),
        "lr_b": Stops("B: learning rate", _RATES, 1e-4),
        "batch_b": Stops("B: batch size", _BATCHES, 100),
        "back": _Rewind("rewind to step", 0, 1, 1, 0, digits=0),
        "digit": Slider("test image", 0, 99, 1, 0, digits=0),
    }

    forgets = ("back",)  # it follows the training

    @of_course
    def __init__(
        self,
        data: Dataset,
        *,
        n_train: int = 5000,
        n_test: int = 500,
        hidden: int = 100,
        limit: int = 2000,
        begin: int = 0,
        seed: int = 0,
        key: str | None = None,
    ) -> None:
        self.limit = _check.integer("limit", limit, at_least=1)
        neuron = LIF.brainscales2()
        n_inputs = data.x_train.shape[1]
        self.pixels = data.x_test[:n_test].reshape(-1, *data.image_shape)
        inputs = encode.latency(data.x_train[:n_train])
        labels = data.y_train[:n_train]
        self.test = encode.latency(data.x_test[:n_test]), data.y_test[:n_test]
        network = Network((n_inputs, hidden, data.n_classes), neuron, n_steps=20, rng=seed)
        self._first = network.parameters.copy()
        self._make = lambda: tuple(
            Run(network.copy(), inputs, labels, self.test, seed=seed) for _ in range(2)
        )
        self.runs = self._make()
        self.training = False
        self._begin = _check.integer("begin", begin, at_least=0)
        first = {name: c.value for name, c in self.controls.items() if not isinstance(c, Action)}
        for _ in range(self._begin):
            self._advance(first)
        super().__init__(key)
        self._follow()

    # what is shown ------------------------------------------------------------------------------

    def simulate(self, *, digit: int, **settings: Any) -> dict[str, Any]:
        """The runs as they stand, and what their networks make of one test image; no training.

        Parameters
        ----------
        digit : int
            Which test image.
        **settings
            The other controls; they decide how training goes on, and are only named here.

        Returns
        -------
        dict
            The argument of `snnlab.course.figures.draw_runs`.
        """
        inputs, labels = self.test
        digit = min(digit, len(labels) - 1)
        networks = [run.network for run in self.runs]
        return {
            "names": ("A", "B"),
            "settings": [
                f"{name}: rate {settings[f'lr_{key}']:g}, batches of {settings[f'batch_{key}']}"
                for name, key in zip("AB", "ab", strict=True)
            ],
            "at": [run.step for run in self.runs],
            "loss": [np.array(run.loss) for run in self.runs],
            "tested": [list(run.tested) for run in self.runs],
            "image": self.pixels[digit],
            "label": int(labels[digit]),
            **look_at(networks, inputs[digit]),
            "n_hidden": networks[0].sizes[1],
            "n_steps": inputs.n_steps,
            "dt": networks[0].dt,
        }

    def downloads(self) -> dict[str, Network]:
        """Both networks as they stand."""
        return {name: run.network for name, run in zip("AB", self.runs, strict=True)}

    draw = staticmethod(figures.draw_runs)
    update = staticmethod(figures.update_runs)

    def describe(self, data: dict[str, Any]) -> str:
        """Steps, and accuracy of each network on the test images."""
        said = []
        for name, at, tested, loss in zip(
            data["names"], data["at"], data["tested"], data["loss"], strict=True
        ):
            step, accuracy = max(pair for pair in tested if pair[0] <= at)
            when = f" (at step {step})" if step != at else ""
            last = f", loss {loss[at - 1]:.2f}" if at else ""
            said.append(f"{name}: step {at}{last}, {100 * accuracy:.1f} % of test images{when}")
        return "; ".join(said)

    # what the buttons do ------------------------------------------------------------------------

    def start(self) -> None:
        """Train on; if training runs, pause."""
        self.worker.ask(("look" if self.training else "train", None))

    def step(self) -> None:
        """One training step."""
        self.worker.ask(("step", None))

    def over(self) -> None:
        """Begin again with the first weights."""
        self.worker.ask(("over", None))

    def ask(self) -> None:
        """Have the runs shown as they stand."""
        self.worker.ask(("look", None))

    def changed(self, change: Any) -> None:
        """The rewind slider takes the runs back; others are looked at by running training."""
        if change.owner is self.widgets["back"]:
            self.worker.ask(("go", change.new))
        elif not self.training:
            self.ask()

    # what the thread does -----------------------------------------------------------------------

    def work(self, request: Any) -> Iterator[Any]:
        """Train, rewind or begin again, and show how the runs stand."""
        what, value = request
        if what == "train":
            yield from self._train()
        elif what == "go":
            for run in self.runs:
                run.go(value)
        elif what == "step":
            self._advance(self.values)
        elif what == "over":
            self.runs = self._make()
        yield self.simulate(**self.values)

    def _train(self):
        self._say_running(True)
        pace = Pace()
        try:
            stop = (self.runs[0].step // self.limit + 1) * self.limit
            while self.runs[0].step < stop:
                values = self.values
                self._advance(values)
                yield from pace.frame(lambda values=values: self.simulate(**values))
        except GeneratorExit:  # given up: unless for something that is shown next, show the last
            if not self.worker.busy and not self.worker.closed:
                self.show(self.simulate(**self.values))
            raise
        finally:
            self._say_running(False)

    def _advance(self, values):
        for run, name in zip(self.runs, "ab", strict=True):
            run.lr, run.batch_size = values[f"lr_{name}"], values[f"batch_{name}"]
            run.advance()

    def _say_running(self, running):
        self.training = running
        self.put(start={"description": "Pause" if running else "Start"})

    def show(self, data: dict[str, Any]) -> None:
        """Show how the runs stand, on the rewind slider too."""
        super().show(data)
        self._follow()

    def _follow(self):
        """Move the rewind slider to where the runs stand."""
        # In this order, and one by one. A slider on the page that cannot stand where it is told,
        # for the end of its range comes later, tells where it stands instead: that would look as
        # if it had been moved by hand, and end the training.
        end = max(1, len(self.runs[0].loss))
        self.put(back={"max": end, "value": self.runs[0].step})
