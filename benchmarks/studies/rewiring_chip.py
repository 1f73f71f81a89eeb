"""Rewiring on the virtual chip, written to data/results/rewiring-chip.json.

    python benchmarks/studies/rewiring_chip.py rewiring-chip [--seeds 0 1 2] [--processes 2]

The network of Cramer et al. (2022), 256-246-10 on spike latencies, is rewired in the loop as Chen
et al. (2021) do it: accuracy against connectivity and spikes. Seed k is chip k, and the seed of
weights, masks and the order of images. Connectivity is as the chip sees it: a weight below half a
level is gone. Random masks have about as many synapses as Grad R leaves, shared among the layers as
rewiring.py does. Two of Grad R's networks have a limit on the inputs of a neuron. Sparse networks
learn without dropout, which was better on the validation split.

On the damaged chip the neurons are spread by 30 %, and 15 % of the hidden ones are dead; records
there say whether synapses avoid bad neurons (`snnlab.avoidance`): of inputs and outputs,
the rank correlation with badness, and the connectivity of the worst tenth (both among the living)
and of the dead, each with what chance would give and a p-value by permutation.
"""

import numpy as np
import rewiring
import studies
from chip import PLAIN

import snnlab
from snnlab import avoidance, synapses
from snnlab.chip.effects import EFFECTS, N_NEURONS
from snnlab.learning.penalties import Bursts

# pulls, and the connectivities that they lead to on the validation split: the last as measured, the
# others estimated from shorter runs
ALPHAS = {0.03: 0.25, 0.08: 0.08, 0.2: 0.024}
BURSTS = 0.8
RECIPE = PLAIN | {"epochs": 15}
DAMAGED = {"sigma_d": 0.3, "dead_hidden": 0.15}


def make_chip(config, seed):
    """The chip by seed; dead neurons are drawn among the hidden ones: all classes are read."""
    given = dict(config["damage"])
    hidden, share = config["hidden"], given.pop("dead_hidden", 0)
    rng = np.random.default_rng([seed, 1])
    dead = rng.choice(hidden, round(share * hidden), replace=False).tolist()
    return snnlab.Substrate(seed, dead=dead, **given)


def run(point, seed, validate, checkpoint):
    """Figures of one network."""
    prepared = studies.prepare(point["config"], seed, validate)
    c, network = prepared.config, prepared.network
    chip, rule = make_chip(c, seed), rewiring.make_rule(c, network, seed)
    if hasattr(rule, "begin"):
        rule.begin(network, c["epochs"], -(-len(prepared.labels) // c["batch_size"]))
        if c["rule"] == "FixedMask":
            network.scale_to_activity(prepared.inputs[:500], c["hidden_spikes"])
    history = snnlab.train(
        network,
        prepared.inputs,
        prepared.labels,
        epochs=c["epochs"],
        rng=prepared.rng,
        batch_size=c["batch_size"],
        loss=prepared.loss,
        optimizer=rule,
        schedule=c["schedule"],
        dropout=c["dropout"],
        penalties=Bursts(c["bursts"]) if c["bursts"] else (),
        substrate=chip,
        progress=False,
        checkpoint=checkpoint,
    )
    left = synapses.connectivity(network, chip)
    return {
        **studies.result(prepared, history, chip),
        "connectivity": left.overall,
        **{f"connectivity_{k}": float(x) for k, x in enumerate(left.layers)},
        "connectivity_off_chip": synapses.connectivity(network).overall,
        "hidden_units": sum(synapses.compact(network).sizes[1:-1]),
        **(avoided(network, chip) if c["damage"] else {}),
    }


def avoided(network, chip):
    """What `avoidance` finds of inputs and outputs, as plain numbers; without what is undefined."""
    out = {}
    for of in ("inputs", "outputs"):
        found = avoidance(network, chip, of=of)
        for name in ("correlation", "worst", "dead"):
            for what, x in getattr(found, name)._asdict().items():
                if np.isfinite(x):
                    out[f"{of}_{name}_{what}"] = x
    return out


def point(label, rule, settings, bursts=0.0, damage=None):
    """Keywords of one record."""
    defaults = {name: effect.default for name, effect in EFFECTS.items()}
    config = studies.COMMON | RECIPE | {"chip": defaults, "chip_neurons": N_NEURONS}
    config |= {"rule": rule, "rule_settings": settings, "bursts": bursts, "damage": damage or {}}
    if rule == "Adam":
        config["rule_settings"] = {"weight_decay": config["weight_decay"]}
    else:
        config |= {"dropout": 0.0, "weight_decay": 0.0}
    return {"label": label, "config": config}


def points():
    """One per rule, connectivity, penalty and chip."""
    grad_r = [("GradR", {"alpha": a}) for a in ALPHAS]
    random = [("FixedMask", {"connectivity": c}) for c in ALPHAS.values()]
    dense = "Adam", {}

    def fan_in(n):
        return "GradR", {"alpha": ALPHAS[0.2], "max_fan_in": n}

    return [
        point("dense", *dense),
        *(point("Grad R", *rule) for rule in grad_r),
        *(point("random mask", *rule) for rule in random),
        *(point(f"Grad R, fan-in {n}", *fan_in(n)) for n in (64, 16)),
        point("dense, burst penalty", *dense, BURSTS),
        *(point("Grad R, burst penalty", *rule, BURSTS) for rule in grad_r),
        point("dense, damaged chip", *dense, damage=DAMAGED),
        *(point("Grad R, damaged chip", *rule, damage=DAMAGED) for rule in grad_r[1:]),
        point("random mask, damaged chip", *random[1], damage=DAMAGED),
    ]


ENTRIES = {"rewiring-chip": (points(), run)}

if __name__ == "__main__":
    studies.main_each(__doc__, "rewiring_chip", ENTRIES)
