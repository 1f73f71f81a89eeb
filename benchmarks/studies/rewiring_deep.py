"""Rules of rewiring on networks of convolutions, written to data/results/<study>.json.

    python benchmarks/studies/rewiring_deep.py rewiring-cifar16 [--seeds 0 1] [--points 0]

- ``rewiring-cifar16``: all rules on the network of Chen et al. (2021) for CIFAR-10, six
  convolutions and two dense layers, at 16 x 16 with 16 channels, on a part of CIFAR-10
- ``rewiring-cifar10``: Grad R on that of ``deep-cifar10-pyramid``, on all of CIFAR-10

Currents are normalised, and within a study there is one recipe and one list of connectivities.
Rules that are told how many synapses to keep share them among the layers as random graphs do
(`snnlab.rewiring.erdos_renyi`). Grad R is told so, too (hold="layer"), which is not in the paper:
with a target for the sum, in so short a training, it emptied convolutions while the large dense
layer was coming down. Its pull ends (settle) when gradual pruning does. STDS knows no target, but a
threshold: with one of 0.5 it emptied convolutions, whose normalised weights are small, and learned
nothing. The connectivity of each layer is in the records.
"""

import deep
import numpy as np
import rewiring
import studies

import snnlab
from snnlab import synapses

TARGETS = (0.25, 0.05, 0.023, 0.0073)
COMMON = deep.COMMON | deep.NORMED
COMMON |= {
    "data": "cifar10-16",
    "layers": deep.cifar(16, 128),
    "flip": True,
    "pad": 2,
    "samples": 20_000,
    "epochs": 8,
}
ALPHAS = 0.1, 0.3, 0.6, 1.0
THRESHOLD = 0.2
LARGE = deep.STUDIES["deep-cifar10-pyramid"][0]["config"]


def run(point, seed, validate, checkpoint):
    """Figures of one network."""
    c = point["config"]
    data = snnlab.datasets.load(c["data"], progress=False)
    n, held = studies.split(data, validate)
    known = c["samples"] or n
    code = studies.currents(data.x_train[:known], c["n_steps"])
    rng = np.random.default_rng(seed)
    few = code(data.x_train[:100])
    network = deep.make_network(c, data, few, rng)
    inputs = deep.make_inputs(c, data, known, code)
    rule = rewiring.make_rule(c, network, seed)
    if hasattr(rule, "begin"):
        rule.begin(network, c["epochs"], -(-len(inputs) // c["batch_size"]))
        if synapses.connectivity(network).overall < 1:  # sparse from the start: as active as dense
            deep.make_active(network, few, c)
    how = {"rng": rng, "optimizer": rule, "checkpoint": checkpoint}
    history = deep.fit(c, network, inputs, data.y_train[:known], **how)
    measured = snnlab.evaluate(network, code(held[0]), held[1], loss=c["loss"])
    left = synapses.connectivity(network)
    moves = getattr(rule, "log", None)
    return {
        "test_accuracy": measured.accuracy,
        "connectivity": float(left.overall),
        **{f"connectivity_{k}": float(x) for k, x in enumerate(left.layers)},
        "regrown": int(np.sum(moves.regrown)) if moves is not None else 0,
        "hidden_spikes": measured.hidden_spikes,
        "train_accuracy": history.train_accuracy[-1],
        "seconds": sum(history.seconds),
    }


def points():
    """Keywords of a record per rule and connectivity; rules that have no target come last."""
    late = 0.6 * COMMON["epochs"]
    at = [{"connectivity": c} for c in TARGETS]
    rules = [("dense", "Adam", {})]
    for given, alpha in zip(at, ALPHAS, strict=True):
        rules.append(("Grad R", "GradR", given | {"alpha": alpha, "hold": "layer", "settle": late}))
    rules += [("magnitude, gradual", "Magnitude", given | {"end": late}) for given in at]
    rules += [
        ("random mask", "FixedMask", at[1]),
        ("Deep R", "DeepR", at[1]),
        ("magnitude, at once", "Magnitude", at[1] | {"start": late}),
        ("STDS", "STDS", {"threshold": THRESHOLD}),
    ]
    for label, rule, settings in rules:
        yield {"label": label, "config": COMMON | {"rule": rule, "rule_settings": settings}}


def large():
    """Keywords of a record of Grad R on all of CIFAR-10, per connectivity."""
    for connectivity, alpha in ((0.05, 0.15), (0.25, 0.05), (0.023, 0.3), (0.0073, 0.5)):
        settings = {"connectivity": connectivity, "alpha": alpha, "ramp": 0.4, "hold": "layer"}
        settings["settle"] = 0.6 * LARGE["epochs"]
        yield {"label": "Grad R", "config": LARGE | {"rule": "GradR", "rule_settings": settings}}


ENTRIES = {"rewiring-cifar16": (list(points()), run), "rewiring-cifar10": (list(large()), run)}

if __name__ == "__main__":
    studies.main_each(__doc__, "rewiring_deep", ENTRIES)
