"""The project around the package: commands, pins, versions, and what may be committed."""

import ast
import importlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT, fresh_python, script
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def project():
    return tomllib.loads(read("pyproject.toml"))["project"]


def pins(name):
    """Versions by package name; fails on any line that is not `name==version`."""
    lines = [line for line in read(name).splitlines() if line and not line.startswith("#")]
    matches = {line: re.fullmatch(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.+!]+)", line) for line in lines}
    assert [line for line, match in matches.items() if not match] == []
    found = {canonicalize_name(match[1]): match[2] for match in matches.values()}
    assert len(found) == len(lines), f"a package is pinned twice in {name}"
    return found


def requirements(*extras):
    """The project's own requirements, with those of the extras named."""
    texts = list(project()["dependencies"])
    for extra in extras:
        texts += project()["optional-dependencies"][extra]
    return [found for found in map(Requirement, texts) if found.name != "snnlab"]


def targets():
    return set(re.findall(r"^([a-z-]+):", read("Makefile"), flags=re.MULTILINE))


def candidates():
    """Every file that is committed or, not being ignored, could be."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("not a git checkout")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout
    found = [ROOT / name for name in listed.decode().split("\0") if name]
    return [path for path in found if path.is_file()]


@pytest.fixture(scope="module")
def strip_outputs():
    return script("strip_outputs")


# --- commands ---------------------------------------------------------------------------------


def plain_environment():
    """That of a terminal, though `make` may run the tests."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_help_lists_every_target():
    environment = plain_environment()
    shown = subprocess.run(
        ["make", "help"], cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    ).stdout
    assert {line.split()[1] for line in shown.splitlines()} == targets()


def test_every_target_is_phony():
    phony = re.search(r"^\.PHONY: (.*)$", read("Makefile"), flags=re.MULTILINE)
    assert set(phony[1].split()) == targets()


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize("user, expected", [("0", True), ("1000", False)])
def test_jupyterlab_runs_as_root_only_if_it_must(tmp_path, user, expected):
    """In containers one often is root, and JupyterLab refuses that unless it is told."""
    fake = tmp_path / "id"
    fake.write_text(f"#!/bin/sh\necho {user}\n")
    fake.chmod(0o755)
    environment = plain_environment() | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    said = subprocess.run(
        ["make", "-n", "lab"], cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    ).stdout
    assert ("jupyterlab --allow-root" in said) is expected and "jupyterlab" in said


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_setting_up_says_what_it_does_and_what_comes_next(tmp_path):
    def dry(goal):
        command = ["make", "-n", goal, f"VENV={tmp_path}/env"]
        settings = {"env": plain_environment(), "capture_output": True, "text": True}
        return subprocess.run(command, cwd=ROOT, check=True, **settings).stdout

    assert "Setting up" in dry("venv") and "Next: make lab" in dry("venv").splitlines()[-1]
    assert "Next: make lab" not in dry("demo")


def test_files_named_in_makefile_exist():
    named = re.findall(r"\b(?:benchmarks|notebooks|tools)/[\w/]+\.\w+", read("Makefile"))
    assert {"tools/results_table.py", "notebooks/01_one_leaky_neuron.ipynb"} <= set(named)
    assert [name for name in named if not (ROOT / name).is_file()] == []


def test_set_up_commands_open_the_readme():
    block = re.search(r"\A# snnlab\n\n```sh\n(.*?)```", read("README.md"), flags=re.DOTALL)
    commands = [line.split("#")[0].strip() for line in block[1].splitlines()]
    assert commands[:2] == ["make lab", "make test"]


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_commands_in_prose_exist(name):
    used = set(re.findall(r"(?:^|`)make ([a-z-]+)", read(name), flags=re.MULTILINE))
    assert used and used <= targets()


def test_ci_runs_the_test_command():
    script = read(".ci/run")
    assert script.startswith("#!/usr/bin/env bash\n")
    assert script.rstrip().endswith("\nmake test")
    assert "get_browser.py" in script and '".[browser]"' in read("Makefile")


@pytest.mark.skipif(os.name == "nt", reason="no executable bit on Windows")
@pytest.mark.parametrize("name", [".ci/run", "binder/postBuild", "binder/start"])
def test_script_is_executable_and_stops_at_errors(name):
    assert os.access(ROOT / name, os.X_OK)
    assert re.search(r"^set -e", read(name), flags=re.MULTILINE)


