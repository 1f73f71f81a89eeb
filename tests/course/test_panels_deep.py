"""Panel of notebook 19: rules on a deep network, what is left of each layer, and which wires."""

import numpy as np
import pytest

pytest.importorskip("ipywidgets")
pytest.importorskip("anywidget")

import small_panels
from small_panels import settled

from snnlab import LIF, Network, datasets, evaluate, lessons, panels, synapses
from snnlab.course import photographs
from snnlab.course.figures.layers import picture_of
from snnlab.layers import Conv

SMALL = {"n_train": 300, "n_test": 60, "steps": 60, "hidden": 16}
VALUES = {"target": 0.1, "strength": 0.3, "method": "Grad R", "shares": "free", "layer": 6}


@pytest.fixture(scope="module")
def task():
    return photographs.photograph_task(small_panels.coloured_digits(), **SMALL)


@pytest.fixture
def panel():
    data = small_panels.coloured_digits()
    made = panels.RewireDeep(
        data, n_train=200, n_test=50, steps=12, channels=4, hidden=12, key="test"
    )
    assert made.wait(small_panels.PATIENCE)
    yield made
    made.close()


def test_a_task_is_what_it_says(task):
    assert task.shape == (16, 16, 3) and len(task.inputs) == 300 and len(task.test_labels) == 60
    assert task.epochs * task.per_epoch == 60 and task.sizes[0] == 768
    x = task.inputs.x
    assert abs(x.mean()) < 1e-3 and x.std() == pytest.approx(1, abs=1e-3)
    grey = photographs.photograph_task(small_panels.digits(), **SMALL)
    assert grey.shape == (16, 16, 1)


@pytest.mark.parametrize("method", ["Grad R", "Deep R"])
def test_a_network_that_is_handed_in_is_begun_with_and_left_alone(task, method):
    made = photographs.photograph_network(task, channels=3)
    before = made.parameters.tobytes()
    given, _ = photographs.begin(task, method, network=made)
    anew, _ = photographs.begin(task, method, channels=3)
    assert given.parameters.tobytes() == anew.parameters.tobytes()
    given.weights[0][...] = 0
    assert made.parameters.tobytes() == before
    with pytest.raises(TypeError, match="network must be"):
        photographs.begin(task, method, network=3)


def test_networks_begin_active(task):
    network = photographs.photograph_network(task, channels=4)
    stages = photographs.with_weights(network)
    assert len(stages) == len(network.weights) == 8
    names = photographs.layer_names(stages)
    assert names == [*(f"conv {k}" for k in range(1, 7)), "dense 1", "dense 2"]
    trace = network.forward(task.inputs[:100])
    for train in trace.spikes:
        assert 0.02 < train.counts().mean() / (train.n_units * network.n_steps) < 0.4


@pytest.mark.rotates
@pytest.mark.parametrize("method", photographs.METHODS)
def test_rules_end_where_they_should(task, method):
    strength = 0.5 if method == "Grad R" else 0.05
    network, rule, result = photographs.rewire(
        task, method, connectivity=0.3, strength=strength, channels=4, lr=0.02
    )
    left = synapses.connectivity(network).overall
    if method == photographs.ALL_WIRES:
        assert left == 1
    elif method == "STDS":
        assert 0.05 < left < 0.98
    else:
        assert left == pytest.approx(0.3, abs=0.05)
    assert result.accuracy == evaluate(network, task.test_inputs, task.test_labels).accuracy


@pytest.mark.rotates
def test_the_network_learns():
    task = photographs.photograph_task(small_panels.digits(), **SMALL | {"steps": 120})
    network, rule = photographs.begin(task, photographs.ALL_WIRES, channels=8, lr=0.01)
    losses = [step.loss for step in lessons.learn(task, network, rule)]
    assert np.mean(losses[-20:]) < 0.8 * np.mean(losses[:20])


