"""Rewiring: how many synapses there are, how strong, where they come from, what they are worth."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import LogNorm, to_rgb
from matplotlib.ticker import FixedLocator, LogLocator, MaxNLocator, NullFormatter

from snnlab import _check
from snnlab._check import like
from snnlab.layers.dense import FullyConnected
from snnlab.plot import style
from snnlab.plot.style import OKABE_ITO, QUIET, ROLES, count
from snnlab.rewiring import prior_centre, prior_drift, smallest_alpha

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from matplotlib.figure import Figure, SubFigure

    from snnlab.network import Network
    from snnlab.plot.style import Picture
    from snnlab.rewiring.log import Log
    from snnlab.rewiring.rule import Rule

PRUNED, REGROWN = OKABE_ITO["vermillion"], OKABE_ITO["bluish green"]
LAYERS = (  # colour, marker and line style
    (OKABE_ITO["blue"], "o", "-"),
    (OKABE_ITO["orange"], "s", "--"),
    (OKABE_ITO["reddish purple"], "D", ":"),
    (OKABE_ITO["sky blue"], "^", "-."),
)
TINTS = [  # of the bands of quantiles, outer ones lighter; opaque, so that the legend has them too
    tuple(1 - share * (1 - x) for x in to_rgb(ROLES["training"])) for share in (0.12, 0.3, 0.65)
]


@style.drawing()
def draw_connectivity(log: Log, *, fig: Figure | SubFigure | None = None) -> Picture:
    """How many weights are left in each layer, and how many came and went.

    Parameters
    ----------
    log : Log
        Of a rule, with two entries or more.
    fig : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    if len(log) < 2:
        raise ValueError("log must have two entries or more")
    fig = style.figure(8.6, 3.1, fig)
    left, right = fig.subplots(1, 2)
    steps, layers = np.array(log.steps), 100 * np.array(log.connectivity)
    overall = 100 * log.overall()
    shown = np.where(layers > 0, layers, np.nan)  # a logarithmic axis knows no 0
    lines = []
    for k, share in enumerate(shown.T):
        colour, marker, dashes = LAYERS[k % len(LAYERS)]
        looks = {"color": colour, "marker": marker, "ls": dashes, "ms": 4.5}
        lines += left.plot(steps, share, label=f"layer {k}", markevery=_some(steps), **looks)
    looks = {"color": ROLES["membrane"], "lw": 2.2, "zorder": 1}
    lines += left.plot(steps, np.where(overall > 0, overall, np.nan), label="all", **looks)
    left.set_yscale("log")
    seen = shown[shown > 0] if (shown > 0).any() else np.ones(1)
    left.set_ylim(0.8 * seen.min(), 1.3 * seen.max())
    _round_numbers(left.yaxis)
    style.label_axes(left, x="training step", y="connectivity (% of weights)")
    left.set_title(f"{overall[-1]:.3g} % of {log.sizes.sum():,} weights left")
    left.legend(loc="best")

    changes = {}
    for name, colour, marker in (("pruned", PRUNED, "v-"), ("regrown", REGROWN, "^--")):
        changes[name] = np.array(getattr(log, name)).sum(axis=1)[1:]
        looks = {"color": colour, "ms": 4.5, "markevery": _some(steps[1:]), "clip_on": False}
        lines += right.plot(steps[1:], changes[name], marker, label=name, **looks)
    right.set_yscale("symlog", linthresh=10)
    right.set_ylim(0, 2 * max(10, max(x.max() for x in changes.values())))
    right.yaxis.set_major_formatter(style.grouped)
    style.label_axes(
        right, x="training step", y="weights", title="Pruned and regrown between entries"
    )
    right.legend(loc="best")
    for ax in (left, right):
        ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    style.freeze(fig)
    alt = (
        f"Curves over {steps[-1]:,} training steps. Connectivity goes from {overall[0]:.3g} to "
        f"{overall[-1]:.3g} % of {log.sizes.sum():,} weights; at the end "
        + ", ".join(f"layer {k} has {x:.3g} %" for k, x in enumerate(layers[-1]))
        + f". In all {changes['pruned'].sum():,} were seen pruned and {changes['regrown'].sum():,} "
        "regrown from one entry to the next."
    )
    for k, step in sorted(log.dead.items()):
        alt += f" Layer {k} died out at step {step:,}."
    return style.Picture(fig, alt, lines=lines, axes=(left, right))


