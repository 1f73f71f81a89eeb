"""NIR graphs: there and back, as files too, with equal spikes; and what others describe."""

import json
from pathlib import Path

import numpy as np
import pytest

from snnlab import LIF, Network, SpikeTrains, Substrate, encode
from snnlab.layers import Dense, Residual

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
        (graph_of(IN, MAP, cell(v_leak=np.full(2, np.nan)), OUT), {}, "v_th|reset"),
    ],
)
def test_graphs_that_are_not_taken(graph, more, message):
    with pytest.raises(ValueError, match=message):
        from_nir(graph, **{"n_steps": 10, "dt": 0.1} | more)


def test_other_things_are_no_graphs():
    with pytest.raises(TypeError, match="graph must be a nir.NIRGraph, not dict"):
        from_nir({}, n_steps=3)
    with pytest.raises(TypeError, match="network must be a Network"):
        to_nir(3)


# other simulators: files of `tools/nir_peers.py` --------------------------------------------------

PEERS = Path(__file__).resolve().parent / "nir_peers"
SPIKES = np.load(PEERS / "spikes.npz")


def spikes_that_go_in():
    with np.load(PEERS / "inputs.npz") as file:
        x = np.unpackbits(file["x"], count=int(np.prod(file["shape"]))).reshape(file["shape"])
    return SpikeTrains.from_dense(x.astype(bool))


@pytest.mark.parametrize("which", [name for name in SPIKES if name != "versions"])
def test_other_simulators_have_the_same_spikes(which):
    name, _ = which.split()
    inputs = spikes_that_go_in()
    network = from_nir(nir.read(PEERS / f"{name}.nir"), n_steps=inputs.n_steps, dt=1e-4)
    ours = network.forward(inputs).readout > 0.5
    theirs = np.unpackbits(SPIKES[which], count=ours.size).reshape(ours.shape) > 0
    assert 1000 < theirs.sum() < theirs.size / 2
    assert (ours & theirs).sum() >= 0.999 * (ours | theirs).sum()
    network.weights[0][...] *= 1.01
    assert ((network.forward(inputs).readout > 0.5) != theirs).any()


@pytest.mark.parametrize("kind", ["lif", "cuba"])
def test_the_graphs_that_others_ran_are_those_that_are_written_today(kind):
    stored = nir.read(PEERS / f"ours-{kind}.nir")
    today = to_nir(from_nir(stored))
    assert set(today.nodes) == set(stored.nodes) and set(today.edges) == set(stored.edges)
    for name, node in stored.nodes.items():
        for key, value in vars(node).items():
            if isinstance(value, np.ndarray):
                np.testing.assert_array_equal(getattr(today.nodes[name], key), value, name)
