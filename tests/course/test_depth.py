"""Deep networks of the course: how they begin, and what is said of their gradients."""

import numpy as np
import pytest

import snnlab
from snnlab.course import depth
from snnlab.layers import BatchNorm, Residual


@pytest.fixture(scope="module")
def data():
    return snnlab.datasets.load("digits16")


@pytest.fixture(scope="module")
def samples(data):
    return depth.images_as_currents(data, data.x_train[:16]), data.y_train[:16]


@pytest.mark.parametrize("shortcut", depth.SHORTCUTS)
@pytest.mark.parametrize("start", depth.STARTS)
def test_networks_are_as_deep_as_was_said(data, start, shortcut):
    network = depth.deep_network(data, 6, start=start, shortcut=shortcut, channels=4)
    hidden = network.stages[:-1]
    assert len(hidden) == 6 and {stage.shape_out for stage in hidden} == {(8, 8, 4)}
    assert network.normalises == (start == "norm")
    around = [k for k, stage in enumerate(hidden) if stage.shortcut is not None]
    assert around == ([] if shortcut == "none" else [2, 4])
    gains = {neuron.gain for neuron in network.neurons[:-1]}
    assert gains == {depth.GAINS[shortcut]}


def test_small_weights_are_silent_and_others_are_not(data, samples):
    """Deep down there is less and less; scaled or normalised, layers spike as they should."""
    rates = {}
    for start in depth.STARTS:
        network = depth.deep_network(data, 6, start=start)
        rates[start] = depth.adjoint_norms(network, *samples, [1.0])[1]
    assert rates["small"][0] > rates["small"][1] >= rates["small"][-1] == 0
    for start in ("scaled", "norm"):  # the image is a constant current, which adds up
        np.testing.assert_allclose(rates[start][1:], depth.RATE, atol=0.05)
    np.testing.assert_allclose(rates["scaled"][0], depth.RATE, atol=0.02)


def test_a_strong_shortcut_suffices_for_a_spike_and_a_weak_one_does_not(data):
    """With a branch that says nothing, spikes come through, or none do."""
    images = depth.images_as_currents(data, data.x_train[:16])
    for shortcut in ("weak", "strong"):
        network = depth.deep_network(data, 4, start="norm", shortcut=shortcut)
        for name in ("gain", "shift"):
            network.stages[2].blocks[name].of(network.parameters)[...] = 0
        first, _, pair = (
            record.spikes.to_dense() for record in network.forward(images).records[:3]
        )
        assert first.any()
        if shortcut == "strong":
            np.testing.assert_array_equal(pair, first)
        else:
            assert not pair.any()


@pytest.mark.parametrize("start", ("scaled", "norm"))
def test_norms_are_those_of_the_backward_pass(data, samples, start):
    """Each steepness anew, without the shared forward pass; the network stays as it was."""
    network = depth.deep_network(data, 4, start=start, steepness=3.0, surrogate="arctan")
    before, (inputs, labels) = network.parameters.copy(), samples
    norms, rates = depth.adjoint_norms(network, inputs, labels, [0.5, 3.0])
    np.testing.assert_array_equal(network.parameters, before)
    trace = network.forward(inputs)
    g = snnlab.losses.MaxOverTime()(trace.readout, labels)[1]
    _, adjoints = network.backward(trace, g, adjoints=True)
    expected = [np.linalg.norm(a) for a in adjoints[:-1]]
    np.testing.assert_allclose(norms[1], expected, rtol=1e-4)
    assert norms.shape == (2, 4) and (norms > 0).all() and not np.allclose(norms[0], norms[1])
    counts = [record.spikes.to_dense().mean() for record in trace.records[:4]]
    np.testing.assert_allclose(rates, counts, rtol=1e-6)
    other = depth.adjoint_norms(network, inputs, labels, [3.0], "superspike")[0]
    assert not np.allclose(other, norms[1])


def test_wide_surrogates_let_gradients_grow_and_narrow_ones_shrink(data, samples):
    for start in ("scaled", "norm"):
        network = depth.deep_network(data, 6, start=start)
        factors = depth.growth(depth.adjoint_norms(network, *samples, [0.25, 1.0, 4.0, 16.0])[0])
        assert (np.diff(factors) < 0).all() and factors[0] > 1.5 and factors[-1] < 0.5


def test_growth_is_a_geometric_mean():
    norms = 3 * 0.8 ** np.arange(5)[::-1] * [[1], [2]]
    np.testing.assert_allclose(depth.growth(norms), [0.8, 0.8])
    assert np.isnan(depth.growth(np.zeros(4)))
    with pytest.raises(ValueError, match="norms must be of two layers"):
        depth.growth(np.ones(1))


def test_where_gradients_stay_even():
    assert depth.flat_at([1, 4, 16], [4, 1, 0.25]) == pytest.approx(4)
    assert depth.flat_at([1, 4], [2, 0.5]) == pytest.approx(2)
    assert np.isnan(depth.flat_at([1, 4], [4, 2]))


def test_what_is_refused(data):
    with pytest.raises(ValueError, match="start must be one of"):
        depth.deep_network(data, 4, start="large")
    with pytest.raises(ValueError, match="shortcut must be one of"):
        depth.deep_network(data, 4, shortcut="yes")
    with pytest.raises(ValueError, match="depth must be even"):
        depth.deep_network(data, 5, shortcut="weak")
    with pytest.raises(ValueError, match="depth must be at least 2"):
        depth.convolutions(1)
    norm = BatchNorm(scale=0.5)
    layers = depth.convolutions(6, norm=norm, shortcuts=True)
    assert [isinstance(layer, Residual) for layer in layers] == [False, True, True, False]
    assert layers[0].norm is norm and layers[1].layers[1].norm is norm
