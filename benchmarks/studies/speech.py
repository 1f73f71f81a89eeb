"""How well spoken digits are heard, written to data/results/<study>.json.

    python benchmarks/studies/speech.py spoken-digits [--seeds 0 1 2] [--validate] [--points 0]

- ``spoken-digits``: the official split of the Free Spoken Digit Dataset, whose test set has the
  same six speakers as its training set: a recurrent layer, beside a feed-forward one with as many
  weights
- ``spoken-digits-unseen``: the same networks, tested on a speaker whom they have never heard: the
  mean over all six, each in turn, and the standard deviation over these

Sounds are heard by a small cochlea, and told as spikes by the delta code. Recordings to be learned
are varied whenever they are looked at: in speed, pitch of their channels, and start. With
``--validate``, every ninth training recording is held out instead of the test set, and of the
speakers the next one is tested in place of each, who is left out. Settings were chosen so.
"""

import functools
import warnings

import numpy as np
import studies

import snnlab
from snnlab.datasets.recorded import N_SPEAKERS
from snnlab.layers import Recurrent

COMMON = {
    "data": "spoken-digits",
    "n_channels": 40,
    "dt": 0.01,
    "threshold": 0.1,
    "n_frames": 80,
    "hidden": 200,
    "tau_mem": 0.02,
    "tau_syn": 0.01,
    "tau_readout": 0.05,
    "steepness": 10.0,
    "rate": 0.1,
    "scale": 0.3,
    "batch_size": 50,
    "epochs": 25,
    "lr": 3e-3,
    "dropout": 0.2,
    "stretch": 0.15,
    "shift": 2.0,
    "start": 6,
}


@functools.lru_cache(1)
def prepared(n_channels, dt, n_frames):
    """Loudness of all recordings, labels, speakers, and which are of the test set."""
    data = snnlab.datasets.spoken_digits(progress=False)
    ear = snnlab.Cochlea(n_channels=n_channels, dt=dt)
    parts = data.train, data.test
    with warnings.catch_warnings():  # of what is cut off
        warnings.simplefilter("ignore", RuntimeWarning)
        loudness = [ear.loudness(part.sounds, n_frames=n_frames, cut=True) for part in parts]
    labels, speakers = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("labels", "speakers")
    )
    test = np.arange(len(labels)) >= len(data.train)
    return np.concatenate(loudness), labels, speakers, test


class Varied:
    """Loudness that is varied anew each time it is looked at, as spikes: a stream for `train`.

    Parameters
    ----------
    loudness : array of float32 (n, frame, channel)
    config : dict
        ``threshold``; ``stretch``, by which share recordings become slower or faster at most;
        ``shift``, by how many channels they become higher or lower; ``start``, how many frames
        later they begin.
    """

    def __init__(self, loudness, config):
        self.loudness, self.config = loudness, config

    def __len__(self):
        return len(self.loudness)

    def batch(self, index, rng):
        """Spikes of some recordings."""
        c, n = self.config, len(index)
        _, n_frames, n_channels = self.loudness.shape
        speed = np.exp(rng.uniform(-c["stretch"], c["stretch"], n))
        start = rng.integers(0, c["start"] + 1, n)
        shift = rng.uniform(-c["shift"], c["shift"], n)
        frames = (np.arange(n_frames) - start[:, None]) * speed[:, None]
        channels = np.clip(np.arange(n_channels) + shift[:, None], 0, n_channels - 1)
        x = interpolated(self.loudness[index], frames, axis=1)
        x = interpolated(x, channels, axis=2)
        return snnlab.encode.delta(x, threshold=c["threshold"])


def interpolated(x, at, axis):
    """Rows of x (n, ...) at places (n, places) along an axis, linear between two; 0 outside."""
    low = np.floor(at).astype(np.int64)
    share = (at - low).astype(np.float32)
    last, out = x.shape[axis] - 1, 0.0
    for place, weight in ((low, 1 - share), (low + 1, share)):
        weight = np.where((place >= 0) & (place <= last), weight, np.float32(0))
        shape = [len(x), 1, 1]
        shape[axis] = at.shape[1]
        index = np.clip(place, 0, last).reshape(shape)
        out = out + weight.reshape(shape) * np.take_along_axis(x, index, axis)
    return out


