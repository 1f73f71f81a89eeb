"""NIR graphs: there and back, as files too, with equal spikes; and what others describe."""

import json
from pathlib import Path

import numpy as np
import pytest

from snnlab import LIF, Network, SpikeTrains, Substrate, encode
from snnlab.layers import Conv, Delayed, Dense, Pool, Recurrent, Residual, Vote

nir = pytest.importorskip("nir")
from snnlab.interchange import from_nir, to_nir  # noqa: E402

CHIP = LIF.brainscales2()
EULER = LIF(tau_mem=8e-3, tau_syn=4e-3, dt=1e-3, method="euler", reset="zero", gain=0.4)
MODELS = {
    "chip": (CHIP, None),
    "grad r": (LIF.grad_r(), None),
    "euler": (EULER, None),
    "spiking readout": (CHIP, CHIP.replace(v_th=0.7)),
    "per neuron": (
        CHIP.replace(tau_mem=tuple(np.linspace(4e-6, 9e-6, 12)), gain=1.3),
        CHIP.integrator(),
    ),
    "delay": (CHIP.replace(delay=2, refractory=4e-6), None),
}


def example(name, dtype=np.float32, n_steps=25):
    model, readout = MODELS[name]
    network = Network(
        (9, 12, 4), model, readout=readout, n_steps=n_steps, rng=1, dtype=dtype, spread=3.0
    )
    x = np.random.default_rng(0).random((40, 9), np.float32)
    inputs = encode.latency(x, dt=network.dt, n_steps=n_steps)
    assert network.forward(inputs).hidden[0].counts().sum() > 40
    return network, inputs


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", MODELS)
def test_there_and_back(name, dtype, tmp_path):
    network, inputs = example(name, dtype)
    nir.write(tmp_path / "x.nir", to_nir(network))
    for graph in (to_nir(network), nir.read(tmp_path / "x.nir")):
        again = from_nir(graph)
        assert again.neurons == network.neurons and again.n_steps == network.n_steps
        assert again.dtype == network.dtype
        a, b = network.forward(inputs), again.forward(inputs)
        assert np.array_equal(a.readout, b.readout) and a.hidden[0] == b.hidden[0]


@pytest.mark.parametrize("name", ["euler", "grad r"])
def test_without_metadata_the_equations_are_the_same(name):
    """Euler's step of NIR's equations is ours; weights take up what a current is scaled by."""
    network, inputs = example(name, np.float64)
    graph = to_nir(network)
    for node in graph.nodes.values():
        node.metadata = {}
    graph.metadata = {}
    again = from_nir(graph, n_steps=25, dt=network.dt, dtype=np.float64)
    a, b = network.forward(inputs), again.forward(inputs)
    assert a.hidden[0] == b.hidden[0] and np.allclose(a.readout, b.readout, rtol=1e-9, atol=1e-12)
    w = again.weights[0] / network.weights[0]
    assert np.allclose(w, 1)


def test_nodes_follow_nir_s_equations():
    """Its constants in NIR's differential equations give our potentials, as dt falls."""
    errors = []
    for dt in (1e-3, 1e-4, 1e-5):
        n_steps = round(0.02 / dt)
        model = LIF(tau_mem=8e-3, tau_syn=4e-3, dt=dt, method="exact", v_th=1e9, gain=dt / 8e-3)
        network = Network((1, 1, 1), model, n_steps=n_steps, rng=0, dtype=np.float64)
        node = to_nir(network).nodes["neurons_0"]
        network.weights[0][...] = 1
        x = encode.latency(np.ones((1, 1), np.float32), dt=dt, n_steps=n_steps)
        v = network.forward(x).v[0][0, :, 0]
        t = dt * (np.arange(n_steps) - x.step[0])
        # after a pulse of area w_in dt: two exponentials
        a, b = 4e-3, 8e-3
        peak = node.w_in[0] * dt / a * node.r[0]
        exact = np.where(t >= 0, peak * a / (b - a) * (np.exp(-t / b) - np.exp(-t / a)), 0)
        errors.append(np.abs(v - exact).max() / exact.max())
    assert errors[2] < errors[1] / 5 < errors[0] / 25 and errors[2] < 0.01


