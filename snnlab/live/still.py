"""Pictures that stay: what a notebook shows of a widget where no kernel runs.

A widget's view is a reference to a model that lives in the kernel. Without it, JupyterLab says
"model not found", and a page made by nbconvert shows nothing. So a widget that stays makes two
outputs of its cell: first a still picture, as HTML with alternative text, as PNG and in words;
then the view. Where the view comes to life, it takes the picture off the page; where it does not,
the picture is what there is, and a rule of style hides JupyterLab's message. The picture follows
what the view shows, a moment after the last change: a notebook is saved as it was left.
"""

from __future__ import annotations

import base64
import html
import io
import threading
import time
import uuid
import warnings
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import anywidget
import traitlets
from PIL import Image

from snnlab import _check, plot

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from snnlab.plot.style import Picture

# The view's output follows the picture's; alive, it has elements in it, and the message has none.
# While a notebook is open the picture waits for the view, which is about to take it off the page.
_LOOKS = (
    ".jp-OutputArea-child:has(.snnlab-still) + .jp-OutputArea-child "
    ".jp-OutputArea-output:not(:has(*)) { display: none; } "
    ".jp-NotebookPanel .snnlab-still { animation: snnlab-still 1.5s step-end; } "
    "@keyframes snnlab-still { from { position: absolute; visibility: hidden; } } "
) + plot.style.IN_THE_DARK
COLOURS = 128
SCALE = 1.5  # pixels of a picture per pixel on the page: sharp enough, and quick
QUIET = 1.0  # seconds without a change, after which a picture follows


@dataclass
class Still:
    """A picture that stays, and what is said of it.

    Parameters
    ----------
    png : bytes
    alt : str
        What there is to see, for readers who do not see it.
    width, height : int
        On the page, in pixels.
    more : str
        HTML that may follow the picture, within its element.
    words : str
        What a reader of plain text is told; ``alt`` by default.
    """

    png: bytes
    alt: str
    width: int
    height: int
    more: str = ""
    words: str = ""
    key: str = field(default_factory=lambda: uuid.uuid4().hex)

    @classmethod
    def of(
        cls,
        picture: Picture | Sequence[Picture],
        more: str = "",
        words: str = "",
        pngs: Sequence[bytes] | None = None,
    ) -> Still:
        """From a `snnlab.plot.Picture`, or a sequence of them, one below the other.

        ``pngs`` are their files at `SCALE`, if there are any: then nothing is drawn.
        """
        pictures = picture if isinstance(picture, list | tuple) else [picture]
        pictures = _check.each(_check.kind("Picture"))("picture", pictures)
        if not pictures:
            raise ValueError("picture must hold at least one Picture")
        more, words = _check.text("more", more), _check.text("words", words)
        sizes = [plot.page_size(one.fig) for one in pictures]
        size = max(width for width, _ in sizes), sum(height for _, height in sizes)
        alt = " ".join(one.alt for one in pictures)
        if pngs is None:
            pngs = [one.png(SCALE) for one in pictures]
        files = _check.each(_check.kind("bytes"), len(pictures), "files")("pngs", pngs)
        return cls(_small("pngs", files), alt, *size, more, words)

    def bundle(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """MIME bundle and metadata of the picture's own output."""
        png = base64.b64encode(self.png).decode()
        page = (
            f'<div class="snnlab-still snnlab-still-{self.key}"><style>{_LOOKS}</style>'
            f'<img class="snnlab-picture" src="data:image/png;base64,{png}" '
            f'alt="{html.escape(self.alt)}" width="{self.width}" '
            f'style="max-width: 100%; height: auto">{self.more}</div>'
        )
        data = {"text/html": page, "image/png": png, "text/plain": self.words or self.alt}
        about = {"alt": self.alt, "width": self.width, "height": self.height}
        return data, {"image/png": about}


def _small(name, pngs):
    """Pictures below each other, in few colours: a notebook is saved with every one of them."""
    try:
        parts = [Image.open(io.BytesIO(png)).convert("RGB") for png in pngs]
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"{name} must be PNG files: {error}") from error
    size = max(part.width for part in parts), sum(part.height for part in parts)
    whole, top = Image.new("RGB", size, "white"), 0
    for part in parts:
        whole.paste(part, (0, top))
        top += part.height
    file = io.BytesIO()
    few = whole.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(file, "png", optimize=True)
    return file.getvalue()


