"""The glossary: every word is explained in the notebook it names, and not used before."""

import json
import re

import pytest
from helpers import ROOT

FOLDER = ROOT / "notebooks"
ROWS = [
    [cell.strip() for cell in line.split("|")[1:-1]]
    for line in (FOLDER / "glossary.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and not line.startswith("| word")
]
# notebooks that use a word before, in its everyday sense or with an explanation on the spot
EARLIER = {
    "event": {1},
    "pixel": {1},
    "gain": {2, 6},
    "dropout": {5},
    "in the loop": {5},
    "noise": {5},
    "penalty": {6},
    "Deep R": {13},
}


def texts():
    out = {}
    for path in sorted(FOLDER.glob("*.ipynb")):
        if path.stem == "00_start_here":
            continue
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        text = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
        out[int(path.stem[:2])] = re.sub(r"\$[^$]*\$|`[^`]*`", "", text)
    return out


TEXTS = texts()


def used_in(word):
    words = re.escape(word).replace(r"\ ", r"\s+")
    pattern = re.compile(rf"\b{words}(s|es|d|ed|ing)?\b", re.IGNORECASE)
    return {number for number, text in TEXTS.items() if pattern.search(text)}


@pytest.mark.parametrize("word, meaning, number", ROWS, ids=[row[0] for row in ROWS])
def test_words_are_introduced_where_the_glossary_says(word, meaning, number):
    text = TEXTS[int(number)]
    bold = rf"\*\*[^*\n]*\b{re.escape(word)}|\*{re.escape(word)}\*"
    assert re.search(bold, text, re.IGNORECASE), f"{word} does not stand out in notebook {number}"
    early = {k for k in used_in(word) if k < int(number)}
    assert early == EARLIER.get(word, set()), f"{word} is used before it is explained"
    assert len(meaning) > 10


def test_words_are_in_order_and_there_once():
    words = [row[0].lower() for row in ROWS]
    assert words == sorted(words, key=lambda w: w.replace("-", " "))
    assert len(set(words)) == len(words) > 40
