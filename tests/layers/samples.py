"""Networks of every kind of layer, and the same in plain NumPy.

`Plain` runs a network's layers one by one on `snnlab.textbook`'s neurons. Its maps are written here
anew, as sums over all that a unit hears, and their adjoints follow from them by linearity: nothing
is taken from a layer but its settings.
"""

from dataclasses import dataclass

import numpy as np

from snnlab import LIF, Network, Substrate, explain, surrogate, textbook
from snnlab.currents import ConstantCurrent, Values
from snnlab.layers import (
    BatchNorm,
    BlockShape,
    Composite,
    Conv,
    Delayed,
    Dense,
    Linear,
    Pool,
    Recurrent,
    Residual,
    Transform,
    Vote,
)
from snnlab.layers.constants import ROWS
from snnlab.rates import ReLU
from snnlab.signals import SpikeTrains

# layers of a reader's own -------------------------------------------------------------------------


class Shift(Linear):
    """Every unit hears its left neighbour, the first one the last."""

    def shape_out(self, shape):
        return shape

    def blocks(self, shape):
        return {"weights": (1, shape[-1])}

    def drive(self, x, w):
        return np.roll(x, 1, axis=-1) * w["weights"][0]

    def adjoint(self, g, x, w):
        axes = tuple(range(g.ndim - 1))
        by_weights = (g * np.roll(x, 1, axis=-1)).sum(axes)[None]
        return {"weights": by_weights}, np.roll(g * w["weights"][0], -1, axis=-1)


@dataclass(frozen=True, repr=False)
class Biased(Linear):
    """Dense, with a current of its own for every unit."""

    n: int

    def shape_out(self, shape):
        return (self.n,)

    def blocks(self, shape):
        return {
            "weights": (int(np.prod(shape)), self.n),
            "bias": BlockShape(1, self.n, prunable=False),
        }

    def drive(self, x, w):
        return x.reshape(*x.shape[:2], -1) @ w["weights"] + w["bias"]

    def adjoint(self, g, x, w):
        by_weights = np.einsum("sti,stj->ij", x.reshape(*x.shape[:2], -1), g)
        g_x = (g @ w["weights"].T).reshape(x.shape)
        return {"weights": by_weights, "bias": g.sum((0, 1))[None]}, g_x


@dataclass(frozen=True, repr=False)
class Scaled(Linear):
    """Biased, and every unit's current times a number of its own, which is not trained."""

    n: int

    def shape_out(self, shape):
        return (self.n,)

    def blocks(self, shape):
        return {
            "weights": (int(np.prod(shape)), self.n),
            "bias": BlockShape(1, self.n, prunable=False),
            "scale": BlockShape(1, self.n, prunable=False, trainable=False),
        }

    def init(self, rng, shape, sd):
        return super().init(rng, shape, sd) | {"scale": rng.uniform(0.5, 1.5, (1, self.n))}

    def drive(self, x, w):
        return (x.reshape(*x.shape[:2], -1) @ w["weights"] + w["bias"]) * w["scale"]

    def adjoint(self, g, x, w):
        flat_x, inner = x.reshape(*x.shape[:2], -1), g * w["scale"]
        by_blocks = {
            "weights": np.tensordot(flat_x, inner, axes=((0, 1), (0, 1))),
            "bias": inner.sum((0, 1))[None],
            "scale": (g * (flat_x @ w["weights"] + w["bias"])).sum((0, 1))[None],
        }
        return by_blocks, (inner @ w["weights"].T).reshape(x.shape)


