"""Containers of data: masks are not lost, descriptors not closed, and files are not believed."""

import json
import os
import resource
import zipfile

import numpy as np
import pytest
from helpers import as_input, fresh_python, network, toy

import snnlab
from snnlab import (
    ConstantCurrent,
    Frontier,
    GradR,
    Network,
    SpikeTrains,
    SpikingClassifier,
    Substrate,
    encode,
)
from snnlab._files import load_npz
from snnlab.chip.recording import load_trace, save_trace
from snnlab.currents import Values
from snnlab.datasets.augment import resample

X = np.random.default_rng(0).random((6, 20), dtype=np.float32)
MASK = np.eye(6, 20, dtype=bool)


# masks --------------------------------------------------------------------------------------------

TAKERS = {
    "x": [
        encode.latency, encode.latency_times, encode.population,
        lambda x: encode.rate(x, n_steps=3, rng=0), lambda x: ConstantCurrent(x, 3),
        lambda x: Values(x[:, None]),
    ],
    "z": [lambda x: SpikeTrains.from_dense((x > 0.5)[:, None])],
    "X": [
        lambda x: SpikingClassifier(epochs=1).fit(x, [0, 1] * 3),
        lambda x: fitted().predict(x), lambda x: fitted().score(x, [0, 1] * 3),
    ],
    "y": [lambda x: SpikingClassifier(epochs=1).fit(X, (x[:, 1] > 0.5).astype(int))],
    "source": [
        lambda x: resample((x[:, :16] * 9).astype(np.uint8).reshape(6, 4, 4), np.arange(6), 4),
    ],
    r"weights\[0\]": [lambda x: network(sizes=(6, 20)).replace(weights=[x])],
    r"gradients\[0\]": [lambda x: snnlab.Adam().step(network(sizes=(6, 20)), [x])],
    "step": [lambda x: SpikeTrains([0, 6], np.ma.zeros(6, int) + (x[:, 1] > 9), range(6), 4, 6)],
}  # fmt: skip


def fitted():
    return SpikingClassifier(epochs=1, hidden=(4,), random_state=0).fit(X, [0, 1] * 3)


@pytest.mark.parametrize("name", TAKERS)
def test_what_is_masked_is_not_taken_for_data(name):
    masked = np.ma.masked_array(X, mask=MASK | (np.arange(20) == 1))
    for call in TAKERS[name]:
        with pytest.raises(ValueError, match=f"{name} has .* masked values.*filled"):
            call(masked)


def test_arrays_of_every_storage_are_taken(tmp_path):
    """Byte order, strides, read-only, memory maps: the same code."""
    wanted = encode.latency(X)
    mapped = np.memmap(tmp_path / "x", np.float32, "w+", shape=X.shape)
    mapped[...] = X
    frozen = X.copy()
    frozen.flags.writeable = False
    for x in (X.astype(">f4"), np.asfortranarray(X), X[::-1][::-1], mapped, frozen, X.tolist(),
              np.ma.masked_array(X, mask=False), X.astype(np.float64)):  # fmt: skip
        assert encode.latency(x) == wanted


# files --------------------------------------------------------------------------------------------

LOADERS = {
    "Network": (lambda path: network().save(path), Network.load),
    "classifier": (lambda path: fitted().save(path), SpikingClassifier.load),
    "chip": (lambda path: Substrate(0).save(path), Substrate.load),
    "trace": (lambda path: save_trace(path, network().forward(as_input(toy(5, 0)[0]))), load_trace),
    "rule": (lambda path: GradR().save(path), GradR.load),
    "frontier": (lambda path: one_point().save(path), Frontier.load),
}  # fmt: skip


def one_point():
    frontier = Frontier("digits16")
    frontier.add(0.9, 10.0)
    return frontier


