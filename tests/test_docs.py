"""The documentation: pages that are up to date, links that lead somewhere, a site that builds."""

import importlib
import os
import pkgutil
import re
import subprocess
import sys
import warnings
from html.parser import HTMLParser
from pathlib import Path

import notebook_checks
import package_map
import pages
import pytest

import snnlab

ROOT = Path(__file__).resolve().parents[1]
TEXTS = [
    *pages.all_pages(),
    *(ROOT / name for name in ("CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/README.md")),
    *(ROOT / name for name in ("data/README.md", "notebooks/glossary.md")),
    ROOT / "notebooks" / "further_reading.md",
]
README = (ROOT / "README.md").read_text(encoding="utf-8")
# pages whose code is run; that of teaching is about a class's files
RUN = [p for p in pages.all_pages() if "```python" in p.read_text(encoding="utf-8")]
RUN.remove(ROOT / "docs" / "teaching.md")


def name_of(path):
    return path.relative_to(ROOT).as_posix()


# pages ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("script", ["course_map", "results_table", "package_map"])
def test_pages_show_what_the_scripts_write(script):
    command = [sys.executable, ROOT / "tools" / f"{script}.py", "--check"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_each_table_has_a_place():
    import results_table

    written = {*results_table.tables(), "notebooks", "evening", "package-map"}
    found = [name for page in pages.all_pages() for name in pages.marked(page.read_text("utf-8"))]
    assert set(found) == written
    assert sorted(name for name in found if found.count(name) > 1) == [
        *["evening"] * 2,
        *["notebooks"] * 2,
    ]


def test_marked_parts_are_filled_and_the_rest_is_left():
    text = "a\n<!-- x:begin -->\nold\n<!-- x:end -->\nb\n<!-- y:begin -->\nkept\n<!-- y:end -->\n"
    new = pages.fill(text, {"x": r"new \1", "z": "nowhere"})
    assert new == text.replace("\nold\n", "\n\nnew \\1\n\n")
    assert pages.marked(text) == ["x", "y"]


def test_stale_pages_are_noticed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    page = tmp_path / "page.md"
    page.write_text("old", encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["script", "--check"])
    with pytest.raises(SystemExit, match="page.md would change"):
        pages.main("A script.", lambda: {page: "new"})
    assert page.read_text(encoding="utf-8") == "old"
    monkeypatch.setattr(sys, "argv", ["script"])
    pages.main("A script.", lambda: {page: "new"})
    assert page.read_text(encoding="utf-8") == "new"


@pytest.mark.parametrize("path", TEXTS, ids=name_of)
def test_links_lead_to_files(path):
    text = re.sub(r"```.*?```|`[^`\n]*`", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^()\s]+)\)", text):
        if not re.match(r"https://|#", target):
            assert (path.parent / target.partition("#")[0]).exists(), target


@pytest.mark.parametrize("path", RUN, ids=name_of)
def test_code_on_pages_runs(path, tmp_path, monkeypatch):
    names, text = {}, path.read_text(encoding="utf-8")
    data = tmp_path / "data"  # holds no files: stand-ins, which are small
    if 'load("mnist")' in text:
        if notebook_checks.mnist() is None:
            pytest.skip("SNNLAB_DATA holds no MNIST files")
        data = Path(os.environ["SNNLAB_DATA"])
    for name, value in notebook_checks.environment(data, tmp_path / "cache").items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    for block in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the pages tell of what they warn of
            exec(compile(block, name_of(path), "exec"), names)  # one after the other, as one reads
    notebook_checks.check_nothing_was_fetched(tmp_path / "cache")
    assert "snnlab" in names


def test_pictures_are_described_and_small():
    shown = 0
    for path in TEXTS:
        for alt, name in re.findall(r"!\[(.*?)\]\(([\w/.-]+)\)", path.read_text(encoding="utf-8")):
            assert len(alt) > 20 and (path.parent / name).stat().st_size < 150_000, name
            shown += 1
    assert shown > 10


def test_the_readme_is_short():
    assert len(README.splitlines()) <= 150
    assert len(re.findall(r"```python\n", README)) == 2
    summary = README.split("<!-- summary:begin -->")[1].split("<!-- summary:end -->")[0]
    assert len(re.findall(r"^\|", summary, flags=re.MULTILINE)) == 2 + 6
    assert len(re.findall(r"!\[A (?:panel|leaky neuron)", README)) == 2


# the package map --------------------------------------------------------------------------------


