"""A loudspeaker sends what is to be played, and refuses what is no sound."""

import numpy as np
import pytest

pytest.importorskip("ipywidgets")
pytest.importorskip("anywidget")

from snnlab.live import Loudspeaker


@pytest.fixture
def sent(monkeypatch):
    """Messages to the page, and the bytes that come with them."""
    found = []
    monkeypatch.setattr(
        Loudspeaker, "send", lambda self, message, buffers=(): found.append((message, buffers))
    )
    return found


def test_what_is_played_is_the_sound(sent):
    sound = np.array([0, 1000, -32768, 32767], np.int16)
    speaker = Loudspeaker()
    speaker.play(sound, 8000)
    ((message, (content,)),) = sent
    assert message == {"kind": "play", "rate": 8000}
    np.testing.assert_array_equal(np.frombuffer(content, "<i2"), sound)
    assert speaker.played == 0, "the page says when it has begun"
    speaker.close()


@pytest.mark.parametrize(
    "sound, rate, match",
    [
        (np.zeros(0, np.int16), 8000, "sound must be int16"),
        (np.zeros(10), 8000, "sound must be int16"),
        (np.zeros((2, 5), np.int16), 8000, "sound must be int16"),
        (np.zeros(60 * 8000 + 1, np.int16), 8000, "at most 60 s"),
        (np.zeros(10, np.int16), 4000, "sample_rate"),
        (np.zeros(10, np.int16), np.nan, "sample_rate"),
    ],
)
def test_what_is_no_sound_is_refused(sent, sound, rate, match):
    speaker = Loudspeaker()
    with pytest.raises(ValueError, match=match):
        speaker.play(sound, rate)
    assert not sent
    speaker.close()