# --- the README's examples ---------------------------------------------------------------------


def test_readme_names_exist():
    pages = read("README.md") + read("docs/quick-start.md")
    blocks = re.findall(r"```python\n(.*?)```", pages, flags=re.DOTALL)
    chains = {
        ast.unparse(node)
        for node in ast.walk(ast.parse("\n".join(blocks)))
        if isinstance(node, ast.Attribute) and ast.unparse(node).split(".")[0] == "snnlab"
    }
    chains = {chain for chain in chains if re.fullmatch(r"[\w.]+", chain)}
    assert "snnlab.SpikingClassifier" in chains and "snnlab.losses.MaxOverTime" in chains
    for chain in sorted(chains):
        found = importlib.import_module("snnlab")
        for name in chain.split(".")[1:]:
            assert hasattr(found, name), f"a page uses {chain}"
            found = getattr(found, name)


# --- versions ----------------------------------------------------------------------------------


def test_one_version_everywhere():
    cited = re.search(r"^version: (\S+)$", read("CITATION.cff"), flags=re.MULTILINE)[1]
    assert cited == project()["version"] == importlib.import_module("snnlab").__version__
    assert f"\n## {cited}" in read("CHANGELOG.md")


def test_both_papers_are_cited():
    for doi in ("10.1073/pnas.2109194119", "10.24963/ijcai.2021/236"):
        assert doi in read("CITATION.cff") and doi in read("README.md")


def test_constraints_cover_all_but_the_oracle():
    found = pins("constraints.txt")
    for needed in requirements("data", "plot", "notebooks", "docs", "test", "browser", "dev"):
        assert found[canonicalize_name(needed.name)] in needed.specifier, needed
    assert "torch" not in found and "snnlab" not in found


def test_binder_pins_are_those_of_constraints():
    found = pins("binder/requirements.txt")
    assert found.items() <= pins("constraints.txt").items()
    from_base_image = {"jupyterlab", "ipykernel"}
    for needed in requirements("data", "plot", "notebooks"):
        assert needed.name in from_base_image or canonicalize_name(needed.name) in found, needed
    python = read("binder/runtime.txt").strip().removeprefix("python-")
    assert python in project()["requires-python"]


def test_binder_compiles_for_the_cpu_that_its_sessions_name():
    """numba takes kernels from its cache only for the CPU they were compiled for."""
    named = [
        re.findall(r"^export NUMBA_CPU_NAME=(\w+)$", read(f"binder/{name}"), re.MULTILINE)
        for name in ("postBuild", "start")
    ]
    assert named == [["generic"], ["generic"]]
    assert read("binder/start").rstrip().endswith('\nexec "$@"')
    assert read("binder/postBuild").index("export") < read("binder/postBuild").index("warm_up")


def test_binder_imports_all_that_notebooks_do(tmp_path):
    """Every module that a notebook's panels load is of a package that Binder installs."""
    code = (
        "import sys, importlib.metadata as m; before = set(sys.modules)\n"
        "import snnlab, pooch, tqdm; public = [getattr(snnlab, name) for name in snnlab.__all__]\n"
        "tops = {name.split('.')[0] for name in set(sys.modules) - before}\n"
        "owners = m.packages_distributions()\n"
        "print(*sorted({owner for top in tops for owner in owners.get(top, ())}))"
    )
    shown = fresh_python("-c", code)
    used = set(map(canonicalize_name, shown.stdout.split()))
    assert "numba" in used and "anywidget" in used
    base_image = {
        "snnlab",
        "ipykernel",
        "jupyter-client",
        "jupyter-core",
        "pyzmq",
        "tornado",
        "nest-asyncio2",
        "debugpy",
        "setuptools",
        "pip",
    }
    # numba and scikit-learn load these where they are, and do without
    base_image |= {"pyyaml", "colorama", "pandas"}
    used &= set(pins("constraints.txt"))  # what else is here is nobody's requirement
    assert "scipy" in used and used - base_image - set(pins("binder/requirements.txt")) == set()


def test_binder_badge_opens_a_notebook():
    (opened,) = re.findall(r"mybinder.org/v2/gh/\S+?urlpath=lab/tree/([\w/.]+)", read("README.md"))
    assert (ROOT / opened).is_file()


