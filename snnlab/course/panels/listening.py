"""Spoken digits: what spikes tell of a sound, two networks that learn to listen, one that does."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab.course import figures, listening
from snnlab.course.arguments import of_course
from snnlab.course.panels.shared import checked, watched
from snnlab.learning.optim import Adam
from snnlab.live import Action, Choice, Loudspeaker, Pace, Panel, Slider, Spoken, Stops, as_options
from snnlab.plot.style import an, one
from snnlab.sound import Cochlea

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from numpy.typing import ArrayLike

    from snnlab.datasets.recorded import RecordedDataset
    from snnlab.network import Network

NAMES = "tested", "others"  # of the recurrent network's accuracies, and of the other's
TAUS = tuple((f"{1000 * tau:.0f}", tau) for tau in (0.02, 0.04, 0.06, 0.1, 0.2))
CODES = ("a change", "delta"), ("how loud", "latency")
QUIET = 100  # of 32,767: no sample of a sound that is as good as silent is larger


def _told(sound, ear):
    """What pictures show of a sound that a cochlea hears, and its spikes."""
    trains, seconds = listening.heard([sound], ear), listening.N_FRAMES * ear.dt
    most, train = round(seconds * ear.sample_rate), trains.compact()
    wave = listening.as_int16(sound)[:most] / 32768
    shown = {
        "sound": np.pad(wave, (0, most - len(wave))),
        "loudness": ear.loudness([wave], n_frames=listening.N_FRAMES)[0],
        "step": train.step,
        "channel": train.unit % ear.n_channels,
        "up": train.unit < ear.n_channels,
        "n_steps": trains.n_steps,
        "seconds": seconds,
    }
    return shown, trains


class Listen(Panel):
    """A recording: how loud its channels are, its spikes, and what can be heard of it again.

    Parameters
    ----------
    recordings : RecordedDataset
        Such as `snnlab.datasets.spoken_digits`; test recordings are shown.
    n_samples : int
        How many of them.
    key : str, optional
        As for `Panel`.

    Attributes
    ----------
    loudspeaker : Loudspeaker
    """

    @of_course
    def __init__(
        self, recordings: RecordedDataset, *, n_samples: int = 60, key: str | None = None
    ) -> None:
        n_samples = _check.integer("n_samples", n_samples, at_least=2)
        sounds, test = listening.every(recordings)
        self.sounds = sounds[listening.evenly(np.flatnonzero(test), n_samples)]
        self.controls = {
            "sample": Slider("recording", 0, len(self.sounds) - 1, 1, 0, digits=0),
            "n_channels": Stops("channels", as_options((6, 12, 24, 40)), 24),
            "threshold": Stops("threshold", as_options((0.05, 0.1, 0.15, 0.2, 0.3, 0.5)), 0.15),
            "code": Choice("a spike says", CODES, "delta"),
            "play": Action("Play the recording", "Play it as it was recorded"),
            "play_spikes": Action("Play its spikes", "Play what can be heard from its spikes"),
        }
        super().__init__(key)
        self.loudspeaker = Loudspeaker()
        self.box.children = *self.box.children, self.loudspeaker

    def _cochlea(self, n_channels, threshold, code):
        return Cochlea(
            self.sounds.sample_rate,
            n_channels,
            listening.COCHLEA.dt,
            listening.COCHLEA.window,
            threshold=threshold,
            code=code,
        )

    def simulate(
        self, *, sample: int, n_channels: int, threshold: float, code: str
    ) -> dict[str, Any]:
        """The loudness of a recording, its spikes, and what they say.

        Returns
        -------
        dict
            The argument of `snnlab.course.figures.draw_hearing`.
        """
        ear = self._cochlea(n_channels, threshold, code)
        sound = self.sounds[sample]
        shown, trains = _told(sound.sounds[0], ear)
        decoded = ear.decode(trains)[0]
        frames = min(int(ear.lengths(sound.sounds)[0]), listening.N_FRAMES)
        said = f"{one(sound.labels[0])}, said by speaker {sound.speakers[0]}"
        return shown | {
            "decoded": decoded,
            "n_units": trains.n_units,
            "length": frames * ear.dt,
            "ends": (ear.centres[0], ear.centres[-1]),
            "error": float(np.abs(shown["loudness"] - decoded)[:frames].mean()),
            "said": said,
        }

    draw = staticmethod(figures.draw_hearing)
    update = staticmethod(figures.update_hearing)

    def describe(self, data: dict[str, Any]) -> str:
        """Whose recording, how many spikes, and how well they tell it."""
        n, seconds = len(data["step"]), data["length"]
        return (
            f"{data['said']}: {n} spikes of {data['n_units']} units in {seconds:.2f} s; the "
            f"loudness read back from them differs by {data['error']:.3f} on average"
        )

    def play(self) -> None:
        """Play the recording."""
        sound = self.sounds.sounds[self.values["sample"]]
        self.loudspeaker.play(listening.as_int16(sound), self.sounds.sample_rate)

    def play_spikes(self) -> None:
        """Play what can be heard from the spikes."""
        values = self.values
        data, ear = self.simulate(**values), self._cochlea(*list(values.values())[1:])
        again = ear.resynthesise(data["decoded"][None], rng=0)[0]
        n = min(len(self.sounds.sounds[values["sample"]]), len(again))
        self.loudspeaker.play(listening.as_int16(again[:n]), self.sounds.sample_rate)


class LearnToListen(Panel):
    """A recurrent and a feed-forward network with as many weights learn spoken digits at a time.

    Both are trained anew, step by step in turn, whenever a setting is changed.

    Parameters
    ----------
    recordings : RecordedDataset
        Such as `snnlab.datasets.spoken_digits`.
    n_train, n_test : int
        How many recordings are learned, and how many tested, at most.
    steps : int
        Of training, with batches of 50.
    hidden : int
        Units of the recurrent layer.
    key : str, optional
        As for `Panel`.
    """

    @of_course
    def __init__(
        self,
        recordings: RecordedDataset,
        *,
        n_train: int = 2700,
        n_test: int = 300,
        steps: int = 324,
        hidden: int = 64,
        key: str | None = None,
    ) -> None:
        hidden = _check.integer("hidden", hidden, 1, 500)  # each step is waited for
        self.sounds, self._test = listening.every(recordings)
        self.inputs = listening.heard(self.sounds.sounds)
        self.some = {"n_train": n_train, "n_test": n_test}
        self.n_classes, self.n_steps, self.hidden = recordings.n_classes, steps, hidden
        speakers = sorted(set(self.sounds.speakers.tolist()))
        self.controls = {
            "unseen": Choice("unseen speaker", (("none", -1), *as_options(speakers)), -1),
            "tau": Stops("membrane τ (ms)", TAUS, listening.TAU),
            "lr": Stops("learning rate", as_options((1e-3, 3e-3, 1e-2, 3e-2)), listening.LR),
        }
        super().__init__(key)

    def simulate(self, *, unseen: int, tau: float, lr: float) -> Iterator[dict[str, Any] | None]:
        """Train two networks, and yield how they stand.

        Yields
        ------
        dict or None
            The argument of `snnlab.course.figures.draw_learning`; None between two pictures.
        """
        speaker = None if unseen < 0 else unseen
        speech = listening.chosen(
            self.inputs, self.sounds, self._test, self.n_classes, unseen=speaker, **self.some
        )
        self._networks = {
            kind: listening.speech_network(speech, kind, hidden=self.hidden, tau=tau)
            for kind in listening.KINDS
        }
        known = f"speaker {unseen} unseen" if unseen >= 0 else "all speakers known"
        fixed = {
            "n_steps": speech.inputs.n_steps,
            "n_units": speech.inputs.n_units,
            "dt": listening.COCHLEA.dt,
            "steps": self.n_steps,
            "weights": sum(w.size for w in self._networks["recurrent"].weights),
            "settings": f"{known}, membrane {1000 * tau:.0f} ms, rate {lr:g}",
        }
        yield from self._race(speech, lr, fixed)

    def _race(self, speech, lr, fixed):
        """Train both in turn, and ask one of them for a test recording as it learns."""
        networks, pace, how = self._networks, Pace(), {"loss": listening.LOSS, "every": 18}
        runs = [
            watched(network, speech, self.n_steps, optimizer=Adam(lr), **how)
            for network in networks.values()
        ]
        found = np.flatnonzero(speech.test_labels == min(7, self.n_classes - 1))
        asked = int(found[0]) if len(found) else 0
        sample = speech.test_inputs[asked : asked + 1].compact()
        fixed |= {"step": sample.step, "unit": sample.unit, "label": int(speech.test_labels[asked])}

        def frame(both):
            shares = listening.shares(networks["recurrent"], sample)[0]
            tested = {name: list(x) for name, (_, _, x) in zip(NAMES, both, strict=True)}
            return fixed | tested | {"shares": shares}

        for both in zip(*runs, strict=True):
            yield from pace.frame(partial(frame, both), now=both[0][0] == self.n_steps)

    def downloads(self) -> dict[str, Network]:
        """Both networks as they stand."""
        return dict(self._networks)

    draw = staticmethod(figures.draw_learning)
    update = staticmethod(figures.update_learning)

    def describe(self, data: dict[str, Any]) -> str:
        """Accuracy of both so far."""
        step, accuracy = data["tested"][-1]
        return (
            f"{data['settings']}: after {step} of {data['steps']} steps the recurrent network has "
            f"{100 * accuracy:.1f} % of the test recordings right, the feed-forward one "
            f"{100 * data['others'][-1][1]:.1f} %; {data['weights']:,} weights each"
        )


class SayDigit(Panel):
    """A digit that a reader says into the microphone, and which one a network hears.

    Until somebody has spoken, and again when the slider is moved, test recordings are shown.

    Parameters
    ----------
    recordings : RecordedDataset
        Such as `snnlab.datasets.spoken_digits`.
    network : Network, optional
        One that has learned them, such as of `snnlab.course.listening.learn`. By default a
        recurrent one is trained now, which takes some seconds.
    n_samples : int
        How many of the test recordings.
    key : str, optional
        As for `Panel`.

    Attributes
    ----------
    loudspeaker : Loudspeaker
    """

    forgets = ("sound",)  # a voice goes into no line of code, and into no other panel

    @of_course
    def __init__(
        self,
        recordings: RecordedDataset,
        network: Network | None = None,
        *,
        n_samples: int = 60,
        key: str | None = None,
    ) -> None:
        n_samples = _check.integer("n_samples", n_samples, at_least=2)
        sounds, test = listening.every(recordings)
        ear = listening.COCHLEA
        if sounds.sample_rate != ear.sample_rate:
            raise ValueError(f"recordings must have {ear.sample_rate:g} samples per second")
        if network is None:
            network, _ = listening.learn(listening.speech_task(recordings))
        shape = ear.n_units, recordings.n_classes, listening.N_FRAMES * ear.steps_per_frame
        if (checked(network).sizes[0], network.sizes[-1], network.n_steps) != shape:
            raise ValueError("network must have {} inputs, {} outputs, {} steps".format(*shape))
        self.network = network
        self.sounds = sounds[listening.evenly(np.flatnonzero(test), n_samples)]
        self.controls = {
            "sample": Slider("recording", 0, len(self.sounds) - 1, 1, 0, digits=0),
            "sound": Spoken("your voice", int(ear.sample_rate)),
            "play": Action("Play what is heard", "Play the recording, or what you have said"),
        }
        super().__init__(key)
        self.loudspeaker = Loudspeaker()
        self.box.children = *self.box.children, self.loudspeaker

    def changed(self, change: Any) -> None:
        """A moved slider shows its recording in place of what was said."""
        if change.owner is self.widgets["sample"]:
            return self.moved()
        self.ask()

    def moved(self) -> None:
        """A recording that was chosen is shown; what was said before is forgotten."""
        self.put(sound=np.zeros(0, np.int16))
        self.ask()

    def simulate(self, *, sample: int, sound: ArrayLike) -> dict[str, Any]:
        """Have the network listen to what was said, or, if that is empty, to a recording.

        Parameters
        ----------
        sample : int
            Number of the recording.
        sound : array of int16 (n,)
            What was said, with 8,000 samples per second; `snnlab.course.listening.trimmed` cuts
            what is quiet around it.

        Returns
        -------
        dict
            The argument of `snnlab.course.figures.draw_saying`.
        """
        said, label, word = "What you said", None, self._word(sample, sound)
        if not len(sound):
            label = int(self.sounds.labels[sample])
            said = f"{one(label)}, said by speaker {self.sounds.speakers[sample]}"
        shown, trains = _told(word, listening.COCHLEA)
        return shown | {
            "length": len(word) / listening.COCHLEA.sample_rate,
            "shares": listening.shares(self.network, trains)[0],
            "label": label,
            "silent": int(np.abs(word.astype(int)).max()) <= QUIET,
            "said": said,
        }

    def _word(self, sample, sound):
        """What is heard: the word in what was said, or, if that is empty, a recording."""
        if len(sound):
            return listening.trimmed(sound, listening.COCHLEA.sample_rate)
        return self.sounds.sounds[sample]

    draw = staticmethod(figures.draw_saying)
    update = staticmethod(figures.update_saying)

    def describe(self, data: dict[str, Any]) -> str:
        """Which digit the network hears, and how surely."""
        if data["silent"]:
            return f"{data['said']}: only silence. Speak louder, or nearer to the microphone."
        last = data["shares"][-1]
        best, second = np.argsort(-last, kind="stable")[:2]
        length, label, most = data["length"], data["label"], data["seconds"]
        late = f" (its first {most:.1f} s are listened to)" if length > most else ""
        right = "" if label is None else f", which is {'right' if best == label else 'wrong'}"
        return (
            f"{data['said']}, {length:.2f} s{late}: the network hears {an(best)}{right}. "
            f"Share {last[best]:.2f}; next is {second} with {last[second]:.2f}"
        )

    def play(self) -> None:
        """Play the recording, or what was said."""
        word = self._word(**self.values)
        self.loudspeaker.play(listening.as_int16(word), listening.COCHLEA.sample_rate)

    def downloads(self) -> dict[str, Network]:
        """The network that listens."""
        return {"network": self.network}
