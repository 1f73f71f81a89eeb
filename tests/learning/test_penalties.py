"""Penalties: values by hand, gradients by finite differences, and what they do to a training."""

import numpy as np
import pytest
import reference
from helpers import STEEPNESS, as_input, assert_close, build, network, same, threads, toy, train

from snnlab import SGD, Adam, evaluate, losses, surrogate, textbook
from snnlab.currents import ConstantCurrent
from snnlab.learning.penalties import (
    Bursts,
    Homeostasis,
    LowerBound,
    Penalties,
    Ramp,
    ReadoutAmplitude,
    UpperBound,
    WeightDecay,
)
from snnlab.learning.training import steps
from snnlab.signals import SpikeTrains
from snnlab.trace import Trace


@pytest.fixture
def data():
    x, labels = toy(90, 1)
    return as_input(x), labels


# values by hand ----------------------------------------------------------------------------------


def bursts(counts):
    total = 0.0
    for sample in counts:
        for count in sample:
            total += count**2
    return total / (len(counts) * len(counts[0]))


def rates(counts):
    return [sum(sample[i] for sample in counts) / len(counts) for i in range(len(counts[0]))]


def upper(bound):
    return lambda counts: sum(max(0, r - bound) ** 2 for r in rates(counts)) / len(counts[0])


def lower(bound):
    return lambda counts: sum(max(0, bound - r) ** 2 for r in rates(counts)) / len(counts[0])


def homeostasis(target, both_sides=False):
    def value(counts):
        excess = [sum(sample) - target for sample in counts]
        return sum((x if both_sides else max(0, x)) ** 2 for x in excess) / len(counts)

    return value


def amplitude(readout):
    tops = [max(v[t][i] for t in range(len(v))) for v in readout for i in range(len(v[0]))]
    return sum(top**2 for top in tops) / len(tops)


def decay(weights):
    return sum(w**2 for row in weights for w in row) / (len(weights) * len(weights[0]))


# bounds lie between the rates (1.0 to 1.9) and between the samples' sums (3.5 to 8.1)
EVERY = [
    (Bursts(0.7), bursts),
    (UpperBound(0.7, 1.6), upper(1.6)),
    (UpperBound(0.7, 9), lambda counts: 0.0),
    (LowerBound(0.7, 1.6), lower(1.6)),
    (LowerBound(0.7, 0.1), lambda counts: 0.0),
    (Homeostasis(0.7, 5.2), homeostasis(5.2)),
    (Homeostasis(0.7, 5.2, both_sides=True), homeostasis(5.2, both_sides=True)),
    (Homeostasis(0.7, 99), lambda counts: 0.0),
    (ReadoutAmplitude(0.7), amplitude),
    (WeightDecay(0.7), decay),
]
SPIKES = [penalty for penalty, _ in EVERY if penalty.acts_on == "spikes"]


def arguments(penalty, dtype=np.float64):
    rng = np.random.default_rng(3)
    if penalty.acts_on == "spikes":
        return rng.uniform(0, 3, (5, 4)).astype(dtype)
    if penalty.acts_on == "readout":
        return rng.normal(0, 1, (5, 6, 3)).astype(dtype)
    return rng.normal(0, 1, (4, 7)).astype(dtype)[:, :5]  # a view of a padded block


@pytest.mark.parametrize(
    "penalty, formula", EVERY, ids=lambda x: getattr(x, "__name__", repr(x)[:50])
)
def test_values_by_hand_and_gradients_by_finite_differences(penalty, formula):
    x = arguments(penalty)
    before = x.copy()
    value, g = penalty(x)
    assert isinstance(value, float) and g.shape == x.shape and np.array_equal(x, before)
    assert value == pytest.approx(0.7 * formula(x.tolist()), rel=1e-12)
    numerical = reference.numerical_gradient(lambda: penalty(x)[0], x)
    if formula(x.tolist()) == 0:
        assert value == 0 and not g.any() and not numerical.any()
    else:
        assert_close([g], [numerical], 1e-8)
        assert g.any()
    single = x.astype(np.float32)
    low, g_low = penalty(single)
    assert g_low.dtype == np.float32 and low == pytest.approx(value, rel=1e-5)
    assert np.allclose(g_low, g, rtol=1e-5, atol=1e-6)


