"""Early exit: equal to stopping each sample by hand, for every margin; safe margins are safe."""

import numpy as np
import pytest
from helpers import assert_nothing_is_cut_off
from test_decision import (
    CHIP,
    N_CLASSES,
    N_STEPS,
    delayed_inputs,
    first_step_of,
    network,
    signals,
)

from snnlab import early_exit, evaluate, losses
from snnlab.reports.early_exit import EarlyExit


def by_hand(net, inputs, labels, loss, margin):
    """Accuracy, mean hidden spikes, mean steps and the share that ends early."""
    trace = net.forward(inputs)
    found = []
    for s in range(len(inputs)):
        begin = first_step_of(inputs, s)
        for stop in range(begin + 1, N_STEPS + 1):
            scores = loss.scores(trace.readout[s : s + 1, :stop])[0]
            second, first = np.sort(scores)[-2:]
            if first - second > margin:
                break
        early = first - second > margin
        hidden = sum(train[s].to_dense()[0, :stop].sum() for train in trace.hidden)
        found.append((scores.argmax() == labels[s], hidden, stop - begin, early))
    return np.mean(found, axis=0)


@pytest.mark.parametrize("loss", [losses.MaxOverTime(), losses.SumOverTime(), losses.RateMSE()])
@pytest.mark.parametrize("kind", ["spikes", "current"])
def test_the_same_as_stopping_by_hand(loss, kind):
    inputs = signals(kind)
    net = network(inputs)
    labels = evaluate(net, inputs, np.zeros(60, int), loss=loss).predictions
    labels[::3] = 2
    found = early_exit(net, inputs, labels, loss=loss, batch_size=17)
    margins = [0, *np.quantile(found.lead, (0.2, 0.5, 0.8, 0.95)), 1e9]
    shares = []
    for margin in map(float, margins):
        e = found.at(margin)
        accuracy, spikes, steps, share = by_hand(net, inputs, labels, loss, margin)
        assert (e.margin, e.accuracy, e.hidden_spikes) == (margin, accuracy, pytest.approx(spikes))
        assert (e.time, e.share) == (pytest.approx(steps * CHIP.dt), share)
        shares.append(share)
    assert len(set(shares)) > 3 and shares[-1] == 0  # the test has teeth
    assert found.at(1e9)[1:] == found.whole[1:]


def test_whole_runs_are_what_evaluate_sees():
    inputs = delayed_inputs()
    net = network(inputs)
    labels = np.random.default_rng(2).integers(0, N_CLASSES, len(inputs))
    whole, result = early_exit(net, inputs, labels).whole, evaluate(net, inputs, labels)
    assert whole.accuracy == result.accuracy and whole.share == 0
    assert whole.hidden_spikes == pytest.approx(result.hidden_spikes, rel=1e-12)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("tolerance", [0, 0.02, 0.1, 1])
def test_the_safe_margin_is_the_smallest_one(seed, tolerance):
    """Against every margin that makes a difference, leads that are equal and zero among them."""
    rng = np.random.default_rng(seed)
    n, n_deadlines = 50, 6
    lead = rng.integers(0, 12, (n, n_deadlines)) / np.float32(4)
    lead[:2] = 0
    found = EarlyExit(
        times=np.arange(1, n_deadlines + 1) * 1e-6,
        lead=lead,
        right=rng.random((n, n_deadlines)) < np.linspace(0.3, 0.9, n_deadlines),
        spikes=np.arange(n_deadlines) + np.zeros((n, 1), int),
        last=np.full(n, n_deadlines - 1),
    )
    values = np.unique(np.append(lead, 0))
    safe = found.whole.accuracy - tolerance - 1e-12
    bad = [k for k, m in enumerate(values) if found.at(float(m)).accuracy < safe]
    expected = values[bad[-1] + 1] if bad else 0
    assert found.margin(tolerance) == expected
    assert found.at(found.margin(tolerance)).accuracy >= safe


def test_more_sure_is_later_and_costs_more_spikes():
    inputs = delayed_inputs()
    found = early_exit(network(inputs), inputs, np.zeros(60, int))
    exits = [found.at(m) for m in np.linspace(0, 2, 9)]
    for name in ("hidden_spikes", "time"):
        values = [getattr(e, name) for e in exits]
        assert values == sorted(values) and values[0] < values[-1]
    assert found.whole.hidden_spikes >= exits[-1].hidden_spikes


def test_what_is_not_possible_is_refused():
    inputs = delayed_inputs()
    found = early_exit(network(inputs), inputs, np.zeros(60, int))
    for bad in (-1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="margin must be"):
            found.at(bad)
    with pytest.raises(TypeError, match="margin must be a number"):
        found.at("0.5")
    with pytest.raises(ValueError, match="tolerance must be at least 0"):
        found.margin(-0.1)
    one = network(inputs, sizes=(20, 30, 1))
    with pytest.raises(ValueError, match="network must have two outputs at least"):
        early_exit(one, inputs, np.zeros(60, int))


def test_the_picture_compares_one_deadline_with_a_margin():
    pytest.importorskip("matplotlib")
    from snnlab.plot import draw_early_exit

    inputs = delayed_inputs()
    net = network(inputs)
    labels = evaluate(net, inputs, np.zeros(60, int)).predictions
    found = early_exit(net, inputs, labels)
    picture = draw_early_exit(found)
    x, y = picture.artists.deadlines.get_data()
    np.testing.assert_allclose(x, found.spikes.mean(axis=0))
    np.testing.assert_allclose(y, 100 * found.right.mean(axis=0))
    safe = found.at(found.margin())
    at = [x[0] for x in picture.artists.safe.get_data()]
    assert at == pytest.approx([safe.hidden_spikes, 100 * safe.accuracy])
    x, y = picture.artists.margins.get_data()
    assert (x[-1], y[-1]) == pytest.approx((found.whole.hidden_spikes, 100))
    assert f"{safe.hidden_spikes:.1f} of {found.whole.hidden_spikes:.1f}" in picture.alt
    assert_nothing_is_cut_off(picture)
