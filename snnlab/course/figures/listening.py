"""Listening: a sound, its spikes and what they tell again; networks that learn to listen, or do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from snnlab.course.figures.parts import place_accuracy, place_others, show_accuracy, show_others
from snnlab.plot import style
from snnlab.plot.raster import Raster, grey_rgb, rgb_of
from snnlab.plot.style import QUIET, ROLES, an, count

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from matplotlib.figure import Figure, SubFigure

    from snnlab.plot.style import Picture

UP, DOWN = ROLES["spike"], ROLES["input"]
SOUND = {
    "sound": "the sound",
    "loudness": "how loud",
    "spikes": "its spikes: louder (orange), quieter (blue)",
}
TITLES = SOUND | {"decoded": "read back from the spikes"}
HEARD = SOUND | {"shares": "share of each digit so far: in orange the one that is heard in the end"}
ROWS, COLUMNS = 41, 400  # of the picture of a sound


def _wave(sound):
    """A sound as an image: from its lowest to its highest value in each column."""
    parts = np.array_split(sound, COLUMNS)
    ends = [[np.round((ROWS - 1) * (1 - f(x)) / 2) for f in (np.max, np.min)] for x in parts]
    top, foot = np.array(ends, int).T
    row = np.arange(ROWS)[:, None]
    return grey_rgb(((row >= top) & (row <= foot)).astype(np.float32))


def _frame(data, titles, heights):
    """A figure, and its axes below each other, of a sound and what is made of it over time."""
    fig = style.new_figure(6.8, 4.2)
    axes = fig.subplots(4, 1, height_ratios=heights)
    for ax, title in zip(axes, titles.values(), strict=True):
        ax.set(xlim=(0, data["seconds"]), ylim=(0, 1))
        ax.set_yticks([0.05, 0.95], ["low", "high"])
        ax.spines[:].set_visible(True)
        style.label_axes(ax, y="pitch", title=title)
        ax.tick_params(labelbottom=ax is axes[-1])
    axes[0].set(yticks=[], ylabel="")
    axes[-1].set_xlabel("time (s)")
    return fig, axes


@style.styled
def draw_hearing(data: Mapping[str, Any]) -> Raster:
    """A sound, how loud it is, its spikes, and the loudness read back from them.

    Parameters
    ----------
    data : dict
        ``sound`` (n,): in [-1, 1], as long as all frames;
        ``loudness``, ``decoded``: arrays (frame, channel) in [0, 1]; ``step``, ``channel``,
        ``up``: of its spikes, the last being False where a channel becomes quieter; ``n_steps``;
        ``seconds``: how long all frames take; ``ends``: frequencies of the lowest and the highest
        channel in hertz; ``error``: mean of how far the two differ; ``said``: a few words.

    Returns
    -------
    Raster
    """
    fig, axes = _frame(data, TITLES, [0.6, 1, 1, 1])
    style.freeze(fig)
    picture = Raster(fig, "", **dict(zip(TITLES, axes, strict=True)))
    update_hearing(picture, data)
    return picture


def update_hearing(picture: Picture, data: Mapping[str, Any]) -> None:
    """Show other data in a picture of `draw_hearing`; arguments as there."""
    _show_sound(picture, data)
    picture.paste("decoded", grey_rgb(data["decoded"].T[::-1]))
    n_channels = data["loudness"].shape[1]
    low, high = data["ends"]
    picture.alt = (
        f"{data['said']}: the sound, how loud {n_channels} channels from {low:.0f} to "
        f"{high:.0f} Hz are over {data['seconds']:.2f} s, the "
        f"{count(len(data['step']), 'spike')} that tell it, and the loudness read "
        f"back from them, which differs by {data['error']:.3f} on average."
    )


def _show_sound(picture, data):
    """A sound, how loud its channels are, and its spikes."""
    picture.paste("sound", _wave(data["sound"]))
    picture.paste("loudness", grey_rgb(data["loudness"].T[::-1]))
    n_channels = data["loudness"].shape[1]
    colours = np.where(data["up"][:, None], rgb_of(UP), rgb_of(DOWN)).astype(np.uint8)
    row = n_channels - 1 - data["channel"]
    picture.paste_events("spikes", data["step"], row, data["n_steps"], n_channels, colours)


@style.styled
def draw_saying(data: Mapping[str, Any]) -> Raster:
    """A sound, how loud it is, its spikes, and which digit a network hears in them.

    Parameters
    ----------
    data : dict
        ``sound``, ``loudness``, ``step``, ``channel``, ``up``, ``n_steps``, ``seconds``, ``said``
        as for `draw_hearing`; ``shares`` (step, class): of the network's decision so far;
        ``label``: the digit that was said, or None; ``silent``: whether there is nothing to hear.

    Returns
    -------
    Raster
    """
    fig, axes = _frame(data, HEARD, [0.5, 0.9, 0.9, 1.5])
    n_classes = data["shares"].shape[1]
    axes[-1].set_ylabel("digit")
    axes[-1].set_yticks(1 - (np.arange(n_classes) + 0.5) / n_classes, range(n_classes))
    axes[-1].tick_params(axis="y", labelsize=6.5, length=0)
    style.freeze(fig)
    picture = Raster(fig, "", **dict(zip(HEARD, axes, strict=True)))
    update_saying(picture, data)
    return picture


def update_saying(picture: Picture, data: Mapping[str, Any]) -> None:
    """Show other data in a picture of `draw_saying`; arguments as there."""
    _show_sound(picture, data)
    shares = data["shares"].T
    best, share = int(shares[:, -1].argmax()), float(shares[:, -1].max())
    ink = np.zeros((*shares.shape, 3))
    ink[best] = rgb_of(ROLES["spike"])
    rgb = 255 - shares[:, :, None] * (255 - ink)
    picture.paste("shares", np.rint(rgb).astype(np.uint8))
    hears = f"the network hears the digit {best}, with a share of {share:.2f} at the end"
    picture.alt = (
        f"{data['said']}: the sound, how loud {data['loudness'].shape[1]} channels are over "
        f"{data['seconds']:.2f} s, the {count(len(data['step']), 'spike')} that tell it, and the "
        f"shares of {len(shares)} digits as the sound goes on: "
        f"{'there is nothing to hear but silence' if data['silent'] else hears}."
    )


@style.styled
def draw_learning(data: Mapping[str, Any], *, fig: Figure | SubFigure | None = None) -> Picture:
    """Two networks that learn to listen: what one makes of a recording, and how many both know.

    Parameters
    ----------
    data : dict
        ``step``, ``unit``: of the recording's spikes; ``n_steps``, ``n_units``, ``dt``;
        ``shares`` (step, class): of the recurrent network's decision so far; ``label``; ``tested``
        and ``others``: lists of (step, accuracy in [0, 1]) of the recurrent and the feed-forward
        network; ``steps``: how many there will be; ``settings``: a few words.
    fig : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    fig = style.figure(6.8, 4.2, fig)
    grid = fig.add_gridspec(2, 2, width_ratios=[1.2, 1])
    heard, says, curve = (fig.add_subplot(place) for place in (grid[0, 0], grid[1, 0], grid[:, 1]))
    seconds = data["n_steps"] * data["dt"]
    (dots,) = heard.plot([], [], ls="", marker="|", ms=3, color=ROLES["input"])
    heard.set(xlim=(0, seconds), ylim=(-1, data["n_units"]))
    heard.tick_params(labelbottom=False)
    style.label_axes(heard, y="input unit", title=" ")
    n_classes = data["shares"].shape[1]
    lines = [says.plot([], [], color=QUIET, lw=1)[0] for _ in range(n_classes)]
    (right,) = says.plot([], [], color=ROLES["spike"], lw=2)
    says.set(xlim=(0, seconds), ylim=(-0.03, 1.03))
    style.label_axes(says, x="time (s)", y="share of each digit", title=" ")
    tests = place_accuracy(curve, data["steps"], "test recordings right (%)")
    others = place_others(curve, tests, "recurrent", "feed-forward", -0.16)
    parts = {"dots": dots, "lines": lines, "right": right, "tests": tests, "others": others}
    said = [heard.title, says.title, curve.title]
    return style.begin(fig, update_learning, data, **parts, said=said, curve=curve)


