"""ReLU units and neurons that begin above rest: as plain NumPy says, and finite differences."""

import numpy as np
import pytest
import reference
from helpers import assert_close
from samples import Plain

from snnlab import (
    LIF,
    Adam,
    ConstantCurrent,
    LeakyIntegrator,
    Network,
    SpikeTrains,
    Values,
    energy,
    evaluate,
    train,
)
from snnlab.conversion import integrate_and_fire
from snnlab.interchange import to_nir
from snnlab.layers import BatchNorm, Conv, Dense, Pool, Recurrent, Residual, Vote
from snnlab.medium import IDEAL
from snnlab.rates import ReLU

N = BatchNorm()
STACKS = {
    "dense": ((6,), 5, 18, 3),
    "convs": ((5, 4, 2), Conv(3), Conv(17, kernel=2, stride=2), 3),
    "pools": ((4, 4, 1), Conv(2), Pool(how="average"), Conv(3), Pool(2, "average"), 3),
    "norms": ((4, 4, 2), Conv(3, norm=N), Conv(2, kernel=2, norm=N), Dense(4, norm=N), 3),
    "norms read out": ((6,), Dense(5, norm=N), Vote(5)),
    "residual": ((3, 3, 2), Residual(Conv(2), Conv(2)), Conv(2), 3),
}
UNITS = {
    "plain": {},
    "with a ceiling": {"v_th": 0.8},
    "with a ceiling that is learned": {"v_th": 0.6, "learn": "v_th"},
    "with ceilings that are learned": {"v_th": 0.6, "learn": "v_th", "learn_per": "unit"},
    "quantised": {"v_th": 0.8, "levels": 3},
    "quantised and learned": {"v_th": 0.8, "levels": 4, "learn": "v_th"},
    "that remember": {"tau_mem": 3e-3, "tau_syn": 2e-3, "v_th": 0.9, "learn": "v_th"},
    "late": {"tau_mem": 3e-3, "delay": 1, "gain": 0.7},
}


def given(kind, n, n_steps, rng):
    if kind == "current":
        return ConstantCurrent(rng.uniform(-0.5, 1, (n_steps[0], n)), n_steps[1])
    if kind == "values":
        return Values(rng.uniform(-0.5, 1, (*n_steps, n)))
    return SpikeTrains.from_dense(rng.random((*n_steps, n)) < 0.4)


def made(stack, kind="current", batch=5, n_steps=5, seed=0, **unit):
    rng = np.random.default_rng(seed)
    layers = STACKS[stack]
    network = Network(layers, ReLU(**unit), n_steps=n_steps, rng=rng, dtype=np.float64)
    return network, given(kind, network.sizes[0], (batch, n_steps), rng)


def activation(v, v_th=np.inf, levels=None):
    """What a unit gives, one potential after the other."""
    out = np.zeros(v.size)
    for i, x in enumerate(v.ravel()):
        if levels is None:
            out[i] = min(max(x, 0.0), v_th)
        else:
            steps = min(max(int(np.floor(x * levels / v_th + 0.5)), 0), levels)
            out[i] = v_th * steps / levels
    return out.reshape(v.shape)


def test_what_a_unit_gives_by_hand():
    v = np.array([[-1.0, 0.0, 0.1, 0.4, 0.6, 0.99, 1.0, 7.0]])
    assert np.array_equal(ReLU().activation(v)[0], [0, 0, 0.1, 0.4, 0.6, 0.99, 1, 7])
    assert np.array_equal(ReLU(v_th=0.5).activation(v)[0], [0, 0, 0.1, 0.4, 0.5, 0.5, 0.5, 0.5])
    two = ReLU(v_th=1.0, levels=2)
    assert np.array_equal(two.activation(v)[0], [0, 0, 0, 0.5, 0.5, 1, 1, 1])
    assert np.array_equal(two.slope(v)[0], [0, 0, 1, 1, 1, 1, 0, 0])
    by_top = two.slope_by_threshold(v)[0]
    np.testing.assert_allclose(by_top, [0, 0, -0.1, 0.1, -0.1, 0.01, 1, 1])
    with pytest.raises(ValueError, match="v_th"):
        ReLU().slope_by_threshold(v)
    rng = np.random.default_rng(0)
    v = rng.normal(0, 1, (3, 4, 50))
    for unit in ({}, {"v_th": 0.7}, {"v_th": 0.7, "levels": 5}):
        np.testing.assert_allclose(ReLU(**unit).activation(v), activation(v, **unit), atol=1e-12)


