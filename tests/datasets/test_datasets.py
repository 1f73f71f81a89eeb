"""Data sets without a network: tiny IDX files, a server on this machine, real files if here."""

import dataclasses
import gzip
import hashlib
import http.server
import os
import socket
import sys
import threading
from pathlib import Path

import numba
import numpy as np
import pooch
import pytest
import sklearn.datasets
from helpers import fresh_python
from scipy import ndimage

from snnlab import datasets
from snnlab.datasets import (
    DatasetCorrupt,
    DatasetUnavailable,
    augment,
    fetch,
    load,
    load_default,
    yinyang,
)
from snnlab.datasets.augment import resample
from snnlab.datasets.yinyang import class_of

NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
OWN_DATA = os.environ.get("SNNLAB_DATA")


def idx(array):
    """An array of bytes as the content of an IDX file."""
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return header + array.tobytes()


def tiny_set(real, seed):
    """An image set like ``real`` with 12 + 5 images, and its raw contents by file name."""
    rng = np.random.default_rng(seed)
    arrays = (
        rng.integers(0, 256, (12, 28, 28), np.uint8),
        (np.arange(12) % 10).astype(np.uint8),
        rng.integers(0, 256, (5, 28, 28), np.uint8),
        np.arange(5, dtype=np.uint8),
    )
    raw = {name: idx(array) for name, array in zip(NAMES, arrays, strict=True)}
    files = tuple(
        fetch.IdxFile(name, array.shape, hashlib.sha256(raw[name]).hexdigest())
        for name, array in zip(NAMES, arrays, strict=True)
    )
    return real._replace(files=files, mirrors=()), raw, arrays


class Server:
    """A web server on this machine: ``pages`` by path, ``requests`` as they came."""

    def __init__(self):
        self.pages, self.requests = {}, []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(handler):  # noqa: N802, N805
                self.requests.append(handler.path)
                page = self.pages.get(handler.path)
                handler.send_response(404 if page is None else 200)
                handler.send_header("Content-Length", str(len(page or b"")))
                handler.end_headers()
                handler.wfile.write(page or b"")

            def log_message(self, *args):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def offer(self, folder, raw):
        """Serve gzipped contents in a folder; return its address."""
        for name, content in raw.items():
            self.pages[f"/{folder}/{name}.gz"] = gzip.compress(content, 1)
        return f"{self.url}{folder}/"

    def close(self):
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture
def server():
    server = Server()
    yield server
    server.close()


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """Tiny MNIST and Fashion-MNIST, an empty cache, no folder of one's own, no mirrors."""
    mnist, raw, arrays = tiny_set(fetch.FILE_SETS["mnist"], 0)
    fashion, fashion_raw, _ = tiny_set(fetch.FILE_SETS["fashion"], 1)
    monkeypatch.setattr(fetch, "FILE_SETS", {"mnist": mnist, "fashion": fashion})
    monkeypatch.delenv("SNNLAB_DATA", raising=False)
    monkeypatch.setenv("SNNLAB_CACHE", str(tmp_path / "cache"))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)

    class Tiny:
        cache = tmp_path / "cache" / "mnist"
        own = tmp_path / "own"

    Tiny.raw, Tiny.fashion_raw, Tiny.arrays = raw, fashion_raw, arrays

    def mirrors(*urls):
        sets = fetch.FILE_SETS | {"mnist": mnist._replace(mirrors=urls)}
        monkeypatch.setattr(fetch, "FILE_SETS", sets)

    def use_own():
        monkeypatch.setenv("SNNLAB_DATA", str(Tiny.own))

    Tiny.mirrors, Tiny.use_own = staticmethod(mirrors), staticmethod(use_own)
    return Tiny


def put(folder, raw, suffix=".gz"):
    """Write contents into a folder, gzipped or not."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in raw.items():
        (folder / f"{name}{suffix}").write_bytes(gzip.compress(content) if suffix else content)


def nowhere():
    """An address where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}/"


