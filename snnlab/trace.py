"""`Trace`: what happened in a forward pass, layer by layer; all that a backward pass reads."""

import numpy as np

from snnlab import _check
from snnlab.kernels import lif
from snnlab.memory import aligned, pad_units, padded_width
from snnlab.signals import ConstantCurrent, SpikeTrains, Values


class Record:
    """What happened in one layer.

    Parameters
    ----------
    name : str
        The layer's.
    kind : {"spiking", "integrator", "transform"}
        Whether its units are neurons that spike, neurons without a threshold, or no neurons.
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
        Potentials of an integrator, or what a transform made of its input.
    dropout : array of bool (n,) or None
        Which units took part; None: all.
    """

    def __init__(self, name, kind, n, *, spikes=None, values=None):
        self.name, self.kind, self.n, self._spikes, self.values = name, kind, n, spikes, values
        self.potentials, self.bits, self.dropout = None, None, None
        self.lists_events, self._n_steps = True, None

    @classmethod
    def empty(cls, stage, n_samples, n_steps, dtype, potentials):
        """Memory for what a layer of a network will do."""
        self = cls(stage.name, stage.kind, stage.n)
        if stage.gives is not SpikeTrains:
            self.values = np.zeros((n_samples, n_steps, stage.n), dtype)
            return self
        self.lists_events, self._n_steps = stage.lists_events, n_steps
        if stage.layer.keeps_bits:
            self.bits = spike_bits(n_samples, n_steps, stage.width)
        if potentials and stage.fires:
            self.potentials = aligned((n_samples, n_steps, stage.width), dtype)
            self.bits = spike_bits(n_samples, n_steps, stage.width)
        if not self.lists_events:
            return self
        # room for a spike of every unit in every step, and for eight that are written but not kept;
        # memory that is not written costs none
        room = n_steps * stage.n + 8
        start = np.arange(n_samples) * room
        step, unit = (np.empty(n_samples * room, np.int32) for _ in range(2))
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

    def begin(self):
        """Forget what was listed: a forward pass is about to write over it."""
        if not self.lists_events:
            self._spikes = None

    def holds(self, n_samples, n_steps, width, dtype, potentials):
        """Whether it has spikes of so many samples, steps and units, padded, and potentials."""
        train = self._spikes if self.lists_events else None
        if train is not None and (len(train), train.n_steps) != (n_samples, n_steps):
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
        if self.kind != "spiking":
            return self.values
        if self.potentials is None:
            raise ValueError("this trace was made with potentials=False: it holds none")
        return self.potentials[:, ::-1, : self.n]

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


