"""The notebooks in a real JupyterLab in a real browser: every control is moved by keyboard.

Needs Playwright's Python package (`pip install -e ".[browser]"`) and a Chromium of the system, or
the one that ``$SNNLAB_CHROMIUM`` names; skipped without. Pictures of all panels in both themes, and
the delays that were measured, are left in ``$SNNLAB_SCREENSHOTS``, if that is set. On a machine
that is busy with other things, ``$SNNLAB_PATIENCE`` multiplies all limits of time.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from statistics import median

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("jupyterlab")
nbformat = pytest.importorskip("nbformat")

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
NAMES = "chromium", "chromium-browser", "google-chrome", "chrome"
CHROMIUM = os.environ.get("SNNLAB_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
SLOW = float(os.environ.get("SNNLAB_PATIENCE", "1"))
BUDGET = {"raster": 60, "figure": 150}  # ms from key press to new pixels, median
ALLOWED = 3 * SLOW  # times the budget before the test fails: machines that test are busy
PATIENCE = 10_000 * SLOW  # ms until a picture must have changed

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
    pytest.mark.filterwarnings("ignore"),  # of the drivers' own machinery
]

HELP = """
window.lab = {
  widget: () => window.jupyterapp.shell.currentWidget,
  kernel: () => lab.widget()?.sessionContext?.session?.kernel,
  ask: async (expression) => {
    const request = { code: "", user_expressions: { x: expression }, store_history: false };
    const reply = (await lab.kernel().requestExecute(request).done).content;
    const x = reply.user_expressions.x;
    return x.status === "ok" ? x.data["text/plain"] : "error: " + x.ename + " " + x.evalue;
  },
  // a number that depends on every pixel
  pixels: (image) => {
    const canvas = document.createElement("canvas");
    canvas.width = image.naturalWidth;
    canvas.height = image.naturalHeight;
    const pen = canvas.getContext("2d", { willReadFrequently: true });
    pen.drawImage(image, 0, 0);
    const data = new Uint32Array(pen.getImageData(0, 0, canvas.width, canvas.height).data.buffer);
    let hash = 0;
    for (const value of data) hash = (Math.imul(hash, 31) + value) | 0;
    return hash;
  },
  // remembers when keys were pressed and when pictures had loaded
  watch: (panel) => {
    const image = panel.querySelector("img");
    lab.pressed = 0; lab.delays = []; lab.loads = 0;
    image.onload = () => {
      lab.loads += 1;
      if (lab.pressed) lab.delays.push(performance.now() - lab.pressed);
      lab.pressed = 0;
    };
  },
};
document.addEventListener("keydown", (e) => { lab.pressed = performance.now(); }, true);
"""


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    """Where pictures and delays go."""
    given = os.environ.get("SNNLAB_SCREENSHOTS")
    folder = Path(given) if given else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Address and folder of a JupyterLab of our own, which is stopped at the end."""
    home = tmp_path_factory.mktemp("lab")
    folder = home / "notebooks"
    folder.mkdir()
    settings = home / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(
        '{"fetchNews": "false", "checkForUpdates": false, "doNotDisturbMode": true}'
    )
    (home / "data").mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = os.urandom(16).hex()
    environment = os.environ | {
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "IPYTHONDIR": str(home / "ipython"),
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "SNNLAB_DATA": str(home / "data"),  # empty: the digits, which are everywhere
        "SNNLAB_CACHE": str(home / "data"),
        "http_proxy": "http://127.0.0.1:9",
        "https_proxy": "http://127.0.0.1:9",
        "no_proxy": "127.0.0.1",
    }
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", f"--port={port}",
        "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}",
        f"--ServerApp.root_dir={folder}", "--LabApp.expose_app_in_browser=True",
        "--LabApp.extension_manager=readonly",
    ]  # fmt: skip
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    with open(home / "lab.log", "wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            _wait_for(f"http://127.0.0.1:{port}/api?token={token}", server, home / "lab.log")
            yield f"http://127.0.0.1:{port}/lab/tree/{{}}?reset&token={token}", folder
        finally:
            server.terminate()
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _wait_for(address, server, log):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    until = time.monotonic() + 60 * SLOW
    while True:
        try:
            opener.open(address, timeout=2).close()
            return
        except OSError:
            assert server.poll() is None and time.monotonic() < until, log.read_text()[-2000:]
            time.sleep(0.2)


@pytest.fixture(scope="module")
def browser():
    """A Chromium without a window."""
    flags = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield chromium
        chromium.close()


@pytest.fixture
def open_notebook(lab, browser):
    """Opens a notebook, runs all of it, and returns the page."""
    address, folder = lab
    contexts = []

    def open_(source):
        if isinstance(source, Path):
            source = nbformat.read(source, as_version=4)
        name = f"n{len(list(folder.iterdir()))}.ipynb"
        nbformat.write(source, folder / name)
        context = browser.new_context(viewport={"width": 1400, "height": 1000})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(90_000 * SLOW)
        page.goto(address.format(name))
        page.wait_for_function("window.jupyterapp?.shell?.currentWidget?.sessionContext")
        page.evaluate(HELP)
        page.wait_for_function("lab.kernel()?.status === 'idle'")
        page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
        page.wait_for_function("lab.kernel()?.status === 'idle'")
        return page

    yield open_
    for context in contexts:
        for page in context.pages:
            page.evaluate("lab.widget().sessionContext.shutdown()")
        context.close()


def cells(page):
    return page.evaluate("lab.widget().content.model.sharedModel.toJSON().cells")


def check_outputs(page):
    """Everything was run, and nothing went wrong."""
    for cell in cells(page):
        if cell["cell_type"] == "code":
            assert cell["execution_count"], f"not run: {cell['source']}"
            for output in cell["outputs"]:
                assert output["output_type"] != "error", output
                assert output.get("name") != "stderr", output


def panels(page):
    """The panels of the page, each with the kind of its picture."""
    page.wait_for_selector(".snnlab-panel img[alt]", state="attached")
    kinds = json.loads(
        page.evaluate(
            """lab.ask("__import__('json').dumps({p._prefix: 'raster' if isinstance(p._pictures()"""
            """[0], __import__('snnlab').plot.Raster) else 'figure' for p in """
            """__import__('snnlab').live.panel._OPEN.values()})")"""
        ).strip("'")
    )
    found = []
    for panel in page.locator(".snnlab-panel").all():
        panel.scroll_into_view_if_needed()
        prefix = panel.locator("img").first.evaluate(
            "e => [...e.classList].find(c => c.includes('-picture-')).split('-picture-')[0]"
        )
        found.append((panel, prefix, kinds[prefix]))
    return found


def check_names(panel):
    """All that can be moved has a name, and pictures say what they show."""
    for what in ("[role=slider]", "select", "input", "canvas"):
        for control in panel.locator(what).all():
            name = control.get_attribute("aria-label")
            assert name and name.strip(), f"a {what} has no accessible name"
    for button in panel.locator("button").all():
        assert button.inner_text().strip(), "a button has no name"
    for group in panel.locator(".widget-toggle-buttons").all():
        assert group.get_attribute("role") == "group" and group.get_attribute("aria-label")
    for image in panel.locator("img").all():
        assert len(image.get_attribute("alt") or "") > 20, "a picture says nothing"
    assert panel.locator("[role=status]").count() >= 1, "nothing is spoken"


def controls(panel):
    """What can be moved by keyboard, with the keys that may do it, in the order of the page."""
    for slider in panel.locator("[role=slider]").all():
        yield slider, ("ArrowRight", "ArrowLeft")
    for menu in panel.locator("select").all():
        yield menu, ("ArrowDown", "ArrowUp")
    for pad in panel.locator("canvas").all():
        yield pad, ("Shift+ArrowRight", "Shift+ArrowDown", "Delete")
    for group in panel.locator(".widget-toggle-buttons").all():
        yield group.locator("button[aria-pressed=false]").first, ("Enter", "Space")
    for button in panel.locator(".snnlab-actions button").all():
        yield button, ("Enter",)


def check_quiet(panel):
    """No error text in the panel."""
    text = panel.inner_text()
    assert "Error" not in text and "Traceback" not in text, text


def check_controls(page, panel, patience=PATIENCE):
    """Every control, moved by keyboard, changes the pixels of a picture; delays of sliders."""
    delays = []
    for control, keys in list(controls(panel)):
        name = control.get_attribute("aria-label") or control.inner_text()
        before = panel.evaluate("p => [...p.querySelectorAll('img')].map(lab.pixels)")
        panel.evaluate("p => lab.watch(p)")
        changed = False
        for key in keys:
            control.focus()
            page.keyboard.press(key)
            try:
                page.wait_for_function(
                    "([p, old]) => [...p.querySelectorAll('img')]"
                    ".some((e, k) => e.complete && lab.pixels(e) !== old[k])",
                    arg=[panel.element_handle(), before], polling=30,
                    timeout=patience / len(keys),
                )  # fmt: skip
                changed = True
                break
            except playwright.TimeoutError:
                check_quiet(panel)
        assert changed, f"{name!r} moves, the picture does not"
        check_quiet(panel)
        if control.get_attribute("role") == "slider":
            delays += page.evaluate("lab.delays.slice(0, 1)")
    return delays


def moved(page, panel, n):
    """Move the first slider (or paint on the pad) n times, to and fro; delays of some moves."""
    slider = panel.locator("[role=slider], canvas").first
    prefix = "Shift+" if slider.evaluate("e => e.tagName") == "CANVAS" else ""
    panel.evaluate("p => lab.watch(p)")
    slider.focus()
    for k in range(n):
        page.keyboard.press(prefix + ("ArrowRight", "ArrowLeft")[k // 5 % 2])
        if k < 8:  # some at leisure, for their delays
            page.wait_for_timeout(350 * SLOW)
    page.wait_for_timeout(300 * SLOW)
    return page.evaluate("lab.delays.slice(0, 8)")


COUNT = (
    "(__import__('gc').collect(), sum(type(o).__name__ == 'Figure' for o in "
    "__import__('gc').get_objects()), __import__('threading').active_count())[1:]"
)


def count(page):
    """Figures and threads in the kernel."""
    figures, threads = json.loads(
        page.evaluate("x => lab.ask(x)", COUNT).translate({40: 91, 41: 93})
    )
    return figures, threads


def show_both_themes(page, panel, path):
    for theme in ("Light", "Dark"):
        page.evaluate(
            "t => window.jupyterapp.commands.execute('apputils:change-theme', {theme: t})",
            f"JupyterLab {theme}",
        )
        light = json.dumps(theme == "Light")
        page.wait_for_selector(f"body[data-jp-theme-light={light}]", state="attached")
        page.wait_for_timeout(300)
        panel.screenshot(path=f"{path}-{theme.lower()}.png")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook(path, open_notebook, scratch):
    page = open_notebook(path)
    check_outputs(page)
    report = {}
    for k, (panel, prefix, kind) in enumerate(panels(page)):
        check_names(panel)
        check_quiet(panel)
        show_both_themes(page, panel, scratch / f"{path.stem}-{k}")
        delays = moved(page, panel, 8)
        before = count(page)
        height = panel.bounding_box()["height"]
        moved(page, panel, 200)
        figures, threads = count(page)
        assert figures <= before[0], "figures pile up"
        assert threads <= before[1] + 1, "threads pile up"
        check_quiet(panel)
        assert abs(panel.bounding_box()["height"] - height) < 2, "the page jumps"
        delays += check_controls(page, panel)
        report[prefix] = {"kind": kind, "budget": BUDGET[kind], "median": round(median(delays)),
                          "worst": round(max(delays)), "n": len(delays)}  # fmt: skip
        assert median(delays) <= ALLOWED * BUDGET[kind], report
    (scratch / f"{path.stem}.json").write_text(json.dumps(report, indent=1))
    print(path.stem, json.dumps(report))
    check_outputs(page)


# --- the suite itself: what is broken must be noticed --------------------------------------------

BROKEN = """
from snnlab import live, plot

class Broken(live.Panel):
    controls = {"x": live.Slider("size", 0, 10, 1, 2, digits=0)}
    def simulate(self, *, x):
        if x != 2 and self.fault == "error":
            raise ValueError("broken on purpose")
        return 2 if self.fault == "still" else x
    def draw(self, data):
        fig = plot.new_figure(2, 1)
        picture = plot.show(fig, "A number, and nothing else at all.")
        picture.artists.text = fig.text(0.5, 0.5, str(data))
        return picture
    def update(self, picture, data):
        picture.artists.text.set_text(str(data))
    def describe(self, data):
        return f"It is {data}."

def broken(fault):
    Broken.fault = fault
    panel = type(fault, (Broken,), {"fault": fault})()
    if fault == "nameless":
        panel._voice.names = {}
    return panel
"""
FAULTS = ("none", "still", "error", "nameless")


def test_broken_panels_are_noticed(open_notebook):
    new = nbformat.v4
    notebook = new.new_notebook(
        cells=[new.new_code_cell(BROKEN)] + [new.new_code_cell(f"broken({f!r})") for f in FAULTS]
        + [new.new_code_cell("import sys; print('careless', file=sys.stderr)")]
    )  # fmt: skip
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    page = open_notebook(notebook)
    with pytest.raises(AssertionError, match="careless"):
        check_outputs(page)
    sound, still, error, nameless = (panel for panel, _, _ in panels(page))
    for panel in (sound, still, error):
        check_names(panel)
    check_controls(page, sound)
    with pytest.raises(AssertionError, match="picture does not"):
        check_controls(page, still, patience=2000 * SLOW)
    with pytest.raises(AssertionError, match="broken on purpose"):
        check_controls(page, error, patience=2000 * SLOW)
    with pytest.raises(AssertionError, match="no accessible name"):
        check_names(nameless)
