"""What the papers found beside what was found here, written to data/results/claims.json.

    python tools/claims.py [--check]

Our figures are taken from the stored studies, or worked out with the package. A claim is kept if
ours is on the right side of the paper's figure, give or take the tolerance. Notebooks print these
records with ``snnlab.results.claims``, and ``docs/claims.md`` shows them all.
"""

import json
from dataclasses import dataclass, fields

import numpy as np
import pages
from sklearn.linear_model import LogisticRegression

import snnlab
from snnlab import energy, results, rewiring

JSON = pages.ROOT / "data" / "results" / "claims.json"
PAGE = pages.DOCS / "claims.md"
TABLE = "Cramer et al. 2022, Table 1"
TEXT = "Cramer et al. 2022, text"
CODE = "Cramer et al. 2022, code"
CHEN = "Chen et al. 2021, Table 1"
KIM = "table 2 of Kim et al. 2022"
CIFAR, README = "rewiring-cifar16", "rewiring-mnist-readme"
LARGE = "rewiring-cifar10", "deep-cifar10-pyramid"  # pruned, and dense
SUMS = "sums of events, rectified linear units"  # of "membrane-n-mnist"
CONVERSION = "conversion"
QUANTISED, RATE_NORM = "quantised, ceiling, from 0.5", "rate norm, ceiling, from 0"
LARGEST, FITTED = "relu, max, from 0", "rate norm, fit curve, from 0"
DAMPFHOFFER = "Dampfhoffer et al. 2023, abstract"
LEE = "Lee et al. 2016, as cited in later papers"
NGUYEN = "Nguyen et al. 2021, abstract"
STDP, UNCUT, CUT = "stdp-mnist", "unpruned", "pruned while it learns"
FSVAE = "FSVAE (Kamata et al. 2022), as in the released code of ESVAE"
ESVAE = "follows from the released code of ESVAE"
LEDINAUSKAS = "Ledinauskas et al. 2020, in a survey of 2026"


@dataclass(frozen=True)
class Claim:
    """One finding of a paper.

    ``sense`` says where ours should lie: "at least" the paper's figure, "at most", or "about" it,
    within ``tolerance``, which is in the same unit.
    """

    name: str
    text: str
    unit: str
    paper: float
    source: str
    sense: str
    tolerance: float
    ours: object  # function () -> (value, sd or None, where from), or None: not repeated here
    tag: str = "quoted"

    def record(self):
        """The claim as plain numbers and text, with what was found here, and what that means."""
        plain = {f.name: getattr(self, f.name) for f in fields(self)}
        found = None if self.ours is None else self.ours()
        if found is None:
            none = dict.fromkeys(("ours", "sd", "holds", "verdict"))
            return plain | none | {"study": "not repeated here"}
        value, sd, study = found
        over = value - self.paper
        low = -self.tolerance if self.sense in ("at least", "about") else -np.inf
        high = self.tolerance if self.sense in ("at most", "about") else np.inf
        holds = bool(low <= over <= high)
        found = {"ours": value, "sd": sd, "study": study, "holds": holds}
        return plain | found | {"verdict": self.verdict(holds)}

    def verdict(self, holds):
        """Whether it was kept, in words."""
        if holds:
            words = {"about": "the paper's"}.get(self.sense, f"{self.sense} the paper's")
            return f"yes: {words}" + (
                f", give or take {self.tolerance:g}" if self.tolerance else ""
            )
        more = f" by more than {self.tolerance:g}" if self.tolerance else ""
        side = {"at least": "below", "at most": "above", "about": "off"}[self.sense]
        return f"no: {side} the paper's{more}"


def over_seeds(values, where):
    """Mean, standard deviation (None of one value), and where they are from."""
    n = len(values)
    digits = 3 if np.abs(values).max() > 0.1 else 5
    sd = round(float(np.std(values, ddof=1)), digits) if n > 1 else None
    return round(float(np.mean(values)), digits), sd, f"{where}, {n} seeds" if n > 1 else where


