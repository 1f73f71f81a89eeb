"""A digit said into the microphone of a real browser: Chromium plays a file in a voice's place.

Needs Playwright and a Chromium, as `test_browser` does; skipped without.
"""

import ast
import wave

import numpy as np
import pytest
from notebook_checks import IN_A_BROWSER, ROOT

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("anywidget")

import small_panels  # noqa: E402
from test_browser import (  # noqa: E402
    check_both_themes,
    check_names,
    lab,
    nbformat,
    open_notebook,
    page_of,
    scratch,
)

from snnlab import datasets  # noqa: E402
from snnlab.course import listening  # noqa: E402

pytestmark = IN_A_BROWSER
FIXTURES = lab, open_notebook, scratch  # used by their names
RATE = 48000  # of the file that is played
LENGTH = 1.5  # seconds that are recorded
DATA = "stand-in", "real"

# Remembers what the page was given of the microphone.
WATCH = """
() => {
  window.asked = [];
  const media = navigator.mediaDevices, real = media.getUserMedia.bind(media);
  media.getUserMedia = async (wish) => {
    const stream = await real(wish);
    asked.push(stream);
    return stream;
  };
}
"""
ENDED = "asked.every((s) => s.getTracks().every((t) => t.readyState === 'ended'))"


@pytest.fixture(scope="module")
def voice(tmp_path_factory):
    """The file that Chromium plays, over and over."""
    return tmp_path_factory.mktemp("voice") / "voice.wav"


@pytest.fixture(scope="module")
def page(lab, voice):
    """JupyterLab in a Chromium whose microphone plays a file; allowed by `may`."""
    speak(voice, np.zeros(8000, np.int16))
    flags = "--use-fake-device-for-media-stream", f"--use-file-for-fake-audio-capture={voice}"
    with page_of(lab[0], *flags) as made:
        made.set_viewport_size({"width": 1280, "height": 720})
        made.evaluate(WATCH)
        yield made


@pytest.fixture
def may(page):
    """The reader allows the page to use the microphone."""
    page.context.grant_permissions(["microphone"])
    yield
    page.context.clear_permissions()


def speak(path, sound):
    """Write a sound of 8,000 samples per second, with silence around it, as Chromium reads it."""
    whole = np.zeros(16000)
    whole[3200 : 3200 + len(sound)] = sound[: 16000 - 3200]
    fine = np.interp(np.arange(0, 16000, 8000 / RATE), np.arange(16000), whole)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.rint(fine).astype("<i2").tobytes())


def opened(page, open_notebook, which="stand-in", network=None):
    """A notebook with the panel, on the page; `network` is a file."""
    code = [
        f"import sys; sys.path.insert(0, {str(ROOT / 'tests')!r})",
        "import small_panels, snnlab",
        f"data = snnlab.datasets.spoken_digits(which={which!r})",
        f"network = snnlab.Network.load({str(network)!r})" if network else "network = None",
        "network = network or small_panels.listener()",
        "panel = snnlab.panels.SayDigit(data, network)",
        "panel",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("\n".join(code))])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    open_notebook(notebook)
    panel = page.locator(".snnlab-panel")
    panel.locator("img[src]").first.wait_for(state="visible")
    page.evaluate("asked.length = 0")
    return panel, panel.locator(".snnlab-microphone button"), panel.get_by_text("said by speaker")


def clear(network, sounds):
    """Number of the recording whose digit a network hears most clearly, and which digit it is."""
    shares = listening.shares(network, listening.heard(sounds.sounds))[:, -1]
    right = np.where(shares.argmax(axis=1) == sounds.labels, np.ptp(shares, axis=1), 0)
    margin = np.sort(shares, axis=1)
    return [int(k) for k in np.argsort(-right * (margin[:, -1] - margin[:, -2]), kind="stable")]


@pytest.mark.parametrize("which", DATA)
def test_a_digit_that_is_said_is_heard(which, open_notebook, page, may, voice, tmp_path, scratch):
    """What comes by the microphone is the digit that the network hears in the same recording."""
    if which == "real":
        try:
            data = datasets.spoken_digits(progress=False)
        except (FileNotFoundError, OSError):
            pytest.skip("the files of spoken-digits are not on this machine")
        network, _ = listening.learn(listening.speech_task(data))
    else:
        data, network = small_panels.voices(), small_panels.listener()
    network.save(tmp_path / "network.npz")
    panel, button, _ = opened(page, open_notebook, which, tmp_path / "network.npz")
    check_names(panel)
    assert page.evaluate("asked.length") == 0, "the page has asked before anybody pressed"
    order = clear(network, data.test)
    labels, heard = data.test.labels[order], []
    for digit in range(10):
        k = order[int(np.flatnonzero(labels == digit)[0])]
        sound = listening.as_int16(data.test.sounds[k])
        alone = listening.shares(network, listening.heard([sound]))[0, -1]
        assert alone.argmax() == digit
        speak(voice, sound)
        press_and_wait(page, panel, button)
        said = panel.locator(".snnlab-text").inner_text()
        heard.append(f"the network hears {'an' if digit == 8 else 'a'} {digit}." in said)
        print(which, digit, f"{alone[digit]:.2f}", said)
        assert page.evaluate(ENDED), "the microphone was not given back"
    assert page.evaluate("asked.length") == 10
    assert sum(heard) >= 9 and heard[0], heard
    check_both_themes(page, [(panel, "SayDigit")], scratch / f"said-{which}")


def press_and_wait(page, panel, button, *, key=None):
    """Record, until the panel says something else of what was said."""
    line = panel.locator(".snnlab-text").element_handle()
    before = panel.locator(".snnlab-text").inner_text()
    if key is None:
        button.click()
    else:
        button.focus()
        page.keyboard.press(key)
    page.wait_for_function(
        "([e, old]) => e.innerText !== old && e.innerText.startsWith('What you said')",
        arg=[line, before],
        timeout=30_000,
    )
    assert button.inner_text() == "Record your voice"
