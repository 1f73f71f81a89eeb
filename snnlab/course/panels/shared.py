"""What several panels of the course need: checks of a network, and its answer to one image."""

from snnlab import _check
from snnlab.learning.settings import check_samples
from snnlab.network import Network


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
