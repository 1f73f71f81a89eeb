"""Every layer, in every place: the network equals plain NumPy, its gradients finite differences."""

import copy
import ctypes
import json
import pickle
import sys
from html import escape

import numpy as np
import pytest
import reference
from helpers import assert_close
from samples import (
    INPUTS,
    MAPS,
    STACKS,
    TRANSFORMS,
    Biased,
    Halved,
    Plain,
    Power,
    Shift,
    Twice,
    adjoint,
    inputs_of,
    make,
)

from snnlab import (
    LIF,
    Adam,
    ConstantCurrent,
    GradR,
    Network,
    Substrate,
    clinic,
    energy,
    explain,
    live,
    passes,
    plot,
    rewiring,
    surrogate,
    time_to_decision,
    train,
)
from snnlab.layers import (
    BatchNorm,
    Conv,
    Dense,
    Linear,
    Pool,
    Recurrent,
    Residual,
    Transform,
    Vote,
    kinds,
)
from snnlab.layers.constants import ROWS
from snnlab.learning.penalties import Bursts, LowerBound, WeightDecay

each_stack = pytest.mark.parametrize("stack", STACKS)


def squares(readout):
    """A loss of every potential, later ones more: its value and gradient."""
    late = np.arange(1, readout.shape[1] + 1)[:, None]
    return float((late * readout**2).sum() / 2), late * readout


def penalties(network, batch, rng):
    """Gradients by the hidden spikes: dense in time, the same in every step, or none, in turn."""
    out = []
    for k, stage in enumerate(network.hidden_stages):
        steps = (network.n_steps, 1, None)[k % 3]
        out.append(steps and rng.normal(0, 0.3, (batch, steps, stage.n)))
    return out


def by_the_layer(layer, g, x, w):
    return layer.adjoint(g, x, w)