class Trace:
    """What happened in a forward pass, simulated or measured: all that a backward pass reads.

    Attributes
    ----------
    inputs : SpikeTrains, ConstantCurrent or Values
    records : list of Record
        One per layer.
    readout : array (sample, time, class)
        Potentials of a leaky-integrator readout, 0 and 1 of a spiking one, else the last layer's
        values.
    """

    def __init__(self, inputs, records, readout, reusable=False):
        self.inputs, self.records, self.readout = inputs, records, readout
        self._reusable = reusable  # whether a forward pass made its arrays, and may use them again

    @classmethod
    def empty(cls, network, inputs, potentials, out=None):
        """A trace to fill: ``out`` if it was made for such a network and batch, else a new one."""
        if out is not None and not isinstance(out, Trace):
            raise TypeError(f"out must be a Trace, not {type(out).__name__}")
        _check.network("network", network, needs="stages")
        if not isinstance(inputs, SpikeTrains | ConstantCurrent | Values):
            network.check_inputs(inputs)
        potentials = _check.flag("potentials", potentials)
        n_samples, last = len(inputs), network.stages[-1]
        if out is not None and out._may_be_written(network, inputs, potentials):
            out.inputs = inputs
            for record in out.records:
                record.begin()
            return out
        records = [
            Record.empty(stage, n_samples, network.n_steps, network.dtype, potentials)
            for stage in network.stages
        ]
        readout = records[-1].values
        if readout is None:
            readout = np.zeros((n_samples, network.n_steps, last.n), network.dtype)
        return cls(inputs, records, readout, reusable=True)

    @classmethod
    def measured(cls, inputs, v, spikes, readout=None, dropout=None):
        """A trace from measured or recorded arrays; `Network.backward` reads it like any other.

        Parameters
        ----------
        inputs : SpikeTrains or ConstantCurrent
        v : list of array (sample, time, unit)
            Per spiking layer the potential that was compared with the threshold.
        spikes : list of SpikeTrains
            Per spiking layer.
        readout : array (sample, time, class), optional
            Potentials of the leaky-integrator readout; left out, the last spiking layer reads out.
        dropout : list of (array of bool or None), optional
            Per hidden layer which units took part; all by default.

        Raises
        ------
        TypeError, ValueError
            Shapes that do not fit each other, values that are not finite.
        """
        if not isinstance(inputs, SpikeTrains | ConstantCurrent | Values):
            raise TypeError(
                f"inputs must be SpikeTrains, ConstantCurrent or Values, "
                f"not {type(inputs).__name__}"
            )
        v, spikes = _check.sequence("v", v), _check.sequence("spikes", spikes)
        if len(v) != len(spikes) or not spikes:
            raise ValueError("v and spikes must have one entry per spiking layer, at least one")
        double = getattr(v[0], "dtype", None) == np.float64
        dtype = np.float64 if double else np.float32
        records = []
        for k, (potential, train) in enumerate(zip(v, spikes, strict=True)):
            if not isinstance(train, SpikeTrains):
                raise TypeError(f"spikes[{k}] must be SpikeTrains, not {type(train).__name__}")
            shape = (len(inputs), inputs.n_steps, train.n_units)
            if (len(train), train.n_steps) != shape[:2]:
                raise ValueError(f"spikes[{k}] and inputs differ in samples or steps")
            potential = _check.array(f"v[{k}]", potential, dtype, shape)
            records.append(Record.measured(f"layer {k}", potential, train))
        if readout is None:
            readout = spikes[-1].to_dense(dtype)
        else:
            shape = (len(inputs), inputs.n_steps, None)
            readout = _check.array("readout", readout, dtype, shape)
            n = readout.shape[2]
            records.append(Record(f"layer {len(v)}", "integrator", n, values=readout))
        hidden = records[:-1]
        masks = _check.masks("dropout", dropout, [record.n for record in hidden])
        for record, mask in zip(hidden, masks, strict=True):
            record.dropout = mask
        return cls(inputs, records, readout)

    def _may_be_written(self, network, inputs, potentials):
        """Whether a forward pass may write over this trace."""
        return (
            self._reusable
            and self.fits(network, len(inputs), potentials)
            and [r.name for r in self.records] == [stage.name for stage in network.stages]
            # what a layer gives may be the next network's input: do not write over what is read
            and not any(record.reads(inputs) for record in self.records)
        )

    def fits(self, network, n_samples, potentials=True):
        """Whether each layer's arrays are those of a network's layer and a batch of this size."""
        records = self.records
        stages = _check.network("network", network, needs="stages").stages
        if type(n_samples) is not int:
            n_samples = _check.integer("n_samples", n_samples)
        shape = n_samples, network.n_steps
        if len(records) != len(stages) or self.readout.shape[:2] != shape:
            return False
        if self.readout.dtype != network.dtype:
            return False
        for record, stage in zip(records, stages, strict=True):
            if record.kind != stage.kind or record.n != stage.n:
                return False
            if (record.values is None) != (stage.gives is SpikeTrains):
                return False
            if record.values is not None:
                if record.values.shape != (*shape, stage.n) or record.values.dtype != network.dtype:
                    return False
            elif stage.fires and (record.potentials is not None) != potentials:
                return False
            elif not record.holds(*shape, stage.width, network.dtype, potentials and stage.fires):
                return False
        return True

    @property
    def spiking_readout(self):
        """Whether the last layer spikes, and is read out as 0 and 1."""
        return self.records[-1].kind == "spiking"

    @property
    def spikes(self):
        """Per layer of neurons that spike, its `SpikeTrains`."""
        return [record.spikes for record in self.records if record.kind == "spiking"]

    @property
    def v(self):
        """Per layer of neurons (sample, time, unit), in order of time; views of the trace."""
        return [record.v for record in self.records if record.kind != "transform"]

    @property
    def hidden_records(self):
        """Records of the layers whose neurons spike, but for the last layer of neurons."""
        neurons = [record for record in self.records if record.kind != "transform"]
        return [record for record in neurons[:-1] if record.kind == "spiking"]

    @property
    def hidden(self):
        """The hidden layers' `SpikeTrains`."""
        return [record.spikes for record in self.hidden_records]

    @property
    def dropout(self):
        """Per hidden layer which units took part, array of bool or None: all."""
        return [record.dropout for record in self.hidden_records]

    def hidden_counts(self):
        """Spikes per sample in all hidden layers together, int64 (n_samples,)."""
        return sum((train.counts() for train in self.hidden), np.zeros(len(self.inputs), np.int64))

    def __len__(self):
        return len(self.inputs)

    def __repr__(self):
        layers = ", ".join(f"{record.name} ({record.kind})" for record in self.records)
        return f"Trace({len(self)} samples, {self.inputs.n_steps} steps: {layers})"
