"""Sweeps: one network trained along a range of strengths, and the frontier its runs lie on."""

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields

import numpy as np

from snnlab import _check
from snnlab._files import write_atomically
from snnlab.optim import Adam
from snnlab.penalties import Bursts
from snnlab.training import evaluate, train

FORMAT = 1
COSTS = ("hidden_spikes", "connectivity", "mismatch")


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
        Settings of the run, without the seed; runs that share them are repetitions.
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
            value = _check.number(name, getattr(self, name), **bounds)
            object.__setattr__(self, name, value)
        if self.seed is not None:
            object.__setattr__(self, "seed", _check.integer("seed", self.seed, at_least=0))
        if not isinstance(self.config, dict):
            raise TypeError(f"config must be a dict, not {type(self.config).__name__}")


@dataclass(frozen=True)
class Mean:
    """Repetitions of one run with other seeds: means, and standard deviations (``sd_*``).

    The standard deviation is that of the sample (n - 1), NaN for a single run.
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

    def __init__(self, data, points=()):
        if not isinstance(data, str) or not data:
            raise TypeError(f"data must be the name of a data set, not {data!r}")
        self.data, self.points = data, []
        for point in points:
            if not isinstance(point, Point):
                raise TypeError(f"points must hold Point objects, not {type(point).__name__}")
            self.points.append(point)

    def add(self, accuracy, hidden_spikes, **rest):
        """Append a `Point` of these values and return it."""
        point = Point(accuracy, hidden_spikes, **rest)
        self.points.append(point)
        return point

    def measure(self, network, inputs, labels, *, data=None, loss="max_over_time", **rest):
        """Evaluate a network on test samples and append it as a `Point`.

        Parameters
        ----------
        network : Network
        inputs : SpikeTrains, ConstantCurrent or stream
        labels : array of int (n_samples,)
        data : str, optional
            Name of the data set, if it is to be checked against the frontier's.
        loss : str or callable
        **rest
            ``mismatch``, ``seed``, ``config`` of the point.

        Returns
        -------
        Point
        """
        self._same(self.data if data is None else data)
        result = evaluate(network, inputs, labels, loss=loss)
        n_weights = sum(w.size for w in network.weights)
        connected = sum(np.count_nonzero(w) for w in network.weights) / n_weights
        return self.add(result.accuracy, result.hidden_spikes, connectivity=connected, **rest)

    def _same(self, data):
        if data != self.data:
            raise ValueError(f"runs on {data!r} cannot be put beside runs on {self.data!r}")

    def _filled(self):
        if not self.points:
            raise ValueError("the frontier is empty: add runs first")
        return self.points

    def pareto(self, costs=("hidden_spikes",), *, means=False):
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
        costs = (costs,) if isinstance(costs, str) else tuple(costs)
        for name in costs:
            _check.one_of("costs", name, COSTS)
        if not costs:
            raise ValueError("costs must name at least one cost")
        points = self.means() if means else self._filled()
        signs = [-1 if name == "mismatch" else 1 for name in costs]
        table = np.array(
            [
                [-p.accuracy, *(s * getattr(p, c) for s, c in zip(signs, costs, strict=True))]
                for p in points
            ]
        )
        kept = [
            p
            for p, row in zip(points, table, strict=True)
            if not np.any(np.all(table <= row, axis=1) & np.any(table < row, axis=1))
        ]
        return sorted(kept, key=lambda p: (getattr(p, costs[0]), p.accuracy))

    def means(self):
        """Means over runs that differ in nothing but the seed, as a list of `Mean`."""
        groups = {}
        for p in self._filled():
            key = json.dumps([p.config, p.mismatch], sort_keys=True, default=str)
            groups.setdefault(key, []).append(p)
        out = []
        for runs in groups.values():
            columns = {
                name: np.array([getattr(p, name) for p in runs])
                for name in ("accuracy", "hidden_spikes", "connectivity", "mismatch")
            }
            sd = {
                name: float(columns[name].std(ddof=1)) if len(runs) > 1 else math.nan
                for name in ("accuracy", "hidden_spikes")
            }
            mean = {name: float(x.mean()) for name, x in columns.items()}
            out.append(
                Mean(
                    **mean, sd_accuracy=sd["accuracy"], sd_hidden_spikes=sd["hidden_spikes"],
                    n=len(runs), config=runs[0].config,
                )
            )  # fmt: skip
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

    def save(self, path):
        """Write all runs to a small JSON file, whole or not at all."""
        content = {
            "format": FORMAT,
            "data": self.data,
            "points": [asdict(p) for p in self._filled()],
        }
        text = json.dumps(content, indent=1) + "\n"
        write_atomically(path, lambda file: file.write(text.encode()))

    @classmethod
    def load(cls, path):
        """Read what `save` wrote.

        Raises
        ------
        ValueError
            If the file is no frontier, or of a newer format.
        """
        with open(path, encoding="utf-8") as file:
            text = file.read()
        try:
            content = json.loads(text)
            version, data, points = (content[k] for k in ("format", "data", "points"))
            points = [Point(**p) for p in points]
        except (json.JSONDecodeError, KeyError, TypeError, ValueError) as fault:
            raise ValueError(f"{path} does not hold a frontier: {fault}") from None
        if version > FORMAT:
            raise ValueError(f"{path}: format {version} is newer than this version reads")
        return cls(data, points)

    @classmethod
    def from_records(cls, records):
        """The runs stored in ``data/results``: a list of records with values by seed."""
        names = {r["config"]["data"] for r in records}
        if len(names) != 1:
            raise ValueError(
                f"records must be of one data set, they are of {sorted(names) or 'none'}"
            )
        out = cls(names.pop())
        extra = {f.name for f in fields(Point)} - {"accuracy", "hidden_spikes", "seed", "config"}
        for r in records:
            rest = {name: r[name] for name in extra if name in r}
            for seed, accuracy, spikes in zip(
                r["seeds"], r["values"], r["hidden_spikes_values"], strict=True
            ):
                out.add(accuracy, spikes, seed=seed, config=r["config"], **rest)
        return out

    def draw(self, **settings):
        """Picture of all runs; settings as for `snnlab.plot.draw_frontier`."""
        from snnlab import plot

        return plot.draw_frontier(self, **settings)

    def _repr_mimebundle_(self, include=None, exclude=None):
        if not self.points:
            return {"text/plain": repr(self)}
        return self.draw()._repr_mimebundle_(include, exclude)


def sweep(
    network,
    inputs,
    labels,
    strengths,
    *,
    test,
    data,
    rng,
    penalty=Bursts,
    epochs=5,
    lr=1.5e-3,
    loss="max_over_time",
    seed=None,
    config=None,
    **settings,
):
    """Train a network along rising strengths of a penalty, each from where the last one ended.

    An iterator: a run is trained when the next point is asked for, so that a notebook can draw each
    as it comes, or stop.

    Parameters
    ----------
    network : Network
        Where to start, usually trained without the penalty; left as it is.
    inputs, labels
        Training samples, as for `snnlab.train`.
    strengths : iterable of float
    test : (inputs, labels)
        Samples that the accuracy and the spikes of the points are of.
    data : str
        Name of the data set.
    rng : numpy.random.Generator or int
    penalty : callable
        From a strength to a penalty or a list of them: ``Bursts``, or
        ``lambda s: [Bursts(s), LowerBound(s, 0.01)]``.
    epochs, lr : int, float
        Training at each strength; its rate falls from ``lr`` along a cosine, anew each time.
    loss : str or callable
    seed : int, optional
        Noted in the points.
    config : dict, optional
        Noted in the points beside the strength.
    **settings
        As for `snnlab.train` (``batch_size``, ``dropout``, ``callback``, ...).

    Yields
    ------
    network : Network
        As trained so far: a copy, which goes on being trained at the next strength.
    point : Point

    Raises
    ------
    TypeError, ValueError
        At the first point, as `snnlab.train` does; strengths that are negative or none at all.
    """
    if not isinstance(strengths, Iterable):
        raise TypeError(f"strengths must be numbers, not {type(strengths).__name__}")
    strengths = [_check.number("strengths", s, at_least=0) for s in strengths]
    if not strengths:
        raise ValueError("strengths must hold at least one number")
    rng = _check.generator("rng", rng)
    return _sweep(
        network.copy(), inputs, labels, strengths, test, data, rng, penalty, epochs, lr, loss, seed,
        config or {}, {"progress": False} | settings,
    )  # fmt: skip


def _sweep(
    network, inputs, labels, strengths, test, data, rng, penalty, epochs, lr, loss, seed, config,
    settings,
):  # fmt: skip
    """The sweep, arguments being checked."""
    frontier = Frontier(data)
    for strength in strengths:
        history = train(
            network, inputs, labels, epochs=epochs, rng=rng, loss=loss, optimizer=Adam(lr=lr),
            penalties=penalty(strength), **settings,
        )  # fmt: skip
        noted = config | {"strength": strength}
        yield network, frontier.measure(network, *test, loss=loss, seed=seed, config=noted)
        if history.interrupted:
            return


def repeat(run, seeds, *, n_jobs=1):
    """Call ``run(seed)`` for each seed and join the frontiers it returns.

    Parameters
    ----------
    run : callable
        From a seed to a `Frontier`.
    seeds : iterable of int
    n_jobs : int
        Processes, as joblib counts them; within ``joblib.parallel_config(backend="dask")`` the
        calls go to a cluster.

    Returns
    -------
    Frontier
    """
    from joblib import Parallel, delayed

    seeds = [_check.integer("seeds", s, at_least=0) for s in seeds]
    if not seeds:
        raise ValueError("seeds must hold at least one seed")
    frontiers = Parallel(n_jobs=n_jobs)(delayed(run)(seed) for seed in seeds)
    return sum(frontiers[1:], start=frontiers[0])