def assert_same_as_plain(network, inputs, dropout=None, tolerance=1e-10):
    """Forward and backward are those of plain NumPy; returns the gradients, block by block.

    Those by constants of neurons, which may well be zero, are left out.
    """
    x = inputs.to_dense(network.dtype)
    trace = network.forward(inputs, dropout=dropout)
    plain = Plain(network, x, dropout=dropout or ())
    spiking = [node.z for node in plain.nodes if node.z is not None]
    for train_, z in zip(trace.spikes, spiking, strict=True):
        assert np.array_equal(train_.to_dense(), z)
    potentials = [node.v for node in plain.nodes if node.v is not None]
    for v, expected in zip(trace.v, potentials, strict=True):
        np.testing.assert_allclose(v, expected, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(trace.readout, plain.readout, rtol=tolerance, atol=tolerance)
    silent = network.forward(inputs, dropout=dropout, potentials=False)
    assert silent.spikes == trace.spikes and np.array_equal(silent.readout, trace.readout)

    _, g_readout = squares(trace.readout)
    g_spikes = penalties(network, len(inputs), np.random.default_rng(3))
    got, currents, g_inputs = network.backward(
        trace, g_readout, g_spikes=g_spikes, adjoints=True, inputs=True
    )
    blocks, g_i, g_x = plain.backward(g_readout, g_spikes)
    if g_inputs.shape[1] == 1 < network.n_steps:
        g_x = g_x.sum(axis=1, keepdims=True)
    named = [got.by_name()[block.stage, block.name] for block in network.blocks]
    assert_close(named, blocks, tolerance)
    assert_close(currents, g_i, tolerance)
    assert_close([g_inputs], [g_x], tolerance)
    for block in network.blocks:
        assert not block.padded(got.flat)[:, block.columns :].any()
    plainly = network.backward(trace, g_readout, g_spikes=g_spikes)
    assert np.array_equal(plainly.flat, got.flat)
    pairs = zip(named, network.blocks, strict=True)
    # "batches": a number that nothing follows
    return [g for g, block in pairs if block.name not in ("batches", *ROWS)]


# plain NumPy --------------------------------------------------------------------------------------


@pytest.mark.rotates
@pytest.mark.parametrize("fires", [False, True])
@pytest.mark.parametrize("kind", INPUTS)
@each_stack
def test_it_equals_plain_numpy(stack, kind, fires):
    """Resets, refractory times, delays, surrogates and uniform layers take turns."""
    found = 0
    for seed in range(4):
        turn = seed + list(STACKS).index(stack) + 2 * INPUTS.index(kind) + 3 * fires
        network, inputs = make(
            stack,
            kind,
            seed=turn,
            fires=fires,
            reset=("subtract", "zero")[turn % 2],
            detach=turn // 2 % 2 == 1,
            surrogate=surrogate.NAMES[turn % 2],
            steepness=0.5,
            refractory=turn % 3 == 0,
            uniform=turn % 4 < 2,
            batch=(4, 1, 35)[seed % 3],
            learn=seed % 2 == 1,
            steep=seed == 2,
        )
        gradients = assert_same_as_plain(network, inputs)
        found += all(g.any() for g in gradients)
    assert found >= 3


@pytest.mark.bounds
@pytest.mark.parametrize("n_steps", [1, 7, 8, 9, 20])
@pytest.mark.parametrize("delays", [0, 1, 2])
@pytest.mark.parametrize(
    "stack",
    ["residual of convs", "everything", "residual reads out", "shift", "recurrent between"],
)
def test_any_number_of_steps(stack, n_steps, delays):
    """Also where nothing arrives before the end."""
    for kind in INPUTS:
        network, inputs = make(stack, kind, n_steps=n_steps, delays=delays, seed=2, steepness=0.5)
        gradients = assert_same_as_plain(network, inputs)
        if n_steps > delays * len(network.neurons):
            assert n_steps == 1 or all(g.any() for g in gradients)
        if n_steps <= delays:
            assert not any(g.any() for g in gradients)


@each_stack
def test_units_left_out(stack):
    rng = np.random.default_rng(5)
    network, inputs = make(stack, "values", seed=1, learn=True)
    dropout = [rng.random(stage.n) < 0.6 for stage in network.hidden_stages]
    assert_same_as_plain(network, inputs, dropout)


WIDE = {
    "conv": ((5, 5, 2), Conv(3), Conv(4), 20, 3),
    "residual": ((20,), 65, Residual(Dense(65)), 17, 3),
    "shift": ((5, 5, 3), Shift(), 16, Shift(), Shift()),
    "biased": ((10,), Biased(70), Biased(17)),
    "recurrent": ((20,), Recurrent(70), 5, Recurrent(17), 3),
}


@pytest.mark.parametrize("stack", WIDE.values(), ids=WIDE)
def test_layers_of_several_tiles(stack):
    """Wide enough for more than one tile of units, and for padding of either kind."""
    for kind in INPUTS:
        for fires in (False, True):
            network, inputs = make(stack, kind, fires=fires, batch=3, steepness=0.5, learn=True)
            for w in network.weights:
                w *= 0.5
            assert all(g.any() for g in assert_same_as_plain(network, inputs))


@each_stack
def test_single_precision_is_near_double(stack):
    for kind in INPUTS:
        double, inputs = make(stack, kind, seed=4, learn=True)
        single, _ = make(stack, kind, seed=4, dtype=np.float32, learn=True)
        single.parameters[...] = double.parameters
        one, two = single.forward(inputs), double.forward(inputs)
        assert one.readout.dtype == np.float32 and one.spikes == two.spikes
        assert_close([one.readout], [two.readout.astype(np.float32)], 1e-5)
        g = squares(two.readout)[1]
        a, b = single.backward(one, g, inputs=True), double.backward(two, g, inputs=True)
        assert a[0].flat.dtype == a[1].dtype == np.float32
        assert_close([a[0].flat, a[1]], [b[0].flat, b[1]], 1e-4)


# finite differences -------------------------------------------------------------------------------


@pytest.mark.rotates
@pytest.mark.parametrize("detach", [False, True])
@each_stack
def test_gradients_equal_finite_differences_of_the_smoothed_network(stack, detach):
    """Each layer's own adjoint, in a network with soft spikes; penalties and inputs too."""
    seed = list(STACKS).index(stack)
    reset, name = ("subtract", "zero")[seed % 2], ("sigmoid", "arctan", "gaussian")[seed % 3]
    network, inputs = make(
        stack,
        "values",
        seed=seed,
        batch=2,
        n_steps=6,
        fires=seed % 3 == 1,
        reset=reset,
        detach=detach,
        surrogate=name,
        steepness=1.0,
        learn=True,
    )
    x = inputs.to_dense(float)
    g_spikes = penalties(network, 2, np.random.default_rng(seed))

    def spike(u):
        return surrogate.soft_step(name, u, 1.0)

    recorded = Plain(network, x, spike)
    resets = [node.z for node in recorded.nodes if node.z is not None] if detach else None

    def value():
        run = Plain(network, x, spike, resets)
        extra = zip(run.hidden, g_spikes, strict=True)
        return squares(run.readout)[0] + sum((g * n.z).sum() for n, g in extra if g is not None)

    blocks, _, g_x = recorded.backward(squares(recorded.readout)[1], g_spikes, by_the_layer)
    views = [block.of(network.parameters) for block in network.blocks]
    expected = [reference.numerical_gradient(value, w) for w in views]
    pairs = zip(network.blocks, blocks, strict=True)
    some = [g for block, g in pairs if block.name not in ("batches", *ROWS)]
    assert all(np.abs(g).max() > 1e-3 for g in some)
    rounded = np.finfo(float).eps * abs(value()) / 1e-5  # what differences of a value cannot tell
    found = [(*blocks, g_x), (*expected, reference.numerical_gradient(value, x))]
    for g, e in zip(*found, strict=True):
        assert g.shape == e.shape and np.abs(g - e).max() <= 1e-6 * np.abs(e).max() + rounded


LAYERS = {
    "dense": (Dense(4), (3,)),
    "dense on images": (Dense(4), (2, 3, 2)),
    "conv": (Conv(3), (4, 5, 2)),
    "conv of even kernel": (Conv(3, kernel=2), (4, 5, 2)),
    "conv of one place": (Conv(2, kernel=1), (3, 2, 4)),
    "conv without padding": (Conv(2, padding=0), (4, 5, 2)),
    "conv with a stride": (Conv(2, stride=2), (5, 6, 1)),
    "conv with a long stride": (Conv(2, kernel=2, stride=3, padding=1), (5, 7, 2)),
    "conv of the whole image": (Conv(4, kernel=3, padding=0), (3, 3, 2)),
    "shift": (Shift(), (5,)),
    "shift of images": (Shift(), (2, 3, 4)),
}


@pytest.mark.parametrize("layer, shape", LAYERS.values(), ids=LAYERS)
def test_a_map_and_its_adjoint(layer, shape):
    """``<drive x, g> = <x, adjoint g> = <w, g_w>``, and both are as they are spelled out."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 3, *shape))
    w = {name: rng.normal(size=size[:2]) for name, size in layer.blocks(shape).items()}
    currents = layer.drive(x, w)
    assert currents.shape == (2, 3, *layer.shape_out(shape))
    np.testing.assert_allclose(currents, MAPS[type(layer)](layer, x, w), rtol=1e-12, atol=1e-12)
    g = rng.normal(size=currents.shape)
    by_blocks, g_x = layer.adjoint(g, x, w)
    product = (currents * g).sum()
    assert abs(product) > 1e-3
    assert (g_x * x).sum() == pytest.approx(product, rel=1e-12)
    assert sum((w[k] * by_blocks[k]).sum() for k in w) == pytest.approx(product, rel=1e-12)
    expected, expected_x = adjoint(layer, g, x, w)
    assert list(by_blocks) == list(w)
    assert_close([g_x, *by_blocks.values()], [expected_x, *expected.values()], 1e-12)
    one_step, _ = layer.adjoint(g.sum(1, keepdims=True), x[:, :1], w)  # of a constant input
    held, _ = layer.adjoint(g, np.repeat(x[:, :1], 3, axis=1), w)
    assert_close(one_step.values(), held.values(), 1e-12)


@pytest.mark.parametrize(
    "layer, shape",
    [
        (Halved(), (4, 6, 3)),
        (Power(2), (6,)),
        (Pool(2, "max"), (4, 6, 3)),
        (Pool(3, "average"), (3, 6, 2)),
        (Vote(3), (6,)),
        (Vote(2), (2, 1, 4)),
    ],
)
def test_a_transform_and_its_adjoint(layer, shape):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 3, *shape))
    y = layer.values(x)
    np.testing.assert_allclose(y, TRANSFORMS[type(layer)](layer, x), rtol=1e-12, atol=1e-12)
    g = rng.normal(size=y.shape)
    numeric = reference.numerical_gradient(lambda: (layer.values(x) * g).sum(), x)
    assert_close([layer.adjoint(g, x, y)], [numeric], 1e-8)


# threads ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [5, 40, 70, 257])
@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize(
    "stack",
    ["everything", "residual reads out", "shift", "the same conv twice", "recurrent between"],
)
def test_threads_change_no_bit(stack, kind, batch, monkeypatch):
    """One, two, four and eight chunks of samples."""
    monkeypatch.setattr("snnlab.passes.WORTH_SHARING", 0)
    found = []
    for workers in (1, 2, 3):
        network, inputs = make(
            stack, kind, batch=batch, workers=workers, dtype=np.float32, learn=True
        )
        trace = network.forward(inputs)
        gradients, currents, g_x = network.backward(
            trace,
            squares(trace.readout)[1],
            adjoints=True,
            inputs=True,
            g_spikes=penalties(network, batch, np.random.default_rng(0)),
        )
        arrays = trace.readout, *trace.v, gradients.flat, *currents, g_x
        found.append([x.tobytes() for x in arrays])
        assert gradients.is_finite() and all(g.any() for g in gradients)
    assert found[0] == found[1] == found[2]


@each_stack
def test_chunks_add_up(stack):
    """The gradient of a batch is the sum of its samples'."""
    network, inputs = make(stack, "current", batch=40, learn=True)
    trace = network.forward(inputs)
    whole, g_x = network.backward(trace, squares(trace.readout)[1], inputs=True)
    total, parts = 0, []
    for s in range(40):
        trace = network.forward(inputs[s])
        gradients, g = network.backward(trace, squares(trace.readout)[1], inputs=True)
        total, parts = total + gradients.flat, [*parts, g]
    assert_close([whole.flat, g_x], [total, np.concatenate(parts)])


# memory that is used again ------------------------------------------------------------------------


@each_stack
def test_memory_is_used_again(stack):
    network, inputs = make(stack, "events", batch=40, seed=3, learn=True)
    others = {
        kind: inputs_of(kind, n, 9, network.sizes[0], np.random.default_rng(n))
        for kind, n in (("events", 40), ("current", 40), ("values", 7), ("current", 3))
    }
    fresh = network.forward(inputs)
    g = squares(fresh.readout)[1]
    expected = network.backward(fresh, g).flat.copy()
    trace = gradients = None
    for other in (*others.values(), inputs, inputs):
        trace = network.forward(other, out=trace)
        gradients = network.backward(trace, squares(trace.readout)[1], out=gradients)
        plain = network.copy()
        alone = plain.forward(other)
        assert alone.spikes == trace.spikes and np.array_equal(alone.readout, trace.readout)
        again = plain.backward(alone, squares(alone.readout)[1])
        assert np.array_equal(again.flat, gradients.flat)
    assert np.array_equal(gradients.flat, expected)
    assert network.forward(others["events"], out=trace) is trace, "of the same size: used again"
    assert network.forward(inputs[:7], out=trace) is not trace


@pytest.mark.rotates
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="frees memory by the C library")
@pytest.mark.parametrize("own_surrogate", [False, True])
@each_stack
def test_what_memory_held_before_does_not_matter(stack, own_surrogate, monkeypatch):
    """Kernels take memory as it is: here it is full of what is no number."""
    memory = ctypes.CDLL(None)
    memory.malloc.restype, memory.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]

    def spoil():
        for size in range(16, 1024, 16):
            taken = [memory.malloc(size) for _ in range(40)]
            for place in taken:
                ctypes.memset(place, 0xFF, size)
                memory.free(place)

    def spoiled(work):
        def after(lo, hi):
            spoil()
            work(lo, hi)

        return after

    share, fill = passes.Pass.share, passes.Backward.fill_slopes
    monkeypatch.setattr(passes.Pass, "share", lambda run, work, n: share(run, spoiled(work), n))
    monkeypatch.setattr(passes.Backward, "fill_slopes", lambda *a: (fill(*a), spoil()))
    how = {"steepness": 0.5, "steep": own_surrogate, "learn": True, "fires": False}
    assert_same_as_plain(*make(stack, "values", seed=1, **how))


