"""Constants and delays that move while a network trains, beside where they should go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from matplotlib.ticker import NullFormatter, NullLocator

from snnlab.course.figures.parts import place_accuracy, place_others, show_accuracy, show_others
from snnlab.plot import style
from snnlab.plot.style import QUIET, ROLES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from matplotlib.figure import Figure, SubFigure

    from snnlab.plot.style import Picture

MOST = 6  # lines of constants
LEAST = 1e-4  # of an error that is shown, relative to the first
TIMES = 1.0, 200.0  # ms that are shown of constants
ROWS = "membrane τ", "synapse τ", "delay, 1st click", "delay, 2nd click"


def _colours():
    return [matplotlib.colormaps["cividis"](x) for x in np.linspace(0, 0.85, MOST)]


@style.styled
def draw_finding(data: Mapping[str, Any], *, fig: Figure | SubFigure | None = None) -> Picture:
    """Constants of a student as it learns, the teacher's, and the error.

    Parameters
    ----------
    data : dict
        ``step`` (k,); ``found`` (k, n): constants before each of these steps, n at most 6;
        ``truth`` (n,); ``error`` (k,); ``steps``: how many there will be; ``what``: their name and
        unit; ``limits``: of what is shown; ``log``: whether by factors; ``settings``: a few words.
    fig : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    fig = style.figure(6.8, 4.2, fig)
    ax, errors = fig.subplots(1, 2, width_ratios=[1.7, 1])
    colours = _colours()
    lines = [ax.plot([], [], color=colour, lw=2)[0] for colour in colours]
    goals = [ax.plot([], [], color=colour, lw=1, ls="--")[0] for colour in colours]
    ends = [ax.plot([], [], "o", color=colour, ms=5, clip_on=False)[0] for colour in colours]
    style.label_axes(ax, x="step", title=" ")
    (curve,) = errors.plot([], [], color=ROLES["gradient"])
    errors.set_yscale("log")
    errors.yaxis.set_minor_locator(NullLocator())
    errors.set(ylim=(LEAST / 2, 3), yticks=[1e-4, 1e-3, 1e-2, 0.1, 1])
    style.label_axes(errors, x="step", y="error, relative to the first", title=" ")
    said = [ax.title, errors.title]
    parts = {"lines": lines, "goals": goals, "ends": ends, "curve": curve, "said": said}
    return style.begin(fig, update_finding, data, **parts, ax=ax)


@style.styled
def update_finding(picture: Picture, data: Mapping[str, Any]) -> None:
    """Show other data in a picture of `draw_finding`; arguments as there."""
    a, (low, high) = picture.artists, data["limits"]
    steps, n = data["steps"], len(data["truth"])
    _set_scale(picture, a.ax, data["log"])
    a.ax.set_ylim(low, high)
    for axes in (a.ax, a.curve.axes):
        axes.set_xlim(-0.03 * steps, 1.05 * steps)
    for k, (line, goal, end) in enumerate(zip(a.lines, a.goals, a.ends, strict=True)):
        end.set_visible(k < n)  # marks that are not there would lie in a corner
        if k < n:
            y = np.clip(data["found"][:, k], low, high)
            line.set_data(data["step"], y)
            goal.set_data([0, steps], [data["truth"][k]] * 2)
            end.set_data(data["step"][-1:], y[-1:])
        else:
            for artist in (line, goal, end):
                artist.set_data([], [])
    first = data["error"][0]
    relative = data["error"] / first if first > 0 else np.zeros(len(data["error"]))
    a.curve.set_data(data["step"], np.clip(relative, LEAST, 1))
    off = largest_miss(data)
    a.said[0].set_text(f"{data['what']}, planted (dashed) and found: {_off(off)} off")
    a.said[1].set_text(f"step {data['step'][-1]} of {steps}")
    shown = ", ".join(
        f"{x:.3g} for {y:.3g}" for x, y in zip(data["found"][-1], data["truth"], strict=True)
    )
    picture.alt = (
        f"A student learns the constants of a teacher from its output alone, {data['settings']}: "
        f"after step {data['step'][-1]} of {steps} its {data['what']} is {shown}. The farthest is "
        f"off by {_off(off)}; the error is {min(relative[-1], 99):.2g} of the first one."
    )


def largest_miss(data: Mapping[str, Any]) -> float:
    """How far the farthest constant is off now, as a share of the true one."""
    return float(np.max(np.abs(data["found"][-1] / data["truth"] - 1)))


def _off(share):
    return f"{100 * share:,.1f} %"


