"""`Patchwise`: maps that the kernels of convolutions run, their currents normalised or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from snnlab.kernels import conv as kernels
from snnlab.kernels import lif, winograd
from snnlab.kernels import norm as norms
from snnlab.layers import patches
from snnlab.layers.base import Linear, neurons, neurons_back
from snnlab.layers.heard import Heard
from snnlab.layers.norm import BLOCKS, Statistics, of_running, threshold_current

if TYPE_CHECKING:
    from snnlab._types import Blocks, Neuron, Shape
    from snnlab.layers.stage import Stage
    from snnlab.passes import Backward, Forward

THIN = 16  # places in a tile where weights are added one by one
DENSE = 0.2  # share of adjoint currents above which to follow a list takes longer than squares
SOME = 31  # of so many one is looked at to know that share; a prime, so that all channels are seen
MICRO = 2**18  # numbers of adjoint currents that are worked on at a time: they stay in cache


class Patchwise(Linear):
    """A map that is a convolution, be it of a single place (`snnlab.kernels.conv`).

    Spikes are taken as they are, others as values; those of neurons are kept as bits, and listed
    only if a layer above follows them or somebody asks for them.

    With a norm (`snnlab.layers.norm.BatchNorm`) a layer is run in two passes over a batch where its
    own statistics count: currents first, which are kept, then neurons; and so is its adjoint. Else
    the norm is folded into the weights and a constant current.
    """

    norm = None

    @property
    def by_patches(self) -> bool:
        """Whether the kernels of convolutions run it, and not those of `Linear`."""
        return True

    @property
    def fills_constants(self) -> bool:
        """Whether the neurons run in the kernel of `Linear`, which does."""
        return not self.by_patches

    takes_adaptation = fills_constants

    @property
    def normalises(self) -> bool:
        """Whether its currents are normalised over a batch."""
        return self.norm is not None

    def geometry(self, stage: Stage) -> tuple[Shape, Shape, int, int, int]:
        """Images heard and given (y, x, channel), width of a patch, stride, padding."""
        raise NotImplementedError

    def _settings(self):
        """A norm is named where there is one."""
        settings = super()._settings()
        return {name: x for name, x in settings.items() if name != "norm" or x is not None}

    def init(self, rng: np.random.Generator, shape: Shape, sd: float) -> Blocks:
        """Initial values of the blocks; the norm's are those of `tuned`."""
        start = super().init(rng, shape, sd)
        if not self.normalises:
            return start
        return start | self.norm.init(start["gain"].shape[1], 1.0)

    def tuned(self, start: Blocks, neuron: Neuron, n_steps: int) -> Blocks:
        """Initial values for a neuron: a norm's gain is such that it is active."""
        if not self.normalises:
            return start
        channels = start["gain"].shape[1]
        return start | self.norm.init(channels, threshold_current(neuron, n_steps))

    # what the passes ask ------------------------------------------------------------------------

    def by_batch(self, run: Forward, k: int) -> bool:
        """Whether a forward pass normalises by the batch's own statistics."""
        return self.normalises and (run.training or self.norm.is_new(run.views(k)))

    def runs_by_sample(self, run: Forward, k: int) -> bool:
        """Always, by kernels."""
        return self.by_patches or super().runs_by_sample(run, k)

    def uses_up_currents(self, run: Backward, k: int) -> bool:
        """Unless they go to a shortcut, too."""
        if not self.by_patches:
            return super().uses_up_currents(run, k)
        return run.stages[k].shortcut is None

    def room(self, stage: Stage, n_steps: int) -> int:
        """Its adjoint currents, with a margin."""
        if not self.by_patches:
            return super().room(stage, n_steps)
        _, shape, kernel, _, padding = self.geometry(stage)
        lanes = kernels.lanes_of(shape[2], stage.dtype)
        return patches.adjoint_room(shape, kernel, padding, n_steps, lanes)

    # forward ------------------------------------------------------------------------------------

    def prepare(self, run: Forward, k: int) -> None:
        """Weights in tiles, what is heard, and what the kernels are called with."""
        if not self.by_patches:
            super().prepare(run, k)
            return
        run.plans[k] = (_Firing if run.stages[k].fires else _Integrating)(self, run, k)

    def gather(self, run: Forward, k: int, lo: int, hi: int) -> None:
        """Currents of some samples, and their sums."""
        run.plans[k].gather(lo, hi)

    def settle(self, run: Forward, k: int) -> None:
        """What the samples have in common: the statistics of the batch."""
        run.plans[k].settle()

    def forward(self, run: Forward, k: int, lo: int, hi: int) -> None:
        """Run some samples."""
        if not self.by_patches:
            super().forward(run, k, lo, hi)
            return
        run.plans[k].run(lo, hi)

    # backward -----------------------------------------------------------------------------------

    def prepare_back(self, run: Backward, k: int) -> None:
        """What the kernels are called with."""
        if not self.by_patches:
            super().prepare_back(run, k)
            return
        of_batch = run.trace.records[k].statistics is not None
        run.plans[k] = (_BackThroughBatch if of_batch else _Back)(self, run, k)

    def gather_back(self, run: Backward, k: int, first: int, last: int) -> None:
        """Adjoint currents of some chunks, and their sums."""
        for c in range(first, last):
            run.plans[k].gather(c)

    def settle_back(self, run: Backward, k: int) -> None:
        """What flows back through the statistics of the batch."""
        run.plans[k].settle()

    def backward(self, run: Backward, k: int, first: int, last: int) -> None:
        """Errors and gradients of some chunks of samples."""
        if not self.by_patches:
            super().backward(run, k, first, last)
            return
        for c in range(first, last):
            run.plans[k].run(c)


