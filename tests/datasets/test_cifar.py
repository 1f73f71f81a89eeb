"""CIFAR-10 without a network: tiny parts in each form, an archive from a server, real files."""

import gzip
import hashlib
import io
import os
import tarfile

import numpy as np
import pytest
from test_datasets import OWN_DATA, Server, check_fields, nowhere

from snnlab.datasets import DatasetCorrupt, DatasetUnavailable, fetch, load, load_default
from snnlab.datasets.augment import CroppedImages
from snnlab.datasets.files import RECORD, CifarFile

PARTS = ("data_batch_1.bin", "data_batch_2.bin", "test_batch.bin")


def packed(records):
    """The packed form of some records."""
    planes = records[:, 1:].reshape(-1, 3, 32, 32).transpose(1, 0, 2, 3)
    red, green, blue = planes
    d = np.stack([green, red - green, blue - green])
    for axis in (3, 2):
        d = np.diff(d, axis=axis, prepend=np.uint8(0))
    file = io.BytesIO()
    np.savez_compressed(file, d=d.astype(np.uint8), y=records[:, 0])
    return file.getvalue()


def archive(raw):
    """A gzipped tar archive of some contents, in a folder, with something else beside them."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for name, content in {"readme.html": b"<p>", **raw}.items():
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return file.getvalue()


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """Two parts of four images and a test set of three; nothing of them is on this machine."""
    rng = np.random.default_rng(0)
    records = {}
    for name, n in zip(PARTS, (4, 4, 3), strict=True):
        records[name] = rng.integers(0, 256, (n, RECORD), np.uint8)
        records[name][:, 0] %= 10
    files = tuple(
        CifarFile(name, len(x), hashlib.sha256(x.tobytes()).hexdigest())
        for name, x in records.items()
    )
    real = fetch.FILE_SETS["cifar10"]
    monkeypatch.delenv("SNNLAB_DATA", raising=False)
    monkeypatch.setenv("SNNLAB_CACHE", str(tmp_path / "cache"))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)

    def mirrors(*urls):
        made = real._replace(files=files, mirrors=urls)
        monkeypatch.setattr(fetch, "FILE_SETS", fetch.FILE_SETS | {"cifar10": made})

    mirrors()
    return records, mirrors, tmp_path


def assert_is_tiny(data, records):
    """The set at 32 x 32, field by field."""
    every = np.concatenate([records[name] for name in PARTS[:2]])
    assert data.y_train.tolist() == every[:, 0].tolist()
    assert data.y_test.tolist() == records[PARTS[2]][:, 0].tolist()
    red_green_blue = every[:, 1:].reshape(8, 3, 32, 32)
    for colour in range(3):
        assert np.array_equal(data.source_train[..., colour], red_green_blue[:, colour])
    assert np.array_equal(np.rint(255 * data.x_train), data.source_train.reshape(8, -1))


FORMS = {
    "plain": (lambda folder, name: folder / name, bytes),
    "gzipped": (lambda folder, name: folder / f"{name}.gz", gzip.compress),
    "unpacked archive": (lambda folder, name: folder / "cifar-10-batches-bin" / name, bytes),
}


@pytest.mark.parametrize("form", [*FORMS, "packed"])
def test_own_folder(tiny, monkeypatch, form):
    records, _, folder = tiny
    for name, part in records.items():
        if form == "packed":
            path, content = folder / "cifar10" / name.replace(".bin", ".npz"), packed(part)
        else:
            place, wrap = FORMS[form]
            path, content = place(folder / "cifar10", name), wrap(part.tobytes())
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    monkeypatch.setenv("SNNLAB_DATA", str(folder))
    assert fetch.is_here("cifar10")
    assert_is_tiny(load("cifar10"), records)
    assert not (folder / "cache").exists()


def test_an_archive_is_fetched_once_and_its_parts_are_kept(tiny):
    records, mirrors, folder = tiny
    server = Server()
    try:
        raw = {name: part.tobytes() for name, part in records.items()}
        server.pages["/cifar-10-binary.tar.gz"] = archive(raw)
        mirrors(server.url)
        assert_is_tiny(load("cifar10"), records)
        assert_is_tiny(load("cifar10"), records)
        assert server.requests == ["/cifar-10-binary.tar.gz"]
        kept = sorted(path.name for path in (folder / "cache" / "cifar10").iterdir())
        assert kept == sorted(PARTS)
    finally:
        server.close()


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda raw: archive(raw)[:-30], "damaged"),
        (lambda raw: archive({**raw, PARTS[1]: raw[PARTS[1]][:-1]}), "truncated"),
        (lambda raw: archive({**raw, PARTS[2]: raw[PARTS[2]] + b"1"}), "too long"),
        (lambda raw: archive({**raw, PARTS[0]: bytes(len(raw[PARTS[0]]))}), "SHA-256"),
        (lambda raw: archive({name: raw[name] for name in PARTS[:2]}), "without test_batch"),
        (lambda raw: b"<html>Sign in, please</html>", "damaged tar"),
    ],
)
def test_a_damaged_archive_is_never_kept(tiny, damage, reason):
    records, mirrors, folder = tiny
    server = Server()
    try:
        raw = {name: part.tobytes() for name, part in records.items()}
        server.pages["/cifar-10-binary.tar.gz"] = damage(raw)
        mirrors(server.url)
        with pytest.raises(DatasetUnavailable, match=reason):
            load("cifar10")
        assert not (folder / "cache" / "cifar10").exists()
    finally:
        server.close()


def marked(part, at, byte):
    """A packed part whose directory says something else of its first file."""
    content = bytearray(packed(part))
    content[content.index(b"PK\x01\x02") + at] |= byte
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (lambda part: packed(part)[:-40], "damaged packed"),
        (lambda part: packed(part[:-1]), "holds d of uint8"),
        (lambda part: packed(part ^ 1), "SHA-256"),
        (lambda part: b"PK\x03\x04" + bytes(100), "damaged packed"),
        (lambda part: marked(part, 6, 0xFF), "damaged packed.*version"),
        (lambda part: marked(part, 8, 1), "damaged packed.*encrypted"),
    ],
)
def test_a_damaged_packed_part_is_an_error(tiny, monkeypatch, content, reason):
    records, _, folder = tiny
    (folder / "cifar10").mkdir()
    (folder / "cifar10" / "data_batch_1.npz").write_bytes(content(records[PARTS[0]]))
    monkeypatch.setenv("SNNLAB_DATA", str(folder))
    with pytest.raises(DatasetCorrupt, match=reason):
        load("cifar10")


def test_sixteen_pixels_are_means_of_four(tiny, monkeypatch):
    records, _, folder = tiny
    (folder / "cifar10").mkdir()
    for name, part in records.items():
        (folder / "cifar10" / name).write_bytes(part.tobytes())
    monkeypatch.setenv("SNNLAB_DATA", str(folder))
    small, large = load("cifar10-16"), load("cifar10")
    check_fields(small, 8, 3, (16, 16, 3), 10)
    x = large.x_train.reshape(8, 32, 32, 3)
    means = (x[:, ::2, ::2] + x[:, 1::2, ::2] + x[:, ::2, 1::2] + x[:, 1::2, 1::2]) / 4
    assert np.abs(small.x_train.reshape(means.shape) - means).max() <= 0.501 / 255


def test_without_files_the_digits_come_in_colour(tiny, capsys):
    _, mirrors, _ = tiny
    mirrors(nowhere())
    data = load_default("cifar10-16")
    said = capsys.readouterr().out
    assert data.name == "digits16-colour" and "CIFAR-10 is not on this machine" in said
    assert "digits in colour" in said
    with pytest.raises(ValueError, match="name must be one of"):
        load_default("yinyang")


def test_coloured_digits():
    data = load("digits16-colour")
    check_fields(data, 1437, 360, (16, 16, 3), 10)
    grey = load("digits16")
    assert np.array_equal(data.y_test, grey.y_test)
    image, shape = data.source_train.astype(int), grey.x_train.reshape(-1, 16, 16)
    ground = image[shape == 0].reshape(-1, 3)
    assert len(np.unique(ground, axis=0)) > 1000
    # where there is ink, a pixel lies between its digit's two colours
    k = 5
    blank, full = image[k][shape[k] == 0][0], image[k][shape[k] == shape[k].max()][0]
    assert np.abs(blank - full).mean() > 255 * 0.3
    between = blank + (full - blank) * (shape[k] / shape[k].max())[..., None]
    assert np.abs(image[k] - between).max() <= 1.5
    assert np.array_equal(load("digits16-colour").x_test, data.x_test)


@pytest.mark.mnist
@pytest.mark.skipif(
    not OWN_DATA or not os.path.isdir(os.path.join(OWN_DATA, "cifar10")), reason="needs CIFAR-10"
)
def test_real_set():
    data = load("cifar10-16")
    check_fields(data, 50_000, 10_000, (16, 16, 3), 10)
    assert np.bincount(data.y_train).tolist() == [5000] * 10
    mean = data.x_train.reshape(-1, 3).mean(axis=0, dtype=float)
    assert np.allclose(mean, [0.4914, 0.4822, 0.4465], atol=1e-3)  # as published, at 32 x 32


# crops and flips ----------------------------------------------------------------------------------


def draws(stream, index, seed=0):
    return stream.batch(np.asarray(index), np.random.default_rng(seed))


@pytest.mark.parametrize("shape", [(5, 6), (5, 6, 3)])
def test_nothing_is_changed_without_pad_and_flip(shape):
    source = np.random.default_rng(0).integers(0, 256, (4, *shape), np.uint8)
    got = draws(CroppedImages(source, lambda x: x, pad=0, flip=False), [3, 1, 1])
    assert got.dtype == np.float32
    assert np.array_equal(got, source[[3, 1, 1]].reshape(3, -1) / np.float32(255))


def test_every_crop_and_flip_comes_about():
    source = np.random.default_rng(0).integers(1, 256, (1, 4, 4, 3), np.uint8)
    stream = CroppedImages(source, lambda x: x, pad=1)
    got = np.rint(255 * draws(stream, np.zeros(2000, int))).astype(int)
    padded = np.pad(source[0], ((1, 1), (1, 1), (0, 0)))
    wanted = [
        padded[y : y + 4, x : x + 4][:, ::step].ravel()
        for y in range(3)
        for x in range(3)
        for step in (1, -1)
    ]
    found = np.unique(got, axis=0)
    assert np.array_equal(found, np.unique(wanted, axis=0)) and len(found) == 18
    share = (got == wanted[0]).all(axis=1).mean()
    assert abs(share - 1 / 18) < 0.025


def test_randomness_is_what_is_handed_in():
    source = np.random.default_rng(0).integers(0, 256, (9, 8, 8, 3), np.uint8)
    stream = CroppedImages(source, lambda x: x)
    assert len(stream) == 9
    assert np.array_equal(draws(stream, range(9), 3), draws(stream, range(9), 3))
    assert not np.array_equal(draws(stream, range(9), 3), draws(stream, range(9), 4))


@pytest.mark.parametrize(
    ("given", "error", "name"),
    [
        ({"source": [[1]]}, TypeError, "source"),
        ({"source": np.zeros((3, 8), np.uint8)}, ValueError, "source"),
        ({"source": np.zeros((3, 3, 8, 8), np.uint8)}, ValueError, "source.*colours come last"),
        ({"source": np.zeros((3, 1, 8, 8), np.uint8)}, ValueError, "source.*colours come last"),
        ({"encode": None}, TypeError, "encode"),
        ({"pad": 8}, ValueError, "pad"),
        ({"pad": -1}, ValueError, "pad"),
        ({"flip": 1}, TypeError, "flip"),
    ],
)
def test_mistakes_are_named(given, error, name):
    fine = {"source": np.zeros((3, 8, 8, 3), np.uint8), "encode": lambda x: x}
    with pytest.raises(error, match=name):
        CroppedImages(**fine | given)


def test_no_images_are_none():
    stream = CroppedImages(np.zeros((3, 8, 8, 3), np.uint8), lambda x: x)
    assert stream.batch(np.zeros(0, int), np.random.default_rng(0)).shape == (0, 192)


@pytest.mark.parametrize("index", [[9], [-1], [0.5], [[0]]])
def test_indices_are_looked_at(index):
    stream = CroppedImages(np.zeros((3, 8, 8), np.uint8), lambda x: x)
    with pytest.raises((TypeError, ValueError), match="index"):
        stream.batch(index, np.random.default_rng(0))
