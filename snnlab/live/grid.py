"""A grid of cells that can be switched off, by mouse, pen, finger or keyboard."""

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


class Grid(Board):
    """Cells in rows; each can be switched off and on again.

    A click switches a cell; dragging on switches others likewise. With the keyboard: arrow keys
    move, space switches, with shift they switch off, delete or backspace switches all on. Cells
    that are off are crossed out.

    Parameters
    ----------
    n : int
        Cells.
    columns : int
        Per row.
    name : str
        Accessible name.

    Attributes
    ----------
    value : array of bool (n,)
        Which cells are off. Can be set, as a whole: it is read-only; watch it by
        ``grid.observe(function, "value")``.
    level : bytes of length n, or empty
        How dark each cell is drawn, up to 255.
    """

    n = traitlets.Int(128).tag(sync=True)
    columns = traitlets.Int(16).tag(sync=True)
    name = traitlets.Unicode("cells").tag(sync=True)
    level = traitlets.Bytes().tag(sync=True)
    kind = "cells"
    _esm = (
        COMMON
        + """
    function render({ model, el }) {
      const n = model.get("n"), columns = model.get("columns"), rows = Math.ceil(n / columns);
      const size = Math.floor(320 / columns);
      const all = cells(model, "cells", n), off = all.bytes;
      const { canvas, hint, clear, said } = board(model, el, {
        size: [columns * size, rows * size], cursor: "pointer", role: "grid of switches",
        keys: "arrow keys move, space switches, shift and arrow keys switch off, " +
          "delete switches on",
        button: "All on",
      });

      const pen = canvas.getContext("2d");
      let cursor = null, painting = null, before = null;
      const paint = () => {
        const level = model.get("level");
        pen.fillStyle = "#fff";
        pen.fillRect(0, 0, canvas.width, canvas.height);
        for (let k = 0; k < n; k++) {
          const x = (k % columns) * size, y = Math.floor(k / columns) * size;
          const grey = 245 - 0.75 * (level?.byteLength === n ? level.getUint8(k) : 128);
          pen.fillStyle = off[k] ? "#fff" : `rgb(${grey},${grey},${grey})`;
          pen.fillRect(x + 1, y + 1, size - 2, size - 2);
          if (!off[k]) continue;
          pen.strokeStyle = "#D55E00";
          pen.lineWidth = 2;
          pen.beginPath();
          pen.moveTo(x + 4, y + 4); pen.lineTo(x + size - 4, y + size - 4);
          pen.moveTo(x + size - 4, y + 4); pen.lineTo(x + 4, y + size - 4);
          pen.stroke();
        }
        if (cursor && document.activeElement === canvas) {
          pen.strokeStyle = "#0072B2";
          pen.lineWidth = 2;
          pen.strokeRect(cursor[0] * size + 1, cursor[1] * size + 1, size - 2, size - 2);
        }
        const dead = off.reduce((a, b) => a + b, 0);
        hint.textContent = `click one: ${dead} of ${n} are off`;
      };
      const set = (k, state) => {
        if (k < 0 || k >= n || off[k] === state) return;
        off[k] = state;
        all.changed();
      };
      const place = (e) => {
        const r = canvas.getBoundingClientRect();
        return [(e.clientX - r.left) * columns / r.width, (e.clientY - r.top) * rows / r.height];
      };
      const at = (x, y) => {
        const i = Math.floor(x), j = Math.floor(y);
        return i < 0 || i >= columns || j < 0 || j >= rows ? -1 : j * columns + i;
      };
      const heal = () => { off.fill(0); said.textContent = "all on"; all.changed(); };
      canvas.onpointerdown = (e) => {
        canvas.setPointerCapture(e.pointerId);
        canvas.focus({ preventScroll: true });
        cursor = null;
        before = place(e);
        const k = at(...before);
        if (k >= 0 && k < n) { painting = 1 - off[k]; set(k, painting); }
        e.preventDefault();
      };
      canvas.onpointermove = (e) => {
        if (painting === null) return;
        const here = place(e), way = here.map((x, i) => x - before[i]);
        const m = Math.max(1, Math.ceil(4 * Math.hypot(...way)));  // a quick hand skips no cell
        for (let k = 1; k <= m; k++) set(at(...before.map((x, i) => x + way[i] * k / m)), painting);
        before = here;
      };
      canvas.onpointerup = canvas.onpointercancel = () => { painting = null; };
      canvas.onkeydown = (e) => {
        const move = MOVES[e.key], wipe = e.key === "Delete" || e.key === "Backspace";
        if (!move && !wipe && e.key !== " ") return;  // others stay with the page
        e.preventDefault();
        e.stopPropagation();
        if (wipe) return heal();
        cursor ||= [0, 0];
        if (e.key === " ") {
          const k = cursor[1] * columns + cursor[0];
          if (k < n) set(k, 1 - off[k]);
        } else {
          const edge = [columns - 1, rows - 1];
          cursor = cursor.map((k, i) => Math.min(edge[i], Math.max(0, k + move[i])));
          if (e.shiftKey) set(cursor[1] * columns + cursor[0], 1);
          paint();
        }
        const k = cursor[1] * columns + cursor[0];
        said.textContent = k < n ? `${k}, ${off[k] ? "off" : "on"}` : "no cell";
      };
      canvas.onfocus = canvas.onblur = paint;
      clear.onclick = heal;
      model.on("change:level", paint);
      all.open(paint);
      return () => {
        all.close(paint);
        model.off("change:level", paint);
      };
    }
    export default { render };
    """
    )

    def __init__(
        self, n: int = 128, columns: int = 16, name: str = "cells", **settings: Any
    ) -> None:
        n = _check.integer("n", n, at_least=1)
        columns = _check.integer("columns", columns, at_least=1)
        _check.text("name", name)
        super().__init__(n=n, columns=columns, name=name, value=np.zeros(n, bool), **settings)

    @traitlets.validate("value")
    def _valid(self, proposal):
        return read_only(_bools("value", proposal["value"], self.n))

    def to_bytes(self, value: Any) -> bytes:
        """A byte per cell, 1 if it is off."""
        return value.astype(np.uint8).tobytes()

    def from_bytes(self, content: np.ndarray) -> np.ndarray:
        """The inverse, of an array of uint8."""
        return content > 0


def _bools(name, value, n):
    value = _check.as_array(name, value)
    if value.shape != (n,) or value.dtype != np.bool_:
        raise ValueError(f"{name} must be {n} bools, got {value.dtype} {value.shape}")
    return value.copy()


@dataclass(frozen=True)
class Switches(Control):
    """A control of a panel: a `Grid`; ``simulate`` is given which cells are off, bools (n,).

    Parameters
    ----------
    label : str
    n : int
        Cells.
    columns : int
        Per row.
    value : array of bool (n,), optional
        Which are off at first; none by default.
    """

    label: str
    n: int = 128
    columns: int = 16
    value: object = None

    def check(self, name: str, value: Any) -> np.ndarray:
        """An array of bools."""
        if value is None:
            raise TypeError(f"{name} must hold True and False, not None")
        return _bools(name, value, self.n)

    def widget(self) -> Widget:
        """A grid."""
        grid = Grid(self.n, self.columns, self.label)
        if self.value is not None:
            grid.value = self.value
        return grid
