"""Exercises of the notebooks: `check` says whether an answer is right, or gives a hint.

It never tells the answer, and does not store it: each is worked out anew, from the same functions
that the notebooks teach, whenever it is asked for. So an answer cannot go out of date either.
There is a module per notebook.
"""

import pkgutil
from dataclasses import dataclass
from importlib import import_module

from snnlab import _check
from snnlab.course.exercises.registry import QUESTIONS

__all__ = ["Verdict", "check", "questions"]

for _module in sorted(module.name for module in pkgutil.iter_modules(__path__)):
    import_module(f"{__name__}.{_module}")  # registers its questions


@dataclass(frozen=True)
class Verdict:
    """What `check` says; true if the answer is right."""

    right: bool
    text: str

    def __bool__(self):
        return self.right

    def __repr__(self):
        return f"{'✓ Right.' if self.right else '✗ Not yet.'} {self.text}".rstrip()


def check(question, answer):
    """Check the answer to an exercise of a notebook.

    Parameters
    ----------
    question : str
        As the notebook names it, like "n03.q1".
    answer : object
        Whatever the exercise asks for.

    Returns
    -------
    Verdict
        Shown in a notebook as a line: right, or a hint.

    Raises
    ------
    ValueError
        If there is no such question.
    """
    _check.one_of("question", question, tuple(QUESTIONS))
    if answer is None or answer is ...:
        return Verdict(False, "Write your answer in place of the dots, then run the cell again.")
    hint = QUESTIONS[question](answer)
    return Verdict(True, "") if hint is None else Verdict(False, hint)


def questions():
    """Names of all questions."""
    return tuple(QUESTIONS)