def stored(study, scale=100.0, label=None, key=None, shared=False):
    """Figure of a stored record: its metric, or the mean of another column, or what runs share."""

    def ours():
        (record,) = (r for r in results.load(study) if label is None or r.get("label") == label)
        values = np.array(record["values"] if key is None else record[f"{key}_values"]) * scale
        return over_seeds(
            values[:1] if shared else values, f"{study}{f', {label}' if label else ''}"
        )

    return ours


def difference(study, first, second, scale=100.0):
    """How much less the second record has than the first."""

    def ours():
        by_label = {r.get("label"): np.array(r["values"]) * scale for r in results.load(study)}
        lost = by_label[first] - by_label[second]
        return over_seeds(lost, f"{study}, {first} minus {second}")

    return ours


def nearest(records, label, connectivity):
    """A rule's record nearest to a connectivity; None if it is not within a factor of 1.5 of it."""

    def away(record):
        return abs(np.log(record["connectivity"] / connectivity))

    near = min((r for r in records if r["label"] == label), key=away)
    return near if away(near) < np.log(1.5) else None


def lost_by(label, connectivity, study="rewiring-mnist", dense_study=None):
    """Points that a rule loses against the dense network, where nearest to a connectivity.

    The dense network is a record of the study, or that of another.
    """

    def ours():
        records = results.load(study)
        whole = results.load(dense_study) if dense_study else records
        (dense,) = (r for r in whole if dense_study or r["label"] == "dense")
        near = nearest(records, label, connectivity)
        if near is None:
            return None
        seeds = [s for s in dense["runs"] if s in near["runs"]]
        lost = np.array(
            [dense["runs"][s]["test_accuracy"] - near["runs"][s]["test_accuracy"] for s in seeds]
        )
        where = f"{study}, dense minus {label} at {100 * near['connectivity']:.2g} %"
        return over_seeds(100 * lost, where)

    return ours


def factor(label, steepness):
    """Factor by which a gradient changes from layer to layer, at one of the stored steepnesses."""

    def ours():
        (record,) = (r for r in results.load("gradients") if r["label"] == label)
        at = steepnesses().index(steepness)
        values = [growth[at] for growth in record["growth_values"]]
        return over_seeds(values, f"gradients, {label}")

    return ours


def ahead(first, second, connectivity, study):
    """Points by which one rule is ahead of another, each where it is nearest to a connectivity."""

    def ours():
        records = results.load(study)
        near = [nearest(records, label, connectivity) for label in (first, second)]
        if None in near:
            return None
        runs = [record["runs"] for record in near]
        seeds = sorted(runs[0].keys() & runs[1].keys())
        lead = [runs[0][s]["test_accuracy"] - runs[1][s]["test_accuracy"] for s in seeds]
        where = f"{study}, {first} minus {second} at about {100 * connectivity:g} %"
        return over_seeds(100 * np.array(lead), where)

    return ours


def of_uncut(key, turn):
    """A figure of the whole and of the pruned STDP network: ``turn(whole, pruned)``, by seed."""

    def ours():
        runs = {r["label"]: r["runs"] for r in results.load(STDP)}
        seeds = sorted(runs[UNCUT].keys() & runs[CUT].keys())
        found = [turn(runs[UNCUT][s][key], runs[CUT][s][key]) for s in seeds]
        return over_seeds(found, f"{STDP}, {CUT}")

    return ours


def lost_at(label, steps):
    """Points that a converted network loses against the one that it came from, after some steps."""

    def ours():
        (record,) = (r for r in results.load(CONVERSION) if r["label"] == label)
        at = record["steps_values"][0].index(steps)
        pairs = zip(record["ann_accuracy_values"], record["accuracy_at_values"], strict=True)
        lost = [100 * (own - found[at]) for own, found in pairs]
        return over_seeds(lost, f"{CONVERSION}, {label}, {steps} steps")

    return ours


def saved(whole, pruned):
    """What is saved, in percent."""
    return 100 * (1 - pruned / whole)


