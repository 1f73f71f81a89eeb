"""Calibration of a chip: measure each neuron, then set its parameters nearer to their targets.

Only what a user of the real chip could do is done: currents are injected, spikes are sent,
membranes are read by the ADC, spikes are counted; parameters move in the steps of a 10-bit
converter. What is left are noise, the converters' steps and the synapses' own differences.
"""

from dataclasses import dataclass

import numpy as np

from snnlab import _check
from snnlab.network import Network
from snnlab.neurons import LIF, LeakyIntegrator
from snnlab.spikes import SpikeTrains
from snnlab.substrate import N_NEURONS, SPREADS

STEPS_PER_TARGET = 512  # of a 10-bit parameter whose target lies at mid-range
PULSE = 1.5  # height of injected pulses, in units of the threshold: well within the ADC's range


@dataclass(frozen=True)
class Calibration:
    """What a calibration measured and what it reached.

    Attributes
    ----------
    measured : dict of array (256,)
        Per kind of spread, each neuron's parameter relative to its target, as measured before.
    before, after : dict of float
        True relative spread (standard deviation over living neurons), which only a virtual chip
        can tell.
    """

    measured: dict
    before: dict
    after: dict

    def __str__(self):
        lines = [f"{'spread':<18}{'measured':>9}{'before':>9}{'after':>9}"]
        for name in self.measured:
            lines.append(
                f"{name:<18}{np.std(self.measured[name]):>9.1%}{self.before[name]:>9.1%}"
                f"{self.after[name]:>9.1%}"
            )
        return "\n".join(lines)


def calibrate(chip, *, tau_mem=6e-6, tau_syn=6e-6, dt=1.7e-6, trials=100, rounds=12):
    """Measure and correct time constants, synaptic gain and threshold of every neuron.

    Parameters
    ----------
    chip : Substrate
        Left as it is, but older by the runs that were made.
    tau_mem, tau_syn : float
        Targets in seconds.
    dt : float
        Step in seconds; the ADC's sampling is the substrate's.
    trials : int
        Samples to average over.
    rounds : int
        Halvings of the interval in which the threshold is looked for.

    Returns
    -------
    chip : Substrate
        The same chip, calibrated.
    report : Calibration
    """
    trials = _check.integer("trials", trials, at_least=1)
    rounds = _check.integer("rounds", rounds, at_least=1)
    plain = chip.replace(dynamic_scaling=False)
    plain.age = chip.age
    b = _membrane_decay(plain, tau_mem, dt, trials)
    a, gain = _synapse(plain, tau_mem, tau_syn, dt, b, trials)
    measured = {
        "tau_mem_spread": -dt / np.log(b) / tau_mem,
        "tau_syn_spread": -dt / np.log(a) / tau_syn,
        "threshold_spread": _threshold(plain, tau_mem, dt, trials, rounds),
        "gain_spread": gain,
    }
    chip.age = plain.age
    better = chip.replace()
    better.age = chip.age
    for name in SPREADS:
        correction = np.rint((1 - measured[name]) * STEPS_PER_TARGET) / STEPS_PER_TARGET
        better.factors[name] = chip.factors[name] + correction
    better.calibrated = True
    alive = ~chip.dead

    def spread(of):
        return {name: float(np.std(of.factors[name][alive])) for name in SPREADS}

    return better, Calibration(measured, spread(chip), spread(better))


def _response(chip, model, weights, trials, n_steps):
    """Membranes, averaged over trials, after one spike of each input in step 0: (time, neuron)."""
    network = Network((len(weights), N_NEURONS), model, n_steps=n_steps, rng=0, spread=0)
    network.weights[0][...] = weights
    n = len(weights)
    indptr = np.arange(trials + 1) * n
    unit = np.tile(np.arange(n), trials)
    inputs = SpikeTrains(indptr, np.zeros_like(unit), unit, n_steps, n)
    return chip.measure(network, inputs, keep=False).readout.mean(axis=0).astype(float)


def _membrane_decay(chip, tau_mem, dt, trials):
    """Decay per step of each membrane, from its fall after an injected pulse."""
    model = LeakyIntegrator(tau_mem=tau_mem, tau_syn=None, dt=dt)
    n_steps = max(4, round(2 * tau_mem / dt))
    v = _response(chip, model, np.full((1, N_NEURONS), PULSE), trials, n_steps)
    # least squares of ln v against time; the noise of ln v is 1 / v
    weight = np.clip(v, 1e-3, None) ** 2
    t = np.arange(n_steps)[:, None]
    y = np.log(np.clip(v, 1e-3, None))
    t_mean, y_mean = ((weight * x).sum(0) / weight.sum(0) for x in (t, y))
    slope = (weight * (t - t_mean) * (y - y_mean)).sum(0) / (weight * (t - t_mean) ** 2).sum(0)
    return np.exp(np.clip(slope, -5, -1e-3))


def _synapse(chip, tau_mem, tau_syn, dt, b, trials):
    """Decay per step of each neuron's synaptic current, and its gain, from its response to spikes.

    Gauss-Newton on ``v[t] = gain w sum_k b^(t-k) a^k``; many inputs average their differences.
    """
    model = LeakyIntegrator(tau_mem=tau_mem, tau_syn=tau_syn, dt=dt)
    n_inputs, n_steps = 64, max(6, round(6 * max(tau_mem, tau_syn) / dt))
    limit = chip.weight_limit
    w = (round(5 * limit / 63) or 1) / chip.effects["weight_scale"] if limit else 5 / 240
    v = _response(chip, model, np.full((n_inputs, N_NEURONS), w), trials, n_steps)
    a, gain = np.full(N_NEURONS, np.exp(-dt / tau_syn)), np.ones(N_NEURONS)

    def psp(a):
        current, out, v = np.ones(N_NEURONS), [], np.zeros(N_NEURONS)
        for _ in range(n_steps):
            v = b * v + current
            out.append(v)
            current = a * current
        return w * n_inputs * np.array(out)

    for _ in range(12):
        shape = psp(a)
        by_a = gain * (psp(a + 1e-5) - shape) / 1e-5
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
        fired = chip.measure(network, inputs, keep=False).readout[:, 0].mean(axis=0) > 0.5
        high, low = np.where(fired, middle, high), np.where(fired, low, middle)
    return (low + high) / 2
