"""Without time: traces of neurons, and images as rates, learned through time or from traces."""

from __future__ import annotations

import itertools
import warnings
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check, encode
from snnlab.course.arguments import of_course
from snnlab.course.samples import Samples
from snnlab.datasets.events import Recordings
from snnlab.learning import membrane, training
from snnlab.learning.losses import SumOverTime
from snnlab.learning.optim import Adam
from snnlab.neurons import LIF

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike

    from snnlab.datasets.dataset import Dataset
    from snnlab.learning.evaluation import Evaluation
    from snnlab.learning.membrane import MembraneSignal
    from snnlab.network import Network
    from snnlab.signals import SpikeTrains

__all__ = [
    "LOSS",
    "N_STEPS",
    "PROBABILITY",
    "WAYS",
    "as_rates",
    "camera_task",
    "first_passes",
    "learn_camera",
    "learn_sums",
    "low_pass",
    "many_neurons",
    "network",
    "neuron",
    "optimizer",
    "rule",
    "shuffled",
]

DT, TAU = 1e-6, 20e-6  # seconds: a step, and a membrane
N_STEPS = 50
N_INPUTS, MANY = 40, 60  # of the neurons that hear the same


def neuron(**changes: Any) -> LIF:
    """A LIF without a synaptic filter, whose spikes subtract the threshold."""
    given = {"tau_mem": TAU, "tau_syn": None, "dt": DT, "surrogate": "arctan", "steepness": 4.0}
    return LIF(**given | changes)


def low_pass(x: ArrayLike, keep: float) -> np.ndarray:
    """``y[t] = keep y[t - 1] + x[t]``: what is left of each input, (sample, time, unit)."""
    y = np.array(x, float)
    for t in range(1, y.shape[1]):
        y[:, t] += keep * y[:, t - 1]
    return y


