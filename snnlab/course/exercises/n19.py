"""Exercises of notebook 19: rewire a deep network."""

import numpy as np

from snnlab.course.exercises.registry import close, question, returned

FIRST = 3 * 9 * 256  # weights of the paper's network: first convolution, five others, dense layers
CONVOLUTION = 256 * 9 * 256
DENSE = 8 * 8 * 256 * 2048, 2048 * 100
ALL = FIRST + 5 * CONVOLUTION + sum(DENSE)
IN_PERCENT = "The right share. The question asks for it in %."
LEFT, LEFT_DENSE = 0.0073, 0.005  # shares of all weights, and of the first dense layer's


@question(
    "n19.q1", "Each of 8 by 8 units in 256 maps reaches each of 2,048 neurons by its own weight."
)
def _the_largest_layer(answer):
    truth = 100 * DENSE[0] / ALL
    weights = f"So many weights they are. What share is that of all {ALL:,}, in %?"
    return close(
        answer,
        truth,
        0.5,
        "More. Behind two pools there are still 8 by 8 units in each of 256 maps.",
        "Less. The convolutions have 9 weights for every pair of maps, and there are six of them.",
        "a share in %",
        [(truth / 100, 5e-3, IN_PERCENT), (DENSE[0], 0, weights)],
    )


@question("n19.q2", "A pruned wire is a weight that is 0: count the others, layer by layer.")
def _shares_of_layers(answer):
    from snnlab import LIF, Network, synapses
    from snnlab.layers import Conv, Pool

    layers = (8, 8, 1), Conv(4, 3), Pool(2), Conv(3, 3), 5
    network, rng = Network(layers, LIF.grad_r(), n_steps=2, rng=0), np.random.default_rng(0)
    for w, share in zip(network.weights, (0.5, 0.2, 0.8), strict=True):
        w[rng.random(w.shape) > share] = 0
    before, truth = network.parameters.copy(), synapses.connectivity(network).layers
    got, hint = returned("n19.q2", answer, "shares", network)
    if hint is not None:
        return hint
    if not np.array_equal(before, network.parameters):
        return "The function changes the network. It should only count."
    if got.shape != truth.shape:
        return (
            f"The result has shape {got.shape}; a network of {len(truth)} layers with weights has "
            f"{len(truth)} shares."
        )
    if np.allclose(got, truth):
        return None
    if np.allclose(got, 1 - truth):
        return "Those are the shares of the wires that are gone."
    if np.allclose(got, 100 * truth):
        return "The right shares, in %. The question asks for numbers between 0 and 1."
    sizes = np.array([w.size for w in network.weights])
    if np.allclose(got, truth * sizes) or np.allclose(got, truth * sizes / sizes.sum()):
        return "Each layer's wires are to be divided by the number of that layer's weights."
    return "For each array w of network.weights: how many of its numbers are not 0, of all?"


@question("n19.q3", "The large layer sets the sum; the small ones can keep much more, and need it.")
def _what_the_others_keep(answer):
    others = ALL - DENSE[0]
    truth = 100 * (LEFT * ALL - LEFT_DENSE * DENSE[0]) / others
    return close(
        answer,
        truth,
        0.05,
        "More. How many wires are left in all, and how many of them in the first dense layer?",
        "Less. Divide what remains by the number of weights of all the other layers.",
        "a share in %",
        [(truth / 100, 5e-4, IN_PERCENT)],
    )
