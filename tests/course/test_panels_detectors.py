"""Detectors that learn without a teacher: the task, the readout, and the panel."""

import numpy as np
import pytest
import small_panels

from snnlab import panels, plot, stdp
from snnlab.course import detectors, figures


@pytest.fixture(scope="module")
def sight():
    return detectors.sight_task(small_panels.digits(), n_train=400, n_test=200)


def test_the_task_is_first_spikes_of_the_images(sight):
    data = small_panels.digits()
    wanted = stdp.first_spikes(stdp.contrast(data.x_test[:200].reshape(-1, 16, 16)))
    np.testing.assert_array_equal(sight.test_when, wanted)
    np.testing.assert_array_equal(sight.labels, data.y_train[:400])
    assert sight.shape == (16, 16, 2)


def test_the_task_needs_grey_images_of_some_size():
    with pytest.raises(ValueError, match="data must be grey images"):
        detectors.sight_task(small_panels.coloured_digits())


def test_what_is_learned_can_be_read(sight):
    network = detectors.detector_network(sight)
    assert detectors.read(network, sight) > 0.5  # ten digits
    log = None
    for log in detectors.watch(network, sight, cut=0.3, images=1000):  # noqa: B007
        pass
    assert detectors.read(network, sight) > 0.75
    events = detectors.events_at_looks(log)
    assert len(events) == 20 and sum(events) * 100 == pytest.approx(log.events.total)
    network.prune(1, np.ones(network.stages[1].weights.shape, bool))
    assert detectors.read(network, sight) < 0.3


def test_pictures_are_bright_where_on_is_wanted():
    pictures = np.zeros((1, 2, 2, 2))
    pictures[0, 0, 0, 0], pictures[0, 1, 1, 1] = 0.75, 0.5
    assert detectors.signed(pictures).tolist() == [[[0.75, 0], [0, -0.5]]]


def test_the_panel_tells_a_run():
    panel = panels.WithoutTeacher(small_panels.digits(), n_train=200, n_test=50, steps=300)
    try:
        frames = [f for f in panel.simulate(cut=0.5, rise=0.16, threshold=8) if f is not None]
        first, last = frames[0], frames[-1]
        assert first["left"] == [(0, 1.0)] and not first["tested"] and not first["events"]
        assert last["left"][-1][0] == 600 and last["left"][-1][1] < 0.6
        assert len(last["events"]) == len(last["uncut"]) == 6
        assert sum(y for _, y in last["events"]) < sum(y for _, y in last["uncut"])
        again = panel.simulate(cut=0.0, rise=0.16, threshold=8)
        whole = [f for f in again if f is not None][-1]
        assert whole["events"] == whole["uncut"] == last["uncut"]
        said = panel.describe(last)
        assert "cut below 0.5" in said and "of the events without cuts" in said
        assert "not yet known" in panel.describe(first)
        picture = figures.draw_detectors(first)
        figures.update_detectors(picture, last)
        assert "learning" not in picture.artists.titles[0].get_text()
        assert f"{100 * last['left'][-1][1]:.1f} % of the synapses" in picture.alt
        assert plot.to_png(picture.fig)[:4] == b"\x89PNG"
    finally:
        panel.close()


def test_a_silent_layer_is_shown_not_told():
    panel = panels.WithoutTeacher(small_panels.digits(), n_train=100, n_test=50, steps=100)
    try:
        last = small_panels.settled(panel.simulate(cut=0.3, rise=0.04, threshold=16))
        assert last["left"][-1][0] == 200
    finally:
        panel.close()