class _Plan:
    """What forward and backward passes of a layer have in common."""

    def __init__(self, layer, run, k):
        self.layer, self.run_, self.k = layer, run, k
        self.stage, self.record = run.stages[k], run.trace.records[k]
        self.views, self.norm = run.views(k), layer.norm
        self.geometry = layer.geometry(self.stage)
        self.shape = kernels.shape_of(*self.geometry)
        self.channels = self.geometry[1][2]
        self.places = self.stage.n // self.channels
        self.lanes = kernels.lanes_of(self.channels, run.dtype)
        self.heard = Heard(run, k, self.stage.source)

    def weights_and_shift(self):
        """Weights with a norm's running statistics in them, and its shift; none without."""
        if self.norm is None:
            return self.views["weights"], np.zeros(self.channels, self.run_.dtype)
        return self.norm.folded(self.views)


class _Forward(_Plan):
    """Some samples forward; with statistics of the batch, `gather` and `settle` come before."""

    def __init__(self, layer, run, k):
        super().__init__(layer, run, k)
        under = run.conditions[k]
        if under.noise.size or under.read is not None or np.isfinite(under.bounds).any():
            raise ValueError(f"{self.stage.name} runs only where membranes are ideal")
        self.of_batch = layer.by_batch(run, k)
        weights, shift = self.weights_and_shift()
        if self.of_batch:
            self._begin_batch()
            weights, shift = self.views["weights"], np.zeros_like(shift)
        else:
            self.currents = np.empty((0, 1, 1), run.dtype)
        self.weights = patches.tiled(weights, self.lanes)
        self.scale = patches.by_channel(np.ones_like(shift), self.lanes)
        self.shift = patches.by_channel(shift, self.lanes)

    def convolution(self, steps):
        """Kernel of the currents, and what it is called with before the output."""
        convolve = kernels.make_convolve(self.weights.shape[2], kernels.steps_of(steps))
        none = np.empty((0, 1), self.run_.dtype)
        return convolve, (none, self.weights, self.shape, kernels.times(steps), 1, 0)

    def _begin_batch(self):
        run, n = self.run_, len(self.run_.trace)
        if n < 2:
            more = "" if run.training else "; train it, or give more, for its running statistics"
            raise ValueError(
                f"inputs hold one sample: {self.stage.name} is normalised over a batch of them"
                + more
            )
        steps = 1 if run.wiring.hears_constant[self.k] else run.n_steps
        self.sums = np.empty((n, 2, self.channels))
        size = n, steps, self.stage.n
        if run.keeps:
            self.currents = self.record.currents_of(size, run.dtype)
        else:
            flat = run.scratch.flat("currents of a layer", int(np.prod(size)), run.dtype)
            self.currents = flat.reshape(size)

    def gather(self, lo, hi):
        """Currents of some samples, each with its moments while it is in the cache."""
        convolve, given = self.convolution(self.currents.shape[1])
        moments = norms.make_moments(self.lanes)
        self.heard.begin(lo, hi)
        for s in range(lo, hi):
            self.currents[s] = 0
            convolve(self.heard.given, *given, self.currents, s, s + 1)
            moments(self.currents, self.shape, self.sums, s, s + 1)

    def settle(self):
        """Statistics of the batch; running ones learn from them in training."""
        means, variances = self.sums[:, 0], self.sums[:, 1]
        mean = means.mean(axis=0)
        statistics = Statistics(mean, (variances + (means - mean) ** 2).mean(axis=0))
        scale, shift = self.norm.factors(self.views, statistics)
        self.scale[: self.channels], self.shift[: self.channels] = scale, shift
        self.record.statistics = statistics if self.run_.keeps else None
        if self.run_.training:
            blocks, flat = self.stage.blocks, self.run_.parameters
            self.norm.learn({name: blocks[name].of(flat) for name in BLOCKS}, statistics)


