"""The living network's Python side: what it sends to the page, how often, and what stays of it.

What the page does with it is tested in `test_browser_living`.
"""

import base64
import io
import json
import os
import re
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import ROOT

import snnlab

pytest.importorskip("anywidget")
pytest.importorskip("matplotlib")

from snnlab.live import living as module  # noqa: E402
from snnlab.live.living import LivingNetwork, sample_digits, small_network  # noqa: E402
from snnlab.live.still import Still  # noqa: E402

SHIPPED = module.STATIC / "small_network.npz"


def small(sizes=(4, 3, 2), **changes):
    readout = snnlab.LeakyIntegrator(tau_mem=4e-3, tau_syn=2e-3, dt=1e-3)
    neuron = snnlab.LIF(tau_mem=4e-3, tau_syn=2e-3, dt=1e-3, **changes)
    return snnlab.Network(sizes, neuron, readout=readout, n_steps=6, rng=0)


# the shipped network ------------------------------------------------------------------------------


def test_the_shipped_network_is_small_and_reads_well():
    assert SHIPPED.stat().st_size < 200_000
    with np.load(SHIPPED) as arrays:
        assert {arrays[f"weights_{k}"].dtype for k in range(2)} == {np.dtype(np.float16)}
        # weights, which of scikit-learn's digits are shown, and words: no images
        assert set(arrays.files) == {"weights_0", "weights_1", "samples", "header"}
    data = snnlab.datasets.load("digits16")
    network = small_network()
    spikes = snnlab.encode.latency(data.x_test, n_steps=network.n_steps)
    result = snnlab.evaluate(network, spikes, data.y_test)
    assert result.accuracy > 0.98 and 10 < result.hidden_spikes < 60


@pytest.mark.mnist
def test_it_reads_mnist(mnist16):
    data = mnist16
    network = small_network()
    spikes = snnlab.encode.latency(data.x_test, n_steps=network.n_steps)
    assert snnlab.evaluate(network, spikes, data.y_test).accuracy > 0.985


def test_the_samples_are_digits_it_was_not_trained_on():
    images, labels = sample_digits()
    data = snnlab.datasets.load("digits16")
    place = {row.tobytes(): label for row, label in zip(data.x_test, data.y_test, strict=True)}
    assert images.dtype == np.float32 and images.shape == (100, 256)
    assert [place[row.tobytes()] for row in images] == labels.tolist()
    assert np.bincount(labels).tolist() == [10] * 10


