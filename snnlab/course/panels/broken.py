"""Hidden neurons that die: at random, the most needed ones, or those that one clicks on."""

import numpy as np

from snnlab.course import figures
from snnlab.live.grid import Switches
from snnlab.live.panel import Choice, Panel, Slider
from snnlab.network import Network

SHARES = (0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.75, 0.9)  # points of the curves
DRAWS = 4  # over which a curve of random deaths is averaged
ORDERS = "random", "targeted"


def answers(network, inputs, dead=None):
    """Classes that a network decides for with some hidden neurons silenced.

    Parameters
    ----------
    network : Network
        One hidden layer, readout of potentials.
    inputs : SpikeTrains
    dead : array of bool (n_hidden,), optional
        They hear nothing, and so never fire.

    Returns
    -------
    array of int (n_samples,)
    """
    alive = None if dead is None else [~np.asarray(dead)]
    return (
        network.forward(inputs, potentials=False, dropout=alive).readout.max(axis=1).argmax(axis=1)
    )


def influence(network, inputs):
    """How much each hidden neuron says: its spikes per sample times its outgoing weights.

    Returns
    -------
    array (n_hidden,)
    """
    spikes = _activity(network, inputs)
    return spikes * np.abs(network.weights[1]).sum(axis=1)


def _activity(network, inputs):
    """Spikes of each hidden neuron per sample."""
    hidden = network.forward(inputs, potentials=False).hidden[0].compact()
    return np.bincount(hidden.unit, minlength=network.sizes[1]) / len(inputs)


class BrokenNeurons(Panel):
    """Networks of which hidden neurons die, to see what is still recognised.

    Parameters
    ----------
    networks : dict of str to Network
        Two of equal sizes, with one hidden layer; by a few words on how each was trained.
    inputs, labels : SpikeTrains, array of int
        Test samples; up to 400 are used.
    key : str, optional
        As for `Panel`.
    """

    def __init__(self, networks, inputs, labels, key=None):
        for network in networks.values():
            if not isinstance(network, Network):
                raise TypeError(f"networks must hold Networks, not {type(network).__name__}")
        if len(networks) != 2 or len({network.sizes for network in networks.values()}) != 1:
            raise ValueError("networks must be two of equal sizes")
        self.names, self.networks = tuple(networks), tuple(networks.values())
        sizes = self.networks[0].sizes
        if len(sizes) != 3 or any(network.spiking_readout for network in self.networks):
            raise ValueError("networks must have one hidden layer and a readout of potentials")
        n = min(len(inputs), 400)
        self.inputs, self.labels = inputs[:n], np.asarray(labels)[:n]
        self.n_hidden = sizes[1]
        needed = [influence(network, self.inputs) for network in self.networks]
        self._needed = [np.argsort(-x, kind="stable") for x in needed]
        self._levels = []
        for network in self.networks:
            activity = _activity(network, self.inputs)
            shade = 255 * np.sqrt(activity / max(activity.max(), 1e-9))
            self._levels.append(shade.astype(np.uint8).tobytes())
        self.curves = {order: self._curves(order) for order in ORDERS}
        self.controls = {
            "share": Slider("dead", 0, 100, 1, 15, "%", 0.01, digits=1),
            "order": Choice("which", tuple((name, name) for name in ORDERS), "random"),
            "draw": Slider("random draw", 0, 9, 1, 0, digits=0),
            "net": Choice("trained", tuple((name, k) for k, name in enumerate(self.names)), 0),
            "dead": Switches("hidden neurons", self.n_hidden),
        }
        super().__init__(key)

    def _make_widgets(self):
        super()._make_widgets()
        self._choose(ask=False)

    def chosen(self, share, order, draw, net):
        """Which neurons die.

        Parameters
        ----------
        share : float
            In [0, 1].
        order : {"random", "targeted"}
            Targeted: the most influential ones of the network first.
        draw : int
            Seed of the random order.
        net : int
            Which network's neurons are targeted.

        Returns
        -------
        array of bool (n_hidden,)
        """
        if order == "targeted":
            ranked = self._needed[net]
        else:
            ranked = np.random.default_rng([draw, self.n_hidden]).permutation(self.n_hidden)
        dead = np.zeros(self.n_hidden, bool)
        dead[ranked[: round(share * self.n_hidden)]] = True
        return dead

    def _curves(self, order):
        """Accuracy of each network at each of `SHARES`, mean over draws: array (2, n)."""
        draws = range(DRAWS if order == "random" else 1)
        return np.array(
            [
                [np.mean([self._accuracy(k, self.chosen(x, order, d, k)) for d in draws])
                 for x in SHARES]
                for k in range(2)
            ]
        )  # fmt: skip

    def _accuracy(self, net, dead):
        return float((answers(self.networks[net], self.inputs, dead) == self.labels).mean())

    def simulate(self, *, dead, order, net, **tools):
        """Test both networks with these neurons dead.

        Parameters
        ----------
        dead : array of bool (n_hidden,)
        order : {"random", "targeted"}
            Of the curves shown beside.
        net : int
            Of which network the confusions are shown.
        **tools
            The other controls; they choose ``dead``, and are only named here.

        Returns
        -------
        dict
            The argument of `snnlab.course.figures.draw_broken`.
        """
        n_classes = self.networks[0].sizes[-1]
        said = [answers(network, self.inputs, dead) for network in self.networks]
        confusion = np.zeros((n_classes, n_classes), int)
        np.add.at(confusion, (self.labels, said[net]), 1)
        return {
            "names": self.names, "net": net, "order": order, "n_dead": int(np.sum(dead)),
            "n_hidden": self.n_hidden, "n_tested": len(self.labels), "confusion": confusion,
            "accuracy": [float((x == self.labels).mean()) for x in said],
            "intact": [float(x) for x in self.curves[order][:, 0]],
            "shares": SHARES, "curves": self.curves[order],
        }  # fmt: skip

    def draw(self, data):
        """Confusions, and accuracy against the share of dead neurons."""
        return figures.draw_broken(data)

    def update(self, picture, data):
        """The same for other data."""
        figures.update_broken(picture, data)

    def describe(self, data):
        """What is left, and how much the error has risen."""
        parts = []
        for name, now, before in zip(data["names"], data["accuracy"], data["intact"], strict=True):
            text = f"{name}: {100 * now:.1f} % right, intact {100 * before:.1f} %"
            if before < 1:
                text += f" (error {100 * ((1 - now) / (1 - before) - 1):+.0f} %)"
            parts.append(text)
        share = 100 * data["n_dead"] / data["n_hidden"]
        return (
            f"{data['n_dead']} of {data['n_hidden']} hidden neurons dead ({share:.0f} %). "
            + "; ".join(parts)
        )

    # sliders that choose what dies --------------------------------------------------------------

    _choosing = False

    def _choose(self, ask=True):
        """Let the neurons die that the sliders say; shown once."""
        self._choosing = True
        try:
            value = {name: self.controls[name].read(self.widgets[name].value)
                     for name in ("share", "order", "draw", "net")}  # fmt: skip
            self.widgets["dead"].value = self.chosen(**value)
        finally:
            self._choosing = False
        if ask:
            self._ask()

    def _changed(self, change):
        if self._choosing and change.owner is self.widgets["dead"]:
            return
        clicked = change.owner is self.widgets["dead"]
        other = change.owner is self.widgets["net"] and self.widgets["order"].value == "random"
        if clicked or other:
            self._ask()
        else:
            self._choose()

    def _publish(self, data):
        self.widgets["dead"].level = self._levels[data["net"]]
        super()._publish(data)
