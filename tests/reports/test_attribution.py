"""Attribution: hidden spikes add up, removals are real removals, the gradient is the textbook's."""

import numpy as np
import pytest
from helpers import assert_nothing_is_cut_off
from reference import decay, psp

from snnlab import (
    LIF,
    Adam,
    ConstantCurrent,
    LeakyIntegrator,
    Network,
    SpikeTrains,
    datasets,
    encode,
    losses,
    textbook,
    train,
)
from snnlab.reports.attribution import explain

N_STEPS = 15
CHIP = LIF.brainscales2()
READOUTS = {
    "chip": LeakyIntegrator(tau_mem=6e-6, tau_syn=6e-6, dt=1.7e-6),
    "delayed": LeakyIntegrator(tau_mem=9e-6, tau_syn=4e-6, dt=1.7e-6, delay=2, gain=0.3),
    "unfiltered": LeakyIntegrator(tau_mem=5e-6, tau_syn=None, dt=1.7e-6, method="euler"),
}


def some_inputs(n=12, seed=0):
    """Several spikes per unit, as a view with other samples' events around."""
    z = np.random.default_rng(seed).random((n + 2, N_STEPS, 20)) < 0.1
    return SpikeTrains.from_dense(z)[1:-1]


def network(sizes=(20, 30, 4), readout="chip", neuron=CHIP, dtype=np.float64):
    net = Network(sizes, neuron, n_steps=N_STEPS, rng=3, readout=READOUTS[readout], dtype=dtype)
    return net.scale_to_activity(some_inputs(), 30)


def events(train, sample):
    """Steps and units of one sample's events."""
    step, unit = np.nonzero(train[sample].to_dense()[0])
    return step, unit


# hidden spikes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sizes", [(20, 30, 4), (20, 25, 30, 4)])
@pytest.mark.parametrize("readout", READOUTS)
def test_hidden_spikes_add_up_to_the_potential(readout, sizes, dtype):
    net, inputs = network(sizes, readout, dtype=dtype), some_inputs()
    trace = net.forward(inputs)
    close = {"rtol": 1e-12, "atol": 1e-12} if dtype == np.float64 else {"rtol": 1e-5, "atol": 1e-5}
    for sample in range(len(inputs)):
        found = explain(net, inputs, sample)
        v = trace.readout[sample]
        assert found.target == v.max(axis=0).argmax()
        assert found.step == v[:, found.target].argmax()
        assert found.time == pytest.approx(found.step * 1.7e-6)
        assert found.score == v[found.step, found.target]
        np.testing.assert_allclose(found.hidden.value.sum(), found.score, **close)
        step, unit = events(trace.hidden[-1], sample)
        np.testing.assert_array_equal(found.hidden.step, step)
        np.testing.assert_array_equal(found.hidden.unit, unit)
    assert len(found.hidden) > 10


@pytest.mark.parametrize("readout", READOUTS)
def test_a_hidden_spike_contributes_its_postsynaptic_potential(readout):
    net, model = network(readout=readout), READOUTS[readout]
    a = decay(model.tau_syn, model.dt, model.method)
    b = decay(model.tau_mem, model.dt, model.method)
    response = psp(N_STEPS, a, b, gain=model.gain)
    late = 0
    for target in range(4):
        found = explain(net, some_inputs(), 5, target=target)
        since = found.step - found.hidden.step - model.delay
        late += (since < 0).sum()
        weights = net.weights[-1][found.hidden.unit, target]
        expected = np.where(since >= 0, weights * response[np.maximum(since, 0)], 0)
        np.testing.assert_allclose(found.hidden.value, expected, rtol=1e-12, atol=1e-14)
    assert late > 3  # spikes that come after the largest potential have no part in it


