"""Currents and values: what was looked at once cannot be exchanged."""

import copy
import pickle

import numpy as np
import pytest

import snnlab
from snnlab import LIF, ConstantCurrent, Network, Values


def signals():
    x = np.random.default_rng(0).normal(size=(4, 5, 3))
    return ConstantCurrent(x[:, 0], 5), Values(x)


@pytest.mark.parametrize("signal", signals(), ids=["current", "values"])
@pytest.mark.parametrize("x", [np.ones((2, 3, 4, 5)), [[1.0, 2.0, 3.0]], np.ones((4, 3))], ids=str)
def test_nothing_takes_the_place_of_what_was_checked(signal, x):
    given = signal.x
    for name, value in (("x", x), ("n_steps", 7), ("n_units", 2)):
        with pytest.raises(AttributeError, match=name):
            setattr(signal, name, value)
    assert signal.x is given and (signal.n_steps, signal.n_units) == (5, 3)


def test_what_rates_are_drawn_of_is_not_exchanged():
    rates = snnlab.encode.RateCoded(np.ones((4, 3)), n_steps=5, probability=0.5)
    for name, value in (("x", np.full((4, 3), 2.0)), ("n_steps", -1), ("probability", 2.0)):
        with pytest.raises(AttributeError, match=name):
            setattr(rates, name, value)
    assert (rates.x.shape, rates.n_steps, rates.probability) == ((4, 3), 5, 0.5)


def test_parts_and_copies_have_their_own_values():
    for signal in signals():
        whole = signal.to_dense(np.float64)
        for part in (signal[[2, 0]], signal[2::-2], pickle.loads(pickle.dumps(signal[[2, 0]]))):
            np.testing.assert_array_equal(part.to_dense(np.float64), whole[[2, 0]])
        twin = copy.deepcopy(signal)
        twin.x[...] = 0
        assert not twin.to_dense().any() and signal.to_dense(np.float64).any()


def test_values_may_be_changed_where_they_are():
    """A network hears what is there when it runs, whatever was found to be its background."""
    network = Network((3, 2), LIF.brainscales2(), n_steps=5, rng=0, dtype=np.float64)
    for signal in signals():
        network.forward(signal)
        signal.x[...] = 2.0
        fresh = Values(signal.x) if isinstance(signal, Values) else ConstantCurrent(signal.x, 5)
        found, expected = (network.forward(x).readout for x in (signal, fresh))
        np.testing.assert_allclose(found, expected, rtol=1e-12)
