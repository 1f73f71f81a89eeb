"""Conversion: rates are activations, as soon as they can be; and what cannot be converted."""

import warnings

import numpy as np
import pytest

from snnlab import (
    LIF,
    Adam,
    AdaptiveLIF,
    ConstantCurrent,
    LeakyIntegrator,
    Network,
    Values,
    conversion,
    evaluate,
    train,
)
from snnlab.layers import BatchNorm, Conv, Delayed, Dense, Linear, Pool, Residual, Vote
from snnlab.rates import ReLU

N = BatchNorm()
STACKS = {
    "dense": ((6,), 8, 18, 3),
    "dense with a norm": ((6,), Dense(8, norm=N), Dense(4, norm=N), Dense(3, norm=N)),
    "convs": ((5, 4, 2), Conv(3), Conv(17, kernel=2, stride=2), 3),
    "pools": ((4, 4, 1), Conv(4, norm=N), Pool(how="average"), Conv(3), Pool(2, "average"), 3),
    "vote": ((6,), 8, Dense(6), Vote(3)),
}


def made(stack, seed=0, batch=20, **unit):
    """A network whose norms have statistics, and samples."""
    rng = np.random.default_rng(seed)
    network = Network(STACKS[stack], ReLU(**unit), n_steps=1, rng=rng, dtype=np.float64)
    inputs = ConstantCurrent(rng.uniform(0, 1, (batch, network.sizes[0])), 1)
    if network.normalises:
        for _ in range(3):
            network.forward(inputs, training=True)
    return network, inputs


def long(inputs, n_steps):
    return ConstantCurrent(inputs.x, n_steps)


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("start", [0.0, 0.5])
def test_rates_approach_activations(stack, start):
    network, inputs = made(stack)
    spikes = conversion.convert(network, inputs, n_steps=600, start=start)
    assert all(stage.fires for stage in spikes.hidden_stages) and not spikes.spiking_readout
    said = network.forward(inputs).readout[:, 0]
    readout = spikes.forward(long(inputs, 600)).readout
    errors = [np.abs(readout[:, :t].mean(axis=1) - said).max() for t in (20, 600)]
    assert errors[1] < 0.03 * np.abs(said).max()
    assert errors[1] < errors[0] / 5
    by_layer = conversion.rate_errors(spikes, network, inputs)
    assert len(by_layer) == len(spikes.hidden_stages)
    for error in by_layer:
        assert error.shape == (600,) and error[-1] < 0.03 and error[-1] < error[19] / 5


def test_rates_by_hand():
    """A unit with input 0.3 and threshold 1, step by step: floor(0.3 t), or rounded."""
    network = Network((1, 1, 1), ReLU(v_th=1.0), n_steps=1, rng=0, dtype=np.float64)
    network.weights[0][...], network.weights[1][...] = 1, 1
    x, t = ConstantCurrent(np.array([[0.3]]), 25), np.arange(1, 26)
    for start, expected in ((0.0, np.floor(0.3 * t)), (0.5, np.floor(0.3 * t + 0.5))):
        spikes = conversion.convert(network, method="ceiling", n_steps=25, start=start)
        z = spikes.forward(x).spikes[0].to_dense()[0, :, 0]
        close = np.abs(0.3 * t + start - np.round(0.3 * t + start)) < 1e-9  # at the threshold
        assert np.array_equal(np.cumsum(z)[~close], expected[~close])


def test_a_quantised_unit_is_a_neuron_of_as_many_steps():
    """With one hidden layer: what a unit of L levels gives, L steps of a neuron say exactly."""
    rng = np.random.default_rng(0)
    unit = ReLU(v_th=0.8, levels=8)
    network = Network((5, 40, 3), unit, n_steps=1, rng=rng, dtype=np.float64)
    inputs = ConstantCurrent(rng.uniform(0, 1, (30, 5)), 1)
    spikes = conversion.convert(network, method="ceiling", n_steps=8)
    counts = spikes.forward(long(inputs, 8)).spikes[0].to_dense().sum(axis=1)
    y = network.forward(inputs).records[0].values[:, 0]
    assert 0 < (y > 0).mean() < 1 and (y == 0.8).any()
    np.testing.assert_allclose(counts / 8 * 0.8, y, atol=1e-12)
    said = spikes.forward(long(inputs, 8)).readout.mean(axis=1)
    np.testing.assert_allclose(said, network.forward(inputs).readout[:, 0], atol=1e-12)


