"""Parts that several figures of the course have: a test image, hidden spikes, accuracy by step."""

import numpy as np
from matplotlib.ticker import MaxNLocator

from snnlab.plot import style
from snnlab.plot.style import ROLES, US


def place_image(ax, shape):
    """Room for a test image: its pixels, the frame over them and the title, as a dict."""
    image = style.blank_image(ax, shape)
    return {"image": image, "frame": style.frame_image(ax), "says": ax.set_title(" ")}


def show_image(a, data):
    """Show ``data["image"]`` with its ``label``, where `place_image` made room for it."""
    a.image.set_data(data["image"])
    a.says.set_text(f"test image: a {data['label']}")


def place_spikes(axes, data, looks):
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


def say(title, words, right):
    """Put a verdict into a title, in orange if it is wrong."""
    title.set_text(words)
    title.set_color("black" if right else ROLES["wrong"])


def place_accuracy(ax, steps, what):
    """Room for a curve of accuracy over so many steps; returns the line."""
    (line,) = ax.plot([], [], marker="o", ms=4, color=ROLES["training"])
    ax.set(xlim=(-0.03 * steps, 1.03 * steps), ylim=(-3, 104))
    ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    style.label_axes(ax, x="step", y=what, title=" ")
    return line


def show_accuracy(line, tested):
    """Draw (step, accuracy in [0, 1]) pairs; returns the last step and accuracy, in percent."""
    step, accuracy = np.array(tested, float).reshape(-1, 2).T
    line.set_data(step, 100 * accuracy)
    return int(step[-1]), 100 * accuracy[-1]


def in_percent(places):
    """Abscissas, and ordinates in percent, of (x, y) pairs with y in [0, 1]."""
    return (np.array(places, float).reshape(-1, 2) * (1, 100)).T
