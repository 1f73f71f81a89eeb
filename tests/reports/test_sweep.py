"""Frontiers: what no other run beats, files, sweeps that start warm, repetitions, the picture."""

import json
import math
import os
import re
import signal
from dataclasses import FrozenInstanceError, asdict, replace

import numpy as np
import pytest
from helpers import ROOT, as_input, assert_nothing_is_cut_off, network, same, toy

from snnlab import Adam, Network, datasets, encode, evaluate, train
from snnlab.chip.recording import Recorder
from snnlab.chip.substrate import Substrate
from snnlab.learning.penalties import Bursts, LowerBound, UpperBound
from snnlab.neurons import LIF
from snnlab.reports.frontier import RUN_COSTS, Frontier, Mean, Point
from snnlab.reports.sweep import repeat, sweep, transfer_matrix
from snnlab.rewiring.connectivity import masks

STORED = {
    path.stem: json.loads(path.read_text())
    for path in sorted((ROOT / "data" / "results").glob("*.json"))
    if path.stem != "claims"
}
RUNS = {
    name: records
    for name, records in STORED.items()
    if all(r["metric"] == "test_accuracy" and "hidden_spikes_values" in r for r in records)
}


@pytest.fixture
def data():
    x, labels = toy(90, 1)
    return as_input(x), labels


def cloud(n, seed, levels=5):
    """Random runs on a coarse grid, so that ties and duplicates abound."""
    rng = np.random.default_rng(seed)
    runs = Frontier("toy")
    for k in range(n):
        accuracy, spikes, connectivity, mismatch = rng.integers(0, levels, 4) / levels
        runs.add(
            accuracy,
            10 * spikes,
            connectivity=connectivity,
            mismatch=mismatch,
            seed=k,
            config={"k": int(rng.integers(3))},
        )
    return runs


# points ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change, error, message",
    [
        ({"accuracy": 97.5}, ValueError, "accuracy must be at most 1"),
        ({"accuracy": -0.1}, ValueError, "accuracy must be at least 0"),
        ({"accuracy": np.nan}, ValueError, "accuracy must be finite"),
        ({"accuracy": "0.9"}, TypeError, "accuracy must be a number"),
        ({"hidden_spikes": -1}, ValueError, "hidden_spikes must be at least 0"),
        ({"hidden_spikes": np.inf}, ValueError, "hidden_spikes must be finite"),
        ({"connectivity": 1.1}, ValueError, "connectivity must be at most 1"),
        ({"mismatch": -0.2}, ValueError, "mismatch must be at least 0"),
        ({"seed": -1}, ValueError, "seed must be at least 0"),
        ({"seed": 1.0}, TypeError, "seed must be an integer"),
        ({"config": [1]}, TypeError, "config must be a dict, not list"),
        ({"config": {"penalty": Bursts(1)}}, TypeError, "config must hold text, numbers"),
        ({"config": {(1, 2): 3}}, TypeError, "config must hold text, numbers"),
        ({"config": {1: 2, "1": 3}}, TypeError, "config must hold .* same, as text"),
        ({"config": {"deep": {2.0: 2, "2.0": 3}}}, TypeError, "config must hold .* same, as text"),
    ],
)
def test_bad_points_are_refused_by_name(change, error, message):
    runs = Frontier("toy")
    with pytest.raises(error, match=message):
        runs.add(**{"accuracy": 0.9, "hidden_spikes": 20} | change)
    assert len(runs) == 0


def test_points_are_plain_and_their_own():
    config = {"lr": np.float32(0.5), "n": np.int64(3), "layers": (1, 2), "deep": {"a": [1]}}
    point = Point(np.float64(0.5), 3, seed=np.int32(2), config=config)
    config["deep"]["a"].append(2)
    assert point.config == {"lr": 0.5, "n": 3, "layers": [1, 2], "deep": {"a": [1]}}
    kinds = [type(x) for x in (point.accuracy, point.hidden_spikes, point.seed)]
    assert kinds == [float, float, int]
    with pytest.raises(FrozenInstanceError):
        point.accuracy = 1.0


def test_other_things_are_no_points():
    for wrong in ((0.9, 20), None, {"accuracy": 0.9}):
        with pytest.raises(TypeError, match="points must be Point objects"):
            Frontier("toy", [wrong])
        with pytest.raises(TypeError, match="points must be Point objects"):
            Frontier("toy").append(wrong)
    for name in ("", None, 3):
        with pytest.raises(TypeError, match="data must be the name"):
            Frontier(name)


# the Pareto set ----------------------------------------------------------------------------------


def beats(a, b, costs):
    """Whether a is nowhere worse than b and somewhere better."""
    better, worse = a.accuracy > b.accuracy, a.accuracy < b.accuracy
    for cost in costs:
        x, y = getattr(a, cost), getattr(b, cost)
        if cost == "mismatch":
            x, y = y, x
        better, worse = better or x < y, worse or x > y
    return better and not worse


