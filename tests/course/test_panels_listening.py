"""Panels of notebook 20, and what they are made of: sounds, spikes, networks that listen."""

import io
import wave

import numpy as np
import pytest

pytest.importorskip("ipywidgets")
pytest.importorskip("anywidget")

import small_panels
from small_panels import settled

from snnlab import Cochlea, evaluate, panels
from snnlab.course import listening

FIRST = {"sample": 2, "n_channels": 12, "threshold": 0.1, "code": "delta"}


@pytest.fixture(scope="module")
def voices():
    return small_panels.voices()


@pytest.fixture
def panel(voices):
    made = panels.Listen(voices, n_samples=6, key="test")
    yield made
    made.close()


# sounds and spikes --------------------------------------------------------------------------------


def test_a_split_is_the_data_sets_own(voices):
    speech = listening.speech_task(voices)
    assert len(speech.inputs) == len(voices.train) and len(speech.test_inputs) == len(voices.test)
    np.testing.assert_array_equal(speech.labels, voices.train.labels)
    np.testing.assert_array_equal(speech.test_labels, voices.test.labels)
    assert speech.inputs == listening.heard(voices.train.sounds)


def test_an_unseen_speaker_is_not_learned(voices):
    speech = listening.speech_task(voices, unseen=2)
    every, _ = listening.every(voices)
    theirs = every.speakers == 2
    assert len(speech.test_inputs) == theirs.sum() and len(speech.inputs) == (~theirs).sum()
    np.testing.assert_array_equal(speech.test_labels, every.labels[theirs])
    assert speech.test_inputs == listening.heard(every[theirs].sounds)


def test_a_part_is_taken_evenly(voices):
    speech = listening.speech_task(voices, n_train=100, n_test=30)
    assert len(speech.inputs) == len(speech.labels) == 100 and len(speech.test_labels) == 30
    assert set(speech.labels.tolist()) == set(range(10))


@pytest.mark.parametrize("unseen, error", [(9, ValueError), (-1, ValueError), ("me", TypeError)])
def test_speakers_that_are_not_there_are_refused(voices, unseen, error):
    with pytest.raises(error, match="unseen"):
        listening.speech_task(voices, unseen=unseen)


def test_fewer_recordings_than_asked_for_are_each_shown_once(voices):
    made = panels.Listen(voices, n_samples=10 * len(voices.test), key="all")
    np.testing.assert_array_equal(made.sounds.labels, voices.test.labels)
    np.testing.assert_array_equal(made.sounds.speakers, voices.test.speakers)
    made.close()


def test_only_recordings_of_sounds_are_taken(voices):
    with pytest.raises(TypeError, match="recordings"):
        listening.speech_task(small_panels.digits())
    with pytest.raises(TypeError, match="recordings"):
        panels.Listen(voices.train)


# networks -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("hidden", [5, 64])
def test_both_networks_have_as_many_weights(voices, hidden):
    speech = listening.speech_task(voices, n_train=100)
    recurrent, other = (
        listening.speech_network(speech, kind, hidden=hidden) for kind in listening.KINDS
    )
    n, m = (sum(w.size for w in network.weights) for network in (recurrent, other))
    assert 0 <= n - m < 58 and len(recurrent.weights) == 3 and len(other.weights) == 2
    assert recurrent.sizes == (48, hidden, 10)


def test_networks_learn(voices):
    speech = listening.speech_task(voices)
    for kind in listening.KINDS:
        network, found = listening.learn(speech, kind, epochs=8, hidden=40)
        first = listening.speech_network(speech, kind, hidden=40)
        begun = evaluate(first, speech.test_inputs, speech.test_labels, loss=listening.LOSS)
        assert found.accuracy > 0.5 > 0.35 > begun.accuracy
        again = evaluate(network, speech.test_inputs, speech.test_labels, loss=listening.LOSS)
        assert again.accuracy == found.accuracy


# the panel of one recording -----------------------------------------------------------------------


@pytest.mark.parametrize("code", ["delta", "latency"])
def test_what_is_shown_is_what_the_cochlea_says(panel, code):
    shown = panel.simulate(**FIRST | {"code": code})
    ear = Cochlea(n_channels=12, dt=0.02, window=0.04, threshold=0.1, code=code)
    sound = panel.sounds.sounds[2]
    trains = ear.spikes([sound], n_frames=listening.N_FRAMES, cut=True)
    np.testing.assert_array_equal(shown["decoded"], ear.decode(trains)[0])
    heard = ear.loudness([sound], n_frames=listening.N_FRAMES)[0]
    np.testing.assert_allclose(shown["loudness"], heard, atol=2e-3)
    assert len(shown["step"]) == trains.counts()[0] and shown["up"].all() == (code == "latency")
    assert shown["channel"].max() < 12 and f"A {panel.sounds.labels[2]}" in shown["said"]


