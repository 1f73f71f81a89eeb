"""Calibration: what was measured is true, what was corrected is better, the rest as it was."""

import numpy as np
import pytest
from helpers import CHIP, active, bits, thresholds, train

from snnlab import Network, Substrate, datasets, encode, evaluate
from snnlab.chip.calibration import Calibration, calibrate
from snnlab.chip.effects import SPREADS

CHIPS = {
    "as drawn": {},
    "detuned": {"sigma_d": 0.3, "gain_spread": 0.3},
    "without noise": {"sigma_d": 0.3, "gain_spread": 0.3, "noise": 0, "trial_spread": 0},
    "dead neurons": {"sigma_d": 0.3, "gain_spread": 0.3, "dead": 0.2},
    "early reset": {"sigma_d": 0.3, "gain_spread": 0.3, "clamp": 10e-6},
    "ideal readings": {
        "sigma_d": 0.3,
        "gain_spread": 0.3,
        "adc_bits": None,
        "membrane_range": None,
        "sampling": None,
        "weight_bits": None,
    },
    "fewer bits": {"sigma_d": 0.3, "gain_spread": 0.3, "weight_bits": 4, "weight_scale": 60},
}


@pytest.mark.parametrize("effects", CHIPS.values(), ids=CHIPS)
@pytest.mark.parametrize("seed", [0, 1])
def test_calibration_reduces_every_spread(effects, seed):
    chip = Substrate(seed, **effects)
    before = {name: chip.factors[name].copy() for name in SPREADS}
    better, report = calibrate(chip)
    alive, detuned = ~chip.dead, "sigma_d" in effects
    for name in SPREADS:
        was, now = (factors[name][alive] for factors in (before, better.factors))
        assert report.before[name] == pytest.approx(was.std())
        assert report.after[name] == pytest.approx(now.std())
        # the thresholds of a chip as drawn vary about as much from run to run as they differ
        limit = 0.7 if name == "threshold_spread" and not detuned else 1 / 3
        assert now.std() < limit * was.std(), name
        assert abs(now.mean() - 1) < 0.01
        # what was measured, of those whose threshold was within reach, is true
        error = (report.measured[name][alive] - was)[np.abs(was - 1) < 0.9]
        assert np.abs(error).mean() < 0.025 and not np.isnan(error).any(), name
        assert np.isnan(report.measured[name][~alive]).all()
        assert np.array_equal(better.factors[name][~alive], before[name][~alive])


def test_the_chip_stays_as_it_is_but_older():
    chip = Substrate(3, sigma_d=0.2, noise=0.03)
    chip.age = 100
    net, inputs, _ = active()
    better, _ = calibrate(chip, rounds=9)
    assert chip.age == better.age == 100 + 2 + 9
    assert better.calibrated and not chip.calibrated
    assert better.effects == chip.effects and better.seed == chip.seed
    untouched = Substrate(3, sigma_d=0.2, noise=0.03)
    untouched.age = chip.age
    assert bits(net.forward(inputs, on=untouched)) == bits(net.forward(inputs, on=chip))
    assert bits(net.forward(inputs, on=better)) != bits(net.forward(inputs, on=untouched))
    assert "calibrated" in repr(better) and "calibrated" in better.card().splitlines()[0]
    assert "calibrated" not in repr(chip) + chip.card()


def test_calibration_is_repeatable_and_can_be_repeated():
    one, two = (calibrate(Substrate(1, sigma_d=0.5))[0] for _ in range(2))
    for name in SPREADS:
        assert np.array_equal(one.factors[name], two.factors[name])
    again, report = calibrate(one)
    assert again.calibrated and again.age > one.age - 1
    assert report.before["threshold_spread"] == np.std(one.factors["threshold_spread"])
    assert report.after["threshold_spread"] < 0.025  # thresholds that had been out of reach


def test_parameters_move_in_steps_of_the_converter():
    chip = Substrate(1, sigma_d=0.2)
    better, _ = calibrate(chip)
    for name in SPREADS:
        steps = 512 * (better.factors[name] - chip.factors[name])
        assert np.abs(steps - np.rint(steps)).max() < 1e-9 and np.ptp(steps) > 50


