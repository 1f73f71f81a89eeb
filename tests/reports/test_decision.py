"""Time to decision: equal to cutting the readout off by hand, sample by sample."""

import dataclasses

import numpy as np
import pytest
from helpers import assert_nothing_is_cut_off

from snnlab import (
    LIF,
    Adam,
    ConstantCurrent,
    Network,
    SpikeTrains,
    encode,
    evaluate,
    losses,
    train,
)
from snnlab.reports.decision import PUBLISHED, DecisionTime, first_input_step, time_to_decision

N_STEPS, N_CLASSES = 12, 4
CHIP = LIF.brainscales2()


def delayed_inputs(n=60, seed=0):
    """Spikes that begin in another step in each sample; samples 3 and 7 have none."""
    rng = np.random.default_rng(seed)
    z = rng.random((n, N_STEPS, 20)) < 0.15
    z[np.arange(N_STEPS) < rng.integers(0, N_STEPS, n)[:, None]] = 0
    z[[3, 7]] = 0
    return SpikeTrains.from_dense(z)


def network(inputs, sizes=(20, 30, 25, N_CLASSES), readout=None, seed=5):
    net = Network(sizes, CHIP, n_steps=N_STEPS, rng=seed, readout=readout)
    return net.scale_to_activity(inputs, 40)


def signals(kind):
    """Spikes as above, or constant currents into a few units."""
    if kind == "spikes":
        return delayed_inputs()
    rng = np.random.default_rng(3)
    return ConstantCurrent(rng.random((60, 20)) * (rng.random((60, 20)) < 0.2), N_STEPS)


def first_step_of(inputs, s):
    """In which step a sample's clock starts."""
    if not isinstance(inputs, SpikeTrains) or not inputs.counts()[s]:
        return 0
    return int(np.flatnonzero(inputs[s].to_dense()[0].any(axis=1))[0])


def by_hand(net, inputs, labels, loss):
    """Accuracy, hidden spikes and decision times (in steps), one readout and deadline at a time."""
    trace = net.forward(inputs)
    score = getattr(loss, "scores", None) or (lambda readout: readout.max(axis=1))
    right, spikes = np.zeros((2, N_STEPS, len(inputs)))
    when = np.full(len(inputs), np.inf)
    for s in range(len(inputs)):
        begin = first_step_of(inputs, s)
        said = []
        for k in range(1, N_STEPS + 1):
            stop = min(begin + k, N_STEPS)
            scores = score(trace.readout[s : s + 1, :stop])[0]
            right[k - 1, s] = scores.argmax() == labels[s]
            hidden = [train[s].to_dense()[0, :stop].sum() for train in trace.hidden]
            spikes[k - 1, s] = sum(hidden)
            said.append(None if len(set(scores.tolist())) == 1 else int(scores.argmax()))
        if said[-1] is not None:
            when[s] = 1 + max([k for k in range(N_STEPS) if said[k] != said[-1]], default=-1) + 1
    return right.mean(axis=1), spikes, when


def plain(readout, labels):
    """A loss without scores."""
    return losses.MaxOverTime()(readout, labels)


