"""Recorded traces: whole files, the documented layout, and training from them."""

import re

import numpy as np
import pytest
from helpers import CHIP, N_STEPS, NETWORKS, active, as_input, bits, network, same, toy, train

from snnlab import Adam, ConstantCurrent, Network, Substrate, evaluate, recording
from snnlab.chip.recording import Recorder, Recording, load_trace, save_trace
from snnlab.learning.penalties import Bursts
from snnlab.trace import Trace

SETTINGS = {"epochs": 2, "rng": 1, "batch_size": 25, "dropout": 0.2}


def recorded(path, kept=None, **settings):
    """A trace from the chip, and the file it was saved to."""
    net, inputs, _ = active(**settings)
    trace = net.forward(inputs[:10], on=Substrate(0), dropout=kept)
    save_trace(path, trace, Substrate(0).largest_weights(net))
    return net, trace


# files --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", NETWORKS.values(), ids=NETWORKS)
def test_a_trace_comes_back_as_it_was(tmp_path, settings):
    net, trace = recorded(tmp_path / "a.npz", **settings)
    loaded, weight_max = load_trace(tmp_path / "a.npz")
    assert bits(loaded) == bits(trace) and loaded.inputs == trace.inputs
    assert loaded.spiking_readout == trace.spiking_readout
    assert loaded.dropout == trace.dropout == [None] * (len(net.sizes) - 2)
    assert weight_max.tolist() == Substrate(0).largest_weights(net)
    g = np.ones_like(trace.readout)
    for one, two in zip(net.backward(loaded, g), net.backward(trace, g), strict=True):
        assert np.array_equal(one, two)


def test_units_left_out_come_back(tmp_path):
    kept = [np.arange(24) % 3 > 0, None]
    _, trace = recorded(tmp_path / "a.npz", kept, sizes=(20, 24, 17, 4))
    loaded, _ = load_trace(tmp_path / "a.npz")
    assert np.array_equal(loaded.dropout[0], kept[0]) and loaded.dropout[1] is None
    save_trace(tmp_path / "b.npz", trace)
    assert load_trace(tmp_path / "b.npz")[1] is None


def test_files_hold_what_the_table_says(tmp_path):
    table = re.findall(r"^(\w\S*(?: ?, ?\S+)*)(?: \(maybe\))? {2,}\S", recording.__doc__, re.M)
    documented = set(" ".join(table).replace(",", " ").replace("...", " ").split()) - {"array"}
    documented |= {"input_unit", "spikes_0_step", "spikes_0_unit"}  # "as for the inputs"
    documented -= {"_unit", "v_1"}
    recorded(tmp_path / "a.npz", [np.ones(24, bool)])
    with np.load(tmp_path / "a.npz") as arrays:
        assert set(arrays.files) == documented
        assert arrays["v_0"].shape == (10, N_STEPS, 24) and arrays["v_0"].dtype == np.float32
        assert arrays["readout"].shape == (10, N_STEPS, 4)
    recorded(tmp_path / "b.npz", readout=CHIP)
    with np.load(tmp_path / "b.npz") as arrays:
        assert {"v_1", "spikes_1_indptr"} < set(arrays.files) and "readout" not in arrays.files


def test_a_file_written_by_hand_is_read(tmp_path):
    """By somebody else's software, from dense arrays, with other integers and double precision."""
    rng = np.random.default_rng(0)
    x, z, v = rng.random((3, 8, 5)) < 0.2, rng.random((3, 8, 6)) < 0.1, rng.normal(size=(3, 8, 6))
    readout = rng.normal(size=(3, 8, 2))
    arrays = {"format": 1, "n_steps": 8, "input_units": 5, "v_0": v, "readout": readout}
    for name, dense in (("input", x), ("spikes_0", z)):
        sample, step, unit = np.nonzero(dense)
        ends = np.cumsum(np.bincount(sample, minlength=3))
        arrays[f"{name}_indptr"] = np.concatenate([[0], ends]).astype(np.uint16)
        arrays[f"{name}_step"], arrays[f"{name}_unit"] = step.astype(np.int16), unit
    np.savez(tmp_path / "a.npz", **arrays)
    trace, weight_max = load_trace(tmp_path / "a.npz")
    assert np.array_equal(trace.v[0], v) and np.array_equal(trace.readout, readout)
    assert np.array_equal(trace.inputs.to_dense(), x) and weight_max is None
    assert np.array_equal(trace.spikes[0].to_dense(), z)
    net = Network((5, 6, 2), CHIP, n_steps=8, rng=0, dtype=np.float64)
    assert len(net.forward(trace.inputs, on=Recording(tmp_path))) == 3
    gradients = net.backward(trace, np.ones_like(readout))
    expected = z.sum(axis=(0, 1)) > 0  # what a readout learns, it learns from recorded spikes
    assert np.array_equal(np.any(gradients[1] != 0, axis=1), expected)


