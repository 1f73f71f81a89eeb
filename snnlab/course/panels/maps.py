"""Feature maps of a convolution, spike by spike; and kernels as they are learned."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from snnlab import _check, encode
from snnlab.course import figures
from snnlab.course.arguments import of_course
from snnlab.course.panels.shared import accuracies, watched
from snnlab.course.samples import Samples
from snnlab.layers import Conv, Pool
from snnlab.learning.optim import Adam
from snnlab.live import Choice, Pace, Panel, Slider, Stops, as_options
from snnlab.network import Network
from snnlab.neurons import LIF

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from numpy.typing import ArrayLike

    from snnlab.datasets.dataset import Dataset

PLACE = _check.each(_check.like(_check.integer, at_least=0), 2)


def receptive_field(
    network: Network, k: int, place: tuple[int, int]
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Which inputs reach a unit of layer k: rows and columns, each (first, last + 1).

    Parameters
    ----------
    network : Network
        Whose layers up to k are convolutions and pools.
    k : int
        The layer's number.
    place : (int, int)
        The unit's row and column.

    Returns
    -------
    pair of (int, int)

    Examples
    --------
    >>> from snnlab import LIF, Network
    >>> from snnlab.layers import Conv, Pool
    >>> layers = (28, 28, 1), Conv(12, 5), Pool(2), Conv(32, 5), 10
    >>> network = Network(layers, LIF.brainscales2(), n_steps=5, rng=0)
    >>> receptive_field(network, 2, (7, 0))  # of 14 x 14, at the left border
    ((8, 22), (0, 8))
    """
    stages = _check.network("network", network, needs="stages").stages
    k = _check.integer("k", k, 0, len(stages) - 1)
    place = PLACE("place", place)
    ends = [(n, n + 1) for n in place]
    for n, size in zip(place, stages[k].shape_out, strict=False):
        if not 0 <= n < size:
            raise ValueError(f"place must lie in an image of {stages[k].shape_out}, got {place}")
    for stage in reversed(stages[: k + 1]):
        layer = stage.layer
        if isinstance(layer, Conv):
            size, stride, padding = layer.kernel, layer.stride, layer.padding
        elif isinstance(layer, Pool):
            size, stride, padding = layer.size, layer.size, 0
        else:
            raise ValueError(f"k: {stage.name} hears all of an image")
        ends = [
            (max(0, first * stride - padding), min(n, (last - 1) * stride - padding + size))
            for (first, last), n in zip(ends, stage.shape_in, strict=False)
        ]
    return tuple(ends)


