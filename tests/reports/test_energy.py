"""Operations against dense counts by brute force, energies, break-even, the card and its figure."""

import csv
import dataclasses
import math

import numpy as np
import pytest
from helpers import assert_nothing_is_cut_off

from snnlab import LIF, ConstantCurrent, LeakyIntegrator, Network, SpikeTrains, energy
from snnlab.layers import Conv, Delayed, Dense, Pool, Recurrent, Residual, Vote
from snnlab.reports.energy import prices

DT = 1.7e-6


def spikes(n_samples, n_steps, n_units, seed=0, rate=0.2):
    z = np.random.default_rng(seed).random((n_samples, n_steps, n_units)) < rate
    return SpikeTrains.from_dense(z)


def network(sizes=(7, 6, 5, 3), n_steps=9, delay=0, pruned=0.4, seed=0, **settings):
    """A lively random network of which a share of the weights is 0."""
    rng = np.random.default_rng(seed)
    neuron = LIF.brainscales2(delay=delay)
    net = Network(sizes, neuron, n_steps=n_steps, rng=rng, spread=2.0, **settings)
    for w in net.weights:
        w[rng.random(w.shape) < pruned] = 0
    return net


@pytest.fixture(scope="module")
def card():
    """256-246-10, the chip's sizes, on random latency-like spikes: each input at most one."""
    rng = np.random.default_rng(1)
    net = Network((256, 246, 10), LIF.brainscales2(), n_steps=20, rng=rng)
    step = np.sort(rng.integers(0, 20, (8, 60)), axis=1)
    unit = np.stack([rng.choice(256, 60, replace=False) for _ in range(8)])
    inputs = SpikeTrains(np.arange(9) * 60, step.ravel(), unit.ravel(), 20, 256)
    net.scale_to_activity(inputs, 80)
    return energy.compare(net, inputs)


# --- constants ----------------------------------------------------------------------------------


def test_every_constant_has_unit_source_and_tag():
    for name, cost in energy.COSTS.items():
        assert cost.value > 0 and cost.what and len(cost.source) > 20, name
        assert cost.unit in ("J", "J per 64 bit", "W", "s"), name
        assert cost.tag in ("quoted", "second-hand", "unverified"), name
        if cost.unit.startswith("J"):
            assert 1e-14 < cost.value < 1e-5, f"{name} is not in joule"
    c = {name: cost.value for name, cost in energy.COSTS.items()}
    # the printed product is rounded to two digits
    assert c["chip_power"] * c["chip_time"] == pytest.approx(c["chip_energy"], rel=0.02)


def test_prices_meet_the_published_points_and_lie_between():
    for kind, bits in prices.POINTS.items():
        for operation in ("add", "mult"):
            points = [energy.COSTS[f"{kind}{n}_{operation}"].value for n in bits]
            assert [prices.price_of_arithmetic(kind, operation, n) for n in bits] == pytest.approx(
                points
            )
            middle = prices.price_of_arithmetic(kind, operation, math.sqrt(bits[0] * bits[1]))
            assert middle == pytest.approx(math.sqrt(points[0] * points[1]))
    for n_bytes, name in prices.SRAM.items():
        published = energy.COSTS[name].value / 64
        assert prices.price_of_memory("fitting", n_bytes) == pytest.approx(published)
        assert prices.price_of_memory(name, 5) == published
    assert prices.price_of_memory("fitting", 0) == prices.price_of_memory("fitting", 100)
    assert 20e-12 < 64 * prices.price_of_memory("fitting", 64 * 1024) < 100e-12
    assert 64 * prices.price_of_memory("fitting", 2**20 + 1) == pytest.approx(1.3e-9)


# --- counting -----------------------------------------------------------------------------------


def brute_force(z, w, delay):
    """What a layer hears of dense spikes (sample, time, unit), one operation after the other."""
    n, n_steps, _ = z.shape
    arriving = accumulates = 0
    for _, t, i in np.argwhere(z):
        if t + delay < n_steps:
            arriving += 1
            accumulates += sum(1 for x in w[i] if x != 0)
    active = z.any(axis=1)
    weights = sum(np.sum(w[i] != 0) for _, i in np.argwhere(active))
    return arriving / n, accumulates / n, active.sum() / n, weights / n


@pytest.mark.parametrize("delay", [0, 1, 4])
@pytest.mark.parametrize("readout", [None, LIF.brainscales2()])
def test_counts_agree_with_brute_force(delay, readout):
    if readout is not None:
        readout = readout.replace(delay=delay)
    net = network(delay=delay, readout=readout)
    inputs = spikes(5, 9, 7)
    trace = net.forward(inputs)
    z = [inputs.to_dense(), *(train.to_dense() for train in trace.spikes)]
    ops = energy.count(net, inputs)
    assert sum(x.sum() for x in z[1:]) > 0 and z[0][:, -1].sum() > 0, "the test has to bite"
    for k, (layer, w) in enumerate(zip(ops.layers, net.weights, strict=True)):
        arriving, accumulates, active, weights = brute_force(z[k], w, delay)
        assert layer.spikes_in == pytest.approx(arriving)
        assert layer.effective_acs == pytest.approx(accumulates)
        assert layer.active_in == pytest.approx(active)
        assert layer.active_weights == pytest.approx(weights)
        assert layer.effective_macs == 0 and layer.drive_steps == 0
        out = z[k + 1].sum() / 5 if k + 1 < len(z) else 0
        assert layer.spikes_out == pytest.approx(out)
        assert layer.fires == (k + 1 < len(z))
        assert layer.dense == w.size * 9 and layer.neuron_updates == w.shape[1] * 9
        assert layer.nonzero == np.sum(w != 0)
    hidden = z[1:3]
    assert ops.hidden_spikes == pytest.approx(sum(x.sum() for x in hidden) / 5)
    assert ops.input_spikes == pytest.approx(brute_force(z[0], net.weights[0], delay)[0])
    fired = z[1:]
    silent = sum((x == 0).sum() for x in fired) / sum(x.size for x in fired)
    assert ops.activation_sparsity == pytest.approx(silent)
    zeros = sum((w == 0).sum() for w in net.weights) / sum(w.size for w in net.weights)
    assert ops.connection_sparsity == pytest.approx(zeros) and 0.2 < zeros < 0.6
    assert ops.sizes == (7, 6, 5, 3) and ops.n_samples == 5


