"""Currents normalised over batches: equal to plain NumPy, forward and through the statistics."""

import pickle

import numpy as np
import pytest
import reference
from helpers import assert_close
from samples import INPUTS, Plain, inputs_of, make

from snnlab import (
    LIF,
    Adam,
    ConstantCurrent,
    LeakyIntegrator,
    Network,
    SpikeTrains,
    Values,
    penalties,
    surrogate,
    train,
)
from snnlab.chip.substrate import Substrate
from snnlab.layers import BatchNorm, Conv, Dense, Pool, Residual, Vote
from snnlab.rewiring import Magnitude, compact

N = BatchNorm()
NETS = {
    "convs": ((5, 4, 2), Conv(3, norm=N), Conv(4, kernel=2, stride=2, norm=BatchNorm(eps=0.1)), 3),
    "wide": ((4, 4, 2), Conv(33, norm=N), Conv(16, norm=N), Conv(2, kernel=5, norm=N)),
    "dense": ((6,), Dense(5, norm=N), Dense(70, norm=N), Dense(3, norm=N)),
    "dense below and above": ((6,), 5, Dense(5, norm=N), 4, 3),
    "pools": ((4, 4, 1), Conv(2, norm=N), Pool(), Conv(4, norm=N), Pool(2, "average"), Vote(2)),
    "residual": ((4, 4, 3), Residual(Conv(3, norm=N)), Residual(Conv(2), Conv(3, norm=N)), 3),
    "dense residual": ((6,), 5, Residual(Dense(4, norm=N), Dense(5, norm=N)), Dense(3, norm=N)),
}
each_net = pytest.mark.parametrize("net", NETS)


def late_squares(readout):
    late = np.arange(1, readout.shape[1] + 1)[:, None]
    return float((late * readout**2).sum() / 2), late * readout


def by_the_layer(layer, g, x, w):
    return layer.adjoint(g, x, w)


def made(net, kind, *, seed=0, n_steps=9, **settings):
    settings = {"steepness": 0.5, "surrogate": "arctan"} | settings
    return make(NETS[net], kind, seed=seed, n_steps=n_steps, **settings)


def some_penalties(network, batch, rng):
    return [
        rng.normal(0, 0.3, (batch, (1, network.n_steps)[k % 2], stage.n))
        for k, stage in enumerate(network.hidden_stages)
    ]


def assert_trains_as_plain(network, inputs, dropout=None, tolerance=1e-10):
    """Potentials, spikes and gradients in training; nothing of the gradients is zero."""
    plain = Plain(network, inputs.to_dense(network.dtype), dropout=dropout or (), training=True)
    trace = network.forward(inputs, dropout=dropout, training=True)
    nodes = [node for node in plain.nodes if node.v is not None]
    for v, node in zip(trace.v, nodes, strict=True):
        np.testing.assert_allclose(v, node.v, rtol=tolerance, atol=tolerance)
    for spikes, node in zip(trace.spikes, [n for n in nodes if n.z is not None], strict=True):
        assert np.array_equal(spikes.to_dense(), node.z) and node.z.any()
    g, rng = late_squares(trace.readout)[1], np.random.default_rng(1)
    g_spikes = some_penalties(network, len(trace), rng)
    got, currents, g_inputs = network.backward(
        trace, g, g_spikes=g_spikes, adjoints=True, inputs=True
    )
    blocks, g_i, g_x = plain.backward(g, g_spikes, by_the_layer)
    if g_inputs.shape[1] == 1 < network.n_steps:
        g_x = g_x.sum(axis=1, keepdims=True)
    named = [got.by_name()[b.stage, b.name] for b in network.blocks]
    assert_close(named, blocks, tolerance)
    assert_close(currents, g_i, tolerance)
    assert_close([g_inputs], [g_x], tolerance)
    learned = [x for x, block in zip(named, network.blocks, strict=True) if block.trainable]
    assert all(x.any() for x in learned) and g_inputs.any()
    assert np.array_equal(network.backward(trace, g, g_spikes=g_spikes).flat, got.flat)


