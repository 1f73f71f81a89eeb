"""The cochlea: where tones are heard, what is said of loudness, spikes and back, sound again."""

import tracemalloc

import numpy as np
import pytest

from snnlab import Cochlea, SpikeTrains, sound

RATE = 8000
EARS = [Cochlea(), Cochlea(code="latency", substeps=10), Cochlea(n_channels=12, dt=0.005)]
NAMES = ["delta", "latency", "few"]


def tone(frequency, seconds=0.3, rate=RATE, loudness=1.0):
    return loudness * np.sin(2 * np.pi * frequency * np.arange(int(seconds * rate)) / rate)


def chirp(seconds=0.4):
    """A tone that rises and fades."""
    t = np.arange(int(seconds * RATE)) / RATE
    return np.sin(2 * np.pi * (300 * t + 1500 * t**2)) * np.exp(-4 * t)


def test_mels_and_back():
    f = np.array([0.0, 700, 1000, 4000])
    assert sound.mel(f)[2] == pytest.approx(1000, abs=0.1)  # by which the scale is made
    np.testing.assert_allclose(sound.frequency_of(sound.mel(f)), f, atol=1e-9)
    with pytest.raises(ValueError, match="frequency must not be negative"):
        sound.mel([-1.0])
    with pytest.raises(ValueError, match="mels"):
        sound.frequency_of([1e9])


def test_filters_are_triangles_along_the_mel_scale():
    ear = Cochlea(n_channels=20, low=0)
    filters, f = ear.filters, np.arange(ear.filters.shape[1]) * 4000 / (ear.filters.shape[1] - 1)
    np.testing.assert_allclose(filters.sum(axis=1), 1)
    mels = sound.mel(ear.centres)
    np.testing.assert_allclose(np.diff(mels), mels[0])
    for c in range(1, 19):
        heard = f[filters[c] > 0]
        assert ear.centres[c - 1] <= heard.min() and heard.max() <= ear.centres[c + 1]
        assert abs(f[filters[c].argmax()] - ear.centres[c]) <= f[1]


@pytest.mark.parametrize("ear", EARS, ids=NAMES)
@pytest.mark.parametrize("channel", [2, 7, 11])
def test_a_tone_is_loudest_in_its_channel(ear, channel):
    heard = ear.loudness([tone(ear.centres[channel])])[0]
    assert (heard[2:-2].argmax(axis=1) == channel).all() and heard.max() == 1


def test_loudness_is_decibels_below_the_loudest():
    ear, f = Cochlea(span=60), 1000
    halves = np.concatenate([tone(f), tone(f, loudness=0.01)])
    heard = ear.loudness([halves])[0, :, ear.loudness([tone(f)])[0, 10].argmax()]
    assert heard[10] == pytest.approx(1, abs=0.01)
    assert heard[50] == pytest.approx(1 - 40 / 60, abs=0.01)  # a hundredth is 40 dB below
    quiet = Cochlea(span=30).loudness([halves])[0]
    assert quiet[45:].max() == 0


@pytest.mark.parametrize("ear", EARS, ids=NAMES)
def test_it_does_not_matter_how_loud_a_sound_is(ear):
    x = np.round(1000 * chirp())
    loud = ear.loudness([x])
    for other in (x.astype(np.int16), 1e-9 * x, 1e200 * x):
        np.testing.assert_allclose(ear.loudness([other]), loud, atol=1e-5)
    assert loud.dtype == np.float32 and 0 <= loud.min() and loud.max() == 1


def test_sounds_of_different_lengths():
    ear = Cochlea()
    sounds = [chirp(0.4), chirp(0.2), np.zeros(500), chirp(0.201)]
    assert ear.lengths(sounds).tolist() == [40, 20, 7, 21]
    heard = ear.loudness(sounds)
    assert heard.shape == (4, 40, 40)
    for k, n in enumerate((40, 20, 7, 21)):
        assert np.array_equal(heard[k, :n], ear.loudness([sounds[k]])[0])
        assert not heard[k, n:].any()
    assert not heard[2].any()
    assert ear.loudness(sounds, n_frames=50).shape == (4, 50, 40)
    assert ear.loudness([], n_frames=5).shape == (0, 5, 40)
    assert len(ear.spikes([], n_frames=5)) == 0
    assert np.array_equal(ear.loudness(np.array(sounds[:1]), n_frames=40)[0], heard[0])


@pytest.mark.parametrize("make", ["loudness", "spikes"])
def test_long_sounds_are_refused_unless_cut(make):
    ear, sounds = Cochlea(), [chirp(0.4), chirp(0.1)]
    make = getattr(ear, make)
    with pytest.raises(ValueError, match="1 of 2 sounds are longer than n_frames=30, .* has 40"):
        make(sounds, n_frames=30)
    with pytest.warns(RuntimeWarning, match="1 of 2 sounds .* n_frames=30") as caught:
        part = make(sounds, n_frames=30, cut=True)
    assert caught[0].filename == __file__
    whole, part = (x if isinstance(x, np.ndarray) else x.to_dense() for x in (make(sounds), part))
    assert np.array_equal(part, whole[:, :30])


@pytest.mark.parametrize("ear", EARS, ids=NAMES)
def test_loudness_is_read_back_from_spikes(ear):
    sounds = [chirp(), tone(440), np.zeros(100)]
    loudness, trains = ear.loudness(sounds), ear.spikes(sounds)
    assert trains.n_units == ear.n_units
    assert trains.n_steps == loudness.shape[1] * ear.steps_per_frame
    SpikeTrains(trains.indptr, trains.step, trains.unit, trains.n_steps, trains.n_units)
    back = ear.decode(trains)
    assert back.shape == loudness.shape and trains.counts()[2] == 0 and not back[2].any()
    if ear.code == "latency":
        assert np.abs(back - loudness)[loudness > 0].max() <= 0.5 / ear.substeps + 1e-6
        assert not back[loudness == 0].any()
    else:  # what is slow is known to within a threshold
        slow = np.abs(np.diff(loudness, axis=1, prepend=0)) < ear.threshold
        known = np.logical_and.accumulate(slow, axis=1)
        assert np.abs(back - loudness)[known].max() < ear.threshold + 1e-6
        assert np.corrcoef(back.ravel(), loudness.ravel())[0, 1] > 0.8