def test_floors_follow_from_imports():
    assert package_map.floors({"a": set(), "b": {"a"}, "c": {"b", "a"}, "d": set()}) == {
        "a": 0,
        "b": 1,
        "c": 2,
        "d": 0,
    }
    with pytest.raises(ValueError, match="circle of imports: a, b, c"):
        package_map.floors({"a": {"b"}, "b": {"a"}, "c": {"a"}, "d": set()})


def test_the_map_has_every_file():
    text = (ROOT / "docs" / "package-map.md").read_text(encoding="utf-8")
    files = [package_map.file_of(name) for name in package_map.MODULES if name]
    assert len(files) > 80
    assert [file for file in files if text.count(f"| `{file}` |") != 1] == []


def test_the_package_is_read_in_an_evening():
    paths = [package_map.MODULES[name] for name in package_map.EVENING]
    texts = [path.read_text(encoding="utf-8") for path in paths]
    for_checkers = re.compile(r"^if TYPE_CHECKING:\n(?:(?: .*)?\n)+", re.M)  # not to be read
    assert sum(len(for_checkers.sub("", text).splitlines()) for text in texts) <= 3400


# the site ---------------------------------------------------------------------------------------


SITE = pytest.mark.xdist_group("site")  # built once


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built with warnings as errors and no way to a network."""
    folder = tmp_path_factory.mktemp("site")
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), "http://127.0.0.1:9")
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder],
        cwd=ROOT,
        env=os.environ | nowhere | {"PYTHONPATH": path, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


class Loaded(HTMLParser):
    """Addresses of what a page loads by itself, and the names that links can lead to."""

    def __init__(self, path):
        super().__init__()
        self.addresses, self.names = [], set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.names.add(attributes.get("id"))
        self.addresses += [attributes[k] for k in ("src", "srcset", "poster") if k in attributes]
        if tag == "link":
            self.addresses.append(attributes["href"])


@SITE
def test_the_site_loads_nothing_from_elsewhere(site):
    found = sorted(site.rglob("*.html"))
    assert len(found) > 40
    for path in found:
        assert [a for a in Loaded(path).addresses if re.match(r"(\w+:)?//", a)] == [], path.name
        # the theme would fetch a library for these
        assert 'class="mermaid"' not in path.read_text(encoding="utf-8")
    for path in site.rglob("*.css"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"""(url\(\s*["']?|@import\s*["'])(\w+:)?//""", text), path.name


@SITE
def test_formulas_need_no_script(site):
    text = (site / "further-reading.html").read_text(encoding="utf-8")
    assert text.count("<math") > 10 and "arithmatex" not in text


def public_names():
    """What modules list; those that ``snnlab`` names and that have no list, what they define."""
    named = {*snnlab._MODULES.values(), *snnlab._NAMES.values()}
    for found in pkgutil.walk_packages(snnlab.__path__, "snnlab."):
        if "._" in found.name:
            continue
        module = importlib.import_module(found.name)
        names = getattr(module, "__all__", ())
        if not names and found.name.removeprefix("snnlab.") in named:
            own = {n: x for n, x in vars(module).items() if not n.startswith("_") and callable(x)}
            names = [n for n, x in own.items() if getattr(x, "__module__", "") == found.name]
        yield from (f"{found.name}.{name}" for name in names)


@SITE
def test_the_reference_has_every_public_name(site):
    known = set().union(*(Loaded(path).names for path in (site / "reference").glob("*.html")))
    public = {f"snnlab.{module}.{name}" for name, module in snnlab._NAMES.items()}
    public.update(public_names())
    assert len(public) > 400 and {"snnlab.datasets.n_mnist", "snnlab._warm_up.warm_up"} < public
    # a function whose module has its name stands there under the module's
    missing = [n for n in public if not known & {n, f"{n}.{n.rpartition('.')[2]}"}]
    assert sorted(missing) == []
    text = (site / "reference" / "index.html").read_text(encoding="utf-8")
    assert [n for n in snnlab.__all__ if f">snnlab.{n}</code>" not in text] == ["__version__"]


@SITE
def test_the_reference_shows_no_helpers(site):
    known = Loaded(site / "reference" / "sweep.html").names
    assert {n for n in known if re.fullmatch(r"snnlab\.reports\.sweep\.\w+", n or "")} == {
        f"snnlab.reports.sweep.{name}" for name in ("repeat", "sweep", "transfer_matrix")
    }


@SITE
def test_the_front_page_has_a_living_network(site):
    assert "living.html" in Loaded(site / "index.html").addresses
    text = (site / "living.html").read_text(encoding="utf-8")
    assert 'id="living-data"' in text and len(text) > 100_000