def test_calibrated_parameters_are_those_that_act():
    chip = Substrate(2, sigma_d=0.3, trial_spread=0, drift=0, noise=0)
    better, _ = calibrate(chip)
    assert thresholds(chip, 0, 2).std() > 0.2 and thresholds(better, 0, 2).std() < 0.02
    # what stays on is not mended: synapses, noise from run to run
    assert np.array_equal(better._efficacy, chip._efficacy)
    switched = better.replace(noise=0.02)
    assert np.array_equal(switched.factors["gain_spread"], better.factors["gain_spread"])
    redrawn = better.replace(threshold_spread=0.1)
    assert redrawn.factors["threshold_spread"].std() == pytest.approx(0.1, rel=0.2)


def test_more_trials_and_other_targets():
    chip = Substrate(1, sigma_d=0.2, tau_mem_spread=0.2)
    better, report = calibrate(chip, tau_mem=12e-6, tau_syn=4e-6, trials=200)
    for name in SPREADS:
        assert report.after[name] < report.before[name] / 3
    fine, report = calibrate(Substrate(1, sigma_d=0.2, sampling=None), dt=0.5e-6)
    assert max(report.after.values()) < 0.025
    coarse, _ = calibrate(chip, trials=1, rounds=3)
    assert np.std(coarse.factors["threshold_spread"]) > 0.08


def test_a_calibrated_chip_takes_over_ideal_weights_better():
    digits = datasets.load("digits16")
    inputs, test = encode.latency(digits.x_train), (encode.latency(digits.x_test), digits.y_test)
    net = Network((256, 40, 10), CHIP, n_steps=20, rng=0).scale_to_activity(inputs[:300], 20)
    train(net, inputs, digits.y_train, epochs=5, rng=1)
    chip = Substrate(1, sigma_d=0.3)
    better, _ = calibrate(chip)
    before, after = (evaluate(net, *test, substrate=c).accuracy for c in (chip, better))
    assert after > before + 0.05


def test_the_report_as_text():
    values = np.array([0.9, 1.1, np.nan])
    report = Calibration(
        {"tau_mem_spread": values, "gain_spread": values},
        {"tau_mem_spread": 0.12, "gain_spread": 0.1},
        {"tau_mem_spread": 0.004, "gain_spread": 0.025},
    )
    assert str(report).splitlines() == [
        "spread             measured   before    after",
        "tau_mem_spread        10.0%    12.0%     0.4%",
        "gain_spread           10.0%    10.0%     2.5%",
    ]
    _, report = calibrate(Substrate(0, dead=(1,)))
    assert [line.split()[0] for line in str(report).splitlines()] == ["spread", *SPREADS]
    assert "nan" not in str(report)


@pytest.mark.parametrize(
    "change, error, message",
    [
        ({"trials": 0}, ValueError, "trials must be at least 1"),
        ({"trials": 1.5}, TypeError, "trials must be an integer"),
        ({"rounds": 0}, ValueError, "rounds must be at least 1"),
        ({"tau_mem": -1e-6}, ValueError, "tau_mem must be above 0"),
        ({"tau_syn": 0}, ValueError, "tau_syn must be above 0"),
        ({"dt": 0}, ValueError, "dt must be above 0"),
        ({"dt": 1e-3}, ValueError, "tau_mem must be at least dt / 4"),
        ({"tau_syn": 1e-7}, ValueError, "tau_syn must be at least dt / 4"),
        ({"tau_mem": 2e-3}, ValueError, "tau_mem must be at most 1000 dt"),
        ({"dt": 0.5e-6}, ValueError, "dt must not be below the chip's sampling, got 5e-07"),
        ({"chip": 3}, TypeError, "chip must be a Substrate"),
        ({"chip": Substrate(0, dead=1.0)}, ValueError, "chip has no neuron that responds"),
    ],
    ids=str,
)
def test_bad_arguments_are_refused_by_name(change, error, message):
    chip = change.pop("chip", Substrate(0))
    with pytest.raises(error, match=message):
        calibrate(chip, **change)
    assert chip == 3 or chip.age == 0


@pytest.mark.parametrize(
    "effects, worse",
    [
        ({"adc_range": (-1, 1)}, "tau_mem_spread"),
        ({"membrane_range": (-1.0, 1.0)}, "threshold_spread"),
        ({"weight_scale": 0.01}, "tau_syn_spread"),
        ({"weight_scale": 1e5}, "gain_spread"),
        ({"stuck": 0.2}, "gain_spread"),
        ({"noise": 0.5}, "tau_mem_spread"),
    ],
    ids=str,
)
def test_a_chip_that_calibration_makes_worse_is_told_of(effects, worse):
    with pytest.warns(RuntimeWarning, match=f"has made it worse .*{worse} .* to "):
        calibrate(Substrate(0, **effects), trials=20)
