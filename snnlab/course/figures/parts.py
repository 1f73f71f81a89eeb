"""Parts that several figures of the course have: a test image, hidden spikes, accuracy by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

from snnlab.plot import style
from snnlab.plot.style import QUIET, ROLES, US, an

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import SimpleNamespace
    from typing import Any

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D
    from matplotlib.text import Text
    from numpy.typing import ArrayLike

PERCENT = [1, 2, 5, 10, 20, 50, 100]  # ticks


def place_image(ax: Axes, shape: tuple[int, int]) -> dict[str, Any]:
    """Room for a test image: its pixels, the frame over them and the title, as a dict."""
    image = style.blank_image(ax, shape)
    return {"image": image, "frame": style.frame_image(ax), "says": ax.set_title(" ")}


def show_image(a: SimpleNamespace, data: Mapping[str, Any]) -> None:
    """Show ``data["image"]`` with its ``label``, where `place_image` made room for it."""
    a.image.set_data(data["image"])
    a.says.set_text(f"test image: {an(data['label'])}")


def place_spikes(
    axes: Sequence[Axes], data: Mapping[str, Any], looks: Sequence[Mapping[str, Any]]
) -> dict[str, list[Artist]]:
    """Room for the hidden spikes of two networks, side by side.

    Parameters
    ----------
    axes : (Axes, Axes)
    data : dict
        ``n_hidden``, ``n_steps`` and ``dt``.
    looks : sequence of dict
        Of each one's marks.

    Returns
    -------
    dict
        ``dots`` and ``heads``: lines and titles, one for each.
    """
    last, n = data["n_steps"] * data["dt"] * US, data["n_hidden"]
    dots = []
    for k, (ax, look) in enumerate(zip(axes, looks, strict=True)):
        dots += ax.plot([], [], ls="", **look)
        ax.set(xlim=(-0.02 * last, last), ylim=(-0.03 * n, 1.03 * n))
        ax.yaxis.set_major_locator(MaxNLocator(3, integer=True))
        style.label_axes(ax, x="time (µs)", y="" if k else "hidden unit")
    axes[1].tick_params(labelleft=False)
    return {"dots": dots, "heads": [ax.set_title(" ") for ax in axes]}


def say(title: Text, words: str, right: bool) -> None:
    """Put a verdict into a title, in orange if it is wrong."""
    title.set_text(words)
    title.set_color("black" if right else ROLES["wrong"])


def place_accuracy(ax: Axes, steps: int, what: str) -> Line2D:
    """Room for a curve of accuracy over so many steps; returns the line."""
    (line,) = ax.plot([], [], marker="o", ms=4, color=ROLES["training"])
    ax.set(xlim=(-0.03 * steps, 1.03 * steps), ylim=(-3, 104))
    ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    style.label_axes(ax, x="step", y=what, title=" ")
    return line


def show_accuracy(line: Line2D, tested: ArrayLike) -> tuple[int, float]:
    """Draw (step, accuracy in [0, 1]) pairs; returns the last step and accuracy, in percent."""
    step, accuracy = np.array(tested, float).reshape(-1, 2).T
    line.set_data(step, 100 * accuracy)
    return int(step[-1]), 100 * accuracy[-1]


def percent_axis(ax: Axes, which: str) -> None:
    """Make the ``"x"`` or ``"y"`` axis one of shares that count by their logarithms, in percent."""
    ax.set(**{f"{which}scale": "log", f"{which}lim": (0.8, 130), f"{which}ticks": PERCENT})
    getattr(ax, f"{which}axis").set_major_formatter(style.plain)
    ax.minorticks_off()


def place_share(ax: Axes, steps: int, what: str) -> dict[str, Line2D]:
    """Room for what is left of the wires over so many steps, and for what is wanted, as a dict."""
    (share,) = ax.plot([], [], color=ROLES["membrane"])
    (target,) = ax.plot([], [], ls="--", lw=1.2, color=ROLES["threshold"])
    percent_axis(ax, "y")
    ax.set_xlim(-0.02 * steps, 1.02 * steps)
    ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    style.label_axes(ax, x="step", y=what, title=" ")
    return {"share": share, "target": target}


def show_share(
    a: SimpleNamespace, at: ArrayLike, left: ArrayLike, data: Mapping[str, Any]
) -> np.ndarray:
    """Draw shares ``left`` at steps ``at``, and ``data["target"]``; returns shares in percent."""
    left = 100 * np.asarray(left, float)
    a.share.set_data(at, np.where(left > 0, left, np.nan))
    wanted = np.nan if data["target"] is None else 100 * data["target"]
    a.target.set_data([0, data["steps"]], [wanted] * 2)
    return left


def place_others(ax: Axes, line: Line2D, name: str, others: str, below: float) -> Line2D:
    """Room for another network's accuracies, and a legend below the axes; returns the line."""
    looks = {"ls": "--", "color": QUIET, "marker": "s", "ms": 3}
    (other,) = ax.plot([], [], **looks, label=others)
    line.set_label(name)
    ax.legend(loc="upper center", bbox_to_anchor=(0.45, below), ncols=2, columnspacing=1)
    return other


def show_others(line: Line2D, tested: Iterable[tuple[int, float]], step: int) -> float | None:
    """Draw them as far as the network itself has come; returns the last, in percent, or None."""
    x, y = in_percent([place for place in tested if place[0] <= step])
    line.set_data(x, y)
    return y[-1] if len(y) else None


def in_percent(places: ArrayLike) -> np.ndarray:
    """Abscissas, and ordinates in percent, of (x, y) pairs with y in [0, 1]."""
    return (np.array(places, float).reshape(-1, 2) * (1, 100)).T
