"""Exercises: right answers pass, wrong ones get a hint and no answer; student copies."""

import json
import re

import numpy as np
import pytest
from helpers import ROOT, fresh_python, script

import snnlab
from snnlab import exercises


def hidden(error, h, a, b, order=reversed, leak=True):
    lv = li = np.zeros(error.shape[1])
    out = np.zeros_like(error)
    for t in order(range(len(error))):
        lv = b * lv * leak + h[t] * error[t]
        li = a * li * leak + lv
        out[t] = li
    return out


RIGHT = {
    "n01.q1": 0.31,
    "n01.q2": 2,
    "n01.q3": 2 * 1.2 * np.exp(-1.7 / 6) - 1,
    "n02.q1": 8 * (np.log(0.5 / 0.3) - np.log(1 / 0.8)),
    "n02.q2": 1.7 / (np.log(0.5 / 0.3) - np.log(1 / 0.8)),
    "n02.q3": 0.2 / (1 - 0.8 * np.exp(-34 / 8)),
    "n03.q1": 30,
    "n03.q2": {"triangle", "rectangle"},
    "n03.q3": -0.0957,
    "n04.q1": hidden,
    "n04.q2": 6,
    "n04.q3": 3 * np.exp(-1.7 / 6) ** 2,
    "n05.q1": {"lr": 1.5e-3, "batch_size": 50},  # as the notebook's solution
    "n05.q2": 79,
    "n05.q3": 8,
}
WRONG = {
    "n01.q1": [0.3, 0.5, "heavy", True],
    "n01.q2": [1, 3, 2.5, "soon"],
    "n01.q3": [1.81, -0.1, 0.9, 0.2, 1.2, "low"],
    "n02.q1": [1.0, 3.0, 2.3e-6, 8 * np.log(0.5 / 0.3), "2.3", True],
    "n02.q2": [3.0, 8.0, [5.9]],
    "n02.q3": [0.2, 0.201, 0.21, "light"],
    "n03.q1": [10, 50, "steep"],
    "n03.q2": ["triangle", {"triangle", "rectangle", "gaussian"}, {"relu"}, 3, set()],
    "n04.q1": [
        3,
        lambda *a: 1 / 0,
        lambda e, h, a, b: e[0],
        lambda e, h, a, b: 0 * e,
        lambda *a: hidden(*a, order=iter),
        lambda *a: hidden(*a, leak=False),
    ],
    "n03.q3": [0.0957, -0.0205, -0.01, -0.5, "loud"],
    "n04.q2": [2, 3, 5.5],
    "n04.q3": [0.57, 0.5674, 3.0, "all"],
    "n05.q1": [0.1, {"lr": 0.1}, {"lr": -1.0, "batch_size": 10}, {"lr": 1e-5, "batch_size": 500}],
    "n05.q2": [78, 80, 78.125],
    "n05.q3": [5000, 1, 2, "few"],
}


def test_every_question_is_tested_here():
    here = {name for name in exercises.questions() if name < "n06"}  # others: files of their own
    assert set(RIGHT) == set(WRONG) == here


@pytest.mark.parametrize("name", sorted(RIGHT))
def test_right_answers_are_right(name):
    verdict = snnlab.check(name, RIGHT[name])
    assert verdict and repr(verdict).startswith("✓ Right")


@pytest.mark.parametrize("name, k", [(n, k) for n, w in WRONG.items() for k in range(len(w))])
def test_wrong_answers_get_a_hint_and_no_answer(name, k):
    verdict = snnlab.check(name, WRONG[name][k])
    assert not verdict and repr(verdict).startswith("✗ Not yet. ")
    assert len(verdict.text) > 15
    right = RIGHT[name]
    if isinstance(right, int | float):
        numbers = [float(x) for x in re.findall(r"\d+\.?\d*", verdict.text)]
        assert all(abs(x - right) > 0.05 for x in numbers)
    if isinstance(right, set):
        assert "{'triangle', 'rectangle'}" not in verdict.text


def test_hints_fit_the_mistake():
    said = {k: snnlab.check("n04.q1", answer).text for k, answer in enumerate(WRONG["n04.q1"])}
    assert "without brackets" in said[0] and "ZeroDivisionError" in said[1]
    assert "shape" in said[2] and "zeros" in said[3]
    assert "Which way" in said[4] and "take over" in said[5]
    assert "in seconds" in snnlab.check("n02.q1", 2.3e-6).text
    said = [snnlab.check("n01.q3", x).text for x in WRONG["n01.q3"]]
    assert "without the reset" in said[0] and "not gone" in said[1] and "alone" in said[2]
    assert "rise or fall" in snnlab.check("n03.q3", 0.0957).text
    assert "surrogate alone" in snnlab.check("n03.q3", -0.0205).text
    assert "of the membrane" in snnlab.check("n04.q3", 0.5674).text


@pytest.mark.parametrize("name", sorted(RIGHT))
@pytest.mark.parametrize("blank", [None, ...])
def test_blank_answers_are_asked_for(name, blank):
    verdict = snnlab.check(name, blank)
    assert not verdict and "in place of the dots" in verdict.text


def test_unknown_questions_are_named():
    with pytest.raises(ValueError, match="question must be one of 'n01.q1'"):
        snnlab.check("n99.q9", 1)


# --- student copies ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def student_copy():
    return script("student_copy")


def test_student_copies_hold_no_solution(tmp_path):
    fresh_python(ROOT / "tools" / "student_copy.py", tmp_path / "out")
    folder = ROOT / "notebooks"
    originals = sorted(folder.glob("*.ipynb"))
    copied = {p.relative_to(tmp_path / "out") for p in (tmp_path / "out").rglob("*.*")}
    with_them = [*originals, *folder.glob("*.md"), *folder.glob("pictures/*.png")]
    assert copied == {p.relative_to(folder) for p in with_them} and len(with_them) == 26 + 2 + 25
    for path in originals:
        whole = json.loads(path.read_text(encoding="utf-8"))
        copy = json.loads((tmp_path / "out" / path.name).read_text(encoding="utf-8"))
        text = json.dumps(copy, ensure_ascii=False)
        assert "Solution" not in text and '"solution"' not in text
        assert text.count("<details>") == text.count("</details>")
        assert text.count("Hint") == json.dumps(whole).count("Hint")
        kept = [c for c in whole["cells"] if "solution" not in c["metadata"].get("tags", [])]
        codes = [
            [c["source"] for c in cells if c["cell_type"] == "code"]
            for cells in (kept, copy["cells"])
        ]
        assert codes[0] == codes[1]


def test_only_the_solution_is_cut_out_of_a_text(student_copy):
    text = (
        "before\n\n<details><summary>Hint</summary>\n\nh\n\n</details>\n\n"
        "<details><summary>Solution</summary>\n\ns\n\n</details>\n\n## after"
    )
    cell = {"cell_type": "markdown", "id": "a", "metadata": {}, "source": [text]}
    alone = cell | {"id": "b", "source": ["<details><summary>Solution</summary>x</details>"]}
    notebook = {"cells": [cell, alone], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (copy,) = student_copy.without_solutions(notebook)["cells"]
    assert "".join(copy["source"]) == (
        "before\n\n<details><summary>Hint</summary>\n\nh\n\n</details>\n\n## after"
    )
