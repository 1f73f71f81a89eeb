"""Learning from the membrane: what traces tell, the rule's derivative, and training with it."""

import numpy as np
import pytest
from helpers import train

from snnlab import (
    LIF,
    SGD,
    Adam,
    AdaptiveLIF,
    ConstantCurrent,
    GradR,
    LeakyIntegrator,
    Network,
    ReLU,
    SpikeTrains,
    Substrate,
    Values,
    evaluate,
    losses,
    textbook,
)
from snnlab import penalties as priced
from snnlab.layers import Conv, Dense, Recurrent
from snnlab.learning import membrane
from snnlab.learning.membrane import MembraneSignal, competing
from snnlab.parameters import Gradients

T = 30
NEURON = LIF(tau_mem=8.0, tau_syn=None, dt=1.0)
LEARNS = NEURON.replace(learn="v_th")
TIRED = AdaptiveLIF(tau_mem=8.0, tau_syn=None, dt=1.0)
SMOOTH = MembraneSignal(normalise=False)


def spikes(n=6, n_in=7, share=0.2, seed=0):
    z = np.random.default_rng(seed).random((n, T, n_in)) < share
    z[0, :, : n_in // 2] = False  # some inputs are silent in some samples
    return SpikeTrains.from_dense(z)


def small(neuron=LEARNS, sizes=(7, 9, 8, 4), **settings):
    settings = {"n_steps": T, "rng": 1, "threshold": 1.5, "dtype": np.float64} | settings
    return competing(sizes, neuron, **settings)


def gradient(shape, seed=3):
    return np.random.default_rng(seed).normal(size=shape)


# traces -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "neuron",
    [
        NEURON,
        NEURON.replace(tau_syn=4.0, gain=0.4),
        NEURON.replace(tau_syn=4.0, delay=3, method="euler"),
        NEURON.replace(delay=2 * T),
    ],
)
@pytest.mark.parametrize("inhibition", [0.0, 0.1])
def test_potentials_are_rebuilt_from_traces(neuron, inhibition):
    """``V = sum w x - v_th a``: the resets of all spikes but those of the last step."""
    if inhibition and neuron.tau_syn is not None:
        neuron = neuron.replace(tau_syn=None)
    network = small(neuron, inhibition=inhibition)
    inputs = spikes()
    trace = network.forward(inputs)
    heard = inputs.to_dense(np.float64)
    for stage, record, model in zip(network.stages, trace.records, network.neurons, strict=True):
        of_inputs, of_own = membrane.shares(model, T)
        z = record.spikes.to_dense(np.float64)
        x, own = membrane.traces(heard, of_inputs), membrane.traces(z, of_own)
        past = (own - z[:, -1]) / model.decay_mem
        w = {name: block.of(network.parameters) for name, block in stage.blocks.items()}
        v = x @ w["weights"] - model.v_th * past
        if inhibition:
            v += model.gain * past @ w["recurrent"]
        np.testing.assert_allclose(v, record.v[:, -1], atol=1e-12)
        heard = z
    assert neuron.delay > T or trace.spikes[0].counts().all()


def test_traces_are_averaged_over_steps():
    z = spikes().to_dense(np.float64)
    neuron = NEURON.replace(tau_syn=3.0, delay=1)
    means = [membrane.traces(z, x) for x in membrane.shares(neuron, T, mean=True)]
    for k, mean in enumerate(means):
        ends = [membrane.traces(z[:, :t], membrane.shares(neuron, t)[k]) for t in range(1, T + 1)]
        np.testing.assert_allclose(mean, np.mean(ends, axis=0), atol=1e-12)


@pytest.mark.parametrize("kind", ["events", "constant", "values"])
def test_what_is_heard_may_be_of_any_kind(kind):
    z = spikes().to_dense(np.float64)
    network = small(sizes=(7, 4))
    inputs = {
        "events": SpikeTrains.from_dense(z),
        "constant": ConstantCurrent(z[:, 0], T),
        "values": Values(z),
    }[kind]
    trace = network.forward(inputs)
    found = SMOOTH.backward(network, trace, gradient(trace.readout.shape))
    dense = np.repeat(z[:, :1], T, axis=1) if kind == "constant" else z
    same = network.forward(SpikeTrains.from_dense(dense > 0))
    assert same.spikes == trace.spikes
    expected = SMOOTH.backward(network, same, gradient(trace.readout.shape))
    np.testing.assert_allclose(found.flat, expected.flat, atol=1e-12)


