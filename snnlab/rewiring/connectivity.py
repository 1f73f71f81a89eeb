"""Synapses: which of a network's weights are not zero, and a log of how that changes.

On a chip there may be fewer: those below half a level are gone. The rules that change synapses are
in `snnlab.rewiring`, which has most of these names too.
"""

from collections import namedtuple
from dataclasses import dataclass, field

import numpy as np

SAMPLE = 10_000  # strengths per layer from which a log's quantiles are taken

Connectivity = namedtuple("Connectivity", "overall layers")
Connectivity.__doc__ = "Share of the weights that are not zero, in all and per layer."


def masks(network, substrate=None):
    """Which weights are not zero: a list of arrays of bool (n_in, n_out), one per layer.

    Parameters
    ----------
    network : Network
    substrate : Substrate, optional
        As seen by this chip: a weight is gone if it is rounded to level 0, and there if its synapse
        is stuck at another.
    """
    if substrate is None:
        return [w != 0 for w in network.weights]
    _check_chip(substrate)
    return [w != 0 for w in substrate.effective_weights(network)]


def connectivity(network, substrate=None):
    """Share of the weights that are not zero.

    Parameters
    ----------
    network : Network
    substrate : Substrate, optional
        As in `masks`.

    Returns
    -------
    Connectivity
        ``overall`` (float) and ``layers`` (array, one value per layer of weights).
    """
    n = np.array([np.count_nonzero(mask) for mask in masks(network, substrate)])
    sizes = n_weights(network)
    return Connectivity(float(n.sum() / sizes.sum()), n / sizes)


def _check_chip(substrate):
    if not hasattr(substrate, "effective_weights"):
        raise TypeError(f"substrate must be a Substrate, not {type(substrate).__name__}")


def compact(network):
    """A smaller network with the same readout: without the hidden units that play no part.

    A unit without inputs never spikes, and one without outputs is not heard. At least one unit of
    each hidden layer is left. Inputs and classes stay as they are.

    Parameters
    ----------
    network : Network

    Returns
    -------
    Network
        A new one. Its readout is bit-identical for spikes as input, and equal to rounding for a
        `ConstantCurrent`. There may be fewer hidden spikes: those that nothing heard.
    """
    part = units_in_use(network)
    for units in part[1:-1]:
        units[0] |= not units.any()
    neurons = [
        _of_units(model, units) for model, units in zip(network.neurons, part[1:], strict=True)
    ]
    weights = [w[np.ix_(*part[k : k + 2])] for k, w in enumerate(network.weights)]
    sizes = [int(units.sum()) for units in part]
    return network.replace(layers=sizes, neurons=neurons, weights=weights)


def _of_units(model, units):
    """A neuron model of some units: values per neuron lose those of the others."""
    values = {name: x for name, x in model.to_dict().items() if isinstance(x, tuple)}
    return model.replace(**{name: tuple(np.array(x)[units]) for name, x in values.items()})


def units_in_use(network, unheard=False):
    """Which units play a part: those with inputs that lead to the readout.

    Parameters
    ----------
    network : Network
    unheard : bool
        Also those that lead nowhere.

    Returns
    -------
    list of array of bool (n,)
        Per layer of units. All inputs and classes are in use.
    """
    alive, part = masks(network), [np.ones(n, bool) for n in network.sizes]
    changed = True
    while changed:  # a unit's end may leave others without input or output
        changed = False
        for k in range(1, len(part) - 1):
            now = part[k] & alive[k - 1][part[k - 1]].any(axis=0)
            if not unheard:
                now &= alive[k][:, part[k + 1]].any(axis=1)
            changed |= bool((now != part[k]).any())
            part[k] = now
    return part


# layout ------------------------------------------------------------------------------------------


def n_weights(network):
    """Weights per layer, array of int."""
    return np.array([w.size for w in network.weights])


def n_active(network):
    """Weights per layer that are not zero, array of int."""
    return np.array([np.count_nonzero(w) for w in network.weights])


def views(network, flat):
    """Per block of weights a view (n_in, n_out) of a flat array laid out as the parameters."""
    return [block.of(flat) for block in network.weight_blocks]


# the log ------------------------------------------------------------------------------------------


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
    _before: np.ndarray | None = None
    _unobserved: bool = False  # whether the last entry still waits for spikes

    def __len__(self):
        return len(self.steps)

    def overall(self):
        """Connectivity of the whole network at each entry, array (entry,)."""
        return np.array(self.connectivity) @ self.sizes / self.sizes.sum()

    def observe(self, step):
        """Note a batch's spikes: ``train(..., callback=rule.log.observe)``.

        Parameters
        ----------
        step : Step
            Nothing is done unless there is a new entry.

        Notes
        -----
        A checkpoint is written before the callback: a resumed run has NaN in its entry.
        """
        if self._unobserved:
            counts = [train.unit_counts() for train in step.trace.hidden]
            self.spikes[-1] = np.array([n.sum(axis=1).mean() for n in counts])
            self.silent[-1] = np.array([(n.sum(axis=0) == 0).mean() for n in counts])
            self._unobserved = False

    def add(self, step, network, strengths):
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

    def state(self):
        """All of it as a dict of arrays."""
        if not self.steps:
            return {}
        out = {name: np.array(getattr(self, name)) for name in self.ENTRIES}
        dead = np.array(sorted(self.dead.items()), int).reshape(-1, 2)
        return out | {"dead": dead, "sizes": self.sizes, "before": np.packbits(self._before)}

    def restore(self, state, n_parameters):
        """Inverse of `state`."""
        for name in self.ENTRIES:
            setattr(self, name, list(state[name]) if name in state else [])
        self.steps = [int(step) for step in self.steps]
        self.dead = {int(k): int(step) for k, step in state.get("dead", ())}
        self.sizes = state.get("sizes")
        self._before = None
        if "before" in state:
            self._before = np.unpackbits(state["before"], count=n_parameters).astype(bool)
