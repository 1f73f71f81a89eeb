"""Ceilings of activations, which become thresholds: measured, followed in training, or fitted.

The rate norm layer of Ding et al. (2021) clips activations at a ceiling while a network is trained,
``p m``: m follows the largest activation of a batch, and p, the same for all layers, is learned in
a second stage that pulls rates up and still keeps what the network says. Here a layer has one
number, its ceiling: `RunningCeilings` is the first stage, `fit_ceilings` the second.

The second stage minimises, with rates ``r = activation / ceiling`` of a batch ::

    1 - cos(what it says, what its teacher says) + weight mean over layers of (sum r / sum r^2)

The last term, which bounds how far rates are from activations at a given time ("fit curve"), is
small where rates are high, that is for low ceilings; the first grows as they clip. The teacher is
the network as it was. In the code that the authors published it is the network as it is, so that
the first term is always zero (`fit_curve` shows what is left).
"""

from __future__ import annotations

from collections import namedtuple
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab.currents import ConstantCurrent, Values
from snnlab.network import Network

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from snnlab._types import Signals
    from snnlab.learning.training import Step

BATCH = 250  # samples that are run at once
GOLDEN = (5**0.5 - 1) / 2
EPS = 1e-5  # of the fit curve's term, as in the authors' code

FitCurve = namedtuple("FitCurve", "shares disagreement slowness")
FitCurve.__doc__ = (
    "Shares of the ceilings, and for each how far a network is from its teacher, 1 - cosine of "
    "what they say, and how slow rates are, mean over layers of sum r / sum r^2: arrays (n_shares,)"
    "."
)


def check_ann(name: str, network: Network) -> Network:
    """Refuse what is no ordinary network: one step, ReLU units without memory, a readout."""
    if not isinstance(network, Network):
        raise TypeError(f"{name} must be a Network, not {type(network).__name__}")
    if network.n_steps != 1:
        raise ValueError(f"{name} must have one step, as ordinary networks do: n_steps=1")
    if not any(stage.rates for stage in network.stages):
        raise ValueError(f"{name} must have layers of ReLU units: it has none")
    for stage in network.stages:
        if stage.fires:
            raise ValueError(f"{name} has {stage.name}, whose neurons spike already")
    return network


def check_samples(name: str, inputs: Signals | ArrayLike, network: Network) -> Signals:
    """Inputs of an ordinary network, at least one sample: signals of one step, or an array."""
    if not isinstance(inputs, ConstantCurrent | Values):
        x = _check.array(name, inputs, network.dtype, (None, network.sizes[0]))
        inputs = ConstantCurrent(x, 1)
    network.check_inputs(inputs, name)
    if len(inputs) == 0:
        raise ValueError(f"{name} must hold at least one sample")
    return inputs


def largest_activations(
    network: Network, inputs: Signals | ArrayLike, percentile: float = 100.0
) -> tuple[float, ...]:
    """The largest activation of each layer of ReLU units, or a percentile of all that it gives.

    Parameters
    ----------
    network : Network
        An ordinary one, of one step.
    inputs : ConstantCurrent, Values or array (n_samples, n_in)
        Some of the training samples.
    percentile : float
        Of all activations of a layer's units on all samples, zeros too; 100 is the largest.

    Returns
    -------
    tuple of float

    Raises
    ------
    TypeError, ValueError
        Arguments of the wrong kind; a layer that is silent on all samples, by name.
    """
    inputs = check_samples("inputs", inputs, check_ann("network", network))
    percentile = _check.number("percentile", percentile, above=0, at_most=100)
    rates = [k for k, stage in enumerate(network.stages) if stage.rates]
    found, trace = [[] for _ in rates], None
    for lo in range(0, len(inputs), BATCH):
        trace = network.forward(inputs[lo : lo + BATCH], potentials=False)
        for kept, k in zip(found, rates, strict=True):
            y = trace.records[k].values
            kept.append(y.max() if percentile == 100 else y.ravel().copy())
    out = []
    for kept, k in zip(found, rates, strict=True):
        top = max(kept) if percentile == 100 else np.percentile(np.concatenate(kept), percentile)
        if not top > 0:
            what = "" if percentile == 100 else f" up to percentile {percentile:g}"
            raise ValueError(f"inputs leave {network.stages[k].name} silent{what}")
        out.append(float(top))
    return tuple(out)


