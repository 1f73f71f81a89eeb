"""A perceptron of scikit-learn says the same as a network, and as one that spikes."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor

from snnlab import ConstantCurrent, conversion


def digits(classes=10):
    x, y = load_digits(return_X_y=True)
    return x[y < classes][:400] / 16, y[y < classes][:400]


def fitted(hidden=(24, 12), classes=10, **settings):
    x, y = digits(classes)
    settings = {"random_state": 0, "max_iter": 1000, "tol": 1e-3} | settings
    return MLPClassifier(hidden, **settings).fit(x, y), x, y


@pytest.mark.parametrize("classes", [2, 10])
def test_says_the_same(classes):
    perceptron, x, y = fitted(classes=classes)
    network = conversion.from_perceptron(perceptron, dtype=np.float64)
    said = network.forward(ConstantCurrent(x, 1)).readout[:, 0]
    shares = np.exp(said) / np.exp(said).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(shares, perceptron.predict_proba(x), atol=1e-9)
    spikes = conversion.convert(perceptron, x.astype(np.float32), n_steps=100)
    found = conversion.by_step(spikes, ConstantCurrent(x, 100), y)
    assert found.accuracy[-1] > perceptron.score(x, y) - 0.01


def test_what_is_no_such_perceptron():
    x, y = digits()
    several = np.stack([y > 4, y % 2], axis=1)
    for model, error, match in (
        (MLPClassifier(), ValueError, "fitted"),
        (fitted(activation="tanh")[0], ValueError, "relu"),
        (MLPClassifier((8,), max_iter=1000, tol=0.1).fit(x, several), ValueError, "label"),
        (MLPRegressor(hidden_layer_sizes=8, tol=0.1).fit(x, y), TypeError, "MLPRegressor"),
        (LogisticRegression(max_iter=1000).fit(x, y), TypeError, "LogisticRegression"),
    ):
        with pytest.raises(error, match=match):
            conversion.from_perceptron(model)
