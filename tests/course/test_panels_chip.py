"""Panels of the chip, of broken neurons and of prices: what they compute, and their controls."""

import time

import numpy as np
import pytest
from helpers import assert_nothing_is_cut_off

pytest.importorskip("ipywidgets")
pytest.importorskip("anywidget")

import small_panels

import snnlab
from snnlab import Substrate, encode, panels, results
from snnlab.course.broken import answers, influence
from snnlab.course.panels.chip import levels
from snnlab.course.panels.cost import crossing
from snnlab.reports.energy import COSTS, PARTS, ROWS, EnergyCard, at_rate, compare
from snnlab.reports.sweep import transfer_matrix


@pytest.fixture(scope="module")
def data():
    return small_panels.digits()


@pytest.fixture(scope="module")
def network():
    return small_panels.network_for_chips()


@pytest.fixture(scope="module")
def test_set():
    return small_panels.test_set()


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
        for run in (by_hand.forward(test_set[0]), network.forward(test_set[0], on=chip))
    ]
    # a potential within rounding of its threshold may fall on either side
    assert np.mean(hidden[0] == hidden[1]) > 0.96 and np.abs(hidden[0] - hidden[1]).max() <= 2


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
        panels.Imperfections(3, None, None, None)


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
    snnlab.train(
        other,
        inputs,
        labels,
        epochs=1,
        rng=0,
        schedule="constant",
        progress=False,
        optimizer=snnlab.Adam(lr=2e-3),
        substrate=chips[1],
    )
    np.testing.assert_array_equal(mine.parameters, other.parameters)
    assert not np.array_equal(mine.parameters, network.parameters)


def test_slices_are_short_and_newer_values_win(make):
    panel = make("ThroughTheChip")
    panel.wait(20)
    shown = []
    panel.worker._show = lambda frame: (shown.append(frame["sigma_d"]), panel.show(frame))
    began = time.monotonic()
    for sigma in (10.0, 20.0, 40.0):
        panel.widgets["sigma_d"].value = sigma
    assert time.monotonic() - began < 1, "a move must not wait for training"
    assert panel.wait(20) and "Mismatch 40 %, step 11 of 11" in panel.text
    assert shown[-1] == 0.4 and len(shown) < 9, "runs of older values must be given up"
    slices, last = [], time.process_time()
    for _ in panel.simulate(sigma_d=0.3, first=0):
        slices.append(time.process_time() - last)
        last = time.process_time()
    assert np.median(slices) < 0.03


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


# --- broken neurons ------------------------------------------------------------------------------


def test_dead_neurons_are_out(network, test_set):
    dead = np.zeros(30, bool)
    dead[[2, 7, 20]] = True
    without = network.copy()
    without.weights[0][:, dead] = 0  # they hear nothing, and so never fire
    expected = without.forward(test_set[0]).readout.max(axis=1).argmax(axis=1)
    np.testing.assert_array_equal(answers(network, test_set[0], dead), expected)
    plain = network.forward(test_set[0]).readout.max(axis=1).argmax(axis=1)
    np.testing.assert_array_equal(answers(network, test_set[0]), plain)


def test_influence_is_spikes_times_weights(network, test_set):
    hidden = network.forward(test_set[0]).hidden[0].to_dense()
    by_hand = hidden.sum(axis=(0, 1)) / 100 * np.abs(network.weights[1]).sum(axis=1)
    np.testing.assert_allclose(influence(network, test_set[0]), by_hand, rtol=1e-5)