@pytest.mark.parametrize("kind", INPUTS)
@each_net
def test_training_equals_plain_numpy(net, kind):
    for seed in range(4):
        turn = seed + list(NETS).index(net)
        settings = {
            "reset": ("subtract", "zero")[turn % 2],
            "detach": turn // 2 % 2 == 1,
            "surrogate": surrogate.NAMES[turn % 2],
            "refractory": turn % 3 == 0,
            "uniform": turn % 4 < 2,
            "batch": (4, 2, 35)[seed % 3],
            "fires": turn % 4 == 1,
        }
        network, inputs = made(net, kind, seed=seed, **settings)
        assert_trains_as_plain(network, inputs)


@pytest.mark.bounds
@pytest.mark.parametrize("delays", [0, 1, 2])
@pytest.mark.parametrize("n_steps", [4, 8, 11, 20])
def test_any_number_of_steps(n_steps, delays):
    for net in ("convs", "residual", "dense below and above"):
        if n_steps > 5 * delays:
            for kind in INPUTS:
                network, inputs = made(net, kind, n_steps=n_steps, delays=delays, seed=2)
                assert_trains_as_plain(network, inputs)


@pytest.mark.bounds
@pytest.mark.nojit
def test_a_small_one():
    layers = (3, 3, 2), Conv(3, norm=N), Residual(Conv(3, norm=N)), Dense(2, norm=N)
    for kind in INPUTS:
        network, inputs = make(layers, kind, batch=2, n_steps=9, steepness=0.5, delays=1)
        assert_trains_as_plain(network, inputs)
        for trace in (network.forward(inputs), network.forward(inputs, potentials=False)):
            plain = Plain(network, inputs.to_dense(float))
            np.testing.assert_allclose(trace.readout, plain.readout, atol=1e-10)


@each_net
def test_units_left_out(net):
    rng = np.random.default_rng(5)
    network, inputs = made(net, "values", seed=1)
    dropout = [rng.random(stage.n) < 0.7 for stage in network.hidden_stages]
    assert_trains_as_plain(network, inputs, dropout)


@pytest.mark.rotates
@each_net
def test_single_precision_is_near_double(net):
    for kind in INPUTS:
        double, inputs = made(net, kind, seed=4)
        single, _ = made(net, kind, seed=4, dtype=np.float32)
        single.parameters[...] = double.parameters
        one, two = (each.forward(inputs, training=True) for each in (single, double))
        assert one.spikes == two.spikes
        g = late_squares(two.readout)[1]
        a, b = single.backward(one, g, inputs=True), double.backward(two, g, inputs=True)
        assert_close([a[0].flat, a[1]], [b[0].flat, b[1]], 2e-4)


@pytest.mark.rotates
@pytest.mark.parametrize("training", [True, False])
@each_net
def test_gradients_equal_finite_differences(net, training):
    """Through the statistics of the batch, or with running ones, of a network of soft spikes."""
    network, inputs = made(net, "values", batch=3, n_steps=5, detach=True, steepness=1.0)
    x = inputs.to_dense(float)

    def spike(u):
        return surrogate.soft_step("arctan", u, 1.0)

    recorded = Plain(network, x, spike, training=training)
    resets = [node.z for node in recorded.nodes if node.z is not None]

    def value():
        run = Plain(network, x, spike, resets, training=training)
        return late_squares(run.readout)[0]

    blocks, _, g_x = recorded.backward(late_squares(recorded.readout)[1], None, by_the_layer)
    for block, got in zip(network.blocks, blocks, strict=True):
        if block.name != "batches" and block.size < 100:
            expected = reference.numerical_gradient(value, block.of(network.parameters))
            assert_close([got], [expected], 1e-6)
    assert_close([g_x], [reference.numerical_gradient(value, x)], 1e-6)