def synapses_of(stage, w):
    """Pairs of an input and a unit of a layer, and the weight between them, spelled out."""
    if isinstance(stage.layer, Dense):
        return [(i, j, w[i, j]) for i in range(stage.n_in) for j in range(stage.n)]
    k, stride, padding = stage.layer.kernel, stage.layer.stride, stage.layer.padding
    rows, columns, channels = stage.shape_in
    inputs, units = np.arange(stage.n_in).reshape(stage.shape_in), np.arange(stage.n)
    units = units.reshape(stage.shape_out)
    out = []
    for y, x in np.ndindex(stage.shape_out[:2]):
        for row, column in np.ndindex(k, k):
            there = y * stride + row - padding, x * stride + column - padding
            if 0 <= there[0] < rows and 0 <= there[1] < columns:
                for c in range(channels):
                    weights = w[(row * k + column) * channels + c]
                    out += [
                        (inputs[*there, c], unit, weights[m]) for m, unit in enumerate(units[y, x])
                    ]
    return out


IMAGES = {
    "conv": ((5, 4, 2), Conv(3), 3),
    "strides and borders": ((6, 5, 1), Conv(2, 3, stride=2), Conv(3, 2, padding=0), 3),
    "pools": ((4, 4, 2), Conv(3), Pool(), Conv(2, kernel=2), Pool(1), 3),
    "average pool": ((4, 6, 1), Conv(3), Pool(2, "average"), Conv(2), Vote(4)),
    "pool of the inputs": ((4, 4, 2), Pool(2, "average"), Conv(3), 3),
    "residual": ((4, 4, 2), Conv(2), Residual(Conv(3), Conv(2)), 3),
    "residual of a pool": ((4, 4, 2), Conv(2), Pool(2, "average"), Residual(Conv(2)), Vote(2)),
    "residual of the inputs": ((4, 4, 2), Residual(Conv(2)), 3),
    "residual of the inputs, later": ((4, 4, 2), Residual(Conv(3), Conv(2)), 3),
    "strided residual": ((6, 6, 2), Conv(3), Residual(Conv(5, 3, stride=2)), 4),
}


@pytest.mark.parametrize("kind", ["events", "current"])
@pytest.mark.parametrize("layers", IMAGES.values(), ids=IMAGES)
def test_counts_of_convolutions_agree_with_brute_force(layers, kind):
    """One synapse after the other: at a border a spike reaches fewer units."""
    net = network(layers, n_steps=6, delay=1, pruned=0.3)
    n = net.sizes[0]
    if kind == "events":
        inputs = spikes(3, 6, n, rate=0.4)
    else:
        x = np.random.default_rng(0).random((3, n)).astype(np.float32)
        inputs = ConstantCurrent(np.where(x < 0.3, 0, 2 * x), 6)
    ops, trace = energy.count(net, inputs), net.forward(inputs)
    given = [inputs.to_dense(), *(record.values_of(0, 3, net.dtype) for record in trace.records)]
    assert all(x.any() for x in given), "the test has to bite"
    for k, (layer, stage) in enumerate(zip(ops.layers, net.stages, strict=True)):
        x, delay = given[k], 0 if stage.neuron is None else 1
        arriving, bits = (x != 0)[:, : 6 - delay], ((x == 0) | (x == 1)).all()
        passed = arriving.sum() if stage.neuron is None else 0
        if stage.shortcut is not None:
            over = given[stage.shortcut + 1][:, : 6 - delay] != 0
            below = stage.shortcut
            shape = net.stages[below].shape_out if below >= 0 else net.stages[0].shape_in
            every = shape[0] // stage.shape_out[0]
            passed += over.reshape(3, -1, *shape)[:, :, ::every, ::every].sum()
        assert layer.passed == pytest.approx(passed / 3)
        of_inputs = kind == "current" and stage.shortcut == -1
        assert layer.passed_steps == (5 if of_inputs else 0)
        units = stage.shape_out[:-1] + (shape[-1],) if stage.shortcut is not None else (0,)
        assert layer.added == np.prod(units)
        assert (layer.n_in, layer.n_out) == (stage.n_in, stage.n)
        counts = trace.records[k].spikes
        assert layer.spikes_out == (pytest.approx(counts.counts().mean()) if counts else 0)
        if stage.neuron is None:
            assert layer.neuron_updates == layer.dense == layer.effective_acs == layer.nonzero == 0
            continue
        w = stage.blocks["weights"].of(net.parameters)
        pairs = synapses_of(stage, w)
        there = [(i, j) for i, j, weight in pairs if weight != 0]
        each = arriving.sum(axis=(0, 1))
        operations = sum(each[i] for i, _ in there) / 3
        constant = kind == "current" and k == 0
        as_values = constant or not bits
        assert layer.effective_macs == pytest.approx(operations if as_values else 0)
        assert layer.effective_acs == pytest.approx(0 if as_values else operations)
        all_pairs = 0 if constant else sum(each[i] for i, _, _ in pairs) / 3
        assert layer.row_acs == pytest.approx(all_pairs)
        assert layer.spikes_in == pytest.approx(0 if as_values else each.sum() / 3)
        assert layer.values_in == pytest.approx(each.sum() / 3 if as_values and not constant else 0)
        active = (x != 0).any(axis=1).sum(axis=0)
        assert layer.active_weights == pytest.approx(sum(active[i] for i, _ in there) / 3)
        assert (layer.weights, layer.nonzero) == (w.size, np.count_nonzero(w))
        assert (layer.synapses, layer.nonzero_synapses) == (len(pairs), len(there))
        assert layer.dense == 6 * len(pairs) and layer.neuron_updates == 6 * stage.n
        assert layer.row == np.bincount([i for i, _, _ in pairs]).max()
    assert ops.hidden_spikes == pytest.approx(sum(t.counts().mean() for t in trace.hidden))
    assert ops.sizes == net.sizes
    numbers = sum(w.size for w in net.weights) + 2 * sum(s.n for s in net.stages if s.neuron)
    assert ops.footprint == 4 * numbers
    card = energy.EnergyCard(ops)
    assert all(np.isfinite(parts).all() and parts[0] > 0 for parts in card.energies.values())
    assert "NaN" not in card.text() and "nan" not in card.text()