def sooner(first, second, of="steps"):
    """How many times what the first one takes, steps or energy, the second one does.

    Each until it is within three points of the worse of the two networks that they came from;
    between two steps that are stored, accuracies are taken to rise evenly with the logarithm.
    """

    def taken(record, seed, accuracy):
        run = record["runs"][seed]
        there = np.maximum.accumulate(run["accuracy_at"])
        log = np.interp(accuracy, there, np.log(run["steps"]))
        logs = np.log(run["energy_at"]) if of == "energy" else np.log(run["steps"])
        return float(np.exp(np.interp(log, np.log(run["steps"]), logs)))

    def ours():
        by_label = {r["label"]: r for r in results.load(CONVERSION)}
        pair = by_label[first], by_label[second]
        ratios = []
        for seed in sorted(pair[0]["runs"].keys() & pair[1]["runs"].keys(), key=int):
            enough = min(r["runs"][seed]["ann_accuracy"] for r in pair) - 0.03
            ratios.append(taken(pair[1], seed, enough) / taken(pair[0], seed, enough))
        return over_seeds(ratios, f"{CONVERSION}, {second} by {first}, {of}")

    return ours


def steepnesses():
    """Those of the stored map of gradients."""
    (record, *_) = results.load("gradients")
    return record["steepnesses_values"][0]


def once_stored(study, ours, *labels):
    """A figure of a study that takes hours, once it, or all records of some labels, are there."""
    if study not in results.studies():
        return None
    return ours if {*labels} <= {r.get("label") for r in results.load(study)} else None


def computed(function, digits=3):
    """A figure that the package works out at once."""
    return lambda: (round(float(function()), digits), None, "computed")


def psp_peak():
    """Peak of the potential after one spike through a weight of 1."""
    neuron = snnlab.LIF.brainscales2()
    t = np.arange(40)
    a = float(neuron.decay_syn)  # equal to the membrane's, so that the sum is (t + 1) a^t
    return np.max((t + 1) * a**t)


def spike_time(x):
    """When a pixel spikes, in µs after black."""
    return snnlab.encode.latency_times(np.array([x]), 8e-6, 0.2)[0] * 1e6


def window():
    """Duration of an image in µs, as the code has it by default."""
    return snnlab.encode.latency(np.ones((1, 1))).n_steps * snnlab.LIF.brainscales2().dt * 1e6


def levels():
    """Levels of a signed weight on the default chip."""
    return 2 * (2 ** snnlab.Substrate(0).effects["weight_bits"] - 1) + 1


def break_even():
    """Spikes per synapse of 256-246-10 below which it takes less than its twin without spikes."""
    operations = energy.at_rate((256, 246, 10), n_steps=20, rate=0.2)
    limit = energy.EnergyCard(operations, bits=8).break_even("spikes")
    spikes = operations.input_spikes + operations.hidden_spikes
    return limit / spikes * operations.total("effective_acs") / operations.total("nonzero")


def straight_lines():
    """Test accuracy in % of a logistic regression on the Yin-Yang set."""
    data = snnlab.datasets.load("yinyang")
    model = LogisticRegression(solver="newton-cholesky").fit(data.x_train, data.y_train)
    return 100 * model.score(data.x_test, data.y_test)


