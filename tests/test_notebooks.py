"""Notebooks: small, clean, and running from top to bottom in a fresh kernel."""

import ast
import re

import pytest
import quick_notebook
from notebook_checks import (
    NOTEBOOKS,
    check_data,
    check_exercises,
    check_nothing_was_fetched,
    check_outputs,
    chromium,
    code_cells,
    environment,
    mnist,
)

nbformat = pytest.importorskip("nbformat")

CELL_TIMEOUT = 300  # seconds; a guard against hanging, not a promise

OPENING = "from snnlab.live import LivingNetwork\n\nLivingNetwork()"  # of the course

pytestmark = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def read(path):
    return nbformat.read(path, as_version=4)


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
    cells = read(path).cells
    (at,) = (k for k, cell in enumerate(cells) if cell.id == "set-up")
    title, set_up = cells[0], cells[at]
    assert title.cell_type == "markdown" and title.source.startswith("# ")
    text = "\n".join(cell.source for cell in cells[:at] if cell.cell_type == "markdown")
    assert re.search(r"\*\*[^*]+\?\*\*", text), "no question"
    assert re.search(r"\d+ minutes", text), "no duration"
    assert "will be able to" in text
    first = [cell.source for cell in cells[:at] if cell.cell_type == "code"]
    assert first == ([OPENING] if path.stem.startswith("01") else [])
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
            folded = {"source_hidden": True, "outputs_hidden": True}
            hidden = cell.metadata.get("jupyter") == folded
            assert hidden or cell.source.startswith("<details>"), cell.id
        if cell.cell_type == "code" and "snnlab.check(" in cell.source:
            solved = "solution" in cell.metadata.get("tags", [])
            assert ("solution=" in cell.source) == solved, f"{cell.id}: whose answer is it?"
            assert not solved or "print(" not in cell.source, f"{cell.id} tells in the open"
    assert text.count("<details>") == text.count("</details>") >= 2
    assert "<summary>Hint</summary>" in text and "<summary>Solution</summary>" in text


def test_predictions_are_asked_for_in_the_same_words(path):
    """Those of the map of the course, before the cell in which one writes a guess."""
    cells = read(path).cells
    for before, cell in zip(cells, cells[1:], strict=False):
        if cell.cell_type == "code" and "snnlab.predict(" in cell.source:
            assert "**Predict first.**" in before.source and "exercise" in cell.metadata["tags"]
    text = "".join(cell.source for cell in cells)
    assert text.count("snnlab.predict(") == text.count("snnlab.reveal(")


def test_no_cell_needs_a_solution(path):
    """In a copy without solutions all names are there, and are the same things."""
    solved = set()
    for cell in code_cells(read(path)):
        tree = ast.parse(cell.source)
        names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
        made = {node.id for node in names if isinstance(node.ctx, ast.Store)}
        made |= {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        if "solution" in cell.metadata.get("tags", []):
            solved |= made
        else:
            assert not {node.id for node in names} - made & solved, cell.id
            solved -= made


def test_no_cell_reads_a_slider(path):
    """Of a panel that it shows, a notebook asks nothing but to be rendered."""
    for cell in code_cells(read(path)):
        tree = ast.parse(cell.source)
        panels = {
            target.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
            and re.search(r"\b(live|panels)\.", ast.unparse(node.value))
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                assert node.value.id not in panels or node.attr == "render", cell.id


# --- execution ---------------------------------------------------------------------------------


@pytest.fixture
def training(request, tmp_path):
    """Environment variables of a kernel that trains less, unless everything is to be run."""
    whole = request.config.getoption("--all")
    return {} if whole else quick_notebook.profile(tmp_path / "ipython")


def execute(path, monkeypatch, tmp_path, data, training):
    """Run a notebook in a fresh kernel, without a network."""
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    cache = tmp_path / "cache"
    for name, value in (environment(data, cache) | training).items():
        monkeypatch.setenv(name, value)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    notebook = read(path)
    where = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(
        notebook, timeout=CELL_TIMEOUT, kernel_name="python3", resources=where
    ).execute()
    check_nothing_was_fetched(cache)
    check_outputs(notebook)
    check_exercises(notebook, quick_notebook.OPEN if training else ())
    return notebook


@pytest.mark.notebook
@pytest.mark.slow
@pytest.mark.rotates
@pytest.mark.filterwarnings("ignore")  # of the client's own machinery
def test_runs_without_image_files(path, monkeypatch, tmp_path, training):
    check_data(execute(path, monkeypatch, tmp_path, tmp_path / "data", training), None)


@pytest.mark.notebook
@pytest.mark.slow
@pytest.mark.mnist
@pytest.mark.skipif(chromium() is not None, reason="test_browser.py runs them with MNIST")
@pytest.mark.filterwarnings("ignore")
def test_runs_with_mnist(path, monkeypatch, tmp_path, training):
    if mnist() is None:
        pytest.skip("SNNLAB_DATA holds no MNIST files")
    check_data(execute(path, monkeypatch, tmp_path, mnist(), training), mnist())
