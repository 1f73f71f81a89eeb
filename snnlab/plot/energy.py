"""What a spiking network costs, beside one without spikes and what was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from snnlab.plot import style
from snnlab.plot.style import OKABE_ITO, QUIET, ROLES
from snnlab.reports.energy.card import CHIP_ROW, short

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

    from snnlab.plot.style import Picture
    from snnlab.reports.energy.card import EnergyCard

NJ = 1e9  # nanojoules in a joule
CAUSES = (
    ("synaptic operations", ROLES["spike"], ""),
    ("neuron updates", ROLES["membrane"], "\\\\\\"),
    ("reading weights", ROLES["gradient"], "///"),
    ("states, events, activations", OKABE_ITO["sky blue"], "xxx"),
)  # colours and hatches, in the order of `snnlab.energy.PARTS`


def stack(ax, parts):
    """Bars of parts, one after the other.

    Parameters
    ----------
    ax : Axes
    parts : array (bar, cause)

    Returns
    -------
    list of BarContainer
        One for each of `CAUSES`.
    array (bar,)
        Where the bars end.
    """
    y, left, bars = np.arange(len(parts)), np.zeros(len(parts)), []
    for (what, colour, hatch), widths in zip(CAUSES, parts.T, strict=True):
        looks = {"color": colour, "hatch": hatch, "edgecolor": "white", "linewidth": 0}
        bars.append(ax.barh(y, widths, 0.66, left, label=what, **looks))
        left = left + widths
    return bars, left


@style.drawing()
def draw_energy(card: EnergyCard, *, fig: Figure | SubFigure | None = None) -> Picture:
    """Energy per sample as bars, made of what it is spent on; the chip's measured value apart.

    The scale is linear, so that lengths and parts can be compared by eye. The measured bar is cut
    where it is much longer than the others, and says so.

    Parameters
    ----------
    card : EnergyCard
    fig : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    names = list(card.energies)
    parts = NJ * np.array([card.energies[name] for name in names])
    totals = parts.sum(axis=1)
    longest = totals.max()
    fig = style.figure(8.6, 3.7, fig)
    ax = fig.subplots()
    bars, _ = stack(ax, parts)
    texts = [short(total) for total in totals]
    said = [f"{name}: {text}" for name, text in zip(names, texts, strict=True)]
    ends, scaled = list(totals), longest
    if card.chip is not None:
        measured = NJ * card.chip
        cut = measured > 1.2 * longest
        scaled = longest if cut else max(longest, measured)
        ends.append(1.12 * longest if cut else measured)
        texts.append(f"{short(measured)}{' (bar cut)' if cut else ''}")
        looks = {"color": "white", "edgecolor": QUIET, "linewidth": 1.5}
        bars.append(ax.barh(len(names), ends[-1], 0.66, **looks))
        if cut:
            show_cut(*place_cut(ax), longest, len(names))
        names.append(CHIP_ROW)
        said.append(f"measured on the BrainScaleS-2 chip: {short(measured)}")
    for k, (end, text) in enumerate(zip(ends, texts, strict=True)):
        ax.annotate(text, (end, k), (5, 0), textcoords="offset points", va="center", size=9)
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    ax.set_xlim(0, 1.25 * max(ends))
    ax.set_xticks([t for t in ax.get_xticks() if t <= scaled])  # a cut bar has no scale
    ops = card.operations
    sizes = "-".join(map(str, ops.sizes))
    spikes = f"{short(ops.hidden_spikes)} hidden spikes per sample"
    style.label_axes(ax, x="energy per sample (nJ)", y="network")
    ax.set_title(f"{sizes}, {ops.n_steps} steps, {spikes}")
    fig.legend(handles=bars[: len(CAUSES)], ncols=4, loc="outside upper center")
    fig.supxlabel(f"Model: {card.assumptions}. Operations are a proxy.", size=8)
    style.freeze(fig)
    alt = (
        f"Bars of the energy per sample of a {sizes} network with {spikes}, in nanojoule, modelled "
        f"with {card.assumptions}. {'; '.join(said)}."
    )
    return style.Picture(fig, alt, bars=bars, ax=ax)


def place_cut(ax):
    """What `show_cut` draws with: a gap and its two edges."""
    (gap,) = ax.fill([], [], color="white", zorder=3)
    return gap, ax.plot(np.zeros((2, 2)), np.zeros((2, 2)), color=QUIET, lw=1.5, zorder=3)


def show_cut(gap, edges, longest, y):
    """Two slants through a bar that is longer than the picture is wide.

    Parameters
    ----------
    gap, edges
        From `place_cut`.
    longest : float
        Where the scale ends; the bar should go on to 1.12 times that.
    y : float or None
        Of the bar; None takes the slants away.
    """
    for artist in (gap, *edges):
        artist.set_visible(y is not None)
    if y is None:
        return
    x = longest * np.array([[1.04, 1.06], [1.06, 1.08]])
    ends = np.array([0.42, -0.42]) + y
    gap.set_xy([(x[0, 0], ends[0]), (x[1, 0], ends[0]), (x[1, 1], ends[1]), (x[0, 1], ends[1])])
    for edge, places in zip(edges, x, strict=True):
        edge.set_data(places, ends)
