"""Losses: functions of the readout trace that return a value and its gradient.

A loss is anything that can be called as ``loss(readout, labels) -> value, g_readout``. ``readout``
is (sample, time, class): the membrane potentials of leaky integrators, or the spikes (0 or 1) of a
spiking readout; ``g_readout`` has its shape. Values are means over the samples. If a loss also has
``scores(readout) -> (sample, class)``, predictions take the largest score; without it they take the
largest maximum over time.

Targets of every step, and samples of different lengths, have `MaskedTargets`: `PerStep` and
`SquaredErrorPerStep` look at each step that counts, `Masked` makes any other loss see only these.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from snnlab import _check
from snnlab.kernels.readout import first_peaks
from snnlab.learning.softmax import exponentials

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from numpy.typing import ArrayLike

    from snnlab._types import Loss
    from snnlab.network import Network

__all__ = [
    "FirstSpike",
    "Masked",
    "MaskedTargets",
    "MaxOverTime",
    "PerStep",
    "RateMSE",
    "SquaredError",
    "SquaredErrorPerStep",
    "SumOverTime",
    "Weighted",
    "WeightedTargets",
    "mask_of",
    "scores_of",
]

_sound = _check.results("readout (or a number of the loss)")


def scores_of(loss: Callable) -> Callable:
    """The scores a loss decides by: its own, else the maximum over time."""
    return getattr(loss, "scores", None) or _max_over_time


def check_targets(
    loss: Callable,
    name: str,
    targets: ArrayLike,
    n_samples: int,
    n_outputs: int,
    n_steps: int | None = None,
) -> Any:
    """What is to be learned, if it fits: labels, or what the loss's own ``check_targets`` takes.

    Those of every step must be of ``n_steps``, if that is given.
    """
    n_samples, n_outputs = _sizes(n_samples, n_outputs)
    check = getattr(loss, "check_targets", _check.labels)
    checked = check(name, targets, n_samples, n_outputs)
    inner = checked.targets if isinstance(checked, WeightedTargets) else checked
    if n_steps is not None and isinstance(inner, MaskedTargets):
        n_steps, given = _check.integer("n_steps", n_steps, 1), inner.mask.shape[1]
        if given != n_steps:
            raise ValueError(f"{name} must have {n_steps} steps, as the network has, not {given}")
    return checked


def check_readable(loss: Callable, network: Network) -> None:
    """Refuse a loss that cannot read a network's readout, whatever the loss is wrapped in.

    Raises
    ------
    ValueError
        For a first spike of a readout that does not spike; the message names ``loss``.
    """
    _check.network("network", network, needs="spiking_readout")
    if isinstance(_innermost(loss), FirstSpike) and not network.spiking_readout:
        raise ValueError(f"loss {loss!r} needs a network with a spiking readout")


def check_deadlines(loss: Callable, n_steps: int) -> None:
    """Refuse a loss that asks for decisions after more steps than there are."""
    n_steps = _check.integer("n_steps", n_steps, 1)
    if max(getattr(_innermost(loss), "deadlines", None) or (0,)) > n_steps:
        raise ValueError(f"deadlines of loss must be at most {n_steps}, the number of steps")


def _innermost(loss):
    """The loss that others are wrapped around."""
    while isinstance(loss, Masked | Weighted):
        loss = loss.loss
    return loss


def _sizes(n_samples, n_outputs):
    """Two numbers of things, as ints."""
    return _check.integer("n_samples", n_samples, 0), _check.integer("n_outputs", n_outputs, 1)


def agreement(loss: Callable, scores: np.ndarray, targets: ArrayLike) -> float:
    """Share of the labels that have the largest score, or the loss's own ``agreement``."""
    own = getattr(loss, "agreement", None)
    if own:
        return float(own(scores, targets))
    scores = _check.as_array("scores", scores)
    if scores.ndim != 2 or scores.dtype.kind not in "biuf":
        raise ValueError(f"scores must be numbers (sample, class), not {scores.shape}")
    targets = _check.labels("targets", targets, *scores.shape)
    return float((scores.argmax(axis=1) == targets).mean())


