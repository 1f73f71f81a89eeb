"""Convolutions by kernels equal plain NumPy: any kernel, stride, padding, length, channels."""

import os

import numpy as np
import pytest
from helpers import assert_close
from samples import Plain, inputs_of

from snnlab import LIF, ConstantCurrent, LeakyIntegrator, Network, Values, surrogate
from snnlab.chip.substrate import Substrate
from snnlab.kernels import conv as kernels
from snnlab.kernels import winograd
from snnlab.layers import BatchNorm, Conv, Dense, Residual, patches


def by_the_layer(layer, g, x, w):
    return layer.adjoint(g, x, w)


def make(
    layers, kind, rng, *, n_steps, batch=3, dtype=np.float64, unlike=False, workers=None, **neuron
):
    """A network in which something happens; ``unlike``: no two neurons have the same constants."""
    settings = {
        "tau_mem": 3.0,
        "tau_syn": 2.0,
        "dt": 1.0,
        "gain": 0.8,
        "v_th": 0.9,
        "surrogate": "arctan",
        "steepness": 0.5,
        "detach_reset": False,
    } | neuron
    readout = LeakyIntegrator(tau_mem=4.0, tau_syn=2.0, dt=1.0)
    plain = Network(layers, LIF(**settings), n_steps=n_steps, rng=0, readout=readout)
    models = [
        LIF(**settings | ({"v_th": rng.uniform(0.7, 1.1, stage.n)} if unlike else {}))
        for stage in plain.hidden_stages
    ]
    network = Network(
        layers, models, n_steps=n_steps, rng=0, readout=readout, dtype=dtype, workers=workers
    )
    for block in network.blocks:
        x = block.of(network.parameters)
        x[...] = rng.normal(0.5, 1.0, x.shape) / np.sqrt(block.rows) * 2
    return network, inputs_of(kind, batch, n_steps, network.sizes[0], rng)


def assert_equals_plain(network, inputs, tolerance=1e-10, all_learn=True):
    """Potentials, spikes and all gradients, which are not zero."""
    trace = network.forward(inputs)
    plain = Plain(network, inputs.to_dense(network.dtype))
    nodes = [node for node in plain.nodes if node.v is not None]
    for train, node in zip(trace.spikes, [n for n in nodes if n.z is not None], strict=True):
        assert np.array_equal(train.to_dense(), node.z)
        assert node.z.any()
    for v, node in zip(trace.v, nodes, strict=True):
        np.testing.assert_allclose(v, node.v, rtol=tolerance, atol=tolerance)
    silent = network.forward(inputs, potentials=False)
    assert silent.spikes == trace.spikes and np.array_equal(silent.readout, trace.readout)
    rng = np.random.default_rng(1)
    g = rng.normal(size=trace.readout.shape)
    g_spikes = [rng.normal(0, 0.1, (len(trace), 1, s.n)) for s in network.hidden_stages]
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
    assert all(x.any() for x in named) or not all_learn
    plainly = network.backward(trace, g, g_spikes=g_spikes)
    assert np.array_equal(plainly.flat, got.flat)


@pytest.mark.rotates
@pytest.mark.parametrize("padding", [0, 1, 2])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 5])
def test_kernels_strides_and_paddings(kernel, stride, padding):
    rng = np.random.default_rng([kernel, stride, padding])
    layers = (7, 8, 2), Conv(3, kernel, stride, padding), Conv(4, 2, 1, 1), 3
    for kind in ("events", "current", "values"):
        assert_equals_plain(*make(layers, kind, rng, n_steps=8))


@pytest.mark.rotates
@pytest.mark.bounds
@pytest.mark.parametrize("n_steps", [1, 3, 4, 5, 8, 9, 20, 100])
@pytest.mark.parametrize("delay", [0, 1, 9])
def test_lengths_and_delays(n_steps, delay):
    rng = np.random.default_rng(n_steps)
    layers = (5, 4, 2), Conv(3), Conv(2, kernel=2, stride=2), Dense(3)
    for kind in ("events", "current", "values"):
        network, inputs = make(layers, kind, rng, n_steps=n_steps, batch=2, v_th=0.3, delay=delay)
        if n_steps > 2 * delay + 1:
            assert_equals_plain(network, inputs)
        else:
            trace = network.forward(inputs)
            np.testing.assert_allclose(trace.v[1], Plain(network, inputs.to_dense()).nodes[1].v)


