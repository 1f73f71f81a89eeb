"""Spoken digits: a small cochlea, two networks with as many weights, and speakers never heard."""

from __future__ import annotations

import base64
import html
import io
import warnings
import wave
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab.course.arguments import of_course
from snnlab.course.samples import Samples
from snnlab.datasets.recorded import Sounds
from snnlab.layers import Recurrent
from snnlab.learning import training
from snnlab.learning.losses import SumOverTime
from snnlab.learning.optim import Adam
from snnlab.learning.softmax import softmax
from snnlab.network import Network
from snnlab.neurons import LIF
from snnlab.sound import Cochlea

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from snnlab.datasets.recorded import RecordedDataset
    from snnlab.learning.evaluation import Evaluation
    from snnlab.signals import SpikeTrains

__all__ = [
    "Audible",
    "COCHLEA",
    "KINDS",
    "Speech",
    "as_int16",
    "chosen",
    "evenly",
    "every",
    "heard",
    "learn",
    "n_hidden",
    "shares",
    "speech_network",
    "speech_task",
    "train_on",
    "trimmed",
]

N_FRAMES = 40  # of 20 ms; what is said later is not heard
COCHLEA = Cochlea(n_channels=24, dt=0.02, window=0.04, threshold=0.15)
KINDS = "recurrent", "feed-forward"
LOSS = SumOverTime(0.3)
TAU = 0.06  # seconds, of membranes
RATE = 0.1  # spikes per unit and step at the beginning
LR, BATCH = 0.01, 50
PART, FALL, GAP, ROOM = 0.01, 25.0, 0.15, 0.02  # of `trimmed`: seconds, decibels, seconds, seconds


class Speech(Samples):
    """Spoken digits as spikes."""


def every(recordings: RecordedDataset) -> tuple[Sounds, np.ndarray]:
    """Training and test recordings of a data set as one `Sounds`, and which are of the test set."""
    _check.kind("RecordedDataset")("recordings", recordings)
    parts = recordings.train, recordings.test
    for part in parts:
        _check.kind("Sounds")("recordings: its parts", part)
    whole = Sounds(
        sum((part.sounds for part in parts), ()),
        *(np.concatenate([getattr(p, name) for p in parts]) for name in ("labels", "speakers")),
        parts[0].sample_rate,
    )
    return whole, np.arange(len(whole)) >= len(parts[0])


