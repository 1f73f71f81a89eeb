"""Notebooks: small, clean, and running from top to bottom in a fresh kernel."""

import ast
import os
import re
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
CELL_TIMEOUT = 300  # seconds; a guard against hanging, not a promise

pytestmark = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def read(path):
    return nbformat.read(path, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


# --- form --------------------------------------------------------------------------------------


def test_small(path):
    cells = code_cells(read(path))
    lines = [line for cell in cells for line in cell.source.splitlines() if line.strip()]
    assert len(cells) <= 30
    assert len(lines) <= 200
    assert path.stat().st_size < 200_000


def test_clean(path):
    notebook = read(path)
    nbformat.validate(notebook)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    for cell in notebook.cells:
        assert set(cell.metadata) <= {"tags", "jupyter"}
        assert cell.source.strip(), f"{cell.id} is empty"
    for cell in code_cells(notebook):
        assert cell.outputs == [] and cell.execution_count is None


def test_first_cells(path):
    title, set_up = read(path).cells[:2]
    assert title.cell_type == "markdown" and title.source.startswith("# ")
    assert re.search(r"\*\*[^*]+\?\*\*", title.source), "no question"
    assert re.search(r"\d+ minutes", title.source), "no duration"
    assert "will be able to" in title.source
    assert set_up.cell_type == "code" and len(set_up.source.splitlines()) <= 12
    assert "snnlab.warm_up()" in set_up.source and "snnlab.__version__" in set_up.source


def test_no_plotting_code_and_no_shell(path):
    for cell in code_cells(read(path)):
        assert not re.search(r"^\s*[!%]", cell.source, flags=re.MULTILINE), cell.id
        for node in ast.walk(ast.parse(cell.source)):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module]
            assert not [k for k in names if k.split(".")[0] in ("matplotlib", "pylab")], cell.id


def test_exercise_has_hint_and_folded_solution(path):
    notebook = read(path)
    assert any("exercise" in cell.metadata.get("tags", []) for cell in notebook.cells)
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    for cell in notebook.cells:
        if "solution" in cell.metadata.get("tags", []):
            folded = cell.metadata.get("jupyter", {}).get("source_hidden")
            assert folded or cell.source.startswith("<details>"), cell.id
    assert text.count("<details>") == text.count("</details>") >= 2
    assert "<summary>Hint</summary>" in text and "<summary>Solution</summary>" in text


def test_no_cell_reads_a_slider(path):
    """Of a panel that it shows, a notebook asks nothing but to be rendered."""
    for cell in code_cells(read(path)):
        tree = ast.parse(cell.source)
        panels = {
            target.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign) and "live." in ast.unparse(node.value)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                assert node.value.id not in panels or node.attr == "render", cell.id


# --- execution ---------------------------------------------------------------------------------


def execute(path, monkeypatch, tmp_path, data):
    """The notebook after a run in a fresh kernel, without a network."""
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    cache = tmp_path / "cache"
    cache.mkdir()
    monkeypatch.setenv("SNNLAB_DATA", str(data))
    monkeypatch.setenv("SNNLAB_CACHE", str(cache))
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    notebook = read(path)
    where = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(
        notebook, timeout=CELL_TIMEOUT, kernel_name="python3", resources=where
    ).execute()
    assert not list(cache.iterdir()), "something was downloaded"
    return notebook


def check_outputs(notebook):
    for cell in code_cells(notebook):
        for output in cell.outputs:
            assert output.output_type != "error"
            assert output.get("name") != "stderr", (cell.id, output.get("text"))
            data, metadata = output.get("data", {}), output.get("metadata", {})
            if "application/vnd.jupyter.widget-view+json" in data:
                assert "image/png" in data, f"{cell.id}: no still picture for readers"
            if "image/png" in data:
                alt = metadata["image/png"]["alt"]
                assert len(alt) > 20, cell.id
                assert len(data["image/png"]) < 300_000, cell.id


def check_exercises(notebook):
    """What stands in an exercise is not yet right, every solution is."""
    for cell in code_cells(notebook):
        tags = cell.metadata.get("tags", [])
        if "snnlab.check(" in cell.source:
            assert {"exercise", "solution"} & set(tags), cell.id
            (said,) = (o["data"]["text/plain"] for o in cell.outputs if "data" in o)
            assert said.startswith("✓" if "solution" in tags else "✗"), (cell.id, said)


def printed(notebook):
    return "".join(
        output.text
        for cell in code_cells(notebook)
        for output in cell.outputs
        if output.output_type == "stream"
    )


@pytest.mark.notebook
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the client's own machinery
def test_runs_without_image_files(path, monkeypatch, tmp_path):
    empty = tmp_path / "data"
    empty.mkdir()
    notebook = execute(path, monkeypatch, tmp_path, empty)
    check_outputs(notebook)
    check_exercises(notebook)
    text = printed(notebook)
    if "load_default" in "".join(cell.source for cell in code_cells(notebook)):
        assert "scikit-learn's digits" in text and "not the paper's" in text


@pytest.mark.notebook
@pytest.mark.slow
@pytest.mark.mnist
@pytest.mark.filterwarnings("ignore")
def test_runs_with_mnist(path, monkeypatch, tmp_path):
    data = os.environ.get("SNNLAB_DATA")
    if not data or not list(Path(data).glob("**/train-images-idx3-ubyte*")):
        pytest.skip("SNNLAB_DATA holds no MNIST files")
    notebook = execute(path, monkeypatch, tmp_path, Path(data).resolve())
    check_outputs(notebook)
    check_exercises(notebook)
    read_right = re.search(r"([\d.]+) % of 10,000 test images", printed(notebook))
    if read_right:
        assert float(read_right[1]) > 90
