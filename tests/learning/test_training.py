"""The training loop: the same plain steps as by hand, repeatable, resumable, interruptible."""

import gc
import json
import os
import queue
import signal
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest
from helpers import CHIP, N_STEPS, ROOT, as_input, network, same, threads, toy, train

from snnlab import (
    SGD,
    Adam,
    GradR,
    History,
    Network,
    _files,
    _workers,
    datasets,
    encode,
    evaluate,
    losses,
    penalties,
)
from snnlab import train as train_aloud
from snnlab.learning.evaluation import predict_scores
from snnlab.learning.schedules import Cosine, Exponential
from snnlab.learning.training import Step, steps


@pytest.fixture
def data():
    x, labels = toy(90, 1)
    return as_input(x), labels


# the loop is the plain steps ----------------------------------------------------------------------


@pytest.mark.nojit
@pytest.mark.bounds
@pytest.mark.parametrize("kind", ["events", "current"])
@pytest.mark.parametrize("batch_size, dropout", [(7, 0.0), (10, 0.3)])
def test_train_equals_the_same_steps_by_hand(kind, batch_size, dropout):
    x, labels = toy(20, 1)
    inputs = as_input(x, kind, n_steps=5)
    one, two = (network(sizes=(20, 6, 5, 4), n_steps=5, spread=9.0) for _ in range(2))
    epochs, per_epoch = 2, -(-20 // batch_size)
    history = train(
        one,
        inputs,
        labels,
        epochs=epochs,
        rng=3,
        batch_size=batch_size,
        dropout=dropout,
        optimizer=Adam(lr=0.01),
        schedule=Exponential(0.5),
    )

    rng, optimizer, loss = np.random.default_rng(3), Adam(lr=0.01), losses.MaxOverTime()
    means = []
    for epoch in range(epochs):
        order, total = rng.permutation(20), 0.0
        for k in range(per_epoch):
            index = order[k * batch_size : (k + 1) * batch_size]
            kept = [rng.random(n) >= dropout for n in (6, 5)] if dropout else None
            trace = two.forward(inputs[index], dropout=kept)
            value, g_readout = loss(trace.readout, labels[index])
            optimizer.step(two, two.backward(trace, g_readout), 0.5**epoch)
            total += value * len(index)
        means.append(total / 20)
    assert same(one, two)
    assert history.loss == pytest.approx(means, rel=1e-12)
    assert not same(one, network(sizes=(20, 6, 5, 4), n_steps=5, spread=9.0))


@pytest.mark.parametrize("kind, batch_size", [("events", 64), ("events", 257), ("current", 100)])
def test_workers_do_not_change_a_bit(kind, batch_size):
    x, labels = toy(600, 1)
    inputs, nets, spikes = as_input(x, kind), [], []
    for workers in (1, 2, 3):
        # wide enough for the work to be shared, and for the optimiser's work too
        net = network(inputs[:50], sizes=(20, 2000, 4), workers=workers)
        assert workers == 1 or threads(net, batch_size) == workers
        train(net, inputs, labels, epochs=1, rng=1, batch_size=batch_size, dropout=0.1)
        trace = net.forward(inputs[:333])
        nets.append(net), spikes.append((trace.spikes[0], trace.readout.tobytes()))
    assert same(nets[0], nets[1]) and same(nets[0], nets[2])
    assert spikes[0] == spikes[1] == spikes[2]


def test_own_functions_are_equal_citizens(data):
    def own_loss(readout, target):
        when = readout.argmax(axis=1)
        rows = np.arange(len(target))[:, None], when, np.arange(readout.shape[2])
        scores = readout[rows] * np.float32(3)
        p = np.exp(scores - scores.max(axis=1, keepdims=True))
        total = p.sum(axis=1, keepdims=True)
        here = np.arange(len(target)), target
        shifted = scores - scores.max(axis=1, keepdims=True)
        value = float((np.log(total[:, 0]) - shifted[here]).mean())
        p /= total * np.float32(len(target))
        p[here] -= np.float32(1 / len(target))
        g_readout = np.zeros_like(readout)
        g_readout[rows] = p * np.float32(3)
        return value, g_readout

    def halved(epoch, epochs):
        return 0.5 ** int(epoch)

    settings = {"epochs": 3, "rng": 2, "batch_size": 40}
    nets = [network(data[0]) for _ in range(4)]
    train(nets[0], *data, loss="max_over_time", schedule="constant", **settings)
    train(nets[1], *data, loss=own_loss, schedule=lambda *_: 1.0, **settings)
    train(nets[2], *data, loss=losses.MaxOverTime(), schedule=Exponential(0.5), **settings)
    train(nets[3], *data, loss=own_loss, schedule=halved, **settings)
    assert same(nets[0], nets[1]) and same(nets[2], nets[3]) and not same(nets[0], nets[2])
    one, two = (evaluate(nets[0], *data, loss=loss) for loss in ("max_over_time", own_loss))
    assert np.array_equal(one.predictions, two.predictions)


def test_seeds_decide(data):
    nets = [network(data[0]) for _ in range(4)]
    rngs = 5, np.random.default_rng(5), 6, 5
    for net, rng in zip(nets, rngs, strict=True):
        np.random.seed(0 if net is nets[0] else 1)  # noqa: NPY002  (must not matter)
        train(net, *data, epochs=1, rng=rng, batch_size=20, dropout=0.2)
    assert same(nets[0], nets[1]) and same(nets[0], nets[3]) and not same(nets[0], nets[2])


def test_default_optimizer_is_adam(data):
    nets = [network(data[0]) for _ in range(3)]
    for net, optimizer in zip(nets, (None, Adam(), SGD()), strict=True):
        train(net, *data, epochs=1, rng=1, optimizer=optimizer)
    assert same(nets[0], nets[1]) and not same(nets[0], nets[2])


def test_a_user_may_step_through(data):
    one, two = network(data[0]), network(data[0])
    train(one, *data, epochs=2, rng=1, batch_size=30)
    seen = list(steps(two, *data, epochs=2, rng=1, batch_size=30))
    assert same(one, two) and len(seen) == 6
    three = network(data[0])
    loop = steps(three, *data, epochs=2, rng=1, batch_size=30)
    assert same(three, network(data[0]))
    for _ in range(3):
        next(loop)
    assert not same(three, one)


class Stream:
    """Noisy samples, drawn anew at each look."""

    def __init__(self, x):
        self.x, self.calls = x, []

    def __len__(self):
        return len(self.x)

    def batch(self, index, rng):
        self.calls.append(np.array(index))
        noise = 0.0 if rng is None else rng.normal(0, 0.1, (len(index), self.x.shape[1]))
        return as_input(np.clip(self.x[index] + noise, 0, 1))


def test_streams(data):
    x, labels = toy(50, 1)
    nets = [network(data[0]) for _ in range(2)]
    for net in nets:
        stream = Stream(x)
        train(net, stream, labels, epochs=2, rng=4, batch_size=20)
        assert [len(index) for index in stream.calls] == [20, 20, 10] * 2
        assert sorted(np.concatenate(stream.calls[:3])) == list(range(50))
    assert same(*nets)
    net = network(data[0])
    rng, optimizer, stream = np.random.default_rng(4), Adam(), Stream(x)
    for epoch in range(2):
        order = rng.permutation(50)
        for k in range(3):
            index = order[20 * k : 20 * k + 20]
            trace = net.forward(stream.batch(index, rng))
            _, g_readout = losses.MaxOverTime()(trace.readout, labels[index])
            factor = Cosine()(epoch + k / 3, 2)
            optimizer.step(net, net.backward(trace, g_readout), factor)
    assert same(net, nets[0])


def test_evaluate_takes_the_library_s_stream():
    from snnlab import Affine, AugmentedImages

    source = np.random.default_rng(0).integers(0, 256, (30, 8, 8), np.uint8)
    code = lambda x: as_input(x)  # noqa: E731
    stream = AugmentedImages(source, 4, Affine(rotation=5), code)
    result = evaluate(network(sizes=(16, 8, 4)), stream, np.zeros(30, int))
    assert result.predictions.shape == (30,)


def test_dropout_silences_whole_units_for_a_batch(data):
    seen = []

    def look(step):
        kept = step.trace.dropout[0]
        counts = step.trace.spikes[0].unit_counts()
        seen.append(kept.mean())
        assert counts[:, ~kept].sum() == 0 and counts[:, kept].sum() > 0

    train(network(data[0]), *data, epochs=20, rng=1, batch_size=30, dropout=0.5, callback=look)
    assert 0.4 < np.mean(seen) < 0.6 and len(set(seen)) > 3


# what is recorded ---------------------------------------------------------------------------------


def test_history_and_steps(data):
    seen = []

    def watch(step):
        assert isinstance(step, Step) and step.network is net
        assert len(step.history) == step.epoch + step.ends_epoch
        assert step.trace.readout.shape == (step.trace.inputs.counts().size, N_STEPS, 4)
        seen.append((step.epoch, step.step, step.loss, step.accuracy, step.hidden_spikes))
        assert step.penalty == 0  # tests/test_penalties.py has others

    net = network(data[0])
    x, labels = toy(30, 2)
    validation = as_input(x), labels
    history = train(
        net,
        *data,
        epochs=3,
        rng=1,
        batch_size=40,
        validation=validation,
        callback=watch,
        schedule="exponential",
        optimizer=Adam(lr=0.02),
    )
    assert isinstance(history, History) and len(history) == 3 and history.interrupted is False
    assert [s[:2] for s in seen] == [(e, k) for e in range(3) for k in range(3)]
    weight = np.tile([40, 40, 10], 3) / 90
    for name, column in (("loss", 2), ("train_accuracy", 3), ("hidden_spikes", 4)):
        values = weight * [s[column] for s in seen]
        assert getattr(history, name) == pytest.approx(values.reshape(3, 3).sum(axis=1).tolist())
    assert history.lr == pytest.approx([0.02, 0.02 * 0.97, 0.02 * 0.97**2])
    assert len(history.seconds) == 3 and min(history.seconds) > 0 and history.penalty == [0] * 3
    final = evaluate(net, *validation)
    assert history.validation_accuracy[-1] == final.accuracy
    assert history.validation_hidden_spikes[-1] == final.hidden_spikes
    assert len(history.validation_accuracy) == 3


def test_validation_changes_nothing(data):
    nets = [network(data[0]) for _ in range(2)]
    train(nets[0], *data, epochs=2, rng=1, dropout=0.1)
    history = train(nets[1], *data, epochs=2, rng=1, dropout=0.1, validation=data)
    assert same(*nets) and len(history.validation_accuracy) == 2
    assert train(nets[0], *data, epochs=1, rng=1).validation_accuracy == []


def test_schedules_by_name(data):
    for name, own in (
        ("constant", lambda e, n: 1),
        ("exponential", Exponential()),
        ("cosine", Cosine()),
    ):
        nets = [network(data[0]) for _ in range(2)]
        one = train(nets[0], *data, epochs=3, rng=1, batch_size=30, schedule=name)
        two = train(nets[1], *data, epochs=3, rng=1, batch_size=30, schedule=own)
        assert same(*nets) and one.lr == two.lr
    assert one.lr[0] > one.lr[1] > one.lr[2] > 0  # the cosine


@pytest.mark.parametrize("schedule", [Cosine(), Exponential()], ids=["cosine", "exponential"])
def test_schedules_refuse_what_is_no_time_by_name(schedule):
    for epoch in (-1, np.nan, np.inf, "1", None):
        with pytest.raises((TypeError, ValueError), match="^epoch must"):
            schedule(epoch, 3)
    for epochs in (-1, np.nan, "1", None):
        with pytest.raises((TypeError, ValueError), match="^epochs must"):
            schedule(1, epochs)
    assert schedule(0, 0) == 1.0


def test_a_callback_stops_with_true_only(data):
    net, calls = network(data[0]), []
    history = train(
        net,
        *data,
        epochs=5,
        rng=1,
        batch_size=30,
        callback=lambda step: calls.append(step) or len(calls) == 4,
    )
    assert len(calls) == 4 and len(history) == 1 and history.interrupted is True
    for answer in (None, 1, "yes"):
        history = train(network(data[0]), *data, epochs=2, rng=1, callback=lambda step, a=answer: a)
        assert len(history) == 2 and not history.interrupted
    history = train(
        network(data[0]),
        *data,
        epochs=2,
        rng=1,
        batch_size=30,
        callback=lambda step: np.bool_(True),
    )
    assert len(history) == 0 and history.interrupted


def test_a_failing_callback_is_heard(data):
    def fail(step):
        raise ZeroDivisionError("mine")

    # a process started in the background of a script is born deaf to interrupts
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(ZeroDivisionError, match="mine"):
            train(network(), *data, epochs=2, rng=1, callback=fail)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_no_epochs(data):
    net = network()
    history = train(net, *data, epochs=0, rng=1)
    assert len(history) == 0 and not history.interrupted and same(net, network())


def test_lines_when_piped_and_silence(data, capsys, monkeypatch):
    monkeypatch.setattr("snnlab.learning.progress.interactive", lambda: False)
    train_aloud(network(data[0]), *data, epochs=3, rng=1, validation=data)
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert len(lines) == 3 and not err
    for k, line in enumerate(lines):
        assert line.startswith(f"epoch {k + 1}/3  loss ") and "\r" not in line
        for word in ("train", "validation", "hidden spikes", " s"):
            assert word in line
    train_aloud(network(data[0]), *data, epochs=3, rng=1, progress=False)
    assert capsys.readouterr() == ("", "")


def test_a_bar_where_someone_watches(data, capsys, monkeypatch):
    pytest.importorskip("tqdm")
    monkeypatch.setattr("snnlab.learning.progress.interactive", lambda: True)
    train_aloud(network(data[0]), *data, epochs=2, rng=1, batch_size=30)
    out, err = capsys.readouterr()
    assert not out and "2/2" in err and "loss" in err


def test_predict_scores_does_not_depend_on_batches(data):
    net = network(data[0])
    whole, counts = predict_scores(net, data[0])
    parts, part_counts = predict_scores(net, data[0], batch_size=7)
    assert whole.tobytes() == parts.tobytes() and np.array_equal(counts, part_counts)
    assert whole.shape == (90, 4) and counts.shape == (90,)
    result = evaluate(net, *data)
    assert np.array_equal(result.predictions, whole.argmax(axis=1))
    assert result.accuracy == np.mean(result.predictions == data[1])
    assert result.hidden_spikes == counts.mean()


# checkpoints --------------------------------------------------------------------------------------

SETTINGS = {"epochs": 5, "rng": 7, "batch_size": 40, "dropout": 0.2}


def history_of(history):
    return history.loss, history.train_accuracy, history.hidden_spikes, history.lr


@pytest.mark.parametrize("optimizer", [Adam, lambda: SGD(momentum=0.9)], ids=["Adam", "SGD"])
@pytest.mark.parametrize("stop", [3, 5])  # at the end of an epoch (of 3 steps), and within one
def test_resumed_training_is_bit_identical(data, tmp_path, optimizer, stop):
    whole = network(data[0])
    past = train(whole, *data, **SETTINGS, optimizer=optimizer(), validation=data)
    calls, path = [], tmp_path / "run.npz"
    history = train(
        network(data[0]),
        *data,
        **SETTINGS,
        optimizer=optimizer(),
        checkpoint=path,
        validation=data,
        callback=lambda step: calls.append(1) or len(calls) == stop,
    )
    assert history.interrupted and len(history) == 1
    other = network(data[0])
    resumed = train(
        other, *data, **SETTINGS, optimizer=optimizer(), checkpoint=str(path), validation=data
    )
    assert same(other, whole) and history_of(resumed) == history_of(past)
    assert resumed.validation_accuracy == past.validation_accuracy
    assert len(resumed.seconds) == 5 and not resumed.interrupted
    # once complete, there is nothing left to do
    last = network(data[0])
    again = train(last, *data, **SETTINGS, optimizer=optimizer(), checkpoint=path, validation=data)
    assert same(last, whole) and history_of(again) == history_of(past)


def test_a_checkpoint_changes_nothing(data, tmp_path):
    one, two = network(data[0]), network(data[0])
    train(one, *data, **SETTINGS)
    train(two, *data, **SETTINGS, checkpoint=tmp_path / "run.npz")
    assert same(one, two) and [p.name for p in tmp_path.iterdir()] == ["run.npz"]


SCRIPT = """
    import json, os, signal, sys, warnings
    import numpy as np
    sys.path.insert(0, {tests!r})
    from helpers import as_input, network, toy
    from snnlab import train

    SETTINGS = {settings}

    x, labels = toy(90, 1)
    inputs = as_input(x)
    net = network(inputs)
"""


def run(body, **kwargs):
    """Start a fresh interpreter on this module's toy set; returns the process."""
    text = textwrap.dedent(SCRIPT).format(tests=str(ROOT / "tests"), settings=SETTINGS)
    text += textwrap.dedent(body)
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, "-c", text],
        env=os.environ | {"PYTHONPATH": path},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_a_run_killed_hard_goes_on_to_the_same_weights(data, tmp_path):
    path = tmp_path / "run.npz"
    body = f"""
        def die(step):
            if step.epoch == 2 and step.step == 1:
                os.kill(os.getpid(), signal.SIGKILL)

        path = {str(path)!r}
        train(net, inputs, labels, **SETTINGS, progress=False, checkpoint=path, callback=die)
    """
    process = run(body)
    _, err = process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL, err
    whole, other = network(data[0]), network(data[0])
    past = train(whole, *data, **SETTINGS)
    first = []
    resumed = train(
        other, *data, **SETTINGS, checkpoint=path, callback=lambda step: first.append(step.epoch)
    )
    assert first[0] == 2, "it should have gone on after two epochs"
    assert same(other, whole) and history_of(resumed) == history_of(past)


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_an_interrupt_leaves_a_completed_step():
    body = """
        signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever was inherited
        kept = {}

        def note(step):
            kept["weights"] = net.parameters.copy()
            if not kept.get("said"):
                kept["said"] = True
                print("training", flush=True)

        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            history = train(
                net, inputs, labels, epochs=1_000_000, rng=1, progress=False, callback=note
            )
        print(json.dumps({
            "interrupted": history.interrupted,
            "epochs": len(history),
            "warnings": [[w.category.__name__, str(w.message)] for w in caught],
            "completed": bool(np.array_equal(net.parameters, kept["weights"])),
            "usable": bool(np.isfinite(net.forward(inputs).readout).all()),
            "restored": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
        }), flush=True)
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            print("as before")
    """
    process = run(body)
    try:
        assert process.stdout.readline() == "training\n", process.stderr.read()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    result = json.loads(out.splitlines()[0])
    assert process.returncode == 0 and not err, err
    assert result["interrupted"] and result["completed"] and result["usable"]
    assert result["restored"] and out.splitlines()[1] == "as before"
    [[category, message]] = result["warnings"]
    assert category == "RuntimeWarning" and "interrupted" in message
    assert f"after {result['epochs']} of 1000000 epochs" in message


