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

Images are (channel, y, x) there and (y, x, channel) here: weights and constants are transposed, and
so must be what goes in and comes out. Convolutions and pools that average have counterparts; a pool
that sums is read, too, as one that averages, below weights that are as many times larger.

Neurons that hear each other are a graph of their own in the line: spikes go from the neurons
through a ``Linear`` back to them, and arrive a step later. Delays of a dense layer's inputs are a
``Delay`` before its ``Linear``, one of its neurons a ``Delay`` after it.

Needs the extra ``nir``.
"""

from __future__ import annotations

import contextlib
import copy
import json
import warnings
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab.chip.substrate import Substrate
from snnlab.layers import Conv, Delayed, Dense, Pool, Recurrent
from snnlab.layers.dense import FullyConnected
from snnlab.network import Network
from snnlab.neurons import LIF, LeakyIntegrator

if TYPE_CHECKING:
    import nir
    from numpy.typing import DTypeLike


KEY = "snnlab"  # of our metadata, a line of JSON
NEARLY = 1e-6  # relative: as near to whole steps, a delay is taken to be some


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
        ``input``, then per layer a map (of images that a dense layer hears, a ``Flatten`` before
        it), a delay where there is one, before or after, and neurons; ``output``.

    Raises
    ------
    ValueError
        Layers for which there is no converter; the message names them.
    """
    import nir

    _check.network("network", network, needs="stages")
    if substrate is not None and not isinstance(substrate, Substrate):
        raise TypeError(f"substrate must be a Substrate, not {type(substrate).__name__}")
    nodes = {"input": nir.Input(_outer_shape(network.shape_in))}
    for k, stage in enumerate(network.stages):
        convert = CONVERTERS.get(type(stage.layer))
        normed = getattr(stage.layer, "norm", None) is not None
        if convert is None or stage.shortcut is not None or normed:
            raise ValueError(f"network has {stage.name}, which has no counterpart in NIR here")
        if isinstance(stage.layer, FullyConnected) and len(stage.shape_in) == 3:
            nodes[f"flatten_{k}"] = nir.Flatten({"input": _outer_shape(stage.shape_in)}, 0)
        w = {name: block.of(network.parameters) for name, block in stage.blocks.items()}
        if "delays" in w:
            nodes[f"axons_{k}"] = _axons(nir, stage, w["delays"][0])
        nodes[f"map_{k}"] = convert(nir, stage, w)
        if stage.neuron is None:
            continue
        if stage.neuron.delay:
            seconds = np.full(stage.n, stage.neuron.delay * stage.neuron.dt)
            nodes[f"delay_{k}"] = nir.Delay(_outer(seconds, stage.shape_out))
        node = _neurons(nir, stage)
        if stage.layer.recurrent_blocks:
            node = _recurrent(nir, node, w["recurrent"])
        nodes[f"neurons_{k}"] = node
    if network.stages[-1].neuron is None:
        raise ValueError(f"network ends with {network.stages[-1].name}: in NIR it is neurons here")
    nodes["output"] = nir.Output(_outer_shape(network.stages[-1].shape_out))
    about = {"n_steps": network.n_steps, "dtype": str(network.dtype)}
    if substrate is not None:
        about["chip"] = {"seed": substrate.seed, "effects": dict(substrate.effects)}
    names = list(nodes)
    edges = list(zip(names[:-1], names[1:], strict=True))
    return nir.NIRGraph(nodes, edges, metadata={KEY: json.dumps(about)})


def _outer_shape(shape):
    """A shape as NIR has it."""
    return np.array((shape[2], *shape[:2]) if len(shape) == 3 else shape)


def _outer(x, shape):
    """Values of units as NIR has them, images (channel, y, x)."""
    return x.reshape(shape).transpose(2, 0, 1).copy() if len(shape) == 3 else x


def _own(x, shape):
    """What there is of each unit, (n, ...), in the order of units here: `_outer` undone."""
    if len(shape) == 3:
        rows, columns, channels = shape
        images = x.reshape(channels, rows, columns, *x.shape[1:])
        x = np.moveaxis(images, 0, 2).reshape(x.shape)
    return x


