"""Panels without a browser: controls, picture, text, errors, re-running, what readers are told."""

import threading

import numpy as np
import pytest
from helpers import fresh_python

pytest.importorskip("ipywidgets")
pytest.importorskip("anywidget")

from snnlab import Network, SpikeTrains, live, panels, plot
from snnlab.course import traces


@pytest.fixture
def panel():
    made = panels.OneNumber()
    yield made
    made.close()


class Fragile(live.Panel):
    """A panel whose simulation fails for large values."""

    controls = {"x": live.Slider("size", 0, 10, 1, 2, digits=0)}

    def simulate(self, *, x):
        if x > 5:
            raise ValueError("x is <too> large")
        return x

    def draw(self, data):
        fig = plot.new_figure(2, 1)
        picture = plot.show(fig, f"The number {data}.")
        picture.artists.text = fig.text(0.5, 0.5, str(data))
        return picture

    def update(self, picture, data):
        picture.artists.text.set_text(str(data))
        picture.alt = f"The number {data}."

    def describe(self, data):
        return f"It is {data}."


@pytest.fixture
def fragile():
    made = Fragile()
    yield made
    made.close()


# --- controls ----------------------------------------------------------------------------------


def test_values_are_in_seconds(panel):
    assert panel.values["tau"] == pytest.approx(20e-6)
    assert isinstance(panel.values["neuron"], int)


# --- simulation ----------------------------------------------------------------------------------


@pytest.mark.parametrize("threshold", [0.5, 2.0])
def test_simulate_agrees_with_the_kernels(panel, threshold):
    values = dict(rate=0.3, threshold=threshold, tau=12e-6, n_steps=40)
    neuron = traces.neuron(tau_mem=12e-6, v_th=threshold)
    x, weights = traces.many_neurons(0.3, 40)
    shape = traces.N_INPUTS, traces.MANY
    net = Network(shape, neuron, readout=neuron, n_steps=40, rng=0, dtype=np.float64)
    net.weights[0][...] = weights
    trace = net.forward(SpikeTrains.from_dense(x))
    for k in (20, 40, 59):
        got = panel.simulate(neuron=k, **values)
        np.testing.assert_allclose(got["v"] * threshold, trace.v[0][0, :, k], atol=1e-12)
        np.testing.assert_array_equal(got["z"], trace.readout[0, :, k])
    assert got["z"].sum() > 1


def test_simulate_is_pure(panel):
    values = panel.values
    picture, first = panel.image.value, panel.simulate(**values)
    second = panel.simulate(**values)
    for key in ("v", "z", "heard", "own"):
        np.testing.assert_array_equal(first[key], second[key])
        assert not np.shares_memory(first[key], second[key])
    assert panel.image.value == picture and panel.values == values


# --- errors --------------------------------------------------------------------------------------


def test_error_in_a_callback_is_shown_and_kept(fragile):
    good = fragile.image.value
    fragile.widgets["x"].value = 7
    assert isinstance(fragile.error, ValueError)
    assert fragile._fault.layout.display != "none"
    shown = fragile._fault.value
    assert "ValueError: x is &lt;too&gt; large" in shown and "color:#A00000" in shown
    assert "ValueError" in fragile._voice.say and "ValueError" not in fragile.text
    assert fragile.image.value == good
    fragile.widgets["x"].value = 3
    assert fragile.error is None and fragile._fault.layout.display == "none"
    assert fragile.text == "It is 3." and fragile.image.value != good


def test_error_is_raised_by_render(fragile):
    fragile.widgets["x"].value = 7
    with pytest.raises(ValueError, match="too"):
        fragile.render()
    assert isinstance(fragile.error, ValueError)


def test_panel_that_fails_at_once_can_be_made_and_shown():
    class Broken(Fragile):
        controls = {"x": live.Slider("size", 0, 10, 1, 9, digits=0)}

    panel = Broken()
    assert isinstance(panel.error, ValueError)
    data, _ = panel._repr_mimebundle_()
    assert "image/png" not in data and "too" in data["text/plain"]
    panel.widgets["x"].value = 1
    assert panel.error is None and panel.image.value[:4] == b"\x89PNG"
    panel.close()


# --- running a cell again ------------------------------------------------------------------------


