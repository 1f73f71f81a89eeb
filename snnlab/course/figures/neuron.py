"""One neuron: its run, and the order of operations in a time step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.patches import FancyBboxPatch
from matplotlib.ticker import MaxNLocator

from snnlab.plot import style
from snnlab.plot.style import QUIET, ROLES, US, count

if TYPE_CHECKING:
    from snnlab.plot.style import Picture


@style.styled
def draw_neuron(
    x: np.ndarray,
    i_syn: np.ndarray,
    v: np.ndarray,
    z: np.ndarray,
    v_th: float,
    dt: float,
) -> Picture:
    """One neuron: input spikes, synaptic current, membrane with threshold and output spikes.

    Parameters
    ----------
    x, i_syn, v, z : array (time,)
        Input spikes (0 or 1), synaptic current, potential as compared with the threshold, output
        spikes (0 or 1).
    v_th : float
        Threshold.
    dt : float
        Step in seconds.

    Returns
    -------
    Picture
    """
    fig = style.figure(6.2, 4.3)
    inputs, current, membrane = fig.subplots(3, sharex=True, height_ratios=[0.45, 1, 1.9])
    t = np.arange(len(v)) * dt * US
    arrive, fire = t[np.asarray(x) > 0], t[np.asarray(z) > 0]
    inputs.plot(*_stems(arrive, 0, 1), color=ROLES["input"], lw=1.4)
    (heads,) = inputs.plot(arrive, np.ones(len(arrive)), "^", color=ROLES["input"], ms=6)
    inputs.set(ylim=(0, 1.25), yticks=[])
    style.label_axes(inputs, y="input\nspikes")
    inputs.spines["left"].set_visible(False)
    (i_line,) = current.plot(t, i_syn, "s-", color=ROLES["current"], ms=2.5)
    _limits(current, np.min(i_syn), np.max(i_syn))
    style.label_axes(current, y="current\n(arb. units)")
    (v_line,) = membrane.plot(t, v, "o-", color=ROLES["membrane"], ms=3, label="membrane")
    threshold = membrane.axhline(v_th, color=ROLES["threshold"], ls="--", label="threshold")
    top = _limits(membrane, np.min(v), max(np.max(v), v_th), room=1.15)
    membrane.plot(*_stems(fire, v_th, top), color=ROLES["spike"], lw=2)
    look = {"color": ROLES["spike"], "ms": 6, "clip_on": False, "label": "output spike"}
    (tops,) = membrane.plot(fire, np.full(len(fire), top), "D", **look)
    style.label_axes(membrane, x="time (µs)", y="membrane potential\n(arb. units)")
    for ax in (current, membrane):
        ax.axhline(0, color=QUIET, lw=0.6, zorder=0)
        ax.yaxis.set_major_locator(MaxNLocator(4))
    membrane.set_xlim(-0.02 * (len(v) * dt * US), len(v) * dt * US)
    handles = [v_line, threshold, *([tops] if len(fire) else [])]
    where = {"loc": "lower right", "bbox_to_anchor": (1, 1.0), "borderaxespad": 0}
    membrane.legend(handles=handles, ncols=3, **where)
    fig.align_ylabels()
    style.freeze(fig)
    parts = {"heads": heads, "i": i_line, "v": v_line, "threshold": threshold, "tops": tops}
    return style.Picture(fig, _alt(x, v, fire, v_th, dt), **parts)


def _limits(ax, low, high, room=1.12):
    """Round limits of an axis; returns the upper one."""
    down, up = style.steady(low, high)
    ax.set_ylim(down - 0.05 * up, up * room if up else 0.25)
    return ax.get_ylim()[1]


def _alt(x, v, fire, v_th, dt):
    """What there is to see: spikes in and out, and how high the membrane rises."""
    out, top = count(len(fire), "output spike"), int(np.argmax(v))
    if len(fire):
        out += f" at {', '.join(f'{t:.1f}' for t in fire[:3])}{' ...' * (len(fire) > 3)} µs"
    return (
        "Three curves over time of one leaky neuron: input spikes, synaptic current, and the "
        f"membrane potential with its threshold. {count(int(np.sum(x)), 'input spike')}, {out}; "
        f"the membrane peaks at {v[top]:.2f} (threshold {v_th:.2f}) after {top * dt * US:.1f} µs."
    )


def _stems(t, low, high):
    """Vertical lines at t as one line with gaps."""
    gaps = np.full(len(t), np.nan)
    x = np.stack([t, t, gaps], 1).ravel()
    return x, np.tile([low, high, np.nan], len(t))


@style.styled
def draw_order() -> Picture:
    """The order of operations in a time step, as a diagram of two steps."""
    fig = style.figure(8.6, 2.6)
    ax = fig.subplots()
    ax.set(xlim=(0, 10), ylim=(0.2, 3.5))
    ax.axis("off")
    boxes = (
        ("1 arrive", "current\njumps by\nthe weight", "current"),
        ("2 integrate", "membrane\nleaks, adds\nthe current", "membrane"),
        ("3 compare", "is it above\nthe\nthreshold?", "threshold"),
        ("4 emit", "yes: spike 1\nno: 0", "spike"),
    )
    arrow = {"arrowstyle": "->", "lw": 1.2, "shrinkA": 0, "shrinkB": 1}
    for left, step in ((0.05, "step t"), (5.1, "step t + 1")):
        ax.plot([left, left + 4.8], [2.95, 2.95], color=QUIET, lw=0.8)
        ax.text(left + 2.4, 3.05, step, ha="center", va="bottom", weight="bold")
        for k, (name, what, role) in enumerate(boxes):
            x = left + 1.24 * k
            outline = {"fc": "white", "ec": ROLES[role], "lw": 1.8}
            outline["ls"] = "--" if role == "threshold" else "-"
            round_ = "round,pad=0,rounding_size=0.08"
            ax.add_patch(FancyBboxPatch((x, 1.25), 1.06, 1.45, boxstyle=round_, **outline))
            ax.text(x + 0.53, 2.46, name, ha="center", va="center", size=9.5)
            ax.text(x + 0.53, 1.78, what, ha="center", va="center", size=8.5)
            if k < 3:
                ax.annotate("", (x + 1.24, 2.0), (x + 1.06, 2.0), arrowprops=arrow)
    emit, integrate = 0.05 + 3 * 1.24 + 0.53, 5.1 + 1.24 + 0.53
    reset = {"color": ROLES["spike"], "lw": 1.8}
    ax.plot([emit, emit, integrate], [1.25, 0.75, 0.75], **reset, solid_joinstyle="round")
    ax.annotate("", (integrate, 1.25), (integrate, 0.75), arrowprops=arrow | reset)
    note = "the reset of a spike acts one step later"
    ax.text((emit + integrate) / 2, 0.66, note, ha="center", va="top")
    style.freeze(fig)
    alt = (
        "A diagram of two time steps. In each, in this order: input spikes arrive and change the "
        "current; the membrane integrates it; it is compared with the threshold; a spike is "
        "emitted or not. An arrow leads from the spike to the membrane of the next step: the reset."
    )
    return style.Picture(fig, alt)
