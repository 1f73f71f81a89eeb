"""When compressed networks pay: inference of pruned networks, dense against compressed rows.

    python benchmarks/speed/sparse.py            # some minutes; let nothing else run meanwhile
    python benchmarks/speed/sparse.py --quick    # rough, and stores nothing

Masks are random: spread over layers as Erdos and Renyi's graphs are (as in ``rewiring.py``), or
evenly, which leaves many units without outputs; nothing is trained, hidden weights are scaled to a
given number of spikes. Beside them networks that Grad R has left, as published and settled
(``rewiring.py rewiring-mnist``), their weights as they are. One thread, all contenders in turn; a
ratio is that of the fastest rounds.

- ``current``: 784-800-10, LIF of Chen et al. 2021, 8 steps, spiking readout, pixels as currents
- ``normalised``: the same, pixels normalised as there, so that hardly any input is zero
- ``latency``: 256-246-10, LIF of Cramer et al. 2022, 20 steps, one spike per pixel
"""

import argparse
import sys
import time

import numpy as np
import speed

import snnlab
from snnlab import datasets, training
from snnlab.kernels import sparse as kernels
from snnlab.products import constant_product
from snnlab.rewiring import erdos_renyi

sys.path.append(str(speed.ROOT / "benchmarks" / "studies"))

import rewiring  # noqa: E402
import studies  # noqa: E402

DENSITIES = (1.0, 0.5, 0.25, 0.1, 0.05, 0.023, 0.01)
CLOCK = speed.CLOCK


def workload(name, n):
    """Inputs, a dense network and the loss that reads it."""
    if name == "latency":
        neuron, readout = snnlab.LIF.brainscales2(), None
        x = datasets.load("mnist16", progress=False).x_test[:n]
        inputs = rewiring.Latency(20, neuron.dt)(x)
        sizes, loss, spikes = (256, 246, 10), "max_over_time", 60
    else:
        neuron = readout = snnlab.LIF.grad_r()
        x = datasets.load("mnist", progress=False).x_test[:n]
        normalise = (0.1307, 0.3081) if name == "normalised" else ()
        inputs = rewiring.Current(8, 0.0 if normalise else 0.05, *normalise)(x)
        sizes, loss, spikes = (784, 800, 10), "rate_mse", 150
    network = snnlab.Network(
        sizes, neuron, readout=readout, n_steps=inputs.n_steps, rng=0, workers=1
    )
    return inputs, network, loss, spikes


def pruned(network, connectivity, spread, inputs, spikes):
    """A copy with a random mask."""
    network, rng = network.copy(), np.random.default_rng(1)
    even = [1 - connectivity] * len(network.weights)
    sparsity = even if spread == "even" else erdos_renyi(network.sizes, connectivity)
    for w, p in zip(network.weights, sparsity, strict=True):
        w *= rng.permutation(w.size).reshape(w.shape) < max(1, round((1 - p) * w.size))
    return network.scale_to_activity(inputs[:300], spikes)


def measure(contenders, rounds):
    """Seconds per round, (rounds,) per contender, in turn within each round."""
    for run in contenders.values():
        run()
    times = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            began = CLOCK()
            run()
            times[name].append(CLOCK() - began)
    return {name: np.array(t) for name, t in times.items()}


def rewired(network, file):
    """A copy with weights that a study has kept."""
    network = network.copy()
    with np.load(studies.RESULTS / file) as kept:
        for k, w in enumerate(network.weights):
            w[...] = kept[f"w_{k}"]
    return network


def networks(name, dense, inputs, spikes):
    """Spread, connectivity and network of every row."""
    for spread in ("Erdos-Renyi", "even"):
        for density in DENSITIES:
            yield spread, density, pruned(dense, density, spread, inputs, spikes)
    if name == "current":
        for spread, rule in (("Grad R", "grad-r"), ("Grad R, settled", "settled")):
            for percent in (5, 1):
                network = rewired(dense, f"rewiring-mnist-{rule}-{percent}.npz")
                yield spread, float(snnlab.synapses.connectivity(network).overall), network


