"""`convert`: a network of ReLU units becomes one of neurons that spike, with its weights."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab.conversion.ceilings import (
    ceilings_of,
    check_ann,
    check_samples,
    largest_activations,
)
from snnlab.conversion.perceptron import from_perceptron
from snnlab.layers.delayed import Delayed
from snnlab.layers.known import check_known
from snnlab.neurons import LIF

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike

    from snnlab._types import Signals
    from snnlab.network import Network

METHODS = "max", "percentile", "ceiling"
NO_LEAK = 1e30  # seconds: a share of dt / tau_mem less in a step is none, in any precision


def integrate_and_fire(**changes: Any) -> LIF:
    """A neuron that forgets nothing: no leak, no filter, and a spike subtracts a threshold of 1.

    ``v[t] = v[t - 1] + x[t] - z[t - 1]``, to the last bit. Under a constant input its spikes per
    step are the input, between none and one in each. A step is called 1 ms. Networks of such
    neurons need a ``spread``.

    Parameters
    ----------
    **changes
        Other parameters of `LIF`.

    Returns
    -------
    LIF
    """
    return LIF(**{"tau_mem": NO_LEAK, "tau_syn": None, "dt": 1e-3} | changes)


def convert(
    network: Network,
    inputs: Signals | ArrayLike | None = None,
    *,
    method: str = "max",
    n_steps: int = 64,
    start: float = 0.5,
    percentile: float = 99.9,
    neuron: LIF | None = None,
) -> Network:
    """A network of neurons that spike, from one of ReLU units, with its weights.

    In place of each layer of ReLU units are neurons that integrate without a leak; what a spike
    stands for, the layer's threshold, goes into the weights of the layer above. Norms, pools and
    the readout, which remembers nothing, stay. Under a constant input a neuron's spikes per step,
    times its threshold, approach its unit's activation. What counts is what the readout said in all
    steps together (``loss="sum_over_time"``).

    Parameters
    ----------
    network : Network
        An ordinary one: of one step, of layers that this package brings. Or a fitted
        ``MLPClassifier`` of scikit-learn (`from_perceptron`).
    inputs : ConstantCurrent, Values or array (n_samples, n_in), optional
        Some hundred of the training samples, on which activations are measured. With "ceiling" they
        may be left out.
    method : {"max", "percentile", "ceiling"}
        What a threshold is: the layer's largest activation (Diehl et al. 2015), a percentile of its
        activations (Rueckauer et al. 2017), or the ceiling with which it was trained or that was
        fitted: a rate norm layer's (Ding et al. 2021), a quantised one (Bu et al. 2022).
    n_steps : int
        Time steps of a sample; `Network.replace` changes them.
    start : float
        Potential with which neurons begin, as a share of the threshold. With 1/2 rates are rounded,
        not rounded down.
    percentile : float
        For that method.
    neuron : LIF, optional
        By default `integrate_and_fire`'s; threshold and start are set here.

    Returns
    -------
    Network

    Raises
    ------
    TypeError, ValueError
        Networks that cannot be converted, with the layer and the reason; arguments of the wrong
        kind or out of range; a neuron that leaks, or resets to rest.

    Warns
    -----
    RuntimeWarning
        If a threshold is so high that none of a layer's units would spike in any sample.
    """
    if hasattr(network, "hidden_layer_sizes"):
        network = from_perceptron(network)
    _check.one_of("method", method, METHODS)
    n_steps = _check.integer("n_steps", n_steps, 1, _check.MOST_STEPS)
    start = _check.number("start", start, at_least=0, below=1)
    percentile = _check.number("percentile", percentile, above=0, at_most=100)
    model = _checked_neuron(integrate_and_fire() if neuron is None else neuron)
    _check_convertible(check_ann("network", network))
    if inputs is not None:
        inputs = check_samples("inputs", inputs, network)
    elif method != "ceiling":
        raise ValueError(f'inputs must be given with method="{method}"')
    thresholds = _thresholds(network, inputs, method, percentile)
    if inputs is not None:
        _warn_of_silence(network, inputs, thresholds, n_steps, start)
    left, models = iter(thresholds), []
    for stage in network.stages:
        if stage.rates:
            v_th = next(left)
            gain = stage.model.gain
            v_init = start * v_th
            _check.real("start", v_init, np.float32)
            models.append(model.replace(v_th=v_th, v_init=v_init, gain=gain, delay=0))
        elif stage.neuron is not None:
            memoryless = {"tau_mem": model.dt, "tau_syn": None, "dt": model.dt, "method": "euler"}
            models.append(stage.model.replace(**memoryless, learn=()))
    out = network.replace(neurons=models, n_steps=n_steps)
    _scale_by_spikes(out, iter(thresholds))
    return out


def _checked_neuron(neuron):
    """A neuron that is an integrator without a leak, which says by its rate what it hears."""
    if not isinstance(neuron, LIF):
        raise TypeError(f"neuron must be a LIF, not {neuron!r}")
    if neuron.adapts:
        raise ValueError("neuron must not be an AdaptiveLIF: what tires does not say what it hears")
    if neuron.per_unit:
        raise ValueError(f"neuron must be the same for all units: {', '.join(neuron.per_unit)}")
    for name, good, why in (
        ("tau_mem", neuron.decay_mem == 1, "what leaks is missing in the rate"),
        ("tau_syn", neuron.tau_syn is None, "a current that lasts comes after the last step, too"),
        ("reset", neuron.reset == "subtract", "what is above the threshold would be lost"),
        ("refractory", neuron.refractory == 0, "the highest rate would be below a spike per step"),
        ("learn", not neuron.learn, "thresholds are what is found here"),
        ("gain", neuron.gain == 1, "how much is heard follows from the network"),
        ("delay", neuron.delay == 0, "what comes after the last step is missing in the rate"),
    ):
        if not good:
            raise ValueError(
                f"neuron must be as integrate_and_fire() makes it, but {name} is "
                f"{getattr(neuron, name)!r}: {why}"
            )
    return neuron


def _check_convertible(network):
    """Refuse networks that have no twin that spikes, by the layer and the reason."""
    check_known(network, "conversion")
    last = network.neuron_stages[-1]
    for stage in network.stages:
        neuron, layer, why = stage.neuron, stage.layer, None
        if stage.shortcut is not None:
            why = "a shortcut adds spikes as they are, and not what they stand for"
        elif neuron is None:
            continue
        elif isinstance(layer, Delayed):
            why = "in the only step it hears its inputs in part, later on in full"
        elif neuron.delay:
            why = "its units hear nothing in the only step, because of their delay"
        elif not stage.rates and stage is not last:
            why = "it has no ReLU, and a rate is never negative"
        elif stage.rates and stage is last:
            why = "nothing reads it out: the last layer must be a readout, a LeakyIntegrator"
        elif layer.normalises and layer.norm.is_new(
            {name: block.of(network.parameters) for name, block in stage.blocks.items()}
        ):
            why = "its norm has no running statistics yet; train it first"
        if why is not None:
            raise ValueError(f"network cannot be converted for {stage.name}: {why}")


def _thresholds(network, inputs, method, percentile):
    """One per layer of ReLU units."""
    if method == "ceiling":
        found = ceilings_of(network)
        for top, stage in zip(found, (s for s in network.stages if s.rates), strict=True):
            if top is None:
                raise ValueError(
                    f'network cannot be converted with method="ceiling" for {stage.name}: it has '
                    "none; train one, or measure activations with another method"
                )
        return found
    found = largest_activations(network, inputs, 100 if method == "max" else percentile)
    ceilings = ceilings_of(network)  # beyond which there is nothing to say
    return [min(x, np.inf if top is None else top) for x, top in zip(found, ceilings, strict=True)]


def _warn_of_silence(network, inputs, thresholds, n_steps, start):
    """Say so where no unit would spike."""
    try:
        largest = largest_activations(network, inputs)
    except ValueError:
        return  # the network itself is silent there, and whoever looks will see
    for stage, top, v_th in zip(
        (s for s in network.stages if s.rates), largest, thresholds, strict=True
    ):
        if n_steps * top + start * v_th <= v_th:
            warnings.warn(
                f"{stage.name} will not spike in {n_steps} steps: its threshold is {v_th:.3g}, its "
                f"largest activation {top:.3g}",
                RuntimeWarning,
                stacklevel=3,
            )


def _scale_by_spikes(network, thresholds):
    """What a spike stands for goes into the weights of the layer that hears it, in place."""
    stands_for = 1.0
    for stage in network.stages:
        if stage.neuron is None:
            continue
        stage.blocks["weights"].of(network.parameters)[...] *= network.dtype.type(stands_for)
        if stage.fires:
            stands_for = next(thresholds)