@pytest.mark.parametrize(
    "change, name",
    [
        ({"epochs": 6}, "epochs"),
        ({"batch_size": 41}, "batch_size"),
        ({"dropout": 0.1}, "dropout"),
        ({"loss": "sum_over_time"}, "loss"),
        ({"loss": losses.MaxOverTime(scale=5)}, "loss"),
        ({"schedule": "constant"}, "schedule"),
        ({"optimizer": SGD()}, "optimizer"),
        ({"optimizer": Adam(lr=0.01)}, "optimizer"),
        ({"loss": losses.MaxOverTime(deadlines=(6, 12))}, "loss"),
        ({"penalties": [penalties.Bursts(0)]}, "penalties"),
        ({"validation": (as_input(toy(9, 2)[0]), toy(9, 2)[1])}, "validation"),
    ],
    ids=lambda x: str(x)[:40],
)
def test_a_checkpoint_of_other_settings_is_refused(data, tmp_path, change, name):
    path = tmp_path / "run.npz"
    train(network(data[0]), *data, **SETTINGS, checkpoint=path)
    other = network(seed=99)
    with pytest.raises(ValueError, match=rf"another {name}\b"):
        train(other, *data, **SETTINGS | change, checkpoint=path)
    assert same(other, network(seed=99)), "a refused checkpoint changed the network"