# training -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", NETWORKS.values(), ids=NETWORKS)
def test_a_recorded_run_trains_identically(tmp_path, settings):
    more = {"loss": "rate_mse" if "readout" in settings else "max_over_time"}
    more |= SETTINGS | {"penalties": Bursts(0.1)}
    net, inputs, labels = active(**settings)
    chip = Recorder(Substrate(3), tmp_path / "run")
    measured = train(net, inputs, labels, substrate=chip, optimizer=Adam(lr=0.02), **more)
    files = sorted(path.name for path in (tmp_path / "run").iterdir())
    assert files == [f"{k:06d}.npz" for k in range(6)] and chip.n_recorded == 6

    other, *_ = active(**settings)
    replay = Recording(tmp_path / "run")
    replayed = train(other, inputs, labels, substrate=replay, optimizer=Adam(lr=0.02), **more)
    assert same(net, other) and not same(net, active(**settings)[0])
    assert {**vars(measured), "seconds": 0} == {**vars(replayed), "seconds": 0}
    assert replay.age == 6
    # weights were held within what could be written
    assert np.abs(other.weights[0]).max() == np.float32(63 / 240) or settings.get("dtype")

    # the recorder changed nothing
    plain, *_ = active(**settings)
    train(plain, inputs, labels, substrate=Substrate(3), optimizer=Adam(lr=0.02), **more)
    assert same(net, plain)


def test_validation_is_measured_but_not_recorded(tmp_path):
    net, inputs, labels = active()
    chip = Recorder(Substrate(3), tmp_path)
    valid = inputs[:9], labels[:9]
    train(net, inputs, labels, substrate=chip, validation=valid, **SETTINGS)
    assert chip.n_recorded == 6 and chip.age == chip.substrate.age == 8
    other, *_ = active()
    train(other, inputs, labels, substrate=Recording(tmp_path), **SETTINGS)
    assert same(net, other)


def test_replay_goes_on_from_a_checkpoint(tmp_path):
    net, inputs, labels = active()
    train(net, inputs, labels, substrate=Recorder(Substrate(3), tmp_path / "run"), **SETTINGS)
    stop = lambda step: step.ends_epoch  # noqa: E731
    first, second = active()[0], active()[0]
    both = SETTINGS | {"checkpoint": tmp_path / "here.npz"}
    train(first, inputs, labels, substrate=Recording(tmp_path / "run"), callback=stop, **both)
    rest = Recording(tmp_path / "run")
    train(second, inputs, labels, substrate=rest, **both)
    assert same(second, net) and rest.age == 6


def test_recording_goes_on_from_a_checkpoint(tmp_path):
    """In another folder; the substrate is as old as it was."""
    whole, inputs, labels = active()
    train(whole, inputs, labels, substrate=Substrate(3), **SETTINGS)
    stop = lambda step: step.ends_epoch  # noqa: E731
    both = SETTINGS | {"checkpoint": tmp_path / "here.npz"}
    first, second = active()[0], active()[0]
    chip = Recorder(Substrate(3), tmp_path / "a")
    train(first, inputs, labels, substrate=chip, callback=stop, **both)
    chip = Recorder(Substrate(3), tmp_path / "b")
    train(second, inputs, labels, substrate=chip, **both)
    assert same(second, whole) and chip.age == chip.substrate.age == 6 and chip.n_recorded == 3


# what is refused ----------------------------------------------------------------------------------


def without(name):
    return lambda arrays: arrays.pop(name)


def put(name, index, value):
    def change(arrays):
        arrays[name][index] = value

    return change


def replaced(name, f):
    def change(arrays):
        arrays[name] = f(arrays[name])

    return change


