"""NIR graphs, which other simulators and neuromorphic chips read (Pedersen et al. 2024).

    graph = snnlab.interchange.to_nir(network)
    nir.write("network.nir", graph)
    network = snnlab.interchange.from_nir(nir.read("network.nir"), n_steps=100)

NIR describes neurons in continuous time, in seconds::

    tau_syn dI/dt = -I + w_in S,    tau_mem dv/dt = (v_leak - v) + R I

A step of ours, ``I = a I + W x``, ``v = b v + g I`` with decays a and b, is that of
``w_in = 1 / (1 - a)`` and ``R = g / (1 - b)``: exactly with Euler's method (``a = 1 - dt / tau``),
and ever more so with a smaller dt for exact decays. What NIR has no word for (dt, method, a reset
by subtraction, refractory times, surrogate) stands in the nodes' metadata, where ``from_nir`` finds
it; to another reader a spike resets to ``v_reset`` = 0.

Needs the extra ``nir``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab.chip.substrate import Substrate
from snnlab.layers import Dense
from snnlab.network import Network
from snnlab.neurons import LIF, LeakyIntegrator

if TYPE_CHECKING:
    import nir
    from numpy.typing import DTypeLike


KEY = "snnlab"  # of our metadata, a line of JSON


def to_nir(network: Network, substrate: Substrate | None = None) -> nir.NIRGraph:
    """A network as a NIR graph.

    Parameters
    ----------
    network : Network
    substrate : Substrate, optional
        A chip whose constraints (seed and effects) are noted in the graph's metadata.

    Returns
    -------
    nir.NIRGraph
        ``input``, then per layer a map, a delay where there is one, and neurons; ``output``.

    Raises
    ------
    ValueError
        Layers for which there is no converter; the message names them.
    """
    import nir

    _check.network("network", network, needs="stages")
    if substrate is not None and not isinstance(substrate, Substrate):
        raise TypeError(f"substrate must be a Substrate, not {type(substrate).__name__}")
    nodes = {"input": nir.Input(np.array([network.sizes[0]]))}
    for k, stage in enumerate(network.stages):
        convert = CONVERTERS.get(type(stage.layer))
        if convert is None or stage.shortcut is not None:
            raise ValueError(f"network has {stage.name}, which has no counterpart in NIR here")
        w = {name: block.of(network.parameters) for name, block in stage.blocks.items()}
        nodes[f"map_{k}"] = convert(nir, stage, w)
        if stage.neuron.delay:
            seconds = np.full(stage.n, stage.neuron.delay * stage.neuron.dt)
            nodes[f"delay_{k}"] = nir.Delay(seconds)
        nodes[f"neurons_{k}"] = _neurons(nir, stage)
    nodes["output"] = nir.Output(np.array([network.sizes[-1]]))
    about = {"n_steps": network.n_steps, "dtype": str(network.dtype)}
    if substrate is not None:
        about["chip"] = {"seed": substrate.seed, "effects": dict(substrate.effects)}
    names = list(nodes)
    edges = list(zip(names[:-1], names[1:], strict=True))
    return nir.NIRGraph(nodes, edges, metadata={KEY: json.dumps(about)})


def _dense(nir, stage, w):
    """The map of a dense layer; NIR's weights are (n_out, n_in)."""
    return nir.Linear(np.ascontiguousarray(w["weights"].T))


CONVERTERS = {Dense: _dense}  # by class of layer; each brings its own


