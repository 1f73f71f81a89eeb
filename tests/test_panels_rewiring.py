"""Panels of notebooks 13 to 16: what they compute, and that their controls work."""

import numpy as np
import pytest

pytest.importorskip("ipywidgets")
pytest.importorskip("anywidget")

from snnlab import GradR, LIF, Network, lessons, live  # noqa: I001
from test_panels import _pixels, another


@pytest.fixture
def make():
    """Makes a panel by name; closes it."""
    makers = {"WireThatReturns": live.WireThatReturns}
    made = []

    def make_(name):
        made.append(makers[name]())
        return made[-1]

    yield make_
    for panel in made:
        panel.close()


NAMES = ("WireThatReturns",)


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
