"""Write the tables of the documentation, from data/results and from the notebooks' first cells.

python tools/results_table.py [--check]
"""

import os
import re
import tomllib

import course_map
import numpy as np
import pages

from snnlab import results
from snnlab.course import depth

PLACEHOLDER = "OWNER/REPOSITORY"  # where the project has no published repository yet
TITLES = {
    "mnist16-plain": "16x16 MNIST",
    "mnist16-augmented": "16x16 MNIST, augmented",
    "fashion16-plain": "16x16 Fashion-MNIST",
    "mnist16-plain-steepness10": "16x16 MNIST, steepness 10",
    "mnist16-learned": "16x16 MNIST, steepness 10, half steps, constants learned",
    "mnist16-augmented-steepness10": "16x16 MNIST, augmented, steepness 10",
    "mnist16-currents": "16x16 MNIST, constant currents",
    "mnist16-currents-augmented": "16x16 MNIST, augmented, constant currents",
    "fashion16-currents": "16x16 Fashion-MNIST, constant currents",
}


PAIR = ("mean", "ours"), ("mlp", "mlp")
OTHERS_OF_TABLES = "mean", "mlp", "logistic"


def load(study):
    """Records of a study; empty if it has not been run."""
    return results.load(study) if study in results.studies() else []


def _percent(r):
    """Mean and standard deviation of a record in percent."""
    sd = "" if r["sd"] is None else f" ± {100 * r['sd']:.2f}"
    return f"{100 * r['mean']:.2f}{sd} %"


def _published(r, digits=1):
    """The paper's figure in percent, with tag and source; a dash if there is none."""
    if r["paper"] is None:
        return "-"
    return f"{100 * r['paper']:.{digits}f} % ({r['paper_tag']}: {r['paper_source']})"


def _connected(r):
    """What a table on rewiring begins with: label, accuracy, connectivity."""
    return r["label"], _percent(r), f"{100 * r['connectivity']:.3g} %"


def _over_seeds(records):
    """Over how many seeds records are, in words."""
    n = len(records[0]["seeds"])
    return f"{n} seeds" if n > 1 else "one seed"


def _share(x):
    """A share in percent, of two digits or whole."""
    return f"{100 * x:.0f}" if x >= 0.0995 else f"{100 * x:.2g}"


def accuracy_table():
    """Test accuracy beside the published one."""
    rows = []
    for study, title in TITLES.items():
        for r in load(study):
            c = r["config"]
            rows.append(
                (f"{title} (T = {c['n_steps']}, {c['epochs']} epochs)", _percent(r))
                + (f"{r['hidden_spikes']:.0f}", len(r["seeds"]), _published(r))
                + (f"{np.mean(r['seconds']):.0f} s",)
            )
    head = "data", "test accuracy", "hidden spikes per image", "seeds", "published", "time per run"
    return pages.table(head, rows)


SPARSE = {
    "mnist16-sparsity": "16x16 MNIST, augmented",
    "mnist16-sparsity-wide": "the same, more strongly, 1,000 hidden neurons",
    "mnist16-sparsity-plain": "16x16 MNIST",
    "fashion16-sparsity": "16x16 Fashion-MNIST",
}


def sparsity_table():
    """Accuracy at each strength of the burst penalty: a row per study, a cell per stop."""
    rows = []
    for study, title in SPARSE.items():
        records = load(study)
        cells = [f"{_percent(r)} at {r['hidden_spikes']:.1f}" for r in records]
        if cells:
            rows.append((title, "; ".join(cells), len(records[0]["seeds"])))
    for r in load("mnist16-sparsity")[:1]:
        source = f"({r['paper_tag']}: {r['paper_source']})"
        rows.append(("published", f"{100 * r['paper']:.1f} % at about 20 {source}", "-"))
    return pages.table(("data", "test accuracy at hidden spikes per image", "seeds"), rows)


