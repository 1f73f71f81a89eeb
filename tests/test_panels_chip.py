"""Panels of the chip, of broken neurons and of prices: what they compute, and their controls."""

import time

import numpy as np
import pytest

pytest.importorskip("ipywidgets")
pytest.importorskip("anywidget")

import snnlab
from snnlab import LIF, Network, Substrate, datasets, encode, live, results
from snnlab.live.chip import levels
from snnlab.sweep import transfer_matrix

DIGITAL = {"weight_bits": 6, "dynamic_scaling": True}


@pytest.fixture(scope="module")
def data():
    return datasets.load("digits16")


@pytest.fixture(scope="module")
def network(data):
    made = Network((256, 30, 10), LIF.brainscales2(), n_steps=20, rng=0)
    inputs = encode.latency(data.x_train)
    made.scale_to_activity(inputs, 20)
    snnlab.train(made, inputs, data.y_train, epochs=4, rng=0, progress=False,
                 substrate=Substrate.ideal(**DIGITAL))  # fmt: skip
    return made


@pytest.fixture(scope="module")
def test_set(data):
    return encode.latency(data.x_test[:100]), data.y_test[:100]


@pytest.fixture
def make(data, network, test_set):
    """Makes a panel by name; closes it."""
    inputs = encode.latency(data.x_train[:300])
    makers = {
        "Imperfections": lambda: live.Imperfections(network, *test_set, data.x_test[:100]),
        "ThroughTheChip": lambda: live.ThroughTheChip(
            network, inputs, data.y_train[:300], test_set, n_steps=11
        ),
    }
    made = []

    def make_(name):
        made.append(makers[name]())
        return made[-1]

    yield make_
    for panel in made:
        panel.close()


NAMES = "Imperfections", "ThroughTheChip"


def another(control, widget):
    """Another value of a control, by a move that must show."""
    if isinstance(control, live.Choice | live.Stops):
        values = [value for _, value in control.options]
        return values[(values.index(widget.value) + 2) % len(values)]
    step = 3 * control.step
    return widget.value + (step if widget.value + step <= widget.max else -step)


@pytest.mark.parametrize("name", NAMES)
def test_every_control_changes_the_picture(make, name):
    panel = make(name)
    panel.wait(20)
    for key, control in panel.controls.items():
        if isinstance(control, live.Action):
            continue
        before = panel.image.value
        panel.widgets[key].value = another(control, panel.widgets[key])
        assert panel.wait(20) and panel.error is None, key
        assert panel.image.value != before, key
        assert panel.text and panel.text == panel._line.value == panel._voice.say
    assert len(panel.picture.alt) > 60
    panel.render()


@pytest.mark.parametrize("name", NAMES)
def test_display_has_a_picture_for_readers(make, name):
    panel = make(name)
    panel.wait(20)
    data, metadata = panel._repr_mimebundle_()
    assert len(data["image/png"]) < 300_000
    assert metadata["image/png"]["alt"] == panel.picture.alt
    assert panel.text in data["text/plain"] and len(data["text/plain"]) < 700


@pytest.mark.parametrize("name", NAMES)
def test_the_quick_redraw_shows_what_a_full_one_shows(make, name):
    """Pictures redraw only what moves: a fresh drawing of the same data must look alike."""
    panel = make(name)
    panel.wait(20)
    for key, control in list(panel.controls.items())[:2]:
        panel.widgets[key].value = another(control, panel.widgets[key])
        panel.wait(20)
    shown = panel.simulate(**panel.values)
    if panel.worker is not None:
        *_, shown = (frame for frame in shown if frame is not None)
    fresh = panel.draw(shown)
    panel.update(panel.picture, shown)
    assert fresh.alt == panel.picture.alt
    a, b = (_pixels(picture.png(1)) for picture in (fresh, panel.picture))
    assert np.mean(a != b) < 0.002


def _pixels(png):
    import io

    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(png))).astype(int)