@_sound
def scored(loss: Callable, readout: np.ndarray, targets: Any) -> np.ndarray:
    """Scores of a readout, of the steps that count, if targets (or None) and loss tell them."""
    _check_readout(readout)
    own = getattr(loss, "scores_for", None)
    return scores_of(loss)(readout) if own is None or targets is None else own(readout, targets)


def of_samples(name: str, loss: Loss) -> Callable:
    """A loss that has a score per sample and class, by its name or any callable; else refused."""
    loss = resolve(loss)
    if getattr(loss, "per_step", False):
        raise ValueError(f"{name} must be one of whole samples, not of every step: {loss!r}")
    return loss


def mask_of(lengths: ArrayLike, n_steps: int) -> np.ndarray:
    """Which steps of samples count that end early: True for the first ``lengths`` of each.

    Parameters
    ----------
    lengths : array of int (n_samples,)
        In [1, n_steps].
    n_steps : int

    Returns
    -------
    array of bool (n_samples, n_steps)
    """
    n_steps = _check.integer("n_steps", n_steps, 1, _check.MOST_STEPS)
    lengths = _check.as_array("lengths", lengths)
    if lengths.ndim != 1:
        raise ValueError(f"lengths must have shape (sample,), got {lengths.shape}")
    lengths = _check.labels("lengths", lengths, len(lengths), n_steps + 1)
    if lengths.size and lengths.min() < 1:
        raise ValueError(f"lengths must be at least 1; that of {lengths.argmin()} is 0")
    return np.arange(n_steps) < lengths[:, None]


def _max_over_time(readout):
    """``readout.max(axis=1)``; with time in front NumPy takes a fifth of the time."""
    return np.ascontiguousarray(readout.swapaxes(0, 1)).max(axis=0)


def _mean_over_time(readout):
    """``readout.mean(axis=1)``, in a quarter of the time."""
    return np.einsum("stc->sc", readout) / readout.dtype.type(readout.shape[1])


def _labels_for(readout, labels):
    """Labels as an array, after a look at both: a wrong shape would broadcast, not fail."""
    _check_readout(readout)
    return _check.labels("labels", labels, len(readout), readout.shape[2])


def _check_readout(readout):
    """Refuse what is no array of potentials; what comes of their values is looked at."""
    if not isinstance(readout, np.ndarray):
        raise TypeError(f"readout must be an array, not {type(readout).__name__}")
    if readout.ndim != 3 or readout.dtype not in (np.float32, np.float64):
        raise ValueError(
            "readout must be an array of float32 or float64 (sample, time, class), not "
            f"{readout.dtype} {readout.shape}"
        )
    _check.unmasked("readout", readout)
    if 0 in readout.shape:
        raise ValueError(f"readout must have samples, steps and classes, got {readout.shape}")


def _softmax_cross_entropy(scores, labels):
    """Mean of -ln softmax(scores)[label] and its gradient by the scores; never overflows."""
    rows = np.arange(len(labels))
    shifted, g_scores, total = exponentials(scores)
    value = np.add.reduce(np.log(total[:, 0]) - shifted[rows, labels]) / len(labels)
    g_scores /= total * scores.dtype.type(len(labels))
    g_scores[rows, labels] -= scores.dtype.type(1 / len(labels))
    return float(value), g_scores


