"""Synapses as a chip sees them, and whether they avoid its bad neurons; the figure of both."""

import itertools

import numpy as np
import pytest
from helpers import assert_nothing_is_cut_off

from snnlab import LIF, GradR, Network, Substrate, avoidance, encode, rewiring, synapses
from snnlab.chip.effects import SPREADS
from snnlab.reports.avoidance import permutation_test, rank_correlation, worst_of

SIZES = (20, 30, 4)


def make(sizes=SIZES, seed=0, **settings):
    return Network(sizes, LIF.brainscales2(), n_steps=10, rng=seed, **settings)


def sparse(network, share, seed=0):
    """A copy with a share of its weights, drawn at random."""
    network, rng = network.copy(), np.random.default_rng(seed)
    for w in network.weights:
        w[rng.random(w.shape) >= share] = 0
    return network


# --- as the chip sees them ------------------------------------------------------------------------


def test_weights_below_half_a_level_are_gone():
    network, chip = make(), Substrate.ideal(weight_bits=6)
    w = network.weights[0]
    w[...] = 0.1
    w[0] = np.linspace(-1, 1, 30) / 240  # a level is 1 / 240
    seen = synapses.masks(network, chip)
    np.testing.assert_array_equal(seen[0][0], np.abs(240 * w[0]) > 0.5)
    assert 10 < seen[0][0].sum() < 20 and seen[0][1:].all()
    found = synapses.connectivity(network, chip)
    assert found.layers[0] == seen[0].mean() < synapses.connectivity(network).layers[0] == 1
    assert found.overall == sum(x.sum() for x in seen) / (600 + 120)
    np.testing.assert_allclose(
        chip.effective_weights(network)[0], np.rint(240 * w) / 240, rtol=1e-6
    )


def test_the_readout_has_its_own_levels():
    """Its weights use the full range: what counts is the share of the largest."""
    network = make()
    network.weights[1][...] = 10.0
    network.weights[1][0] = 10 * np.array([0.4, 0.6, 1.4, -0.6]) / 63
    scaled = Substrate.ideal(weight_bits=6, dynamic_scaling=True)
    assert synapses.masks(network, scaled)[1][0].tolist() == [False, True, True, True]
    fixed = Substrate.ideal(weight_bits=6)  # levels of 1 / 240
    assert synapses.masks(network, fixed)[1].all()


def test_ideal_synapses_are_the_network_s_own():
    network = sparse(make(), 0.3)
    chip = Substrate.ideal()
    for a, b in zip(synapses.masks(network, chip), synapses.masks(network), strict=True):
        np.testing.assert_array_equal(a, b)
    a, b = chip.effective_weights(network)[0], network.weights[0]
    np.testing.assert_array_equal(a, b)
    assert not np.shares_memory(a, b)


def test_stuck_synapses_are_there_unless_stuck_at_zero():
    network = make()
    network.parameters[...] = 0
    share = synapses.connectivity(network, Substrate.ideal(3, weight_bits=6, stuck=0.5)).overall
    assert abs(share - 0.5 * 126 / 127) < 0.05


def test_the_effective_weights_are_those_of_the_run():
    """Written to an ideal chip, they do what they do on the real one."""
    network = make()
    chip = Substrate.ideal(1, weight_bits=6, synapse_spread=0.3, stuck=0.1)
    inputs = encode.latency(np.random.default_rng(0).random((5, 20), dtype=np.float32), n_steps=10)
    network.scale_to_activity(inputs, 10)
    twin = network.copy()
    for w, effective in zip(twin.weights, chip.effective_weights(network), strict=True):
        w[...] = effective
    measured, simulated = network.forward(inputs, on=chip), twin.forward(inputs)
    assert np.ptp(measured.readout) > 0
    np.testing.assert_array_equal(measured.readout, simulated.readout)


