"""`Delayed`: what no other layer has. (`test_every_layer.py` has networks of them, too.)"""

import numpy as np
import pytest
import reference
from samples import DENSE_ONLY, MAPS, assert_threads_change_no_bit, inputs_of, make
from test_every_layer import assert_same_as_plain

from snnlab import (
    LIF,
    Adam,
    LeakyIntegrator,
    Network,
    SpikeTrains,
    clinic,
    energy,
    rewiring,
    train,
)
from snnlab.kernels.delays import delay_events
from snnlab.layers import Delayed


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_delays_that_are_no_numbers_index_nothing(bad):
    """They once did, and the process died."""
    neuron = LIF(tau_mem=10.0, tau_syn=5.0, dt=1.0)
    network = Network((4, Delayed(3, 6.0), 2), neuron, n_steps=8, rng=0)
    inputs = SpikeTrains.from_dense(np.random.default_rng(0).random((5, 8, 4)) < 0.5)
    trace = network.forward(inputs)
    network.blocks[1].of(network.parameters)[0, 1] = bad
    with pytest.raises(FloatingPointError, match="1 of 4 entries of 'delays'"):
        network.forward(inputs)
    if np.isnan(bad):
        with pytest.raises(FloatingPointError, match="delays"):
            network.backward(trace, np.ones_like(trace.readout))


def test_a_spike_arrives_in_two_steps():
    layer = Delayed(1, longest=6.0)
    neuron = LeakyIntegrator(tau_mem=0.01, tau_syn=None, dt=1.0)
    network = Network((2, layer), [], readout=neuron, n_steps=8, rng=0, dtype=np.float64)
    network.weights[0][:, 0] = 1, 10
    network.blocks[1].of(network.parameters)[...] = layer.stored([[2.25, 4.0]])
    x = np.zeros((1, 8, 2))
    x[0, 1, 0] = x[0, 2, 1] = x[0, 6, 0] = 1
    expected = [0, 0, 0, 0.75, 0.25, 0, 10, 0]
    for inputs in (
        SpikeTrains.from_dense(x),
        inputs_of("values", 1, 8, 2, np.random.default_rng()),
    ):
        if not isinstance(inputs, SpikeTrains):
            inputs.x[...] = x
        found = network.forward(inputs).readout[0, :, 0]
        np.testing.assert_allclose(found, expected, atol=1e-9)


def test_its_blocks():
    network = Network((6, Delayed(5, longest=4.0), 3), LIF.grad_r(), n_steps=4, rng=0)
    names = [(b.stage, b.name, b.rows, b.columns, b.prunable) for b in network.blocks[:2]]
    assert names == [(0, "weights", 6, 5, True), (0, "delays", 1, 6, False)]
    assert len(network.weights) == 2
    wide = Network((2000, Delayed(5, longest=4.0), 3), LIF.grad_r(), n_steps=4, rng=0)
    delays = wide.layers[0].delays(wide.blocks[1].of(wide.parameters))
    assert 0 < delays.min() < 0.2 and 3.8 < delays.max() < 4 and abs(delays.mean() - 2) < 0.1
    again = wide.layers[0].stored(delays)
    np.testing.assert_allclose(again, wide.blocks[1].of(wide.parameters), rtol=1e-4, atol=1e-5)


