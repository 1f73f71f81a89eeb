"""What a rewiring rule remembers: whose it is, its optimiser's state, strengths, schedule, log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab.learning.state import Stateful, whole

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Self

    from snnlab.network import Network


class RuleState(Stateful):
    """Whose a rule is, and how it is saved and restored."""

    def claim(self, network: Network) -> None:
        """Belong to a network from now on, and the optimiser too."""
        if self.owner() is not network:
            self.active = None  # `begin` looks whether it fits
        super().claim(network)
        self.optimizer.claim(network)

    def rebind(self, network: Network) -> Self:
        """Go on with another network, such as a copy of the one so far.

        Its weights must be 0 where they are pruned; the next step sees to that.
        """
        super().rebind(network)
        self.optimizer.rebind(network)
        self.active = None
        return self

    def check_fit(self, network: Network) -> None:
        """Refuse a network that the state does not fit, the optimiser's included."""
        super().check_fit(network)
        self.optimizer.check_fit(network)
        limited = getattr(self, "max_fan_in", None) is not None
        for stage in getattr(network, "stages", ()) if limited else ():
            if stage.layer.recurrent_blocks:  # a limit of each would be none of both
                raise ValueError(
                    f"max_fan_in must be left out where network has {stage.name}, whose units "
                    "hear each other besides"
                )

    def _check_pruned(self, network):
        """Refuse a network that was never pruned by this rule, though of the same size."""
        for k, (w, gone) in enumerate(zip(network.weights, self.pruned(network), strict=True)):
            if w[gone].any():
                raise ValueError(
                    f"this {type(self).__name__} has pruned weights of layer {k} that are not 0 in "
                    "this network: its strengths are those of another one"
                )

    def state(self) -> dict[str, np.ndarray]:
        """Moments, hidden strengths, log and step count as a dict of arrays (for checkpoints)."""
        out = super().state() | {"key": np.array(self.key)}
        if self.n_steps is not None:
            out["schedule"] = np.array([self.n_steps, self.steps_per_epoch])
        for prefix, part in (("optimizer_", self.optimizer), ("log_", self.log)):
            out |= {prefix + name: x for name, x in part.state().items()}
        return out

    def checked(
        self, state: Mapping[str, np.ndarray], network: Network | None = None
    ) -> dict[str, Any]:
        """A state as it may be adopted; raises as `restore` does."""
        if not isinstance(state, dict) or not all(isinstance(name, str) for name in state):
            raise TypeError("state must be a dict of arrays by name")
        parts = {"": {}, "optimizer_": {}, "log_": {}}
        for name, x in state.items():
            prefix = next(p for p in ("optimizer_", "log_", "") if name.startswith(p))
            parts[prefix][name.removeprefix(prefix)] = x
        own = parts[""]
        values = {"key": whole("key", own, 0, 2**31), "n_steps": None, "steps_per_epoch": None}
        schedule = own.get("schedule")
        if schedule is not None:
            x = _check.as_array("state's schedule", schedule)
            if x.shape != (2,) or x.dtype.kind not in "iu" or x.min() < 1 or x[0] % x[1]:
                raise ValueError("state's 'schedule' must hold steps, and those of an epoch")
            if x[0] > _check.MOST:
                raise ValueError("state's 'schedule' has more steps than can be counted")
            values |= {"n_steps": int(x[0]), "steps_per_epoch": int(x[1])}
        rest = {name: x for name, x in own.items() if name not in ("key", "schedule")}
        values |= super().checked(rest, network)
        first = values[next(iter(self.arrays))]
        values["optimizer"] = self.optimizer.checked(parts["optimizer_"], network)
        n_parameters = 0 if first is None else first.size
        values["log"] = self.log.checked(parts["log_"], n_parameters, network)
        return values

    def adopt(self, values: Mapping[str, Any], network: Network | None = None) -> None:
        """Take over what `checked` returned."""
        values = dict(values)
        self.optimizer.adopt(values.pop("optimizer"), network)
        self.log.adopt(values.pop("log"))
        super().adopt(values, network)
        self.active = None