def exit_table():
    """Accuracy at hidden spikes where each image ends by a margin: a row per strength."""
    rows, margins = [], []
    for study, neurons in (("mnist16-sparsity", 246), ("mnist16-sparsity-wide", 1000)):
        for r in load(study):
            margins = r["config"]["margins"]
            sds = np.std(r["exit_accuracy_values"], axis=0, ddof=1)
            ends = zip(r["exit_accuracy"], sds, r["exit_hidden_spikes"], strict=True)
            cells = [f"{100 * x:.2f} ± {100 * sd:.2f} % at {n:.1f}" for x, sd, n in ends]
            strength = f"{r['config']['strength']:g}"
            whole = f"{100 * r['mean']:.2f} % at {r['hidden_spikes']:.1f}"
            rows.append((f"{neurons:,}", strength, *cells, whole, len(r["seeds"])))
    head = "hidden neurons", "strength", *(f"margin {m:g}" for m in margins), "whole runs", "seeds"
    return pages.table(head, rows)


CHIP = {
    "chip-mnist16-plain": "16x16 MNIST",
    "chip-mnist16-augmented": "16x16 MNIST, augmented",
    "chip-fashion16-plain": "16x16 Fashion-MNIST",
}


def chip_table():
    """Accuracy on virtual chips beside the real one's; mismatch, damage and silence below."""
    rows = []

    def row(title, r, value=None, published=None):
        rows.append(
            (title, value or _percent(r), f"{r['hidden_spikes']:.0f}", len(r["seeds"]))
            + (published or _published(r),)
        )

    for study, title in CHIP.items():
        for r in load(study):
            row(title, r)
    for r in load("chip-sparsity"):
        if r["hidden_spikes"] <= 20:
            row(f"16x16 MNIST, burst penalty {r['config']['strength']:g}", r)
    for r in load("chip-mismatch"):
        if r["sigma_d"] in (0.3, 0.5):
            how = "" if r["mode"] == "loop" else ", weights from software instead"
            row(f"16x16 MNIST, mismatch {100 * r['sigma_d']:.0f} %{how}", r)
    for r in load("chip-dead-units"):
        what = f"rise of error, 15 % of hidden units dead, dropout {r['config']['dropout']:g}"
        row(what, r, f"{100 * r['mean']:.0f} ± {100 * r['sd']:.0f} %", _published(r, digits=0))
    head = "trained in the loop", "test accuracy", "hidden spikes", "chips", "published"
    return pages.table(head, rows)


def decision_table():
    """When the accuracy has come within 0.1 points of its end."""
    rows = [
        (r["label"], f"{1e6 * r['mean']:.1f} ± {1e6 * r['sd']:.1f} µs")
        + (f"{100 * r['test_accuracy']:.2f} %",)
        + (f"{1e6 * r['paper']:.0f} µs ({r['paper_tag']}: {r['paper_source']})",)
        for study in ("decision-time", "decision-early", "decision-currents")
        for r in load(study)
    ]
    return pages.table(("network", "time to decision", "final accuracy", "published"), rows)


REWIRING = {
    "rewiring-mnist": "784-800-10, constant current, as Chen et al.",
    "rewiring-mnist16": "256-246-10, spike latencies, as Cramer et al.",
}
RULES = (
    "Grad R",
    "Grad R, settled",
    "Deep R",
    "soft Deep R",
    "STDS",
    "magnitude, gradual",
    "magnitude, at once",
    "random mask",
)


def rewiring_tables():
    """Accuracy and connectivity of every rule, sparser from left to right; a table per network."""
    tables = []
    for study, title in REWIRING.items():
        records = load(study)
        dense = [r for r in records if r["label"] == "dense"]
        if not dense:
            continue
        (dense,) = dense
        what = f"{title}, {dense['config']['epochs']} epochs, {_over_seeds([dense])}"
        rows = []
        for rule in RULES:
            mine = sorted(
                (r for r in records if r["label"] == rule), key=lambda r: -r["connectivity"]
            )
            cells = [f"{_percent(r)} at {100 * r['connectivity']:.3g} %" for r in mine]
            if len(mine) == 4:
                rows.append((rule, *cells))
        head = f"{what}: dense {_percent(dense)}", "25 %", "5 %", "2.3 %", "1 %"
        tables.append(pages.table(head, rows))
    return "\n\n".join(tables)