def _neurons(nir, stage):
    """The node of a layer's neurons."""
    model, size = stage.neuron, (stage.n,)
    decay_syn, decay_mem, gain = (
        np.broadcast_to(np.asarray(x, float), size)
        for x in (model.decay_syn, model.decay_mem, model.gain)
    )
    if not (decay_mem < 1).all() or not (decay_syn < 1).all():
        raise ValueError(f"network has {stage.name}, whose neurons do not leak in a step")
    shared = {"r": gain / (1 - decay_mem), "v_leak": np.zeros(size)}
    if stage.fires:
        shared["v_threshold"] = np.broadcast_to(np.asarray(model.v_th, float), size).copy()
        shared["v_reset"] = np.zeros(size)
    tau_mem = np.broadcast_to(np.asarray(model.tau_mem, float), size).copy()
    if model.tau_syn is None:
        node = (nir.LIF if stage.fires else nir.LI)(tau=tau_mem, **shared)
    else:
        tau_syn = np.broadcast_to(np.asarray(model.tau_syn, float), size).copy()
        kind = nir.CubaLIF if stage.fires else nir.CubaLI
        node = kind(tau_syn=tau_syn, tau_mem=tau_mem, w_in=1 / (1 - decay_syn), **shared)
    node.metadata = {KEY: json.dumps(model.to_dict())}
    return node


def from_nir(
    graph: nir.NIRGraph,
    *,
    n_steps: int | None = None,
    dt: float | None = None,
    method: str = "euler",
    dtype: DTypeLike | None = None,
    workers: int | None = None,
) -> Network:
    """A network from a NIR graph: a line of maps and neurons, from input to output.

    Parameters
    ----------
    graph : nir.NIRGraph
    n_steps : int, optional
        Time steps of a sample; by default those of a graph that `to_nir` made.
    dt : float, optional
        Time step in seconds, and ``method`` of the decays, for neurons that others described; what
        `to_nir` noted is used where the node still agrees with it.
    method : {"euler", "exact"}
    dtype : numpy.float32 or numpy.float64, optional
    workers : int, optional
        As for `Network`.

    Returns
    -------
    Network

    Raises
    ------
    TypeError, ValueError
        Nodes that have no counterpart here, with their names; graphs that are no line; a missing
        ``dt`` or ``n_steps``.
    """
    import nir

    if not isinstance(graph, nir.NIRGraph):
        raise TypeError(f"graph must be a nir.NIRGraph, not {type(graph).__name__}")
    _check.one_of("method", method, ("euler", "exact"))
    about = _about(graph)
    n_steps = about.get("n_steps") if n_steps is None else n_steps
    if n_steps is None:
        raise ValueError("n_steps must be given: the graph does not say how long a sample is")
    weights, models, w, delay = [], [], None, 0.0
    for name, node in _line(nir, graph):
        if isinstance(node, nir.Linear | nir.Affine) and w is None:
            w = _weights(name, node)
        elif isinstance(node, nir.Delay) and w is not None:
            delay = _one(name, "delay", node.delay)
        elif isinstance(node, nir.LIF | nir.LI | nir.CubaLIF | nir.CubaLI) and w is not None:
            model, scale = _model(nir, name, node, dt, method, delay)
            weights.append(w * scale)
            models.append(model)
            w, delay = None, 0.0
        else:
            raise ValueError(
                f"graph: node {name!r} ({type(node).__name__}) has no counterpart here at its "
                "place; known is Linear or Affine, then Delay if need be, then LIF, LI, CubaLIF "
                "or CubaLI, and so on"
            )
    if w is not None or not models:
        raise ValueError("graph must end with neurons")
    *hidden, last = models
    dtype = about.get("dtype", "float32") if dtype is None else dtype
    network = Network(
        (weights[0].shape[0], *(x.shape[1] for x in weights)),
        hidden if hidden else LIF.brainscales2(dt=last.dt),
        readout=last,
        n_steps=n_steps,
        rng=0,
        spread=0.0,
        dtype=dtype,
        workers=workers,
    )
    for own, given in zip(network.weights, weights, strict=True):
        own[...] = _check.array("weights of graph", given, network.dtype, own.shape)
    return network


def _about(graph):
    """What `to_nir` noted of the whole; empty for graphs that others made."""
    try:
        return dict(json.loads(graph.metadata.get(KEY, "{}")))
    except (TypeError, ValueError, AttributeError) as fault:
        raise ValueError(f"graph: its metadata are damaged: {fault}") from None


