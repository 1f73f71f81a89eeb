"""Kernels of first spikes, beside plain NumPy of the same names; counts, by hand and by loops."""

import numpy as np
import pytest

from snnlab.kernels import stdp as kernels
from snnlab.kernels.stdp import EVENTS, HEARD, SILENT, SPIKES, UPDATES
from snnlab.learning import plain_stdp as plain
from snnlab.learning.stdp import Detectors, Stage

STEPS = 6


def stage(layer, shape, share=1.0, seed=0):
    """A layer whose weights are exact in float32, so that sums do not depend on their order."""
    rng = np.random.default_rng(seed)
    out = Stage(layer, shape)
    w = rng.integers(1, 257, out.weights.shape) / 256
    out.weights[...] = np.where(rng.random(w.shape) < share, w, 0)
    out.relist()
    return out


def images(n, shape, seed=0, share=0.5):
    rng = np.random.default_rng(seed)
    when = rng.integers(0, STEPS, (n, *shape)).astype(np.uint8)
    when[rng.random(when.shape) > share] = SILENT
    return when


def four(out):
    """Weights (ky, kx, channel, unit)."""
    ky, kx = out.shape[3:5]
    return out.weights.reshape(ky, kx, out.shape_in[2], -1).copy()


def flat(when):
    return when.reshape(len(when), -1)


def zeros(n):
    return np.zeros((n, 4), np.int64)


CASES = [
    (Detectors(5, 3, 4.0), (7, 6, 2), 1.0),
    (Detectors(5, 3, 0.75, pool=2), (7, 6, 2), 0.1),
    (Detectors(20, 2, 1.0, pool=3), (8, 9, 1), 0.6),
    (Detectors(3, 1, 0.5), (4, 4, 3), 1.0),
    (Detectors(7, None, 3.0), (4, 5, 2), 0.5),
    (Detectors(17, None, 1e9), (4, 5, 2), 1.0),
]


@pytest.mark.parametrize("layer, shape, share", CASES)
def test_first_spikes_are_those_of_the_closed_form(layer, shape, share):
    one, when = stage(layer, shape, share), images(9, shape)
    out = np.full((9, int(np.prod(one.shape_out))), 77, np.uint8)
    counts = zeros(9)
    settings = layer.threshold, STEPS, one.alone
    kernels.respond(flat(when), *one.tables, *settings, 0, 9, out, counts)
    wanted = [
        plain.respond(x, four(one), *settings[:2], alone=one.alone, pool=layer.pool) for x in when
    ]
    np.testing.assert_array_equal(out.reshape(9, *one.shape_out), wanted)
    np.testing.assert_array_equal(counts[:, HEARD], (flat(when) != SILENT).sum(axis=1))
    np.testing.assert_array_equal(counts[:, SPIKES], (out != SILENT).sum(axis=1))
    if layer.threshold < 100:
        assert counts[:, SPIKES].sum() > 9, "the case is to have spikes"


@pytest.mark.parametrize("layer, shape, share", CASES)
@pytest.mark.parametrize("grid", [1, 2])
def test_potentials_are_sums_of_weights(layer, shape, share, grid):
    one, when = stage(layer, shape, share), images(5, shape)
    grid = min(grid, *one.places)
    out, counts = np.full((5, grid * grid, layer.n), 7, np.float32), zeros(5)
    kernels.potentials(flat(when), *one.tables, STEPS, grid, 0, 5, out, counts)
    wanted = [plain.potentials(x, four(one), STEPS, grid) for x in when]
    np.testing.assert_array_equal(out, np.float32(wanted))
    there = (plain.patches(when[0] < STEPS, *one.shape[3:5])[..., None] & (four(one) != 0)).sum()
    assert counts[0, EVENTS] == there and counts[0, UPDATES] == 0