@pytest.mark.parametrize("other", [None, "fewer"])
def test_a_checkpoint_with_another_validation_set_is_refused(data, tmp_path, other):
    """Its history would hold the accuracy of two sets, or an entry for some epochs only."""
    path, (inputs, labels) = tmp_path / "run.npz", data
    train(network(inputs), *data, **SETTINGS, checkpoint=path, validation=data)
    given = None if other is None else (inputs[:50], labels[:50])
    with pytest.raises(ValueError, match="another validation"):
        train(network(inputs), *data, **SETTINGS, checkpoint=path, validation=given)


def bent(by):
    """A surrogate; two of them are told by what they hold."""

    def bend(u, k):
        return by / (1 + k * np.abs(u))

    return bend


def steep(u, k):
    return 1 / (1 + k * u * u)


def test_a_checkpoint_with_another_surrogate_of_the_same_name_is_refused(data, tmp_path):
    first = steep

    def make(surrogate):
        neuron = network(data[0]).neurons[0].replace(surrogate=surrogate)
        return Network((20, 30, 4), neuron, n_steps=N_STEPS, rng=0)

    def another(u, k):
        return 1 / (1 + k * u * u * u * u)

    another.__name__, another.__qualname__ = steep.__name__, steep.__qualname__
    for k, (one, two) in enumerate([(bent(1.0), bent(2.0)), (first, another)]):
        path = tmp_path / f"run{k}.npz"
        train(make(one), *data, **SETTINGS, checkpoint=path)
        with pytest.raises(ValueError, match="other functions of one's own"):
            train(make(two), *data, **SETTINGS, checkpoint=path)
        assert len(train(make(one), *data, **SETTINGS, checkpoint=path)) == SETTINGS["epochs"]


