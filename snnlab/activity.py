"""Initial activity: weights are scaled until a network begins neither silent nor deafened."""

import warnings

import numpy as np

from snnlab import _check
from snnlab.parameters import check_weights
from snnlab.passes import Forward
from snnlab.trace import Trace

MOST = 6.0  # largest exponent of ten of a factor
FEW = 50  # samples that tell roughly
# how near the logarithm of spikes comes to what is aimed at; from which distance on that is told
ROUGH, CLOSE, FAR = 0.05, 0.01, 0.1
FIRST, FINEST = 0.3, 1e-3  # first step of an exponent; the least distance of two


def scale_to_activity(network, inputs, layer_spikes=None, readout=None, rate=None):
    """Scale the weights of hidden layers, and of a readout, in place.

    Parameters and errors are those of `Network.scale_to_activity`; after an error, or an interrupt,
    the weights are what they were.
    """
    network.check_inputs(inputs)
    check_weights(network)
    inputs = inputs[:1000]
    targets = _targets(network, layer_spikes, rate)
    if readout is not None:
        readout = _check.number("readout", readout, above=0, at_most=1e15)
        last = network.stages[-1]
        if last.kind != "integrator" or "weights" not in last.blocks:
            raise ValueError("readout must be left out where the last layer is no integrator")
    original = network.parameters.copy()
    try:
        few = inputs[np.arange(0, len(inputs), -(-len(inputs) // FEW))]
        runs = [Runs(network, some) for some in (few, inputs)]
        for k, (stage, target) in enumerate(zip(network.hidden_stages, targets, strict=True)):
            _scale_layer(network, k, stage, runs, target)
        if readout is not None:
            _scale_readout(network, inputs, readout)
        check_weights(network)
    except BaseException:  # an interrupt, too
        network.parameters[...] = original
        raise


def _targets(network, layer_spikes, rate):
    """Mean spikes per sample of each hidden layer."""
    if (layer_spikes is None) == (rate is None):
        raise TypeError("layer_spikes or rate must be given, one of them")
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


def _scale_layer(network, k, stage, runs, target):
    """Scale hidden layer k: roughly as few samples tell, then as all of them do.

    A pass costs the more, the more neurons fire, and what a few samples tell is nearly right: all
    of them are run two or three times.
    """
    weights = [b.padded(network.parameters) for b in _scaled(stage)]
    original = [w.copy() for w in weights]
    place = network.stages.index(stage)

    def scale(exponent):
        for w, before in zip(weights, original, strict=True):
            with np.errstate(over="ignore"):  # one tries less then
                np.multiply(before, network.dtype.type(10.0**exponent), out=w)

    def excess(exponent, some):
        scale(exponent)
        with np.errstate(divide="ignore"):
            return float(np.log(some.spikes(place) / target))

    search = Search()
    for some, close in zip(runs, (ROUGH, CLOSE), strict=True):
        search = search.again(lambda x, some=some: excess(x, some), close)
    scale(search.best)
    if not np.isfinite(search.found):
        raise ValueError(f"inputs drive no neuron of hidden layer {k}, however scaled")
    told = None
    if stage.shortcut is not None and search.low is None and search.found > CLOSE:
        for w, before in zip(weights, original, strict=True):
            w[...] = before
        told = "spikes more than was asked for by its shortcut alone: its weights stay"
    elif search.high is None and search.found < -FAR:
        most = target * np.exp(search.found)
        told = f"spikes {most:.3g} times per sample at most, however scaled, not {target:.3g} times"
    if told is not None:
        warnings.warn(f"{stage.name} {told}", RuntimeWarning, stacklevel=4)


class Search:
    """A search for the exponent at which an excess, which grows with it, is nearly 0.

    Steps that grow, or follow the slope, until there is an exponent on either side; then between
    the two.

    Attributes
    ----------
    best, found : float
        The exponent with the least excess that was seen, and that excess.
    low, high : pair of float or None
        Exponent and excess nearest to 0 from below and from above.
    """

    def __init__(self, start=0.0, slope=None):
        self.best, self.found, self.slope = start, np.inf, slope
        self.low, self.high = None, None

    def again(self, excess, close):
        """A new search, from here on, until the excess is at most ``close``."""
        new = Search(self.best, self.slope)
        x, step, side = new.best, FIRST, 0
        while True:
            here = excess(x)
            if abs(here) < abs(new.found):
                new.best, new.found = x, here
            if abs(here) <= close or (abs(x) == MOST and np.sign(x) != np.sign(here)):
                break
            same, side = side == np.sign(here), np.sign(here)
            if here < 0:
                new.low = x, here
            else:
                new.high = x, here
            if new.low is not None and new.high is not None:
                if new.high[0] - new.low[0] < FINEST:
                    break
                x = new._between(same)
            else:
                x = float(np.clip(x - new._ahead(here, step), -MOST, MOST))
                step *= 2
        return new

    def _ahead(self, here, step):
        """How far to go back if there is but one side: as the slope says, and a little farther."""
        if self.slope is None or not np.isfinite(here):
            return np.sign(here) * step
        return np.sign(here) * float(np.clip(1.1 * abs(here) / self.slope, step / 100, step))

    def _between(self, same):
        """An exponent between low and high; in the middle if the last two were on one side."""
        (low, less), (high, more) = self.low, self.high
        if same or not np.isfinite(less):
            return (low + high) / 2
        self.slope = (more - less) / (high - low)
        return low + float(np.clip(-less / (more - less), 0.1, 0.9)) * (high - low)


def _scaled(stage):
    """The blocks that currents are in proportion to: a norm's, where weights make no difference."""
    if stage.layer.normalises:
        return [stage.blocks["gain"], stage.blocks["shift"]]
    return [block for block in stage.blocks.values() if block.prunable]


def _scale_readout(network, inputs, size):
    """Scale the last layer's weights: potentials follow them in proportion."""
    tops = network.forward(inputs, potentials=False).readout.max(axis=1)
    if not tops.std() > 0:
        raise ValueError("readout hears nothing in these inputs, or the same in all of them")
    for block in _scaled(network.stages[-1]):
        block.padded(network.parameters)[...] *= network.dtype.type(size / tops.std())
