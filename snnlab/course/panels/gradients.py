"""Gradients to touch: surrogates on a toy network, and a backward pass to scrub through."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check, textbook
from snnlab.course import figures
from snnlab.course.arguments import of_course
from snnlab.course.panels.shared import checked
from snnlab.learning.losses import MaxOverTime
from snnlab.learning.settings import check_samples
from snnlab.live import Choice, Panel, Slider, Stops, as_options
from snnlab.network import Network
from snnlab.neurons import LIF
from snnlab.signals import SpikeTrains
from snnlab.surrogate import NAMES, slope, soft_step

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike

_STEEPNESS = as_options(map(float, (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100)))


class Surrogates(Panel):
    """The loss of a toy network along one of its weights, and what a surrogate says of its slope.

    Eight random samples of two classes, five inputs, four hidden neurons, 20 steps: small enough to
    be run at 101 values of the weight whenever a slider moves.
    """

    n_samples, sizes, n_steps = 8, (5, 4, 2), 20
    which = 1, 0  # the weight from input 1 to hidden neuron 0
    weights = np.linspace(-0.4, 1.6, 101)
    near = 0.001  # finite differences of the spiking loss are taken this far to both sides

    controls = {
        "name": Choice("surrogate", as_options(NAMES, "{}"), "superspike"),
        "steepness": Stops("steepness", _STEEPNESS, 10.0),
        "weight": Slider("weight", -0.4, 1.6, 0.02, 0.5),
    }

    def __init__(self, key: str | None = None) -> None:
        rng = np.random.default_rng(3)
        self.labels = np.arange(self.n_samples) % 2
        # class 0 is early in the first inputs, class 1 in the last ones
        late = np.linspace(0, 7, self.sizes[0])
        when = np.where(self.labels[:, None] == 0, late, late[::-1])
        when = np.clip(np.rint(when + rng.normal(0, 1.2, when.shape)), 0, self.n_steps - 1)
        self.x = np.zeros((self.n_samples, self.n_steps, self.sizes[0]))
        rows, units = np.indices(when.shape)
        self.x[rows, when.astype(int), units] = 1
        self.first = [rng.normal(0.35, 0.25, self.sizes[:2]), rng.normal(0, 0.5, self.sizes[1:])]
        # the curves are the same wherever on them one looks
        self._curves = functools.lru_cache(20)(self._curves)
        super().__init__(key)

    def simulate(self, *, name: str, steepness: float, weight: float) -> dict[str, Any]:
        """Losses and gradients at 101 values of the weight.

        Returns
        -------
        dict
            The argument of `snnlab.course.figures.draw_surrogate`.
        """
        at = int(np.abs(self.weights - weight).argmin())
        return self._curves(name, steepness) | {"at": at}

    def _curves(self, name, steepness):
        """All that does not depend on the weight that is looked at."""
        neuron = LIF.brainscales2(surrogate=name, steepness=steepness, v_th=0.8)
        network = Network(
            self.sizes, neuron, n_steps=self.n_steps, rng=0, dtype=np.float64, workers=1
        )
        for own, first in zip(network.weights, self.first, strict=True):
            own[...] = first
        inputs, loss = SpikeTrains.from_dense(self.x), MaxOverTime()
        values, told = np.empty((2, len(self.weights)))
        trace = gradients = None
        for k, w in enumerate(self.weights):
            network.weights[0][self.which] = w
            trace = network.forward(inputs, out=trace)
            values[k], g_readout = loss(trace.readout, self.labels)
            gradients = network.backward(trace, g_readout, out=gradients)
            told[k] = gradients[0][self.which]
        height = soft_step(name, np.array(1e9), steepness)
        smooth = self._losses(
            neuron, loss, self.weights, lambda u: soft_step(name, u, steepness) / height
        )
        around = [self._losses(neuron, loss, self.weights + d) for d in (-self.near, self.near)]
        u = np.linspace(-1, 1, 401)
        return {
            "name": name,
            "steepness": steepness,
            "u": u,
            "h": slope(name, u, steepness),
            "weights": self.weights,
            "loss": values,
            "smooth": smooth,
            "surrogate": told,
            "slope": np.gradient(smooth, self.weights),
            "difference": (around[1] - around[0]) / (2 * self.near),
        }

    def _losses(self, neuron, loss, weights, *spike):
        """Losses at many values of the weight; with ``spike``, a soft step, in place of the step.

        One weight makes one hidden neuron another; so that neuron is run for all weights at once,
        as a layer, and the readout, being linear, is put together from filtered spikes.
        """
        source, unit = self.which
        first, last = self.first
        many = np.repeat(first[:, [unit]], len(weights), axis=1)
        many[source] = weights
        layer = np.concatenate([first, many], axis=1)
        _, z = textbook.layer_forward(self.x, layer, neuron, *spike)
        filtered, _ = textbook.layer_forward(z, np.eye(z.shape[2]), neuron.integrator())
        others = np.delete(np.arange(self.sizes[1]), unit)
        readout = filtered[:, :, others] @ last[others]
        varied = filtered[:, :, self.sizes[1] :, None] * last[unit]
        return np.array(
            [loss(readout + varied[:, :, k], self.labels)[0] for k in range(len(weights))]
        )

    draw = staticmethod(figures.draw_surrogate)
    update = staticmethod(figures.update_surrogate)

    def describe(self, data: dict[str, Any]) -> str:
        """What the three ways say at the weight that is looked at."""
        at = data["at"]
        far = slope(data["name"], np.array(-0.3), data["steepness"]) / data["h"].max()
        return (
            f"At weight {self.weights[at]:.2f} the spiking network's loss has slope "
            f"{data['difference'][at]:.2f}, the surrogate says {data['surrogate'][at]:.3f}, the "
            f"soft network {data['slope'][at]:.3f}; 0.3 below threshold the surrogate's slope is "
            f"{100 * far:.2g} % of its highest"
        )


class BackwardInTime(Panel):
    """The backward pass of one image, from the last step to the first.

    Parameters
    ----------
    network : Network
        One hidden layer, readout of potentials.
    inputs : SpikeTrains
        Samples, of which one is looked at.
    labels : array of int
    key : str, optional
        As for `Panel`.
    """

    @of_course
    def __init__(
        self, network: Network, inputs: SpikeTrains, labels: ArrayLike, key: str | None = None
    ) -> None:
        check_samples("inputs", checked(network, hidden_layers=1), inputs)
        self.network, self.inputs = network, inputs
        self.labels = _check.labels("labels", labels, len(inputs), network.sizes[-1])
        last = network.n_steps - 1
        self.controls = {
            "t": Slider("back to step", 0, last, 1, last // 6, digits=0),
            "sample": Slider("image", 0, min(len(inputs), 100) - 1, 1, 0, digits=0),
            "steepness": Stops("steepness", _STEEPNESS, 50.0),
            "reset": Choice("through the reset", (("no", False), ("yes", True)), False),
        }
        super().__init__(key)

    def simulate(self, *, t: int, sample: int, steepness: float, reset: bool) -> dict[str, Any]:
        """Forward and backward pass of one sample.

        Returns
        -------
        dict
            The argument of `snnlab.course.figures.draw_backward`.
        """
        neuron = self.network.neurons[0].replace(steepness=steepness, detach_reset=not reset)
        network = self.network.replace(neurons=(neuron, self.network.neurons[1]))
        trace = network.forward(self.inputs[sample])
        _, g_readout = MaxOverTime()(trace.readout, self.labels[[sample]])
        _, adjoints = network.backward(trace, g_readout, adjoints=True)
        spikes = trace.hidden[0].compact()
        told = {"adjoints": adjoints[0][0], "spikes": (spikes.step, spikes.unit)}
        return told | {"at": t, "dt": network.dt, "steepness": steepness, "reset": reset}

    def downloads(self) -> dict[str, Network]:
        """The network that is shown."""
        return {"network": self.network}

    draw = staticmethod(figures.draw_backward)
    update = staticmethod(figures.update_backward)

    def describe(self, data: dict[str, Any]) -> str:
        """Where the gradient is now, and where it is largest."""
        norm = np.linalg.norm(data["adjoints"], axis=1)
        at = data["at"]
        when = norm.argmax() * data["dt"] * 1e6
        silent = np.setdiff1d(np.arange(data["adjoints"].shape[1]), data["spikes"][1])
        share = (data["adjoints"][:, silent] ** 2).sum() / max((norm**2).sum(), 1e-30)
        return (
            f"Back at {at * data['dt'] * 1e6:.1f} µs the gradient's norm is {norm[at]:.2g}; it is "
            f"largest at {when:.1f} µs, with {norm.max():.2g}. {len(silent)} silent neurons "
            f"receive {100 * share:.0f} % of its square"
        )
