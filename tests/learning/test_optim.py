"""Optimisers against the equations written out, schedules, and what an optimiser refuses."""

import numpy as np
import pytest
import reference

from snnlab import optim
from snnlab.learning.schedules import resolve_schedule
from snnlab.network import Network
from snnlab.neurons import LIF
from snnlab.parameters import Gradients

SIZES = (6, 19, 4)  # the hidden layer is padded, the readout is not
ADAMS = [
    {},
    {"lr": 0.05, "beta1": 0.5, "beta2": 0.9, "eps": 1e-3, "weight_decay": 0.2},
    {"lr": 0.01, "beta1": 0.0, "beta2": 0.0, "eps": 1.0},
]
SGDS = [{}, {"lr": 0.3, "momentum": 0.8, "weight_decay": 0.1}, {"momentum": 0.5}]
ADAM_DEFAULTS = {"lr": 1.5e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0}
SGD_DEFAULTS = {"lr": 0.1, "momentum": 0.0, "weight_decay": 0.0}


def make(dtype=np.float64, sizes=SIZES, seed=0):
    return Network(sizes, LIF.brainscales2(), n_steps=4, rng=seed, spread=1.0, dtype=dtype)


def some_gradients(n_steps, network, seed=1):
    """One list of arrays per step; sizes vary by orders of magnitude, and some stay zero."""
    rng = np.random.default_rng(seed)
    scales = [
        10.0 ** rng.uniform(-4, 2, w.shape) * (rng.random(w.shape) < 0.8) for w in network.weights
    ]
    return [[s * rng.normal(0, 1, s.shape) for s in scales] for _ in range(n_steps)]


@pytest.mark.parametrize("kind", [optim.Adam, optim.SGD])
def test_a_rate_of_ones_own_is_asked(kind):
    class Still(kind):
        def rate(self, factor):
            return 0.0

    network = make()
    before = network.parameters.copy()
    Still(0.1).step(network, some_gradients(1, network)[0])
    np.testing.assert_array_equal(network.parameters, before)


def follow(optimizer, network, gradients, factors):
    """Weights after each step, a list per layer."""
    path = []
    for g, factor in zip(gradients, factors, strict=True):
        optimizer.step(network, g, factor)
        path.append([np.array(w) for w in network.weights])
    return [[step[k] for step in path] for k in range(len(network.weights))]


