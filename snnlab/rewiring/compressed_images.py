"""Compressed networks of images: inference of convolutions that have few weights left."""

from functools import cached_property

import numpy as np

from snnlab import _check
from snnlab.layers import patches
from snnlab.medium import Medium
from snnlab.parameters import check_weights
from snnlab.passes import Forward
from snnlab.signals import SpikeTrains

__all__ = ["CompressedImages"]

# Share of a convolution's weights that are there up to which adding them one by one is faster than
# whole rows for each spike: measured (benchmarks/speed/thin.py). What is left then is neurons.
FEW = 0.1
NARROW = 8  # rows of an image that are shorter leave most of a tile empty


class CompressedImages:
    """A network's synapses without its zeros, to be run forward and never changed.

    `snnlab.evaluate` takes it as it takes the network; `Network.compressed` makes it of networks
    of images (of dense layers alone there is `snnlab.sparse.CompressedNetwork`). Convolutions of
    spikes with few weights run on these; all else runs as in the network.

    Parameters
    ----------
    network : Network
        It is copied: what happens to it later changes nothing here.
    threshold : float, optional
        Share of weights that are not zero, in [0, 1], up to which a convolution runs on those
        alone; by default where that was measured to be faster.

    Attributes
    ----------
    sizes, neurons, n_steps, dtype, dt, spiking_readout, workers, stages
        As the network's.

    Raises
    ------
    TypeError, ValueError
        Arguments of the wrong kind or out of range; the message names the argument.

    Notes
    -----
    Results are the network's, bit for bit.
    """

    def __init__(self, network, threshold=None):
        check_weights(network)
        if threshold is not None:
            threshold = _check.number("threshold", threshold, at_least=0, at_most=1)
        self.threshold = FEW if threshold is None else threshold
        self._network = network.copy()
        for name in ("sizes", "neurons", "n_steps", "dtype", "dt", "spiking_readout", "stages"):
            setattr(self, name, getattr(self._network, name))
        self.workers = network.workers

    @cached_property
    def n_synapses(self):
        """Weights that are not zero, per layer of weights."""
        return np.array([np.count_nonzero(w) for w in self._network.weights])

    @cached_property
    def thin(self):
        """Of layers that run on single weights, by number: these, and a norm's shift."""
        network, found = self._network, {}
        for k, stage in enumerate(network.stages):
            if not getattr(stage.layer, "by_patches", False):
                continue
            w = {name: block.of(network.parameters) for name, block in stage.blocks.items()}
            density = np.count_nonzero(w["weights"]) / w["weights"].size
            if not runs_thin(stage) or density > self.threshold:
                continue
            weights, shift = w["weights"], np.zeros(stage.shape_out[2], network.dtype)
            if stage.layer.normalises:
                if stage.layer.norm.is_new(w):
                    continue
                weights, shift = stage.layer.norm.folded(w)
            found[k] = patches.thin(weights), shift
        return found

    def on_weights(self):
        """Per layer whether it runs on single weights, where it hears spikes."""
        return [k in self.thin for k in range(len(self.stages))]

    def forward(self, inputs, *, on=None, potentials=False, dropout=None, out=None):
        """Run a batch; parameters as those of `snnlab.sparse.CompressedNetwork.forward`.

        Returns
        -------
        Trace
        """
        if on is not None:
            raise TypeError("on must be None: a chip runs a Network, not a compressed one")
        if _check.flag("potentials", potentials):
            raise ValueError("potentials must be False: a compressed network keeps none")
        if dropout is not None:
            raise ValueError("dropout must be None: a compressed network has none")
        return self._network.forward(inputs, on=_Thin(self.thin), potentials=False, out=out)

    def check_inputs(self, inputs, name="inputs"):
        """As `Network.check_inputs`."""
        self._network.check_inputs(inputs, name)

    def __repr__(self):
        return f"CompressedImages({self._network!r}, {self.n_synapses.sum():,} synapses)"


class _Thin(Medium):
    """The simulation, in which convolutions of spikes run on single weights."""

    def __init__(self, thin):
        self.thin = thin

    def passes(self, network, trace, scratch, conditions, training):
        """A pass that knows them."""
        run = Forward(network, trace, scratch, conditions, training)
        kinds = {-1: type(trace.inputs)} | {k: s.gives for k, s in enumerate(network.stages)}
        run.thin = {
            k: x for k, x in self.thin.items() if kinds[network.stages[k].source] is SpikeTrains
        }
        return run


def runs_thin(stage):
    """Whether a convolution may run on single weights, spikes given."""
    layer = stage.layer
    if not stage.fires or stage.shortcut is not None or stage.shape_out[1:2] < (NARROW,):
        return False
    same = not np.ptp(stage.constants[:, : stage.n], axis=1).any() and not np.ptp(stage.hold)
    return same and layer.geometry(stage)[3] == 1
