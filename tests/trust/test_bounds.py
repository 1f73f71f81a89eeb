"""Whole numbers that size or index memory are bounded, whether given or read from a file."""

import json

import numpy as np
import pytest
from helpers import N_STEPS, as_input, fresh_python, network, same, toy, train

import snnlab
from snnlab import (
    LIF,
    Affine,
    ConstantCurrent,
    LeakyIntegrator,
    Network,
    SpikeTrains,
    Substrate,
    _check,
    encode,
)
from snnlab.chip.calibration import calibrate
from snnlab.chip.recording import load_trace, save_trace
from snnlab.datasets.augment import AugmentedImages, Crops, resample
from snnlab.layers import Conv, Dense, Linear, Pool
from snnlab.learning.bottleneck import first_spikes
from snnlab.learning.stdp import STDP, Detectors
from snnlab.memory import rows_of
from snnlab.rewiring import DeepR, GradR, Magnitude
from snnlab.rewiring.compressed import loudest_silence
from snnlab.sound import Cochlea

NEURON = {"tau_mem": 2e-6, "tau_syn": 2e-6, "dt": 1e-6}
HUGE = [2**31, 2**63 - 1, 2**64, 10**400]
X = np.zeros((2, 3), np.float32)
TAKERS = {
    "n_steps": [
        lambda n: SpikeTrains([0, 0], [], [], n, 3),
        lambda n: SpikeTrains.from_events([0.5], [0], dt=1, n_units=3, n_steps=n),
        lambda n: ConstantCurrent(X, n),
        lambda n: Network((3, 2), LIF(**NEURON), n_steps=n, rng=0),
        lambda n: network().replace(n_steps=n),
        lambda n: encode.latency(X, n_steps=n),
        lambda n: encode.rate(X, n_steps=n, rng=0),
        lambda n: encode.constant_current(X, n_steps=n),
        lambda n: loudest_silence(LIF(**NEURON), n),
    ],
    "n_units": [
        lambda n: SpikeTrains([0, 0], [], [], 4, n),
        lambda n: SpikeTrains.from_events([0.5], [0], dt=1, n_units=n),
    ],
    "delay": [lambda n: LIF(**NEURON, delay=n), lambda n: LeakyIntegrator(**NEURON, delay=n)],
    "layers": [
        lambda n: Network((n, 2), LIF(**NEURON), n_steps=2, rng=0),
        lambda n: Network((3, n, 2), LIF(**NEURON), n_steps=2, rng=0),
        lambda n: Network(((2**20, 2**20, 2**20), 2), LIF(**NEURON), n_steps=2, rng=0),
        lambda n: Network((2**29, 2**29), LIF(**NEURON), n_steps=2, rng=0),
    ],
    "n ": [Dense],
    "channels": [Conv],
    "kernel": [lambda n: Conv(2, n)],
    "stride": [lambda n: Conv(2, 3, n)],
    "padding": [lambda n: Conv(2, 3, 1, n)],
    "max_fan_in": [lambda n: GradR(max_fan_in=n)],
    "log_every": [lambda n: DeepR(log_every=n * 2**40, rng=0)],
    "every": [lambda n: Magnitude(every=n * 2**40)],
    "epochs": [
        lambda n: train(network(), as_input(X), [0, 1], epochs=n * 2**40, rng=0),
        lambda n: GradR().begin(network(), n * 2**40, 3),
        lambda n: GradR().begin(network(), 2**40, 2**40),
    ],
    "batch_size": [
        lambda n: snnlab.training.predict_scores(
            network(), as_input(np.zeros((2, 20), np.float32)), batch_size=n * 2**40
        ),
    ],
    "workers": [lambda n: Network((3, 2), LIF(**NEURON), n_steps=2, rng=0, workers=n)],
    "seed": [lambda n: Substrate(n * 2**40)],
    "adc_bits": [lambda n: Substrate(0, adc_bits=n)],
    "weight_bits": [lambda n: Substrate(0, weight_bits=n)],
    "drift_period": [lambda n: Substrate(0, drift_period=n * 2**40)],
    "size": [
        lambda n: resample(np.zeros((1, 8, 8), np.uint8), np.zeros(1, int), n),
        lambda n: AugmentedImages(np.zeros((1, 8, 8), np.uint8), n, Affine()),
    ],
    "trials": [lambda n: calibrate(Substrate(0), trials=n)],
    "rounds": [lambda n: calibrate(Substrate(0), rounds=n)],
    "n_centres": [lambda n: encode.population(X, n_centres=n)],
}


