r"""Neuron models: current-based leaky integrators, with and without a threshold.

One time step, in this order (indices of unit and layer left out)::

    I[t] = a I[t-1] + sum_i W_i x_i[t - delay]        arrive: synaptic current
    v[t] = b v[t-1] - v_th z[t-1] + g I[t]            integrate, after the last spike's reset
    z[t] = 1 if v[t] > v_th else 0                    compare, emit

so a spike that arrives in a step can make the neuron spike in that step, the next layer hears it in
the same step, and the reset acts on the step after. This is the *subtract* reset; with *zero*,
``v[t] = b v[t-1] (1 - z[t-1]) + g I[t]``. ``v[t]`` is the potential that was compared with the
threshold. ``a = exp(-dt / tau_syn)`` and ``b = exp(-dt / tau_mem)`` (or ``1 - dt / tau`` with
Euler's method); ``g`` is the gain.

Without recurrence a delay only shifts each layer's clock, so 0 is the default. In the code of
Cramer et al. a spike of step t moves the potential in step t + 1 (``delay=1``), in their printed
eqs 2-3 in step t + 2 (``delay=2``).
"""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from snnlab import _check
from snnlab._learned import learned
from snnlab._settings import Described, fields_of
from snnlab.surrogate import NAMES, OWN, own

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Self

    from numpy.typing import DTypeLike

Constants = namedtuple("Constants", "decay_syn decay_mem gain v_th hold")


@dataclass(frozen=True, kw_only=True, repr=False)
class LeakyIntegrator(Described):
    """Leaky integrator: the dynamics of a neuron without a threshold, used as a readout.

    Parameters
    ----------
    tau_mem, tau_syn : float or sequence of float
        Time constants of membrane and synapse in seconds, larger is slower; one value for all
        neurons or one per neuron. ``tau_syn=None``: no synaptic filter (a = 0), the current lasts
        one step.
    dt : float
        Time step in seconds.
    gain : float or sequence of float
        g, by which the current drives the membrane.
    delay : int
        Steps between a spike and its arrival here.
    method : {"exact", "euler"}
        Decay per step: ``exp(-dt / tau)`` or ``1 - dt / tau``.
    learn : str or sequence of str
        Constants that are trained with the weights (`snnlab.layers.constants`): "tau_mem",
        "tau_syn", of a LIF also "v_th". They begin with the values given here.
    learn_per : {"unit", "layer"}
        Whether each neuron learns its own, or a layer one for all.

    Raises
    ------
    TypeError, ValueError
        A parameter of the wrong kind, non-positive time constants, ``tau < dt`` with Euler's
        method; the message names the parameter.
    """

    tau_mem: float
    tau_syn: float | None
    dt: float
    gain: float = 1.0
    delay: int = 0
    method: str = "exact"
    learn: tuple[str, ...] = ()
    learn_per: str = "unit"

    learnable: ClassVar[tuple[str, ...]] = ("tau_mem", "tau_syn")
    adapts: ClassVar[bool] = False
    v_init: ClassVar[float] = 0.0

    def __post_init__(self):
        _check.field(self, "dt", _check.number, above=0)
        self._take("tau_mem", above=0)
        if self.tau_syn is not None:
            self._take("tau_syn", above=0)
        self._take("gain")
        _check.field(self, "delay", _check.integer, 0, _check.MOST_STEPS)
        _check.one_of("method", self.method, ("exact", "euler"))
        if self.method == "euler":
            for name in ("tau_mem", "tau_syn"):
                tau = getattr(self, name)
                if tau is not None and np.min(tau) < self.dt:
                    raise ValueError(f"{name} must be at least dt with method='euler'")
        object.__setattr__(self, "learn", learned(self))

    def _take(self, name, **bounds):
        """Check a float, or a sequence of one per neuron, which becomes a tuple."""
        _check.field(self, name, _check.per_unit, **bounds)

    @property
    def per_unit(self) -> dict[str, tuple[float, ...]]:
        """The constants that have a value per neuron, by name."""
        names = (f.name for f in fields(self) if f.name != "learn")
        return {k: x for k in names if isinstance(x := getattr(self, k), tuple)}

    @property
    def decay_mem(self) -> float | np.ndarray:
        """b, the share of the membrane potential that is left after a step; float or array."""
        return self._decay(self.tau_mem)

    @property
    def decay_syn(self) -> float | np.ndarray:
        """a, the share of the synaptic current that is left after a step; float or array."""
        return 0.0 if self.tau_syn is None else self._decay(self.tau_syn)

    def _decay(self, tau):
        with np.errstate(over="ignore", under="ignore"):
            x = self.dt / np.asarray(tau)
        return np.exp(-x) if self.method == "exact" else 1.0 - x

    def constants(self, n: int, dtype: DTypeLike = np.float32) -> tuple:
        """Arrays of length n for the kernels: decays, gain, threshold (inf here), hold steps."""
        n, dtype = _check.units(n, dtype)
        v_th = getattr(self, "v_th", None)
        return Constants(
            self._spread("tau_syn", self.decay_syn, n, dtype),
            self._spread("tau_mem", self.decay_mem, n, dtype),
            self._spread("gain", self.gain, n, dtype),
            self._spread("v_th", np.inf if v_th is None else v_th, n, dtype),
            self._spread("refractory", self._hold(), n, np.int32),
        )

    def initial(self, n: int, dtype: DTypeLike = np.float32) -> np.ndarray:
        """Array of length n: what the first step has left of the potential before it."""
        n, dtype = _check.units(n, dtype)
        return (self._spread("v_init", self.v_init, n, dtype) * self.decay_mem).astype(dtype)

    def _hold(self):
        return 0

    @staticmethod
    def _spread(name, value, n, dtype):
        value = np.asarray(value)
        if value.ndim == 1 and value.shape != (n,):
            raise ValueError(f"{name} has {value.size} values for a layer of {n} neurons")
        if not name.startswith("tau") and name != "refractory":  # decays may round to 0 or 1
            value = _check.real(name, value, dtype)
        return np.broadcast_to(value, (n,)).astype(dtype)

    def integrator(self) -> LeakyIntegrator:
        """`LeakyIntegrator` with the same constants: the usual readout.

        It learns none of them.
        """
        same = fields_of(self, LeakyIntegrator)
        return LeakyIntegrator(**same | {"learn": (), "learn_per": "unit"})

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> Self:
        """Inverse of `to_dict`."""
        rest = dict(_check.kind("dict")("values", values))
        with _check.told_of("values do not make a neuron"):
            return KINDS[_check.one_of("kind", rest.pop("kind", None), tuple(KINDS))](**rest)

    def replace(self, **changes: Any) -> Self:
        """A copy with some parameters changed."""
        return replace(self, **changes)


