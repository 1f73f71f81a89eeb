"""A mistake is told with the argument's name, not with NumPy's words or an attribute's."""

import dataclasses

import numpy as np
import pytest
from helpers import network

import snnlab
from snnlab import (
    LIF,
    SGD,
    Adam,
    ConstantCurrent,
    DeepR,
    GradR,
    Network,
    SpikeTrains,
    SpikingClassifier,
    Substrate,
    Trace,
    encode,
    losses,
    penalties,
    surrogate,
)  # fmt: skip
from snnlab.chip.recording import Recorder, Recording, load_trace
from snnlab.conversion.ceilings import fit_curve, with_ceilings
from snnlab.conversion.converting import convert
from snnlab.learning.decoder import Decoder
from snnlab.learning.evaluation import evaluate, predict_scores
from snnlab.learning.losses import Weighted
from snnlab.learning.membrane import competing
from snnlab.learning.training import steps, train
from snnlab.live.still import Still
from snnlab.rates import ReLU
from snnlab.reports.frontier import Point

NET = network()
X = encode.latency(np.random.default_rng(0).random((10, 20), dtype=np.float32), n_steps=12)
Y = np.arange(10) % 4
TRACE = NET.forward(X)
READOUT = np.zeros((10, 12, 4), np.float32)
MASKED = np.ma.masked_array(np.full((10, 20), 0.5), mask=np.eye(10, 20, dtype=bool))
RAGGED = [[1], [1, 2]]
BASE = {"tau_mem": 1e-3, "tau_syn": 1e-3, "dt": 1e-4}
RELU = Network((4, 3, 2), ReLU(), n_steps=1, rng=0)


class NoRate:
    def step(self, network, gradients, factor):
        """Nothing."""


class TextRate(NoRate):
    lr = "fast"


class Unknown:
    acts_on = "potential"

    def __call__(self, *given):
        return 0.0, 0


class OneNumber:
    acts_on = "spikes"

    def __call__(self, *given):
        return 1.0


def trained(net=NET, x=X, y=Y, **more):
    return train(net.copy() if net is NET else net, x, y, **{"rng": 0, "epochs": 1} | more)


def losing(answer):
    return lambda: trained(loss=lambda readout, labels: answer)


