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
weight_max (maybe)    (layers,) float           largest weight that can be written, per layer
===================== ========================= ==================================================

Somebody's own chip needs nothing else: write such files, one per training step in order, and train
with ``substrate=Recording(folder)``.
"""

from pathlib import Path

import numpy as np

from snnlab import _check
from snnlab._files import load_npz, save_npz
from snnlab.network import Trace
from snnlab.spikes import SpikeTrains
from snnlab.substrate import clip_weights

FORMAT = 1


def save_trace(path, trace, weight_max=None):
    """Write a trace whose inputs are spikes to a file, whole or not at all.

    Parameters
    ----------
    path : path
    trace : Trace
        With its potentials (``keep=True``).
    weight_max : sequence of float, optional
        Per layer.
    """
    if not isinstance(trace, Trace):
        raise TypeError(f"trace must be a Trace, not {type(trace).__name__}")
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
    arrays |= {f"kept_{k}": mask for k, mask in enumerate(trace.kept) if mask is not None}
    if weight_max is not None:
        arrays["weight_max"] = np.asarray(weight_max, float)
    save_npz(path, arrays)


def load_trace(path):
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
        if int(arrays["format"]) > FORMAT:
            raise ValueError(f"format {int(arrays['format'])} is newer than this version reads")
        n_steps = int(arrays["n_steps"])
        inputs = _trains("input", arrays, n_steps, int(arrays["input_units"]))
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
    except KeyError as fault:
        raise ValueError(f"{path} is no recorded trace: it holds no {fault.args[0]}") from None
    except (TypeError, ValueError) as fault:
        raise ValueError(f"{path} is no recorded trace: {fault}") from None
    return trace, arrays.get("weight_max")


def _events(name, train):
    train = train.compact()
    return {
        f"{name}_indptr": train.indptr, f"{name}_step": train.step, f"{name}_unit": train.unit,
    }  # fmt: skip


def _trains(name, arrays, n_steps, n_units):
    parts = (arrays[f"{name}_{part}"] for part in ("indptr", "step", "unit"))
    return SpikeTrains(*parts, n_steps, n_units)


class Recorder:
    """A substrate that also writes every trace it measures to a folder.

    Parameters
    ----------
    substrate : Substrate
    folder : path
        Made if it is missing; must hold no recording yet.
    """

    def __init__(self, substrate, folder):
        self.substrate, self.folder = substrate, Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        if any(self.folder.glob("*.npz")):
            raise ValueError(f"folder {self.folder} already holds a recording")
        self.n_recorded = 0

    def measure(self, network, inputs, *, keep=True, kept=None, out=None):
        """As the substrate's; batches measured without potentials are not recorded."""
        trace = self.substrate.measure(network, inputs, keep=keep, kept=kept, out=out)
        if keep:
            path = self.folder / f"{self.n_recorded:06d}.npz"
            save_trace(path, trace, self.substrate.largest_weights(network))
            self.n_recorded += 1
        return trace

    def clip(self, network):
        """As the substrate's."""
        self.substrate.clip(network)

    def __repr__(self):
        return f"Recorder({self.substrate!r})"


class Recording:
    """Recorded traces in place of a substrate: `snnlab.train` reads one file per step, in order.

    Parameters
    ----------
    folder : path
        Its ``.npz`` files are taken in the order of their names.

    Attributes
    ----------
    age : int
        Files read so far.
    """

    def __init__(self, folder):
        self.paths = sorted(Path(folder).glob("*.npz"))
        if not self.paths:
            raise ValueError(f"folder {folder} holds no recorded traces (*.npz)")
        self.age, self._weight_max = 0, None

    def measure(self, network, inputs, *, keep=True, kept=None, out=None):
        """The next recorded trace, if it is one of these inputs and fits the network.

        Raises
        ------
        ValueError
            If it is not, or if there are no more.
        """
        if not keep:
            raise ValueError("a recording holds training batches only: evaluate without it")
        if self.age == len(self.paths):
            raise ValueError(f"the recording ends after {len(self.paths)} batches")
        path = self.paths[self.age]
        trace, self._weight_max = load_trace(path)
        if trace.inputs != inputs:
            raise ValueError(f"{path} is of other inputs than batch {self.age + 1}")
        sizes = [train.n_units for train in trace.spikes]
        sizes = sizes if trace.spiking_readout else [*sizes, trace.readout.shape[2]]
        if sizes != list(network.sizes[1:]):
            raise ValueError(f"{path} has layers of {sizes} units, the network {network.sizes[1:]}")
        given = [None] * len(trace.kept) if kept is None else kept
        if any(not _same(a, b) for a, b in zip(trace.kept, given, strict=True)):
            raise ValueError(f"{path} was recorded with other units left out (dropout)")
        self.age += 1
        return trace

    def clip(self, network):
        """Hold weights within what could be written, if the recording says so."""
        if self._weight_max is not None:
            largest = _check.array(
                "weight_max", np.nan_to_num(self._weight_max), float, (len(network.weights),)
            )
            clip_weights(network, largest)

    def __repr__(self):
        return f"Recording({len(self.paths)} batches)"


def _same(a, b):
    return (a is None) == (b is None) and (a is None or np.array_equal(a, b))
