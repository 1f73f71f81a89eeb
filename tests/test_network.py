"""`Network` at its door and on disk: arguments, copies, files, initial activity."""

import copy
import gc
import json
import os
import pickle
import zipfile

import numpy as np
import pytest

import snnlab
from snnlab import (
    LIF,
    ConstantCurrent,
    LeakyIntegrator,
    Network,
    SpikeTrains,
    Trace,
    activity,
    encode,
    evaluate,
)
from snnlab.kernels import lif
from snnlab.layers import Conv, Dense, Pool, Residual
from snnlab.medium import Medium
from snnlab.parameters import Gradients

CHIP = LIF.brainscales2()
N, N_STEPS = 6, 9


def network(sizes=(4, 7, 3), neuron=CHIP, seed=0, **settings):
    settings = {"n_steps": N_STEPS, "rng": seed, "spread": 3.0} | settings
    return Network(sizes, neuron, **settings)


def events(n=N, units=4, n_steps=N_STEPS, seed=0):
    x = np.random.default_rng(seed).random((n, units), dtype=np.float32)
    return encode.latency(x, n_steps=n_steps)


def current(n=N, units=4, n_steps=N_STEPS, seed=0):
    return ConstantCurrent(np.random.default_rng(seed).normal(size=(n, units)), n_steps)


def assert_equal_runs(a, b, inputs):
    one, two = a.forward(inputs), b.forward(inputs)
    assert len(one.spikes) == len(two.spikes)
    assert all(p == q for p, q in zip(one.spikes, two.spikes, strict=True))
    assert one.readout.dtype == two.readout.dtype
    assert one.readout.tobytes() == two.readout.tobytes()
    assert one.spiking_readout == two.spiking_readout


def assert_views(net):
    """Weights are views of the flat parameters, which hold nothing else but zeros."""
    whole = net.parameters[net.parameters != 0]
    assert np.array_equal(np.concatenate([w.ravel() for w in net.weights]), whole)
    for w in net.weights:
        assert np.shares_memory(w, net.parameters)
    before = net.parameters.copy()
    net.weights[0][1, 2] += 1
    assert (net.parameters != before).sum() == 1
    net.weights[0][1, 2] = before[net.parameters != before][0]
    assert net.parameters.ctypes.data % 64 == 0


TAUS = [5e-6, 6e-6, 7e-6, 8e-6, 5e-6, 6e-6, 7e-6]
KINDS = {
    "plain": lambda: network(),
    "no hidden layer": lambda: network((4, 3)),
    "deep": lambda: network((4, 7, 5, 6, 3)),
    "spiking readout": lambda: network(readout=CHIP),
    "spiking readout alone": lambda: network((4, 3), readout=CHIP),
    "own readout": lambda: network(readout=LeakyIntegrator(tau_mem=9e-6, tau_syn=2e-6, dt=1.7e-6)),
    "per neuron": lambda: network(
        neuron=CHIP.replace(
            tau_mem=TAUS,
            tau_syn=TAUS,
            v_th=np.linspace(0.5, 2, 7),
            gain=[1.5] * 7,
            refractory=np.arange(7) * 1.7e-6,
        ),
        readout=LIF(tau_mem=6e-6, tau_syn=[1e-6, 2e-6, 3e-6], dt=1.7e-6),
    ),
    "float64": lambda: network(dtype=np.float64),
    "no synaptic filter": lambda: network(neuron=LIF.grad_r(), spread=8.0),
    "delay and refractory": lambda: network(neuron=CHIP.replace(delay=1, refractory=3.4e-6)),
    "a model per layer": lambda: network(
        (4, 7, 5, 3),
        [CHIP, CHIP.replace(reset="zero", surrogate="triangle", steepness=2.0, detach_reset=False)],
    ),
    "wide": lambda: network((4, 45, 20), spread=2.0),
}


# copies and files ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_save_and_load(kind, tmp_path):
    net, path = kind(), tmp_path / "net.npz"
    net.save(path)
    twin = Network.load(str(path))
    for inputs in (events(), current()):
        assert_equal_runs(net, twin, inputs)
    assert (
        net.forward(events()).spikes == []
        or net.forward(events()).hidden_counts().sum()
        or (net.forward(events()).spikes[-1].counts().sum())
    ), "a silent network would prove nothing"
    assert (twin.sizes, twin.neurons, twin.n_steps, twin.dtype, twin.dt) == (
        net.sizes,
        net.neurons,
        net.n_steps,
        net.dtype,
        net.dt,
    )
    assert_views(twin)
    g = np.ones((N, N_STEPS, net.sizes[-1]), net.dtype)
    for one, two in zip(*(n.backward(n.forward(events()), g) for n in (net, twin)), strict=True):
        assert np.array_equal(one, two)
    assert [p.name for p in tmp_path.iterdir()] == ["net.npz"]


@pytest.mark.nojit
@pytest.mark.bounds
def test_save_and_load_quickly(tmp_path):
    net = network((3, 5, 2))
    net.save(tmp_path / "net")
    assert_equal_runs(net, Network.load(tmp_path / "net"), events(2, 3))


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize(
    "how",
    [copy.deepcopy, copy.copy, Network.copy, lambda n: pickle.loads(pickle.dumps(n))],
    ids=["deepcopy", "copy", "method", "pickle"],
)
def test_copies_are_independent_and_whole(kind, how):
    net = kind()
    twin = how(net)
    assert_equal_runs(net, twin, events())
    assert_views(twin), assert_views(net)
    assert not np.shares_memory(net.parameters, twin.parameters)
    twin.weights[0][...] = 0
    assert np.abs(net.weights[0]).sum() > 0 and twin.forward(events()).hidden_counts().sum() == 0


def test_workers_survive_copies():
    assert copy.deepcopy(network(workers=3)).workers == 3


def saved(tmp_path):
    path = tmp_path / "net.npz"
    network().save(path)
    return path, path.read_bytes()


def header_and_weights(path):
    with np.load(path) as file:
        arrays = dict(file)
    return json.loads(str(arrays.pop("header"))), arrays


