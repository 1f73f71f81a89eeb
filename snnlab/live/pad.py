"""A pad to draw on, by mouse, pen, finger or keyboard."""

from dataclasses import dataclass

import numpy as np
import traitlets

from snnlab import _check
from snnlab.live.controls import Control
from snnlab.live.mail import MAILBOX, Mailed


class Pad(Mailed):
    """A square of pixels that can be drawn on; strokes are soft-edged, as scanned ink is.

    Mouse, pen and finger paint. With the keyboard: arrow keys move the cursor, with shift they
    paint, space paints a dot, delete or backspace wipes all. A line under the pad says what is
    there for screen readers.

    Parameters
    ----------
    n : int
        Pixels per side.
    name : str
        Accessible name.

    Attributes
    ----------
    value : array of float32 (n, n)
        What is drawn, from 0 (blank) to 1 (ink), row by row. Can be set; watch it by
        ``pad.observe(function, "value")``.
    """

    n = traitlets.Int(16).tag(sync=True)
    name = traitlets.Unicode("drawing").tag(sync=True)
    value = traitlets.Instance(np.ndarray)
    _given = traitlets.Bytes().tag(sync=True)  # pixels set from Python

    _css = """
    .snnlab-pad { display: inline-block; margin: 2px 0 6px 0; }
    .snnlab-pad canvas { touch-action: none; background: #fff; border: 1px solid #767676;
                         cursor: crosshair; display: block; }
    .snnlab-pad canvas:focus-visible { outline: 3px solid #0072B2; outline-offset: 1px; }
    .snnlab-pad .snnlab-pad-foot { display: flex; justify-content: space-between;
                                   align-items: center; gap: 8px; margin-top: 3px;
                                   font-size: var(--jp-ui-font-size1, 13px);
                                   color: var(--jp-ui-font-color1, inherit); }
    .snnlab-pad button { font: inherit; padding: 1px 10px; }
    .snnlab-pad .snnlab-pad-said { position: absolute; width: 1px; height: 1px; overflow: hidden;
                                   clip-path: inset(50%); white-space: nowrap; }
    """
    _esm = (
        MAILBOX
        + """
    const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const PEN = 1.05;  // radius of the pen in pixels

    function render({ model, el }) {
      const n = model.get("n"), size = Math.floor(256 / n);
      // shared by all views of this pad
      const px = (model.snnlabPixels ||= new Uint8Array(n * n));
      const views = (model.snnlabViews ||= new Set());
      const box = document.createElement("div"), canvas = document.createElement("canvas");
      box.className = "snnlab-pad";
      canvas.width = canvas.height = n * size;
      canvas.tabIndex = 0;
      canvas.setAttribute("role", "application");
      canvas.setAttribute("aria-roledescription", "drawing pad");
      canvas.setAttribute("aria-label", model.get("name") +
        ": arrow keys move, shift and arrow keys paint, space paints a dot, delete wipes");
      const foot = document.createElement("div"), hint = document.createElement("span");
      foot.className = "snnlab-pad-foot";
      hint.textContent = "draw with the mouse";
      const wipe = document.createElement("button");
      wipe.textContent = "Wipe";
      const said = document.createElement("div");
      said.className = "snnlab-pad-said";
      said.setAttribute("role", "status");
      foot.append(hint, wipe);
      box.append(canvas, foot, said);
      el.append(box);

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
      views.add(paint);
      const mail = mailbox(model, "pixels", () => px.slice().buffer);
      const changed = () => {
        for (const view of views) view();
        mail.changed();
      };
      const dot = (x, y) => {  // in pixels; what is dark stays dark
        for (let j = Math.max(0, Math.floor(y - 2)); j <= Math.min(n - 1, y + 2); j++)
          for (let i = Math.max(0, Math.floor(x - 2)); i <= Math.min(n - 1, x + 2); i++) {
            const away = Math.hypot(i + 0.5 - x, j + 0.5 - y);
            const ink = Math.min(1, Math.max(0, PEN + 0.5 - away));
            px[j * n + i] = Math.max(px[j * n + i], Math.round(255 * ink));
          }
      };
      const line = (a, b) => {
        const m = Math.max(1, Math.ceil(4 * Math.hypot(b[0] - a[0], b[1] - a[1])));
        for (let k = 0; k <= m; k++) dot(...a.map((z, i) => z + (b[i] - z) * k / m));
        changed();
      };
      const at = (e) => {
        const r = canvas.getBoundingClientRect();
        return [(e.clientX - r.left) * n / r.width, (e.clientY - r.top) * n / r.height];
      };
      const clear = () => { px.fill(0); said.textContent = "blank"; changed(); };
      canvas.onpointerdown = (e) => {
        canvas.setPointerCapture(e.pointerId);
        canvas.focus({ preventScroll: true });
        cursor = null;
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
        const other = e.key === " " || e.key === "Delete" || e.key === "Backspace";
        if (!move && !other) return;  // Tab, Escape and shortcuts stay with the page
        e.preventDefault();
        e.stopPropagation();
        if (e.key === "Delete" || e.key === "Backspace") return clear();
        cursor ||= [n >> 1, n >> 1];
        const from = cursor.map((k) => k + 0.5);
        if (move) cursor = cursor.map((k, i) => Math.min(n - 1, Math.max(0, k + move[i])));
        if (e.shiftKey || !move) line(from, cursor.map((k) => k + 0.5));
        else paint();
        said.textContent = `row ${cursor[1] + 1} column ${cursor[0] + 1}`;
      };
      canvas.onfocus = canvas.onblur = paint;
      wipe.onclick = clear;
      const given = () => {
        const view = model.get("_given");
        if (view?.byteLength !== n * n) return;
        px.set(new Uint8Array(view.buffer, view.byteOffset, n * n));
        for (const other of views) other();
      };
      model.on("change:_given", given);
      given();
      paint();
      return () => {
        views.delete(paint);
        mail.close(!views.size);
        model.off("change:_given", given);
      };
    }
    export default { render };
    """
    )

    def __init__(self, n=16, name="drawing", **settings):
        n = _check.integer("n", n, at_least=2)
        super().__init__(n=n, name=name, value=np.zeros((n, n), np.float32), **settings)
        self.on_msg(self._received)
        self.observe(self._set, "value")

    @traitlets.validate("value")
    def _valid(self, proposal):
        shape = self.n, self.n
        return _check.array("value", proposal["value"], np.float32, shape, unit_interval=True)

    def _set(self, change):
        """A value set from Python is shown; one that came from the page is there already."""
        pixels = np.rint(255 * self.value).astype(np.uint8).tobytes()
        if pixels != self._from_page:
            self._given = b""  # the same picture twice must arrive twice
            self._given = pixels

    _from_page = None

    def _received(self, widget, message, buffers):
        if message.get("kind") == "pixels" and len(buffers[0]) == self.n**2:
            self._from_page = bytes(buffers[0])
            pixels = np.frombuffer(self._from_page, np.uint8).reshape(self.n, self.n)
            try:
                self.value = pixels / np.float32(255)
            finally:
                self._seen()


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
    """

    label: str
    n: int = 16
    value: object = None

    def widget(self):
        """A pad."""
        pad = Pad(self.n, self.label)
        if self.value is not None:
            pad.value = np.asarray(self.value)
        return pad
