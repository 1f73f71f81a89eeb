"""`Recurrent`: what no other layer has. (`test_every_layer.py` has networks of them, too.)"""

import numpy as np
import pytest
from helpers import assert_close
from samples import DENSE_ONLY, MAPS, make
from test_every_layer import assert_same_as_plain, squares

from snnlab import (
    LIF,
    Adam,
    Network,
    SpikeTrains,
    SpikingClassifier,
    clinic,
    energy,
    plot,
    rewiring,
    textbook,
    train,
)
from snnlab.kernels import recurrent
from snnlab.layers import Delayed, Recurrent, Residual


def chain(n, n_steps, delay=0):
    """Units that each wake the next one; an input wakes the first."""
    neuron = LIF(tau_mem=0.01, tau_syn=None, dt=1.0, v_th=0.5, delay=delay, refractory=0.0)
    network = Network((1, Recurrent(n), 1), neuron, n_steps=n_steps, rng=0)
    forward, loop = network.weights[:2]
    forward[...], loop[...] = 0, 0
    forward[0, 0] = 1 / network.neurons[0].gain
    loop[np.arange(n - 1), np.arange(1, n)] = 1 / network.neurons[0].gain
    return network


@pytest.mark.parametrize("delay", [0, 2])
def test_a_spike_is_heard_one_step_later_whatever_the_delay_of_inputs(delay):
    network = chain(5, 9, delay)
    x = np.zeros((1, 9, 1))
    x[0, 1] = 1
    spikes = network.forward(SpikeTrains.from_dense(x)).spikes[0]
    assert spikes.to_dense()[0].nonzero()[0].tolist() == [1 + delay + k for k in range(5)]
    assert spikes.to_dense()[0].nonzero()[1].tolist() == list(range(5))


def test_its_blocks():
    network = Network((6, Recurrent(5), 3), LIF.grad_r(), n_steps=4, rng=0)
    assert [w.shape for w in network.weights] == [(6, 5), (5, 5), (5, 3)]
    names = [(b.stage, b.name, b.prunable, b.trainable) for b in network.blocks]
    assert names[:2] == [(0, "weights", True, True), (0, "recurrent", True, True)]
    wide = Network((6, Recurrent(200), 3), LIF.grad_r(), n_steps=4, rng=0, spread=2.0)
    assert wide.weights[1].std() == pytest.approx(2 / np.sqrt(200), rel=0.05)


def test_a_map_and_its_adjoint():
    rng = np.random.default_rng(0)
    layer, x, g = Recurrent(4), rng.normal(size=(2, 3, 5, 2)), rng.normal(size=(2, 3, 4))
    w = {name: rng.normal(size=size) for name, size in layer.blocks((5, 2)).items()}
    currents = layer.drive(x, w)
    np.testing.assert_allclose(currents, MAPS[Recurrent](layer, x, w), rtol=1e-12)
    by_blocks, g_x = layer.adjoint(g, x, w)
    assert list(by_blocks) == ["weights"]
    product = (currents * g).sum()
    assert (g_x * x).sum() == pytest.approx(product, rel=1e-12)
    assert (by_blocks["weights"] * w["weights"]).sum() == pytest.approx(product, rel=1e-12)


@pytest.mark.parametrize("shortcut", [False, True])
def test_it_reads_out_where_it_spikes(shortcut):
    last = Residual(Recurrent(4)) if shortcut else Recurrent(4)
    network, inputs = make(((6,), 4, last), fires=True, steepness=0.5)
    assert all(g.any() for g in assert_same_as_plain(network, inputs))
    with pytest.raises(ValueError, match=r"layers: layer 1 \(Recurrent\(n=4\)\) must spike"):
        make(((6,), 4, last))


def test_samples_that_sleep_till_their_error_comes():
    """Errors at single steps, at none, and in a batch of more samples than run together."""
    network, inputs = make("recurrent between", batch=3 * recurrent.GROUP + 5, steepness=0.5)
    trace = network.forward(inputs)
    rng, n = np.random.default_rng(0), len(inputs)
    g = np.zeros_like(trace.readout)
    g[np.arange(n), rng.integers(network.n_steps, size=n)] = rng.normal(size=(n, g.shape[2]))
    g[::7] = 0
    got, currents = network.backward(trace, g, adjoints=True)
    w = [np.array(block.of(network.parameters)) for block in network.blocks]
    loops = [None, w[2], w[4], None, None]
    error, expected = g, []
    maps = [w[0], w[1], w[3], w[5], w[6]]
    z = [inputs.to_dense(float)] + [train_.to_dense(float) for train_ in trace.spikes]
    for k in reversed(range(5)):
        spikes = z[k + 1] if k < 4 else np.zeros_like(trace.v[k])
        g_drive, g_i = textbook.neuron_backward(
            network.neurons[k], np.array(trace.v[k]), spikes, error, loops[k]
        )
        error = g_drive @ maps[k].T
        expected = [g_i, *expected]
        assert_close(
            [got.by_name()[k, "weights"]], [np.einsum("sti,stj->ij", z[k], g_drive)], 1e-10
        )
        if loops[k] is not None:
            by_loop = np.einsum("sti,stj->ij", spikes[:, :-1], g_i[:, 1:])
            assert_close([got.by_name()[k, "recurrent"]], [by_loop], 1e-10)
    assert_close(currents, expected, 1e-10)
    assert not currents[1][::7].any() and currents[1][1::7].any()