def rewiring_long_table():
    """The best rules four times as long; nothing if it has not been run."""
    records = load("rewiring-mnist-long")
    if not records:
        return ""
    epochs = records[0]["config"]["epochs"]
    head = f"784-800-10 for {epochs} epochs", f"test accuracy, {_over_seeds(records)}"
    head += "connectivity", "hidden units heard", "hidden spikes"
    for r in load("rewiring-mnist-longest"):
        label = f"{r['label']}, {r['config']['epochs']} epochs, {_over_seeds([r])}"
        records.append(r | {"label": label})
    rows = [
        (*_connected(r), f"{r['hidden_units']:.0f}", f"{r['hidden_spikes']:.0f}") for r in records
    ]
    return pages.table(head, rows)


def rewiring_images_table(study, dense=None):
    """Rules on a network of convolutions: accuracy, connectivity by layer, regrown weights.

    The dense network is a record of the study, or that of another.
    """
    rows, records = [], load(study)
    if dense and records:
        (whole,) = load(dense)
        label = f"dense, {_over_seeds([whole])}"
        records = [whole | {"label": label, "connectivity": 1.0}, *records]
    for r in records:
        names = sorted(k for k in r if re.fullmatch(r"connectivity_\d", k))
        layers = " / ".join(_share(r[k]) for k in names) or "-"
        regrown = f"{r['regrown']:,.0f}" if r.get("regrown") else "-"
        rows.append((*_connected(r), layers, regrown, f"{r['hidden_spikes']:,.0f}"))
    if not rows:
        return ""
    head = "rule", f"test accuracy, {_over_seeds(records[1:])}", "connectivity", "of each layer, %"
    return pages.table((*head, "weights that came back", "hidden spikes"), rows)


def speech_table():
    """Spoken digits: a row per network, of known speakers and of unseen ones."""
    rows = []
    for r in load("spoken-digits"):
        cells = [r["label"], f"{r['weights']:,.0f}", _percent(r), f"{np.mean(r['seconds']):.0f} s"]
        other = by_config("spoken-digits-unseen", **r["config"])
        if other is None:
            rows.append((*cells, "", ""))
            continue
        by_speaker = 100 * np.mean(other["speakers_values"], axis=0)
        each = ", ".join(f"{x:.0f}" for x in by_speaker)
        spread = f"{by_speaker.std(ddof=1):.1f}"
        rows.append((*cells, f"{_percent(other)}; spread {spread}", each))
    head = "network", "weights", "known speakers", "training", "unseen ones", "each of six, %"
    return pages.table(head, rows)


def membrane_table():
    """Learning from the membrane beside the gradient through time: MNIST, and N-MNIST."""
    studies = {
        "membrane-mnist": "MNIST",
        "membrane-parts": "20,000 of MNIST",
        "membrane-n-mnist": "1,000 of N-MNIST",
    }
    rows = [
        (of, r["label"], _percent(r), f"{r['hidden_spikes']:,.0f}", len(r["seeds"]), _published(r))
        + (f"{np.mean(r['seconds']):.0f} s",)
        for study, of in studies.items()
        for r in load(study)
    ]
    head = "data", "learned", "test accuracy", "hidden spikes", "seeds", "published", "training"
    return pages.table(head, rows)


def telling_table():
    """Pictures told in random spikes: a row per point."""
    rows = []
    for study in ("telling-mnist16", "telling-n-mnist"):
        for r in load(study):
            sd = "" if r["sd"] is None else f" ± {r['sd']:.4f}"
            rows.append(
                (
                    r["label"],
                    len(r["seeds"]),
                    f"{r['spikes']:.1f}",
                    f"{r['nats']:.0f}",
                    f"{r['mean']:.4f}{sd}",
                    f"{r['mean_image_error']:.3f}",
                    f"{100 * r['read_right']:.1f} %",
                    f"{np.mean(r['seconds']):.0f} s",
                )
            )
    head = "decoder reads", "seeds", "spikes", "nats", "squared error", "of the mean picture"
    return pages.table((*head, "read rightly", "training"), rows)