class _Firing(_Forward):
    """Neurons that spike."""

    def __init__(self, layer, run, k):
        super().__init__(layer, run, k)
        stage, record, under = self.stage, self.record, run.conditions[k]
        self.beside = Heard(run, k, stage.shortcut)
        others = np.empty(0, np.int64) if stage.added is None else stage.added
        physics = _by_place(stage, under.constants, under.hold, self.channels, self.lanes)
        time = kernels.times(run.n_steps, stage.neuron.delay, zero_reset=under.zero_reset)
        v = record.potentials
        v = np.empty((0, 1, 1), run.dtype) if v is None else v
        self.events = record.spikes.events if record.lists_events else None
        self.fire = kernels.make_fire(self.lanes, kernels.steps_of(run.n_steps))
        given = self.currents, self.scale, self.shift
        heard = Heard(run, k, None) if self.of_batch else self.heard
        if k in run.thin:
            self._fire_thin(run.thin[k], under, time)
            return
        beside = *self.beside.given, others
        self.given = heard.given, beside, self.weights, given, *physics
        self.given = *self.given, self.shape, time, v, record.bits

    def _fire_thin(self, given, under, time):
        """On single weights."""
        weights, shift = given
        constants, hold = (np.repeat(x[..., :1], THIN, axis=-1) for x in under[1:3])
        self.fire = kernels.make_fire_thin(THIN, kernels.steps_of(self.run_.n_steps))
        physics = constants, hold, self.shape, time
        self.given = self.heard.bits, weights, shift, *physics, self.record.bits

    def run(self, lo, hi):
        """Run some samples."""
        if not self.of_batch:
            self.heard.begin(lo, hi)
        self.beside.begin(lo, hi)
        self.fire(*self.given, lo, hi)
        if self.events is not None:
            n, n_steps = self.stage.n, self.run_.n_steps
            lif.list_all(self.record.bits, n, n_steps, *self.events, lo, hi)


