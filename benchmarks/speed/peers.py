"""The same training step in PyTorch, snnTorch and JAX, to compare speed with.

Everything here computes what `snnlab` computes for a network of one hidden layer, and `check`
proves it: gradients must agree before anything is timed. Arrays are (time, sample, unit), which
suits a loop over time best; dense inputs and targets are made beforehand and not timed.

On spike latencies (current-based LIF neurons, subtractive reset, SuperSpike surrogate,
leaky-integrator readout, softmax cross-entropy of the largest potential, Adam):

===================== ===========================================================================
pytorch by hand       forward and backward loop written out, no autograd, memory allocated once,
                      the products with inputs and readout as one matrix product over all steps
pytorch by hand,      the same, but the input product only adds rows of spiking inputs, as snnlab
  events              does (``embedding_bag`` and ``index_add_``): what the idea alone is worth
pytorch autograd      a loop over time, a custom surrogate function
snntorch              `snntorch.Synaptic` and `torch.nn.Linear`, a loop over time
===================== ===========================================================================

On constant currents (no synaptic filter, reset to zero, arctan surrogate, spiking readout, squared
error of rates, Adam), where the product with the input is taken once for all steps:

===================== ===========================================================================
pytorch eager         a loop over time, a custom surrogate function
pytorch compiled      the same, loss and all steps compiled as one
jax                   ``lax.scan``, loss, gradient and Adam compiled as one (``peers_jax.py``)
snntorch              `snntorch.Leaky` and `torch.nn.Linear`, a loop over time
===================== ===========================================================================

Each has variants (where the products stand and so on); the fastest is compared with.

Run as a script, this checks the gradients and stops. None of these is needed by the package.
"""

import contextlib
import math
from functools import partial
from importlib.util import find_spec

import numpy as np
import torch
from torch.nn import functional

SCALE = 10.0  # before the softmax, as in `speed.Latencies`


class _Peer:
    """Constants and weights of a snnlab network of one hidden layer; Adam over its own copy.

    Attributes
    ----------
    parameters : list of tensor (n_in, n_out)
    learning : bool
        Whether `step` also updates the weights.
    """

    def __init__(self, network, batch_size, lr):
        hidden, readout = network.neurons
        assert self.computes(hidden, readout)
        assert (hidden.refractory, hidden.delay, hidden.detach_reset) == (0, 0, True)
        self.a, self.b = float(hidden.decay_syn), float(hidden.decay_mem)
        self.gain, self.v_th = float(hidden.gain), float(hidden.v_th)
        self.k = float(hidden.steepness)
        self.n_in, self.n, self.n_out = network.sizes
        self.n_steps, self.batch_size = network.n_steps, batch_size
        self.parameters = [torch.from_numpy(np.array(w)) for w in network.weights]
        self.dtype = self.parameters[0].dtype
        self._build()
        self.optimizer = torch.optim.Adam(self.parameters, lr=lr, fused=True)

    @staticmethod
    def computes(hidden, readout):
        """Whether this peer computes a network of these neurons."""
        kind = hidden.reset, hidden.surrogate, hidden.gain
        return kind == ("subtract", "superspike", 1) and hidden.integrator() == readout

    def _build(self):
        for w in self.parameters:
            w.requires_grad_()

    def prepare(self, inputs):
        """A batch of inputs as this peer wants to have it (not timed)."""
        dense = inputs.to_dense(np.float32).swapaxes(0, 1)
        return torch.from_numpy(np.ascontiguousarray(dense)).to(self.dtype)

    def targets(self, labels):
        """Its labels, likewise."""
        return torch.from_numpy(labels)

    def loss(self, x, labels):
        """Forward and loss."""
        best = self.potentials(x).max(dim=0).values
        return functional.cross_entropy(SCALE * best, labels)

    def step(self, x, labels, learning=True):
        """Forward, loss, backward and, if ``learning``, Adam; returns the loss."""
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss(x, labels)
        loss.backward()
        if learning:
            self.optimizer.step()
        return loss.item()

    def scores(self, x):
        """Class scores of a batch, without gradients."""
        with torch.inference_mode():
            return self.potentials(x).amax(dim=0)

    def gradients(self):
        """After a step, as arrays like ``network.weights``."""
        return [self._array(w.grad) for w in self.parameters]

    def weights(self):
        """Arrays like ``network.weights``."""
        return [self._array(w.detach()) for w in self.parameters]

    @staticmethod
    def _array(w):
        return w.numpy()


