"""`Delayed`: every unit hears every input, each input after a delay of its own that is learned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab.kernels import lif
from snnlab.kernels.delays import delay_events
from snnlab.layers.base import BlockShape
from snnlab.layers.dense import FullyConnected

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from snnlab._types import Blocks, Shape
    from snnlab.layers.stage import Stage
    from snnlab.passes import Backward, Forward


@dataclass(frozen=True, repr=False)
class Delayed(FullyConnected):
    r"""``x[t - d] @ weights``, and a neuron; d is a number of steps per input (axonal delays).

    Delays are real: with ``d = k + f``, a spike of step t is heard in step ``t + k`` with a share
    ``1 - f`` of its weights, and with f in the step after. The gradient by d is exact: that by f.
    They come on top of the neuron's own delay, and have a rate of their own
    (``Adam(rates={"delays": 10.0})``).

    What the block ``delays`` holds is w, without bounds, where ``d = longest / (1 + exp(-w))``: no
    step of an optimiser leads out of the range. `delays` and `stored` translate.

    Kernels follow spikes as two events each. Values are shifted in NumPy; a constant current, of
    which only the beginning could be shifted, is refused.

    Parameters
    ----------
    n : int
        Units.
    longest : float
        Delays are below it, in steps. They begin anywhere, all equally likely.
    """

    longest: float = 10.0

    sealed = True

    def __post_init__(self):
        super().__post_init__()
        _check.field(self, "longest", _check.number, above=0, at_most=_check.MOST_STEPS)

    def blocks(self, shape: Shape) -> dict[str, tuple[int, int] | BlockShape]:
        """Weights (n_in, n), and delays (1, n_in)."""
        n_in = int(np.prod(shape))
        return super().blocks(shape) | {"delays": BlockShape(1, n_in, prunable=False)}

    def init(self, rng: np.random.Generator, shape: Shape, sd: float) -> Blocks:
        """Initial values of the blocks; delays are uniform in their range."""
        start = super().init(rng, shape, sd)
        share = rng.uniform(0.02, 0.98, start["delays"].shape)
        return start | {"delays": self.stored(share * self.longest)}

    # delays ---------------------------------------------------------------------------------------

    def delays(self, stored: ArrayLike) -> np.ndarray:
        """Delays in steps, float64, from what the block holds: the inverse of `stored`."""
        return self.longest * _sigmoid(_check.array("stored", stored, np.float64))

    def stored(self, delays: ArrayLike) -> np.ndarray:
        """What the block holds where delays are these, an array of numbers in steps.

        Raises
        ------
        ValueError
            If one is not above 0 and below ``longest``.
        """
        share = _check.array("delays", delays, np.float64) / self.longest
        if not ((share > 0) & (share < 1)).all():
            raise ValueError(f"delays must be above 0 and below {self.longest:g} steps")
        return np.log(share / (1 - share))

    def _split(self, w):
        """Whole steps, and what is left of the delays. Kernels index with them: NaN is refused."""
        delays = self.longest * _sigmoid(_check.finite("delays", w["delays"][0]))
        whole = np.floor(delays)
        return whole.astype(np.int32), (delays - whole).astype(w["delays"].dtype)

    def _by_stored(self, w, by_delays):
        """From the gradient by delays to that by what the block holds."""
        share = _sigmoid(w["delays"][0])
        return (by_delays * self.longest * share * (1 - share)).astype(w["delays"].dtype)

    # in plain NumPy -------------------------------------------------------------------------------

    def _heard(self, x: np.ndarray, w: Blocks) -> np.ndarray:
        """``x[t - d]``."""
        whole, share = self._split(w)
        return _mix(super()._heard(x, w), whole, 1 - share, share)

    def adjoint(self, g: np.ndarray, x: np.ndarray, w: Blocks) -> tuple[Blocks, np.ndarray]:
        """By weights, by delays and by x."""
        whole, share = self._split(w)
        flat, g_heard = x.reshape(*x.shape[:2], -1), g @ w["weights"].T
        heard = _mix(flat, whole, 1 - share, share)
        by_weights = np.tensordot(heard, g, axes=([0, 1], [0, 1]))
        one = np.ones_like(share)
        by_delays = (_mix(flat, whole, -one, one) * g_heard).sum((0, 1))
        by = {"weights": by_weights, "delays": self._by_stored(w, by_delays)[None]}
        return by, _mix_back(g_heard, whole, share).reshape(x.shape)

    # by kernels -----------------------------------------------------------------------------------

    def error_is_read_below(self, below: Stage) -> bool:
        """Never: it is later than what the kernels below know of."""
        return False

    def prepare(self, run: Forward, k: int) -> None:
        """Memory for currents, or for events; weights of both events of each input."""
        if run.wiring.hears_constant[k]:
            raise ValueError(
                f"inputs are constant, and {run.stages[k].name} hears spikes or values: give "
                "those (snnlab.encode.latency, Values), or put a Dense layer first"
            )
        if run.wiring.follows_events[k]:
            run.plans[k] = _Later(self, run, k)
            run.weights[k] = run.plans[k].weights(run.conditions[k].blocks["weights"])
        super().prepare(run, k)

    def forward(self, run: Forward, k: int, lo: int, hi: int) -> None:
        """Run some samples."""
        if run.wiring.follows_events[k]:
            run.plans[k].delay(lo, hi)
        super().forward(run, k, lo, hi)

    def prepare_back(self, run: Backward, k: int) -> None:
        """What the kernels are called with: gradients by the weights of both events."""
        if run.wiring.follows_events[k]:
            run.plans[k] = _Later(self, run, k)
            size = len(run.edges) - 1, 2 * run.stages[k].n_in, run.stages[k].width
            run.rows[k] = run.scratch.array(f"gradient by later events {k}", size, run.dtype)
        super().prepare_back(run, k)

    def backward(self, run: Backward, k: int, first: int, last: int) -> None:
        """Errors and gradients of some chunks of samples."""
        if run.wiring.follows_events[k]:
            run.plans[k].delay(run.edges[first], run.edges[last])
        super().backward(run, k, first, last)

    def error_below(self, run: Backward, k: int, lo: int, hi: int) -> np.ndarray:
        """``g_I[t + delay] @ weights.T``, later by each input's delay."""
        w = run.views(k)
        return _mix_back(super().error_below(run, k, lo, hi), *self._split(w))

    def finish(self, run: Backward, k: int) -> None:
        """Chunks summed in order, and both events' gradients put together."""
        if not run.wiring.follows_events[k]:
            super().finish(run, k)
            return
        stage, w, parts = run.stages[k], run.views(k), run.rows[k]
        total = run.scratch.array(
            f"gradient by later events, summed {k}", parts.shape[1:], run.dtype
        )
        run.share(lambda lo, hi: lif.sum_chunks(parts, total, lo, hi), len(total))
        _, share = self._split(w)
        first, second = total[: stage.n_in, : stage.n], total[stage.n_in :, : stage.n]
        with np.errstate(over="ignore", invalid="ignore"):  # a guard looks at gradients
            by_weights = first + share[:, None] * (second - first)
            by_delays = np.einsum("ij,ij->i", second - first, w["weights"])
            found = {"weights": by_weights, "delays": self._by_stored(w, by_delays)[None]}
        for name, block in stage.blocks.items():
            out = block.padded(run.out.flat)
            out[...] = 0
            out[:, : block.columns] = found[name]