def rewrite(path, header, arrays):
    with path.open("wb") as file:
        np.savez(file, header=np.array(json.dumps(header)), **arrays)


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.95, 0.999])
def test_a_truncated_file_is_refused(tmp_path, share):
    path, content = saved(tmp_path)
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match="net.npz"):
        Network.load(path)
    gc.collect()  # a file left open is noticed here


def test_no_flipped_byte_loads_other_weights(tmp_path):
    path, content = saved(tmp_path)
    weights = network().weights
    refused = 0
    for k in range(0, len(content), 7):
        broken = bytearray(content)
        broken[k] ^= 0xFF
        path.write_bytes(broken)
        try:
            twin = Network.load(path)
        except ValueError as fault:
            assert "net.npz" in str(fault)
            refused += 1
        else:  # a byte that nobody reads
            for w, v in zip(weights, twin.weights, strict=True):
                assert np.array_equal(w, v)
    assert refused > 100
    gc.collect()


def test_foreign_files_are_refused(tmp_path):
    path = tmp_path / "net.npz"
    for content in (b"", b"hello, this is a text file\n" * 50, bytes(1000), b"PK\x03\x04" * 30):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="net.npz"):
            Network.load(path)
    with path.open("wb") as file:
        np.savez(file, a=np.arange(3))
    with pytest.raises(ValueError, match="net.npz does not hold a snnlab network"):
        Network.load(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("notes.txt", "none")
    with pytest.raises(ValueError, match="net.npz"):
        Network.load(path)
    gc.collect()


def test_a_plain_array_file_is_refused(tmp_path):
    path = tmp_path / "array.npy"
    np.save(path, np.arange(3))
    with pytest.raises(ValueError, match="array.npy"):
        Network.load(path)


class Bomb:
    """Leaves a mark if it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_pickles_are_refused_unopened(tmp_path):
    path, mark = tmp_path / "net.npz", tmp_path / "mark"
    path.write_bytes(pickle.dumps(Bomb(mark)))
    with pytest.raises(ValueError, match="net.npz"):
        Network.load(path)
    path, _ = saved(tmp_path)
    header, arrays = header_and_weights(path)
    rewrite(path, header, arrays | {"weights_0": np.array([Bomb(mark)], object)})
    with pytest.raises(ValueError, match="net.npz"):
        Network.load(path)
    assert not mark.exists()


@pytest.mark.parametrize(
    "change",
    [
        {"format": 99},
        {"shape": [5]},
        {"shape": []},
        {"shape": 4},
        {"layers": [{"kind": "Dense", "n": 8}, {"kind": "Dense", "n": 3}]},
        {"layers": [{"kind": "Dense", "n": 7}]},
        {"layers": [{"kind": "Alien"}] * 2},
        {"layers": [{"kind": "Dense", "m": 7}] * 2},
        {"layers": [{}]},
        {"layers": []},
        {"layers": [7, 3]},
        {"n_steps": 0},
        {"n_steps": "9"},
        {"dtype": "int32"},
        {"neurons": []},
        {"neurons": [{"kind": "LIF"}] * 2},
        {"neurons": [{"kind": "Alien"}] * 2},
    ],
    ids=str,
)
def test_headers_that_do_not_fit_are_refused(tmp_path, change):
    path, _ = saved(tmp_path)
    header, arrays = header_and_weights(path)
    rewrite(path, header | change, arrays)
    with pytest.raises(ValueError, match="net.npz does not hold"):
        Network.load(path)


@pytest.mark.parametrize("missing", ["format", "shape", "layers", "neurons", "n_steps", "dtype"])
def test_headers_that_lack_something_are_refused(tmp_path, missing):
    path, _ = saved(tmp_path)
    header, arrays = header_and_weights(path)
    header.pop(missing)
    rewrite(path, header, arrays)
    with pytest.raises(ValueError, match="net.npz does not hold"):
        Network.load(path)


def test_weights_that_do_not_fit_are_refused(tmp_path):
    path, _ = saved(tmp_path)
    header, arrays = header_and_weights(path)
    w = arrays["weights_0"]
    for other in (w[:, :-1], w.T, np.full_like(w, np.nan), w.astype(str), w[0]):
        rewrite(path, header, arrays | {"weights_0": other})
        with pytest.raises(ValueError, match="net.npz does not hold.*weights_0"):
            Network.load(path)
    rewrite(path, header, {"weights_0": w})
    with pytest.raises(ValueError, match="net.npz does not hold.*weights_1"):
        Network.load(path)


def test_a_missing_file_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        Network.load(tmp_path / "nowhere")


@pytest.mark.parametrize("broken", ["replace", "savez"])
def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch, broken):
    path, content = saved(tmp_path)

    def fail(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr(*((os, "replace") if broken == "replace" else (np, "savez")), fail)
    with pytest.raises(OSError, match="disk full"):
        network(seed=1).save(path)
    assert path.read_bytes() == content and [p.name for p in tmp_path.iterdir()] == ["net.npz"]


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def test_saved_files_have_usual_permissions(tmp_path):
    path, _ = saved(tmp_path)
    usual = tmp_path / "usual"
    usual.write_text("")
    assert path.stat().st_mode == usual.stat().st_mode


# weights ------------------------------------------------------------------------------------------


@pytest.mark.nojit
def test_weights_are_changed_in_place():
    net = network((3, 5, 2))
    assert_views(net)
    assert isinstance(net.weights, tuple) and [w.shape for w in net.weights] == [(3, 5), (5, 2)]
    inputs = events(2, 3)
    before = net.forward(inputs).readout.copy()
    net.weights[1][...] *= 2
    assert net.forward(inputs).readout == pytest.approx(2 * before)
    with pytest.raises(TypeError):
        net.weights[0] = np.zeros((3, 5))


def test_initial_weights():
    net = Network((400, 300, 10), CHIP, n_steps=3, rng=0)
    b = np.exp(-1.7 / 6)
    for w in net.weights:
        assert w.std() == pytest.approx(0.7 * (1 - b) / np.sqrt(len(w)), rel=0.05)
        assert abs(w.mean()) < 4 * w.std() / np.sqrt(w.size)
    wide = Network((400, 300, 10), CHIP, n_steps=3, rng=0, spread=2.0)
    assert wide.weights[0].std() == pytest.approx(0.1, rel=0.05)
    assert not network(spread=0).parameters.any()


def test_seeds_decide_the_weights():
    nets = [network(seed=s) for s in (3, np.random.default_rng(3), np.int64(3), 4)]
    assert all(np.array_equal(nets[0].parameters, n.parameters) for n in nets[:3])
    assert not np.array_equal(nets[0].parameters, nets[3].parameters)


@pytest.mark.parametrize("target", [3, 20, 60])
@pytest.mark.parametrize(
    "build",
    [
        lambda **k: network((20, 50, 3), spread=None, **k),
        lambda **k: network((20, 50, 40, 3), spread=1e3, **k),
        lambda **k: network((20, 50, 3), LIF.grad_r(), spread=1e-3, **k),
        lambda **k: network((20, 50, 30), readout=CHIP, **k),
    ],
    ids=["silent", "deep and loud", "current", "spiking readout"],
)
def test_scale_to_activity_hits_its_target(build, target):
    net = build(n_steps=12)
    make = current if net.neurons[0].tau_syn is None else events
    inputs = make(200, 20, 12)
    shapes = [w / np.linalg.norm(w) for w in net.weights]
    last = net.weights[-1].copy()
    assert net.scale_to_activity(inputs, target) is net
    for train in net.forward(inputs).hidden:
        assert train.counts().mean() == pytest.approx(target, rel=0.1)
    for shape, w in zip(shapes, net.weights, strict=True):
        np.testing.assert_allclose(w / np.linalg.norm(w), shape, atol=1e-6)
    assert np.array_equal(net.weights[-1], last)
    assert_views(net)


def by_plain_bisection(net, inputs, target):
    """Weights of the first layer as 24 passes find them."""
    before, low, high = net.weights[0].copy(), -6.0, 6.0
    for _ in range(24):
        middle = (low + high) / 2
        net.weights[0][...] = before * np.float32(10.0**middle)
        found = net.forward(inputs, potentials=False).hidden[0].counts().mean()
        low, high = (middle, high) if found < target else (low, middle)
    return net.weights[0].copy()


@pytest.mark.parametrize("make", [events, current])
@pytest.mark.parametrize("spread", [None, 1e-3, 1e3])
@pytest.mark.parametrize("target", [0.05, 6, 90])
def test_scale_to_activity_finds_what_a_plain_bisection_finds(make, spread, target):
    inputs = make(170, 20, 12)
    plain, ours = (network((20, 50, 3), spread=spread, n_steps=12) for _ in range(2))
    expected = by_plain_bisection(plain, inputs, target)
    np.testing.assert_array_equal(ours.scale_to_activity(inputs, target).weights[0], expected)


def test_scale_to_activity_seldom_runs_a_network_in_which_all_fires(monkeypatch):
    """Such passes take long: of a plain bisection half of them are."""
    inputs, spikes, most, many = events(300, 20, 60), activity.Runs.spikes, [], []

    def watched(self, k):
        many.append(len(self))
        most.append(spikes(self, k))
        return most[-1]

    monkeypatch.setattr(activity.Runs, "spikes", watched)
    network((20, 50, 3), n_steps=60).scale_to_activity(inputs, 25)
    many, most = np.array(many), np.array(most)
    assert (many == 300).sum() <= 20 and most[many == 300].max() < 40


def test_scale_to_activity_by_rate():
    """Layers of unlike sizes become active alike, above transforms and in composites, too."""
    rng = np.random.default_rng(0)
    layers = (8, 8, 2), Conv(4), Pool(), Residual(Conv(3), Conv(4)), Pool(2, "average"), 30, 4
    for make in (current, events):
        neuron = LIF(tau_mem=4.0, tau_syn=2.0, dt=1.0, gain=0.1)
        net = Network(layers, neuron, n_steps=12, rng=rng)
        inputs = make(120, 128, 12)
        net.scale_to_activity(inputs, rate=0.1, readout=2.0)
        trace = net.forward(inputs)
        for train in trace.hidden:
            assert train.counts().mean() == pytest.approx(0.1 * train.n_units * 12, rel=0.1)
        assert trace.readout.max(axis=1).std() == pytest.approx(2, rel=1e-3)
    before = net.parameters.copy()
    for given, error in (
        ({"rate": 0}, ValueError),
        ({"rate": 1}, ValueError),
        ({"rate": "a"}, TypeError),
        ({"rate": 0.1, "layer_spikes": 3}, TypeError),
        ({}, TypeError),
    ):
        with pytest.raises(error, match="rate"):
            net.scale_to_activity(inputs, **given)
    assert np.array_equal(net.parameters, before)


def test_scale_to_activity_refuses_a_readout_that_does_not_follow_its_weights():
    """It was scaled as if it did: potentials were ten times as large as asked."""
    net = Network((20, 8, Residual(Dense(8))), LIF.grad_r(), n_steps=12, rng=0)
    before = net.parameters.copy()
    with pytest.raises(ValueError, match=r"readout must be left out .* proportion"):
        net.scale_to_activity(current(100, 20, 12), rate=0.2, readout=0.1)
    assert np.array_equal(net.parameters, before)


def test_scale_to_activity_leaves_what_a_shortcut_drives():
    net = Network((20, Residual(Dense(20)), 20, 3), LIF.grad_r(), n_steps=12, rng=0)
    before = net.weights[0].copy()
    with pytest.warns(RuntimeWarning, match="layer 0.*by its shortcut alone"):
        net.scale_to_activity(current(100, 20, 12), rate=0.01)
    assert np.array_equal(net.weights[0], before)
    assert net.forward(current(100, 20, 12)).hidden[1].counts().mean() == pytest.approx(
        2.4, rel=0.1
    )


def test_scale_to_activity_refuses_what_no_scale_reaches():
    """Weights once came back a million times as large, without a word."""
    resting = LIF.brainscales2(refractory=6e-6)
    net = network(neuron=resting)
    before = net.parameters.copy()
    with pytest.raises(
        ValueError, match=r"layer_spikes asks for 60 .* hidden layer 0 has [\d.]+ at"
    ):
        net.scale_to_activity(events(), 60)
    with pytest.raises(ValueError, match=r"rate asks for .* at most, however"):
        net.scale_to_activity(events(), rate=0.9)
    assert np.array_equal(net.parameters, before)
    late = network(neuron=LIF.brainscales2(delay=5))
    with pytest.raises(ValueError, match="layer_spikes asks for 40"):
        late.scale_to_activity(events(), 40)


def test_scale_to_activity_leaves_what_spikes_without_weights():
    net = network(neuron=LIF.brainscales2(v_init=1.5))
    before = net.parameters.copy()
    with pytest.warns(RuntimeWarning, match="layer 0.*without its weights"):
        net.scale_to_activity(events(), 4)
    assert np.array_equal(net.parameters, before)


def test_forward_refuses_weights_that_are_not_finite():
    net = network()
    net.weights[0][0, 0] = np.nan
    with pytest.raises(FloatingPointError, match="1 of .* entries of 'weights' in layer 0"):
        net.forward(events())


def test_scale_to_activity_refuses():
    net = network()
    for target, error in (
        (0, ValueError),
        (-1, ValueError),
        (np.nan, ValueError),
        ("a", TypeError),
    ):
        with pytest.raises(error, match="layer_spikes"):
            net.scale_to_activity(events(), target)
    with pytest.raises(ValueError, match="layer_spikes must be below 63"):
        net.scale_to_activity(events(), 63)
    with pytest.raises(ValueError, match="inputs has 5 units"):
        net.scale_to_activity(events(units=5), 3)
    assert np.array_equal(net.parameters, network().parameters)


def test_scale_to_activity_does_not_blow_up_on_silent_inputs():
    net = network()
    silent = encode.latency(np.zeros((N, 4)), n_steps=N_STEPS)
    with pytest.raises(ValueError, match="inputs|layer_spikes"):
        net.scale_to_activity(silent, 3)
    assert np.array_equal(net.parameters, network().parameters)


# bad arguments ------------------------------------------------------------------------------------

OTHER_DT = LIF(tau_mem=6e-6, tau_syn=6e-6, dt=1e-6)
CONSTRUCTOR = {
    "sizes of one layer": ({"layers": (4,)}, ValueError, "layers must name at least"),
    "sizes empty": ({"layers": ()}, ValueError, "layers must name at least"),
    "sizes zero": ({"layers": (4, 0, 3)}, ValueError, "layers must be at least 1"),
    "sizes negative": ({"layers": (4, -7, 3)}, ValueError, "layers must be at least 1"),
    "sizes of floats": ({"layers": (4, 7.0, 3)}, TypeError, "layers must be an integer"),
    "sizes of bools": ({"layers": (4, True, 3)}, TypeError, "layers must be an integer"),
    "sizes a number": ({"layers": 4}, TypeError, "layers must"),
    "too few neurons": (
        {"layers": (4, 7, 5, 3), "neuron": [CHIP]},
        ValueError,
        "neuron must hold 2",
    ),
    "too many neurons": ({"neuron": [CHIP] * 2}, ValueError, "neuron must hold 1"),
    "neuron an integrator": ({"neuron": CHIP.integrator()}, TypeError, "neuron must be LIF"),
    "neurons of text": ({"neuron": ["lif"]}, TypeError, "neuron must be LIF"),
    "neuron None": ({"neuron": None}, TypeError, "neuron must"),
    "neuron a class": ({"neuron": LIF}, TypeError, "neuron must"),
    "readout text": ({"readout": "integrator"}, TypeError, "readout must be"),
    "readout of another dt": ({"readout": OTHER_DT.integrator()}, ValueError, "share one dt"),
    "neurons of two dt": (
        {"layers": (4, 7, 5, 3), "neuron": [CHIP, OTHER_DT]},
        ValueError,
        "share one dt",
    ),
    "dtype int": ({"dtype": np.int32}, ValueError, "dtype must be float32 or float64"),
    "dtype half": ({"dtype": np.float16}, ValueError, "dtype must be float32 or float64"),
    "dtype unknown": ({"dtype": "single precision"}, (TypeError, ValueError), "dtype must"),
    "dtype None": ({"dtype": None}, (TypeError, ValueError), "dtype must"),
    "n_steps zero": ({"n_steps": 0}, ValueError, "n_steps must be at least 1"),
    "n_steps float": ({"n_steps": 9.0}, TypeError, "n_steps must be an integer"),
    "rng None": ({"rng": None}, TypeError, "rng must be a seed"),
    "rng negative": ({"rng": -1}, ValueError, "rng must not be negative"),
    "rng float": ({"rng": 0.5}, TypeError, "rng must be a seed"),
    "rng legacy": ({"rng": np.random.RandomState(0)}, TypeError, "rng must be a seed"),
    "workers zero": ({"workers": 0}, ValueError, "workers must be at least 1"),
    "workers negative": ({"workers": -1}, ValueError, "workers must be at least 1"),
    "workers float": ({"workers": 2.0}, TypeError, "workers must be an integer"),
    "spread negative": ({"spread": -1.0}, ValueError, "spread must be at least 0"),
    "spread nan": ({"spread": np.nan}, ValueError, "spread must be finite"),
    "too many thresholds": (
        {"neuron": CHIP.replace(v_th=[1.0] * 8), "readout": CHIP.integrator()},
        ValueError,
        "v_th has 8 values",
    ),
    "too few taus": (
        {"neuron": CHIP.replace(tau_mem=[6e-6] * 6), "readout": CHIP.integrator()},
        ValueError,
        "tau_mem has 6",
    ),
    "values per neuron, no readout": (
        {"neuron": CHIP.replace(v_th=[1.0] * 7)},
        ValueError,
        "readout must be given",
    ),
    "too few taus in the readout": (
        {"readout": CHIP.replace(tau_syn=[6e-6] * 7)},
        ValueError,
        "tau_syn has 7 values",
    ),
}


@pytest.mark.parametrize("change, error, message", CONSTRUCTOR.values(), ids=CONSTRUCTOR)
def test_bad_constructor_arguments_are_refused_by_name(change, error, message):
    settings = {"layers": (4, 7, 3), "neuron": CHIP, "n_steps": N_STEPS, "rng": 0} | change
    with pytest.raises(error, match=message):
        Network(settings.pop("layers"), settings.pop("neuron"), **settings)


@pytest.mark.parametrize("missing", ["rng", "n_steps"])
def test_what_has_no_default_must_be_given(missing):
    settings = {"n_steps": 3, "rng": 0}
    settings.pop(missing)
    with pytest.raises(TypeError, match=missing):
        Network((4, 7, 3), CHIP, **settings)


def test_numbers_of_numpy_are_taken():
    net = Network(np.array([4, 7, 3]), CHIP, n_steps=np.int32(9), rng=np.uint8(0))
    assert net.sizes == (4, 7, 3) and net.n_steps == 9
    net = Network((4, 7, 3), CHIP, n_steps=9, rng=0, workers=np.int64(2))
    assert net.workers == 2


@pytest.fixture
def no_kernels(monkeypatch):
    """Any kernel that is called fails the test."""

    def fail(*args):
        raise AssertionError("a kernel ran before its arguments were checked")

    def arm():
        for name in ("fire", "integrate", "fire_backward", "integrate_backward", "sum_chunks"):
            monkeypatch.setattr(lif, name, fail)

    return arm


def with_nan(shape, dtype=np.float32):
    out = np.zeros(shape, dtype)
    out.flat[-1] = np.nan
    return out


FORWARD = {
    "dense array": (lambda: {"inputs": np.zeros((N, N_STEPS, 4))}, TypeError, "inputs must be"),
    "None": (lambda: {"inputs": None}, TypeError, "inputs must be"),
    "units": (lambda: {"inputs": events(units=5)}, ValueError, "inputs has 5 units"),
    "steps": (lambda: {"inputs": events(n_steps=8)}, ValueError, "inputs has 8 steps"),
    "units of current": (lambda: {"inputs": current(units=3)}, ValueError, "inputs has 3 units"),
    "steps of current": (
        lambda: {"inputs": current(n_steps=10)},
        ValueError,
        "inputs has 10 steps",
    ),
    "no samples": (lambda: {"inputs": events()[:0]}, ValueError, "inputs must hold at least one"),
    "no samples of current": (lambda: {"inputs": current()[:0]}, ValueError, "inputs must hold"),
    "dropout of too many layers": (
        lambda: {"dropout": [None, None]},
        ValueError,
        "dropout must have 1",
    ),
    "dropout of other units": (
        lambda: {"dropout": [np.ones(6, bool)]},
        ValueError,
        r"dropout\[0\] must have",
    ),
    "kept per sample": (
        lambda: {"dropout": [np.ones((N, 7), bool)]},
        ValueError,
        r"dropout\[0\] must",
    ),
    "dropout of nan": (
        lambda: {"dropout": [np.full(7, np.nan)]},
        (TypeError, ValueError),
        r"dropout\[0\]",
    ),
    "dropout of text": (
        lambda: {"dropout": [np.array(list("abcdefg"))]},
        TypeError,
        r"dropout\[0\]",
    ),
    "out a number": (lambda: {"out": 3}, TypeError, "out must"),
}


@pytest.mark.parametrize("arguments, error, message", FORWARD.values(), ids=FORWARD)
def test_forward_refuses_before_any_kernel_runs(no_kernels, arguments, error, message):
    net, arguments = network(), {"inputs": events()} | arguments()
    no_kernels()
    with pytest.raises(error, match=message):
        net.forward(arguments.pop("inputs"), **arguments)


def trace_of(net=None, **kwargs):
    return (network() if net is None else net).forward(events(), **kwargs)


G = (N, N_STEPS, 3)
BACKWARD = {
    "no trace": (lambda: {"trace": np.zeros(G)}, TypeError, "trace must be a Trace"),
    "potentials=False": (
        lambda: {"trace": trace_of(potentials=False)},
        ValueError,
        "trace was made with potentials=False",
    ),
    "another hidden layer": (
        lambda: {"trace": trace_of(network((4, 8, 3)))},
        ValueError,
        "trace does not fit",
    ),
    "more layers": (
        lambda: {"trace": trace_of(network((4, 7, 7, 3)))},
        ValueError,
        "trace does not fit",
    ),
    "fewer layers": (
        lambda: {"trace": trace_of(network((4, 3)))},
        ValueError,
        "trace does not fit",
    ),
    "another readout": (
        lambda: {"trace": trace_of(network(readout=CHIP))},
        ValueError,
        "trace does not fit",
    ),
    "other inputs": (
        lambda: {"trace": network((5, 7, 3)).forward(events(units=5))},
        ValueError,
        "5 units",
    ),
    "other steps": (
        lambda: {"trace": network(n_steps=8).forward(events(n_steps=8))},
        ValueError,
        "8 steps",
    ),
    "another precision": (
        lambda: {"trace": trace_of(network(dtype=np.float64))},
        ValueError,
        "trace must hold float32",
    ),
    "other classes": (
        lambda: {"trace": trace_of(network((4, 7, 5))), "g_readout": np.zeros((N, N_STEPS, 5))},
        ValueError,
        "trace",
    ),
    "fewer classes": (
        lambda: {"trace": trace_of(network((4, 7, 2))), "g_readout": np.zeros((N, N_STEPS, 2))},
        ValueError,
        "trace",
    ),
    "g_readout of other steps": (
        lambda: {"g_readout": np.zeros((N, N_STEPS - 1, 3))},
        ValueError,
        "g_readout must have shape",
    ),
    "g_readout of other samples": (
        lambda: {"g_readout": np.zeros((N + 1, N_STEPS, 3))},
        ValueError,
        "g_readout must have shape",
    ),
    "g_readout of other classes": (
        lambda: {"g_readout": np.zeros((N, N_STEPS, 4))},
        ValueError,
        "g_readout must have shape",
    ),
    "g_readout of scores": (
        lambda: {"g_readout": np.zeros((N, 3))},
        ValueError,
        "g_readout must have",
    ),
    "g_readout nan": (lambda: {"g_readout": with_nan(G)}, ValueError, "g_readout must be finite"),
    "g_readout text": (
        lambda: {"g_readout": np.full(G, "a")},
        TypeError,
        "g_readout must be an array",
    ),
    "g_readout complex": (
        lambda: {"g_readout": np.zeros(G, complex)},
        TypeError,
        "g_readout must be",
    ),
    "g_readout None": (lambda: {"g_readout": None}, TypeError, "g_readout must be an array"),
    "g_spikes of two layers": (
        lambda: {"g_spikes": [None, None]},
        ValueError,
        "g_spikes must have 1",
    ),
    "g_spikes of other units": (
        lambda: {"g_spikes": [np.zeros((N, N_STEPS, 6))]},
        ValueError,
        r"g_spikes\[0\] must have shape",
    ),
    "g_spikes of other steps": (
        lambda: {"g_spikes": [np.zeros((N, 2, 7))]},
        ValueError,
        r"g_spikes\[0\] must have 1 or 9",
    ),
    "g_spikes nan": (
        lambda: {"g_spikes": [with_nan((N, 1, 7))]},
        ValueError,
        r"g_spikes\[0\] must be finite",
    ),
}


@pytest.mark.parametrize("arguments, error, message", BACKWARD.values(), ids=BACKWARD)
def test_backward_refuses_before_any_kernel_runs(no_kernels, arguments, error, message):
    net = network()
    arguments = {"trace": trace_of(net), "g_readout": np.zeros(G, np.float32)} | arguments()
    no_kernels()
    with pytest.raises(error, match=message):
        net.backward(arguments.pop("trace"), arguments.pop("g_readout"), **arguments)


def test_backward_refuses_another_readout_for_a_spiking_network(no_kernels):
    trace = trace_of(network((4, 3, 2)))  # its hidden layer looks like the spiking readout's
    net = network((4, 3), readout=CHIP)
    no_kernels()
    with pytest.raises(ValueError, match="trace"):
        net.backward(trace, np.zeros((N, N_STEPS, 2)))


def test_no_kernels_fixture_notices_kernels(no_kernels):
    net = network()
    no_kernels()
    with pytest.raises(AssertionError, match="a kernel ran"):
        net.forward(events())


@pytest.mark.bounds
@pytest.mark.parametrize(
    "order", [(events, current), (current, events)], ids=["to current", "to events"]
)
def test_a_trace_is_used_again_for_another_kind_of_input(order, monkeypatch):
    """A reused trace must not hand the buffers of one kind of input to the kernels of the other."""
    net, first, second = network(), order[0](), order[1]()
    g = np.ones(G, np.float32)
    trace = net.forward(first)
    net.backward(trace, g)
    expected = [np.array(x) for x in net.backward(net.forward(second), g)]
    trace = net.forward(second, out=trace)
    for x, y in zip(expected, net.backward(trace, g), strict=True):
        assert np.array_equal(x, y)


def test_a_measured_trace_is_not_written_over():
    """Its events have no room for others: a kernel would write past their end."""
    net = network(spread=0.0)
    inputs = events()
    trace = net.forward(inputs)
    measured = Trace.measured(inputs, trace.v[:1], [trace.spikes[0].compact()], trace.readout)
    assert measured.spikes[0].step.size == 0
    net.weights[0][...] = 3
    assert net.forward(inputs, out=measured) is not measured
    assert measured.spikes[0].step.size == 0


def test_a_trace_of_another_precision_is_not_written_over():
    single = network().forward(events())
    assert network().forward(events(), out=single) is single
    assert network(dtype=np.float64).forward(events(), out=single) is not single


@pytest.mark.nojit
@pytest.mark.bounds
def test_a_trace_is_used_again():
    net = network((3, 5, 2))
    inputs = events(4, 3)
    fresh = net.forward(inputs)
    used = net.forward(events(4, 3, seed=1))
    again = net.forward(inputs, out=used)
    assert again is used and again.spikes == fresh.spikes
    assert np.array_equal(again.readout, fresh.readout) and np.array_equal(again.v[0], fresh.v[0])
    assert net.forward(events(3, 3), out=used) is not used
    assert net.forward(inputs, potentials=False, out=used) is not used
    g = np.ones(fresh.readout.shape, np.float32)
    gradients = net.backward(again, g)
    kept = [x.copy() for x in gradients]
    assert net.backward(again, 2 * g, out=gradients) is gradients
    for x, y in zip(kept, gradients, strict=True):
        assert np.allclose(2 * x, y)


def test_without_potentials_it_gives_the_same_spikes():
    net = network((4, 7, 5, 3))
    one, two = net.forward(events()), net.forward(events(), potentials=False)
    assert one.spikes == two.spikes and np.array_equal(one.readout, two.readout)
    with pytest.raises(ValueError, match="potentials=False"):
        _ = two.v


def test_trace_attributes():
    net = network((4, 7, 5, 3))
    trace = net.forward(events())
    assert len(trace) == N and [v.shape[2] for v in trace.v] == [7, 5, 3]
    assert trace.v[2] is trace.readout and trace.hidden == trace.spikes
    assert np.array_equal(
        trace.hidden_counts(), sum(z.to_dense().sum(axis=(1, 2)) for z in trace.spikes)
    )
    for v, z in zip(trace.v, trace.spikes, strict=False):
        assert np.array_equal(v > 1, z.to_dense() == 1)
    spiking = network(readout=CHIP).forward(events())
    assert len(spiking.hidden) == 1 and np.array_equal(
        spiking.readout, spiking.spikes[1].to_dense()
    )


def test_measured_traces_are_checked():
    trace = trace_of()
    v, spikes = [np.array(trace.v[0])], [trace.spikes[0]]
    inputs, readout = events(), trace.readout
    bad = {
        "v and spikes": {"v": []},
        r"v\[0\] must have shape": {"v": [v[0][:, :, :6]]},
        r"v\[0\] must be finite": {"v": [with_nan(v[0].shape)]},
        r"spikes\[0\] must be SpikeTrains": {"spikes": [spikes[0].to_dense()]},
        r"spikes\[0\] and inputs differ": {"spikes": [spikes[0][:3]]},
        "readout must have shape": {"readout": readout[:, :5]},
        "readout must be finite": {"readout": with_nan(readout.shape)},
        "inputs must be": {"inputs": np.zeros((N, N_STEPS, 4))},
    }
    for message, change in bad.items():
        given = {"inputs": inputs, "v": v, "spikes": spikes, "readout": readout} | change
        with pytest.raises((TypeError, ValueError), match=message):
            Trace.measured(**given)


# neurons ------------------------------------------------------------------------------------------

GOOD = {"tau_mem": 6e-6, "tau_syn": 6e-6, "dt": 1e-6}
NEURON = {
    "tau_mem zero": ({"tau_mem": 0}, ValueError, "tau_mem must be above 0"),
    "tau_mem negative": ({"tau_mem": -1e-6}, ValueError, "tau_mem must be above 0"),
    "tau_mem nan": ({"tau_mem": np.nan}, ValueError, "tau_mem must be finite"),
    "tau_mem infinite": ({"tau_mem": np.inf}, ValueError, "tau_mem must be finite"),
    "tau_mem None": ({"tau_mem": None}, TypeError, "tau_mem must be a number"),
    "tau_mem text": ({"tau_mem": "6us"}, TypeError, "tau_mem must be a number"),
    "tau_mem one bad of many": ({"tau_mem": [6e-6, 0.0]}, ValueError, "tau_mem must be above 0"),
    "tau_mem one nan of many": ({"tau_mem": [6e-6, np.nan]}, ValueError, "tau_mem must be finite"),
    "tau_mem of two axes": ({"tau_mem": [[6e-6]]}, ValueError, "tau_mem must have shape"),
    "tau_mem empty": ({"tau_mem": []}, ValueError, "tau_mem must"),
    "tau_syn zero": ({"tau_syn": 0}, ValueError, "tau_syn must be above 0"),
    "tau_syn nan": ({"tau_syn": np.nan}, ValueError, "tau_syn must be finite"),
    "dt zero": ({"dt": 0}, ValueError, "dt must be above 0"),
    "dt negative": ({"dt": -1e-6}, ValueError, "dt must be above 0"),
    "dt nan": ({"dt": np.nan}, ValueError, "dt must be finite"),
    "dt many": ({"dt": [1e-6]}, TypeError, "dt must be a number"),
    "gain nan": ({"gain": np.nan}, ValueError, "gain must be finite"),
    "delay negative": ({"delay": -1}, ValueError, "delay must be at least 0"),
    "delay in seconds": ({"delay": 1e-6}, TypeError, "delay must be an integer"),
    "method unknown": ({"method": "heun"}, ValueError, "method must be one of"),
    "euler too coarse": (
        {"method": "euler", "tau_mem": 5e-7},
        ValueError,
        "tau_mem must be at least dt",
    ),
    "euler too coarse synapse": (
        {"method": "euler", "tau_syn": 5e-7},
        ValueError,
        "tau_syn must be",
    ),
}
SPIKING = {
    "v_th zero": ({"v_th": 0}, ValueError, "v_th must be above 0"),
    "v_th negative": ({"v_th": -1.0}, ValueError, "v_th must be above 0"),
    "v_th nan": ({"v_th": np.nan}, ValueError, "v_th must be finite"),
    "v_th one bad of many": ({"v_th": [1, 0]}, ValueError, "v_th must be above 0"),
    "reset unknown": ({"reset": "soft"}, ValueError, "reset must be one of"),
    "reset None": ({"reset": None}, ValueError, "reset must be one of"),
    "surrogate unknown": ({"surrogate": "tanh"}, ValueError, "surrogate must be one of"),
    "surrogate function": ({"surrogate": np.tanh}, TypeError, "surrogate must be a function"),
    "surrogate class": ({"surrogate": int}, TypeError, "surrogate must be a function"),
    "steepness zero": ({"steepness": 0}, ValueError, "steepness must be above 0"),
    "steepness nan": ({"steepness": np.nan}, ValueError, "steepness must be finite"),
    "refractory negative": ({"refractory": -1e-6}, ValueError, "refractory must be at least 0"),
    "detach_reset number": ({"detach_reset": 1}, TypeError, "detach_reset must be True or False"),
}


@pytest.mark.parametrize("change, error, message", NEURON.values(), ids=NEURON)
@pytest.mark.parametrize("model", [LIF, LeakyIntegrator])
def test_bad_neuron_parameters_are_refused_by_name(model, change, error, message):
    with pytest.raises(error, match=message):
        model(**GOOD | change)


@pytest.mark.parametrize("change, error, message", SPIKING.values(), ids=SPIKING)
def test_bad_spiking_parameters_are_refused_by_name(change, error, message):
    with pytest.raises(error, match=message):
        LIF(**GOOD | change)


def test_neurons_are_values():
    assert LIF(**GOOD) == LIF(**GOOD) and LIF(**GOOD) != LIF(**GOOD, v_th=2.0)
    many = LIF(**GOOD | {"tau_mem": np.array([5e-6, 6e-6])})
    assert many.tau_mem == (5e-6, 6e-6) and hash(many) == hash(many.replace())
    assert LIF.from_dict(json.loads(json.dumps(many.to_dict()))) == many
    with pytest.raises(ValueError, match="tau_mem"):
        many.replace(tau_mem=-1.0)
    with pytest.raises(AttributeError):
        many.v_th = 3.0
    with pytest.raises(TypeError, match="tau"):
        LIF(**GOOD, tau=3.0)
    with pytest.raises(ValueError, match="tau_mem has 2 values for a layer of 3 neurons"):
        many.constants(3)


def test_presets_are_the_published_constants():
    chip = LIF.brainscales2()
    assert chip.decay_mem == chip.decay_syn == pytest.approx(np.exp(-1.7 / 6))
    assert (chip.reset, chip.surrogate, chip.steepness, chip.v_th) == (
        "subtract",
        "superspike",
        50,
        1,
    )
    other = LIF.grad_r()
    assert (other.decay_mem, other.decay_syn, other.gain, other.reset) == (0.5, 0.0, 0.5, "zero")
    assert LIF.brainscales2(v_th=2.0).v_th == 2.0


def test_events_of_a_network_may_feed_another():
    first, second = network((4, 7)), network((7, 3))
    first = network((4, 7), readout=CHIP)
    trains = first.forward(events()).spikes[0]
    assert isinstance(trains, SpikeTrains) and trains.counts().sum() > 0
    assert_equal_runs(second, second, SpikeTrains.from_dense(trains.to_dense()))
    one, two = second.forward(trains), second.forward(trains.compact())
    assert np.array_equal(one.readout, two.readout)


@pytest.mark.bounds
@pytest.mark.parametrize("background", [0.0, -0.4242])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5])
def test_constant_inputs_that_are_mostly_background_skip_it(monkeypatch, share, background):
    """The same products, in one order on any number of threads."""
    from snnlab.kernels import drive

    rng = np.random.default_rng(4)
    x = np.where(rng.random((70, 37)) < share, rng.normal(size=(70, 37)), background)
    net = Network((37, 21, 3), LIF.grad_r(), n_steps=5, rng=1, dtype=np.float64, spread=3.0)
    monkeypatch.setattr("snnlab.passes.WORTH_SHARING", 0)
    calls = []
    for name in ("multiply", "multiply_transposed"):
        product = getattr(drive, name)
        monkeypatch.setattr(drive, name, lambda *a, n=name, f=product: (calls.append(n), f(*a)))
    inputs, found = ConstantCurrent(x, 5), []
    for workers in (1, 2, 3):
        net.workers = workers
        trace = net.forward(inputs)
        found.append((trace.readout.copy(), net.backward(trace, np.ones_like(trace.readout)).flat))
    assert set(calls) == {"multiply", "multiply_transposed"}
    for readout, gradient in found[1:]:
        assert np.array_equal(readout, found[0][0])
        assert np.array_equal(gradient, found[0][1])
    monkeypatch.setattr("snnlab.currents.SPARSE", -1.0)  # the other way
    trace = net.forward(ConstantCurrent(x, 5))
    np.testing.assert_allclose(trace.readout, found[0][0], rtol=1e-12, atol=1e-12)
    gradient = net.backward(trace, np.ones_like(trace.readout)).flat
    np.testing.assert_allclose(gradient, found[0][1], rtol=1e-9, atol=1e-9)


def test_a_trace_of_another_readout_is_not_reused():
    inputs = SpikeTrains.from_dense(np.random.default_rng(0).random((4, 9, 4)) < 0.3)
    neuron = LIF.brainscales2()
    one = Network((4, 3, 3), neuron, n_steps=9, rng=0).forward(inputs)
    two = Network((4, 3), [], readout=neuron, n_steps=9, rng=0).forward(inputs, out=one)
    assert two is not one and two.spiking_readout and not two.hidden


# in short -----------------------------------------------------------------------------------------


def test_predictions_are_those_of_evaluate():
    network, inputs = Network((4, 9, 3), CHIP, n_steps=N_STEPS, rng=0), events()
    labels = np.zeros(len(inputs), int)
    for loss in ("max_over_time", "sum_over_time"):
        found = network.predict(inputs, loss=loss)
        assert np.array_equal(found, evaluate(network, inputs, labels, loss=loss).predictions)


def test_a_summary_has_a_line_per_layer():
    network = Network((4, 9, 3), CHIP, n_steps=N_STEPS, rng=0)
    network.weights[0][:2] = 0
    lines = network.summary().splitlines()
    assert lines[0] == repr(network) and len(lines) == 6
    assert lines[4].split() == ["Dense(n=9)", "LIF", "9", "36", "50.0", "%"]
    inputs = events()
    spikes = network.forward(inputs).hidden[0].counts().mean()
    active = network.summary(inputs)
    assert active.splitlines()[4].endswith(f"{spikes:.1f}") and repr(active) == str(active)
    assert f"<td>{spikes:.1f}</td>" in active._repr_html_()
    html = network._repr_html_()
    assert html.count("<tr>") == 4 and "<code>Dense(n=9)</code>" in html and "50.0 %" in html


@pytest.mark.parametrize("way", [copy.deepcopy, copy.copy, lambda g: pickle.loads(pickle.dumps(g))])
def test_what_is_added_to_a_copy_of_gradients_counts(way):
    """An optimiser reads the flat array, of which the others are views."""
    net = network()
    gradients = Gradients(net)
    twin = way(gradients)
    for g in twin:
        g += 1.0
    total = sum(b.size for b in net.blocks)
    assert twin.flat.sum() == total and not gradients.flat.any() and twin.fits(net)


# --- media of one's own ---------------------------------------------------------------------------


class Own(Medium):
    """Gives what it was told to."""

    def __init__(self, given):
        self.given = given

    def run(self, network, inputs, **settings):
        return self.given


class Conditioned(Own):
    """Runs under what it was told to."""

    run = Medium.run

    def conditions(self, network):
        return self.given


def other_traces():
    net, x = network(), events(4)
    return net, x, net.forward(events(2)), network((4, 5, 3)).forward(x)


@pytest.mark.parametrize(
    ("medium", "words"),
    [
        (lambda few, other: Own(None), "run of Own must return a Trace, not NoneType"),
        (lambda few, other: Own(few), "of the network it is given, and of 4 samples"),
        (lambda few, other: Own(other), "of the network it is given, and of 4 samples"),
        (lambda few, other: Conditioned(None), "what conditions returns must be a sequence"),
        (lambda few, other: Conditioned([]), "what conditions returns must hold 2"),
        (lambda few, other: Conditioned("ab"), "what conditions returns"),
    ],
)
def test_a_medium_of_ones_own_must_run_the_batch(medium, words):
    """Else somebody else's spikes would be evaluated."""
    net, x, few, other = other_traces()
    medium, labels = medium(few, other), np.zeros(4, int)
    for use in (
        lambda: net.forward(x, on=medium),
        lambda: evaluate(net, x, labels, substrate=medium),
        lambda: snnlab.train(net, x, labels, epochs=1, rng=0, substrate=medium),
    ):
        with pytest.raises((TypeError, ValueError), match=words):
            use()


def test_a_medium_of_ones_own_may_give_the_simulations_trace():
    net, x, _, _ = other_traces()
    own = Own(net.forward(x))
    assert net.forward(x, on=own) is own.given
    assert net.forward(x, on=Conditioned(net.ideal_conditions)).readout.tolist() == (
        own.given.readout.tolist()
    )
