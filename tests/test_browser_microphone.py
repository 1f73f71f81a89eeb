"""A digit said into the microphone of a real browser: Chromium plays a file in a voice's place.

Needs Playwright and a Chromium, as `test_browser` does; skipped without.
"""

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
    return panel, panel.locator(".snnlab-microphone button")


def clearest(network, sounds):
    """Of each digit the number of the recording in which a network hears it most clearly."""
    shares = listening.shares(network, listening.heard(sounds.sounds))[:, -1]
    share = shares[np.arange(len(sounds)), sounds.labels]
    return [int(np.where(sounds.labels == digit, share, -1).argmax()) for digit in range(10)]


@pytest.mark.parametrize("which", DATA)
def test_a_digit_that_is_said_is_heard(which, open_notebook, page, may, voice, tmp_path, scratch):
    """What comes by the microphone is the digit that the network hears in the same recording."""
    if which == "real":
        try:
            data = datasets.spoken_digits(progress=False)
        except datasets.DatasetUnavailable:
            pytest.skip("the files of spoken_digits are not on this machine")
        network, _ = listening.learn(listening.speech_task(data))
    else:
        data, network = small_panels.voices(), small_panels.listener()
    network.save(tmp_path / "network.npz")
    panel, button = opened(page, open_notebook, which, tmp_path / "network.npz")
    check_names(panel)
    assert page.evaluate("asked.length") == 0, "the page has asked before anybody pressed"
    for n, (digit, k) in enumerate(enumerate(clearest(network, data.test)), 1):
        sound = listening.as_int16(data.test.sounds[k])
        alone = listening.shares(network, listening.heard([sound]))[0, -1]
        assert alone.argmax() == digit and alone[digit] > 0.9
        speak(voice, sound)
        press_and_wait(page, panel, button)
        said = panel.locator(".snnlab-text").inner_text()
        assert f"the network hears {'an' if digit == 8 else 'a'} {digit}." in said, said
        assert page.evaluate("asked.length") == n
        assert page.evaluate(ENDED), "the microphone was not given back"
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


# what else can happen -----------------------------------------------------------------------------

REFUSED = "The microphone was refused"
STUBS = {  # what the browser says, and what the reader is told
    "() => Promise.reject(new DOMException('none', 'NotFoundError'))": "There is no microphone",
    "() => Promise.reject(new DOMException('busy', 'NotReadableError'))": "another program",
    "() => Promise.reject(new Error('a strange reason'))": "cannot record: a strange reason",
    "undefined": "browsers allow it only at https",
}


def said_below(panel, words):
    """Wait for words in the line below the button."""
    line = panel.locator(".snnlab-microphone [role=status]")
    line.get_by_text(words).wait_for(timeout=30_000)


FAULT = "async (words) => (await lab.ask('panel.widgets[\"sound\"].fault')).includes(words)"


def told_in_python(page, words):
    """Wait until the kernel knows as well."""
    page.wait_for_function(FAULT, arg=words, timeout=30_000)


def test_what_keeps_a_page_from_recording_is_said(open_notebook, page, voice):
    """Refused, no microphone, in use, not secure: in words, and the button works again."""
    panel, button = opened(page, open_notebook)
    text = panel.locator(".snnlab-text").inner_text()
    button.click()
    said_below(panel, REFUSED)
    told_in_python(page, REFUSED)
    assert button.inner_text() == "Record your voice"
    page.evaluate("void (lab.real = navigator.mediaDevices.getUserMedia)")
    for stub, words in STUBS.items():
        page.evaluate(f"void (navigator.mediaDevices.getUserMedia = {stub})")
        button.click()
        said_below(panel, words)
        told_in_python(page, words)
        assert button.inner_text() == "Record your voice"
    page.evaluate("void (navigator.mediaDevices.getUserMedia = lab.real)")
    assert panel.locator(".snnlab-text").inner_text() == text, "the recording is shown as before"
    check_both_themes(page, [(panel, "SayDigit")], voice.with_name("refused"))
    page.context.grant_permissions(["microphone"])
    speak(voice, listening.as_int16(small_panels.voices().test.sounds[0]))
    press_and_wait(page, panel, button, key="Enter")
    told_in_python(page, "''")  # nothing any more
    assert page.evaluate(ENDED)
    page.context.clear_permissions()


def test_it_ends_when_it_is_told_to(open_notebook, page, may, voice):
    """By a second press while it records, and while the reader has not yet answered the browser."""
    panel, button = opened(page, open_notebook)
    speak(voice, listening.as_int16(small_panels.voices().test.sounds[0]))
    button.focus()
    page.keyboard.press("Space")
    panel.get_by_role("button", name="Stop recording").wait_for()
    page.wait_for_timeout(700)
    page.keyboard.press("Space")
    said_below(panel, "Recorded ")
    seconds = float(panel.locator(".snnlab-microphone [role=status]").inner_text().split()[1])
    assert 0.3 <= seconds < 1.5 and page.evaluate(ENDED)

    # the reader does not answer, gives up, and then allows it after all
    page.evaluate(
        """() => {
          lab.real = navigator.mediaDevices.getUserMedia;
          const answered = new Promise((resolve) => { lab.answer = resolve; });
          navigator.mediaDevices.getUserMedia = async (wish) => {
            await answered;
            return lab.real(wish);
          };
          asked.length = 0;
        }"""
    )
    button.click()
    said_below(panel, "Waiting until the browser")
    panel.get_by_role("button", name="Give up waiting").click()
    assert button.inner_text() == "Record your voice"
    page.evaluate("lab.answer(); void (navigator.mediaDevices.getUserMedia = lab.real)")
    page.wait_for_function(f"asked.length === 1 && {ENDED}")
    told_in_python(page, "''")
    assert button.inner_text() == "Record your voice"


def test_a_slider_shows_recordings_again(open_notebook, page, may, voice):
    panel, button = opened(page, open_notebook)
    speak(voice, listening.as_int16(small_panels.voices().test.sounds[0]))
    press_and_wait(page, panel, button)
    panel.get_by_role("slider", name="recording", exact=True).focus()
    page.keyboard.press("ArrowRight")
    panel.locator(".snnlab-text").filter(has_text="said by speaker").wait_for()
    assert page.evaluate("lab.ask('len(panel.values[\"sound\"])')") == "0"
    press_and_wait(page, panel, button)
    page.evaluate("lab.run('panel.reset()')")
    panel.locator(".snnlab-text").filter(has_text="said by speaker").wait_for()