def test_a_convolution_costs_what_the_same_dense_layer_does_but_for_its_weights():
    """Spelled out as a dense layer it makes the same operations; it stores fewer weights."""
    conv = network(((4, 4, 2), Conv(3), 3), n_steps=6, pruned=0.3)
    dense = Network((32, 48, 3), conv.neurons[0], n_steps=6, rng=0)
    matrix = np.zeros((32, 48), np.float32)
    for i, j, weight in synapses_of(conv.stages[0], conv.weights[0]):
        matrix[i, j] = weight
    dense.weights[0][...], dense.weights[1][...] = matrix, conv.weights[1]
    one, other = (energy.count(net, spikes(4, 6, 32)) for net in (conv, dense))
    for name in ("effective_acs", "spikes_in", "spikes_out", "active_weights", "neuron_updates"):
        assert one.total(name) == pytest.approx(other.total(name)) and one.total(name) > 0
    assert one.layers[0].nonzero_synapses == other.layers[0].nonzero
    assert one.layers[0].weights == 9 * 2 * 3 < other.layers[0].weights
    rows = [
        energy.EnergyCard(ops).energies["spiking, with neurons and memory"] for ops in (one, other)
    ]
    np.testing.assert_allclose(rows[0][:2], rows[1][:2])
    assert rows[0][2] < rows[1][2], "its memory is smaller, and so cheaper"


HEARD = {
    "dense": ((16,), 5, 3),
    "recurrent": ((16,), Recurrent(5), 3),
    "delayed": ((16,), Delayed(5, longest=4.0), 3),
    "delayed and added": ((16,), Residual(Delayed(16, longest=4.0)), 3),
    "average pool": ((4, 4, 1), Pool(2, "average"), Conv(2), 3),
    "max pool": ((4, 4, 1), Pool(2), Conv(2), 3),
    "vote": ((16,), Vote(4), 5, 3),
}


@pytest.mark.parametrize("delay", [0, 2])
@pytest.mark.parametrize("layers", HEARD.values(), ids=HEARD)
def test_an_input_spike_is_one_whatever_hears_it(layers, delay):
    """A pool's were none, and those of a layer with delays were two each."""
    net, inputs = network(layers, n_steps=6, delay=delay, pruned=0), spikes(3, 6, 16, rate=0.4)
    ops, first = energy.count(net, inputs), net.stages[0]
    late = np.zeros(16, int)
    if isinstance(first.layer, Delayed):
        late += first.layer.delays(first.blocks["delays"].of(net.parameters)[0]).astype(int)
    late += 0 if first.neuron is None else delay
    _, step, unit = np.nonzero(inputs.to_dense())
    arrive = int((step + late[unit] < 6).sum())
    assert arrive and ops.input_spikes == pytest.approx(arrive / 3)
    assert f"{arrive / 3:.3g} input spikes" in energy.EnergyCard(ops).text()
    for k, layer in enumerate(ops.layers[1:], 1):
        given = net.forward(inputs).records[k - 1].values_of(0, 3, net.dtype)
        below = net.stages[k - 1]
        wanted = given[:, : 6 - (delay if net.stages[k].neuron else 0)].sum() / 3
        assert layer.heard == pytest.approx(wanted if below.gives is SpikeTrains else 0)


