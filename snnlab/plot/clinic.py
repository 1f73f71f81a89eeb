"""A network's report card: activity, gradients, and the findings in words."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

from snnlab.plot import style
from snnlab.plot.style import QUIET, ROLES, US, count

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

    from snnlab.plot.style import Picture
    from snnlab.reports.clinic.report import Report

LOOKS = ("o-", "s--", "^:", "D-.", "v-")  # hidden layers from the first on, then over again
BINS = 20
LINE, WIDTH = 0.19, 115  # of the text: inches per line, letters in a line


@style.drawing()
def draw_report(report: Report, *, fig: Figure | SubFigure | None = None) -> Picture:
    """A `snnlab.clinic.Report`: units, samples, gradients, and what was found.

    Parameters
    ----------
    report : Report
    fig : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    text = _words(report)
    below = LINE * (len(text) + 1)
    fig = style.figure(8.6, 2.9 + below, fig)
    grid = fig.add_gridspec(2, 3, height_ratios=[2.9, below])
    units, samples, gradients = (fig.add_subplot(grid[0, k]) for k in range(3))
    marks = _draw_units(units, report)
    bars = _draw_samples(samples, report)
    lines = _draw_gradients(gradients, report)
    words = fig.add_subplot(grid[1, :])
    words.axis("off")
    for k, (line, weight) in enumerate(text):
        words.text(0, 1 - k / len(text), line, va="top", weight=weight, size=9)
    picture = style.Picture(
        fig, report_alt(report), marks=marks, bars=bars, lines=lines, words=words
    )
    style.freeze(fig)
    return picture


def in_order(layer):
    """Units of a layer by their rate: their places on an axis in percent, the rates, the order."""
    order = np.argsort(layer.rates, kind="stable")
    return 100 * (np.arange(len(order)) + 0.5) / len(order), layer.rates[order], order


def _draw_units(ax, report):
    """Units of each hidden layer in order of their rate; the dead and the saturated stand out."""
    style.label_axes(ax, x="units in order (%)", y="spikes per sample", title="Units")
    marks = {}
    for k, layer in enumerate(report.hidden):
        x, y, order = in_order(layer)
        name = f"layer {k}" if len(report.hidden) > 1 else "alive"
        look = {"color": ROLES["spike"], "ms": 2.5, "lw": 1, "label": name}
        (marks[k],) = ax.plot(x, y, LOOKS[k % len(LOOKS)], **look)
        for what, marker in (("dead", "x"), ("saturated", "P")):
            shown = getattr(layer, what)[order]
            if shown.any():
                look = {"color": ROLES["membrane"], "ms": 5, "mew": 1.2, "label": what}
                (marks[what],) = ax.plot(x[shown], y[shown], marker, **look)
    top = max((layer.rates.max() for layer in report.hidden), default=0)
    ax.set(xlim=(-3, 103), ylim=(-0.06 * (top or 1), 1.1 * (top or 1)))
    if len(marks) > 1:
        handles = sorted(marks, key=str)  # layers first
        ax.legend(handles=[marks[key] for key in handles], handlelength=1.6, borderaxespad=0.2)
    _note(ax, "no hidden layer" if not report.hidden else "")
    return marks


def _draw_samples(ax, report):
    """How many samples raise how many hidden spikes; the silent ones as a bar of their own."""
    style.label_axes(ax, x="spikes in the last hidden layer", y="samples (%)", title="Samples")
    _note(ax, "no hidden layer" if not report.hidden else "")
    if not report.hidden:
        return []
    spikes = report.hidden[-1].counts.sum(axis=1)
    width = max(-(-int(spikes.max()) // BINS), 1)
    edges = 1 + width * np.arange(max(-(-int(spikes.max()) // width), 1) + 1)
    heights = 100 * np.histogram(spikes, edges - 0.5)[0] / len(spikes)
    bars = ax.bar(edges[:-1] - 0.5, heights, width, align="edge", color=ROLES["spike"], lw=0)
    silent = 100 * report.silent.mean()
    (mark,) = ax.bar(
        [0.5 - width], [silent], width, align="edge", color="white", edgecolor="black", hatch="xxx"
    )
    mark.set_label(f"silent: {silent:.3g} %")
    ax.legend(handles=[mark], loc="upper right", borderaxespad=0.2)
    ax.set_ylim(0, 1.3 * max(silent, heights.max()))
    ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    return [mark, *bars]


def _draw_gradients(ax, report):
    """Norm of each layer's gradient over time, on a log axis."""
    style.label_axes(ax, x="time (µs)", y="norm of the gradient", title="Gradients")
    t = np.arange(report.gradient.shape[1]) * report.dt * US
    ax.set_xlim(-0.03 * (t[-1] or 1), 1.03 * (t[-1] or 1))
    lines = []
    for k, g in enumerate(report.gradient):
        hidden = k < len(report.hidden)
        look = {"color": QUIET, "ms": 5, "lw": 1.2, "label": "readout"}
        if hidden:
            look |= {"color": ROLES["gradient"], "ms": 3.5, "label": f"layer {k}"}
        marker = LOOKS[k % len(LOOKS)] if hidden else "*-"
        lines += ax.plot(t, np.where(g > 0, g, np.nan), marker, **look)
    positive = report.gradient[report.gradient > 0]  # NaN is not
    if positive.size:
        ax.set_yscale("log")
        # what is a billion times smaller than the largest is as good as nothing
        decades = min(np.log10(positive.max() / positive.min()), 9) + 1
        room = decades * 0.13 * -(-len(lines) // 2)  # for the legend
        top = np.log10(positive.max())
        ax.set_ylim(10 ** (top - decades), 10 ** (top + 0.3 + room))
        ax.legend(loc="upper right", ncols=2, handlelength=2, borderaxespad=0.2, columnspacing=1)
    else:
        _note(ax, "0 everywhere" if np.isfinite(report.gradient).all() else "not finite")
    return lines


def _note(ax, text):
    """Say why there is nothing to see."""
    if text:
        ax.text(0.5, 0.5, text, ha="center", va="center", transform=ax.transAxes)
        ax.set_yticks([])


def _words(report):
    """Lines of text and their weight."""
    text = [(line, "normal") for line in textwrap.wrap(report.summary, WIDTH)]
    for finding in report.findings:
        text.append((f"{finding.name[0].upper()}{finding.name[1:]} ({finding.severity})", "bold"))
        for said in (finding.measured, f"Remedy: {finding.remedy.words}"):
            text += [(line, "normal") for line in textwrap.wrap(said, WIDTH)]
    return text


def report_alt(report):
    """What there is to see on a report card, in a sentence or two."""
    dead, saturated = (
        sum(int(getattr(layer, what).sum()) for layer in report.hidden)
        for what in ("dead", "saturated")
    )
    n = sum(layer.dead.size for layer in report.hidden)
    found = ", ".join(dict.fromkeys(finding.name for finding in report.findings)) or "nothing"
    return (
        f"Report card of a network, {report.summary} Of {count(n, 'hidden unit')}, {dead} never "
        f"spike and {saturated} spike nearly always; {int(report.silent.sum())} samples are "
        f"silent. Found: {found}."
    )
