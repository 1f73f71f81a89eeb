"""Faults: what a seed makes of a chip's neurons and synapses, for its life."""

import numpy as np

from snnlab.chip.effects import FLOORS, N_NEURONS, SPREADS
from snnlab.kernels.chip import FREE


class Faults:
    """All that stays the same, each kind from a stream of its own.

    So switching or scaling one kind leaves the others as they are.

    Parameters
    ----------
    seed : int
    effects : dict
        Values of all of `snnlab.chip.effects.EFFECTS`.
    weight_limit : int
        Largest level of a weight; 0 without levels.

    Attributes
    ----------
    factors : dict of array (256,)
        Per kind of spread, what each neuron's parameter is multiplied by.
    efficacy : array of float32 (256, 256)
        What each synapse's weight is multiplied by.
    dead : array of bool (256,)
    stuck : array of int16 (256, 256)
        Levels of the synapses that are stuck; `snnlab.kernels.chip.FREE` elsewhere.
    phase : array (256,)
        Of the thresholds' slow drift, in radians.
    """

    def __init__(self, seed, effects, weight_limit):
        def stream(kind):
            return np.random.default_rng([seed, kind])

        square = N_NEURONS, N_NEURONS
        self.factors = {}
        for kind, name in enumerate(SPREADS):
            factor = 1 + effects[name] * stream(kind).standard_normal(N_NEURONS)
            self.factors[name] = np.maximum(factor, FLOORS[name])
        efficacy = 1 + effects["synapse_spread"] * stream(10).standard_normal(square)
        self.efficacy = np.maximum(efficacy, 0).astype(np.float32)
        some = effects["dead"]
        if isinstance(some, float):
            some = stream(11).permutation(N_NEURONS)[: round(some * N_NEURONS)]
        self.dead = np.zeros(N_NEURONS, bool)
        self.dead[list(some)] = True
        rng = stream(12)
        # drawn in 6 bits and then scaled, so that the same synapses are stuck whatever their bits
        levels = np.rint(rng.integers(-63, 64, square) * ((weight_limit or 63) / 63))
        broken = rng.random(square) < effects["stuck"]
        self.stuck = np.where(broken, levels, FREE).astype(np.int16)
        self.phase = stream(13).uniform(0, 2 * np.pi, N_NEURONS)
