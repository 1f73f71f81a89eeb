"""Panels of notebook 22, and what they are made of: traces, and networks that learn from them."""

import numpy as np
import pytest

pytest.importorskip("ipywidgets")

import small_panels
from small_panels import settled

from snnlab import datasets, evaluate, panels
from snnlab.course import traces

FIRST = {"neuron": 30, "rate": 0.2, "threshold": 1.5, "tau": 12e-6, "n_steps": 40}


@pytest.fixture(scope="module")
def camera():
    return datasets.n_mnist(which="stand-in").train


def test_what_comes_in_goes_out():
    panel = panels.OneNumber(key="test")
    try:
        shown = panel.simulate(**FIRST)
    finally:
        panel.close()
    keep = np.exp(-1 / 12)
    past = np.concatenate([[0], shown["own"][:-1]])
    np.testing.assert_allclose(shown["v"], shown["heard"] - past, atol=1e-9)
    np.testing.assert_allclose(
        shown["own"], np.concatenate([[0], keep * shown["own"][:-1]]) + shown["z"]
    )
    assert shown["all_heard"].shape == (traces.MANY,)
    assert shown["all_own"][30] == shown["own"][-1] and shown["heard"][-1] == shown["all_heard"][30]
    loud = shown["all_heard"] > 3
    assert loud.any() and shown["all_own"][loud].all()
    assert 0 < shown["off"] < 1.5


def test_fewer_spikes_by_a_higher_threshold():
    panel = panels.OneNumber(key="test")
    low, high = (panel.simulate(**FIRST | {"threshold": x}) for x in (0.5, 3.0))
    panel.close()
    assert high["z"].sum() < low["z"].sum()


def test_both_networks_are_those_that_are_shown():
    data = small_panels.digits()
    panel = panels.WithoutTime(data, n_train=300, n_test=60, steps=12, hidden=15, key="test")
    try:
        assert panel.wait(small_panels.PATIENCE)
        values = {"lr": 5e-3, "threshold": 2.0, "inhibition": 0.03, "normalise": False}
        last = settled(panel.simulate(**values))
        networks = panel.downloads()
        test = panel.samples.test_inputs, panel.samples.test_labels
        assert list(networks) == list(traces.WAYS) and len(last["names"]) == 2
        for network, tested in zip(networks.values(), last["tested"], strict=True):
            assert tested[-1] == (12, evaluate(network, *test, loss=traces.LOSS).accuracy)
            assert network.sizes == (256, 15, 10) and len(network.weights) == 2
            fixed = [block.name for block in network.blocks if not block.trainable]
            assert fixed == ["recurrent", "recurrent"]
        one, two = (network.parameters for network in networks.values())
        assert not np.array_equal(one, two) and len(last["loss"][0]) == len(last["loss"][1]) == 12
        again = settled(panel.simulate(**values))
        assert again["tested"] == last["tested"]
        assert "as they are" in last["settings"][1] and "12 of 12" in panel.describe(last)
    finally:
        panel.close()


# an event camera ----------------------------------------------------------------------------------


def test_shuffled_events_keep_their_counts(camera):
    mixed = traces.shuffled(camera, seed=1)
    assert np.array_equal(mixed.times, camera.times) and not np.array_equal(
        mixed.units, camera.units
    )
    for k in (0, 7):
        lo, hi = camera.indptr[k : k + 2]
        np.testing.assert_array_equal(np.sort(mixed.units[lo:hi]), np.sort(camera.units[lo:hi]))


def test_recordings_are_split(camera):
    task = traces.camera_task(camera, seed=2)
    n = len(camera) // 5
    assert len(task.test_inputs) == len(task.test_labels) == n
    assert len(task.inputs) == len(task.labels) == len(camera) - n
    every = np.concatenate([task.labels, task.test_labels])
    np.testing.assert_array_equal(np.bincount(every), np.bincount(camera.labels))
    other = traces.camera_task(camera, shuffle=True, seed=2)
    np.testing.assert_array_equal(other.labels, task.labels)
    assert other.inputs != task.inputs
    with pytest.raises(TypeError, match="recordings"):
        traces.camera_task(small_panels.digits())


@pytest.mark.parametrize("way", traces.WAYS)
def test_recordings_are_learned(camera, way):
    task = traces.camera_task(camera)
    _, found = traces.learn_camera(task, way, epochs=4, hidden=40)
    assert found.accuracy > 0.5


def test_sums_are_learned(camera):
    assert traces.learn_sums(traces.camera_task(camera), hidden=30) > 0.6
