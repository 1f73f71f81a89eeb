"""Training as it goes: curves of several runs, and one image in each of the networks."""

import numpy as np
from matplotlib.ticker import MaxNLocator

from snnlab.plot.style import (
    OKABE_ITO,
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

RUNS = (  # per run: colour, line style, marker
    (OKABE_ITO["blue"], "-", "o"),
    (OKABE_ITO["vermillion"], "--", "s"),
)
SMOOTH = 20  # steps over which the loss is averaged
POINTS = 300  # of a curve


@styled
def draw_runs(data, *, fig=None):
    """Loss and test accuracy of training runs, and what they make of one image.

    Parameters
    ----------
    data : dict
        ``names``: of the runs, at most two; ``settings``: a few words on each; ``at``: the step of
        each that is shown below; ``loss``: per run an array over its steps; ``tested``: per run a
        list of (step, accuracy in [0, 1]); ``image`` (rows, columns) and its ``label``; ``spikes``:
        per run a pair of arrays, step and unit of its hidden spikes; ``decision``: per run;
        ``n_hidden``, ``n_steps``, ``dt``.
    fig : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    fig = figure(8.0, 5.2, fig)
    grid = fig.add_gridspec(3, 1, height_ratios=[0.1, 1.15, 1])
    top = fig.add_subplot(grid[0])  # a legend of which only the words are drawn anew
    top.set(xlim=(0, 1), ylim=(0, 1))
    top.set_axis_off()
    above = grid[1].subgridspec(1, 2)
    below = grid[2].subgridspec(1, 3)
    loss, accuracy = (fig.add_subplot(above[k]) for k in range(2))
    shown, *rasters = (fig.add_subplot(below[k]) for k in range(3))
    image = shown.imshow(np.zeros(data["image"].shape), vmin=0, vmax=1, cmap="gray_r")
    shown.set(xticks=[], yticks=[])
    for spine in shown.spines.values():
        spine.set_visible(True)
    frame = list(shown.spines.values())  # over the image
    losses, tests, spikes, heads, cursors, words = [], [], [], [], [], []
    for k, (color, style, marker) in enumerate(RUNS):
        if k < len(data["names"]):
            x = np.array([0, 0.025, 0.05]) + 0.4 * k
            top.plot(x, [0.5] * 3, style, color=color, marker=marker, ms=4, markevery=[1])
            words.append(top.text(x[2] + 0.01, 0.5, "", va="center"))
        losses.append(loss.plot([], [], style, color=color)[0])
        tests.append(accuracy.plot([], [], style, color=color, marker=marker, ms=4)[0])
        (dots,) = rasters[k].plot([], [], "d", color=color, ms=3.2)
        spikes.append(dots)
        heads.append(rasters[k].set_title(" "))
        last = data["n_steps"] * data["dt"] * US
        rasters[k].set(
            xlim=(-0.02 * last, last), ylim=(-0.03 * data["n_hidden"], 1.03 * data["n_hidden"])
        )
        rasters[k].yaxis.set_major_locator(MaxNLocator(3, integer=True))
        label_axes(rasters[k], x="time (µs)", y="" if k else "hidden unit")
    rasters[1].tick_params(labelleft=False)
    for ax in (loss, accuracy):
        cursors.append(ax.axvline(0, color=QUIET, lw=1, ls=":"))
        ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    loss.set_ylim(0, 3)
    accuracy.set_ylim(0, 104)
    label_axes(loss, x="step", y=f"loss (nats),\nmean of {SMOOTH} steps")
    label_axes(accuracy, x="step", y="accuracy on\ntest images (%)")
    says = shown.set_title(" ")
    moving = [*losses, *tests, *cursors, *spikes, *heads, *words, image, says, *frame]
    picture = Picture(
        fig, "", moving, losses=losses, tests=tests, cursors=cursors, spikes=spikes, heads=heads,
        image=image, says=says, words=words, curves=(loss, accuracy),
    )  # fmt: skip
    if len(data["names"]) < 2:
        rasters[1].set_visible(False)
    update_runs(picture, data)
    freeze(fig)
    return picture


def _thinned(y):
    """Steps and running means of a curve, at most `POINTS` of them."""
    total = np.concatenate([[0.0], np.cumsum(y)])
    stop = np.unique(np.linspace(1, len(y), min(len(y), POINTS)).astype(int))
    start = np.maximum(0, stop - SMOOTH)
    return stop, (total[stop] - total[start]) / (stop - start)


@styled
def update_runs(picture, data):
    """Show other data in a picture of `draw_runs`; arguments as there."""
    a = picture.artists
    longest = max([len(y) for y in data["loss"]] + [1])
    # the axis grows in leaps, so that it stands still most of the time
    end = next(e for e in 100 * 2.0 ** np.arange(40) if e >= longest)
    if end > 200 and 0.75 * end >= longest:
        end *= 0.75
    for ax in a.curves:
        ax.set_xlim(-0.01 * end, end)
    a.image.set_data(data["image"])
    a.says.set_text(f"test image: a {data['label']}")
    for text, words in zip(a.words, data["settings"], strict=False):
        text.set_text(words)
    sentences = []
    for k, name in enumerate(data["names"]):
        y = np.asarray(data["loss"][k], float)
        a.losses[k].set_data(*(_thinned(y) if len(y) else ([], [])))
        tested = np.array(data["tested"][k], float).reshape(-1, 2)
        a.tests[k].set_data(tested[:, 0], 100 * tested[:, 1])
        step, unit = data["spikes"][k]
        a.spikes[k].set_data(np.asarray(step) * data["dt"] * US, unit)
        right = data["decision"][k] == data["label"]
        verdict = f"{'✓' if right else '✗'} says {data['decision'][k]}, {count(len(step), 'spike')}"
        told = f"it takes this {data['label']} for a {data['decision'][k]}, with "
        told += count(len(step), "hidden spike")
        if not len(step):  # then all outputs are equal
            right, verdict = True, "silent, cannot decide"
            told = f"at this {data['label']} none of its hidden neurons spikes"
        a.heads[k].set_text(f"{name}: {verdict}")
        a.heads[k].set_color("black" if right else ROLES["wrong"])
        here = tested[tested[:, 0] <= data["at"][k]]
        accuracy = f", {100 * here[-1, 1]:.0f} % of test images right" if len(here) else ""
        sentences.append(f"{name} after {data['at'][k]} steps{accuracy}; {told}")
    for cursor in a.cursors:
        cursor.set_xdata([max(data["at"])] * 2)
    picture.alt = (
        "Curves of loss and test accuracy over the steps of training, a test image, and the hidden "
        f"spikes it causes. {'. '.join(sentences)}."
    )