def test_memory_of_another_network_gives_no_wrong_result():
    """Refused, or fresh, or written over as a whole."""
    some = list(STACKS)[::3]
    for stack in some:
        network, inputs = make(stack, "values")
        expected = network.forward(inputs)
        g = squares(expected.readout)[1]
        gradients = network.backward(expected, g)
        for other in (stack, *some):
            theirs, given = make(other, "values", seed=1)
            foreign = theirs.forward(given)
            trace = network.forward(inputs, out=foreign)
            assert np.array_equal(trace.readout, expected.readout)
            assert trace.spikes == expected.spikes
            assert [r.name for r in trace.records] == [r.name for r in expected.records]
            out = theirs.backward(theirs.forward(given), np.ones((len(given), 9, theirs.sizes[-1])))
            if out.fits(network):
                again = network.backward(trace, g, out=out)
                assert np.array_equal(again.flat, gradients.flat)
            else:
                with pytest.raises(ValueError, match="out must be Gradients of this network"):
                    network.backward(trace, g, out=out)


def test_values_that_a_trace_holds_are_not_written_over():
    """What a network gave may be its next input."""
    network, inputs = make(((4,), Shift()), "values")
    trace = network.forward(inputs)
    given = trace.records[-1].signal
    expected = network.forward(given).readout
    again = network.forward(given, out=trace)
    assert np.array_equal(again.readout, expected)


