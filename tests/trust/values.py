"""A valid value of every argument: what hostile ones are made from, and put beside.

`VALUES` knows them by the argument's name; by "Class.method.argument", "function.argument" or
"Class.argument" (of constructors) where the name alone does not say. All are made anew for each
case, because calls may change what they are given.
"""

import functools
import itertools
import tempfile
from pathlib import Path

import numpy as np
import small_panels

import snnlab
from snnlab import (
    LIF,
    AdaptiveLIF,
    ConstantCurrent,
    Network,
    SpikeTrains,
    Substrate,
    Trace,
    Values,
    rewiring,
)
from snnlab import layers as layer_kinds
from snnlab.learning.optim import Adam
from snnlab.parameters import Gradients

N_IN, HIDDEN, N_OUT, STEPS, BATCH = 6, 5, 3, 8, 4
DT = 1.7e-6


class Inner:
    """A value that only the package hands over (a running pass, a layer's number): never hostile.

    Readers call no such method; writers of layers and rules define them.
    """

    def __init__(self, make):
        self.make = make


@functools.cache
def folder():
    """A folder for files, removed when the process ends."""
    return Path(_keep(tempfile.TemporaryDirectory(prefix="snnlab-fuzz-")).name)


_KEPT = []
_NUMBERS = itertools.count()


def _keep(x):
    _KEPT.append(x)
    return x


def new_path(suffix=".npz"):
    return folder() / f"file{next(_NUMBERS) % 200}{suffix}"


# networks, signals, traces ------------------------------------------------------------------------


def network(sizes=(N_IN, HIDDEN, N_OUT), n_steps=STEPS, **settings):
    settings = {"rng": 0, "workers": 1} | settings
    out = Network(sizes, LIF.brainscales2(), n_steps=n_steps, **settings)
    out.parameters[...] *= 30 if out.parameters.any() else 1
    return out


def trains(n=BATCH, n_steps=STEPS, n_units=N_IN):
    z = np.random.default_rng(0).random((n, n_steps, n_units)) < 0.4
    return SpikeTrains.from_dense(z) if n else SpikeTrains([0], [], [], n_steps, n_units)


def trace(**settings):
    return network(**settings).forward(trains())


def own_surrogate(u, k):
    return np.exp(-k * abs(u))


def gradients(net=None):
    net = net or network()
    out = Gradients(net)
    for g in out.weights if hasattr(out, "weights") else ():
        g[...] = 0.01
    return out


def relu_network(**unit):
    """An ordinary network: ReLU units, one step."""
    return Network((N_IN, HIDDEN, N_OUT), snnlab.ReLU(**unit), n_steps=1, rng=0)


def currents():
    return ConstantCurrent(np.random.default_rng(0).random((BATCH, N_IN), np.float32), 1)


def step_of_ceilings():
    """A step of training, as a callback is given it."""
    network = relu_network(v_th=1.0, learn="v_th")
    return next(snnlab.training.steps(network, currents(), labels(), rng=0, epochs=1))


@functools.cache
def perceptron():
    from sklearn.neural_network import MLPClassifier

    x = np.random.default_rng(0).random((30, N_IN))
    return MLPClassifier((4,), max_iter=2000, tol=0.01, random_state=0).fit(x, labels(30))


def labels(n=BATCH):
    return np.arange(n) % N_OUT


def masked_targets():
    return snnlab.losses.MaskedTargets(labels(), np.ones((BATCH, STEPS), bool))


def rule(cls=rewiring.GradR, **settings):
    kind = {"rng": 0} if cls is not rewiring.Magnitude and cls is not rewiring.STDS else {}
    return cls(1e-3, **kind | settings)


def used_rule(cls=rewiring.GradR):
    """A rule after a step, and its network."""
    out, net = rule(cls), network()
    out.begin(net, epochs=2, steps_per_epoch=3)
    out.step(net, backward(net))
    return out, net


def backward(net):
    t = net.forward(trains())
    return net.backward(t, np.full(t.readout.shape, 0.1, net.dtype))


def frontier():
    out = snnlab.Frontier("toy")
    for k in range(3):
        out.add(0.5 + 0.1 * k, 5.0 * k, seed=k)
    return out


def images(n=BATCH, side=16):
    return np.random.default_rng(1).integers(0, 255, (n, side, side)).astype(np.uint8)


@functools.cache
def small_digits():
    d = small_panels.digits()
    return snnlab.datasets.Dataset(
        d.name,
        d.x_train[:300],
        d.y_train[:300],
        d.x_test[:100],
        d.y_test[:100],
        d.image_shape,
        d.n_classes,
        d.class_names,
        d.source,
        d.licence,
    )


@functools.cache
def report():
    net = network()
    return snnlab.clinic.examine(net, trains(20), labels(20))


def saved(write, suffix=".npz"):
    path = new_path(suffix)
    write(path)
    return path


@functools.cache
def recording():
    place = folder() / "recording"
    place.mkdir(exist_ok=True)
    recorder = snnlab.recording.Recorder(Substrate(0), place)
    recorder.run(network(), trains())
    return place


def classifier(code="latency"):
    x, y = features()
    model = snnlab.SpikingClassifier((HIDDEN,), epochs=1, random_state=0, code=code, workers=1)
    return model.fit(x, y)


def regressor():
    x, y = features()
    return snnlab.SpikingRegressor((HIDDEN,), epochs=1, random_state=0, workers=1).fit(x, y)


def features(n=30):
    rng = np.random.default_rng(3)
    return rng.random((n, 4)).astype(np.float32), np.arange(n) % 3


@functools.cache
def energy_card():
    return snnlab.energy.compare(network(), trains())


def task():
    return snnlab.lessons.task(small_digits(), n_train=60, n_test=20, steps=6, hidden=5)


SPOKEN = BATCH, STEPS, N_OUT


def autoencoder():
    kind = snnlab.autoencoder.Autoencoder
    return kind(network(), 4, rate=0.3, hold=1, hidden=(4,), rng=0)


def decoder():
    return snnlab.autoencoder.Decoder((5, 4, 3), rng=0)


def pixels():
    return np.full((BATCH, 4), 0.5)


def drawn():
    return np.ones(SPOKEN)


def picture(kind):
    plot, p = snnlab.plot, network()
    made = {
        "history": lambda: plot.draw_history(snnlab.History([1.0], [0.0], [0.5], [3.0])),
        "raster": lambda: plot.draw_raster(p.forward(trains()), dt=DT),
        "defects": lambda: plot.draw_defects(p, Substrate(0)),
        "frontier": lambda: plot.draw_frontier(frontier()),
        "images": lambda: plot.draw_images(images().reshape(BATCH, -1) / 255, (16, 16)),
    }
    return made[kind]()


def log():
    return used_rule()[0].log


def panel(name):
    return _panel(name)


@functools.cache
def _panel(name):
    made = small_panels.MAKERS[name]()
    made.wait(small_panels.PATIENCE)
    return made


def frame(name):
    """What a panel's `simulate` gives: the last frame."""
    return small_panels.settled(_frame(name))


def _frame(name):
    made = panel(name)
    return made.simulate(**made.values)


def own(name):
    """A panel's arguments of `simulate` by name, as its controls stand."""
    return lambda argument: panel(name).values[argument]


