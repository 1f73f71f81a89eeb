"""A patient of the clinic: its report card, which is redrawn as it is treated."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator, NullLocator

from snnlab.plot import style
from snnlab.plot.clinic import LINE, LOOKS, WIDTH, in_order, report_alt
from snnlab.plot.style import QUIET, ROLES, US, count

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from matplotlib.figure import Figure, SubFigure

    from snnlab.plot.style import Picture

SHOWN = 6  # lines of text for findings
HIDDEN = "The findings are hidden. Make up your own mind from the card, then show them."
# of the bars: each number of spikes at first, then about every 1.4 times as many
EDGES = [1, 2, 3, 4, 5, 7, 10, 14, 20, 28, 40, 56, 80, 112, 160, 224, 320, 448, 640, 896, 1280]
EDGES = np.array(EDGES) - 0.5
DECADES = 3  # ends of the gradient's axis move in leaps of so many powers of ten


@style.styled
def draw_ward(data: Mapping[str, Any], *, fig: Figure | SubFigure | None = None) -> Picture:
    """A patient of the clinic: what `draw_report` shows, vital signs as a table, and training.

    Parameters
    ----------
    data : dict
        ``report``: a Report of one or two hidden layers; ``title``: who it is; ``findings``:
        whether the findings are shown; ``curves``: a list of accuracies in [0, 1] per epoch of each
        training, the newest last; ``epochs``: most epochs of a training.
    fig : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    fig = style.figure(7.8, 5.2, fig)
    grid = fig.add_gridspec(3, 1, height_ratios=[2.2, 1.75, LINE * SHOWN])
    above = grid[0].subgridspec(1, 3)
    units, samples, gradients = (fig.add_subplot(above[k]) for k in range(3))
    middle = grid[1].subgridspec(1, 2, width_ratios=[2.3, 1])
    table, training = (fig.add_subplot(middle[k]) for k in range(2))
    words = fig.add_subplot(grid[2])
    for ax in (table, words):
        ax.axis("off")
    # ends of axes stay where they are: patients can be compared, and only what moves is redrawn
    parts = {
        "head": units.set_title(" "),
        **_place_units(units, data["report"].layers[0].most.max()),
        **_place_samples(samples),
        **_place_gradients(gradients),
        "columns": _place_table(table, data["report"]),
        "words": words.text(0, 1, "", va="top", size=9, linespacing=1.3),
        **_place_training(training, data["epochs"]),
    }
    return style.begin(fig, update_ward, data, **parts)


def _place_units(ax, most):
    style.label_axes(ax, x="units in order (%)", y="spikes per sample")
    ax.set_yscale("symlog", linthresh=1, linscale=0.5)
    ax.set(xlim=(-3, 103), ylim=(-0.12, 9 * most), yticks=[0, 1, 2, 5, 10, 20, 50, 100])
    ax.yaxis.set_major_formatter(lambda y, _: f"{y:g}" if y <= most else "")
    ax.yaxis.set_minor_locator(NullLocator())
    look = {"color": ROLES["spike"], "ms": 2.5, "lw": 1}
    units = [ax.plot([], [], LOOKS[k], label=f"layer {k}", **look)[0] for k in range(2)]
    look = {"color": ROLES["membrane"], "ms": 5, "mew": 1.2}
    marks = {}
    for what, marker in (("dead", "x"), ("saturated", "P")):
        (marks[what],) = ax.plot([], [], marker, label=what, **look)
    looks = {"loc": "upper left", "ncols": 2, "handlelength": 1.6, "borderaxespad": 0.2}
    legend = style.Legend(ax, [*units, *marks.values()], **looks, columnspacing=0.8)
    return {"units": units, "marks": marks, "units_legend": legend}


def _place_samples(ax):
    style.label_axes(ax, x="spikes in the last hidden layer", y="samples (%)")
    ax.set_xscale("log")
    ax.set(xlim=(0.24, 1.1 * EDGES[-1]), ylim=(0, 118), yticks=[0, 25, 50, 75, 100])
    zero = 0.37  # a place for it on the logarithmic axis
    ax.set_xticks([zero, 1, 10, 100, 1000], ["0", "1", "10", "100", "1000"])
    ax.xaxis.set_minor_locator(NullLocator())
    bars = ax.stairs(np.zeros(len(EDGES) - 1), EDGES, fill=True, color=ROLES["spike"])
    (silent,) = ax.bar([zero], [0], 0.18, color="white", edgecolor="black", hatch="xxx")
    silent.set_label("silent")  # bar would name the group of bars
    legend = style.Legend(ax, [silent], loc="upper right", borderaxespad=0.2)
    return {"bars": bars, "silent": silent, "samples_legend": legend}


def _place_gradients(ax):
    style.label_axes(ax, x="time (µs)", y="norm of the gradient")
    ax.set_yscale("log")
    ax.yaxis.set_minor_locator(NullLocator())
    looks = [(LOOKS[k], ROLES["gradient"], f"layer {k}") for k in range(2)]
    lines = [
        ax.plot([], [], look, color=color, ms=3.5, lw=1.2, label=name)[0]
        for look, color, name in [*looks, ("*-", QUIET, "readout")]
    ]
    legend = style.Legend(ax, lines, loc="upper right", ncols=2, handlelength=2, borderaxespad=0.2)
    note = ax.text(0.5, 0.4, "", ha="center", transform=ax.transAxes)
    parts = {"gradients": lines, "note": note, "gradient_axes": ax}
    return parts | {"gradients_legend": legend}