# of every kind of tile, whole ones and others, on the same days
CHANNELS = [
    pytest.param(n, marks=pytest.mark.rotates(f"{k % 3} of tiles"))
    for k, n in enumerate((3, 8, 15, 32, 16, 17, 31, 64, 33, 40))
]


@pytest.mark.bounds
@pytest.mark.parametrize("unlike", [False, True])
@pytest.mark.parametrize("channels", CHANNELS)
def test_numbers_of_channels(channels, unlike):
    """In float32 tiles are twice as wide."""
    rng = np.random.default_rng(channels)
    layers = (4, 3, 2), Conv(channels), Conv(channels, kernel=5), 3
    single = os.environ.get("NUMBA_BOUNDSCHECK") == "1"  # kernels of both have the same indices
    for dtype, tolerance in ((np.float32, 2e-4), (np.float64, 1e-10))[: 1 if single else 2]:
        network, inputs = make(
            layers, "events", rng, n_steps=8, dtype=dtype, unlike=unlike, refractory=2.0
        )
        assert_equals_plain(network, inputs, tolerance)


@pytest.mark.rotates
@pytest.mark.parametrize("reset", ["subtract", "zero"])
@pytest.mark.parametrize("name", surrogate.NAMES)
def test_surrogates_and_resets(name, reset):
    rng = np.random.default_rng(3)
    layers = (5, 5, 2), Conv(3), Residual(Conv(3, kernel=1), Conv(3)), Conv(1, kernel=5, padding=0)
    for refractory, detach, tau in ((0.0, True, None), (1.0, False, 2.0), (11.0, False, 2.0)):
        neuron = {"surrogate": name, "reset": reset, "refractory": refractory, "tau_syn": tau}
        neuron["detach_reset"] = detach
        assert_equals_plain(*make(layers, "values", rng, n_steps=20, **neuron))


@pytest.mark.bounds
@pytest.mark.nojit
def test_a_small_one():
    rng = np.random.default_rng(0)
    layers = (3, 3, 2), Conv(3), Residual(Conv(3)), Conv(2, kernel=2, stride=2), 2
    for kind in ("events", "current", "values"):
        for n_steps in (3, 9):
            network, inputs = make(
                layers, kind, rng, n_steps=n_steps, batch=2, refractory=1.0, v_th=0.4
            )
            assert_equals_plain(network, inputs)


def test_shortcuts_of_values_and_inputs():
    """Inputs of each kind are added, too, and what a layer above reads of them."""
    rng = np.random.default_rng(4)
    for layers in (
        ((4, 4, 3), Residual(Conv(3)), 3),
        ((4, 4, 3), Residual(Conv(2), Conv(3)), Conv(2, kernel=1), 3),
        ((4, 4, 3), Conv(3), Residual(Residual(Conv(3)), Conv(3))),
    ):
        for kind in ("events", "current", "values"):
            for delay in (0, 1):
                assert_equals_plain(*make(layers, kind, rng, n_steps=9, delay=delay))


@pytest.mark.rotates
@pytest.mark.parametrize("n_steps", [4, 8, 20])
def test_threads_change_no_bit(n_steps, monkeypatch):
    """Also of networks whose samples are worth a thread each."""
    monkeypatch.setattr("snnlab.passes.WORTH_SHARING", 0)
    layers = (16, 16, 3), Conv(40), Conv(40, stride=2), 10
    found = []
    for workers in (1, 2, 3):
        rng, settings = np.random.default_rng(0), {"dtype": np.float32, "workers": workers}
        network, inputs = make(layers, "current", rng, n_steps=n_steps, batch=7, **settings)
        assert network.is_heavy
        trace = network.forward(inputs)
        g, x = network.backward(trace, np.ones_like(trace.readout), inputs=True)
        assert all(w.any() for w in g)
        found.append([a.tobytes() for a in (trace.readout, *trace.v, g.flat, x)])
    assert found[0] == found[1] == found[2]