def test_a_map_and_its_adjoint():
    rng = np.random.default_rng(0)
    layer, x, g = Delayed(4, 3.0), rng.normal(size=(2, 6, 5, 2)), rng.normal(size=(2, 6, 4))
    w = {"weights": rng.normal(size=(10, 4)), "delays": rng.normal(size=(1, 10))}
    currents = layer.drive(x, w)
    np.testing.assert_allclose(currents, MAPS[Delayed](layer, x, w), rtol=1e-12, atol=1e-12)
    by_blocks, g_x = layer.adjoint(g, x, w)
    for found, moved in ((g_x, x), *((by_blocks[name], w[name]) for name in w)):
        numeric = reference.numerical_gradient(lambda: (layer.drive(x, w) * g).sum(), moved)
        np.testing.assert_allclose(found, numeric, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kind", ["events", "values"])
@pytest.mark.parametrize("n_steps", [1, 8, 9, 20])
@pytest.mark.parametrize("longest", [0.5, 3.0, 30.0])
def test_as_the_first_layer(kind, n_steps, longest):
    for seed, sizes in enumerate(((5, 3), (70, 3), (17,))):
        stack = ((6,), *(Delayed(n, longest) for n in sizes))
        network, inputs = make(
            stack, kind, n_steps=n_steps, seed=seed, steepness=0.5, batch=(4, 35)[seed % 2]
        )
        assert_same_as_plain(network, inputs)


def test_whole_delays_take_one_event():
    start, stop = np.array([0]), np.array([3])
    step, unit = np.array([0, 1, 5], np.int32), np.array([0, 1, 1], np.int32)
    out = [np.zeros(n, kind) for n, kind in ((1, int), (1, int), (6, np.int32), (6, np.int32))]
    whole, between = np.array([2, 1], np.int32), np.array([False, True])
    delay_events(start, stop, step, unit, whole, between, 7, *out, 0, 1)
    assert out[1].tolist() == [4]
    assert list(zip(*(x[:4].tolist() for x in out[2:]), strict=True)) == [
        (2, 0),
        (2, 1),
        (3, 3),
        (6, 1),
    ]


def test_threads_change_no_bit(monkeypatch):
    assert_threads_change_no_bit(
        lambda n: make("delayed", batch=70, workers=n, dtype=np.float32), monkeypatch
    )


def test_planted_delays_are_found():
    """Those of inputs, from the readout alone, within a step."""
    rng = np.random.default_rng(2)
    inputs = SpikeTrains.from_dense(rng.random((60, 50, 6)) < 0.08)
    neuron = LIF(tau_mem=4.0, tau_syn=4.0, dt=1.0, surrogate="sigmoid", steepness=4.0)
    readout, layer = LeakyIntegrator(tau_mem=4.0, tau_syn=None, dt=1.0), Delayed(5, longest=12.0)
    network = Network((6, layer, 5), neuron, readout=readout, n_steps=50, rng=0)
    signs = np.where(rng.random((6, 5)) < 0.3, -1, 1)
    network.weights[0][...] = rng.uniform(0.1, 0.5, (6, 5)) * signs
    network.weights[1][...] = np.eye(5)
    planted, block = np.array([1.3, 4.5, 10.2, 7.0, 2.6, 8.4]), network.blocks[1]
    block.of(network.parameters)[...] = layer.stored(planted)
    target = network.forward(inputs).readout
    block.of(network.parameters)[...] = 0
    optimizer = Adam(0.1, rates={"weights": 0.0})
    for _ in range(100):
        trace = network.forward(inputs)
        optimizer.step(network, network.backward(trace, trace.readout - target))
    found = layer.delays(block.of(network.parameters))
    assert np.abs(found - planted).max() < 1, "within a step"


def test_rewiring_prunes_weights_and_leaves_delays():
    network, inputs = make("delayed", dtype=np.float32, batch=40)
    rule = rewiring.GradR(0.2, 0.5, rng=0)
    settings = {"epochs": 3, "batch_size": 20, "rng": 1, "progress": False, "optimizer": rule}
    before = network.parameters.copy()
    train(network, inputs, np.arange(40) % 3, **settings)
    (delays,) = (block for block in network.blocks if block.name == "delays")
    assert 0 < np.count_nonzero(network.weights[1]) < network.weights[1].size
    assert (delays.of(network.parameters) != delays.of(before)).all()


def test_files_hold_it(tmp_path):
    network, inputs = make("delayed between")
    network.save(tmp_path / "a.npz")
    again = Network.load(tmp_path / "a.npz")
    assert again.layers == network.layers
    assert np.array_equal(again.forward(inputs).readout, network.forward(inputs).readout)


@pytest.mark.parametrize("what", DENSE_ONLY)
def test_what_cannot_take_it_says_so(what):
    network, inputs = make("delayed", dtype=np.float32)
    known = rf"layer 1 \(Delayed\(n=4, longest=3.0\)\): {what} takes dense layers only; \w+"
    with pytest.raises(ValueError, match=known):
        DENSE_ONLY[what](network, inputs)


@pytest.mark.parametrize("delays", [0, 2])
def test_operations_are_counted(delays):
    """A spike arrives in two steps, if these come before the end."""
    network, inputs = make(((6,), Delayed(5, 4.0), 3), delays=delays, dtype=np.float32)
    found = energy.count(network, inputs).layers[0]
    layer, block = network.layers[0], network.blocks[1]
    steps, arrived = layer.delays(block.of(network.parameters))[0], 0
    for _, step, unit in zip(*np.nonzero(inputs.to_dense()), strict=True):
        first = step + int(steps[unit]) + delays
        arrived += int(first < 9) + int(first + 1 < 9)
    assert found.spikes_in == pytest.approx(arrived / len(inputs))
    assert found.effective_acs == pytest.approx(5 * arrived / len(inputs))
    assert found.weights == found.synapses == 30


def test_the_clinic_takes_it():
    network, inputs = make("delayed between", dtype=np.float32, batch=30)
    assert clinic.examine(network, inputs, np.arange(30) % 3).layers


def test_a_constant_current_is_refused():
    network, inputs = make(((6,), Delayed(5, 3.0), 3), "current")
    with pytest.raises(ValueError, match=r"inputs are constant, and layer 0 \(Delayed"):
        network.forward(inputs)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"n": 0}, "n must be at least 1"),
        ({"longest": 0.0}, "longest must be above 0"),
        ({"longest": np.inf}, "longest must be"),
        ({"longest": "10"}, "longest must be a number"),
    ],
)
def test_settings_out_of_range_are_refused_by_name(change, message):
    with pytest.raises((TypeError, ValueError), match=message):
        Delayed(**{"n": 5} | change)


@pytest.mark.parametrize("delays", [0.0, 3.0, -1.0, 7.0])
def test_delays_out_of_range_are_refused(delays):
    with pytest.raises(ValueError, match="delays must be above 0 and below 3 steps"):
        Delayed(5, 3.0).stored([1.0, delays])


def test_layers_of_ones_own_do_not_derive_from_it():
    with pytest.raises(TypeError, match="Own must derive from Linear"):
        type("Own", (Delayed,), {})