def test_changed_nodes_count_more_than_our_notes():
    network, _ = example("chip")
    graph = to_nir(network)
    graph.nodes["neurons_0"].v_threshold = graph.nodes["neurons_0"].v_threshold * 2
    again = from_nir(graph)
    assert again.neurons[0].v_th == 2 and again.neurons[0].reset == "zero"
    assert again.neurons[1] == network.neurons[1]


def test_a_leak_potential_only_shifts():
    network, inputs = example("euler", np.float64)
    graph = to_nir(network)
    node = graph.nodes["neurons_0"]
    for name in ("v_leak", "v_threshold", "v_reset"):
        setattr(node, name, getattr(node, name) - 65e-3)
    assert from_nir(graph).forward(inputs).hidden[0] == network.forward(inputs).hidden[0]


def test_the_chip_is_noted():
    network, _ = example("chip")
    about = json.loads(to_nir(network, Substrate(3, noise=0.1)).metadata["snnlab"])
    assert about["chip"]["seed"] == 3 and about["chip"]["effects"]["noise"] == 0.1


def test_layers_without_a_counterpart_are_named():
    block = Residual([Dense(12), Dense(12)])
    network = Network([12, block, 3], CHIP, n_steps=5, rng=0)
    with pytest.raises(ValueError, match=r"network has .*Dense\(n=12\).*no counterpart"):
        to_nir(network)


def graph_of(*nodes, edges=None):
    named = {f"n{k}": node for k, node in enumerate(nodes)}
    names = list(named)
    edges = list(zip(names[:-1], names[1:], strict=True)) if edges is None else edges
    return nir.NIRGraph(named, edges, type_check=False)


def cell(**changes):
    own = {name: np.ones(2) for name in ("tau", "r", "v_threshold")} | {"v_leak": np.zeros(2)}
    return nir.LIF(**own | changes)


EQUAL = nir.LIF(np.ones(3), np.ones(3), np.zeros(3), np.ones(3), np.zeros(3))
WIDE = nir.LIF(np.arange(1.0, 4), np.ones(3), np.zeros(3), np.ones(3), np.zeros(3))
IN, OUT, MAP = nir.Input(np.array([3])), nir.Output(np.array([2])), nir.Linear(np.ones((2, 3)))


