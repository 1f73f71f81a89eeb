r"""Learned constants of neurons: how they are stored, and their gradients.

A neuron that learns has a block of parameters per constant, beside those of its layer's map
(``LIF.brainscales2(learn=("tau_mem", "v_th"))``). Rewiring leaves them alone, weight decay too, and
``Adam(rates={"tau_mem": 3.0})`` gives them a learning rate of their own. `Network.neurons` has the
constants of now.

What is stored is a number w without bounds, so that no step of an optimiser leads out of the range
of values that make sense:

=================== ===================== ===========================================
block               holds                 so that
=================== ===================== ===========================================
tau_mem, tau_syn    ln(b / (1 - b))       a decay b = 1 / (1 + exp(-w)) is in (0, 1)
v_th                ln(v_th)              a threshold exp(w) is above 0
=================== ===================== ===========================================

The decay rather than the time constant: so it is the same for both methods (Fang et al. 2021), and
where a neuron is slow, ``w = ln(tau / dt)``: a step changes every time constant by a share of it.

**Gradients.** With adjoints lI of the current and lV of the membrane, over samples and steps, ::

    by decay_syn   sum lI[t] I[t-1]
    by decay_mem   sum lV[t] v[t-1]             (zero reset: times 1 - z[t-1])
    by v_th        sum -h[t] e[t] - lV[t] z[t-1]  (zero reset: without the last term)

where e is the error at a spike and h the slope there. Of these v, z and lI are at hand, and the
rest follows: ``lV[t] = (lI[t] - a lI[t+1]) / g``, ``h[t] e[t] = lV[t] - b lV[t+1]`` (zero reset:
``b (1 - z[t]) lV[t+1]``), and I from the equation of v. Where neurons adapt (`snnlab.adaptive`),
that equation gives ``I - w``, and ``coupling lW[t+1]`` is taken from ``h[t] e[t]``, the adjoint
adaptation being ``lW[t] = p lW[t+1] - g lV[t]``. In a step of a refractory time nothing flows back,
and I cannot be told: ``tau_syn`` is not learned where there is one.
"""

from functools import partial

import numpy as np

from snnlab.kernels.constants import constants_backward_of

ROWS = {"tau_syn": 0, "tau_mem": 1, "v_th": 3}  # of a layer's constants
LEARNED = {"tau_syn": 0, "tau_mem": 1, "v_th": 2}  # of gradients by them
MOST = {"tau_syn": 50.0, "tau_mem": 50.0, "v_th": 69.0}  # beyond, it is 0, 1 or infinite in effect


def sizes(neuron, n):
    """Numbers that neurons of a layer of n learn: a dict of counts by name."""
    return dict.fromkeys(neuron.learn, n if neuron.learn_per == "unit" else 1)


def wanted(neuron):
    """Which gradients kernels find (`snnlab.kernels.lif.firing_back`): 0 none, 1, or 2 all."""
    return 0 if neuron.adapts else ("tau_syn" in neuron.learn) + bool(neuron.learn)


def stored(neuron, name, n):
    """What is stored of a learned constant's initial value, float64 (n,)."""
    given = np.asarray(getattr(neuron, name), float)
    if given.ndim and given.shape != (n,):
        raise ValueError(f"{name} has {given.size} values for a layer of {n} neurons")
    with np.errstate(over="ignore", divide="ignore"):
        if name == "v_th":
            w = np.log(given)
        elif neuron.method == "exact":
            x = neuron.dt / given
            w = -x - np.log(-np.expm1(-x))
        else:
            w = np.log1p(-neuron.dt / given) - np.log(neuron.dt / given)
    if not (np.abs(w) <= MOST[name]).all():
        limits = "1e-29 to 1e29" if name == "v_th" else f"about dt / {MOST[name]:g} to 1e21 dt"
        if neuron.method == "euler" and name != "v_th":
            limits += ", and above dt with method='euler'"
        raise ValueError(f"{name} must be within {limits} where it is learned")
    return np.broadcast_to(w, (n,))


def decay_or_threshold(name, w):
    """The constant that kernels are given, from what is stored; float64."""
    w = np.clip(np.asarray(w, np.float64), -MOST[name], MOST[name])
    return np.exp(w) if name == "v_th" else 1 / (1 + np.exp(-w))


def value(neuron, name, w):
    """The constant as a neuron's description has it: seconds, or a threshold; float64."""
    if name == "v_th":
        return decay_or_threshold(name, w)
    w = np.clip(np.asarray(w, np.float64), -MOST[name], MOST[name])
    left = np.logaddexp(0, -w) if neuron.method == "exact" else 1 / (1 + np.exp(w))
    return neuron.dt / left


def slope(name, w):
    """Derivative of `decay_or_threshold` by what is stored."""
    y = decay_or_threshold(name, w)
    y = y if name == "v_th" else y * (1 - y)
    return np.where(np.abs(w) < MOST[name], y, 0)


