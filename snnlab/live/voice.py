"""What ipywidgets leaves out for readers who do not see the page."""

import anywidget
import traitlets


class Voice(anywidget.AnyWidget):
    """Gives the page what ipywidgets leaves out: names of sliders, alt texts, a spoken line.

    ``names`` maps the CSS class of a control to its accessible name, ``alts`` that of a picture to
    its alternative text. ``say`` is spoken by screen readers once it has been still for a moment.
    Controls may be shown more than once, also later, so the whole notebook is watched.
    """

    names = traitlets.Dict().tag(sync=True)
    alts = traitlets.Dict().tag(sync=True)
    say = traitlets.Unicode().tag(sync=True)
    _css = """
    .snnlab-spoken { position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden;
                     clip-path: inset(50%); white-space: nowrap; }
    .snnlab-text { font-variant-numeric: tabular-nums; white-space: normal !important;
                   height: auto !important; line-height: 1.4 !important; }
    .snnlab-actions { flex: 0 0 100%; flex-flow: row wrap; }
    .snnlab-panel .widget-toggle-buttons > .widget-label { text-align: right; padding-right: 6px; }
    """
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
              set(readout, "aria-label", text + ", type a number");
              if (handles.length === 1) set(handles[0], "aria-valuetext", readout.textContent);
            }
          }
        }
        // else the page's shortcuts take the arrow keys of menus, and "d d" deletes the cell; they
        // look for this mark on what has the focus, and above it only as far as they match
        const parts = "select, input, button, canvas, [role=slider], [contenteditable]";
        for (const panel of document.getElementsByClassName("snnlab-panel"))
          for (const part of panel.querySelectorAll(parts))
            set(part, "data-lm-suppress-shortcuts", "true");
        for (const [name, text] of Object.entries(model.get("alts")))
          for (const image of document.getElementsByClassName(name)) set(image, "alt", text);
      };

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
      model.on("change:alts change:names", soon);
      return () => {
        cancelAnimationFrame(frame);
        clearTimeout(pending);
        clearTimeout(waiting);
        observer.disconnect();
        model.off("change:say", speak);
        model.off("change:alts change:names", soon);
      };
    }
    export default { render };
    """
