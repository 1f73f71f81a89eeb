"""Panels of notebooks 13 to 16: what they compute, and that their controls work."""

import numpy as np
import pytest

pytest.importorskip("ipywidgets")
pytest.importorskip("anywidget")

import small_panels
from helpers import assert_nothing_is_cut_off
from sklearn.linear_model import LogisticRegression
from small_panels import settled

import snnlab
from snnlab import LIF, GradR, Network, datasets, lessons, panels, rewiring, synapses
from snnlab.course.figures import region_colours
from snnlab.course.panels.regions import noisy
from snnlab.course.panels.rewire import stored_runs
from snnlab.reports.avoidance import permutation_test, rank_correlation, worst_of


@pytest.fixture(scope="module")
def data():
    return small_panels.digits()


# --- 13: a cloud of wires ------------------------------------------------------------------------


@pytest.mark.parametrize("alpha, p", [(0.02, 0.95), (0.3, 0.6), (0.0, 0.95)])
def test_the_cloud_follows_the_rule_of_the_library(alpha, p):
    cloud = lessons.cloud(alpha=alpha, lr=0.01, sparsity=p, n_steps=150)
    w, needed, change, x, wanted = lessons._task(150, 0)
    network = Network((lessons.N_WIRES, 1), LIF.brainscales2(), n_steps=1, rng=0, dtype=np.float64)
    network.weights[0][:, 0] = w
    rule = GradR(0.01, p, alpha)
    rule.begin(network)
    for t in range(150):
        error = x[t] @ network.weights[0][:, 0] - wanted[t]
        rule.step(network, [(error @ x[t] / lessons.BATCH)[:, None]])
    np.testing.assert_allclose(cloud.theta[-1], rule.strengths(network)[0][:, 0], rtol=1e-9)
    assert cloud.change == change == 75 and needed.sum(axis=1).tolist() == [30, 30]


def test_needed_wires_return_only_if_they_hear():
    hears, deaf = (
        lessons.cloud(alpha=0.1, lr=0.01, sparsity=0.95, hear=hear) for hear in (True, False)
    )
    later = hears.needed[1] & ~hears.needed[0]
    sunk = later & ~hears.active[hears.change]
    assert sunk.sum() >= 5 and hears.active[-1][sunk].all()
    assert not deaf.active[-1][later & ~deaf.active[deaf.change]].any()
    assert deaf.regrown.sum() == 0 and hears.regrown.sum() > 0
    before, after = (hears.error[k - 50 : k].mean() for k in (hears.change, len(hears.error)))
    assert hears.error[hears.change] > 3 * before and after < 2 * before


def test_the_target_matters_once_its_centre_is_reached():
    for alpha, equal in ((1e-3, True), (0.1, True), (0.3, False)):
        a, b = (lessons.cloud(alpha=alpha, lr=0.01, sparsity=p) for p in (0.6, 0.95))
        assert np.array_equal(a.theta, b.theta) == equal
        assert a.centre == pytest.approx(np.log(0.8) / alpha)
    assert lessons.cloud(alpha=0, lr=0.01, sparsity=0.9).centre == -np.inf


