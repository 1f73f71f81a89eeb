"""What a spike costs at prices to choose: energy per image by cause, and against the rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

from snnlab.plot import style
from snnlab.plot.energy import CAUSES, NJ, place_cut, show_cut, stack
from snnlab.plot.style import QUIET, ROLES, count
from snnlab.reports.energy.card import CHIP_ROW, short

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from matplotlib.figure import Figure, SubFigure

    from snnlab.plot.style import Picture

CURVES = {  # rows of `snnlab.energy.ROWS` that are drawn over the rate, as they look
    "spiking, synaptic operations only": (ROLES["spike"], ":", "d"),
    "spiking, with neurons and memory": (ROLES["spike"], "-", "o"),
    "ReLU, with memory": (ROLES["training"], "--", "s"),
    "ReLU, silent inputs skipped": (ROLES["membrane"], "-.", "^"),
}
ENDS = np.array([1, 1.5, 2, 3, 5, 7.5])  # of axes, times powers of ten


def _end(x):
    """A round end of an axis that holds x; the same for most moves of a slider."""
    power = 10.0 ** np.floor(np.log10(max(x, 1e-6)))
    return float(next(end for end in (*(ENDS * power), 10 * power) if end >= x))


@style.styled
def draw_cost(data: Mapping[str, Any], *, fig: Figure | SubFigure | None = None) -> Picture:
    """Energy per sample by cause, and against the rate of spikes.

    Parameters
    ----------
    data : dict
        ``energies``: per row of `snnlab.energy.ROWS` an array of its parts in joule; ``lines``:
        per row the totals at ``rates``, spikes per neuron; ``rate``: the present one;
        ``break_even``: per row of the network without spikes the rate below which spikes take
        less, or None; ``chip``: joule as measured, or None; ``sizes``, ``n_steps``, ``bits``;
        ``tags``: the constants ``int8_add`` and ``chip_energy``, of which the sources are told.
    fig : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    fig = style.figure(6.8, 4.8, fig)
    grid = fig.add_gridspec(2, 1, height_ratios=[1.15, 1])
    top, bottom = (fig.add_subplot(grid[k].subgridspec(1, 1)[0]) for k in range(2))
    bars = _place_bars(top, [*data["energies"], CHIP_ROW])
    curves = _place_curves(bottom, data["rates"])
    fig.legend(
        handles=bars["bars"],
        ncols=4,
        loc="outside upper center",
        columnspacing=0.8,
        handlelength=1.5,
    )
    prices, chip = (data["tags"][name].tag for name in ("int8_add", "chip_energy"))
    fig.supxlabel(
        f"Prices: Horowitz 2014 [{prices}]; chip: Cramer et al. 2022 [{chip}]. Prices of single "
        "operations are a proxy.",
        size=8,
    )
    return style.begin(fig, update_cost, data, **bars, **curves, top=top, bottom=bottom)


def _place_bars(ax, names):
    y = np.arange(len(names))
    bars, _ = stack(ax, np.zeros((len(names) - 1, len(CAUSES))))
    (measured,) = ax.barh(y[-1:], [0], 0.66, color="white", edgecolor=QUIET, linewidth=1.5)
    beside = {"textcoords": "offset points", "va": "center", "size": 9}
    texts = [ax.annotate("", (0, k), (5, 0), **beside) for k in y]
    ax.set_yticks(y, names)
    ax.set_ylim(len(y) - 0.5, -0.5)
    style.label_axes(ax, x="energy per image (nJ)", y="network")
    parts = {"bars": bars, "measured": measured, "texts": texts, "cut": place_cut(ax)}
    return parts | {"title": ax.set_title(" ")}


def _place_curves(ax, rates):
    lines, marks = {}, {}
    for name, (colour, dashes, marker) in CURVES.items():
        (lines[name],) = ax.plot([], [], dashes, color=colour, label=name)
        (marks[name],) = ax.plot([], [], marker, color=colour, ms=7)
    (stars,) = ax.plot([], [], "*", mfc="white", mec="black", ms=13, zorder=4)
    ax.set(xlim=(-0.03 * max(rates), 1.03 * max(rates)))
    style.label_axes(ax, x="spikes per neuron and image", y="energy per image (nJ)")
    head = ax.set_title(" ")
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return {"head": head, "stars": stars, "lines": lines, "marks": marks}


