"""Strip notebooks of outputs, execution counts and metadata that changes from run to run.

    python tools/strip_outputs.py [paths]          rewrite what is not clean
    python tools/strip_outputs.py --check [paths]  change nothing; fail if something is not clean

Paths are notebooks or folders; without any, the notebooks/ folder beside tools/ is taken. Only the
standard library is used, so this runs in any environment.
"""

import argparse
import json
import sys
from pathlib import Path

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def strip(notebook):
    """Return a clean copy of a notebook, a dict as read from its JSON.

    Kept are text and code, cell ids, attachments, tags, and the folding of a cell's source, with
    its outputs if these are folded too (which hides solutions).
    The kernel is always the plain "python3".
    """
    return {
        "cells": [_strip_cell(cell) for cell in notebook["cells"]],
        "metadata": {"kernelspec": dict(KERNEL), "language_info": {"name": "python"}},
        "nbformat": notebook["nbformat"],
        "nbformat_minor": notebook["nbformat_minor"],
    }


def _strip_cell(cell):
    kept = {key: cell[key] for key in ("cell_type", "id", "attachments") if key in cell}
    source = cell["source"]
    kept["source"] = source.splitlines(keepends=True) if isinstance(source, str) else source
    kept["metadata"] = {}
    if cell["metadata"].get("tags"):
        kept["metadata"]["tags"] = cell["metadata"]["tags"]
    folded = cell["metadata"].get("jupyter", {})
    if folded.get("source_hidden"):
        hidden = ("outputs_hidden", "source_hidden")
        kept["metadata"]["jupyter"] = {name: True for name in hidden if folded.get(name)}
    if cell["cell_type"] == "code":
        kept |= {"execution_count": None, "outputs": []}
    return kept


def find(paths):
    """Return the notebooks among ``paths`` (files, or folders searched through), in order."""
    found = []
    for path in map(Path, paths):
        found += sorted(path.rglob("*.ipynb")) if path.is_dir() else [path]
    return [path for path in found if ".ipynb_checkpoints" not in path.parts]


def dirty(paths):
    """Return those notebooks among ``paths`` that ``strip`` would change."""
    loaded = [(path, json.loads(path.read_text(encoding="utf-8"))) for path in find(paths)]
    return [path for path, notebook in loaded if strip(notebook) != notebook]


def main(argv=None):
    default = Path(__file__).resolve().parents[1] / "notebooks"
    parser = argparse.ArgumentParser(description="Strip notebooks of outputs and metadata.")
    parser.add_argument("paths", nargs="*", default=[default])
    parser.add_argument("--check", action="store_true", help="change nothing, report only")
    arguments = parser.parse_args(argv)
    found = dirty(arguments.paths)
    for path in found:
        if arguments.check:
            print(f"{path}: has outputs, counts or metadata; run python tools/strip_outputs.py")
        else:
            clean = strip(json.loads(path.read_text(encoding="utf-8")))
            text = json.dumps(clean, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
            path.write_text(text, encoding="utf-8", newline="\n")
            print(f"{path}: stripped")
    # As a commit hook, a rewritten file must stop the commit just as a dirty one fails the check.
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
