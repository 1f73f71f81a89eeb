"""Media: what runs a network. An ideal simulation here; a chip or a recording in `snnlab.chip`.

``network.forward(inputs, on=medium)`` calls ``medium.run``, whatever it is, and what comes back is
a `Trace` that the backward pass reads like any other. One's own needs `Medium.run` and, if weights
are bounded there, `Medium.clip`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from snnlab import _check
from snnlab.layers.stage import without_units
from snnlab.passes import Forward
from snnlab.trace import Trace

if TYPE_CHECKING:
    from typing import Any

    import numpy as np

    from snnlab._types import Signals
    from snnlab.memory import Workspace
    from snnlab.network import Network

__all__ = ["IDEAL", "Medium"]


class Medium:
    """The ideal simulation, and what the others change of it.

    Attributes
    ----------
    age : int
        Runs so far, for media that change as they are used; it is part of a checkpoint.
    can_evaluate : bool
        Whether it also runs inputs that are no training batch.
    """

    age = 0
    can_evaluate = True

    def run(
        self,
        network: Network,
        inputs: Signals,
        *,
        potentials: bool = True,
        dropout: list[np.ndarray | None] | None = None,
        out: Trace | None = None,
        training: bool = False,
    ) -> Trace:
        """Run a batch; parameters as those of `Network.forward`.

        (``training`` is given only where a network has layers with a norm.)

        Returns
        -------
        Trace
        """
        network.check_inputs(inputs)
        masks = _check.masks("dropout", dropout, [stage.n for stage in network.hidden_stages])
        trace = Trace.empty(network, inputs, potentials, out)
        for record, mask in zip(trace.hidden_records, masks, strict=True):
            record.dropout = mask
        each = _check.each(_check.kind("Conditions"), len(trace.records), of="Conditions")
        given = each("what conditions returns", self.conditions(network))
        conditions = [
            c
            if record.dropout is None
            else c._replace(constants=without_units(c.constants, record.dropout))
            for c, record in zip(given, trace.records, strict=True)
        ]
        with network.workspaces.borrow() as scratch:
            self.passes(network, trace, scratch, conditions, training).run()
        return trace

    def passes(
        self, network: Network, trace: Trace, scratch: Workspace, conditions: list, training: bool
    ) -> Forward:
        """The pass forward that fills a trace."""
        return Forward(network, trace, scratch, conditions, training)

    def conditions(self, network: Network) -> list:
        """Under which each layer of a network runs: a list of `Conditions`."""
        return network.ideal_conditions

    def clip(self, network: Network) -> None:
        """Hold weights within what can be written, in place; here they are not bounded."""


IDEAL = Medium()


def run_on(medium: Medium, network: Network, inputs: Signals, **settings: Any) -> Trace:
    """What a medium gives for a batch; one's own may not give a trace of it.

    Raises
    ------
    TypeError, ValueError
        If it is no trace, or one of another network or another number of samples.
    """
    trace = medium.run(network, inputs, **settings)
    if medium is IDEAL:
        return trace
    what = f"run of {type(medium).__name__} must return"
    if not isinstance(trace, Trace):
        raise TypeError(f"{what} a Trace, not {type(trace).__name__}")
    n = len(inputs)
    if not (trace.fits(network, n) or trace.fits(network, n, False)):
        raise ValueError(f"{what} a trace of the network it is given, and of {n} samples")
    return trace