def test_buttons_play_the_recording_and_its_spikes(panel, monkeypatch):
    played = []
    monkeypatch.setattr(panel.loudspeaker, "play", lambda *sound: played.append(sound))
    panel.set(**FIRST)
    panel.widgets["play"].click()
    panel.widgets["play_spikes"].click()
    assert panel.error is None
    (first, rate), (second, _) = played
    sound = panel.sounds.sounds[2]
    np.testing.assert_array_equal(first, listening.as_int16(sound))
    assert rate == 8000 and first.dtype == second.dtype == np.int16
    assert len(second) == min(len(sound), listening.N_FRAMES * 160)
    ear = Cochlea(n_channels=12, dt=0.02, window=0.04)
    before, after = (ear.loudness([x], n_frames=40, cut=True)[0] for x in (sound, second))
    assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.6, "it is not heard again"


# the panel of two networks ------------------------------------------------------------------------


def test_what_is_shown_are_the_networks_that_learn(voices):
    panel = panels.LearnToListen(voices, n_train=200, n_test=50, steps=8, hidden=12, key="test")
    try:
        assert panel.wait(small_panels.PATIENCE)
        values = {"unseen": 3, "tau": 0.1, "lr": 3e-3}
        last = settled(panel.simulate(**values))
        speech = listening.speech_task(voices, unseen=3, n_train=200, n_test=50)
        networks = panel.downloads()
        assert list(networks) == list(listening.KINDS)
        for kind, name in zip(listening.KINDS, ("tested", "others"), strict=True):
            test = speech.test_inputs, speech.test_labels
            right = evaluate(networks[kind], *test, loss=listening.LOSS).accuracy
            assert last[name][-1] == (8, right) and networks[kind].neurons[0].tau_mem == 0.1
        found = int(np.flatnonzero(speech.test_labels == 7)[0])
        train = speech.test_inputs[found : found + 1].compact()
        np.testing.assert_array_equal(last["unit"], train.unit)
        readout = networks["recurrent"].forward(train).readout
        assert last["shares"].shape == (listening.N_FRAMES, 10) and last["label"] == 7
        np.testing.assert_allclose(last["shares"].sum(axis=1), 1, rtol=1e-5)
        assert last["shares"][-1].argmax() == readout[0].sum(axis=0).argmax()
        again = settled(panel.simulate(**values))
        assert again["tested"] == last["tested"] and again["others"] == last["others"]
        assert "speaker 3 unseen" in panel.describe(last)
    finally:
        panel.close()


# a digit that a reader says -----------------------------------------------------------------------


@pytest.fixture
def hearing():
    made = small_panels.MAKERS["SayDigit"]()
    yield made
    made.close()


def test_before_anybody_has_spoken_a_recording_is_heard(hearing):
    for k in (0, 5):
        hearing.set(sample=k)
        sound, label = hearing.sounds.sounds[k], hearing.sounds.labels[k]
        readout = hearing.network.forward(listening.heard([sound])).readout[0]
        shown = hearing.simulate(**hearing.values)
        assert shown["shares"][-1].argmax() == readout.sum(axis=0).argmax()
        np.testing.assert_allclose(shown["shares"].sum(axis=1), 1, rtol=1e-5)
        assert shown["label"] == label and f"{label}, said by speaker" in hearing.text
        assert ("right" if shown["shares"][-1].argmax() == label else "wrong") in hearing.text


@pytest.mark.parametrize("digit", range(10))
def test_what_is_said_is_heard(hearing, digit):
    """A test recording somewhere in a sound is the digit that it is alone; quiet around it goes."""
    said = small_panels.said(digit, speaker=1)
    hearing.widgets["sound"].hear(said, 8000)
    assert hearing.error is None
    assert f": the network hears {'an' if digit == 8 else 'a'} {digit}." in hearing.text
    assert hearing.text.startswith("What you said, 0.") and str(digit) in hearing.picture.alt
    word = listening.trimmed(said, 8000)
    shown = hearing.simulate(**hearing.values)
    assert shown["length"] == len(word) / 8000 < 0.7 and shown["label"] is None
    train = listening.heard([word]).compact()
    np.testing.assert_array_equal(shown["step"], train.step)
    np.testing.assert_array_equal(shown["channel"] + 24 * ~shown["up"], train.unit)


def test_a_slider_and_reset_take_back_what_was_said(hearing):
    hearing.widgets["sound"].hear(small_panels.said(), 8000)
    assert "What you said" in hearing.text and "sound" not in hearing.code()
    hearing.widgets["sample"].value = 3
    assert "What you said" not in hearing.text and not hearing.values["sound"].size
    hearing.widgets["sound"].hear(small_panels.said(), 8000)
    exec(hearing.code(), {"panel": hearing})
    assert "What you said" not in hearing.text and hearing.values["sample"] == 3
    hearing.widgets["sound"].hear(small_panels.said(), 8000)
    hearing.reset()
    assert "What you said" not in hearing.text and hearing.values["sample"] == 0