def _dense(nir, stage, w):
    """The map of a dense layer; NIR's weights are (n_out, n_in)."""
    weights = w["weights"]
    if len(stage.shape_in) == 3:
        n = weights.shape[1]
        weights = weights.reshape(*stage.shape_in, n).transpose(2, 0, 1, 3).reshape(-1, n)
    return nir.Linear(np.ascontiguousarray(weights.T))


def _axons(nir, stage, stored):
    """The delays of what a dense layer hears, in the order of its weights there."""
    seconds = stage.layer.delays(stored) * stage.neuron.dt
    node = nir.Delay(_outer(seconds, stage.shape_in).ravel())
    node.metadata = {KEY: json.dumps({"longest": stage.layer.longest})}
    return node


def _conv(nir, stage, w):
    """That of a convolution; NIR's weights are (channel out, channel in, y, x)."""
    layer, (y, x, channels) = stage.layer, stage.shape_in
    weights = w["weights"].reshape(layer.kernel, layer.kernel, channels, layer.channels)
    return nir.Conv2d(
        input_shape=(y, x),
        weight=np.ascontiguousarray(weights.transpose(3, 2, 0, 1)),
        stride=layer.stride,
        padding=layer.padding,
        dilation=1,
        groups=1,
        bias=np.zeros(layer.channels, weights.dtype),
    )


def _pool(nir, stage, w):
    """A pool that averages; whether any of some units spikes NIR cannot say."""
    layer = stage.layer
    if layer.how != "average":
        raise ValueError(
            f'network has {stage.name}, which has no counterpart in NIR; how="average" has'
        )
    size = np.array([layer.size, layer.size])
    return nir.AvgPool2d(kernel_size=size, stride=size.copy(), padding=np.zeros(2, int))


# by class of layer; each brings its own
CONVERTERS = {Dense: _dense, Delayed: _dense, Recurrent: _dense, Conv: _conv, Pool: _pool}
# a recurrent node is a graph; its nodes have the names that other packages give them
CYCLE = {("input", "lif"), ("lif", "w_rec"), ("w_rec", "lif"), ("lif", "output")}


def _recurrent(nir, node, recurrent):
    """The graph of neurons that hear each other."""
    size = np.array([len(recurrent)])
    w_rec = nir.Linear(np.ascontiguousarray(recurrent.T))
    nodes = {"input": nir.Input(size), "lif": node, "w_rec": w_rec, "output": nir.Output(size)}
    return nir.NIRGraph(nodes, sorted(CYCLE))


