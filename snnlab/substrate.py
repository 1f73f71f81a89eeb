"""The analog substrate: a virtual BrainScaleS-2, measured instead of an ideal simulation.

A `Substrate` runs a network as the chip would: weights are rounded to levels, every neuron and
synapse is a little different, membranes are noisy and bounded, an ADC reads them. What comes back
is a `Trace` like any other, so `Network.backward` reads it unchanged: it goes on assuming ideal,
equal neurons, and corrects for what it has seen (Cramer et al. 2022: training in the loop).

`EFFECTS` names every imperfection, its default with source, and the value that switches it off.
With all of them off, results are those of the ideal network, bit for bit.
"""

from collections import namedtuple

import numpy as np

from snnlab import _check
from snnlab._workers import share
from snnlab.kernels import chip as kernels
from snnlab.kernels.noise import SPREAD
from snnlab.network import Physics, _aligned, _check_kept, _Layer
from snnlab.spikes import SpikeTrains

N_NEURONS = 256  # signed neurons of the chip, and signed inputs of each (papers: A.1)
GOLDEN = 0x9E3779B9

Effect = namedtuple("Effect", "default off what source")
PAPER, CODE = "Cramer et al. 2022", "Cramer et al. 2022, code"
ASSUMED = "assumed here"
# Potentials are in units in which a spike needs 1 and the membrane rests at 0.
EFFECTS = {
    "tau_mem_spread": Effect(0.05, 0.0, "relative sd of the membranes' time constants", ASSUMED),
    "tau_syn_spread": Effect(0.05, 0.0, "relative sd of the synapses' time constants", ASSUMED),
    "threshold_spread": Effect(
        0.03, 0.0, "relative sd of the thresholds above rest", "DelGrad noise model, code"
    ),
    "gain_spread": Effect(0.1, 0.0, "relative sd of the neurons' synaptic gain", ASSUMED),
    "synapse_spread": Effect(0.05, 0.0, "relative sd of single synapses", ASSUMED),
    "weight_bits": Effect(6, None, "bits of a weight beside its sign", PAPER),
    "weight_scale": Effect(240.0, 240.0, "levels per unit of hidden weight", CODE),
    "dynamic_scaling": Effect(True, False, "readout weights use the full range", PAPER),
    "membrane_range": Effect(
        (-1.14, 2.5), None, "potentials a membrane can have", "derived from the ADC's range"
    ),
    "adc_bits": Effect(8, None, "bits of a membrane's reading", CODE),
    "adc_range": Effect((-1.14, 2.5), (-1.14, 2.5), "potentials the ADC can tell apart", CODE),
    "sampling": Effect(1.7e-6, None, "seconds between two readings of a membrane", PAPER),
    "reset": Effect("zero", None, "a spike resets the membrane to rest", CODE),
    "refractory": Effect(2e-6, None, "seconds for which it is held there", CODE),
    "noise": Effect(0.02, 0.0, "sd of the noise on the membranes", ASSUMED),
    "trial_spread": Effect(
        0.015, 0.0, "relative sd of thresholds from run to run", "DelGrad noise model, code"
    ),
    "drift": Effect(0.01, 0.0, "relative sd of the thresholds' slow drift", ASSUMED),
    "drift_period": Effect(10_000, 10_000, "runs in which it comes back", ASSUMED),
    "dead": Effect(0.0, 0.0, "share of dead neurons, or their numbers", "a switch"),
    "stuck": Effect(0.0, 0.0, "share of synapses stuck at a random level", "a switch"),
    "clamp": Effect(
        None, None, "seconds after the first input spike at which all is reset", "a switch (10 us)"
    ),
}
SPREADS = ("tau_mem_spread", "tau_syn_spread", "threshold_spread", "gain_spread")
MIN_FACTOR = 0.1  # no time constant or gain is smaller than this share of what it should be

SECONDS_PER_IMAGE = 11.8e-6  # inference, with early reset (Cramer et al. 2022)
SECONDS_PER_TRAINING_IMAGE = 200e-6  # spacing that lets membranes decay (their code)
WATTS = 0.2  # the whole chip, without FPGA and host (Cramer et al. 2022)

