"""Currents and values: what was looked at once cannot be exchanged."""

import copy
import pickle

import numpy as np
import pytest

import snnlab
from snnlab import LIF, ConstantCurrent, Network, SpikeTrains, Values
from snnlab.datasets import Recordings, Sounds
from snnlab.trace import Trace


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


@pytest.mark.parametrize(
    "dtype, kept",
    [
        ("<f8", np.float64),
        (">f8", np.float64),
        (np.longdouble, np.float64),
        ("<f4", np.float32),
        (">f4", np.float32),
        (np.float16, np.float32),
        (np.int64, np.float32),
        (list, np.float32),
    ],
)
def test_double_precision_is_kept_in_any_order_of_bytes(dtype, kept):
    x = np.full((2, 3, 4), 1 + 2**-40)
    given = x.tolist() if dtype is list else x.astype(dtype)
    first = given[0] if dtype is list else given[:, 0]
    for found in (Values(given).x, ConstantCurrent(first, 3).x):
        assert found.dtype == kept and found.dtype.isnative
        assert (found == (1 + 2**-40 if kept is np.float64 else 1)).all()


@pytest.mark.parametrize("dtype", [">f8", np.longdouble, ">f4"])
def test_a_measured_trace_keeps_double_precision(dtype):
    v = np.full((2, 5, 3), 1 + 2**-40).astype(dtype)
    trains = SpikeTrains.from_dense(np.zeros((2, 5, 3)))
    trace = Trace.measured(Values(np.ones((2, 5, 4))), [v], [trains])
    kept = np.float32 if dtype == ">f4" else np.float64
    assert trace.v[0].dtype == kept and (trace.v[0] == v).all()


def test_double_precision_of_others_arrays_is_kept():
    class Frame:  # as of other libraries: with a type of their own
        dtype = "double"

        def __array__(self, dtype=None, copy=None):
            return np.full((2, 3), 1 + 2**-40)

    assert (ConstantCurrent(Frame(), 3).x == 1 + 2**-40).all()


def every_kind():
    x = np.random.default_rng(0).random((4, 5, 3))
    trains = SpikeTrains.from_dense(x < 0.3)
    sounds = Sounds([np.ones(k + 1, np.int16) for k in range(4)], np.arange(4), np.zeros(4, int))
    recordings = Recordings([0, 1, 0, 2], [0, 1, 1, 0], [0, 2, 3, 3, 4], (2,), np.arange(4))
    return ConstantCurrent(x[:, 0], 5), Values(x), trains, sounds, recordings


@pytest.mark.parametrize("signal", every_kind(), ids=lambda signal: type(signal).__name__)
@pytest.mark.parametrize(
    "index", [(0, 3), (slice(None), 0), (), (np.array([0, 1]),), "a", [0.5], None, ..., True]
)
def test_what_is_no_choice_of_samples_is_refused(signal, index):
    with pytest.raises(IndexError, match="^index must"):
        signal[index]


@pytest.mark.parametrize("signal", every_kind(), ids=lambda signal: type(signal).__name__)
@pytest.mark.parametrize("index", [[], np.array([]), np.array([], bool)[:0].astype(int)])
def test_no_indices_are_no_samples(signal, index):
    part, empty = signal[index], signal[0:0]
    assert len(part) == len(empty) == 0 and repr(part) == repr(empty)
    assert len(signal[[3, 0]]) == 2


def test_currents_have_units():
    with pytest.raises(ValueError, match=r"x must have units, got shape \(3, 0\)"):
        ConstantCurrent(np.ones((3, 0)), 5)


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