def _some(x):
    """Mark about twelve points of a curve."""
    return max(1, len(x) // 12)


def _round_numbers(axis):
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(style.plain)
    axis.set_minor_formatter(NullFormatter())


@style.drawing()
def draw_theta(rule: Rule, network: Network, *, fig: Figure | SubFigure | None = None) -> Picture:
    """Strengths of all synapses: now, as histograms, and over the training, from the rule's log.

    Parameters
    ----------
    rule : rewiring rule
    network : Network
        The one it trained.
    fig : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    if (own := rule.owner()) is not None and own is not network:
        raise ValueError("network must be the one that the rule has trained")
    strengths, log = rule.strengths(network), rule.log
    fig = style.figure(8.6, 4.9, fig)
    axes = fig.subplots(2, len(strengths), squeeze=False)
    steps, quantiles = np.array(log.steps), np.array(log.quantiles)
    q = {level: quantiles[:, :, k] for k, level in enumerate(log.LEVELS)}
    said = []
    for k, (theta, (top, bottom)) in enumerate(zip(strengths, axes.T, strict=True)):
        there = float((theta > 0).mean())
        edges = _edges(float(theta.min()), float(theta.max()))
        below = edges[edges < 0][-1] / 2  # a strength of 0 is shown left of 0
        pruned = {"color": QUIET, "hatch": "////", "label": "pruned"}
        active = {"color": ROLES["training"], "label": "active"}
        for part, looks in (
            (np.minimum(theta[theta <= 0], below), pruned),
            (theta[theta > 0], active),
        ):
            n, _ = np.histogram(part, edges)
            top.stairs(n, edges, fill=True, ec="white", lw=0, **looks)
        top.set_yscale("log")
        top.set_ylim(bottom=0.7)
        top.axvline(0, color="black", lw=1)
        title = f"layer {k}: {100 * there:.3g} % of {theta.size:,} active"
        style.label_axes(top, x="strength (arb. units)", y="" if k else "synapses", title=title)
        top.xaxis.set_major_locator(MaxNLocator(5))
        said.append(
            f"layer {k} has {100 * there:.3g} % of {theta.size:,} synapses active, strengths from "
            f"{theta.min():.3g} to {theta.max():.3g}"
        )
        for (low, high), colour in zip(
            ((0.0, 1.0), (0.05, 0.95), (0.25, 0.75)), TINTS, strict=True
        ):
            label = f"middle {round(100 * (high - low))} %" if low else "all"
            ends = q[low][:, k], q[high][:, k]
            bottom.fill_between(steps, *ends, color=colour, lw=0, label=label)
        bottom.plot(steps, q[0.5][:, k], color=ROLES["membrane"], label="median")
        bottom.axhline(0, color="black", lw=1, ls="--", label="pruned below")
        bottom.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        bottom.yaxis.set_major_locator(MaxNLocator(5))
        style.label_axes(bottom, x="training step", y="" if k else "strength (arb. units)")
    handles = [h for ax in axes[:, 0] for h in ax.get_legend_handles_labels()[0]]
    fig.legend(handles=handles, ncols=7, loc="outside lower center")
    style.freeze(fig)
    alt = (
        f"Histograms of the strengths of synapses under {type(rule).__name__}: {'; '.join(said)}. "
    )
    alt += f"Below, median and middle half of the strengths over {steps[-1]:,} training steps."
    return style.Picture(fig, alt, axes=axes)


def _edges(low, high, n=60):
    """Edges of bins, one of them at 0 if that lies within: no bar mixes pruned and active."""
    low, high = min(low, 0.0), max(high, 0.0)
    width = max(high - low, 1e-6) / n
    return width * np.arange(np.floor(low / width) - 1, np.ceil(high / width) + 2)


@style.drawing()
def draw_inputs(
    network: Network, shape: tuple[int, int], *, fig: Figure | SubFigure | None = None
) -> Picture:
    """Where the network looks: how many weights each pixel still has.

    Parameters
    ----------
    network : Network
    shape : (int, int)
        Rows and columns of the image.
    fig : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    first = network.stages[0]
    if not isinstance(first.layer, FullyConnected):
        raise ValueError(f"network begins with {first.name}: pixels have no weights of their own")
    n_in, n_out = network.weights[0].shape
    rows, columns = shape
    if rows * columns != n_in:
        raise ValueError(f"shape must have {n_in} pixels, as the network has inputs")
    left = np.count_nonzero(network.weights[0], axis=1)
    fig = style.figure(4.6, 3.6, fig)
    ax = fig.subplots()
    colours = colormaps["viridis"].with_extremes(bad="white")
    image = np.ma.masked_equal(left.reshape(rows, columns), 0)
    shown = ax.imshow(image, cmap=colours, vmin=0, vmax=max(left.max(), 1))
    style.frame_image(ax)
    bar = fig.colorbar(shown, ax=ax)
    bar.set_label(f"weights left per pixel (of {n_out:,})")
    bar.ax.yaxis.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 5, 10]))
    unused = int((left == 0).sum())
    note = f"; {count(unused, 'pixel')} with none (blank)" if unused else ""
    ax.set_title(f"{left.sum():,} weights from the pixels{note}", size=9)
    style.freeze(fig)
    most, inner = int(left.max()), left.reshape(rows, columns)
    inner = inner[rows // 4 : rows - rows // 4, columns // 4 : columns - columns // 4]
    alt = (
        f"Map of {rows} by {columns} pixels: how many of its {n_out} weights each has left. In all "
        f"{left.sum():,} of {n_in * n_out:,}, at most {most} per pixel; "
        f"{count(unused, 'pixel')} without any; the inner half has {inner.mean():.3g} per pixel, "
        f"all have {left.mean():.3g}."
    )
    return style.Picture(fig, alt, image=shown, bar=bar)


@style.drawing(published=like(_check.number, at_least=1e-12, at_most=1e12))
def draw_prior(
    lr: float,
    steps: float,
    *,
    sparsities: Sequence[float] = (0.6, 0.9, 0.99),
    published: float | None = None,
    fig: Figure | SubFigure | None = None,
) -> Picture:
    """When Grad R's target matters: how far the pull can go, and how far the prior's centre is.

    Parameters
    ----------
    lr : float
        Learning rate.
    steps : float
        Number of steps; under a schedule the sum of its factors.
    sparsities : sequence of float
        Targets p, above 0.5.
    published : float, optional
        An alpha to mark.
    fig : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    fig = style.figure(6.0, 3.8, fig)
    ax = fig.subplots()
    meet = [smallest_alpha(p, lr, steps) for p in sparsities]
    if not meet:
        raise ValueError("sparsities must hold one, at least")
    ends = [*meet, *([published] if published else [])]
    alphas = np.geomspace(min(ends) / 10, max(ends) * 10, 100)
    drift = [prior_drift(a, lr, steps) for a in alphas]
    ax.plot(alphas, drift, color=ROLES["membrane"], lw=2.2, label="reach of the pull")
    for p, at, (colour, marker, dashes) in zip(sparsities, meet, LAYERS, strict=False):
        centre = [-prior_centre(p, a) for a in alphas]
        ax.plot(alphas, centre, color=colour, ls=dashes, label=f"centre for p = {100 * p:g} %")
        ax.plot(at, -prior_centre(p, at), marker, color=colour, ms=8)
    if published:
        ax.axvline(published, color=QUIET, lw=1, label=f"α = {published:g}")
    ax.set(xscale="log", yscale="log")
    style.label_axes(ax, x="strength of the pull α", y="distance from 0 (units of θ)")
    ax.set_title("The target p matters to the right of a marker")
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    style.freeze(fig)
    said = ", ".join(f"{100 * p:g} % above {a:.2g}" for p, a in zip(sparsities, meet, strict=True))
    alt = (
        f"Against alpha on logarithmic axes: how far the pull moves a strength in {steps:g} steps "
        f"at learning rate {lr:g}, and where the prior's centre lies. They meet where a target "
        f"begins to matter: {said}."
    )
    return style.Picture(fig, alt, axes=(ax,), meet=meet)


def _checked_records(name, records, needs):
    """Return records of runs, dicts with a label and numbers that an axis of shares has room for.

    ``needs`` are the numbers beside the mean; what is labelled "dense" may be a level without them.
    """
    records = _check.each(_check.kind("dict"), of="dicts")(name, records)
    if not records:
        raise ValueError(f"{name} must hold one record or more")
    for r in records:
        needed = "label", "mean", *(() if r.get("label") == "dense" else needs)
        if any(r.get(key) is None for key in needed):
            raise ValueError(f"{name} must be dicts with {', '.join(needed)}: {sorted(r)}")
        _check.text(f"label of {name}", r["label"])
        _check.number(f"mean of {name}", r["mean"], at_least=0, at_most=1)
        _check.number(f"sd of {name}", r.get("sd") or 0, at_least=0)
        for key in set(needs) & set(r):
            ends = {"at_most": 1} if key == "connectivity" else {}
            _check.number(f"{key} of {name}", r[key], above=0, **ends)
    return records


MARKS = "osD^vPX*<>hp"
RULES = {  # colour, marker and line style: a rule has the same in every figure
    "Grad R": (OKABE_ITO["blue"], "o", "-"),
    "Grad R, settled": (OKABE_ITO["sky blue"], "P", "--"),
    "Deep R": (OKABE_ITO["orange"], "s", "-."),
    "soft Deep R": (OKABE_ITO["vermillion"], "X", ":"),
    "STDS": (OKABE_ITO["bluish green"], "^", "-"),
    "magnitude, gradual": (OKABE_ITO["reddish purple"], "D", "--"),
    "magnitude, at once": (OKABE_ITO["reddish purple"], "p", "-."),
    "random mask": (OKABE_ITO["black"], "v", ":"),
}


def _accuracy_to_scale(percent):
    """Errors on a logarithmic axis; what an error bar holds beyond the end of it is cut off."""
    return -np.log(np.maximum(101 - percent, 1e-3))


@style.drawing()
def draw_tradeoff(
    records: Sequence[Mapping[str, Any]], *, fig: Figure | SubFigure | None = None
) -> Picture:
    """Accuracy against connectivity, with spikes as the colour: three things that are traded.

    A point is in a ring if no other one is as good in all three and better in one.

    Parameters
    ----------
    records : sequence of dict
        With "label" (points that share one are joined), "mean" (accuracy, in [0, 1]),
        "connectivity" (in (0, 1]), "hidden_spikes" (above 0), and "sd" of the accuracy if there
        is: as in ``data/results``.
    fig : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    names = "connectivity", "mean", "hidden_spikes"
    records = _checked_records("records", records, (names[0], names[2]))
    if any(name not in r for r in records for name in names):
        raise ValueError(f"records must be dicts with label, {', '.join(names)}, one or more")
    values = np.array([[r[name] for name in names] for r in records], float)
    best = _undominated(values * (1, -1, 1))
    x, y, spikes = values[:, 0] * 100, values[:, 1] * 100, values[:, 2]
    labels = list(dict.fromkeys(r["label"] for r in records))
    fig = style.figure(8.2, 4.0, fig)
    ax = fig.subplots()
    norm = LogNorm(0.99 * spikes.min(), 1.01 * spikes.max())
    handles, clouds = [], []
    for k, label in enumerate(labels):
        mine = np.flatnonzero([r["label"] == label for r in records])
        mine = mine[np.argsort(x[mine])]
        sd = [100 * (records[i].get("sd") or 0) for i in mine]
        ax.errorbar(x[mine], y[mine], sd, color=QUIET, lw=0.8, elinewidth=0.8, zorder=1)
        looks = {"marker": MARKS[k % len(MARKS)], "s": 46, "lw": 0.6, "edgecolors": "black"}
        clouds.append(
            ax.scatter(x[mine], y[mine], c=spikes[mine], norm=norm, cmap="cividis", **looks)
        )
        handles.append(ax.scatter([], [], color="white", label=label, **looks))
    rings = {"marker": "o", "s": 170, "facecolors": "none", "edgecolors": PRUNED, "lw": 1.4}
    ring = ax.scatter(x[best], y[best], label="none is better in all", **rings)
    ax.set_xscale("log")
    ax.set_xlim(x.min() / 1.4, 1.4 * x.max())
    _round_numbers(ax.xaxis)
    # as errors on a logarithmic axis, but read as accuracies; 101: all right has a place too
    ax.set_yscale("function", functions=(_accuracy_to_scale, lambda s: 101 - np.exp(-s)))
    errors = 101 - y
    ax.set_ylim(101 - min(errors.max() * 1.3, 101), 101 - errors.min() / 1.3)
    ax.yaxis.set_major_locator(FixedLocator([0, 20, 40, 60, 80, 90, 95, 98, 99, 99.5]))
    ax.yaxis.set_major_formatter(style.plain)
    style.label_axes(ax, x="connectivity (% of weights)", y="test accuracy (%)")
    style.light_grid(ax)
    bar = fig.colorbar(clouds[0], ax=ax, pad=0.02)
    bar.set_label("hidden spikes per image")
    _round_numbers(bar.ax.yaxis)
    fig.legend(handles=[*handles, ring], loc="outside right upper")
    style.freeze(fig)
    said = "; ".join(
        f"{records[i]['label']}, {y[i]:.2f} % with {x[i]:.3g} % of the weights and "
        f"{spikes[i]:.3g} spikes"
        for i in np.flatnonzero(best)[np.argsort(x[best])]
    )
    alt = (
        f"Test accuracy against connectivity of {count(len(records), 'network')}, coloured by "
        f"hidden spikes per image, from {spikes.min():.3g} to {spikes.max():.3g}. None is better "
        f"in all three than: {said}."
    )
    return style.Picture(fig, alt, clouds=clouds, ring=ring, best=best, labels=labels)


@style.drawing(studies=_check.kind("dict"))
def draw_rules(
    studies: Mapping[str, Sequence[Mapping[str, Any]]], *, fig: Figure | SubFigure | None = None
) -> Picture:
    """Test error against connectivity, a line per rule and a panel per study.

    Parameters
    ----------
    studies : dict of str to sequence of dict
        Title, and records with "label", "mean" (accuracy, in [0, 1]), "connectivity" (in (0, 1]),
        and "sd" if there is: as in ``data/results``. What is labelled "dense" is a level.
    fig : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    if not studies:
        raise ValueError("studies must hold records, one or more for each title")
    studies = {
        _check.text("titles of studies", title): _checked_records(
            f"studies[{title!r}]", records, ("connectivity",)
        )
        for title, records in studies.items()
    }
    labels = list(dict.fromkeys(r["label"] for records in studies.values() for r in records))
    rules = [label for label in labels if label != "dense"]
    looks = _looks(rules)
    fig = style.figure(1.6 + 3.6 * len(studies), 3.9, fig)
    axes = fig.subplots(1, len(studies), squeeze=False)[0]
    handles, said = {}, []
    for ax, (title, records) in zip(axes, studies.items(), strict=True):
        for r in records:
            if r["label"] == "dense":
                line = ax.axhline(100 * (1 - r["mean"]), color=QUIET, lw=1.2, label="dense")
                handles["dense"] = line
                said.append(f"{title}: dense {100 * r['mean']:.2f} % right")
        for rule in rules:
            mine = [r for r in records if r["label"] == rule]
            mine.sort(key=lambda r: r["connectivity"])
            if not mine:
                continue
            x = [100 * r["connectivity"] for r in mine]
            y = [100 * (1 - r["mean"]) for r in mine]
            sd = [100 * (r.get("sd") or 0) for r in mine]
            handles[rule] = ax.errorbar(x, y, sd, label=rule, ms=5, elinewidth=0.8, **looks[rule])
            said.append(
                f"{rule} {', '.join(f'{100 - e:.2f} % at {c:.3g} %' for c, e in zip(x, y))}"  # noqa: B905
            )
        ax.set(xscale="log", yscale="log")
        for axis in (ax.xaxis, ax.yaxis):
            _round_numbers(axis)
        y = "test error (%)" if ax is axes[0] else ""
        style.label_axes(ax, x="connectivity (% of weights)", y=y, title=title)
        style.light_grid(ax)
    fig.legend(handles=list(handles.values()), loc="outside right upper")
    style.freeze(fig)
    alt = f"Test accuracy against connectivity, drawn as errors. {'; '.join(said)}."
    return style.Picture(fig, alt, axes=axes, labels=list(handles))


def _looks(rules):
    """Of each rule; one that is not in `RULES` has the first that is not taken."""
    taken = [RULES[rule] for rule in rules if rule in RULES]
    colours = dict.fromkeys(colour for colour, *_ in RULES.values())
    spare = [(colour, marker, "-") for marker in "*<>h" for colour in colours]
    left = itertools.cycle(look for look in (*RULES.values(), *spare) if look not in taken)
    found = [RULES.get(rule) or next(left) for rule in rules]
    return {
        rule: dict(zip(("color", "marker", "ls"), look, strict=True))
        for rule, look in zip(rules, found, strict=True)
    }


def _undominated(costs):
    """Which rows are not beaten: no other is at most as high everywhere and lower somewhere."""
    lower = (costs[:, None] <= costs).all(axis=2) & (costs[:, None] < costs).any(axis=2)
    return ~lower.any(axis=0)
