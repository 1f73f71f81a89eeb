"""Panels of notebooks 6 to 8: the clinic, silence is cheap, when is it sure."""

import time

import numpy as np
import pytest

pytest.importorskip("ipywidgets")
pytest.importorskip("anywidget")

import small_panels
from helpers import assert_nothing_is_cut_off
from small_panels import PATIENCE

import snnlab
from snnlab import LIF, Network, clinic, encode, panels, patients


@pytest.fixture(scope="module")
def data():
    return small_panels.digits()


@pytest.fixture(scope="module")
def networks():
    return small_panels.late_and_early()


@pytest.fixture(scope="module")
def make():
    """Makes a panel by name, once for all tests; closes all at the end."""
    made = {}

    def make_(name):
        if name not in made:
            made[name] = small_panels.MAKERS[name]()
            made[name].wait(PATIENCE)
        return made[name]

    yield make_
    for panel in made.values():
        panel.close()


# the clinic ---------------------------------------------------------------------------------------


def test_the_signs_are_those_of_the_findings():
    """Exactly the sick sign of a patient is in the range that the table calls sick."""
    which = {
        "dead": 0,
        "exploding": 4,
        "silent": 0,
        "overconfident": 6,
        "narrow": 3,
        "saturated": 1,
    }
    for bed, name in enumerate(patients.BEDS, 1):
        p = patients.admit(bed)
        loss = p.training["loss"]
        report = clinic.examine(p.network, p.inputs[:150], p.labels[:150], loss=loss)
        assert report.findings[0].name == p.expected
        sick = []
        for k, (_, values, limit) in enumerate(report.signs()):
            assert len(values) in (1, len(report.layers))
            word, bound = limit.split()
            bad = np.less if word == "below" else np.greater_equal
            with np.errstate(invalid="ignore"):
                if bad(np.array(values), float(bound)).any():
                    sick.append(k)
        assert which[name] in sick
        assert set(sick) <= {which[name], 5}  # silent samples go with silent layers
    for bad in (0, 7):
        with pytest.raises(ValueError, match="bed"):
            patients.admit(bad)


def test_knobs_are_factors(make):
    panel = make("Clinic")
    old = panel.patients[2].network
    new = panel.turned(bed=2, scale=2.0, v_th=0.5, steepness=0.1)
    np.testing.assert_allclose(new.weights[0], 2 * old.weights[0])
    np.testing.assert_array_equal(new.weights[-1], old.weights[-1])
    assert new.neurons[0].v_th == 0.5 * old.neurons[0].v_th
    assert new.neurons[1].steepness == pytest.approx(0.1 * old.neurons[1].steepness)
    assert not new.neurons[0].detach_reset


def test_treat_train_and_undo(make):
    panel = make("Clinic")
    panel.widgets["bed"].value = 6
    panel.wait(PATIENCE)
    panel.undo()
    panel.wait(PATIENCE)
    report = panel.simulate(**panel.values)["report"]
    assert report.hidden[0].saturated.all()
    panel.widgets["v_th"].value = 1.5
    panel.treat()
    assert panel.wait(PATIENCE)
    assert panel.values["v_th"] == 1.0, "knobs go back, the treated network has them in it"
    assert panel.patients[6].network.neurons[0].v_th == 1.5
    assert not panel.simulate(**panel.values)["report"].findings
    assert "treated for saturated units" in panel.text
    panel.train()
    assert panel.wait(PATIENCE) and not panel.training
    assert len(panel._curves[6][-1]) == 10 and panel._curves[6][-1][-1] > 0.9
    assert "trained" in panel.text and panel.widgets["train"].description == "Train"
    panel.treat()
    panel.wait(PATIENCE)
    assert panel.error is None and "nothing left to treat" in panel.text
    panel.undo()
    panel.wait(PATIENCE)
    assert panel.simulate(**panel.values)["report"].hidden[0].saturated.all()
    assert not panel._curves[6] and "untreated" in panel.text


def test_a_knob_stops_training(make):
    panel = make("Clinic")
    panel.widgets["bed"].value = 2
    panel.wait(PATIENCE)
    panel.train()
    until = time.monotonic() + PATIENCE
    while not panel.training and time.monotonic() < until:
        time.sleep(0.005)
    panel.widgets["scale"].value = 2.0
    assert panel.wait(PATIENCE) and not panel.training
    assert len(panel._curves[2][-1]) < 10 and "trained" not in panel.text.replace("untreated", "")


