"""Print a page of A4 per notebook, to be given out, into .cache/handouts.

    python tools/handouts.py [folder] [--html]

Question, picture, findings and exercises come from the notebooks, two equations from
docs/handouts.md. A Chromium prints them, the one that the tests drive (tools/get_browser.py);
with ``--html`` only the pages are written, and printing is yours.
"""

import argparse
import base64
import html
import os
import re
import sys
from pathlib import Path

import course_map
import markdown
import pages
import student_copy
from latex2mathml.converter import convert

from snnlab._files import write_atomically

sys.path.insert(0, str(pages.ROOT / "tests"))

DEFAULT = pages.ROOT / ".cache" / "handouts"
SOURCE = pages.DOCS / "handouts.md"
FINDINGS = 3
STYLE = """
@page { size: A4; margin: 13mm 15mm 11mm; }
* { box-sizing: border-box; }
body { font: 10pt/1.34 "DejaVu Sans", system-ui, sans-serif; color: #1c2330; margin: 0; }
header { display: flex; justify-content: space-between; color: #5a6575; font-size: 8.5pt; }
.name::after { content: ""; display: inline-block; width: 60mm; margin-left: 2mm;
  border-bottom: 0.3mm solid #5a6575; }
h1 { font-size: 17pt; line-height: 1.15; margin: 3mm 0 1.5mm; }
.top { display: flex; gap: 7mm; align-items: center; }
.top div { flex: 1; }
.top img { height: 30mm; max-width: 62mm; object-fit: contain; }
.question { font-size: 12pt; font-weight: bold; color: #00795a; margin: 0; }
h2 { font-size: 10.5pt; margin: 4mm 0 1mm; padding-bottom: 0.5mm;
  border-bottom: 0.3mm solid #b4bdc9; }
.equations { display: grid; grid-template-columns: 1fr 1fr; gap: 4mm; }
.equations div { background: #f3f6fa; border-radius: 2mm; padding: 2mm 3mm; }
.equations p { margin: 0 0 1mm; font-size: 9pt; }
.wide { grid-template-columns: 1fr; gap: 2mm; }
math { font-size: 11pt; }
ul { margin: 1mm 0; padding-left: 5mm; }
li { margin: 0.6mm 0; }
.exercise { margin: 1.5mm 0 0; break-inside: avoid; }
.exercise p { margin: 0 0 1mm; }
.exercise pre { margin: 0 0 1mm; padding: 1mm 2mm; background: #f3f6fa; font-size: 8pt;
  line-height: 1.25; }
.exercise table { border-collapse: collapse; font-size: 9pt; }
.room { border-bottom: 0.2mm dotted #5a6575; height: 13mm; }
code { font-size: 8.8pt; }
"""
FORMULA = re.compile(r"(\$\$?)(.+?)\1", re.DOTALL)
LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")
BEGINS = re.compile(r"^(\*\*\d\.|## )", re.MULTILINE)  # an exercise
WIDE = 62  # characters of LaTeX that fit into half of the page


def to_html(text):
    """Markdown with formulas as HTML with MathML."""
    kept = []

    def formula(match):
        kind = "block" if match[1] == "$$" else "inline"
        kept.append(convert(match[2].strip(), display=kind))
        return f"@@{len(kept) - 1}@@"

    text = FORMULA.sub(formula, LINK.sub(r"\1", text))
    made = markdown.markdown(text, extensions=["tables"])
    return re.sub(r"@@(\d+)@@", lambda match: kept[int(match[1])], made)


def equations():
    """Per number of a notebook a list of pairs: what is to be seen, and the formula in LaTeX."""
    out = {}
    for part in SOURCE.read_text(encoding="utf-8").split("\n## ")[1:]:
        title, _, text = part.partition("\n")
        found = re.findall(r"([^\n][^$]*?(?:\$[^$\n]+\$[^$]*?)*)\n\n\$\$(.+?)\$\$", text, re.DOTALL)
        out[int(title.split(".")[0])] = [(words.strip(), latex) for words, latex in found]
    return out


