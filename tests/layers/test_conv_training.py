"""Dropout and penalties on convolutions, with norms and shortcuts: what they do, and gradients."""

import numpy as np
import pytest
import reference
from helpers import assert_close
from samples import Plain, make

from snnlab import LIF, Adam, ConstantCurrent, Network, penalties, surrogate, train
from snnlab.layers import BatchNorm, Conv, Dense, Pool, Residual
from snnlab.learning.penalties import Penalties

N = BatchNorm()
LAYERS = {
    "plain": ((5, 4, 2), Conv(3), Pool(1), Residual(Conv(4, stride=2)), 3),
    "normalised": ((5, 4, 2), Conv(3, norm=N), Residual(Conv(3), Conv(3, norm=N)), Dense(3)),
}


@pytest.mark.rotates
@pytest.mark.parametrize("name", LAYERS)
def test_penalties_on_maps_of_features(name):
    """Their gradient by every weight equals finite differences of soft spikes; units left out."""
    chosen = [
        penalties.Bursts(0.3),
        penalties.LowerBound(0.5, 4.0, layers=1),
        penalties.Homeostasis(0.01, 20.0, layers=0),
    ]
    network, inputs = make(
        LAYERS[name], "values", batch=3, n_steps=5, detach=True, steepness=1.0, surrogate="arctan"
    )
    rng = np.random.default_rng(0)
    dropout = [rng.random(stage.n) < 0.7 for stage in network.hidden_stages]
    x = inputs.to_dense(float)
    how = {"dropout": dropout, "training": True}

    def spike(u):
        return surrogate.soft_step("arctan", u, 1.0)

    recorded = Plain(network, x, spike, **how)
    resets = [node.z for node in recorded.nodes if node.z is not None and node.neuron is not None]

    def price(run):
        out, by_spikes = 0.0, []
        for k, node in enumerate(run.hidden):
            counts, g = node.z.sum(1), np.zeros((3, 1, node.z.shape[2]))
            for penalty in chosen:
                if penalty.layers in (None, k):
                    value, slope = penalty(counts)
                    out += value
                    g += slope[:, None]
            by_spikes.append(g)
        return out, by_spikes

    blocks, _, _ = recorded.backward(
        np.zeros_like(recorded.readout), price(recorded)[1], lambda la, g, x, w: la.adjoint(g, x, w)
    )
    for block, got in zip(network.blocks, blocks, strict=True):
        if block.stage == len(network.stages) - 1 or block.name == "batches":
            continue
        w = block.of(network.parameters)
        expected = reference.numerical_gradient(
            lambda: price(Plain(network, x, spike, resets, **how))[0], w
        )
        assert_close([got], [expected], 1e-6)
        assert got.any() or block.name in ("mean", "variance")

    # and the network's own penalties and kernels say the same of its spikes
    trace = network.forward(inputs, **how)
    value, _, g_spikes = Penalties(chosen, network).of_trace(
        trace, np.zeros_like(trace.readout), 0.0, 1
    )
    plain = Plain(network, x, **how)
    expected, by_spikes = price(plain)
    assert value == pytest.approx(expected)
    got = network.backward(trace, np.zeros_like(trace.readout), g_spikes=g_spikes)
    blocks, _, _ = plain.backward(
        np.zeros_like(trace.readout), by_spikes, lambda la, g, x, w: la.adjoint(g, x, w)
    )
    assert_close([got.by_name()[b.stage, b.name] for b in network.blocks], blocks, 1e-10)


@pytest.mark.rotates
@pytest.mark.parametrize("norm", [None, N])
def test_a_price_on_spikes_silences_and_a_bound_revives(norm):
    rng, labels = np.random.default_rng(0), np.arange(40) % 2
    x = (rng.random((40, 36)) < np.where(labels, 0.2, 0.6)[:, None]).astype(np.float32)
    inputs, spikes = ConstantCurrent(x, 6), {}
    for name, chosen in {
        "none": [],
        "bursts": [penalties.Bursts(0.05)],
        "bound": [penalties.LowerBound(1.0, 4.0)],
    }.items():
        layers = (6, 6, 1), Conv(4, norm=norm), Pool(), Conv(4, norm=norm), 2
        network = Network(layers, LIF.grad_r(), n_steps=6, rng=0)
        network.scale_to_activity(inputs, rate=0.1)
        history = train(
            network,
            inputs,
            labels,
            epochs=15,
            batch_size=10,
            rng=0,
            dropout=0.2,
            optimizer=Adam(0.01),
            penalties=chosen,
            progress=False,
        )
        spikes[name] = history.hidden_spikes[-1]
    assert spikes["bursts"] < 0.7 * spikes["none"] < 0.7 * spikes["bound"]


def test_units_are_left_out_in_every_step():
    """A mask holds for a whole sample: a unit that is left out never spikes and learns nothing."""
    network, inputs = make(LAYERS["normalised"], "values", n_steps=9, steepness=0.5)
    mask = np.random.default_rng(0).random(network.hidden_stages[0].n) < 0.5
    trace = network.forward(inputs, dropout=[mask, None, None], training=True)
    counts = trace.spikes[0].unit_counts().sum(0)
    assert not counts[~mask].any() and counts[mask].any()
    _, currents = network.backward(trace, np.ones_like(trace.readout), adjoints=True)
    assert not currents[0][:, :, ~mask].any() and currents[0][:, :, mask].any()
