"""Training as it goes: curves of several runs, and one image in each of the networks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

from snnlab.course.figures.parts import place_image, place_spikes, say, show_image
from snnlab.plot import style
from snnlab.plot.style import OKABE_ITO, QUIET, US, an, count

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from matplotlib.figure import Figure, SubFigure

    from snnlab.plot.style import Picture

RUNS = (  # per run: colour, line style, marker
    (OKABE_ITO["blue"], "-", "o"),
    (OKABE_ITO["vermillion"], "--", "s"),
)
SMOOTH = 20  # steps over which the loss is averaged
POINTS = 300  # of a curve


@style.styled
def draw_runs(data: Mapping[str, Any], *, fig: Figure | SubFigure | None = None) -> Picture:
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
    fig = style.figure(6.6, 4.5, fig)
    grid = fig.add_gridspec(3, 1, height_ratios=[0.1, 1.15, 1])
    top = fig.add_subplot(grid[0])
    above = grid[1].subgridspec(1, 2)
    below = grid[2].subgridspec(1, 3)
    loss, accuracy = (fig.add_subplot(above[k]) for k in range(2))
    shown, *rasters = (fig.add_subplot(below[k]) for k in range(3))
    losses, tests, cursors = [], [], []
    for color, dashes, marker in RUNS:
        losses += loss.plot([], [], dashes, color=color)
        tests += accuracy.plot([], [], dashes, color=color, marker=marker, ms=4)
    for ax in (loss, accuracy):
        cursors.append(ax.axvline(0, color=QUIET, lw=1, ls=":"))
        ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    loss.set_ylim(0, 3)
    accuracy.set_ylim(-3, 104)
    style.label_axes(loss, x="step", y=f"loss (nats),\nmean of {SMOOTH} steps")
    style.label_axes(accuracy, x="step", y="accuracy on\ntest images (%)")
    parts = {
        "losses": losses,
        "tests": tests,
        "cursors": cursors,
        "words": _place_words(top, len(data["names"])),
        **place_spikes(rasters, data, [{"color": c, "marker": "d", "ms": 3.2} for c, *_ in RUNS]),
        **place_image(shown, data["image"].shape),
    }
    if len(data["names"]) < 2:
        rasters[1].set_visible(False)
    return style.begin(fig, update_runs, data, **parts, curves=(loss, accuracy))


def _place_words(ax, n):
    """A legend of which only the words are drawn anew."""
    ax.set(xlim=(0, 1), ylim=(0, 1))
    ax.set_axis_off()
    words = []
    for k, (color, dashes, marker) in enumerate(RUNS[:n]):
        x = np.array([0, 0.025, 0.05]) + 0.4 * k
        ax.plot(x, [0.5] * 3, dashes, color=color, marker=marker, ms=4, markevery=[1])
        words.append(ax.text(x[2] + 0.01, 0.5, "", va="center"))
    return words


def _thinned(y):
    """Steps and running means of a curve, at most `POINTS` of them."""
    total = np.concatenate([[0.0], np.cumsum(y)])
    stop = np.unique(np.linspace(1, len(y), min(len(y), POINTS)).astype(int))
    start = np.maximum(0, stop - SMOOTH)
    return stop, (total[stop] - total[start]) / (stop - start)


@style.styled
def update_runs(picture: Picture, data: Mapping[str, Any]) -> None:
    """Show other data in a picture of `draw_runs`; arguments as there."""
    a = picture.artists
    longest = max([len(y) for y in data["loss"]] + [1])
    # the axis grows in leaps, so that it stands still most of the time
    end = next(e for e in 100 * 2.0 ** np.arange(40) if e >= longest)
    if end > 200 and 0.75 * end >= longest:
        end *= 0.75
    for ax in a.curves:
        ax.set_xlim(-0.03 * end, 1.03 * end)
    show_image(a, data)
    for text, words in zip(a.words, data["settings"], strict=False):
        text.set_text(words)
    said = [_show_run(a, k, data) for k in range(len(data["names"]))]
    for cursor in a.cursors:
        cursor.set_xdata([max(data["at"])] * 2)
    picture.alt = (
        "Curves of loss and test accuracy over the steps of training, a test image, and the hidden "
        f"spikes it causes. {'. '.join(said)}."
    )


def _show_run(a, k, data):
    """Curves and spikes of one run; returns a sentence on it."""
    name, at, label = data["names"][k], data["at"][k], data["label"]
    y = np.asarray(data["loss"][k], float)
    a.losses[k].set_data(*(_thinned(y) if len(y) else ([], [])))
    tested = np.array(data["tested"][k], float).reshape(-1, 2)
    a.tests[k].set_data(tested[:, 0], 100 * tested[:, 1])
    (step, unit), decision = data["spikes"][k], data["decision"][k]
    a.dots[k].set_data(np.asarray(step) * data["dt"] * US, unit)
    right = decision == label
    verdict = f"{'✓' if right else '✗'} says {decision}, {count(len(step), 'spike')}"
    told = f"it takes this {label} for {an(decision)}, with {count(len(step), 'hidden spike')}"
    if not len(step):  # then all outputs are equal
        right, verdict = True, "silent, cannot decide"
        told = f"at this {label} none of its hidden neurons spikes"
    say(a.heads[k], f"{name}: {verdict}", right)
    here = tested[tested[:, 0] <= at]
    accuracy = f", {100 * here[-1, 1]:.0f} % of test images right" if len(here) else ""
    return f"{name} after {at} steps{accuracy}; {told}"