@pytest.mark.parametrize(
    "costs",
    [
        "hidden_spikes",
        "connectivity",
        "mismatch",
        ("hidden_spikes", "connectivity"),
        ["mismatch", "hidden_spikes"],
        RUN_COSTS,
    ],
    ids=str,
)
def test_pareto_equals_brute_force(costs):
    names = [costs] if isinstance(costs, str) else list(costs)
    sizes = set()
    for seed in range(30):
        runs = cloud((1, 2, 12, 40)[seed % 4], seed, levels=(3, 6, 1000)[seed % 3])
        found = runs.pareto(costs)
        expected = [p for p in runs if not any(beats(q, p, names) for q in runs)]
        assert {id(p) for p in found} == {id(p) for p in expected}
        assert len(found) == len(expected)
        first = [getattr(p, names[0]) for p in found]
        assert first == sorted(first)
        sizes.add(len(found))
    assert len(sizes) > 3


def test_the_line_rises_with_cost_and_falls_with_mismatch():
    runs = cloud(60, 1, levels=1000)
    for cost, sign in (("hidden_spikes", 1), ("connectivity", 1), ("mismatch", -1)):
        steps = np.diff([p.accuracy for p in runs.pareto(cost)])
        assert len(steps) >= 2 and np.all(sign * steps > 0)


def test_duplicates_and_ties():
    runs = Frontier("toy")
    for accuracy, spikes in ((0.9, 10), (0.9, 10), (0.9, 12), (0.8, 10), (0.95, 20), (0.8, 5)):
        runs.add(accuracy, spikes)
    found = [(p.accuracy, p.hidden_spikes) for p in runs.pareto()]
    assert found == [(0.8, 5), (0.9, 10), (0.9, 10), (0.95, 20)]


def test_costs_are_checked():
    runs = cloud(3, 0)
    with pytest.raises(ValueError, match="costs must be one of 'hidden_spikes'"):
        runs.pareto("spikes")
    with pytest.raises(ValueError, match="costs must be one of"):
        runs.pareto(("mismatch", "accuracy"))
    with pytest.raises(ValueError, match="costs must name at least one"):
        runs.pareto(())


# means -------------------------------------------------------------------------------------------


def test_means_over_seeds():
    runs = Frontier("toy")
    accuracies, spikes = {1: [0.9, 0.92, 0.97], 2: [0.8]}, {1: [20, 30, 22], 2: [5]}
    for seed in range(3):  # in turn, as sweeps of several seeds come
        for k in (1, 2):
            if seed < len(spikes[k]):
                runs.add(
                    accuracies[k][seed],
                    spikes[k][seed],
                    seed=seed,
                    connectivity=0.1,
                    config={"k": k, "lr": 0.1},
                )
    one, two = runs.means()
    assert isinstance(one, Mean) and (one.n, two.n) == (3, 1)
    assert one.accuracy == pytest.approx(0.93) and one.hidden_spikes == 24
    assert one.sd_accuracy == pytest.approx(math.sqrt((0.03**2 + 0.01**2 + 0.04**2) / 2))
    assert one.sd_hidden_spikes == pytest.approx(math.sqrt((16 + 36 + 4) / 2))
    assert math.isnan(two.sd_accuracy) and math.isnan(two.sd_hidden_spikes)
    assert (two.accuracy, two.hidden_spikes, two.config) == (0.8, 5, {"k": 2, "lr": 0.1})
    assert one.connectivity == 0.1, "equal values must stay equal: ties are compared exactly"


def test_what_counts_as_a_repetition():
    runs = Frontier("toy")
    runs.add(0.9, 20, config={"a": 1, "b": [1, 2]}, seed=0)
    runs.add(0.8, 22, config={"b": (1, 2), "a": 1}, seed=1)  # the same, differently written
    runs.add(0.7, 20, config={"a": 1, "b": [1, 2]}, seed=0, mismatch=0.1)  # another substrate
    runs.add(0.7, 20, config={"a": 1, "b": [2, 1]}, seed=0)
    assert [p.n for p in runs.means()] == [2, 1, 1]
    for one in (1.0, np.float32(1)):  # a number is the same, however it is written
        runs.add(0.6, 20, config={"a": one, "b": [one, 2]})
    assert [p.n for p in runs.means()] == [4, 1, 1]


def test_pareto_of_means():
    runs = Frontier("toy")
    for seed, (lucky, steady) in enumerate([(0.99, 0.9), (0.5, 0.9)]):
        runs.add(lucky, 20, seed=seed, config={"k": 0})
        runs.add(steady, 20, seed=seed, config={"k": 1})
    assert [p.accuracy for p in runs.pareto()] == [0.99]
    [mean] = runs.pareto(means=True)
    assert (mean.accuracy, mean.n) == (pytest.approx(0.9), 2)