def stdp_table():
    """Networks that learned by STDP: a row per way of pruning."""
    rows = [
        (
            r["label"],
            len(r["seeds"]),
            _percent(r),
            f"{100 * r['connectivity']:.1f} %",
            f"{r['learning_events']:,.0f}",
            f"{r['inference_events']:,.0f}",
            f"{1e6 * r['learning_energy']:.2f} µJ",
            f"{1e6 * r['inference_energy']:.2f} µJ",
        )
        for r in load("stdp-mnist")
    ]
    events = "events per image, learning", "events per image, inference"
    energy = "energy, learning", "energy, inference"
    return pages.table(("network", "seeds", "test accuracy", "synapses", *events, *energy), rows)


def conversion_table():
    """Converted networks: accuracy after so many steps."""
    steps, rows = (4, 8, 16, 32, 64, 128), []
    for r in load("conversion"):
        at = dict(zip(map(int, r["steps"]), r["accuracy_at"], strict=True))
        own = [f"{100 * at[t]:.1f}" if t in at else "-" for t in steps]
        ann = f"{100 * r['ann_accuracy']:.1f}" if r.get("ann_accuracy") else "-"
        pace = f"{10 * r['simulated'] / r['steps'][-1]:.1f} s"  # of ten times as many images
        rows.append((r["label"], len(r["seeds"]), ann, *own, pace))
    head = "network", "seeds", "without spikes, %", *(f"{t} steps" for t in steps)
    return pages.table((*head, "a step of 10,000 images"), rows)


def events_table():
    """N-MNIST: with time, and without; each split beside their mean."""
    rows = [
        (r["label"], f"{r['weights']:,.0f}", _percent(r))
        + (", ".join(f"{100 * x:.1f}" for x in r["values"]), f"{np.mean(r['seconds']):.0f} s")
        for study in ("n-mnist", "n-mnist-sum")
        for r in load(study)
    ]
    head = "the network hears", "weights", "test accuracy", "each of five splits, %", "training"
    return pages.table(head, rows)


DEEP = (
    "deep-mnist",
    "deep-fashion",
    "deep-fashion16",
    "deep-cifar10",
    "deep-cifar10-pyramid",
    "deep-cifar10-narrow",
)


def deep_table():
    """Networks of convolutions: a row per study that has been run."""
    rows = [
        (r["label"], f"{r['weights']:,.0f}", _percent(r), f"{r['hidden_spikes']:,.0f}")
        + (len(r["seeds"]), _published(r), f"{np.mean(r['seconds']) / 60:.0f} min")
        for study in DEEP
        for r in load(study)
    ]
    head = "data", "weights", "test accuracy", "hidden spikes per image", "seeds", "published"
    return pages.table((*head, "time per run"), rows)


def rewiring_paper_table():
    """The second paper's own recipe at full length; nothing if it has not been run."""
    records = [r for name in ("paper", "readme") for r in load(f"rewiring-mnist-{name}")]
    if not records:
        return ""
    epochs = records[0]["config"]["epochs"]
    text = "With the second paper's own recipe (constant learning rate, strong augmentation,\n"
    text += f"{epochs} epochs), one seed each, as there; the higher rate is the default of the\n"
    text += "authors' script, the lower one that of its README:\n\n"
    head = "recipe of the paper", "learning rate", "test accuracy", "connectivity"
    rows = []
    for r in records:
        label, *found = _connected(r)
        about = f"{r['config']['lr']:g}", *found, f"{r['hidden_spikes']:.0f}"
        rows.append((label, *about, _published(r, digits=2)))
    return text + pages.table((*head, "hidden spikes", "published"), rows)


def rewiring_chip_table():
    """Rewiring in the loop: accuracy, spikes and connectivity as the chip sees it."""

    def share(r, which):
        """Connectivity of the inputs of some hidden neurons, and what chance would give."""
        found = [r.get(f"inputs_{which}_{what}") for what in ("value", "chance")]
        return "-" if None in found else "{:.1f} % ({:.1f})".format(*(100 * x for x in found))

    head = "on the chip", "test accuracy", "connectivity", "hidden spikes"
    head += "of the worst tenth (by chance)", "of the dead"
    rows = [
        (*_connected(r), f"{r['hidden_spikes']:.0f}", share(r, "worst"), share(r, "dead"))
        for r in load("rewiring-chip")
    ]
    return pages.table(head, rows)