LATE = {"network": 0, "inputs": 0}


def V(make):
    return make


NET, TRAINS, LABELS = network, trains, labels
TEXT, FLAG = (lambda: "text"), (lambda: True)
ZERO, ONE, SMALL = (lambda: 0), (lambda: 1), (lambda: 2)
G_READOUT = lambda: np.full((BATCH, STEPS, N_OUT), 0.1, np.float32)  # noqa: E731
CALL = lambda: lambda *a, **k: None  # noqa: E731
LIST = lambda: [1.0]  # noqa: E731

VALUES = {
    "X": lambda: features()[0],
    "y": lambda: features()[1],
    "accuracy": lambda: 0.5,
    "active_in": ONE,
    "active_weights": ONE,
    "activity": lambda: 0.25,
    "adds": ONE,
    "adjoints": FLAG,
    "affine": lambda: snnlab.Affine(rotation=5.0, shift=1.0),
    "after": dict,
    "against": lambda: 1,
    "Explanation.against": lambda: 1,
    "EnergyCard.break_even.against": lambda: "ReLU, with memory",
    "alpha": lambda: 1e-3,
    "allow_empty": FLAG,
    "alt": TEXT,
    "answer": lambda: 3.0,
    "arithmetic": lambda: "int",
    "arithmetic_price": lambda: 1.0,
    "arrivals": lambda: np.ones(3),
    "at_limit": lambda: 0.0,
    "augment": lambda: None,
    "batch_size": SMALL,
    "bed": ONE,
    "before": dict,
    "begin": ZERO,
    "below": Inner(lambda: network().stages[0]),
    "beta1": lambda: 0.9,
    "beta2": lambda: 0.99,
    "bits": lambda: 8,
    "both_sides": FLAG,
    "c": Inner(ZERO),
    "calibrated": lambda: [0.9] * 3,
    "callback": CALL,
    "n_outputs": lambda: 3,
    "later": lambda: snnlab.History(),
    "N_CHAR_MAX": lambda: 700,
    "params": dict,
    "deep": FLAG,
    "warm_start": lambda: False,
    "validation_fraction": lambda: None,
    "targets": labels,
    "sample_weight": lambda: None,
    "patience": SMALL,
    "classes": lambda: [0, 1, 2],
    "class_weight": lambda: None,
    "callbacks": lambda: None,
    "caption": TEXT,
    "card": energy_card,
    "centre": lambda: 0.5,
    "change": SMALL,
    "channels": SMALL,
    "checkpoint": new_path,
    "chip": lambda: Substrate(0),
    "chips": lambda: [Substrate(0), Substrate(1)],
    "class_names": lambda: ("a", "b", "c"),
    "code": lambda: "latency",
    "color": lambda: (0.1, 0.2, 0.3),
    "columns": SMALL,
    "config": lambda: {"a": 1},
    "connectivity": lambda: 0.5,
    "constant": lambda: False,
    "cost": lambda: "hidden_spikes",
    "costs": lambda: ("hidden_spikes",),
    "counts": lambda: np.ones((3, 4)),
    "cure": lambda: None,
    "data": lambda: "toy",
    "cut": FLAG,
    "dead": lambda: 0.1,
    "deadline": lambda: 1e-5,
    "deadlines": lambda: (1, 4),
    "decay_mem": ONE,
    "decay_syn": ONE,
    "exits": lambda: snnlab.early_exit(network(), trains(), labels()),
    "decision": lambda: snnlab.time_to_decision(network(), trains(), labels()),
    "delay": ZERO,
    "detach_reset": FLAG,
    "digit": ZERO,
    "digits": ONE,
    "draw": ZERO,
    "drive": lambda: np.ones((2, STEPS, HIDDEN)),
    "drive_steps": ONE,
    "dropout": lambda: 0.1,
    "dt": lambda: DT,
    "dtype": lambda: np.float32,
    "early": lambda: small_panels.late_and_early()[1],
    "effective_acs": ONE,
    "effective_macs": ONE,
    "encode": lambda: snnlab.encode.latency,
    "end": lambda: 2,
    "epoch": lambda: 0.5,
    "epochs": ONE,
    "eps": lambda: 1e-8,
    "error": lambda: np.ones(3),
    "every": ONE,
    "expected": TEXT,
    "explanation": lambda: snnlab.explain(network(), trains()),
    "extend": FLAG,
    "factor": lambda: 0.5,
    "fail": CALL,
    "fan_out": lambda: 10,
    "fig": lambda: snnlab.plot.new_figure(3, 2),
    "findings": list,
    "finite": FLAG,
    "fires": FLAG,
    "first": ZERO,
    "flat": None,
    "folder": lambda: folder(),
    "footprint": ONE,
    "found": None,
    "frontier": frontier,
    "g": lambda: np.ones((2, HIDDEN)),
    "g_readout": G_READOUT,
    "g_spikes": lambda: [np.full((BATCH, STEPS, HIDDEN), 0.1, np.float32)],
    "gain": lambda: 1.0,
    "gap": lambda: 5e-6,
    "gradient": lambda: np.ones(3),
    "gradients": None,
    "hear": FLAG,
    "heard": lambda: 1.0,
    "height": SMALL,
    "hi": Inner(SMALL),
    "how": lambda: "max",
    "hidden": lambda: 5,
    "hidden_spikes": lambda: 1.0,
    "high": lambda: 2.0,
    "history": lambda: snnlab.History(),
    "hold": lambda: None,
    "Constants.hold": ONE,
    "image": lambda: images(1)[0] / 255.0,
    "image_shape": lambda: (16, 16),
    "images": lambda: images() / 255.0,
    "index": lambda: [0, 1],
    "indptr": lambda: [0, 1, 2],
    "input_counts": lambda: np.ones(3),
    "inputs": trains,
    "interrupted": FLAG,
    "iterable": dict,
    "k": Inner(ZERO),
    "kernel": lambda: 3,
    "key": lambda: None,
    "kind": Inner(lambda: SpikeTrains),
    "label": lambda: "a label",
    "labels": labels,
    "largest": lambda: [1.0, 1.0],
    "last": Inner(SMALL),
    "layer": ZERO,
    "layer_spikes": lambda: 1.0,
    "layers": lambda: (0,),
    "licence": TEXT,
    "limit": lambda: 5,
    "lo": Inner(ZERO),
    "log": log,
    "log_every": ONE,
    "learn": lambda: ("tau_mem", "v_th"),
    "LIF.learn": lambda: "v_th",  # a potential to begin with is given, too
    "LeakyIntegrator.learn": lambda: "tau_mem",
    "AdaptiveLIF.learn": lambda: (),
    "tau_adapt": lambda: 60e-6,
    "coupling": lambda: 0.01,
    "jump": lambda: 0.3,
    "learn_per": lambda: "unit",
    "longest": lambda: 5.0,
    "Delayed.delays.stored": lambda: np.zeros(N_IN),
    "Delayed.stored.delays": lambda: np.full(N_IN, 2.5),
    "loss": lambda: "max_over_time",
    "low": lambda: 0.0,
    "lr": lambda: 1e-3,
    "masks": lambda: [np.ones((N_IN, HIDDEN), bool), np.ones((HIDDEN, N_OUT), bool)],
    "matrix": lambda: np.full((2, 2), 0.5),
    "max_fan_in": lambda: 3,
    "means": lambda: False,
    "measured": TEXT,
    "Calibration.measured": dict,
    "memory": lambda: "fitting",
    "memory_price": lambda: 1.0,
    "method": lambda: "exact",
    "mismatch": lambda: 0.1,
    "momentum": lambda: 0.5,
    "more": lambda: "",
    "most": lambda: np.ones(3),
    "moving": tuple,
    "mults": ONE,
    "n": SMALL,
    "n_centres": lambda: 5,
    "n_classes": lambda: 3,
    "n_in": lambda: 3,
    "n_inputs": lambda: 3,
    "n_jobs": ONE,
    "n_out": lambda: 3,
    "n_parameters": lambda: 8,
    "n_samples": lambda: 5,
    "n_spikes": lambda: 3,
    "n_steps": lambda: STEPS,
    "n_test": lambda: 20,
    "n_train": lambda: 60,
    "n_units": lambda: N_IN,
    "name": lambda: "name",
    "names": lambda: ["a", "b", "c"],
    "needed": lambda: np.ones((2, 3), bool),
    "net": ZERO,
    "network": network,
    "networks": lambda: [network(), network()],
    "neuron": LIF.brainscales2,
    "neurons": lambda: network().neurons,
    "noise": lambda: 0.1,
    "nonzero": ONE,
    "norm": lambda: snnlab.layers.BatchNorm(),
    "notebook": lambda: "13_where_not_to_wire",
    "of": lambda: "inputs",
    "on": lambda: Substrate(0),
    "operations": lambda: snnlab.energy.count(network(), trains()),
    "optimizer": lambda: Adam(1e-3),
    "options": lambda: (("a", 1), ("b", 2)),
    "order": lambda: "random",
    "ordered": FLAG,
    "out": lambda: None,
    "over": lambda: 0.5,
    "overall": lambda: 0.5,
    "p": lambda: 0.9,
    "padding": ONE,
    "partition": FLAG,
    "path": new_path,
    "penalties": tuple,
    "penalty": lambda: snnlab.penalties.Bursts,
    "per_sample": lambda: np.ones(3),
    "permutations": lambda: 10,
    "pool": ONE,
    "picture": None,
    "png": lambda: b"png",
    "point": lambda: frontier().points[0],
    "points": lambda: frontier().points,
    "potentials": FLAG,
    "predictions": labels,
    "probability": lambda: 0.5,
    "progress": lambda: False,
    "flip": FLAG,
    "prunable": FLAG,
    "pruned": list,
    "published": lambda: None,
    "quantiles": list,
    "quantity": lambda: "hidden_spikes",
    "question": lambda: "1.1",
    "r_big": lambda: 0.5,
    "r_small": lambda: 0.1,
    "random_state": ZERO,
    "rate": lambda: 0.5,
    "rates": lambda: None,
    "reach": lambda: np.ones(3),
    "readout": G_READOUT,
    "Network.readout": lambda: LIF.brainscales2().integrator(),
    "records": lambda: [],
    "refractory": lambda: DT,
    "v_init": lambda: 0.25,
    "AdaptiveLIF.v_init": lambda: 0.0,
    "regrown": list,
    "remedy": lambda: report().signs() and None,
    "report": report,
    "request": lambda: 1,
    "reset": lambda: "subtract",
    "reset_growth": lambda: np.ones(3),
    "return_report": FLAG,
    "reusable": FLAG,
    "rgb": lambda: np.ones((4, 4, 3)),
    "right": FLAG,
    "rng": ZERO,
    "rotation": lambda: 5.0,
    "rounds": ONE,
    "rows": SMALL,
    "run": Inner(lambda: None),
    "runner_up": ONE,
    "sample": ZERO,
    "samples": lambda: images(2) / 255.0,
    "total": lambda: 3,
    "done": ZERO,
    "wanted": lambda: False,
    "executor": lambda: "serial",
    "retries": ONE,
    "frequency": lambda: np.array([100.0, 1000.0]),
    "loudness": lambda: np.full((2, 4, 40), 0.5),
    "mels": lambda: np.array([100.0, 1000.0]),
    "n_channels": SMALL,
    "n_frames": lambda: 6,
    "sample_rate": lambda: 8000.0,
    "sounds": lambda: [np.sin(np.arange(400.0)), np.ones(300)],
    "span": lambda: 50.0,
    "substeps": lambda: 4,
    "failures": list,
    "scale": lambda: 2.0,
    "schedule": lambda: "cosine",
    "STDS.schedule": lambda: "sine",
    "scope": lambda: "layer",
    "score": lambda: 1.0,
    "scores": lambda: np.ones((3, 3)),
    "sd": lambda: 0.1,
    "seconds": list,
    "seed": ZERO,
    "seeds": lambda: [0, 1],
    "settle": ONE,
    "severity": lambda: "warning",
    "shape": lambda: (6,),
    "share": lambda: 0.1,
    "shear": lambda: 0.1,
    "shift": lambda: 1.0,
    "show": CALL,
    "shown": lambda: 1,
    "sigma_d": lambda: 0.1,
    "silent": list,
    "size": lambda: 8,
    "sizes": lambda: (6, 5, 3),
    "source": images,
    "source_shape": lambda: (16, 16),
    "source_train": lambda: None,
    "sparsities": lambda: (0.6, 0.9),
    "sparsity": lambda: 0.9,
    "spike": CALL,
    "spikes": lambda: 2.0,
    "spikes_in": lambda: 1.0,
    "spikes_out": lambda: 1.0,
    "spikes_per_sample": lambda: np.ones(3),
    "spread": lambda: 0.5,
    "start": lambda: 0.0,
    "state": None,
    "state_bits": lambda: 16,
    "states": ONE,
    "steepness": lambda: 20.0,
    "step": lambda: 1,
    "steps": lambda: 6,
    "steps_per_epoch": lambda: 3,
    "stored": lambda: None,
    "stored_label": TEXT,
    "strength": lambda: 0.1,
    "strengths": lambda: [0.0, 0.1],
    "stride": ONE,
    "studies": lambda: [],
    "study": lambda: "speed",
    "substrate": lambda: Substrate(0),
    "surrogate": lambda: "superspike",
    "surrogate.own.function": lambda: own_surrogate,
    "t": ZERO,
    "tag": TEXT,
    "target": lambda: 1,
    "task": task,
    "tau": lambda: 8e-6,
    "tau_in": lambda: 8e-6,
    "tau_mem": lambda: 6e-6,
    "tau_syn": lambda: 6e-6,
    "temperature": lambda: 1e-4,
    "test": lambda: (trains(), labels()),
    "test_inputs": trains,
    "test_labels": labels,
    "text": TEXT,
    "theta": lambda: 0.2,
    "theta_in": lambda: 0.2,
    "theta_min": lambda: -1.0,
    "threshold": lambda: 0.05,
    "tick": lambda: 1e-6,
    "time": lambda: 1e-6,
    "timeout": lambda: 0.01,
    "times": lambda: np.arange(3.0),
    "title": TEXT,
    "tolerance": lambda: 0.01,
    "tooltip": TEXT,
    "trace": trace,
    "train_accuracy": list,
    "trainable": FLAG,
    "training": lambda: False,
    "trains": trains,
    "trials": lambda: 3,
    "u": lambda: np.linspace(-1, 1, 5),
    "unheard": FLAG,
    "unit": lambda: "us",
    "usual": lambda: small_panels.late_and_early()[0],
    "v": lambda: np.zeros((BATCH, STEPS, HIDDEN)),
    "v_th": lambda: 1.0,
    "validation": lambda: (trains(), labels()),
    "validation_accuracy": list,
    "validation_hidden_spikes": list,
    "value": lambda: 1,
    "values": None,
    "verbose": lambda: False,
    "w": lambda: np.ones((N_IN, HIDDEN)),
    "weight": lambda: 1.0,
    "weight_decay": lambda: 0.01,
    "weight_limit": lambda: 1.0,
    "weight_max": lambda: [1.0, 1.0],
    "weights": lambda: [np.array(w) for w in network().weights],
    "what": TEXT,
    "where": lambda: None,
    "width": SMALL,
    "wire": ZERO,
    "wires": lambda: 100,
    "words": TEXT,
    "work": lambda: lambda *a: None,
    "workers": ONE,
    "worst": lambda: 0.2,
    "x": lambda: np.random.default_rng(2).random((BATCH, N_IN)),
    "x_test": lambda: np.zeros((4, 256), np.float32),
    "x_train": lambda: np.zeros((4, 256), np.float32),
    "y_test": labels,
    "y_train": labels,
    "z": lambda: np.zeros((BATCH, STEPS, HIDDEN)),
    "zero_weights": lambda: "random",
    "title ": TEXT,
    "_before": lambda: None,
    "_unobserved": lambda: False,
    "args": tuple,
    "kwargs": dict,
    "parts": None,
    # any further keywords
    "accuracies": lambda: {"ideal": [0.9] * 3},
    "artists": dict,
    "axes": dict,
    "changes": lambda: {"v_th": 1.5},
    "effects": lambda: {"noise": 0.01},
    "faults": None,
    "knobs": None,
    "tools": dict,
    "settings": dict,
    "rest": lambda: {"seed": 1},
}


