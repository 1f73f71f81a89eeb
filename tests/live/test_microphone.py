"""A microphone takes what the page has recorded, at the rate asked for, and refuses the rest."""

import numpy as np
import pytest

pytest.importorskip("ipywidgets")
pytest.importorskip("anywidget")

from snnlab import live
from snnlab.live import Microphone, Spoken


@pytest.fixture
def microphone():
    made = Microphone("a tone", sample_rate=8000, seconds=1.0)
    yield made
    made.close()


def tone(rate, seconds=0.5, hertz=440.0):
    return np.rint(9000 * np.sin(2 * np.pi * hertz * np.arange(seconds * rate) / rate)).astype("i2")


def from_page(microphone, sound, rate):
    """What the page's message does."""
    buffers = [memoryview(np.asarray(sound, "<i2").tobytes())]
    microphone._received(microphone, {"kind": "sound", "rate": rate}, buffers)


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 48000, 96000])
def test_a_sound_is_as_if_it_had_been_recorded_at_the_rate(microphone, rate):
    from_page(microphone, tone(rate), rate)
    heard, ideal = microphone.value, tone(8000)
    assert heard.dtype == np.int16 and len(heard) == len(ideal) == 4000
    assert microphone.recorded_rate == rate and microphone.fault == ""
    inner = slice(200, -200)  # at its ends a filter hears the silence before and after
    assert np.abs(heard[inner].astype(int) - ideal[inner]).max() < 90, "1 % of the tone"


def test_pitches_that_the_rate_cannot_hold_are_left_out(microphone):
    microphone.hear(tone(48000, hertz=7000), 48000)
    assert np.abs(microphone.value[200:-200]).max() < 90


def test_loud_sounds_do_not_wrap_around(microphone):
    square = np.where(np.arange(24000) // 100 % 2, 32767, -32768).astype(np.int16)
    microphone.hear(square, 48000)
    assert microphone.value.max() == 32767 and microphone.value.min() == -32768
    at = np.arange(100, 3900)
    inside = np.abs((at + 0.5) * 6 % 100 - 50) < 20  # not next to a jump
    signs = np.where((at * 6 + 3) // 100 % 2, 1, -1)
    assert (np.sign(microphone.value[at])[inside] == signs[inside]).all()


def test_each_recording_is_told(microphone):
    heard = []
    microphone.observe(lambda change: heard.append(change.new), "value")
    for _ in range(2):  # the same twice
        from_page(microphone, tone(8000), 8000)
    assert len(heard) == 2
    np.testing.assert_array_equal(heard[0], tone(8000))
    from_page(microphone, [5], 8000)
    assert microphone.value.tolist() == [5]


@pytest.mark.parametrize(
    "sound, rate, match",
    [
        (np.zeros(0, np.int16), 8000, "sound is empty"),
        (np.zeros(10), 8000, "sound must be int16"),
        (np.zeros((2, 5), np.int16), 8000, "sound must be int16"),
        (np.zeros(10400, np.int16), 8000, "at most 9600"),
        (np.zeros(10, np.int16), 4000, "sample_rate"),
        (np.zeros(10, np.int16), 400_000, "sample_rate"),
    ],
)
def test_what_is_no_recording_is_refused(microphone, sound, rate, match):
    with pytest.raises(ValueError, match=match):
        microphone.hear(sound, rate)
    assert not microphone.value.size


@pytest.mark.parametrize(
    "message, buffers",
    [
        ({"kind": "sound", "rate": 8000}, []),
        ({"kind": "sound", "rate": 8000}, [b"\1\2\3"]),
        ({"kind": "sound", "rate": 8000}, [bytes(2 * 9601)]),
        ({"kind": "sound", "rate": None}, [bytes(20)]),
        ({"kind": "sound"}, [bytes(20)]),
    ],
)
def test_messages_that_are_no_recording_are_told(microphone, monkeypatch, message, buffers):
    """The page is answered all the same: it must not wait."""
    sent = []
    monkeypatch.setattr(Microphone, "send", lambda self, message, **more: sent.append(message))
    microphone._received(microphone, message, buffers)
    assert microphone.fault.startswith("What the page has sent is no recording: ")
    assert not microphone.value.size and sent == [{"kind": "seen"}]
    microphone._received(microphone, {"kind": "other"}, [])
    assert len(sent) == 1


def test_values_can_be_set(microphone):
    microphone.value = np.arange(5, dtype=np.int16)
    assert microphone.value.tolist() == [0, 1, 2, 3, 4]
    for bad in (np.arange(5), np.zeros(9601, np.int16), np.zeros((1, 5), np.int16)):
        with pytest.raises(ValueError, match="value"):
            microphone.value = bad


@pytest.mark.parametrize(
    "settings, match",
    [({"sample_rate": 10}, "sample_rate"), ({"seconds": 0}, "seconds"), ({"name": 3}, "name")],
)
def test_settings_are_checked(settings, match):
    with pytest.raises((TypeError, ValueError), match=match):
        Microphone(**settings)


def test_a_control_gives_what_was_said():
    control = Spoken("a tone", sample_rate=16000, seconds=0.5)
    widget = control.widget()
    assert (widget.name, widget.sample_rate, widget.seconds) == ("a tone", 16000, 0.5)
    assert control.check("sound", widget.value).size == 0 and control.name == "a tone"
    for bad in (np.zeros(11201, np.int16), np.zeros(5), "word"):
        with pytest.raises((TypeError, ValueError), match="sound"):
            control.check("sound", bad)
    widget.close()
    assert isinstance(control, live.controls.Control)
