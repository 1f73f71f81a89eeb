"""What must hold of a notebook that was run, however it was run; and whether there is a browser."""

import functools
import os
import re
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
START = ROOT / "notebooks" / "00_start_here.ipynb"  # a map, which teaches nothing
NOTEBOOKS = [path for path in sorted(START.parent.glob("*.ipynb")) if path != START]
NAMES = "chromium", "chromium-browser", "google-chrome", "chrome"
FALLBACK = "scikit-learn's digits"


@functools.cache
def chromium():
    """Path of a Chromium that tests can drive: the one named, the system's, Playwright's; or None.

    None too if Playwright is not installed.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    found = os.environ.get("SNNLAB_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        with sync_playwright() as driver:
            own = driver.chromium.executable_path
        found = own if Path(own).exists() else None
    return found


def mnist():
    """Folder of the MNIST files, or None."""
    data = os.environ.get("SNNLAB_DATA")
    if data and list(Path(data).glob("**/train-images-idx3-ubyte*")):
        return Path(data).resolve()
    return None


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def check_pictures(cell):
    """Each view of a widget has a still picture: in its own output, or in the one before it."""
    before = {}
    for output in cell.outputs:
        data, metadata = output.get("data", {}), output.get("metadata", {})
        if "application/vnd.jupyter.widget-view+json" in data:
            still = "image/png" in data or "image/png" in before
            assert still, f"{cell.id}: no still picture for readers"
        if "image/png" in data:
            alt = metadata["image/png"]["alt"]
            assert len(alt) > 20, cell.id
            assert len(data["image/png"]) < 300_000, cell.id
            assert data.get("text/plain", alt).strip(), f"{cell.id}: a picture without words"
        before = data


def check_outputs(notebook):
    """Everything was run, nothing went wrong, and pictures can be read without a kernel."""
    for cell in code_cells(notebook):
        assert cell.execution_count, f"not run: {cell.source}"
        for output in cell.outputs:
            assert output.output_type != "error", output
            assert output.get("name") != "stderr", (cell.source, output.get("text"))
        check_pictures(cell)


def check_exercises(notebook, undecided=()):
    """What stands in an exercise is not yet right, every solution is; but some may be either."""
    for cell in code_cells(notebook):
        tags = cell.metadata.get("tags", [])
        if "snnlab.check(" in cell.source:
            assert {"exercise", "solution"} & set(tags), cell.id
            (said,) = (o["data"]["text/plain"] for o in cell.outputs if "data" in o)
            assert said[0] in "✓✗", (cell.id, said)
            if not any(f'"{question}"' in cell.source for question in undecided):
                assert said.startswith("✓" if "solution" in tags else "✗"), (cell.id, said)


def check_data(notebook, folder):
    """The images were those of the folder, or without one the digits, which say what they are."""
    if "load_default" not in "".join(cell.source for cell in code_cells(notebook)):
        return
    text = "".join(
        output.text
        for cell in code_cells(notebook)
        for output in cell.outputs
        if output.output_type == "stream"
    )
    if '"cifar10-16"' in "".join(cell.source for cell in code_cells(notebook)):
        assert (FALLBACK in text) == (folder is None or not list(Path(folder).glob("cifar10*")))
    elif folder is None:
        assert FALLBACK in text and "not the paper's" in text
    else:
        assert FALLBACK not in text, "MNIST is there, but was not read"
        read_right = re.search(r"([\d.]+) % of 10,000 test images", text)
        assert read_right is None or float(read_right[1]) > 90


def environment(data, cache):
    """Environment variables of a kernel that finds images in one folder and reaches no network."""
    cache.mkdir(exist_ok=True)
    data.mkdir(exist_ok=True)
    set_ = {
        "SNNLAB_DATA": str(data),
        "SNNLAB_CACHE": str(cache),
        "SNNLAB_PROGRESS": str(cache.parent / "progress.json"),
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "http_proxy": "http://127.0.0.1:9",
        "https_proxy": "http://127.0.0.1:9",
        "no_proxy": "127.0.0.1",
    }
    return {k: v for k, v in os.environ.items() if k.lower() not in set_} | set_


def check_nothing_was_fetched(cache):
    assert not list(Path(cache).iterdir()), "something was downloaded"


needs_browser = pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine")
IN_A_BROWSER = [
    pytest.mark.browser,
    pytest.mark.slow,
    needs_browser,
    pytest.mark.filterwarnings("ignore"),  # of the drivers' own machinery
    # where processes share the tests, one of them takes all of these: one JupyterLab is enough
    pytest.mark.xdist_group("browser"),
]