class ByHand(_Peer):
    """Hand-written forward and adjoint loop over preallocated memory.

    Parameters
    ----------
    slope_at_once : bool
        Take the surrogate derivative of all steps at once (parallel, but through main memory) or
        step by step (in cache).
    events : bool
        Add rows of spiking inputs in place of the dense product.
    """

    def __init__(self, network, batch_size, lr, slope_at_once=False, events=False):
        self.slope_at_once, self.events = slope_at_once, events
        super().__init__(network, batch_size, lr)

    def _build(self):
        shape = self.n_steps, self.batch_size, self.n
        new = lambda *size: torch.zeros(size, dtype=self.dtype)  # noqa: E731
        # views of single steps are made once: indexing a tensor costs as much as the sum of a row
        self.i, self.v, self.z, self.e, self.li = (new(*shape) for _ in range(5))
        self.i_, self.v_, self.z_, self.e_, self.li_ = (
            list(x.unbind(0)) for x in (self.i, self.v, self.z, self.e, self.li)
        )
        self.flat = {k: getattr(self, k).view(-1, self.n) for k in ("i", "z", "e", "li")}
        self.g_v = new(self.n_steps, self.batch_size * self.n_out)
        self.lv, self.one, self.u = (
            new(*shape[1:]),
            torch.ones((), dtype=self.dtype),
            new(*shape[1:]),
        )
        self.rows = torch.arange(self.batch_size)
        for w in self.parameters:
            w.grad = torch.zeros_like(w)
        # the readout filters linearly: its potentials are one product with the impulse response
        response, current, potential = np.zeros(self.n_steps), 1.0, 0.0
        for d in range(self.n_steps):
            potential = self.b * potential + current
            response[d] = potential
            current *= self.a
        lag = np.subtract.outer(np.arange(self.n_steps), np.arange(self.n_steps))
        filter_ = np.where(lag >= 0, response[np.maximum(lag, 0)], 0)
        self.filter = torch.from_numpy(filter_).to(self.dtype)
        self.filter_back = self.filter.T.contiguous()

    def prepare(self, trains):
        if not self.events:
            return super().prepare(trains)
        z = trains.to_dense(np.bool_).swapaxes(0, 1).reshape(-1, self.n_in)
        row, unit = (torch.from_numpy(x.copy()) for x in np.nonzero(z))
        return row, unit, torch.searchsorted(row, torch.arange(len(z)))

    def _arriving(self, x):
        """Input product of all steps, (time, sample, hidden)."""
        w = self.parameters[0]
        if self.events:
            _, unit, first = x
            return functional.embedding_bag(unit, w, first, mode="sum").view(self.i.shape)
        torch.mm(x.view(-1, self.n_in), w, out=self.flat["i"])
        return self.i

    def forward(self, x):
        """Readout potentials (time, sample * class); keeps v and z of all steps."""
        a, b, v_th = self.a, self.b, self.v_th
        v, z = self.v_, self.z_
        arriving = self._arriving(x)
        i = self.i_ if arriving is self.i else list(arriving.unbind(0))
        add, gt = torch.add, torch.gt
        v[0].copy_(i[0])
        gt(v[0], v_th, out=z[0])
        for t in range(1, self.n_steps):
            i[t].add_(i[t - 1], alpha=a)
            add(i[t], v[t - 1], alpha=b, out=v[t]).sub_(z[t - 1], alpha=v_th)
            gt(v[t], v_th, out=z[t])
        return self._readout()

    def scores(self, x):
        a, b, v_th, z = self.a, self.b, self.v_th, self.z_
        i = list(self._arriving(x).unbind(0))
        v = self.lv
        v.copy_(i[0])
        torch.gt(v, v_th, out=z[0])
        for t in range(1, self.n_steps):
            i[t].add_(i[t - 1], alpha=a)
            v.mul_(b).add_(i[t]).sub_(z[t - 1], alpha=v_th)
            torch.gt(v, v_th, out=z[t])
        return self._readout().view(self.n_steps, self.batch_size, -1).amax(dim=0)

    def _readout(self):
        # ten wide: the product is twice as fast with the narrow side in front
        arriving = torch.mm(self.parameters[1].T.contiguous(), self.flat["z"].T).T.contiguous()
        return torch.mm(self.filter, arriving.view(self.n_steps, -1))

    def step(self, x, labels, learning=True):
        with torch.inference_mode():
            v_out = self.forward(x).view(self.n_steps, self.batch_size, self.n_out)
            best, when = v_out.max(dim=0)
            log_p = torch.log_softmax(SCALE * best, dim=1)
            loss = -log_p[self.rows, labels].mean()
            g_best = log_p.exp_()
            g_best[self.rows, labels] -= 1
            g_best *= SCALE / self.batch_size
            self.g_v.zero_()
            self.g_v.view(v_out.shape).scatter_(0, when[None], g_best[None])
            self.backward(x)
        if learning:
            self.optimizer.step()
        return loss.item()

    def backward(self, x):
        """Adjoint loop: fills the gradients of both weight matrices."""
        a, b = self.a, self.b
        w_in, w_out = self.parameters
        li_out = torch.mm(self.filter_back, self.g_v).view(-1, self.n_out)
        # several times faster than z.T @ li_out
        w_out.grad.copy_(torch.mm(li_out.T, self.flat["z"]).T)
        torch.mm(li_out, w_out.T, out=self.flat["e"])
        v, e, li, lv, one = self.v_, self.e_, self.li_, self.lv, self.one
        add = torch.add
        lv.zero_()
        if self.slope_at_once:
            slope = self.v.sub_(self.v_th).abs_()
            self.e.div_(add(one, slope, alpha=self.k, out=slope).square_())
        for t in range(self.n_steps - 1, -1, -1):
            if self.slope_at_once:
                lv.mul_(b).add_(e[t])
            else:
                u = v[t].sub_(self.v_th).abs_()
                add(one, u, alpha=self.k, out=u).square_()
                lv.mul_(b).addcdiv_(e[t], u)
            if t == self.n_steps - 1:
                li[t].copy_(lv)
            else:
                add(lv, li[t + 1], alpha=a, out=li[t])
        if self.events:
            row, unit, _ = x
            w_in.grad.zero_().index_add_(0, unit, self.flat["li"].index_select(0, row))
        else:
            torch.mm(x.view(-1, self.n_in).T, self.flat["li"], out=w_in.grad)


