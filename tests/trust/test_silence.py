"""A network that hears nothing, says nothing or vanishes on a chip: one warning, with a remedy."""

import warnings

import numpy as np
import pytest
from helpers import as_input, network, toy, train

import snnlab
from snnlab import Adam, ConstantCurrent, SpikeTrains, SpikingClassifier, Substrate
from snnlab.datasets.augment import Affine, AugmentedImages


def told(call, times=3):
    """What a call says when it is made some times."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(times):
            call()
    return [str(w.message) for w in caught if issubclass(w.category, RuntimeWarning)]


@pytest.fixture(scope="module")
def data():
    x, labels = toy(60, 1)
    return as_input(x), labels


def test_images_that_were_scaled_too_far():
    digits = snnlab.datasets.load("digits16")
    x, y = digits.x_train[:300] * 16 / 255, digits.y_train[:300]
    model = SpikingClassifier(hidden=(20,), epochs=6, lr=3e-3, random_state=0)
    said = told(lambda: model.fit(x, y), 1)
    assert len(said) == 1 and "100% of the samples have no input spikes" in said[0]
    assert "features reach 0.0627" in said[0] and "scale X" in said[0]
    # the remedy cures
    assert not told(lambda: model.fit(x * 255 / 16, y), 1)
    assert model.score(x * 255 / 16, y) > 0.7
    # scaled between training and use: the same silence
    said = told(lambda: model.predict(x))
    assert len(said) == 1 and "100% of the samples" in said[0]


@pytest.mark.parametrize("batch_size", [7, 100])
def test_training_on_nothing(batch_size):
    net, labels = network(), np.arange(60) % 4
    nothing = as_input(np.full((60, 20), 0.1, np.float32))
    said = told(lambda: train(net, nothing, labels, epochs=3, rng=0, batch_size=batch_size))
    assert len(said) == 1 and "100% of the samples have no input spikes" in said[0]
    assert "lower theta" in said[0]


@pytest.mark.parametrize("share, says", [(0.4, False), (0.6, True)])
def test_the_share_is_told(data, share, says):
    x, labels = toy(100, 1)
    x[: round(100 * share)] = 0
    said = told(lambda: train(network(data[0]), as_input(x), labels, epochs=1, rng=0), 1)
    assert [text[:19] for text in said] == ["60% of the samples "] * says


def test_inputs_of_every_kind():
    net, labels = network(n_steps=5), np.zeros(4, int)
    constant = ConstantCurrent(np.zeros((4, 20), np.float32), 5)
    for call in (
        lambda: snnlab.evaluate(net.copy(), constant, labels),
        lambda: snnlab.evaluate(net.copy(), SpikeTrains([0] * 5, [], [], 5, 20), labels),
        lambda: train(net.copy(), constant, labels, epochs=0, rng=0),
    ):
        assert len(told(call, 1)) == (call.__code__.co_names[0] != "train")
    stream = AugmentedImages(np.zeros((30, 8, 8), np.uint8), 5, Affine(shift=1))
    net = network(sizes=(25, 24, 4), n_steps=20)
    said = told(lambda: train(net, stream, np.zeros(30, int), epochs=2, rng=0))
    assert "100% of the samples" in said[0] and len(said) == 1


def test_a_layer_that_never_fires(data):
    net = network(data[0], sizes=(20, 24, 12, 4))
    net.weights[1][...] = 0
    said = told(lambda: train(net, *data, epochs=2, rng=0, optimizer=Adam(lr=0)))
    assert (
        len(said) == 1
        and "layer 1 of neurons did not spike" in said[0]
        and "scale_to_activity" in said[0]
    )


def test_a_remedy_for_layers_that_never_fire(data):
    net = network()
    net.weights[0][...] *= 1e-3
    assert told(lambda: train(net.copy(), *data, epochs=1, rng=0), 1)
    better = net.copy().scale_to_activity(data[0], 12)
    assert not told(lambda: train(better, *data, epochs=1, rng=0), 1)


def test_weights_that_a_chip_has_no_level_for(data):
    net = network()
    net.weights[0][...] *= np.float32(0.01)
    chip = Substrate(0)
    assert chip.vanishing(net)[0] > 0.9 and chip.vanishing(net)[1] < 0.1  # the full range
    for call in (
        lambda: snnlab.evaluate(net, *data, substrate=chip),
        lambda: train(net, *data, epochs=1, rng=0, substrate=chip, optimizer=Adam(lr=0)),
    ):
        said = [text for text in told(call) if "level of the chip" in text]
        assert len(said) <= 1
        if "evaluate" in call.__code__.co_names:
            share = int(said[0].partition("%")[0])
            effective = chip.effective_weights(net)[0]
            assert abs(share / 100 - (effective == 0).mean()) < 0.02 and "weight_scale" in said[0]
    scaled = net.scale_to_activity(data[0], 12)
    assert chip.vanishing(scaled)[0] < 0.3
    assert not told(lambda: snnlab.evaluate(scaled, *data, substrate=chip))
    assert Substrate.ideal(0).vanishing(net) == [0, 0]
    pruned = network(data[0])
    pruned.weights[0][1:] = 0  # what is pruned does not vanish
    assert chip.vanishing(pruned)[0] < 0.3


def test_no_false_alarm(data):
    valid = data[0][:9], data[1][:9]
    net = network(data[0])
    assert not told(lambda: train(net, *data, epochs=2, rng=0, validation=valid), 1)
    assert not told(lambda: train(net, *data, epochs=2, rng=0, substrate=Substrate(0)), 1)