@style.styled
def update_learning(picture: Picture, data: Mapping[str, Any]) -> None:
    """Show other data in a picture of `draw_learning`; arguments as there."""
    a, label = picture.artists, data["label"]
    a.dots.set_data((data["step"] + 0.5) * data["dt"], data["unit"])
    at = (np.arange(data["n_steps"]) + 1) * data["dt"]
    for line, share in zip(a.lines, data["shares"].T, strict=True):
        line.set_data(at, share)
    a.right.set_data(at, data["shares"][:, label])
    a.curve.set_xlim(-0.03 * data["steps"], 1.03 * data["steps"])
    step, accuracy = show_accuracy(a.tests, data["tested"])
    other = show_others(a.others, data["others"], step)
    answer = int(data["shares"][-1].argmax())
    a.said[0].set_text(an(f'"{label}"') + " that it has not learned")
    a.said[1].set_text(f"recurrent: says {answer}")
    a.said[1].set_color("black" if answer == label else ROLES["wrong"])
    a.said[2].set_text(f"{accuracy:.1f} % and {other:.1f} %")
    picture.alt = (
        f"Two networks learn to listen, {data['settings']}: after step {step} of {data['steps']} "
        f"the recurrent one has {accuracy:.1f} % of the test recordings right, the feed-forward "
        f"one {other:.1f} %. To a recording of {label} the recurrent one says {answer}, with a "
        f"share of {data['shares'][-1].max():.2f}."
    )
