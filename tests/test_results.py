"""Stored results: complete records, equal to the tables of the README."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "data" / "results").glob("*.json"))
MEASURED = "speed", "panels-latency"  # times, not studies with seeds
FIELDS = {"study", "metric", "mean", "sd", "seeds", "values", "config", "command", "versions"}


def test_there_are_results():
    assert {"mnist16-plain", "mnist16-augmented", "fashion16-plain", "speed"} <= {
        path.stem for path in FILES
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_records_are_complete(path):
    for record in json.loads(path.read_text()):
        assert record.keys() >= FIELDS, path
        assert record["study"] == path.stem
        assert record["versions"].keys() >= {"python", "numpy", "numba"}
        values = record["values"]
        if record["metric"] == "test_accuracy":
            assert all(0.1 <= v <= 1 for v in values)
        if record["study"] not in MEASURED:
            assert len(values) == len(record["seeds"]) == 5
            assert record["mean"] == pytest.approx(np.mean(values), abs=1e-12)
            assert record["sd"] == pytest.approx(np.std(values, ddof=1), abs=1e-12)
            assert record["paper_tag"] in ("quoted", "second-hand", "unverified")


def test_readme_shows_the_stored_results():
    command = [sys.executable, ROOT / "benchmarks" / "results_table.py", "--check"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_studies_on_the_shelf_are_those_in_the_scripts():
    """A stored study can be made again with the command it names, from the settings it names."""
    scripts = ["accuracy", "sparsity", "decision", "chip"]
    code = (
        f"import json, importlib; modules = map(importlib.import_module, {scripts})\n"
        "print(json.dumps({name: [m.__name__, [p['config'] for p in points]]\n"
        "                  for m in modules for name, (points, _) in m.ENTRIES.items()}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT / "benchmarks", capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    entries = json.loads(done.stdout)
    for path in FILES:
        if path.stem in MEASURED:
            continue
        script, configs = entries[path.stem]
        records = json.loads(path.read_text())
        assert [r["config"] for r in records] == configs
        assert {r["command"] for r in records} == {f"python benchmarks/{script}.py {path.stem}"}