@pytest.mark.parametrize(
    ("graph", "more", "message"),
    [
        (graph_of(IN, MAP, nir.IF(np.ones(2), np.ones(2)), OUT), {}, r"node 'n2' \(IF\)"),
        (graph_of(IN, nir.Affine(np.ones((2, 3)), np.ones(2)), cell(), OUT), {}, "'n1' has a bias"),
        (graph_of(IN, MAP, cell(), OUT), {"dt": None}, "dt must be given: node 'n2'"),
        (graph_of(IN, MAP, cell(), OUT), {"n_steps": None}, "n_steps must be given"),
        (graph_of(IN, MAP, cell(v_reset=np.full(2, 0.5)), OUT), {}, "'n2' must reset to its leak"),
        (graph_of(IN, MAP, OUT), {}, "must end with neurons"),
        (graph_of(IN, cell(), OUT), {}, r"node 'n1' \(LIF\) has no counterpart here at its place"),
        (
            graph_of(IN, MAP, cell(), OUT, edges=[("n0", "n1"), ("n1", "n2"), ("n2", "n1")]),
            {},
            "line",
        ),
        (graph_of(MAP, cell(), OUT), {}, "one input"),
        (graph_of(IN, nir.Delay(np.full(4, 0.1)), MAP, cell(), OUT), {}, "'n1' must be 3 numbers"),
        (graph_of(IN, nir.Delay(np.full(3, -1)), MAP, cell(), OUT), {}, "'n1' must be 3 numbers"),
        (graph_of(IN, nir.Delay(np.ones(3)), cell(), OUT), {}, r"node 'n2' \(LIF\) has no"),
        (graph_of(IN, MAP, cell(v_leak=np.full(2, np.nan)), OUT), {}, "v_th|reset"),
        (
            graph_of(IN, nir.Linear(np.ones((2, 4))), cell(), OUT),
            {},
            "'n1' has weights of 4 inputs",
        ),
        (graph_of(IN, MAP, WIDE, OUT), {}, "^graph: node 'n2': tau_mem has 3 values for a layer"),
        (graph_of(IN, MAP, EQUAL, OUT), {}, "^graph: tau of node 'n2' has 3 values for 2 units"),
        (
            graph_of(IN, nir.Linear(np.full((2, 3), 1e300)), cell(), OUT),
            {},
            "weight of node 'n1', as neurons scale it, must be finite",
        ),
        (graph_of(nir.Input(np.array([0])), MAP, cell(), OUT), {}, "input must have units"),
        (graph_of(IN, MAP, cell(), OUT), {"dt": -1}, "^dt must be above 0"),
        (graph_of(IN, MAP, cell(), OUT), {"dtype": "float16"}, "^dtype must be float32 or"),
    ],
)
def test_graphs_that_are_not_taken(graph, more, message):
    with pytest.raises(ValueError, match=message):
        from_nir(graph, **{"n_steps": 10, "dt": 0.1} | more)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"tau": np.full(2, np.nan)}, "tau must be finite"),
        ({"tau": np.array([1.0, np.inf])}, "tau must be finite"),
        ({"tau": np.zeros(2)}, "tau_mem must be above 0"),
        ({"tau": np.full(2, 0.01)}, "tau_mem must be at least dt"),
        ({"tau": np.array(["a", "b"])}, "tau must be an array of numbers"),
        ({"tau": np.zeros(0)}, "tau must hold a number, or one per unit"),
        ({"r": np.full(2, np.nan)}, "r must be finite"),
        ({"r": np.full(2, 1e300)}, "gain must be smaller"),
        ({"v_threshold": np.full(2, np.nan)}, "v_threshold must be finite"),
        ({"v_threshold": -np.ones(2)}, "v_th must be above 0"),
        ({"v_threshold": np.ones(3)}, "could not be broadcast"),
    ],
    ids=str,
)
@pytest.mark.parametrize("within", [False, True], ids=["in the line", "in a loop"])
def test_constants_that_make_no_neuron_are_told_with_their_node(changes, message, within):
    node = cell()
    for name, x in changes.items():
        setattr(node, name, x)
    graph = graph_of(IN, MAP, loop(INNER, node, SQUARE, OUT) if within else node, OUT)
    with pytest.raises((TypeError, ValueError), match=f"^graph: node 'n2': .*{message}"):
        from_nir(graph, n_steps=10, dt=0.1)


@pytest.mark.parametrize(
    "key, value", [("tau_syn", -1.0), ("tau_mem", 0.0), ("w_in", np.nan)], ids=str
)
def test_constants_of_filtered_neurons_are_told_with_their_node(key, value):
    names = "tau_mem", "tau_syn", "r", "v_threshold", "w_in"
    node = nir.CubaLIF(**{name: np.ones(2) for name in names}, v_leak=np.zeros(2))
    setattr(node, key, np.full(2, value))
    with pytest.raises(ValueError, match=f"^graph: node 'n2': {key} must be"):
        from_nir(graph_of(IN, MAP, node, OUT), n_steps=10, dt=0.1)


@pytest.mark.parametrize("seconds, message", [(-1, "at least 0"), (1e9, "at most"), (1e308, "fin")])
def test_delays_that_are_none_are_told_with_their_node(seconds, message):
    late = nir.Delay(np.full(2, seconds)), nir.Delay(np.full(3, abs(seconds)))
    graph = graph_of(IN, MAP, late[0], cell(), OUT)
    with pytest.raises(ValueError, match=f"delay of node 'n2', in steps, must be {message}"):
        from_nir(graph, n_steps=10, dt=0.01)
    if seconds > 0:
        with pytest.raises(ValueError, match="^graph: node 'n1': longest must be"):
            from_nir(graph_of(IN, late[1], MAP, cell(), OUT), n_steps=10, dt=0.01)