Cost = namedtuple("Cost", "seconds joules runs")
Cost.__doc__ = "Time and energy on the real chip, and how often it must run per sample."


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
        neurons, instead of refusing them.
    **effects
        Values of `EFFECTS`; by default all imperfections are on.

    Attributes
    ----------
    factors : dict of array (256,)
        Per kind of spread, what each neuron's parameter is multiplied by.
    dead : array of bool (256,)
    age : int
        Runs so far; noise, variation from run to run and the slow drift follow it.
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
        unknown = sorted(set(effects) - set(EFFECTS))
        if unknown:
            raise TypeError(f"{unknown[0]} is no effect; there are {', '.join(EFFECTS)}")
        if sigma_d is not None:
            sigma_d = _check.number("sigma_d", sigma_d, at_least=0)
            effects = dict.fromkeys(SPREADS[:3], sigma_d) | effects
        self.effects = {name: effect.default for name, effect in EFFECTS.items()} | effects
        _check_effects(self.effects)
        self.partition, self.age, self.calibrated = bool(partition), 0, False
        self._places = {}
        self._freeze()

    @classmethod
    def ideal(cls, seed=0, **effects):
        """A chip with every imperfection off but those named."""
        return cls(seed, **{name: effect.off for name, effect in EFFECTS.items()} | effects)

    def replace(self, **effects):
        """The same chip (seed, calibration) with some effects changed."""
        chip = Substrate(self.seed, partition=self.partition, **self.effects | effects)
        chip.calibrated = self.calibrated
        for name in SPREADS:
            if chip.effects[name] == self.effects[name]:
                chip.factors[name] = self.factors[name].copy()
        return chip

    def _draw(self, kind):
        """Generator of one kind of fault: a stream of its own."""
        return np.random.default_rng([self.seed, kind])

    def _freeze(self):
        """Draw all that stays the same for this chip's life."""
        e = self.effects
        self.factors = {}
        for kind, name in enumerate(SPREADS):
            factor = 1 + e[name] * self._draw(kind).standard_normal(N_NEURONS)
            # a threshold may end up below rest: such a neuron fires all the time
            floor = -np.inf if name == "threshold_spread" else MIN_FACTOR
            self.factors[name] = np.maximum(factor, floor)
        shape = N_NEURONS, N_NEURONS
        synapses = 1 + e["synapse_spread"] * self._draw(10).standard_normal(shape)
        self._synapses = np.maximum(synapses, 0).astype(np.float32)
        self.dead = np.zeros(N_NEURONS, bool)
        if isinstance(e["dead"], float | int):
            order = self._draw(11).permutation(N_NEURONS)
            self.dead[order[: round(e["dead"] * N_NEURONS)]] = True
        else:
            self.dead[list(e["dead"])] = True
        rng = self._draw(12)
        top = self.weight_limit or 63
        levels = rng.integers(-top, top + 1, shape)
        broken = rng.random(shape) < e["stuck"]
        self._stuck = np.where(broken, levels, kernels.FREE).astype(np.int16)
        self._phase = self._draw(13).uniform(0, 2 * np.pi, N_NEURONS)

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
        this run: the same chip, used in the same way, measures the same.

        Parameters
        ----------
        network : Network
            Its weights are written to the synapses; its time constants are what the neurons were
            meant to have.
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
        network._check_inputs(inputs)
        kept = _check_kept(kept, network.sizes[1:-1])
        e, dtype = self.effects, network.dtype
        place = self._place(network)
        layers, weights, physics, reads = [], [], [], []
        threshold = self._thresholds_now()
        key = self.seed * 0x85EBCA6B + self.age * 0xC2B2AE35  # scrambled by the kernels
        for k, (base, columns, efficacy, stuck, noise) in enumerate(place):
            layer = base
            if threshold is not None and base.fires:
                layer = base.with_thresholds(threshold[columns])
            layers.append(layer)
            scale = self._scale(network, k)
            weights.append(self._written(network, k, scale, efficacy, stuck))
            # a readout's potentials are told in the unit of its weights before scaling
            unit = e["weight_scale"] / scale
            low, high = e["membrane_range"] or (-np.inf, np.inf)
            noise = noise if unit == 1 else noise * dtype.type(unit)
            layer_key = np.uint32((key + (2 * k + 1) * GOLDEN) % 2**32)
            bounds = dtype.type(low * unit), dtype.type(high * unit)
            physics.append(Physics(noise, layer_key, *bounds))
            reads.append(self._reader(network, layer, unit))

        def read(k, v, lo, hi):
            if reads[k] is not None:
                kernels.read_membranes(v, *reads[k], lo, hi)

        trace = network._propagate(inputs, keep, kept, out, weights, layers, physics, read)
        if e["clamp"] is not None:
            self._clamp(network, trace)
        self.age += 1
        return trace

    def largest_weights(self, network):
        """Per layer the largest weight that can be written; infinite without a limit."""
        scaled = self.effects["dynamic_scaling"]
        return [np.inf if scaled and not la.fires else self.weight_max for la in network._layers]

    def clip(self, network):
        """Hold weights within what can be written, in place (Cramer et al. 2022, code)."""
        clip_weights(network, self.largest_weights(network))

    def _scale(self, network, k):
        """Levels per unit of weight; a readout without threshold may use the full range."""
        scale, layer = self.effects["weight_scale"], network._layers[k]
        if layer.fires or not self.weight_limit or not self.effects["dynamic_scaling"]:
            return scale
        largest = float(np.abs(network._padded[k]).max())
        return min(self.weight_limit / largest, 250.0) if largest > 0 else scale

    def _written(self, network, k, scale, efficacy, stuck):
        """Effective weights of layer k, padded; the network's own where synapses are ideal."""
        w = network._padded[k]
        if efficacy is None:
            return w
        out = _aligned(w.shape, network.dtype)

        def work(lo, hi):
            kernels.write_weights(w, scale, self.weight_limit, efficacy, stuck, lo, hi, out)

        share(work, len(w), network._threads(4 * len(w)))
        return out

    def _thresholds_now(self):
        """What this run multiplies the thresholds by, (256,); None: nothing."""
        e = self.effects
        if not (e["trial_spread"] > 0 or e["drift"] > 0):
            return None
        factor = np.ones(N_NEURONS)
        if e["trial_spread"] > 0:
            rng = np.random.default_rng([self.seed, 14, self.age])
            factor += e["trial_spread"] * rng.standard_normal(N_NEURONS)
        if e["drift"] > 0:
            turn = 2 * np.pi * self.age / e["drift_period"]
            factor += e["drift"] * np.sqrt(2) * np.sin(turn + self._phase)
        return factor

    def _reader(self, network, layer, unit):
        """Arguments of `kernels.read_membranes` for a layer; None if nothing is to be done."""
        e = self.effects
        every = 1
        if e["sampling"] is not None:
            every = max(1, round(e["sampling"] / network.dt))
        if e["adc_bits"] is None:
            return None if every == 1 else (0.0, 0.0, 0.0, every, layer.fires)
        low, high = e["adc_range"]
        lsb = (high - low) / (2 ** e["adc_bits"] - 1)
        lowest = round(low / lsb)
        return lsb * unit, lowest, lowest + 2 ** e["adc_bits"] - 1, every, layer.fires

    def _clamp(self, network, trace):
        """Forget what happens later than ``clamp`` after each sample's first input spike."""
        first = np.zeros(len(trace), np.int64)
        if isinstance(trace.inputs, SpikeTrains):
            some = trace.inputs.counts() > 0
            first[some] = trace.inputs.step[trace.inputs.start[some]]
        last = first + max(1, int(self.effects["clamp"] / network.dt))
        for train in trace.spikes:
            which, events = train._rows()
            early = train.step[events] < last[which]
            train.stop[...] = train.start + np.bincount(which[early], minlength=len(trace))
        late = np.arange(network.n_steps) >= last[:, None]
        trace.readout[late] = 0

    # where a network lies on the chip -----------------------------------------------------------

    def runs(self, network):
        """How often the chip runs per sample: 1, or the number of parts of a larger network."""
        groups = [-(-n_in // N_NEURONS) for n_in in network.sizes[:-1]]
        needed = sum(g * n for g, n in zip(groups, network.sizes[1:], strict=True))
        return -(-needed // N_NEURONS)

    def _place(self, network):
        """Per layer: as the chip's neurons are, their columns, synapses, stuck levels, noise."""
        key = network.sizes, network.neurons, network.dtype
        if key in self._places:
            return self._places[key]
        fan_in, runs = max(network.sizes[:-1]), self.runs(network)
        if not self.partition and (fan_in > N_NEURONS or runs > 1):
            raise ValueError(
                f"network {'-'.join(map(str, network.sizes))} does not fit the chip: it has "
                f"{N_NEURONS} neurons for all layers but the inputs, of {N_NEURONS} inputs each; "
                "Substrate(partition=True) runs larger networks in parts"
            )
        place, first = [], 0
        for layer in network._layers:
            columns = (first + np.arange(layer.n)) % N_NEURONS
            first += layer.n
            place.append(self._place_layer(layer, columns, network.dtype))
        self._places = {key: place}  # of the last network only: training runs one for long
        return place

    def _place_layer(self, layer, columns, dtype):
        e = self.effects
        direct = layer.neuron.tau_syn is None  # a current that does not pass through synapses
        f = {name: factor[columns] for name, factor in self.factors.items()}
        model = layer.neuron
        if np.any(f["tau_mem_spread"] != 1):
            model = model.replace(
                tau_mem=tuple(np.broadcast_to(model.tau_mem, layer.n) * f["tau_mem_spread"])
            )
        if not direct and np.any(f["tau_syn_spread"] != 1):
            model = model.replace(
                tau_syn=tuple(np.broadcast_to(model.tau_syn, layer.n) * f["tau_syn_spread"])
            )
        if layer.fires and e["reset"] is not None:
            model = model.replace(reset=e["reset"])
        if layer.fires and e["refractory"] is not None:
            held = np.maximum(model.refractory, e["refractory"])
            model = model.replace(refractory=float(held) if held.ndim == 0 else tuple(held))
        base = _Layer(model, layer.n_in, layer.n, dtype)
        gain = np.where(self.dead[columns], 0, 1 if direct else f["gain_spread"])
        base.constants.gain[: layer.n] *= gain.astype(dtype)
        base = base.with_thresholds(f["threshold_spread"]) if layer.fires else base
        if layer.fires:  # a dead neuron is silent even where its threshold lies below rest
            base.constants.v_th[: layer.n][self.dead[columns]] = 1
        noise = np.empty(0, dtype)
        if e["noise"] > 0:
            b = base.constants.decay_mem[: layer.n]
            sd = e["noise"] * np.sqrt(1 - b.astype(float) ** 2) / SPREAD  # so that sd stays
            noise = np.zeros(layer.width, dtype)
            noise[: layer.n] = np.where(self.dead[columns], 0, sd)
        efficacy = stuck = None
        if not direct and (e["synapse_spread"] > 0 or self.weight_limit or e["stuck"] > 0):
            rows = np.arange(layer.n_in) % N_NEURONS
            efficacy = np.ones((layer.n_in, layer.width), dtype)
            efficacy[:, : layer.n] = self._synapses[np.ix_(rows, columns)]
            stuck = np.full((layer.n_in, layer.width), kernels.FREE, np.int16)
            stuck[:, : layer.n] = self._stuck[np.ix_(rows, columns)]
        return base, columns, efficacy, stuck, noise

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
            f"virtual BrainScaleS-2, chip {self.seed}: {N_NEURONS} neurons of {N_NEURONS} signed "
            f"inputs, {int(self.dead.sum())} dead, {self.age} runs so far",
            "",
            f"{'effect':<18}{'value':<16}{'':<5}what",
        ]
        for name, effect in EFFECTS.items():
            value = self.effects[name]
            off = type(value) is type(effect.off) and value == effect.off
            settles = name in ("weight_scale", "adc_range", "drift_period")
            state = "" if settles else "off" if off else "on"
            shown = _shown(value)
            changed = "" if value == effect.default else f", default {_shown(effect.default)}"
            lines.append(f"{name:<18}{shown:<16}{state:<5}{effect.what} ({effect.source}{changed})")
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


def _shown(value):
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple) and len(value) == 2:
        return " to ".join(f"{x:g}" for x in value)
    return str(value) if np.ndim(value) == 0 else f"{len(value)} of them"


def _check_effects(e):
    """Check every value; shares may be lists of neurons."""
    at_least_0 = [name for name in EFFECTS if name.endswith("spread")] + ["noise", "drift"]
    for name in at_least_0:
        e[name] = _check.number(name, e[name], at_least=0)
    e["stuck"] = _check.number("stuck", e["stuck"], at_least=0, at_most=1)
    e["weight_scale"] = _check.number("weight_scale", e["weight_scale"], above=0)
    e["drift_period"] = _check.integer("drift_period", e["drift_period"], at_least=1)
    for name, most in (("weight_bits", 14), ("adc_bits", 16)):
        if e[name] is not None:
            e[name] = _check.integer(name, e[name], at_least=1)
            if e[name] > most:
                raise ValueError(f"{name} must be at most {most}, got {e[name]}")
    for name in ("sampling", "refractory", "clamp"):
        if e[name] is not None:
            bound = {"at_least": 0} if name == "refractory" else {"above": 0}
            e[name] = _check.number(name, e[name], **bound)
    if e["reset"] is not None:
        _check.one_of("reset", e["reset"], ("zero", "subtract"))
    for name in ("membrane_range", "adc_range"):
        if e[name] is None and name == "membrane_range":
            continue
        if not isinstance(e[name], tuple | list) or len(e[name]) != 2:
            raise TypeError(f"{name} must be a pair (lowest, highest), not {e[name]!r}")
        low, high = (_check.number(name, x) for x in e[name])
        if not low < 0 < high:
            raise ValueError(f"{name} must reach from below 0 to above it, got {low:g} to {high:g}")
        e[name] = low, high
    if not isinstance(e["dynamic_scaling"], bool | np.bool_):
        raise TypeError("dynamic_scaling must be True or False")
    if isinstance(e["dead"], int | float | np.floating) and not isinstance(e["dead"], bool):
        e["dead"] = _check.number("dead", e["dead"], at_least=0, at_most=1)
    else:
        try:
            columns = [_check.integer("dead", k, at_least=0) for k in e["dead"]]
        except TypeError:
            raise TypeError("dead must be a share or a sequence of neurons' numbers") from None
        if any(k >= N_NEURONS for k in columns):
            raise ValueError(f"dead must hold numbers of neurons in 0 ... {N_NEURONS - 1}")
        e["dead"] = tuple(sorted(set(columns)))