def assert_is_tiny(data, arrays):
    """The 28 x 28 set, field by field."""
    assert np.array_equal(data.source_train, arrays[0])
    assert np.array_equal(data.x_train, arrays[0].reshape(12, 784) / np.float32(255))
    assert np.array_equal(data.x_test, arrays[2].reshape(5, 784) / np.float32(255))
    assert data.y_train.tolist() == arrays[1].tolist()
    assert data.y_test.tolist() == arrays[3].tolist()


# ---------------------------------------------------------------------------- where files come from


@pytest.mark.parametrize("suffix", [".gz", ""])
@pytest.mark.parametrize("folder", ["mnist", "."])
def test_own_folder(tiny, folder, suffix):
    put(tiny.own / folder, tiny.raw, suffix)
    tiny.use_own()
    assert_is_tiny(load("mnist"), tiny.arrays)
    assert not tiny.cache.exists()


def test_folders_may_begin_at_home(tiny, monkeypatch):
    """A shell leaves "~" within quotes as it is: nothing was found, or kept in a folder "~"."""
    put(tiny.own / "mnist", tiny.raw)
    monkeypatch.setenv("HOME", str(tiny.own.parent))
    monkeypatch.setenv("USERPROFILE", str(tiny.own.parent))
    monkeypatch.setenv("SNNLAB_DATA", f"~/{tiny.own.name}")
    assert fetch.is_here("mnist")
    assert_is_tiny(load("mnist"), tiny.arrays)
    monkeypatch.setenv("SNNLAB_CACHE", "~/cache")
    assert fetch.cache_folder() == tiny.own.parent / "cache"


def test_cache_is_used_without_own_folder(tiny):
    put(tiny.cache, tiny.raw, "")
    assert_is_tiny(load("mnist"), tiny.arrays)


def test_own_folder_comes_before_the_cache_file_by_file(tiny):
    put(tiny.cache, tiny.raw)
    put(tiny.own / "mnist", dict(list(tiny.raw.items())[:2]))
    (tiny.cache / f"{NAMES[0]}.gz").write_bytes(b"never looked at")
    tiny.use_own()
    assert_is_tiny(load("mnist"), tiny.arrays)


def test_other_set_lying_directly_in_own_folder_is_passed_over(tiny):
    put(tiny.own, tiny.fashion_raw)
    put(tiny.cache, tiny.raw)
    tiny.use_own()
    assert_is_tiny(load("mnist"), tiny.arrays)
    put(tiny.own / "mnist", tiny.fashion_raw)  # but there it has no business
    with pytest.raises(DatasetCorrupt, match="SHA-256"):
        load("mnist")


@pytest.mark.parametrize("progress", [True, False])
def test_download_is_kept(tiny, server, progress):
    tiny.mirrors(server.offer("a", tiny.raw))
    assert_is_tiny(load("mnist", progress=progress), tiny.arrays)
    assert sorted(path.name for path in tiny.cache.iterdir()) == sorted(f"{n}.gz" for n in NAMES)
    assert len(server.requests) == 4
    assert_is_tiny(load("mnist"), tiny.arrays)
    assert len(server.requests) == 4


def test_mirror_that_undoes_gzip(tiny, server):
    tiny.mirrors(server.offer("a", tiny.raw))
    server.pages = {path: gzip.decompress(page) for path, page in server.pages.items()}
    assert_is_tiny(load("mnist"), tiny.arrays)
    assert sorted(path.name for path in tiny.cache.iterdir()) == sorted(NAMES)
    assert_is_tiny(load("mnist"), tiny.arrays)
    assert len(server.requests) == 4


def test_next_mirror(tiny, server):
    bad = server.offer("bad", tiny.fashion_raw)  # well-formed, wrong content
    gone, good = f"{server.url}gone/", server.offer("good", tiny.raw)
    tiny.mirrors(nowhere(), gone, bad, good)
    assert_is_tiny(load("mnist"), tiny.arrays)
    for name in NAMES:
        assert gzip.decompress((tiny.cache / f"{name}.gz").read_bytes()) == tiny.raw[name]


# ------------------------------------------------------------------------------------ damaged files

GZ = gzip.compress