@dataclass(frozen=True)
class MaxOverTime:
    """Softmax cross-entropy of the largest potential each readout reaches (Cramer et al. 2022).

    A readout that stays below 0 in a sample has its largest one in the first step, which no weight
    reaches: let all begin above (``network.scale_to_activity(..., level=1)``).

    Parameters
    ----------
    scale : float
        Factor before the softmax. Their code uses 10; 3 did better on held-out training images.
    deadlines : sequence of int, optional
        Numbers of steps after which the decision is asked for: the loss is the mean over readouts
        that end there, which trains for early decisions. By default there is one, the last step.
    """

    scale: float = 3.0
    deadlines: tuple | None = None

    def __post_init__(self):
        _check.field(self, "scale", _check.number, above=0)
        if self.deadlines is not None:
            steps = _check.sequence("deadlines", self.deadlines, of="integers")
            steps = tuple(_check.integer("deadlines", k, at_least=1) for k in steps)
            if not steps:
                raise ValueError("deadlines must hold at least one number of steps")
            object.__setattr__(self, "deadlines", steps)

    @_sound
    def scores(self, readout: np.ndarray) -> np.ndarray:
        """``scale * max_t v[t]``, (sample, class)."""
        _check_readout(readout)
        return _max_over_time(readout) * _check.real("scale", self.scale, readout.dtype)

    @_sound
    def __call__(self, readout: np.ndarray, labels: ArrayLike) -> tuple[float, np.ndarray]:
        """Value and gradient; at equal maxima the earliest step gets it."""
        labels = _labels_for(readout, labels)
        deadlines = self.deadlines or (readout.shape[1],)
        if max(deadlines) > readout.shape[1]:
            raise ValueError(f"deadlines must be at most {readout.shape[1]}, the number of steps")
        readout = np.require(readout, None, ("C", "W"))  # kernels are compiled per layout
        total, g_readout = 0.0, np.zeros(readout.shape, readout.dtype)
        scale = _check.real("scale", self.scale, readout.dtype)
        n, _, n_classes = readout.shape
        sample, c = np.arange(n)[:, None], np.arange(n_classes)
        top, when = np.empty((n, n_classes), readout.dtype), np.empty((n, n_classes), np.int32)
        for steps in deadlines:
            first_peaks(readout, steps, top, when)
            value, g_scores = _softmax_cross_entropy(top * scale, labels)
            total += value
            g_scores *= readout.dtype.type(self.scale / len(deadlines))
            g_readout[sample, when, c] += g_scores
        return total / len(deadlines), g_readout


@dataclass(frozen=True)
class SumOverTime:
    """Softmax cross-entropy of the readout summed over time (Cramer et al. 2022, for speech).

    Parameters
    ----------
    scale : float
        Factor before the softmax.
    """

    scale: float = 1.0

    def __post_init__(self):
        _check.field(self, "scale", _check.number, above=0)

    @_sound
    def scores(self, readout: np.ndarray) -> np.ndarray:
        """``scale * sum_t v[t]``, (sample, class)."""
        _check_readout(readout)
        return readout.sum(axis=1) * _check.real("scale", self.scale, readout.dtype)

    @_sound
    def __call__(self, readout: np.ndarray, labels: ArrayLike) -> tuple[float, np.ndarray]:
        """Value and gradient."""
        labels = _labels_for(readout, labels)
        value, g_scores = _softmax_cross_entropy(self.scores(readout), labels)
        g_scores *= readout.dtype.type(self.scale)
        return value, np.repeat(g_scores[:, None], readout.shape[1], axis=1)


@dataclass(frozen=True)
class RateMSE:
    """Mean squared difference of firing rates and one-hot targets (Chen et al. 2021).

    The rate is the readout averaged over time; the mean runs over samples and classes.
    """

    @_sound
    def scores(self, readout: np.ndarray) -> np.ndarray:
        """Rates, (sample, class)."""
        _check_readout(readout)
        return _mean_over_time(readout)

    @_sound
    def __call__(self, readout: np.ndarray, labels: ArrayLike) -> tuple[float, np.ndarray]:
        """Value and gradient."""
        labels = _labels_for(readout, labels)
        error = self.scores(readout)
        error[np.arange(len(labels)), labels] -= 1
        g_readout = error * readout.dtype.type(2 / (error.size * readout.shape[1]))
        value = float(np.vdot(error, error)) / error.size
        return value, np.repeat(g_readout[:, None], readout.shape[1], axis=1)