# files -------------------------------------------------------------------------------------------


def test_files_hold_every_bit(tmp_path):
    runs = cloud(20, 3, levels=7)
    runs.add(1 / 3, math.pi, config={"name": "ü", "none": None, "yes": True, "x": [1, 0.1 + 0.2]})
    path = tmp_path / "runs.json"
    runs.save(path)
    again = Frontier.load(str(path))
    assert again.data == runs.data and again.points == runs.points
    assert [asdict(p) for p in again] == [asdict(p) for p in runs]
    again.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == path.read_bytes()
    assert json.loads(path.read_text())["format"] == 1


def test_a_failing_disk_leaves_the_old_file(tmp_path, monkeypatch):
    path, runs = tmp_path / "runs.json", cloud(3, 0)
    runs.save(path)
    before = path.read_bytes()

    def fail(*args):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        cloud(9, 1).save(path)
    monkeypatch.undo()
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["runs.json"]


POINT = '{"accuracy": 0.9, "hidden_spikes": 20}'


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "Expecting value"),
        ('{"format": 1, "data": "toy", "poi', ""),
        ("[1, 2]", ""),
        ("7", ""),
        ('{"accuracy": 1}', "'format'"),
        (f'{{"format": 1, "data": "toy", "points": {POINT}}}', ""),
        (f'{{"format": 1, "data": 3, "points": [{POINT}]}}', "data must be the name"),
        (f'{{"format": "1", "data": "toy", "points": [{POINT}]}}', ""),
        ('{"format": 1, "data": "toy", "points": [3]}', ""),
        ('{"format": 1, "data": "toy", "points": null}', ""),
        ('{"format": 1, "data": "toy", "points": [{"accuracy": 0.9}]}', "hidden_spikes"),
        (
            POINT.join(['{"format": 1, "data": "toy", "points": [', "]}"]).replace("0.9", "9"),
            "accuracy must be at most 1",
        ),
        ('{"format": 2, "data": "toy", "points": [{"new": 1}]}', "format 2 is newer"),
    ],
)
def test_other_files_are_refused(tmp_path, text, message):
    path = tmp_path / "runs.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=f"runs.json does not hold a frontier: .*{message}"):
        Frontier.load(path)


def test_bytes_and_missing_files(tmp_path):
    path = tmp_path / "runs.json"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="runs.json does not hold a frontier"):
        Frontier.load(path)
    with pytest.raises(FileNotFoundError):
        Frontier.load(tmp_path / "none.json")


@pytest.mark.parametrize("name", RUNS)
def test_stored_records_are_read(name):
    records = RUNS[name]
    runs = Frontier.from_records(records)
    assert runs.data == records[0]["config"]["data"]
    assert [p.seed for p in runs] == [seed for r in records for seed in r["seeds"]]
    means = runs.means()
    assert len(means) == len(records)
    for mean, r in zip(means, records, strict=True):
        assert mean.accuracy == pytest.approx(r["mean"], abs=1e-12)
        assert mean.sd_accuracy == pytest.approx(r["sd"] or np.nan, nan_ok=True)
        assert mean.hidden_spikes == pytest.approx(r["hidden_spikes"])
        assert mean.config == r["config"] and mean.n == len(r["seeds"])


def test_there_are_stored_records():
    assert "mnist16-plain" in RUNS
    with pytest.raises(ValueError, match="records must hold test accuracies by seed"):
        Frontier.from_records(STORED["speed"])


def record(name="toy", **more):
    return {
        "metric": "test_accuracy",
        "seeds": [0, 1],
        "values": [0.9, 0.8],
        "hidden_spikes_values": [20.0, 22.0],
        "config": {"data": name, "lr": 0.1},
        **more,
    }


def test_records_of_several_runs():
    records = record(), record(connectivity=0.5), record(mismatch=0.2, config={"data": "toy"})
    runs = Frontier.from_records(r for r in records)
    assert [(p.connectivity, p.mismatch) for p in runs][::2] == [(1, 0), (0.5, 0), (1, 0.2)]
    assert [(p.accuracy, p.hidden_spikes, p.seed) for p in runs][:2] == [(0.9, 20, 0), (0.8, 22, 1)]
    with pytest.raises(ValueError, match=r"one data set.*\['other', 'toy'\]"):
        Frontier.from_records([record(), record("other")])
    with pytest.raises(ValueError, match="one data set"):
        Frontier.from_records([])
    for wrong in (
        [record(values=[0.9])],
        [record(values=[97.0, 98.0])],
        [record(metric="ratio")],
        [{"config": {"data": "toy"}}],
        record(),
        [3],
        3,
    ):
        with pytest.raises(ValueError, match="records must hold test accuracies by seed"):
            Frontier.from_records(wrong)


# together ----------------------------------------------------------------------------------------


