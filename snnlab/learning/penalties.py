"""Penalties: what a network pays for its activity, its readout or its weights, with gradients.

A penalty is called like a loss: ``penalty(x, epoch, epochs) -> value, g_x``, where ``g_x`` has the
shape of ``x``. Its attribute ``acts_on`` says what ``x`` is:

- ``"spikes"``: a hidden layer's spike counts (sample, unit), as floats;
- ``"readout"``: the readout trace (sample, time, class);
- ``"weights"``: a layer's weights (n_in, n_out).

``layers`` (optional) says which layers it is called for, once each: all by default, counted from 0,
or from the end if negative. Penalties add up. Their gradients join the loss's: by the readout, by
the hidden spikes (``g_spikes`` of `Network.backward`, which carries them through the surrogate to
the weights), or by the weights themselves. A user's own object like that is an equal citizen.

A strength is a number, or a function ``(epoch, epochs) -> number`` such as `Ramp`; ``epoch`` is a
float that counts the epochs gone by.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from snnlab import _check
from snnlab.learning.schedules import checked_times

if TYPE_CHECKING:
    from snnlab.network import Network
    from snnlab.parameters import Gradients
    from snnlab.trace import Trace

TARGETS = ("spikes", "readout", "weights")


@dataclass(frozen=True)
class Ramp:
    """A strength that rises in a straight line from 0 to ``strength``, then stays.

    Parameters
    ----------
    strength : float
    over : float
        Share of the training in which it rises, in (0, 1].
    """

    strength: float
    over: float = 0.3

    def __post_init__(self):
        _check.field(self, "strength", _check.number, at_least=0)
        _check.field(self, "over", _check.number, above=0, at_most=1)

    def __call__(self, epoch: float, epochs: int) -> float:
        """Strength after ``epoch`` of ``epochs`` epochs."""
        epoch, epochs = checked_times(epoch, epochs)
        return self.strength * min(1.0, epoch / (self.over * max(epochs, 1)))


@dataclass(frozen=True, repr=False)
class _Penalty:
    """A strength, and the layers it acts on."""

    strength: object
    acts_on: ClassVar[str] = "spikes"

    def __post_init__(self):
        if not callable(self.strength):
            _check.field(self, "strength", _check.number, at_least=0)
        if getattr(self, "layers", None) is not None:
            _numbers(self.layers)

    def __repr__(self):
        # functions by name, not by address: a checkpoint compares this text in another process
        values = ((f.name, getattr(self, f.name)) for f in fields(self))
        shown = (f"{name}={getattr(x, '__qualname__', repr(x))}" for name, x in values)
        return f"{type(self).__name__}({', '.join(shown)})"

    def strength_at(self, epoch: float = 0.0, epochs: int = 1) -> float:
        """The strength after ``epoch`` of ``epochs`` epochs."""
        if callable(self.strength):
            return _check.number("strength", self.strength(epoch, epochs), at_least=0)
        return self.strength

    @_check.results("x or strength")
    def __call__(
        self, x: np.ndarray, epoch: float = 0.0, epochs: int = 1
    ) -> tuple[float, np.ndarray]:
        """Value (float) and gradient by ``x``, an array of floats, of its shape and dtype."""
        if getattr(x, "dtype", None) not in (np.float32, np.float64):
            raise TypeError(f"x must hold floats, not {getattr(x, 'dtype', type(x).__name__)}")
        x = _check.floats("x", x, *[None] * (3 if self.acts_on == "readout" else 2))
        if not x.size:
            raise ValueError(f"x must hold something, got shape {x.shape}")
        strength = self.strength_at(epoch, epochs)
        value, g, factor = self._parts(x)
        g = np.multiply(g, factor * strength, out=np.empty_like(x))
        return strength * float(value), _check.finite("x or strength", g)

    def _parts(self, x):
        """For strength 1: value; gradient, perhaps yet to be broadcast; what to multiply it by.

        The factor is apart so that one pass over the array does for it and the strength.
        """
        raise NotImplementedError


@dataclass(frozen=True, repr=False)
class Bursts(_Penalty):
    """Squared spike count, ``strength mean_i (sum_t z_i)^2``, mean over samples too.

    Cramer et al. (2022), equation 6; strength 5e-4 in their code. It only pushes activity down; a
    unit's second spike costs three times as much as its first.

    Parameters
    ----------
    strength : float or callable
    layers : int, sequence of int, or None
        Hidden layers, counted from 0.
    """

    layers: object = None

    def _parts(self, counts):
        return np.square(counts).mean(), counts, 2 / counts.size


@dataclass(frozen=True, repr=False)
class _Bound(_Penalty):
    """A bound on spikes."""

    spikes: float
    layers: object = None

    def __post_init__(self):
        super().__post_init__()
        _check.field(self, "spikes", _check.number, at_least=0)

    def _range(self, n_units):
        """Lowest and highest mean count of a layer's spikes that cost nothing."""
        raise NotImplementedError