@pytest.mark.parametrize("learn", ["tau_mem", "tau_syn", ("tau_mem", "tau_syn")])
def test_a_readout_that_learns_its_time_constants_forgets_them(learn):
    rng = np.random.default_rng(0)
    plain = LeakyIntegrator(tau_mem=5e-3, tau_syn=4e-3, dt=1e-3, gain=0.3)
    networks = [
        Network((6, 8, 3), ReLU(), readout=one, n_steps=1, rng=0)
        for one in (plain, plain.replace(learn=learn))
    ]
    x = rng.uniform(0, 1, (5, 6)).astype(np.float32)
    spiking = [conversion.convert(network, x, n_steps=40) for network in networks]
    said = [net.forward(ConstantCurrent(x, 40)).readout for net in spiking]
    np.testing.assert_array_equal(*said)
    assert spiking[1].neurons[-1].learn == () and said[0].any()


def test_thresholds_are_what_was_measured():
    network, inputs = made("convs")
    records = network.forward(inputs).records
    hidden = [record.values for record in records if record.kind == "rate"]
    spikes = conversion.convert(network, inputs)
    assert [m.v_th for m in spikes.neurons[:-1]] == [float(y.max()) for y in hidden]
    assert [m.v_init for m in spikes.neurons[:-1]] == [float(y.max()) / 2 for y in hidden]
    spikes = conversion.convert(network, inputs, method="percentile", percentile=90, start=0)
    assert [m.v_th for m in spikes.neurons[:-1]] == [float(np.percentile(y, 90)) for y in hidden]
    assert [m.v_init for m in spikes.neurons[:-1]] == [0, 0]
    below = conversion.with_ceilings(network, [0.5, 0.25])
    spikes = conversion.convert(below, method="ceiling")
    assert [m.v_th for m in spikes.neurons[:-1]] == [0.5, 0.25]
    assert np.array_equal(spikes.weights[1], 0.5 * network.weights[1])
    assert np.array_equal(spikes.weights[2], 0.25 * network.weights[2])
    # beyond a ceiling there is nothing to say
    assert max(conversion.largest_activations(below, inputs)) <= 0.5


def test_a_trained_network_keeps_its_accuracy():
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 1, (400, 8)).astype(np.float32)
    y = (x[:, :4].sum(1) > x[:, 4:].sum(1)).astype(int) + (x[:, 0] > 0.8)
    inputs = ConstantCurrent(x, 1)
    network = Network((8, Dense(32, norm=N), 16, 3), ReLU(), n_steps=1, rng=0)
    train(
        network, inputs, y, epochs=20, rng=0, optimizer=Adam(lr=0.01), batch_size=50, progress=False
    )
    own = evaluate(network, inputs, y).accuracy
    spikes = conversion.convert(network, inputs, n_steps=128)
    found = conversion.by_step(spikes, long(inputs, 128), y)
    assert found.accuracy.shape == found.hidden_spikes.shape == (128,)
    assert found.accuracy[-1] > own - 0.02 and found.accuracy[0] < own
    result = evaluate(spikes, long(inputs, 128), y, loss="sum_over_time")
    assert result.accuracy == pytest.approx(found.accuracy[-1])
    assert result.hidden_spikes == pytest.approx(found.hidden_spikes[-1])
    assert (np.diff(found.hidden_spikes) >= 0).all()
    short = conversion.by_step(spikes.replace(n_steps=16), long(inputs, 16), y)
    assert np.array_equal(short.accuracy, found.accuracy[:16])
    assert np.array_equal(short.hidden_spikes, found.hidden_spikes[:16])


def test_spikes_by_step_of_images():
    network, inputs = made("pools")
    spikes = conversion.convert(network, inputs, n_steps=20)
    trace = spikes.forward(long(inputs, 20))
    by_hand = sum(train.to_dense().sum(axis=(0, 2)) for train in trace.hidden)
    found = conversion.by_step(spikes, long(inputs, 20), np.zeros(20, int), batch_size=7)
    np.testing.assert_allclose(found.hidden_spikes, np.cumsum(by_hand) / 20)


# what cannot be converted -------------------------------------------------------------------------


class Own(Linear):
    def shape_out(self, shape):
        return shape

    def blocks(self, shape):
        return {"weights": (1, shape[-1])}

    def drive(self, x, w):
        return x * w["weights"][0]