@pytest.mark.parametrize("optimizer", [Adam, lambda: GradR(alpha=1e-3)], ids=["Adam", "GradR"])
def test_a_learning_rate_that_a_callback_changed_is_gone_on_with(data, tmp_path, optimizer):
    def run(stop, **more):
        net, own = network(data[0]), optimizer()

        def slower(step):
            own.lr *= 0.5 if step.ends_epoch else 1.0
            return step.ends_epoch and step.epoch == stop

        history = train(net, *data, **SETTINGS, optimizer=own, callback=slower, **more)
        return net, history.lr

    whole, rates = run(None)
    path = tmp_path / "run.npz"
    assert len(run(1, checkpoint=path)[1]) == 2
    resumed, again = run(None, checkpoint=path)
    assert again == rates and same(resumed, whole)


def test_an_optimiser_without_a_state_takes_no_checkpoint(data, tmp_path):
    class Plain:
        lr = 0.1

        def step(self, net, gradients, factor=1.0):
            raise AssertionError("nothing is to be trained")

    with pytest.raises(TypeError, match="optimizer .* must have a method state"):
        train(network(), *data, **SETTINGS, optimizer=Plain(), checkpoint=tmp_path / "a.npz")


def test_a_checkpoint_of_another_network_or_set_is_refused(data, tmp_path):
    path = tmp_path / "run.npz"
    train(network(data[0]), *data, **SETTINGS, checkpoint=path)
    with pytest.raises(ValueError, match="another network"):
        train(network(sizes=(20, 25, 4)), *data, **SETTINGS, checkpoint=path)
    with pytest.raises(ValueError, match="another network"):
        train(network(dtype=np.float64), *data, **SETTINGS, checkpoint=path)
    with pytest.raises(ValueError, match="another n_samples"):
        train(network(), data[0][:80], data[1][:80], **SETTINGS, checkpoint=path)