def ceilings_of(network: Network) -> list[float | None]:
    """The ceiling of each layer of ReLU units; None where there is none.

    Raises
    ------
    ValueError
        Where the units of a layer have different ones, with its name.
    """
    out = []
    for stage in network.stages:
        if stage.rates:
            top = stage.model.v_th
            if isinstance(top, tuple):
                if len(set(top)) > 1:
                    raise ValueError(
                        f"network has {stage.name} with a ceiling for each unit: spikes of a "
                        "layer stand for one and the same number"
                    )
                top = top[0]
            out.append(top)
    return out


def with_ceilings(network: Network, ceilings: Sequence[float]) -> Network:
    """A copy of an ordinary network whose ReLU units have other ceilings.

    Parameters
    ----------
    network : Network
    ceilings : sequence of float
        One per layer of ReLU units, above 0.

    Returns
    -------
    Network
        Its ceilings are not learned.
    """
    n = sum(stage.rates for stage in check_ann("network", network).stages)
    ceilings = _check.sequence("ceilings", ceilings, n, "numbers, one per layer of ReLU")
    ceilings = [_check.number("ceilings", x, above=0) for x in ceilings]
    _check.real("ceilings", ceilings, np.float32)
    left = iter(ceilings)
    models = [
        stage.model.replace(v_th=next(left), learn=()) if stage.rates else stage.model
        for stage in network.stages
        if stage.neuron is not None
    ]
    return network.replace(neurons=models)


class RunningCeilings:
    """Ceilings that follow the largest activation of each batch, while a network is trained.

    The first stage of the rate norm layer. A callback of `snnlab.train`, for a network whose ReLU
    units learn their ceilings, which are then left to it::

        network = Network(layers, ReLU(v_th=1.0, learn="v_th"), n_steps=1, rng=0)
        train(network, x, y, rng=0, optimizer=Adam(rates={"v_th": 0}),
              callback=RunningCeilings(network))

    Parameters
    ----------
    network : Network
    momentum : float
        Share of the newest batch.

    Raises
    ------
    TypeError, ValueError
        A network without such units; by name, layers whose units do not learn one ceiling.
    """

    def __init__(self, network: Network, momentum: float = 0.1) -> None:
        self.momentum = _check.number("momentum", momentum, above=0, at_most=1)
        check_ann("network", network)
        self._places = []
        for k, stage in enumerate(network.stages):
            if stage.rates:
                if "v_th" not in stage.learned or stage.neuron.learn_per != "layer":
                    raise ValueError(
                        f"network has {stage.name} whose units do not learn one ceiling: give them "
                        'ReLU(v_th=1.0, learn="v_th")'
                    )
                self._places.append(k)

    def __call__(self, step: Step) -> bool:
        """After a step of training; never ends it."""
        for k in self._places:
            stage = step.network.stages[k]
            w = stage.stored["v_th"]
            top = float(step.trace.records[k].before.max())
            before = float(np.exp(w[0, 0]))
            w[...] = np.log(before + self.momentum * (max(top, EPS) - before))
        return False


# the second stage ---------------------------------------------------------------------------------


class _Student:
    """A network with its ceilings lowered, beside what it said before."""

    def __init__(self, network, inputs, ceilings):
        self.network, self.inputs, self.ceilings = network, inputs, np.array(ceilings)
        self.teacher = self._run(self.ceilings)[0]

    def _run(self, ceilings):
        """What it says (sample, class), and mean over layers of sum r / sum r^2."""
        lowered, out = with_ceilings(self.network, ceilings.tolist()), []
        places = [k for k, stage in enumerate(lowered.stages) if stage.rates]
        sums = np.zeros((len(places) + 1, 2))
        for lo in range(0, len(self.inputs), BATCH):
            trace = lowered.forward(self.inputs[lo : lo + BATCH], potentials=False)
            for i, k in enumerate(places):
                r = trace.records[k].values / ceilings[i]
                sums[i] += r.sum(dtype=float), np.square(r).sum(dtype=float)
            out.append(trace.readout[:, 0].copy())
        said = np.concatenate(out)
        positive = np.maximum(said, 0)
        r = positive / (positive.max() or 1)
        sums[-1] = r.sum(), np.square(r).sum()
        return said, float((sums[:, 0] / (sums[:, 1] + EPS)).mean())

    def terms(self, shares):
        """Disagreement with the teacher, and slowness, with these shares of the ceilings."""
        said, slowness = self._run(self.ceilings * shares)
        return float(1 - _cosines(said, self.teacher).mean()), slowness


def _cosines(a, b):
    """Of the angles between rows, however small these are; 1 where both are zero, 0 where one is.

    Parameters
    ----------
    a, b : array (sample, class)

    Returns
    -------
    array of float64 (sample,)
    """
    found = np.minimum((_directions(a) * _directions(b)).sum(axis=1), 1)
    return np.where(a.any(axis=1) | b.any(axis=1), found, 1.0)


