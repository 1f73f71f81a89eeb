"""Take the picture of what notebooks show of an estimator and of a network.

    python tools/repr_picture.py

Needs a browser (`tools/get_browser.py`); writes docs/pictures/html-repr.png.
"""

import sys
from pathlib import Path

from sklearn.datasets import load_iris

import snnlab

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from notebook_checks import chromium  # noqa: E402

PICTURE = ROOT / "docs" / "pictures" / "html-repr.png"
STYLE = """
<style>
body { font: 15px system-ui, sans-serif; margin: 16px; display: inline-block; background: white }
table { border-collapse: collapse; margin-top: 20px }
th, td { padding: 3px 12px; text-align: left; border-bottom: 1px solid #ccc }
p { max-width: 780px }
</style>
"""


def page():
    """HTML of a fitted classifier, and of its network with its activity."""
    x, y = load_iris(return_X_y=True)
    model = snnlab.SpikingClassifier(hidden=(60,), random_state=0).fit(x, y)
    return STYLE + model._repr_html_() + model.network_.summary(model.code_(x))._repr_html_()


def main():
    """Write it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 860, "height": 600})
        tab.set_content(page())
        tab.locator("body").screenshot(path=PICTURE)
        browser.close()
    print(f"written: {PICTURE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