def test_panels_hold_every_weight_once():
    for n, width in ((5, 16), (16, 16), (70, 128)):
        w = np.zeros((n, width))
        w[:, :n] = np.arange(1, n * n + 1).reshape(n, n)
        panels = recurrent.in_panels(w)
        assert panels.shape == recurrent.panels_of(n, width)
        whole = panels.transpose(0, 2, 1).reshape(width, n)
        np.testing.assert_array_equal(whole[:n], w[:, :n])
        assert not whole[n:].any()


def test_it_learns_what_only_memory_tells():
    """Which of two inputs spiked, long before a neuron's own memory ends; read out at the end."""
    rng = np.random.default_rng(0)
    labels = np.arange(200) % 2
    x = np.zeros((200, 24, 12), bool)
    for sample, label in zip(x, labels, strict=True):
        sample[:4, 6 * label : 6 * label + 6] = rng.random((4, 6)) < 0.5
    inputs = SpikeTrains.from_dense(x)
    neuron = LIF(tau_mem=1.5, tau_syn=1.0, dt=1.0)
    network = Network((12, Recurrent(30), 2), neuron, n_steps=24, rng=0)
    network.scale_to_activity(inputs, layer_spikes=60)
    settings = {"epochs": 15, "batch_size": 20, "rng": 1, "progress": False}
    history = train(network, inputs, labels, optimizer=Adam(5e-3), loss="sum_over_time", **settings)
    assert history.loss[-1] < 0.5 * history.loss[0]


RULES = {
    "grad r": lambda: rewiring.GradR(0.2, 0.5, rng=0),
    "deep r": lambda: rewiring.DeepR(0.02, 0.5, rng=0),
    "a mask": lambda: rewiring.FixedMask(sparsity=0.5, rng=0),
}


@pytest.mark.parametrize("rule", RULES)
def test_recurrent_wires_are_pruned_too(rule):
    network, inputs = make("recurrent between", dtype=np.float32, batch=40)
    settings = {"epochs": 3, "batch_size": 20, "rng": 1, "progress": False}
    before = network.weights[2].copy()
    train(network, inputs, np.arange(40) % 3, optimizer=RULES[rule](), **settings)
    loops = [block.name == "recurrent" for block in network.weight_blocks]
    assert sum(loops) == 2
    for w, loop in zip(network.weights, loops, strict=True):
        assert not loop or 0 < np.count_nonzero(w) < w.size
    left = network.weights[2] != 0
    assert (network.weights[2] != before)[left].any(), "and learn"


def test_fixed_recurrent_weights_stay_while_the_others_learn(tmp_path):
    """They are drawn as ever, and run as ever: what is learned around them is as exact."""
    neuron = LIF(tau_mem=5.0, tau_syn=3.0, dt=1.0, v_th=0.3)
    kinds = Recurrent(5), Recurrent(5, fixed=True)
    one, two = (Network((3, kind, 2), neuron, n_steps=9, rng=0) for kind in kinds)
    assert [len(net.weights) for net in (one, two)] == [3, 2]
    np.testing.assert_array_equal(one.parameters, two.parameters)
    inputs = SpikeTrains.from_dense(np.random.default_rng(0).random((8, 9, 3)) < 0.5)
    trace = two.forward(inputs)
    g_readout = np.ones_like(trace.readout)
    by = [net.backward(net.forward(inputs), g_readout).flat for net in (one, two)]
    np.testing.assert_array_equal(*by)
    before = {b.name: b.of(two.parameters).copy() for b in two.blocks if b.stage == 0}
    optimizer = Adam(1e-2, weight_decay=0.5)
    train(two, inputs, np.arange(8) % 2, epochs=2, rng=0, optimizer=optimizer, progress=False)
    after = {b.name: b.of(two.parameters) for b in two.blocks if b.stage == 0}
    np.testing.assert_array_equal(after["recurrent"], before["recurrent"])
    assert (after["weights"] != before["weights"]).all()
    two.save(tmp_path / "fixed.npz")
    again = Network.load(tmp_path / "fixed.npz")
    assert again.layers == two.layers and repr(again.layers[0]) == "Recurrent(n=5, fixed=True)"
    np.testing.assert_array_equal(again.parameters, two.parameters)


def test_files_hold_it(tmp_path):
    network, inputs = make("recurrent")
    network.save(tmp_path / "a.npz")
    again = Network.load(tmp_path / "a.npz")
    assert again.layers == network.layers
    assert np.array_equal(again.forward(inputs).readout, network.forward(inputs).readout)


