"""Losses of every step and masks: sums by hand, finite differences, and what is refused."""

import numpy as np
import pytest
import reference
from helpers import CHIP

from snnlab import LIF, Adam, Network, Values, evaluate, losses, train
from snnlab.learning.evaluation import predict_scores
from snnlab.learning.losses import (
    Masked,
    MaskedTargets,
    MaxOverTime,
    PerStep,
    SquaredErrorPerStep,
    Weighted,
    WeightedTargets,
    mask_of,
)
from snnlab.reports.decision import time_to_decision
from snnlab.rewiring import FixedMask

N, STEPS, CLASSES = 5, 7, 3
LENGTHS = np.array([7, 3, 1, 5, 3])
INNER = [losses.MaxOverTime(2.0), losses.SumOverTime(0.4), losses.RateMSE(), losses.FirstSpike()]


def readout(dtype=np.float64, seed=0):
    return np.random.default_rng(seed).random((N, STEPS, CLASSES)).astype(dtype)


def holes(seed=1):
    """A mask with holes, which leaves something of each sample."""
    mask = np.random.default_rng(seed).random((N, STEPS)) < 0.5
    mask[:, 2] = True
    return mask


def labels_per_step(seed=2):
    return np.random.default_rng(seed).integers(0, CLASSES, (N, STEPS))


def values_per_step(seed=3):
    return np.random.default_rng(seed).normal(size=(N, STEPS, CLASSES))


MASKS = {"lengths": mask_of(LENGTHS, STEPS), "holes": holes(), "all": np.ones((N, STEPS), bool)}
CASES = {
    "per step": (PerStep(1.7), labels_per_step()),
    "squared error per step": (SquaredErrorPerStep(0.6), values_per_step()),
    "masked squared error": (Masked("squared_error"), values_per_step()[:, 0]),
} | {f"masked {type(k).__name__}": (Masked(k), labels_per_step()[:, 0]) for k in INNER}


# values and gradients -----------------------------------------------------------------------------


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("case", CASES)
def test_gradients_equal_finite_differences(case, mask):
    (loss, targets), x = CASES[case], readout()
    targets = MaskedTargets(targets, MASKS[mask])
    value, g = loss(x, targets)
    assert np.isfinite(value) and type(value) is float and g.shape == x.shape and g.any()
    numerical = reference.numerical_gradient(lambda: loss(x, targets)[0], x)
    np.testing.assert_allclose(g, numerical, atol=1e-8)
    assert not g[~MASKS[mask]].any()


@pytest.mark.parametrize("case", CASES)
def test_what_is_hidden_does_not_matter(case):
    (loss, targets), x = CASES[case], readout()
    mask = MASKS["lengths"]
    value, g = loss(x, MaskedTargets(targets, mask))
    x[~mask] = 1e3
    if targets.ndim > 1 and targets.shape[1] == STEPS:
        targets = targets.astype(float) if targets.dtype == float else targets.copy()
        targets[~mask] = np.nan if targets.dtype == float else -1
    again, g_again = loss(x, MaskedTargets(targets, mask))
    assert again == value and np.array_equal(g, g_again)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_sample_counts_the_same_in_any_batch(case, dtype):
    (loss, targets), x = CASES[case], readout(dtype)
    targets = MaskedTargets(targets, MASKS["lengths"])
    value, g = loss(x, targets)
    assert g.dtype == dtype
    singles = [loss(x[k : k + 1], targets[k : k + 1]) for k in range(N)]
    assert value == pytest.approx(np.mean([v for v, _ in singles]), rel=1e-5)
    for k, (_, part) in enumerate(singles):
        np.testing.assert_allclose(g[k], part[0] / N, rtol=1e-4, atol=1e-7)


def test_per_step_by_hand():
    x, labels = readout(), labels_per_step()
    total = 0
    for s, n in enumerate(LENGTHS):
        for t in range(n):
            p = np.exp(2 * x[s, t])
            total -= np.log(p[labels[s, t]] / p.sum()) / n / N
    masked = MaskedTargets(labels, MASKS["lengths"])
    assert PerStep(2.0)(x, masked)[0] == pytest.approx(total)
    plain = PerStep(2.0)(x, labels)
    for a, b in zip(plain, PerStep(2.0)(x, MaskedTargets(labels, MASKS["all"])), strict=True):
        assert np.array_equal(a, b)