def sparse_table():
    """How many times faster than the dense path pruned networks run."""
    names = {"Erdos-Renyi": "random, as Erdos-Renyi graphs", "even": "random, even"}
    rows = []
    for r in load("sparse-execution"):
        c = r["config"]
        shown = r["workload"] == "current" and c["kind"] == "automatic"
        if shown and (c["spread"] not in names or c["connectivity"] in (0.25, 0.05, 0.01)):
            rows.append(
                (names.get(c["spread"], c["spread"]), f"{100 * c['connectivity']:.2g} %")
                + (c["units"][0], f"{c['hidden_spikes']:.0f}")
                + (f"{c['product']:.1f}", f"{c['of_minima']:.1f}")
            )
    head = "what left it", "synapses", "hidden units heard", "hidden spikes"
    return pages.table((*head, "product with the input", "whole inference"), rows)


def by_config(study, **wanted):
    """The record of a study whose settings are these, among others; None if it was not run."""
    found = [r for r in load(study) if wanted.items() <= r["config"].items()]
    return found[0] if found else None


def gradients_table():
    """At which steepness a gradient neither grows nor shrinks: a row per kind of network."""
    depths, rows = (4, 8, 14, 20), []
    for surrogate in ("superspike", "arctan"):
        for start, words in (("scaled", "weights scaled"), ("norm", "currents normalised")):
            for shortcut, said in depth.SHORTCUTS.items():
                how = {"surrogate": surrogate, "start": start, "shortcut": shortcut}
                found = [by_config("gradients", depth=n, **how) for n in depths]
                if all(found):
                    cells = [f"{r['mean']:.2f} ± {r['sd']:.2f}" for r in found]
                    rows.append((surrogate, f"{words}, {said}", *cells))
    head = "surrogate", "network", *(f"{n} layers" for n in depths)
    return pages.table(head, rows)


def depth_table():
    """Test accuracy of deep networks: a row per kind, 8 layers and 20."""
    rows, starts = [], {"scaled": "weights scaled", "norm": "currents normalised"}
    for shallow in (r for r in load("deep-depth") if r["config"]["depth"] == 8):
        c = shallow["config"]
        names = "start", "shortcut"
        deep = by_config("deep-depth", depth=20, **{name: c[name] for name in names})
        if deep is not None and len(deep["values"]) == len(shallow["values"]):
            lost = 100 * np.subtract(shallow["values"], deep["values"])
            words = f"{starts[c['start']]}, {depth.SHORTCUTS[c['shortcut']]}"
            effort = f"{c['epochs']} epochs of {c['samples']:,}"
            cells = _percent(shallow), _percent(deep), f"{lost.mean():.2f}"
            rows.append((words, effort, *cells))
    head = "network", "images", "8 layers", "20 layers", "points lost"
    return pages.table(head, rows)


def norm_table():
    """Eight layers with pools, normalised or scaled: accuracy, and what a training step costs."""
    records = load("norm-or-scale")
    cost = [r for r in records if r["metric"] == "ratio"]
    rows = []
    for r in records:
        if r["metric"] == "test_accuracy":
            normalised = r["config"]["normalised"]
            step = f"{cost[0]['mean']:.2f} ± {cost[0]['sd']:.2f}" if normalised else "1"
            rows.append((r["label"], _percent(r), f"{r['hidden_spikes']:,.0f}", step))
    head = "network", "test accuracy", "hidden spikes per image", "time of a training step"
    return pages.table(head, rows)


WORK = {
    "W1-T20": "training step, 20 steps",
    "W1": "training step, 100 steps",
    "W2-T20": "inference, 20 steps",
    "W2": "inference, 100 steps",
}
PEERS = {
    "pytorch-by-hand": "PyTorch, backward pass by hand",
    "pytorch-by-hand-events": "the same, following events",
    "pytorch-autograd": "PyTorch, autograd",
    "snntorch": "snnTorch",
}
WORK_W4 = {
    "W4": "training step, pixels as they are",
    "W4-normalised": "training step, pixels normalised",
}
PEERS_W4 = {
    "pytorch-eager": "PyTorch, eager",
    "pytorch-compiled": "PyTorch, compiled",
    "jax": "JAX",
    "snntorch": "snnTorch",
}


