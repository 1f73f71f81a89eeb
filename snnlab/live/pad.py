"""A pad to draw on, by mouse, pen, finger or keyboard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import traitlets

from snnlab import _check
from snnlab.live.board import COMMON, Board, read_only
from snnlab.live.controls import Control

if TYPE_CHECKING:
    from typing import Any

    from ipywidgets import Widget
    from numpy.typing import ArrayLike


class Pad(Board):
    """A square of pixels that can be drawn on; strokes are soft-edged, as scanned ink is.

    Mouse, pen and finger paint, or rub out while the eraser is chosen; strokes are undone one by
    one. With the keyboard: arrow keys move the cursor, with shift they paint, space paints a dot,
    E takes the eraser, control and Z undo, delete or backspace wipes all. A line under the pad
    says what is there for screen readers.

    Parameters
    ----------
    n : int
        Pixels per side.
    name : str
        Accessible name.
    samples : array (k, n, n), optional
        Pictures with values in [0, 1] that a button puts on the pad, one after the other.

    Attributes
    ----------
    value : array of float32 (n, n)
        What is drawn, from 0 (blank) to 1 (ink), row by row. Can be set, as a whole:
        it is read-only; watch it by ``pad.observe(function, "value")``.
    """

    n = traitlets.Int(16).tag(sync=True)
    name = traitlets.Unicode("drawing").tag(sync=True)
    _samples = traitlets.Bytes().tag(sync=True)
    kind = "pixels"
    _esm = (
        COMMON
        + """
    const PEN = 1.05;  // radius of the pen in pixels

    function render({ model, el }) {
      const n = model.get("n"), size = Math.floor(256 / n);
      const pixels = cells(model, "pixels", n * n), px = pixels.bytes;
      const { canvas, hint, clear, said } = board(model, el, {
        size: [n * size, n * size], cursor: "crosshair", role: "drawing pad", button: "Wipe",
        keys: "arrow keys move, shift and arrow keys paint, space paints a dot, E takes the " +
          "eraser, control Z undoes, delete wipes",
      });
      canvas.title = "draw with the mouse";
      const tool = (label, title, act) => {
        const button = document.createElement("button");
        [button.textContent, button.title, button.onclick] = [label, title, act];
        clear.before(button);
        return button;
      };
      const past = [];  // what was there before each of the last strokes
      const keep = () => { past.push(px.slice()); if (past.length > 100) past.shift(); };
      const undo = () => {
        if (!past.length) return;
        px.set(past.pop());
        said.textContent = "undone";
        pixels.changed();
      };
      const samples = model.get("_samples"), count = (samples?.byteLength || 0) / (n * n);
      let shown = -1, erases = false;
      if (count) tool("Sample", "Put a digit on the pad, the next one each time", () => {
        keep();
        shown = (shown + 1) % count;
        px.set(new Uint8Array(samples.buffer, samples.byteOffset + shown * n * n, n * n));
        said.textContent = `sample ${shown + 1} of ${count}`;
        pixels.changed();
      });
      const eraser = tool("Eraser", "Rub out instead of painting", () => {
        erases = !erases;
        eraser.setAttribute("aria-pressed", String(erases));
        said.textContent = erases ? "eraser" : "pen";
      });
      eraser.setAttribute("aria-pressed", "false");
      tool("Undo", "Take the last stroke back", undo);
      hint.remove();

      const pen = canvas.getContext("2d");
      let cursor = null, before = null;
      const paint = () => {
        for (let k = 0; k < n * n; k++) {
          const grey = 255 - px[k];
          pen.fillStyle = `rgb(${grey},${grey},${grey})`;
          pen.fillRect((k % n) * size, Math.floor(k / n) * size, size, size);
        }
        if (cursor && document.activeElement === canvas) {
          pen.strokeStyle = "#D55E00";
          pen.lineWidth = 2;
          pen.strokeRect(cursor[0] * size + 1, cursor[1] * size + 1, size - 2, size - 2);
        }
      };
      const dot = (x, y) => {  // in pixels; what is dark stays dark, and what is rubbed out white
        for (let j = Math.max(0, Math.floor(y - 2)); j <= Math.min(n - 1, y + 2); j++)
          for (let i = Math.max(0, Math.floor(x - 2)); i <= Math.min(n - 1, x + 2); i++) {
            const away = Math.hypot(i + 0.5 - x, j + 0.5 - y);
            const ink = Math.round(255 * Math.min(1, Math.max(0, PEN + 0.5 - away)));
            const k = j * n + i;
            px[k] = erases ? Math.min(px[k], 255 - ink) : Math.max(px[k], ink);
          }
      };
      const line = (a, b) => {
        const m = Math.max(1, Math.ceil(4 * Math.hypot(b[0] - a[0], b[1] - a[1])));
        for (let k = 0; k <= m; k++) dot(...a.map((z, i) => z + (b[i] - z) * k / m));
        pixels.changed();
      };
      const at = (e) => {
        const r = canvas.getBoundingClientRect();
        return [(e.clientX - r.left) * n / r.width, (e.clientY - r.top) * n / r.height];
      };
      const wipe = () => { keep(); px.fill(0); said.textContent = "blank"; pixels.changed(); };
      canvas.onpointerdown = (e) => {
        canvas.setPointerCapture(e.pointerId);
        canvas.focus({ preventScroll: true });
        cursor = null;
        keep();
        before = at(e);
        line(before, before);
        e.preventDefault();
      };
      canvas.onpointermove = (e) => {
        if (!before) return;
        for (const part of e.getCoalescedEvents?.() || [e]) {
          const here = at(part);
          line(before, here);
          before = here;
        }
      };
      canvas.onpointerup = canvas.onpointercancel = () => { before = null; };
      canvas.onkeydown = (e) => {
        const move = MOVES[e.key];
        const other = [" ", "Delete", "Backspace", "e", "E"].includes(e.key) && !e.ctrlKey;
        const back = (e.ctrlKey || e.metaKey) && e.key === "z";
        if (!move && !other && !back) return;  // Tab, Escape and shortcuts stay with the page
        e.preventDefault();
        e.stopPropagation();
        if (e.key === "Delete" || e.key === "Backspace") return wipe();
        if (back) return undo();
        if (e.key === "e" || e.key === "E") return eraser.click();
        cursor ||= [n >> 1, n >> 1];
        const from = cursor.map((k) => k + 0.5);
        if (move) cursor = cursor.map((k, i) => Math.min(n - 1, Math.max(0, k + move[i])));
        if (e.shiftKey || !move) keep();
        if (e.shiftKey || !move) line(from, cursor.map((k) => k + 0.5));
        else paint();
        said.textContent = `row ${cursor[1] + 1} column ${cursor[0] + 1}`;
      };
      canvas.onfocus = canvas.onblur = paint;
      clear.onclick = wipe;
      pixels.open(paint);
      return () => pixels.close(paint);
    }
    export default { render };
    """
    )

    def __init__(
        self, n: int = 16, name: str = "drawing", samples: ArrayLike | None = None, **settings: Any
    ) -> None:
        n = _check.integer("n", n, at_least=2)
        _check.text("name", name)
        if samples is not None:
            shape = None, n, n
            samples = _check.array("samples", samples, np.float32, shape, unit_interval=True)
            settings["_samples"] = self.to_bytes(samples)
        super().__init__(n=n, name=name, value=np.zeros((n, n), np.float32), **settings)

    @traitlets.validate("value")
    def _valid(self, proposal):
        return read_only(_copied("value", proposal["value"], self.n))

    def to_bytes(self, value: Any) -> bytes:
        """A byte per pixel."""
        return np.rint(255 * value).astype(np.uint8).tobytes()

    def from_bytes(self, content: np.ndarray) -> np.ndarray:
        """The inverse, of an array of uint8."""
        return content.reshape(self.n, self.n) / np.float32(255)


def _copied(name, value, n):
    """Ink of n by n pixels as an array of its own: what was given may be written to."""
    return _check.array(name, value, np.float32, (n, n), unit_interval=True).copy()


@dataclass(frozen=True)
class Drawing(Control):
    """A control of a panel: a `Pad`; ``simulate`` is given what is drawn, an array (n, n).

    Parameters
    ----------
    label : str
    n : int
        Pixels per side.
    value : array (n, n), optional
        What is drawn at first; nothing by default.
    samples : array (k, n, n), optional
        As for `Pad`.
    """

    label: str
    n: int = 16
    value: object = None
    samples: object = None

    def check(self, name: str, value: Any) -> np.ndarray:
        """An array of numbers from 0 to 1."""
        return _copied(name, value, self.n)

    def widget(self) -> Widget:
        """A pad."""
        pad = Pad(self.n, self.label, self.samples)
        if self.value is not None:
            pad.value = _check.as_array("value", self.value)
        return pad
