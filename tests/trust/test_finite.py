"""What is not a number ends a training at once: weights, moments and file stay the last good ones.

A potential that is not a number never spikes, so that without a look at gradients and updates the
loss stays finite and a training "finishes".
"""

import copy

import numpy as np
import pytest
from helpers import as_input, network, same, toy, train

import snnlab
from snnlab import LIF, SGD, Adam, DeepR, Network, SpikeTrains, Substrate, _check, losses
from snnlab.learning.guard import room
from snnlab.learning.optimizer import Optimizer
from snnlab.learning.state import Kind
from snnlab.parameters import check_weights, is_finite, largest
from snnlab.rewiring import STDS, FixedMask, GradR, Magnitude, SoftDeepR

RULES = {
    "Grad R": lambda **more: GradR(0.01, 0.6, 0.01, **more),
    "Deep R": lambda **more: DeepR(0.01, 0.6, rng=0, **more),
    "soft Deep R": lambda **more: SoftDeepR(0.01, 0.6, rng=0, **more),
    "STDS": lambda **more: STDS(0.01, **more),
    "Magnitude": lambda **more: Magnitude(0.01, 0.6, **more),
    "FixedMask": lambda **more: FixedMask(0.01, 0.6, rng=0, **more),
}
OPTIMIZERS = {
    "Adam": lambda: Adam(0.01),
    "SGD": lambda: SGD(0.1, momentum=0.9),
    "own": lambda: Signs(0.01),
    "Adam with a change of its own": lambda: Doubled(0.01),
} | RULES


class Signs(Optimizer):
    """One's own optimiser: nothing is known of how far it goes."""

    arrays = {"mean": Kind()}

    def change(self, network, gradients, factor, lo, hi, out):
        mean = self.mean[lo:hi]
        mean += 0.1 * (gradients[lo:hi] - mean)
        np.multiply(np.sign(mean), self.lr * factor, out=out)


class Doubled(Adam):
    def change(self, *args):
        super().change(*args)
        args[-1][...] *= 2


@pytest.fixture(scope="module")
def data():
    x, labels = toy(60, 1)
    return as_input(x), labels


def state_of(optimizer, net):
    return {"parameters": net.parameters.copy()} | copy.deepcopy(optimizer.state())


def equal(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[k], b[k], equal_nan=True) for k in a)


def some(net, seed=0, size=1e-3):
    rng = np.random.default_rng(seed)
    return [rng.normal(0, size, w.shape).astype(net.dtype) for w in net.weights]


def stepped(make, steps=3, **settings):
    """An optimiser, or rule, that has taken some steps, and its network."""
    optimizer, net = make(), network(**settings)
    optimizer.begin(net, 5, 10)
    for k in range(steps):
        optimizer.step(net, some(net, k))
    return optimizer, net


# the issue's own ----------------------------------------------------------------------------------


def test_an_exploding_gradient_is_heard():
    rng = np.random.default_rng(0)
    inputs = SpikeTrains.from_dense(rng.random((100, 100, 50)) < 0.2)
    labels = rng.integers(0, 5, 100)
    neuron = LIF(
        tau_mem=20e-3, tau_syn=5e-3, dt=1e-3, v_th=20.0, steepness=0.05, detach_reset=False
    )
    net = Network((50, 20, 5), neuron, n_steps=100, rng=0).scale_to_activity(inputs, 40)
    kept = [net.parameters.copy()]
    with pytest.raises(FloatingPointError) as fault:
        train(
            net,
            inputs,
            labels,
            epochs=3,
            rng=0,
            callback=lambda step: kept.append(net.parameters.copy()),
        )
    text = str(fault.value)
    assert "layer 0 (Dense" in text and "'weights'" in text and "epoch 1, step 1" in text
    assert np.array_equal(net.parameters, kept[-1]) and np.isfinite(net.parameters).all()


def test_the_last_good_state_is_in_memory_and_in_the_file(data, tmp_path):
    path, net = tmp_path / "run.npz", network(data[0])
    good = network(data[0])
    train(good, *data, epochs=2, rng=1, optimizer=Adam(lr=1e-3), schedule="constant")
    with pytest.raises(FloatingPointError, match="epoch 3, step 1.*learning rate"):
        train(
            net,
            *data,
            epochs=4,
            rng=1,
            optimizer=Adam(lr=1e-3),
            checkpoint=path,
            schedule=lambda epoch, epochs: 1.0 if epoch < 2 else 1e45,
        )
    assert same(net, good)
    with np.load(path) as file:
        assert np.array_equal(file["parameters"], good.parameters)