def products(network, rows, inputs):
    """The synaptic part of the first layer under constant input: dense, and on compressed rows."""
    some, layer = inputs[:500], rows.layers[0]
    weights = network.weight_blocks[0].padded(network.parameters)
    dense = np.zeros((len(some), weights.shape[1]), np.float32)
    sparse = np.zeros((len(some), layer.n), np.float32)

    def run_dense():
        work = constant_product(some, weights, dense)
        if work is not None:
            work(0, len(some))

    def run_sparse():
        kernels.multiply(some.x, *layer.columns, 0, len(some), sparse)

    return {"dense product": run_dense, "sparse product": run_sparse}


def study(report, name, n, rounds):
    """One table: how many times faster than the dense network."""
    report.title(name)
    inputs, dense, loss, spikes = workload(name, n)
    constant, rows = name != "latency", []
    for spread, density, network in networks(name, dense, inputs, spikes):
        kinds = {
            "dense": network,
            "rows": network.compressed(1.0),
            "units dropped": network.compressed(0.0),
            "automatic": network.compressed(),
        }
        runs = {
            kind: lambda net=net: training.predict_scores(net, inputs, loss=loss)
            for kind, net in kinds.items()
        }
        wanted, counts = runs["dense"]()
        equal = np.isclose(wanted, runs["automatic"]()[0], 1e-4, 1e-5).all(axis=1).mean()
        times = measure(
            runs | (products(network, kinds["rows"], inputs) if constant else {}), rounds
        )
        best = {kind: t.min() for kind, t in times.items()}
        product = best["dense product"] / best["sparse product"] if constant else None
        for kind in list(kinds)[1:]:
            report.record(
                "times_faster_than_dense",
                times["dense"] / times[kind],
                name,
                kind=kind,
                of_minima=float(best["dense"] / best[kind]),
                connectivity=density,
                spread=spread,
                product=product,
                us_per_image=float(1e6 * best[kind] / n),
                dense_us_per_image=float(1e6 * best["dense"] / n),
                on_rows=[bool(x) for x in kinds[kind].on_rows(constant)],
                synapses=[int(x) for x in kinds[kind].n_synapses],
                units=[len(x) for x in kinds[kind].units],
                bytes=kinds[kind].nbytes,
                dense_bytes=network.parameters.nbytes,
                images=n,
                hidden_spikes=float(counts.mean()),
                samples_with_equal_scores=float(equal),
            )
        fast = kinds["automatic"]
        rows.append(
            (spread, f"{100 * density:.3g}", "-".join(str(len(x)) for x in fast.units))
            + (f"{counts.mean():.0f}", f"{1e6 * best['dense'] / n:.1f}")
            + (f"{1e6 * best['automatic'] / n:.1f}", f"{product:.1f}" if product else "-")
            + tuple(f"{best['dense'] / best[kind]:.2f}" for kind in list(kinds)[1:])
            + (f"{fast.nbytes / network.parameters.nbytes:.2f}", f"{100 * equal:.4g}")
        )
    head = ["masks", "connectivity (%)", "units", "spikes", "dense (us)", "automatic (us)"]
    head += ["times faster: product", "whole on rows", "units dropped", "automatic"]
    report.table([*head, "memory", "equal scores (%)"], rows)


def main(argv=None):
    """Measure all of it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="rough, and stores nothing")
    options = parser.parse_args(argv)
    n, rounds = (500, 6) if options.quick else (2000, 25)
    report = speed.Report("python benchmarks/speed/sparse.py" + " --quick" * options.quick)
    began = time.perf_counter()
    snnlab.warm_up(verbose=False)
    for name in ("current", "normalised", "latency"):
        study(report, name, n, rounds)
    if not options.quick:
        report.store("sparse-execution")
    report.text(f"{time.perf_counter() - began:.0f} s in all, {len(report.records)} records.")


if __name__ == "__main__":
    main()