def test_delays_one_after_another_add_up():
    """The last one alone counted."""
    two, one = nir.Delay(np.full(2, 0.2)), nir.Delay(np.full(2, 0.3))
    network = from_nir(graph_of(IN, MAP, two, one, cell(), OUT), n_steps=10, dt=0.1)
    assert network.neurons[0].delay == 5


def test_delays_between_two_steps_are_rounded_with_a_word():
    """It was done in silence."""
    graph = graph_of(IN, MAP, nir.Delay(np.full(2, 0.26)), cell(), OUT)
    with pytest.warns(RuntimeWarning, match="delay of node 'n2' is 2.6 steps of dt=0.1, and 3"):
        assert from_nir(graph, n_steps=10, dt=0.1).neurons[0].delay == 3


def test_neurons_without_a_threshold_come_last():
    """It was said of an argument that there is not."""
    inner = nir.LI(**{name: np.ones(2) for name in ("tau", "r")}, v_leak=np.zeros(2))
    graph = graph_of(IN, MAP, inner, SQUARE, cell(), OUT)
    with pytest.raises(ValueError, match="^graph: node 'n3' hears neurons without a threshold"):
        from_nir(graph, n_steps=10, dt=0.1)


@pytest.mark.parametrize("note", [None, {"snnlab": "x"}, {"snnlab": "[]"}])
def test_damaged_notes_are_told_with_their_node(note):
    node = cell()
    node.metadata = note
    with pytest.raises(ValueError, match="metadata of node 'n2'"):
        from_nir(graph_of(IN, MAP, node, OUT), n_steps=10, dt=0.1)
    if note != {"snnlab": "[]"}:  # which says nothing of a delay
        node = nir.Delay(np.ones(3))
        node.metadata = note
        with pytest.raises(ValueError, match="^graph: node 'n1': its metadata are damaged"):
            from_nir(graph_of(IN, node, MAP, cell(), OUT), n_steps=10, dt=0.1)


def there_and_back(network, graph, inputs, folder):
    """Traces of what is made of a network's graph, and of its file."""
    nir.write(folder / "x.nir", graph)
    for made in (graph, nir.read(folder / "x.nir")):
        again = from_nir(made)
        assert again.layers == network.layers and again.neurons == network.neurons
        yield again.forward(inputs)