# the derivative -----------------------------------------------------------------------------------


def read(network, trace, mean=False):
    """Per layer the traces of its inputs and of its own spikes, by the twin."""
    heard, out = trace.inputs.to_dense(np.float64), []
    for record, model in zip(trace.records, network.neurons, strict=True):
        of_inputs, of_own = membrane.shares(model, network.n_steps, mean=mean)
        own = None
        if record.kind == "spiking":
            z = record.spikes.to_dense(np.float64)
            own = membrane.traces(z, of_own)
        out.append((membrane.traces(heard, of_inputs), own))
        heard = z if record.kind == "spiking" else None
    return out


def smooth_error(weights, thresholds, known, base, c):
    """``sum c a`` of the last layer where all else than the smooth part stays as it was.

    The jumps of the membrane at spikes are what ``V = sum w x - v_th a`` says they were.
    """
    a = below = 0.0
    for k, (heard, own) in enumerate(known):
        x = heard + (a - below)
        jumps = heard @ base[0][k] - base[1][k] * own
        a = (x @ weights[k] - jumps) / thresholds[k]
        a, below = np.where((own > 0) | (k == len(known) - 1), a, own), own
    return (c * a).sum()


@pytest.mark.parametrize("mean", [False, True])
def test_the_derivative_is_that_of_the_smooth_part(mean):
    network = small(inhibition=0.0)
    trace = network.forward(spikes(share=0.3))
    known = read(network, trace, mean)
    assert any((own == 0).any() and (own > 0).any() for _, own in known)
    c = gradient((6, 4))
    b = NEURON.decay_mem
    g = np.repeat(c[:, None] / (1 - b) / T, T, axis=1)
    rule = MembraneSignal(normalise=False, mean=mean)
    found = rule.backward(network, trace, g)
    weights = [w.copy() for w in network.weights]
    thresholds = [np.array(model.v_th) for model in network.neurons]
    base = [w.copy() for w in weights], [x.copy() for x in thresholds]
    by_threshold = [found.by_name()[k, "v_th"][0] for k in range(3)]
    rng, step = np.random.default_rng(0), 1e-6
    for k in range(3):
        for x, g_x, scale in (
            (weights[k], found[k], np.ones_like(weights[k])),
            (thresholds[k], by_threshold[k], thresholds[k]),  # stored are logarithms
        ):
            for _ in range(12):
                at = tuple(rng.integers(0, n) for n in x.shape)
                before, ends = x[at], []
                for sign in (1, -1):
                    x[at] = before + sign * step
                    ends.append(smooth_error(weights, thresholds, known, base, c))
                x[at] = before
                slope = (ends[0] - ends[1]) / (2 * step)
                np.testing.assert_allclose(g_x[at], slope * scale[at], rtol=1e-5, atol=1e-7)


def plainly(rule, network, trace, g_readout, g_spikes=None):
    """The rule in plain NumPy: gradients by weights, and by the logarithms of thresholds."""
    known, models = read(network, trace, rule.mean), network.neurons
    g, last, by_weights, by_theta = g_readout.sum(axis=1), len(models) - 1, {}, {}
    g = g * (1 - models[-1].decay_mem) if known[-1][1] is not None else g
    for k in range(last, -1, -1):
        (x, own), model, w = known[k], models[k], network.stages[k].blocks["weights"]
        w = w.of(network.parameters)
        error, m = g.copy(), np.maximum((x != 0).sum(axis=1), 1)
        if own is not None:
            by = 1 / np.broadcast_to(model.v_th, own.shape[1])
            error *= by / np.sqrt(np.mean(by**2)) if rule.normalise else by
            if not rule.silent and k < last:
                error[own == 0] = 0
        ones = np.ones(len(x))
        update = np.sqrt(w.shape[1] / m) if rule.normalise else ones
        back = np.sqrt(w.shape[0] / m) if rule.normalise else ones
        by_weights[k], g = membrane.learn(x, error, w, update, back)
        if rule.silent:
            g = back[:, None] * (error @ w.T)
        if own is not None:
            by = update / np.sqrt(w.shape[0]) if rule.normalise else ones
            by_theta[k] = -np.einsum("s,si,si->i", by, error, own) * model.v_th
        if k > 0:
            below = models[k - 1]
            g = g * model.gain * (1 - below.decay_mem)
            g = g / (1 - model.decay_syn) / (1 - model.decay_mem)
            if g_spikes is not None and g_spikes[k - 1] is not None:
                spread = np.broadcast_to(g_spikes[k - 1], (len(x), T, w.shape[0]))
                g = g + spread.sum(axis=1) * (1 - below.decay_mem)
    return by_weights, by_theta


