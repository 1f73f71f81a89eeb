"""What holds of every panel of the course, without a browser; each one's own is in its own file."""

import base64
import json
import re
from dataclasses import is_dataclass

import numpy as np
import pytest

pytest.importorskip("ipywidgets")
pytest.importorskip("anywidget")

from helpers import assert_nothing_is_cut_off, pixels
from small_panels import MAKERS, PATIENCE, another, settled

from snnlab import live, panels
from snnlab.course.panels.chip import KNOBS

# what a panel is set to before one of its controls is moved, for a move to show
BEFORE = {("BrokenNeurons", "draw"): {"order": "random"}}
BEFORE |= {("Imperfections", k): {"only": k} for k in KNOBS}
BEFORE |= {("FeatureMaps", k): {"layer": 0} for k in ("down", "across")}  # a place for each pixel
NOT_MOVED = {("TrainLive", "back")}  # follows the training
MAY_BE_ENDLESS = {"defect", "centre"}  # of a dead neuron; of a prior without a pull
MAY_BE_MISSING = {"matrix", "v"}  # not measured yet; not recorded


def alone(name):
    """All tests of a panel in one process, and on the same days."""
    return pytest.param(name, marks=[pytest.mark.xdist_group(name), pytest.mark.rotates(name)])


@pytest.fixture(scope="module", params=map(alone, sorted(MAKERS)))
def made(request):
    """One panel after the other, each kept for all tests of it; its name, and where it began."""
    panel = MAKERS[request.param]()
    assert panel.wait(PATIENCE)
    yield panel, {k: widget.value for k, widget in movable(panel).items()}
    panel.close()


@pytest.fixture
def panel(made):
    """The panel with its controls where they were at first."""
    panel, values = made
    put(panel, values)
    return panel


def movable(panel):
    """The widgets of a panel that have a value, by name."""
    return {
        name: panel.widgets[name]
        for name, control in panel.controls.items()
        if not isinstance(control, live.Action)
    }


def put(panel, values):
    """Set controls, one by one, and wait for the picture."""
    for name, value in values.items():
        if not np.array_equal(panel.widgets[name].value, value):
            panel.widgets[name].value = value
    assert panel.wait(PATIENCE) and panel.error is None


def ends(control):
    """Values at the ends of a control, or all of a few that have no order; as widgets have them."""
    if isinstance(control, live.Slider):
        return control.low, control.high
    if isinstance(control, live.Stops):
        return control.options[0][1], control.options[-1][1]
    if isinstance(control, live.Choice):
        return tuple(value for _, value in control.options)
    return ()