@pytest.mark.parametrize("share", [0, 0.3, 0.9, 0.999])
def test_a_truncated_checkpoint_is_refused(data, tmp_path, share):
    path = tmp_path / "run.npz"
    train(network(data[0]), *data, **SETTINGS, checkpoint=path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match="run.npz"):
        train(network(), *data, **SETTINGS, checkpoint=path)
    gc.collect()  # a file left open is noticed here


def test_other_files_are_refused_as_checkpoints(data, tmp_path):
    path = tmp_path / "run.npz"
    network().save(path)
    with pytest.raises(ValueError, match=r"run.npz is not one of train"):
        train(network(), *data, **SETTINGS, checkpoint=path)
    path.write_text("notes")
    with pytest.raises(ValueError, match="run.npz"):
        train(network(), *data, **SETTINGS, checkpoint=path)


@pytest.mark.parametrize("broken", ["replace", "savez", "savez after some bytes"])
def test_a_failing_disk_leaves_the_old_checkpoint(data, tmp_path, monkeypatch, broken):
    path = tmp_path / "run.npz"
    real = np.savez

    def fail(*args, **kwargs):
        if "after" in broken:
            real(*args, **kwargs)
        raise OSError("disk full")

    def break_it(step):
        if step.epoch == 2:
            monkeypatch.setattr(*((os, "replace") if broken == "replace" else (np, "savez")), fail)

    with pytest.raises(OSError, match="disk full"):
        train(network(data[0]), *data, **SETTINGS, checkpoint=path, callback=break_it)
    monkeypatch.undo()
    assert [p.name for p in tmp_path.iterdir()] == ["run.npz"], "a temporary file was left"
    whole, other = network(data[0]), network(data[0])
    train(whole, *data, **SETTINGS)
    first = []
    train(other, *data, **SETTINGS, checkpoint=path, callback=lambda s: first.append(s.epoch))
    assert first[0] == 2 and same(other, whole)


