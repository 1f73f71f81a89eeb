"""Exercises of the notebooks: `check` says whether an answer is right, or gives a hint.

It never tells the answer, and does not store it: each is worked out anew, from the same functions
that the notebooks teach, whenever it is asked for. So an answer cannot go out of date either.
There is a module per notebook.

What was answered is kept in a file of the reader's (`progress`), from which a class can hand it in
(`hand_in`) and a teacher collect it (`collect`).
"""

from __future__ import annotations

import html
import pkgutil
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from snnlab import _check
from snnlab.course.exercises import records
from snnlab.course.exercises.answers import collect, hand_in, progress
from snnlab.course.exercises.predictions import predict, reveal
from snnlab.course.exercises.registry import QUESTIONS, Right, plain

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

__all__ = [
    "Verdict",
    "check",
    "collect",
    "hand_in",
    "predict",
    "progress",
    "questions",
    "reveal",
]

for _module in sorted(module.name for module in pkgutil.iter_modules(__path__)):
    import_module(f"{__name__}.{_module}")  # registers its questions


@dataclass(frozen=True)
class Verdict:
    """What `check` says; true if the answer is right."""

    right: bool
    text: str
    folded: bool = False  # until a reader unfolds it

    def __bool__(self):
        return self.right

    def __repr__(self):
        return f"{'✓ Right.' if self.right else '✗ Not yet.'} {self.text}".rstrip()

    def _repr_html_(self):
        said = f'<pre style="white-space: pre-wrap">{html.escape(repr(self))}</pre>'
        return f"<details><summary>Solution</summary>{said}</details>" if self.folded else said


def check(question: str, answer: Any, *, solution: bool | Sequence[str] = False) -> Verdict:
    """Check the answer to an exercise of a notebook.

    Parameters
    ----------
    question : str
        As the notebook names it, like "n03.q1".
    answer : object
        Whatever the exercise asks for. Nothing that is given here raises an error: what is no
        answer gets a hint, too.
    solution : bool or sequence of str
        Whether this is the notebook's own solution, which does not count as the reader's and is
        shown folded; or lines to be shown with it.

    Returns
    -------
    Verdict
        Shown in a notebook as a line: right and why, or a hint.

    Raises
    ------
    ValueError
        If there is no such question.
    """
    _check.one_of("question", question, tuple(QUESTIONS))
    asked, answer = QUESTIONS[question], plain(answer)
    if answer is None or answer is ...:
        return Verdict(False, "Write your answer in place of the dots, then run the cell again.")
    try:
        said = asked.hint(answer)
    except Exception as fault:  # an answer of a kind that nobody had thought of
        said = f"That is not what is asked for: {type(fault).__name__}, {fault}."
    right = said is None or isinstance(said, Right)
    text = asked.why if said is None else said.text if right else said
    if solution is False:
        score = said.score if isinstance(said, Right) else None
        best = records.note(question, answer, right, score)
        if score is not None:
            text += _compared(score, best)
    elif solution is not True:
        text = "\n".join([text, *solution])
    return Verdict(right, text, folded=solution is not False)


def _compared(score, best):
    """A score beside the reader's best one before."""
    if best is None:
        return " That is your score to beat."
    if score < best:
        return f" Better than before: your best was {best:.4g}."
    return f" Your best so far is {best:.4g}."


def questions() -> tuple[str, ...]:
    """Names of all questions."""
    return tuple(QUESTIONS)
