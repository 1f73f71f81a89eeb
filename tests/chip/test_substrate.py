"""The chip: ideal when all is off, equal to a slow twin with all on, and each effect alone."""

import copy
import math
from functools import partial

import numpy as np
import pytest
import reference
from helpers import (
    CHIP,
    N_STEPS,
    NETWORKS,
    active,
    as_input,
    bits,
    network,
    one_layer,
    same,
    threads,
    thresholds,
    toy,
    train,
)

from snnlab import (
    LIF,
    Adam,
    ConstantCurrent,
    LeakyIntegrator,
    Network,
    SpikeTrains,
    Substrate,
    datasets,
    encode,
    evaluate,
    losses,
    substrate,
)
from snnlab.chip.effects import EFFECTS, SPREADS
from snnlab.kernels import noise
from snnlab.kernels.chip import FREE
from snnlab.learning.evaluation import predict_scores
from snnlab.learning.penalties import Bursts, ReadoutAmplitude
from snnlab.trace import Trace

INTEGRATOR = CHIP.integrator()
B = math.exp(-1.7 / 6)  # decay per step of membrane and synapse
ideal = Substrate.ideal
quiet = partial(Substrate, noise=0, trial_spread=0, drift=0)


def each_alone(n, n_steps):
    """One sample per input: it spikes in step 0."""
    none = np.zeros(n, int)
    return SpikeTrains(np.arange(n + 1), none, np.arange(n), n_steps, n)


def effective(chip, weights, model=INTEGRATOR):
    """What synapses written ``weights`` do: the membranes' answers to each input alone."""
    net = one_layer(model, weights, 1)
    return net.forward(each_alone(len(weights), 1), on=chip).readout[:, 0]


# everything off -----------------------------------------------------------------------------------


@pytest.mark.bounds
@pytest.mark.parametrize("kind", ["events", "current"])
@pytest.mark.parametrize("settings", NETWORKS.values(), ids=NETWORKS)
def test_with_everything_off_it_is_the_ideal_network_bit_for_bit(settings, kind):
    net, inputs, _ = active(**settings, n=5)
    if kind == "current":
        inputs = ConstantCurrent(0.3 * toy(5, 1)[0].astype(net.dtype), N_STEPS)
    masks = [np.arange(n) % 3 > 0 for n in net.sizes[1:-1]]
    for keep, kept in ((True, None), (False, None), (True, masks)):
        ideal_trace = net.forward(inputs, potentials=keep, dropout=kept)
        measured = net.forward(inputs, on=ideal(5), potentials=keep, dropout=kept)
        assert bits(measured) == bits(ideal_trace)
        assert ideal_trace.hidden_counts().sum() > 20
    assert bits(net.forward(inputs, on=Substrate(5))) != bits(net.forward(inputs))


@pytest.mark.parametrize("settings", NETWORKS.values(), ids=NETWORKS)
def test_training_with_everything_off_is_training_without_a_chip(settings):
    nets, histories = [], []
    loss = "rate_mse" if "readout" in settings else "max_over_time"
    for chip in (None, ideal(7), Substrate(7)):
        net, inputs, labels = active(**settings)
        histories.append(
            train(
                net,
                inputs,
                labels,
                epochs=2,
                rng=1,
                batch_size=25,
                dropout=0.2,
                substrate=chip,
                loss=loss,
                validation=(inputs[:20], labels[:20]),
                optimizer=Adam(lr=0.01),
            )
        )
        nets.append(net)
    assert same(nets[0], nets[1]) and not same(nets[0], nets[2])
    one, two, other = ({**vars(h), "seconds": None} for h in histories)
    assert one == two != other


def test_off_means_off():
    for name, effect in EFFECTS.items():
        assert ideal(3).effects[name] == effect.off
        assert Substrate(3).effects[name] == effect.default
        assert ideal(3, **{name: effect.default}).effects[name] == effect.default


# the whole chip, slowly ---------------------------------------------------------------------------


