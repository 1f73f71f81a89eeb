"""Steps in JAX, on constant currents and of a recurrent layer; see ``peers.py``, ``recurrent.py``.

It is timed in a process of its own: how many threads XLA uses is settled when it starts.
"""

import contextlib
import itertools
import multiprocessing
import os
import time
from functools import partial

import jax
import numpy as np
from jax import lax
from jax import numpy as jnp

BETA1, BETA2, EPS = 0.9, 0.999, 1e-8


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def spike(u, k):
    """Heaviside step; its derivative is arctan's, (k/2) / (1 + (pi k u / 2)^2)."""
    return (u > 0).astype(u.dtype)


@spike.defjvp
def _slope_of_spike(k, primals, tangents):
    (u,), (du,) = primals, tangents
    return spike(u, k), du * (k / 2) / (1 + jnp.square(jnp.pi / 2 * k * u))


def adam(state, gradients, lr, t):
    """Step t of Adam, from 1 on, for lists of weights and their two moments."""
    lr, root = lr / (1 - BETA1**t), 1 / (1 - BETA2**t)

    def of_layer(w, m, v, g):
        m = BETA1 * m + (1 - BETA1) * g
        v = BETA2 * v + (1 - BETA2) * g * g
        return w - lr * m / (jnp.sqrt(root * v) + EPS), m, v

    new = [of_layer(*given) for given in zip(*state, gradients, strict=True)]
    return tuple(map(list, zip(*new, strict=True)))


class Scan:
    """A loop over time by ``lax.scan``; the step, with Adam, is one compiled function.

    Parameters
    ----------
    at_once : bool
        Take the product with the readout for all steps at once, or step by step.
    unroll : bool
        Unroll the loop.
    """

    def __init__(self, network, batch_size, lr, at_once=True, unroll=False):
        self._read(*network.neurons)
        self.n_steps, self.at_once, self.unroll = network.n_steps, at_once, unroll
        w = [jnp.asarray(np.array(w)) for w in network.weights]
        self.state = w, [jnp.zeros_like(x) for x in w], [jnp.zeros_like(x) for x in w]
        self.lr, self.steps = lr, 0
        self._step = jax.jit(self._train, donate_argnums=0)

    def _read(self, neuron, readout):
        assert (neuron.reset, neuron.surrogate, neuron.decay_syn) == ("zero", "arctan", 0)
        assert (neuron.refractory, neuron.delay, neuron.detach_reset) == (0, 0, True)
        assert neuron == readout
        self.b, self.gain = float(neuron.decay_mem), float(neuron.gain)
        self.v_th, self.k = float(neuron.v_th), float(neuron.steepness)

    def prepare(self, inputs):
        """A batch of inputs as this peer wants to have it (not timed)."""
        return jnp.asarray(inputs.x, self.state[0][0].dtype)

    def targets(self, labels):
        """Its labels, likewise."""
        w = self.state[0][-1]
        return jax.nn.one_hot(labels, w.shape[1], dtype=w.dtype)

    def _fire(self, rest, arriving):
        """One step of a layer: what is left of its potential, and its spikes."""
        v = rest + arriving
        z = spike(v - self.v_th, self.k)
        return self.b * v * (1 - lax.stop_gradient(z)), z

    def _rates(self, weights, x):
        w_in, w_out = weights
        drive = self.gain * (x @ w_in)
        scan = partial(lax.scan, length=self.n_steps, unroll=self.n_steps if self.unroll else 1)
        zero = jnp.zeros_like(drive), jnp.zeros((len(x), w_out.shape[1]), x.dtype)
        if self.at_once:
            _, z = scan(lambda rest, _: self._fire(rest, drive), zero[0])
            _, out = scan(self._fire, zero[1], self.gain * (z @ w_out))
            return out.mean(axis=0)

        def step(rest, _):
            hidden, z = self._fire(rest[0], drive)
            readout, out = self._fire(rest[1], self.gain * (z @ w_out))
            return (hidden, readout), out

        return scan(step, zero)[1].mean(axis=0)

    def _loss(self, weights, x, target):
        return jnp.square(self._rates(weights, x) - target).mean()

    def _train(self, state, x, target, lr, t):
        value, gradients = jax.value_and_grad(self._loss)(state[0], x, target)
        return value, adam(state, gradients, lr, t)

    def step(self, x, target):
        """Forward, loss, backward and Adam; returns the loss."""
        self.steps += 1
        value, self.state = self._step(self.state, x, target, self.lr, float(self.steps))
        jax.block_until_ready(self.state)
        return float(value)

    def scores(self, x):
        """Class scores of a batch, without gradients."""
        return self._rates(self.state[0], x)

    def weights(self):
        """Arrays like ``network.weights``."""
        return [np.asarray(w) for w in self.state[0]]

    def gradients(self):
        """After the first step (from Adam's moments), as arrays like ``network.weights``."""
        return [np.asarray(m) / (1 - BETA1) for m in self.state[1]]


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def steep(u, k):
    """Heaviside step; its derivative is SuperSpike's, 1 / (k|u| + 1)^2."""
    return (u > 0).astype(u.dtype)