def heard(
    sounds: Sequence[ArrayLike], cochlea: Cochlea = COCHLEA, n_frames: int = N_FRAMES
) -> SpikeTrains:
    """Spikes of sounds, of which what comes after so many frames is left out, without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return cochlea.spikes(sounds, n_frames=n_frames, cut=True)


def chosen(
    inputs: SpikeTrains,
    sounds: Sounds,
    test: np.ndarray,
    n_classes: int,
    *,
    unseen: int | None = None,
    n_train: int | None = None,
    n_test: int | None = None,
) -> Speech:
    """A `Speech` of spikes that are there already.

    Parameters
    ----------
    inputs : SpikeTrains
        Of all sounds.
    sounds : Sounds
    test : array of bool (n,)
        Which are of the test set.
    n_classes : int
    unseen : int, optional
        A speaker: all that this one says is tested, what the others say is learned.
    n_train, n_test : int, optional
        About how many at most: every so manieth is taken.

    Returns
    -------
    Speech
    """
    if unseen is not None:
        speakers = set(sounds.speakers.tolist())
        unseen = _check.integer("unseen", unseen)
        if unseen not in speakers or len(speakers) < 2:
            raise ValueError(f"unseen must be one of several speakers {sorted(speakers)}: {unseen}")
        test = sounds.speakers == unseen
    learn, tested = (
        evenly(np.flatnonzero(part), n) for part, n in ((~test, n_train), (test, n_test))
    )
    labels = sounds.labels
    return Speech(inputs[learn], labels[learn], inputs[tested], labels[tested], n_classes)


def evenly(index: np.ndarray, n: int | None) -> np.ndarray:
    """At most n of an index, evenly."""
    if n is None or n >= len(index):
        return index
    return index[np.arange(n) * len(index) // n]


@of_course
def speech_task(
    recordings: RecordedDataset,
    *,
    unseen: int | None = None,
    n_train: int | None = None,
    n_test: int | None = None,
) -> Speech:
    """Make spikes of a data set of sounds.

    Parameters
    ----------
    recordings : RecordedDataset
        Such as `snnlab.datasets.spoken_digits`.
    unseen : int, optional
        A speaker: all that this one says is tested, what the others say is learned. By default the
        data set's own split.
    n_train, n_test : int, optional
        About how many at most, evenly taken; by default all.

    Returns
    -------
    Speech
    """
    sounds, test = every(recordings)
    some = {"unseen": unseen, "n_train": n_train, "n_test": n_test}
    return chosen(heard(sounds.sounds), sounds, test, recordings.n_classes, **some)


def n_hidden(kind: str, n_in: int, n_out: int, hidden: int) -> int:
    """Hidden units of a network that has no more weights than a recurrent one of ``hidden``."""
    _check.one_of("kind", kind, KINDS)
    if kind == "recurrent":
        return hidden
    return (n_in * hidden + hidden**2 + hidden * n_out) // (n_in + n_out)


@of_course
def speech_network(
    speech: Speech, kind: str = "recurrent", *, hidden: int = 64, tau: float = TAU, seed: int = 0
) -> Network:
    """A network of one hidden layer that listens.

    Parameters
    ----------
    speech : Speech
    kind : {"recurrent", "feed-forward"}
        The latter has more hidden units, so that both have as many weights.
    hidden : int
        Units of the recurrent layer.
    tau : float
        Time constant of membranes in seconds; that of synapses is half as long, the readout's
        twice.
    seed : int
        Of the weights.

    Returns
    -------
    Network
        Its readout sums up over time.
    """
    tau = _check.number("tau", tau, at_least=1e-3, at_most=10)
    n_in, n_out = speech.inputs.n_units, speech.n_classes
    n = n_hidden(kind, n_in, n_out, hidden)
    times = {"tau_syn": tau / 2, "dt": COCHLEA.dt / COCHLEA.steps_per_frame}
    neuron = LIF(tau_mem=tau, surrogate="superspike", steepness=10.0, **times)
    readout = neuron.integrator().replace(tau_mem=2 * tau)
    network = Network(
        (n_in, Recurrent(n) if kind == "recurrent" else n, n_out),
        neuron,
        readout=readout,
        n_steps=speech.inputs.n_steps,
        rng=seed,
    )
    return network.scale_to_activity(speech.inputs[:: max(1, len(speech.inputs) // 100)], rate=RATE)


@of_course
def learn(
    speech: Speech,
    kind: str = "recurrent",
    *,
    epochs: int = 6,
    hidden: int = 64,
    tau: float = TAU,
    lr: float = LR,
    seed: int = 0,
) -> tuple[Network, Evaluation]:
    """Train a network that listens.

    Parameters
    ----------
    speech : Speech
    kind, hidden, tau, seed
        As for `speech_network`.
    epochs : int
    lr : float

    Returns
    -------
    Network, Evaluation
        The latter on the test recordings.
    """
    network = speech_network(speech, kind, hidden=hidden, tau=tau, seed=seed)
    return network, train_on(speech, network, epochs=epochs, lr=lr, seed=seed)


@of_course
def train_on(
    speech: Speech, network: Network, *, epochs: int = 6, lr: float = LR, seed: int = 0
) -> Evaluation:
    """Train a network of one's own to listen, as `learn` does; it is changed.

    Parameters
    ----------
    speech : Speech
    network : Network
        With a readout that sums up over time, such as of `speech_network`.
    epochs : int
    lr : float
    seed : int
        Of the order of the recordings.

    Returns
    -------
    Evaluation
        On the test recordings.
    """
    training.train(
        network,
        speech.inputs,
        speech.labels,
        epochs=epochs,
        batch_size=BATCH,
        loss=LOSS,
        optimizer=Adam(lr),
        rng=seed,
        progress=False,
    )
    return training.evaluate(network, speech.test_inputs, speech.test_labels, loss=LOSS)


def shares(network: Network, inputs: SpikeTrains) -> np.ndarray:
    """What a network believes as it listens, summed up so far.

    Parameters
    ----------
    network : Network
        Trained with `LOSS`.
    inputs : SpikeTrains

    Returns
    -------
    array (sample, step, class)
        Each class's share of the decision; they add up to 1.
    """
    readout = _check.network("network", network).forward(inputs).readout
    return softmax(LOSS.scale * np.cumsum(readout, axis=1))


def trimmed(sound: ArrayLike, sample_rate: float) -> np.ndarray:
    """A sound without what is quiet around its loudest word, as recordings of the data set are.

    Of parts of 10 ms those are loud that are within 25 decibels of the loudest. Loud parts with at
    most 0.15 s between them, such as before the last sound of "eight", are one word. The word with
    the most energy stays, and 20 ms on either side of it.

    Parameters
    ----------
    sound : array of int16 or float (n,)
    sample_rate : float
        Samples per second.

    Returns
    -------
    array
        A part of ``sound``; all of it if it is silent.
    """
    x = _check.array("sound", sound, np.float64, (None,))
    rate = _check.number("sample_rate", sample_rate, at_least=1000, at_most=1e6)
    sound, largest = np.asarray(sound), np.abs(x).max(initial=0)
    if largest == 0:
        return sound
    n = round(PART * rate)
    parts = np.zeros(-(-len(x) // n) * n)
    parts[: len(x)] = x / largest
    energy = np.square(parts.reshape(-1, n)).mean(axis=1)
    loud = np.flatnonzero(energy >= energy.max() * 10 ** (-FALL / 10))
    words = np.split(loud, np.flatnonzero(np.diff(loud) * PART > GAP) + 1)
    word, room = max(words, key=lambda word: energy[word].sum()), round(ROOM * rate)
    return sound[max(0, word[0] * n - room) : (word[-1] + 1) * n + room]


class Audible:
    """A sound that a notebook shows as something to be played, on request.

    Parameters
    ----------
    sound : array of int16, or of float in [-1, 1], (n,)
    sample_rate : float
    name : str
        What it is, in a few words.
    """

    def __init__(self, sound: ArrayLike, sample_rate: float, name: str) -> None:
        self.sound = as_int16(sound)
        self.sample_rate = _check.number("sample_rate", sample_rate, at_least=1, at_most=1e6)
        self.name = _check.text("name", name)

    def wav(self) -> bytes:
        """The bytes of a WAV file."""
        file = io.BytesIO()
        with wave.open(file, "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(round(self.sample_rate))
            out.writeframes(self.sound.astype("<i2").tobytes())
        return file.getvalue()

    def _repr_html_(self):
        name = html.escape(self.name, quote=True)
        data = base64.b64encode(self.wav()).decode()
        return (
            f'<figure style="margin: 4px 0"><figcaption>{name}</figcaption><audio controls '
            f'aria-label="{name}" src="data:audio/wav;base64,{data}"></audio></figure>'
        )

    def __repr__(self):
        return f"{self.name}: {len(self.sound) / self.sample_rate:.2f} s of sound"


def as_int16(sound: ArrayLike) -> np.ndarray:
    """A sound as int16, as loud as that allows."""
    x = _check.array("sound", sound, np.float64, (None,))
    if not x.size:
        raise ValueError("sound is empty")
    largest = np.abs(x).max()
    return np.round(x * (32000 / largest if largest > 0 else 0)).astype(np.int16)
