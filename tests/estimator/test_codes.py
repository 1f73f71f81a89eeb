"""Tables: scaling that is learned, and a code that fits the data."""

import numpy as np
import pytest
from sklearn.datasets import (
    load_breast_cancer,
    load_digits,
    load_iris,
    load_wine,
    make_classification,
    make_friedman1,
    make_moons,
)
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from snnlab import LIF, SpikingClassifier, SpikingRegressor, datasets
from snnlab.estimator.tables import decorrelated, image_code, learn_code, robust_bounds

pytestmark = pytest.mark.rotates


def accuracy(x, y, n_splits=3, model=None):
    """Mean over folds."""
    model = SpikingClassifier(random_state=0) if model is None else model
    folds = StratifiedKFold(n_splits, shuffle=True, random_state=0)
    return cross_val_score(model, x, y, cv=folds).mean()


def lines():
    return make_pipeline(StandardScaler(), LogisticRegression())


def chosen(x, y, code="auto"):
    return learn_code(np.asarray(x, float), np.eye(y.max() + 1)[y], code)


# what used to fail --------------------------------------------------------------------------------


def test_forty_features_beat_a_line():
    x, y = make_classification(
        1000, 40, n_informative=40, n_redundant=0, n_classes=5, random_state=2
    )
    assert accuracy(x, y) >= accuracy(x, y, model=lines()) + 0.15


def test_an_outlier_does_no_harm():
    x, y = load_wine(return_X_y=True)
    before = accuracy(x, y)
    x = x.copy()
    x[7] = 100 * x.max(axis=0)
    assert before >= 0.95 and accuracy(x, y) >= before - 0.02


def test_an_offset_does_no_harm():
    x, y = load_iris(return_X_y=True)
    assert accuracy(x, y) >= 0.93 and accuracy(x + 1e9, y) >= 0.93


def test_more_steps_are_finer_steps():
    x = np.random.default_rng(0).random((200, 40))
    last, kinds = {}, {}
    for n_steps in (20, 40, 200):
        code = chosen(x, np.arange(200) % 2, "latency")
        code.n_steps = n_steps
        trains = code(x).compact()
        last[n_steps] = np.quantile(trains.step, 0.9) / n_steps
        kinds[n_steps] = len(np.unique(trains.step))
    assert max(last.values()) < 1.3 * min(last.values())  # the same share of the window
    assert kinds[40] > 1.5 * kinds[20] and kinds[200] > 3 * kinds[40]
    x, y = make_moons(300, noise=0.2, random_state=0)
    for n_steps in (20, 100):
        model = SpikingClassifier(n_steps=n_steps, random_state=0).fit(x, y)
        assert model.score(x, y) > 0.9
        assert model.network_.n_steps * model.network_.dt == pytest.approx(34e-6)
    given = LIF.brainscales2()
    assert SpikingClassifier(n_steps=40, neuron=given, epochs=1).fit(x, y).network_.dt == given.dt


# scaling ------------------------------------------------------------------------------------------


def test_bounds_are_those_of_the_data_where_nothing_is_far_out():
    x = np.random.default_rng(0).normal(5, 2, (300, 4))
    low, size = robust_bounds(x)
    np.testing.assert_array_equal(low, x.min(axis=0))
    np.testing.assert_array_equal(low + size, np.maximum(x.max(axis=0), low + size))
    x[3], x[4] = 1e6, -1e6
    far, wide = robust_bounds(x)
    assert (np.abs(far - low) < 5).all() and (wide < 25).all()


def test_columns_that_rarely_change_keep_what_they_say():
    x = np.zeros((200, 3))
    x[:4, 1] = 1
    x[:8, 2], x[9, 2] = np.arange(1, 9), 1e9
    low, size = robust_bounds(x)
    assert size[0] == 1 and size[1] == 1 and size[2] < 20 and not low.any()


def test_scaling_is_in_double_precision():
    x = 1e12 + np.arange(50.0)[:, None] * np.ones(2)
    code = chosen(x, np.arange(50) % 2, "current")
    assert len(np.unique(code.unit(x)[:, 0])) == 50
    assert np.abs(code.signed(x).mean(axis=0)).max() < 1e-3 and code.signed(x).min() < -1
    with pytest.raises(ValueError, match="X has a feature whose range"):
        robust_bounds(np.array([[-1.5e308], [1.5e308], [0.0]]))