def speed_table(work, peers):
    """How many times longer others take for the same work, in the same run (medians)."""
    ratios = {
        (r["workload"], r["peer"], r["metric"]): r["median"]
        for r in load("speed")
        if r["metric"] in ("ratio", "ratio_one_thread")
    }
    rows = []
    for name, title in work.items():
        cells = [title]
        for peer in peers:
            both = [ratios.get((name, peer, m)) for m in ("ratio", "ratio_one_thread")]
            cells.append("-" if both[0] is None else " / ".join(f"{x:.1f}" for x in both if x))
        rows.append(cells)
    return pages.table(("work", *peers.values()), rows)


PEERS_W5 = {
    "pytorch-eager": "PyTorch, eager",
    "pytorch-compiled": "PyTorch, compiled",
    "jax": "JAX",
    "spikingjelly": "SpikingJelly",
    "snntorch": "snnTorch",
}
OWN_W5 = "floor", "normalised", "triangle"


def conv_table():
    """The same of convolutions on one thread, and what variants of our own step take."""
    sizes, peers, own = [], {}, {}
    for r in load("speed-deep"):
        size = r["config"]["channels"], r["config"]["n_steps"]
        sizes += [size] * (size not in sizes)
        if r["peer"]:
            peers[size, r["peer"]] = f"{r['median']:.1f}"
        else:
            own[size, r["config"]["variant"]] = r["median"]
    rows = []
    for size in sizes:
        theirs = [peers.get((size, name), "-") for name in PEERS_W5]
        ours = [f"{own[size, name]:.2f}" for name in OWN_W5]
        rows.append((*size, *theirs, *ours, f"{1 / own[size, 'two threads']:.2f}"))
    head = "floor", "normalised", "other surrogate", "two threads are faster by"
    return pages.table(("channels", "steps", *PEERS_W5.values(), *head), rows)


def memory_table():
    """What three training steps of each take, in megabytes, and in brackets how many times ours."""
    taken = {}
    for r in load("memory-deep"):
        size = r["config"]["channels"], r["config"]["n_steps"]
        taken.setdefault(size, {})[r["peer"]] = r["median"]
    rows = []
    for size, mb in taken.items():
        ours = mb["snnlab"]
        theirs = [f"{mb[k]:.0f} ({mb[k] / ours:.1f})" if k in mb else "-" for k in PEERS_W5]
        rows.append((*size, f"{ours:.0f}", *theirs))
    return pages.table(("channels", "steps", "snnlab", *PEERS_W5.values()), rows)


PEERS_W3 = {
    "pytorch-eager": "PyTorch, eager",
    "pytorch-compiled": "PyTorch, compiled",
    "jax": "JAX",
}


def recurrent_table():
    """The same of a recurrent layer: the fastest variant of each."""
    records, rows = load("speed-recurrent"), []
    for peer, name in PEERS_W3.items():
        found = [r for r in records if r["peer"] == peer]
        if found:
            best = min(found, key=lambda r: r["median"])
            rows.append((name, best["config"]["how"], f"{best['median']:.1f}"))
    return pages.table(("who", "fastest variant", "times as long"), rows)


NIR_GRAPHS = {
    "lif": "dense layers of LIF",
    "cuba": "dense layers of CuBa-LIF",
    "conv": "convolutions, a pool, LIF",
}
NIR_LIBRARIES = {"norse": "Norse", "snntorch": "snnTorch", "spikingjelly": "SpikingJelly"}


def nir_table():
    """Spikes that another simulator and this one both have, of all that either has."""
    shares = {r["label"]: f"{100 * r['mean']:.2f} % of {r['spikes']:,}" for r in load("nir")}
    rows = []
    for kind, title in NIR_GRAPHS.items():
        for made, who in (("ours", "here"), ("", "by the other")):
            found = [
                shares.get(f"{made or library}-{kind} {library}", "-") for library in NIR_LIBRARIES
            ]
            if set(found) != {"-"}:
                rows.append((title, who, *found))
    return pages.table(("graph of", "written", *NIR_LIBRARIES.values()), rows)


