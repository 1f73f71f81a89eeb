"""The course's panels without a browser: what they compute, and that their controls work."""

import threading
import time

import numpy as np
import pytest

pytest.importorskip("ipywidgets")
pytest.importorskip("anywidget")

import small_panels
from helpers import pixels

import snnlab
from snnlab import LIF, Network, encode, live, panels, plot, surrogate, textbook
from snnlab.course import figures
from snnlab.course.panels.digits import centred
from snnlab.learning.evaluation import evaluate
from snnlab.learning.losses import MaxOverTime


@pytest.fixture(scope="module")
def data():
    return small_panels.digits()


@pytest.fixture(scope="module")
def network():
    return small_panels.network()


def test_a_picture_without_an_image_has_no_room_for_one(make, network, data):
    panel = make("DrawDigit")
    trace = panel.simulate(**panel.values)["trace"]
    with pytest.raises(ValueError, match="image must be given if, and only if"):
        plot.update_raster(panel.picture, trace, image=data.x_test[0].reshape(16, 16))


# --- digits ------------------------------------------------------------------------------------


def test_pixels_to_spikes_follows_the_law(make):
    panel = make("PixelsToSpikes")
    out = panel.simulate(digit=3, tau_in=5e-6, theta_in=0.3)
    x = panel.pixels[3].ravel()
    times = encode.latency_times(x, tau=5e-6, theta=0.3)
    step = np.floor(times[out["unit"]] / out["dt"] + 1e-6)
    assert np.abs(step - out["step"]).max() <= 1  # rounding at a step's border
    assert set(out["unit"]) == set(np.flatnonzero(times < out["n_steps"] * out["dt"]))
    assert (out["decoded"].ravel()[np.setdiff1d(np.arange(256), out["unit"])] == 0).all()


def test_decoding_is_within_the_step():
    x = np.random.default_rng(0).random((3, 50))
    edges = encode.latency_edges(20, 1.7e-6)
    decoded = encode.decode_latency(encode.latency(x))
    spiked = decoded > 0
    widest = (edges[:-1] - edges[1:]).max() / 2
    assert spiked.any() and np.abs(decoded - x)[spiked].max() <= widest + 1e-6
    assert (x[~spiked] <= edges[-1] + 1e-6).all()
    with pytest.raises(ValueError, match="at most one spike"):
        encode.decode_latency(snnlab.SpikeTrains.from_dense(np.ones((1, 2, 3))))


def test_a_drawing_is_moved_to_the_middle(data):
    image = data.x_test[0].reshape(16, 16)
    small = np.zeros((16, 16), np.float32)
    small[3:9, 2:8] = image[5:11, 5:11]
    for shift in ((0, 0), (5, 6), (-3, -2)):
        moved = centred(np.roll(small, shift, (0, 1)))
        np.testing.assert_allclose(moved, centred(small), atol=1e-5)
    assert moved.dtype == np.float32 and 0 <= moved.min() and moved.max() <= 1
    for axis in (1, 0):
        assert abs(moved.sum(axis=axis) @ np.arange(16) / moved.sum() - 7.5) <= 0.3
    rows = np.flatnonzero(moved.max(axis=1) > 0.2)
    assert 11 <= np.ptp(rows) + 1 <= 15, "a small drawing is not made larger"
    np.testing.assert_array_equal(centred(np.zeros((16, 16))), np.zeros((16, 16)))


def test_what_is_large_and_what_is_a_dot_keep_their_size():
    large, dot = np.zeros((16, 16)), np.zeros((16, 16))
    large[2:15, 5:8] = 1  # its centre is half a pixel off in both directions
    dot[3:5, 10:12] = 1
    assert centred(large).sum() == pytest.approx(large.sum())
    expected = np.zeros((16, 16))
    expected[7:9, 7:9] = 1
    np.testing.assert_allclose(centred(dot), expected, atol=1e-12)


@pytest.mark.parametrize("marks", [0, 1])
def test_text_and_picture_say_the_same_of_a_dot(make, marks):
    """Of too little to make a hidden neuron spike, neither claims to have read anything."""
    panel, image = make("DrawDigit"), np.zeros((16, 16))
    image[3, 11] = marks
    panel.widgets["image"].value = image
    assert panel.simulate(**panel.values)["trace"].inputs.counts()[0] == marks
    assert "cannot decide" in panel.picture.alt
    a = panel.picture.artists
    assert a.verdict.get_text() == "Cannot decide" and a.note.get_text() == ""
    assert ("cannot decide" in panel.text) if marks else ("blank" in panel.text)
    panel.picture.png(1.0)
    boxes = [text.get_window_extent() for text in (a.verdict, *a.titles)]
    for k, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:k]), "texts overlap"


