"""The whole library behind the estimators, and the regressor."""

import inspect
import json
import resource
import subprocess
import sys

import numba
import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_iris, load_linnerud, make_friedman1
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from snnlab import (
    LIF,
    SGD,
    Adam,
    Affine,
    ConstantCurrent,
    DeepR,
    GradR,
    Magnitude,
    SpikingClassifier,
    SpikingRegressor,
    Substrate,
    Values,
    datasets,
    encode,
    layers,
    losses,
    penalties,
    sweep,
)
from snnlab.kernels.compiling import telling
from snnlab.learning.optimizer import Optimizer

pytestmark = pytest.mark.rotates


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


def quick(cls=SpikingClassifier, **settings):
    return cls(**{"hidden": (20,), "epochs": 5, "random_state": 0} | settings)


# parameters ---------------------------------------------------------------------------------------


def test_parameters_of_parts_are_searched(iris):
    grid = {"neuron__steepness": [5.0, 20.0], "optimizer__lr": [1e-6, 1e-2], "loss__scale": [3.0]}
    search = GridSearchCV(quick(epochs=10), grid, cv=2).fit(*iris)
    assert search.best_params_["optimizer__lr"] == 1e-2
    model = quick(optimizer=GradR(1e-2, rng=0), neuron=LIF.brainscales2())
    params = model.get_params()
    assert params["optimizer__alpha"] == model.optimizer.alpha and params["neuron__v_th"] == 1
    model.set_params(optimizer__alpha=3e-4, neuron__v_th=2.0)
    assert model.optimizer.alpha == 3e-4 and model.neuron.v_th == 2
    with pytest.raises(ValueError, match="Invalid parameter 'size' for neuron"):
        model.set_params(neuron__size=3)
    with pytest.raises(ValueError, match="Invalid parameter 'brain'"):
        model.set_params(brain__size=3)


def test_an_optimizer_serves_many_fits(iris):
    optimizer = Adam(1e-2)
    first, second = (quick(optimizer=optimizer).fit(*iris).predict_proba(iris[0]) for _ in "ab")
    np.testing.assert_array_equal(first, second)
    assert not optimizer.is_used()


class Signs(Optimizer):
    """One's own, whose learning rate is none of its settings."""

    def __init__(self):
        super().__init__(2e-3)

    def change(self, network, gradients, factor, lo, hi, out):
        np.multiply(np.sign(gradients[lo:hi]), self.lr * factor, out=out)


class Counting:
    """One's own, which only has what is needed."""

    lr, n = 0.01, 0

    def step(self, network, gradients, factor=1.0):
        self.n += 1
        for w, g in zip(network.weights, gradients, strict=True):
            w -= self.lr / self.n * g


@pytest.mark.parametrize("own", [Signs(), GradR(optimizer=Signs(), alpha=0.0), Counting()])
def test_an_optimizer_of_one_s_own_serves_many_fits(own, iris):
    model = quick(optimizer=own)
    first, second = (model.fit(*iris).predict_proba(iris[0]) for _ in "ab")
    np.testing.assert_array_equal(first, second)
    untrained = quick(optimizer=SGD(0.0)).fit(*iris)
    assert not np.array_equal(first, untrained.predict_proba(iris[0]))


def test_rules_have_the_random_numbers_they_were_given(iris):
    some = [quick(optimizer=DeepR(1e-2, sparsity=0.5, rng=k)).fit(*iris) for k in (1, 1, 2)]
    one, same, other = (model.network_.weights[0] != 0 for model in some)
    assert np.array_equal(one, same) and not np.array_equal(one, other)


@pytest.mark.parametrize("rule", [GradR(1e-2, rng=0), DeepR(optimizer=SGD(0.1), rng=0)])
def test_a_rule_serves_many_fits(rule, iris):
    """So does the optimiser that it wraps, whose learning rate is searched as if its own."""
    model = quick(optimizer=rule)
    first = model.fit(*iris).predict_proba(iris[0])
    model.fit(iris[0][:, :2], iris[1])  # a network of another size
    np.testing.assert_array_equal(model.fit(*iris).predict_proba(iris[0]), first)
    assert not rule.is_used() and not rule.optimizer.is_used()
    assert model.get_params()["optimizer__lr"] == rule.lr
    model.set_params(optimizer__lr=1e-9)
    assert model.optimizer.lr == 1e-9 != rule.lr and type(model.optimizer) is type(rule)
    assert type(model.optimizer.optimizer) is type(rule.optimizer)


