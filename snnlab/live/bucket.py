"""`LeakyBucket`: a leaky neuron as a bucket that fills, leaks and tips, to be dragged.

The picture is made in the browser (``static/bucket.js``), which runs the neuron spike for spike as
the kernels compute it. From here comes what it is set to at first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anywidget
import numpy as np
import traitlets

from snnlab import _check, textbook
from snnlab.live.modules import alive, module_of
from snnlab.live.still import CURTAIN, Stays, Still
from snnlab.neurons import LIF
from snnlab.plot.bucket import draw_bucket

if TYPE_CHECKING:
    from collections.abc import Sequence

MODULE, STYLE = module_of("bucket")
N_STEPS, DT = 40, 1.7e-6
# lowest, highest, step; time constants in microseconds
RANGES = {"weight": (-0.5, 1.5, 0.01), "v_th": (0.2, 2.0, 0.05), "tau": (1.0, 20.0, 0.5)}


def _within(name, value, unit=1.0):
    low, high, _ = RANGES[name.split("_")[0] if name.startswith("tau") else name]
    ends = {"at_least": round(low * unit, 9), "at_most": round(high * unit, 9)}
    return _check.number(name, value, **ends)


class LeakyBucket(Stays, anywidget.AnyWidget):
    """A leaky neuron, drawn as a bucket: spikes open a tap, the level leaks away, the rim tips.

    The level is the membrane potential, the rim the threshold, the stream the synaptic current, the
    hole the membrane's leak. Input spikes, weight and threshold are dragged in the picture, by
    mouse, finger or keyboard; every spike is a click if sound is asked for. All of that happens in
    the browser. Steps and constants are BrainScaleS-2's: 40 steps of 1.7 µs.

    Parameters
    ----------
    spikes : sequence of int
        Steps in which input spikes arrive, from 0 to 39, each at most once.
    weight : float
        From -0.5 to 1.5.
    v_th : float
        Threshold, from 0.2 to 2.
    tau_mem, tau_syn : float
        Time constants in seconds, from 1e-6 to 20e-6.
    reset : {"subtract", "zero"}
        As for `snnlab.LIF`.

    Attributes
    ----------
    setting : dict
        The arguments by name, as they are on the page now.

    Raises
    ------
    TypeError, ValueError
        Arguments of the wrong kind or out of range; the message names the argument.
    """

    setting = traitlets.Dict().tag(sync=True)
    _spec = traitlets.Dict().tag(sync=True)
    _stills = traitlets.List(traitlets.Unicode()).tag(sync=True)
    _esm = CURTAIN + MODULE
    _css = STYLE

    def __init__(
        self,
        spikes: Sequence[int] = (2, 4),
        weight: float = 0.35,
        v_th: float = 1.0,
        *,
        tau_mem: float = 6e-6,
        tau_syn: float = 6e-6,
        reset: str = "subtract",
    ) -> None:
        steps = _check.as_array("spikes", spikes)
        if steps.ndim != 1 or not (steps.size == 0 or np.issubdtype(steps.dtype, np.integer)):
            raise TypeError("spikes must be a sequence of ints, the steps of input spikes")
        if steps.size and (steps.min() < 0 or steps.max() >= N_STEPS):
            raise ValueError(f"spikes must lie from 0 to {N_STEPS - 1}, got {steps.tolist()}")
        if len(set(steps.tolist())) < steps.size:
            raise ValueError(f"spikes must differ from each other, got {steps.tolist()}")
        setting = {
            "spikes": sorted(steps.tolist()),
            "weight": _within("weight", weight),
            "v_th": _within("v_th", v_th),
            "tau_mem": _within("tau_mem", tau_mem, 1e-6),
            "tau_syn": _within("tau_syn", tau_syn, 1e-6),
            "reset": _check.one_of("reset", reset, ("subtract", "zero")),
        }
        spec = {"n_steps": N_STEPS, "dt": DT, "ranges": {k: list(v) for k, v in RANGES.items()}}
        super().__init__(setting=setting, _spec=spec)
        self.observe(lambda change: self.still_changed(), "setting")

    def neuron(self) -> LIF:
        """The neuron with the constants that are set now, a `snnlab.LIF`."""
        names = "v_th", "tau_mem", "tau_syn", "reset"
        return LIF.brainscales2(dt=DT, **{name: self.setting[name] for name in names})

    def lift(self, key: str) -> None:
        """The page is to take the still picture of this key away."""
        self._stills = [*self._stills, key]

    def still(self) -> Still:
        """The neuron's whole run as a picture, which comes to life without a kernel."""
        setting, neuron = self.setting, self.neuron()
        x = np.zeros((1, N_STEPS, 1))
        x[0, setting["spikes"]] = 1
        weight = np.array([[setting["weight"]]])
        v, z = textbook.layer_forward(x, weight, neuron)
        v, fired = v[0, :, 0], np.flatnonzero(z[0, :, 0])
        picture = draw_bucket(
            setting["spikes"], v, fired, setting["v_th"], DT, alt=self._words(v, fired)
        )
        data = {"spec": self._spec, "setting": setting}
        return Still.of(picture, alive(MODULE, STYLE, data))

    def _words(self, v, fired):
        """What there is to see."""
        setting, n = self.setting, len(self.setting["spikes"])
        says = "does not fire"
        if len(fired):
            times = ", ".join(f"{t * DT * 1e6:.1f}" for t in fired[:3])
            says = f"fires {len(fired)} times" if len(fired) > 1 else "fires once"
            says += f", at {times}{' ...' * (len(fired) > 3)} µs"
        return (
            "A leaky neuron as a bucket with a hole, beside it its level over time. "
            f"{n} input spike{'s' * (n != 1)} of weight {setting['weight']:.2f} pour into it; the "
            f"level peaks at {v.max():.2f}, the rim, its threshold, is at {setting['v_th']:.2f}: "
            f"it {says}."
        )

    def __repr__(self):
        return f"LeakyBucket({', '.join(f'{k}={v!r}' for k, v in self.setting.items())})"