# what is called, and what the message must hold
MISTAKES = {
    "scores of an array": (lambda: predict_scores(NET, np.zeros((3, 20))), "inputs must be Spike"),
    "scores of a name": (lambda: predict_scores("x", X), "network must be a Network, not str"),
    "scores of a class": (lambda: predict_scores(Network, X), "network .* the class Network"),
    "evaluate": (lambda: evaluate("x", X, Y), "network must be a Network"),
    "train a name": (lambda: trained("x"), "network must be a Network"),
    "train a class": (lambda: trained(Network), "network must be a Network"),
    "train nothing": (lambda: trained(None), "network must be a Network"),
    "steps": (lambda: steps("x", X, Y, rng=0), "network must be a Network"),
    "decision": (lambda: snnlab.time_to_decision("x", X, Y), "network must be a Network"),
    "early exit": (lambda: snnlab.early_exit("x", X, Y), "network must be a Network"),
    "explain": (lambda: snnlab.explain("x", X, 0), "network must be a Network"),
    "avoidance": (lambda: snnlab.avoidance("x", Substrate(0)), "network must be a Network"),
    "one number": (losing(1.0), "loss must return two things.*1.0"),
    "three": (losing((1, 2, 3)), "loss must return two things.*3 things"),
    "nothing": (losing(None), "loss must return two things"),
    "values": (losing((np.zeros(3), READOUT)), "value of loss must be a number"),
    "text": (losing(("a", READOUT)), "value of loss must be a number"),
    "a small gradient": (losing((1.0, np.zeros(3))), "g_readout must have shape"),
    "no gradient": (losing((1.0, None)), "g_readout must be an array"),
    "no lr": (lambda: trained(optimizer=NoRate()), "optimizer must be .* lr"),
    "lr of text": (lambda: trained(optimizer=TextRate()), "lr of optimizer must be a number"),
    "unknown acts_on": (
        lambda: trained(penalties=[Unknown()]),
        "acts_on of .*penalties, must be one of 'spikes', 'readout', 'weights', got 'potential'",
    ),
    "a penalty of one": (lambda: trained(penalties=[OneNumber()]), "penalty .* must return"),
    "strength of none": (
        lambda: trained(penalties=[penalties.Bursts(lambda *now: None)]), "strength must be",
    ),
    "schedule None": (lambda: trained(schedule=lambda *now: None), "schedule's factor must"),
    "schedule NaN": (lambda: trained(schedule=lambda *now: np.nan), "schedule's factor must"),
    "schedule -1": (lambda: trained(schedule=lambda *now: -1), "schedule's factor must"),
    "progress": (lambda: trained(progress=None), "progress must be True or False"),
    "checkpoint": (lambda: trained(checkpoint=3), "checkpoint must be a path"),
    "extend": (lambda: trained(checkpoint="x", extend=None), "extend must be True or False"),
    "labels ragged": (lambda: trained(y=RAGGED), "labels must be an array"),
    "labels masked": (
        lambda: trained(y=np.ma.masked_array(Y, mask=Y == 1)), "labels has 3 masked values",
    ),
    "potentials": (lambda: NET.forward(X, potentials=None), "potentials must be True or False"),
    "on": (lambda: NET.forward(X, on=3), "on must be"),
    "out": (lambda: NET.forward(X, out=3), "out must be a Trace"),
    "dropout": (lambda: NET.forward(X, dropout=3), "dropout must be"),
    "g_spikes": (lambda: NET.backward(TRACE, READOUT, g_spikes=3), "g_spikes must be a sequence"),
    "g_spikes, two": (
        lambda: NET.backward(TRACE, READOUT, g_spikes=[None, None]), "g_spikes must have 1",
    ),
    "adjoints": (lambda: NET.backward(TRACE, READOUT, adjoints=None), "adjoints must be"),
    "weights": (lambda: NET.replace(weights=3), "weights must be a sequence"),
    "neurons": (lambda: NET.replace(neurons=3), "neurons must be a sequence"),
    "dtype": (
        lambda: Network((3, 2), LIF(**BASE), n_steps=2, rng=0, dtype=np.zeros(3)), "dtype must be",
    ),
    "load": (lambda: Network.load(None), "path must be a path"),
    "load a number": (lambda: Network.load(7), "path must be a path"),
    "load bytes": (lambda: Network.load(b"x"), "path must be a path"),
    "load null": (lambda: Network.load("a\0b"), "path must be a path"),
    "save": (lambda: NET.save(3.5), "path must be a path"),
    "load_trace": (lambda: load_trace(3.5), "path must be a path"),
    "Recording": (lambda: Recording(None), "folder must be a path"),
    "Recorder": (lambda: Recorder(Substrate(0), None), "folder must be a path"),
    "gradients": (lambda: Adam().step(network(), 3), "gradients must be a sequence"),
    "state": (lambda: SGD().restore(3), "state must be a dict"),
    "state of a rule": (lambda: GradR().restore(3), "state must be a dict"),
    "hold": (lambda: GradR(hold=np.zeros(3)), "hold must be one of"),
    "rule's optimizer": (lambda: DeepR(optimizer=np.zeros(3), rng=0), "optimizer must be"),
    "reset": (lambda: LIF(**BASE, reset=np.zeros(3)), "reset must be one of"),
    "chip's reset": (lambda: Substrate(0, reset=np.zeros(2)), "reset must be one of"),
    "partition": (lambda: Substrate(0, partition=None), "partition must be True or False"),
    "cost": (lambda: Substrate(0).cost(3, "x"), "network must be a Network"),
    "clip": (lambda: Substrate(0).clip("x"), "network must be a Network"),
    "runs": (lambda: Substrate(0).runs(3), "network must be a Network"),
    "largest_weights": (lambda: Substrate(0).largest_weights(3), "network must be a Network"),
    "chip's run": (lambda: Substrate(0).run("x", X), "network must be a Network"),
    "z ragged": (lambda: SpikeTrains.from_dense(RAGGED), "z must be an array"),
    "z objects": (lambda: SpikeTrains.from_dense([[[object()]]]), "z must hold"),
    "z masked": (lambda: SpikeTrains.from_dense(MASKED[:, None]), "z has 10 masked values"),
    "step ragged": (lambda: SpikeTrains([0, 1], RAGGED, [0], 3, 3), "step must be an array"),
    "to_dense": (lambda: X.to_dense("x"), "dtype must be a type of numbers"),
    "unit_counts": (lambda: X.unit_counts("U3"), "dtype must be a type of numbers"),
    "x masked": (lambda: encode.latency(MASKED), "x has 10 masked values"),
    "current masked": (lambda: ConstantCurrent(MASKED, 3), "x has 10 masked values"),
    "times masked": (lambda: encode.latency_times(MASKED), "x has 10 masked values"),
    "x too large": (lambda: ConstantCurrent([[1e39]], 3), "x must be finite.*float32"),
    "decode": (lambda: encode.decode_latency(3), "trains must be SpikeTrains"),
    "u": (lambda: surrogate.slope("arctan", "x", 1), "u must hold numbers"),
    "u None": (lambda: surrogate.slope("arctan", None, 1), "u must hold numbers"),
    "u complex": (lambda: surrogate.soft_step("arctan", 1j, 1), "u must hold numbers"),
    "u ragged": (lambda: surrogate.soft_step("arctan", RAGGED, 1), "u must be an array"),
    "measured": (lambda: Trace.measured(X, 3, 4), "v must be a sequence"),
    "int too long": (lambda: LIF(tau_mem=10**400, tau_syn=1e-3, dt=1e-4), "tau_mem must be finite"),
    "a start of almost 0": (
        lambda: convert(RELU, np.ones((3, 4)), start=1e-50), "start must be larger",
    ),
    "ceilings of almost 0": (lambda: with_ceilings(RELU, [1e-310]), "ceilings must be larger"),
    "thresholds of almost 0": (
        lambda: competing((5, 3), LIF(**BASE), n_steps=5, rng=0, threshold=1e-320),
        "threshold must be larger",
    ),
    "shares of almost 0": (lambda: fit_curve(RELU, np.ones((3, 4)), [1e-310]), "shares must be"),
    "a compressed network on a chip": (
        lambda: evaluate(NET.compressed(), X, Y, substrate=Substrate(0)), "network",
    ),
    "values without axes": (
        lambda: Decoder((3, 2), rng=0).backward([np.True_, np.ones((2, 2))], np.ones((2, 2))),
        "values.0. must have shape",
    ),
    "masked labels out of range": (
        lambda: losses.Masked("max_over_time")(
            READOUT[:, :, :2], losses.MaskedTargets(Y, np.ones((10, 12), bool))
        ),
        "readout, or targets: labels must lie",
    ),
    "a weighted number": (lambda: Weighted(np.inf), "loss must be a function"),
    "scores of NaN": (
        lambda: losses.scored(lambda readout, y: (0, readout), READOUT * np.nan, None), "readout"
    ),
    "no picture": (lambda: Still.of([]), "picture must hold at least one"),
    "config": (lambda: Point(0.5, 1.0, config={"lr": np.inf}), "config must hold"),
    "classifier": (
        lambda: SpikingClassifier(hidden="x").fit(np.ones((5, 40)), [0, 1, 0, 1, 0]),
        "hidden must be",
    ),
}  # fmt: skip


