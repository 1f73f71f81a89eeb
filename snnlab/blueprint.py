"""From arguments, or what a file says, to the layers of a network, checked, one by one."""

from collections.abc import Sequence
from numbers import Integral

import numpy as np

from snnlab import _capacity, _check
from snnlab._files import check_format
from snnlab.adaptive import AdaptiveLIF  # noqa: F401, known to files from here on
from snnlab.kernels.vector import NARROW
from snnlab.layers import BlockShape, Composite, Dense, Layer, Linear, Transform
from snnlab.layers.constants import sizes
from snnlab.layers.kinds import layer_from_dict
from snnlab.layers.residual import units_added
from snnlab.layers.stage import Stage
from snnlab.memory import padded_width
from snnlab.neurons import LIF, LeakyIntegrator
from snnlab.parameters import Block
from snnlab.rates import ReLU
from snnlab.signals import SpikeTrains

FORMAT = 2  # of files
MOST_UNITS = _check.MOST_UNITS
HIDDEN = LIF, ReLU  # neurons of which there may be layers above
MOST_PARAMETERS = 2**36  # what memory may hold in some years


def check_layers(given):
    """Shape of the inputs, and layers."""
    given = _check.sequence("layers", given, of="integers")
    if len(given) < 2:
        raise ValueError("layers must name at least an input and an output layer")
    first, layers = given[0], []
    sizes = first if isinstance(first, tuple | list) else (first,)
    shape = tuple(_check.integer("layers", n, at_least=1, at_most=MOST_UNITS) for n in sizes)
    if np.prod(shape, dtype=object) > MOST_UNITS:
        raise ValueError(f"layers begin with more than {MOST_UNITS} inputs: {shape}")
    if not shape:
        raise ValueError("layers must begin with the shape of the inputs")
    for layer in list(given)[1:]:
        if not isinstance(layer, Layer):
            layer = Dense(_check.integer("layers", layer, at_least=1, at_most=MOST_UNITS))
        layers.append(layer)
    if not with_neurons(layers):
        raise ValueError("layers must hold one with neurons")
    return shape, tuple(layers)


def with_neurons(layers):
    """The layers with neurons, those of composites one by one."""
    out = []
    for layer in layers:
        if isinstance(layer, Composite):
            out += with_neurons(layer.layers)
        elif isinstance(layer, Linear):
            out.append(layer)
    return out


def check_neurons(neuron, readout, n):
    """A model per layer with neurons, from the arguments of `Network`."""
    one_for_all = isinstance(neuron, LeakyIntegrator)
    if not (one_for_all or isinstance(neuron, Sequence)):
        raise TypeError(f"neuron must be LIF (or ReLU), or a sequence of them, not {neuron!r}")
    hidden = [neuron] * (n - 1) if one_for_all else list(neuron)
    if len(hidden) != n - 1:
        raise ValueError(f"neuron must hold {n - 1} models, one per hidden layer")
    if not all(isinstance(model, HIDDEN) for model in hidden):
        raise TypeError("neuron must be LIF (or ReLU), or a sequence of them")
    if readout is None and not (hidden or one_for_all):
        raise ValueError("readout must be given where there is no hidden layer")
    if readout is None:
        last = hidden[-1] if hidden else neuron
        if last.per_unit:
            raise ValueError("readout must be given where neuron has values per neuron")
        readout = last.integrator() if isinstance(last, HIDDEN) else last
    if not isinstance(readout, LeakyIntegrator):
        raise TypeError("readout must be LeakyIntegrator or LIF")
    models = (*hidden, readout)
    if len({model.dt for model in models}) > 1:
        raise ValueError("neuron and readout must share one dt")
    return models


def check_models(models, n):
    """A model per layer with neurons, as `Network.replace` and files have them."""
    if len(models) != n:
        raise ValueError(f"neurons must hold {n} models, one per layer that has neurons")
    if not all(isinstance(model, LeakyIntegrator) for model in models):
        raise TypeError("neurons must be LIF, or LeakyIntegrator for the readout")
    if not all(isinstance(model, HIDDEN) for model in models[:-1]):
        raise TypeError("neurons of hidden layers must be LIF or ReLU")
    if len({model.dt for model in models}) > 1:
        raise ValueError("neurons must share one dt")
    return tuple(models)


def initial_spread(spread, model):
    """Standard deviation of the weights of a unit with a single input."""
    if spread is not None:
        return abs(_check.number("spread", spread, at_least=0, at_most=1e30))  # not -0.0
    if np.any(np.asarray(model.gain) == 0):
        raise ValueError("spread must be given where a neuron's gain is 0")
    usual = 2**0.5 if isinstance(model, ReLU) else 0.7  # He et al. (2015); Cramer et al. (2022)
    spread = usual * float(np.mean((1 - np.asarray(model.decay_mem)) / np.abs(model.gain)))
    if spread == 0:
        raise ValueError("spread must be given where membranes do not leak (tau_mem / dt is huge)")
    return spread


