"""Softmax: from scores to shares that add up to 1, in plain NumPy, along the last axis."""

from __future__ import annotations

import numpy as np


def exponentials(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What a softmax and its logarithm are made of, none of which overflows.

    Parameters
    ----------
    scores : array (..., class)

    Returns
    -------
    shifted, powers : array (..., class)
        Scores less the largest of them, and their exponentials.
    total : array (..., 1)
        Sum of these: shares are ``powers / total``, logarithms ``shifted - log(total)``.
    """
    shifted = scores - scores.max(axis=-1, keepdims=True)
    powers = np.exp(shifted)
    return shifted, powers, powers.sum(axis=-1, keepdims=True)


def softmax(scores: np.ndarray) -> np.ndarray:
    """Shares of the classes, (..., class)."""
    _, powers, total = exponentials(scores)
    return powers / total


def log_softmax(scores: np.ndarray) -> np.ndarray:
    """Their logarithms, finite however small a share is."""
    shifted, _, total = exponentials(scores)
    return shifted - np.log(total)
