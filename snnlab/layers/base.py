"""What a layer is: the three kinds, and how each is run forward and backward.

*A map and a neuron* (`Linear`): a map without memory turns the layer's input into currents, the
neuron owns time. A layer of one's own defines the map and its adjoint; that of the neuron is here.
*A stateless transform* (`Transform`) turns values into values, each step on its own: no neuron, no
memory. *A composite* (`Composite`) is a list of layers that is a layer.

Layers are descriptions and never change: parameters live in the network's blocks, what happens in
a trace, so one object may stand in a network several times. Where it stands is a
`snnlab.layers.stage.Stage`.

**Who computes the error of a layer below?** In backward, a layer's error is the gradient by what it
gave to others. A layer writes the error of what it heard (`Backward.add_error`), but for one case:
where dense layers hear spikes of neurons, the layer *below* reads its error through the upper
layer's weights, in the kernel that needs it (`Layer.error_is_read_below`).
"""

from __future__ import annotations

from collections import namedtuple
from dataclasses import is_dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab._settings import fields_of
from snnlab.currents import NO_EVENTS
from snnlab.kernels import lif
from snnlab.kernels import recurrent as kernels
from snnlab.layers.constants import wanted
from snnlab.layers.kinds import plain, register
from snnlab.layers.rectified import rectified, rectified_back

if TYPE_CHECKING:
    from typing import Any

    from snnlab._types import Blocks, Neuron, Shape
    from snnlab.layers.stage import Stage
    from snnlab.parameters import Block
    from snnlab.passes import Backward, Forward

# Shape of a block that is not simply ``(rows, columns)``, which can be pruned and trained.
BlockShape = namedtuple("BlockShape", "rows columns prunable trainable", defaults=(True, True))


class Layer:
    """A description of a layer.

    ``shape`` is that of a sample's units in one step: ``(n,)``, or ``(y, x, channel)`` of images.
    """

    # of a transform: whether its units spike; of any layer that does: whether it always keeps which
    # spike as bits, and lists events only if some other follows them; and whether its neurons can
    # read their error through the layer above
    gives_spikes, keeps_bits, reads_error = False, False, True
    sealed = False  # whether kernels pass its methods by, and those of what would derive from it

    def __init_subclass__(cls, **settings):
        super().__init_subclass__(**settings)
        for kind in cls.__mro__[1:]:
            if vars(kind).get("sealed"):
                base, own = "Transform" if issubclass(kind, Transform) else "Linear", kind.__name__
                raise TypeError(f"{cls.__name__} must derive from {base}: kernels pass {own} by")
        register(cls)

    def shape_out(self, shape: Shape) -> Shape:
        """Shape of the units, for inputs of a shape; ValueError if it cannot hear them."""
        raise _missing(self, "shape_out")

    def blocks(self, shape: Shape) -> dict[str, tuple[int, int] | BlockShape]:
        """Parameters, a dict of name and ``(rows, columns)`` or `BlockShape`."""
        return {}

    takes_adaptation = True  # whether its neurons may adapt (`snnlab.adaptive.AdaptiveLIF`)

    fills_constants = True  # whether its neurons' kernel also finds gradients by their constants

    # names of blocks by which its neurons hear each other; kernels write the gradients by them
    recurrent_blocks = ()

    normalises = False  # whether statistics of a batch come into its currents

    def by_batch(self, run: Forward, k: int) -> bool:
        """Whether a forward pass needs a whole batch at once, so that what follows waits for it."""
        return False

    # whether, under a constant input, its gradient needs no more than the currents' sums over time
    sums_suffice = False

    def follows_events(self, kind: type) -> bool:
        """Whether it takes a kind of signal (a class) as events; others come as values."""
        return False

    def runs_by_sample(self, run: Forward, k: int) -> bool:
        """Whether it does the same to a sample whichever others are run with it."""
        return k in run.fills or run.wiring.follows_events[k]

    def uses_up_currents(self, run: Backward, k: int) -> bool:
        """Whether adjoint currents of its neurons, if they spike, are read by its kernel alone."""
        hears = run.wiring.follows_events[k] or run.wiring.sums_suffice[k]
        return k == 0 and hears and not run.wants_error(k)

    def ends(self, block: Block) -> int:
        """What a block of weights connects, at both ends together: units, or channels and sides."""
        return block.rows + block.columns

    def room(self, stage: Stage, n_steps: int) -> int:
        """Numbers of scratch that its backward pass needs for a sample."""
        return 0

    def error_is_read_below(self, below: Stage) -> bool:
        """Whether the stage below, which alone it hears, reads its error itself."""
        return False

    def to_dict(self) -> dict[str, Any]:
        """Kind and settings, for files."""
        settings = {name: plain(x) for name, x in self._settings().items()}
        return {"kind": type(self).__name__} | settings

    def _settings(self):
        """What the layer was made with: a dataclass's fields, or its attributes."""
        return fields_of(self) if is_dataclass(self) else vars(self)

    def __repr__(self):
        given = ", ".join(f"{name}={x!r}" for name, x in self._settings().items())
        return f"{type(self).__name__}({given})"


