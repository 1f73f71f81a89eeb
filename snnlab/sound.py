"""Sound: how loud each band of it is, as a cochlea hears it; spikes from that, and sound again."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check, encode
from snnlab.signals import SpikeTrains

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from snnlab._types import Seed

_FRAMES = 1024  # windows that are heard at a time


def mel(frequency: ArrayLike) -> np.ndarray:
    """The mel scale of pitch: about linear up to 700 Hz, logarithmic above (O'Shaughnessy 1987)."""
    frequency = _check.floats("frequency", frequency)
    if frequency.min(initial=0) < 0:
        raise ValueError("frequency must not be negative")
    return 2595 * np.log10(1 + frequency / 700)


def frequency_of(mels: ArrayLike) -> np.ndarray:
    """Frequency in hertz of a pitch in mels: the inverse of `mel`."""
    mels = _check.floats("mels", mels)
    with np.errstate(over="ignore"):
        return _check.finite("mels", 700 * (10.0 ** (mels / 2595) - 1))


@dataclass(frozen=True)
class Cochlea:
    """A small cochlea: filters along the mel scale, how loud each is, and spikes that tell it.

    Loudness is in decibels below the loudest band and frame of a sound, so that it does not matter
    how loud a sound is on the whole: 1 there, 0 from ``span`` below it on, and where there is
    nothing.

    Parameters
    ----------
    sample_rate : float
        Samples per second.
    n_channels : int
        Filters: triangles, evenly spaced in mels, each as far as its neighbours' middles.
    dt : float
        Seconds from frame to frame: a whole number of samples, or within 1 % of one.
    window : float
        Seconds that a frame hears (a Hann window around its middle), at least ``dt``.
    low, high : float
        Hertz at which the first filter begins and the last one ends; half the sample rate if
        ``high`` is left out.
    span : float
        Decibels between a loudness of 0 and 1.
    code : {"delta", "latency"}
        "delta": a spike whenever a channel's loudness has moved by ``threshold``
        (`snnlab.encode.delta`): a step per frame, two units per channel. "latency": in each frame
        every channel that is heard spikes once, the earlier the louder: ``substeps`` steps per
        frame, a unit per channel.
    threshold : float
        Of the delta code, in (0, 1].
    substeps : int
        Of the latency code, at least 2.

    Raises
    ------
    TypeError, ValueError
        Parameters out of range, or more channels than the window can tell apart.
    """

    sample_rate: float = 8000.0
    n_channels: int = 40
    dt: float = 0.01
    window: float = 0.025
    low: float = 100.0
    high: float | None = None
    span: float = 50.0
    code: str = "delta"
    threshold: float = 0.1
    substeps: int = 4

    def __post_init__(self):
        _check.field(self, "sample_rate", _check.number, above=0, at_most=1e6)
        rate = self.sample_rate
        _check.field(self, "n_channels", _check.integer, 1, 2**12)
        _check.field(self, "dt", _check.number, at_least=1 / rate, at_most=1)
        _check_whole(self.dt, rate)
        _check.field(self, "window", _check.number, at_least=max(self.dt, 4 / rate), at_most=1)
        if self.high is not None:
            _check.field(self, "high", _check.number, above=0, at_most=rate / 2)
        high = rate / 2 if self.high is None else self.high
        _check.field(self, "low", _check.number, at_least=0, below=high)
        _check.field(self, "span", _check.number, above=0)
        _check.one_of("code", self.code, ("delta", "latency"))
        _check.field(self, "threshold", _check.number, above=0, at_most=1)
        _check.field(self, "substeps", _check.integer, 2, 2**10)
        if not self.filters.any(axis=1).all():
            raise ValueError(
                f"n_channels must be fewer: some of {self.n_channels} filters between {self.low:g} "
                f"and {high:g} Hz hear no frequency that a window of {self.window:g} s tells apart"
            )

    @property
    def steps_per_frame(self) -> int:
        """Time steps of spike trains that a frame has."""
        return self.substeps if self.code == "latency" else 1

    @property
    def n_units(self) -> int:
        """Units of spike trains."""
        return self.n_channels if self.code == "latency" else 2 * self.n_channels

    @property
    def centres(self) -> np.ndarray:
        """Frequency of each channel in hertz, (n_channels,)."""
        return self._borders()[1:-1]

    @property
    def filters(self) -> np.ndarray:
        """What each channel takes of each frequency, (n_channels, n_frequencies); rows sum to 1."""
        below, centre, above = (self._borders()[k : k + self.n_channels, None] for k in range(3))
        f = np.arange(self._n_fft // 2 + 1) * (self.sample_rate / self._n_fft)
        sides = (f - below) / (centre - below), (above - f) / (above - centre)
        out = np.clip(np.minimum(*sides), 0, None)
        total = out.sum(axis=1, keepdims=True)
        return np.divide(out, total, out=out, where=total > 0)

    def _borders(self):
        """Where filters begin, and peak: (n_channels + 2,), each two further than it begins."""
        high = self.sample_rate / 2 if self.high is None else self.high
        low, high = mel([self.low, high])
        return frequency_of(np.linspace(low, high, self.n_channels + 2))

    @property
    def _hop(self):
        """Samples from frame to frame."""
        return max(1, round(self.dt * self.sample_rate))

    @property
    def _n_window(self):
        return max(4, self._hop, round(self.window * self.sample_rate))

    @property
    def _n_fft(self):
        """A power of two, and so long that frequencies are at most 10 Hz apart or so."""
        n = max(self._n_window, self.sample_rate / 20)
        return 1 << int(np.ceil(np.log2(n)))

    def lengths(self, sounds: Sequence[ArrayLike]) -> np.ndarray:
        """Number of frames that each sound has, int64 (n_sounds,)."""
        return self._lengths(_checked_sounds(sounds))

    def _lengths(self, sounds):
        return np.array([-(-len(x) // self._hop) for x in sounds], np.int64)

    def loudness(
        self, sounds: Sequence[ArrayLike], *, n_frames: int | None = None, cut: bool = False
    ) -> np.ndarray:
        """How loud each channel of each sound is, frame by frame.

        Parameters
        ----------
        sounds : sequence of arrays (n,), of float or int
            May differ in length, and in scale.
        n_frames : int, optional
            By default as many as the longest sound has. Sounds that end early are followed by 0.
        cut : bool
            Leave out what comes after ``n_frames``, and warn of how many sounds it was; else
            sounds that are longer are refused.

        Returns
        -------
        array of float32 in [0, 1], (n_sounds, n_frames, n_channels)

        Raises
        ------
        TypeError, ValueError
            Sounds that are empty, not finite, no numbers, or too long; the message names which.
        """
        sounds = _checked_sounds(sounds)
        return self._loudness(sounds, self._checked_length(sounds, n_frames, cut))

    def _checked_length(self, sounds, n_frames, cut):
        lengths, cut = self._lengths(sounds), _check.flag("cut", cut)
        if n_frames is None:
            if not lengths.size:
                raise ValueError("n_frames must be given where there are no sounds")
            return int(lengths.max())
        n_frames = _check.integer("n_frames", n_frames, 1, _check.MOST_STEPS)
        n = int(np.count_nonzero(lengths > n_frames))
        told = f"{n:,} of {lengths.size:,} sounds are longer than n_frames={n_frames}"
        if n and not cut:
            raise ValueError(f"{told}, the longest has {lengths.max()} (cut=True leaves out more)")
        if n:
            warnings.warn(f"{told}: what comes later was left out", RuntimeWarning, stacklevel=3)
        return n_frames

    def _loudness(self, sounds, n_frames):
        filters = self.filters.T
        out = np.zeros((len(sounds), n_frames, self.n_channels), np.float32)
        for k, x in enumerate(sounds):
            heard = self._loudness_of(x, filters)[:n_frames]
            out[k, : len(heard)] = heard
        return out

    def _loudness_of(self, x, filters):
        """Of one sound, (n_frames, n_channels)."""
        n, hop, width = -(-len(x) // self._hop), self._hop, self._n_window
        largest = np.abs(x).max()
        if largest == 0:
            return np.zeros((n, self.n_channels))
        padded = np.zeros((n - 1) * hop + width)
        first = (width - hop) // 2
        padded[first : first + len(x)] = x / largest
        frames = np.lib.stride_tricks.sliding_window_view(padded, width)[::hop]
        window = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(width) + 0.5) / width)
        energy = np.empty((n, self.n_channels))
        for k in range(0, n, _FRAMES):  # all windows of an hour would not fit into memory
            spectrum = np.fft.rfft(frames[k : k + _FRAMES] * window, self._n_fft)
            energy[k : k + _FRAMES] = np.abs(spectrum) ** 2 @ filters
        top = energy.max()
        if top == 0:
            return np.zeros_like(energy)
        with np.errstate(divide="ignore"):
            return np.clip(1 + 10 * np.log10(energy / top) / self.span, 0, 1)

    def spikes(
        self, sounds: Sequence[ArrayLike], *, n_frames: int | None = None, cut: bool = False
    ) -> SpikeTrains:
        """Spikes that tell `loudness`, whose arguments these are.

        Returns
        -------
        SpikeTrains
            ``n_frames * steps_per_frame`` steps, `n_units` units. With the delta code, channel c
            becoming louder is unit c, becoming quieter unit ``n_channels + c``.
        """
        sounds = _checked_sounds(sounds)
        n_frames = self._checked_length(sounds, n_frames, cut)
        values = self._loudness(sounds, n_frames)
        if self.code == "delta":
            return encode.delta(values, threshold=self.threshold)
        late = np.floor((1 - values) * self.substeps).astype(np.int64)
        sample, frame, channel = np.nonzero((values > 0) & (late < self.substeps))
        step = frame * self.substeps + late[sample, frame, channel]
        return SpikeTrains.from_events(
            step,
            channel,
            sample,
            dt=1,
            n_units=self.n_channels,
            n_steps=n_frames * self.substeps,
            n_samples=len(values),
            ordered=False,
            allow_empty=True,
        )

    def decode(self, trains: SpikeTrains) -> np.ndarray:
        """Loudness read back from `spikes`.

        Returns
        -------
        array of float64 in [0, 1], (n_sounds, n_frames, n_channels)
        """
        _check.kind("SpikeTrains")("trains", trains)
        if trains.n_units != self.n_units or trains.n_steps % self.steps_per_frame:
            raise ValueError(
                f"trains must have {self.n_units} units and {self.steps_per_frame} steps per "
                f"frame, got {trains.n_units} and {trains.n_steps} steps"
            )
        if self.code == "delta":
            return np.clip(encode.decode_delta(trains, threshold=self.threshold), 0, 1)
        frames = trains.n_steps // self.substeps, self.substeps
        z = trains.to_dense(np.float64).reshape(len(trains), *frames, self.n_channels)
        if z.sum(axis=2).max(initial=0) > 1:
            raise ValueError("trains must have at most one spike per unit and frame")
        return np.einsum("nfkc,k->nfc", z, 1 - (np.arange(self.substeps) + 0.5) / self.substeps)

    def resynthesise(self, loudness: ArrayLike, *, rng: Seed) -> np.ndarray:
        """Sound that is as loud in each channel: a tone in the middle of each, waxing and waning.

        Parameters
        ----------
        loudness : array of float in [0, 1], (n_sounds, n_frames, n_channels)
            From `loudness`, or read back from spikes by `decode`.
        rng : numpy.random.Generator or int
            For the phases of the tones.

        Returns
        -------
        array of float32 in [-1, 1], (n_sounds, n_samples)
        """
        shape = (None, None, self.n_channels)
        values = _check.array("loudness", loudness, np.float64, shape, unit_interval=True)
        rng = _check.generator("rng", rng)
        n_frames, hop = values.shape[1], self._hop
        if n_frames == 0:
            raise ValueError("loudness must have frames")
        at, middles = np.arange(n_frames * hop), (np.arange(n_frames) + 0.5) * hop
        amplitude = np.where(values > 0, 10 ** ((values - 1) * self.span / 20), 0)
        out = np.zeros((len(values), at.size))
        for c, f in enumerate(self.centres):
            phases = rng.uniform(0, 2 * np.pi, (len(values), 1))
            tone = np.sin(2 * np.pi * f / self.sample_rate * at + phases)
            for k in range(len(values)):
                out[k] += tone[k] * np.interp(at, middles, amplitude[k, :, c])
        largest = np.abs(out).max(axis=1, keepdims=True)
        return np.divide(out, largest, out=out, where=largest > 0).astype(np.float32)


def _check_whole(dt, rate):
    """Refuse frames of a length that would be rounded by more than 1 %."""
    n = dt * rate
    if abs(n - round(n)) > 0.01 * n:
        near = " or ".join(f"{k / rate:.6g}" for k in (int(n), int(n) + 1))
        raise ValueError(
            f"dt must be a whole number of samples: {dt:g} s are {n:.4g} at {rate:g} per second; "
            f"take {near}"
        )


def _checked_sounds(sounds):
    """Sounds as arrays of float64, none of them empty."""
    out = []
    for k, x in enumerate(_check.sequence("sounds", sounds, of="arrays")):
        x = _check.array(f"sounds[{k}]", x, np.float64, (None,))
        if not x.size:
            raise ValueError(f"sounds[{k}] is empty")
        out.append(x)
    return out