@pytest.mark.parametrize("readout", ["spiking", "integrator"])
@pytest.mark.parametrize("inhibition", [0.0, (0.2, 0.0, 0.1)])
@pytest.mark.parametrize(
    "settings",
    [{}, {"normalise": False}, {"mean": True}, {"silent": True}, {"silent": True, "mean": True}],
)
def test_kernels_do_what_the_equations_say(settings, inhibition, readout):
    network = small(inhibition=inhibition)
    if readout == "integrator":
        if inhibition:
            inhibition = (0.2, 0.0, 0.0)
            network = small(inhibition=inhibition)
        models = [*network.neurons[:-1], LeakyIntegrator(tau_mem=5.0, tau_syn=3.0, dt=1.0)]
        weights = network.weights
        network = Network(
            (7, *network.layers),
            models[:-1],
            readout=models[-1],
            n_steps=T,
            rng=0,
            dtype=np.float64,
        )
        for w, given in zip(network.weights, weights, strict=True):
            w[...] = given
    trace = network.forward(spikes(50, share=0.3))
    g_readout = gradient(trace.readout.shape)
    g_spikes = [gradient((50, 1, 9), 5), gradient((50, T, 8), 6)]
    rule = MembraneSignal(**settings)
    for given in (None, g_spikes, [None, g_spikes[1]]):
        found = rule.backward(network, trace, g_readout, g_spikes=given)
        by_weights, by_theta = plainly(rule, network, trace, g_readout, given)
        for (k, name), g in found.by_name().items():
            if name == "recurrent":
                assert not g.any(), "inhibition is given"
                continue
            expected = by_weights[k] if name == "weights" else by_theta[k][None]
            assert g.any()
            np.testing.assert_allclose(g, expected, rtol=1e-9, atol=1e-12)


def test_one_threshold_per_layer():
    each = small()
    one = small(LEARNS.replace(learn_per="layer"))
    trace = each.forward(spikes())
    g = gradient(trace.readout.shape)
    by_each = SMOOTH.backward(each, trace, g).by_name()
    by_one = SMOOTH.backward(one, one.forward(spikes()), g).by_name()
    for k in range(3):
        np.testing.assert_allclose(by_one[k, "v_th"], by_each[k, "v_th"].sum(), rtol=1e-9)


def test_silent_units_learn_only_if_told():
    network = small()
    network.weights[0][:, 2] = -1  # unit 2 never spikes
    trace = network.forward(spikes())
    g = gradient(trace.readout.shape)
    assert not trace.spikes[0].unit_counts(np.float64)[:, 2].any()
    assert not SMOOTH.backward(network, trace, g)[0][:, 2].any()
    assert MembraneSignal(silent=True).backward(network, trace, g)[0][:, 2].any()


def test_units_left_out_learn_nothing():
    network = small()
    masks = [np.arange(9) % 3 > 0, None]
    trace = network.forward(spikes(), dropout=masks)
    found = MembraneSignal(silent=True).backward(network, trace, gradient(trace.readout.shape))
    assert not found[0][:, ::3].any() and found[0][:, 1].any()


