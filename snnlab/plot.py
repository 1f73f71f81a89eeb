"""Figures: each is drawn once by a ``draw_*``, its data set anew by the ``update_*`` beside it.

A ``draw_*`` returns a `Picture`, which a notebook shows when it is the last line of a cell, and
which carries a sentence saying what is to be seen. The layout is solved once, then frozen; drawing
changes no data; pyplot is never involved, so no figures pile up and nothing depends on a backend.

Colours are those of Okabe and Ito, one per role, and roles also differ in marker or line style.
The face is white, so that figures can be read on light and dark pages.
"""

import base64
import functools
import html
import io
from types import SimpleNamespace

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import FancyBboxPatch
from matplotlib.ticker import MaxNLocator

from snnlab._files import write_atomically

OKABE_ITO = {
    "black": "#000000",
    "orange": "#E69F00",
    "sky blue": "#56B4E9",
    "bluish green": "#009E73",
    "yellow": "#F0E442",
    "blue": "#0072B2",
    "vermillion": "#D55E00",
    "reddish purple": "#CC79A7",
}
ROLES = {
    "input": OKABE_ITO["blue"],
    "current": OKABE_ITO["bluish green"],
    "membrane": OKABE_ITO["black"],
    "spike": OKABE_ITO["vermillion"],
    "threshold": OKABE_ITO["reddish purple"],
    "gradient": OKABE_ITO["orange"],
    "training": OKABE_ITO["blue"],
    "validation": OKABE_ITO["black"],
    "wrong": OKABE_ITO["vermillion"],
}
QUIET = "#8C8C8C"  # what stands back: the classes that were not chosen
HOUSE = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.labelsize": 10,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "axes.edgecolor": "#333333",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "axes.linewidth": 0.8,
    "lines.linewidth": 1.6,
    "text.color": "black",
    "axes.labelcolor": "black",
    "axes.titlecolor": "auto",
    "axes.titlelocation": "left",
    "axes.titleweight": "normal",
    "xtick.color": "#333333",
    "ytick.color": "#333333",
    "xtick.labelcolor": "black",
    "ytick.labelcolor": "black",
    "text.usetex": False,
    "image.cmap": "gray_r",
    "image.interpolation": "nearest",
}
US = 1e6  # microseconds in a second
DPI = 100


def _styled(function):
    """Run in the house style, whatever style the user's own figures have."""

    @functools.wraps(function)
    def styled(*args, **kwargs):
        with matplotlib.rc_context(HOUSE):
            return function(*args, **kwargs)

    return styled


class Picture:
    """A figure, the artists whose data change, and a sentence that says what it shows.

    Attributes
    ----------
    fig : matplotlib Figure or SubFigure
    alt : str
        What there is to see, for readers who do not see it.
    artists : namespace
        What ``update_*`` sets.
    """

    def __init__(self, fig, alt, **artists):
        self.fig, self.alt, self.artists = fig, alt, SimpleNamespace(**artists)

    def png(self, scale=2.0):
        """PNG bytes; ``scale`` pixels of the file per pixel on the page."""
        return to_png(self.fig, scale)

    def save(self, path, scale=2.0):
        """Write a PNG file, whole or not at all."""
        content = self.png(scale)
        write_atomically(path, lambda file: file.write(content))

    def __repr__(self):
        return f"Picture: {self.alt}"

    def _repr_mimebundle_(self, include=None, exclude=None):
        width, height = page_size(self.fig)
        png = base64.b64encode(self.png()).decode()
        # JupyterLab reads no alt text from the metadata of image/png, nbconvert does
        page = (
            f'<img src="data:image/png;base64,{png}" alt="{html.escape(self.alt)}" '
            f'width="{width}" style="max-width: 100%; height: auto">'
        )
        data = {"text/html": page, "image/png": png, "text/plain": repr(self)}
        return data, {"image/png": {"alt": self.alt, "width": width, "height": height}}