@dataclass(frozen=True, kw_only=True, repr=False)
class LIF(LeakyIntegrator):
    """Leaky integrate-and-fire neuron.

    Parameters
    ----------
    tau_mem, tau_syn, dt, gain, delay, method, learn, learn_per
        As for `LeakyIntegrator`.
    v_th : float or sequence of float
        Threshold, above 0 (the membrane rests at 0).
    reset : {"subtract", "zero"}
        What a spike does to the membrane at the next step.
    v_init : float or sequence of float
        Potential before the first step of a sample.
    refractory : float or sequence of float
        Time in seconds, rounded to whole steps, for which the membrane is held at 0 after a spike.
    surrogate : str or callable
        Name of the surrogate derivative (`snnlab.surrogate`), or one's own, ``h(u, steepness)``.
    steepness : float or sequence of float
        Its steepness.
    detach_reset : bool
        If true, the backward pass ignores that the reset depends on the spike (as both papers do).
        If false, it follows that path too.
    """

    v_th: float = 1.0
    reset: str = "subtract"
    v_init: float = 0.0
    refractory: float = 0.0
    surrogate: str = "superspike"
    steepness: float = 50.0
    detach_reset: bool = True

    learnable: ClassVar[tuple[str, ...]] = ("tau_mem", "tau_syn", "v_th")

    def __post_init__(self):
        set_ = partial(object.__setattr__, self)
        self._take("v_th", above=0)
        self._take("refractory", at_least=0)
        self._take("v_init")
        super().__post_init__()
        _check.one_of("reset", self.reset, ("subtract", "zero"))
        if callable(self.surrogate):
            set_("surrogate", own(self.surrogate).__name__)
        _check.one_of("surrogate", self.surrogate, (*NAMES, *OWN))
        self._take("steepness", above=0)
        if not isinstance(self.detach_reset, bool | np.bool_):
            raise TypeError("detach_reset must be True or False")
        set_("detach_reset", bool(self.detach_reset))

    def _hold(self):
        with np.errstate(over="ignore"):
            steps = np.rint(np.asarray(self.refractory) / self.dt)
        return np.minimum(steps, _check.MOST_STEPS)  # longer than any sample, and still an int32

    @classmethod
    def brainscales2(cls, **changes: Any) -> Self:
        """Constants of Cramer et al. (2022): tau 6 us, dt 1.7 us, subtractive reset, SuperSpike 50.

        As their software runs it: no refractory time (the chip's is 2 us), no gradient through the
        reset.
        """
        constants = {"tau_mem": 6e-6, "tau_syn": 6e-6, "dt": 1.7e-6}
        return cls(**constants | changes)

    @classmethod
    def grad_r(cls, **changes: Any) -> Self:
        """Constants of Chen et al. (2021): v += (x - v) / 2, threshold 1, hard reset, arctan 2.

        They count time in steps; a step is called 1 ms here.
        """
        constants = {
            "tau_mem": 2e-3,
            "tau_syn": None,
            "dt": 1e-3,
            "gain": 0.5,
            "method": "euler",
            "reset": "zero",
            "surrogate": "arctan",
            "steepness": 2.0,
        }
        return cls(**constants | changes)


KINDS = {kind.__name__: kind for kind in (LIF, LeakyIntegrator)}  # and others, as they are made
