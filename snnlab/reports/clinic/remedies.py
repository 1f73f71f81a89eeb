"""Remedies: one sentence each, and a function that carries it out where code can."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab._settings import fields_of
from snnlab.activity import scale_readout, scaled
from snnlab.blueprint import initial_spread
from snnlab.currents import ConstantCurrent
from snnlab.layers import Conv
from snnlab.learning.optim import Adam
from snnlab.learning.penalties import LowerBound
from snnlab.network import Network
from snnlab.neurons import LIF, LeakyIntegrator
from snnlab.surrogate import slope

if TYPE_CHECKING:
    from snnlab._types import Signals

ACTIVE = 0.5  # spikes per unit and sample to start with: some units answer, none all the time
NEAR = 0.1  # of the slope at threshold; measured: accuracy follows how often slopes are above it
HEARD = 0.3  # of thresholds: spread of the readouts' largest potentials; measured: 1 is too much
GENTLE = 0.35  # of a threshold; measured: best, also where a sample has 300 steps, tau 50
WIDE = 0.4  # share of samples that do, as it should be: SuperSpike's, steepness 10, 1 to 5 layers

Remedy = namedtuple("Remedy", "words cure", defaults=(None,))
Remedy.__doc__ = """A sentence, and a function that carries it out (None where code cannot).

