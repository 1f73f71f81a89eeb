"""A network's report card: activity, gradients, and the findings in words."""

import textwrap

import numpy as np
from matplotlib.ticker import MaxNLocator, NullLocator

from snnlab.plot.style import (
    QUIET,
    ROLES,
    US,
    Picture,
    count,
    figure,
    freeze,
    label_axes,
    styled,
)  # fmt: skip

LOOKS = ("o-", "s--", "^:", "D-.", "v-")  # hidden layers from the first on, then over again
BINS = 20
LINE, WIDTH = 0.19, 115  # of the text: inches per line, letters in a line


@styled
def draw_report(report, *, fig=None):
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
    fig = figure(8.6, 2.9 + below, fig)
    grid = fig.add_gridspec(2, 3, height_ratios=[2.9, below])
    units, samples, gradients = (fig.add_subplot(grid[0, k]) for k in range(3))
    marks = _draw_units(units, report)
    bars = _draw_samples(samples, report)
    lines = _draw_gradients(gradients, report)
    words = fig.add_subplot(grid[1, :])
    words.axis("off")
    for k, (line, weight) in enumerate(text):
        words.text(0, 1 - k / len(text), line, va="top", weight=weight, size=9)
    picture = Picture(fig, _alt(report), marks=marks, bars=bars, lines=lines, words=words)
    freeze(fig)
    return picture


def _draw_units(ax, report):
    """Units of each hidden layer in order of their rate; the dead and the saturated stand out."""
    label_axes(ax, x="units in order (%)", y="spikes per sample", title="Units")
    marks = {}
    for k, layer in enumerate(report.hidden):
        order = np.argsort(layer.rates, kind="stable")
        x, y = 100 * (np.arange(len(order)) + 0.5) / len(order), layer.rates[order]
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
    label_axes(ax, x="spikes in the last hidden layer", y="samples (%)", title="Samples")
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
    label_axes(ax, x="time (µs)", y="norm of the gradient", title="Gradients")
    t = np.arange(report.gradient.shape[1]) * report.dt * US
    ax.set_xlim(-0.03 * (t[-1] or 1), 1.03 * (t[-1] or 1))
    lines = []
    for k, g in enumerate(report.gradient):
        hidden = k < len(report.hidden)
        lines += ax.plot(
            t, np.where(g > 0, g, np.nan), LOOKS[k % len(LOOKS)] if hidden else "*-",
            color=ROLES["gradient"] if hidden else QUIET, ms=3.5 if hidden else 5, lw=1.2,
            label=f"layer {k}" if hidden else "readout",
        )  # fmt: skip
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


def _alt(report):
    """What there is to see in a sentence or two."""
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


# the card that a panel redraws ------------------------------------------------------------------

SHOWN = 6  # lines of text for findings
HIDDEN = "The findings are hidden. Make up your own mind from the card, then show them."
EDGES = np.array([1, 2, 3, 4, 5, 7, 10, 14, 20, 28, 40, 56, 80, 112, 160, 224, 320, 448, 640, 896,
                  1280]) - 0.5  # fmt: skip
DECADES = 3  # ends of the gradient's axis move in leaps of so many powers of ten


