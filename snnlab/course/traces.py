"""Without time: traces of neurons, and images as rates, learned through time or from traces."""

from __future__ import annotations

import numpy as np

from snnlab import _check
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