def test_against_is_the_margin_of_the_decision():
    net, inputs = network(), some_inputs()
    readout, apart = net.forward(inputs).readout, 0
    for sample in range(len(inputs)):
        plain = explain(net, inputs, sample)
        highest = readout[sample].max(axis=0)
        assert plain.runner_up == np.argsort(highest)[-2]
        found = explain(net, inputs, sample, against=plain.runner_up)
        margin = highest[found.target] - highest[plain.runner_up]
        assert found.score == pytest.approx(margin, rel=1e-12) and margin > 0
        assert found.hidden.value.sum() == pytest.approx(margin, rel=1e-9)
        other = explain(net, inputs, sample, target=plain.runner_up)
        difference = plain.hidden.value - other.hidden.value
        np.testing.assert_allclose(found.hidden.value, difference, rtol=1e-9, atol=1e-12)
        apart += plain.step != other.step
    assert apart > 2  # each class has its own largest potential


def test_sums_over_time():
    net, inputs = network(readout="delayed"), some_inputs()
    loss = losses.SumOverTime()
    total = net.forward(inputs).readout.sum(axis=1)
    found = explain(net, inputs, 2, loss=loss)
    assert found.target == total[2].argmax() and found.step is None and found.time is None
    assert found.score == pytest.approx(total[2].max(), rel=1e-12)
    assert found.hidden.value.sum() == pytest.approx(found.score, rel=1e-12)
    without = inputs[2].to_dense()
    without[0, found.inputs.step[7], found.inputs.unit[7]] = 0
    lost = found.score - net.forward(SpikeTrains.from_dense(without)).readout.sum(axis=1)
    assert found.inputs.value[7] == pytest.approx(lost[0, found.target], rel=1e-9, abs=1e-12)


# input spikes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [(20, 30, 4), (20, 25, 30, 4)])
@pytest.mark.parametrize("against", [None, 2])
def test_removal_is_running_without_the_spike(sizes, against):
    net, inputs = network(sizes), some_inputs()
    found = explain(net, inputs, 4, target=1, against=against, batch_size=7)
    z = inputs[4].to_dense()
    step, unit = events(inputs, 4)
    np.testing.assert_array_equal(found.inputs.step, step)
    np.testing.assert_array_equal(found.inputs.unit, unit)

    def score(z):
        highest = net.forward(SpikeTrains.from_dense(z)).readout.max(axis=1)[0]
        return highest[1] - (0 if against is None else highest[against])

    expected = []
    for t, i in zip(step, unit, strict=True):
        without = z.copy()
        without[0, t, i] = 0
        expected.append(score(z) - score(without))
    np.testing.assert_allclose(found.inputs.value, expected, rtol=1e-9, atol=1e-12)
    assert len(expected) > 20 and np.ptp(expected) > 0.1 * abs(found.score)


def test_removals_in_batches_of_any_size():
    net, inputs = network(), some_inputs()
    parts = [explain(net, inputs, 0, batch_size=n).inputs.value for n in (500, 7, 1)]
    np.testing.assert_array_equal(parts[0], parts[1])
    np.testing.assert_array_equal(parts[0], parts[2])


@pytest.mark.parametrize("sizes", [(20, 30, 4), (20, 25, 30, 4)])
@pytest.mark.parametrize("reset", ["subtract", "zero"])
def test_the_gradient_is_the_textbooks(sizes, reset):
    neuron = CHIP.replace(delay=1, reset=reset, steepness=5, detach_reset=False)
    net, inputs = network(sizes, "delayed", neuron), some_inputs()
    found = explain(net, inputs, 6, target=3, against=0, method="gradient")
    x = inputs[6].to_dense(np.float64)
    trace = textbook.forward(x, net.weights, net.neurons)
    v = trace[-1][0][0]
    error = np.zeros((1, N_STEPS, 4))
    error[0, v[:, 3].argmax(), 3] += 1
    error[0, v[:, 0].argmax(), 0] -= 1
    layers = zip([x] + [z for _, z in trace[:-1]], net.weights, net.neurons, trace, strict=True)
    for x_in, w, neuron, (v, z) in reversed(list(layers)):
        _, error, _ = textbook.layer_backward(x_in, w, neuron, v, z, error)
    step, unit = events(inputs, 6)
    expected = error[0, step, unit]
    assert np.ptp(expected) > 1e-3 and found.method == "gradient"
    np.testing.assert_allclose(found.inputs.value, expected, rtol=1e-9, atol=1e-14)


