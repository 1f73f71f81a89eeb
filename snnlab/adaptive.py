"""`AdaptiveLIF`: what a neuron does tires it.

Besides the current of its synapses (`snnlab.neurons` has the equations) it has a slow one, w, which
is felt as ``g (I[t] - w[t])``::

    w[t] = p w[t-1] + coupling v[t-1] + jump z[t-1]         p = exp(-dt / tau_adapt)
"""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from snnlab import _check
from snnlab.neurons import KINDS, LIF

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

Adaptation = namedtuple("Adaptation", "decay coupling jump")


@dataclass(frozen=True, kw_only=True, repr=False)
class AdaptiveLIF(LIF):
    """Leaky integrate-and-fire neuron that adapts (Bittar and Garner 2022): what it does tires it.

    A current w that follows potential and spikes, slowly, is subtracted from what the neuron hears
    (`snnlab.adaptive` has the equation). With ``coupling`` 0 it counts spikes, and acts as a
    threshold that rises with each of them (Bellec et al. 2018). Its gradient is exact, whatever
    ``detach_reset`` says of the reset. Learned are the constants of `LIF`; those of w stay.

    `Dense` layers without a norm, `Recurrent` and `Delayed` ones, and those of one's own take it;
    convolutions, chips and compressed networks do not, and NIR has no such node.

    Parameters
    ----------
    tau_adapt : float or sequence of float, optional
        Time constant of w in seconds; by default ten times ``tau_mem``.
    coupling : float or sequence of float
        What a potential adds to w in a step. The membrane must be stable: with gain g and the
        decays b and p, g times it is from ``-(1 - b) (1 - p)`` to ``(1 + b) (1 + p)``.
    jump : float or sequence of float
        What a spike adds to w.
    **others
        As for `LIF`.
    """

    tau_adapt: float | None = None
    coupling: float = 0.0
    jump: float = 0.5

    adapts: ClassVar[bool] = True

    def __post_init__(self):
        if self.tau_adapt is not None:
            self._take("tau_adapt", above=0)
        self._take("coupling")
        self._take("jump")
        super().__post_init__()
        if np.any(self.v_init):
            raise ValueError("v_init must be 0: neurons that adapt begin at rest")
        if "tau_mem" in self.learn and self.tau_adapt is None:  # it stays as it is
            object.__setattr__(self, "tau_adapt", self._slow)
            self._take("tau_adapt", above=0)
        if self.method == "euler" and np.min(self._slow) < self.dt:
            raise ValueError("tau_adapt must be at least dt with method='euler'")
        self._check_stable()

    def _check_stable(self):
        parts = self.gain, self.coupling, self.decay_mem, self.decay_adapt
        if len({np.size(x) for x in parts} - {1}) > 1:
            return  # no layer has so many neurons: `constants` says so
        g, c, b, p = map(np.asarray, parts)
        with np.errstate(over="ignore"):
            unstable = (g * c < -(1 - b) * (1 - p)) | (g * c > (1 + b) * (1 + p))
        # with these bounds it is stable whatever b is
        if "tau_mem" in self.learn and not ((g * c >= 0) & (g * c <= 1 + p)).all():
            raise ValueError(
                "coupling must leave the membrane stable whatever tau_mem is learned: gain * "
                "coupling from 0 to 1 + p, with the decay p of the adaptation"
            )
        if unstable.any():
            raise ValueError(
                "coupling must leave the membrane stable: gain * coupling from "
                "-(1 - b) (1 - p) to (1 + b) (1 + p), with the decays b of the membrane and p of "
                "the adaptation"
            )

    @property
    def _slow(self):
        return 10 * np.asarray(self.tau_mem) if self.tau_adapt is None else self.tau_adapt

    @property
    def decay_adapt(self) -> float | np.ndarray:
        """p, the share of the adaptation that is left after a step; float or array."""
        return self._decay(self._slow)

    def adaptation(self, n: int, dtype: DTypeLike = np.float32) -> tuple:
        """Arrays of length n: the decay of the adaptation, coupling and jump."""
        n, dtype = _check.units(n, dtype)
        values = {"tau_adapt": self.decay_adapt, "coupling": self.coupling, "jump": self.jump}
        return Adaptation(*(self._spread(name, x, n, dtype) for name, x in values.items()))


KINDS["AdaptiveLIF"] = AdaptiveLIF  # so that files are read