@dataclass(frozen=True)
class FirstSpike:
    """Softmax cross-entropy of the first spike times of a spiking readout: earliest wins.

    The time is ``t = sum_s prod_{r <= s} (1 - z[r])``, the number of steps without a spike so far
    (all of them if there is none). That is a polynomial in the spikes, so its gradient is exact.
    The cross-entropy of ``-t / tau`` is that of Goeltz et al. (2021), without their second term.

    Parameters
    ----------
    tau : float
        Steps by which an earlier spike multiplies the odds by e.
    """

    tau: float = 2.0

    def __post_init__(self):
        _check.field(self, "tau", _check.number, above=0)

    def _factor(self, readout):
        """Scores per step."""
        _check.real("tau", self.tau, readout.dtype)
        return _check.real("1 / tau", -1 / self.tau, readout.dtype)

    @_sound
    def times(self, readout: np.ndarray) -> np.ndarray:
        """First spike times in steps, (sample, class); the number of steps if there is none."""
        _check_readout(readout)
        return np.cumprod(1 - readout, axis=1).sum(axis=1)

    @_sound
    def scores(self, readout: np.ndarray) -> np.ndarray:
        """``-t / tau``, (sample, class)."""
        return self.times(readout) * self._factor(readout)

    @_sound
    def __call__(self, readout: np.ndarray, labels: ArrayLike) -> tuple[float, np.ndarray]:
        """Value and gradient."""
        labels = _labels_for(readout, labels)
        value, g_scores = _softmax_cross_entropy(self.scores(readout), labels)
        g_times = g_scores * self._factor(readout)
        silent = 1 - readout
        before = np.cumprod(silent, axis=1)  # no spike up to and including a step
        g_readout = np.empty_like(readout)
        after = np.zeros_like(g_times)  # 1 + silent steps that would follow
        for t in range(readout.shape[1] - 1, -1, -1):
            after = 1 + after
            past = before[:, t - 1] if t > 0 else 1
            g_readout[:, t] = -g_times * past * after
            after *= silent[:, t]
        return value, _check.finite("readout", g_readout)


@dataclass(frozen=True)
class SquaredError:
    """Mean squared difference of the readout, averaged over time, and values (for regression).

    Targets are arrays of float (n_samples, n_outputs), best with mean 0 and standard deviation 1.

    Parameters
    ----------
    scale : float
        Factor before the difference: ``scale * mean_t v[t]`` is the prediction.
    """

    scale: float = 1.0
    of_values: ClassVar[bool] = True  # scores are predictions

    def __post_init__(self):
        _check.field(self, "scale", _check.number, above=0)

    @staticmethod
    def check_targets(name: str, targets: ArrayLike, n_samples: int, n_outputs: int) -> np.ndarray:
        """Values as an array of float64 (n_samples, n_outputs)."""
        n_samples, n_outputs = _sizes(n_samples, n_outputs)
        return _check.array(name, targets, np.float64, (n_samples, n_outputs))

    @staticmethod
    def agreement(scores: np.ndarray, targets: ArrayLike) -> float:
        """R2: 1 less the share of the targets' variance that is left.

        Where they have none, as one sample has, of a variance of 1: of standardised targets.
        """
        targets = _check.array("targets", targets, np.float64, (None, None))
        scores = _check.array("scores", scores, np.float64, targets.shape)
        total = np.square(targets - targets.mean(axis=0)).sum()
        return 1 - np.square(scores - targets).sum() / (total if total > 0 else targets.size)

    @_sound
    def scores(self, readout: np.ndarray) -> np.ndarray:
        """Predictions, (sample, output)."""
        _check_readout(readout)
        return _mean_over_time(readout) * _check.real("scale", self.scale, readout.dtype)

    @_sound
    def __call__(self, readout: np.ndarray, targets: ArrayLike) -> tuple[float, np.ndarray]:
        """Value and gradient."""
        _check_readout(readout)
        targets = self.check_targets("targets", targets, len(readout), readout.shape[2])
        error = self.scores(readout) - targets.astype(readout.dtype)
        factor = 2 * self.scale / (error.size * readout.shape[1])
        g_readout = error * readout.dtype.type(factor)
        value = float(np.vdot(error, error)) / error.size
        return value, np.repeat(g_readout[:, None], readout.shape[1], axis=1)


