"""Without a folder to keep compiled code in, kernels are compiled anew, and one warning says so."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import ROOT

CODE = """
import sys, warnings
sys.dont_write_bytecode = True
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import numpy as np
    from snnlab.kernels import chip, events, lif, rewire, updates
    x = updates.sum_of_squares(np.arange(5.0), 0, 5)
said = [str(w.message) for w in caught if "NUMBA_CACHE_DIR" in str(w.message)]
print(x, len(said), type(events.latency._cache).__name__)
"""


def run(package, **environment):
    """A fresh interpreter with a copy of the package, whose folders cannot be written to."""
    known = {name: x for name, x in os.environ.items() if not name.startswith("NUMBA")}
    settings = known | {"PYTHONPATH": str(package), "PYTHONDONTWRITEBYTECODE": "1"} | environment
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, env=settings, cwd=package
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.fixture
def package(tmp_path):
    """The kernels of a copy of the package have a file where their cache would be."""
    copy = tmp_path / "site"
    ignored = shutil.ignore_patterns("__pycache__", "*.nbi", "*.nbc", "static")
    shutil.copytree(ROOT / "snnlab", copy / "snnlab", ignore=ignored)
    (copy / "snnlab" / "kernels" / "__pycache__").write_text("no folder")
    return copy


def test_kernels_compile_without_a_cache(package, tmp_path):
    nowhere = tmp_path / "file"
    nowhere.write_text("no folder")
    homes = {"HOME": str(nowhere), "XDG_CACHE_HOME": str(nowhere), "LOCALAPPDATA": str(nowhere)}
    assert run(package, **homes) == ["30.0", "1", "NullCache"]
    # the remedy cures
    kept = tmp_path / "kept"
    value, said, cache = run(package, **homes, NUMBA_CACHE_DIR=str(kept))
    assert (
        (value, said) == ("30.0", "0") and cache != "NullCache" and any(Path(kept).rglob("*.nbi"))
    )