@pytest.mark.parametrize("name", ["chip", "euler", "per neuron", "delay"])
def test_neurons_that_hear_each_other(name, tmp_path):
    """They stand in a graph of their own; of nodes without our notes weights are scaled."""
    network, inputs = example(name, np.float64)
    w, top = network.weights
    loop = np.random.default_rng(2).normal(0, 0.5, (12, 12))
    network = network.replace(layers=(9, Recurrent(12), 4), weights=(w, loop, top))
    before = network.forward(inputs)
    network.weights[1][...] = 0
    assert network.forward(inputs).hidden[0] != before.hidden[0]
    network.weights[1][...] = loop
    graph = to_nir(network)
    inner = graph.nodes["neurons_0"].nodes
    assert np.array_equal(inner["w_rec"].weight, loop.T)
    for after in there_and_back(network, graph, inputs, tmp_path):
        assert after.hidden[0] == before.hidden[0]
        assert np.array_equal(after.readout, before.readout)
    for node in (*graph.nodes.values(), *graph.nodes["neurons_0"].nodes.values()):
        node.metadata = {}
        if hasattr(node, "w_in"):
            node.w_in = node.w_in * 2
    again = from_nir(graph, n_steps=25, dt=network.dt, method=network.neurons[0].method)
    for k, own in enumerate(network.weights):
        np.testing.assert_allclose(again.weights[k], 2 * own, rtol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("first", [(9,), (6, 6, 2)], ids=["units", "images"])
def test_delays_of_inputs(first, dtype, tmp_path):
    """A node of delays, in seconds, stands before the map; images are flattened in NIR's order."""
    n = int(np.prod(first))
    layers = (first if len(first) > 1 else n, Delayed(12, longest=7.0), Delayed(4, longest=3.0))
    network = Network(layers, EULER, n_steps=25, rng=1, dtype=dtype, spread=3.0)
    x = np.random.default_rng(0).random((40, n), np.float32)
    inputs = encode.latency(x, dt=network.dt, n_steps=25)
    before, graph = network.forward(inputs), to_nir(network)
    assert before.hidden[0].counts().sum() > 40
    own = network.layers[0].delays(network.blocks[1].of(network.parameters)[0])
    there = graph.nodes["axons_0"].delay / network.dt
    if len(first) > 1:
        there = there.reshape(2, 6, 6).transpose(1, 2, 0).ravel()
    np.testing.assert_allclose(there, own)
    assert np.ptp(own) > 1
    for after in there_and_back(network, graph, inputs, tmp_path):
        assert after.hidden[0] == before.hidden[0]
        np.testing.assert_allclose(after.readout, before.readout, rtol=1e-5, atol=1e-6)


def test_delays_that_others_describe():
    """Whole steps of all inputs are those of a neuron that hears late; 0 is none."""
    w = np.random.default_rng(1).normal(0, 3, (4, 3))
    one, none = np.ones(4), np.zeros(4)
    neurons = cell(tau=0.2 * one, r=one, v_threshold=one, v_leak=none, v_reset=none)
    nodes = nir.Delay(np.full(3, 0.4)), nir.Linear(w), neurons
    early, late = (
        graph_of(nir.Input(np.array([3])), *some, nir.Output(np.array([4])))
        for some in ((nodes[0], *nodes[1:]), (nodes[1], nir.Delay(np.full(4, 0.4)), nodes[2]))
    )
    none = graph_of(nir.Input(np.array([3])), nir.Delay(np.zeros(3)), *nodes[1:], OUT)
    plain = graph_of(nir.Input(np.array([3])), *nodes[1:], OUT)
    inputs = encode.latency(np.random.default_rng(0).random((20, 3)), dt=0.1, n_steps=20)
    for a, b in ((early, late), (none, plain)):
        a, b = (from_nir(g, n_steps=20, dt=0.1, dtype=np.float64) for g in (a, b))
        assert isinstance(a.layers[0], Delayed) and isinstance(b.layers[0], Dense)
        a, b = (net.forward(inputs).readout for net in (a, b))
        assert b.any()
        np.testing.assert_allclose(a, b, atol=1e-6)


def loop(*nodes, edges=("01", "12", "21", "13")):
    named = dict(zip("0123", nodes, strict=False))
    return nir.NIRGraph(named, [tuple(edge) for edge in edges], type_check=False)


SQUARE, INNER = nir.Linear(np.ones((2, 2))), nir.Input(np.array([2]))


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (loop(INNER, cell(), SQUARE, OUT, edges=("01", "12", "13")), "'n2' must be LIF or CubaLIF"),
        (loop(INNER, cell(), OUT, edges=("01",)), "'n2' must be LIF or CubaLIF"),
        (loop(INNER, SQUARE, SQUARE, OUT), "'n2' must be LIF or CubaLIF"),
        (loop(INNER, cell(), nir.Linear(np.ones((3, 2))), OUT), "weight in node 'n2'"),
        (loop(INNER, cell(), nir.Affine(np.ones((2, 2)), np.ones(2)), OUT), "has a bias"),
    ],
)
def test_loops_that_are_not_taken(node, message):
    with pytest.raises(ValueError, match=message):
        from_nir(graph_of(IN, MAP, node, OUT), n_steps=10, dt=0.1)


def test_other_things_are_no_graphs():
    with pytest.raises(TypeError, match="graph must be a nir.NIRGraph, not dict"):
        from_nir({}, n_steps=3)
    with pytest.raises(TypeError, match="network must be a Network"):
        to_nir(3)


# images -------------------------------------------------------------------------------------------