def test_removal_and_gradient_mostly_agree_in_rank():
    from scipy.stats import spearmanr

    digits = datasets.load("digits16")
    inputs = encode.latency(digits.x_train)
    net = Network((256, 80, 10), CHIP, n_steps=20, rng=0).scale_to_activity(inputs[:300], 40)
    train(net, inputs, digits.y_train, epochs=4, rng=1, optimizer=Adam(lr=5e-3), progress=False)
    test, ranks = encode.latency(digits.x_test), []
    for sample in range(30):
        one, two = (explain(net, test, sample, method=m) for m in ("removal", "gradient"))
        np.testing.assert_array_equal(one.inputs.unit, two.inputs.unit)
        ranks.append(spearmanr(one.inputs.value, two.inputs.value).statistic)
    assert np.mean(ranks) > 0.35 and np.mean(np.array(ranks) > 0) > 0.9
    # sizes do not: the slope's scale is the surrogate's
    assert abs(two.inputs.value).mean() < 0.5 * abs(one.inputs.value).mean()


def test_a_spike_that_changes_no_spike_is_worth_nothing_by_removal():
    """Its weight is small against the distance to threshold; the slope is there all the same."""
    net = Network((2, 1, 2), CHIP, n_steps=5, rng=0, dtype=np.float64)
    net.weights[0][...] = [[2.0], [0.01]]
    net.weights[1][...] = [[1.0, -1.0]]
    inputs = SpikeTrains([0, 2], [0, 0], [0, 1], 5, 2)
    removal, slope = (explain(net, inputs, method=m).inputs.value for m in ("removal", "gradient"))
    assert removal[0] > 0.5 and removal[1] == 0
    assert (slope > 0).all()


# samples ------------------------------------------------------------------------------------------


def test_any_sample_of_a_batch():
    net, inputs = network(), some_inputs()
    one, two = explain(net, inputs, 7), explain(net, inputs[[3, 7]], 1)
    assert (one.target, one.score, one.step) == (two.target, two.score, two.step)
    for name in ("inputs", "hidden"):
        for field in ("step", "unit", "value"):
            a, b = (getattr(getattr(found, name), field) for found in (one, two))
            np.testing.assert_array_equal(a, b)
    assert one.readout.shape == (N_STEPS, 4) and one.dt == CHIP.dt


@pytest.mark.parametrize("n", [0, 1])
def test_samples_with_hardly_a_spike(n):
    net = network()
    inputs = SpikeTrains([0, n], [3][:n], [5][:n], N_STEPS, 20)
    for method in ("removal", "gradient"):
        found = explain(net, inputs, method=method)
        assert len(found.inputs) == n and found.hidden.value.sum() == pytest.approx(found.score)
    net.weights[0][5] = 10
    found = explain(net, inputs)
    assert found.inputs.value.tolist() == [found.score] * n  # without it all is silent


def test_map_puts_contributions_on_their_pixels():
    found = explain(network(), some_inputs(), 1)
    pixels = found.map((4, 5))
    expected = np.zeros(20)
    for unit, value in zip(found.inputs.unit, found.inputs.value, strict=True):
        expected[unit] += value
    assert len(np.unique(found.inputs.unit)) < len(found.inputs)  # some spike more than once
    np.testing.assert_allclose(pixels, expected.reshape(4, 5), rtol=1e-12)
    with pytest.raises(ValueError, match="shape must hold 20 pixels"):
        found.map((4, 4))


