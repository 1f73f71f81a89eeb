"""`from_perceptron`: a fitted MLPClassifier of scikit-learn as a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from snnlab.layers import BatchNorm, Dense
from snnlab.network import Network
from snnlab.rates import ReLU

if TYPE_CHECKING:
    from numpy.typing import DTypeLike


def from_perceptron(
    classifier: Any, *, dtype: DTypeLike = np.float32, workers: int | None = None
) -> Network:
    """A network that says what a fitted ``sklearn.neural_network.MLPClassifier`` says.

    Layers here have no biases: they are the shifts of norms whose statistics are 0 and 1. Of two
    classes, for which scikit-learn has one output, each has half of it.

    Parameters
    ----------
    classifier : MLPClassifier
        Fitted, with at least one hidden layer and ``activation="relu"``. Its ``classes_`` are what
        the units of the readout stand for.
    dtype, workers
        As for `Network`.

    Returns
    -------
    Network
        Of one step, which `convert` takes. Its scores are the classifier's before the softmax.

    Raises
    ------
    TypeError, ValueError
        What is not such a classifier: it is not fitted, has other activations, or is to tell
        several labels at once.
    """
    if not hasattr(classifier, "hidden_layer_sizes") or not hasattr(classifier, "activation"):
        raise TypeError(f"classifier must be an MLPClassifier, not {type(classifier).__name__}")
    if not hasattr(classifier, "coefs_"):
        raise ValueError("classifier must be fitted")
    if not hasattr(classifier, "classes_"):
        raise TypeError(f"classifier must tell classes, not {type(classifier).__name__}")
    if classifier.activation != "relu" or len(classifier.coefs_) < 2:
        raise ValueError(
            'classifier must have hidden layers with activation="relu", not '
            f"{classifier.activation!r} and {len(classifier.coefs_) - 1} hidden layers"
        )
    weights, biases = list(classifier.coefs_), list(classifier.intercepts_)
    if classifier.out_activation_ == "logistic":
        if weights[-1].shape[1] != 1:
            raise ValueError("classifier must tell one label of a sample, not several at once")
        halves = np.array([[-0.5, 0.5]])
        weights[-1], biases[-1] = weights[-1] @ halves, biases[-1] @ halves
    norm = BatchNorm()
    layers = [weights[0].shape[0], *(Dense(w.shape[1], norm=norm) for w in weights)]
    network = Network(layers, ReLU(), n_steps=1, rng=0, dtype=dtype, workers=workers)
    start = {"gain": np.sqrt(1 + norm.eps), "mean": 0, "variance": 1, "batches": 1}
    for stage, w, b in zip(network.stages, weights, biases, strict=True):
        for name, x in (start | {"weights": w, "shift": b}).items():
            stage.blocks[name].of(network.parameters)[...] = x
    return network
