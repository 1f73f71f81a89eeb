"""Stored results of full runs: the records that the tables and the notebooks quote.

They are the JSON files of ``data/results``, beside the package in a checkout and within it where it
is installed. Scripts under ``benchmarks`` write them; nothing here runs anything.
"""

import json
from pathlib import Path

from snnlab import _check

_PACKAGE = Path(__file__).parent


def folder():
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


def studies():
    """Names of the stored studies, in alphabetical order."""
    return tuple(sorted(path.stem for path in folder().glob("*.json")))


def load(study):
    """The records of a study: one per variant, with its values by seed.

    Parameters
    ----------
    study : str
        One of `studies`.

    Returns
    -------
    list of dict
        Each with ``label``, ``metric``, ``mean``, ``sd``, ``seeds``, ``values``, ``config``, where
        it applies ``paper``, ``paper_source`` and ``paper_tag``, and more; see ``data/README.md``.

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