def test_bad_arguments_are_named():
    net, inputs = network(), some_inputs()
    for change, error, name in (
        ({"inputs": ConstantCurrent(np.ones((3, 20)), N_STEPS)}, TypeError, "inputs must be Spike"),
        ({"inputs": np.zeros((3, N_STEPS, 20))}, TypeError, "inputs"),
        ({"sample": 12}, ValueError, "sample must be at most 11"),
        ({"sample": -1}, ValueError, "sample"),
        ({"sample": slice(3)}, TypeError, "sample"),
        ({"target": 4}, ValueError, "target must be at most 3"),
        ({"target": 1, "against": 1}, ValueError, "against must be another"),
        ({"against": 4}, ValueError, "against"),
        ({"loss": losses.RateMSE()}, ValueError, "loss must decide by"),
        ({"loss": "mean"}, ValueError, "loss"),
        ({"method": "shapley"}, ValueError, "method"),
        ({"batch_size": 0}, ValueError, "batch_size"),
    ):
        settings = {"inputs": inputs, "sample": 0} | change
        with pytest.raises(error, match=name):
            explain(net, settings.pop("inputs"), settings.pop("sample"), **settings)
    spiking = Network((20, 9, 3), CHIP, n_steps=N_STEPS, rng=0, readout=CHIP)
    with pytest.raises(ValueError, match="network must have a leaky-integrator readout"):
        explain(spiking, inputs)
    flat = Network((20, 3), CHIP, n_steps=N_STEPS, rng=0, readout=READOUTS["chip"])
    with pytest.raises(ValueError, match="network must have a hidden layer"):
        explain(flat, inputs)


def test_a_loss_without_scores_decides_by_the_maximum():
    net, inputs = network(), some_inputs()
    found = explain(net, inputs, loss=lambda readout, labels: losses.MaxOverTime()(readout, labels))
    assert found.score == explain(net, inputs).score


# the figure ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["removal", "gradient"])
@pytest.mark.parametrize("loss, against", [("max_over_time", 1), ("sum_over_time", None)])
def test_the_figure_shows_the_contributions(method, loss, against):
    pytest.importorskip("matplotlib")
    from snnlab.plot.decision import draw_explanation

    found = explain(
        network(), some_inputs(), 1, target=2, against=against, method=method, loss=loss
    )
    image = np.random.default_rng(0).random((4, 5))
    before = image.copy(), found.inputs.value.copy(), found.hidden.value.copy()
    picture = draw_explanation(found, image, label=3, names=["cat", "dog", "eel", "fox"])
    for array, kept in zip((image, found.inputs.value, found.hidden.value), before, strict=True):
        np.testing.assert_array_equal(array, kept)
    shown, a = picture.artists.map.get_array(), picture.artists
    spiked = np.isin(np.arange(20), found.inputs.unit).reshape(4, 5)
    np.testing.assert_array_equal(~np.ma.getmaskarray(shown), spiked)
    np.testing.assert_allclose(shown[spiked], found.map((4, 5))[spiked])
    low, high = a.map.get_clim()
    assert low == -high < 0 and high == pytest.approx(abs(found.map((4, 5))).max())
    t, value = a.stems
    assert value.sum() == pytest.approx(found.score)
    # each within its step
    step = np.rint(t / 1.7).astype(int)
    assert sorted(zip(step, value, strict=True)) == sorted(
        zip(found.hidden.step, found.hidden.value, strict=True)
    )
    np.testing.assert_array_equal(a.classes[3].get_ydata(), found.readout[:, 3])
    labels = [ax.get_ylabel() for ax in picture.fig.get_axes()]
    assert sum("(arb. units)" in label for label in labels) == 3
    assert "class eel" in picture.alt and picture.alt.endswith(".")
    assert_nothing_is_cut_off(picture)
    assert f"{len(found.hidden)} hidden spikes" in picture.alt


def test_the_figure_of_silence():
    pytest.importorskip("matplotlib")
    from snnlab.plot.decision import draw_explanation

    silent = SpikeTrains.from_dense(np.zeros((1, N_STEPS, 20)))
    picture = draw_explanation(explain(network(), silent), np.zeros((4, 5)))
    assert "no hidden spikes" in picture.alt and "no input spikes" in picture.alt
    assert_nothing_is_cut_off(picture)