@dataclass(frozen=True, repr=False)
class UpperBound(_Bound):
    """Rates above a bound, ``strength mean_i max(0, r_i - spikes)^2``.

    ``r_i`` is unit i's mean spike count over the batch.

    Parameters
    ----------
    strength : float or callable
    spikes : float
        Spikes per sample of a unit, averaged over the batch, that cost nothing.
    layers : int, sequence of int, or None
        Hidden layers, counted from 0.
    """

    def _parts(self, counts):
        return _of_rates(counts, np.maximum(counts.mean(axis=0) - self.spikes, 0))

    def _range(self, n_units):
        return 0.0, self.spikes * n_units


@dataclass(frozen=True, repr=False)
class LowerBound(_Bound):
    """Rates below a bound, ``strength mean_i max(0, spikes - r_i)^2``: revives dead units.

    ``r_i`` is unit i's mean spike count over the batch. The gradient reaches a silent unit because
    the surrogate is not zero below the threshold (Cramer et al. 2022); one of bounded support
    reaches only units that come near it.

    Parameters
    ----------
    strength : float or callable
    spikes : float
        Spikes per sample of a unit, averaged over the batch, that it should have at least.
    layers : int, sequence of int, or None
        Hidden layers, counted from 0.
    """

    def _parts(self, counts):
        return _of_rates(counts, np.minimum(counts.mean(axis=0) - self.spikes, 0))

    def _range(self, n_units):
        return self.spikes * n_units, math.inf


def _of_rates(counts, excess):
    """``mean_i excess_i^2``, and its gradient by the counts, the same for every sample."""
    return np.square(excess).mean(), excess, 2 / counts.size


@dataclass(frozen=True, repr=False)
class Homeostasis(_Bound):
    """Spikes of a whole layer above a target, ``strength max(0, sum_i,t z_i - spikes)^2``.

    Cramer et al. (2022), for speech; mean over samples. Unlike `Bursts` it also pushes units that
    are silent but near the threshold, as long as the sample has too many spikes.

    Parameters
    ----------
    strength : float or callable
    spikes : float
        Spikes of the layer in a sample that cost nothing.
    layers : int, sequence of int, or None
        Hidden layers, counted from 0.
    both_sides : bool
        Also pull samples with fewer spikes up to the target.
    """

    both_sides: bool = False

    def __post_init__(self):
        super().__post_init__()
        _check.field(self, "both_sides", _check.flag)

    def _parts(self, counts):
        excess = counts.sum(axis=1, keepdims=True) - self.spikes
        if not self.both_sides:
            excess = np.maximum(excess, 0)
        return np.square(excess).mean(), excess, 2 / len(counts)

    def _range(self, n_units):
        return self.spikes if self.both_sides else 0.0, self.spikes