def _neurons(nir, stage):
    """The node of a layer's neurons."""
    model, size = stage.model, (stage.n,)
    if stage.adapts:
        raise ValueError(f"network has {stage.name}, whose neurons adapt: NIR has no such node")
    if stage.rates or not stage.begins_at_rest:
        kind = "ReLU units" if stage.rates else "neurons that begin with a v_init"
        raise ValueError(f"network has {stage.name} of {kind}, of which NIR has none")
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
    for name, x in vars(node).items():
        if isinstance(x, np.ndarray):
            setattr(node, name, _outer(x, stage.shape_out))
    node.__post_init__()  # shapes have changed
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

    Warns
    -----
    RuntimeWarning
        If a delay of neurons is not some whole steps: it is rounded.
    """
    import nir

    if not isinstance(graph, nir.NIRGraph):
        raise TypeError(f"graph must be a nir.NIRGraph, not {type(graph).__name__}")
    _check.one_of("method", method, ("euler", "exact"))
    dt = None if dt is None else _check.number("dt", dt, above=0)
    about = _about("graph", graph)
    n_steps = about.get("n_steps") if n_steps is None else n_steps
    if n_steps is None:
        raise ValueError("n_steps must be given: the graph does not say how long a sample is")
    dtype = about.get("dtype", "float32") if dtype is None else dtype
    line, reader = _line(nir, graph), _Reader(nir, graph, dt, method, _precision(dtype))
    for name, node in line:
        with _told_of(name):
            taken = reader.take(name, node)
        if not taken:
            raise ValueError(
                f"graph: node {name!r} ({type(node).__name__}) has no counterpart here at its "
                "place; known is Linear or Affine, before it Delay if need be, or Conv2d, then "
                "Delay if need be, then LIF, LI, CubaLIF or CubaLI, or a graph of LIF or CubaLIF "
                "and a Linear back to it, and so on; between these AvgPool2d, SumPool2d and Flatten"
            )
    if reader.w is not None or not reader.models or reader.pools_last:
        raise ValueError("graph must end with neurons")
    *hidden, last = reader.models
    network = Network(
        (reader.shape_in, *reader.layers),
        hidden if hidden else LIF.brainscales2(dt=last.dt),
        readout=last,
        n_steps=n_steps,
        rng=0,
        spread=0.0,
        dtype=dtype,
        workers=workers,
    )
    for own, (name, given) in zip(network.weights, reader.weights, strict=True):
        what = f"weight of node {name!r}, as neurons scale it,"
        own[...] = _check.array(what, given, network.dtype, own.shape)
    delayed = (block for block in network.blocks if block.name == "delays")
    for block, given in zip(delayed, reader.stored, strict=True):
        block.of(network.parameters)[...] = given
    return network


def _precision(dtype):
    """A type of floats; float64 of what is none, which the network refuses."""
    try:
        return _check.units(1, dtype)[1]
    except TypeError:
        return np.dtype(np.float64)


@contextlib.contextmanager
def _told_of(name):
    """Where a node is taken: what is wrong with it says of which node, if it does not yet."""
    try:
        yield
    except (TypeError, ValueError) as fault:
        if "node " in str(fault):
            raise
        with _check.told_of(f"graph: node {name!r}"):
            raise


class _Reader:
    """Layers, weights and models of nodes, which are taken one after the other."""

    def __init__(self, nir, graph, dt, method, dtype):
        self.nir, self.dt, self.method, self.dtype = nir, dt, method, dtype
        self.layers, self.weights, self.models = [], [], []  # weights with their nodes' names
        (entry,) = (node for node in graph.nodes.values() if isinstance(node, nir.Input))
        if entry.input_type["input"] is None:
            raise ValueError("graph: its input must say how many units there are")
        shape = [int(n) for n in entry.input_type["input"]]
        if min(shape, default=0) < 1:
            raise ValueError(f"graph: its input must have units, got shape {tuple(shape)}")
        self.shape_in = (*shape[1:], shape[0]) if len(shape) == 3 else tuple(shape)
        self.shape = self.shape_in  # of what the next node hears
        self.map, self.w = None, None  # name and weights of a map that waits for its neurons
        self.delay = None, 0.0  # of these, after its node's name
        self.axons, self.stored = None, []  # its inputs' delays; what layers hold of them
        self.flat, self.factor = False, 1.0  # what nodes since then did to what it hears

    @property
    def pools_last(self):
        """Whether no neurons came after the last pool."""
        return bool(self.layers) and isinstance(self.layers[-1], Pool)

    def take(self, name, node):
        """Take a node; False if it has no counterpart at its place."""
        nir = self.nir
        if self.w is None and isinstance(node, nir.Linear | nir.Affine):
            self._take_dense(name, node)
        elif self.axons is not None and self.w is None and not isinstance(node, nir.Flatten):
            return False
        elif self.w is None and isinstance(node, nir.Delay):
            self._take_axons(name, node)
        elif self.w is None and isinstance(node, nir.Conv2d):
            self._take_conv(name, node)
        elif self.w is None and isinstance(node, nir.AvgPool2d | nir.SumPool2d):
            self._take_pool(name, node)
        elif self.w is None and isinstance(node, nir.Flatten):
            if node.start_dim not in (0, 1) or node.end_dim not in (-1, 2):
                raise ValueError(f"graph: node {name!r} must flatten all axes")
            self.flat = True
        elif self.w is not None and isinstance(node, nir.Delay):
            what, seconds = f"delay of node {name!r}, in steps,", _one(name, "delay", node.delay)
            later = _check.number(what, seconds, at_least=0)
            self.delay = name, self.delay[1] + later  # one after another
        elif self.w is not None and isinstance(node, nir.LIF | nir.LI | nir.CubaLIF | nir.CubaLI):
            self._take_neurons(name, node)
        elif self.w is not None and isinstance(node, nir.NIRGraph):
            self._take_recurrent(name, node)
        else:
            return False
        return True

    def _take_dense(self, name, node):
        _no_bias(name, node)
        w = _check.array(f"weight of node {name!r}", node.weight, float, (None, None)).T
        if len(self.shape) == 3:
            if not self.flat:
                raise ValueError(f"graph: node {name!r} hears images: Flatten is missing before it")
        if len(w) != np.prod(self.shape):
            raise ValueError(
                f"graph: node {name!r} has weights of {len(w)} inputs, it hears {self.shape}"
            )
        self._place(name, Dense(w.shape[1]), _own(w, self.shape))

    def _take_axons(self, name, node):
        """Delays of what the next dense layer hears, in the order of our units."""
        n = int(np.prod(self.shape))
        delays = _check.array(f"delay of node {name!r}", node.delay, float)
        if delays.size not in (1, n) or not ((delays >= 0) & np.isfinite(delays)).all():
            raise ValueError(f"graph: delay of node {name!r} must be {n} numbers, 0 or more")
        delays = _own(np.broadcast_to(delays.ravel(), n), self.shape)
        longest = _about(f"graph: node {name!r}", node).get("longest")
        if longest is not None:
            longest = _check.number(f"longest of node {name!r}", longest, above=0)
        self.axons = name, delays, longest

    def _delay_inputs(self, dt):
        """The dense layer taken last hears its inputs late."""
        name, seconds, longest = self.axons
        with np.errstate(over="ignore"):  # what is too long is refused
            steps = np.maximum(seconds / dt, 1e-9)  # delays are above 0 here
        if longest is None or steps.max() >= longest:
            longest = float(np.floor(steps.max()) + 1)
        with _told_of(name):
            layer = Delayed(self.layers[-1].n, longest)
        self.layers[-1] = layer
        self.stored.append(layer.stored(steps))
        self.axons = None

    def _take_conv(self, name, node):
        _no_bias(name, node)
        w = _check.array(f"weight of node {name!r}", node.weight, float, (None,) * 4)
        n_out, n_in, *kernel = w.shape
        stride, dilation = (np.unique(getattr(node, key)) for key in ("stride", "dilation"))
        same = isinstance(node.padding, str) and node.padding == "same"
        padding = np.unique(
            kernel[0] // 2 if same else 0 if isinstance(node.padding, str) else node.padding
        )
        if kernel[0] != kernel[1] or max(map(len, (stride, dilation, padding))) > 1:
            raise ValueError(
                f"graph: node {name!r} must have a square kernel, and one stride and "
                "padding for both axes"
            )
        if dilation[0] != 1 or node.groups != 1:
            raise ValueError(f"graph: node {name!r} must have dilation 1 and groups 1")
        if same and (kernel[0] % 2 == 0 or stride[0] != 1):
            raise ValueError(f"graph: node {name!r} pads unevenly: padding must be a number")
        if len(self.shape) != 3 or self.shape[2] != n_in or self.flat:
            raise ValueError(
                f"graph: node {name!r} hears images of {n_in} channels, not {self.shape}"
            )
        layer = Conv(n_out, kernel[0], int(stride[0]), int(padding[0]))
        self._place(name, layer, w.transpose(2, 3, 1, 0).reshape(-1, n_out))

    def _take_pool(self, name, node):
        size, stride = np.unique(node.kernel_size), np.unique(node.stride)
        if len(size) != 1 or not np.array_equal(size, stride) or np.any(node.padding):
            raise ValueError(
                f"graph: node {name!r} must pool squares side by side, without padding"
            )
        layer = Pool(int(size[0]), "average")
        self.shape = layer.shape_out(self.shape)
        self.layers.append(layer)
        if isinstance(node, self.nir.SumPool2d):
            self.factor *= layer.size**2

    def _place(self, name, layer, w):
        """A map, which waits for its neurons."""
        if self.models and not isinstance(self.models[-1], LIF):
            raise ValueError(
                f"graph: node {name!r} hears neurons without a threshold, which come last here"
            )
        self.map, self.w, self.factor, self.flat = name, w * self.factor, 1.0, False
        self.layers.append(layer)
        self.shape = layer.shape_out(self.shape)

    def _take_neurons(self, name, node):
        node = _inner(name, node, self.shape)
        model, scale = _model(self.nir, name, node, self.dt, self.method, self.delay)
        n = int(np.prod(self.shape))
        model.constants(n, self.dtype)  # says what does not fit, unless all numbers are equal
        for key, x in vars(node).items():
            if isinstance(x, np.ndarray) and x.size not in (1, n):
                raise ValueError(f"graph: {key} of node {name!r} has {x.size} values for {n} units")
        if self.axons is not None:
            self._delay_inputs(model.dt)
        if len(self.shape) == 3 and np.ndim(scale):
            by_place = np.broadcast_to(scale, n).reshape(-1, self.shape[2])
            if np.ptp(by_place, axis=0).any():
                raise ValueError(f"graph: w_in of node {name!r} must be one for each channel")
            scale = by_place[0]
        self.weights.append((self.map, self.w * scale))
        self.models.append(model)
        self.w, self.delay = None, (None, 0.0)
        return scale

    def _take_recurrent(self, name, graph):
        """Neurons that hear each other, above the dense map that was taken last."""
        nir = self.nir
        kinds = {
            "input": nir.Input,
            "output": nir.Output,
            "lif": nir.LIF | nir.CubaLIF,
            "w_rec": nir.Linear | nir.Affine,
        }
        pairs = ((own, role) for own in graph.nodes for role in kinds)
        parts = {own: role for own, role in pairs if isinstance(graph.nodes[own], kinds[role])}
        edges = {(parts.get(start), parts.get(end)) for start, end in graph.edges}
        if sorted(parts.values()) != sorted(kinds) or len(graph.nodes) != 4 or edges != CYCLE:
            raise ValueError(
                f"graph: node {name!r} must be LIF or CubaLIF, and a Linear or Affine from these "
                "back to them"
            )
        if not isinstance(self.layers[-1], Dense) or self.axons is not None:
            raise ValueError(
                f"graph: node {name!r} must follow Linear or Affine, without a Delay before it"
            )
        nodes = {role: graph.nodes[own] for own, role in parts.items()}
        n = self.shape[0]
        _no_bias(name, nodes["w_rec"])
        w = _check.array(f"weight in node {name!r}", nodes["w_rec"].weight, float, (n, n)).T
        self.layers[-1] = Recurrent(n)
        self.weights.append((name, w * self._take_neurons(name, nodes["lif"])))


def _inner(name, node, shape):
    """A node of neurons with constants in the order of our units; images were (channel, y, x)."""
    if len(shape) != 3:
        return node
    node, outer = copy.copy(node), tuple(_outer_shape(shape).tolist())
    for key, x in vars(node).items():
        if isinstance(x, np.ndarray):
            ends = zip(x.shape[::-1], outer[::-1], strict=False)
            if x.size > 1 and (x.ndim != 3 or any(k not in (1, n) for k, n in ends)):
                raise ValueError(f"graph: {key} of node {name!r} must have shape {outer}")
            if x.size > 1:
                x = _own(np.broadcast_to(x, outer).ravel(), shape)
            setattr(node, key, x.ravel())
    return node


def _about(what, part):
    """What `to_nir` noted of the whole, or of a delay; empty where others made it."""
    try:
        return dict(json.loads(part.metadata.get(KEY, "{}")))
    except (TypeError, ValueError, AttributeError) as fault:
        raise ValueError(f"{what}: its metadata are damaged: {fault}") from None


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
        raise ValueError(
            "graph must be a line of nodes from input to output; neurons that hear each other are "
            "a graph of their own in it"
        )
    return out


def _no_bias(name, node):
    bias = getattr(node, "bias", None)
    if bias is not None and np.any(bias):
        raise ValueError(f"graph: node {name!r} has a bias, which layers here have not")


def _one(name, what, values):
    """The number that all entries are."""
    values = np.unique(np.asarray(values, float))
    if len(values) != 1 or not np.isfinite(values[0]):
        raise ValueError(f"graph: {what} of node {name!r} must be one finite number for all units")
    return float(values[0])


def _noted(name, node):
    """The model that `to_nir` noted, or None."""
    try:
        text = getattr(node, "metadata", {}).get(KEY)
        return None if text is None else LeakyIntegrator.from_dict(json.loads(text))
    except (TypeError, ValueError, AttributeError) as fault:
        raise ValueError(f"graph: metadata of node {name!r}: {fault}") from None


def _model(nir, name, node, dt, method, delay):
    """A node's neuron model, and what its weights are multiplied by."""
    fires = isinstance(node, nir.LIF | nir.CubaLIF)
    filtered = isinstance(node, nir.CubaLIF | nir.CubaLI)
    noted = _noted(name, node)
    if dt is None and noted is None:
        raise ValueError(f"dt must be given: node {name!r} does not say how long a step is")
    dt = noted.dt if dt is None else dt
    leak = np.asarray(node.v_leak, float)
    own = {
        "tau_mem": _plain(node, "tau_mem" if filtered else "tau"),
        "tau_syn": _plain(node, "tau_syn") if filtered else None,
        "dt": dt,
        "method": method if noted is None else noted.method,
        "delay": _steps(*delay, dt),
    }
    if fires:
        own["v_th"] = _plain(node, "v_threshold", above=leak)
        if np.any(np.asarray(node.v_reset, float) != leak):
            raise ValueError(f"graph: node {name!r} must reset to its leak potential, v_leak")
        own["reset"] = "zero"
    elif np.any(leak):
        raise ValueError(f"graph: node {name!r} must leak to 0, it has no threshold")
    model = (LIF if fires else LeakyIntegrator)(**own)
    gain = _values(node, "r") * (1 - model.decay_mem)
    scale = _values(node, "w_in") * (1 - model.decay_syn) if filtered else 1.0
    if noted is not None and _agree(noted, model, gain, scale):
        return noted, 1.0
    return model.replace(gain=_alike(gain)), scale


