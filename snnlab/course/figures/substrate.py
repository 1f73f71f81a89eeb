"""A network as simulated and on the chip; and two ways of training for a chip."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

from snnlab.course.figures.parts import place_image, say, show_image
from snnlab.plot import style
from snnlab.plot.chip import MODES
from snnlab.plot.style import QUIET, ROLES, US, an, count, one

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from matplotlib.figure import Figure, SubFigure

    from snnlab.plot.style import Picture

LOOKS = {  # of the two networks: colour, line, marker
    "ideal": (QUIET, "-", "o"),
    "chip": (ROLES["training"], "-", "D"),
}
HEIGHTS = (0.5, 1, 1.5, 2, 2.5, 3, 4, 5, 7, 10, 15, 20, 50, 1e9)  # ends of the outputs' axis


@style.styled
def draw_substrate(data: Mapping[str, Any], *, fig: Figure | SubFigure | None = None) -> Picture:
    """One image in a network as simulated and as measured on a chip, drawn over each other.

    Parameters
    ----------
    data : dict
        ``image`` (rows, columns), its ``label``; ``weights``, ``written``: what was to be written
        to a synapse, and what is; ``ideal`` and ``chip``, each a dict of ``name``, ``v`` (time,)
        the membrane of one hidden neuron, its ``threshold`` and ``fired`` (steps), ``spikes`` (step
        and unit of all hidden spikes), ``readout`` (time, class), ``accuracy`` in [0, 1];
        ``neuron`` its number; ``n_tested``, ``n_hidden``, ``dt``.
    fig : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    fig = style.figure(6.6, 4.6, fig)
    whole = fig.add_gridspec(1, 2, width_ratios=[1, 2.3])
    left = whole[0].subgridspec(3, 1, height_ratios=[1.25, 1, 0.6])
    right = whole[1].subgridspec(2, 1)
    image, stairs, right_ones = (fig.add_subplot(left[k]) for k in range(3))
    membrane, outputs = (fig.add_subplot(right[k]) for k in range(2))
    parts = place_image(image, data["image"].shape) | _place_stairs(stairs, data)
    parts |= _place_right(right_ones) | _place_membrane(membrane, data) | _place_outputs(outputs)
    return style.begin(fig, update_substrate, data, **parts)


def _place_stairs(ax, data):
    top = 1.05 * np.abs(data["weights"]).max()
    (written,) = ax.plot([], [], "-", color=LOOKS["chip"][0], lw=1.3)
    ax.plot([-top, top], [-top, top], ":", color=QUIET, lw=1)
    ax.set(xlim=(-top, top), ylim=(-top, top), xticks=[-0.2, 0, 0.2], yticks=[-0.2, 0, 0.2])
    style.label_axes(ax, x="weight in software", y="on the chip")
    return {"written": written}


def _place_right(ax):
    """Bars of the share of test images that come out right, with their numbers."""
    colors = [color for color, *_ in LOOKS.values()]
    bars = ax.barh([0, 1], [0, 0], 0.7, linewidth=0, color=colors)
    ax.set(xlim=(0, 100), ylim=(1.6, -0.6), yticks=[0, 1], xticks=[0, 50, 100])
    ax.set_yticklabels(LOOKS)
    look = {"va": "center", "ha": "right", "color": "white", "weight": "bold", "size": 9}
    texts = [ax.text(0, k, "", **look) for k in range(2)]
    style.label_axes(ax, x="test images right (%)")
    return {"bars": bars, "texts": texts}


def _place_membrane(ax, data):
    """One hidden neuron in both networks: membrane, its own threshold, its spikes."""
    last = len(data["ideal"]["v"]) * data["dt"] * US
    parts = {"v": {}, "threshold": {}, "fired": {}}
    for side, (color, dashes, marker) in LOOKS.items():
        (parts["threshold"][side],) = ax.plot([], [], "--", color=color, lw=1.2)
        (parts["v"][side],) = ax.plot([], [], dashes, color=color, lw=2)
        look = {"color": color, "ms": 6, "clip_on": False, "in_layout": False}
        (parts["fired"][side],) = ax.plot([], [], marker, **look)
    ax.set(xlim=(-0.02 * last, last), ylim=(-1.2, 2.5))
    ax.yaxis.set_major_locator(MaxNLocator(4))
    style.label_axes(ax, x="time (µs)", y="potential\n(arb. units)")
    return parts | {"about": ax.set_title(" ")}


