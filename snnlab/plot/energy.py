"""What a spiking network costs, beside one without spikes and what was measured."""

import numpy as np

from snnlab.plot.style import (
    OKABE_ITO,
    QUIET,
    ROLES,
    Picture,
    count,
    figure,
    freeze,
    label_axes,
    styled,
)  # fmt: skip

NJ = 1e9  # nanojoules in a joule
LOOKS = (
    ("synaptic operations", ROLES["spike"], ""),
    ("neuron updates", ROLES["membrane"], "\\\\\\"),
    ("reading weights", ROLES["gradient"], "///"),
    ("states, events, activations", OKABE_ITO["sky blue"], "xxx"),
)  # in the order of `snnlab.energy.PARTS`


def _number(x):
    """Three digits, or all before the point."""
    return f"{x:,.0f}" if x >= 100 else f"{x:.3g}"


@styled
def draw_energy(card, *, fig=None):
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
    fig = figure(8.6, 3.7, fig)
    ax = fig.subplots()
    y, left = np.arange(len(names)), np.zeros(len(names))
    bars = []
    for (what, colour, hatch), widths in zip(LOOKS, parts.T, strict=True):
        looks = {"color": colour, "hatch": hatch, "edgecolor": "white", "linewidth": 0}
        bars.append(ax.barh(y, widths, 0.66, left, label=what, **looks))
        left = left + widths
    texts = [_number(total) for total in totals]
    said = [f"{name}: {text}" for name, text in zip(names, texts, strict=True)]
    ends, scaled = list(totals), longest
    if card.chip is not None:
        measured = NJ * card.chip
        cut = measured > 1.2 * longest
        scaled = longest if cut else max(longest, measured)
        ends.append(1.12 * longest if cut else measured)
        texts.append(f"{_number(measured)}{' (bar cut)' if cut else ''}")
        names.append("BrainScaleS-2 chip, measured")
        bars.append(ax.barh(len(y), ends[-1], 0.66, color="white", edgecolor=QUIET, linewidth=1.5))
        if cut:
            x = longest * np.array([[1.04, 1.06], [1.06, 1.08]])
            ends_of_slants = np.array([0.42, -0.42]) + len(y)
            ax.fill_betweenx(ends_of_slants, *x, color="white", zorder=3)
            ax.plot(x.T, ends_of_slants, color=QUIET, lw=1.5, zorder=3)
        said.append(f"measured on the BrainScaleS-2 chip: {_number(measured)}")
    for k, (end, text) in enumerate(zip(ends, texts, strict=True)):
        ax.annotate(text, (end, k), (5, 0), textcoords="offset points", va="center", size=9)
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    ax.set_xlim(0, 1.25 * max(ends))
    ax.set_xticks([t for t in ax.get_xticks() if t <= scaled])  # a cut bar has no scale
    ops = card.operations
    sizes = "-".join(map(str, ops.sizes))
    spikes = f"{_number(ops.hidden_spikes)} hidden spikes per sample"
    label_axes(ax, x="energy per sample (nJ)", y="network")
    ax.set_title(f"{sizes}, {ops.n_steps} steps, {spikes}")
    fig.legend(handles=bars[: len(LOOKS)], ncols=4, loc="outside upper center")
    fig.supxlabel(f"Model: {card.assumptions}. Operations are a proxy.", size=8)
    freeze(fig)
    alt = (
        f"Bars of the energy per sample of a {sizes} network with {spikes}, in nanojoule, modelled "
        f"with {card.assumptions}. {'; '.join(said)}."
    )
    return Picture(fig, alt, bars=bars, ax=ax)


# --- prices to choose -----------------------------------------------------------------------------

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


