"""Pictures told in a few random spikes: an autoencoder for the course, and who reads them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check, encode
from snnlab.course.arguments import of_course
from snnlab.currents import ConstantCurrent
from snnlab.learning import autoencoder, bottleneck, training
from snnlab.network import Network
from snnlab.neurons import LIF, LeakyIntegrator

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from snnlab.datasets.dataset import Dataset
    from snnlab.learning.autoencoder import Autoencoder, AutoencoderHistory

__all__ = [
    "Pictures",
    "as_currents",
    "learn",
    "pictures",
    "read_right",
    "reader",
    "tell",
    "teller",
    "walk",
]

N_STEPS = 8
DT = 1e-3  # seconds
LR, BATCH = 5e-3, 100
BUDGETS = 2, 64  # spikes that pass while it learns, drawn anew for each image
RATE, BETA = 0.02, 0.01


@dataclass(frozen=True)
class Pictures:
    """Square images to be told, and others to be tested.

    Attributes
    ----------
    images, labels : array of float32 (n, pixel), array of int (n,)
    test_images, test_labels : likewise
    side : int
        Rows of an image, and columns.
    """

    images: np.ndarray
    labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    side: int


@of_course
def pictures(data: Dataset, *, n_train: int = 10000, n_test: int = 1000) -> Pictures:
    """Take images of a data set.

    Parameters
    ----------
    data : Dataset
        Of grey, square images.
    n_train, n_test : int
        How many, or all there are.

    Returns
    -------
    Pictures
    """
    shape = data.image_shape
    if shape is None or len(shape) != 2 or shape[0] != shape[1]:
        raise ValueError(f"data must hold square grey images: those of {data.name} are {shape}")
    train, test = (
        (getattr(data, f"x_{part}")[:n], getattr(data, f"y_{part}")[:n])
        for part, n in (("train", n_train), ("test", n_test))
    )
    return Pictures(*train, *test, shape[0])


def _images(images):
    """Images (n, pixel) in [0, 1], one or more."""
    images = _check.array("images", images, np.float32, (None, None), unit_interval=True)
    if not len(images):
        raise ValueError("images must hold at least one")
    return images


def as_currents(images: np.ndarray) -> ConstantCurrent:
    """Images (n, pixel) as currents that last as long as a sample."""
    return ConstantCurrent(images, N_STEPS)


@of_course
def teller(
    images: ArrayLike,
    *,
    units: int = 64,
    hidden: int = 128,
    reads: str = "time",
    rate: float = RATE,
    seed: int = 0,
) -> Autoencoder:
    """An autoencoder that has learned nothing yet.

    Parameters
    ----------
    images : array (n, pixel)
        Some that it is to tell: its encoder begins active on them.
    units : int
        Of the bottleneck.
    hidden : int
        Spiking units before it, and rectified ones behind.
    reads : {"time", "rate"}
        What the decoder hears.
    rate : float
        Prior probability of a spike, in (0, 1).
    seed : int

    Returns
    -------
    Autoencoder
    """
    units = _check.integer("units", units, 1, 1000)
    images = _images(images)
    neuron = LIF(tau_mem=4 * DT, tau_syn=2 * DT, dt=DT, steepness=3.0)
    readout = LeakyIntegrator(tau_mem=DT, tau_syn=None, dt=DT)
    sizes = images.shape[1], hidden, units
    encoder = Network(sizes, neuron, readout=readout, n_steps=N_STEPS, rng=seed)
    encoder.scale_to_activity(as_currents(images[:300]), rate=0.1, readout=3.0)
    return autoencoder.Autoencoder(
        encoder, images.shape[1], rate=rate, hold=N_STEPS, reads=reads, hidden=(hidden,), rng=seed
    )


def learn(
    model: Autoencoder,
    images: ArrayLike,
    *,
    steps: int = 800,
    beta: float = BETA,
    estimator: str | None = None,
    budgets: tuple[int, int] | None = BUDGETS,
    seed: int = 0,
) -> AutoencoderHistory:
    """Train an autoencoder for so many steps, or about; returns its `AutoencoderHistory`."""
    images = _images(images)
    steps = _check.integer("steps", steps, 1)
    epochs = max(1, round(steps / -(-len(images) // BATCH)))
    return autoencoder.train(
        model,
        as_currents(images),
        images,
        epochs=epochs,
        rng=seed,
        beta=beta,
        estimator=estimator or autoencoder.ESTIMATORS[0],
        budgets=budgets,
        lr=LR,
        batch_size=BATCH,
        progress=False,
    )


def tell(
    model: Autoencoder, image: ArrayLike, *, budget: int | None = None, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tell one image.

    Parameters
    ----------
    model : Autoencoder
    image : array (n, n)
        In [0, 1].
    budget : int, optional
        How many spikes may pass.
    seed : int
        Draws the spikes.

    Returns
    -------
    spikes, passed : array of bool (step, unit)
        As drawn, and those that pass.
    read : array (n, n)
        What the decoder makes of the latter.
    """
    _check.kind("Autoencoder")("model", model)
    side = int(round(model.decoder.sizes[-1] ** 0.5))
    image = _check.array("image", image, np.float32, (side, side), unit_interval=True)
    spikes = model.encode(as_currents(image.reshape(1, -1)), rng=seed)
    passed = spikes if budget is None else bottleneck.first_spikes(spikes, budget)
    return spikes[0] > 0, passed[0] > 0, model.decode(passed)[0].reshape(side, side)


