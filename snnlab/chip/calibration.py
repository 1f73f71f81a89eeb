"""Calibration of a chip: measure each neuron, then set its parameters nearer to their targets.

Only what a user of the real chip could do is done: currents are injected, spikes are sent,
membranes are read by the ADC, spikes are counted; parameters move in the steps of a 10-bit
converter. What is left are noise, the converters' steps, thresholds that vary from run to run, and
the synapses' own differences.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from snnlab import _check
from snnlab.chip.effects import FLOORS, N_NEURONS, SPREADS
from snnlab.chip.substrate import Substrate
from snnlab.network import Network
from snnlab.neurons import LIF, LeakyIntegrator
from snnlab.signals import SpikeTrains

STEPS_PER_TARGET = 512  # of a 10-bit parameter whose target lies at mid-range
# Heights to which pulses and spikes lift a membrane, in thresholds: slower and stronger neurons
# still fit the ADC's range (to 2.5).
PULSE, PEAK = 1.5, 1.4
SHORTEST, LONGEST = 0.25, 1000.0  # targets in steps: quicker or slower decays are not to be seen
WORSE = 2.0, 0.1  # root mean square deviations: by how much more, and from where on, it is told


@dataclass(frozen=True)
class Calibration:
    """What a calibration measured and what it reached.

    Attributes
    ----------
    measured : dict of array (256,)
        Per kind of spread, each neuron's parameter relative to its target, as measured before;
        NaN where a neuron does not respond.
    before, after : dict of float
        True relative spread (standard deviation over living neurons), which only a virtual chip
        can tell.
    """

    measured: dict
    before: dict
    after: dict

    def __str__(self):
        lines = [f"{'spread':<18}{'measured':>9}{'before':>9}{'after':>9}"]
        for name, values in self.measured.items():
            shares = np.nanstd(values), self.before[name], self.after[name]
            lines.append(f"{name:<18}" + "".join(f"{share:>9.1%}" for share in shares))
        return "\n".join(lines)


def calibrate(
    chip: Substrate,
    *,
    tau_mem: float = 6e-6,
    tau_syn: float = 6e-6,
    dt: float = 1.7e-6,
    trials: int = 100,
    rounds: int = 12,
) -> tuple[Substrate, Calibration]:
    """Measure and correct time constants, synaptic gain and threshold of every neuron.

    Parameters
    ----------
    chip : Substrate
        Left as it is, but older by the runs that were made.
    tau_mem, tau_syn : float
        Targets in seconds.
    dt : float
        Step in seconds, each read by the ADC: not shorter than the chip's ``sampling``.
    trials : int
        Samples to average over.
    rounds : int
        Halvings of the interval in which the threshold is looked for.

    Returns
    -------
    chip : Substrate
        The same chip, calibrated. Neurons that do not respond stay as they are; those that were
        far off may be nearer after another calibration.
    report : Calibration

    Raises
    ------
    TypeError, ValueError
        Bad arguments, or a chip of which no neuron responds; the message names the argument.

    Warns
    -----
    RuntimeWarning
        If neurons are farther from their targets than before: pulses go beyond the chip's ranges,
        its levels are too coarse or too fine, synapses are stuck, or noise hides all.
    """
    if not isinstance(chip, Substrate):
        raise TypeError(f"chip must be a Substrate, not {type(chip).__name__}")
    trials = _check.integer("trials", trials, 1, 100_000)
    rounds = _check.integer("rounds", rounds, 1, 60)
    dt = _check.number("dt", dt, above=0)
    for name, tau in (("tau_mem", tau_mem), ("tau_syn", tau_syn)):
        if _check.number(name, tau, above=0) > LONGEST * dt:
            raise ValueError(f"{name} must be at most 1000 dt: its decay is too slow to be seen")
        if tau < SHORTEST * dt:
            raise ValueError(f"{name} must be at least dt / 4: nothing is left after a step")
    if (chip.effects["sampling"] or 0) / dt > 1.5:
        raise ValueError(f"dt must not be below the chip's sampling, got {dt:g}")
    plain = chip.replace(dynamic_scaling=False, clamp=None)
    plain.age = chip.age
    measured = _measure(plain, tau_mem, tau_syn, dt, trials, rounds)
    chip.age = plain.age
    better = chip.replace()
    better.age, better.calibrated = chip.age, True
    new = {}
    for name in SPREADS:  # move each parameter, in its converter's steps, by what it is off
        steps = np.rint((1 - np.nan_to_num(measured[name], nan=1)) * STEPS_PER_TARGET)
        new[name] = np.maximum(chip.factors[name] + steps / STEPS_PER_TARGET, FLOORS[name])
    better.factors = new
    alive = ~chip.dead
    _tell_of_worse(chip, better, alive)

    def spread(of):
        return {name: float(np.std(of.factors[name][alive])) for name in SPREADS}

    return better, Calibration(measured, spread(chip), spread(better))


def _tell_of_worse(chip, better, alive):
    """Say so where neurons are farther from their targets than they were."""

    def off(of, name):
        return float(np.sqrt(np.mean((of.factors[name][alive] - 1) ** 2)))

    times, least = WORSE
    worse = [x for x in SPREADS if off(better, x) > max(times * off(chip, x), least)]
    if worse:
        said = ", ".join(f"{x} {off(chip, x):.0%} to {off(better, x):.0%}" for x in worse)
        warnings.warn(
            f"calibration has made it worse (root mean square deviations: {said}): see to the "
            "chip's ranges, weight_scale, noise and stuck synapses, or to more trials and rounds",
            RuntimeWarning,
            stacklevel=3,
        )


def _measure(chip, tau_mem, tau_syn, dt, trials, rounds):
    """Each neuron's parameters relative to their targets; NaN where it does not respond."""
    b, responds = _membrane_decay(chip, tau_mem, dt, trials)
    if not responds.any():
        raise ValueError("chip has no neuron that responds")
    a, gain = _synapse(chip, tau_mem, tau_syn, dt, b, trials)
    measured = {
        "tau_mem_spread": -dt / np.log(b) / tau_mem,
        "tau_syn_spread": -dt / np.log(a) / tau_syn,
        "threshold_spread": _threshold(chip, tau_mem, dt, trials, rounds),
        "gain_spread": gain,
    }
    return {name: np.where(responds, x, np.nan) for name, x in measured.items()}


