"""Patients: six networks that learn nothing or little, for readers to find out why.

``SICK["silent"](seed)`` is a `Patient`; `admit` gives one by number, in a shuffled order.
"""

from __future__ import annotations

from collections import namedtuple

from snnlab import _check, datasets, encode
from snnlab.learning.losses import MaxOverTime
from snnlab.network import Network
from snnlab.neurons import LIF

Patient = namedtuple("Patient", "network training inputs labels expected")
Patient.__doc__ = "A network, keywords to train it with, a training set, and the finding to expect."


def _digits(expected, seed, *, hidden=(60,), spiking_readout=False, loss="max_over_time", **neuron):
    """A patient before it falls ill: scikit-learn's digits, latency code, `LIF.brainscales2`."""
    data, neuron = datasets.load("digits16"), LIF.brainscales2(**neuron)
    inputs, readout = encode.latency(data.x_train), neuron if spiking_readout else None
    network = Network((256, *hidden, 10), neuron, n_steps=20, rng=seed, readout=readout)
    network.scale_to_activity(inputs[:300], hidden[0] / 2)
    training = {"epochs": 10, "batch_size": 50, "loss": loss}
    return Patient(network, training, inputs, data.y_train, expected)


def _sick_silent(seed=0):
    """Weights so small that two hidden layers never spike."""
    patient = _digits("silent layer", seed, hidden=(60, 60))
    for w in patient.network.weights[:-1]:
        w *= 0.1
    return patient


def _sick_saturated(seed=0):
    """Weights large and all positive: every unit spikes in every step."""
    patient = _digits("saturated units", seed)
    w = patient.network.weights[0]
    w[...] = 20 * abs(w)
    return patient


def _sick_dead(seed=0):
    """Inhibition so strong that 57 of 60 units never spike."""
    patient = _digits("dead units", seed)
    patient.network.weights[0][:, 3:] -= 0.25
    return patient


def _sick_narrow(seed=0):
    """A surrogate so steep that hardly any step has a slope; the readout spikes too."""
    kind = {"spiking_readout": True, "steepness": 1000.0, "loss": "rate_mse"}
    patient = _digits("narrow surrogate", seed, **kind)
    patient.network.weights[-1][...] *= 10  # so that it does spike
    return patient


def _sick_exploding(seed=0):
    """Gradients through the reset, with a steep sigmoid for a surrogate."""
    neuron = {"surrogate": "sigmoid", "steepness": 100.0, "detach_reset": False}
    return _digits("exploding gradient over time", seed, hidden=(60, 60), **neuron)


def _sick_overconfident(seed=0):
    """Potentials multiplied by 1,000 before the softmax."""
    return _digits("saturated softmax", seed, loss=MaxOverTime(1000.0))


SICK = {
    "silent": _sick_silent,
    "saturated": _sick_saturated,
    "dead": _sick_dead,
    "narrow": _sick_narrow,
    "exploding": _sick_exploding,
    "overconfident": _sick_overconfident,
}
BEDS = ("dead", "exploding", "silent", "overconfident", "narrow", "saturated")  # a shuffled order


def admit(bed: int, seed: int = 0) -> Patient:
    """A patient by number, for readers who are to find out what it suffers from.

    Parameters
    ----------
    bed : int
        1 to 6.
    seed : int
        Of the network's weights.

    Returns
    -------
    Patient
    """
    bed = _check.integer("bed", bed, at_least=1)
    if bed > len(BEDS):
        raise ValueError(f"bed must be at most {len(BEDS)}, got {bed}")
    return SICK[BEDS[bed - 1]](_check.integer("seed", seed, at_least=0))