def test_a_new_panel_closes_the_former():
    before = len(_widgets())
    first = panels.OneNumber()
    n_open = len(_widgets()) - before
    second = panels.OneNumber()
    assert first.closed and not second.closed
    assert len(_widgets()) - before == n_open, "the former's widgets stay open"
    slider, shown = first.widgets["threshold"], first.image.value
    slider.value = 2.0
    assert first.image.value == shown, "a closed panel still listens"
    second.widgets["threshold"].value = 2.0
    assert second.error is None and "spikes gone out" in second.text
    other = panels.OneNumber(key="another")
    assert not second.closed
    for panel in (second, other):
        panel.close()
        panel.close()
    assert len(_widgets()) == before
    assert "another" not in live.panel._OPEN and "OneNumber" not in live.panel._OPEN


def test_a_panel_that_could_not_be_made_is_not_in_the_way_of_the_next():
    class Unmade(live.Slider):
        def widget(self):
            raise ValueError("min > max")

    class Wrong(Fragile):
        controls = {"x": Unmade("size", 1, 5, 1, 2, digits=0)}

    with pytest.raises(Exception, match="max < min|min > max"):
        Wrong("same")
    panel = Fragile("same")
    assert panel.text == "It is 2."
    with pytest.raises(Exception, match="max < min|min > max"):
        Wrong("same")
    later = Fragile("same")
    assert panel.closed and not later.closed
    later.close()


def test_panels_made_on_two_threads_at_once_take_their_places_in_turn():
    inside, go_on, made, faults = threading.Event(), threading.Event(), [], []

    class Late(live.Slider):
        def widget(self):
            inside.set()
            assert go_on.wait(5)
            return super().widget()

    class Waiting(Fragile):
        controls = {"x": Late("size", 0, 10, 1, 2, digits=0)}

    def make():
        try:
            made.append(Waiting("same"))
        except Exception as fault:
            faults.append(fault)

    threads = [threading.Thread(target=make) for _ in range(2)]
    threads[0].start()
    assert inside.wait(5)
    threads[1].start()
    threads[1].join(0.3)
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert not faults and [panel.closed for panel in made] == [True, False]
    made[1].close()


def test_work_that_yields_nothing_says_so():
    class Empty(Fragile):
        def simulate(self, *, x):
            yield None

    panel = Empty()
    with pytest.raises(ValueError, match="simulate must yield something"):
        panel.render()
    assert "simulate must yield" in repr(panel)
    panel.close()


class Heard(Fragile):
    """A panel with a pad and a microphone, which writes to what it is given."""

    controls = {"x": live.Drawing("drawing", 4), "sound": live.Spoken("voice")}

    def simulate(self, *, x, sound):
        x += 1
        sound[:] = 0
        return float(x.sum())


def test_what_simulate_does_to_a_drawing_is_not_done_to_the_pad():
    panel, ink = Heard(), np.full((4, 4), 0.5, np.float32)
    panel.set(x=ink)
    assert panel.text == "It is 24.0."
    ink[...] = 0
    assert (panel.widgets["x"].value == 0.5).all()
    panel.close()


def test_a_sound_goes_into_no_line_of_code():
    panel = Heard()
    panel.widgets["sound"].hear(np.arange(5000, dtype=np.int16), 8000)
    assert "sound" not in panel.code()
    exec(panel.code(), {"panel": panel})
    assert panel.widgets["sound"].value.size == 5000
    panel.close()


def test_a_new_panel_has_the_settings_of_the_former():
    first = panels.OneNumber(key="again")
    first.widgets["threshold"].value, first.widgets["n_steps"].value = 0.8, 20
    second = panels.OneNumber(key="again")
    assert (second.values["threshold"], second.values["n_steps"]) == (0.8, 20)
    assert second.text == first.text
    second.reset()
    assert second.values["threshold"] == 1

    class Other(panels.OneNumber):
        controls = panels.OneNumber.controls | {"rate": live.Slider("rate", 0.1, 1, 0.1, 0.5)}

    second.set(rate=0.4, neuron=4)
    third = Other(key="again")
    assert third.values["rate"] == 0.5, "another control begins anew"
    assert third.values["neuron"] == 4
    third.close()
    fourth = panels.OneNumber(key="again")
    assert fourth.values["neuron"] == 44, "what was closed is forgotten"
    fourth.close()