STACKS = {
    "conv": ((6, 5, 2), Conv(3), 4),
    "strides": ((7, 6, 1), Conv(4, 3, stride=2), Conv(3, 2, padding=0), 4),
    "average pools": ((6, 4, 2), Conv(3), Pool(2, "average"), Conv(4, 2), 4),
    "pool of the inputs": ((6, 4, 2), Pool(2, "average"), Conv(4, 2), 4),
    "conv reads out": ((4, 4, 2), Conv(3), Conv(2, kernel=4, padding=0)),
    "dense on images": ((3, 4, 2), 7, 4),
}


def image_network(stack, model=EULER, **more):
    network = Network(STACKS[stack], model, n_steps=25, rng=1, dtype=np.float64, **more)
    rng = np.random.default_rng(0)
    inputs = SpikeTrains.from_dense(rng.random((20, 25, network.sizes[0])) < 0.15)
    network.scale_to_activity(inputs, rate=0.1)
    return network, inputs


@pytest.mark.parametrize("stack", STACKS)
def test_images_there_and_back(stack, tmp_path):
    network, inputs = image_network(stack, CHIP.replace(delay=1))
    nir.write(tmp_path / "x.nir", to_nir(network))
    for graph in (to_nir(network), nir.read(tmp_path / "x.nir")):
        again = from_nir(graph)
        assert again.shape_in == network.shape_in and again.sizes == network.sizes
        assert [stage.shape_out for stage in again.stages] == [s.shape_out for s in network.stages]
        assert again.neurons == network.neurons
        a, b = network.forward(inputs), again.forward(inputs)
        assert np.array_equal(a.readout, b.readout) and a.hidden == b.hidden
        assert all(train.counts().sum() > 20 for train in a.hidden)