``cure(network, inputs)`` may change the network; it returns one, and keywords for training.
"""


def reach(v, neuron):
    """Share of samples that bring a surrogate's slope to `NEAR` of its maximum in some step.

    Parameters
    ----------
    v : array (sample, time, unit)
    neuron : LIF

    Returns
    -------
    array (unit,)
    """
    h = slope(neuron.surrogate, v - np.asarray(neuron.v_th, v.dtype), neuron.steepness)
    highest = slope(neuron.surrogate, np.zeros_like(h[0, 0]), neuron.steepness)
    return (h >= NEAR * highest).any(axis=1).mean(axis=0)


def weights_of(network, k):
    """The weights of the k-th layer that has neurons: a list of views."""
    stage = network.neuron_stages[k]
    return [b.of(network.parameters) for b in stage.blocks.values() if b.prunable]


def _scale(network, inputs):
    """Half a spike per unit; in dense layers of the smallest, and as many in the others."""
    if _has_images(network):
        return network.scale_to_activity(inputs, rate=ACTIVE / network.n_steps)
    smallest = min((stage.n for stage in network.hidden_stages), default=1)
    return network.scale_to_activity(inputs, ACTIVE * smallest)


def _has_images(network):
    return any(isinstance(stage.layer, Conv) for stage in network.stages)


def _rescale(network, inputs):
    return _scale(network, inputs), {}


def _draw(network):
    rng = np.random.default_rng(0)
    for w in network.weights:
        w[...] = rng.normal(0, 1 / np.sqrt(len(w)), w.shape)


def _renew(network):
    """Blocks beside the weights as a new layer has them, of layers where some are not finite."""
    for stage in network.neuron_stages:
        blocks = {name: b for name, b in stage.blocks.items() if not b.prunable}
        if all(np.isfinite(b.of(network.parameters)).all() for b in blocks.values()):
            continue
        sd = initial_spread(None, stage.neuron)
        start = stage.layer.init(np.random.default_rng(0), stage.shape_in, sd)
        start = stage.layer.tuned(start, stage.neuron, network.n_steps)
        for name, block in blocks.items():
            block.of(network.parameters)[...] = start[name]


def _redraw(network, inputs):
    _renew(network)
    _draw(network)
    network = _scale(network, inputs) if network.hidden_stages else network
    return network, {"optimizer": Adam(lr=Adam().lr / 10)}


def gentle_rate(network: Network, inputs: Signals) -> float:
    """A learning rate of Adam, which moves every weight by it, so that no step upsets a neuron.

    A step then moves no potential of the first layer by more than `GENTLE` thresholds: with long
    time constants, long samples or many input spikes that takes far less than elsewhere.
    """
    first = _check.network("network", network, needs="shape_in").neurons[0]
    means = {name: np.mean(getattr(first, name)) for name in ("tau_mem", "gain")}
    if first.tau_syn is not None:
        means["tau_syn"] = np.mean(first.tau_syn)
    known = fields_of(first, LeakyIntegrator)
    model = LeakyIntegrator(**known | {k: float(abs(x)) for k, x in means.items()} | {"learn": ()})
    layers, n_steps = _one_unit(network), network.n_steps
    one = Network(layers, [], readout=model, n_steps=n_steps, rng=0, spread=0, dtype=network.dtype)
    one.weights[0][...] = 1
    if isinstance(inputs, ConstantCurrent):
        inputs = ConstantCurrent(np.abs(inputs.x), n_steps)
    top = one.forward(inputs).readout.max(axis=(1, 2)).mean()
    largest = float(np.mean(getattr(first, "v_th", 1.0))) * GENTLE / max(float(top), 1e-6)
    return float(f"{min(largest, Adam().lr):.2g}")


def _one_unit(network):
    """Layers up to the first one with neurons, which has one unit, or one of each patch."""
    layers = [network.shape_in]
    for stage in network.stages:
        if stage.neuron is not None:
            given, own = stage.layer, isinstance(stage.layer, Conv)
            one = Conv(1, given.kernel, given.stride, given.padding) if own else 1
            return (*layers, one)
        layers.append(stage.layer)


def _raise(network, inputs):
    """New weights: those that are there have been driven far away."""
    _draw(network)
    if network.hidden_stages:
        _scale(network, inputs)
    scale_readout(network, inputs, HEARD)
    return network, {"optimizer": Adam(lr=gentle_rate(network, inputs))}


def _revive(network, inputs):
    return network, {"penalties": [LowerBound(10.0, ACTIVE)]}


def _widen(network, inputs):
    trace, neurons = network.forward(inputs), list(network.neurons)
    for k, spikes in enumerate(trace.spikes):
        v, alive = trace.v[k], spikes.unit_counts().any(axis=0)
        low, high = -2.0, 4.0  # exponents of ten: the steeper a surrogate, the narrower
        for _ in range(12 if alive.any() else 0):
            middle = (low + high) / 2
            neurons[k] = neurons[k].replace(steepness=float(f"{10**middle:.2g}"))
            wide = reach(v, neurons[k])[alive].mean() > WIDE
            low, high = (middle, high) if wide else (low, middle)
    return network.replace(neurons=neurons), {}


def _wake(network, inputs):
    spiking = [stage for stage in network.stages if stage.fires]
    for _ in range(40):
        spikes = network.forward(inputs, potentials=False).spikes[-1]
        per_unit = spikes.counts().mean() / spiking[-1].n
        if ACTIVE <= per_unit <= network.n_steps / 2:
            return network, {}
        for block in scaled(network.neuron_stages[-1]):
            block.of(network.parameters)[...] *= 2 if per_unit < ACTIVE else 0.5
    raise ValueError("inputs drive no readout neuron, however its weights are scaled")


def _detach(network, inputs=None):
    lif = {"detach_reset": True}
    neurons = [m.replace(**lif) if isinstance(m, LIF) else m for m in network.neurons]
    return network.replace(neurons=neurons), {}


def _lengthen(network, inputs):
    hidden = network.forward(inputs, potentials=False).hidden
    spikes = np.mean([train.counts().mean() for train in hidden]) if hidden else 0
    third = network.n_steps * network.dt / 3
    longer = [np.maximum(m.tau_mem, third).tolist() for m in network.neurons]
    neurons = [m.replace(tau_mem=tau) for m, tau in zip(network.neurons, longer, strict=True)]
    network = network.replace(neurons=neurons)
    most = [stage.n * network.n_steps for stage in network.hidden_stages]
    if spikes and (_has_images(network) or spikes >= min(most)):  # as many are not in each layer
        return network.scale_to_activity(inputs, rate=spikes / np.mean(most)), {}
    return network.scale_to_activity(inputs, spikes) if spikes else network, {}


def _soften(loss, network, inputs):
    return network, {"loss": loss}


def _halve(k, network, inputs):
    """Spikes depend on weights per threshold; the slope, which reads ``v - v_th``, scales too."""
    stage, neurons = network.neuron_stages[k], list(network.neurons)
    w = {name: block.of(network.parameters) for name, block in stage.blocks.items()}
    if stage.layer.normalises:  # and what is normalised stays as it is
        eps = stage.layer.norm.eps
        w["variance"][...] = np.maximum((w["variance"] + eps) / 4 - eps, 0)
        w["mean"] /= 2
    elif stage.shortcut is not None:
        raise ValueError(
            f"network has {stage.name}, to which a shortcut is added past its weights: halving "
            "those and its threshold would change its spikes, so that is beyond treatment by code"
        )
    elif isinstance(neurons[k], LIF):
        names = {"v_th": 0.5, "steepness": 2} | ({"jump": 0.5} if stage.adapts else {})
        of = {name: np.asarray(getattr(neurons[k], name)) * x for name, x in names.items()}
        neurons[k] = neurons[k].replace(**{name: x.tolist() for name, x in of.items()})
    for name in ("weights", *stage.layer.recurrent_blocks):  # those that are fixed, too
        w[name] /= 2
    return network.replace(neurons=neurons), {}


ENCODE = Remedy("Scale the data, or lower the threshold of the code (encode.latency: theta).")
RESCALE = Remedy(
    f"Scale weights to {ACTIVE:g} spikes per unit and sample (network.scale_to_activity).", _rescale
)
REDRAW = Remedy("Draw new weights and train with a tenth of the learning rate.", _redraw)
RAISE = Remedy(
    f"Draw new weights (scale_to_activity(..., readout={HEARD:g})) and train with a learning rate "
    "that moves no potential by more than a third of a threshold (clinic.gentle_rate).",
    _raise,
)
REVIVE = Remedy(
    f"Train with penalties=[LowerBound(10, {ACTIVE:g})], which pulls idle units up.", _revive
)
WIDEN = Remedy(
    f"Set the steepness so that {100 * WIDE:g} % of samples come within the surrogate's reach.",
    _widen,
)
WAKE = Remedy("Scale the readout's weights until it answers.", _wake)
DETACH = Remedy("Detach the reset (neuron.replace(detach_reset=True)), as both papers do.", _detach)
LENGTHEN = Remedy("Lengthen the membranes' time constants to a third of a sample.", _lengthen)


def soften(loss, name, value):
    """The remedy of a softmax that is too sure of itself: a loss with another value of ``name``."""
    words = f"Train with loss={type(loss).__name__}({name}={value:g}): scores then differ by 1."
    return Remedy(words, partial(_soften, replace(loss, **{name: value})))


def halve(k, name):
    """The remedy of weights at their limit, in layer k of this name."""
    words = f"Halve the weights of {name} and its threshold: same spikes, more room."
    return Remedy(words, partial(_halve, k))
