"""Slow, obvious twins of what the package computes fast; they import nothing from it.

Neurons are loops over one unit and plain Python floats, optimisers a line per equation. Parameters
are read from a neuron's attributes as the user gave them; decays are worked out here again.
"""

import math

import numpy as np


def per_unit(value, j):
    """Parameter of unit j: one value for all, or one per unit."""
    return value if value is None or np.ndim(value) == 0 else value[j]


def decay(tau, dt, method):
    """What is left after a step; no time constant means nothing."""
    if tau is None:
        return 0.0
    return math.exp(-dt / tau) if method == "exact" else 1.0 - dt / tau


def one_neuron(heard, neuron, j=0):
    """Potentials and spikes of unit j, which hears ``heard[t]``, the weighted input sent at step t.

    A unit without a threshold (no ``v_th``) never spikes.
    """
    a = decay(per_unit(neuron.tau_syn, j), neuron.dt, neuron.method)
    b = decay(per_unit(neuron.tau_mem, j), neuron.dt, neuron.method)
    gain = per_unit(neuron.gain, j)
    threshold = per_unit(getattr(neuron, "v_th", math.inf), j)
    hold = round(per_unit(getattr(neuron, "refractory", 0.0), j) / neuron.dt)
    current, v, z = 0.0, [], []
    for t in range(len(heard)):
        current *= a
        if t - neuron.delay >= 0:
            current += float(heard[t - neuron.delay])
        left = b * (v[t - 1] if t > 0 else per_unit(getattr(neuron, "v_init", 0.0), j))
        if t > 0 and z[t - 1]:
            left = left - threshold if neuron.reset == "subtract" else 0.0
        potential = left + gain * current
        if any(z[max(0, t - hold) : t]):
            potential = 0.0
        v.append(potential)
        z.append(potential > threshold)
    return v, z


def layer(x, weights, neuron):
    """All units of a layer: x (sample, time, n_in) in, v and z (sample, time, n) out."""
    shape = *x.shape[:2], weights.shape[1]
    v, z = np.zeros(shape), np.zeros(shape)
    for s in range(shape[0]):
        for j in range(shape[2]):
            heard = [
                sum(x[s, t, i] * weights[i, j] for i in range(len(weights)))
                for t in range(shape[1])
            ]
            v[s, :, j], z[s, :, j] = one_neuron(heard, neuron, j)
    return v, z


def network(x, weights, neurons):
    """Layer after layer; a list of (v, z)."""
    trace = []
    for w, neuron in zip(weights, neurons, strict=True):
        trace.append(layer(x, np.asarray(w, float), neuron))
        x = trace[-1][1]
    return trace


def psp(n_steps, a, b, weight=1.0, gain=1.0):
    """Potential after one spike at step 0: the geometric sum ``g w sum_k a^k b^(n - k)``."""
    n = np.arange(n_steps)
    if a == b:
        return gain * weight * (n + 1) * a**n
    return gain * weight * (b ** (n + 1) - a ** (n + 1)) / (b - a)


def firing_rate(v_end, tau, threshold=1.0, refractory=0.0):
    """Rate of a neuron reset to 0 whose membrane relaxes towards ``v_end`` (continuous time)."""
    if v_end <= threshold:
        return 0.0
    return 1 / (refractory + tau * math.log(v_end / (v_end - threshold)))


def adam(w, gradients, lr, beta1, beta2, eps, weight_decay, factors):
    """Weights after each step, as in the paper's algorithm 1, decoupled decay in front."""
    w, m, v, path = np.array(w, float), 0.0, 0.0, []
    for t, (g, factor) in enumerate(zip(gradients, factors, strict=True), start=1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
        w = w - lr * factor * weight_decay * w - lr * factor * m_hat / (np.sqrt(v_hat) + eps)
        path.append(w)
    return path


def sgd(w, gradients, lr, momentum, weight_decay, factors):
    """Weights after each step of heavy-ball descent."""
    w, velocity, path = np.array(w, float), 0.0, []
    for g, factor in zip(gradients, factors, strict=True):
        velocity = momentum * velocity + g
        w = w - lr * factor * (weight_decay * w + velocity)
        path.append(w)
    return path


def numerical_gradient(f, x, step=1e-5):
    """Central differences of the scalar ``f()`` by each entry of x, which is changed in place."""
    out = np.zeros_like(x)
    for k in np.ndindex(x.shape):
        kept = x[k]
        x[k] = kept + step
        high = f()
        x[k] = kept - step
        out[k] = (high - f()) / (2 * step)
        x[k] = kept
    return out
