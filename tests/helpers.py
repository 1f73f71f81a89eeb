"""What several test files use: toy data and networks, comparisons, a fresh interpreter."""

import importlib.util
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from snnlab import LIF, Network, SpikeTrains, encode, plot, surrogate
from snnlab import train as train_aloud
from snnlab.currents import ConstantCurrent
from snnlab.passes import threads_worth

ROOT = Path(__file__).resolve().parents[1]
CHIP = LIF.brainscales2()
N_STEPS = 12


def fresh_python(*arguments, check=True, **settings):
    """Run ``python *arguments`` with this checkout's package; returns the completed process.

    Parameters
    ----------
    arguments
        A script and its arguments, or ``"-c", code``.
    check : bool
        Fail, showing what the process said, if it fails.
    settings
        As for `subprocess.run`; the entries of ``env`` are added to the present environment, those
        that are None are taken out of it.
    """
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    environment = os.environ | {"PYTHONPATH": path} | settings.pop("env", {})
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        env={name: value for name, value in environment.items() if value is not None},
        **settings,
    )
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def script(name):
    """A script of the folder tools as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pixels(png):
    """The pixels of a PNG file's bytes."""
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(png))).astype(int)


def assert_nothing_is_cut_off(picture):
    """All visible axes, legends and texts of a picture lie within its page."""
    picture.png(1)
    width, height = plot.page_size(picture.fig)
    axes = [ax for ax in picture.fig.get_axes() if ax.get_visible()]
    boxes = [ax.get_tightbbox() for ax in axes]
    boxes += [part.get_window_extent() for part in (*picture.fig.legends, *picture.fig.texts)]
    assert boxes
    for box in boxes:
        assert box.x0 >= -1 and box.y0 >= -1, (picture.alt, box)
        assert box.x1 <= width + 1 and box.y1 <= height + 1, (picture.alt, box)


# a small task, and networks that learn it ---------------------------------------------------------


def train(*args, progress=False, **settings):
    return train_aloud(*args, progress=progress, **settings)


def toy(n, seed, n_units=20, n_classes=4):
    """Noisy copies of one pattern per class, in [0, 1]."""
    patterns = np.random.default_rng(5).random((n_classes, n_units))
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_classes, n)
    x = patterns[labels] + rng.normal(0, 0.2, (n, n_units))
    return np.clip(x, 0, 1).astype(np.float32), labels


def as_input(x, kind="events", n_steps=N_STEPS):
    code = encode.latency if kind == "events" else encode.constant_current
    return code(x, n_steps=n_steps)


def network(inputs=None, sizes=(20, 24, 4), seed=0, **settings):
    settings = {"n_steps": N_STEPS, "rng": seed} | settings
    net = Network(sizes, CHIP, **settings)
    return net if inputs is None else net.scale_to_activity(inputs, sizes[1] / 2)


def same(a, b):
    """Whether two networks have bit-identical weights."""
    return all(u.tobytes() == v.tobytes() for u, v in zip(a.weights, b.weights, strict=True))


def threads(net, n_samples):
    """Threads that share a batch."""
    updates = n_samples * net.n_steps * sum(stage.width for stage in net.stages)
    return threads_worth(updates, net.workers)


# chips --------------------------------------------------------------------------------------------


def bits(trace):
    """All that a trace holds, as bytes."""
    trains = [x.tobytes() for s in trace.spikes for x in (s.to_dense(), s.indptr, s.compact().step)]
    kept = all(r.kind != "spiking" or r.potentials is not None for r in trace.records)
    return trains, [v.tobytes() for v in trace.v] if kept else None, trace.readout.tobytes()


def one_layer(model, weights, n_steps, dtype=np.float64):
    """A network of one layer, with these weights."""
    net = Network(
        np.shape(weights), [], n_steps=n_steps, rng=0, spread=0, readout=model, dtype=dtype
    )
    net.weights[0][...] = weights
    return net


