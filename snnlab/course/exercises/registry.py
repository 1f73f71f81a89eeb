"""What the questions of all notebooks share: their registry, and hints for numbers."""

from __future__ import annotations

import math
import numbers
from collections.abc import Sized
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from numpy.typing import ArrayLike

    from snnlab.datasets.dataset import Dataset
    from snnlab.learning.evaluation import Evaluation

    Hint = Callable[[Any], "str | Right | None"]

QUESTIONS = {}


@dataclass(frozen=True)
class Question:
    """A question, registered.

    Attributes
    ----------
    name : str
    hint : callable
        Of the answer: None if it is right, a `Right` if there is more to say, else a hint.
    why : str
        One sentence for whoever was right: why.
    """

    name: str
    hint: Hint
    why: str


@dataclass(frozen=True)
class Right:
    """A right answer of which something is to be said; of a challenge, with its score.

    Attributes
    ----------
    text : str
    score : float, optional
        The smaller, the better.
    """

    text: str
    score: float | None = None


def question(name: str, why: str = "") -> Callable[[Hint], Hint]:
    """Register a function that returns None or a `Right` for a right answer, else a hint."""

    def register(function):
        QUESTIONS[name] = Question(name, function, why)
        return function

    return register


def plain(answer: Any) -> Any:
    """An answer without NumPy's wrapping: scalars and arrays of no axes as Python has them."""
    if isinstance(answer, np.generic) or (isinstance(answer, np.ndarray) and answer.ndim == 0):
        return answer.item()
    return answer


def no_number(answer: Any, what: str = "a number") -> str | None:
    """What is wrong with an answer that should be one finite number; None if it is one."""
    said = f"The answer is {what}"
    if isinstance(answer, bool):
        return f"{said}, not {answer}."
    if isinstance(answer, str):
        try:
            float(answer.replace(",", "."))
        except ValueError:
            return f"{said}, not a text."
        point = ", with a point" if "," in answer else ""
        return f"{said}: write it without quotes{point}."
    if isinstance(answer, np.ndarray):
        return f"{said}: one, not an array of shape {answer.shape}."
    if isinstance(answer, Sized) and not callable(answer):
        return f"{said}: one, not {len(answer)} of them."
    if not isinstance(answer, numbers.Real):
        return f"{said}, nothing of type {type(answer).__name__}."
    try:
        finite = math.isfinite(answer)
    except OverflowError:
        return f"{said}, none of so many digits."
    return None if finite else f"{said}, a finite one, not {answer}."


def close(
    answer: Any,
    truth: float | Callable[[], float],
    tolerance: float,
    more: str,
    less: str,
    what: str = "a number",
    nearly: Iterable[tuple[float, float, str]] = (),
) -> str | None:
    """Hint for a number: what went wrong if that is known, else which way to go.

    ``truth`` may be a function without arguments, called only for an answer that is a number.
    ``nearly`` are known mistakes, the first that fits counts: a number, its tolerance, a hint.
    """
    hint = no_number(answer, what)
    if hint is not None:
        return hint
    truth = truth() if callable(truth) else truth
    if abs(answer - truth) <= tolerance:
        return None
    for mistake, within, said in nearly:
        if abs(answer - mistake) <= within:
            return said
    return more if answer < truth else less


def floats(x: ArrayLike) -> np.ndarray:
    """An array of floats."""
    return np.asarray(x, float)


def returned(
    name: str,
    answer: Any,
    called: str,
    *given: Any,
    read: Callable[[Any], Any] = floats,
    dots: str = "",
) -> tuple[Any, str | None]:
    """What a function that is an answer returns, as ``read`` makes it; and a hint where it fails.

    Parameters
    ----------
    name : str
        Of the question.
    answer : object
    called : str
        What the function is called in the notebook.
    *given
        What it is called with.
    read : callable
    dots : str
        Said, too, where dots are left in it.

    Returns
    -------
    object, str or None
    """
    if not callable(answer):
        return (
            None,
            f"The answer is the function itself, without brackets: check('{name}', {called}).",
        )
    dots = f"There are still dots in the function.{dots}"
    try:
        found = answer(*given)
    except Exception as fault:
        if "ellipsis" in str(fault):
            return None, dots
        return None, f"The function stops with {type(fault).__name__}: {fault}"
    if found is None:
        return None, "The function returns nothing: it should end with a return."
    try:
        return (None, dots) if found is ... else (read(found), None)
    except Exception as fault:
        said = f"What the function returns is not what is asked for: {fault}"
        return None, dots if "ellipsis" in str(fault) else said


def images() -> Dataset:
    """The images of the notebooks, without a word."""
    from snnlab import datasets

    try:
        return datasets.load("mnist16", progress=False)
    except datasets.DatasetUnavailable:
        return datasets.load("digits16")


def tested(network: Any, enough: float) -> tuple[str | None, float, Evaluation | None]:
    """Try a network that reads the notebooks' images, for a challenge.

    Returns
    -------
    str or None
        A hint, if it is none, or does not read enough of the test images rightly.
    float
        Its accuracy; 0 if it was not tested.
    Evaluation
        None likewise.
    """
    from snnlab import encode
    from snnlab.learning.evaluation import evaluate
    from snnlab.network import Network

    if not isinstance(network, Network):
        return "The answer is the network itself.", 0.0, None
    if (network.sizes[0], network.sizes[-1]) != (256, 10):
        return "The network must have 256 inputs and 10 outputs.", 0.0, None
    data = images()
    found = evaluate(network, encode.latency(data.x_test, n_steps=network.n_steps), data.y_test)
    if found.accuracy < enough:
        hint = (
            f"{100 * found.accuracy:.2f} % of the test images right: the challenge begins at "
            f"{100 * enough:.0f} %."
        )
        return hint, found.accuracy, found
    return None, found.accuracy, found