def test_sliders_choose_and_clicks_change(make):
    panel = make("BrokenNeurons")
    grid = panel.widgets["dead"]
    assert grid.value.sum() == round(0.15 * 30) and "4 of 30" in panel.text
    panel.widgets["share"].value = 50.0
    assert grid.value.sum() == 15 and "15 of 30" in panel.text
    first = grid.value.copy()
    panel.widgets["draw"].value = 1
    assert grid.value.sum() == 15 and not np.array_equal(grid.value, first)
    panel.widgets["order"].value = "targeted"
    needed = influence(panel.networks[0], panel.inputs)
    assert needed[grid.value].min() >= needed[~grid.value].max()
    panel.widgets["net"].value = 1
    needed = influence(panel.networks[1], panel.inputs)
    assert needed[grid.value].min() >= needed[~grid.value].max()
    cells = np.zeros(30, np.uint8)
    cells[[3, 4]] = 1
    grid._handle_custom_msg({"kind": "cells"}, [memoryview(cells.tobytes())])
    assert "2 of 30" in panel.text and grid.value.nonzero()[0].tolist() == [3, 4]
    # slider, title and words follow a click
    title = panel.picture.artists.heads[1]
    assert panel.widgets["share"].value == 7  # a whole step, which the page shows as it is
    assert "2 chosen by hand" in title.get_text() and "dead=2 of 30 off" in repr(panel)
    panel.widgets["share"].value = 50.0
    assert "15 dead now" in title.get_text() and grid.value.sum() == 15
    assert len(grid.level) == 30


def test_broken_networks_are_counted_by_hand(make, test_set):
    panel = make("BrokenNeurons")
    dead = panel.chosen(0.4, "random", 2, 0)
    out = panel.simulate(dead=dead, order="random", net=1)
    inputs, labels = test_set
    said = answers(panel.networks[1], inputs, dead)
    assert out["accuracy"][1] == np.mean(said == labels) and out["n_dead"] == 12
    assert out["confusion"].sum() == 100 and np.trace(out["confusion"]) == np.sum(said == labels)
    assert out["confusion"][labels[0], said[0]] >= 1
    np.testing.assert_array_equal(
        out["intact"], [np.mean(answers(k, inputs) == labels) for k in panel.networks]
    )
    random, targeted = panel.curves["random"], panel.curves["targeted"]
    np.testing.assert_array_equal(random[:, 0], targeted[:, 0])
    assert random[:, -1].max() < random[:, 0].min()
    assert targeted.mean() < random.mean(), "targeted deaths must hurt more"
    with pytest.raises(TypeError, match="networks"):
        panels.BrokenNeurons({"a": 1, "b": 2}, inputs, labels)
    with pytest.raises(ValueError, match="two"):
        panels.BrokenNeurons({"a": panel.networks[0]}, inputs, labels)


# --- what a spike costs --------------------------------------------------------------------------

GIVEN = {
    "rate": 0.2,
    "fan_out": 246,
    "n_steps": 20,
    "bits": 8,
    "memory": "fitting",
    "arithmetic_price": 1.0,
    "memory_price": 1.0,
}


def test_a_bar_that_is_cut_is_seen_to_be(make):
    """The chip's bar is longer than the scale: slants go through it, and no tick stands below."""
    panel = make("SpikeCost")
    a = panel.picture.artists
    bar, (gap, edges) = a.measured, a.cut
    assert "(bar cut)" in a.texts[-1].get_text()
    x = gap.get_xy()[:, 0]
    ticks = a.top.get_xticks()
    assert gap.get_visible() and max(ticks) < x.min() < x.max() < bar.get_width()
    longest = max(sum(parts) for parts in panel.simulate(**panel.values)["energies"].values())
    assert 1e9 * longest < x.min()
    panel.widgets["memory_price"].value = 10.0
    cut = "(bar cut)" in a.texts[-1].get_text()
    assert all(artist.get_visible() == cut for artist in (gap, *edges))


