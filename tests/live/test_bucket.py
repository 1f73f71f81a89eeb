"""The bucket without a browser: its arguments, and what stays of it where no kernel runs."""

import base64
import io
import re

import numpy as np
import pytest

pytest.importorskip("anywidget")

import snnlab
from snnlab.live import LeakyBucket
from snnlab.live.bucket import MODULE, N_STEPS


def kernel(setting):
    """Spikes and potentials of the same neuron, as a network of one computes them."""
    names = "v_th", "tau_mem", "tau_syn", "reset"
    neuron = snnlab.LIF.brainscales2(**{name: setting[name] for name in names})
    network = snnlab.Network((1, 1), neuron, readout=neuron, n_steps=N_STEPS, rng=0)
    network.weights[0][...] = setting["weight"]
    step = np.array(setting["spikes"], int)
    inputs = snnlab.SpikeTrains([0, len(step)], step, np.zeros_like(step), N_STEPS, 1)
    trace = network.forward(inputs)
    return np.flatnonzero(trace.readout[0, :, 0]).tolist(), trace.v[0][0, :, 0]


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"weight": 0.2},
        {"spikes": [], "weight": 1.5},
        {"spikes": [3, 0, 9], "weight": 1.2, "v_th": 0.5, "reset": "zero"},
        {"weight": -0.5, "tau_mem": 20e-6, "tau_syn": 1e-6},
    ],
)
def test_the_still_picture_says_what_the_kernel_finds(given):
    bucket = LeakyBucket(**given)
    still = bucket.still()
    fired, v = kernel(bucket.setting)
    assert f"peaks at {v.max():.2f}, " in still.alt.replace("-0.00", "0.00")
    if not fired:
        assert still.alt.endswith("it does not fire.")
    else:
        times = [float(t) for t in re.findall(r"\d+\.\d", still.alt.split(", at ")[1])[:3]]
        assert times == [round(t * 1.7, 1) for t in fired[:3]]
    assert f"{len(bucket.setting['spikes'])} input spike" in still.alt


def test_the_still_picture_is_one():
    from PIL import Image

    still = LeakyBucket().still()
    assert np.asarray(Image.open(io.BytesIO(still.png)).convert("L")).std() > 20
    assert len(base64.b64encode(still.png)) + len(still.more) < 100_000


def test_the_module_loads_nothing():
    assert not re.search(r"\b(fetch|importScripts|XMLHttpRequest)\b|import\s*\(|@import", MODULE)


def test_the_neuron_is_the_librarys():
    assert LeakyBucket().neuron() == snnlab.LIF.brainscales2()
    assert LeakyBucket(reset="zero", v_th=0.5).neuron().reset == "zero"
    assert repr(LeakyBucket()).startswith("LeakyBucket(spikes=[2, 4], weight=0.35, v_th=1.0")


@pytest.mark.parametrize(
    "given, error, word",
    [
        ({"spikes": [0.5]}, TypeError, "spikes"),
        ({"spikes": 3}, TypeError, "spikes"),
        ({"spikes": [40]}, ValueError, "spikes"),
        ({"spikes": [-1]}, ValueError, "spikes"),
        ({"spikes": [2, 2]}, ValueError, "spikes"),
        ({"weight": 2}, ValueError, "weight"),
        ({"weight": "a"}, TypeError, "weight"),
        ({"v_th": 0.1}, ValueError, "v_th"),
        ({"tau_mem": 1}, ValueError, "tau_mem"),
        ({"tau_syn": 0}, ValueError, "tau_syn"),
        ({"reset": "hard"}, ValueError, "reset"),
    ],
)
def test_wrong_arguments_are_named(given, error, word):
    with pytest.raises(error, match=f"^{word} "):
        LeakyBucket(**given)
