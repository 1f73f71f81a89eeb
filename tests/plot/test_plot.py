"""Figures: labels with units, palette, nothing changed by drawing, no figures piling up."""

import html
import io
import itertools
import re

import numpy as np
import pytest
from helpers import assert_nothing_is_cut_off, fresh_python

pytest.importorskip("matplotlib")
import matplotlib
from PIL import Image

from snnlab import LIF, History, Network, encode, explain, plot
from snnlab.course import figures
from snnlab.plot import style

SHAPE = (8, 8)


def png_size(content):
    with Image.open(io.BytesIO(content)) as image:
        assert image.format == "PNG"
        return image.size


def run(weight=0.5, v_th=1.0):
    """A neuron's run as `draw_neuron` takes it; plain arithmetic, no package."""
    n, a = 40, 0.75
    x, i, v, z = np.zeros((4, n))
    x[[2, 4]] = 1
    for t in range(1, n):
        i[t] = a * i[t - 1] + weight * x[t]
        v[t] = a * v[t - 1] + i[t] - v_th * z[t - 1]
        z[t] = v[t] > v_th
    return {"x": x, "i_syn": i, "v": v, "z": z, "v_th": v_th, "dt": 1.7e-6}


def traces(weight):
    """That run as `draw_traces` takes it, among five neurons."""
    one, ends = run(weight), weight * np.arange(-1.0, 4)
    shown = {"v": one["v"], "z": one["z"], "heard": one["i_syn"], "own": one["z"]}
    every = {"all_heard": ends, "all_own": np.maximum(ends, 0), "off": 0.0, "neuron": 2}
    return shown | every | {"dt": one["dt"]}


@pytest.fixture(scope="module")
def batch():
    """A trace of a few random images, their labels and the network."""
    rng = np.random.default_rng(0)
    images = rng.random((6, 64), dtype=np.float32)
    network = Network((64, 30, 10), LIF.brainscales2(), n_steps=20, rng=1)
    spikes = encode.latency(images)
    network.scale_to_activity(spikes, 40)
    return {"trace": network.forward(spikes), "images": images, "labels": rng.integers(0, 10, 6)}


@pytest.fixture
def history():
    three = [3.0, 2.0, 1.0]
    return History(
        loss=three,
        train_accuracy=[0.5, 0.7, 0.9],
        hidden_spikes=[50.0, 40.0, 30.0],
        seconds=three,
        validation_accuracy=[0.4, 0.6, 0.8],
        validation_hidden_spikes=[55.0, 45.0, 35.0],
    )


@pytest.fixture
def pictures(batch, history):
    image = batch["images"][0].reshape(SHAPE)
    return {
        "neuron": figures.draw_neuron(**run()),
        "order": figures.draw_order(),
        "raster": plot.draw_raster(batch["trace"], dt=1.7e-6, label=3, image=image),
        "history": plot.draw_history(history),
        "images": plot.draw_images(
            batch["images"], SHAPE, labels=batch["labels"], predictions=batch["labels"][::-1]
        ),
        "code": plot.draw_code(image, batch["trace"].inputs, dt=1.7e-6),
    }


def axes(picture):
    return picture.fig.get_axes()


# --- style -------------------------------------------------------------------------------------


def test_palette_is_okabe_ito():
    published = {
        (0, 0, 0),
        (230, 159, 0),
        (86, 180, 233),
        (0, 158, 115),
        (240, 228, 66),
        (0, 114, 178),
        (213, 94, 0),
        (204, 121, 167),
    }

    def rgb(code):
        return tuple(int(code[k : k + 2], 16) for k in (1, 3, 5))

    assert {rgb(code) for code in plot.OKABE_ITO.values()} == published
    assert set(plot.ROLES.values()) <= set(plot.OKABE_ITO.values())


def test_roles_of_one_figure_differ_in_more_than_colour(pictures):
    a = pictures["neuron"].artists
    looks = [(k.get_linestyle(), k.get_marker()) for k in (a.heads, a.i, a.v, a.threshold, a.tops)]
    assert len(set(looks)) == len(looks)
    lines = pictures["history"].artists.lines
    for first, second in (
        ("train_accuracy", "validation_accuracy"),
        ("hidden_spikes", "validation_hidden_spikes"),
    ):
        assert lines[first].get_marker() != lines[second].get_marker()
        assert lines[first].get_linestyle() != lines[second].get_linestyle()