def test_silence_and_long_sounds_are_told(hearing):
    for quiet in (np.zeros(8000, np.int16), np.tile(np.array([50, -50], np.int16), 4000)):
        hearing.widgets["sound"].value = quiet
        assert "only silence" in hearing.text and "silence" in hearing.picture.alt
        assert np.isfinite(hearing.simulate(**hearing.values)["shares"]).all()
    noise = np.random.default_rng(0).integers(-9000, 9001, 10000).astype(np.int16)
    hearing.widgets["sound"].value = noise
    assert "1.25 s (its first 0.8 s are listened to)" in hearing.text and hearing.error is None


def test_a_button_plays_what_is_heard(hearing, monkeypatch):
    played = []
    monkeypatch.setattr(hearing.loudspeaker, "play", lambda *sound: played.append(sound))
    hearing.widgets["play"].click()
    said = small_panels.said()
    hearing.widgets["sound"].hear(said, 8000)
    hearing.widgets["play"].click()
    (first, rate), (second, _) = played
    np.testing.assert_array_equal(first, listening.as_int16(hearing.sounds.sounds[0]))
    np.testing.assert_array_equal(second, listening.as_int16(listening.trimmed(said, 8000)))
    assert rate == 8000 and list(hearing.downloads().values()) == [hearing.network]


def test_a_network_is_trained_where_none_is_given(voices):
    made = panels.SayDigit(voices, n_samples=6, key="trained")
    again, _ = listening.learn(listening.speech_task(voices))
    np.testing.assert_array_equal(made.network.parameters, again.parameters)
    made.close()


def test_networks_and_recordings_that_do_not_fit_are_refused(voices):
    with pytest.raises(ValueError, match="network must have 48 inputs, 10 outputs, 40 steps"):
        panels.SayDigit(voices, small_panels.network())
    with pytest.raises(TypeError, match="network"):
        panels.SayDigit(voices, 3)
    with pytest.raises(TypeError, match="recordings"):
        panels.SayDigit(voices.test)


# the word in a recording --------------------------------------------------------------------------


def test_the_word_with_the_most_energy_stays():
    """A click before it goes, a gap within it stays."""
    rng, sound = np.random.default_rng(0), np.zeros(12000)
    sound[400:440] = 1.0  # a click
    sound[4000:6000] = rng.standard_normal(2000) / 3
    sound[6800:7200] = rng.standard_normal(400) / 5  # 100 ms later
    sound[10000:10400] = rng.standard_normal(400) / 5  # 350 ms later
    word = listening.trimmed(sound, 8000)
    np.testing.assert_array_equal(word, sound[4000 - 160 : 7200 + 160])
    np.testing.assert_array_equal(listening.trimmed(1e-3 * sound, 8000), 1e-3 * word)
    assert listening.trimmed(word, 8000).size == word.size, "once is enough"


def test_sounds_without_anything_around_them_are_left_alone(voices):
    for sound in (np.ones(5, np.int16), np.zeros(100, np.int16), np.zeros(0, np.int16)):
        np.testing.assert_array_equal(listening.trimmed(sound, 8000), sound)
    lost = [len(x) - len(listening.trimmed(x, 8000)) for x in voices.test.sounds]
    assert np.median(lost) < 0.06 * 8000
    assert listening.trimmed(voices.test.sounds[0], 8000).dtype == np.int16
    for bad, error in ((np.ones((2, 3)), ValueError), ([np.nan], ValueError), ("a", TypeError)):
        with pytest.raises(error, match="sound"):
            listening.trimmed(bad, 8000)


# what a notebook plays ----------------------------------------------------------------------------


def test_a_sound_is_a_wav_file_in_the_page():
    sound = np.sin(np.arange(4000))
    shown = listening.Audible(sound, 8000, 'a "tone" <1>')
    with wave.open(io.BytesIO(shown.wav())) as file:
        assert file.getframerate() == 8000 and file.getnchannels() == 1
        frames = np.frombuffer(file.readframes(4000), "<i2")
    np.testing.assert_allclose(frames / 32000, sound / np.abs(sound).max(), atol=1e-4)
    page = shown._repr_html_()
    assert "<audio controls" in page and "autoplay" not in page
    assert 'aria-label="a &quot;tone&quot; &lt;1&gt;"' in page
    assert repr(shown) == 'a "tone" <1>: 0.50 s of sound'
    assert not listening.as_int16(np.zeros(3)).any()
    with pytest.raises(ValueError, match="sound is empty"):
        listening.Audible([], 8000, "nothing")