class WeightedTargets:
    """Targets and a weight for each sample; chosen by index like an array.

    Parameters
    ----------
    targets : array (n_samples, ...)
    weights : array of float (n_samples,)
    """

    def __init__(self, targets: ArrayLike, weights: ArrayLike) -> None:
        self.targets, self.weights = targets, weights

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, index):
        return WeightedTargets(self.targets[index], self.weights[index])


def _gradient(g_readout, readout):
    """A gradient as an array, if it has a readout's shape, which a product may hide."""
    g_readout = _check.as_array("g_readout", g_readout)
    if g_readout.shape != readout.shape:
        raise ValueError(f"g_readout must have shape {readout.shape}, got {g_readout.shape}")
    return g_readout


def _weighted(name, targets):
    """Targets, if they are `WeightedTargets`."""
    if not isinstance(targets, WeightedTargets):
        raise TypeError(f"{name} must be WeightedTargets, not {type(targets).__name__}")
    return targets


@dataclass(frozen=True)
class Weighted:
    """Another loss, whose gradient counts each sample by a weight of its own.

    Targets are `WeightedTargets`. The value, and what is said of agreement, is without weights.

    Parameters
    ----------
    loss : callable
    """

    loss: Callable

    def __post_init__(self):
        _check.function("loss", self.loss)

    @property
    def of_values(self) -> bool:
        """Whether scores are predictions, as the other loss's."""
        return getattr(self.loss, "of_values", False)

    @property
    def per_step(self) -> bool:
        """Whether there is a score per step, as of the other loss."""
        return getattr(self.loss, "per_step", False)

    def check_targets(
        self, name: str, targets: WeightedTargets, n_samples: int, n_outputs: int
    ) -> WeightedTargets:
        """`WeightedTargets` whose targets fit the other loss."""
        targets = _weighted(name, targets)
        weights = _check.array("weights", targets.weights, np.float64, (n_samples,))
        return WeightedTargets(
            check_targets(self.loss, name, targets.targets, n_samples, n_outputs), weights
        )

    def agreement(self, scores: np.ndarray, targets: ArrayLike) -> float:
        """The other loss's."""
        return agreement(self.loss, scores, _weighted("targets", targets).targets)

    def scores(self, readout: np.ndarray) -> np.ndarray:
        """The other loss's."""
        return scores_of(self.loss)(readout)

    def scores_for(self, readout: np.ndarray, targets: WeightedTargets) -> np.ndarray:
        """The other loss's, of the steps that count."""
        return scored(self.loss, readout, _weighted("targets", targets).targets)

    def __call__(self, readout: np.ndarray, targets: ArrayLike) -> tuple[float, np.ndarray]:
        """Value and gradient."""
        _check_readout(readout)
        targets = _weighted("targets", targets)
        weights = _check.array("weights", targets.weights, readout.dtype, (len(readout),))
        value, g_readout = called(self.loss, readout, targets.targets)
        return value, _gradient(g_readout, readout) * weights[:, None, None]


class MaskedTargets:
    """Targets, and which steps of each sample count; chosen by index like an array.

    Parameters
    ----------
    targets : array (n_samples, ...)
        Labels (n_samples,) or values (n_samples, n_outputs) for `Masked`; labels
        (n_samples, n_steps) for `PerStep`, values (n_samples, n_steps, n_outputs) for
        `SquaredErrorPerStep`: of these nothing is read where the mask hides it.
    mask : array of bool (n_samples, n_steps)
        True where a step counts; `mask_of` makes it of lengths.

    Raises
    ------
    TypeError, ValueError
        A mask of other than True and False, of another number of samples, or one that hides every
        step of a sample.
    """

    def __init__(self, targets: ArrayLike, mask: ArrayLike) -> None:
        self.targets, mask = _check.as_array("targets", targets), _check.as_array("mask", mask)
        if mask.dtype != np.bool_:
            raise TypeError(f"mask must hold True and False, not {mask.dtype}")
        if mask.ndim != 2 or self.targets.shape[:1] != mask.shape[:1]:
            raise ValueError(
                f"mask must have shape (sample, time), with as many samples as targets of shape "
                f"{self.targets.shape}, got {mask.shape}"
            )
        hidden = np.flatnonzero(~mask.any(axis=1))
        if hidden.size:
            raise ValueError(f"mask must leave a step of each sample; it hides all of {hidden[0]}")
        self.mask = mask

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, index):
        part = copy.copy(self)  # it has been looked at
        part.targets, part.mask = self.targets[index], self.mask[index]
        return part


