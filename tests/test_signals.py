"""Spike trains as events: round trips, views, and what is refused at the door."""

import copy
import pickle

import numpy as np
import pytest

from snnlab import LIF, ConstantCurrent, Network, SpikeTrains, Values

SHAPE = (7, 5, 4)


def dense(seed=0, shape=SHAPE, density=0.3):
    return (np.random.default_rng(seed).random(shape) < density).astype(np.float32)


def trains(seed=0):
    return SpikeTrains.from_dense(dense(seed))


def small():
    """Two samples, three steps, two units; the first sample is silent."""
    return {"indptr": [0, 0, 3], "step": [0, 2, 2], "unit": [1, 0, 1], "n_steps": 3, "n_units": 2}


@pytest.mark.nojit
@pytest.mark.bounds
@pytest.mark.parametrize("density", [0.0, 0.02, 0.3, 1.0])
def test_dense_to_events_and_back(density):
    z = dense(3, density=density)
    events = SpikeTrains.from_dense(z)
    back = events.to_dense()
    assert back.dtype == np.float32 and np.array_equal(back, z)
    assert (len(events), events.n_steps, events.n_units) == SHAPE
    assert events.counts().sum() == events.step.size == z.sum()


def test_events_to_dense_and_back():
    events = SpikeTrains(**small())
    z = events.to_dense(np.float64)
    assert z.dtype == np.float64
    assert np.argwhere(z).tolist() == [[1, 0, 1], [1, 2, 0], [1, 2, 1]]
    assert SpikeTrains.from_dense(z) == events


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float64])
def test_dense_of_any_number_type(dtype):
    assert SpikeTrains.from_dense(dense().astype(dtype)) == trains()


def test_no_samples():
    empty = SpikeTrains.from_dense(np.zeros((0, 3, 2)))
    assert len(empty) == 0 and empty.indptr.tolist() == [0]
    assert empty.to_dense().shape == (0, 3, 2) and "0 samples" in repr(empty)
    assert SpikeTrains([0], [], [], 3, 2) == empty
    assert len(empty.compact()) == 0 and empty.compact() == empty  # it had one, once


@pytest.mark.parametrize(
    "index",
    [
        3,
        -1,
        slice(1, 6, 2),
        slice(None, None, -1),
        [4, 4, 0],
        np.array([], int),
        np.arange(7) % 2 == 0,
    ],
    ids=str,
)
def test_indexing_selects_samples_without_copying_events(index):
    events, z = trains(), dense()
    part = events[index]
    expected = z[np.atleast_1d(np.arange(len(z))[index])]
    assert np.array_equal(part.to_dense(), expected)
    assert part.events[2] is events.events[2] and part.events[3] is events.events[3]
    assert np.array_equal(part.counts(), expected.sum(axis=(1, 2)))
    assert np.array_equal(part.unit_counts(), expected.sum(axis=1))
    assert np.array_equal(part.indptr, np.cumsum([0, *expected.sum(axis=(1, 2))]))
    assert part == SpikeTrains.from_dense(expected)
    assert part.start.flags.c_contiguous and part.stop.flags.c_contiguous


def test_views_of_views():
    events, z = trains(), dense()
    assert np.array_equal(events[1:][[3, 0]][::-1].to_dense(), z[1:][[3, 0]][::-1])


@pytest.mark.parametrize("index", [7, -8, [0, 7], np.ones(6, bool)], ids=str)
def test_indices_out_of_range(index):
    with pytest.raises(IndexError):
        trains()[index]


def test_iteration_visits_each_sample_once():
    assert [one.to_dense()[0].tolist() for one in trains()] == dense().tolist()


def test_compact_lays_a_view_out_anew():
    view = trains()[[5, 2, 5]]
    packed = view.compact()
    assert packed == view and packed.step.size == view.counts().sum()
    assert packed.start[0] == 0 and np.array_equal(packed.start[1:], packed.stop[:-1])
    assert np.array_equal(np.append(packed.start, packed.stop[-1]), view.indptr)
    assert not np.shares_memory(packed.step, view.step)
    rebuilt = SpikeTrains(packed.indptr, packed.step, packed.unit, view.n_steps, view.n_units)
    assert rebuilt == view


def test_counts_and_indptr_have_the_promised_types():
    events = trains()
    assert events.counts().dtype == np.int64 and events.indptr.dtype == np.int64
    assert events.unit_counts().dtype == np.int64 and events.unit_counts().shape == (7, 4)


