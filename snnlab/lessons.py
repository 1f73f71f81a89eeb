"""Small experiments of the course on rewiring, which its panels show and its exercises check."""

import functools
from dataclasses import dataclass

import numpy as np

from snnlab import _check

N_WIRES = 200  # of the cloud
NEEDED = slice(0, 30), slice(15, 45)  # wires that the task needs at first, and later
CLOUD_STEPS = 600
BATCH, NOISE = 10, 0.3


@dataclass
class Cloud:
    """What `cloud` returns.

    Attributes
    ----------
    theta : array (step + 1, wire)
        Strengths, before the first step and after each.
    change : int
        Steps after which the task changed.
    needed : array of bool (2, wire)
        Wires that the task needs, before and after the change.
    centre : float
        Where the pull turns round, mu; minus infinity if there is no pull.
    error : array (step,)
        Mean squared error of each batch.
    """

    theta: np.ndarray
    change: int
    needed: np.ndarray
    centre: float
    error: np.ndarray

    @property
    def active(self):
        """Which wires exist, array of bool (step + 1, wire)."""
        return self.theta > 0

    @property
    def pruned(self):
        """How many wires went in each step, array of int (step,)."""
        return (self.active[:-1] & ~self.active[1:]).sum(axis=1)

    @property
    def regrown(self):
        """How many came back in each step, array of int (step,)."""
        return (~self.active[:-1] & self.active[1:]).sum(axis=1)

    @property
    def kept(self):
        """How many of the wires that the task needs at the end exist at the end."""
        return int((self.active[-1] & self.needed[1]).sum())


def cloud(*, alpha, lr, sparsity, hear=True, n_steps=CLOUD_STEPS, seed=0):
    """Grad R on 200 wires of one linear neuron, whose task changes halfway.

    The neuron is to add up 30 of its 200 inputs (plus or minus 1 at random); in the middle 15 of
    them are exchanged for others. Wires have random first strengths, and signs that fit. The rule
    is that of `snnlab.GradR`, with Adam, written out.

    Parameters
    ----------
    alpha : float
        Strength of the pull.
    lr : float
        Learning rate.
    sparsity : float
        Target p in [0.5, 1).
    hear : bool
        Whether pruned wires get the gradient, as Grad R has it, or none.
    n_steps : int
    seed : int
        Of first strengths, inputs and noise.

    Returns
    -------
    Cloud
    """
    alpha = _check.number("alpha", alpha, at_least=0)
    lr = _check.number("lr", lr, at_least=0)
    p = _check.number("sparsity", sparsity, at_least=0.5, below=1)
    n_steps = _check.integer("n_steps", n_steps, at_least=2)
    w, needed, change, x, wanted = _task(n_steps, _check.integer("seed", seed, at_least=0))
    s, theta = np.sign(w), np.abs(w)
    centre = np.log(2 * (1 - p)) / alpha if alpha > 0 else -np.inf

    paths, error = np.empty((n_steps + 1, N_WIRES)), np.empty(n_steps)
    paths[0] = theta
    m, v = np.zeros((2, N_WIRES))
    for t in range(n_steps):
        wrong = x[t] @ (s * np.maximum(theta, 0)) - wanted[t]
        g = wrong @ x[t] / BATCH  # of half the mean squared error, by the weights
        if not hear:
            g *= theta > 0
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        eta = lr / (1 - 0.9 ** (t + 1))
        step = m / (np.sqrt(v / (1 - 0.999 ** (t + 1))) + 1e-8)
        theta = theta - eta * (s * step + alpha * np.sign(theta - centre))
        paths[t + 1], error[t] = theta, (wrong**2).mean()
    return Cloud(paths, change, needed, float(centre), error)


@functools.lru_cache(maxsize=2)
def _task(n_steps, seed):
    """First weights, wires needed, step of the change, inputs and wanted outputs of the cloud."""
    rng = np.random.default_rng(seed)
    w = rng.normal(0, 0.3, N_WIRES)
    needed = np.zeros((2, N_WIRES), bool)
    for row, wires in zip(needed, NEEDED, strict=True):
        row[wires] = True
    x = rng.choice([-1.0, 1.0], (n_steps, BATCH, N_WIRES))
    change = n_steps // 2
    wanted = [x[:change] @ (np.sign(w) * needed[0]), x[change:] @ (np.sign(w) * needed[1])]
    return w, needed, change, x, np.concatenate(wanted) + rng.normal(0, NOISE, (n_steps, BATCH))