def current(neuron, views):
    """A neuron's description with the learned constants of now, from views of their blocks."""
    now = {}
    for name, w in views.items():
        x = value(neuron, name, w[0]).tolist()
        now[name] = tuple(x) if neuron.learn_per == "unit" else x[0]
    return neuron.replace(**now)


def gradients(neuron, v, z, g_i):
    """Gradients by ``decay_syn``, ``decay_mem`` and ``v_th`` in plain NumPy: what kernels compute.

    Parameters
    ----------
    neuron : LIF or LeakyIntegrator
    v, z : arrays (sample, time, n)
        Its trace; z is None for an integrator.
    g_i : array (sample, time, n)
        Adjoint current (`snnlab.textbook.neuron_backward`).

    Returns
    -------
    tuple of three arrays (n,)
    """
    a, b, g, v_th, hold = neuron.constants(v.shape[2], v.dtype)
    p, coupling, jump = neuron.adaptation(v.shape[2], v.dtype) if neuron.adapts else (0, 0, 0)
    subtracts, zero = (getattr(neuron, "reset", None) == how for how in ("subtract", "zero"))
    z = np.zeros_like(v) if z is None else z
    v_past, z_past = _past(v), _past(z)
    left = v_past * (1 - z_past) if zero else v_past
    l_v = (g_i - a * _future(g_i)) / g
    i = (v - b * left) / g
    if subtracts:
        i = i + v_th * z_past / g
    l_w, w = np.zeros_like(v), np.zeros_like(v)  # adjoint adaptation, a step late; adaptation
    for t in range(1, v.shape[1] if neuron.adapts else 0):
        w[:, t] = p * w[:, t - 1] + coupling * v[:, t - 1] + jump * z[:, t - 1]
        l_w[:, -1 - t] = p * l_w[:, -t] - g * l_v[:, -t]
    i = i + w
    back = b * _future(l_v) * (1 - z if zero else 1) + coupling * l_w
    h_e = l_v - np.where(_resting(z, hold), 0, back)
    reset = l_v * z_past if subtracts else 0
    return tuple(x.sum((0, 1)) for x in (g_i * _past(i), l_v * left, -h_e - reset))


def _past(x):
    """What was there a step before."""
    return np.concatenate([np.zeros_like(x[:, :1]), x[:, :-1]], axis=1)


def _future(x):
    """What is there a step later."""
    return np.concatenate([x[:, 1:], np.zeros_like(x[:, :1])], axis=1)


def _resting(z, hold):
    """Whether a neuron is held at rest: it spiked in one of the last ``hold`` steps."""
    out, past = np.zeros(z.shape, bool), z
    for back in range(1, min(z.shape[1], hold.max(initial=0) + 1)):
        past = _past(past)
        out |= (past > 0) & (back <= hold)
    return out


# in a backward pass -------------------------------------------------------------------------------


class LearnedBack:
    """Gradients by the learned constants of layer k, from those of its chunks."""

    def __init__(self, run, k):
        self.run, self.stage, self.constants = run, run.stages[k], run.constants[k]
        self.parts, record = run.g_constants[k], run.trace.records[k]
        self.work = None
        if self.stage.rates or self.stage.fills_constants:
            return  # they are there already
        v, z = record.potentials, record.bits
        if not self.stage.fires:
            v = run.scratch.padded(f"potentials {k}", record.values[:, ::-1], self.stage.width)
            z = np.empty((0, 1, 1), np.uint8)
        stage, kernel = self.stage, constants_backward_of(self.stage.width, self.stage.adapts)
        physics = self.constants, stage.hold, stage.zero_reset
        self.work = partial(kernel, v, z, run.g_currents[k], *physics, run.edges, self.parts)

    def finish(self):
        """Chunks summed in order, and what is stored in place of the constants."""
        stage, dtype = self.stage, self.parts.dtype
        with np.errstate(over="ignore", invalid="ignore"):  # a guard looks at gradients
            by = self.parts[:, :, : stage.n].sum(axis=0)
            gain = self.constants[2, : stage.n]
            heard = gain != 0  # units that were left out learn nothing
            by *= heard
            by[0] /= np.where(heard, gain, 1)
            for name, block in stage.learned.items():
                g = by[LEARNED[name]] * slope(name, stage.stored[name][0]).astype(dtype)
                out = block.padded(self.run.out.flat)
                out[...] = 0
                out[0, : block.columns] = g if stage.neuron.learn_per == "unit" else g.sum()


def check_fixed(network, what):
    """Refuse a network whose neurons learn."""
    for stage in network.stages:
        if stage.learned:
            raise ValueError(
                f"network has {stage.name}, whose neurons learn {', '.join(stage.learned)}: {what} "
                "takes constants that stay as they are; network.replace(neurons="
                "[m.replace(learn=()) for m in network.neurons]) has those of now"
            )
