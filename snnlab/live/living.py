"""`LivingNetwork`: a network that is drawn, played in slow motion, touched, and seen to learn.

The picture is made in the browser (``static/living.js``): the forward pass runs there, spike for
spike as the kernels compute it, so that playing costs this process nothing. From here come the
network, the samples and, while it is trained, new weights.
"""

from __future__ import annotations

import base64
import html
import importlib.util
import json
import re
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import anywidget
import numpy as np
import traitlets

from snnlab import _check, encode, textbook
from snnlab._files import load_npz
from snnlab.layers.known import check_dense
from snnlab.live.modules import STATIC, alive, as_json, module_of
from snnlab.live.still import CURTAIN, Stays, Still
from snnlab.memory import rows_of
from snnlab.network import Network
from snnlab.neurons import LIF, LeakyIntegrator
from snnlab.plot.living import draw_living, wires_drawn
from snnlab.signals import SpikeTrains

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from snnlab.learning.training import Step

MODULE, STYLE = module_of("living")
MOST_WEIGHTS = 1_000_000  # that are sent to a browser
MOST_SAMPLES = 500
SHARE = 0.03  # of its time that a training may spend on being shown
OFTEN = 0.2  # seconds between two sets of weights, at least
ANSWER = 1.0  # seconds for which the page may take to say that it has drawn the last set


# the shipped network ------------------------------------------------------------------------------


def small_network() -> Network:
    """The trained network that the package ships: 256-246-10, BrainScaleS-2's constants.

    It was trained by ``tools/train_small_network.py`` on MNIST and scikit-learn's digits at 16 x 16
    pixels, augmented; it reads 98.7 % of MNIST's test images.

    Returns
    -------
    Network
    """
    arrays, header = _shipped()
    neuron, readout = (LeakyIntegrator.from_dict(values) for values in header["neurons"])
    network = Network(
        header["sizes"], neuron, readout=readout, n_steps=header["n_steps"], rng=0, spread=0
    )
    for k, w in enumerate(network.weights):
        w[...] = arrays[f"weights_{k}"]
    return network


def _shipped():
    """Arrays and header of the shipped file."""
    arrays = load_npz(STATIC / "small_network.npz")
    return arrays, json.loads(str(arrays["header"]))


def sample_digits() -> tuple[np.ndarray, np.ndarray]:
    """A hundred of scikit-learn's digits that the shipped network was not trained on.

    Scaled to 16 x 16 as `snnlab.datasets.load("digits16")` does. Neither scikit-learn nor a kernel
    is loaded for it: this is on the way to the first picture of the course.

    Returns
    -------
    images : array of float32 (100, 256)
        In [0, 1]; ten of each class.
    labels : array of int64 (100,)
    """
    place = importlib.util.find_spec("sklearn").submodule_search_locations[0]
    table = np.loadtxt(
        Path(place) / "datasets" / "data" / "digits.csv.gz", delimiter=",", dtype=np.uint8
    )
    chosen = table[_shipped()[0]["samples"]]
    images = np.rint(chosen[:, :64] * (255 / 16)).reshape(-1, 8, 8)
    up = _spline(8, 16)
    images = np.clip(np.rint(up @ images @ up.T), 0, 255) + 0.0  # no -0
    return (images.reshape(-1, 256) / 255).astype(np.float32), chosen[:, 64].astype(np.int64)


def _spline(n, m):
    """Matrix (m, n) that interpolates n equidistant values at m places by a cubic spline.

    The first and the last value keep their places; beyond them the values are mirrored.
    """
    knots = (np.diag(np.full(n, 4.0)) + np.eye(n, k=1) + np.eye(n, k=-1)) / 6
    knots[0, 1] = knots[-1, -2] = 2 / 6
    values = np.zeros((m, n))
    at = np.linspace(0, n - 1, m)
    for k in range(-1, n + 1):
        d = np.abs(at - k)
        near, far = (4 - 6 * d**2 + 3 * d**3) / 6, (2 - d) ** 3 / 6
        mirrored = abs(k) if k < n else 2 * (n - 1) - k
        values[:, mirrored] += np.where(d < 1, near, np.where(d < 2, far, 0))
    return values @ np.linalg.inv(knots)


# what the page is told ----------------------------------------------------------------------------


def _constant(values):
    """One number, or one per unit."""
    return float(values[0]) if np.ptp(values) == 0 else [float(x) for x in values]


def _layer(model, n, dtype):
    """A layer's neuron in numbers: those of the kernels, to the last bit, and time constants."""
    c = model.constants(n, dtype)
    fires = isinstance(model, LIF)

    def plain(value):
        return list(value) if isinstance(value, tuple) else value

    return {
        "fires": fires,
        "decay_syn": _constant(c.decay_syn),
        "decay_mem": _constant(c.decay_mem),
        "gain": _constant(c.gain),
        "hold": _constant(c.hold),
        "v_th": plain(model.v_th) if fires else None,
        "zero_reset": fires and model.reset == "zero",
        "delay": model.delay,
        "method": model.method,
        "tau_mem": plain(model.tau_mem),
        "tau_syn": plain(model.tau_syn),
    }