def test_the_log_counts_what_its_chip_sees():
    network, chip, rule = make(), Substrate.ideal(weight_bits=6), GradR(0.01, alpha=0.1)
    network.weights[0][...] = 0.1
    network.weights[0][0] = 0.4 / 240
    rule.log.substrate = chip
    rule.begin(network)
    network.weights[0][0], network.weights[0][1] = 0.6 / 240, 0.4 / 240
    rule.log.add(1, network, lambda places: np.zeros(len(places)))
    assert [x[0] for x in rule.log.connectivity] == [570 / 600, 570 / 600]
    assert rule.log.pruned[1][0] == rule.log.regrown[1][0] == 30
    np.testing.assert_array_equal(
        rule.log.connectivity[1], rewiring.connectivity(network, chip).layers
    )


# --- bad neurons ----------------------------------------------------------------------------------


def test_badness_is_the_root_mean_square_of_the_deviations():
    chip = Substrate(5, sigma_d=0.3, dead=(4, 250))
    b = chip.badness()
    assert np.isinf(b[[4, 250]]).all() and np.isfinite(b).sum() == 254
    deviation = [chip.factors[name][7] - 1 for name in SPREADS]
    assert b[7] == pytest.approx(np.sqrt(np.mean(np.square(deviation))))
    assert not Substrate.ideal().badness().any()


def test_columns_are_where_the_defects_strike():
    """The unit that falls silent is the one whose column is dead."""
    network = make()
    assert [x.tolist() for x in Substrate.ideal().columns(network)] == [
        list(range(30)),
        list(range(30, 34)),
    ]
    chip = Substrate.ideal(dead=(12, 31))
    network.weights[0][...] = 0.2
    inputs = encode.latency(np.ones((1, 20), np.float32), n_steps=10)
    silent = network.forward(inputs, on=chip).hidden[0].unit_counts()[0] == 0
    assert np.flatnonzero(silent).tolist() == [12]


def test_avoidance_counts_the_inputs_and_outputs_of_each_neuron():
    network, chip = sparse(make(), 0.4), Substrate(2, dead=(3, 5))
    there = synapses.masks(network, chip)
    found = {
        of: avoidance(network, chip, of=of, permutations=10) for of in ("inputs", "outputs", "both")
    }
    np.testing.assert_array_equal(found["inputs"].counts, there[0].sum(axis=0))
    np.testing.assert_array_equal(found["outputs"].counts, there[1].sum(axis=1))
    np.testing.assert_array_equal(
        found["both"].counts, found["inputs"].counts + found["outputs"].counts
    )
    assert [f.possible for f in found.values()] == [20, 4, 24]
    np.testing.assert_array_equal(found["both"].badness, chip.badness()[:30])


def test_findings_by_hand():
    network, chip = sparse(make(), 0.4), Substrate(2, dead=(3, 5))
    found = avoidance(network, chip, worst=0.25, permutations=50)
    counts, badness = found.counts, found.badness
    alive = np.isfinite(badness)
    worst = np.argsort(badness[alive])[-7:]
    assert found.worst.value == pytest.approx(counts[alive][worst].mean() / 20)
    assert found.worst.chance == pytest.approx(counts[alive].mean() / 20)
    assert found.dead.value == pytest.approx(counts[[3, 5]].mean() / 20)
    assert found.dead.chance == pytest.approx(counts.mean() / 20)

    def rank(x):  # ties share their mean, the slow way
        return np.array([(x < y).sum() + ((x == y).sum() - 1) / 2 for y in x])

    rho = np.corrcoef(rank(badness[alive]), rank(counts[alive]))[0, 1]
    assert found.correlation.value == pytest.approx(rho)
    assert found.correlation.chance == pytest.approx(0, abs=1e-12)


def test_p_values_equal_those_of_all_permutations():
    network, chip = sparse(make((20, 6, 3)), 0.4, seed=1), Substrate(2, dead=(1,))
    found = avoidance(network, chip, permutations=20_000)
    share = found.counts / 20
    every = [x[1] for x in itertools.permutations(share)]
    far = np.abs(np.array(every) - share.mean()) >= abs(share[1] - share.mean()) - 1e-12
    assert found.dead.p == pytest.approx(far.mean(), abs=0.015)