def _masked(name, targets, n_samples):
    """Targets as `MaskedTargets`, of so many samples."""
    if not isinstance(targets, MaskedTargets):
        raise TypeError(f"{name} must be MaskedTargets, not {type(targets).__name__}")
    if len(targets) != n_samples:
        raise ValueError(f"{name} must be of {n_samples} samples, got {len(targets)}")
    return targets


def _check_steps(targets, readout):
    """Refuse a mask of another length than the readout."""
    n = targets.mask.shape[1]
    if n != readout.shape[1]:
        raise ValueError(f"mask of targets has {n} steps, the readout {readout.shape[1]}")


@dataclass(frozen=True)
class Masked:
    """Another loss, to which the steps that do not count are as if they had never been.

    Targets are `MaskedTargets` of the other loss's targets. Samples of which as many steps count
    are given to the other loss together; the value is the mean over all samples. Scores are of the
    steps that count where targets are known (`snnlab.train`, `snnlab.evaluate`), else of all.

    Parameters
    ----------
    loss : str or callable
    """

    loss: Loss

    def __post_init__(self):
        object.__setattr__(self, "loss", of_samples("loss", self.loss))

    @property
    def of_values(self) -> bool:
        """Whether scores are predictions, as the other loss's."""
        return getattr(self.loss, "of_values", False)

    def check_targets(
        self, name: str, targets: ArrayLike, n_samples: int, n_outputs: int
    ) -> MaskedTargets:
        """`MaskedTargets` whose targets fit the other loss."""
        targets = _masked(name, targets, n_samples)
        checked = check_targets(self.loss, name, targets.targets, n_samples, n_outputs)
        return MaskedTargets(checked, targets.mask)

    def agreement(self, scores: np.ndarray, targets: ArrayLike) -> float:
        """The other loss's."""
        return agreement(self.loss, scores, _masked("targets", targets, len(scores)).targets)

    def scores(self, readout: np.ndarray) -> np.ndarray:
        """The other loss's, of all steps."""
        return scores_of(self.loss)(readout)

    def scores_for(self, readout: np.ndarray, targets: MaskedTargets) -> np.ndarray:
        """The other loss's, of the steps that count."""
        score = scores_of(self.loss)
        out = None
        for who, seen in self._groups(readout, targets):
            found = score(readout[who][seen].reshape(len(who), -1, readout.shape[2]))
            out = np.empty((len(readout), *found.shape[1:]), found.dtype) if out is None else out
            out[who] = found
        return out

    def _groups(self, readout, targets):
        """Samples of which as many steps count, and which these are."""
        _check_readout(readout)
        mask = _masked("targets", targets, len(readout)).mask
        _check_steps(targets, readout)
        counts = np.count_nonzero(mask, axis=1)
        for n in np.unique(counts):
            who = np.flatnonzero(counts == n)
            yield who, mask[who]

    @_sound
    def __call__(self, readout: np.ndarray, targets: MaskedTargets) -> tuple[float, np.ndarray]:
        """Value and gradient, which is 0 in the steps that do not count."""
        _check_readout(readout)
        total, out = 0.0, np.zeros_like(readout)
        for who, seen in self._groups(readout, targets):
            heard = readout[who][seen].reshape(len(who), -1, readout.shape[2])
            with _check.told_of("readout, or targets"):
                value, g_heard = called(self.loss, heard, targets.targets[who])
            g_heard = _gradient(g_heard, heard)
            share = len(who) / len(readout)
            total += share * value
            g = np.zeros((len(who), *readout.shape[1:]), readout.dtype)
            g[seen] = readout.dtype.type(share) * g_heard.reshape(-1, readout.shape[2])
            out[who] = g
        return total, out


