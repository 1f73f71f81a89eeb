"""`SpikingClassifier`: use without settings, and in company."""

import pickle

import numpy as np
import pytest
from helpers import threads
from sklearn.base import clone, is_classifier
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from snnlab import LIF, Affine, SpikingClassifier, datasets
from snnlab.estimator.tables import Code
from snnlab.learning.losses import MaxOverTime


def blobs(n=90, seed=0, n_features=5):
    """Three clouds of points, not scaled to [0, 1]."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    centres = np.random.default_rng(7).normal(0, 30, (3, n_features))
    return centres[y] + rng.normal(0, 4, (n, n_features)) + 100, y


def quick(**settings):
    return SpikingClassifier(**{"hidden": (20,), "epochs": 20, "random_state": 0} | settings)


def digits():
    data = datasets.load("digits16")
    return data.x_train, data.y_train, data.x_test, data.y_test


# without settings ---------------------------------------------------------------------------------


def test_digits_without_settings():
    x, y, x_test, y_test = digits()
    model = SpikingClassifier().fit(x, y)
    assert model.score(x_test, y_test) >= 0.95
    p = model.predict_proba(x_test)
    assert p.shape == (360, 10) and p.sum(axis=1) == pytest.approx(np.ones(360), abs=1e-5)
    assert p.min() >= 0 and np.array_equal(p.argmax(axis=1), model.predict(x_test))
    assert np.array_equal(model.decision_function(x_test).argmax(axis=1), model.predict(x_test))
    counts = model.count_spikes(x_test)
    assert counts.shape == (360,) and counts.dtype.kind == "i" and 0 < counts.mean() < 246 * 20
    assert len(model.history_) == 80 and model.n_features_in_ == 256


def test_yin_yang_without_settings():
    data = datasets.load("yinyang")
    model = SpikingClassifier(random_state=1).fit(data.x_train, data.y_train)
    assert model.score(data.x_test, data.y_test) >= 0.95


@pytest.mark.mnist
def test_mnist_without_settings(mnist16):
    data = mnist16
    model = SpikingClassifier(random_state=0, epochs=10).fit(
        data.x_train[:5000], data.y_train[:5000]
    )
    assert model.score(data.x_test, data.y_test) >= 0.9


def test_data_of_any_range():
    (x, y), (x_test, y_test) = blobs(), blobs(seed=1)
    model = SpikingClassifier(random_state=0).fit(x, y)
    assert model.score(x_test, y_test) >= 0.95
    assert model.minimum_ == pytest.approx(x.min(axis=0)) and (model.range_ > 0).all()
    # far outside what was seen: clipped, not refused
    assert set(model.predict(x * 100)) <= {0, 1, 2}
    shifted = SpikingClassifier(random_state=0).fit(2.0 * (x - 100), y)
    assert shifted.score(2.0 * (x_test - 100), y_test) >= 0.95


def test_data_in_the_unit_interval_are_taken_as_they_are():
    x, y = blobs()
    x = 0.2 + 0.5 * (x - x.min()) / np.ptp(x)
    model = quick().fit(x, y)
    assert not model.minimum_.any() and (model.range_ == 1).all()


def test_a_constant_feature_is_harmless():
    x, y = blobs()
    x[:, 2] = 17
    model = quick(epochs=20).fit(x, y)
    assert model.range_[2] == 1 and model.score(x, y) > 0.9


# repeatability and labels -------------------------------------------------------------------------


def test_random_state_decides():
    x, y = blobs()
    scores = [quick(random_state=s, dropout=0.1).fit(x, y).predict_proba(x) for s in (3, 3, 4)]
    assert np.array_equal(scores[0], scores[1]) and not np.array_equal(scores[0], scores[2])
    state = np.random.RandomState(3)  # noqa: NPY002  (scikit-learn's kind)
    one, two = (quick(random_state=state).fit(x, y).predict_proba(x) for _ in range(2))
    assert not np.array_equal(one, two)
    model = quick()
    first = model.fit(x, y).predict_proba(x)
    assert np.array_equal(model.fit(x, y).predict_proba(x), first)


def test_workers_do_not_change_the_model():
    x, y = blobs(400)
    models = [quick(hidden=(600,), workers=w, epochs=2).fit(x, y) for w in (1, 2)]
    assert threads(models[1].network_, 40) == 2
    assert np.array_equal(*(m.network_.parameters for m in models))


def test_labels_of_any_kind():
    x, y = blobs()
    plain = quick().fit(x, y).predict(x)
    names = np.array(["zebra", "ant", "mole"])
    for labels in (names, names.astype(object), np.array([-5, 30, 7])):
        model = quick().fit(x, labels[y])
        assert np.array_equal(model.classes_, np.unique(labels))
        assert model.score(x, labels[y]) > 0.9 and model.predict(x).dtype == labels.dtype
    sorted_names = quick().fit(x, np.array(["a", "b", "c"])[y]).predict(x)
    assert np.array_equal(sorted_names, np.array(["a", "b", "c"])[plain])


def test_two_classes_have_one_score():
    x, y = blobs()
    model = quick().fit(x[y < 2], y[y < 2])
    score = model.decision_function(x)
    assert score.shape == (90,) and np.array_equal(model.predict(x), (score > 0).astype(int))
    assert model.predict_proba(x).shape == (90, 2)


def test_two_hidden_layers_and_none():
    x, y = blobs()
    for hidden, sizes in (((20, 15), (20, 15, 3)), (12, (12, 3)), ((), (3,))):
        model = quick(hidden=hidden).fit(x, y)
        assert model.network_.sizes[1:] == sizes and model.score(x, y) > 0.8
    assert not model.count_spikes(x).any()


def test_other_neurons_codes_and_losses():
    x, y = blobs()
    neuron = LIF(tau_mem=20e-3, tau_syn=5e-3, dt=1e-3)
    for settings in (
        {"loss": "sum_over_time"},
        {"loss": MaxOverTime(scale=3)},
        {"code": "latency", "epochs": 30},
        {"neuron": neuron.replace(dt=1.7e-6, tau_mem=6e-6, tau_syn=3e-6)},
        {"n_steps": 30, "batch_size": 16, "lr": 0.01},
    ):
        assert quick(**settings).fit(x, y).score(x, y) > 0.8, settings


def test_neurons_of_milliseconds():
    x, y = blobs()
    neuron = LIF(tau_mem=20e-3, tau_syn=5e-3, dt=1e-3)
    assert quick(neuron=neuron).fit(x, y).score(x, y) > 0.8


# in company ---------------------------------------------------------------------------------------


def test_augmentation():
    x, y, x_test, y_test = digits()
    settings = {"hidden": (60,), "epochs": 6, "random_state": 0}
    affine = Affine(rotation=10, shift=1)
    model = SpikingClassifier(augment=affine, **settings).fit(x, y)
    assert model.score(x_test, y_test) > 0.85
    again = SpikingClassifier(augment=affine, **settings).fit(x, y)
    plain = SpikingClassifier(**settings).fit(x, y)
    assert np.array_equal(again.network_.parameters, model.network_.parameters)
    assert not np.array_equal(plain.network_.parameters, model.network_.parameters)
    with pytest.raises(ValueError, match="augment needs square images; X has 255 features"):
        SpikingClassifier(augment=affine, **settings).fit(x[:, 1:], y)


def test_the_choice_is_told():
    x, y = load_iris(return_X_y=True)
    model = SpikingClassifier((5,), epochs=1, random_state=0)
    assert repr(model) == "SpikingClassifier(epochs=1, hidden=(5,), random_state=0)"
    model.fit(x, y)
    assert isinstance(model.code_, Code)
    assert f"code {model.code_.kind!r}: {model.code_.reason}" in repr(model)
    assert model.code_.reason in model._repr_html_() and "Network(" in repr(model)


def test_pickle_and_clone():
    x, y = blobs()
    model = quick().fit(x, y)
    twin = pickle.loads(pickle.dumps(model))
    assert np.array_equal(twin.predict_proba(x), model.predict_proba(x))
    assert twin.history_.loss == model.history_.loss
    fresh = clone(model)
    assert fresh.get_params() == model.get_params() and not hasattr(fresh, "network_")
    assert is_classifier(model)


def test_the_network_may_be_saved(tmp_path):
    from snnlab import Network, encode

    x, y, x_test, _ = digits()
    model = quick(hidden=(40,), epochs=3).fit(x, y)
    model.network_.save(tmp_path / "net.npz")
    trace = Network.load(tmp_path / "net.npz").forward(encode.latency(x_test))
    assert np.array_equal(
        model.classes_[MaxOverTime().scores(trace.readout).argmax(axis=1)], model.predict(x_test)
    )


def test_in_a_grid_search():
    x, y = blobs()
    search = GridSearchCV(quick(), {"hidden": [(4,), (20,)], "lr": [1e-5, 5e-3]}, cv=2, n_jobs=1)
    search.fit(x, y)
    assert search.best_params_["lr"] == 5e-3 and search.best_score_ > 0.8
    assert search.cv_results_["mean_test_score"].min() < search.best_score_


def test_in_a_pipeline():
    x, y = blobs()
    assert cross_val_score(make_pipeline(StandardScaler(), quick()), x, y, cv=2).mean() > 0.8


def test_silent_unless_asked(capsys, monkeypatch):
    monkeypatch.setattr("snnlab.learning.progress.interactive", lambda: False)
    x, y = blobs()
    quick(epochs=2).fit(x, y)
    assert capsys.readouterr() == ("", "")
    quick(epochs=2, verbose=True).fit(x, y)
    assert capsys.readouterr().out.count("epoch") == 2


@pytest.mark.parametrize(
    "change, error, message",
    [
        ({"code": "rate"}, ValueError, "code must be one of"),
        ({"loss": "hinge"}, ValueError, "loss must be one of"),
        ({"activity": 0}, ValueError, "activity"),
        ({"batch_size": 0}, ValueError, "batch_size"),
        ({"batch_size": "most"}, (TypeError, ValueError), "batch_size"),
        ({"epochs": 1.5}, TypeError, "epochs"),
        ({"lr": -1}, ValueError, "lr"),
        ({"dropout": 1}, ValueError, "dropout"),
        ({"n_steps": 0}, ValueError, "n_steps"),
        ({"workers": 0}, ValueError, "workers"),
        ({"random_state": "seven"}, ValueError, "seed"),
        ({"hidden": (0,)}, ValueError, "hidden"),
        ({"hidden": "many"}, (TypeError, ValueError), "hidden"),
        ({"neuron": "lif"}, TypeError, "neuron"),
        ({"augment": "rotate"}, TypeError, "augment"),
        ({"loss": "per_step"}, ValueError, "loss of a SpikingClassifier must be one of 'max_over"),
        ({"loss": "squared_error"}, ValueError, "loss of a SpikingClassifier must be one of"),
        ({"loss": "first_spike"}, ValueError, "loss"),  # needs a spiking readout
    ],
    ids=str,
)
def test_bad_settings_are_refused_by_name(change, error, message):
    x, y = blobs(n_features=36)
    with pytest.raises(error, match=rf"\b{message}"):
        quick(**{"epochs": 1} | change).fit(x, y)


def test_predicting_needs_fitting():
    with pytest.raises(NotFittedError):
        quick().predict(blobs()[0])