def test_a_huge_learning_rate_leaves_the_weights(data):
    net = network(data[0])
    with pytest.raises(FloatingPointError, match="epoch 1, step 1: step 1 of Adam leads out of"):
        train(net, *data, epochs=1, rng=1, optimizer=Adam(lr=1e38))
    assert same(net, network(data[0]))


# every optimiser, every rule ----------------------------------------------------------------------


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("steps", [0, 3])
def test_a_gradient_that_is_none_changes_nothing(make, bad, steps):
    optimizer, net = stepped(make, steps)
    before = state_of(optimizer, net)
    g = snnlab.parameters.Gradients(net)
    g[1][3, 2] = bad
    with pytest.raises(FloatingPointError, match=r"1 of 96 entries of 'weights' in layer 1 \(Den"):
        optimizer.step(net, g)
    assert equal(state_of(optimizer, net), before)
    optimizer.step(net, some(net, 9))  # and it goes on
    assert optimizer.steps == steps + 1 and not equal(state_of(optimizer, net), before)


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_step_out_of_the_numbers_is_taken_back(make, dtype):
    optimizer, net = stepped(make, dtype=dtype)
    before, wrapped = state_of(optimizer, net), getattr(optimizer, "optimizer", optimizer)
    wrapped.lr = float(np.finfo(dtype).max)
    g = some(net, 7, size=1e20)
    with (
        np.errstate(all="ignore"),
        pytest.raises(FloatingPointError, match="step .* of .* out of|no float"),
    ):
        for _ in range(50):  # some go a small way at a time
            optimizer.step(net, g)
            before = state_of(optimizer, net)
    assert equal(state_of(optimizer, net), before)


@pytest.mark.parametrize("size", [1e18, 1e19, 1e25, 1e37])
@pytest.mark.parametrize("make", [Adam, SGD], ids=["Adam", "SGD"])
def test_large_gradients_that_fit_are_steps_like_others(make, size):
    """Second moments overflow from 1.8e19 on in 32 bits: that must be heard, not the rest."""
    optimizer, net = make(1e-3), network()
    before, g = net.parameters.copy(), some(net, 0, size)
    outcome = "moved"
    try:
        optimizer.step(net, g)
    except FloatingPointError:
        outcome = "refused"
    finite = all(np.isfinite(x).all() for x in (net.parameters, *optimizer.own_arrays().values()))
    assert finite and (np.array_equal(net.parameters, before) == (outcome == "refused"))
    overflows = make is Adam and size > 1e18
    assert (outcome == "refused") == overflows


def test_moments_may_overflow_late():
    net, optimizer = network(), SGD(1e-36, momentum=0.99)
    g, before = some(net, 0, 1e37), None
    with pytest.raises(FloatingPointError, match="SGD leads out of"):
        for _ in range(200):
            before = state_of(optimizer, net)
            optimizer.step(net, g)
    assert equal(state_of(optimizer, net), before)


def test_weight_decay_that_overshoots_is_taken_on_trial():
    net, optimizer = network(), SGD(lr=1.0, weight_decay=1e10)
    with pytest.raises(FloatingPointError, match="parameters"):
        for _ in range(20):
            optimizer.step(net, some(net))
    assert np.isfinite(net.parameters).all() and optimizer.steps < 6


def test_restored_moments_are_looked_at_again():
    one, net = stepped(lambda: SGD(0.1, momentum=0.9))
    state = one.state()
    state["velocity"][state["velocity"] != 0] = 3e38
    other = SGD(1.0, momentum=0.999)
    other.restore(state)
    with pytest.raises(FloatingPointError, match="SGD leads out of"):
        for _ in range(3):
            other.step(net, some(net, size=1e37))
    assert np.isfinite(net.parameters).all()


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_trials_change_no_bit(make, monkeypatch):
    """A step on trial is the same step."""
    optimizer, net = stepped(make)
    monkeypatch.setattr("snnlab.learning.optimizer.room", lambda dtype: 0.0)
    monkeypatch.setattr("snnlab.rewiring.rule.room", lambda dtype: 0.0)
    other, twin = stepped(make)
    assert equal(state_of(optimizer, net), state_of(other, twin))


def test_ordinary_steps_are_not_tried_first(monkeypatch):
    """Looking costs one pass over the gradient, and no copies."""

    def fail(*args):
        raise AssertionError("a trial")

    monkeypatch.setattr("snnlab.learning.optimizer.on_trial", fail)
    monkeypatch.setattr("snnlab.rewiring.rule.on_trial", fail)
    for make in (Adam, SGD, *RULES.values()):
        stepped(make, 20)


