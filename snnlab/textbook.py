"""Forward and backward pass in plain NumPy: dense, batch-wise, a line per equation.

This is what the kernels compute, in the form in which one would write it on a board; they are
tested against it. Arrays are (sample, time, unit), weights (n_in, n_out). A layer is a
`snnlab.neurons.LIF` or `LeakyIntegrator`; its parameters, the equations and the order of operations
are explained in `snnlab.neurons`.
"""

from functools import partial

import numpy as np

from snnlab import _check
from snnlab.neurons import LIF
from snnlab.surrogate import slope


def _spike(name, value):
    """A spike function whose outcome is looked at."""
    _check.function(name, value, 1)
    return lambda u: _check.array(f"what {name} returns", value(u), u.dtype, u.shape)


def _trace(name, value):
    """A trace, pairs of v and z."""
    pairs = [_check.sequence(name, pair, 2, "arrays, v and z") for pair in _layers(name, value)]
    if not pairs:
        raise ValueError(f"{name} must hold a layer or more")
    return [(_dense(name, v), z if z is None else _dense(name, z)) for v, z in pairs]


_dense = _check.like(_check.floats, None, None, None)
_layers = partial(_check.sequence, of="layers")
_neuron = _check.kind("LIF", "LeakyIntegrator")
_weights = _check.like(_check.floats, None, None)
_arguments = _check.given(
    **dict.fromkeys(("x", "drive", "v"), _dense),
    weights=_weights,
    neuron=_neuron,
    spike=_spike,
    trace=_trace,
)
_listed = _check.given(
    x=_dense,
    weights=_check.each(_weights, of="layers"),
    neurons=_check.each(_neuron, of="layers"),
    spike=_spike,
    trace=_trace,
    g_readout=_dense,
)  # of all layers


def heaviside(u):
    """Step: a spike (1) where the potential is above the threshold."""
    u = _check.floats("u", u)
    return (u > 0).astype(u.dtype)


@_arguments
def layer_forward(x, weights, neuron, spike=heaviside):
    """One dense layer through time.

    Parameters
    ----------
    x : array (sample, time, n_in)
        Input spikes, or any input.
    weights : array (n_in, n)
    neuron : LIF or LeakyIntegrator
    spike : callable
        z = spike(v - v_th); a soft step makes the whole network differentiable.

    Returns
    -------
    v : array (sample, time, n)
        Potentials as compared with the threshold.
    z : array (sample, time, n) or None
        Spikes; None for an integrator.
    """
    weights = _check.floats("weights", weights, x.shape[2], None)
    return neuron_forward(_check.finite("x or weights", x @ weights), neuron, spike)


@_arguments
def neuron_forward(drive, neuron, spike=heaviside):
    """Its neurons, whatever map made the currents; returns v and z.

    ``drive`` (sample, time, n) holds what is sent to each in a step, and arrives after the delay.
    """
    n_steps, n = drive.shape[1:]
    a, b, g, v_th, hold = neuron.constants(n, drive.dtype)
    fires = isinstance(neuron, LIF)
    i = np.zeros_like(drive[:, 0])
    v = np.zeros_like(drive)
    z = np.zeros_like(v)
    for t in range(n_steps):
        i = a * i
        if t >= neuron.delay:
            i = i + drive[:, t - neuron.delay]
        v_past, z_past = (v[:, t - 1], z[:, t - 1]) if t > 0 else (0 * i, 0 * i)
        if not fires:
            v[:, t] = b * v_past + g * i
        elif neuron.reset == "subtract":
            v[:, t] = b * v_past - v_th * z_past + g * i
        else:
            v[:, t] = b * v_past * (1 - z_past) + g * i
        _check.finite("drive (or x or weights)", v[:, t])
        if fires:
            v[:, t] *= ~_held(z, hold, t)
            z[:, t] = spike(v[:, t] - v_th)
    return v, (z if fires else None)


def _held(z, hold, t):
    """Whether a neuron is refractory in step t: it spiked in one of the last ``hold`` steps."""
    held = np.zeros(z[:, t].shape, bool)
    for back in range(1, min(t, hold.max(initial=0)) + 1):
        held |= (z[:, t - back] > 0) & (back <= hold)
    return held