@dataclass(frozen=True, repr=False)
class ReadoutAmplitude(_Penalty):
    """Squared maximum of each readout unit, ``strength mean_i (max_t v_i)^2``, mean over samples.

    Cramer et al. (2022): keeps the readout within the range of an analog converter. In their code
    the strength is 0 by default, and the maxima are those scaled for the softmax.

    Parameters
    ----------
    strength : float or callable
    """

    acts_on: ClassVar[str] = "readout"

    def _parts(self, readout):
        when = readout.argmax(axis=1)[:, None, :]
        top = np.take_along_axis(readout, when, axis=1)
        g = np.zeros_like(readout)
        np.put_along_axis(g, when, top, axis=1)
        return np.square(top).mean(), g, 2 / top.size


@dataclass(frozen=True, repr=False)
class WeightDecay(_Penalty):
    """Mean square of a layer's weights, ``strength mean w^2``.

    Cramer et al. (2022, code): 0.1 for the hidden weights (``layers=0``), 0 for the output weights
    (``layers=-1``). It goes through the optimiser with the loss; the decoupled decay of
    `snnlab.optim` does not.

    Parameters
    ----------
    strength : float or callable
    layers : int, sequence of int, or None
        Layers of weights, counted from 0, the readout's last.
    """

    layers: object = None
    acts_on: ClassVar[str] = "weights"

    def _parts(self, w):
        return np.square(w).mean(), w, 2 / w.size


class Penalties:
    """Several penalties of one network, summed where their gradients enter.

    Parameters
    ----------
    penalties : penalty or sequence of penalties
    network : Network

    Attributes
    ----------
    given : tuple of penalties

    Raises
    ------
    TypeError, ValueError
        Things that are no penalties, layers the network does not have, bounds that contradict each
        other; the message names the argument.
    """

    def __init__(self, penalties: object, network: Network) -> None:
        if hasattr(penalties, "acts_on"):
            penalties = (penalties,)
        penalties = _check.sequence("penalties", penalties, of="penalties")
        _check.network("network", network, needs="hidden_stages")
        self.given = tuple(penalties)
        hidden = [stage.n for stage in network.hidden_stages]
        n_layers = {"spikes": len(hidden), "readout": 1, "weights": len(network.weights)}
        self._on = {target: [] for target in TARGETS}
        for penalty in self.given:
            target = getattr(penalty, "acts_on", None)
            if target is not None and target not in TARGETS:
                names = ", ".join(map(repr, TARGETS))
                raise ValueError(
                    f"acts_on of {penalty!r}, in penalties, must be one of {names}, got {target!r}"
                )
            if target is None or not callable(penalty) or isinstance(penalty, type):
                raise TypeError(
                    "penalties must be a sequence of penalties such as Bursts(1e-3), "
                    f"it holds {penalty!r}"
                )
            for k in _layers(penalty, n_layers[target]):
                self._on[target].append((penalty, k))
        self._n_hidden = len(hidden)
        for k, n_units in enumerate(hidden):
            bounds = [p for p, layer in self._on["spikes"] if layer == k and isinstance(p, _Bound)]
            _check_bounds(bounds, k, n_units, network.n_steps)

    def revive(self) -> bool:
        """Whether one of them asks for spikes where there are none."""
        bounds = (p for p, _ in self._on["spikes"] if isinstance(p, _Bound))
        return any(p._range(1)[0] > 0 for p in bounds)

    def of_trace(
        self, trace: Trace, g_readout: np.ndarray, epoch: float = 0.0, epochs: int = 1
    ) -> tuple[float, np.ndarray, list[np.ndarray | None]]:
        """Value of all penalties on spikes and readout, and their gradients.

        Parameters
        ----------
        trace : Trace
        g_readout : array (sample, time, class)
            Gradient of the loss; it is left as it is.
        epoch, epochs : float, int
            For strengths that follow a schedule.

        Returns
        -------
        value : float
        g_readout : array (sample, time, class)
            Gradient of loss and penalties.
        g_spikes : list of (array (sample, 1, unit) or None), or None
            For `Network.backward`, as the one before.
        """
        if isinstance(trace, type) or not hasattr(trace, "hidden"):
            raise TypeError(f"trace must be a Trace, not {type(trace).__name__}")
        if self.given:
            g_readout = _check.broadcast("g_readout", g_readout, trace.readout)
        total, g_spikes, counts = 0.0, [None] * self._n_hidden, {}
        for penalty, k in self._on["spikes"]:
            if k not in counts:
                counts[k] = trace.hidden[k].unit_counts(trace.readout.dtype)
            value, g = _called(penalty, counts[k], epoch, epochs)
            total += value
            g_spikes[k] = g if g_spikes[k] is None else g_spikes[k] + g
        for penalty, _ in self._on["readout"]:
            value, g = _called(penalty, trace.readout, epoch, epochs)
            total += value
            g_readout = g_readout + g
        if not counts:
            return total, g_readout, None
        return total, g_readout, [None if g is None else g[:, None, :] for g in g_spikes]

    def of_weights(
        self,
        network: Network,
        gradients: Gradients | np.ndarray,
        epoch: float = 0.0,
        epochs: int = 1,
    ) -> float:
        """Value of all penalties on weights; their gradients are added to ``gradients``.

        Raises
        ------
        FloatingPointError
            If the value is not finite.
        """
        total = 0.0
        for penalty, k in self._on["weights"]:
            value, g = _called(penalty, network.weights[k], epoch, epochs)
            if not math.isfinite(value):
                raise _check.NotFinite(f"the penalty {penalty!r} is {value}")
            total += value
            gradients[k] += g
        return total


