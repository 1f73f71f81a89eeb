"""Spikes that are drawn, what they tell, and the two estimates of gradients through them."""

import itertools

import numpy as np
import pytest

from snnlab.learning import bottleneck as b
from snnlab.learning.decoder import Decoder

STEPS, UNITS, RATE = 2, 3, 0.2


def patterns():
    """All spike patterns of a sample, (64, step, unit)."""
    return np.array(list(itertools.product((0.0, 1.0), repeat=STEPS * UNITS))).reshape(
        -1, STEPS, UNITS
    )


def tiny():
    """Potentials of one sample; a loss of patterns, which is not linear in them."""
    u = np.random.default_rng(0).standard_normal((1, STEPS, UNITS))
    decoder = Decoder((STEPS * UNITS, 5, 4), rng=1, dtype=np.float64)
    image = np.array([0.1, 0.9, 0.4, 0.7])

    def losses(z):
        return np.square(decoder.forward(z.reshape(len(z), -1))[-1] - image).sum(axis=1)

    return u, losses


def chances(u, hold=0):
    """How probable each pattern is."""
    p, z = b.probability(u, RATE), patterns()
    free = b.may_spike(z, hold)
    return np.where(z > 0, p * free, 1 - p * free).prod(axis=(1, 2))


def expected(u, losses, beta, hold=0):
    """The mean over all patterns, exactly, of loss and divergence."""
    z = patterns()
    p = np.repeat(b.probability(u, RATE), len(z), axis=0)
    told = b.information(p, RATE, b.may_spike(z, hold))
    return float(chances(u, hold) @ (losses(z) + beta * told))


def slopes(u, f, h=1e-6):
    """Finite differences."""
    out = np.zeros_like(u)
    for index in np.ndindex(u.shape):
        step = np.zeros_like(u)
        step[index] = h
        out[index] = (f(u + step) - f(u - step)) / (2 * h)
    return out


def test_at_rest_units_spike_at_the_prior_rate():
    p = b.probability(np.zeros((2, 3, 4), np.float32), 0.07)
    np.testing.assert_allclose(p, 0.07, rtol=1e-6)
    assert p.dtype == np.float32
    np.testing.assert_allclose(b.information(p, 0.07), 0, atol=1e-6)
    np.testing.assert_allclose(b.probability(np.full((1, 1, 1), 2.0), 0.5), 1 / (1 + np.exp(-2.0)))


@pytest.mark.parametrize("hold", [0, 1])
@pytest.mark.parametrize("baseline", [0.0, 1.7])
def test_score_function_is_exact_on_average_over_all_patterns(baseline, hold):
    (u, losses), beta = tiny(), 0.3
    z, p = patterns(), np.repeat(b.probability(u, RATE), 64, axis=0)
    free = b.may_spike(z, hold)
    assert chances(u, hold).sum() == pytest.approx(1) and free.all() == (hold == 0)
    price = losses(z) + beta * b.information(p, RATE, free)
    each = b.score_function(price - baseline, z, p)
    each = (each + beta * b.information_gradient(np.repeat(u, 64, axis=0), p)) * free
    mean = np.tensordot(chances(u, hold), each, axes=1)[None]
    wanted = slopes(u, lambda x: expected(x, losses, beta, hold))
    np.testing.assert_allclose(mean, wanted, atol=1e-8)
    assert np.abs(wanted).max() > 1e-3


def test_gradient_of_the_information_is_exact():
    u, _ = tiny()
    wanted = slopes(u, lambda x: b.information(b.probability(x, RATE), RATE)[0])
    np.testing.assert_allclose(b.information_gradient(u, b.probability(u, RATE)), wanted, atol=1e-8)


def test_straight_through_is_that_of_the_probabilities_where_the_loss_is_linear():
    u, _ = tiny()
    w = np.random.default_rng(3).standard_normal(u.shape)
    wanted = slopes(u, lambda x: expected(x, lambda z: (z * w[0]).sum(axis=(1, 2)), 0.0))
    np.testing.assert_allclose(b.straight_through(w, b.probability(u, RATE)), wanted, atol=1e-8)


def test_spikes_are_drawn_as_often_as_they_should():
    p = np.repeat(np.array([0.0, 0.3, 1.0]), 4000).reshape(1, 3, 4000)
    z = b.draw_spikes(p, 0)
    assert set(np.unique(z)) == {0.0, 1.0}
    np.testing.assert_allclose(z.mean(axis=2), [[0, 0.3, 1]], atol=0.03)
    np.testing.assert_array_equal(z, b.draw_spikes(p, 0))


@pytest.mark.parametrize("hold", [0, 1, 3, 99])
def test_units_keep_silent_after_a_spike(hold):
    p = np.full((5, 12, 7), 0.6)
    for rng in (0, None):
        z = b.draw_spikes(p, rng, hold)
        free = b.may_spike(z, hold)
        for i, t, k in np.ndindex(z.shape):
            before = z[i, max(t - hold, 0) : t, k].any()
            assert free[i, t, k] == (not before)
            assert not (before and z[i, t, k])
    assert b.draw_spikes(p, None, hold)[0, :, 0].sum() == -(-12 // (hold + 1))
    assert (b.draw_spikes(np.ones((1, 4, 1)), 0, 1)[0, :, 0] == [1, 0, 1, 0]).all()


def test_first_spikes_in_order_of_time():
    z = np.array([[[0, 1, 1], [1, 0, 1]], [[1, 0, 0], [0, 0, 1]]], np.float32)
    np.testing.assert_array_equal(
        b.first_spikes(z, 3), [[[0, 1, 1], [1, 0, 0]], [[1, 0, 0], [0, 0, 1]]]
    )
    np.testing.assert_array_equal(b.first_spikes(z, [0, 1]).sum(axis=(1, 2)), [0, 1])
    np.testing.assert_array_equal(b.first_spikes(z, 99), z)


Z = np.ones((2, 3, 4))


@pytest.mark.parametrize("rate", [0, 1, -0.1, 1.5, np.nan, "0.2"])
def test_a_rate_outside_0_to_1_is_refused(rate):
    for act in (b.probability, b.information):
        with pytest.raises((TypeError, ValueError), match="rate"):
            act(Z, rate)


@pytest.mark.parametrize(
    ("act", "word"),
    [
        (lambda: b.draw_spikes(2 * Z, 0), "p must lie"),
        (lambda: b.information(Z[0], 0.2), "p must have shape"),
        (lambda: b.information(Z, 0.2, Z[:1] > 0), "where"),
        (lambda: b.draw_spikes(Z, 0, -1), "hold"),
        (lambda: b.may_spike(Z, 0.5), "hold"),
        (lambda: b.information_gradient(Z, Z[:1]), "p must have the shape"),
        (lambda: b.straight_through(Z[:1], Z), "g_spikes"),
        (lambda: b.score_function(Z, Z, Z), "advantage"),
        (lambda: b.score_function(Z[:, 0, 0], Z[:1], Z), "spikes"),
        (lambda: b.first_spikes(Z, -1), "budgets"),
        (lambda: b.first_spikes(Z, [1, 2, 3]), "budgets"),
        (lambda: b.first_spikes(Z, 1.5), "budgets"),
    ],
)
def test_bad_input(act, word):
    with pytest.raises((TypeError, ValueError), match=word):
        act()