@pytest.mark.parametrize("call, message", MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_told_by_name(call, message):
    before = NET.parameters.copy()
    with pytest.raises((TypeError, ValueError), match=message) as caught:
        call()
    assert np.array_equal(NET.parameters, before) and len(str(caught.value)) < 400


@pytest.mark.parametrize("loss", ["MaxOverTime", "SumOverTime", "RateMSE", "FirstSpike"])
@pytest.mark.parametrize(
    "readout",
    ["x", None, [[1.0]], np.zeros((10, 12)), np.zeros((10, 12, 4), int), READOUT[:, :0],
     READOUT.astype(np.float16), np.ma.masked_array(READOUT, mask=READOUT == 0)],
    ids=["text", "None", "list", "two axes", "integers", "no steps", "16 bits", "masked"],
)  # fmt: skip
def test_losses_take_arrays_of_potentials(loss, readout):
    loss = getattr(losses, loss)()
    for call in (loss.scores, lambda x: loss(x, Y)):
        with pytest.raises((TypeError, ValueError), match="readout (must|has)"):
            call(readout)
    for labels in (None, RAGGED, Y[:3], Y + 1, Y.astype(float)):
        with pytest.raises((TypeError, ValueError), match="labels must"):
            loss(READOUT, labels)


def test_masks_without_anything_masked_are_no_mistake():
    x = np.ma.masked_array(MASKED.data, mask=False)
    assert encode.latency(x) == encode.latency(x.data)


# answers ------------------------------------------------------------------------------------------

ANSWERS = {
    "inf": np.inf, "-inf": -np.inf, "NaN": np.nan, "0-d": np.array(3.5), "numpy": np.float32(2),
    "array": np.zeros(3), "no array": np.zeros(0), "images": np.zeros((2, 3, 4)), "text": "42",
    "list": [1, 2], "dict": {}, "dict of text": {"batch_size": "x"}, "bool": True, "set": {1},
    "complex": 1j, "long": 10**400, "object": object(), "None": None, "dots": ..., "class": dict,
    "masked": np.ma.masked, "bytes": b"1", "nested": [[1], [1, 2]],
}  # fmt: skip


@pytest.mark.xdist_group("answers")  # what is right is worked out once per process
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_no_answer_ends_in_an_error(answer):
    for question in snnlab.exercises.questions():
        if isinstance(answer, type) and question not in ("n01.q1", "n03.q1"):
            continue
        try:
            verdict = snnlab.check(question, answer)
        except Exception as fault:
            assert callable(answer), f"{question}: {fault!r}"  # what a reader's function does
            continue
        assert dataclasses.is_dataclass(verdict) and (verdict.right or verdict.text), question


@pytest.mark.xdist_group("answers")
def test_numbers_of_numpy_are_answers():
    right = next(k for k in range(40) if snnlab.check("n01.q2", k))
    for answer in (np.int64(right), np.array(right), np.float32(right), np.array(float(right))):
        assert snnlab.check("n01.q2", answer)
    assert "finite" in snnlab.check("n01.q1", np.array(np.inf)).text
