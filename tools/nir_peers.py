"""NIR graphs that other simulators run, and theirs: golden files for `tests/test_interchange.py`.

    python tools/nir_peers.py ours      # where snnlab is installed: writes our graphs and inputs
    python tools/nir_peers.py theirs    # where Norse, snnTorch and SpikingJelly are: all the rest
    python tools/nir_peers.py compare   # where snnlab is: writes data/results/nir.json

The others are in an environment of their own (PyTorch is no dependency of this package):

    pip install norse snntorch spikingjelly nir nirtorch

All neurons are integrated with Euler's method, at the step of 0.1 ms that snnTorch and SpikingJelly
take for granted, and reset to zero: there the discretisations are the same, but for rounding.
"""

import argparse
import json
from importlib.metadata import version
from pathlib import Path

import nir
import numpy as np

PLACE = Path(__file__).resolve().parent.parent / "tests" / "nir_peers"
DT, STEPS, SAMPLES, SIZES = 1e-4, 100, 24, (20, 40, 30)
TAU_SYN, TAU_MEM = 5e-4, 1e-3
KINDS = "lif", "cuba"
IMAGES = 6, 6, 2  # of the graph with convolutions: rows, columns, channels
SPREAD = {"lif": 1.5, "cuba": 0.4}  # of their weights
LIBRARIES = "norse", "snntorch", "spikingjelly"


def write_ours():
    """A graph per kind of neuron, and spikes that go in, (sample, time, unit)."""
    import snnlab

    rng = np.random.default_rng(0)
    x = rng.random((SAMPLES, STEPS, SIZES[0])) < 0.1
    models = {
        "lif": snnlab.LIF(
            tau_mem=TAU_MEM, tau_syn=None, dt=DT, gain=DT / TAU_MEM, method="euler", reset="zero"
        ),
        "cuba": snnlab.LIF(
            tau_mem=TAU_MEM, tau_syn=TAU_SYN, dt=DT, gain=1.0, method="euler", reset="zero"
        ),
    }
    inputs = snnlab.SpikeTrains.from_dense(x)
    for kind, model in models.items():
        network = snnlab.Network(SIZES, model, readout=model, n_steps=STEPS, rng=1)
        network.scale_to_activity(inputs, 300)
        network.weights[1][...] *= 3 / model.gain
        nir.write(str(PLACE / f"ours-{kind}.nir"), snnlab.interchange.to_nir(network))
    np.savez_compressed(PLACE / "inputs.npz", x=np.packbits(x), shape=x.shape)
    write_images(snnlab, models["lif"], rng)


def write_images(snnlab, model, rng):
    """A graph with convolutions and a pool, and spikes that go in, in our order of units."""
    from snnlab.layers import Conv, Pool

    x = rng.random((SAMPLES, STEPS, int(np.prod(IMAGES)))) < 0.1
    inputs = snnlab.SpikeTrains.from_dense(x)
    layers = IMAGES, Conv(6), Pool(2, "average"), Conv(8, 2, padding=0), SIZES[-1]
    network = snnlab.Network(layers, model, readout=model, n_steps=STEPS, rng=1)
    network.scale_to_activity(inputs, rate=0.1)
    network.weights[2][...] *= 5 / model.gain
    nir.write(str(PLACE / "ours-conv.nir"), snnlab.interchange.to_nir(network))
    np.savez_compressed(PLACE / "inputs-conv.npz", x=np.packbits(x), shape=x.shape)


def inputs(name="inputs"):
    """Spikes that go in."""
    with np.load(PLACE / f"{name}.npz") as file:
        n = int(np.prod(file["shape"]))
        return np.unpackbits(file["x"], count=n).reshape(file["shape"])


def in_steps(module, x):
    """Spikes of a module that takes and returns its state, step by step."""
    import torch

    state, out = None, []
    for now in torch.from_numpy(x.astype(np.float32)).unbind(1):
        spikes, state = module(now, state)
        out.append(spikes.detach().numpy())
    return np.stack(out, axis=1) > 0.5


def run(library, graph, x):
    """Spikes of a graph in a library."""
    import torch

    torch.manual_seed(0)
    if library == "norse":
        from norse.torch import from_nir

        return in_steps(from_nir(graph, dt=DT, ignore_warnings=True), x)
    if library == "spikingjelly":
        from spikingjelly.activation_based.nir_exchange import import_from_nir

        return in_steps(import_from_nir(graph, dt=DT), x)
    from snntorch.import_nir import import_from_nir

    return in_steps(import_from_nir(graph), x)


def run_images(library, graph, x):
    """The same of images, in the order of axes that NIR has.

    snnTorch flattens samples, too, and so is given one at a time. (Norse does not run the graph.)
    """
    x = x.reshape(*x.shape[:2], *IMAGES).transpose(0, 1, 4, 2, 3)
    if library != "snntorch":
        return run(library, graph, x)
    out = [run(library, graph, x[k : k + 1]) for k in range(len(x))]
    return np.stack([one.T for one in out])  # it has flattened the one sample: (unit, time)


