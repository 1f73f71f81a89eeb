"""A leaky neuron as a bucket, and its level over time: what stays of `snnlab.live.LeakyBucket`."""

import numpy as np

from snnlab.plot.style import OKABE_ITO, QUIET, ROLES, US, Picture, figure, label_axes, styled

WATER = OKABE_ITO["sky blue"]


@styled
def draw_bucket(spikes, v, fired, v_th, dt, *, alt):
    """One neuron's run: a bucket as full as it ever gets, and the level step by step.

    Parameters
    ----------
    spikes, fired : sequence of int
        Steps of input and of output spikes.
    v : array (time,)
        Potential as compared with the threshold.
    v_th : float
        Threshold.
    dt : float
        Step in seconds.
    alt : str

    Returns
    -------
    Picture
    """
    fig = figure(8.8, 3.4)
    (above, rain), (bucket, level) = fig.subplots(
        2, 2, width_ratios=[1, 2.6], height_ratios=[1, 4.2], sharex="col"
    )
    above.axis("off")
    t = np.arange(len(v)) * dt * US
    rain.vlines(t[list(spikes)], 0, 1, color=ROLES["input"], lw=1.6)
    rain.plot(t[list(spikes)], np.ones(len(spikes)), "o", color=ROLES["input"], ms=6)
    rain.set(ylim=(0, 1.3), yticks=[])
    rain.spines["left"].set_visible(False)
    label_axes(rain, y="input\nspikes")
    level.plot(t, v, "o-", color=ROLES["membrane"], ms=3)
    level.axhline(v_th, color=ROLES["threshold"], ls="--")
    level.axhline(0, color=QUIET, lw=0.6, zorder=0)
    top, foot = 1.25 * max(v.max(), v_th), min(0.0, 1.1 * v.min()) - 0.12 * v_th
    level.vlines(t[fired], v_th, 0.96 * top, color=ROLES["spike"], lw=2)
    level.plot(t[fired], np.full(len(fired), 0.96 * top), "D", color=ROLES["spike"], ms=6)
    level.set_ylim(foot, top)
    label_axes(level, x="time (µs)", y="level (arb. units)")
    _bucket(bucket, float(v.max()), v_th)
    bucket.set(xlim=(-1.35, 1.35), ylim=(foot, top))
    bucket.axis("off")
    return Picture(fig, alt)


def _bucket(ax, level, v_th):
    """Walls up to the threshold, a hole in the floor, water up to the highest level."""

    def half(x):
        return 0.7 + 0.2 * x / v_th

    full = min(max(level, 0.0), v_th)
    ax.fill(
        [-half(0), -half(full), half(full), half(0)], [0, full, full, 0], color=WATER, alpha=0.7
    )
    wall = {"color": ROLES["membrane"], "lw": 3, "solid_capstyle": "round"}
    for side in (-1, 1):
        ax.plot([side * half(v_th), side * half(0), side * 0.09], [v_th, 0, 0], **wall)
    ax.axhline(v_th, color=ROLES["threshold"], ls="--")
    ax.text(0, v_th, "threshold", ha="center", va="bottom")