@styled
def draw_cost(data, *, fig=None):
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
    fig = figure(8.0, 5.6, fig)
    grid = fig.add_gridspec(2, 1, height_ratios=[1.15, 1])
    top, bottom = (fig.add_subplot(grid[k].subgridspec(1, 1)[0]) for k in range(2))
    names = [*data["energies"], "BrainScaleS-2 chip, measured"]
    y = np.arange(len(names))
    bars = []
    for what, colour, hatch in LOOKS:
        looks = {"color": colour, "hatch": hatch, "edgecolor": "white", "linewidth": 0}
        bars.append(top.barh(y[:-1], 0 * y[:-1], 0.66, label=what, **looks))
    (measured,) = top.barh(y[-1:], [0], 0.66, color="white", edgecolor=QUIET, linewidth=1.5)
    texts = [
        top.annotate("", (0, k), (5, 0), textcoords="offset points", va="center", size=9) for k in y
    ]
    top.set_yticks(y, names)
    top.set_ylim(len(y) - 0.5, -0.5)
    label_axes(top, x="energy per image (nJ)", y="network")
    title = top.set_title(" ")
    lines, marks = {}, {}
    for name, (colour, dashes, marker) in CURVES.items():
        (lines[name],) = bottom.plot([], [], dashes, color=colour, label=name)
        (marks[name],) = bottom.plot([], [], marker, color=colour, ms=7)
    (stars,) = bottom.plot([], [], "*", mfc="white", mec="black", ms=13, zorder=4)
    bottom.set(xlim=(0, max(data["rates"])))
    label_axes(bottom, x="spikes per neuron and image", y="energy per image (nJ)")
    head = bottom.set_title(" ")
    bottom.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    fig.legend(handles=bars, ncols=4, loc="outside upper center", columnspacing=1.2)
    prices, chip = (data["tags"][name].tag for name in ("int8_add", "chip_energy"))
    fig.supxlabel(
        f"Prices: Horowitz 2014 [{prices}]; chip: Cramer et al. 2022 [{chip}]. Prices of single "
        "operations are a proxy.",
        size=8,
    )
    moving = [*(bar for group in bars for bar in group), measured, *texts, title, head, stars]
    moving += [*lines.values(), *marks.values()]
    picture = Picture(fig, "", moving, bars=bars, measured=measured, texts=texts, title=title,
                      head=head, lines=lines, marks=marks, stars=stars, top=top,
                      bottom=bottom)  # fmt: skip
    update_cost(picture, data)
    freeze(fig)
    return picture


@styled
def update_cost(picture, data):
    """Show other data in a picture of `draw_cost`; arguments as there."""
    a = picture.artists
    names = list(data["energies"])
    highest = max(max(data["lines"][name]) for name in a.lines)
    # long numbers would push the labels off the page
    scale, unit, word = (NJ, "nJ", "nanojoule")
    if NJ * highest >= 1e4:
        scale, unit, word = (NJ / 1000, "µJ", "microjoule")
    a.top.set_xlabel(f"energy per image ({unit})")
    a.bottom.set_ylabel(f"energy per image ({unit})")
    parts = scale * np.array([data["energies"][name] for name in names])
    totals = parts.sum(axis=1)
    end = _end(1.05 * totals.max())
    left = np.zeros(len(names))
    for group, widths in zip(a.bars, parts.T, strict=True):
        for bar, x, width in zip(group, left, widths, strict=True):
            bar.set(x=x, width=width, visible=width > 0)
        left = left + widths
    a.top.set_xlim(0, 1.24 * end)  # no tick at the very end, where its number would be cut
    texts, ends = [_number(total) for total in totals], list(totals)
    if data["chip"] is None:
        texts.append("known for 256-246-10 only")
        ends.append(0.0)
    else:
        measured = scale * data["chip"]
        texts.append(f"{_number(measured)}{' (bar cut)' if measured > end else ''}")
        ends.append(min(measured, end))
    a.measured.set_width(ends[-1])
    for annotation, text, x in zip(a.texts, texts, ends, strict=True):
        annotation.set_text(text)
        annotation.xy = x, annotation.xy[1]
    sizes = "-".join(map(str, data["sizes"]))
    a.title.set_text(
        f"{sizes}, {data['n_steps']} steps, {count(data['bits'], 'bit')}, {data['rate']:.2f} "
        "spikes per neuron"
    )
    for name, line in a.lines.items():
        values = scale * np.array(data["lines"][name])
        line.set_data(data["rates"], values)
        a.marks[name].set_data([data["rate"]], [totals[names.index(name)]])
    shown = {name: x for name, x in data["break_even"].items() if x is not None and name in a.lines}
    spiking = scale * np.array(data["lines"]["spiking, with neurons and memory"])
    a.stars.set_data(list(shown.values()), np.interp(list(shown.values()), data["rates"], spiking))
    a.bottom.set_ylim(0, _end(scale * highest))
    limits = ", ".join(dict.fromkeys(f"{x:.2f}" for x in shown.values()))
    a.head.set_text(f"☆ break-even at {limits}" if shown else "no break-even")
    said = "; ".join(f"{name}: {text}" for name, text in zip(names, texts, strict=False))
    evens = "; ".join(
        f"'{name}' at {'no rate' if x is None else f'{x:.2f} spikes per neuron'}"
        for name, x in data["break_even"].items()
    )
    picture.alt = (
        f"Bars of the energy per image in {word} of a {sizes} network at {data['rate']:.2f} "
        f"spikes per neuron, modelled with {data['assumptions']}. {said}; measured on the chip: "
        f"{texts[-1]}. Below, the same against the rate; the network of spikes meets {evens}."
    )