class Spike(torch.autograd.Function):
    """Heaviside step; backwards SuperSpike, 1 / (k|u| + 1)^2."""

    @staticmethod
    def forward(ctx, u, k):
        ctx.save_for_backward(u)
        ctx.k = k
        return (u > 0).to(u.dtype)

    @staticmethod
    def backward(ctx, g):
        (u,) = ctx.saved_tensors
        return g / (ctx.k * u.abs() + 1).square(), None


class Autograd(_Peer):
    """Eager PyTorch; the products over all steps at once or step by step."""

    def __init__(self, network, batch_size, lr, at_once=True):
        self.at_once = at_once
        super().__init__(network, batch_size, lr)

    def potentials(self, x):
        """Readout potentials, (time, sample, class)."""
        w_in, w_out = self.parameters
        a, b, v_th = self.a, self.b, self.v_th
        arriving = (x @ w_in).unbind(0) if self.at_once else None
        i = v = z = io = vo = None
        spikes, out = [], []
        for t in range(self.n_steps):
            now = arriving[t] if self.at_once else x[t] @ w_in
            i = now if t == 0 else torch.add(now, i, alpha=a)
            if t == 0:
                v = i
            else:
                v = torch.add(i, v, alpha=b).sub_(z.detach(), alpha=v_th)
            z = Spike.apply(v - v_th, self.k)
            spikes.append(z)
        heard = (torch.stack(spikes) @ w_out).unbind(0) if self.at_once else None
        for t in range(self.n_steps):
            now = heard[t] if self.at_once else spikes[t] @ w_out
            io = now if t == 0 else torch.add(now, io, alpha=a)
            vo = io if t == 0 else torch.add(io, vo, alpha=b)
            out.append(vo)
        return torch.stack(out)


