"""What the scripts share that write documents: marked parts of pages, and a check of files.

A marked part of a page stands between ``<!-- name:begin -->`` and ``<!-- name:end -->``.
"""

import argparse
import re
import sys
from pathlib import Path

from snnlab._files import write_atomically

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
MARK = re.compile(r"<!-- ([\w-]+):begin -->")


def all_pages():
    """The README and every page of the documentation."""
    return [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]


def marked(text):
    """Names of the marked parts of a page."""
    return MARK.findall(text)


def fill(text, parts):
    """A page's text with new contents of those of its marked parts that are named in ``parts``."""
    for name in marked(text):
        if name in parts:
            begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
            part = re.compile(f"{begin}.*?{end}", re.DOTALL)
            new = f"{begin}\n\n{parts[name]}\n\n{end}"
            text = part.sub(lambda _, new=new: new, text)
    return text


def table(head, rows):
    """A Markdown table: its titles, and rows of as many texts; a sentence where there are none."""
    if not rows:
        return "*No records are stored yet.*"
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join(map(str, row))} |" for row in rows)])


def main(doc, texts):
    """Write files, or with ``--check`` only say which are not what they should be.

    ``texts()`` gives the text of each file by its path.
    """
    parser = argparse.ArgumentParser(description=doc.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="complain if the files are stale")
    args = parser.parse_args()
    new = texts()
    stale = [p for p, t in new.items() if not p.exists() or p.read_text(encoding="utf-8") != t]
    names = ", ".join(p.relative_to(ROOT).as_posix() for p in stale)
    if args.check:
        sys.exit(f"run make results: {names} would change" if stale else 0)
    for path in stale:
        write_atomically(path, lambda file, path=path: file.write(new[path].encode()))
    print(f"written: {names}" if stale else "up to date")