@steep.defjvp
def _slope_of_steep(k, primals, tangents):
    (u,), (du,) = primals, tangents
    return steep(u, k), du / jnp.square(k * jnp.abs(u) + 1)


class Recurrence(Scan):
    """A layer that hears itself, on spike latencies (``recurrent.py``); all of a step is compiled.

    ``at_once``: the product with the inputs is taken for all steps at once, or step by step.
    """

    def _read(self, neuron, readout):
        assert (neuron.reset, neuron.surrogate, neuron.gain) == ("subtract", "superspike", 1)
        assert neuron.integrator() == readout
        self.a, self.b = float(neuron.decay_syn), float(neuron.decay_mem)
        self.v_th, self.k = float(neuron.v_th), float(neuron.steepness)

    def prepare(self, inputs):
        dense = np.ascontiguousarray(inputs.to_dense().transpose(1, 0, 2))
        return jnp.asarray(dense, self.state[0][0].dtype)

    def _loss(self, weights, x, target):
        w_in, w_loop, w_out = weights
        zero = jnp.zeros((x.shape[1], w_loop.shape[0]), w_in.dtype)

        def step(state, now):
            i, v, z = state
            arriving = now if self.at_once else now @ w_in
            i = self.a * i + arriving + z @ w_loop
            v = self.b * v + i - self.v_th * lax.stop_gradient(z)
            z = steep(v - self.v_th, self.k)
            return (i, v, z), z

        def integrate(state, now):
            i = self.a * state[0] + now
            v = self.b * state[1] + i
            return (i, v), v

        scan = partial(lax.scan, unroll=10 if self.unroll else 1)
        _, z = scan(step, (zero, zero, zero), x @ w_in if self.at_once else x)
        out = z @ w_out
        _, v = scan(integrate, (jnp.zeros_like(out[0]), jnp.zeros_like(out[0])), out)
        # where several are the largest, the first is meant: `max` would share the slope among them
        best = jnp.take_along_axis(v, v.argmax(axis=0)[None], axis=0)[0]
        log_p = jax.nn.log_softmax(10.0 * best)  # `peers.SCALE`
        return -(log_p * target).sum(axis=1).mean()


def variants():
    """Variant's name -> function (network, batch_size, lr) -> peer."""
    return {
        f"readout {product}, {loop}": partial(Scan, at_once=at_once, unroll=unroll)
        for product, at_once in (("at once", True), ("by step", False))
        for loop, unroll in (("loop", False), ("unrolled", True))
    }


def start(threads, network, batches, labels):
    """Start a process that trains with so many threads; the pipe to it.

    Sent a variant's name and a number of steps, it answers with seconds per step. It ends when the
    pipe is closed.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    args = there, threads, network, batches, labels
    context.Process(target=_serve, args=args, daemon=True).start()
    there.close()
    return here


def _serve(pipe, threads, network, batches, labels):
    os.environ["NPROC"] = str(threads)  # read by XLA when it is first used
    runs = {}
    for name, make in variants().items():
        peer = make(network, len(labels), 0.0)
        turn = itertools.cycle([peer.prepare(batch) for batch in batches])
        runs[name] = peer, turn, peer.targets(labels)
    with contextlib.suppress(EOFError):
        while True:
            name, calls = pipe.recv()
            peer, turn, target = runs[name]
            began = time.perf_counter()
            for _ in range(calls):
                peer.step(next(turn), target)
            pipe.send((time.perf_counter() - began) / calls)
