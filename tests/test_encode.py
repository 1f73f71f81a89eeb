"""Codes: the latency law against its formula, and the statistics of the rate code."""

import tracemalloc

import numpy as np
import pytest
from scipy import stats

from snnlab import LIF, ConstantCurrent, Network, SpikeTrains, encode, evaluate, train

TAU, THETA, DT, STEPS = 8e-6, 0.2, 1.7e-6, 20


def law(x, tau=TAU, theta=THETA):
    """The published formula for one value, aligned to x = 1."""
    if x <= theta:
        return np.inf
    return tau * np.log(x / (x - theta)) - tau * np.log(1 / (1 - theta))


def step_of(x, n_steps=STEPS, dt=DT, tau=TAU, theta=THETA):
    """The step a value spikes in, or None, from the formula in float64."""
    t = law(float(x), tau, theta)
    k = int(np.floor(t / dt)) if np.isfinite(t) else n_steps
    return k if k < n_steps else None


def steps_of(trains):
    """Array (sample, unit) of the steps of single spikes, -1 where silent."""
    z = trains.to_dense()
    assert z.sum(axis=1).max(initial=0) <= 1, "a unit spikes twice"
    return np.where(z.any(axis=1), z.argmax(axis=1), -1)


# latency ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "x, microseconds", [(1, 0), (0.75, 0.7), (0.5, 2.3), (0.3, 7.0), (0.25, 11.1)]
)
def test_published_latencies(x, microseconds):
    assert encode.latency_times(x) * 1e6 == pytest.approx(microseconds, abs=0.06)


def test_latency_times_follow_the_formula():
    x = np.linspace(0, 1, 101).reshape(1, 101)
    expected = [[law(v, 5e-6, 0.35) for v in x[0]]]
    times = encode.latency_times(x, tau=5e-6, theta=0.35)
    assert times.dtype == np.float64 and times.shape == x.shape
    np.testing.assert_allclose(times, expected, rtol=1e-12, atol=1e-20)


def test_latency_edges_are_the_times_of_the_borders():
    edges = encode.latency_edges(STEPS, DT)
    assert (
        edges.shape == (STEPS + 1,) and edges[0] == pytest.approx(1) and (np.diff(edges) < 0).all()
    )
    np.testing.assert_allclose(
        encode.latency_times(edges[1:]), DT * np.arange(1, STEPS + 1), rtol=1e-9
    )


@pytest.mark.nojit
@pytest.mark.bounds
def test_all_grey_levels_exactly():
    grey = np.arange(256, dtype=np.float32) / np.float32(255)
    expected = [-1 if (k := step_of(v)) is None else k for v in grey]
    found = steps_of(encode.latency(grey[None]))[0]
    assert found.tolist() == expected
    assert found[255] == 0 and (found[:52] == -1).all() and found[52] >= 0  # 51/255 is theta


@pytest.mark.nojit
@pytest.mark.bounds
@pytest.mark.parametrize(
    "n_steps, dt, tau, theta",
    [(20, 1.7e-6, 8e-6, 0.2), (1, 1e-5, 8e-6, 0.2), (50, 1e-6, 8e-6, 0.5), (7, 3e-3, 1e-2, 0.01)],
)
def test_around_the_borders_of_steps(n_steps, dt, tau, theta):
    settings = {"n_steps": n_steps, "dt": dt, "tau": tau, "theta": theta}
    borders = encode.latency_edges(n_steps, dt, tau, theta)[1:].astype(np.float32)
    for k, border in enumerate(borders):
        below = np.nextafter(border, np.float32(0))
        above = np.nextafter(border, np.float32(2))
        found = steps_of(encode.latency(np.array([[below, border, above]]), **settings))[0]
        late = k + 1 if k + 1 < n_steps else -1
        assert found[0] == late and found[2] == k
        assert found[1] == late  # a value on the border belongs to the later step