BROKEN = {
    "no potentials": (without("v_0"), "at least one"),
    "no spikes": (without("spikes_0_unit"), "holds no spikes_0_unit"),
    "no inputs": (without("input_indptr"), "holds no input_indptr"),
    "no format": (without("format"), "holds no format"),
    "newer": (replaced("format", lambda x: x + 1), "format 2 is newer"),
    "format of floats": (replaced("format", lambda x: x + 0.5), "format must be an integer"),
    "steps": (replaced("n_steps", lambda x: x - 9), "input_.*: step must lie in 0 ... 2"),
    "more steps": (replaced("n_steps", lambda x: x + 1), r"v\[0\] must have shape"),
    "steps as array": (replaced("n_steps", lambda x: x[None]), "n_steps must be an integer"),
    "v NaN": (put("v_0", (1, 2, 3), np.nan), r"v\[0\] must be finite"),
    "readout NaN": (put("readout", (1, 2, 3), np.nan), "readout must be finite"),
    "v infinite": (put("v_0", (1, 2, 3), np.inf), r"v\[0\] must be finite"),
    "v flat": (replaced("v_0", lambda x: x[:, :, 0]), "v_0 must have shape .sample, time, unit"),
    "v of fewer samples": (replaced("v_0", lambda x: x[1:]), r"v\[0\] must have shape"),
    "v of fewer steps": (replaced("v_0", lambda x: x[:, 1:]), r"v\[0\] must have shape"),
    "v of fewer units": (replaced("v_0", lambda x: x[:, :, :9]), "spikes_0_.*: unit must lie in"),
    "v of text": (replaced("v_0", lambda x: x.astype(str)), r"v\[0\] must be an array of numbers"),
    "readout of fewer samples": (replaced("readout", lambda x: x[1:]), "readout must have shape"),
    "spike twice": (put("spikes_0_step", slice(None), 0), "spikes_0_.*: unit .* spikes twice"),
    "spike too late": (put("spikes_0_step", 0, 99), "spikes_0_.*: step must lie in"),
    "inputs unsorted": (replaced("input_step", lambda x: x[::-1]), "input_.*: step must be sorted"),
    "indptr": (put("spikes_0_indptr", -1, 3), "spikes_0_.*: indptr must run from 0"),
    "mask": (replaced("kept_0", lambda x: x[1:]), r"dropout\[0\] must have shape"),
    "mask of numbers": (replaced("kept_0", lambda x: 1.0 * x), r"dropout\[0\] must hold True"),
    "limits": (replaced("weight_max", lambda x: x[1:]), "weight_max must have shape"),
    "limit 0": (put("weight_max", 0, 0), "weight_max must be above 0"),
    "limit NaN": (put("weight_max", 0, np.nan), "weight_max must be above 0"),
}


@pytest.mark.parametrize("change, message", BROKEN.values(), ids=BROKEN)
def test_broken_files_are_refused_by_name(tmp_path, change, message):
    path = tmp_path / "a.npz"
    recorded(path, [np.ones(24, bool)])
    with np.load(path) as arrays:
        arrays = {name: arrays[name] for name in arrays.files}
    change(arrays)
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match=f"a.npz is no recorded trace: .*{message}"):
        load_trace(path)


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "a.npz"
    network().save(path)
    with pytest.raises(ValueError, match="a.npz is no recorded trace: it holds no format"):
        load_trace(path)
    recorded(path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match="a.npz is not a whole .npz file"):
        load_trace(path)
    with pytest.raises(FileNotFoundError):
        load_trace(tmp_path / "b.npz")


def test_what_cannot_be_saved_is_refused(tmp_path):
    net, inputs, _ = active()
    trace = net.forward(inputs)
    with pytest.raises(TypeError, match="trace must be a Trace"):
        save_trace(tmp_path / "a.npz", inputs)
    current = ConstantCurrent(np.ones((3, 20)), N_STEPS)
    with pytest.raises(TypeError, match="trace must have spikes as inputs"):
        save_trace(tmp_path / "a.npz", net.forward(current))
    with pytest.raises(ValueError, match="potentials=False"):
        save_trace(tmp_path / "a.npz", net.forward(inputs, potentials=False))
    with pytest.raises(ValueError, match="weight_max must have shape"):
        save_trace(tmp_path / "a.npz", trace, [0.2])
    with pytest.raises(ValueError, match="weight_max must be above 0"):
        save_trace(tmp_path / "a.npz", trace, [0.2, -1])
    assert not list(tmp_path.iterdir())