def flipped(raw):
    """The last byte changed."""
    return raw[:-1] + bytes([raw[-1] ^ 1])


DAMAGE = {
    "changed": (lambda raw: GZ(flipped(raw)), "SHA-256"),
    "changed, not gzipped": (flipped, "SHA-256"),
    "gzip cut": (lambda raw: GZ(raw)[:-20], "damaged gzip"),
    "gzip cut in its header": (lambda raw: GZ(raw)[:5], "damaged gzip"),
    "gzip with a wrong check sum": (
        lambda raw: GZ(raw)[:-8] + b"\0\0\0\0" + GZ(raw)[-4:],
        "damaged gzip",
    ),
    "gzip with broken content": (lambda raw: GZ(raw)[:10] + b"\xff" * 50, "damaged gzip"),
    "gzip with something behind": (lambda raw: GZ(raw) + b"more", "damaged gzip"),
    "raw cut": (lambda raw: raw[:-1], "truncated"),
    "raw cut in its header": (lambda raw: raw[:6], "truncated"),
    "empty": (lambda raw: b"", "not an IDX file"),
    "a web page": (lambda raw: b"<html>Sign in, please</html>", "not an IDX file"),
    "other type": (lambda raw: raw[:2] + b"\x0d" + raw[3:], "not an IDX file"),
    "other shape": (lambda raw: GZ(idx(np.zeros((3, 28, 28), np.uint8))), "shape"),
    "longer": (lambda raw: GZ(raw + b"\0"), "too long"),
    "bomb": (lambda raw: GZ(raw + bytes(10**7)), "too long"),
    "huge": (lambda raw: raw + bytes(10**6), "too large"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damaged_own_file_is_an_error(tiny, kind):
    damage, reason = DAMAGE[kind]
    put(tiny.own / "mnist", tiny.raw)
    put(tiny.cache, tiny.raw)
    path = tiny.own / "mnist" / f"{NAMES[0]}.gz"
    path.write_bytes(damage(tiny.raw[NAMES[0]]))
    tiny.use_own()
    with pytest.raises(DatasetCorrupt, match=reason) as caught:
        load("mnist")
    assert str(path) in str(caught.value)
    assert path.exists()


def test_default_does_not_hide_a_damaged_own_file(tiny):
    put(tiny.own / "mnist", tiny.raw)
    (tiny.own / "mnist" / f"{NAMES[3]}.gz").write_bytes(b"")
    tiny.use_own()
    with pytest.raises(DatasetCorrupt, match=NAMES[3]):
        load_default()


@pytest.mark.parametrize("kind", DAMAGE)
def test_damaged_download_is_never_kept(tiny, server, kind):
    damage, reason = DAMAGE[kind]
    tiny.mirrors(server.offer("a", tiny.raw))
    server.pages[f"/a/{NAMES[2]}.gz"] = damage(tiny.raw[NAMES[2]])
    with pytest.raises(DatasetUnavailable, match=reason):
        load("mnist")
    assert {path.name for path in tiny.cache.iterdir()} == {f"{name}.gz" for name in NAMES[:2]}


@pytest.mark.parametrize("kind", ["changed", "gzip cut", "empty"])
def test_damaged_cached_file_is_replaced(tiny, server, kind):
    damage, _ = DAMAGE[kind]
    tiny.mirrors(server.offer("a", tiny.raw))
    put(tiny.cache, tiny.raw)
    path = tiny.cache / f"{NAMES[2]}.gz"
    path.write_bytes(damage(tiny.raw[NAMES[2]]))
    with pytest.warns(UserWarning, match="removed from the cache"):
        data = load("mnist")
    assert_is_tiny(data, tiny.arrays)
    assert server.requests == [f"/a/{NAMES[2]}.gz"]
    assert gzip.decompress(path.read_bytes()) == tiny.raw[NAMES[2]]


def test_damaged_cached_file_is_removed_even_offline(tiny):
    tiny.mirrors(nowhere())
    put(tiny.cache, tiny.raw)
    path = tiny.cache / f"{NAMES[2]}.gz"
    path.write_bytes(b"")
    with pytest.warns(UserWarning, match="removed"), pytest.raises(DatasetUnavailable) as caught:
        load("mnist")
    assert not path.exists()
    assert NAMES[2] in str(caught.value) and NAMES[0] not in str(caught.value)


def test_damaged_cached_file_that_cannot_be_removed_is_passed_over(tiny, server, monkeypatch):
    tiny.mirrors(server.offer("a", tiny.raw))
    put(tiny.cache, tiny.raw)
    (tiny.cache / f"{NAMES[2]}.gz").write_bytes(b"")

    def read_only(self, missing_ok=False):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "unlink", read_only)
    with pytest.warns(UserWarning, match="removed"):
        assert_is_tiny(load("mnist"), tiny.arrays)


# ---------------------------------------------------------------------------------------- the cache


def test_cache_file_appears_whole_or_not_at_all(tiny, server, monkeypatch):
    tiny.mirrors(server.offer("a", tiny.raw))

    def no_space(part, path):
        assert Path(part).parent == Path(path).parent  # same disk, so that replacing is atomic
        assert not Path(path).exists()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", no_space)
    with pytest.warns(UserWarning, match="No space left"):
        data = load("mnist")
    assert_is_tiny(data, tiny.arrays)
    assert list(tiny.cache.iterdir()) == []


def test_several_writers_and_a_reader(tmp_path):
    path, contents = tmp_path / "cache" / "file", [bytes([i]) * 200_000 for i in range(3)]
    fetch.keep(path, contents[0])
    writers = [
        threading.Thread(target=lambda c=c: [fetch.keep(path, c) for _ in range(20)])
        for c in contents
    ]
    for thread in writers:
        thread.start()
    while any(thread.is_alive() for thread in writers):
        assert path.read_bytes() in contents
    assert [p.name for p in path.parent.iterdir()] == ["file"]


def test_default_cache_folder(monkeypatch):
    monkeypatch.delenv("SNNLAB_CACHE", raising=False)
    assert fetch.cache_folder() == Path(pooch.os_cache("snnlab"))
    monkeypatch.setitem(sys.modules, "pooch", None)
    assert fetch.cache_folder() == Path.home() / ".cache" / "snnlab"


# ------------------------------------------------------------------------------------------ offline


def test_offline_error_says_what_to_put_where(tiny, server):
    gone, dead = f"{server.url}gone/", nowhere()
    tiny.mirrors(gone, dead)
    put(tiny.own / "mnist", {NAMES[1]: tiny.raw[NAMES[1]]})
    tiny.use_own()
    with pytest.raises(OSError) as caught:
        load("mnist16")
    assert type(caught.value) is DatasetUnavailable
    text = str(caught.value)
    for name in NAMES:
        assert (f"  {name}.gz\n" in text) == (name != NAMES[1])
    for part in (gone, dead, "404", "Connection", str(tiny.cache), str(tiny.own / "mnist")):
        assert part in text
    assert "SNNLAB_DATA" in text and "digits16" in text
    assert len(server.requests) == 1  # the other files are not tried, nor waited for


def test_offline_error_is_cured_by_doing_what_it_says(tiny):
    tiny.mirrors(nowhere())
    with pytest.raises(DatasetUnavailable) as caught:
        load("mnist")
    lines = str(caught.value).splitlines()
    folder = Path(lines[lines.index(next(x for x in lines if x.startswith("What"))) + 1].strip())
    missing = [line.strip().removesuffix(".gz") for line in lines if line.endswith("-ubyte.gz")]
    put(folder, {name: tiny.raw[name] for name in missing})
    assert_is_tiny(load("mnist"), tiny.arrays)


def test_without_pooch(tiny, monkeypatch):
    tiny.mirrors(nowhere())
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(DatasetUnavailable, match=r"pooch.*snnlab\[data\]") as caught:
        load("mnist")
    assert str(tiny.cache) in str(caught.value)


def test_without_tqdm(tiny, server, monkeypatch):
    tiny.mirrors(server.offer("a", tiny.raw))
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert_is_tiny(load("mnist"), tiny.arrays)


def test_default_is_mnist_if_here(tiny, capsys):
    put(tiny.cache, tiny.raw)
    data = load_default()
    said = capsys.readouterr().out
    assert data.name == "mnist16"
    assert "MNIST" in said and said.count("\n") == 1


def test_default_is_digits_otherwise(tiny, capsys, monkeypatch):
    digits = object()
    monkeypatch.setitem(load.__globals__, "_load_digits", lambda: digits)
    tiny.mirrors(nowhere())
    assert load_default() is digits
    said = capsys.readouterr().out
    assert "digits" in said and "not the paper's" in said and said.count("\n") == 2
    assert said.startswith("MNIST is not on this machine: looking for it at 127.0.0.1 ")
    assert load_default() is digits  # and again, without a second attempt
    assert "looking" not in capsys.readouterr().out


def test_unknown_name():
    with pytest.raises(ValueError, match="name must be one of .mnist16.*'cifar'"):
        load("cifar")


def test_import_is_light():
    code = """
import sys, numba, numpy
before = set(sys.modules)
import snnlab.datasets
heavy = {"sklearn", "pooch", "requests", "tqdm", "matplotlib", "scipy", "ipywidgets"}
found = {name.partition(".")[0] for name in set(sys.modules) - before} & heavy
assert not found, found
"""
    fresh_python("-c", code)


# ------------------------------------------------------------------------------------- the contents


def check_fields(data, n_train, n_test, shape, n_classes):
    """What holds of every data set."""
    n_inputs = int(np.prod(shape)) if shape else 4
    for x, n in ((data.x_train, n_train), (data.x_test, n_test)):
        assert x.shape == (n, n_inputs) and x.dtype == np.float32
        assert x.flags.c_contiguous and x.flags.writeable and x.flags.owndata
        assert 0 <= x.min() and x.max() <= 1
    for y, n in ((data.y_train, n_train), (data.y_test, n_test)):
        assert y.shape == (n,) and y.dtype == np.int64 and y.flags.writeable
        assert 0 <= y.min() and y.max() < n_classes
    assert data.image_shape == shape
    assert data.n_classes == n_classes == len(set(data.class_names))
    assert all(type(name) is str for name in data.class_names)
    assert data.source and data.licence
    text = repr(data)
    assert str(data) == text
    for part in (data.name, f"{n_train:,}", f"{n_test:,}", data.licence):
        assert part in text
    if shape:
        assert data.source_train.dtype == np.uint8 and data.source_train.flags.writeable
        assert data.source_train.flags.c_contiguous and len(data.source_train) == n_train
        assert f"{shape[0]} x {shape[1]}" in text
    else:
        assert data.source_train is None


@pytest.mark.parametrize(
    ("name", "source_side", "side"), [("mnist16", 24, 16), ("fashion16", 28, 16), ("mnist", 28, 28)]
)
def test_fields_of_image_sets(tiny, name, source_side, side):
    put(tiny.cache, tiny.raw)
    put(tiny.cache.parent / "fashion-mnist", tiny.fashion_raw)
    data = load(name)
    assert data.name == name
    check_fields(data, 12, 5, (side, side), 10)
    assert data.source_train.shape == (12, source_side, source_side)
    if name == "mnist16":
        assert np.array_equal(data.source_train, tiny.arrays[0][:, 2:26, 2:26])
    expected = [ndimage.zoom(image, side / source_side, order=3) for image in data.source_train]
    difference = np.abs(np.rint(data.x_train * 255) - np.reshape(expected, (12, -1)))
    assert difference.max() <= 1 and np.count_nonzero(difference) <= 1
    again = resample(data.source_train, [3], side)
    assert np.array_equal(again[0], data.x_train[3])
    data.x_train[:] = 0  # callers own what they get
    assert load(name).x_train.any()


def test_class_names():
    assert fetch.FILE_SETS["mnist"].class_names == tuple("0123456789")
    assert fetch.FILE_SETS["fashion"].class_names[9] == "Ankle boot"


def test_digits(monkeypatch):
    if numba.config.DISABLE_JIT:  # 1,797 images are too many; SciPy does the same
        monkeypatch.setattr(
            augment,
            "resample",
            lambda source, index, size: np.float32(
                [ndimage.zoom(image, 2, order=3).ravel() / 255 for image in source]
            ),
        )
    data = load("digits16")
    check_fields(data, 1437, 360, (16, 16), 10)
    assert data.name == "digits16" and data.source_train.shape == (1437, 8, 8)
    assert np.bincount(data.y_test).tolist() == [36] * 10
    original = sklearn.datasets.load_digits()
    assert np.array_equal(
        np.bincount(data.y_train) + np.bincount(data.y_test), np.bincount(original.target)
    )
    levels = np.rint(original.images * 255 / 16).astype(np.uint8)
    where = {image.tobytes(): label for image, label in zip(levels, original.target, strict=True)}
    assert [where[image.tobytes()] for image in data.source_train] == data.y_train.tolist()
    # The grids' corner pixels coincide.
    corners = data.x_train.reshape(-1, 16, 16)[:, ::15, ::15]
    assert np.array_equal(np.rint(corners * 255), data.source_train[:, ::7, ::7])
    assert np.array_equal(load("digits16").x_test, data.x_test)


def yinyang_reference(x, y, r_small=0.1, r_big=0.5):
    """Class of one point: the S-shaped line is two half circles, below y = r left, above right."""
    half = r_big / 2
    if x < r_big:
        line = r_big - max(half**2 - (x - half) ** 2, 0) ** 0.5
    else:
        line = r_big + max(half**2 - (x - 3 * half) ** 2, 0) ** 0.5
    for dot in (half, 3 * half):
        if (x - dot) ** 2 + (y - r_big) ** 2 < r_small**2:
            return "dot"
    return "yang" if y > line else "yin"


@pytest.mark.parametrize(("r_small", "r_big"), [(0.1, 0.5), (0.05, 0.4), (0.2, 0.5)])
def test_yinyang_geometry(r_small, r_big):
    n = 3000
    x, label = yinyang(n, np.random.default_rng(0), r_small, r_big)
    assert x.shape == (n, 4) and x.dtype == np.float32 and label.dtype == np.int64
    assert np.array_equal(x[:, 2:], 1 - x[:, :2])
    assert np.hypot(*(x[:, :2].astype(float) - r_big).T).max() <= r_big
    names = ("yin", "yang", "dot")
    for (px, py), got in zip(x[:, :2].astype(float), label, strict=True):
        assert names[got] == yinyang_reference(px, py, r_small, r_big), (px, py)
    assert np.abs(np.bincount(label) / n - 1 / 3).max() < 0.03
    # Uniform within its class: yin has as much area left as yang right, each dot half the points.
    centre = r_big
    assert abs(np.mean(x[label == 2, 0] > centre) - 0.5) < 0.06
    assert abs(np.mean(x[label == 0, 0] > centre) - np.mean(x[label == 1, 0] < centre)) < 0.06


def test_yinyang_class_is_uniform():
    """Share of each class among uniform points is its area."""
    points = np.random.default_rng(0).random((40_000, 2))
    label = class_of(points, 0.1, 0.5)
    share = np.bincount(label + 1, minlength=4) / len(points)
    circle, dots = np.pi / 4, 2 * np.pi * 0.01
    assert np.abs(share - [1 - circle, (circle - dots) / 2, (circle - dots) / 2, dots]).max() < 0.01


def test_yinyang_set():
    data = load("yinyang")
    check_fields(data, 5000, 1000, None, 3)
    assert data.name == "yinyang" and data.class_names == ("yin", "yang", "dot")
    x, y = yinyang(1000, np.random.default_rng(40))
    assert np.array_equal(data.x_test, x) and np.array_equal(data.y_test, y)
    x, y = yinyang(5000, np.random.default_rng(42))
    assert np.array_equal(data.x_train, x) and np.array_equal(data.y_train, y)


def test_yinyang_of_nothing():
    x, y = yinyang(0, np.random.default_rng(0))
    assert x.shape == (0, 4) and y.shape == (0,)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("n", {"n": -1}),
        ("n", {"n": 10.0}),
        ("rng", {"rng": 42}),
        ("r_big", {"r_big": 0.6}),
        ("r_big", {"r_big": np.nan}),
        ("r_small", {"r_small": 0.25}),
        ("r_small", {"r_small": 0.0}),
        ("r_small", {"r_small": np.nan}),
        ("r_small", {"r_small": "a"}),
        ("r_small", {"r_small": np.array([0.1, 0.2])}),
        ("r_big", {"r_big": None}),
    ],
)
def test_yinyang_names_bad_argument(name, change):
    with pytest.raises((TypeError, ValueError), match=rf"^{name} must"):
        yinyang(**{"n": 10, "rng": np.random.default_rng(0)} | change)