def walk(
    model: Autoencoder, first: ArrayLike, last: ArrayLike, *, n: int = 9, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Walk from one image to another through the bottleneck's potentials.

    Parameters
    ----------
    model : Autoencoder
    first, last : array (n, n)
        In [0, 1].
    n : int
        Images on the way, both ends included.
    seed : int
        The same random numbers draw the spikes all along the way.

    Returns
    -------
    spikes : array of bool (n, step, unit)
    read : array (n, n, n)
    """
    _check.kind("Autoencoder")("model", model)
    n, side = _check.integer("n", n, 2, 1000), int(round(model.decoder.sizes[-1] ** 0.5))
    ends = [
        _check.array(name, x, np.float32, (side, side), unit_interval=True).ravel()
        for name, x in (("first", first), ("last", last))
    ]
    u = model.encoder.forward(as_currents(np.array(ends)), potentials=False).readout
    share = np.linspace(0, 1, n, dtype=u.dtype)[:, None, None]
    p = bottleneck.probability((1 - share) * u[0] + share * u[1], model.rate)
    seed = _check.integer("seed", seed, 0)
    drawn = [bottleneck.draw_spikes(p[k : k + 1], seed, model.hold) for k in range(n)]
    spikes = np.concatenate(drawn)
    return spikes > 0, model.decode(spikes).reshape(n, side, side)


@of_course
def reader(
    images: ArrayLike, labels: ArrayLike, *, hidden: int = 100, epochs: int = 4, seed: int = 0
) -> Network:
    """A spiking network that has learned to read images (n, pixel) in latency code."""
    images = _images(images)
    labels = _check.labels("labels", labels, len(images), 1000)
    neuron = LIF.brainscales2(steepness=10.0)
    sizes = images.shape[1], hidden, int(labels.max()) + 1
    network = Network(sizes, neuron, n_steps=20, rng=seed)
    inputs = encode.latency(images)
    network.scale_to_activity(inputs[:300], 20)
    epochs = _check.integer("epochs", epochs, 0)
    training.train(network, inputs, labels, epochs=epochs, rng=seed, progress=False)
    return network


def read_right(network: Network, images: np.ndarray, labels: ArrayLike) -> float:
    """Share of images that a `reader` reads rightly."""
    inputs = encode.latency(np.clip(images, 0, 1))
    with warnings.catch_warnings():  # what few spikes tell may be too pale for any
        warnings.simplefilter("ignore", RuntimeWarning)
        return training.evaluate(network, inputs, labels).accuracy
