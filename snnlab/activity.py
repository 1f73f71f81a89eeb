"""Initial activity: weights are scaled until a network begins neither silent nor deafened."""

import numpy as np

from snnlab import _check
from snnlab.parameters import check_weights

MOST = 6.0  # largest exponent of ten of a factor
FEW = 50  # samples that tell roughly


def scale_to_activity(network, inputs, layer_spikes, readout=None):
    """Scale the weights of hidden layers, and of a readout, in place.

    Parameters and errors are those of `Network.scale_to_activity`; after an error, or an interrupt,
    the weights are what they were.
    """
    network.check_inputs(inputs)
    check_weights(network)
    inputs = inputs[:1000]
    target = _check.number("layer_spikes", layer_spikes, above=0)
    if readout is not None:
        readout = _check.number("readout", readout, above=0, at_most=1e15)
        last = network.stages[-1]
        if last.kind != "integrator" or "weights" not in last.blocks:
            raise ValueError("readout must be left out where the last layer is no integrator")
    original = network.parameters.copy()
    try:
        for k, stage in enumerate(network.hidden_stages):
            if target >= stage.n * network.n_steps:
                raise ValueError(f"layer_spikes must be below {stage.n * network.n_steps}")
            _scale_layer(network, k, stage, inputs, target)
        if readout is not None:
            _scale_readout(network, inputs, readout)
        check_weights(network)
    except BaseException:  # an interrupt, too
        network.parameters[...] = original
        raise


def _scale_layer(network, k, stage, inputs, target):
    """Scale hidden layer k, by bisection.

    A pass costs the more, the more neurons fire: a bracket is looked for first, from weights as
    they are and with few samples, and what it tells need not be run.
    """
    weights = [b.padded(network.parameters) for b in stage.blocks.values() if b.prunable]
    original = [w.copy() for w in weights]
    few = inputs[np.arange(0, len(inputs), -(-len(inputs) // FEW))]
    traces = {}  # their memory is used again

    def spikes(exponent, some=inputs):
        for w, before in zip(weights, original, strict=True):
            with np.errstate(over="ignore"):  # one tries less then
                np.multiply(before, network.dtype.type(10.0**exponent), out=w)
        trace = network.forward(some, potentials=False, out=traces.get(some is few))
        traces[some is few] = trace
        return trace.hidden[k].counts().mean()

    known = 0.0, 0.0
    for some, step in ((few, 1.0), (few, 0.1), (inputs, 0.01)):
        known = _bracket(lambda x, some=some: spikes(x, some) < target, np.mean(known), step)
    low, high = -MOST, MOST
    for _ in range(24):
        middle, found = (low + high) / 2, None
        if known[0] < middle < known[1]:
            found = spikes(middle)
        below = middle <= known[0] if found is None else found < target
        low, high = (middle, high) if below else (low, middle)
    if found is None:
        found = spikes(middle)
    if found == 0:
        raise ValueError(f"inputs drive no neuron of hidden layer {k}, however scaled")


def _bracket(below, start, step):
    """Exponents between which what is ``below`` ends to be so, from ``start`` in growing steps."""
    sign = 1 if below(start) else -1
    here = start
    while True:
        last, here = here, float(np.clip(here + sign * step, -MOST, MOST))
        if here == last or below(here) != (sign > 0):  # never so, or there
            break
        step *= 2
    return min(last, here), max(last, here)


def _scale_readout(network, inputs, size):
    """Scale the last layer's weights: potentials follow them in proportion."""
    tops = network.forward(inputs, potentials=False).readout.max(axis=1)
    if not tops.std() > 0:
        raise ValueError("readout hears nothing in these inputs, or the same in all of them")
    block = network.stages[-1].blocks["weights"]
    block.padded(network.parameters)[...] *= network.dtype.type(size / tops.std())