def test_squared_error_per_step_by_hand():
    x, values = readout(), values_per_step()
    wanted = [np.mean((0.5 * x[s, :n] - values[s, :n]) ** 2) for s, n in enumerate(LENGTHS)]
    found = SquaredErrorPerStep(0.5)(x, MaskedTargets(values, MASKS["lengths"]))[0]
    assert found == pytest.approx(np.mean(wanted))
    assert SquaredErrorPerStep()(x, x)[0] == 0


@pytest.mark.parametrize("inner", INNER, ids=repr)
def test_masked_is_the_loss_of_what_is_left(inner):
    x, labels = readout(), labels_per_step()[:, 0]
    targets = MaskedTargets(labels, holes())
    left = [inner(x[s : s + 1, holes()[s]], labels[s : s + 1]) for s in range(N)]
    assert Masked(inner)(x, targets)[0] == pytest.approx(np.mean([v for v, _ in left]))
    scores = Masked(inner).scores_for(x, targets)
    for s in range(N):
        np.testing.assert_allclose(scores[s], inner.scores(x[s : s + 1, holes()[s]])[0])
    assert np.array_equal(Masked(inner).scores(x), inner.scores(x))
    whole = Masked(inner)(x, MaskedTargets(labels, MASKS["all"]))
    for a, b in zip(whole, inner(x, labels), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_masked_and_weighted():
    x, labels, w = readout(), labels_per_step()[:, 0], np.arange(1.0, 6)
    masked = MaskedTargets(labels, MASKS["lengths"])
    plain = Masked("sum_over_time")(x, masked)
    loss = Weighted(Masked("sum_over_time"))
    value, g = loss(x, WeightedTargets(masked, w))
    assert value == plain[0] and np.allclose(g, plain[1] * w[:, None, None])
    found = loss.scores_for(x, WeightedTargets(masked, w))
    assert np.array_equal(found, Masked("sum_over_time").scores_for(x, masked))


@pytest.mark.parametrize(
    "weights, error, message",
    [
        (np.ones((N, 1)), ValueError, r"weights must have shape \(5\), got \(5, 1\)"),
        (np.ones(N - 1), ValueError, r"weights must have shape \(5\), got \(4,\)"),
        (np.float64(1), ValueError, r"weights must have shape \(5\), got \(\)"),
        (np.full(N, np.nan), ValueError, "weights must be finite"),
        (["a"] * N, TypeError, "weights must be an array of numbers"),
        (None, TypeError, "weights must be an array of numbers"),
    ],
    ids=str,
)
def test_weights_are_looked_at(weights, error, message):
    x, labels, loss = readout(), labels_per_step()[:, 0], Weighted(MaxOverTime())
    targets = WeightedTargets(labels, weights)
    for call in (
        lambda: loss(x, targets),
        lambda: loss.check_targets("targets", targets, N, CLASSES),
    ):
        with pytest.raises(error, match=message):
            call()
    listed = loss(x, WeightedTargets(labels, [1, 2, 3, 4, 5]))[1]
    assert np.array_equal(listed, loss(x, WeightedTargets(labels, np.arange(1.0, 6)))[1])
    for call in (loss, loss.scores_for, lambda x, y: loss.agreement(loss.scores(x), y)):
        with pytest.raises(TypeError, match="targets must be WeightedTargets, not ndarray"):
            call(x, labels)


@pytest.mark.parametrize("g", [None, np.ones(CLASSES), np.ones((N, 1, 1))], ids=str)
def test_weights_do_not_hide_the_shape_of_a_gradient(g):
    loss = Weighted(lambda x, y: (1.0, g))
    labels = labels_per_step()[:, 0]
    with pytest.raises(ValueError, match="g_readout must have shape"):
        loss(readout(), WeightedTargets(labels, np.ones(N)))
    masked = Masked(lambda x, y: (1.0, np.zeros(x.size)))  # as many numbers
    with pytest.raises(ValueError, match="g_readout must have shape"):
        masked(readout(), MaskedTargets(labels, np.ones((N, STEPS), bool)))


@pytest.mark.parametrize("label", [2**63, 2**64 - 1])
def test_labels_that_are_too_large_are_told_as_they_are(label):
    for loss, shape in ((MaxOverTime(), N), (PerStep(), (N, STEPS))):
        labels = np.zeros(shape, np.uint64)
        labels.flat[1] = label
        with pytest.raises(ValueError, match=f"must lie in 0 ... 2; it reaches from 0 to {label}"):
            loss(readout(), labels)


def test_losses_of_every_step_do_not_overflow():
    for scale in (1e-30, 1e30):
        x = (scale * readout(np.float32, 5)).astype(np.float32)
        value, g = PerStep()(x, labels_per_step())
        assert np.isfinite(value) and np.isfinite(g).all() and g.dtype == np.float32


# agreement ----------------------------------------------------------------------------------------


def test_agreement_counts_what_is_seen():
    labels, mask = labels_per_step(), MASKS["lengths"]
    scores = np.zeros((N, STEPS, CLASSES))
    scores[np.arange(N)[:, None], np.arange(STEPS), labels] = 1
    scores[~mask] = np.roll(scores[~mask], 1, axis=1)
    assert PerStep.agreement(scores, MaskedTargets(labels, mask)) == 1
    assert PerStep.agreement(scores, labels) < 1
    scores[0] = np.roll(scores[0], 1, axis=1)  # all seven steps of a sample of five
    assert PerStep.agreement(scores, MaskedTargets(labels, mask)) == pytest.approx(0.8)


def test_weights_hide_nothing_of_a_loss():
    """What is predicted, and whether of each step, is the loss's inside."""
    neuron = LIF(tau_mem=10.0, tau_syn=5.0, dt=1.0)
    network = Network((6, 8, CLASSES), neuron, n_steps=STEPS, rng=0)
    inputs = Values(np.random.default_rng(0).random((N, STEPS, 6)))
    mask, ones = np.ones((N, STEPS), bool), np.ones(N)
    values = np.random.default_rng(1).normal(size=(N, CLASSES))
    cases = (
        ("squared_error", values, (N, CLASSES)),
        (Masked("squared_error"), MaskedTargets(values, mask), (N, CLASSES)),
        ("per_step", MaskedTargets(labels_per_step(), mask), (N, STEPS)),
        ("squared_error_per_step", values[:, None] * np.ones((1, STEPS, 1)), (N, STEPS, CLASSES)),
        ("max_over_time", np.arange(N) % CLASSES, (N,)),
    )
    for given, targets, shape in cases:
        loss = losses.resolve(given)
        plain = evaluate(network, inputs, targets, loss=loss)
        weighed = evaluate(network, inputs, WeightedTargets(targets, ones), loss=Weighted(loss))
        assert weighed.predictions.shape == shape
        np.testing.assert_array_equal(weighed.predictions, plain.predictions)
        assert weighed.accuracy == plain.accuracy
    with pytest.raises(ValueError, match="of whole samples, not of every step"):
        Masked(Weighted(PerStep()))
    with pytest.raises(ValueError, match="of whole samples, not of every step"):
        time_to_decision(network, inputs, np.zeros(N, int), loss=Weighted(PerStep()))


def test_agreement_of_values_is_r2_of_what_is_seen():
    values, mask = values_per_step(), MASKS["lengths"]
    off = values.copy()
    off[~mask] = 100
    assert SquaredErrorPerStep.agreement(off, MaskedTargets(values, mask)) == 1
    means = np.broadcast_to(values[mask].mean(axis=0), values.shape)
    agreed = SquaredErrorPerStep.agreement(np.array(means), MaskedTargets(values, mask))
    assert agreed == pytest.approx(0, abs=1e-12)


# training -----------------------------------------------------------------------------------------


def sequences(n=60, seed=0):
    """Signals of two inputs whose louder one changes half-way; ends at different times."""
    rng = np.random.default_rng(seed)
    first, lengths = rng.integers(0, 2, n), rng.integers(8, 21, n)
    labels = np.where(np.arange(20) < 10, first[:, None], 1 - first[:, None])
    x = np.zeros((n, 20, 2), np.float32)
    x[np.arange(n)[:, None], np.arange(20), labels] = 2
    mask = mask_of(lengths, 20)
    x[~mask] = rng.random((np.count_nonzero(~mask), 2))
    return Values(x), first, labels, mask


def network():
    return Network((2, 20, 2), CHIP, n_steps=20, rng=0, spread=3.0)


def test_labels_of_every_step_are_learned():
    x, _, labels, mask = sequences()
    targets, net = MaskedTargets(labels, mask), network()
    before = evaluate(net, x, targets, loss=PerStep())
    history = train(
        net,
        x,
        targets,
        epochs=30,
        rng=1,
        batch_size=10,
        loss="per_step",
        optimizer=Adam(lr=2e-2),
        validation=(x, targets),
    )
    after = evaluate(net, x, targets, loss="per_step")
    assert after.predictions.shape == (60, 20) and after.accuracy > max(0.75, before.accuracy)
    assert history.validation_accuracy[-1] == after.accuracy
    assert history.loss[-1] < 0.8 * history.loss[0]
    scores, _ = predict_scores(net, x, loss=PerStep())
    assert np.array_equal(scores.argmax(axis=2), after.predictions)


def test_values_over_time_are_learned():
    x, _, labels, mask = sequences()
    values = np.stack([labels, 1 - labels], axis=2).astype(float)
    targets, net, loss = MaskedTargets(values, mask), network(), SquaredErrorPerStep(0.3)
    net.weights[-1][...] *= 0.1
    how = {"rng": 1, "batch_size": 10, "loss": loss, "optimizer": Adam(lr=5e-2)}
    train(net, x, targets, epochs=40, **how)
    found = evaluate(net, x, targets, loss=loss)
    assert found.predictions.shape == (60, 20, 2) and found.accuracy > 0.4
    error = np.square(found.predictions - values)[mask].sum()
    total = np.square(values[mask] - values[mask].mean(axis=0)).sum()
    assert found.accuracy == pytest.approx(1 - error / total, abs=1e-4)


def test_whole_samples_are_learned_from_the_steps_that_count():
    x, first, _, _ = sequences()
    mask = mask_of(np.full(60, 8), 20)
    targets, net, loss = MaskedTargets(first, mask), network(), Masked("sum_over_time")
    train(net, x, targets, epochs=15, rng=1, batch_size=10, loss=loss, optimizer=Adam(lr=2e-2))
    found = evaluate(net, x, targets, loss=loss)
    assert found.accuracy > 0.9 and found.predictions.shape == (60,)
    scores = loss.scores_for(net.forward(x).readout, targets)
    assert np.array_equal(found.predictions, scores.argmax(axis=1))


# refusals -----------------------------------------------------------------------------------------


def test_masks_that_hide_every_step_are_refused():
    mask = holes()
    mask[3] = False
    with pytest.raises(ValueError, match="mask must leave a step of .* all of 3"):
        MaskedTargets(labels_per_step(), mask)
    x, first, _, mask = sequences()
    mask[:] = False
    with pytest.raises(ValueError, match="mask must leave"):
        train(network(), x, MaskedTargets(first, mask), rng=0, loss=Masked("sum_over_time"))


@pytest.mark.parametrize(
    "mask, error",
    [
        (np.ones((N, STEPS)), TypeError),
        (np.ones(N, bool), ValueError),
        (np.ones((N + 1, STEPS), bool), ValueError),
        (np.ones((N, 0), bool), ValueError),
        (None, TypeError),
    ],
)
def test_bad_masks_are_refused_by_name(mask, error):
    with pytest.raises(error, match="mask must"):
        MaskedTargets(labels_per_step(), mask)


ALL = np.ones((N, STEPS), bool)
BAD = {
    "labels of samples": (PerStep(), labels_per_step()[:, 0], "targets must be of every step"),
    "labels of floats": (PerStep(), labels_per_step() * 1.0, "targets must be integers"),
    "labels too large": (PerStep(), labels_per_step() + 1, "targets must lie in 0 ... 2"),
    "labels negative": (PerStep(), labels_per_step() - 1, "targets must lie in 0 ... 2"),
    "few steps": (
        PerStep(),
        labels_per_step()[:, 1:],
        "mask of targets has 6 steps",
    ),
    "few samples": (PerStep(), labels_per_step()[1:], "targets must be of 5 samples, got 4"),
    "axes": (PerStep(), MaskedTargets(labels_per_step()[:, 0], ALL), "targets must have shape"),
    "values of text": (
        SquaredErrorPerStep(),
        np.full((N, STEPS, 3), "a"),
        "targets must be an ",
    ),
    "values few": (SquaredErrorPerStep(), values_per_step()[:, :, 1:], "targets must have shape"),
    "values of NaN": (SquaredErrorPerStep(), np.full((N, STEPS, 3), np.nan), "targets must be fin"),
    "no mask": (Masked("sum_over_time"), labels_per_step()[:, 0], "targets must be MaskedTargets"),
    "labels of a step": (
        Masked("sum_over_time"),
        MaskedTargets(labels_per_step(), ALL),
        "labels must have shape",
    ),
}


@pytest.mark.parametrize("loss, targets, message", BAD.values(), ids=BAD)
def test_bad_targets_are_refused_by_name(loss, targets, message):
    with pytest.raises((TypeError, ValueError), match=message.replace("...", r"\.\.\.")):
        loss(readout(), targets)


def test_bad_targets_are_refused_before_training():
    x, first, labels, _ = sequences()
    bad = ("per_step", first), (Masked("max_over_time"), first), ("per_step", labels + 1)
    for loss, targets in bad:
        with pytest.raises((TypeError, ValueError), match="labels must"):
            train(network(), x, targets, rng=0, loss=loss)
    with pytest.raises(ValueError, match="loss must be one of whole samples"):
        Masked(PerStep())
    with pytest.raises(ValueError, match="loss must be one of"):
        Masked("none")
    for scale in (0, -1, np.nan):
        for kind in (PerStep, SquaredErrorPerStep):
            with pytest.raises(ValueError, match="scale must"):
                kind(scale)


def test_masks_of_lengths():
    assert mask_of([2, 1], 3).tolist() == [[True, True, False], [True, False, False]]
    assert mask_of([], 3).shape == (0, 3)
    for lengths, message in (
        ([0, 1], "lengths must be at least 1"),
        ([4], "lengths must lie in 0"),
        ([1.0], "lengths must be integers"),
        (3, "lengths must have shape"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            mask_of(lengths, 3)
    with pytest.raises(ValueError, match="n_steps must be at least 1"):
        mask_of([1], 0)


# what is noticed before anything is trained ------------------------------------------------------


def test_a_first_spike_needs_a_spiking_readout_wherever_it_is_asked_for():
    net = Network((10, 8, 3), CHIP, n_steps=4, rng=0)
    x, y = Values(np.random.default_rng(0).normal(size=(6, 4, 10))), np.arange(6) % 3
    masked = MaskedTargets(y, np.ones((6, 4), bool))
    first, told = losses.FirstSpike(), "loss .*FirstSpike.* needs a network with a spiking readout"
    for loss, targets in (
        (first, y),
        (Masked(first), masked),
        (losses.Weighted(first), losses.WeightedTargets(y, np.ones(6))),
        (losses.Weighted(Masked(first)), losses.WeightedTargets(masked, np.ones(6))),
    ):
        for call in (
            lambda loss=loss: predict_scores(net, x, loss=loss),
            lambda loss=loss, targets=targets: evaluate(net, x, targets, loss=loss),
            lambda loss=loss, targets=targets: train(net, x, targets, loss=loss, rng=0),
        ):
            with pytest.raises(ValueError, match=told):
                call()
    with pytest.raises(ValueError, match=told):
        net.predict(x, loss="first_spike")
    with pytest.raises(ValueError, match=told):
        time_to_decision(net, x, y, loss="first_spike")


LATE = {  # loss, and targets of 6 samples of 4 steps, that were noticed once wires had been cut
    "labels of too many steps": ("per_step", np.zeros((6, 5), int)),
    "values of too few": ("squared_error_per_step", np.zeros((6, 3, 3))),
    "a long mask": (
        Masked("max_over_time"),
        MaskedTargets(np.zeros(6, int), np.ones((6, 5), bool)),
    ),
    "a late deadline": (losses.MaxOverTime(deadlines=(2, 5)), np.zeros(6, int)),
}


@pytest.mark.parametrize("name", LATE)
def test_steps_that_are_not_the_networks_are_noticed_before_wires_are_cut(name):
    loss, targets = LATE[name]
    net = Network((10, 8, 3), CHIP, n_steps=4, rng=0)
    x, before = Values(np.zeros((6, 4, 10))), net.parameters.copy()
    with pytest.raises(ValueError, match="labels must have 4 steps|must be at most 4"):
        train(net, x, targets, loss=loss, rng=0, optimizer=FixedMask(1e-3, 0.5, rng=0))
    if "deadline" not in name:
        with pytest.raises(ValueError, match="validation must have 4 steps"):
            train(net, x, np.zeros(6, int), validation=(x, targets), loss=loss, rng=0)
        with pytest.raises(ValueError, match="labels must have 4 steps"):
            evaluate(net, x, targets, loss=loss)
    assert np.array_equal(net.parameters, before)