def numbers(data, name=""):
    """Every number in a panel's data with the name it has there."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from numbers(value, key)
    elif isinstance(data, list | tuple):
        for value in data:
            yield from numbers(value, name)
    elif is_dataclass(data):
        yield from numbers(vars(data), name)
    elif isinstance(data, np.ndarray | np.number | float | int) and np.asarray(data).dtype != "O":
        yield name, np.asarray(data)


def assert_finite(data):
    seen = 0
    for name, value in numbers(data):
        if value.dtype.kind == "f":
            assert name in MAY_BE_MISSING or not np.isnan(value).any(), f"{name} is not a number"
            assert name in MAY_BE_ENDLESS or not np.isinf(value).any(), f"{name} is endless"
        seen += value.size
    assert seen > 0, "nothing was looked at"


def test_no_panel_is_forgotten():
    every = (getattr(panels, name) for name in panels.__all__)
    classes = [x for x in every if isinstance(x, type)]
    assert {x.__name__ for x in classes if issubclass(x, live.Panel)} == set(MAKERS)


def test_numbers_that_are_none_are_noticed():
    for bad in ({"x": [1.0, np.nan]}, {"x": {"y": np.array([np.inf])}}, {}):
        with pytest.raises(AssertionError):
            assert_finite(bad)


# controls -----------------------------------------------------------------------------------------


def test_every_control_has_a_label_and_a_sensible_range(panel):
    assert panel.controls
    for name, control in panel.controls.items():
        widget = panel.widgets[name]
        assert control.label.strip()
        if isinstance(control, live.Action):
            assert widget.description and callable(getattr(panel, name))
            continue
        assert getattr(widget, "description", control.name) == control.name
        if isinstance(control, live.Slider):
            assert widget.readout and widget.continuous_update
            assert control.low <= control.value <= control.high
            steps = (control.value - control.low) / control.step
            assert steps == pytest.approx(round(steps))
            assert (control.high - control.low) / control.step <= 250
            assert control.unit != "µs" or "(µs)" in widget.description
            assert control.unit != "µs" or control.scale == 1e-6, "simulate is given seconds"
        elif isinstance(control, live.Choice | live.Stops):
            assert control.value in [value for _, value in control.options]
            assert len({label for label, _ in control.options}) == len(control.options) > 1


def test_accessible_names_reach_every_control(panel):
    names = panel._voice.names
    assert json.loads(json.dumps(names)) == names
    assert sorted(names.values()) == sorted(panel.controls[name].name for name in movable(panel))
    for name, widget in movable(panel).items():
        (own,) = [k for k in names if k in widget._dom_classes]
        assert names[own] == panel.controls[name].name
    for image, picture in zip(panel.images, panel._pictures(), strict=True):
        assert image.alt == picture.alt


def test_every_control_changes_the_picture(panel):
    said = {panel.text, panel.picture.alt}
    for name, widget in movable(panel).items():
        if (panel.key, name) in NOT_MOVED:
            continue
        put(panel, BEFORE.get((panel.key, name), {}))
        before = panel.image.value, [picture.alt for picture in panel._pictures()]
        put(panel, {name: another(panel.controls[name], widget)})
        after = panel.image.value, [picture.alt for picture in panel._pictures()]
        assert after[0] != before[0] and after[0][:4] == b"\x89PNG", name
        assert panel.text == panel._line.value == panel._voice.say
        assert [image.alt for image in panel.images] == after[1]
        said |= {panel.text, panel.picture.alt}
    assert len(said) > 2, "what is said follows no control"


# what is simulated, and said ----------------------------------------------------------------------


def test_everything_is_finite_at_first_and_at_the_ends(panel):
    """Of one control after the other; what is said can be said there, too."""
    settings = [panel.values]
    for name, control in panel.controls.items():
        if (panel.key, name) not in NOT_MOVED:
            values = [control.read(end) for end in ends(control)]
            settings += [panel.values | {name: value} for value in values]
    shown = panel.image.value
    for values in settings:
        data = settled(panel.simulate(**values))
        assert_finite(data if isinstance(data, dict) else vars(data))
        said = panel.describe(data)
        assert not re.search(r"\b(nan|inf|None)\b|e\+\d\d|0x", said), said
    assert panel.image.value == shown, "simulate changes nothing on the page"


def test_the_text_names_the_result(panel):
    assert 20 < len(panel.text) < 500 and re.search(r"\d", panel.text)
    assert "\n" not in panel.text and "object at" not in panel.text
    assert panel.text == panel.describe(settled(panel.simulate(**panel.values)))


def test_pictures_say_what_they_show(panel):
    for picture in panel._pictures():
        assert len(picture.alt) > 60
        assert not re.search(r"\b(nan|inf|None)\b|0x", picture.alt), picture.alt


# pictures -----------------------------------------------------------------------------------------


def test_the_quick_redraw_shows_what_a_full_one_shows(panel):
    """Pictures redraw only what moves: a fresh drawing of the same data must look alike.

    Unless it found other room for its labels: pictures keep the layout of their first data, so a
    picture that was drawn after the first move is redrawn, too.
    """
    names = [name for name in movable(panel) if (panel.key, name) not in NOT_MOVED]
    alike, drawn = 0, [panel.picture]
    for name in (*names[:2], names[0]):
        put(panel, {name: another(panel.controls[name], panel.widgets[name])})
        data = settled(panel.simulate(**panel.values))
        fresh = panel.draw(data)
        for picture in drawn:
            panel.update(picture, data)
            for new, old in zip(each(fresh), each(picture), strict=True):
                assert new.alt == old.alt
                a, b = (pixels(one.png(1)) for one in (new, old))
                if places(new) == places(old):
                    assert a.shape == b.shape and np.mean(a != b) < 0.002
                    alike += 1
        if len(drawn) == 1:
            drawn.append(fresh)
    assert alike > 0, "nothing was compared"


def each(pictures):
    """The pictures of a panel, which has one or several."""
    return pictures if isinstance(pictures, tuple) else (pictures,)


def places(picture):
    """Where each of a picture's axes lies."""
    return [np.round(ax.get_position().bounds, 4).tolist() for ax in picture.fig.get_axes()]


