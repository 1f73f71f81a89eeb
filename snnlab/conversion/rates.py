"""What a converted network says as time goes by: its accuracy, its spikes, its rates."""

from __future__ import annotations

from collections import namedtuple
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab.conversion.ceilings import check_ann, check_samples
from snnlab.currents import ConstantCurrent, Values
from snnlab.kernels.lif import BLOCK

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from snnlab._types import Signals
    from snnlab.network import Network
    from snnlab.record import Record

BATCH = 100  # samples that are run at once

ByStep = namedtuple("ByStep", "accuracy hidden_spikes")
ByStep.__doc__ = (
    "Accuracy, and mean spikes of all hidden neurons in a sample, if a network is stopped after "
    "1, 2, ... steps: arrays (n_steps,)."
)


def by_step(
    network: Network, inputs: Signals, labels: ArrayLike, *, batch_size: int = BATCH
) -> ByStep:
    """Accuracy and spikes if a network is stopped after one step, after two, and so on.

    It is run once: nothing in a step depends on how many follow. What the readout said up to a step
    is added up, as with ``loss="sum_over_time"``.

    Parameters
    ----------
    network : Network
    inputs : ConstantCurrent, SpikeTrains or Values
    labels : array of int (n_samples,)
    batch_size : int

    Returns
    -------
    ByStep
    """
    _check.network("network", network, needs="stages")
    network.check_inputs(inputs)
    labels = _check.labels("labels", labels, len(inputs), network.sizes[-1])
    size = _check.integer("batch_size", batch_size, 1)
    if len(inputs) == 0:
        raise ValueError("inputs must hold at least one sample")
    right, spikes, trace = np.zeros(network.n_steps), np.zeros(network.n_steps), None
    for lo in range(0, len(inputs), size):
        trace = network.forward(inputs[lo : lo + size], potentials=False, out=trace)
        said = np.cumsum(trace.readout, axis=1, dtype=np.float64).argmax(axis=2)
        right += (said == labels[lo : lo + size, None]).sum(axis=0)
        for record in trace.hidden_records:
            spikes += _spikes_by_step(record, network.n_steps)
    return ByStep(right / len(inputs), np.cumsum(spikes) / len(inputs))


def _spikes_by_step(record: Record, n_steps):
    """Spikes of a layer in each step, of all samples."""
    if record.bits is None or record.lists_events:
        return np.bincount(record.spikes.compact().step, minlength=n_steps)
    bits = record.bits[:, :, : record.n]
    by_bit = [((bits >> q) & 1).sum(axis=(0, 2), dtype=np.int64) for q in range(BLOCK)]
    return np.stack(by_bit, axis=1).ravel()[:n_steps]


def rate_errors(
    converted: Network, network: Network, inputs: Signals | ArrayLike
) -> list[np.ndarray]:
    """How far rates are from activations, layer by layer and step by step.

    Parameters
    ----------
    converted : Network
        What `convert` made of ``network``.
    network : Network
    inputs : ConstantCurrent, Values or array (n_samples, n_in)
        As for ``network``, some dozens of samples.

    Returns
    -------
    list of array (n_steps,)
        Per layer that spikes, ``|spikes / steps * threshold - activation| / |activation|``, both
        norms taken over all units and samples.
    """
    inputs = check_samples("inputs", inputs, check_ann("network", network))
    _check.network("converted", converted, needs="stages")
    firing = [k for k, stage in enumerate(converted.stages) if stage.fires]
    rates = [k for k, stage in enumerate(network.stages) if stage.rates]
    if firing != rates or converted.sizes != network.sizes:
        raise ValueError("converted must be what convert made of network")
    x = inputs.values(0, len(inputs), network.dtype)
    long = ConstantCurrent(x[:, 0], converted.n_steps)
    if isinstance(inputs, Values):
        long = Values(np.repeat(x, converted.n_steps, axis=1))
    said, spikes = network.forward(inputs), converted.forward(long, potentials=False)
    steps, out = np.arange(1, converted.n_steps + 1)[:, None], []
    for k in firing:
        target = said.records[k].values[:, 0]
        z = spikes.records[k].spikes.to_dense()
        rate = np.cumsum(z, axis=1) / steps * np.float32(converted.stages[k].model.v_th)
        away = np.sqrt(np.square(rate - target[:, None]).sum(axis=(0, 2), dtype=np.float64))
        out.append(away / max(np.linalg.norm(target), np.finfo(float).tiny))
    return out