@pytest.mark.parametrize("of_batch", [True, False])
def test_the_layers_own_numpy(of_batch):
    """Its adjoint equals finite differences; folded weights say the same as normalised currents."""
    rng = np.random.default_rng(0)
    norm, x = BatchNorm(eps=0.01), rng.normal(0.4, 2.0, (3, 2, 2, 2, 4))
    w = {name: rng.uniform(0.5, 1.5, size[:2]) for name, size in norm.blocks(4).items()}
    g, kept = rng.normal(size=x.shape), norm.running(w)

    def value():
        known = norm.statistics(x) if of_batch else norm.running(w)
        return (norm.values(x, w, known) * g).sum()

    known = norm.statistics(x) if of_batch else kept
    by_blocks, g_x = norm.adjoint(g, x, w, known, of_batch)
    assert_close([g_x], [reference.numerical_gradient(value, x)], 1e-7)
    for name in ("gain", "shift", "mean", "variance"):
        assert_close([by_blocks[name]], [reference.numerical_gradient(value, w[name])], 1e-7)
    heard, weights = rng.normal(size=(3, 2, 5)), rng.normal(size=(5, 4))
    folded, shift = norm.folded(w | {"weights": weights})
    assert_close([heard @ folded + shift], [norm.values(heard @ weights, w, kept)], 1e-12)


# statistics ---------------------------------------------------------------------------------------


def running(network):
    return {b.name: b.of(network.parameters).copy() for b in network.blocks if not b.trainable}


def fresh():
    layers = (4, 4, 2), Conv(3, norm=BatchNorm(momentum=0.25)), 3
    return Network(layers, LIF.grad_r(), n_steps=6, rng=0, dtype=np.float64)


def test_running_statistics_are_the_mean_of_the_first_batches_then_follow():
    network, rng = fresh(), np.random.default_rng(0)
    w, layer = network.weights[0], network.layers[0]
    assert running(network)["batches"] == 0
    means, expected = [], None
    for k in range(8):
        x = ConstantCurrent(rng.normal(k, 1, (5, 32)), 6)
        currents = layer.drive(x.values(0, 5, float).reshape(5, 1, 4, 4, 2), {"weights": w})
        means.append(currents.mean((0, 1, 2, 3)))
        expected = np.mean(means, axis=0) if k < 4 else 0.75 * expected + 0.25 * means[-1]
        network.forward(x, training=True)
        np.testing.assert_allclose(running(network)["mean"][0], expected)
        assert running(network)["batches"] == k + 1
    assert (running(network)["variance"] > 0).all()


def test_only_training_changes_them():
    network, rng = fresh(), np.random.default_rng(0)
    x = inputs_of("values", 4, 6, 32, rng)
    before = network.parameters.copy()
    trace = network.forward(x)
    network.forward(x, potentials=False)
    network.predict(x)
    network.backward(trace, np.ones_like(trace.readout))
    assert np.array_equal(network.parameters, before)
    network.forward(x, training=True)
    changed = network.parameters != before
    assert changed.sum() == sum(b.size for b in network.blocks if not b.trainable)


def test_a_sample_is_answered_whatever_others_are_asked():
    network, inputs = made("pools", "values", batch=12)
    network.forward(inputs, training=True)
    together = network.forward(inputs, potentials=False).readout
    for k in range(12):
        assert np.array_equal(network.forward(inputs[k]).readout[0], together[k])


def test_without_running_statistics_a_batch_has_its_own():
    """As it would in training."""
    for net in NETS:
        network, inputs = made(net, "current", batch=5)
        for block in network.blocks:
            if block.name == "batches":
                block.of(network.parameters)[...] = 0
        before = network.parameters.copy()
        one, two = network.forward(inputs), network.forward(inputs, potentials=False)
        assert np.array_equal(network.parameters, before)
        third = network.forward(inputs, training=True)
        assert np.array_equal(one.readout, two.readout)
        assert np.array_equal(one.readout, third.readout) and one.spikes == third.spikes


def test_traces_are_used_again_in_any_order():
    network, inputs = made("residual", "values", batch=6)
    g = np.ones((6, 9, 3))
    start = network.parameters.copy()
    expected = {}
    for training in (True, False):
        network.parameters[...] = start
        trace = network.forward(inputs, training=training)
        expected[training] = trace.readout.copy(), network.backward(trace, g).flat.copy()
    assert not np.array_equal(expected[True][1], expected[False][1])
    trace = None
    for training in (False, True, True, False, True):
        network.parameters[...] = start
        again = network.forward(inputs, training=training, out=trace)
        assert trace is None or again is trace
        trace = again
        got = trace.readout, network.backward(trace, g).flat
        assert all(np.array_equal(a, b) for a, b in zip(got, expected[training], strict=True))


