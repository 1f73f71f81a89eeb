"""`check` takes whatever it is given; what was answered is kept, handed in and collected."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

import snnlab
from snnlab import encode, exercises
from snnlab.course.exercises import n07, n14, predictions, records, registry

ODD = {
    "infinity": math.inf,
    "minus infinity": -math.inf,
    "nan": math.nan,
    "array": np.array([0.5, 1.0]),
    "one in an array": np.array([3.0]),
    "no array": np.array([]),
    "text array": np.array("three"),
    "object array": np.array([None, {}], dtype=object),
    "text": "three",
    "number as text": "3",
    "decimal comma": "0,5",
    "nothing in it": "",
    "list": [1, 2, 3],
    "tuple": (math.inf, "x"),
    "dict": {"lr": math.nan, "batch_size": math.inf},
    "dict of odd keys": {1: None, (2,): []},
    "set": {1, "a"},
    "complex": 1 + 1j,
    "bytes": b"3",
    "huge": 10**400,
    "type": int,
    "module": np,
    "function": lambda *given: given,
    "function of nothing": lambda: None,
    "object": object(),
    "0-d infinity": np.array(np.inf),
    "numpy bool": np.bool_(True),
    "date": np.datetime64("2020-01-01"),
}


@pytest.mark.parametrize("name", exercises.questions())
def test_nothing_raises(name):
    for kind, answer in ODD.items():
        verdict = snnlab.check(name, answer)
        assert repr(verdict).startswith("✗ Not yet. ") and len(verdict.text) > 15, kind
        assert "That is not what is asked for" not in verdict.text, (kind, verdict.text)


@pytest.mark.parametrize("name", ["n04.q1", "n13.q1", "n16.q2", "n17.q2", "n22.q2", "n24.q2"])
def test_functions_that_return_nothing_or_something_else_are_told_so(name):
    assert "returns nothing" in snnlab.check(name, lambda *given: None).text
    for dots in (..., (..., ...)):
        assert "still dots" in snnlab.check(name, lambda *given, dots=dots: dots).text
    assert "What the function returns" in snnlab.check(name, lambda *given: {}).text
    assert "stops with ZeroDivisionError" in snnlab.check(name, lambda *given: 1 / 0).text


def test_known_mistakes_are_told_of_numbers_only_and_after_what_is_right():
    def hint(answer, tolerance=0.5):
        known = [(4.0, 0.1, "four"), (400, 0, "four hundred")]
        return registry.close(answer, 5, tolerance, "more", "less", "a number", known)

    assert hint(4.05) == "four" and hint(400) == "four hundred" and hint(np.float32(4)) == "four"
    assert hint(3) == "more" and hint(401) == "less" and hint(5) is None
    assert hint(4.05, tolerance=1) is None
    for answer in (10**400, np.array([4.0, 400.0]), True, "4"):
        assert hint(answer).startswith("The answer is a number")


def test_numbers_of_numpy_are_numbers():
    for number in (np.array(2), np.int8(2), np.float32(2), np.array(2.0, dtype=object)):
        assert snnlab.check("n01.q2", number)
    assert snnlab.check("n10.q2", np.float32(0.4))


def test_what_is_wrong_is_said():
    def said(answer):
        return snnlab.check("n02.q1", answer).text

    assert "without quotes" in said("2.3") and "with a point" in said("2,3")
    assert "shape (2,)" in said(np.array([1, 2])) and "3 of them" in said([1, 2, 3])
    assert "finite" in said(math.inf) and "finite" in said(np.nan)
    assert "not a text" in said("soon") and "not True" in said(np.bool_(True))


def test_right_says_why_in_a_sentence():
    for name, question in registry.QUESTIONS.items():
        if ".q" in name:
            assert question.why.endswith(".") and 40 < len(question.why) < 200, name
            assert ". " not in question.why, f"{name}: one sentence"
    verdict = snnlab.check("n01.q2", 2)
    assert repr(verdict) == f"✓ Right. {registry.QUESTIONS['n01.q2'].why}"


# challenges ---------------------------------------------------------------------------------------


@pytest.fixture
def digits(monkeypatch):
    data = snnlab.datasets.load("digits16")
    for module in (registry, n07, n14):
        monkeypatch.setattr(module, "images", lambda: data)
    return data


def test_challenges_have_scores(digits, monkeypatch, tmp_path):
    monkeypatch.setenv("SNNLAB_PROGRESS", str(tmp_path / "progress.json"))
    inputs = encode.latency(digits.x_train)
    network = snnlab.Network(
        (256, 60, 10), snnlab.LIF.brainscales2(steepness=10), n_steps=20, rng=0
    )
    network.scale_to_activity(inputs, 30)
    assert "97 %" in snnlab.check("n07.c1", network).text
    assert "95 %" in snnlab.check("n14.c1", network).text
    snnlab.train(network, inputs, digits.y_train, epochs=15, rng=0, progress=False)
    monkeypatch.setattr(n07, "ENOUGH", 0.9)
    monkeypatch.setattr(n14, "ENOUGH", 0.9)
    verdict = snnlab.check("n07.c1", network)
    found = snnlab.evaluate(network, encode.latency(digits.x_test), digits.y_test)
    assert verdict and f"{found.hidden_spikes:.2f} hidden spikes" in verdict.text
    assert "to beat" in verdict.text
    assert "Your best so far" in snnlab.check("n07.c1", network).text
    verdict = snnlab.check("n14.c1", network)
    wires = sum(np.count_nonzero(w) for w in network.weights)
    assert verdict and f"{wires:,} wires" in verdict.text
    network.weights[0][np.abs(network.weights[0]) < 1e-3] = 0
    better = snnlab.check("n14.c1", network)
    assert f"Better than before: your best was {wires:.4g}" in better.text
    for name in ("n07.c1", "n14.c1"):
        assert "network itself" in snnlab.check(name, 3).text
        small = snnlab.Network((4, 3), snnlab.LIF.brainscales2(), n_steps=20, rng=0)
        assert "256 inputs" in snnlab.check(name, small).text
    assert records.load()["n14.c1"]["score"] == sum(np.count_nonzero(w) for w in network.weights)


# predictions --------------------------------------------------------------------------------------


def test_predictions_are_put_beside_what_happened():
    for name, (what, near) in predictions.PREDICTIONS.items():
        assert "had not guessed" in repr(snnlab.reveal(name, 40.0))
        assert repr(snnlab.predict(name, 40)) == f"Noted: 40 % {what}. Now run the next cells."
        assert "near it" in snnlab.reveal(name, 40.0 + near)
        assert "20 points more" in snnlab.reveal(name, 60.0)
        assert "30 points less" in snnlab.reveal(name, 10.0)
        assert "in place of the dots" in snnlab.predict(name, ...)
        assert "had not guessed" in snnlab.reveal(name, 40.0)
    assert "It is 0.002 % of" in snnlab.reveal("n18.p1", 0.0016)
    assert "It is 0.0 % of" in snnlab.reveal("n18.p1", 0)
    for odd in ODD.values():
        snnlab.predict("n01.p1", odd)
    assert "0 to 100" in snnlab.predict("n01.p1", 140)
    for ask in (snnlab.predict, snnlab.reveal):
        with pytest.raises(ValueError, match="question must be one of"):
            ask("n99.p1", 3)


# what is kept -------------------------------------------------------------------------------------


@pytest.fixture
def kept(monkeypatch, tmp_path):
    path = tmp_path / "some" / "progress.json"
    monkeypatch.setenv("SNNLAB_PROGRESS", str(path))
    records._FAULTS.clear()
    return path


def test_answers_are_kept(kept):
    assert snnlab.progress().rows[0][1] == "0 of 3"
    snnlab.check("n01.q2", 1)
    snnlab.check("n01.q3", ...)
    snnlab.check("n01.q1", 0.31, solution=True)
    assert set(records.load()) == {"n01.q2"}, "dots and solutions do not count"
    snnlab.check("n01.q2", 2)
    snnlab.check("n01.q2", 3)
    entry = records.load()["n01.q2"]
    assert entry["right"] and entry["tries"] == 3 and entry["answer"] == "3"
    shown = snnlab.progress()
    assert shown.rows[0][:3] == ("1", "1 of 3", "· ✓ ·")
    assert str(kept) in shown.note and not list(kept.parent.glob(".*")), "a temporary file is left"


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", '{"n01.q2": 3}', "\x00", '{"n01.q2": {}}'])
def test_a_file_that_is_no_such_file_stops_nothing(kept, text):
    kept.parent.mkdir()
    kept.write_text(text, encoding="utf-8")
    snnlab.progress()
    assert snnlab.check("n01.q2", 2)
    assert records.load()["n01.q2"]["tries"] == 1


def test_a_place_that_cannot_be_written_stops_nothing(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SNNLAB_PROGRESS", str(tmp_path / "file" / "progress.json"))
    assert snnlab.check("n01.q2", 2)
    assert "could not be kept" in snnlab.progress().note
    monkeypatch.setenv("SNNLAB_PROGRESS", "")
    records._FAULTS.clear()
    assert snnlab.check("n01.q2", 2)
    assert snnlab.progress().note == "Nothing is kept."


def test_it_is_kept_where_data_of_users_are(monkeypatch, tmp_path):
    monkeypatch.setenv("SNNLAB_PROGRESS", "~/answers.json")
    assert records.place() == Path.home() / "answers.json"
    monkeypatch.delenv("SNNLAB_PROGRESS")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr(records.sys, "platform", "linux")
    assert records.place() == tmp_path / "snnlab" / "progress.json"
    monkeypatch.setattr(records.sys, "platform", "darwin")
    assert records.place().parts[-4:] == (
        "Library",
        "Application Support",
        "snnlab",
        "progress.json",
    )


# a class ------------------------------------------------------------------------------------------


def test_a_class_hands_in_and_is_collected(kept, tmp_path):
    folder = tmp_path / "class"
    folder.mkdir()
    snnlab.check("n01.q2", 2)
    snnlab.check("n01.q1", 0.5)
    exercises.hand_in(folder / "one.json", " Second ")
    snnlab.check("n02.q1", 2.3)
    path = exercises.hand_in(str(folder / "two.json"), "first")
    assert json.loads(path.read_text(encoding="utf-8"))["answers"]["n02.q1"]["answer"] == "2.3"
    (folder / "other.json").write_text('{"name": "x"}', encoding="utf-8")
    (folder / "broken.json").write_text("{", encoding="utf-8")
    table = exercises.collect(folder)
    assert table.head[:4] == ("name", "right", "1", "2")
    assert [row[:4] for row in table.rows] == [
        ("first", "2", "✗✓·", "✓··"),
        ("Second", "1", "✗✓·", "···"),
    ]
    assert table.note == "Not read: broken.json, other.json."
    answers = exercises.collect(folder, "n02.q1")
    assert answers.rows == [("first", "✓", "1", "2.3"), ("Second", "·", "–", "–")]


def test_what_cannot_be_handed_in_or_collected_is_said(kept, tmp_path):
    with pytest.raises(TypeError, match="name must be a text"):
        exercises.hand_in(tmp_path / "a.json", 3)
    with pytest.raises(ValueError, match="name must not be empty"):
        exercises.hand_in(tmp_path / "a.json", " ")
    with pytest.raises(ValueError, match="path: there is no folder"):
        exercises.hand_in(tmp_path / "none" / "a.json", "x")
    with pytest.raises(ValueError, match="folder must hold"):
        exercises.collect(tmp_path / "none")
    exercises.hand_in(tmp_path / "a.json", "x")
    with pytest.raises(ValueError, match="question must be one of"):
        exercises.collect(tmp_path, "n99.q1")