def test_samples_are_on_the_pad(make):
    pad = make("DrawDigit").widgets["image"]
    images, _ = live.sample_digits()
    sent = np.frombuffer(pad._samples, np.uint8).reshape(-1, 256)
    np.testing.assert_array_equal(sent / np.float32(255), images[:20])


def test_a_drawing_is_read_by_the_network(make, network, data):
    panel = make("DrawDigit")
    image = centred(data.x_test[0].reshape(16, 16))
    trace = network.forward(encode.latency(image.reshape(1, -1)))
    np.testing.assert_array_equal(
        panel.simulate(image=panel.widgets["image"].value)["trace"].readout, trace.readout
    )
    decision = int(trace.readout[0].max(axis=0).argmax())
    assert f"it says {decision}" in panel.text
    panel.widgets["image"].value = np.zeros((16, 16))
    assert "blank" in panel.text and "cannot decide" in panel.picture.alt
    with pytest.raises(TypeError, match="network"):
        panels.DrawDigit("mine")
    with pytest.raises(ValueError, match="square"):
        panels.DrawDigit(Network((5, 3, 2), LIF.brainscales2(), n_steps=5, rng=0))


# --- gradients ---------------------------------------------------------------------------------


@pytest.mark.rotates
@pytest.mark.parametrize("name", surrogate.NAMES)
def test_smooth_losses_are_those_of_the_soft_textbook(make, name):
    panel = make("Surrogates")
    out = panel.simulate(name=name, steepness=5.0, weight=0.5)
    neuron = LIF.brainscales2(surrogate=name, steepness=5.0, v_th=0.8)
    height = surrogate.soft_step(name, 1e9, 5.0)

    def spike(u):
        return surrogate.soft_step(name, u, 5.0) / height

    for k in (0, 37, 100):
        weights = [w.copy() for w in panel.first]
        weights[0][panel.which] = panel.weights[k]
        neurons = [neuron, neuron.integrator()]
        trace = textbook.forward(panel.x, weights, neurons, spike)
        value, _ = MaxOverTime()(textbook.readout(trace), panel.labels)
        assert out["smooth"][k] == pytest.approx(value, rel=1e-9)
        trace = textbook.forward(panel.x, weights, neurons)
        value, g = MaxOverTime()(textbook.readout(trace), panel.labels)
        assert out["loss"][k] == pytest.approx(value, rel=1e-9)
        gradient = textbook.backward(panel.x, weights, neurons, trace, g)[0][panel.which]
        assert out["surrogate"][k] == pytest.approx(gradient, rel=1e-7, abs=1e-12)


def test_the_toy_loss_is_a_staircase(make):
    out = make("Surrogates").simulate(name="superspike", steepness=10.0, weight=0.5)
    jumps = np.diff(out["loss"])
    assert np.mean(jumps == 0) > 0.2 and np.abs(jumps).max() > 0.1
    assert np.all(np.diff(out["smooth"]) != 0) and np.all(out["surrogate"] != 0)


def test_differences_of_the_toy_loss_are_zero_or_large(make):
    panel = make("Surrogates")
    out = panel.simulate(name="superspike", steepness=10.0, weight=0.5)
    difference = out["difference"]
    assert np.mean(difference == 0) > 0.7
    assert np.abs(difference).max() > 10 * np.abs(out["slope"]).max()
    neuron = LIF.brainscales2(steepness=10.0, v_th=0.8)
    for k in (0, int(np.abs(difference).argmax())):
        values = []
        for w in (panel.weights[k] - panel.near, panel.weights[k] + panel.near):
            weights = [own.copy() for own in panel.first]
            weights[0][panel.which] = w
            trace = textbook.forward(panel.x, weights, [neuron, neuron.integrator()])
            values.append(MaxOverTime()(textbook.readout(trace), panel.labels)[0])
        assert difference[k] == pytest.approx(np.diff(values)[0] / (2 * panel.near), abs=1e-6)


