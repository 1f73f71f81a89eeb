"""A panel of one neuron."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from snnlab import textbook
from snnlab.course import figures
from snnlab.live import Choice, Panel, Slider
from snnlab.neurons import LIF, LeakyIntegrator

if TYPE_CHECKING:
    from typing import Any

    from snnlab.plot.style import Picture


class OneNeuron(Panel):
    """One leaky neuron that hears a few spikes, to see when it fires."""

    dt = 1.7e-6
    n_steps = 40
    first = 2  # step of the first input spike

    controls = {
        "weight": Slider("weight", -0.5, 1.5, 0.01, 0.35),
        "n_spikes": Slider("input spikes", 0, 6, 1, 2, digits=0),
        "gap": Slider("gap", 1.7, 10.2, 1.7, 3.4, "µs", 1e-6, digits=1),
        "tau_mem": Slider("membrane τ", 1, 20, 0.5, 6, "µs", 1e-6, digits=1),
        "tau_syn": Slider("synapse τ", 1, 20, 0.5, 6, "µs", 1e-6, digits=1),
        "v_th": Slider("threshold", 0.2, 2, 0.05, 1),
        "reset": Choice("reset", (("subtract", "subtract"), ("to zero", "zero")), "subtract"),
    }

    def simulate(
        self,
        *,
        weight: float,
        n_spikes: int,
        gap: float,
        tau_mem: float,
        tau_syn: float,
        v_th: float,
        reset: str,
    ) -> dict[str, Any]:
        """Run one neuron with one input; times in seconds.

        Returns
        -------
        dict
            ``x``, ``i_syn``, ``v``, ``z`` (arrays over time), ``v_th``, ``dt``: the arguments of
            `snnlab.course.figures.draw_neuron`.
        """
        dt, n = self.dt, self.n_steps
        neuron = LIF.brainscales2(tau_mem=tau_mem, tau_syn=tau_syn, dt=dt, v_th=v_th, reset=reset)
        # the synaptic current is itself a leaky integrator, of the bare input
        synapse = LeakyIntegrator(tau_mem=tau_syn, tau_syn=None, dt=dt)
        step = self.first + int(round(gap / dt)) * np.arange(n_spikes)
        x, weights = np.zeros((1, n, 1)), np.array([[weight]])
        x[0, step] = 1
        # one neuron is not worth a kernel: nothing has to be compiled before it is seen
        i_syn, _ = textbook.layer_forward(x, weights, synapse)
        v, z = textbook.layer_forward(x, weights, neuron)
        series = {"x": x, "i_syn": i_syn, "v": v, "z": z}
        return {name: y[0, :, 0] for name, y in series.items()} | {"v_th": v_th, "dt": dt}

    def draw(self, data: dict[str, Any]) -> Picture:
        """Input, current, membrane."""
        return figures.draw_neuron(**data)

    def update(self, picture: Picture, data: dict[str, Any]) -> None:
        """The same for other data."""
        figures.update_neuron(picture, **data)

    def describe(self, data: dict[str, Any]) -> str:
        """Spikes in and out, and the membrane's peak."""
        return figures.neuron_alt(**data)
