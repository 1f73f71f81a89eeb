"""Defaults follow the step; a code that falls into one step says so, and so do a chip's times."""

import warnings

import numpy as np
import pytest

from snnlab import LIF, Network, SpikingClassifier, Substrate, datasets, encode
from snnlab.live.living import LivingNetwork

X = np.linspace(0, 1, 256, dtype=np.float32)[None]


@pytest.mark.parametrize("dt", [1e-300, 1e-9, 0.34e-6, 1e-3, 1.0, 1e200])
def test_the_code_is_the_same_in_steps_of_any_length(dt):
    default = encode.latency(X)
    trains = encode.latency(X, dt=dt)
    same = trains.to_dense() == default.to_dense()
    assert same.mean() > 0.99 and len(set(trains.compact().step.tolist())) > 10
    np.testing.assert_allclose(
        encode.decode_latency(trains, dt=dt), encode.decode_latency(default), atol=0.03
    )
    np.testing.assert_allclose(
        encode.latency_edges(20, dt), encode.latency_edges(20, encode.DT), rtol=1e-9
    )


def test_at_the_published_step_nothing_has_changed():
    assert encode.matching_tau(encode.DT) == 8e-6
    one = encode.latency(X, n_steps=20, dt=1.7e-6, tau=8e-6, theta=0.2)
    assert encode.latency(X) == one
    assert np.array_equal(encode.decode_latency(one), encode.decode_latency(one, tau=8e-6))


@pytest.mark.parametrize("n_steps, tau, says", [
    (20, 8e-6, True), (20, 1e-3, False), (2, 1e-3, False), (1, 8e-6, False), (20, 0.3e-3, True),
])  # fmt: skip
def test_a_code_that_falls_into_one_step_says_so(n_steps, tau, says):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        encode.latency(X, n_steps=n_steps, dt=1e-3, tau=tau)
    assert len(caught) == says
    if says:
        text = str(caught[0].message)
        assert "spike in step 0" in text and "tau follows dt" in text


def test_absurd_constants_give_no_nan():
    edges = encode.latency_edges(5, 1e300, 1e-300)
    assert np.isfinite(edges).all() and abs(edges[0] - 1) < 1e-9


@pytest.mark.parametrize("name", ["n_steps", "dt", "tau", "theta"])
@pytest.mark.parametrize("bad", [0, -1, np.nan, np.inf, "x", [1]])
def test_edges_check_what_they_are_given(name, bad):
    given = {"n_steps": 5, "dt": 1e-6, "tau": 1e-6, "theta": 0.2} | {name: bad}
    with pytest.raises((TypeError, ValueError), match=name):
        encode.latency_edges(**given)


def test_the_estimator_learns_in_milliseconds():
    digits = datasets.load("digits16")
    scores = []
    for neuron in (None, LIF(tau_mem=6e-3, tau_syn=6e-3, dt=1.7e-3)):
        model = SpikingClassifier(
            (30,), epochs=4, lr=3e-3, dropout=0, neuron=neuron, random_state=0
        )
        model.fit(digits.x_train[:500], digits.y_train[:500])
        scores.append(model.score(digits.x_test, digits.y_test))
    assert min(scores) > 0.5 and abs(scores[0] - scores[1]) < 0.03


def test_the_living_network_follows_its_network():
    kept = []
    for dt in (1.7e-6, 1.7e-3):
        neuron = LIF(tau_mem=6 * dt, tau_syn=6 * dt, dt=dt)
        net = Network((16, 5, 3), neuron, n_steps=10, rng=0)
        kept.append(LivingNetwork(net)._spec["edges"])
    np.testing.assert_allclose(kept[0][1:], kept[1][1:], rtol=1e-6)


@pytest.mark.parametrize("dt, says", [
    (1.7e-6, ""), (0.5e-6, ""), (1e-3, "refractory=2e-06"), (1e-8, "sampling=1.7e-06"),
])  # fmt: skip
def test_times_of_a_chip_that_cannot_act(dt, says):
    chip = Substrate(0)
    neuron = LIF(tau_mem=6 * dt, tau_syn=6 * dt, dt=dt)
    net = Network((16, 5, 3), neuron, n_steps=20, rng=0)
    inputs = encode.latency(np.ones((4, 16), np.float32), dt=dt)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(3):
            net.forward(inputs, on=chip)
    assert [says in str(w.message) for w in caught] == [True] * bool(says)