def test_an_empty_frontier_says_so(tmp_path):
    empty = Frontier("toy")
    pytest.importorskip("matplotlib")
    for use in (empty.pareto, empty.means, lambda: empty.save(tmp_path / "x"), empty.draw):
        with pytest.raises(ValueError, match="the frontier is empty"):
            use()
    assert not list(tmp_path.iterdir())
    assert empty._repr_mimebundle_() == {"text/plain": "Frontier('toy', 0 runs)"}


def test_frontiers_of_one_data_set_are_joined():
    one, two = cloud(3, 0), cloud(4, 1)
    both = one + two
    assert both.points == one.points + two.points and (len(one), len(two)) == (3, 4)
    both.add(0.5, 5)
    assert (len(both), len(one)) == (8, 3)
    with pytest.raises(ValueError, match="runs on 'other' cannot be put beside runs on 'toy'"):
        one + Frontier("other")
    with pytest.raises(TypeError):
        one + [Point(0.9, 20)]


def test_measure(data):
    net = network(data[0])
    net.weights[0][::2] = 0
    runs = Frontier("toy")
    point = runs.measure(net, *data, data="toy", mismatch=0.2, seed=3, config={"a": 1})
    result = evaluate(net, *data)
    assert point.accuracy == result.accuracy and point.hidden_spikes == result.hidden_spikes
    assert point.connectivity == (10 * 24 + 24 * 4) / (20 * 24 + 24 * 4)
    assert (point.mismatch, point.seed, point.config) == (0.2, 3, {"a": 1})
    assert runs.points == [point]
    other = runs.measure(net, *data, loss="sum_over_time")
    assert other.accuracy == evaluate(net, *data, loss="sum_over_time").accuracy
    with pytest.raises(ValueError, match="runs on 'mnist16' cannot be put beside runs on 'toy'"):
        runs.measure(net, *data, data="mnist16")
    assert len(runs) == 2


def test_connectivity_is_that_of_the_chip(data, tmp_path):
    """Small weights are rounded to nothing there."""
    net, runs, chip = network(data[0]), Frontier("toy"), Substrate(0)
    assert runs.measure(net, *data).connectivity == 1
    share = np.concatenate([(w != 0).ravel() for w in chip.effective_weights(net)]).mean()
    assert share < 1
    recorder = Recorder(Substrate(0), tmp_path / "run")
    for medium in (chip, recorder):
        assert runs.measure(net, *data, substrate=medium).connectivity == pytest.approx(share)
    for seen, there in zip(masks(net, recorder), masks(net, chip), strict=True):
        assert np.array_equal(seen, there)


def test_on_a_substrate(data):
    def chip():  # anew each time: its noise goes on from one measurement to the next
        return Substrate(1, sigma_d=0.3)

    net, runs = network(data[0]), Frontier("toy")
    ideal, real = (runs.measure(net, *data, substrate=x, mismatch=0.3) for x in (None, chip()))
    measured = evaluate(net, *data, substrate=chip())
    assert (real.accuracy, real.hidden_spikes) == (measured.accuracy, measured.hidden_spikes)
    assert real.hidden_spikes != ideal.hidden_spikes and real.mismatch == 0.3
    more = settings(data, substrate=chip(), mismatch=0.3, epochs=1)
    [(trained, point)] = sweep(net, *data, [0.1], **more)
    [(other, _)] = sweep(net, *data, [0.1], **settings(data, epochs=1))
    assert point.mismatch == 0.3 and not same(trained, other)
    by_hand, own = net.copy(), chip()
    train(
        by_hand,
        *data,
        epochs=1,
        rng=1,
        batch_size=30,
        penalties=Bursts(0.1),
        substrate=own,
        progress=False,
    )
    assert same(trained, by_hand)
    assert point.hidden_spikes == evaluate(by_hand, *data, substrate=own).hidden_spikes


# sweeps ------------------------------------------------------------------------------------------


def settings(data, **more):
    return {"test": data, "data": "toy", "rng": 1, "epochs": 2, "batch_size": 30} | more


def test_each_strength_starts_where_the_last_one_ended(data):
    start = network(data[0])
    before = start.copy()
    strengths, config = (0, 0.1, 0.5), {"study": "x"}
    more = {"lr": 0.01, "dropout": 0.1, "config": config, "seed": 4}
    got = list(sweep(start, *data, strengths, **settings(data, **more)))
    by_hand, rng = start.copy(), np.random.default_rng(1)
    for strength, (net, point) in zip(strengths, got, strict=True):
        train(
            by_hand,
            *data,
            epochs=2,
            rng=rng,
            batch_size=30,
            dropout=0.1,
            progress=False,
            optimizer=Adam(lr=0.01),
            penalties=Bursts(strength),
        )
        assert same(net, by_hand)
        result = evaluate(by_hand, *data)
        assert (point.accuracy, point.hidden_spikes) == (result.accuracy, result.hidden_spikes)
        assert point.config == config | {"epochs": 2, "lr": 0.01, "strength": strength}
        assert point.seed == 4
    assert same(start, before) and config == {"study": "x"}
    assert not same(got[0][0], got[1][0])


