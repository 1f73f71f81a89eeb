"""Layers of units that give rates: potentials become activations, and errors come back."""

from functools import partial

import numpy as np

from snnlab.kernels import rates
from snnlab.layers.constants import LEARNED


def rectified(run, k, integrate):
    """What runs layer k's units: ``integrate`` does for those that give their potentials."""
    stage, record = run.stages[k], run.trace.records[k]
    if not stage.rates:
        return integrate
    ceiling, levels = run.conditions[k].constants[3], stage.neuron.levels or 0
    return partial(_forward, integrate, record.values, record.before, ceiling, levels)


def rectified_back(run, k, integrate):
    """What runs them backwards."""
    return partial(_backward, run, k, integrate) if run.stages[k].rates else integrate


def _forward(integrate, v, before, ceiling, levels, lo, hi):
    """Some samples: potentials, then activations in their place."""
    integrate(lo, hi)
    rates.activate(v, before, ceiling, levels, lo, hi)


def _backward(run, k, integrate, first, last):
    """Some chunks; and gradients by ceilings."""
    stage, before = run.stages[k], run.trace.records[k].before
    learned, levels = run.g_constants[k], stage.neuron.levels or 0
    none = np.empty(0, run.dtype)
    for c in range(first, last):
        by_ceiling = none
        if stage.learned:
            learned[c] = 0
            by_ceiling = learned[c, LEARNED["v_th"]]
        given = run.errors[k], before, run.constants[k][3], levels, by_ceiling
        rates.activate_back(*given, run.edges[c], run.edges[c + 1])
    integrate(first, last)
