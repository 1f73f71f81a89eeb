"""The course's panels without a browser: what they compute, and that their controls work."""

import threading
import time

import numpy as np
import pytest

pytest.importorskip("ipywidgets")
pytest.importorskip("anywidget")

import snnlab
from snnlab import LIF, Network, datasets, encode, live, panels, plot, surrogate, textbook
from snnlab.course import figures
from snnlab.course.panels.digits import centred
from snnlab.learning.losses import MaxOverTime
from snnlab.learning.training import evaluate


@pytest.fixture(scope="module")
def data():
    return datasets.load("digits16")


@pytest.fixture(scope="module")
def network(data):
    made = Network((256, 30, 10), LIF.brainscales2(), n_steps=20, rng=0)
    inputs = encode.latency(data.x_train)
    made.scale_to_activity(inputs, 20)
    snnlab.train(made, inputs, data.y_train, epochs=3, rng=0, progress=False)
    return made


@pytest.fixture
def make(data, network):
    """Makes a panel by name; closes it."""
    images = data.x_test[:20].reshape(-1, 16, 16)
    inputs = encode.latency(data.x_test[:20])
    makers = {
        "PixelsToSpikes": lambda: panels.PixelsToSpikes(images),
        "DrawDigit": lambda: panels.DrawDigit(network, images[0]),
        "Surrogates": panels.Surrogates,
        "BackwardInTime": lambda: panels.BackwardInTime(network, inputs, data.y_test[:20]),
        "TrainLive": lambda: panels.TrainLive(data, n_train=300, n_test=50, hidden=20, begin=3),
    }
    made = []

    def make_(name):
        made.append(makers[name]())
        return made[-1]

    yield make_
    for panel in made:
        panel.close()


NAMES = "PixelsToSpikes", "DrawDigit", "Surrogates", "BackwardInTime", "TrainLive"


def another(control, widget):
    """Another value of a control, by a small move where there is an order."""
    if isinstance(control, live.Choice | live.Stops):
        values = [value for _, value in control.options]
        return values[(values.index(widget.value) + 1) % len(values)]
    if isinstance(control, live.Drawing):
        return np.roll(widget.value[:, ::-1], 3)
    return widget.value + (control.step if widget.value < widget.max else -control.step)


@pytest.mark.parametrize("name", NAMES)
def test_every_control_changes_the_picture(make, name):
    panel = make(name)
    panel.wait(60)
    for key, control in panel.controls.items():
        if isinstance(control, live.Action) or key == "back":
            continue
        before = panel.image.value
        panel.widgets[key].value = another(control, panel.widgets[key])
        assert panel.wait(60) and panel.error is None, key
        assert panel.image.value != before, key
        assert panel.text and panel.text == panel._line.value == panel._voice.say
    assert len(panel.picture.alt) > 60
    panel.render()


@pytest.mark.parametrize("name", NAMES)
def test_display_has_a_picture_for_readers(make, name):
    panel = make(name)
    panel.wait(60)
    data, metadata = panel._repr_mimebundle_()
    assert len(data["image/png"]) < 300_000
    assert metadata["image/png"]["alt"] == panel.picture.alt
    assert panel.text in data["text/plain"] and "object at" not in data["text/plain"]
    assert len(data["text/plain"]) < 700


@pytest.mark.parametrize("name", NAMES)
def test_the_quick_redraw_shows_what_a_full_one_shows(make, name):
    """Pictures redraw only what moves: a fresh drawing of the same data must look alike."""
    panel = make(name)
    panel.wait(60)
    key = next(k for k, c in panel.controls.items() if not isinstance(c, live.Action))
    for _ in range(2):
        panel.widgets[key].value = another(panel.controls[key], panel.widgets[key])
    panel.wait(60)
    fresh = panel.draw(panel.simulate(**panel.values))
    panel.update(panel.picture, panel.simulate(**panel.values))
    assert fresh.alt == panel.picture.alt
    a, b = (_pixels(picture.png(1)) for picture in (fresh, panel.picture))
    assert np.mean(a != b) < 0.002


def _pixels(png):
    import io

    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(png))).astype(int)