def test_atomic_writing_alone(tmp_path):
    path = tmp_path / "file"
    _files.write_atomically(path, lambda file: file.write(b"old"))

    def half(file):
        file.write(b"ne")
        file.flush()
        assert path.read_bytes() == b"old"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _files.write_atomically(path, half)
    assert path.read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 1
    _files.write_atomically(path, lambda file: file.write(b"new"))
    assert path.read_bytes() == b"new"


def test_numpy_numbers_as_settings_with_a_checkpoint(data, tmp_path):
    path = tmp_path / "run.npz"
    settings = {
        "epochs": np.int64(1),
        "rng": 1,
        "batch_size": np.int32(40),
        "dropout": np.float32(0.25),
    }
    train(network(data[0]), *data, **settings, checkpoint=path)
    plain = {"epochs": 1, "rng": 1, "batch_size": 40, "dropout": 0.25}
    assert len(train(network(data[0]), *data, **plain, checkpoint=path)) == 1


@pytest.mark.parametrize("bits", [np.random.MT19937, np.random.Philox, np.random.SFC64])
def test_any_generator_with_a_checkpoint(data, tmp_path, bits):
    whole, other = network(data[0]), network(data[0])
    settings = SETTINGS | {"epochs": 2}
    fresh = lambda: {"rng": np.random.Generator(bits(3))}  # noqa: E731
    train(whole, *data, **settings | fresh())
    stop = lambda step: step.ends_epoch  # noqa: E731
    path = tmp_path / "run.npz"
    train(network(data[0]), *data, **settings | fresh(), checkpoint=path, callback=stop)
    train(other, *data, **settings | fresh(), checkpoint=path)
    assert same(other, whole)


