"""Panels of notebook 17: maps are the network's, receptive fields are what reaches a unit."""

import numpy as np
import pytest

pytest.importorskip("ipywidgets")
pytest.importorskip("anywidget")

import small_panels
from small_panels import settled

from snnlab import LIF, Network, encode, evaluate, panels
from snnlab.course.figures.maps import GAP, columns_of, mosaic, place_of
from snnlab.course.panels.shared import watched
from snnlab.layers import Conv, Pool

pytestmark = pytest.mark.rotates("images")  # kernels of their network are compiled


@pytest.fixture(scope="module")
def data():
    return small_panels.digits()


@pytest.fixture(scope="module")
def network():
    return small_panels.network_of_images()


@pytest.fixture
def panel(network, data):
    made = panels.FeatureMaps(network, data.x_test[:20].reshape(-1, 16, 16), key="test")
    yield made
    made.close()


def look(panel, **values):
    first = {name: control.value for name, control in panel.controls.items()}
    return panel.simulate(**first | values)


# receptive fields ---------------------------------------------------------------------------------


STACKS = [
    ((16, 16, 1), Conv(2, 5), Pool(2), Conv(3, 5), Pool(2), 4),
    ((11, 12, 1), Conv(2, 3, stride=2), Conv(2, 3, padding=0), 4),
    ((12, 8, 2), Pool(2), Conv(2, 2), Conv(2, 3, stride=2, padding=1), 4),
]