def _response(chip, model, weights, trials, n_steps):
    """Membranes, averaged over trials, after one spike of each input in step 0: (time, neuron)."""
    network = Network((len(weights), N_NEURONS), model, n_steps=n_steps, rng=0, spread=0)
    network.weights[0][...] = weights
    n = len(weights)
    indptr = np.arange(trials + 1) * n
    unit = np.tile(np.arange(n), trials)
    inputs = SpikeTrains(indptr, np.zeros_like(unit), unit, n_steps, n)
    return network.forward(inputs, on=chip, potentials=False).readout.mean(axis=0).astype(float)


def _membrane_decay(chip, tau_mem, dt, trials):
    """Decay per step of each membrane after an injected pulse; whether it responded at all."""
    model = LeakyIntegrator(tau_mem=tau_mem, tau_syn=None, dt=dt)
    n_steps = max(4, round(2 * tau_mem / dt))
    v = _response(chip, model, np.full((1, N_NEURONS), PULSE), trials, n_steps)
    responds = v[0] > PULSE / 2
    # least squares of ln v against time; the noise of ln v is 1 / v
    v = np.clip(v, 1e-3, None)
    weight, t, y = v**2, np.arange(n_steps)[:, None], np.log(v)
    t_mean, y_mean = ((weight * x).sum(0) / weight.sum(0) for x in (t, y))
    slope = (weight * (t - t_mean) * (y - y_mean)).sum(0) / (weight * (t - t_mean) ** 2).sum(0)
    return np.exp(np.clip(slope, -5, -1e-3)), responds


def _psp(a, b, n_steps):
    """Membranes (time, neuron) after a current of 1 in step 0; it decays by a, they by b."""
    current, v, out = np.ones_like(b), np.zeros_like(b), []
    for _ in range(n_steps):
        v = b * v + current
        current = a * current
        out.append(v)
    return np.array(out)


def _synapse(chip, tau_mem, tau_syn, dt, b, trials):
    """Decay per step of each neuron's synaptic current, and its gain, from its response to spikes.

    Gauss-Newton on ``v[t] = gain w sum_k b^(t-k) a^k``; many inputs average their differences.
    """
    model = LeakyIntegrator(tau_mem=tau_mem, tau_syn=tau_syn, dt=dt)
    n_steps = max(6, round(6 * max(tau_mem, tau_syn) / dt))
    a, gain = np.full(N_NEURONS, model.decay_syn), np.ones(N_NEURONS)
    w = 1 / chip.effects["weight_scale"]  # one level, of as many synapses as it takes
    n_inputs = round(PEAK / _psp(a, np.full(N_NEURONS, model.decay_mem), n_steps).max() / w)
    n_inputs = min(max(n_inputs, 1), N_NEURONS)
    v = _response(chip, model, np.full((n_inputs, N_NEURONS), w), trials, n_steps)
    v /= w * n_inputs
    for _ in range(12):
        shape = _psp(a, b, n_steps)
        by_a = gain * (_psp(a + 1e-5, b, n_steps) - shape) / 1e-5
        error = v - gain * shape
        aa, ag, gg = (by_a * by_a).sum(0), (by_a * shape).sum(0), (shape * shape).sum(0)
        ea, eg = (by_a * error).sum(0), (shape * error).sum(0)
        det = np.maximum(aa * gg - ag**2, 1e-12)
        a = np.clip(a + np.clip((gg * ea - ag * eg) / det, -0.1, 0.1), 0.01, 0.999)
        gain = gain + (aa * eg - ag * ea) / det
    return a, gain


def _threshold(chip, tau_mem, dt, trials, rounds):
    """Height of an injected pulse at which each neuron fires in half of the trials."""
    model = LIF(tau_mem=tau_mem, tau_syn=None, dt=dt)
    network = Network((1, N_NEURONS), [], n_steps=1, rng=0, spread=0, readout=model)
    inputs = SpikeTrains(np.arange(trials + 1), np.zeros(trials, int), np.zeros(trials, int), 1, 1)
    low, high = np.full(N_NEURONS, -1.0), np.full(N_NEURONS, 2.4)
    for _ in range(rounds):
        middle = (low + high) / 2
        network.weights[0][...] = middle
        fired = network.forward(inputs, on=chip, potentials=False).readout[:, 0].mean(axis=0) > 0.5
        high, low = np.where(fired, middle, high), np.where(fired, low, middle)
    return (low + high) / 2