def _called(penalty, x, epoch, epochs):
    """Value and gradient of one penalty; a gradient of another shape would broadcast, not fail."""
    try:
        answer = penalty(x, epoch, epochs)
    except _check.NotFinite:  # the caller knows better what to say of it
        answer = math.inf, np.zeros_like(x)
    if not isinstance(answer, tuple | list) or len(answer) != 2:
        raise TypeError(f"penalty {penalty!r} must return its value and a gradient, not {answer!r}")
    value, g = _check.scalar(f"the value of {penalty!r}", answer[0]), answer[1]
    g = _check.as_array(f"the gradient of {penalty!r}", g)
    if g.shape != x.shape:
        raise ValueError(f"the gradient of {penalty!r} must have shape {x.shape}, it has {g.shape}")
    return value, g


def _numbers(layers):
    """Numbers of layers, from one or several."""
    several = _check.sequence("layers", layers) if hasattr(layers, "__len__") else [layers]
    return [_check.integer("layers", k) for k in several]


def _layers(penalty, n):
    """Numbers of the layers a penalty acts on, each from 0 to n - 1."""
    layers = getattr(penalty, "layers", None)
    if n == 0:
        raise ValueError(f"penalties: the network has no hidden layer for {penalty!r}")
    if layers is None:
        return range(n)
    chosen = _numbers(layers)
    if not chosen or any(not -n <= k < n for k in chosen):
        raise ValueError(f"layers of {penalty!r} must lie in 0 ... {n - 1} (or be negative)")
    return sorted({k % n for k in chosen})


def _check_bounds(bounds, layer, n_units, n_steps):
    """Refuse bounds on one hidden layer that no activity can meet."""
    if not bounds:
        return
    low = max(bounds, key=lambda p: p._range(n_units)[0])
    high = min(bounds, key=lambda p: p._range(n_units)[1])
    at_least, at_most = low._range(n_units)[0], high._range(n_units)[1]
    if at_least > at_most * (1 + 1e-9):  # n times 1 / n may round to more than 1
        raise ValueError(
            f"penalties contradict each other: {low!r} asks hidden layer {layer} for at least "
            f"{at_least:g} spikes per sample, {high!r} for at most {at_most:g}"
        )
    if at_least > n_units * n_steps:
        raise ValueError(
            f"penalties: {low!r} asks hidden layer {layer} for {at_least:g} spikes per sample, "
            f"at most {n_units * n_steps} are possible"
        )