@pytest.mark.parametrize("layer, shape, share", CASES)
@pytest.mark.parametrize("packed", [False, True])
def test_winners_learn_by_the_rule(layer, shape, share, packed):
    one, when = stage(layer, shape, share), images(4, shape, seed=1)
    one.packed, wins, n_winners, radius = packed, np.zeros(layer.n, np.int64), 3, 1
    settings = layer.threshold, STEPS, n_winners, radius, 0.25, 0.125
    wanted, won, updates = four(one), 0, 0
    for x in when:
        found = plain.winners(x, wanted, *settings[:4])
        won += len(found)
        updates += sum(np.count_nonzero(wanted[..., m]) for m, *_ in found)
        # the kernel's own rounding, image by image
        wanted = plain.learn(x, wanted, *settings).astype(np.float32)
        counts = zeros(1)
        kernels.learn(flat(x[None]), *one.tables, *settings, wins, counts)
        np.testing.assert_allclose(four(one), wanted, rtol=1e-6)
        one.weights[...] = wanted.reshape(one.weights.shape)
        assert counts[0, SPIKES] == len(found)
        updates -= counts[0, UPDATES]
    assert wins.sum() == won and updates == 0
    assert (won >= 3) == (layer.threshold < 100), "the case is to have winners, or none"


def test_one_image_after_the_other_is_as_all_at_once():
    layer, shape = CASES[0][:2]
    when, wins = images(6, shape), np.zeros(5, np.int64)
    settings = 4.0, STEPS, 3, 1, 0.2, 0.1
    one, two = stage(layer, shape), stage(layer, shape)
    first, second = zeros(6), zeros(6)
    kernels.learn(flat(when), *one.tables, *settings, wins, first)
    for k in range(6):
        kernels.learn(flat(when[k : k + 1]), *two.tables, *settings, wins, second[k : k + 1])
    np.testing.assert_array_equal(one.weights, two.weights)
    np.testing.assert_array_equal(first, second)


def test_a_hand_worked_image():
    """Two detectors on one place of three inputs, which spike in steps 0, 2 and never."""
    one = Stage(Detectors(2, None, 1.0), (1, 1, 3))
    one.weights[...] = [[0.5, 0.75], [0.25, 0.5], [0.5, 0.5]]
    one.relist()
    when, counts = np.uint8([[0, 2, SILENT]]), zeros(1)
    out = np.zeros((1, 2), np.uint8)
    kernels.respond(when, *one.tables, 1.0, STEPS, False, 0, 1, out, counts)
    assert out.tolist() == [[SILENT, 2]]  # 0.5 + 0.25 < 1 <= 0.75 + 0.5
    assert counts.tolist() == [[4, 0, 2, 1]]
    wins, counts = np.zeros(2, np.int64), zeros(1)
    kernels.learn(when, *one.tables, 1.0, STEPS, 1, 0, 0.5, 0.25, wins, counts)
    assert wins.tolist() == [0, 1] and counts.tolist() == [[4, 3, 2, 1]]
    # 0.75 + 0.5 * 0.1875, 0.5 + 0.5 * 0.25, and late: 0.5 - 0.25 * 0.25
    assert one.weights[:, 1].tolist() == [0.84375, 0.625, 0.4375]
    assert one.weights[:, 0].tolist() == [0.5, 0.25, 0.5]


def test_cut_synapses_take_no_part_and_do_not_return():
    one = Stage(Detectors(2, None, 1.0), (1, 1, 3))
    one.weights[...] = [[0.5, 0.75], [0.25, 0.5], [0.5, 0]]
    one.weights[1, 1] = 0
    one.relist()
    when, counts, wins = np.zeros((1, 3), np.uint8), zeros(1), np.zeros(2, np.int64)
    kernels.learn(when, *one.tables, 1.0, STEPS, 1, 0, 0.5, 0.25, wins, counts)
    assert wins.tolist() == [1, 0] and counts[0].tolist() == [4, 3, 3, 1]
    assert one.weights[1:, 1].tolist() == [0, 0]


def test_what_is_closed_hears_no_more():
    """A place that has spiked costs nothing afterwards."""
    one = Stage(Detectors(4, 1, 1.0), (1, 1, 3))
    one.weights[...] = 1
    one.relist()
    when, counts = np.uint8([[0, 1, 2]]), zeros(1)
    out = np.zeros((1, 4), np.uint8)
    kernels.respond(when, *one.tables, 1.0, STEPS, True, 0, 1, out, counts)
    assert out.tolist() == [[0, SILENT, SILENT, SILENT]] and counts[0].tolist() == [4, 0, 3, 1]