class SnnTorch(_Peer):
    """snnTorch's second-order neurons; the products over all steps at once or as its tutorials."""

    def __init__(self, network, batch_size, lr, at_once=True):
        self.at_once = at_once
        super().__init__(network, batch_size, lr)

    def _neurons(self):
        import snntorch
        from snntorch import surrogate

        grad = surrogate.fast_sigmoid(slope=self.k)
        constants = {"alpha": self.a, "beta": self.b, "threshold": self.v_th, "spike_grad": grad}
        resets = "subtract", "none"
        return [snntorch.Synaptic(**constants, reset_mechanism=name) for name in resets]

    def _build(self):
        self.hidden, self.readout = (neuron.to(self.dtype) for neuron in self._neurons())
        self.fc = []
        for w in self.parameters:
            layer = torch.nn.Linear(*w.shape, bias=False, dtype=self.dtype)
            layer.weight.data = w.T.contiguous()
            self.fc.append(layer)
        self.parameters = [layer.weight for layer in self.fc]

    def potentials(self, x):
        """Readout potentials, (time, sample, class)."""
        fc_in, fc_out = self.fc
        hidden, readout = self.hidden, self.readout
        syn, mem = hidden.reset_mem()
        syn_out, mem_out = readout.reset_mem()
        out = []
        if not self.at_once:
            for t in range(self.n_steps):
                spikes, syn, mem = hidden(fc_in(x[t]), syn, mem)
                _, syn_out, mem_out = readout(fc_out(spikes), syn_out, mem_out)
                out.append(mem_out)
            return torch.stack(out)
        spikes = []
        for now in fc_in(x).unbind(0):
            z, syn, mem = hidden(now, syn, mem)
            spikes.append(z)
        for now in fc_out(torch.stack(spikes)).unbind(0):
            _, syn_out, mem_out = readout(now, syn_out, mem_out)
            out.append(mem_out)
        return torch.stack(out)

    @staticmethod
    def _array(w):
        return w.T.numpy()


class Arctan(Spike):
    """Heaviside step; backwards arctan, (k/2) / (1 + (pi k u / 2)^2)."""

    @staticmethod
    def backward(ctx, g):
        (u,) = ctx.saved_tensors
        return g / (u.square().mul_(math.pi**2 * ctx.k / 2).add_(2 / ctx.k)), None


def _rates(x, w_in, w_out, b, gain, v_th, k, n_steps, at_once):
    """Firing rates of the readout, (sample, class); x is what feeds the inputs in every step."""

    def fire(arriving, rest):
        v = arriving if rest is None else arriving + rest
        z = Arctan.apply(v - v_th, k)
        return z, v * torch.rsub(z.detach(), b, alpha=b)

    # ten wide: with the narrow side in front the product and its gradients take half the time
    w_out = gain * w_out.T.contiguous()
    drive = gain * (x @ w_in)
    rest = rest_out = None
    spikes, out = [], []
    for _ in range(n_steps):
        z, rest = fire(drive, rest)
        spikes.append(z)
    heard = (w_out @ torch.cat(spikes).T).T.view(n_steps, len(x), -1).unbind(0) if at_once else None
    for t in range(n_steps):
        now = heard[t] if at_once else (w_out @ spikes[t].T).T
        z, rest_out = fire(now, rest_out)
        out.append(z)
    return torch.stack(out).mean(dim=0)