@pytest.mark.parametrize("net", ["wide", "residual", "dense"])
def test_threads_change_no_bit(net, monkeypatch):
    monkeypatch.setattr("snnlab.passes.WORTH_SHARING", 0)
    found = []
    for workers in (1, 2, 3):
        network, inputs = made(net, "values", batch=70, workers=workers, dtype=np.float32)
        trace = network.forward(inputs, training=True)
        g, x = network.backward(trace, late_squares(trace.readout)[1], inputs=True)
        assert all(w.any() for w in g)
        arrays = trace.readout, *trace.v, g.flat, x, network.parameters
        found.append([a.tobytes() for a in arrays])
    assert found[0] == found[1] == found[2]


def test_files_and_copies(tmp_path):
    network, inputs = made("pools", "values")
    network.forward(inputs, training=True)
    network.save(tmp_path / "net.npz")
    expected = network.forward(inputs).readout
    others = network.copy(), Network.load(tmp_path / "net.npz"), pickle.loads(pickle.dumps(network))
    for other in others:
        assert np.array_equal(other.forward(inputs).readout, expected)
        assert other.layers == network.layers and repr(other) == repr(network)


# training -----------------------------------------------------------------------------------------


def task(n=64, side=6):
    """Two kinds of images."""
    rng = np.random.default_rng(0)
    labels = np.arange(n) % 2
    x = rng.random((n, side, side, 1)) < np.where(labels, 0.2, 0.5)[:, None, None, None]
    return ConstantCurrent(x.reshape(n, -1).astype(np.float32), 6), labels


def test_it_trains_and_goes_on_from_a_checkpoint(tmp_path):
    inputs, labels = task()
    layers = (6, 6, 1), Conv(4, norm=N), Residual(Conv(4, norm=N)), Pool(), Dense(8, norm=N), 2

    def run(epochs, path=None, **more):
        network = Network(layers, LIF.grad_r(), n_steps=6, rng=0)
        how = {"epochs": epochs, "batch_size": 16, "schedule": "constant"} | more
        history = train(
            network,
            inputs,
            labels,
            rng=1,
            progress=False,
            checkpoint=path,
            dropout=0.1,
            penalties=[penalties.Bursts(1e-4)],
            optimizer=Adam(0.02),
            **how,
        )
        return network, history

    network, history = run(16)
    assert history.train_accuracy[-1] > 0.9
    path = tmp_path / "run.npz"
    run(3, path)
    again, _ = run(16, path, extend=True)
    assert np.array_equal(again.parameters, network.parameters)


def test_deep_networks_do_not_begin_silent():
    rng = np.random.default_rng(0)
    x = ConstantCurrent(rng.normal(0, 1, (8, 8 * 8 * 3)), 6)
    for neuron in (LIF.grad_r(), LIF.brainscales2(), LIF.grad_r(v_th=0.2, tau_mem=20e-3)):
        rates = {}
        for norm in (None, N):
            layers = (8, 8, 3), *[Conv(8, norm=norm)] * 8, 2
            network = Network(layers, neuron, n_steps=6, rng=0)
            trace = network.forward(x)
            rates[norm] = [z.counts().mean() / (z.n_units * 6) for z in trace.spikes]
        assert all(0.005 < rate < 0.6 for rate in rates[N]), rates
        assert min(rates[None]) < 0.001, "as they do without"