def make_stages(shape, layers, neurons, dtype):
    """The layers one by one, each with its neuron, and its blocks behind those before."""
    stages, neurons, inputs, start, units, most = [], list(neurons), shape, 0, 0, 0

    def add(layer, shape, shortcut):
        nonlocal start, units, most
        k, blocks = len(stages), {}
        neuron = neurons.pop(0) if isinstance(layer, Linear) else None
        out = checked_shape_out(layer, shape)
        n = int(np.prod(out, dtype=object))
        if n > MOST_UNITS:
            raise ValueError(f"layers: {layer!r} would have {n} units")
        given, learned = all_blocks(layer, neuron, shape, n)
        for name, b in given.items():
            # a narrow readout's rows would be mostly padding: a pass pads them, where it needs that
            narrow = b.columns == n <= NARROW and not isinstance(neuron, LIF)
            width = n if narrow else padded_width(b.columns)
            blocks[name] = Block(k, name, b.rows, b.columns, width, start, b.prunable, b.trainable)
            start = blocks[name].stop
            if start > MOST_PARAMETERS:
                raise ValueError(f"layers: with {layer!r} there would be {start:,} parameters")
        units, most = units + n, max(most, sum(b.rows * b.columns for b in given.values()))
        _capacity.check_layers(repr(layer), start, most, units, np.dtype(dtype))
        added = None
        if shortcut is not None:
            below = inputs if shortcut < 0 else stages[shortcut].shape_out
            added = units_added(below, out)
        learned = {name: blocks.pop(name) for name in learned}
        place = k - 1, shortcut, added, learned
        stages.append(Stage(k, layer, neuron, (shape, out), blocks, dtype, *place))
        return out

    def expand(layers, shape, added=None):
        """Add layers; ``added`` is which stage's output the last of them also feels."""
        for i, layer in enumerate(layers):
            last = i == len(layers) - 1
            if isinstance(layer, Composite):
                below = len(stages) - 1
                check_composite(layer, shape)
                shape = expand(layer.layers, shape, below if layer.shortcut else None)
            else:
                shape = add(layer, shape, added if last else None)
        return shape

    expand(layers, shape)
    for k, stage in enumerate(stages):
        check_hearing(stage, stages[k - 1] if k else None)
        if stage.layer.keeps_bits:
            stage.lists_events = any(
                other.source == k
                and other.shortcut is None
                and other.layer.follows_events(SpikeTrains)
                for other in stages
            )
    return stages


def check_hearing(stage, below):
    """Refuse a stage that hears, or is heard as, what it cannot; below it may be the inputs."""
    layer = stage.layer
    if layer.gives_spikes and type(layer).forward is Transform.forward:
        raise ValueError(f"layers: gives_spikes of {layer!r} must be False: its values are none")
    if layer.gives_spikes and below is not None and below.gives is not SpikeTrains:
        raise ValueError(f"layers: {layer!r} hears spikes, not values of {below}")
    if layer.recurrent_blocks and not stage.fires:
        raise ValueError(
            f"layers: {stage.name} must spike, for its neurons hear each other's spikes: "
            "give a LIF as readout, or a layer above it that reads out"
        )


def check_composite(layer, shape):
    """Refuse layers that do not fit each other, or whose shortcut would lead nowhere."""
    layer.shape_out(shape)
    end = layer.layers[-1] if layer.layers else None
    if layer.shortcut and not isinstance(end, Linear):
        raise ValueError(
            f"layers: {layer!r} has a shortcut, so it must end with a map and a neuron"
        )


def checked_shape_out(layer, shape):
    """Shape of a layer's units, if it is one."""
    out = layer.shape_out(shape)
    numbers = out if isinstance(out, tuple) else ()
    if not numbers or not all(isinstance(n, Integral) and n > 0 for n in numbers):
        raise ValueError(f"shape_out of {layer!r} must be a tuple of units, at least 1: {out!r}")
    return tuple(map(int, numbers))


def checked_blocks(layer, shape):
    """A layer's blocks by name, as `BlockShape`, if they are such."""
    given = layer.blocks(shape)
    if not isinstance(given, dict):
        raise TypeError(f"blocks of {layer!r} must be a dict of shapes, not {given!r}")
    out = {}
    for name, size in given.items():
        rows, columns, *more = size
        what = f"layers: {name} in blocks of {layer!r}"
        two = (_check.integer(what, n, 1, MOST_PARAMETERS) for n in (rows, columns))
        out[name] = BlockShape(*two, *more)
    return out


def all_blocks(layer, neuron, shape, n):
    """Blocks of a layer of n units by name, and the names of those that its neurons learn."""
    given, learned = checked_blocks(layer, shape), {} if neuron is None else sizes(neuron, n)
    for name, m in learned.items():
        if name in given:
            raise ValueError(f"layers: {layer!r} has a block {name!r} that its neurons learn")
        given[name] = BlockShape(1, m, prunable=False)
    return given, tuple(learned)


def from_header(header):
    """Shape of the inputs, layers and neurons, from what `Network.to_dict` gave."""
    version = check_format(header, FORMAT)
    if version == 1:  # before there were layers
        given = header["sizes"]
    else:
        given = [tuple(header["shape"]), *map(layer_from_dict, header["layers"])]
    shape, layers = check_layers(given)
    models = [LeakyIntegrator.from_dict(values) for values in header["neurons"]]
    return shape, layers, check_models(models, len(with_neurons(layers)))