# the choice ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1.0, 1e-7, 1e-30])
def test_currents_feel_features_of_any_size(scale):
    """Below 1e-6 all features counted as constant, in silence: 33 % of irises were right."""
    x, y = load_iris(return_X_y=True)
    u = scale * x / 8
    code = learn_code(u, np.eye(3)[y], "current")
    assert code.signed(u).std(axis=0) == pytest.approx(np.ones(4), abs=0.05)
    same = learn_code(np.full((40, 2), 0.3 * scale), np.ones((40, 1)), "current")
    assert (same.sd == 1).all()
    pixels = image_code(u, 2, "current")
    assert pixels.signed(u).std() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e-30])
def test_populations_tell_narrow_columns(scale):
    """Columns in [0, 1] were taken as they are: at 1e-3 moons were told at chance."""
    x, y = make_moons(60, noise=0.1, random_state=0)
    u = (x - x.min(axis=0)) / 4
    wide = learn_code(u, np.eye(2)[y], "population")
    assert (wide.range == 1).all() and (wide.minimum == 0).all()
    code = learn_code(u * [scale, 1], np.eye(2)[y], "population")
    assert code.kind == "population" and code.range[1] == 1
    assert code.range[0] == pytest.approx(scale, rel=0.4)
    assert code.unit(u * [scale, 1]).mean(axis=0) == pytest.approx(code.mean)
    counts = code(u * [scale, 1]).unit_counts()
    assert (counts[:, :12] > 0).any(axis=0).sum() >= 6


def test_images_have_spikes_as_before():
    data = datasets.load("digits16")
    code = chosen(data.x_train[:300], data.y_train[:300])
    assert code.kind == "latency" and "images" in code.reason
    from snnlab import encode

    assert code(data.x_test[:50]) == encode.latency(data.x_test[:50])


def test_small_images_are_felt_as_currents():
    """Of 8 x 8 pixels each tells much by how bright it is, and the time of its spike little."""
    x, y = load_digits(return_X_y=True)
    x, y = x[:600] / 16, y[:600]
    assert chosen(x, y).kind == "current"
    spikes = SpikingClassifier(code="latency", random_state=0)
    assert accuracy(x, y) >= accuracy(x, y, model=spikes) + 0.01


def test_tables_in_the_unit_interval_are_no_images():
    rng = np.random.default_rng(0)
    assert chosen(rng.random((300, 40)), np.arange(300) % 2).kind == "current"
    bits = (rng.random((300, 40)) < 0.3) * 1.0
    assert chosen(bits, np.arange(300) % 2).kind == "current"


def test_a_population_code_where_it_helps():
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1, (800, 6))
    y = (np.cos(3 * x).sum(axis=1) > 0).astype(int)  # ups and downs of each feature
    code = chosen(x, y)
    assert code.kind == "population" and "better" in code.reason
    assert chosen(x, (x.sum(axis=1) > 0).astype(int)).kind == "current"


def test_the_order_of_rows_does_not_matter():
    x, y = load_iris(return_X_y=True)
    mixed = np.random.default_rng(0).permutation(150)
    one, two = (
        SpikingClassifier((10,), epochs=2, random_state=0).fit(x[k], y[k]).predict_proba(x)
        for k in (np.arange(150), mixed)
    )
    np.testing.assert_array_equal(one, two)


# signed features are mixed ------------------------------------------------------------------------


