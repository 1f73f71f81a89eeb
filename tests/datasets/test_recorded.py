"""Recorded data sets: tiny ones in files and archives, the stand-ins, the real ones if here."""

import hashlib
import io
import tarfile
import wave

import numpy as np
import pytest
from test_datasets import OWN_DATA, Server, nowhere
from test_events import five_bytes

from snnlab import Cochlea
from snnlab.datasets import (
    DatasetCorrupt,
    DatasetUnavailable,
    RecordedDataset,
    Sounds,
    aer,
    archives,
    fetch,
    n_mnist,
    spoken_digits,
)
from snnlab.datasets.files import PackedFile

NAMES = "zoe", "abe", "kim"  # in the order of their numbers: abe, kim, zoe


def packed_file(name, content):
    """What a packed file must hold, from its content."""
    with np.load(io.BytesIO(content)) as file:
        arrays = {key: file[key] for key in file.files}
    digest = hashlib.sha256(b"".join(x.tobytes() for x in arrays.values())).hexdigest()
    known = tuple((key, x.dtype.str, x.shape) for key, x in arrays.items())
    return PackedFile(name, known, digest)


def archive(parts):
    """A gzipped tar archive of contents by path."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for name, content in {"x/readme.md": b"hello", **parts}.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return file.getvalue()


def wav(samples, rate=8000):
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(samples.astype("<i2").tobytes())
    return file.getvalue()


def recordings():
    """Sounds by digit, speaker and number: twelve of each speaker, of two digits."""
    rng = np.random.default_rng(0)
    keys = [(digit, name, k) for digit in (0, 7) for name in sorted(NAMES) for k in range(6)]
    return {key: rng.integers(-(2**15), 2**15, rng.integers(5, 40)) for key in keys}


def sound_files():
    return {
        f"x/recordings/{digit}_{name}_{k}.wav": wav(x)
        for (digit, name, k), x in reversed(recordings().items())
    }


def event_files(n_train=3, n_test=2):
    numbers = [*range(1, n_train + 1), *range(60001, 60001 + n_test)]
    folder = "x/test/test_files/NMNISTsmall"
    parts = {f"{folder}/{k}.bs2": five_bytes()[: 5 * (1 + k % 5)] for k in numbers}
    for name, some in (("train1K", numbers[:n_train]), ("test100", numbers[n_train:])):
        lines = ["#sample #class", *(f"{k}\t{k % 10}" for k in some)]
        parts[f"{folder}/{name}.txt"] = "\n".join(lines).encode()
    return parts


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """Tiny sets of both kinds; nothing of them is on this machine."""
    keys = recordings()
    sounds = archives.pack_sounds(
        np.concatenate(list(keys.values())).astype(np.int16),
        [len(x) for x in keys.values()],
        *zip(*keys, strict=True),
    )
    events = {}
    for name, numbers in (("train.npz", (1, 2, 3)), ("test.npz", (60001, 60002))):
        parts = [aer.five_bytes(five_bytes()[: 5 * (1 + k % 5)]) for k in numbers]
        events[name] = archives.pack_events(parts, [k % 10 for k in numbers])
    contents = {"spoken-digits": {"spoken-digits.npz": sounds}, "n-mnist": events}
    sets = {
        key: fetch.FILE_SETS[key]._replace(
            files=tuple(packed_file(name, x) for name, x in parts.items()), mirrors=(nowhere(),)
        )
        for key, parts in contents.items()
    }
    monkeypatch.setattr(fetch, "FILE_SETS", sets)
    monkeypatch.delenv("SNNLAB_DATA", raising=False)
    monkeypatch.setenv("SNNLAB_CACHE", str(tmp_path / "cache"))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    return contents, tmp_path


def assert_is_tiny(data, held_out=None):
    keys = recordings()
    speakers = sorted(NAMES)
    for part, is_test in ((data.train, False), (data.test, True)):
        wanted = [
            (digit, speakers.index(name), x)
            for (digit, name, k), x in keys.items()
            if is_test == (k < 5 if held_out is None else speakers.index(name) == held_out)
        ]
        assert part.labels.tolist() == [w[0] for w in wanted]
        assert part.speakers.tolist() == [w[1] for w in wanted]
        for x, (_, _, y) in zip(part.sounds, wanted, strict=True):
            assert x.dtype == np.int16 and x.tolist() == y.tolist()


def assert_is_tiny_n_mnist(data):
    for part, numbers in ((data.train, (1, 2, 3)), (data.test, (60001, 60002))):
        assert part.shape == (2, 34, 34) and part.labels.tolist() == [k % 10 for k in numbers]
        for k, number in enumerate(numbers):
            t, x, y, p = aer.five_bytes(five_bytes()[: 5 * (1 + number % 5)])
            assert part[k].times.tolist() == t.tolist()
            assert part[k].units.tolist() == np.ravel_multi_index((p, y, x), (2, 34, 34)).tolist()


LOADERS = {
    "spoken-digits": (spoken_digits, assert_is_tiny, sound_files),
    "n-mnist": (n_mnist, assert_is_tiny_n_mnist, event_files),
}


@pytest.mark.parametrize("key", LOADERS)
def test_own_folder_and_cache(tiny, monkeypatch, key):
    contents, folder = tiny
    load, look, _ = LOADERS[key]
    kind = fetch.FILE_SETS[key]
    for place in (folder / "cache" / kind.folder, folder / "own" / kind.folder):
        place.mkdir(parents=True)
        for name, content in contents[key].items():
            (place / name).write_bytes(content)
        look(load())
        if place.parent.name == "cache":
            for path in place.iterdir():
                path.unlink()
            monkeypatch.setenv("SNNLAB_DATA", str(folder / "own"))
    assert fetch.is_here(key)
    name = next(iter(contents[key]))
    (folder / "own" / kind.folder / name).write_bytes(contents[key][name][:-50])
    with pytest.raises(DatasetCorrupt, match="damaged packed file"):
        load()


@pytest.mark.parametrize("key", LOADERS)
def test_archives_are_fetched_once_and_packed(tiny, monkeypatch, key):
    _, folder = tiny
    load, look, parts = LOADERS[key]
    server = Server()
    try:
        kind = fetch.FILE_SETS[key]
        server.pages[f"/{kind.archive}"] = archive(parts())
        sets = fetch.FILE_SETS | {key: kind._replace(mirrors=(server.url,))}
        monkeypatch.setattr(fetch, "FILE_SETS", sets)
        look(load(progress=False))
        look(load(progress=False))
        assert server.requests == [f"/{kind.archive}"]
        kept = sorted(path.name for path in (folder / "cache" / kind.folder).iterdir())
        assert kept == sorted(file.name for file in kind.files)
    finally:
        server.close()


def changed(parts, path, content):
    """The same parts, but one."""
    (name,) = (p for p in parts if p.endswith(path))
    return {p: x for p, x in parts.items() if p != name} | ({name: content} if content else {})


DAMAGE = {
    "a sound less": ("spoken-digits", lambda: changed(sound_files(), "0_kim_1.wav", None), "holds"),
    "other samples": (
        "spoken-digits",
        lambda: changed(sound_files(), "0_kim_1.wav", wav(recordings()[0, "kim", 1] // 2)),
        "SHA-256",
    ),
    "16 kHz": (
        "spoken-digits",
        lambda: changed(sound_files(), "0_kim_1.wav", wav(np.zeros(9), 16000)),
        "another kind than 8 kHz",
    ),
    "no WAV": (
        "spoken-digits",
        lambda: changed(sound_files(), "0_kim_1.wav", b"RIFF"),
        "damaged sound",
    ),
    "a cut WAV": (
        "spoken-digits",
        lambda: changed(sound_files(), "0_kim_1.wav", wav(np.zeros(9))[:-4]),
        "truncated: x/recordings/0_kim_1.wav",
    ),
    "no sounds": ("spoken-digits", dict, "without recordings"),
    "a recording less": ("n-mnist", lambda: changed(event_files(), "/2.bs2", None), "recording 2"),
    "no labels": ("n-mnist", lambda: changed(event_files(), "train1K.txt", None), "recording 1"),
    "four bytes": ("n-mnist", lambda: changed(event_files(), "/2.bs2", b"1234"), "5-byte events"),
    "other events": (
        "n-mnist",
        lambda: changed(event_files(), "/2.bs2", bytes(15)),
        "SHA-256",
    ),
}


@pytest.mark.parametrize("key, parts, reason", DAMAGE.values(), ids=DAMAGE)
def test_other_archives_are_refused(tiny, monkeypatch, key, parts, reason):
    server = Server()
    try:
        kind = fetch.FILE_SETS[key]
        server.pages[f"/{kind.archive}"] = archive(parts())
        sets = fetch.FILE_SETS | {key: kind._replace(mirrors=(server.url,))}
        monkeypatch.setattr(fetch, "FILE_SETS", sets)
        with pytest.raises(DatasetUnavailable, match=reason):
            LOADERS[key][0](progress=False)
        assert not (tiny[1] / "cache").exists()
    finally:
        server.close()


@pytest.mark.parametrize(
    "content",
    [b"", b"\x1f\x8b12", archive({})[:-30], b"<html>"],
    ids=["nothing", "a head", "no end", "a page"],  # an archive holds the time: names would differ
)
def test_what_is_no_archive_is_refused(content):
    for key in LOADERS:
        kind = fetch.FILE_SETS[key]
        with pytest.raises(ValueError, match="is a damaged|is an archive without"):
            kind.unpack(content, kind.files)


@pytest.mark.parametrize("held_out", [0, 2])
def test_a_speaker_is_held_out(tiny, monkeypatch, held_out):
    contents, folder = tiny
    (folder / "spoken-digits").mkdir()
    path = folder / "spoken-digits" / "spoken-digits.npz"
    path.write_bytes(contents["spoken-digits"]["spoken-digits.npz"])
    monkeypatch.setenv("SNNLAB_DATA", str(folder))
    assert_is_tiny(spoken_digits(held_out=held_out), held_out)


def test_offline_it_is_said_what_to_do(tiny, capsys):
    for key, (load, _, _) in LOADERS.items():
        with pytest.raises(DatasetUnavailable) as caught:
            load()
        text = str(caught.value)
        for part in (fetch.FILE_SETS[key].files[0].name, fetch.FILE_SETS[key].archive):
            assert part in text
        assert f"{load.__name__}(which='stand-in')" in text
        data = load(which="either")
        said = capsys.readouterr().out
        assert said.count("\n") == 1 and "not those of real recordings" in said
        assert data.name == f"{load.__name__}, stand-in" and "generated" in data.source
        assert repr(data).startswith("RecordedDataset")


@pytest.mark.parametrize("load", [spoken_digits, n_mnist])
@pytest.mark.parametrize("change", [{"which": "other"}, {"which": 3}, {"progress": 1}], ids=str)
def test_bad_arguments_are_refused_by_name(load, change):
    with pytest.raises((TypeError, ValueError), match=next(iter(change))):
        load(**change)


def test_speakers_out_of_range():
    for held_out in (-1, 6, 1.5, "0"):
        with pytest.raises((TypeError, ValueError), match="held_out must"):
            spoken_digits(held_out=held_out, which="stand-in")


# stand-ins ----------------------------------------------------------------------------------------


def test_made_voices():
    data = spoken_digits(which="stand-in")
    assert len(data.train) == 480 and len(data.test) == 120 and data.n_classes == 10
    assert np.bincount(data.test.labels).tolist() == [12] * 10
    assert np.bincount(data.train.speakers).tolist() == [80] * 6
    again = spoken_digits(which="stand-in", held_out=3)
    assert len(again.test) == 100 and set(again.test.speakers.tolist()) == {3}
    assert 3 not in again.train.speakers
    assert any(np.array_equal(again.test.sounds[0], x) for x in data.test.sounds[:12])
    lengths = [len(x) / 8000 for x in data.train.sounds]
    assert 0.1 < min(lengths) and max(lengths) < 1 and 0.25 < np.mean(lengths) < 0.6
    # a digit is more like itself than like others, by another speaker
    ear = Cochlea(n_channels=16, dt=0.02)
    firsts = [
        [x for x, y, s in zip(*parts(data.test), strict=True) if (y, s) == (digit, who)][0]
        for who in (0, 4)
        for digit in range(10)
    ]
    heard = ear.loudness(firsts).mean(axis=1)
    heard -= heard.mean(axis=0)
    alike = np.corrcoef(heard)[:10, 10:]
    assert (alike.argmax(axis=1) == np.arange(10)).sum() >= 5  # chance is 1


def parts(sounds):
    return sounds.sounds, sounds.labels.tolist(), sounds.speakers.tolist()


def test_a_made_sensor():
    data = n_mnist(which="stand-in")
    assert len(data.train) == 500 and len(data.test) == 100
    assert data.train.shape == (2, 34, 34) and data.train.tick == 1e-6
    sizes = np.diff(data.train.indptr)
    assert 200 < sizes.min() and sizes.max() < 8000
    trains = data.test.spikes(dt=5e-3, n_steps=60)
    assert trains.counts().min() > 100
    dense = trains.to_dense().reshape(100, 60, 2, 34, 34)
    three = dense.sum(axis=(0, 2, 3, 4)).reshape(3, 20).sum(axis=1)
    assert (three > 0.2 * three.sum()).all()  # three saccades
    polarities = dense.sum(axis=(0, 1, 3, 4))
    assert 0.5 < polarities[0] / polarities[1] < 2
    assert np.array_equal(n_mnist(which="stand-in").test.times, data.test.times)


def test_sets_that_do_not_fit_are_refused_by_name():
    x = Sounds((np.zeros(3, np.int16),), np.array([2]), np.array([0]))
    good = dict(name="n", train=x, test=x, class_names=("a", "b", "c"), source="s", licence="l")
    assert RecordedDataset(**good).n_classes == 3
    for name, value in (("train", 3), ("test", None), ("class_names", ("a", "b"))):
        with pytest.raises((TypeError, ValueError), match="train" if name[0] == "c" else name):
            RecordedDataset(**good | {name: value})
    sound = dict(sounds=x.sounds, labels=np.array([0]), speakers=np.array([0]))
    for name, value in (
        ("sounds", [np.zeros(3)]),
        ("labels", np.array([0, 1])),
        ("speakers", np.array([0.5])),
        ("sample_rate", 0),
        ("sounds", 3),
        ("labels", np.array([-1])),
    ):
        with pytest.raises((TypeError, ValueError), match=name):
            Sounds(**sound | {name: value})
    assert "1 by 1 speakers" in repr(x) and len(x[[0, 0, 0]]) == 3


# the real ones ------------------------------------------------------------------------------------


@pytest.fixture
def here(monkeypatch):
    """Skips where the files of a set are not on this machine; never downloads."""
    if OWN_DATA:
        monkeypatch.setenv("SNNLAB_DATA", OWN_DATA)

    def look(key):
        if not fetch.is_here(key):
            pytest.skip(f"the files of {key.replace('-', '_')} are not on this machine")

    return look


def test_real_spoken_digits(here):
    here("spoken-digits")
    data = spoken_digits(progress=False)
    assert len(data.train) == 2700 and len(data.test) == 300
    assert np.bincount(data.test.labels).tolist() == [30] * 10
    assert np.bincount(data.test.speakers).tolist() == [50] * 6
    audio = np.concatenate([*data.train.sounds, *data.test.sounds])
    assert audio.size == 10_498_424
    one = spoken_digits(held_out=5, progress=False)
    assert len(one.train) == 2500 and len(one.test) == 500


def test_real_n_mnist(here):
    here("n-mnist")
    data = n_mnist(progress=False)
    assert len(data.train) == 1000 and len(data.test) == 100
    assert data.train.labels[:4].tolist() == [5, 0, 4, 1]  # as in MNIST
    assert data.train.times.size == 4_133_231 and data.train.times.max() == 315_109
    trains = data.test.spikes(dt=1e-3, n_steps=340, pool=2)
    assert trains.n_units == 2 * 17 * 17 and trains.counts().min() > 500
