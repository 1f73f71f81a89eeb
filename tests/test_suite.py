"""The suite itself: every part of what rotates is run, and no skip goes unnoticed in CI."""

import shutil

import pytest
import quick_notebook
from helpers import ROOT, fresh_python

PROBE = """
import pytest

@pytest.mark.browser
@pytest.mark.parametrize("k", range(10))
def test_page(k): pass

@pytest.mark.rotates
@pytest.mark.parametrize("k", range(7))
def test_case(k): pass

names = [pytest.param(name, marks=pytest.mark.rotates(name)) for name in "abcdefg"]

@pytest.mark.parametrize("k", range(2))
@pytest.mark.parametrize("name", names)
def test_name(name, k): pass

def test_always(): pass
"""
GROUPED = """
import os, pytest

@pytest.mark.xdist_group("pages")
@pytest.mark.parametrize("k", range(8))
def test_page(k):
    assert int(os.environ.setdefault("SO_FAR", "0")) == k
    os.environ["SO_FAR"] = str(k + 1)
"""
SKIPPED = """
import pytest

def test_extra():
    pytest.importorskip("no_such_extra")

@pytest.mark.skipif(True, reason="out of order")
def test_condition(): pass

def test_browser():
    pytest.skip("no Chromium on this machine")

def test_oracle():
    pytest.skip("could not import 'torch': No module named 'torch'")

def test_other(): pass
"""
AS_A_WHOLE = """
import pytest
pytest.importorskip("no_such_extra")
def test_never(): pass
"""


def test_tests_lie_in_the_folders_of_what_they_test():
    folders = {path.parent for path in (ROOT / "tests").rglob("*.py")}
    for folder in folders - {ROOT / "tests" / "trust"}:  # what is promised of all of them
        assert (ROOT / "snnlab" / folder.relative_to(ROOT / "tests")).is_dir(), folder
    assert len(folders) > 8 and len(list((ROOT / "tests").rglob("conftest.py"))) == 1


@pytest.fixture
def suite(tmp_path):
    """Runs pytest on a file of its own with this suite's conftest; returns process and outcomes."""
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    marks = "browser: a page\n rotates: a case"
    (tmp_path / "pytest.ini").write_text(f"[pytest]\nmarkers =\n {marks}\n")

    def run(text, *options, **env):
        (tmp_path / "test_probe.py").write_text(text)
        env = {"CI": None, "SNNLAB_PART": None, "SNNLAB_NO_BROWSER": None} | env
        return fresh_python(
            "-m",
            "pytest",
            "-v",
            "-p",
            "no:cacheprovider",
            *options,
            tmp_path,
            check=False,
            env=env,
            cwd=tmp_path,
        )

    return run


def passed(done):
    return {line.split("::")[1].split()[0] for line in done.stdout.splitlines() if "PASSED" in line}


def test_seven_parts_are_the_whole(suite):
    parts = [passed(suite(PROBE, SNNLAB_PART=str(k))) for k in range(7)]
    assert all("test_always" in part for part in parts)
    pages, cases, named = (
        [{name for name in part if name.startswith(start)} for part in parts]
        for start in ("test_page", "test_case", "test_name")
    )
    assert sorted(map(len, pages)) == [1, 1, 1, 1, 2, 2, 2] and len(set.union(*pages)) == 10
    assert list(map(len, cases)) == 7 * [1] and len(set.union(*cases)) == 7
    assert named == [{f"test_name[{name}-{k}]" for k in range(2)} for name in "abcdefg"]
    # processes that share the tests agree on which these are
    assert f"{len(parts[1])} passed" in suite(PROBE, "-n", "2", SNNLAB_PART="1").stdout
    whole = suite(PROBE, "--all", "-n", "2", SNNLAB_PART="1").stdout
    assert "32 passed" in whole and "all the tests in a browser" in whole


def test_a_group_of_tests_shares_a_process(suite):
    done = suite(GROUPED, "-n", "2", "--dist", "loadgroup", "-s")
    assert done.returncode == 0 and "8 passed" in done.stdout, done.stdout


def test_the_summary_says_which_part_is_run(suite):
    done = suite(PROBE, SNNLAB_PART="2")
    assert "part 2 of 0 to 6 of the tests in a browser" in done.stdout
    day = suite(PROBE)  # another one each day
    assert day.returncode == 0 and "the tests in a browser" in day.stdout
    assert suite(PROBE, SNNLAB_PART="7").returncode == pytest.ExitCode.USAGE_ERROR


@pytest.mark.parametrize("options", [(), ("-n", "2")])
def test_in_ci_a_skip_is_a_failure(suite, tmp_path, options):
    (tmp_path / "test_whole.py").write_text(AS_A_WHOLE)
    done = suite(SKIPPED, *options, CI="true")
    assert done.returncode == pytest.ExitCode.TESTS_FAILED and "1 passed" in done.stdout
    told = done.stdout.split("skips that CI does not allow")[1]
    for name in ("test_extra", "test_condition: out of order", "test_browser", "test_whole.py"):
        assert name in told
    assert "test_oracle" not in told and "test_other" not in told


def test_elsewhere_and_where_it_is_listed_a_skip_is_none(suite):
    done = suite(SKIPPED)
    assert done.returncode == 0 and "1 passed, 4 skipped" in done.stdout
    done = suite(SKIPPED, "-k", "browser or other", CI="true", SNNLAB_NO_BROWSER="1")
    assert done.returncode == 0 and "1 passed, 1 skipped" in done.stdout


def test_the_quick_form_caps_and_changes_nothing_else():
    def train(network, *, epochs=10, rng=0):
        return network, epochs, rng

    quick = quick_notebook.capped(train, "epochs", 3)
    assert quick("net", rng=5) == ("net", 3, 5)
    assert quick("net", epochs=2) == ("net", 2, 0) and quick("net", epochs=99) == ("net", 3, 0)


def test_a_kernel_with_the_profile_trains_less(tmp_path):
    code = (
        "import snnlab, numpy as np\n"
        "from snnlab.course import exercises\n"
        "spikes = snnlab.encode.latency(np.random.default_rng(0).random((8, 4)))\n"
        "net = snnlab.Network((4, 3, 2), snnlab.LIF.brainscales2(), n_steps=20, rng=0)\n"
        "run = lambda: len(snnlab.train(net, spikes, np.arange(8) % 2, rng=0, progress=False))\n"
        "print(run())\n"
        "from snnlab.course.exercises.registry import question\n"
        "question('n01.q1')(lambda answer: str(answer()))\n"
        "from snnlab.learning import training\n"
        "snnlab.train = lambda *given, **settings: training.train(*given, **settings)\n"
        "print(snnlab.check('n01.q1', run).text)\n"
    )
    for env, expected in (({}, ["10", "10"]), (quick_notebook.profile(tmp_path), ["3", "10"])):
        done = fresh_python("-m", "IPython", "--no-banner", "-c", code, env=env)
        assert done.stdout.split() == expected, done.stdout
