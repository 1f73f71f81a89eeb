"""Blocks: what lies where in the parameters, and who may change it."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from samples import Biased, Halved, Power, Scaled, Shift, inputs_of, make

from snnlab import (
    LIF,
    SGD,
    Adam,
    ConstantCurrent,
    Network,
    Substrate,
    clinic,
    energy,
    explain,
    penalties,
    recording,
    rewiring,
    train,
)
from snnlab.layers import Conv, Dense, Residual
from snnlab.learning.optimizer import Optimizer
from snnlab.parameters import Gradients
from snnlab.rewiring.connectivity import n_weights

STACKS = {
    "dense": ((6,), 20, 5, 3),
    "wide": ((6,), 70, 65, 17),
    "blocks of other kinds": ((6,), Biased(20), Scaled(5), Biased(3)),
    "pooled": ((4, 4, 1), Conv(3), Halved(), Dense(48), Dense(6), Power(2)),
    "images": ((4, 4, 2), Conv(3), Residual(Conv(3)), Shift(), Scaled(20), 3),
}
each_stack = pytest.mark.parametrize("stack", STACKS.values(), ids=STACKS)


class Constant(Optimizer):
    """Subtracts the same everywhere, also where there is no gradient."""

    def change(self, network, gradients, factor, lo, hi, out):
        out[...] = self.lr * factor


RULES = {
    "Adam": Adam,
    "SGD": lambda: SGD(0.1, momentum=0.9, weight_decay=0.01),
    "one's own": lambda: Constant(0.01),
    "GradR": lambda: rewiring.GradR(0.01, 0.5),
    "GradR, one's own": lambda: rewiring.GradR(sparsity=0.5, optimizer=Constant(0.01)),
    "GradR, few inputs": lambda: rewiring.GradR(0.01, 0.5, max_fan_in=3),
    "DeepR": lambda: rewiring.DeepR(0.01, 0.5, rng=0),
    "SoftDeepR": lambda: rewiring.SoftDeepR(0.01, 0.5, rng=0, optimizer="sgd"),
    "STDS": lambda: rewiring.STDS(0.01),
    "Magnitude": lambda: rewiring.Magnitude(0.01, 0.5, every=1),
    "FixedMask": lambda: rewiring.FixedMask(0.01, 0.5, rng=0),
}
each_rule = pytest.mark.parametrize("make_rule", RULES.values(), ids=RULES)


def data(network):
    """Currents and labels, of 40 samples."""
    rng = np.random.default_rng(0)
    x = rng.normal(0.5, 1, (40, network.sizes[0])).astype(network.dtype)
    return ConstantCurrent(x, network.n_steps), np.arange(40) % network.sizes[-1]


def padding(network, flat):
    return [block.padded(flat)[:, block.columns :] for block in network.blocks]


# places -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@each_stack
def test_blocks_lie_side_by_side_and_hold_everything(stack, dtype):
    network, _ = make(stack, dtype=dtype)
    blocks, flat = network.blocks, network.parameters
    assert blocks[0].start == 0 and blocks[-1].stop == len(flat)
    assert [b.start for b in blocks[1:]] == [b.stop for b in blocks[:-1]]
    assert flat.ctypes.data % 64 == 0 and flat.dtype == dtype
    for block in blocks:
        assert block.span == (block.start, block.stop)
        assert block.size == block.rows * block.columns <= block.rows * block.width
        assert np.shares_memory(block.of(flat), flat)
    flat[...] = 0
    for block in blocks:
        block.of(flat)[...] = 1
    assert np.count_nonzero(flat) == sum(block.size for block in blocks)
    assert not any(x.any() for x in padding(network, flat))
    with pytest.raises(FrozenInstanceError):
        blocks[0].start = 1


@each_stack
def test_places_of_entries(stack):
    """Entries counted row by row lie where `places` says."""
    network, _ = make(stack)
    flat = np.arange(len(network.parameters), dtype=float)
    rng = np.random.default_rng(0)
    for block in network.blocks:
        index = rng.integers(0, block.size, 50)
        assert np.array_equal(block.of(flat).ravel()[index], flat[block.places(index)])
        whole = block.places(np.arange(block.size))
        assert len(np.unique(whole)) == block.size
        assert whole.min() >= block.start and whole.max() < block.stop


@each_stack
def test_weights_are_the_blocks_that_may_be_pruned(stack):
    network, _ = make(stack)
    assert network.weight_blocks == tuple(b for b in network.blocks if b.prunable)
    for w, block in zip(network.weights, network.weight_blocks, strict=True):
        assert w.shape == (block.rows, block.columns)
        assert np.shares_memory(w, network.parameters)
    names = [(b.stage, b.name) for b in network.blocks]
    assert len(set(names)) == len(names) and names == sorted(names, key=lambda x: x[0])
    for stage in network.stages:
        for name, block in stage.blocks.items():
            assert block.name == name and block in network.blocks


@pytest.mark.parametrize("name", ["weights", "parameters", "blocks", "neurons", "layers", "sizes"])
def test_a_network_is_not_taken_apart(name):
    """Weights are changed in place; to set them would leave the optimiser with others."""
    network, _ = make("dense")
    with pytest.raises(AttributeError):
        setattr(network, name, getattr(network, name))
    with pytest.raises(TypeError):
        network.weights[0] = np.zeros((6, 5))


# gradients ----------------------------------------------------------------------------------------


@each_stack
def test_gradients_are_laid_out_as_the_parameters(stack):
    network, inputs = make(stack)
    trace = network.forward(inputs)
    g = network.backward(trace, np.ones_like(trace.readout))
    assert g.flat.shape == network.parameters.shape and g.flat.dtype == network.dtype
    assert len(g) == len(network.weights)
    for x, block in zip(g, network.weight_blocks, strict=True):
        assert np.shares_memory(x, g.flat) and np.array_equal(x, block.of(g.flat))
    named = g.by_name()
    assert list(named) == [(b.stage, b.name) for b in network.blocks]
    for block in network.blocks:
        assert np.array_equal(named[block.stage, block.name], block.of(g.flat))
    assert g.is_finite() and g.fits(network) and g.fits(network.copy())
    named[network.blocks[-1].stage, network.blocks[-1].name][0, 0] = np.inf
    assert not g.is_finite()


def test_gradients_of_another_layout_do_not_fit():
    network, _ = make(STACKS["blocks of other kinds"])
    for stack, settings in (
        (((6,), Biased(20), Biased(5), Biased(3)), {}),  # other blocks
        (((6,), Dense(20), Scaled(5), Biased(3)), {}),
        (STACKS["blocks of other kinds"], {"dtype": np.float32}),
        (STACKS["dense"], {}),
    ):
        other, _ = make(stack, **settings)
        assert not Gradients(other).fits(network)
        with pytest.raises(ValueError, match="gradients do not fit the network"):
            Adam().step(network, Gradients(other))
    assert Gradients(network).fits(network) and not Gradients(network).flat.any()


# training -----------------------------------------------------------------------------------------


@each_rule
@each_stack
def test_padding_stays_zero_and_what_is_not_trainable_as_it_was(stack, make_rule):
    network, _ = make(stack, "current", dtype=np.float32, delays=0)
    before = network.parameters.copy()
    with np.errstate(all="ignore"):
        train(
            network,
            *data(network),
            epochs=3,
            batch_size=20,
            rng=0,
            optimizer=make_rule(),
            progress=False,
            loss="sum_over_time",
        )
    assert not any(x.any() for x in padding(network, network.parameters))
    for block in network.blocks:
        changed = block.of(network.parameters) != block.of(before)
        assert changed.any() if block.trainable else not changed.any()
        if not block.prunable:
            assert block.of(network.parameters).all(), "nothing of it is pruned"


@pytest.mark.parametrize("lr", [0.01, 0.1])
@pytest.mark.parametrize("kind", [Adam, SGD])
def test_rules_leave_other_blocks_to_the_optimizer(kind, lr):
    """Three steps of a rule change a bias as the optimiser alone does, given the same gradients."""
    stack = STACKS["blocks of other kinds"]
    network, inputs = make(stack)
    trace = network.forward(inputs)
    gradients = network.backward(trace, np.ones_like(trace.readout))
    plain, optimizer = network.copy(), kind(lr)
    for _ in range(3):
        optimizer.step(plain, gradients, 0.7)
    for rule in (
        rewiring.GradR(sparsity=0.5, optimizer=kind(lr)),
        rewiring.DeepR(sparsity=0.5, optimizer=kind(lr), rng=1),
        rewiring.STDS(optimizer=kind(lr)),
        rewiring.Magnitude(sparsity=0.5, optimizer=kind(lr)),
        rewiring.FixedMask(sparsity=0.5, optimizer=kind(lr), rng=1),
    ):
        ruled = network.copy()
        rule.begin(ruled, 1, 10)
        for _ in range(3):
            rule.step(ruled, gradients, 0.7)
        for block in network.blocks:
            one, two, start = (block.of(net.parameters) for net in (ruled, plain, network))
            if not block.prunable:
                assert np.array_equal(one, two)
                assert np.array_equal(one, start) == (not block.trainable)
        assert len(rule.strengths(ruled)) == len(network.weight_blocks) == len(rule.active)


def test_connectivity_counts_weights_only():
    network, _ = make(STACKS["blocks of other kinds"])
    for block in network.blocks:
        block.of(network.parameters)[...] = block.prunable
    assert rewiring.connectivity(network).overall == 1
    assert n_weights(network).tolist() == [120, 100, 15]
    assert [m.shape for m in rewiring.masks(network)] == [(6, 20), (20, 5), (5, 3)]


def test_rates_and_decay_of_blocks_by_name():
    network, inputs = make(STACKS["blocks of other kinds"])
    trace = network.forward(inputs)
    gradients = network.backward(trace, np.ones_like(trace.readout))
    for optimizer in (Adam(0.1, rates={"bias": 0}), SGD(0.1, rates={"bias": 0.0})):
        other = network.copy()
        optimizer.step(other, gradients)
        for block in network.blocks:
            same = np.array_equal(block.of(other.parameters), block.of(network.parameters))
            assert same == (block.name != "weights")
    with pytest.raises(ValueError, match="rates name 'biases'.*bias, scale, weights"):
        Adam(rates={"biases": 0.1}).step(network, gradients)
    gradients.flat[...] = 0
    for optimizer in (Adam(0.1, weight_decay=0.1), SGD(0.1, weight_decay=0.1)):
        other = network.copy()
        optimizer.step(other, gradients)
        for block in network.blocks:
            one, two = (block.of(net.parameters) for net in (other, network))
            assert np.allclose(one, two * (0.99 if block.name == "weights" else 1), rtol=1e-12)


# copies with some things changed ------------------------------------------------------------------


def test_weights_are_replaced_and_other_blocks_kept():
    network, inputs = make(STACKS["blocks of other kinds"])
    weights = [w * 0.5 for w in network.weights]
    other = network.replace(weights=weights)
    for block in network.blocks:
        half = 0.5 if block.prunable else 1
        assert np.array_equal(block.of(other.parameters), half * block.of(network.parameters))
    with pytest.raises(ValueError, match="weights must hold 3 arrays"):
        network.replace(weights=weights[:2])
    with pytest.raises(ValueError, match=r"weights\[1\] must have shape"):
        network.replace(weights=[weights[0], weights[0], weights[2]])


@pytest.mark.parametrize("n", [3, 17])
def test_a_readout_may_begin_to_spike(n):
    """Its weights are then padded otherwise."""
    network, inputs = make(((6,), Biased(5), n))
    hidden, readout = network.neurons
    spiking = LIF(tau_mem=3.0, tau_syn=2.0, dt=1.0)
    other = network.replace(neurons=(hidden, spiking))
    assert other.spiking_readout and not network.spiking_readout
    for one, two in zip(other.weights, network.weights, strict=True):
        assert np.array_equal(one, two)
    back = other.replace(neurons=(hidden, readout))
    assert np.array_equal(back.forward(inputs).readout, network.forward(inputs).readout)


def test_layers_are_replaced_where_blocks_stay():
    network, _ = make(((4, 4, 2), Conv(3), Conv(3), 3), uniform=True)
    inputs = inputs_of("values", 3, 9, 32, np.random.default_rng(0))
    other = network.replace(layers=((4, 4, 2), Conv(3), Residual(Conv(3)), 3))
    assert np.array_equal(other.parameters, network.parameters)
    assert not np.array_equal(other.forward(inputs).readout, network.forward(inputs).readout)
    with pytest.raises(ValueError, match="weights must be given"):
        network.replace(layers=((4, 4, 2), Conv(3), Conv(4), 3))
    for layers, message in (
        (((4, 4, 2), Conv(3), 3), "neurons must hold 2 models"),
        (((6,), Conv(3), Conv(3), 3), "Conv hears images"),
    ):
        with pytest.raises(ValueError, match=message):
            network.replace(layers=layers)


def test_other_blocks_without_a_place_are_refused():
    """A bias of a layer that is no longer there would be lost, one of a new layer unknown."""
    network, _ = make(((6,), Biased(5), 3), uniform=True)
    weights = [np.ones((6, 5)), np.ones((5, 3))]
    for layers in (((6,), Dense(5), 3), ((6,), Biased(5), Biased(3))):
        with pytest.raises(ValueError, match="other blocks"):
            network.replace(layers=layers, weights=weights)


# what runs dense layers only ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "stack", [STACKS["images"], STACKS["blocks of other kinds"], ((6,), 6, Residual(Dense(6)), 3)]
)
def test_what_takes_dense_layers_only_says_so(stack):
    network, inputs = make(stack)
    of_images = stack is STACKS["images"]  # these are compressed in another way
    for call in (
        *(() if of_images else (network.compressed,)),
        lambda: rewiring.compact(network),
        lambda: network.forward(inputs, on=Substrate(0)),
        lambda: explain(network, inputs),
        lambda: Substrate(0).effective_weights(network),
        lambda: rewiring.masks(network, Substrate(0)),
    ):
        with pytest.raises(ValueError, match=r"layer \d+ \(.* takes dense layers only"):
            call()


def test_what_takes_layers_of_the_package_only_says_so():
    network, inputs = make(STACKS["blocks of other kinds"])
    for call in (
        lambda: energy.count(network, inputs),
        lambda: clinic.examine(network, inputs, np.zeros(len(inputs), int)),
    ):
        with pytest.raises(ValueError, match=r"layer \d+ \(.* takes Dense, Conv, Pool, Vote"):
            call()


def test_values_are_no_spikes_to_count():
    network, inputs = make("dense", "values")
    labels = np.zeros(len(inputs), int)
    for call in (energy.count, explain, lambda *x: clinic.examine(*x, labels)):
        with pytest.raises(TypeError, match="inputs must be SpikeTrains.*not Values"):
            call(network, inputs)


def test_hidden_layers_are_those_that_spike(tmp_path):
    """Penalties count neither transforms nor what is read out; recordings hold neurons only."""
    network, inputs = make(STACKS["pooled"], dtype=np.float32)
    trace = network.forward(inputs)
    assert [record.n for record in trace.hidden_records] == [48, 48]
    labels = np.zeros(len(inputs), int)
    settings = {"epochs": 1, "rng": 0, "progress": False, "loss": "sum_over_time"}
    for layers in (None, 0, 1, -1):
        given = [penalties.Bursts(0.1, layers=layers), penalties.WeightDecay(0.1)]
        train(network.copy(), inputs, labels, penalties=given, **settings)
    with pytest.raises(ValueError, match=r"layers of .* must lie in 0 ... 1"):
        train(network, inputs, labels, penalties=[penalties.Bursts(0.1, layers=2)], **settings)
    with pytest.raises(ValueError, match="layers with neurons"):
        recording.save_trace(tmp_path / "a.npz", trace)


def test_nobody_derives_from_dense():
    """Spikes are followed event by event there: a drive of one's own would not be asked."""
    with pytest.raises(TypeError, match="Doubled must derive from Linear"):

        class Doubled(Dense):
            def drive(self, x, w):
                return 2 * super().drive(x, w)


