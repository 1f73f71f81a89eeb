"""Panels of notebooks 13 to 16: what they compute, and that their controls work."""

import numpy as np
import pytest

pytest.importorskip("ipywidgets")
pytest.importorskip("anywidget")

from test_panels import _pixels, another

import snnlab
from snnlab import LIF, GradR, Network, datasets, lessons, live, synapses
from snnlab.live.rewire import stored_runs


@pytest.fixture(scope="module")
def data():
    return datasets.load("digits16")


@pytest.fixture
def make(data):
    """Makes a panel by name; closes it."""
    small = {"n_train": 200, "n_test": 50, "hidden": 12}
    makers = {
        "WireThatReturns": live.WireThatReturns,
        "Rewire": lambda: live.Rewire(data, steps=24, **small),
    }
    made = []

    def make_(name):
        made.append(makers[name]())
        return made[-1]

    yield make_
    for panel in made:
        panel.close()


NAMES = "WireThatReturns", "Rewire"


@pytest.mark.parametrize("name", NAMES)
def test_every_control_changes_the_picture(make, name):
    panel = make(name)
    assert panel.wait(30)
    for key, control in panel.controls.items():
        if isinstance(control, live.Action):
            continue
        before = panel.image.value
        panel.widgets[key].value = another(control, panel.widgets[key])
        assert panel.wait(30) and panel.error is None, key
        assert panel.image.value != before, key
        assert panel.text and panel.text == panel._line.value == panel._voice.say
    assert len(panel.picture.alt) > 60


@pytest.mark.parametrize("name", NAMES)
def test_display_has_a_picture_for_readers(make, name):
    panel = make(name)
    panel.wait(30)
    data, metadata = panel._repr_mimebundle_()
    assert len(data["image/png"]) < 300_000
    assert metadata["image/png"]["alt"] == panel.picture.alt
    assert panel.text in data["text/plain"] and len(data["text/plain"]) < 700


@pytest.mark.parametrize("name", NAMES)
def test_the_quick_redraw_shows_what_a_full_one_shows(make, name):
    panel = make(name)
    panel.wait(30)
    key = next(k for k, c in panel.controls.items() if not isinstance(c, live.Action))
    data = []
    for _ in range(2):
        panel.widgets[key].value = another(panel.controls[key], panel.widgets[key])
        panel.wait(30)
        data.append(last(panel.simulate(**panel.values)))
    fresh = panel.draw(data[1])
    for one in data:
        panel.update(panel.picture, one)
    assert fresh.alt == panel.picture.alt
    a, b = (_pixels(picture.png(1)) for picture in (fresh, panel.picture))
    assert np.mean(a != b) < 0.002


def last(data):
    """The last frame of long work, or the data of quick work."""
    if not hasattr(data, "send"):
        return data
    return [frame for frame in data if frame is not None][-1]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_cut_off(make, name):
    panel = make(name)
    panel.wait(30)
    fig = panel.picture.fig
    panel.picture.png(1)
    width, height = fig.canvas.get_width_height()
    for ax in fig.get_axes():
        if ax.get_visible() and ax.axison:
            box = ax.get_tightbbox()
            assert box.x0 >= -1 and box.y0 >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1


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
    panel = live.WireThatReturns(key="test")
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
    kept = [(1 - s) * a * b for s, a, b in
            zip(lessons.shares(sizes, connectivity), sizes, sizes[1:], strict=False)]  # fmt: skip
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
    panel = live.Rewire(data, n_train=200, n_test=50, steps=60, hidden=12, key="test")
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
    again = last(panel.simulate(target=0.1, strength=0.5, method="magnitude"))
    assert len(again["others"]) == len(final["others"]), "it has no pull: the same run"
    assert "no pull" in panel.describe(again)
    panel.close()


def test_a_move_gives_up_the_run(data):
    panel = live.Rewire(data, n_train=500, n_test=50, steps=5000, hidden=30, key="test")
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