@pytest.mark.parametrize("n", HUGE, ids=lambda n: f"{n.bit_length()} bits")
@pytest.mark.parametrize("name", TAKERS)
def test_what_is_too_large_is_refused_by_name(name, n):
    for call in TAKERS[name]:
        with pytest.raises(ValueError, match=name) as fault:
            call(n)
        assert len(str(fault.value)) < 300


def test_the_bounds_leave_sums_in_32_bits():
    assert 2 * max(_check.MOST_STEPS, _check.MOST_UNITS) <= 2**31
    assert np.float32(_check.MOST_STEPS) - 1 == _check.MOST_STEPS - 1
    model = LIF(**NEURON, delay=_check.MOST_STEPS)
    net = Network((3, 4, 2), model, n_steps=5, rng=0)
    x = SpikeTrains([0, 1], [4], [0], 5, 3)
    trace = net.forward(x)
    assert not trace.readout.any() and not net.backward(trace, np.ones((1, 5, 2))).flat.any()
    assert not net.compressed(1.0).forward(x).readout.any()


@pytest.mark.parametrize("tau", [1e300, 1e-300])
def test_codes_with_absurd_constants_end(tau):
    """Their quotients are infinite, and what is computed from them is no number."""
    trains = encode.latency(np.full((1, 2), 0.9), n_steps=4, dt=1e-300, tau=tau)
    assert len(trains) == 1 and trains.counts()[0] <= 2


def test_times_too_long_to_count():
    net = Network((3, 4, 2), LIF(**NEURON, refractory=1e300), n_steps=5, rng=0)
    assert net.stages[0].hold.max() == _check.MOST_STEPS
    LIF(tau_mem=1e-300, tau_syn=1e-3, dt=1e9).constants(3)
    chip = Substrate(0, clamp=1e15, sampling=1e15, refractory=1e15)
    assert np.isfinite(net.forward(SpikeTrains([0, 1], [0], [0], 5, 3), on=chip).readout).all()


# events -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "indptr", [[0, 1, -(2**63), -1, 1], [0, 2, 1], [0, -1, 1], [1, 1], [0, 2**63 - 1, 1]], ids=str
)
def test_where_samples_begin_never_falls(indptr):
    with pytest.raises(ValueError, match="indptr"):
        SpikeTrains(indptr, [0], [0], 10, 30)


def test_as_many_units_as_there_may_be():
    """The check of events needs memory for those that spike, not for all."""
    units = _check.MOST_UNITS
    one = SpikeTrains([0, 2], [0, 0], [0, units - 1], 2, units)
    with pytest.raises(ValueError, match="spikes twice"):
        SpikeTrains([0, 2], [0, 0], [5, 5], 2, units)
    many = SpikeTrains(np.arange(10), [1] * 9, [3] * 9, _check.MOST_STEPS, units)
    other = SpikeTrains(np.arange(10), [1] * 8 + [2], [3] * 9, _check.MOST_STEPS, units)
    assert one == one[:] and many == many[:] and many != other


# files --------------------------------------------------------------------------------------------


def rewrite(path, change):
    """Save a network's or a trace's file anew, changed."""
    with np.load(path) as file:
        arrays = dict(file)
    change(arrays)
    np.savez(path, **arrays)


@pytest.mark.parametrize(
    "where",
    [
        ("n_steps",),
        ("shape", 0),
        ("layers", 0, "n"),
        ("neurons", 0, "delay"),
        ("neurons", 1, "delay"),
    ],
    ids=str,
)
@pytest.mark.parametrize("n", [2**63 - 1, 2**40, 10**400, -1, 1.5, None, "3"], ids=repr)
def test_a_networks_file_is_not_believed(tmp_path, where, n):
    path = tmp_path / "net.npz"
    network().save(path)

    def change(arrays):
        header = json.loads(str(arrays["header"]))
        inner = header
        for key in where[:-1]:
            inner = inner[key]
        inner[where[-1]] = n
        arrays["header"] = np.array(json.dumps(header))

    rewrite(path, change)
    with pytest.raises(ValueError, match="does not hold a snnlab network"):
        Network.load(path)


@pytest.mark.parametrize("name", ["n_steps", "input_units", "format"])
@pytest.mark.parametrize("n", [2**63 - 1, 2**31, 0, -1])
def test_a_recordings_file_is_not_believed(tmp_path, name, n):
    path, net = tmp_path / "trace.npz", network()
    save_trace(path, net.forward(as_input(toy(5, 0)[0])))
    rewrite(path, lambda arrays: arrays.update({name: np.array(n)}))
    with pytest.raises(ValueError, match="is no recorded trace"):
        load_trace(path)


