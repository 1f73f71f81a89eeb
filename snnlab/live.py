"""Panels: controls, a picture that follows them, and a line of text, for notebooks.

    panel = OneNeuron()  # in a notebook's cell
    panel

A panel of your own subclasses `Panel`: ``controls`` says what can be set, ``simulate`` turns the
values into data, ``draw`` and ``update`` make a picture of them (`snnlab.plot`), ``describe`` a
line of text. None of them knows of widgets, and ``simulate`` and ``describe`` can be called, and
tested, without any.
"""

import html
import itertools
import threading
from dataclasses import dataclass

import anywidget
import ipywidgets
import numpy as np
import traitlets

from snnlab import plot
from snnlab.network import Network
from snnlab.neurons import LIF, LeakyIntegrator
from snnlab.spikes import SpikeTrains

SCALE = 1.5  # pixels of a live picture per pixel on the page: sharp enough, and quick
_NUMBERS = itertools.count()
_OPEN = {}  # the panel that is open under each key


@dataclass(frozen=True)
class Slider:
    """A number between two ends.

    Parameters
    ----------
    label : str
    low, high, step, value : float
        In the slider's own unit.
    unit : str
        As shown; empty for plain numbers.
    scale : float
        Of the unit: ``simulate`` is given ``scale`` times the number shown (1e-6 for µs).
    digits : int
        After the point; with 0 the value is an int.
    """

    label: str
    low: float
    high: float
    step: float
    value: float
    unit: str = ""
    scale: float = 1.0
    digits: int = 2

    @property
    def name(self):
        """Label with unit."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    def widget(self):
        """A slider that reports while it is dragged."""
        make = ipywidgets.FloatSlider if self.digits else ipywidgets.IntSlider
        return make(
            self.value, min=self.low, max=self.high, step=self.step, description=self.name,
            readout_format=f".{self.digits}f" if self.digits else "d", continuous_update=True,
            style=_STYLE, layout=_WIDE,
        )  # fmt: skip

    def read(self, shown):
        """What ``simulate`` is given."""
        return round(shown * self.scale, 12) if self.digits else int(shown)


@dataclass(frozen=True)
class Choice:
    """One of a few values, as a row of buttons.

    Parameters
    ----------
    label : str
    options : tuple of (str, value)
    value : object
        The one chosen at first.
    """

    label: str
    options: tuple
    value: object

    name = property(lambda self: self.label)

    def widget(self):
        """A row of buttons of which one is down."""
        return ipywidgets.ToggleButtons(
            options=self.options, value=self.value, description=self.label,
            style=_STYLE | {"button_width": "80px"},
            layout=_WIDE | {"display": "flex", "flex_flow": "row nowrap"},
        )  # fmt: skip

    def read(self, shown):
        """What ``simulate`` is given."""
        return shown


_STYLE = {"description_width": "124px"}
_WIDE = {"width": "338px"}


class _Voice(anywidget.AnyWidget):
    """Gives the page what ipywidgets leaves out: names of sliders, alt texts, a spoken line.

    ``names`` maps the CSS class of a control to its accessible name; ``picture`` and ``alt`` are
    class and alternative text of the picture. ``say`` is spoken by screen readers once it has been
    still for a moment. Controls may be shown more than once, also later, so the whole notebook is
    watched.
    """

    names = traitlets.Dict().tag(sync=True)
    picture = traitlets.Unicode().tag(sync=True)
    alt = traitlets.Unicode().tag(sync=True)
    say = traitlets.Unicode().tag(sync=True)
    _css = """
    .snnlab-spoken { position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden;
                     clip-path: inset(50%); white-space: nowrap; }
    .snnlab-text { font-variant-numeric: tabular-nums; white-space: normal !important;
                   height: auto !important; line-height: 1.4 !important; }
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
            if (buttons.length) {
              set(box, "role", "group");
              set(box, "aria-label", text);
              for (const b of buttons)
                set(b, "aria-pressed", String(b.classList.contains("mod-active")));
            }
            const handles = box.querySelectorAll("[role=slider], select, input");
            for (const handle of handles) set(handle, "aria-label", text);
            const readout = box.querySelector(".widget-readout");
            if (readout) {
              set(readout, "aria-label", text + ", type a number");
              if (handles.length === 1) set(handles[0], "aria-valuetext", readout.textContent);
            }
          }
        }
        for (const image of document.getElementsByClassName(model.get("picture")))
          set(image, "alt", model.get("alt"));
      };

      let pending = 0, waiting = 0;
      const soon = () => { clearTimeout(pending); pending = setTimeout(label, 60); };
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
      model.on("change:alt change:names", soon);
      return () => {
        cancelAnimationFrame(frame);
        clearTimeout(pending);
        clearTimeout(waiting);
        observer.disconnect();
        model.off("change:say", speak);
        model.off("change:alt change:names", soon);
      };
    }
    export default { render };
    """


class Panel:
    """Controls, a picture and a line of text that follow them.

    Subclasses give

    - ``controls``: dict of name to `Slider` or `Choice`;
    - ``simulate(**values)``: data for these values; pure, also callable on its own;
    - ``draw(data)``: a `snnlab.plot.Picture`; ``update(picture, data)``: show other data in it;
    - ``describe(data)``: the line of text.

    Parameters
    ----------
    key : str, optional
        Under which this panel is known, by default the name of its class. A new panel closes the
        one that was open under its key, so running a cell again leaves nothing behind.

    Attributes
    ----------
    widgets : dict
        The control widgets by name: ``panel.widgets["weight"].value = 0.5``.
    picture : Picture
    text : str
        The line of text.
    image : ipywidgets.Image
    error : Exception or None
        What went wrong with the current values.
    """

    controls = {}

    def __init__(self, key=None):
        self.key = type(self).__name__ if key is None else key
        if self.key in _OPEN:
            _OPEN[self.key].close()
        _OPEN[self.key] = self
        self.closed, self.error, self.picture, self.text = False, None, None, ""
        # callbacks arrive on changing threads; figures can be drawn by one at a time only
        self._lock = threading.RLock()
        self._shown = None  # values that the picture shows
        prefix = f"snnlab-{next(_NUMBERS)}"
        self.widgets = {name: control.widget() for name, control in self.controls.items()}
        for name, widget in self.widgets.items():
            widget.add_class(f"{prefix}-{name}")
            widget.observe(self._changed, "value")
        self.image = ipywidgets.Image(format="png")
        self.image.add_class(f"{prefix}-picture")
        self._line = ipywidgets.Label().add_class("snnlab-text")
        self._fault = ipywidgets.HTML(layout={"display": "none"})
        self._voice = _Voice(
            names={f"{prefix}-{name}": c.name for name, c in self.controls.items()},
            picture=f"{prefix}-picture",
        )
        left = ipywidgets.VBox([*self.widgets.values()], layout={"width": "344px"})
        text = ipywidgets.VBox([self._line, self._fault], layout={"height": "72px"})
        self._right = ipywidgets.VBox([self.image, text], layout={"width": "600px"})
        flow = {"flex_flow": "row wrap", "align_items": "flex-start"}
        self.box = ipywidgets.VBox([ipywidgets.HBox([left, self._right], layout=flow), self._voice])
        self.box.add_class("snnlab-panel")
        self._render(catch=True)

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
        return {name: c.read(self.widgets[name].value) for name, c in self.controls.items()}

    def render(self):
        """Simulate and draw the controls' values; raises what goes wrong, and shows it too."""
        self._render(catch=False)

    def close(self):
        """Stop listening and take the widgets off the page. Closing twice does no harm."""
        if self.closed:
            return
        self.closed = True
        if _OPEN.get(self.key) is self:
            del _OPEN[self.key]
        for widget in self.widgets.values():
            widget.unobserve(self._changed, "value")
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

    def _changed(self, change):
        self._ask()

    def _ask(self):
        """Have the controls' current values shown.

        Quick work is done here and now. This is the seam for long work: a worker thread would be
        given the request here, and call `_render` itself.
        """
        self._render(catch=True)

    def _render(self, catch):
        with self._lock:
            if self.closed:
                return
            values = self.values
            if catch and values == self._shown:
                return  # another thread was faster
            try:
                self._publish(self.simulate(**values))
                self._shown, self.error = values, None
                self._fault.layout.display, self._line.layout.display = "none", ""
            except Exception as error:
                self._shown, self.error = None, error
                self._show_error(error)
                if not catch:
                    raise

    def _publish(self, data):
        """Put data on the page; nothing else writes to the output widgets."""
        if self.picture is None:
            self.picture = self.draw(data)
            width, height = plot.page_size(self.picture.fig)
            # the page must not jump while a new picture is loaded
            self.image.layout.width, self.image.layout.height = f"{width}px", f"{height}px"
            self._right.layout.width = f"{width + 8}px"
        else:
            self.update(self.picture, data)
        self.text = self.describe(data)
        self.image.value = self.picture.png(SCALE)
        self._line.value = self.text
        self._voice.alt, self._voice.say = self.picture.alt, self.text

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
        values = ", ".join(f"{name}={value!r}" for name, value in self.values.items())
        return f"{type(self).__name__}({values}): {self.error or self.text or 'closed'}"

    def _repr_mimebundle_(self, include=None, exclude=None):
        """The widgets; for readers without a kernel the picture and its alternative text."""
        bundle = self.box._repr_mimebundle_(include=include, exclude=exclude)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle or {}, {})
        data, metadata = dict(data), dict(metadata)
        if self.picture is not None:
            still, about = self.picture._repr_mimebundle_()
            data["image/png"] = still["image/png"]
            metadata |= about
        return data | {"text/plain": repr(self)}, metadata