def snntorch_model(kind):
    """A network as snnTorch builds it; its graph."""
    import snntorch
    import torch
    from snntorch.export_nir import export_to_nir

    torch.manual_seed(2)
    more = {"reset_mechanism": "zero", "init_hidden": True, "reset_delay": False}
    layers = []
    for k, (n_in, n_out) in enumerate(zip(SIZES[:-1], SIZES[1:], strict=True)):
        layer = torch.nn.Linear(n_in, n_out, bias=False)
        torch.nn.init.normal_(layer.weight, 0.0, SPREAD[kind] / np.sqrt(n_in))
        last = {"output": k == len(SIZES) - 2}
        last["threshold"] = torch.ones(n_out)
        alpha, beta = (torch.full((n_out,), 1 - DT / tau) for tau in (TAU_SYN, TAU_MEM))
        neuron = (
            snntorch.Leaky(beta=beta, **more, **last)
            if kind == "lif"
            else snntorch.Synaptic(alpha=alpha, beta=beta, **more, **last)
        )
        layers += [layer, neuron]
    model = torch.nn.Sequential(*layers)
    return model, export_to_nir(model, torch.zeros(SIZES[0]))


def snntorch_spikes(model, x):
    """What it does by itself."""
    import torch
    from snntorch import utils

    utils.reset(model)
    out = []
    for now in torch.from_numpy(x.astype(np.float32)).unbind(1):
        out.append(model(now)[0].detach().numpy())
    return np.stack(out, axis=1) > 0.5


def spikingjelly_model(kind):
    """A network as SpikingJelly builds it; its graph."""
    import torch
    from spikingjelly.activation_based import layer, neuron
    from spikingjelly.activation_based.nir_exchange import export_to_nir

    torch.manual_seed(3)
    layers = []
    for n_in, n_out in zip(SIZES[:-1], SIZES[1:], strict=True):
        linear = layer.Linear(n_in, n_out, bias=False)
        torch.nn.init.normal_(linear.weight, 0.0, SPREAD[kind] / np.sqrt(n_in))
        layers += [
            linear,
            neuron.LIFNode(tau=TAU_MEM / DT, decay_input=False, v_reset=0.0)
            if kind == "lif"
            else neuron.CUBALIFNode(1 - DT / TAU_SYN, 1 - DT / TAU_MEM, v_reset=0.0),
        ]
    model = torch.nn.Sequential(*layers)
    return model, export_to_nir(model, torch.zeros(1, SIZES[0]), dt=DT)


def spikingjelly_spikes(model, x):
    """What it does by itself."""
    import torch
    from spikingjelly.activation_based import functional

    functional.reset_net(model)
    steps = torch.from_numpy(x.astype(np.float32)).unbind(1)
    return np.stack([model(now).detach().numpy() for now in steps], axis=1) > 0.5


def write_theirs():
    """Their spikes for our graphs; their graphs, and their spikes for those."""
    x, found = inputs(), {"versions": []}
    for kind in KINDS:
        for library in LIBRARIES:
            graph = nir.read(str(PLACE / f"ours-{kind}.nir"))
            found[f"ours-{kind} {library}"] = np.packbits(run(library, graph, x))
        for library, make, ask in (
            ("snntorch", snntorch_model, snntorch_spikes),
            ("spikingjelly", spikingjelly_model, spikingjelly_spikes),
        ):
            model, graph = make(kind)
            nir.write(str(PLACE / f"{library}-{kind}.nir"), graph)
            found[f"{library}-{kind} {library}"] = np.packbits(ask(model, x))
    images, graph = inputs("inputs-conv"), nir.read(str(PLACE / "ours-conv.nir"))
    for library in LIBRARIES[1:]:
        found[f"ours-conv {library}"] = np.packbits(run_images(library, graph, images))
    names = (*LIBRARIES, "nir", "nirtorch", "torch")
    found["versions"] = np.array([f"{name} {version(name)}" for name in names])
    np.savez_compressed(PLACE / "spikes.npz", **found)
    for name, packed in found.items():
        if name != "versions":
            print(name, int(np.unpackbits(packed).sum()), "spikes")


def equal_spikes(which, spikes):
    """Our spikes and theirs: how many all in all, and the share of them that both have."""
    import snnlab

    name = which.split()[0]
    x = snnlab.SpikeTrains.from_dense(
        inputs("inputs-conv" if name == "ours-conv" else "inputs").astype(bool)
    )
    graph = nir.read(PLACE / f"{name}.nir")
    network = snnlab.interchange.from_nir(graph, n_steps=x.n_steps, dt=DT)
    ours = network.forward(x).readout > 0.5
    theirs = np.unpackbits(spikes, count=ours.size).reshape(ours.shape) > 0
    either = int((ours | theirs).sum())
    return either, int((ours & theirs).sum()) / either


def compare():
    """A record per graph and library."""
    import platform

    records = []
    with np.load(PLACE / "spikes.npz") as file:
        peers = dict(text.split() for text in file["versions"])
        for which in file.files[:-1]:
            n, share = equal_spikes(which, file[which])
            graph, library = which.split()
            records.append(
                {
                    "study": "nir",
                    "metric": "equal_spikes",
                    "label": which,
                    "mean": share,
                    "sd": 0.0,
                    "seeds": None,
                    "values": [share],
                    "spikes": n,
                    "config": {"graph": graph, "library": library, "dt": DT, "n_steps": STEPS},
                    "command": "python tools/nir_peers.py compare",
                    "versions": {name: version(name) for name in ("snnlab", "numpy", "numba")}
                    | {"python": platform.python_version()}
                    | peers,
                }
            )
            print(f"{which:30} {n:6} spikes, {share:.3%} in both")
    text = json.dumps(records, indent=1) + "\n"
    (PLACE.parents[1] / "data" / "results" / "nir.json").write_text(text, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("which", choices=("ours", "theirs", "compare"))
    PLACE.mkdir(exist_ok=True)
    {"ours": write_ours, "theirs": write_theirs, "compare": compare}[parser.parse_args().which]()


if __name__ == "__main__":
    main()
