"""`Panel`: controls, pictures that follow them, and a line of text, for notebooks."""

from __future__ import annotations

import base64
import contextlib
import functools
import html
import inspect
import io
import itertools
import threading
import zipfile
import zlib
from typing import TYPE_CHECKING

import ipywidgets
import numpy as np
import traitlets

from snnlab import _check, plot
from snnlab.live.board import Board
from snnlab.live.controls import Action, Control, Slider, leave_main_thread
from snnlab.live.microphone import Spoken
from snnlab.live.still import SCALE, Curtain, Stays, Still
from snnlab.live.tools import Tools
from snnlab.live.view import View
from snnlab.live.voice import Voice
from snnlab.live.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from snnlab.network import Network
    from snnlab.plot.style import Picture

_NUMBERS = itertools.count()
_OPEN = {}  # the panel that is open under each key
_CHANGE = threading.RLock()  # held while one takes another one's place


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


def of_the_open(method):
    """A method with which somebody has a panel do something: one that is closed says that it is.

    Callbacks of threads may come late, so what these call does nothing then.
    """

    @functools.wraps(method)
    def inner(self, *args, **values):
        if self.closed:
            what = f"this {type(self).__name__} is closed, so {method.__name__}() does nothing"
            raise RuntimeError(f"{what}: make a new one, or use the one that took its place")
        return method(self, *args, **values)

    inner.of_the_open = True
    return inner


def _check_controls(panel):
    """Controls of a panel must be such, each under its name; an action's method needs it open."""
    cls, controls = type(panel), panel.controls
    if not isinstance(controls, dict):
        raise TypeError(f"controls of {cls.__name__} must be a dict, not {type(controls).__name__}")
    for name, control in controls.items():
        if not isinstance(name, str) or not isinstance(control, Action | Control):
            kinds = "a Slider, Stops, Choice, Drawing, Switches, Spoken or Action"
            raise TypeError(f"controls of {cls.__name__}: {name!r} must be a name of {kinds}")
        if not isinstance(control, Action):
            continue
        method = getattr(cls, name, None)
        if not callable(method):
            raise TypeError(f"{cls.__name__} must have a method {name}(), as its action has")
        if not hasattr(method, "of_the_open"):
            setattr(cls, name, of_the_open(method))


def _listed(picture):
    """What `Panel.draw` returns, as a tuple of pictures."""
    return picture if isinstance(picture, tuple) else (picture,)


def _checked(name, control, widget, value):
    """What is to be shown, unless a slider would round it, or take its end for it, unasked."""
    if not isinstance(control, Slider):
        return value
    low, high = widget.min, widget.max
    try:
        if control.digits:
            room = 1e-9 * max(abs(low), abs(high))  # of rounding
            return _check.number(name, value, at_least=low - room, at_most=high + room)
        return _check.integer(name, value, low, high)
    except TypeError as fault:
        raise ValueError(f"{name} cannot be {value!r}: {fault}") from None