def test_chance_is_told_from_avoidance():
    """Random masks: p-values are even. Fewer synapses at bad neurons: small ones, and the sign."""
    network, chip = make((60, 100, 4)), Substrate(0, sigma_d=0.3, dead=(0, 9, 30, 77))
    found = [
        avoidance(sparse(network, 0.2, seed), chip, permutations=99, rng=seed) for seed in range(60)
    ]
    for name in ("correlation", "worst", "dead"):
        p = np.array([getattr(f, name).p for f in found])
        assert 0.3 < p.mean() < 0.7 and 0 <= (p < 0.1).mean() < 0.25, name

    rng, badness = np.random.default_rng(0), chip.badness()[:100]
    order = badness.argsort().argsort()
    network.weights[0][rng.random((60, 100)) < 0.3 + 0.6 * order / 100] = 0
    f = avoidance(network, chip)
    assert f.correlation.value < -0.7 and f.correlation.p < 0.001
    assert f.worst.value < f.worst.chance and f.worst.p < 0.001
    assert f.dead.value < f.dead.chance and f.dead.p < 0.001
    again = avoidance(network, chip)
    assert (again.correlation, again.worst, again.dead) == (f.correlation, f.worst, f.dead)


def test_where_there_is_nothing_to_compare():
    network = make()
    whole = avoidance(network, Substrate.ideal())
    assert np.isnan([whole.correlation.value, whole.dead.value]).all()
    assert whole.correlation.p == whole.dead.p == whole.worst.p == 1
    gone = avoidance(network, Substrate(0, dead=1.0))
    assert np.isnan([gone.correlation.value, gone.worst.value]).all()
    assert gone.dead.value == gone.dead.chance and gone.dead.p == 1


@pytest.mark.parametrize(
    "settings, error, name",
    [
        ({"layer": 1}, ValueError, "layer must be at most 0"),
        ({"layer": -1}, ValueError, "layer"),
        ({"of": "all"}, ValueError, "of"),
        ({"worst": 0}, ValueError, "worst"),
        ({"worst": 1.0}, ValueError, "worst"),
        ({"permutations": 0}, ValueError, "permutations"),
        ({"rng": "a"}, TypeError, "rng"),
    ],
)
def test_bad_arguments_are_named(settings, error, name):
    with pytest.raises(error, match=name):
        avoidance(make(), Substrate(0), **settings)


@pytest.mark.parametrize(
    "call, error, name",
    [
        (lambda: worst_of([0.1, np.nan, 0.3]), ValueError, "badness must not hold NaN"),
        (lambda: worst_of([[0.1], [0.3]]), ValueError, "badness must have shape"),
        (lambda: worst_of(["bad"]), TypeError, "badness must hold numbers"),
        (lambda: rank_correlation([1, np.nan], [1, 2]), ValueError, "a must not hold NaN"),
        (lambda: rank_correlation([1, 2], [1, 2, 3]), ValueError, "b must have shape"),
        (lambda: permutation_test([1, 2, np.inf], [True] * 3), ValueError, "x must be finite"),
        (lambda: permutation_test([1, 2, 3], [0, 1, 2]), ValueError, "chosen must hold True"),
        (lambda: permutation_test([1, 2, 3], [True]), ValueError, "chosen must hold True"),
    ],
)
def test_what_cannot_be_ranked_or_compared_is_named(call, error, name):
    with pytest.raises(error, match=name):
        call()


def test_permutations_are_drawn_in_parts(monkeypatch):
    x, chosen = np.random.default_rng(0).random(20), np.arange(20) < 6
    whole = permutation_test(x, chosen, permutations=1000)
    monkeypatch.setattr("snnlab.reports.avoidance.AT_ONCE", 64)
    assert permutation_test(x, chosen, permutations=1000) == whole
    assert np.isnan(rank_correlation([], []))


def test_a_network_without_hidden_layer_is_refused():
    with pytest.raises(ValueError, match="network must have a hidden layer"):
        avoidance(make((6, 4)), Substrate(0))