def many_neurons(rate: float, n_steps: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Inputs that spike at random, and weights of neurons that hear them all.

    Parameters
    ----------
    rate : float
        Spikes per input and step.
    n_steps : int
    seed : int

    Returns
    -------
    array (1, n_steps, N_INPUTS), array (N_INPUTS, MANY)
        The sum of a neuron's weights grows from neuron to neuron, from below 0 on.
    """
    rate = _check.number("rate", rate, at_least=0, at_most=1)
    n_steps = _check.integer("n_steps", n_steps, 1, _check.MOST_STEPS)
    rng = np.random.default_rng(_check.integer("seed", seed, at_least=0))
    weights = rng.normal(np.linspace(-0.03, 0.08, MANY), 0.1, (N_INPUTS, MANY))
    x = rng.random((n_steps, N_INPUTS)) < rate
    return x[None].astype(float), weights


# images as rates ----------------------------------------------------------------------------------

PROBABILITY = 0.2  # of a spike per step, of the brightest pixel
THRESHOLD, INHIBITION = 5.0, 0.0  # as `snnlab.learning.membrane.competing` takes them
HIDDEN, LR = 100, 2e-3
LOSS = SumOverTime(0.3)
WAYS = "through time", "without time"


def as_rates(x: ArrayLike, seed: int = 0) -> SpikeTrains:
    """Spikes of images whose pixels are rates, drawn once."""
    return encode.rate(x, n_steps=N_STEPS, rng=seed, probability=PROBABILITY)


@of_course
def network(
    data: Dataset,
    *,
    hidden: int = HIDDEN,
    threshold: float = THRESHOLD,
    inhibition: ArrayLike = INHIBITION,
    seed: int = 0,
) -> Network:
    """A network of one hidden layer for images, which begins as that of Lee et al. does.

    Parameters
    ----------
    data : Dataset
        Such as MNIST.
    hidden : int
    threshold, inhibition
        As for `snnlab.learning.membrane.competing`.
    seed : int
        Of the weights.

    Returns
    -------
    Network
    """
    sizes = data.x_train.shape[1], hidden, data.n_classes
    how = {"threshold": threshold, "inhibition": inhibition}
    return membrane.competing(sizes, neuron(learn="v_th"), n_steps=N_STEPS, rng=seed, **how)


def rule(way: str, normalise: bool = True) -> MembraneSignal | None:
    """What `snnlab.train` takes as ``backward``, for one of `WAYS`."""
    without = _check.one_of("way", way, WAYS) == WAYS[1]
    return membrane.MembraneSignal(normalise=normalise) if without else None


def first_passes(net: Network, inputs: SpikeTrains) -> None:
    """A pass forward, and backward in both of `WAYS`: their kernels are compiled then."""
    trace = net.forward(inputs)
    nothing = np.zeros_like(trace.readout)
    net.backward(trace, nothing)
    rule(WAYS[1]).backward(net, trace, nothing)


def optimizer(lr: float = LR) -> Adam:
    """Adam, by which thresholds change ten times slower than weights."""
    return Adam(lr, rates={"v_th": 0.1})


# recordings of an event camera --------------------------------------------------------------------

CAMERA = {"dt": 6.5e-3, "n_steps": N_STEPS, "pool": 2, "cut": True}  # as recordings become spikes
CAMERA_THRESHOLD = 10.0  # there is more to hear than in images


def shuffled(recordings: Recordings, seed: int = 0) -> Recordings:
    """The same recordings, but each event happens at the time of another one of its recording."""
    rng, units = np.random.default_rng(seed), recordings.units.copy()
    for lo, hi in itertools.pairwise(recordings.indptr):
        units[lo:hi] = rng.permutation(units[lo:hi])
    given = recordings.times, units, recordings.indptr, recordings.shape, recordings.labels
    return Recordings(*given, recordings.tick)


def camera_task(recordings: Recordings, *, shuffle: bool = False, seed: int = 0) -> Samples:
    """Split recordings, four fifths to be learned, and make spikes of them.

    Parameters
    ----------
    recordings : Recordings
        With labels.
    shuffle : bool
        Whether events happen at each other's times.
    seed : int
        Of the split.

    Returns
    -------
    Samples
    """
    _check.kind("Recordings")("recordings", recordings)
    if recordings.labels is None:
        raise ValueError("recordings must have labels")
    seed = _check.integer("seed", seed, at_least=0)
    order = np.random.default_rng(seed).permutation(len(recordings))
    chosen = shuffled(recordings, seed) if _check.flag("shuffle", shuffle) else recordings
    trains, n = chosen.spikes(**CAMERA), len(recordings) // 5
    test, learned = order[:n], order[n:]
    labels = recordings.labels
    parts = trains[learned], labels[learned], trains[test], labels[test]
    return Samples(*parts, int(labels.max()) + 1)


def learn_camera(
    camera: Samples, way: str, *, epochs: int = 15, hidden: int = HIDDEN, seed: int = 0
) -> tuple[Network, Evaluation]:
    """Train a network of one hidden layer on recordings, in one of `WAYS`.

    Parameters
    ----------
    camera : Samples
    way : {"through time", "without time"}
    epochs, hidden : int
    seed : int
        Of the weights.

    Returns
    -------
    Network, Evaluation
        The latter on the test recordings.
    """
    sizes = camera.inputs.n_units, hidden, camera.n_classes
    net = membrane.competing(
        sizes, neuron(learn="v_th"), n_steps=N_STEPS, rng=seed, threshold=CAMERA_THRESHOLD
    )
    training.train(
        net,
        camera.inputs,
        camera.labels,
        epochs=epochs,
        batch_size=20,
        loss=LOSS,
        optimizer=optimizer(),
        backward=rule(way),
        rng=seed,
        progress=False,
    )
    return net, training.evaluate(net, camera.test_inputs, camera.test_labels, loss=LOSS)


def learn_sums(camera: Samples, *, hidden: int = HIDDEN, seed: int = 0) -> float:
    """Accuracy of rectified linear units that hear how many events there were in each place."""
    from sklearn.neural_network import MLPClassifier  # takes long to import

    x, x_test = (part.unit_counts(np.float64) for part in (camera.inputs, camera.test_inputs))
    model = MLPClassifier((hidden,), max_iter=40, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of epochs that do not suffice to converge
        model.fit(x / x.std(), camera.labels)
    return float(model.score(x_test / x.std(), camera.test_labels))
