"""`Autoencoder`: a spiking encoder, spikes drawn at random, an ordinary decoder; trained as one."""

from __future__ import annotations

import time
from collections import namedtuple
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab.learning import bottleneck
from snnlab.learning.decoder import Decoder
from snnlab.learning.guard import forgotten_if_failed
from snnlab.learning.optim import Adam
from snnlab.learning.schedules import resolve_schedule
from snnlab.learning.settings import check_batches
from snnlab.memory import rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from numpy.typing import ArrayLike

    from snnlab._types import Schedule, Seed, Signals
    from snnlab.network import Network

__all__ = [
    "Autoencoder",
    "AutoencoderHistory",
    "Decoder",
    "ESTIMATORS",
    "Found",
    "Step",
    "steps",
    "train",
]

READS = "time", "rate"
ESTIMATORS = "straight-through", "score-function"
AT_ONCE = 500  # samples that are encoded at a time
BATCH = 100

Step = namedtuple("Step", "error spikes nats encoder decoder")
Step.__doc__ = """What a batch says, before an update.

Attributes
----------
error : float
    Mean squared error of a pixel.
spikes : float
    Spikes per sample that reach the decoder.
nats : float
    Divergence from the prior rate per sample.
encoder, decoder : Gradients
"""

Found = namedtuple("Found", "error spikes images")
Found.__doc__ = """How well images are told.

Attributes
----------
error : float
    Mean squared error of a pixel.
spikes : float
    Spikes per sample that reach the decoder.
images : array (n_samples, n_pixels)
    As they are read from the spikes.
"""


@dataclass
class AutoencoderHistory:
    """What `train` recorded, one entry per epoch: means over samples, as they were trained.

    Attributes
    ----------
    error : list of float
        Mean squared error of a pixel.
    spikes : list of float
        Per sample, that reach the decoder.
    nats : list of float
        Divergence from the prior rate per sample.
    validation_error : list of float
        After the epoch, on the validation set; empty without one.
    seconds : list of float
    """

    error: list = field(default_factory=list)
    spikes: list = field(default_factory=list)
    nats: list = field(default_factory=list)
    validation_error: list = field(default_factory=list)
    seconds: list = field(default_factory=list)

    def __len__(self):
        return len(self.error)


