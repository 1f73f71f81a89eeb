"""`Network`: layers of spiking neurons, run forward to a `Trace` and backward from one."""

import copy
import json
from collections import namedtuple
from collections.abc import Sequence
from functools import partial

import numpy as np

from snnlab import _check
from snnlab._files import load_npz, save_npz
from snnlab._workers import share, worker_count
from snnlab.kernels import drive, lif
from snnlab.kernels.vector import NARROW
from snnlab.neurons import LIF, Constants, LeakyIntegrator
from snnlab.spikes import ConstantCurrent, SpikeTrains
from snnlab.surrogate import NAMES

FORMAT = 1


def _padded(n, fires=True):
    """Units a layer is stored with: whole tiles of `snnlab.kernels.vector`, on any processor.

    The added units have weight and gain zero: they never spike, and their gradient is zero. A
    narrow integrator has no tiles: each of its units runs through time on its own.
    """
    if n <= NARROW:
        return NARROW if fires else n
    return -(-n // 64) * 64


def _aligned(shape, dtype):
    """Zeros that begin on a cache line, so that rows of padded layers never straddle two."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    raw = np.zeros(size + 64, np.uint8)
    offset = -raw.ctypes.data % 64
    return raw[offset : offset + size].view(dtype).reshape(shape)


def _again(out, shape, dtype):
    """``out`` if it fits, else fresh memory."""
    fits = out is not None and out.shape == shape and out.dtype == dtype
    return out if fits else _aligned(shape, dtype)


def _spike_bits(n_samples, n_steps, width):
    """Memory for a layer's spikes as `kernels.lif` keeps them: a byte per unit and eight steps."""
    return _aligned((n_samples, -(-n_steps // lif.BLOCK), width), np.uint8)


def _pad_units(x, n, out=None):
    """``x`` with its last axis filled up with zeros to length n, on cache lines.

    ``out`` is what an earlier call returned; its memory is used again if it fits.
    """
    out = _again(out, (*x.shape[:-1], n), x.dtype)
    out[..., : x.shape[-1]] = x
    return out


def _chunk_borders(n_samples):
    """Borders of the chunks whose gradients are summed in order.

    They depend on the batch alone, not on the number of threads, and so does the sum.
    """
    n = 1 if n_samples < 32 else 2 if n_samples < 64 else 4 if n_samples < 256 else 8
    return np.arange(n + 1) * n_samples // n


def _filled(product, x, c, y, base, out, lo, hi):
    """Some rows of a product (or pairs of rows), for `share`."""
    product(x, c, y, base, lo, hi, out)


def _check_kept(kept, sizes):
    """Masks of the hidden layers' units, as copies: a trace holds them until the backward pass."""
    if kept is None:
        return [None] * len(sizes)
    if len(kept) != len(sizes):
        raise ValueError(f"kept must have {len(sizes)} entries, one per hidden layer")
    checked = []
    for k, (mask, n) in enumerate(zip(kept, sizes, strict=True)):
        if mask is not None:
            mask = np.array(mask)
            if mask.dtype != np.bool_:
                raise TypeError(f"kept[{k}] must hold True and False, not {mask.dtype}")
            if mask.shape != (n,):
                raise ValueError(f"kept[{k}] must have shape ({n},), got {mask.shape}")
        checked.append(mask)
    return checked


class Trace:
    """What happened in a forward pass, simulated or measured: all that a backward pass reads.

    Attributes
    ----------
    inputs : SpikeTrains or ConstantCurrent
    spikes : list of SpikeTrains
        Per spiking layer.
    readout : array (sample, time, class)
        Potentials of a leaky-integrator readout, or 0 and 1 of a spiking one.
    spiking_readout : bool
    kept : list of (array of bool or None), one per hidden layer
        Which units took part (dropout); None: all.
    """

    def __init__(self, inputs, spikes, readout, spiking_readout, kept, potentials=None, bits=None):
        self.inputs, self.spikes, self.readout = inputs, spikes, readout
        self.spiking_readout, self.kept = spiking_readout, kept
        # per spiking layer, padded (kernels.lif): potentials, last step first; spikes as bits
        self._potentials, self._bits = potentials, bits
        self._own = False  # whether its arrays were made by a forward pass, which may reuse them
        # working memory, kept for the next trace in the same memory: of the backward pass; padded
        # gradients, by name; what constant inputs feed the first layer
        self._buffers, self._padded, self._drive = {}, {}, None

    @classmethod
    def measured(cls, inputs, v, spikes, readout=None, kept=None):
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
        kept : list of (array of bool or None), optional
            Per hidden layer which units took part; all by default.

        Raises
        ------
        TypeError, ValueError
            Shapes that do not fit each other, values that are not finite.
        """
        if not isinstance(inputs, SpikeTrains | ConstantCurrent):
            raise TypeError(
                f"inputs must be SpikeTrains or ConstantCurrent, not {type(inputs).__name__}"
            )
        if len(v) != len(spikes) or not spikes:
            raise ValueError("v and spikes must have one entry per spiking layer, at least one")
        dtype = np.asarray(v[0]).dtype if np.asarray(v[0]).dtype.kind == "f" else np.float32
        potentials, bits = [], []
        for k, (potential, train) in enumerate(zip(v, spikes, strict=True)):
            if not isinstance(train, SpikeTrains):
                raise TypeError(f"spikes[{k}] must be SpikeTrains, not {type(train).__name__}")
            shape = (len(inputs), inputs.n_steps, train.n_units)
            if (len(train), train.n_steps) != shape[:2]:
                raise ValueError(f"spikes[{k}] and inputs differ in samples or steps")
            potential = _check.array(f"v[{k}]", potential, dtype, shape)
            potentials.append(_pad_units(potential[:, ::-1], _padded(train.n_units)))
            bits.append(_spike_bits(len(train), train.n_steps, _padded(train.n_units)))
            lif.mark_spikes(train.start, train.stop, train.step, train.unit, bits[-1])
        spiking = readout is None
        if spiking:
            readout = spikes[-1].to_dense(dtype)
        else:
            shape = (len(inputs), inputs.n_steps, None)
            readout = _check.array("readout", readout, dtype, shape)
        kept = _check_kept(kept, [train.n_units for train in spikes[: len(spikes) - spiking]])
        return cls(inputs, list(spikes), readout, spiking, kept, potentials, bits)

    def _pad(self, name, x, n):
        """`_pad_units` into memory of the same name in an earlier call."""
        self._padded[name] = _pad_units(x, n, self._padded.get(name))
        return self._padded[name]

    @property
    def v(self):
        """Per layer (sample, time, unit), in order of time; views of the trace."""
        if self._potentials is None:
            raise ValueError("this trace was made with keep=False: it holds no potentials")
        layers = zip(self._potentials, self.spikes, strict=True)
        v = [potential[:, ::-1, : train.n_units] for potential, train in layers]
        return v if self.spiking_readout else [*v, self.readout]

    @property
    def hidden(self):
        """The hidden layers' `SpikeTrains`."""
        return self.spikes[:-1] if self.spiking_readout else self.spikes

    def hidden_counts(self):
        """Spikes per sample in all hidden layers together, int64 (n_samples,)."""
        return sum((train.counts() for train in self.hidden), np.zeros(len(self.inputs), np.int64))

    def __len__(self):
        return len(self.inputs)


class Gradients(list):
    """Gradient by each layer's weights, arrays (n_in, n_out); ``flat`` holds all of them."""

    def __init__(self, network):
        self.flat, self._padded, views = network._allocate()
        super().__init__(views)

    def fits(self, network):
        """Whether these are gradients of a network of this shape and precision."""
        return self.flat.dtype == network.dtype and [b.shape for b in self._padded] == [
            b.shape for b in network._padded
        ]


# What the substrate adds to a layer's dynamics: noise per unit and step (empty: none) and its key,
# bounds of the membrane (low, high).
Physics = namedtuple("Physics", "noise key bounds")


class _Layer:
    """One layer's neuron, padded sizes and constants."""

    def __init__(self, neuron, n_in, n, dtype):
        self.fires = isinstance(neuron, LIF)
        self.neuron, self.n_in, self.n, self.width = neuron, n_in, n, _padded(n, self.fires)
        c = neuron.constants(n, dtype)
        hold = _pad_units(c.hold, self.width, _aligned(self.width, c.hold.dtype))
        self._pack(np.stack(c[:4]), hold)
        self.constants.v_th[n:] = 1
        # an integrator whose units are alike filters W g_v as it filters g_v
        a, b, g = c.decay_syn, c.decay_mem, c.gain
        self.uniform = bool(np.ptp(a) == 0 and np.ptp(b) == 0 and np.ptp(g) == 0)

    def _pack(self, rows, hold):
        """Keep a copy of the constants as the kernels take them; by name they are views of it."""
        self._packed = _pad_units(rows, self.width, _aligned((4, self.width), rows.dtype))
        self.constants = Constants(*self._packed, hold)

    def with_thresholds(self, factor):
        """The same layer, its thresholds multiplied by a factor per unit (on a substrate)."""
        layer = copy.copy(self)
        layer._pack(self._packed, self.constants.hold)
        layer.constants.v_th[: self.n] *= factor.astype(self._packed.dtype)
        return layer

    def packed(self, kept):
        """Constants as the kernels take them; a unit left out has gain 0.

        It hears nothing then, and nothing flows back through it.
        """
        if kept is None:
            return self._packed
        out = _pad_units(self._packed, self.width, _aligned(self._packed.shape, self._packed.dtype))
        out[2, : self.n] *= kept
        return out


class Network:
    """A feed-forward network of spiking neurons.

    Parameters
    ----------
    sizes : sequence of int
        Units per layer: inputs, hidden layers, classes; at least two.
    neuron : LIF or sequence of LIF
        Hidden neurons: one model for all hidden layers or one per layer.
    readout : LeakyIntegrator or LIF, optional
        The last layer: an integrator's potentials or a neuron's spikes are read out. By default the
        integrator with the last hidden neuron's constants.
    n_steps : int
        Time steps of a sample.
    rng : numpy.random.Generator or int
        For the initial weights.
    spread : float, optional
        Initial weights are normal with standard deviation ``spread / sqrt(n_in)``; by default
        ``0.7 (1 - decay_mem) / gain`` (Cramer et al. 2022, code). See also `scale_to_activity`.
    dtype : numpy.float32 or numpy.float64
        Of weights, potentials and gradients.
    workers : int, optional
        Threads; by default all that this process may use. Results do not depend on it.

    Attributes
    ----------
    weights : tuple of array (n_in, n_out)
        Views of ``parameters``: change them in place (``network.weights[0][...] = w``).
    parameters : array
        All weights in one flat array (with the padding, which stays zero); optimisers work on it.
    neurons : tuple
        Model of each layer, the readout's last.

    Raises
    ------
    TypeError, ValueError
        Arguments of the wrong kind or out of range; the message names the argument.
    """

    def __init__(
        self,
        sizes,
        neuron,
        *,
        n_steps,
        rng,
        readout=None,
        spread=None,
        dtype=np.float32,
        workers=None,
    ):
        if not isinstance(sizes, Sequence | np.ndarray) or isinstance(sizes, str):
            raise TypeError(f"sizes must be a sequence of integers, not {type(sizes).__name__}")
        sizes = tuple(_check.integer("sizes", n, at_least=1) for n in sizes)
        if len(sizes) < 2:
            raise ValueError("sizes must name at least an input and an output layer")
        one_for_all = isinstance(neuron, LeakyIntegrator)
        if not (one_for_all or isinstance(neuron, Sequence)):
            raise TypeError(f"neuron must be LIF or a sequence of LIF, not {neuron!r}")
        hidden = [neuron] * (len(sizes) - 2) if one_for_all else list(neuron)
        if len(hidden) != len(sizes) - 2:
            raise ValueError(f"neuron must hold {len(sizes) - 2} models, one per hidden layer")
        if not all(isinstance(model, LIF) for model in hidden):
            raise TypeError("neuron must be LIF, or a sequence of LIF")
        if readout is None and not (hidden or one_for_all):
            raise ValueError("readout must be given where there is no hidden layer")
        if readout is None:
            last = hidden[-1] if hidden else neuron
            if any(isinstance(value, tuple) for value in last.to_dict().values()):
                raise ValueError("readout must be given where neuron has values per neuron")
            readout = last.integrator() if isinstance(last, LIF) else last
        if not isinstance(readout, LeakyIntegrator):
            raise TypeError("readout must be LeakyIntegrator or LIF")
        models = (*hidden, readout)
        if len({model.dt for model in models}) > 1:
            raise ValueError("neuron and readout must share one dt")
        rng = _check.generator("rng", rng)
        self._build(sizes, models, n_steps, dtype, workers)
        for w, model in zip(self.weights, models, strict=True):
            sd = spread
            if sd is None:
                if np.any(np.asarray(model.gain) == 0):
                    raise ValueError("spread must be given where a neuron's gain is 0")
                sd = 0.7 * float(np.mean((1 - np.asarray(model.decay_mem)) / np.abs(model.gain)))
            sd = _check.number("spread", sd, at_least=0)
            w[...] = rng.normal(0, sd / np.sqrt(len(w)), w.shape)

    def _build(self, sizes, neurons, n_steps, dtype, workers):
        self.sizes, self.neurons = sizes, neurons
        self.n_steps = _check.integer("n_steps", n_steps, at_least=1)
        if dtype not in (np.float32, np.float64, "float32", "float64"):
            raise ValueError(f"dtype must be float32 or float64, got {dtype!r}")
        self.dtype = np.dtype(dtype)
        self.workers = worker_count(workers) if workers is not None else None
        self._layers = [
            _Layer(model, n_in, n, self.dtype)
            for model, n_in, n in zip(neurons, sizes[:-1], sizes[1:], strict=True)
        ]
        self.parameters, self._padded, self.weights = self._allocate()

    def _allocate(self):
        """A flat array for all layers, its padded blocks (n_in, width) and views (n_in, n)."""
        ends = np.cumsum([layer.n_in * layer.width for layer in self._layers])
        flat = _aligned(ends[-1], self.dtype)
        blocks = [
            part.reshape(layer.n_in, layer.width)
            for part, layer in zip(np.split(flat, ends[:-1]), self._layers, strict=True)
        ]
        views = tuple(b[:, : layer.n] for b, layer in zip(blocks, self._layers, strict=True))
        return flat, blocks, views

    @property
    def spiking_readout(self):
        """Whether the readout layer spikes."""
        return self._layers[-1].fires

    @property
    def dt(self):
        """Time step in seconds."""
        return self.neurons[-1].dt

    # forward ------------------------------------------------------------------------------------

    def forward(self, inputs, *, keep=True, kept=None, out=None):
        """Run a batch.

        Parameters
        ----------
        inputs : SpikeTrains or ConstantCurrent
            ``n_units`` and ``n_steps`` as the network's.
        keep : bool
            Keep the membrane potentials, which a backward pass needs. Without, inference is faster
            and uses little memory.
        kept : list of (array of bool (n,) or None), optional
            Per hidden layer which units take part (dropout); the others hear nothing.
        out : Trace, optional
            A trace that an earlier call returned and that may be written over: its memory is used
            again if it fits.

        Returns
        -------
        Trace
        """
        self._check_inputs(inputs)
        kept = _check_kept(kept, self.sizes[1:-1])
        return self._propagate(inputs, keep, kept, out, self._padded, self._layers)

    def _propagate(self, inputs, keep, kept, out, weights, layers, physics=None, read=None):
        """Forward pass with these (padded) weights and layers: the ideal ones or a substrate's.

        ``physics`` holds a `Physics` per layer; ``read(k, v, lo, hi)`` may change the potentials
        that were kept of layer k, in place, as soon as some samples are done.
        """
        n_samples = len(inputs)
        trace = self._empty_trace(inputs, keep, out)
        trace.inputs, trace.kept = inputs, kept
        constants = [la.packed(mask) for la, mask in zip(layers, [*kept, None], strict=True)]
        no_drive = np.empty((0, 1, 1), self.dtype)
        constant, product = no_drive, None
        if isinstance(inputs, ConstantCurrent):
            constant = _again(trace._drive, (n_samples, layers[0].width), self.dtype)
            product, trace._drive = self._drive(inputs, weights[0], constant), constant
            constant = constant[:, None]
        if physics is None:
            free = np.array([-np.inf, np.inf], self.dtype)
            physics = [Physics(np.empty(0, self.dtype), 0, free)] * len(layers)

        def work(lo, hi):
            if product is not None:
                product(lo, hi)
            for k, layer in enumerate(layers):
                source = self._events(trace, k)
                arriving = constant if k == 0 else no_drive
                noise, key, bounds = physics[k]
                delay = layer.neuron.delay
                if not layer.fires:
                    v, numbers = trace.readout, lif.integrating(delay=delay, key=key)
                    lif.integrate(
                        *source, arriving, weights[k], constants[k], noise, bounds, numbers,
                        lo, hi, v,
                    )  # fmt: skip
                else:
                    if keep:
                        v, z = trace._potentials[k], trace._bits[k]
                    else:
                        v = _aligned((1, self.n_steps, layer.width), self.dtype)
                        z = _spike_bits(1, self.n_steps, layer.width)
                    own = trace.spikes[k]
                    zero_reset = layer.neuron.reset == "zero"
                    numbers = lif.firing(zero_reset=zero_reset, delay=delay, keep=keep, key=key)
                    lif.fire(
                        *source, arriving, weights[k], constants[k], layer.constants.hold, noise,
                        bounds, numbers, lo, hi, v, z, own.start, own.stop, own.step, own.unit,
                    )  # fmt: skip
                if read is not None and (keep or not layer.fires):
                    read(k, v, lo, hi)

        share(work, n_samples, self._threads(n_samples))
        if self.spiking_readout:
            trace.readout[...] = trace.spikes[-1].to_dense(self.dtype)
        return trace

    def _drive(self, inputs, weights, out):
        """``x @ weights``, what a constant input feeds each unit in a step, into ``out``.

        Returns work that is left to do on it, a function of the first and last sample, or None.
        """
        x, c = inputs.x.astype(self.dtype, copy=False), inputs.background
        if c is None or weights.shape[1] % NARROW:
            np.matmul(x, weights, out=out)
            return None
        c = self.dtype.type(c)
        base = c * weights.sum(axis=0, keepdims=True) if c else np.zeros_like(weights[:1])
        return partial(_filled, drive.multiply, x, c, weights, base, out)

    def _drive_gradient(self, inputs, g_drive, out):
        """``x.T @ g_drive``, into ``out``."""
        x, c = inputs.x.astype(self.dtype, copy=False), inputs.background
        if c is None or out.shape[1] % NARROW:
            np.matmul(x.T, g_drive, out=out)
            return
        c = self.dtype.type(c)
        base = c * g_drive.sum(axis=0, keepdims=True) if c else np.zeros_like(g_drive[:1])
        work = partial(_filled, drive.multiply_transposed, x, c, g_drive, base, out)
        share(work, -(-x.shape[1] // 2), self._threads(len(x)))

    def _events(self, trace, k):
        """Arrays start, stop, step, unit of the events that layer k hears."""
        source = trace.inputs if k == 0 else trace.spikes[k - 1]
        if isinstance(source, ConstantCurrent):
            none = np.empty(0, np.int64), np.empty(0, np.int32)
            return none[0], none[0], none[1], none[1]
        return source.start, source.stop, source.step, source.unit

    def _empty_trace(self, inputs, keep, out):
        """A trace to fill: ``out`` if it fits, else a new one."""
        n_samples = len(inputs)
        shape = n_samples, self.n_steps, self.sizes[-1]
        if out is not None and not isinstance(out, Trace):
            raise TypeError(f"out must be a Trace, not {type(out).__name__}")
        fits = (
            out is not None
            and out._own
            and out.readout.shape == shape
            and out.readout.dtype == self.dtype
            and out.spiking_readout == self.spiking_readout
            and (out._potentials is not None) == keep
            and [train.n_units for train in out.spikes] == [la.n for la in self._layers if la.fires]
            # a layer's spikes may be the next network's input: do not write over what is read
            and not any(train.step is getattr(inputs, "step", None) for train in out.spikes)
        )
        if fits:
            return out
        spikes, potentials, bits = [], [] if keep else None, []
        for layer in self._layers:
            if not layer.fires:
                continue
            # room for a spike of every unit in every step, and for eight that are written but not
            # kept; memory that is not written costs none
            room = self.n_steps * layer.n + 8
            start = np.arange(n_samples) * room
            step, unit = (np.empty(n_samples * room, np.int32) for _ in range(2))
            spikes.append(
                SpikeTrains._trusted(start, start.copy(), step, unit, self.n_steps, layer.n)
            )
            if keep:
                potentials.append(_aligned((n_samples, self.n_steps, layer.width), self.dtype))
                bits.append(_spike_bits(n_samples, self.n_steps, layer.width))
        readout = np.zeros(shape, self.dtype)
        trace = Trace(None, spikes, readout, self.spiking_readout, None, potentials, bits)
        trace._own = True
        return trace

    def _threads(self, n_samples):
        """Threads worth their dispatch for a batch of this size: one for small ones."""
        updates = n_samples * self.n_steps * sum(layer.width for layer in self._layers)
        return 1 if updates < 100_000 else self.workers or worker_count()

    def _check_inputs(self, inputs, name="inputs"):
        if not isinstance(inputs, SpikeTrains | ConstantCurrent):
            raise TypeError(
                f"{name} must be SpikeTrains or ConstantCurrent, not {type(inputs).__name__}"
            )
        if len(inputs) == 0:
            raise ValueError(f"{name} must hold at least one sample")
        if inputs.n_units != self.sizes[0]:
            raise ValueError(f"{name} has {inputs.n_units} units, the network {self.sizes[0]}")
        if inputs.n_steps != self.n_steps:
            raise ValueError(f"{name} has {inputs.n_steps} steps, the network {self.n_steps}")

    # backward -----------------------------------------------------------------------------------

    def backward(self, trace, g_readout, *, g_spikes=None, out=None, adjoints=False):
        """Gradients by the weights, read from a trace.

        Nothing is simulated again: potentials and spikes are taken as they are in the trace, also
        where they were measured on a substrate. Constants and thresholds are this network's.

        Parameters
        ----------
        trace : Trace
        g_readout : array (sample, time, class)
            Gradient of the loss by ``trace.readout``.
        g_spikes : list of (array or None), optional
            Per hidden layer the gradient of a penalty by its spikes, (sample, time, unit), or
            (sample, 1, unit) if it is the same in every step.
        out : Gradients, optional
            From an earlier call of this network; its memory is used again.
        adjoints : bool
            Also return the adjoint synaptic currents, the gradient by each layer's current:
            a list of arrays (sample, time, unit).

        Returns
        -------
        Gradients, or (Gradients, list of array)

        Notes
        -----
        A trace holds the working memory of its backward pass: one call per trace at a time.
        """
        g_readout, g_spikes = self._check_backward(trace, g_readout, g_spikes)
        if out is None:
            out = Gradients(self)
        elif not isinstance(out, Gradients) or not out.fits(self):
            raise ValueError("out must be Gradients of this network")
        edges = _chunk_borders(len(trace))
        n_chunks = len(edges) - 1
        per_chunk, g_currents, g_drive = self._backward_buffers(trace, n_chunks, adjoints)
        if n_chunks == 1:
            per_chunk = [block[None] for block in out._padded]
        masks = [*trace.kept, None]
        constants = [la.packed(mask) for la, mask in zip(self._layers, masks, strict=True)]
        transposed = [None] + [
            trace._pad(f"weights {k}", self.weights[k].T, self._layers[k - 1].width)
            for k in range(1, len(self._layers))
        ]
        none = np.empty((0, 1, 1), self.dtype)
        no_drive = np.empty((0, 1), self.dtype)

        def work(lo, hi):
            for k in reversed(range(len(self._layers))):
                layer, last = self._layers[k], k == len(self._layers) - 1
                source, neuron = self._events(trace, k), layer.neuron
                to_drive = g_drive if k == 0 else no_drive
                place = (edges, lo, hi, per_chunk[k], g_currents[k], to_drive)
                if not layer.fires:
                    numbers = lif.integrating(delay=neuron.delay)
                    lif.integrate_backward(*source, g_readout, constants[k], numbers, *place)
                    continue
                g_next, next_t, next_delay, following = none, no_drive, 0, {}
                direct = g_readout if last else g_spikes[k]
                if not last:
                    above = self._layers[k + 1]
                    next_t, next_delay, g_next = transposed[k + 1], above.neuron.delay, g_readout
                    if not above.fires and above.uniform:
                        names = "next_decay_syn", "next_decay_mem", "next_gain"
                        following = dict(zip(names, constants[k + 1][:3, 0], strict=True))
                    else:
                        g_next = g_currents[k + 1]
                own = trace.spikes[k]
                numbers = lif.firing_back(
                    next_delay=next_delay, zero_reset=neuron.reset == "zero", delay=neuron.delay,
                    attached=not neuron.detach_reset, surrogate=NAMES.index(neuron.surrogate),
                )  # fmt: skip
                reals = lif.firing_back_reals(self.dtype, steepness=neuron.steepness, **following)
                lif.fire_backward(
                    *source, own.start, own.stop, own.step, own.unit, trace._potentials[k],
                    trace._bits[k], g_next, next_t, direct, constants[k], layer.constants.hold,
                    numbers, reals, *place,
                )  # fmt: skip

        threads = self._threads(len(trace))
        share(work, n_chunks, threads)
        for k, layer in enumerate(self._layers):
            if k == 0 and isinstance(trace.inputs, ConstantCurrent):
                self._drive_gradient(trace.inputs, g_drive, out._padded[0])
            elif n_chunks > 1:
                parts, total = per_chunk[k], out._padded[k]
                summed = partial(lif.sum_chunks, parts, total)
                share(summed, layer.n_in, threads if total.size > 200_000 else 1)
        if not adjoints:
            return out
        layers = zip(g_currents, self._layers, strict=True)
        return out, [g[:, :, : layer.n].copy() for g, layer in layers]

    def _backward_buffers(self, trace, n_chunks, adjoints):
        """Per layer: gradients per chunk, adjoint currents (where read again); and the drive's."""
        driven = isinstance(trace.inputs, ConstantCurrent)
        key = n_chunks, adjoints, driven
        if key not in trace._buffers:
            per_chunk, currents = [], []
            for k, layer in enumerate(self._layers):
                rows = 0 if driven and k == 0 else layer.n_in
                per_chunk.append(_aligned((n_chunks, rows, layer.width), self.dtype))
                # a hidden layer's adjoint currents are read again only by a hidden layer below it
                kept = adjoints or not layer.fires or k > 0
                n = len(trace) if kept else 0
                currents.append(_aligned((n, self.n_steps, layer.width), self.dtype))
            n = len(trace) if driven else 0
            trace._buffers = {
                key: (per_chunk, currents, _aligned((n, self._layers[0].width), self.dtype))
            }
        return trace._buffers[key]

    def _check_backward(self, trace, g_readout, g_spikes):
        if not isinstance(trace, Trace):
            raise TypeError(f"trace must be a Trace, not {type(trace).__name__}")
        self._check_inputs(trace.inputs)
        if trace._potentials is None:
            raise ValueError("trace was made with keep=False: it holds no potentials to read")
        sizes = [layer.n for layer in self._layers if layer.fires]
        if [train.n_units for train in trace.spikes] != sizes:
            raise ValueError("trace does not fit the network's layers")
        if any(p.dtype != self.dtype for p in (*trace._potentials, trace.readout)):
            raise ValueError(f"trace must hold {self.dtype} potentials, as the network's weights")
        shape = len(trace), self.n_steps, self.sizes[-1]
        if trace.readout.shape != shape or trace.spiking_readout != self.spiking_readout:
            raise ValueError("trace does not fit the network's readout")
        g_readout = _check.array("g_readout", g_readout, self.dtype, shape)
        if self.spiking_readout:
            g_readout = trace._pad("readout", g_readout, self._layers[-1].width)
        n_hidden = len(self.sizes) - 2
        if g_spikes is None:
            g_spikes = [None] * n_hidden
        if len(g_spikes) != n_hidden:
            raise ValueError(f"g_spikes must have {n_hidden} entries, one per hidden layer")
        checked = []
        for k, g in enumerate(g_spikes):
            if g is None:
                checked.append(np.empty((0, 1, 1), self.dtype))
                continue
            g = _check.array(f"g_spikes[{k}]", g, self.dtype, (len(trace), None, sizes[k]))
            if g.shape[1] not in (1, self.n_steps):
                raise ValueError(f"g_spikes[{k}] must have 1 or {self.n_steps} steps")
            checked.append(trace._pad(k, g, self._layers[k].width))
        return g_readout, checked

    # initial activity ---------------------------------------------------------------------------

    def scale_to_activity(self, inputs, hidden_spikes):
        """Scale each hidden layer's weights so that it starts out active.

        A network that begins silent, or with every neuron firing in every step, learns slowly. The
        factor is found by bisection, layer by layer.

        Parameters
        ----------
        inputs : SpikeTrains or ConstantCurrent
            A few hundred samples; of more, the first 1,000 are used.
        hidden_spikes : float
            Mean number of spikes per sample and hidden layer to aim at.

        Returns
        -------
        Network
            This network, changed in place.
        """
        self._check_inputs(inputs)
        inputs = inputs[:1000]
        target = _check.number("hidden_spikes", hidden_spikes, above=0)
        for k, layer in enumerate(self._layers[:-1]):
            if target >= layer.n * self.n_steps:
                raise ValueError(f"hidden_spikes must be below {layer.n * self.n_steps}")
            original = self._padded[k].copy()
            low, high = -6.0, 6.0  # exponents of ten
            for _ in range(24):
                middle = (low + high) / 2
                self._padded[k][...] = original * self.dtype.type(10.0**middle)
                spikes = self.forward(inputs, keep=False).spikes[k].counts().mean()
                low, high = (middle, high) if spikes < target else (low, middle)
            if spikes == 0:
                self._padded[k][...] = original
                raise ValueError(f"inputs drive no neuron of hidden layer {k}, however scaled")
        return self

    # copies and files ---------------------------------------------------------------------------

    def copy(self):
        """An independent network with equal weights."""
        return copy.deepcopy(self)

    def compressed(self, threshold=None, *, unheard=False):
        """A copy for inference that stores and multiplies only the weights that are not zero.

        For pruned networks (`snnlab.rewiring`): memory and time follow the synapses that are left,
        and units without inputs or outputs are left out.

        Parameters
        ----------
        threshold : float, optional
            Share of weights that are not zero up to which a layer runs on compressed rows; by
            default as measured.
        unheard : bool
            Also simulate units that lead nowhere, so that all hidden spikes are in the trace.

        Returns
        -------
        snnlab.sparse.CompressedNetwork
            Read-only: `evaluate` and `training.predict_scores` take it, `train` does not.
        """
        from snnlab.sparse import CompressedNetwork

        return CompressedNetwork(self, threshold, unheard)

    def _header(self):
        return {
            "format": FORMAT,
            "sizes": list(self.sizes),
            "neurons": [model.to_dict() for model in self.neurons],
            "n_steps": self.n_steps,
            "dtype": self.dtype.name,
        }

    def __reduce__(self):  # weights are views of one array: build them anew
        return _restore, (self._header(), [np.array(w) for w in self.weights], self.workers)

    def save(self, path):
        """Write everything that defines the network to a ``.npz`` file, whole or not at all."""
        arrays = {f"weights_{k}": w for k, w in enumerate(self.weights)}
        save_npz(path, {"header": np.array(json.dumps(self._header()))} | arrays)

    @classmethod
    def load(cls, path):
        """Read a network written by `save`; it gives equal spikes.

        Raises
        ------
        ValueError
            If the file is not a whole, readable network; the message says what is wrong.
        """
        arrays = load_npz(path)
        try:
            header = json.loads(str(arrays["header"]))
            weights = [arrays[f"weights_{k}"] for k in range(len(header["neurons"]))]
            return _restore(header, weights)
        except (KeyError, TypeError, ValueError) as fault:
            raise ValueError(f"{path} does not hold a snnlab network: {fault}") from None

    def __repr__(self):
        sizes = "-".join(map(str, self.sizes))
        return f"Network({sizes}, {self.n_steps} steps of {self.dt:g} s)"


def _restore(header, weights, workers=None):
    """A network from the header and weights of a file."""
    if header["format"] > FORMAT:
        raise ValueError(f"format {header['format']} is newer than this version reads ({FORMAT})")
    network = Network.__new__(Network)
    models = tuple(LeakyIntegrator.from_dict(values) for values in header["neurons"])
    network._build(tuple(header["sizes"]), models, header["n_steps"], header["dtype"], workers)
    for k, (w, given) in enumerate(zip(network.weights, weights, strict=True)):
        w[...] = _check.array(f"weights_{k}", given, network.dtype, w.shape)
    return network
