"""`Stage`: a layer as it stands in a network, and the conditions under which it runs."""

from collections import namedtuple

import numpy as np

from snnlab import _check
from snnlab.currents import Values
from snnlab.kernels.lif import GIVEN
from snnlab.layers.constants import ROWS, current, decay_or_threshold, stored
from snnlab.memory import aligned, pad_units, padded_width
from snnlab.neurons import LIF
from snnlab.rates import ReLU
from snnlab.signals import SpikeTrains
from snnlab.surrogate import NAMES, OWN

__all__ = ["Conditions", "Stage"]

# Under which a layer runs: its blocks (padded) as they are there, by name; its neurons; whether a
# spike resets to rest; noise per unit and step (empty: none) and its key; bounds of the membrane;
# ``read(v, lo, hi)``, which may change the potentials that were measured, in place (or None).
Conditions = namedtuple("Conditions", "blocks constants hold zero_reset noise key bounds read")


class Stage:
    """A layer as it stands in a network.

    Parameters
    ----------
    k : int
        Its number.
    layer : Layer
    neuron : LIF, LeakyIntegrator or None
        As it was given, before it learned anything (`model` has what it learned); None for a
        transform.
    shapes : pair of tuple of int
        Of what it hears, and of its units.
    blocks : dict
        Its `snnlab.parameters.Block`s, by name.
    dtype : numpy.dtype
    source : int
        Which stage it hears; -1: the inputs.
    shortcut : int or None
        Which stage's output is added to its currents.
    added : array of int (n,), optional
        Which of that stage's units each unit is added, -1 for none; by default its own.
    learned : dict, optional
        Blocks of the constants that the neurons learn, by name (`snnlab.layers.constants`).

    Attributes
    ----------
    name : str
    kind : {"spiking", "rate", "integrator", "transform"}
    n_in, n, width : int
        Units heard and units; those with padding.
    shape_in, shape_out : tuple of int
    hold : array (width,)
        Steps of rest, as `snnlab.kernels.lif` takes them.
    stored : dict
        Views of the blocks in ``learned``.
    surrogate : int
        As kernels know it (`snnlab.surrogate`).
    steepness : float
        Its steepness; 1, which is not read, where it differs among units.
    uniform : bool
        Whether all units have the same constants, and always will.
    """

    def __init__(
        self,
        k,
        layer,
        neuron,
        shapes,
        blocks,
        dtype,
        source,
        shortcut=None,
        added=None,
        learned=None,
    ):
        self.added, self.learned, self.stored = added, learned or {}, {}
        self._known = None, None
        self.layer, self.neuron, self.blocks, self.dtype = layer, neuron, blocks, dtype
        self.source, self.shortcut = source, shortcut
        self.shape_in, self.shape_out = shapes
        self.n_in, self.n = (int(np.prod(shape)) for shape in shapes)
        self.name = f"layer {k} ({layer!r})"
        if self.adapts and not layer.takes_adaptation:
            raise ValueError(f"neuron must not be an AdaptiveLIF in {self.name}, which takes LIF")
        fires = isinstance(neuron, LIF)
        named = {LIF: "spiking", ReLU: "rate", type(None): "transform"}
        self.kind = next((k for kind, k in named.items() if isinstance(neuron, kind)), "integrator")
        self.width = padded_width(self.n)
        # what others hear of it, and whether some of them follow it event by event
        self.gives = SpikeTrains if fires or layer.gives_spikes else Values
        self.lists_events = True
        if neuron is not None:
            self._constants, self.hold = pack_constants(neuron, self.n, dtype)
            self._set_surrogate()
            self.zero_reset = fires and neuron.reset == "zero"
            # an integrator whose units are alike filters W g_v as it filters g_v
            alike = np.ptp(self._constants[:3, : self.n], axis=1).max() == 0
            self.uniform = bool(alike and not (learned and neuron.learn_per == "unit"))
        else:
            self._constants, self.hold, self.zero_reset, self.uniform = None, None, False, False

    def _set_surrogate(self):
        k = np.asarray(getattr(self.neuron, "steepness", 1.0))
        if k.ndim and k.shape != (self.n,):
            raise ValueError(f"steepness has {k.size} values for a layer of {self.n} neurons")
        _check.real("steepness", k, self.dtype)
        self.steepness = 1.0 if k.ndim else float(k)
        name = getattr(self.neuron, "surrogate", NAMES[0])
        self.surrogate = GIVEN if k.ndim or name in OWN else NAMES.index(name)

    def store(self, parameters):
        """Begin with the constants given, in flat parameters: from now on those there count."""
        for name, block in self.learned.items():
            self.stored[name] = block.of(parameters)
            w = stored(self.neuron, name, self.n)
            self.stored[name][...] = w[: block.columns]

    @property
    def constants(self):
        """Constants of now, as `pack_constants` makes them."""
        if not self.stored:
            return self._constants
        now = [w.tobytes() for w in self.stored.values()]
        of, out = self._known  # both at once: threads may ask together
        if of != now:
            out = self._constants.copy()
            for name, w in self.stored.items():
                out[ROWS[name], : self.n] = decay_or_threshold(name, w[0])
            self._known = now, out
        return out

    @property
    def model(self):
        """The neuron with what it has learned."""
        return current(self.neuron, self.stored) if self.stored else self.neuron

    def conditions(self, parameters):
        """Ideal conditions, with blocks from flat parameters."""
        return Conditions(
            blocks={name: block.padded(parameters) for name, block in self.blocks.items()},
            constants=self.constants,
            hold=self.hold,
            zero_reset=self.zero_reset,
            noise=np.empty(0, self.dtype),
            key=0,
            bounds=np.array([-np.inf, np.inf], self.dtype),
            read=None,
        )

    @property
    def begins_at_rest(self):
        """Whether its neurons have no potential before the first step."""
        return self.neuron is None or not np.any(self.neuron.v_init)

    @property
    def adapts(self):
        """Whether its neurons adapt (`snnlab.adaptive.AdaptiveLIF`)."""
        return self.neuron is not None and self.neuron.adapts

    @property
    def fills_constants(self):
        """Whether gradients by learned constants are found as its neurons run backwards."""
        return self.fires and self.layer.fills_constants and not self.adapts

    @property
    def fires(self):
        """Whether its neurons spike."""
        return self.kind == "spiking"

    @property
    def rates(self):
        """Whether its units give activations, which are not their potentials."""
        return self.kind == "rate"

    def __repr__(self):
        return f"Stage({self.name}, {self.kind})"


def pack_constants(neuron, n, dtype):
    """A neuron's constants for a layer of n: (5, width), and hold steps (width,), padded.

    Of neurons that adapt there are 8 rows, as `snnlab.kernels.recurrent` takes them.
    """
    width = padded_width(n)
    c = neuron.constants(n, dtype)
    rows = c.decay_syn, c.decay_mem, c.gain, c.v_th, neuron.initial(n, dtype)
    rows += tuple(neuron.adaptation(n, dtype)) if neuron.adapts else ()
    packed, hold = aligned((len(rows), width), dtype), pad_units(c.hold, width)
    for row, x in zip(packed, rows, strict=True):
        row[:n] = x
    packed[3, n:] = 1
    return packed, hold


def without_units(constants, dropout):
    """Constants of a layer where some units hear nothing, and nothing flows back through them.

    They begin at rest, or a ``v_init`` would make them spike.
    """
    if dropout is None:
        return constants
    constants = constants.copy()
    constants[[2, 4], : len(dropout)] *= dropout
    return constants
