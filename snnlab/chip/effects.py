"""Effects: every imperfection of the chip, its default with source, and the value that is off."""

from collections import namedtuple
from functools import partial
from math import inf

from snnlab import _check

N_NEURONS = 256  # signed neurons of the chip, and signed inputs of each (Cramer et al. 2022, code)

Effect = namedtuple("Effect", "default off what source")
PAPER, CODE = "Cramer et al. 2022", "Cramer et al. 2022, code"
DERIVED, EARLY = f"derived from the code of {PAPER}", f"a switch; 10 us in {PAPER}"
DELGRAD, ASSUMED = "DelGrad noise model, code", "assumed here"
# Potentials are in units in which a spike needs 1 and the membrane rests at 0. Times count in whole
# steps of the network. A run is one call of `Substrate.run`: a batch.
EFFECTS = {
    "tau_mem_spread": Effect(0.05, 0.0, "relative sd of the membranes' time constants", ASSUMED),
    "tau_syn_spread": Effect(0.05, 0.0, "relative sd of the synapses' time constants", ASSUMED),
    "threshold_spread": Effect(0.03, 0.0, "relative sd of the thresholds above rest", DELGRAD),
    "gain_spread": Effect(0.1, 0.0, "relative sd of the neurons' synaptic gain", ASSUMED),
    "synapse_spread": Effect(0.05, 0.0, "relative sd of single synapses", ASSUMED),
    "weight_bits": Effect(6, None, "bits of a weight beside its sign", PAPER),
    "weight_scale": Effect(240.0, 240.0, "levels per unit of hidden weight", CODE),
    "dynamic_scaling": Effect(True, False, "readout weights use the full range", PAPER),
    "membrane_range": Effect(
        (-1.14, 2.5), None, "potentials a membrane can have", "assumed here: the ADC's range"
    ),
    "adc_bits": Effect(8, None, "bits of a membrane's reading", CODE),
    "adc_range": Effect((-1.14, 2.5), (-1.14, 2.5), "potentials the ADC can tell apart", DERIVED),
    "sampling": Effect(1.7e-6, None, "seconds between two readings of a membrane", PAPER),
    "reset": Effect("zero", None, "a spike resets the membrane to rest", CODE),
    "refractory": Effect(2e-6, None, "seconds for which it is held there", CODE),
    "noise": Effect(0.02, 0.0, "sd of the noise on the membranes", ASSUMED),
    "trial_spread": Effect(0.015, 0.0, "relative sd of thresholds from run to run", DELGRAD),
    "drift": Effect(0.01, 0.0, "relative sd of the thresholds' slow drift", ASSUMED),
    "drift_period": Effect(10_000, 10_000, "runs in which it comes back", ASSUMED),
    "dead": Effect(0.0, 0.0, "share of dead neurons, or their numbers", "a switch"),
    "stuck": Effect(0.0, 0.0, "share of synapses stuck at a random level", "a switch"),
    "clamp": Effect(None, None, "seconds from the first input spike to a reset of all", EARLY),
}
SETTINGS = "weight_scale", "adc_range", "drift_period"  # of other effects: neither on nor off
SPREADS = "tau_mem_spread", "tau_syn_spread", "threshold_spread", "gain_spread"
LARGE = 1e15  # of all numbers, and 1 / LARGE where 0 is none: products stay finite in 32 bits
# The least that a neuron's parameters may be multiplied by. A threshold may end up below rest: such
# a neuron fires all the time.
FLOORS = dict.fromkeys(SPREADS, 0.1) | {"threshold_spread": -inf}
MAX_SCALE = 250.0  # levels per unit of readout weight, at most (Cramer et al. 2022, code)


def shown(name, value):
    """A value as the card prints it."""
    if value is None:
        return "none"
    if name.endswith("_range"):
        return " to ".join(f"{x:g}" for x in value)
    if isinstance(value, tuple):
        return f"{len(value)} neurons"
    return f"{value:g}" if isinstance(value, float) else str(value)


def detuned(sigma_d):
    """The three spreads that ``sigma_d`` stands for."""
    if sigma_d is None:
        return {}
    return dict.fromkeys(SPREADS[:3], _check.number("sigma_d", sigma_d, at_least=0, at_most=LARGE))


def check_effects(effects):
    """All effects' values, checked and as plain numbers; None only where it means off."""
    unknown = sorted(set(effects) - set(EFFECTS))
    if unknown:
        raise TypeError(f"{unknown[0]} is no effect; there are {', '.join(EFFECTS)}")
    return {
        name: None if value is None and EFFECTS[name].off is None else _CHECKS[name](name, value)
        for name, value in effects.items()
    }


def _range(name, value):
    """Lowest and highest potential, around rest."""
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise TypeError(f"{name} must be a pair (lowest, highest), not {value!r}")
    low, high = (_check.number(name, x, at_least=-LARGE, at_most=LARGE) for x in value)
    if not low <= -1 / LARGE < 1 / LARGE <= high:
        least = f"from below 0 to above it, by {1 / LARGE:g} at least"
        raise ValueError(f"{name} must reach {least}, got {low:g} to {high:g}")
    return low, high


def _neurons(name, value):
    """A share of neurons, or their numbers."""
    if not hasattr(value, "__len__"):
        return _check.number(name, value, at_least=0, at_most=1)
    numbers = sorted({_check.integer(name, k, at_least=0) for k in _check.sequence(name, value)})
    if numbers and numbers[-1] >= N_NEURONS:
        raise ValueError(f"{name} must hold numbers of neurons in 0 ... {N_NEURONS - 1}")
    return tuple(numbers)


_above_0 = partial(_check.number, above=0, at_least=1 / LARGE, at_most=LARGE)
_CHECKS = dict.fromkeys(EFFECTS, partial(_check.number, at_least=0, at_most=LARGE)) | {
    "weight_bits": partial(_check.integer, at_least=1, at_most=14),
    "weight_scale": _above_0,
    "dynamic_scaling": _check.flag,
    "membrane_range": _range,
    "adc_bits": partial(_check.integer, at_least=1, at_most=16),
    "adc_range": _range,
    "sampling": _above_0,
    "reset": partial(_check.one_of, allowed=("zero", "subtract")),
    "drift_period": partial(_check.integer, at_least=1, at_most=2**53),
    "dead": _neurons,
    "stuck": partial(_check.number, at_least=0, at_most=1),
    "clamp": _above_0,
}
