"""Stored results as the package hands them out: in a checkout, and from a wheel."""

import shutil
import subprocess
import sys
import tomllib

import pytest
from helpers import ROOT

from snnlab import Frontier, results


def test_every_stored_study_can_be_loaded():
    names = results.studies()
    assert {"decision-time", "mnist16-sparsity"} <= set(names)
    stored = {p.stem for p in (ROOT / "data" / "results").glob("*.json")}
    assert names == tuple(sorted(stored - {"claims"}))
    for name in names:
        assert all(record["study"] == name for record in results.load(name))


def test_records_make_a_frontier():
    frontier = Frontier.from_records(results.load("mnist16-sparsity"))
    assert frontier.data == "mnist16" and len(frontier) == 30


def test_unknown_studies_are_named():
    with pytest.raises(ValueError, match="study must be one of 'chip-bits'"):
        results.load("mnist")
    with pytest.raises(ValueError, match="study"):
        results.load("../README")


def test_an_installed_package_reads_its_own_copy(tmp_path, monkeypatch):
    """The wheel puts the records where `folder` looks first."""
    with open(ROOT / "pyproject.toml", "rb") as file:
        wheel = tomllib.load(file)["tool"]["hatch"]["build"]["targets"]["wheel"]
    (source, target) = next(iter(wheel["force-include"].items()))
    package = tmp_path / "snnlab"
    shutil.copytree(ROOT / source, tmp_path / target)
    (package / "course").mkdir()
    course = [f"course/{name}.py" for name in ("__init__", "results", "tables")]
    for name in ("__init__.py", "_check.py", "_extras.py", *course):
        shutil.copy(ROOT / "snnlab" / name, package / name)
    (tmp_path / "data" / "results").mkdir(parents=True)  # somebody else's
    code = "from snnlab import results; print(results.folder(), len(results.load('chip-bits')))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert done.stdout.startswith(str(package / "_results ")), done.stderr
    monkeypatch.setattr(results, "_PACKAGE", tmp_path / "nowhere" / "snnlab")
    with pytest.raises(FileNotFoundError, match="stored results"):
        results.folder()
