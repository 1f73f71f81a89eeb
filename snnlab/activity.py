"""Initial activity: weights are scaled until a network begins neither silent nor deafened."""

import warnings

import numpy as np

from snnlab import _check
from snnlab.parameters import check_weights
from snnlab.passes import Forward
from snnlab.trace import Trace

MOST = 6.0  # largest exponent of ten of a factor
FEW = 50  # samples that tell roughly
CLOSE = 0.01  # share by which what is reached may differ from what was asked for


def scale_to_activity(network, inputs, layer_spikes=None, readout=None, rate=None, level=None):
    """Scale the weights of hidden layers, and of a readout, in place.

    Parameters and errors are those of `Network.scale_to_activity`; after an error, or an interrupt,
    the weights are what they were.
    """
    network.check_inputs(inputs)
    check_weights(network)
    inputs = inputs[:1000]
    targets = _targets(network, layer_spikes, rate)
    if readout is not None:
        readout, reads = _readout(network, readout)
    if level is not None:
        level = _check.number("level", level, above=0, at_most=1e15)
        _integrator(network, "level")
    original = network.parameters.copy()
    try:
        few = inputs[np.arange(0, len(inputs), -(-len(inputs) // FEW))]
        runs = [Runs(network, some) for some in (few, inputs)]
        asked = "layer_spikes" if rate is None else "rate"
        for k, (stage, target) in enumerate(zip(network.hidden_stages, targets, strict=True)):
            _scale_layer(network, asked, f"hidden layer {k}", stage, runs, target)
        if readout is not None and reads.fires:
            target = readout * reads.n * network.n_steps
            _scale_layer(network, "readout", "the readout", reads, runs, target)
        elif readout is not None:
            scale_readout(network, inputs, readout)
            _check_readout(network, "readout", _spread(network, inputs), readout)
        if level is not None:
            level_readout(network, inputs, level)
            _check_readout(network, "level", _tops(network, inputs).mean(axis=0), level)
        check_weights(network)
    except BaseException:  # an interrupt, too
        network.parameters[...] = original
        raise


def _readout(network, readout):
    """What a readout is to be scaled to, and the layer that reads: its last neurons."""
    last = network.neuron_stages[-1]
    if last.fires:
        return _check.number("readout", readout, above=0, below=1), last
    _integrator(network, "readout")
    return _check.number("readout", readout, above=0, at_most=1e15), last


def _integrator(network, name):
    """Refuse an argument of a readout of potentials where there is none."""
    last = network.neuron_stages[-1]
    if last is not network.stages[-1] or last.kind != "integrator" or "weights" not in last.blocks:
        raise ValueError(f"{name} must be left out where the last neurons are of another kind")


def _targets(network, layer_spikes, rate):
    """Mean spikes per sample of each hidden layer."""
    if (layer_spikes is None) == (rate is None):
        raise TypeError("layer_spikes or rate must be given, one of them")
    for stage in network.neuron_stages[:-1]:
        if stage.rates:
            raise ValueError(
                f"network has {stage.name} of ReLU units: layer_spikes and rate are of neurons "
                "that spike"
            )
    most = [stage.n * network.n_steps for stage in network.hidden_stages]
    if rate is not None:
        rate = _check.number("rate", rate, above=0, below=1)
        return [rate * n for n in most]
    target = _check.number("layer_spikes", layer_spikes, above=0)
    if most and target >= min(most):
        raise ValueError(f"layer_spikes must be below {min(most)}")
    return [target] * len(most)


class Runs:
    """Passes of some samples, one after the other, in which the weights of a layer change.

    Layers below are run once, those above not at all.
    """

    def __init__(self, network, inputs):
        self.network, self._trace = network, Trace.empty(network, inputs, potentials=False)
        self._first = 0  # layer from which on there is something new to run

    def __len__(self):
        return len(self._trace)

    def spikes(self, k):
        """Mean spikes per sample of layer k."""
        network, record = self.network, self._trace.records[k]
        record.begin()
        with network.workspaces.borrow() as scratch:
            run = Forward(network, self._trace, scratch, network.ideal_conditions)
            run.run_some(self._first, k + 1)
        self._first = k
        return record.mean_count()


def _scale_layer(network, asked, name, stage, runs, target):
    """Scale a layer of neurons that spike, by bisection; ``asked`` is the argument that says so.

    A pass costs the more, the more neurons fire: a bracket is looked for first, from weights as
    they are and with few samples, and what it tells need not be run.
    """
    weights = [b.padded(network.parameters) for b in scaled(stage)]
    original = [w.copy() for w in weights]
    (few, everything), place = runs, network.stages.index(stage)

    def spikes(exponent, some=everything):
        for w, before in zip(weights, original, strict=True):
            with np.errstate(over="ignore"):  # one tries less then
                np.multiply(before, network.dtype.type(10.0**exponent), out=w)
        return some.spikes(place)

    known = 0.0, 0.0
    for some, step in ((few, 1.0), (few, 0.1), (everything, 0.01)):
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
        raise ValueError(f"inputs drive no neuron of {name}, however scaled")
    if high == MOST:
        raise ValueError(
            f"{asked} asks for {target:g} spikes per sample, and {name} has {found:g} at most, "
            "however its weights are scaled"
        )
    if high < 1 - MOST:
        for w, before in zip(weights, original, strict=True):
            w[...] = before
        cause = "by its shortcut alone" if stage.shortcut is not None else "without its weights"
        warnings.warn(
            f"{stage.name} spikes more than was asked for {cause}: its weights stay",
            RuntimeWarning,
            stacklevel=4,
        )


def scaled(stage):
    """The blocks that currents are in proportion to: a norm's, where weights make no difference."""
    if stage.layer.normalises:
        return [stage.blocks["gain"], stage.blocks["shift"]]
    return [block for block in stage.blocks.values() if block.prunable]


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


def scale_readout(network, inputs, size):
    """Scale the last weights, by what potentials that follow them in proportion would need."""
    found = _spread(network, inputs)
    if not found > 0:
        raise ValueError("readout hears nothing in these inputs, or the same in all of them")
    for block in scaled(network.neuron_stages[-1]):  # below votes, too
        block.padded(network.parameters)[...] *= network.dtype.type(size / found)


def level_readout(network, inputs, level):
    """Lift the weights of each output until its largest potential is ``level`` on average.

    What a readout hears on average is added to the weights, but for those that are 0 (pruned). The
    mean of largest potentials is a convex function of how much: Newton's steps reach it from above.
    """
    last = network.neuron_stages[-1]
    trace = network.forward(inputs, potentials=False)
    source = trace.signal_of(last.source)
    heard = np.zeros(source.n_units)
    for lo in range(0, len(source), FEW):
        part = source.values(lo, min(lo + FEW, len(source)), network.dtype)
        heard += part.sum(axis=(0, 1), dtype=np.float64)
    w = last.blocks["weights"].of(network.parameters)
    if w.shape[0] != heard.size:
        raise ValueError("level must be left out where the readout does not hear all that is below")
    if not (size := heard @ heard) > 0:
        raise ValueError("readout hears nothing in these inputs")
    before, lift = w.copy(), np.where(w != 0, heard[:, None] / size, 0)
    w += lift.astype(w.dtype)
    risen = network.forward(inputs, potentials=False).readout - trace.readout
    w[...] = before + lift * _much(trace.readout, risen, level)


def _much(v, risen, level):
    """Factors of ``risen`` (sample, time, output) by which mean largest potentials are a level."""
    much = np.ones(v.shape[2], v.dtype)
    for _ in range(2 * int(MOST)):
        low = (v + much * risen).max(axis=1).mean(axis=0) < level
        much[low] *= 10
    if low.any():
        raise ValueError(
            f"level asks for {level:g}, which output {low.argmax()} does not reach in these inputs"
        )
    for _ in range(50):
        now = v + much * risen
        when = now.argmax(axis=1)[:, None]
        above = np.take_along_axis(now, when, axis=1).mean(axis=(0, 1)) - level
        if (above < CLOSE / 100 * level).all():
            break
        much -= above / np.take_along_axis(risen, when, axis=1).mean(axis=(0, 1))
    return much


def _tops(network, inputs):
    """Largest potentials over time, (sample, output)."""
    return network.forward(inputs, potentials=False).readout.max(axis=1)


def _spread(network, inputs):
    """Standard deviation of what a readout says: of its largest values over time."""
    return _tops(network, inputs).std()


def _check_readout(network, name, found, wanted):
    """Refuse a readout that did not follow its weights; ``name`` is the argument."""
    if not (np.abs(found - wanted) <= CLOSE * wanted).all():
        worst = np.ravel(found)[np.abs(found - wanted).argmax()]
        raise ValueError(
            f"{name} must be left out where what {network.stages[-1].name} says is not in "
            f"proportion to its weights, as with a shortcut or a bias: it is {worst:g} then"
        )
