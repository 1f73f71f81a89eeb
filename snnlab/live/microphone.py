"""`Microphone`: a button on the page that records a short sound, when a reader presses it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import anywidget
import numpy as np
import traitlets

from snnlab import _check
from snnlab.live.board import read_only
from snnlab.live.controls import Control, leave_main_thread

if TYPE_CHECKING:
    from typing import Any

    from ipywidgets import Widget
    from numpy.typing import ArrayLike

LOWEST, HIGHEST = 8000, 192000  # samples per second that browsers record with
MORE = 0.2  # seconds by which a page may be late to stop


class Microphone(anywidget.AnyWidget):
    """A button that records what is said into the reader's microphone.

    The page asks the browser for the microphone once the button was pressed, not before, and gives
    it back when the recording has ended: after ``seconds``, or when the button is pressed again.
    The sound goes to the kernel, wherever that runs, and nowhere else. What keeps the page from
    recording is said below the button, and in `fault`.

    Parameters
    ----------
    name : str
        What is recorded, in a word or two: the button says "Record" and this.
    sample_rate : int
        Samples per second that `value` is to have, whatever the page records with.
    seconds : float
        The longest recording.

    Attributes
    ----------
    value : array of int16 (n,)
        What was recorded last, at ``sample_rate``; empty before. Can be set, as a whole: it is
        read-only; watch it by
        ``microphone.observe(function, "value")``.
    recorded_rate : int
        Samples per second that the page recorded with; 0 before.
    fault : str
        Why there is no sound, in a sentence; empty if there is none to tell.
    """

    name = traitlets.Unicode("sound").tag(sync=True)
    seconds = traitlets.Float(1.5).tag(sync=True)
    fault = traitlets.Unicode().tag(sync=True)
    recorded_rate = traitlets.Int()
    sample_rate = traitlets.Int()
    value = traitlets.Instance(np.ndarray)
    _css = """
    .snnlab-microphone { display: flex; flex-flow: row wrap; align-items: center; gap: 3px 8px;
      margin: 3px 2px;
      font-size: var(--jp-ui-font-size1, 13px); color: var(--jp-ui-font-color1, inherit); }
    .snnlab-microphone button { font: inherit; padding: 2px 10px; color: inherit; cursor: pointer;
      background: var(--jp-layout-color2, #eee); border: 1px solid var(--jp-border-color1, #bbb);
      border-radius: 2px; }
    .snnlab-microphone button:focus-visible { outline: 3px solid #0072B2; outline-offset: 1px; }
    .snnlab-microphone button::before { content: ""; display: inline-block; width: 10px;
      height: 10px; margin-right: 6px; background: #D55E00; border-radius: 5px; }
    .snnlab-microphone button[data-state=records]::before { border-radius: 0; }
    .snnlab-microphone-level { flex: 1 1 40px; height: 8px; border: 1px solid #767676; }
    .snnlab-microphone-level > div { width: 0; height: 100%; background: #D55E00; }
    .snnlab-microphone-said { flex: 0 1 auto; line-height: 1.3; }
    """
    _esm = """
    // hands on what it hears, some thousand samples at a time
    const WORKLET = `
      class Tap extends AudioWorkletProcessor {
        constructor() { super(); this.part = new Float32Array(2048); this.n = 0; }
        process([[channel]]) {
          if (!channel) return true;
          this.part.set(channel, this.n);
          this.n += channel.length;
          if (this.n + channel.length > this.part.length) {
            this.port.postMessage(this.part.slice(0, this.n));
            this.n = 0;
          }
          return true;
        }
      }
      registerProcessor("snnlab-tap", Tap);
    `;
    const NO_PAGE = "This page may not use a microphone: browsers allow it only at https " +
      "addresses and on this very computer.";
    const FAULTS = {
      NotAllowedError: "The microphone was refused: allow this page to use it in the browser's " +
        "settings, then press again.",
      NotFoundError: "There is no microphone.",
      NotReadableError: "The microphone does not answer: perhaps another program uses it.",
    };
    const why = (fault) => FAULTS[fault.name] ||
      `This page cannot record: ${fault.message || fault.name}.`;

    // resolves to samples and their rate; `stop` ends it early, `level` is told how loud it is
    const record = async (seconds, job, level) => {
      const may = window.isSecureContext && navigator.mediaDevices?.getUserMedia;
      if (!may || !window.AudioWorkletNode) throw { message: NO_PAGE, plain: true };
      const off = { echoCancellation: false, autoGainControl: false, noiseSuppression: false };
      const audio = { channelCount: 1, ...off };  // as it is: what is off changes words, too
      const stream = await navigator.mediaDevices.getUserMedia({ audio });
      const tracks = stream.getTracks();
      let context = null;
      try {
        if (job.over) return null;
        context = new AudioContext();
        const address = URL.createObjectURL(new Blob([WORKLET], { type: "text/javascript" }));
        try { await context.audioWorklet.addModule(address); }
        finally { URL.revokeObjectURL(address); }
        await context.resume();
        if (job.over) return null;
        const tap = new AudioWorkletNode(context, "snnlab-tap");
        const parts = [], most = Math.round(seconds * context.sampleRate);
        let n = 0;
        const ended = new Promise((resolve, reject) => {
          job.stop = resolve;
          tap.port.onmessage = ({ data }) => {
            parts.push(data);
            n += data.length;
            level(data.reduce((a, x) => Math.max(a, Math.abs(x)), 0));
            if (n >= most) resolve();
          };
          tracks[0].onended = () => reject({ name: "NotReadableError" });
          setTimeout(() => n ? resolve() : reject({ name: "NotReadableError" }),
            1000 * seconds + 2000);  // a microphone that gives nothing
        });
        // on to the loudspeaker, silent: else some browsers do not run it
        context.createMediaStreamSource(stream).connect(tap).connect(context.destination);
        job.began();
        await ended;
        const whole = new Int16Array(Math.min(n, most));
        let at = 0;
        for (const part of parts)
          for (const x of part)
            if (at < whole.length) whole[at++] = Math.max(-32768, Math.min(32767, 32768 * x));
        return { samples: whole, rate: context.sampleRate };
      } finally {
        for (const track of tracks) track.stop();  // the browser's sign of a recording goes off
        context?.close();
      }
    };

    function render({ model, el }) {
      const make = (tag, part) => {
        const node = document.createElement(tag);
        node.className = "snnlab-microphone" + part;
        return node;
      };
      const box = make("div", ""), button = make("button", "-button");
      const level = make("div", "-level"), bar = document.createElement("div");
      const said = make("div", "-said");
      said.setAttribute("role", "status");
      said.setAttribute("aria-live", "polite");
      level.setAttribute("aria-hidden", "true");
      level.append(bar);
      box.append(button, said, level);
      el.append(box);
      let job = null, answer = 0;
      const LABELS = {
        rests: `Record ${model.get("name")}`, waits: "Give up waiting", records: "Stop recording",
      };
      const show = (state, words) => {
        button.dataset.state = state;
        button.textContent = LABELS[state];
        level.style.display = state === "records" ? "" : "none";
        if (words !== undefined) said.textContent = words;
      };
      const fails = (words) => {
        model.set("fault", words);
        model.save_changes();
        show("rests", words);
      };
      const send = ({ samples, rate }) => {
        const long = (samples.length / rate).toFixed(1);
        if (!samples.length) return fails("Nothing was recorded: press, speak, then wait.");
        show("rests", `Recorded ${long} s.`);
        clearTimeout(answer);
        answer = setTimeout(() => {
          said.textContent = `Recorded ${long} s, but the kernel does not answer: ` +
            "it may be busy, or gone.";
        }, 5000);
        model.send({ kind: "sound", rate }, undefined, [samples.buffer]);
      };
      const press = async () => {
        if (job) {
          job.over = true;
          if (job.stop) return job.stop();
          job = null;
          return show("rests", "");
        }
        const mine = job = { over: false, began: () => show("records", "Speak now.") };
        show("waits", "Waiting until the browser lets the page use the microphone.");
        bar.style.width = 0;
        let result = null, words = "";
        try {
          result = await record(model.get("seconds"), mine, (x) => {
            bar.style.width = `${Math.min(100, 100 * Math.sqrt(x))}%`;
          });
        } catch (fault) {
          words = fault.plain ? fault.message : why(fault);
        }
        if (job !== mine) return;  // given up
        job = null;
        if (words) fails(words);
        else if (result) send(result);
      };
      const told = () => {
        const words = model.get("fault");
        if (!job && words) show("rests", words);
      };
      const heard = (message) => { if (message.kind === "seen") clearTimeout(answer); };
      button.type = "button";
      button.onclick = press;
      model.on("change:fault", told);
      model.on("msg:custom", heard);
      show("rests", model.get("fault"));
      return () => {
        if (job) { job.over = true; job.stop?.(); job = null; }
        clearTimeout(answer);
        model.off("change:fault", told);
        model.off("msg:custom", heard);
      };
    }
    export default { render };
    """

    @_check.given(name=_check.text)
    def __init__(
        self,
        name: str = "sound",
        sample_rate: int = 8000,
        seconds: float = 1.5,
        **settings: Any,
    ) -> None:
        sample_rate = _check.integer("sample_rate", sample_rate, 1000, HIGHEST)
        seconds = _check.number("seconds", seconds, at_least=0.1, at_most=60)
        empty = np.zeros(0, np.int16)
        super().__init__(
            name=name, sample_rate=sample_rate, seconds=seconds, value=empty, **settings
        )
        self.on_msg(self._received)

    @traitlets.validate("value")
    def _valid(self, proposal):
        most = (self.seconds + MORE) * self.sample_rate
        return read_only(checked_sound("value", proposal["value"], most))

    def hear(self, sound: ArrayLike, sample_rate: int) -> None:
        """Take a sound as if it had been recorded on the page.

        Parameters
        ----------
        sound : array of int16 (n,)
            At most as long as a recording.
        sample_rate : int
            Samples per second, from 8,000 to 192,000; `value` is made of it by
            `scipy.signal.resample_poly`, which keeps out pitches that the lower of both rates
            cannot hold.

        Raises
        ------
        TypeError, ValueError
            Sounds that are none, or too long; the message names the argument.
        """
        rate = _check.integer("sample_rate", sample_rate, LOWEST, HIGHEST)
        sound = checked_sound("sound", sound, (self.seconds + MORE) * rate)
        if not sound.size:
            raise ValueError("sound is empty")
        heard = resampled(sound, rate, self.sample_rate)
        self.fault, self.recorded_rate = "", rate
        self.value = heard

    def _received(self, widget, message, buffers):
        if message.get("kind") != "sound":
            return
        try:
            self.hear(np.frombuffer(buffers[0], "<i2").astype(np.int16), message.get("rate"))
        except (IndexError, TypeError, ValueError) as fault:  # the page shows it
            self.fault = f"What the page has sent is no recording: {fault}"
        finally:
            self.send({"kind": "seen"})
            leave_main_thread(self)


def checked_sound(name, value, most):
    """A copy of a sound of int16 that has at most so many samples."""
    x = _check.sound(name, value)
    if x.size > most:
        raise ValueError(f"{name} must be int16 (n,), n at most {int(most)}, got {x.shape}")
    return x.copy()


def resampled(sound, old, new):
    """A sound of int16 at another sample rate."""
    from scipy.signal import resample_poly  # takes a while, and is rarely needed

    ratio = Fraction(new, old).limit_denominator(1000)
    if ratio == 1:
        return sound
    out = resample_poly(sound.astype(np.float64), ratio.numerator, ratio.denominator)
    return np.clip(np.rint(out), -32768, 32767).astype(np.int16)


@dataclass(frozen=True)
class Spoken(Control):
    """A control of a panel: a `Microphone`; ``simulate`` is given what was said, int16 (n,).

    Before anything was said the array is empty.

    Parameters
    ----------
    label : str
        What is recorded, in a word or two.
    sample_rate : int
        Of the array, in samples per second.
    seconds : float
        The longest recording.
    """

    label: str
    sample_rate: int = 8000
    seconds: float = 1.5

    def check(self, name: str, value: Any) -> np.ndarray:
        """A sound, or an empty array."""
        return checked_sound(name, value, (self.seconds + MORE) * self.sample_rate)

    def widget(self) -> Widget:
        """A microphone."""
        return Microphone(self.label, self.sample_rate, self.seconds)
