"""W5, a training step of a convolutional network: ``python benchmarks/speed/deep.py``.

Chen et al.'s network for CIFAR-10 with C channels: six convolutions (3x3) with a max-pool after the
third and the sixth, two dense layers (256, 100), ten units vote for each class; images of 32 x 32 x
3 as constant currents, `LIF.grad_r` neurons, squared error of rates, Adam; without a normaliser,
every layer scaled to 10 % activity. Beside it the same in PyTorch (eager and, with ``--compiled``,
compiled; channels last), SpikingJelly and snnTorch.

Gradients are compared before anything is timed. Then all take turns, step by step; printed are
medians, and of each peer the ratio to ours, round by round. One thread each, processor time; with
``--threads 2`` two, wall time, on a machine that does nothing else. ``--norm``: currents of the
convolutions are normalised over the batch; ours only.
"""

import argparse
import json
import math
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

import snnlab
from snnlab.layers import BatchNorm, Conv, Pool, Vote

CLASSES, POOLED = 10, (2, 5)  # convolutions above which there is a pool


def example(channels, n_steps, batch, *, side=32, dense=(256, 100), dtype=np.float32, **more):
    """A network, a batch of currents, and labels; ``more``: workers, and the neuron's settings."""
    rng, layers = np.random.default_rng(0), [(side, side, 3)]
    norm = BatchNorm() if more.pop("norm", False) else None
    for k in range(6):
        layers += [Conv(channels, norm=norm)] + [Pool()] * (k in POOLED)
    settings = {"n_steps": n_steps, "rng": 1, "dtype": dtype, "workers": more.pop("workers", None)}
    model, x = snnlab.LIF.grad_r(**more), rng.random((batch, side, side, 3))
    network = snnlab.Network((*layers, *dense, Vote(CLASSES)), model, readout=model, **settings)
    inputs = snnlab.ConstantCurrent(x.reshape(batch, -1).astype(dtype), n_steps)
    network.scale_to_activity(inputs, rate=0.1)
    last = network.weights[-1]
    last *= dtype(10 / np.sqrt(len(last)) / last.std())  # so that it is heard
    return network, inputs, rng.integers(0, CLASSES, batch)


class Ours:
    """snnlab."""

    def __init__(self, network, inputs, labels):
        self.network, self.inputs, self.labels = network.copy(), inputs, labels
        self.loss, self.adam = snnlab.losses.RateMSE(), snnlab.Adam(1e-4)
        self.trace = self.found = None

    def step(self, learning=True):
        """Forward, loss, backward and, if ``learning``, Adam; returns the loss."""
        self.trace = self.network.forward(self.inputs, out=self.trace, training=True)
        value, g = self.loss(self.trace.readout, self.labels)
        self.found = self.network.backward(self.trace, g, out=self.found)
        if learning:
            self.adam.step(self.network, self.found)
        return value

    def gradients(self):
        """Those of the last step, layer by layer."""
        return [np.array(g) for g in self.found]


class _Arctan(torch.autograd.Function):
    """Heaviside step; backwards arctan."""

    @staticmethod
    def forward(ctx, u, k):
        ctx.save_for_backward(u)
        ctx.k = k
        return (u > 0).to(u.dtype)

    @staticmethod
    def backward(ctx, g):
        (u,) = ctx.saved_tensors
        return g / (u.square().mul_(math.pi**2 * ctx.k / 2).add_(2 / ctx.k)), None


def _fires(currents, k):
    """Spikes of all steps, for currents (time, sample, ...)."""
    rest, out = 0.0, []
    for now in currents.unbind(0):
        v = rest + now / 2
        z = _Arctan.apply(v - 1, k)
        rest = v * (1 - z.detach()) / 2
        out.append(z)
    return torch.stack(out)