def test_nothing_is_cut_off(panel):
    for picture in panel._pictures():
        assert_nothing_is_cut_off(picture)


def test_legends_hide_nothing_and_list_what_there_is(panel):
    settings = [{}]
    for name in movable(panel):
        if (panel.key, name) not in NOT_MOVED:
            settings.append({name: another(panel.controls[name], panel.widgets[name])})
    for values in settings:
        put(panel, values)
        for picture in panel._pictures():
            picture.png(1)
            for ax in picture.fig.get_axes():
                assert_legend_is_honest(ax)


def assert_legend_is_honest(ax):
    """What has a name in it is there, and no line passes below it."""
    legend = ax.get_legend()
    if legend is None or not ax.get_visible():
        return
    named = {line.get_label(): line for line in ax.get_lines()}
    for text in legend.get_texts():
        line = named.get(text.get_text())
        assert line is None or points_of(line).size, f"{text.get_text()} is not there"
    box = legend.get_window_extent().padded(-2)
    for line in ax.get_lines():
        x, y = points_of(line)
        inside = (x > box.x0) & (x < box.x1) & (y > box.y0) & (y < box.y1)
        assert not inside.any(), f"the legend hides {line.get_label()}"


def points_of(line):
    """Pixels of a line's points, and of some between them if they are joined: (2, n)."""
    xy = line.get_transform().transform(line.get_xydata().reshape(-1, 2))
    if line.get_linestyle() != "None" and len(xy) > 1:
        share = np.linspace(0, 1, 8)[1:-1, None, None]
        xy = np.concatenate([xy, *(1 - share) * xy[:-1] + share * xy[1:]])
    box = line.axes.bbox
    seen = np.isfinite(xy).all(axis=1) & (xy >= box.min - 1).all(axis=1)
    return xy[seen & (xy <= box.max + 1).all(axis=1)].T


def test_marks_are_whole(panel):
    """None is cut by the frame of its axes."""
    for picture in panel._pictures():
        picture.png(1)
        for ax in picture.fig.get_axes():
            for line in ax.get_lines():
                if line.get_visible() and line.get_marker() not in ("None", "", None, "|"):
                    assert_marks_are_whole(ax, line)


def assert_marks_are_whole(ax, line):
    if not line.get_clip_on():
        return
    radius = 0.4 * line.get_markersize() * ax.figure.dpi / 72
    every = line.get_markevery()
    marked = line.get_xydata()[every if isinstance(every, list) else slice(None, None, every)]
    x, y = line.get_transform().transform(marked.reshape(-1, 2)).T
    box = ax.bbox
    inside = (x >= box.x0) & (x <= box.x1) & (y >= box.y0) & (y <= box.y1)
    away = np.min([x - box.x0, box.x1 - x, y - box.y0, box.y1 - y], axis=0)
    cut = inside & (away < radius)
    assert not cut.any(), f"{line.get_label()}: {np.c_[x, y][cut][:3] - [box.x0, box.y0]}"


