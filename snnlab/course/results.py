"""Stored results of full runs: the records that the tables and the notebooks quote.

They are the JSON files of ``data/results``, beside the package in a checkout and within it where it
is installed. Scripts under ``benchmarks`` write them; nothing here runs anything.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from snnlab import _check
from snnlab.course.tables import Table

if TYPE_CHECKING:
    from typing import Any

_PACKAGE = Path(__file__).resolve().parents[1]


def folder() -> Path:
    """Where the records are, as a Path.

    Raises
    ------
    FileNotFoundError
        If they were taken out of the installation.
    """
    # an installed package has a copy of its own, and then whatever lies beside it is not ours
    for place in (_PACKAGE / "_results", _PACKAGE.parent / "data" / "results"):
        if place.is_dir():
            return place
    raise FileNotFoundError("the stored results are neither in the package nor beside it")


def studies() -> tuple[str, ...]:
    """Names of the stored studies, in alphabetical order."""
    return tuple(sorted(path.stem for path in folder().glob("*.json") if path.stem != "claims"))


def load(study: str) -> list[dict[str, Any]]:
    """The records of a study: one per variant, with its values by seed.

    Parameters
    ----------
    study : str
        One of `studies`.

    Returns
    -------
    list of dict
        Each with ``label``, ``metric``, ``mean``, ``sd``, ``seeds``, ``values``, ``config``, where
        it applies ``paper``, ``paper_source`` and ``paper_tag``; ``command``, ``versions``, and
        ``runs``: what was measured of each seed.

    Raises
    ------
    ValueError
        If there is no such study.

    Examples
    --------
    >>> [record["label"] for record in load("mnist16-sparsity")][:2]
    ['strength 0', 'strength 0.1']
    """
    _check.one_of("study", study, studies())
    return json.loads((folder() / f"{study}.json").read_text(encoding="utf-8"))


class Claims(tuple):
    """Claims of papers; in a notebook, a table: a row each."""

    def __repr__(self):
        """The paper's figure, ours, and whether the claim was kept."""
        return "\n".join(map(_line, self))

    def _repr_html_(self):
        head = "claim", "the paper", "here", "kept?"
        return Table(head, map(_row, self))._repr_html_()


def claims(notebook: str) -> Claims:
    """What the papers found beside what was found here, for one notebook of the course.

    Parameters
    ----------
    notebook : str
        Like "n07".

    Returns
    -------
    Claims of dict
        Each with ``name``, ``text``, ``unit``, ``paper``, ``source``, ``tag`` ("quoted" or
        "second-hand" or "unverified"), ``ours`` (None where it is not repeated here), ``sd`` (None
        where it was worked out at once), ``study`` (where ours is from), ``sense``, ``tolerance``,
        ``holds`` and, in words, ``verdict`` (both None where it is not repeated).

    Raises
    ------
    ValueError
        If the notebook makes no such claims.
    """
    records = json.loads((folder() / "claims.json").read_text(encoding="utf-8"))
    _check.one_of("notebook", notebook, tuple(sorted({r["name"].split(".")[0] for r in records})))
    return Claims(r for r in records if r["name"].startswith(f"{notebook}."))


def _figures(claim):
    """The paper's figure and ours, with unit and spread; None where it is not repeated."""
    unit = f" {claim['unit']}" if claim["unit"] else ""
    paper = f"{claim['paper']:g}{unit}"
    if claim["ours"] is None:
        return paper, None
    sd = "" if claim["sd"] is None else f" ± {claim['sd']:.2g}"
    return paper, f"{claim['ours']:g}{sd}{unit}"


def _line(claim):
    """One claim in two lines of text."""
    paper, ours = _figures(claim)
    first = f"{claim['text']}:\n    paper {paper} ({claim['source']}, {claim['tag']})"
    if ours is None:
        return f"{first}; {claim['study']}"
    return f"{first};\n    here {ours} ({claim['study']}): {claim['verdict']}"


def _row(claim):
    """The same as a row of a table."""
    paper, ours = _figures(claim)
    theirs = f"{paper} ({claim['source']}, {claim['tag']})"
    if ours is None:
        return claim["text"], theirs, claim["study"], None
    return claim["text"], theirs, f"{ours} ({claim['study']})", claim["verdict"]
