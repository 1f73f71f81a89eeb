"""Compressed networks: inference at a cost that follows the synapses a pruned network has left."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab._workers import share
from snnlab.currents import NO_EVENTS, ConstantCurrent, Values
from snnlab.kernels import events, lif
from snnlab.kernels import sparse as kernels
from snnlab.layers.known import check_dense
from snnlab.memory import aligned, padded_width, untouched
from snnlab.neurons import LIF
from snnlab.parameters import check_weights
from snnlab.passes import threads_worth
from snnlab.products import constant_product
from snnlab.record import Record, spike_bits
from snnlab.rewiring.connectivity import units_in_use
from snnlab.signals import SpikeTrains, check_inputs
from snnlab.trace import Trace

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from snnlab._types import Signals
    from snnlab.network import Network

# Share of weights that are not zero up to which compressed rows beat the dense product: measured
# (benchmarks/speed/sparse.py), for constant input and for spikes.
CURRENT, EVENTS = 0.2, 0.05
SHORT = 16_000  # and up to n / SHORT in layers of n units: short rows are quickly added whole
FEW, THIN = 32, 0.1  # of so few units a row is one vector: rows must be this thin to win


class CompressedNetwork:
    """A network's synapses without its zeros, to be run forward and never changed.

    `snnlab.evaluate`, `snnlab.training.predict_scores` and `snnlab.time_to_decision` take it as
    they take the network; made by `Network.compressed`.

    Parameters
    ----------
    network : Network
        It is copied: what happens to it later changes nothing here.
    threshold : float, optional
        Share of weights that are not zero, in [0, 1], up to which a layer runs on compressed rows;
        denser layers run on a dense copy. It is counted without the units that are left out. By
        default where rows were measured to be faster: up to 20 % under constant current; on spikes
        up to 5 % in layers of 800 units, less in smaller ones, 10 % in those of up to 32.
    unheard : bool
        Units without inputs, which never spike, are always left out, and by default units that
        lead nowhere too: their spikes are missing in the trace and in counts of hidden spikes.
        True keeps them.

    Attributes
    ----------
    sizes, neurons, n_steps, dtype, dt, spiking_readout, workers
        As the network's.
    units : tuple of array of int
        Per layer (hidden ones and the readout) the units that are simulated.
    n_synapses : array of int
        Per layer of weights, between units that are simulated.
    layers : list
        Each layer's synapses, in the forms that its kernels take.

    Raises
    ------
    TypeError, ValueError
        Arguments of the wrong kind or out of range; the message names the argument.

    Notes
    -----
    Results are those of the network: bit for bit where inputs are spikes, to rounding under
    constant current (products are added in another order). Spikes are named by the network's own
    numbers of units.

    Under a constant drive a unit's potential rises monotonically towards
    ``gain drive / (1 - decay_mem) / (1 - decay_syn)``, so a weak drive never reaches threshold:
    see `loudest_silence`. Such units are not simulated.
    """

    def __init__(
        self, network: Network, threshold: float | None = None, unheard: bool = False
    ) -> None:
        if not hasattr(network, "stages"):
            raise TypeError(f"network must be a Network, not {type(network).__name__}")
        instead = "run the network itself, network.forward(inputs, potentials=False)"
        check_dense(network, "a compressed network", instead)
        unheard = _check.flag("unheard", unheard)
        if threshold is not None:
            threshold = _check.number("threshold", threshold, at_least=0, at_most=1)
        check_weights(network)
        self.threshold, self.unheard = threshold, unheard
        self.sizes, self.neurons, self.n_steps = network.sizes, network.neurons, network.n_steps
        self.dtype, self.workers = network.dtype, network.workers
        part = units_in_use(network, unheard)
        self.units = tuple(np.flatnonzero(units) for units in part[1:])
        layers = zip(network.stages, network.weights, part[:-1], part[1:], strict=True)
        self.layers = [_Rows(*layer, network.n_steps) for layer in layers]
        self.n_synapses = np.array([len(layer.weight) for layer in self.layers])

    @property
    def spiking_readout(self) -> bool:
        """Whether the readout layer spikes."""
        return self.layers[-1].fires

    @property
    def dt(self) -> float:
        """Time step in seconds."""
        return self.neurons[-1].dt

    @property
    def nbytes(self) -> int:
        """Memory of the weights and their places, as far as they have been needed, in bytes."""
        return sum(layer.nbytes for layer in self.layers)

    def on_rows(self, constant: bool = False) -> list[bool]:
        """Per layer whether it runs on compressed rows; ``constant``: under a `ConstantCurrent`."""
        constant = _check.flag("constant", constant)
        return [
            layer.on_rows(self.threshold, constant and k == 0)
            for k, layer in enumerate(self.layers)
        ]

    # forward ------------------------------------------------------------------------------------

    def forward(
        self,
        inputs: Signals,
        *,
        on: None = None,
        potentials: bool = False,
        dropout: list[np.ndarray | None] | None = None,
        out: Trace | None = None,
    ) -> Trace:
        """Run a batch.

        Parameters
        ----------
        inputs : SpikeTrains or ConstantCurrent
            ``n_units`` and ``n_steps`` as the network's.
        on : None
            Only the simulation runs it, no chip.
        potentials : bool
            Must be False: none are kept.
        dropout : None
            Dropout belongs to training, of which there is none.
        out : Trace, optional
            A trace of an earlier call, to be written over: its memory is used again if it fits.

        Returns
        -------
        Trace
        """
        self.check_inputs(inputs)
        if on is not None:
            raise TypeError("on must be None: no compressed network runs on a chip")
        if _check.flag("potentials", potentials):
            raise ValueError("potentials must be False: a compressed network keeps none")
        if dropout is not None:
            raise ValueError("dropout must be None: a compressed network has none")
        trace = self._empty_trace(inputs, out)
        trace.inputs = inputs
        n, rows = len(inputs), self.on_rows(isinstance(inputs, ConstantCurrent))
        width = sum(layer.width for layer in self.layers)
        workers = threads_worth(n * self.n_steps * width, self.workers)
        x = None
        if isinstance(inputs, ConstantCurrent):
            x, first = np.require(inputs.x, self.dtype, "C"), self.layers[0]
            columns = first.columns
            if not rows[0]:  # the drive, from a dense product, leads to each unit as it is
                columns = first.one_to_one
                x = aligned((n, first.width), self.dtype)
                fill = constant_product(inputs, first.dense, x)
                if fill is not None:
                    share(fill, n, workers)

        def work(lo, hi):
            source = inputs
            for k, layer in enumerate(self.layers):
                own = trace.records[k].spikes
                if k == 0 and x is not None:
                    layer.run_constant(x, columns, lo, hi, own, trace.readout)
                else:
                    layer.run(source.events, rows[k], lo, hi, own, trace.readout)
                source = own
            if own is not None:
                events.mark(*own.events, lo, hi, trace.readout)

        share(work, n, workers)
        return trace

    def check_inputs(self, inputs: Signals, name: str = "inputs") -> None:
        """As `Network.check_inputs`; values step by step are refused."""
        check_inputs(name, inputs, self.sizes[0], self.n_steps, self.dtype)
        if isinstance(inputs, Values):
            raise TypeError(
                f"{name} must be SpikeTrains or ConstantCurrent, not Values, for a compressed "
                "network of dense layers: run the network itself on those"
            )

    def _empty_trace(self, inputs, out):
        """A trace to fill: ``out`` if it fits, else a new one."""
        if out is not None and not isinstance(out, Trace):
            raise TypeError(f"out must be a Trace, not {type(out).__name__}")
        n_samples = len(inputs)
        shape = n_samples, self.n_steps, self.sizes[-1]
        rooms = [n_samples * layer.room for layer in self.layers if layer.fires]
        fits = (
            isinstance(out, _CompressedTrace)
            and out.readout.shape == shape
            and out.readout.dtype == self.dtype
            and [record.n for record in out.records] == list(self.sizes[1:])
            and [len(train.step) for train in out.spikes] == rooms
            and not any(train.events[2] is inputs.events[2] for train in out.spikes)
        )
        if fits:
            return out
        readout, records = np.zeros(shape, self.dtype), []
        for k, (size, layer) in enumerate(zip(self.sizes[1:], self.layers, strict=True)):
            name = f"layer {k}"
            if not layer.fires:
                records.append(Record(name, "integrator", size, values=readout))
                continue
            room = n_samples * layer.room
            bounds = (np.zeros(n_samples, np.int64) for _ in range(2))
            arrays = (untouched(room) for _ in range(2))
            spikes = SpikeTrains.wrap(*bounds, *arrays, self.n_steps, size)
            records.append(Record(name, "spiking", size, spikes=spikes))
        return _CompressedTrace(None, records, readout)

    def __repr__(self):
        sizes = "-".join(map(str, self.sizes))
        simulated = sum(map(len, self.units))
        return (
            f"CompressedNetwork({sizes}, {self.n_synapses.sum():,} synapses, "
            f"{simulated:,} of {sum(self.sizes[1:]):,} units)"
        )


class _CompressedTrace(Trace):
    """A trace whose memory only compressed networks write over: its events lie densely."""


class _Rows:
    """A layer's synapses and constants, its units counted without those that are left out.

    Parameters
    ----------
    stage : Stage
        The layer in the network.
    w : array (n_in, n)
    below, units : array of bool
        Which of its inputs and of its units are simulated.
    n_steps : int
    """

    def __init__(self, stage, w, below, units, n_steps):
        source, target = np.nonzero((w != 0) & below[:, None] & units)
        units = np.flatnonzero(units) if units.any() else np.zeros(1, int)  # a layer is never empty
        self.neuron, self.fires, self.n_steps = stage.model, stage.fires, n_steps
        self.n_in, self.n, self.n_all = len(w), len(units), stage.n
        self.width, self.zero_reset = padded_width(self.n), stage.zero_reset
        self.name = units.astype(np.int32)
        self.weight, self.unit = w[source, target], np.searchsorted(units, target).astype(np.int32)
        self.indptr = np.searchsorted(source, np.arange(self.n_in + 1)).astype(np.int64)
        self.density = len(self.weight) / max(1, below.sum() * self.n)
        self.constants = np.zeros((5, self.width), w.dtype)
        self.constants[3] = np.inf
        self.constants[:, : self.n] = stage.constants[:, units]
        self.hold = np.zeros(self.width, np.int32)
        self.hold[: self.n] = stage.hold[units]
        # for a spike of every unit in every step, and eight that are written but not kept
        self.room = n_steps * self.n + 8
        self.numbers = kernels.firing(
            zero_reset=self.zero_reset, delay=self.neuron.delay, n_steps=n_steps, room=self.room
        )

    def on_rows(self, threshold, constant):
        """Whether rows are worth it (or asked for)."""
        if threshold is not None:
            return self.density <= threshold
        if self.n <= FEW and not constant:
            return self.density <= THIN
        return self.density <= (CURRENT if constant else min(EVENTS, self.n / SHORT))

    @property
    def rows(self):
        """Synapses input by input."""
        return self.indptr, self.unit, self.weight

    @cached_property
    def columns(self):
        """The same unit by unit: inputs that lead anywhere, bounds, places among them, weights."""
        order = np.argsort(self.unit, kind="stable")
        inputs, source = np.unique(
            np.repeat(np.arange(self.n_in), np.diff(self.indptr)), return_inverse=True
        )
        bounds = np.searchsorted(self.unit[order], np.arange(self.n + 1)).astype(np.int64)
        return inputs, bounds, source[order].astype(np.int32), self.weight[order]

    @cached_property
    def one_to_one(self):
        """Columns that pass a drive on as it is."""
        units = np.arange(self.n + 1)
        return units[:-1], units, units[:-1].astype(np.int32), np.ones(self.n, self.weight.dtype)

    @cached_property
    def dense(self):
        """The same as an array (n_in, width)."""
        out = aligned((self.n_in, self.width), self.weight.dtype)
        out[np.repeat(np.arange(self.n_in), np.diff(self.indptr)), self.unit] = self.weight
        return out

    @cached_property
    def loudest(self):
        """Per unit the largest constant drive under which it is silent."""
        return loudest_silence(self.neuron, self.n_steps, self.n_all, self.weight.dtype)[self.name]

    @property
    def nbytes(self):
        """Bytes of all forms that were needed."""
        held = vars(self)
        forms = *self.rows, *held.get("columns", ()), held.get("dense", self.weight[:0])
        return sum(x.nbytes for x in forms)

    def run_constant(self, x, columns, lo, hi, own, readout):
        """Some samples under constant inputs (sample, input); fills ``own`` or ``readout``."""
        if self.fires:
            kernels.fire_constant(
                x, *columns, self.loudest, self.constants, self.hold, self.numbers, self.name,
                lo, hi, *own.events,
            )  # fmt: skip
            return
        drive = aligned((len(x), 1, self.width), self.weight.dtype)
        kernels.multiply(x, *columns, lo, hi, drive[:, 0, : self.n])
        self._integrate(NO_EVENTS, drive, lo, hi, readout)

    def run(self, source, on_rows, lo, hi, own, readout):
        """Some samples on events (start, stop, step, unit)."""
        delay, constants = self.neuron.delay, self.constants
        no_drive = np.empty((0, 1, 1), self.weight.dtype)
        if not self.fires and on_rows:
            kernels.integrate(*source, *self.rows, constants, delay, lo, hi, readout)
        elif not self.fires:
            self._integrate(source, no_drive, lo, hi, readout)
        elif on_rows:
            kernels.fire(
                *source, *self.rows, constants, self.hold, self.numbers, self.name, lo, hi,
                *own.events,
            )  # fmt: skip
        else:
            v = aligned((1, self.n_steps, self.width), self.weight.dtype)
            z = spike_bits(1, self.n_steps, self.width)
            own.events[0][lo:hi] = np.arange(lo, hi) * self.room
            numbers = lif.firing(zero_reset=self.zero_reset, delay=delay, keep=False)
            lif.fire(
                *source, no_drive, self.dense, constants, self.hold, *_ideal(v.dtype), numbers,
                v, z, *own.events, lo, hi,
            )  # fmt: skip
            if self.n < self.n_all:
                start, stop, _, unit = own.events
                kernels.rename(start, stop, unit, self.name, lo, hi)

    def _integrate(self, source, drive, lo, hi, readout):
        """A readout whose weights are dense, or whose currents are there."""
        numbers = lif.integrating(delay=self.neuron.delay)
        lif.integrate(
            *source, drive, self.dense, self.constants, *_ideal(drive.dtype), numbers, readout,
            lo, hi,
        )  # fmt: skip


def _ideal(dtype):
    """Neither noise nor bounds of the membrane."""
    return np.empty(0, dtype), np.array([-np.inf, np.inf], dtype)


def loudest_silence(
    neuron: LIF, n_steps: int, n: int = 1, dtype: DTypeLike = np.float32
) -> np.ndarray:
    """The largest constant drive under which a neuron never spikes within a sample.

    Under a constant drive x the potential before the first spike is

        v[t] = b v[t-1] + g I[t],    I[t] = a I[t-1] + x

    Each operation, also rounded, never falls when what goes into it rises (a, b and g are not
    negative). So v[t] never falls with x, and there is a largest x that leaves it at or below
    threshold for ``n_steps``; a unit with less drive is silent too. It is found by bisection among
    the floating-point numbers, with the simulation's own operations, and is therefore exact. For
    many steps, and but for rounding, it is ``v_th (1 - a) (1 - b) / g``.

    Parameters
    ----------
    neuron : LIF
        That begins at rest.
    n_steps : int
    n : int
        Neurons; more than one where the model has values per neuron.
    dtype : numpy.float32 or numpy.float64

    Returns
    -------
    array (n,)
        Infinite where no drive makes it spike; -inf with a negative gain, where this does not hold.

    Examples
    --------
    >>> import snnlab
    >>> float(loudest_silence(snnlab.LIF.grad_r(), 8)[0])
    1.00392...
    """
    if not isinstance(neuron, LIF) or neuron.adapts:
        raise TypeError(f"neuron must be LIF, not {type(neuron).__name__}")
    if np.any(neuron.v_init):
        raise ValueError("neuron must begin at rest: v_init must be 0")
    n_steps = _check.integer("n_steps", n_steps, 1, _check.MOST_STEPS)
    n = _check.integer("n", n, 1, _check.MOST_UNITS)
    dtype = _check.float_type("dtype", dtype)
    c = neuron.constants(n, dtype)
    integer = np.int32 if c.gain.dtype == np.float32 else np.int64

    def spikes(x):
        v = current = np.zeros_like(x)
        spiked = np.zeros(n, bool)
        for _ in range(n_steps - neuron.delay):
            current = c.decay_syn * current + x
            v = c.decay_mem * v + c.gain * current
            spiked |= v > c.v_th
        return spiked

    # positive floating-point numbers are in the order of their bits read as integers
    low = np.zeros(n, integer)
    high = np.full(n, np.finfo(dtype).max, dtype).view(integer)
    with np.errstate(over="ignore", invalid="ignore"):
        out = np.where(spikes(high.view(dtype)), 0, np.inf).astype(dtype)
        while (high - low).max() > 1:
            middle = low + (high - low) // 2
            loud = spikes(middle.view(dtype))
            low, high = np.where(loud, low, middle), np.where(loud, middle, high)
    return np.where(c.gain < 0, -np.inf, out + low.view(dtype)).astype(dtype)
