"""Borrowed weights: rates beside the activations they stand for, and accuracy step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator, NullLocator

from snnlab.plot import style
from snnlab.plot.style import QUIET, ROLES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from matplotlib.figure import Figure, SubFigure
    from numpy.typing import ArrayLike

    from snnlab.plot.style import Picture

TICKS = (1, 2, 4, 8, 16, 32, 64, 128)


def said_by(x: ArrayLike, threshold: float, steps: int, start: float) -> np.ndarray:
    """What a neuron's rate says in so many steps of a constant activation x, by the threshold."""
    count = np.floor(np.asarray(x) / threshold * steps + start)
    return np.clip(count, 0, steps) / steps * threshold


def _by_steps(ax, last):
    """Steps along the abscissa, by factors of two."""
    ax.set(xscale="log", xlim=(0.9, 1.2 * last))
    ticks = [t for t in TICKS if t <= last]
    ax.set_xticks(ticks, [str(t) for t in ticks])
    ax.xaxis.set_minor_locator(NullLocator())


@style.styled
def draw_borrowed(data: Mapping[str, Any], *, fig: Figure | SubFigure | None = None) -> Picture:
    """A converted network, stopped after some steps: its rates, and its accuracy.

    Parameters
    ----------
    data : dict
        ``activations`` (n,) of some units of a layer and ``rates`` (n,), what their neurons said of
        them, spikes per step times the threshold; ``threshold``; ``largest``: the largest
        activation of the layer; ``layer``: its number, from 1; ``steps`` and ``start``, as a share
        of the threshold; ``accuracies`` (n_steps,) in [0, 1] if stopped after each step, and
        ``own``, that of the network without spikes; ``spikes``: hidden spikes per image so far;
        ``way``: a few words.
    fig : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    fig = style.figure(6.8, 4.2, fig)
    rates, curve = (fig.add_subplot(1, 2, k) for k in (1, 2))
    (same,) = rates.plot([], [], color=QUIET, lw=0.8)
    (stairs,) = rates.plot([], [], color=ROLES["training"], lw=1.2)
    (points,) = rates.plot([], [], ".", color=ROLES["spike"], ms=3, alpha=0.5)
    for axis in (rates.xaxis, rates.yaxis):
        axis.set_major_locator(MaxNLocator(5, integer=True))
    style.label_axes(rates, "activation", "what its rate says", " ")
    (own,) = curve.plot([], [], "--", color=QUIET, label="without spikes")
    (line,) = curve.plot([], [], color=ROLES["training"], label="with spikes")
    (here,) = curve.plot([], [], "D", color=ROLES["spike"], ms=7)
    curve.set(ylim=(-3, 104))
    _by_steps(curve, len(data["accuracies"]))
    curve.legend(loc="lower right")
    style.label_axes(curve, "steps", "test accuracy (%)", " ")
    parts = {"same": same, "stairs": stairs, "points": points, "own": own, "line": line}
    said = [rates.title, curve.title]
    return style.begin(fig, update_borrowed, data, **parts, here=here, axes=[rates], said=said)


@style.styled
def update_borrowed(picture: Picture, data: Mapping[str, Any]) -> None:
    """Show other data in a picture of `draw_borrowed`; arguments as there."""
    a, steps, top = picture.artists, data["steps"], data["threshold"]
    end = 1.04 * max(data["largest"], top)
    x = np.linspace(0, end, 500)
    a.same.set_data([0, end], [0, end])
    a.stairs.set_data(x, said_by(x, top, steps, data["start"]))
    a.points.set_data(data["activations"], data["rates"])
    a.axes[0].set(xlim=(-0.03 * end, end), ylim=(-0.03 * end, end))
    percent = 100 * data["accuracies"]
    a.line.set_data(np.arange(1, len(percent) + 1), percent)
    a.own.set_data([1, len(percent)], [100 * data["own"]] * 2)
    a.here.set_data([steps], [percent[steps - 1]])
    words = style.count(steps, "step")
    a.said[0].set_text(f"layer {data['layer']}, {words}")
    a.said[1].set_text(f"{percent[steps - 1]:.1f} % after {words}")
    away = np.abs(data["rates"] - data["activations"]).mean() / data["largest"]
    picture.alt = (
        f"Left: rates of neurons of layer {data['layer']} after {words}, over the activations that "
        f"they stand for; they lie about a staircase up to the threshold of {top:.2g} "
        f"({data['way']}), on average {100 * away:.1f} % of the largest activation away from the "
        f"diagonal. Right: accuracy over steps, on a scale of factors of two; it is "
        f"{percent[steps - 1]:.1f} % here and {percent[-1]:.1f} % after {len(percent)} steps, "
        f"without spikes {100 * data['own']:.1f} %."
    )


@style.styled
def draw_rate_errors(
    errors: Sequence[np.ndarray], *, fig: Figure | SubFigure | None = None
) -> Picture:
    """How far rates are from activations, layer by layer, as time goes by.

    Parameters
    ----------
    errors : list of array (n_steps,)
        As `snnlab.conversion.rate_errors` gives them.
    fig : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    fig = style.figure(6.0, 3.4, fig)
    ax = fig.add_subplot()
    steps = np.arange(1, len(errors[0]) + 1)
    for k, error in enumerate(errors):
        ax.plot(steps, error, color=ROLES["training"], alpha=1 - 0.25 * k, label=f"layer {k + 1}")
    ax.plot(steps, errors[0][0] / steps, "--", color=QUIET, label="as 1 / steps")
    ax.set_yscale("log")
    _by_steps(ax, len(steps))
    ax.legend()
    style.label_axes(ax, "steps", "error of the rates, relative", "Rates approach activations")
    alt = "Errors of rates over steps, both on scales of factors: "
    ends = [f"layer {k + 1} from {e[0]:.2f} to {e[-1]:.3f}" for k, e in enumerate(errors)]
    return style.Picture(fig, alt + ", ".join(ends) + ". They fall about as one over the steps.")