def _directions(x):
    """Rows of length 1, float64; zeros stay. Squares of what is very small would be 0."""
    x = _over(x.astype(np.float64), np.abs(x).max(axis=1))
    return _over(x, np.linalg.norm(x, axis=1))


def _over(x, sizes):
    """Rows divided by their sizes, where these are above 0."""
    return x / np.where(sizes > 0, sizes, 1)[:, None]


def _begin(network, inputs):
    """What both functions below begin with: a network and samples, checked, as a `_Student`."""
    inputs = check_samples("inputs", inputs, check_ann("network", network))
    ceilings = ceilings_of(network)
    if None in ceilings:
        measured = largest_activations(network, inputs)
        ceilings = [y if x is None else x for x, y in zip(ceilings, measured, strict=True)]
    return _Student(network, inputs, ceilings)


def fit_curve(network: Network, inputs: Signals | ArrayLike, shares: ArrayLike) -> FitCurve:
    """What lower ceilings cost and what they bring, for shares of all of them.

    Parameters
    ----------
    network : Network
        An ordinary one; where it has no ceilings, its largest activations count.
    inputs : ConstantCurrent, Values or array (n_samples, n_in)
    shares : array of float (n_shares,)
        Above 0, at most 1.

    Returns
    -------
    FitCurve
    """
    shares = _check.array("shares", shares, np.float64, (None,))
    for x in shares:
        _check.number("shares", float(x), at_least=1e-6, at_most=1)
    student = _begin(network, inputs)
    found = np.array([student.terms(x) for x in shares]).reshape(-1, 2)
    return FitCurve(shares, found[:, 0], found[:, 1])


def fit_ceilings(
    network: Network,
    inputs: Signals | ArrayLike,
    *,
    weight: float = 0.02,
    per: str = "layer",
    least: float = 0.05,
) -> Network:
    """Lower ceilings, so that rates are higher and a converted network answers sooner.

    The second stage of the rate norm layer, with a teacher that stays as it is. Weights do not
    change. There are so few numbers to find that they are looked for one by one (golden section on
    their logarithm), and not followed down a gradient. A ceiling of which no lower one is found to
    be better stays.

    Parameters
    ----------
    network : Network
        An ordinary one; where it has no ceilings, its largest activations are what is lowered.
    inputs : ConstantCurrent, Values or array (n_samples, n_in)
        Some hundred of the training samples.
    weight : float
        Of slowness against disagreement with the teacher.
    per : {"layer", "network"}
        Whether each layer has its own share of its ceiling, or all the same one (as in the paper).
    least : float
        The lowest share that is tried.

    Returns
    -------
    Network
        A copy with these ceilings.

    Raises
    ------
    TypeError, ValueError
        Arguments of the wrong kind or out of range; what is no ordinary network.
    """
    weight = _check.number("weight", weight, at_least=0)
    least = _check.number("least", least, at_least=1e-6, below=1)
    _check.one_of("per", per, ("layer", "network"))
    student = _begin(network, inputs)

    def price(shares):
        disagreement, slowness = student.terms(shares)
        return disagreement + weight * slowness

    shares = np.ones(len(student.ceilings))
    share, best = _lowest(lambda x: price(x * shares), least, 1.0, price(shares))
    shares[:] = share
    for k in range(len(shares)) if per == "layer" else ():

        def of_one(x, k=k):
            tried = shares.copy()
            tried[k] = x
            return price(tried)

        shares[k], best = _lowest(of_one, least, shares[k], best)
    return with_ceilings(network, (student.ceilings * shares).tolist())


def _lowest(price, least, share, known, n=10):
    """At which share from ``least`` to 1 a price is lowest, by golden section; share and price.

    On a logarithm, within 1 % of its range. It finds one of several valleys, not always the
    deepest: where it finds nothing below ``known``, the price of ``share``, that one stays.
    """
    low, high = np.log(least), 0.0
    a, b = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
    at_a, at_b = price(np.exp(a)), price(np.exp(b))
    for _ in range(n):
        if at_a < at_b:
            high, b, at_b = b, a, at_a
            a = high - GOLDEN * (high - low)
            at_a = price(np.exp(a))
        else:
            low, a, at_a = a, b, at_b
            b = low + GOLDEN * (high - low)
            at_b = price(np.exp(b))
    found = (share, known), (np.exp(b), at_b), (np.exp(a), at_a)
    return min(found, key=lambda one: one[1])
