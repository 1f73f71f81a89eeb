"""How a widget of our own tells the kernel what was drawn or clicked, and is told that it was seen.

The page sends the newest state once the one before was seen to, so that on a slow machine no queue
of old ones builds up; after a second anyway, should no answer come.
"""

import threading

import anywidget

from snnlab.live.controls import leave_main_thread

# For the module that a widget's ``_esm`` is: ``mailbox(model, kind, state)`` is shared by all views
# of the widget; ``state()`` gives what is to be sent.
MAILBOX = """
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
"""


class Mailed(anywidget.AnyWidget):
    """A widget whose page sends with a `MAILBOX`."""

    def _seen(self):
        """Now the page may send the next state."""
        self.send({"kind": "seen"})
        if threading.current_thread() is threading.main_thread():
            leave_main_thread(self)
