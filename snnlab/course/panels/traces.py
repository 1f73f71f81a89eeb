"""Without time: traces of a neuron, and two networks of which one learns from nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from snnlab import textbook
from snnlab.course import figures, traces
from snnlab.live import Panel, Slider, Stops, as_options

if TYPE_CHECKING:
    from typing import Any


class OneNumber(Panel):
    """Neurons that hear the same inputs with other weights: what came in, and what went out."""

    controls = {
        "neuron": Slider("neuron", 0, traces.MANY - 1, 1, 44, digits=0),
        "rate": Slider("input rate", 0.02, 0.5, 0.02, 0.2, "per step"),
        "threshold": Slider("threshold", 0.2, 4, 0.1, 1, digits=1),
        "tau": Slider("membrane τ", 2, 60, 1, 20, "µs", 1e-6, digits=1),
        "n_steps": Stops("steps", as_options((10, 20, 50, 100, 200)), 50),
    }

    def simulate(
        self, *, neuron: int, rate: float, threshold: float, tau: float, n_steps: int
    ) -> dict[str, Any]:
        """Run all of them, and read their traces.

        Returns
        -------
        dict
            The argument of `snnlab.course.figures.draw_traces`.
        """
        model = traces.neuron(tau_mem=tau, v_th=threshold)
        x, weights = traces.many_neurons(rate, n_steps)
        v, z = textbook.layer_forward(x, weights, model)
        keep = model.decay_mem
        heard = traces.low_pass(x @ weights, keep)[0] / threshold
        own = traces.low_pass(z, keep)[0]
        smooth = np.maximum(heard[-1], 0)
        return {
            "v": v[0, :, neuron] / threshold,
            "z": z[0, :, neuron],
            "heard": heard[:, neuron],
            "own": own[:, neuron],
            "all_heard": heard[-1],
            "all_own": own[-1],
            "off": float(np.abs(own[-1] - smooth).mean()),
            "neuron": neuron,
            "dt": model.dt,
        }

    draw = staticmethod(figures.draw_traces)
    update = staticmethod(figures.update_traces)

    def describe(self, data: dict[str, Any]) -> str:
        """Both traces of the neuron, and how well one tells the other in all of them."""
        return (
            f"Neuron {data['neuron']}: {data['heard'][-1]:.2f} thresholds have come in and "
            f"{data['own'][-1]:.2f} spikes gone out, low-passed, at the end; over "
            f"{len(data['all_own'])} neurons max(0, x) is off by {data['off']:.2f} on average"
        )