def _line(nir, graph):
    """Names and nodes from input to output, without these two."""
    after, names = {}, set(graph.nodes)
    for start, end in graph.edges:
        if start in after or start not in names or end not in names:
            raise ValueError(f"graph must be a line of nodes; {start!r} leads to several, or none")
        after[start] = end
    inputs = [name for name, node in graph.nodes.items() if isinstance(node, nir.Input)]
    if len(inputs) != 1:
        raise ValueError(f"graph must have one input, it has {len(inputs)}")
    name, out = inputs[0], []
    for _ in graph.nodes:
        name = after.get(name)
        if name is None or isinstance(graph.nodes[name], nir.Output):
            break
        out.append((name, graph.nodes[name]))
    if name is None or len(out) + 2 != len(graph.nodes):
        raise ValueError("graph must be a line of nodes from input to output, without recurrence")
    return out


def _weights(name, node):
    """A map's weights, (n_in, n_out)."""
    bias = getattr(node, "bias", None)
    if bias is not None and np.any(bias):
        raise ValueError(f"graph: node {name!r} has a bias, which layers here have not")
    return _check.array(f"weight of node {name!r}", node.weight, float, (None, None)).T


def _one(name, what, values):
    """The number that all entries are."""
    values = np.unique(np.asarray(values, float))
    if len(values) != 1 or not np.isfinite(values[0]):
        raise ValueError(f"graph: {what} of node {name!r} must be one finite number for all units")
    return float(values[0])


def _noted(name, node):
    """The model that `to_nir` noted, or None."""
    text = getattr(node, "metadata", {}).get(KEY)
    try:
        return None if text is None else LeakyIntegrator.from_dict(json.loads(text))
    except (TypeError, ValueError) as fault:
        raise ValueError(f"graph: metadata of node {name!r}: {fault}") from None


def _model(nir, name, node, dt, method, delay):
    """A node's neuron model, and what its weights are multiplied by."""
    fires = isinstance(node, nir.LIF | nir.CubaLIF)
    filtered = isinstance(node, nir.CubaLIF | nir.CubaLI)
    noted = _noted(name, node)
    if dt is None and noted is None:
        raise ValueError(f"dt must be given: node {name!r} does not say how long a step is")
    dt = noted.dt if dt is None else _check.number("dt", dt, above=0)
    leak = np.asarray(node.v_leak, float)
    own = {
        "tau_mem": _plain(node.tau_mem if filtered else node.tau),
        "tau_syn": _plain(node.tau_syn) if filtered else None,
        "dt": dt,
        "method": method if noted is None else noted.method,
        "delay": round(delay / dt),
    }
    if fires:
        own["v_th"] = _plain(np.asarray(node.v_threshold, float) - leak)
        if np.any(np.asarray(node.v_reset, float) != leak):
            raise ValueError(f"graph: node {name!r} must reset to its leak potential, v_leak")
        own["reset"] = "zero"
    elif np.any(leak):
        raise ValueError(f"graph: node {name!r} must leak to 0, it has no threshold")
    model = (LIF if fires else LeakyIntegrator)(**own)
    gain = np.asarray(node.r, float) * (1 - model.decay_mem)
    scale = np.asarray(node.w_in, float) * (1 - model.decay_syn) if filtered else 1.0
    if noted is not None and _agree(noted, model, gain, scale):
        return noted, 1.0
    return model.replace(gain=_plain(gain)), scale


def _agree(noted, model, gain, scale):
    """Whether a node is still what its metadata say."""
    names = ("tau_mem", "tau_syn", "dt", "delay", *(("v_th",) if isinstance(model, LIF) else ()))
    pairs = [(getattr(noted, name), getattr(model, name)) for name in names]
    if type(noted) is not type(model) or any((a is None) != (b is None) for a, b in pairs):
        return False
    pairs = [*((a, b) for a, b in pairs if a is not None), (noted.gain, gain), (1.0, scale)]
    return all(np.allclose(a, b, rtol=1e-9, atol=0) for a, b in pairs)


def _plain(values):
    """A number, or a tuple where units differ."""
    values = np.atleast_1d(np.asarray(values, float))
    alike = np.ptp(values) == 0
    return float(values.flat[0]) if alike else tuple(values.tolist())
