"""Every panel in JupyterLab: what it looks like on small pages, what stays of it, what is compared.

Needs Playwright and a Chromium, as `test_browser` does; skipped without.
"""

import ast
import io
import re
import zipfile

import pytest
from notebook_checks import IN_A_BROWSER, ROOT, check_pictures, code_cells

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("anywidget")

from small_panels import MAKERS  # noqa: E402
from test_browser import (  # noqa: E402
    PATIENCE,
    changes,
    check_both_themes,
    check_nothing_is_missed,
    exported,
    first_control,
    lab,
    nbformat,
    open_notebook,
    page,
    saved_and_reopened,
    scratch,
)

import snnlab  # noqa: E402

pytestmark = IN_A_BROWSER
FIXTURES = lab, open_notebook, page, scratch  # used by their names
GROUPS = [sorted(MAKERS)[k::3] for k in range(3)]
LAPTOP, ZOOMED, PHONE = (1280, 720), (1024, 576), (390, 844)  # ZOOMED: a laptop's at 125 %
MOST_HIGH = 450  # pixels
TRAINED = "FindConstants", "LearnPauses", "LearnToListen", "Rewire", "RewireDeep", "RewireOnChip"
TRAINED += "Silence", "ThroughTheChip", "TrainDeep", "TrainLive", "TrainPatches", "WithoutTeacher"
TRAINED += "WithoutTime", "YinYang"

# Counts frames in which a still picture is seen beside a panel that has come to life.
DOUBLES = """
() => {
  lab.frames = lab.doubles = 0;
  const seen = (e) => e.checkVisibility({ visibilityProperty: true }) && e.offsetHeight > 0;
  const look = () => {
    lab.frames++;
    for (const still of document.querySelectorAll(".snnlab-still"))
      if (seen(still) && still.closest(".jp-Cell").querySelector(".snnlab-panel img[src]"))
        lab.doubles++;
    if (lab.counting) requestAnimationFrame(look);
  };
  lab.counting = true;
  look();
}
"""
# Of each panel its height, and what is seen of its parts: rectangles within the notebook's window.
PARTS = """
(panel) => {
  panel.scrollIntoView({ block: "start" });
  const whole = panel.closest(".jp-WindowedPanel-outer").getBoundingClientRect();
  const box = (e) => {
    const { left, top, right, bottom } = e.getBoundingClientRect();
    return { left: left - whole.left, top: top - whole.top, right: right - whole.left,
             bottom: bottom - whole.top };
  };
  const seen = (e) => e.checkVisibility() && e.offsetHeight > 0;
  const pen = document.createElement("canvas").getContext("2d");
  const room = (e) => {  // for the words of a list to choose from
    const style = getComputedStyle(e);
    pen.font = style.font;
    const arrow = 16;
    return e.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight) - arrow;
  };
  return {
    window: [whole.width, whole.height], panel: box(panel),
    text: [...panel.querySelectorAll(".snnlab-text")].filter(seen).map(box),
    controls: [...panel.querySelectorAll(".snnlab-side > *")].filter(seen).map(box),
    images: [...panel.querySelectorAll("img")].map(box),
    shapes: [...panel.querySelectorAll("img")].map((e) => [e.naturalWidth / e.naturalHeight,
      e.offsetWidth / e.offsetHeight, e.offsetWidth]),
    cut: [
      ...[...panel.querySelectorAll(".snnlab-side .widget-label, .snnlab-side button")].filter(seen)
        .filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.textContent),
      ...[...panel.querySelectorAll(".snnlab-side select")].filter(seen)
        .flatMap((e) => [...e.options].map((o) => o.text)
          .filter((text) => pen.measureText(text).width > room(e) + 1)),
    ],
  };
}
"""


def notebook_of_panels(names):
    new = nbformat.v4
    prepare = f"import sys; sys.path.insert(0, {str(ROOT / 'tests')!r}); import small_panels"
    cells = [new.new_code_cell(prepare)]
    for name in names:
        code = f"panel = small_panels.MAKERS[{name!r}]()\npanel.wait(120)\npanel"
        cells.append(new.new_code_cell(code))
    notebook = new.new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    return notebook


def each_panel(page, names):
    """Name and place of each panel on the page, one after the other, in view."""
    n = len(names)
    page.wait_for_function("n => document.querySelectorAll('.snnlab-panel').length === n", arg=n)
    for k, name in enumerate(names):
        panel = page.locator(".snnlab-panel").nth(k)
        panel.evaluate("e => e.scrollIntoView({ block: 'start' })")
        panel.locator("img[src]").first.wait_for(state="visible")
        handle = panel.element_handle()
        page.wait_for_function("p => lab.images(p).every((i) => i.naturalWidth)", arg=handle)
        yield name, panel