# files --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fires", [False, True])
@each_stack
def test_copies_and_files(stack, fires, tmp_path):
    network, inputs = make(stack, "events", fires=fires, refractory=True, learn=True)
    network.save(tmp_path / "net.npz")
    expected = network.forward(inputs)
    for other in (
        network.copy(),
        network.replace(),
        Network.load(tmp_path / "net.npz"),
        pickle.loads(pickle.dumps(network)),
    ):
        trace = other.forward(inputs)
        assert trace.spikes == expected.spikes and np.array_equal(trace.readout, expected.readout)
        assert other.to_dict() == network.to_dict() and other.blocks == network.blocks
        assert repr(other) == repr(network)
        other.parameters[...] = 0
        assert network.parameters.any(), "a copy is independent"
    assert json.loads(json.dumps(network.to_dict())) == json.loads(json.dumps(other.to_dict()))


def test_kinds_that_are_not_known_are_refused_by_name(tmp_path, monkeypatch):
    network, inputs = make("shift", "events")
    network.save(tmp_path / "net.npz")
    monkeypatch.delitem(kinds.KINDS, "Shift")
    with pytest.raises(ValueError, match="net.npz.*'Shift'.*define or import it first"):
        Network.load(tmp_path / "net.npz")
    with pytest.raises(ValueError, match="'Shift'.*define or import it first"):
        pickle.loads(pickle.dumps(network))
    body = {name: vars(Shift)[name] for name in ("shape_out", "blocks", "drive", "adjoint")}
    type("Shift", (Linear,), body)  # defined once more, as when a notebook is opened again
    loaded = Network.load(tmp_path / "net.npz")
    assert type(loaded.layers[0]) is not Shift
    assert np.array_equal(loaded.forward(inputs).readout, network.forward(inputs).readout)