@pytest.mark.parametrize(
    "n_steps, dt, tau, theta",
    [
        (20, 1.7e-6, 8e-6, 0.2),
        (100, 1e-6, 8e-6, 0.2),
        (13, 2.3e-6, 4e-6, 0.05),
        (5, 1e-3, 2e-2, 0.6),
    ],
)
def test_latency_is_the_law_binned(n_steps, dt, tau, theta):
    x = np.random.default_rng(1).random((40, 33), dtype=np.float32)
    t = encode.latency_times(x, tau, theta) / dt
    t[~np.isfinite(t)] = n_steps + 0.5
    clear = np.abs(t - np.rint(t)) > 1e-4  # away from borders, where float32 may decide
    expected = np.where(t < n_steps, np.floor(t), -1)
    found = steps_of(encode.latency(x, n_steps=n_steps, dt=dt, tau=tau, theta=theta))
    assert clear.mean() > 0.99 and np.array_equal(found[clear], expected[clear])
    assert (np.abs(found - expected) <= 1)[(found >= 0) & (expected >= 0)].all()


def test_a_value_of_one_spikes_first_and_theta_never():
    for theta in (0.01, 0.2, 0.5, 0.9):
        below = np.nextafter(np.float32(theta), np.float32(0))
        x = np.array([[1.0, theta, below, 0.0]], np.float32)
        for n_steps in (1, 20, 500):
            found = steps_of(encode.latency(x, n_steps=n_steps, theta=theta))[0]
            assert found.tolist() == [0, -1, -1, -1], (theta, n_steps)


def test_larger_values_never_spike_later():
    x = np.sort(np.random.default_rng(2).random((1, 2000), dtype=np.float32))
    found = steps_of(encode.latency(x, n_steps=40))[0]
    assert (np.diff(np.where(found < 0, 40, found)) <= 0).all()


