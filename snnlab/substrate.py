"""The analog substrate: a virtual BrainScaleS-2, measured instead of an ideal simulation.

A `Substrate` runs a network as the chip would: weights are rounded to levels, every neuron and
synapse is a little different, membranes are noisy and bounded, an ADC reads them. What comes back
is a `Trace` like any other, so `Network.backward` reads it unchanged: it goes on assuming ideal,
equal neurons, and corrects for what it has seen (Cramer et al. 2022: training in the loop).

`EFFECTS` names every imperfection, its default with source, and the value that switches it off.
With all of them off, results are those of the ideal network, bit for bit.
"""

from collections import namedtuple
from functools import partial

import numpy as np

from snnlab import _check
from snnlab.kernels import chip as kernels
from snnlab.kernels import lif
from snnlab.kernels.noise import SPREAD
from snnlab.network import Network, Physics, _aligned, _check_kept, _Layer
from snnlab.spikes import SpikeTrains

N_NEURONS = 256  # signed neurons of the chip, and signed inputs of each (Cramer et al. 2022, code)

Effect = namedtuple("Effect", "default off what source")
PAPER, CODE = "Cramer et al. 2022", "Cramer et al. 2022, code"
DERIVED, EARLY = f"derived from the code of {PAPER}", f"a switch; 10 us in {PAPER}"
DELGRAD, ASSUMED = "DelGrad noise model, code", "assumed here"
# Potentials are in units in which a spike needs 1 and the membrane rests at 0. Times count in whole
# steps of the network. A run is one call of `Substrate.measure`: a batch.
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
MIN_FACTOR = 0.1  # no time constant or gain is smaller than this share of what it should be
MAX_SCALE = 250.0  # levels per unit of readout weight, at most (Cramer et al. 2022, code)

SECONDS_PER_IMAGE = 11.8e-6  # inference, with early reset (Cramer et al. 2022)
SECONDS_PER_TRAINING_IMAGE = 200e-6  # spacing that lets membranes decay (their code)
WATTS = 0.2  # the whole chip, without FPGA and host (Cramer et al. 2022)

Cost = namedtuple("Cost", "seconds joules runs")
Cost.__doc__ = "Time and energy on the real chip, and how often it must run per sample."

# A layer on the chip: with neurons as they are there; their numbers; efficacies and stuck levels of
# its synapses, padded as weights are, or None; noise per unit and step.
_Place = namedtuple("_Place", "layer columns efficacy stuck noise")