@pytest.mark.parametrize("names", GROUPS, ids=lambda names: "-".join(names))
def test_panels(names, open_notebook, lab, page, scratch, tmp_path):
    before = page.viewport_size
    page.set_viewport_size(dict(zip(("width", "height"), LAPTOP, strict=True)))
    try:
        page.evaluate(DOUBLES)
        open_notebook(notebook_of_panels(names))
        cut = {}
        for name, panel in each_panel(page, names):
            cut[name] = check_it_fits(panel, name)
            panel.screenshot(path=scratch / f"laptop-{name}.png")
            check_tools(page, panel, name, scratch)
        assert not any(cut.values()), {name: words for name, words in cut.items() if words}
        found = [(panel, name) for name, panel in each_panel(page, names)]
        check_both_themes(page, found, scratch / "panel")
        check_pictures_turn_dark(page)
        page.evaluate("lab.counting = false")
        assert page.evaluate("lab.frames") > 20
        assert page.evaluate("lab.doubles") == 0, "a still picture was seen beside its panel"
        check_small_pages(page, names, scratch)
        check_it_stays(page, lab, names, tmp_path, scratch)
    finally:
        page.set_viewport_size(before)


def check_it_fits(panel, name):
    """Control, picture and result in one view, nothing squeezed; returns words that are cut."""
    parts = panel.evaluate(PARTS)
    box, (width, height) = parts["panel"], parts["window"]
    assert box["bottom"] - box["top"] <= MOST_HIGH, (name, box)
    for part in (*parts["text"], *parts["controls"], *parts["images"]):
        assert part["left"] >= 0 and part["right"] <= width + 1, (name, part)
        assert part["top"] >= -1 and part["bottom"] <= height + 1, (name, part)
    assert parts["text"][0]["bottom"] <= min(part["top"] for part in parts["images"]) + 1
    assert len(parts["controls"]) >= 2, name
    check_shapes(parts, name)
    return parts["cut"]


def check_shapes(parts, name, least=400):
    for natural, shown, width in parts["shapes"]:
        assert abs(natural / shown - 1) < 0.02, f"{name} is squeezed"
        assert width >= least, f"{name} is small: {width} pixels wide"


def check_small_pages(page, names, scratch):
    """A laptop's page at 125 %, and a phone's: nothing sticks out, the controls stay in view."""
    for what, (width, height), least in (("zoomed", ZOOMED, 280), ("phone", PHONE, 240)):
        page.set_viewport_size({"width": width, "height": height})
        if what == "phone":
            page.evaluate("window.jupyterapp.shell.collapseLeft()")
        page.wait_for_timeout(500)
        for name, panel in each_panel(page, names):
            parts = panel.evaluate(PARTS)
            check_shapes(parts, name, least)
            assert parts["panel"]["right"] <= parts["window"][0] + 1, (what, name, parts["panel"])
            for part in (*parts["controls"], *parts["images"]):
                assert part["left"] >= 0 and part["right"] <= parts["window"][0] + 1, (what, name)
            if what == "zoomed":
                assert parts["panel"]["bottom"] - parts["panel"]["top"] <= MOST_HIGH, (name, parts)
            page.screenshot(path=scratch / f"{what}-{name}.png")
            if what == "zoomed":
                check_it_is_enlarged(page, panel, name, scratch)
            check_controls_stay(page, panel, name)
    page.evaluate("window.jupyterapp.shell.expandLeft()")
    page.set_viewport_size(dict(zip(("width", "height"), LAPTOP, strict=True)))


def check_controls_stay(page, panel, name):
    """At the picture's lower end the controls are still there."""
    panel.locator("img").last.evaluate("e => e.scrollIntoView({ block: 'end' })")
    control = panel.locator(".snnlab-side > *").first.bounding_box()
    assert 0 <= control["y"] <= page.viewport_size["height"], f"{name}: the controls have gone"


def check_it_is_enlarged(page, panel, name, scratch):
    """On request a picture is as wide as its panel, so that its text can be read."""
    small = panel.evaluate(PARTS)
    for words, large in (("Larger", True), ("Smaller", False)):
        panel.locator(".snnlab-tools").get_by_text(words, exact=True).click()
        parts = panel.evaluate(PARTS)
        check_shapes(parts, name, 280)
        if not large:
            assert parts["shapes"] == small["shapes"]
            return
        room = parts["panel"]["right"] - parts["panel"]["left"]
        for (*_, before), (*_, after) in zip(small["shapes"], parts["shapes"], strict=True):
            assert after >= before and after >= min(room, 620) - 12, (name, before, after, room)
        for part in (*parts["controls"], *parts["images"]):
            assert part["left"] >= 0 and part["right"] <= parts["window"][0] + 1, name
        check_controls_stay(page, panel, name)
        page.screenshot(path=scratch / f"larger-{name}.png")


