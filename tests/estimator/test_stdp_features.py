"""`STDPFeatures`: scikit-learn's checks, pipelines, files, what it says of bad input."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from snnlab import STDPFeatures, datasets
from snnlab.learning.stdp import Detectors

ONE = [Detectors(16, 5, 8.0)]


@pytest.fixture(scope="module")
def data():
    return datasets.load("digits16")


@pytest.mark.rotates
def test_scikit_learn_s_checks_all_pass():
    results = check_estimator(STDPFeatures(n_images=100), on_fail=None, on_skip=None)
    failed = {r["check_name"]: r["exception"] for r in results if r["status"] == "failed"}
    assert not failed
    assert sum(r["status"] == "passed" for r in results) >= 40


def test_a_pipeline_tells_digits(data):
    features = STDPFeatures(image_shape=(16, 16), cut=0.3, random_state=0)
    model = make_pipeline(features, StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
    model.fit(data.x_train, data.y_train)
    assert model.score(data.x_test, data.y_test) > 0.9
    assert features.network_.connectivity < 0.5
    names = features.get_feature_names_out()
    assert len(names) == features.transform(data.x_test[:2]).shape[1] == 400


def test_labels_are_not_read(data):
    one, two = (STDPFeatures(ONE, image_shape=(16, 16), n_images=200, random_state=3) for _ in "12")
    x = data.x_train[:200]
    first, second = one.fit(x, data.y_train[:200]), two.fit(x)
    np.testing.assert_array_equal(first.transform(x), second.transform(x))


def test_tables_are_told_by_two_units_a_column():
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(size=(200, 6)), 3 + rng.normal(size=(200, 6))])
    y = np.repeat([0, 1], 200)
    features = STDPFeatures(random_state=0, n_images=500).fit(x)
    assert features.network_.shape == (1, 1, 12)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(features.transform(x), y)
    assert model.score(features.transform(x), y) > 0.95


def test_images_are_taken_in_their_shape(data):
    x = data.x_train[:150]
    features = STDPFeatures(ONE, image_shape=(16, 16), n_images=100, random_state=0).fit(x)
    square = features.transform(x.reshape(-1, 16, 16))
    np.testing.assert_array_equal(square, features.transform(x))
    _, events = features.measured(x)
    assert events.images == 150 and events.updates == (0,)
    with pytest.raises(ValueError, match="X has images of shape"):
        features.transform(x.reshape(-1, 8, 32))


def test_looks_on_the_way(data):
    features = STDPFeatures(ONE, image_shape=(16, 16), n_images=250, random_state=0)
    seen = [
        (log.images[-1], features.transform(data.x_test[:3]).sum())
        for log in features.fit_steps(data.x_train[:300])
    ]
    assert [n for n, _ in seen] == [100, 200, 250] and seen[0][1] != seen[2][1]
    assert features.log_.events.images == 250


@pytest.mark.parametrize("image_shape", [None, (16, 16)])
def test_files_make_the_same_features(data, tmp_path, image_shape):
    layers = ONE if image_shape else "auto"
    settings = {"random_state": np.random.default_rng(0), "n_images": 100, "cut": np.float64(0.2)}
    features = STDPFeatures(layers, image_shape=image_shape, **settings).fit(data.x_train[:100])
    features.save(tmp_path / "a.npz")
    again = STDPFeatures.load(tmp_path / "a.npz")
    x = data.x_test[:20]
    np.testing.assert_array_equal(again.transform(x), features.transform(x))
    assert again.cut == 0.2 and again.layers == layers
    with np.load(tmp_path / "a.npz") as file:
        arrays = dict(file)
    arrays["network_weights0"] = arrays["network_weights0"][1:]
    np.savez(tmp_path / "b.npz", **arrays)
    with pytest.raises(ValueError, match="does not hold STDPFeatures"):
        STDPFeatures.load(tmp_path / "b.npz")


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"rise": -1.0}, "rise must be at least 0"),
        ({"layers": ["a"]}, "layers"),
        ({"layers": "many"}, "layers must be a sequence"),
        ({"image_shape": (9, 9)}, "X has 256 features"),
        ({"image_shape": (16, 16), "grid": 99}, "grid must be at most"),
        ({"image_shape": (16, 16), "layers": [Detectors(4, 17)]}, "a kernel of 17 x 17"),
        ({"n_images": 0}, "n_images must be at least 1"),
        ({"grid": 0}, "grid must be at least 1"),  # of tables, too
        ({"grid": "x"}, "grid must be an integer"),
        ({"random_state": "x"}, "^random_state: "),
        ({"random_state": -1}, "^random_state: "),
    ],
)
def test_bad_settings_are_named(data, settings, message):
    with pytest.raises((TypeError, ValueError), match=message):
        STDPFeatures(**settings).fit(data.x_train[:50])


def test_values_that_no_float_holds_are_told_of_or_clipped():
    rng = np.random.default_rng(0)
    x = rng.random((30, 64))
    images = STDPFeatures(ONE, image_shape=(8, 8), n_images=50, random_state=0, grid=1).fit(x)
    with pytest.raises(ValueError, match="^X: images must be finite"):
        images.transform(1e300 * x)
    table = STDPFeatures(n_images=50, random_state=0).fit(1e-300 * x)
    with np.errstate(all="raise"):
        far = table.transform(np.full((2, 64), 1e30))
    np.testing.assert_array_equal(far, table.transform(np.full((2, 64), 1e-290)))
