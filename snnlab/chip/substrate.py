"""The analog substrate: a virtual BrainScaleS-2, measured instead of an ideal simulation.

A `Substrate` runs a network as the chip would: weights are rounded to levels, every neuron and
synapse is a little different, membranes are noisy and bounded, an ADC reads them. What comes back
is a `Trace` like any other, so `Network.backward` reads it unchanged: it goes on assuming ideal,
equal neurons, and corrects for what it has seen (Cramer et al. 2022: training in the loop).

`EFFECTS` names every imperfection, and the value that switches it off. With all of them off,
results are those of the ideal network, bit for bit.
"""

from __future__ import annotations

from collections import namedtuple
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab.chip.card import SECONDS_PER_IMAGE, SECONDS_PER_TRAINING_IMAGE, WATTS, RunCost
from snnlab.chip.clamp import forget_later
from snnlab.chip.effects import EFFECTS, MAX_SCALE, N_NEURONS, SPREADS, check_effects, detuned
from snnlab.chip.faults import Faults
from snnlab.chip.fit import check_fit, check_layers, clip_weights, runs_needed, warn_of_times
from snnlab.chip.state import ChipState
from snnlab.kernels import chip as kernels
from snnlab.kernels.noise import SPREAD
from snnlab.layers.stage import Conditions, pack_constants
from snnlab.medium import Medium
from snnlab.memory import aligned
from snnlab.parameters import check_weights

if TYPE_CHECKING:
    from typing import Any, Self

    from snnlab._types import Signals
    from snnlab.network import Network
    from snnlab.trace import Trace

# A layer on the chip: its stage in the network; constants of its neurons as they are there;
# whether spikes reset them to rest; their numbers; efficacies and stuck levels of its synapses,
# padded as weights are, or None; noise per unit and step.
_Place = namedtuple("_Place", "stage constants hold zero_reset columns efficacy stuck noise")