@style.styled
def update_cost(picture: Picture, data: Mapping[str, Any]) -> None:
    """Show other data in a picture of `draw_cost`; arguments as there."""
    a = picture.artists
    highest = max(max(data["lines"][name]) for name in a.lines)
    # long numbers would push the labels off the page
    scale, unit, word = (NJ, "nJ", "nanojoule")
    if NJ * highest >= 1e4:
        scale, unit, word = (NJ / 1000, "µJ", "microjoule")
    a.top.set_xlabel(f"energy per image ({unit})")
    a.bottom.set_ylabel(f"energy per image ({unit})")
    texts = _set_bars(a, data, scale)
    sizes = "-".join(map(str, data["sizes"]))
    a.title.set_text(
        f"{sizes}, {data['n_steps']} steps, {count(data['bits'], 'bit')}, "
        f"{data['rate']:.2f} spikes per neuron"
    )
    _set_curves(a, data, scale)
    end = _end(scale * highest)
    a.bottom.set_ylim(-0.07 * end, end)
    said = "; ".join(f"{name}: {text}" for name, text in zip(data["energies"], texts, strict=False))
    evens = "; ".join(
        f"'{name}' at {'no rate' if x is None else f'{x:.2f} spikes per neuron'}"
        for name, x in data["break_even"].items()
    )
    picture.alt = (
        f"Bars of the energy per image in {word} of a {sizes} network at {data['rate']:.2f} "
        f"spikes per neuron, modelled with {data['assumptions']}. {said}; measured on the chip: "
        f"{texts[-1]}. Below, the same against the rate; the network of spikes meets {evens}."
    )


def _set_bars(a, data, scale):
    """Returns what is written beside the bars; the last one is the chip's."""
    parts = scale * np.array(list(data["energies"].values()))
    totals = parts.sum(axis=1)
    end = _end(1.05 * totals.max())
    left = np.zeros(len(parts))
    for group, widths in zip(a.bars, parts.T, strict=True):
        for bar, x, width in zip(group, left, widths, strict=True):
            bar.set(x=x, width=width, visible=width > 0)
        left = left + widths
    a.top.set_xlim(0, 1.36 * end)
    a.top.set_xticks([x for x in MaxNLocator(6).tick_values(0, end) if 0 <= x <= end])
    texts, ends = [short(total) for total in totals], list(totals)
    if data["chip"] is None:
        texts.append("known for 256-246-10 only")
        ends.append(0.0)
    else:
        measured = scale * data["chip"]
        texts.append(f"{short(measured)}{' (bar cut)' if measured > end else ''}")
        ends.append(1.12 * end if measured > end else measured)
    show_cut(*a.cut, end, len(ends) - 1 if ends[-1] > end else None)
    a.measured.set_width(ends[-1])
    for annotation, text, x in zip(a.texts, texts, ends, strict=True):
        annotation.set_text(text)
        annotation.xy = x, annotation.xy[1]
    return texts


def _set_curves(a, data, scale):
    for name, line in a.lines.items():
        line.set_data(data["rates"], scale * np.array(data["lines"][name]))
        total = scale * np.sum(data["energies"][name])
        a.marks[name].set_data([data["rate"]], [total])
    shown = {name: x for name, x in data["break_even"].items() if x is not None and name in a.lines}
    spiking = scale * np.array(data["lines"]["spiking, with neurons and memory"])
    a.stars.set_data(list(shown.values()), np.interp(list(shown.values()), data["rates"], spiking))
    limits = ", ".join(dict.fromkeys(f"{x:.2f}" for x in shown.values()))
    a.head.set_text(f"☆ break-even at {limits}" if shown else "no break-even")
