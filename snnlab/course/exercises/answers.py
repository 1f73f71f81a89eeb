"""How far a reader is, and answers of a whole class: handed in as files, collected in a table."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from snnlab import _check
from snnlab._files import check_writable, write_atomically
from snnlab.course.exercises import records
from snnlab.course.exercises.registry import QUESTIONS
from snnlab.course.tables import Table

if TYPE_CHECKING:
    from pathlib import Path

    from snnlab._types import PathLike

RIGHT, WRONG, OPEN = "✓", "✗", "·"


def _mark(entry):
    return OPEN if entry is None else RIGHT if entry.get("right") else WRONG


def _by_notebook(found):
    """Name of each notebook, its questions, and what was answered to each (or None)."""
    books = {}
    for name in sorted(QUESTIONS, key=lambda name: name.replace(".c", ".z")):  # challenges last
        books.setdefault(name.split(".")[0], {})[name.split(".")[1]] = found.get(name)
    return books


def progress() -> Table:
    """How far the reader is: a row per notebook, a mark per exercise.

    Returns
    -------
    Table
        A note says where it is kept, or why it could not be.
    """
    found, rows = records.load(), []
    for book, entries in _by_notebook(found).items():
        marks = " ".join(_mark(entry) for entry in entries.values())
        scores = [
            f"{entry['score']:.4g}" for entry in entries.values() if entry and "score" in entry
        ]
        right = sum(_mark(entry) == RIGHT for entry in entries.values())
        rows.append((int(book[1:]), f"{right} of {len(entries)}", marks, " ".join(scores) or None))
    where, fault = records.place(), records.fault()
    note = f"Kept in {where}." if where else "Nothing is kept."
    if fault:
        note = f"Progress could not be kept: {fault}"
    key = f"{RIGHT} right, {WRONG} tried, {OPEN} not yet"
    return Table(("notebook", "right", key, "challenge"), rows, note=note)


def hand_in(path: PathLike, name: str) -> Path:
    """Write what was answered so far to a file that a teacher can collect.

    Parameters
    ----------
    path : str or Path
        Of a new JSON file, or one to be written over.
    name : str
        Who answers; any text that the class agrees on.

    Returns
    -------
    Path

    Raises
    ------
    TypeError
        If name is no text.
    ValueError
        If name is empty, or no file can be written there.
    """
    if not isinstance(name, str):
        raise TypeError(f"name must be a text, not {type(name).__name__}")
    if not name.strip():
        raise ValueError("name must not be empty")
    path = _check.path("path", path)
    check_writable("path", path)
    whole = {
        "snnlab answers": 1,
        "name": name.strip(),
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "answers": records.load(),
    }
    text = json.dumps(whole, indent=1, ensure_ascii=False)
    write_atomically(path, lambda file: file.write(text.encode("utf-8")))
    return path


def collect(folder: PathLike, question: str | None = None) -> Table:
    """Read all that was handed in: a row per student, a column per notebook.

    Parameters
    ----------
    folder : str or Path
        With the files that `hand_in` has written.
    question : str, optional
        Like "n01.q1": show the answers to this one instead, as each student gave it last.

    Returns
    -------
    Table
        A mark per exercise; a note names files that are none of `hand_in`'s.

    Raises
    ------
    ValueError
        If there is no such folder, or no file in it, or no such question.
    """
    if question is not None:
        _check.one_of("question", question, tuple(QUESTIONS))
    paths = sorted(_check.path("folder", folder).glob("*.json"))
    if not paths:
        raise ValueError(f"folder must hold files of hand_in; there is none in {folder}")
    found, strange = [], []
    for path in paths:
        try:
            whole = json.loads(path.read_text(encoding="utf-8"))
            name, answers = str(whole["name"]), dict(whole["answers"])
            found.append((name, {k: dict(entry) for k, entry in answers.items()}))
        except (OSError, ValueError, TypeError, KeyError):
            strange.append(path.name)
    found.sort(key=lambda pair: pair[0].casefold())
    note = f"Not read: {', '.join(strange)}." if strange else ""
    if question is not None:
        return Table(
            ("name", question, "tries", "answer"),
            [(name, *_last(answers.get(question))) for name, answers in found],
            note=note,
        )
    rows = []
    for name, answers in found:
        marks = ["".join(map(_mark, book.values())) for book in _by_notebook(answers).values()]
        rows.append((name, "".join(marks).count(RIGHT), *marks))
    return Table(
        ("name", "right", *(f"{int(book[1:])}" for book in _by_notebook({}))), rows, note=note
    )


def _last(entry):
    """Mark, number of tries and text of an answer."""
    entry = entry or {}
    return _mark(entry or None), entry.get("tries"), entry.get("answer")