def make_network(config, n_classes, few, rng):
    """A network that begins active on a few coded recordings."""
    c, n = config, config["hidden"]
    times = {"tau_syn": c["tau_syn"], "dt": c["dt"]}
    neuron = snnlab.LIF(tau_mem=c["tau_mem"], steepness=c["steepness"], **times)
    layers = {
        "recurrent": [Recurrent(n)],
        "two layers": [n, n],
        "one layer": [(few.n_units * n + n**2 + n * n_classes) // (few.n_units + n_classes)],
    }[c["kind"]]
    network = snnlab.Network(
        (few.n_units, *layers, n_classes),
        neuron,
        readout=snnlab.LeakyIntegrator(tau_mem=c["tau_readout"], **times),
        n_steps=few.n_steps,
        rng=rng,
    )
    return network.scale_to_activity(few, rate=c["rate"])


def learn(config, learned, tested, seed, checkpoint=None):
    """Train on some recordings, test on others (arrays of bool); figures."""
    c = config
    loudness, labels, _, _ = prepared(c["n_channels"], c["dt"], c["n_frames"])
    loss, rng = snnlab.losses.SumOverTime(c["scale"]), np.random.default_rng(seed)

    def code(which):
        return snnlab.encode.delta(loudness[which], threshold=c["threshold"])

    network = make_network(c, int(labels.max()) + 1, code(np.flatnonzero(learned)[::20]), rng)
    inputs = Varied(loudness[learned], c)
    history = snnlab.train(
        network,
        inputs,
        labels[learned],
        epochs=c["epochs"],
        rng=rng,
        batch_size=c["batch_size"],
        loss=loss,
        optimizer=snnlab.Adam(lr=c["lr"]),
        schedule="cosine",
        dropout=c["dropout"],
        checkpoint=checkpoint,
        progress=False,
    )
    measured = snnlab.evaluate(network, code(tested), labels[tested], loss=loss)
    return studies.figures(network, history, measured)


def run_official(point, seed, validate, checkpoint):
    """Figures of one network on the official split."""
    c = point["config"]
    _, labels, _, test = prepared(c["n_channels"], c["dt"], c["n_frames"])
    learned = ~test
    if validate:
        test = learned & (np.arange(len(labels)) % 9 == 0)
        learned = learned & ~test
    return learn(c, learned, test, seed, checkpoint)


def run_unseen(point, seed, validate, checkpoint):
    """Figures of six networks, each tested on another speaker."""
    c = point["config"]
    *_, speakers, _ = prepared(c["n_channels"], c["dt"], c["n_frames"])
    found = []
    for k in range(N_SPEAKERS):
        tested, learned = speakers == k, speakers != k
        if validate:
            tested = speakers == (k + 1) % N_SPEAKERS
            learned = learned & ~tested
        found.append(learn(c, learned, tested, seed))
        print(f"seed {seed}, speaker {k}: {100 * found[-1]['test_accuracy']:.1f} %", flush=True)
    right = [one["test_accuracy"] for one in found]
    mean = {name: float(np.mean([one[name] for one in found])) for name in found[0]}
    return mean | {
        "speakers": right,
        "spread": float(np.std(right, ddof=1)),
        "seconds": sum(one["seconds"] for one in found),
    }


def point(label, **config):
    """A record's keywords."""
    return {"label": label, "config": COMMON | config}


POINTS = [
    point("recurrent", kind="recurrent"),
    point("feed-forward", kind="one layer"),
]
ENTRIES = {
    "spoken-digits": (POINTS, run_official),
    "spoken-digits-unseen": (POINTS, run_unseen),
}

if __name__ == "__main__":
    studies.main_each(__doc__, "speech", ENTRIES)