REFUSED = {
    "residual": (((6,), 6, Residual(Dense(6)), 3), r"layer 1 \(Dense.*shortcut"),
    "one's own": (((6,), Own(), 3), r"layer 0 \(Own"),
    "delayed": (((6,), 5, Delayed(4), 3), r"layer 1 \(Delayed.*in part"),
    "no statistics": (((6,), Dense(4, norm=N), 3), r"layer 0 \(Dense.*statistics"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_layers_that_have_no_twin(name):
    layers, match = REFUSED[name]
    network = Network(layers, ReLU(), n_steps=1, rng=0)
    with pytest.raises(ValueError, match=match):
        conversion.convert(network, np.ones((2, network.sizes[0]), np.float32))


def test_networks_that_have_no_twin():
    x = np.ones((2, 6), np.float32)
    lif = Network((6, 4, 3), LIF.brainscales2(), n_steps=1, rng=0)
    relu = Network((6, 4, 3), ReLU(), n_steps=1, rng=0)
    reads = Network((6, 4, 3), ReLU(), readout=ReLU(), n_steps=1, rng=0)
    late = Network((6, 4, 3), ReLU(delay=1), n_steps=1, rng=0)
    for network, match in (
        (lif, "ReLU"),
        (relu.replace(n_steps=2), "one step"),
        (reads, "readout"),
        (late, "delay"),
        (conversion.convert(relu, x), "one step"),
    ):
        with pytest.raises(ValueError, match=match):
            conversion.convert(network, x)
    with pytest.raises(TypeError, match="network"):
        conversion.convert("network", x)
    with pytest.raises(ValueError, match=r"ceiling.*layer 0"):
        conversion.convert(relu, method="ceiling")
    tops = ReLU(v_th=(1.0, 1.0, 1.0, 2.0))
    each = Network((6, 4, 3), tops, readout=ReLU().integrator(), n_steps=1, rng=0)
    with pytest.raises(ValueError, match=r"layer 0 .*each unit"):
        conversion.convert(each, x)
    with pytest.raises(ValueError, match=r"inputs leave layer 0 .*silent"):
        conversion.convert(relu, 0 * x)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"tau_mem": 0.01}, "tau_mem"),
        ({"tau_syn": 0.01}, "tau_syn"),
        ({"reset": "zero"}, "reset"),
        ({"refractory": 0.01}, "refractory"),
        ({"learn": "v_th"}, "learn"),
        ({"v_th": (1.0, 2.0)}, "v_th"),
        ({"gain": 2.0}, "gain"),
        ({"delay": 1}, "delay"),
    ],
)
def test_neurons_that_do_not_say_what_they_hear(changes, match):
    network, inputs = made("dense")
    with pytest.raises(ValueError, match=match):
        conversion.convert(network, inputs, neuron=conversion.integrate_and_fire(**changes))
    tired = AdaptiveLIF(tau_mem=1e30, tau_syn=None, dt=1e-3, tau_adapt=0.1)
    with pytest.raises(ValueError, match="neuron must not be an AdaptiveLIF"):
        conversion.convert(network, inputs, neuron=tired, start=0.0)


@pytest.mark.parametrize(
    ("changes", "error", "match"),
    [
        ({"method": "mean"}, ValueError, "method"),
        ({"n_steps": 0}, ValueError, "n_steps"),
        ({"start": 1.0}, ValueError, "start"),
        ({"start": -0.1}, ValueError, "start"),
        ({"percentile": 0, "method": "percentile"}, ValueError, "percentile"),
        ({"percentile": 0, "method": "max"}, ValueError, "percentile"),
        ({"inputs": None}, ValueError, "inputs"),
        ({"inputs": np.ones((2, 5))}, ValueError, "inputs"),
        ({"inputs": np.ones((0, 6))}, ValueError, "inputs"),
        ({"neuron": LeakyIntegrator(tau_mem=1.0, tau_syn=None, dt=1.0)}, TypeError, "neuron"),
    ],
)
def test_bad_arguments(changes, error, match):
    network, inputs = made("dense")
    with pytest.raises(error, match=match):
        conversion.convert(network, **({"inputs": inputs} | changes))


def test_thresholds_that_silence_a_layer_are_told_of():
    network, inputs = made("dense")
    tops = conversion.largest_activations(network, inputs)
    high = conversion.with_ceilings(network, [tops[0], 100 * tops[1]])
    with pytest.warns(RuntimeWarning, match=r"layer 1 .*will not spike in 8 steps"):
        spikes = conversion.convert(high, inputs, method="ceiling", n_steps=8)
    assert spikes.forward(long(inputs, 8)).spikes[1].counts().sum() == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        conversion.convert(high, inputs, method="ceiling", n_steps=400)


def test_values_are_inputs_too():
    network, inputs = made("dense")
    values = Values(inputs.x[:, None])
    spikes = conversion.convert(network, values, n_steps=50)
    same = conversion.convert(network, inputs.x, n_steps=50)
    for a, b in zip(spikes.neurons[:-1], same.neurons[:-1], strict=True):
        assert a.v_th == pytest.approx(b.v_th)
    a, b = (conversion.rate_errors(spikes, network, x) for x in (values, inputs))
    for x, y in zip(a, b, strict=True):
        np.testing.assert_allclose(x, y)
    with pytest.raises(ValueError, match="converted"):
        conversion.rate_errors(network, network, inputs)
