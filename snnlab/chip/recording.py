"""Recorded traces: files of what a chip measured, and training from them.

A file holds one batch (``.npz``, without pickle). Axes are (sample, time, unit); spike trains are
three arrays as in `snnlab.SpikeTrains`.

===================== ========================= ==================================================
array                 shape, type               content
===================== ========================= ==================================================
format                int                       1
n_steps               int                       time steps
input_units           int                       input units
input_indptr          (samples + 1,) int        where each sample's input events begin and end
input_step, _unit     (events,) int             step and unit of each
v_0, v_1, ...         (samples, steps, units)   per spiking layer the potential that was compared
                      float32 or float64        with the threshold (rest 0, threshold 1)
spikes_0_indptr, ...  as for the inputs         per spiking layer its spikes
readout               (samples, steps, classes) potentials of the readout; absent where it spikes
kept_0, ... (maybe)   (units,) bool             per hidden layer which units took part (dropout)
weight_max (maybe)    (layers,) float           largest weight that can be written, per layer;
                                                infinite without a limit
===================== ========================= ==================================================

Somebody's own chip needs nothing else: write such files, one per training step in order, and train
with ``substrate=Recording(folder)``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab._files import DAMAGE, check_format, load_npz, save_npz
from snnlab.chip.fit import clip_weights
from snnlab.layers.constants import check_fixed
from snnlab.medium import Medium
from snnlab.signals import SpikeTrains
from snnlab.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from snnlab._types import PathLike, Signals
    from snnlab.chip.substrate import Substrate
    from snnlab.network import Network

FORMAT = 1


def save_trace(path: PathLike, trace: Trace, weight_max: Sequence[float] | None = None) -> None:
    """Write a trace whose inputs are spikes to a file, whole or not at all.

    Parameters
    ----------
    path : path
    trace : Trace
        With its potentials (``potentials=True``).
    weight_max : sequence of float, optional
        Largest weight that can be written, per layer; infinite without a limit.

    Raises
    ------
    TypeError, ValueError
        Something else than a trace, inputs that are no spikes, a trace without potentials, limits
        that are not above 0 or not one per layer.
    """
    if not isinstance(trace, Trace):
        raise TypeError(f"trace must be a Trace, not {type(trace).__name__}")
    if any(record.kind == "transform" for record in trace.records):
        raise ValueError("trace must be of layers with neurons, to be recorded")
    if not isinstance(trace.inputs, SpikeTrains):
        raise TypeError("trace must have spikes as inputs to be recorded")
    arrays = {
        "format": np.array(FORMAT),
        "n_steps": np.array(trace.inputs.n_steps),
        "input_units": np.array(trace.inputs.n_units),
    }
    arrays |= _events("input", trace.inputs)
    for k, (v, train) in enumerate(zip(trace.v, trace.spikes, strict=False)):
        arrays[f"v_{k}"] = np.ascontiguousarray(v)
        arrays |= _events(f"spikes_{k}", train)
    if not trace.spiking_readout:
        arrays["readout"] = trace.readout
    arrays |= {f"kept_{k}": mask for k, mask in enumerate(trace.dropout) if mask is not None}
    if weight_max is not None:
        arrays["weight_max"] = _limits(weight_max, trace)
    save_npz(path, arrays)


def load_trace(path: PathLike) -> tuple[Trace, np.ndarray | None]:
    """Read what `save_trace`, or somebody's own chip, wrote.

    Returns
    -------
    trace : Trace
    weight_max : array (n_layers,) or None

    Raises
    ------
    ValueError
        Arrays that are missing, of the wrong shape, or not finite; the message names file and
        array.
    """
    arrays = load_npz(path)
    try:
        check_format({"format": arrays["format"][()]}, FORMAT)
        n_steps, n_units = (
            _check.integer(name, arrays[name][()], at_least=1)
            for name in ("n_steps", "input_units")
        )
        inputs = _trains("input", arrays, n_steps, n_units)
        n_layers = sum(name.startswith("v_") for name in arrays)
        v = [arrays[f"v_{k}"] for k in range(n_layers)]
        for k, x in enumerate(v):
            if x.ndim != 3:
                raise ValueError(f"v_{k} must have shape (sample, time, unit), got {x.shape}")
        spikes = [_trains(f"spikes_{k}", arrays, n_steps, x.shape[2]) for k, x in enumerate(v)]
        readout = arrays.get("readout")
        hidden = n_layers - (readout is None)
        kept = [arrays.get(f"kept_{k}") for k in range(hidden)]
        trace = Trace.measured(inputs, v, spikes, readout, kept)
        weight_max = arrays.get("weight_max")
        if weight_max is not None:
            weight_max = _limits(weight_max, trace)
    except KeyError as fault:
        raise ValueError(f"path {path} is no recorded trace: it holds no {fault.args[0]}") from None
    except DAMAGE as fault:
        raise ValueError(f"path {path} is no recorded trace: {fault}") from None
    return trace, weight_max


def _limits(weight_max, trace):
    """Largest weights, checked: (n_layers,), above 0, maybe infinite."""
    limits = _check.as_array("weight_max", weight_max)
    if limits.dtype.kind not in "iuf":
        raise TypeError(f"weight_max must hold numbers, not {limits.dtype}")
    n_layers = len(trace.spikes) + (not trace.spiking_readout)
    if limits.shape != (n_layers,):
        raise ValueError(f"weight_max must have shape ({n_layers},), got {limits.shape}")
    if not np.all(limits > 0):
        raise ValueError("weight_max must be above 0")
    return limits


def _events(name, train):
    """The three arrays of a train."""
    train = train.compact()
    return {
        f"{name}_indptr": train.indptr,
        f"{name}_step": train.step,
        f"{name}_unit": train.unit,
    }


def _trains(name, arrays, n_steps, n_units):
    """The train of these arrays."""
    parts = [arrays[f"{name}_{part}"] for part in ("indptr", "step", "unit")]
    try:
        return SpikeTrains(*parts, n_steps, n_units)
    except (TypeError, ValueError) as fault:
        raise ValueError(f"{name}_*: {fault}") from None


class Recorder(Medium):
    """A substrate that also writes every trace it measures to a folder.

    Parameters
    ----------
    substrate : Substrate
    folder : path
        Made if it is missing; must hold no recording yet.

    Attributes
    ----------
    n_recorded : int
        Files written so far.
    age : int
        The substrate's.
    """

    def __init__(self, substrate: Substrate, folder: PathLike) -> None:
        if not hasattr(substrate, "largest_weights"):
            raise TypeError(f"substrate must be a Substrate, not {substrate!r}")
        self.substrate, self.folder = substrate, _check.path("folder", folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as fault:
            raise ValueError(f"folder cannot be made: {fault}") from None
        if any(self.folder.glob("*.npz")):
            raise ValueError(f"folder {self.folder} already holds a recording")
        self.n_recorded = 0

    @property
    def age(self) -> int:
        """Runs of the substrate so far."""
        return self.substrate.age

    @age.setter
    def age(self, runs: int) -> None:
        """Restore what a checkpoint says."""
        self.substrate.age = runs

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
        """As the substrate's; batches measured without potentials are not recorded."""
        settings = {"potentials": potentials, "dropout": dropout, "out": out}
        trace = self.substrate.run(network, inputs, **settings)
        if potentials:
            path = self.folder / f"{self.n_recorded:06d}.npz"
            save_trace(path, trace, self.substrate.largest_weights(network))
            self.n_recorded += 1
        return trace

    def vanishing(self, network: Network) -> list[float]:
        """As the substrate's."""
        return self.substrate.vanishing(network)

    def effective_weights(self, network: Network) -> list[np.ndarray]:
        """As the substrate's."""
        return self.substrate.effective_weights(network)

    def clip(self, network: Network) -> None:
        """As the substrate's."""
        self.substrate.clip(network)

    def __repr__(self):
        return f"Recorder({self.substrate!r})"