class Autoencoder:
    """Two networks with a bottleneck of spikes between them (after Skatchkovsky et al. 2021).

    The encoder is a `Network` whose readout is an integrator. Its potentials say how probable a
    spike of each readout unit is in each step (`snnlab.bottleneck`); the spikes are drawn. The
    decoder is an ordinary network, a `Decoder`, and sees the spikes only.

    Parameters
    ----------
    encoder : Network
        Its readout does not spike.
    n_pixels : int
        Numbers in [0, 1] to be told of each sample.
    rate : float
        Prior probability of a spike per unit and step, in (0, 1).
    hold : int
        Steps for which a unit of the bottleneck keeps silent after each spike.
    reads : {"time", "rate"}
        What the decoder hears: which unit spiked when, or how often each did.
    hidden : sequence of int
        Hidden units of the decoder.
    rng : numpy.random.Generator or int
        For the decoder's weights.

    Attributes
    ----------
    encoder : Network
    decoder : Decoder
    rate : float
    hold : int
    reads : str
    """

    def __init__(
        self,
        encoder: Network,
        n_pixels: int,
        *,
        rate: float = 0.05,
        hold: int = 0,
        reads: str = "time",
        hidden: Sequence[int] = (256,),
        rng: Seed,
    ) -> None:
        self.encoder = _check.network("encoder", encoder, needs="backward")
        if encoder.spiking_readout:
            raise ValueError("encoder must be read out by an integrator: its spikes are drawn here")
        n_pixels = _check.integer("n_pixels", n_pixels, 1, _check.MOST_UNITS)
        self.rate = bottleneck.prior_rate("rate", rate)
        self.hold = _check.integer("hold", hold, 0, _check.MOST_STEPS)
        self.reads = _check.one_of("reads", reads, READS)
        hidden = _check.each(_check.like(_check.integer, at_least=1), of="integers")(
            "hidden", hidden
        )
        n_code = encoder.sizes[-1] * (encoder.n_steps if reads == "time" else 1)
        self.decoder = Decoder((n_code, *hidden, n_pixels), rng=rng, dtype=encoder.dtype)

    # there and back -------------------------------------------------------------------------------

    def probabilities(self, inputs: Signals) -> np.ndarray:
        """Probability of a spike where a unit may spike, array (sample, time, unit)."""
        u = self.encoder.forward(inputs, potentials=False).readout
        return bottleneck.probability(u, self.rate)

    def encode(
        self, inputs: Signals, *, rng: Seed | None = None, budgets: ArrayLike | None = None
    ) -> np.ndarray:
        """Spikes of the bottleneck: 0 and 1, array (sample, time, unit).

        Parameters
        ----------
        inputs : SpikeTrains, ConstantCurrent or Values
        rng : numpy.random.Generator or int, optional
            Draws them. By default nothing is drawn: there is a spike where one is more probable
            than none.
        budgets : int or array of int (sample,), optional
            Only the first so many of a sample pass.
        """
        self.encoder.check_inputs(inputs)
        rng = None if rng is None else _check.generator("rng", rng)
        found = []
        for first in range(0, len(inputs), AT_ONCE):
            p = self.probabilities(inputs[first : first + AT_ONCE])
            found.append(bottleneck.draw_spikes(p, rng, self.hold))
        spikes = np.concatenate(found)
        return spikes if budgets is None else bottleneck.first_spikes(spikes, budgets)

    def decode(self, spikes: ArrayLike) -> np.ndarray:
        """Images (sample, pixel) in (0, 1), read from spikes (sample, time, unit)."""
        return self.decoder.forward(self._code(spikes))[-1]

    def evaluate(
        self,
        inputs: Signals,
        images: ArrayLike,
        *,
        rng: Seed | None = 0,
        budgets: ArrayLike | None = None,
    ) -> Found:
        """Error and spikes of samples, and the images that are read; arguments as in `encode`."""
        self.encoder.check_inputs(inputs)
        images = self._images(images, len(inputs))
        spikes = self.encode(inputs, rng=rng, budgets=budgets)
        read = self.decode(spikes)
        return Found(_error(read, images), float(spikes.sum() / len(spikes)), read)

    def _code(self, spikes):
        """What the decoder hears of spikes."""
        shape = None, self.encoder.n_steps, self.encoder.sizes[-1]
        spikes = _check.array("spikes", spikes, self.encoder.dtype, shape)
        return rows_of(spikes) if self.reads == "time" else spikes.sum(axis=1)

    def _images(self, images, n, name="images"):
        """Images that fit."""
        shape, dtype = (n, self.decoder.sizes[-1]), self.decoder.dtype
        return _check.array(name, images, dtype, shape, unit_interval=True)

    # learning -------------------------------------------------------------------------------------

    def gradients(
        self,
        inputs: Signals,
        images: ArrayLike,
        *,
        rng: Seed,
        beta: float = 0.01,
        estimator: str = "straight-through",
        draws: int = 1,
        baseline: float | None = None,
        budgets: ArrayLike | None = None,
    ) -> Step:
        """Gradients of a batch: of the squared error of an image, plus beta times its nats.

        Parameters
        ----------
        inputs : SpikeTrains, ConstantCurrent or Values
        images : array (sample, pixel)
            In [0, 1].
        rng : numpy.random.Generator or int
            Draws the spikes.
        beta : float
            What a nat costs, in squared pixels; 0 or more.
        estimator : {"straight-through", "score-function"}
        draws : int
            How often spikes are drawn of each sample; gradients are their mean.
        baseline : float, optional
            Of the score function with one draw: a price, of error and nats, known before. With
            more draws, each has the mean of the others as its baseline.
        budgets : int or array of int (sample,), optional
            Only the first so many spikes of a sample pass.

        Returns
        -------
        Step
        """
        self.encoder.check_inputs(inputs)
        images, rng = self._images(images, len(inputs)), _check.generator("rng", rng)
        beta = _check.number("beta", beta, at_least=0)
        _check.one_of("estimator", estimator, ESTIMATORS)
        draws = _check.integer("draws", draws, 1, 1000)
        before = 0.0 if baseline is None else _check.number("baseline", baseline)
        trace = self.encoder.forward(inputs, training=True)
        u = trace.readout
        p = bottleneck.probability(u, self.rate)
        by_code = estimator == "straight-through"
        drawn = [self._draw(p, images, rng, budgets, by_code) for _ in range(draws)]
        told = [bottleneck.information(p, self.rate, one.free) for one in drawn]
        losses = np.array([one.losses for one in drawn])
        prices = losses + beta * np.array(told)
        each, g_u = bottleneck.information_gradient(u, p), np.zeros_like(u)
        with np.errstate(over="ignore", invalid="ignore"):  # it is heard below
            for k, one in enumerate(drawn):
                if by_code:
                    g = bottleneck.straight_through(one.g_spikes, p)
                else:
                    others = (prices.sum(axis=0) - prices[k]) / (draws - 1) if draws > 1 else before
                    g = bottleneck.score_function((prices[k] - others) / len(u), one.spikes, p)
                g_u += (g + beta / len(u) * each) * one.free
            g_u /= draws
        _check.finite("beta or baseline", g_u)
        decoder = drawn[0].gradients
        for one in drawn[1:]:
            decoder.flat += one.gradients.flat
        decoder.flat /= draws
        encoder = self.encoder.backward(trace, g_u)
        _check.finite("beta, baseline or the encoder's weights", encoder.flat)
        return Step(
            float(losses.mean()) / images.shape[1],
            float(np.mean([one.passed.sum() for one in drawn])) / len(u),
            float(np.mean(told)),
            encoder,
            decoder,
        )

    def _draw(self, p, images, rng, budgets, by_code):
        """Spikes that are drawn once; losses, and gradients of their mean."""
        spikes = bottleneck.draw_spikes(p, rng, self.hold)
        passed = spikes if budgets is None else bottleneck.first_spikes(spikes, budgets)
        values = self.decoder.forward(self._code(passed))
        off = values[-1] - images
        losses = np.square(off).sum(axis=1, dtype=np.float64)
        found = self.decoder.backward(values, (2 / len(p)) * off, inputs=by_code)
        gradients, g_spikes = found if by_code else (found, None)
        if by_code:
            steps, units = p.shape[1:]
            g_spikes = g_spikes.reshape(len(p), -1, units)
            g_spikes = np.broadcast_to(g_spikes, (len(p), steps, units))
            if budgets is not None:  # what does not pass says nothing
                g_spikes = g_spikes * ((passed == spikes) & _open(spikes, budgets))
        free = bottleneck.may_spike(spikes, self.hold)
        return _Drawn(spikes, passed, free, losses, gradients, g_spikes)

    def copy_of_weights(self) -> dict[str, np.ndarray]:
        """All parameters, ``encoder`` and ``decoder``, as flat arrays of their own."""
        parts = {"encoder": self.encoder, "decoder": self.decoder}
        return {name: part.parameters.copy() for name, part in parts.items()}

    def __repr__(self):
        sizes = " - ".join(map(str, self.encoder.sizes))
        return (
            f"Autoencoder({sizes} spiking, rate {self.rate:g}, reads {self.reads}, {self.decoder})"
        )


