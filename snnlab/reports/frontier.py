"""The frontier: runs on one data set, and those that no other one beats for what they cost."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from statistics import mean, stdev
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab._files import DAMAGE, check_format, write_atomically
from snnlab.learning.evaluation import evaluate
from snnlab.rewiring.connectivity import connectivity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any, Self

    from numpy.typing import ArrayLike

    from snnlab._types import Inputs, Loss, PathLike
    from snnlab.medium import Medium
    from snnlab.network import Network
    from snnlab.plot.style import Picture

FORMAT = 1
RUN_COSTS = ("hidden_spikes", "connectivity", "mismatch")


@dataclass(frozen=True)
class Point:
    """One run: what it reached and what that costs.

    Attributes
    ----------
    accuracy : float
        Of test samples, in [0, 1].
    hidden_spikes : float
        Mean spikes per sample in all hidden layers.
    connectivity : float
        Share of weights that are not 0.
    mismatch : float
        Relative spread of the substrate's parameters; 0 on the ideal one.
    seed : int or None
    config : dict
        Settings of the run, without the seed; runs that share them are repetitions. Kept as JSON
        would: text, numbers, lists and dicts.
    """

    accuracy: float
    hidden_spikes: float
    connectivity: float = 1.0
    mismatch: float = 0.0
    seed: int | None = None
    config: dict = field(default_factory=dict)

    def __post_init__(self):
        for name, bounds in (
            ("accuracy", {"at_least": 0, "at_most": 1}),
            ("hidden_spikes", {"at_least": 0}),
            ("connectivity", {"at_least": 0, "at_most": 1}),
            ("mismatch", {"at_least": 0}),
        ):
            _check.field(self, name, _check.number, **bounds)
        if self.seed is not None:
            _check.field(self, "seed", _check.integer, at_least=0)
        if not isinstance(self.config, dict):
            raise TypeError(f"config must be a dict, not {type(self.config).__name__}")
        object.__setattr__(self, "config", _plain(self.config))


def _plain(config):
    """A copy such as a file would give back."""
    try:
        text = json.dumps(config, default=np.generic.tolist, allow_nan=False)
        return json.loads(text, object_pairs_hook=_each_once)
    except (TypeError, ValueError, RecursionError) as fault:
        raise TypeError(f"config must hold text, numbers, lists and dicts: {fault}") from None


def _each_once(pairs):
    """A dict of settings, none of which has another's name: names become text in a file."""
    out = dict(pairs)
    if len(out) < len(pairs):
        raise ValueError(f"of {[name for name, _ in pairs]} some are the same, as text")
    return out


@dataclass(frozen=True)
class Mean:
    """Repetitions of one run with other seeds: means of what a `Point` holds.

    Attributes
    ----------
    accuracy, hidden_spikes, connectivity, mismatch : float
    sd_accuracy, sd_hidden_spikes : float
        Standard deviations of the sample (n - 1); NaN for a single run.
    n : int
        How many runs.
    config : dict
    """

    accuracy: float
    hidden_spikes: float
    connectivity: float
    mismatch: float
    sd_accuracy: float
    sd_hidden_spikes: float
    n: int
    config: dict


