"""Draw the pictures of the documentation from data/results into docs/pictures."""

import sys
from pathlib import Path

import numpy as np

from snnlab import LIF, Frontier, Network, plot
from snnlab.course import figures

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "benchmarks" / "studies"))

import rewiring as rewiring_studies  # noqa: E402
import studies  # noqa: E402

PICTURES = ROOT / "docs" / "pictures"
ON_CHIP = "Cramer et al. 2022, on the chip (quoted)"


def frontier():
    """Accuracy against hidden spikes, ended when sure and whole, with the paper's point."""
    records = studies.load("mnist16-sparsity")
    picture = plot.draw_frontier(
        Frontier.from_records(ended(records)),
        label="each image ends when it is sure",
        stored=Frontier.from_records(records),
        stored_label="whole runs",
        published=[(20, 0.972, ON_CHIP)],
    )
    picture.artists.ax.set_ylim(bottom=96.3)  # room for the legend
    return picture


def ended(records):
    """Records of early exits, one per margin, from those of whole runs."""
    return [
        r
        | {
            "values": [x[k] for x in r["exit_accuracy_values"]],
            "hidden_spikes_values": [x[k] for x in r["exit_hidden_spikes_values"]],
            "config": r["config"] | {"margin": margin},
        }
        for r in records
        for k, margin in enumerate(r["config"]["margins"])
        if margin > 0.5  # those below jump to conclusions
    ]


def fashion():
    """The same for Fashion-MNIST."""
    return plot.draw_frontier(Frontier.from_records(studies.load("fashion16-sparsity")))


def mismatch():
    """In the loop against transfer."""
    records = studies.load("chip-mismatch")
    loop, transfer = ([r for r in records if r["mode"] == mode] for mode in ("loop", "transfer"))
    calibrated = 0.05
    sigma = [calibrated if r["sigma_d"] is None else r["sigma_d"] for r in loop]
    return plot.draw_mismatch(
        sigma,
        calibrated=calibrated,
        loop=np.transpose([r["values"] for r in loop]),
        transfer=np.transpose([r["values"] for r in transfer]),
    )


def transfer():
    """From chip to chip."""
    records = [r for r in studies.load("chip-transfer-matrix")][:5]
    return plot.draw_transfer(np.transpose([r["values"] for r in records]))


def rewiring():
    """Accuracy against connectivity, for each rule."""
    titles = {"rewiring-mnist": "784-800-10, currents", "rewiring-mnist16": "256-246-10, latencies"}
    return plot.draw_rules({title: studies.load(study) for study, title in titles.items()})


def rewiring_chip():
    """The same on the chip, ideal neurons and damaged ones."""
    return plot.draw_tradeoff(studies.load("rewiring-chip"))


def _kept():
    """A network that Grad R trained, and the rule with its log."""
    (record,) = (r for r in studies.load("rewiring-mnist16") if "kept" in r)
    c = record["config"]
    network = Network((256, c["hidden"], 10), LIF.brainscales2(), n_steps=c["n_steps"], rng=0)
    rule = rewiring_studies.make_rule(c, network, 0)
    with np.load(studies.RESULTS / record["kept"]) as state:
        rule.theta, rule.sign = state["theta"], state["sign"]
        log = {name.removeprefix("log_"): state[name] for name in state if name.startswith("log_")}
    rule.log.restore(log, rule.theta.size)
    network.parameters[...] = rule.sign * np.maximum(rule.theta, 0)
    return rule, network


def rewiring_log():
    """Connectivity over a training, pruned and regrown synapses."""
    return plot.draw_connectivity(_kept()[0].log)


def rewiring_theta():
    """Strengths after a training, and on the way."""
    return plot.draw_theta(*_kept())


def rewiring_prior():
    """When the target of Grad R matters, at the length of the authors' MNIST runs."""
    return plot.draw_prior(1e-3, 513 * 468, sparsities=(0.6, 0.95, 0.99), published=1e-3)


def gradients():
    """How gradients come down through deep networks, by the surrogate's steepness."""
    return figures.draw_growth(studies.load("gradients"))


DRAWN = (
    frontier,
    fashion,
    mismatch,
    transfer,
    rewiring,
    rewiring_chip,
    rewiring_log,
    rewiring_theta,
    rewiring_prior,
    gradients,
)


def main():
    """Write all of them."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    for draw in DRAWN:
        picture = draw()
        picture.save(PICTURES / f"{draw.__name__}.png", scale=1.5)
        print(picture.alt)


if __name__ == "__main__":
    main()
