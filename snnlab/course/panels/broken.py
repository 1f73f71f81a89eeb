"""Hidden neurons that die: at random, the most needed ones, or those that one clicks on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check
from snnlab.course import broken, figures
from snnlab.course.arguments import of_course
from snnlab.course.panels.shared import checked
from snnlab.learning.settings import check_samples
from snnlab.live import Choice, Panel, Slider, Switches, as_options
from snnlab.live.panel import of_controls

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from numpy.typing import ArrayLike

    from snnlab.network import Network
    from snnlab.signals import SpikeTrains

SHARES = (0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.75, 0.9)  # points of the curves
DRAWS = 4  # over which a curve of random deaths is averaged
ORDERS = "random", "targeted"


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

    @of_course
    def __init__(
        self,
        networks: Mapping[str, Network],
        inputs: SpikeTrains,
        labels: ArrayLike,
        key: str | None = None,
    ) -> None:
        for network in _check.kind("dict")("networks", networks).values():
            checked(network, "each of networks", hidden_layers=1)
        if len(networks) != 2 or len({network.sizes for network in networks.values()}) != 1:
            raise ValueError("networks must be two of equal sizes")
        self.names, self.networks = tuple(networks), tuple(networks.values())
        n = min(check_samples("inputs", self.networks[0], inputs), 400)
        labels = _check.labels("labels", labels, len(inputs), self.networks[0].sizes[-1])
        self.inputs, self.labels = inputs[:n], labels[:n]
        self.n_hidden = self.networks[0].sizes[1]
        needed = [broken.influence(network, self.inputs) for network in self.networks]
        self._needed = [np.argsort(-x, kind="stable") for x in needed]
        self._levels = []
        for network in self.networks:
            activity = broken.activity(network, self.inputs)
            shade = 255 * np.sqrt(activity / max(activity.max(), 1e-9))
            self._levels.append(shade.astype(np.uint8).tobytes())
        self.curves = {order: self._curves(order) for order in ORDERS}
        self.controls = {
            "share": Slider("dead", 0, 100, 1, 15, "%", 0.01, digits=1),
            "order": Choice("which", as_options(ORDERS, "{}"), "random"),
            "draw": Slider("random draw", 0, 9, 1, 0, digits=0),
            "net": Choice("trained", tuple((name, k) for k, name in enumerate(self.names)), 0),
            "dead": Switches(
                "hidden neurons", self.n_hidden, value=self.chosen(0.15, "random", 0, 0)
            ),
        }
        super().__init__(key)

    @of_controls
    def chosen(self, share: float, order: str, draw: int, net: int) -> np.ndarray:
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
        share = _check.number("share", share, at_least=0, at_most=1)
        draw = _check.integer("draw", draw, at_least=0)
        _check.one_of("order", order, ORDERS)
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
        return np.array([[self._mean(k, x, order, draws) for x in SHARES] for k in range(2)])

    def _mean(self, net, share, order, draws):
        """Accuracy of one network at a share of dead neurons, mean over draws."""
        dead = (self.chosen(share, order, draw, net) for draw in draws)
        said = (broken.answers(self.networks[net], self.inputs, one) for one in dead)
        return np.mean([float((classes == self.labels).mean()) for classes in said])

    def simulate(
        self, *, dead: ArrayLike, order: str, net: int, share: float | None = None, draw: int = 0
    ) -> dict[str, Any]:
        """Test both networks with these neurons dead.

        Parameters
        ----------
        dead : array of bool (n_hidden,)
        order : {"random", "targeted"}
            Of the curves shown beside.
        net : int
            Of which network the confusions are shown.
        share, draw : float, int, optional
            They choose ``dead``, and here only say whether somebody else did, by clicking.

        Returns
        -------
        dict
            The argument of `snnlab.course.figures.draw_broken`.
        """
        n_classes = self.networks[0].sizes[-1]
        said = [broken.answers(network, self.inputs, dead) for network in self.networks]
        confusion = np.zeros((n_classes, n_classes), int)
        np.add.at(confusion, (self.labels, said[net]), 1)
        return {
            "names": self.names,
            "net": net,
            "order": order,
            "by_hand": share is not None
            and not np.array_equal(dead, self.chosen(share, order, draw, net)),
            "n_dead": int(np.sum(dead)),
            "n_hidden": self.n_hidden,
            "n_tested": len(self.labels),
            "confusion": confusion,
            "accuracy": [float((x == self.labels).mean()) for x in said],
            "intact": [float(x) for x in self.curves[order][:, 0]],
            "shares": SHARES,
            "curves": self.curves[order],
        }

    def downloads(self) -> dict[str, Network]:
        """Both networks, intact."""
        return dict(zip(self.names, self.networks, strict=True))

    draw = staticmethod(figures.draw_broken)
    update = staticmethod(figures.update_broken)

    def describe(self, data: dict[str, Any]) -> str:
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

    def changed(self, change: Any) -> None:
        """Sliders choose what dies; of neurons that are clicked on, the slider says how many."""
        if change.owner is self.widgets["dead"]:
            # whole steps: the page would round anything else, and that looks like a reader's move
            self.put(share=round(100 * float(np.mean(self.values["dead"]))))
        random = self.widgets["order"].value == "random"
        view = change.owner is self.widgets["net"] and random
        if not view and change.owner is not self.widgets["dead"]:
            chosen = {name: self.values[name] for name in ("share", "order", "draw", "net")}
            self.put(dead=self.chosen(**chosen))
        self.ask()

    def publish(self, data: dict[str, Any]) -> None:
        """Show on the grid, too, how active each neuron is."""
        self.put(dead={"level": self._levels[data["net"]]})
        super().publish(data)