class Panel(Stays):
    """Controls, pictures and a line of text that follow them.

    Subclasses give

    - ``controls``: dict of name to `Slider`, `Stops`, `Choice`, `Drawing`, `Switches`, `Spoken` or
      `Action`, which calls the method of its name;
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
        one that was open under its key, so running a cell again leaves nothing behind; it takes
        over what its controls were set to, as far as they are the same, but not those that a
        subclass names in ``forgets``.

    Attributes
    ----------
    widgets : dict
        The control widgets by name: ``panel.widgets["weight"].value = 0.5``.
    picture : Picture or tuple of Picture
    text : str
        The line of text.
    image : View
        Of the first picture; ``images`` has all.
    worker : Worker or None
        What does the long work, where there is any.
    error : Exception or None
        What went wrong with the current values: it is shown in the panel, and `render` raises it
        (`wait` that of long work).
    """

    controls = {}
    forgets = ()

    def __init_subclass__(cls, **settings):
        super().__init_subclass__(**settings)
        if inspect.isfunction(vars(cls).get("simulate")):
            cls.simulate = of_controls(cls.simulate)

    @_check.given(key=_check.text)
    def __init__(self, key: str | None = None) -> None:
        _check_controls(self)
        self.key = type(self).__name__ if key is None else key
        self.closed, self.error, self.picture, self.text = False, None, None, ""
        # callbacks arrive on changing threads; figures can be drawn by one at a time only
        self._lock = threading.RLock()
        self._shown = None  # values that the picture shows
        self._putting = None  # the thread in `put`
        self._prefix = f"snnlab-{next(_NUMBERS)}"
        self.worker, goes_on = None, inspect.isgeneratorfunction(self.simulate)
        if goes_on or type(self).work is not Panel.work:
            self.worker = Worker(self.work, self.show, self.fail)
        with _CHANGE:  # one panel at a time, and only a whole one, takes another one's place
            former = _OPEN.get(self.key)
            if former is not None:
                former.close()
            self._make_widgets({} if former is None else former.settings())
            _OPEN[self.key] = self
        self._render(catch=True, partly=True)
        if goes_on and self.error is None:
            self.ask()
        for widget in self.widgets.values():
            leave_main_thread(widget)

    def _make_widgets(self, former):
        """The text on top, controls on the left, pictures on the right (``static/panel.css``)."""
        self.widgets = {name: control.widget() for name, control in self.controls.items()}
        self._first = self.settings()
        for name, (control, value) in former.items():
            if name in self._first and _same(vars(control), vars(self.controls[name])):
                self.widgets[name].value = value
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
        self._tools, self.curtain = Tools(self._tool, lacks=["network"]), Curtain()
        self._line = ipywidgets.Label().add_class("snnlab-text")
        self._pinned = ipywidgets.Label(layout={"display": "none"}).add_class("snnlab-pinned")
        self._fault = ipywidgets.HTML(layout={"display": "none"})

        def part(kind, *children):
            return ipywidgets.VBox(children).add_class(f"snnlab-{kind}")

        rest = [w for w in self.widgets.values() if w not in actions]
        row = [ipywidgets.HBox(actions).add_class("snnlab-actions")] if actions else []
        said = part("said", self._line, self._fault, self._pinned)
        top = part("top", said, part("side", *row, *rest, self._tools))
        self._right = part("pictures", *self.images)
        self.box = part("panel", part("frame", top, self._right), self._voice, self.curtain)

    def _new_image(self, k):
        return View().add_class(f"{self._prefix}-picture-{k}")

    @property
    def image(self) -> View:
        """The widget of the first picture."""
        return self.images[0]

    # what a subclass gives ----------------------------------------------------------------------

    def simulate(self, **values: Any) -> Any:
        """Data for these values of the controls."""
        raise NotImplementedError

    def draw(self, data: Any) -> Picture | tuple[Picture, ...]:
        """A new `snnlab.plot.Picture` of the data."""
        raise NotImplementedError

    def update(self, picture: Picture | tuple[Picture, ...], data: Any) -> None:
        """Show other data in a picture that `draw` made."""
        raise NotImplementedError

    def describe(self, data: Any) -> str:
        """The line of text."""
        raise NotImplementedError

    # what the panel does ------------------------------------------------------------------------

    @property
    def values(self) -> dict[str, Any]:
        """What ``simulate`` is given: the controls' values by name, in SI units."""
        return {
            name: control.read(self.widgets[name].value)
            for name, control in self.controls.items()
            if not isinstance(control, Action)
        }

    @of_the_open
    def render(self) -> None:
        """Simulate and draw the controls' values; raises what goes wrong, and shows it too."""
        if self.worker is not None:
            self.worker.stop()
            with contextlib.suppress(Exception):  # an error of earlier values
                self.worker.wait(5)  # it may be within a step
        self._render(catch=False)

    def settings(self) -> dict[str, tuple[Control, Any]]:
        """What a reader has set: each control, and what its widget shows, by name."""
        return {
            name: (control, self.widgets[name].value)
            for name, control in self.controls.items()
            if not isinstance(control, Action) and name not in self.forgets
        }

    @of_the_open
    def set(self, **values: Any) -> None:
        """Set controls as a reader would; `code` writes such a call.

        Parameters
        ----------
        **values
            By name what the widgets show: numbers in the controls' own units; what is drawn on a
            board also as the text that `code` gives for it.

        Raises
        ------
        TypeError, ValueError
            If there is no such control, or it cannot have this value; then none is set.
        RuntimeError
            If the panel is closed, as of `reset`, `pin`, `unpin`, `render` and actions.
        """
        known = self.settings()
        for name, value in values.items():
            if name not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}")
            board = self.widgets[name]
            if isinstance(board, Board) and isinstance(value, str):
                values[name] = board.from_bytes(np.frombuffer(_unpacked(name, value), np.uint8))
            values[name] = _checked(name, known[name][0], board, values[name])
        for name, value in values.items():
            try:
                self.put(**{name: {"value": value}})
            except (traitlets.TraitError, TypeError, ValueError) as fault:
                self.put(**{k: {"value": known[k][1]} for k in values})
                if not isinstance(fault, traitlets.TraitError):
                    raise
                raise ValueError(f"{name} cannot be {value!r}: {fault}") from fault
        self.moved()

    @of_the_open
    def reset(self) -> None:
        """Set all controls to what they were at first."""
        self.set(**{name: value for name, (_, value) in self._first.items()})

    def code(self) -> str:
        """The controls' values, but for sounds, as a line of Python: ``panel`` is the panel."""
        shown = []
        for name, (control, value) in self.settings().items():
            if isinstance(control, Spoken):
                continue
            if isinstance(self.widgets[name], Board):
                packed = zlib.compress(self.widgets[name].to_bytes(value), 9)
                value = base64.b85encode(packed).decode()
            shown.append(f"{name}={value!r}")
        return f"panel.set({', '.join(shown)})"

    @of_the_open
    def pin(self) -> None:
        """Leave what is shown now in the picture, pale, to compare with; for one that is there."""
        self._pin(True)

    @of_the_open
    def unpin(self) -> None:
        """Take away what `pin` has left."""
        self._pin(False)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until long work has ended; raises what ended it.

        Returns
        -------
        bool
            False if that took longer than ``timeout`` seconds.
        """
        return self.worker is None or self.worker.wait(timeout)

    def stop(self) -> None:
        """Stop long work."""
        if self.worker is not None:
            self.worker.stop()

    def close(self) -> None:
        """End the thread, stop listening, take the widgets off the page. Twice does no harm.

        What it was set to can still be read: `values`, `code`, `downloads`.
        """
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

    def work(self, request: Any) -> Iterator[Any]:
        """A generator of what is to be shown for a request to the worker."""
        return self.simulate(**request)

    def ask(self) -> None:
        """Have the controls' current values shown: quick work is done here, long by the worker."""
        if self.worker is None:
            self._render(catch=True)
        else:
            self.worker.ask(self.values)

    def changed(self, change: Any) -> None:
        """What a reader's move of a control does; ``change.owner`` is its widget."""
        self.ask()

    def moved(self) -> None:
        """What is done when several controls were set at once."""
        self.ask()

    def downloads(self) -> dict[str, Network]:
        """Networks that a reader can download, by name."""
        return {}

    def show(self, data: Any) -> None:
        """Show a frame of long work; called by the worker's thread."""
        with self._lock:
            if not self.closed:
                self.publish(data)
                self.error = None

    def fail(self, error: BaseException) -> None:
        """Show and keep what went wrong."""
        with self._lock:
            if not self.closed:
                self._shown, self.error = None, error
                self._show_error(error)

    def publish(self, data: Any) -> None:
        """Put data on the page; nothing else writes to the output widgets."""
        self._shown = None  # until all of it is: an interrupt may come in between
        if self.picture is None:
            picture = self.draw(data)
            self._make_room(picture)
            self.picture = picture
        else:
            self.update(self.picture, data)
        self.text = _check.text("what describe returns", self.describe(data))
        self._show_pictures()
        self._line.value = self._voice.say = self.text
        self._fault.layout.display, self._line.layout.display = "none", ""

    def put(self, **controls: Any) -> None:
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
                    data = next(frames, None)
                    if data is None:
                        raise ValueError("simulate must yield something that is to be shown")
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
        return _listed(self.picture)

    def _make_room(self, picture):
        """A view for each picture; the page must not jump while a new picture is loaded."""
        pictures = _listed(picture)
        if not pictures or not all(isinstance(one, plot.Picture) for one in pictures):
            kind = type(next((one for one in pictures if not isinstance(one, plot.Picture)), ()))
            raise TypeError(
                f"draw must return a Picture (plot.show makes one of a figure), or a tuple of "
                f"Pictures, not {kind.__name__}"
            )
        self.images = self.images[:1] + [self._new_image(k) for k in range(1, len(pictures))]
        for image, one in zip(self.images, pictures, strict=True):
            image.size = list(plot.page_size(one.fig))
        self._right.children = self.images
        if self.downloads():
            self._tools.lacks = []

    def _show_pictures(self):
        shown = [name for name, w in self.widgets.items() if w.layout.display != "none"]
        actions = sum(isinstance(self.controls[name], Action) for name in shown)
        rows = (len(shown) - actions) // 2 + 1 + bool(actions)  # in two columns, with the tools
        for image, picture in zip(self.images, self._pictures(), strict=True):
            image.value, image.alt, image.rows = picture.png(SCALE), picture.alt, rows
        self.still_changed()

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

    # compare, copy, download ----------------------------------------------------------------------

    def _pin(self, on):
        with self._lock:
            if self.closed or self.picture is None:
                return
            for picture in self._pictures():
                picture.pin() if on else picture.unpin()
            self._tools.pinned = on
            self._pinned.value = f"Pinned: {self.text}" if on else ""
            self._pinned.layout.display = "" if on else "none"
            self._show_pictures()

    def _tool(self, kind):
        """What a button of `Tools` does."""
        try:
            if kind == "pin":
                return self._pin(not self._tools.pinned)
            if kind == "reset":
                return self.reset()
            if kind == "code":
                return self.code()
            with self._lock:
                return self._files(kind)
        except Exception as error:
            self.fail(error)

    def _files(self, kind):
        """Name and content of what is downloaded: one file, or several in one."""
        if kind == "network":
            parts = {f"{name}.npz": _saved(x) for name, x in self.downloads().items()}
        else:
            make = {"png": lambda p: p.png(2 * SCALE), "svg": lambda p: p.svg()}[kind]
            parts = {f"{k}.{kind}": make(p) for k, p in enumerate(self._pictures(), 1)}
        if len(parts) == 1:
            ((name, content),) = parts.items()
            return f"{self.key}.{name.rpartition('.')[2]}", content
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for name, content in parts.items():
                archive.writestr(name, content)
        return f"{self.key}.zip", file.getvalue()

    # where no kernel runs -------------------------------------------------------------------------

    def lift(self, key: str) -> None:
        """The page is to take the still picture of this key away."""
        self.curtain.stills = [*self.curtain.stills, key]

    def view(self) -> dict[str, Any]:
        """MIME bundle of the widgets."""
        if self.closed:
            return {}
        model = {"version_major": 2, "version_minor": 0, "model_id": self.box.model_id}
        return {"application/vnd.jupyter.widget-view+json": model}

    def still(self) -> Still:
        """The pictures, and the line of text below them."""
        if self.picture is None:
            return None
        with self._lock:  # the thread may be drawing
            shown = [image.value for image in self.images]
            line = f"<div>{html.escape(self.text)}</div>"
            return Still.of(self._pictures(), line, repr(self), shown)


def _saved(network):
    """A network as bytes of an .npz file."""
    file = io.BytesIO()
    np.savez(file, **network.to_arrays())
    return file.getvalue()


def _unpacked(name, text):
    """What `Panel.code` has packed."""
    try:
        return zlib.decompress(base64.b85decode(text))
    except (ValueError, zlib.error) as fault:
        raise ValueError(f"{name} must be a text that a panel's code() gave") from fault


def _same(a, b):
    """Whether two dicts of values, which may be arrays, are equal."""
    return b is not None and a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a)


def _brief(value):
    """A value in a few letters."""
    if not isinstance(value, np.ndarray):
        return repr(value)
    if value.dtype == bool:
        return f"{np.count_nonzero(value)} of {value.size} off"
    what = "samples" if value.ndim == 1 else "pixels"
    return f"{' x '.join(map(str, value.shape))} {what}"