def test_readers_without_a_kernel_see_a_picture(panel):
    data, metadata = panel._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data and "text/html" not in data
    assert base64.b64decode(data["image/png"])[:4] == b"\x89PNG" and len(data["image/png"]) < 3e5
    alt = metadata["image/png"]["alt"]
    assert all(picture.alt in alt for picture in panel._pictures())
    assert panel.text in data["text/plain"] == repr(panel)
    assert repr(panel).startswith(f"{panel.key}(") and len(repr(panel)) < 700
    assert not re.search(r"object at|\\x|0x", repr(panel))


# compare, copy, download -------------------------------------------------------------------------


def test_what_is_pinned_stays_as_a_ghost(panel):
    name = next(name for name in movable(panel) if (panel.key, name) not in NOT_MOVED)
    alone = panel.image.value
    panel.pin()
    assert panel._tools.pinned and panel.text in panel._pinned.value
    put(panel, {name: another(panel.controls[name], panel.widgets[name])})
    both = [image.value for image in panel.images]
    panel.unpin()
    after = [image.value for image in panel.images]
    assert after != both, "there is no ghost"
    assert after[0] != alone and not panel._tools.pinned and panel._pinned.value == ""


def test_settings_as_code_are_these_settings(panel):
    name = next(name for name in movable(panel) if (panel.key, name) not in NOT_MOVED)
    first, line = panel.values, panel.code()
    put(panel, {name: another(panel.controls[name], panel.widgets[name])})
    other = panel.code()
    assert other != line and len(other) < 700
    for code in (line, other):
        exec(code, {"panel": panel})
        assert panel.code() == code and panel.wait(PATIENCE) and panel.error is None
    panel.reset()
    assert panel.wait(PATIENCE)
    now = {k: panel.controls[k].read(value) for k, (_, value) in panel._first.items()}
    assert all(np.array_equal(panel.values[k], now[k]) for k in now)
    with pytest.raises(ValueError, match="nowhere"):
        panel.set(nowhere=1)
    assert first.keys() == panel.values.keys()


def test_pictures_and_networks_are_downloaded(panel):
    name, png = panel._tool("png")
    assert name == f"{panel.key}.png" and png[:4] == b"\x89PNG"
    name, svg = panel._tool("svg")
    assert name == f"{panel.key}.svg" and b"<svg" in svg[:1000]
    networks = panel.downloads()
    assert ("network" in panel._tools.lacks) == (not networks)
    if networks:
        name, content = panel._tool("network")
        assert name.endswith("zip" if len(networks) > 1 else "npz") and content[:2] == b"PK"
    assert panel.error is None


# errors, and the end ------------------------------------------------------------------------------


def test_errors_are_shown_and_raised(panel, monkeypatch):
    def fail(data):
        raise ValueError("<wrong> on purpose")

    monkeypatch.setattr(panel, "describe", fail)
    with pytest.raises(ValueError, match="on purpose"):
        panel.render()
    assert isinstance(panel.error, ValueError) and panel._fault.layout.display != "none"
    assert "ValueError: &lt;wrong&gt; on purpose" in panel._fault.value
    assert "on purpose" in panel._voice.say and "on purpose" not in panel.text
    name = next(name for name in movable(panel) if (panel.key, name) not in NOT_MOVED)
    panel.widgets[name].value = another(panel.controls[name], panel.widgets[name])
    if panel.worker is not None:
        with pytest.raises(ValueError, match="on purpose"):
            panel.wait(PATIENCE)
    assert isinstance(panel.error, ValueError)
    monkeypatch.undo()
    put(panel, {name: another(panel.controls[name], panel.widgets[name])})
    assert panel._fault.layout.display == "none" and panel.text == panel._line.value


def test_closing_leaves_nothing(made):
    """The last test of a panel."""
    from ipywidgets.widgets.widget import _instances

    panel, _ = made
    own = {widget.model_id for widget in panel._all_widgets()}
    assert len(own) > 10 and own <= set(_instances)
    panel.close()
    panel.close()
    if panel.worker is not None and panel.worker._thread is not None:
        panel.worker._thread.join(PATIENCE)  # a picture that is being drawn is finished
        assert not panel.worker._thread.is_alive()
    assert panel.closed and not own & set(_instances)
    assert panel.key not in live.panel._OPEN
