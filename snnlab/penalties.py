"""Penalties: what a network pays for its activity, its readout or its weights, with gradients.

A penalty is called like a loss: ``penalty(x) -> value, g_x``, where ``g_x`` has the shape of ``x``.
Its attribute ``acts_on`` says what ``x`` is:

- ``"spikes"``: a hidden layer's spike counts (sample, unit), as floats;
- ``"readout"``: the readout trace (sample, time, class);
- ``"weights"``: a layer's weights (n_in, n_out).

``layers`` says which layers it is called for, once each (None: all of them), counted from 0, or
from the end if negative. Penalties add up. Their gradients join the loss's: by the readout, by
the hidden spikes (``g_spikes`` of `Network.backward`, which carries it through the surrogate to the
weights), or by the weights themselves. A user's own object with these three is an equal citizen.

A strength is a number, or a function ``(epoch, epochs) -> number`` such as `Ramp`.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from snnlab import _check

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
        _check.number("strength", self.strength, at_least=0)
        _check.number("over", self.over, above=0, at_most=1)

    def __call__(self, epoch, epochs):
        """Strength after ``epoch`` of ``epochs`` epochs."""
        return self.strength * min(1.0, epoch / (self.over * max(epochs, 1)))


@dataclass(frozen=True)
class _Penalty:
    """A strength, and the layers it acts on."""

    strength: object
    acts_on: ClassVar[str] = "spikes"

    def __post_init__(self):
        if not callable(self.strength):
            _check.number("strength", self.strength, at_least=0)

    def now(self, epoch=0.0, epochs=1):
        """The strength after ``epoch`` of ``epochs`` epochs."""
        if callable(self.strength):
            return _check.number("strength", float(self.strength(epoch, epochs)), at_least=0)
        return self.strength

    def __call__(self, x, epoch=0.0, epochs=1):
        """Value (float) and gradient by ``x``, of its shape and dtype."""
        value, g = self._value(x)
        strength = self.now(epoch, epochs)
        g *= x.dtype.type(strength)
        return strength * float(value), g


@dataclass(frozen=True)
class Bursts(_Penalty):
    """Squared spike count, ``strength mean_i (sum_t z_i)^2``, mean over samples too.

    Cramer et al. (2022), equation 6; strength 5e-4 in their code. It only pushes activity down, a
    second spike of a unit three times as hard as the first.

    Parameters
    ----------
    strength : float or callable
    layers : int, sequence of int, or None
        Hidden layers, counted from 0.
    """

    layers: object = None

    def _value(self, counts):
        return np.vdot(counts, counts) / counts.size, counts * counts.dtype.type(2 / counts.size)


@dataclass(frozen=True)
class _Bound(_Penalty):
    """A bound on spikes."""

    spikes: float
    layers: object = None

    def __post_init__(self):
        super().__post_init__()
        _check.number("spikes", self.spikes, at_least=0)


@dataclass(frozen=True)
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

    def _value(self, counts):
        return _of_rates(counts, np.maximum(counts.mean(axis=0) - self.spikes, 0))


@dataclass(frozen=True)
class LowerBound(_Bound):
    """Rates below a bound, ``strength mean_i max(0, spikes - r_i)^2``: revives dead units.

    The gradient reaches a silent unit because the surrogate is not zero below the threshold
    (Cramer et al. 2022, Methods).

    Parameters
    ----------
    strength : float or callable
    spikes : float
        Spikes per sample of a unit, averaged over the batch, that it should have at least.
    layers : int, sequence of int, or None
        Hidden layers, counted from 0.
    """

    def _value(self, counts):
        return _of_rates(counts, np.minimum(counts.mean(axis=0) - self.spikes, 0))


def _of_rates(counts, excess):
    """``mean_i excess_i^2`` and its gradient by the counts, the same for every sample."""
    excess = excess.astype(counts.dtype, copy=False)
    g = excess * counts.dtype.type(2 / counts.size)
    return np.vdot(excess, excess) / len(excess), np.repeat(g[None], len(counts), axis=0)


@dataclass(frozen=True)
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

    def _value(self, counts):
        excess = counts.sum(axis=1) - counts.dtype.type(self.spikes)
        if not self.both_sides:
            excess = np.maximum(excess, 0)
        g = excess * counts.dtype.type(2 / len(counts))
        return np.vdot(excess, excess) / len(counts), np.repeat(g[:, None], counts.shape[1], axis=1)


@dataclass(frozen=True)
class ReadoutAmplitude(_Penalty):
    """Squared maximum of each readout unit, ``strength mean_i (max_t v_i)^2``, mean over samples.

    Cramer et al. (2022): keeps the readout within the range of an analog converter.

    Parameters
    ----------
    strength : float or callable
    """

    acts_on: ClassVar[str] = "readout"

    def _value(self, readout):
        when = readout.argmax(axis=1)[:, None, :]
        top = np.take_along_axis(readout, when, axis=1)
        g = np.zeros_like(readout)
        np.put_along_axis(g, when, top * readout.dtype.type(2 / top.size), axis=1)
        return np.vdot(top, top) / top.size, g


@dataclass(frozen=True)
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

    def _value(self, w):
        return np.square(w).mean(), w * w.dtype.type(2 / w.size)


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

    def __init__(self, penalties, network):
        self.given = (penalties,) if hasattr(penalties, "acts_on") else tuple(penalties)
        sizes = {"spikes": network.sizes[1:-1], "weights": network.sizes[1:], "readout": (1,)}
        self._on = {target: [] for target in TARGETS}
        for penalty in self.given:
            target = getattr(penalty, "acts_on", None)
            if target not in TARGETS or not callable(penalty):
                raise TypeError(
                    "penalties must be a sequence of penalties such as Bursts(1e-3), "
                    f"it holds {penalty!r}"
                )
            n = len(sizes[target])
            for k in _layers(getattr(penalty, "layers", None), n, penalty):
                self._on[target].append((penalty, k))
        for k, width in enumerate(sizes["spikes"]):
            _check_bounds([p for p, layer in self._on["spikes"] if layer == k], width, network)
        self._n_hidden = len(sizes["spikes"])

    def __bool__(self):
        return any(self._on.values())

    def of_trace(self, trace, g_readout, epoch=0.0, epochs=1):
        """Value of all penalties on spikes and readout, and their gradients.

        Parameters
        ----------
        trace : Trace
        g_readout : array (sample, time, class)
            Gradient of the loss; that of the penalties is added to it.
        epoch, epochs : float, int
            For strengths that follow a schedule.

        Returns
        -------
        value : float
        g_spikes : list of (array (sample, 1, unit) or None), or None
            For `Network.backward`.
        """
        value, g_spikes, counts = 0.0, [None] * self._n_hidden, {}
        for penalty, k in self._on["spikes"]:
            if k not in counts:
                counts[k] = trace.hidden[k].unit_counts().astype(g_readout.dtype)
            cost, g = penalty(counts[k], epoch, epochs)
            value += cost
            g_spikes[k] = g if g_spikes[k] is None else g_spikes[k] + g
        for penalty, _ in self._on["readout"]:
            cost, g = penalty(trace.readout, epoch, epochs)
            value += cost
            g_readout += g
        if not counts:
            return value, None
        return value, [None if g is None else g[:, None, :] for g in g_spikes]

    def of_weights(self, network, gradients, epoch=0.0, epochs=1):
        """Value of all penalties on weights; their gradients are added to ``gradients``."""
        value = 0.0
        for penalty, k in self._on["weights"]:
            cost, g = penalty(network.weights[k], epoch, epochs)
            value += cost
            gradients[k] += g
        return value


def _layers(layers, n, penalty):
    """Numbers of the layers a penalty acts on, each from 0 to n - 1."""
    if layers is None:
        return range(n)
    chosen = [_check.integer("layers", k) for k in np.atleast_1d(np.asarray(layers, object))]
    if any(not -n <= k < n for k in chosen):
        raise ValueError(f"layers of {penalty!r} must lie in 0 ... {n - 1} (or be negative)")
    return sorted({k % n for k in chosen})


def _check_bounds(penalties, width, network):
    """Refuse bounds on one layer that no activity can meet."""
    lower = [p.spikes for p in penalties if isinstance(p, LowerBound)]
    upper = [p.spikes for p in penalties if isinstance(p, UpperBound)]
    total = [p.spikes for p in penalties if isinstance(p, Homeostasis)]
    if not lower:
        return
    if upper and max(lower) > min(upper):
        raise ValueError(
            f"penalties contradict each other: LowerBound asks for at least {max(lower):g} spikes "
            f"per unit, UpperBound for at most {min(upper):g}"
        )
    if total and max(lower) * width > min(total):
        raise ValueError(
            f"penalties contradict each other: LowerBound asks {width} units for at least "
            f"{max(lower):g} spikes each, Homeostasis for at most {min(total):g} in all"
        )
    if max(lower) > network.n_steps:
        raise ValueError(
            f"penalties: LowerBound asks for {max(lower):g} spikes in {network.n_steps} steps"
        )
