"""A readout that was driven below rest learns nothing any more: found, and cured."""

import numpy as np
import pytest
from helpers import network, train

from snnlab import LIF, Adam, ConstantCurrent, Network, ReLU, datasets, encode, evaluate, losses
from snnlab.layers import BatchNorm, Conv, Dense, Pool, Recurrent, Residual, Vote
from snnlab.reports.clinic import examine, gentle_rate

N = 600


@pytest.fixture(scope="module")
def digits():
    return datasets.load("digits16")


def coded(x, n_steps, probability, rng):
    return encode.rate(x, n_steps=n_steps, rng=rng, probability=probability)


def collapsed(inputs, labels, tau_syn, n_steps=300):
    """Trained with a learning rate that suits short samples."""
    neuron = LIF(tau_mem=50e-3, tau_syn=tau_syn, dt=1e-3)
    net = Network((256, 60, 10), neuron, n_steps=n_steps, rng=0)
    net.scale_to_activity(inputs[:200], 30)
    assert "readout at rest" not in names(net, inputs, labels)  # no alarm before training
    settings = {"epochs": 8, "batch_size": 50, "rng": 0, "schedule": "constant"}
    history = train(net, inputs, labels, optimizer=Adam(lr=3e-3), **settings)
    return net, history


def names(net, inputs, labels, **more):
    return [f.name for f in examine(net, inputs[:200], labels[:200], **more).findings]


@pytest.mark.parametrize("tau_syn, probability, at_least", [(5e-3, 0.1, 0.8), (50e-3, 0.1, 0.7)])
def test_a_readout_at_rest_is_found_and_cured(digits, tau_syn, probability, at_least):
    labels = digits.y_train[:N]
    inputs = coded(digits.x_train[:N], 300, probability, 1)
    net, history = collapsed(inputs, labels, tau_syn)
    assert history.loss[-1] == pytest.approx(np.log(10), abs=0.02)  # for good
    report = examine(net, inputs[:200], labels[:200])
    found = report.findings[0]
    assert (found.name, found.severity) == ("readout at rest", "critical")
    assert "of the samples leave their class's readout at rest, below 0.01" in found.measured
    before = net.parameters.copy()
    treated, training = report.treat(net, inputs[:200])
    assert np.array_equal(net.parameters, before)
    test = coded(digits.x_test, 300, probability, 2), digits.y_test
    accuracy = []
    for one, more in ((net.copy(), {"optimizer": Adam(lr=3e-3)}), (treated, training)):
        train(one, inputs, labels, epochs=8, batch_size=50, rng=1, **more)
        accuracy.append(evaluate(one, *test).accuracy)
    assert accuracy[0] < 0.3 and accuracy[1] > at_least, accuracy
    assert "readout at rest" not in names(treated, inputs, labels)


def test_who_decides_by_a_sum_may_stay_below_rest(digits):
    labels, inputs = digits.y_train[:200], coded(digits.x_train[:200], 40, 0.2, 1)
    net = network(inputs, sizes=(256, 20, 10), n_steps=40)
    net.weights[-1][...] = -np.abs(net.weights[-1])
    assert "readout at rest" in names(net, inputs, labels)
    assert "readout at rest" not in names(net, inputs, labels, loss=losses.SumOverTime())


def test_gentle_rates_fall_with_what_reaches_a_potential(digits):
    def rate(n_steps, tau, probability=0.2):
        neuron = LIF(tau_mem=tau, tau_syn=tau, dt=1e-3)
        net = Network((256, 20, 10), neuron, n_steps=n_steps, rng=0)
        return gentle_rate(net, coded(digits.x_train[:50], n_steps, probability, 0))

    assert rate(100, 20e-3) < rate(100, 10e-3) < rate(100, 3e-3) <= Adam().lr
    assert rate(100, 20e-3) < rate(20, 20e-3) and rate(100, 10e-3) < rate(100, 10e-3, 0.02)
    published = network(sizes=(256, 20, 10), n_steps=20)
    assert 5e-4 < gentle_rate(published, encode.latency(digits.x_train[:50])) <= Adam().lr
    current = Network((256, 20, 10), LIF.grad_r(), n_steps=8, rng=0)
    x = digits.x_train[:50] - 0.5
    assert 0 < gentle_rate(current, ConstantCurrent(x, 8)) <= Adam().lr
    with pytest.raises(TypeError, match="network must be a Network"):
        gentle_rate(published.compressed(), encode.latency(digits.x_train[:50]))


@pytest.mark.parametrize("tau, n_steps", [(5e-3, 20), (50e-3, 300), (200e-3, 300)])
def test_a_readouts_size_can_be_set_at_the_start(digits, tau, n_steps):
    inputs = coded(digits.x_train[:200], n_steps, 0.2, 1)
    neuron = LIF(tau_mem=tau, tau_syn=5e-3, dt=1e-3)
    net = Network((256, 30, 10), neuron, n_steps=n_steps, rng=0)
    net.scale_to_activity(inputs, 15, readout=0.3)
    trace = net.forward(inputs)
    assert trace.readout.max(axis=1).std() == pytest.approx(0.3, rel=1e-3)
    assert trace.hidden_counts().mean() == pytest.approx(15, rel=0.1)
    before = net.parameters.copy()
    for bad in (0, -1, np.nan, "x"):
        with pytest.raises((TypeError, ValueError), match="readout"):
            net.scale_to_activity(inputs, 15, readout=bad)
    net.weights[-1][...] = 0
    kept = net.parameters.copy()
    with pytest.raises(ValueError, match="readout hears nothing"):
        net.scale_to_activity(inputs, 10, readout=0.3)
    assert np.array_equal(net.parameters, kept) and not np.array_equal(before, kept)
    of_values = Network((256, 30, 10), neuron, n_steps=n_steps, rng=0, readout=ReLU())
    with pytest.raises(ValueError, match="readout must be left out"):
        of_values.scale_to_activity(inputs, 15, readout=0.3)