X, Y = np.zeros((3, 4), np.float32), np.arange(3)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("x_train", {"x_train": X.astype(float)}),
        ("y_test", {"y_test": Y.astype(np.int32)}),
        ("x_test", {"x_test": X[:2]}),
        ("x_train", {"x_train": X[:, ::2]}),
        ("y_train", {"y_train": Y + 1}),
        ("x_test", {"x_test": np.zeros((3, 5), np.float32)}),
        ("image_shape", {"image_shape": (2, 3)}),
        ("class_names", {"class_names": ("a",)}),
        ("source_train", {"source_train": np.zeros((2, 4, 4), np.uint8)}),
    ],
)
def test_dataset_names_field_that_does_not_fit(name, change):
    good = datasets.Dataset("own", X, Y, X, Y, (2, 2), 3, ("a", "b", "c"), "me", "none")
    with pytest.raises((TypeError, ValueError), match=name):
        dataclasses.replace(good, **change)


def test_dataset_is_frozen():
    data = datasets.Dataset("own", X, Y, X, Y, None, 3, ("a", "b", "c"), "me", "none")
    with pytest.raises(dataclasses.FrozenInstanceError):
        data.name = "other"


# ---------------------------------------------------------------------------------- the real images


@pytest.fixture
def real_images(monkeypatch):
    """Read the real files of an image set from ``$SNNLAB_DATA`` or the cache; never download."""

    def read(key):
        if OWN_DATA:
            monkeypatch.setenv("SNNLAB_DATA", OWN_DATA)
        file_set = fetch.FILE_SETS[key]
        cache = fetch.cache_folder() / file_set.folder
        arrays = [fetch.find(file_set, file, cache) for file in file_set.files]
        if any(array is None for array in arrays):
            pytest.skip(f"the files of {key} are not on this machine")
        return arrays

    return read


