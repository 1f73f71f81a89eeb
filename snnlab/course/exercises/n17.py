"""Exercises of notebook 17: small patches."""

import numpy as np

from snnlab.course.exercises.registry import close, question, returned

WIDTH, HEARD, MAPS = 5, 12, 32  # of the second convolution


@question("n17.q1", "Each map has one kernel for every map that it hears, wherever its units are.")
def _how_many_weights(answer):
    one = "That would do for one map below. It hears twelve, each through its own weights."
    synapses = "That many synapses there would be without a border. They share their weights."
    return close(
        answer,
        WIDTH**2 * HEARD * MAPS,
        0,
        "More. Each of the 32 maps hears all 12 maps below, each through its own 5 x 5 weights.",
        "Fewer. How large the maps are does not matter: all places share the weights.",
        "a number of weights",
        [(WIDTH**2 * MAPS, 0, one), (14 * 14 * MAPS * WIDTH**2 * HEARD, 0, synapses)],
    )


@question(
    "n17.q2",
    "A spike reaches the units around it, each by the weight that lies over it in that unit's "
    "patch.",
)
def _currents_of_spikes(answer):
    from snnlab.layers import Conv

    rng = np.random.default_rng(0)
    spikes = (rng.random((7, 6)) < 0.4).astype(float)
    kernel = rng.normal(size=(3, 3))
    layer, shape = Conv(1, 3), (1, 1, 7, 6, 1)
    truth = layer.drive(spikes.reshape(shape), {"weights": kernel.reshape(9, 1)}).reshape(7, 6)
    got, hint = returned("n17.q2", answer, "currents", spikes.copy(), kernel.copy())
    if hint is not None:
        return hint
    if got.shape != (7, 6):
        return (
            f"The result has shape {got.shape}; with a margin of zeros around the spikes it is as "
            "large as they are, here (7, 6)."
        )
    if np.allclose(got, truth):
        return None
    turned = layer.drive(spikes.reshape(shape), {"weights": kernel[::-1, ::-1].reshape(9, 1)})
    if np.allclose(got, turned.reshape(7, 6)):
        return (
            "The kernel is turned over. Lay it on the patch as it is: its first row on the "
            "patch's first row."
        )
    if np.allclose(got[1:-1, 1:-1], truth[1:-1, 1:-1]):
        return "Inside it is right. At the border the margin should be zeros."
    return "The unit at (y, x) sums kernel times spikes over the 3 x 3 patch around it."


@question(
    "n17.q3",
    "From above: 2 units of the convolution, which see 6 pooled ones, 12 before pooling, and 16 "
    "pixels.",
)
def _how_far_it_sees(answer):
    return close(
        answer,
        16,
        0,
        "More. Go down layer by layer: how many units of each does it see along one side?",
        "Fewer. Neighbouring patches overlap: n of them, 5 wide, cover n + 4 units, not 5 n.",
        "a number of pixels",
    )