def test_showing_it_compiles_nothing_and_needs_no_scikit_learn():
    code = """
import sys
from snnlab.live.living import LivingNetwork
LivingNetwork().still()
from numba.core.dispatcher import Dispatcher
print([f for m in list(sys.modules.values()) if getattr(m, "__name__", "").startswith("snnlab")
       for f in vars(m).values() if isinstance(f, Dispatcher) and f.signatures],
      "sklearn" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"NUMBA_DISABLE_JIT": "0"},
    )
    assert done.stdout.strip() == "[] False", done.stderr


# what is sent -------------------------------------------------------------------------------------


def test_constants_are_the_kernels_to_the_last_bit():
    network = small(v_th=(1.0, 0.7, 1.3), refractory=2e-3, reset="zero", delay=1)
    layer = LivingNetwork(network)._spec["layers"][0]
    c = network.neurons[0].constants(3, np.float32)
    for name in ("decay_syn", "decay_mem", "gain", "hold"):
        assert np.all(np.float32(layer[name]) == getattr(c, name)), name
    assert layer["v_th"] == [1.0, 0.7, 1.3] and layer["hold"] == 2
    assert layer["zero_reset"] and layer["fires"] and layer["delay"] == 1
    json.dumps(layer, allow_nan=False)


def test_weights_and_images_travel_exactly():
    network = small()
    shown = LivingNetwork(network, images=np.array([[0, 1 / 255, 0.5, 1]], np.float32))
    flat = np.frombuffer(shown._weights, np.float32)
    assert shown._weights_kind == "float32"
    assert np.array_equal(flat, np.concatenate([w.ravel() for w in network.weights]))
    assert shown._images_kind == "float32"  # 0.5 is no 255th
    assert np.frombuffer(shown._images, np.float32).tolist() == pytest.approx([0, 1 / 255, 0.5, 1])
    assert LivingNetwork()._weights_kind == "float16"
    bytes_ = LivingNetwork(network, images=np.float32([[[0, 1], [2 / 255, 1]]]))
    assert bytes_._images_kind == "uint8" and bytes_._images == bytes([0, 255, 2, 255])
    assert bytes_._spec["shape"] == [2, 2]


def test_spikes_travel_exactly():
    z = np.zeros((3, 6, 4), bool)
    z[0, 1, 2] = z[2, 0, 3] = z[2, 5, 0] = True
    shown = LivingNetwork(small(), snnlab.SpikeTrains.from_dense(z))
    flat = np.frombuffer(shown._events, np.int32).tolist()
    assert flat == [3, 0, 1, 1, 3, 1, 0, 5, 2, 3, 0]
    assert shown._spec["edges"] is None


@pytest.mark.parametrize(
    "error, words, arguments",
    [
        (TypeError, "network must be a Network", {"network": 3}),
        (ValueError, "inputs and images", {"inputs": 1, "images": 1}),
        (TypeError, "inputs must be SpikeTrains", {"inputs": np.zeros((1, 4))}),
        (ValueError, "images must lie in", {"images": np.full((1, 4), 2.0)}),
        (ValueError, "images must have shape", {"images": np.zeros((1, 5))}),
        (ValueError, "labels must", {"images": np.zeros((1, 4)), "labels": [2]}),
        (ValueError, "labels must be left out", {"labels": [0]}),
        (ValueError, "names must hold 2", {"names": tuple("abc")}),
        (ValueError, "wires must be at least 1", {"wires": 0}),
        (ValueError, "at most 500", {"images": np.zeros((501, 4))}),
        (ValueError, "images or inputs must hold at least one", {"images": np.zeros((0, 4))}),
        (ValueError, "theta", {"images": np.zeros((1, 4)), "theta": 1.5}),
        (ValueError, "at most 1,000,000 weights", {"network": small((1100, 1000, 2))}),
    ],
)
def test_errors_name_the_argument(error, words, arguments):
    with pytest.raises(error, match=words):
        LivingNetwork(**({"network": small()} | arguments))


# while it learns ----------------------------------------------------------------------------------


def test_update_sends_weights_and_constants():
    network = small()
    shown = LivingNetwork(network)
    for w in network.weights:
        w[...] = 0.5
    shown.update(caption="now")
    assert shown._weights_kind == "float16" and shown.caption == "now"
    assert np.all(np.frombuffer(shown._weights, np.float16) == 0.5)
    before = shown._spec
    shown.update(small(v_th=2.0))
    assert shown._spec["layers"][0]["v_th"] == 2.0 and before["layers"][0]["v_th"] == 1.0
    with pytest.raises(ValueError, match="network must be"):
        shown.update(small((4, 4, 2)))
    with pytest.raises(TypeError, match="network"):
        shown.update("network")


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still unless it is moved, and timers that only note their delay."""
    clock = SimpleNamespace(now=100.0, timers=[])

    def timer(delay, act):
        clock.timers.append(act)
        return SimpleNamespace(start=lambda: None, daemon=False)

    def sleep(seconds):
        clock.now += seconds

    monkeypatch.setattr(
        module, "time", SimpleNamespace(perf_counter=lambda: clock.now, sleep=sleep)
    )
    monkeypatch.setattr(module, "threading", SimpleNamespace(Timer=timer))
    return clock


def step_of(network, k):
    return SimpleNamespace(
        network=network, epoch=0, step=k, steps_per_epoch=100, accuracy=0.5, ends_epoch=k == 99
    )


def count_updates(shown, monkeypatch, cost=0.0, clock=None):
    seen = []

    def update(network, caption):
        seen.append(caption)
        if clock:
            clock.now += cost

    monkeypatch.setattr(shown, "update", update)
    return seen


def test_training_is_shown_a_few_times_a_second(monkeypatch, clock):
    network = small()
    shown = LivingNetwork(network)
    seen = count_updates(shown, monkeypatch)
    for k in range(100):  # a second of training, answered at once
        assert shown.callback(step_of(network, k)) is None
        shown._answered(shown, {"kind": "seen"}, [])
        clock.now += 0.01
    assert len(seen) == 5
    assert len(clock.timers) == 1, "timers pile up"
    clock.timers[0]()  # the training is over; what it ended with is drawn
    assert len(seen) == 6 and "step 100 of 100: 50 %" in seen[-1]


def test_a_page_that_does_not_answer_is_waited_for(monkeypatch, clock):
    network = small()
    shown = LivingNetwork(network)
    seen = count_updates(shown, monkeypatch)
    for k in range(99):
        shown.callback(step_of(network, k))
        clock.now += 0.02
    assert len(seen) == 2  # one a second


def test_showing_takes_a_small_share_of_a_training(monkeypatch, clock):
    network = small()
    shown = LivingNetwork(network)
    seen = count_updates(shown, monkeypatch, cost=0.05, clock=clock)
    began = clock.now
    for k in range(99):
        shown.callback(step_of(network, k))
        shown._answered(shown, {"kind": "seen"}, [])
        clock.now += 0.1
    assert len(seen) * 0.05 < 0.05 * (clock.now - began)


