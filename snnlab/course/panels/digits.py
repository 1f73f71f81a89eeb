"""Images as spikes: the code of a digit, and a digit of your own going through a network."""

import numpy as np

from snnlab import _check, encode, plot
from snnlab.course import figures
from snnlab.course.arguments import of_course
from snnlab.course.panels.shared import checked
from snnlab.live import Drawing, Panel, Slider


class PixelsToSpikes(Panel):
    """The latency code of an image, with the two constants of its law to drag.

    Parameters
    ----------
    images : array (n, rows, columns)
        Values in [0, 1].
    key : str, optional
        As for `Panel`.
    """

    dt, n_steps = 1.7e-6, 20

    controls = {
        "digit": Slider("image", 0, 19, 1, 0, digits=0),
        "tau_in": Slider("τ of the code", 1, 30, 0.5, 8, "µs", 1e-6, digits=1),
        "theta_in": Slider("θ of the code", 0.02, 0.98, 0.02, 0.2),
    }

    @of_course
    def __init__(self, images, key=None):
        shape = None, None, None
        self.pixels = _check.array("images", images, np.float32, shape, unit_interval=True)
        _check.integer("number of images", self.pixels.size, at_least=1)
        super().__init__(key)

    def simulate(self, *, digit, tau_in, theta_in):
        """Code an image, and decode its spikes again.

        Returns
        -------
        dict
            The argument of `snnlab.course.figures.draw_latency`.
        """
        image = self.pixels[min(digit, len(self.pixels) - 1)]
        law = {"dt": self.dt, "tau": tau_in, "theta": theta_in}
        trains = encode.latency(image.reshape(1, -1), n_steps=self.n_steps, **law).compact()
        decoded = encode.decode_latency(trains, **law).reshape(image.shape)
        spikes = {"step": trains.step, "unit": trains.unit}
        return spikes | {"image": image, "decoded": decoded, "n_steps": self.n_steps, "dt": self.dt}

    draw = staticmethod(figures.draw_latency)
    update = staticmethod(figures.update_latency)

    def describe(self, data):
        """Spikes, steps in use, and what is lost."""
        steps = len(np.unique(data["step"]))
        error = np.abs(data["image"] - data["decoded"])
        return (
            f"{len(data['step'])} of {error.size} pixels spike, in {steps} of {data['n_steps']} "
            f"steps; read back, a pixel is wrong by {error.mean():.3f} on average, "
            f"{error.max():.2f} at most"
        )


def centred(image):
    """An image shifted by whole pixels so that its ink is centred, as the training images' is.

    Parameters
    ----------
    image : array (rows, columns)

    Returns
    -------
    array (rows, columns)
        What would leave the image at one side is cut off.
    """
    total = image.sum()
    if total == 0:
        return image
    shifts = []
    for axis, n in enumerate(image.shape):
        ink = image.sum(axis=1 - axis)
        shifts.append(int(round((n - 1) / 2 - float(ink @ np.arange(n)) / float(total))))
    ends = list(zip(shifts, image.shape, strict=True))
    source = tuple(slice(max(0, -shift), n - max(0, shift)) for shift, n in ends)
    target = tuple(slice(max(0, shift), n - max(0, -shift)) for shift, n in ends)
    moved = np.zeros_like(image)
    moved[target] = image[source]
    return moved


class DrawDigit(Panel):
    """A digit of your own on its way through a network: spikes, potentials, decision.

    Parameters
    ----------
    network : Network
        Trained on images of ``n`` by ``n`` pixels in latency code.
    start : array (n, n), optional
        What is on the pad at first.
    names : sequence of str, optional
        Of the classes.
    key : str, optional
        As for `Panel`.
    """

    @of_course
    def __init__(self, network, start=None, names=None, key=None):
        n = int(round(checked(network).sizes[0] ** 0.5))
        if n * n != network.sizes[0]:
            raise ValueError("network must read square images")
        self.network = network
        self.names = None if names is None else _check.names("names", names, network.sizes[-1])
        self.controls = {"image": Drawing("your digit", n, start)}
        if start is not None:
            self.controls["image"].check("start", start)
        super().__init__(key)

    def simulate(self, *, image):
        """Run the network on an image, moved to the middle.

        Parameters
        ----------
        image : array (n, n)
            Values in [0, 1].

        Returns
        -------
        dict
            ``trace``, and ``image`` as the network sees it.
        """
        image = centred(np.asarray(image, np.float32))
        network = self.network
        spikes = encode.latency(image.reshape(1, -1), n_steps=network.n_steps, dt=network.dt)
        return {"trace": network.forward(spikes, potentials=False), "image": image}

    def draw(self, data):
        """Spikes, membranes of the outputs, decision; the image is on the pad."""
        looks = {"names": self.names, "size": (6.1, 5.0)}
        return plot.draw_raster(data["trace"], dt=self.network.dt, **looks)

    def update(self, picture, data):
        """The same for another image."""
        plot.update_raster(picture, data["trace"])

    def describe(self, data):
        """What the network decides, how surely, and when."""
        trace = data["trace"]
        n_in = int(trace.inputs.counts()[0])
        if n_in == 0:
            return "The pad is blank: no spikes. Draw a digit with the mouse, or with the keyboard."
        readout = trace.readout[0]
        highest = readout.max(axis=0)
        best, second = np.argsort(highest)[:-3:-1]
        names = self.names or range(len(highest))
        when = readout[:, best].argmax() * self.network.dt * 1e6
        return (
            f"{n_in} input spikes, {int(trace.hidden_counts()[0])} hidden spikes: it says "
            f"{names[best]}, highest at {when:.1f} µs with {highest[best]:.2f}; "
            f"next is {names[second]} with {highest[second]:.2f}"
        )