def _missing(layer, name):
    """The error of a layer of one's own that lacks a function."""
    return NotImplementedError(f"{type(layer).__name__} must define {name}")


class Linear(Layer):
    """A map and a neuron. A layer of one's own defines `shape_out`, `blocks`, `drive`, `adjoint`.

    Arrays have the axes (sample, time, *shape*); where the input is the same in every step, there
    is one step. ``w`` holds the layer's blocks by name, each ``(rows, columns)``. Both functions
    are called with some samples of a batch at a time.
    """

    def drive(self, x: np.ndarray, w: Blocks) -> np.ndarray:
        """Currents (sample, time, *shape_out*) that an input feeds the neurons."""
        raise _missing(self, "drive")

    def adjoint(self, g: np.ndarray, x: np.ndarray, w: Blocks) -> tuple[Blocks, np.ndarray]:
        """From the gradient by the currents: those by the blocks (a dict), and by ``x``."""
        raise _missing(self, "adjoint")

    def init(self, rng: np.random.Generator, shape: Shape, sd: float) -> Blocks:
        """Initial values of the blocks, by name; ``sd`` is for a unit with a single input.

        By default normal with standard deviation ``sd / sqrt(rows)``, zero where not prunable.
        """
        out = {}
        for name, given in self.blocks(shape).items():
            block = BlockShape(*given)
            size = block.rows, block.columns
            scale = sd / np.sqrt(block.rows)
            out[name] = rng.normal(0, scale, size) if block.prunable else np.zeros(size)
        return out

    def tuned(self, start: Blocks, neuron: Neuron, n_steps: int) -> Blocks:
        """Initial values of the blocks for a neuron, from those of `init`."""
        return start

    # forward

    def prepare(self, run: Forward, k: int) -> None:
        """Before a forward pass: memory for currents, and what the kernels are called with."""
        stage, n = run.stages[k], len(run.trace)
        if not run.wiring.follows_events[k]:
            steps = 1 if run.wiring.is_constant[k] else run.n_steps
            run.drives[k] = run.scratch.array(f"drive {k}", (n, steps, stage.width), run.dtype)
        run.neurons[k] = neurons(run, k)

    def forward(self, run: Forward, k: int, lo: int, hi: int) -> None:
        """Run some samples."""
        if not run.wiring.follows_events[k]:
            self.fill_drive(run, k, lo, hi)
        run.neurons[k](lo, hi)

    def fill_drive(self, run: Forward, k: int, lo: int, hi: int) -> None:
        """Currents of some samples into ``run.drives[k]``."""
        stage, x = run.stages[k], run.values(k, lo, hi)
        out = run.drives[k][lo:hi, :, : stage.n]
        out[...] = _flat(self.drive(x, run.views(k)), x, stage, "drive")
        if stage.shortcut is not None:
            out += run.shortcut_values(k, lo, hi)

    # backward

    def prepare_back(self, run: Backward, k: int) -> None:
        """Before a backward pass: what the kernels are called with."""
        run.neurons[k] = neurons_back(run, k)

    def backward(self, run: Backward, k: int, first: int, last: int) -> None:
        """Errors and gradients of some chunks of samples."""
        run.neurons[k](first, last)
        follows = run.wiring.follows_events[k]
        if follows and not run.wants_error(k):
            return
        for c in range(first, last):
            lo, hi = run.edges[c], run.edges[c + 1]
            if not follows:
                g_x = self.chunk_adjoint(run, k, c, lo, hi)
                run.add_error(run.stages[k].source, lo, hi, g_x)
            else:
                run.add_error(run.stages[k].source, lo, hi, self.error_below(run, k, lo, hi))

    def chunk_adjoint(self, run: Backward, k: int, c: int, lo: int, hi: int) -> np.ndarray:
        """Gradients of a chunk by the blocks; returns that by the input."""
        stage = run.stages[k]
        g = run.g_arriving(k, lo, hi)
        if stage.shortcut is not None:
            run.add_shortcut_error(k, lo, hi, g)
        if run.wiring.hears_constant[k]:
            g = g.sum(axis=1, keepdims=True)
        g, x = g.reshape(*g.shape[:2], *stage.shape_out), run.values(k, lo, hi)
        answer = self.adjoint(g, x, run.views(k))
        if not isinstance(answer, tuple) or len(answer) != 2:
            raise TypeError(f"adjoint of {stage.name} must give gradients by blocks and by x")
        by_blocks, g_x = answer
        blocks = {name: b for name, b in stage.blocks.items() if name not in self.recurrent_blocks}
        if set(by_blocks) != set(blocks):
            raise ValueError(
                f"adjoint of {stage.name} gives gradients by {sorted(by_blocks)}, "
                f"its blocks are {sorted(blocks)}"
            )
        for name, block in blocks.items():
            shape = block.rows, block.columns
            part = _of_shape(by_blocks[name], shape, f"adjoint of {stage.name}: gradient by {name}")
            run.part(block, c)[:, : block.columns] = part
        return _of_shape(g_x, x.shape, f"adjoint of {stage.name}: gradient by x")

    def error_below(self, run: Backward, k: int, lo: int, hi: int) -> np.ndarray:
        """Gradient by an input that was heard as events."""
        raise _missing(self, "error_below")

    def finish(self, run: Backward, k: int) -> None:
        """After a backward pass: chunks are summed, in order."""
        for block in run.stages[k].blocks.values():
            run.sum_chunks(block)


