"""`Conv`: units hear a patch of an image, all with the same weights."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from snnlab import _check
from snnlab.kernels import conv as kernels
from snnlab.kernels import lif
from snnlab.layers import patches
from snnlab.layers.base import Linear, neurons, neurons_back
from snnlab.layers.heard import Heard
from snnlab.surrogate import NAMES

MICRO = 2**18  # numbers of adjoint currents that are worked on at a time: they stay in cache


@dataclass(frozen=True, repr=False)
class Conv(Linear):
    """Convolution of images (y, x, channel), and neurons.

    Spikes are taken as they are, others as values (`snnlab.kernels.conv`); those of neurons are
    kept as bits, and listed only if a layer above follows them or somebody asks for them. `drive`
    and `adjoint` say the same in plain NumPy.

    Parameters
    ----------
    channels : int
        Of the output.
    kernel : int
        Width and height of a patch.
    stride : int
        From patch to patch.
    padding : int, optional
        Zeros around the image; by default as many as keep its size at stride 1.
    """

    channels: int
    kernel: int = 3
    stride: int = 1
    padding: int | None = None

    keeps_bits: ClassVar[bool] = True
    reads_error: ClassVar[bool] = False

    def __init_subclass__(cls, **settings):
        raise TypeError(f"{cls.__name__} must derive from Linear: kernels pass a Conv's drive by")

    def __post_init__(self):
        for name in ("channels", "kernel", "stride"):
            number = _check.integer(name, getattr(self, name), 1, _check.MOST_UNITS)
            object.__setattr__(self, name, number)
        padding = self.kernel // 2 if self.padding is None else self.padding
        object.__setattr__(
            self, "padding", _check.integer("padding", padding, 0, _check.MOST_UNITS)
        )

    def shape_out(self, shape):
        """(y, x, channels)."""
        if len(shape) != 3:
            raise ValueError(f"Conv hears images (y, x, channel), not units of shape {shape}")
        y, x = ((n + 2 * self.padding - self.kernel) // self.stride + 1 for n in shape[:2])
        if min(y, x) < 1:
            raise ValueError(f"kernel {self.kernel} is larger than the padded image {shape}")
        return (y, x, self.channels)

    def blocks(self, shape):
        """Weights (kernel kernel channels_in, channels)."""
        return {"weights": (self.kernel**2 * shape[2], self.channels)}

    def drive(self, x, w):
        """Sum over the places of a patch."""
        y_out, x_out, _ = self.shape_out(x.shape[2:])
        out = np.zeros((*x.shape[:2], y_out, x_out, self.channels), w["weights"].dtype)
        for part, rows in self._places(_padded(x, self.padding), w["weights"], y_out, x_out):
            out += part @ rows
        return out

    def adjoint(self, g, x, w):
        """Gradients by the weights and by the image."""
        y_out, x_out = g.shape[2:4]
        image = _padded(x, self.padding)
        g_image, by_weights = np.zeros_like(image), np.zeros_like(w["weights"])
        places = (
            self._places(a, b, y_out, x_out)
            for a, b in ((image, by_weights), (g_image, w["weights"]))
        )
        for (part, g_rows), (g_part, rows) in zip(*places, strict=True):
            g_rows[...] = np.tensordot(part, g, axes=([0, 1, 2, 3], [0, 1, 2, 3]))
            g_part += g @ rows.T
        p = self.padding
        return {"weights": by_weights}, g_image[:, :, p : p + x.shape[2], p : p + x.shape[3]]

    def _places(self, image, weights, y_out, x_out):
        """Per place in a patch: what lies there in all patches, and its rows of the weights."""
        n, s = image.shape[4], self.stride
        for k in range(self.kernel**2):
            y, x = divmod(k, self.kernel)
            part = image[:, :, y : y + s * y_out : s, x : x + s * x_out : s]
            yield part[:, :, :y_out, :x_out], weights[k * n : (k + 1) * n]

    # kernels --------------------------------------------------------------------------------------

    def runs_by_sample(self, run, k):
        """Always."""
        return True

    def uses_up_currents(self, run, k):
        """Unless they go to a shortcut, too."""
        return run.stages[k].shortcut is None

    def room(self, stage, n_steps):
        """Its adjoint currents, with a margin."""
        lanes = kernels.lanes_of(self.channels, stage.dtype)
        return patches.adjoint_room(stage.shape_out, self.kernel, self.padding, n_steps, lanes)

    def _geometry(self, stage):
        return stage.shape_in, stage.shape_out, self.kernel, self.stride, self.padding

    def prepare(self, run, k):
        """Weights in tiles, what is heard, and what the kernels are called with."""
        stage, record, under = run.stages[k], run.trace.records[k], run.conditions[k]
        lanes = kernels.lanes_of(self.channels, run.dtype)
        weights = patches.tiled(run.views(k)["weights"], lanes)
        heard, shape = Heard(run, k, stage.source), kernels.shape_of(*self._geometry(stage))
        if not stage.fires:
            self._prepare_integrator(run, k, heard, weights, shape)
            return
        if under.noise.size or under.read is not None or np.isfinite(under.bounds).any():
            raise ValueError(f"{stage.name} runs only where membranes are ideal")
        beside = Heard(run, k, stage.shortcut)
        constants, hold = _by_place(stage, under.constants, under.hold, self.channels, lanes)
        time = kernels.times(run.n_steps, stage.neuron.delay, zero_reset=under.zero_reset)
        v = record.potentials
        v = np.empty((0, 1, 1), run.dtype) if v is None else v
        events = record.spikes.events if record.lists_events else None
        fire = kernels.make_fire(lanes, kernels.steps_of(run.n_steps))
        given = heard.given, beside.given, weights, constants, hold, shape, time, v, record.bits

        def work(lo, hi):
            heard.begin(lo, hi)
            beside.begin(lo, hi)
            fire(*given, lo, hi)
            if events is not None:
                lif.list_all(record.bits, stage.n, run.n_steps, *events, lo, hi)

        run.neurons[k] = work

    def _prepare_integrator(self, run, k, heard, weights, shape):
        """Currents of all steps, then the integrator."""
        stage = run.stages[k]
        steps = 1 if run.wiring.is_constant[k] else run.n_steps
        size = len(run.trace), steps, stage.width
        drive = run.drives[k] = run.scratch.array(f"drive {k}", size, run.dtype)
        convolve = kernels.make_convolve(weights.shape[2], kernels.steps_of(steps))
        given = np.empty((0, 1), run.dtype), weights, shape, kernels.times(steps), 1, 0, drive
        integrate = neurons(run, k)

        def work(lo, hi):
            heard.begin(lo, hi)
            drive[lo:hi] = 0
            convolve(heard.given, *given, lo, hi)
            if stage.shortcut is not None:
                drive[lo:hi, :, : stage.n] += run.shortcut_values(k, lo, hi)
            integrate(lo, hi)

        run.neurons[k] = work

    def forward(self, run, k, lo, hi):
        """Run some samples."""
        run.neurons[k](lo, hi)

    def prepare_back(self, run, k):
        """What the kernels are called with."""
        stage, dtype = run.stages[k], run.dtype
        heard, shape = Heard(run, k, stage.source), kernels.shape_of(*self._geometry(stage))
        constant = run.wiring.hears_constant[k]  # sums over time are enough
        steps, delay = (1, 0) if constant else (run.n_steps, stage.neuron.delay)
        lanes = kernels.lanes_of(self.channels, dtype)
        margin, time = patches.margin_of(self.kernel, self.padding), kernels.times(steps, delay)
        room = patches.adjoint_room(stage.shape_out, self.kernel, self.padding, steps, lanes)
        micro = max(1, MICRO // room)
        find = self._adjoints(run, k, shape, lanes, margin, constant)
        write = self._error_writer(run, k, lanes, margin, time)
        gradient = kernels.make_gradient(lanes, self.kernel, self.stride)
        part = stage.blocks["weights"]

        def work(c):
            lo, hi = run.edges[c], run.edges[c + 1]
            out = run.part(part, c)
            out[...] = 0
            size = min(micro, hi - lo)
            g = run.chunk_scratch(c, size * room)[: size * room].reshape(size, room)
            heard.begin(lo, hi)
            for a in range(lo, hi, micro):
                b = min(a + micro, hi)
                find(g, a, b)
                gradient(heard.given, g, shape, time, margin, out, a, b)
                if write is not None:
                    write(g, a, b)
            if stage.shortcut is not None:
                run.add_shortcut_error(k, lo, hi, run.g_arriving(k, lo, hi))

        run.neurons[k] = work

    def _adjoints(self, run, k, shape, lanes, margin, constant):
        """Function that fills adjoint currents of some samples, tile by tile."""
        stage, record, neuron = run.stages[k], run.trace.records[k], run.stages[k].neuron
        kept = run.g_currents[k]
        if not stage.fires:
            return lambda g, lo, hi: kernels.spread(
                kept, shape, margin, lanes, neuron.delay, g, lo, hi
            )
        constants, hold = _by_place(stage, run.constants[k], stage.hold, self.channels, lanes)
        time = kernels.times(
            run.n_steps, neuron.delay, zero_reset=stage.zero_reset, attached=not neuron.detach_reset
        )
        trace, errors = (record.potentials, record.bits), run.errors[k]
        physics = constants, hold, run.dtype.type(neuron.steepness)
        given = trace, errors, *physics, shape, time, margin, constant, kept
        adjoint = kernels.make_adjoint(lanes, NAMES.index(neuron.surrogate))
        return lambda g, lo, hi: adjoint(*given, g, lo, hi)

    def _error_writer(self, run, k, lanes, margin, time):
        """Function that adds to the error of what was heard, or None if it is not wanted."""
        stage = run.stages[k]
        if not run.wants_error(k):
            return None
        out = run.g_inputs if stage.source < 0 else run.errors[stage.source]
        shape_in, shape_out, *rest = self._geometry(stage)
        channels, dtype = shape_in[2], run.dtype
        turned = patches.turned(run.views(k)["weights"], *rest[:2], channels, lanes)
        weights = patches.tiled(turned, kernels.lanes_of(channels, dtype))
        filled = (*shape_out[:2], -(-shape_out[2] // lanes) * lanes)
        shape = kernels.back_shape_of(filled, shape_in, *rest)
        none = Heard(run, k, None).given
        convolve = kernels.make_convolve(weights.shape[2], kernels.steps_of(time[0]))
        given = weights, shape, time, lanes, margin, out
        return lambda g, lo, hi: convolve(none, g, *given, lo, hi)

    def backward(self, run, k, first, last):
        """Errors and gradients of some chunks of samples."""
        if not run.stages[k].fires:
            integrate_back = neurons_back(run, k)
            integrate_back(first, last)
        for c in range(first, last):
            run.neurons[k](c)


def _by_place(stage, constants, hold, channels, lanes):
    """Constants and steps of rest as kernels take them: a tile if all units are alike."""
    n = stage.n
    constants, hold = constants[:, :n], hold[:n]
    if not (np.ptp(constants, axis=1).any() or np.ptp(hold)):
        return np.repeat(constants[:, :1], lanes, axis=1), np.repeat(hold[:1], lanes)
    constants = patches.by_place(constants, channels, lanes)
    hold = patches.by_place(hold[None], channels, lanes)[0]
    return constants, hold


def _padded(x, p):
    """Images with zeros around them."""
    return np.pad(x, ((0, 0), (0, 0), (p, p), (p, p), (0, 0)))