@styled
def draw_ward(data, *, fig=None):
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
    fig = figure(8.2, 5.3, fig)
    grid = fig.add_gridspec(3, 1, height_ratios=[2.2, 1.75, LINE * SHOWN])
    above = grid[0].subgridspec(1, 3)
    units, samples, gradients = (fig.add_subplot(above[k]) for k in range(3))
    middle = grid[1].subgridspec(1, 2, width_ratios=[2, 1])
    table, training = (fig.add_subplot(middle[k]) for k in range(2))
    words = fig.add_subplot(grid[2])
    head = units.set_title(" ")
    a = {"head": head, "gradient_axes": gradients}

    # ends of axes stay where they are: patients can be compared, and only what moves is redrawn
    most = data["report"].layers[0].most.max()
    label_axes(units, x="units in order (%)", y="spikes per sample")
    units.set_yscale("symlog", linthresh=1, linscale=0.5)
    units.set(xlim=(-3, 103), ylim=(-0.12, 9 * most), yticks=[0, 1, 2, 5, 10, 20, 50, 100])
    units.yaxis.set_major_formatter(lambda y, _: f"{y:g}" if y <= most else "")
    units.yaxis.set_minor_locator(NullLocator())
    a["units"] = [
        units.plot([], [], LOOKS[k], color=ROLES["spike"], ms=2.5, lw=1, label=f"layer {k}")[0]
        for k in range(2)
    ]
    a["marks"] = {
        what: units.plot([], [], marker, color=ROLES["membrane"], ms=5, mew=1.2, label=what)[0]
        for what, marker in (("dead", "x"), ("saturated", "P"))
    }
    compact = {"handlelength": 1.6, "borderaxespad": 0.2, "columnspacing": 0.8}
    units.legend(loc="upper left", ncols=2, **compact)

    label_axes(samples, x="spikes in the last hidden layer", y="samples (%)")
    samples.set_xscale("log")
    samples.set(xlim=(0.24, 1.1 * EDGES[-1]), ylim=(0, 118), yticks=[0, 25, 50, 75, 100])
    zero = 0.37  # a place for it on the logarithmic axis
    samples.set_xticks([zero, 1, 10, 100, 1000], ["0", "1", "10", "100", "1000"])
    samples.xaxis.set_minor_locator(NullLocator())
    a["bars"] = samples.stairs(np.zeros(len(EDGES) - 1), EDGES, fill=True, color=ROLES["spike"])
    (a["silent"],) = samples.bar(
        [zero], [0], 0.18, align="center", color="white", edgecolor="black", hatch="xxx"
    )
    a["silent"].set_label("silent")  # bar would name the group of bars
    samples.legend(handles=[a["silent"]], loc="upper right", borderaxespad=0.2)

    label_axes(gradients, x="time (µs)", y="norm of the gradient")
    gradients.set_yscale("log")
    gradients.yaxis.set_minor_locator(NullLocator())
    looks = [(LOOKS[k], ROLES["gradient"], f"layer {k}") for k in range(2)]
    a["gradients"] = [
        gradients.plot([], [], look, color=color, ms=3.5, lw=1.2, label=name)[0]
        for look, color, name in [*looks, ("*-", QUIET, "readout")]
    ]
    gradients.legend(loc="upper right", ncols=2, handlelength=2, borderaxespad=0.2)
    a["note"] = gradients.text(0.5, 0.4, "", ha="center", transform=gradients.transAxes)

    for ax in (table, words):
        ax.axis("off")
    look = {"va": "top", "size": 9, "linespacing": 1.35, "transform": table.transAxes}
    names, *columns, limits = _table(data["report"])
    table.text(0, 1, names, **look)
    table.text(1, 1, limits, ha="right", **look)
    a["columns"] = [
        table.text(x, 1, text, ha="right", **look)
        for x, text in zip((0.58, 0.7, 0.84), columns, strict=True)
    ]
    a["words"] = words.text(0, 1, "", va="top", size=9, linespacing=1.3)

    label_axes(training, x="epoch", y="accuracy on what\nit learns from (%)")
    # room for the legend above, where no curve comes
    training.set(xlim=(0, data["epochs"] + 0.3), ylim=(0, 152), yticks=[0, 25, 50, 75, 100])
    training.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    (earlier,) = training.plot([], [], "s--", color=QUIET, ms=3, lw=1, label="earlier trainings")
    (newest,) = training.plot([], [], "o-", color=ROLES["training"], ms=4, label="the last one")
    training.legend(loc="upper left", borderaxespad=0.2)
    a |= {"earlier": earlier, "newest": newest}

    moving = [
        head, *a["units"], *a["marks"].values(), a["bars"], a["silent"], *a["gradients"], a["note"],
        *a["columns"], a["words"], earlier, newest,
    ]  # fmt: skip
    picture = Picture(fig, "", moving, **a)
    update_ward(picture, data)
    freeze(fig)
    return picture


@styled
def update_ward(picture, data):
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
    said = _alt(report)
    picture.alt = f"{data['title']}. " + (said if data["findings"] else said.split(" Found:")[0])
    if newest:
        picture.alt += f" After {count(len(newest), 'epoch')}, {100 * newest[-1]:.0f} % right."


def _set_units(a, report):
    marked = {what: [] for what in a.marks}
    for k, line in enumerate(a.units):
        if k >= len(report.hidden):
            line.set_data([], [])
            continue
        layer = report.hidden[k]
        order = np.argsort(layer.rates, kind="stable")
        x, y = 100 * (np.arange(len(order)) + 0.5) / len(order), layer.rates[order]
        line.set_data(x, y)
        for what, points in marked.items():
            shown = getattr(layer, what)[order]
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
    a.gradient_axes.set(
        xlim=(-0.03 * t[-1], 1.03 * t[-1]),
        ylim=(10.0**low, 10.0 ** (top + 0.35 * (top - low))),
    )


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