def findings(notebook):
    """The first lines of *What to take away*."""
    (text,) = (
        "".join(cell["source"])
        for cell in notebook["cells"]
        if "".join(cell["source"]).startswith("## What to take away")
        or "\n## What to take away" in "".join(cell["source"])
    )
    lines = text.split("## What to take away")[1].strip().split("\n- ")
    return [line.removeprefix("- ").strip() for line in lines][:FINDINGS]


def exercises(notebook):
    """Text of each exercise, with what is to be filled in where that is code."""
    out, cells = [], student_copy.without_solutions(notebook)["cells"]
    for k, cell in enumerate(cells):
        source = "".join(cell["source"])
        asks = re.search(r'snnlab\.check\("n\d\d\.q\d', source)
        if not asks or "exercise" not in cell["metadata"].get("tags", []):
            continue
        texts = ("".join(c["source"]) for c in reversed(cells[:k]) if c["cell_type"] == "markdown")
        text = next(text for text in texts if BEGINS.search(text))
        text = text[list(BEGINS.finditer(text))[-1].start() :]
        # some have a section of their own, whose number is another one
        text = re.sub(r"^## \d+\. Exercise( \d)?: (.+)\n", rf"**{len(out) + 1}.** \2.\n", text)
        code = re.split(r"\n+snnlab\.check", source)[0].strip()
        out.append((text, code if code.startswith("def ") else ""))
    return out


def page(path):
    """The handout of a notebook, as one page of HTML."""
    notebook, lesson = course_map.read(path), course_map.about(path)
    pairs = equations()[lesson["number"]]
    wide = " wide" if max(len(latex) for _, latex in pairs) > WIDE else ""
    picture = (course_map.PICTURES / f"{lesson['number']:02d}.png").read_bytes()
    boxes = "".join(
        f"<div>{to_html(words)}{convert(latex.strip(), display='block')}</div>"
        for words, latex in pairs
    )
    tasks = "".join(
        f'<div class="exercise">{to_html(text)}'
        + (f"<pre>{html.escape(code)}</pre>" if code else "")
        + '<div class="room"></div></div>'
        for text, code in exercises(notebook)
    )
    found = "".join(f"<li>{to_html(line)[3:-4]}</li>" for line in findings(notebook))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{lesson["title"]}</title>'
        f"<style>{STYLE}</style><header><span>snnlab, notebook {lesson['number']}, about "
        f'{lesson["minutes"]} minutes</span><span class="name">name</span></header>'
        f'<h1>{lesson["title"]}</h1><div class="top"><div><p class="question">'
        f'{html.escape(lesson["question"])}</p></div><img alt="" src="data:image/png;base64,'
        f'{base64.b64encode(picture).decode()}"></div>'
        f'<h2>Two equations</h2><div class="equations{wide}">{boxes}</div>'
        f"<h2>Found</h2><ul>{found}</ul>"
        "<h2>Exercises, on the notebook: its sections, panels and stored runs</h2>"
        f"{tasks}</html>"
    )


def print_all(browser, folder, paths):
    """Print handouts as PDF files with a Chromium of Playwright's; yields their paths."""
    for path in paths:
        sheet = browser.new_page()
        sheet.set_content(page(path))
        content = sheet.pdf(prefer_css_page_size=True, print_background=True)
        sheet.close()
        target = folder / f"{path.stem}.pdf"
        write_atomically(target, lambda file, content=content: file.write(content))
        yield target


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=DEFAULT)
    parser.add_argument("--html", action="store_true", help="write pages, print nothing")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    if args.html:
        for path in course_map.lessons():
            target = args.folder / f"{path.stem}.html"
            write_atomically(target, lambda file, path=path: file.write(page(path).encode("utf-8")))
            print(target)
        return
    from notebook_checks import chromium  # tests/ has it
    from playwright.sync_api import sync_playwright

    if chromium() is None:
        sys.exit("There is no Chromium: python tools/get_browser.py fetches one; or use --html")
    flags = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium(), args=flags)
        for target in print_all(browser, args.folder, course_map.lessons()):
            print(target)
        browser.close()


if __name__ == "__main__":
    main()