def test_break_even_of_all_spikes_counts_those_that_a_pool_gathers():
    """Of all spikes that there are; once of those of neurons alone."""
    net = network(((8, 8, 1), Pool(2, "average"), 99, 3), n_steps=1, pruned=0)
    inputs = spikes(4, 1, 64, rate=0.05)
    card = energy.compare(net, inputs)
    both = card.spiking["inputs"].sum() + card.spiking["hidden"].sum()
    room = card.energies["ReLU, with memory"].sum() - card.spiking["steps"].sum()
    all_spikes = (inputs.counts() + net.forward(inputs).hidden_counts()).mean()
    assert room > 0 and all_spikes > card.operations.hidden_spikes
    assert card.break_even("spikes") == pytest.approx(room / both * all_spikes)


def test_what_a_pool_of_inputs_says_is_of_the_inputs():
    """Its addresses are no cost of hidden spikes; of a constant the text says so."""
    net = network(((4, 4, 1), Pool(2), Conv(2), 3), n_steps=6, pruned=0)
    card = energy.compare(net, spikes(3, 6, 16, rate=0.4), **EIGHT)
    pool, conv, readout = card.operations.layers
    assert pool.spikes_out > 1 and conv.spikes_out > 1
    addresses = 3 * (conv.spikes_out + readout.spikes_in) * BIT  # of 8 units
    assert card.spiking["hidden"][3] == pytest.approx(addresses)
    assert card.spiking["inputs"][3] == pytest.approx(2 * (pool.spikes_out + conv.spikes_in) * BIT)

    net = network(((4, 4, 1), Pool(2, "average"), Conv(2), 3), n_steps=6)
    x = np.ones((2, 16), np.float32)
    x[:, :4] = 0
    card = energy.compare(net, ConstantCurrent(x, 6))
    assert card.operations.input_spikes == 0
    assert "12 constant inputs (gathered in each step)" in card.text()
    assert "input spikes" not in card.sentences()[0] and "Loihi" not in card.text()


def test_large_networks_are_counted_in_small_batches(monkeypatch):
    net = network(((4, 4, 1), Conv(3), 3), n_steps=6)
    inputs, sizes = spikes(5, 6, 16), []
    whole = energy.count(net, inputs)
    forward = Network.forward

    def watched(self, batch, **settings):
        sizes.append(len(batch))
        return forward(self, batch, **settings)

    monkeypatch.setattr(Network, "forward", watched)
    monkeypatch.setattr("snnlab.reports.energy.operations.MOST_STATES", 2 * 6 * net.total_width)
    parts = energy.count(net, inputs)
    assert sizes == [2, 2, 1]
    assert parts.total("effective_acs") == pytest.approx(whole.total("effective_acs"))


@pytest.mark.parametrize("delay", [0, 2, 30])
def test_constant_inputs_are_multiplied_in_every_step(delay):
    net = network(delay=delay)
    x = np.random.default_rng(3).random((4, 7)).astype(np.float32)
    x[x < 0.4] = 0
    ops = energy.count(net, ConstantCurrent(x, 9))
    first = ops.layers[0]
    dense = sum(
        int(np.sum((x[s, :, None] != 0) & (net.weights[0] != 0)))
        for s in range(4)
        for t in range(9)
        if t >= delay
    )
    assert first.effective_macs == pytest.approx(dense / 4)
    assert (first.effective_acs, first.spikes_in) == (0, 0)
    assert first.drive_steps == max(9 - delay, 0)
    assert first.active_in == pytest.approx(np.sum(x != 0) / 4)
    assert ops.total("effective_macs") == first.effective_macs
    energy.EnergyCard(ops).text()


def test_a_batch_is_the_mean_of_its_parts():
    net = network()
    inputs = spikes(2300, 9, 7, seed=4)  # more than one run of the network
    whole = energy.count(net, inputs)
    parts = [energy.count(net, inputs[k : k + 1150]) for k in (0, 1150)]
    for name in ("effective_acs", "spikes_out", "active_weights"):
        mean = sum(part.total(name) for part in parts) / 2
        assert whole.total(name) == pytest.approx(mean)


@pytest.mark.parametrize(
    "neuron, states, mults",
    [
        (LIF.brainscales2(), 2, 2),
        (LIF.brainscales2(gain=0.5), 2, 3),
        (LIF.brainscales2(refractory=2e-6), 3, 2),
        (LIF.grad_r(), 1, 2),
        (LIF(tau_mem=6e-6, tau_syn=None, dt=DT), 1, 1),
    ],
)
def test_what_a_neuron_keeps_and_does(neuron, states, mults):
    net = Network((3, 4, 2), neuron, n_steps=5, rng=0)
    hidden, readout = energy.count(net, spikes(2, 5, 3)).layers
    assert (hidden.states, hidden.mults, hidden.adds) == (states, mults, 2)
    # an integrator compares nothing, and is never refractory
    refractory = bool(neuron.refractory)
    assert (readout.states, readout.mults, readout.adds) == (states - refractory, mults, 1)


def test_footprint_is_weights_and_states_in_bytes():
    for dtype, size in ((np.float32, 4), (np.float64, 8)):
        net = network((7, 6, 3), dtype=dtype)
        ops = energy.count(net, spikes(2, 9, 7))
        assert ops.footprint == size * (7 * 6 + 6 * 3 + 2 * (6 + 3))