@pytest.mark.parametrize("kind", ["current", "values", "events"])
@pytest.mark.parametrize("stack", STACKS)
def test_equals_plain_numpy(stack, kind):
    for seed, (name, unit) in enumerate(UNITS.items()):
        network, inputs = made(stack, kind, seed=seed, batch=(5, 2, 35)[seed % 3], **unit)
        training = seed % 2 == 0
        plain = Plain(network, inputs.to_dense(np.float64), training=training)
        trace = network.forward(inputs, training=training)
        for record, node in zip(trace.records, plain.nodes, strict=True):
            out = node.out.reshape(record.values.shape)
            np.testing.assert_allclose(record.values, out, atol=1e-10, err_msg=name)
            if record.kind == "rate":
                np.testing.assert_allclose(record.v, node.v, atol=1e-10)
                by_hand = activation(record.v, unit.get("v_th", np.inf), unit.get("levels"))
                np.testing.assert_allclose(record.values, by_hand, atol=1e-10)
        g = np.random.default_rng(1).normal(0, 1, trace.readout.shape)
        kept = g.copy()
        got, g_inputs = network.backward(trace, g, inputs=True)
        assert np.array_equal(g, kept)
        blocks, _, g_x = plain.backward(g)
        if g_inputs.shape[1] == 1:
            g_x = g_x.sum(axis=1, keepdims=True)
        named = [got.by_name()[b.stage, b.name] for b in network.blocks]
        assert_close(named, blocks, 1e-9)
        assert_close([g_inputs], [g_x], 1e-9)
        assert got.flat.any()
        inference = network.forward(inputs, potentials=False)
        if not training:
            assert np.array_equal(inference.readout, trace.readout)


@pytest.mark.bounds
@pytest.mark.nojit
def test_a_small_one():
    for unit in UNITS.values():
        network = Network(
            ((3, 3, 1), Conv(2), Pool(3, "average"), 2),
            ReLU(**unit),
            n_steps=2,
            rng=0,
            dtype=np.float64,
        )
        inputs = given("values", 9, (2, 2), np.random.default_rng(0))
        trace = network.forward(inputs)
        plain = Plain(network, inputs.to_dense(float))
        np.testing.assert_allclose(trace.readout, plain.readout, atol=1e-10)
        got = network.backward(trace, np.ones_like(trace.readout)).by_name()
        blocks, _, _ = plain.backward(np.ones_like(trace.readout))
        assert_close([got[b.stage, b.name] for b in network.blocks], blocks, 1e-9)


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("name", ["plain", "with a ceiling that is learned", "that remember"])
def test_gradients_equal_finite_differences(stack, name):
    """Where nothing jumps; that floors are passed straight through is another test's."""
    network, inputs = made(stack, seed=3, **UNITS[name])
    training = network.normalises
    trace = network.forward(inputs, training=training)
    before = network.parameters.copy()
    got = network.backward(trace, 2 * trace.readout)
    rng = np.random.default_rng(2)
    places = [
        (b, i, j)
        for b in network.blocks
        if b.trainable
        for i, j in zip(rng.integers(b.rows, size=4), rng.integers(b.columns, size=4), strict=True)
    ]
    h = 1e-6
    for block, i, j in places:
        values = []
        for sign in (1, -1):
            network.parameters[...] = before
            block.of(network.parameters)[i, j] += sign * h
            readout = network.forward(inputs, training=training).readout
            values.append((readout**2).sum())
        slope = (values[0] - values[1]) / (2 * h)
        assert got.by_name()[block.stage, block.name][i, j] == pytest.approx(slope, 1e-4, 1e-6)