@pytest.mark.parametrize("size", [5, 40, 300])
def test_nothing_depends_on_threads_or_on_potentials(size, monkeypatch):
    monkeypatch.setattr(membrane, "WORTH_SHARING", 0)
    inputs, found = spikes(size, share=0.3), []
    for workers in (1, 2, 3):
        network = small(dtype=np.float32, workers=workers, inhibition=(0.1, 0, 0))
        for potentials in (True, False):
            trace = network.forward(inputs, potentials=potentials)
            g = gradient(trace.readout.shape).astype(np.float32)
            found.append(MembraneSignal().backward(network, trace, g).flat)
    for other in found[1:]:
        np.testing.assert_array_equal(found[0], other)


def test_memory_is_used_again():
    network = small()
    trace = network.forward(spikes())
    g = gradient(trace.readout.shape)
    out = Gradients(network)
    out.flat[...] = 7
    again = SMOOTH.backward(network, trace, g, out=out)
    assert again is out
    np.testing.assert_array_equal(out.flat, SMOOTH.backward(network, trace, g).flat)


# how a network begins -----------------------------------------------------------------------------


def test_thresholds_follow_the_number_of_inputs():
    network = competing((300, 200, 10), NEURON, n_steps=5, rng=0, threshold=3.0)
    for w, model in zip(network.weights, network.neurons, strict=True):
        bound = np.sqrt(3 / len(w))
        assert model.v_th == pytest.approx(3 * bound)
        assert np.abs(w).max() <= bound and np.abs(w).max() > 0.99 * bound
        assert (w**2).sum(axis=0).mean() == pytest.approx(1, abs=0.1)
    assert network.spiking_readout and all(type(layer) is Dense for layer in network.layers)
    other = competing((300, 200, 10), NEURON, n_steps=5, rng=1)
    assert not np.array_equal(other.weights[0], network.weights[0])


def test_a_spike_inhibits_all_others():
    network = small(NEURON.replace(gain=0.5), sizes=(4, 6), inhibition=0.3, threshold=1.0)
    assert [type(layer) for layer in network.layers] == [Recurrent]
    model = network.neurons[0]
    network.weights[0][...] = 0
    network.weights[0][0, 2] = 5.0  # input 0 makes unit 2 spike, once
    z = np.zeros((1, T, 4), bool)
    z[0, 3, 0] = True
    trace = network.forward(SpikeTrains.from_dense(z))
    when = trace.spikes[0].step[0] + 1
    expected = np.full(6, -0.3 * model.v_th)
    found = trace.v[0][0, when]
    np.testing.assert_allclose(np.delete(found, 2), np.delete(expected, 2))
    (w,) = network.weights
    r = network.stages[0].blocks["recurrent"].of(network.parameters)
    v, fired = textbook.neuron_forward(z @ w, model, recurrent=r)
    np.testing.assert_allclose(v, trace.v[0], atol=1e-12)
    assert np.array_equal(fired, trace.readout)


@pytest.mark.parametrize("rule", [Adam, lambda *a, **s: GradR(*a, alpha=0.1)])
def test_inhibition_is_fixed(rule):
    """Decay, penalties, scaling and rules once moved it."""
    network = small(NEURON, sizes=(4, 6, 3), inhibition=0.3, threshold=1.0)
    blocks = [stage.blocks["recurrent"].of(network.parameters) for stage in network.stages]
    before = [block.copy() for block in blocks]
    rng = np.random.default_rng(0)
    inputs = SpikeTrains.from_dense(rng.random((20, T, 4)) < 0.4)
    how = {"backward": MembraneSignal(), "penalties": [priced.WeightDecay(1.0)], "rng": 0}
    train(network, inputs, rng.integers(0, 3, 20), epochs=3, optimizer=rule(1e-2), **how)
    decaying = Adam(1e-2, weight_decay=0.5)
    train(network, inputs, rng.integers(0, 3, 20), epochs=3, optimizer=decaying, **how)
    network.scale_to_activity(inputs, 4)
    for block, first in zip(blocks, before, strict=True):
        np.testing.assert_array_equal(block, first)


# training -----------------------------------------------------------------------------------------