class Eager:
    """PyTorch: convolutions of all steps at once, channels last, a loop over time for neurons."""

    def __init__(self, network, inputs, labels, compiled=False):
        self.n_steps, self.k = network.n_steps, float(network.neurons[0].steepness)
        self.batch, self.side = len(inputs), network.shape_in[0]
        self.parameters = []
        for w in network.weights:
            w = torch.from_numpy(np.array(w))
            if len(self.parameters) < 6:
                w = w.reshape(3, 3, -1, w.shape[1]).permute(3, 2, 0, 1)
                w = w.contiguous(memory_format=torch.channels_last)
            else:
                w = w.T.contiguous()
            self.parameters.append(w.requires_grad_())
        x = torch.from_numpy(inputs.x).reshape(self.batch, self.side, self.side, 3)
        self.x = x.permute(0, 3, 1, 2)
        target = functional.one_hot(torch.from_numpy(labels), CLASSES)
        self.target = target.to(self.parameters[0].dtype)
        self.adam = torch.optim.Adam(self.parameters, lr=1e-4, fused=True)
        self.prepare()
        self.loss = torch.compile(self.value, dynamic=False) if compiled else self.value

    def prepare(self):
        """Neurons, where a library has them."""

    def fires(self, j, currents):
        """Spikes of layer j."""
        return _fires(currents, self.k)

    def value(self):
        """Forward and loss."""
        shape = self.n_steps, self.batch
        drive = functional.conv2d(self.x, self.parameters[0], padding=1)
        drive = drive.expand(self.n_steps, *drive.shape)
        for j, w in enumerate(self.parameters):
            if 0 < j < 6:
                drive = functional.conv2d(z, w, padding=1)  # noqa: F821
            elif j >= 6:
                drive = z @ w.T  # noqa: F821
            z = self.fires(j, drive.reshape(*shape, *drive.shape[-3 if j < 6 else -1 :]))
            z = z.flatten(0, 1)
            if j in POOLED:
                z = functional.max_pool2d(z, 2)
            if j == 5:
                z = z.permute(0, 2, 3, 1).flatten(1)
        rates = z.reshape(*shape, CLASSES, -1).mean((0, 3))
        return functional.mse_loss(rates, self.target)

    def step(self, learning=True):
        """Forward, loss, backward and, if ``learning``, Adam; returns the loss."""
        self.adam.zero_grad(set_to_none=True)
        value = self.loss()
        value.backward()
        if learning:
            self.adam.step()
        return value.item()

    def gradients(self):
        """Those of the last step, as ours lie."""
        out = []
        for w in self.parameters:
            g = w.grad.permute(2, 3, 1, 0).flatten(0, 2) if w.ndim == 4 else w.grad.T
            out.append(g.numpy())
        return out


class SpikingJelly(Eager):
    """Its multi-step neurons, in PyTorch."""

    def prepare(self):
        from spikingjelly.activation_based import neuron, surrogate

        self.nodes = [
            neuron.LIFNode(
                tau=2.0,
                v_reset=0.0,
                surrogate_function=surrogate.ATan(self.k),
                detach_reset=True,
                step_mode="m",
            )
            for _ in self.parameters
        ]

    def fires(self, j, currents):
        self.nodes[j].reset()
        return self.nodes[j](currents)


class SnnTorch(Eager):
    """`snntorch.Leaky`, a loop over time."""

    def prepare(self):
        import snntorch
        from snntorch import surrogate

        grad = surrogate.atan(alpha=self.k)
        self.nodes = [
            snntorch.Leaky(beta=0.5, spike_grad=grad, reset_mechanism="zero")
            for _ in self.parameters
        ]

    def fires(self, j, currents):
        mem, out = self.nodes[j].reset_mem(), []
        for now in currents.unbind(0):
            z, mem = self.nodes[j](now / 2, mem)
            out.append(z)
        return torch.stack(out)