def show(fig, alt):
    """A figure of your own as something that a notebook shows.

    Parameters
    ----------
    fig : matplotlib.figure.Figure or Picture
    alt : str
        A sentence saying what there is to see.

    Returns
    -------
    Picture
    """
    fig = getattr(fig, "fig", fig)
    if not isinstance(alt, str) or not alt.strip():
        raise ValueError("alt must be a sentence that says what the figure shows")
    if fig.canvas is None:
        FigureCanvasAgg(fig)
    return Picture(fig, alt)


def page_size(fig):
    """Width and height on the page in pixels."""
    return tuple(int(round(DPI * inches)) for inches in fig.get_size_inches())


@_styled
def to_png(fig, scale=1.0):
    """Render a figure to PNG bytes, quickly: little compression."""
    from PIL import Image  # matplotlib requires it

    fig.dpi = DPI * scale
    canvas = FigureCanvasAgg(fig) if not isinstance(fig.canvas, FigureCanvasAgg) else fig.canvas
    canvas.draw()
    file = io.BytesIO()
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    picture.save(file, "png", compress_level=1)
    return file.getvalue()


@_styled
def new_figure(width, height):
    """An empty figure of so many inches, with a canvas and without pyplot."""
    fig = Figure((width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(fig)
    return fig


def _figure(width, height, within=None):
    return new_figure(width, height) if within is None else within


def freeze(fig):
    """Solve the layout now and keep it: nothing moves when data change, and drawing is faster."""
    if isinstance(fig, SubFigure):
        return
    fig.canvas.draw()
    fig.set_layout_engine("none")


def _labels(ax, x="", y="", title=""):
    ax.set(xlabel=x, ylabel=y, title=title)


def _count(n, what):
    """``1 spike``, ``2 spikes``, ``no spikes``."""
    return f"{n or 'no'} {what}{'' if n == 1 else 's'}"


# --- one neuron -----------------------------------------------------------------------------------


def neuron_alt(x, i_syn, v, z, v_th, dt):
    """One sentence about a neuron's run: spikes in and out, and how high the membrane rises."""
    when = np.flatnonzero(z) * dt * US
    out = _count(len(when), "output spike")
    if len(when):
        out += f" at {', '.join(f'{t:.1f}' for t in when[:3])}{' ...' * (len(when) > 3)} µs"
    top = int(np.argmax(v))
    return (
        f"{_count(int(np.sum(x)), 'input spike')}, {out}; "
        f"the membrane peaks at {v[top]:.2f} (threshold {v_th:.2f}) after {top * dt * US:.1f} µs"
    )


@_styled
def draw_neuron(x, i_syn, v, z, v_th, dt):
    """One neuron: input spikes, synaptic current, membrane with threshold and output spikes.

    Parameters
    ----------
    x, i_syn, v, z : array (time,)
        Input spikes (0 or 1), synaptic current, potential as compared with the threshold, output
        spikes (0 or 1).
    v_th : float
        Threshold.
    dt : float
        Step in seconds.

    Returns
    -------
    Picture
    """
    fig = _figure(6.0, 4.6)
    inputs, current, membrane = fig.subplots(3, sharex=True, height_ratios=[0.45, 1, 1.9])
    last = len(v) * dt * US
    (stems,) = inputs.plot([], [], color=ROLES["input"], lw=1.4)
    (heads,) = inputs.plot([], [], "^", color=ROLES["input"], ms=6)
    inputs.set(ylim=(0, 1.25), yticks=[])
    _labels(inputs, y="input\nspikes")
    inputs.spines["left"].set_visible(False)
    (i_line,) = current.plot([], [], "s-", color=ROLES["current"], ms=2.5)
    _labels(current, y="current\n(arb. units)")
    (v_line,) = membrane.plot([], [], "o-", color=ROLES["membrane"], ms=3, label="membrane")
    threshold = membrane.axhline(v_th, color=ROLES["threshold"], ls="--", label="threshold")
    (spikes,) = membrane.plot([], [], color=ROLES["spike"], lw=2)
    (tops,) = membrane.plot(
        [], [], "D", color=ROLES["spike"], ms=6, clip_on=False, label="output spike"
    )
    _labels(membrane, x="time (µs)", y="membrane potential\n(arb. units)")
    for ax in (current, membrane):
        ax.axhline(0, color=QUIET, lw=0.6, zorder=0)
        ax.yaxis.set_major_locator(MaxNLocator(4))
    membrane.set_xlim(-0.02 * last, last)
    membrane.legend(ncols=3, loc="lower right", bbox_to_anchor=(1, 1.0), borderaxespad=0)
    fig.align_ylabels()
    picture = Picture(
        fig, "", stems=stems, heads=heads, i=i_line, v=v_line, threshold=threshold, spikes=spikes,
        tops=tops, current=current, membrane=membrane,
    )  # fmt: skip
    update_neuron(picture, x, i_syn, v, z, v_th, dt)
    freeze(fig)
    return picture


def _steady_limits(ax, low, high, room=1.12):
    """Limits from a short list, so that they stay the same for most moves of a slider."""
    steps = np.array([0, 0.25, 0.5, 1, 1.5, 2, 3, 5, 7.5, 10, 15, 20, 30, 50, 75, 100, 150, 200])
    up = steps[min(np.searchsorted(steps, high), len(steps) - 1)]
    down = steps[min(np.searchsorted(steps, -low), len(steps) - 1)]
    ax.set_ylim(-down - 0.05 * up, up * room if up else 0.25)


@_styled
def update_neuron(picture, x, i_syn, v, z, v_th, dt):
    """Show another run in a picture of `draw_neuron`; arguments as there."""
    a = picture.artists
    t = np.arange(len(v)) * dt * US
    arrive, fire = t[np.asarray(x) > 0], t[np.asarray(z) > 0]
    a.stems.set_data(*_stems(arrive, 0, 1))
    a.heads.set_data(arrive, np.ones(len(arrive)))
    a.i.set_data(t, i_syn)
    a.v.set_data(t, v)
    a.threshold.set_ydata([v_th, v_th])
    _steady_limits(a.current, np.min(i_syn), np.max(i_syn))
    _steady_limits(a.membrane, np.min(v), max(np.max(v), v_th), room=1.15)
    top = a.membrane.get_ylim()[1]
    a.spikes.set_data(*_stems(fire, v_th, top))
    a.tops.set_data(fire, np.full(len(fire), top))
    text = neuron_alt(x, i_syn, v, z, v_th, dt)
    picture.alt = (
        "Three curves over time of one leaky neuron: input spikes, synaptic current, and the "
        f"membrane potential with its threshold. {text}."
    )


def _stems(t, low, high):
    """Vertical lines at t as one line with gaps."""
    gaps = np.full(len(t), np.nan)
    x = np.stack([t, t, gaps], 1).ravel()
    return x, np.tile([low, high, np.nan], len(t))


@_styled
def draw_order():
    """The order of operations in a time step, as a diagram of two steps."""
    fig = _figure(8.6, 2.6)
    ax = fig.subplots()
    ax.set(xlim=(0, 10), ylim=(0.2, 3.5))
    ax.axis("off")
    boxes = (
        ("1 arrive", "current\njumps by\nthe weight", "current"),
        ("2 integrate", "membrane\nleaks, adds\nthe current", "membrane"),
        ("3 compare", "is it above\nthe\nthreshold?", "threshold"),
        ("4 emit", "yes: spike 1\nno: 0", "spike"),
    )
    arrow = {"arrowstyle": "->", "lw": 1.2, "shrinkA": 0, "shrinkB": 1}
    for left, step in ((0.05, "step t"), (5.1, "step t + 1")):
        ax.plot([left, left + 4.8], [2.95, 2.95], color=QUIET, lw=0.8)
        ax.text(left + 2.4, 3.05, step, ha="center", va="bottom", weight="bold")
        for k, (name, what, role) in enumerate(boxes):
            x = left + 1.24 * k
            outline = {"fc": "white", "ec": ROLES[role], "lw": 1.8}
            outline["ls"] = "--" if role == "threshold" else "-"
            round_ = "round,pad=0,rounding_size=0.08"
            ax.add_patch(FancyBboxPatch((x, 1.25), 1.06, 1.45, boxstyle=round_, **outline))
            ax.text(x + 0.53, 2.46, name, ha="center", va="center", size=9.5)
            ax.text(x + 0.53, 1.78, what, ha="center", va="center", size=8.5)
            if k < 3:
                ax.annotate("", (x + 1.24, 2.0), (x + 1.06, 2.0), arrowprops=arrow)
    emit, integrate = 0.05 + 3 * 1.24 + 0.53, 5.1 + 1.24 + 0.53
    reset = {"color": ROLES["spike"], "lw": 1.8}
    ax.plot([emit, emit, integrate], [1.25, 0.75, 0.75], **reset, solid_joinstyle="round")
    ax.annotate("", (integrate, 1.25), (integrate, 0.75), arrowprops=arrow | reset)
    note = "the reset of a spike acts one step later"
    ax.text((emit + integrate) / 2, 0.66, note, ha="center", va="top")
    freeze(fig)
    alt = (
        "A diagram of two time steps. In each, in this order: input spikes arrive and change the "
        "current; the membrane integrates it; it is compared with the threshold; a spike is "
        "emitted or not. An arrow leads from the spike to the membrane of the next step: the reset."
    )
    return Picture(fig, alt)


# --- a sample going through a network -------------------------------------------------------------


@_styled
def draw_raster(trace, sample=0, *, dt, label=None, image=None, names=None, fig=None):
    """One sample of a batch: its image, input and hidden spikes, the readout, and the decision.

    Parameters
    ----------
    trace : Trace
        Of a network whose input is spikes and whose readout is potentials.
    sample : int
        Which one of the batch.
    dt : float
        Step in seconds.
    label : int, optional
        The true class.
    image : array (rows, columns), optional
    names : sequence of str, optional
        Names of the classes; their numbers by default.
    fig : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    fig = _figure(8.6, 5.2, fig)
    grid = fig.add_gridspec(3, 2, width_ratios=[1, 2.6], height_ratios=[1, 1, 1.1])
    n_classes = trace.readout.shape[2]
    names = [str(k) for k in range(n_classes)] if names is None else list(names)
    left = grid[:, 0].subgridspec(2, 1, height_ratios=[1, 1.05])
    picture_ax, bars_ax = fig.add_subplot(left[0]), fig.add_subplot(left[1])
    top = fig.add_subplot(grid[0, 1])
    middle, bottom = (fig.add_subplot(grid[k, 1], sharex=top) for k in (1, 2))

    shown = picture_ax.imshow(np.zeros((2, 2)), vmin=0, vmax=1, cmap="gray_r")
    picture_ax.set(xticks=[], yticks=[])
    for spine in picture_ax.spines.values():
        spine.set_visible(True)
    bars = bars_ax.barh(range(n_classes), np.zeros(n_classes), color=QUIET, height=0.7)
    bars_ax.set_yticks(range(n_classes), names)
    bars_ax.invert_yaxis()
    bars_ax.axvline(0, color="#333333", lw=0.8)
    bars_ax.xaxis.set_major_locator(MaxNLocator(3))
    _labels(bars_ax, x="highest potential (arb. units)", y="class")

    lines = {}
    trains = (trace.inputs, trace.hidden[-1])
    for ax, role, train, marker in zip(
        (top, middle), ("input", "spike"), trains, "|d", strict=True
    ):
        size = 5 if marker == "|" else 3.5
        (lines[role],) = ax.plot([], [], marker, color=ROLES[role], ms=size, mew=1.2)
        ax.set(ylim=(-0.03 * train.n_units, 1.03 * train.n_units))
        ax.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    _labels(top, y="input unit")
    _labels(middle, y="hidden unit")
    for ax in (top, middle):
        ax.tick_params(labelbottom=False)
    classes = [bottom.plot([], [], color=QUIET, lw=1)[0] for _ in range(n_classes)]
    (peak,) = bottom.plot([], [], "*", color=ROLES["membrane"], ms=11)
    note = bottom.annotate("", (0, 0), xytext=(6, 4), textcoords="offset points", weight="bold")
    bottom.axhline(0, color=QUIET, lw=0.6, zorder=0)
    bottom.yaxis.set_major_locator(MaxNLocator(4))
    _labels(bottom, x="time (µs)", y="readout potential\n(arb. units)")
    last = trace.readout.shape[1] * dt * US
    top.set_xlim(-0.02 * last, 1.02 * last)
    fig.align_ylabels([top, middle, bottom])
    picture = Picture(
        fig, "", image=shown, image_ax=picture_ax, bars=bars, bars_ax=bars_ax, lines=lines,
        titles=(top, middle), classes=classes, peak=peak, note=note, readout=bottom, names=names,
        dt=dt,
    )  # fmt: skip
    update_raster(picture, trace, sample, label=label, image=image)
    freeze(fig)
    return picture


@_styled
def update_raster(picture, trace, sample=0, *, label=None, image=None):
    """Show another sample in a picture of `draw_raster`; arguments as there."""
    a = picture.artists
    counts = {}
    for role, train in (("input", trace.inputs), ("spike", trace.hidden[-1])):
        events = slice(train.start[sample], train.stop[sample])
        a.lines[role].set_data(train.step[events] * a.dt * US, train.unit[events])
        counts[role] = int(train.stop[sample] - train.start[sample])
    a.titles[0].set_title(f"{_count(counts['input'], 'input spike')}: dark pixels early")
    a.titles[1].set_title(_count(counts["spike"], "hidden spike"))

    readout = trace.readout[sample]
    t = np.arange(len(readout)) * a.dt * US
    highest = readout.max(axis=0)
    decision = int(highest.argmax())
    for k, line in enumerate(a.classes):
        chosen, true = k == decision, label is not None and k == label
        line.set_data(t, readout[:, k])
        missed = true and not chosen
        line.set_color(ROLES["membrane"] if chosen else ROLES["wrong"] if missed else QUIET)
        line.set(linewidth=2.2 if chosen or missed else 1, linestyle="--" if missed else "-")
        line.set_zorder(3 if chosen or missed else 2)
        a.bars[k].set_width(highest[k])
        a.bars[k].set_color(ROLES["membrane"] if chosen else QUIET)
        if missed:
            a.bars[k].set_color(ROLES["wrong"])
    when = int(readout[:, decision].argmax())
    a.peak.set_data([t[when]], [highest[decision]])
    a.note.xy = t[when], highest[decision]
    a.note.set_text(a.names[decision])
    low, high = float(readout.min()), float(readout.max())
    margin = 0.15 * (high - low or 1.0)
    a.readout.set_ylim(low - 0.3 * margin, high + 1.6 * margin)
    ends = min(0.0, float(highest.min())), max(float(highest.max()), 0.0)
    a.bars_ax.set_xlim(1.08 * ends[0], 1.08 * (ends[1] or 0.1))

    a.image_ax.set_visible(image is not None)
    if image is not None:
        image = np.asarray(image)
        a.image.set_data(image)
        a.image.set_extent((-0.5, image.shape[1] - 0.5, image.shape[0] - 0.5, -0.5))
    said = f"decides for {a.names[decision]}"
    if label is not None:
        right = "right" if decision == label else f"wrong: it is {a.names[label]}"
        said += f" ({right})"
    a.image_ax.set_title(said[0].upper() + said[1:])
    title = f"★ highest of all: class {a.names[decision]} at {t[when]:.1f} µs"
    if label is not None and label != decision:
        title += f"; dashed: class {a.names[label]}, the true one"
    a.readout.set_title(title)
    picture.alt = (
        f"Spikes of one sample over {len(readout) * a.dt * US:.0f} µs: "
        f"{_count(counts['input'], 'input spike')}, {_count(counts['spike'], 'hidden spike')}. "
        f"The network {said}, whose potential is the highest, {highest[decision]:.2f} "
        f"at {t[when]:.1f} µs."
    )


# --- training -------------------------------------------------------------------------------------


@_styled
def draw_history(history, *, epochs=None, fig=None):
    """Training: loss, accuracy and hidden spikes per epoch.

    Parameters
    ----------
    history : History
    epochs : int, optional
        Length of the axis; by default what there is.
    fig : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    fig = _figure(8.6, 2.7, fig)
    axes = fig.subplots(1, 3)
    style = {"color": ROLES["training"], "marker": "o", "ls": "-", "label": "training"}
    check = {"color": ROLES["validation"], "marker": "s", "ls": "--", "label": "validation"}
    spike = {"color": ROLES["spike"], "marker": "d", "ls": "-", "label": "training"}
    lines = {}
    for ax, name, looks in (
        (axes[0], "loss", style),
        (axes[1], "train_accuracy", style),
        (axes[1], "validation_accuracy", check),
        (axes[2], "hidden_spikes", spike),
        (axes[2], "validation_hidden_spikes", check),
    ):
        (lines[name],) = ax.plot([], [], ms=4.5, **looks)
    for ax, label in zip(
        axes, ("loss (nats)", "accuracy (%)", "hidden spikes per image"), strict=True
    ):
        _labels(ax, x="epoch", y=label)
        ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        ax.yaxis.set_major_locator(MaxNLocator(4))
    picture = Picture(fig, "", lines=lines, axes=axes, epochs=epochs)
    update_history(picture, history)
    if history.validation_accuracy:
        axes[1].legend(loc="lower right")
    freeze(fig)
    return picture


@_styled
def update_history(picture, history):
    """Show a longer or another history in a picture of `draw_history`."""
    a = picture.artists
    for name, line in a.lines.items():
        y = np.array(getattr(history, name), float) * (100 if name.endswith("accuracy") else 1)
        line.set_data(1 + np.arange(len(y)), y)
    last = max(a.epochs or 0, len(history), 1)
    for ax in a.axes:
        ax.set_xlim(0.7, last + 0.3)
        ax.relim()
        ax.autoscale_view(scalex=False)
    for ax in (a.axes[0], a.axes[2]):
        top = max((np.max(line.get_ydata(), initial=0) for line in ax.lines), default=0)
        ax.set_ylim(0, 1.1 * top or 1)
    if not len(history):
        picture.alt = "Curves of training: no epoch is complete yet."
        return
    picture.alt = (
        f"Curves over {_count(len(history), 'epoch')} of training: the loss goes from "
        f"{history.loss[0]:.2f} to {history.loss[-1]:.2f}, the accuracy on training images from "
        f"{100 * history.train_accuracy[0]:.1f} to {100 * history.train_accuracy[-1]:.1f} %, "
        f"hidden spikes per image from {history.hidden_spikes[0]:.0f} to "
        f"{history.hidden_spikes[-1]:.0f}."
    )


# --- images ---------------------------------------------------------------------------------------


@_styled
def draw_images(x, shape, *, labels=None, predictions=None, names=None, columns=8, fig=None):
    """A grid of images with what the network says of each.

    Parameters
    ----------
    x : array (n, pixels)
        Values in [0, 1].
    shape : (int, int)
        Rows and columns of an image.
    labels, predictions : array of int (n,), optional
        True and predicted classes; a wrong one is marked by a cross, a frame and the true class.
    names : sequence of str, optional
        Names of the classes.
    columns : int
    fig : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    x = np.asarray(x)
    columns = min(columns, len(x))
    rows = -(-len(x) // columns)
    fig = _figure(1.02 * columns, 1.22 * rows, fig)
    axes = np.ravel(fig.subplots(rows, columns, squeeze=False))
    for ax in axes[len(x) :]:
        ax.set_visible(False)
    blank = np.zeros(shape)
    shown = [ax.imshow(blank, vmin=0, vmax=1, cmap="gray_r") for ax in axes[: len(x)]]
    for ax in axes:
        ax.set(xticks=[], yticks=[])
        ax.set_title(" ", size=9, loc="center", pad=3)
        for spine in ax.spines.values():
            spine.set_visible(True)
    picture = Picture(fig, "", images=shown, axes=axes, shape=tuple(shape), names=names)
    update_images(picture, x, labels=labels, predictions=predictions)
    freeze(fig)
    return picture


@_styled
def update_images(picture, x, *, labels=None, predictions=None):
    """Show as many other images in a picture of `draw_images`; arguments as there."""
    a = picture.artists

    def name(k):
        return str(k) if a.names is None else a.names[k]

    n_wrong = 0
    for k, (image, ax) in enumerate(zip(a.images, a.axes, strict=False)):
        image.set_data(np.asarray(x[k]).reshape(a.shape))
        wrong = labels is not None and predictions is not None and labels[k] != predictions[k]
        n_wrong += bool(wrong)
        said = predictions if predictions is not None else labels
        text = "" if said is None else name(said[k])
        # an empty title would be left out of the layout, so there is always a character
        ax.title.set_text((f"✗ {text}, not {name(labels[k])}" if wrong else text) or " ")
        ax.title.set_color(ROLES["wrong"] if wrong else "black")
        for spine in ax.spines.values():
            spine.set(color=ROLES["wrong"] if wrong else "#333333", linewidth=2 if wrong else 0.8)
    picture.alt = f"A grid of {_count(len(a.images), 'image')}"
    if labels is not None:
        picture.alt += f", in truth {', '.join(name(k) for k in labels[: len(a.images)])}"
    if labels is not None and predictions is not None:
        picture.alt += f"; the network is right about {len(a.images) - n_wrong} of them"
    picture.alt += "."


@_styled
def draw_code(image, trains, sample=0, *, dt):
    """An image beside the spikes it is coded as.

    Parameters
    ----------
    image : array (rows, columns)
        Values in [0, 1].
    trains : SpikeTrains
    sample : int
        Which one of the trains.
    dt : float
        Step in seconds.

    Returns
    -------
    Picture
    """
    fig = _figure(8.6, 3.0)
    fig.get_layout_engine().set(wspace=0.06)
    left, middle, right = fig.subplots(1, 3, width_ratios=[1, 1, 1.4])
    events = slice(trains.start[sample], trains.stop[sample])
    t, unit = trains.step[events] * dt * US, trains.unit[events]
    image = np.asarray(image)
    left.imshow(image, vmin=0, vmax=1, cmap="gray_r")
    _labels(left, title="the image")
    when = np.full(image.size, np.nan)
    when[unit] = t
    last = trains.n_steps * dt * US
    early = middle.imshow(when.reshape(image.shape), cmap="cividis", vmin=0, vmax=last)
    fig.colorbar(early, ax=middle, label="time of spike (µs)", shrink=0.72)
    _labels(middle, title="when each pixel spikes")
    for ax in (left, middle):
        ax.set(xticks=[], yticks=[])
        for spine in ax.spines.values():
            spine.set_visible(True)
    right.plot(t, unit, "|", color=ROLES["input"], ms=5, mew=1.2)
    right.set(xlim=(-0.02 * last, last), ylim=(image.size + 3, -4))
    right.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    _labels(right, x="time (µs)", y="pixel (row by row)", title="the same as a raster")
    freeze(fig)
    alt = (
        f"An image of {image.shape[0]} by {image.shape[1]} pixels, a map of the time at which each "
        f"pixel spikes, and these {len(t)} spikes as a raster over {last:.0f} µs: the darkest "
        "pixels spike first, white ones never."
    )
    return Picture(fig, alt)