def all_values():
    """`VALUES` with those that belong to a class or function."""
    return VALUES | OWN


def _panel_values():
    return {}


def stage(k=0):
    return network().stages[k]


OWN = {
    # signals and encoders
    "SpikeTrains.step": lambda: np.array([0, 1]),
    "SpikeTrains.unit": lambda: np.array([0, 1]),
    "SpikeTrains.indptr": lambda: np.array([0, 1, 2]),
    "from_events.times": lambda: np.array([0.0, 0.5, 0.5, 1.5]),
    "from_events.units": lambda: np.array([0, 1, 2, 0]),
    "from_events.samples": lambda: np.array([0, 0, 1, 1]),
    "from_events.indptr": lambda: np.array([0, 2, 4]),
    "from_events.n_samples": SMALL,
    "from_events.dt": lambda: 0.5,
    "concatenate.trains": lambda: [trains(), trains(2)],
    "SpikeTrains.from_dense.z": lambda: np.zeros((2, STEPS, 3)),
    "SpikeTrains.values.lo": ZERO,
    "SpikeTrains.values.hi": SMALL,
    "ConstantCurrent.values.lo": ZERO,
    "ConstantCurrent.values.hi": SMALL,
    "Values.values.lo": ZERO,
    "Values.values.hi": SMALL,
    "SpikeTrains.wrap.parts": Inner(lambda: _wrapped(trains())),
    "Values.wrap.x": Inner(lambda: np.zeros((2, STEPS, 3))),
    "Values.x": lambda: np.zeros((2, STEPS, 3)),
    "check_inputs.name": lambda: "inputs",
    "from_arrays.arrays": lambda: network().to_arrays(),
    # textbook: arrays per layer
    "textbook.forward.x": lambda: trains().to_dense(float),
    "textbook.layer_forward.x": lambda: trains().to_dense(float),
    "textbook.backward.x": lambda: trains().to_dense(float),
    "textbook.layer_backward.x": lambda: trains().to_dense(float),
    "textbook.forward.spike": lambda: snnlab.textbook.heaviside,
    "textbook.layer_forward.spike": lambda: snnlab.textbook.heaviside,
    "textbook.neuron_forward.spike": lambda: snnlab.textbook.heaviside,
    "textbook.layer_forward.weights": lambda: np.ones((N_IN, HIDDEN)),
    "textbook.layer_backward.weights": lambda: np.ones((N_IN, HIDDEN)),
    "textbook.layer_backward.error": lambda: np.ones((BATCH, STEPS, HIDDEN)),
    "textbook.neuron_backward.error": lambda: np.ones((BATCH, STEPS, HIDDEN)),
    "textbook.neuron_forward.recurrent": lambda: np.ones((HIDDEN, HIDDEN)),
    "textbook.neuron_backward.recurrent": lambda: np.ones((HIDDEN, HIDDEN)),
    "textbook.backward.trace": lambda: _textbook_trace(),
    "textbook.readout.trace": lambda: _textbook_trace(),
    # networks and traces
    "Network.layers": lambda: (N_IN, HIDDEN, N_OUT),
    "Network.replace.layers": lambda: (6, 5, 3),
    "Residual.layers": lambda: [layer_kinds.Dense(5)],
    "Residual.more": tuple,
    "Network.forward.dropout": lambda: [np.ones(HIDDEN, bool)],
    "CompressedNetwork.forward.dropout": lambda: None,
    "CompressedNetwork.forward.potentials": lambda: False,
    "CompressedNetwork.forward.on": lambda: None,
    "Recorder.run.dropout": lambda: None,
    "Recording.run.dropout": lambda: None,
    "Substrate.run.dropout": lambda: [np.ones(HIDDEN, bool)],
    "Network.load.path": lambda: saved(network().save),
    "Network.wiring.kind": Inner(lambda: SpikeTrains),
    "Trace.records": Inner(lambda: trace().records),
    "Trace.readout": G_READOUT,
    "Trace.measured.v": lambda: list(trace().v),
    "Trace.measured.spikes": lambda: list(trace().spikes),
    "Trace.signal_of.source": lambda: -1,
    "Trace.measured.readout": lambda: trace().readout,
    "Trace.measured.dropout": lambda: None,
    "units_in_use.unheard": FLAG,
    "views.flat": lambda: network().parameters.copy(),
    "loudest_silence.n": ONE,
    "scale_to_activity.level": lambda: 1.0,
    # conversion
    "ReLU.v_th": lambda: 1.0,
    "ReLU.levels": lambda: 4,
    "ReLU.learn": lambda: "v_th",
    "ReLU.learn_per": lambda: "layer",
    "ReLU.from_dict.values": lambda: snnlab.ReLU(v_th=1.0).to_dict(),
    "ReLU.activation.v": lambda: np.ones((2, HIDDEN)),
    "ReLU.slope.v": lambda: np.ones((2, HIDDEN)),
    "ReLU.slope_by_threshold.v": lambda: np.ones((2, HIDDEN)),
    "convert.network": lambda: relu_network(),
    "convert.inputs": lambda: currents(),
    "convert.method": lambda: "percentile",
    "convert.start": lambda: 0.5,
    "convert.percentile": lambda: 99.0,
    "convert.neuron": lambda: snnlab.conversion.integrate_and_fire(),
    "largest_activations.network": lambda: relu_network(),
    "largest_activations.inputs": lambda: currents(),
    "largest_activations.percentile": lambda: 99.0,
    "with_ceilings.network": lambda: relu_network(),
    "with_ceilings.ceilings": lambda: [1.0],
    "fit_curve.network": lambda: relu_network(),
    "fit_curve.inputs": lambda: currents(),
    "fit_curve.shares": lambda: np.array([0.5, 1.0]),
    "fit_ceilings.network": lambda: relu_network(),
    "fit_ceilings.inputs": lambda: currents(),
    "fit_ceilings.weight": lambda: 0.01,
    "fit_ceilings.per": lambda: "layer",
    "fit_ceilings.least": lambda: 0.1,
    "RunningCeilings.network": lambda: relu_network(v_th=1.0, learn="v_th"),
    "RunningCeilings.momentum": lambda: 0.1,
    "RunningCeilings.__call__.step": Inner(lambda: step_of_ceilings()),
    "from_perceptron.classifier": lambda: perceptron(),
    "by_step.inputs": trains,
    "rate_errors.converted": lambda: snnlab.conversion.convert(relu_network(), currents()),
    "rate_errors.network": lambda: relu_network(),
    "rate_errors.inputs": lambda: currents(),
    # layers
    "Dense.shape_out.shape": lambda: (6,),
    "Conv.shape_out.shape": lambda: (8, 8, 1),
    "Conv.blocks.shape": lambda: (8, 8, 1),
    "Conv.init.shape": lambda: (8, 8, 1),
    "Dense.drive.x": lambda: np.ones((2, N_IN)),
    "Dense.adjoint.x": lambda: np.ones((2, N_IN)),
    "Conv.drive.x": lambda: np.ones((2, 8, 8, 1)),
    "Conv.drive.w": lambda: np.ones((9, 2)),
    "Conv.adjoint.x": lambda: np.ones((2, 8, 8, 1)),
    "Conv.adjoint.w": lambda: np.ones((9, 2)),
    "Conv.adjoint.g": lambda: np.ones((2, 8, 8, 2)),
    "Dense.n": SMALL,
    "Recurrent.n": SMALL,
    "Recurrent.fixed": FLAG,
    # optimisers, rules, losses, penalties
    "check_arrays.found": Inner(dict),
    "gradients": Inner(lambda: backward(network())),
    "step.gradients": lambda: backward(network()),
    "of_weights.gradients": lambda: backward(network()),
    "step.network": network,
    "flat_gradients.gradients": lambda: backward(network()),
    "kernel.rates": Inner(lambda: [1e-3] * 2),
    "change.lo": Inner(ZERO),
    "change.hi": Inner(SMALL),
    "change.out": Inner(lambda: np.empty(2, np.float32)),
    "strength.x": lambda: np.ones(3),
    "restore.state": lambda: Adam().state(),
    "checked.state": lambda: Adam().state(),
    "adopt.values": Inner(lambda: {"steps": 0}),
    "limit_fan_in.rest": Inner(lambda: 0.0),
    "signs.where": Inner(lambda: None),
    "rates": lambda: None,
    "share_parameters.work": lambda: lambda lo, hi: None,
    "share_parameters.n": lambda: 8,
    "Log.restore.state": lambda: log().state(),
    "Log.checked.state": lambda: log().state(),
    "Log.add.strengths": lambda: None,
    "Log.observe.step": lambda: None,
    "Log.network": network,
    "Log.adopt.values": Inner(lambda: log().state()),
    "Log.substrate": lambda: None,
    "Log.sizes": lambda: None,
    "Log.dead": dict,
    "Log.steps": list,
    "Log.connectivity": list,
    "Log.spikes": list,
    "optim.Optimizer.rates": lambda: {},
    "Adam.rates": lambda: {},
    "SGD.rates": lambda: {},
    "Kind.padded": FLAG,
    "Cosine.warmup": lambda: 1.0,
    "Cosine.end": lambda: 0.5,
    "Bursts.layers": lambda: (0,),
    "UpperBound.spikes": lambda: 2.0,
    "LowerBound.spikes": lambda: 2.0,
    "Homeostasis.spikes": lambda: 2.0,
    "Bursts.__call__.x": lambda: np.ones((BATCH, STEPS, HIDDEN), np.float32),
    "UpperBound.__call__.x": lambda: np.ones((BATCH, STEPS, HIDDEN), np.float32),
    "LowerBound.__call__.x": lambda: np.ones((BATCH, STEPS, HIDDEN), np.float32),
    "Homeostasis.__call__.x": lambda: np.ones((BATCH, STEPS, HIDDEN), np.float32),
    "ReadoutAmplitude.__call__.x": G_READOUT,
    "WeightDecay.__call__.x": lambda: np.ones((N_IN, HIDDEN), np.float32),
    "Penalties.of_trace.g_readout": G_READOUT,
    "Magnitude.end": lambda: 0.5,
    "Ramp.__call__.epoch": lambda: 0.5,
    "step": lambda: 1,
    # learning from the membrane
    "backward": snnlab.MembraneSignal,
    "MembraneSignal.normalise": FLAG,
    "MembraneSignal.mean": FLAG,
    "MembraneSignal.silent": FLAG,
    "membrane.traces.z": lambda: trains().to_dense(float),
    "membrane.traces.share": lambda: np.ones(STEPS),
    "membrane.learn.x": lambda: np.ones((BATCH, N_IN)),
    "membrane.learn.error": lambda: np.ones((BATCH, HIDDEN)),
    "membrane.learn.weights": lambda: np.ones((N_IN, HIDDEN)),
    "membrane.learn.update": lambda: np.ones(BATCH),
    "membrane.learn.back": lambda: np.ones(BATCH),
    "membrane.shares.mean": FLAG,
    "competing.inhibition": lambda: (0.1, 0.0),
    "competing.sizes": lambda: (N_IN, HIDDEN, N_OUT),
    "RateCoded.batch.indices": lambda: np.array([0, 1]),
    # chip
    "check_targets.name": Inner(lambda: "targets"),
    "from_nir.graph": lambda: snnlab.interchange.to_nir(network()),
    "load_trace.path": lambda: saved(lambda p: snnlab.recording.save_trace(p, trace())),
    "Recording.folder": recording,
    "Recording.run.inputs": trains,
    "Substrate.effects": lambda: {"noise": 0.01},
    "draw_mismatch.sigma_d": lambda: [0.0, 0.1, 0.2],
    "Recorder.folder": lambda: folder() / f"rec{next(_NUMBERS)}",
    # reports
    "Frontier.data": lambda: "toy",
    "Frontier.load.path": lambda: saved(frontier().save, ".json"),
    "Frontier.from_records.records": lambda: [_record()],
    "draw_tradeoff.records": lambda: [_record()],
    "delta.x": lambda: np.zeros((BATCH, STEPS, 3)),
    "Cochlea.n_channels": lambda: 6,
    "Cochlea.low": lambda: 100.0,
    "Cochlea.high": lambda: 3000.0,
    "Cochlea.window": lambda: 0.02,
    "Cochlea.dt": lambda: 0.01,
    "Cochlea.decode.trains": lambda: snnlab.Cochlea().spikes([np.sin(np.arange(400.0))]),
    "Cochlea.resynthesise.loudness": lambda: np.full((2, 4, 40), 0.5),
    # STDP
    "contrast.images": lambda: np.random.default_rng(0).random((BATCH, 8, 8)),
    "contrast.size": lambda: 5,
    "rise": lambda: 0.04,
    "fall": lambda: 0.03,
    "STDPFeatures.cut": lambda: 0.3,
    "winners": lambda: 2,
    "radius": lambda: 1,
    "n_layers": lambda: 1,
    "Events.additions": lambda: (1, 2),
    "Events.updates": lambda: (1, 2),
    "Events.heard": lambda: (1, 2),
    "Events.said": lambda: (1, 2),
    "Events.images": lambda: 3,
    "stdp.Log.layer": list,
    "stdp.Log.images": list,
    "stdp.Log.connectivity": list,
    "unsettled": list,
    "stdp.Log.cut": list,
    "stdp.Log.silent": list,
    "stdp.Log.counts": list,
    "contrast.narrow": lambda: 1.0,
    "contrast.wide": lambda: 2.0,
    "floor": lambda: 0.1,
    "synaptic": lambda: 1e-9,
    "plastic": lambda: 1e-9,
    "EventEnergy.weights": lambda: 1e-9,
    "EventEnergy.states": lambda: 1e-9,
    "first_spikes.x": lambda: np.random.default_rng(0).random((BATCH, 8, 8, 2)),
    "first_spikes.n_steps": lambda: STEPS,
    "Detectors.n": lambda: 3,
    "Detectors.threshold": lambda: 4.0,
    "STDP.cut": lambda: 0.3,
    "Stage.layer": lambda: stdp_layers()[0],
    "Stage.shape_in": lambda: (8, 8, 2),
    "STDPNetwork.shape": lambda: (8, 8, 2),
    "STDPNetwork.layers": lambda: stdp_layers(),
    "STDPNetwork.from_arrays.arrays": lambda: stdp_network().to_arrays(),
    "STDPNetwork.load.path": lambda: saved(stdp_network().save),
    "STDPNetwork.learn.settings": dict,
    "learn.when": lambda: first_spikes(),
    "learn_steps.rule": lambda: snnlab.stdp.STDP(cut=0.3),
    "STDPNetwork.learn.rule": lambda: snnlab.stdp.STDP(cut=0.3),
    "when": lambda: first_spikes(),
    "at_random": lambda: [1],
    "learn_steps.images": lambda: 20,
    "gone": lambda: np.zeros((18, 3), bool),
    "grid": lambda: 2,
    "Events.of.counts": lambda: np.ones((2, 4), np.int64),
    "of_events.network": lambda: stdp_network(),
    "of_events.events": lambda: stdp_network().respond(first_spikes())[1],
    "of_events.learning": lambda: False,
    "STDPFeatures.layers": lambda: stdp_layers()[:1],
    "STDPFeatures.image_shape": lambda: (8, 8),
    "STDPFeatures.n_steps": lambda: STEPS,
    "STDPFeatures.n_images": lambda: 20,
    "STDPFeatures.load.path": lambda: saved(stdp_features().save),
    "explain.target": ONE,
    "explain.method": lambda: "removal",
    "avoidance.permutations": lambda: 10,
    "Explanation.map.shape": lambda: (2, 3),
    "at_rate.n_steps": lambda: 20,
    "repeat.run": lambda: lambda seed: 1.0,
    "sweep.test": lambda: (trains(), labels()),
    "sweep.settings": dict,
    "sweep.penalty": lambda: snnlab.penalties.Bursts,
    "Frontier.draw.settings": dict,
    "first_input_step.inputs": trains,
    "Finding.treat.network": network,
    "Report.sizes": lambda: (6, 5, 3),
    "Report.layers": list,
    "Report.loss": lambda: None,
    "Report.labels": labels,
    "Report.inputs": trains,
    "EarlyExit.last": lambda: np.full(3, STEPS - 1),
    "DecisionTime.accuracy": lambda: np.ones(3),
    "DecisionTime.hidden_spikes": lambda: np.ones(3),
    "Explanation.inputs": lambda: None,
    "Explanation.hidden": lambda: None,
    "Explanation.step": ONE,
    "Contributions.step": lambda: np.arange(3),
    "Contributions.unit": lambda: np.arange(3),
    "Contributions.value": lambda: np.arange(3.0),
    "LivingNetwork.callback.step": Inner(lambda: _living_step()),
    "Layer.reach": lambda: None,
    "Operations.layers": tuple,
    "Operations.total.name": lambda: "adds",
    # autoencoders
    "model": lambda: autoencoder(),
    "beta": lambda: 0.1,
    "estimator": lambda: "straight-through",
    "draws": SMALL,
    "baseline": lambda: 0.5,
    "budget": SMALL,
    "budgets": lambda: 3,
    "autoencoder.steps.budgets": lambda: (1, 3),
    "reads": lambda: "time",
    "n_pixels": lambda: 4,
    "Autoencoder.encoder": network,
    "Autoencoder.hidden": lambda: (4,),
    "Autoencoder.hold": ONE,
    "Autoencoder.evaluate.images": pixels,
    "Autoencoder.gradients.images": pixels,
    "autoencoder.steps.images": pixels,
    "autoencoder.train.images": pixels,
    "autoencoder.train.validation": lambda: (trains(), pixels()),
    "autoencoder.train.settings": dict,
    "Autoencoder.encode.budgets": SMALL,
    "spikes": drawn,
    "AutoencoderHistory.spikes": LIST,
    "AutoencoderHistory.nats": LIST,
    "AutoencoderHistory.validation_error": LIST,
    "Decoder.sizes": lambda: (5, 4, 3),
    "Decoder.forward.x": lambda: np.ones((2, 5)),
    "Decoder.backward.values": lambda: decoder().forward(np.ones((2, 5))),
    "Decoder.backward.g": lambda: np.full((2, 3), 0.1),
    "draw_spikes.p": lambda: np.full(SPOKEN, 0.3),
    "draw_spikes.hold": ONE,
    "may_spike.hold": ONE,
    "information.p": lambda: np.full(SPOKEN, 0.3),
    "information.where": lambda: np.ones(SPOKEN, bool),
    "probability.u": lambda: np.zeros(SPOKEN),
    "information_gradient.u": lambda: np.zeros(SPOKEN),
    "information_gradient.p": lambda: np.full(SPOKEN, 0.3),
    "straight_through.p": lambda: np.full(SPOKEN, 0.3),
    "straight_through.g_spikes": lambda: np.full(SPOKEN, 0.3),
    "score_function.p": lambda: np.full(SPOKEN, 0.3),
    "score_function.advantage": lambda: np.ones(BATCH),
    # data
    "load.name": lambda: "digits16",
    "spoken_digits.which": lambda: "stand-in",
    "n_mnist.which": lambda: "stand-in",
    "held_out": ONE,
    "read_events.path": lambda: saved(_write_events, ".bin"),
    "read_events.shape": lambda: (2, 40, 40),
    "read_events.sensor": lambda: "davis",
    "recordings_of.events": lambda: structured(),
    "recordings_of.shape": lambda: (2, 4, 4),
    "recordings_of.labels": lambda: np.array([1]),
    "Recordings.times": lambda: np.array([0, 10, 30]),
    "Recordings.units": lambda: np.array([0, 3, 2]),
    "Recordings.indptr": lambda: np.array([0, 2, 3]),
    "Recordings.shape": lambda: (2, 3),
    "Recordings.labels": lambda: np.array([0, 1]),
    "Recordings.spikes.dt": lambda: 1e-5,
    "RecordedDataset.train": lambda: sounds(),
    "RecordedDataset.test": lambda: sounds(),
    "RecordedDataset.source": TEXT,
    "Sounds.sounds": lambda: [np.arange(5, dtype=np.int16), np.ones(3, np.int16)],
    "Sounds.labels": lambda: np.array([0, 1]),
    "Sounds.speakers": lambda: np.array([0, 0]),
    "Microphone.hear.sound": lambda: np.arange(9, dtype=np.int16),
    "Microphone.hear.sample_rate": lambda: 48000,
    "Microphone.sample_rate": lambda: 8000,
    "Microphone.seconds": lambda: 1.5,
    "Microphone.settings": dict,
    "Spoken.sample_rate": lambda: 8000,
    "Spoken.seconds": lambda: 1.5,
    "Loudspeaker.play.sound": lambda: np.arange(9, dtype=np.int16),
    "Loudspeaker.play.sample_rate": lambda: 8000.0,
    "yinyang.n": lambda: 20,
    "resample.index": lambda: np.array([0, 1]),
    "resample.run": lambda: None,
    "resample.rng": ZERO,
    "AugmentedImages.size": lambda: 8,
    "Affine.scale": lambda: 0.1,
    "Affine.matrices.n": SMALL,
    "AugmentedImages.source": images,
    "CroppedImages.source": images,
    "CroppedImages.pad": lambda: 1,
    "Crops.pad": lambda: 1,
    "LayerOperations.synapses": ONE,
    "LayerOperations.nonzero_synapses": ONE,
    "LayerOperations.row": ONE,
    "LayerOperations.values_in": ONE,
    "LayerOperations.row_acs": ONE,
    "LayerOperations.passed": ONE,
    "LayerOperations.passed_steps": ONE,
    "LayerOperations.added": ONE,
    "LayerOperations.loop_weights": ONE,
    "LayerOperations.loop_nonzero": ONE,
    "LayerOperations.loop_spikes": ONE,
    "LayerOperations.loop_acs": ONE,
    "LayerOperations.weights": ONE,
    "receptive_field.place": lambda: (0, 0),
    "receptive_field.network": small_panels.network_of_images,
    "patch_network.maps": lambda: 2,
    "patch_network.data": small_digits,
    "CroppedImages.batch.rng": lambda: np.random.default_rng(0),
    "CroppedImages.batch.index": lambda: np.array([0, 1]),
    "load_default.name": lambda: "mnist16",
    "Dataset.source": TEXT,
    "Published.source": TEXT,
    "Cost.source": TEXT,
    "Cost.value": lambda: 1.0,
    "latency_edges.n_steps": lambda: 20,
    "latency.n_steps": lambda: 20,
    "AugmentedImages.batch.rng": lambda: np.random.default_rng(0),
    "AugmentedImages.batch.index": lambda: np.array([0, 1]),
    # estimator
    "SpikingClassifier.hidden": lambda: (5,),
    "SpikingClassifier.layers": lambda: (5,),
    "SpikingClassifier.readout": lambda: None,
    "SpikingClassifier.epochs": ONE,
    "SpikingRegressor.hidden": lambda: (5,),
    "SpikingRegressor.layers": lambda: (5,),
    "SpikingRegressor.readout": lambda: None,
    "SpikingRegressor.loss": lambda: "squared_error",
    "SpikingRegressor.load.path": lambda: saved(regressor().save),
    "WeightedTargets.weights": lambda: np.ones(BATCH),
    "Weighted.loss": lambda: snnlab.losses.MaxOverTime(),
    "Masked.loss": lambda: snnlab.losses.MaxOverTime(),
    "scores_for.targets": lambda: masked_targets(),
    "Masked.__call__.targets": lambda: masked_targets(),
    "Masked.__call__.readout": G_READOUT,
    "PerStep.__call__.targets": lambda: np.zeros((BATCH, STEPS), int),
    "SquaredErrorPerStep.__call__.targets": lambda: np.zeros((BATCH, STEPS, N_OUT)),
    "mask_of.lengths": lambda: np.array([3, 1, 8]),
    "MaskedTargets.mask": lambda: np.ones((BATCH, STEPS), bool),
    # course
    "lessons.begin.method": lambda: "Grad R",
    "lessons.rewire.method": lambda: "Grad R",
    "Task.inputs": trains,
    "Task.hidden": lambda: 5,
    "lessons.task.data": small_digits,
    "learn.network": lambda: network((256, 5, 10), 20),
    "learn.rule": lambda: rule(),
    "learn.substrate": lambda: None,
    "rewire_on_chip.settings": lambda: dict(sigma_d=0.1, dead=0.1, alpha=0.01),
    "Cloud.theta": lambda: np.ones((4, 3)),
    "Cloud.error": lambda: np.ones(3),
    "cloud.n_steps": lambda: 10,
    "Run.network": lambda: network(),
    "Run.go.step": ONE,
    "Run.test": lambda: (trains(), labels()),
    "Patient.training": dict,
    "AdaptiveLIF.from_dict.values": lambda: AdaptiveLIF.brainscales2().to_dict(),
    "LIF.from_dict.values": lambda: LIF.brainscales2().to_dict(),
    "LeakyIntegrator.from_dict.values": lambda: LIF.brainscales2().integrator().to_dict(),
    "steps.history": lambda: snnlab.History(),
    "Step.trace": lambda: None,
    "lessons.rewire.settings": dict,
    "Step.history": lambda: None,
    # plot
    "draw_images.x": lambda: images().reshape(BATCH, -1) / 255.0,
    "draw_images.shape": lambda: (16, 16),
    "update_images.x": lambda: images().reshape(BATCH, -1) / 255.0,
    "draw_images.names": lambda: ["a", "b", "c"],
    "draw_explanation.label": ONE,
    "draw_explanation.image": lambda: np.ones((2, 3)),
    "draw_raster.label": ONE,
    "update_raster.label": ONE,
    "draw_raster.size": lambda: (8.6, 5.2),
    "update_history.picture": lambda: picture("history"),
    "update_raster.picture": lambda: picture("raster"),
    "update_defects.picture": lambda: picture("defects"),
    "update_frontier.picture": lambda: picture("frontier"),
    "update_images.picture": lambda: picture("images"),
    "draw_theta.rule": lambda: _USED[0],
    "draw_theta.network": lambda: _USED[1],
    "draw_inputs.shape": lambda: (2, 3),
    "draw_prior.lr": lambda: 1e-3,
    "draw_prior.steps": lambda: 100,
    "draw_rules.studies": lambda: {},
    "Still.of.picture": lambda: picture("history"),
    "Still.of.pngs": lambda: [picture("history").png()],
    "Raster.axes": dict,
    "Raster.fig": lambda: None,
    "draw_history.epochs": lambda: 3,
    "draw_code.image": lambda: images(1)[0][:2, :3] / 255.0,
    "History.line.epochs": SMALL,
    "Raster.paste.name": lambda: "a",
    "Raster.paste_events.name": lambda: "a",
    "Raster.paste_events.step": lambda: np.array([0, 1]),
    "Raster.paste_events.unit": lambda: np.array([0, 1]),
    # live
    "Slider.value": lambda: 1.0,
    "Slider.step": lambda: 0.1,
    "Slider.unit": lambda: "us",
    "Choice.value": ONE,
    "Stops.value": ONE,
    "Drawing.value": lambda: None,
    "Grid.settings": dict,
    "Pad.settings": dict,
    "Pad.samples": lambda: np.zeros((2, 16, 16)),
    "Drawing.samples": lambda: None,
    "DrawDigit.samples": lambda: None,
    "Panel.simulate.values": dict,
    "Worker.work": lambda: lambda request: None,
    "Panel.draw.data": lambda: None,
    "Panel.describe.data": lambda: None,
    "Panel.update.data": lambda: None,
    "Panel.update.picture": lambda: None,
    "folded": lambda: "",
    "content": lambda: bytes(16),
    "solution": lambda: None,
    "guess": lambda: 1.0,
    "happened": lambda: 1.0,
    "lessons.watch.rule": rule,
    "as_options.values": lambda: ["a", "b"],
    "pause": lambda: 0.01,
    "frame.make": CALL,
    "Pace.wait": lambda: 0.01,
    "frame.now": lambda: 0.0,
    "controls": lambda: [],
    "GradR.load.path": lambda: saved(rule().save),
    "Substrate.load.path": lambda: saved(Substrate(0).save),
    "Adam.load.path": lambda: saved(Adam().save),
    "SGD.load.path": lambda: saved(snnlab.SGD().save),
    "SpikingClassifier.load.path": lambda: saved(classifier().save),
    "DeepR.load.path": lambda: saved(rule(rewiring.DeepR).save),
    "LivingNetwork.network": lambda: None,
    "LivingNetwork.update.network": lambda: None,
    "LivingNetwork.inputs": lambda: None,
    "LivingNetwork.images": lambda: None,
    "LivingNetwork.labels": lambda: None,
    "LivingNetwork.names": lambda: None,
}


