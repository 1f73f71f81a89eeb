"""Initial activity: weights are scaled until a network begins neither silent nor deafened."""

import numpy as np

from snnlab import _check
from snnlab.parameters import check_weights


def scale_to_activity(network, inputs, hidden_spikes, readout=None):
    """Scale the weights of hidden layers, and of a readout, in place.

    Parameters and errors are those of `Network.scale_to_activity`; after an error, or an interrupt,
    the weights are what they were.
    """
    network.check_inputs(inputs)
    check_weights(network)
    inputs = inputs[:1000]
    target = _check.number("hidden_spikes", hidden_spikes, above=0)
    if readout is not None:
        readout = _check.number("readout", readout, above=0, at_most=1e15)
        last = network.stages[-1]
        if last.kind != "integrator" or "weights" not in last.blocks:
            raise ValueError("readout must be left out where the last layer is no integrator")
    original = network.parameters.copy()
    try:
        for k, stage in enumerate(network.hidden_stages):
            if target >= stage.n * network.n_steps:
                raise ValueError(f"hidden_spikes must be below {stage.n * network.n_steps}")
            _scale_layer(network, k, stage, inputs, target)
        if readout is not None:
            _scale_readout(network, inputs, readout)
        check_weights(network)
    except BaseException:  # an interrupt, too
        network.parameters[...] = original
        raise


def _scale_layer(network, k, stage, inputs, target):
    """Scale hidden layer k, by bisection."""
    weights = [b.padded(network.parameters) for b in stage.blocks.values() if b.prunable]
    original = [w.copy() for w in weights]
    low, high = -6.0, 6.0  # exponents of ten
    for _ in range(24):
        middle = (low + high) / 2
        for w, before in zip(weights, original, strict=True):
            with np.errstate(over="ignore"):  # one tries less then
                np.multiply(before, network.dtype.type(10.0**middle), out=w)
        spikes = network.forward(inputs, potentials=False).hidden[k].counts().mean()
        low, high = (middle, high) if spikes < target else (low, middle)
    if spikes == 0:
        raise ValueError(f"inputs drive no neuron of hidden layer {k}, however scaled")


def _scale_readout(network, inputs, size):
    """Scale the last layer's weights: potentials follow them in proportion."""
    tops = network.forward(inputs, potentials=False).readout.max(axis=1)
    if not tops.std() > 0:
        raise ValueError("readout hears nothing in these inputs, or the same in all of them")
    block = network.stages[-1].blocks["weights"]
    block.padded(network.parameters)[...] *= network.dtype.type(size / tops.std())
