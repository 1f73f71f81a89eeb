"""What a batch, run forward and backward, says of a network: a report of measurements."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab.currents import ConstantCurrent, Values
from snnlab.layers import Conv
from snnlab.layers.known import check_known, check_neurons_known
from snnlab.learning import losses
from snnlab.learning.softmax import softmax
from snnlab.medium import IDEAL
from snnlab.network import Network
from snnlab.reports.clinic import checks
from snnlab.reports.clinic.remedies import DETACH, reach, weights_of
from snnlab.signals import SpikeTrains

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike

    from snnlab._types import Loss, Signals
    from snnlab.reports.clinic.checks import Finding


@dataclass(frozen=True)
class Layer:
    """What one layer did in the batch.

    Attributes
    ----------
    name : str
        "hidden layer 0" (that of ``network.weights[0]``), ..., "readout".
    neuron : LIF or LeakyIntegrator
    counts : array of int (sample, unit), or None
        Spikes; None where the layer does not spike.
    most : array of int (unit,)
        Spikes a unit can make in a sample, its refractory time considered.
    heard : float
        Mean spikes per sample of its inputs, where they are active; a current counts every step.
    reach : array (unit,), or None
        Share of samples that bring the surrogate's slope to ``NEAR`` of its maximum in some step.
    at_limit : float
        Share of weights at the limit or beyond.
    finite : bool
        Whether all weights and potentials are.
    channels : int or None
        Of a convolution. Where images are empty its units never spike, as they should: it is the
        channels that must be alive.
    """

    name: str
    neuron: object
    counts: np.ndarray | None
    most: np.ndarray
    heard: float
    reach: np.ndarray | None
    at_limit: float
    finite: bool
    channels: int | None = None

    @property
    def rates(self) -> np.ndarray:
        """Mean spikes per sample, (unit,)."""
        return self.counts.mean(axis=0)

    @property
    def dead(self) -> np.ndarray:
        """Units that never spike, bool (unit,)."""
        return ~self.counts.any(axis=0)

    @property
    def idle(self) -> np.ndarray:
        """`dead`; of a convolution the channels of which no unit spikes, bool (channel,)."""
        return self.dead if self.channels is None else self.dead.reshape(-1, self.channels).all(0)

    @property
    def saturated(self) -> np.ndarray:
        """Units that spike nearly as often as they can, bool (unit,)."""
        return self.rates >= checks.SATURATED * self.most

    @property
    def mean_reach(self) -> float:
        """Mean of `reach` over the units that spike, but not nearly always; NaN without any."""
        if self.counts is None:
            return np.nan
        alive = ~(self.dead | self.saturated)
        return self.reach[alive].mean() if alive.any() else np.nan

    @property
    def bursting(self) -> np.ndarray:
        """Units with many spikes where they respond, but not everywhere, bool (unit,)."""
        responses = np.maximum((self.counts > 0).sum(axis=0), 1)
        return (self.counts.sum(axis=0) / responses > checks.BURST * self.heard) & ~self.saturated


@dataclass(frozen=True)
class Report:
    """What `examine` measured, and what it means.

    Attributes
    ----------
    sizes : tuple of int
    dt : float
        Step in seconds.
    layers : list of Layer
        The readout last.
    input_counts : array of int (sample,)
        Input spikes; active inputs times steps for a current.
    arrivals : array (time,)
        Input spikes of the whole batch per step.
    gradient : array (layer, time)
        Norm over samples and units of the adjoint synaptic current; NaN if there is none.
    reset_growth : array (layer,)
        Norm of that current per norm without the gradient's path through the reset.
    scores : array (sample, class)
    labels : array of int (sample,)
    loss : callable
    """

    sizes: tuple
    dt: float
    layers: list
    input_counts: np.ndarray
    arrivals: np.ndarray
    gradient: np.ndarray
    reset_growth: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    loss: object

    @property
    def hidden(self) -> tuple:
        """The hidden layers."""
        return self.layers[:-1]

    @property
    def hidden_counts(self) -> np.ndarray:
        """Spikes per sample in all hidden layers, (sample,)."""
        none = np.zeros(len(self.labels), np.int64)
        return sum((layer.counts.sum(axis=1) for layer in self.hidden), none)

    @property
    def silent(self) -> np.ndarray:
        """Samples without a spike in the last hidden layer, bool (sample,): nothing to read out."""
        last = self.hidden[-1].counts if self.hidden else self.input_counts[:, None]
        return ~last.any(axis=1)

    @property
    def sure_and_wrong(self) -> float:
        """Share of samples that are wrong with a probability of `SURE` or more."""
        p = softmax(self.scores)
        sure = p.max(axis=1) >= checks.SURE
        return (sure & (p.argmax(axis=1) != self.labels)).mean()

    @property
    def accuracy(self) -> float:
        """Share of samples that are right."""
        return (self.scores.argmax(axis=1) == self.labels).mean()

    def signs(self) -> list[tuple[str, list, str]]:
        """The measurements that most diagnoses rest on, as rows of a table.

        Returns
        -------
        list of (str, list, str)
            What is measured; its value per layer, readout last, NaN where it does not apply, or one
            value of the whole network; from where on a network is sick.
        """
        spiking = [layer for layer in self.layers if layer.counts is not None]
        none = [np.nan] * (len(self.layers) - len(spiking))

        def share(what, name, limit, word="from"):
            values = [100 * np.mean(getattr(layer, name)) for layer in spiking] + none
            return f"{what} (%)", values, f"{word} {100 * limit:g}"

        def of_all(what, values, limit):
            return f"{what} (%)", [100 * values.mean()], f"from {100 * limit:g}"

        growth = "growth of gradients through resets (×)"
        return [
            share("units that never spike", "idle", checks.DEAD),
            share("units that spike nearly always", "saturated", checks.SATURATED_UNITS),
            share("units in bursts", "bursting", checks.BURSTING_UNITS),
            share("samples in the surrogate's reach", "mean_reach", checks.NARROW, "below"),
            (growth, list(self.reset_growth), f"from {checks.RESET_GROWTH:g}"),
            of_all("silent samples", self.silent, checks.SILENT_SAMPLES),
            of_all("samples wrong, and sure of it", self.sure_and_wrong, checks.SURE_AND_WRONG),
        ]

    @property
    def summary(self) -> str:
        """The network, its accuracy and the number of findings in one line."""
        n = len(self.findings)
        right = 100 * self.accuracy
        return (
            f"{'-'.join(map(str, self.sizes))} on {len(self.labels)} samples, {right:.1f} % right, "
            f"{self.hidden_counts.mean():.1f} hidden spikes per sample: "
            + (f"{n} finding{'s, worst first' if n > 1 else ''}." if n else "nothing found.")
        )

    @cached_property
    def findings(self) -> list[Finding]:
        """List of `Finding`, worst first; none after a critical one, which may have caused it."""
        found = []
        for check in checks.CHECKS:
            found += check(self)
            if any(finding.severity == "critical" for finding in found):
                break
        return sorted(found, key=lambda finding: checks.SEVERITIES.index(finding.severity))

    def treat(self, network: Network, inputs: Signals) -> tuple[Network, dict[str, Any]]:
        """Treat the worst finding that code can treat; as `Finding.treat`."""
        for finding in self.findings:
            if finding.remedy.cure is not None:
                return finding.treat(network, inputs)
        raise ValueError("the report has no finding that code can treat")

    def __str__(self):
        lines = [self.summary]
        for k, finding in enumerate(self.findings, 1):
            lines.append(f"{k}. {finding.name} ({finding.severity})")
            for text in (finding.measured, f"Remedy: {finding.remedy.words}"):
                lines += textwrap.wrap(text, 96, initial_indent="   ", subsequent_indent="   ")
        if any(finding.severity == "critical" for finding in self.findings):
            lines.append("Treat it and examine again: it may hide more.")
        return "\n".join(lines)


def examine(
    network: Network,
    inputs: Signals,
    labels: ArrayLike,
    *,
    loss: Loss = "max_over_time",
    weight_limit: float | None = None,
) -> Report:
    """Run a batch forward and backward, and look for reasons not to learn.

    Parameters
    ----------
    network : Network
        Of layers that this package brings. Before, during or after training; it is not changed.
    inputs : SpikeTrains or ConstantCurrent
        A few hundred samples of all classes: with few, many units are idle by chance.
    labels : array of int (n_samples,)
    loss : str or callable
        As in `snnlab.train`.
    weight_limit : float, optional
        Largest absolute weight that the substrate or the training allows.

    Returns
    -------
    Report

    Raises
    ------
    TypeError, ValueError
        Bad arguments; the message names the argument.
    """
    if not isinstance(network, Network):
        raise TypeError(f"network must be a Network, not {type(network).__name__}")
    check_known(network, "the clinic")
    check_neurons_known(network, "the clinic")
    network.check_inputs(inputs)
    if isinstance(inputs, Values):
        raise TypeError("inputs must be SpikeTrains or ConstantCurrent, not Values")
    labels = _check.labels("labels", labels, len(inputs), network.sizes[-1])
    loss = losses.of_samples("loss", loss)
    losses.check_readable(loss, network)
    losses.check_deadlines(loss, network.n_steps)
    losses.check_targets(loss, "labels", labels, len(inputs), network.sizes[-1])
    limit = np.inf if weight_limit is None else _check.number("weight_limit", weight_limit, above=0)

    heard, arrivals = _active(inputs), _arrivals(inputs)
    with np.errstate(all="ignore"):  # what is not finite is found, not warned of
        trace = IDEAL.run(network, inputs)  # which takes weights that are not finite
        layers = _layers(network, trace, limit)
        gradient = np.full((len(layers), network.n_steps), np.nan)
        reset_growth = np.ones(len(layers))
        if all(layer.finite for layer in layers):
            _, g_readout = loss(trace.readout, labels)
            gradient = _gradient_norms(network, trace, g_readout)
            reset_growth = _reset_growth(network, trace, g_readout, gradient)
        scores = losses.scores_of(loss)(trace.readout).astype(np.float64)
    measured = heard.sum(axis=1), arrivals, gradient, reset_growth, scores
    return Report(network.sizes, network.dt, layers, *measured, labels, loss)


def _active(signal):
    """Spikes per sample and unit, or the steps in which it is not 0: (sample, unit)."""
    if isinstance(signal, SpikeTrains):
        return signal.unit_counts()
    if isinstance(signal, ConstantCurrent):
        return (signal.x != 0) * signal.n_steps
    return (signal.x != 0).sum(axis=1)


def _arrivals(inputs):
    """Spikes per step, (time,)."""
    if isinstance(inputs, ConstantCurrent):
        n_steps = inputs.n_steps
        return np.full(n_steps, float((inputs.x != 0).sum()))
    return np.bincount(inputs.compact().step, minlength=inputs.n_steps)


def _layers(network, trace, limit):
    """What each layer of neurons did, a list of `Layer`."""
    layers, n = [], len(network.neurons)
    for stage, record in zip(network.stages, trace.records, strict=True):
        if stage.neuron is None:
            continue
        heard, v = _active(trace.signal_of(stage.source)), record.v
        w = np.concatenate([x.ravel() for x in weights_of(network, len(layers))])
        all_of = np.concatenate([b.of(network.parameters).ravel() for b in stage.blocks.values()])
        layers.append(
            Layer(
                name=f"hidden layer {len(layers)}" if len(layers) < n - 1 else "readout",
                neuron=stage.model,
                counts=record.spikes.unit_counts() if stage.fires else None,
                most=-(-network.n_steps // (1 + stage.hold[: stage.n])),
                heard=float(heard.sum() / max((heard > 0).sum(), 1)),
                reach=reach(v, stage.model) if stage.fires else None,
                at_limit=float((abs(w) >= limit).mean()),
                finite=bool(np.isfinite(all_of).all() and np.isfinite(v).all()),
                channels=stage.shape_out[2] if isinstance(stage.layer, Conv) else None,
            )
        )
    return layers


def _reset_growth(network, trace, g_readout, gradient):
    """Norms per layer, by those without the gradient's path through the reset in the same trace."""
    if all(getattr(neuron, "detach_reset", True) for neuron in network.neurons):
        return np.ones(len(gradient))
    detached, _ = DETACH.cure(network, None)
    norm = np.linalg.norm(_gradient_norms(detached, trace, g_readout), axis=1)
    return np.linalg.norm(gradient, axis=1) / np.where(norm > 0, norm, 1)


def _gradient_norms(network, trace, g_readout):
    """Norm over samples and units of the adjoint currents, (layer, time)."""
    _, adjoints = network.backward(trace, g_readout, adjoints=True)
    return np.array([np.sqrt(np.square(g, dtype=np.float64).sum(axis=(0, 2))) for g in adjoints])
