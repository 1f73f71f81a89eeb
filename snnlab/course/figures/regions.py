"""Decision regions: which class a model gives to each point of a plane."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import to_rgb

from snnlab.course.figures.parts import place_accuracy, show_accuracy
from snnlab.plot import style
from snnlab.plot.style import OKABE_ITO, QUIET

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from matplotlib.figure import Figure, SubFigure

    from snnlab.plot.style import Picture

CLASSES = (  # per class: colour and marker
    (OKABE_ITO["blue"], "o"),
    (OKABE_ITO["orange"], "s"),
    (OKABE_ITO["bluish green"], "^"),
    (OKABE_ITO["reddish purple"], "D"),
)
MOST = 250  # points that are drawn


def region_colours(odds: np.ndarray) -> np.ndarray:
    """Colours of regions: the class's, paler where the model is less sure.

    Parameters
    ----------
    odds : array (rows, columns, class)
        Probabilities.

    Returns
    -------
    array (rows, columns, 3)
        In [0, 1].
    """
    classes = odds.shape[-1]
    colours = np.array([to_rgb(CLASSES[k % len(CLASSES)][0]) for k in range(classes)])
    sure = (odds.max(axis=-1) - 1 / classes) / (1 - 1 / classes)
    strength = (0.15 + 0.4 * sure)[..., None]
    return 1 - strength * (1 - colours[odds.argmax(axis=-1)])


@style.styled
def draw_regions(data: Mapping[str, Any], *, fig: Figure | SubFigure | None = None) -> Picture:
    """Decision regions with the points that were learned, and the accuracy as training goes on.

    Parameters
    ----------
    data : dict
        ``odds`` (rows, columns, class): probabilities on the unit square, the first row below;
        ``points`` (n, 2) and ``labels`` (n,): what is learned; ``names``: of the classes;
        ``tested``: list of (step, accuracy in [0, 1]); ``steps``: how many there will be;
        ``baseline``: accuracy in [0, 1] of a linear model; ``settings``: a few words.
    fig : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    fig = style.figure(6.6, 4.0, fig)
    plane, curve = fig.subplots(1, 2, width_ratios=[1.15, 1])
    looks = {"origin": "lower", "interpolation": "nearest", "aspect": "equal"}
    image = plane.imshow(region_colours(data["odds"]), extent=(0, 1, 0, 1), **looks)
    dots = []
    for k, name in enumerate(data["names"]):
        color, marker = CLASSES[k % len(CLASSES)]
        look = {"mfc": color, "mec": "black", "mew": 0.5, "clip_on": False, "in_layout": False}
        dots += plane.plot([], [], marker, ms=4, label=name, **look)
    plane.set(xlim=(0, 1), ylim=(0, 1))
    style.label_axes(plane, x="first feature", y="second feature", title=" ")
    below = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.16)}
    plane.legend(ncols=len(dots), handletextpad=0.1, **below)
    tests = place_accuracy(curve, data["steps"], "accuracy on test points (%)")
    tests.set_label("this network")
    (linear,) = curve.plot([], [], ls="--", color=QUIET, label="logistic regression")
    curve.legend(loc="lower right")
    parts = {"image": image, "dots": dots, "frame": list(plane.spines.values())}
    parts |= {"says": plane.set_title(" "), "tests": tests, "linear": linear}
    parts |= {"best": curve.set_title(" "), "curve": curve}
    return style.begin(fig, update_regions, data, **parts)


@style.styled
def update_regions(picture: Picture, data: Mapping[str, Any]) -> None:
    """Show other data in a picture of `draw_regions`; arguments as there."""
    a, odds = picture.artists, data["odds"]
    a.image.set_data(region_colours(odds))
    points, labels = data["points"][:MOST], data["labels"][:MOST]
    for k, dots in enumerate(a.dots):
        dots.set_data(*points[labels == k].T)
    a.curve.set_xlim(-0.03 * data["steps"], 1.03 * data["steps"])
    step, accuracy = show_accuracy(a.tests, data["tested"])
    a.linear.set_data([0, data["steps"]], [100 * data["baseline"]] * 2)
    a.says.set_text(data["settings"])
    now = f"{accuracy:.1f} % at step {step}"
    a.best.set_text(now)
    areas = np.bincount(odds.argmax(axis=-1).ravel(), minlength=len(data["names"]))
    said = ", ".join(
        f"{name} {100 * n / areas.sum():.0f} %"
        for name, n in zip(data["names"], areas, strict=True)
    )
    picture.alt = (
        f"Decision regions on the unit square, {data['settings']}: {said} of its area, with "
        f"{len(points)} of the points that are learned. Accuracy on test points over "
        f"{data['steps']} steps: {now}; a logistic regression has {100 * data['baseline']:.1f} %."
    )
