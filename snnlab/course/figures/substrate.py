"""A network as simulated and on the chip, side by side; and two ways of training for a chip."""

import numpy as np
from matplotlib.ticker import MaxNLocator

from snnlab.plot.style import (
    QUIET,
    ROLES,
    US,
    Picture,
    count,
    figure,
    freeze,
    label_axes,
    steady,
    styled,
)  # fmt: skip

SIDES = "ideal", "chip"


@styled
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
    fig = figure(8.0, 5.4, fig)
    grid = fig.add_gridspec(3, 3, width_ratios=[1, 1.75, 1.75])
    image_ax, stairs, bars_ax = (fig.add_subplot(grid[k, 0]) for k in range(3))
    last = len(data["ideal"]["v"]) * data["dt"] * US
    image = image_ax.imshow(np.zeros(data["image"].shape), vmin=0, vmax=1, cmap="gray_r")
    image_ax.set(xticks=[], yticks=[])
    frame = list(image_ax.spines.values())
    for spine in frame:
        spine.set_visible(True)
    top = 1.05 * np.abs(data["weights"]).max()
    (dots,) = stairs.plot([], [], "-", color=ROLES["input"], lw=1.3)
    stairs.plot([-top, top], [-top, top], ":", color=QUIET, lw=1)
    stairs.set(xlim=(-top, top), ylim=(-top, top), xticks=[-0.2, 0, 0.2], yticks=[-0.2, 0, 0.2])
    label_axes(stairs, x="weight in software", y="on the chip")
    bars = bars_ax.barh([0, 1], [0, 0], 0.6, color=[QUIET, ROLES["training"]], hatch=["", "//"],
                        edgecolor="white", linewidth=0)  # fmt: skip
    bars_ax.set(xlim=(0, 100), ylim=(1.6, -0.6), yticks=[0, 1], xticks=[0, 50, 100])
    bars_ax.set_yticklabels(SIDES)
    label_axes(bars_ax, x="test images right (%)")
    says = image_ax.set_title(" ")

    moving = [image, *frame, dots, *bars, says]
    sides = {}
    first = [None] * 3
    for column, side in enumerate(SIDES, start=1):
        v_ax, raster, out = axes = [
            fig.add_subplot(grid[k, column], sharex=first[0], sharey=first[k]) for k in range(3)
        ]
        first = axes if column == 1 else first
        (v,) = v_ax.plot([], [], color=ROLES["membrane"])
        (threshold,) = v_ax.plot([], [], "--", color=ROLES["threshold"], lw=1.3)
        (fired,) = v_ax.plot([], [], "d", color=ROLES["spike"], ms=5)
        (spikes,) = raster.plot([], [], "d", color=ROLES["spike"], ms=2.8)
        lines = [out.plot([], [], color=QUIET, lw=1)[0] for _ in data["ideal"]["readout"][0]]
        (peak,) = out.plot([], [], "*", color=ROLES["membrane"], ms=10)
        v_ax.set_ylim(-1.2, 2.4)
        raster.set_ylim(-0.03 * data["n_hidden"], 1.03 * data["n_hidden"])
        for ax in axes:
            ax.set_xlim(-0.02 * last, last)
            ax.yaxis.set_major_locator(MaxNLocator(3, integer=ax is raster))
            ax.tick_params(labelbottom=ax is out, labelleft=column == 1)
        label_axes(out, x="time (µs)")
        heads = [ax.set_title(" ") for ax in axes]
        moving += [threshold, v, fired, spikes, *lines, peak, *heads]
        sides[side] = {"v": v, "threshold": threshold, "fired": fired, "spikes": spikes,
                       "lines": lines, "peak": peak, "heads": heads}  # fmt: skip
        if column == 1:
            label_axes(v_ax, y="potential\n(arb. units)")
            label_axes(raster, y="hidden unit")
            label_axes(out, x="time (µs)", y="readout potential\n(arb. units)")
            fig.align_ylabels(axes)
    picture = Picture(fig, "", moving, image=image, says=says, written=dots, bars=bars,
                      sides=sides, readout=first[2])  # fmt: skip
    update_substrate(picture, data)
    freeze(fig)
    return picture


@styled
def update_substrate(picture, data):
    """Show other data in a picture of `draw_substrate`; arguments as there."""
    a, dt, label = picture.artists, data["dt"], data["label"]
    a.image.set_data(data["image"])
    a.says.set_text(f"test image: a {label}")
    a.written.set_data(data["weights"], data["written"])
    t = np.arange(len(data["ideal"]["v"])) * dt * US
    said = []
    for bar, side in zip(a.bars, SIDES, strict=True):
        run, artists = data[side], a.sides[side]
        readout = run["readout"]
        bar.set_width(100 * run["accuracy"])
        artists["v"].set_data(t, run["v"])
        artists["threshold"].set_data([t[0], t[-1] + dt * US], [run["threshold"]] * 2)
        artists["fired"].set_data(np.asarray(run["fired"]) * dt * US, [2.15] * len(run["fired"]))
        step, unit = run["spikes"]
        artists["spikes"].set_data(np.asarray(step) * dt * US, unit)
        decision, when = int(readout.max(axis=0).argmax()), int(readout.max(axis=1).argmax())
        for k, line in enumerate(artists["lines"]):
            line.set_data(t, readout[:, k])
            missed = k == label != decision
            chosen = k == decision
            line.set_color(ROLES["membrane"] if chosen else ROLES["wrong"] if missed else QUIET)
            line.set(linewidth=2 if chosen or missed else 1, linestyle="--" if missed else "-")
            line.set_zorder(3 if chosen or missed else 2)
        artists["peak"].set_data([t[when]], [readout[when, decision]])
        percent = f"{100 * run['accuracy']:.1f} % of {data['n_tested']}"
        verdict = f"{'✓' if decision == label else '✗'} says {decision}"
        artists["heads"][0].set_text(f"{run['name']}: {percent} right")
        artists["heads"][1].set_text(count(len(step), "hidden spike"))
        artists["heads"][2].set_text(verdict)
        artists["heads"][2].set_color("black" if decision == label else ROLES["wrong"])
        said.append(
            f"{run['name']}: {percent} test images right, {count(len(step), 'hidden spike')} for "
            f"this image, read as a {decision}"
        )
    both = np.concatenate([data[side]["readout"] for side in SIDES])
    _, high = steady(0.0, max(0.0, float(both.max())))
    high = high or 0.25
    a.readout.set_ylim(-0.6 * high, 1.1 * high)  # what lies far below decides nothing
    picture.alt = (
        f"A {label} in the same network twice, with the membrane of hidden neuron "
        f"{data['neuron']}, all hidden spikes and the readout. {'; '.join(said)}. Beside it, "
        "weights in software against weights on the chip."
    )


