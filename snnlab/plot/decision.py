"""How soon a network decides, and when it is sure; which spikes made it decide so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex
from matplotlib.ticker import MaxNLocator

from snnlab import _check
from snnlab.plot import style
from snnlab.plot.style import QUIET, ROLES, US, count
from snnlab.reports.decision import PUBLISHED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure, SubFigure
    from numpy.typing import ArrayLike

    from snnlab.plot.style import Picture
    from snnlab.reports.attribution import Explanation
    from snnlab.reports.decision import DecisionTime, Published
    from snnlab.reports.early_exit import EarlyExit

SIGNED = "PuOr"  # orange, white at 0, purple: readers who confuse red and green tell them apart
AGAINST, FOR = (to_hex(colormaps[SIGNED](x)) for x in (0.15, 0.85))
SILENT = "#D0D0D0"
ROUND = [1, 2, 2.5, 5, 10]  # steps of ticks


@style.drawing(published=_check.optional(_check.kind("Published")))
def draw_decision(
    decision: DecisionTime,
    *,
    published: Published | None = PUBLISHED,
    fig: Figure | SubFigure | None = None,
) -> Picture:
    """Accuracy against the deadline of the readout, and when the samples are decided.

    Parameters
    ----------
    decision : DecisionTime
    published : Published, optional
        A quoted time to show beside it; None: none. By default that of Cramer et al. (2022).
    fig : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    fig = style.figure(6.4, 4.8, fig)
    top, bottom = fig.subplots(2, sharex=True, height_ratios=[1.5, 1])
    t, accuracy = decision.times * US, 100 * decision.accuracy
    looks = {"color": ROLES["validation"], "label": "readout cut off at this time"}
    (line,) = top.plot(t, accuracy, "s-", ms=4, **looks)
    final, peak = 100 * decision.final_accuracy, decision.peak_time * US
    at_peak = int(np.argmin(abs(t - peak)))
    top.axhline(final, color=QUIET, lw=0.8, zorder=0)
    label = f"the full {final:.1f} % less at most {100 * decision.tolerance:g}, from here on"
    (star,) = top.plot(peak, accuracy[at_peak], "*", color=ROLES["spike"], ms=13, label=label)
    quoted = None
    if published is not None:
        label = f"quoted: {published.time * US:g} µs, {published.source}"
        looks = {"color": ROLES["threshold"], "ls": "--", "label": label}
        quoted = top.axvline(published.time * US, **looks)
    low, high = accuracy.min(), accuracy.max()
    margin = 0.07 * max(high - low, 1)
    top.set_ylim(low - margin, high + margin)
    for ax in (top, bottom):
        ax.yaxis.set_major_locator(MaxNLocator(4, steps=ROUND))
    top.tick_params(labelbottom=False)
    top.legend(loc="lower right")
    spikes = decision.hidden_spikes
    spent = f"after {spikes[at_peak]:.0f} of {spikes[-1]:.0f} hidden spikes"
    title = f"Final accuracy from {peak:.1f} µs on, {spent}"
    style.label_axes(top, y="accuracy (%)", title=title)

    bars, title = _draw_deadlines(bottom, decision)
    fig.align_ylabels([top, bottom])
    style.freeze(fig)
    alt = (
        "A curve of accuracy against the time since the first input spike at which the readout is "
        f"cut off: {accuracy[0]:.1f} % at {t[0]:.1f} µs, {final:.1f} % with the full readout, "
        f"reached to {100 * decision.tolerance:g} percentage points at {peak:.1f} µs. "
    )
    if published is not None:
        alt += f"Quoted beside it: {published.time * US:g} µs ({published.source}). "
    alt += f"Below, a histogram of when the samples' predictions last change. {title}."
    return style.Picture(fig, alt, accuracy=line, peak=star, quoted=quoted, bars=bars)


def _draw_deadlines(ax, decision):
    """When samples are decided for good; returns the bars, and the title."""
    t = decision.times * US
    per_sample = np.sort(decision.per_sample)
    n, n_decided = len(per_sample), int(np.isfinite(per_sample).sum())
    deadline = np.rint(per_sample[:n_decided] / decision.times[0]).astype(int) - 1
    share = 100 * np.bincount(deadline, minlength=len(t)) / n
    bars = ax.bar(t, share, 0.8 * t[0], color=ROLES["membrane"])
    parts = [
        f"{100 * part:g} % after {per_sample[int(np.ceil(part * n)) - 1] * US:.1f} µs"
        for part in (0.5, 0.95)
        if n_decided >= part * n
    ]
    title = "Decided for good: " + "; ".join(parts + [f"never {n - n_decided}"] * (n_decided < n))
    x = f"time since the first input spike (µs), bins of {t[0]:.2g} µs"
    style.label_axes(ax, x=x, y="decided\n(% of samples)", title=title)
    ax.set(xlim=(0, t[-1] + 0.5 * t[0]), ylim=(0, 1.08 * share.max() or 100))
    return bars, title