def peers(compiled):
    """Makers of the peers that are installed, by name."""
    found = {"pytorch eager": Eager}
    if compiled:
        found["pytorch compiled"] = lambda *given: Eager(*given, compiled=True)
    if find_spec("spikingjelly") is not None:
        found["spikingjelly"] = SpikingJelly
    if find_spec("snntorch") is not None:
        found["snntorch"] = SnnTorch
    return found


def difference(ours, theirs):
    """Largest difference of a gradient, relative to the layer's largest."""
    ours.step(learning=False)
    theirs.step(learning=False)
    out = 0.0
    for a, b in zip(ours.gradients(), theirs.gradients(), strict=True):
        assert a.any(), "a gradient is zero: nothing is compared"
        out = max(out, float(np.abs(a - b).max() / np.abs(a).max()))
    return out


def check(compiled):
    """Gradients of a small network, in float64 (snnTorch: float32); returns the differences."""
    found = {}
    for name, make in peers(compiled).items():
        dtype = np.float32 if name == "snntorch" else np.float64
        given = example(8, 5, 3, side=8, dense=(40, 20), dtype=dtype)
        found[name] = difference(Ours(*given), make(*given))
        assert found[name] < (1e-10 if dtype == np.float64 else 1e-4), (name, found[name])
    return found


def measure(sides, rounds, processor):
    """Seconds of a step, (round, side); all take turns."""
    clock = time.process_time if processor else time.perf_counter
    for side in sides:
        side.step()
    seconds = np.empty((rounds, len(sides)))
    for k in range(rounds):
        for j in range(len(sides)) if k % 2 else reversed(range(len(sides))):
            began = clock()
            sides[j].step()
            seconds[k, j] = clock() - began
    return seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--channels", type=int, nargs="*", default=[32])
    parser.add_argument("--steps", type=int, nargs="*", default=[8])
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--surrogate", default="arctan")
    parser.add_argument("--steepness", type=float, default=2.0)
    parser.add_argument("--norm", action="store_true", help="batch normalisation, ours only")
    parser.add_argument("--compiled", action="store_true", help="compiled PyTorch, too")
    parser.add_argument("--alone", action="store_true", help="ours only")
    parser.add_argument("--output", type=Path)
    s = parser.parse_args()
    torch.set_num_threads(s.threads)
    makers = {} if s.alone else peers(s.compiled)
    for name, x in check(s.compiled).items() if makers else ():
        print(f"gradients of {name}: {x:.1e} from ours", flush=True)
    if s.surrogate != "arctan" or s.steepness != 2 or s.norm:
        makers = {}  # peers have the arctan
    records = []
    for channels in s.channels:
        for n_steps in s.steps:
            more = {"surrogate": s.surrogate, "steepness": s.steepness, "workers": s.threads}
            more["norm"] = s.norm
            network, *given = example(channels, n_steps, s.batch, **more)
            sides = [Ours(network, *given), *(make(network, *given) for make in makers.values())]
            seconds = measure(sides, s.rounds, s.threads == 1)
            rates = [t.counts().mean() / t.n_units / n_steps for t in sides[0].trace.spikes]
            print(f"C = {channels}, T = {n_steps}, batch {s.batch}, {s.threads} thread(s); "
                  f"activity {min(rates):.2f} to {max(rates):.2f}")  # fmt: skip
            for j, name in enumerate(["snnlab", *makers]):
                middle, ratio = np.median(seconds[:, j]), np.median(seconds[:, j] / seconds[:, 0])
                per_second = s.batch / middle
                print(
                    f"  {name:18} {1e3 * middle:8.1f} ms  {per_second:6.1f} images/s  x {ratio:.2f}"
                )
                records.append(
                    {
                        "channels": channels,
                        "n_steps": n_steps,
                        "batch": s.batch,
                        "threads": s.threads,
                        "surrogate": s.surrogate,
                        "norm": s.norm,
                        "name": name,
                        "seconds": float(middle),
                        "ratio": float(ratio),
                    }
                )
    if s.output:
        s.output.write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