@dataclass(frozen=True)
class _EveryStep:
    """A loss whose scores are the readout of every step, scaled."""

    scale: float = 1.0
    per_step: ClassVar[bool] = True

    def __post_init__(self):
        _check.field(self, "scale", _check.number, above=0)

    @_sound
    def scores(self, readout: np.ndarray) -> np.ndarray:
        """``scale * v[t]``, (sample, time, output)."""
        _check_readout(readout)
        return readout * _check.real("scale", self.scale, readout.dtype)


@dataclass(frozen=True)
class PerStep(_EveryStep):
    """Softmax cross-entropy in every step: the mean over a sample's steps that count.

    Targets are labels (n_samples, n_steps), or `MaskedTargets` of them; scores, and what
    `snnlab.evaluate` predicts, are of every step. Each sample counts the same, however long.

    Parameters
    ----------
    scale : float
        Factor before the softmax.
    """

    @staticmethod
    def check_targets(
        name: str, targets: ArrayLike, n_samples: int, n_outputs: int
    ) -> MaskedTargets:
        """Labels as `MaskedTargets` of int64 (n_samples, n_steps); 0 where they do not count."""
        n_samples, n_outputs = _sizes(n_samples, n_outputs)
        targets = _of_steps(name, targets, n_samples)
        labels = targets.targets
        if labels.dtype.kind not in "iu":
            raise TypeError(f"{name} must be integers, not {labels.dtype}")
        if labels.shape != targets.mask.shape:
            wanted = targets.mask.shape
            raise ValueError(f"{name} must have shape {wanted}, (sample, time), got {labels.shape}")
        seen = labels[targets.mask]
        if seen.size and (seen.min() < 0 or seen.max() >= n_outputs):
            raise ValueError(
                f"{name} must lie in 0 ... {n_outputs - 1}; it reaches from {seen.min()} to "
                f"{seen.max()}"
            )
        labels = np.where(targets.mask, labels, 0).astype(np.int64)
        return MaskedTargets(labels, targets.mask)

    @staticmethod
    def agreement(scores: np.ndarray, targets: ArrayLike) -> float:
        """Share of a sample's steps whose label has the largest score; the mean over samples."""
        scores = _check.array("scores", scores, np.float64, (None, None, None))
        targets = PerStep.check_targets("targets", targets, len(scores), scores.shape[2])
        _check_steps(targets, scores)
        right = (scores.argmax(axis=2) == targets.targets) & targets.mask
        return float((right.sum(axis=1) / targets.mask.sum(axis=1)).mean())

    @_sound
    def __call__(self, readout: np.ndarray, targets: ArrayLike) -> tuple[float, np.ndarray]:
        """Value and gradient, which is 0 in the steps that do not count."""
        scores, (n, n_steps, n_classes) = self.scores(readout), readout.shape
        targets = self.check_targets("targets", targets, n, n_classes)
        _check_steps(targets, readout)
        rows, labels = np.arange(n * n_steps), targets.targets.ravel()
        shifted, p, total = exponentials(scores.reshape(n * n_steps, n_classes))
        weight = _weights(targets.mask, readout.dtype).ravel()
        value = np.vdot(np.log(total[:, 0]) - shifted[rows, labels], weight)
        p *= weight[:, None] / total
        p[rows, labels] -= weight
        p *= readout.dtype.type(self.scale)
        return float(value), p.reshape(readout.shape)


