"""What the target does in Grad R: where its prior turns round, and whether strengths get there."""

from __future__ import annotations

import math

from snnlab import _check


def prior_centre(sparsity: float, alpha: float) -> float:
    """Centre mu of Grad R's prior, ``ln(2 (1 - p)) / alpha``.

    A Laplacian of that centre has a share ``1 - p`` of its mass above 0. It is where the pull on a
    strength turns round; nothing else in the rule knows p.

    Parameters
    ----------
    sparsity : float
        Target p, in [0.5, 1).
    alpha : float
        Strength of the pull, above 0.

    Returns
    -------
    float

    Examples
    --------
    >>> round(prior_centre(0.95, 1e-3))
    -2303
    """
    p = _check.number("sparsity", sparsity, at_least=0.5, below=1)
    return centre(p, _check.number("alpha", alpha, above=0))


def centre(p, alpha):
    """`prior_centre` of checked numbers, for every step."""
    return math.log(2 * (1 - p)) / alpha


def prior_drift(alpha: float, lr: float, steps: int) -> float:
    """How far the pull alone moves a strength: ``lr alpha steps``.

    Parameters
    ----------
    alpha, lr : float
    steps : float
        Number of steps; under a schedule the sum of its factors.

    Returns
    -------
    float
    """
    values = {"alpha": alpha, "lr": lr, "steps": steps}
    return math.prod(_check.number(name, x, at_least=0) for name, x in values.items())


def smallest_alpha(sparsity: float, lr: float, steps: int) -> float:
    """The alpha from which on Grad R's target matters: the drift then reaches the prior's centre.

    With a smaller one no strength gets from 0 to mu by the pull, its sign never changes, and alpha
    alone decides how many synapses are left: ``lr alpha steps = -ln(2 (1 - p)) / alpha``.

    Parameters
    ----------
    sparsity, lr, steps : float
        As in `prior_centre` and `prior_drift`.

    Returns
    -------
    float

    Examples
    --------
    The authors' setting for MNIST, 513 epochs of 468 steps:

    >>> round(smallest_alpha(0.95, lr=1e-3, steps=513 * 468), 2)
    0.1
    """
    reach = _check.number("lr", lr, above=0) * _check.number("steps", steps, above=0)
    return math.sqrt(-prior_centre(sparsity, 1.0) / reach)
