"""Pictures told in a few random spikes, written to data/results/<study>.json.

    python benchmarks/studies/telling.py telling-mnist16 [--seeds 0 1 2] [--validate] [--points 0]

- ``telling-mnist16``: a spiking encoder, a bottleneck of spikes that are drawn at random, and an
  ordinary decoder learn to tell 16 x 16 MNIST: at several prices of information; with a decoder
  that hears when units spike, or how often; with either estimate of gradients through spikes
- ``telling-n-mnist``: recordings of an event camera, of which the still image is to be told

Figures are of spikes that are drawn once for each image. ``read_right`` is the share of images that
a classifier, trained here on true images, reads rightly from what the decoder makes of the spikes;
``classifier`` is its share of true test images. With ``--validate`` the last training images are
held out instead of the test set. Settings were chosen so.
"""

import functools
import time
import warnings

import deep
import numpy as np
import studies

import snnlab

COMMON = {
    "data": "mnist16",
    "n_steps": 8,
    "hidden": 256,
    "units": 128,
    "hold": 8,
    "tau_mem": 4.0,
    "tau_syn": 2.0,
    "tau_readout": 1.0,
    "steepness": 3.0,
    "active": 0.1,
    "spread": 3.0,
    "decoder": 512,
    "reads": "time",
    "estimator": "straight-through",
    "rate": 0.01,
    "beta": 0.004,
    "lr": 5e-3,
    "batch_size": 100,
    "epochs": 12,
}
DT = 1e-3  # seconds; only ratios of times to it matter
CLASSIFIER = deep.COMMON | deep.NORMED
CLASSIFIER |= {"layers": deep.small((16, 32), 3, 128), "epochs": 8, "pad": 1, "seed": 100}
N_HELD = {"mnist16": 10_000, "n-mnist": 100}


def images_of(config, validate):
    """Inputs and images to be learned, and those that are held out with their labels."""
    c = config
    data = snnlab.datasets.load("mnist16", progress=False)
    if c["data"] == "mnist16":
        parts = [(x, x, y) for x, y in ((data.x_train, data.y_train), (data.x_test, data.y_test))]
        coded = [(snnlab.ConstantCurrent(x, c["n_steps"]), x, y) for _, x, y in parts]
    else:  # recording i shows image i
        recordings = snnlab.datasets.n_mnist(progress=False)
        coded = []
        for part, x in ((recordings.train, data.x_train), (recordings.test, data.x_test)):
            with warnings.catch_warnings():  # of events after the third saccade
                warnings.simplefilter("ignore", RuntimeWarning)
                trains = part.spikes(dt=c["window"], n_steps=c["n_steps"], pool=2, cut=True)
            coded.append((trains, x[: len(part)], part.labels))
    if not validate:
        return coded
    inputs, x, y = coded[0]
    n = len(x) - N_HELD[c["data"]]
    return [(inputs[:n], x[:n], y[:n]), (inputs[n:], x[n:], y[n:])]


def make_model(config, inputs, n_pixels, rng):
    """An autoencoder whose encoder begins active on some inputs."""
    c = config
    neuron = snnlab.LIF(
        tau_mem=c["tau_mem"] * DT, tau_syn=c["tau_syn"] * DT, dt=DT, steepness=c["steepness"]
    )
    readout = snnlab.LeakyIntegrator(tau_mem=c["tau_readout"] * DT, tau_syn=None, dt=DT)
    sizes = inputs.n_units, c["hidden"], c["units"]
    encoder = snnlab.Network(sizes, neuron, readout=readout, n_steps=c["n_steps"], rng=rng)
    encoder.scale_to_activity(inputs[:500], rate=c["active"], readout=c["spread"])
    return snnlab.autoencoder.Autoencoder(
        encoder,
        n_pixels,
        rate=c["rate"],
        hold=c["hold"],
        reads=c["reads"],
        hidden=(c["decoder"],),
        rng=rng,
    )


@functools.lru_cache(1)
def classifier():
    """A network of convolutions that reads digits, trained once and kept; and how it hears them."""
    c, data = CLASSIFIER, snnlab.datasets.load("mnist16", progress=False)
    code = studies.currents(data.x_train, c["n_steps"])
    path = studies.CHECKPOINTS / f"telling-classifier-{snnlab.__version__}.npz"
    if path.exists():
        return snnlab.Network.load(path), code
    network = deep.make_network(c, data, code(data.x_train[:100]), np.random.default_rng(c["seed"]))
    inputs = deep.make_inputs(c, data, len(data.x_train), code)
    deep.fit(c, network, inputs, data.y_train, rng=c["seed"])
    network.save(path)
    return network, code


def read_right(images, labels):
    """Share of images that the classifier reads rightly."""
    network, code = classifier()
    return snnlab.evaluate(network, code(images), labels, loss=CLASSIFIER["loss"]).accuracy


def run(point, seed, validate, checkpoint):
    """Figures of one autoencoder."""
    c = point["config"]
    (inputs, images, _), (held, truth, labels) = images_of(c, validate)
    rng = np.random.default_rng(seed)
    model = make_model(c, inputs, images.shape[1], rng)
    began = time.perf_counter()
    history = snnlab.autoencoder.train(
        model,
        inputs,
        images,
        epochs=c["epochs"],
        rng=rng,
        beta=c["beta"],
        estimator=c["estimator"],
        lr=c["lr"],
        batch_size=c["batch_size"],
        budgets=c.get("budgets"),
        progress=False,
    )
    seconds = time.perf_counter() - began
    drawn, certain = (model.evaluate(held, truth, rng=r) for r in (seed, None))
    hidden = [
        model.encoder.forward(held[k : k + 500], potentials=False).hidden_counts()
        for k in range(0, len(truth), 500)
    ]
    return {
        "pixel_error": drawn.error,
        "spikes": drawn.spikes,
        "certain_error": certain.error,
        "certain_spikes": certain.spikes,
        "read_right": read_right(drawn.images, labels),
        "classifier": read_right(truth, labels),
        "mean_image_error": float(np.square(truth - images.mean(axis=0)).mean()),
        "train_error": history.error[-1],
        "nats": history.nats[-1],
        "hidden_spikes": float(np.concatenate(hidden).mean()),
        "seconds": seconds,
    }


def point(label, **config):
    """A record's keywords."""
    return {"label": label, "metric": "pixel_error", "config": COMMON | config}


POINTS = [
    point("when"),
    point("how often", reads="rate"),
    point("when, score function", estimator="score-function"),
    point("when, a little dearer", beta=0.005),
    point("when, dearer", beta=0.01),
    point("how often, dearer", reads="rate", beta=0.01),
    point("when, dearest", beta=0.03),
]
RECORDED = {"data": "n-mnist", "n_steps": 16, "window": 0.02, "hold": 16, "decoder": 256}
EVENTS = [point("when, of recordings", **RECORDED, beta=0.01, batch_size=20, epochs=40)]
ENTRIES = {"telling-mnist16": (POINTS, run), "telling-n-mnist": (EVENTS, run)}

if __name__ == "__main__":
    studies.main_each(__doc__, "telling", ENTRIES)
