"""STDP with time to first spike: filters that form without a teacher, pruned while they form.

An image becomes contrasts, which are on or off, and these become spikes: the stronger the earlier,
one each (`contrast`, `first_spikes`). Layers of detectors hear them; whichever unit's potential
reaches its threshold first wins, and learns by a rule that asks only which of its inputs had spiked
by then (`STDP`; Kheradpisheh et al., Neural Networks 99, 2018)::

    w += rise w (1 - w)   where the input spiked no later than the winner
    w -= fall w (1 - w)   where it spiked later, or not at all

Weights end near 0 or near 1. Those that have settled low say nothing, and can be cut for good: at
w = 0 the rule leaves them where they are, and no event goes through them any more, in learning or
later. That this halves the work of learning is from Nguyen, Veeravalli and Fong (2021), whose
criterion and schedule are not public; those of `STDP` are ours.

>>> from snnlab import datasets, stdp
>>> data = datasets.load("digits16")
>>> heard = stdp.first_spikes(stdp.contrast(data.x_train.reshape(-1, 16, 16)))
>>> network = stdp.STDPNetwork((16, 16, 2), [stdp.Detectors(16, kernel=5)], rng=0)
>>> log = network.learn(heard, stdp.STDP(cut=0.3), images=500)
>>> log.connectivity[-1] < 0.6  # of the synapses are left
True
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab._files import DAMAGE, check_format, load_npz, save_npz
from snnlab._workers import share, worker_count
from snnlab.kernels import stdp as kernels
from snnlab.kernels.stdp import COUNTS, SILENT
from snnlab.memory import pad_units, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any, Self

    from numpy.typing import ArrayLike

    from snnlab._types import PathLike, Seed

__all__ = [
    "SILENT",
    "Detectors",
    "Events",
    "Log",
    "STDP",
    "STDPNetwork",
    "Stage",
    "contrast",
    "first_spikes",
]

FORMAT = 1
MOST_STEPS = SILENT - 1  # a step is a byte
MOST_WEIGHTS = 2**26  # of a layer
PACKED = 0.2  # connectivity below which kernels follow lists of synapses: it is faster there
FIRST, SPREAD = 0.8, 0.05  # weights at the start: mean, standard deviation
RARE = 0.5  # share of images without a winner from which on it is worth a word
CHUNK = 500  # images that threads share at a time


# what is heard ----------------------------------------------------------------------------------


def contrast(
    images: ArrayLike, *, narrow: float = 1.0, wide: float = 2.0, size: int = 7
) -> np.ndarray:
    """Local contrasts, as ganglion cells of the retina tell them: brighter than around, or darker.

    A narrow Gaussian minus a wide one, each of sum 1 over ``size`` pixels; beyond the border the
    image goes on as it ends there. Each image's contrasts are divided by the largest.

    Parameters
    ----------
    images : array of float (n, y, x) or (n, y, x, channel)
    narrow, wide : float
        Standard deviations in pixels; the second is the larger.
    size : int
        Width of both, an odd number.

    Returns
    -------
    array of float32 (n, y, x, 2 * channel)
        In [0, 1]: of each channel first where it is brighter (on), then where it is darker (off);
        0 in images without any contrast.

    Raises
    ------
    TypeError, ValueError
        What is no such array, or settings out of range.
    """
    images = _images("images", images)
    narrow = _check.number("narrow", narrow, above=0, at_most=1e6)
    wide = _check.number("wide", wide, above=narrow, at_most=1e6)
    size = _check.integer("size", size, 3, 999)
    if size % 2 == 0:
        raise ValueError(f"size must be odd, got {size}")
    x = images.transpose(0, 3, 1, 2)
    rows, columns = x.shape[2:]
    out = np.empty((len(x), rows, columns, 2 * x.shape[1]), np.float32)
    blurs = [(_blur(rows, s, size), _blur(columns, s, size).T) for s in (narrow, wide)]
    for first in range(0, len(x), CHUNK):
        part = x[first : first + CHUNK]
        with np.errstate(over="ignore", invalid="ignore"):
            seen, around = (down @ part @ across for down, across in blurs)
            signed = (seen - around).transpose(0, 2, 3, 1)
        # what is rounding only is no contrast
        floor = 1e-5 * np.abs(part).max(axis=(1, 2, 3), initial=0)[:, None, None, None]
        most = np.abs(signed).max(axis=(1, 2, 3), keepdims=True, initial=0)
        _check.finite("images", most)
        signed /= np.where(most > floor, most, np.inf)
        both = np.stack([np.maximum(signed, 0), np.maximum(-signed, 0)], axis=-1)
        out[first : first + CHUNK] = both.reshape(out[first : first + CHUNK].shape)
    return out


def _images(name, value):
    """Images (n, y, x, channel) of float32, none of their axes empty but perhaps the first."""
    images = _check.array(name, value, np.float32)
    if images.ndim not in (3, 4) or 0 in images.shape[1:]:
        raise ValueError(f"{name} must have shape (n, y, x) or (n, y, x, channel), {images.shape}")
    return images[..., None] if images.ndim == 3 else images


def _blur(n, sd, size):
    """A Gaussian along an axis of n pixels as a matrix (n, n)."""
    reach = np.arange(size) - size // 2
    weights = np.exp(-0.5 * (reach / sd) ** 2)
    out = np.zeros((n, n))
    for i in range(n):
        np.add.at(out[i], np.clip(i + reach, 0, n - 1), weights / weights.sum())
    return out.astype(np.float32)


def first_spikes(x: ArrayLike, *, n_steps: int = 16, floor: float = 0.1) -> np.ndarray:
    """When values spike, the larger the earlier: 1 in the first step, ``floor`` in the last.

    Parameters
    ----------
    x : array of float (n, ...)
        Values in [0, 1].
    n_steps : int
        At most 254.
    floor : float
        Values up to here stay silent; below 1.

    Returns
    -------
    array of uint8, shaped like x
        The step of each value's only spike, or `SILENT`.

    Raises
    ------
    TypeError, ValueError
        Values that do not lie in [0, 1], or settings out of range.
    """
    x = _check.array("x", x, np.float32, unit_interval=True)
    n_steps = _check.integer("n_steps", n_steps, 1, MOST_STEPS)
    floor = _check.number("floor", floor, at_least=0, below=1)
    step = np.minimum((1 - x) * np.float32(n_steps / (1 - floor)), n_steps - 1)
    return np.where(x > np.float32(floor), step, SILENT).astype(np.uint8)


# settings ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Detectors:
    """A layer: ``n`` detectors at each place, which compete.

    Parameters
    ----------
    n : int
        Detectors, each with weights that all places share.
    kernel : int or None
        Rows and columns that one hears; None: all, so that there is one place.
    threshold : float
        Potential at which a unit spikes: so many inputs of weight 1.
    pool : int
        So many neighbours along each side are one unit to the next layer: the earliest spike.
    winners : int
        Spikes of an image that learn, at most, each of another detector.
    radius : int
        How near to a winner no other can win.

    Raises
    ------
    TypeError, ValueError
        The argument that is of the wrong kind, or out of range.
    """

    n: int
    kernel: int | None = 5
    threshold: float = 10.0
    pool: int = 1
    winners: int = 5
    radius: int = 2

    def __post_init__(self):
        """Check them."""
        _check.field(self, "n", _check.integer, 1, _check.MOST_UNITS)
        if self.kernel is not None:
            _check.field(self, "kernel", _check.integer, 1, 10_000)
        _check.field(self, "threshold", _check.number, above=0)
        _check.field(self, "pool", _check.integer, 1, 10_000)
        _check.field(self, "winners", _check.integer, 1, 10_000)
        _check.field(self, "radius", _check.integer, 0, 10_000)


@dataclass(frozen=True)
class STDP:
    """The rule, and when synapses are cut.

    Parameters
    ----------
    rise, fall : float
        Rates, in [0, 1]: how fast weights grow, and shrink.
    cut : float
        Every ``every`` images, synapses whose weight is below this are cut for good. 0: none are.
        They begin at 0.8, so that one so low has lost far more often than it has won.
    every : int
        Images between two looks, at the weights and by whoever watches.

    Raises
    ------
    TypeError, ValueError
        The argument that is of the wrong kind, or out of range: rates may not be negative.
    """

    rise: float = 0.04
    fall: float = 0.03
    cut: float = 0.0
    every: int = 100

    def __post_init__(self):
        """Check them."""
        _check.field(self, "rise", _check.number, at_least=0, at_most=1)
        _check.field(self, "fall", _check.number, at_least=0, at_most=1)
        _check.field(self, "cut", _check.number, at_least=0, below=1)
        _check.field(self, "every", _check.integer, at_least=1)


@dataclass(frozen=True)
class Events:
    """What was done, per layer, in total over ``images``.

    Attributes
    ----------
    additions : tuple of int
        Synaptic events: a weight is read and added to a potential.
    updates : tuple of int
        Weights that were changed.
    heard, said : tuple of int
        Spikes that arrived, and that were sent on (in learning: winners).
    images : int
    """

    additions: tuple[int, ...]
    updates: tuple[int, ...]
    heard: tuple[int, ...]
    said: tuple[int, ...]
    images: int

    @property
    def total(self) -> int:
        """Additions and updates of all layers."""
        return sum(self.additions) + sum(self.updates)

    def __add__(self, other: Events) -> Events:
        """What was done in both, by the same layers."""
        _check.kind("Events")("other", other)
        if len(other.additions) != len(self.additions):
            raise ValueError("other must be of as many layers")
        names = "additions", "updates", "heard", "said"
        pairs = [zip(getattr(self, name), getattr(other, name), strict=True) for name in names]
        return Events(*(tuple(map(sum, pair)) for pair in pairs), self.images + other.images)

    @classmethod
    def of(cls, counts: np.ndarray, images: int) -> Events:
        """From an array (layer, `snnlab.kernels.stdp.COUNTS`)."""
        counts = _check.array("counts", counts, np.int64, (None, len(COUNTS)))
        columns = [tuple(map(int, column)) for column in counts.T]
        return cls(*columns, images=_check.integer("images", images, 0))


@dataclass
class Log:
    """What a learning recorded: an entry for each look, every so many images.

    Attributes
    ----------
    layer, images : list of int
        Which layer learned, and how many images all layers have learned so far.
    connectivity : list of float
        Share of all synapses that is left.
    unsettled : list of float
        Mean of ``4 w (1 - w)`` over the layer's synapses: 1 in the middle, 0 at both ends.
    cut : list of int
        Synapses that were cut.
    silent : list of float
        Share of images without a winner.
    counts : list of array (layer, 4)
        As in `Events.of`.
    """

    layer: list[int] = field(default_factory=list)
    images: list[int] = field(default_factory=list)
    connectivity: list[float] = field(default_factory=list)
    unsettled: list[float] = field(default_factory=list)
    cut: list[int] = field(default_factory=list)
    silent: list[float] = field(default_factory=list)
    counts: list[np.ndarray] = field(default_factory=list)

    @property
    def events(self) -> Events:
        """All that was done."""
        if not self.counts:
            raise ValueError("nothing was learned yet")
        return Events.of(sum(self.counts), self.images[-1])


# the network ------------------------------------------------------------------------------------


class Stage:
    """A layer as it stands in a network: its shapes, and its weights.

    Attributes
    ----------
    layer : Detectors
    shape_in, shape_out : (int, int, int)
        Rows, columns and channels heard, and said (pooled).
    places : (int, int)
        Rows and columns of places, before they are pooled.
    weights : array of float32 (row, n)
        In [0, 1], 0 where there is no synapse. A view, which may be written to: rows in the order
        (y, x, channel) of a kernel.
    """

    def __init__(self, layer: Detectors, shape_in: tuple[int, int, int], k: int = 0) -> None:
        shape_in = _shape("shape_in", shape_in)
        self.layer, self.shape_in = _check.kind("Detectors")("layer", layer), shape_in
        rows, columns, channels = shape_in
        ky, kx = (rows, columns) if layer.kernel is None else (layer.kernel, layer.kernel)
        if ky > rows or kx > columns:
            raise ValueError(
                f"layer {k}: a kernel of {ky} x {kx} does not fit into {rows} x {columns} places"
            )
        self.places = rows - ky + 1, columns - kx + 1
        if layer.pool > min(self.places):
            raise ValueError(f"layer {k}: pool {layer.pool} does not fit into {self.places} places")
        self.shape_out = *(n // layer.pool for n in self.places), layer.n
        self.shape = *shape_in, ky, kx, layer.n, layer.pool
        rows = ky * kx * channels
        if rows * layer.n > MOST_WEIGHTS:
            raise ValueError(f"layer {k}: {rows} x {layer.n} weights are too many")
        self.padded = pad_units(np.zeros((rows, layer.n), np.float32), _width(layer.n))

    @property
    def weights(self) -> np.ndarray:
        """Weights (row, n), a view of what kernels take: of a copy, of the copy's."""
        return self.padded[:, : self.layer.n]

    @property
    def alone(self) -> bool:
        """Whether a place has one spike at most: detectors that hear all share the only one."""
        return self.layer.kernel is not None

    @property
    def n_synapses(self) -> int:
        """Weights that are not 0."""
        return int(np.count_nonzero(self.weights))

    @property
    def n_units(self) -> int:
        """Units: detectors at all places."""
        return self.layer.n * self.places[0] * self.places[1]

    def relist(self) -> None:
        """List the synapses anew, after some of them were cut."""
        there = self.weights != 0
        self.start = np.concatenate([[0], np.cumsum(there.sum(axis=1))]).astype(np.int64)
        self.to = np.append(np.nonzero(there)[1], 0).astype(np.int64)
        self.packed = bool(there.mean() < PACKED)

    def _look(self, k):
        """Look at weights, as layer k's, that somebody may have written to; list what is new."""
        w = self.weights
        low, high = w.min(), w.max()
        if not (low >= 0 and high <= 1):  # NaN is neither
            raise ValueError(
                f"weights of layer {k} must lie in [0, 1]; they reach from {low:g} to {high:g}"
            )
        row, to = np.nonzero(w)
        rows = np.bincount(row, minlength=len(w))
        if not (np.array_equal(rows, np.diff(self.start)) and np.array_equal(to, self.to[:-1])):
            self.relist()

    @property
    def tables(self) -> tuple:
        """What kernels take."""
        return self.shape, self.padded, self.start, self.to, self.packed