def _textbook_trace():
    w = [np.array(w, float) for w in network().weights]
    return snnlab.textbook.forward(trains().to_dense(float), w, network().neurons)


def structured():
    fields = [("x", int), ("y", int), ("t", int), ("p", int)]
    return np.array([(0, 1, 3, 1), (2, 0, 40, 0), (3, 3, 41, 1)], fields)


def sounds():
    parts = np.arange(5, dtype=np.int16), np.ones(3, np.int16)
    return snnlab.datasets.Sounds(parts, np.array([0, 1]), np.array([0, 0]))


def _write_events(path):
    path.write_bytes(bytes([3, 4, 128, 0, 9, 5, 6, 0, 1, 0]))


def _wrapped(t):
    return t.start, t.stop, t.step, t.unit, t.n_steps, t.n_units


class _Used:
    def __getitem__(self, k):
        if k == 0:
            self.pair = used_rule()
        return self.pair[k]


_USED = _Used()


def _record():
    return {
        "metric": "test_accuracy",
        "config": {"data": "toy"},
        "seeds": [0, 1],
        "values": [0.5, 0.6],
        "hidden_spikes_values": [5.0, 6.0],
    }


def _living_step():
    return None


def stdp_layers():
    """Two layers of detectors."""
    return [snnlab.stdp.Detectors(3, 3, 4.0, pool=2), snnlab.stdp.Detectors(4, None, 2.0)]