_Drawn = namedtuple("_Drawn", "spikes passed free losses gradients g_spikes")


def _open(spikes, budgets):
    """Where a spike would pass: not more than so many have come before."""
    rows = rows_of(spikes > 0)
    before = np.cumsum(rows, axis=1) - rows
    return (before < np.reshape(budgets, (-1, 1))).reshape(spikes.shape)


def _error(read, images):
    """Mean squared error of a pixel."""
    return float(np.square(read - images, dtype=np.float64).mean())


def steps(
    model: Autoencoder,
    inputs: Signals,
    images: ArrayLike,
    *,
    epochs: int,
    rng: Seed,
    beta: float = 0.01,
    estimator: str = "straight-through",
    draws: int | None = None,
    budgets: tuple[int, int] | None = None,
    lr: float = 2e-3,
    schedule: Schedule = "cosine",
    batch_size: int = BATCH,
) -> Iterator[tuple[int, Step]]:
    """Train step by step: an iterator over epoch, counted from 0, and `Step`, after each update.

    Parameters
    ----------
    model : Autoencoder
        Changed in place.
    inputs : SpikeTrains, ConstantCurrent or Values
    images : array (sample, pixel)
        What is to be told of each, in [0, 1].
    epochs : int
    rng : numpy.random.Generator or int
        For the order of samples, spikes and budgets.
    beta, estimator, draws
        As for `Autoencoder.gradients`. By default one draw, two for the score function; with one
        its baseline is the running mean of losses.
    budgets : tuple of int, optional
        Smallest and largest number of spikes that pass, drawn anew for each sample: then what
        matters most is told first.
    lr : float
        Learning rate of Adam, for both networks.
    schedule : str or callable
        As for `snnlab.train`.
    batch_size : int
    """
    _check.kind("Autoencoder")("model", model)
    model.encoder.check_inputs(inputs)
    images, rng = model._images(images, len(inputs)), _check.generator("rng", rng)
    epochs = _check.integer("epochs", epochs, 0)
    batch_size = _check.integer("batch_size", batch_size, 1)
    check_batches(model.encoder, len(inputs), batch_size)
    _check.one_of("estimator", estimator, ESTIMATORS)
    if draws is None:
        draws = 2 if estimator == "score-function" else 1
    how = {"beta": beta, "estimator": estimator, "draws": _check.integer("draws", draws, 1, 1000)}
    _check.number("beta", beta, at_least=0)
    if budgets is not None:
        low, high = _check.each(_check.like(_check.integer, at_least=0), 2, "integers")(
            "budgets", budgets
        )
        if low > high:
            raise ValueError(f"budgets must be a smallest and a largest number, got {budgets}")
        budgets = low, high
    rates = resolve_schedule(schedule), [Adam(lr), Adam(lr)]
    return _steps(model, inputs, images, epochs, rng, how, budgets, rates, batch_size)