@pytest.mark.parametrize("on_chip", [False, True])
def test_a_sweep_goes_on_from_its_file(data, tmp_path, on_chip):
    start, path, calls = network(data[0]), tmp_path / "sweep.npz", []

    def how(**more):
        chip = Substrate(3, noise=0.1) if on_chip else None
        return settings(data, substrate=chip, dropout=0.1, **more)

    whole = list(sweep(start, *data, (0, 0.1, 0.5), **how()))
    first = sweep(start, *data, (0, 0.1, 0.5), path=path, **how())
    kept = [next(first), next(first)]
    del first  # killed
    again = sweep(
        start, *data, (0, 0.1, 0.5), path=path, **how(callback=lambda *now: calls.append(now))
    )
    for (net, point), (other, expected) in zip([*again], whole, strict=True):
        assert same(net, other) and point == expected
    assert same(kept[1][0], whole[1][0])
    n = len(calls)
    assert n > 0
    done = list(sweep(start, *data, (0, 0.1, 0.5), path=path, **how(callback=calls.append)))
    assert len(calls) == n and same(done[2][0], whole[2][0])


def test_files_of_other_sweeps_are_refused(data, tmp_path):
    start, path = network(data[0]), tmp_path / "sweep.npz"
    list(sweep(start, *data, (0, 0.1), path=path, **settings(data)))
    other = start.copy()
    other.weights[0][0, 0] += 1
    for net, strengths, change in (
        (start, (0, 0.2), {}),
        (start, (0, 0.1), {"rng": 2}),
        (start, (0, 0.1), {"lr": 0.1}),
        (start, (0, 0.1), {"penalty": lambda s: Bursts(2 * s)}),
        (other, (0, 0.1), {}),
    ):
        with pytest.raises(ValueError, match="path: .* is of another sweep"):
            sweep(net, *data, strengths, path=path, **settings(data) | change)
    on_chip, tuned = tmp_path / "chip.npz", Substrate(3)
    list(sweep(start, *data, (0, 0.1), path=on_chip, **settings(data, substrate=Substrate(3))))
    tuned.factors = {"gain_spread": 1.01 * tuned.factors["gain_spread"]}
    recorder = Recorder(tuned, tmp_path / "recorded")
    for chip in (tuned, recorder):
        with pytest.raises(ValueError, match="path: .* is of another sweep"):
            sweep(start, *data, (0, 0.1), path=on_chip, **settings(data, substrate=chip))
    with np.load(path) as arrays:
        header = json.loads(str(arrays["header"])) | {"points": []}
    np.savez(path, header=np.array(json.dumps(header)))
    with pytest.raises(ValueError, match="path: .* does not hold a sweep: there is no point"):
        sweep(start, *data, (0, 0.1), path=path, **settings(data))
    path.write_bytes(b"PK")
    with pytest.raises(ValueError, match=r"not a whole \.npz"):
        sweep(start, *data, (0, 0.1), path=path, **settings(data))


def test_any_penalty_of_a_strength(data):
    nets = []
    for penalty in (
        lambda s: Bursts(s),
        lambda s: [Bursts(s), LowerBound(s, 0.5)],
        lambda s: (p for p in (Bursts(s), LowerBound(s, 0.5))),
    ):
        [(net, _)] = sweep(network(data[0]), *data, [0.3], penalty=penalty, **settings(data))
        nets.append(net)
    assert same(nets[1], nets[2]) and not same(nets[0], nets[1])


def test_nothing_is_trained_before_it_is_asked_for(data):
    steps = []
    more = {"callback": lambda step: steps.append(step.epoch)}
    runs = sweep(network(data[0]), *data, (0, 1, 2), **settings(data, **more))
    assert iter(runs) is runs and steps == []
    next(runs)
    assert steps == [0, 0, 0, 1, 1, 1]
    next(runs)
    assert len(steps) == 12


def test_rising_strengths_lower_the_spikes():
    digits = datasets.load("digits16")
    inputs, test = encode.latency(digits.x_train), encode.latency(digits.x_test)
    net = Network((256, 80, 10), LIF.brainscales2(), n_steps=20, rng=0)
    net.scale_to_activity(inputs[:300], 30)
    train(net, inputs, digits.y_train, epochs=4, rng=0, optimizer=Adam(lr=5e-3), progress=False)
    runs = Frontier("digits16")
    strengths = (0, 0.01, 0.1, 1.0)
    for _, point in sweep(
        net,
        inputs,
        digits.y_train,
        strengths,
        test=(test, digits.y_test),
        data="digits16",
        rng=0,
        epochs=2,
        lr=3e-3,
    ):
        runs.append(point)
    spikes = [p.hidden_spikes for p in runs]
    assert len(runs) == 4 and all(a > 1.1 * b for a, b in zip(spikes[:-1], spikes[1:], strict=True))
    assert spikes[-1] < 0.5 * spikes[0] and runs.points[0].accuracy > 0.9
    assert len(runs.pareto()) >= 2