def check_pictures_turn_dark(page):
    """In the dark theme no picture is a white square."""
    command = "t => window.jupyterapp.commands.execute('apputils:change-theme', {theme: t})"
    page.evaluate(command, "JupyterLab Dark")
    page.wait_for_selector("body[data-jp-theme-light=false]", state="attached")
    image = page.locator(".snnlab-panel img:visible").last
    image.scroll_into_view_if_needed()
    page.wait_for_timeout(300)
    from PIL import Image

    shown = Image.open(io.BytesIO(image.screenshot())).convert("L").resize((60, 40))
    light = sum(value > 128 for value in shown.getdata()) / 2400
    page.evaluate(command, "JupyterLab Light")
    page.wait_for_selector("body[data-jp-theme-light=true]", state="attached")
    assert light < 0.5, "a picture is white on a dark page"


# what a reader does besides -----------------------------------------------------------------------


def check_tools(page, panel, name, scratch):
    """Pin, copy, download, reset."""
    panel.evaluate("lab.watch")

    def click(words):
        panel.locator(".snnlab-tools").get_by_text(words, exact=True).click()

    line = panel.locator(".snnlab-pinned")
    click("Pin")
    line.wait_for(state="visible")
    assert line.inner_text().startswith("Pinned: ")
    assert not check_it_fits(panel, name), name
    if name not in TRAINED:  # whose pictures change by themselves
        control, keys = first_control(panel)

        def move():
            control.focus()
            page.keyboard.press(keys[0])

        assert changes(page, panel, move, PATIENCE), name
        panel.screenshot(path=scratch / f"pinned-{name}.png")
        assert changes(page, panel, lambda: click("Unpin"), PATIENCE), "there was no ghost"
        assert changes(page, panel, lambda: click("Reset"), PATIENCE), "nothing was reset"
    else:
        click("Unpin")
    line.wait_for(state="hidden")
    for words, kind in (("PNG", "png"), ("SVG", "svg")):
        with page.expect_download() as download:
            click(words)
        content = download.value.path().read_bytes()
        assert download.value.suggested_filename == f"{name}.{kind}"
        assert content.startswith(b"\x89PNG" if kind == "png" else b"<?xml"), content[:20]
    if panel.locator(".snnlab-tools button:visible").get_by_text("Network", exact=True).count():
        with page.expect_download() as download:
            click("Network")
        check_networks(download.value)