def test_a_failing_change_is_taken_back_too():
    class Breaks(Signs):
        def change(self, network, gradients, factor, lo, hi, out):
            super().change(network, gradients, factor, lo, hi, out)
            if self.steps == 3:
                raise KeyError("somebody's mistake")

    optimizer, net = stepped(lambda: Breaks(0.01))
    before = state_of(optimizer, net)
    with pytest.raises(KeyError, match="somebody"):
        optimizer.step(net, some(net))
    assert equal(state_of(optimizer, net), before)


def test_somebodys_optimizer_is_looked_at_by_train(data):
    class Plain:
        lr = 0.01
        steps = 0

        def step(self, network, gradients, factor):
            self.steps += 1
            for w, g in zip(network.weights, gradients, strict=True):
                w -= self.lr * g if self.steps < 3 else np.float32(np.inf)

    net, kept = network(data[0]), []
    with pytest.raises(FloatingPointError, match="epoch 2, step 1: .* of Plain leads out of"):
        train(
            net,
            *data,
            epochs=3,
            rng=1,
            batch_size=30,
            optimizer=Plain(),
            callback=lambda step: kept.append(net.parameters.copy()),
        )
    assert len(kept) == 2 and np.array_equal(net.parameters, kept[-1])


# weights that are none already --------------------------------------------------------------------


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_network_of_such_weights_is_refused(data, bad, tmp_path):
    good = network(data[0])
    net = good.copy()
    net.weights[0][2, 3] = bad
    chip, before = Substrate(0), net.parameters.copy()
    used = Adam()
    used.step(good, some(good))
    calls = {
        "train": lambda: train(net, *data, epochs=1, rng=0),
        "train on a chip": lambda: train(net, *data, epochs=1, rng=0, substrate=chip),
        "step": lambda: Adam().step(net, some(net)),
        "rebind": lambda: used.rebind(net),
        "rule": lambda: GradR().begin(net, 1, 1),
        "predict_scores": lambda: snnlab.training.predict_scores(net, data[0]),
        "evaluate": lambda: snnlab.evaluate(net, *data),
        "save": lambda: net.save(tmp_path / "net.npz"),
        "compressed": lambda: net.compressed(),
        "clip": lambda: chip.clip(net),
        "scale_to_activity": lambda: net.scale_to_activity(data[0], 10),
    }
    for name, call in calls.items():
        with pytest.raises(FloatingPointError, match="1 of 480 entries of 'weights' in layer 0"):
            call()
            pytest.fail(name)
    assert np.array_equal(net.parameters, before, equal_nan=True)
    assert not list(tmp_path.iterdir())


def test_weights_spoilt_in_between_end_the_epoch_unsaved(data, tmp_path):
    path = tmp_path / "run.npz"

    def spoil(step):
        if step.epoch == 1 and step.step == 0:
            step.network.weights[1][...] = np.nan

    with pytest.raises(FloatingPointError):
        train(
            network(data[0]), *data, epochs=3, rng=0, batch_size=20, callback=spoil, checkpoint=path
        )
    with np.load(path) as file:
        assert np.isfinite(file["parameters"]).all()


def test_rewiring_counts_nothing_as_pruned():
    rule, net = stepped(RULES["Grad R"])
    before = rule.active.copy()
    g = some(net)
    g[0][...] = np.nan
    gradients = snnlab.parameters.Gradients(net)
    for own, x in zip(gradients, g, strict=True):
        own[...] = x
    with pytest.raises(FloatingPointError):
        rule.step(net, gradients)
    assert np.array_equal(rule.active, before) and (net.weights[0] != 0).any()


def test_the_largest_is_found_in_one_pass():
    for dtype in (np.float32, np.float64):
        x = np.random.default_rng(0).normal(size=1000).astype(dtype)
        x[17] = -9
        assert largest(x) == 9 and largest(x[:0]) == 0
        for bad in (np.nan, -np.nan, np.inf, -np.inf):
            y = x.copy()
            y[-1] = bad
            assert not np.isfinite(largest(y))
        top = np.finfo(dtype).max
        move = dtype(room(dtype))
        assert move > 1e20 and np.isfinite(top + move) and np.isfinite(-top - move)
    check_weights(network())


def test_weights_too_large_to_be_squared_are_finite():
    """Their squares are looked at first, which takes less time."""
    net = network()
    for value, sound in ((1e30, True), (-1e38, True), (np.inf, False), (-np.nan, False)):
        net.parameters[-1] = value
        assert is_finite(net.parameters) is sound