def fit_table():
    """What estimators take beside their epochs, and memory of predicting."""
    rows = []
    for r in load("fit"):
        c = r["config"]
        if r["metric"] == "fit_per_epochs":
            what = f"fit: {r['workload']}, {c['n_steps']:,} steps"
            rows.append((what, f"{r['median']:.3f} times its {c['epochs']} epochs"))
        else:
            what = f"predict: {c['rows']:,} x {c['columns']}"
            rows.append((what, f"{r['median']:.2f} GB above the data"))
    return pages.table(("what", "takes"), rows)


def panels_table():
    """Medians from key press to new pixels, a row per panel."""
    rows = []
    for r in load("panels-latency"):
        training = r["while_training_ms"]
        also = f"; {training} ms while networks learn" if training else ""
        rows.append(
            (int(r["notebook"][:2]), f"`{r['panel']}`", r["kind"])
            + (f"{r['median']:.0f} ms{also}", f"{r['budget_ms']} ms")
        )
    return pages.table(("notebook", "panel", "picture", "key press to new pixels", "budget"), rows)


def notebooks_table(page):
    """Title, question, duration and needs of each notebook, as its first cells say them."""
    rows = []
    for path in course_map.lessons():
        lesson, link = course_map.about(path), os.path.relpath(path, page.parent)
        rows.append(
            (lesson["number"], f"[{lesson['title']}]({link.replace(os.sep, '/')})")
            + (lesson["question"], lesson["minutes"])
            + (", ".join(map(str, lesson["needs"])) or "-",)
        )
    return pages.table(("", "notebook", "question", "minutes", "needs"), rows)


def badges():
    """Links that open the course in a browser; that they lead nowhere yet, if that is so."""
    with open(pages.ROOT / "pyproject.toml", "rb") as file:
        repository = tomllib.load(file)["tool"]["snnlab"]["repository"]
    first = "notebooks/01_one_leaky_neuron.ipynb"
    binder = f"https://mybinder.org/v2/gh/{repository}/HEAD?urlpath=lab/tree/{first}"
    colab = f"https://colab.research.google.com/github/{repository}/blob/HEAD/{first}"
    shown = (
        f"[![Binder](https://mybinder.org/badge_logo.svg)]({binder})\n"
        f"[![Colab](https://colab.research.google.com/assets/colab-badge.svg)]({colab})"
    )
    if repository == PLACEHOLDER:
        shown += f"\n(`{PLACEHOLDER}` is a placeholder, to be set in `pyproject.toml`.)"
    return shown


def one(study, **wanted):
    """The record of a study that has some label, or other values."""
    (record,) = (r for r in load(study) if all(r.get(k) == v for k, v in wanted.items()))
    return record


def summary_table():
    """A row for each kind of result: accuracy, silence, chip, rewiring, convolutions, speed."""
    plain, chip = one("mnist16-plain"), one("chip-mnist16-plain")
    silent = one("mnist16-sparsity", label="strength 0.3")
    end = silent["config"]["margins"].index(0.9)
    dense, convs = one("rewiring-mnist", label="dense"), one("deep-mnist")
    rules = [r for r in load("rewiring-mnist") if r["label"] == "Grad R, settled"]
    sparse = min(rules, key=lambda r: abs(r["connectivity"] - 0.05))
    peers = {"pytorch-by-hand": "PyTorch with a backward pass by hand", "snntorch": "snnTorch"}
    ratios = [
        f"{one('speed', workload='W1', peer=p, metric='ratio')['median']:.0f} times as long in {n}"
        for p, n in peers.items()
    ]
    rows = [
        ("256-246-10 on 16x16 MNIST, test accuracy", _percent(plain), _published(plain)),
        (
            "the same, augmented, with a penalty on spikes",
            f"{_percent(silent)} at {silent['hidden_spikes']:.0f} hidden spikes per image, "
            f"{100 * silent['exit_accuracy'][end]:.2f} % at "
            f"{silent['exit_hidden_spikes'][end]:.0f} with early exits",
            _published(silent),
        ),
        ("trained through a virtual BrainScaleS-2", _percent(chip), _published(chip)),
        (
            f"784-800-10, rewired to {100 * sparse['connectivity']:.1f} % of its synapses "
            "(Grad R, settled)",
            f"{_percent(sparse)}; dense {_percent(dense)}",
            "-",
        ),
        (
            f"two convolutions on 28x28 MNIST, {convs['weights'] / 1000:.0f},000 weights",
            f"{_percent(convs)}, {_over_seeds([convs])}",
            _published(convs),
        ),
        ("a training step of 100 images, 100 time steps", "; ".join(ratios), "-"),
    ]
    return pages.table(("what", "here", "published"), rows)


