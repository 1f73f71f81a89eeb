"""Copy the notebooks without their solutions, for students.

    python tools/student_copy.py [folder]    by default the folder student/

Left out are cells tagged "solution" and the folded solutions within text; exercises and hints stay.
Glossary, further reading and the pictures of the map come along. Outputs are stripped. Existing
files of the same names are written over.
"""

import argparse
import json
import re
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from strip_outputs import strip  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "notebooks"
FOLDED = re.compile(r"<details>\s*<summary>Solution</summary>.*?</details>\s*", flags=re.DOTALL)


def without_solutions(notebook):
    """Return a clean copy of a notebook, a dict as read from its JSON, without solutions."""
    clean = strip(notebook)
    cells = []
    for cell in clean["cells"]:
        if "solution" in cell["metadata"].get("tags", []):
            continue
        if cell["cell_type"] == "markdown":
            text = FOLDED.sub("", "".join(cell["source"])).strip("\n")
            if not text:
                continue
            cell["source"] = text.splitlines(keepends=True)
        cells.append(cell)
    return clean | {"cells": cells}


def main(argv=None):
    parser = argparse.ArgumentParser(description="Copy the notebooks without their solutions.")
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "student")
    folder = parser.parse_args(argv).folder
    folder.mkdir(parents=True, exist_ok=True)
    for path in [*NOTEBOOKS.glob("*.md"), *NOTEBOOKS.glob("pictures/*.png")]:
        copy = folder / path.relative_to(NOTEBOOKS)
        copy.parent.mkdir(exist_ok=True)
        shutil.copyfile(path, copy)
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        copy = without_solutions(json.loads(path.read_text(encoding="utf-8")))
        text = json.dumps(copy, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
        (folder / path.name).write_text(text, encoding="utf-8", newline="\n")
        print(folder / path.name)


if __name__ == "__main__":
    main()