def test_events_are_listed_when_they_are_asked_for():
    rng = np.random.default_rng(0)
    network, inputs = make(((6, 6, 1), Conv(4), Conv(4), 3), "values", rng, n_steps=9)
    first, second, _ = network.stages
    assert (first.lists_events, second.lists_events) == (False, True)
    trace = network.forward(inputs)
    before = trace.spikes[0]
    assert before is trace.spikes[0] and before.counts().sum() > 0
    again = network.forward(inputs[:3], out=trace)
    assert again is trace and trace.spikes[0] is not before and trace.spikes[0] == before
    network.weights[0][...] *= 0
    network.forward(inputs, out=trace)
    assert trace.spikes[0].counts().sum() == 0 and before.counts().sum() > 0


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_turned_weights(k, stride):
    """Their convolution of adjoint currents is the layer's own adjoint."""
    rng = np.random.default_rng(k)
    layer, shape = Conv(3, k, stride), (6, 7, 2)
    w = rng.normal(size=(k * k * 2, 3))
    out = layer.shape_out(shape)
    g = rng.normal(size=(2, 4, *out))
    expected = layer.adjoint(g, np.zeros((2, 4, *shape)), {"weights": w})[1]
    lanes = kernels.lanes_of(3, w.dtype)
    filled = np.zeros((*g.shape[:-1], lanes))
    filled[..., :3] = g
    geometry = (*out[:2], lanes), shape, k, stride, layer.padding
    got = np.zeros((2, 4, 84))
    weights = patches.tiled(patches.turned(w, k, stride, 2, lanes), kernels.lanes_of(2, w.dtype))
    given = np.empty((0, 1, 1), np.uint8), filled.reshape(2, 4, -1)
    shape, none = kernels.back_shape_of(*geometry), np.empty((0, 1))
    convolve = kernels.make_convolve(weights.shape[2], 4)
    convolve(given, none, weights, shape, kernels.times(4), lanes, 0, got, 0, 2)
    np.testing.assert_allclose(got, expected.reshape(2, 4, -1), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", [(8, 8, 3), (5, 9, 2), (7, 70, 18), (3, 4, 1)])
@pytest.mark.parametrize("padding", [0, 1, 2, 3])
def test_error_by_squares(shape, padding):
    """Winograd's filters find the layer's own adjoint, at any size and number of steps."""
    rng = np.random.default_rng(padding)
    for dtype, channels, n_steps, delay in (
        (np.float64, 3, 1, 0),
        (np.float64, 17, 5, 1),
        (np.float32, 8, 4, 2),
        (np.float32, 5, 10, 0),
    ):
        layer = Conv(channels, 3, padding=padding)
        out, w = layer.shape_out(shape), rng.normal(size=(9 * shape[2], channels))
        g = rng.normal(size=(2, n_steps, *out))
        expected = layer.adjoint(g, np.zeros((2, n_steps, *shape)), {"weights": w})[1]
        expected = expected.reshape(2, n_steps, -1)
        lanes, wide = kernels.lanes_of(channels, dtype), kernels.lanes_of(shape[2], dtype)
        margin, filled = patches.margin_of(3, padding), -(-channels // lanes) * lanes
        room = patches.adjoint_room(out, 3, padding, n_steps, lanes)
        adjoints = np.zeros((2, room), dtype)
        g = g.reshape(2, n_steps, -1).astype(dtype)
        for s in range(2):
            tiles = adjoints[s].reshape(filled // lanes, n_steps, -1, out[1] + 2 * margin, lanes)
            here = g[s].reshape(n_steps, *out[:2], channels)
            inside = slice(margin, margin + out[0]), slice(margin, margin + out[1])
            for i in range(channels):
                tiles[i // lanes][:, *inside, i % lanes] = here[..., i]
        turned = patches.turned(w, 3, 1, shape[2], lanes).astype(dtype)
        weights = patches.tiled(patches.transformed(turned), wide)
        back = kernels.back_shape_of((*out[:2], filled), shape, 3, 1, padding)
        start = rng.normal(size=expected.shape).astype(dtype)
        got = start.copy()
        error = winograd.make_error(wide, lanes)
        error(adjoints, weights, back, kernels.times(n_steps, delay), margin, got, 0, 2)
        close = {"rtol": 0, "atol": (1e-12 if dtype == np.float64 else 1e-5) * abs(expected).max()}
        last = n_steps - delay
        np.testing.assert_allclose((got - start)[:, :last], expected[:, delay:], **close)
        assert np.array_equal(got[:, last:], start[:, last:])


@pytest.mark.parametrize("n_steps", [1, 4, 8])
def test_squares_are_taken_where_the_error_is_dense(n_steps, monkeypatch):
    """And lists elsewhere; both find the same gradient."""
    assert winograd.saves(2, 3) and not winograd.saves(2, 2)
    rng, taken = np.random.default_rng(0), []
    network, inputs = make(((8, 8, 2), Conv(5), Conv(6), 3), "values", rng, n_steps=n_steps)
    trace = network.forward(inputs)
    made = winograd.make_error
    monkeypatch.setattr(
        winograd, "make_error", lambda *tiles: lambda *x: taken.append(x[-2]) or made(*tiles)(*x)
    )
    found = []
    for dense in (0, 9):  # shares above 0, or none
        monkeypatch.setattr("snnlab.layers.patchwise.DENSE", dense)
        found.append(network.backward(trace, np.ones_like(trace.readout)).flat.copy())
        assert sorted(taken) == [0, 1, 2]  # and no more where lists are followed
    assert found[0].any() and not np.array_equal(*found)
    np.testing.assert_allclose(*found, atol=1e-13 * abs(found[0]).max())


READ_OUT = {
    "conv": Conv(3),
    "strided": Conv(5, 2, stride=2),
    "normalised": Conv(3, norm=BatchNorm()),
    "normalised dense": Dense(7, BatchNorm()),
}


@pytest.mark.parametrize("layer", READ_OUT.values(), ids=READ_OUT)
@pytest.mark.parametrize("delay", [0, 1, 2])
@pytest.mark.parametrize("n_steps", [1, 2, 3])
def test_a_constant_read_out_equals_the_same_step_by_step(n_steps, delay, layer):
    """And what arrives after the last step has no gradient, be there one step or more."""
    readout = LeakyIntegrator(tau_mem=3.0, tau_syn=2.0, dt=1.0, delay=delay)
    network = Network(
        ((4, 4, 2), layer), [], n_steps=n_steps, rng=0, readout=readout, dtype=np.float64
    )
    rng = np.random.default_rng(1)
    x = rng.random((5, 32))
    constant, values = ConstantCurrent(x, n_steps), Values(np.repeat(x[:, None], n_steps, axis=1))
    g, normed = rng.normal(size=(5, n_steps, network.sizes[-1])), network.normalises
    for training in (True, False) if normed else (False,):
        found = []
        for inputs in (constant, values):
            trace = network.forward(inputs, training=training)
            gradients, g_x = network.backward(trace, g, inputs=True)
            found.append((gradients.flat.copy(), g_x.reshape(5, -1, 32).sum(axis=1)))
        for one, other in zip(*found, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-12 * max(abs(other).max(), 1))
            assert one.any() == (delay < n_steps)
        if not normed:  # the readout is linear in the weights, and in the inputs
            loss = pytest.approx((g * trace.readout).sum(), abs=1e-12)
            assert found[0][0] @ network.parameters == loss
            assert (found[0][1] * x).sum() == loss


def test_kernels_enclose_numbers_only():
    """Else none would be found on disk again: numba tells them by what they enclose."""
    made = [
        kernels.make_fire(8, 4),
        kernels.make_convolve(8, 4),
        kernels.make_adjoint(8, 0),
        *(kernels.make_gradient(8, k, 1) for k in (1, 2)),
        winograd.make_error(8, 8),
    ]
    for one in made:
        cells = one.py_func.__closure__
        assert cells and all(type(cell.cell_contents) is int for cell in cells)


def test_other_media_are_refused_by_name():
    network, inputs = make(((4, 4, 1), Conv(2), 3), "events", np.random.default_rng(0), n_steps=5)
    with pytest.raises(ValueError, match="Conv.*dense layers only"):
        network.forward(inputs, on=Substrate(seed=0))


def test_derived_from():
    with pytest.raises(TypeError, match="must derive from Linear"):
        type("Mine", (Conv,), {})