@pytest.mark.parametrize(("key", "crop"), [("mnist", 2), ("fashion", 0)])
def test_real_images_are_scaled_as_scipy_does(real_images, key, crop):
    n = 5 if numba.config.DISABLE_JIT else 1000
    images = real_images(key)[2][:n, crop : 28 - crop, crop : 28 - crop].copy()
    got = np.rint(resample(images, np.arange(n), 16) * 255).astype(int).reshape(n, 16, 16)
    expected = np.stack([ndimage.zoom(im, 16 / im.shape[0], order=3) for im in images]).astype(int)
    difference = np.abs(got - expected)
    # Where SciPy's float64 value is a half, float32 may fall on its other side.
    assert difference.max() <= 1
    assert np.count_nonzero(difference) <= 0.01 * n


@pytest.mark.parametrize(("name", "key"), [("mnist16", "mnist"), ("fashion", "fashion")])
def test_real_set(real_images, name, key):
    images = real_images(key)
    if numba.config.DISABLE_JIT:
        pytest.skip("70,000 images are too many without compilation")
    data = load(name, progress=False)
    side = 16 if name.endswith("16") else 28
    check_fields(data, 60000, 10000, (side, side), 10)
    assert data.y_train[:5].tolist() == images[1][:5].tolist()
    if name == "fashion":  # mean and deviation of its training pixels, as usually given
        assert abs(data.x_train.mean(dtype=float) - 0.2860) < 1e-4
        assert abs(data.x_train.std(dtype=float) - 0.3530) < 1e-4
