"""Events of recordings become spike trains: bins, borders, doubles, cuts; batches are joined."""

import tracemalloc

import numpy as np
import pytest

from snnlab import SpikeTrains, _binning


def some(seed=0, n_samples=6, n_units=5, n=200, longest=3.0):
    """Events of several recordings, in order: samples, times, units."""
    rng = np.random.default_rng(seed)
    samples = np.sort(rng.integers(0, n_samples, n))
    times = rng.random(n) * longest
    for s in range(n_samples):
        times[samples == s] = np.sort(times[samples == s])
    return samples, times, rng.integers(0, n_units, n)


def by_hand(samples, times, units, dt, n_steps, n_samples, n_units):
    """The same as an array of 0 and 1, event by event."""
    z = np.zeros((n_samples, n_steps, n_units))
    for s, t, i in zip(samples, times, units, strict=True):
        if int(t // dt) < n_steps:
            z[s, int(t // dt), i] = 1
    return z


@pytest.mark.nojit
@pytest.mark.bounds
@pytest.mark.parametrize("dt", [0.05, 0.3, 4.0])
@pytest.mark.parametrize("given", ["samples", "indptr", "shuffled"])
def test_events_are_binned(dt, given):
    samples, times, units = some()
    expected = by_hand(samples, times, units, dt, int(times.max() // dt) + 1, 6, 5)
    how = {"samples": samples}
    if given == "indptr":
        how = {"indptr": np.searchsorted(samples, np.arange(7))}
    if given == "shuffled":
        order = np.random.default_rng(1).permutation(len(times))
        times, units = times[order], units[order]
        how = {"samples": samples[order], "ordered": False}
    trains, report = SpikeTrains.from_events(
        times, units, dt=dt, n_units=5, return_report=True, **how
    )
    assert np.array_equal(trains.to_dense(), expected)
    assert report == (200, expected.sum(), 200 - expected.sum(), 0, 0)
    SpikeTrains(trains.indptr, trains.step, trains.unit, trains.n_steps, 5)  # looks at every event


def test_recordings_may_take_turns():
    """Samples in any order: times rise within each of them."""
    trains = SpikeTrains.from_events(
        [5, 1, 6, 0, 2], [0, 0, 1, 2, 1], [1, 0, 1, 2, 0], dt=1, n_units=3
    )
    assert [np.argwhere(z).tolist() for z in trains.to_dense()] == [
        [[1, 0], [2, 1]],
        [[5, 0], [6, 1]],
        [[0, 2]],
    ]


def test_one_recording_needs_no_samples():
    trains = SpikeTrains.from_events([0.0, 0.5], [1, 0], dt=0.25, n_units=2)
    assert len(trains) == 1 and trains.n_steps == 3 and trains.step.tolist() == [0, 2]


@pytest.mark.parametrize("dt", [0.1, 1e-3, 1.7e-6, 1 / 3, 1000])
def test_times_on_borders_are_in_the_later_step(dt):
    steps = np.arange(1, 3000)
    for times in (steps * dt, steps / (1 / dt), np.cumsum(np.full(2999, dt))):
        trains = SpikeTrains.from_events(times, 0 * steps, dt=dt, n_units=1, n_steps=3000)
        assert np.array_equal(trains.step, steps)
    early = steps * dt * (1 - 1e-9)
    trains = SpikeTrains.from_events(early, 0 * steps, dt=dt, n_units=1)
    assert np.array_equal(trains.step, steps - 1)


def test_integers_are_binned_exactly():
    times = np.array([0, 999, 1000, 1999, 2**31, 2**40])
    trains = SpikeTrains.from_events(times, np.zeros(6, np.uint8), dt=2**20, n_units=1)
    assert trains.step.tolist() == [0, 2**11, 2**20]


def test_the_same_unit_may_spike_in_each_recording_and_step():
    samples, times = np.repeat([0, 1, 2], 4), np.tile([0, 0, 1, 1], 3)
    trains, report = SpikeTrains.from_events(
        times, np.zeros(12, int), samples, dt=1, n_units=1, return_report=True
    )
    assert trains.to_dense().tolist() == [[[1], [1]]] * 3
    assert report.doubles == 6 and report.kept == 6


def test_short_recordings_are_silent_at_the_end():
    trains = SpikeTrains.from_events([0, 4], [0, 0], [0, 1], dt=1, n_units=2, n_steps=9)
    assert trains.n_steps == 9 and trains.to_dense().sum(axis=(1, 2)).tolist() == [1, 1]


def test_long_recordings_are_refused_unless_cut():
    samples, times, units = some()
    n_late, n_cut = np.sum(times >= 2), len(set(samples[times >= 2]))
    given = {"dt": 0.5, "n_units": 5, "n_steps": 4}
    with pytest.raises(ValueError, match=rf"n_steps=4 .*{n_cut} of 6 .* the longest has 6 steps"):
        SpikeTrains.from_events(times, units, samples, **given)
    told = rf"{n_late} of 200 events, in {n_cut} recordings, .*n_steps=4"
    with pytest.warns(RuntimeWarning, match=told) as caught:
        trains = SpikeTrains.from_events(times, units, samples, cut=True, **given)
    assert len(caught) == 1 and caught[0].filename == __file__
    assert np.array_equal(trains.to_dense(), by_hand(samples, times, units, 0.5, 4, 6, 5))
    again, report = SpikeTrains.from_events(
        times, units, samples, cut=True, return_report=True, **given
    )
    assert again == trains and report.cut == n_late and report.recordings_cut == n_cut
    assert report.events == report.kept + report.doubles + report.cut == 200


def test_times_beyond_all_numbers_of_steps_are_only_late():
    times = np.array([0.0, 1.0, 1e300])
    trains, report = SpikeTrains.from_events(
        times, [0, 0, 0], dt=1e-9, n_units=1, n_steps=10, cut=True, return_report=True
    )
    assert trains.step.tolist() == [0] and report.cut == 2


def test_empty_recordings_are_refused_unless_allowed():
    given = {"dt": 1, "n_units": 2, "n_steps": 3}
    silent = SpikeTrains.from_events([0, 1], [0, 1], [0, 2], allow_empty=True, **given)
    assert silent.counts().tolist() == [1, 0, 1]
    more = SpikeTrains.from_events([0], [0], [0], n_samples=4, allow_empty=True, **given)
    assert more.counts().tolist() == [1, 0, 0, 0]
    assert len(SpikeTrains.from_events([], [], [], **given)) == 0
    none = SpikeTrains.from_events([], [], allow_empty=True, **given)
    assert len(none) == 1 and none.counts().tolist() == [0]
    for samples, k in (([0, 2], 1), ([1, 2], 0), ([0, 10**12], 1), ([0, 1], None)):
        n_samples = 3 if k is None else None
        with pytest.raises(ValueError, match=f"samples: recording {2 if k is None else k} has no"):
            SpikeTrains.from_events([0, 1], [0, 1], samples, n_samples=n_samples, **given)
    with pytest.raises(ValueError, match="indptr: recording 1 has no events .*allow_empty"):
        SpikeTrains.from_events([0, 1], [0, 1], indptr=[0, 1, 1, 2], **given)
    with pytest.raises(ValueError, match="times: recording 0 has no events"):
        SpikeTrains.from_events([], [], **given)
    with pytest.raises(ValueError, match="samples: recording 1 has no events within n_steps"):
        SpikeTrains.from_events([0, 7], [0, 1], [0, 1], cut=True, **given)


@pytest.mark.parametrize(
    "change, name, n",
    [
        ({"samples": [10**12]}, "samples", "1,000,000,000,001"),
        ({"samples": [2**62]}, "samples", "4,611,686,018,427,387,905"),
        ({"n_samples": 2**53}, "n_samples", "9,007,199,254,740,992"),
        ({"n_samples": 2**40}, "n_samples", "1,099,511,627,776"),
    ],
)
def test_more_recordings_than_memory_holds_are_refused_by_name(change, name, n):
    given = {"samples": [0], "dt": 1, "n_units": 2, "allow_empty": True}
    with pytest.raises(MemoryError, match=f"^{name}: {n} recordings need about [0-9,]+ GB"):
        SpikeTrains.from_events([1.0], [0], **given | change)


def test_memory_of_recordings_is_near_its_estimate():
    """Beside what each event needs, which are few here."""
    n = 300_000
    given = {"dt": 1, "n_units": 2, "n_samples": n, "allow_empty": True}
    SpikeTrains.from_events([1.0], [0], [5], **given)
    tracemalloc.start()
    trains = SpikeTrains.from_events([1.0], [0], [5], **given)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(trains) == n and 0.6 < peak / (n * _binning.RECORDING) < 1.2


GOOD = {"times": [0.0, 1.0, 2.0], "units": [0, 1, 0], "samples": [0, 0, 1], "dt": 1, "n_units": 2}
WRONG = {
    "backwards": ({"times": [1.0, 0.5, 2.0]}, ValueError, "times must not run backwards: event 1 "),
    "negative": ({"times": [-0.5, 1, 2]}, ValueError, "times must not be negative; event 0 has -0"),
    "NaN": ({"times": [0, np.nan, 2]}, ValueError, "times must be finite"),
    "infinite": ({"times": [0, np.inf, 2]}, ValueError, "times must be finite"),
    "dates": ({"times": np.array([0, 1, 2], "M8[s]")}, TypeError, "times must be an array of num"),
    "two axes": ({"times": [[0.0, 1.0, 2.0]]}, ValueError, "times must have shape"),
    "unit too large": ({"units": [0, 2, 0]}, ValueError, "units must lie in 0 ... 1; event 1 "),
    "unit negative": ({"units": [0, 1, -1]}, ValueError, "units must lie in 0 ... 1; event 2 has"),
    "unit wraps": ({"units": [0, 2**32, 0]}, ValueError, "units must lie"),
    "units of floats": ({"units": [0.0, 1.0, 0.0]}, TypeError, "units must hold integers"),
    "few units": ({"units": [0, 1]}, ValueError, "units must be as many as times, 3, got 2"),
    "few samples": ({"samples": [0, 1]}, ValueError, "samples must be as many as times"),
    "sample negative": ({"samples": [0, -1, 1]}, ValueError, "samples must not be negative"),
    "sample too large": (
        {"n_samples": 1},
        ValueError,
        "samples must lie in 0 ... 0; event 2 has 1",
    ),
    "samples of floats": ({"samples": [0.0, 0, 1]}, TypeError, "samples must hold integers"),
    "both": ({"indptr": [0, 2, 3]}, ValueError, "samples and indptr"),
    "indptr ends": ({"samples": None, "indptr": [0, 2]}, ValueError, "indptr must run from 0"),
    "indptr falls": ({"samples": None, "indptr": [0, 3, 2, 3]}, ValueError, "indptr must not fall"),
    "indptr n": (
        {"samples": None, "indptr": [0, 2, 3], "n_samples": 3},
        ValueError,
        "n_samples is 3",
    ),
    "dt of 0": ({"dt": 0}, ValueError, "dt must be above 0"),
    "dt of NaN": ({"dt": np.nan}, ValueError, "dt must be finite"),
    "dt too small": ({"dt": 1e-12}, ValueError, "dt=1e-12 makes 2,000,000,000,001 steps"),
    "no units": ({"n_units": 0}, ValueError, "n_units must be at least 1"),
    "no steps": ({"n_steps": 0}, ValueError, "n_steps must be at least 1"),
    "cut of 1": ({"cut": 1}, TypeError, "cut must be True or False"),
    "ordered of 1": ({"ordered": 1}, TypeError, "ordered must be True or False"),
    "report of 1": ({"return_report": 1}, TypeError, "return_report must be True or False"),
}


@pytest.mark.parametrize("change, error, message", WRONG.values(), ids=WRONG)
def test_bad_events_are_refused_by_name(change, error, message):
    with pytest.raises(error, match=message.replace("...", r"\.\.\.")):
        SpikeTrains.from_events(**GOOD | change)


def test_times_that_run_backwards_are_told_as_they_were_given():
    with pytest.raises(ValueError, match="event 2 of recording 0 is at 1, after one at 3"):
        SpikeTrains.from_events([3, 9, 1], [0, 0, 0], [0, 1, 0], dt=1, n_units=1)
    with pytest.raises(ValueError, match="n_steps must be given"):
        SpikeTrains.from_events([], [], dt=1, n_units=1, allow_empty=True)


def test_the_arrays_given_are_left_alone():
    times, units, samples = np.array([2.0, 1.0]), np.array([0, 1]), np.array([1, 0])
    for x in (times, units, samples):
        x.flags.writeable = False
    trains = SpikeTrains.from_events(times, units, samples, dt=1, n_units=2)
    assert trains.step.tolist() == [1, 2] and times.tolist() == [2, 1]


# joining batches ----------------------------------------------------------------------------------


def test_batches_are_joined():
    z = (np.random.default_rng(3).random((9, 4, 5)) < 0.3).astype(float)
    whole = SpikeTrains.from_dense(z)
    parts = [whole[:2], whole[[5, 3]], whole[0:0], whole[8]]
    joined = SpikeTrains.concatenate(parts)
    assert np.array_equal(joined.to_dense(), z[[0, 1, 5, 3, 8]])
    assert not np.shares_memory(joined.step, whole.step)
    SpikeTrains(joined.indptr, joined.step, joined.unit, 4, 5)
    assert SpikeTrains.concatenate(iter([whole])) == whole
    assert len(SpikeTrains.concatenate([whole[0:0]] * 2)) == 0


@pytest.mark.parametrize(
    "trains, error, message",
    [
        ([], ValueError, "trains must hold at least one"),
        (3, TypeError, "trains must be a sequence of SpikeTrains"),
        ([np.zeros((2, 3, 4))], TypeError, r"trains\[0\] must be a SpikeTrains"),
        (
            [SpikeTrains([0], [], [], 3, 2), SpikeTrains([0], [], [], 3, 4)],
            ValueError,
            r"trains\[1\] has 3 steps and 4 units, trains\[0\] 3 and 2",
        ),
        ([SpikeTrains([0], [], [], 3, 2), SpikeTrains([0], [], [], 4, 2)], ValueError, "4 steps"),
    ],
)
def test_bad_batches_are_refused_by_name(trains, error, message):
    with pytest.raises(error, match=message):
        SpikeTrains.concatenate(trains)