def test_names_of_the_library_are_taken():
    for name in ("Dense", "Conv", "Residual"):
        with pytest.raises(ValueError, match=f"{name} is a layer of snnlab"):
            type(name, (Linear,), {})
    assert kinds.KINDS["Dense"] is Dense


# training -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("fires", [False, True])
@each_stack
def test_training_lowers_the_loss(stack, fires):
    neuron = LIF(tau_mem=4.0, tau_syn=2.0, dt=1.0, gain=0.3)
    network = Network(
        STACKS[stack], neuron, n_steps=9, rng=3, readout=neuron if fires else None, spread=2.0
    )
    for w in network.weights:
        w[...] = np.abs(w)  # so that every layer spikes
    n, classes = network.sizes[0], network.sizes[-1]
    rng = np.random.default_rng(0)
    labels = np.arange(60) % classes
    x = rng.normal(0.5, 1, (classes, n))[labels] + rng.normal(0, 0.1, (60, n))
    inputs, before = ConstantCurrent(x, 9), network.parameters.copy()
    history = train(
        network,
        inputs,
        labels,
        epochs=12,
        batch_size=20,
        rng=1,
        progress=False,
        optimizer=Adam(0.02),
        loss="rate_mse" if fires else "sum_over_time",
    )
    assert history.loss[-1] < history.loss[0] - 0.005
    for block in network.blocks:
        learns = block.trainable or block.name in ("mean", "variance", "batches")  # of batches
        assert (block.of(before) != block.of(network.parameters)).any() == learns


class Stopped(Exception):
    """As if somebody had pulled the plug."""


CONVOLUTIONS = "conv", "max pool", "average pool reads out", "residual of a max pool"


def lively(stack, fires=False, **settings):
    """A network in which every layer spikes, and inputs and labels for it."""
    neuron = LIF(tau_mem=4.0, tau_syn=2.0, dt=1.0, gain=0.3)
    settings = {"rng": 3, "spread": 2.0, "readout": neuron if fires else None} | settings
    network = Network(STACKS[stack], neuron, n_steps=9, **settings)
    for w in network.weights:
        w[...] = np.abs(w)
    n, labels = network.sizes[0], np.arange(60) % network.sizes[-1]
    x = np.random.default_rng(0).normal(0.5, 1, (60, n))
    return network, ConstantCurrent(x.astype(network.dtype), 9), labels


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("stack", CONVOLUTIONS)
def test_an_interrupted_training_goes_on_as_if_it_had_not_been(stack, dtype, tmp_path):
    """With dropout, penalties and a rule that rewires."""
    settings = {
        "epochs": 4,
        "batch_size": 20,
        "rng": 1,
        "progress": False,
        "dropout": 0.2,
        "penalties": [Bursts(0.01), LowerBound(0.1, 0.5), WeightDecay(1e-3)],
    }

    def run(network, epochs=None, **more):
        def stop(step):
            if epochs is not None and step.ends_epoch and len(step.history) == epochs:
                raise Stopped

        rule = rewiring.DeepR(0.02, 0.5, rng=0)
        return train(network, inputs, labels, optimizer=rule, callback=stop, **settings, **more)

    network, inputs, labels = lively(stack, dtype=dtype)
    whole, halves = network.copy(), network.copy()
    history = run(whole)
    with pytest.raises(Stopped):
        run(halves, 2, checkpoint=tmp_path / "run.npz")
    again = run(halves, checkpoint=tmp_path / "run.npz")
    np.testing.assert_array_equal(halves.parameters, whole.parameters)
    assert again.loss == history.loss and halves.dtype == dtype
    for w in whole.weights:
        assert 0 < np.count_nonzero(w) < w.size, "it was rewired"


@pytest.mark.parametrize("stack", ["conv", "max pool", "residual of a max pool"])
def test_penalties_lower_what_they_punish(stack):
    network, inputs, labels = lively(stack)
    settings = {"epochs": 8, "batch_size": 20, "rng": 1, "progress": False}
    settings["optimizer"] = Adam(0.02)
    plain, quiet = network.copy(), network.copy()
    train(plain, inputs, labels, **settings)
    settings["optimizer"] = Adam(0.02)
    train(quiet, inputs, labels, penalties=[Bursts(1.0)], **settings)
    spikes = [net.forward(inputs).hidden_counts().mean() for net in (network, plain, quiet)]
    assert spikes[2] < 0.8 * spikes[1] and spikes[0] > 0


