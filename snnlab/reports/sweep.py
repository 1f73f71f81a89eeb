"""Sweeps: one network trained along a range of strengths, runs repeated, chips exchanged."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab.learning.evaluation import evaluate
from snnlab.learning.optim import Adam
from snnlab.learning.penalties import Bursts, Penalties
from snnlab.learning.settings import check_medium, check_samples
from snnlab.learning.training import steps, train
from snnlab.parameters import check_weights
from snnlab.reports.frontier import Frontier, Point
from snnlab.reports.runbook import RunBook, SweepBook
from snnlab.reports.tasks import Failure, run_tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Any

    from numpy.typing import ArrayLike

    from snnlab._types import Inputs, Loss, PathLike, Seed, Signals
    from snnlab.chip.substrate import Substrate
    from snnlab.medium import Medium
    from snnlab.network import Network

__all__ = ["repeat", "sweep", "transfer_matrix"]


def sweep(
    network: Network,
    inputs: Inputs,
    labels: ArrayLike,
    strengths: Iterable[float],
    *,
    test: tuple[Inputs, ArrayLike],
    data: str,
    rng: Seed,
    penalty: Callable[[float], Any] = Bursts,
    epochs: int = 5,
    lr: float = 1.5e-3,
    loss: Loss = "max_over_time",
    substrate: Medium | None = None,
    mismatch: float = 0.0,
    seed: int | None = None,
    config: dict[str, Any] | None = None,
    path: PathLike | None = None,
    **settings: Any,
) -> Iterator[tuple[Network, Point]]:
    """Train a network along strengths of a penalty, each from where the last one ended.

    An iterator: a run is trained when the next point is asked for, so that a notebook can draw each
    as it comes, or stop. An interrupt, or a callback that returns True, ends it; the run that was
    stopped gives no point.

    Parameters
    ----------
    network : Network
        Where to start, usually trained without the penalty; left as it is.
    inputs, labels
        Training samples, as for `snnlab.train`.
    strengths : iterable of float
        In this order; usually rising.
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
    substrate : Substrate, optional
        Trains and evaluates in the loop, as in `snnlab.train`.
    mismatch, seed : float, int, optional
        Noted in the points.
    config : dict, optional
        Noted in the points, beside ``epochs``, ``lr`` and ``strength``.
    path : path, optional
        A ``.npz`` file that is written after each strength. If it exists, the strengths in it are
        not trained again: a sweep that was interrupted or killed goes on where it was, to the same
        results, bit for bit.
    **settings
        As for `snnlab.train` (``batch_size``, ``dropout``, ``callback``, ...), but no
        ``checkpoint``.

    Yields
    ------
    network : Network
        As trained so far, a copy.
    point : Point

    Raises
    ------
    TypeError, ValueError
        Bad arguments, at once; the message names the argument.

    Examples
    --------
    >>> from snnlab import LIF, Network, encode
    >>> x, labels = np.eye(4, dtype=np.float32), np.arange(4)
    >>> inputs = encode.latency(x, n_steps=8)
    >>> start = Network((4, 30, 4), LIF.brainscales2(), n_steps=8, rng=0)
    >>> runs = Frontier("toy")
    >>> for _, point in sweep(start.scale_to_activity(inputs, 9), inputs, labels, (0, 0.1),
    ...                       test=(inputs, labels), data="toy", rng=0):
    ...     runs.append(point)
    >>> [p.config["strength"] for p in runs]
    [0.0, 0.1]
    """
    strengths = [_check.number("strengths", s, at_least=0) for s in _some("strengths", strengths)]
    rng = _check.generator("rng", rng)
    _check.network("network", network, needs="backward")
    if "checkpoint" in settings:
        raise TypeError("checkpoint cannot be set: a sweep is several trainings")
    if not isinstance(test, tuple | list) or len(test) != 2:
        raise TypeError("test must be a pair of inputs and labels")
    _check.labels("test", test[1], check_samples("test", network, test[0]), network.sizes[-1])
    penalties = [_penalties(penalty, s, network) for s in strengths]
    runs = Frontier(data)
    lr, noted = _check.number("lr", lr, above=0), {"mismatch": mismatch, "seed": seed}
    # for a point's checks, as steps is called below for its own
    config = Point(0, 0, config={} if config is None else config, **noted).config
    settings |= {"epochs": epochs, "rng": rng, "loss": loss, "substrate": substrate}
    plain = {name: x for name, x in settings.items() if name not in ("callback", "progress")}
    steps(network, inputs, labels, optimizer=Adam(lr=lr), **plain)
    settings = {"progress": False} | settings
    network = network.copy()
    what = [inputs, labels, strengths, penalties, test, noted, config, lr]
    what.append(plain | {"rng": None, "substrate": None})  # the file looks at these by itself
    book = None if path is None else SweepBook(path, network, rng, substrate, what)

    def run(network):
        yield from () if book is None else book.finished()
        done = 0 if book is None else len(book)
        for strength, given in zip(strengths[done:], penalties[done:], strict=True):
            history = train(
                network, inputs, labels, optimizer=Adam(lr=lr), penalties=given, **settings
            )
            if history.interrupted:
                return
            own = config | {"epochs": epochs, "lr": lr, "strength": strength}
            point = runs.measure(
                network, *test, loss=loss, substrate=substrate, config=own, **noted
            )
            if book is not None:
                book.add(point)
            yield network.copy(), point

    return run(network)


def _penalties(penalty, strength, network):
    """What ``penalty`` makes of a strength, checked."""
    if not callable(penalty):
        raise TypeError(f"penalty must be a function of a strength, not {penalty!r}")
    with _check.told_of("penalty, a function of a strength"):
        return Penalties(penalty(strength), network).given


def _some(name, values):
    """A list of the values of an iterable, at least one."""
    values = _check.sequence(name, values)
    if not values:
        raise ValueError(f"{name} must hold at least one entry")
    return values


def repeat(
    run: Callable[..., Frontier],
    seeds: Iterable[int | dict[str, Any]],
    *,
    n_jobs: int | None = None,
    executor: Any = None,
    path: PathLike | None = None,
    retries: int = 1,
    progress: bool = False,
    failures: list | None = None,
) -> Frontier:
    """Call ``run`` for each of some seeds, or settings, and join the frontiers it returns.

    A run that fails, or whose process is killed, is tried again, then named in a warning; the
    others are kept, and with ``path`` also on disk.

    Parameters
    ----------
    run : callable
        From a seed, or from a dict's entries as keywords, to a `Frontier`.
    seeds : iterable of (int or dict)
        Dicts hold text, numbers and lists, for example ``{"alpha": 0.1, "seed": 3}``.
    n_jobs : int, optional
        Processes on this machine, as joblib counts them: 1 by default, -1 for one per processor.
    executor : {"serial", "loky"} or dask.distributed.Client, optional
        Who runs them: see `snnlab.reports.tasks.run_tasks`. What ``run`` holds (data, as in
        ``functools.partial(run, data=data)``) is sent once. Each run is given the threads that the
        others leave, unless ``SNNLAB_WORKERS`` says how many.
    path : path, optional
        A file for all runs that have finished, written after each. If it exists, runs that are in
        it are not done again: a call that was interrupted or killed goes on where it was.
    retries : int
        How often a run that failed is tried again.
    progress : bool
        Show a bar (needs tqdm).
    failures : list, optional
        Gets a `Failure` for each run that was given up.

    Returns
    -------
    Frontier
        Runs in the order of the seeds, whoever ran them.

    Raises
    ------
    TypeError, ValueError
        Seeds that are none, results that are no `Frontier` or of several data sets, a file of
        other runs.
    RuntimeError
        If all runs failed.

    Warns
    -----
    RuntimeWarning
        If some did.
    """
    tasks = [_checked_task(s) for s in _some("seeds", seeds)]
    _check.function("run", run, *[1] * any(isinstance(task, int) for task in tasks))
    book = None if path is None else RunBook(path, run)
    known = [None if book is None else book.get(task) for task in tasks]
    rest = [k for k, result in enumerate(known) if result is None]
    with progress_bar(len(tasks), len(tasks) - len(rest), _check.flag("progress", progress)) as bar:

        def finished(i, outcome):
            known[rest[i]] = outcome
            if isinstance(outcome, Frontier) and book is not None:
                book.add(tasks[rest[i]], outcome)
            elif not isinstance(outcome, Frontier | Failure):
                raise TypeError(f"run must return a Frontier, not {type(outcome).__name__}")
            bar.update()

        todo = [tasks[k] for k in rest]
        how = {"executor": executor, "n_jobs": n_jobs, "retries": retries}
        run_tasks(run, todo, finished=finished, **how)
    given_up = [outcome for outcome in known if isinstance(outcome, Failure)]
    if failures is not None:
        failures.extend(given_up)
    if given_up:
        _tell(given_up, len(tasks))
    frontiers = [outcome for outcome in known if isinstance(outcome, Frontier)]
    return sum(frontiers[1:], start=frontiers[0])


def _checked_task(task):
    """A seed, or a dict such as JSON has."""
    if not isinstance(task, dict):
        return _check.integer("seeds", task, at_least=0)
    if not all(isinstance(name, str) for name in task):
        raise TypeError("seeds must be integers, or dicts with names as keys")
    return Point(0, 0, config=task).config


def _tell(failures, n):
    """Of runs that were given up: an error if that is all, else a warning."""
    said = "; ".join(f"{f.task} ({f.error}, {f.tries} tries)" for f in failures[:5])
    said += f" and {len(failures) - 5} more" * (len(failures) > 5)
    if len(failures) == n:
        raise RuntimeError(f"all {n} runs failed: {said}\n{failures[0].details}")
    warnings.warn(f"{len(failures)} of {n} runs failed: {said}", RuntimeWarning, stacklevel=3)


@contextmanager
def progress_bar(total: int, done: int, wanted: bool) -> Iterator[Any]:
    """A tqdm bar, or nothing that has `update`."""
    if not wanted:
        yield SimpleNamespace(update=lambda: None)
        return
    from tqdm.auto import tqdm

    with tqdm(total=total, initial=done, unit="run") as bar:
        yield bar


def transfer_matrix(
    networks: Sequence[Network],
    chips: Sequence[Substrate],
    inputs: Signals,
    labels: ArrayLike,
    *,
    loss: Loss = "max_over_time",
) -> np.ndarray:
    """Test every network on every chip.

    Parameters
    ----------
    networks : sequence of Network
        Usually network i was trained on chip i.
    chips : sequence of (Substrate or None)
        None: simulated as it is. Each is used at the age it has, and is left at that age.
    inputs, labels
        Test samples, as for `snnlab.evaluate`.
    loss : str or callable

    Returns
    -------
    array (n_networks, n_chips)
        Accuracies.
    """
    networks, chips = _some("networks", networks), _some("chips", chips)
    for network in networks:
        check_weights(_check.network("networks", network, needs="backward"), "one of networks")
    for chip in chips:
        check_medium("chips", chip)
    out = np.empty((len(networks), len(chips)))
    for i, network in enumerate(networks):
        for j, chip in enumerate(chips):
            age = getattr(chip, "age", None)
            out[i, j] = evaluate(network, inputs, labels, loss=loss, substrate=chip).accuracy
            if chip is not None:
                chip.age = age
    return out