def test_activity_is_scaled_by_the_gain():
    inputs, _ = task()
    network = Network(((6, 6, 1), Conv(4, norm=N), Conv(4), 2), LIF.grad_r(), n_steps=6, rng=0)
    before = [w.copy() for w in network.weights]
    network.scale_to_activity(inputs, rate=0.05, readout=0.5)
    changed = [bool((w != b).any()) for w, b in zip(network.weights, before, strict=True)]
    assert changed == [False, True, True]
    for z in network.forward(inputs).spikes:
        assert z.counts().mean() / (z.n_units * 6) == pytest.approx(0.05, rel=0.2)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_inputs_that_are_all_alike(value):
    """Variances are zero: currents are the shift, and gradients are numbers."""
    layers = (4, 4, 1), Conv(3, padding=0, norm=N), Dense(3, norm=N)
    network = Network(layers, LIF.grad_r(), n_steps=6, rng=0, dtype=np.float64)
    shift = network.blocks[2].of(network.parameters)
    assert network.blocks[2].name == "shift"
    shift[...] = 1.5, 0.1, 2.0
    trace = network.forward(ConstantCurrent(np.full((4, 16), value), 6), training=True)
    assert trace.v[0].reshape(4, 6, -1, 3)[:, 0] == pytest.approx(
        np.broadcast_to(0.5 * shift[0], (4, 4, 3))
    )
    gradients, g_x = network.backward(trace, np.ones_like(trace.readout), inputs=True)
    assert gradients.is_finite() and np.isfinite(g_x).all()
    assert np.isfinite(network.parameters).all()


# refused ------------------------------------------------------------------------------------------


def test_a_batch_of_one_sample_is_refused():
    network = fresh()
    x = inputs_of("values", 5, 6, 32, np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"inputs hold one sample: layer 0 \(Conv.*BatchNorm"):
        network.forward(x[0], training=True)
    with pytest.raises(ValueError, match="one sample.*train it, or give more"):
        network.forward(x[0])
    network.forward(x, training=True)
    assert np.isfinite(network.forward(x[0]).readout).all()
    with pytest.raises(ValueError, match="batch_size 4 leaves a batch of one of 5 samples"):
        train(network, x, np.zeros(5, int), rng=0, epochs=1, batch_size=4, progress=False)


def test_what_is_not_a_norm_is_refused():
    for make_layer in (lambda n: Conv(2, norm=n), lambda n: Dense(2, norm=n)):
        for wrong in (True, "batch", BatchNorm):
            with pytest.raises(TypeError, match="norm must be a BatchNorm or None"):
                make_layer(wrong)
    for name, wrong in (("scale", 0), ("momentum", 1.5), ("momentum", 0), ("eps", -1)):
        with pytest.raises(ValueError, match=name):
            BatchNorm(**{name: wrong})
    with pytest.raises(TypeError, match="layers"):
        Network((4, BatchNorm(), 3), LIF.grad_r(), n_steps=3, rng=0)
    with pytest.raises(TypeError, match="training"):
        fresh().forward(inputs_of("values", 2, 6, 32, np.random.default_rng(0)), training="yes")


def test_others_that_know_dense_layers_only_refuse_it_by_name():
    network = Network((4, Dense(3, norm=N), 2), LIF.grad_r(), n_steps=3, rng=0)
    for use in (
        lambda: network.forward(
            inputs_of("events", 2, 3, 4, np.random.default_rng(0)), on=Substrate(seed=0)
        ),
        lambda: compact(network),
        lambda: train(
            network,
            inputs_of("events", 4, 3, 4, np.random.default_rng(0)),
            [0, 1, 0, 1],
            rng=0,
            progress=False,
            substrate=Substrate(seed=0),
        ),
    ):
        with pytest.raises(ValueError, match="layer 0 .*BatchNorm.*dense layers only"):
            use()


def test_names():
    assert repr(Dense(3)) == "Dense(n=3)" and Dense(3).to_dict() == {"kind": "Dense", "n": 3}
    assert repr(Dense(3, norm=N)) == "Dense(n=3, norm=BatchNorm())"
    assert repr(BatchNorm(scale=2)) == "BatchNorm(scale=2.0)"
    assert "norm" not in Conv(3).to_dict()
    reads = LeakyIntegrator(tau_mem=2.0, tau_syn=None, dt=1.0)
    network = Network(
        (4, Dense(3, norm=N)), LIF.grad_r(dt=1.0, tau_mem=2.0), readout=reads, n_steps=3, rng=0
    )
    names = [(b.name, b.prunable, b.trainable) for b in network.blocks]
    assert names == [
        ("weights", True, True),
        ("gain", False, True),
        ("shift", False, True),
        ("mean", False, False),
        ("variance", False, False),
        ("batches", False, False),
    ]