# faults -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_loss_that_is_not_finite_raises_and_keeps_the_weights(data, value):
    kept = []

    def loss(readout, target):
        good, g_readout = losses.MaxOverTime()(readout, target)
        return (value if len(kept) == 4 else good), g_readout

    net = network(data[0])
    with pytest.raises(FloatingPointError, match="epoch 2, step 2"):
        train(
            net,
            *data,
            epochs=3,
            rng=1,
            batch_size=30,
            loss=loss,
            callback=lambda step: kept.append(net.parameters.copy()),
        )
    assert np.array_equal(net.parameters, kept[-1]) and len(kept) == 4


def test_a_gradient_that_is_not_finite_raises_and_keeps_the_weights(data):
    def loss(readout, target):
        return 1.0, np.full_like(readout, np.nan)

    net = network(data[0])
    with pytest.raises(ValueError, match="g_readout must be finite"):
        train(net, *data, epochs=1, rng=1, loss=loss)
    assert same(net, network(data[0]))


BAD = {
    "labels too large": ({"labels": np.full(90, 4)}, ValueError, "labels must lie in 0 ... 3"),
    "labels negative": ({"labels": np.full(90, -1)}, ValueError, "labels must lie in"),
    "labels of floats": ({"labels": np.zeros(90)}, TypeError, "labels must be integers"),
    "labels too few": ({"labels": np.zeros(89, int)}, ValueError, "labels must have shape"),
    "labels one-hot": ({"labels": np.zeros((90, 4), int)}, ValueError, "labels must have shape"),
    "epochs": ({"epochs": -1}, ValueError, "epochs"),
    "epochs of float": ({"epochs": 1.5}, TypeError, "epochs"),
    "batch_size": ({"batch_size": 0}, ValueError, "batch_size"),
    "batch_size text": ({"batch_size": "all"}, TypeError, "batch_size"),
    "dropout 1": ({"dropout": 1.0}, ValueError, "dropout"),
    "dropout negative": ({"dropout": -0.1}, ValueError, "dropout"),
    "rng None": ({"rng": None}, TypeError, "rng"),
    "rng negative": ({"rng": -3}, ValueError, "rng"),
    "loss name": ({"loss": "nll"}, ValueError, "loss must be one of"),
    "loss number": ({"loss": 3}, TypeError, "loss must be a name or a function"),
    "schedule name": ({"schedule": "step"}, ValueError, "schedule must be one of"),
    "schedule number": ({"schedule": 0.9}, TypeError, "schedule must be a name or a function"),
    "no samples": ({"inputs": slice(0, 0), "labels": np.zeros(0, int)}, ValueError, "inputs"),
    "dense inputs": ({"inputs": np.zeros((90, 20))}, TypeError, "inputs must be"),
    "inputs None": ({"inputs": None}, TypeError, "inputs must be"),
    "inputs of other units": ({"inputs": "units"}, ValueError, "inputs has 19 units"),
    "inputs of other steps": ({"inputs": "steps"}, ValueError, "inputs has 13 steps"),
    "optimizer name": ({"optimizer": "adam"}, TypeError, "optimizer must"),
    "optimizer class": ({"optimizer": Adam}, TypeError, "optimizer must"),
    "validation number": ({"validation": 3}, (TypeError, ValueError), "validation must"),
    "validation units": ({"validation": "units"}, ValueError, "validation|inputs has 19 units"),
    "validation steps": ({"validation": "steps"}, ValueError, "validation|inputs has 13 steps"),
    "validation labels": ({"validation": "labels"}, ValueError, "validation must lie in"),
    "callback": ({"callback": 3}, TypeError, "callback must"),
    "penalties": ({"penalties": 1e-3}, TypeError, "penalties must be a sequence"),
    "penalties of losses": ({"penalties": [losses.RateMSE()]}, TypeError, "penalties must be"),
}


