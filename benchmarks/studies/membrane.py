"""Learning from the membrane beside the surrogate gradient, written to data/results/<study>.json.

    python benchmarks/studies/membrane.py membrane-mnist [--seeds 0 1 2] [--validate] [--points 0]

- ``membrane-mnist``: MNIST whose pixels are given in no order (dense layers only), told by rates:
  the rule of Lee et al. 2016 (`snnlab.learning.membrane`), and on the same network the gradient
  through time with a surrogate
- ``membrane-parts``: what the rule's parts are worth, each left out in turn, on fewer images
- ``membrane-n-mnist``: the part of N-MNIST that there is, 1,000 recordings, split anew for each
  seed: both ways of learning, and a network of rectified linear units that hears nothing but how
  many events there were in each place; its times may as well be shuffled

Accuracies are of the test set after the last epoch. With ``--validate`` the last 10,000 training
images are held out instead (of recordings a fifth of those to be learned). Settings were chosen so.
"""

import functools

import numpy as np
import studies

import snnlab
from snnlab.course import traces
from snnlab.learning.membrane import MembraneSignal, competing

LEE = "Lee et al. 2016, as cited in later tables"
COMMON = {
    "data": "mnist",
    "rule": "membrane",
    "hidden": [300, 300],
    "n_steps": 50,
    "probability": 0.2,
    "tau": 20.0,
    "threshold": 7.0,
    "inhibition": 0.0,
    "learn_thresholds": True,
    "normalise": True,
    "beginning": "thresholds",
    "scale": 0.3,
    "epochs": 20,
    "batch_size": 100,
    "lr": 2e-3,
    "threshold_rate": 0.1,
    "weight_decay": 0.1,
    "dropout": 0.0,
    "bursts": 0.01,  # a penalty: without, activity creeps up over many epochs until all units fire
    "surrogate": "arctan",
    "steepness": 2.0,
    "n_train": None,
}


def make_network(c, n_in, n_out, seed):
    """A network that begins as the configuration says."""
    neuron = snnlab.LIF(
        tau_mem=c["tau"],
        tau_syn=None,
        dt=1.0,
        learn="v_th" if c["learn_thresholds"] else (),
        surrogate=c["surrogate"],
        steepness=c["steepness"],
    )
    network = competing(
        (n_in, *c["hidden"], n_out),
        neuron,
        n_steps=c["n_steps"],
        rng=seed,
        threshold=c["threshold"],
        inhibition=c["inhibition"],
    )
    if c["beginning"] == "normal":  # as `snnlab.Network` begins, with thresholds of 1
        models = [model.replace(v_th=1.0) for model in network.neurons]
        weights = snnlab.Network(
            (n_in, *c["hidden"], n_out), models[0], n_steps=c["n_steps"], rng=seed
        ).weights
        network = network.replace(neurons=models, weights=weights)
    return network


def learn(c, inputs, labels, test, seed, checkpoint=None):
    """Train a network, and test it; figures."""
    network = make_network(c, inputs.n_units, int(labels.max()) + 1, seed)
    loss = snnlab.losses.SumOverTime(c["scale"])
    rates = {"v_th": c["threshold_rate"]} if c["learn_thresholds"] else None
    given = {"normalise": c["normalise"], "mean": c.get("mean", False)}
    rule = MembraneSignal(**given) if c["rule"] == "membrane" else None
    history = snnlab.train(
        network,
        inputs,
        labels,
        epochs=c["epochs"],
        rng=seed,
        batch_size=c["batch_size"],
        loss=loss,
        optimizer=snnlab.Adam(c["lr"], weight_decay=c["weight_decay"], rates=rates),
        dropout=c["dropout"],
        penalties=[snnlab.penalties.Bursts(c["bursts"])] if c["bursts"] else (),
        backward=rule,
        checkpoint=checkpoint,
        progress=False,
    )
    measured = snnlab.evaluate(network, *test, loss=loss)
    return studies.figures(network, history, measured)


@functools.lru_cache(1)
def images(name):
    """A data set of images."""
    return snnlab.datasets.load(name, progress=False)