@pytest.mark.parametrize("what", DENSE_ONLY)
def test_what_cannot_take_it_says_so(what):
    network, inputs = make("recurrent", dtype=np.float32)
    with pytest.raises(
        ValueError, match=rf"layer 0 \(Recurrent\(n=5\)\): {what} takes dense layers only; \w+"
    ):
        DENSE_ONLY[what](network, inputs)


def test_operations_are_counted():
    """Spikes of the layer arrive once more, but those of the last step."""
    network, inputs = make(((6,), Recurrent(5), 3), delays=1, dtype=np.float32)
    network.weights[1][:3, :2] = 0
    found = energy.count(network, inputs).layers[0]
    x, z = inputs.to_dense(float), network.forward(inputs).spikes[0].to_dense(float)
    heard, own = x[:, :-1].sum((0, 1)), z[:, :-1].sum((0, 1))
    assert own.any() and z[:, -1].any()
    there = network.weights[1] != 0
    assert found.weights == found.synapses == 6 * 5 + 5 * 5 and found.nonzero == 30 + there.sum()
    expected = (heard.sum() * 5 + own @ there.sum(1)) / len(inputs)
    assert found.effective_acs == pytest.approx(expected)
    assert found.spikes_in == pytest.approx((heard.sum() + own.sum()) / len(inputs))
    assert found.row_acs == pytest.approx((heard.sum() + own.sum()) * 5 / len(inputs))
    assert energy.compare(network, inputs)


def test_the_clinic_takes_it():
    network, inputs = make("recurrent between", dtype=np.float32, batch=30)
    labels = np.arange(30) % 3
    report = clinic.examine(network, inputs, labels, weight_limit=0.5)
    weights = np.concatenate([w.ravel() for w in network.weights[1:3]])
    assert report.layers[1].at_limit == pytest.approx((abs(weights) >= 0.5).mean())
    for w in network.weights:
        w *= 1e-3
    (finding,) = (f for f in clinic.examine(network, inputs, labels).findings if "silent" in f.name)
    cured, _ = finding.remedy.cure(network.copy(), inputs)
    assert all(train_.counts().any() for train_ in cured.forward(inputs).hidden)


def test_an_estimator_takes_it(tmp_path):
    x, y = np.random.default_rng(0).random((40, 6)), np.arange(40) % 2
    layers = [Recurrent(7), Delayed(5, 3.0)]
    model = SpikingClassifier(layers=layers, epochs=2, n_steps=12, random_state=0).fit(x, y)
    assert model.network_.layers[:2] == tuple(layers)
    model.save(tmp_path / "model.npz")
    again = SpikingClassifier.load(tmp_path / "model.npz")
    assert np.array_equal(again.predict(x), model.predict(x))


def test_compressed_above_convolutions_it_runs_as_it_is():
    network, inputs = make("recurrent on images")
    found, expected = network.compressed().forward(inputs), network.forward(inputs)
    assert np.array_equal(found.readout, expected.readout)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"recurrent": np.ones((3, 2))}, "recurrent must have shape"),
        ({"recurrent": "w"}, "recurrent must"),
        ({"recurrent": np.full((3, 3), np.nan)}, "recurrent"),
        ({"recurrent": np.ones((3, 3)), "neuron": LIF.grad_r().integrator()}, "recurrent must be"),
    ],
)
def test_the_textbook_refuses_what_does_not_fit(change, message):
    given = {"drive": np.ones((2, 4, 3)), "neuron": LIF.grad_r()} | change
    with pytest.raises((TypeError, ValueError), match=message):
        textbook.neuron_forward(**given)


def test_layers_of_ones_own_do_not_derive_from_it():
    with pytest.raises(TypeError, match="Own must derive from Linear"):
        type("Own", (Recurrent,), {})


def test_gradients_do_not_depend_on_what_is_asked_for():
    network, inputs = make("recurrent", dtype=np.float32, batch=40)
    trace = network.forward(inputs)
    g = squares(trace.readout)[1]
    alone = network.backward(trace, g).flat
    assert np.array_equal(network.backward(trace, g, adjoints=True, inputs=True)[0].flat, alone)


def test_pixels_of_a_recurrent_layer_are_drawn():
    network = Network((6, Recurrent(5), 3), LIF.grad_r(), n_steps=4, rng=0)
    network.weights[0][2] = 0
    picture = plot.draw_inputs(network, (2, 3))
    left = picture.fig.axes[0].images[0].get_array()
    assert left.mask.ravel().tolist() == [k == 2 for k in range(6)] and (left == 5).sum() == 5


@pytest.mark.parametrize("fixed", [False, True])
def test_a_limit_of_inputs_is_refused(fixed):
    """It held for either kind of weights by itself, so that units had twice as many inputs."""
    network = Network((9, Recurrent(8, fixed=fixed), 3), LIF.brainscales2(), n_steps=4, rng=0)
    for rule in (rewiring.GradR(max_fan_in=3), rewiring.DeepR(max_fan_in=3, rng=0)):
        with pytest.raises(ValueError, match="max_fan_in must be left out"):
            rule.begin(network)