def test_louder_is_earlier():
    ear = Cochlea(code="latency", substeps=8)
    trains = ear.spikes([chirp()])
    loudness = ear.loudness([chirp()])[0]
    for step, channel in zip(trains.step, trains.unit, strict=True):
        frame, late = divmod(int(step), 8)
        assert late <= 8 * (1 - loudness[frame, channel]) < late + 1


def test_sound_again():
    ear, x = Cochlea(), chirp()
    again = ear.resynthesise(ear.loudness([x, np.zeros(800)]), rng=0)
    assert again.shape == (2, 3200) and again.dtype == np.float32 and not again[1].any()
    assert np.abs(again[0]).max() == 1
    assert np.array_equal(again, ear.resynthesise(ear.loudness([x, np.zeros(800)]), rng=0))
    heard, wanted = ear.loudness(again[:1])[0], ear.loudness([x])[0]
    assert np.corrcoef(heard.ravel(), wanted.ravel())[0, 1] > 0.8
    assert (np.abs(heard.argmax(axis=1) - wanted.argmax(axis=1)) <= 1).mean() > 0.9


@pytest.mark.parametrize(
    "change",
    [
        {"sample_rate": 0},
        {"n_channels": 0},
        {"n_channels": 400},
        {"n_channels": 4.0},
        {"dt": 1e-6},
        {"window": 0.005},
        {"low": -1},
        {"low": 4000},
        {"high": 4001},
        {"span": 0},
        {"code": "rate"},
        {"threshold": 0},
        {"threshold": 2},
        {"substeps": 1},
        {"span": np.nan},
        {"sample_rate": "8000"},
        {"code": None},
    ],
    ids=str,
)
def test_bad_parameters_are_refused_by_name(change):
    with pytest.raises(
        (TypeError, ValueError), match=rf"\b{next(iter(change))}\b|low must be below"
    ):
        Cochlea(**change)


@pytest.mark.parametrize(
    "dt, rate, near",
    [
        (0.00015, 8000, "0.000125 or 0.00025"),
        (0.0051, 500, "0.004 or 0.006"),
        (1.9 / 8000, 8000, "0.000125 or 0.00025"),
    ],
)
def test_frames_are_as_long_as_they_say(dt, rate, near):
    wanted = f"^dt must be a whole number of samples: .*; take {near}$"
    with pytest.raises(ValueError, match=wanted):
        Cochlea(rate, n_channels=2, dt=dt, window=0.1)
    for k in near.split(" or "):
        assert Cochlea(rate, n_channels=2, dt=float(k), window=0.1).dt == float(k)


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000])
@pytest.mark.parametrize("dt", [0.005, 0.01, 0.02])
def test_frames_at_usual_rates(rate, dt):
    """Frames end within 1 % of where ``dt`` says."""
    ear = Cochlea(rate, dt=dt)
    n = ear.lengths([np.ones(2 * rate)])[0]
    assert n * dt == pytest.approx(2, rel=0.011)


@pytest.mark.parametrize(
    "sounds, message",
    [
        (3, "sounds must be a sequence of arrays"),
        ([[0.0, 1.0], []], r"sounds\[1\] is empty"),
        ([np.zeros((2, 3))], r"sounds\[0\] must have shape"),
        ([[0.0, np.nan]], r"sounds\[0\] must be finite"),
        ([["a"]], r"sounds\[0\] must be an array of numbers"),
        (np.zeros(5), r"sounds\[0\] must have shape"),
        ([], "n_frames must be given where there are no sounds"),
    ],
)
def test_bad_sounds_are_refused_by_name(sounds, message):
    for make in (Cochlea().loudness, Cochlea().spikes):
        with pytest.raises((TypeError, ValueError), match=message):
            make(sounds)


def test_what_is_read_back_must_fit():
    ear = Cochlea(code="latency")
    with pytest.raises(ValueError, match="trains must have 40 units and 4 steps per frame"):
        ear.decode(Cochlea().spikes([chirp()]))
    with pytest.raises(ValueError, match="at most one spike"):
        ear.decode(SpikeTrains.from_dense(np.ones((1, 4, 40))))
    with pytest.raises(TypeError, match="trains must be a SpikeTrains"):
        ear.decode(3)
    for bad in (np.zeros((1, 3, 39)), np.full((1, 3, 40), 1.5), np.zeros((1, 0, 40)), "x"):
        with pytest.raises((TypeError, ValueError), match="loudness must"):
            ear.resynthesise(bad, rng=0)
    with pytest.raises(TypeError, match="rng"):
        ear.resynthesise(np.zeros((1, 3, 40)), rng=None)


def test_a_long_sound_is_heard_in_parts(monkeypatch):
    """Its windows are not in memory all at once; parts change nothing."""
    ear, x = Cochlea(dt=0.002), np.random.default_rng(0).normal(size=30 * RATE)
    tracemalloc.start()
    (heard,) = ear.loudness([x])
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(heard) == 15_000
    assert most < 8 * len(heard) * 0.025 * RATE  # bytes of all windows alone
    monkeypatch.setattr("snnlab.sound._FRAMES", 97)
    np.testing.assert_allclose(ear.loudness([x])[0], heard, rtol=0, atol=1e-6)