def test_a_chip_is_a_chip():
    for function in (synapses.masks, synapses.connectivity, avoidance):
        with pytest.raises(TypeError, match="substrate"):
            function(make(), "chip 0")
    with pytest.raises(ValueError, match="does not fit"):
        synapses.connectivity(make((300, 20, 4)), Substrate(0))


# --- figure ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pictured():
    pytest.importorskip("matplotlib")
    from snnlab import plot

    network = sparse(make((60, 100, 4)), 0.2)
    chip = Substrate(0, sigma_d=0.3, dead=(0, 9, 30, 77))
    return network, chip, plot.draw_defects(network, chip)


def test_each_neuron_stands_above_its_defects(pictured):
    network, chip, picture = pictured
    a = picture.artists
    badness = chip.badness()[:100]
    assert (np.diff(badness[a.order][:96]) >= 0).all() and np.isinf(badness[a.order][96:]).all()
    image, w = a.image.get_array(), chip.effective_weights(network)[0]
    for place, unit in enumerate(a.order):
        coloured = np.ptp(image[:, place], axis=1) > 0
        np.testing.assert_array_equal(coloured, w[:, unit] != 0)
        blue = image[:, place, 2] > image[:, place, 0]
        np.testing.assert_array_equal(blue, w[:, unit] > 0)
        assert (image[:, place][~coloured] < 1).all() == (unit in (0, 9, 30, 77))
    counts = (w != 0).sum(axis=0)
    alive = np.isfinite(badness)
    np.testing.assert_allclose(a.living.get_xdata(), 100 * badness[alive])
    np.testing.assert_array_equal(a.living.get_ydata(), counts[alive])
    np.testing.assert_array_equal(a.dead.get_ydata(), counts[~alive])
    assert a.living.get_marker() != a.dead.get_marker()
    assert f"{counts.sum():,} synapses from 60 inputs to 100 neurons" in picture.alt
    assert "4 dead neurons" in picture.alt and picture.alt.endswith(".")


def test_nothing_of_it_is_cut_off(pictured):
    from snnlab import plot

    network, chip, _ = pictured
    for picture in (
        pictured[2],
        plot.draw_defects(network, Substrate.ideal()),
        plot.draw_defects(network, Substrate(0, dead=1.0)),
    ):
        assert_nothing_is_cut_off(picture)


def test_updating_it_is_drawing_it_anew(pictured):
    from snnlab import plot

    network, chip, picture = pictured
    before, alt = picture.png(1), picture.alt
    other = sparse(make((60, 100, 4)), 0.02, seed=5)
    assert plot.update_defects(picture, other, chip) is None
    fresh = plot.draw_defects(other, chip)
    assert picture.alt == fresh.alt != alt
    np.testing.assert_array_equal(
        picture.artists.image.get_array(), fresh.artists.image.get_array()
    )
    assert picture.png(1) != before
    plot.update_defects(picture, network, chip)
    assert picture.png(1) == before and picture.alt == alt
    with pytest.raises(ValueError, match="chip 0"):
        plot.update_defects(picture, network, Substrate(1))


@pytest.mark.parametrize("fewer", [False, True])
@pytest.mark.parametrize("unit", [1e-15, 1e-6, 1e15])
def test_a_comparison_has_no_unit(unit, fewer):
    """Energies in joule are as unlikely as in picojoule; once they were all alike."""
    x, chosen = np.random.default_rng(0).random(40), np.arange(40) < 8
    x[chosen] -= 0.5
    one, other = (
        permutation_test(k * x, chosen, fewer=fewer, permutations=999) for k in (1.0, unit)
    )
    assert one.p == other.p < 0.05
    assert other.value == pytest.approx(unit * one.value)
    same = permutation_test(unit * np.tile([1 / 3, 0.1], 20), np.arange(40) < 2, permutations=99)
    assert same.p == 1, "what comes of equal values is as far from chance, but for rounding"