@pytest.mark.parametrize(
    "name, value",
    [
        ("optimizer_steps", 2**62),
        ("optimizer_steps", -1),
        ("optimizer_first", np.zeros(7, np.float32)),
        ("optimizer_second", -1.0),
        ("parameters", 0),
        ("optimizer_first", np.nan),
    ],
    ids=str,
)
def test_a_checkpoints_file_is_not_believed(tmp_path, name, value):
    x, labels = toy(30, 1)
    path, settings = tmp_path / "run.npz", {"epochs": 2, "rng": 1}
    train(network(), as_input(x), labels, checkpoint=path, **settings)

    def change(arrays):
        if np.ndim(value) or name == "optimizer_steps":
            arrays[name] = np.array(value)
        else:
            arrays[name] = arrays[name][:5] if value == 0 else np.full_like(arrays[name], value)

    rewrite(path, change)
    net = network()
    with pytest.raises(ValueError, match="cannot be gone on from"):
        train(net, as_input(x), labels, checkpoint=path, **settings)
    assert same(net, network())


@pytest.mark.parametrize("rule", ["GradR(0.01)", "DeepR(0.01, rng=0)"])
def test_a_rules_signs_in_a_file_are_not_believed(tmp_path, rule):
    from snnlab import rewiring

    def make():
        return eval(rule, vars(rewiring))

    x, labels = toy(30, 1)
    path, settings = tmp_path / "run.npz", {"epochs": 2, "rng": 1}
    train(network(), as_input(x), labels, checkpoint=path, optimizer=make(), **settings)
    for change in (
        lambda a: a.update(optimizer_sign=a["optimizer_sign"][:9]),
        lambda a: a.update(optimizer_sign=a["optimizer_sign"] * 3),
        lambda a: a.update(optimizer_sign=a["optimizer_sign"].astype(float)),
        lambda a: a.update(optimizer_key=np.array(2**60)),
        lambda a: a.update(optimizer_schedule=np.array([2**60, 1])),
    ):
        kept = path.read_bytes()
        rewrite(path, change)
        with pytest.raises(ValueError, match="cannot be gone on from"):
            train(network(), as_input(x), labels, checkpoint=path, optimizer=make(), **settings)
        path.write_bytes(kept)


def test_workers_from_the_environment_are_bounded():
    code = "from snnlab._workers import worker_count; worker_count()"
    for text in ("1000000", "9" * 5000, "0", "-1", "x"):
        done = fresh_python("-c", code, check=False, env={"SNNLAB_WORKERS": text})
        assert "SNNLAB_WORKERS must be" in done.stderr
    assert N_STEPS == 12


# of few bits ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda n: Detectors(n(200), n(5), pool=n(2), winners=n(3), radius=n(2)),
        lambda n: Cochlea(n_channels=n(24), substeps=n(4)),
        lambda n: Crops(n(200)),
        lambda n: STDP(every=n(100)),
        lambda n: Dense(n(200)),
        lambda n: Conv(n(200), n(5), n(2), n(2)),
        lambda n: Pool(n(2)),
    ],
)
def test_integers_of_few_bits_become_ints(make):
    """200 units of 200 inputs would else be 64 of them, and a kernel would read beyond its end."""
    made = make(np.uint8)
    assert made == make(int)
    assert {type(x) for x in vars(made).values()} <= {int, float, str, bool, type(None)}


class Few(Linear):
    """A layer that says its size in few bits."""

    def shape_out(self, shape):
        return (200,)

    def blocks(self, shape):
        return {"weights": (np.uint8(shape[0]), np.uint8(200))}

    def drive(self, x, w):
        return x @ w["weights"]

    def adjoint(self, g, x, w):
        return {"weights": np.tensordot(x, g, axes=([0, 1], [0, 1]))}, g @ w["weights"].T


def test_blocks_of_few_bits_are_as_large_as_they_say():
    network = Network((200, Few(), 3), LIF.brainscales2(), n_steps=5, rng=0)
    assert network.weights[0].shape == (200, 200)
    assert network.parameters.size >= 200 * 200


def test_no_samples_are_no_trouble():
    for x in (np.zeros((0, 8, 3)), np.zeros((0, 0, 3))):
        assert first_spikes(x, 2).shape == x.shape
    assert rows_of(np.zeros((0, 4, 5))).shape == (0, 20)