@pytest.mark.parametrize("kind", LOADERS)
def test_a_number_is_no_path_and_its_descriptor_stays_open(kind):
    read, write = os.pipe()
    try:
        for number in (read, write, True, 0):
            with pytest.raises(TypeError, match="path must be a path"):
                LOADERS[kind][1](number)
        os.write(write, b"x")
        assert os.read(read, 1) == b"x"
    finally:
        os.close(read)
        os.close(write)


def rewritten(path, **changes):
    """Entries of a file's header changed; of files that are arrays, those."""
    if path.suffix == ".json":
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))
        return
    with np.load(path) as file:
        arrays = dict(file)
    if "header" in arrays:
        arrays["header"] = np.array(json.dumps(json.loads(str(arrays["header"])) | changes))
    else:
        arrays |= {name: np.array(x) for name, x in changes.items()}
    np.savez(path, **arrays)


@pytest.mark.parametrize("version", [float("nan"), -1, 0, 1.5, 10**400, 999, float("inf")])
@pytest.mark.parametrize("kind", LOADERS)
def test_formats_are_whole_numbers_from_1_on(kind, version, tmp_path):
    save, load = LOADERS[kind]
    path = tmp_path / ("x.json" if kind == "frontier" else "x.npz")
    save(path)
    load(path)
    if kind == "trace" and version == 10**400:
        version = 2**62
    rewritten(path, format=version)
    with pytest.raises(ValueError, match="format|hold"):
        load(path)


DEEP = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize("kind", [kind for kind in LOADERS if kind not in ("trace", "frontier")])
def test_headers_that_no_reader_can_follow_are_refused(kind, tmp_path):
    path = tmp_path / "x.npz"
    LOADERS[kind][0](path)
    with np.load(path) as file:
        arrays = dict(file)
    for header in (DEEP, '{"layers": ' + DEEP + "}", "", "nothing", "[]", "3", '{"format": 1}'):
        np.savez(path, **arrays | {"header": np.array(header)})
        with pytest.raises(ValueError, match="x.npz"):
            LOADERS[kind][1](path)


def test_layers_nested_too_deeply_are_refused(tmp_path):
    path = tmp_path / "net.npz"
    network().save(path)
    layer = {"kind": "Dense", "n": 20}
    for _ in range(300):
        layer = {"kind": "Residual", "layers": [layer]}
    rewritten(path, layers=[layer] * 3)
    with pytest.raises(ValueError, match="does not hold a snnlab network"):
        Network.load(path)


def test_a_network_too_large_for_memory_is_refused_on_loading(tmp_path):
    """Under a limit of this process's memory: what is not there cannot be had."""
    path = tmp_path / "net.npz"
    network().save(path)
    rewritten(
        path, shape=[2**17], layers=[{"kind": "Dense", "n": 2**16}, {"kind": "Dense", "n": 4}]
    )
    code = f"""
import resource, snnlab
snnlab.Network
resource.setrlimit(resource.RLIMIT_AS, (8 * 2**30, 8 * 2**30))
try:
    snnlab.Network.load({str(path)!r})
except ValueError as fault:
    print(fault)
"""
    assert hasattr(resource, "RLIMIT_AS")
    assert "does not hold a snnlab network" in fresh_python("-c", code).stdout


def test_a_bomb_is_not_unpacked(tmp_path):
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("x.npy", "w", force_zip64=True) as part:
            np.lib.format.write_array_header_1_0(
                part, {"descr": "<f4", "fortran_order": False, "shape": (2**26,)}
            )
            for _ in range(2**8):
                part.write(bytes(2**20))
    assert path.stat().st_size < 2**20
    for load in (load_npz, Network.load, load_trace):
        with pytest.raises(ValueError, match="bytes unpacked"):
            load(path)


def test_constant_currents_share_no_memory():
    x = np.ones((3, 4), np.float32)
    current = ConstantCurrent(x, 5)
    x[...] = np.nan
    assert (current.x == 1).all() and not np.shares_memory(x, current.x)
