"""Whether deep networks learn as well as shallower ones, written to data/results/<study>.json.

    python benchmarks/studies/depth.py deep-depth [--seeds 0 1 2] [--validate] [--points 0]

- ``deep-depth``: 8 and 20 convolutions of 8 channels (`snnlab.course.depth`) on a part of MNIST at
  16 x 16, with weights scaled to a rate of spikes or with currents normalised, without shortcuts or
  with weak or strong ones
- ``norm-or-scale``: 8 convolutions of 16 channels with two pools between them, on the same images,
  with weights scaled or currents normalised; and how many times as long a training step takes with
  the latter: one of either in turn, medians, on one thread

The surrogate is as steep as `gradients.py` finds that gradients come down evenly. Settings were
chosen on the validation split.
"""

import time

import numpy as np
import studies

import snnlab
from snnlab.course import depth
from snnlab.layers import BatchNorm, Conv, Pool

COMMON = {
    "data": "mnist16",
    "surrogate": "superspike",
    "steepness": 1.4,
    "rate": 0.12,
    "batch_size": 50,
    "lr": 3e-3,
    "schedule": "cosine",
    "loss": "max_over_time",
}
PAIRS = 30  # of training steps that are timed, one of either kind in turn


def prepare(point, validate):
    """Settings, and samples to learn and to be evaluated."""
    c = point["config"]
    data = snnlab.datasets.load(c["data"], progress=False)
    held = data.x_train[50_000:], data.y_train[50_000:]
    x, y = held if validate else (data.x_test, data.y_test)
    learned = depth.images_as_currents(data, data.x_train[: c["samples"]])
    return c, data, (learned, data.y_train[: c["samples"]]), (depth.images_as_currents(data, x), y)


def fit(network, c, samples, seed, checkpoint):
    """Train, with a line per epoch; returns the history."""
    began = time.perf_counter()

    def tell(step):
        if step.ends_epoch:
            past = [f"{100 * a:.2f}" for a in step.history.train_accuracy]
            print(f"seed {seed}, {time.perf_counter() - began:.0f} s: {past} %", flush=True)

    return snnlab.train(
        network,
        *samples,
        epochs=c["epochs"],
        rng=np.random.default_rng(seed),
        batch_size=c["batch_size"],
        loss=c["loss"],
        optimizer=snnlab.Adam(lr=c["lr"]),
        schedule=c["schedule"],
        callback=tell,
        checkpoint=checkpoint,
        progress=False,
    )


def figures(network, c, history, test, images):
    """What is recorded of a trained network."""
    measured = snnlab.evaluate(network, *test, loss=c["loss"])
    norms, rates = depth.adjoint_norms(network, images[0][:64], images[1][:64], [c["steepness"]])
    return {
        "test_accuracy": measured.accuracy,
        "hidden_spikes": measured.hidden_spikes,
        "train_accuracy": history.train_accuracy[-1],
        "growth": float(np.nan_to_num(depth.growth(norms)[0])),
        "last_rate": float(rates[-1]),
        "seconds": sum(history.seconds),
    }


def run_depth(point, seed, validate, checkpoint):
    """Figures of one deep network."""
    c, data, samples, test = prepare(point, validate)
    network = depth.deep_network(
        data,
        c["depth"],
        start=c["start"],
        shortcut=c["shortcut"],
        surrogate=c["surrogate"],
        steepness=c["steepness"],
        rate=c["rate"],
        seed=seed,
    )
    history = fit(network, c, samples, seed, checkpoint)
    return figures(network, c, history, test, samples)


def with_pools(c, data, inputs, seed, normalised, workers=None):
    """Eight convolutions, each of which begins with the same rate of spikes."""
    norm = BatchNorm() if normalised else None
    conv = [Conv(c["channels"], norm=norm)]
    layers = [*3 * conv, Pool(2), *3 * conv, Pool(2), *2 * conv, data.n_classes]
    neuron = snnlab.LIF.grad_r(surrogate=c["surrogate"], steepness=c["steepness"])
    network = snnlab.Network(
        ((*data.image_shape, 1), *layers), neuron, n_steps=inputs.n_steps, rng=seed, workers=workers
    )
    return network.scale_to_activity(inputs[:100], rate=c["rate"], readout=1.0)


def run_start(point, seed, validate, checkpoint):
    """Figures of a network with pools, or how long its steps take."""
    c, data, samples, test = prepare(point, validate)
    if point.get("metric") == "ratio":
        return times(c, data, samples, seed)
    network = with_pools(c, data, samples[0], seed, c["normalised"])
    history = fit(network, c, samples, seed, checkpoint)
    return figures(network, c, history, test, samples)


def times(c, data, samples, seed):
    """How many times as long a training step takes with a norm."""
    began, taken = time.perf_counter(), ([], [])
    runs = [
        snnlab.training.steps(
            with_pools(c, data, samples[0], seed, normalised, workers=1),
            *samples,
            epochs=10,
            rng=seed,
            batch_size=c["batch_size"],
            loss=c["loss"],
            optimizer=snnlab.Adam(lr=c["lr"]),
        )
        for normalised in (False, True)
    ]
    for k in range(PAIRS + 3):
        for run, seconds in zip(runs, taken, strict=True):
            before = time.process_time()
            next(run)
            if k >= 3:  # first ones compile, and lay out their memory
                seconds.append(time.process_time() - before)
    scaled, normalised = (float(np.median(seconds)) for seconds in taken)
    return {
        "ratio": normalised / scaled,
        "scaled_ms_per_image": 1000 * scaled / c["batch_size"],
        "seconds": time.perf_counter() - began,
    }


def point(label, metric="test_accuracy", **config):
    """A record's keywords."""
    return {"label": label, "metric": metric, "config": COMMON | config}


def deep(n, start, shortcut, **config):
    """That of a network of so many convolutions."""
    label = f"{n} layers, {start}, {depth.SHORTCUTS[shortcut]}"
    steepness = EVEN[shortcut]
    return point(label, depth=n, start=start, shortcut=shortcut, steepness=steepness, **config)


# steepnesses at which gradients come down evenly (`gradients.py`)
EVEN = {"none": 1.4, "weak": 1.3, "strong": 1.0}
EFFORT = {"samples": 5_000, "epochs": 4}
ENTRIES = {
    "deep-depth": (
        [
            deep(n, start, shortcut, **EFFORT)
            for start, shortcut in (
                ("scaled", "none"),
                ("norm", "none"),
                ("norm", "weak"),
                ("norm", "strong"),
            )
            for n in (8, 20)
        ],
        run_depth,
    ),
    "norm-or-scale": (
        [
            point(
                "currents normalised" if normalised else "weights scaled",
                normalised=normalised,
                channels=16,
                **EFFORT,
            )
            for normalised in (False, True)
        ]
        + [point("time of a step", "ratio", channels=16, samples=1000)],
        run_start,
    ),
}

if __name__ == "__main__":
    studies.main_each(__doc__, "depth", ENTRIES)