def test_long_arrays_are_looked_at_in_parts(monkeypatch):
    """NumPy shares a longer product of float64 among threads, which wait for each other."""
    seen, real, x = [], np.vdot, np.zeros(2 * _check.PART + 9)
    monkeypatch.setattr(np, "vdot", lambda a, b: seen.append(a.size) or real(a, b))
    _check.array("x", x, np.float64)
    assert sum(seen) == x.size and max(seen) < 10_000
    for bad in (np.nan, np.inf, -np.inf):
        for at in (0, _check.PART - 1, _check.PART, -1):
            y = x.copy()
            y[at] = bad
            with pytest.raises(ValueError, match="x must be finite"):
                _check.array("x", y, np.float64)
    x[-1] = 1e300  # whose square no float holds
    _check.array("x", x, np.float64)


# finite in 64 bits, infinite in 32 ----------------------------------------------------------------

BASE = {"tau_mem": 2e-6, "tau_syn": 2e-6, "dt": 1e-6}


@pytest.mark.parametrize(
    "change, name",
    [
        ({"gain": 1e39}, "gain"),
        ({"gain": (1.0, 1e39)}, "gain"),
        ({"gain": 1e-50}, "gain"),
        ({"v_th": 1e39}, "v_th"),
        ({"v_th": 1e-50}, "v_th"),
        ({"steepness": 1e39}, "steepness"),
        ({"steepness": 1e-60}, "steepness"),
        ({"tau_mem": 1e300}, "spread"),
    ],
    ids=str,
)
def test_constants_must_be_numbers_in_the_networks_precision(change, name):
    readout = LIF(**BASE).integrator()
    model = LIF(**BASE | change)
    with pytest.raises(ValueError, match=name):
        Network((3, 2, 2), model, readout=readout, n_steps=4, rng=0)
    if "tau_mem" not in change:
        spread = {"spread": 0.5}
        Network((3, 2, 2), model, readout=readout, n_steps=4, rng=0, dtype=np.float64, **spread)


@pytest.mark.parametrize(
    "loss, name",
    [
        (losses.MaxOverTime(scale=1e308), "scale"),
        (losses.MaxOverTime(scale=1e-60), "scale"),
        (losses.SumOverTime(scale=1e39), "scale"),
        (losses.FirstSpike(tau=1e39), "tau"),
        (losses.FirstSpike(tau=1e-50), "tau"),
    ],
    ids=repr,
)
def test_scales_of_losses_must_be_numbers_too(loss, name):
    readout = np.zeros((2, 4, 3), np.float32)
    for call in (loss.scores, lambda x: loss(x, np.zeros(2, int))):
        with pytest.raises(ValueError, match=name):
            call(readout)


def test_eps_must_not_vanish():
    with pytest.raises(ValueError, match="eps must be larger"):
        Adam(eps=1e-50).step(network(), some(network()))
    Adam(eps=1e-50).begin(network(dtype=np.float64))


def test_scores_that_overflow_are_heard(data):
    net = network(data[0])
    net.weights[-1][...] *= np.float32(1e37)
    with pytest.raises(FloatingPointError, match="scores are not finite"):
        snnlab.training.predict_scores(net, data[0], loss=losses.SumOverTime(1e5))


@pytest.mark.parametrize("effect", ["weight_scale", "noise", "gain_spread", "synapse_spread"])
def test_effects_stay_finite(effect):
    with pytest.raises(ValueError, match=f"{effect} must be at most"):
        Substrate(0, **{effect: 1e39})


@pytest.mark.parametrize("make", ["ConstantCurrent", "Values"])
@pytest.mark.parametrize("sign", [1, -1])
def test_inputs_beyond_the_networks_numbers_are_refused(make, sign):
    """They were infinite in the network, and a class was predicted."""
    x = np.zeros((4, 20) if make == "ConstantCurrent" else (4, 9, 20))
    x[2, ..., 3] = sign * 1e300
    inputs = snnlab.ConstantCurrent(x, 9) if make == "ConstantCurrent" else snnlab.Values(x)
    net = Network((20, 4, 3), LIF.brainscales2(), n_steps=9, rng=0)
    told = "inputs reaches 1e\\+300: the network computes in float32"
    for call in (
        net.predict,
        net.forward,
        net.compressed().forward,
        lambda given: train(net, given, [0, 1, 2, 0], epochs=1, rng=0),
        lambda given: net.scale_to_activity(given, 3),
    ):
        with pytest.raises(ValueError, match=told):
            call(inputs)
    double = Network((20, 4, 3), LIF.brainscales2(), n_steps=9, rng=0, dtype=np.float64)
    assert np.isfinite(double.forward(inputs).readout).all()
