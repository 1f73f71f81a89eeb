"""`Panel`: controls, pictures that follow them, and a line of text, for notebooks."""

import base64
import contextlib
import functools
import html
import inspect
import io
import itertools
import threading

import ipywidgets
import numpy as np

from snnlab import _check, plot
from snnlab.live.controls import Action, Control, leave_main_thread
from snnlab.live.voice import Voice
from snnlab.live.worker import Worker

BESIDE = 620  # pixels on the page; controls stand beside pictures up to this wide, above others
SCALE = 1.5  # pixels of a live picture per pixel on the page: sharp enough, and quick
_NUMBERS = itertools.count()
_OPEN = {}  # the panel that is open under each key


def of_controls(method):
    """A method whose keywords are values of the panel's controls: each is one that it can have."""

    def checked(self, values):
        out = dict(values)
        for name, value in values.items():
            if isinstance(self.controls.get(name), Control):
                out[name] = self.controls[name].check(name, value)
        return out

    @functools.wraps(method)
    def inner(self, *args, **values):
        return method(self, *args, **checked(self, values))

    @functools.wraps(method)
    def generator(self, *args, **values):
        yield from method(self, *args, **checked(self, values))

    return generator if inspect.isgeneratorfunction(method) else inner


class Panel:
    """Controls, pictures and a line of text that follow them.

    Subclasses give

    - ``controls``: dict of name to `Slider`, `Stops`, `Choice`, `Drawing` or `Action`;
    - ``simulate(**values)``: data for these values; pure, also callable on its own;
    - ``draw(data)``: a `snnlab.plot.Picture`, or a tuple of them, shown below each other;
      ``update(picture, data)``: show other data in what `draw` made;
    - ``describe(data)``: the line of text.

    None of them knows of widgets. If ``simulate`` is a generator, it is long work: it runs on the
    panel's `Worker`, and all that it yields is shown as it comes; where it yields None it can be
    given up for newer values. It should do so every 5 to 10 ms (see `Pace`).

    For work that buttons begin, a subclass gives ``work(request)`` instead, a generator likewise;
    its buttons call ``self.worker.ask(request)``, and `ask`, which a moved control calls, should be
    a request that only looks.

    Parameters
    ----------
    key : str, optional
        Under which this panel is known, by default the name of its class. A new panel closes the
        one that was open under its key, so running a cell again leaves nothing behind.

    Attributes
    ----------
    widgets : dict
        The control widgets by name: ``panel.widgets["weight"].value = 0.5``.
    picture : Picture or tuple of Picture
    text : str
        The line of text.
    image : ipywidgets.Image
        Of the first picture; ``images`` has all.
    worker : Worker or None
        What does the long work, where there is any.
    error : Exception or None
        What went wrong with the current values: it is shown in the panel, and `render` raises it
        (`wait` that of long work).
    """

    controls = {}

    def __init_subclass__(cls, **settings):
        super().__init_subclass__(**settings)
        if inspect.isfunction(vars(cls).get("simulate")):
            cls.simulate = of_controls(cls.simulate)

    @_check.given(key=_check.text)
    def __init__(self, key=None):
        self.key = type(self).__name__ if key is None else key
        if self.key in _OPEN:
            _OPEN[self.key].close()
        _OPEN[self.key] = self
        self.closed, self.error, self.picture, self.text = False, None, None, ""
        # callbacks arrive on changing threads; figures can be drawn by one at a time only
        self._lock = threading.RLock()
        self._shown = None  # values that the picture shows
        self._putting = None  # the thread in `put`
        self._prefix = f"snnlab-{next(_NUMBERS)}"
        self.worker, goes_on = None, inspect.isgeneratorfunction(self.simulate)
        if goes_on or type(self).work is not Panel.work:
            self.worker = Worker(self.work, self.show, self.fail)
        self._make_widgets()
        self._render(catch=True, partly=True)
        if goes_on and self.error is None:
            self.ask()
        for widget in self.widgets.values():
            leave_main_thread(widget)

    def _make_widgets(self):
        """Controls, and below them the text, on the left; pictures on the right."""
        self.widgets = {name: control.widget() for name, control in self.controls.items()}
        actions = []
        for name, widget in self.widgets.items():
            widget.add_class(f"{self._prefix}-{name}")
            if isinstance(self.controls[name], Action):
                actions.append(widget)
                widget.on_click(self._clicked(name))
            else:
                widget.observe(self._observed, "value")
        self._voice = Voice(
            names={
                f"{self._prefix}-{name}": c.name
                for name, c in self.controls.items()
                if not isinstance(c, Action)
            }
        )
        self.images = [self._new_image(0)]
        self._line = ipywidgets.Label().add_class("snnlab-text")
        self._fault = ipywidgets.HTML(layout={"display": "none"})
        rest = [w for w in self.widgets.values() if w not in actions]
        row = [ipywidgets.HBox(actions).add_class("snnlab-actions")] if actions else []
        place = {"height": "112px", "margin": "6px 0 0 6px"}
        self._said = ipywidgets.VBox([self._line, self._fault], layout=place)
        self._left = ipywidgets.VBox([*row, *rest, self._said], layout={"width": "344px"})
        self._right = ipywidgets.VBox(self.images)
        flow = {"flex_flow": "row wrap", "align_items": "flex-start"}
        both = ipywidgets.HBox([self._left, self._right], layout=flow)
        self.box = ipywidgets.VBox([both, self._voice]).add_class("snnlab-panel")

    def _new_image(self, k):
        image = ipywidgets.Image(format="png")
        image.add_class(f"{self._prefix}-picture-{k}")
        return image

    @property
    def image(self):
        """The widget of the first picture."""
        return self.images[0]

    # what a subclass gives ----------------------------------------------------------------------

    def simulate(self, **values):
        """Data for these values of the controls."""
        raise NotImplementedError

    def draw(self, data):
        """A new `snnlab.plot.Picture` of the data."""
        raise NotImplementedError

    def update(self, picture, data):
        """Show other data in a picture that `draw` made."""
        raise NotImplementedError

    def describe(self, data):
        """The line of text."""
        raise NotImplementedError

    # what the panel does ------------------------------------------------------------------------

    @property
    def values(self):
        """What ``simulate`` is given: the controls' values by name, in SI units."""
        return {
            name: control.read(self.widgets[name].value)
            for name, control in self.controls.items()
            if not isinstance(control, Action)
        }

    def render(self):
        """Simulate and draw the controls' values; raises what goes wrong, and shows it too."""
        if self.worker is not None:
            self.worker.stop()
            with contextlib.suppress(Exception):  # an error of earlier values
                self.worker.wait(5)  # it may be within a step
        self._render(catch=False)

    def wait(self, timeout=None):
        """Wait until long work has ended; raises what ended it.

        Returns
        -------
        bool
            False if that took longer than ``timeout`` seconds.
        """
        return self.worker is None or self.worker.wait(timeout)

    def stop(self):
        """Stop long work."""
        if self.worker is not None:
            self.worker.stop()

    def close(self):
        """End the thread, stop listening, take the widgets off the page. Twice does no harm."""
        if self.worker is not None:  # before the lock: the thread may be about to take it
            self.worker.close()
        with self._lock:
            if self.closed:
                return
            self.closed = True
            if _OPEN.get(self.key) is self:
                del _OPEN[self.key]
            for name, widget in self.widgets.items():
                if not isinstance(self.controls[name], Action):
                    widget.unobserve(self._observed, "value")
            for widget in self._all_widgets():
                widget.close()

    def _all_widgets(self):
        """Every widget of the panel, the outermost first; layouts and styles are widgets too."""
        found, waiting = [], [self.box]
        while waiting:
            widget = waiting.pop()
            found.append(widget)
            parts = widget.layout, getattr(widget, "style", None), *getattr(widget, "children", ())
            waiting += parts[2:]
            found += [part for part in parts[:2] if part is not None]
        return found

    # what a subclass may do otherwise ------------------------------------------------------------

    def work(self, request):
        """A generator of what is to be shown for a request to the worker."""
        return self.simulate(**request)

    def ask(self):
        """Have the controls' current values shown: quick work is done here, long by the worker."""
        if self.worker is None:
            self._render(catch=True)
        else:
            self.worker.ask(self.values)

    def changed(self, change):
        """What a reader's move of a control does; ``change.owner`` is its widget."""
        self.ask()

    def show(self, data):
        """Show a frame of long work; called by the worker's thread."""
        with self._lock:
            if not self.closed:
                self.publish(data)
                self.error = None

    def fail(self, error):
        """Show and keep what went wrong."""
        with self._lock:
            if not self.closed:
                self._shown, self.error = None, error
                self._show_error(error)

    def publish(self, data):
        """Put data on the page; nothing else writes to the output widgets."""
        if self.picture is None:
            self.picture = self.draw(data)
            self._make_room()
        else:
            self.update(self.picture, data)
        self.text = self.describe(data)
        pictures = self._pictures()
        for image, picture in zip(self.images, pictures, strict=True):
            image.value = picture.png(SCALE)
        self._line.value = self.text
        self._voice.alts = {
            f"{self._prefix}-picture-{k}": picture.alt for k, picture in enumerate(pictures)
        }
        self._voice.say = self.text
        self._fault.layout.display, self._line.layout.display = "none", ""

    def put(self, **controls):
        """Set controls without that being taken for a reader's move; nothing if it is closed.

        Parameters
        ----------
        **controls
            By name a value, or a dict of several of the widget's traits, set in that order.
        """
        with self._lock:
            if self.closed:
                return
            self._putting = threading.get_ident()
            try:
                for name, value in controls.items():
                    traits = value if isinstance(value, dict) else {"value": value}
                    for trait, x in traits.items():
                        setattr(self.widgets[name], trait, x)
            finally:
                self._putting = None
            for name in controls:
                leave_main_thread(self.widgets[name])

    # what is behind it --------------------------------------------------------------------------

    def _observed(self, change):
        if self._putting != threading.get_ident():
            self.changed(change)

    def _clicked(self, name):
        """A callback for the button of this name, which shows what goes wrong."""

        def callback(button):
            try:
                getattr(self, name)()
            except Exception as error:
                self.fail(error)

        return callback

    def _render(self, catch, partly=False):
        """Simulate and show here and now; of long work all, or ``partly`` only the first frame."""
        with self._lock:
            if self.closed:
                return
            values = self.values
            if catch and _same(values, self._shown):
                return  # another thread was faster
            try:
                data = self.simulate(**values)
                if inspect.isgenerator(data):
                    frames = (frame for frame in data if frame is not None)
                    data = next(frames)
                    if not partly:
                        for data in frames:  # noqa: B007 the last one counts
                            pass
                self.publish(data)
                self._shown, self.error = values, None
            except Exception as error:
                self.fail(error)
                if not catch:
                    raise

    def _pictures(self):
        return self.picture if isinstance(self.picture, tuple) else (self.picture,)

    def _make_room(self):
        """A widget for each picture; the page must not jump while a new picture is loaded."""
        pictures = self._pictures()
        self.images += [self._new_image(k) for k in range(1, len(pictures))]
        sizes = [plot.page_size(picture.fig) for picture in pictures]
        for image, (width, height) in zip(self.images, sizes, strict=True):
            image.layout.width, image.layout.height = f"{width}px", f"{height}px"
        self._right.children = self.images
        if max(width for width, _ in sizes) > BESIDE:
            # controls above, as many beside each other as there is room for; the text below
            for name, value in {"width": "100%", "flex_flow": "row wrap"}.items():
                setattr(self._left.layout, name, value)
            self._left.children = self._left.children[:-1]
            self._said.layout.height = "56px"
            self._right.children = (*self.images, self._said)

    def _show_error(self, error):
        said = f"{type(error).__name__}: {error}"
        stale = " (The picture still shows the values before.)" if self.picture else ""
        # a face of its own, so that the red can be read in both themes
        style = (
            "color:#A00000;background:#FFF;border:1px solid #A00000;padding:0 6px;line-height:1.4"
        )
        self._fault.value = f"<div style='{style}'>{html.escape(said + stale)}</div>"
        # in place of the line, so that the page does not jump
        self._fault.layout.display, self._line.layout.display = "", "none"
        self._voice.say = said

    def __repr__(self):
        values = ", ".join(f"{name}={_brief(value)}" for name, value in self.values.items())
        return f"{type(self).__name__}({values}): {self.error or self.text or 'closed'}"

    def _repr_mimebundle_(self, include=None, exclude=None):
        """The widgets; for readers without a kernel the pictures and their alternative text."""
        bundle = self.box._repr_mimebundle_(include=include, exclude=exclude)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle or {}, {})
        data, metadata = dict(data), dict(metadata)
        if self.picture is not None:
            with self._lock:  # the thread may be drawing
                still, about = _stacked(self._pictures())
            data["image/png"] = still
            metadata |= {"image/png": about}
        return data | {"text/plain": repr(self)}, metadata


def _stacked(pictures):
    """Several pictures as one below the other: PNG in base64, and what is to be said of it."""
    from PIL import Image

    parts = [Image.open(io.BytesIO(picture.png())) for picture in pictures]
    width, height = max(p.width for p in parts), sum(p.height for p in parts)
    whole, top = Image.new("RGB", (width, height), "white"), 0
    for part in parts:
        whole.paste(part, (0, top))
        top += part.height
    file = io.BytesIO()
    whole.save(file, "png")
    sizes = [plot.page_size(picture.fig) for picture in pictures]
    about = {
        "alt": " ".join(picture.alt for picture in pictures),
        "width": max(w for w, _ in sizes),
        "height": sum(h for _, h in sizes),
    }
    return base64.b64encode(file.getvalue()).decode(), about


def _same(a, b):
    """Whether two dicts of values, which may be arrays, are equal."""
    return b is not None and a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a)


def _brief(value):
    """A value in a few letters."""
    return f"{np.shape(value)} pixels" if isinstance(value, np.ndarray) else repr(value)
