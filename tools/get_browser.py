"""Say which Chromium the tests drive; if there is none, fetch the one that Playwright brings.

    python tools/get_browser.py

Fails, with the reason, if there is none and none can be had, or if it does not start.
"""

import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))


def fetch():
    """Let Playwright fetch its Chromium, where allowed together with the libraries it needs."""
    command = [sys.executable, "-m", "playwright", "install"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        if subprocess.run([*command, "--with-deps", "chromium"]).returncode == 0:
            return
    subprocess.run([*command, "chromium"], check=True)


def main():
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        return 'Playwright is not installed: pip install -c constraints.txt -e ".[browser]"'
    from notebook_checks import chromium

    if chromium() is None:
        try:
            fetch()
        except subprocess.CalledProcessError as error:
            return f"Playwright could not fetch its Chromium (exit code {error.returncode})"
        chromium.cache_clear()
    flags = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
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
