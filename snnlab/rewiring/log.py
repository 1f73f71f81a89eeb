"""A log of what a rewiring rule does: connectivity, what came and went, strengths."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab.rewiring.connectivity import masks, n_weights, views

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from snnlab.learning.training import Step
    from snnlab.network import Network

SAMPLE = 10_000  # strengths per layer from which a log's quantiles are taken


@dataclass
class Log:
    """What a rule did; one entry at the start and one after each epoch (or ``log_every`` steps).

    Arrays have one value per layer of weights, unless something else is said.

    Attributes
    ----------
    steps : list of int
        Steps done at each entry.
    connectivity : list of array
        Share of the weights that are not zero.
    pruned, regrown : list of array of int
        Weights that were not zero at the entry before and are now, and the reverse (counted from
        entry to entry, as in the code of Chen et al. 2021).
    quantiles : list of array (layer, level)
        Of the strengths (see `GradR.strengths`), at `LEVELS`; from at most 10,000 evenly spaced
        synapses per layer.
    spikes, silent : list of array (hidden layer,)
        Spikes per sample, and share of units without a spike, in the batch of that step (for the
        first entry, the first batch); filled by `observe`, NaN where that was not called.
    dead : dict
        Layers that lost their last weight: the step at which each first did.
    sizes : array of int
        Weights per layer.
    substrate : Substrate or None
        None at first. If it is set before training, connectivity and changes are as this chip sees
        them (see `masks`). It is no part of a checkpoint.
    """

    LEVELS = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
    ENTRIES = ("steps", "connectivity", "pruned", "regrown", "quantiles", "spikes", "silent")

    steps: list = field(default_factory=list)
    connectivity: list = field(default_factory=list)
    pruned: list = field(default_factory=list)
    regrown: list = field(default_factory=list)
    quantiles: list = field(default_factory=list)
    spikes: list = field(default_factory=list)
    silent: list = field(default_factory=list)
    dead: dict = field(default_factory=dict)
    sizes: np.ndarray | None = None
    substrate: object = None
    _before: np.ndarray | None = None  # which weights were not 0 at the last entry
    _unobserved: bool = False  # whether the last entry still waits for spikes

    def __len__(self):
        return len(self.steps)

    def overall(self) -> np.ndarray:
        """Connectivity of the whole network at each entry, array (entry,)."""
        return np.array(self.connectivity) @ self.sizes / self.sizes.sum()

    def observe(self, step: Step) -> None:
        """Note a batch's spikes: ``train(..., callback=rule.log.observe)``.

        Parameters
        ----------
        step : Step
            Nothing is done unless there is a new entry.

        Notes
        -----
        A checkpoint is written after an epoch's last callback, and holds what was noted there.
        """
        if self._unobserved:
            counts = [train.unit_counts() for train in step.trace.hidden]
            self.spikes[-1] = np.array([n.sum(axis=1).mean() for n in counts])
            self.silent[-1] = np.array([(n.sum(axis=0) == 0).mean() for n in counts])
            self._unobserved = False

    def add(
        self, step: int, network: Network, strengths: Callable[[np.ndarray], np.ndarray]
    ) -> None:
        """Make an entry (rules do); ``strengths(flat positions)`` gives some of the strengths."""
        now = network.parameters != 0
        if self.substrate is not None:
            chip = zip(views(network, now), masks(network, self.substrate), strict=True)
            for part, mask in chip:
                part[...] = mask
        if self._before is None:
            self.sizes, self._before = n_weights(network), now
        rows = []
        for block in network.weight_blocks:
            a, b = (x[block.start : block.stop] for x in (self._before, now))
            some = np.linspace(0, block.size - 1, min(block.size, SAMPLE)).astype(int)
            some = strengths(block.places(some))
            counts = (np.count_nonzero(x) for x in (b, a > b, b > a))
            rows.append((*counts, np.quantile(some, self.LEVELS)))
        there, pruned, regrown, quantiles = (np.array(column) for column in zip(*rows, strict=True))
        unseen = np.full(len(network.hidden_stages), np.nan)
        entry = step, there / self.sizes, pruned, regrown, quantiles, unseen, unseen
        for name, value in zip(self.ENTRIES, entry, strict=True):
            getattr(self, name).append(value)
        self._before, self._unobserved = now, True

    def state(self) -> dict[str, np.ndarray]:
        """All of it as a dict of arrays."""
        if not self.steps:
            return {}
        out = {name: np.array(getattr(self, name)) for name in self.ENTRIES}
        dead = np.array(sorted(self.dead.items()), int).reshape(-1, 2)
        return out | {"dead": dead, "sizes": self.sizes, "before": np.packbits(self._before)}

    def restore(self, state: Mapping[str, np.ndarray], n_parameters: int) -> None:
        """Inverse of `state`; `ValueError`, and nothing changed, if that is none of a log.

        Parameters
        ----------
        state : dict of array
        n_parameters : int
            Size of a network's flat parameters.
        """
        self.adopt(self.checked(state, n_parameters))

    def checked(
        self, state: Mapping[str, np.ndarray], n_parameters: int, network: Network | None = None
    ) -> dict[str, Any]:
        """A state as it may be adopted: a dict of attributes."""
        state = _check.kind("dict")("state", state)
        n_parameters = _check.integer("n_parameters", n_parameters, at_least=0)
        names = {*self.ENTRIES, "dead", "sizes", "before"} if state else set()
        if set(state) != names:
            which = sorted(set(state) ^ names, key=str)[0]
            raise ValueError(f"state's log has too much or too little: {which!r}")
        if not state:
            return {name: [] for name in self.ENTRIES} | {
                "dead": {},
                "sizes": None,
                "_before": None,
            }
        found = {name: _check.as_array(f"state's log_{name}", x) for name, x in state.items()}
        n, layers = found["steps"].size, found["sizes"].size
        hidden = found["spikes"].shape[-1:]
        wanted = {
            "steps": ("iu", (n,)),
            "connectivity": ("f", (n, layers)),
            "sizes": ("iu", (layers,)),
            "pruned": ("iu", (n, layers)),
            "regrown": ("iu", (n, layers)),
            "quantiles": ("f", (n, layers, len(self.LEVELS))),
            "spikes": ("f", (n, *hidden)),
            "silent": ("f", (n, *hidden)),
            "dead": ("iu", (found["dead"].size // 2, 2)),
            "before": ("u", ((n_parameters + 7) // 8,)),
        }
        for name, (kinds, shape) in wanted.items():
            x = found[name]
            if x.dtype.kind not in kinds or x.shape != shape or (x < 0).any() & (kinds == "iu"):
                raise ValueError(f"state's log_{name} does not fit: {x.dtype} {x.shape}")
        if found["before"].dtype != np.uint8 or n == 0:
            raise ValueError("state's log_before does not fit")
        if network is not None and not np.array_equal(found["sizes"], n_weights(network)):
            raise ValueError("state's log_sizes are those of another network")
        out = {name: list(found[name].copy()) for name in self.ENTRIES}
        return out | {
            "steps": found["steps"].tolist(),
            "dead": dict(found["dead"].tolist()),
            "sizes": found["sizes"].copy(),
            "_before": np.unpackbits(found["before"], count=n_parameters).astype(bool),
        }

    def adopt(self, values: Mapping[str, Any]) -> None:
        """Take over what `checked` returned."""
        for name, x in values.items():
            setattr(self, name, x)
        self._unobserved = False