def test_floors_are_passed_straight_through():
    network, inputs = made("dense", n_steps=1, v_th=0.8, levels=2, learn="v_th")
    trace = network.forward(inputs)
    g = np.random.default_rng(0).normal(0, 1, trace.readout.shape)
    got = network.backward(trace, g).by_name()
    error = g[:, 0] @ network.weights[2].T
    for k in (1, 0):
        v, top = trace.records[k].v[:, 0], 0.8
        y = activation(v, top, 2)
        inside = (v > 0) & (v < top)
        by_top = error * np.where(v >= top, 1, np.where(inside, (y - v) / top, 0))
        assert got[k, "v_th"][0, 0] == pytest.approx(by_top.sum() * top)  # stored is its logarithm
        error = (error * inside) @ network.weights[k].T


def test_what_is_not_a_number_is_not_hidden():
    network, _ = made("dense", n_steps=1, v_th=0.8, levels=3)
    network.weights[0][0, 0] = np.nan
    inputs = ConstantCurrent(np.ones((2, 6)), 1)
    with pytest.raises(FloatingPointError, match="1 of .* entries of 'weights' in layer 0"):
        network.forward(inputs)
    trace = IDEAL.run(network, inputs, potentials=True)  # nor is it by kernels
    assert np.isnan(trace.records[0].values[:, 0, 0]).all()


def test_a_network_learns():
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 1, (300, 8)).astype(np.float32)
    y = (x[:, :4].sum(1) > x[:, 4:].sum(1)).astype(int) + (x[:, 0] > 0.8)
    inputs = ConstantCurrent(x, 1)
    for unit in (ReLU(), ReLU(v_th=2.0, levels=4, learn="v_th")):
        network = Network((8, Dense(32, norm=N), 16, 3), unit, n_steps=1, rng=0)
        train(
            network,
            inputs,
            y,
            epochs=30,
            rng=0,
            optimizer=Adam(lr=0.01),
            progress=False,
            batch_size=50,
        )
        assert evaluate(network, inputs, y).accuracy > 0.9
        same = network.copy()
        assert np.array_equal(same.forward(inputs).readout, network.forward(inputs).readout)
        if unit.learn:
            tops = [m.v_th for m in network.neurons[:-1]]
            assert all(0 < top != 2.0 for top in tops)


def test_files_keep_them(tmp_path):
    network, inputs = made("pools", v_th=0.8, levels=3, learn="v_th")
    network.save(tmp_path / "network.npz")
    same = Network.load(tmp_path / "network.npz")
    assert same.neurons == network.neurons
    assert np.array_equal(same.forward(inputs).readout, network.forward(inputs).readout)
    model = LIF(tau_mem=2.0, tau_syn=None, dt=1.0, v_init=0.25)
    assert LIF.from_dict(model.to_dict()) == model
    assert ReLU.from_dict(ReLU(v_th=1.5).to_dict()) == ReLU(v_th=1.5)


def test_traces_without_potentials_cannot_be_read_backwards():
    network, inputs = made("dense")
    trace = network.forward(inputs, potentials=False)
    with pytest.raises(ValueError, match="potentials=False"):
        network.backward(trace, trace.readout)
    with pytest.raises(ValueError, match="potentials"):
        _ = trace.v
    used = network.forward(inputs, out=trace)
    assert used is not trace
    assert network.forward(inputs, out=used) is used


@pytest.mark.parametrize(
    ("unit", "error", "match"),
    [
        ({"levels": 4}, ValueError, "levels"),
        ({"learn": "v_th"}, ValueError, "learn"),
        ({"v_th": 1.0, "learn": "tau_mem"}, ValueError, "learn"),
        ({"v_th": 0.0}, ValueError, "v_th"),
        ({"v_th": -1.0}, ValueError, "v_th"),
        ({"v_th": 1.0, "levels": 0}, ValueError, "levels"),
        ({"v_th": 1.0, "levels": 2.5}, TypeError, "levels"),
        ({"tau_mem": -1.0}, ValueError, "tau_mem"),
    ],
)
def test_bad_units_are_refused(unit, error, match):
    with pytest.raises(error, match=match):
        ReLU(**unit)