class Frontier:
    """Runs on one data set as points: accuracy against what it costs.

    Parameters
    ----------
    data : str
        Name of the data set; runs on others cannot be compared, and are refused.
    points : iterable of Point

    Raises
    ------
    TypeError, ValueError
        Points that are none, numbers out of range; the message names the argument.

    Examples
    --------
    >>> runs = Frontier("toy")
    >>> for accuracy, spikes in ((0.90, 5), (0.97, 20), (0.96, 40)):
    ...     _ = runs.add(accuracy, spikes)
    >>> [(p.accuracy, p.hidden_spikes) for p in runs.pareto()]
    [(0.9, 5.0), (0.97, 20.0)]
    """

    def __init__(self, data: str, points: Iterable[Point] = ()) -> None:
        if not isinstance(data, str) or not data:
            raise TypeError(f"data must be the name of a data set, not {data!r}")
        self.data, self.points = data, []
        for point in _check.sequence("points", points):
            self.append(point)

    def append(self, point: Point) -> None:
        """Take in a run that is a `Point` already."""
        if not isinstance(point, Point):
            raise TypeError(f"points must be Point objects; this point is a {type(point).__name__}")
        self.points.append(point)

    def add(self, accuracy: float, hidden_spikes: float, **rest: Any) -> Point:
        """Append a `Point` of these values and return it."""
        point = Point(accuracy, hidden_spikes, **rest)
        self.append(point)
        return point

    def measure(
        self,
        network: Network,
        inputs: Inputs,
        labels: ArrayLike,
        *,
        data: str | None = None,
        loss: Loss = "max_over_time",
        substrate: Medium | None = None,
        **rest: Any,
    ) -> Point:
        """Evaluate a network on test samples and append it as a `Point`.

        Parameters
        ----------
        network : Network
        inputs : SpikeTrains, ConstantCurrent or stream
        labels : array of int (n_samples,)
        data : str, optional
            Name of the data set, if it is to be checked against the frontier's.
        loss : str or callable
        substrate : Substrate, optional
            As for `snnlab.evaluate`; connectivity is that of the weights it makes of the network's.
        **rest
            ``mismatch``, ``seed``, ``config`` of the point.

        Returns
        -------
        Point
        """
        self._same(self.data if data is None else _check.text("data", data))
        _check.network("network", network, needs="weights")
        result = evaluate(network, inputs, labels, loss=loss, substrate=substrate)
        chip = substrate if hasattr(substrate, "effective_weights") else None
        share = connectivity(network, chip).overall
        return self.add(result.accuracy, result.hidden_spikes, connectivity=share, **rest)

    def _same(self, data):
        if data != self.data:
            raise ValueError(f"data: runs on {data!r} cannot be put beside runs on {self.data!r}")

    def _filled(self):
        if not self.points:
            raise ValueError("the frontier is empty: add runs first")
        return self.points

    def pareto(
        self, costs: Sequence[str] = ("hidden_spikes",), *, means: bool = False
    ) -> list[Point] | list[Mean]:
        """Points that no other one beats: more accurate costs more.

        Parameters
        ----------
        costs : str or sequence of str
            Of "hidden_spikes", "connectivity", "mismatch". Mismatch is no cost of a run but a
            hardship: there, more is better.
        means : bool
            Compare means over seeds instead of single runs.

        Returns
        -------
        list of Point or Mean
            By rising cost (the first one's).
        """
        costs = [costs] if isinstance(costs, str) else _check.sequence("costs", costs)
        means = _check.flag("means", means)
        for name in costs:
            _check.one_of("costs", name, RUN_COSTS)
        if not costs:
            raise ValueError("costs must name at least one cost")
        points = self.means() if means else self._filled()
        # signed so that less is better: a row beats one that it is never above and somewhere below
        signs = {"accuracy": -1} | {name: -1 if name == "mismatch" else 1 for name in costs}
        table = np.array([[s * getattr(p, name) for name, s in signs.items()] for p in points])
        kept = [
            p
            for p, row in zip(points, table, strict=True)
            if not np.any(np.all(table <= row, axis=1) & np.any(table < row, axis=1))
        ]
        return sorted(kept, key=lambda p: (getattr(p, costs[0]), p.accuracy))

    def means(self) -> list[Mean]:
        """Means over runs that differ in nothing but the seed, as a list of `Mean`."""
        groups = []  # of points; 1 and 1.0 are one setting
        for p in self._filled():
            alike = (g for g in groups if (g[0].config, g[0].mismatch) == (p.config, p.mismatch))
            group = next(alike, None)
            if group is None:
                groups.append(group := [])
            group.append(p)
        out = []
        for runs in groups:
            columns = {
                name: [getattr(p, name) for p in runs]
                for name in ("accuracy", "hidden_spikes", "connectivity", "mismatch")
            }
            sd = {
                f"sd_{name}": stdev(columns[name]) if len(runs) > 1 else math.nan
                for name in ("accuracy", "hidden_spikes")
            }
            # exact means: those of equal values are equal, as `pareto` must see them
            means = {name: mean(x) for name, x in columns.items()}
            out.append(Mean(**means, **sd, n=len(runs), config=runs[0].config))
        return out

    def __add__(self, other):
        """The runs of both, if they are on the same data set."""
        if not isinstance(other, Frontier):
            return NotImplemented
        self._same(other.data)
        return Frontier(self.data, [*self.points, *other.points])

    def __len__(self):
        return len(self.points)

    def __iter__(self):
        return iter(self.points)

    def __repr__(self):
        return f"Frontier({self.data!r}, {len(self)} runs)"

    def save(self, path: PathLike) -> None:
        """Write all runs to a small JSON file, whole or not at all."""
        self._filled()
        text = json.dumps(self.to_dict(), indent=1) + "\n"
        write_atomically(path, lambda file: file.write(text.encode()))

    def to_dict(self) -> dict[str, Any]:
        """All of it, as JSON has it."""
        points = [asdict(p) for p in self.points]
        return {"format": FORMAT, "data": self.data, "points": points}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Inverse of `to_dict`; raises ValueError if something is missing or wrong."""
        try:
            check_format(content, FORMAT)
            return cls(content["data"], [Point(**values) for values in content["points"]])
        except DAMAGE as fault:
            raise ValueError(f"content is no frontier: {fault}") from None

    @classmethod
    def load(cls, path: PathLike) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        ValueError
            If the file is no frontier, or of a newer format.
        """
        path = _check.path("path", path)
        try:
            with open(path, encoding="utf-8") as file:
                return cls.from_dict(json.load(file))
        except DAMAGE as fault:
            raise ValueError(f"path {path} does not hold a frontier: {fault}") from None

    @classmethod
    def from_records(cls, records: Iterable[Mapping[str, Any]]) -> Self:
        """The runs stored in ``data/results``: a list of records with values by seed.

        Raises
        ------
        ValueError
            Records of several data sets, or of something else than test accuracies by seed.
        """
        points, names = [], set()
        try:
            for r in records:
                if r["metric"] != "test_accuracy":
                    raise ValueError(f"one is of {r['metric']!r}")
                names.add(r["config"]["data"])
                rest = {name: r[name] for name in ("connectivity", "mismatch") if name in r}
                runs = zip(r["seeds"], r["values"], r["hidden_spikes_values"], strict=True)
                points += [Point(y, x, seed=k, config=r["config"], **rest) for k, y, x in runs]
        except (KeyError, IndexError, TypeError, ValueError) as fault:
            raise ValueError(f"records must hold test accuracies by seed: {fault!r}") from None
        if len(names) != 1:
            raise ValueError(f"records must be of one data set, they are of {sorted(names)}")
        return cls(names.pop(), points)

    def draw(self, **settings: Any) -> Picture:
        """Picture of all runs; settings as for `snnlab.plot.draw_frontier`."""
        from snnlab.plot.sweep import draw_frontier

        return draw_frontier(self, **settings)

    def _repr_mimebundle_(self, include=None, exclude=None):
        if not self.points or find_spec("matplotlib") is None:
            return {"text/plain": repr(self)}
        return self.draw()._repr_mimebundle_(include, exclude)
