"""STDP networks: what is heard, learning without labels, what is cut, events, files, errors."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifier
from sklearn.preprocessing import StandardScaler

from snnlab import datasets, energy, stdp
from snnlab.kernels.stdp import SILENT
from snnlab.learning.stdp import STDP, Detectors, Events, STDPNetwork

LAYERS = [Detectors(12, 5, 8.0, pool=2), Detectors(20, 3, 4.0, winners=4, radius=1)]


@pytest.fixture(scope="module")
def heard():
    data = datasets.load("digits16")
    return stdp.first_spikes(stdp.contrast(data.x_train[:400].reshape(-1, 16, 16)))


def learned(heard, cut=0.0, seed=0, images=400, **settings):
    network = STDPNetwork((16, 16, 2), LAYERS, rng=seed, workers=1)
    return network, network.learn(heard, STDP(cut=cut), images=images, **settings)


# what is heard ----------------------------------------------------------------------------------


def test_contrast_is_on_inside_of_a_bar_and_off_beside_it():
    image = np.zeros((1, 9, 9))
    image[0, :, 4] = 1
    x = stdp.contrast(image)
    assert x.shape == (1, 9, 9, 2) and x.dtype == np.float32
    assert (x[0, :, 4, 0] > 0.99).all() and (x[0, :, [2, 6], 1] > 0).all()
    assert not (x[..., 0] * x[..., 1]).any() and x.max() == pytest.approx(1)


def test_contrast_ignores_light_and_its_size():
    rng = np.random.default_rng(0)
    image = rng.random((3, 8, 10, 2))
    x = stdp.contrast(image)
    assert x.shape == (3, 8, 10, 4)
    np.testing.assert_allclose(stdp.contrast(50 * image + 7), x, atol=2e-4)
    np.testing.assert_array_equal(stdp.contrast(image[1:2]), x[1:2])
    swapped = stdp.contrast(-image)
    np.testing.assert_allclose(swapped.reshape(3, 8, 10, 2, 2)[..., ::-1].reshape(x.shape), x)


@pytest.mark.parametrize("value", [0.0, 1.0, 1e6, -3.0])
def test_there_is_no_contrast_in_plain_images(value):
    x = stdp.contrast(np.full((2, 8, 8), value))
    assert not x.any() and (stdp.first_spikes(x) == SILENT).all()


def test_larger_values_spike_earlier():
    x = np.array([[1.0, 0.99, 0.54, 0.1001, 0.1, 0.0]])
    when = stdp.first_spikes(x, n_steps=10)
    assert when.tolist() == [[0, 0, 5, 9, SILENT, SILENT]] and when.dtype == np.uint8
    grid = np.sort(np.random.default_rng(0).random((1, 500)))
    assert (np.diff(stdp.first_spikes(grid).astype(int)) <= 0).all()


# learning ---------------------------------------------------------------------------------------


def test_weights_settle_at_both_ends(heard):
    network, log = learned(heard, images=2000)
    for k, stage in enumerate(network.stages):
        own = [u for u, j in zip(log.unsettled, log.layer, strict=True) if j == k]
        assert own[-1] < 0.6 * own[0]
        assert 0 <= stage.weights.min() and stage.weights.max() <= 1
    assert network.connectivity == 1 and sum(log.cut) == 0
    assert log.images[-1] == 4000 and len(log.layer) == 40


def test_features_tell_classes_better_than_those_at_the_start():
    data = datasets.load("digits16")
    heard, other = (
        stdp.first_spikes(stdp.contrast(x.reshape(-1, 16, 16))) for x in (data.x_train, data.x_test)
    )

    def accuracy(network):
        x, y = network.features(heard)[0], network.features(other)[0]
        scale = StandardScaler().fit(x)
        model = RidgeClassifier(30.0).fit(scale.transform(x), data.y_train)
        return model.score(scale.transform(y), data.y_test)

    network = STDPNetwork((16, 16, 2), LAYERS, rng=0)
    before = accuracy(network)
    network.learn(heard, images=1500)
    after = accuracy(network)
    assert after > 0.85 and after > before + 0.02


def test_seeds_say_everything_and_threads_nothing(heard):
    one, first = learned(heard)
    two, second = learned(heard)
    other, _ = learned(heard, seed=1)
    three = STDPNetwork((16, 16, 2), LAYERS, rng=0, workers=2)
    three.learn(heard, images=400)
    for k, stage in enumerate(one.stages):
        np.testing.assert_array_equal(stage.weights, two.stages[k].weights)
        np.testing.assert_array_equal(stage.weights, three.stages[k].weights)
        assert (stage.weights != other.stages[k].weights).any()
    assert first.events == second.events


def test_looks_end_with_the_whole_and_lead_to_the_same(heard):
    whole, _ = learned(heard, cut=0.4)
    network = STDPNetwork((16, 16, 2), LAYERS, rng=0)
    seen = []
    for log in network.learn_steps(heard, STDP(cut=0.4), images=400):
        seen.append((log.layer[-1], log.images[-1], network.n_synapses))
    assert [k for k, *_ in seen] == [0] * 4 + [1] * 4
    assert [n for _, n, _ in seen] == list(range(100, 900, 100))
    np.testing.assert_array_equal(whole.stages[1].weights, network.stages[1].weights)


# what is cut ------------------------------------------------------------------------------------


def test_what_is_cut_stays_away_and_saves_events(heard):
    plain, all_log = learned(heard, images=1500)
    network, log = learned(heard, cut=0.4, images=1500)
    assert (np.diff(log.connectivity) <= 0).all() and log.connectivity[-1] < 0.4
    assert network.connectivity == log.connectivity[-1]
    total = sum(stage.weights.size for stage in network.stages)
    assert total - sum(log.cut) == network.n_synapses
    assert log.events.total < 0.8 * all_log.events.total
    _, all_events = plain.features(heard)
    features, events = network.features(heard)
    assert events.total < 0.5 * all_events.total and features.any()


def test_lists_of_synapses_change_nothing_but_the_work(heard):
    network, _ = learned(heard, cut=0.4)
    found = []
    for packed in (False, True):
        for stage in network.stages:
            stage.packed = packed
        found.append((*network.features(heard), network.respond(heard)[0]))
    np.testing.assert_array_equal(found[0][0], found[1][0])
    np.testing.assert_array_equal(found[0][2], found[1][2])
    assert found[0][1] == found[1][1]


def test_as_many_are_cut_at_random(heard):
    network, log = learned(heard, cut=0.4)
    other, control = learned(heard, at_random=log.cut)
    assert control.cut == log.cut and other.n_synapses == network.n_synapses
    low = [
        stage.weights[stage.weights > 0].mean() for stage in (other.stages[1], network.stages[1])
    ]
    assert low[0] < low[1]  # those that are low are still there


def test_pruning_by_hand(heard):
    network, _ = learned(heard)
    w = network.stages[1].weights.copy()
    network.prune(1, w < 0.5)
    assert network.stages[1].n_synapses == (w >= 0.5).sum()
    np.testing.assert_array_equal(network.stages[1].weights, np.where(w < 0.5, 0, w))


# events and energy ------------------------------------------------------------------------------


def test_events_are_counted_layer_by_layer(heard):
    network, log = learned(heard)
    events = log.events
    assert events.images == 800 and events.updates[0] % (50) == 0
    assert events.total == sum(events.additions) + sum(events.updates)
    _, seen = network.respond(heard, 1)
    assert seen.additions[1] == 0 and seen.heard[0] == (heard != SILENT).sum()
    both = seen + seen
    assert both.images == 800 and both.additions == (2 * seen.additions[0], 0)
    with pytest.raises(ValueError, match="other must be of as many layers"):
        seen + Events((1,), (1,), (1,), (1,), 1)
    with pytest.raises(ValueError, match="nothing was learned"):
        _ = stdp.Log().events


def test_energy_follows_events(heard):
    network, log = learned(heard)
    _, events = network.features(heard)
    spent = energy.of_events(network, events)
    assert spent.total == pytest.approx(
        spent.synaptic + spent.plastic + spent.weights + spent.states
    )
    add = energy.COSTS["int8_add"].value * (0.1 / 0.03) ** 0.5  # of 16 bits
    assert spent.synaptic == pytest.approx(sum(events.additions) / events.images * add)
    assert spent.plastic == 0 and energy.of_events(network, log.events, learning=True).plastic > 0
    cut, cut_log = learned(heard, cut=0.4, images=1500)
    less = energy.of_events(cut, cut.features(heard)[1])
    assert less.total < 0.6 * spent.total
    all_there, those_left = (
        energy.of_events(cut, cut_log.events, bits=32, learning=flag) for flag in (True, False)
    )
    assert all_there.weights > those_left.weights and all_there.states == those_left.states
    with pytest.raises(ValueError, match="events must be of this network"):
        energy.of_events(network, Events((1,), (1,), (1,), (1,), 1))


def test_energy_is_that_of_what_is_read_and_written():
    """By hand, with memories of 8 KB; zeros are read where no list says where there are none."""
    network = STDPNetwork((4, 4, 2), [Detectors(8, 3, 2.0), Detectors(4, None, 3.0)], rng=0)
    rng = np.random.default_rng(0)
    heard = rng.integers(0, 20, (6, 4, 4, 2)).astype(np.uint8)
    heard[heard > 15] = SILENT
    add, bit = energy.COSTS["int8_add"].value, energy.COSTS["sram_8KB"].value / 64
    for gone, listed in ((0, False), (2, False), (6, True)):  # of the 8 detectors of every row
        network.prune(0, np.arange(8) < gone + np.zeros((18, 1), int))
        _, events = network.respond(heard)
        places, each = events.additions[0] // (8 - gone), 8 - gone  # spikes that places hear
        found = energy.of_events(network, events, state_bits=8, memory="sram_8KB")
        own = places * (each * (8 + 3) if listed else 8 * 8)  # three bits tell eight units
        read = own + events.additions[1] * 8
        assert events.said[0] == events.heard[1] > 5 and events.said[1] > 1
        addresses = 5 * events.heard[0] + 5 * 2 * events.heard[1] + 2 * events.said[1]
        states = 2 * 8 * sum(events.additions) + addresses
        expected = sum(events.additions) * add, 0, read * bit, states * bit
        got = found.synaptic, found.plastic, found.weights, found.states
        np.testing.assert_allclose(got, np.divide(expected, 6))


# pictures and files -----------------------------------------------------------------------------


def test_pictures_of_the_first_layer_are_its_weights():
    network = STDPNetwork((16, 16, 2), LAYERS, rng=0)
    first = network.kernels(0)
    w = network.stages[0].weights
    np.testing.assert_array_equal(first.reshape(12, -1), w.T)
    assert network.kernels(1).shape == (20, 5 + 2 * 2, 5 + 2 * 2, 2)
    network.prune(1, np.ones(network.stages[1].weights.shape, bool))
    network.stages[1].weights[(1 * 3 + 2) * 12 + 7, 4] = 1  # row 1, column 2, detector 7
    picture = network.kernels(1)
    np.testing.assert_array_equal(picture[4, 2:7, 4:9], first[7])
    assert picture.sum() == pytest.approx(first[7].sum())


def test_files_give_the_same_network(heard, tmp_path):
    network, _ = learned(heard, cut=0.4)
    network.save(tmp_path / "a.npz")
    again = STDPNetwork.load(tmp_path / "a.npz")
    assert repr(again) == repr(network) and again.stages[1].layer == LAYERS[1]
    np.testing.assert_array_equal(again.features(heard)[0], network.features(heard)[0])
    with np.load(tmp_path / "a.npz") as file:
        arrays = dict(file)
    for changes in ({"stdp_format": np.array(99)}, {"weights1": arrays["weights1"] + 1}):
        np.savez(tmp_path / "b.npz", **(arrays | changes))
        with pytest.raises(ValueError, match="does not hold an STDPNetwork"):
            STDPNetwork.load(tmp_path / "b.npz")
    none = {name: x for name, x in network.to_arrays().items() if not name.startswith("layer")}
    for wrong in (none, network.to_arrays() | {"shape": np.array([2, 2, 2])}):
        with pytest.raises(ValueError, match=r"^arrays must be those of to_arrays: .*layer"):
            STDPNetwork.from_arrays(wrong)


# bad input --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: STDP(rise=-0.1), "rise must be at least 0"),
        (lambda: STDP(fall=-0.1), "fall must be at least 0"),
        (lambda: STDP(fall=1.5), "fall must be at most 1"),
        (lambda: STDP(cut=1), "cut must be below 1"),
        (lambda: Detectors(5, threshold=0), "threshold must be above 0"),
        (lambda: Detectors(0), "n must be at least 1"),
        (
            lambda: STDPNetwork((4, 4, 2), [Detectors(3, 5)]),
            "shape or layers: .*kernel of 5 x 5",
        ),
        (
            lambda: STDPNetwork((8, 8, 2), [Detectors(3, 5, pool=5)]),
            "shape or layers: layer 0: pool",
        ),
        (lambda: STDPNetwork((8, 8, 2), []), "layers must hold one"),
        (lambda: STDPNetwork((8, 8), [Detectors(3)]), "shape must hold 3 numbers"),
        (lambda: STDPNetwork((8, 8, 2), [Detectors(3)], n_steps=255), "n_steps must be at most"),
        (lambda: STDPNetwork((999, 999, 9), [Detectors(99, None)]), "weights are too many"),
        (lambda: stdp.first_spikes([[1.5]]), "x must lie in"),
        (lambda: stdp.first_spikes([[0.5]], floor=1), "floor must be below 1"),
        (lambda: stdp.contrast(np.zeros((2, 3))), "images must have shape"),
        (lambda: stdp.contrast(np.zeros((2, 3, 3)), wide=0.5), "wide must be above 1"),
        (lambda: stdp.contrast(np.zeros((2, 3, 3)), size=4), "size must be odd"),
        (lambda: stdp.contrast(np.full((1, 3, 3), np.nan)), "images must be finite"),
    ],
)
def test_bad_settings_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    "call, kind, message",
    [
        (lambda n, x: n.respond(x[:, :15]), ValueError, r"when must be images \(n, \(16, 16, 2\)"),
        (lambda n, x: n.features(x + 0.0), TypeError, "when must hold uint8"),
        (lambda n, x: n.features(np.full_like(x, 16)), ValueError, "when has steps up to 16"),
        (lambda n, x: n.features(x, 99), ValueError, "grid must be at most"),
        (lambda n, x: n.learn(x[:0]), ValueError, "when must hold one image"),
        (lambda n, x: n.learn(x, at_random=[1]), ValueError, "at_random must hold 60 numbers"),
        (lambda n, x: n.learn(x, "fast"), TypeError, "rule must be a STDP"),
        (lambda n, x: n.prune(0, x), ValueError, "gone must hold True and False"),
        (lambda n, x: n.prune(2, x), ValueError, "k must be at most 1"),
    ],
)
def test_bad_arguments_are_named(heard, call, kind, message):
    with pytest.raises(kind, match=message):
        call(STDPNetwork((16, 16, 2), LAYERS, rng=0), heard)


def test_thresholds_that_silence_a_layer_are_told(heard):
    network = STDPNetwork((16, 16, 2), [Detectors(4, 5, 60.0)], rng=0)
    with pytest.warns(RuntimeWarning, match="layer 0 did not reach its threshold of 60 in 100%"):
        network.learn(heard, images=100)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        STDPNetwork((16, 16, 2), LAYERS[:1], rng=0).learn(heard, images=100)


def test_how_many_images_were_silent_is_told_image_by_image():
    """The last look has fewer images than the others: it does not count as much."""
    bright = np.zeros((1, 4, 4, 1), np.uint8)
    for images, told in ((150, ()), (250, ("60%",))):  # after 100 images there is no synapse left
        network = STDPNetwork((4, 4, 1), [Detectors(2, 3, 4.0)], rng=0)
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            log = network.learn(bright, STDP(cut=0.999, fall=0), images=images)
        assert log.silent == [0.0] + [1.0] * (len(log.silent) - 1) and log.images[-1] == images
        assert [str(one.message).split(" of the images")[0][-3:] for one in seen] == list(told)


@pytest.mark.parametrize("way", [copy.deepcopy, lambda n: pickle.loads(pickle.dumps(n))])
def test_a_copy_learns_and_is_cut_like_the_first(heard, way):
    """Weights are views of what kernels take, in a copy too."""
    network = STDPNetwork((16, 16, 2), LAYERS, rng=0)
    twin = way(network)
    found = []
    for one in (network, twin):
        log = one.learn(heard, STDP(cut=0.4), images=400)
        one.prune(1, one.stages[1].weights < 0.6)
        found.append((log.connectivity, one.n_synapses, *one.features(heard)))
    assert found[0][:2] == found[1][:2] and found[0][3] == found[1][3]
    np.testing.assert_array_equal(found[0][2], found[1][2])


def test_weights_that_are_written_to_are_looked_at(heard):
    """What is set to 0 is no event any more; what is not in [0, 1] is refused."""
    network = STDPNetwork((16, 16, 2), LAYERS, rng=0)
    network.stages[0].weights[:20] = 0
    network.stages[1].weights[::2] = 0
    other = STDPNetwork.from_arrays(network.to_arrays())
    assert network.features(heard)[1] == other.features(heard)[1]
    network.stages[1].weights[1::2, 3] = 0.5
    before = network.respond(heard)[1].additions
    network.stages[1].weights[0], network.stages[1].weights[1] = 0.5, 0  # as many, elsewhere
    network.respond(heard)
    assert (np.diff(network.stages[1].start) > 0)[:2].tolist() == [True, False] and before
    for bad in (1.5, -0.1, np.nan, np.inf):
        network.stages[1].weights[2, 3] = bad
        for call in (network.features, network.respond, lambda x: network.learn(x, images=10)):
            with pytest.raises(ValueError, match=r"weights of layer 1 must lie in \[0, 1\]"):
                call(heard)