@pytest.mark.parametrize(
    "loss", [losses.MaxOverTime(), losses.SumOverTime(), losses.RateMSE(), plain, "first spike"]
)
@pytest.mark.parametrize("kind", ["spikes", "current"])
def test_the_same_as_cutting_off_by_hand(loss, kind):
    inputs = signals(kind)
    spiking = loss == "first spike"
    loss = losses.FirstSpike() if spiking else loss
    net = network(inputs, readout=CHIP if spiking else None)
    if spiking:
        net.weights[-1][...] *= 5  # so that the readout spikes at all
    labels = evaluate(net, inputs, np.zeros(60, int), loss=loss).predictions
    labels[::3] = 2  # mostly what it says in the end
    accuracy, spikes, when = by_hand(net, inputs, labels, loss)
    found = time_to_decision(net, inputs, labels, loss=loss, batch_size=17)
    np.testing.assert_allclose(found.times, CHIP.dt * np.arange(1, N_STEPS + 1))
    np.testing.assert_allclose(found.accuracy, accuracy, rtol=1e-12)
    np.testing.assert_allclose(found.hidden_spikes, spikes.mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(found.per_sample, CHIP.dt * when, rtol=1e-12)
    last = np.where(np.isfinite(when), when, N_STEPS).astype(int)
    np.testing.assert_array_equal(found.spikes_per_sample, spikes[last - 1, np.arange(60)])
    # the test has teeth: predictions change late in some samples, in others never
    assert len(np.unique(when)) > 4 and len(np.unique(accuracy)) > 4
    if kind == "spikes":
        assert np.isinf(found.per_sample[[3, 7]]).all()


def test_the_full_readout_is_what_evaluate_sees():
    inputs = delayed_inputs()
    net = network(inputs)
    labels = np.random.default_rng(2).integers(0, N_CLASSES, len(inputs))
    found = time_to_decision(net, inputs, labels)
    result = evaluate(net, inputs, labels)
    assert found.final_accuracy == result.accuracy == found.accuracy[-1]
    assert found.hidden_spikes[-1] == pytest.approx(result.hidden_spikes, rel=1e-12)


def test_batches_change_nothing():
    inputs = delayed_inputs()
    net, labels = network(inputs), np.zeros(60, int)
    whole, parts = (time_to_decision(net, inputs, labels, batch_size=n) for n in (500, 7))
    for field in dataclasses.fields(DecisionTime):
        a, b = (getattr(d, field.name) for d in (whole, parts))
        np.testing.assert_array_equal(a, b)


def test_the_clock_starts_at_a_samples_first_spike():
    """The same spikes some steps later: the same answer at the same deadlines."""
    rng = np.random.default_rng(6)
    early = rng.random((200, N_STEPS, 20)) < 0.2
    early[:, 0, :8], early[:, 6:] = 1, 0
    net = network(SpikeTrains.from_dense(early), sizes=(20, 30, N_CLASSES))
    # steps at rest, at 0, take part in a maximum: keep readouts that are above it from the start
    early = early[net.forward(SpikeTrains.from_dense(early)).readout[:, 0].max(axis=1) > 0]
    late = np.concatenate([np.zeros_like(early[:, :4]), early[:, :-4]], axis=1)
    labels = np.arange(len(early)) % N_CLASSES
    one, two = (time_to_decision(net, SpikeTrains.from_dense(x), labels) for x in (early, late))
    # from the first spike on all is alike, but the late samples end four steps earlier
    np.testing.assert_allclose(one.hidden_spikes[:8], two.hidden_spikes[:8])
    np.testing.assert_array_equal(one.accuracy[:8], two.accuracy[:8])
    kept = one.per_sample < 8.5 * CHIP.dt
    assert len(np.unique(one.per_sample[kept])) > 2
    np.testing.assert_array_equal(one.per_sample[kept], two.per_sample[kept])
    assert first_input_step(SpikeTrains.from_dense(late)).tolist() == [4] * len(late)


def test_first_input_steps_of_views():
    inputs = delayed_inputs()
    expected = [z.any(axis=1).argmax() for z in inputs.to_dense()]
    np.testing.assert_array_equal(first_input_step(inputs), expected)
    np.testing.assert_array_equal(first_input_step(inputs[[5, 3, 9]]), np.take(expected, [5, 3, 9]))
    assert first_input_step(ConstantCurrent(np.ones((2, 3)), 4)).tolist() == [0, 0]


def result(accuracy, tolerance=1e-3):
    n = len(accuracy)
    none = np.zeros(n)
    return DecisionTime(np.arange(1, n + 1) * 1e-6, np.array(accuracy), none, none, none, tolerance)


@pytest.mark.parametrize(
    "accuracy, tolerance, peak, best",
    [
        ([0.1, 0.5, 0.9, 0.9], 1e-3, 3, 3),
        ([0.1, 0.9, 0.5, 0.9], 1e-3, 4, 2),  # it must stay
        ([0.1, 0.8008, 0.9008, 0.9008], 0.1, 2, 3),  # just within, but for rounding
        ([0.1, 0.8989, 0.9, 0.9], 1e-3, 3, 3),
        ([0.1, 0.95, 0.91, 0.9], 1e-3, 2, 2),  # better than at the end is no shortfall
        ([0.9, 0.9, 0.9, 0.9], 0, 1, 1),
        ([0.1, 0.5, 0.9, 0.9], 0.5, 2, 3),
    ],
)
def test_peak_and_best_time(accuracy, tolerance, peak, best):
    found = result(accuracy, tolerance)
    assert found.peak_time == pytest.approx(peak * 1e-6)
    assert found.best_time == pytest.approx(best * 1e-6)


def test_a_single_class_is_decided_from_the_first_step_on():
    inputs = delayed_inputs()
    net = network(inputs, sizes=(20, 30, 1))
    found = time_to_decision(net, inputs, np.zeros(60, int))
    np.testing.assert_array_equal(found.per_sample, CHIP.dt)
    assert (found.accuracy == 1).all()


def test_one_step():
    inputs = encode.latency(np.random.default_rng(0).random((5, 20)), n_steps=1)
    net = Network((20, 10, 3), CHIP, n_steps=1, rng=0).scale_to_activity(inputs, 3)
    found = time_to_decision(net, inputs, np.zeros(5, int))
    assert found.accuracy.shape == (1,) and set(found.per_sample) <= {CHIP.dt, np.inf}


def test_the_published_time():
    assert PUBLISHED.time == 8e-6 and "Cramer" in PUBLISHED.source


def test_bad_arguments_are_named():
    inputs = delayed_inputs()
    net, labels = network(inputs), np.zeros(60, int)
    for change, error, name in (
        ({"inputs": np.zeros((60, 20))}, TypeError, "inputs"),
        ({"inputs": inputs[:0]}, ValueError, "inputs"),
        ({"labels": labels[:5]}, ValueError, "labels"),
        ({"labels": labels + 9}, ValueError, "labels"),
        ({"loss": "nll"}, ValueError, "loss"),
        ({"tolerance": -1}, ValueError, "tolerance"),
        ({"batch_size": 0}, ValueError, "batch_size"),
    ):
        settings = {"inputs": inputs, "labels": labels} | change
        with pytest.raises(error, match=name):
            time_to_decision(net, settings.pop("inputs"), settings.pop("labels"), **settings)


# the figure ---------------------------------------------------------------------------------------


def test_the_figure_shows_the_numbers():
    pytest.importorskip("matplotlib")
    from snnlab.plot.decision import draw_decision

    inputs = delayed_inputs()
    found = time_to_decision(network(inputs), inputs, np.arange(60) % N_CLASSES)
    picture = draw_decision(found)
    x, y = picture.artists.accuracy.get_data()
    np.testing.assert_allclose(x, np.arange(1, N_STEPS + 1) * 1.7)
    np.testing.assert_allclose(y, 100 * found.accuracy)
    assert picture.artists.peak.get_xdata() == pytest.approx([found.peak_time * 1e6])
    heights = [bar.get_height() for bar in picture.artists.bars]
    finite = np.isfinite(found.per_sample)
    assert sum(heights) == pytest.approx(100 * finite.mean())
    assert heights[2] == pytest.approx(100 * np.isclose(found.per_sample, 3 * 1.7e-6).mean())
    assert picture.artists.quoted.get_xdata()[0] == pytest.approx(8)
    assert "quoted" in picture.artists.quoted.get_label()
    top, bottom = picture.fig.get_axes()
    assert top.get_ylabel() == "accuracy (%)" and "(µs)" in bottom.get_xlabel()
    assert f"never {(~finite).sum()}" in picture.alt and "Quoted" in picture.alt
    assert picture.alt.endswith(".")
    assert_nothing_is_cut_off(picture)


def test_the_figure_without_a_decision_or_a_quotation():
    pytest.importorskip("matplotlib")
    from snnlab.plot.decision import draw_decision

    silent = SpikeTrains.from_dense(np.zeros((5, N_STEPS, 20)))
    found = time_to_decision(network(delayed_inputs()), silent, np.zeros(5, int))
    assert np.isinf(found.per_sample).all() and found.final_accuracy == 1
    picture = draw_decision(found, published=None)
    assert picture.artists.quoted is None and "Quoted" not in picture.alt
    assert "never 5" in picture.alt
    assert_nothing_is_cut_off(picture)


@pytest.mark.mnist
def test_a_trained_network_decides_early(mnist16):
    """MNIST after two epochs: most samples are settled long before the readout ends."""
    data = mnist16
    inputs, test = (encode.latency(x) for x in (data.x_train[:10_000], data.x_test[:2000]))
    net = Network((256, 100, 10), CHIP, n_steps=20, rng=0).scale_to_activity(inputs[:300], 40)
    train(net, inputs, data.y_train[:10_000], epochs=2, rng=0, optimizer=Adam(3e-3), progress=False)
    found = time_to_decision(net, test, data.y_test[:2000])
    assert found.final_accuracy > 0.85
    assert found.accuracy[0] < found.final_accuracy - 0.02
    assert found.peak_time < 15e-6 and np.median(found.per_sample) < found.peak_time
