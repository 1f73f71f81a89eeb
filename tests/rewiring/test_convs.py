"""Rules on networks of convolutions: with norms and shortcuts, block by block."""

import numpy as np
import pytest

from snnlab import (
    LIF,
    STDS,
    DeepR,
    FixedMask,
    GradR,
    Magnitude,
    Network,
    SoftDeepR,
    datasets,
    encode,
    evaluate,
    rewiring,
    train,
)
from snnlab.layers import BatchNorm, Conv, Dense, Pool, Residual

SHARE = 0.25
RULES = {
    "GradR": lambda p: GradR(3e-3, p, 0.3, hold="layer"),
    "GradR-settle": lambda p: GradR(3e-3, p, 0.3, hold="layer", settle=8),
    "DeepR": lambda p: DeepR(3e-3, p, 1e-3, 1e-7, rng=1),
    "SoftDeepR": lambda p: SoftDeepR(3e-3, p, 1e-3, 1e-6, rng=1),
    "STDS": lambda p: STDS(3e-3, 0.04),
    "gradual": lambda p: Magnitude(3e-3, p, start=1, end=6, every=5),
    "one-shot": lambda p: Magnitude(3e-3, p, start=5),
    "random": lambda p: FixedMask(3e-3, p, rng=1),
}
N_STEPS = 6


def network_of(norm=None, **settings):
    layers = (
        (16, 16, 1),
        Conv(6, 5, stride=2, norm=norm),
        Residual(Conv(6, norm=norm)),
        Pool(),
        Residual(Conv(12, stride=2, norm=norm)),
        Dense(20, norm=norm),
        10,
    )
    return Network(layers, LIF.grad_r(), n_steps=N_STEPS, rng=0, **settings)


@pytest.fixture(scope="module")
def digits():
    data = datasets.load("digits16", progress=False)
    sets = (data.x_train, data.y_train), (data.x_test, data.y_test)
    return [(encode.constant_current((x - 0.2) / 0.3, n_steps=N_STEPS), y) for x, y in sets]


def trained(rule, network, digits, epochs=10, **settings):
    inputs, labels = digits[0]
    rule.begin(network, epochs, -(-len(inputs) // 50))
    network.scale_to_activity(inputs[:50], rate=0.15, readout=1.0)
    how = {"epochs": epochs, "batch_size": 50, "optimizer": rule, "progress": False}
    history = train(network, inputs, labels, rng=1, **how, **settings)
    return history


@pytest.mark.rotates
@pytest.mark.parametrize("name", RULES)
def test_rules_rewire_convolutions(name, digits):
    """To the connectivity that was asked for, layer by layer; and something is learned."""
    network = network_of(BatchNorm())
    share = np.maximum(rewiring.erdos_renyi(network, SHARE), 0.5)  # Grad R takes no less
    rule = RULES[name](tuple(share))
    history = trained(rule, network, digits)
    found = rewiring.connectivity(network)
    assert len(found.layers) == 5 == len(rule.log.connectivity[-1])
    np.testing.assert_allclose(rule.log.connectivity[-1], found.layers)
    assert 0.05 < found.overall < (0.85 if name == "STDS" else 0.6)  # STDS has no target
    if name not in ("SoftDeepR", "STDS", "GradR", "GradR-settle"):
        np.testing.assert_allclose(found.layers, 1 - share, atol=0.01)
    assert evaluate(network, *digits[1]).accuracy > 0.5, history
    regrown = np.sum(rule.log.regrown, axis=0)
    if name in ("GradR", "GradR-settle", "DeepR", "SoftDeepR", "STDS"):
        assert (regrown > 0).sum() >= 3
    else:
        assert not regrown.any()
    for block in network.blocks:
        if not block.prunable and block.name in ("gain", "variance"):
            assert block.of(network.parameters).all(), "a norm is not pruned"


def test_checkpoints_of_rewired_convolutions(digits, tmp_path):
    """Rule, norms and running statistics go on as if nothing had happened."""
    ends = []
    for parts in ((4,), (2, 4)):
        path = tmp_path / f"{len(parts)}.npz"
        for epochs in parts:
            network = network_of(BatchNorm())
            rule = DeepR(3e-3, 0.8, 1e-3, 1e-7, rng=1)
            train(
                network,
                *digits[0],
                epochs=epochs,
                batch_size=50,
                optimizer=rule,
                rng=1,
                progress=False,
                checkpoint=path,
                extend=True,
                schedule="constant",
            )
        ends.append((network.parameters.tobytes(), rule.strengths(network)[1].tobytes()))
    assert ends[0] == ends[1]


def test_connectivity_is_spread_by_channels_and_sides():
    network = network_of()
    sparsity = np.array(rewiring.erdos_renyi(network, SHARE))
    sizes = np.array([w.size for w in network.weights])
    ends = np.array([1 + 6 + 10, 6 + 6 + 6, 6 + 12 + 6, 48 + 20, 20 + 10])
    kept = (1 - sparsity) * sizes
    assert kept.sum() == pytest.approx(SHARE * sizes.sum())
    full = sparsity == 0
    np.testing.assert_allclose(kept[~full] / ends[~full], (kept[~full] / ends[~full])[0])
    assert (~full).sum() >= 3
    dense = Network((30, 20, 10), LIF.grad_r(), n_steps=3, rng=0)
    assert rewiring.erdos_renyi(dense, 0.2) == rewiring.erdos_renyi((30, 20, 10), 0.2)


def test_a_summary_tells_connectivity_layer_by_layer(digits):
    network = network_of(BatchNorm())
    DeepR(3e-3, 0.9, rng=0).begin(network, 1, 1)
    lines = network.summary().splitlines()[2:]
    shares = [line.split()[-2:] for line in lines if line.rstrip().endswith("%")]
    expected = rewiring.connectivity(network).layers
    assert [float(x) for x, _ in shares] == pytest.approx(100 * expected, abs=0.06)
