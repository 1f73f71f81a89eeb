"""Files without pickle: what is saved comes back, and what is damaged is refused by name."""

import io
import json
import os
import zipfile
from functools import cache

import numpy as np
import pytest
from helpers import active, same, train

import snnlab
from snnlab import LIF, SGD, Adam, DeepR, FixedMask, Frontier, GradR, Magnitude, Network, Substrate
from snnlab.learning.losses import MaxOverTime
from snnlab.learning.penalties import Ramp
from snnlab.rewiring import Rule


def points():
    rng = np.random.default_rng(0)
    return rng.random((60, 40)).astype(np.float32), np.array(["no", "yes", "so"])[np.arange(60) % 3]


@pytest.fixture(scope="module")
def model():
    settings = {"loss": MaxOverTime(2.0, (5, 20)), "augment": None, "random_state": 0}
    return snnlab.SpikingClassifier((9,), epochs=1, **settings).fit(*points())


def test_a_classifier_predicts_the_same_after_a_file(model, tmp_path):
    model.save(tmp_path / "model.npz")
    loaded = snnlab.SpikingClassifier.load(tmp_path / "model.npz")
    x, _ = points()
    assert np.array_equal(loaded.decision_function(x), model.decision_function(x))
    assert loaded.predict(x).tolist() == model.predict(x).tolist()
    assert loaded.get_params() == model.get_params() and loaded.history_ == model.history_
    assert same(loaded.network_, model.network_)
    with pytest.raises(ValueError, match="features"):
        loaded.predict(x[:, 1:])


def test_a_classifier_remembers_text_labels_kept_as_objects_and_names_of_features(tmp_path):
    pandas = pytest.importorskip("pandas")
    x, y = points()
    frame = pandas.DataFrame(x, columns=[f"f{k}" for k in range(40)])
    model = snnlab.SpikingClassifier((5,), epochs=1, random_state=0).fit(frame, y.astype(object))
    model.save(tmp_path / "model.npz")
    loaded = snnlab.SpikingClassifier.load(tmp_path / "model.npz")
    assert loaded.classes_.dtype == object and list(loaded.classes_) == ["no", "so", "yes"]
    assert loaded.predict(frame).tolist() == model.predict(frame).tolist()
    with pytest.raises(ValueError, match="feature names"):
        loaded.predict(frame.rename(columns={"f0": "g"}))


def test_what_cannot_be_written_is_named(tmp_path):
    model = snnlab.SpikingClassifier((5,), epochs=1, loss=lambda *x: MaxOverTime()(*x))
    with pytest.raises(ValueError, match="not fitted"):
        model.save(tmp_path / "x.npz")
    model.fit(*points())
    with pytest.raises(TypeError, match="loss cannot be written"):
        model.save(tmp_path / "x.npz")
    with pytest.raises(TypeError, match="alpha is a function"):
        GradR(1e-3, alpha=lambda epoch, epochs: 0.1).save(tmp_path / "x.npz")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name != "posix", reason="only there a file's size can be limited")