@pytest.mark.parametrize("name", ["constraints.txt", "binder/requirements.txt"])
def test_pins_hold_no_address(name):
    assert not re.search(r"https?:|file:|git\+|@|/", read(name))


# --- what may be committed ---------------------------------------------------------------------


def test_no_large_files():
    assert [path for path in candidates() if path.stat().st_size > 2_000_000] == []


def test_no_pickles_and_no_image_sets():
    suffixes = {".pkl", ".pickle", ".joblib", ".pt", ".pth", ".gz", ".npy"}
    forbidden = [p for p in candidates() if p.suffix in suffixes or "ubyte" in p.name]
    assert forbidden == []
    for path in candidates():
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                for key in arrays.files:
                    assert arrays[key].dtype != object


def test_no_path_of_this_machine():
    here = [f"{path}/" for path in (ROOT, Path.home()) if len(path.parts) > 1]
    suffixes = {".py", ".md", ".toml", ".txt", ".cff", ".yaml", ".ipynb", ".json", ""}
    texts = [path for path in candidates() if path.suffix in suffixes]
    read_all = {path: path.read_text(encoding="utf-8") for path in texts}
    assert read_all
    assert [p for p, text in read_all.items() if any(name in text for name in here)] == []


def test_notebooks_are_stripped(strip_outputs):
    assert strip_outputs.find([ROOT / "notebooks"]), "no notebooks found"
    assert strip_outputs.dirty([ROOT / "notebooks"]) == []


# --- the tool that strips notebooks ------------------------------------------------------------


@pytest.fixture
def used_notebook(tmp_path):
    """A notebook as JupyterLab leaves it after a run."""
    notebook = {
        "cells": [
            {"cell_type": "markdown", "id": "a", "metadata": {}, "source": "# Ä\ntext"},
            {
                "cell_type": "code",
                "id": "b",
                "metadata": {
                    "tags": ["solution"],
                    "jupyter": {"source_hidden": True, "outputs_hidden": True},
                    "execution": {"iopub.execute_input": "2026-01-01"},
                },
                "source": ["1 + 1"],
                "execution_count": 7,
                "outputs": [{"output_type": "stream", "name": "stdout", "text": ["2"]}],
            },
        ],
        "metadata": {
            "kernelspec": {"display_name": "my env", "language": "python", "name": "my-env"},
            "language_info": {"name": "python", "version": "3.11.7"},
            "widgets": {"application/vnd.jupyter.widget-state+json": {}},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path = tmp_path / "used.ipynb"
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return path


def test_strip_keeps_text_and_tags_only(strip_outputs, used_notebook):
    before = used_notebook.read_bytes()
    assert strip_outputs.main(["--check", str(used_notebook)]) == 1
    assert used_notebook.read_bytes() == before, "--check must change nothing"

    assert strip_outputs.main([str(used_notebook.parent)]) == 1
    clean = json.loads(used_notebook.read_text(encoding="utf-8"))
    text, code = clean["cells"]
    assert text == {"cell_type": "markdown", "id": "a", "metadata": {}, "source": ["# Ä\n", "text"]}
    assert code == {
        "cell_type": "code",
        "id": "b",
        "metadata": {
            "tags": ["solution"],
            "jupyter": {"source_hidden": True, "outputs_hidden": True},
        },
        "source": ["1 + 1"],
        "execution_count": None,
        "outputs": [],
    }
    assert clean["metadata"]["kernelspec"]["name"] == "python3"
    assert clean["metadata"]["language_info"] == {"name": "python"}

    after = used_notebook.read_bytes()
    assert strip_outputs.main([str(used_notebook)]) == 0
    assert used_notebook.read_bytes() == after


def test_strip_agrees_with_nbformat(strip_outputs, used_notebook):
    """What nbformat writes of a clean notebook is what the tool wrote: no diff to and fro."""
    nbformat = pytest.importorskip("nbformat")
    strip_outputs.main([str(used_notebook)])
    ours = used_notebook.read_text(encoding="utf-8")
    notebook = nbformat.read(used_notebook, as_version=4)
    nbformat.validate(notebook)
    nbformat.write(notebook, used_notebook)
    assert used_notebook.read_text(encoding="utf-8") == ours


def test_strip_runs_as_a_script(used_notebook):
    script = ROOT / "tools" / "strip_outputs.py"
    shown = fresh_python(script, "--check", used_notebook, check=False)
    assert shown.returncode == 1 and "used.ipynb" in shown.stdout