def test_training_with_the_callback_draws_its_end():
    data = snnlab.datasets.load("digits16")
    spikes = snnlab.encode.latency(data.x_train[:300], n_steps=20)
    network = snnlab.Network((256, 20, 10), snnlab.LIF.brainscales2(), n_steps=20, rng=0)
    shown = LivingNetwork(network)
    first = shown._weights
    snnlab.train(
        network,
        spikes,
        data.y_train[:300],
        epochs=3,
        rng=1,
        progress=False,
        callback=shown.callback,
    )
    shown._latest = network, "the end"
    shown._waits, shown._pause = False, 0.0
    shown._catch_up()
    assert shown._weights != first and shown.caption == "the end"
    expected = np.concatenate([w.ravel() for w in network.weights])
    assert np.array_equal(np.frombuffer(shown._weights, np.float32), expected)


# what stays ---------------------------------------------------------------------------------------


def test_a_still_picture_stays_and_is_described(monkeypatch):
    from PIL import Image

    shown = LivingNetwork()
    still = shown.still()
    assert "256 inputs, 246 hidden neurons, 10 outputs" in still.alt
    heard = int(re.search(r"makes (\d+) input", still.alt)[1])
    images, labels = sample_digits()
    network = small_network()
    trace = network.forward(snnlab.encode.latency(images[:1], n_steps=20))
    assert heard == trace.inputs.counts()[0]
    assert f"and {trace.hidden_counts()[0]} hidden ones; the network says {labels[0]}" in still.alt
    assert len(base64.b64encode(still.png)) < 300_000
    picture = Image.open(io.BytesIO(still.png)).convert("L")
    assert np.asarray(picture).std() > 20


def test_wires_that_are_pruned_are_not_counted():
    z = np.zeros((1, 6, 4), bool)
    network, inputs = small(), snnlab.SpikeTrains.from_dense(z)
    n = sum(w.size for w in network.weights)
    assert f"and all of its {n} wires. " in LivingNetwork(network, inputs).still().alt
    network.weights[0][0] = 0
    left = n - network.weights[0].shape[1]
    assert f"and all of its {left} wires. " in LivingNetwork(network, inputs).still().alt
    few = LivingNetwork(network, inputs, wires=10)
    assert f"and 10 of its {left} wires, the strongest. " in few.still().alt
    network.weights[0][...] = 0  # what a layer does not need is left to the others
    left = network.weights[1].size
    just = LivingNetwork(network, inputs, wires=left)
    assert f"and all of its {left} wires. " in just.still().alt


def test_a_cell_gets_the_picture_and_then_the_view(monkeypatch):
    import IPython.display

    shown, outputs = LivingNetwork(), []

    def display(data, *, display_id=None, metadata=None, raw=False):
        assert raw
        outputs.append([data, metadata, display_id])

    def update_display(data, *, display_id, **settings):
        (k,) = (k for k, output in enumerate(outputs) if output[2] == display_id)
        outputs[k] = [data, settings["metadata"], display_id]

    monkeypatch.setattr(IPython.display, "display", display)
    monkeypatch.setattr(IPython.display, "update_display", update_display)
    shown._ipython_display_()
    (picture, about, _), (view, _, _) = outputs
    assert set(picture) == {"text/html", "image/png", "text/plain"}
    assert f'alt="{picture["text/plain"]}"' in picture["text/html"]
    assert about["image/png"]["alt"] == picture["text/plain"]
    assert "application/vnd.jupyter.widget-view+json" in view and view["text/plain"] == ""
    (key,) = shown._stills
    assert f"snnlab-still-{key}" in picture["text/html"]


def test_words_are_safe_in_html():
    data, _ = Still(b"", 'a "<b>" & c', 10, 10).bundle()
    assert 'alt="a &quot;&lt;b&gt;&quot; &amp; c"' in data["text/html"]


def test_words_for_spikes_without_images():
    z = np.zeros((1, 6, 4), bool)
    still = LivingNetwork(small(), snnlab.SpikeTrains.from_dense(z)).still()
    assert "makes 0 input spikes and 0 hidden ones; the network cannot decide" in still.alt
    assert still.more == ""  # only the shipped network comes to life without a kernel


# the page -----------------------------------------------------------------------------------------


def test_the_page_needs_nothing_from_outside():
    page = LivingNetwork().page("A <title>")
    assert "<title>A &lt;title&gt;</title>" in page
    assert not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//""", page)
    loads = r"\b(fetch|importScripts|XMLHttpRequest)\b|import\s*\(|@import|url\("
    assert not re.search(loads, page)
    assert not re.search(r"%[A-Z]+%", page), "a place was not filled"
    assert len(page) < 700_000


def test_the_tool_writes_the_page(tmp_path):
    tool = ROOT / "tools" / "living_page.py"
    path = tmp_path / "page.html"
    subprocess.run([sys.executable, str(tool), str(path)], check=True, capture_output=True)
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
