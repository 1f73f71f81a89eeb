"""The ordinary decoder: its gradients, and the house's optimisers on it."""

import copy
import pickle

import numpy as np
import pytest

from snnlab.learning.decoder import Decoder, sigmoid
from snnlab.learning.optim import SGD, Adam


def decoder(**settings):
    return Decoder((5, 7, 4, 3), **{"rng": 0, "dtype": np.float64} | settings)


def test_sizes_views_and_start():
    d = decoder(dtype=np.float32)
    assert [w.shape for w in d.weights] == [(5, 7), (7, 4), (4, 3)]
    assert [b.shape for b in d.biases] == [(7,), (4,), (3,)]
    assert all(not b.any() for b in d.biases) and d.weights[0].any()
    d.weights[1][...] = 2.0
    assert np.count_nonzero(d.parameters == 2.0) == 28
    assert d.parameters.dtype == np.float32 and "5 - 7 - 4 - 3" in repr(d)


def test_forward_is_the_textbooks():
    d, x = decoder(), np.random.default_rng(1).random((6, 5))
    d.biases[0][...] = 0.3
    a = np.maximum(x @ d.weights[0] + d.biases[0], 0)
    b = np.maximum(a @ d.weights[1] + d.biases[1], 0)
    y = 1 / (1 + np.exp(-(b @ d.weights[2] + d.biases[2])))
    for found, wanted in zip(d.forward(x), (x, a, b, y), strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-12)


def test_gradients_by_finite_differences():
    d, rng = decoder(), np.random.default_rng(2)
    x, g = rng.standard_normal((6, 5)), rng.standard_normal((6, 3))
    for b in d.biases:
        b[...] = rng.standard_normal(b.shape)
    found, g_x = d.backward(d.forward(x), g, inputs=True)
    h = 1e-6

    def slope(array, index):
        before, ends = array[index], []
        for step in (h, -h):
            array[index] = before + step
            ends.append(float((d.forward(x)[-1] * g).sum()))
        array[index] = before
        return (ends[0] - ends[1]) / (2 * h)

    for block in d.blocks:
        own, by = block.of(d.parameters), block.of(found.flat)
        for index in np.ndindex(own.shape):
            assert by[index] == pytest.approx(slope(own, index), abs=1e-7)
    for index in np.ndindex(x.shape):
        assert g_x[index] == pytest.approx(slope(x, index), abs=1e-7)


@pytest.mark.parametrize("optimizer", [Adam(0.01), SGD(0.5, momentum=0.5)])
def test_optimisers_of_the_house_train_it(optimizer):
    d, rng = decoder(dtype=np.float32), np.random.default_rng(3)
    x = rng.random((40, 5)).astype(np.float32)
    y = (x[:, :3] > 0.5).astype(np.float32)
    losses, out = [], None
    for _ in range(300):
        values = d.forward(x)
        losses.append(float(np.square(values[-1] - y).mean()))
        out = d.backward(values, 2 * (values[-1] - y) / len(x), out=out)
        optimizer.step(d, out)
    assert losses[-1] < 0.5 * losses[0]
    padding = d.parameters.copy()
    for block in d.blocks:
        block.of(padding)[...] = 0
    assert not padding.any()


def test_what_is_not_finite_is_refused_by_layer():
    d = decoder()
    g = d.backward(d.forward(np.ones((2, 5))), np.ones((2, 3)))
    g.flat[d.blocks[2].start] = np.nan
    with pytest.raises(FloatingPointError, match="'weights' in layer 1 of the decoder"):
        Adam().step(d, g)


@pytest.mark.parametrize(
    ("act", "word"),
    [
        (lambda d: Decoder((5,), rng=0), "sizes"),
        (lambda d: Decoder((5, 0), rng=0), r"sizes\[1\]"),
        (lambda d: Decoder((5, 2), rng=0, dtype=np.int32), "dtype"),
        (lambda d: d.forward(np.ones((2, 4))), "x"),
        (lambda d: d.backward([np.ones((2, 5))], np.ones((2, 3))), "values"),
        (lambda d: d.backward(d.forward(np.ones((2, 5))), np.ones((2, 4))), "g"),
        (lambda d: d.backward(d.forward(np.ones((2, 5))), np.ones((2, 3)), out=3), "out"),
    ],
)
def test_bad_input(act, word):
    with pytest.raises((TypeError, ValueError), match=word):
        act(decoder())


def test_sigmoid_does_not_overflow():
    np.testing.assert_array_equal(sigmoid(np.array([-1e30, 0.0, 1e30])), [0.0, 0.5, 1.0])


@pytest.mark.parametrize("way", [copy.deepcopy, copy.copy, lambda d: pickle.loads(pickle.dumps(d))])
def test_a_copy_says_what_its_own_parameters_say(way):
    d, x = decoder(), np.ones((2, 5))
    twin = way(d)
    np.testing.assert_array_equal(twin.forward(x)[-1], d.forward(x)[-1])
    twin.parameters[...] = 0
    assert (twin.forward(x)[-1] == 0.5).all() and not any(w.any() for w in twin.weights)
    assert d.weights[0].any()