@pytest.mark.parametrize("stack", CONVOLUTIONS)
def test_dropout_leaves_the_same_units_out_in_every_step(stack):
    network, inputs, labels = lively(stack)
    seen = []

    def look(step):
        for mask, train_ in zip(step.trace.dropout, step.trace.hidden, strict=True):
            counts = train_.unit_counts().sum(axis=0)
            assert mask.dtype == bool and not counts[~mask].any() and counts[mask].any()
            seen.append(mask.copy())

    settings = {"epochs": 2, "batch_size": 30, "rng": 1, "progress": False, "callback": look}
    train(network, inputs, labels, dropout=0.4, **settings)
    kept = np.concatenate(seen)
    assert 0.4 < kept.mean() < 0.8
    per_layer = len(network.hidden_stages)
    assert any((a != b).any() for a, b in zip(seen, seen[per_layer:], strict=False)), "drawn anew"


def test_a_layer_that_falls_silent_is_named():
    network, inputs, labels = lively("max pool")
    network.weights[1][...] = -1
    settings = {"epochs": 4, "batch_size": 20, "rng": 1, "progress": False}
    with pytest.warns(RuntimeWarning, match=r"layer 1 \(Conv\(channels=3, .* did not spike once"):
        train(network, inputs, labels, optimizer=Adam(1e-6), **settings)


# what is said of it -------------------------------------------------------------------------------


@each_stack
def test_a_summary_has_a_row_for_each_layer(stack):
    network, inputs = make(stack, "events")
    for told in (network.summary(), network.summary(inputs), network._repr_html_()):
        place = 0
        for stage in network.stages:
            text = repr(stage.layer)
            text = escape(text) if told.startswith("<") else text
            place = told.index(text, place) + 1
            assert " x ".join(map(str, stage.shape_out)) in told[place:]
    rows = network.summary(inputs).splitlines()[3:]
    trace = network.forward(inputs)
    for row, stage, record in zip(rows[1:], network.stages, trace.records, strict=True):
        size = sum(block.size for block in stage.blocks.values())
        assert f" {size:,} " in f"{row} "
        if stage.shortcut is not None:
            source = "inputs" if stage.shortcut < 0 else f"layer {stage.shortcut}"
            assert f"{stage.layer!r} + {source}  " in row
        if record.spikes is not None:
            assert row.split()[-1] == f"{record.spikes.counts().mean():.1f}"


def test_a_summary_of_a_convolution():
    layers = (28, 28, 1), Conv(12, 5), Pool(2), Residual(Conv(12)), Vote(3)
    network = Network(layers, LIF.brainscales2(), n_steps=5, rng=0)
    rows = [line.split("  ") for line in network.summary().splitlines()[2:]]
    cells = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    assert cells[2] == [repr(Conv(12, 5)), "LIF", "28 x 28 x 12", "300", "100.0 %"]
    assert cells[3] == ["Pool(size=2, how='max')", "transform", "14 x 14 x 12", "0"]
    assert cells[4][0] == f"{Conv(12)!r} + layer 1" and cells[4][2:4] == [
        "14 x 14 x 12",
        "1,296",
    ]


REFUSALS = {
    "a chip": lambda network, inputs: network.forward(inputs, on=Substrate(0)),
    "the search for units in use": lambda network, inputs: rewiring.compact(network),
    "attribution": explain,
    "a living network": lambda network, inputs: live.LivingNetwork(network, inputs),
}


@pytest.mark.parametrize("what", REFUSALS)
@pytest.mark.parametrize("stack", CONVOLUTIONS)
def test_what_hears_no_images_says_so(what, stack):
    network, inputs = make(stack, "events", dtype=np.float32)
    with pytest.raises(ValueError, match=rf"layer \d+ \((Conv|Pool).*: {what} takes dense layers"):
        REFUSALS[what](network, inputs)


def test_plots_of_networks_of_images():
    network, inputs = make("max pool", "events", dtype=np.float32, surrogate="arctan")
    with pytest.raises(ValueError, match=r"begins with layer 0 \(Conv.*no weights of their own"):
        plot.draw_inputs(network, (4, 4))
    trace = network.forward(inputs)
    assert "hidden spike" in plot.draw_raster(trace, 0, dt=1e-3).alt
    labels = np.arange(4) % 3
    assert plot.draw_decision(time_to_decision(network, inputs, labels)).alt
    history = train(network, inputs, labels, epochs=2, rng=0, progress=False, batch_size=2)
    assert "2 epochs" in plot.draw_history(history).alt
    rule = GradR(0.02, 0.5, rng=0)
    train(network, inputs, labels, epochs=3, rng=0, progress=False, batch_size=2, optimizer=rule)
    for picture in (plot.draw_connectivity(rule.log), plot.draw_theta(rule, network)):
        assert picture.alt
    assert "Report card" in plot.draw_report(clinic.examine(network, inputs, labels)).alt
    assert "Bars" in plot.draw_energy(energy.compare(network, inputs)).alt