class Recording(Medium):
    """Recorded traces in place of a substrate: `snnlab.train` reads one file per step, in order.

    Training must be as it was when they were recorded, but without ``validation``, of which
    nothing is recorded.

    Parameters
    ----------
    folder : path
        Its ``.npz`` files are taken in the order of their names.

    Attributes
    ----------
    age : int
        Files read so far.

    Raises
    ------
    ValueError
        If there are none.
    """

    can_evaluate = False

    def __init__(self, folder: PathLike) -> None:
        self.paths = sorted(_check.path("folder", folder).glob("*.npz"))
        if not self.paths:
            raise ValueError(f"folder {folder} holds no recorded traces (*.npz)")
        self.age, self._weight_max = 0, None

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
        """The next recorded trace, if it is one of these inputs and fits the network.

        Raises
        ------
        ValueError
            If it is not, or if there are no more.
        """
        if not _check.flag("potentials", potentials):
            raise ValueError("potentials must be kept: a recording holds training batches only")
        _check.network("network", network, needs="stages").check_inputs(inputs)
        check_fixed(network, "a recording")
        if self.age == len(self.paths):
            raise ValueError(f"the recording ends after {len(self.paths)} batches")
        path = self.paths[self.age]
        trace, weight_max = load_trace(path)
        if trace.inputs != inputs:
            raise ValueError(f"path {path} is of other inputs than batch {self.age + 1}")
        sizes = [v.shape[2] for v in trace.v]
        if sizes != list(network.sizes[1:]) or trace.spiking_readout != network.spiking_readout:
            raise ValueError(
                f"path {path} has layers of {sizes} units"
                f"{' that all spike' * trace.spiking_readout}, "
                f"the network {list(network.sizes[1:])}"
            )
        if any(v.dtype != network.dtype for v in trace.v):
            raise ValueError(f"path {path} must hold {network.dtype} potentials, as the network")
        given = _check.masks("dropout", dropout, sizes[:-1])
        masks = zip(trace.dropout, given, sizes[:-1], strict=True)
        if any(not np.array_equal(_mask(a, n), _mask(b, n)) for a, b, n in masks):
            raise ValueError(f"path {path} was recorded with other units left out (dropout)")
        self.age, self._weight_max = self.age + 1, weight_max
        return trace

    def clip(self, network: Network) -> None:
        """Hold weights within what could be written, if the recording says so."""
        if self._weight_max is not None:
            clip_weights(network, self._weight_max)

    def __repr__(self):
        return f"Recording({len(self.paths)} batches)"


def _mask(kept, n):
    """A layer's mask; without one all of its units took part."""
    return np.ones(n, bool) if kept is None else kept
