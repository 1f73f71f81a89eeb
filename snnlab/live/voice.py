"""What ipywidgets leaves out: names for who does not see the page, numbers as they are typed."""

from pathlib import Path

import anywidget
import traitlets


class Voice(anywidget.AnyWidget):
    """Gives the page what ipywidgets leaves out: names of sliders, a spoken line, numbers.

    ``names`` maps the CSS class of a control to its accessible name. ``say`` is spoken by screen
    readers once it has been still for a moment. Controls may be shown more than once, also later,
    so the whole notebook is watched. A number that is typed may have a decimal comma; if it is
    none, the one before comes back.
    """

    names = traitlets.Dict().tag(sync=True)
    say = traitlets.Unicode().tag(sync=True)
    _css = (Path(__file__).parent / "static" / "panel.css").read_text(encoding="utf-8")
    _esm = """
    function render({ model, el }) {
      const spoken = document.createElement("div");
      spoken.className = "snnlab-spoken";
      spoken.setAttribute("role", "status");
      el.append(spoken);

      const set = (node, key, value) => {
        if (node.getAttribute(key) !== value) node.setAttribute(key, value);
      };
      const label = () => {
        for (const [name, text] of Object.entries(model.get("names"))) {
          for (const box of document.getElementsByClassName(name)) {
            const buttons = box.querySelectorAll("button");
            if (box.classList.contains("widget-toggle-buttons")) {
              set(box, "role", "group");
              set(box, "aria-label", text);
              for (const b of buttons)
                set(b, "aria-pressed", String(b.classList.contains("mod-active")));
            }
            const handles = box.querySelectorAll("[role=slider], select, input");
            for (const handle of handles) set(handle, "aria-label", text);
            // else an arrow key on a menu takes JupyterLab to the next cell
            for (const menu of box.querySelectorAll("select"))
              set(menu, "data-lm-suppress-shortcuts", "true");
            const readout = box.querySelector(".widget-readout");
            if (readout) {
              // ipywidgets lets one type beside a slider of stops, and does nothing with it
              const stops = box.classList.contains("snnlab-stops");
              if (stops) set(readout, "contenteditable", "false");
              else set(readout, "aria-label", text + ", type a number");
              if (handles.length === 1) set(handles[0], "aria-valuetext", readout.textContent);
            }
          }
        }
        // else the page's shortcuts take the arrow keys of menus, and "d d" deletes the cell; they
        // look for this mark on what has the focus, and above it only as far as they match
        const parts = "select, input, button, canvas, [role=slider], [contenteditable=true]";
        for (const panel of document.getElementsByClassName("snnlab-panel"))
          for (const part of panel.querySelectorAll(parts))
            set(part, "data-lm-suppress-shortcuts", "true");
      };

      // ipywidgets reads "0,5" as 0; what it is about to read is put right before
      const number = (text) => {
        const plain = text.replace(/[\\s\\u2212]/g, (c) => (c === "\\u2212" ? "-" : ""));
        return plain.includes(".") ? plain.replace(/,/g, "") : plain.replace(",", ".");
      };
      const typing = ".snnlab-panel .widget-readout[contenteditable=true]";
      const readout = (e) => e.target.closest?.(typing);
      const begin = (e) => { const box = readout(e); if (box) box.snnlabBefore = box.textContent; };
      const typed = (e) => {
        const box = readout(e);
        if (!box || box.snnlabBefore === undefined || (e.key && e.key !== "Enter")) return;
        const plain = number(box.textContent);
        const sound = /^[+-]?(\\d+\\.?\\d*|\\.\\d+)(e[+-]?\\d+)?$/i.test(plain);
        const text = box.snnlabBefore = sound ? plain : box.snnlabBefore;
        if (box.textContent !== text) box.textContent = text;
      };
      const watched = { focusin: begin, blur: typed, keydown: typed };
      for (const [name, act] of Object.entries(watched)) document.addEventListener(name, act, true);

      let pending = 0, waiting = 0;
      // not put off by further changes: while a network trains, they never end
      const soon = () => { pending ||= setTimeout(() => { pending = 0; label(); }, 60); };
      const observer = new MutationObserver(soon);
      const frame = requestAnimationFrame(() => {
        label();
        const page = el.closest(".jp-Notebook") || document.body;
        observer.observe(page, { subtree: true, childList: true, characterData: true });
      });
      const speak = () => {
        clearTimeout(waiting);
        waiting = setTimeout(() => { spoken.textContent = model.get("say"); }, 400);
        soon();
      };
      model.on("change:say", speak);
      model.on("change:names", soon);
      return () => {
        cancelAnimationFrame(frame);
        clearTimeout(pending);
        clearTimeout(waiting);
        observer.disconnect();
        model.off("change:say", speak);
        model.off("change:names", soon);
        for (const [name, act] of Object.entries(watched))
          document.removeEventListener(name, act, true);
      };
    }
    export default { render };
    """