def thresholds(chip, lowest=0.7, highest=1.3, n=1201):
    """Threshold of every neuron in one run: how strong a pulse it takes to make it fire."""
    model = LIF(tau_mem=6e-6, tau_syn=None, dt=1.7e-6)
    pulses = np.linspace(lowest, highest, n)
    net = one_layer(model, np.ones((1, 256)), 1)
    fired = net.forward(ConstantCurrent(pulses[:, None], 1), on=chip, potentials=False).readout[
        :, 0
    ]
    return lowest + (highest - lowest) * (n - fired.sum(axis=0) - 0.5) / (n - 1)


def active(sizes=(20, 24, 4), seed=0, n=60, **settings):
    """A network that spikes, its inputs and labels."""
    x, labels = toy(n, 1)
    inputs = as_input(x, n_steps=settings.get("n_steps", N_STEPS))
    net = network(inputs, sizes, seed, **settings)
    if net.spiking_readout:
        net.weights[-1][...] *= 8
    return net, inputs, labels


NETWORKS = {
    "one hidden layer": {},
    "two hidden layers": {"sizes": (20, 24, 17, 4)},
    "spiking readout": {"readout": CHIP},
    "float64": {"dtype": np.float64},
}

# networks with everything in them -----------------------------------------------------------------

# those of bounded support wide enough that some gradient gets through several layers
STEEPNESS = dict.fromkeys(surrogate.NAMES, 2.0) | {"triangle": 0.5, "rectangle": 0.4}


def build(
    name="sigmoid",
    reset="subtract",
    detach=True,
    fires=False,
    n_hidden=1,
    driven=False,
    *,
    seed=0,
    batch=4,
    n_steps=9,
    widths=(20, 7, 4),
    uniform=True,
    refractory=True,
    delays=True,
    activity=None,
    dtype=np.float64,
):
    """A network and inputs: delays, decays, refractory times differ from layer to layer."""
    steepness = STEEPNESS[name]
    rng = np.random.default_rng([seed, n_hidden, fires, driven])
    sizes = [5, *widths[:n_hidden], 3]
    models = []
    for k, n in enumerate(sizes[1:]):
        several = (seed + k) % 2 if k < n_hidden else not uniform
        draw = (lambda low, high, n=n: rng.uniform(low, high, n)) if several else rng.uniform
        models.append(
            LIF(
                tau_mem=draw(1.5, 6.0),
                tau_syn=None if (seed + k) % 4 == 3 else draw(1.2, 4.0),
                dt=1.0,
                gain=draw(0.5, 1.2),
                v_th=draw(0.6, 1.2),
                reset=reset,
                delay=int(rng.integers(3)) if delays else 0,
                method=("exact", "euler")[rng.integers(2)],
                surrogate=name,
                steepness=steepness,
                refractory=float(rng.integers(3)) if refractory else 0.0,
                detach_reset=detach,
            )
        )
    if not fires:
        models[-1] = models[-1].integrator()
    network = Network(sizes, models[:-1], n_steps=n_steps, rng=rng, readout=models[-1], dtype=dtype)
    for k, w in enumerate(network.weights):
        mean, scale = (0.8, 2.5) if k > 0 else (0.3, 2)
        w[...] = rng.normal(mean, 1.2, w.shape) / np.sqrt(len(w)) * scale
        if activity is not None:
            w[...] = activity
    if driven:
        inputs = ConstantCurrent(rng.normal(0.2, 1.2, (batch, 5)), n_steps)
    else:
        inputs = SpikeTrains.from_dense(rng.random((batch, n_steps, 5)) < 0.4)
    return network, inputs


def assert_close(got, expected, tolerance=1e-10):
    """Equal, relative to the largest entry of each array."""
    for g, e in zip(got, expected, strict=True):
        assert g.shape == e.shape and np.all(np.isfinite(g))
        assert np.abs(g - e).max() <= tolerance * np.abs(e).max()