def test_a_full_disk_names_the_file_and_leaves_the_one_before(tmp_path):
    import resource
    import signal

    path, net = tmp_path / "net.npz", Network((64, 100, 3), LIF.brainscales2(), n_steps=5, rng=0)
    net.save(path)
    before = path.read_bytes()
    limits, ignored = resource.getrlimit(resource.RLIMIT_FSIZE), signal.SIG_IGN
    handler = signal.signal(signal.SIGXFSZ, ignored)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, limits[1]))
    try:
        with pytest.raises(OSError, match=r"net\.npz"):
            net.save(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["net.npz"]


def test_a_chip_measures_the_same_after_a_file(tmp_path):
    net, inputs, _ = active()
    chip = Substrate(3, dead=(1, 5), noise=0.05, partition=True)
    chip.factors = {"gain_spread": np.full(256, 1.25)}  # as a calibration does
    net.forward(inputs, on=chip)
    chip.save(tmp_path / "chip.npz")
    other = Substrate.load(tmp_path / "chip.npz")
    assert other.age == 1 and other.effects == chip.effects and repr(other) == repr(chip)
    a, b = (net.forward(inputs, on=x).readout for x in (chip, other))
    assert np.array_equal(a, b)


RULES = {
    "Grad R": lambda: GradR(1e-2, 0.8, Ramp(0.1, 0.5), settle=1.5, rng=1),
    "Grad R on SGD": lambda: GradR(optimizer=SGD(0.1, momentum=0.9), sparsity=(0.8, 0.6), rng=1),
    "Deep R": lambda: DeepR(1e-2, 0.7, max_fan_in=12, rng=4),
    "magnitude": lambda: Magnitude(1e-2, 0.8, every=3),
    "fixed mask": lambda: FixedMask(
        1e-2, masks=[np.arange(480).reshape(20, 24) % 3 == 0, np.ones((24, 4), bool)]
    ),
    "Adam": lambda: Adam(1e-2, rates={"weights": 0.5}),
}


@pytest.mark.parametrize("name", RULES)
def test_a_rule_goes_on_from_a_file_as_if_nothing_had_been(name, tmp_path):
    net, inputs, labels = active()
    rule = RULES[name]()
    train(net, inputs, labels, epochs=2, batch_size=20, rng=0, optimizer=rule)
    rule.save(tmp_path / "rule.npz")
    other = type(rule).load(tmp_path / "rule.npz")
    assert repr(other.settings()) == repr(rule.settings()) and other.steps == rule.steps == 6
    copy = net.copy()
    g = net.backward(net.forward(inputs), np.full((60, 12, 4), 1e-3, np.float32))
    for _ in range(5):
        rule.step(net, g)
        other.step(copy, g)
    assert same(net, copy)
    assert isinstance(rule, Adam) or isinstance(Rule.load(tmp_path / "rule.npz"), type(rule))


def test_a_file_of_another_class_is_refused(tmp_path):
    RULES["Deep R"]().save(tmp_path / "rule.npz")
    with pytest.raises(ValueError, match="class 'DeepR' is no GradR"):
        GradR.load(tmp_path / "rule.npz")


# hostile files ------------------------------------------------------------------------------------


def kinds(folder, model):
    net, inputs, _ = active()
    rule = RULES["Grad R"]()
    rule.begin(net, 2, 3)
    runs = Frontier("toy")
    runs.add(0.5, 3.0, seed=1)
    made = {
        "classifier": (model, snnlab.SpikingClassifier),
        "chip": (Substrate(0), Substrate),
        "rule": (rule, GradR),
        "frontier": (runs, Frontier),
        "network": (net, Network),
    }
    for name, (thing, cls) in made.items():
        path = folder / f"{name}{'.json' if name == 'frontier' else '.npz'}"
        thing.save(path)
        yield name, path, cls


def refused(cls, path, match=None):
    with pytest.raises(ValueError, match=match) as caught:
        cls.load(path)
    assert path.name in str(caught.value)


@pytest.mark.parametrize("damage", ["empty", "truncated", "garbage", "brackets", "bomb"])
def test_damaged_files_are_refused_by_name(damage, model, tmp_path):
    for name, path, cls in kinds(tmp_path, model):
        data = path.read_bytes()
        bad = {
            "empty": b"",
            "truncated": data[: len(data) // 2],
            "garbage": b"\xff\xfe" * 400,
            "brackets": b"[" * 200_000,
            "bomb": bomb(),
        }[damage]
        path.write_bytes(bad)
        refused(cls, path, "bytes unpacked" if damage == "bomb" and name != "frontier" else None)


@cache
def bomb():
    """A file of 300 KB that would be 300 MB."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("header.npy", bytes(3 * 10**8))
    return file.getvalue()


@pytest.mark.parametrize("version", [0, -1, float("nan"), 1e300, 99, "1", None, True, [1]])
def test_a_format_that_is_none_is_refused(version, model, tmp_path):
    for name, path, cls in kinds(tmp_path, model):
        if name == "frontier":
            content = json.loads(path.read_text()) | {"format": version}
            path.write_text(json.dumps(content))
        else:
            change(path, "header", lambda x: text(json.loads(str(x)) | {"format": version}))
        refused(cls, path, "format")


def text(x):
    return np.array(json.dumps(x))


def change(path, name, function):
    with np.load(path) as file:
        arrays = dict(file)
    new = function(arrays.pop(name))
    if new is not None:
        arrays[name] = new
    np.savez(path, **arrays)


CHANGES = {
    "missing": lambda x: None,
    "of another shape": lambda x: x.ravel()[: x.size // 2] if x.size > 1 else np.zeros((2, 3)),
    "NaN": lambda x: np.full(x.shape, np.nan),
    "complex": lambda x: np.full(x.shape, 1j),
}


@pytest.mark.parametrize("what", CHANGES)
def test_every_array_of_a_file_is_looked_at(what, model, tmp_path):
    for name, path, cls in kinds(tmp_path, model):
        if name == "frontier":
            continue
        data = path.read_bytes()
        with np.load(path) as file:
            names = file.files
        for array in names:
            if array.startswith(("state_log_", "state_schedule")) or (
                array == "state_steps" and what[0] == "o"
            ):
                continue  # a log may be of any length, a schedule may be missing
            path.write_bytes(data)
            change(path, array, CHANGES[what])
            if array == "classes" and what in ("NaN", "complex"):
                continue
            with pytest.raises(ValueError):
                cls.load(path)
                pytest.fail(f"{name}: {array} {what} was taken")
            refused(cls, path)


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_no_file_takes_the_place_of_a_device_and_links_stay(tmp_path):
    """As root a network could be saved instead of /dev/null."""
    pipe, link, target = (tmp_path / name for name in ("pipe", "link.npz", "target.npz"))
    os.mkfifo(pipe)
    net = Network((4, 3, 2), snnlab.LIF.brainscales2(), n_steps=5, rng=0)
    for path in (pipe, os.devnull):
        before = os.stat(path)
        with pytest.raises(ValueError, match="path must be .* is a device or a pipe"):
            net.save(path)
        with pytest.raises(ValueError, match="checkpoint must be .* is a device or a pipe"):
            inputs = snnlab.ConstantCurrent(np.ones((4, 4)), 5)
            train(net, inputs, [0, 1, 0, 1], epochs=1, rng=0, checkpoint=path)
        assert os.stat(path) == before
    target.write_bytes(b"old")
    link.symlink_to(target)
    net.save(link)
    assert link.is_symlink() and same(Network.load(target), net)
    target.unlink()  # now it leads nowhere
    net.save(link)
    assert link.is_symlink() and same(Network.load(target), net)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.npz", "pipe", "target.npz"]
