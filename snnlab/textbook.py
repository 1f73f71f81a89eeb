"""Forward and backward pass in plain NumPy: dense, batch-wise, a line per equation.

This is what the kernels compute, in the form in which one would write it on a board; they are
tested against it. Arrays are (sample, time, unit), weights (n_in, n_out). A layer is a
`snnlab.neurons.LIF` or `LeakyIntegrator`; its parameters, the equations and the order of operations
are explained in `snnlab.neurons`.
"""

import numpy as np

from snnlab._textbook import checked
from snnlab.neurons import LIF
from snnlab.rates import activation, activation_slope
from snnlab.surrogate import slope


@checked
def heaviside(u):
    """Step: a spike (1) where the potential is above the threshold."""
    return (u > 0).astype(u.dtype)


@checked
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
        Spikes; None for an integrator, activations of units that give rates.
    """
    return neuron_forward(x @ weights, neuron, spike)


@checked
def neuron_forward(drive, neuron, spike=heaviside, recurrent=None):
    """Its neurons, from what is sent to each in a step, (sample, time, n); returns v and z.

    ``recurrent`` (n, n), optional: weights with which they hear each other, a step later.
    """
    n_steps, n = drive.shape[1:]
    a, b, g, v_th, hold = neuron.constants(n, drive.dtype)
    fires, start = isinstance(neuron, LIF), np.asarray(neuron.v_init, drive.dtype)
    p, coupling, jump = neuron.adaptation(n, drive.dtype) if neuron.adapts else (0, 0, 0)
    i, w = np.zeros_like(drive[:, 0]), np.zeros_like(drive[:, 0])
    v, z = np.zeros_like(drive), np.zeros_like(drive)
    for t in range(n_steps):
        i = a * i
        if t >= neuron.delay:
            i = i + drive[:, t - neuron.delay]
        v_past, z_past = (v[:, t - 1], z[:, t - 1]) if t > 0 else (0 * i + start, 0 * i)
        i = i if recurrent is None else i + z_past @ recurrent
        if not fires:
            v[:, t] = b * v_past + g * i
        elif neuron.reset == "subtract":
            v[:, t] = b * v_past - v_th * z_past + g * i
        else:
            v[:, t] = b * v_past * (1 - z_past) + g * i
        if neuron.adapts:
            w = p * w + coupling * v_past + jump * z_past
            v[:, t] -= g * w
        if fires:
            v[:, t] *= ~_held(z, hold, t)
            z[:, t] = spike(v[:, t] - v_th)
    return v, (z if fires else activation(neuron, v))


def _held(z, hold, t):
    """Whether a neuron is refractory in step t: it spiked in one of the last ``hold`` steps."""
    held = np.zeros(z[:, t].shape, bool)
    for back in range(1, min(t, hold.max(initial=0)) + 1):
        held |= (z[:, t - back] > 0) & (back <= hold)
    return held


@checked
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
    g_drive, g_i = neuron_backward(neuron, v, z, error)
    return np.einsum("sti,stj->ij", x, g_drive), g_drive @ weights.T, g_i


@checked
def neuron_backward(neuron, v, z, error, recurrent=None):
    """Its neurons; returns gradients by the drive and by the current, which it feeds later on.

    That by ``recurrent`` is the sum over samples and steps of ``z[t - 1]`` times ``g_i[t]``.
    """
    n_steps, n = v.shape[1:]
    a, b, g, v_th, hold = neuron.constants(n, v.dtype)
    attached = isinstance(neuron, LIF) and not neuron.detach_reset
    p, coupling, jump = neuron.adaptation(n, v.dtype) if neuron.adapts else (0, 0, 0)
    g_i = np.zeros_like(v)
    lv, li, lw = (np.zeros_like(v[:, 0]) for _ in range(3))
    for t in reversed(range(n_steps)):
        e = error[:, t] + jump * lw
        e = e if recurrent is None else e + li @ recurrent.T
        if not isinstance(neuron, LIF):
            lv = b * lv + e * activation_slope(neuron, v[:, t])
        else:
            h = slope(neuron.surrogate, v[:, t] - v_th, neuron.steepness)
            if neuron.reset == "subtract":
                lv = b * lv + h * (e - attached * v_th * lv)
            else:
                lv = b * lv * (1 - z[:, t]) + h * (e - attached * b * v[:, t] * lv)
            lv = (lv + coupling * lw) * ~_held(z, hold, t)
            lw = p * lw - g * lv if neuron.adapts else lw
        li = a * li + g * lv
        g_i[:, t] = li
    g_drive = np.zeros_like(g_i)
    g_drive[:, : max(0, n_steps - neuron.delay)] = g_i[:, neuron.delay :]
    return g_drive, g_i


@checked
def forward(x, weights, neurons, spike=heaviside):
    """All layers; returns the trace, a list of (v, z) per layer. The last one is the readout."""
    trace = []
    for w, neuron in zip(weights, neurons, strict=True):
        v, z = layer_forward(x, w, neuron, spike)
        trace.append((v, z))
        x = z
    return trace


@checked
def readout(trace):
    """What a loss is given: the last layer's potentials, or its spikes if it spikes."""
    v, z = trace[-1]
    return v if z is None else z


@checked
def backward(x, weights, neurons, trace, g_readout, g_spikes=None):
    """All layers backwards, from the gradient by the readout; returns those by all weights.

    ``g_spikes``: per hidden layer a penalty's gradient by its spikes (broadcastable), or None.
    """
    inputs = [x] + [z for _, z in trace[:-1]]
    gradients, error = [None] * len(weights), g_readout
    for k in reversed(range(len(weights))):
        v, z = trace[k]
        gradients[k], error, _ = layer_backward(inputs[k], weights[k], neurons[k], v, z, error)
        if k > 0 and g_spikes is not None and g_spikes[k - 1] is not None:
            error = error + g_spikes[k - 1]
    return gradients