def test_axes_are_labelled_with_units(pictures):
    for picture in pictures.values():
        for ax in axes(picture):
            ticks = (ax.xaxis, ax.yaxis) if ax.get_visible() and ax.axison else ()
            for axis in ticks:
                shared = not axis.get_tick_params().get("labelbottom", True)
                if len(axis.get_ticklocs()) and not shared:
                    assert axis.get_label_text(), (picture, axis)
                label = axis.get_label_text()
                if "time" in label:
                    assert "(µs)" in label
                if "potential" in label or label.startswith("current"):
                    assert "arb. units" in label
    assert axes(pictures["neuron"])[-1].get_xlabel() == "time (µs)"
    labels = [ax.get_ylabel() for ax in axes(pictures["history"])]
    assert labels == ["loss (nats)", "accuracy (%)", "hidden spikes per image"]


def test_time_is_in_microseconds(pictures):
    t = pictures["neuron"].artists.v.get_xdata()
    np.testing.assert_allclose(t, np.arange(40) * 1.7)


def test_users_style_does_not_leak_in_nor_ours_out():
    plain = figures.draw_neuron(**run()).png(1)
    with matplotlib.rc_context():
        matplotlib.rcParams.update(
            {
                "figure.facecolor": "black",
                "text.color": "white",
                "axes.labelcolor": "white",
                "font.size": 20,
                "axes.grid": True,
            }
        )
        before = dict(matplotlib.rcParams)
        assert figures.draw_neuron(**run()).png(1) == plain
        assert dict(matplotlib.rcParams) == before
    with Image.open(io.BytesIO(plain)) as image:
        assert image.convert("RGB").getpixel((1, 1)) == (255, 255, 255)


# --- drawing and updating ------------------------------------------------------------------------


def test_nothing_is_cut_off(pictures):
    for picture in pictures.values():
        assert_nothing_is_cut_off(picture)


def test_update_shows_what_a_fresh_drawing_shows():
    picture = figures.draw_traces(traces(0.3))
    first, alt = picture.png(1), picture.alt
    figures.update_traces(picture, traces(0.6))
    assert picture.png(1) != first and picture.alt != alt
    np.testing.assert_array_equal(picture.artists.v.get_ydata(), run(0.6)["v"])
    figures.update_traces(picture, traces(0.3))
    assert picture.png(1) == first and picture.alt == alt


def test_update_keeps_layout_and_artists():
    picture = figures.draw_traces(traces(0.3))
    places = [ax.get_position().bounds for ax in axes(picture)]
    children = [len(ax.get_children()) for ax in axes(picture)]
    figures.update_traces(picture, traces(5.0))
    picture.png(1)
    assert [ax.get_position().bounds for ax in axes(picture)] == places
    assert [len(ax.get_children()) for ax in axes(picture)] == children


def test_a_neurons_picture_says_when_it_fires():
    says = figures.draw_neuron(**run(0.6)).alt
    assert "2 input spikes, 2 output spikes at 6.8, 10.2 µs; the membrane peaks at 1.61" in says
    silent = figures.draw_neuron(**run(0.1))
    assert "2 input spikes, no output spikes; the membrane peaks at 0." in silent.alt
    listed = [text.get_text() for text in axes(silent)[-1].get_legend().get_texts()]
    assert listed == ["membrane", "threshold"]


def test_raster_shows_the_events_of_its_sample(batch):
    trace = batch["trace"]
    picture = plot.draw_raster(trace, 0, dt=1.7e-6)
    plot.update_raster(picture, trace, 4, label=2)
    z = trace.hidden[0].to_dense()[4]
    t, unit = picture.artists.lines["spike"].get_data()
    shown = sorted(zip(np.rint(t / 1.7).astype(int), unit, strict=True))
    assert shown == sorted(zip(*np.nonzero(z), strict=True))
    np.testing.assert_array_equal(picture.artists.classes[7].get_ydata(), trace.readout[4, :, 7])
    decision = int(trace.readout[4].max(axis=0).argmax())
    assert f"decides for {decision}" in picture.alt
    assert f"{int(z.sum())} hidden spikes" in picture.alt