@style.drawing()
def draw_early_exit(exits: EarlyExit, *, fig: Figure | SubFigure | None = None) -> Picture:
    """Accuracy against hidden spikes: one deadline for all samples, and each until it is sure.

    Parameters
    ----------
    exits : EarlyExit
    fig : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    fig = style.figure(6.4, 3.4, fig)
    ax = fig.subplots()
    spikes, accuracy = exits.spikes.mean(axis=0), 100 * exits.right.mean(axis=0)
    looks = {"color": ROLES["validation"], "label": "all end at the same time"}
    (line,) = ax.plot(spikes, accuracy, "s-", ms=4, **looks)
    margins = np.quantile(exits.lead[:, -1], np.linspace(0, 0.98, 50))
    found = [exits.at(float(m)) for m in np.maximum(margins, 0)] + [exits.whole]
    x, y = [e.hidden_spikes for e in found], [100 * e.accuracy for e in found]
    looks = {"color": ROLES["spike"], "label": "each ends when it is sure"}
    (curve,) = ax.plot(x, y, "-", lw=2, **looks)
    safe, whole = exits.at(exits.margin()), found[-1]
    label = f"a lead of {safe.margin:.2g}: whole runs, less at most 0.1 points"
    at = safe.hidden_spikes, 100 * safe.accuracy
    (star,) = ax.plot(*at, "*", color=ROLES["spike"], ms=13, label=label)
    ax.axhline(100 * whole.accuracy, color=QUIET, lw=0.8, zorder=0)
    ax.yaxis.set_major_locator(MaxNLocator(4, steps=ROUND))
    low = min(y[0], 100 * whole.accuracy - 10, accuracy[min(1, len(accuracy) - 1)])
    high = max(*y, accuracy.max())
    ax.set(xlim=(0, 1.03 * max(spikes[-1], 1)), ylim=(low, high + 0.1 * (high - low)))
    ax.legend(loc="lower right")
    shares = f"{safe.hidden_spikes:.1f} of {whole.hidden_spikes:.1f} hidden spikes"
    title = f"{100 * safe.accuracy:.1f} % right after {shares}"
    style.label_axes(ax, x="hidden spikes per sample until its end", y="accuracy (%)", title=title)
    style.freeze(fig)
    alt = (
        "Two curves of accuracy against the hidden spikes that a sample needs. Where each sample "
        f"ends once its best class leads by {safe.margin:.2g}, {shares} give "
        f"{100 * safe.accuracy:.1f} %, and whole runs {100 * whole.accuracy:.1f} %. Where all end "
        f"at the same time, {spikes[0]:.1f} hidden spikes give {accuracy[0]:.1f} %."
    )
    return style.Picture(fig, alt, deadlines=line, margins=curve, safe=star)


@style.drawing()
def draw_explanation(
    explanation: Explanation,
    image: ArrayLike,
    *,
    label: int | None = None,
    names: Sequence[str] | None = None,
    fig: Figure | SubFigure | None = None,
) -> Picture:
    """Why a sample was taken for a class: contributions of its pixels and its hidden spikes.

    Parameters
    ----------
    explanation : Explanation
    image : array (rows, columns)
        Values in [0, 1].
    label : int, optional
        The true class.
    names : sequence of str, optional
        Names of the classes; their numbers by default. Long ones are shortened in the picture.
    fig : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    fig = style.figure(8.6, 5.0, fig)
    e = explanation
    names = _check.names("names", names, e.readout.shape[1])
    _check.integer("label", label or 0, 0, len(names) - 1)
    if image.size != e.n_inputs:
        raise ValueError(f"image must have {e.n_inputs} pixels, got {image.shape}")
    rival = e.runner_up if e.against is None else e.against
    grid = fig.add_gridspec(2, 2, width_ratios=[1, 2.2])
    picture_ax, map_ax = (fig.add_subplot(grid[k, 0]) for k in (0, 1))
    spikes_ax = fig.add_subplot(grid[0, 1])
    potential_ax = fig.add_subplot(grid[1, 1], sharex=spikes_ax)

    short = [style.brief(name) for name in names]
    what, shown = (
        f"class {these[e.target]}" + ("" if e.against is None else f", not {these[e.against]}")
        for these in (names, short)
    )
    picture_ax.imshow(image, vmin=0, vmax=1, cmap="gray_r")
    gap = "\n" if style.are_long(names) else " "
    said = f"Why {shown}?" if label is None else f"Why {shown}?{gap}It is {short[label]}"
    style.label_axes(picture_ax, title=said)
    shown = _draw_map(fig, map_ax, e, image.shape)
    for ax in (picture_ax, map_ax):
        style.frame_image(ax)

    stems = _draw_hidden(spikes_ax, e)
    n_for, n_against = (int((sign * e.hidden.value > 0).sum()) for sign in (1, -1))
    title = f"Hidden spikes: {n_for} for, {n_against} against; they add up to {e.score:.2f}"
    style.label_axes(spikes_ax, y="contribution\n(arb. units)", title=title)
    spikes_ax.tick_params(labelbottom=False)

    classes = _draw_potentials(potential_ax, e, rival, short)
    latest = max(e.hidden.step.max(initial=0), e.step or 0, 1) + 2
    spikes_ax.set_xlim(-0.5 * e.dt * US, (min(latest, len(e.readout)) - 0.5) * e.dt * US)
    fig.align_ylabels([spikes_ax, potential_ax])
    style.freeze(fig)
    pixels = e.map(image.shape)
    how = "removed" if e.method == "removal" else "weakened"
    alt = (
        f"Why {what}: a score of {e.score:.2f}"
        f"{'' if e.time is None else f' at {e.time * US:.1f} µs'}. A map of "
        f"{count(len(e.inputs), 'input spike')} by what the score loses if one is {how}: "
        f"{count(int((pixels > 0).sum()), 'pixel')} for it, {int((pixels < 0).sum())} against. Of "
        f"{count(len(e.hidden), 'hidden spike')} over time, {n_for} speak for it and {n_against} "
        "against. Below, the potentials of the classes."
    )
    return style.Picture(fig, alt, map=shown, stems=stems, classes=classes)