def check_networks(download):
    content = download.path().read_bytes()
    files = [content]
    if download.suggested_filename.endswith(".zip"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files = [archive.read(name) for name in archive.namelist()]
        assert len(files) > 1
    for file in files:
        path = download.path().with_suffix(".npz")
        path.write_bytes(file)
        assert snnlab.Network.load(path).weights[0].size


# what stays ---------------------------------------------------------------------------------------


def check_it_stays(page, lab, names, tmp_path, scratch):
    """Saved, reopened without a kernel, exported: every picture is there, and described."""
    _, folder = lab
    path = saved_and_reopened(page, folder)
    check_saved(nbformat.read(path, as_version=4), names)
    check_stills(page, names)
    check_nothing_is_missed(page)
    page.screenshot(path=scratch / f"reopened-{names[0]}.png")
    check_exported(page, path, names, tmp_path)


def check_saved(notebook, names):
    """Picture and text are in the outputs of each panel's own cell."""
    for cell, name in zip(code_cells(notebook)[1:], names, strict=True):
        check_pictures(cell)
        stills = [o for o in cell.outputs if "image/png" in o.get("data", {})]
        assert len(stills) == 1, name
        data, alt = stills[0]["data"], stills[0]["metadata"]["image/png"]["alt"]
        assert len(alt) > 60 and f"{name}(" in data["text/plain"]
        assert 'alt="' in data["text/html"] and "data:image/png;base64," in data["text/html"]


def check_stills(page, names):
    for name in names:
        still = page.locator(".snnlab-still").nth(names.index(name))
        still.evaluate("e => e.scrollIntoView({ block: 'center' })")
        image = still.locator("img")
        image.wait_for(state="visible")
        assert len(image.get_attribute("alt")) > 60
        assert image.bounding_box()["width"] > 300
    assert page.locator(".snnlab-still").count() == len(names)


def check_exported(page, path, names, tmp_path):
    with exported(page, path, tmp_path) as shown:
        check_stills(shown, names)
        text = shown.locator("body").inner_text()
        assert "Traceback" not in text and "model not found" not in text


def test_an_executed_notebook_has_pictures(page, tmp_path):
    """Run by nbclient, without a page: exported, its pictures are seen offline."""
    exporters, nbclient = (pytest.importorskip(name) for name in ("nbconvert", "nbclient"))
    names = ["Surrogates", "SpikeCost"]
    notebook = notebook_of_panels(names)
    nbclient.NotebookClient(notebook, timeout=300).execute()
    check_saved(notebook, names)
    nbformat.write(notebook, tmp_path / "executed.ipynb")
    assert exporters.HTMLExporter
    check_exported(page, tmp_path / "executed.ipynb", names, tmp_path)


# numbers, settings, flashes -----------------------------------------------------------------------


def test_numbers_as_they_are_typed(open_notebook, page):
    """A decimal comma is one, an empty box gets its number back, words do too."""
    open_notebook(notebook_of_panels(["Surrogates"]))
    ((_, panel),) = each_panel(page, ["Surrogates"])
    stops = panel.locator(".snnlab-stops .widget-readout")  # nothing would come of what is typed
    assert stops.evaluate_all("all => all.map((e) => e.isContentEditable)") == [False]
    box = panel.locator(".widget-readout[data-lm-suppress-shortcuts]").first
    for typed, shown in (("0,7", "0.70"), ("", "0.70"), ("much", "0.70"), ("−0.24", "-0.24"),
                         ("1.2", "1.20"), ("0,5,5", "1.20")):  # fmt: skip
        box.click()
        page.keyboard.press("Control+a")
        page.keyboard.press("Delete")
        page.keyboard.type(typed)
        page.keyboard.press("Enter")
        page.wait_for_timeout(150)
        assert box.inner_text().replace("−", "-") == shown, typed
        value = float(page.evaluate("lab.ask('panel.widgets[\"weight\"].value')"))
        assert round(value, 12) == float(shown), typed  # as `Slider.read` rounds steps of a slider


def test_a_rerun_keeps_the_settings(open_notebook, page):
    open_notebook(notebook_of_panels(["Surrogates"]))
    ((_, panel),) = each_panel(page, ["Surrogates"])
    slider = panel.get_by_role("slider", name="weight")
    slider.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("p => p.innerText.includes('0.52')", arg=panel.element_handle())
    page.evaluate(
        "lab.widget.content.activeCellIndex = 1;"
        "window.jupyterapp.commands.execute('notebook:run-cell').then(() => null)"
    )
    page.wait_for_function("lab.kernel().status === 'idle'")
    ((_, panel),) = each_panel(page, ["Surrogates"])
    assert "0.52" in panel.inner_text()
    code = ast.literal_eval(page.evaluate("lab.ask('panel.code()')"))
    assert re.match(r"panel\.set\(name='superspike', steepness=10\.0, weight=0\.52\)$", code)


def test_a_saved_picture_shows_what_was_set_last(open_notebook, lab, page):
    """And while it is replaced nothing is seen of it."""
    open_notebook(notebook_of_panels(["Surrogates"]))
    ((_, panel),) = each_panel(page, ["Surrogates"])
    page.evaluate(DOUBLES)
    panel.get_by_role("slider", name="weight").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("p => p.innerText.includes('0.52')", arg=panel.element_handle())
    page.wait_for_function("JSON.stringify(lab.cells()).includes('weight=0.52')")
    page.wait_for_timeout(500)
    page.evaluate("lab.counting = false")
    assert page.evaluate("lab.frames") > 20 and page.evaluate("lab.doubles") == 0
    _, folder = lab
    saved = nbformat.read(saved_and_reopened(page, folder), as_version=4)
    check_saved(saved, ["Surrogates"])
    (still,) = (o for o in code_cells(saved)[1].outputs if "image/png" in o.get("data", {}))
    assert "weight=0.52" in still["data"]["text/plain"]
    check_stills(page, ["Surrogates"])


def test_a_picture_never_goes_away(open_notebook, page):
    """While a slider is held down, a picture of full size is there at any time."""
    open_notebook(notebook_of_panels(["Surrogates"]))
    ((_, panel),) = each_panel(page, ["Surrogates"])
    panel.evaluate(
        """(p) => {
          const [image] = lab.images(p);
          lab.empty = lab.pictures = lab.looks = 0;
          const look = () => {
            lab.looks++;
            if (!image.naturalWidth || !image.complete || image.offsetHeight < 100) lab.empty++;
            lab.timer = setTimeout(look, 1);
          };
          image.addEventListener("load", () => { lab.pictures++; });
          look();
        }"""
    )
    panel.get_by_role("slider", name="weight").focus()
    for key in 30 * ["ArrowRight"] + 30 * ["ArrowLeft"]:
        page.keyboard.press(key)
        page.wait_for_timeout(20)
    empty, pictures, looks = page.evaluate("[lab.empty, lab.pictures, lab.looks]")
    page.evaluate("clearTimeout(lab.timer)")
    assert pictures > 10 and looks > 100
    assert empty == 0, f"{empty} times of {looks} there was no picture"