def twin(chip, net, x):
    """What a chip without noise does, unit by unit and step by step, from its frozen faults.

    ``x`` is (sample, time, unit). Returns per layer the potentials as read, and the spikes.
    """
    e, out, first = chip.effects, [], 0
    top = 2 ** e["weight_bits"] - 1
    for model, w in zip(net.neurons, net.weights, strict=True):
        fires, (n_in, n) = isinstance(model, LIF), w.shape
        scale = e["weight_scale"] if fires else min(top / np.abs(w).max(), 250.0)
        unit = e["weight_scale"] / scale  # a readout's potentials are told as if it was not scaled
        low, high = (bound * unit for bound in e["membrane_range"])
        hold = round(e["refractory"] / model.dt)
        v, z = (np.zeros((*x.shape[:2], n)) for _ in range(2))
        for j in range(n):
            c = first + j  # neurons of all layers lie side by side
            factor = {name: chip.factors[name][c] for name in SPREADS}
            a = math.exp(-model.dt / (model.tau_syn * factor["tau_syn_spread"]))
            b = math.exp(-model.dt / (model.tau_mem * factor["tau_mem_spread"]))
            gain = 0.0 if chip.dead[c] else factor["gain_spread"]
            threshold = math.inf if chip.dead[c] else factor["threshold_spread"]
            column = np.zeros(n_in)
            for i in range(n_in):
                level = max(-top, min(top, round(w[i, j] * scale)))
                if chip._stuck[i, c] != FREE:
                    level = chip._stuck[i, c]
                column[i] = level / scale * chip._efficacy[i, c]
            for s in range(len(x)):
                current, potential, held = 0.0, 0.0, 0
                for t in range(x.shape[1]):
                    current = a * current + float(x[s, t] @ column)
                    potential = min(max(b * potential + gain * current, low), high)
                    if held:
                        potential, held = 0.0, held - 1
                    v[s, t, j] = potential
                    if fires and potential > threshold:
                        z[s, t, j], potential, held = 1, 0.0, hold
        every = max(1, round(e["sampling"] / net.dt))
        lsb = (e["adc_range"][1] - e["adc_range"][0]) / (2 ** e["adc_bits"] - 1)
        lowest = round(e["adc_range"][0] / lsb)
        v = v[:, np.arange(x.shape[1]) // every * every]
        codes = np.clip(np.rint(v / (lsb * unit)), lowest, lowest + 2 ** e["adc_bits"] - 1)
        out.append((codes * lsb * unit, z))
        first, x = first + n, z
    return out


DETERMINISTIC = {
    "sigma_d": 0.3,
    "gain_spread": 0.2,
    "synapse_spread": 0.2,
    "weight_bits": 5,
    "weight_scale": 110.0,
    "membrane_range": (-0.6, 1.6),
    "adc_range": (-0.5, 1.3),
    "refractory": 1e-6,
    "dead": 0.1,
    "stuck": 0.1,
}
SMALL = {
    "one hidden layer": ((9, 12, 4), None),
    "two hidden layers": ((9, 12, 8, 4), None),
    "spiking readout": ((9, 12, 4), LIF.brainscales2(dt=0.6e-6)),
}


def small(sizes, readout, dtype=np.float64):
    """A lively small network with a fine time step, and its inputs."""
    rng = np.random.default_rng(2)
    z = rng.random((6, 36, sizes[0])) < 0.08
    net = Network(
        sizes,
        LIF.brainscales2(dt=0.6e-6),
        n_steps=36,
        rng=1,
        spread=1.1,
        readout=readout,
        dtype=dtype,
    )
    return net, z.astype(float)


@pytest.mark.nojit
@pytest.mark.bounds
@pytest.mark.parametrize("sizes, readout", SMALL.values(), ids=SMALL)
def test_the_chip_equals_its_slow_twin(sizes, readout):
    net, x = small(sizes, readout)
    # 0.6 us: three steps per sample of the ADC, two steps refractory
    chip = quiet(4, **DETERMINISTIC)
    trace = net.forward(SpikeTrains.from_dense(x), on=chip)
    expected = twin(chip, net, x)
    for k, train_ in enumerate(trace.spikes):
        assert np.array_equal(train_.to_dense(), expected[k][1])
        assert expected[k][1].sum() > 10
    for k, v in enumerate(trace.v):
        np.testing.assert_allclose(v, expected[k][0], rtol=0, atol=1e-9)


def test_every_deterministic_effect_has_a_part_in_that():
    net, x = small((9, 12, 4), None)
    inputs = SpikeTrains.from_dense(x)
    chip = quiet(4, **DETERMINISTIC)
    whole = bits(net.forward(inputs, on=chip))
    assert bits(net.forward(inputs, on=chip.replace())) == whole
    off = {name: EFFECTS[name].off for name in EFFECTS} | {"adc_range": (-1.0, 1.3)}
    # what a spike does to a membrane that is then held at rest makes no difference
    without_a_part = {"noise", "trial_spread", "drift", "drift_period", "clamp", "reset"}
    for name in set(EFFECTS) - without_a_part:
        assert bits(net.forward(inputs, on=chip.replace(**{name: off[name]}))) != whole, name


def test_the_chip_in_single_precision_is_near():
    net, x = small((9, 12, 4), None, np.float32)
    chip = quiet(4, **DETERMINISTIC)
    trace = net.forward(SpikeTrains.from_dense(x), on=chip)
    (v, z), (readout, _) = twin(chip, net, x)
    assert trace.readout.dtype == np.float32
    # a potential between two codes may fall to either side
    assert (np.abs(trace.v[0] - v) < 1e-5).mean() > 0.999
    assert (np.abs(trace.readout - readout) < 1e-5).mean() > 0.999
    assert np.array_equal(trace.spikes[0].to_dense(), z)


# neurons that differ ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SPREADS)
def test_spreads_are_normal_and_bounded(name):
    chips = [ideal(seed, **{name: 0.08}) for seed in range(60)]
    factors = np.array([chip.factors[name] for chip in chips])
    n = factors.size
    assert factors.mean() == pytest.approx(1, abs=4 * 0.08 / n**0.5)
    assert factors.std() == pytest.approx(0.08, rel=4 / (2 * n) ** 0.5)
    kurtosis = (((factors - 1) / 0.08) ** 4).mean()
    assert kurtosis == pytest.approx(3, abs=4 * (24 / n) ** 0.5)
    assert len(np.unique(factors)) == n
    wide = ideal(1, **{name: 2.0}).factors[name]
    if name == "threshold_spread":
        assert wide.min() < -1
    else:
        assert wide.min() == 0.1 and (wide == 0.1).mean() == pytest.approx(0.33, abs=0.1)
    for other in set(SPREADS) - {name}:
        assert np.all(chips[0].factors[other] == 1)


def test_kinds_of_spread_are_independent():
    chips = [Substrate(seed, sigma_d=0.05) for seed in range(40)]
    kinds = np.array([np.ravel([chip.factors[name] for chip in chips]) for name in SPREADS])
    assert np.abs(np.corrcoef(kinds) - np.eye(4)).max() < 4 / kinds.shape[1] ** 0.5


def test_time_constants_and_gain_are_the_neurons_own():
    chip = ideal(3, tau_mem_spread=0.2, tau_syn_spread=0.2, gain_spread=0.2)
    net = one_layer(CHIP.integrator(), np.full((1, 256), 0.25), 12)
    v = net.forward(each_alone(1, 12), on=chip).readout[0]
    f = chip.factors
    for j in range(0, 256, 5):
        a, b = (math.exp(-1.7 / (6 * f[k][j])) for k in ("tau_syn_spread", "tau_mem_spread"))
        expected = reference.psp(12, a, b, 0.25, f["gain_spread"][j])
        np.testing.assert_allclose(v[:, j], expected, rtol=1e-9)


def test_thresholds_are_the_neurons_own():
    chip = ideal(3, threshold_spread=0.2)
    measured = thresholds(chip, 0.0, 2.0, 4001)
    assert np.abs(measured - chip.factors["threshold_spread"]).max() < 1e-3
    assert np.abs(thresholds(ideal(3)) - 1).max() < 1e-3


def test_a_threshold_below_rest_makes_a_neuron_fire_all_the_time():
    chip = ideal(3, threshold_spread=1.0, refractory=2e-6)
    net = Network((4, 100, 3), CHIP, n_steps=10, rng=0, spread=0)
    trace = net.forward(SpikeTrains.from_dense(np.zeros((2, 10, 4))), on=chip)
    below = chip.factors["threshold_spread"][:100] < 0
    assert 5 < below.sum() < 40
    assert np.array_equal(trace.spikes[0].unit_counts()[1], 5 * below)  # one step on, one step held


def test_eulers_method_survives_fast_neurons():
    model = LIF.grad_r(tau_syn=3e-3)  # tau_mem is two steps: half of it would be too short
    net = Network((4, 200, 3), model, n_steps=5, rng=0)
    chip = ideal(1, tau_mem_spread=0.5, tau_syn_spread=0.5)
    assert chip.factors["tau_mem_spread"].min() < 0.5
    trace = net.forward(ConstantCurrent(np.ones((2, 4)), 5), on=chip)
    assert np.isfinite(trace.v[0]).all()


# synapses -----------------------------------------------------------------------------------------


def test_synapses_differ():
    w = np.random.default_rng(0).uniform(0.05, 0.2, (256, 256))
    ratio = effective(ideal(2, synapse_spread=0.05), w) / w
    assert ratio.mean() == pytest.approx(1, abs=4 * 0.05 / 256)
    assert ratio.std() == pytest.approx(0.05, rel=0.02)
    rows, columns = ratio.mean(axis=1), ratio.mean(axis=0)  # no row or column as such differs
    assert rows.std() == pytest.approx(0.05 / 16, rel=0.2)
    assert columns.std() == pytest.approx(0.05 / 16, rel=0.2)
    assert effective(ideal(2, synapse_spread=3.0), w).min() == 0  # never of the other sign


@pytest.mark.parametrize("bits_, top", [(1, 1), (3, 7), (6, 63)])
def test_weights_are_rounded_to_levels_and_saturate(bits_, top):
    w = np.random.default_rng(0).normal(0, 0.15, (200, 100))
    levels = 240 * effective(ideal(2, weight_bits=bits_), w)
    assert np.abs(levels - np.rint(levels)).max() < 1e-9
    assert np.array_equal(np.rint(levels), np.clip(np.rint(240 * w), -top, top))
    assert levels.min() == pytest.approx(-top) and levels.max() == pytest.approx(top)
    assert (np.abs(w) > top / 240).any() and len(np.unique(np.rint(levels))) == 2 * top + 1


def test_the_scale_of_weights():
    w = np.random.default_rng(0).normal(0, 0.15, (20, 30))
    levels = 100 * effective(ideal(2, weight_bits=6, weight_scale=100), w)
    assert np.array_equal(np.rint(levels), np.clip(np.rint(100 * w), -63, 63))
    assert ideal(0, weight_bits=6, weight_scale=100).weight_max == 0.63
    assert ideal(0).weight_max == np.inf


@pytest.mark.parametrize("largest", [0.02, 0.26, 3.0])
def test_readout_weights_use_the_full_range_and_are_told_in_their_own_unit(largest):
    rng = np.random.default_rng(0)
    w = rng.uniform(-1, 1, (50, 10))
    w *= largest / np.abs(w).max()
    scale = min(63 / largest, 250)
    written = effective(ideal(2, weight_bits=6, dynamic_scaling=True), w)
    assert np.abs(written - w).max() <= 0.5 / scale + 1e-12
    levels = written * scale
    assert np.abs(levels - np.rint(levels)).max() < 1e-9
    full = 63 if 63 / largest < 250 else round(250 * largest)
    assert np.abs(levels).max() == pytest.approx(full)
    fixed = effective(ideal(2, weight_bits=6, dynamic_scaling=False), w)
    assert np.array_equal(np.rint(240 * fixed), np.clip(np.rint(240 * w), -63, 63))


def test_only_a_readout_without_threshold_is_scaled():
    net, inputs, _ = active()
    one, two = (ideal(1, weight_bits=6, dynamic_scaling=on) for on in (False, True))
    a, b = (net.forward(inputs, on=chip) for chip in (one, two))
    assert np.array_equal(a.v[0], b.v[0]) and not np.array_equal(a.readout, b.readout)
    net, inputs, _ = active(readout=CHIP)
    assert bits(net.forward(inputs, on=one)) == bits(net.forward(inputs, on=two))
    silent = Network((20, 24, 4), CHIP, n_steps=N_STEPS, rng=0, spread=0)  # largest weight 0
    assert np.all(silent.forward(inputs, on=two).readout == 0)


def test_injected_currents_meet_no_synapses():
    model = LeakyIntegrator(tau_mem=6e-6, tau_syn=None, dt=1.7e-6)
    w = np.random.default_rng(0).normal(0, 1, (5, 40))
    chip = Substrate(2, noise=0, adc_bits=None, membrane_range=None, tau_mem_spread=0, stuck=0.5)
    assert np.array_equal(effective(chip, w, model), w)
    assert chip.largest_weights(one_layer(model, w, 1)) == [np.inf]


def test_weights_are_clipped_to_what_can_be_written():
    net, *_ = active()
    net.parameters[...] *= 100
    before = [w.copy() for w in net.weights]
    chip = Substrate(0)
    assert chip.largest_weights(net) == [63 / 240, np.inf]
    chip.clip(net)
    assert np.array_equal(net.weights[0], np.clip(before[0], -0.2625, 0.2625))
    assert np.array_equal(net.weights[1], before[1])
    chip.replace(dynamic_scaling=False).clip(net)
    assert np.abs(net.weights[1]).max() == np.float32(0.2625)
    net, *_ = active(readout=CHIP)
    assert chip.largest_weights(net) == [63 / 240] * 2
    assert ideal(0).largest_weights(net) == [np.inf] * 2


# faults -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dead", [0.1, (3, 7, 100), np.array([3, 7, 100]), 1.0])
def test_dead_neurons_are_silent(dead):
    # thresholds below rest and wild variation: the living ones fire whatever they hear
    chip = Substrate(1, dead=dead, threshold_spread=5.0, trial_spread=1.0)
    expected = round(dead * 256) if np.ndim(dead) == 0 else 3
    assert chip.dead.sum() == expected
    if np.ndim(dead):
        assert chip.dead[[3, 7, 100]].all()
    net = Network((4, 246, 10), CHIP, n_steps=10, rng=0, spread=1.0)
    trace = net.forward(SpikeTrains.from_dense(np.ones((3, 10, 4))), on=chip)
    fired = trace.spikes[0].unit_counts().sum(axis=0) > 0
    assert not fired[chip.dead[:246]].any()
    assert np.all(trace.v[0][:, :, chip.dead[:246]] == 0)
    assert np.all(trace.readout[:, :, chip.dead[246:]] == 0)
    if expected < 256:
        assert fired[~chip.dead[:246]].mean() > 0.3


def test_more_dead_neurons_are_the_same_ones_and_some():
    few, many = (ideal(1, dead=share).dead for share in (0.05, 0.3))
    assert few.sum() == 13 and many.sum() == 77 and many[few].all()


def test_stuck_synapses_keep_their_level():
    rng = np.random.default_rng(0)
    one, two = (rng.normal(0, 0.1, (256, 256)) for _ in range(2))
    chip = ideal(1, stuck=0.2, weight_bits=6)
    a, b = (240 * effective(chip, w) for w in (one, two))
    stuck = chip._stuck != FREE
    assert stuck.mean() == pytest.approx(0.2, abs=0.01)
    assert np.allclose(a[stuck], chip._stuck[stuck]) and np.allclose(b[stuck], a[stuck])
    assert np.allclose(a[~stuck], np.clip(np.rint(240 * one), -63, 63)[~stuck])
    levels = chip._stuck[stuck]
    assert levels.min() == -63 and levels.max() == 63 and abs(levels.mean()) < 1.5
    assert levels.std() == pytest.approx((127**2 / 12) ** 0.5, rel=0.03)
    # without levels, and with other levels, the same synapses are stuck
    free = 240 * effective(ideal(1, stuck=0.2), one)
    assert np.allclose(free[stuck], levels) and np.allclose(free[~stuck], 240 * one[~stuck])
    coarse = ideal(1, stuck=0.2, weight_bits=3)._stuck
    assert np.array_equal(coarse != FREE, stuck) and np.abs(coarse[stuck]).max() == 7
    assert (ideal(1, stuck=0.4)._stuck != FREE)[stuck].all()


# membranes and their readings ---------------------------------------------------------------------


def strong(dt=1.7e-6, n_steps=20):
    """A network whose membranes go far, and its inputs."""
    z = np.random.default_rng(0).random((10, n_steps, 8)) < 0.2
    model = LIF.brainscales2(dt=dt)
    net = Network((8, 40, 30, 10), model, n_steps=n_steps, rng=0, spread=1.5, dtype=np.float64)
    return net, SpikeTrains.from_dense(z)


def test_membranes_stay_in_their_range():
    net, inputs = strong()
    free = net.forward(inputs)
    trace = net.forward(inputs, on=ideal(0, membrane_range=(-0.7, 1.9)))
    for v, wide in zip(trace.v, free.v, strict=True):
        assert wide.min() < -0.7 and wide.max() > 1.9
        assert v.min() == -0.7 and v.max() == 1.9
    # it is the state that is bounded, not the reading: what decays begins at the bound
    w = np.array([[10.0]])
    v = one_layer(LeakyIntegrator(tau_mem=6e-6, tau_syn=None, dt=1.7e-6), w, 4).forward(
        each_alone(1, 4), on=ideal(0, membrane_range=(-1, 2))
    )
    np.testing.assert_allclose(v.readout[0, :, 0], 2 * B ** np.arange(4), rtol=1e-12)


def test_the_range_of_a_scaled_readout_is_told_in_its_unit():
    w = np.array([[0.7, -0.7, 0.01]])
    net = one_layer(CHIP.integrator(), w, 3)
    chip = ideal(0, weight_bits=6, dynamic_scaling=True, membrane_range=(-0.1, 0.2), adc_bits=8)
    v = net.forward(each_alone(1, 3), on=chip).readout[0]
    unit = 240 / (63 / 0.7)  # the chip sees 63 levels, 0.2625, where 0.7 is meant
    lsb = 3.64 / 255 * unit
    assert v.max() == pytest.approx(0.2 * unit, abs=lsb / 2)
    assert v.min() == pytest.approx(-0.1 * unit, abs=lsb / 2)


@pytest.mark.parametrize("bits_", [3, 8])
def test_the_adc_has_codes(bits_):
    net, inputs = strong()
    plain = net.forward(inputs)
    trace = net.forward(inputs, on=ideal(0, adc_bits=bits_))
    n, lsb = 2**bits_, 3.64 / (2**bits_ - 1)
    for v, true in zip(trace.v, plain.v, strict=True):
        codes = v / lsb
        assert np.abs(codes - np.rint(codes)).max() < 1e-9
        lowest, highest = np.rint(codes.min()), np.rint(codes.max())
        assert highest - lowest == n - 1 and len(np.unique(v)) <= n
        assert 0 in v  # a membrane at rest reads 0
        assert v.min() == pytest.approx(-1.14, abs=0.51 * lsb)
        inside = (true > v.min()) & (true < v.max())
        assert 0.2 * lsb < np.abs(v - true)[inside].max() <= lsb / 2 + 1e-12
        assert np.all(v[true > v.max()] == v.max()) and np.all(v[true < v.min()] == v.min())
    assert bits(trace)[0] == bits(plain)[0]  # neurons do not see what the ADC reads


@pytest.mark.parametrize("dt, every", [(1.7e-6, 1), (0.85e-6, 2), (0.5e-6, 3), (3e-6, 1)])
def test_membranes_are_sampled_and_held(dt, every):
    net, inputs = strong(dt)
    plain, trace = net.forward(inputs), net.forward(inputs, on=ideal(0, sampling=1.7e-6))
    read = np.arange(20) // every * every
    for v, true in zip(trace.v, plain.v, strict=True):
        assert np.array_equal(v, true[:, read])
    assert bits(trace)[0] == bits(plain)[0]


def test_reset_and_refractory_time_are_the_neurons():
    net, inputs = strong()
    for effects in ({"reset": "zero"}, {"refractory": 4e-6}, {"reset": "zero", "refractory": 9e-6}):
        model = LIF.brainscales2(**effects)
        other = net.replace(neurons=(model, model, net.neurons[2]))
        measured = net.forward(inputs, on=ideal(0, **effects))
        assert bits(measured) == bits(other.forward(inputs)) != bits(net.forward(inputs))
        # a network that asks for more gets it; 0.5 us are no step
        with pytest.warns(RuntimeWarning, match="refractory=5e-07 .* cannot act"):
            short = other.forward(inputs, on=ideal(0, refractory=0.5e-6))
        assert bits(short) == bits(measured)


@pytest.mark.parametrize("kind", ["integrator", "spiking", "current"])
def test_the_clamp_forgets_and_leaves_what_was_before(kind):
    rng = np.random.default_rng(1)
    z = rng.random((20, 20, 8)) < 0.2
    z[np.arange(20)[:, None] > np.arange(20)] = 0  # first spikes in steps 0, 1, 2, ...
    z[3] = 0  # and a sample without any
    inputs = SpikeTrains.from_dense(z)
    readout = CHIP if kind == "spiking" else None
    net = Network((8, 40, 5), CHIP, n_steps=20, rng=0, spread=1.5, readout=readout)
    if kind == "current":
        inputs = ConstantCurrent(z.mean(axis=1), 20)
    first = np.where(z.any(axis=(1, 2)), z.any(axis=2).argmax(axis=1), 0)
    first = first * (kind != "current")
    free, chip = net.forward(inputs, on=Substrate(2)), Substrate(2, clamp=5 * 1.7e-6)
    trace, plain = net.forward(inputs, on=chip), Substrate(2, clamp=5 * 1.7e-6)
    later = np.arange(20) >= first[:, None] + 5
    for a, b in zip([*trace.v, trace.readout], [*free.v, free.readout], strict=True):
        assert np.array_equal(a[~later], b[~later]) and np.all(a[later] == 0)
        assert np.any(b[later] != 0)
    for a, b in zip(trace.spikes, free.spikes, strict=True):
        assert np.array_equal(a.to_dense(), b.to_dense() * ~later[:, :, None])
        assert a.counts().sum() < b.counts().sum()
    without = net.forward(inputs, on=plain, potentials=False)
    assert np.array_equal(without.readout, trace.readout)
    ten = net.forward(inputs, on=Substrate(2, clamp=10e-6))  # 5.9 steps: five whole ones
    assert np.array_equal(ten.readout, trace.readout)


def test_the_clamp_counts_whole_steps():
    n = 27
    assert n * 1.7e-6 / 1.7e-6 < n  # as floating-point numbers go
    chip = ideal(0, clamp=n * 1.7e-6)
    v = one_layer(INTEGRATOR, [[1.0]], 40).forward(each_alone(1, 40), on=chip).readout[0, :, 0]
    assert np.all(v[:n] > 0) and np.all(v[n:] == 0)
    chip = ideal(0, clamp=1e-9)  # the step of the first spike is always seen
    with pytest.warns(RuntimeWarning, match="clamp=1e-09 .* cannot act"):
        v = one_layer(INTEGRATOR, [[1.0]], 40).forward(each_alone(1, 40), on=chip).readout[0, :, 0]
    assert v[0] > 0 and np.all(v[1:] == 0)


# noise --------------------------------------------------------------------------------------------


def membranes(chip, n_samples=100, n_steps=60, dtype=np.float32):
    """Membranes of a network that hears nothing: hidden and readout, (sample, time, unit)."""
    net = Network((4, 246, 10), CHIP, n_steps=n_steps, rng=0, spread=0, dtype=dtype)
    trace = net.forward(SpikeTrains.from_dense(np.zeros((n_samples, n_steps, 4))), on=chip)
    assert trace.hidden_counts().sum() == 0
    return trace.v


def innovations(v):
    """What was added in each step, in units of its intended standard deviation 0.02."""
    before = np.concatenate([np.zeros_like(v[:, :1]), v[:, :-1]], axis=1)
    return (v - np.float32(B) * before) / (0.02 * (1 - B**2) ** 0.5)


@pytest.mark.nojit
@pytest.mark.bounds
@pytest.mark.filterwarnings("ignore:overflow")  # uncompiled, NumPy says that 32 bits wrap around
def test_noise_is_a_function_of_its_counter():
    def scrambled(x):
        x = (x ^ x >> 16) * 0x7FEB352D % 2**32
        x = (x ^ x >> 15) * 0x846CA68B % 2**32
        return x ^ x >> 16

    sd = np.array([0.5, 0, 1.0, 2.0])
    for key, s, t in ((0, 0, 0), (2**32 - 1, 5, 7), (123456789, 3, 2)):
        row = scrambled((scrambled((key + s) % 2**32) + t) % 2**32)
        numbers = [scrambled((row + j * 0x9E3779B9) % 2**32) for j in range(4)]
        sums = [sum(x.to_bytes(4, "big")) - 510 for x in numbers]
        out = np.ones(4)
        noise.add_noise(sd, np.uint32(key), s, t, out)
        assert np.array_equal(out, 1 + sd * sums)
    assert noise.SPREAD == pytest.approx(147.8, abs=0.05)


def test_noise_has_the_size_that_was_asked_for():
    hidden, readout = membranes(ideal(0, noise=0.02))
    for v in (hidden, readout):
        late = v[:, 20:].astype(float)  # e^-11 from rest
        assert late.std() == pytest.approx(0.02, rel=0.02)
        independent = late.size * (1 - B) / (1 + B)  # as many as an autoregression is worth
        assert abs(late.mean()) < 4 * 0.02 / independent**0.5
    t = np.arange(60)
    grown = 0.02 * np.sqrt(1 - B ** (2 * (t + 1)))  # it begins at rest
    np.testing.assert_allclose(hidden.std(axis=(0, 2)), grown, rtol=0.03)
    doubled, _ = membranes(ideal(0, noise=0.04))
    np.testing.assert_allclose(doubled, 2 * hidden, atol=1e-6)
    double_precision, _ = membranes(ideal(0, noise=0.02), dtype=np.float64)
    np.testing.assert_allclose(double_precision, hidden, atol=1e-6)


def test_noise_is_white_and_nearly_normal():
    chip = ideal(0, noise=0.02)
    (x, y), (later, _) = ([innovations(v) for v in membranes(chip)] for _ in range(2))
    n = x.size
    assert abs(x.mean()) < 4 / n**0.5 and x.std() == pytest.approx(1, abs=0.005)
    assert (x**3).mean() == pytest.approx(0, abs=0.02)
    assert (x**4).mean() == pytest.approx(2.7, abs=0.02)  # a sum of four even numbers
    assert 3.2 < np.abs(x).max() < 3.46

    def correlation(a, b):
        return abs((a * b).mean()) * a.size**0.5

    for lag in (1, 2, 3, 16, 128):
        assert correlation(x[:, :, lag:], x[:, :, :-lag]) < 4, f"{lag} units apart"
    for lag in (1, 2, 3):
        assert correlation(x[:, lag:], x[:, :-lag]) < 4, f"{lag} steps apart"
        assert correlation(y[:, lag:], y[:, :-lag]) < 4, f"{lag} steps apart, readout"
        assert correlation(x[lag:], x[:-lag]) < 4, f"{lag} samples apart"
        assert correlation(x[:, lag:, lag:], x[:, :-lag, :-lag]) < 4
    assert correlation(x, later) < 4, "runs"
    assert correlation(x[:, :, :10], y) < 4, "layers"
    other = innovations(membranes(ideal(1, noise=0.02))[0])
    assert correlation(x, other) < 4, "chips"
    # every unit and step gets its share
    units = np.corrcoef(x.reshape(-1, 246).T) - np.eye(246)
    assert np.abs(units).max() < 5.5 / (n / 246) ** 0.5
    assert x.std(axis=(0, 1)).min() > 0.95 and x.std(axis=(0, 1)).max() < 1.05


def test_noise_does_not_depend_on_threads_but_on_the_place_in_the_batch():
    x, _ = toy(400, 1)
    inputs = as_input(x)
    traces = []
    for workers in (1, 2, 3):
        net = network(inputs[:50], sizes=(20, 200, 4), workers=workers)
        assert threads(net, 400) == workers
        chip = Substrate(0)
        traces.append(
            [bits(net.forward(inputs, on=chip, potentials=keep)) for keep in (True, False)]
        )
    assert traces[0] == traces[1] == traces[2]
    first, other = (
        net.forward(inputs[part], on=Substrate(0)) for part in (slice(50), slice(50, 99))
    )
    whole = net.forward(inputs, on=Substrate(0))
    assert np.array_equal(first.v[0], whole.v[0][:50])
    assert not np.array_equal(other.v[0], whole.v[0][50:99])


def test_training_and_predictions_do_not_depend_on_threads():
    x, labels = toy(400, 1)
    inputs, nets, scores = as_input(x), [], []
    for workers in (1, 2):
        chip, net = Substrate(0), network(inputs[:50], sizes=(20, 200, 4), workers=workers)
        train(net, inputs, labels, epochs=1, rng=1, batch_size=200, substrate=chip)
        nets.append(net)
        scores.append(predict_scores(net, inputs, substrate=chip)[0])
    assert same(*nets) and np.array_equal(*scores)


def test_noise_of_a_scaled_readout_is_told_in_its_unit():
    chip = ideal(0, noise=0.02, weight_bits=6, dynamic_scaling=True)
    net = Network((4, 200, 10), CHIP, n_steps=60, rng=0, spread=0)
    net.weights[1][...] = 0.7
    trace = net.forward(SpikeTrains.from_dense(np.zeros((200, 60, 4))), on=chip)
    assert trace.v[0][:, 20:].std() == pytest.approx(0.02, rel=0.03)
    assert trace.readout[:, 20:].std() == pytest.approx(0.02 * 240 / 90, rel=0.03)


# from run to run ----------------------------------------------------------------------------------


def test_thresholds_vary_from_run_to_run():
    chip = ideal(0, trial_spread=0.05)
    runs = np.array([thresholds(chip) for _ in range(30)])
    n = runs.size
    assert runs.mean() == pytest.approx(1, abs=4 * 0.05 / n**0.5)
    assert runs.std() == pytest.approx(0.05, rel=0.04)
    assert np.abs(np.corrcoef(runs)[np.triu_indices(30, 1)]).max() < 5 / 16
    again = ideal(0, trial_spread=0.05)
    again.age = 7
    assert np.array_equal(thresholds(again), runs[7])


def test_thresholds_drift_and_come_back():
    chip = ideal(0, drift=0.05, drift_period=40)
    runs = np.array([thresholds(chip) for _ in range(41)])
    np.testing.assert_allclose(runs[40], runs[0], atol=1e-3)
    np.testing.assert_allclose(runs[20] - 1, 1 - runs[0], atol=2e-3)
    assert runs[:40].std(axis=0) == pytest.approx(0.05, rel=0.03)  # of each neuron over time
    assert runs[0].std() == pytest.approx(0.05, rel=0.15)  # of the neurons at any time
    assert np.abs(np.diff(runs, axis=0)).max() < 0.05 * 2**0.5 * 2 * np.pi / 40 + 1e-3  # slowly


# seeds --------------------------------------------------------------------------------------------


def test_the_same_chip_used_in_the_same_way_measures_the_same():
    net, inputs, _ = active()
    one, two, third, other = Substrate(3), Substrate(3), Substrate(3), Substrate(4)
    runs = [bits(net.forward(inputs, on=one)) for _ in range(3)]
    assert runs == [bits(net.forward(inputs, on=two)) for _ in range(3)]
    assert runs[0] != runs[1] != runs[2] and one.age == 3
    third.age = 2
    assert bits(net.forward(inputs, on=third, potentials=True)) == runs[2]
    third.age = 1
    reused = net.forward(inputs, on=third, out=net.forward(inputs, on=one))
    assert bits(reused) == runs[1]
    assert bits(net.forward(inputs, on=other)) not in runs
    frozen = quiet(3)
    assert bits(net.forward(inputs, on=frozen)) == bits(net.forward(inputs, on=frozen))


def draws(chip):
    """Everything random that is frozen in a chip, before it is scaled."""
    e = chip.effects
    kinds = {name: (chip.factors[name] - 1) / (e[name] or 1) for name in SPREADS}
    return kinds | {
        "synapse_spread": (chip._efficacy - 1) / (e["synapse_spread"] or 1),
        "dead": chip.dead,
        "stuck": chip._stuck,
        "phase": chip._phase,
    }


@pytest.mark.parametrize("name", EFFECTS)
def test_switching_an_effect_leaves_the_other_draws_as_they_were(name):
    base = {"dead": 0.1, "stuck": 0.1}
    before = draws(Substrate(5, **base))
    changes = [EFFECTS[name].off]
    if isinstance(EFFECTS[name].default, float):
        changes.append(0.5 * (base | {k: v.default for k, v in EFFECTS.items()} | base)[name])
    for value in changes:
        after = draws(Substrate(5, **base | {name: value}))
        for kind in set(before) - {name}:
            if kind == "stuck" and name == "weight_bits":
                continue  # the same synapses, at other levels
            np.testing.assert_allclose(after[kind], before[kind], atol=1e-5, err_msg=kind)
        if name in (*SPREADS, "synapse_spread") and value:  # scaled, not drawn anew
            np.testing.assert_allclose(after[name], before[name], atol=1e-4)


def test_an_effect_that_is_off_leaves_the_noise_as_it_was():
    both = membranes(ideal(2, noise=0.02, tau_syn_spread=0.2, gain_spread=0.3, sampling=1.7e-6))
    alone = membranes(ideal(2, noise=0.02))
    for a, b in zip(both, alone, strict=True):
        assert np.array_equal(a, b)


def test_sigma_d_stands_for_three_spreads():
    for make, others in ((Substrate, 0.1), (ideal, 0.0)):
        chip = make(0, sigma_d=0.3)
        assert [chip.effects[name] for name in SPREADS] == [0.3, 0.3, 0.3, others]
        assert chip.factors["tau_mem_spread"].std() == pytest.approx(0.3, rel=0.15)
        named = make(0, sigma_d=0.3, tau_syn_spread=0.1)
        assert [named.effects[name] for name in SPREADS] == [0.3, 0.1, 0.3, others]
        replaced = make(0).replace(sigma_d=0.3)
        assert replaced.effects == chip.effects
        assert all(np.array_equal(replaced.factors[k], chip.factors[k]) for k in SPREADS)
    assert Substrate(0, sigma_d=0).effects["threshold_spread"] == 0


def test_replace_keeps_the_chip():
    chip = Substrate(3, dead=(5,), partition=True)
    chip.factors = {"gain_spread": np.full(256, 1.25)}  # as a calibration does
    chip.calibrated = True
    chip.age = 9
    other = chip.replace(noise=0, sigma_d=0.2)
    assert (other.seed, other.age, other.calibrated, other.partition) == (3, 0, True, True)
    assert other.effects == chip.effects | {"noise": 0} | dict.fromkeys(SPREADS[:3], 0.2)
    assert np.all(other.factors["gain_spread"] == 1.25) and chip.effects["noise"] == 0.02
    other.factors = {"gain_spread": np.full(256, 2.0)}
    assert chip.factors["gain_spread"][0] == 1.25
    assert np.array_equal(
        other.factors["tau_mem_spread"], Substrate(3, sigma_d=0.2).factors["tau_mem_spread"]
    )
    assert not chip.replace(partition=False).partition


# where a network lies -----------------------------------------------------------------------------


def test_layers_lie_side_by_side():
    chip = ideal(3, threshold_spread=0.3, gain_spread=0.3)
    model = LIF(tau_mem=6e-6, tau_syn=6e-6, dt=1.7e-6)
    net = Network((1, 100, 156), model, n_steps=1, rng=0, spread=0, readout=model.integrator())
    net.weights[0][...] = 5.0
    net.weights[1][0] = 1.0  # only the first hidden neuron, which fires, is heard
    trace = net.forward(each_alone(1, 1), on=chip)
    gain = chip.factors["gain_spread"].astype(np.float32)
    np.testing.assert_allclose(trace.v[0][0, 0], 5 * gain[:100], rtol=1e-6)
    np.testing.assert_allclose(trace.readout[0, 0], gain[100:], rtol=1e-6)


@pytest.mark.parametrize(
    "sizes, runs",
    [
        ((256, 246, 10), 1),
        ((256, 247, 10), 2),
        ((256, 100, 100, 56), 1),
        ((10, 300, 5), 2),
        ((257, 10, 10), 1),
        ((784, 300, 10), 5),
        ((784, 10), 1),
        ((512, 256, 10), 3),
    ],
)
def test_networks_that_do_not_fit_are_refused_or_partitioned(sizes, runs):
    net = Network(sizes, CHIP, n_steps=5, rng=0)
    inputs = SpikeTrains.from_dense(np.ones((2, 5, sizes[0])))
    whole, parts = Substrate(0), Substrate(0, partition=True)
    fits = runs == 1 and max(sizes[:-1]) <= 256
    if fits:
        assert bits(net.forward(inputs, on=whole)) == bits(net.forward(inputs, on=parts))
    else:
        with pytest.raises(ValueError, match=f"{'-'.join(map(str, sizes))} does not fit"):
            net.forward(inputs, on=whole)
        assert whole.age == 0
        assert np.isfinite(net.forward(inputs, on=parts).readout).all()
    assert parts.runs(net) == runs


def test_a_large_network_meets_the_same_neurons_and_synapses_again():
    chip = quiet(0, partition=True)
    net = Network((300, 300, 5), CHIP, n_steps=6, rng=0, spread=3.0)
    net.weights[0][256:] = net.weights[0][:44]
    net.weights[0][:, 256:] = net.weights[0][:, :44]
    z = np.random.default_rng(0).random((4, 6, 300)) < 0.1
    z[:, :, 256:] = 0
    swapped = z.copy()
    swapped[:, :, 256:], swapped[:, :, :44] = z[:, :, :44], 0
    one, two = (net.forward(SpikeTrains.from_dense(x), on=chip) for x in (z, swapped))
    counts = one.spikes[0].unit_counts()
    assert counts.sum() > 50 and np.array_equal(counts[:, 256:], counts[:, :44])
    assert np.array_equal(one.v[0][:, :, 256:], one.v[0][:, :, :44])
    np.testing.assert_allclose(two.v[0], one.v[0], atol=0.02)  # sums in another order: a code
    assert (two.v[0] == one.v[0]).mean() > 0.99


def test_a_large_network_learns_in_parts():
    x, labels = toy(100, 1, n_units=300)
    inputs = as_input(x)
    net = network(inputs, sizes=(300, 280, 4))
    chip = Substrate(0, partition=True)
    train(net, inputs, labels, epochs=3, rng=1, batch_size=20, substrate=chip)
    assert evaluate(net, inputs, labels, substrate=chip).accuracy > 0.9
    assert chip.runs(net) == 3 and chip.cost(100, net).runs == 3


def test_costs():
    chip, large = Substrate(0), Network((784, 300, 10), CHIP, n_steps=5, rng=0)
    cost = chip.cost(1)
    assert cost.joules == pytest.approx(2.36e-6) and cost.seconds == pytest.approx(11.8e-6)
    assert cost.runs == 1 and chip.cost(10_000).joules == pytest.approx(23.6e-3)
    assert chip.cost(100, large).joules == pytest.approx(5 * 236e-6)
    assert chip.cost(100, large, training=True).seconds == pytest.approx(5 * 100 * 200e-6)
    assert chip.cost(100, training=True).joules == pytest.approx(100 * 200e-6 * 0.2)
    assert chip.cost(0).joules == 0


# learning through it ------------------------------------------------------------------------------


def test_the_backward_pass_reads_what_was_measured():
    net, inputs, _ = active(sizes=(20, 24, 17, 4))
    trace = net.forward(inputs, on=Substrate(0))
    copied = Trace.measured(inputs, trace.v[:-1], trace.spikes, trace.readout)
    g = np.random.default_rng(0).normal(size=trace.readout.shape).astype(np.float32)
    for one, two in zip(net.backward(trace, g), net.backward(copied, g), strict=True):
        assert np.array_equal(one, two) and np.any(one)


def test_training_in_the_loop_makes_up_for_mismatched_chips():
    digits = datasets.load("digits16")
    inputs, test = encode.latency(digits.x_train), (encode.latency(digits.x_test), digits.y_test)
    net = Network((256, 40, 10), CHIP, n_steps=20, rng=0).scale_to_activity(inputs[:300], 20)
    train(net, inputs, digits.y_train, epochs=5, rng=1, optimizer=Adam(lr=5e-3))
    assert evaluate(net, *test).accuracy > 0.91
    for seed in range(3):
        chip, own = Substrate(seed, sigma_d=0.3), net.copy()
        transferred = evaluate(own, *test, substrate=chip).accuracy
        settings = {"epochs": 3, "rng": 1, "optimizer": Adam(lr=5e-3)}
        train(own, inputs, digits.y_train, substrate=chip, **settings)
        in_the_loop = evaluate(own, *test, substrate=chip).accuracy
        assert in_the_loop > 0.87 and in_the_loop > transferred + 0.07, (transferred, in_the_loop)


def test_training_counts_runs_and_holds_weights_within_reach():
    net, inputs, labels = active()
    chip = Substrate(0)
    ages = []
    history = train(
        net,
        inputs,
        labels,
        epochs=3,
        rng=1,
        batch_size=20,
        substrate=chip,
        dropout=0.2,
        optimizer=Adam(lr=0.1),
        validation=(inputs[:9], labels[:9]),
        callback=lambda step: ages.append(chip.age),
    )
    assert ages == [1, 2, 4, 5, 6, 8, 9, 10, 12]  # three batches and a validation per epoch
    assert np.abs(net.weights[0]).max() == np.float32(63 / 240)
    assert np.abs(net.weights[1]).max() > 0.3
    assert len(history.validation_accuracy) == 3


def test_units_left_out_are_silent_on_the_chip():
    net, inputs, _ = active()
    kept = [np.arange(24) % 2 == 0]
    trace = net.forward(inputs, on=Substrate(0), dropout=kept)
    counts = trace.spikes[0].unit_counts().sum(axis=0)
    assert counts[1::2].sum() == 0 and (counts[::2] > 0).mean() > 0.3
    assert np.array_equal(trace.dropout[0], kept[0])
    assert np.abs(trace.v[0][:, :, 1::2]).max() < 6 * 0.02  # nothing but noise
    full = net.forward(inputs, on=Substrate(0))
    assert np.array_equal(full.v[0][:, :, ::2], trace.v[0][:, :, ::2])
    g = net.backward(trace, np.ones_like(trace.readout))[0]
    assert np.all(g[:, 1::2] == 0) and np.any(g[:, ::2])


def test_penalties_act_on_what_the_chip_does():
    spikes, amplitudes = [], []
    for penalties in ((), (Bursts(0.5), ReadoutAmplitude(1.0))):
        net, inputs, labels = active()
        history = train(
            net,
            inputs,
            labels,
            epochs=8,
            rng=1,
            batch_size=20,
            substrate=Substrate(0),
            penalties=penalties,
            optimizer=Adam(lr=5e-3),
        )
        assert (min(history.penalty) > 0) == bool(penalties)
        trace = net.forward(inputs, on=Substrate(0))
        spikes.append(trace.hidden_counts().mean())
        amplitudes.append((trace.readout.max(axis=1) ** 2).mean())
    assert spikes[1] < 0.6 * spikes[0] and amplitudes[1] < 0.8 * amplitudes[0]


def test_a_resumed_training_is_bit_identical(tmp_path):
    settings = {"epochs": 4, "batch_size": 20, "dropout": 0.2, "checkpoint": tmp_path / "run.npz"}
    whole, inputs, labels = active()
    chip, valid = Substrate(3), (inputs[:9], labels[:9])
    chip.age = 5
    past = train(
        whole,
        inputs,
        labels,
        rng=1,
        substrate=chip,
        validation=valid,
        **settings | {"checkpoint": None},
    )
    first, *_ = active()
    old = Substrate(3)
    old.age = 5
    stop = lambda step: step.epoch == 1 and step.ends_epoch  # noqa: E731
    train(first, inputs, labels, rng=1, substrate=old, validation=valid, callback=stop, **settings)
    second, fresh = active()[0], Substrate(3)
    resumed = train(second, inputs, labels, rng=1, substrate=fresh, validation=valid, **settings)
    assert same(second, whole) and not same(first, whole)
    assert fresh.age == chip.age == 5 + 4 * (3 + 1)
    assert resumed.loss == past.loss
    assert resumed.validation_accuracy == past.validation_accuracy
    for other in (None, Substrate(4), Substrate(3, noise=0)):
        with pytest.raises(ValueError, match="another substrate"):
            train(active()[0], inputs, labels, rng=1, substrate=other, **settings)


def test_evaluation_on_the_chip():
    net, inputs, labels = active(n=300)
    train(net, inputs, labels, epochs=10, rng=1, substrate=Substrate(0), optimizer=Adam(lr=5e-3))
    ideally = evaluate(net, inputs, labels)
    measured = evaluate(net, inputs, labels, substrate=Substrate(0))
    assert measured.accuracy > 0.85 and measured.hidden_spikes != ideally.hidden_spikes
    chip = Substrate(0)
    scores, counts = predict_scores(net, inputs, batch_size=100, substrate=chip)
    assert chip.age == 3 and len(scores) == len(counts) == 300
    chip.age = 1  # the second batch
    trace = net.forward(inputs[100:200], on=chip)
    assert np.array_equal(counts[100:200], trace.hidden_counts())
    scale = losses.MaxOverTime().scale
    np.testing.assert_allclose(scores[100:200], scale * trace.readout.max(axis=1), rtol=1e-6)


# its card -----------------------------------------------------------------------------------------


def test_the_card_names_every_effect_with_value_state_and_source(capsys):
    chip = Substrate(7, noise=0, dead=(3, 7), sampling=None, membrane_range=(-1, 2))
    chip.describe()
    card = capsys.readouterr().out
    assert card == chip.card() + "\n" and "chip 7" in card and "2 dead" in card
    rows = {line.split()[0]: line for line in card.splitlines() if line}
    for name, effect in EFFECTS.items():
        assert effect.what in rows[name] and effect.source in rows[name]
        assert ("default" in rows[name]) == (chip.effects[name] != effect.default)
    assert [rows[name][18:39].split("  ")[0] for name in ("noise", "gain_spread")] == ["0", "0.1"]
    assert [rows[name][18:25].strip() for name in ("sampling", "weight_bits")] == ["none", "6"]
    assert rows["dead"][18:34].strip() == "2 neurons"
    assert rows["membrane_range"][18:34].strip() == "-1 to 2"
    on = {name for name in EFFECTS if rows[name][34:39].strip() == "on"}
    off = {name for name in EFFECTS if rows[name][34:39].strip() == "off"}
    assert off == {"noise", "sampling", "stuck", "clamp"}
    assert set(EFFECTS) - on - off == {"weight_scale", "adc_range", "drift_period"}
    assert "2.4 uJ" in card and "84,746 per second" in card
    assert not any(line[34:39].strip() == "on" for line in ideal(0).card().splitlines()[3:-2])


def test_the_representation_makes_the_same_chip():
    for chip in (Substrate(0), Substrate(3, sigma_d=0.2, dead=(1, 2), clamp=1e-5), ideal(2)):
        assert eval(repr(chip)).effects == chip.effects
    assert repr(Substrate(0)) == "Substrate(0)"


# bad input ----------------------------------------------------------------------------------------


BAD = {
    "seed": ({"seed": -1}, ValueError, "seed"),
    "seed text": ({"seed": "a"}, TypeError, "seed"),
    "unknown": ({"nois": 0.1}, TypeError, "nois is no effect"),
    "negative spread": ({"gain_spread": -0.1}, ValueError, "gain_spread must be at least 0"),
    "negative sigma_d": ({"sigma_d": -0.1}, ValueError, "sigma_d must be at least 0"),
    "spread NaN": ({"tau_mem_spread": np.nan}, ValueError, "tau_mem_spread must be finite"),
    "spread None": ({"synapse_spread": None}, TypeError, "synapse_spread must be a number"),
    "spread text": ({"trial_spread": "1"}, TypeError, "trial_spread must be a number"),
    "no bits": ({"weight_bits": 0}, ValueError, "weight_bits must be at least 1"),
    "negative bits": ({"weight_bits": -6}, ValueError, "weight_bits must be at least 1"),
    "too many bits": ({"weight_bits": 15}, ValueError, "weight_bits must be at most 14"),
    "half a bit": ({"weight_bits": 6.5}, TypeError, "weight_bits must be an integer"),
    "adc bits": ({"adc_bits": 0}, ValueError, "adc_bits must be at least 1"),
    "many adc bits": ({"adc_bits": 17}, ValueError, "adc_bits must be at most 16"),
    "scale": ({"weight_scale": 0}, ValueError, "weight_scale must be above 0"),
    "scale None": ({"weight_scale": None}, TypeError, "weight_scale must be a number"),
    "switch": ({"dynamic_scaling": 1}, TypeError, "dynamic_scaling must be True or False"),
    "range": ({"membrane_range": (1, 2)}, ValueError, "membrane_range must reach from below 0"),
    "range of nothing": ({"adc_range": (-1e-300, 1e-300)}, ValueError, "adc_range must reach from"),
    "range turned": ({"membrane_range": (1, -1)}, ValueError, "membrane_range must reach"),
    "range infinite": ({"adc_range": (-1, np.inf)}, ValueError, "adc_range must be finite"),
    "range number": ({"adc_range": 2.5}, TypeError, "adc_range must be a pair"),
    "range None": ({"adc_range": None}, TypeError, "adc_range must be a pair"),
    "range of three": ({"membrane_range": (-1, 0, 1)}, TypeError, "membrane_range must be a pair"),
    "sampling": ({"sampling": 0}, ValueError, "sampling must be above 0"),
    "reset": ({"reset": "hard"}, ValueError, "reset must be one of"),
    "refractory": ({"refractory": -1e-6}, ValueError, "refractory must be at least 0"),
    "noise": ({"noise": -0.1}, ValueError, "noise must be at least 0"),
    "drift": ({"drift": -0.1}, ValueError, "drift must be at least 0"),
    "drift_period": ({"drift_period": 0}, ValueError, "drift_period must be at least 1"),
    "drift_period text": ({"drift_period": 2.5}, TypeError, "drift_period must be an integer"),
    "dead share": ({"dead": 1.5}, ValueError, "dead must be at most 1"),
    "dead number": ({"dead": [256]}, ValueError, r"dead must hold numbers .* 0 \.\.\. 255"),
    "dead negative": ({"dead": [-1]}, ValueError, "dead must be at least 0"),
    "dead floats": ({"dead": [1.5]}, TypeError, "dead must be an integer"),
    "dead None": ({"dead": None}, TypeError, "dead must be a number"),
    "stuck": ({"stuck": 1.1}, ValueError, "stuck must be at most 1"),
    "clamp": ({"clamp": 0}, ValueError, "clamp must be above 0"),
}


@pytest.mark.parametrize("change, error, message", BAD.values(), ids=BAD)
def test_bad_arguments_are_refused_by_name(change, error, message):
    with pytest.raises(error, match=message):
        Substrate(**{"seed": 0} | change)
    if "seed" not in change:
        with pytest.raises(error, match=message):
            Substrate(0).replace(**change)
        with pytest.raises(error, match=message):
            ideal(0, **change)


def test_bad_use_is_refused():
    net, inputs, labels = active()
    chip = Substrate(0)
    with pytest.raises(TypeError, match="inputs must be"):
        net.forward(np.zeros((3, N_STEPS, 20)), on=chip)
    with pytest.raises(ValueError, match="inputs has 19 units"):
        net.forward(as_input(toy(3, 1)[0][:, :19]), on=chip)
    with pytest.raises(ValueError, match="dropout"):
        net.forward(inputs, on=chip, dropout=[np.ones(3, bool)])
    with pytest.raises(TypeError, match="out must be a Trace"):
        net.forward(inputs, on=chip, out=3)
    assert chip.age == 0
    with pytest.raises(TypeError, match="n_samples"):
        chip.cost(1.5)
    with pytest.raises(ValueError, match="n_samples"):
        chip.cost(-1)
    for other in ("chip", Substrate, 0):
        for call in (
            lambda: train(net, inputs, labels, epochs=1, rng=1, substrate=other),  # noqa: B023
            lambda: evaluate(net, inputs, labels, substrate=other),  # noqa: B023
        ):
            with pytest.raises(TypeError, match="substrate must be a Substrate"):
                call()
    large, before = network(sizes=(20, 300, 4)), network(sizes=(20, 300, 4))
    with pytest.raises(ValueError, match="20-300-4 does not fit the chip"):
        train(large, inputs, labels, epochs=1, rng=1, substrate=chip)
    assert same(large, before)
    assert substrate.N_NEURONS == 256


@pytest.mark.parametrize("reset", ["subtract", "zero"])
@pytest.mark.parametrize(
    "effects",
    [{"clamp": 10 * 1.7e-6}, {"noise": 0.2, "threshold_spread": 0.5}, {"dead": 0.2, "stuck": 0.1}],
    ids=lambda effects: "-".join(effects),
)
def test_gradients_are_those_of_what_the_trace_holds(effects, reset):
    """Spikes are kept twice, as events and as bits: whatever clears some must clear both."""
    net = Network(
        (8, 12, 3),
        LIF.brainscales2(reset=reset, steepness=2.0),
        n_steps=24,
        rng=1,
        spread=2.0,
        dtype=np.float64,
    )
    inputs = SpikeTrains.from_dense(np.random.default_rng(0).random((4, 24, 8)) < 0.3)
    trace = net.forward(inputs, on=ideal(0, **effects))
    g = np.random.default_rng(1).normal(size=trace.readout.shape)
    written_down = Trace.measured(inputs, trace.v[:1], trace.spikes, trace.readout)
    assert trace.spikes[0].counts().sum() > 20
    for a, b in zip(net.backward(trace, g), net.backward(written_down, g), strict=True):
        assert np.array_equal(a, b) and np.abs(a).max() > 0


def test_factors_are_taken_whole_or_not_at_all():
    chip = Substrate(0)
    copied, gain = copy.copy(chip), chip.factors["gain_spread"].copy()
    with pytest.raises(ValueError, match="factor_tau_mem_spread of factors must be at least"):
        chip.factors = {"gain_spread": np.full(256, 2.0), "tau_mem_spread": np.zeros(256)}
    assert np.array_equal(chip.factors["gain_spread"], gain)
    chip.factors = {"gain_spread": np.full(256, 2.0)}
    assert np.array_equal(copied.factors["gain_spread"], gain)