def task(n=300, seed=0):
    """Three classes that differ in which of their inputs spike more."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    rates = np.where(np.arange(12) // 4 == labels[:, None], 0.25, 0.1)
    return SpikeTrains.from_dense(rng.random((n, T, 12)) < rates[:, None]), labels


@pytest.mark.parametrize("neuron", [NEURON, LEARNS])
@pytest.mark.parametrize("inhibition", [0.0, 0.05])
def test_it_learns(neuron, inhibition):
    inputs, labels = task()
    network = small(neuron, sizes=(12, 20, 3), dtype=np.float32, inhibition=inhibition)
    before = evaluate(network, *task(seed=1), loss="sum_over_time").accuracy
    first = network.neurons[0].v_th
    loss = losses.SumOverTime(0.3)
    history = train(
        network,
        inputs,
        labels,
        epochs=15,
        rng=0,
        batch_size=20,
        loss=loss,
        optimizer=Adam(5e-3),
        backward=MembraneSignal(),
    )
    after = evaluate(network, *task(seed=1), loss="sum_over_time").accuracy
    assert after > 0.9 > before + 0.2 and history.loss[-1] < history.loss[0]
    assert (network.neurons[0].v_th != first) == (neuron is LEARNS)


def test_it_learns_from_a_chip():
    inputs, labels = task()
    network = Network((12, 20, 3), LIF.brainscales2(dt=1e-6), n_steps=T, rng=0)
    network.scale_to_activity(inputs, 40)
    chip = Substrate(1)
    train(
        network,
        inputs,
        labels,
        epochs=8,
        rng=0,
        batch_size=20,
        loss="sum_over_time",
        backward=MembraneSignal(),
        substrate=chip,
    )
    found = evaluate(network, *task(seed=1), loss="sum_over_time", substrate=chip)
    assert found.accuracy > 0.8


def test_penalties_are_heard():
    inputs, labels = task()
    counts = []
    for price in ((), (priced.Bursts(10.0),)):
        network = small(sizes=(12, 20, 3), dtype=np.float32)
        train(
            network,
            inputs,
            labels,
            epochs=10,
            rng=0,
            batch_size=20,
            optimizer=Adam(5e-3),
            loss="sum_over_time",
            backward=MembraneSignal(),
            penalties=price,
        )
        counts.append(evaluate(network, inputs, labels, loss="sum_over_time").hidden_spikes)
    assert counts[1] < 0.7 * counts[0]


def test_an_interrupted_training_goes_on(tmp_path):
    inputs, labels = task(60)
    settings = {
        "rng": 3,
        "batch_size": 20,
        "loss": "sum_over_time",
        "backward": MembraneSignal(),
        "schedule": "constant",
    }
    whole, parts = (small(sizes=(12, 20, 3)) for _ in range(2))
    train(whole, inputs, labels, epochs=4, optimizer=SGD(0.01, 0.9), **settings)
    path = tmp_path / "training.npz"
    given = {"checkpoint": path, "epochs": 4} | settings

    def stop(step):
        return step.epoch == 1 and step.ends_epoch

    train(parts, inputs, labels, optimizer=SGD(0.01, 0.9), callback=stop, **given)
    assert not np.array_equal(whole.parameters, parts.parameters)
    train(parts, inputs, labels, optimizer=SGD(0.01, 0.9), **given)
    np.testing.assert_array_equal(whole.parameters, parts.parameters)
    for other in (None, MembraneSignal(mean=True)):
        with pytest.raises(ValueError, match="another backward"):
            train(parts, inputs, labels, optimizer=SGD(0.01, 0.9), **given | {"backward": other})


class Exact:
    """A rule of one's own."""

    def backward(self, network, trace, g_readout, *, g_spikes=None, out=None):
        return network.backward(trace, g_readout, g_spikes=g_spikes, out=out)


def test_a_rule_of_ones_own():
    inputs, labels = task(60)
    one, two = (Network((12, 9, 3), LIF.brainscales2(), n_steps=T, rng=0) for _ in range(2))
    for network, rule in ((one, None), (two, Exact())):
        train(network, inputs, labels, epochs=2, rng=0, batch_size=20, backward=rule)
    np.testing.assert_array_equal(one.parameters, two.parameters)