@_arguments
def layer_backward(x, weights, neuron, v, z, error):
    """One dense layer backwards through time, reading the trace (v, z).

    Parameters
    ----------
    x, weights, neuron
        As in `layer_forward`.
    v, z : arrays (sample, time, n)
        Its trace, simulated or measured.
    error : array (sample, time, n)
        Gradient of the loss by z (by v for an integrator).

    Returns
    -------
    g_weights : array (n_in, n)
    g_x : array (sample, time, n_in)
        Gradient by the input.
    g_i : array (sample, time, n)
        Gradient by the synaptic current (the adjoint current).
    """
    x = _check.floats("x", x, *v.shape[:2], None)
    weights = _check.floats("weights", weights, x.shape[2], v.shape[2])
    g_drive, g_i = neuron_backward(neuron, v, z, error)
    g_weights = np.einsum("sti,stj->ij", x, g_drive)
    return _check.finite("error or x", g_weights), g_drive @ weights.T, g_i


@_arguments
def neuron_backward(neuron, v, z, error):
    """Its neurons; returns the gradients by the drive and by the synaptic current.

    The former is the latter as many steps later as the drive takes to arrive.
    """
    n_steps, n = v.shape[1:]
    a, b, g, v_th, hold = neuron.constants(n, v.dtype)
    fires = isinstance(neuron, LIF)
    error = _check.floats("error (or g_readout)", error, *v.shape)
    z = _check.floats("z (of trace)", z, *v.shape) if fires else None
    attached = fires and not neuron.detach_reset
    g_i = np.zeros_like(v)
    lv, li = np.zeros_like(v[:, 0]), np.zeros_like(v[:, 0])
    for t in reversed(range(n_steps)):
        if not fires:
            lv = b * lv + error[:, t]
        else:
            h = slope(neuron.surrogate, v[:, t] - v_th, neuron.steepness)
            if neuron.reset == "subtract":
                lv = b * lv + h * (error[:, t] - attached * v_th * lv)
            else:
                lv = b * lv * (1 - z[:, t]) + h * (error[:, t] - attached * b * v[:, t] * lv)
            lv = lv * ~_held(z, hold, t)
        li = a * li + g * lv
        g_i[:, t] = li
    g_drive = np.zeros_like(g_i)
    g_drive[:, : max(0, n_steps - neuron.delay)] = g_i[:, neuron.delay :]
    return g_drive, _check.finite("error (or g_readout)", g_i)


@_listed
def forward(x, weights, neurons, spike=heaviside):
    """All layers; returns the trace, a list of (v, z) per layer. The last one is the readout."""
    trace = []
    _layers("neurons", neurons, len(weights))
    for w, neuron in zip(weights, neurons, strict=True):
        v, z = layer_forward(x, w, neuron, spike)
        trace.append((v, z))
        x = z
    return trace


@_listed
def readout(trace):
    """What a loss is given: the last layer's potentials, or its spikes if it spikes."""
    v, z = trace[-1]
    return v if z is None else z


@_listed
def backward(x, weights, neurons, trace, g_readout, g_spikes=None):
    """All layers backwards; returns the gradient by each layer's weights.

    ``g_readout`` is the loss's gradient by the readout; ``g_spikes`` (optional, one entry per
    hidden layer, None or broadcastable to its spikes) a penalty's gradient by hidden spikes.
    """
    for name, value in (("neurons", neurons), ("trace", trace)):
        _layers(name, value, len(weights))
    if g_spikes is not None:
        g_spikes = _check.sequence("g_spikes", g_spikes, len(weights) - 1, "hidden layers")
    inputs = [x] + [z for _, z in trace[:-1]]
    gradients = [None] * len(weights)
    error = g_readout
    for k in reversed(range(len(weights))):
        v, z = trace[k]
        gradients[k], error, _ = layer_backward(inputs[k], weights[k], neurons[k], v, z, error)
        if k > 0 and g_spikes is not None and g_spikes[k - 1] is not None:
            error = error + _check.broadcast("g_spikes", g_spikes[k - 1], error)
    return gradients