def test_equality():
    events = trains()
    assert events == trains() and events != trains(1)
    assert events != events[:-1] and events[:-1] != events[1:]
    z = dense()
    assert events != SpikeTrains.from_dense(np.pad(z, [(0, 0), (0, 1), (0, 0)]))
    assert events != SpikeTrains.from_dense(np.pad(z, [(0, 0), (0, 0), (0, 1)]))
    assert events != "trains" and (events == 3) is False
    with pytest.raises(TypeError, match="unhashable"):
        hash(events)


def test_equality_sees_a_moved_spike():
    other = small() | {"unit": [0, 0, 1]}
    assert SpikeTrains(**small()) != SpikeTrains(**other)


def test_pickle_and_copy():
    events = trains()[2:5]
    for twin in (pickle.loads(pickle.dumps(events)), copy.deepcopy(events)):
        assert twin == events and twin.n_units == events.n_units


def test_pickles_hold_no_events_of_others():
    """A view took all events with it, and a trace the room for spikes that there were not."""
    many = SpikeTrains.from_dense(np.random.default_rng(0).random((50, 40, 30)) < 0.3)
    one = pickle.dumps(many[3])
    assert len(one) < len(pickle.dumps(many)) / 20 and pickle.loads(one) == many[3]
    network = Network((30, 60, 2), LIF.brainscales2(), n_steps=40, rng=0)
    spikes = network.forward(many).spikes[0]
    again = pickle.loads(pickle.dumps(spikes))
    assert again == spikes and again.step.size == spikes.counts().sum() < spikes.step.size


def test_numbers_are_of_a_type_that_holds_them():
    """300 spikes were 44 in bytes, 0.7 was 0 as an integer, and 1e300 infinite."""
    trains = SpikeTrains([0, 300], np.arange(300), np.zeros(300, int), 300, 1)
    assert trains.unit_counts(np.int16) == 300 and trains.unit_counts(np.float32) == 300
    for dtype in (np.int8, np.uint8, bool):
        with pytest.raises(ValueError, match="dtype must hold"):
            trains.unit_counts(dtype)
        assert trains[:0].unit_counts(dtype).dtype == dtype
    assert SpikeTrains([0, 1], [7], [0], 300, 1).unit_counts(np.int8).dtype == np.int8
    for x, dtype in ((0.7, int), (1e300, np.float32), (300.0, np.int8), (-1.0, np.uint8)):
        for signal in (ConstantCurrent(np.array([[x]]), 2), Values(np.array([[[x]]]))):
            with pytest.raises(ValueError, match="dtype must hold"):
                signal.to_dense(dtype)
            assert (signal.to_dense(np.float64) == x).all()


def test_repr_says_the_sizes():
    assert repr(SpikeTrains(**small())) == (
        "SpikeTrains(2 samples, 3 steps, 2 units, 1.5 spikes per sample)"
    )


WRONG = {
    "unsorted steps": ({"step": [2, 0, 2]}, ValueError, "step must be sorted"),
    "step too large": ({"step": [0, 2, 3]}, ValueError, "step must lie in 0 ... 2"),
    "step negative": ({"step": [-1, 2, 2]}, ValueError, "step must lie in"),
    "unit too large": ({"unit": [1, 0, 2]}, ValueError, "unit must lie in 0 ... 1"),
    "unit negative": ({"unit": [1, -1, 1]}, ValueError, "unit must lie in"),
    "doubled": ({"unit": [1, 1, 1]}, ValueError, "unit 1 spikes twice in step 2"),
    "lengths differ": ({"unit": [1, 0]}, ValueError, "step and unit"),
    "step of floats": ({"step": [0.0, 2.0, 2.0]}, TypeError, "step must hold integers"),
    "unit of floats": ({"unit": [1.0, 0.0, 1.0]}, TypeError, "unit must hold integers"),
    "unit of bools": ({"unit": [True, False, True]}, TypeError, "unit must hold integers"),
    "indptr of floats": ({"indptr": [0.0, 0.0, 3.0]}, TypeError, "indptr must hold integers"),
    "indptr of text": ({"indptr": ["0", "0", "3"]}, TypeError, "indptr must hold integers"),
    "indptr empty": ({"indptr": []}, ValueError, "indptr must run from 0"),
    "indptr starts late": ({"indptr": [1, 1, 3]}, ValueError, "indptr must run from 0"),
    "indptr ends early": ({"indptr": [0, 0, 2]}, ValueError, "indptr must run from 0"),
    "indptr ends late": ({"indptr": [0, 0, 4]}, ValueError, "indptr must run from 0"),
    "indptr falls": ({"indptr": [0, 3, 1, 3]}, ValueError, "indptr must not fall"),
    "indptr negative": ({"indptr": [0, -1, 3]}, ValueError, "indptr must not fall"),
    "indptr of two axes": ({"indptr": [[0, 0, 3]]}, ValueError, "indptr must have shape"),
    "step of two axes": ({"step": [[0, 2, 2]]}, ValueError, "step must have shape"),
    "no steps": ({"n_steps": 0}, ValueError, "n_steps must be at least 1"),
    "no units": ({"n_units": 0}, ValueError, "n_units must be at least 1"),
    "steps of float": ({"n_steps": 3.0}, TypeError, "n_steps must be an integer"),
    "units of bool": ({"n_units": True}, TypeError, "n_units must be an integer"),
}