def test_folders(tmp_path):
    with pytest.raises(ValueError, match="holds no recorded traces"):
        Recording(tmp_path)
    with pytest.raises(TypeError, match="substrate must be a Substrate"):
        Recorder("chip", tmp_path / "run")
    assert not (tmp_path / "run").exists()
    net, inputs, _ = active()
    chip = Recorder(Substrate(0), tmp_path / "deep" / "run")
    net.forward(inputs, on=chip, potentials=False)
    assert chip.n_recorded == 0 and chip.age == 1
    Recorder(Substrate(0), tmp_path / "deep" / "run")  # still empty
    net.forward(inputs, on=chip)
    with pytest.raises(ValueError, match="already holds a recording"):
        Recorder(Substrate(0), tmp_path / "deep" / "run")
    assert repr(Recording(tmp_path / "deep" / "run")) == "Recording(1 batches)"
    assert repr(chip) == "Recorder(Substrate(0))"


@pytest.fixture
def run(tmp_path):
    """A folder with a recorded run of two epochs."""
    net, inputs, labels = active()
    folder = tmp_path / "run"
    train(net, inputs, labels, substrate=Recorder(Substrate(0), folder), **SETTINGS)
    return folder, inputs, labels


@pytest.mark.parametrize(
    "change, batches, message",
    [
        ({"epochs": 3}, 6, "the recording ends after 6 batches"),
        ({"rng": 2}, 0, "000000.npz is of other inputs than batch 1"),
        ({"batch_size": 30}, 0, "000000.npz is of other inputs than batch 1"),
        ({"dropout": 0.0}, 0, "000000.npz was recorded with other units left out"),
        ({"dropout": 0.3}, 0, "000000.npz was recorded with other units left out"),
    ],
    ids=str,
)
def test_another_training_than_the_recorded_one_is_refused(run, change, batches, message):
    folder, inputs, labels = run
    net, chip = active()[0], Recording(folder)
    with pytest.raises(ValueError, match=message):
        train(net, inputs, labels, substrate=chip, **SETTINGS | change)
    assert chip.age == batches


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"sizes": (20, 25, 4)}, r"has layers of \[24, 4\] units, the network \[25, 4\]"),
        ({"sizes": (20, 24, 5, 4)}, r"has layers of \[24, 4\] units, the network \[24, 5, 4\]"),
        ({"readout": CHIP}, r"has layers of \[24, 4\] units"),
        ({"dtype": np.float64}, "must hold float64 potentials"),
    ],
    ids=str,
)
def test_another_network_than_the_recorded_one_is_refused(run, settings, message):
    folder, inputs, labels = run
    net = network(**settings)
    before = net.copy()
    settings = SETTINGS | {"loss": "rate_mse"} if net.spiking_readout else SETTINGS
    with pytest.raises(ValueError, match=message):
        train(net, inputs, labels, substrate=Recording(folder), **settings)
    assert same(net, before)


def test_a_recording_of_other_samples_is_refused(run):
    folder, _, labels = run
    net, other = active()[0], as_input(toy(60, 5)[0])
    with pytest.raises(ValueError, match="is of other inputs than batch 1"):
        train(net, other, labels, substrate=Recording(folder), **SETTINGS)
    current = ConstantCurrent(toy(60, 1)[0], N_STEPS)
    with pytest.raises(ValueError, match="is of other inputs than batch 1"):
        train(net, current, labels, substrate=Recording(folder), **SETTINGS)


def test_a_recording_cannot_evaluate(run):
    folder, inputs, labels = run
    net = active()[0]
    before = net.copy()
    with pytest.raises(ValueError, match="a recording holds training batches only"):
        evaluate(net, inputs, labels, substrate=Recording(folder))
    with pytest.raises(ValueError, match="validation must be left out"):
        train(
            net,
            inputs,
            labels,
            substrate=Recording(folder),
            validation=(inputs, labels),
            **SETTINGS,
        )
    assert same(net, before)


def test_masks_of_whole_layers_need_not_be_recorded(tmp_path):
    net, inputs, labels = active()
    trace = net.forward(inputs, on=Substrate(0))
    whole = Trace.measured(inputs, [trace.v[0]], trace.spikes, trace.readout, [np.ones(24, bool)])
    save_trace(tmp_path / "0.npz", whole)
    assert len(net.forward(inputs, on=Recording(tmp_path))) == 60
    Recording(tmp_path).clip(net)  # nothing is known of limits
    save_trace(tmp_path / "1.npz", trace, [0.1, np.inf])
    chip, before = Recording(tmp_path), net.copy()
    net.forward(inputs, on=chip)
    chip.clip(net)
    assert same(net, before)
    net.forward(inputs, on=chip)
    chip.clip(net)
    assert np.abs(net.weights[0]).max() == np.float32(0.1)
    assert np.array_equal(net.weights[1], before.weights[1])
