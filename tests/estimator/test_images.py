"""Estimators on images: shapes, axes in the wrong order, colours, convolutions, crops and flips."""

import numpy as np
import pandas
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from snnlab import (
    LIF,
    Affine,
    SpikeTrains,
    SpikingClassifier,
    SpikingRegressor,
    datasets,
    encode,
)
from snnlab.currents import ConstantCurrent
from snnlab.datasets.augment import CroppedImages, Crops
from snnlab.layers import Conv, Pool, Residual, Vote
from snnlab.learning.losses import MaxOverTime

pytestmark = pytest.mark.rotates

SMALL = [Conv(4, 3), Pool(2), 20]


def quick(kind=SpikingClassifier, **settings):
    return kind(**{"epochs": 3, "random_state": 0} | settings)


def digits(n=400):
    data = datasets.load("digits16")
    return data.x_train[:n], data.y_train[:n], data.x_test, data.y_test


def colours(n=240, side=6):
    """Images with a bright spot somewhere, in one of three colours."""
    rng = np.random.default_rng(0)
    images, labels = rng.uniform(0, 0.2, (n, side, side, 3)), np.arange(n) % 3
    for image, (y, x), c in zip(images, rng.integers(0, side - 2, (n, 2)), labels, strict=True):
        image[y : y + 2, x : x + 2, c] = 1
    return images.astype(np.float32), labels


def test_convolutions_learn_digits():
    x, y, x_test, y_test = digits(600)
    model = quick(
        layers=[Conv(8, 5), Pool(2)], image_shape=(16, 16, 1), epochs=6, lr=1e-2, batch_size=20
    )
    assert model.fit(x, y).score(x_test, y_test) > 0.88
    assert model.network_.shape_in == (16, 16, 1) and model.code_.reason == "they are images"
    assert "Conv" in repr(model) and "Conv" in model._repr_html_()


@pytest.mark.parametrize("seed", range(2))
def test_no_class_is_left_at_rest(seed):
    """Of two convolutions' outputs a few lay below 0 in all images: they had no gradient."""
    x, y, x_test, y_test = digits(1000)
    layers = [Conv(12, 5), Pool(2), Conv(16, 5), Pool(2)]
    model = quick(layers=layers, image_shape=(16, 16, 1), random_state=seed, batch_size=25)
    answers = model.fit(x, y).predict(x_test)
    assert min((answers == y_test)[y_test == c].mean() for c in range(10)) > 0.5


@pytest.mark.parametrize(
    "loss, alike", [("auto", True), (MaxOverTime(2.0), True), ("sum_over_time", False)]
)
def test_outputs_begin_alike_where_their_largest_potential_counts(loss, alike):
    x, y, *_ = digits(200)
    for given in ({"layers": SMALL, "image_shape": (16, 16, 1)}, {"hidden": 30}):
        model = quick(loss=loss, epochs=1, lr=1e-9, **given).fit(x, y)
        tops = model.network_.forward(encode.latency(x)).readout.max(axis=1).mean(axis=0)
        assert (np.ptp(tops) < 0.1) == alike


@pytest.mark.parametrize(
    "settings", [{}, {"code": "current", "neuron": LIF.grad_r(steepness=1.0), "n_steps": 4}]
)
def test_neurons_vote_for_digits(settings):
    x, y, x_test, y_test = digits(600)
    given = {"image_shape": (16, 16, 1), "epochs": 8, "lr": 1e-2, "batch_size": 20} | settings
    model = quick(layers=[Conv(8, 5), Pool(2), 50, Vote(10)], **given).fit(x, y)
    assert model.network_.layers[-1] == Vote(10) and model.readout_loss() == "rate_mse"
    first, voters = (model.network_.neurons[k] for k in (0, -1))
    assert voters == first
    assert model.score(x_test, y_test) > 0.85
    rates = model.decision_function(x_test)
    assert rates.shape == (len(x_test), 10) and 0 <= rates.min() < rates.max() <= 1


def test_potentials_vote_too():
    x, y, _, _ = digits(60)
    given = {"image_shape": (16, 16, 1), "readout": LIF.brainscales2().integrator(), "epochs": 1}
    model = quick(layers=[Conv(4), 20, Vote(10)], **given).fit(x, y)
    assert model.readout_loss() == "max_over_time"
    assert model.decision_function(x).min() < 0