# --- the imperfections ---------------------------------------------------------------------------

NONE = {"bits": None, "ceiling": None, "tau": 0.0, "threshold": 0.0, "gain": 0.0, "noise": 0.0}


def test_without_faults_the_chip_is_ideal(make):
    out = make("Imperfections").simulate(digit=3, chip=2, **NONE)
    ideal, chip = out["ideal"], out["chip"]
    np.testing.assert_array_equal(ideal["readout"], chip["readout"])
    np.testing.assert_array_equal(ideal["v"], chip["v"])
    np.testing.assert_array_equal(out["weights"], out["written"])
    assert ideal["accuracy"] == chip["accuracy"] > 0.6
    assert ideal["threshold"] == chip["threshold"] == 1


def test_each_knob_turns_its_own_effect(make):
    panel = make("Imperfections")
    off = Substrate.ideal(2).effects
    for knob, value, names in (
        ("bits", 4, {"weight_bits", "weight_scale", "dynamic_scaling"}),
        ("ceiling", 1.5, {"adc_bits", "adc_range", "membrane_range"}),
        ("tau", 0.2, {"tau_mem_spread", "tau_syn_spread"}),
        ("threshold", 0.2, {"threshold_spread"}),
        ("gain", 0.2, {"gain_spread"}),
        ("noise", 0.2, {"noise"}),
    ):
        chip = panel.substrate(chip=2, **NONE | {knob: value})
        assert {k for k, v in chip.effects.items() if v != off[k]} == names
    assert chip.seed == 2 and chip.effects["noise"] == 0.2
    assert panel.substrate(chip=0, **NONE | {"ceiling": 2.5}).effects["adc_range"] == (-1.14, 2.5)


@pytest.mark.parametrize("bits", [1, 3, 6, 8])
def test_the_stairs_are_what_is_written(make, network, test_set, bits):
    out = make("Imperfections").simulate(digit=0, chip=0, **NONE | {"bits": bits})
    w = np.array(network.weights[0], float)
    limit = 2**bits - 1
    step = 63 / 240 / limit  # the range of weights is that of six bits
    np.testing.assert_allclose(
        np.unique(out["written"]), step * np.arange(-limit, limit + 1), atol=1e-9
    )
    by_hand = network.copy()
    by_hand.weights[0][...] = np.clip(np.rint(w / step), -limit, limit) * step
    chip = Substrate.ideal(**levels(bits) | {"dynamic_scaling": False})
    hidden = [
        run.hidden[0].counts()
        for run in (by_hand.forward(test_set[0]), chip.measure(network, test_set[0]))
    ]
    np.testing.assert_array_equal(*hidden)


def test_readings_stay_below_the_ceiling(make):
    panel = make("Imperfections")
    free = panel.simulate(digit=0, chip=0, **NONE)
    low = panel.simulate(digit=0, chip=0, **NONE | {"ceiling": 1.1})
    assert free["chip"]["readout"].max() > 1.2 and low["chip"]["readout"].max() <= 1.101
    assert low["chip"]["accuracy"] < free["chip"]["accuracy"]


def test_the_neuron_only_just_fires(make, network, test_set):
    out = make("Imperfections").simulate(digit=5, chip=0, **NONE)
    highest = network.forward(test_set[0][5]).v[0][0].max(axis=0)
    assert highest[out["neuron"]] == highest[highest > 1].min()
    assert len(out["ideal"]["fired"]) >= 1


def test_the_imperfections_say_what_is_lost(make):
    panel = make("Imperfections")
    assert "none lost; exact weights" in panel.describe(panel.simulate(digit=0, chip=0, **NONE))
    bad = panel.simulate(digit=0, chip=0, **NONE | {"bits": 1, "noise": 0.5})
    lost = 100 * (bad["ideal"]["accuracy"] - bad["chip"]["accuracy"])
    assert f"{lost:.1f} points lost; 3 levels" in panel.describe(bad)
    with pytest.raises(TypeError, match="network"):
        live.Imperfections(3, None, None, None)