def tables():
    """Every table by the name of its place, but for those that depend on the page."""
    return {
        "badges": badges(),
        "summary": summary_table(),
        "results": accuracy_table(),
        "deep": deep_table(),
        "stdp": stdp_table(),
        "conversion": conversion_table(),
        "speech": speech_table(),
        "events": events_table(),
        "telling": telling_table(),
        "membrane": membrane_table(),
        "sparsity": sparsity_table(),
        "early-exit": exit_table(),
        "decision": decision_table(),
        "chip": chip_table(),
        "rewiring": rewiring_tables(),
        "rewiring-long": rewiring_long_table(),
        "rewiring-images": rewiring_images_table("rewiring-cifar16"),
        "rewiring-large": rewiring_images_table("rewiring-cifar10", "deep-cifar10-pyramid"),
        "rewiring-paper": rewiring_paper_table(),
        "rewiring-chip": rewiring_chip_table(),
        "sparse": sparse_table(),
        "gradients": gradients_table(),
        "depth": depth_table(),
        "norm-or-scale": norm_table(),
        "tabular": tabular_table(),
        "values": values_table(),
        "images": images_table(),
        "speed": speed_table(WORK, PEERS),
        "speed-w4": speed_table(WORK_W4, PEERS_W4),
        "speed-deep": conv_table(),
        "memory-deep": memory_table(),
        "speed-recurrent": recurrent_table(),
        "panels": panels_table(),
        "fit": fit_table(),
        "nir": nir_table(),
    }


def tabular_table():
    """The classifier's defaults on tables beside scikit-learn's: accuracy over 5 x 5 folds."""
    rows = []
    for r in load("tables"):
        shape, error = " x ".join(map(str, r["shape"])), r["standard_errors"]["logistic"]
        own = [f"{100 * r[m]:.1f}" for m in OTHERS_OF_TABLES]
        rows.append((r["label"], shape, *own, f"{100 * error:.1f}", ", ".join(r["codes"])))
    if rows:
        means = [f"{100 * np.mean([r[m] for r in load('tables')]):.1f}" for m in OTHERS_OF_TABLES]
        rows.append(("mean", "", *means, "", ""))
    head = "table", "rows x columns", "ours, %", "MLP, %", "logistic, %", "± of it", "code"
    return pages.table(head, rows)


def images_table():
    """The same of few images, beside an MLP of the same size."""
    rows = []
    for r in load("images"):
        own = [f"{100 * r[m]:.2f} ± {100 * r['standard_errors'][e]:.2f}" for m, e in PAIR]
        rows.append((r["label"], *own, ", ".join(r["codes"])))
    return pages.table(("images", "ours, %", "MLP, %", "code"), rows)


def values_table():
    """The same of the regressor: R2."""
    rows = []
    for r in load("regression"):
        shape = " x ".join(map(str, r["shape"]))
        rows.append((r["label"], shape, *(f"{r[m]:.3f}" for m in ("mean", "mlp", "ridge"))))
    return pages.table(("table", "rows x columns", "ours", "MLP", "ridge"), rows)


def texts():
    """Every page with its marked parts filled."""
    filled, out = tables(), {}
    for page in pages.all_pages():
        text = page.read_text(encoding="utf-8")
        out[page] = pages.fill(text, filled | {"notebooks": notebooks_table(page)})
    return out


if __name__ == "__main__":
    pages.main(__doc__, texts)