@pytest.mark.nojit
@pytest.mark.bounds
@pytest.mark.parametrize(
    ("kind", "settings"),
    [*(("adam", settings) for settings in ADAMS), *(("sgd", settings) for settings in SGDS)],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equals_reference_step_by_step(kind, settings, dtype):
    network = make(dtype)
    start = [np.array(w, np.float64) for w in network.weights]
    gradients = some_gradients(7, network)
    if dtype == np.float32:
        gradients = [[g.astype(dtype) for g in step] for step in gradients]
    factors = [1.0, 0.5, 0.97, 0.0, 2.0, 1.0, 0.25]
    if kind == "adam":
        optimizer, twin, known = optim.Adam(**settings), reference.adam, ADAM_DEFAULTS
    else:
        optimizer, twin, known = optim.SGD(**settings), reference.sgd, SGD_DEFAULTS
    paths = follow(optimizer, network, gradients, factors)
    tolerance = 2e-6 if dtype == np.float32 else 1e-12
    for k, path in enumerate(paths):
        steps = [g[k].astype(np.float64) for g in gradients]
        expected = twin(start[k], steps, **known | settings, factors=factors)
        for got, wanted in zip(path, expected, strict=True):
            assert np.allclose(got, wanted, rtol=tolerance, atol=tolerance * np.abs(wanted).max())
        assert not np.allclose(path[-1], start[k], rtol=1e-4, atol=0)
    assert optimizer.steps == 7


@pytest.mark.bounds
@pytest.mark.parametrize(
    "optimizer", [optim.Adam(lr=0.1, weight_decay=0.5), optim.SGD(1.0, 0.9, 0.5)]
)
def test_padding_stays_zero(optimizer):
    network = make(np.float32)
    padding = np.ones(network.parameters.size, bool)
    for block, (n_in, n) in zip(np.split(padding, [6 * 64]), ((6, 19), (19, 4)), strict=True):
        block.reshape(n_in, -1)[:, :n] = False
    assert padding.sum() == 6 * 45  # 19 units are stored as 64
    for gradients in some_gradients(5, network):
        optimizer.step(network, gradients)
    assert not network.parameters[padding].any() and network.parameters[~padding].all()


@pytest.mark.parametrize("kind", [optim.Adam, optim.SGD])
def test_plain_arrays_equal_gradients(kind):
    """Lists of arrays, tuples of nested lists, and what `Network.backward` returns."""
    given = [np.float32(g) for g in some_gradients(1, make())[0]]
    results = []
    for form in ("arrays", "lists", "backward"):
        network, optimizer = make(np.float32), kind(lr=0.1)
        if form == "arrays":
            gradients = given
        elif form == "lists":
            gradients = tuple(g.tolist() for g in given)
        else:
            gradients = Gradients(network)
            for own, g in zip(gradients, given, strict=True):
                own[...] = g
        optimizer.step(network, gradients)
        results.append(np.array(network.parameters))
        assert not np.array_equal(results[-1], make(np.float32).parameters)
    assert np.array_equal(results[0], results[1]) and np.array_equal(results[0], results[2])


def test_workers_change_nothing():
    results = []
    for workers in (1, 2, 3):
        network = Network((300, 200, 5), LIF.brainscales2(), n_steps=2, rng=0, workers=workers)
        assert network.parameters.size > 50_000
        optimizer = optim.Adam(weight_decay=0.1)
        for seed in range(3):
            rng = np.random.default_rng(seed)
            optimizer.step(network, [rng.normal(0, 1, w.shape) for w in network.weights])
        results.append(network.parameters)
    assert np.array_equal(results[0], results[1]) and np.array_equal(results[0], results[2])


def test_minimum_is_found():
    """Both walk to the minimum of sum((w - target)^2), whose gradient is written here."""
    for optimizer, decay in ((optim.Adam(lr=0.05), 0.99), (optim.SGD(lr=0.05, momentum=0.8), 1)):
        network = make()
        target = [np.full(w.shape, 0.5) for w in network.weights]
        for step in range(800):
            gradients = [2 * (w - t) for w, t in zip(network.weights, target, strict=True)]
            optimizer.step(network, gradients, decay**step)
        assert all(np.allclose(w, 0.5, rtol=0, atol=1e-3) for w in network.weights)


@pytest.mark.parametrize("kind", [optim.Adam, optim.SGD])
def test_wrong_gradients_are_refused_and_change_nothing(kind):
    network, optimizer = make(), kind()
    optimizer.step(network, some_gradients(1, network)[0])
    before = np.array(network.parameters), {k: np.array(x) for k, x in optimizer.state().items()}
    good = some_gradients(1, network)[0]
    other = make(sizes=(6, 40, 4))
    wrong = [
        (good[:1], "gradients"),
        ([*good, good[0]], "gradients"),
        ([good[0].T, good[1]], r"gradients\[0\]"),
        ([good[0], good[1][:, :3]], r"gradients\[1\]"),
        ([good[0] * np.nan, good[1]], r"gradients\[0\]"),
        ([good[0], np.full_like(good[1], np.inf)], r"gradients\[1\]"),
        (Gradients(other), "gradients"),
    ]
    for gradients, name in wrong:
        with pytest.raises(ValueError, match=name):
            optimizer.step(network, gradients)
    with pytest.raises(TypeError, match=r"gradients\[0\]"):
        optimizer.step(network, [good[0].astype(str), good[1]])
    assert np.array_equal(network.parameters, before[0])
    after = optimizer.state()
    assert after.keys() == before[1].keys()
    assert all(np.array_equal(after[k], x) for k, x in before[1].items())


def test_optimizer_belongs_to_one_size():
    optimizer = optim.Adam()
    optimizer.step(make(), some_gradients(1, make())[0])
    other = make(sizes=(6, 40, 4))
    with pytest.raises(ValueError, match="another network"):
        optimizer.step(other, some_gradients(1, other)[0])
    with pytest.raises(ValueError, match="another size"):
        optimizer.rebind(other)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (optim.Adam, {"lr": -1}),
        (optim.Adam, {"beta1": 1.0}),
        (optim.Adam, {"beta2": -0.1}),
        (optim.Adam, {"eps": 0.0}),
        (optim.Adam, {"weight_decay": -1}),
        (optim.SGD, {"lr": np.nan}),
        (optim.SGD, {"momentum": 1.0}),
        (optim.SGD, {"lr": np.inf}),
    ],
)
def test_settings_out_of_range_are_refused(kind, settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        kind(**settings)


@pytest.mark.parametrize("make_one", [lambda: optim.Adam(lr=0.02), lambda: optim.SGD(0.1, 0.7)])
def test_state_is_restored(make_one):
    """Stopped after three steps and gone on from the state: the same weights, bit for bit."""
    network, optimizer = make(np.float32), make_one()
    gradients = some_gradients(6, network)
    for g in gradients[:3]:
        optimizer.step(network, g)
    state = {name: np.array(x) for name, x in optimizer.state().items()}
    middle = np.array(network.parameters)
    for g in gradients[3:]:
        optimizer.step(network, g)

    other, again = make(np.float32, seed=9), make_one()
    other.parameters[...] = middle
    again.restore(state)
    for g in gradients[3:]:
        again.step(other, g)
    assert again.steps == optimizer.steps == 6
    assert np.array_equal(other.parameters, network.parameters)


def test_restore_of_an_unused_optimizer():
    network, optimizer = make(), optim.Adam()
    unused = optimizer.state()
    assert list(unused) == ["steps"] and unused["steps"] == 0
    first = some_gradients(1, network)[0]
    optimizer.step(network, first)
    optimizer.restore(unused)
    other = make()
    other.parameters[...] = network.parameters
    optimizer.step(network, first)
    fresh = optim.Adam()
    fresh.step(other, first)
    assert np.array_equal(network.parameters, other.parameters)


def test_state_is_a_snapshot():
    network, optimizer = make(), optim.Adam()
    gradients = some_gradients(2, network)
    optimizer.step(network, gradients[0])
    state = optimizer.state()
    before = {name: np.array(x) for name, x in state.items()}
    optimizer.step(network, gradients[1])
    assert all(np.array_equal(state[name], x) for name, x in before.items())


@pytest.mark.parametrize("kind", [optim.Adam, optim.SGD])
def test_factor_must_be_finite(kind):
    network = make()
    with pytest.raises(ValueError, match="factor"):
        kind().step(network, some_gradients(1, network)[0], float("nan"))


# --- schedules -----------------------------------------------------------------------------------


def test_schedule_values():
    constant = resolve_schedule("constant")
    assert [constant(x, 10) for x in (0, 3.7, 10)] == [1, 1, 1]

    exponential = resolve_schedule("exponential")
    assert exponential(0, 10) == exponential(0.99, 10) == 1  # once per epoch, not per step
    assert exponential(1.0, 10) == 0.97 and np.isclose(exponential(5.5, 10), 0.97**5)
    assert optim.Exponential(0.5)(3, 10) == 0.125

    cosine = resolve_schedule("cosine")
    expected = [1, (2 + 2**0.5) / 4, 0.5, (2 - 2**0.5) / 4, 0]
    assert np.allclose([cosine(x, 8) for x in (0, 2, 4, 6, 8)], expected, atol=1e-15)
    assert cosine(9.5, 8) == 0

    warm = optim.Cosine(warmup=2, end=0.2)
    assert np.allclose([warm(x, 10) for x in (0, 0.5, 1.5, 2)], [0, 0.25, 0.75, 1])
    assert np.allclose([warm(6, 10), warm(10, 10)], [0.6, 0.2])
    rates = [warm(x, 10) for x in np.linspace(2, 10, 50)]
    assert np.all(np.diff(rates) < 0)


def test_schedules_by_name_or_function():
    def mine(epoch, epochs):
        return 1 - epoch / epochs

    assert resolve_schedule(mine) is mine
    with pytest.raises(ValueError, match="schedule"):
        resolve_schedule("linear")
    with pytest.raises(TypeError, match="schedule"):
        resolve_schedule(0.9)
    for wrong in ({"warmup": -1}, {"end": 1.5}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            optim.Cosine(**wrong)
    with pytest.raises(ValueError, match="factor"):
        optim.Exponential(1.1)