ERRORS = {
    "no strengths": ({"strengths": ()}, ValueError, "strengths must hold at least one"),
    "one strength": ({"strengths": 0.1}, TypeError, "strengths must be a sequence, not float"),
    "negative": ({"strengths": (0, -1)}, ValueError, "strengths must be at least 0"),
    "text": ({"strengths": "12"}, TypeError, "strengths must be a sequence"),
    "rng": ({"rng": None}, TypeError, "rng must be a seed"),
    "data": ({"data": ""}, TypeError, "data must be the name"),
    "epochs": ({"epochs": -1}, ValueError, "epochs"),
    "lr": ({"lr": -1.0}, ValueError, "lr must be"),
    "loss": ({"loss": "nll"}, ValueError, "loss must be one of"),
    "seed": ({"seed": "0"}, TypeError, "seed must be an integer"),
    "config": ({"config": 3}, TypeError, "config must be a dict"),
    "mismatch": ({"mismatch": -1}, ValueError, "mismatch must be at least 0"),
    "penalty": ({"penalty": 0.1}, TypeError, "penalty must be a function of a strength"),
    "penalties": ({"penalty": lambda s: s}, TypeError, "penalties must be a sequence"),
    "bounds": (
        {"penalty": lambda s: [LowerBound(s, 2), UpperBound(s, 1)]},
        ValueError,
        "contradict",
    ),
    "labels": ({"labels": np.full(90, 9)}, ValueError, "labels must lie in 0"),
    "inputs": ({"inputs": None}, TypeError, "inputs must be"),
    "test": ({"test": None}, TypeError, "test must be a pair"),
    "test inputs": ({"test": (np.zeros((90, 20)), np.zeros(90, int))}, TypeError, "test must be"),
    "test labels": ({"test": "labels"}, ValueError, "test must lie in 0"),
    "batch_size": ({"batch_size": 0}, ValueError, "batch_size"),
    "checkpoint": ({"checkpoint": "x.npz"}, TypeError, "checkpoint cannot be set"),
    "unknown": ({"epoch": 3}, TypeError, "epoch"),
    "optimizer": ({"optimizer": Adam()}, TypeError, "optimizer"),
}


@pytest.mark.parametrize("change, error, message", ERRORS.values(), ids=ERRORS)
def test_bad_arguments_are_refused_at_once(data, change, error, message):
    given = {"inputs": data[0], "labels": data[1], "strengths": (0, 1)} | settings(data) | change
    if given["test"] == "labels":
        given["test"] = data[0], np.full(90, 4)
    net = network()
    with pytest.raises(error, match=message):
        sweep(net, **given)
    assert same(net, network())


def test_a_run_that_is_stopped_ends_the_sweep_and_gives_no_point(data):
    calls = []

    def stop(step):
        calls.append(step.epoch)
        return len(calls) == 8  # within the second strength's run of 6 steps

    start = network(data[0])
    got = list(sweep(start, *data, (0, 0.1, 1.0), **settings(data, callback=stop)))
    assert len(got) == 1 and len(calls) == 8
    [(whole, _)] = sweep(start, *data, (0,), **settings(data))
    assert same(got[0][0], whole), "what was yielded is not trained further"


def test_an_interrupt_ends_the_sweep(data):
    calls, start = [], network(data[0])

    def interrupt(step):
        calls.append(step)
        if len(calls) == 8:
            signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.warns(RuntimeWarning, match="training was interrupted"):
            got = list(sweep(start, *data, (0, 0.1, 1), **settings(data, callback=interrupt)))
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(got) == 1 and len(calls) == 8


# repetitions -------------------------------------------------------------------------------------


def test_repetitions_do_not_depend_on_the_number_of_processes():
    x, labels = toy(60, 1)
    inputs = as_input(x)
    start = network(inputs)

    def run(seed):
        from snnlab.reports.frontier import Frontier
        from snnlab.reports.sweep import sweep

        runs = sweep(
            start,
            inputs,
            labels,
            (0, 0.3),
            test=(inputs, labels),
            data="toy",
            rng=seed,
            epochs=1,
            batch_size=20,
            seed=seed,
        )
        return Frontier("toy", [point for _, point in runs])

    one, two = repeat(run, (3, 1, 2)), repeat(run, (3, 1, 2), n_jobs=2)
    assert one.points == two.points and one.data == "toy"
    assert [p.seed for p in one] == [3, 3, 1, 1, 2, 2]
    assert [p.n for p in one.means()] == [3, 3]
    assert repeat(run, [1]).points == one.points[2:4]


