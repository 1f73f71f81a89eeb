"""A network at the end of a sample: pixels, hidden neurons, outputs, and the strongest wires."""

import numpy as np
from matplotlib.collections import LineCollection

from snnlab.plot.style import OKABE_ITO, QUIET, Picture, figure, styled

GOLDEN = np.pi * (3 - np.sqrt(5))
WON = OKABE_ITO["bluish green"]
ABOVE, BELOW = OKABE_ITO["vermillion"], OKABE_ITO["blue"]
ASPECT = 2.2  # width of the picture over its height


def _places(network, shape):
    """Where the units of each layer stand, arrays (n, 2) in heights of the picture."""
    rows, columns = shape
    cell = min(0.72 / rows, 0.64 / columns)
    row, column = np.divmod(np.arange(network.sizes[0]), columns)
    middle = 0.05 + columns * cell / 2
    pixels = middle + (column + 0.5 - columns / 2) * cell, 0.5 - (row + 0.5 - rows / 2) * cell
    classes = network.sizes[-1]
    right = ASPECT - 0.42
    outputs = np.full(classes, right), 1 - (np.arange(classes) + 0.5) / classes
    places, left = [np.stack(pixels, 1)], 2 * middle
    hidden = network.sizes[1:-1]
    for k, n in enumerate(hidden):
        r, phi = np.sqrt((np.arange(n) + 0.5) / n), np.arange(n) * GOLDEN
        each = (right - left) / len(hidden)
        x = left + each * (k + 0.53) + 0.34 * each * r * np.cos(phi)
        places.append(np.stack([x, 0.5 + 0.46 * r * np.sin(phi)], 1))
    places.append(np.stack(outputs, 1))
    if hidden:  # as high as the outputs that they speak for
        w = np.maximum(network.weights[-1], 0) ** 2
        wish = (w @ np.arange(classes)) / (w.sum(axis=1) + 1e-9)
        seats = places[-2][np.argsort(-places[-2][:, 1], kind="stable")]
        places[-2][np.argsort(wish, kind="stable")] = seats
    return places, cell


def _strongest(weights, n_wires):
    """Rows and columns of the strongest wires of either sign, half of each where there are."""
    flat = weights.ravel()
    above, below = np.count_nonzero(flat > 0), np.count_nonzero(flat < 0)
    up = int(min(above, max(n_wires / 2, n_wires - below)))
    down = int(min(below, n_wires - up))
    order = np.argsort(flat)
    return np.divmod(np.r_[order[:down], order[len(order) - up :]], weights.shape[1])


def _wires(places, weights, n_wires):
    """Lines, widths and colours of the strongest wires of a layer."""
    i, j = _strongest(weights, n_wires)
    strength = np.abs(weights[i, j])
    strength = np.minimum(1, strength / (np.quantile(strength, 0.95) if len(i) else 1))
    u = np.linspace(0, 1, 13)
    a, b = places[0][i][:, None], places[1][j][:, None]
    # a Bezier curve that leaves and arrives horizontally, as on the page
    x = a[..., 0] + (b - a)[..., 0] * (1.5 * u * (1 - u) + u**3)
    y = a[..., 1] + (b - a)[..., 1] * (3 * u**2 - 2 * u**3)
    colours = np.where(weights[i, j] > 0, ABOVE, BELOW)
    return np.stack([x, y], 2), strength, colours


def _shares(network, n_wires):
    """How many wires of each layer are drawn: many of the last, which decides; all if they fit."""
    *there, last = (int(np.count_nonzero(w)) for w in network.weights)
    rest = sum(there)
    last = min(last, max(round(0.3 * n_wires), n_wires - rest))
    left = min(rest, n_wires - last)
    return [left * n // max(rest, 1) for n in there] + [last]


def wires_drawn(network, n_wires):
    """How many wires `draw_living` draws, and how many there are: those whose weight is not 0.

    Parameters
    ----------
    network : Network
    n_wires : int
        That are drawn at most.

    Returns
    -------
    drawn, there : int
    """
    there = sum(int(np.count_nonzero(w)) for w in network.weights)
    return sum(_shares(network, n_wires)), there


@styled
def draw_living(network, image, v, counts, decision, *, names, n_wires, shape, alt):
    """One sample in a network, after its last step.

    Parameters
    ----------
    network : Network
    image : array (n_inputs,)
        Grey levels from 0 to 1, or 0 and 1 where an input spiked.
    v : list of array (n,)
        Per layer the potentials to be drawn, in thresholds; those of the readout in their largest.
    counts : list of array of int (n,)
        Per hidden layer the spikes of each neuron.
    decision : int
        Class that is read out, or -1.
    names : sequence of str
    n_wires : int
        That are drawn at most.
    shape : (int, int)
        Rows and columns in which the inputs stand.
    alt : str

    Returns
    -------
    Picture
    """
    fig = figure(8.8, 4.0)
    fig.set_layout_engine("none")
    ax = fig.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, ASPECT), ylim=(-0.06, 1.02), aspect="equal")
    ax.axis("off")
    places, cell = _places(network, shape)
    for k, (w, n) in enumerate(zip(network.weights, _shares(network, n_wires), strict=True)):
        lines, strength, colours = _wires(places[k : k + 2], w, n)
        ax.add_collection(
            LineCollection(
                lines, linewidths=0.2 + 1.4 * strength**1.2, colors=colours, alpha=0.2, zorder=1
            )
        )
    points = fig.dpi * 4.0 / 1.08 * 72 / fig.dpi  # of type, per height of the picture
    ax.scatter(
        *places[0].T,
        (cell * points * 0.94) ** 2,
        1 - np.asarray(image),
        marker="s",
        cmap="gray",
        vmin=0,
        vmax=1,
        linewidths=0.15,
        edgecolors=QUIET,
        zorder=2,
    )
    for place, potential, fired in zip(places[1:-1], v, counts, strict=False):
        radius = 0.32 * np.sqrt(np.pi * 0.2 * 0.46 / len(place))
        face = np.ones((len(place), 4))
        face[:, :3] = np.where(fired[:, None] > 0, (0.9, 0.62, 0.0), 1)
        edge = np.where(potential > 0, ABOVE, BELOW)
        ax.scatter(
            *place.T, (2 * radius * points) ** 2, face, edgecolors=edge, linewidths=0.8, zorder=3
        )
    _outputs(ax, places[-1], v[-1], decision, names)
    drawn, there = wires_drawn(network, n_wires)
    note = f"all {there:,} wires"
    if drawn < there:
        note = f"{drawn:,} of {there:,} wires: the strongest of either sign"
    fig.text(0.5, 0.012, note, size=8, ha="center", color="#555555")
    return Picture(fig, alt)


def _outputs(ax, place, peaks, decision, names):
    """A circle with its name per class, and a bar as long as its potential got high."""
    size = min(0.04, 0.45 / len(place))
    for j, ((x, y), peak) in enumerate(zip(place, peaks, strict=True)):
        won = j == decision
        ax.barh(
            y,
            max(0, peak) * 0.3,
            0.9 * size,
            x + size + 0.02,
            zorder=3,
            color=WON if won else "#E69F00",
            alpha=1 if won else 0.6,
        )
        ax.scatter(
            x,
            y,
            (2 * size * 265) ** 2,
            WON if won else "white",
            edgecolors="#333333",
            linewidths=0.8,
            zorder=4,
        )
        ax.text(
            x,
            y,
            names[j][:3].replace("$", r"\$"),
            ha="center",
            va="center",
            zorder=5,
            color="white" if won else "black",
            weight="bold" if won else "normal",
        )