# For a widget's module: ``lifted(keys)`` takes still pictures off the page, also those that come
# later than the view; the function that it returns puts them back, for the view's end.
CURTAIN = """
const lifted = (keys) => {
  const show = (display) => {
    for (const key of keys)
      for (const still of document.getElementsByClassName("snnlab-still-" + key)) {
        still.style.animation = "none";  // it waited for the view, and does not once that is gone
        (still.closest(".jp-OutputArea-child") || still).style.display = display;
      }
  };
  const watch = new MutationObserver(() => show("none"));
  watch.observe(document.body, { subtree: true, childList: true });
  show("none");
  return () => { watch.disconnect(); show(""); };
};
"""


class Curtain(anywidget.AnyWidget):
    """Takes the still pictures of the keys in ``stills`` off the page once it is alive itself.

    For a panel made of several widgets: put one among them. It takes no room.
    """

    stills = traitlets.List(traitlets.Unicode()).tag(sync=True)
    _esm = (
        CURTAIN
        + """
    function render({ model, el }) {
      el.style.display = "none";
      let stop = lifted(model.get("stills"));
      const again = () => { stop(); stop = lifted(model.get("stills")); };
      model.on("change:stills", again);
      return () => { stop(); model.off("change:stills", again); };
    }
    export default { render };
    """
    )


class Follower:
    """A thread that has the still pictures follow, each `QUIET` seconds after its last change."""

    def __init__(self):
        self._due, self._filled, self._thread = {}, threading.Condition(), None

    def soon(self, stays):
        """The pictures of this one are to follow; if it is told again, so much later."""
        with self._filled:
            self._due[stays] = time.monotonic() + QUIET
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="stills", daemon=True)
                self._thread.start()
            self._filled.notify()

    def _run(self):
        while True:
            with self._filled:
                self._filled.wait_for(lambda: self._due)
                stays, due = min(self._due.items(), key=lambda item: item[1])
                rest = due - time.monotonic()
                if rest > 0:
                    self._filled.wait(rest)
                    continue
                del self._due[stays]
            try:
                stays.follow()
            except Exception as fault:
                warnings.warn(f"a still picture does not follow: {fault}", stacklevel=1)


_FOLLOWER = Follower()


class Stays:
    """Mixed into something that is shown as widgets: it leaves a still picture wherever it is.

    A class gives

    - ``still()``, the `Still` of what it shows now, or None if there is nothing to be seen;
    - ``view()``, the MIME bundle of its widgets, where it is not a widget itself;
    - calls of ``still_changed()``, wherever it comes to show something else;
    - ``lift(key)``, which has the widgets take the picture of this key off the page: for most
      ``self.curtain.stills = [*self.curtain.stills, key]`` with a `Curtain` among them.
    """

    _left = ()  # keys of the pictures that were left

    def view(self) -> dict[str, Any]:
        """MIME bundle of the widget that this is mixed into."""
        data = super()._repr_mimebundle_()
        return dict(data[0] if isinstance(data, tuple) else data)

    def _ipython_display_(self, **kwargs):
        from IPython.display import display, update_display  # a terminal has none

        key = uuid.uuid4().hex
        self.lift(key)
        self._left = (*self._left, key)
        # the picture's place first, its content last: the view should not wait for it to be drawn
        display({"text/plain": ""}, raw=True, display_id=key)
        display(self.view() | {"text/plain": ""}, raw=True)
        still = self.still()
        if still is None:
            update_display({"text/plain": repr(self)}, display_id=key, raw=True)
            return
        data, metadata = replace(still, key=key).bundle()
        update_display(data, display_id=key, metadata=metadata, raw=True)

    def still_changed(self) -> None:
        """Something else is shown: the pictures that were left follow, once that has an end."""
        if self._left:
            _FOLLOWER.soon(self)

    def follow(self) -> None:
        """Put what is shown now in the place of the pictures that were left."""
        from IPython.display import update_display

        still = self.still()
        for key in self._left if still is not None else ():
            data, metadata = replace(still, key=key).bundle()
            update_display(data, display_id=key, metadata=metadata, raw=True)

    def _repr_mimebundle_(self, include=None, exclude=None):
        """View, picture and words in one, for whoever asks for a bundle."""
        still = self.still()
        if still is None:
            return self.view() | {"text/plain": repr(self)}, {}
        data, metadata = still.bundle()
        return self.view() | {k: data[k] for k in ("image/png", "text/plain")}, metadata
