"""A board: cells on a canvas that a reader changes, by mouse, pen, finger or keyboard.

`Pad` and `Grid` are boards. The page sends the newest state once the one before was seen to, so
that on a slow machine no queue of old ones builds up; after a second anyway, should no answer come.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import anywidget
import numpy as np
import traitlets

from snnlab.live.controls import leave_main_thread

if TYPE_CHECKING:
    from typing import Any

# For the module that a board's ``_esm`` is. ``mailbox(model, kind, state)`` is shared by all views
# of it; ``state()`` gives what is to be sent. ``cells(model, kind, n)`` are the bytes that all of
# them show: a view, a function that paints, is opened and closed, and says when they ``changed``.
# ``board`` makes the elements of a view.
COMMON = """
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const mailbox = (model, kind, state) => {
  const mail = (model.snnlabMail ||= { timer: 0, sent: -1000, waits: false });
  const send = () => {
    const rest = mail.waits ? mail.sent + 1000 - performance.now() : 0;
    mail.timer = rest > 0 ? setTimeout(send, rest) : 0;
    if (mail.timer) return;
    mail.waits = true;
    mail.sent = performance.now();
    model.send({ kind }, undefined, [state()]);
  };
  const soon = () => setTimeout(send, Math.max(0, mail.sent + 30 - performance.now()));
  const answered = (message) => {
    if (message.kind !== "seen") return;
    mail.waits = false;
    if (!mail.timer) return;
    clearTimeout(mail.timer);
    mail.timer = soon();
  };
  model.on("msg:custom", answered);
  return {
    changed: () => { mail.timer ||= soon(); },
    close: (last) => {
      if (last) mail.timer = clearTimeout(mail.timer) || 0;
      model.off("msg:custom", answered);
    },
  };
};

const cells = (model, kind, n) => {
  const bytes = (model.snnlabBytes ||= new Uint8Array(n));
  const views = (model.snnlabViews ||= new Set());
  const mail = mailbox(model, kind, () => bytes.slice().buffer);
  const paint = () => { for (const view of views) view(); };
  const given = () => {
    const view = model.get("_given");
    if (view?.byteLength !== n) return;
    bytes.set(new Uint8Array(view.buffer, view.byteOffset, n));
    paint();
  };
  model.on("change:_given", given);
  return {
    bytes,
    changed: () => { paint(); mail.changed(); },
    open: (view) => { views.add(view); given(); view(); },
    close: (view) => {
      views.delete(view);
      mail.close(!views.size);
      model.off("change:_given", given);
    },
  };
};

const board = (model, el, { size, cursor, role, keys, button }) => {
  const make = (tag, part) => {
    const node = document.createElement(tag);
    if (part !== undefined) node.className = "snnlab-board" + part;
    return node;
  };
  const box = make("div", ""), canvas = make("canvas"), foot = make("div", "-foot");
  const hint = make("span"), clear = make("button"), said = make("div", "-said");
  [canvas.width, canvas.height] = size;
  canvas.style.cursor = cursor;
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "application");
  canvas.setAttribute("aria-roledescription", role);
  canvas.setAttribute("aria-label", `${model.get("name")}: ${keys}`);
  clear.textContent = button;
  said.setAttribute("role", "status");
  foot.append(hint, clear);
  box.append(canvas, foot, said);
  el.append(box);
  return { canvas, hint, clear, said };
};
"""
STYLE = """
.snnlab-board { display: inline-block; margin: 2px 0 6px 0; }
.snnlab-board canvas { touch-action: none; background: #fff; border: 1px solid #767676;
                       display: block; }
.snnlab-board canvas:focus-visible { outline: 3px solid #0072B2; outline-offset: 1px; }
.snnlab-board-foot { display: flex; justify-content: space-between; align-items: center; gap: 8px;
                     margin-top: 3px; font-size: var(--jp-ui-font-size1, 13px);
                     color: var(--jp-ui-font-color1, inherit); }
.snnlab-board button { font: inherit; padding: 1px 10px; }
.snnlab-board-said { position: absolute; width: 1px; height: 1px; overflow: hidden;
                     clip-path: inset(50%); white-space: nowrap; }
"""


def read_only(value):
    """An array that cannot be written into; what is given should be nobody else's."""
    value.flags.writeable = False
    return value


class Board(anywidget.AnyWidget):
    """A widget whose page shows `COMMON` cells, one byte each; `Pad` and `Grid` say what of.

    Subclasses give ``kind``, the name of their messages; ``to_bytes(value)`` and its inverse
    ``from_bytes(content)``.

    Attributes
    ----------
    name : str
        Accessible name.
    value : array
        What is shown. Can be set as a whole; it is read-only, for writing into it would go unseen.
    """

    kind = ""
    name = traitlets.Unicode("board").tag(sync=True)
    value = traitlets.Instance(np.ndarray)
    _given = traitlets.Bytes().tag(sync=True)  # cells set from Python
    _css = STYLE
    _from_page = None

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.on_msg(self._received)
        self.observe(self._set, "value")

    def _set(self, change):
        """A value set from Python is shown; one that came from the page is there already."""
        cells = self.to_bytes(self.value)
        if cells != self._from_page:
            self._given = b""  # the same cells twice must arrive twice
            self._given = cells
        self._from_page = None

    def _received(self, widget, message, buffers):
        if message.get("kind") != self.kind or len(buffers[0]) != self.value.size:
            return
        self._from_page = bytes(buffers[0])
        try:
            self.value = self.from_bytes(np.frombuffer(self._from_page, np.uint8))
        finally:
            self._seen()

    def _seen(self):
        """Now the page may send the next state."""
        self.send({"kind": "seen"})
        if threading.current_thread() is threading.main_thread():
            leave_main_thread(self)