def test_one_default_learning_rate():
    default = inspect.signature(sweep.sweep).parameters["lr"].default
    rates = [x().lr for x in (SpikingClassifier, SpikingRegressor, GradR, Adam)]
    assert {default, *rates} == {1.5e-3}


def test_usual_epochs_and_dropout():
    """3,000 steps, at most 80 epochs, at least 20; a third is left out where images are few."""
    data = datasets.load("digits16")
    x, y = data.x_train[:100], data.y_train[:100]
    model = SpikingClassifier((5,), random_state=0).fit(x, y)
    assert len(model.history_) == 80
    assert [model._usual_epochs(n) for n in (50, 99, 600)] == [60, 31, 20]
    assert [model.usual_dropout(n) for n in (100, 9999, 10_000, 60_000)] == [0.35, 0.35, 0, 0]
    plain = quick(layers=[layers.Dense(5)]).fit(x, y), quick(augment=Affine()).fit(x, y)
    assert [one.usual_dropout(100) for one in plain] == [0, 0]
    spikes = quick(epochs=1).fit(encode.latency(x), y)
    assert spikes._usual_epochs(10) == 80 and spikes.usual_dropout(100) == 0


def test_settings_reach_the_training(iris):
    plain = quick(hidden=(30,), epochs=20).fit(*iris)
    dear = quick(hidden=(30,), epochs=20, penalties=(penalties.Bursts(0.1),)).fit(*iris)
    assert dear.count_spikes(iris[0]).mean() < 0.7 * plain.count_spikes(iris[0]).mean()
    assert quick(schedule="constant").fit(*iris).history_.lr[-1] == pytest.approx(Adam().lr)
    chip = quick(substrate=Substrate(0, sigma_d=0.5)).fit(*iris)
    ideal = quick().fit(*iris)
    assert not np.array_equal(chip.predict_proba(iris[0]), ideal.predict_proba(iris[0]))
    rule = GradR(1e-2, alpha=1e-2, rng=0)
    pruned = quick(optimizer=rule).fit(*iris).network_
    assert (pruned.weights[0] == 0).mean() > 0.02


def test_layers_neurons_and_readouts(iris):
    model = quick(layers=(layers.Dense(12), 8)).fit(*iris)
    assert model.network_.sizes[1:] == (12, 8, 3)
    v_th = tuple(np.linspace(0.5, 1.5, 20))
    model = quick(neuron=LIF.brainscales2(v_th=v_th)).fit(*iris)
    assert model.network_.neurons[0].v_th == v_th
    readout = LIF.brainscales2()
    model = quick(readout=readout, loss="first_spike").fit(*iris)
    assert model.network_.spiking_readout
    data = datasets.load("digits16")
    model = quick(layers=((16, 16, 1), layers.Conv(2, 3), 10), epochs=1)
    model.fit(data.x_train[:100], data.y_train[:100])
    assert model.network_.shape_in == (16, 16, 1)


def test_no_hidden_layer_has_no_neurons(iris):
    readout = LIF.brainscales2().integrator()
    one, other = (quick(hidden=(), neuron=x, readout=readout).fit(*iris) for x in (None, []))
    np.testing.assert_array_equal(one.predict_proba(iris[0]), other.predict_proba(iris[0]))


# batches ------------------------------------------------------------------------------------------

NORMED, PLAIN = [layers.Dense(4, layers.BatchNorm())], [layers.Dense(4)]


def rows(n):
    return np.random.default_rng(0).random((n, 16)), np.arange(n) % 2


