"""Write the map of the course into its first notebook, and what leads from notebook to notebook.

    python tools/course_map.py [--check]
    python tools/course_map.py --pictures FOLDER

The map is a table: picture, title, question, duration and what is needed of each notebook, as its
first cells say them (a notebook needs those to which the paragraph with its duration links). With
``--pictures``, the small pictures of the map are made anew, from notebooks that were run, in
FOLDER: ``jupyter nbconvert --execute --to notebook --output-dir FOLDER notebooks/*.ipynb``.
"""

import base64
import io
import itertools
import json
import re
import sys
from pathlib import Path

import pages
from PIL import Image

from snnlab._files import write_atomically

FOLDER = pages.ROOT / "notebooks"
START = FOLDER / "00_start_here.ipynb"
PICTURES = FOLDER / "pictures"
WIDTH, COLOURS = 200, 48  # of a small picture
SHOWN = {1: "living"}  # cells whose picture stands for a notebook; else that of its panel


def lessons():
    """Paths of the notebooks that teach, in order."""
    return [path for path in sorted(FOLDER.glob("[0-9][0-9]_*.ipynb")) if path != START]


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def head(notebook):
    """What stands before a notebook's first lines of set-up."""
    cells = itertools.takewhile(lambda cell: cell["id"] != "set-up", notebook["cells"])
    return "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")


def about(path):
    """Number, title, question, minutes and needs (numbers) of a notebook."""
    text = head(read(path))
    line = " ".join(text.split())
    (paragraph,) = (part for part in text.split("\n\n") if re.search(r"\d+ minutes", part))
    return {
        "number": int(path.name[:2]),
        "name": path.name,
        "title": re.match(r"# (.+)", text)[1],
        "question": re.search(r"\*\*([^*]+\?)\*\*", line)[1],
        "minutes": int(re.search(r"(\d+) minutes", paragraph)[1]),
        "needs": sorted({int(k) for k in re.findall(r"\((\d\d)_\w+\.ipynb\)", paragraph)}),
    }


def the_map():
    """The table of the first notebook."""
    rows, named = [], {about(path)["number"]: path.name for path in lessons()}
    for lesson in map(about, lessons()):
        number, title = lesson["number"], lesson["title"]
        needs = ", ".join(f"[{k}]({named[k]})" for k in lesson["needs"]) or "Python"
        rows.append(
            (
                f"![{title}](pictures/{number:02d}.png)",
                f"**{number}. [{title}]({lesson['name']})**<br>{lesson['question']}",
                f"{lesson['minutes']} min",
                needs,
            )
        )
    return pages.table(("", "notebook", "to read", "needs"), rows)


def footers():
    """The last cell of each notebook, by its path: links to the one before and the next."""
    out, found = {}, lessons()
    for before, path, after in zip([None, *found], found, [*found[1:], None], strict=False):
        links = []
        if before is not None:
            lesson = about(before)
            links.append(f"[← {lesson['number']}. {lesson['title']}]({lesson['name']})")
        links.append(f"[map of the course]({START.name})")
        links.append("[glossary](glossary.md)")
        if after is not None:
            lesson = about(after)
            links.append(f"[{lesson['number']}. {lesson['title']} →]({lesson['name']})")
        out[path] = " · ".join(links)
    return out


def with_footer(notebook, text):
    """The notebook with such a last cell."""
    cell = {"cell_type": "markdown", "id": "footer", "metadata": {}, "source": [text]}
    cells = [c for c in notebook["cells"] if c["id"] != "footer"]
    return notebook | {"cells": [*cells, cell]}


def texts():
    """Text of each notebook by its path, with map and links as they should be."""
    out = {}
    for path, footer in footers().items():
        out[path] = with_footer(read(path), footer)
    start = read(START)
    (cell,) = (cell for cell in start["cells"] if cell["id"] == "map")
    cell["source"] = the_map().splitlines(keepends=True)
    out[START] = start
    return {
        path: json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
        for path, notebook in out.items()
    }


def small(png):
    """A small picture of a large one, as PNG."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    image = image.resize((WIDTH, round(image.height * WIDTH / image.width)), Image.LANCZOS)
    file = io.BytesIO()
    image.quantize(COLOURS, Image.Quantize.MAXCOVERAGE).save(file, "png", optimize=True)
    return file.getvalue()


def make_pictures(folder):
    """Small pictures of all notebooks, from those of the same names in a folder that were run."""
    PICTURES.mkdir(exist_ok=True)
    for path in lessons():
        number = int(path.name[:2])
        notebook, wanted = read(folder / path.name), SHOWN.get(number, "panel")
        (cell,) = (cell for cell in notebook["cells"] if cell["id"] == wanted)
        (png,) = (
            o["data"]["image/png"] for o in cell["outputs"] if "image/png" in o.get("data", {})
        )
        made = small(base64.b64decode("".join(png)))
        write_atomically(PICTURES / f"{number:02d}.png", lambda file, made=made: file.write(made))
        print(f"{number:02d}.png: {len(made):,} bytes")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--pictures"]:
        make_pictures(Path(sys.argv[2]))
    else:
        pages.main(__doc__, texts)