def test_bad_repetitions():
    with pytest.raises(ValueError, match="seeds must hold at least one"):
        repeat(lambda seed: cloud(1, seed), [])
    with pytest.raises(TypeError, match="seeds must be a sequence, not int"):
        repeat(lambda seed: cloud(1, seed), 3)
    with pytest.raises(TypeError, match="seeds must be an integer"):
        repeat(lambda seed: cloud(1, seed), [0.5])
    with pytest.raises(TypeError, match="run must return a Frontier, not NoneType"):
        repeat(lambda seed: None, [0])
    with pytest.raises(ValueError, match="cannot be put beside"):
        repeat(lambda seed: Frontier(str(seed)), [0, 1])


# the picture -------------------------------------------------------------------------------------


@pytest.fixture
def runs():
    """Three strengths, two seeds; the middle one is beaten."""
    out = Frontier("mnist16")
    for seed in (0, 1):
        for strength, accuracy, spikes, connectivity in (
            (0, 0.98, 50, 1.0),
            (1, 0.94, 20, 0.5),
            (2, 0.95, 10, 0.1),
        ):
            out.add(
                accuracy + 0.01 * seed,
                spikes + 2 * seed,
                seed=seed,
                config={"strength": strength},
                connectivity=connectivity,
                mismatch=0.1 * strength,
            )
    return out


def numbers(line):
    return np.transpose(line.get_data()).tolist()


def drawn(frontier, **settings):
    pytest.importorskip("matplotlib")
    return frontier.draw(**settings)


def test_points_of_the_picture_are_the_data(runs):
    a = drawn(runs).artists
    assert numbers(a.runs) == [[p.hidden_spikes, 100 * p.accuracy] for p in runs]
    assert numbers(a.means) == [[p.hidden_spikes, 100 * p.accuracy] for p in runs.means()]
    best = runs.pareto(means=True)
    assert numbers(a.line) == [[p.hidden_spikes, 100 * p.accuracy] for p in best]
    assert len(best) == 2 and not len(a.behind.get_xdata())
    assert a.ax.get_ylabel() == "test accuracy (%)" and a.ax.get_title("left") == "mnist16"


@pytest.mark.parametrize(
    "cost, label, unit",
    [
        ("hidden_spikes", "hidden spikes per image", 1),
        ("mismatch", "mismatch (%)", 100),
        ("connectivity", "connectivity (% of weights)", 100),
    ],
)
def test_costs_in_the_picture(runs, cost, label, unit):
    picture = drawn(runs, cost=cost, published=[(0.3, 0.9, "theirs")])
    a = picture.artists
    assert a.ax.get_xlabel() == label and label in picture.alt
    assert numbers(a.means) == [[unit * getattr(p, cost), 100 * p.accuracy] for p in runs.means()]
    assert numbers(a.published[0]) == [[unit * 0.3, 90.0]]
    ticks = [t for t in a.ax.get_xticks() if a.ax.get_xlim()[0] <= t <= a.ax.get_xlim()[1]]
    assert len(ticks) >= 3


def test_alt_text_has_the_numbers(runs):
    stored = Frontier("mnist16", [replace(p, accuracy=0.9) for p in runs])
    picture = drawn(runs, published=[(20, 0.972, "chip, Cramer et al. 2022")], stored=stored)
    assert picture.alt == (
        "Test accuracy on mnist16 against hidden spikes per image, 3 points; the best: "
        "95.5 % at 11 to 98.5 % at 51. Behind, best stored runs: 90.0 % at 11. "
        "chip, Cramer et al. 2022: 97.2 % at 20."
    )
    single = drawn(Frontier("toy", runs.points[:1]))
    assert single.alt.endswith("1 point; the best: 98.0 % at 50.")


def test_the_legend_names_what_is_shown(runs):
    stored = Frontier("mnist16", runs.points[:3])
    published = [(20, 0.972, "chip"), (30, 0.98, "software")]
    texts = [
        t.get_text()
        for t in drawn(runs, published=published, stored=stored).artists.ax.get_legend().get_texts()
    ]
    assert texts == [
        "means of 2 seeds",
        "single runs",
        "best (Pareto set)",
        "best stored runs",
        "chip",
        "software",
    ]
    a = drawn(Frontier("toy", runs.points[:3])).artists
    assert [t.get_text() for t in a.ax.get_legend().get_texts()] == ["runs", "best (Pareto set)"]
    assert not len(a.runs.get_xdata())
    more = Frontier("toy", runs.points[:5])
    assert drawn(more).artists.means.get_label() == "means of up to 2 seeds"
    a = drawn(runs, label="rotated", stored=stored, stored_label="plain").artists
    texts = [t.get_text() for t in a.ax.get_legend().get_texts()]
    assert texts == ["rotated (means of 2 seeds)", "single runs", "best (Pareto set)", "plain"]


