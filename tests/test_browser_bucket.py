"""The bucket in a real browser; `test_browser_living_lab` has it in JupyterLab.

Needs Playwright and a Chromium, as `test_browser` does; skipped without. Pictures are left in
``$SNNLAB_SCREENSHOTS``, if that is set.
"""

import json

import numpy as np
import pytest
from notebook_checks import IN_A_BROWSER

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("anywidget")

from live.test_bucket import kernel  # noqa: E402
from test_browser import scratch  # noqa: E402
from test_browser_living import browser  # noqa: E402

from snnlab.live.bucket import MODULE, STYLE, LeakyBucket  # noqa: E402

pytestmark = IN_A_BROWSER
FIXTURES = browser, scratch  # used by their names
MOST_HIGH = 450  # pixels

PAGE = """<!doctype html><meta charset="utf-8"><style>body {{ margin: 8px; }} {style}</style>
<div id="here"></div><script type="module">{module}
mount(document.getElementById("here"), {data});</script>"""
STILL = "b.pause(); b.go(0); null"


@pytest.fixture
def show(browser, tmp_path):
    """Opens a page with a bucket; whatever goes wrong on it fails the test."""
    contexts, faults = [], []
    path = tmp_path / "bucket.html"
    bucket = LeakyBucket()
    data = json.dumps({"spec": bucket._spec, "setting": bucket.setting})
    path.write_text(PAGE.format(style=STYLE, module=MODULE, data=data), encoding="utf-8")

    def open_(width=960, height=500, **settings):
        context = browser.new_context(
            viewport={"width": width, "height": height}, offline=True, **settings
        )
        contexts.append(context)
        made = context.new_page()
        made.on("pageerror", lambda error: faults.append(error))
        made.goto(path.as_uri())
        made.wait_for_function("document.querySelector('.bucket')?.bucket?.W")
        made.evaluate("window.b = document.querySelector('.bucket').bucket; null")
        return made

    yield open_
    for context in contexts:
        context.close()
    assert not faults


def state(page, name):
    return page.evaluate(f"b.state().{name}")


def middle(locator):
    box = locator.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(page, start, by):
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(start[0] + by[0] / 2, start[1] + by[1] / 2, steps=4)
    page.mouse.move(start[0] + by[0], start[1] + by[1], steps=4)
    page.mouse.up()


# the neuron ---------------------------------------------------------------------------------------


def test_it_fires_as_the_kernel_does(show):
    """On random settings, and on those where it reaches its threshold to the last bit."""
    rng = np.random.default_rng(0)
    settings = [
        {
            "spikes": np.flatnonzero(rng.random(40) < rng.uniform(0.02, 0.9)).tolist(),
            "weight": round(rng.uniform(-0.5, 1.5), 2),
            "v_th": round(rng.uniform(0.2, 2.0), 2),
            "tau_mem": round(rng.uniform(1, 20), 1) * 1e-6,
            "tau_syn": round(rng.uniform(1, 20), 1) * 1e-6,
            "reset": ("subtract", "zero")[k % 2],
        }
        for k in range(400)
    ]
    settings += [{**settings[0], "spikes": [k], "weight": 1.0, "v_th": 1.0} for k in range(4)]
    found = show().evaluate(
        """async ([module, spec, settings]) => {
          const m = await import(URL.createObjectURL(new Blob([module],
            { type: "text/javascript" })));
          return settings.map((set) => {
            const { v, fired } = m.run(spec, set);
            return { v: [...v], fired };
          });
        }""",
        [MODULE, LeakyBucket()._spec, settings],
    )
    spikes = 0
    for setting, run in zip(settings, found, strict=True):
        fired, v = kernel(setting)
        assert run["fired"] == fired, setting
        np.testing.assert_allclose(run["v"], v, atol=1e-6)
        spikes += len(fired)
    assert spikes > 1000


# dragging -----------------------------------------------------------------------------------------


def test_the_mouse_drags_weight_and_threshold(show):
    page = show()
    page.evaluate(STILL)
    drag(page, middle(page.get_by_role("slider", name="weight").locator("circle").nth(2)), (3, -40))
    assert state(page, "weight") == pytest.approx(0.75, abs=0.02)
    assert len(state(page, "fired")) > 1
    drag(page, middle(page.get_by_role("slider", name="weight").locator("circle").nth(2)), (0, 400))
    assert state(page, "weight") == -0.5
    page.get_by_text("Start over").click()
    assert state(page, "weight") == 0.35 and state(page, "fired") == [5]
    rim = page.get_by_role("slider", name="threshold")
    unit = page.evaluate("b.y.unit")
    drag(page, middle(rim.locator("circle").nth(2)), (0, -0.25 * unit))
    assert state(page, "v_th") == pytest.approx(1.25, abs=0.03) and state(page, "fired") == []
    assert "does not fire" in page.locator(".bucket-told").inner_text()
    # also by the dashed line, far from the bucket
    line = page.locator(".bucket-hit").bounding_box()
    where = line["x"] + 0.8 * line["width"], line["y"] + line["height"] / 2
    drag(page, where, (0, 0.5 * page.evaluate("b.y.unit")))
    assert state(page, "v_th") == pytest.approx(0.75, abs=0.06) and state(page, "fired")