@pytest.mark.parametrize("reset", [False, True])
def test_adjoints_are_the_textbooks(make, network, data, reset):
    panel = make("BackwardInTime")
    out = panel.simulate(t=3, sample=2, steepness=20.0, reset=reset)
    neuron = network.neurons[0].replace(steepness=20.0, detach_reset=not reset)
    x = encode.latency(data.x_test[2:3]).to_dense()
    weights = [np.array(w) for w in network.weights]
    models = [neuron, network.neurons[1]]
    trace = textbook.forward(x, weights, models)
    _, g = MaxOverTime()(textbook.readout(trace), data.y_test[2:3])
    _, error, _ = textbook.layer_backward(trace[0][1], weights[1], models[1], *trace[1], g)
    _, _, adjoint = textbook.layer_backward(x, weights[0], neuron, *trace[0], error)
    np.testing.assert_allclose(out["adjoints"], adjoint[0], atol=1e-4 * np.abs(adjoint).max())


def test_marks_of_the_first_neuron_are_as_large_as_others(make):
    """Its row ends at the frame, and may be lower than a mark."""
    data, inked = make("BackwardInTime").simulate(t=0, sample=0, steepness=10.0, reset=False), []
    data = data | {"adjoints": np.zeros((20, 120))}
    for unit in (0, 60, 119):
        for spikes in ([], [5]):
            where = np.array(spikes, int), np.array([unit] * len(spikes))
            inked.append(pixels(figures.draw_backward(data | {"spikes": where}).png(2)))
    sizes = [np.any(a != b, axis=-1).sum() for a, b in zip(inked[::2], inked[1::2], strict=True)]
    assert min(sizes) > 0.95 * max(sizes) > 0, sizes


# --- training live -----------------------------------------------------------------------------


@pytest.fixture
def run(data):
    made = Network((256, 20, 10), LIF.brainscales2(), n_steps=20, rng=0)
    made.scale_to_activity(encode.latency(data.x_train[:200]), 15)
    inputs = encode.latency(data.x_train[:500])
    test = encode.latency(data.x_test[:50]), data.y_test[:50]
    return panels.Run(made, inputs, data.y_train[:500], test, seed=1, batch_size=20)


def test_going_back_and_on_again_gives_the_same_weights(run):
    for _ in range(60):
        run.advance()
    assert run.checkpoints == [0, 25, 50] and len(run.loss) == run.step == 60
    weights, losses = run.network.parameters.copy(), list(run.loss)
    assert run.go(49) == 25 and run.go(24) == 0 and run.go(57) == 50
    assert run.go(0) == 0 and run.go(1) == 25 and run.go(26) == 50 and run.go(51) == 50
    assert len(run.loss) == 60, "looking back must forget nothing"
    assert run.go(30) == 25
    for _ in range(35):
        run.advance()
    np.testing.assert_array_equal(run.network.parameters, weights)
    assert run.loss == losses and run.checkpoints == [0, 25, 50]
    assert [step for step, _ in run.tested] == [0, 25, 50]


def test_at_a_checkpoint_the_accuracy_is_that_of_the_weights(run):
    for _ in range(50):
        run.advance()
    now = evaluate(run.network, *run.test).accuracy
    assert run.checkpoints == [0, 25, 50] and run.tested[-1] == (50, now)
    weights = run.network.parameters.copy()
    run.go(25)
    for _ in range(25):
        run.advance()
    np.testing.assert_array_equal(run.network.parameters, weights)


def test_settings_hold_from_the_next_step(run):
    for _ in range(10):
        run.advance()
    before = run.network.parameters.copy()
    run.lr = 0.0
    run.advance()
    np.testing.assert_array_equal(run.network.parameters, before)
    run.lr, run.batch_size = 1e-3, 100
    run.advance()
    assert run.checkpoints == [0, 11], "another batch size begins a leg"
    assert not np.array_equal(run.network.parameters, before)
    run.go(11)
    np.testing.assert_array_equal(run.network.parameters, before)


def test_memory_of_checkpoints_is_bounded(run, monkeypatch):
    monkeypatch.setattr("snnlab.course.panels.train.LEG", 1)
    monkeypatch.setattr("snnlab.course.panels.train.KEPT", 6)
    for _ in range(40):
        run.advance()
    assert len(run.checkpoints) <= 6 and run.checkpoints[0] == 0
    assert run.checkpoints == sorted(run.checkpoints)


def waits_until(condition, timeout=20.0):
    until = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.005)