def _place_outputs(ax):
    """The highest potential of each class in both networks, the decision marked."""
    places, parts = np.arange(10), {"outputs": {}, "decided": {}}
    for k, (side, (color, *_)) in enumerate(LOOKS.items()):
        parts["outputs"][side] = ax.bar(places + 0.4 * k - 0.2, np.zeros(10), 0.38, color=color)
        look = {"mfc": color, "mec": "black", "ms": 11, "clip_on": False, "in_layout": False}
        (parts["decided"][side],) = ax.plot([], [], "*", **look)
    ax.axhline(0, color=QUIET, lw=0.6)
    ax.set(xlim=(-0.6, 9.6), xticks=places)
    ax.yaxis.set_major_locator(MaxNLocator(4))
    ax.yaxis.set_major_formatter("{x:.1f}")  # one width, whatever the numbers
    style.label_axes(ax, x="class", y="highest potential\n(arb. units)")
    return parts | {"verdict": ax.set_title(" "), "scores": ax}


@style.styled
def update_substrate(picture: Picture, data: Mapping[str, Any]) -> None:
    """Show other data in a picture of `draw_substrate`; arguments as there."""
    a = picture.artists
    show_image(a, data)
    a.written.set_data(data["weights"], data["written"])
    said, verdicts, highest = [], [], 0.0
    for k, side in enumerate(LOOKS):
        run = data[side]
        percent = 100 * run["accuracy"]
        a.bars[k].set_width(percent)
        a.texts[k].set(x=percent - 2, text=f"{percent:.1f}")
        top = _show_side(a, k, side, run, data["dt"])
        decision, highest = int(top.argmax()), max(highest, float(top.max()))
        verdicts.append(
            f"{run['name']} says {decision} {'✓' if decision == data['label'] else '✗'}"
        )
        said.append(
            f"{run['name']}: {percent:.1f} % of {data['n_tested']} test images right, "
            f"{count(len(run['spikes'][0]), 'hidden spike')} for this image, read as {an(decision)}"
        )
    end = next(x for x in HEIGHTS if x >= highest)
    a.scores.set_ylim(-0.2 * end, 1.15 * end)  # what lies far below decides nothing
    a.about.set_text(f"hidden neuron {data['neuron']} (marks: spikes)")
    right = "✗" not in verdicts[1] or "✗" in verdicts[0]
    say(a.verdict, "; ".join(verdicts), right)
    picture.alt = (
        f"{one(data['label'])} in the same network twice, with the membrane of hidden neuron "
        f"{data['neuron']} and the highest potential of each class. {'; '.join(said)}. Beside it, "
        "weights in software against weights on the chip."
    )


def _show_side(a, k, side, run, dt):
    """One of the two networks; returns the highest potential of each class."""
    t, top = np.arange(len(run["v"])) * dt * US, run["readout"].max(axis=0)
    a.v[side].set_data(t, run["v"])
    a.threshold[side].set_data([t[0], t[-1] + dt * US], [run["threshold"]] * 2)
    a.fired[side].set_data(np.asarray(run["fired"]) * dt * US, [2.1 + 0.25 * k] * len(run["fired"]))
    for bar, height in zip(a.outputs[side], top, strict=True):
        bar.set_height(height)
    decision = int(top.argmax())
    a.decided[side].set_data([decision + 0.4 * k - 0.2], [top[decision]])
    return top


# --- training in the loop -------------------------------------------------------------------------

NAMES = {"loop": "in the loop", "transfer": "from software"}
LOW, TOP = 40, 100  # ends of the colour scale, in %