def run_images(point, seed, validate, checkpoint):
    """Figures of one network on images told by rates."""
    c = point["config"]
    data = images(c["data"])
    n, (x, y) = studies.split(data, validate)
    n = n if c["n_train"] is None else min(n, c["n_train"])
    code = functools.partial(
        snnlab.encode.RateCoded, n_steps=c["n_steps"], probability=c["probability"]
    )
    learned = code(data.x_train[:n]), data.y_train[:n]
    return learn(c, *learned, (code(x), y), seed, checkpoint)


def run_recordings(point, seed, validate, checkpoint):
    """Figures of one network, on one split of the recordings."""
    c = point["config"]
    every = snnlab.datasets.n_mnist(progress=False).train
    order = np.random.default_rng(seed).permutation(len(every))
    n_test = len(every) // 5
    test, learned = order[:n_test], order[n_test:]
    if validate:
        test, learned = learned[:n_test], learned[n_test:]
    if c["shuffle"]:
        every = traces.shuffled(every, seed)
    if c["rule"] == "sums":
        counts = np.zeros((len(every), int(np.prod(every.shape))), np.float32)
        which = np.repeat(np.arange(len(every)), np.diff(every.indptr))
        np.add.at(counts, (which, every.units), 1)
        return learn_sums(c, counts, every.labels, learned, test, seed)
    trains = every.spikes(dt=c["dt"], n_steps=c["n_steps"], cut=True)
    parts = [(trains[index], every.labels[index]) for index in (learned, test)]
    return learn(c, *parts[0], parts[1], seed, checkpoint)


def learn_sums(c, counts, labels, learned, test, seed):
    """A network of rectified linear units that hears how many events there were in each place."""
    import time
    import warnings

    from sklearn.neural_network import MLPClassifier

    began = time.perf_counter()
    model = MLPClassifier(c["hidden"], max_iter=c["epochs"], alpha=c["weight_decay"])
    model.set_params(random_state=seed, batch_size=c["batch_size"], learning_rate_init=c["lr"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of epochs that do not suffice to converge
        counts = counts / counts[learned].std()
        model.fit(counts[learned], labels[learned])
    return {
        "test_accuracy": float(model.score(counts[test], labels[test])),
        "hidden_spikes": 0.0,
        "train_accuracy": float(model.score(counts[learned], labels[learned])),
        "weights": sum(w.size for w in model.coefs_),
        "seconds": time.perf_counter() - began,
    }


def point(label, paper=None, **config):
    """A record's keywords."""
    given = {"paper": paper, "source": LEE, "tag": "second-hand"} if paper else {}
    return {"label": label, "config": COMMON | config} | given


N_MNIST = {
    "data": "n-mnist",
    "hidden": [300],
    "dt": 6.5e-3,
    "threshold": 10.0,
    "epochs": 30,
    "batch_size": 20,
    "lr": 2e-3,
    "shuffle": False,
}
# the camera moves thrice, and little of the first is left at the end
AVERAGED = N_MNIST | {"mean": True}
THROUGH_TIME = {"lr": 1e-3, "steepness": 4.0}  # at the rule's rate it falls silent
FEW = {"n_train": 20_000, "epochs": 8}
ENTRIES = {
    "membrane-mnist": (
        [
            point("from the membrane", paper=0.9877),
            point("through time, surrogate", rule="surrogate", **THROUGH_TIME),
        ],
        run_images,
    ),
    "membrane-parts": (
        [
            point("all of it", **FEW),
            point("errors not normalised", normalise=False, **FEW),
            point("thresholds fixed", learn_thresholds=False, **FEW),
            point("usual weights, thresholds of 1", beginning="normal", **FEW),
            point("through time, surrogate", rule="surrogate", **FEW | THROUGH_TIME),
            point("with inhibition", inhibition=[0.01, 0.01, 0.1], **FEW),
        ],
        run_images,
    ),
    "membrane-n-mnist": (
        [
            point("from the membrane", **AVERAGED),
            point("from the membrane as it is at the end", **N_MNIST),
            point("through time, surrogate", rule="surrogate", **N_MNIST | THROUGH_TIME),
            point("sums of events, rectified linear units", rule="sums", **N_MNIST),
            point("from the membrane, times shuffled", **AVERAGED | {"shuffle": True}),
            point(
                "through time, times shuffled",
                rule="surrogate",
                **N_MNIST | THROUGH_TIME | {"shuffle": True},
            ),
        ],
        run_recordings,
    ),
}

if __name__ == "__main__":
    studies.main_each(__doc__, "membrane", ENTRIES)