def test_what_cannot_be_set_is_named(panel):
    with pytest.raises(ValueError, match="n_steps"):
        panel.set(n_steps=17)
    with pytest.raises(ValueError, match="threshold"):
        panel.set(threshold="much")
    before, shown = panel.values, panel.image.value
    for name, value in (
        ("threshold", 1e3),
        ("threshold", -1),
        ("threshold", np.nan),
        ("threshold", True),
        ("neuron", 2.5),
        ("neuron", -1),
        ("neuron", 10**6),
        ("neuron", None),
    ):
        with pytest.raises(ValueError, match=name):
            panel.set(**{name: value})
    with pytest.raises(ValueError, match="n_steps"):
        panel.set(threshold=0.8, n_steps=17)
    assert (panel.values, panel.image.value) == (before, shown)


def _widgets():
    """All open widgets."""
    from ipywidgets.widgets.widget import _instances

    return dict(_instances)


def test_callbacks_of_several_threads_end_with_the_newest(fragile):
    """JupyterLab runs callbacks in changing threads."""

    def drag(values):
        for value in values:
            fragile.widgets["x"].value = value

    threads = [threading.Thread(target=drag, args=(v,)) for v in ([1, 2, 3, 4], [5, 4, 3, 1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert fragile.error is None
    assert fragile.text == f"It is {fragile.widgets['x'].value}."


# --- what readers are told -----------------------------------------------------------------------


def test_repr_is_a_sentence(panel):
    text = repr(panel)
    assert text.startswith("OneNumber(neuron=44") and panel.text in text
    assert len(text) < 400 and "\\x" not in text and "0x" not in text


def test_size_is_fixed(panel):
    size = panel.image.size
    panel.widgets["neuron"].value = 6
    assert panel.image.size == size == list(plot.page_size(panel.picture.fig))


def test_only_live_imports_widgets():
    code = "import sys, snnlab.plot; print({'anywidget', 'ipywidgets'} & set(sys.modules))"
    shown = fresh_python("-c", code)
    assert shown.stdout.strip() == "set()"


# --- what stays ----------------------------------------------------------------------------------


@pytest.fixture
def outputs(monkeypatch):
    """What cells show, by display id; the third of each is set when it is updated."""
    import IPython.display

    shown = {}

    def display(data, *, display_id=None, raw=False):
        shown[display_id] = [data, None, threading.Event()]

    def update_display(data, *, display_id, metadata, raw=False):
        shown[display_id][:2] = data, metadata
        shown[display_id][2].set()

    monkeypatch.setattr(IPython.display, "display", display)
    monkeypatch.setattr(IPython.display, "update_display", update_display)
    monkeypatch.setattr(live.still, "QUIET", 0.2)
    return shown


def test_a_still_picture_follows_the_controls(fragile, outputs):
    fragile._ipython_display_()
    (key,) = fragile.curtain.stills
    data, about, updated = outputs[key]
    assert "It is 2." in data["text/html"] and updated.is_set()
    updated.clear()
    for x in (3, 4, 5):
        fragile.widgets["x"].value = x
    assert not updated.is_set(), "it follows every move"
    assert updated.wait(30)
    data, about, _ = outputs[key]
    assert "It is 5." in data["text/html"] and f"snnlab-still-{key}" in data["text/html"]
    assert about["image/png"]["alt"] == "The number 5." and "x=5" in data["text/plain"]


def test_one_thread_has_all_still_pictures_follow(fragile, panel, outputs):
    for shown in (fragile, panel, fragile):
        shown._ipython_display_()
    updates = [output[2] for key, output in outputs.items() if key]
    for updated in updates:
        updated.clear()
    panel.widgets["threshold"].value = 0.5
    fragile.widgets["x"].value = 3
    assert all(updated.wait(30) for updated in updates) and len(updates) == 3
    assert sum(thread.name == "stills" for thread in threading.enumerate()) == 1


def test_what_goes_wrong_with_a_still_picture_is_told(fragile, outputs, monkeypatch):
    told = threading.Event()
    monkeypatch.setattr(live.still.warnings, "warn", lambda words, **_: told.set())
    fragile._ipython_display_()
    monkeypatch.setattr(fragile, "still", lambda: 1 / 0)
    fragile.widgets["x"].value = 3
    assert told.wait(30)
    monkeypatch.undo()


# --- closed, interrupted, and not as it should be -------------------------------------------------


class Pressed(Fragile):
    """With an action."""

    controls = Fragile.controls | {"press": live.Action("Press")}
    presses = 0

    def press(self):
        self.presses += 1


def test_a_closed_panel_says_that_it_does_nothing():
    """Whatever somebody calls to have something shown; what it was set to can still be read."""
    panel = Pressed()
    panel.set(x=4)
    panel.press()
    panel.close()
    for name, values in {
        "set": {"x": 1},
        "reset": {},
        "render": {},
        "pin": {},
        "unpin": {},
        "press": {},
    }.items():
        with pytest.raises(RuntimeError, match=rf"Pressed is closed, so {name}\(\) does nothing"):
            getattr(panel, name)(**values)
    assert panel.values == {"x": 4} and panel.code() == "panel.set(x=4)" and panel.presses == 1
    # what threads call may come late
    for late in (panel.ask, panel.moved, panel.stop, panel.close, lambda: panel.put(x=1)):
        late()
    panel.show(3)
    panel.fail(ValueError())
    assert panel.wait() and panel.values == {"x": 4} and panel.text == "It is 4."
    Fragile(key="another").close()


@pytest.mark.parametrize("where", ["simulate", "update", "describe"])
def test_after_an_interrupt_the_picture_is_that_of_the_controls(where):
    """Whatever was being done: setting a control back draws what it says."""

    class Stopped(Fragile):
        def simulate(self, *, x):
            self.stop_at("simulate", x)
            return x

        def update(self, picture, data):
            super().update(picture, data)
            self.stop_at("update", data)

        def describe(self, data):
            self.stop_at("describe", data)
            return super().describe(data)

        def stop_at(self, place, x):
            if (place, x) == (where, 4):
                raise KeyboardInterrupt

    panel = Stopped()
    with pytest.raises(KeyboardInterrupt):
        panel.set(x=4)
    assert panel.values == {"x": 4}
    panel.set(x=2)
    assert panel.picture.alt == "The number 2." and panel.text == "It is 2."
    panel.close()


@pytest.mark.parametrize("where", ["simulate", "draw", "describe"])
def test_a_panel_whose_making_was_interrupted_can_be_made_anew(where):
    class Stopped(Fragile):
        stops = where

        def simulate(self, *, x):
            return self.may_stop("simulate") or x

        def draw(self, data):
            return self.may_stop("draw") or (super().draw(data), super().draw(data))

        def update(self, pictures, data):
            for picture in pictures:
                super().update(picture, data)

        def describe(self, data):
            return self.may_stop("describe") or super().describe(data)

        def may_stop(self, place):
            if place == self.stops:
                Stopped.stops = None
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Stopped()
    panel = Stopped()
    panel.set(x=3)
    assert panel.error is None and panel.text == "It is 3." and len(panel.images) == 2
    panel.close()


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"draw": lambda self, data: None}, "draw must return a Picture .* not NoneType"),
        ({"draw": lambda self, data: plot.new_figure(1, 1)}, "plot.show .* not Figure"),
        ({"draw": lambda self, data: ()}, "draw must return"),
        ({"describe": lambda self, data: None}, "what describe returns must be a string"),
    ],
)
def test_what_a_panel_of_ones_own_gives_is_checked(part, words):
    panel = type("Own", (Fragile,), part)()
    with pytest.raises(TypeError, match=words):
        panel.render()
    panel.close()


@pytest.mark.parametrize(
    ("controls", "words"),
    [
        ([live.Slider("x", 0, 1, 0.1, 0.5)], "controls of Own must be a dict"),
        ({"x": 3}, "'x' must be a name of a Slider"),
        ({"press": live.Action("Press")}, r"Own must have a method press\(\)"),
    ],
)
def test_controls_of_ones_own_are_checked(controls, words):
    with pytest.raises(TypeError, match=words):
        type("Own", (Fragile,), {"controls": controls})()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: live.Slider("x", 0, 1, 0.1, 5), "value must be at most 1, got 5"),
        (lambda: live.Slider("x", 1, 0, 0.1, 0.5), "high must be above low"),
        (lambda: live.Slider("x", 0, 1, 0, 0.5), "step"),
        (lambda: live.Choice("x", (("a", 1), ("b", 2)), 3), "value must be that of one of the"),
        (lambda: live.Stops("x", (), None), "value must be that of one of the"),
        (lambda: live.Stops("x", (1, 2), 1), "an option must be a sequence"),
    ],
)
def test_a_control_that_cannot_begin_as_it_says_is_refused(make, words):
    """Sliders were moved to an end without a word."""
    with pytest.raises((TypeError, ValueError), match=words):
        make()
