"""Data sets of recordings: spoken digits, and digits before an event camera (N-MNIST, a part)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snnlab import _check
from snnlab.currents import chosen_samples
from snnlab.datasets import fetch, stand_ins
from snnlab.datasets.dataset import DatasetUnavailable
from snnlab.datasets.events import Recordings

WHICH = "real", "stand-in", "either"
N_SPEAKERS = 6
N_TEST = 5  # numbers of the official test set: 0 to 4 of each digit and speaker
N_SACCADES = 500, 100  # of the stand-in: training and test recordings


@dataclass(frozen=True, eq=False, repr=False)
class Sounds:
    """Sounds of different lengths, with what is said in each, and by whom.

    Parameters
    ----------
    sounds : sequence of arrays of int16 (n_samples,)
    labels : array of int (n,)
    speakers : array of int (n,)
        By number.
    sample_rate : float
        Samples per second.

    Raises
    ------
    TypeError, ValueError
        If these do not fit together, naming the argument.
    """

    sounds: tuple[np.ndarray, ...]
    labels: np.ndarray
    speakers: np.ndarray
    sample_rate: float = 8000.0

    def __post_init__(self):
        sounds = tuple(_check.each(_sound)("sounds", self.sounds))
        object.__setattr__(self, "sounds", sounds)
        for name in ("labels", "speakers"):
            x = _check.labels(name, getattr(self, name), len(sounds), _check.MOST)
            object.__setattr__(self, name, x)
        _check.field(self, "sample_rate", _check.number, above=0)

    def __len__(self):
        return len(self.sounds)

    def __getitem__(self, index):
        """Some of them: an int, a slice, a mask or an array of indices; the sounds are shared."""
        chosen = chosen_samples(len(self), index)
        sounds = tuple(self.sounds[k] for k in chosen)
        return Sounds(sounds, self.labels[chosen], self.speakers[chosen], self.sample_rate)

    def __repr__(self):
        seconds = sum(map(len, self.sounds)) / self.sample_rate / max(1, len(self))
        return (
            f"Sounds({len(self):,} by {len(set(self.speakers.tolist()))} speakers, "
            f"{seconds:.2f} s each on average)"
        )


def _sound(name, value):
    _check.kind("ndarray")(name, value)
    return _check.sound(name, value)


@dataclass(frozen=True, eq=False, repr=False)
class RecordedDataset:
    """A data set of recordings for classification.

    Parameters
    ----------
    name : str
    train, test : Sounds or Recordings
        With labels in [0, n_classes).
    class_names : tuple of str
    source : str
        What to cite.
    licence : str
        Terms of the data.
    """

    name: str
    train: Sounds | Recordings
    test: Sounds | Recordings
    class_names: tuple[str, ...]
    source: str
    licence: str

    def __post_init__(self):
        for about in ("name", "source", "licence"):
            _check.text(about, getattr(self, about))
        names = tuple(_check.each(_check.text)("class_names", self.class_names))
        object.__setattr__(self, "class_names", names)
        for part in ("train", "test"):
            found = _check.kind("Sounds", "Recordings")(part, getattr(self, part))
            if found.labels is None:
                raise ValueError(f"{part} must have labels")
            _check.labels(f"labels of {part}", found.labels, len(found), self.n_classes)

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    def __repr__(self):
        return (
            f"RecordedDataset {self.name}: {len(self.train):,} training and {len(self.test):,} "
            f"test recordings, {self.n_classes} classes; licence: {self.licence}"
        )


def spoken_digits(
    *, held_out: int | None = None, which: str = "real", progress: bool = True
) -> RecordedDataset:
    """The Free Spoken Digit Dataset: 3,000 recordings of English digits by six speakers, at 8 kHz.

    Each speaker says each digit 50 times; recordings are trimmed, 0.14 to 2.3 s long.

    Parameters
    ----------
    held_out : int, optional
        A speaker, 0 to 5: the test set is all that this one says (500), the training set what the
        others say (2,500). By default the official split: the first five recordings of each digit
        and speaker are the test set (300), the others the training set (2,700).
    which : {"real", "stand-in", "either"}
        "stand-in": voices that are made up here, 480 and 120 recordings, which need no files and
        are far easier. "either": the real ones, or these where they are not to be had; says which.
    progress : bool
        Show a progress bar while downloading, if tqdm is installed.

    Returns
    -------
    RecordedDataset
        Its parts are `Sounds`: for `snnlab.Cochlea`.

    Raises
    ------
    DatasetUnavailable, DatasetCorrupt
        As for `load`.
    """
    if held_out is not None:
        held_out = _check.integer("held_out", held_out, 0, N_SPEAKERS - 1)
    arrays, about = _found("spoken-digits", which, progress)
    if arrays is None:
        sounds, labels, speakers, numbers = stand_ins.spoken_digits()
        n_test = stand_ins.N_TEST
    else:
        steps = np.ascontiguousarray(arrays["planes"].T).view("<i2").ravel()
        audio = np.cumsum(steps, dtype=np.int16)
        sounds = np.split(audio, np.cumsum(arrays["length"])[:-1])
        labels, speakers = (arrays[name].astype(np.int64) for name in ("digit", "speaker"))
        numbers, n_test = arrays["number"], N_TEST
    test = numbers < n_test if held_out is None else speakers == held_out
    every = Sounds(tuple(sounds), labels, speakers)
    return RecordedDataset(train=every[~test], test=every[test], **about)


def n_mnist(*, which: str = "real", progress: bool = True) -> RecordedDataset:
    """A part of N-MNIST: 1,000 and 100 recordings of MNIST digits by a moving event camera.

    They are those of the first training and the first test images of MNIST: recording i shows
    image i. Three saccades of about 100 ms; 34 x 34 pixels, each with events of getting darker
    (polarity 0) and brighter (1). Classes are not balanced. How often each pixel has spoken tells
    nearly as much as when: it is a task of pictures more than of time.

    Parameters
    ----------
    which : {"real", "stand-in", "either"}
        "stand-in": scikit-learn's digits, before a sensor that is simulated here, 500 and 100
        recordings, which need no files. "either": the real ones, or these where they are not to be
        had; says which.
    progress : bool
        Show a progress bar while downloading, if tqdm is installed.

    Returns
    -------
    RecordedDataset
        Its parts are `Recordings`; ``train.spikes(dt=1e-3)`` are spike trains of them.

    Raises
    ------
    DatasetUnavailable, DatasetCorrupt
        As for `load`.
    """
    arrays, about = _found("n-mnist", which, progress)
    if arrays is None:
        every = _recordings(stand_ins.saccades(sum(N_SACCADES)))
        parts = every[: N_SACCADES[0]], every[N_SACCADES[0] :]
    else:
        parts = map(_recordings, arrays)
    return RecordedDataset(**dict(zip(("train", "test"), parts, strict=True)), **about)


def _recordings(arrays):
    """Recordings from arrays as in the files of N-MNIST."""
    shape = 2, stand_ins.SIDE, stand_ins.SIDE
    places = tuple(arrays[name].astype(np.int64) for name in ("p", "y", "x"))
    units = np.ravel_multi_index(places, shape)
    labels = arrays["label"].astype(np.int64)
    return Recordings(arrays["t"], units, arrays["offsets"], shape, labels)


TITLES = {
    "spoken-digits": ("spoken_digits", "the Free Spoken Digit Dataset", "voices made up here"),
    "n-mnist": ("n_mnist", "N-MNIST", "scikit-learn's digits before a simulated sensor"),
}


def _found(key, which, progress):
    """Arrays of a set's files (of one: that one's; None for a stand-in), and what to say of it."""
    _check.one_of("which", which, WHICH)
    _check.flag("progress", progress)
    kind, (name, title, made) = fetch.FILE_SETS[key], TITLES[key]
    about = {"class_names": kind.class_names}
    if which != "stand-in":
        try:
            arrays = fetch.arrays_of(key, progress)
            if which == "either":
                print(f"Using {title}.")
            about |= {"name": name, "source": kind.source, "licence": kind.licence}
            return (arrays if len(arrays) > 1 else arrays[0]), about
        except DatasetUnavailable:
            if which == "real":
                raise
            print(
                f"Using {made}, because {title} is neither on this machine nor could it be "
                "downloaded: the numbers you will see are not those of real recordings."
            )
    about |= {"name": f"{name}, stand-in", "source": f"generated: {made}"}
    return None, about | {"licence": "generated, no terms"}