@style.styled
def draw_conversions(
    records: Sequence[Mapping[str, Any]],
    *,
    start: float = 0.5,
    fig: Figure | SubFigure | None = None,
) -> Picture:
    """Stored accuracies by steps: networks converted in several ways, and their own accuracy.

    Parameters
    ----------
    records : list of dict
        Of the study ``conversion``.
    start : float
        Which of them, by the potential with which neurons begin.
    fig : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    fig = style.figure(6.8, 3.8, fig)
    ax, said = fig.add_subplot(), []
    looks = {"max": "o-", "percentile": "s-", "ceiling": "^-", "fit curve": "v-"}
    for r in records:
        c = r["config"]
        if c.get("start", start) != start:
            continue
        name = r["label"].rpartition(", from")[0] or r["label"]
        percent = 100 * np.array(r["accuracy_at"])
        colour = {"relu": "training", "rate norm": "spike", "quantised": "gradient"}
        role = ROLES[colour[c["unit"]]] if "unit" in c else QUIET
        look = looks[c["method"]] if "method" in c else "D"
        ax.plot(r["steps"], percent, look, ms=5, color=role, label=name)
        said.append(f"{name}: {percent[0]:.1f} % to {percent[-1]:.1f} %")
    own = [100 * r["ann_accuracy"] for r in records if "ann_accuracy" in r]
    ax.axhspan(min(own), max(own), color=QUIET, alpha=0.3, lw=0, label="without spikes")
    _by_steps(ax, 128)
    ax.legend(loc="lower right", fontsize="small")
    style.label_axes(ax, "steps", "test accuracy (%)", f"neurons begin at {start:g} of a threshold")
    return style.Picture(fig, "Accuracy over steps. " + "; ".join(said) + ".")
