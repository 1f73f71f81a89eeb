"""What several panels of the course need: checks of a network, its answer to an image, training."""

from itertools import islice

from snnlab import _check
from snnlab.learning.evaluation import evaluate
from snnlab.learning.optim import Adam
from snnlab.learning.settings import check_samples
from snnlab.learning.training import steps
from snnlab.live import Panel
from snnlab.network import Network

EVERY = 20  # steps between two looks at the test images
BATCH = 50


def checked(network, name="network", *, hidden_layers=None):
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


def checked_test(network, test):
    """Return test samples and their labels, a pair, if they fit a network."""
    inputs, labels = _check.sequence("test", test, 2, "things, inputs and labels")
    n = check_samples("inputs of test", network, inputs)
    return inputs, _check.labels("labels of test", labels, n, network.sizes[-1])


def look_at(networks, sample):
    """What networks make of one sample.

    Parameters
    ----------
    networks : iterable of Network
    sample : SpikeTrains
        One of them.

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
        out["decision"].append(int(trace.readout[0].max(axis=0).argmax()))
    return out


def first_steps(network, inputs, labels, n_steps, lr, **settings):
    """Train for so many steps of `BATCH` samples, an iterator of `Step`; the rate stays the same.

    ``settings`` are further ones of `snnlab.training.steps`.
    """
    epochs = -(-n_steps // -(-len(inputs) // BATCH))
    settings |= {"batch_size": BATCH, "optimizer": Adam(lr), "schedule": "constant", "rng": 0}
    return islice(steps(network, inputs, labels, epochs=epochs, **settings), n_steps)


class TrainedAnew(Panel):
    """A panel whose network is trained anew whenever a setting is changed.

    It has ``inputs`` and ``labels``, ``test`` (a pair of both), and takes ``n_steps`` of training.
    """

    def _trained(self, network, lr):
        """Train, and yield each step's number, with the accuracy every `EVERY` steps, else None."""
        trained = first_steps(network, self.inputs, self.labels, self.n_steps, lr)
        for k, _ in enumerate(trained, 1):
            look = k == 1 or k % EVERY == 0 or k == self.n_steps
            yield k, evaluate(network, *self.test).accuracy if look else None

    def _accuracies(self, network, lr):
        """Train to the end; steps and accuracies."""
        return [(k, found) for k, found in self._trained(network, lr) if found is not None]