@dataclass(frozen=True)
class SquaredErrorPerStep(_EveryStep):
    """Mean squared difference of the readout in every step and values: regression over time.

    Targets are arrays of float (n_samples, n_steps, n_outputs), or `MaskedTargets` of them; the
    mean runs over outputs, over a sample's steps that count, and over samples.

    Parameters
    ----------
    scale : float
        Factor before the difference: ``scale * v[t]`` is the prediction.
    """

    of_values: ClassVar[bool] = True

    @staticmethod
    def check_targets(
        name: str, targets: ArrayLike, n_samples: int, n_outputs: int
    ) -> MaskedTargets:
        """Values as `MaskedTargets` of float64; 0 where they do not count."""
        n_samples, n_outputs = _sizes(n_samples, n_outputs)
        targets = _of_steps(name, targets, n_samples)
        values, mask = targets.targets, targets.mask
        if values.dtype.kind not in "biuf":
            raise TypeError(f"{name} must be an array of numbers, not {values.dtype}")
        if values.shape != (*mask.shape, n_outputs):
            wanted = (*mask.shape, n_outputs)
            raise ValueError(
                f"{name} must have shape {wanted}, (sample, time, output), got {values.shape}"
            )
        values = _check.array(name, np.where(mask[:, :, None], values, 0), np.float64)
        return MaskedTargets(values, mask)

    @staticmethod
    def agreement(scores: np.ndarray, targets: ArrayLike) -> float:
        """R2, of all steps that count; 0 where the targets have no variance."""
        scores = _check.array("scores", scores, np.float64, (None, None, None))
        targets = SquaredErrorPerStep.check_targets(
            "targets", targets, len(scores), scores.shape[2]
        )
        _check_steps(targets, scores)
        wanted, found = targets.targets[targets.mask], scores[targets.mask]
        return SquaredError.agreement(found, wanted)

    @_sound
    def __call__(self, readout: np.ndarray, targets: ArrayLike) -> tuple[float, np.ndarray]:
        """Value and gradient, which is 0 in the steps that do not count."""
        predictions = self.scores(readout)
        targets = self.check_targets("targets", targets, len(readout), readout.shape[2])
        _check_steps(targets, readout)
        error = predictions - targets.targets.astype(readout.dtype)
        weight = _weights(targets.mask, readout.dtype)[:, :, None]
        weight = weight / readout.dtype.type(readout.shape[2])
        g_readout = weight * error
        value = float(np.vdot(g_readout, error))
        return value, g_readout * readout.dtype.type(2 * self.scale)


def _of_steps(name, targets, n_samples):
    """Targets of every step as `MaskedTargets`; without a mask all steps count."""
    if not isinstance(targets, MaskedTargets):
        targets = _check.as_array(name, targets)
        if targets.ndim < 2 or 0 in targets.shape[1:2]:
            raise ValueError(
                f"{name} must be of every step, (sample, time, ...), got {targets.shape}"
            )
        targets = MaskedTargets(targets, np.ones(targets.shape[:2], bool))
    return _masked(name, targets, n_samples)


def _weights(mask, dtype):
    """What each step counts: those of a sample together 1 by the number of samples."""
    return (mask / (mask.sum(axis=1, keepdims=True) * len(mask))).astype(dtype)


LOSSES = {
    "max_over_time": MaxOverTime,
    "sum_over_time": SumOverTime,
    "rate_mse": RateMSE,
    "first_spike": FirstSpike,
    "squared_error": SquaredError,
    "per_step": PerStep,
    "squared_error_per_step": SquaredErrorPerStep,
}


def called(loss: Callable, readout: np.ndarray, labels: ArrayLike) -> tuple[float, np.ndarray]:
    """Value, a float, and gradient of a loss, which may be somebody's own.

    Raises
    ------
    TypeError, ValueError
        If it returns anything else; the message names ``loss``.
    """
    _check.function("loss", loss)
    try:
        answer = loss(readout, labels)
    except _check.NotFinite:  # the caller knows better what to say of it
        answer = math.inf, np.zeros_like(readout)
    if not isinstance(answer, tuple | list) or len(answer) != 2:
        what = f"{len(answer)} things" if isinstance(answer, tuple | list) else repr(answer)[:60]
        raise TypeError(f"loss must return two things, its value and g_readout; it returned {what}")
    value, g_readout = answer
    return _check.scalar("the value of loss", value), g_readout


def resolve(loss: Loss) -> Callable:
    """A loss from its name or from any callable."""
    if isinstance(loss, str):
        return LOSSES[_check.one_of("loss", loss, tuple(LOSSES))]()
    if not callable(loss):
        raise TypeError("loss must be a name or a function of (readout, labels)")
    return _check.function("loss", loss, 2)
