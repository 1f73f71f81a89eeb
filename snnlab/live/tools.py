"""`Tools`: what a panel's reader can do with it besides: enlarge, compare, copy, download."""

import threading

import anywidget
import traitlets

from snnlab.live.controls import leave_main_thread

# kind of message, what the button says, what it does in some words; the page sees to the first
BUTTONS = (
    ("large", "Larger", "The picture as large as the page allows, controls above it; again: back"),
    ("pin", "Pin", "Leave this picture behind, pale, to compare others with; again: take it away"),
    ("reset", "Reset", "All controls as they were at first"),
    ("code", "Code", "Copy a line of Python that sets the controls as they are"),
    ("png", "PNG", "Download the picture"),
    ("svg", "SVG", "Download the picture as a drawing that can be enlarged"),
    ("network", "Network", "Download the network: snnlab.Network.load reads it"),
)


class Tools(anywidget.AnyWidget):
    """A row of small buttons; what they do is told to ``act``.

    Parameters
    ----------
    act : callable
        ``act(kind)`` with the kind of a button, one of those of `BUTTONS`; it returns None, a text
        to be copied, or name and content of a file.

    Attributes
    ----------
    pinned : bool
        Whether a picture is pinned.
    lacks : list of str
        Kinds of buttons that are not there.
    """

    buttons = traitlets.List([list(button) for button in BUTTONS]).tag(sync=True)
    pinned = traitlets.Bool().tag(sync=True)
    lacks = traitlets.List(traitlets.Unicode()).tag(sync=True)
    _esm = """
    function render({ model, el }) {
      const row = document.createElement("div"), said = document.createElement("span");
      row.className = "snnlab-tools";
      row.setAttribute("role", "group");
      row.setAttribute("aria-label", "enlarge, compare, copy, download");
      said.setAttribute("role", "status");
      el.append(row);
      let waiting = 0;
      const tell = (words) => {
        said.textContent = words;
        clearTimeout(waiting);
        waiting = setTimeout(() => { said.textContent = ""; }, 4000);
      };
      const buttons = {};
      for (const [kind, label, title] of model.get("buttons")) {
        const button = buttons[kind] = document.createElement("button");
        Object.assign(button, { textContent: label, title, type: "button" });
        button.onclick = () => { model.send({ kind }); };
        row.append(button);
      }
      const enlarge = (on) => {
        el.closest(".snnlab-panel")?.classList.toggle("snnlab-large", on);
        buttons.large.textContent = on ? "Smaller" : "Larger";
        buttons.large.setAttribute("aria-pressed", String(on));
      };
      buttons.large.onclick = () => enlarge(buttons.large.textContent === "Larger");
      enlarge(false);
      row.append(said);
      const update = () => {
        const pinned = model.get("pinned");
        buttons.pin.textContent = pinned ? "Unpin" : "Pin";
        buttons.pin.setAttribute("aria-pressed", String(pinned));
        for (const [kind, button] of Object.entries(buttons))
          button.style.display = model.get("lacks").includes(kind) ? "none" : "";
      };
      const copy = async (text) => {
        try { await navigator.clipboard.writeText(text); } catch {
          const box = document.createElement("textarea");  // where the clipboard may not be written
          box.value = text;
          document.body.append(box);
          box.select();
          const done = document.execCommand("copy");
          box.remove();
          if (!done) return tell(text);
        }
        tell("copied");
      };
      const received = (message, buffers) => {
        if (message.kind === "copy") return copy(message.text);
        if (message.kind !== "file") return;
        const url = URL.createObjectURL(new Blob([buffers[0]], { type: message.type }));
        const link = document.createElement("a");
        Object.assign(link, { href: url, download: message.name });
        document.body.append(link);
        link.click();
        link.remove();
        setTimeout(() => URL.revokeObjectURL(url), 10000);
        tell(message.name);
      };
      model.on("msg:custom", received);
      model.on("change:pinned change:lacks", update);
      update();
      return () => {
        clearTimeout(waiting);
        model.off("msg:custom", received);
        model.off("change:pinned change:lacks", update);
      };
    }
    export default { render };
    """

    def __init__(self, act, **settings):
        super().__init__(**settings)
        self._act = act
        self.on_msg(self._received)

    def _received(self, widget, message, buffers):
        kind = message.get("kind")
        if kind not in [kind for kind, *_ in BUTTONS[1:]]:
            return
        found = self._act(kind)
        if isinstance(found, str):
            self.send({"kind": "copy", "text": found})
        elif found is not None:
            name, content = found
            types = {"png": "image/png", "svg": "image/svg+xml"}
            kind = types.get(name.rpartition(".")[2], "application/octet-stream")
            self.send({"kind": "file", "name": name, "type": kind}, [content])
        if threading.current_thread() is threading.main_thread():
            leave_main_thread(self)