# what does not fit --------------------------------------------------------------------------------

MISFITS = {
    "a conv of units": (((6,), Conv(2), 3), "Conv hears images"),
    "a conv above dense": (((4, 4, 1), 5, Conv(2)), "Conv hears images"),
    "a kernel too large": (((2, 2, 1), Conv(2, kernel=5, padding=0), 3), "kernel 5 is larger"),
    "a pool of units": (((6,), Halved(), 3), "Halved hears images"),
    "a pool of odd sides": (((3, 4, 1), Halved(), 3), "Halved hears images of even sides"),
    "a max pool of values": (((4, 4, 1), Halved(), Pool(), 3), "Pool.* hears spikes, not values"),
    "a pool that does not fit": (((4, 6, 1), Pool(3), 3), "sides that 3 divides"),
    "a pool that hears units": (((6,), Pool(3), 3), "Pool hears images"),
    "a vote that is not fair": (((6,), 7, Vote(3)), "Vote shares units out to 3 classes, not 7"),
    "a residual that narrows": (((6,), 5, Residual(Dense(4)), 3), r"must give \(5,\)"),
    "a residual of images": (((4, 4, 2), Residual(Conv(1)), 3), r"must give \(4, 4, 2\)"),
    "a residual of odd images": (
        ((9, 4, 1), Residual(Conv(1, kernel=2, stride=2, padding=0)), 3),
        r"must give \(9, 4, 1\).*smaller images.*not \(4, 2, 1\)",
    ),
    "no neurons": (((4, 4, 1), Halved()), "layers must hold one with neurons"),
    "no layers": (((6,),), "layers must name at least"),
    "no units": (((6,), Power(7), 3), "units"),
    "no inputs": (((), 3), "layers must begin with the shape of the inputs"),
}


@pytest.mark.parametrize("layers, message", MISFITS.values(), ids=MISFITS)
def test_shapes_that_do_not_fit_are_refused_by_name(layers, message):
    with pytest.raises(ValueError, match=message):
        Network(layers, LIF.grad_r(), n_steps=4, rng=0, readout=LIF.grad_r())


@pytest.mark.parametrize("layers", [([],), (Halved(),), (Dense(3), Halved()), (3,), ("Dense",)])
def test_a_residual_ends_with_neurons(layers):
    with pytest.raises(TypeError, match="layers must"):
        Residual(*layers)


