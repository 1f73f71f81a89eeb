"""The living network and the bucket in JupyterLab, and what stays of them without a kernel.

Needs Playwright and a Chromium, as `test_browser` does; skipped without.
"""

from contextlib import contextmanager

import pytest
from notebook_checks import IN_A_BROWSER

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("anywidget")

from test_browser import (  # noqa: E402
    allowed,
    lab,
    nbformat,
    open_notebook,
    page,
    saved_and_reopened,
    scratch,
)

pytestmark = IN_A_BROWSER
FIXTURES = lab, open_notebook, page, scratch  # used by their names
MOST_HIGH = 450  # pixels

FIRST = "from snnlab.live import LivingNetwork\nliving = LivingNetwork()\nliving"
PREPARE = """
import snnlab
data = snnlab.datasets.load("digits16")
spikes = snnlab.encode.latency(data.x_train, n_steps=20)
network = snnlab.Network((256, 100, 10), snnlab.LIF.brainscales2(), n_steps=20, rng=0)
network.scale_to_activity(spikes[:500], 60)
learning = LivingNetwork(network)
learning
"""
TRAIN = """
import time
rule, spent, began = snnlab.GradR(alpha=1e-3), 0, time.thread_time()
def shown(step):
    global spent, share
    now = time.thread_time()
    learning.callback(step)
    spent += time.thread_time() - now
    share = spent / (time.thread_time() - began)
snnlab.train(network, spikes, data.y_train, epochs=400, rng=1, progress=False, optimizer=rule,
             callback=shown)
"""