def test_a_network_without_hidden_layer():
    readout = LeakyIntegrator(tau_mem=6e-6, tau_syn=6e-6, dt=DT)
    net = Network((7, 3), [], readout=readout, n_steps=9, rng=0)
    inputs = spikes(5, 9, 7)
    ops = energy.count(net, inputs)
    assert ops.activation_sparsity == 0 and ops.hidden_spikes == 0
    assert ops.total("effective_acs") == pytest.approx(3 * inputs.counts().mean())
    card = energy.EnergyCard(ops)
    with pytest.raises(ValueError, match="hidden_spikes"):
        card.break_even("hidden_spikes")
    assert "hidden spikes never" not in card.text()


# --- energy -------------------------------------------------------------------------------------


def test_energies_by_hand():
    """A net small enough to price on paper: all weights in 8 KB, 8-bit integers everywhere."""
    net = network((4, 3, 2), n_steps=5, pruned=0)
    net.weights[0][...] = 0.01  # no hidden spike
    inputs = SpikeTrains([0, 2], [0, 3], [1, 2], 5, 4)
    rows = energy.compare(net, inputs, bits=8, state_bits=8).energies
    add, mult, bit = 0.03e-12, 0.2e-12, 10e-12 / 64
    acs, updates = 2 * 3, 5 * (3 + 2)
    neurons = updates * (2 * mult + add) + 5 * 3 * add  # hidden units compare, too
    weights = acs * 8 * bit
    states = (updates * 2 * 2 * 8 + 2 * 2) * bit  # and two addresses of 2 bits
    expected = [acs * add, neurons, weights, states]
    np.testing.assert_allclose(rows["spiking, with neurons and memory"], expected)
    np.testing.assert_allclose(rows["spiking, synaptic operations only"], [acs * add, 0, 0, 0])
    macs, values = 4 * 3 + 3 * 2, 4 + 3 + 3 + 2
    relu = [macs * (add + mult), 3 * (add + mult), macs * 8 * bit, values * 8 * bit]
    np.testing.assert_allclose(rows["ReLU, with memory"], relu)
    np.testing.assert_allclose(rows["ReLU, arithmetic only"], [*relu[:2], 0, 0])
    fewer = 2 * 3 + 3 * 2  # rows of the two inputs that spike
    skipped = [fewer * (add + mult), relu[1], fewer * 8 * bit, relu[3]]
    np.testing.assert_allclose(rows["ReLU, silent inputs skipped"], skipped)


def test_the_usual_proxy_in_float():
    """32-bit floats give the figures most papers use: 0.9 pJ per AC, 4.6 pJ per MAC."""
    net, inputs = network(), spikes(5, 9, 7)
    card = energy.compare(net, inputs, bits=32, state_bits=32, arithmetic="float")
    acs = card.operations.total("effective_acs")
    proxy = card.energies["spiking, synaptic operations only"]
    assert proxy.sum() == pytest.approx(0.9e-12 * acs)
    relu = card.energies["ReLU, arithmetic only"]
    assert relu[0] == pytest.approx(4.6e-12 * card.operations.total("nonzero"))


def test_constant_input_is_multiplied_once():
    x = np.ones((2, 7), np.float32)
    costs = [
        energy.compare(network(n_steps=n), ConstantCurrent(x, n)).spiking["once"] for n in (5, 50)
    ]
    np.testing.assert_allclose(*costs)
    assert costs[0][0] > 0 and costs[0][2] > 0


def looped(inputs="current", layer=None, delay=0, n_steps=20):
    """A lively network that begins with a layer, its inputs, and spikes (sample, time, unit)."""
    neuron = LIF(tau_mem=3.0, tau_syn=2.0, dt=1.0, v_th=0.3, delay=delay)
    net = Network((10, layer or Recurrent(20), 3), neuron, n_steps=n_steps, rng=0)
    for w in net.weights:
        w[...] = abs(w)
    x = np.random.default_rng(0).random((4, 10)).astype(np.float32)
    x[:, :3] = 0
    given = ConstantCurrent(x, n_steps) if inputs == "current" else spikes(4, n_steps, 10)
    return net, given, net.forward(given).spikes[0].to_dense(float)


ADD, MULT, BIT = 0.03e-12, 0.2e-12, 10e-12 / 64  # of 8 bits, in 8 KB
EIGHT = {"bits": 8, "state_bits": 8, "memory": "sram_8KB"}


@pytest.mark.parametrize("kind", ["current", "events"])
def test_what_a_layer_sends_itself_is_priced_whatever_it_hears(kind):
    """By hand: products of a constant once, an addition and a row for each of its own spikes."""
    net, inputs, z = looped(kind)
    card = energy.compare(net, inputs, **EIGHT)
    first, found = card.operations.layers[0], card.spiking
    own, out = z[:, :-1].sum() / 4, z.sum() / 4
    assert own > 100 and first.loop_spikes == pytest.approx(own)
    assert first.loop_acs == pytest.approx(20 * own) and first.loop_nonzero == 400
    acs = 20 * own + 3 * out  # of its own units, and of the readout's
    # an address of 20 units has 5 bits: read by the layer itself and by the readout, written once
    hidden = [acs * ADD, 0, acs * 8 * BIT, 5 * (own + 2 * out) * BIT]
    np.testing.assert_allclose(found["hidden"], hidden)
    if kind == "current":
        assert first.active_in == 7 and first.active_weights == 7 * 20
        assert card.operations.input_spikes == 0 and "7 constant inputs" in card.text()
        values = (10 + 20) * 8  # inputs are read, sums are written
        once = [7 * 20 * (ADD + MULT), 0, 7 * 20 * 8 * BIT, values * BIT]
        np.testing.assert_allclose(found["once"], once)
        assert not found["inputs"].any()
    else:
        heard = inputs.counts().sum() / 4
        assert card.operations.input_spikes == pytest.approx(heard)
        once = [20 * heard * ADD, 0, 20 * heard * 8 * BIT, 4 * heard * BIT]
        np.testing.assert_allclose(found["inputs"], once)
        assert not found["once"].any()
    skipped = card.energies["ReLU, silent inputs skipped"]
    macs = first.active_weights + 20 * 20 + 20 * 3  # all its own units count as active
    assert skipped[0] == pytest.approx(macs * (ADD + MULT))
    assert skipped[2] == pytest.approx(macs * 8 * BIT)