def _steps(model, inputs, images, epochs, rng, how, budgets, rates, batch_size):
    """The loop, arguments being checked."""
    schedule, optimizers = rates
    pixels, mean = images.shape[1], None
    per_epoch = -(-len(inputs) // batch_size)
    for epoch in range(epochs):
        order = rng.permutation(len(inputs))
        for k in range(per_epoch):
            index = order[k * batch_size : (k + 1) * batch_size]
            some = None if budgets is None else rng.integers(*budgets, len(index), endpoint=True)
            factor, given = schedule(epoch + k / per_epoch, epochs), (inputs[index], images[index])
            try:
                with forgotten_if_failed(model.encoder):
                    step = model.gradients(*given, rng=rng, budgets=some, baseline=mean, **how)
                    parts = (model.encoder, step.encoder), (model.decoder, step.decoder)
                    for optimizer, (network, gradients) in zip(optimizers, parts, strict=True):
                        optimizer.step(network, gradients, factor)
            except FloatingPointError as fault:
                where = f"in epoch {epoch + 1}, step {k + 1}"
                raise _check.NotFinite(f"{where}: {fault} (are beta or lr too large?)") from None
            loss = step.error * pixels + how["beta"] * step.nats
            mean = loss if mean is None else 0.9 * mean + 0.1 * loss
            yield epoch, step


def train(
    model: Autoencoder,
    inputs: Signals,
    images: ArrayLike,
    *,
    epochs: int,
    rng: Seed,
    validation: tuple | None = None,
    progress: bool = True,
    **settings: Any,
) -> AutoencoderHistory:
    """Train an autoencoder in place.

    Parameters
    ----------
    model, inputs, images, epochs, rng
        As for `steps`.
    validation : tuple, optional
        Inputs and images that are told after each epoch, their spikes drawn.
    progress : bool
        Print a line per epoch.
    **settings
        Further arguments of `steps`.

    Returns
    -------
    AutoencoderHistory
    """
    _check.kind("Autoencoder")("model", model)
    _check.flag("progress", progress)
    if validation is not None:
        held = _check.sequence("validation", validation, 2, "inputs and images")
        model.encoder.check_inputs(held[0], "validation")
        held[1] = model._images(held[1], len(held[0]), "validation[1]")
    history, numbers, size = AutoencoderHistory(), [], settings.get("batch_size", BATCH)
    last, began = 0, time.perf_counter()

    def note():
        sizes = np.minimum(size, len(inputs) - size * np.arange(len(numbers)))
        error, spikes, nats = np.average(numbers, axis=0, weights=sizes).tolist()
        history.error.append(error)
        history.spikes.append(spikes)
        history.nats.append(nats)
        history.seconds.append(time.perf_counter() - began)
        told = ""
        if validation is not None:
            history.validation_error.append(model.evaluate(*held, rng=0).error)
            told = f"  validation {history.validation_error[-1]:.4f}"
        if progress:
            print(
                f"epoch {len(history)}/{epochs}  error {error:.4f}{told}  {spikes:.1f} spikes  "
                f"{nats:.1f} nats  {history.seconds[-1]:.1f} s",
                flush=True,
            )

    for epoch, step in steps(model, inputs, images, epochs=epochs, rng=rng, **settings):
        if epoch != last:
            note()
            numbers, last, began = [], epoch, time.perf_counter()
        numbers.append(step[:3])
    if numbers:
        note()
    return history