class _Later:
    """Events of layer k as they arrive, two for each: the kernels follow these."""

    def __init__(self, layer, run, k):
        self.run, self.k, stage = run, k, run.stages[k]
        self.source, n_in = run.signal(k).events, stage.n_in
        self.whole, self.share = layer._split(run.views(k))
        start, stop, _, _ = self.source
        if stage.source < 0:  # what a layer will do is not known yet
            room = stop - start
        else:
            room = np.full(len(start), run.n_steps * n_in)
        ends = 2 * np.cumsum(room)
        events = run.scratch.events
        step, unit = (events(f"later {x} {k}", int(ends[-1])) for x in ("steps", "units"))
        run.heard[k] = self.events = ends - 2 * room, np.empty_like(ends), step, unit

    def weights(self, given):
        """Weights of first events above those of second ones, in whole tiles."""
        stage, n_in = self.run.stages[self.k], len(given)
        size = 2 * n_in, stage.width
        out = self.run.scratch.array(f"later weights {self.k}", size, self.run.dtype)
        share, own = self.share[:, None], slice(0, given.shape[1])
        np.multiply(given, 1 - share, out=out[:n_in, own])
        np.multiply(given, share, out=out[n_in:, own])
        return out

    def delay(self, lo, hi):
        """Events of some samples."""
        between = self.share > 0
        delay_events(*self.source, self.whole, between, self.run.n_steps, *self.events, lo, hi)


def _sigmoid(w):
    """Share of the longest delay, float64."""
    return 1 / (1 + np.exp(-np.clip(np.asarray(w, np.float64), -50, 50)))


def _mix(x, whole, now, later):
    """``now x[t - k] + later x[t - k - 1]``, with each unit's k and factors; (sample, time, n)."""
    out, n_steps = np.zeros_like(x), x.shape[1]
    for k in np.unique(whole):
        units = np.flatnonzero(whole == k)
        for steps, factor in ((k, now), (k + 1, later)):
            if steps < n_steps:
                out[:, steps:, units] += factor[units] * x[:, : n_steps - steps, units]
    return out


def _mix_back(g, whole, share):
    """Adjoint of `_mix` with shares: from the gradient by what is heard to that by x."""
    out = _mix(g[:, ::-1], whole, 1 - share, share)
    return np.ascontiguousarray(out[:, ::-1])