def notebook_with(*cells):
    new = nbformat.v4
    notebook = new.new_notebook(cells=[new.new_code_cell(code) for code in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    return notebook


@contextmanager
def small_window(page):
    before = page.viewport_size
    page.set_viewport_size({"width": 1280, "height": 720})
    yield
    page.set_viewport_size(before)


def test_in_jupyterlab(open_notebook, page, scratch):
    with small_window(page):
        open_notebook(notebook_with(FIRST, PREPARE))
        page.wait_for_function("document.querySelectorAll('.living').length === 2")
        first, learning = (page.locator(".living").nth(k) for k in (0, 1))
        assert page.locator(".snnlab-still:visible").count() == 0, "the still picture is left"
        box = first.bounding_box()
        assert box["height"] <= MOST_HIGH and box["y"] + box["height"] < 720
        check_it_learns(page, learning, scratch)
        for theme in ("JupyterLab Dark", "JupyterLab Light"):
            page.evaluate(
                "theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })",
                theme,
            )
            page.wait_for_function(
                "dark => [...document.querySelectorAll('.living')].every((e) => "
                "e.living.look.dark === dark)",
                arg="Dark" in theme,
            )
            first.scroll_into_view_if_needed()
            page.wait_for_timeout(1500)
            page.screenshot(path=scratch / f"living-{theme.split()[1].lower()}.png")
        page.evaluate("lab.run('living.close()')")
        page.wait_for_function("document.querySelectorAll('.living').length === 1")
        assert page.locator(".snnlab-still img:visible").count() == 1, "nothing is left of it"


def check_it_learns(page, learning, scratch):
    """While a network is trained its drawn wires move, some go, and spikes are its own."""
    learning.scroll_into_view_if_needed()
    widths = "Object.fromEntries(e.living.state().wires.map((w) => [[w.k, w.i, w.j], w.width]))"
    before = learning.evaluate(f"e => {widths}")
    page.evaluate(
        "code => { lab.cell = 'runs'; lab.run(code).then((x) => { lab.cell = x; }); }", TRAIN
    )
    page.wait_for_timeout(5000)
    after = learning.evaluate(f"e => {widths}")
    page.screenshot(path=scratch / "living-learning.png")
    changed = sum(abs(after[key] - width) > 0.05 for key, width in before.items() if key in after)
    assert changed >= 50
    assert before.keys() - after.keys(), "no wire has gone"
    assert after.keys() - before.keys(), "no wire has come"
    assert "of the batch read rightly" in learning.locator(".living-about").inner_text()
    page.evaluate("lab.kernel().interrupt()")
    page.wait_for_function("lab.cell !== 'runs'")
    share = float(page.evaluate("lab.ask('share')"))
    print(f"{100 * share:.2f} % of the training's time is spent on being shown")
    assert share < 0.05
    page.evaluate("lab.run('import time; time.sleep(1)')")  # what it ended with arrives
    page.wait_for_timeout(500)
    found = learning.evaluate("e => e.living.state().spikes[1]")
    kernel = page.evaluate(
        "lab.ask('(lambda t: list(zip(t.step.tolist(), t.unit.tolist())))(network.forward("
        "snnlab.encode.latency(learning._shown_images[' + "
        "document.querySelectorAll('.living')[1].living.sample + ':][:1], n_steps=20))"
        ".spikes[0].compact())')"
    )
    assert [tuple(pair) for pair in found] == eval(kernel)


@pytest.mark.parametrize("width", [1000, 1280])
def test_it_is_seen_soon(open_notebook, page, width):
    """From a kernel that is up to the picture: less than three seconds, nothing is compiled."""
    open_notebook(notebook_with("None"))
    page.evaluate(
        """async (source) => {
          const { model } = lab.widget.content;
          model.sharedModel.insertCell(0, { cell_type: "code", source });
          lab.widget.content.activeCellIndex = 0;
          lab.began = performance.now();
          window.jupyterapp.commands.execute("notebook:run-cell");
          const seen = () => document.querySelector(".living")?.living?.frames.length
            ? lab.seen = performance.now() - lab.began : requestAnimationFrame(seen);
          lab.seen = 0;
          seen();
        }""",
        FIRST,
    )
    page.wait_for_function("lab.seen")
    seconds = page.evaluate("lab.seen") / 1000
    print(f"first picture after {seconds:.2f} s")
    assert seconds < 3 * allowed()


# the bucket ---------------------------------------------------------------------------------------


def test_the_bucket(open_notebook, page, scratch):
    with small_window(page):
        open_notebook(notebook_with("from snnlab.live import LeakyBucket", "b = LeakyBucket()\nb"))
        page.wait_for_function("document.querySelector('.bucket')?.bucket?.W")
        assert page.locator(".snnlab-still:visible").count() == 0, "the still picture is left"
        box = page.locator(".bucket").bounding_box()
        assert box["height"] <= MOST_HIGH and box["y"] + box["height"] < 720
        weight = page.get_by_role("slider", name="weight")
        weight.focus()
        page.keyboard.press("End")  # and JupyterLab does nothing of its own
        page.wait_for_timeout(400)
        assert page.evaluate("lab.ask('b.setting[\"weight\"]')") == "1.5"
        page.evaluate("lab.run('b.setting = b.setting | {\"weight\": 0.2}')")
        page.wait_for_function("document.querySelector('.bucket').bucket.set.weight === 0.2")
        page.screenshot(path=scratch / "bucket-lab.png")
        page.evaluate("lab.run('b.close()')")
        page.wait_for_function("!document.querySelector('.bucket')")
        assert page.locator(".snnlab-still img:visible").count() == 1, "nothing is left of it"


# where no kernel runs -----------------------------------------------------------------------------


def test_it_stays_where_no_kernel_runs(open_notebook, lab, page, tmp_path):
    exporters = pytest.importorskip("nbconvert")
    _, folder = lab
    open_notebook(notebook_with(FIRST, "import snnlab\n" + PREPARE))
    path = saved_and_reopened(page, folder)
    page.wait_for_selector(".snnlab-still img, .snnlab-still .living")
    notebook = page.locator(".jp-Notebook:visible")
    assert page.locator(".snnlab-still img:visible").count() >= 1
    for image in page.locator(".snnlab-still img").all():
        assert len(image.get_attribute("alt")) > 100
    for words in ("Loading widget", "model not found"):
        assert notebook.get_by_text(words).locator("visible=true").count() == 0
    page.wait_for_selector(".snnlab-still .living")  # the shipped network comes to life
    body, _ = exporters.HTMLExporter().from_filename(str(path))
    (tmp_path / "exported.html").write_text(body, encoding="utf-8")
    context = page.context.browser.new_context(offline=True)
    exported = context.new_page()
    exported.goto((tmp_path / "exported.html").as_uri())
    exported.wait_for_selector(".snnlab-still .living")
    (image,) = exported.locator(".snnlab-still img").all()
    assert len(image.get_attribute("alt")) > 100 and image.bounding_box()["width"] > 300
    assert "LivingNetwork(256" not in exported.locator("body").inner_text()
    context.close()