def test_who_does_not_take_them():
    network, _ = made("dense")
    for refuse in (
        lambda: network.compressed(),
        lambda: to_nir(network),
        lambda: Network((4, Recurrent(3), 2), ReLU(), n_steps=2, rng=0),
        # the largest of some rates is no rate of spikes
        lambda: Network(((4, 4, 1), Conv(3), Pool(), 2), ReLU(), n_steps=2, rng=0),
    ):
        with pytest.raises(ValueError, match="ReLU|must spike|hears spikes"):
            refuse()
    begins = Network((4, 3, 2), LIF.brainscales2(v_init=0.5), n_steps=3, rng=0)
    for refuse in (begins.compressed, lambda: to_nir(begins)):
        with pytest.raises(ValueError, match="v_init"):
            refuse()


def test_operations_are_counted():
    network, _ = made("pools", n_steps=1)
    inputs = ConstantCurrent(np.ones((3, 16)), 1)
    operations = energy.count(network, inputs)
    trace = network.forward(inputs)
    heard = np.count_nonzero(trace.records[3].values) / 3
    assert operations.layers[-1].effective_macs == pytest.approx(heard * 3)
    assert operations.total("effective_acs") == 0 and operations.hidden_spikes == 0


# neurons that begin above rest --------------------------------------------------------------------

BEGIN = {
    "one for all": {"v_init": 0.6},
    "zero reset": {"v_init": -0.4, "reset": "zero"},
    "refractory": {"v_init": 0.9, "refractory": 1.0},
    "filtered": {"v_init": 0.5, "tau_syn": 2.0, "delay": 1},
}


@pytest.mark.parametrize("kind", ["current", "values", "events"])
@pytest.mark.parametrize("name", BEGIN)
def test_neurons_begin_where_they_should(name, kind):
    rng = np.random.default_rng(0)
    neuron = LIF(**{"tau_mem": 4.0, "tau_syn": None, "dt": 1.0} | BEGIN[name])
    readout = LeakyIntegrator(tau_mem=4.0, tau_syn=None, dt=1.0)
    for layers in (
        ((6,), 5, 20, 3),
        ((4, 4, 2), Conv(3), Conv(17), 3),
        ((4, 4, 2), Conv(3), Pool(), Recurrent(4), 3),
        ((6,), Dense(5, norm=N), 3),
    ):
        for n_steps in (3, 11):
            network = Network(
                layers,
                neuron,
                readout=readout,
                n_steps=n_steps,
                rng=1,
                spread=1.5,
                dtype=np.float64,
            )
            inputs = given(kind, network.sizes[0], (4, n_steps), rng)
            plain = Plain(network, inputs.to_dense(np.float64))
            trace = network.forward(inputs)
            nodes = [node for node in plain.nodes if node.v is not None]
            for v, node in zip(trace.v, nodes, strict=True):
                np.testing.assert_allclose(v, node.v, atol=1e-10)
            short = network.forward(inputs, potentials=False).readout
            np.testing.assert_allclose(short, plain.readout, atol=1e-10)
            g = rng.normal(0, 1, trace.readout.shape)
            got = network.backward(trace, g).by_name()
            blocks, _, _ = plain.backward(g)
            assert_close([got[b.stage, b.name] for b in network.blocks], blocks, 1e-9)