def test_what_a_transform_of_ones_own_gives_are_values():
    """A forward pass ended in an error that named nothing."""

    class Saying(Halved):
        gives_spikes = True

    layers = (4, 4, 1), Conv(2), Saying(), 3
    with pytest.raises(ValueError, match=r"layers: gives_spikes of Saying\(\) must be False"):
        Network(layers, LIF.brainscales2(), n_steps=9, rng=0)


def test_a_network_without_blocks_is_refused():
    class Free(Shift):
        def blocks(self, shape):
            return {}

    with pytest.raises(ValueError, match="layers must have parameters"):
        Network(((4,), Free()), [], n_steps=3, rng=0, readout=make("dense")[0].neurons[0])


def test_a_readout_with_a_bias_is_scaled_only_as_long_as_that_is_zero():
    rng = np.random.default_rng(0)
    network = Network((6, 9, Biased(3)), LIF.grad_r(), n_steps=8, rng=0)
    inputs = ConstantCurrent(rng.normal(1, 1, (50, 6)), 8)
    network.scale_to_activity(inputs, rate=0.2, readout=0.5)
    assert network.forward(inputs).readout.max(axis=1).std() == pytest.approx(0.5, rel=1e-3)
    (bias,) = (block for block in network.blocks if block.name == "bias")
    bias.of(network.parameters)[...] = rng.normal(0, 9, 3)
    with pytest.raises(ValueError, match="readout must be left out"):
        network.scale_to_activity(inputs, rate=0.2, readout=0.1)
