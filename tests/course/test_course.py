"""The course as a whole: how it opens, its map, and what leads from notebook to notebook."""

import json
import re

import pytest
from helpers import ROOT, fresh_python

from snnlab import exercises

FOLDER = ROOT / "notebooks"


def code_of(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def test_the_first_cell_compiles_nothing(tmp_path):
    """The living network is seen before any kernel is compiled, and needs no data set."""
    first = code_of(FOLDER / "01_one_leaky_neuron.ipynb")[0]
    imports, shown = first.rsplit("\n\n", 1)
    code = f"{imports}\nassert len({shown}.still().png) > 10_000"
    nowhere = {"NUMBA_CACHE_DIR": str(tmp_path), "SNNLAB_DATA": None, "SNNLAB_CACHE": str(tmp_path)}
    fresh_python("-c", code, env=nowhere)
    assert not list(tmp_path.rglob("*.nb?"))  # numba's files of what it has compiled


def cells_of(path):
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


LESSONS = [path for path in sorted(FOLDER.glob("*.ipynb")) if not path.stem.startswith("00")]
START = FOLDER / "00_start_here.ipynb"


def links(text):
    return re.findall(r"\]\(([^)#]+)\)", text)


def test_each_notebook_leads_to_its_neighbours():
    for k, path in enumerate(LESSONS):
        last = cells_of(path)[-1]
        assert last["id"] == "footer" and last["cell_type"] == "markdown"
        found = links("".join(last["source"]))
        neighbours = [*LESSONS[max(0, k - 1) : k], START, FOLDER / "glossary.md"]
        assert found == [p.name for p in [*neighbours, *LESSONS[k + 1 : k + 2]]], path.name


def test_all_links_between_notebooks_lead_somewhere():
    for path in [START, *LESSONS]:
        for cell in cells_of(path):
            if cell["cell_type"] == "markdown":
                for target in links("".join(cell["source"])):
                    assert target.startswith("https://") or (FOLDER / target).is_file(), target


def test_the_map_shows_every_notebook_and_what_it_needs():
    (cell,) = (cell for cell in cells_of(START) if cell["id"] == "map")
    rows = [line.split(" | ") for line in "".join(cell["source"]).splitlines()[2:]]
    assert len(rows) == len(LESSONS)
    for row, path in zip(rows, LESSONS, strict=True):
        number = int(path.name[:2])
        picture, name = links(row[0] + row[1])[:2]
        assert picture == f"pictures/{number:02d}.png" and name == path.name
        earlier = [int(target[:2]) for target in links(row[3])]
        assert all(k < number for k in earlier) and (bool(earlier) == (number > 1))


def test_the_pictures_of_the_map_are_small():
    sizes = [path.stat().st_size for path in FOLDER.glob("pictures/*.png")]
    assert len(sizes) == len(LESSONS) and sum(sizes) < 300_000 and min(sizes) > 1000


def test_the_first_notebook_shows_how_far_one_is(tmp_path):
    (code,) = code_of(START)
    shown = code.replace("snnlab.progress()", "print(snnlab.progress())")
    path = tmp_path / "progress.json"
    done = fresh_python("-c", shown, env={"SNNLAB_PROGRESS": str(path)})
    assert "0 of 3" in done.stdout and str(path) in done.stdout and not path.exists()


# for teachers -------------------------------------------------------------------------------------


def test_the_answer_key_has_every_question(tmp_path):
    fresh_python(ROOT / "tools" / "answer_key.py", tmp_path / "key.md")
    text = (tmp_path / "key.md").read_text(encoding="utf-8")
    asked = [name for name in exercises.questions() if ".q" in name]
    by_lesson = [
        [name for name in asked if name[:3] == f"n{k + 1:02d}"] for k in range(len(LESSONS))
    ]
    assert [name for names in by_lesson for name in names] == asked
    for names in by_lesson:
        assert len(names) >= 3 and [int(name[5:]) for name in names] == [*range(1, len(names) + 1)]
    for name in asked:
        assert text.count(f"`{name}`") == 1, name
    numbers = [f"Exercise {name[5:]}" for name in asked]
    assert re.findall("^### (.+)$", text, re.MULTILINE) == numbers
    assert text.count("\n## ") == len(LESSONS) and "<details>" not in text and "Hint" not in text


@pytest.mark.parametrize(
    "tool", ["answer_key", "handouts", "living_page", "student_copy", "try_binder"]
)
def test_tools_that_write_somewhere_say_how_they_are_called(tool, tmp_path):
    done = fresh_python(ROOT / "tools" / f"{tool}.py", "--help", cwd=tmp_path)
    assert done.stdout.startswith(f"usage: {tool}.py [-h]") and not any(tmp_path.iterdir())


def test_there_is_an_hour_for_every_notebook():
    text = (ROOT / "docs" / "teaching.md").read_text(encoding="utf-8")
    hours = re.findall(r"^### (\d+)\. (.+)$", text, flags=re.MULTILINE)
    titles = [
        "".join(cells_of(path)[0]["source"]).split("\n")[0].removeprefix("# ") for path in LESSONS
    ]
    numbers = [str(int(path.name[:2])) for path in LESSONS]
    assert hours == list(zip(numbers, titles, strict=True))
    assert text.count("*What they get wrong*") == len(LESSONS)


def test_badges_follow_from_one_field():
    code = (
        "import results_table, pages, pathlib, tempfile\n"
        "folder = pathlib.Path(tempfile.mkdtemp())\n"
        "(folder / 'pyproject.toml').write_text('[tool.snnlab]\\nrepository = \"me/mine\"')\n"
        "print(results_table.badges())\n"
        "pages.ROOT = folder\n"
        "print(results_table.badges())"
    )
    now, then = fresh_python("-c", code, cwd=ROOT / "tools").stdout.split("placeholder", 1)
    assert now.count("OWNER/REPOSITORY") >= 2 and "me/mine" not in now
    assert then.count("/me/mine/") == 2 and "OWNER" not in then.partition("[![")[2]
