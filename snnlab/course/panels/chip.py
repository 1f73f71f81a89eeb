"""The chip at your fingertips: its imperfections one by one, and training through them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab.chip.effects import EFFECTS
from snnlab.chip.substrate import Substrate
from snnlab.course import figures, results
from snnlab.course.arguments import COUNT, of_course
from snnlab.course.panels.shared import checked, checked_test
from snnlab.learning.evaluation import evaluate
from snnlab.learning.optim import Adam
from snnlab.learning.settings import check_samples
from snnlab.learning.training import steps
from snnlab.live import Action, Choice, Panel, Slider, Stops, as_options
from snnlab.live.panel import of_controls
from snnlab.reports.sweep import transfer_matrix

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from numpy.typing import ArrayLike

    from snnlab.network import Network
    from snnlab.signals import SpikeTrains

FULL = EFFECTS["weight_scale"].default  # levels per unit of weight, with as many bits as the chip
BITS = EFFECTS["weight_bits"].default
LOW_PER_HIGH = np.divide(*EFFECTS["adc_range"].default)  # the range is as lopsided as the chip's
READINGS = 5.0, 3.5, 2.5, 2.0, 1.5, 1.25, 1.1


def levels(bits: int | None) -> dict[str, Any]:
    """Effects that write weights with so many bits over the chip's range of weights; None: exact.

    The range stays that of the chip, so that fewer bits mean coarser steps.
    """
    if bits is None:
        return {}
    scale = FULL * (2**bits - 1) / (2**BITS - 1)
    return {"weight_bits": bits, "weight_scale": scale, "dynamic_scaling": True}


# the knobs of imperfections, what each is called, and its value where it is off
KNOBS = {
    "bits": ("bits of a weight", None),
    "ceiling": ("highest reading", None),
    "tau": ("σ of τ", 0.0),
    "threshold": ("σ of threshold", 0.0),
    "gain": ("σ of gain", 0.0),
    "noise": ("noise", 0.0),
}


class Imperfections(Panel):
    """One image in a network, as simulated and on a chip with chosen faults.

    One imperfection at a time, with its slider; or all of them at once.

    Parameters
    ----------
    network : Network
        One hidden layer, readout of potentials.
    inputs, labels : SpikeTrains, array of int
        Test samples; up to 500 are used.
    image_shape : tuple of int
        How the inputs make an image.
    images : array (n, n_inputs)
        The samples as images, with values in [0, 1].
    key : str, optional
        As for `Panel`.
    """

    controls = {
        "off": Action("All off", "The chip without a fault"),
        "on": Action("All on", "The six imperfections at once, each with its slider"),
        "only": Choice(
            "imperfection",
            (
                ("none", "none"),
                *((name, knob) for knob, (name, _) in KNOBS.items()),
                ("all six", "all"),
            ),
            "gain",
        ),
        "bits": Stops("bits of a weight", (("exact", None), *as_options(range(8, 0, -1))), 6),
        "ceiling": Stops("highest reading", (("none", None), *as_options(READINGS)), 2.5),
        "tau": Slider("σ of τ", 0, 50, 1, 5, "%", 0.01, digits=1),
        "threshold": Slider("σ of threshold", 0, 50, 1, 3, "%", 0.01, digits=1),
        "gain": Slider("σ of gain", 0, 50, 1, 10, "%", 0.01, digits=1),
        "noise": Slider("noise", 0, 50, 1, 2, "%", 0.01, digits=1),
        "digit": Slider("test image", 0, 99, 1, 0, digits=0),
        "chip": Slider("which chip", 0, 9, 1, 0, digits=0),
    }

    @of_course
    def __init__(
        self,
        network: Network,
        inputs: SpikeTrains,
        labels: ArrayLike,
        images: ArrayLike,
        image_shape: tuple[int, int] = (16, 16),
        key: str | None = None,
    ) -> None:
        self.network = checked(network, hidden_layers=1)
        n = min(check_samples("inputs", network, inputs), 500)
        self.inputs = inputs[:n]
        self.labels = _check.labels("labels", labels, len(inputs), network.sizes[-1])[:n]
        shape = _check.each(COUNT, 2)("image_shape", image_shape)
        if shape[0] * shape[1] != network.sizes[0]:
            raise ValueError(f"image_shape must have {network.sizes[0]} pixels, got {shape}")
        images = _check.array("images", images, np.float32, (len(inputs), network.sizes[0]))
        self.pixels = images[:n].reshape(n, *shape)
        self.accuracy = evaluate(network, self.inputs, self.labels).accuracy
        super().__init__(key)
        self._show_knobs()

    # which knobs there are ------------------------------------------------------------------------

    def off(self) -> None:
        """Switch all imperfections off."""
        self.widgets["only"].value = "none"

    def on(self) -> None:
        """Switch all imperfections on."""
        self.widgets["only"].value = "all"

    def changed(self, change: Any) -> None:
        """The slider of an imperfection is there while it counts."""
        self._show_knobs()
        self.ask()

    def moved(self) -> None:
        """As `changed`."""
        self.changed(None)

    def _show_knobs(self):
        only = self.widgets["only"].value
        for knob in KNOBS:
            self.widgets[knob].layout.display = "" if only in (knob, "all") else "none"

    # what is shown --------------------------------------------------------------------------------

    @of_controls
    def substrate(
        self,
        *,
        bits: int | None,
        ceiling: float | None,
        tau: float,
        threshold: float,
        gain: float,
        noise: float,
        chip: int,
    ) -> Substrate:
        """The chip that the controls describe; everything else is ideal.

        Parameters
        ----------
        bits : int or None
        ceiling : float or None
            Highest potential that a membrane can have and the ADC of 8 bits can read.
        tau, threshold, gain : float
            Relative standard deviations; the first is of both time constants.
        noise : float
            Standard deviation, in units of the threshold.
        chip : int
            Seed.

        Returns
        -------
        Substrate
        """
        effects = levels(bits) | {"gain_spread": gain, "noise": noise}
        effects |= {"tau_mem_spread": tau, "tau_syn_spread": tau, "threshold_spread": threshold}
        if ceiling is not None:
            bounds = LOW_PER_HIGH * ceiling, ceiling
            effects |= {"adc_bits": 8, "adc_range": bounds, "membrane_range": bounds}
        return Substrate.ideal(chip, **effects)

    def simulate(self, *, digit: int, only: str = "all", **knobs: Any) -> dict[str, Any]:
        """Run one image and all test samples.

        Parameters
        ----------
        digit : int
        only : str
            The imperfection that counts: one of `KNOBS`, ``"all"`` or ``"none"``.
        **knobs
            As for `substrate`.

        Returns
        -------
        dict
            The argument of `snnlab.course.figures.draw_substrate`.
        """
        digit = min(digit, len(self.labels) - 1)
        _check.one_of("only", only, (*KNOBS, "all", "none"))
        for knob, (_, off) in KNOBS.items():
            knobs[knob] = knobs[knob] if only in (knob, "all") else off
        chip = self.substrate(**knobs)
        ideal = self.network.forward(self.inputs[digit])
        highest = ideal.v[0][0].max(axis=0)  # of the neurons that fire, one that only just does
        fires = highest > self.network.neurons[0].v_th
        neuron = int(np.where(fires, highest, np.inf).argmin() if fires.any() else highest.argmax())
        measured = self.network.forward(self.inputs[digit], on=chip)
        accuracy = evaluate(self.network, self.inputs, self.labels, substrate=chip).accuracy
        # neurons of the chip are taken in order, the first hidden one is its first
        own = self.network.neurons[0].v_th * chip.factors["threshold_spread"][neuron]
        w = np.linspace(-0.3, 0.3, 601)
        scale, limit = chip.effects["weight_scale"], chip.weight_limit
        written = np.clip(np.rint(w * scale), -limit, limit) / scale if limit else w
        return {
            "image": self.pixels[digit],
            "label": int(self.labels[digit]),
            "weights": w,
            "written": written,
            "neuron": neuron,
            "n_tested": len(self.labels),
            "n_hidden": self.network.sizes[1],
            "dt": self.network.dt,
            "bits": knobs["bits"],
            "ideal": _side("ideal", ideal, neuron, self.network.neurons[0].v_th, self.accuracy),
            "chip": _side(f"chip {chip.seed}", measured, neuron, float(own), accuracy),
        }

    def downloads(self) -> dict[str, Network]:
        """The network that is shown."""
        return {"network": self.network}

    draw = staticmethod(figures.draw_substrate)
    update = staticmethod(figures.update_substrate)

    def describe(self, data: dict[str, Any]) -> str:
        """What the faults cost."""
        ideal, chip = data["ideal"], data["chip"]
        lost = 100 * (ideal["accuracy"] - chip["accuracy"])
        change = f"{abs(lost):.1f} points {'lost' if lost > 0 else 'won'}" if lost else "none lost"
        kinds = "exact weights" if data["bits"] is None else f"{2 ** (data['bits'] + 1) - 1} levels"
        return (
            f"{100 * ideal['accuracy']:.1f} % of {data['n_tested']} test images right as "
            f"simulated, {100 * chip['accuracy']:.1f} % on the chip: {change}; {kinds}, "
            f"hidden spikes of this image {len(ideal['spikes'][0])} and {len(chip['spikes'][0])}"
        )


def _side(name, trace, neuron, threshold, accuracy):
    """One column of the figure."""
    train = trace.hidden[0].compact()
    return {
        "name": name,
        "v": trace.v[0][0, :, neuron],
        "threshold": threshold,
        "fired": train.step[train.unit == neuron],
        "spikes": (train.step, train.unit),
        "readout": trace.readout[0],
        "accuracy": accuracy,
    }


# --- training through the chip --------------------------------------------------------------------


def _stored():
    """Accuracies of full runs: by mismatch and way of training, and from chip to chip."""
    runs = [r for r in results.load("chip-mismatch") if r["sigma_d"] is not None]
    sigmas = sorted({r["sigma_d"] for r in runs})
    out = {"sigma_d": sigmas}
    for mode in ("loop", "transfer"):
        by = {r["sigma_d"]: r["values"] for r in runs if r["mode"] == mode}
        out[mode] = np.array([by[sigma] for sigma in sigmas]).T
    tested = [r["values"] for r in results.load("chip-transfer-matrix")[:5]]
    return out | {"matrix": np.array(tested).T}


class ThroughTheChip(Panel):
    """A network from software learns on, on three chips and without them, while one looks on.

    Parameters
    ----------
    network : Network
        Trained in software.
    inputs, labels : SpikeTrains, array of int
        Samples to train on.
    test : (SpikeTrains, array of int)
        Samples of which the accuracy is measured.
    steps : int
        Of training.
    lr : float
        Its rate.
    key : str, optional
        As for `Panel`.
    """

    n_chips, every, batch_size = 3, 10, 100

    controls = {
        "sigma_d": Slider("mismatch", 0, 50, 5, 30, "%", 0.01, digits=1),
        "first": Slider("first chip", 0, 6, 1, 0, digits=0),
    }

    @of_course
    def __init__(
        self,
        network: Network,
        inputs: SpikeTrains,
        labels: ArrayLike,
        test: tuple[SpikeTrains, np.ndarray],
        *,
        steps: int = 50,
        lr: float = 2e-3,
        key: str | None = None,
    ) -> None:
        self.network, self.n_steps = checked(network), steps
        check_samples("inputs", network, inputs)
        self.inputs = inputs
        self.labels = _check.labels("labels", labels, len(inputs), network.sizes[-1])
        self.test, self.stored = checked_test(network, test), _stored()
        self.lr = _check.number("lr", lr, above=0)
        super().__init__(key)

    def simulate(self, *, sigma_d: float, first: int) -> Iterator[dict[str, Any] | None]:
        """Train one network on each chip and one in software, in the same order of samples.

        Parameters
        ----------
        sigma_d : float
            Relative standard deviation of both time constants and the threshold.
        first : int
            Seed of the first of three chips.

        Yields
        ------
        dict or None
            The argument of `snnlab.course.figures.draw_loop`; None between steps.
        """
        chips = [Substrate(first + k, sigma_d=sigma_d) for k in range(self.n_chips)]
        digital = Substrate.ideal(weight_bits=BITS, dynamic_scaling=True)
        places = [*chips, digital]
        networks = [self.network.copy() for _ in places]
        loops = [self._steps(*pair) for pair in zip(networks, places, strict=True)]
        *learners, software = networks
        names = [*(f"trained on chip {chip.seed}" for chip in chips), "in software"]
        self._networks = dict(zip(names, networks, strict=True))
        fixed = {"sigma_d": sigma_d, "chips": [chip.seed for chip in chips]}
        fixed |= {"n_steps": self.n_steps, "stored": self.stored}
        seen = {"tested": [], "transfer": [], "loop": []}
        for step in range(self.n_steps + 1):
            if step:
                for loop in loops:
                    next(loop)
                    yield None
            if step % self.every and step < self.n_steps:
                continue
            transfer = yield from self._accuracies([software], chips)
            own = transfer[0]
            if step:
                own = yield from self._accuracies(learners, chips, own=True)
            matrix = np.where(np.eye(len(chips), dtype=bool), own, np.nan)
            if step == self.n_steps:
                matrix = yield from self._accuracies(learners, chips)
            new = zip(seen, (step, transfer[0], own), strict=True)
            seen = {name: [*seen[name], value] for name, value in new}
            yield fixed | seen | {"matrix": matrix}

    def _steps(self, network, place):
        """Training steps of a network on a chip."""
        settings = {"epochs": self.n_steps, "batch_size": self.batch_size, "schedule": "constant"}
        settings |= {"optimizer": Adam(lr=self.lr), "substrate": place}
        return steps(network, self.inputs, self.labels, rng=0, **settings)

    def _accuracies(self, networks, chips, own=False):
        """Each network on each chip, or only on its own one; yields None between them."""
        out = np.empty((len(networks), len(chips)))
        for i, network in enumerate(networks):
            for j, chip in enumerate(chips):
                if not own or i == j:
                    out[i, j] = transfer_matrix([network], [chip], *self.test)[0, 0]
                    yield None
        return np.diag(out) if own else out

    def downloads(self) -> dict[str, Network]:
        """The networks as they stand."""
        return self._networks

    draw = staticmethod(figures.draw_loop)
    update = staticmethod(figures.update_loop)

    def describe(self, data: dict[str, Any]) -> str:
        """What each way reaches, and what it is worth on another chip."""
        loop, transfer = (100 * np.mean(data[mode][-1]) for mode in ("loop", "transfer"))
        text = (
            f"Mismatch {100 * data['sigma_d']:.0f} %, step {data['tested'][-1]} of "
            f"{data['n_steps']}: {transfer:.1f} % with weights from software, {loop:.1f} % trained "
            "in the loop"
        )
        others = np.asarray(data["matrix"])[~np.eye(len(data["chips"]), dtype=bool)]
        if np.isfinite(others).all():
            text += f"; {100 * others.mean():.1f} % on chips they were not trained on"
        return text