def test_wrong_images_are_marked_in_words(batch):
    labels = np.arange(6)
    predictions = labels.copy()
    predictions[2] = 9
    picture = plot.draw_images(batch["images"], SHAPE, labels=labels, predictions=predictions)
    titles = [ax.get_title() for ax in axes(picture)]
    assert titles == ["0", "1", "✗ 9, not 2", "3", "4", "5"]
    assert "right about 5 of them" in picture.alt


def test_history_in_the_making():
    empty = History()
    picture = plot.draw_history(empty, epochs=4)
    assert "no epoch" in picture.alt
    empty.loss.append(1.0)
    empty.train_accuracy.append(0.5)
    empty.hidden_spikes.append(20.0)
    plot.update_history(picture, empty)
    assert picture.artists.lines["train_accuracy"].get_ydata().tolist() == [50.0]
    assert all(ax.get_xlim()[1] > 4 for ax in axes(picture))


def test_drawing_changes_no_data(batch, history):
    trace = batch["trace"]
    data, some = run(), traces(0.5)
    arrays = [x for x in (data | some).values() if isinstance(x, np.ndarray)]
    arrays += [batch["images"], trace.readout]
    arrays += [
        getattr(train, k) for train in (trace.inputs, *trace.spikes) for k in ("step", "unit")
    ]
    before = [a.copy() for a in arrays]
    lists = {name: list(getattr(history, name)) for name in ("loss", "train_accuracy")}
    figures.draw_neuron(**data)
    figures.update_traces(figures.draw_traces(some), some)
    image = batch["images"][0].reshape(SHAPE)
    picture = plot.draw_raster(trace, dt=1.7e-6, image=image)
    plot.update_raster(picture, trace, 1, image=image)
    plot.update_history(plot.draw_history(history), history)
    plot.update_images(plot.draw_images(batch["images"], SHAPE), batch["images"])
    plot.draw_code(image, trace.inputs, dt=1.7e-6)
    for a, b in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(a, b)
    assert lists == {name: getattr(history, name) for name in lists}


def test_no_pyplot_and_no_figures_pile_up():
    """In a fresh process: drawing imports no pyplot, so nothing can keep the figures."""
    code = (
        "import gc, sys, numpy as np; from matplotlib.figure import Figure\n"
        "from snnlab.course import figures\n"
        "names = 'v', 'z', 'heard', 'own', 'all_heard', 'all_own'\n"
        "data = dict.fromkeys(names, np.zeros(20)) | {'off': 0, 'neuron': 0, 'dt': 1e-6}\n"
        "p = figures.draw_traces(data)\n"
        "count = lambda: sum(isinstance(o, Figure) for o in gc.get_objects())\n"
        "for _ in range(5): figures.update_traces(p, data); p.png()\n"
        "print(count(), 'matplotlib.pyplot' in sys.modules)\n"
        "for _ in range(5): p = figures.draw_traces(data)\n"
        "gc.collect(); print(count())"
    )
    shown = fresh_python("-c", code)
    assert shown.stdout.split() == ["1", "False", "1"]


# --- in a notebook -------------------------------------------------------------------------------


def test_every_picture_says_what_it_shows(pictures):
    for picture in pictures.values():
        data, metadata = picture._repr_mimebundle_()
        alt = metadata["image/png"]["alt"]
        assert alt == picture.alt and len(alt) > 40 and alt.endswith(".")
        assert re.search(r"\d", alt) or "diagram" in alt
        assert alt in data["text/plain"]
        assert f'alt="{html.escape(alt)}"' in data["text/html"]


def test_shown_at_page_size_with_more_pixels(pictures):
    picture = pictures["neuron"]
    _, metadata = picture._repr_mimebundle_()
    width, height = metadata["image/png"]["width"], metadata["image/png"]["height"]
    assert png_size(picture.png()) == (2 * width, 2 * height)
    assert png_size(picture.png(1)) == (width, height)