@pytest.mark.parametrize("change, error, message", BAD.values(), ids=BAD)
def test_bad_arguments_are_refused_by_name_before_training(data, change, error, message):
    inputs, labels = data
    x = toy(90, 1)[0]
    odd = {"units": as_input(x[:, :19]), "steps": as_input(x, n_steps=13), "labels": inputs}
    settings = {"epochs": 1, "rng": 1} | change
    given = settings.pop("inputs", slice(None))
    if isinstance(given, slice):
        given = inputs[given]
    elif isinstance(given, str):
        given = odd[given]
    which = settings.get("validation")
    if isinstance(which, str):
        settings["validation"] = odd[which], np.full(90, 9) if which == "labels" else labels
    net = network()
    with pytest.raises(error, match=message):
        train(net, given, settings.pop("labels", labels), **settings)
    assert same(net, network()), "it was trained before the argument was refused"


def test_rng_has_no_default(data):
    with pytest.raises(TypeError, match="rng"):
        train(network(), *data, epochs=1)


@pytest.mark.parametrize("n", [89, 91])
def test_evaluate_checks_labels(data, n):
    with pytest.raises(ValueError, match="labels must have shape"):
        evaluate(network(), data[0], np.zeros(n, int))
    with pytest.raises(ValueError, match="batch_size"):
        evaluate(network(), *data, batch_size=0)


# it learns ----------------------------------------------------------------------------------------


OTHERS = {"squared_error", "per_step", "squared_error_per_step"}  # not of a label per sample


@pytest.mark.parametrize("name", sorted(set(losses.LOSSES) - OTHERS))
def test_every_loss_learns(name):
    spiking = name in ("rate_mse", "first_spike")
    (x, labels), (x_test, test_labels) = toy(200, 1), toy(200, 2)
    inputs, test = (as_input(part, n_steps=20) for part in (x, x_test))
    net = network(inputs, (20, 30, 4), n_steps=20, readout=CHIP if spiking else None)
    if spiking:
        net.weights[-1][...] *= 5  # so that the readout spikes at all
    before = evaluate(net, test, test_labels, loss=name).accuracy
    history = train(
        net, inputs, labels, epochs=20, rng=1, batch_size=20, loss=name, optimizer=Adam(lr=5e-3)
    )
    after = evaluate(net, test, test_labels, loss=name).accuracy
    assert before < 0.5 and after > 0.85, (before, after)  # chance is 0.25
    assert history.loss[-1] < 0.8 * history.loss[0]


def test_digits_are_learned():
    digits = datasets.load("digits16")
    inputs, test = encode.latency(digits.x_train), encode.latency(digits.x_test)
    net = Network((256, 100, 10), CHIP, n_steps=20, rng=0).scale_to_activity(inputs[:300], 40)
    train(net, inputs, digits.y_train, epochs=8, rng=1, optimizer=Adam(lr=5e-3))
    assert evaluate(net, test, digits.y_test).accuracy >= 0.93


def test_an_interrupt_between_taking_and_counting_a_report_does_not_hang(monkeypatch):
    """The report is gone from the queue, the caller interrupted: it still knows who has ended."""
    seen, caught = [], []
    _workers.share(lambda lo, hi: None, 2, 2)  # the helper exists, with a queue of its own

    class Swallowing(queue.SimpleQueue):
        def get(self):
            super().get()
            raise KeyboardInterrupt

    monkeypatch.setattr(_workers, "SimpleQueue", Swallowing)

    def call():
        try:
            _workers.share(lambda lo, hi: (time.sleep(0.05 * lo), seen.append(lo)), 2, 2)
        except KeyboardInterrupt:
            caught.append(True)

    caller = threading.Thread(target=call, daemon=True)
    caller.start()
    caller.join(20)
    assert not caller.is_alive() and caught == [True] and sorted(seen) == [0, 1]