@style.styled
def draw_loop(data: Mapping[str, Any], *, fig: Figure | SubFigure | None = None) -> Picture:
    """Two ways of training for several chips as they go on, beside stored results of full runs.

    Parameters
    ----------
    data : dict
        ``sigma_d``; ``chips``: their seeds; ``n_steps`` of training; ``tested``: the steps at which
        the accuracy was measured; ``loop``, ``transfer``: per such step the accuracies on all
        chips, in [0, 1]; ``matrix`` (trained on, tested on), with NaN for what is not known yet;
        ``stored``: dict of ``sigma_d`` (n,), ``loop`` and ``transfer`` (seeds, n), ``matrix``.
    fig : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    fig = style.figure(6.8, 4.8, fig)
    (live, spread), (small, large) = fig.subplots(2, 2, height_ratios=[1.05, 1])
    n = len(data["chips"])
    parts = {"lines": {}, "stars": {}}
    for mode in NAMES:
        parts["lines"][mode] = _place_mode(live, mode, n)
        parts["stars"][mode] = _place_stored(spread, mode, data["stored"])
    live.set(xlim=(-0.03 * data["n_steps"], 1.03 * data["n_steps"]))
    spread.set(ylim=(30, 103), xlim=(-3, 53))
    for ax in (live, spread):
        style.light_grid(ax)
        ax.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    handles = [lines[-1] for lines in parts["lines"].values()]
    spread.legend(handles=handles, loc="lower left")
    style.label_axes(live, x="training step", y="test accuracy\non the chip (%)")
    style.label_axes(spread, x="mismatch, relative sd (%)", y="test accuracy (%)")
    spread.set_title("Full runs; outlined: the small ones now")
    parts["heads"] = [live.set_title(" "), small.set_title(" ")]
    shown, texts, numbers = _matrix(small, np.full((n, n), np.nan), size=10)
    *_, fixed = _matrix(large, 100 * np.asarray(data["stored"]["matrix"]), size=8)
    for text, k in zip(fixed, 2 * [*range(len(fixed) // 2)], strict=True):
        text.set_text(str(k))
    large.set_title("Full runs, mismatch 30 %")
    parts |= {"shown": shown, "texts": texts, "numbers": numbers, "live": live}
    return style.begin(fig, update_loop, data, **parts)


def _place_mode(ax, mode, n):
    """Thin lines for n chips, a thick one for their mean."""
    _, role, marker, dashes = MODES[mode]
    look = {"color": ROLES[role], "ls": dashes}
    thin = [ax.plot([], [], lw=0.8, alpha=0.5, **look)[0] for _ in range(n)]
    return thin + ax.plot([], [], ms=5, label=NAMES[mode], marker=marker, **look)


def _place_stored(ax, mode, stored):
    """Full runs against the mismatch; returns the outlined mark of the small runs."""
    _, role, marker, dashes = MODES[mode]
    x, y = 100 * np.asarray(stored["sigma_d"]), 100 * np.asarray(stored[mode])
    look = {"color": ROLES[role], "alpha": 0.4, "mew": 0, "ms": 2.5}
    ax.plot(np.tile(x, len(y)), y.ravel(), marker, **look)
    ax.plot(x, y.mean(axis=0), color=ROLES[role], ls=dashes, marker=marker, ms=4, lw=1.2)
    look = {"color": "white", "mec": ROLES[role], "ms": 9, "mew": 2, "zorder": 4}
    return ax.plot([], [], marker, **look)[0]


def _matrix(ax, matrix, size):
    """A table of accuracies in %, as colours and numbers; the chips' numbers are texts, too."""
    shown = ax.imshow(matrix, cmap="cividis", vmin=LOW, vmax=TOP, aspect="auto")
    rows, columns = matrix.shape
    texts = np.empty(matrix.shape, object)
    for i in range(rows):
        for j in range(columns):
            weight = "bold" if i == j else "normal"
            look = {"ha": "center", "va": "center", "size": size, "weight": weight}
            texts[i, j] = ax.text(j, i, "", **look)
    _write(shown, texts, matrix)
    below = {"transform": ax.get_xaxis_transform(), "ha": "center", "va": "top", "size": 9}
    left = {"transform": ax.get_yaxis_transform(), "ha": "right", "va": "center", "size": 9}
    numbers = [ax.text(k, -0.04, "0", **below) for k in range(columns)]
    numbers += [ax.text(-0.02, k, "0", **left) for k in range(rows)]
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    ax.set_xlabel("tested on chip", labelpad=16)
    ax.set_ylabel("trained on chip", labelpad=14)
    return shown, texts, numbers


def _write(shown, texts, matrix):
    shown.set_data(np.ma.masked_invalid(matrix))
    for text, value in zip(texts.ravel(), matrix.ravel(), strict=True):
        text.set_text("..." if np.isnan(value) else f"{value:.1f}")
        dark = value < (LOW + TOP) / 2
        text.set_color("white" if dark else "black")


@style.styled
def update_loop(picture: Picture, data: Mapping[str, Any]) -> None:
    """Show other data in a picture of `draw_loop`; arguments as there."""
    a, sigma = picture.artists, 100 * data["sigma_d"]
    means, lowest = {}, 100.0
    for mode in NAMES:
        y = 100 * np.asarray(data[mode], float)
        means[mode] = y.mean(axis=1)
        lowest = min(lowest, y.min())
        *thin, thick = a.lines[mode]
        for line, column in zip(thin, y.T, strict=True):
            line.set_data(data["tested"], column)
        thick.set_data(data["tested"], means[mode])
        a.stars[mode].set_data([sigma], [means[mode][-1]])
    a.live.set_ylim(20 * np.floor(max(lowest - 4, 0) / 20), 102)
    chips = ", ".join(map(str, data["chips"]))
    a.heads[0].set_text(f"Now: mismatch {sigma:.0f} %, chips {chips}")
    a.heads[1].set_text(f"Now, after step {data['tested'][-1]}")
    for text, chip in zip(a.numbers, 2 * [*data["chips"]], strict=True):
        text.set_text(str(chip))
    _write(a.shown, a.texts, 100 * np.asarray(data["matrix"], float))
    said = "; ".join(
        f"{name}: {means[mode][0]:.1f} % before, {means[mode][-1]:.1f} % after step "
        f"{data['tested'][-1]}"
        for mode, name in NAMES.items()
    )
    picture.alt = (
        f"Curves of test accuracy over steps of training, at a mismatch of {sigma:.0f} %, mean of "
        f"chips {chips}. {said}. Beside them the accuracies of full runs against the mismatch, "
        "and tables of accuracies of networks trained on one chip and tested on another."
    )
