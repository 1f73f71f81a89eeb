"""The step of W5 (``deep.py``) in PyTorch, SpikingJelly, snnTorch and JAX.

Each computes what `snnlab` computes for the network of ``deep.example``, which ``deep.py`` checks
before it times anything. Neurons are those of `LIF.grad_r`: potentials halve, input counts by half,
reset to zero, arctan's surrogate.

===================== ===========================================================================
pytorch eager         convolutions of all steps at once, channels last; a loop over time
pytorch compiled      the same, loss and all steps compiled as one
spikingjelly          the same convolutions, its multi-step `LIFNode`
snntorch              the same convolutions, `snntorch.Leaky`, a loop over time
jax                   ``lax.conv_general_dilated``, ``lax.scan``; loss, gradient, Adam as one
===================== ===========================================================================
"""

import math
from importlib.util import find_spec

import numpy as np
import torch
from peers import Arctan
from torch.nn import functional

CLASSES, POOLED = 10, (2, 5)  # convolutions above which there is a pool


def fires(currents, k):
    """Spikes of all steps, for currents (time, sample, ...)."""
    rest, out = 0.0, []
    for now in currents.unbind(0):
        v = rest + now / 2
        z = Arctan.apply(v - 1, k)
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
        return fires(currents, self.k)

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


class Jax:
    """JAX: all of a step is one compiled function."""

    def __init__(self, network, inputs, labels):
        import jax
        import peers_jax

        self.n_steps, self.k = network.n_steps, float(network.neurons[0].steepness)
        dtype, side = network.weights[0].dtype, network.shape_in[0]
        jax.config.update("jax_enable_x64", dtype == np.float64)
        self.jax, self.steps, n = jax, peers_jax, len(inputs)
        self.x = jax.numpy.asarray(inputs.x.reshape(n, side, side, 3))
        self.target = jax.nn.one_hot(labels, CLASSES, dtype=dtype)
        weights = []
        for w in network.weights:
            w = np.array(w)
            weights.append(w.reshape(3, 3, -1, w.shape[1]) if len(weights) < 6 else w)
        w = [jax.numpy.asarray(w) for w in weights]
        self.state = w, [0 * x for x in w], [0 * x for x in w]
        self.count, self.found = 0, None
        self.slopes = jax.jit(jax.value_and_grad(self.value))
        self.train = jax.jit(self.trained, donate_argnums=0)

    def fires(self, currents, stay=False):
        """Spikes of all steps, for currents (time, sample, ...) or, if they stay, (sample, ...)."""
        lax = self.jax.lax

        def step(rest, now):
            v = rest + (currents if stay else now) / 2
            z = self.steps.spike(v - 1, self.k)
            return v * (1 - lax.stop_gradient(z)) / 2, z

        first = self.jax.numpy.zeros_like(currents if stay else currents[0])
        return lax.scan(step, first, None if stay else currents, length=self.n_steps)[1]

    def conv(self, x, w):
        """A convolution of 3 x 3, padded."""
        kinds = "NHWC", "HWIO", "NHWC"
        return self.jax.lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=kinds)

    def pool(self, z):
        """The largest of each 2 x 2."""
        shape, lax = (1, 2, 2, 1), self.jax.lax
        return lax.reduce_window(z, -math.inf, lax.max, shape, shape, "VALID")

    def value(self, weights):
        """Forward and loss."""
        z, shape = None, (self.n_steps, len(self.x))
        for j, w in enumerate(weights):
            if j == 0:
                z = self.fires(self.conv(self.x, w), stay=True)
            else:
                drive = self.conv(z, w) if j < 6 else z @ w
                z = self.fires(drive.reshape(*shape, *drive.shape[1:]))
            z = z.reshape(-1, *z.shape[2:])
            if j in POOLED:
                z = self.pool(z)
            if j == 5:
                z = z.reshape(len(z), -1)
        rates = z.reshape(*shape, CLASSES, -1).mean((0, 3))
        return self.jax.numpy.square(rates - self.target).mean()

    def trained(self, state, t):
        """One step of Adam."""
        value, gradients = self.jax.value_and_grad(self.value)(state[0])
        return value, self.steps.adam(state, gradients, 1e-4, t)

    def step(self, learning=True):
        """Forward, loss, backward and, if ``learning``, Adam; returns the loss."""
        if learning:
            self.count += 1
            value, self.state = self.train(self.state, float(self.count))
        else:
            value, self.found = self.slopes(self.state[0])
        return float(value)

    def gradients(self):
        """Those of the last step without learning, as ours lie."""
        return [np.asarray(g).reshape(-1, g.shape[-1]) for g in self.found]


def makers(compiled):
    """Makers of the peers that are installed, by name."""
    found = {"pytorch-eager": Eager}
    if compiled:
        found["pytorch-compiled"] = lambda *given: Eager(*given, compiled=True)
    if find_spec("spikingjelly") is not None:
        found["spikingjelly"] = SpikingJelly
    if find_spec("snntorch") is not None:
        found["snntorch"] = SnnTorch
    if find_spec("jax") is not None:
        found["jax"] = Jax
    return found