def test_bounds_are_met_from_one_side_only():
    """The cases above have something on either side of the bound."""
    counts = arguments(SPIKES[0])
    over = counts.mean(axis=0) > 1.6
    assert 0 < over.sum() < 4
    assert np.array_equal(UpperBound(1, 1.6)(counts)[1] > 0, np.tile(over, (5, 1)))
    assert np.array_equal(LowerBound(1, 1.6)(counts)[1] < 0, np.tile(~over, (5, 1)))
    many = counts.sum(axis=1) > 5.2
    assert 0 < many.sum() < 5
    assert np.array_equal(Homeostasis(1, 5.2)(counts)[1].any(axis=1), many)


def test_amplitude_prefers_the_earliest():
    readout = np.array([[[1.0, -2.0], [3.0, -1.0], [3.0, -1.0]]])
    value, g = ReadoutAmplitude(1.0)(readout)
    assert value == (9 + 1) / 2
    assert g[0].tolist() == [[0, 0], [3, -1], [0, 0]]


@pytest.mark.nojit
@pytest.mark.bounds
def test_counts_of_units():
    rng = np.random.default_rng(0)
    z = rng.random((6, 5, 4)) < 0.4
    trains = SpikeTrains.from_dense(z)[[3, 0, 3, 5]]
    for dtype in (np.float32, np.float64, np.int64):
        counts = trains.unit_counts(dtype)
        assert counts.dtype == dtype
        assert np.array_equal(counts, z[[3, 0, 3, 5]].sum(axis=1))
    assert SpikeTrains.from_dense(z[:0]).unit_counts().shape == (0, 4)


# through the network -----------------------------------------------------------------------------


def soft_network():
    """Inputs and a network of two hidden layers, float64, with the trace of its smoothed twin.

    The reset subtracts: the kernels' backward pass then reads potentials, which the smoothed twin
    has, and no spikes but those that a layer hears.
    """
    net, inputs = build(
        "sigmoid", "subtract", False, False, 2, seed=2, batch=3, refractory=False, widths=(5, 4)
    )
    x, weights = inputs.to_dense(float), [np.array(w) for w in net.weights]

    def forward():
        step = lambda u: surrogate.soft_step("sigmoid", u, STEEPNESS["sigmoid"])  # noqa: E731
        return textbook.forward(x, weights, net.neurons, step)

    parts = forward()
    trains = []
    for _, z in parts[:-1]:
        train = SpikeTrains.from_dense(z > 0.5)
        train.unit_counts = lambda dtype, z=z: z.sum(axis=1).astype(dtype)
        trains.append(train)
    trace = Trace.measured(inputs, [v for v, _ in parts[:-1]], trains, parts[-1][0])
    return net, x, weights, forward, parts, trace


# soft spikes sum up to 0.03 ... 8.6 per unit and 11 ... 24 per layer: some on either side of bounds
THROUGH = [
    [Bursts(0.3)],
    [Bursts(0.3, layers=0)],
    [Bursts(0.3, layers=-1)],
    [UpperBound(0.3, 2.8)],
    [LowerBound(0.3, 3.2)],
    [Homeostasis(0.03, 13)],
    [Homeostasis(0.03, 13, layers=(1,), both_sides=True)],
    [ReadoutAmplitude(0.4)],
    [WeightDecay(0.5)],
    [WeightDecay(0.5, layers=[0, 2]), Bursts(0.1), LowerBound(0.3, 2.0), ReadoutAmplitude(0.4)],
]


@pytest.mark.parametrize("given", THROUGH, ids=repr)
@pytest.mark.parametrize("with_loss", [False, True])
def test_gradients_by_the_weights_equal_finite_differences(given, with_loss):
    """Loss and penalties of the smoothed network, by every weight of every layer."""
    net, x, weights, forward, parts, trace = soft_network()
    loss, labels = losses.MaxOverTime(0.5), np.array([0, 2, 1])

    def chosen(penalty, n):
        layers = range(n) if penalty.layers is None else np.atleast_1d(penalty.layers)
        return [range(n)[k] for k in layers]

    def value():
        now = forward()
        total = loss(now[-1][0], labels)[0] if with_loss else 0.0
        for p in given:
            if p.acts_on == "spikes":
                total += sum(p(now[k][1].sum(axis=1))[0] for k in chosen(p, 2))
            elif p.acts_on == "readout":
                total += p(now[-1][0])[0]
            else:
                total += sum(p(weights[k])[0] for k in chosen(p, 3))
        return total

    penalties = Penalties(given, net)
    g_readout = loss(trace.readout, labels)[1] if with_loss else np.zeros_like(trace.readout)
    said = loss(trace.readout, labels)[0] if with_loss else 0.0
    price, g_readout, g_spikes = penalties.of_trace(trace, g_readout)

    expected = [reference.numerical_gradient(value, w) for w in weights]
    from_kernel = net.backward(trace, g_readout, g_spikes=g_spikes)
    said += price + penalties.of_weights(net, from_kernel)
    got = textbook.backward(x, weights, net.neurons, parts, g_readout, g_spikes)
    penalties.of_weights(net, got)
    assert said == pytest.approx(value(), rel=1e-12)
    assert sum(np.abs(g).max() > 1e-3 for g in expected) >= 1
    for g, e in zip(got, expected, strict=True):
        assert np.abs(g - e).max() <= 1e-6 * max(np.abs(e).max(), 1e-3)
    # the first layer hears the inputs, so the kernels' gradient is that of the smoothed network too
    assert_close(from_kernel[:1], got[:1])
    layers = [p.layers for p in given if p.acts_on == "spikes"]
    if layers and not with_loss and len(given) == 1:
        assert (g_spikes[1] is None) == (layers == [0]) and (g_spikes[0] is None) == (
            layers in ([-1], [(1,)])
        )
        assert expected[1].any() == (layers != [0])