@pytest.mark.parametrize("n_samples", [3, 1200])  # slots with gaps, and compacted
def test_events_are_sorted_by_step_then_unit(n_samples):
    x = np.random.default_rng(3).random((n_samples, 17), dtype=np.float32)
    trains = encode.latency(x)
    packed = trains.compact()
    for one in range(0, n_samples, max(1, n_samples // 50)):
        part = slice(packed.start[one], packed.stop[one])
        order = np.lexsort((packed.unit[part], packed.step[part]))
        assert np.array_equal(order, np.arange(order.size))
    SpikeTrains(packed.indptr, packed.step, packed.unit, trains.n_steps, trains.n_units)  # checks


def test_a_window_of_many_time_constants_keeps_its_spikes():
    x = np.array([[1.0, 0.5, 0.1]])
    with pytest.warns(RuntimeWarning, match="100% of the values above theta=0.2 spike in step 0"):
        trains = encode.latency(x, n_steps=100, dt=1e-4, tau=8e-6)
    assert steps_of(trains)[0].tolist() == [0, 0, -1]


def test_workers_do_not_change_the_code():
    x = np.random.default_rng(4).random((700, 256), dtype=np.float32)
    one, two, three = (encode.latency(x, workers=w) for w in (1, 2, 3))
    for other in (two, three):
        assert one == other and np.array_equal(one.unit_counts(), other.unit_counts())


def test_a_sample_does_not_depend_on_its_batch():
    x = 0.4 * np.random.default_rng(5).random((1100, 9), dtype=np.float32)
    x[7] *= 2.5  # only here is there a value near 1
    together = encode.latency(x)
    for s in (0, 7, 1099):
        assert encode.latency(x[s : s + 1]) == together[s]


def test_no_samples_and_other_dtypes():
    assert len(encode.latency(np.zeros((0, 4)))) == 0
    x = np.array([[0, 1, 1, 0]])
    for dtype in (bool, np.uint8, np.float64):
        assert steps_of(encode.latency(x.astype(dtype)))[0].tolist() == [-1, 0, 0, -1]
    turned = np.random.default_rng(6).random((5, 8)).T
    assert encode.latency(turned) == encode.latency(np.ascontiguousarray(turned))


def test_the_input_is_left_alone():
    x = np.random.default_rng(7).random((3, 4), dtype=np.float32)
    before = x.copy()
    x.flags.writeable = False
    encode.latency(x), encode.population(x), encode.rate(x, n_steps=2, rng=0)
    encode.delta(x[None], threshold=0.1)
    assert np.array_equal(x, before)


# rate ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("probability", [1.0, 0.4])
def test_rates_are_binomial(probability):
    values = np.array([0, 0.1, 0.5, 0.9, 1], np.float32)
    n = 400 * 50
    trains = encode.rate(np.tile(values, (400, 1)), n_steps=50, rng=11, probability=probability)
    counts = trains.unit_counts().sum(axis=0)
    for value, count in zip(values.astype(float), counts, strict=True):
        low, high = stats.binom.ppf([1e-6, 1 - 1e-6], n, min(1, probability * value))
        assert low <= count <= high
    assert counts[0] == 0
    if probability == 1:
        assert counts[4] == n


def test_rate_steps_and_units_are_independent():
    z = encode.rate(np.full((1, 2), 0.5), n_steps=20_000, rng=3).to_dense()[0]
    for a, b in ((z[:, 0], z[:, 1]), (z[:-1, 0], z[1:, 0])):
        assert abs(np.corrcoef(a, b)[0, 1]) < 5 / np.sqrt(len(a))


def test_rate_is_decided_by_its_generator():
    x = np.random.default_rng(0).random((5, 6))
    first = encode.rate(x, n_steps=9, rng=4)
    np.random.seed(0)  # noqa: NPY002  (a global seed that must not matter)
    assert first == encode.rate(x, n_steps=9, rng=4)
    assert first == encode.rate(x, n_steps=9, rng=np.random.default_rng(4))
    assert first != encode.rate(x, n_steps=9, rng=5)
    rng = np.random.default_rng(4)
    assert first == encode.rate(x, n_steps=9, rng=rng) != encode.rate(x, n_steps=9, rng=rng)


@pytest.mark.parametrize("at_once", [1, 7, 100, 2**18])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rate_draws_what_one_large_array_would(monkeypatch, at_once, dtype):
    monkeypatch.setattr(encode, "AT_ONCE", at_once)
    x = np.random.default_rng(8).random((4, 9)).astype(dtype)
    p = np.float32(0.6) * x.astype(np.float32)
    expected = np.random.default_rng(5).random((4, 11, 9), np.float32) < p[:, None]
    trains = encode.rate(x, n_steps=11, rng=5, probability=0.6)
    assert np.array_equal(trains.to_dense(bool), expected)
    SpikeTrains(trains.indptr, trains.step, trains.unit, 11, 9)  # looks at every event


@pytest.mark.bounds
def test_rate_makes_room_where_more_spike_than_is_likely(monkeypatch):
    class Generous(np.random.Generator):
        def random(self, out, dtype):
            out[...] = 0

    monkeypatch.setattr(encode, "AT_ONCE", 50)
    x = np.full((40, 5), 1e-6)
    trains = encode.rate(x, n_steps=20, rng=Generous(np.random.PCG64(0)))
    assert trains.counts().tolist() == [100] * 40 and trains.to_dense().all()


def test_rate_needs_memory_for_its_spikes_only():
    x = np.zeros((300, 784), np.float32)
    x[:, ::10] = 0.5
    encode.rate(x[:1], n_steps=1, rng=0)
    tracemalloc.start()
    trains = encode.rate(x, n_steps=100, rng=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    own = 8 * trains.step.size
    assert own > 2**23  # the dense array is eleven times as large
    assert peak < 1.1 * own + 2**22


def test_rate_of_no_samples_and_of_no_units():
    assert len(encode.rate(np.zeros((0, 4)), n_steps=3, rng=0)) == 0
    for code in (encode.latency, lambda x: encode.rate(x, n_steps=3, rng=0)):
        with pytest.raises(ValueError, match=r"x must have units, got shape \(3, 0\)"):
            code(np.zeros((3, 0)))
    with pytest.raises(ValueError, match="probability must be larger"):
        encode.rate(np.ones((2, 3)), n_steps=2, rng=0, probability=1e-60)


# delta --------------------------------------------------------------------------------------------


def walk(seed, shape=(3, 50, 4), most=1.0):
    """Signals that begin at 0 and move by less than ``most`` in each step."""
    x = np.random.default_rng(seed).uniform(-most, most, shape)
    x[:, 0] = 0
    return x.cumsum(axis=1)


def delta_by_hand(x, threshold, start):
    n = x.shape[2]
    z, level = np.zeros((*x.shape[:2], 2 * n)), np.zeros((len(x), n))
    for t in range(x.shape[1]):
        away = x[:, t] - (start + threshold * level)
        z[:, t, :n], z[:, t, n:] = away >= threshold, away <= -threshold
        level += z[:, t, :n] - z[:, t, n:]
    return z


@pytest.mark.nojit
@pytest.mark.bounds
@pytest.mark.parametrize("threshold, start", [(0.3, 0.0), (1.0, 0.5), (7.0, -3.0)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_delta_follows_its_rule(threshold, start, dtype):
    x = walk(1).astype(dtype)
    trains = encode.delta(x, threshold=threshold, start=start)
    assert np.array_equal(trains.to_dense(), delta_by_hand(x, threshold, start))
    assert trains.n_units == 8 and trains.n_steps == 50
    SpikeTrains(trains.indptr, trains.step, trains.unit, 50, 8)
    step, unit = trains[1].compact().step, trains[1].compact().unit
    assert np.array_equal(np.lexsort((unit, step)), np.arange(step.size))


@pytest.mark.parametrize("dtype", [">f8", np.longdouble])
def test_delta_looks_at_doubles_as_they_are(dtype):
    """1 + 1e-9 is 1 in single precision: then no threshold away from 1e-10."""
    x = np.full((1, 1, 1), 1 + 1e-9)
    counts = [
        int(encode.delta(y, threshold=1, start=1e-10).counts()[0])
        for y in (x, x.astype(dtype), x.astype(np.float32))
    ]
    assert counts == [1, 1, 0]


def test_delta_is_read_back_to_within_a_threshold():
    for threshold in (1.0, 1.7):
        x = walk(2)
        back = encode.decode_delta(encode.delta(x, threshold=threshold), threshold=threshold)
        assert back.shape == x.shape and back.dtype == np.float64
        assert 0.3 < np.abs(back - x).max() < threshold


def test_delta_catches_up_with_a_jump():
    x = np.zeros((1, 12, 1))
    x[:, 2:] = 4.5
    trains = encode.delta(x, threshold=1)
    assert trains.step.tolist() == [2, 3, 4, 5] and trains.unit.tolist() == [0] * 4
    back = encode.decode_delta(trains, threshold=1)[0, :, 0]
    assert back.tolist() == [0, 0, 1, 2, 3, 4, 4, 4, 4, 4, 4, 4]
    down = encode.delta(-x, threshold=1)
    assert down.step.tolist() == [2, 3, 4, 5] and down.unit.tolist() == [1] * 4


def test_delta_knows_where_it_starts():
    x = np.full((2, 6, 3), 5.0)
    assert encode.delta(x, threshold=0.5, start=5.0).counts().tolist() == [0, 0]
    back = encode.decode_delta(encode.delta(x, threshold=1, start=3.0), threshold=1, start=3.0)
    assert back[0, :, 0].tolist() == [4, 5, 5, 5, 5, 5]
    assert len(encode.delta(x[:0], threshold=1)) == 0


@pytest.mark.parametrize(
    "change, error, message",
    [
        ({"x": np.zeros((2, 3))}, ValueError, "x must have shape"),
        ({"x": np.zeros((2, 0, 3))}, ValueError, "x must have steps"),
        ({"x": np.full((1, 2, 3), np.nan)}, ValueError, "x must be finite"),
        ({"x": [["a"]]}, TypeError, "x must be an array of numbers"),
        ({"threshold": 0}, ValueError, "threshold must be above 0"),
        ({"threshold": np.inf}, ValueError, "threshold must be finite"),
        ({"threshold": None}, TypeError, "threshold must be a number"),
        ({"start": np.nan}, ValueError, "start must be finite"),
        ({"start": "0"}, TypeError, "start must be a number"),
    ],
)
def test_bad_delta_arguments_are_refused_by_name(change, error, message):
    with pytest.raises(error, match=message):
        encode.delta(**{"x": np.zeros((1, 2, 3)), "threshold": 1} | change)


def test_decode_delta_refuses():
    trains = encode.delta(walk(0), threshold=1)
    with pytest.raises(TypeError, match="trains must be SpikeTrains"):
        encode.decode_delta(trains.to_dense(), threshold=1)
    with pytest.raises(ValueError, match="trains must have units in pairs"):
        encode.decode_delta(SpikeTrains([0, 0], [], [], 3, 5), threshold=1)
    for change in ({"threshold": -1}, {"start": np.inf}, {"threshold": 1.7e308}):
        with pytest.raises(ValueError, match=next(iter(change))):
            encode.decode_delta(trains, **{"threshold": 1} | change)


# population and constant current ------------------------------------------------------------------


def test_population_follows_its_formula():
    x = np.array([[0.0, 0.3], [1.0, 0.77]])
    out = encode.population(x, n_centres=5, width=0.8)
    assert out.shape == (2, 10) and out.dtype == np.float32
    for s in range(2):
        for i in range(2):
            for c in range(5):
                centre, spacing = c / 4, 1 / 4
                value = np.exp(-0.5 * ((x[s, i] - centre) / spacing / 0.8) ** 2)
                assert out[s, 5 * i + c] == pytest.approx(value, abs=1e-6)


def test_population_peaks_at_the_value():
    x = np.linspace(0, 1, 12, dtype=np.float32)[:, None]
    out = encode.population(x)
    assert out.argmax(axis=1).tolist() == list(range(12))
    assert out.diagonal() == pytest.approx(1, abs=1e-6)
    assert 0 <= out.min() and out.max() <= 1
    encode.latency(out)  # fits the latency code


def test_constant_current_is_passed_on_as_it_is():
    x = np.array([[-3.0, 1e3], [0.0, 0.5]])
    current = encode.constant_current(x, n_steps=8)
    assert isinstance(current, ConstantCurrent) and current.n_steps == 8
    assert np.array_equal(current.x, x)
    with pytest.raises(ValueError, match="x must be finite"):
        encode.constant_current(np.array([[np.nan]]), n_steps=8)


# refusals -----------------------------------------------------------------------------------------

CODES = {
    "latency": encode.latency,
    "population": encode.population,
    "rate": lambda x: encode.rate(x, n_steps=3, rng=0),
}


@pytest.mark.parametrize("code", CODES.values(), ids=CODES)
@pytest.mark.parametrize(
    "x, error, message",
    [
        (np.array([[0.5, np.nan]]), ValueError, "x must be finite"),
        (np.array([[0.5, np.inf]]), ValueError, "x must be finite"),
        (np.array([[0.5, -np.inf]]), ValueError, "x must be finite"),
        (np.array([[0.5, 1.0001]]), ValueError, r"x must lie in \[0, 1\]"),
        (np.array([[-1e-6, 0.5]]), ValueError, r"x must lie in \[0, 1\]"),
        (np.array([[0, 255]], np.uint8), ValueError, r"x must lie in \[0, 1\]"),
        (np.zeros(3), ValueError, "x must have shape"),
        (np.zeros((2, 3, 4)), ValueError, "x must have shape"),
        (0.5, ValueError, "x must have shape"),
        ([["a", "b"]], TypeError, "x must be an array of numbers"),
        (np.array([[None]]), TypeError, "x must be an array of numbers"),
        (np.zeros((1, 2), complex), TypeError, "x must be an array of numbers"),
        ([[0.1], [0.1, 0.2]], TypeError, "x must be an array of numbers"),
    ],
)
def test_bad_values_are_refused(code, x, error, message):
    with pytest.raises(error, match=message):
        code(x)


@pytest.mark.parametrize(
    "change, error",
    [
        ({"dt": 0}, ValueError),
        ({"dt": -1e-6}, ValueError),
        ({"dt": np.nan}, ValueError),
        ({"dt": "1"}, TypeError),
        ({"tau": 0}, ValueError),
        ({"tau": -1.0}, ValueError),
        ({"tau": np.inf}, ValueError),
        ({"theta": 0}, ValueError),
        ({"theta": -0.1}, ValueError),
        ({"theta": 1}, ValueError),
        ({"theta": 1.5}, ValueError),
        ({"theta": None}, TypeError),
        ({"n_steps": 0}, ValueError),
        ({"n_steps": 2.0}, TypeError),
        ({"n_steps": True}, TypeError),
        ({"workers": 0}, ValueError),
        ({"workers": 1.5}, TypeError),
    ],
    ids=str,
)
def test_bad_latency_parameters_are_refused_by_name(change, error):
    with pytest.raises(error, match=next(iter(change))):
        encode.latency(np.ones((2, 3)), **change)


@pytest.mark.parametrize(
    "change, error",
    [
        ({"rng": None}, TypeError),
        ({"rng": -1}, ValueError),
        ({"rng": 1.5}, TypeError),
        ({"n_steps": 0}, ValueError),
        ({"probability": 0}, ValueError),
        ({"probability": 1.1}, ValueError),
        ({"probability": np.nan}, ValueError),
    ],
    ids=str,
)
def test_bad_rate_parameters_are_refused_by_name(change, error):
    with pytest.raises(error, match=next(iter(change))):
        encode.rate(np.ones((2, 3)), **{"n_steps": 2, "rng": 0} | change)


def test_rate_needs_a_generator():
    with pytest.raises(TypeError, match="rng"):
        encode.rate(np.ones((2, 3)), n_steps=2)


@pytest.mark.parametrize(
    "change, error",
    [
        ({"n_centres": 1}, ValueError),
        ({"n_centres": 3.0}, TypeError),
        ({"width": 0}, ValueError),
        ({"width": np.nan}, ValueError),
        ({"width": 1e-300}, ValueError),
    ],
    ids=str,
)
def test_bad_population_parameters_are_refused_by_name(change, error):
    with pytest.raises(error, match=next(iter(change))):
        encode.population(np.ones((2, 3)), **change)


def test_latency_times_refuse_bad_values():
    for x, message in (([np.nan], "finite"), ([1.5], "lie in"), ([-0.5], "lie in")):
        with pytest.raises(ValueError, match=f"x must .*{message}"):
            encode.latency_times(x)
    for change in ({"tau": 0}, {"theta": 1}):
        with pytest.raises(ValueError, match=next(iter(change))):
            encode.latency_times([0.5], **change)


# a stream of rates --------------------------------------------------------------------------------


def test_a_stream_of_rates_draws_as_often_as_values_say():
    x = np.array([[0.0, 0.25, 1.0, 0.5]] * 3 + [[0.0] * 4])
    stream = encode.RateCoded(x, n_steps=2000, probability=0.4)
    trains = stream.batch([0, 3, 2], 1)
    assert (
        (len(trains), trains.n_steps, trains.n_units) == (3, 2000, 4) == (3, 2000, stream.n_units)
    )
    shares = trains.unit_counts() / 2000
    np.testing.assert_allclose(shares[[0, 2]], 0.4 * x[[0, 2]], atol=0.05)
    assert not shares[1].any() and not shares[:, 0].any()
    checked = SpikeTrains(  # in order, no unit twice in a step
        trains.indptr, trains.step, trains.unit, trains.n_steps, trains.n_units
    )
    assert checked == trains
    assert stream.batch([0, 3, 2], 1) == trains != stream.batch([0, 3, 2], 2)
    by_step = trains.to_dense()[0, :, 2].reshape(20, 100).mean(axis=1)
    assert np.ptp(by_step) < 0.35, "spikes are not spread over time"


def test_a_stream_of_rates_keeps_what_was_looked_at():
    x = np.full((2, 3), 0.5, np.float32)
    stream = encode.RateCoded(x, n_steps=50)
    before = stream.batch([0, 1], 3)
    x[...] = [[5, np.nan, 5]]
    assert stream.batch([0, 1], 3) == before and (stream.x == 0.5).all()
    with pytest.raises(ValueError, match="read-only"):
        stream.x[0] = 5


def test_a_stream_of_rates_may_be_learned():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 200)
    x = np.where(np.arange(6) // 3 == labels[:, None], 0.9, 0.1)
    stream = encode.RateCoded(x, n_steps=20, probability=0.3)
    network = Network((6, 12, 2), LIF.brainscales2(), n_steps=20, rng=0)
    train(network, stream, labels, epochs=3, batch_size=20, rng=0, progress=False)
    assert evaluate(network, stream, labels).accuracy > 0.9


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"x": [[2.0]]}, "x must lie in"),
        ({"x": [1.0]}, "x must have shape"),
        ({"x": np.ones((2, 0))}, "x must have units"),
        ({"n_steps": 0}, "n_steps"),
        ({"probability": 0.0}, "probability"),
        ({"probability": 1e-50}, "probability must be larger"),
        ({"probability": 1.5}, "probability"),
    ],
)
def test_rates_that_make_no_sense(changes, words):
    with pytest.raises(ValueError, match=words):
        encode.RateCoded(**{"x": [[0.5]], "n_steps": 3} | changes)
    with pytest.raises(ValueError, match="indices"):
        encode.RateCoded([[0.5]], n_steps=3).batch([1], 0)