class Transform(Layer):
    """A stateless transform. One's own defines `shape_out`, `values`, `adjoint`."""

    def values(self, x: np.ndarray) -> np.ndarray:
        """Output (sample, time, *shape_out*) for an input (sample, time, *shape*)."""
        raise _missing(self, "values")

    def adjoint(self, g: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Gradient by the input ``x``, from that by the output ``y``."""
        raise _missing(self, "adjoint")

    def prepare(self, run: Forward, k: int) -> None:
        """Before a forward pass: nothing."""

    prepare_back = prepare

    def forward(self, run: Forward, k: int, lo: int, hi: int) -> None:
        """Run some samples."""
        stage, x = run.stages[k], run.values(k, lo, hi)
        run.trace.records[k].values[lo:hi] = _flat(self.values(x), x, stage, "values")

    def backward(self, run: Backward, k: int, first: int, last: int) -> None:
        """Errors of some chunks of samples."""
        stage = run.stages[k]
        for c in range(first, last):
            lo, hi = run.edges[c], run.edges[c + 1]
            y, x = run.trace.records[k].values[lo:hi], run.values(k, lo, hi)
            g = run.error(k, lo, hi)
            if run.wiring.hears_constant[k]:  # and so gives the same in every step
                y, g = y[:, :1], g.sum(axis=1, keepdims=True)
            y, g = (part.reshape(*part.shape[:2], *stage.shape_out) for part in (y, g))
            g_x = _of_shape(self.adjoint(g, x, y), x.shape, f"adjoint of {stage.name}: gradient")
            run.add_error(stage.source, lo, hi, g_x)

    def finish(self, run: Backward, k: int) -> None:
        """After a backward pass: there is nothing to sum."""


class Composite(Layer):
    """A list of layers that is a layer; currents may pass some of them by.

    Attributes
    ----------
    layers : tuple of Layer
    """

    layers = ()

    @property
    def shortcut(self) -> bool:
        """Whether the last layer's neurons also feel the composite's input, unit by unit."""
        return False

    def shape_out(self, shape: Shape) -> Shape:
        """Shape of the last layer's units."""
        for layer in self.layers:
            shape = layer.shape_out(shape)
        return shape


def _of_shape(x, shape, what):
    """What a layer's own function gave, if it is of this shape."""
    x = _check.as_array(what, x)
    if x.shape != shape:
        raise ValueError(f"{what} must have shape {shape}, got {x.shape}")
    return x


def _flat(y, x, stage, what):
    """What a layer's own function made of x, with its units in a row."""
    y = _of_shape(y, (*x.shape[:2], *stage.shape_out), f"{what} of {stage.name}")
    return y.reshape(*x.shape[:2], stage.n)


# The kernels' small arrays, which are the same from call to call; those of a chip's noise change.
integrating, firing, firing_back, firing_back_reals = (
    lru_cache(256)(make)
    for make in (lif.integrating, lif.firing, lif.firing_back, lif.firing_back_reals)
)


# the neurons, written once ------------------------------------------------------------------------


def neurons(run, k, fire=lif.fire, more=()):
    """What runs layer k's neurons, on events or on ``run.drives[k]``: a function of lo and hi.

    ``fire``: the kernel of those that spike; it is given ``more`` behind the weights.
    """
    stage, record, under = run.stages[k], run.trace.records[k], run.conditions[k]
    if stage.adapts and not more:
        fire = kernels.fire_of(stage.width, adapts=True)
        more = (np.empty((0, stage.width), run.dtype),)
    delay, heard = stage.neuron.delay, (*source(run, k), run.drives[k], run.weights[k], *more)
    physics = under.noise, under.bounds
    if not stage.fires:
        v, numbers = record.values, integrating(delay=delay, key=under.key)
        work = partial(lif.integrate, *heard, under.constants, *physics, numbers, v)
        work = rectified(run, k, work)
    else:
        v, z, spikes = record.potentials, record.bits, record.spikes.events
        numbers = firing(
            zero_reset=under.zero_reset, delay=delay, keep=v is not None, key=under.key
        )
        given = *heard, under.constants, under.hold, *physics, numbers
        if v is None:
            return lambda lo, hi: fire(*given, *run.passing(stage), *spikes, lo, hi)
        work = partial(fire, *given, v, z, *spikes)
    if under.read is None:
        return work

    def work_and_read(lo, hi):
        work(lo, hi)
        under.read(v, lo, hi)

    return work_and_read


def neurons_back(run, k, fire_backward=lif.fire_backward, more=()):
    """The same backwards in time, of some chunks: adjoint currents, and weights' gradients."""
    stage, record, neuron = run.stages[k], run.trace.records[k], run.stages[k].neuron
    if stage.adapts and not more:
        fire_backward = kernels.fire_backward_of(stage.width, stage.surrogate, adapts=True)
        more = kernels.no_recurrence(stage.width, len(run.edges) - 1, run.dtype)
    place = run.edges, run.event_parts(k), run.g_currents[k], run.g_drives[k]
    if not stage.fires:
        given = run.errors[k], run.constants[k], integrating(delay=neuron.delay)
        work = partial(lif.integrate_backward, *source(run, k), *given, *place)
        return rectified_back(run, k, work)
    g_next, next_t, next_delay, reals = run.from_above(k)
    numbers = firing_back(
        next_delay=next_delay,
        zero_reset=stage.zero_reset,
        attached=not neuron.detach_reset,
        surrogate=stage.surrogate,
        delay=neuron.delay,
        learns=wanted(neuron),
    )
    work = partial(
        fire_backward, *source(run, k), *record.spikes.events, record.potentials, record.bits,
        run.slopes_of(k), g_next, next_t, run.errors[k], run.constants[k], stage.hold, numbers,
        reals, *place, run.g_constants[k], *more,
    )  # fmt: skip

    def find_slopes_and_work(first, last):
        run.fill_slopes(k, run.edges[first], run.edges[last])
        work(first, last)

    return find_slopes_and_work


def source(run, k):
    """The events that layer k follows, if it does: start, stop, step, unit."""
    if k in run.heard:
        return run.heard[k]
    return run.signal(k).events if run.wiring.follows_events[k] else NO_EVENTS