class OneNeuron(Panel):
    """One leaky neuron that hears a few spikes, to see when it fires."""

    dt = 1.7e-6
    n_steps = 40
    first = 2  # step of the first input spike

    controls = {
        "weight": Slider("weight", -0.5, 1.5, 0.01, 0.35),
        "n_spikes": Slider("input spikes", 0, 6, 1, 2, digits=0),
        "gap": Slider("gap", 1.7, 10.2, 1.7, 3.4, "µs", 1e-6, digits=1),
        "tau_mem": Slider("membrane τ", 1, 20, 0.5, 6, "µs", 1e-6, digits=1),
        "tau_syn": Slider("synapse τ", 1, 20, 0.5, 6, "µs", 1e-6, digits=1),
        "v_th": Slider("threshold", 0.2, 2, 0.05, 1),
        "reset": Choice("reset", (("subtract", "subtract"), ("to zero", "zero")), "subtract"),
    }

    def simulate(self, *, weight, n_spikes, gap, tau_mem, tau_syn, v_th, reset):
        """Run a network of one input and one neuron; times in seconds.

        Returns
        -------
        dict
            ``x``, ``i_syn``, ``v``, ``z`` (arrays over time), ``v_th``, ``dt``: the arguments of
            `snnlab.plot.draw_neuron`.
        """
        dt, n = self.dt, self.n_steps
        neuron = LIF.brainscales2(tau_mem=tau_mem, tau_syn=tau_syn, dt=dt, v_th=v_th, reset=reset)
        # the synaptic current is itself a leaky integrator, of the bare input
        synapse = LeakyIntegrator(tau_mem=tau_syn, tau_syn=None, dt=dt)
        step = self.first + int(round(gap / dt)) * np.arange(n_spikes)
        inputs = SpikeTrains([0, len(step)], step, np.zeros_like(step), n, 1)
        traces = []
        for model in (neuron, synapse):
            network = Network((1, 1), neuron, readout=model, n_steps=n, rng=0, dtype=np.float64)
            network.weights[0][...] = weight
            traces.append(network.forward(inputs))
        return {
            "x": inputs.to_dense()[0, :, 0],
            "i_syn": traces[1].readout[0, :, 0],
            "v": traces[0].v[0][0, :, 0],
            "z": traces[0].readout[0, :, 0],
            "v_th": v_th,
            "dt": dt,
        }

    def draw(self, data):
        """Input, current, membrane."""
        return plot.draw_neuron(**data)

    def update(self, picture, data):
        """The same for other data."""
        plot.update_neuron(picture, **data)

    def describe(self, data):
        """Spikes in and out, and the membrane's peak."""
        return plot.neuron_alt(**data)