def test_show_a_figure_of_ones_own():
    from matplotlib.figure import Figure

    fig = Figure((2, 1))
    fig.subplots().plot([1, 2])
    shown = plot.show(fig, "A line that rises from 1 to 2.")
    assert png_size(shown.png(1)) == (200, 100)
    assert shown._repr_mimebundle_()[1]["image/png"]["alt"] == "A line that rises from 1 to 2."
    with pytest.raises(ValueError, match="alt"):
        plot.show(fig, "")


def test_save_writes_a_whole_file(tmp_path, pictures):
    pictures["order"].save(tmp_path / "a.png")
    assert png_size((tmp_path / "a.png").read_bytes())[0] == 2 * 860
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize(
    "what, said", [(3, "a 3"), (8, "an 8"), ('"8"', 'an "8"'), ("automobile", "an automobile")]
)
def test_articles(what, said):
    assert style.an(what) == said and style.one(what) == said[0].upper() + said[1:]


# --- what somebody else would give ----------------------------------------------------------------

FASHION = "T-shirt/top Trouser Pullover Dress Coat Sandal Shirt Sneaker Bag".split() + [
    "Ankle boot"
]
LONG = [f"Golden retriever, litter {k}" for k in range(8)] + ["$10", "$x^$"]


def assert_no_titles_overlap(picture):
    """Titles and names of ticks are each within their own place; all axes are still to be seen."""
    assert_nothing_is_cut_off(picture)
    seen = [ax for ax in axes(picture) if ax.get_visible()]
    boxes = [ax.title.get_window_extent() for ax in seen if ax.get_title().strip()]
    for k, box in enumerate(boxes):
        assert not any(box.shrunk(0.97, 0.9).overlaps(other) for other in boxes[:k]), picture.alt
    for ax in seen:
        if ax.get_label() != "<colorbar>":
            assert min(ax.get_window_extent().size) > 50, picture.alt
        ticks = [label.get_window_extent() for label in ax.get_yticklabels() if label.get_text()]
        for one, next_one in itertools.pairwise(sorted(ticks, key=lambda box: box.y0)):
            assert one.y1 < next_one.y1 and next_one.y0 > one.y0 + 0.7 * one.height, picture.alt


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("names", [FASHION, LONG, [str(k) for k in range(10)]])
def test_names_of_classes_have_room_and_are_no_formulas(batch, names):
    """Long ones squeezed the axes to nothing, lay on each other, or were not drawn at all."""
    image, trace = batch["images"][0].reshape(SHAPE), batch["trace"]
    for label in (0, 9):
        looks = {"label": label, "names": names}
        drawn = [
            plot.draw_raster(trace, dt=1.7e-6, image=image, **looks),
            plot.draw_raster(trace, dt=1.7e-6, **looks),
            plot.draw_images(
                batch["images"], SHAPE, labels=[label] * 6, predictions=range(4, 10), names=names
            ),
        ]
        for picture in drawn:
            assert_no_titles_overlap(picture)
            assert names[label] in picture.alt


def test_an_explanations_names_have_room(batch):
    network = Network((64, 30, 10), LIF.brainscales2(), n_steps=20, rng=1)
    network.scale_to_activity(batch["trace"].inputs, 40)
    image, sample = batch["images"][0].reshape(SHAPE), batch["trace"].inputs[:1]
    for names in (FASHION, LONG):
        found = explain(network, sample, against=9)
        picture = plot.draw_explanation(found, image, label=0, names=names)
        assert_no_titles_overlap(picture)
        assert names[9] in picture.alt


def test_of_many_classes_some_are_named():
    network = Network((64, 30, 100), LIF.brainscales2(), n_steps=20, rng=1)
    trace = network.forward(encode.latency(np.ones((1, 64), np.float32)))
    for image in (None, np.ones(SHAPE)):
        assert_no_titles_overlap(plot.draw_raster(trace, dt=1.7e-6, image=image))