@pytest.mark.parametrize("delay", [0, 2])
def test_a_constant_that_passes_the_weights_is_priced(delay):
    """By hand: added to the products once, or to a sum of its own, and this in each step."""
    net, inputs, _ = looped(layer=Residual(Dense(10)), delay=delay)
    card = energy.compare(net, inputs, **EIGHT)
    steps = 20 - delay
    assert card.operations.layers[0].passed == 7 * steps
    once = [7 * 10 * (ADD + MULT), 7 * ADD, 7 * 10 * 8 * BIT, (10 + 10) * 8 * BIT]
    np.testing.assert_allclose(card.spiking["once"], once)
    per_step = 10 * steps * ADD
    assert card.spiking["steps"][0] == pytest.approx(per_step)

    net, inputs, z = looped(layer=Residual(Dense(5), Dense(10)))
    card, plain = (
        energy.compare(one, inputs, **EIGHT)
        for one in (net, Network((10, 5, 10, 3), net.neurons[0], n_steps=20, rng=0))
    )
    assert card.operations.layers[1].passed == 7 * 20 and z.sum() > 50
    sums = card.spiking["once"] - plain.spiking["once"]
    np.testing.assert_allclose(sums, [0, 7 * ADD, 0, (7 + 10) * 8 * BIT], atol=1e-20)
    steps = card.spiking["steps"] - plain.spiking["steps"]
    np.testing.assert_allclose(steps, [10 * 20 * ADD, 0, 0, 10 * 20 * 8 * BIT], atol=1e-20)
    assert card.spiking["hidden"][1] == 0, "what is added does not follow from spikes"


def test_spikes_before_the_first_neurons_are_those_of_the_inputs():
    """A pool's additions and what hears it do not grow with hidden spikes."""
    net = network(((4, 4, 2), Pool(2, "average"), Conv(3), 3), n_steps=6, pruned=0)
    card = energy.compare(net, spikes(3, 6, 32, rate=0.4), **EIGHT)
    pool, conv, readout = card.operations.layers
    assert pool.passed > 0 and conv.values_in > 0 and conv.spikes_out > 0
    inputs = card.spiking["inputs"]
    np.testing.assert_allclose(inputs[:2], [conv.effective_macs * (ADD + MULT), pool.passed * ADD])
    assert card.spiking["hidden"][0] == pytest.approx(readout.effective_acs * ADD)


def test_a_strided_shortcut_adds_every_second_place():
    """Without spikes it is added to the units that there are in both."""
    net = network(((6, 6, 2), Conv(3), Residual(Conv(5, 3, stride=2)), 4), pruned=0)
    plain = network(((6, 6, 2), Conv(3), Conv(5, 3, stride=2), 4), pruned=0)
    inputs = spikes(3, 9, 72, rate=0.4)
    relu = [energy.compare(one, inputs, **EIGHT)._relu() for one in (net, plain)]
    np.testing.assert_allclose(relu[0] - relu[1], [0, 3 * 3 * 3 * ADD, 0, 0], atol=1e-20)


def test_pruned_rows_are_stored_short():
    inputs = spikes(20, 9, 30, rate=0.5)
    reads = []
    for pruned in (0.0, 0.1, 0.95):
        net = network((30, 40, 3), pruned=pruned)
        card = energy.compare(net, inputs, memory="sram_8KB")
        reads.append(card.energies["ReLU, with memory"][2] / (10e-12 / 64))
        first, second = card.operations.layers
    assert reads[0] == pytest.approx(8 * (30 * 40 + 40 * 3))
    assert reads[1] == pytest.approx(reads[0])  # column numbers would cost more than the zeros
    # 6 bits number 40 columns, 2 bits number 3
    assert reads[2] == pytest.approx(first.nonzero * (8 + 6) + second.nonzero * (8 + 2))


def test_states_and_addresses_by_hand(card):
    """Two states read and written per unit and step; a hidden spike's address written and read."""
    ops = card.operations
    bits = 20 * (246 + 10) * 2 * 2 * 16 + 8 * (ops.input_spikes + 2 * ops.hidden_spikes)
    states = card.energies["spiking, with neurons and memory"][3]
    assert ops.hidden_spikes > 20 and states == pytest.approx(bits * 10e-12 / 64)


def test_more_bits_cost_more(card):
    for name in energy.ROWS:
        totals = [
            energy.EnergyCard(card.operations, bits=b, state_bits=s).energies[name].sum()
            for b, s in ((4, 8), (8, 16), (16, 16), (16, 32))
        ]
        assert totals == sorted(totals)


