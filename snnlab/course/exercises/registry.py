"""What the questions of all notebooks share: their registry, and hints for numbers."""

import functools
import numbers

QUESTIONS = {}


class Hint(Exception):
    """What is said of a wrong answer, raised where that is found."""


def question(name):
    """Register a function that returns None for a right answer, else a hint; or raises one."""

    def register(function):
        @functools.wraps(function)
        def hint(answer):
            try:
                return function(answer)
            except Hint as said:
                return str(said)

        QUESTIONS[name] = hint
        return hint

    return register


def tried(answer, call, check, dots=""):
    """What comes of an answer that is a function.

    Parameters
    ----------
    answer : object
    call : callable
        ``call(answer)`` calls it.
    check : str
        How it is checked, for those who hand in what it returns.
    dots : str
        What is said of blanks that are still there.
    """
    if not callable(answer):
        raise Hint(f"The answer is the function itself, without brackets: {check}.")
    try:
        return call(answer)
    except Exception as fault:
        if "ellipsis" in f"{fault} {type(fault).__name__}".lower():
            raise Hint(f"There are still dots in the function. {dots}".rstrip()) from None
        raise Hint(f"The function stops with {type(fault).__name__}: {fault}") from None


def close(answer, truth, tolerance, more, less, what="a number"):
    """Hint for a number: which way to go."""
    if isinstance(answer, bool) or not isinstance(answer, numbers.Real):
        return f"The answer is {what}."
    if abs(answer - truth) <= tolerance:
        return None
    return more if answer < truth else less


def images():
    """The images of the notebooks, without a word."""
    from snnlab import datasets

    try:
        return datasets.load("mnist16", progress=False)
    except datasets.DatasetUnavailable:
        return datasets.load("digits16")