def test_each_neuron_may_begin_elsewhere():
    starts = tuple(np.linspace(-0.5, 0.9, 5).tolist())
    neuron = LIF(tau_mem=4.0, tau_syn=None, dt=1.0, v_init=starts)
    x = np.random.default_rng(0).uniform(0, 0.6, (1, 7, 3))
    weights = np.random.default_rng(1).normal(0.3, 0.5, (3, 5))
    readout = LeakyIntegrator(tau_mem=4.0, tau_syn=None, dt=1.0)
    network = Network((3, 5, 2), neuron, readout=readout, n_steps=7, rng=0, dtype=np.float64)
    network.weights[0][...] = weights
    v, z = reference.layer(x, weights, neuron)
    trace = network.forward(Values(x))
    np.testing.assert_allclose(trace.v[0], v, atol=1e-12)
    assert np.array_equal(trace.spikes[0].to_dense(), z)
    with pytest.raises(ValueError, match="v_init has 5 values for a layer of 4"):
        network.replace(layers=(3, 4, 2), weights=[np.zeros((3, 4)), np.zeros((4, 2))])


def test_integrate_and_fire_forgets_nothing():
    """Spikes times the threshold, and what is left, are all that came in: to the last bit."""
    for dtype in (np.float32, np.float64):
        neuron = integrate_and_fire(v_th=0.75, v_init=0.375)
        assert neuron.constants(1, dtype).decay_mem[0] == 1
        readout = neuron.integrator()
        network = Network(
            (1, 1, 1), neuron, readout=readout, n_steps=4096, rng=0, spread=1, dtype=dtype
        )
        network.weights[0][...], network.weights[1][...] = 1, 1
        for x in (0.125, 0.25, 0.625, 0.75):
            trace = network.forward(ConstantCurrent(np.full((1, 1), x), 4096))
            z, v = trace.spikes[0].to_dense()[0, :, 0], trace.v[0][0, :, 0]
            said = 0.375 + x * np.arange(1, 4097) - 0.75 * (np.cumsum(z) - z)
            assert np.array_equal(v, said.astype(dtype))
            assert abs(z.sum() * 0.75 - 4096 * x) <= 0.75


def test_what_begins_above_rest_cannot_learn_time_constants():
    with pytest.raises(ValueError, match="learn"):
        LIF(tau_mem=4.0, tau_syn=None, dt=1.0, v_init=0.5, learn="tau_mem")
    LIF(tau_mem=4.0, tau_syn=None, dt=1.0, v_init=0.5, learn="v_th")


def test_what_is_for_neurons_that_spike_is_refused_by_name():
    """Neither changed anything, without a word."""
    network = Network((6, 5, 3), ReLU(), n_steps=1, rng=0)
    inputs = ConstantCurrent(np.random.default_rng(0).normal(size=(20, 6)), 1)
    with pytest.raises(ValueError, match=r"layer 0 .* of ReLU units"):
        network.scale_to_activity(inputs, rate=0.1)
    with pytest.raises(ValueError, match=r"dropout must be 0 .* of ReLU units"):
        train(network, inputs, np.arange(20) % 3, epochs=1, rng=0, dropout=0.5, progress=False)


@pytest.mark.parametrize("layer", [Dense(5), Recurrent(5), Conv(5)])
def test_units_that_are_left_out_do_not_spike_by_what_they_begin_with(layer):
    """They did, where ``v_init`` is above the threshold, and the layers above heard them."""
    rng = np.random.default_rng(0)
    neuron = LIF(tau_mem=5.0, tau_syn=None, dt=1.0, v_init=1.5, learn="v_th")
    shape = (1, 1, 6) if isinstance(layer, Conv) else (6,)
    network = Network((shape, layer, 3), neuron, n_steps=6, rng=rng)
    inputs = Values(rng.normal(size=(4, 6, 6)))
    mask = np.array([True, False, True, True, False])
    trace = network.forward(inputs, dropout=[mask])
    assert not trace.spikes[0].unit_counts()[:, ~mask].any()
    assert trace.spikes[0].unit_counts()[:, mask].any(axis=0).all()
    gradients = network.backward(trace, np.ones_like(trace.readout)).by_name()
    assert gradients[0, "v_th"][0, mask].all() and not gradients[0, "v_th"][0, ~mask].any()
