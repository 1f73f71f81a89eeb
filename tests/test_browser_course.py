"""The course in JupyterLab: what is folded stays folded, and the map can be read.

Needs Playwright and a Chromium, as `test_browser` does; skipped without.
"""

import shutil

import pytest
from notebook_checks import IN_A_BROWSER, NOTEBOOKS, START

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from test_browser import lab, nbformat, open_notebook, page, scratch  # noqa: E402

pytestmark = IN_A_BROWSER
FIXTURES = lab, open_notebook, page, scratch  # used by their names

# of each solution's cell: what a reader sees of its source and of its outputs
SEEN = """
() => lab.widget.content.widgets
  .filter((cell) => cell.model.type === "code"
    && (cell.model.sharedModel.getMetadata("tags") || []).includes("solution"))
  .map((cell) => {
    cell.node.scrollIntoView();
    const shown = (part) => [...cell.node.querySelectorAll(part)]
      .filter((e) => e.checkVisibility()).map((e) => e.innerText.trim()).join(" ");
    return [cell.model.outputs.length, shown(".jp-InputArea-editor"), shown(".jp-OutputArea")];
  })
"""


def folded_cells(page, notebook):
    found = page.evaluate(SEEN)
    solutions = [
        cell
        for cell in notebook.cells
        if cell.cell_type == "code" and "solution" in cell.metadata.get("tags", [])
    ]
    assert len(found) == len(solutions) > 0
    return found


def test_run_all_tells_no_answer(open_notebook, page, scratch):
    """Solutions are run, and neither their source nor what comes out of them is seen."""
    notebook = open_notebook(NOTEBOOKS[1])
    for outputs, source, output in folded_cells(page, notebook):
        assert outputs == 1, "it was not run"
        # JupyterLab unfolds the outputs of a cell that it runs; what is in them is folded itself
        assert source == "" and output.split(":")[-1].strip() == "Solution", (source, output)
    assert page.get_by_text("✓ Right").locator("visible=true").count() == 0
    page.screenshot(path=scratch / "folded-solutions.png")


def test_open_answers_are_noticed(open_notebook, page):
    """The test above can fail: folded as before, the outputs are seen."""
    notebook = nbformat.read(NOTEBOOKS[1], as_version=4)
    for cell in notebook.cells:
        if cell.metadata.get("jupyter"):
            cell.metadata["jupyter"] = {"source_hidden": True}
            cell.source = cell.source.replace(", solution=True", "")
    found = folded_cells(page, open_notebook(notebook))
    assert all("✓ Right" in output for _, _, output in found)


def test_the_map_is_seen(lab, open_notebook, page, scratch):
    _, folder = lab
    shutil.copytree(START.parent / "pictures", folder / "pictures", dirs_exist_ok=True)
    open_notebook(START)
    page.wait_for_function(
        "n => [...lab.widget.node.querySelectorAll('.jp-RenderedMarkdown table img')]"
        ".filter((e) => e.complete && e.naturalWidth > 100 && e.alt).length === n",
        arg=len(NOTEBOOKS),
    )
    assert page.locator(".jp-OutputArea table:visible tr").count() == len(NOTEBOOKS) + 1
    page.evaluate("lab.widget.content.widgets[0].node.scrollIntoView()")
    page.screenshot(path=scratch / "start-here.png")


def test_the_first_screen_shows_a_network(open_notebook, page, scratch):
    """At 1280 x 720, file browser open: the title and the whole picture, unscrolled."""
    whole = nbformat.read(NOTEBOOKS[0], as_version=4)
    whole.cells = whole.cells[:3]
    before = page.viewport_size
    page.set_viewport_size({"width": 1280, "height": 720})
    try:
        open_notebook(whole)
        page.wait_for_function("document.querySelector('.living')?.living?.frames.length")
        page.evaluate("lab.widget.content.widgets[0].node.scrollIntoView()")
        page.wait_for_timeout(500)
        page.screenshot(path=scratch / "first-screen.png")
        box = page.locator(".living").bounding_box()
        assert page.locator("h1:visible").bounding_box()["y"] >= 0
        assert box["y"] + box["height"] <= 705, "the network is below the fold"
    finally:
        page.set_viewport_size(before)