def test_counters_add_up():
    cloud = lessons.cloud(alpha=0.05, lr=0.02, sparsity=0.9)
    there = cloud.active.sum(axis=1)
    np.testing.assert_array_equal(np.diff(there), cloud.regrown - cloud.pruned)
    panel = panels.WireThatReturns(key="test")
    data = panel.simulate(alpha=0.05, lr=0.02, p=0.9, wire=32, hear=True)
    assert f"{there[-1]} of 200 wires are left" in panel.describe(data)
    panel.close()
    for bad in ({"alpha": -1}, {"sparsity": 0.3}, {"n_steps": 1}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            lessons.cloud(**{"alpha": 0.1, "lr": 0.01, "sparsity": 0.9} | bad)


# --- 14: rules that rewire a network -------------------------------------------------------------


@pytest.fixture(scope="module")
def task(data):
    return lessons.task(data, n_train=300, n_test=60, steps=120, hidden=20)


def test_a_task_is_what_it_says(task):
    assert task.sizes == (256, 20, 10) and len(task.inputs) == 300
    assert task.epochs * task.per_epoch == 120


@pytest.mark.parametrize("connectivity", [0.01, 0.05, 0.3, 0.9, 1.0])
def test_shares_leave_the_connectivity(connectivity):
    sizes = 256, 50, 10
    sparsities = rewiring.erdos_renyi(sizes, connectivity)
    layers = zip(sparsities, sizes, sizes[1:], strict=False)
    kept = [(1 - s) * a * b for s, a, b in layers]
    assert sum(kept) == pytest.approx(connectivity * 13_300)
    assert kept[0] <= 12_800 + 1e-6 and kept[1] <= 500 + 1e-6
    if connectivity < 0.15:
        assert kept[1] / kept[0] == pytest.approx(60 / 306)


@pytest.mark.parametrize("method", lessons.METHODS)
def test_rules_end_where_they_should(task, method):
    network, rule, result = lessons.rewire(task, method, connectivity=0.1, strength=0.2)
    left = synapses.connectivity(network).overall
    if method in ("Deep R", "magnitude", "fixed mask"):
        assert left == pytest.approx(0.1, abs=2e-3)
    assert 0 < left < 0.9 and result.accuracy > 0.3
    again, *_ = lessons.rewire(task, method, connectivity=0.1, strength=0.2)
    np.testing.assert_array_equal(network.parameters, again.parameters)
    first, _ = lessons.begin(task, method, connectivity=0.1)
    spikes = first.forward(task.inputs).hidden_counts().mean()
    assert 4 < spikes < 16, "a network that begins silent learns nothing"


def test_grad_r_holds_its_target(task):
    network, *_ = lessons.rewire(task, "Grad R", connectivity=0.3, strength=0.5)
    assert synapses.connectivity(network).overall == pytest.approx(0.3, abs=0.03)


def test_wrong_settings_are_named(task):
    for name, bad in (("method", "Grad Q"), ("connectivity", 0.7), ("strength", -1.0)):
        settings = {"method": "Grad R"} | {name: bad}
        with pytest.raises(ValueError, match=name):
            lessons.begin(task, **settings)


def test_the_panel_trains_what_the_lesson_trains(data):
    panel = panels.Rewire(data, n_train=200, n_test=50, steps=60, hidden=12, key="test")
    assert panel.wait(60)
    frames = panel.simulate(target=0.1, strength=0.2, method="magnitude")
    shown = [frame for frame in frames if frame is not None]
    network, rule, result = lessons.rewire(panel.task, "magnitude", connectivity=0.1)
    final = shown[-1]
    assert final["left"][-1] == pytest.approx(synapses.connectivity(network).overall)
    assert final["tested"][-1] == (60, result.accuracy) and len(final["left"]) == 61
    np.testing.assert_array_equal(
        final["pixels"].ravel(), np.count_nonzero(network.weights[0], axis=1)
    )
    assert len(shown[0]["left"]) == 1 and len(shown[0]["tested"]) == 1, "frames must not change"
    assert ("magnitude", final["left"][-1], result.accuracy) in final["others"]
    again = settled(panel.simulate(target=0.1, strength=0.5, method="magnitude"))
    assert len(again["others"]) == len(final["others"]), "it has no pull: the same run"
    assert "no pull" in panel.describe(again)
    panel.close()


def test_a_move_gives_up_the_run(data):
    panel = panels.Rewire(data, n_train=500, n_test=50, steps=5000, hidden=30, key="test")
    panel.widgets["method"].value = "STDS"
    panel.widgets["method"].value = "Deep R"
    waits_until(lambda: panel.text.startswith("Deep R"))
    thread = panel.worker._thread
    panel.close()
    assert not thread.is_alive()


def waits_until(condition, timeout=30.0):
    import time

    until = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_stored_runs_are_read_if_there_are_any(monkeypatch):
    assert stored_runs("no such study") == []
    records = [
        {"label": "Grad R", "metric": "test_accuracy", "mean": 0.98, "connectivity": 0.05},
        {"label": "random mask", "metric": "test_accuracy", "mean": 0.9, "connectivity": 0.05},
        {"label": "dense", "metric": "test_accuracy", "mean": 0.99, "connectivity": 1.0},
        {"label": "Grad R", "metric": "test_accuracy", "mean": 0.98},
    ]
    monkeypatch.setattr(snnlab.results, "load", lambda study: records)
    assert stored_runs("any") == [("Grad R", 0.05, 0.98), ("fixed mask", 0.05, 0.9)]


def test_stored_runs_are_drawn_whole(data):
    """The title that names them went beyond the picture."""
    runs = [("Grad R", 0.05, 0.98), ("STDS", 0.01, 0.9)]
    panel = panels.Rewire(data, **small_panels.REWIRED, stored=runs, key="stored")
    try:
        assert panel.wait(60)
        assert_nothing_is_cut_off(panel.picture)
    finally:
        panel.close()


# --- 15: rewiring on a chip ----------------------------------------------------------------------


def test_defects_are_those_of_the_chip():
    chip = snnlab.Substrate.ideal(0, gain_spread=0.2, dead=(1, 3))
    defect = chip.badness()[:5]
    off = np.abs(chip.factors["gain_spread"][:5] - 1)
    assert np.isinf(defect[[1, 3]]).all()
    np.testing.assert_allclose(defect[[0, 2, 4]], off[[0, 2, 4]] / np.sqrt(len(chip.factors)))
    assert worst_of(defect, 0.4).tolist() == [False, True, False, True, False]


def test_rank_correlation_is_spearmans():
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(0)
    for _ in range(5):
        a, b = rng.integers(0, 6, 40), rng.normal(0, 1, 40)
        assert rank_correlation(a, a + b) == pytest.approx(stats.spearmanr(a, a + b)[0])
    assert np.isnan(rank_correlation([1, 1, 1], [1, 2, 3]))


def test_chance_is_a_p_value():
    def p_value(x, chosen, permutations, seed=0):
        return permutation_test(x, chosen, fewer=True, permutations=permutations, rng=seed).p

    rng = np.random.default_rng(0)
    chosen = np.arange(60) < 6
    found = [p_value(rng.poisson(9, 60), chosen, 200, k) for k in range(60)]
    assert 0.3 < np.mean(found) < 0.7 and np.mean(np.array(found) < 0.05) < 0.15
    few = np.where(chosen, 0, 9)
    assert p_value(few, chosen, 999) == pytest.approx(1e-3)
    assert p_value(np.ones(60), chosen, 99) == 1


def test_wires_leave_dead_neurons(data):
    task = lessons.task(data, n_train=500, n_test=60, steps=350, hidden=40)
    wires, defect, accuracy = lessons.rewire_on_chip(
        task, sigma_d=0.2, dead=0.2, alpha=0.15, seed=1
    )
    dead = np.isinf(defect)
    assert 3 <= dead.sum() <= 15 and accuracy > 0.5
    assert wires[dead].mean() < 0.4 * wires[~dead].mean()


def test_only_dead_neurons_are_drawn_as_dead(make):
    panel = make("RewireOnChip")
    frame = next(panel.simulate(sigma_d=0.5, dead=0.0, alpha=0.15))
    frame["defect"][:2] = 0.9, np.inf  # far off, and dead
    panel.update(panel.picture, frame)
    faults, alive = panel.picture.artists.faults, panel.picture.artists.alive
    shown = np.asarray(faults.get_array())[0]
    assert (shown > faults.norm.vmax).sum() == 1 and shown[-1] > faults.norm.vmax
    assert alive.get_xdata().max() <= 0.6 and len(alive.get_xdata()) == 11


# --- 16: decision regions ------------------------------------------------------------------------


def test_fitting_step_by_step_is_fitting():
    data = datasets.load("yinyang")
    x, y = data.x_train[:200], data.y_train[:200]
    settings = {"hidden": (10,), "epochs": 3, "batch_size": 40, "random_state": 1}
    whole = snnlab.SpikingClassifier(**settings).fit(x, y)
    model = snnlab.SpikingClassifier(**settings)
    seen = [(step.loss, model.score(x[:50], y[:50])) for step in model.fit_steps(x, y)]
    assert len(seen) == 15
    np.testing.assert_array_equal(model.network_.parameters, whole.network_.parameters)
    assert model.history_.loss == whole.history_.loss


def test_noise_moves_both_views_of_a_coordinate():
    points = datasets.load("yinyang").x_train[:2000]
    np.testing.assert_array_equal(noisy(points, 0.0), points)
    moved = noisy(points, 0.05)
    np.testing.assert_allclose(moved[:, :2] + moved[:, 2:], 1, atol=1e-6)
    assert 0 <= moved.min() and moved.max() <= 1
    assert (moved - points)[:, 0].std() == pytest.approx(0.05, rel=0.1)


def test_regions_are_the_classifiers(make):
    panel = make("YinYang")
    frames = [f for f in panel.simulate(noise=0.0, n=200, hidden=20) if f is not None]
    final = frames[-1]
    x, y = panel.data.x_train[:200], panel.data.y_train[:200]
    model = snnlab.SpikingClassifier(
        (20,), epochs=5, batch_size=50, lr=1e-2, random_state=0, code="population"
    )
    model.fit(x, y)
    np.testing.assert_allclose(
        final["odds"][30, 10],
        model.predict_proba(np.array([[10.5, 30.5, 37.5, 17.5]]) / 48)[0],
        rtol=1e-4,
    )
    assert final["tested"][-1] == (20, model.score(panel.data.x_test[:50], panel.data.y_test[:50]))
    assert final["baseline"] < 0.8
    x_test, y_test = panel.data.x_test[:50], panel.data.y_test[:50]
    usual = LogisticRegression().fit(x, y).score(x_test, y_test)
    assert final["baseline"] == pytest.approx(usual, abs=0.021)  # at most one point differs


def test_paler_where_unsure():
    sure, unsure = region_colours(np.array([[[0.98, 0.01, 0.01], [0.36, 0.32, 0.32]]]))[0]
    assert (sure <= unsure).all() and sure.sum() < unsure.sum() - 0.3 and unsure.max() <= 1