def _draw_map(fig, ax, e, shape):
    """Contributions of the input spikes as an image, white at 0, grey where there is no spike."""
    pixels = e.map(shape)
    silent = ~np.isin(np.arange(e.n_inputs), e.inputs.unit).reshape(shape)
    most = abs(pixels).max() or 1
    ax.set_facecolor(SILENT)
    shown = ax.imshow(np.ma.array(pixels, mask=silent), cmap=SIGNED, vmin=-most, vmax=most)
    bar = fig.colorbar(shown, ax=ax, shrink=0.9, label="contribution (arb. units)")
    bar.locator = MaxNLocator(5, steps=ROUND, symmetric=True)
    bar.update_ticks()
    how = "remove one" if e.method == "removal" else "linearised"
    style.label_axes(ax, title=f"Input spikes, {how}")
    return shown


def _draw_hidden(ax, e):
    """A stem per hidden spike, those of a step side by side by size; every other step shaded."""
    order = np.lexsort((e.hidden.value, e.hidden.step))
    step, value = e.hidden.step[order], e.hidden.value[order]
    _, first, n = np.unique(step, return_index=True, return_counts=True)
    place = (np.arange(len(step)) - np.repeat(first, n) + 0.5) / np.repeat(n, n) - 0.5
    t = (step + 0.8 * place) * e.dt * US
    for chosen, colour, marker in ((value > 0, FOR, "^"), (value < 0, AGAINST, "v")):
        ax.vlines(t[chosen], 0, value[chosen], color=colour, lw=1)
        ax.plot(t[chosen], value[chosen], marker, color=colour, ms=3.5)
    ax.plot(t[value == 0], value[value == 0], ".", color=QUIET, ms=3)  # too late to matter
    for k in range(0, len(e.readout), 2):
        ax.axvspan((k - 0.5) * e.dt * US, (k + 0.5) * e.dt * US, color="#F2F2F2", lw=0, zorder=-1)
    ax.axhline(0, color=QUIET, lw=0.6, zorder=0)
    ax.yaxis.set_major_locator(MaxNLocator(5, steps=ROUND))
    return t, value


def _draw_potentials(ax, e, rival, names):
    """Readout potentials; the target's and its rival's stand out."""
    t = np.arange(len(e.readout)) * e.dt * US
    lines = []
    for k, name in enumerate(names):
        looks = {"color": QUIET, "lw": 0.8}
        if k == e.target:
            looks = {"color": FOR, "lw": 2.2, "marker": "o", "ms": 3.5, "label": f"class {name}"}
        elif k == rival:
            looks = {"color": AGAINST, "lw": 2, "ls": "--", "marker": "s", "ms": 3.5}
            looks["label"] = f"class {name}" + (", the runner-up" if e.against is None else "")
        front = 3 if k in (e.target, rival) else 1
        lines += ax.plot(t, e.readout[:, k], zorder=front, **looks)
    ax.axhline(0, color=QUIET, lw=0.6, zorder=0)
    title = "Potentials, which are summed over time"
    if e.step is not None:
        title = f"★ largest potential of class {names[e.target]}, at {e.time * US:.1f} µs"
        ax.plot(e.time * US, e.readout[e.step, e.target], "*", color=FOR, ms=13, zorder=4)
    if e.step is not None and e.against is not None:
        when = e.readout[:, e.against].argmax()
        ax.plot(t[when], e.readout[when, e.against], "*", color=AGAINST, ms=13, zorder=4)
    ax.yaxis.set_major_locator(MaxNLocator(5, steps=ROUND))
    ax.legend(loc="best")
    style.label_axes(ax, x="time (µs)", y="readout potential\n(arb. units)", title=title)
    return lines
