"""Panels of notebook 21, and what they are made of: planted constants, pauses, networks."""

import numpy as np
import pytest

pytest.importorskip("ipywidgets")
pytest.importorskip("anywidget")

import small_panels
from small_panels import settled

from snnlab import evaluate, panels
from snnlab.course import listening, pauses
from snnlab.course.panels.pauses import STARTS

# planted constants --------------------------------------------------------------------------------


@pytest.mark.parametrize("what", pauses.WORDS)
def test_teacher_and_student_differ_in_what_is_planted(what):
    lesson = pauses.planted(what)
    np.testing.assert_allclose(pauses.constants_of(lesson.teacher, what), lesson.truth, rtol=1e-5)
    np.testing.assert_allclose(lesson.found(), pauses.STARTS[what], rtol=1e-5)
    for one, two in zip(lesson.teacher.weights, lesson.student.weights, strict=True):
        np.testing.assert_array_equal(one, two)
    for other in set(pauses.WORDS) - {what, "delays"}:
        one, two = (pauses.constants_of(net, other) for net in (lesson.teacher, lesson.student))
        np.testing.assert_allclose(one, two, rtol=1e-5)
    counts = lesson.teacher.forward(lesson.inputs).spikes[0].unit_counts().sum(axis=0)
    assert (counts > 20).all(), "a unit that hardly ever spikes tells nothing"


@pytest.mark.parametrize("what", pauses.WORDS)
def test_they_are_found(what):
    lesson = pauses.planted(what)
    weights = [w.copy() for w in lesson.student.weights]
    *_, (step, error, found) = pauses.find(lesson)
    assert step == 200 and np.abs(found / lesson.truth - 1).max() < 0.1
    first = next(pauses.find(pauses.planted(what), steps=1))
    assert first[0] == 0 and error < 0.05 * first[1]
    for before, now in zip(weights, lesson.student.weights, strict=True):
        np.testing.assert_array_equal(before, now)


@pytest.mark.parametrize("start", [0.0, -1.0, 12.0, "soon"])
def test_starts_out_of_range_are_refused(start):
    with pytest.raises((TypeError, ValueError), match="start"):
        pauses.planted("delays", start=start)


def test_what_is_planted_has_a_name():
    with pytest.raises(ValueError, match="what must be one of"):
        pauses.planted("gain")


# pauses -------------------------------------------------------------------------------------------


def test_nothing_but_time_tells_a_pause():
    clicks = pauses.pauses_task(n_train=600, n_test=50)
    assert len(clicks.inputs) == 600 and len(clicks.test_inputs) == 50
    spikes = clicks.inputs.counts()
    means = [spikes[clicks.labels == k].mean() for k in range(clicks.n_classes)]
    assert np.ptp(means) < 0.6, "who counts spikes should know nothing"
    x = clicks.inputs.to_dense()
    first, second = (np.median(np.argmax(part, axis=1), axis=1) for part in np.split(x, 2, axis=2))
    gap = [np.median((second - first)[clicks.labels == k]) for k in range(clicks.n_classes)]
    np.testing.assert_allclose(gap, pauses.PAUSES, atol=4)


@pytest.mark.parametrize("kind", pauses.KINDS)
def test_all_kinds_have_as_many_weights(kind):
    clicks = pauses.pauses_task(n_train=100, n_test=20)
    network = pauses.time_network(clicks, kind, hidden=6)
    assert [w.shape for w in network.weights] == [(16, 6), (6, 5)]
    names = {block.name for block in network.blocks} - {"weights"}
    learned = {"tau_mem", "tau_syn"} if kind in ("constants", "both") else set()
    assert names == learned | ({"delays"} if kind in ("delays", "both") else set())
    taus = pauses.constants_of(network, "tau_mem")
    assert len(taus) == 6 and (np.ptp(taus) > 1) == (kind == "spread")


def test_learned_constants_tell_more_than_fixed_ones():
    clicks = pauses.pauses_task(n_train=500, n_test=300)
    right = {}
    for kind in ("fixed", "constants"):
        network, found = pauses.learn(clicks, kind, epochs=10)
        test = clicks.test_inputs, clicks.test_labels
        assert evaluate(network, *test, loss=pauses.LOSS).accuracy == found.accuracy
        right[kind] = found.accuracy
    assert np.ptp(pauses.constants_of(network, "tau_mem")) > 3
    assert right["constants"] > right["fixed"] + 0.05


def test_what_is_learned_of_speech_is_as_before():
    speech = listening.speech_task(small_panels.voices(), n_train=100, n_test=30)
    network, found = listening.learn(speech, "feed-forward", epochs=1, hidden=8)
    other = listening.speech_network(speech, "feed-forward", hidden=8)
    assert listening.train_on(speech, other, epochs=1).accuracy == found.accuracy
    np.testing.assert_array_equal(network.parameters, other.parameters)


# the panels ---------------------------------------------------------------------------------------


def test_what_is_shown_is_what_the_student_finds():
    panel = panels.FindConstants(steps=6, key="test")
    try:
        assert panel.wait(small_panels.PATIENCE)
        for what in pauses.WORDS:
            values = {"what": what, "start": "low", "lr": 0.1, "steepness": 8.0}
            last = settled(panel.simulate(**values))
            lesson = pauses.planted(what, start=STARTS[what]["low"], steepness=8.0)
            run = list(pauses.find(lesson, lr=0.1, steps=6))
            np.testing.assert_array_equal(last["found"], [found for _, _, found in run])
            np.testing.assert_array_equal(last["error"], [error for _, error, _ in run])
            low, high = last["limits"]
            assert low <= last["truth"].min() and last["truth"].max() <= high
            student = panel.downloads()["student"]
            np.testing.assert_array_equal(student.parameters, lesson.student.parameters)
            assert "after 6 of 6 steps" in panel.describe(last)
    finally:
        panel.close()


def test_what_is_shown_is_the_network_that_learns():
    panel = panels.LearnPauses(n_train=100, n_test=40, steps=8, hidden=6, key="test")
    try:
        assert panel.wait(small_panels.PATIENCE)
        values = {"kind": "both", "start": "spread", "tau": 10.0, "lr": 0.01}
        last = settled(panel.simulate(**values))
        network, clicks = panel.downloads()["network"], panel.clicks
        test = clicks.test_inputs, clicks.test_labels
        right = evaluate(network, *test, loss=pauses.LOSS).accuracy
        assert last["tested"][-1] == (8, right) and last["others"][-1][0] == 8
        np.testing.assert_array_equal(last["now"][0], pauses.constants_of(network, "tau_mem"))
        delays = pauses.constants_of(network, "delays")
        np.testing.assert_array_equal(np.concatenate(last["now"][2:]), delays)
        assert all(len(a) == len(b) for a, b in zip(last["before"], last["now"], strict=True))
        assert not np.array_equal(last["before"][0], last["now"][0])
        assert last["label"] == 48
        again = settled(panel.simulate(**values))
        assert again["tested"] == last["tested"] and again["others"] == last["others"]
        fixed = settled(panel.simulate(**values | {"kind": "fixed"}))
        assert fixed["others"] == [] and fixed["tested"] == last["others"]
        assert "learns nothing" in panel.describe(fixed)
    finally:
        panel.close()