@pytest.mark.parametrize(
    "make_layer, message",
    [
        (lambda: Dense(0), "n must be at least 1"),
        (lambda: Dense(2.5), "n must be an integer"),
        (lambda: Recurrent(0), "n must be at least 1"),
        (lambda: Recurrent(2.5), "n must be an integer"),
        (lambda: Conv(0), "channels must be at least 1"),
        (lambda: Conv(2, kernel=0), "kernel must be at least 1"),
        (lambda: Conv(2, stride=0), "stride must be at least 1"),
        (lambda: Conv(2, padding=-1), "padding must be at least 0"),
        (lambda: Conv(2, kernel="3"), "kernel must be an integer"),
        (lambda: Pool(0), "size must be at least 1"),
        (lambda: Pool(2, "min"), "how must be one of 'max', 'average'"),
        (lambda: Vote(0), "classes must be at least 1"),
    ],
)
def test_settings_out_of_range_are_refused_by_name(make_layer, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make_layer()


class Faulty(Shift):
    """A reader's layer with a mistake."""

    def __init__(self, fault):
        self.fault = fault

    def shape_out(self, shape):
        return {"int": 6, "empty": (), "zero": (0,), "float": (6.0,)}.get(self.fault, shape)

    def blocks(self, shape):
        given = super().blocks(shape)
        return {"no rows": {"weights": (0, 6)}, "list": [(1, 6)]}.get(self.fault, given)

    def init(self, rng, shape, sd):
        given = super().init(rng, shape, sd)
        wrong = {
            "init of a row": {"weights": np.zeros(6)},
            "init of none": {},
            "init of others": given | {"bias": np.zeros((1, 6))},
        }
        return wrong.get(self.fault, given)

    def drive(self, x, w):
        out = super().drive(x, w)
        wrong = {
            "one sample": out[:1],
            "one step": out[:, :1],
            "one unit": out[..., :1],
            "a number": 0.0,
        }
        return wrong.get(self.fault, out)

    def adjoint(self, g, x, w):
        blocks, g_x = super().adjoint(g, x, w)
        if self.fault == "one answer":
            return blocks
        wrong = {
            "no gradient": {},
            "a gradient too many": blocks | {"bias": blocks["weights"]},
            "a gradient of a row": {"weights": blocks["weights"][0]},
            "a gradient of one": {"weights": blocks["weights"][:, :1]},
        }
        g_x = {
            "error of one step": g_x[:, :1],
            "error of one sample": g_x[:1],
            "error of one unit": g_x[..., :1],
        }.get(self.fault, g_x)
        return wrong.get(self.fault, blocks), g_x


@pytest.mark.parametrize(
    "fault, message",
    {
        "int": "shape_out",
        "empty": "shape_out",
        "zero": "shape_out",
        "float": "shape_out",
        "no rows": "blocks",
        "list": "blocks",
        "init of a row": "init.*shape",
        "init of none": "init",
        "init of others": "init",
        "one sample": "drive",
        "one step": "drive",
        "one unit": "drive",
        "a number": "drive",
        "no gradient": "adjoint.*weights",
        "a gradient too many": "adjoint.*bias",
        "a gradient of a row": "adjoint.*shape",
        "a gradient of one": "adjoint.*shape",
        "error of one step": "adjoint.*shape",
        "error of one sample": "adjoint.*shape",
        "error of one unit": "adjoint.*shape",
        "one answer": "adjoint",
    }.items(),
)
def test_mistakes_in_a_layer_of_ones_own_are_named(fault, message):
    with pytest.raises((TypeError, ValueError), match=f"(?s){message}.*") as caught:
        network, inputs = make(((6,), 6, Faulty(fault), 3), "events", batch=3)
        trace = network.forward(inputs)
        network.backward(trace, np.ones_like(trace.readout))
    assert "Faulty" in str(caught.value)


def test_a_layer_without_its_functions_says_which_are_missing():
    class Empty(Linear):
        pass

    with pytest.raises(NotImplementedError, match="Empty.*shape_out"):
        Network((6, Empty(), 3), LIF.grad_r(), n_steps=4, rng=0)

    class Half(Transform):
        def shape_out(self, shape):
            return shape

    network = Network((6, Half(), 3), LIF.grad_r(), n_steps=4, rng=0)
    with pytest.raises(NotImplementedError, match="Half.*values"):
        network.forward(inputs_of("events", 2, 4, 6, np.random.default_rng(0)))


def test_a_max_pool_of_inputs_hears_spikes_only():
    network, spikes = make(((4, 4, 1), Pool(), 3), "events")
    assert_same_as_plain(network, spikes)
    for kind in ("current", "values"):
        with pytest.raises(ValueError, match='layer 0.*hears values: .*"average"'):
            network.forward(inputs_of(kind, 2, 9, 16, np.random.default_rng(0)))


def test_a_max_pool_reads_out():
    layers = (4, 4, 1), Conv(2), Pool(), Conv(3, kernel=1), Pool()
    gradients = assert_same_as_plain(*make(layers, "values", fires=True, steepness=0.5))
    assert all(g.any() for g in gradients)
    with pytest.raises(ValueError, match="hears spikes, not values of.*integrator"):
        make(layers, fires=False)


@pytest.mark.parametrize("inner", [(Dense(6), Vote(6)), (Dense(4), Twice([Dense(6), Shift()])), ()])
def test_a_shortcut_of_ones_own_ends_at_neurons(inner):
    """Else it was left out, without a word."""

    class Beside(Twice):
        shortcut = True

    with pytest.raises(ValueError, match=r"layers: Beside.* must end with a map and a neuron"):
        Network((6, 6, Beside(inner), 3), LIF.grad_r(), n_steps=4, rng=0)
    network = Network((6, 6, Beside((Dense(4), Dense(6))), 3), LIF.grad_r(), n_steps=4, rng=0)
    assert network.stages[2].shortcut == 0


@pytest.mark.bounds
@pytest.mark.parametrize("stack", ["dense", "conv", "biased", "pool first", "normalised convs"])
@pytest.mark.parametrize("kind", INPUTS)
def test_signals_of_ones_own_class_are_heard_as_what_they_are(stack, kind):
    """Currents were taken for values of many steps: kernels read what was not there."""
    network, inputs = make(stack, kind)
    own = copy.copy(inputs)
    own.__class__ = type("Own", (type(inputs),), {})
    results = []
    for x in (inputs, own):
        trace = network.forward(x)
        g = np.ones_like(trace.readout)
        gradients, by_inputs = network.backward(trace, g, inputs=True)
        results.append([y.tobytes() for y in (trace.readout, gradients.flat, by_inputs)])
    assert results[0] == results[1]


@pytest.mark.parametrize("base, match", [(Pool, "Transform"), (BatchNorm, "BatchNorm")])
def test_what_kernels_pass_by_cannot_be_defined_anew(base, match):
    """It was, and the kernels went on as they had."""
    with pytest.raises(TypeError, match=f"Own must .*derive from {match}"):
        type("Own", (base,), {"values": lambda self, *given: 0})