def stdp_network():
    return snnlab.stdp.STDPNetwork((8, 8, 2), stdp_layers(), n_steps=STEPS, rng=0, workers=1)


def first_spikes():
    """Of some images."""
    x = snnlab.stdp.contrast(np.random.default_rng(0).random((BATCH, 8, 8)))
    return snnlab.stdp.first_spikes(x, n_steps=STEPS)


def stdp_features():
    x = np.random.default_rng(0).random((20, N_IN))
    return snnlab.STDPFeatures(n_images=20, random_state=0, workers=1).fit(x)


# objects whose methods are called -----------------------------------------------------------------

OBJECTS = {
    "SpikingClassifier": classifier,
    "SpikingRegressor": regressor,
    "STDPFeatures": lambda: stdp_features(),
    "STDPNetwork": lambda: stdp_network(),
    "Stage": lambda: stdp_network().stages[0],
    "Events": lambda: stdp_network().respond(first_spikes())[1],
    "MaskedTargets": masked_targets,
    "WeightedTargets": lambda: snnlab.losses.WeightedTargets(labels(), np.ones(BATCH)),
    "Network": network,
    "CompressedNetwork": lambda: network().compressed(),
    "Recordings": lambda: snnlab.datasets.recordings_of(structured()),
    "Autoencoder": autoencoder,
    "Decoder": decoder,
    "Sounds": lambda: sounds(),
    "SpikeTrains": trains,
    "ConstantCurrent": lambda: ConstantCurrent(np.ones((BATCH, N_IN)), STEPS),
    "Values": lambda: Values(np.ones((BATCH, STEPS, N_IN))),
    "Trace": trace,
    "Frontier": frontier,
    "Report": report,
    "Finding": lambda: _finding(),
    "EnergyCard": energy_card,
    "Operations": lambda: snnlab.energy.count(network(), trains()),
    "Explanation": lambda: snnlab.explain(network(), trains()),
    "Log": log,
    "Raster": lambda: _raster(),
    "FixedMask": lambda: rewiring.FixedMask(1e-3, 0.5, rng=0),
    "Picture": lambda: picture("history"),
    "Recorder": lambda: snnlab.recording.Recorder(
        Substrate(0), _made(folder() / f"rec{next(_NUMBERS)}")
    ),
    "Recording": lambda: snnlab.recording.Recording(recording()),
    "Penalties": lambda: snnlab.penalties.Penalties((snnlab.penalties.Bursts(0.1),), network()),
    "Run": lambda: snnlab.course.panels.train.Run(
        network(), trains(), labels(), (trains(), labels())
    ),
    "Task": task,
    "Residual": lambda: layer_kinds.Residual([layer_kinds.Dense(N_IN)]),
    "Composite": lambda: layer_kinds.Residual([layer_kinds.Dense(N_IN)]),
    "Conv": lambda: layer_kinds.Conv(2, 3),
    "Dense": lambda: layer_kinds.Dense(HIDDEN),
    "Recurrent": lambda: layer_kinds.Recurrent(HIDDEN),
    "DeepR": lambda: rule(rewiring.DeepR),
    "Still": lambda: snnlab.live.Still.of(picture("history")),
    "Surrogates": None,
}


def _made(path):
    path.mkdir(exist_ok=True)
    return path


def _finding():
    remedy = snnlab.clinic.Remedy("words", lambda network, inputs: (network, {}))
    return snnlab.clinic.Finding("name", "warning", "text", remedy)


def _raster():
    fig = snnlab.plot.new_figure(2, 1)
    ax = fig.subplots()
    snnlab.plot.freeze(fig)
    return snnlab.plot.Raster(fig, "text", a=ax)


assert Trace