CLAIMS = (
    Claim(
        "n01.psp",
        "peak of the potential after one spike, per unit of weight",
        "",
        1.71,
        "follows from " + CODE,
        "about",
        0.005,
        computed(psp_peak),
    ),
    Claim(
        "n02.window",
        "duration of an image, 20 bins of 1.7 µs",
        "µs",
        34.0,
        "follows from " + CODE,
        "about",
        0.01,
        computed(window),
    ),
    Claim(
        "n02.half",
        "a pixel of 0.5 spikes after a black one by",
        "µs",
        2.3,
        "follows from " + CODE,
        "about",
        0.05,
        computed(lambda: spike_time(0.5)),
    ),
    Claim(
        "n02.quarter",
        "a pixel of 0.25 spikes after a black one by",
        "µs",
        11.1,
        "follows from " + CODE,
        "about",
        0.05,
        computed(lambda: spike_time(0.25)),
    ),
    Claim(
        "n05.plain",
        "256-246-10 in software, test accuracy on 16x16 MNIST",
        "%",
        97.5,
        TABLE,
        "at least",
        0.1,
        stored("mnist16-plain"),
    ),
    Claim(
        "n05.augmented",
        "the same, with dropout and rotation (ours: rotation, shift, scaling, shear; no dropout)",
        "%",
        98.0,
        TABLE,
        "at least",
        0.1,
        stored("mnist16-augmented"),
    ),
    Claim(
        "n05.fashion",
        "the same network on 16x16 Fashion-MNIST",
        "%",
        85.5,
        TABLE,
        "at least",
        0.2,
        stored("fashion16-plain"),
    ),
    Claim(
        "n05.currents",
        "a ReLU network 256-246-10 (ours: spiking, pixels as constant currents)",
        "%",
        98.1,
        TABLE,
        "at least",
        0.1,
        stored("mnist16-currents"),
    ),
    Claim(
        "n05.currents-augmented",
        "the same, with dropout and rotation (ours: affine)",
        "%",
        98.7,
        TABLE,
        "at least",
        0.1,
        stored("mnist16-currents-augmented"),
    ),
    Claim(
        "n05.currents-fashion",
        "the same on 16x16 Fashion-MNIST",
        "%",
        88.0,
        TABLE,
        "at least",
        0.2,
        stored("fashion16-currents"),
    ),
    Claim(
        "n07.accuracy",
        "accuracy is flat down to about 20 hidden spikes (theirs: on the chip)",
        "%",
        97.2,
        TEXT,
        "at least",
        0.1,
        stored("mnist16-sparsity", label="strength 0.3"),
    ),
    Claim(
        "n07.spikes",
        "hidden spikes per image at that accuracy",
        "",
        20.0,
        TEXT,
        "at most",
        1.0,
        stored("mnist16-sparsity", 1.0, "strength 0.3", "hidden_spikes"),
    ),
    Claim(
        "n08.peak",
        "peak accuracy after the first input spike within (theirs: on the chip)",
        "µs",
        8.0,
        TEXT,
        "at most",
        0.5,
        stored("decision-time", 1e6, "delay 0, trained as usual"),
    ),
    Claim(
        "n08.delay",
        "the same, where spikes take a step from layer to layer",
        "µs",
        8.0,
        TEXT,
        "at most",
        0.85,
        stored("decision-time", 1e6, "delay 1, trained as usual"),
    ),
    Claim(
        "n09.levels",
        "levels of a signed weight on the chip",
        "",
        127,
        TEXT,
        "about",
        0,
        computed(levels),
    ),
    Claim(
        "n09.psp",
        "peak of the potential after one spike, largest hidden weight",
        "thresholds",
        0.449,
        "follows from " + CODE,
        "about",
        0.0005,
        computed(lambda: psp_peak() * snnlab.Substrate(0).weight_max),
    ),
    Claim(
        "n10.chip",
        "trained through the chip, test accuracy on 16x16 MNIST",
        "%",
        97.2,
        TABLE,
        "at least",
        0.1,
        stored("chip-mnist16-plain"),
    ),
    Claim(
        "n10.augmented",
        "the same, with dropout and rotation (ours: affine)",
        "%",
        97.6,
        TABLE,
        "at least",
        0.1,
        stored("chip-mnist16-augmented"),
    ),
    Claim(
        "n10.fashion",
        "trained through the chip, 16x16 Fashion-MNIST",
        "%",
        84.2,
        TABLE,
        "at least",
        0.2,
        stored("chip-fashion16-plain"),
    ),
    Claim(
        "n10.mismatch",
        "lost in the loop at a mismatch of 30 % (theirs: barely any)",
        "points",
        0.0,
        TEXT,
        "at most",
        0.2,
        difference("chip-mismatch", "loop, calibrated", "loop, sigma_d 0.3"),
    ),
    Claim(
        "n11.plain",
        "relative rise of the error, 15 % of hidden neurons dead, no dropout",
        "%",
        37,
        TEXT,
        "about",
        15,
        stored("chip-dead-units", label="dropout 0"),
    ),
    Claim(
        "n11.dropout",
        "the same, trained with 40 % dropout",
        "%",
        10,
        TEXT,
        "about",
        10,
        stored("chip-dead-units", label="dropout 0.4"),
    ),
    Claim(
        "n12.chip",
        "energy of an image on the chip, 200 mW times 11.8 µs",
        "µJ",
        2.4,
        TEXT,
        "about",
        0.05,
        computed(lambda: snnlab.substrate.WATTS * snnlab.substrate.SECONDS_PER_IMAGE * 1e6),
    ),
    Claim(
        "n12.first",
        "the same after the paper's first version: below",
        "µJ",
        4.3,
        "follows from Cramer et al. 2020, abstract",
        "at most",
        0,
        computed(lambda: snnlab.substrate.WATTS * snnlab.substrate.SECONDS_PER_IMAGE * 1e6),
    ),
    Claim(
        "n12.low",
        "spikes pay below so many per synapse and inference: lowest of a range",
        "",
        0.15,
        DAMPFHOFFER,
        "at least",
        0,
        computed(break_even),
    ),
    Claim(
        "n12.high",
        "the same, highest of that range",
        "",
        1.38,
        DAMPFHOFFER,
        "at most",
        0,
        computed(break_even),
    ),
    Claim(
        "n13.centre",
        "centre of the prior at p = 95 %, alpha = 0.001",
        "",
        -2303,
        "follows from Chen et al. 2021, code",
        "about",
        1,
        computed(lambda: rewiring.prior_centre(0.95, 1e-3), 0),
    ),
    Claim(
        "n13.drift",
        "how far that pull moves a strength in 513 epochs of 468 steps, lr 0.001",
        "",
        0.24,
        "follows from Chen et al. 2021, code",
        "about",
        0.005,
        computed(lambda: rewiring.prior_drift(1e-3, 1e-3, 513 * 468)),
    ),
    Claim(
        "n13.alpha",
        "alpha from which on the target p = 95 % would matter in that training",
        "",
        0.098,
        "follows from Chen et al. 2021, code",
        "about",
        0.001,
        computed(lambda: rewiring.smallest_alpha(0.95, lr=1e-3, steps=513 * 468)),
    ),
    Claim(
        "n14.dense",
        "CIFAR-10, 36.7 million weights, all there (ours: 0.4 million)",
        "%",
        92.84,
        KIM,
        "at least",
        0.5,
        once_stored("deep-cifar10-pyramid", stored("deep-cifar10-pyramid")),
        "second-hand",
    ),
    Claim(
        "n14.gradr28",
        "points lost by Grad R at 28.41 % connectivity",
        "points",
        0.3,
        KIM,
        "about",
        0,
        None,
        "second-hand",
    ),
    Claim(
        "n14.gradr5",
        "points lost by Grad R at 5.08 % connectivity",
        "points",
        0.81,
        KIM,
        "about",
        0,
        None,
        "second-hand",
    ),
    Claim(
        "n14.gradr2",
        "points lost by Grad R at 2.35 % connectivity",
        "points",
        1.47,
        KIM,
        "about",
        0,
        None,
        "second-hand",
    ),
    Claim(
        "n14.gradr1",
        "points lost by Grad R at 0.73 % connectivity, about",
        "points",
        3.5,
        "Chen et al. 2021, abstract",
        "about",
        0,
        None,
    ),
    Claim(
        "n14.deepr",
        "points lost by Deep R, without its noise, at 5.24 % connectivity",
        "points",
        1.98,
        KIM,
        "about",
        0,
        None,
        "second-hand",
    ),
    Claim(
        "n14.deepr2",
        "the same at 1.95 % connectivity",
        "points",
        2.56,
        KIM,
        "about",
        0,
        None,
        "second-hand",
    ),
    Claim(
        "n14.stds",
        "STDS on the same network at 4.64 % connectivity",
        "%",
        92.49,
        "Chen et al. 2022, released logs",
        "about",
        0,
        None,
    ),
    Claim(
        "n14.mnist",
        "MNIST, 784-800-10, all weights there, test accuracy",
        "%",
        98.92,
        CHEN,
        "at least",
        0.1,
        stored("rewiring-mnist", label="dense"),
        "unverified",
    ),
    Claim(
        "n14.mnist5",
        "the same, points lost by Grad R at 5.63 % connectivity",
        "points",
        2.02,
        CHEN,
        "at most",
        0.1,
        lost_by("Grad R", 0.05),
        "unverified",
    ),
    Claim(
        "n14.mnist1",
        "the same at 1.38 %",
        "points",
        8.08,
        CHEN,
        "at most",
        0.1,
        lost_by("Grad R", 0.01),
        "unverified",
    ),
    Claim(
        "n14.mnist18",
        "the same by the recipe in the authors' README, at 17.94 %",
        "points",
        0.43,
        CHEN,
        "about",
        0.3,
        once_stored(README, lost_by("Grad R, alpha 0.01", 0.17, README)),
        "unverified",
    ),
    Claim(
        "n14.mnist3",
        "the same by that recipe at 3.06 %",
        "points",
        3.55,
        CHEN,
        "about",
        0.3,
        once_stored(README, lost_by("Grad R, alpha 0.1", 0.03, README)),
        "unverified",
    ),
    Claim(
        "n16.relu",
        "Yin-Yang: network of 30 ordinary hidden neurons (ours: 60 spiking ones)",
        "%",
        97.6,
        "Kriener et al. 2022",
        "at least",
        0.5,
        stored("yinyang"),
    ),
    Claim(
        "n16.linear",
        "Yin-Yang: no hidden layer (ours: logistic regression)",
        "%",
        63.8,
        "Kriener et al. 2022",
        "about",
        3,
        computed(straight_lines, 1),
    ),
    Claim(
        "n16.gradients",
        "Yin-Yang: spiking network trained by exact gradients",
        "%",
        98.1,
        "Wunderlich and Pehle 2021",
        "at least",
        0.5,
        stored("yinyang"),
        "second-hand",
    ),
    Claim(
        "n18.wide",
        "a wide surrogate, steepness 0.25, makes gradients explode: factor per layer above",
        "",
        1,
        LEDINAUSKAS,
        "at least",
        0,
        factor("20 layers, norm, no shortcuts, superspike", 0.25),
        "second-hand",
    ),
    Claim(
        "n18.narrow",
        "a narrow one, steepness 16, makes them vanish: factor per layer below",
        "",
        1,
        LEDINAUSKAS,
        "at most",
        0,
        factor("20 layers, norm, no shortcuts, superspike", 16.0),
        "second-hand",
    ),
    Claim(
        "n18.resnet",
        "CIFAR-10, a residual network of 11 layers, 10 steps",
        "%",
        90.2,
        "Ledinauskas et al. 2020, in a table of the BlocTrain paper, 2021",
        "about",
        0,
        None,
        "second-hand",
    ),
    Claim(
        "n19.quarter",
        "points lost by Grad R at 28.41 % of 36.7 million wires (ours: of 57,500, 16x16, at 25 %)",
        "points",
        0.30,
        KIM,
        "at most",
        0.2,
        once_stored(CIFAR, lost_by("Grad R", 0.25, CIFAR)),
        "second-hand",
    ),
    Claim(
        "n19.twentieth",
        "the same at 5.08 % (ours: of 57,500, 16x16, at 5 %)",
        "points",
        0.81,
        KIM,
        "at most",
        1.2,
        once_stored(CIFAR, lost_by("Grad R", 0.05, CIFAR)),
        "second-hand",
    ),
    Claim(
        "n19.large_quarter",
        "the same at 28.41 % (ours: of 427,000, 32x32, at 23 %)",
        "points",
        0.30,
        KIM,
        "at most",
        0.2,
        once_stored(LARGE[0], lost_by("Grad R", 0.25, *LARGE)),
        "second-hand",
    ),
    Claim(
        "n19.large",
        "the same at 5.08 % (ours: of 427,000, 32x32, at 5 %)",
        "points",
        0.81,
        KIM,
        "at most",
        1.2,
        once_stored(LARGE[0], lost_by("Grad R", 0.05, *LARGE)),
        "second-hand",
    ),
    Claim(
        "n19.large_fortieth",
        "the same at 2.35 % (ours: of 427,000, 32x32, at 2.3 %)",
        "points",
        1.47,
        KIM,
        "at most",
        2.5,
        once_stored(LARGE[0], lost_by("Grad R", 0.023, *LARGE)),
        "second-hand",
    ),
    Claim(
        "n19.large_least",
        "the same at 0.73 % (ours: of 427,000, 32x32, at 0.7 %)",
        "points",
        3.5,
        "Chen et al. 2021, abstract",
        "at most",
        4.5,
        once_stored(LARGE[0], lost_by("Grad R", 0.0073, *LARGE)),
        "quoted",
    ),
    Claim(
        "n19.deepr",
        "Grad R is ahead of Deep R at about 5 % (theirs without its noise) by",
        "points",
        1.17,
        "follows from " + KIM,
        "at least",
        0.5,
        once_stored(CIFAR, ahead("Grad R", "Deep R", 0.05, CIFAR)),
        "second-hand",
    ),
    Claim(
        "n19.stds",
        "STDS (4.64 %) is ahead of Grad R (5.08 %) by",
        "points",
        0.46,
        "follows from Chen et al. 2022, released logs, and " + KIM,
        "at least",
        0.5,
        once_stored(CIFAR, ahead("STDS", "Grad R", 0.05, CIFAR)),
        "second-hand",
    ),
    Claim(
        "n22.one",
        "MNIST, pixels in no order, learned from the membrane, one hidden layer",
        "%",
        98.64,
        LEE,
        "about",
        0,
        None,
        "second-hand",
    ),
    Claim(
        "n22.two",
        "the same with two hidden layers (ours: of 300 units)",
        "%",
        98.77,
        LEE,
        "at least",
        0.8,
        once_stored("membrane-mnist", stored("membrane-mnist", label="from the membrane")),
        "second-hand",
    ),
    Claim(
        "n22.events",
        "N-MNIST, one hidden layer, learned from the membrane (ours: of a sixtieth of it)",
        "%",
        98.66,
        LEE,
        "at least",
        0.5,
        once_stored("membrane-n-mnist", stored("membrane-n-mnist", label="from the membrane")),
        "second-hand",
    ),
    Claim(
        "n22.sums",
        "N-MNIST, a plain network on sums of events (ours: of a sixtieth of it)",
        "%",
        99.23,
        "Iyer et al. 2021, abstract",
        "at least",
        0.5,
        once_stored("membrane-n-mnist", stored("membrane-n-mnist", label=SUMS)),
        "second-hand",
    ),
    Claim(
        "n23.connectivity",
        "connections gone (ours: on MNIST, by a criterion of our own)",
        "%",
        92.83,
        NGUYEN,
        "at least",
        0,
        once_stored(STDP, of_uncut("connectivity", saved)),
    ),
    Claim(
        "n23.loss",
        "points of accuracy lost with them (theirs: as the baseline)",
        "points",
        0,
        NGUYEN,
        "at most",
        0.3,
        once_stored(STDP, of_uncut("test_accuracy", lambda whole, pruned: 100 * (whole - pruned))),
    ),
    Claim(
        "n23.learning",
        "learning takes less by a factor of (theirs: time; ours: events)",
        "",
        2.1,
        NGUYEN,
        "at least",
        0,
        once_stored(STDP, of_uncut("learning_events", lambda whole, pruned: whole / pruned)),
    ),
    Claim(
        "n23.inference",
        "inference takes less by a factor of (theirs: time; ours: events)",
        "",
        2.83,
        NGUYEN,
        "at least",
        0,
        once_stored(STDP, of_uncut("inference_events", lambda whole, pruned: whole / pruned)),
    ),
    Claim(
        "n23.learning_energy",
        "energy of learning saved (theirs: of their hardware; ours: by the energy card)",
        "%",
        64,
        NGUYEN,
        "at least",
        5,
        once_stored(STDP, of_uncut("learning_energy", saved)),
    ),
    Claim(
        "n23.inference_energy",
        "energy of inference saved (likewise)",
        "%",
        78.24,
        NGUYEN,
        "at least",
        5,
        once_stored(STDP, of_uncut("inference_energy", saved)),
    ),
    Claim(
        "n24.quantised",
        "points lost by quantised units after 8 steps (theirs: CIFAR-10, VGG-16)",
        "points",
        0.57,
        "Bu et al. 2022, Table 1",
        "at most",
        0.2,
        once_stored(CONVERSION, lost_at(QUANTISED, 8), QUANTISED),
    ),
    Claim(
        "n24.ratenorm",
        "points lost by rate norm layers after 64 steps (theirs: CIFAR-10, VGG-16)",
        "points",
        1.67,
        "follows from Bu et al. 2022, Table 1",
        "at most",
        0,
        once_stored(CONVERSION, lost_at(RATE_NORM, 64), RATE_NORM),
        "second-hand",
    ),
    Claim(
        "n24.sooner",
        "times more steps with largest activations than with fitted ceilings (theirs: at most)",
        "",
        8.6,
        "Ding et al. 2021, abstract",
        "at least",
        0,
        once_stored(CONVERSION, sooner(FITTED, LARGEST), FITTED, LARGEST),
    ),
    Claim(
        "n24.energy",
        "energy by fitted ceilings, as a share of that by largest activations",
        "",
        0.265,
        "Ding et al. 2021, abstract",
        "at most",
        0.1,
        once_stored(CONVERSION, sooner(LARGEST, FITTED, "energy"), FITTED, LARGEST),
    ),
    Claim(
        "n25.fsvae",
        "a picture told in spikes: squared error of a pixel in [0, 1] (theirs: MNIST at 32 x 32, "
        "fully spiking variational autoencoder; ours: 16 x 16, ordinary decoder)",
        "",
        0.0078,
        f"follows from {FSVAE}",
        "at most",
        0.005,
        once_stored("telling-mnist16", stored("telling-mnist16", 1.0, "when")),
    ),
    Claim(
        "n25.esvae",
        "the same of ESVAE, a later one",
        "",
        0.0033,
        ESVAE,
        "at most",
        0.005,
        None,
    ),
    Claim(
        "n25.lenet",
        "accuracy of the LeNet that reads what was told (what it reads rightly is not to be had)",
        "%",
        99.1,
        "Skatchkovsky et al. 2021, code",
        "at least",
        1.0,
        once_stored(
            "telling-mnist16", stored("telling-mnist16", 100.0, "when", "classifier", True)
        ),
    ),
)


