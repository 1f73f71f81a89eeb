"""Conversion: accuracy against steps, written to data/results/<study>.json.

    python benchmarks/studies/conversion.py conversion [--seeds 0 1 2] [--validate]

Fashion-MNIST, and a network of two convolutions and a hidden layer (16C3-P-32C3-P-128), normalised,
pools being averages. Three of them are trained without spikes: of ReLU units, of rate norm layers
(ceilings that follow the largest activations, Ding et al. 2021), and of quantised units with
ceilings that are learned (Bu et al. 2022). They are converted in several ways, and stopped after
1 to 128 steps. Beside them is one of neurons that spike, trained with surrogate gradients on 8
steps. Ceilings are lowered ("fit curve") so far that ``weight`` says it is worth it.

Half of the training images are learned, twice; test figures are of the first 1,000 images, the
same for all, energies of 200 of them. A network without spikes is trained once for each seed, and
kept beside the checkpoints for all that is made of it.
"""

import functools
import time

import numpy as np
import studies

import snnlab
from snnlab import LIF, Adam, ConstantCurrent, LeakyIntegrator, Network, ReLU, conversion
from snnlab.layers import BatchNorm, Conv, Dense, Pool

STEPS = (1, 2, 4, 8, 16, 32, 64, 128)
COMMON = {
    "data": "fashion",
    "channels": (16, 32),
    "hidden": 128,
    "batch_size": 100,
    "epochs": 2,
    "learned": 30_000,
    "tested": 1000,
    "lr": 3e-3,
    "schedule": "cosine",
}
UNITS = {
    "relu": {},
    "rate norm": {"v_th": 1.0, "learn": "v_th"},
    "quantised": {"v_th": 3.0, "levels": 4, "learn": "v_th"},
}
FIT = {"weight": 0.01, "samples": 1000}
SPIKING = {"n_steps": 8, "tau_mem": 2.0, "steepness": 2.0, "epochs": 2}


def the_layers(c, shape):
    """16C3-P-32C3-P-128, and a readout."""
    parts = [tuple(shape)]
    for channels in c["channels"]:
        parts += [Conv(channels, norm=BatchNorm()), Pool(how="average")]
    return [*parts, Dense(c["hidden"], norm=BatchNorm()), 10]


@functools.lru_cache(1)
def prepared(name, validate):
    """Images and labels, those that are learned and the others; and their shape."""
    data = snnlab.datasets.load(name, progress=False)
    n, held = studies.split(data, validate)
    held, n = [part[: COMMON["tested"]] for part in held], min(n, COMMON["learned"])
    pairs = (data.x_train[:n], data.y_train[:n]), held
    sets = [(np.asarray(x, np.float32), y) for x, y in pairs]
    return sets, (*data.image_shape, 1)


def learned(c, network, x, y, seed, n_steps=1, **settings):
    """Train a network on images as constant currents; seconds."""
    given = {"epochs": c["epochs"], "schedule": c["schedule"], "optimizer": Adam(lr=c["lr"])}
    began = time.perf_counter()
    snnlab.train(
        network,
        ConstantCurrent(x, n_steps),
        y,
        rng=seed,
        batch_size=c["batch_size"],
        progress=False,
        **given | settings,
    )
    return time.perf_counter() - began


def ordinary(c, unit, seed, validate):
    """A network without spikes, trained or as it was kept; accuracy on what is tested; seconds."""
    sets, shape = prepared(c["data"], validate)
    kind = "validation" if validate else "test"
    name = f"{c['data']}-{unit}-{c['epochs']}-{seed}-{kind}".replace(" ", "_")
    path = studies.CHECKPOINTS / f"conversion-{name}.npz"
    (x, y), (x_test, y_test) = sets
    seconds = 0.0
    if path.exists():
        network = Network.load(path)
    else:
        network = Network(the_layers(c, shape), ReLU(**UNITS[unit]), n_steps=1, rng=seed)
        follows = unit == "rate norm"
        seconds = learned(
            c,
            network,
            x,
            y,
            seed,
            optimizer=Adam(lr=c["lr"], rates={"v_th": 0} if follows else None),
            callback=conversion.RunningCeilings(network) if follows else None,
        )
        network.save(path)
    found = snnlab.evaluate(network, ConstantCurrent(x_test, 1), y_test)
    return network, found.accuracy, seconds