def test_a_picture_without_an_image_has_no_room_for_one(make, network, data):
    panel = make("DrawDigit")
    trace = panel.simulate(**panel.values)["trace"]
    with pytest.raises(ValueError, match="image must be given if, and only if"):
        plot.update_raster(panel.picture, trace, image=data.x_test[0].reshape(16, 16))


# --- the pad -----------------------------------------------------------------------------------


def test_strokes_of_the_page_arrive():
    pad, seen, answers = live.Pad(4, "mine"), [], []
    pad.send = answers.append
    pad.observe(lambda change: seen.append(change.new), "value")
    assert pad.value.shape == (4, 4) and not pad.value.any()
    drawn = np.zeros((4, 4), np.uint8)
    drawn[1, 2] = 255
    pad._handle_custom_msg({"kind": "pixels"}, [memoryview(drawn.tobytes())])
    assert len(seen) == 1 and pad.value[1, 2] == 1 and pad.value.sum() == 1
    assert pad._given == b"", "what came from the page must not be sent back over newer strokes"
    assert answers == [{"kind": "seen"}], "until then the page sends nothing further"
    pad._handle_custom_msg({"kind": "pixels"}, [memoryview(b"short")])
    pad._handle_custom_msg({"kind": "other"}, [])
    assert len(seen) == 1
    pad.close()


def test_the_pad_can_be_set_and_checks():
    pad = live.Pad(4)
    pad.value = np.full((4, 4), 0.5)
    assert pad._given == bytes([128] * 16) or pad._given == bytes([127] * 16)
    assert pad.value.dtype == np.float32
    for bad in (np.zeros((3, 3)), np.full((4, 4), 2.0), np.full((4, 4), np.nan)):
        with pytest.raises(ValueError, match="value"):
            pad.value = bad
    with pytest.raises(ValueError, match="n must"):
        live.Pad(1)
    pad.close()


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
        np.testing.assert_array_equal(centred(np.roll(small, shift, (0, 1))), centred(small))
    rows, columns = (centred(small).sum(axis=k) @ np.arange(16) / small.sum() for k in (1, 0))
    assert abs(rows - 7.5) <= 0.5 and abs(columns - 7.5) <= 0.5
    np.testing.assert_array_equal(centred(np.zeros((16, 16))), np.zeros((16, 16)))


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
        "names": ("A", "B"), "settings": ["", ""], "at": [1, 1], "loss": [np.ones(1)] * 2,
        "tested": [[(0, 0.1)]] * 2, "image": np.zeros((16, 16)), "label": 0,
        "spikes": [(silent, silent), (np.array([1]), np.array([2]))], "decision": [0, 0],
        "n_hidden": 4, "n_steps": 20, "dt": 1.7e-6,
    }  # fmt: skip
    picture = figures.draw_runs(data)
    assert [head.get_text() for head in picture.artists.heads] == [
        "A: silent, cannot decide", "B: ✓ says 0, 1 spike",
    ]  # fmt: skip
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


# --- raw rasters -------------------------------------------------------------------------------


def test_raster_pastes_what_it_is_given():
    fig = plot.new_figure(2, 2)
    ax = fig.subplots()
    ax.set(xticks=[], yticks=[])
    plot.freeze(fig)
    picture = plot.Raster(fig, "Four blocks.", main=ax)
    blocks = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [0, 0, 0]]], np.uint8)
    picture.paste("main", blocks)
    for scale in (1, 2, 1):
        shown = _pixels(picture.png(scale))
        assert shown.shape == (200 * scale, 200 * scale, 3)
        for row in (0, 1):
            for column in (0, 1):
                y, x = ((50 + 100 * k) * scale for k in (row, column))
                np.testing.assert_array_equal(shown[y, x], blocks[row, column])
    picture.paste_events("main", [0, 9], [0, 4], 10, 5, np.array([9, 9, 9], np.uint8))
    dark = np.argwhere((_pixels(picture.png(1)) == 9).all(axis=2))
    assert dark.min() < 30 and dark.max() > 165 and 100 < len(dark) < 2 * 25 * 40
    with pytest.raises(ValueError, match="uint8"):
        picture.paste("main", np.zeros((2, 2)))
    with pytest.raises(ValueError, match="name"):
        picture.paste("other", blocks)
