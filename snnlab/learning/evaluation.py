"""What a network makes of samples: scores, accuracy, spikes."""

from __future__ import annotations

from collections import namedtuple
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab.currents import ConstantCurrent, Values
from snnlab.learning import silence
from snnlab.learning.losses import (
    agreement,
    check_readable,
    check_targets,
    resolve,
    scored,
)
from snnlab.learning.settings import check_medium, check_samples
from snnlab.parameters import check_weights
from snnlab.signals import SpikeTrains

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from snnlab._types import Inputs, Loss, Seed
    from snnlab.medium import Medium
    from snnlab.network import Network

__all__ = ["Evaluation", "evaluate", "predict_scores"]

Evaluation = namedtuple("Evaluation", "accuracy hidden_spikes predictions")
Evaluation.__doc__ = (
    "Accuracy, mean hidden spikes per sample, predicted labels (n_samples,), or those of each step."
)


def predict_scores(
    network: Network,
    inputs: Inputs,
    *,
    loss: Loss = "max_over_time",
    batch_size: int = 500,
    rng: Seed = 0,
    substrate: Medium | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Class scores and hidden spikes of each sample.

    Parameters
    ----------
    network : Network
    inputs : SpikeTrains, ConstantCurrent, Values or stream
        A stream is an object with a length and ``batch(indices, rng)``.
    loss : str or callable
        Decides how scores are read from the readout (`snnlab.losses`).
    batch_size : int
    rng : numpy.random.Generator or int
        For a stream.
    substrate : Substrate, optional
        Chip on which the network is run (`snnlab.substrate`); simulated as it is by default.

    Returns
    -------
    scores : array (n_samples, n_classes)
        Of losses of every step (n_samples, n_steps, n_classes).
    hidden_spikes : array of int (n_samples,)
        In all hidden layers together.
    """
    _check.network("network", network)
    return _predicted(network, inputs, resolve(loss), None, batch_size, rng, substrate)


def _predicted(network, inputs, loss, targets, batch_size, rng, substrate):
    """Scores and hidden spikes; targets, if they are known, may say which steps count."""
    batch_size = _check.integer("batch_size", batch_size, at_least=1)
    rng = _check.generator("rng", rng)
    check_medium("substrate", substrate)
    check_samples("inputs", network, inputs)
    check_weights(network)
    check_readable(loss, network)
    silence.check_hearing(network, inputs)
    silence.check_writing(network, substrate)
    on = {} if substrate is None else {"on": substrate}
    scores, counts, trace = [], [], None
    for first in range(0, len(inputs), batch_size):
        some = slice(first, min(first + batch_size, len(inputs)))
        trace = network.forward(batch_of(inputs, some, rng), **on, potentials=False, out=trace)
        known = None if targets is None else targets[some]
        scores.append(_checked_scores(loss, trace.readout, known))
        counts.append(trace.hidden_counts())
    return np.concatenate(scores), np.concatenate(counts)


def _checked_scores(loss, readout, targets):
    """A batch's scores as a copy: one per class, numbers that can be compared."""
    shape = readout.shape if getattr(loss, "per_step", False) else readout[:, 0].shape
    try:
        with np.errstate(over="ignore"):  # it is heard here
            scores = _check.as_array("scores of loss", scored(loss, readout, targets)).copy()
        finite = scores.dtype.kind not in "iuf" or np.isfinite(scores).all()
    except _check.NotFinite:
        finite = False
    if not finite:
        raise _check.NotFinite(
            "scores are not finite: potentials of the readout overflow (are inputs, or weights of "
            "the network, too large?)"
        )
    if scores.shape != shape or scores.dtype.kind not in "iuf":
        raise ValueError(
            f"scores of loss must be numbers (sample, class), {shape}, got {scores.dtype} "
            f"{scores.shape}"
        )
    return scores


def evaluate(
    network: Network,
    inputs: Inputs,
    labels: ArrayLike,
    *,
    loss: Loss = "max_over_time",
    batch_size: int = 500,
    rng: Seed = 0,
    substrate: Medium | None = None,
) -> Evaluation:
    """Accuracy, mean hidden spikes per sample and predictions; parameters as `predict_scores`.

    Returns
    -------
    Evaluation
    """
    _check.network("network", network)
    n_samples = check_samples("inputs", network, inputs)
    loss = resolve(loss)
    sizes = n_samples, network.sizes[-1], network.n_steps
    labels = check_targets(loss, "labels", labels, *sizes)
    known = labels if hasattr(loss, "scores_for") else None
    scores, counts = _predicted(network, inputs, loss, known, batch_size, rng, substrate)
    predictions = scores if getattr(loss, "of_values", False) else scores.argmax(axis=-1)
    return Evaluation(agreement(loss, scores, labels), float(counts.mean()), predictions)


def batch_of(inputs, index, rng):
    """Samples of trains, currents or a stream; ``index`` is an array or a slice of positions."""
    if isinstance(inputs, SpikeTrains | ConstantCurrent | Values):
        return inputs[index]
    return inputs.batch(np.r_[index], rng)