class Substrate:
    """A virtual chip: 256 neurons of 256 signed inputs, frozen in its faults by a seed.

    Parameters
    ----------
    seed : int
        Which chip. Faults are drawn from it, each kind on its own, so that switching or scaling
        one leaves the others as they are.
    sigma_d : float, optional
        One relative spread for both time constants and the threshold (Cramer et al. 2022,
        decalibration), instead of the three defaults.
    partition : bool
        Run networks that are larger than the chip in parts, one after the other on the same
        neurons, instead of refusing them. A layer may have more than 256 inputs without that if no
        neuron has more that are not 0; input k then takes line ``k % 256``. (On the real chip a
        neuron tells inputs of one line apart by their addresses; that a sparse network can be
        routed so is assumed here.)
    **effects
        Values of `EFFECTS`; by default all imperfections are on.

    Attributes
    ----------
    effects : dict
        The value of every effect. To be read; `replace` changes them.
    factors : dict of array (256,)
        Per kind of spread, what each neuron's parameter is multiplied by. To be read as well.
    dead : array of bool (256,)
    age : int
        Runs so far, one per `measure`; noise, variation from run to run and drift follow it.
    calibrated : bool
        Whether `snnlab.calibration` has corrected its factors.

    Raises
    ------
    TypeError, ValueError
        Unknown effects, values out of range; the message names the argument.

    Examples
    --------
    >>> chip = Substrate(0)
    >>> quiet = Substrate.ideal(0, noise=0.05)  # nothing but noise
    """

    def __init__(self, seed, *, sigma_d=None, partition=False, **effects):
        self.seed = _check.integer("seed", seed, at_least=0)
        default = {name: effect.default for name, effect in EFFECTS.items()}
        self.effects = _checked(default | _detuned(sigma_d) | effects)
        self.partition, self.age, self.calibrated = bool(partition), 0, False
        self._placed = None, None  # the last network's key and places
        self._draw_faults()

    @classmethod
    def ideal(cls, seed=0, *, sigma_d=None, partition=False, **effects):
        """A chip with every imperfection off but those named."""
        off = {name: effect.off for name, effect in EFFECTS.items()}
        return cls(seed, partition=partition, **off | _detuned(sigma_d) | effects)

    def replace(self, *, sigma_d=None, partition=None, **effects):
        """The same chip (seed, calibration) with some effects changed; its age begins at 0."""
        partition = self.partition if partition is None else partition
        changed = self.effects | _detuned(sigma_d) | effects
        chip = Substrate(self.seed, partition=partition, **changed)
        chip.calibrated = self.calibrated
        for name in SPREADS:
            if chip.effects[name] == self.effects[name]:
                chip.factors[name] = self.factors[name].copy()
        return chip

    def _draw_faults(self):
        """All that stays the same for this chip's life, each kind from a stream of its own."""

        def stream(kind):
            return np.random.default_rng([self.seed, kind])

        e, square = self.effects, (N_NEURONS, N_NEURONS)
        self.factors = {}
        for kind, name in enumerate(SPREADS):
            factor = 1 + e[name] * stream(kind).standard_normal(N_NEURONS)
            # a threshold may end up below rest: such a neuron fires all the time
            floor = -np.inf if name == "threshold_spread" else MIN_FACTOR
            self.factors[name] = np.maximum(factor, floor)
        efficacy = 1 + e["synapse_spread"] * stream(10).standard_normal(square)
        self._efficacy = np.maximum(efficacy, 0).astype(np.float32)
        some = e["dead"]
        if isinstance(some, float):
            some = stream(11).permutation(N_NEURONS)[: round(some * N_NEURONS)]
        self.dead = np.zeros(N_NEURONS, bool)
        self.dead[list(some)] = True
        rng = stream(12)
        # drawn in 6 bits and then scaled, so that the same synapses are stuck whatever their bits
        levels = np.rint(rng.integers(-63, 64, square) * ((self.weight_limit or 63) / 63))
        broken = rng.random(square) < e["stuck"]
        self._stuck = np.where(broken, levels, kernels.FREE).astype(np.int16)
        self._phase = stream(13).uniform(0, 2 * np.pi, N_NEURONS)

    @property
    def weight_limit(self):
        """Largest level of a weight: 63 with 6 bits; 0 without levels."""
        bits = self.effects["weight_bits"]
        return 0 if bits is None else 2**bits - 1

    @property
    def weight_max(self):
        """Largest hidden weight that can be written; infinite without levels."""
        limit = self.weight_limit
        return limit / self.effects["weight_scale"] if limit else np.inf

    # running a network --------------------------------------------------------------------------

    def measure(self, network, inputs, *, keep=True, kept=None, out=None):
        """Run a batch on the chip and read it out.

        Noise and variation from run to run follow from the chip's seed and ``age``, which counts
        this run, the noise also from a sample's place in the batch: the same chip, used in the
        same way, measures the same, with any number of threads.

        Parameters
        ----------
        network : Network
            Its weights are written to the synapses; its time constants are what the neurons were
            meant to have. A layer with ``tau_syn=None`` has no synapses: its input is injected as
            a current, without levels, spread or gain.
        inputs : SpikeTrains or ConstantCurrent
        keep, kept, out
            As for `Network.forward`.

        Returns
        -------
        Trace
            Potentials as read by the ADC, and spikes.

        Raises
        ------
        ValueError
            If the network does not fit the chip.
        """
        if not isinstance(network, Network):
            raise TypeError(f"a chip runs a Network, not {type(network).__name__}")
        network._check_inputs(inputs)
        kept = _check_kept(kept, network.sizes[1:-1])
        places = self._place(network)
        layers = self._layers_now(places)
        weights, physics, converters = [], [], []
        for k, place in enumerate(places):
            scale = self._scale(network, k)
            unit = self.effects["weight_scale"] / scale  # potentials are told as if not scaled
            weights.append(self._written(network._padded[k], place, scale))
            physics.append(self._physics(k, place.noise, unit))
            converters.append(self._converter(network.dt, unit))

        def read(k, v, lo, hi):
            if converters[k] is not None:
                kernels.read_membranes(v, *converters[k], layers[k].fires, lo, hi)

        trace = network._propagate(inputs, keep, kept, out, weights, layers, physics, read)
        if self.effects["clamp"] is not None:
            _forget(trace, self.effects["clamp"] / network.dt)
        self.age += 1
        return trace

    def largest_weights(self, network):
        """Per layer the largest weight that can be written; infinite without a limit."""
        fixed = (_has_synapses(la) and not self._uses_full_range(la) for la in network._layers)
        return [self.weight_max if limited else np.inf for limited in fixed]

    def clip(self, network):
        """Hold weights within what can be written, in place (Cramer et al. 2022, code)."""
        clip_weights(network, self.largest_weights(network))

    # what can be seen of it ---------------------------------------------------------------------

    def effective_weights(self, network):
        """Weights as the chip's synapses have them: in levels, clipped, stuck, with their efficacy.

        Parameters
        ----------
        network : Network

        Returns
        -------
        list of array (n_in, n_out), one per layer
            0 where a weight is below half a level: there is no synapse on the chip.
        """
        out = []
        for k, place in enumerate(self._place(network)):
            w = self._written(network._padded[k], place, self._scale(network, k))
            out.append(np.array(w[:, : place.layer.n]))
        return out

    def columns(self, network):
        """Which neurons of the chip the units are, per layer but the inputs: arrays of int."""
        return [place.columns.copy() for place in self._place(network)]

    def badness(self):
        """How far each neuron is from what it should be, array (256,); infinite if it is dead.

        The root mean square of its relative deviations: of both time constants, the threshold, and
        the synaptic gain.
        """
        square = np.mean([(factor - 1) ** 2 for factor in self.factors.values()], axis=0)
        return np.where(self.dead, np.inf, np.sqrt(square))

    # the effects, one by one --------------------------------------------------------------------

    def _uses_full_range(self, layer):
        """Whether weights are scaled to the full range: where no threshold fixes their unit."""
        scaled = self.effects["dynamic_scaling"] and self.weight_limit > 0
        return scaled and _has_synapses(layer) and not layer.fires

    def _scale(self, network, k):
        """Levels per unit of weight."""
        if self._uses_full_range(network._layers[k]):
            largest = float(np.abs(network._padded[k]).max())
            if largest > 0:
                return min(self.weight_limit / largest, MAX_SCALE)
        return self.effects["weight_scale"]

    def _written(self, w, place, scale):
        """Effective weights, padded; the network's own where synapses are ideal."""
        if place.efficacy is None:
            return w
        out = _aligned(w.shape, w.dtype)
        kernels.write_weights(w, scale, self.weight_limit, place.efficacy, place.stuck, out)
        return out

    def _layers_now(self, places):
        """Layers with the thresholds they have in this run: they vary from run to run, and drift.

        Those of dead neurons stay, and so do they silent.
        """
        e, factor = self.effects, np.ones(N_NEURONS)
        if e["trial_spread"] > 0:
            rng = np.random.default_rng([self.seed, 14, self.age])
            factor += e["trial_spread"] * rng.standard_normal(N_NEURONS)
        if e["drift"] > 0:
            turn = 2 * np.pi * self.age / e["drift_period"]
            factor += e["drift"] * np.sqrt(2) * np.sin(turn + self._phase)
        factor[self.dead] = 1
        return [layer.with_thresholds(factor[columns]) for layer, columns, *_ in places]

    def _physics(self, k, noise, unit):
        """Noise and bounds of layer k's membranes; the kernels scramble the noise's key."""
        key = self.seed * 0x85EBCA6B + self.age * 0xC2B2AE35 + (2 * k + 1) * 0x9E3779B9
        low, high = self.effects["membrane_range"] or (-np.inf, np.inf)
        real = noise.dtype.type
        bounds = np.array([low * unit, high * unit], noise.dtype)
        return Physics(noise * real(unit), key % 2**32, bounds)

    def _converter(self, dt, unit):
        """The ADC: step, lowest and highest code, time steps per reading; None if it is ideal."""
        e = self.effects
        every = 1 if e["sampling"] is None else max(1, round(e["sampling"] / dt))
        if e["adc_bits"] is None:
            return (0.0, 0, 0, every) if every > 1 else None
        (low, high), last = e["adc_range"], 2 ** e["adc_bits"] - 1
        step = (high - low) / last
        lowest = round(low / step)  # so that a membrane at rest reads 0
        return step * unit, lowest, lowest + last, every

    def _as_they_are(self, layer, columns, dtype):
        """A layer whose neurons are those of the chip: mismatch, reset, refractory time, death."""
        e, model, changes = self.effects, layer.neuron, {}
        for tau in ("tau_mem", "tau_syn"):
            factor, target = self.factors[f"{tau}_spread"][columns], getattr(model, tau)
            if target is not None and np.any(factor != 1):
                shortest = model.dt if model.method == "euler" else 0
                changes[tau] = np.maximum(target * factor, shortest)
        if layer.fires:
            changes["reset"] = e["reset"] or model.reset
            changes["refractory"] = np.maximum(model.refractory, e["refractory"] or 0)
        out, dead = _Layer(model.replace(**changes), layer.n_in, layer.n, dtype), self.dead[columns]
        gain = self.factors["gain_spread"][columns] if _has_synapses(layer) else 1
        out.constants.gain[: layer.n] *= np.where(dead, 0, gain).astype(dtype)
        return out.with_thresholds(np.where(dead, 1, self.factors["threshold_spread"][columns]))

    def _noise(self, layer, columns, dtype):
        """Noise per unit and step, in the kernels' unit, so that a membrane's sd is ``noise``."""
        if self.effects["noise"] == 0:
            return np.empty(0, dtype)
        out = np.zeros(layer.width, dtype)
        b = layer.constants.decay_mem[: layer.n].astype(float)
        sd = self.effects["noise"] * np.sqrt(1 - b**2) / SPREAD
        out[: layer.n] = np.where(self.dead[columns], 0, sd)
        return out

    def _synapses(self, layer, columns, dtype):
        """Efficacies and stuck levels of a layer's synapses, padded; None if all are ideal."""
        e, shape = self.effects, (layer.n_in, layer.width)
        ideal = e["synapse_spread"] == e["stuck"] == 0 and not self.weight_limit
        if ideal or not _has_synapses(layer):
            return None, None
        here = np.ix_(np.arange(layer.n_in) % N_NEURONS, columns)
        efficacy, stuck = np.ones(shape, dtype), np.full(shape, kernels.FREE, np.int16)
        efficacy[:, : layer.n], stuck[:, : layer.n] = self._efficacy[here], self._stuck[here]
        return efficacy, stuck

    # where a network lies on the chip -----------------------------------------------------------

    def runs(self, network):
        """How often the chip runs per sample: 1, or the number of parts of a larger network."""
        needed = sum(int(np.sum(-(-n // N_NEURONS))) for n in _fan_in(network))
        return -(-needed // N_NEURONS)

    def _check_fit(self, network):
        """Refuse what the chip cannot run at once."""
        if self.runs(network) > 1 or any(n.max() > N_NEURONS for n in _fan_in(network)):
            raise ValueError(
                f"network {'-'.join(map(str, network.sizes))} does not fit the chip: it has "
                f"{N_NEURONS} neurons for all layers but the inputs, of {N_NEURONS} inputs each; "
                "Substrate(partition=True) runs larger networks in parts, and a rewiring rule with "
                f"max_fan_in={N_NEURONS} leaves no neuron more inputs"
            )

    def _place(self, network):
        """Each layer's `_Place`, one layer beside the other; larger networks start over."""
        key = network.sizes, network.neurons, network.dtype
        known = key == self._placed[0]
        # whether many inputs are too many depends on the weights, which change
        if not self.partition and (not known or max(network.sizes[:-1]) > N_NEURONS):
            self._check_fit(network)
        if known:
            return self._placed[1]
        places, first = [], 0
        for ideal in network._layers:
            columns = (first + np.arange(ideal.n)) % N_NEURONS
            first += ideal.n
            layer = self._as_they_are(ideal, columns, network.dtype)
            here = layer, columns, network.dtype
            places.append(_Place(layer, columns, *self._synapses(*here), self._noise(*here)))
        self._placed = key, places
        return places

    # what it is and what it costs ---------------------------------------------------------------

    def cost(self, n_samples, network=None, *, training=False):
        """Time and energy the real chip would need, without FPGA and host.

        Parameters
        ----------
        n_samples : int
        network : Network, optional
            One that is partitioned runs several times.
        training : bool
            Samples are 200 us apart, for membranes to decay by themselves, instead of 11.8 us with
            an early reset.

        Returns
        -------
        Cost
            Seconds, joules (at 200 mW), runs per sample.
        """
        n_samples = _check.integer("n_samples", n_samples, at_least=0)
        runs = 1 if network is None else self.runs(network)
        each = SECONDS_PER_TRAINING_IMAGE if training else SECONDS_PER_IMAGE
        seconds = n_samples * runs * each
        return Cost(seconds, seconds * WATTS, runs)

    def card(self):
        """The chip's card as text: every effect with its value, its state and its source."""
        lines = [
            f"virtual BrainScaleS-2, chip {self.seed}{', calibrated' * self.calibrated}: "
            f"{N_NEURONS} neurons of {N_NEURONS} signed inputs, {self.dead.sum()} dead, "
            f"{self.age} runs so far",
            "",
            f"{'effect':<18}{'value':<16}{'':<5}what",
        ]
        for name, (default, off, what, source) in EFFECTS.items():
            value = self.effects[name]
            state = "" if name in SETTINGS else "off" if value == off else "on"
            if value != default:
                source += f", default {_shown(name, default)}"
            lines.append(f"{name:<18}{_shown(name, value):<16}{state:<5}{what} ({source})")
        lines += [
            "",
            f"on the chip itself an image takes {SECONDS_PER_IMAGE * 1e6:g} us and "
            f"{SECONDS_PER_IMAGE * WATTS * 1e6:.1f} uJ ({1 / SECONDS_PER_IMAGE:,.0f} per second, "
            f"{1e3 * WATTS:g} mW; {PAPER})",
        ]
        return "\n".join(lines)

    def describe(self):
        """Print the chip's card."""
        print(self.card())

    def __repr__(self):
        changed = {k: v for k, v in self.effects.items() if v != EFFECTS[k].default}
        given = "".join(f", {k}={v!r}" for k, v in changed.items())
        return f"Substrate({self.seed}{given})" + ", calibrated" * self.calibrated


def clip_weights(network, largest):
    """Clip each layer's weights at ``largest`` (one number per layer), in place."""
    for w, top in zip(network._padded, largest, strict=True):
        if top < np.inf:
            np.clip(w, -top, top, out=w)


def _fan_in(network):
    """Inputs per unit and layer: all of them, or the weights that there are if those are many."""
    return [
        np.maximum(1, np.count_nonzero(w, axis=0)) if len(w) > N_NEURONS
        else np.full(w.shape[1], len(w))
        for w in network.weights
    ]  # fmt: skip


def _has_synapses(layer):
    """Whether input passes through synapses; a current without a filter is injected."""
    return layer.neuron.tau_syn is not None


def _forget(trace, steps):
    """Clear all that is later than so many steps after each sample's first input spike."""
    first = np.zeros(len(trace), np.int64)
    if isinstance(trace.inputs, SpikeTrains):
        some = trace.inputs.counts() > 0
        first[some] = trace.inputs.step[trace.inputs.start[some]]
    end = first + max(1, int(steps + 1e-9))  # whole steps; a quotient may be an ulp too small
    for train in trace.spikes:
        which, events = train._rows()
        early = train.step[events] < end[which]
        train.stop[...] = train.start + np.bincount(which[early], minlength=len(trace))
    for train, z in zip(trace.spikes, trace._bits or (), strict=False):  # no bits: nothing kept
        z[...] = 0
        lif.mark_spikes(train.start, train.stop, train.step, train.unit, z)
    late = np.arange(trace.inputs.n_steps) >= end[:, None]
    trace.readout[late] = 0
    for v in trace._potentials or ():  # stored last step first
        v[:, ::-1][late] = 0


def _shown(name, value):
    """A value as the card prints it."""
    if value is None:
        return "none"
    if name.endswith("_range"):
        return " to ".join(f"{x:g}" for x in value)
    if isinstance(value, tuple):
        return f"{len(value)} neurons"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _detuned(sigma_d):
    """The three spreads that ``sigma_d`` stands for."""
    if sigma_d is None:
        return {}
    return dict.fromkeys(SPREADS[:3], _check.number("sigma_d", sigma_d, at_least=0))


def _checked(effects):
    """All effects' values, checked and as plain numbers; None only where it means off."""
    unknown = sorted(set(effects) - set(EFFECTS))
    if unknown:
        raise TypeError(f"{unknown[0]} is no effect; there are {', '.join(EFFECTS)}")
    return {
        name: None if value is None and EFFECTS[name].off is None else _CHECKS[name](name, value)
        for name, value in effects.items()
    }


def _bits(name, value, most):
    return int(_check.number(name, _check.integer(name, value, at_least=1), at_most=most))


def _switch(name, value):
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, not {value!r}")
    return bool(value)


def _range(name, value):
    """Lowest and highest potential, around rest."""
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise TypeError(f"{name} must be a pair (lowest, highest), not {value!r}")
    low, high = (_check.number(name, x) for x in value)
    if not low < 0 < high:
        raise ValueError(f"{name} must reach from below 0 to above it, got {low:g} to {high:g}")
    return low, high


def _neurons(name, value):
    """A share of neurons, or their numbers."""
    if np.ndim(value) == 0:
        return _check.number(name, value, at_least=0, at_most=1)
    numbers = sorted({_check.integer(name, k, at_least=0) for k in value})
    if numbers and numbers[-1] >= N_NEURONS:
        raise ValueError(f"{name} must hold numbers of neurons in 0 ... {N_NEURONS - 1}")
    return tuple(numbers)


_above_0 = partial(_check.number, above=0)
_CHECKS = dict.fromkeys(EFFECTS, partial(_check.number, at_least=0)) | {
    "weight_bits": partial(_bits, most=14),
    "weight_scale": _above_0,
    "dynamic_scaling": _switch,
    "membrane_range": _range,
    "adc_bits": partial(_bits, most=16),
    "adc_range": _range,
    "sampling": _above_0,
    "reset": partial(_check.one_of, allowed=("zero", "subtract")),
    "drift_period": partial(_check.integer, at_least=1),
    "dead": _neurons,
    "stuck": partial(_check.number, at_least=0, at_most=1),
    "clamp": _above_0,
}