class _Integrating(_Forward):
    """Currents of all steps, then an integrator."""

    def __init__(self, layer, run, k):
        super().__init__(layer, run, k)
        steps = 1 if run.wiring.is_constant[k] else run.n_steps
        size = len(run.trace), steps, self.stage.width
        self.drive = run.drives[k] = run.scratch.array(f"drive {k}", size, run.dtype)
        self.integrate = neurons(run, k)

    def run(self, lo, hi):
        """Run some samples."""
        n, own = self.stage.n, slice(0, self.channels)
        drive = self.drive[lo:hi, :, :n]
        by_channel = drive.reshape(*drive.shape[:2], -1, self.channels)
        if self.of_batch:
            x = self.currents[lo:hi]
            x = x.reshape(*x.shape[:2], -1, self.channels)
            by_channel = x * self.scale[own] + self.shift[own]
        else:
            by_channel = np.broadcast_to(self.shift[own], by_channel.shape)
        drive[...] = by_channel.reshape(hi - lo, -1, n)
        if not self.of_batch:
            convolve, given = self.convolution(self.drive.shape[1])
            self.heard.begin(lo, hi)
            convolve(self.heard.given, *given, self.drive, lo, hi)
        if self.stage.shortcut is not None:
            drive += self.run_.shortcut_values(self.k, lo, hi)
        self.integrate(lo, hi)


