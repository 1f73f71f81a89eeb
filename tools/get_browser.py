"""Say which Chromium the tests drive; if there is none, fetch one.

    python tools/get_browser.py

It takes the one that Playwright brings, or else, where allowed, Debian's.

Fails, with the reason, if there is none and none can be had, or if it does not start.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))


ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


def fetch():
    """Let Playwright fetch its Chromium, where allowed together with the libraries it needs.

    A machine that reaches only its distribution's packages may have one among them.
    """
    playwright = [sys.executable, "-m", "playwright", "install"]
    ways = [[playwright + ["chromium"]]]
    if ROOT:
        ways.insert(0, [playwright + ["--with-deps", "chromium"]])
        if shutil.which("apt-get"):
            apt = ["apt-get", "--quiet", "--yes"]
            ways.append([apt + ["update"], apt + ["install", "chromium"]])
    if not any(all(subprocess.run(c).returncode == 0 for c in way) for way in ways):
        raise OSError("none could be fetched")


def main():
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        return 'Playwright is not installed: pip install -c constraints.txt -e ".[browser]"'
    from notebook_checks import chromium

    if chromium() is None:
        try:
            fetch()
        except OSError as error:
            return f"There is no Chromium, and {error}"
        chromium.cache_clear()
    flags = ["--no-sandbox"] if ROOT else []
    try:
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=chromium(), args=flags)
            print(f"Chromium {browser.version}: {chromium()}")
            browser.close()
    except Error as error:
        return f"{chromium()} does not start: {error}"
    return 0


if __name__ == "__main__":
    sys.exit(main())
