"""Stand-ins for recordings that are not to be had: spoken digits and saccades, made up here.

They have the form of the real ones, and are far easier: whatever is found with them says nothing of
real ones.
"""

from typing import NamedTuple

import numpy as np

from snnlab import encode

SEED = 0
RATE = 8000  # samples per second
N_SPEAKERS, N_EACH, N_TEST = 6, 10, 2  # recordings of a digit by a speaker, of these test ones
SIDE, FRAME, PER_SACCADE = 34, 5000, 20  # pixels, microseconds, frames
CORNERS = (0, 0), (4, 2), (0, 4), (0, 0)  # of the way of a sensor, in pixels: three saccades


class MadeSounds(NamedTuple):
    """Arrays of int16, and of each the digit, the speaker, and its number of both."""

    sounds: list
    digits: np.ndarray
    speakers: np.ndarray
    numbers: np.ndarray


def spoken_digits():
    """Voices that run through three vowels per digit: harmonics under two resonances, and noise."""
    rng = np.random.default_rng(SEED)
    low, high = rng.uniform(250, 850, (10, 3)), rng.uniform(950, 2400, (10, 3))
    share = rng.uniform(0.6, 1.4, (10, 3))
    pitch = np.linspace(95, 220, N_SPEAKERS)[rng.permutation(N_SPEAKERS)]
    size, speed = rng.uniform(0.88, 1.14, N_SPEAKERS), rng.uniform(0.8, 1.25, N_SPEAKERS)
    sounds, labels = [], []
    for digit in range(10):
        for speaker in range(N_SPEAKERS):
            for number in range(N_EACH):
                vary = rng.normal(1, 0.04, 9)
                formants = [f[digit] * size[speaker] * vary[:3] for f in (low, high)]
                length = 0.4 * speed[speaker] * share[digit].mean() * vary[6]
                ends = np.cumsum(share[digit]) / share[digit].sum()
                sounds.append(_voice(pitch[speaker] * vary[7], formants, ends, length, rng))
                labels.append((digit, speaker, number))
    return MadeSounds(sounds, *np.array(labels, np.int64).T)


def _voice(pitch, formants, ends, length, rng):
    """One sound: resonances glide from vowel to vowel; pitch falls."""
    n = int(length * RATE)
    at = np.linspace(0, 1, n)
    middles = (ends + np.concatenate([[0], ends[:-1]])) / 2
    phase = 2 * np.pi * np.cumsum(pitch * (1.1 - 0.2 * at)) / RATE
    (low, high), out = (np.interp(at, middles, f) for f in formants), np.zeros(n)
    for h in range(1, int(3500 / pitch)):
        f = h * pitch
        gain = 1 / (1 + ((f - low) / 90) ** 2) + 1 / (1 + ((f - high) / 140) ** 2)
        out += gain * np.sin(h * phase) / h**0.5
    out *= np.sin(np.pi * at) ** 0.5
    out /= np.abs(out).max()
    out += rng.normal(0, 0.01, n)
    return np.round(out * rng.uniform(3000, 12000)).astype(np.int16)


def saccades(n):
    """Events of a sensor that moves before scikit-learn's digits, as in N-MNIST.

    Returns
    -------
    dict
        ``x, y, p, t, offsets, label`` of the first n digits, as the real set's files have them.
    """
    from scipy.ndimage import zoom
    from sklearn.datasets import load_digits

    digits, rng = load_digits(), np.random.default_rng(SEED)
    images = np.zeros((n, SIDE, SIDE), np.float32)
    inner = slice(7, 27)
    for k in range(n):
        images[k, inner, inner] = np.clip(zoom(digits.images[k] / 16, 20 / 8, order=1), 0, 1)
    arrays, offsets = [], [0]
    for first in range(0, n, 50):
        seen = _moved(images[first : first + 50])
        trains = encode.delta(seen - seen[:, :1], threshold=0.2)
        for one in trains:
            step, unit = (getattr(one.compact(), name) for name in ("step", "unit"))
            brighter, pixel = unit < SIDE**2, unit % SIDE**2
            t = step * FRAME + rng.integers(0, FRAME, step.size)
            order = np.argsort(t, kind="stable")
            parts = pixel % SIDE, pixel // SIDE, brighter, t
            arrays.append([part[order] for part in parts])
            offsets.append(offsets[-1] + step.size)
    x, y, p, t = (np.concatenate(parts) for parts in zip(*arrays, strict=True))
    label = digits.target[:n].astype(np.int64)
    return {"x": x, "y": y, "p": p, "t": t, "offsets": np.array(offsets), "label": label}


def _moved(images):
    """What is seen of images frame by frame on the way, (n, frames, pixels)."""
    out = np.empty((len(images), 3 * PER_SACCADE, SIDE * SIDE), np.float32)
    for frame in range(3 * PER_SACCADE):
        saccade, k = divmod(frame, PER_SACCADE)
        share = (k + 1) / PER_SACCADE
        begin, end = np.array(CORNERS[saccade], float), np.array(CORNERS[saccade + 1], float)
        shift = begin + share * (end - begin)
        whole, rest = np.floor(shift).astype(int), shift % 1
        seen = 0.0
        for down, wy in ((0, 1 - rest[0]), (1, rest[0])):
            for right, wx in ((0, 1 - rest[1]), (1, rest[1])):
                by = whole[0] + down, whole[1] + right
                seen = seen + np.float32(wy * wx) * np.roll(images, by, axis=(1, 2))
        out[:, frame] = seen.reshape(len(images), -1)
    return out