def _place_table(ax, report):
    """Names and limits stay; returns the columns between them."""
    look = {"va": "top", "size": 9, "linespacing": 1.35, "transform": ax.transAxes}
    names, *columns, limits = _table(report)
    ax.text(0, 1, names, **look)
    ax.text(0.97, 1, limits, ha="right", **look)
    places = zip((0.58, 0.69, 0.82), columns, strict=True)
    return [ax.text(x, 1, text, ha="right", **look) for x, text in places]


def _place_training(ax, epochs):
    style.label_axes(ax, x="epoch", y="accuracy on what\nit learns from (%)")
    # room for the legend above, where no curve comes
    ax.set(xlim=(0, epochs + 0.3), ylim=(0, 152), yticks=[0, 25, 50, 75, 100])
    ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    (earlier,) = ax.plot([], [], "s--", color=QUIET, ms=3, lw=1, label="earlier trainings")
    (newest,) = ax.plot([], [], "o-", color=ROLES["training"], ms=4, label="the last one")
    legend = style.Legend(ax, [earlier, newest], loc="upper left", borderaxespad=0.2)
    return {"earlier": earlier, "newest": newest, "training_legend": legend}


@style.styled
def update_ward(picture: Picture, data: Mapping[str, Any]) -> None:
    """Show other data in a picture of `draw_ward`; arguments as there."""
    a, report = picture.artists, data["report"]
    a.head.set_text(data["title"])
    _set_units(a, report)
    _set_samples(a, report)
    _set_gradients(a, report)
    for column, text in zip(a.columns, _table(report)[1:-1], strict=True):
        column.set_text(text)
    a.words.set_text(_findings(report) if data["findings"] else HIDDEN)
    *earlier, newest = data["curves"] or [[]]
    a.newest.set_data(1 + np.arange(len(newest)), 100 * np.array(newest))
    gaps = [np.append(curve, np.nan) for curve in earlier]  # so that no line joins two of them
    steps = [1 + np.arange(len(curve)) for curve in gaps]
    none = np.empty(0)
    a.earlier.set_data(np.concatenate([none, *steps]), 100 * np.concatenate([none, *gaps]))
    for legend in (a.units_legend, a.samples_legend, a.gradients_legend, a.training_legend):
        legend.update(picture)
    said = report_alt(report)
    picture.alt = f"{data['title']}. " + (said if data["findings"] else said.split(" Found:")[0])
    if newest:
        picture.alt += f" After {count(len(newest), 'epoch')}, {100 * newest[-1]:.0f} % right."


def _set_units(a, report):
    marked = {what: [] for what in a.marks}
    for k, line in enumerate(a.units):
        if k >= len(report.hidden):
            line.set_data([], [])
            continue
        x, y, order = in_order(report.hidden[k])
        line.set_data(x, y)
        for what, points in marked.items():
            shown = getattr(report.hidden[k], what)[order]
            points.append([x[shown], y[shown]])
    for what, points in marked.items():
        a.marks[what].set_data(*np.concatenate(points, axis=1))


def _set_samples(a, report):
    spikes = report.hidden[-1].counts.sum(axis=1)
    a.bars.set_data(100 * np.histogram(spikes, EDGES)[0] / len(spikes), EDGES)
    a.silent.set_height(100 * report.silent.mean())


def _set_gradients(a, report):
    t = np.arange(report.gradient.shape[1]) * report.dt * US
    n = len(report.hidden)
    rows = dict(zip([*range(n), 2], report.gradient, strict=True))  # the readout's line is the last
    for k, line in enumerate(a.gradients):
        g = rows.get(k, np.zeros(len(t)))
        line.set_data(t, np.where(g > 0, g, np.nan))
    positive = report.gradient[report.gradient > 0]  # NaN is not
    finite = np.isfinite(report.gradient).all()
    a.note.set_text("" if positive.size else "0 everywhere" if finite else "not finite")
    top = DECADES * np.ceil(np.log10(positive.max() if positive.size else 1) / DECADES)
    low = top - 3 * DECADES  # what is a billion times smaller is as good as nothing
    ends = 10.0**low, 10.0 ** (top + 0.35 * (top - low))
    a.gradient_axes.set(xlim=(-0.03 * t[-1], 1.03 * t[-1]), ylim=ends)


def _table(report):
    """Text of the columns: what, two hidden layers, readout, and from where on it is sick."""
    n = len(report.hidden)
    columns = [[""], *[[f"layer {k}" if k < n else ""] for k in range(2)], ["readout"], ["sick"]]
    for name, values, sick in report.signs():
        shown = [f"{x:.3g}" if np.isfinite(x) else "–" for x in values]
        if len(shown) == 1:  # of the whole network
            cells = [*shown, "", ""]
        else:
            cells = [*shown[:n], *[""] * (2 - n), shown[n]]
        for column, text in zip(columns, [name, *cells, sick], strict=True):
            column.append(text)
    return ["\n".join(column) for column in columns]


def _findings(report):
    """The findings in so many lines, the worst first."""
    lines = []
    for k, finding in enumerate(report.findings, 1):
        said = f"{k}. {finding.name} ({finding.severity}): {finding.measured}"
        own = textwrap.wrap(said, WIDTH) + textwrap.wrap(f"Remedy: {finding.remedy.words}", WIDTH)
        if len(lines) + len(own) > SHOWN - 1:
            lines.append(f"... and {len(report.findings) - k + 1} more: print the report.")
            break
        lines += own
    return "\n".join(lines) or "Nothing found."