def _coded_images(images):
    """Images in bytes and their kind: a byte per pixel where that is exact, else four."""
    bytes_ = np.rint(images * 255).astype(np.uint8)
    if np.array_equal(bytes_ / np.float32(255), images):
        return bytes_.tobytes(), "uint8"
    return images.tobytes(), "float32"


def _coded_weights(weights):
    """All weights in bytes and their kind: half precision where that is exact."""
    flat = np.concatenate([np.asarray(w, np.float32).ravel() for w in weights])
    with np.errstate(over="ignore"):
        short = flat.astype(np.float16)
    return (short, "float16") if np.array_equal(short, flat) else (flat, "float32")


def _coded_events(trains):
    """Spikes in bytes: number of samples, where each begins, where the last ends, steps, units."""
    trains = trains.compact()
    head = [len(trains)], trains.start, trains.stop[-1:]
    parts = [np.asarray(x, np.int32) for x in (*head, trains.step, trains.unit)]
    return np.concatenate(parts).astype("<i4").tobytes()


def _checked_network(network):
    if not isinstance(network, Network):
        raise TypeError(f"network must be a Network, not {type(network).__name__}")
    check_dense(network, "a living network", "plot.draw_raster shows any other")
    shapes = [w.shape for w in network.weights]
    if sum(a * b for a, b in shapes) > MOST_WEIGHTS:
        raise ValueError(f"network must have at most {MOST_WEIGHTS:,} weights to be drawn")
    return network


