"""The demo in a process of its own, on the data that is always there."""

import re

import pytest
from helpers import fresh_python

NO_NETWORK = {name: "http://127.0.0.1:9" for name in ("http_proxy", "https_proxy")}


@pytest.fixture
def offline(tmp_path):
    """Environment without image files and without a network."""
    for name in ("data", "cache"):
        (tmp_path / name).mkdir()
    places = {"SNNLAB_DATA": str(tmp_path / "data"), "SNNLAB_CACHE": str(tmp_path / "cache")}
    return {"no_proxy": None, "NO_PROXY": None} | NO_NETWORK | places


def demo(arguments, environment, folder, before=""):
    """Run the demo's command line; ``before`` is executed first."""
    code = f"{before}\nimport sys; from snnlab.cli import main; sys.exit(main(sys.argv[1:]))"
    return fresh_python("-c", code, "demo", *arguments, check=False, env=environment, cwd=folder)


def test_demo_prints_what_it_promises(offline, tmp_path):
    out = tmp_path / "here" / "picture.png"
    out.parent.mkdir()
    ran = demo(["--epochs", "3", "--out", str(out)], offline, tmp_path)
    assert ran.returncode == 0, ran.stderr
    text = ran.stdout
    assert "Using scikit-learn's digits" in text and "not the paper's" in text
    assert "256-246-10" in text and "3 epochs" in text
    accuracy = float(re.search(r"test accuracy +([\d.]+) % of 360 images", text)[1])
    assert 50 < accuracy <= 100
    assert float(re.search(r"hidden spikes +([\d.]+) per image", text)[1]) > 1
    for what in ("training", "inference"):
        assert int(re.search(rf"{what} +([\d,]+) images/s", text)[1].replace(",", "")) > 0
    assert re.search(r"preparing +[\d.]+ s to compile", text)
    assert str(out) in text
    assert out.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert [path.name for path in out.parent.iterdir()] == ["picture.png"]


def test_demo_without_matplotlib_says_so(offline, tmp_path):
    absent = "import sys; sys.modules['matplotlib'] = None"
    ran = demo(["--epochs", "1"], offline, tmp_path, before=absent)
    assert ran.returncode == 0, ran.stderr
    assert "test accuracy" in ran.stdout and "matplotlib is not installed" in ran.stdout
    assert not list(tmp_path.glob("*.png"))


@pytest.mark.parametrize("arguments", [["--epochs", "0"], ["--out", "no-such-folder/a.png"]])
def test_demo_refuses_bad_arguments_before_it_trains(offline, tmp_path, arguments):
    ran = demo(arguments, offline, tmp_path)
    assert ran.returncode == 2 and arguments[0] in ran.stderr
    assert "Training" not in ran.stdout