def test_the_mouse_moves_adds_and_removes_spikes(show):
    page = show()
    page.evaluate(STILL)
    unit = page.evaluate("b.x.unit")
    drops = page.locator(".bucket-spike")
    drag(page, middle(drops.nth(1)), (6 * unit, 2))
    assert state(page, "spikes") == [2, 10] and state(page, "fired") == []
    lane = page.locator(".bucket-lane").bounding_box()
    at = lane["x"] + 10 + 20 * unit
    page.mouse.click(at, lane["y"] + 20)
    assert state(page, "spikes") == [2, 10, 20]
    page.mouse.click(at, lane["y"] + 20)  # there is one already
    assert state(page, "spikes") == [2, 10, 20]
    drag(page, middle(drops.nth(0)), (0, 120))  # out of its row
    assert state(page, "spikes") == [10, 20]
    drag(page, middle(drops.nth(0)), (10 * unit, 0))  # two cannot share a step
    assert len(set(state(page, "spikes"))) == 2


def test_the_keyboard_does_all_of_it(show):
    page = show()
    page.evaluate(STILL)
    weight = page.get_by_role("slider", name="weight")
    weight.focus()
    page.keyboard.press("ArrowDown")
    assert (
        state(page, "weight") == pytest.approx(0.34)
        and page.evaluate("document.activeElement.getAttribute('aria-valuetext')") == "0.34"
    )
    page.keyboard.press("End")
    assert state(page, "weight") == 1.5
    page.get_by_role("slider", name="threshold").focus()
    page.keyboard.press("ArrowUp")
    assert state(page, "v_th") == pytest.approx(1.05)
    page.keyboard.press("Home")
    assert state(page, "v_th") == 0.2
    first = page.get_by_role("slider", name="input spike").first
    first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")  # past the other one
    assert state(page, "spikes") == [4, 5]
    page.keyboard.press("Delete")
    assert len(state(page, "spikes")) == 1
    page.keyboard.press("Delete")
    assert state(page, "spikes") == [] and state(page, "fired") == []
    page.get_by_role("button", name="+ spike").focus()
    page.keyboard.press("Enter")
    assert len(state(page, "spikes")) == 1
    page.get_by_role("slider", name="membrane τ").focus()
    page.keyboard.press("ArrowRight")
    assert state(page, "tau_mem") == pytest.approx(6.5e-6)
    page.get_by_label("Reset of the neuron").select_option("to zero")
    assert state(page, "reset") == "zero"
    page.wait_for_function(
        "document.querySelector('.bucket [role=status]').innerText.includes('1 input spike')"
    )


# in time ------------------------------------------------------------------------------------------


def test_the_level_is_the_potential_and_the_rim_the_threshold(show):
    page = show()
    for step in range(12):
        page.evaluate(f"b.pause(); b.go({step}); null")
        assert state(page, "level") == pytest.approx(state(page, f"v[{step}]"))
    page.evaluate("b.go(5.2); null")
    assert state(page, "tilt") > 0.5, "it does not tip"
    page.evaluate("b.go(5.5); null")
    assert state(page, "tilt") == 0 and state(page, "level") < 0.3, "it is not poured out"
    water = page.locator(".bucket-water").evaluate("e => e.getBBox().y")
    assert water == pytest.approx(page.evaluate("b.y(b.state().level)"), abs=0.5)
    assert page.locator(".bucket-wall").evaluate("e => e.getBBox().y") < water


def test_it_plays_again_and_again_and_stops(show):
    page = show()
    assert state(page, "playing")
    page.get_by_label("Speed").select_option("fast")
    page.wait_for_function("b.time > 39")
    page.wait_for_function("b.time < 5")
    page.get_by_role("button", name="Pause").click()
    at = state(page, "time")
    page.wait_for_timeout(200)
    assert state(page, "time") == at
    page.get_by_role("button", name="One step").click()
    assert state(page, "time") == int(at) + 1


def test_every_spike_is_a_click_if_asked_for(show):
    page = show()
    page.evaluate("b.speed.value = 'fast'; null")
    page.wait_for_function("b.time > 39")
    assert state(page, "clicks") == {"in": 0, "out": 0}, "it was not asked for"
    heard = {}
    for rain in ("six far apart", "six close together"):
        page.evaluate("b.pause(); b.sound.clicks = { in: 0, out: 0 }; b.time = 0; null")
        page.get_by_label("Input spikes").select_option(rain)
        if rain == "six far apart":
            page.get_by_role("button", name="Sound off").click()
        else:
            page.evaluate("b.play(); null")
        page.wait_for_function("b.time >= 39.5")
        heard[rain] = state(page, "clicks")
        assert heard[rain] == {"in": len(state(page, "spikes")), "out": len(state(page, "fired"))}
    assert heard["six far apart"] == {"in": 6, "out": 0}, "what is far apart makes it fire"
    assert heard["six close together"]["in"] == 6 and heard["six close together"]["out"] >= 3
    page.get_by_role("button", name="Sound on").click()
    assert not page.evaluate("b.sound.on")


def test_reduced_motion_is_respected(show):
    page = show(reduced_motion="reduce")
    assert not state(page, "playing") and state(page, "time") == 40
    page.evaluate("b.go(5.2); null")
    assert not page.locator(".bucket-wall").evaluate("e => e.parentNode.getAttribute('transform')")


@pytest.mark.parametrize("width", [376, 480, 656, 864, 1056])
def test_it_fits(show, scratch, width):
    for theme in ("light", "dark"):
        page = show(width, 500, color_scheme=theme)
        page.evaluate("b.pause(); b.go(5); null")
        assert page.locator(".bucket").bounding_box()["height"] <= MOST_HIGH
        page.locator(".bucket").screenshot(path=scratch / f"bucket-{theme}-{width}.png")
        wide = page.locator(".bucket").bounding_box()["width"]
        for text in page.locator(".bucket-stage text").all():
            box = text.bounding_box()
            assert box["x"] >= 8 and box["x"] + box["width"] <= 8 + wide, text.inner_html()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        dark = page.evaluate("document.querySelector('.bucket').classList.contains('living-dark')")
        assert dark == (theme == "dark")