def _agree(noted, model, gain, scale):
    """Whether a node is still what its metadata say."""
    names = ("tau_mem", "tau_syn", "dt", "delay", *(("v_th",) if isinstance(model, LIF) else ()))
    pairs = [(getattr(noted, name), getattr(model, name)) for name in names]
    if type(noted) is not type(model) or any((a is None) != (b is None) for a, b in pairs):
        return False
    pairs = [*((a, b) for a, b in pairs if a is not None), (noted.gain, gain), (1.0, scale)]
    return all(np.allclose(a, b, rtol=1e-9, atol=0) for a, b in pairs)


def _steps(name, seconds, dt):
    """A delay in whole steps, by a node of that name if there is any."""
    what = f"graph: delay of node {name!r}, in steps,"
    steps = _check.number(what, seconds / dt)
    whole = _check.integer(what, round(steps), 0, _check.MOST_STEPS)
    if abs(steps - whole) > NEARLY * max(1, steps):
        warnings.warn(
            f"the delay of node {name!r} is {steps:g} steps of dt={dt:g}, and {whole} here",
            RuntimeWarning,
            stacklevel=2,
        )
    return whole


def _values(node, key):
    """A constant of a node, an array of one number or more."""
    values = np.atleast_1d(_check.array(key, getattr(node, key), float))
    if values.size == 0:
        raise ValueError(f"{key} must hold a number, or one per unit, got none")
    return values


def _plain(node, key, above=0.0):
    """A constant as neurons have it, above another."""
    return _alike(_values(node, key) - above)


def _alike(values):
    """A number, or a tuple where units differ."""
    return float(values.flat[0]) if np.ptp(values) == 0 else tuple(values.tolist())