def test_values_beyond_white_and_black_are_refused(batch):
    """Of 0 to 255 all would be black, and nobody would know why."""
    images, trace = 255 * batch["images"], batch["trace"]
    image = images[0].reshape(SHAPE)
    picture = plot.draw_raster(trace, dt=1.7e-6, image=image / 255)
    grid = plot.draw_images(batch["images"], SHAPE)
    for name, draw in {
        "x": lambda: plot.draw_images(images, SHAPE),
        "x ": lambda: plot.update_images(grid, -images),
        "image": lambda: plot.draw_raster(trace, dt=1.7e-6, image=image),
        "image ": lambda: plot.update_raster(picture, trace, image=image),
        "image  ": lambda: plot.draw_code(image, trace.inputs, dt=1.7e-6),
    }.items():
        with pytest.raises(ValueError, match=rf"{name.strip()} must lie in \[0, 1\]"):
            draw()
    with pytest.raises(ValueError, match="image must have a pixel or more"):
        plot.draw_raster(trace, dt=1.7e-6, image=np.ones((0, 4)))


@pytest.mark.filterwarnings("error")
def test_one_chip_or_chips_of_others_are_told_without_a_gap():
    """There is no mean of nothing."""
    assert "90.0 % on their own." in plot.draw_transfer([[0.9]]).alt
    assert plot.draw_transfer([[0.9, 0.7]]).alt.endswith("tested on 2: on average 80.0 %.")
    picture = plot.draw_mismatch([0.1], loop=[0.5])
    assert "50.0 % at 10 %" in picture.alt


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (lambda: plot.draw_mismatch([0.1, 0.2]), "accuracies must hold one entry or more"),
        (lambda: plot.draw_mismatch([], loop=[]), "sigma_d and accuracies must hold"),
        (lambda: plot.draw_mismatch([0.1], loop=np.ones((0, 1))), "loop must hold one chip"),
        (lambda: plot.draw_mismatch([0.1], loop=[90]), r"loop must lie in \[0, 1\]"),
        (lambda: plot.draw_mismatch([0.1], loop=[0.9], calibrated=-1), "calibrated"),
        (lambda: plot.draw_transfer([[90.0]]), r"matrix must lie in \[0, 1\]"),
        (lambda: plot.draw_rules({"a": [{"label": "b", "mean": 0.9}]}), "connectivity"),
        (lambda: plot.draw_rules({"a": ["b"]}), "dict"),
        (lambda: plot.draw_rules({"a": 3}), "sequence"),
        (lambda: plot.draw_rules({3: [record()]}), "titles of studies"),
        (lambda: plot.draw_rules({"a": [record(mean=90)]}), "mean of studies"),
        (lambda: plot.draw_rules({"a": [record(mean=np.nan)]}), "mean of studies"),
        (lambda: plot.draw_rules({"a": [record(connectivity=0)]}), "connectivity of studies"),
        (lambda: plot.draw_rules({"a": [record(sd="x")]}), "sd of studies"),
        (lambda: plot.draw_tradeoff([record(mean=90)]), "mean of records"),
        (lambda: plot.draw_tradeoff([record(label=3)]), "label of records"),
        (lambda: plot.draw_tradeoff([record(sd=-1)]), "sd of records"),
        (lambda: plot.draw_tradeoff([record(sd=np.nan)]), "sd of records"),
        (lambda: plot.Raster(plot.new_figure(1, 1), "an image", left=3), "left must be a Axes"),
    ],
)
def test_what_no_axis_has_room_for_is_named(draw, words):
    with pytest.raises((TypeError, ValueError), match=words):
        draw()


def record(**others):
    return {"label": "b", "mean": 0.9, "connectivity": 0.1, "hidden_spikes": 3.0} | others


@pytest.mark.filterwarnings("error")
def test_all_right_has_a_place_in_the_tradeoff():
    plot.draw_tradeoff([record(), record(mean=1.0, sd=0.02, connectivity=1)]).png()
    assert (
        "100.00 % at 100 %"
        in plot.draw_rules({"a": [record(), record(mean=1, connectivity=1)]}).alt
    )