@pytest.mark.parametrize("layers", STACKS)
def test_a_receptive_field_is_what_can_change_a_unit(layers):
    """By brute force: which pixels' currents reach a unit through weights that are all 1."""
    network = Network(layers, LIF.brainscales2(), n_steps=1, rng=0)
    shape = network.shape_in
    pixels = np.zeros((shape[0] * shape[1], 1, *shape))
    for k, (y, x) in enumerate(np.ndindex(shape[:2])):
        pixels[k, 0, y, x] = 1
    x = pixels
    for k, stage in enumerate(network.stages[:-1]):
        if isinstance(stage.layer, Conv):
            size = stage.layer.blocks(stage.shape_in)["weights"]
            x = stage.layer.drive(x, {"weights": np.ones(size)})
        else:
            x = stage.layer.values(x)
        for place in ((0, 0), (stage.shape_out[0] // 2, stage.shape_out[1] - 1)):
            reach = x[:, 0, place[0], place[1]].any(axis=1).reshape(shape[:2])
            expected = np.zeros(shape[:2], bool)
            rows, columns = panels.receptive_field(network, k, place)
            expected[slice(*rows), slice(*columns)] = True
            np.testing.assert_array_equal(reach, expected)


def test_where_a_field_ends():
    network = Network(STACKS[0], LIF.brainscales2(), n_steps=1, rng=0)
    with pytest.raises(ValueError, match="k: layer 4 .*hears all of an image"):
        panels.receptive_field(network, 4, (0, 0))
    with pytest.raises(ValueError, match="k must be at most 4"):
        panels.receptive_field(network, 7, (0, 0))


# maps ---------------------------------------------------------------------------------------------


def test_a_mosaic_holds_every_map_where_it_says():
    maps = np.arange(5 * 2 * 3, dtype=float).reshape(5, 2, 3)
    picture = mosaic(maps, 3)
    assert picture.shape == (2 * 2 + GAP, 3 * 3 + 2 * GAP)
    for k, one in enumerate(maps):
        y, x = place_of(k, 3, (2, 3))
        np.testing.assert_array_equal(picture[y : y + 2, x : x + 3], one)
    assert np.isnan(picture).sum() == picture.size - maps.size
    assert [columns_of(n) for n in (1, 2, 4, 12, 32)] == [1, 2, 4, 6, 8]


@pytest.mark.parametrize("layer", range(4))
def test_maps_are_the_networks_spikes(panel, network, data, layer):
    for step, digit in ((0, 3), (7, 3), (19, 11)):
        shown = look(panel, step=step, digit=digit, layer=layer)
        trace = network.forward(encode.latency(data.x_test[digit : digit + 1]))
        shape = network.stages[layer].shape_out
        z = trace.records[layer].spikes.to_dense()[0, : step + 1].sum(axis=0).reshape(shape)
        np.testing.assert_array_equal(shown["maps"], z.transpose(2, 0, 1))
        pixels = trace.inputs.to_dense()[0, : step + 1].sum(axis=0)
        np.testing.assert_array_equal(shown["image"], pixels.reshape(16, 16))
    assert shown["maps"].sum() > 0 and shown["most"] >= shown["maps"].max()


def test_the_unit_is_that_of_the_frame(panel, network, data):
    shown = look(panel, digit=2, layer=2, channel=5, down=10, across=4)
    trace = network.forward(encode.latency(data.x_test[2:3]))
    assert shown["chosen"] == (5, 5, 2)
    unit = np.ravel_multi_index((5, 2, 5), network.stages[2].shape_out)
    np.testing.assert_allclose(shown["v"], trace.records[2].v[0, :, unit])
    train = trace.records[2].spikes.compact()
    np.testing.assert_array_equal(np.sort(shown["spikes"]), np.sort(train.step[train.unit == unit]))
    kernel = network.weights[1].reshape(3, 3, 4, 32)[..., 5]
    np.testing.assert_allclose(shown["kernel"], kernel.mean(axis=2))
    assert shown["heard"] == 4 and look(panel, layer=0)["heard"] == 0
    np.testing.assert_allclose(
        look(panel, channel=1)["kernel"], network.weights[0][:, 1].reshape(3, 3)
    )
    pooled = look(panel, digit=2, layer=3, channel=5, down=10, across=4)
    assert pooled["sees"] == panels.receptive_field(network, 3, (2, 1))
    assert "pool 2" in panel.describe(pooled)
    assert look(panel, layer=0, channel=31)["chosen"][0] == 3, "of fewer maps, counted around"


def test_networks_that_have_no_maps_are_refused(data):
    images = data.x_test[:3].reshape(-1, 16, 16)
    with pytest.raises(ValueError, match="network must begin with a convolution"):
        panels.FeatureMaps(small_panels.network(), images)
    colours = Network(((4, 4, 3), Conv(2), 3), LIF.brainscales2(), n_steps=5, rng=0)
    with pytest.raises(ValueError, match="network must hear grey images"):
        panels.FeatureMaps(colours, images)
    grey = Network(((8, 8, 1), Conv(2), 3), LIF.brainscales2(), n_steps=5, rng=0)
    with pytest.raises(ValueError, match="images must have shape"):
        panels.FeatureMaps(grey, images)


# training -----------------------------------------------------------------------------------------


def test_what_is_shown_is_the_network_that_learns(data):
    panel = panels.TrainPatches(data, n_train=200, n_test=40, steps=6, key="test")
    try:
        assert panel.wait(120)  # else its own training goes on beside this one
        values = {"kernel": 3, "maps": 4, "how": "average", "lr": 1e-2, "digit": 7}
        frames = [frame for frame in panel.simulate(**values) if frame is not None]
        last, network = frames[-1], panel.downloads()["network"]
        np.testing.assert_array_equal(last["kernels"], network.weights[0].T.reshape(4, 3, 3))
        test = encode.latency(data.x_test[:40]), data.y_test[:40]
        assert last["tested"][-1] == (6, evaluate(network, *test).accuracy)
        assert last["weights"] == 9 * 4 + 9 * 4 * 32 + 4 * 4 * 32 * 10
        assert last["others_weights"] == 256 * 100 + 1000
        trace = network.forward(test[0][7])
        assert last["decision"] == trace.readout[0].max(axis=0).argmax()
        z = trace.records[0].spikes.to_dense()[0].sum(axis=0).reshape(16, 16, 4)
        np.testing.assert_array_equal(last["maps"], z.transpose(2, 0, 1))
        assert isinstance(network.layers[1], Pool) and network.layers[1].how == "average"
        again = settled(panel.simulate(**values))
        np.testing.assert_array_equal(again["kernels"], last["kernels"])
        first = panels.patch_network(data, maps=4, kernel=3, how="average")
        assert not np.array_equal(first.weights[0], network.weights[0])
    finally:
        panel.close()


def test_another_image_is_looked_at_while_the_training_goes_on(data):
    panel = panels.TrainPatches(data, n_train=200, n_test=40, steps=6, key="test")
    try:
        assert panel.wait(120)
        values = {"kernel": 3, "maps": 4, "how": "max", "lr": 1e-2}
        whole = settled(panel.simulate(**values, digit=0))
        panel.simulate(**values | {"lr": 3e-3}, digit=0).close()  # something else, given up
        settled(panel.simulate(**values | {"kernel": 1}, digit=0))
        run = panel.simulate(**values, digit=0)
        assert next(frame for frame in run if frame)["tested"] == whole["tested"][:1]
        run.close()
        frames = [frame for frame in panel.simulate(**values, digit=5) if frame]
        assert frames[0]["tested"] == whole["tested"][:1]  # at once, and from where it was
        assert {frame["label"] for frame in frames} == {data.y_test[5]}
        assert frames[-1]["tested"] == whole["tested"]
        np.testing.assert_array_equal(frames[-1]["kernels"], whole["kernels"])
        (only,) = panel.simulate(**values, digit=6)  # nothing is left to learn
        np.testing.assert_array_equal(only["kernels"], whole["kernels"])
    finally:
        panel.close()


def test_a_training_that_ended_in_an_error_begins_anew(data, monkeypatch):
    def fails(*args, **settings):
        yield next(watched(*args, **settings))
        raise FloatingPointError("weights are no longer finite")

    panel = panels.TrainPatches(data, n_train=200, n_test=40, steps=6, key="test")
    try:
        assert panel.wait(120)
        values = {"kernel": 3, "maps": 4, "how": "max", "lr": 1e-2, "digit": 0}
        with monkeypatch.context() as patch, pytest.raises(FloatingPointError, match="no longer"):
            patch.setattr("snnlab.course.panels.maps.watched", fails)
            list(panel.simulate(**values))
        frames = [frame for frame in panel.simulate(**values) if frame]
        assert frames[-1]["tested"][-1][0] == 6
    finally:
        panel.close()