NOT_REPEATED = """
## What is not repeated, and why

- ResNet50 on CIFAR-100 and Imagenette (Ledinauskas et al. 2020): networks of this size take GPUs to
  train, and we found the percentages nowhere to be read. What is said there of surrogates, norms
  and depth is tried on up to twenty layers ([depth](results/depth.md)).
- VGG-16 and ResNets on CIFAR-10 and CIFAR-100 (Ding et al. 2021; Bu et al. 2022): likewise. Their
  ways of conversion are compared on Fashion-MNIST, on two convolutions and a hidden layer, over as
  many steps.
- Caltech-101 and an FPGA (Nguyen et al. 2021): criterion, schedule, network and absolute accuracy
  are not public, and we have neither the photographs nor the hardware. On MNIST, with a criterion
  of our own, events are counted instead.
- CIFAR-10 by 36.7 million weights (Chen et al. 2021): thirteen days of a large GPU. Our best
  network has 0.4 million; the rules are compared on one of 57,500, at 16 x 16.
"""


def as_markdown(records):
    """All claims as a page."""
    lines = [
        "# What the papers found, and what was found here",
        "",
        "Made by `python tools/claims.py`; notebooks print the same records. The papers'",
        "figures are tagged: *quoted*, read in the paper or what was released with it;",
        "*second-hand*, read in another paper; *unverified*, in neither. *Follows from*: worked",
        "out from such.",
        "Ours are of the test set after the last epoch, mean ± standard deviation over seeds, or",
        "computed at once from the package.",
        "",
    ]
    rows = []
    for r in records:
        unit = f" {r['unit']}" if r["unit"] else ""
        ours = "-"
        if r["ours"] is not None:
            ours = f"{r['ours']:g}" + ("" if r["sd"] is None else f" ± {r['sd']:.2g}") + unit
        rows.append(
            (
                r["name"].split(".")[0][1:],
                r["text"],
                f"{r['paper']:g}{unit}",
                ours,
                r["verdict"] or "-",
                f"{r['source']} ({r['tag']})",
                r["study"],
            )
        )
    head = "notebook", "claim", "paper", "here", "kept?", "source", "from"
    return "\n".join(lines) + "\n" + pages.table(head, rows) + "\n" + NOT_REPEATED


def texts():
    """The records and the page."""
    records = [claim.record() for claim in CLAIMS]
    return {JSON: json.dumps(records, indent=1) + "\n", PAGE: as_markdown(records)}


if __name__ == "__main__":
    pages.main(__doc__, texts)