class _Back(_Plan):
    """Some chunks backward: adjoint currents in tiles, then gradients and errors from them."""

    def __init__(self, layer, run, k):
        super().__init__(layer, run, k)
        self.delay = self.stage.neuron.delay
        self.constant = run.wiring.hears_constant[k]  # sums over time are enough
        self.steps = 1 if self.constant else run.n_steps
        _, out, kernel, stride, padding = self.geometry
        self.margin = patches.margin_of(kernel, padding)
        self.room = patches.adjoint_room(out, kernel, padding, self.steps, self.lanes)
        self.micro = max(1, MICRO // self.room)
        self.find = self._adjoints()
        self.integrate = None if self.stage.fires else neurons_back(run, k)
        self.gradient = kernels.make_gradient(self.lanes, kernel, stride)
        self._lay_out()

    def _lay_out(self):
        """Times and weights for gradients and errors."""
        self.time = kernels.times(self.steps, 0 if self.constant else self.delay)
        self.write = self._error_writer(self.weights_and_shift()[0])

    def _adjoints(self):
        """Function that fills adjoint currents of some samples, tile by tile."""
        run, k, stage, record, neuron = (
            self.run_, self.k, self.stage, self.record, self.stage.neuron,
        )  # fmt: skip
        kept, shape, margin, lanes = run.g_currents[k], self.shape, self.margin, self.lanes
        if not stage.fires:
            # of a sum over time the delay counts here, else where the steps are read
            delay = neuron.delay if self.constant else 0
            return lambda g, lo, hi: kernels.spread(kept, shape, margin, lanes, delay, g, lo, hi)
        constants, hold = _by_place(stage, run.constants[k], stage.hold, self.channels, lanes)
        time = kernels.times(
            run.n_steps, neuron.delay, zero_reset=stage.zero_reset, attached=not neuron.detach_reset
        )
        trace, errors = (record.potentials, record.bits, run.slopes_of(k)), run.errors[k]
        physics = constants, hold, run.dtype.type(stage.steepness)
        given = trace, errors, *physics, shape, time, margin, self.constant, kept
        adjoint = kernels.make_adjoint(lanes, stage.surrogate)

        def find(g, lo, hi):
            run.fill_slopes(k, lo, hi)
            adjoint(*given, g, lo, hi)

        return find

    def _error_writer(self, weights):
        """Function that adds to the error of what was heard, or None if it is not wanted."""
        run, stage, lanes = self.run_, self.stage, self.lanes
        if not run.wants_error(self.k):
            return None
        out = run.g_inputs if stage.source < 0 else run.errors[stage.source]
        shape_in, shape_out, *rest = self.geometry
        turned = patches.turned(weights, *rest[:2], shape_in[2], lanes)
        width = kernels.lanes_of(shape_in[2], run.dtype)
        filled = (*shape_out[:2], -(-shape_out[2] // lanes) * lanes)
        shape, none = kernels.back_shape_of(filled, shape_in, *rest), Heard(run, self.k, None).given
        convolve = kernels.make_convolve(width, kernels.steps_of(self.steps))
        given = patches.tiled(turned, width), shape, self.time, lanes, self.margin, out

        def write(g, lo, hi):
            convolve(none, g, *given, lo, hi)

        if rest[:2] != [3, 1] or not winograd.saves(*shape_in[:2]):
            return write
        return self._by_squares(write, turned, shape, out)

    def _by_squares(self, write, turned, shape, out):
        """The same by Winograd's filters where the error is dense."""
        c, given = shape[2], self.geometry[0][2]
        lanes = kernels.lanes_of(given, self.run_.dtype)
        weights = patches.tiled(patches.transformed(turned), lanes)
        error = winograd.make_error(lanes, self.lanes)
        dense = DENSE * self.places * c * self.steps * min(1, self.steps / 4)  # lists are of four

        def write_by_squares(g, lo, hi):
            for s in range(lo, hi):
                one = g[s - lo : s - lo + 1]
                if np.count_nonzero(one[:, ::SOME]) * SOME > dense:
                    error(one, weights, shape, self.time, self.margin, out, s, s + 1)
                else:
                    write(one, s, s + 1)

        return write_by_squares

    def micro_batches(self, c):
        """First and last sample of each micro-batch of a chunk."""
        lo, hi = self.run_.edges[c], self.run_.edges[c + 1]
        return [(a, min(a + self.micro, hi)) for a in range(lo, hi, self.micro)]

    def begin(self, c):
        """Where chunk c's gradient by the weights belongs, zeros; an integrator runs first."""
        if self.integrate is not None:
            self.integrate(c, c + 1)
        return self.run_.edges[c], self.run_.edges[c + 1]

    def spread_on(self, g, a, b, out):
        """From adjoint currents of some samples to gradients and errors."""
        self.gradient(self.heard.given, g, self.shape, self.time, self.margin, out, a, b)
        if self.write is not None:
            self.write(g, a, b)

    def add_to_shortcut(self, lo, hi):
        """What is added to the currents hears of it, too."""
        if self.stage.shortcut is not None:
            g = self.run_.g_arriving(self.k, lo, hi)
            self.run_.add_shortcut_error(self.k, lo, hi, g)

    def run(self, c):
        """A chunk."""
        run = self.run_
        lo, hi = self.begin(c)
        out = run.part(self.stage.blocks["weights"], c)
        out[...] = 0
        size = min(self.micro, hi - lo)
        g = run.chunk_scratch(c, size * self.room)[: size * self.room].reshape(size, self.room)
        total = np.zeros(self.channels)
        self.heard.begin(lo, hi)
        for a, b in self.micro_batches(c):
            self.find(g, a, b)
            self.spread_on(g, a, b, out)
            if self.norm is not None:
                total += self._sums_of(g[: b - a])
        self.add_to_shortcut(lo, hi)
        if self.norm is not None:
            self._unfold(c, out, total)

    def _sums_of(self, g):
        """Sums of adjoint currents by channel, from the first step on in which some arrive."""
        g = g.reshape(len(g), -1, self.steps, self.room // self._planes, self.lanes)
        total = g[:, :, 0 if self.constant else self.delay :].sum((0, 2, 3), np.float64)
        return total.reshape(-1)[: self.channels]

    @property
    def _planes(self):
        tiles = -(-self.channels // self.lanes)
        return tiles * self.steps * self.lanes

    def _unfold(self, c, by_weights, by_shift):
        """From gradients by folded weights and shift to those by the blocks themselves."""
        w, statistics = self.views, self.norm.running(self.views)
        inverse, by_weights = self.norm.inverse(statistics), by_weights[:, : self.channels]
        products = (w["weights"] * by_weights.astype(np.float64)).sum(axis=0)
        by_gain = inverse * (products - statistics.mean * by_shift)
        by_weights *= w["gain"][0] * inverse
        by_mean, by_variance = of_running(w, inverse, by_gain, by_shift)
        self.write_norm(c, by_gain, by_shift, by_mean, by_variance)

    def write_norm(self, c, *given):
        """Gradients by the norm's blocks of a chunk; what is not given is zero."""
        given = dict(zip(BLOCKS, given, strict=False))
        for name in BLOCKS:
            block = self.stage.blocks[name]
            part = self.run_.part(block, c)
            part[...] = 0
            part[0, : block.columns] = given.get(name, 0)


class _BackThroughBatch(_Back):
    """The same through the statistics of a batch: all adjoint currents, then what follows."""

    def _lay_out(self):
        """Adjoint currents of the whole batch; they become those of the currents kept."""
        run = self.run_
        self.time = kernels.times(self.steps)  # delays are done with when sums are taken
        self.write = self._error_writer(self.views["weights"])
        size = len(run.trace), self.room
        flat = run.scratch.flat("adjoint currents of a layer", size[0] * size[1], run.dtype)
        self.g = flat.reshape(size)
        self.sums = np.empty((size[0], 2, self.channels))
        self.currents, self.statistics = self.record.currents, self.record.statistics
        self.inverse = self.norm.inverse(self.statistics)
        self.layout = self.shape, 0 if self.constant else self.delay, self.margin

    def gather(self, c):
        """Adjoint currents of a chunk, and their sums."""
        self.begin(c)
        sums_back = norms.make_sums_back(self.lanes)
        given = *self._filled(self.statistics.mean, self.inverse), *self.layout, self.sums
        for a, b in self.micro_batches(c):
            self.find(self.g[a:b], a, b)
            sums_back(self.g, self.currents, *given, a, b)

    def _filled(self, *given):
        """Numbers per channel, filled up to whole tiles: those stay zero."""
        dtype = self.run_.dtype
        return [patches.by_channel(x.astype(dtype), self.lanes) for x in given]

    def settle(self):
        """Gradients by gain and shift, and what the statistics pass on."""
        by_shift, by_gain = self.sums.sum(axis=0)
        for c in range(len(self.run_.edges) - 1):
            self.write_norm(c, *((by_gain, by_shift) if c == 0 else ()))
        n = len(self.g) * self.places * self.steps
        factors = (
            self.views["gain"][0] * self.inverse,
            by_shift / n,
            self.statistics.mean,
            self.inverse * by_gain / n,
        )
        self.factors = np.array(self._filled(*factors))

    def run(self, c):
        """A chunk."""
        lo, hi = self.run_.edges[c], self.run_.edges[c + 1]
        out = self.run_.part(self.stage.blocks["weights"], c)
        out[...] = 0
        self.heard.begin(lo, hi)
        normalise_back = norms.make_normalise_back(self.lanes)
        for a, b in self.micro_batches(c):
            normalise_back(self.g, self.currents, self.factors, *self.layout, a, b)
            self.spread_on(self.g[a:b], a, b, out)
        self.add_to_shortcut(lo, hi)


def _by_place(stage, constants, hold, channels, lanes):
    """Constants and steps of rest as kernels take them: a tile if all units are alike."""
    n = stage.n
    constants, hold = constants[:, :n], hold[:n]
    if not (np.ptp(constants, axis=1).any() or np.ptp(hold)):
        return np.repeat(constants[:, :1], lanes, axis=1), np.repeat(hold[:1], lanes)
    constants = patches.by_place(constants, channels, lanes)
    hold = patches.by_place(hold[None], channels, lanes)[0]
    return constants, hold