LEVELLED = {
    "dense": ((256, 30, 10), {"layer_spikes": 15}),
    "recurrent": ((256, Recurrent(30), 10), {"layer_spikes": 15}),
    "scaled, too": ((256, 30, 10), {"layer_spikes": 15, "readout": 0.3}),
    "images": (
        ((16, 16, 1), Conv(4, 5), Pool(2), Conv(8, 3), Pool(2, "average"), 10),
        {"rate": 0.02},
    ),
    "nothing hidden": ((256, 10), {"layer_spikes": 15}),
}


@pytest.mark.parametrize("layers, asked", LEVELLED.values(), ids=LEVELLED)
@pytest.mark.parametrize("level", [0.2, 1, 30.0])
def test_all_outputs_can_begin_alike(digits, layers, asked, level):
    neuron = LIF.brainscales2()
    for inputs in (encode.latency(digits.x_train[:150]), ConstantCurrent(digits.x_train[:150], 20)):
        readout = neuron.integrator()
        net = Network(layers, neuron if len(layers) > 2 else [], n_steps=20, rng=0, readout=readout)
        before = net.weights[-1].copy()
        net.scale_to_activity(inputs, **asked, level=level)
        tops = net.forward(inputs).readout.max(axis=1).mean(axis=0)
        np.testing.assert_allclose(tops, level, rtol=1e-2)
        change = (net.weights[-1] - before)[:, :2].T if "readout" not in asked else np.eye(1, 2)
        assert (
            np.linalg.matrix_rank(change, tol=1e-4 * abs(change).max()) == 1
        )  # a common direction


def test_a_level_keeps_pruned_weights_and_is_refused_where_it_means_nothing(digits):
    inputs, neuron = encode.latency(digits.x_train[:100]), LIF.brainscales2()
    net = Network((256, 30, 10), neuron, n_steps=20, rng=0)
    net.weights[-1][::2] = 0
    net.scale_to_activity(inputs, 15, level=1)
    assert not net.weights[-1][::2].any() and net.weights[-1][1::2].all()
    before = net.parameters.copy()
    for bad in (0, -1, np.nan, np.inf, 1e16, "x", [1], True):
        with pytest.raises((TypeError, ValueError), match="level"):
            net.scale_to_activity(inputs, 15, level=bad)
    net.weights[-1][:, 3] = 0
    with pytest.raises(ValueError, match="level asks for 1, which output 3 does not reach"):
        net.scale_to_activity(inputs, 15, level=1)
    net.weights[-1][:, 3] = before[-10:].mean()
    for last in (Conv(10, 3), Vote(10)):
        other = Network(((16, 16, 1), Conv(40, 3), last), neuron, n_steps=20, rng=0)
        with pytest.raises(ValueError, match="level must be left out"):
            other.scale_to_activity(inputs, rate=0.02, level=1)
    shortcut = Network((256, 30, Residual(Dense(30))), neuron, n_steps=20, rng=0)
    shortcut.scale_to_activity(inputs, rate=0.02, level=1)
    np.testing.assert_allclose(shortcut.forward(inputs).readout.max(axis=1).mean(axis=0), 1, 1e-2)
    normed = Network((256, 30, Dense(10, norm=BatchNorm())), neuron, n_steps=20, rng=0)
    with pytest.raises(ValueError, match="level must be left out .* proportion|level asks for 1"):
        normed.scale_to_activity(inputs, rate=0.02, level=1)


@pytest.mark.parametrize("above", [(), (Vote(5),)])
def test_a_spiking_readouts_activity_can_be_set_at_the_start(digits, above):
    x, neuron = digits.x_train[:200], LIF.grad_r()
    inputs = ConstantCurrent(x / x.std(), 8)
    net = Network((256, 30, 10, *above), neuron, readout=neuron, n_steps=8, rng=0)
    net.scale_to_activity(inputs, rate=0.2, readout=0.05)
    trace = net.forward(inputs)
    shares = [record.mean_count() / (8 * record.n) for record in trace.records[:2]]
    assert shares == pytest.approx([0.2, 0.05], rel=0.05)
    before = net.parameters.copy()
    for bad in (0, 1, 2.0, np.nan, "x"):
        with pytest.raises((TypeError, ValueError), match="readout"):
            net.scale_to_activity(inputs, rate=0.2, readout=bad)
    assert np.array_equal(net.parameters, before)
    net.weights[-1][...] = 0
    with pytest.raises(ValueError, match="drive no neuron of the readout"):
        net.scale_to_activity(inputs, rate=0.2, readout=0.05)