@pytest.mark.parametrize("driven", [False, True])
def test_hard_spikes_go_the_same_way(driven):
    """Kernels equal the textbook, with the penalties' gradients as those of the counts."""
    net, inputs = build(n_hidden=3, driven=driven, seed=1, batch=6)
    trace = net.forward(inputs)
    given = [Bursts(0.2), UpperBound(3, 1.5, layers=1), LowerBound(5, 2.5, layers=-1)]
    _, _, g_spikes = Penalties(given, net).of_trace(trace, np.zeros_like(trace.readout))
    z = [train.to_dense(float) for train in trace.spikes]
    counts = [x.sum(axis=1) for x in z]
    by_hand = [p(c)[1] for p, c in zip([Bursts(0.2)] * 3, counts, strict=True)]
    by_hand[1] = by_hand[1] + given[1](counts[1])[1]
    by_hand[2] = by_hand[2] + given[2](counts[2])[1]
    for a, b in zip(g_spikes, by_hand, strict=True):
        assert a.shape[1] == 1 and np.array_equal(a[:, 0], b)
    nothing = np.zeros_like(trace.readout)
    got = net.backward(trace, nothing, g_spikes=g_spikes)
    x = inputs.to_dense(float)
    parts = list(zip(trace.v, [*z, None], strict=True))
    g_dense = [np.repeat(g[:, None], net.n_steps, axis=1) for g in by_hand]
    expected = textbook.backward(x, net.weights, net.neurons, parts, nothing, g_dense)
    assert_close(got[:3], expected[:3])
    assert all(g.any() for g in got[:3]) and not got[3].any()


def test_a_spiking_readout_pays_too():
    net, inputs = build(n_hidden=1, fires=True, seed=1)
    trace = net.forward(inputs)
    g_readout = np.zeros_like(trace.readout)
    penalties = Penalties([ReadoutAmplitude(3.0)], net)
    value, g_readout, g_spikes = penalties.of_trace(trace, g_readout)
    spiked = trace.readout.any(axis=1)
    assert g_spikes is None and value == 3 * spiked.mean() and 0 < spiked.sum()
    assert g_readout.sum() == pytest.approx(6 * spiked.mean())


def test_penalties_add_up():
    net, inputs = build(n_hidden=2, seed=1, batch=5)
    trace = net.forward(inputs)
    several = [
        Bursts(0.1),
        LowerBound(0.5, 1.0, layers=0),
        Homeostasis(0.01, 30, layers=0),
        UpperBound(0.7, 3.5),
        ReadoutAmplitude(0.2),
        ReadoutAmplitude(0.3),
        WeightDecay(0.1),
        WeightDecay(0.2, layers=-1),
    ]
    given = np.random.default_rng(0).normal(0, 1, trace.readout.shape)

    def run(penalties):
        p, before = Penalties(penalties, net), given.copy()
        value, g_readout, g_spikes = p.of_trace(trace, given)
        assert np.array_equal(given, before)  # the loss may keep its gradient
        gradients = [np.zeros(w.shape) for w in net.weights]
        value += p.of_weights(net, gradients)
        g_spikes = [0 if g is None else g for g in g_spikes or [None, None]]
        return [np.array(value), g_readout - given, *g_spikes, *gradients]

    together, single = run(several), [run(p) for p in several]
    for total, parts in zip(together, zip(*single, strict=True), strict=True):
        assert np.any(total) and np.allclose(total, sum(parts), rtol=1e-12, atol=1e-13)
    assert np.array_equal(run([])[1], np.zeros_like(given)) and run([])[0] == 0


