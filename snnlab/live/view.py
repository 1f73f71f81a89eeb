"""`View`: a picture on the page, which another one replaces without a flash."""

import anywidget
import traitlets

__all__ = ["View"]


class View(anywidget.AnyWidget):
    """A PNG picture of a panel.

    A new picture is decoded first and then put in the place of the old one: in between there would
    be none. It is never squeezed: its width follows the page and the panel, its height the width.

    Attributes
    ----------
    value : bytes
    alt : str
        What there is to see, for readers who do not see it.
    size : list of int
        Width and height on the page in pixels, at most.
    rows : int
        How many the controls have that stand above the picture on a narrow page.
    """

    value = traitlets.Bytes().tag(sync=True)
    alt = traitlets.Unicode().tag(sync=True)
    size = traitlets.List(traitlets.Int(), default_value=[0, 0]).tag(sync=True)
    rows = traitlets.Int().tag(sync=True)
    _esm = """
    function render({ model, el }) {
      const image = document.createElement("img");
      image.className = "snnlab-picture";
      el.append(image);
      let asked = 0, shown = 0, kept = null;
      const show = async () => {
        const bytes = model.get("value"), mine = ++asked;
        if (!bytes?.byteLength) return;
        const next = new Image();
        next.src = URL.createObjectURL(new Blob([bytes], { type: "image/png" }));
        try { await next.decode(); } catch { URL.revokeObjectURL(next.src); return; }
        if (mine < shown) { URL.revokeObjectURL(next.src); return; }  // a later one was faster
        // what is decoded already is painted at once
        const old = image.src;
        [shown, kept, image.src] = [mine, next, next.src];
        if (old) URL.revokeObjectURL(old);
      };
      const say = () => { image.alt = model.get("alt"); };
      const fit = () => {
        const [width, height] = model.get("size"), rows = model.get("rows");
        const numbers = { width, height, rows };
        for (const [name, value] of Object.entries(numbers))
          image.style.setProperty("--" + name, value);
        image.style.aspectRatio = `${width} / ${height}`;
      };
      const watched = { value: show, alt: say, size: fit, rows: fit };
      for (const [name, act] of Object.entries(watched)) { model.on("change:" + name, act); act(); }
      return () => {
        for (const [name, act] of Object.entries(watched)) model.off("change:" + name, act);
        if (image.src) URL.revokeObjectURL(image.src);
      };
    }
    export default { render };
    """
