"""Ceilings: followed in training, and lowered until the network would say something else."""

import numpy as np
import pytest

from snnlab import Adam, ConstantCurrent, Network, conversion, train
from snnlab.layers import BatchNorm, Dense
from snnlab.rates import ReLU

N = BatchNorm()


def task(seed=0, n=300):
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 1, (n, 8)).astype(np.float32)
    y = (x[:, :4].sum(1) > x[:, 4:].sum(1)).astype(int) + (x[:, 0] > 0.8)
    return ConstantCurrent(x, 1), y


def trained(unit, callback=None, rates=None, **settings):
    inputs, y = task()
    network = Network((8, Dense(32, norm=N), 16, 3), unit, n_steps=1, rng=0, dtype=np.float64)
    callback = callback and callback(network)
    train(
        network,
        inputs,
        y,
        epochs=10,
        rng=0,
        batch_size=50,
        callback=callback,
        progress=False,
        optimizer=Adam(lr=0.01, rates=rates),
    )
    return network, inputs


def test_ceilings_follow_the_largest_activations():
    unit = ReLU(v_th=1.0, learn="v_th")
    tops, seen = [1.0, 1.0], []

    class Watch(conversion.RunningCeilings):
        def __call__(self, step):
            for i, k in enumerate((0, 1)):
                tops[i] += 0.1 * (step.trace.records[k].before.max() - tops[i])
            assert super().__call__(step) is False
            seen.append([m.v_th for m in step.network.neurons[:-1]])
            np.testing.assert_allclose(seen[-1], tops, rtol=1e-9)

    network, inputs = trained(unit, Watch, {"v_th": 0})
    assert len(seen) == 60
    largest = conversion.largest_activations(network, inputs)
    for top, now in zip(tops, largest, strict=True):
        assert 0.5 < now / top <= 1.0001


@pytest.mark.parametrize(
    "unit", [ReLU(), ReLU(v_th=1.0), ReLU(v_th=1.0, learn="v_th", learn_per="unit")]
)
def test_ceilings_that_cannot_be_followed(unit):
    network = Network((8, 4, 3), unit, n_steps=1, rng=0)
    with pytest.raises(ValueError, match=r"layer 0 .*learn"):
        conversion.RunningCeilings(network)


def test_with_ceilings_changes_nothing_else():
    network, inputs = trained(ReLU())
    tops = conversion.largest_activations(network, inputs)
    same = conversion.with_ceilings(network, tops)
    assert np.array_equal(same.forward(inputs).readout, network.forward(inputs).readout)
    assert same.neurons[0].v_th == tops[0] and same.neurons[0].learn == ()
    lower = conversion.with_ceilings(network, [0.5 * top for top in tops])
    assert not np.array_equal(lower.forward(inputs).readout, network.forward(inputs).readout)
    for ceilings, error in (([1.0], ValueError), ([1.0, 0.0], ValueError), (2.0, TypeError)):
        with pytest.raises(error, match="ceilings"):
            conversion.with_ceilings(network, ceilings)


def test_the_fit_curve_is_what_it_says():
    network, inputs = trained(ReLU())
    tops = np.array(conversion.largest_activations(network, inputs))
    found = conversion.fit_curve(network, inputs, [1.0, 0.5, 0.2])
    said = network.forward(inputs).readout[:, 0]
    for share, disagreement, slowness in zip(*found, strict=True):
        lower = conversion.with_ceilings(network, share * tops)
        trace = lower.forward(inputs)
        now = trace.readout[:, 0]
        cosine = (now * said).sum(1) / np.linalg.norm(now, axis=1) / np.linalg.norm(said, axis=1)
        assert disagreement == pytest.approx(1 - cosine.mean(), abs=1e-9)
        rates = [trace.records[k].values / (share * tops[k]) for k in (0, 1)]
        rates.append(np.maximum(now, 0) / now.max())
        expected = np.mean([r.sum() / ((r**2).sum() + 1e-5) for r in rates])
        assert slowness == pytest.approx(expected)
    assert found.disagreement[0] == pytest.approx(0, abs=1e-12)
    assert (np.diff(found.disagreement) > 0).all() and (np.diff(found.slowness) < 0).all()


@pytest.mark.parametrize("size", [1e-3, 1e-6, 1e-30])
def test_a_network_that_says_little_is_compared_like_any_other(size):
    """Cosines have no scale: what is small once disagreed with itself."""
    network, inputs = trained(ReLU())
    small = network.replace()
    small.weights[-1][...] *= size
    shares = [1.0, 0.5, 0.2]
    found, expected = (conversion.fit_curve(net, inputs, shares) for net in (small, network))
    np.testing.assert_allclose(found.disagreement, expected.disagreement, atol=1e-12)
    np.testing.assert_allclose(found.slowness, expected.slowness)
    ceilings = [
        [m.v_th for m in conversion.fit_ceilings(net, inputs, weight=0.01).neurons[:-1]]
        for net in (small, network)
    ]
    np.testing.assert_allclose(*ceilings)