# silence ------------------------------------------------------------------------------------------


def test_a_penalty_trains_as_train_does(make, networks, data):
    panel = make("Silence")
    frames = [f for f in panel.simulate(strength=0.5, digit=3) if f]
    assert frames[-1]["steps"] == frames[-1]["of"] == 32
    twin = networks[0].copy()
    inputs, penalties = encode.latency(data.x_train[:400]), [snnlab.penalties.Bursts(0.5)]
    snnlab.train(
        twin, inputs, data.y_train[:400], epochs=8, rng=2, penalties=penalties, progress=False
    )
    result = snnlab.evaluate(twin, encode.latency(data.x_test[:100]), data.y_test[:100])
    np.testing.assert_allclose(
        frames[-1]["trail"][-1], (result.hidden_spikes, result.accuracy), rtol=1e-6
    )
    assert frames[-1]["trail"][-1][0] < 0.7 * frames[-1]["trail"][0][0]
    assert len(frames[-1]["spikes"][1][0]) < len(frames[-1]["spikes"][0][0])


def test_training_that_was_left_goes_on(make):
    panel = make("Silence")
    whole = [f for f in panel.simulate(strength=1.0, digit=0) if f][-1]
    del panel._runs[1.0]
    for stop in (5, 14, 16, 40):  # in the middle of steps, and of a measurement
        frames = panel.simulate(strength=1.0, digit=0)
        for _ in range(stop):
            next(frames, None)
        frames.close()
    again = [f for f in panel.simulate(strength=1.0, digit=0) if f][-1]
    assert again["trail"] == whole["trail"]
    assert whole["trail"][-1] in whole["done"]


def test_the_first_point_comes_soon(make):
    panel = make("Silence")
    panel._runs.clear()
    frames = panel.simulate(strength=0.2, digit=0)
    longest, n, began = 0.0, 0, time.thread_time()
    for n, frame in enumerate(frames):  # noqa: B007
        longest = max(longest, time.thread_time() - began)
        began = time.thread_time()
        if n and frame is not None:
            break
    assert n < 20 and len(frame["trail"]) == 2
    assert longest < 0.3, "slices of work are short, so a slider is answered while it trains"


def test_stored_runs_are_shown_beside_the_same_data_only(make, networks, data):
    import dataclasses

    panel = make("Silence")
    assert panel.stored == []
    other = panels.Silence(
        networks[0],
        dataclasses.replace(data, name="mnist16"),
        n_train=100,
        n_test=20,
        epochs=1,
        key="other",
    )
    other.wait(PATIENCE)
    assert len(other.stored) >= 5
    assert all(x < 100 and 0.9 < y < 1 for x, y in other.stored)
    assert_nothing_is_cut_off(other.picture)
    other.close()
    with pytest.raises(TypeError, match="network"):
        panels.Silence("mine", data)


# read-out -----------------------------------------------------------------------------------------


def test_what_is_said_is_what_the_library_says(make, networks, data):
    panel = make("ReadOut")
    inputs, labels = encode.latency(data.x_test[:200]), data.y_test[:200]
    for network, accuracy in zip(networks, panel.accuracy, strict=True):
        when = snnlab.time_to_decision(network, inputs, labels)
        np.testing.assert_array_equal(when.accuracy, accuracy)
    right = np.zeros((2, 20))
    for digit in range(100):
        out = panel.simulate(deadline=5.1e-6, digit=digit)
        right += np.array(out["said"]) == out["label"]
    assert out["at"] == 2
    for k, network in enumerate(networks):
        when = snnlab.time_to_decision(network, inputs[np.arange(100)], labels[:100])
        np.testing.assert_allclose(right[k][2:] / 100, when.accuracy[2:], atol=1e-9)


def test_before_anything_arrives_nothing_is_said(data):
    late = Network((256, 20, 10), LIF.brainscales2(delay=1), n_steps=20, rng=0)
    panel = panels.ReadOut(late, late.copy(), data, n_test=100, key="late")
    panel.widgets["deadline"].value = 1.7
    assert "it says nothing yet" in panel.text and "nothing yet" in panel.picture.alt
    panel.close()
    with pytest.raises(ValueError, match="same sizes"):
        panels.ReadOut(late, Network((256, 9, 10), LIF.brainscales2(), n_steps=20, rng=0), data)
    with pytest.raises(TypeError, match="Network"):
        panels.ReadOut(late, 3, data)