def test_causes_add_up(card):
    parts = sum(card.spiking.values())
    np.testing.assert_allclose(parts, card.energies["spiking, with neurons and memory"])
    assert card.energies["ReLU, silent inputs skipped"].sum() < (
        card.energies["ReLU, with memory"].sum()
    )


# --- break-even -----------------------------------------------------------------------------------


def scaled(ops, quantity, factor):
    """Operations with more or fewer spikes, or steps; all else as it was."""

    def spiky(layer, heard, fired):
        return dataclasses.replace(
            layer,
            spikes_in=layer.spikes_in * heard,
            effective_acs=layer.effective_acs * heard,
            row_acs=layer.row_acs * heard,
            spikes_out=layer.spikes_out * fired,
        )

    first, *rest = ops.layers
    if quantity == "n_steps":
        layers = [dataclasses.replace(la, n_steps=la.n_steps * factor) for la in ops.layers]
        return dataclasses.replace(ops, layers=tuple(layers), n_steps=ops.n_steps * factor)
    heard = factor if quantity == "spikes" else 1
    layers = spiky(first, heard, factor), *(spiky(layer, factor, factor) for layer in rest)
    return dataclasses.replace(ops, layers=layers)


@pytest.mark.parametrize("against", energy.ROWS[2:])
@pytest.mark.parametrize("quantity", ["hidden_spikes", "spikes", "n_steps"])
def test_break_even_agrees_with_pricing_again(card, quantity, against):
    ops = card.operations
    if (quantity, against) == ("spikes", "ReLU, silent inputs skipped"):
        with pytest.raises(ValueError, match="quantity"):
            card.break_even(quantity, against)
        return
    now = {
        "hidden_spikes": ops.hidden_spikes,
        "spikes": ops.input_spikes + ops.hidden_spikes,
        "n_steps": ops.n_steps,
    }[quantity]
    value = card.break_even(quantity, against)
    other = card.energies[against].sum()

    def spiking(factor):
        again = energy.EnergyCard(scaled(ops, quantity, factor))
        assert again.energies[against].sum() == pytest.approx(other)
        return again.energies["spiking, with neurons and memory"].sum()

    if value is None:
        assert spiking(1e-9) >= other
    else:
        assert spiking(value / now) == pytest.approx(other)
        assert spiking(0.9 * value / now) < other < spiking(1.1 * value / now)


def test_break_even_in_steps_of_real_networks():
    """Without hidden spikes, a network run for fewer steps than that wins, and for more loses."""

    def run(n_steps):
        net = network((200, 30, 5), n_steps=n_steps, pruned=0)
        net.weights[0][...] = 1e-4
        trains = SpikeTrains([0, 2], [0, 3], [1, 2], n_steps, 200)
        return energy.compare(net, trains)

    limit = run(10).break_even("n_steps")
    assert 5 < limit < 1000
    for n_steps, wins in ((math.floor(limit), True), (math.ceil(limit) + 1, False)):
        e = run(n_steps).energies
        spiking, relu = (e[name].sum() for name in (energy.ROWS[1], energy.ROWS[3]))
        assert (spiking < relu) == wins


def test_it_may_never_pay(card):
    many = scaled(card.operations, "n_steps", 100)
    lost = energy.EnergyCard(many)
    assert lost.break_even("hidden_spikes") is None and lost.break_even("spikes") is None
    assert "hidden spikes never" in lost.text() and "it loses" in lost.text()


# --- the card -------------------------------------------------------------------------------------


def test_text_has_the_numbers_and_the_warning(card):
    text = str(card)
    for name, parts in card.energies.items():
        assert name in text and f"{1e9 * parts.sum():.4g}" in text
    assert "Spikes alone are no energy" in text and "Operations are a proxy" in text
    assert "2,400 nJ per image for a 256-246-10 network on BrainScaleS-2" in text
    wins = card.energies[energy.ROWS[1]].sum() < card.energies[energy.ROWS[3]].sum()
    assert f"Against 'ReLU, with memory' it {'wins' if wins else 'loses'}" in text
    assert card.assumptions in text
    ops = card.operations
    acs, fired = ops.total("effective_acs"), ops.hidden_spikes
    silent = 20 * (246 + 10) - fired
    assert f"least {(23.6 * acs + 81 * fired + 52 * silent) / 1000:,.0f} nJ (Loihi" in text
    assert f"or {26 * acs / 1000:,.0f} nJ (TrueNorth" in text
    assert f"{acs / (256 * 246 + 2460):.3g} per synapse" in text
    assert all(len(sentence) < 400 for sentence in card.sentences())


def test_a_network_without_weights_or_spikes():
    net = network(pruned=1.0)
    card = energy.compare(net, spikes(2, 9, 7))
    assert card.operations.connection_sparsity == 1 == card.operations.activation_sparsity
    assert card.energies["ReLU, arithmetic only"][0] == 0
    assert "hidden spikes never" not in card.text() and "nan" not in card.text()


def test_the_chip_is_measured_for_its_own_network_only(card):
    assert card.chip == 2.4e-6
    other = energy.compare(network(), spikes(2, 9, 7))
    assert other.chip is None
    assert "No measured value" in other.text() and "2,400" not in other.text()
    assert [row["kind"] for row in other.rows] == ["model"] * 5