def _rate_loss(x, target, *network):
    return functional.mse_loss(_rates(x, *network), target)


class _Current(_Peer):
    """Constant input, spiking readout, squared error of its rates."""

    @staticmethod
    def computes(hidden, readout):
        kind = hidden.reset, hidden.surrogate, hidden.decay_syn
        return kind == ("zero", "arctan", 0) and hidden == readout

    def prepare(self, inputs):
        return torch.from_numpy(inputs.x).to(self.dtype)

    def targets(self, labels):
        return functional.one_hot(torch.from_numpy(labels), self.n_out).to(self.dtype)

    def loss(self, x, target):
        return functional.mse_loss(self.rates(x), target)

    def scores(self, x):
        with torch.inference_mode():
            return self.rates(x)


class CurrentAutograd(_Current):
    """Eager or compiled PyTorch; the product with the readout for all steps at once or by step."""

    def __init__(self, network, batch_size, lr, compiled=False, at_once=True):
        super().__init__(network, batch_size, lr)
        self.objective = _rate_loss
        if compiled:  # for these shapes; an error where part of it could not be
            self.objective = torch.compile(_rate_loss, fullgraph=True, dynamic=False)
        self.rest = self.b, self.gain, self.v_th, self.k, self.n_steps, at_once

    def rates(self, x):
        return _rates(x, *self.parameters, *self.rest)

    def loss(self, x, target):
        return self.objective(x, target, *self.parameters, *self.rest)


class CurrentSnnTorch(_Current, SnnTorch):
    """snnTorch's first-order neurons; the product with the readout at once or as its tutorials."""

    def _neurons(self):
        import snntorch
        from snntorch import surrogate

        grad = surrogate.atan(alpha=self.k)
        constants = {"beta": self.b, "threshold": self.v_th, "spike_grad": grad}
        return [snntorch.Leaky(**constants, reset_mechanism="zero") for _ in range(2)]

    def rates(self, x):
        fc_in, fc_out = self.fc
        mem, mem_out = self.hidden.reset_mem(), self.readout.reset_mem()
        drive = self.gain * fc_in(x)
        spikes, out = [], []
        for _ in range(self.n_steps):
            z, mem = self.hidden(drive, mem)
            spikes.append(z)
        heard = (self.gain * fc_out(torch.stack(spikes))).unbind(0) if self.at_once else None
        for t in range(self.n_steps):
            now = heard[t] if self.at_once else self.gain * fc_out(spikes[t])
            z, mem_out = self.readout(now, mem_out)
            out.append(z)
        return torch.stack(out).mean(dim=0)


def variants(current=False):
    """Peer's name -> variant's name -> function (network, batch_size, lr) -> peer."""
    if current:
        products = {"readout at once": {"at_once": True}, "readout by step": {"at_once": False}}
        kinds = {
            "pytorch-eager": partial(CurrentAutograd, compiled=False),
            "pytorch-compiled": partial(CurrentAutograd, compiled=True),
            "snntorch": CurrentSnnTorch,
        }
        found = {
            name: {variant: partial(kind, **options) for variant, options in products.items()}
            for name, kind in kinds.items()
        }
        if find_spec("jax") is not None:
            import peers_jax

            found["jax"] = peers_jax.variants()
    else:
        found = {
            "pytorch-by-hand": {
                "slope by step": ByHand,
                "slope at once": partial(ByHand, slope_at_once=True),
            },
            "pytorch-by-hand-events": {
                "slope by step": partial(ByHand, events=True),
                "slope at once": partial(ByHand, events=True, slope_at_once=True),
            },
            "pytorch-autograd": {
                "products at once": Autograd,
                "products by step": partial(Autograd, at_once=False),
            },
            "snntorch": {
                "products at once": SnnTorch,
                "products by step (tutorial)": partial(SnnTorch, at_once=False),
            },
        }
    if find_spec("snntorch") is None:
        del found["snntorch"]
    return found


