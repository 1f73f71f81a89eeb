"""The chip: accuracy against mismatch, and from chip to chip."""

import numpy as np

from snnlab.plot.style import QUIET, ROLES, Picture, figure, freeze, label_axes, styled

MODES = {
    "loop": ("trained in the loop", "training", "o", "-"),
    "transfer": ("weights from software", "wrong", "s", "--"),
}


@styled
def draw_mismatch(sigma_d, *, calibrated=None, fig=None, **accuracies):
    """Test accuracy against the spread of the neurons' parameters.

    Parameters
    ----------
    sigma_d : sequence of float (n,)
        Relative spread of time constants and threshold.
    calibrated : float, optional
        Spread at which the points of the calibrated chip stand; they come first in ``accuracies``.
    fig : Figure or SubFigure, optional
        Where to draw.
    **accuracies : array (n_seeds, n)
        ``loop``, ``transfer``: one row per chip, in [0, 1].

    Returns
    -------
    Picture
    """
    fig = figure(6.4, 3.6, fig)
    ax = fig.subplots()
    x = 100 * np.asarray(sigma_d, float)
    said = []
    for mode, y in accuracies.items():
        name, role, marker, dashes = MODES[mode]
        y = 100 * np.atleast_2d(y)
        mean = y.mean(axis=0)
        ax.plot(np.broadcast_to(x, y.shape).ravel(), y.ravel(), marker, color=ROLES[role], ms=3,
                alpha=0.45, mew=0)  # fmt: skip
        ax.plot(x, mean, marker, ls=dashes, color=ROLES[role], ms=6, label=name)
        said.append(f"{name}: {mean[0]:.1f} % at {x[0]:.0f} %, {mean[-1]:.1f} % at {x[-1]:.0f} %")
    if calibrated is not None:
        ax.axvline(100 * calibrated, color=QUIET, lw=1, ls=":")
        ax.annotate(
            "calibrated", (100 * calibrated, 0.03), xycoords=("data", "axes fraction"), rotation=90,
            xytext=(3, 0), textcoords="offset points", va="bottom", color="#555555", size=9,
        )  # fmt: skip
    label_axes(ax, x="mismatch of time constants and threshold, relative sd (%)",
               y="test accuracy (%)")  # fmt: skip
    ax.grid(True, color="#DDDDDD", lw=0.6)
    ax.set_axisbelow(True)
    ax.legend(loc="lower left", bbox_to_anchor=(0.08, 0))
    freeze(fig)
    alt = f"Test accuracy against the neurons' mismatch. {'; '.join(said)}."
    return Picture(fig, alt)


@styled
def draw_transfer(matrix, *, fig=None):
    """Test accuracy of networks trained on one chip (rows) and tested on another (columns).

    Parameters
    ----------
    matrix : array (n, m)
        In [0, 1].
    fig : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    matrix = 100 * np.asarray(matrix, float)
    rows, columns = matrix.shape
    fig = figure(1.9 + 0.72 * columns, 1.3 + 0.6 * rows, fig)
    ax = fig.subplots()
    low = min(matrix.min(), matrix.max() - 1)
    shown = ax.imshow(matrix, cmap="cividis", vmin=low, vmax=matrix.max(), aspect="auto")
    for i in range(rows):
        for j in range(columns):
            dark = matrix[i, j] < (low + matrix.max()) / 2
            ax.text(j, i, f"{matrix[i, j]:.1f}", ha="center", va="center", size=9.5,
                    color="white" if dark else "black",
                    weight="bold" if i == j else "normal")  # fmt: skip
    ax.set(xticks=range(columns), yticks=range(rows))
    fig.colorbar(shown, ax=ax, label="test accuracy (%)")
    label_axes(ax, x="tested on chip", y="trained on chip")
    freeze(fig)
    own = np.diag(matrix).mean() if rows == columns else np.nan
    others = matrix[~np.eye(rows, columns, dtype=bool)]
    alt = (
        f"Table of test accuracies of networks trained on {rows} chips and tested on {columns}: "
        f"{own:.1f} % on their own, {others.mean():.1f} % on the others, on average."
    )
    return Picture(fig, alt)
