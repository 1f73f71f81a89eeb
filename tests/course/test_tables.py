"""Tables of the notebooks: the same cells as text and as HTML."""

import re
from html.parser import HTMLParser

import pytest

import snnlab
from snnlab import energy, results
from snnlab.chip.effects import EFFECTS
from snnlab.course.cards import chip_card, prices
from snnlab.course.tables import NOTHING, Table


class Cells(HTMLParser):
    """Texts of the cells of a table, row by row, and which of them are strong."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.strong, self.open = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data
        if "strong" in self.open:
            self.strong.append(data)


def test_text_and_html_hold_the_same():
    table = Table(
        ("what", "n <"), [("a & b", 10), ("c", None), ("d", -2.5)], best=[(0, 1)], note="x < y"
    )
    assert repr(table).splitlines() == [
        "what    n <",
        "a & b   10*",
        "c         –",
        "d      -2.5",
        "x < y",
    ]
    found = Cells(table._repr_html_())
    assert found.rows == [["what", "n <"], ["a & b", "10"], ["c", NOTHING], ["d", "-2.5"]]
    assert found.strong == ["10"] and not found.open
    assert "x &lt; y" in table._repr_html_() and 'scope="col"' in table._repr_html_()


def test_numbers_are_flush_right_and_sentences_are_not():
    table = Table(
        ("a", "b", "c"), [("x", "1 %", "97.2 % (Cramer et al. 2022)"), ("y", "10 %", "3 (z)")]
    )
    assert "1 %  97.2 %" in repr(table)
    assert re.findall("text-align: (left|right)", table._repr_html_())[:3] == [
        "left",
        "right",
        "left",
    ]


def test_rows_must_fit():
    with pytest.raises(ValueError, match="rows must have 2 cells"):
        Table(("a", "b"), [("x",)])


def test_claims_are_a_table():
    claims = results.claims("n14")
    rows = Cells(claims._repr_html_()).rows[1:]
    assert [row[0] for row in rows] == [claim["text"] for claim in claims]
    for row, claim in zip(rows, claims, strict=True):
        assert row[1].startswith(f"{claim['paper']:g}") and claim["source"] in row[1]
        if claim["ours"] is None:
            assert row[3] == NOTHING
        else:
            assert row[2].startswith(f"{claim['ours']:g}")
            assert row[3].startswith("yes" if claim["holds"] else "no: ")


def test_cards_hold_all_there_is():
    chip = snnlab.Substrate(0, noise=0.07)
    card = chip_card(chip)
    assert [row[0] for row in card.rows] == list(EFFECTS)
    assert dict(row[:2] for row in card.rows)["noise"] == "0.07"
    assert len(prices().rows) == len(energy.COSTS)
    shown = {row[0]: row[1] for row in prices().rows}
    assert shown["addition of 8-bit integers"] == "0.03 pJ"
    assert shown["BrainScaleS-2, per image"] == "11.8 µs"
    assert shown["BrainScaleS-2, per image: power times time"] == "2.4 µJ"