class Halved(Transform):
    """Mean of four neighbours in an image."""

    def shape_out(self, shape):
        if len(shape) != 3 or shape[0] % 2 or shape[1] % 2:
            raise ValueError(f"Halved hears images of even sides, not units of shape {shape}")
        return (shape[0] // 2, shape[1] // 2, shape[2])

    def values(self, x):
        n, t, height, width, channels = x.shape
        return x.reshape(n, t, height // 2, 2, width // 2, 2, channels).mean((3, 5))

    def adjoint(self, g, x, y):
        return np.repeat(np.repeat(g, 2, axis=2), 2, axis=3) / 4


@dataclass(frozen=True, repr=False)
class Power(Transform):
    """Mean of the squares of so many units, for each class."""

    each: int

    def shape_out(self, shape):
        return (int(np.prod(shape)) // self.each,)

    def values(self, x):
        return (x.reshape(*x.shape[:2], -1, self.each) ** 2).mean(-1)

    def adjoint(self, g, x, y):
        repeated = np.repeat(g, self.each, axis=-1).reshape(x.shape)
        return repeated * 2 / self.each * x


class Twice(Composite):
    """Two layers in a row."""

    def __init__(self, layers):
        self.layers = tuple(layers)


# the same maps, spelled out -----------------------------------------------------------------------


def convolve(layer, x, w):
    """`Conv`, unit by unit."""
    k, stride, p = layer.kernel, layer.stride, layer.padding
    n, t, height, width, _ = x.shape
    image = np.zeros((n, t, height + 2 * p, width + 2 * p, x.shape[4]))
    image[:, :, p : p + height, p : p + width] = x
    n_y, n_x = ((size + 2 * p - k) // stride + 1 for size in (height, width))
    out = np.zeros((n, t, n_y, n_x, layer.channels))
    for y in range(n_y):
        for z in range(n_x):
            patch = image[:, :, y * stride : y * stride + k, z * stride : z * stride + k]
            out[:, :, y, z] = patch.reshape(n, t, -1) @ w["weights"]
    return out


def pool(layer, x):
    """`Pool`, square by square."""
    k = layer.size
    out = np.zeros((*x.shape[:2], x.shape[2] // k, x.shape[3] // k, x.shape[4]))
    for y, z in np.ndindex(out.shape[2:4]):
        square = x[:, :, y * k : (y + 1) * k, z * k : (z + 1) * k]
        out[:, :, y, z] = square.max((2, 3)) if layer.how == "max" else square.mean((2, 3))
    return out


def flat(x):
    return x.reshape(*x.shape[:2], -1)


def late(x, delays):
    """What is heard of ``x`` (sample, time, n), spike by spike: a share in either of two steps."""
    heard = np.zeros(x.shape)
    for t in range(x.shape[1]):
        for i, delay in enumerate(delays):
            at = t + delay
            for step in (int(at), int(at) + 1):
                if step < x.shape[1]:
                    heard[:, step, i] += x[:, t, i] * (1 - abs(at - step))
    return heard


def delays_of(layer, w):
    return layer.longest / (1 + np.exp(-w["delays"][0]))


def adjoint_of_delayed(layer, g, x, w):
    """`adjoint` of a map that mixes steps: delays are linear between two whole ones."""
    given, delays = flat(x), delays_of(layer, w)
    g_heard, n_steps = flat(g) @ w["weights"].T, given.shape[1]
    by_weights = np.einsum("sti,stj->ij", late(given, delays), flat(g))
    ends = np.floor(delays) + [[0], [1]]
    between = late(given, ends[1]) - late(given, ends[0])
    by_delays = (between * g_heard).sum((0, 1)) * delays * (1 - delays / layer.longest)
    pulses = np.repeat(np.eye(n_steps)[:, :, None], given.shape[2], axis=2)
    g_x = np.einsum("tui,sui->sti", late(pulses, delays), g_heard)
    return {"weights": by_weights, "delays": by_delays[None]}, g_x.reshape(x.shape)


MAPS = {
    Delayed: lambda layer, x, w: late(flat(x), delays_of(layer, w)) @ w["weights"],
    Dense: lambda layer, x, w: flat(x) @ w["weights"],
    Biased: lambda layer, x, w: flat(x) @ w["weights"] + w["bias"],
    Scaled: lambda layer, x, w: (flat(x) @ w["weights"] + w["bias"]) * w["scale"],
    Conv: convolve,
    Recurrent: lambda layer, x, w: flat(x) @ w["weights"],
    Shift: lambda layer, x, w: x[..., np.arange(-1, x.shape[-1] - 1)] * w["weights"],
}
TRANSFORMS = {
    Pool: pool,
    Vote: lambda layer, x: np.stack(
        [part.mean(-1) for part in np.split(flat(x), layer.classes, axis=-1)], axis=-1
    ),
    Halved: lambda layer, x: sum(x[:, :, a::2, b::2] / 4 for a in (0, 1) for b in (0, 1)),
    Power: lambda layer, x: (
        sum(flat(x)[..., a :: layer.each] ** 2 for a in range(layer.each)) / layer.each
    ),
}


def adjoint(layer, g, x, w):
    """Gradients by the blocks and by ``x``: a map is linear in each of them, up to a constant."""
    if isinstance(layer, Delayed):
        return adjoint_of_delayed(layer, g, x, w)
    by_blocks = {}
    for name, block in w.items():
        at_zero = MAPS[type(layer)](layer, x, w | {name: np.zeros_like(block)})
        by_blocks[name] = np.zeros_like(block)
        for i in np.ndindex(block.shape):
            one = np.zeros_like(block)
            one[i] = 1
            moved = MAPS[type(layer)](layer, x, w | {name: one})
            by_blocks[name][i] = ((moved - at_zero) * g).sum()
    shape = x.shape[2:]
    units = np.eye(int(np.prod(shape))).reshape(-1, 1, *shape)
    matrix = MAPS[type(layer)](layer, units, w) - MAPS[type(layer)](layer, 0 * units, w)
    return by_blocks, (flat(g) @ matrix.reshape(len(units), -1).T).reshape(x.shape)


def norm(layer, currents, w, of_batch):
    """Currents (sample, time, ..., channel) normalised, and how a gradient goes back, step by step.

    By the batch's own statistics, or the running ones.
    """
    shape, n = currents.shape, currents[..., 0].size
    x = currents.reshape(-1, shape[-1])
    gain, shift, mean, variance = (w[name][0] for name in ("gain", "shift", "mean", "variance"))
    if of_batch:
        mean = x.mean(0)
        variance = ((x - mean) ** 2).mean(0)
    centred, root = x - mean, np.sqrt(variance + layer.norm.eps)
    out = gain * (centred / root) + shift

    def back(g):
        g = g.reshape(-1, shape[-1])
        by = {"shift": g.sum(0)[None], "gain": (g * centred / root).sum(0)[None]}
        g_centred, g_root = g * gain / root, -(g * gain * centred).sum(0) / root**2
        g_variance, none = g_root / (2 * root), np.zeros((1, shape[-1]))
        if of_batch:
            g_centred = g_centred + g_variance * 2 * centred / n
            by |= {"mean": none, "variance": none}
            g_x = g_centred - g_centred.sum(0) / n
        else:
            by |= {"mean": -g_centred.sum(0)[None], "variance": g_variance[None]}
            g_x = g_centred
        return by | {"batches": np.zeros((1, 1))}, g_x.reshape(shape)

    return out.reshape(shape), back


# the network in plain NumPy -----------------------------------------------------------------------


class Node:
    """A layer that has run: what it heard, did and gave. ``source``, ``shortcut``: numbers."""

    def __init__(self, layer, source, shortcut, heard):
        self.layer, self.source, self.shortcut, self.heard = layer, source, shortcut, heard
        self.neuron = self.w = self.v = self.z = self.out = self.hears = None


class Plain:
    """A network's forward pass, layer by layer; ``nodes`` in order, -1 is the input.

    Parameters
    ----------
    network : Network
    x : array (sample, time, *shape*)
    spike : callable
        As for `snnlab.textbook.neuron_forward`.
    resets : list of array, optional
        Spikes that reset the membranes, one array per spiking layer, instead of its own.
    dropout : list of array of bool, optional
        Per layer of neurons which units hear something.
    training : bool
        Whether norms take the statistics of this batch.
    """

    def __init__(
        self, network, x, spike=textbook.heaviside, resets=None, dropout=(), training=False
    ):
        self._training, self.shapes = training, {}
        self.x, self.spike, self.nodes = x.reshape(*x.shape[:2], *network.shape_in), spike, []
        self._neurons = iter(network.neurons)
        self._blocks = [b for b in network.blocks]
        self._flat = network.parameters
        self._resets = iter(resets) if resets is not None else None
        self._dropout = iter(dropout)
        self._run(network.layers, None)

    def out_of(self, k):
        return self.x if k < 0 else self.nodes[k].out

    def _run(self, layers, shortcut):
        for i, layer in enumerate(layers):
            below = len(self.nodes) - 1
            if isinstance(layer, Composite):
                self._run(layer.layers, below if isinstance(layer, Residual) else None)
            else:
                added = shortcut if i == len(layers) - 1 else None
                node = Node(layer, below, added, self.out_of(below))
                if isinstance(layer, Transform):
                    node.out = TRANSFORMS[type(layer)](layer, node.heard)
                else:
                    self._run_neurons(node)
                self.nodes.append(node)

    def _run_neurons(self, node):
        shape = node.layer.shape_out(node.heard.shape[2:])
        node.neuron = next(self._neurons)
        k = len(self.nodes)
        node.w = {b.name: np.array(b.of(self._flat)) for b in self._blocks if b.stage == k}
        drive = MAPS[type(node.layer)](node.layer, node.heard, node.w)
        if "gain" in node.w:
            of_batch = self._training or node.w["batches"] == 0
            drive, node.norm_back = norm(node.layer, drive, node.w, of_batch)
        drive = flat(drive)
        if node.shortcut is not None:
            beside = self.out_of(node.shortcut)
            self.shapes[node.shortcut] = beside.shape[2:]
            drive = drive + flat(carried(beside, shape))
        node.hears = next(self._dropout, np.ones(drive.shape[2], bool))
        drive = node.drive = drive * node.hears
        loop = node.w.get("recurrent")
        node.loop = None if loop is None else loop * node.hears
        given = drive, node.neuron, self.spike
        if self._resets is not None and isinstance(node.neuron, LIF):
            node.v, node.z = neuron_frozen(*given, next(self._resets), node.loop)
        else:
            node.v, node.z = textbook.neuron_forward(*given, node.loop)
        out = node.v if node.z is None else node.z
        node.out = out.reshape(*out.shape[:2], *shape)

    @property
    def readout(self):
        return flat(self.nodes[-1].out)

    @property
    def hidden(self):
        """The nodes whose spikes a penalty may be on."""
        return [node for node in self.nodes if node.neuron is not None][:-1]

    def backward(self, g_readout, g_spikes=None, adjoint=adjoint):
        """Gradients: by each block (a list), adjoint currents of the neurons (a list), by inputs.

        ``adjoint`` is that of the maps, as here; transforms have their own.
        """
        errors = {k: 0.0 for k in range(-1, len(self.nodes))}
        errors[len(self.nodes) - 1] = g_readout
        for node, g in zip(self.hidden, g_spikes or [], strict=False):
            if g is not None:
                errors[self.nodes.index(node)] = g
        blocks, currents = [], []
        for k in reversed(range(len(self.nodes))):
            node, error = self.nodes[k], errors[k]
            error = np.broadcast_to(
                flat(np.asarray(error)) if np.ndim(error) else error, flat(node.out).shape
            )
            if node.neuron is None:
                error = error.reshape(node.out.shape)
                g_x = node.layer.adjoint(error, node.heard, node.out)
            else:
                given = node.neuron, node.v, node.z, error, node.loop
                g_drive, g_i = textbook.neuron_backward(*given)
                g_drive, g_i = g_drive * node.hears, g_i * node.hears
                by_rest = by_constants(node, error)
                if node.shortcut is not None:
                    g = carried_back(g_drive.reshape(node.out.shape), self.shapes[node.shortcut])
                    errors[node.shortcut] = errors[node.shortcut] + flat(g)
                g_drive = g_drive.reshape(node.out.shape)
                if "gain" in node.w:
                    by_norm, g_drive = node.norm_back(g_drive)
                    by_rest |= by_norm
                if node.loop is not None:
                    heard = zip(
                        np.moveaxis(node.z[:, :-1], 1, 0),
                        np.moveaxis(g_i[:, 1:], 1, 0),
                        strict=True,
                    )
                    by_rest["recurrent"] = sum((z.T @ g for z, g in heard), 0 * node.loop)
                w = {name: x for name, x in node.w.items() if name not in by_rest}
                by_blocks, g_x = adjoint(node.layer, g_drive, node.heard, w)
                by_blocks = by_blocks | by_rest
                blocks = [by_blocks[name] for name in node.w] + blocks
                currents = [g_i, *currents]
            errors[node.source] = errors[node.source] + flat(g_x)
        return blocks, currents, errors[-1]


def by_constants(node, error):
    """Gradients by what is stored of the constants that a layer's neurons learn, step by step.

    The adjoint goes back in time as in `textbook.neuron_backward`; currents are those of the drive.
    """
    neuron, v, z = node.neuron, node.v, node.z
    if isinstance(neuron, ReLU):
        return by_ceilings(neuron, v, error)
    n_steps, n = v.shape[1:]
    a, b, g, v_th, hold = neuron.constants(n, v.dtype)
    p, coupling, jump = neuron.adaptation(n, v.dtype) if neuron.adapts else (0, 0, 0)
    fires, zero = z is not None, getattr(neuron, "reset", "") == "zero"
    z = z if fires else np.zeros_like(v)
    i = np.zeros((n_steps + 1, len(v), n))  # one step late
    for t in range(n_steps):
        i[t + 1] = a * i[t]
        if t >= neuron.delay:
            i[t + 1] += node.drive[:, t - neuron.delay]
        if node.loop is not None and t > 0:
            i[t + 1] += z[:, t - 1] @ node.loop
    by = {name: np.zeros(n) for name in ("tau_syn", "tau_mem", "v_th")}
    lv, li, lw = (np.zeros_like(v[:, 0]) for _ in range(3))
    for t in reversed(range(n_steps)):
        resting = np.zeros_like(lv, bool)
        for back in range(1, min(t, hold.max(initial=0)) + 1):
            resting |= (z[:, t - back] > 0) & (back <= hold)
        e = error[:, t] + jump * lw
        e = e if node.loop is None else e + li @ node.loop.T
        if fires:
            if not neuron.detach_reset:
                e = e - (b * v[:, t] if zero else v_th) * lv
            he = surrogate.slope(neuron.surrogate, v[:, t] - v_th, neuron.steepness) * e
            lv = (b * lv * (1 - z[:, t] if zero else 1) + he + coupling * lw) * ~resting
            lw = p * lw - g * lv
            by["v_th"] -= (he * ~resting * node.hears).sum(0)
        else:
            lv = b * lv + e
        li = a * li + g * lv
        by["tau_syn"] += (li * i[t]).sum(0)
        if t > 0:
            by["tau_mem"] += (lv * v[:, t - 1] * (1 - z[:, t - 1] if zero else 1)).sum(0)
            by["v_th"] -= 0 if zero else (lv * z[:, t - 1]).sum(0)
    stored = {"tau_syn": a * (1 - a), "tau_mem": b * (1 - b), "v_th": v_th}
    learned = {name: by[name] * stored[name] for name in neuron.learn}
    per_unit = neuron.learn_per == "unit"
    return {name: g[None] if per_unit else g.sum()[None, None] for name, g in learned.items()}


def by_ceilings(neuron, v, error):
    """Gradients by logarithms of ceilings: all of the error above, below what a floor takes off."""
    if not neuron.learn:
        return {}
    top = np.asarray(neuron.v_th)
    taken = neuron.activation(v) - v if neuron.levels else 0 * v
    share = np.where(v >= top, 1, np.where(v > 0, taken / top, 0))
    g = (error * share).sum((0, 1)) * top
    return {"v_th": g[None] if neuron.learn_per == "unit" else g.sum()[None, None]}


def carried(x, shape):
    """What a shortcut adds to units of a shape: places between others, and no new channels."""
    if x.shape[2:] == tuple(shape):
        return x
    out, every = np.zeros((*x.shape[:2], *shape)), -(-x.shape[2] // shape[0])
    for y, z, c in np.ndindex(*shape[:2], x.shape[4]):
        out[:, :, y, z, c] = x[:, :, y * every, z * every, c]
    return out


def carried_back(g, shape):
    """Its adjoint."""
    if g.shape[2:] == tuple(shape):
        return g
    out, every = np.zeros((*g.shape[:2], *shape)), -(-shape[0] // g.shape[2])
    for y, z, c in np.ndindex(*g.shape[2:4], shape[2]):
        out[:, :, y * every, z * every, c] = g[:, :, y, z, c]
    return out


def neuron_frozen(drive, neuron, spike, recorded, loop=None):
    """As `textbook.neuron_forward`, but what resets a membrane are the recorded spikes."""
    c = neuron.constants(drive.shape[2], np.float64)
    v, z, i = np.zeros_like(drive), np.zeros_like(drive), np.zeros_like(drive[:, 0])
    for t in range(drive.shape[1]):
        i = c.decay_syn * i
        if t >= neuron.delay:
            i = i + drive[:, t - neuron.delay]
        if loop is not None and t > 0:
            i = i + z[:, t - 1] @ loop
        v[:, t] = c.gain * i
        if t > 0 and neuron.reset == "subtract":
            v[:, t] += c.decay_mem * v[:, t - 1] - c.v_th * recorded[:, t - 1]
        elif t > 0:
            v[:, t] += c.decay_mem * v[:, t - 1] * (1 - recorded[:, t - 1])
        z[:, t] = spike(v[:, t] - c.v_th)
    return v, z


# networks -----------------------------------------------------------------------------------------

_again = Conv(2)
STACKS = {
    "dense": ((6,), 5, 4, 3),
    "conv": ((4, 4, 2), Conv(2), 3),
    "strided conv": ((5, 4, 1), Conv(3, kernel=2, stride=2, padding=1), Conv(2, padding=0), 3),
    "conv on conv": ((3, 4, 1), Conv(2), Conv(2, kernel=2), 3),
    "conv reads out": ((3, 3, 1), Conv(2), Conv(1, kernel=2, padding=0)),
    "the same conv twice": ((3, 3, 2), _again, _again, 3),
    "pool between": ((4, 4, 1), Conv(2), Halved(), Conv(2), 3),
    "pool first": ((4, 4, 1), Halved(), Conv(2), 3),
    "pool above dense": ((6,), Shift(), Power(2), 4, 3),
    "vote": ((6,), 5, 6, Power(2)),
    "vote on one layer": ((6,), 4, Power(2)),
    "pool and vote": ((4, 4, 1), Conv(2), Halved(), Power(4)),
    "max pool": ((4, 4, 2), Conv(2), Pool(), Conv(3), Pool(), 3),
    "max pool under dense": ((6, 6, 1), Conv(3), Pool(3), 4, 3),
    "average pool reads out": ((4, 4, 1), Conv(2), Pool(), Conv(3), Pool(2, "average")),
    "average pool": ((4, 6, 2), Pool(2, "average"), Conv(2), Pool(1, "average"), Vote(4)),
    "residual of a max pool": ((4, 4, 1), Conv(2), Pool(), Residual(Conv(2)), Conv(2), Vote(2)),
    "residual of convs": ((3, 3, 2), Residual(Conv(2), Conv(2)), 3),
    "residual of dense": ((6,), 5, Residual(Dense(5)), 4, 3),
    "residual of two dense": ((6,), 5, Residual(Dense(4), Dense(5)), 3),
    "residual first": ((6,), Residual(Dense(6)), 4, 3),
    "residual reads out": ((6,), 5, Residual(Dense(5))),
    "residual of a pool": ((4, 4, 1), Conv(2), Halved(), Residual(Conv(2)), 3),
    "residual in residual": ((3, 3, 2), Residual(Residual(Conv(2)), Conv(2)), 3),
    "residual that grows": ((4, 5, 1), Residual(Conv(3, stride=2)), Conv(3), Residual(Conv(4)), 3),
    "residual that pools": (
        (6, 6, 1),
        Conv(2),
        Residual(Conv(2), Pool(3), Conv(3, kernel=1)),
        Residual(Shift()),
        3,
    ),
    "residual on residual": ((5,), 4, Residual(Dense(4)), Residual(Shift()), 3),
    "composite": ((6,), Twice([Dense(5), Shift()]), 3),
    "shift": ((6,), Shift(), 5, Shift(), 3),
    "shift alone": ((4,), Shift()),
    "shift reads out": ((6,), 4, Shift()),
    "shift of images": ((3, 2, 4), Shift(), Conv(2), Shift(), 3),
    "biased": ((6,), Biased(5), Biased(3)),
    "recurrent": ((6,), Recurrent(5), 3),
    "recurrent between": ((6,), 5, Recurrent(4), Recurrent(5), 4, 3),
    "recurrent on images": ((4, 4, 1), Conv(2), Pool(), Recurrent(5), Power(1), 3),
    "residual of recurrent": ((6,), 5, Residual(Recurrent(4), Recurrent(5)), 3),
    "scaled": ((3, 2, 1), Conv(2), Scaled(7), Scaled(3)),
    "normalised convs": ((4, 4, 2), Conv(2, norm=BatchNorm()), Conv(3, 2, 2, norm=BatchNorm()), 3),
    "normalised dense": ((6,), Dense(5, norm=BatchNorm()), Dense(4, norm=BatchNorm()), 3),
    "a norm reads out": ((4, 4, 1), Conv(2), Pool(), Dense(3, norm=BatchNorm())),
    "residual of a norm": (
        (3, 3, 2),
        Residual(Conv(2), Conv(2, norm=BatchNorm())),
        Conv(2, norm=BatchNorm(eps=0.1)),
        3,
    ),
    "residual of a dense norm": ((6,), 5, Residual(Dense(5, norm=BatchNorm())), 3),
    "everything": (
        (4, 4, 1),
        Conv(2, norm=BatchNorm()),
        Halved(),
        Residual(Shift(), Conv(2)),
        Biased(6),
        8,
        Power(4),
    ),
    "delayed": ((6,), 5, Delayed(4, 3.0), 3),
    "delayed between": ((6,), 5, Delayed(4, 5.0), Delayed(5, 0.7), 3),
    "delayed on images": ((4, 4, 1), Conv(2), Pool(), Delayed(5, 2.0), Delayed(3, 4.0)),
    "residual of delayed": ((6,), 5, Residual(Delayed(4, 2.0), Delayed(5, 3.0)), 3),
}
INPUTS = ("events", "current", "values")


def model(
    rng, seed, k, n=None, *, reset, detach, surrogate, steepness, refractory, delays, learn, steep
):
    """A neuron that differs from layer to layer; with ``n`` also from unit to unit."""
    draw = (lambda low, high: rng.uniform(low, high, n)) if n else rng.uniform
    out = LIF(
        tau_mem=draw(1.5, 6.0),
        tau_syn=None if (seed + k) % 4 == 3 else draw(1.2, 4.0),
        dt=1.0,
        gain=draw(0.6, 1.2),
        v_th=draw(0.6, 1.2),
        reset=reset,
        delay=int(rng.integers(3)) if delays is None else delays,
        method=("exact", "euler")[rng.integers(2)],
        surrogate=surrogate,
        steepness=steepness,
        refractory=float(rng.integers(3)) if refractory else 0.0,
        detach_reset=detach,
    )
    if n and steep:
        out = out.replace(steepness=steepness * draw(0.5, 1.5))
    return learning(out, "unit" if n else "layer") if learn else out


def learning(neuron, per="unit"):
    """A neuron that learns what it can."""
    names = {"tau_mem", "tau_syn", "v_th"} & {*neuron.learnable}
    if neuron.tau_syn is None or getattr(neuron, "refractory", 0.0):
        names -= {"tau_syn"}
    return neuron.replace(learn=names, learn_per=per)


def make(
    stack,
    kind="events",
    *,
    seed=0,
    batch=4,
    n_steps=9,
    fires=False,
    reset="subtract",
    detach=False,
    surrogate="sigmoid",
    steepness=2.0,
    refractory=False,
    delays=None,
    dtype=np.float64,
    uniform=False,
    learn=False,
    steep=False,
    **settings,
):
    """A network and inputs in which something happens."""
    rng = np.random.default_rng([seed, n_steps, fires, INPUTS.index(kind)])
    layers = STACKS[stack] if isinstance(stack, str) else stack
    plain = Network(layers, LIF.grad_r(), n_steps=n_steps, rng=0, readout=LIF.grad_r())
    maps = [stage for stage in plain.stages if stage.neuron is not None]
    models = [
        model(
            rng,
            seed,
            k,
            stage.n if (seed + k) % 2 and not uniform else None,
            reset=reset,
            detach=detach,
            surrogate=surrogate,
            steepness=steepness,
            refractory=refractory,
            delays=delays,
            learn=learn,
            steep=steep,
        )
        for k, stage in enumerate(maps)
    ]
    if not fires:
        per = models[-1].learn_per
        models[-1] = models[-1].integrator()
        models[-1] = learning(models[-1], per) if learn else models[-1]
    network = Network(
        layers, models[:-1], readout=models[-1], n_steps=n_steps, rng=rng, dtype=dtype, **settings
    )
    fill(network, rng)
    return network, inputs_of(kind, batch, n_steps, network.sizes[0], rng)


def fill(network, rng):
    """Parameters with which something happens; norms have seen a batch."""
    for block in network.blocks:
        if block.name in ROWS:  # constants of neurons
            continue
        x = block.of(network.parameters)
        mean = 0.0 if block.name == "recurrent" else 0.9 if block.stage else 0.5
        if block.name == "delays":
            x[...] = rng.normal(0, 1, x.shape)
        elif block.name in ("gain", "variance"):
            x[...] = rng.uniform(0.7, 1.5, x.shape)
        elif block.name in ("shift", "mean", "batches"):
            x[...] = 1 if block.name == "batches" else rng.normal(0.5, 0.3, x.shape)
        else:
            x[...] = rng.normal(mean, 1.0, x.shape) / np.sqrt(block.rows) * 2


def inputs_of(kind, batch, n_steps, n, rng):
    """Random spikes, constant currents, or values that change."""
    if kind == "events":
        return SpikeTrains.from_dense(rng.random((batch, n_steps, n)) < 0.5)
    if kind == "current":
        return ConstantCurrent(rng.normal(0.4, 0.8, (batch, n)), n_steps)
    return Values(rng.normal(0.4, 1.0, (batch, n_steps, n)))


# what tests of single layers share ----------------------------------------------------------------

DENSE_ONLY = {  # takes no other layers than dense ones of LIF
    "a chip": lambda network, inputs: network.forward(inputs, on=Substrate(0)),
    "a compressed network": lambda network, inputs: network.compressed(),
    "attribution": lambda network, inputs: explain(network, inputs),
}


def assert_threads_change_no_bit(build, monkeypatch):
    """Of readout and gradients; ``build(workers)`` gives a network and its inputs."""
    monkeypatch.setattr("snnlab.passes.WORTH_SHARING", 0)
    found = []
    for workers in (1, 2, 3):
        network, inputs = build(workers)
        trace = network.forward(inputs)
        gradients = network.backward(trace, np.ones_like(trace.readout))
        found.append([x.tobytes() for x in (trace.readout, gradients.flat)])
    assert found[0] == found[1] == found[2]
