"""Pictures that live on the page: where their modules are, and how a still one comes to life."""

import json
from pathlib import Path

STATIC = Path(__file__).parent / "static"

# Brings the still picture to life: at once on a page, in JupyterLab only where for a while no
# kernel's view has taken the picture away.
_ALIVE = """
(() => {
  const parts = [...document.getElementsByClassName("snnlab-parts")].find((x) => !x.dataset.used);
  if (!parts) return;
  parts.dataset.used = "1";
  const still = parts.parentElement, area = still.closest(".jp-OutputArea-child") || still;
  const live = async () => {
    if (area.style.display === "none") return;
    const { module, style, data } = JSON.parse(parts.textContent);
    const { mount } = await import(
      URL.createObjectURL(new Blob([module], { type: "text/javascript" })));
    const sheet = document.createElement("style"), root = document.createElement("div");
    sheet.textContent = style;
    document.head.append(sheet);
    still.querySelector("img").replaceWith(root);
    mount(root, data);
  };
  setTimeout(live, document.querySelector(".jp-NotebookPanel") ? 4000 : 0);
})();
"""


def module_of(name):
    """JavaScript and style of a picture that lives on the page, after what all of them share.

    Parameters
    ----------
    name : str
        Of its files in ``static``.

    Returns
    -------
    module, style : str
    """
    return tuple(
        "\n".join(
            (STATIC / f"{part}.{kind}").read_text(encoding="utf-8") for part in ("shared", name)
        )
        for kind in ("js", "css")
    )


def as_json(parts):
    """As text that may stand in a page."""
    return json.dumps(parts, separators=(",", ":")).replace("<", "\\u003c")


def alive(module, style, data):
    """HTML that follows a still picture, and brings it to life where no kernel does.

    The module exports ``mount(root, data)``.
    """
    parts = as_json({"module": module, "style": style, "data": data})
    return (
        f'<script type="application/json" class="snnlab-parts">{parts}</script>'
        f"<script>{_ALIVE}</script>"
    )
