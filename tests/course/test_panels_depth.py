"""Panels of notebook 18: what is shown of deep networks is what their passes say."""

import numpy as np
import pytest

pytest.importorskip("ipywidgets")
pytest.importorskip("anywidget")

import small_panels
from small_panels import settled

from snnlab import evaluate, panels
from snnlab.course import depth
from snnlab.course.figures import draw_growth
from snnlab.course.figures.depth import LEAST, multiple
from snnlab.course.panels.depth import STEEPNESSES


@pytest.fixture(scope="module")
def data():
    return small_panels.digits()


@pytest.fixture
def panel(data):
    made = panels.Depth(data, n_samples=8, key="test")
    yield made
    made.close()


def look(panel, **values):
    first = {name: control.value for name, control in panel.controls.items()}
    return panel.simulate(**first | values)


# before training ----------------------------------------------------------------------------------


@pytest.mark.parametrize("start", depth.STARTS)
def test_what_is_shown_are_the_networks_norms(panel, data, start):
    shown = look(panel, depth=8, start=start, shortcut="weak", steepness=2.0, surrogate="arctan")
    network = depth.deep_network(data, 8, start=start, shortcut="weak")
    samples = depth.images_as_currents(data, data.x_train[:8]), data.y_train[:8]
    norms, rates = depth.adjoint_norms(network, *samples, STEEPNESSES, "arctan")
    np.testing.assert_array_equal(shown["rates"], rates)
    np.testing.assert_array_equal(shown["norms"], norms[STEEPNESSES.index(2.0)])
    factors = depth.growth(norms)
    np.testing.assert_array_equal(shown["factors"], factors)
    assert shown["factor"] == factors[STEEPNESSES.index(2.0)] > 0
    assert shown["flat"] == (depth.flat_at(STEEPNESSES, factors) if start != "small" else 0)
    assert "8 layers" in panel.describe(shown) and "weak shortcuts" in panel.describe(shown)


def test_without_a_gradient_that_is_said(panel):
    """A narrow triangle reaches no silent neuron; the panel has none, but networks may."""
    shown = look(panel, depth=4) | {"norms": np.zeros(4), "factors": np.zeros(9), "factor": 0.0}
    assert "no gradient arrives" in panel.describe(shown)
    picture = panel.draw(shown)
    assert picture.artists.said[1].get_text() == "none arrives" and "nothing of" in picture.alt
    assert picture.artists.lines[1].get_ydata().tolist() == [LEAST] * 4


def test_steepness_moves_the_mark_and_not_the_spikes(panel):
    wide, narrow = (look(panel, depth=8, steepness=k) for k in (0.5, 4.0))
    np.testing.assert_array_equal(wide["rates"], narrow["rates"])
    np.testing.assert_array_equal(wide["factors"], narrow["factors"])
    assert wide["factor"] > 1 > narrow["factor"] and 0.5 < wide["flat"] < 4


def test_ratios_in_words():
    said = {1.0: "1 times", 0.5: "0.5 of", 1.6e-5: "1/62,000 of", 1.234e6: "1,200,000 times"}
    assert {x: multiple(x) for x in said} == said
    assert multiple(0.0) == "nothing of" and multiple(52.3) == "52 times"


# as it learns -------------------------------------------------------------------------------------


def test_what_is_shown_is_the_network_that_learns(data):
    panel = panels.TrainDeep(data, n_train=200, n_test=40, steps=6, key="test")
    try:
        assert panel.wait(small_panels.PATIENCE)  # it shows itself before
        values = {"depth": 4, "start": "norm", "shortcut": "strong", "steepness": 1.4, "lr": 1e-2}
        frames = [frame for frame in panel.simulate(**values) if frame is not None]
        last, network = frames[-1], panel.downloads()["network"]
        assert len(network.stages) == 5 and network.neurons[0].steepness == 1.4
        test = depth.images_as_currents(data, data.x_test[:40]), data.y_test[:40]
        assert last["tested"][-1] == (6, evaluate(network, *test).accuracy)
        some = depth.images_as_currents(data, data.x_train[:50]), data.y_train[:50]
        norms, rates = depth.adjoint_norms(network, *some, [1.4])
        np.testing.assert_array_equal(last["norms"], norms[0])
        np.testing.assert_array_equal(last["rates"], rates)
        assert [step for step, _ in last["others"]] == [1, 6]
        again = settled(panel.simulate(**values))
        np.testing.assert_array_equal(again["norms"], last["norms"])
        first = depth.deep_network(data, 4, start="norm", shortcut="strong")
        assert not np.array_equal(first.weights[0], network.weights[0])
    finally:
        panel.close()


# the stored map -----------------------------------------------------------------------------------


def test_the_map_shows_curves_of_every_depth():
    steepnesses, records = [0.25, 1.0, 4.0], []
    for surrogate, sign in (("superspike", -1), ("arctan", 1)):
        for n in (4, 8, 20):
            config = {"surrogate": surrogate, "depth": n, "start": "norm", "shortcut": "none"}
            growth = (np.array(steepnesses) ** (0.5 * sign)).tolist()
            record = {"metric": "flat", "config": config, "mean": 1.0}
            record |= {"steepnesses_values": [steepnesses] * 2, "growth_values": [growth] * 2}
            if n == 20:
                norms = [[q ** (19 - k) for k in range(20)] for q in (2.0, 0.5)]
                record |= {"shown_values": [[0.25, 4.0]] * 2, "adjoints_values": [norms] * 2}
            records.append(record)
    others = [r | {"config": r["config"] | {"start": "scaled"}} for r in records]
    picture = draw_growth(records + others)
    growth, layers = picture.fig.get_axes()
    curves = [line for line in growth.get_lines() if len(line.get_xdata()) == 3]
    assert len(curves) == 6 and len(layers.get_lines()) == 2
    np.testing.assert_allclose(layers.get_lines()[1].get_ydata(), norms[1])
    assert "crosses 1 at 1" in picture.alt and "4 to 20 layers" in picture.alt