def test_start_pause_and_rewind(make):
    panel = make("TrainLive")
    panel.wait(60)
    assert panel.runs[0].step == 3 and panel.widgets["start"].description == "Start"
    panel.widgets["start"].click()
    waits_until(lambda: panel.runs[0].step > 60)
    assert panel.training and panel.widgets["start"].description == "Pause"
    assert panel.runs[0].step - panel.runs[1].step in (0, 1)
    panel.widgets["start"].click()
    assert panel.wait(60) and not panel.training
    assert panel.widgets["start"].description == "Start"
    step = panel.runs[0].step
    assert panel.widgets["back"].value == step == panel.widgets["back"].max
    assert f"step {step}" in panel.text
    panel.widgets["back"].value = 26
    # 300 images in batches of 100: a leg, and so a checkpoint, every three steps
    assert panel.wait(60) and [run.step for run in panel.runs] == [24, 24]
    assert panel.widgets["back"].value == 24 and panel.widgets["back"].max == step
    panel.widgets["step"].click()
    assert panel.wait(60) and panel.runs[0].step == 25 == panel.widgets["back"].max
    panel.widgets["over"].click()
    assert panel.wait(60) and panel.runs[0].step == 0


def test_what_was_stopped_shows_its_last_step(make):
    """As after an interrupt of the kernel: training is given up, and nothing else asked for."""
    panel = make("TrainLive")
    panel.start()
    waits_until(lambda: panel.runs[0].step > 20)
    panel.stop()
    assert panel.wait(60) and not panel.training
    at = panel.runs[0].step
    assert f"A: step {at}," in panel.text and panel.widgets["back"].value == at


def test_settings_change_while_it_runs(make):
    panel = make("TrainLive")
    panel.widgets["start"].click()
    waits_until(lambda: panel.runs[0].step > 10)
    panel.widgets["lr_b"].value = 1e-2
    panel.widgets["batch_a"].value = 20
    panel.widgets["digit"].value = 7
    waits_until(lambda: panel.runs[1].optimizer.lr == 1e-2)
    waits_until(lambda: panel.runs[0]._leg_size == 20)
    assert panel.training, "a change of settings must not end the run"
    panel.stop()  # as the stop button of the notebook does
    waits_until(lambda: not panel.training)
    assert panel.widgets["start"].description == "Start" and panel.error is None


def test_equal_settings_give_equal_runs(make):
    panel = make("TrainLive")
    panel.widgets["over"].click()
    panel.wait(60)
    panel.widgets["lr_b"].value = panel.widgets["lr_a"].value
    for _ in range(4):
        panel.widgets["step"].click()
        panel.wait(60)
    a, b = panel.runs
    np.testing.assert_array_equal(a.network.parameters, b.network.parameters)


def test_training_pauses_by_itself_and_closing_ends_it(data):
    panel = panels.TrainLive(data, n_train=200, n_test=20, hidden=10, limit=7)
    panel.widgets["start"].click()
    assert panel.wait(60) and panel.runs[0].step == 7 and not panel.training
    panel.widgets["start"].click()
    thread = panel.worker._thread
    panel.close()
    thread.join(10)  # a picture that is being drawn is finished, which on a busy machine takes long
    assert not thread.is_alive() and threading.main_thread().is_alive()


def test_a_silent_network_decides_nothing():
    """All its outputs are equal; the first of them is no answer."""
    silent = np.zeros(0, int)
    data = {
        "names": ("A", "B"),
        "settings": ["", ""],
        "at": [1, 1],
        "loss": [np.ones(1)] * 2,
        "tested": [[(0, 0.1)]] * 2,
        "image": np.zeros((16, 16)),
        "label": 0,
        "spikes": [(silent, silent), (np.array([1]), np.array([2]))],
        "decision": [0, 0],
        "n_hidden": 4,
        "n_steps": 20,
        "dt": 1.7e-6,
    }
    picture = figures.draw_runs(data)
    assert [head.get_text() for head in picture.artists.heads] == [
        "A: silent, cannot decide",
        "B: ✓ says 0, 1 spike",
    ]
    assert "at this 0 none of its hidden neurons spikes" in picture.alt


def test_errors_while_training_are_shown(make):
    panel = make("TrainLive")
    panel.wait(60)
    panel.runs[0].advance = lambda: 1 / 0
    panel.widgets["start"].click()
    with pytest.raises(ZeroDivisionError):
        panel.wait(60)
    assert "ZeroDivisionError" in panel._fault.value
    assert not panel.training and panel.widgets["start"].description == "Start"
