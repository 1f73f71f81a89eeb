"""Set-up of all tests: shared fixtures, which tests are run, and which may be skipped.

``pytest`` runs a quick selection: notebooks with less training (`quick_notebook`), and a seventh of
the tests that are marked so (in a browser, and others that take long in many cases), another one
each day. ``pytest --all`` runs everything as it is.
"""

import datetime
import os
import re

import pytest

PARTS = 7  # a week's days
MARKS = "browser", "rotates"  # of tests of which one part is run, another one each day

# Why a test may be skipped where the environment variable CI is set, as regular expressions of the
# whole reason. Any other skip there is a failure: else nobody notices that an extra is missing.
ALLOWED_SKIPS = (
    r"could not import 'torch'.*",  # the oracle, which no set of requirements brings
    r"needs NUMBA_BOUNDSCHECK=1",  # run in the pass with bounds checks
    r"nothing is compiled here",  # run in the other passes
    r"nothing to compare with",
    r"70,000 images are too many without compilation",
    r"test_browser.py runs them with MNIST",
    # image sets are no part of the project, and tests need no network
    r"SNNLAB_DATA holds no MNIST files",
    r"the files of \w+ are not on this machine",
    # other systems
    r"digests are those of x86-64 processors",
    r"POSIX permissions",
    r"needs POSIX signals",
    r"no signals here",
    r"no executable bit on Windows",
    r"not a git checkout",
)
NO_BROWSER = r"no Chromium on this machine"  # allowed where SNNLAB_NO_BROWSER=1 says so


def pytest_addoption(parser):
    parser.addoption(
        "--all", action="store_true", help="run everything: whole notebooks, all browser tests"
    )


def pytest_configure(config):
    # once for all processes that share the tests, also at midnight
    day = str(datetime.date.today().weekday())
    part = "all" if config.getoption("--all") else os.environ.get("SNNLAB_PART", day)
    if part not in {"all", *map(str, range(PARTS))}:
        raise pytest.UsageError(f"SNNLAB_PART must be 0 to {PARTS - 1} or all, not {part!r}")
    os.environ["SNNLAB_PART"] = part
    config.pluginmanager.register(Skips(config), "skips")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    """Leave out what belongs to another part."""
    part = os.environ["SNNLAB_PART"]
    if part == "all":
        return
    units = [unit_of(item) for item in items]
    turns = {mark: sorted({name for m, name in filter(None, units) if m == mark}) for mark in MARKS}
    if os.environ.get("NUMBA_BOUNDSCHECK") == "1":  # would compile for minutes: none without --all
        turns = {}
    now = {(m, name) for m, names in turns.items() for name in names[int(part) :: PARTS]}
    kept = [unit is None or unit in now for unit in units]
    others = [item for item, stays in zip(items, kept, strict=True) if not stays]
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item, stays in zip(items, kept, strict=True) if stays]


def unit_of(item):
    """What a test is left out with: its mark, and its own name or that which the mark gives it."""
    for name in MARKS:
        if mark := item.get_closest_marker(name):
            return name, mark.args[0] if mark.args else item.nodeid
    return None


class Skips:
    """Says which part was run, and in CI makes the run fail where a skip is not allowed."""

    def __init__(self, config):
        self.refused = {}
        self.allowed = ALLOWED_SKIPS
        if os.environ.get("SNNLAB_NO_BROWSER") == "1":
            self.allowed += (NO_BROWSER,)
        self.strict = bool(os.environ.get("CI")) and not hasattr(config, "workerinput")

    def note(self, report):
        if report.skipped and not hasattr(report, "wasxfail"):
            reason = skip_reason(report)
            if not any(re.fullmatch(pattern, reason, re.DOTALL) for pattern in self.allowed):
                self.refused[report.nodeid] = reason

    def pytest_runtest_logreport(self, report):
        self.note(report)

    def pytest_collectreport(self, report):
        self.note(report)  # of a file that was skipped as a whole

    def pytest_sessionfinish(self, session):
        if self.strict and self.refused:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter, config):
        part = os.environ["SNNLAB_PART"]
        what = "all" if part == "all" else f"part {part} of 0 to {PARTS - 1} of"
        terminalreporter.write_line(
            f"{what} the tests in a browser and others that rotate (SNNLAB_PART), "
            f"notebooks {'whole' if config.getoption('--all') else 'with less training'} (--all)"
        )
        if self.strict and self.refused:
            terminalreporter.section("skips that CI does not allow", red=True)
            for nodeid, reason in sorted(self.refused.items()):
                terminalreporter.write_line(f"{nodeid}: {reason}")


def skip_reason(report):
    """What a report of a skip says, without pytest's own first word."""
    told = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return re.sub(r"^Skipped: ", "", told)


@pytest.fixture(autouse=True)
def progress(monkeypatch, tmp_path_factory):
    """What is checked in tests is not written to the file of whoever runs them."""
    monkeypatch.setenv("SNNLAB_PROGRESS", str(tmp_path_factory.getbasetemp() / "progress.json"))


@pytest.fixture
def mnist16():
    """MNIST at 16 x 16 pixels from ``$SNNLAB_DATA``; skips the test where it is not there."""
    from notebook_checks import mnist

    from snnlab import datasets

    if mnist() is None:
        pytest.skip("SNNLAB_DATA holds no MNIST files")
    return datasets.load("mnist16", progress=False)


@pytest.fixture
def make():
    """Makes a panel of the course by name, small, and lets it come to rest; closes it."""
    import small_panels

    made = []

    def make_(name):
        made.append(small_panels.MAKERS[name]())
        assert made[-1].wait(small_panels.PATIENCE)
        return made[-1]

    yield make_
    for panel in made:
        panel.close()
