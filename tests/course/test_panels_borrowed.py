"""Panel of notebook 24, and the networks that it converts."""

import numpy as np
import pytest

pytest.importorskip("ipywidgets")
pytest.importorskip("anywidget")

import small_panels

from snnlab import conversion, evaluate, panels, results
from snnlab.course import borrowed
from snnlab.course.figures import draw_conversions, draw_rate_errors
from snnlab.course.figures.borrowed import said_by


@pytest.fixture(scope="module")
def panel():
    networks = small_panels.ordinary_networks()
    made = panels.BorrowedWeights(small_panels.digits(), n_test=60, networks=networks, key="test")
    yield made
    made.close()


def test_networks_learn():
    data = small_panels.digits()
    x = borrowed.as_currents(data.x_test)
    for unit, network in small_panels.ordinary_networks().items():
        assert network.n_steps == 1
        assert evaluate(network, x, data.y_test).accuracy > 0.6, unit
    with pytest.raises(ValueError, match="unit"):
        borrowed.ordinary_network(data, "tanh")
    with pytest.raises(ValueError, match="way"):
        borrowed.converted(network, data.x_train[:50], "smallest")


def test_what_a_rate_says_is_what_a_neuron_says():
    network = small_panels.ordinary_networks()["relu"]
    x = small_panels.digits().x_test[:5]
    y = network.forward(borrowed.as_currents(x)).records[0].values[:, 0]
    for start in (0.0, 0.5):
        spikes = borrowed.converted(network, x, "largest", start=start, n_steps=7)
        trace = spikes.forward(borrowed.as_currents(x, 7))
        v_th = spikes.neurons[0].v_th
        rates = trace.records[0].spikes.to_dense().mean(axis=1) * v_th
        close = np.abs(y / v_th * 7 + start - np.rint(y / v_th * 7 + start)) < 1e-4
        same = np.isclose(rates, said_by(y, v_th, 7, start), atol=1e-5)
        assert (same | close).all() and rates.any()


@pytest.mark.parametrize("way", borrowed.WAYS)
def test_the_panel_shows_the_network(panel, way):
    panel.set(way=way, start=0.5, layer=2, steps=8)
    panel.render()
    data = panel.simulate(steps=8, way=way, start=0.5, layer=2)
    network = panel.downloads()["network"]
    x, y = small_panels.digits().x_test[:60], small_panels.digits().y_test[:60]
    found = conversion.by_step(network, borrowed.as_currents(x, 64), y)
    assert np.array_equal(found.accuracy, data["accuracies"])
    assert data["spikes"] == found.hidden_spikes[7]
    counts = data["rates"] / data["threshold"] * 8
    np.testing.assert_allclose(counts, np.rint(counts), atol=1e-4)
    assert (data["activations"] > 0).all() and data["threshold"] == network.neurons[1].v_th
    assert f"{100 * found.accuracy[7]:.1f} %" in panel.text
    assert "8 steps" in panel.picture.alt


def test_later_is_nearer(panel):
    away = []
    for steps in (4, 16, 64):
        data = panel.simulate(steps=steps, way="largest", start=0.0, layer=1)
        away.append(np.abs(data["rates"] - data["activations"]).mean())
    assert away[0] > 2 * away[1] > 4 * away[2]


def test_errors_are_drawn():
    errors = [np.array([1.0, 0.5, 0.3, 0.2]), np.array([1.1, 0.9, 0.5, 0.4])]
    picture = draw_rate_errors(errors)
    assert "layer 2 from 1.10 to 0.400" in picture.alt


def test_stored_conversions_are_drawn():
    picture = draw_conversions(results.load("conversion"))
    assert "quantised, ceiling" in picture.alt
