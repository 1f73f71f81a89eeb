"""A sample going through a network, and the history of its training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

from snnlab import _check
from snnlab.plot import style
from snnlab.plot.style import QUIET, ROLES, US, count
from snnlab.signals import SpikeTrains

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure, SubFigure
    from numpy.typing import ArrayLike

    from snnlab.learning.history import History
    from snnlab.plot.style import Picture
    from snnlab.trace import Trace

LETTERS = 11  # of a class's name


@style.drawing()
def draw_raster(
    trace: Trace,
    sample: int = 0,
    *,
    dt: float,
    label: int | None = None,
    image: ArrayLike | None = None,
    names: Sequence[str] | None = None,
    size: tuple[float, float] = (8.6, 5.2),
    fig: Figure | SubFigure | None = None,
) -> Picture:
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
        Values in [0, 1]. Without it, there is no room for one later either.
    names : sequence of str, optional
        Names of the classes; their numbers by default. Long ones are shortened in the picture.
    size : (float, float)
        Of the figure in inches.
    fig : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    sample = _checked_sample(trace, sample)
    fig = style.figure(*size, fig)
    n_classes = trace.readout.shape[2]
    names = _check.names("names", names, n_classes)
    left = 1.5 if style.are_long(names) else 1
    grid = fig.add_gridspec(3, 2, width_ratios=[left, 2.6], height_ratios=[1, 1, 1.1])
    if image is None:
        bars_ax = fig.add_subplot(grid[:, 0])
    else:
        left = grid[:, 0].subgridspec(2, 1, height_ratios=[1, 1.05])
        picture_ax, bars_ax = fig.add_subplot(left[0]), fig.add_subplot(left[1])
    top = fig.add_subplot(grid[0, 1])
    middle, bottom = (fig.add_subplot(grid[k, 1], sharex=top) for k in (1, 2))

    bars = _place_bars(bars_ax, names, 30 if image is None else 14)
    last = trace.readout.shape[1] * dt * US
    top.set_xlim(-0.02 * last, 1.02 * last)
    lines = {
        "input": _place_spikes(top, trace.inputs, "input", marker="|", ms=5),
        "spike": _place_spikes(middle, trace.hidden[-1], "hidden", marker="d", ms=3.5),
    }
    parts = _place_readout(bottom, n_classes)
    fig.align_ylabels([top, middle, bottom])
    room = " \n " if style.are_long(names) else " "
    verdict = (bars_ax if image is None else picture_ax).set_title(room)
    titles = [ax.set_title(room if ax is bottom else " ") for ax in (top, middle, bottom)]
    parts = {"bars": bars, "lines": lines, **parts, "verdict": verdict, "titles": titles}
    if image is not None:
        shown = style.blank_image(picture_ax, (2, 2))
        parts = {"image": shown, **parts, "frame": style.frame_image(picture_ax)}
    parts |= {"bars_ax": bars_ax, "readout": bottom, "names": names, "dt": dt}

    def update(picture, *data):
        update_raster(picture, *data, label=label, image=image)

    return style.begin(fig, update, trace, sample, **{"image": None} | parts)


def _checked_sample(trace, sample):
    """The number of a sample, if the trace has spikes to show, and such a sample."""
    if not (isinstance(trace.inputs, SpikeTrains) and trace.hidden):
        raise ValueError("trace must be of spikes, through a hidden layer or more")
    return _check.integer("sample", sample, 0, len(trace.readout) - 1)


def _place_bars(ax, names, most):
    """A bar for each class; if there are more than ``most``, some have no name."""
    bars = ax.barh(range(len(names)), np.zeros(len(names)), color=QUIET, height=0.7)
    some = range(0, len(names), -(-len(names) // most))
    ax.set_yticks(some, [style.brief(names[k], LETTERS) for k in some])
    ax.invert_yaxis()
    ax.axvline(0, color="#333333", lw=0.8)
    ax.xaxis.set_major_locator(MaxNLocator(3))
    style.label_axes(ax, x="highest potential (arb. units)", y="class")
    return bars


def _place_spikes(ax, train, what, **looks):
    role = "input" if what == "input" else "spike"
    (line,) = ax.plot([], [], ls="", color=ROLES[role], mew=1.2, **looks)
    ax.set(ylim=(-0.03 * train.n_units, 1.03 * train.n_units))
    ax.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    ax.tick_params(labelbottom=False)
    style.label_axes(ax, y=f"{what} unit")
    return line


def _place_readout(ax, n_classes):
    classes = [ax.plot([], [], color=QUIET, lw=1)[0] for _ in range(n_classes)]
    (peak,) = ax.plot([], [], "*", color=ROLES["membrane"], ms=11)
    note = ax.annotate("", (0, 0), xytext=(6, 4), textcoords="offset points", weight="bold")
    ax.axhline(0, color=QUIET, lw=0.6, zorder=0)
    ax.yaxis.set_major_locator(MaxNLocator(4))
    style.label_axes(ax, x="time (µs)", y="output membrane\n(arb. units)")
    return {"classes": classes, "peak": peak, "note": note}


def show_classes(lines, t, readout, decision, label, width=2.2):
    """Potentials of all classes: that of the decision stands out, and a true one it missed.

    Parameters
    ----------
    lines : sequence of Line2D
        One per class.
    t : array (time,)
    readout : array (time, class)
    decision : int
    label : int or None
        The true class.
    width : float
        Of lines that stand out.
    """
    for k, line in enumerate(lines):
        chosen, missed = k == decision, k == label != decision
        line.set_data(t, readout[:, k])
        line.set_color(ROLES["membrane"] if chosen else ROLES["wrong"] if missed else QUIET)
        line.set(linewidth=width if chosen or missed else 1, linestyle="--" if missed else "-")
        line.set_zorder(3 if chosen or missed else 2)


@style.drawing()
def update_raster(
    picture: Picture,
    trace: Trace,
    sample: int = 0,
    *,
    label: int | None = None,
    image: ArrayLike | None = None,
) -> None:
    """Show another sample in a picture of `draw_raster`; arguments as there."""
    sample = _checked_sample(trace, sample)
    a = style.artists(picture, "bars_ax", "titles", "image")
    _check.integer("label", label or 0, 0, len(a.names) - 1)
    if trace.readout.shape[2] != len(a.names):
        raise ValueError(f"trace must be of {len(a.names)} classes, as the picture is")
    if (a.image is None) != (image is None):
        raise ValueError("image must be given if, and only if, the picture was drawn with one")
    if image is not None:
        a.image.set_data(image)
        a.image.set_extent((-0.5, image.shape[1] - 0.5, image.shape[0] - 0.5, -0.5))
    counts = {}
    for role, train in (("input", trace.inputs), ("spike", trace.hidden[-1])):
        events = slice(train.start[sample], train.stop[sample])
        a.lines[role].set_data(train.step[events] * a.dt * US, train.unit[events])
        counts[role] = int(train.stop[sample] - train.start[sample])
    heard = f"{count(counts['input'], 'input spike')}: dark pixels early"
    a.titles[0].set_text(heard if counts["input"] else "no input spikes")
    a.titles[1].set_text(count(counts["spike"], "hidden spike"))
    readout = trace.readout[sample]
    decision, when, highest = _show_readout(a, readout, label)
    if not counts["spike"]:
        _decides_nothing(picture, decision, counts["input"])
        return
    said, verdict, title = _said(a.names, decision, label, when)
    a.verdict.set_text(verdict)
    a.titles[2].set_text(title)
    picture.alt = (
        f"Spikes of one sample over {len(readout) * a.dt * US:.0f} µs: "
        f"{count(counts['input'], 'input spike')}, "
        f"{count(counts['spike'], 'hidden spike')}. The network {said}, whose potential is "
        f"the highest, {highest:.2f} at {when:.1f} µs."
    )


def _said(names, decision, label, when):
    """What is said of a decision, in words, above the image, and above the potentials."""
    gap = "\n" if style.are_long(names) else " "
    short = [style.brief(name, LETTERS) for name in names]
    said, verdict = (f"ecides for {these[decision]}" for these in (names, short))
    title = f"★ highest of all: class {short[decision]} at {when:.1f} µs"
    if label is not None:
        right = label == decision
        said += " (right)" if right else f" (wrong: it is {names[label]})"
        verdict += f"{gap}(right)" if right else f"{gap}(wrong: it is {short[label]})"
        title += "" if right else f";{gap}dashed: class {short[label]}, the true one"
    return f"d{said}", f"D{verdict}", title


def _show_readout(a, readout, label):
    """Returns the decision, and when (in µs) and how high its potential was highest."""
    t = np.arange(len(readout)) * a.dt * US
    highest = readout.max(axis=0)
    decision = int(highest.argmax())
    show_classes(a.classes, t, readout, decision, label)
    for k, bar in enumerate(a.bars):
        bar.set_width(highest[k])
        quiet = ROLES["wrong"] if k == label else QUIET
        bar.set_color(ROLES["membrane"] if k == decision else quiet)
    when = t[int(readout[:, decision].argmax())]
    a.peak.set_data([when], [highest[decision]])
    a.note.xy = when, highest[decision]
    a.note.set_text(style.brief(a.names[decision], LETTERS))
    low, high = style.steady(min(0.0, float(readout.min())), max(0.0, float(readout.max())))
    margin = 0.1 * (high - low or 1.0)
    a.readout.set_ylim(low - 0.3 * margin, high + 1.6 * margin)
    low, high = style.steady(min(0.0, float(highest.min())), max(0.0, float(highest.max())))
    a.bars_ax.set_xlim(1.04 * low, 1.04 * (high or 0.1))
    return decision, when, highest[decision]


def _decides_nothing(picture, decision, heard):
    """Without hidden spikes there is no decision: what points to one is taken away."""
    a = picture.artists
    a.verdict.set_text("Cannot decide")
    a.titles[2].set_text("no potential moves")
    a.peak.set_data([], [])
    a.note.set_text("")
    a.classes[decision].set(color=QUIET, linewidth=1)
    picture.alt = (
        f"{count(heard, 'input spike')}, too few for a hidden one: the network cannot decide."
        if heard
        else "No spikes: the network hears nothing and cannot decide."
    )


# --- training -------------------------------------------------------------------------------------


@style.drawing()
def draw_history(
    history: History, *, epochs: int | None = None, fig: Figure | SubFigure | None = None
) -> Picture:
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
    fig = style.figure(8.6, 2.7, fig)
    axes = fig.subplots(1, 3)
    learned = {"color": ROLES["training"], "marker": "o", "ls": "-", "label": "training"}
    check = {"color": ROLES["validation"], "marker": "s", "ls": "--", "label": "validation"}
    spike = {"color": ROLES["spike"], "marker": "d", "ls": "-", "label": "training"}
    lines = {}
    for ax, name, looks in (
        (axes[0], "loss", learned),
        (axes[1], "train_accuracy", learned),
        (axes[1], "validation_accuracy", check),
        (axes[2], "hidden_spikes", spike),
        (axes[2], "validation_hidden_spikes", check),
    ):
        (lines[name],) = ax.plot([], [], ms=4.5, **looks)
    for ax, label in zip(
        axes, ("loss (nats)", "accuracy (%)", "hidden spikes per image"), strict=True
    ):
        style.label_axes(ax, x="epoch", y=label)
        ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        ax.yaxis.set_major_locator(MaxNLocator(4))
    picture = style.Picture(fig, "", lines=lines, axes=axes, epochs=epochs)
    update_history(picture, history)
    if history.validation_accuracy:
        axes[1].legend(loc="lower right")
    style.freeze(fig)
    return picture


@style.drawing()
def update_history(picture: Picture, history: History) -> None:
    """Show a longer or another history in a picture of `draw_history`."""
    a = style.artists(picture, "lines", "axes", "epochs")
    for name, line in a.lines.items():
        y = _check.floats(f"{name} of history", getattr(history, name), None) * (
            100 if name.endswith("accuracy") else 1
        )
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
        f"Curves over {count(len(history), 'epoch')} of training: the loss goes from "
        f"{history.loss[0]:.2f} to {history.loss[-1]:.2f}, the accuracy on training images from "
        f"{100 * history.train_accuracy[0]:.1f} to {100 * history.train_accuracy[-1]:.1f} %, "
        f"hidden spikes per image from {history.hidden_spikes[0]:.0f} to "
        f"{history.hidden_spikes[-1]:.0f}."
    )