class Substrate(ChipState, Medium):
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
        Runs so far, one per batch; noise, variation from run to run and drift follow it.
    calibrated : bool
        Whether `snnlab.calibration` has corrected its factors.

    Raises
    ------
    TypeError, ValueError
        Unknown effects, values out of range.

    Examples
    --------
    >>> chip = Substrate(0)
    >>> quiet = Substrate.ideal(0, noise=0.05)  # nothing but noise
    """

    def __init__(
        self, seed: int, *, sigma_d: float | None = None, partition: bool = False, **effects: Any
    ) -> None:
        self._seed = _check.integer("seed", seed, at_least=0)
        default = {name: effect.default for name, effect in EFFECTS.items()}
        self._effects = check_effects(default | detuned(sigma_d) | effects)
        partition = _check.flag("partition", partition)
        self._partition, self.age, self.calibrated = partition, 0, False
        self._placed = None, None  # the last network's key and places
        faults = Faults(self.seed, self.effects, self.weight_limit)
        self._factors, self._dead = faults.factors, faults.dead
        self._efficacy, self._stuck, self._phase = faults.efficacy, faults.stuck, faults.phase

    @classmethod
    def ideal(
        cls, seed: int = 0, *, sigma_d: float | None = None, partition: bool = False, **effects: Any
    ) -> Self:
        """A chip with every imperfection off but those named."""
        off = {name: effect.off for name, effect in EFFECTS.items()}
        return cls(seed, partition=partition, **off | detuned(sigma_d) | effects)

    def replace(
        self, *, sigma_d: float | None = None, partition: bool | None = None, **effects: Any
    ) -> Substrate:
        """The same chip (seed, calibration) with some effects changed; its age begins at 0."""
        partition = self.partition if partition is None else partition
        changed = self.effects | detuned(sigma_d) | effects
        chip = Substrate(self.seed, partition=partition, **changed)
        chip.calibrated = self.calibrated
        kept = [name for name in SPREADS if chip.effects[name] == self.effects[name]]
        chip.factors = {name: self.factors[name] for name in kept}
        return chip

    @property
    def weight_limit(self) -> int:
        """Largest level of a weight: 63 with 6 bits; 0 without levels."""
        bits = self.effects["weight_bits"]
        return 0 if bits is None else 2**bits - 1

    @property
    def weight_max(self) -> float:
        """Largest hidden weight that can be written; infinite without levels."""
        limit = self.weight_limit
        return limit / self.effects["weight_scale"] if limit else np.inf

    # running a network --------------------------------------------------------------------------

    def run(
        self,
        network: Network,
        inputs: Signals,
        *,
        potentials: bool = True,
        dropout: list[np.ndarray | None] | None = None,
        out: Trace | None = None,
        training: bool = False,
    ) -> Trace:
        """Run a batch on the chip and read it out: ``network.forward(inputs, on=chip)``.

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
        potentials, dropout, out, training
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
        check_layers(network)
        settings = {"potentials": potentials, "dropout": dropout, "out": out}
        trace = super().run(network, inputs, **settings)
        _check.finite("network or inputs", trace.readout)
        if self.effects["clamp"] is not None:
            forget_later(trace, min(self.effects["clamp"] / network.dt, _check.MOST_STEPS))
        self.age += 1
        return trace

    def conditions(self, network: Network) -> list:
        """Under which each layer runs here, in this run."""
        out = []
        factors = self._threshold_factors()
        for k, place in enumerate(self._place(network)):
            scale = self._scale(network, place.stage)
            unit = self.effects["weight_scale"] / scale  # potentials are told as if not scaled
            noise, key, bounds = self._physics(k, place.noise, unit)
            converter, read = self._converter(network.dt, unit), None
            if converter is not None:
                read = partial(_read, converter, place.stage.fires)
            out.append(
                Conditions(
                    {"weights": self._written(network, place, scale)},
                    _with_thresholds(place.constants, factors[place.columns]),
                    place.hold,
                    place.zero_reset,
                    noise,
                    key,
                    bounds,
                    read,
                )
            )
        return out

    def largest_weights(self, network: Network) -> list[float]:
        """Per layer the largest weight that can be written; infinite without a limit."""
        check_layers(network)
        fixed = (_has_synapses(s) and not self._uses_full_range(s) for s in network.stages)
        return [self.weight_max if limited else np.inf for limited in fixed]

    def vanishing(self, network: Network) -> list[float]:
        """Per layer the share of weights other than 0 that are written as level 0."""
        check_layers(network)
        shares = []
        for stage in network.stages:
            if not (self.weight_limit and _has_synapses(stage)):
                shares.append(0.0)
                continue
            size = np.abs(_weights(network, stage))
            size = size[size > 0]
            lost = size * self._scale(network, stage) < 0.5
            shares.append(float(lost.mean()) if size.size else 0.0)
        return shares

    def clip(self, network: Network) -> None:
        """Hold weights within what can be written, in place (Cramer et al. 2022, code)."""
        clip_weights(network, self.largest_weights(network))

    # what can be seen of it ---------------------------------------------------------------------

    def effective_weights(self, network: Network) -> list[np.ndarray]:
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
        for place in self._place(network):
            w = self._written(network, place, self._scale(network, place.stage))
            out.append(np.array(w[:, : place.stage.n]))
        return out

    def columns(self, network: Network) -> list[np.ndarray]:
        """Which neurons of the chip the units are, per layer but the inputs: arrays of int."""
        return [place.columns.copy() for place in self._place(network)]

    def badness(self) -> np.ndarray:
        """How far each neuron is from what it should be, array (256,); infinite if it is dead.

        The root mean square of its relative deviations: of both time constants, the threshold, and
        the synaptic gain.
        """
        square = np.mean([(factor - 1) ** 2 for factor in self.factors.values()], axis=0)
        return np.where(self.dead, np.inf, np.sqrt(square))

    # the effects, one by one --------------------------------------------------------------------

    def _uses_full_range(self, stage):
        """Whether weights are scaled to the full range: where no threshold fixes their unit."""
        scaled = self.effects["dynamic_scaling"] and self.weight_limit > 0
        return scaled and _has_synapses(stage) and not stage.fires

    def _scale(self, network, stage):
        """Levels per unit of weight."""
        if self._uses_full_range(stage):
            largest = float(np.abs(_weights(network, stage)).max())
            if largest > 0:
                return min(self.weight_limit / largest, MAX_SCALE)
        return self.effects["weight_scale"]

    def _written(self, network, place, scale):
        """Effective weights, padded; the network's own where synapses are ideal."""
        w = _weights(network, place.stage)
        if place.efficacy is None:
            return w
        out = aligned(w.shape, w.dtype)
        kernels.write_weights(w, scale, self.weight_limit, place.efficacy, place.stuck, out)
        return out

    def _threshold_factors(self):
        """By which thresholds differ in this run (256,): they vary from run to run, and drift.

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
        return factor

    def _physics(self, k, noise, unit):
        """Noise of layer k's membranes, its key, which the kernels scramble, and bounds."""
        key = self.seed * 0x85EBCA6B + self.age * 0xC2B2AE35 + (2 * k + 1) * 0x9E3779B9
        low, high = self.effects["membrane_range"] or (-np.inf, np.inf)
        real = noise.dtype.type
        bounds = np.array([real(low * unit), real(high * unit)])
        return noise * real(unit), np.uint32(key % 2**32), bounds

    def _converter(self, dt, unit):
        """The ADC: step, lowest and highest code, time steps per reading; None if it is ideal."""
        e = self.effects
        every = min((e["sampling"] or 0) / dt, _check.MOST_STEPS)  # a quotient may be infinite
        every = max(1, round(every))
        if e["adc_bits"] is None:
            return (0.0, 0, 0, every) if every > 1 else None
        (low, high), last = e["adc_range"], 2 ** e["adc_bits"] - 1
        step = (high - low) / last
        lowest = round(low / step)  # so that a membrane at rest reads 0
        return step * unit, lowest, lowest + last, every

    def _neurons(self, stage, columns):
        """Constants of a layer whose neurons are the chip's: mismatch, reset, refractory, death.

        Returns constants and hold steps for the kernels, and whether spikes reset to rest.
        """
        e, model, changes = self.effects, stage.neuron, {}
        for tau in ("tau_mem", "tau_syn"):
            factor, target = self.factors[f"{tau}_spread"][columns], getattr(model, tau)
            if target is not None and np.any(factor != 1):
                shortest = model.dt if model.method == "euler" else 0
                changes[tau] = np.maximum(target * factor, shortest)
        if stage.fires:
            changes["reset"] = e["reset"] or model.reset
            changes["refractory"] = np.maximum(model.refractory, e["refractory"] or 0)
        model, dead = model.replace(**changes), self.dead[columns]
        constants, hold = pack_constants(model, stage.n, stage.dtype)
        gain = self.factors["gain_spread"][columns] if _has_synapses(stage) else 1
        constants[2, : stage.n] *= np.where(dead, 0, gain).astype(stage.dtype)
        if not np.isfinite(constants[:3]).all():
            raise ValueError(f"gain_spread, times gain, is infinite in {stage.dtype}")
        factors = np.where(dead, 1, self.factors["threshold_spread"][columns])
        zero_reset = stage.fires and model.reset == "zero"
        return _with_thresholds(constants, factors), hold, zero_reset

    def _noise(self, stage, constants, columns):
        """Noise per unit and step, in the kernels' unit, so that a membrane's sd is ``noise``."""
        if self.effects["noise"] == 0:
            return np.empty(0, stage.dtype)
        out = np.zeros(stage.width, stage.dtype)
        b = constants[1, : stage.n].astype(float)
        sd = self.effects["noise"] * np.sqrt(1 - b**2) / SPREAD
        out[: stage.n] = np.where(self.dead[columns], 0, sd)
        return out

    def _synapses(self, stage, columns):
        """Efficacies and stuck levels of a layer's synapses, padded; None if all are ideal."""
        e = self.effects
        ideal = e["synapse_spread"] == e["stuck"] == 0 and not self.weight_limit
        if ideal or not _has_synapses(stage):
            return None, None
        shape = stage.n_in, stage.blocks["weights"].width
        here = np.ix_(np.arange(stage.n_in) % N_NEURONS, columns)
        efficacy, stuck = np.ones(shape, stage.dtype), np.full(shape, kernels.FREE, np.int16)
        efficacy[:, : stage.n], stuck[:, : stage.n] = self._efficacy[here], self._stuck[here]
        return efficacy, stuck

    def runs(self, network: Network) -> int:
        """How often the chip runs per sample: 1, or the number of parts of a larger network."""
        check_layers(network)
        return runs_needed(network)

    def _place(self, network):
        """Each layer's `_Place`, one layer beside the other; larger networks start over."""
        check_layers(network)
        check_weights(network)
        key = network.sizes, network.neurons, network.dtype
        known = key == self._placed[0]
        # whether many inputs are too many depends on the weights, which change
        if not self.partition and (not known or max(network.sizes[:-1]) > N_NEURONS):
            check_fit(network)
        if known:
            return self._placed[1]
        warn_of_times(self, network)
        places, first = [], 0
        for stage in network.stages:
            columns = (first + np.arange(stage.n)) % N_NEURONS
            first += stage.n
            constants, hold, zero_reset = self._neurons(stage, columns)
            efficacy, stuck = self._synapses(stage, columns)
            noise = self._noise(stage, constants, columns)
            neurons = constants, hold, zero_reset, columns
            places.append(_Place(stage, *neurons, efficacy, stuck, noise))
        self._placed = key, places
        return places

    # what it is and what it costs ---------------------------------------------------------------

    def cost(
        self, n_samples: int, network: Network | None = None, *, training: bool = False
    ) -> RunCost:
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
        RunCost
            Seconds, joules (at 200 mW), runs per sample.
        """
        n_samples = _check.integer("n_samples", n_samples, at_least=0)
        training = _check.flag("training", training)
        runs = 1 if network is None else self.runs(network)
        each = SECONDS_PER_TRAINING_IMAGE if training else SECONDS_PER_IMAGE
        seconds = n_samples * runs * each
        return RunCost(seconds, seconds * WATTS, runs)


def _weights(network, stage):
    """A layer's weights, padded."""
    return stage.blocks["weights"].padded(network.parameters)


def _with_thresholds(constants, factor):
    """Constants with the thresholds multiplied by a factor per unit."""
    out = constants.copy()
    out[3, : len(factor)] *= factor.astype(out.dtype)
    return out


def _read(converter, last_first, v, lo, hi):
    """Read membranes of some samples by the ADC, in place."""
    kernels.read_membranes(v, *converter, last_first, lo, hi)


def _has_synapses(stage):
    """Whether input passes through synapses; a current without a filter is injected."""
    return stage.neuron.tau_syn is not None