def test_those_who_both_say_nothing_agree():
    network = Network((4, 5, 3), ReLU(v_th=1.0), n_steps=1, rng=0, dtype=np.float64)
    found = conversion.fit_curve(network, np.zeros((2, 4)), [1.0, 0.5])
    assert not found.disagreement.any()
    x = np.concatenate([np.zeros((1, 4)), np.ones((3, 4))])
    some = conversion.fit_curve(network, x, [1.0, 0.1]).disagreement
    rest = conversion.fit_curve(network, x[1:], [1.0, 0.1]).disagreement
    np.testing.assert_allclose(some, 0.75 * rest, atol=1e-12)


@pytest.mark.parametrize("per", ["layer", "network"])
@pytest.mark.parametrize("seed", range(6))
def test_no_ceiling_is_lowered_for_nothing(per, seed):
    """Where all that counts is to agree, none is; a search once ended in another valley."""
    rng = np.random.default_rng(seed)
    network = Network((6, 8, 7, 3), ReLU(), n_steps=1, rng=rng, spread=2.0, dtype=np.float64)
    x = rng.uniform(-0.3, 1, (12, 6))
    tops = conversion.largest_activations(network, x)
    fitted = conversion.fit_ceilings(network, x, weight=0, per=per)
    assert [m.v_th for m in fitted.neurons[:-1]] == pytest.approx(tops)


@pytest.mark.parametrize("per", ["layer", "network"])
def test_fitted_ceilings_are_the_best(per):
    network, inputs = trained(ReLU())
    tops = np.array(conversion.largest_activations(network, inputs))
    fitted = conversion.fit_ceilings(network, inputs, weight=0.01, per=per)
    shares = np.array([m.v_th for m in fitted.neurons[:-1]]) / tops
    assert (shares < 0.9).all() and (shares > 0.05).all()
    assert (shares[0] == pytest.approx(shares[1])) == (per == "network")
    for w, before in zip(fitted.weights, network.weights, strict=True):
        assert np.array_equal(w, before)

    def price(ceilings):
        lower = conversion.with_ceilings(network, ceilings)
        said, now = (net.forward(inputs).readout[:, 0] for net in (network, lower))
        cosine = (now * said).sum(1) / np.linalg.norm(now, axis=1) / np.linalg.norm(said, axis=1)
        rates = [lower.forward(inputs).records[k].values / ceilings[k] for k in (0, 1)]
        rates.append(np.maximum(now, 0) / now.max())
        slow = np.mean([r.sum() / (r**2).sum() for r in rates])
        return 1 - cosine.mean() + 0.01 * slow

    best = price(tops * shares)
    for factor in (0.8, 1.25):
        moved = shares * factor if per == "network" else shares * [1, factor]
        assert price(tops * moved) > best
    # who is to agree more is slower
    strict = conversion.fit_ceilings(network, inputs, weight=0.0005, per=per)
    assert strict.neurons[0].v_th > fitted.neurons[0].v_th


def test_with_lower_ceilings_answers_come_sooner():
    network, inputs = trained(ReLU())
    y = task()[1]
    fitted = conversion.fit_ceilings(network, inputs, weight=0.01)
    x = ConstantCurrent(inputs.x, 64)
    slow = conversion.by_step(conversion.convert(network, inputs, start=0), x, y).accuracy
    fast = conversion.by_step(conversion.convert(fitted, method="ceiling", start=0), x, y).accuracy
    assert fast[:12].mean() > slow[:12].mean()


@pytest.mark.parametrize(
    ("changes", "error", "match"),
    [
        ({"weight": -1}, ValueError, "weight"),
        ({"per": "unit"}, ValueError, "per"),
        ({"least": 0}, ValueError, "least"),
        ({"least": 1}, ValueError, "least"),
        ({"inputs": np.ones((2, 7))}, ValueError, "inputs"),
    ],
)
def test_bad_arguments(changes, error, match):
    network = Network((8, 4, 3), ReLU(), n_steps=1, rng=0)
    with pytest.raises(error, match=match):
        conversion.fit_ceilings(network, **({"inputs": np.ones((2, 8))} | changes))
    with pytest.raises(ValueError, match="shares"):
        conversion.fit_curve(network, np.ones((2, 8)), [0.5, 1.5])