def converted(c, network, x):
    """What becomes of it."""
    samples = x[:1000]
    how = {"n_steps": STEPS[-1], "start": c["start"]}
    if c["method"] == "fit curve":
        fit = c["fit"]
        network = conversion.fit_ceilings(network, x[: fit["samples"]], weight=fit["weight"])
        return conversion.convert(network, samples, method="ceiling", **how)
    return conversion.convert(network, samples, method=c["method"], **how)


def spiking(c, seed, validate):
    """A network that was trained as it spikes; and seconds."""
    ((x, y), _), shape = prepared(c["data"], validate)
    s = c["spiking"]
    neuron = LIF(
        tau_mem=s["tau_mem"], tau_syn=None, dt=1.0, surrogate="arctan", steepness=s["steepness"]
    )
    readout = LeakyIntegrator(tau_mem=1.0, tau_syn=None, dt=1.0, method="euler")
    network = Network(the_layers(c, shape), neuron, readout=readout, n_steps=s["n_steps"], rng=seed)
    seconds = learned(
        c, network, x, y, seed, s["n_steps"], epochs=s["epochs"], loss="sum_over_time"
    )
    return network, seconds


def run(point, seed, validate, checkpoint):
    """One network at all steps: accuracy, spikes, energy."""
    c = point["config"]
    sets, _ = prepared(c["data"], validate)
    (x, _), (x_test, y_test) = sets
    if "spiking" in c:
        network, seconds = spiking(c, seed, validate)
        steps, own = [network.n_steps], None
    else:
        ann, own, seconds = ordinary(c, c["unit"], seed, validate)
        network, steps = converted(c, ann, x), list(STEPS)
    began = time.perf_counter()
    found = conversion.by_step(network, ConstantCurrent(x_test, network.n_steps), y_test)
    simulated = time.perf_counter() - began
    at = np.array(steps) - 1
    out = {
        "test_accuracy": float(found.accuracy[-1]),
        "steps": steps,
        "accuracy_at": found.accuracy[at].tolist(),
        "spikes_at": found.hidden_spikes[at].tolist(),
        "energy_at": [energy(network.replace(n_steps=t), x_test[:200], t) for t in steps],
        "simulated": simulated,
        "seconds": seconds,
    }
    if own is not None:
        out |= {
            "ann_accuracy": own,
            "ann_energy": energy(network.replace(n_steps=1), x_test[:200], 1, "ReLU, with memory"),
        }
    return out


def energy(network, x, n_steps, row="spiking, with neurons and memory"):
    """Joule per image."""
    card = snnlab.energy.compare(network, ConstantCurrent(x, n_steps))
    return next(r["total_J"] for r in card.rows if r["network"] == row)


def points():
    """All that are compared."""
    arms = [
        ("relu", "max", 0.0),
        ("relu", "max", 0.5),
        ("relu", "percentile", 0.0),
        ("relu", "percentile", 0.5),
        ("rate norm", "ceiling", 0.0),
        ("rate norm", "ceiling", 0.5),
        ("rate norm", "fit curve", 0.0),
        ("rate norm", "fit curve", 0.5),
        ("quantised", "ceiling", 0.0),
        ("quantised", "ceiling", 0.5),
    ]
    out = []
    for unit, method, start in arms:
        own = COMMON | {"unit": unit, "settings": UNITS[unit], "method": method, "start": start}
        own |= {"fit": FIT} if method == "fit curve" else {}
        out.append({"label": f"{unit}, {method}, from {start:g}", "config": own})
    out.append({"label": "trained as it spikes", "config": COMMON | {"spiking": SPIKING}})
    return out


ENTRIES = {"conversion": (points(), run)}

if __name__ == "__main__":
    studies.main_each(__doc__, "conversion", ENTRIES)
