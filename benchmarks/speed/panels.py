"""Measure the panels in a browser, and take the pictures of README.md.

    python benchmarks/speed/panels.py                 all notebooks; let nothing else run meanwhile
    python benchmarks/speed/panels.py -k 01_one       some of them: records of the others are kept
    python benchmarks/speed/panels.py --pictures-only write no records

Runs tests/test_browser.py, which says what is measured and how, and takes over what it leaves.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[2]
RECORDS = ROOT / "data" / "results" / "panels-latency.json"
PICTURES = ROOT / "docs" / "pictures"
PACKAGES = (
    "numpy",
    "numba",
    "matplotlib",
    "ipywidgets",
    "anywidget",
    "ipykernel",
    "jupyterlab",
    "playwright",
    "snnlab",
)
WIDTH = 800  # pixels of a picture


def measure(folder, which):
    """Run the browser tests, one at a time; what they find is left in the folder."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:xdist",
        "--all",
        "tests/test_browser.py",
    ]
    command += ["-k", f"test_notebook and ({which})" if which else "test_notebook"]
    environment = os.environ | {"SNNLAB_SCREENSHOTS": str(folder)}
    done = subprocess.run(command, cwd=ROOT, env=environment)
    if done.returncode:
        sys.exit("the browser tests failed: nothing is written")


def records(folder):
    """A record per panel that was measured."""
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    found = []
    for path in sorted(folder.glob("*.json")):
        report = json.loads(path.read_text(encoding="utf-8"))
        for panel in report["panels"]:
            values = panel["delays_ms"]
            found.append(
                {
                    "study": "panels-latency",
                    "metric": "ms_from_key_to_pixels",
                    "mean": round(statistics.mean(values), 1),
                    "sd": round(statistics.stdev(values), 1),
                    "median": statistics.median(values),
                    "values": values,
                    "seeds": None,
                    "notebook": path.stem,
                    "panel": panel["name"],
                    "kind": panel["kind"],
                    "budget_ms": panel["budget_ms"],
                    "while_training_ms": panel.get("while_training_ms"),
                    "learning_seen_ms": panel.get("learning_seen_ms"),
                    "seconds": report["seconds"],
                    "config": report["config"],
                    "command": "python benchmarks/speed/panels.py",
                    "versions": {
                        "python": platform.python_version(),
                        **versions,
                        "chromium": report["chromium"],
                        "cpus": os.cpu_count(),
                    },
                }
            )
    return found


def keep(new):
    """Put records in place of those of the same notebooks."""
    measured = {r["notebook"] for r in new}
    old = json.loads(RECORDS.read_text(encoding="utf-8")) if RECORDS.exists() else []
    kept = [r for r in old if r["notebook"] not in measured]
    kept = sorted([*kept, *new], key=lambda r: r["notebook"])
    RECORDS.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def take_pictures(folder):
    """Those screenshots that README.md shows, as small files."""
    shown = re.findall(r"docs/pictures/(panel-\S+?)\.png", (ROOT / "README.md").read_text("utf-8"))
    for name in shown:
        source = folder / f"{name.removeprefix('panel-')}-light.png"
        if not source.exists():
            continue
        image = Image.open(source).convert("RGB")
        if image.width > WIDTH:
            size = WIDTH, round(image.height * WIDTH / image.width)
            image = image.resize(size, Image.Resampling.LANCZOS)
        target = PICTURES / f"{name}.png"
        image.quantize(256, dither=Image.Dither.NONE).save(target, optimize=True)
        print(f"{target.relative_to(ROOT)}: {target.stat().st_size / 1000:.0f} kB")


def main():
    """Measure, write the records, take the pictures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-k", default="", help="which notebooks, as pytest's -k")
    parser.add_argument("--pictures-only", action="store_true")
    parser.add_argument("--keep", type=Path, help="a folder that keeps the screenshots")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = (args.keep or Path(scratch)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        measure(folder, args.k)
        if not args.pictures_only:
            new = records(folder)
            keep(new)
            for r in new:
                print(
                    f"{r['notebook']} {r['panel']}: {r['median']} ms ({r['kind']}, "
                    f"budget {r['budget_ms']} ms)"
                )
        take_pictures(folder)


if __name__ == "__main__":
    main()