# --- training through the chip -------------------------------------------------------------------


def test_the_loop_learns_what_transfer_does_not(make, network, data, test_set):
    panel = make("ThroughTheChip")
    frames = [f for f in panel.simulate(sigma_d=0.4, first=1) if f is not None]
    assert [f["tested"][-1] for f in frames] == [0, 10, 11] and frames[-1]["chips"] == [1, 2, 3]
    first, last = frames[0], frames[-1]
    chips = [Substrate(k, sigma_d=0.4) for k in (1, 2, 3)]
    start = transfer_matrix([network], chips, *test_set)[0]
    # noise follows a chip's age, so accuracies differ a little from run to run
    np.testing.assert_allclose(first["transfer"][0], start, atol=0.05)
    np.testing.assert_array_equal(first["loop"], first["transfer"])
    assert np.mean(last["loop"][-1]) > np.mean(last["transfer"][-1]) + 0.03
    assert np.mean(last["loop"][-1]) > np.mean(first["loop"][0]) + 0.03
    off = ~np.eye(3, dtype=bool)
    assert np.isnan(np.array(first["matrix"])[off]).all() and np.isfinite(last["matrix"]).all()
    assert np.diag(last["matrix"]).mean() > np.array(last["matrix"])[off].mean()
    np.testing.assert_allclose(np.diag(last["matrix"]), last["loop"][-1], atol=0.05)


def test_training_in_the_panel_is_that_of_the_library(make, network, data):
    panel = make("ThroughTheChip")
    inputs, labels = encode.latency(data.x_train[:300]), data.y_train[:300]
    mine, chips = network.copy(), [Substrate(3, sigma_d=0.2) for _ in range(2)]
    loop = panel._steps(mine, chips[0])
    for _ in range(3):
        next(loop)
    other = network.copy()
    snnlab.train(other, inputs, labels, epochs=1, rng=0, schedule="constant", progress=False,
                 optimizer=snnlab.Adam(lr=2e-3), substrate=chips[1])  # fmt: skip
    np.testing.assert_array_equal(mine.parameters, other.parameters)
    assert not np.array_equal(mine.parameters, network.parameters)


def test_slices_are_short_and_newer_values_win(make):
    panel = make("ThroughTheChip")
    panel.wait(20)
    shown = []
    panel._show = lambda frame, show=panel._show: (shown.append(frame["sigma_d"]), show(frame))
    panel.worker._show = panel._show
    began = time.monotonic()
    for sigma in (10.0, 20.0, 40.0):
        panel.widgets["sigma_d"].value = sigma
    assert time.monotonic() - began < 1, "a move must not wait for training"
    assert panel.wait(20) and "Mismatch 40 %, step 11 of 11" in panel.text
    assert shown[-1] == 0.4 and len(shown) < 9, "runs of older values must be given up"
    gaps, last = [], time.perf_counter()
    for _ in panel.simulate(sigma_d=0.3, first=0):
        gaps.append(time.perf_counter() - last)
        last = time.perf_counter()
    assert np.median(gaps) < 0.05


def test_stored_runs_are_those_of_the_files(make):
    stored = make("ThroughTheChip").stored
    assert stored["sigma_d"] == [0.1, 0.2, 0.3, 0.4, 0.5]
    by = {r["label"]: r["values"] for r in results.load("chip-mismatch")}
    np.testing.assert_array_equal(stored["transfer"][:, 2], by["transfer, sigma_d 0.3"])
    np.testing.assert_array_equal(stored["loop"][:, 4], by["loop, sigma_d 0.5"])
    matrix = stored["matrix"]
    assert matrix.shape == (5, 5)
    assert matrix[3, 1] == results.load("chip-transfer-matrix")[1]["values"][3]
    assert np.diag(matrix).min() > 0.97 > matrix[0, 2]