def test_features_that_share_much_are_told_apart():
    """Classes differ where columns hardly do: a network on the columns themselves reached 0.89."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 400)
    means, shared = rng.normal(size=(2, 50)) * 2 / np.sqrt(50), rng.normal(size=(10, 50))
    x = means[y] + rng.normal(size=(400, 10)) @ shared + 0.5 * rng.normal(size=(400, 50))
    assert accuracy(x, y) >= accuracy(x, y, model=lines()) - 0.02


@pytest.mark.parametrize("rows", [40, 900])
def test_a_linear_model_is_found_to_do_as_well_or_not(rows):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(rows, 6))
    line = (x.sum(axis=1) + 3 * rng.normal(size=rows) > 0).astype(int)
    code = chosen(x, line, "current")
    assert code.straight and code.mix.shape == (6, 1) and code(x).n_units == 2
    assert len(np.unique(np.sign(code.mix))) == 1
    ring = (np.square(x).sum(axis=1) > 5.35).astype(int)
    bent = chosen(x, ring, "current")
    assert bent.straight == (rows == 40) and code(x).n_steps == 20


@pytest.mark.parametrize("load", [load_wine, load_breast_cancer])
def test_a_linear_model_of_classes_is_logistic(load):
    """A kernel beats the squared errors of ridge regressions here, and is no better than a line."""
    x, y = load(return_X_y=True)
    assert chosen(x, y).straight or load is load_wine  # in most folds of it
    assert accuracy(x, y) >= accuracy(x, y, model=lines()) - 0.015


def test_one_class_is_straight_too():
    x = np.random.default_rng(4).normal(size=(60, 3))
    y = np.zeros((60, 2))
    y[:, 0] = 1
    y[:9] = y[:9, ::-1]  # now and then the rest is of one class
    code = learn_code(x, y, "current")
    assert np.isfinite(code.mix).all()


def test_classes_that_come_later_have_directions_too():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 4))
    y = (x @ rng.normal(size=(4, 3))).argmax(axis=1)
    model = SpikingClassifier((30,), random_state=0)
    for some in (y < 1, y < 2, *[y < 3] * 30):
        model.partial_fit(x[some], y[some], classes=[0, 1, 2])
    assert not model.code_.straight and model.score(x, y) > 0.8


@pytest.mark.parametrize("noise, noisy", [(0.0, False), (3.0, True)])
def test_values_are_fitted_less_closely_where_they_are_noisy(noise, noisy, tmp_path):
    x, y = make_friedman1(500, noise=noise, random_state=0)
    model = SpikingRegressor((20,), epochs=1, random_state=0).fit(x, y)
    assert model.code_.kind == "current" and model.code_.noisy is noisy
    assert model.code_.mix.shape == (10, 11)  # also along a linear model's direction
    model.save(tmp_path / "model.npz")
    loaded = SpikingRegressor.load(tmp_path / "model.npz")
    assert loaded.code_.noisy is noisy
    np.testing.assert_array_equal(loaded.predict(x), model.predict(x))


def test_values_may_need_a_population():
    x = np.random.default_rng(0).random((500, 8))
    wave = np.sin(12 * x[:, 0]) + np.cos(9 * x[:, 1])
    assert SpikingRegressor((5,), epochs=1).fit(x, wave).code_.kind == "population"


def test_decorrelated_features_stay_near_their_own():
    rng = np.random.default_rng(2)
    z = rng.normal(size=(2000, 4)) + 2 * rng.normal(size=(2000, 1))
    z = (z - z.mean(axis=0)) / z.std(axis=0)
    mixed = z @ decorrelated(z)
    before, after = np.corrcoef(z.T), np.corrcoef(mixed.T)
    own = [np.corrcoef(z[:, k], mixed[:, k])[0, 1] for k in range(4)]
    off = ~np.eye(4, dtype=bool)
    assert before[off].min() > 0.7 and np.abs(after[off]).max() < 0.35 and min(own) > 0.6
    np.testing.assert_allclose(mixed.std(axis=0), 1)


def test_constant_columns_are_no_directions():
    x = np.random.default_rng(3).normal(size=(60, 3))
    x[:, 1] = 7
    for y in (np.arange(60) % 2, (np.square(x[:, 0]) > 0.5).astype(int)):
        code = chosen(x, y, "current")
        assert np.isfinite(code.mix).all() and np.isfinite(code(x).x).all()
        assert SpikingClassifier(epochs=1, random_state=0).fit(x, y).predict(x).shape == (60,)


def test_mixing_is_written_to_files(tmp_path):
    x, y = load_wine(return_X_y=True)
    model = SpikingClassifier(epochs=2, random_state=0).fit(x, y)
    model.save(tmp_path / "model.npz")
    loaded = SpikingClassifier.load(tmp_path / "model.npz")
    np.testing.assert_array_equal(loaded.code_.mix, model.code_.mix)
    np.testing.assert_array_equal(loaded.decision_function(x), model.decision_function(x))