def _shape(n):
    """Rows and columns of a nearly square grid with room for n units."""
    columns = int(np.ceil(np.sqrt(n)))
    return -(-n // columns), columns


class LivingNetwork(Stays, anywidget.AnyWidget):
    """A network, drawn: pixels, hidden neurons, outputs; spikes travel along its wires.

    Play, pause, one step, or drag through time; click a neuron to see its potential and what it
    listens to, switch it off; draw a digit; change threshold and time constant. All of that happens
    in the browser. Without arguments it shows a small trained network that the package ships.

    Parameters
    ----------
    network : Network, optional
        With dense layers and at most a million weights; the shipped one by default.
    inputs : SpikeTrains, optional
        Samples, as the network hears them. Instead of ``images``.
    images : array (n, n_inputs) or (n, rows, columns), optional
        Samples in [0, 1], played in latency code. By default digits that ship with scikit-learn,
        where the network reads 256 pixels.
    labels : array of int (n,), optional
        Of the samples: right and wrong are told then.
    names : sequence of str, optional
        Of the classes.
    tau, theta : float, optional
        Of the latency code, as for `snnlab.encode.latency`.
    wires : int
        How many wires are drawn at most, those with the largest weights; the picture says so.

    Attributes
    ----------
    network : Network
    caption : str
        A line above the picture, about a training for example.

    Raises
    ------
    TypeError, ValueError
        Arguments of the wrong kind, or that do not fit each other; the message names the argument.

    Examples
    --------
    While a network is trained, its wires move::

        living = LivingNetwork(network)
        display(living)
        snnlab.train(network, spikes, labels, rng=1, callback=living.callback)
    """

    caption = traitlets.Unicode().tag(sync=True)
    _spec = traitlets.Dict().tag(sync=True)
    _weights = traitlets.Bytes().tag(sync=True)
    _weights_kind = traitlets.Unicode().tag(sync=True)
    _images = traitlets.Bytes().tag(sync=True)
    _images_kind = traitlets.Unicode("none").tag(sync=True)
    _events = traitlets.Bytes().tag(sync=True)
    _events_kind = traitlets.Unicode("none").tag(sync=True)
    _stills = traitlets.List(traitlets.Unicode()).tag(sync=True)
    _esm = CURTAIN + MODULE
    _css = STYLE

    def __init__(
        self,
        network: Network | None = None,
        inputs: SpikeTrains | None = None,
        images: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        *,
        names: Sequence[str] | None = None,
        tau: float | None = None,
        theta: float = 0.2,
        wires: int = 1400,
    ) -> None:
        self.network = small_network() if network is None else _checked_network(network)
        if inputs is not None and images is not None:
            raise ValueError("inputs and images must not both be given")
        if inputs is None and images is None:
            if labels is not None:
                raise ValueError("labels must be left out without images and inputs")
            if self.network.sizes[0] == 256:
                images, labels = sample_digits()
                labels = labels if self.network.sizes[-1] == 10 else None
        super().__init__(**self._described(inputs, images, labels, names, tau, theta, wires))
        self.on_msg(self._answered)
        self._sent, self._waits, self._pause = -np.inf, False, OFTEN
        self._latest = self._later = None

    def _described(self, inputs, images, labels, names, tau, theta, wires):
        """Traits that say all to the page; checks the arguments."""
        network = self.network
        n, classes = network.sizes[0], network.sizes[-1]
        spec = {
            "sizes": list(network.sizes),
            "n_steps": network.n_steps,
            "dt": network.dt,
            "drawn": _check.integer("wires", wires, at_least=1),
            "edges": None,
            "labels": None,
            "layers": [
                _layer(model, m, network.dtype)
                for model, m in zip(network.neurons, network.sizes[1:], strict=True)
            ],
        }
        spec["names"] = [str(name) for name in _check.names("names", names, classes)]
        traits, self._inputs, self._shown_images, shape = {}, None, None, _shape(n)
        if images is not None:
            images = _check.as_array("images", images)
            shape = images.shape[1:] if images.ndim == 3 else shape
            images = rows_of(images) if images.ndim == 3 else images
            images = _check.array("images", images, np.float32, (None, n), unit_interval=True)
            traits["_images"], traits["_images_kind"] = _coded_images(images)
            self._shown_images = images
        if inputs is not None:
            if not isinstance(inputs, SpikeTrains):
                raise TypeError(f"inputs must be SpikeTrains, not {type(inputs).__name__}")
            if (inputs.n_units, inputs.n_steps) != (n, network.n_steps):
                raise ValueError("inputs must have the network's number of inputs and steps")
            traits["_events"], traits["_events_kind"] = _coded_events(inputs), "int32"
            self._inputs = inputs
        else:
            edges = encode.latency_edges(network.n_steps, network.dt, tau, theta)
            # None stands for infinity: a value of 1 spikes in step 0, whatever the rounding
            spec["edges"] = [None, *map(float, edges[1:].astype(np.float32))]
        samples = 0 if inputs is images is None else len(inputs if images is None else images)
        if not samples and not inputs is images is None:
            raise ValueError("images or inputs must hold at least one sample")
        if samples > MOST_SAMPLES:
            raise ValueError(f"images or inputs must be at most {MOST_SAMPLES}, got {samples}")
        if labels is not None:
            spec["labels"] = _check.labels("labels", labels, samples, classes).tolist()
        spec["shape"] = [int(k) for k in shape]
        flat, kind = _coded_weights(network.weights)
        return traits | {"_spec": spec, "_weights": flat.tobytes(), "_weights_kind": kind}

    def _parts(self):
        """All that the page's module needs, without bytes."""
        parts = {
            "spec": self._spec,
            "caption": self.caption,
            "weights": self._weights,
            "weights_kind": self._weights_kind,
            "images": self._images,
            "images_kind": self._images_kind,
            "events": self._events,
            "events_kind": self._events_kind,
        }
        return {
            k: base64.b64encode(v).decode() if isinstance(v, bytes) else v for k, v in parts.items()
        }

    def page(self, title: str = "A living network") -> str:
        """The network as one HTML file that needs neither Python nor a network connection."""
        _check.text("title", title)
        still = self.still()
        fill = {
            "TITLE": html.escape(title),
            "STYLE": STYLE,
            "ALT": html.escape(still.alt),
            "PICTURE": base64.b64encode(still.png).decode(),
            "MODULE": MODULE,
            "DATA": as_json(self._parts()),
        }
        text = (STATIC / "page.html").read_text(encoding="utf-8")
        # in one go: a title or a class's name may look like a place to be filled
        return re.sub(f"%({'|'.join(fill)})%", lambda place: fill[place[1]], text)

    # what stays where no kernel runs -------------------------------------------------------------

    def lift(self, key: str) -> None:
        """The page is to take the still picture of this key away."""
        self._stills = [*self._stills, key]

    def still(self) -> Still:
        """The first sample, after its last step."""
        network, x, image = self.network, self._first(), None
        if self._shown_images is not None:
            image = self._shown_images[0]
        layers, heard = [], x
        for w, model in zip(network.weights, network.neurons, strict=True):
            v, z = textbook.layer_forward(heard, w, model)
            layers.append((v[0], None if z is None else z[0]))
            heard = z
        v, z = layers[-1]
        scores = v.max(axis=0) if z is None else z.sum(axis=0)
        fired = [z.sum(axis=0) for _, z in layers if z is not None]
        hidden = sum(int(count.sum()) for count in fired[: len(network.sizes) - 2])
        decision = int(scores.argmax()) if x.any() and scores.any() else -1
        alt = self._words(int(x.sum()), hidden, decision)
        top = max(float(scores.max()), 1e-6)
        potentials = [v[-1] for v, _ in layers[:-1]] + [scores / top]
        picture = draw_living(
            network,
            x[0].max(axis=0) if image is None else image,
            potentials,
            fired,
            decision,
            names=self._spec["names"],
            n_wires=self._spec["drawn"],
            shape=self._spec["shape"],
            alt=alt,
        )
        # in half precision only: a saved notebook should not grow by more
        short = self._weights_kind == "float16"
        return Still.of(picture, alive(MODULE, STYLE, self._parts()) if short else "")

    def _first(self):
        """Spikes of the first sample, (1, step, input); made without a kernel."""
        network = self.network
        x = np.zeros((1, network.n_steps, network.sizes[0]), network.dtype)
        if self._inputs is not None:
            one = slice(self._inputs.start[0], self._inputs.stop[0])
            x[0, self._inputs.step[one], self._inputs.unit[one]] = 1
        elif self._shown_images is not None:
            edges = np.array(self._spec["edges"][1:], np.float32)
            step = (self._shown_images[0][:, None] <= edges).sum(axis=1)
            (unit,) = np.nonzero(step < network.n_steps)
            x[0, step[unit], unit] = 1
        return x

    def _words(self, heard, hidden, decision):
        """What there is to see."""
        sizes, names = self.network.sizes, self._spec["names"]
        layers = " and ".join(f"{n}" for n in sizes[1:-1])
        drawn, there = wires_drawn(self.network, self._spec["drawn"])
        wires = f"{drawn:,} of its {there:,} wires, the strongest"
        if drawn == there:
            wires = f"all of its {there:,} wires"
        says = "cannot decide" if decision < 0 else f"says {names[decision]}"
        labels = self._spec["labels"]
        truth = f", and it is {names[labels[0]]}" if labels else ""
        return (
            f"A network of spiking neurons: {sizes[0]} inputs, {layers or 'no'} hidden neurons, "
            f"{sizes[-1]} outputs, and {wires}. The first "
            f"sample makes {heard} input spikes and {hidden} hidden ones; the network {says}"
            f"{truth}."
        )

    def __repr__(self):
        sizes = "-".join(map(str, self.network.sizes))
        return f"LivingNetwork({sizes}, {self._spec['drawn']:,} wires drawn at most)"

    # while it learns ------------------------------------------------------------------------------

    def update(self, network: Network | None = None, caption: str | None = None) -> None:
        """Draw the weights that a network has now; its wires move to them.

        Parameters
        ----------
        network : Network, optional
            Of the same sizes; by default the one that is drawn, whose weights have changed.
        caption : str, optional
            A line above the picture.
        """
        network = self.network if network is None else _checked_network(network)
        if network.sizes != self.network.sizes or network.n_steps != self.network.n_steps:
            raise ValueError(f"network must be {self.network!r} like the one that is drawn")
        flat, kind = _coded_weights(network.weights)
        traits = {"_weights": flat.tobytes(), "_weights_kind": kind}
        if network.neurons != self.network.neurons:
            layers = [
                _layer(model, n, network.dtype)
                for model, n in zip(network.neurons, network.sizes[1:], strict=True)
            ]
            traits["_spec"] = self._spec | {"layers": layers}
        if caption is not None:
            traits["caption"] = _check.text("caption", caption)
        self.network = network
        with self.hold_sync():
            for name, value in traits.items():
                setattr(self, name, value)
        self.still_changed()

    def callback(self, step: Step) -> None:
        """For ``snnlab.train(..., callback=living.callback)``: shows the network as it learns.

        It sends weights a few times a second, no sooner than the page has drawn those before, and
        takes at most three hundredths of the training's time. What the training ends with is
        always shown, a moment later.
        """
        self._latest = (
            step.network,
            (
                f"epoch {step.epoch + 1}, step {step.step + 1} of {step.steps_per_epoch}: "
                f"{100 * step.accuracy:.0f} % of the batch read rightly"
            ),
        )
        if not self._send_latest() and self._later is None:
            self._later = threading.Timer(2 * OFTEN, self._catch_up)
            self._later.daemon = True
            self._later.start()

    def _send_latest(self):
        """Send what a training has come to, unless it is too soon; whether nothing is left."""
        now = time.perf_counter()
        waiting = self._waits and now - self._sent < ANSWER
        if now - self._sent < self._pause or waiting:
            return False
        latest, self._latest = self._latest, None
        if latest is not None:
            self._waits = True
            self.update(*latest)
            self._sent = time.perf_counter()
            self._pause = max(OFTEN, (self._sent - now) / SHARE)
        return True

    def _catch_up(self):
        """On a thread of its own: the training may have ended with something not yet shown."""
        while self.comm is not None and not self._send_latest():
            time.sleep(OFTEN / 2)
        self._later = None

    def _answered(self, widget, message, buffers):
        if message.get("kind") == "seen":
            self._waits = False