@pytest.mark.rotates
def test_layers_are_cut_alike_only_if_that_is_wanted(task):
    found = {}
    for shares in photographs.SHARES:
        network, *_ = photographs.rewire(
            task, "magnitude", connectivity=0.2, shares=shares, channels=4
        )
        found[shares] = synapses.connectivity(network).layers
    np.testing.assert_allclose(found["alike"], 0.2, atol=0.01)
    assert np.ptp(found["free"]) > 0.1
    with pytest.raises(ValueError, match="shares must be"):
        photographs.begin(task, "Grad R", shares="equal")


def test_a_picture_has_a_kernel_for_each_pair_of_maps():
    network = Network(((5, 6, 2), Conv(3, 3), 4), LIF.grad_r(), n_steps=2, rng=0)
    w, x = network.weights[0], np.zeros((1, 1, 5, 6, 2))
    w[np.random.default_rng(0).random(w.shape) < 0.5] = 0
    shown = picture_of(w, 3)
    assert shown.shape == (3 * 4 - 1, 2 * 4 - 1)
    x[0, 0, 2, 2, 1] = 1  # a spike in map 1 stamps the kernel, turned over
    drive = network.layers[0].drive(x, {"weights": np.sign(w)})[0, 0, 1:4, 1:4, 2]
    np.testing.assert_array_equal(shown[8:11, 4:7], drive[::-1, ::-1])
    assert np.isnan(shown[3]).all() and np.isnan(shown[:, 3]).all()
    dense = network.weights[1]
    np.testing.assert_array_equal(picture_of(dense, 1), np.sign(dense).T)


def test_what_is_shown_is_the_network_that_learns(panel):
    last = settled(panel.simulate(**VALUES))
    network = panel.downloads()["network"]
    np.testing.assert_array_equal(last["wires"], synapses.n_active(network))
    np.testing.assert_array_equal(last["signs"], np.sign(network.weights[6]))
    assert last["kernel"] == 1 and settled(panel.simulate(**VALUES | {"layer": 2}))["kernel"] == 3
    assert last["left"][-1] == (12, synapses.connectivity(network).overall)
    assert last["tested"][0][0] == 0 and last["tested"][-1][0] == 12
    task = panel.task
    right = evaluate(network, task.test_inputs, task.test_labels).accuracy
    assert last["tested"][-1][1] == right
    same, rule = photographs.begin(task, "Grad R", connectivity=0.1, strength=0.3, channels=4)
    for _ in lessons.learn(task, same, rule):
        pass
    np.testing.assert_array_equal(same.parameters, network.parameters)


def test_another_layer_is_seen_without_another_training(panel):
    settled(panel.simulate(**VALUES))
    network = panel.downloads()["network"]
    frames = list(panel.simulate(**VALUES | {"layer": 0}))
    assert len(frames) == 1 and frames[0]["chosen"] == 0
    assert panel.downloads()["network"] is network
    other = settled(panel.simulate(**VALUES | {"method": "magnitude"}))
    assert panel.downloads()["network"] is not network and other["before"]


def test_what_is_given_up_goes_on_where_it_was(panel):
    """Looking at another layer while the network learns does not begin anew."""
    begun = panel.simulate(**VALUES | {"target": 0.2})
    for _ in range(5):
        next(begun)
    step, network = panel._run.step, panel.downloads()["network"]
    begun.close()
    assert 0 < step < 12
    last = settled(panel.simulate(**VALUES | {"target": 0.2, "layer": 1}))
    assert panel.downloads()["network"] is network and last["left"][-1][0] == 12
    steps = [k for k, _ in last["left"]]
    assert steps == list(range(13))


def test_images_that_cannot_be_learned_are_refused():
    data = small_panels.digits()
    with pytest.raises(ValueError, match="n_train must be at least 2"):
        photographs.photograph_task(data, n_train=1)
    with pytest.raises(ValueError, match="data must hold images"):
        photographs.photograph_task(datasets.load("yinyang"))
    task = photographs.photograph_task(data, n_train=101, n_test=20, steps=5)
    assert len(task.inputs) % task.batch_size != 1, "a norm needs two samples"


@pytest.mark.parametrize("channels", [0, 255, 2.5])
def test_a_panel_is_of_few_channels(channels):
    with pytest.raises((TypeError, ValueError), match="channels"):
        panels.RewireDeep(small_panels.coloured_digits(), channels=channels)