# strengths ---------------------------------------------------------------------------------------


def test_ramp():
    ramp = Ramp(0.6, over=0.5)
    assert [ramp(epoch, 4) for epoch in (0, 1, 2, 3, 4)] == [0, 0.3, 0.6, 0.6, 0.6]
    assert ramp(0.5, 4) == 0.15
    assert [Ramp(2.0, over=1.0)(epoch, 8) for epoch in (0, 4, 8)] == [0, 1, 2]
    assert Ramp(1.0)(0, 0) == 0
    for wrong in ({"strength": -1}, {"strength": np.nan}, {"over": 0}, {"over": 1.1}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            Ramp(**{"strength": 1.0} | wrong)


@pytest.mark.parametrize("kind", [lambda s: Bursts(s), ReadoutAmplitude, WeightDecay])
def test_strengths_scale_value_and_gradient(kind):
    x = arguments(kind(1.0))
    value, g = kind(1.0)(x)
    for strength, factor in (
        (0.5, 0.5),
        (0, 0),
        (Ramp(3.0, over=1.0), 1.5),
        (lambda epoch, epochs: epoch * epochs, 8),
    ):
        scaled, g_scaled = kind(strength)(x, 2, 4)
        assert scaled == pytest.approx(factor * value)
        assert np.allclose(g_scaled, factor * g)


def test_training_asks_for_the_strength_at_each_step(data):
    asked, seen = [], []

    def strength(epoch, epochs):
        asked.append((epoch, epochs))
        return 0.01 * epoch

    net = network(data[0])
    train(
        net,
        *data,
        epochs=3,
        rng=1,
        batch_size=30,
        penalties=Bursts(strength),
        callback=lambda step: seen.append(step.penalty),
    )
    assert asked == [(pytest.approx(k / 3), 3) for k in range(9)]
    assert seen[0] == 0 and min(seen[1:]) > 0


@pytest.mark.parametrize(
    "answer, error", [(-1e-9, ValueError), (np.nan, ValueError), (None, TypeError)]
)
def test_a_function_must_give_a_strength(data, answer, error):
    for kind in (Bursts, ReadoutAmplitude, WeightDecay):
        net, kept = network(data[0]), []
        with pytest.raises(error, match="strength must be"):
            train(
                net,
                *data,
                epochs=2,
                rng=1,
                batch_size=30,
                penalties=[kind(lambda epoch, epochs: 1.0 if epoch < 1 else answer)],
                callback=lambda step, net=net, kept=kept: kept.append(net.parameters.copy()),
            )
        assert len(kept) == 3 and np.array_equal(net.parameters, kept[-1])


# what is refused ---------------------------------------------------------------------------------

WRONG = {
    "negative": (lambda: Bursts(-1e-3), ValueError, "strength must be at least 0"),
    "NaN": (lambda: WeightDecay(np.nan), ValueError, "strength must be finite"),
    "infinite": (lambda: ReadoutAmplitude(np.inf), ValueError, "strength must be finite"),
    "text": (lambda: Homeostasis("1", 3), TypeError, "strength must be a number"),
    "bound": (lambda: UpperBound(1, -2), ValueError, "spikes must be at least 0"),
    "bound text": (lambda: LowerBound(1, "2"), TypeError, "spikes must be a number"),
    "layers of text": (lambda: Bursts(1, layers="0"), TypeError, "layers must be a sequence"),
    "layers of floats": (lambda: Bursts(1, layers=0.0), TypeError, "layers must be an integer"),
    "integers": (lambda: Bursts(1)(np.ones((2, 2), int)), TypeError, "x must hold floats"),
}


@pytest.mark.parametrize("make, error, message", WRONG.values(), ids=WRONG)
def test_bad_numbers_are_refused_by_name(make, error, message):
    with pytest.raises(error, match=message):
        make()


class NoTarget:
    def __call__(self, x, epoch, epochs):
        return 0.0, x


class OtherTarget(NoTarget):
    acts_on = "membranes"


MISFITS = {
    "a loss": ([losses.MaxOverTime()], TypeError, "penalties must be a sequence of penalties"),
    "a number": (3, TypeError, "penalties must be a sequence of penalties, not int"),
    "None": (None, TypeError, "penalties must be a sequence of penalties, not NoneType"),
    "text": ("bursts", TypeError, "a sequence of penalties, not str"),
    "numbers": ([1e-3], TypeError, "it holds 0.001"),
    "a class": (Bursts, TypeError, "it holds <class"),
    "classes": ([Bursts], TypeError, "it holds <class"),
    "no target": ([NoTarget()], TypeError, "NoTarget"),
    "other target": ([OtherTarget()], ValueError, "acts_on of .*OtherTarget"),
    "layer 2 of 2": ([Bursts(1, layers=2)], ValueError, r"layers of Bursts.* 0 \.\.\. 1"),
    "layer -3 of 2": ([Bursts(1, layers=(0, -3))], ValueError, r"layers of Bursts"),
    "weights 3 of 3": ([WeightDecay(1, layers=3)], ValueError, r"layers of WeightDecay.* \.\.\. 2"),
    "no layer": ([Bursts(1, layers=())], ValueError, "layers"),
    "lower above upper": (
        [LowerBound(1, 0.5), UpperBound(1, 0.4)],
        ValueError,
        r"contradict.*LowerBound.* layer 0 for at least 12 .*UpperBound.* at most 9.6",
    ),
    "on one layer": (
        [LowerBound(1, 0.5, layers=1), UpperBound(1, 0.4, layers=-1)],
        ValueError,
        "layer 1",
    ),
    "lower above homeostasis": (
        [Homeostasis(1, 11), Bursts(1), LowerBound(1, 0.5)],
        ValueError,
        "contradict.*LowerBound.*at least 12 .*Homeostasis.* at most 11",
    ),
    "homeostasis above upper": (
        [UpperBound(1, 0.5), Homeostasis(1, 13, both_sides=True)],
        ValueError,
        "contradict",
    ),
    "more than there are steps": ([LowerBound(1, 12.5)], ValueError, "at most 288 are possible"),
}


@pytest.mark.parametrize("given, error, message", MISFITS.values(), ids=MISFITS)
def test_misfits_are_refused_before_training(data, given, error, message):
    net = network(sizes=(20, 24, 24, 4))
    before = net.parameters.copy()
    for run in (train, steps):
        with pytest.raises(error, match=message):
            run(net, *data, epochs=1, rng=0, penalties=given)
    assert np.array_equal(net.parameters, before)


@pytest.mark.parametrize(
    "given",
    [
        [LowerBound(1, 0.5), UpperBound(1, 0.5), Homeostasis(1, 12)],  # met exactly
        [LowerBound(1, 0.1, layers=0), Homeostasis(1, 0.1 * 24, layers=0)],
        [LowerBound(1, 0.5, layers=0), UpperBound(1, 0.4, layers=1)],  # on different layers
        [UpperBound(1, 0.5), Homeostasis(1, 13)],  # from above both
        [LowerBound(1, 12)],  # each unit in each step
    ],
)
def test_bounds_that_can_be_met_are_not_refused(given):
    assert Penalties(given, network(sizes=(20, 24, 24, 4))).given == tuple(given)
    # 3 times 0.1 is more than 0.3 in floating point
    Penalties([LowerBound(1, 0.1), Homeostasis(1, 0.3)], network(sizes=(20, 3, 4)))


def test_no_hidden_layer_to_pay_for():
    net = network(sizes=(20, 4))
    assert Penalties([WeightDecay(1), ReadoutAmplitude(1)], net).given
    with pytest.raises(ValueError, match="no hidden layer for Bursts"):
        Penalties(Bursts(1), net)


def test_layers_are_called_for_once_each():
    net, inputs = build(n_hidden=3, batch=3)
    trace = net.forward(inputs)
    price = {}
    for layers in (0, -3, (0, -3, 0), np.array([0]), [1, 2], None, (-1, -2, -3)):
        penalties = Penalties(Bursts(1.0, layers=layers), net)
        price[str(layers)], *_ = penalties.of_trace(trace, np.zeros_like(trace.readout))
    first = price["0"]
    assert price["-3"] == price["(0, -3, 0)"] == price["[0]"] == first > 0
    assert price["None"] == price["(-1, -2, -3)"] == pytest.approx(first + price["[1, 2]"])


# a user's own ------------------------------------------------------------------------------------


class Own:
    """As `Bursts`, written by someone else."""

    acts_on = "spikes"
    layers = 0

    def __call__(self, counts, epoch, epochs):
        g = counts * np.float32(2 / counts.size * 0.05)
        return 0.05 * (counts**2).mean(), g


def own_decay(w, epoch, epochs):
    return 0.1 * (w**2).mean(), (w * np.float32(0.1 * (2 / w.size))).tolist()


own_decay.acts_on = "weights"


def test_own_penalties_are_equal_citizens(data):
    nets = [network(data[0], sizes=(20, 24, 4)) for _ in range(3)]
    settings = {"epochs": 3, "rng": 2, "batch_size": 40}
    one = train(nets[0], *data, penalties=[Bursts(0.05), WeightDecay(0.1)], **settings)
    two = train(nets[1], *data, penalties=(p for p in (Own(), own_decay)), **settings)
    train(nets[2], *data, **settings)
    for a, b in zip(nets[0].weights, nets[1].weights, strict=True):
        assert np.allclose(a, b, rtol=1e-4, atol=1e-6)
    assert one.penalty == pytest.approx(two.penalty, rel=1e-4) and min(one.penalty) > 0
    assert not np.allclose(nets[0].weights[0], nets[2].weights[0], rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("target", ["spikes", "readout", "weights"])
def test_a_gradient_of_another_shape_is_refused(data, target):
    def own(x, epoch, epochs):
        return 0.0, np.zeros(x.shape[-1], x.dtype)  # it would broadcast

    own.acts_on = target
    with pytest.raises(ValueError, match=r"gradient of <function .*own.* must have shape"):
        train(network(), *data, epochs=1, rng=0, penalties=own)


@pytest.mark.parametrize("target", ["spikes", "readout", "weights"])
def test_a_penalty_that_is_not_finite_raises_and_keeps_the_weights(data, target):
    kept = []

    def own(x, epoch, epochs):
        return (np.nan if epoch > 0.99 else 0.0), np.zeros_like(x)

    own.acts_on, net = target, network(data[0])
    with pytest.raises(FloatingPointError, match="penalty"):
        train(
            net,
            *data,
            epochs=2,
            rng=1,
            batch_size=30,
            penalties=[own],
            callback=lambda step: kept.append(net.parameters.copy()),
        )
    assert len(kept) == 3 and np.array_equal(net.parameters, kept[-1])


# in training -------------------------------------------------------------------------------------

ALL = [
    Bursts(Ramp(0.02, over=0.5)),
    UpperBound(0.1, 0.6),
    LowerBound(0.5, 0.1),
    Homeostasis(1e-3, 12, both_sides=True),
    ReadoutAmplitude(0.01),
    WeightDecay(0.1, layers=0),
]


@pytest.mark.parametrize("kind", ["events", "current"])
def test_train_equals_the_same_steps_by_hand(kind):
    x, labels = toy(60, 1)
    inputs, seen = as_input(x, kind), []
    one, two = (network(inputs, sizes=(20, 24, 24, 4)) for _ in range(2))
    given = [*ALL, Bursts(0.01, layers=1), WeightDecay(0.03, layers=-1)]
    history = train(
        one,
        inputs,
        labels,
        epochs=2,
        rng=3,
        batch_size=25,
        dropout=0.2,
        penalties=given,
        schedule="constant",
        optimizer=Adam(lr=0.01),
        callback=seen.append,
    )

    rng, optimizer, loss = np.random.default_rng(3), Adam(lr=0.01), losses.MaxOverTime()
    values, prices = [], []
    for epoch in range(2):
        order = rng.permutation(60)
        for k in range(3):
            index, now = order[25 * k : 25 * k + 25], (epoch + k / 3, 2)
            kept = [rng.random(24) >= 0.2 for _ in range(2)]
            trace = two.forward(inputs[index], dropout=kept)
            value, g_readout = loss(trace.readout, labels[index])
            price, extra = 0.0, [np.zeros_like(w) for w in two.weights]
            g_spikes = [None, None]
            for p in given:
                hidden, weights = trace.hidden, two.weights
                layers = {"spikes": len(hidden), "weights": len(weights), "readout": 1}[p.acts_on]
                if getattr(p, "layers", None) is not None:
                    layers = [range(layers)[p.layers]]
                for j in range(layers) if isinstance(layers, int) else layers:
                    if p.acts_on == "spikes":
                        counts = hidden[j].to_dense().sum(axis=1)
                        cost, g = p(counts, *now)
                        g_spikes[j] = g if g_spikes[j] is None else g_spikes[j] + g
                    elif p.acts_on == "readout":
                        cost, g = p(trace.readout, *now)
                        g_readout = g_readout + g
                    else:
                        cost, extra[j] = p(weights[j], *now)
                    price += cost
            gradients = two.backward(trace, g_readout, g_spikes=[g[:, None] for g in g_spikes])
            for g, more in zip(gradients, extra, strict=True):
                g += more
            optimizer.step(two, gradients)
            values.append(value), prices.append(price)
    assert same(one, two)
    assert [s.loss for s in seen] == values
    assert [s.penalty for s in seen] == pytest.approx(prices, rel=1e-12)
    weight = np.array([25, 25, 10]) / 60
    for recorded, of_steps in ((history.loss, values), (history.penalty, prices)):
        assert recorded == pytest.approx((np.reshape(of_steps, (2, 3)) @ weight).tolist())


def test_without_penalties_nothing_changes(data):
    nets, histories = [], []
    for more in (
        {},
        {"penalties": ()},
        {"penalties": []},
        {"penalties": iter(())},
        {"penalties": [Bursts(0), WeightDecay(0.0), ReadoutAmplitude(0)]},
    ):
        nets.append(network(data[0]))
        histories.append(train(nets[-1], *data, epochs=2, rng=1, dropout=0.1, **more))
    assert all(same(nets[0], other) for other in nets[1:])
    assert all(h.penalty == [0, 0] and h.loss == histories[0].loss for h in histories)


@pytest.mark.parametrize("kind", ["events", "current"])
def test_workers_do_not_change_a_bit(kind):
    x, labels = toy(200, 1)
    inputs, nets, histories = as_input(x, kind), [], []
    for workers in (1, 2):
        net = network(inputs[:50], sizes=(20, 2000, 4), workers=workers)
        assert workers == 1 or threads(net, 64) == 2
        given = [Bursts(0.02), LowerBound(0.5, 0.1), ReadoutAmplitude(0.01), WeightDecay(0.1)]
        settings = {"epochs": 2, "rng": 1, "batch_size": 64, "dropout": 0.1}
        histories.append(train(net, inputs, labels, penalties=given, **settings))
        nets.append(net)
    assert same(*nets) and histories[0].penalty == histories[1].penalty
    assert min(histories[0].penalty) > 0


SETTINGS = {"epochs": 4, "rng": 7, "batch_size": 40, "dropout": 0.2}


@pytest.mark.parametrize("optimizer", [Adam, lambda: SGD(momentum=0.9)], ids=["Adam", "SGD"])
@pytest.mark.parametrize("stop", [3, 5])  # at the end of an epoch (of 3 steps), and within one
def test_resumed_training_is_bit_identical(data, tmp_path, optimizer, stop):
    def penalties():  # made anew, as in another process; the function has another address then
        return [*ALL, WeightDecay(lambda epoch, epochs: 0.01 * epoch, layers=-1)]

    whole, calls, path = network(data[0]), [], tmp_path / "run.npz"
    past = train(whole, *data, **SETTINGS, optimizer=optimizer(), penalties=penalties())
    first = train(
        network(data[0]),
        *data,
        **SETTINGS,
        optimizer=optimizer(),
        penalties=penalties(),
        checkpoint=path,
        callback=lambda step: calls.append(1) or len(calls) == stop,
    )
    assert first.interrupted and len(first) == 1
    other, again = network(data[0]), []
    resumed = train(
        other,
        *data,
        **SETTINGS,
        optimizer=optimizer(),
        penalties=penalties(),
        checkpoint=path,
        callback=lambda step: again.append(step.epoch),
    )
    assert again[0] == 1 and same(other, whole)
    assert resumed.penalty == past.penalty and resumed.loss == past.loss


@pytest.mark.parametrize(
    "others",
    [
        [],
        [Bursts(0.03)],
        [Bursts(0.02, layers=0)],
        [Bursts(0.02)] * 2,
        [ReadoutAmplitude(0.02)],
        [Bursts(Ramp(0.02))],
        [Own()],
    ],
    ids=lambda x: "own" if any(isinstance(p, Own) for p in x) else repr(x),
)
def test_a_checkpoint_with_other_penalties_is_refused(data, tmp_path, others):
    path = tmp_path / "run.npz"
    settings = SETTINGS | {"epochs": 1, "checkpoint": path}
    train(network(data[0]), *data, **settings, penalties=[Bursts(0.02)])
    net = network(data[0])
    with pytest.raises(ValueError, match=r"another penalties\b"):
        train(net, *data, **settings, penalties=others)
    assert same(net, network(data[0])), "a refused checkpoint changed the network"
    assert len(train(net, *data, **settings, penalties=Bursts(np.float64(0.02)))) == 1


def test_penalties_are_shown_with_their_names():
    shown = repr(LowerBound(1, 2, layers=(0,)))
    assert shown == "LowerBound(strength=1.0, spikes=2.0, layers=(0,))"
    shown = repr(Homeostasis(own_decay, 3))
    assert shown == "Homeostasis(strength=own_decay, spikes=3.0, layers=None, both_sides=False)"
    assert (
        repr(Bursts(Ramp(2, 0.5))) == "Bursts(strength=Ramp(strength=2.0, over=0.5), layers=None)"
    )
    assert " at 0x" not in repr(WeightDecay(lambda epoch, epochs: 1.0))


# what they are for -------------------------------------------------------------------------------


def trained(data, penalties, *, net=None, **settings):
    net = network(data[0]) if net is None else net
    settings = {"epochs": 6, "rng": 1, "batch_size": 30, "optimizer": Adam(lr=0.01)} | settings
    train(net, *data, penalties=penalties, **settings)
    return net, net.forward(data[0])


def test_spikes_are_lowered_and_raised(data):
    _, trace = trained(data, ())
    before, highest = mean_spikes(trace), highest_rate(trace)
    spikes = []
    for strength in (0.03, 0.3):
        net, trace = trained(data, Bursts(strength))
        spikes.append(mean_spikes(trace))
        assert evaluate(net, *data).accuracy > 0.6
    assert spikes[0] < 0.85 * before and spikes[1] < 0.4 * before
    _, trace = trained(data, UpperBound(5, 0.3))
    assert highest_rate(trace) < 0.5 * highest
    _, trace = trained(data, Homeostasis(0.1, 5.0))
    assert mean_spikes(trace) < 5 < before
    _, trace = trained(data, Homeostasis(0.1, 30.0, both_sides=True))
    assert before < 20 and 25 < mean_spikes(trace) < 36


def mean_spikes(trace):
    return trace.hidden_counts().mean()


def highest_rate(trace):
    return trace.hidden[0].unit_counts().mean(axis=0).max()


@pytest.mark.parametrize("sizes", [(20, 24, 4), (20, 24, 16, 4)])
def test_the_lower_bound_revives_silent_layers(data, sizes):
    """By itself: the loss gives no gradient."""

    def silent(readout, labels):
        return 0.0, np.zeros_like(readout)

    net = network(data[0], sizes=sizes)
    for w in net.weights[:-1]:
        w *= 0.1
    assert mean_spikes(net.forward(data[0])) == 0
    with pytest.warns(RuntimeWarning, match="did not spike once in"):
        control, _ = trained(data, (), net=net.copy(), loss=silent)
    assert same(control, net)
    _, trace = trained(data, LowerBound(10, 0.2), net=net, loss=silent, epochs=10)
    for layer in trace.hidden:
        assert (layer.unit_counts().mean(axis=0) > 0.1).mean() > 0.9


def test_readout_amplitude_and_weight_decay_shrink(data):
    plain, trace = trained(data, ())
    _, small = trained(data, ReadoutAmplitude(10.0))
    tops = [np.mean(t.readout.max(axis=1) ** 2) for t in (trace, small)]
    assert tops[1] < 0.5 * tops[0]
    for layer in (0, 1):
        net, _ = trained(data, WeightDecay(30.0, layers=layer))
        pairs = zip(net.weights, plain.weights, strict=True)
        ratios = [np.mean(a**2) / np.mean(b**2) for a, b in pairs]
        assert ratios[layer] < 0.6 and ratios[layer] < 0.75 * ratios[1 - layer]


def test_dropped_units_are_left_alone():
    """A unit that is left out of a batch cannot be pushed by a penalty."""
    net, inputs = build(n_hidden=1, seed=1, dtype=np.float64)
    kept = np.arange(20) % 2 == 0
    trace = net.forward(inputs, dropout=[kept])
    g_readout = np.zeros_like(trace.readout)
    _, _, g_spikes = Penalties([LowerBound(1.0, 8.0)], net).of_trace(trace, g_readout)
    gradients = net.backward(trace, g_readout, g_spikes=g_spikes)
    assert not gradients[0][:, ~kept].any() and gradients[0][:, kept].any()


def test_a_constant_current_pays_too():
    net, _ = build(n_hidden=1, driven=True, seed=1, dtype=np.float32)
    inputs = ConstantCurrent(np.ones((3, 5), np.float32), net.n_steps)
    before = net.forward(inputs).hidden_counts().sum()
    train(net, inputs, [0, 1, 2], epochs=30, rng=0, penalties=Bursts(10.0), optimizer=Adam(lr=0.02))
    assert net.forward(inputs).hidden_counts().sum() < 0.8 * before
