"""Predictions: a reader says what will come out, before it does.

`predict` notes a guess, `reveal` puts it beside what happened. There is nothing to be right about
beforehand; whoever has guessed looks at the result with other eyes.
"""

from __future__ import annotations

from snnlab import _check
from snnlab.course.exercises.registry import no_number, plain

PREDICTIONS = {  # what is guessed, and how far off still counts as near
    "n01.p1": ("of unseen digits read rightly", 3),
    "n03.p1": ("read rightly with the steepest surrogate", 8),
    "n07.p1": ("of the hidden spikes saved", 8),
    "n08.p1": ("read rightly after the first step", 6),
    "n11.p1": ("read rightly with half of the hidden neurons dead", 6),
    "n17.p1": ("of the moved digits read rightly", 6),
    "n18.p1": ("of the last layer's gradient", 3),
    "n19.p1": ("of the images read rightly with a tenth of the wires", 6),
    "n20.p1": ("of what the unseen speaker said heard rightly", 8),
    "n21.p1": ("of the pauses told rightly with learned time constants", 8),
    "n22.p1": ("of the test images read rightly without time", 3),
    "n22.p2": ("of the recordings read rightly, all times being shuffled", 4),
    "n23.p1": ("of the synapses left", 6),
    "n24.p1": ("of the images read rightly after 8 steps", 6),
    "n25.p1": ("of the pictures told in 16 spikes read rightly", 8),
}
_GUESSES = {}


class Said(str):
    """A line that a notebook shows without quotes."""

    def __repr__(self):
        return str(self)


def predict(question: str, guess: float) -> str:
    """Note what a reader expects, in %.

    Parameters
    ----------
    question : str
        As the notebook names it, like "n01.p1".
    guess : float
        Between 0 and 100.

    Returns
    -------
    str
        A line to show.

    Raises
    ------
    ValueError
        If there is no such prediction.
    """
    _check.one_of("question", question, tuple(PREDICTIONS))
    guess = plain(guess)
    if guess is None or guess is ...:
        _GUESSES.pop(question, None)
        return Said("Write your guess in place of the dots, then run the cell again.")
    what = PREDICTIONS[question][0]
    hint = no_number(guess, "a number of percent")
    if hint is None and not 0 <= guess <= 100:
        hint = "The answer is a number of percent, from 0 to 100."
    if hint is not None:
        return Said(hint)
    _GUESSES[question] = float(guess)
    return Said(f"Noted: {guess:g} % {what}. Now run the next cells.")


def reveal(question: str, happened: float) -> str:
    """Put what happened beside what was expected.

    Parameters
    ----------
    question : str
    happened : float
        In %.

    Returns
    -------
    str
        A line to show.

    Raises
    ------
    ValueError
        If there is no such prediction.
    """
    _check.one_of("question", question, tuple(PREDICTIONS))
    what, near = PREDICTIONS[question]
    digits = ".1f" if happened == 0 or abs(happened) >= 0.05 else ".1g"  # a little is not nothing
    said = f"{happened:{digits}} % {what}"
    guess = _GUESSES.get(question)
    if guess is None:
        return Said(f"It is {said}. (You had not guessed.)")
    off = happened - guess
    how = (
        "near it" if abs(off) <= near else f"{abs(off):.0f} points {'more' if off > 0 else 'less'}"
    )
    return Said(f"You expected {guess:g} %, and it is {said}: {how}.")