def _example(current, x, dtype, rng):
    """A small network, its input, the loss."""
    import snnlab
    from snnlab import encode, losses

    if current:
        neuron = snnlab.LIF.grad_r()
        inputs, options = snnlab.ConstantCurrent(x, 8), {"readout": neuron, "spread": 4.0}
        loss, activity = losses.RateMSE(), 60
    else:
        code = {"n_steps": 20, "dt": 34e-6 / 20}
        neuron = snnlab.LIF.brainscales2(dt=code["dt"])
        inputs, options = encode.latency(x, **code), {}
        loss, activity = losses.MaxOverTime(scale=SCALE), 25
    network = snnlab.Network(
        (x.shape[1], 30, 5), neuron, n_steps=inputs.n_steps, rng=rng, dtype=dtype, **options
    )
    return network.scale_to_activity(inputs, activity), inputs, loss


def check(current=False, batch_size=16):
    """Compare each peer's loss, scores, gradients and Adam step with snnlab's at a small size.

    In float64 to 1e-10 (all but snnTorch), in float32 to rounding (1e-4 of the largest value; the
    surrogate's steepness of 50 multiplies rounding errors of the potential).

    Returns
    -------
    dict
        (peer, variant, type) -> largest difference of a gradient, relative to the largest gradient.
    """
    import snnlab

    wide, differences = contextlib.nullcontext, {}
    if current and find_spec("jax") is not None:
        from jax import enable_x64 as wide
    for dtype, tolerance in ((np.float64, 1e-10), (np.float32, 1e-4)):
        rng = np.random.default_rng(1)
        x = rng.random((batch_size, 40), np.float32)
        labels = rng.integers(0, 5, batch_size)
        network, given, loss = _example(current, x, dtype, rng)
        trace = network.forward(given)
        assert trace.readout.any()
        value, g_readout = loss(trace.readout, labels)
        ours = network.backward(trace, g_readout)
        after = network.copy()
        snnlab.Adam(lr=1e-3).step(after, ours)
        scores = loss.scores(trace.readout) / getattr(loss, "scale", 1)
        for name, options in variants(current).items():
            if name == "snntorch" and dtype == np.float64:
                continue  # its surrogates emit float32 whatever the weights are
            for variant, make in options.items():
                with wide(dtype == np.float64):
                    peer = make(network, batch_size, 1e-3)
                    inputs = peer.prepare(given)
                    theirs = np.asarray(peer.scores(inputs))
                    their_value = peer.step(inputs, peer.targets(labels))
                    gradients, weights = peer.gradients(), peer.weights()
                largest = 0.0
                assert np.abs(theirs - scores).max() <= tolerance * np.abs(scores).max(), name
                assert abs(their_value - value) <= tolerance * abs(value), name
                for g, theirs in zip(ours, gradients, strict=True):
                    difference = float(np.abs(g - theirs).max() / np.abs(g).max())
                    assert difference <= tolerance, (name, variant, dtype, difference)
                    largest = max(largest, difference)
                for w, theirs in zip(after.weights, weights, strict=True):
                    # where a gradient is next to zero, Adam's first step has the rounding's sign
                    assert np.mean(np.abs(w - theirs) > 1e-5) < 0.01, (name, variant, "Adam")
                differences[name, variant, np.dtype(dtype).name] = largest
    torch.compiler.reset()  # forget what was compiled for this size
    return differences


if __name__ == "__main__":
    for (name, variant, dtype), difference in (check() | check(current=True)).items():
        print(f"{name:24}{variant:30}{dtype:9}{difference:.1e}")