@pytest.mark.parametrize("channels", [float("nan"), float("inf"), 0, -3, 2.0, "two", None, 2**60])
def test_channels_are_counted(channels):
    """Sizes of blocks, which are read by whoever lays parameters out."""
    for asked in (N.blocks, lambda n: N.init(n, 1.0)):
        with pytest.raises((TypeError, ValueError), match="channels"):
            asked(channels)
    with pytest.raises((TypeError, ValueError), match="current"):
        N.init(2, float("nan"))


# steps that fail, and batches of one -------------------------------------------------------------


def dense_network():
    net = Network((10, Dense(8, BatchNorm()), 3), LIF.brainscales2(), n_steps=4, rng=0)
    x = Values(np.random.default_rng(0).normal(size=(6, 4, 10)))
    train(net, x, np.arange(6) % 3, epochs=1, rng=0, progress=False)
    return net, x


class Explodes(Adam):
    def step(self, network, gradients, factor=1.0):
        raise FloatingPointError("it explodes")


@pytest.mark.parametrize("change", ["loss", "optimizer", "backward"])
def test_a_step_that_fails_leaves_running_statistics_as_they_were(change):
    net, x = dense_network()
    before = net.parameters.copy()

    class Fails:
        def backward(self, *given, **more):
            raise RuntimeError("no gradient")

    settings = {
        "loss": lambda readout, labels: (float("nan"), np.zeros_like(readout)),
        "optimizer": Explodes(),
        "backward": Fails(),
    }
    with pytest.raises((FloatingPointError, RuntimeError)):
        train(
            net, x, np.arange(6) % 3, epochs=1, rng=0, progress=False, **{change: settings[change]}
        )
    assert np.array_equal(net.parameters, before)


@pytest.mark.parametrize("n, batch_size", [(6, 1), (1, 1), (1, 100), (5, 2)])
def test_a_batch_of_one_is_refused_before_wires_are_cut(n, batch_size):
    net, x = dense_network()
    before = net.parameters.copy()
    with pytest.raises(ValueError, match=f"batch_size {batch_size} leaves a batch of one of {n} "):
        train(
            net,
            x[:n],
            np.zeros(n, int),
            batch_size=batch_size,
            rng=0,
            optimizer=Magnitude(1e-3, 0.5),
        )
    assert np.array_equal(net.parameters, before)


def test_a_trace_of_another_norm_is_refused():
    rng = np.random.default_rng(0)
    z = SpikeTrains.from_dense(rng.random((4, 5, 72)) < 0.3)

    def make_one(*layers, dtype=np.float32):
        return Network(((6, 6, 2), *layers, 3), LIF.brainscales2(), n_steps=5, rng=0, dtype=dtype)

    norm = BatchNorm()
    trained = make_one(Conv(4, norm=norm))
    trained.forward(z, training=True)
    pairs = [
        (make_one(Conv(4, norm=norm)), make_one(Conv(4)), {"training": True}),
        (make_one(Dense(5, norm)), make_one(Dense(5)), {"training": True}),
        (make_one(Conv(4)), make_one(Conv(4, norm=norm)), {}),  # which has none to put in its place
        (trained, make_one(Conv(4, norm=norm)), {}),
        (make_one(Conv(4, norm=norm)), make_one(Dense(144, norm)), {"training": True}),
    ]
    for one, other, how in pairs:
        trace = one.forward(z, **how)
        with pytest.raises(ValueError, match="trace does not fit"):
            other.backward(trace, trace.readout)
    trace = trained.forward(z)
    trained.backward(trace, trace.readout)


def test_a_trace_that_does_not_fit_a_network_with_a_pool_is_refused():
    """A largest value of spikes has no potentials, and was asked for their type."""
    z = SpikeTrains.from_dense(np.random.default_rng(0).random((4, 5, 72)) < 0.3)
    one, other = (
        Network(((6, 6, 2), Conv(4), Pool(2), Dense(n), 3), LIF.brainscales2(), n_steps=5, rng=0)
        for n in (5, 6)
    )
    trace = one.forward(z)
    with pytest.raises(ValueError, match="trace does not fit the network's layers"):
        other.backward(trace, trace.readout)