def test_pixels_may_come_as_rows_or_as_images():
    x, y, x_test, _ = digits(200)
    by_rows = quick(layers=SMALL, image_shape=(16, 16, 1), epochs=1).fit(x, y)
    expected = by_rows.predict_proba(x_test)
    for shape in ((-1, 16, 16, 1), (-1, 16, 16)):
        model = quick(layers=SMALL, image_shape=[16, 16], epochs=1).fit(x.reshape(shape), y)
        np.testing.assert_array_equal(model.predict_proba(x_test.reshape(shape)), expected)
        np.testing.assert_array_equal(model.predict_proba(x_test), expected)
    in_layers = quick(layers=[(16, 16, 1), *SMALL], epochs=1).fit(x, y)
    np.testing.assert_array_equal(in_layers.predict_proba(x_test), expected)
    frame = quick(layers=SMALL, image_shape=(16, 16), epochs=1).fit(pandas.DataFrame(x), y)
    assert np.mean(frame.predict(pandas.DataFrame(x_test)) == by_rows.predict(x_test)) == 1


def test_pixels_are_scaled_alike():
    """Also those that are always dark: one weight hears many of them."""
    x, y, _, _ = digits(100)
    raw = np.rint(x * 16 + 3)
    model = quick(layers=SMALL, image_shape=(16, 16), epochs=1).fit(raw, y)
    assert set(model.minimum_) == {3.0} and set(model.range_) == {16.0}
    as_they_are = quick(layers=SMALL, image_shape=(16, 16), epochs=1).fit(x, y)
    assert set(as_they_are.minimum_) == {0.0} and set(as_they_are.range_) == {1.0}


def test_colours_as_spikes_and_as_currents():
    images, labels = colours()
    for code in ("auto", "current"):
        settings = {"layers": [Conv(6, 3), Pool(3)], "image_shape": (6, 6, 3), "code": code}
        model = quick(**settings, epochs=30).fit(images, labels)
        assert model.score(images, labels) > 0.9
        kind = "latency" if code == "auto" else code
        assert model.code_.kind == kind and model.network_.sizes[0] == 108
    signal = model.code_(images.reshape(len(images), -1))
    assert isinstance(signal, ConstantCurrent) and model.code_.mix is None
    by_channel = signal.x.reshape(-1, 3)
    np.testing.assert_allclose(by_channel.mean(axis=0), 0, atol=0.05)
    np.testing.assert_allclose(by_channel.std(axis=0), 1, atol=0.2)
    assert all(len(set(model.code_.mean[c::3])) == 1 for c in range(3))


def test_images_start_with_as_many_spikes_per_neuron_in_each_layer():
    x, y, _, _ = digits(300)
    model = quick(layers=[Conv(8), Pool(), Conv(4)], image_shape=(16, 16), epochs=1, lr=1e-9)
    model.fit(x, y)
    trace = model.network_.forward(model.code_(x))
    for train in trace.hidden:
        assert train.counts().mean() / train.n_units == pytest.approx(0.25, rel=0.05)


# axes and sizes -----------------------------------------------------------------------------------


WRONG = {
    "channels first": (
        (3, 8, 6),
        (8, 6, 3),
        r"channels come last, as in X.transpose\(0, 2, 3, 1\)",
    ),
    "columns first": ((6, 8, 3), (8, 6, 3), r"rows come first, as in X.transpose\(0, 2, 1, 3\)"),
    "grey for colour": ((8, 6), (8, 6, 3), "these are grey, 3 channels were expected"),
    "grey, with its axis": ((8, 6, 1), (8, 6, 3), "these are grey, 3 channels were expected"),
    "grey in rows": ((48,), (8, 6, 3), "X has 48 features, .*144 features.*these are grey"),
    "colour for grey": ((8, 6, 3), (8, 6, 1), "three colours, one channel was expected"),
    "colour in rows": ((144,), (8, 6, 1), "X has 144 features, .*48 features.*three colours"),
    "another size": ((9, 6, 3), (8, 6, 3), r"images of shape \(9, 6, 3\).*\(8, 6, 3\) expects"),
    "another number of features": ((50,), (8, 6, 1), "X has 50 features, .*expects.*48 features"),
}


@pytest.mark.parametrize("given, expected, message", WRONG.values(), ids=WRONG)
def test_what_is_wrong_with_images_is_said(given, expected, message):
    x, y = np.random.default_rng(0).random((12, *given)), np.arange(12) % 2
    model = quick(layers=[Conv(2), 5], image_shape=expected, epochs=1)
    with pytest.raises(ValueError, match=message):
        model.fit(x, y)
    right = np.random.default_rng(0).random((12, *expected))
    model.fit(right, y)
    with pytest.raises(ValueError, match=message):
        model.predict(x)


