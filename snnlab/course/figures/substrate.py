"""A network as simulated and on the chip, side by side; and two ways of training for a chip."""

from types import SimpleNamespace

import numpy as np
from matplotlib.ticker import MaxNLocator

from snnlab.course.figures.parts import place_image, say, show_image
from snnlab.plot import style
from snnlab.plot.chip import MODES
from snnlab.plot.network import show_classes
from snnlab.plot.style import QUIET, ROLES, US, count

SIDES = "ideal", "chip"


@style.styled
def draw_substrate(data, *, fig=None):
    """One image in a network as simulated and as measured on a chip.

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
    fig = style.figure(8.0, 5.4, fig)
    grid = fig.add_gridspec(3, 3, width_ratios=[1, 1.75, 1.75])
    image_ax, stairs, bars_ax = (fig.add_subplot(grid[k, 0]) for k in range(3))
    parts = place_image(image_ax, data["image"].shape)
    top = 1.05 * np.abs(data["weights"]).max()
    (dots,) = stairs.plot([], [], "-", color=ROLES["input"], lw=1.3)
    stairs.plot([-top, top], [-top, top], ":", color=QUIET, lw=1)
    stairs.set(xlim=(-top, top), ylim=(-top, top), xticks=[-0.2, 0, 0.2], yticks=[-0.2, 0, 0.2])
    style.label_axes(stairs, x="weight in software", y="on the chip")
    looks = {"color": [QUIET, ROLES["training"]], "hatch": ["", "//"], "edgecolor": "white"}
    bars = bars_ax.barh([0, 1], [0, 0], 0.6, linewidth=0, **looks)
    bars_ax.set(xlim=(0, 100), ylim=(1.6, -0.6), yticks=[0, 1], xticks=[0, 50, 100])
    bars_ax.set_yticklabels(SIDES)
    style.label_axes(bars_ax, x="test images right (%)")
    parts |= {"written": dots, "bars": bars, "sides": {}}
    first = [None] * 3
    for column, side in enumerate(SIDES, start=1):
        axes = [
            fig.add_subplot(grid[k, column], sharex=first[0], sharey=first[k]) for k in range(3)
        ]
        first = axes if column == 1 else first
        parts["sides"][side] = _place_side(axes, data)
        for ax in axes:
            ax.tick_params(labelbottom=ax is axes[2], labelleft=column == 1)
    for ax, label in zip(first, ("potential\n", "hidden unit", "readout potential\n"), strict=True):
        ax.set_ylabel(f"{label}(arb. units)" if label.endswith("\n") else label)
    fig.align_ylabels(first)
    return style.begin(fig, update_substrate, data, **parts, readout=first[2])


def _place_side(axes, data):
    """Membrane, hidden spikes and readout of one of the two networks."""
    v_ax, raster, out = axes
    (threshold,) = v_ax.plot([], [], "--", color=ROLES["threshold"], lw=1.3)
    (v,) = v_ax.plot([], [], color=ROLES["membrane"])
    (fired,) = v_ax.plot([], [], "d", color=ROLES["spike"], ms=5)
    (spikes,) = raster.plot([], [], "d", color=ROLES["spike"], ms=2.8)
    lines = [out.plot([], [], color=QUIET, lw=1)[0] for _ in data["ideal"]["readout"][0]]
    (peak,) = out.plot([], [], "*", color=ROLES["membrane"], ms=10)
    v_ax.set_ylim(-1.2, 2.4)
    raster.set_ylim(-0.03 * data["n_hidden"], 1.03 * data["n_hidden"])
    last = len(data["ideal"]["v"]) * data["dt"] * US
    for ax in axes:
        ax.set_xlim(-0.02 * last, last)
        ax.yaxis.set_major_locator(MaxNLocator(3, integer=ax is raster))
    style.label_axes(out, x="time (µs)")
    parts = {"threshold": threshold, "v": v, "fired": fired, "spikes": spikes}
    return parts | {"lines": lines, "peak": peak, "heads": [ax.set_title(" ") for ax in axes]}


@style.styled
def update_substrate(picture, data):
    """Show other data in a picture of `draw_substrate`; arguments as there."""
    a = picture.artists
    show_image(a, data)
    a.written.set_data(data["weights"], data["written"])
    said = []
    for bar, side in zip(a.bars, SIDES, strict=True):
        bar.set_width(100 * data[side]["accuracy"])
        said.append(_show_side(SimpleNamespace(**a.sides[side]), data[side], data))
    both = np.concatenate([data[side]["readout"] for side in SIDES])
    _, high = style.steady(0.0, max(0.0, float(both.max())))
    high = high or 0.25
    a.readout.set_ylim(-0.6 * high, 1.1 * high)  # what lies far below decides nothing
    picture.alt = (
        f"A {data['label']} in the same network twice, with the membrane of hidden neuron "
        f"{data['neuron']}, all hidden spikes and the readout. {'; '.join(said)}. Beside it, "
        "weights in software against weights on the chip."
    )


def _show_side(a, run, data):
    """One of the two networks; returns a few words on it."""
    dt, label, readout = data["dt"], data["label"], run["readout"]
    t = np.arange(len(run["v"])) * dt * US
    a.v.set_data(t, run["v"])
    a.threshold.set_data([t[0], t[-1] + dt * US], [run["threshold"]] * 2)
    a.fired.set_data(np.asarray(run["fired"]) * dt * US, [2.15] * len(run["fired"]))
    step, unit = run["spikes"]
    a.spikes.set_data(np.asarray(step) * dt * US, unit)
    decision, when = int(readout.max(axis=0).argmax()), int(readout.max(axis=1).argmax())
    show_classes(a.lines, t, readout, decision, label, width=2)
    a.peak.set_data([t[when]], [readout[when, decision]])
    percent = f"{100 * run['accuracy']:.1f} % of {data['n_tested']}"
    spikes = count(len(step), "hidden spike")
    a.heads[0].set_text(f"{run['name']}: {percent} right")
    a.heads[1].set_text(spikes)
    right = decision == label
    say(a.heads[2], f"{'✓' if right else '✗'} says {decision}", right)
    return (
        f"{run['name']}: {percent} test images right, {spikes} for this image, read as a {decision}"
    )


# --- training in the loop -------------------------------------------------------------------------

NAMES = {"loop": "in the loop", "transfer": "from software"}
LOW, TOP = 40, 100  # ends of the colour scale, in %


@style.styled
def draw_loop(data, *, fig=None):
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
    fig = style.figure(8.0, 5.9, fig)
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
def update_loop(picture, data):
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