def test_csv_round_trip(tmp_path, card):
    path = tmp_path / "card.csv"
    card.to_csv(path)
    with open(path, newline="", encoding="utf-8") as file:
        read = list(csv.DictReader(file))
    assert len(read) == 6 and [p.name for p in tmp_path.iterdir()] == ["card.csv"]
    for row, known in zip(read, card.rows, strict=True):
        assert list(row) == list(known)
        for name, value in known.items():
            same = (
                float(row[name]) == value if isinstance(value, float) else row[name] == str(value)
            )
            assert same, name
    for row in read[:5]:
        parts = [float(row[f"{part}_J"]) for part in energy.PARTS]
        assert sum(parts) == pytest.approx(float(row["total_J"]))
        np.testing.assert_array_equal(parts, card.energies[row["network"]])
    assert read[5]["kind"] == "measured" and float(read[5]["total_J"]) == 2.4e-6


def test_errors_name_the_argument(card):
    net, inputs = network(), spikes(2, 9, 7)
    with pytest.raises(TypeError, match="network"):
        energy.count("net", inputs)
    with pytest.raises(TypeError, match="inputs"):
        energy.count(net, inputs.to_dense())
    with pytest.raises(ValueError, match="inputs"):
        energy.count(net, spikes(2, 8, 7))
    with pytest.raises(ValueError, match="inputs"):
        energy.count(net, inputs[:0])
    with pytest.raises(TypeError, match="operations"):
        energy.EnergyCard(net)
    for name, value, error in (
        ("bits", 0, ValueError),
        ("bits", 33, ValueError),
        ("state_bits", 7.5, TypeError),
        ("arithmetic", "fixed", ValueError),
        ("memory", "cache", ValueError),
    ):
        with pytest.raises(error, match=name):
            energy.compare(net, inputs, **{name: value})
    with pytest.raises(ValueError, match="state_bits"):
        energy.compare(net, inputs, bits=32, state_bits=24, arithmetic="float")
    with pytest.raises(ValueError, match="quantity"):
        card.break_even("volts")
    with pytest.raises(ValueError, match="against"):
        card.break_even(against="spiking, with neurons and memory")


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int16, np.int64])
def test_bits_of_few_bits_do_not_overflow(card, kind):
    other = energy.EnergyCard(card.operations, kind(8), kind(16))
    assert other.text() == card.text() and other.rows == card.rows


def test_counting_changes_nothing():
    net, inputs = network(), spikes(3, 9, 7)
    weights, before = net.parameters.copy(), inputs.to_dense()
    energy.compare(net, inputs).text()
    np.testing.assert_array_equal(net.parameters, weights)
    np.testing.assert_array_equal(inputs.to_dense(), before)


# --- the figure -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def draw():
    pytest.importorskip("matplotlib")
    from snnlab.plot.energy import draw_energy

    return draw_energy


def other_cards(card):
    """A measured bar that fits, and none."""
    yield card
    yield energy.EnergyCard(scaled(card.operations, "n_steps", 40), 32, 32, "float")
    yield energy.compare(network(), spikes(3, 9, 7))


def test_bars_are_the_energies(card, draw):
    from matplotlib.colors import to_hex

    from snnlab import plot

    for each in other_cards(card):
        picture = draw(each)
        bars = picture.artists.bars[:4]
        widths = np.array([[bar.get_width() for bar in part] for part in bars])
        parts = 1e9 * np.array(list(each.energies.values())).T
        np.testing.assert_allclose(widths, parts)
        starts = np.array([[bar.get_x() for bar in part] for part in bars])
        np.testing.assert_allclose(starts, np.cumsum(parts, axis=0) - parts, atol=1e-9)
        looks = {(to_hex(part[0].get_facecolor()), part[0].get_hatch()) for part in bars}
        assert len({hatch for _, hatch in looks}) == len({colour for colour, _ in looks}) == 4
        palette = {colour.lower() for colour in plot.OKABE_ITO.values()}
        assert {colour for colour, _ in looks} <= palette


def test_values_units_and_the_measured_bar_are_written(card, draw):
    for each, cut in zip(other_cards(card), (True, False, None), strict=True):
        picture = draw(each)
        ax = picture.artists.ax
        written = [text.get_text() for text in ax.texts]
        assert ax.get_xlabel() == "energy per sample (nJ)" and ax.get_ylabel()
        for text, parts in zip(written, each.energies.values(), strict=False):
            assert float(text.replace(",", "")) == pytest.approx(1e9 * parts.sum(), rel=0.01)
        assert len(written) == 5 + (cut is not None)
        if cut is not None:
            assert written[5] == ("2,400 (bar cut)" if cut else "2,400")
            assert "measured" in ax.get_yticklabels()[5].get_text()
        if cut:  # no tick stands where the scale no longer holds
            longest = max(parts.sum() for parts in each.energies.values())
            assert ax.get_xticks().max() <= 1e9 * longest < picture.artists.bars[4][0].get_width()
        assert "2,400" in picture.alt or cut is None


def test_nothing_is_cut_off_and_it_says_what_it_shows(card, draw):
    from matplotlib.figure import Figure

    for each in other_cards(card):
        picture = draw(each)
        assert_nothing_is_cut_off(picture)
        assert len(picture.fig.legends) == len(picture.fig.texts) == 1
        assert picture.alt.endswith(".") and each.assumptions in picture.alt
        assert all(name in picture.alt for name in energy.ROWS)
    page = Figure((8.6, 8), layout="constrained")
    top, _ = page.subfigures(2)
    assert draw(card, fig=top).fig is top