@pytest.mark.nojit
@pytest.mark.bounds
@pytest.mark.parametrize("change, error, message", WRONG.values(), ids=WRONG)
def test_bad_events_are_refused_by_name(change, error, message):
    with pytest.raises(error, match=message):
        SpikeTrains(**small() | change)


@pytest.mark.parametrize("name", ["step", "unit"])
def test_large_integers_do_not_wrap_into_range(name):
    change = {name: np.array(small()[name]) + np.array([2**32, 0, 0])}
    with pytest.raises(ValueError, match=name):
        SpikeTrains(**small() | change)


def test_the_same_unit_may_spike_in_every_sample_and_step():
    z = np.ones((3, 4, 2))
    assert SpikeTrains.from_dense(z).counts().tolist() == [8, 8, 8]


def test_integers_of_any_width_are_taken():
    args = small()
    for dtype in (np.uint8, np.int16, np.int64):
        arrays = {k: np.array(args[k], dtype) for k in ("indptr", "step", "unit")}
        events = SpikeTrains(**args | arrays)
        assert events.step.dtype == events.unit.dtype == np.int32
        assert events == SpikeTrains(**args)


@pytest.mark.parametrize(
    "z, message",
    [
        (np.zeros((2, 3)), "z must have shape"),
        (np.full((1, 2, 2), 0.5), "only 0 and 1"),
        (np.full((1, 2, 2), np.nan), "only 0 and 1"),
        (np.full((1, 2, 2), 2), "only 0 and 1"),
        (np.full((1, 2, 2), -1), "only 0 and 1"),
        (np.zeros((1, 0, 2)), "n_steps"),
        (np.zeros((1, 2, 0)), "n_units"),
    ],
)
def test_bad_dense_arrays_are_refused(z, message):
    with pytest.raises(ValueError, match=message):
        SpikeTrains.from_dense(z)


# constant current ---------------------------------------------------------------------------------


def test_constant_current_is_the_same_in_every_step():
    x = np.random.default_rng(0).normal(size=(4, 3))
    current = ConstantCurrent(x, 5)
    assert (len(current), current.n_steps, current.n_units) == (4, 5, 3)
    z = current.to_dense(np.float64)
    assert z.shape == (4, 5, 3) and np.array_equal(z, np.repeat(x[:, None], 5, axis=1))
    assert current.to_dense().dtype == np.float32
    assert "4 samples, 5 steps, 3 units" in repr(current)


@pytest.mark.parametrize(
    "index", [1, -1, slice(0, 3), [2, 2], np.array([1, 0, 0, 1], bool)], ids=str
)
def test_constant_current_indexing(index):
    x = np.arange(12.0).reshape(4, 3)
    part = ConstantCurrent(x, 5)[index]
    assert np.array_equal(part.x, x[np.atleast_1d(np.arange(4)[index])]) and part.n_steps == 5
    assert part.x.flags.c_contiguous


def test_constant_current_keeps_floats_and_converts_the_rest():
    for dtype in (np.float32, np.float64):
        assert ConstantCurrent(np.ones((1, 2), dtype), 1).x.dtype == dtype
    for dtype in (bool, np.uint8, np.int64):
        assert ConstantCurrent(np.ones((1, 2), dtype), 1).x.dtype == np.float32


@pytest.mark.parametrize(
    "x, n_steps, error, message",
    [
        (np.ones(3), 2, ValueError, "x must have shape"),
        (np.full((1, 2), np.nan), 2, ValueError, "x must be finite"),
        (np.full((1, 2), -np.inf), 2, ValueError, "x must be finite"),
        ([["a", "b"]], 2, TypeError, "x must be an array of numbers"),
        (np.ones((1, 2), complex), 2, TypeError, "x must be an array of numbers"),
        (np.ones((1, 2)), 0, ValueError, "n_steps"),
        (np.ones((1, 2)), 1.5, TypeError, "n_steps"),
    ],
)
def test_constant_current_refuses(x, n_steps, error, message):
    with pytest.raises(error, match=message):
        ConstantCurrent(x, n_steps)


def test_constant_current_of_ragged_rows_names_x():
    with pytest.raises((TypeError, ValueError), match=r"\bx\b must"):
        ConstantCurrent([[1.0], [1.0, 2.0]], 3)