def _set_scale(picture, ax, log):
    """By factors or not, with few numbers beside it."""
    if (ax.get_yscale() == "log") == log:
        return
    ax.set_yscale("log" if log else "linear")
    if log:
        ax.set_yticks([1, 2, 5, 10, 20, 50, 100], ["1", "2", "5", "10", "20", "50", "100"])
        ax.yaxis.set_minor_locator(NullLocator())
    picture.forget()


@style.styled
def draw_pauses(data: Mapping[str, Any], *, fig: Figure | SubFigure | None = None) -> Picture:
    """A network that learns to tell pauses: one sample, all its constants, and its accuracy.

    Parameters
    ----------
    data : dict
        ``step``, ``unit``: of the sample's spikes; ``n_steps``, ``n_units``, ``dt``; ``label`` and
        ``answer``: pauses in ms; ``pauses``: all of them; ``before``, ``now``: for each row of
        constants an array of ms, perhaps empty; ``tested`` and ``others``: lists of (step, accuracy
        in [0, 1]) of this network and of one with constants that stay; ``steps``: how many there
        will be; ``settings``: a few words.
    fig : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    fig = style.figure(6.8, 4.2, fig)
    grid = fig.add_gridspec(2, 2, width_ratios=[1.35, 1], height_ratios=[0.7, 1])
    heard, axis, curve = (fig.add_subplot(place) for place in (grid[0, 0], grid[1, 0], grid[:, 1]))
    (dots,) = heard.plot([], [], ls="", marker="|", ms=4, color=ROLES["input"])
    heard.set(xlim=(0, data["n_steps"] * data["dt"] * 1e3), ylim=(-1, data["n_units"]))
    style.label_axes(heard, x="time (ms)", y="input unit", title=" ")
    for pause in data["pauses"]:
        axis.axvline(pause, color=QUIET, lw=0.8, ls=":")
    before, now = [], []
    for k in range(len(ROWS)):
        before += axis.plot([], [], ls="", marker="|", ms=9, color=QUIET)
        colour = ROLES["membrane" if k == 0 else "current" if k == 1 else "spike"]
        now += axis.plot([], [], ls="", marker="o", ms=4, color=colour, alpha=0.7)
    axis.set(xscale="log", xlim=(TIMES[0] / 1.2, TIMES[1] * 1.2), ylim=(len(ROWS) - 0.4, -0.6))
    axis.set_xticks([1, 5, *data["pauses"], 200])
    axis.set_xticklabels(["1", "", *(f"{x:g}" for x in data["pauses"]), "200"])
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.set_yticks(range(len(ROWS)), ROWS)
    style.label_axes(axis, x="ms (dotted: the pauses)")
    axis.set_title("before (grey) and now", loc="center")
    tests = place_accuracy(curve, data["steps"], "test samples right (%)")
    others = place_others(curve, tests, "this one", "constants fixed", -0.16)
    parts = {"dots": dots, "before": before, "now": now, "tests": tests, "others": others}
    said = [heard.title, curve.title]
    return style.begin(fig, update_pauses, data, **parts, said=said, curve=curve)


@style.styled
def update_pauses(picture: Picture, data: Mapping[str, Any]) -> None:
    """Show other data in a picture of `draw_pauses`; arguments as there."""
    a = picture.artists
    a.dots.set_data((data["step"] + 0.5) * data["dt"] * 1e3, data["unit"])
    for name, height in (("before", -0.18), ("now", 0.12)):
        for k, (line, values) in enumerate(zip(getattr(a, name), data[name], strict=True)):
            line.set_data(np.clip(values, *TIMES), np.full(len(values), k + height))
    a.curve.set_xlim(-0.03 * data["steps"], 1.03 * data["steps"])
    step, accuracy = show_accuracy(a.tests, data["tested"])
    other = show_others(a.others, data["others"], step)
    right = data["answer"] == data["label"]
    a.said[0].set_text(f"a pause of {data['label']:g} ms; it says {data['answer']:g}")
    a.said[0].set_color("black" if right else ROLES["wrong"])
    a.said[1].set_text(f"{accuracy:.1f} % at step {step}")
    ranges = "; ".join(
        f"{row} from {values.min():.2g} to {values.max():.2g} ms"
        for row, values in zip(ROWS, data["now"], strict=True)
        if len(values)
    )
    beside = "" if other is None else f", one with fixed constants {other:.1f} %"
    picture.alt = (
        f"A network learns to tell pauses between two clicks, {data['settings']}: after step "
        f"{step} of {data['steps']} it has {accuracy:.1f} % of the test samples right{beside}. Its "
        f"constants now: {ranges}. To a pause of {data['label']:g} ms it says {data['answer']:g}."
    )
