"""A checkpoint is of one training: another is refused, and a path is looked at before it begins."""

import datetime
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from helpers import as_input, network, same, toy, train

import snnlab
from snnlab import Adam, GradR, Substrate
from snnlab._files import sweep_temporary
from snnlab.chip.recording import Recorder
from snnlab.learning.digest import digest
from snnlab.learning.optim import SGD

SETTINGS = {"epochs": 2, "batch_size": 20, "rng": 7}


@pytest.fixture
def data():
    x, labels = toy(60, 1)
    return as_input(x), labels


def files(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


OTHERS = {
    "labels": (lambda x, y: (x, (y + 1) % 4), {}, "other labels"),
    "inputs": (lambda x, y: (x[::-1], y), {}, "other inputs"),
    "one spike": (lambda x, y: (as_input(toy(60, 2)[0]), y), {}, "other inputs"),
    "fewer": (lambda x, y: (x[:40], y[:40]), {}, "another n_samples"),
    "seed": (None, {"rng": 8}, "another rng, or seed"),
    "generator": (None, {"rng": np.random.default_rng(8)}, "another rng"),
    "batch_size": (None, {"batch_size": 30}, "another batch_size"),
    "learning rate": (None, {"optimizer": Adam(0.5)}, "another optimizer"),
    "optimizer": (None, {"optimizer": SGD()}, "another optimizer"),
    "rule": (None, {"optimizer": GradR()}, "another optimizer"),
    "dropout": (None, {"dropout": 0.5}, "another dropout"),
    "loss": (None, {"loss": "sum_over_time"}, "another loss"),
    "chip": (None, {"substrate": Substrate(0)}, "another substrate"),
    "epochs": (None, {"epochs": 3}, "extend=True"),
    "fewer epochs": (None, {"epochs": 1}, "extend=True"),
}


@pytest.mark.parametrize("other", OTHERS)
def test_a_checkpoint_of_another_run_is_refused_and_nothing_changes(data, tmp_path, other):
    change, more, message = OTHERS[other]
    path = tmp_path / "run.npz"
    start = network(data[0])
    train(start.copy(), *data, **SETTINGS, checkpoint=path)
    before, net = files(tmp_path), start.copy()
    given = data if change is None else change(*data)
    with pytest.raises(ValueError, match=message):
        train(net, *given, **SETTINGS | more, checkpoint=path)
    assert same(net, start) and files(tmp_path) == before


def test_a_checkpoint_of_another_calibration_is_refused(data, tmp_path):
    path, factors = tmp_path / "run.npz", {"gain_spread": np.full(256, 1.1)}
    chip, tuned = Substrate(3), Substrate(3)
    tuned.factors = factors
    train(network(data[0]), *data, **SETTINGS, substrate=chip, checkpoint=path)
    for other in (tuned, Recorder(tuned, tmp_path / "recorded")):
        with pytest.raises(ValueError, match="another calibration"):
            train(network(data[0]), *data, **SETTINGS, substrate=other, checkpoint=path)
    train(network(data[0]), *data, **SETTINGS, substrate=Substrate(3), checkpoint=path)


def test_other_weights_at_the_start_are_refused(data, tmp_path):
    path = tmp_path / "run.npz"
    train(network(data[0]), *data, **SETTINGS, checkpoint=path)
    other = network(data[0], seed=5)
    before = other.parameters.copy()
    with pytest.raises(ValueError, match="other weights at the start"):
        train(other, *data, **SETTINGS, checkpoint=path)
    assert np.array_equal(other.parameters, before)


def test_finished_is_said_and_more_is_possible_on_request(data, tmp_path, capsys):
    path = tmp_path / "run.npz"
    train(network(data[0]), *data, **SETTINGS, checkpoint=path)
    capsys.readouterr()
    assert len(train(network(data[0]), *data, **SETTINGS, checkpoint=path)) == 2
    assert "already finished, after 2 epochs" in capsys.readouterr().out
    more = SETTINGS | {"epochs": 4}
    net, seen = network(data[0]), []
    history = train(
        net, *data, **more, checkpoint=path, extend=True,
        callback=lambda step: seen.append(step.epoch),
    )  # fmt: skip
    assert len(history) == 4 and seen[0] == 2 and "finished" not in capsys.readouterr().out


def test_data_of_every_kind_have_digests():
    x, y = toy(20, 1)[0], toy(20, 2)[0]

    class Stream:
        def __init__(self, x):
            self.x = x

    assert digest(as_input(x)) == digest(as_input(x)[:]) != digest(as_input(y))
    assert digest(as_input(x, "current")) != digest(as_input(y, "current"))
    assert digest(Stream(x)) == digest(Stream(x.copy())) != digest(Stream(y))
    assert digest(x) != digest(x.astype(np.float64)) and digest(x) != digest(x.reshape(-1))


def stairs(n):
    """A function that holds a number."""
    return lambda readout, labels: (n, np.zeros_like(readout))


class Held:
    """An object with a slot instead of a dictionary, and a method."""

    __slots__ = ("x",)

    def __init__(self, x):
        self.x = x

    def call(self, x):
        return x


EVENT = [("t", "i4"), ("x", "f4")]
DIFFERENT = {  # pairs that only what they hold tells apart
    "NumPy's numbers": (np.float32(0.5), np.float32(0.6)),
    "truth": (np.bool_(False), np.bool_(True)),
    "bytes": (b"a", b"b"),
    "complex numbers": (1j, 2j),
    "complex arrays": (np.array([1j]), np.array([2j])),
    "sets": ({1, 2}, {1, 3}),
    "dates": (np.datetime64("2020"), np.datetime64("2021")),
    "days": (datetime.date(2020, 1, 1), datetime.date(2020, 1, 2)),
    "paths": (Path("a"), Path("b")),
    "objects in arrays": (np.array([1, "a"], object), np.array([1, "b"], object)),
    "events": (np.array([(1, 2.0)], EVENT), np.array([(1, 3.0)], EVENT)),
    "texts": (np.array(["a"]), np.array(["b"])),
    "masks": (np.ma.array([1, 2], mask=[0, 1]), np.ma.array([1, 2], mask=[1, 0])),
    "where a part ends": ([1, 12], [11, 2]),
    "words": (["ab", "c"], ["a", "bc"]),
    "lists in lists": ([[1], 2], [[1, 2]]),
    "closures": (stairs(1), stairs(2)),
    "slots": (Held(1), Held(2)),
    "methods": (Held(1).call, Held(2).call),
    "partials": (partial(stairs, n=1), partial(stairs, n=2)),
    "chances": tuple(
        snnlab.encode.RateCoded(np.ones((2, 3)), n_steps=9, probability=p) for p in (0.5, 0.6)
    ),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_a_digest_looks_at_all_that_something_holds(name):
    x, y = DIFFERENT[name]
    assert digest(x) != digest(y) and digest([x]) != digest([y]) != digest({"a": y})
    assert digest(x) == digest(x) and digest({"a": [y]}) == digest({"a": [y]})


def test_a_digest_of_what_holds_itself_ends():
    x = []
    x.append(x)
    y = Held(None)
    y.x = [y, y]
    assert digest(x) and digest(y)


@pytest.mark.parametrize("setting", ["loss", "penalties"])
def test_settings_of_ones_own_are_told_apart_by_what_they_hold(setting, data, tmp_path):
    class Own:
        def __init__(self, n):
            self.n = n

        def __call__(self, readout, labels):
            return snnlab.losses.MaxOverTime()(readout, labels)

    path = tmp_path / "run.npz"
    make = {"loss": Own, "penalties": lambda n: snnlab.penalties.Bursts(n / 100)}[setting]
    train(network(data[0]), *data, **SETTINGS | {setting: make(1)}, checkpoint=path)
    with pytest.raises(ValueError, match=f"another {setting}"):
        train(network(data[0]), *data, **SETTINGS | {setting: make(2)}, checkpoint=path)
    train(network(data[0]), *data, **SETTINGS | {setting: make(1)}, checkpoint=path)


# the path -----------------------------------------------------------------------------------------


def never(step):
    raise AssertionError("something was trained")


def test_a_path_is_looked_at_before_anything_is_trained(data, tmp_path):
    net, start = network(data[0]), network(data[0])
    (tmp_path / "file").write_text("")
    for path, message in (
        (tmp_path / "no" / "such" / "run.npz", "checkpoint: there is no folder"),
        (tmp_path, "checkpoint must be a file"),
        (tmp_path / "file" / "run.npz", "checkpoint: there is no folder"),
        (tmp_path / ("x" * 300), "checkpoint: no file can be written"),
        (3, "checkpoint must be a path"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            train(net, *data, **SETTINGS, checkpoint=path, callback=never)
    assert same(net, start)


def test_a_folder_that_cannot_be_written_to_is_named(data, tmp_path, monkeypatch):
    def refuse(**settings):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("snnlab._files.tempfile.mkstemp", refuse)
    with pytest.raises(ValueError, match="checkpoint: no file can be written in .*Permission"):
        train(network(data[0]), *data, **SETTINGS, checkpoint=tmp_path / "x", callback=never)
    assert not list(tmp_path.iterdir())


def test_the_home_folder_has_a_short_name(data, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    net = network(data[0])
    train(net, *data, **SETTINGS, checkpoint="~/run.npz")
    net.save("~/net.npz")
    assert same(type(net).load("~/net.npz"), net)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.npz", "run.npz"]


def test_what_killed_writers_left_is_swept(data, tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    path = tmp_path / "run.npz"
    left = tmp_path / f".run.npz.{ended.pid}.00112233aabb.tmp"
    own = tmp_path / f".run.npz.{os.getpid()}.00112233aabb.tmp"
    others = [tmp_path / f".other.npz.{ended.pid}.00112233aabb.tmp", tmp_path / "run.npz.tmp"]
    for file in (left, own, *others):
        file.write_bytes(b"half")
    train(network(data[0]), *data, **SETTINGS, checkpoint=path)
    assert not left.exists() and own.exists() and all(file.exists() for file in others)
    sweep_temporary(others[0].with_name("other.npz"))
    assert not others[0].exists()