def _width(n):
    """Whole tiles of what `snnlab.kernels.stdp` adds at once."""
    return -(-n // kernels.NARROW) * kernels.NARROW


def _shape(name, value):
    size = _check.like(_check.integer, at_least=1, at_most=_check.MOST_UNITS)
    shape = tuple(_check.each(size, 3, "numbers")(name, value))
    if np.prod([float(n) for n in shape]) > _check.MOST_UNITS:
        raise ValueError(f"{name} must have fewer units, got {shape}")
    return shape


class STDPNetwork:
    """Layers of detectors that learn one after the other, without labels.

    Parameters
    ----------
    shape : (int, int, int)
        Rows, columns and channels of what is heard.
    layers : sequence of Detectors
        One that hears all (``kernel=None``) has a single place.
    n_steps : int
        Steps of an image, at most 254.
    rng : int or Generator
        Draws the weights at the start, and in which order images are learned.
    workers : int, optional
        Threads; results do not depend on it.

    Attributes
    ----------
    stages : list of Stage

    Raises
    ------
    TypeError, ValueError
        Arguments out of range; a layer that does not fit what it hears, by its number.
    """

    def __init__(
        self,
        shape: Sequence[int],
        layers: Sequence[Detectors],
        *,
        n_steps: int = 16,
        rng: Seed = 0,
        workers: int | None = None,
    ) -> None:
        self.shape, self.rng = _shape("shape", shape), _check.generator("rng", rng)
        self.n_steps = _check.integer("n_steps", n_steps, 1, MOST_STEPS)
        self.workers = workers if workers is None else worker_count(workers)
        layers = _check.each(_check.kind("Detectors"), of="Detectors")("layers", layers)
        if not layers:
            raise ValueError("layers must hold one layer or more")
        self.stages, heard = [], self.shape
        for k, layer in enumerate(layers):
            with _check.told_of("shape or layers"):
                self.stages.append(Stage(layer, heard, k))
            heard = self.stages[-1].shape_out
        for stage in self.stages:
            drawn = self.rng.normal(FIRST, SPREAD, stage.weights.shape)
            stage.weights[...] = np.clip(drawn, 0.01, 0.99)
            stage.relist()

    @property
    def n_synapses(self) -> int:
        """Weights that are not 0, of all layers."""
        return sum(stage.n_synapses for stage in self.stages)

    @property
    def connectivity(self) -> float:
        """Share of all weights that are not 0."""
        return self.n_synapses / sum(stage.weights.size for stage in self.stages)

    # running --------------------------------------------------------------------------------------

    def respond(self, when: ArrayLike, n_layers: int | None = None) -> tuple[np.ndarray, Events]:
        """First spikes of a layer, and what was done for them.

        Parameters
        ----------
        when : array of uint8 (n, y, x, channel)
            As `first_spikes` has them.
        n_layers : int, optional
            How many layers hear, by default all; 0 returns what was given.

        Returns
        -------
        when : array of uint8 (n, y, x, channel)
        events : Events
        """
        x = self._heard(when)
        self._check_weights()
        n_layers = len(self.stages) if n_layers is None else n_layers
        n_layers = _check.integer("n_layers", n_layers, 0, len(self.stages))
        x, counts = self._below(x, n_layers)
        shape = self.stages[n_layers - 1].shape_out if n_layers else self.shape
        return x.reshape(len(x), *shape), Events.of(counts, len(x))

    def features(self, when: ArrayLike, grid: int = 2) -> tuple[np.ndarray, Events]:
        """Potentials at the end, of a last layer that does not spike: what classifiers may read.

        Parameters
        ----------
        when : array of uint8 (n, y, x, channel)
        grid : int
            Of each detector the largest potential in each of ``grid * grid`` parts of the image.

        Returns
        -------
        array of float32 (n, grid * grid * n_detectors)
            In the order (part, detector).
        events : Events
        """
        x, last = self._heard(when), self.stages[-1]
        grid = self.check_grid(grid)
        self._check_weights()
        x, counts = self._below(x, len(self.stages) - 1)
        out = np.empty((len(x), grid * grid, last.layer.n), np.float32)
        done = np.zeros((len(x), len(COUNTS)), np.int64)

        def work(lo, hi):
            kernels.potentials(x, *last.tables, self.n_steps, grid, lo, hi, out, done)

        share(work, len(x), worker_count(self.workers))
        counts[-1] = done.sum(axis=0)
        return rows_of(out), Events.of(counts, len(x))

    def check_grid(self, grid: int) -> int:
        """A grid, if the last layer has so many places along each side."""
        most = min(self.stages[-1].places)
        return _check.integer("grid", grid, 1, most)

    def _check_weights(self):
        for k, stage in enumerate(self.stages):
            stage._look(k)

    def _heard(self, when):
        """What is given, as kernels take it: bytes (n, unit)."""
        when = _check.as_array("when", when)
        if when.dtype != np.uint8:
            raise TypeError(f"when must hold uint8, as first_spikes has them, not {when.dtype}")
        if when.shape[1:] != self.shape:
            raise ValueError(f"when must be images (n, {self.shape}), got {when.shape}")
        n_units = int(np.prod(self.shape))
        when = np.require(when.reshape(len(when), n_units), np.uint8, ("C", "W"))
        beyond = (when >= self.n_steps) & (when != SILENT)
        if beyond.any():
            raise ValueError(f"when has steps up to {when[beyond].max()}, of {self.n_steps}")
        return when

    def _below(self, x, n_layers):
        """What so many layers say, and counts by layer; the others' are 0."""
        counts = np.zeros((len(self.stages), len(COUNTS)), np.int64)
        for k, stage in enumerate(self.stages[:n_layers]):
            out = np.empty((len(x), int(np.prod(stage.shape_out))), np.uint8)
            done = np.zeros((len(x), len(COUNTS)), np.int64)
            settings = stage.layer.threshold, self.n_steps, stage.alone

            def work(lo, hi, heard=x, stage=stage, settings=settings, out=out, done=done):
                kernels.respond(heard, *stage.tables, *settings, lo, hi, out, done)

            share(work, len(x), worker_count(self.workers))
            counts[k], x = done.sum(axis=0), out
        return x, counts

    # learning -------------------------------------------------------------------------------------

    def learn(self, when: ArrayLike, rule: STDP | None = None, **settings: Any) -> Log:
        """Learn, layer by layer; as `learn_steps`, to the end."""
        log = Log()
        for log in self.learn_steps(when, rule, **settings):  # noqa: B007
            pass
        return log

    def learn_steps(
        self,
        when: ArrayLike,
        rule: STDP | None = None,
        *,
        images: int = 3000,
        at_random: Sequence[int] | None = None,
    ) -> Iterator[Log]:
        """Learn, layer by layer, and look every ``rule.every`` images: an iterator.

        Parameters
        ----------
        when : array of uint8 (n, y, x, channel)
            As `first_spikes` has them. They are learned one by one, in an order of their own, and
            again where there are too few.
        rule : STDP, optional
        images : int
            For each layer.
        at_random : sequence of int, optional
            A control: at each look so many synapses of the layer are cut at random instead
            (``log.cut`` of another learning).

        Yields
        ------
        Log
            The same object each time, longer by an entry.

        Warns
        -----
        RuntimeWarning
            A layer that has not reached its threshold in most images: it learns little, or nothing.
        """
        x, rule = self._heard(when), STDP() if rule is None else rule
        _check.kind("STDP")("rule", rule)
        images = _check.integer("images", images, 1)
        if not len(x):
            raise ValueError("when must hold one image or more")
        looks = len(self.stages) * -(-images // rule.every)
        if at_random is not None:
            number = _check.like(_check.integer, at_least=0)
            at_random = _check.each(number, looks, "numbers")("at_random", at_random)
        return self._steps(x, rule, images, at_random)

    def _steps(self, x, rule, images, at_random):
        log = Log()
        for k, stage in enumerate(self.stages):
            order = _order(len(x), images, self.rng)
            for first in range(0, images, rule.every):
                self._check_weights()
                heard, counts = self._below(x[order[first : first + rule.every]], k)
                done = np.zeros((len(heard), len(COUNTS)), np.int64)
                layer = stage.layer
                settings = layer.threshold, self.n_steps, layer.winners, layer.radius
                wins = np.zeros(layer.n, np.int64)
                kernels.learn(heard, *stage.tables, *settings, rule.rise, rule.fall, wins, done)
                counts[k] = done.sum(axis=0)
                if at_random is None:
                    gone = (stage.weights < rule.cut) & (stage.weights > 0)
                else:
                    gone = self._some(stage, at_random[len(log.cut)])
                self.prune(k, gone)
                w = stage.weights[stage.weights > 0]
                log.layer.append(k)
                log.images.append((log.images[-1] if log.images else 0) + len(heard))
                log.connectivity.append(self.connectivity)
                log.unsettled.append(float(np.mean(4 * w * (1 - w))) if w.size else 0.0)
                log.cut.append(int(gone.sum()))
                log.silent.append(float(np.mean(done[:, kernels.SPIKES] == 0)))
                log.counts.append(counts)
                yield log
            own = np.array(log.layer) == k
            images_each = np.diff(log.images, prepend=0)  # the last look has fewer
            self._tell(k, float(np.average(np.array(log.silent)[own], weights=images_each[own])))

    def _tell(self, k, silent):
        """Say so if a layer was silent."""
        if silent >= RARE:
            threshold = self.stages[k].layer.threshold
            warnings.warn(
                f"layer {k} did not reach its threshold of {threshold:g} in {silent:.0%} of the "
                "images: it learns nothing from them, and says nothing; lower its threshold, or "
                "that of the layer before, or cut less",
                RuntimeWarning,
                stacklevel=4,
            )

    def _some(self, stage, n):
        """A mask of n synapses of a layer, drawn at random; of all, if there are fewer."""
        there = np.flatnonzero(stage.weights)
        gone = np.zeros(stage.weights.size, bool)
        gone[self.rng.choice(there, min(n, there.size), replace=False)] = True
        return gone.reshape(stage.weights.shape)

    def prune(self, k: int, gone: ArrayLike) -> None:
        """Cut synapses of layer k for good.

        Parameters
        ----------
        k : int
        gone : array of bool (row, n)
            Shaped like the layer's ``weights``.
        """
        stage = self.stages[_check.integer("k", k, 0, len(self.stages) - 1)]
        gone = _check.as_array("gone", gone)
        if gone.dtype != np.bool_ or gone.shape != stage.weights.shape:
            raise ValueError(
                f"gone must hold True and False, {stage.weights.shape}, "
                f"not {gone.dtype}, {gone.shape}"
            )
        if gone.any():
            stage.weights[gone] = 0
            stage.relist()

    # looking --------------------------------------------------------------------------------------

    def kernels(self, k: int = 0) -> np.ndarray:
        """What the detectors of layer k look for, as pictures of what the network hears.

        Of a later layer each weight stands for what the detector that it hears looks for, where
        that is; pooled places are drawn at the middle of their squares.

        Returns
        -------
        array of float32 (n, y, x, channel)
        """
        k = _check.integer("k", k, 0, len(self.stages) - 1)
        pictures = np.eye(self.shape[2], dtype=np.float32)[:, None, None]
        stride = 1
        for stage in self.stages[: k + 1]:
            ky, kx = stage.shape[3:5]
            w = stage.weights.T.reshape(stage.layer.n, ky, kx, stage.shape_in[2])
            down, across = pictures.shape[1:3]
            size = stride * (ky - 1) + down, stride * (kx - 1) + across
            out = np.zeros((stage.layer.n, *size, self.shape[2]), np.float32)
            for y in range(ky):
                for x in range(kx):
                    at = np.s_[stride * y : stride * y + down, stride * x : stride * x + across]
                    out[:, *at] += np.tensordot(w[:, y, x], pictures, 1)
            pictures, stride = out, stride * stage.layer.pool
        return pictures

    def __repr__(self) -> str:
        """Say layers, and synapses."""
        layers = ", ".join(
            f"{s.layer.n} x {'all' if s.layer.kernel is None else s.layer.kernel}"
            for s in self.stages
        )
        return (
            f"STDPNetwork of {self.shape}: {layers}; {self.n_synapses:,} synapses, "
            f"{self.connectivity:.1%} of all"
        )

    # files ----------------------------------------------------------------------------------------

    def to_arrays(self) -> dict[str, np.ndarray]:
        """All that defines it, as plain arrays by name."""
        out = {"shape": np.array(self.shape), "n_steps": np.array(self.n_steps)}
        for k, stage in enumerate(self.stages):
            layer = stage.layer
            numbers = layer.n, layer.kernel or 0, layer.pool, layer.winners, layer.radius
            out[f"layer{k}"] = np.array(numbers)
            out[f"threshold{k}"] = np.array(layer.threshold)
            out[f"weights{k}"] = stage.weights.copy()
        return out

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], workers: int | None = None) -> Self:
        """Inverse of `to_arrays`.

        Raises
        ------
        ValueError
            If something is missing, or does not fit.
        """
        try:
            shape, n_steps = arrays["shape"].tolist(), int(arrays["n_steps"])
            layers = []
            while f"layer{len(layers)}" in arrays:
                k = len(layers)
                n, kernel, pool, winners, radius = arrays[f"layer{k}"].tolist()
                threshold = float(arrays[f"threshold{k}"])
                layers.append(Detectors(n, kernel or None, threshold, pool, winners, radius))
            weights = [arrays[f"weights{k}"] for k in range(len(layers))]
            out = cls(shape, layers, n_steps=n_steps, workers=workers)
        except DAMAGE as fault:
            raise ValueError(f"arrays must be those of to_arrays: {fault!r}") from None
        for k, stage in enumerate(out.stages):
            wanted = stage.weights.shape
            stage.weights[...] = _check.array(
                f"weights{k} of arrays", weights[k], np.float32, wanted, unit_interval=True
            )
            stage.relist()
        return out

    def save(self, path: PathLike) -> None:
        """Write it to a ``.npz`` file of plain arrays, whole or not at all."""
        save_npz(path, {"stdp_format": np.array(FORMAT)} | self.to_arrays())

    @classmethod
    def load(cls, path: PathLike, workers: int | None = None) -> Self:
        """Read what `save` wrote; what it learns from here on begins with a seed of 0.

        Raises
        ------
        ValueError
            If the file does not hold such a network whole, or is of a newer format.
        """
        arrays = load_npz(path)
        try:
            check_format({"format": int(arrays["stdp_format"])}, FORMAT)
            return cls.from_arrays(arrays, workers)
        except DAMAGE as fault:
            raise ValueError(f"path {path} does not hold an STDPNetwork: {fault}") from None


def _order(n, images, rng):
    """So many of n images in a random order, each as often as the others but for once."""
    rounds = [rng.permutation(n) for _ in range(-(-images // n))]
    return np.concatenate(rounds)[:images]
