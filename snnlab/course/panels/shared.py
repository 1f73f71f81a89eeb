"""What several panels of the course need: checks of a network, its answer to an image, training."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab.learning.evaluation import evaluate
from snnlab.learning.optim import Adam
from snnlab.learning.settings import check_samples
from snnlab.learning.training import steps
from snnlab.network import Network

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from snnlab._types import Inputs, Loss, Signals
    from snnlab.course.samples import Samples
    from snnlab.learning.training import Step

    Looks = list[tuple[int, Any]]  # steps, and what was found at each
    Run = Iterator[tuple[int, Step, Looks]]

EVERY = 20  # steps between two looks at the test samples
BATCH = 50


def checked(network: object, name: str = "network", *, hidden_layers: int | None = None) -> Network:
    """Return what should be a network whose readout is potentials.

    Parameters
    ----------
    network : object
    name : str
        What it is called in errors.
    hidden_layers : int, optional
        How many it must have.

    Returns
    -------
    Network

    Raises
    ------
    TypeError, ValueError
    """
    if not isinstance(network, Network):
        raise TypeError(f"{name} must be a Network, not {type(network).__name__}")
    if network.spiking_readout:
        raise ValueError(f"{name} must have a readout of potentials")
    if hidden_layers is not None and len(network.sizes) != hidden_layers + 2:
        raise ValueError(f"{name} must have {hidden_layers} hidden layer(s)")
    return network


def checked_test(network: Network, test: Any) -> tuple[Inputs, np.ndarray]:
    """Return test samples and their labels, a pair, if they fit a network."""
    inputs, labels = _check.sequence("test", test, 2, "things, inputs and labels")
    n = check_samples("inputs of test", network, inputs)
    return inputs, _check.labels("labels of test", labels, n, network.sizes[-1])


def look_at(
    networks: Iterable[Network], sample: Signals, read: Callable[..., np.ndarray] = np.max
) -> dict[str, list]:
    """What networks make of one sample.

    Parameters
    ----------
    networks : iterable of Network
    sample : SpikeTrains
        One of them.
    read : callable
        What makes scores of potentials over time, as the networks' loss does.

    Returns
    -------
    dict
        ``spikes``: for each network steps and units of its first hidden layer's spikes;
        ``decision``: the class it decides for.
    """
    out = {"spikes": [], "decision": []}
    for network in networks:
        trace = network.forward(sample, potentials=False)
        train = trace.hidden[0].compact()
        out["spikes"].append((train.step, train.unit))
        out["decision"].append(int(read(trace.readout[0], axis=0).argmax()))
    return out


def with_looks(
    run: Iterable[Step], n_steps: int, look: Callable[[], Any], every: int = EVERY
) -> Run:
    """Go through a training, and look now and then.

    Parameters
    ----------
    run : iterator
        Of its steps.
    n_steps : int
        How many there will be.
    look : callable
        Without arguments, such as one that returns the accuracy on test samples.
    every : int
        Steps between two looks; there is one after the first step and one after the last, too.

    Yields
    ------
    int
        Steps taken: from 1 to all of them.
    Step
        The last one.
    list of (int, float)
        Steps, and what was found, of each look so far.
    """
    found = []
    for k, step in enumerate(run, 1):
        if k == 1 or k % every == 0 or k == n_steps:
            found.append((k, look()))
        yield k, step, found


def watched(
    network: Network,
    samples: Samples,
    n_steps: int,
    *,
    loss: Loss = "max_over_time",
    every: int = EVERY,
    **settings: Any,
) -> Run:
    """Train for so many steps of `BATCH` samples, the rate staying the same, and test now and then.

    Parameters
    ----------
    network : Network
    samples : Samples
    n_steps, every : int
        As for `with_looks`; what looks find is the accuracy on the test samples.
    loss, **settings
        As for `snnlab.training.steps`.

    Returns
    -------
    iterator
        As of `with_looks`.
    """
    settings |= {"loss": loss, "batch_size": BATCH, "schedule": "constant", "rng": 0}
    epochs = -(-n_steps // -(-len(samples.inputs) // BATCH))
    run = steps(network, samples.inputs, samples.labels, epochs=epochs, **settings)

    def look():
        return evaluate(network, samples.test_inputs, samples.test_labels, loss=loss).accuracy

    return with_looks(islice(run, n_steps), n_steps, look, every)


def accuracies(network: Network, samples: Samples, n_steps: int, lr: float) -> Looks:
    """Train with Adam to the end, as `watched` does: steps and accuracies of all looks."""
    *_, (_, _, found) = watched(network, samples, n_steps, optimizer=Adam(lr))
    return found
