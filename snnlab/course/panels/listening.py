"""Spoken digits: what spikes tell of a sound, and two networks that learn to listen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab.course import figures, listening
from snnlab.course.arguments import of_course
from snnlab.course.panels.shared import first_steps
from snnlab.learning.evaluation import evaluate
from snnlab.live import Action, Choice, Loudspeaker, Pace, Panel, Slider, Stops, as_options
from snnlab.sound import Cochlea

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from snnlab.datasets.recorded import RecordedDataset
    from snnlab.network import Network

NAMES = "tested", "others"  # of the recurrent network's accuracies, and of the other's
EVERY = 18  # steps between two looks at the test recordings
TAUS = tuple((f"{1000 * tau:.0f}", tau) for tau in (0.02, 0.04, 0.06, 0.1, 0.2))
CODES = ("a change", "delta"), ("how loud", "latency")


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
        trains = listening.heard(sound.sounds, ear)
        most = round(listening.N_FRAMES * ear.dt * ear.sample_rate)
        wave = listening.as_int16(sound.sounds[0])[:most] / 32768
        loudness = ear.loudness([wave], n_frames=listening.N_FRAMES)
        decoded, train = ear.decode(trains)[0], trains.compact()
        frames = min(int(ear.lengths(sound.sounds)[0]), listening.N_FRAMES)
        said = f"A {sound.labels[0]}, said by speaker {sound.speakers[0]}"
        return {
            "sound": np.pad(wave, (0, most - len(wave))),
            "loudness": loudness[0],
            "decoded": decoded,
            "step": train.step,
            "channel": train.unit % n_channels,
            "up": train.unit < n_channels,
            "n_steps": trains.n_steps,
            "n_units": trains.n_units,
            "seconds": listening.N_FRAMES * ear.dt,
            "length": frames * ear.dt,
            "ends": (ear.centres[0], ear.centres[-1]),
            "error": float(np.abs(loudness[0] - decoded)[:frames].mean()),
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
        networks, pace = self._networks, Pace()
        runs = [
            first_steps(
                network, speech.inputs, speech.labels, self.n_steps, lr, loss=listening.LOSS
            )
            for network in networks.values()
        ]
        test, tested = (speech.test_inputs, speech.test_labels), {kind: [] for kind in networks}
        found = np.flatnonzero(speech.test_labels == min(7, self.n_classes - 1))
        asked = int(found[0]) if len(found) else 0
        sample = speech.test_inputs[asked : asked + 1].compact()
        fixed |= {"step": sample.step, "unit": sample.unit, "label": int(speech.test_labels[asked])}

        def frame():
            readout = networks["recurrent"].forward(sample).readout[0]
            sums = listening.LOSS.scale * np.cumsum(readout, axis=0)
            shares = np.exp(sums - sums.max(axis=1, keepdims=True))
            shares /= shares.sum(axis=1, keepdims=True)
            both = {name: list(tested[kind]) for name, kind in zip(NAMES, networks, strict=True)}
            return fixed | both | {"shares": shares}

        for k, _ in enumerate(zip(*runs, strict=True), 1):
            if k == 1 or k % EVERY == 0 or k == self.n_steps:
                for kind, network in networks.items():
                    right = evaluate(network, *test, loss=listening.LOSS).accuracy
                    tested[kind].append((k, right))
            yield from pace.frame(frame, now=k == self.n_steps)

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