@pytest.mark.parametrize(
    "settings, error, message",
    [
        (
            {"layers": [Conv(2), Pool(5), 5]},
            ValueError,
            "Pool hears images of sides that 5 divides",
        ),
        ({"layers": [Conv(2, 19, padding=0)]}, ValueError, "kernel 19 is larger than the padded"),
        ({"layers": [20, Conv(2)]}, ValueError, "Conv hears images"),
        ({"layers": [Conv(3), Vote(7), 20]}, ValueError, "7 classes, not 768"),
        (
            {"layers": [Conv(3), Vote(8)]},
            ValueError,
            r"Vote\(classes=8\), but there are 10 classes",
        ),
        ({"layers": [Residual(Conv(1, 4, padding=0))]}, ValueError, "Residual"),
        ({"layers": SMALL, "image_shape": None}, ValueError, "image_shape must be given where"),
        ({"layers": [Residual(Conv(1))], "image_shape": None}, ValueError, "image_shape must be"),
        ({"layers": Conv(3)}, TypeError, "layers must be a sequence, not Conv"),
        (
            {"layers": Conv(3), "image_shape": None},
            TypeError,
            "layers must be a sequence, not Conv",
        ),
        ({"layers": 5, "image_shape": None}, TypeError, "layers must be a sequence, not int"),
        ({"layers": np.array(5)}, TypeError, "layers must be a sequence, not ndarray"),
        ({"neuron": []}, ValueError, "neuron must hold 1 models, one per hidden layer"),
        ({"neuron": (), "layers": SMALL}, ValueError, "neuron must hold 2 models, one per"),
        ({"neuron": [], "image_shape": None}, ValueError, "neuron must hold 1 models, one per"),
        ({"neuron": ["LIF"]}, TypeError, "neuron must be LIF or None, or a sequence of LIF"),
        ({"image_shape": ()}, ValueError, "image_shape must be rows, columns and"),
        ({"image_shape": (16, 16, 1, 1)}, ValueError, "image_shape must be rows, columns and"),
        ({"image_shape": (0, 16, 1)}, ValueError, r"image_shape\[0\] must be at least 1"),
        ({"image_shape": 256}, TypeError, "image_shape"),
        ({"image_shape": (16, 16.5)}, TypeError, "image_shape"),
        ({"layers": [(8, 8, 4), *SMALL]}, ValueError, r"image_shape is \(16, 16, 1\), but layers"),
        ({"code": "population"}, ValueError, "code must be 'latency' or 'current'"),
        ({"augment": "flip"}, TypeError, "augment must be Affine, Crops or None"),
        ({"augment": Crops(), "image_shape": None}, ValueError, "image_shape must be given where"),
        ({"augment": Crops(pad=16)}, ValueError, "pad must be at most 15"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused_by_name(settings, error, message):
    x, y, _, _ = digits(40)
    model = quick(**{"image_shape": (16, 16, 1), "epochs": 1, "hidden": (5,)} | settings)
    with pytest.raises(error, match=message):
        model.fit(x, y)


def test_layers_are_read_more_than_once():
    x, y, _, _ = digits(40)
    with pytest.raises(TypeError, match="layers must be a sequence, not list_iterator"):
        quick(layers=iter([20, 10]), epochs=1).fit(x, y)  # it learned without hidden layers
    assert quick(layers=np.array([20, 10]), epochs=1).fit(x, y).network_.sizes[1:3] == (20, 10)


def test_signals_must_have_a_unit_for_each_pixel():
    x, y, _, _ = digits(60)
    model = quick(layers=SMALL, image_shape=(16, 16, 1), epochs=1)
    assert model.fit(encode.latency(x), y).network_.shape_in == (16, 16, 1)
    z = SpikeTrains.from_dense(np.random.default_rng(0).random((60, 9, 100)) < 0.3)
    with pytest.raises(ValueError, match=r"image_shape is \(16, 16, 1\), but X has 100 units"):
        clone(model).fit(z, y)
    with pytest.raises(ValueError, match="layers begin with the shape .*but X has 100 units"):
        quick(layers=[(16, 16, 1), *SMALL], epochs=1).fit(z, y)


def test_layers_that_hear_images_ask_for_their_shape_before_they_look_at_data():
    with pytest.raises(ValueError, match="image_shape must be given where layers hear images"):
        quick(layers=[Conv(2)]).fit(np.ones((10, 4)), np.arange(10) % 2)


# in company ---------------------------------------------------------------------------------------


def test_in_a_grid_search():
    images, labels = colours(120)
    grid = {
        "layers": [[Conv(6, 3), Pool(3)], [Conv(2, 3, stride=3), 12]],
        "neuron__steepness": [10.0, 50.0],
        "augment": [None, Crops(1)],
    }
    model = quick(image_shape=(6, 6, 3), epochs=8)
    search = GridSearchCV(model, grid, cv=2, error_score="raise").fit(images, labels)
    assert len(search.cv_results_["params"]) == 8 and search.best_score_ > 0.6
    assert search.cv_results_["mean_test_score"].min() < search.best_score_
    assert search.best_estimator_.predict(images).shape == (120,)


@pytest.mark.parametrize("code", ["auto", "current"])
def test_files(tmp_path, code):
    images, labels = colours(60)
    model = quick(
        layers=[Conv(6, 3), Pool(3, "average"), Conv(6), Vote(3)],
        image_shape=(6, 6, 3),
        augment=Crops(2, flip=False),
        code=code,
    ).fit(images, labels)
    model.save(tmp_path / "model.npz")
    loaded = SpikingClassifier.load(tmp_path / "model.npz")
    np.testing.assert_array_equal(loaded.predict_proba(images), model.predict_proba(images))
    assert loaded.augment == Crops(2, flip=False) and loaded.image_shape == (6, 6, 3)
    assert loaded.code_.image and [repr(x) for x in loaded.layers] == [
        repr(x) for x in model.layers
    ]
    again = clone(loaded).fit(images, labels)
    np.testing.assert_array_equal(again.network_.parameters, model.network_.parameters)
    with pytest.raises(ValueError, match="channels come last"):
        loaded.predict(images.transpose(0, 3, 1, 2))


def test_crops_and_flips_of_colours():
    images, labels = colours(150)
    settings = {"layers": [Conv(6, 3), Pool(3)], "image_shape": (6, 6, 3), "epochs": 30}
    plain, cropped, other = (
        quick(**settings, augment=augment).fit(images, labels)
        for augment in (None, Crops(1), Crops(1, flip=False))
    )
    assert cropped.score(images, labels) > 0.8
    weights = [model.network_.parameters for model in (plain, cropped, other)]
    assert not np.array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[1], weights[2])
    assert cropped.get_params()["augment__pad"] == 1
    assert clone(cropped).set_params(augment__flip=False).augment == Crops(1, flip=False)


def test_affine_maps_are_for_grey_squares():
    x, y, _, _ = digits(60)
    affine = Affine(rotation=10)
    quick(layers=SMALL, image_shape=(16, 16, 1), augment=affine, epochs=1).fit(x, y)
    with pytest.raises(ValueError, match=r"Affine changes square grey images, not \(8, 32, 1\)"):
        quick(layers=SMALL, image_shape=(8, 32, 1), augment=affine, epochs=1).fit(x, y)
    images, labels = colours(60)
    with pytest.raises(ValueError, match=r"grey images, not \(6, 6, 3\); Crops changes all"):
        quick(layers=SMALL, image_shape=(6, 6, 3), augment=affine).fit(images, labels)


def test_crops_are_those_of_the_stream():
    images, _ = colours(20)
    source = np.rint(255 * images).astype(np.uint8)
    stream = CroppedImages(source, lambda x: x, pad=1, flip=False)
    got = stream.batch(np.arange(20), np.random.default_rng(0)).reshape(images.shape)
    padded = np.pad(source / np.float32(255), ((0, 0), (1, 1), (1, 1), (0, 0)))
    for one, image in zip(got, padded, strict=True):
        parts = [image[y : y + 6, x : x + 6] for y in range(3) for x in range(3)]
        assert any(np.array_equal(one, part) for part in parts)


def test_values_of_images():
    """How far to the right a spot is."""
    images, _ = colours(200)
    column = images.max(axis=(1, 3)).argmax(axis=1)
    model = quick(SpikingRegressor, layers=[Conv(6, 3), 30], image_shape=(6, 6, 3), epochs=40)
    assert model.fit(images, column).score(images, column) > 0.5


def test_going_on_with_images():
    images, labels = colours(90)
    model = quick(layers=[Conv(6, 3), Pool(3)], image_shape=(6, 6, 3), augment=Crops(1))
    for _ in range(3):
        model.partial_fit(images, labels)
    assert len(model.history_) == 3
    warm = quick(layers=SMALL[:2], image_shape=(6, 6, 3), warm_start=True).fit(images, labels)
    network = warm.network_
    assert warm.fit(images, labels).network_ is network