def test_published_and_stored_points_stand_apart(runs):
    stored = Frontier("mnist16", [replace(p, accuracy=p.accuracy - 0.1) for p in runs])
    published = [(20, 0.972, "chip"), (30, 0.98, "software")]
    a = drawn(runs, published=published, stored=stored).artists
    assert [numbers(line) for line in a.published] == [[[20, 97.2]], [[30, 98.0]]]
    best = stored.pareto(means=True)
    assert numbers(a.behind) == [[p.hidden_spikes, 100 * p.accuracy] for p in best]
    looks = {
        (h.get_marker(), h.get_color(), h.get_linestyle())
        for h in (a.runs, a.line, a.behind, *a.published)
    }
    assert len(looks) == 5
    low, high = a.ax.get_ylim()
    assert low < 85.5 and high > 98.5, "all of them are within the axes"
    from snnlab.plot.style import QUIET

    assert a.behind.get_color() == QUIET and a.behind.get_zorder() <= a.means.get_zorder()
    order = a.ax.get_children()
    assert order.index(a.behind) < order.index(a.runs) < order.index(a.means)


def test_a_network_that_never_spikes_is_shown():
    silent = Frontier("toy", [Point(0.1, 0.0, config={"k": 0}), Point(0.9, 30, config={"k": 1})])
    a = drawn(silent).artists
    a.ax.figure.canvas.draw()
    pixels = a.ax.transData.transform(numbers(a.means))
    box = a.ax.get_window_extent()
    assert np.all(np.isfinite(pixels)) and all(box.contains(*place) for place in pixels)


def test_update_shows_what_a_fresh_drawing_shows(runs):
    from snnlab.plot.sweep import update_frontier

    short = Frontier("mnist16", runs.points[:3])
    picture = drawn(short)
    first, alt = picture.png(1), picture.alt
    children = len(picture.artists.ax.get_children())
    update_frontier(picture, runs)
    assert picture.png(1) != first and picture.alt == drawn(runs).alt != alt
    assert numbers(picture.artists.means) == numbers(drawn(runs).artists.means)
    update_frontier(picture, short)
    assert picture.png(1) == first and picture.alt == alt
    assert len(picture.artists.ax.get_children()) == children
    with pytest.raises(ValueError, match="picture is of runs on 'mnist16', not on 'other'"):
        update_frontier(picture, Frontier("other", runs.points))
    with pytest.raises(ValueError, match="the frontier is empty"):
        update_frontier(picture, Frontier("mnist16"))


def test_nothing_is_cut_off(runs):
    picture = drawn(runs, published=[(500, 0.2, "far away, with a rather long name")], stored=runs)
    assert picture.png(1)[:4] == b"\x89PNG"
    assert_nothing_is_cut_off(picture)


def test_what_cannot_be_drawn(runs):
    with pytest.raises(ValueError, match="cost must be one of"):
        drawn(runs, cost="accuracy")
    with pytest.raises(ValueError, match="stored runs are on 'toy'"):
        drawn(runs, stored=cloud(3, 0))


def test_a_notebook_shows_the_picture(runs, monkeypatch):
    pytest.importorskip("matplotlib")
    content, metadata = runs._repr_mimebundle_()
    assert re.search(r"95.5 % at 11", metadata["image/png"]["alt"]) and "image/png" in content
    monkeypatch.setattr("snnlab.reports.frontier.find_spec", lambda name: None)
    assert runs._repr_mimebundle_() == {"text/plain": "Frontier('mnist16', 6 runs)"}


def test_networks_are_tested_on_every_chip():
    digits = datasets.load("digits16", progress=False)
    x, y = encode.latency(digits.x_test[:200], n_steps=20), digits.y_test[:200]
    chips = [Substrate(0), Substrate(1, sigma_d=0.4), None]
    chips[1].age = 7
    networks = []
    for seed in range(2):
        net = Network((256, 40, 10), LIF.brainscales2(), n_steps=20, rng=seed)
        networks.append(net.scale_to_activity(x, 40))
    matrix = transfer_matrix(networks, chips, x, y)
    again = transfer_matrix(networks, chips, x, y)
    assert matrix.shape == (2, 3) and (matrix == again).all()
    assert chips[0].age == 0 and chips[1].age == 7
    assert matrix[1, 2] == evaluate(networks[1], x, y).accuracy
    assert matrix[0, 1] == evaluate(networks[0], x, y, substrate=chips[1]).accuracy
    with pytest.raises(ValueError, match="chips must hold at least one entry"):
        transfer_matrix(networks, [], x, y)
    with pytest.raises(TypeError, match="networks must be a sequence"):
        transfer_matrix(None, chips, x, y)