def batches(cls, used, n, **settings):
    """Sizes of the batches of an epoch."""
    seen, (x, y) = [], rows(n)
    settings |= {"layers": used, "code": "latency", "epochs": 1}
    model = quick(cls, callbacks=lambda step: seen.append(len(step.trace)), **settings).fit(x, y)
    assert sum(seen) == n - (0 if model.validation_fraction is None else -(-n // 5))
    return seen


@pytest.mark.parametrize("cls", [SpikingClassifier, SpikingRegressor])
@pytest.mark.parametrize(
    "n, usual, normed",
    [(2, 1, 2), (3, 1, 3), (8, 1, 2), (11, 2, 3), (13, 2, 5), (21, 3, 3), (1101, 100, 101)],
)
def test_batches_are_such_as_norms_take(cls, n, usual, normed):
    found = batches(cls, NORMED, n)
    assert found[0] == normed and min(found) > 1
    assert batches(cls, PLAIN, n)[0] == usual


@pytest.mark.parametrize("cls", [SpikingClassifier, SpikingRegressor])
def test_norms_take_folds_of_any_size(cls):
    assert batches(cls, NORMED, 14, validation_fraction=0.2) == [3, 3, 3, 2]  # of 11 samples
    x, y = rows(22)
    model = quick(cls, layers=NORMED, code="latency", epochs=1)
    scores = cross_val_score(model, x, y, cv=2, error_score="raise")
    assert len(scores) == 2 and np.isfinite(scores).all()
    for n in (11, 8, 2):
        model.partial_fit(x[:n], y[:n])
    assert len(model.history_) == 3


@pytest.mark.parametrize("cls", [SpikingClassifier, SpikingRegressor])
def test_one_sample_teaches_norms_nothing(cls):
    x, y = rows(6)
    settings = {"layers": NORMED, "code": "latency", "epochs": 1}
    model, halved = quick(cls, **settings), quick(cls, **settings, validation_fraction=0.5)
    for fit in (
        lambda: model.fit(x[:1], y[:1]),
        lambda: model.partial_fit(x[:1], y[:1]),
        lambda: model.fit(x, y, sample_weight=np.eye(6)[0]),
        lambda: halved.fit(x[:2], y[:2]),
    ):
        with pytest.raises(ValueError, match="X holds one sample to learn from"):
            fit()
    before = model.partial_fit(x, y).network_.parameters.copy()
    with pytest.raises(ValueError, match="X holds one sample to learn from"):
        model.partial_fit(x[:1], y[:1])
    np.testing.assert_array_equal(model.network_.parameters, before)
    assert model.predict(x[:1]).shape == (1,)
    quick(cls, **settings | {"layers": PLAIN}).fit(x[:1], y[:1])


def test_training_stops_early_at_its_best(iris):
    model = quick(validation_fraction=0.2, patience=3, epochs=100).fit(*iris)
    seen = model.history_.validation_accuracy
    assert len(seen) < 100 and int(np.argmax(seen)) == len(seen) - 4
    assert not model.history_.interrupted


@pytest.mark.parametrize(
    "optimizer, left",
    [
        (lambda: Magnitude(1e-2, 0.9, start=3), 0.1),
        (lambda: Magnitude(1e-2, 0.9, start=2, end=6, every=1), 0.1),
        (lambda: GradR(1e-2, 0.9, alpha=0.05, settle=5), None),
        (lambda: DeepR(1e-2, 0.8, rng=0), 0.2),
        (lambda: Adam(1e-2), 1.0),
    ],
    ids=["at once", "gradual", "settled", "Deep R", "Adam"],
)
def test_what_did_best_is_pruned_and_goes_on_as_it_was(iris, optimizer, left):
    """Once the weights of an epoch before pruning came back, and the rule's strengths stayed."""
    settings = {"validation_fraction": 0.3, "patience": 3, "epochs": 14, "code": "population"}
    model = quick(optimizer=optimizer(), **settings).fit(*iris)
    share = np.concatenate([(w != 0).ravel() for w in model.network_.weights]).mean()
    if left is not None:
        assert share == pytest.approx(left, abs=0.01)
    else:
        assert 0.02 < share < 0.9
    own, seen = model._optimizer, model.history_.validation_accuracy
    epochs = own.steps // 10  # of 105 samples, eleven at once
    assert epochs < len(seen) and seen[epochs - 1] == max(seen[epochs - 1 :])
    if hasattr(own, "log"):
        assert own.log.overall()[-1] == pytest.approx(share)
    before = model.network_.parameters.copy()
    model.partial_fit(*iris)
    moved = np.abs(model.network_.parameters - before).max()
    assert 0 < moved < 0.2
    if left is not None:
        again = np.concatenate([(w != 0).ravel() for w in model.network_.weights]).mean()
        assert again == pytest.approx(share, abs=0.02)


def test_copies_of_a_row_are_not_held_out_from_themselves():
    """Whole weights are repeated rows: they stay together, so chance stays chance."""
    rng = np.random.default_rng(0)
    x, y = rng.random((60, 6)), rng.integers(0, 3, 60)
    settings = {"validation_fraction": 0.5, "patience": 60, "epochs": 40, "hidden": (50,)}
    plain, five, of_class = (
        quick(**settings, **more).fit(x, y, sample_weight=weight).history_.validation_accuracy
        for more, weight in (
            ({}, None),
            ({}, np.full(60, 5.0)),
            ({"class_weight": {0: 5, 1: 5, 2: 5}}, None),
        )
    )
    assert max(plain) < 0.6 and max(five) < 0.6 and of_class == five


def test_held_out_targets_that_are_all_the_same_tell_when_to_stop():
    """R2 of them was 0 in every epoch, so the first one stayed the best."""
    x, y = np.random.default_rng(0).random((20, 3)), np.r_[np.zeros(19), 1.0]
    model = quick(SpikingRegressor, validation_fraction=0.1, epochs=30, patience=5).fit(x, y)
    seen = model.history_.validation_accuracy
    assert len(set(seen)) == len(seen) > 6 and max(seen) <= 1


def test_callbacks_are_called_and_may_stop(iris):
    seen = []

    def note(step):
        seen.append(step.step)
        return step.ends_epoch

    model = quick(callbacks=[note]).fit(*iris)
    assert len(model.history_) == 1 and len(seen) == 10
    with pytest.raises(TypeError, match="callbacks must be functions"):
        quick(callbacks=[3]).fit(*iris)


def test_going_on(iris):
    model = quick(warm_start=True).fit(*iris)
    network = model.network_
    assert model.fit(*iris).network_ is network and len(model.history_) == 10
    model = quick()
    for _ in range(30):
        model.partial_fit(*iris, classes=[0, 1, 2])
    assert len(model.history_) == 30 and model.score(*iris) > 0.9
    with pytest.raises(ValueError, match="classes must be those"):
        model.partial_fit(*iris, classes=[0, 1])
    few = quick().partial_fit(iris[0][:60], iris[1][:60], classes=[0, 1, 2])
    assert few.predict_proba(iris[0]).shape == (150, 3)
    with pytest.raises(ValueError, match="not among the classes"):
        few.partial_fit(iris[0], iris[1] + 1)


@pytest.mark.parametrize(
    "change",
    [{"hidden": (33,)}, {"optimizer": SGD(0.5)}, {"code": "latency"}, {"n_steps": 30}],
    ids=lambda x: next(iter(x)),
)
def test_what_would_have_no_effect_is_refused_where_training_goes_on(iris, change):
    model = quick(warm_start=True).fit(*iris)
    before = model.network_.parameters.copy()
    model.set_params(**change)
    for go_on in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match=rf"{next(iter(change))} was changed .* no effect"):
            go_on(*iris)
    np.testing.assert_array_equal(model.network_.parameters, before)
    assert model.set_params(warm_start=False).fit(*iris).score(*iris) > 0.3


def test_a_first_fit_that_fails_is_none(iris):
    model = quick(warm_start=True, schedule="none such")
    with pytest.raises(ValueError, match="schedule"):
        model.fit(*iris)
    assert len(model.set_params(schedule="cosine").fit(*iris).history_) == 5


@pytest.mark.parametrize("cls", [SpikingClassifier, SpikingRegressor])
@pytest.mark.parametrize("optimizer", [None, DeepR(1e-2, 0.5, rng=0)])
def test_training_goes_on_from_a_file(iris, tmp_path, cls, optimizer):
    """What an optimiser remembers is not written: it was missing, and an AttributeError said so."""
    model = quick(cls, warm_start=True, optimizer=optimizer).fit(*iris)
    model.save(tmp_path / "model.npz")
    again = cls.load(tmp_path / "model.npz")
    before = again.network_.parameters.copy()
    assert len(again.partial_fit(*iris).history_) == 6 and len(again.fit(*iris).history_) == 11
    assert not np.array_equal(again.network_.parameters, before)


def test_a_first_part_that_fails_is_none(iris):
    """A second `partial_fit` went on with the network, the classes and the scaling of one."""
    x, y = iris
    model = quick(loss="no such loss")
    with pytest.raises(ValueError, match="loss must be"):
        model.partial_fit(x, y)
    model.set_params(loss="auto").partial_fit(1000 * x[:100], y[:100])
    assert model.classes_.tolist() == [0, 1] and len(model.history_) == 1
    assert model.score(1000 * x[:100], y[:100]) > 0.4 and model.range_.min() > 1000


def test_a_history_is_whole_where_nobody_goes_on(iris):
    """That of the fits before was lost where steps were left before their end."""
    model = quick(warm_start=True).fit(*iris)
    for _ in model.fit_steps(*iris):
        assert len(model.history_) == 5
        break
    assert len(model.history_) == 5 and len(model.fit(*iris).history_) == 10


def test_parts_are_learned_whole(iris):
    """A share was held out of each, and nobody looked at it; a single sample was refused."""
    x, y = iris
    one, two = (
        quick(random_state=0, **more).partial_fit(x, y).partial_fit(x[:1], y[:1])
        for more in ({}, {"validation_fraction": 0.3})
    )
    np.testing.assert_array_equal(one.network_.parameters, two.network_.parameters)


def test_the_same_samples_stay_held_out(iris, monkeypatch):
    """Others were with each fit of a warm start, which had been learned before."""
    held, split = [], SpikingClassifier._split

    def seen(self, *args):
        parts = split(self, *args)
        held.append(parts[1])
        return parts

    monkeypatch.setattr(SpikingClassifier, "_split", seen)
    model = quick(warm_start=True, validation_fraction=0.2).fit(*iris).fit(*iris)
    model.set_params(warm_start=False).fit(*iris)
    assert np.array_equal(held[0], held[1]) and len(held) == 3


@pytest.mark.parametrize("classes", [[0, 1, 2, np.nan], [[0, 1], [2, 3]], [0.5, 1, 2]])
def test_classes_are_labels(iris, classes):
    with pytest.raises(ValueError, match="classes: "):
        quick().partial_fit(*iris, classes=classes)


def test_a_new_learning_rate_is_gone_on_with(iris):
    model = quick(warm_start=True).fit(*iris)
    rates = model.set_params(lr=0.5).fit(*iris).history_.lr
    assert max(rates[:5]) < 0.01 and rates[5] > 0.1


# weights ------------------------------------------------------------------------------------------


def test_weights_count(iris):
    x, y = iris[0][50:], iris[1][50:]
    heavy = np.where(y == 1, 20.5, 1.0)
    even, weighted = (quick(epochs=10).fit(x, y, sample_weight=w) for w in (None, heavy))
    assert (weighted.predict(x) == 1).sum() > (even.predict(x) == 1).sum()
    of_class = quick(epochs=10, class_weight={1: 20.5, 2: 1.0}).fit(x, y)
    np.testing.assert_array_equal(of_class.predict_proba(x), weighted.predict_proba(x))
    thrice = quick().fit(x, y, sample_weight=np.full(100, 3))
    again = quick().fit(np.repeat(x, 3, axis=0), np.repeat(y, 3))
    np.testing.assert_array_equal(thrice.predict_proba(x), again.predict_proba(x))
    for bad in (-np.ones(100), np.zeros(100), np.ones(7), np.full(100, 1e307)):
        with pytest.raises(ValueError, match="sample_weight"):
            quick().fit(x, y, sample_weight=bad)


@pytest.mark.parametrize(
    "bad",
    [np.nan, -3, np.inf, "a", None, 1e308],
)
def test_weights_of_classes_are_looked_at(bad, iris):
    """One that was not a number, or below 0, once left its class out without a word."""
    x, y = iris[0][50:], iris[1][50:]
    weights = np.full(100, 2.0)
    with pytest.raises(ValueError, match="class_weight"):
        quick(class_weight={1: bad, 2: 1}).fit(x, y, sample_weight=weights)


def test_weights_that_leave_no_sample_are_refused(iris):
    x, y = iris[0][50:], iris[1][50:]
    for of_class, weight in (({1: 0, 2: 0}, None), ({1: 0, 2: 1}, (y == 1).astype(float))):
        with pytest.raises(ValueError, match="class_weight must not be negative, nor zero"):
            quick(class_weight=of_class).fit(x, y, sample_weight=weight)


@pytest.mark.parametrize("power", [-1000, -500, 500, 1000])
def test_targets_of_any_size(power):
    """Their squares once left the floats: all became infinite, or were not scaled at all."""
    x, y, factor = *make_friedman1(60, random_state=0), 2.0**power
    one, other = (quick(SpikingRegressor).fit(x, y * f).predict(x) for f in (1.0, factor))
    np.testing.assert_array_equal(other, one * factor)


@pytest.mark.parametrize("code", ["auto", "latency", "population", "current"])
def test_whole_weights_count_whatever_the_code(code, iris):
    """Rows that are learned as they come were so with their weights left out."""
    x, y = iris[0][50:], iris[1][50:]
    for times in (1 + 3 * (y == 1), np.arange(100) % 4):
        weighted = quick(code=code).fit(x, y, sample_weight=times).predict_proba(x)
        again = quick(code=code).fit(np.repeat(x, times, axis=0), np.repeat(y, times))
        np.testing.assert_array_equal(weighted, again.predict_proba(x))
        assert not np.array_equal(weighted, quick(code=code).fit(x, y).predict_proba(x))
        if times[0] == 4:
            of_class = quick(code=code, class_weight={1: 4, 2: 1}).fit(x, y)
            np.testing.assert_array_equal(weighted, of_class.predict_proba(x))


def test_logarithms_of_odds(iris):
    model = quick().fit(*iris)
    np.testing.assert_allclose(
        np.exp(model.predict_log_proba(iris[0])), model.predict_proba(iris[0]), rtol=1e-5
    )


# signals ------------------------------------------------------------------------------------------


def test_spike_trains_are_taken_as_they_are():
    data = datasets.load("digits16")
    trains = encode.latency(data.x_train[:400])
    model = quick(hidden=(60,), epochs=10).fit(trains, data.y_train[:400])
    assert model.code_ is None and model.score(trains, data.y_train[:400]) > 0.9
    with pytest.raises(ValueError, match="X must be signals"):
        model.predict(data.x_train[:5])
    with pytest.raises(ValueError, match="expecting 256 features"):
        model.predict(encode.latency(data.x_train[:5, 1:]))


@pytest.mark.parametrize("kind", ["spikes", "values", "currents"])
def test_signals_are_cross_validated(kind):
    """Of what has no shape, scikit-learn makes folds that are lists of samples."""
    data = datasets.load("digits16")
    signals, y = encode.latency(data.x_train[:120]), data.y_train[:120]
    if kind == "values":
        signals = Values(signals.to_dense())
    elif kind == "currents":
        signals = ConstantCurrent(data.x_train[:120].astype(np.float64), 20)
    scores = cross_val_score(quick(epochs=20), signals, y, cv=2, error_score="raise")
    assert scores.min() > 0.6
    model = quick().fit([signals[k] for k in range(120)], y)
    few = model.predict([signals[3], signals[4]])
    np.testing.assert_array_equal(model.predict(signals[3:5]), few)
    whole = quick().fit(signals, y)
    np.testing.assert_array_equal(model.network_.parameters, whole.network_.parameters)


@pytest.mark.parametrize("loss", ["max_over_time", "squared_error_per_step"])
def test_losses_of_values_only(loss):
    """It was said of labels, which a regressor does not have."""
    with pytest.raises(ValueError, match="loss of a SpikingRegressor must be one of 'squared_err"):
        quick(SpikingRegressor, loss=loss).fit(np.ones((4, 2)), np.arange(4.0))


def test_signals_of_other_steps_are_no_batch():
    short, long = (ConstantCurrent(np.ones((1, 3)), n) for n in (4, 5))
    with pytest.raises(ValueError, match="X: samples must be of the same number of steps"):
        quick().fit([short, long], [0, 1])


def test_sequences():
    rng = np.random.default_rng(0)
    y = np.arange(150) % 3
    x = rng.normal(0, 1, (150, 30, 4)) + 1e3
    for k in range(150):
        x[k, 10:25, y[k]] += 2  # for a while
    model = quick(epochs=40, hidden=(60,)).fit(x[:100], y[:100])
    assert model.network_.n_steps == 30 and model.score(x[100:], y[100:]) > 0.8
    with pytest.raises(ValueError, match="form that it had"):
        model.predict(x[:, 1:])
    x[0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        model.fit(x, y)


def test_hidden_spikes_are_features(iris):
    pandas = pytest.importorskip("pandas")
    model = quick(hidden=(20, 10)).fit(*iris)
    counts = model.transform(iris[0])
    assert counts.shape == (150, 30)
    np.testing.assert_array_equal(counts.sum(axis=1), model.count_spikes(iris[0]))
    frame = model.set_output(transform="pandas").transform(iris[0])
    assert isinstance(frame, pandas.DataFrame) and frame.columns[0] == "spikingclassifier0"


PREDICT = """
import resource, numpy as np, snnlab
rng = np.random.default_rng(0)
x = rng.normal(size=(200, 20)).astype(np.float32)
model = snnlab.SpikingClassifier((30,), code="population", epochs=1, random_state=0)
model.fit(x, np.arange(200) % 2)
model.predict(x)
big = rng.normal(size=(100_000, 20)).astype(np.float32)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
model.predict(big)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in kB here")
def test_predicting_takes_little_memory():
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > 0
    done = subprocess.run([sys.executable, "-c", PREDICT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 150_000  # kB; all at once it was 500 MB


# regression ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data, least",
    [
        (load_diabetes(return_X_y=True), 0.25),
        (load_linnerud(return_X_y=True), -2.0),  # 20 rows: nobody predicts them
        (make_friedman1(300, noise=1, random_state=0), 0.7),
    ],
    ids=["diabetes", "linnerud", "friedman1"],
)
def test_values_are_predicted_as_by_an_mlp(data, least):
    folds = KFold(3, shuffle=True, random_state=0)
    usual = TransformedTargetRegressor(
        make_pipeline(StandardScaler(), MLPRegressor(random_state=0, max_iter=200)),
        transformer=StandardScaler(),
    )
    with pytest.warns(Warning):  # that 200 epochs do not suffice
        baseline = cross_val_score(usual, *data, cv=folds).mean()
    ours = cross_val_score(SpikingRegressor(random_state=0), *data, cv=folds).mean()
    assert ours > max(least, baseline - 0.02)


def test_regressors_have_all_that_classifiers_have(tmp_path):
    x, y = load_linnerud(return_X_y=True)
    model = quick(SpikingRegressor, optimizer=Adam(1e-3, weight_decay=0.5), epochs=30).fit(x, y)
    loss = model.history_.loss
    assert model.predict(x).shape == (20, 3) and loss[-1] < 0.8 * loss[0]
    model.save(tmp_path / "model.npz")
    loaded = SpikingRegressor.load(tmp_path / "model.npz")
    np.testing.assert_array_equal(loaded.predict(x), model.predict(x))
    assert loaded.optimizer.weight_decay == 0.5
    with pytest.raises(ValueError, match="does not hold a SpikingClassifier"):
        SpikingClassifier.load(tmp_path / "model.npz")
    one = quick(SpikingRegressor).fit(x, y[:, 0])
    assert one.predict(x).shape == (20,) and one.transform(x).shape == (20, 20)
    with pytest.raises(ValueError, match="y must have 1 columns"):
        one.partial_fit(x, y)
    constant = quick(SpikingRegressor).fit(x, np.full(20, 7.0))
    np.testing.assert_allclose(constant.predict(x), 7.0, atol=1.5)


def test_files_that_call_activity_by_its_old_name_are_read(tmp_path):
    x, y = load_linnerud(return_X_y=True)
    model = quick(SpikingRegressor, activity=0.4).fit(x, y)
    model.save(tmp_path / "model.npz")
    with np.load(tmp_path / "model.npz") as file:
        arrays = dict(file)
    header = json.loads(str(arrays["header"]))
    header["format"] = 2
    header["parameters"]["hidden_spikes"] = header["parameters"].pop("activity")
    np.savez(tmp_path / "old.npz", **arrays | {"header": np.array(json.dumps(header))})
    old = SpikingRegressor.load(tmp_path / "old.npz")
    assert old.activity == 0.4
    np.testing.assert_array_equal(old.predict(x), model.predict(x))


def test_the_squared_error_has_its_gradient():
    rng = np.random.default_rng(0)
    readout, targets = rng.normal(size=(3, 5, 2)), rng.normal(size=(3, 2))
    loss = losses.SquaredError(scale=2.0)
    value, g = loss(readout, targets)
    assert value == pytest.approx(np.square(2 * readout.mean(axis=1) - targets).mean())
    moved = readout.copy()
    moved[1, 2, 0] += 1e-6
    assert (loss(moved, targets)[0] - value) / 1e-6 == pytest.approx(g[1, 2, 0], rel=1e-4)
    with pytest.raises(ValueError, match="targets"):
        loss(readout, targets[:, :1])


def test_settings_survive_a_file(iris, tmp_path):
    model = quick(
        optimizer=GradR(1e-2, alpha=1e-3, rng=0),
        neuron=[LIF.brainscales2(steepness=5)],
        layers=(layers.Dense(7),),
        class_weight={0: 2.0, 1: 1.0, 2: 1.0},
    ).fit(*iris)
    model.save(tmp_path / "model.npz")
    loaded = SpikingClassifier.load(tmp_path / "model.npz")
    np.testing.assert_array_equal(loaded.predict_proba(iris[0]), model.predict_proba(iris[0]))
    assert loaded.optimizer.alpha == 1e-3 and loaded.class_weight == model.class_weight
    assert loaded.code_.kind == model.code_.kind and repr(loaded.neuron[0]) == repr(model.neuron[0])


# bad input ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", [SpikingClassifier, SpikingRegressor])
def test_bad_tables_are_refused_as_scikit_learn_does(iris, cls):
    scipy = pytest.importorskip("scipy.sparse")
    x, y = iris
    for bad, message in (
        (np.full((150, 4), np.nan), "NaN"),
        (np.where(np.arange(600).reshape(150, 4) == 7, np.inf, x), "infinity"),
        (np.array([["a", "b"]] * 150), "could not convert string"),
        (x[:0], "minimum of 1 is required"),
        (x[:, :0], "minimum of 1 is required"),
        (x[:100], "inconsistent numbers of samples"),
    ):
        with pytest.raises(ValueError, match=message):
            quick(cls).fit(bad, y[: len(bad)] if len(bad) == 0 else y)
    with pytest.raises(TypeError, match=r"[Ss]parse"):
        quick(cls).fit(scipy.csr_matrix(x), y)
    with pytest.raises(ValueError, match="expecting 4 features"):
        quick(cls).fit(x, y).predict(x[:, :3])


@pytest.mark.parametrize("cls", [SpikingClassifier, SpikingRegressor])
@pytest.mark.parametrize("rows", [1, 2, 10, 60])
def test_little_to_learn_is_learned(iris, cls, rows):
    one_class = iris[0][:rows], iris[1][:rows]
    constant_columns = np.full((rows, 3), 7.0), np.arange(rows) % 2
    for x, y in (one_class, constant_columns):
        model = quick(cls).fit(x, y)
        answers = model.predict(x)
        assert answers.shape == (rows,) and np.isfinite(answers).all()
        assert cls is SpikingRegressor or set(answers) <= set(y)


def test_a_generator_is_a_random_state(iris):
    generator = quick(random_state=np.random.default_rng(0)).fit(*iris)
    assert generator.score(*iris) > 0.5


def test_compiling_is_told_once():
    told = []
    with telling(told.append):
        assert not told
        numba.njit(lambda x: x + 1)(1)
        numba.njit(lambda x: x + 2)(1)
    assert len(told) == 1 and "compiling kernels" in told[0]
    numba.njit(lambda x: x + 3)(1)
    assert len(told) == 1


def test_fit_tells_of_compiling(iris, capsys, monkeypatch):
    columns = SpikingClassifier.columns

    def with_kernel(self, targets):
        numba.njit(lambda x: x + 4)(1)
        return columns(self, targets)

    monkeypatch.setattr(SpikingClassifier, "columns", with_kernel)
    quick().fit(*iris)
    assert "compiling kernels" in capsys.readouterr().err
