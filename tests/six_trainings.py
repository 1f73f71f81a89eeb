"""Six short trainings, each with the digest of the weights it ends with.

Run as a script it prints a line of JSON; `environment` says in which environment the digests do not
depend on the processor. `tests/test_hashes.py` compares them with those in `six_trainings.json`.
"""

import hashlib
import json
import os
import sys

import numpy as np

import snnlab


def environment():
    """Variables under which every x86-64 processor computes the same numbers."""
    umath = np._core._multiarray_umath
    dispatched = set(umath.__cpu_dispatch__) - set(umath.__cpu_baseline__)
    present = sorted(name for name in dispatched if umath.__cpu_features__.get(name))
    return {
        "NUMBA_CPU_NAME": "generic",  # no fused multiply-add
        "NUMBA_CPU_FEATURES": "",
        "NPY_DISABLE_CPU_FEATURES": " ".join(present),
        "OPENBLAS_CORETYPE": "Prescott",
        "OPENBLAS_NUM_THREADS": "1",
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-AVX,-FMA,-FMA4,-AVX512F",
        "SNNLAB_WORKERS": "2",
        "OPENBLAS_L2_SIZE": "",
    }


def samples(neuron, n=150, n_in=20, n_steps=12):
    """Random intensities as latencies, and which half is brighter: two classes and a third."""
    rng = np.random.default_rng(7)
    x = rng.random((n, n_in)).astype(np.float32)
    half = n_in // 2
    labels = np.digitize(x[:, :half].mean(1) - x[:, half:].mean(1), [-0.05, 0.05])
    return snnlab.encode.latency(x, dt=neuron.dt, n_steps=n_steps), labels


def trained(sizes=(20, 33, 14, 3), neuron=None, dtype=np.float32, readout=None, **settings):
    """Weights after three epochs."""
    neuron = snnlab.LIF.brainscales2() if neuron is None else neuron
    inputs, labels = samples(neuron)
    network = snnlab.Network(
        sizes, neuron, readout=readout, n_steps=12, rng=3, dtype=dtype, spread=0.9
    )
    snnlab.train(
        network, inputs, labels, epochs=3, rng=5, batch_size=40, progress=False, **settings
    )
    return network


def untrained(network):
    """Weights that a network of this shape started from."""
    start = snnlab.Network(
        network.sizes,
        network.neurons[:-1],
        readout=network.neurons[-1],
        n_steps=12,
        rng=3,
        dtype=network.dtype,
        spread=0.9,
    )
    return start.weights


def trainings():
    """Name and network of each."""
    slow = snnlab.LIF.brainscales2(
        surrogate="arctan", steepness=4.0, reset="zero", refractory=2e-6, detach_reset=False
    )
    return {
        "plain": lambda: trained(),
        "dropout with penalty": lambda: trained(
            dropout=0.3, penalties=[snnlab.penalties.Bursts(0.05)]
        ),
        "Grad R": lambda: trained(optimizer=snnlab.GradR(lr=3e-3, sparsity=0.9, alpha=3e-2, rng=1)),
        "Deep R": lambda: trained(
            (20, 33, 3), optimizer=snnlab.DeepR(lr=3e-3, sparsity=0.7, temperature=1e-5, rng=1)
        ),
        "chip": lambda: trained((20, 33, 3), substrate=snnlab.Substrate(4, dead=0.1, stuck=0.01)),
        "float64": lambda: trained(neuron=slow, readout=slow, dtype=np.float64, loss="rate_mse"),
    }


def digest(network):
    """Of all weights, layer by layer."""
    of = hashlib.sha256()
    for w in network.weights:
        of.update(np.ascontiguousarray(w).tobytes())
    return of.hexdigest()[:32]


def main():
    out = {name: digest(run()) for name, run in trainings().items()}
    json.dump(out, sys.stdout)


if __name__ == "__main__":
    if "--fixed" in sys.argv:
        os.execve(sys.executable, [sys.executable, __file__], os.environ | environment())
    main()