# --- training in the loop -------------------------------------------------------------------------

MODES = {  # key, name, role, marker, line style: as in `snnlab.course.figures.draw_mismatch`
    "loop": ("in the loop", "training", "o", "-"),
    "transfer": ("from software", "wrong", "s", "--"),
}


@styled
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
    fig = figure(8.0, 5.9, fig)
    (live, spread), (small, large) = fig.subplots(2, 2, height_ratios=[1.05, 1])
    stored, n = data["stored"], len(data["chips"])
    lines, stars, moving = {}, {}, []
    for mode, (name, role, marker, dashes) in MODES.items():
        looks = {"color": ROLES[role], "ls": dashes, "marker": marker}
        thin = [live.plot([], [], color=ROLES[role], ls=dashes, lw=0.8, alpha=0.5)[0]
                for _ in range(n)]  # fmt: skip
        (thick,) = live.plot([], [], ms=5, label=name, **looks)
        mean = 100 * np.mean(stored[mode], axis=0)
        x = 100 * np.asarray(stored["sigma_d"])
        spread.plot(np.tile(x, len(stored[mode])), 100 * np.ravel(stored[mode]), marker, ms=2.5,
                    color=ROLES[role], alpha=0.4, mew=0)  # fmt: skip
        spread.plot(x, mean, ms=4, lw=1.2, **looks)
        (stars[mode],) = spread.plot(
            [], [], marker, color="white", mec=ROLES[role], ms=9, mew=2, zorder=4
        )
        lines[mode] = [*thin, thick]
        moving += [*thin, thick, stars[mode]]
    live.set(xlim=(-0.03 * data["n_steps"], 1.03 * data["n_steps"]))
    spread.set(ylim=(30, 103), xlim=(-3, 53))
    for ax in (live, spread):
        ax.grid(True, color="#DDDDDD", lw=0.6)
        ax.set_axisbelow(True)
        ax.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    spread.legend(handles=[lines[mode][-1] for mode in MODES], loc="lower left")
    label_axes(live, x="training step", y="test accuracy\non the chip (%)")
    label_axes(spread, x="mismatch, relative sd (%)", y="test accuracy (%)",
               title="Full runs; outlined: the small ones now")  # fmt: skip
    heads = [live.set_title(" "), small.set_title(" ")]
    shown, texts, numbers = _matrix(small, np.full((n, n), np.nan), size=10)
    *_, fixed = _matrix(large, 100 * np.asarray(stored["matrix"]), size=8)
    for text, k in zip(fixed, 2 * [*range(len(fixed) // 2)], strict=True):
        text.set_text(str(k))
    large.set_title("Full runs, mismatch 30 %")
    moving += [*heads, shown, *texts.ravel(), *numbers]
    picture = Picture(fig, "", moving, live=live, lines=lines, stars=stars, heads=heads,
                      shown=shown, texts=texts, numbers=numbers)  # fmt: skip
    update_loop(picture, data)
    freeze(fig)
    return picture


LOW, TOP = 40, 100  # ends of the colour scale, in %


def _matrix(ax, matrix, size):
    """A table of accuracies in %, as colours and numbers; the chips' numbers are texts, too."""
    shown = ax.imshow(matrix, cmap="cividis", vmin=LOW, vmax=TOP, aspect="auto")
    rows, columns = matrix.shape
    texts = np.empty(matrix.shape, object)
    for i in range(rows):
        for j in range(columns):
            texts[i, j] = ax.text(
                j, i, "", ha="center", va="center", size=size,
                weight="bold" if i == j else "normal",
            )  # fmt: skip
    _write(shown, texts, matrix)
    numbers = [
        ax.text(k, -0.04, "0", transform=ax.get_xaxis_transform(), ha="center", va="top", size=9)
        for k in range(columns)
    ] + [
        ax.text(-0.02, k, "0", transform=ax.get_yaxis_transform(), ha="right", va="center", size=9)
        for k in range(rows)
    ]
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


@styled
def update_loop(picture, data):
    """Show other data in a picture of `draw_loop`; arguments as there."""
    a, sigma = picture.artists, 100 * data["sigma_d"]
    means, lowest = {}, 100.0
    for mode in MODES:
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
        for mode, (name, *_) in MODES.items()
    )
    picture.alt = (
        f"Curves of test accuracy over steps of training, at a mismatch of {sigma:.0f} %, mean of "
        f"chips {chips}. {said}. Beside them the accuracies of full runs against the mismatch, "
        "and tables of accuracies of networks trained on one chip and tested on another."
    )