def by_nir(graph, x):
    """Spikes (sample, time, unit) of a graph, by NIR's words alone, with Euler's steps of 1 ms."""
    dt = 1e-3
    for node in graph.nodes.values():
        if isinstance(node, nir.Conv2d):
            x = correlate(x, node)
        elif isinstance(node, nir.AvgPool2d):
            k = node.kernel_size[0]
            n, t, c, height, width = x.shape
            x = x.reshape(n, t, c, height // k, k, width // k, k).mean((4, 6))
        elif isinstance(node, nir.Flatten):
            x = x.reshape(*x.shape[:2], -1)
        elif isinstance(node, nir.Linear):
            x = x @ node.weight.T
        elif isinstance(node, nir.CubaLIF):
            x = cuba(x, node, dt)
    return x


def correlate(x, node):
    """What PyTorch calls a convolution, place by place."""
    (py, px), (sy, sx), (_, _, ky, kx) = node.padding, node.stride, node.weight.shape
    x = np.pad(x, ((0, 0), (0, 0), (0, 0), (py, py), (px, px)))
    height, width = (x.shape[3] - ky) // sy + 1, (x.shape[4] - kx) // sx + 1
    out = np.zeros((*x.shape[:2], len(node.weight), height, width))
    for i, j in np.ndindex(height, width):
        patch = x[..., i * sy : i * sy + ky, j * sx : j * sx + kx]
        out[..., i, j] = np.einsum("ntcyx,ocyx->nto", patch, node.weight)
    return out


def cuba(x, node, dt):
    current, v, out = np.zeros(x[:, 0].shape), np.zeros(x[:, 0].shape), np.zeros(x.shape)
    for t in range(x.shape[1]):
        current = (1 - dt / node.tau_syn) * current + dt / node.tau_syn * node.w_in * x[:, t]
        v = v + dt / node.tau_mem * (node.v_leak - v + node.r * current)
        out[:, t] = v > node.v_threshold
        v = np.where(out[:, t] > 0, node.v_reset, v)
    return out


@pytest.mark.parametrize("stack", STACKS)
def test_images_mean_there_what_they_mean_here(stack):
    """Axes, padding, strides and averages, with constants that differ from unit to unit."""
    plain, _ = image_network(stack)
    models = [
        EULER.replace(v_th=tuple(np.linspace(0.8, 1.2, stage.n)))
        for stage in plain.stages
        if stage.neuron is not None
    ]
    network, inputs = image_network(stack, models[:-1], readout=models[-1])
    network.weights[-1][...] *= 40
    x = inputs.to_dense(float)
    if len(network.shape_in) == 3:
        x = x.reshape(20, 25, *network.shape_in).transpose(0, 1, 4, 2, 3)
    out = by_nir(to_nir(network), x)
    if out.ndim == 5:
        out = out.transpose(0, 1, 3, 4, 2)
    ours = network.forward(inputs).readout
    assert 20 < ours.sum() < ours.size / 2
    np.testing.assert_array_equal(out.reshape(ours.shape), ours)


def test_sums_are_read_as_averages():
    network, inputs = image_network("average pools")
    graph = to_nir(network)
    node = graph.nodes["map_1"]
    graph.nodes["map_1"] = nir.SumPool2d(node.kernel_size, node.stride, node.padding)
    graph.nodes["map_2"].weight = graph.nodes["map_2"].weight / 4
    again = from_nir(graph)
    a, b = network.forward(inputs), again.forward(inputs)
    np.testing.assert_allclose(a.readout, b.readout, rtol=1e-12, atol=1e-12)
    assert a.hidden == b.hidden and again.stages[1].layer == Pool(2, "average")


@pytest.mark.parametrize(
    "layers, message",
    [
        (
            ((4, 4, 2), Conv(3), Pool(), 4),
            r"layer 1 \(Pool\(size=2, how='max'\)\).*\"average\" has",
        ),
        (((4, 4, 2), Conv(3), Residual(Conv(3)), 4), r"layer 1 \(Conv.*no counterpart in NIR here"),
        (((4, 4, 2), Conv(3), Vote(4)), r"layer 1 \(Vote\(classes=4\).*no counterpart"),
        (((4, 4, 2), Conv(3), Conv(2), Pool(2, "average")), "ends with layer 2.*neurons"),
    ],
)
def test_images_without_a_counterpart_are_named(layers, message):
    network = Network(layers, CHIP, n_steps=5, rng=0)
    with pytest.raises(ValueError, match=message):
        to_nir(network)


def conv(n_in=2, kernel=(3, 3), **changes):
    given = {"stride": 1, "padding": 1, "dilation": 1, "groups": 1, "bias": np.zeros(2)} | changes
    return nir.Conv2d((4, 4), np.ones((2, n_in, *kernel)), **given)


def image_cell(shape=(2, 4, 4), kind=None):
    names = ("r", "v_threshold") + (("tau",) if kind is None else ("tau_mem", "tau_syn", "w_in"))
    own = {name: np.ones(shape) for name in names}
    return (kind or nir.LIF)(**own, v_leak=np.zeros(shape), v_reset=np.zeros(shape))


def sizes(*numbers):
    return [np.array([n, n]) for n in numbers]


IMAGES = nir.Input(np.array([2, 4, 4]))


@pytest.mark.parametrize(
    "nodes, message",
    [
        ([conv(kernel=(3, 2)), image_cell()], "'n1' must have a square kernel"),
        ([conv(stride=(1, 2)), image_cell()], "'n1' must have a square kernel, and one stride"),
        ([conv(dilation=2), image_cell()], "'n1' must have dilation 1 and groups 1"),
        ([conv(groups=2), image_cell()], "'n1' must have dilation 1 and groups 1"),
        ([conv(bias=np.ones(2)), image_cell()], "'n1' has a bias"),
        ([conv(kernel=(2, 2), padding="same"), image_cell()], "'n1' pads unevenly"),
        ([conv(3), image_cell()], r"'n1' hears images of 3 channels, not \(4, 4, 2\)"),
        ([conv(), image_cell((32,))], r"of node 'n2' must have shape \(2, 4, 4\)"),
        ([conv(), image_cell((2, 4, 5))], r"of node 'n2' must have shape \(2, 4, 4\)"),
        ([conv(kernel=(9, 9)), image_cell()], "^graph: node 'n1': kernel 9 is larger than"),
        ([nir.Linear(np.ones((3, 32))), cell()], "'n1' hears images: Flatten is missing"),
        ([nir.Flatten(IMAGES.input_type, 0), nir.Linear(np.ones((2, 30))), cell()], "30 inputs"),
        ([nir.Flatten(IMAGES.input_type, 0), conv(), image_cell()], "'n2' hears images of 2"),
        ([nir.Flatten(IMAGES.input_type, 2), conv(), image_cell()], "'n1' must flatten all axes"),
        ([nir.SumPool2d(*sizes(2, 1, 0)), conv(), image_cell()], "'n1' must pool squares side by"),
        ([nir.AvgPool2d(*sizes(2, 2, 1)), conv(), image_cell()], "'n1' must pool squares side by"),
        ([conv(), image_cell(), nir.AvgPool2d(*sizes(2, 2, 0))], "graph must end with neurons"),
        ([nir.AvgPool2d(*sizes(3, 3, 0)), conv(), image_cell()], "sides that 3 divides"),
        ([nir.AvgPool2d(*sizes(3, 3, 0)), conv(), image_cell()], "^graph: node 'n1': Pool hears"),
    ],
)
def test_graphs_of_images_that_are_not_taken(nodes, message):
    with pytest.raises(ValueError, match=message):
        from_nir(graph_of(IMAGES, *nodes, OUT), n_steps=10, dt=0.1)


def test_one_constant_for_all_of_an_image_is_spread():
    node = image_cell((1,))
    network = from_nir(graph_of(IMAGES, conv(padding="same"), node, OUT), n_steps=10, dt=0.1)
    assert network.neurons[-1].v_th == 1 and network.sizes == (32, 32)
    by_channel = image_cell(kind=nir.CubaLIF)
    by_channel.w_in = by_channel.w_in * np.array([1.0, 3.0])[:, None, None]
    network = from_nir(graph_of(IMAGES, conv(), by_channel, OUT), n_steps=10, dt=0.1)
    np.testing.assert_allclose(network.weights[0][:, 1], 3 * network.weights[0][:, 0])
    by_channel.w_in[0, 0, 0] = 7
    with pytest.raises(ValueError, match="w_in of node 'n2' must be one for each channel"):
        from_nir(graph_of(IMAGES, conv(), by_channel, OUT), n_steps=10, dt=0.1)


# other simulators: files of `tools/nir_peers.py` --------------------------------------------------

PEERS = Path(__file__).resolve().parent / "nir_peers"
SPIKES = np.load(PEERS / "spikes.npz")


def spikes_that_go_in(name="inputs"):
    with np.load(PEERS / f"{name}.npz") as file:
        x = np.unpackbits(file["x"], count=int(np.prod(file["shape"]))).reshape(file["shape"])
    return SpikeTrains.from_dense(x.astype(bool))


@pytest.mark.parametrize("which", [name for name in SPIKES if name != "versions"])
def test_other_simulators_have_the_same_spikes(which):
    name, _ = which.split()
    inputs = spikes_that_go_in("inputs-conv" if name == "ours-conv" else "inputs")
    network = from_nir(nir.read(PEERS / f"{name}.nir"), n_steps=inputs.n_steps, dt=1e-4)
    ours = network.forward(inputs).readout > 0.5
    theirs = np.unpackbits(SPIKES[which], count=ours.size).reshape(ours.shape) > 0
    assert 1000 < theirs.sum() < theirs.size / 2
    assert (ours & theirs).sum() >= 0.999 * (ours | theirs).sum()
    network.weights[0][...] *= 1.01
    assert ((network.forward(inputs).readout > 0.5) != theirs).any()


@pytest.mark.parametrize("kind", ["lif", "cuba", "conv"])
def test_the_graphs_that_others_ran_are_those_that_are_written_today(kind):
    stored = nir.read(PEERS / f"ours-{kind}.nir")
    today = to_nir(from_nir(stored))
    assert set(today.nodes) == set(stored.nodes) and set(today.edges) == set(stored.edges)
    for name, node in stored.nodes.items():
        for key, value in vars(node).items():
            if isinstance(value, np.ndarray):
                np.testing.assert_array_equal(getattr(today.nodes[name], key), value, name)
