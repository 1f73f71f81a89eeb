"""The handouts: a page each, made of what the notebooks say, without answers."""

import os
import re

import pytest
from helpers import script
from notebook_checks import NOTEBOOKS, chromium, needs_browser

pytest.importorskip("markdown", reason="markdown is not installed")
pytest.importorskip("latex2mathml", reason="latex2mathml is not installed")

BY_NAME = {"ids": lambda path: path.stem}


@pytest.fixture(scope="module")
def handouts():
    return script("handouts")


@pytest.mark.parametrize("path", NOTEBOOKS, **BY_NAME)
def test_a_handout_has_all_its_parts(handouts, path):
    lesson = handouts.course_map.about(path)
    notebook = handouts.course_map.read(path)
    made = handouts.page(path)
    assert lesson["question"] in made.replace("&#x27;", "'") and lesson["title"] in made
    pairs = handouts.equations()[lesson["number"]]
    assert len(pairs) == 2 and all(len(words) > 10 and len(latex) > 5 for words, latex in pairs)
    assert len(re.findall("<math[^>]*display=.block", made)) == 2
    assert len(handouts.findings(notebook)) == 3 and made.count("<li>") == 3
    tasks = handouts.exercises(notebook)
    asked = sum(
        bool(re.search(r'check\("n\d\d\.q\d', "".join(cell["source"])))
        for cell in notebook["cells"]
        if "exercise" in cell["metadata"].get("tags", [])
    )
    assert len(tasks) == asked >= 2
    assert [text[:4] for text, _ in tasks] == [f"**{k + 1}." for k in range(asked)]
    assert "$" not in re.sub(r"<(style|pre|code)>.*?</\1>", "", made, flags=re.DOTALL)
    for word in ("Solution", "<details", "snnlab.check(", "@@"):
        assert word not in made


# what is beside the text in a notebook is not beside it on paper
ELSEWHERE = re.compile(
    r"\b[Hh]ere (is|are) the\b|\b(curves|figure|table|layers|cell) (above|below)\b|"
    r"\blike the one (above|below)\b|\b(above|below|here)[.:;?]|\b(next|previous) cell\b"
)


@pytest.mark.parametrize("path", NOTEBOOKS, **BY_NAME)
def test_no_exercise_points_at_what_is_not_on_the_handout(handouts, path):
    for text, _ in handouts.exercises(handouts.course_map.read(path)):
        assert not ELSEWHERE.search(re.sub("`[^`]+`", "", text)), text
    assert "on the notebook: its sections" in handouts.page(path)


def test_words_that_point_elsewhere_are_known():
    for text in (
        "Here are the full runs.",
        "a network like the one above; ranks",
        "the order below.",
    ):
        assert ELSEWHERE.search(text), text
    assert not ELSEWHERE.search("Below how many is the error of the layer above a twentieth?")


@pytest.mark.browser
@pytest.mark.slow
@needs_browser
@pytest.mark.filterwarnings("ignore")  # of the driver's own machinery
@pytest.mark.xdist_group("browser")
def test_each_is_one_page_of_a4(handouts, tmp_path):
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    flags = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium(), args=flags)
        for target in handouts.print_all(browser, tmp_path, NOTEBOOKS):
            content = target.read_bytes()
            n_pages = len(re.findall(rb"/Type\s*/Page\b", content))
            assert n_pages == 1, f"{target.stem} takes {n_pages} pages"
            (size,) = set(re.findall(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)", content))
            assert [round(float(x)) for x in size] == [595, 842], size
        sheet = browser.new_page()
        sheet.set_content(handouts.page(NOTEBOOKS[0]).replace("height: 13mm", "height: 130mm"))
        many = sheet.pdf(prefer_css_page_size=True)
        assert len(re.findall(rb"/Type\s*/Page\b", many)) > 1, "the test could not fail"
        browser.close()