# bad input ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "network, words",
    [
        (Network((7, 5, 3), LIF.grad_r(), n_steps=T, rng=0), "reset to rest"),
        (Network((7, 5, 3), NEURON.replace(learn="tau_mem"), n_steps=T, rng=0), "time constants"),
        (
            Network(
                (7, 5, 3),
                NEURON.replace(tau_mem=[4.0, 5, 6, 7, 8]),
                readout=NEURON,
                n_steps=T,
                rng=0,
            ),
            "differ in tau_mem",
        ),
        (Network(((4, 4, 1), Conv(2), 3), NEURON, n_steps=T, rng=0), "not a plain Dense"),
        (Network((7, 5, 3), ReLU(dt=1.0, tau_mem=8.0), n_steps=T, rng=0), "of ReLU units"),
        (Network((7, 5, 3), TIRED, n_steps=T, rng=0), "whose neurons adapt"),
        (Network((7, Recurrent(5), 3), TIRED, n_steps=T, rng=0), "whose neurons adapt"),
        (Network((7, 3), [], readout=TIRED, n_steps=T, rng=0), "whose neurons adapt"),
    ],
)
def test_networks_it_is_not_for(network, words):
    with pytest.raises(ValueError, match=f"network has layer 0 .*{words}"):
        MembraneSignal().check(network)
    n_in = network.sizes[0]
    with pytest.raises(ValueError, match="network has layer 0"):
        train(
            network,
            spikes(n_in=n_in),
            np.zeros(6, int),
            epochs=1,
            rng=0,
            backward=MembraneSignal(),
        )


@pytest.mark.parametrize("rule", ["membrane", MembraneSignal, 3, object()])
def test_what_is_no_rule(rule):
    inputs, labels = task(20)
    with pytest.raises(TypeError, match="backward must be MembraneSignal"):
        train(small(sizes=(12, 20, 3)), inputs, labels, epochs=1, rng=0, backward=rule)


def test_arguments_that_do_not_fit():
    network, rule = small(), MembraneSignal()
    trace = network.forward(spikes())
    g = gradient(trace.readout.shape)
    for changes, kind, words in (
        ({"trace": None}, TypeError, "trace must be a Trace"),
        ({"trace": small(sizes=(7, 4)).forward(spikes())}, ValueError, "trace does not fit"),
        ({"g_readout": g[:, :-1]}, ValueError, "g_readout must have shape"),
        ({"g_readout": np.full_like(g, np.nan)}, ValueError, "g_readout must be finite"),
        ({"g_spikes": [None]}, ValueError, "g_spikes must have 2 entries"),
        ({"g_spikes": [np.zeros((6, 2, 9)), None]}, ValueError, r"g_spikes\[0\] must have 1 or"),
        ({"out": Gradients(small(sizes=(7, 4)))}, ValueError, "out must be Gradients"),
    ):
        given = {"network": network, "trace": trace, "g_readout": g} | changes
        with pytest.raises(kind, match=words):
            rule.backward(**given)
    with pytest.raises(TypeError, match="normalise must be"):
        MembraneSignal(normalise="yes")


def test_beginnings_that_make_no_sense():
    for changes, kind, words in (
        ({"sizes": (7,)}, ValueError, "sizes must name"),
        ({"neuron": NEURON.integrator()}, TypeError, "neuron must be a LIF"),
        ({"neuron": NEURON.replace(gain=0)}, ValueError, "neuron must have one value"),
        ({"neuron": NEURON.replace(v_th=[1.0, 2.0])}, ValueError, "neuron must have one value"),
        ({"threshold": 0}, ValueError, "threshold"),
        ({"inhibition": -0.1}, ValueError, "inhibition"),
        ({"inhibition": (0.1,)}, ValueError, "inhibition must hold 3"),
        ({"rng": "x"}, TypeError, "rng"),
    ):
        given = {"sizes": (7, 9, 8, 4), "neuron": NEURON, "n_steps": T, "rng": 0} | changes
        with pytest.raises(kind, match=words):
            competing(given.pop("sizes"), given.pop("neuron"), **given)
    with pytest.raises(ValueError, match="neuron must have one tau_mem"):
        membrane.shares(NEURON.replace(tau_mem=[3.0, 4.0]), T)
    with pytest.raises(ValueError, match="neuron must not be an AdaptiveLIF"):
        membrane.shares(TIRED, T)