def test_operations_at_a_rate_are_those_of_a_network(network, test_set):
    counted = compare(network, test_set[0]).operations
    rates = counted.input_spikes / 256, counted.hidden_spikes / 30
    planned = at_rate(network.sizes, 20, rates)
    assert planned.sizes == counted.sizes and planned.footprint == counted.footprint
    for a, b in zip(planned.layers, counted.layers, strict=True):
        for name in ("n_in", "n_out", "nonzero", "fires", "states", "mults", "adds", "n_steps"):
            assert getattr(a, name) == getattr(b, name), name
        for name in ("spikes_in", "effective_acs", "spikes_out"):
            assert getattr(a, name) == pytest.approx(getattr(b, name)), name
    assert planned.layers[0].active_in == pytest.approx(counted.layers[0].active_in)
    mine, theirs = EnergyCard(planned).energies, EnergyCard(counted).energies
    for name in ROWS:
        np.testing.assert_allclose(mine[name], theirs[name], rtol=1e-6)
    assert at_rate((3, 4, 2), 10, 2.0).layers[0].active_in == 3


def test_operations_at_a_rate_check_their_arguments():
    for given, match in (
        (((4,), 5, 0.1), "sizes"),
        (((4, 0), 5, 0.1), "sizes"),
        (((4, 2), 0, 0.1), "n_steps"),
        (((4, 2), 5, -0.1), "rate"),
        (((4, 2), 5, 6), "rate"),
        (((4, 3, 2), 5, (1, 2, 3)), "rate"),
    ):
        with pytest.raises(ValueError, match=match):
            at_rate(*given)


def test_prices_are_those_of_the_card(make):
    panel = make("SpikeCost")
    card = EnergyCard(at_rate((256, 246, 10), 20, 0.2), 8)
    out = panel.simulate(**GIVEN)
    for name in ROWS:
        np.testing.assert_allclose(out["energies"][name], card.energies[name])
        line = np.interp(0.2, out["rates"], out["lines"][name])
        assert line == pytest.approx(card.energies[name].sum())
    even = card.break_even("spikes") / 502
    assert out["break_even"]["ReLU, with memory"] == pytest.approx(even)
    assert out["break_even"]["ReLU, silent inputs skipped"] is None
    assert f"cheaper below {even:.2f}" in panel.describe(out) and "at no rate" in panel.describe(
        out
    )
    assert out["chip"] == COSTS["chip_energy"].value
    assert panel.simulate(**GIVEN | {"fan_out": 106})["chip"] is None
    dear = panel.simulate(**GIVEN | {"memory_price": 2.0, "arithmetic_price": 0.5})
    factors = [0.5, 0.5, 2, 2]
    assert PARTS == ("synaptic", "neurons", "weights", "states")
    for name in ROWS:
        np.testing.assert_allclose(dear["energies"][name], factors * card.energies[name])


def test_sources_are_tagged_in_the_figure(make):
    panel = make("SpikeCost")
    text = panel.picture.fig.get_supxlabel()
    assert f"[{COSTS['int8_add'].tag}]" in text and f"[{COSTS['chip_energy'].tag}]" in text


@pytest.mark.parametrize("dear", [False, True])
def test_long_numbers_push_no_label_off_the_page(make, dear):
    panel = make("SpikeCost")
    if dear:
        for name, value in {"rate": 2.0, "n_steps": 100, "memory": "dram_high"}.items():
            panel.widgets[name].value = value
    picture = panel.picture
    unit, factor = ("micro", 1e6) if dear else ("nano", 1e9)
    for ax in (picture.artists.top, picture.artists.bottom):
        assert f"({'µ' if dear else 'n'}J)" in ax.get_xlabel() + ax.get_ylabel()
    assert_nothing_is_cut_off(picture)
    joule = panel.simulate(**panel.values)["energies"][ROWS[1]].sum()
    assert f"in {unit}joule" in picture.alt and f"{ROWS[1]}: {factor * joule:,.0f}" in picture.alt
    assert "e+" not in panel.text


def test_crossings():
    assert crossing((0, 1, 2), (0, 2, 4), (1, 1, 1)) == 0.5
    assert crossing((0, 1, 2), (0, 1, 4), (2, 2, 2)) == pytest.approx(4 / 3)
    assert crossing((0, 1), (0, 1), (2, 2)) is None and crossing((0, 1), (3, 4), (2, 2)) is None
