"""`Loudspeaker`: plays sounds on the page, when a reader has asked for one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anywidget
import traitlets

from snnlab import _check

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

MOST = 60.0  # seconds


class Loudspeaker(anywidget.AnyWidget):
    """Plays sounds on the page; nothing of it is seen.

    A sound that is still playing is cut off by the next one. Browsers play only after a reader has
    clicked or typed somewhere on the page.

    Attributes
    ----------
    played : int
        How many sounds the page has begun to play.
    """

    played = traitlets.Int().tag(sync=True)
    _esm = """
    // once per model, not per view: else a panel that is shown twice would be heard twice
    function initialize({ model }) {
      let context = null, now = null;
      const play = (message, buffers) => {
        if (message.kind !== "play") return;
        const part = buffers[0], whole = part.buffer || part, from = part.byteOffset || 0;
        const samples = new Int16Array(whole.slice(from, from + part.byteLength));
        context ||= new AudioContext();
        context.resume();
        const sound = context.createBuffer(1, samples.length, message.rate);
        sound.copyToChannel(Float32Array.from(samples, (x) => x / 32768), 0);
        now?.stop();
        now = context.createBufferSource();
        now.buffer = sound;
        now.connect(context.destination);
        now.start();
        model.set("played", model.get("played") + 1);
        model.save_changes();
      };
      model.on("msg:custom", play);
      return () => {
        model.off("msg:custom", play);
        context?.close();
      };
    }
    function render({ el }) { el.style.display = "none"; }
    export default { initialize, render };
    """

    def play(self, sound: ArrayLike, sample_rate: float) -> None:
        """Have a sound played.

        Parameters
        ----------
        sound : array of int16 (n,)
            At most a minute of it.
        sample_rate : float
            Samples per second, from 8,000 to 96,000: what browsers can play.

        Raises
        ------
        TypeError, ValueError
            Sounds that are none, or too long; the message names the argument.
        """
        rate = _check.number("sample_rate", sample_rate, at_least=8000, at_most=96000)
        x = _check.sound("sound", sound)
        if not 0 < x.size <= MOST * rate:
            raise ValueError(f"sound must be int16 (n,), of at most {MOST:g} s, got {x.shape}")
        self.send({"kind": "play", "rate": rate}, buffers=[x.astype("<i2").tobytes()])
