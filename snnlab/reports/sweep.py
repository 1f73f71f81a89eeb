"""Sweeps: one network trained along a range of strengths, runs repeated, chips exchanged."""

import numpy as np

from snnlab import _check
from snnlab.learning.optim import Adam
from snnlab.learning.penalties import Bursts, Penalties
from snnlab.learning.settings import check_medium, check_samples
from snnlab.learning.training import evaluate, steps, train
from snnlab.reports.frontier import Frontier, Point


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
    substrate=None,
    mismatch=0.0,
    seed=None,
    config=None,
    **settings,
):
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
    if not callable(penalty):
        raise TypeError(f"penalty must be a function of a strength, not {penalty!r}")
    if "checkpoint" in settings:
        raise TypeError("checkpoint cannot be set: a sweep is several trainings")
    if not isinstance(test, tuple | list) or len(test) != 2:
        raise TypeError("test must be a pair of inputs and labels")
    _check.labels("test", test[1], check_samples("test", network, test[0]), network.sizes[-1])
    try:
        penalties = [Penalties(penalty(s), network).given for s in strengths]
    except (TypeError, ValueError) as fault:
        raise type(fault)(f"penalty, a function of a strength: {fault}") from None
    runs = Frontier(data)
    config = Point(0, 0, config={} if config is None else config).config
    lr = _check.number("lr", lr, above=0)
    noted = {"mismatch": mismatch, "seed": seed}
    Point(0, 0, **noted)  # for its checks, as steps is called below for its own
    settings |= {"epochs": epochs, "rng": rng, "loss": loss, "substrate": substrate}
    plain = {name: x for name, x in settings.items() if name not in ("callback", "progress")}
    steps(network, inputs, labels, optimizer=Adam(lr=lr), **plain)
    settings = {"progress": False} | settings

    def run(network):
        for strength, given in zip(strengths, penalties, strict=True):
            history = train(
                network, inputs, labels, optimizer=Adam(lr=lr), penalties=given, **settings
            )
            if history.interrupted:
                return
            own = config | {"epochs": epochs, "lr": lr, "strength": strength}
            point = runs.measure(
                network, *test, loss=loss, substrate=substrate, config=own, **noted
            )
            yield network.copy(), point

    return run(network.copy())


def _some(name, values):
    """A list of the values of an iterable, at least one."""
    values = _check.sequence(name, values)
    if not values:
        raise ValueError(f"{name} must hold at least one entry")
    return values


def repeat(run, seeds, *, n_jobs=None):
    """Call ``run(seed)`` for each seed and join the frontiers it returns.

    Parameters
    ----------
    run : callable
        From a seed to a `Frontier`.
    seeds : iterable of int
    n_jobs : int, optional
        Processes, as joblib counts them: 1 by default, or what ``joblib.parallel_config`` says;
        within ``parallel_config(backend="dask")`` the calls go to a cluster. Each process uses as
        many threads as it would alone: the environment variable ``SNNLAB_WORKERS=1`` keeps them
        out of each other's way.

    Returns
    -------
    Frontier
        Runs in the order of the seeds, whatever ``n_jobs``.

    Raises
    ------
    TypeError, ValueError
        Seeds that are none, results that are no `Frontier` or of several data sets.
    """
    from joblib import Parallel, delayed

    seeds = [_check.integer("seeds", s, at_least=0) for s in _some("seeds", seeds)]
    _check.function("run", run, 1)
    if n_jobs is not None:
        n_jobs = min(_check.integer("n_jobs", n_jobs, -(2**10)), len(seeds))
        if n_jobs == 0:
            raise ValueError("n_jobs must not be 0")
    frontiers = Parallel(n_jobs=n_jobs)(delayed(run)(seed) for seed in seeds)
    for result in frontiers:
        if not isinstance(result, Frontier):
            raise TypeError(f"run must return a Frontier, not {type(result).__name__}")
    return sum(frontiers[1:], start=frontiers[0])


def transfer_matrix(networks, chips, inputs, labels, *, loss="max_over_time"):
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
        _check.network("networks", network, needs="backward")
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
