"""`Trace`: what happened in a forward pass, layer by layer; all that a backward pass reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from snnlab import _capacity, _check
from snnlab.currents import ConstantCurrent, Values
from snnlab.record import Record
from snnlab.signals import SpikeTrains

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from snnlab._types import Signals
    from snnlab.network import Network


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

    def __init__(
        self, inputs: Signals, records: list[Record], readout: np.ndarray, reusable: bool = False
    ) -> None:
        self.inputs, self.records, self.readout = inputs, records, readout
        self._reusable = reusable  # whether a forward pass made its arrays, and may use them again

    def signal_of(self, source: int) -> Signals:
        """What layer ``source`` gives to those above; of -1 the inputs."""
        source = _check.integer("source", source, -1, len(self.records) - 1)
        return self.inputs if source < 0 else self.records[source].signal

    @classmethod
    def empty(
        cls, network: Network, inputs: Signals, potentials: bool, out: Trace | None = None
    ) -> Self:
        """A trace to fill: ``out`` if it was made for such a network and batch, else a new one."""
        if out is not None:
            _check.kind("Trace")("out", out)
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
        _capacity.check(network, type(inputs), n_samples, potentials)
        records = [
            Record.empty(stage, n_samples, network.n_steps, network.dtype, potentials)
            for stage in network.stages
        ]
        readout = records[-1].values
        if readout is None:
            readout = np.zeros((n_samples, network.n_steps, last.n), network.dtype)
        return cls(inputs, records, readout, reusable=True)

    @classmethod
    def measured(
        cls,
        inputs: Signals,
        v: Sequence[np.ndarray],
        spikes: Sequence[SpikeTrains],
        readout: np.ndarray | None = None,
        dropout: list[np.ndarray | None] | None = None,
    ) -> Self:
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
            kinds = "SpikeTrains, ConstantCurrent or Values"
            raise TypeError(f"inputs must be {kinds}, not {type(inputs).__name__}")
        v, spikes = _check.sequence("v", v), _check.sequence("spikes", spikes)
        if len(v) != len(spikes) or not spikes:
            raise ValueError("v and spikes must have one entry per spiking layer, at least one")
        dtype = _check.precision("v[0]", v[0])
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
            readout = _check.array("readout", readout, dtype, (len(inputs), inputs.n_steps, None))
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

    def fits(self, network: Network, n_samples: int, potentials: bool = True) -> bool:
        """Whether each layer's arrays are those of a network's layer and a batch of this size."""
        records = self.records
        stages = _check.network("network", network, needs="stages").stages
        if type(n_samples) is not int:
            n_samples = _check.integer("n_samples", n_samples)
        shape = n_samples, network.n_steps
        readout = self.readout.shape[:2], self.readout.dtype
        if len(records) != len(stages) or readout != (shape, network.dtype):
            return False
        for record, stage in zip(records, stages, strict=True):
            if record.kind != stage.kind or record.n != stage.n or record.unlike(potentials):
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
    def spiking_readout(self) -> bool:
        """Whether the last layer spikes, and is read out as 0 and 1."""
        return self.records[-1].kind == "spiking"

    @property
    def spikes(self) -> list[SpikeTrains]:
        """Per layer of neurons that spike, its `SpikeTrains`."""
        return [record.spikes for record in self.records if record.kind == "spiking"]

    @property
    def v(self) -> list[np.ndarray]:
        """Per layer of neurons (sample, time, unit), in order of time; views of the trace."""
        return [record.v for record in self.records if record.kind != "transform"]

    @property
    def hidden_records(self) -> list[Record]:
        """Records of the layers whose neurons spike, but for the last layer of neurons."""
        neurons = [record for record in self.records if record.kind != "transform"]
        return [record for record in neurons[:-1] if record.kind == "spiking"]

    @property
    def hidden(self) -> list[SpikeTrains]:
        """The hidden layers' `SpikeTrains`."""
        return [record.spikes for record in self.hidden_records]

    @property
    def dropout(self) -> list[np.ndarray | None]:
        """Per hidden layer which units took part, array of bool or None: all."""
        return [record.dropout for record in self.hidden_records]

    def hidden_counts(self) -> np.ndarray:
        """Spikes per sample in all hidden layers together, int64 (n_samples,)."""
        return sum((train.counts() for train in self.hidden), np.zeros(len(self.inputs), np.int64))

    def __len__(self):
        return len(self.inputs)

    def __repr__(self):
        layers = ", ".join(f"{record.name} ({record.kind})" for record in self.records)
        return f"Trace({len(self)} samples, {self.inputs.n_steps} steps: {layers})"
