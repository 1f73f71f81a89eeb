"""Without time: traces of neurons, and images as rates, learned through time or from traces."""

from __future__ import annotations

import numpy as np

from snnlab import _check, encode
from snnlab.course.arguments import of_course
from snnlab.learning import membrane
from snnlab.learning.losses import SumOverTime
from snnlab.learning.optim import Adam
from snnlab.neurons import LIF

DT, TAU = 1e-6, 20e-6  # seconds: a step, and a membrane
N_STEPS = 50
N_INPUTS, MANY = 40, 60  # of the neurons that hear the same


def neuron(**changes):
    """A LIF without a synaptic filter, whose spikes subtract the threshold."""
    given = {"tau_mem": TAU, "tau_syn": None, "dt": DT, "surrogate": "arctan", "steepness": 2.0}
    return LIF(**given | changes)


def low_pass(x, keep):
    """``y[t] = keep y[t - 1] + x[t]``: what is left of each input, (sample, time, unit)."""
    y = np.array(x, float)
    for t in range(1, y.shape[1]):
        y[:, t] += keep * y[:, t - 1]
    return y


def many_neurons(rate, n_steps, seed=0):
    """Inputs that spike at random, and weights of neurons that hear them all.

    Parameters
    ----------
    rate : float
        Spikes per input and step.
    n_steps : int
    seed : int

    Returns
    -------
    array (1, n_steps, N_INPUTS), array (N_INPUTS, MANY)
        The sum of a neuron's weights grows from neuron to neuron, from below 0 on.
    """
    rate = _check.number("rate", rate, at_least=0, at_most=1)
    n_steps = _check.integer("n_steps", n_steps, 1, _check.MOST_STEPS)
    rng = np.random.default_rng(_check.integer("seed", seed, at_least=0))
    weights = rng.normal(np.linspace(-0.03, 0.08, MANY), 0.1, (N_INPUTS, MANY))
    x = rng.random((n_steps, N_INPUTS)) < rate
    return x[None].astype(float), weights


# images as rates ----------------------------------------------------------------------------------

PROBABILITY = 0.1  # of a spike per step, of the brightest pixel
THRESHOLD, INHIBITION = 2.0, 0.0  # as `snnlab.learning.membrane.competing` takes them
HIDDEN, LR, BATCH = 100, 2e-3, 50
LOSS = SumOverTime(0.3)
WAYS = "through time", "without time"


def as_rates(x, seed=0):
    """Spikes of images whose pixels are rates, drawn once."""
    return encode.rate(x, n_steps=N_STEPS, rng=seed, probability=PROBABILITY)


@of_course
def network(data, *, hidden=HIDDEN, threshold=THRESHOLD, inhibition=INHIBITION, seed=0):
    """A network of one hidden layer for images, which begins as that of Lee et al. does.

    Parameters
    ----------
    data : Dataset
        Such as MNIST.
    hidden : int
    threshold, inhibition
        As for `snnlab.learning.membrane.competing`.
    seed : int
        Of the weights.

    Returns
    -------
    Network
    """
    sizes = data.x_train.shape[1], hidden, data.n_classes
    how = {"threshold": threshold, "inhibition": inhibition}
    return membrane.competing(sizes, neuron(learn="v_th"), n_steps=N_STEPS, rng=seed, **how)


def rule(way, normalise=True):
    """What `snnlab.train` takes as ``backward``, for one of `WAYS`."""
    without = _check.one_of("way", way, WAYS) == WAYS[1]
    return membrane.MembraneSignal(normalise=normalise) if without else None


def optimizer(lr=LR):
    """Adam, by which thresholds change ten times slower than weights."""
    return Adam(lr, rates={"v_th": 0.1})
