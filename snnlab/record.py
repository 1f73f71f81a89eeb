"""`Record`: what happened in one layer, as a forward pass keeps it."""

import numpy as np

from snnlab.currents import Values
from snnlab.kernels import lif
from snnlab.memory import aligned, pad_units, padded_width, untouched
from snnlab.signals import SpikeTrains

__all__ = ["Record"]


class Record:
    """What happened in one layer.

    Parameters
    ----------
    name : str
        The layer's.
    kind : {"spiking", "rate", "integrator", "transform"}
        Whether its units are neurons that spike, units that give rates, neurons without a
        threshold, or no neurons.
    n : int
        Units.

    Attributes
    ----------
    spikes : SpikeTrains or None
        Where the units spike. Of layers that only keep `bits` they are listed when first asked for.
    potentials : array (sample, time, width) or None
        Of spiking neurons, padded, **last step first** (`snnlab.kernels.lif`); None if they were
        not kept.
    bits : array of uint8 (sample, block, width) or None
        Their spikes once more, a byte for eight steps.
    lists_events : bool
        Whether spikes are listed as a layer runs, not when they are asked for.
    values : array (sample, time, n) or None
        Potentials of an integrator, activations, or what a transform made of its input.
    before : array (sample, time, n) or None
        Of units that give rates, the potentials; of no samples if they were not kept.
    dropout : array of bool (n,) or None
        Which units took part; None: all.
    statistics : Statistics or None
        Of the batch, where the layer's currents were normalised by them (`snnlab.layers.norm`).
    currents : array (sample, time or 1, n) or None
        Those currents, as they were before.
    """

    def __init__(self, name, kind, n, *, spikes=None, values=None):
        self.name, self.kind, self.n, self._spikes, self.values = name, kind, n, spikes, values
        self.potentials, self.bits, self.dropout, self.before = None, None, None, None
        self.lists_events, self._n_steps = True, None
        self.statistics, self.currents = None, None

    @classmethod
    def empty(cls, stage, n_samples, n_steps, dtype, potentials):
        """Memory for what a layer of a network will do."""
        self = cls(stage.name, stage.kind, stage.n)
        if stage.gives is not SpikeTrains:
            self.values = np.zeros((n_samples, n_steps, stage.n), dtype)
            if stage.rates:
                self.before = np.zeros((n_samples if potentials else 0, n_steps, stage.n), dtype)
            return self
        self.lists_events, self._n_steps = stage.lists_events, n_steps
        if stage.layer.keeps_bits:
            self.bits = spike_bits(n_samples, n_steps, stage.width)
        if potentials and stage.fires:
            self.potentials = aligned((n_samples, n_steps, stage.width), dtype)
            self.bits = spike_bits(n_samples, n_steps, stage.width)
        if not self.lists_events:
            return self
        # room for a spike of every unit in every step, and for eight that are written but not kept
        room = n_steps * stage.n + 8
        start = np.arange(n_samples) * room
        step, unit = (untouched(n_samples * room) for _ in range(2))
        self._spikes = SpikeTrains.wrap(start, start.copy(), step, unit, n_steps, stage.n)
        return self

    @classmethod
    def measured(cls, name, potential, spikes):
        """That of spiking neurons, from their potentials (sample, time, unit) and spikes."""
        self = cls(name, "spiking", spikes.n_units, spikes=spikes)
        width = padded_width(self.n)
        self.potentials = pad_units(potential[:, ::-1], width)
        self.bits = spike_bits(len(spikes), spikes.n_steps, width)
        lif.mark_spikes(*spikes.events, self.bits)
        return self

    @property
    def spikes(self):
        """Where the units spike, SpikeTrains; None if they do not."""
        if self._spikes is None and self.bits is not None:
            self._spikes = _listed(self.bits, self.n, self._n_steps)
        return self._spikes

    def mean_count(self):
        """Spikes per sample, a mean."""
        if self._spikes is None:
            return np.bitwise_count(self.bits[:, :, : self.n]).sum() / len(self.bits)
        return self._spikes.counts().mean()

    def begin(self):
        """Forget what was listed: a forward pass is about to write over it."""
        self.statistics = None
        if not self.lists_events:
            self._spikes = None

    def currents_of(self, shape, dtype):
        """Memory for the currents."""
        known = self.currents
        if known is None or known.shape != shape or known.dtype != dtype:
            self.currents = aligned(shape, dtype)
        return self.currents

    def holds(self, n_samples, n_steps, width, dtype, potentials):
        """Whether it has spikes of so many samples, steps and units, padded, and potentials."""
        train = self._spikes if self.lists_events else None
        wanted = n_samples, n_steps, self.n
        if train is not None and (len(train), train.n_steps, train.n_units) != wanted:
            return False
        if train is None and self._n_steps != n_steps:
            return False
        blocks = n_samples, -(-n_steps // lif.BLOCK), width
        if (potentials or train is None) and (self.bits is None or self.bits.shape != blocks):
            return False
        return self.potentials is None or (
            self.potentials.shape == (n_samples, n_steps, width) and self.potentials.dtype == dtype
        )

    def reads(self, inputs):
        """Whether inputs are what this layer gave, and may be written over."""
        if isinstance(inputs, SpikeTrains):
            return self._spikes is not None and self._spikes.events[2] is inputs.events[2]
        return self.values is not None and np.may_share_memory(self.values, inputs.x)

    def values_of(self, lo, hi, dtype):
        """What samples lo to hi - 1 give, (sample, time, n), also while a layer still runs."""
        if self.lists_events or self.bits is None:
            return self.signal.values(lo, hi, dtype)
        given = np.unpackbits(self.bits[lo:hi, :, None, : self.n], axis=2, bitorder="little")
        return given.reshape(hi - lo, -1, self.n)[:, : self._n_steps].astype(dtype)

    @property
    def v(self):
        """Potentials in order of time, (sample, time, n); a view."""
        if self.kind not in ("spiking", "rate"):
            return self.values
        if not self.holds_potentials:
            raise ValueError("this trace was made with potentials=False: it holds none")
        return self.before if self.kind == "rate" else self.potentials[:, ::-1, : self.n]

    def unlike(self, potentials):
        """Whether units that give rates keep potentials, or not, other than asked for."""
        return self.kind == "rate" and self.holds_potentials != potentials

    @property
    def holds_potentials(self):
        """Whether the potentials are there that a backward pass reads."""
        if self.kind == "rate":
            return len(self.before) == len(self.values)
        return self.kind != "spiking" or self.potentials is not None

    @property
    def signal(self):
        """What the layer above hears: spikes, or values."""
        return self.spikes if self.values is None else Values.wrap(self.values)

    def __repr__(self):
        return f"Record({self.name}, {self.kind}, {self.n} units)"


def _listed(bits, n, n_steps):
    """Events of units whose spikes are bits."""
    counts = np.bitwise_count(bits[:, :, :n]).sum(axis=(1, 2), dtype=np.int64)
    start = np.cumsum(counts) - counts
    # samples are listed in turn: the 8 slots that each may write over are the next one's
    step, unit = (np.empty(counts.sum() + 8, np.int32) for _ in range(2))
    train = SpikeTrains.wrap(start, start.copy(), step, unit, n_steps, n)
    lif.list_all(bits, n, n_steps, *train.events, 0, len(bits))
    return train


def spike_bits(n_samples, n_steps, width):
    """Memory for a layer's spikes as `kernels.lif` keeps them: a byte per unit and eight steps."""
    return aligned((n_samples, -(-n_steps // lif.BLOCK), width), np.uint8)