class FeatureMaps(Panel):
    """The maps of a network's convolutions, up to a step; a unit, what it sees and what it does.

    Parameters
    ----------
    network : Network
        Of images, whose first layer is a `Conv`; inputs are spikes.
    images : array (n, rows, columns)
        Values in [0, 1], in latency code.
    key : str, optional
        As for `Panel`.
    """

    @of_course
    def __init__(self, network: Network, images: ArrayLike, key: str | None = None) -> None:
        stages = network.stages
        if len(network.shape_in) != 3 or not isinstance(stages[0].layer, Conv):
            raise ValueError("network must begin with a convolution")
        rows, columns, channels = network.shape_in
        if channels != 1:
            raise ValueError(f"network must hear grey images, not {network.shape_in}")
        size = None, rows, columns
        self.pixels = _check.array("images", images, np.float32, size, unit_interval=True)
        _check.integer("number of images", len(self.pixels), at_least=1)
        self.network, self.shape = network, (rows, columns)
        last = network.n_steps - 1
        shown = [k for k, s in enumerate(stages) if isinstance(s.layer, Conv | Pool)]
        named = [(_name(stages, k), k) for k in shown if all(j in shown for j in range(k))]
        most = max(stages[k].shape_out[2] for _, k in named) - 1
        shape = stages[0].shape_out
        counts = self._trace(0).records[0].spikes.unit_counts()[0]
        busy = [int(n) for n in np.unravel_index(counts.argmax(), shape)]
        down, across = busy[0] * rows // shape[0], busy[1] * columns // shape[1]
        self.controls = {
            "step": Slider("until step", 0, last, 1, min(8, last), digits=0),
            "digit": Slider("image", 0, min(99, len(self.pixels) - 1), 1, 0, digits=0),
            "layer": Choice("layer", tuple(named), 0),
            "channel": Slider("map", 0, most, 1, busy[2], digits=0),
            "down": Slider("row", 0, rows - 1, 1, down, digits=0),
            "across": Slider("column", 0, columns - 1, 1, across, digits=0),
        }
        super().__init__(key)

    def simulate(
        self, *, step: int, digit: int, layer: int, channel: int, down: int, across: int
    ) -> dict[str, Any]:
        """Run the network on an image, and look at a layer up to a step.

        Parameters
        ----------
        step, digit : int
        layer : int
            A number of a stage of the network.
        channel : int
            Which map; where there are fewer, counted around.
        down, across : int
            Row and column of the image above the middle of which a unit is chosen.

        Returns
        -------
        dict
            The argument of `snnlab.course.figures.draw_maps`.
        """
        network, stage = self.network, self.network.stages[layer]
        trace = self._trace(digit)
        given = trace.records[layer].values_of(0, 1, network.dtype)[0]
        rows, columns, channels = stage.shape_out
        channel %= channels  # of fewer maps, around
        place = down * rows // self.shape[0], across * columns // self.shape[1]
        below = self._heard(layer)  # a pool has no weights and no potential: its convolution's
        conv = network.stages[below]
        top, left = (n * conv.shape_out[i] // stage.shape_out[i] for i, n in enumerate(place))
        unit = np.ravel_multi_index((top, left, channel), conv.shape_out)
        size = conv.layer.kernel, conv.layer.kernel, conv.shape_in[2]
        kernel = conv.blocks["weights"].of(network.parameters)[:, channel].reshape(size)
        spikes = trace.records[below].values_of(0, 1, network.dtype)[0]
        threshold = np.broadcast_to(conv.neuron.v_th, conv.n)[unit]
        inputs = trace.inputs.to_dense()[0, : step + 1].sum(axis=0)
        return {
            "image": inputs.reshape(self.shape),
            "sees": receptive_field(network, layer, place),
            "kernel": kernel.mean(axis=2),
            "heard": 0 if size[2] == 1 else size[2],
            "v": trace.records[below].v[0, :, unit].astype(float),
            "spikes": np.flatnonzero(spikes[:, unit]),
            "threshold": float(threshold),
            "maps": _maps(given[: step + 1].sum(axis=0), stage.shape_out),
            "most": given.sum(axis=0).max(),
            "chosen": (channel, *place),
            "step": step,
            "dt": network.dt,
            "layer": _name(network.stages, layer),
        }

    def _trace(self, digit):
        """What the network does with an image."""
        code = {"n_steps": self.network.n_steps, "dt": self.network.dt}
        return self.network.forward(encode.latency(self.pixels[digit].reshape(1, -1), **code))

    def _heard(self, layer):
        """The convolution that a layer is, or that it pools."""
        while not isinstance(self.network.stages[layer].layer, Conv):
            layer -= 1
        return layer

    def downloads(self) -> dict[str, Network]:
        """The network that is shown."""
        return {"network": self.network}

    draw = staticmethod(figures.draw_maps)
    update = staticmethod(figures.update_maps)

    def describe(self, data: dict[str, Any]) -> str:
        """How much there is in the maps, and what the unit sees."""
        (top, bottom), (left, right) = data["sees"]
        silent = int((data["maps"].sum(axis=(1, 2)) == 0).sum())
        return (
            f"{data['layer']}: {int(data['maps'].sum()):,} spikes in {len(data['maps'])} maps up "
            f"to step {data['step']}, {silent} of them silent; the unit sees {bottom - top} x "
            f"{right - left} pixels"
        )


def _maps(counts, shape):
    """Of units in the order (row, column, map), maps (map, row, column)."""
    return counts.reshape(shape).transpose(2, 0, 1)


def _name(stages, k):
    """What a convolution or a pool is called: "convolution 1", "pool 1"."""
    convolutions = sum(isinstance(stage.layer, Conv) for stage in stages[: k + 1])
    what = "convolution" if isinstance(stages[k].layer, Conv) else "pool"
    return f"{what} {convolutions}"


@of_course
def patch_network(
    data: Dataset,
    *,
    maps: int = 12,
    kernel: int = 5,
    how: str = "max",
    n_steps: int = 20,
    seed: int = 0,
) -> Network:
    """Maps-P-32-P and a readout, which begins with a quarter of a spike per unit and image.

    Parameters
    ----------
    data : Dataset
        Images whose sides 4 divides.
    maps : int
        Of the first convolution.
    kernel : int
        Width of both convolutions, odd.
    how : {"max", "average"}
        How maps are pooled.
    n_steps, seed : int

    Returns
    -------
    Network
    """
    maps = _check.integer("maps", maps, 1, 1000)
    kernel = _check.integer("kernel", kernel, 1, 99)
    if kernel % 2 == 0:
        raise ValueError(f"kernel must be odd: images keep their size, got {kernel}")
    layers = Conv(maps, kernel), Pool(2, how), Conv(32, kernel), Pool(2, how), data.n_classes
    shape = (*data.image_shape, 1)
    network = Network((shape, *layers), LIF.brainscales2(), n_steps=n_steps, rng=seed)
    few = encode.latency(data.x_train[:50], n_steps=n_steps)  # a reader waits for it
    return network.scale_to_activity(few, rate=0.25 / n_steps, level=1)


class TrainPatches(Panel):
    """Two convolutions that learn digits, trained anew whenever they or the rate are changed.

    Parameters
    ----------
    data : Dataset
        Grey images with values in [0, 1], whose sides 4 divides.
    n_train, n_test : int
        How many images are learned, and how many tested.
    steps : int
        Of training, with batches of 50.
    key : str, optional
        As for `Panel`.
    """

    controls = {
        "kernel": Stops("width of a kernel", as_options((1, 3, 5, 7)), 5),
        "maps": Stops("kernels", as_options((1, 2, 4, 8, 12, 16)), 12),
        "how": Choice("pools", (("any spike", "max"), ("mean", "average")), "max"),
        "lr": Stops("learning rate", as_options((3e-4, 1e-3, 3e-3, 1e-2)), 1e-3),
        "digit": Slider("test image", 0, 49, 1, 0, digits=0),
    }

    @of_course
    def __init__(
        self,
        data: Dataset,
        *,
        n_train: int = 2000,
        n_test: int = 300,
        steps: int = 160,
        key: str | None = None,
    ) -> None:
        self.data, self.n_steps = data, steps
        learned = encode.latency(data.x_train[:n_train]), data.y_train[:n_train]
        tested = encode.latency(data.x_test[:n_test]), data.y_test[:n_test]
        self.samples = Samples(*learned, *tested, data.n_classes)
        self._fresh, self._settings = {}, None
        super().__init__(key)

    @functools.cached_property
    def _dense(self):
        """Accuracies of a dense network of 100 hidden neurons, and how many weights it has."""
        inputs = self.samples.inputs
        sizes = inputs.n_units, 100, self.data.n_classes
        network = Network(sizes, LIF.brainscales2(), n_steps=inputs.n_steps, rng=0)
        network.scale_to_activity(inputs[:200], 25)
        found = accuracies(network, self.samples, self.n_steps, 3e-3)
        return found, sum(w.size for w in network.weights)

    def simulate(
        self, *, kernel: int, maps: int, how: str, lr: float, digit: int
    ) -> Iterator[dict[str, Any] | None]:
        """Train a network, and yield how it stands.

        Yields
        ------
        dict or None
            The argument of `snnlab.course.figures.draw_patches`; None between two pictures.
        """
        pace, settings = Pace(), (kernel, maps, how, lr)
        if settings != self._settings:  # another image does not begin anew
            self._begin(kernel, maps, how, lr)
            self._settings = settings
        network, digit = self._network, min(digit, len(self.samples.test_labels) - 1)
        others, others_weights = self._dense
        fixed = {
            "image": self.data.x_test[digit].reshape(self.data.image_shape),
            "label": int(self.samples.test_labels[digit]),
            "others": others,
            "others_weights": others_weights,
            "weights": sum(w.size for w in network.weights),
            "steps": self.n_steps,
            "settings": f"{maps} kernels of {kernel} x {kernel}, rate {lr:g}",
        }

        def frame():
            trace = network.forward(self.samples.test_inputs[digit], potentials=False)
            first, shape = trace.records[0], network.stages[0].shape_out
            counts = first.values_of(0, 1, np.float32)[0].sum(axis=0)
            w = network.weights[0].T.reshape(maps, kernel, kernel)
            decision = int(trace.readout[0].max(axis=0).argmax())
            now = {"kernels": w.copy(), "maps": _maps(counts, shape), "decision": decision}
            return fixed | now | {"tested": list(self._tested)}

        if self._tested:
            yield frame()
        try:
            for k, _, tested in self._training:
                self._tested = tested
                yield from pace.frame(frame, now=k == self.n_steps)
        except Exception:
            self._settings = None  # the same settings begin anew
            raise

    def _begin(self, kernel, maps, how, lr):
        """A training from its beginning; to find where that is takes a while, for each network."""
        which = kernel, maps, how
        if which not in self._fresh:
            self._fresh[which] = patch_network(self.data, maps=maps, kernel=kernel, how=how)
        self._network, self._tested = self._fresh[which].copy(), []
        adam = Adam(lr)
        self._training = watched(self._network, self.samples, self.n_steps, optimizer=adam)

    def downloads(self) -> dict[str, Network]:
        """The network as it stands."""
        return {"network": self._network}

    draw = staticmethod(figures.draw_patches)
    update = staticmethod(figures.update_patches)

    def describe(self, data: dict[str, Any]) -> str:
        """Accuracy so far, and weights, beside those of the dense network."""
        step, accuracy = data["tested"][-1]
        return (
            f"{data['settings']}: {100 * accuracy:.1f} % of the test images right after {step} of "
            f"{data['steps']} steps, with {data['weights']:,} weights; a dense network of "
            f"{data['others_weights']:,} gets {100 * data['others'][-1][1]:.1f} %"
        )
